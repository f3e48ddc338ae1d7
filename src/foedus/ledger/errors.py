"""What can go wrong with a log, one's own or another's."""

from __future__ import annotations

from typing import ClassVar

from foedus.errors import FoedusError

__all__ = [
    "AuditError",
    "CheckpointError",
    "ConsistencyError",
    "HeadMovedError",
    "InclusionError",
    "LedgerError",
    "ReceiptError",
    "RollbackError",
    "TileAbsentError",
    "TileError",
    "TreeError",
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
