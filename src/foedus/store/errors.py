"""What can go wrong in storage, said in words an administrator can act on."""

from __future__ import annotations

from typing import ClassVar

from foedus.errors import FoedusError

__all__ = [
    "StoreAwayError",
    "StoreBrokenError",
    "StoreClosedError",
    "StoreCorruptError",
    "StoreError",
    "StoreForeignError",
    "StoreFullError",
    "StoreLaneError",
    "StoreLockedError",
    "StoreMemberError",
    "StoreMissingError",
    "StoreMovedError",
    "StoreReadOnlyError",
    "StoreStateError",
    "StoreTooNewError",
]


class StoreError(FoedusError):
    """Base of the errors of the store."""

    code: ClassVar[str] = "store"


class StoreLockedError(StoreError):
    """Another writer held the store for longer than this one was willing to wait."""

    code: ClassVar[str] = "store.locked"


class StoreFullError(StoreError):
    """No room is left; nothing of the unit of work was kept."""

    code: ClassVar[str] = "store.full"


class StoreCorruptError(StoreError):
    """The file is damaged or is no database."""

    code: ClassVar[str] = "store.corrupt"


class StoreTooNewError(StoreError):
    """A newer version of the software wrote this database; this one must not touch it."""

    code: ClassVar[str] = "store.too_new"


class StoreForeignError(StoreError):
    """The file is a database of another program."""

    code: ClassVar[str] = "store.foreign"


class StoreMemberError(StoreError):
    """The database belongs to another member than the one it was opened for."""

    code: ClassVar[str] = "store.member"


class StoreReadOnlyError(StoreError):
    """A reading transaction, or a read-only file, was asked to write."""

    code: ClassVar[str] = "store.read_only"


class StoreClosedError(StoreError):
    """A transaction was used after its block, or the store after it was closed."""

    code: ClassVar[str] = "store.closed"


class StoreMissingError(StoreError):
    """Something that should be stored already is not."""

    code: ClassVar[str] = "store.missing"


class StoreStateError(StoreError):
    """An item does not stand in the state that the act needs."""

    code: ClassVar[str] = "store.state"


class StoreLaneError(StoreError):
    """A batch does not continue its lane exactly."""

    code: ClassVar[str] = "store.lane"


class StoreBrokenError(StoreError):
    """The file could not be opened, read or written, or a stored row breaks a rule."""

    code: ClassVar[str] = "store.broken"


class StoreAwayError(StoreError):
    """The database server cannot be reached, or the connection to it was lost."""

    code: ClassVar[str] = "store.away"


class StoreMovedError(StoreError):
    """This store was moved to another, or is not moved here whole; the node runs on the other."""

    code: ClassVar[str] = "store.moved"
