"""Bring a node back that was restored from an older backup: the same log goes on, without a fork.

1. *Heads.* The newest head of our own log is looked for: in the guard, beside our own tiles, and at
   every peer, which shows the head that its copy covers and the newest it verified. Each is
   believed for our own signature only.
2. *Entries.* What the store lacks is fetched from our own tiles or from a peer's copy, proved up to
   that head together with the entries that the store has, and appended as hashes: no index is ever
   given again. Salts and records of these entries are lost unless step 4 brings them back.
3. *Guard.* It is moved to that head if it is behind or was lost.
4. *Lanes.* Each peer is asked for what we gave it (:mod:`foedus.node.recover_lanes`). Until that is
   done nothing goes to it or is taken from it; the other members need not wait for it.
5. *Going on.* Once at least one peer gave back what it holds, and with it the instruments we issued
   ourselves, the node signs again; it publishes, and pulls what others gave it meanwhile.

Every step may be repeated. When no copy leads to the newest head known the node stays as it is:
signing anything else would be a fork. Then it waits for a member that is away, or the log is closed
(:mod:`foedus.node.close_log`).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from foedus.errors import FoedusError
from foedus.ledger.checkpoint import Checkpoint, open_checkpoint
from foedus.ledger.errors import LedgerError
from foedus.model.identifiers import MemberId
from foedus.node.close_log import name_new_log
from foedus.node.context import Node
from foedus.node.dispatch import LANE_INSTRUMENTS, send_documents
from foedus.node.errors import NotReadyError
from foedus.node.gossip_format import parse_heads
from foedus.node.log_keys import current_logs
from foedus.node.peer_ports import PeerEndpoint
from foedus.node.ports import Alarm, CosignedLog, Transaction
from foedus.node.pull import pull
from foedus.node.recover_entries import mend_guard, take_back_entries
from foedus.node.recover_heads import (
    OwnLog,
    RecoveryClient,
    heads_shown,
    heads_to_close,
    peers_of,
    why_behind,
)
from foedus.node.recover_lanes import LaneRebuilt, rebuild_lanes
from foedus.node.recover_variants import link_variants
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
    unaccounted: int = 0
    finished: bool = False
    why_not: str = ""

    @property
    def lost(self) -> int:
        """Items that others hold and whose bytes are not here."""
        return sum(lane.lost for lane in self.lanes)


def recover(node: Node, gate: Gate, client: RecoveryClient, own: OwnLog) -> RecoveryReport:
    """Recover a node as far as can be; see the steps of this module.

    Args:
        node: The node.
        gate: For what pulls send back.
        client: Speaks to peers.
        own: Our own log outside the store.

    Raises:
        LedgerError: The guard cannot be read or moved.
    """
    report = RecoveryReport()
    peers = peers_of(node)
    with node.database.read() as tx:
        state, pending = tx.recovery.state(), tx.recovery.pending()
        report.entries_before = tx.ledger.count()
    behind = "" if state is not None else why_behind(node, client, own)
    if behind:
        with node.database.write() as tx:
            tx.recovery.begin(behind, at=node.clock.now())
    elif state is None and not pending:
        heads, _ = heads_shown(node, client, own, peers)
        try:
            report.needed = mend_guard(node, own, heads)
        except LedgerError as error:
            report.why_not = str(error)
            return report
        report.finished = True
        with node.database.write() as tx:
            tx.alarms.clear(ALARM, "")
        return report
    if behind or state is not None:
        heads, _ = heads_shown(node, client, own, peers)
        try:
            newest, report.entries_back = take_back_entries(node, client, own, peers, heads)
        except (LedgerError, NotReadyError) as error:
            report.why_not = str(error)
            return report
        if newest is not None:
            report.head, report.shown_by = newest.head, newest.by
    _take_back_lanes(node, client, peers, report)
    _go_on(node, gate, client, peers, report)
    return report


def _take_back_lanes(
    node: Node, client: RecoveryClient, peers: Sequence[PeerEndpoint], report: RecoveryReport
) -> None:
    with node.database.read() as tx:
        pending = tx.recovery.pending()
    for peer in peers:
        if peer.member in pending:
            try:
                _remember_cosigned(node, client, peer)
                report.lanes.extend(rebuild_lanes(node, client, peer))
            except FoedusError as error:
                report.waiting[peer.member] = str(error)
    _link_variants(node)


def _remember_cosigned(node: Node, client: RecoveryClient, peer: PeerEndpoint) -> None:
    """Take the newest head of each log as cosigned: this node may have cosigned as much before.

    As a witness it then cosigns only what is proved to contain these, whatever it forgot.
    """
    shown = parse_heads(client.heads(peer)).heads
    with node.database.write() as tx:
        logs = current_logs(tx, node)
        for raw in shown:
            origin = raw.partition(b"\n")[0].decode(errors="replace")
            if origin not in logs:
                continue
            try:
                head = open_checkpoint(raw, logs[origin].verifiers)
            except LedgerError:
                continue
            before = tx.witness.cosigned(origin)
            if before is None or before.size < head.size:
                tx.witness.keep_cosigned(
                    CosignedLog(origin=origin, size=head.size, note=raw, at=node.clock.now())
                )


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
