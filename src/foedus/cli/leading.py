"""What exactly one process of a node does, whichever leads: publish, ask witnesses, copy, pull.

Every serving process tries to lead until it does, and does so until it ends or loses the lead:

1. It takes the lead (:mod:`foedus.node.lead`).
2. Where the last leader worked on other files it learns the newest head first; where it cannot, it
   lets the lead go and tries again later.
3. Its cadence and its workers run.
4. The lead is lost: all of them end, and nothing of theirs is signed any more, since whatever the
   leader writes is compared once more where it is written.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

from foedus.cli.cadence import PERIOD_S, Cadence
from foedus.cli.delivering import DELIVER_STEP_S, Deliverer
from foedus.cli.mirroring import STEP_S, MirrorFollower
from foedus.cli.pulling import FOLLOW_STEP_S, Puller
from foedus.cli.worker_faults import tell_fault
from foedus.compose import Wired
from foedus.errors import FoedusError
from foedus.node.case_clock import tick
from foedus.node.lead import RENEW_S
from foedus.node.witness_round import MAX_WITNESSES_ASKED
from foedus.node.witness_schedule import WitnessSchedule

__all__ = ["Leading"]

_LOG = logging.getLogger("foedus")
_TRY_S: Final = 0.25
"""How often a process tries to lead that does not, in seconds."""

_AGAIN_S: Final = 5.0
"""How long a process that could not learn the newest head leaves the lead to others."""

ASK_PAUSE_S: Final = 0.75
"""Time between two rounds in which witnesses are asked, in seconds.

The rounds take processor time and a write at every witness. With a pause one covers what was
published by many, and what a head made possible to take is taken meanwhile.
"""

CASE_STEP_S: Final = 1.0
"""How often deadlines of casework are looked at, in seconds."""

_STOP_S: Final = 30.0
_WAITING_S: Final = 10.0


class Leading:
    """Leads whenever this process may, in a thread of its own."""

    def __init__(self, wired: Wired, cadence: Cadence) -> None:
        """Prepare; nothing runs yet.

        Args:
            wired: The node.
            cadence: Publishes its log while this process leads.
        """
        self._wired = wired
        self._lead = wired.publisher.lead
        self._cadence = cadence
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="foedus-lead", daemon=True)

    def start(self) -> None:
        """Try to lead, from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Lead no more, and have published what was entered since the last instant."""
        self._stopping.set()
        self._thread.join(_STOP_S + _WAITING_S)
        with suppress(FoedusError):
            self._wired.publisher.settle()

    def _loop(self) -> None:
        pause, told = 0.0, ""
        while not self._stopping.wait(pause):
            pause = _TRY_S
            try:
                if not self._lead.take():
                    continue
                try:
                    self._wired.publisher.begin()
                    told = ""
                    self._lead_on()
                finally:
                    self._lead.leave()
            except FoedusError as error:
                pause = _AGAIN_S
                if str(error) != told:  # once, not with every try
                    _LOG.warning("worker=lead code=%s %s", error.code, error)
                told = str(error)
            except Exception as error:  # noqa: BLE001  this process may lead again
                pause = _AGAIN_S
                tell_fault("lead", error)

    def _lead_on(self) -> None:
        _LOG.info("worker=lead this process leads")
        term = _Term(self._wired, self._cadence)
        try:
            while not self._stopping.wait(RENEW_S):
                if not self._kept():
                    _LOG.warning("worker=lead this process leads no more")
                    break
        finally:
            # Let go before the workers end: who commits from now on publishes, or the next leader.
            with suppress(FoedusError):
                self._lead.leave()
            term.end()

    def _kept(self) -> bool:
        """Go on leading; a database that does not answer is asked again until the lease is over."""
        try:
            return self._lead.keep()
        except FoedusError as error:
            _LOG.warning("worker=lead code=%s %s", error.code, error)
            return self._lead.held


class _Term:
    """The workers of one time of leading."""

    def __init__(self, wired: Wired, cadence: Cadence) -> None:
        self._cadence = cadence
        self._over = threading.Event()
        self._pool = ThreadPoolExecutor(MAX_WITNESSES_ASKED, thread_name_prefix="foedus-ask")
        schedule = WitnessSchedule(
            wired.node, wired.client, wired.ledger, show=wired.show_cosigned, pool=self._pool
        )
        self._follower = MirrorFollower(wired, self._over)
        self._puller = Puller(wired, self._over)
        self._deliverer = Deliverer(wired, self._over)
        cadence.start()
        self._workers = [
            self._worker("witness", ASK_PAUSE_S, lambda: self._asked(schedule)),
            self._worker("mirror", STEP_S, self._follower.step),
            self._worker("webhook", DELIVER_STEP_S, self._deliverer.step),
            self._worker("case", CASE_STEP_S, lambda: tick(wired.node, wired.gate)),
        ]
        if wired.settings.pull_interval_s > 0:
            self._workers.append(self._worker("pull", FOLLOW_STEP_S, self._puller.step))

    def end(self) -> None:
        """End the workers; whoever still waits for a peer is left behind: what came whole stays."""
        self._over.set()
        self._cadence.stop()
        for worker in self._workers:
            worker.join(timeout=_STOP_S)
        self._deliverer.close()
        self._puller.join(_WAITING_S)
        self._follower.join(_WAITING_S)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _asked(self, schedule: WitnessSchedule) -> None:
        """Ask the witnesses that are due, right after a publication."""
        self._cadence.await_round(PERIOD_S * 2)
        for each in schedule.step(time.monotonic()):
            if each.problem:
                _LOG.info("worker=witness peer=%s %s", each.member, each.problem)

    def _worker(self, name: str, interval_s: float, work: Callable[[], None]) -> threading.Thread:
        """Repeat work until the end; a failure is logged by its code and tried again."""

        def loop() -> None:
            while not self._over.wait(interval_s):
                try:
                    work()
                except Exception as error:  # noqa: BLE001  a worker never ends by an error
                    tell_fault(name, error)

        thread = threading.Thread(target=loop, name=f"foedus-{name}", daemon=True)
        thread.start()
        return thread
