"""A text being read for selectors, and what is found in it before it is normalised."""

from __future__ import annotations

from dataclasses import dataclass

from foedus.model.defang import Refanged
from foedus.model.selectors import SelectorKind

__all__ = ["Candidate", "Scanned", "candidate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A stretch of the refanged text that may be a selector.

    Attributes:
        kind: What it may be.
        start: Offset of its first character in the refanged text.
        end: Offset after its last character.
        value: What to normalise; the stretch itself, or with its label.
    """

    kind: SelectorKind
    start: int
    end: int
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scanned:
    """The text being read.

    Attributes:
        written: As it was given.
        refanged: With its defanged forms undone, and the way back.
    """

    written: str
    refanged: Refanged

    @property
    def text(self) -> str:
        """The text with its defanged forms undone."""
        return self.refanged.text

    def is_defanged(self, start: int, end: int) -> bool:
        """Say whether the writer took care that nobody follows what stands here."""
        origin = self.refanged.origin
        return origin(end - 1) + 1 - origin(start) != end - start


def candidate(kind: SelectorKind, start: int, value: str) -> Candidate:
    """Return a candidate whose value stands in the text just as it is."""
    return Candidate(kind=kind, start=start, end=start + len(value), value=value)
