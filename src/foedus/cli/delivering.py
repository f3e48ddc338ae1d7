"""Deliver webhooks while this process leads: each subscription by itself, a few at a time."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from foedus.cli.worker_faults import tell_fault
from foedus.compose import Wired
from foedus.exchange.webhooks import HTTPCourier
from foedus.node.webhook_delivery import deliver, prune

__all__ = ["DELIVER_STEP_S", "Deliverer"]

DELIVER_STEP_S: Final = 0.5
"""How often the outbox is looked into, in seconds."""

_AT_ONCE: Final = 4
_PRUNE_S: Final = 3_600.0


class Deliverer:
    """Sends what is due; a host that hangs delays no other subscription beyond a free place."""

    def __init__(self, wired: Wired, over: threading.Event | None = None) -> None:
        """Prepare; nothing is sent yet.

        Args:
            wired: The node.
            over: Once set, nothing more is begun.
        """
        self._node = wired.node
        self._over = threading.Event() if over is None else over
        self._courier = HTTPCourier()
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="foedus-webhook")
        self._busy: set[int] = set()
        self._lock = threading.Lock()
        self._pruned = time.monotonic()

    def step(self) -> None:
        """Begin to send to every subscription that has something due; does not wait."""
        with self._node.database.read() as tx:
            ready = tx.webhooks.ready(self._node.clock.now())
        for number in ready:
            with self._lock:
                if number in self._busy or self._over.is_set():
                    continue
                self._busy.add(number)
            self._pool.submit(self._deliver, number)
        if time.monotonic() - self._pruned >= _PRUNE_S:
            self._pruned = time.monotonic()
            prune(self._node)

    def close(self) -> None:
        """Begin nothing more; what is under way is left to end by itself."""
        self._over.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._courier.close()

    def _deliver(self, number: int) -> None:
        try:
            while not self._over.is_set() and deliver(self._node, self._courier, number):
                pass
        except Exception as error:  # noqa: BLE001  a worker never ends by an error
            tell_fault(f"webhook number={number}", error)
        finally:
            with self._lock:
                self._busy.discard(number)
