"""Check a node from within: what is wrong, and what helps. Changes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from foedus.ledger import (
    CHECKPOINT_PATH,
    Checkpoint,
    LedgerError,
    TileSource,
    inclusion_from_tiles,
    leaf_hash,
    open_checkpoint,
    verify_inclusion,
)
from foedus.node.context import Node
from foedus.node.duties import in_words
from foedus.node.ports import Transaction
from foedus.signing import KeyPurpose, NoteVerifier

__all__ = ["FAULT", "GOOD", "NOTE", "DoctorFinding", "examine"]

GOOD = "good"
NOTE = "note"
FAULT = "fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorFinding:
    """One finding.

    Attributes:
        level: ``good``, ``note`` (worth knowing) or ``fault`` (something must be done).
        subject: What was looked at.
        text: What was found, and what helps.
    """

    level: str
    subject: str
    text: str


def examine(node: Node, ledger: TileSource) -> list[DoctorFinding]:
    """Return findings about keys, log, law, peers, lanes and sources."""
    with node.database.read() as tx:
        return [
            *_keys(tx, node),
            _log(tx, node, ledger),
            *_law(tx, node),
            *_peers(tx, node),
            *_duties(tx, node),
            *_alarms(tx),
        ]


def _keys(tx: Transaction, node: Node) -> list[DoctorFinding]:
    view = node.law.view(tx)
    now = node.clock.now()
    identity = node.identity
    found = []
    for purpose, key in (
        (KeyPurpose.NODE, identity.node.public),
        (KeyPurpose.LOG, identity.log.public),
    ):
        valid = key in view.keys(identity.member, purpose, now)
        found.append(
            DoctorFinding(
                level=GOOD if valid else FAULT,
                subject=f"{purpose.value} key",
                text="named by our full powers"
                if valid
                else "not named by our full powers: others will refuse what it signs",
            )
        )
    if identity.authority is None:
        found.append(
            DoctorFinding(
                level=NOTE,
                subject="authority key",
                text="kept offline: instruments are signed elsewhere",
            )
        )
    return found


def _log(tx: Transaction, node: Node, ledger: TileSource) -> DoctorFinding:
    entries = tx.ledger.count()
    verifier = NoteVerifier(name=node.identity.log_origin, key=node.identity.log.public)
    try:
        head = open_checkpoint(ledger.read(CHECKPOINT_PATH), verifier)
    except LedgerError as error:
        level = NOTE if entries == 0 else FAULT
        return DoctorFinding(level=level, subject="log", text=f"no readable head: {error}")
    if head.size > entries:
        return DoctorFinding(
            level=FAULT,
            subject="log",
            text=f"the head signed covers {head.size} entries, the store holds {entries}: an older "
            "store was put in place; stop and recover before anything is released",
        )
    fault = _last_entry_fault(tx, ledger, head)
    if fault:
        return DoctorFinding(level=FAULT, subject="log", text=fault)
    text = f"{entries} entries, head covers {head.size}"
    return DoctorFinding(level=GOOD if head.size == entries else NOTE, subject="log", text=text)


def _last_entry_fault(tx: Transaction, ledger: TileSource, head: Checkpoint) -> str:
    """Say what is wrong when the head's last entry is not the store's; "" when it is.

    An older store that was written to since can hold as many entries as the head covers.
    """
    if head.size == 0:
        return ""
    last = head.size - 1
    try:
        [entry] = tx.ledger.entries(last, head.size)
        proof = inclusion_from_tiles(ledger, last, head.size)
        verify_inclusion(leaf_hash(entry), proof, size=head.size, root=head.root)
    except LedgerError as error:
        return (
            f"entry {last} of the store is not the one under the head signed ({error}): an older "
            "store was put in place, or tiles are damaged; stop and recover"
        )
    return ""


def _law(tx: Transaction, node: Node) -> list[DoctorFinding]:
    view = node.law.view(tx)
    now = node.clock.now()
    found = [
        DoctorFinding(level=FAULT, subject=f"instrument {name}", text=f"does not count: {reason}")
        for name, reason in view.refused
    ]
    found.extend(
        DoctorFinding(
            level=FAULT,
            subject=f"instruments of {conflict.member}",
            text=f"two under the number {conflict.serial}: neither counts",
        )
        for conflict in view.instruments.conflicts
    )
    found.extend(
        DoctorFinding(
            level=FAULT,
            subject=f"law.held {held.member}",
            text=f"instrument no. {held.serial} is dated {held.until:%Y-%m-%d %H:%M}, further "
            "ahead than the treaty tolerates: held until then; have that member check its clock",
        )
        for held in view.held(now)
    )
    for treaty, compiled in sorted(view.treaties.items()):
        status = view.status(treaty, now)
        since = status.in_force_since
        state = "not in force" if since is None else f"in force since {since.date()}"
        found.append(
            DoctorFinding(
                level=NOTE if since is None else GOOD,
                subject=f"treaty {treaty[:12]}",
                text=f"{compiled.treaty.short_title}: {state}",
            )
        )
    if not view.treaties:
        found.append(
            DoctorFinding(level=NOTE, subject="treaty", text="none known: nothing can be released")
        )
    return found


def _peers(tx: Transaction, node: Node) -> list[DoctorFinding]:
    now = node.clock.now()
    found = []
    for peer in tx.peers.all():
        if peer.member == node.identity.member:
            continue
        if peer.heard is None:
            text, level = "never heard: `foedus pull` it", NOTE
        else:
            seconds = int((now - peer.heard).total_seconds())
            text, level = f"heard {seconds} s ago", GOOD
        found.append(DoctorFinding(level=level, subject=f"peer {peer.member}", text=text))
    if not found:
        found.append(
            DoctorFinding(
                level=NOTE, subject="peers", text="nobody is introduced (`foedus peers add`)"
            )
        )
    return found


def _duties(tx: Transaction, node: Node) -> list[DoctorFinding]:
    return [
        DoctorFinding(
            level=FAULT,
            subject=f"duties {kind.value} {member}",
            text=f"{in_words(kind, side, member)}: {count} overdue, the first since "
            f"{due:%Y-%m-%d %H:%M} (`foedus duties --overdue`)",
        )
        for kind, side, member, count, due in tx.duties.overdue(node.clock.now())
    ]


def _alarms(tx: Transaction) -> list[DoctorFinding]:
    return [
        DoctorFinding(
            level=FAULT,
            subject=f"{alarm.code} {alarm.subject}",
            text=f"{alarm.text} (since {alarm.since:%Y-%m-%d %H:%M})",
        )
        for alarm in tx.alarms.open()
    ]
