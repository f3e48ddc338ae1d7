"""Follow every peer while the node serves: one follower each, so that none waits for another.

A follower pulls everything, then waits at the peer until it has something (``Prefer: wait``, RFC
7240), pulls the lanes that have grown, and waits again. After so many seconds it pulls everything
anew, with what only a whole pull does (:mod:`foedus.node.pull`); log heads are compared with a few
peers in that time, in turn (:mod:`foedus.node.head_turns`). At a peer that holds no request open
only the whole pulls are made. One that cannot be reached, or fails, is left alone for a while
(:mod:`foedus.node.backoff`); ``foedus peers list`` shows until when.

Waiting takes no turn. Pulling does: so many peers at once, and a peer that last took long and gave
nothing waits for one of a few turns kept for such peers, so that however many hang they keep
nobody else from a turn.

Items do not wait for what only concerns logs: the instant of a peer's second whole pull is drawn,
so that those of all peers do not come together, and the copy of the peer's log and the comparison
of heads are done beside the follower, which waits for the next item meanwhile.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from foedus.cli.peer_work import PeerWork
from foedus.cli.worker_faults import tell_fault
from foedus.compose import Wired
from foedus.errors import FoedusError
from foedus.model.identifiers import MemberId
from foedus.node.backoff import Backoff
from foedus.node.dispatch import LANE_INSTRUMENTS, LANES
from foedus.node.endpoints import endpoint_of
from foedus.node.head_turns import HeadTurns
from foedus.node.lane_counts import LaneCounts
from foedus.node.peer_ports import News, PeerError
from foedus.node.ports.links import LinkRow
from foedus.node.pull import PullReport, pull
from foedus.store.errors import StoreLockedError
from foedus.store.locks import exclusive

__all__ = ["AT_ONCE", "FOLLOW_STEP_S", "WAIT_S", "Puller"]

AT_ONCE: Final = 8
"""How many peers are pulled from at once."""

LATE_AT_ONCE: Final = 2
"""How many late ones beside them."""

LATE_S: Final = 5.0
"""How long a peer that gives nothing may take before it is late, in seconds."""

WAIT_S: Final = 20
"""How long a peer is asked to hold a request open, in seconds."""

FOLLOW_STEP_S: Final = 0.5
"""How often it is looked for peers that are not followed yet, in seconds."""

_BESIDE_AT_ONCE: Final = 2
_LOCKED_S: Final = 1.0
_DEFAULT_WHOLE_S: Final = 15.0
_MAX_REASON: Final = 2000
"""Holds every sentence of ours whole, that of a certificate with all its pins too."""

_LOG = logging.getLogger("foedus")


class Puller:
    """The followers of all peers."""

    def __init__(
        self,
        wired: Wired,
        stopping: threading.Event | None = None,
        *,
        whole_s: float | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Prepare; nobody is followed yet.

        Args:
            wired: The node.
            stopping: Once set, nothing more is begun.
            whole_s: Seconds between whole pulls from a peer; the node's setting if None.
            jitter: Returns a number from 0 up to 1, evenly; for back-off, for when the second whole
                pull comes, and for the order in which log heads are compared.
        """
        self._wired = wired
        self._stopping = threading.Event() if stopping is None else stopping
        self._whole_s = whole_s or wired.settings.pull_interval_s or _DEFAULT_WHOLE_S
        self._jitter = jitter
        self._turns = _Turns(self._stopping)
        self._beside = _Beside(self._stopping)
        self._head_turns = HeadTurns(self._whole_s, lot=jitter)
        self._lock = threading.Lock()
        self._followed: dict[MemberId, threading.Thread] = {}

    def step(self) -> None:
        """Begin to follow every peer that is not followed yet."""
        node = self._wired.node
        with node.database.read() as tx:
            members = [row.member for row in tx.peers.all() if row.member != node.identity.member]
        self._head_turns.add(members, time.monotonic())
        with self._lock:
            for member in members:
                known = self._followed.get(member)
                if self._stopping.is_set() or (known is not None and known.is_alive()):
                    continue
                follower = _Follower(
                    self._wired,
                    member,
                    _Shared(
                        turns=self._turns,
                        beside=self._beside,
                        head_turns=self._head_turns,
                        stopping=self._stopping,
                        jitter=self._jitter,
                    ),
                    whole_s=self._whole_s,
                )
                thread = threading.Thread(
                    target=follower.run, name=f"foedus-pull-{member}", daemon=True
                )
                self._followed[member] = thread
                thread.start()

    def join(self, timeout_s: float) -> None:
        """Begin nothing more, and wait until nothing is being pulled, or for so long.

        A follower that waits at its peer is left: it holds nothing, and ends with its wait.
        """
        self._stopping.set()
        end = time.monotonic() + timeout_s
        self._turns.join(timeout_s)
        self._beside.join(max(0.0, end - time.monotonic()))


