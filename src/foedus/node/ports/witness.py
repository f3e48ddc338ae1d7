"""What is witnessed, as an operation needs it stored: heads, cosignatures, proofs of forks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from foedus.model.identifiers import MemberId

__all__ = ["CosignedLog", "ForkRow", "HeardHead", "OwnHead", "WitnessRow", "WitnessStore"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CosignedLog:
    """The head of another's log that this node cosigned last.

    Attributes:
        size: How many entries that log had.
        note: The head with the log's signature and our cosignature.
        at: When.
    """

    origin: str
    size: int
    note: bytes = field(repr=False)
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnHead:
    """A head of our own log that at least one member cosigned.

    Attributes:
        note: The head with the log's signature and every cosignature, in order of members.
        members: Who cosigned it.
    """

    size: int
    note: bytes = field(repr=False)
    members: frozenset[MemberId]


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessRow:
    """How far one member witnessed our log: the largest size it cosigned, and when it said so."""

    member: MemberId
    size: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardHead:
    """The newest head known of a log. Signed by it, and proved to contain the one known before.

    Attributes:
        member: Whose log it is.
        note: The signed head, verbatim.
        shown_by: Who showed it first.
        at: When.
    """

    origin: str
    member: MemberId
    size: int
    root: bytes
    note: bytes = field(repr=False)
    shown_by: MemberId
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ForkRow:
    """A verified proof that a member's log signed two histories.

    Attributes:
        smaller: Size of the smaller of the two heads, and ``larger`` of the other.
        proof: The proof file (:mod:`foedus.ledger.fork`).
        shown_by: Who showed it, or the head that made it one.
    """

    origin: str
    member: MemberId
    smaller: int
    larger: int
    proof: bytes = field(repr=False)
    shown_by: MemberId
    at: datetime


class WitnessStore(Protocol):
    """Heads, cosignatures and proofs of forks."""

    def cosigned(self, origin: str) -> CosignedLog | None:
        """Return what this node cosigned last of a log; None if nothing."""
        ...

    def cosigned_named(self, name: str) -> CosignedLog | None:
        """Do the same by the hash of the origin, 64 hex digits in lower case."""
        ...

    def cosigned_all(self) -> Sequence[CosignedLog]:
        """Return what this node cosigned last of every log, by origin."""
        ...

    def keep_cosigned(self, head: CosignedLog) -> None:
        """Keep the head this node is about to cosign. The caller compared it in this transaction.

        Raises:
            StoreError: It is smaller than the one kept.
        """
        ...

    def keep_cosignature(
        self, member: MemberId, note: bytes, *, size: int, lines: bytes, at: datetime
    ) -> OwnHead:
        """Keep what a member answered about a head of our log, and return that head as it is now.

        Args:
            member: Who answered.
            note: The head with our log's signature only.
            size: Its size.
            lines: The verified signature lines, each ended by a newline.
            at: When the member says it saw the head.
        """
        ...

    def own_heads(self, *, limit: int = 1) -> Sequence[OwnHead]:
        """Return the newest cosigned heads of our log, largest first."""
        ...

    def drop_own_heads(self, *, keep: int) -> int:
        """Forget all but the newest cosigned heads; what members cosigned at most is kept."""
        ...

    def best_note(self, covering: int, members: Collection[MemberId], needed: int) -> bytes | None:
        """Return the smallest head of our log that covers an entry and enough members cosigned.

        Args:
            covering: Index of the entry; the head has more entries than this.
            members: Whose cosignatures count.
            needed: How many of them are enough.

        Returns:
            The note with all its cosignatures; None if there is none yet.
        """
        ...

    def cosigned_size(self, member: MemberId) -> int:
        """Return the largest size of our log that a member cosigned; 0 for none."""
        ...

    def witnesses(self) -> Mapping[MemberId, WitnessRow]:
        """Return how far each member witnessed our log; who never did is left out."""
        ...

    def heard(self, origin: str) -> HeardHead | None:
        """Return the newest head known of a log."""
        ...

    def mark(self) -> tuple[int, int, int, int]:
        """Return what changes whenever :meth:`all_heard` or :meth:`forks` would."""
        ...

    def all_heard(self) -> Sequence[HeardHead]:
        """Return the newest head known of every log, by origin."""
        ...

    def hear(self, head: HeardHead) -> bool:
        """Keep a head if it is larger than the one known; False if it is not."""
        ...

    def forget_heard(self, origin: str) -> None:
        """Forget the head known of a log: the key that signed it was revoked."""
        ...

    def fork_of(self, member: MemberId) -> ForkRow | None:
        """Return a proof that a member's log is forked; None when none is held."""
        ...

    def forks(self) -> Sequence[ForkRow]:
        """Return every proof, by origin."""
        ...

    def add_fork(self, fork: ForkRow) -> bool:
        """Keep a proof; False if one of the same log is held."""
        ...
