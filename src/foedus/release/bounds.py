"""Bounds on a block of Cedar, checked before any of it reaches the engine's parser.

The parser recurses: some 650 nested brackets crash the process, and a path behind ``has`` of a few
kilobytes keeps it busy for minutes and fills memory. Counting happens on tokens, so that nothing
can hide in a text or a comment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from foedus.release.errors import BlockError

__all__ = ["MAX_BLOCK_BYTES", "MAX_NESTING", "check_block"]

MAX_BLOCK_BYTES: Final = 16 * 1024
"""Largest block read, in bytes."""

MAX_NESTING: Final = 64
"""Deepest nesting of brackets; some 650 crash the process."""

MAX_POLICY_OPERATORS: Final = 40
"""Most ``&&`` and ``||`` in one policy."""

MAX_POLICY_BRACKETS: Final = 96
"""Most opening brackets in one policy."""

MAX_POLICY_DOTS: Final = 96
"""Most dots in one policy."""

MAX_POLICY_CONDITIONALS: Final = 8
"""Most ``if`` in one policy."""

_TOKEN: Final = re.compile(
    r'"(?:\\.|[^"\\])*"|//[^\n]*|&&|\|\||[A-Za-z_][A-Za-z0-9_]*|[()\[\]{}.;]', re.DOTALL
)


def check_block(text: str) -> None:
    """Refuse what must not reach the engine's parser, or return.

    Raises:
        BlockError: A bound is passed; the message says which.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BLOCK_BYTES:
        raise BlockError(f"a block is larger than {MAX_BLOCK_BYTES} bytes")
    if not text.isascii():
        raise BlockError("a block holds other than ASCII characters, which may look alike")
    counts = _PolicyCounts()
    depth = 0
    before = ("", "")
    for word in (match[0] for match in _TOKEN.finditer(text)):
        if word.startswith(('"', "//")):
            continue
        if word in "([{":
            depth += 1
        elif word in ")]}":
            depth -= 1
        if depth > MAX_NESTING:
            raise BlockError(f"brackets are nested deeper than {MAX_NESTING}")
        if word == "." and before[0] == "has":
            raise BlockError("'has' looks at one attribute, never at a path")
        counts.add(word)
        before = (before[1], word)


@dataclass(slots=True)
class _PolicyCounts:
    operators: int = 0
    brackets: int = 0
    dots: int = 0
    conditionals: int = 0

    def add(self, word: str) -> None:
        match word:
            case ";":
                self.operators = self.brackets = self.dots = self.conditionals = 0
            case "&&" | "||":
                self.operators += 1
            case "(" | "[" | "{":
                self.brackets += 1
            case ".":
                self.dots += 1
            case "if":
                self.conditionals += 1
            case _:
                return
        for what, count, most in (
            ("&& and ||", self.operators, MAX_POLICY_OPERATORS),
            ("brackets", self.brackets, MAX_POLICY_BRACKETS),
            ("dots", self.dots, MAX_POLICY_DOTS),
            ("conditionals", self.conditionals, MAX_POLICY_CONDITIONALS),
        ):
            if count > most:
                raise BlockError(f"one policy holds more than {most} {what}")