class _Turns:
    """Who may pull now."""

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self._places = threading.Semaphore(AT_ONCE)
        self._late_places = threading.Semaphore(LATE_AT_ONCE)
        self._taken = 0
        self._left = threading.Condition()

    def take(self, work: Callable[[], None], *, late: bool) -> None:
        """Do work in a turn, unless the end came before it."""
        with self._late_places if late else self._places:
            with self._left:
                if self._stopping.is_set():
                    return
                self._taken += 1
            try:
                work()
            finally:
                with self._left:
                    self._taken -= 1
                    self._left.notify_all()

    def join(self, timeout_s: float) -> None:
        """Wait until no turn is taken, or for so long."""
        with self._left:
            self._left.wait_for(lambda: self._taken == 0, timeout=timeout_s)


class _Beside:
    """What whole pulls leave to be done beside the followers, for a few peers at a time."""

    def __init__(self, stopping: threading.Event) -> None:
        self._left: dict[MemberId, Callable[[], None]] = {}
        self._work = PeerWork(
            "look", self._do, stopping, at_once=_BESIDE_AT_ONCE, late_at_once=LATE_AT_ONCE
        )

    def offer(self, member: MemberId, work: Callable[[], None]) -> None:
        """Begin what is left, unless that of the peer's whole pull before is still under way."""
        self._left[member] = work
        self._work.offer([member])

    def join(self, timeout_s: float) -> None:
        """Wait until nothing is under way, or for so long."""
        self._work.join(timeout_s)

    def _do(self, member: MemberId) -> bool:
        self._left[member]()
        return False  # late is whoever took long, whatever it gave


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shared:
    """What all followers share."""

    turns: _Turns
    beside: _Beside
    head_turns: HeadTurns
    stopping: threading.Event
    jitter: Callable[[], float]


