"""Limits on what is read, checked before anything is parsed.

Rules, in order:

1. A file larger than ``file_bytes`` is refused before a byte of it is looked at.
2. JSON nested deeper than ``depth``, or of more than ``json_values`` values, is refused before it
   is decoded: brackets and commas outside texts are counted, in one pass, without recursion. Three
   bytes of JSON can cost sixty of memory.
3. So is a page longer than ``markup_chars`` or of more than ``page_elements`` elements, and a table
   of more lines than entries could fill.
4. More than ``entries`` entries, or a text longer than ``text_chars``, refuse the file whole. A
   report cut off in the middle would look complete to the one who reads it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Final

from foedus.errors import FoedusError

__all__ = ["DEFAULT_LIMITS", "IntakeError", "IntakeLimits", "check_depth", "check_size"]

# An unclosed text reaches to the end: were it no match, each quote in it would be tried again.
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_NO_STRUCTURE: Final = bytes(set(range(256)) - set(b"[]{},"))
_OPENING: Final = frozenset(b"[{")


class IntakeError(FoedusError):
    """A file is refused whole; nothing of it was taken.

    Attributes:
        name: The file as its sender called it.
        place: Where the fault is: a line, a byte, a path, or ``file`` for all of it.
        reason: What is wrong, in words for the person who chose the file.
    """

    code: ClassVar[str] = "intake.refused"

    def __init__(self, *, name: str, place: str, reason: str) -> None:
        """Keep the three parts beside the message made of them."""
        super().__init__(f"{name}: {place}: {reason}")
        self.name = name
        self.place = place
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeLimits:
    """How much one file may hold.

    Attributes:
        file_bytes: Largest file, in bytes.
        entries: Most objects, attributes, rows, list entries or selectors in one file.
        depth: Deepest nesting of JSON values or of XML and HTML elements.
        json_values: Most values in one JSON file, at any depth.
        markup_chars: Longest HTML page, in characters, with all that is not text.
        page_elements: Most elements of an HTML page; a long news page has some thousands.
        text_chars: Longest text of one report, in characters. At most four bytes each, it still
            fits one STIX object.
        cell_chars: Longest single value of a table, list or event, in characters.
    """

    file_bytes: int = 64 * 1024 * 1024
    entries: int = 100_000
    depth: int = 100
    json_values: int = 2_000_000
    markup_chars: int = 2_000_000
    page_elements: int = 30_000
    text_chars: int = 200_000
    cell_chars: int = 16_384


DEFAULT_LIMITS: Final = IntakeLimits()


def check_size(data: bytes, *, name: str, limits: IntakeLimits) -> None:
    """Refuse a file that is empty or too large (rule 1).

    Raises:
        IntakeError: It is.
    """
    if len(data) > limits.file_bytes:
        reason = f"{len(data)} bytes, and at most {limits.file_bytes} are read; split it"
        raise IntakeError(name=name, place="file", reason=reason)
    if not data.strip(b" \t\r\n\x00"):
        raise IntakeError(name=name, place="file", reason="the file is empty")


def check_depth(data: bytes, *, name: str, limits: IntakeLimits) -> None:
    """Refuse JSON nested too deep or of too many values, before it is decoded (rule 2).

    Args:
        data: UTF-8 JSON, possibly damaged; damage is for the decoder to find.
        name: The file's name, for the message.
        limits: The limits in force.

    Raises:
        IntakeError: It is nested deeper than ``limits.depth`` or holds more values than allowed.
    """
    # A member has at most four quotes around its name and value; more are not worth the time.
    crowded = data.count(b'"') > 4 * limits.json_values
    structure = b"" if crowded else _STRING.sub(b"", data).translate(None, _NO_STRUCTURE)
    if crowded or len(structure) > 2 * limits.json_values:
        reason = f"more than {limits.json_values} values; split it"
        raise IntakeError(name=name, place="file", reason=reason)
    depth = 0
    for byte in structure.replace(b",", b""):
        depth += 1 if byte in _OPENING else -1
        if depth > limits.depth:
            reason = f"nested deeper than {limits.depth} levels"
            raise IntakeError(name=name, place="file", reason=reason)
