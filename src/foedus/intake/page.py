"""A text with its defanged forms undone, and the stretches of it that may be selectors."""

from __future__ import annotations

from dataclasses import dataclass

from foedus.model.defang import Refanged
from foedus.model.selectors import SelectorKind

__all__ = ["Candidate", "Page", "candidate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A stretch of the refanged text that may be a selector.

    Attributes:
        kind: What it may be.
        start: Offset of its first character in the refanged text.
        end: Offset after its last character.
        value: What is to be normalised; the stretch itself, for most kinds.
    """

    kind: SelectorKind
    start: int
    end: int
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The text searched, in both forms.

    Attributes:
        written: The text as given.
        refanged: The same with defanged forms undone, and the way back.
    """

    written: str
    refanged: Refanged

    @property
    def text(self) -> str:
        """The refanged text; offsets of candidates count in it."""
        return self.refanged.text

    def is_defanged(self, start: int, end: int) -> bool:
        """Whether a stretch of the refanged text was written defanged."""
        origin = self.refanged.origin
        return self.written[origin(start) : origin(end)] != self.text[start:end]


def candidate(kind: SelectorKind, start: int, value: str) -> Candidate:
    """Return the candidate that stands at an offset just as its value reads."""
    return Candidate(kind=kind, start=start, end=start + len(value), value=value)
