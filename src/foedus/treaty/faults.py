"""What is wrong with a treaty file: every fault found, each with its line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import ClassVar

from foedus.treaty.errors import TreatyError

__all__ = ["Fault", "TreatyFaults", "nearest"]


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One fault.

    Attributes:
        line: Line of the file, from 1; 0 when the fault is of the file as a whole.
        text: What is wrong and what would be right, for the person who drafts.
        column: Character of the line, from 1; 0 when the fault is of the line as a whole.
    """

    line: int
    text: str
    column: int = 0


def nearest(word: str, known: Iterable[str]) -> str:
    """Return words for a person that meant a known word: "; did you mean …?", or nothing."""
    found = get_close_matches(word[:60], sorted(known), n=2, cutoff=0.6)
    return f"; did you mean {' or '.join(found)}?" if found else ""


class TreatyFaults(TreatyError):  # noqa: N818 - it carries many faults, and is named for them
    """A treaty file cannot be accepted.

    Attributes:
        faults: All faults found, by line; at least one.
    """

    code: ClassVar[str] = "treaty.faults"

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        self.faults = faults
        super().__init__(
            "; ".join(
                f"line {fault.line}: {fault.text}" if fault.line else fault.text for fault in faults
            )
        )
