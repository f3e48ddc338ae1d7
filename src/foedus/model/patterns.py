r"""Comparisons inside a STIX pattern: which property is compared with which literals.

This is a reader, not an evaluator: it finds every ``path operator literal`` and says in which
observation expression it stands and whether it is asserted. Nothing of the pattern is executed.

Rules, in order:

1. A pattern longer than ``MAX_PATTERN_CHARS`` is refused, as is one with more than
   ``MAX_COMPARISONS`` comparisons.
2. It is cut into tokens by one regular expression without nested repetition: string literals
   (``'…'`` with ``\\'`` and ``\\\\``), typed literals (``t'…'``, ``h'…'``, ``b'…'``), object paths,
   words, numbers, marks. A character no token begins with is refused.
3. A comparison is an object path, an optional ``NOT``, an operator and a literal or, for ``IN``, a
   list of literals. Only string literals are kept.
4. ``=`` and ``IN`` without ``NOT`` assert their literals; all else mentions them.

Spec: STIX 2.1 §9.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from foedus.model.objects import ModelError

__all__ = ["MAX_PATTERN_CHARS", "Comparison", "PatternError", "comparisons"]

MAX_PATTERN_CHARS: Final = 262_144
"""Longest pattern read, in characters."""

MAX_COMPARISONS: Final = 10_000
"""Most literals read from one pattern."""

_TOKEN: Final = re.compile(
    r"""
      (?P<skip> \s+ )
    | (?P<typed> [tTbBhH]' (?: [^'\\] | \\. )* ' )
    | (?P<string> ' (?: [^'\\] | \\. )* ' )
    | (?P<path> [A-Za-z][A-Za-z0-9-]* : (?: [\w-]+ | '(?: [^'\\] | \\. )*' )
                (?: \. (?: [\w-]+ | '(?: [^'\\] | \\. )*' ) | \[ (?: \* | \d+ ) \] )* )
    | (?P<operator> != | <> | == | <= | >= | = | < | > )
    | (?P<number> [+-]? \d+ (?: \.\d+ )? )
    | (?P<word> [A-Za-z]+ )
    | (?P<mark> [\[\]().,] )
    """,
    re.VERBOSE | re.DOTALL,
)
_SIMPLE: Final = re.compile(
    r"\s*\[\s*([A-Za-z][A-Za-z0-9-]*):([\w.-]+(?:'[\w-]+')?)\s*=\s*'([^'\\]*)'\s*\]\s*"
)
_EQUALITY: Final = r"[A-Za-z][A-Za-z0-9-]*:[\w.-]+(?:'[\w-]+')?\s*=\s*'[^'\\]*'"
_EQUALITIES: Final = re.compile(rf"\s*\[\s*{_EQUALITY}(?:\s+(?:OR|AND)\s+{_EQUALITY})*\s*\]\s*")
_PARTS: Final = re.compile(r"([A-Za-z][A-Za-z0-9-]*):([\w.-]+(?:'[\w-]+')?)\s*=\s*'([^'\\]*)'")
_WORD_OPERATORS: Final = frozenset({"IN", "LIKE", "MATCHES", "ISSUBSET", "ISSUPERSET"})
_ASSERTING: Final = frozenset({"=", "==", "IN"})
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


class PatternError(ModelError):
    """A STIX pattern cannot be read."""

    code: ClassVar[str] = "model.pattern"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One property compared with one string literal.

    Attributes:
        observation: Which observation expression it stands in, counted from 0.
        object_type: The SCO type before the colon.
        path: The property path after it, as written, without quotes (``hashes.SHA-256``).
        value: The literal, escapes undone.
        asserted: Whether the pattern asks for this very value (``=`` or ``IN``, not negated).
    """

    observation: int = 0
    object_type: str
    path: str
    value: str
    asserted: bool = True


@dataclass(slots=True, kw_only=True)
class _Reading:
    """What the reader has seen of the comparison it is in."""

    observation: int = -1
    path: str = ""
    operator: str = ""
    negated: bool = False


def comparisons(pattern: str) -> tuple[Comparison, ...]:
    """Return every comparison with a string literal, in order.

    Args:
        pattern: The value of ``pattern`` of an indicator whose ``pattern_type`` is ``stix``;
            untrusted.

    Raises:
        PatternError: It is too long, holds too many comparisons, or a character that begins no
            token. Grammar beyond tokens is not checked here.
    """
    if len(pattern) > MAX_PATTERN_CHARS:
        raise PatternError(f"a pattern has at most {MAX_PATTERN_CHARS} characters")
    simple = _SIMPLE.fullmatch(pattern)
    if simple is not None:
        # Nine indicators of ten compare one property with one value; this spares the tokens.
        path = simple[2].replace("'", "")
        return (Comparison(object_type=simple[1], path=path, value=simple[3]),)
    if _EQUALITIES.fullmatch(pattern) is not None:
        # As are most others: equalities in one observation, without parentheses.
        parts = _PARTS.findall(pattern)
        if len(parts) > MAX_COMPARISONS:
            raise PatternError(f"more than {MAX_COMPARISONS} comparisons")
        return tuple(
            Comparison(object_type=kind, path=path.replace("'", ""), value=value)
            for kind, path, value in parts
        )
    found: list[Comparison] = []
    reading = _Reading()
    for kind, text in _tokens(pattern):
        if kind == "string":
            if reading.path and reading.operator:
                found.append(_comparison(reading, _ESCAPED.sub(r"\1", text[1:-1])))
                if len(found) > MAX_COMPARISONS:
                    raise PatternError(f"more than {MAX_COMPARISONS} comparisons")
        else:
            _advance(reading, kind, text)
    return tuple(found)


def _tokens(pattern: str) -> Iterator[tuple[str, str]]:
    end = 0
    for match in _TOKEN.finditer(pattern):
        if match.start() != end:
            break
        end = match.end()
        kind = match.lastgroup
        if kind is not None and kind != "skip":
            yield kind, match[0]
    if end != len(pattern):
        raise PatternError(f"no token begins at offset {end}")


def _advance(reading: _Reading, kind: str, text: str) -> None:
    match kind:
        case "path":
            reading.path, reading.operator, reading.negated = text, "", False
        case "operator":
            reading.operator = text
        case "word":
            _advance_word(reading, text.upper())
        case "mark" if text == "[":
            reading.observation += 1
            reading.path = reading.operator = ""
        case _:
            pass


def _advance_word(reading: _Reading, word: str) -> None:
    if word == "NOT":
        reading.negated = True
    elif word in _WORD_OPERATORS:
        reading.operator = word
    else:
        # AND, OR, FOLLOWEDBY and qualifiers end the comparison: START '…' of old patterns and
        # other stray literals after them belong to no path.
        reading.path = reading.operator = ""


def _comparison(reading: _Reading, value: str) -> Comparison:
    object_type, _, path = reading.path.partition(":")
    return Comparison(
        observation=reading.observation,
        object_type=object_type,
        path=path.replace("'", ""),
        value=value,
        asserted=not reading.negated and reading.operator in _ASSERTING,
    )
