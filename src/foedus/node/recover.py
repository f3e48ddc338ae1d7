"""Bring a node back that was restored from an older backup: the same log goes on, without a fork.

1. *Heads.* The newest head of our own log is looked for: in the guard, beside our own tiles, and at
   every peer, which shows the head that its copy covers and the newest it verified. Each is
   believed for our own signature only. Where the guard was lost, or went back with the store, a
   member that does not answer may alone know the newest head: the node waits for it, unless its
   administrator answers for going on without it.
2. *Entries.* What the store lacks is fetched from our own tiles or from a peer's copy, proved up to
   that head together with the entries that the store has, and appended as hashes: no index is ever
   given again. Salts and records of these entries are lost unless step 4 brings them back.
3. *Guard.* It is moved to that head if it is behind or was lost.
4. *Lanes.* Each peer is asked for what we gave it (:mod:`foedus.node.recover_lanes`). Until that is
   done nothing goes to it or is taken from it; the other members need not wait for it.
   Exports that the store does not know of are deleted: no order could reach what is in them.
5. *Going on.* Once at least one peer gave back what it holds, and with it the instruments we issued
   ourselves, the node signs again; it publishes, and pulls what others gave it meanwhile. Serials
   of instruments that may be held by somebody and were not given back are never given again.

Every step may be repeated. When no copy leads to the newest head known the node stays as it is:
signing anything else would be a fork. Then it waits for a member that is away, or the log is closed
(:mod:`foedus.node.close_log`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from foedus.errors import FoedusError
from foedus.ledger.checkpoint import Checkpoint
from foedus.ledger.errors import LedgerError
from foedus.model.identifiers import MemberId
from foedus.node.close_log import SPARE_SERIALS, name_new_log, skip_lost_serials
from foedus.node.context import Node
from foedus.node.dispatch import LANE_INSTRUMENTS, send_documents
from foedus.node.errors import NotFoundError, NotReadyError
from foedus.node.exports import delete_unknown_exports
from foedus.node.gossip_format import parse_heads
from foedus.node.peer_ports import PeerEndpoint
from foedus.node.ports import Alarm, Transaction
from foedus.node.pull import pull
from foedus.node.recover_entries import mend_guard, take_back_entries
from foedus.node.recover_heads import (
    OwnLog,
    RecoveryClient,
    ShownHead,
    heads_shown,
    heads_to_close,
    newest_of,
    peers_of,
    why_behind,
)
from foedus.node.recover_lanes import LaneRebuilt, rebuild_lanes
from foedus.node.recover_variants import link_variants
from foedus.node.recover_witness import remember_cosigned
from foedus.node.recovering import refuse_closed_log
from foedus.release.gate import Gate

__all__ = [
    "OwnLog",
    "RecoveryClient",
    "RecoveryReport",
    "heads_to_close",
    "recover",
    "why_behind",
]

ALARM: Final = "recovery"


@dataclass(slots=True, kw_only=True)
class RecoveryReport:
    """What a recovery found and did.

    Attributes:
        needed: Whether there was anything to recover.
        head: The newest head found, and ``shown_by`` whom; None when there was none.
        entries_before: Log entries in the store at the start.
        entries_back: Entries that came back as hashes.
        lanes: What was rebuilt of each lane.
        waiting: Members whose lanes are not rebuilt yet, with the reason.
        without: Members that might know a newer head of our log and were not heard, on the word of
            whoever runs the node.
        unaccounted: Entries put back whose records nobody gave back: own acts, and disclosures
            that their recipients never took.
        finished: Whether the node signs and releases again.
        why_not: Why it does not.
    """

    needed: bool = True
    head: Checkpoint | None = None
    shown_by: str = ""
    entries_before: int = 0
    entries_back: int = 0
    lanes: list[LaneRebuilt] = field(default_factory=list)
    waiting: dict[MemberId, str] = field(default_factory=dict)
    without: tuple[MemberId, ...] = ()
    unaccounted: int = 0
    finished: bool = False
    why_not: str = ""

    @property
    def lost(self) -> int:
        """Items that others hold and whose bytes are not here."""
        return sum(lane.lost for lane in self.lanes)


def recover(
    node: Node,
    gate: Gate,
    client: RecoveryClient,
    own: OwnLog,
    *,
    without: Collection[MemberId] = (),
) -> RecoveryReport:
    """Recover a node as far as can be; see the steps of this module.

    Args:
        node: The node.
        gate: For what pulls send back.
        client: Speaks to peers.
        own: Our own log outside the store.
        without: Members that need not be heard where no guard tells of the newest head. If one of
            them saw a newer head than all others, the log is forked.

    Raises:
        LedgerError: The guard cannot be read or moved.
        NotFoundError: A member to go on without is not introduced here.
        RecoveringError: Our log was closed since the node was opened.
    """
    report = RecoveryReport()
    peers = peers_of(node)
    _refuse_strangers(peers, without)
    with node.database.read() as tx:
        refuse_closed_log(tx, node.identity.log_origin)
        state, pending = tx.recovery.state(), tx.recovery.pending()
        report.entries_before = tx.ledger.count()
    behind = "" if state is not None else why_behind(node, client, own)
    if behind:
        with node.database.write() as tx:
            tx.recovery.begin(behind, at=node.clock.now())
    elif state is None and not pending:
        try:
            report.needed = mend_guard(node, own, _heads(node, client, own, without, report))
        except (LedgerError, NotReadyError) as error:
            report.why_not = str(error)
            return report
        report.finished = True
        with node.database.write() as tx:
            tx.alarms.clear(ALARM, "")
        return report
    if behind or state is not None:
        delete_unknown_exports(node)
        try:
            heads = _heads(node, client, own, without, report)
            newest, report.entries_back = take_back_entries(node, client, own, peers, heads)
        except (LedgerError, NotReadyError) as error:
            report.why_not = str(error)
            return report
        if newest is not None:
            report.head, report.shown_by = newest.head, newest.by
    _take_back_lanes(node, client, peers, report)
    _go_on(node, gate, client, peers, report)
    return report


def _refuse_strangers(peers: Sequence[PeerEndpoint], named: Collection[MemberId]) -> None:
    strangers = sorted({*named} - {peer.member for peer in peers})
    if strangers:
        raise NotFoundError(f"no member {', '.join(strangers)} is introduced here")


def _heads(
    node: Node,
    client: RecoveryClient,
    own: OwnLog,
    without: Collection[MemberId],
    report: RecoveryReport,
) -> list[ShownHead]:
    """Return every head of our log that is shown, once those were heard that must be (step 1).

    Raises:
        NotReadyError: Somebody must be heard first.
        LedgerError: The guard cannot be read.
    """
    heads, silent = heads_shown(node, client, own, peers_of(node))
    report.without = _unheard(node, own, heads, silent, without)
    if report.without:
        with node.database.write() as tx:  # what they alone hold is in no entry counted here
            skip_lost_serials(tx, node, spare=SPARE_SERIALS)
    return heads


def _unheard(
    node: Node,
    own: OwnLog,
    heads: Sequence[ShownHead],
    silent: Collection[MemberId],
    without: Collection[MemberId],
) -> tuple[MemberId, ...]:
    """Return who may know a newer head and is not heard, where that was answered for (step 1).

    The guard moves before a head is signed: one that is behind a signed head went back with its
    store, and tells nothing.

    Raises:
        NotReadyError: Somebody must be heard first.
    """
    newest, guarded = newest_of(heads), own.guard.load()
    if guarded is not None and guarded.origin == node.identity.log_origin:
        if newest is None or guarded.size >= newest.head.size:
            return ()
    elif newest is None and _just_begun(node):
        return ()
    missed = sorted({*silent} - {*without})
    if not missed:
        return tuple(sorted(silent))
    names = ", ".join(missed)
    raise NotReadyError(
        f"the guard of our log is lost or was put back, so the newest head may be known to {names} "
        "alone, and no answer came from there: repeat this when one does. If none ever can, say "
        f"`foedus recover --without {' --without '.join(missed)}`; a member that does have a newer "
        "head holds proof of a fork of our log from then on"
    )


def _just_begun(node: Node) -> bool:
    """Whether our log follows a closed one and has no entry yet: then it has no head either."""
    with node.database.read() as tx:
        return bool(tx.recovery.closed()) and tx.ledger.count() == 0


def _take_back_lanes(
    node: Node, client: RecoveryClient, peers: Sequence[PeerEndpoint], report: RecoveryReport
) -> None:
    with node.database.read() as tx:
        pending = tx.recovery.pending()
    shown: dict[PeerEndpoint, Sequence[bytes]] = {}
    for peer in peers:
        if peer.member in pending:
            try:
                shown[peer] = parse_heads(client.heads(peer)).heads
            except FoedusError as error:
                report.waiting[peer.member] = str(error)
    remember_cosigned(node, client, shown)
    for peer in shown:
        try:
            report.lanes.extend(rebuild_lanes(node, client, peer))
        except FoedusError as error:
            report.waiting[peer.member] = str(error)
    _link_variants(node)


def _link_variants(node: Node) -> None:
    """Find of which items the redacted forms that came back are forms."""
    with node.database.write() as tx:
        if tx.recovery.unlinked_variants():
            link_variants(tx, node)


def _go_on(
    node: Node,
    gate: Gate,
    client: RecoveryClient,
    peers: Sequence[PeerEndpoint],
    report: RecoveryReport,
) -> None:
    now = node.clock.now()
    with node.database.write() as tx:
        report.unaccounted = tx.recovery.rebuilt_without_batch()
        if peers and len(report.waiting) == len(peers):
            report.why_not = (
                "no member gave back what it holds of us, among it the instruments we issued: "
                "repeat this when one can be reached"
            )
        else:
            if tx.recovery.state() is not None:
                skip_lost_serials(tx, node, spare=0)
            tx.recovery.end()
            report.finished = True
            name_new_log(tx, node, gate)
            for peer in peers:
                if peer.member not in report.waiting:
                    _offer_own_word(tx, node, gate, peer.member)
        text = _told(report)
        if text:
            tx.alarms.set(Alarm(code=ALARM, subject="", text=text, since=now))
        else:
            tx.alarms.clear(ALARM, "")
    if not report.finished:
        return
    node.publish()
    for peer in peers:
        if peer.member not in report.waiting:
            with suppress(FoedusError):  # an ordinary pull: the next one goes on with it
                pull(node, gate, client, peer.member)


def _offer_own_word(tx: Transaction, node: Node, gate: Gate, member: MemberId) -> None:
    """Give a member the instruments of ours that were issued while its lanes were closed."""
    view = node.law.view(tx)
    own = [each.id for each in view.instruments.of(node.identity.member)]
    given = tx.feeds.given(member, own)
    send_documents(
        tx,
        node.identity,
        gate,
        [view.documents[name] for name in own if name not in given and name in view.documents],
        recipients=[member],
        lane=LANE_INSTRUMENTS,
        treaty=None,
        at=node.clock.now(),
    )


def _told(report: RecoveryReport) -> str:
    """Say what is not as it was, for people; "" when all is."""
    parts = []
    if report.waiting:
        names = ", ".join(sorted(report.waiting))
        parts.append(f"the lanes to {names} are not rebuilt: `foedus recover` when it answers")
    if report.lost:
        parts.append(f"{report.lost} items are held by others and their bytes are not here")
    return "; ".join(parts)