class _Follower:
    """Follows one peer, in a thread of its own."""

    def __init__(
        self,
        wired: Wired,
        member: MemberId,
        shared: _Shared,
        *,
        whole_s: float,
    ) -> None:
        self._wired = wired
        self._member = member
        self._shared = shared
        self._stopping = shared.stopping
        self._whole_s = whole_s
        self._backoff = Backoff(shared.jitter)
        self._share = (1 + 3 * shared.jitter()) / 4  # of the time to the second whole pull
        self._late = False
        self._noted = True  # a failure may stand from an earlier process
        self._whole_at = time.monotonic()
        self._passed: dict[str, int] = {}

    def run(self) -> None:
        """Follow until stopped."""
        while not self._stopping.is_set():
            begun = time.monotonic()
            try:
                pause = self._round()
            except FoedusError as error:
                pause = self._failed(error)
                self._late = time.monotonic() - begun >= LATE_S
            except Exception as error:  # noqa: BLE001  a worker never ends by an error
                pause = self._backoff.failed(None)
                tell_fault(f"pull peer={self._member}", error)
            if pause > 0:
                self._stopping.wait(pause)

    def _round(self) -> float:
        """Wait for news and pull; returns for how many seconds to leave the peer alone."""
        left = self._whole_at - time.monotonic()
        if left <= 0:
            return self._whole()
        known = self._known()
        news = self._news(known, left)
        if self._stopping.is_set():
            return 0.0
        self._answered()
        if news.counts is not None and any(news.counts[lane] != known[lane] for lane in LANES):
            return self._pulled(news.counts)
        # Where nothing is held open the next look is the next whole pull.
        return 0.0 if news.waited else max(0.0, self._whole_at - time.monotonic())

    def _known(self) -> LaneCounts:
        """Return how far we are in each lane, or what a lane that stands still was seen to have."""
        with self._wired.node.database.read() as tx:
            cursors = {lane: tx.inbox.cursor(self._member, lane).count for lane in LANES}
        return {**cursors, **self._passed}

    def _news(self, known: LaneCounts, left: float) -> News:
        node = self._wired.node
        with node.database.read() as tx:
            peer = endpoint_of(tx, node, self._member)
            after = tx.inbox.cursor(self._member, LANE_INSTRUMENTS).added_after
        seconds = max(1, min(WAIT_S, int(left)))
        return self._wired.client.await_news(peer, added_after=after, known=known, wait_s=seconds)

    def _whole(self) -> float:
        self._passed = {}
        pause = self._pulled(None)
        self._whole_at = time.monotonic() + self._whole_s * self._share
        self._share = 1.0
        return pause

    def _pulled(self, counts: LaneCounts | None) -> float:
        """Pull in a turn; returns the pause after it.

        Raises:
            FoedusError: It failed.
        """
        outcome = _Outcome()
        begun = time.monotonic()
        self._shared.turns.take(lambda: outcome.keep(self._pull(counts)), late=self._late)
        if outcome.locked:
            return _LOCKED_S  # another process pulls from it
        report = outcome.report
        if report is None:
            return 0.0
        if report.unreachable:
            self._late = time.monotonic() - begun >= LATE_S
            return self._failed(PeerError(report.unreachable))
        self._late = False
        self._answered()
        # A lane that stands still is tried again with the next whole pull, not at once.
        for lane in report.lanes:
            if lane.fault and counts is not None:
                self._passed[lane.lane] = counts[lane.lane]
        return 0.0

    def _pull(self, counts: LaneCounts | None) -> PullReport | None:
        wired = self._wired
        with ExitStack() as held:
            try:
                lock = wired.settings.locks / f"pull-{self._member}"
                held.enter_context(exclusive(lock, wait=False))
            except StoreLockedError:
                return None
            return pull(
                wired.node,
                wired.gate,
                wired.client,
                self._member,
                counts=counts,
                compares=lambda: self._shared.head_turns.take(self._member, time.monotonic()),
                apart=lambda work: self._shared.beside.offer(self._member, work),
            )

    def _failed(self, error: FoedusError) -> float:
        """Note a failure; returns the pause after it."""
        asked = error.retry_after_s if isinstance(error, PeerError) else None
        pause = self._backoff.failed(asked)
        now = self._wired.node.clock.now()
        row = LinkRow(
            member=self._member,
            failures=self._backoff.failures,
            since=now,
            again=now + timedelta(seconds=pause),
            reason=str(error)[:_MAX_REASON],
        )
        if self._backoff.failures == 1:
            _LOG.info("worker=pull peer=%s code=%s %s", self._member, error.code, error)
        try:
            with self._wired.node.database.write() as tx:
                tx.links.failed(row)
            self._noted = True
        except FoedusError as fault:
            _LOG.warning("worker=pull peer=%s code=%s %s", self._member, fault.code, fault)
        return pause

    def _answered(self) -> None:
        self._backoff.succeeded()
        if self._noted:
            with self._wired.node.database.write() as tx:
                tx.links.answered(self._member)
            self._noted = False


class _Outcome:
    """What a turn came to."""

    def __init__(self) -> None:
        self.report: PullReport | None = None
        self.locked = False

    def keep(self, report: PullReport | None) -> None:
        self.report = report
        self.locked = report is None
