"""Pull what a peer has for us: its lanes in order.

Law comes first: the instrument lane is drained before anything is judged by it. Then what waits for
law (:mod:`foedus.node.law_holds`) is looked at again. Where something still waits, or begins to in
this pull, the instrument lanes of all other peers are drained too before it is looked at. That the
peer's set of instruments is another than ours, by the digest in its signed head, is reported; by
itself it is no fault, since each member hears of an instrument in its own time.

A pull drains every lane, copies the peer's log and compares log heads, where it is the peer's turn
(:mod:`foedus.node.head_turns`) or the peer's own log is at fault. One that is told how many rows
the peer says it has (:func:`pull` with ``counts``) drains the lanes that have grown and leaves the
rest to the next whole one: it is for what must be quick. In both, orders never wait behind bulk:
after each page of bulk the lanes before it are drained first if they have grown.

Lanes, the copy of the peer's log and the comparison of log heads have a time each
(:mod:`foedus.node.patience`), so that a pull from a peer that hangs ends. The last two need nothing
of the lanes and may be done apart (``apart``), so that the next item does not wait for them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from foedus.errors import FoedusError
from foedus.model.identifiers import MemberId
from foedus.node.case_clock import tick
from foedus.node.context import Node
from foedus.node.dispatch import LANE_BULK, LANE_INSTRUMENTS, LANE_ORDERS, LANES
from foedus.node.duties import acknowledged_to
from foedus.node.endpoints import endpoint_of
from foedus.node.gossip import Compared, compare_heads
from foedus.node.heads import LaneHead, sign_head
from foedus.node.lane_counts import LaneCounts
from foedus.node.lane_pull import PAGE_ROWS, LanePull, LaneReport
from foedus.node.law_holds import Settled, items_awaiting, settle_holds
from foedus.node.mirror import update_mirror
from foedus.node.patience import COMPARE_S, MIRROR_S, PULL_S, within
from foedus.node.peer_ports import (
    PeerClient,
    PeerEndpoint,
    PeerError,
    RepairClient,
    WitnessClient,
)
from foedus.node.recovering import refuse_lane
from foedus.node.repair import REPAIRED, repair
from foedus.release.gate import Gate

__all__ = ["PAGE_ROWS", "LaneReport", "PullReport", "endpoint_of", "pull"]

_LOG_FAULTS: Final = ("not-in-log", "log-")
"""Faults of the log itself: the lane's alarm says so, and what it shows is not copied."""

