"""Copy a member's log soon after its head was cosigned here, without delaying the answer.

A head that somebody cosigned can never be contradicted, so its entries should lie in a second place
soon: were they lost with the machine that signed it, its log could only be closed. Heads come many
a second; a log is copied at most once a step.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Final

from foedus.compose import Wired
from foedus.errors import FoedusError
from foedus.ledger.witness import origin_of, parse_add_checkpoint
from foedus.model.identifiers import MemberId
from foedus.node.endpoints import endpoint_of
from foedus.node.log_keys import current_logs
from foedus.node.mirror import update_mirror

__all__ = ["STEP_S", "MirrorFollower"]

STEP_S: Final = 1.0
"""Longest a head that was cosigned waits before its entries are asked for, in seconds."""


class MirrorFollower:
    """Remembers whose heads were cosigned and copies their logs; safe for several threads."""

    def __init__(self, wired: Wired) -> None:
        """Follow for a node.

        Args:
            wired: The node.
        """
        self._wired = wired
        self._lock = threading.Lock()
        self._waiting: set[MemberId] = set()

    def cosigned(self, request: bytes) -> None:
        """Note that the head in an answered ``add-checkpoint`` request was cosigned."""
        node = self._wired.node
        with suppress(FoedusError):
            origin = origin_of(parse_add_checkpoint(request))
            with node.database.read() as tx:
                owner = current_logs(tx, node).get(origin)
            if owner is not None:
                with self._lock:
                    self._waiting.add(owner.member)

    def step(self) -> None:
        """Copy what was noted; a peer that cannot be asked now is copied with the next pull."""
        with self._lock:
            waiting, self._waiting = self._waiting, set()
        node = self._wired.node
        for member in sorted(waiting):
            with suppress(FoedusError):
                with node.database.read() as tx:
                    peer = endpoint_of(tx, node, member)
                update_mirror(node, self._wired.client, peer)
