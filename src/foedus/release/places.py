"""Where in a block of Cedar something stands, so that a fault can point to it.

The engine names no position. A block is cut into tokens and, at semicolons, into policies; a word
that a fault is about is looked up among the tokens of its policy. Where the engine cannot read a
block, the first token after which no continuation is Cedar is found by reading beginnings of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from foedus.release.errors import BlockError

__all__ = ["Block", "first_unreadable"]

_TOKEN: Final = re.compile(
    r'"(?:\\.|[^"\\])*"|//[^\n]*|[A-Za-z_][A-Za-z0-9_]*|&&|\|\||[<>=!]=|::|\d+|\S', re.DOTALL
)
_VISIBLE: Final = re.compile(r"[^\n]")
_UNFINISHED: Final = "unexpected end of input"
_NAMED: Final = re.compile(r"`([^`]+)`")


class Block:
    """The tokens of a block, policy by policy."""

    def __init__(self, text: str, line: int) -> None:
        """Cut a block into tokens.

        Args:
            text: The block.
            line: Line in the file of its first line; 0 where it stands in no file.
        """
        self.text = text
        self._line = line
        self._policies: list[list[re.Match[str]]] = [[]]
        for token in _TOKEN.finditer(text):
            if token[0].startswith("//"):
                continue
            self._policies[-1].append(token)
            if token[0] == ";":
                self._policies.append([])

    def place(self, policy: int, words: Iterable[str] = ()) -> tuple[int, int]:
        """Return line and column of the first of some words in a policy, or of its beginning.

        Args:
            policy: Position of the policy in the block, from zero.
            words: Identifiers, signs, or texts without their quotation marks; first found, first
                served.

        Returns:
            Line of the file and column, both from 1; zeros where the block stands in no file.
        """
        tokens = self._policies[policy] if policy < len(self._policies) else []
        for word in words:
            for token in tokens:
                if token[0] in (word, f'"{word}"'):
                    return self.at(token.start())
        return self.at(tokens[0].start() if tokens else 0)

    def alone(self) -> Iterator[Block]:
        """Yield each policy as a block of its own, everything before it blank."""
        for tokens in self._policies:
            if tokens:
                start, end = tokens[0].start(), tokens[-1].end()
                blank = _VISIBLE.sub(" ", self.text[:start])
                yield Block(blank + self.text[start:end], self._line)

    def at(self, offset: int) -> tuple[int, int]:
        """Return line and column of a character of the block."""
        if not self._line:
            return 0, 0
        before = self.text[:offset]
        return self._line + before.count("\n"), offset - (before.rfind("\n") + 1) + 1

    def unreadable(self, parse: Callable[[str], object]) -> tuple[int, int]:
        """Return where the block, which ``parse`` refuses with a BlockError, cannot be read on."""
        return self.at(first_unreadable(self.text, parse))


def first_unreadable(text: str, parse: Callable[[str], object]) -> int:
    """Return the offset at which a text stops being Cedar; its end if it only breaks off."""
    tokens = [token for token in _TOKEN.finditer(text) if not token[0].startswith("//")]
    low, high = 0, len(tokens)
    while low < high:
        middle = (low + high) // 2
        if _refusal(text[: tokens[middle].end()], parse):
            high = middle
        else:
            low = middle + 1
    if low == len(tokens):
        return tokens[-1].start() if tokens else 0
    return _named(tokens, low, _refusal(text[: tokens[low].end()], parse))


def _refusal(beginning: str, parse: Callable[[str], object]) -> str:
    """Return why a beginning cannot be continued to Cedar; empty if it may be."""
    try:
        parse(beginning)
    except BlockError as error:
        reason = str(error)
        return "" if _UNFINISHED in reason else reason
    return ""


def _named(tokens: list[re.Match[str]], at: int, reason: str) -> int:
    """Point to the word a refusal names, if it was made once a policy was complete."""
    if tokens[at][0] == ";":
        start = next((n + 1 for n in range(at - 1, -1, -1) if tokens[n][0] == ";"), 0)
        for word in _NAMED.findall(reason):
            for token in tokens[start:at]:
                if token[0] == word:
                    return token.start()
        return tokens[start].start()
    return tokens[at].start()
