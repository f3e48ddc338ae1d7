"""Copy a member's log soon after its head was cosigned here, without delaying the answer.

A head that somebody cosigned can never be contradicted, so its entries should lie in a second place
soon: were they lost with the machine that signed it, its log could only be closed. Heads come many
a second; a log is copied at most once a step, several logs at a time.
"""

from __future__ import annotations

import threading
from typing import Final

from foedus.cli.peer_work import PeerWork
from foedus.compose import Wired
from foedus.ledger.checkpoint import open_checkpoint
from foedus.ledger.errors import LedgerError
from foedus.model.identifiers import MemberId
from foedus.node.endpoints import endpoint_of
from foedus.node.gossip_format import bare_note
from foedus.node.log_keys import current_log, log_verifiers
from foedus.node.mirror import update_mirror
from foedus.node.patience import MIRROR_S
from foedus.node.ports import Transaction

__all__ = ["STEP_S", "MirrorFollower"]

STEP_S: Final = 1.0
"""Longest a head that was cosigned waits before its entries are asked for, in seconds."""


_AT_ONCE: Final = 4
_LATE_AT_ONCE: Final = 1


class MirrorFollower:
    """Copies the logs whose heads were cosigned, by whichever process, since they were copied.

    What was cosigned stands in the store, so that the leading process follows what all answered.
    Used by one thread.
    """

    def __init__(self, wired: Wired, stopping: threading.Event | None = None) -> None:
        """Follow for a node.

        Args:
            wired: The node.
            stopping: Once set, nothing more is begun.
        """
        self._wired = wired
        self._waiting: set[MemberId] = set()
        self._offered: dict[str, int] = {}
        self._reached: dict[MemberId, int] = {}
        self._work = PeerWork(
            "mirror", self._copied, stopping, at_once=_AT_ONCE, late_at_once=_LATE_AT_ONCE
        )

    def step(self) -> None:
        """Begin to copy what was cosigned; whom nothing came from is asked with the next pull."""
        node = self._wired.node
        with node.database.read() as tx:
            for log in tx.witness.cosigned_all():
                owner = None
                if self._offered.get(log.origin, 0) < log.size:
                    owner = current_log(tx, node, log.origin)
                if owner is not None:
                    self._waiting.add(owner.member)
                    self._offered[log.origin] = log.size
        self._waiting = self._work.offer(self._waiting)

    def join(self, timeout_s: float) -> None:
        """Wait until no copy is under way, or for so long."""
        self._work.join(timeout_s)

    def _copied(self, member: MemberId) -> bool:
        node = self._wired.node
        with node.database.read() as tx:
            peer = endpoint_of(tx, node, member)
            note = self._cosigned(tx, member)
        size = update_mirror(node, self._wired.client.within(member, MIRROR_S), peer, note)
        before, self._reached[member] = self._reached.get(member, 0), size
        return size > before

    def _cosigned(self, tx: Transaction, member: MemberId) -> bytes | None:
        """Return the head of a member's log that was cosigned here; it need not be asked for.

        None where nothing was, or its log signs with other keys by now.
        """
        verifiers = log_verifiers(tx, self._wired.node, member)
        found = tx.witness.cosigned(verifiers[0].name) if verifiers else None
        if found is None:
            return None
        try:
            open_checkpoint(bare_note(found.note, verifiers), verifiers)
        except LedgerError:
            return None
        return found.note
