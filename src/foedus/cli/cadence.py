"""When a serving node publishes its log: at fixed instants, and only then.

The instants are the whole multiples of the period since the process's clock began, whatever
happens in between; when nothing is pending nothing is published. So the moment at which a head
appears tells when something was entered only to within a period.

A peer reads a page of its lane and then the head, and whatever stood on the page must be under that
head, or an honest sender would look as if it had disclosed what its log does not hold. Publishing
on the spot would keep that rule, and would let whoever asks often enough see each entry as it is
made. Instead the reader waits for the next instant: at most a period.

Of all the processes that serve a node one leads (:mod:`foedus.cli.leading`), and only its cadence
runs. In the others a reader looks until the head that the leader published covers what it needs. A
command leaves publication to the leader too; where none leads, it publishes by itself.

What this does not hide: how many entries were made between two instants; that a member was given
something, from that member, who sees its own lane at once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final

from foedus.cli.worker_faults import tell_fault
from foedus.errors import FoedusError

__all__ = ["PERIOD_S", "Cadence"]

PERIOD_S: Final = 0.15
"""Time between two instants of publication, in seconds: with the work of publishing under 0.2."""

_LOOK_S: Final = 0.01
"""How often a process that does not lead looks at the published head, in seconds."""

_PATIENCE_PERIODS: Final = 10
"""How many periods a reader waits before it publishes itself: the publisher is in trouble."""

_LOG = logging.getLogger("foedus")


class Cadence:
    """Publishes at fixed instants in a thread of its own, and lets readers wait for one."""

    def __init__(
        self,
        publish: Callable[[], None],
        *,
        elsewhere: Callable[[], bool] = bool,
        period_s: float = PERIOD_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; nothing runs yet.

        Args:
            publish: Publishes what is committed; does nothing when nothing is new.
            elsewhere: Says whether another process publishes; asked when this one does not.
            period_s: Time between two instants, in seconds.
            clock: Seconds that never go back.
        """
        self._publish = publish
        self._elsewhere = elsewhere
        self._period_s = period_s
        self._clock = clock
        self._published = threading.Condition()
        self._failing = False
        self._told = ""
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin to publish, perhaps again."""
        self._stopping = threading.Event()
        self._failing, self._told = False, ""
        self._thread = threading.Thread(target=self._loop, name="foedus-publish", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End after the publication under way."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=30)

    def await_head(self, covered: Callable[[], bool]) -> None:
        """Return once the published head covers what the caller needs covered.

        Args:
            covered: Says whether it does; cheap.

        Raises:
            FoedusError: It could not be published.
        """
        if covered():
            return
        patience = self._period_s * _PATIENCE_PERIODS
        if not self.running and self._elsewhere():
            end = time.monotonic() + patience
            while time.monotonic() < end and not self.running:
                time.sleep(_LOOK_S)
                if covered():
                    return
        if self.running:
            with self._published:
                self._published.wait_for(lambda: covered() or self._failing, timeout=patience)
            if covered():
                return
        self._publish()

    def await_round(self, timeout_s: float) -> None:
        """Return after the next publication, or when the time is over."""
        with self._published:
            self._published.wait(timeout=timeout_s)

    def until_next(self) -> float:
        """Return the seconds until the next instant, more than 0."""
        now = self._clock()
        return self._period_s - now % self._period_s

    def _loop(self) -> None:
        stopping = self._stopping
        while not stopping.wait(self.until_next()):
            try:
                self._publish()
                self._failing, self._told = False, ""
            except FoedusError as error:
                self._failing = True
                if error.code != self._told:  # once, not at every instant
                    _LOG.warning("worker=publish code=%s %s", error.code, error)
                self._told = error.code
            except Exception as error:  # noqa: BLE001  a worker never ends by an error
                self._failing = True
                tell_fault("publish", error)
            with self._published:
                self._published.notify_all()
