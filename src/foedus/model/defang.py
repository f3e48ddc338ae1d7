r"""Undo the ways people write an address so that nobody follows it by accident.

Rules, in the order the code applies them (all case-insensitive):

1. ``[.]`` ``(.)`` ``{.}`` ``[dot]`` ``(dot)`` ``{dot}`` and ``[punkt]``-like closings left open
   (``[.`` or ``.]``) become ``.``; white space just outside or inside the brackets goes with them,
   as does one line break before them.
2. ``\.`` becomes ``.`` and ``\_`` becomes ``_`` (escapes of markup languages).
3. ``[:]`` and ``[://]`` (or ``[:]//``) become ``:`` and ``://``; ``[/]`` becomes ``/``.
4. ``[at]`` ``(at)`` ``{at}`` ``[@]`` ``(@)`` become ``@``.
5. ``hxxp``, ``hXXp``, ``h**p``, ``hxtp``, ``htxp`` and ``meow`` before ``s://`` or ``://`` become
   ``http``; ``fxp`` becomes ``ftp``.

Only these forms are undone; the words *dot* and *at* without brackets are left alone, because
prose is full of them.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import Final

__all__ = ["Refanged", "refang", "refang_with_positions"]

_DEFANGED: Final = re.compile(
    r"""
      (?P<dot>  (?: [ \t]{0,2} | \r?\n ) [\[({] [ \t]? (?: \. | dot ) [ \t]? [\])}] [ \t]{0,2}
              | \[\. (?=\w) | (?<=\w) \.\] (?=\w) | \\\. )
    | (?P<line> \\_ )
    | (?P<at>   [ \t]{0,2} [\[({] [ \t]? (?: @ | at ) [ \t]? [\])}] [ \t]{0,2} )
    | (?P<root> \[ :// \] | \[:\] // )
    | (?P<colon> \[ : \] )
    | (?P<slash> \[ / \] )
    | (?P<http> (?<![a-z0-9]) (?: hxxp | h\*\*p | hxtp | htxp | meow ) (?= s? (?: :// | \[:) ) )
    | (?P<ftp>  (?<![a-z0-9]) fxp (?= s? (?: :// | \[:) ) )
    """,
    re.IGNORECASE | re.VERBOSE,
)
_PLAIN: Final = {
    "dot": ".",
    "line": "_",
    "at": "@",
    "root": "://",
    "colon": ":",
    "slash": "/",
    "http": "http",
    "ftp": "ftp",
}
_SIGNS: Final = re.compile(r"[\[({\\]|\.\]|xp|\*\*p|xtp|meow", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refanged:
    """A text with its defanged forms undone, and the way back to the original.

    Attributes:
        text: The text as it would be typed.
        starts: Offsets in ``text`` at which a stretch begins, ascending, first 0.
        origins: For each stretch, the offset in the original at which it begins.
    """

    text: str
    starts: tuple[int, ...]
    origins: tuple[int, ...]

    def origin(self, offset: int) -> int:
        """Return the offset in the original text for one in ``text``."""
        stretch = bisect_right(self.starts, offset) - 1
        return self.origins[stretch] + offset - self.starts[stretch]


def refang(text: str) -> str:
    """Return the text with defanged forms undone (rules in the module docstring)."""
    if not _SIGNS.search(text):
        return text
    return _DEFANGED.sub(lambda match: _PLAIN[match.lastgroup or "dot"], text)


def refang_with_positions(text: str) -> Refanged:
    """Undo defanged forms and remember where each stretch came from."""
    parts: list[str] = []
    starts: list[int] = []
    origins: list[int] = []
    done = written = 0
    for match in _DEFANGED.finditer(text):
        replacement = _PLAIN[match.lastgroup or "dot"]
        for part, origin in ((text[done : match.start()], done), (replacement, match.start())):
            if part:
                starts.append(written)
                origins.append(origin)
                parts.append(part)
                written += len(part)
        done = match.end()
    starts.append(written)
    origins.append(done)
    parts.append(text[done:])
    return Refanged(text="".join(parts), starts=tuple(starts), origins=tuple(origins))
