"""Errors of a node's operations."""

from __future__ import annotations

from typing import ClassVar

from foedus.errors import FoedusError

__all__ = [
    "ConflictError",
    "ErasedError",
    "FourEyesError",
    "IntegrityError",
    "LaneClosedError",
    "LeadLostError",
    "NodeError",
    "NotFoundError",
    "NotReadyError",
    "RecoveringError",
    "RefusedError",
]


class NodeError(FoedusError):
    """Base of the errors of operations."""

    code: ClassVar[str] = "node"


class NotFoundError(NodeError):
    """Nothing here has that number, id or name. "Absent" and "not for you" look alike."""

    code: ClassVar[str] = "node.not-found"


class RefusedError(NodeError):
    """The request contradicts a rule; the message says which and what would help."""

    code: ClassVar[str] = "node.refused"


class FourEyesError(RefusedError):
    """Somebody else must do this: the actor had a hand in what is decided."""

    code: ClassVar[str] = "node.four-eyes"


class NotReadyError(NodeError):
    """Something must be done first; the message says what."""

    code: ClassVar[str] = "node.not-ready"


class ConflictError(NodeError):
    """What was read changed before it could be written; safe to try again."""

    code: ClassVar[str] = "node.conflict"


class ErasedError(NodeError):
    """What is asked for was erased under an order; the message says which."""

    code: ClassVar[str] = "node.erased"


class RecoveringError(NodeError):
    """A restored node, or the lanes to one member, must be recovered before this can be done."""

    code: ClassVar[str] = "node.recovering"


class LeadLostError(NodeError):
    """Another process leads this node: what only the leader may write was not written."""

    code: ClassVar[str] = "node.lead-lost"


class LaneClosedError(NodeError):
    """What stands next in a lane is not served: the treaty no longer binds the two."""

    code: ClassVar[str] = "node.lane-closed"


class IntegrityError(NodeError):
    """What a peer sent does not hold together.

    Attributes:
        fault: Stable short name: ``signature``, ``form``, ``sequence``, ``commitment``,
            ``not-covered``, ``lane-digest``, ``lane-rollback``, ``not-in-log``, ``log-rollback``,
            ``log-fork``, ``dated-ahead``.
        position: Lane position of the row at fault; 0 when no row can be named.
        raw: The bytes at fault.
    """

    code: ClassVar[str] = "node.integrity"

    def __init__(self, fault: str, reason: str, *, position: int = 0, raw: bytes = b"") -> None:
        super().__init__(reason)
        self.fault = fault
        self.position = position
        self.raw = raw
