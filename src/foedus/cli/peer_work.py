"""Work with every peer, several at a time, such that none waits for another that is slow.

Each peer's work runs in a thread of its own, one at a time for each peer; at most so many run at
once, and the others wait their turn. A peer that last took long and gave nothing is *late*: until
it answers its work waits for one of a few places kept for such peers, so however many hang at once,
they keep nobody from a place more than once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

from foedus.cli.worker_faults import tell_fault
from foedus.model.identifiers import MemberId

__all__ = ["LATE_S", "PeerWork"]

LATE_S: Final = 5.0
"""How long a peer that gives nothing may take before it is late, in seconds."""


class PeerWork:
    """One kind of work with peers; safe for several threads."""

    def __init__(
        self,
        name: str,
        work: Callable[[MemberId], bool],
        stopping: threading.Event | None = None,
        *,
        at_once: int,
        late_at_once: int,
        late_s: float = LATE_S,
    ) -> None:
        """Prepare; no thread is started yet.

        Args:
            name: For threads and the log.
            work: Does it for one peer, in the end however slow the peer is; returns whether the
                peer gave anything. A FoedusError is logged.
            stopping: Once set, nothing more is begun.
            at_once: For how many peers at once.
            late_at_once: For how many late ones beside them.
            late_s: How long a peer that gives nothing may take before it is late, in seconds.
        """
        self._name = name
        self._work = work
        self._stopping = threading.Event() if stopping is None else stopping
        self._late_s = late_s
        self._places = threading.Semaphore(at_once)
        self._late_places = threading.Semaphore(late_at_once)
        self._lock = threading.Lock()
        self._under_way: dict[MemberId, threading.Thread] = {}
        self._late: set[MemberId] = set()

    def offer(self, members: Iterable[MemberId]) -> set[MemberId]:
        """Begin the work for each peer; does not wait.

        Returns:
            Those for whom it is still under way: nothing was begun for them.
        """
        busy = set()
        for member in sorted(set(members)):
            thread = threading.Thread(
                target=self._do, args=(member,), name=f"foedus-{self._name}-{member}", daemon=True
            )
            with self._lock:
                if member in self._under_way:
                    busy.add(member)
                    continue
                self._under_way[member] = thread
                thread.start()
        return busy

    def join(self, timeout_s: float) -> None:
        """Wait until no work is under way, or for so long."""
        end = time.monotonic() + timeout_s
        with self._lock:
            threads = list(self._under_way.values())
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _do(self, member: MemberId) -> None:
        try:
            with self._lock:
                late = member in self._late
            with self._late_places if late else self._places:
                if not self._stopping.is_set():
                    self._timed(member)
        finally:
            with self._lock:
                del self._under_way[member]

    def _timed(self, member: MemberId) -> None:
        begun, gave = time.monotonic(), False
        try:
            gave = self._work(member)
        except Exception as error:  # noqa: BLE001  a worker never ends by an error
            tell_fault(f"{self._name} peer={member}", error)
        late = not gave and time.monotonic() - begun >= self._late_s
        with self._lock:
            (self._late.add if late else self._late.discard)(member)
