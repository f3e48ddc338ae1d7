"""Check a node from within: what is wrong, and what helps. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from foedus.casework.order_course import OrderState
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
from foedus.node.lawbook import LawView
from foedus.node.link_words import link_text
from foedus.node.ports import Transaction
from foedus.node.recovering import recovery_faults
from foedus.node.unwitnessed import OwnWitnessing, witnessing_of
from foedus.signing import KeyPurpose, NoteVerifier
from foedus.treaty.durations import length_text
from foedus.treaty.standing import Stage

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


_ORDERS_LOOKED_AT: Final = 50
_NO_WITNESS_KEY: Final = DoctorFinding(
    level=NOTE,
    subject="witness key",
    text="none: this node was made before there were witnesses and cosigns nobody's log; `foedus "
    "keys renew` makes one and names it",
)


def examine(node: Node, ledger: TileSource) -> list[DoctorFinding]:
    """Return findings about keys, log, law, witnesses, peers, duties and alarms."""
    with node.database.read() as tx:
        return [
            *_recovery(tx),
            *_keys(tx, node),
            _log(tx, node, ledger),
            *_law(tx, node),
            *_witnessing(tx, node),
            *_peers(tx, node),
            *_duties(tx, node),
            *_orders(tx),
            *_alarms(tx),
        ]


def _recovery(tx: Transaction) -> list[DoctorFinding]:
    return [
        DoctorFinding(level=FAULT, subject=subject, text=text)
        for subject, text in recovery_faults(tx)
    ]


def _keys(tx: Transaction, node: Node) -> list[DoctorFinding]:
    view = node.law.view(tx)
    now = node.clock.now()
    identity = node.identity
    found = []
    for purpose, own in (
        (KeyPurpose.NODE, identity.node),
        (KeyPurpose.LOG, identity.log),
        (KeyPurpose.WITNESS, identity.witness),
    ):
        if own is None:
            found.append(_NO_WITNESS_KEY)
            continue
        valid = own.public in view.keys(identity.member, purpose, now)
        found.append(
            DoctorFinding(
                level=GOOD if valid else FAULT,
                subject=f"{purpose.value} key",
                text="named by our full powers"
                if valid
                else "not named by our full powers: others will refuse what it signs (`foedus keys "
                "renew` names it; one that was revoked is made anew with --new)",
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


def _witnessing(tx: Transaction, node: Node) -> Iterator[DoctorFinding]:
    """Say under each treaty we are bound by how far our log is witnessed, and who lags."""
    view, now = node.law.view(tx), node.clock.now()
    for treaty, compiled in sorted(view.treaties.items()):
        current = view.status(treaty, now)
        own = current.members.get(node.identity.member)
        found = witnessing_of(tx, node, compiled.treaty, current)
        if found is not None and own is not None and own.stage is Stage.PARTY:
            yield DoctorFinding(
                level=FAULT if found.late(now) else GOOD if found.since is None else NOTE,
                subject=f"witnesses {treaty[:12]}",
                text="; ".join((*_witnessed(found, now), *_behind(found, view, now))),
            )


def _witnessed(found: OwnWitnessing, now: datetime) -> Iterator[str]:
    quorum = f"{found.needed} of {len(found.sizes)} are enough"
    if found.needed > len(found.sizes):
        quorum = f"{len(found.sizes)} are too few, {found.needed} would be enough"
    yield quorum
    yield f"{found.covered} of {found.entries} entries are witnessed"
    if found.since is not None:
        age = now - found.since
        waits = length_text(age) if age >= timedelta(minutes=1) else "less than a minute"
        yield (
            f"the oldest of the others has waited for {waits} (since "
            f"{found.since:%Y-%m-%d %H:%M}), the treaty's limit is {length_text(found.limit)}"
        )
    if found.late(now):
        yield (
            "new releases have stopped; recalls and receipts go on; run `foedus serve` so that the "
            "witnesses are asked, and see that those behind can be reached"
        )


def _behind(found: OwnWitnessing, view: LawView, now: datetime) -> Iterator[str]:
    """Say which witnesses lag; one that names no witness key will never catch up."""
    behind = ", ".join(
        f"{member} (has {found.sizes[member]}"
        + ("" if view.keys(member, KeyPurpose.WITNESS, now) else ", names no witness key")
        + ")"
        for member in found.behind
    )
    if behind:
        yield f"behind: {behind}"


def _peers(tx: Transaction, node: Node) -> list[DoctorFinding]:
    now = node.clock.now()
    found = []
    links = {row.member: row for row in tx.links.all()}
    for peer in tx.peers.all():
        if peer.member == node.identity.member:
            continue
        if peer.member in links:
            text, level = link_text(links[peer.member]), NOTE
        elif peer.heard is None:
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


def _orders(tx: Transaction) -> list[DoctorFinding]:
    """Say how far orders of ours have come, and what waits of those received."""
    tally = tx.orders.tally()
    rows = sum(tally.states.values())
    found = []
    if rows:
        still = rows - tally.states[OrderState.ATTESTED]
        found.append(
            DoctorFinding(
                level=FAULT if tally.overdue or tally.breaches else NOTE if still else GOOD,
                subject="orders given",
                text=f"{rows - still} of {rows} attested; {tally.overdue} overdue, "
                f"{tally.breaches} open breaches (`foedus orders matrix`, `orders breaches`)",
            )
        )
    waiting = tx.orders.all_received(open_only=True, before=None, limit=_ORDERS_LOOKED_AT)
    undone = [each for each in waiting if each.executed is None]
    if undone:
        by_hand = sum(not each.taken.automatic for each in undone)
        found.append(
            DoctorFinding(
                level=NOTE,
                subject="orders received",
                text=f"{len(undone)} not carried out yet, {by_hand} of them by hand, the first due "
                f"{min(each.taken.order.due for each in undone):%Y-%m-%d %H:%M} "
                "(`foedus orders received --open`)",
            )
        )
    return found


def _alarms(tx: Transaction) -> list[DoctorFinding]:
    return [
        DoctorFinding(
            level=FAULT,
            subject=f"{alarm.code} {alarm.subject}",
            text=f"{alarm.text} (since {alarm.since:%Y-%m-%d %H:%M})",
        )
        for alarm in tx.alarms.open()
    ]
