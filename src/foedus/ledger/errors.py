"""What can go wrong with a log, one's own or another's."""

from __future__ import annotations

from typing import ClassVar

from foedus.errors import FoedusError

__all__ = [
    "AuditError",
    "CheckpointError",
    "ConsistencyError",
    "ForkError",
    "HeadMovedError",
    "InclusionError",
    "LedgerError",
    "PolicyError",
    "ReceiptError",
    "RollbackError",
    "TileAbsentError",
    "TileError",
    "TreeError",
    "WitnessError",
]


class LedgerError(FoedusError):
    """Base of the errors of this folder."""

    code: ClassVar[str] = "ledger"


class TreeError(LedgerError):
    """An index, a size or a hash that no tree of this shape has."""

    code: ClassVar[str] = "ledger.tree"


class InclusionError(LedgerError):
    """A proof does not lead from this leaf to this root."""

    code: ClassVar[str] = "ledger.inclusion"


class ConsistencyError(LedgerError):
    """A proof does not show that the later tree contains the earlier one."""

    code: ClassVar[str] = "ledger.consistency"


class CheckpointError(LedgerError):
    """A tree head is malformed, of another log, or not signed by the log's own key."""

    code: ClassVar[str] = "ledger.checkpoint"


class TileError(LedgerError):
    """A tile or entry bundle has a wrong name, length or content."""

    code: ClassVar[str] = "ledger.tile"


class TileAbsentError(TileError):
    """There is nothing under this path."""

    code: ClassVar[str] = "ledger.tile_absent"


class RollbackError(LedgerError):
    """What is to be published lies behind, or beside, a head that was published before."""

    code: ClassVar[str] = "ledger.rollback"


class HeadMovedError(LedgerError):
    """The guarded head is no longer the one this publisher started from."""

    code: ClassVar[str] = "ledger.head_moved"


class ReceiptError(LedgerError):
    """A receipt is malformed, or does not prove what it says."""

    code: ClassVar[str] = "ledger.receipt"


class AuditError(LedgerError):
    """A published log contradicts itself or an earlier head; the message names the place."""

    code: ClassVar[str] = "ledger.audit"


class ForkError(LedgerError):
    """Two heads are not shown to be of two histories; nobody is accused."""

    code: ClassVar[str] = "ledger.fork"


class PolicyError(LedgerError):
    """A policy file is malformed, or its quorum is not defined."""

    code: ClassVar[str] = "ledger.policy"


class WitnessError(LedgerError):
    """A witness refuses to cosign; the status and body are what it answers.

    Attributes:
        status: HTTP status code: 400, 403, 404, 409 or 422.
        body: What the answer carries.
        media_type: The type of the body.

    Spec: C2SP tlog-witness, "add-checkpoint".
    """

    code: ClassVar[str] = "ledger.witness"
    status: int
    body: bytes
    media_type: str

    def __init__(self, message: str, *, status: int, size: int | None = None) -> None:
        """Refuse.

        Args:
            message: For people.
            status: HTTP status code.
            size: The size last cosigned, if that is what the answer is to say.
        """
        super().__init__(message)
        self.status = status
        if size is None:
            self.body, self.media_type = f"{message}\n".encode(), "text/plain; charset=utf-8"
        else:
            self.body, self.media_type = f"{size}\n".encode(), "text/x.tlog.size"