_CONFIRM_PAGES: Final = 10
"""Pages of bulk after which the sender is told how far we are, on the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PullReport:
    """What one pull from one peer did.

    Attributes:
        unreachable: Why the peer could not be asked, or not to the end; "" when it could.
        confirmed: Whether our acknowledgement of every lane was delivered.
        law_differs: Whether the peer signed for another set of instruments than is known here,
            after all of its own were taken.
        settled: What became of items of the peer that had waited for law.
        heads: What comparing log heads with the peer found.
    """

    member: MemberId
    lanes: tuple[LaneReport, ...]
    unreachable: str
    confirmed: bool
    law_differs: bool = False
    settled: Settled = field(default_factory=Settled)
    heads: Compared = field(default_factory=Compared)


def pull(
    node: Node,
    gate: Gate,
    client: PeerClient,
    member: MemberId,
    *,
    progress: Callable[[str, int, int], None] | None = None,
    counts: LaneCounts | None = None,
    compares: Callable[[], bool] | None = None,
    apart: Callable[[Callable[[], None]], None] | None = None,
) -> PullReport:
    """Drain a peer's lanes to us: instruments, orders, bulk.

    Args:
        node: The node.
        gate: The node's gate, for discrepancies that go back.
        client: Speaks to peers.
        member: Whom to pull from.
        progress: Told (lane, rows processed, rows the sender says there are).
        counts: Rows the peer says each lane has: only those with another count here are drained.
            None for a whole pull.
        compares: Asked once a whole pull has come as far as comparing log heads: whether to. Not
            asked about a peer whose own log is at fault. None to compare always.
        apart: Takes what remains of a whole pull once the lanes are drained: the copy of the log
            and the comparison of log heads, which may then be done at any time, from any thread.
            What they find is not in the report. Not used where the log itself is at fault.

    Raises:
        NotFoundError: The member is no peer.
        RecoveringError: This node was restored and does not know yet what it gave the member.
        RollbackError: The store is older than the log's head; nothing was taken.
    """
    node.check_log()
    with node.database.read() as tx:
        peer = endpoint_of(tx, node, member)
        refuse_lane(tx, member)
    timed = within(client, member, PULL_S)
    run = _Pull(node, gate, timed, peer, progress)
    failed: FoedusError | None = None
    try:
        run.lanes(counts)
        if counts is None or any(each.lane == LANE_ORDERS and each.batches for each in run.reports):
            failed = _ticked(node, gate)
        confirmed = all(_confirm(node, timed, peer, report.lane) for report in run.reports)
        if run.log_fault:
            run.compare(within(client, member, COMPARE_S))
        elif counts is None and apart is not None:
            apart(lambda: run.look_further(client, compares))
        elif counts is None:
            run.look_further(client, compares)
    except PeerError as error:
        run.settle()
        return run.report(unreachable=str(error), confirmed=False)
    finally:
        node.settle()
    if failed is not None:
        raise failed
    return run.report(unreachable="", confirmed=confirmed)


def _ticked(node: Node, gate: Gate) -> FoedusError | None:
    """Do what is due; a fault of it is told when the pull is done, which it keeps from nothing."""
    try:
        tick(node, gate)
    except FoedusError as error:
        return error
    return None


class _Pull:
    """One pull from one peer."""

    def __init__(
        self,
        node: Node,
        gate: Gate,
        client: PeerClient,
        peer: PeerEndpoint,
        progress: Callable[[str, int, int], None] | None,
    ) -> None:
        self.reports: list[LaneReport] = []
        self._node = node
        self._gate = gate
        self._client = client
        self._peer = peer
        self._progress = progress
        self._settled = Settled()
        self._differs = False
        self._asked_others = False
        self._heads = Compared()
        self._digest = ""
        self._suspects: list[bytes] = []
        self._pages = 0

    @property
    def log_fault(self) -> bool:
        """Whether the peer's log itself is at fault."""
        return any(report.fault.startswith(_LOG_FAULTS) for report in self.reports)

    def lanes(self, counts: LaneCounts | None) -> None:
        """Drain the lanes in order; each report is there even if a later lane is lost."""
        for lane in LANES:
            if counts is None or self._grown(lane, counts):
                self._lane(lane)

    def _lane(self, lane: str) -> None:
        report = self._drained(lane)
        if report.fault.startswith(REPAIRED) and isinstance(self._client, RepairClient):
            report = repair(
                self._node, self._client, self._peer, report, lambda: self._drained(lane)
            )
        self._note(report)
        if lane == LANE_INSTRUMENTS:
            self._differs = self._other_law(report)
        if lane == LANE_INSTRUMENTS or report.awaiting:
            self.settle()

    def _drained(self, lane: str) -> LaneReport:
        run = LanePull(self._node, self._gate, self._client, self._peer, lane, self._progress)
        if lane == LANE_BULK:
            run.between = self._between
        report = run.run()
        self._digest = run.heads_digest or self._digest
        self._suspects += run.suspects
        return report

    def _note(self, report: LaneReport) -> None:
        """Keep a report; what was found in one lane at two times is told as one."""
        for place, known in enumerate(self.reports):
            if known.lane == report.lane:
                self.reports[place] = known.plus(report)
                return
        self.reports.append(report)

    def _grown(self, lane: str, counts: LaneCounts) -> bool:
        with self._node.database.read() as tx:
            return tx.inbox.cursor(self._peer.member, lane).count != counts.get(lane)

    def _between(self, counts: LaneCounts | None) -> bool:
        """Take law and orders that came meanwhile before the next page of bulk."""
        urgent = [each for each in LANES if each != LANE_BULK]
        grown = [each for each in urgent if counts is None or self._grown(each, counts)]
        for lane in grown:
            self._lane(lane)
        self._pages += 1
        if self._pages % _CONFIRM_PAGES == 0:
            _confirm(self._node, self._client, self._peer, LANE_BULK)
        return bool(grown)

    def settle(self) -> None:
        """Look again at what waits for law, with the law all members can give us now."""
        member = self._peer.member
        with self._node.database.read() as tx:
            waits = member in items_awaiting(tx)
        if waits and not self._asked_others:
            self._asked_others = True
            self._ask_others()
        if waits:
            settled = settle_holds(self._node, self._gate, member)
            self._settled = self._settled.plus(settled)

    def to_compare(self, compares: Callable[[], bool] | None) -> bool:
        """Say whether a whole pull compares heads; one of the peer's to explain needs no turn."""
        return compares is None or bool(self._suspects) or compares()

    def look_further(self, client: PeerClient, compares: Callable[[], bool] | None) -> None:
        """Copy the peer's log and, if it is its turn, compare heads; each in a time of its own."""
        member = self._peer.member
        update_mirror(self._node, within(client, member, MIRROR_S), self._peer)
        if self.to_compare(compares):
            self.compare(within(client, member, COMPARE_S))

    def compare(self, client: PeerClient) -> None:
        """Compare log heads with the peer, where the client can ask for them."""
        if isinstance(client, WitnessClient):
            self._heads = compare_heads(
                self._node,
                client,
                self._peer,
                digest=self._digest,
                suspects=self._suspects,
            )

    def report(self, *, unreachable: str, confirmed: bool) -> PullReport:
        """Return what the pull did."""
        return PullReport(
            member=self._peer.member,
            lanes=tuple(self.reports),
            unreachable=unreachable,
            confirmed=confirmed,
            law_differs=self._differs,
            settled=self._settled,
            heads=self._heads,
        )

    def _other_law(self, report: LaneReport) -> bool:
        with self._node.database.read() as tx:
            ours = self._node.law.view(tx).instruments.digest
        return report.instruments not in {"", ours}

    def _ask_others(self) -> None:
        """Drain the instrument lanes of all other peers; who cannot be asked now is asked later."""
        with self._node.database.read() as tx:
            left_out = {self._peer.member, self._node.identity.member, *tx.recovery.pending()}
            others = [
                endpoint_of(tx, self._node, row.member)
                for row in tx.peers.all()
                if row.member not in left_out
            ]
        for other in others:
            with suppress(PeerError):
                LanePull(self._node, self._gate, self._client, other, LANE_INSTRUMENTS, None).run()


def _confirm(node: Node, client: PeerClient, peer: PeerEndpoint, lane: str) -> bool:
    """Return our signed head of a lane; a failure is repaired by the next pull."""
    with node.database.read() as tx:
        cursor = tx.inbox.cursor(peer.member, lane)
        head = sign_head(
            LaneHead(
                speaker=node.identity.member,
                sender=peer.member,
                recipient=node.identity.member,
                lane=lane,
                count=cursor.count,
                digest=cursor.digest.hex(),
                instruments=node.law.view(tx).instruments.digest,
                instant=node.clock.now(),
            ),
            node.identity.node,
        )
    client.deliver_head(peer, head)
    acknowledged_to(node, peer.member, lane, cursor.count)
    return True
