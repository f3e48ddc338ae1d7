"""Where a selector shows in text: what redaction removes, and what it looks for afterwards.

Two ways of finding. *Known* values, taken from the structured parts of an object, are found however
they are spelt: spaced, hyphenated, defanged, in other case. *Shapes* find values of a kind that
stand in prose only. Shapes take rather too much than too little: a long number in prose goes when
account numbers must go. A name has no shape; an article that must keep unknown names out of prose
removes the prose (``property:description``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final

from foedus.model.selectors import Selector, SelectorKind

__all__ = ["PLACEHOLDER", "Traces", "evenly_spelt"]

PLACEHOLDER: Final = "[redacted]"
"""Stands in text where something was removed."""

_DOT: Final = r"(?:\.|\[\.\]|\(\.\)|\[dot\]|\(dot\))"
_AT: Final = r"(?:@|\[@\]|\[at\]|\(at\))"
_HEX: Final = r"(?<![0-9A-Za-z])[0-9a-fA-F]{%d}(?![0-9A-Za-z])"
_NUMBERED_WORD: Final = r"(?<![0-9A-Za-z])(?=(?:[A-Za-z]*\d){4})[A-Za-z0-9]{5,}(?![0-9A-Za-z])"
_LONG_NUMBER: Final = r"(?<![0-9A-Za-z])\d(?:[ \-./]?\d){7,}(?![0-9A-Za-z])"
# It begins where nothing of its kind stands before, so that a long run is read once and not anew
# from each of its characters.
_LOCAL_PART: Final = r"(?<![\w.+%'\-])[\w.+%'\-]+"
_LABELS: Final = rf"[\w\-]{{1,63}}(?:{_DOT}[\w\-]{{1,63}}){{1,8}}"

_SHAPES: Final[Mapping[SelectorKind, tuple[str, ...]]] = {
    SelectorKind.EMAIL: (rf"{_LOCAL_PART}\s?{_AT}\s?{_LABELS}",),
    SelectorKind.PHONE: (r"(?:\+|(?<!\d)00)\s?\d(?:[ ().\-/]{0,3}\d){7,14}",),
    SelectorKind.IBAN: (
        r"(?<![0-9A-Za-z])[A-Za-z]{2}\d{2}(?:[ \-]?[0-9A-Za-z]{4}){2,7}"
        r"(?:[ \-]?[0-9A-Za-z]{1,4})?(?![0-9A-Za-z])",
    ),
    SelectorKind.ACCOUNT: (_LONG_NUMBER, _NUMBERED_WORD),
    SelectorKind.DOCUMENT: (_LONG_NUMBER, _NUMBERED_WORD),
    SelectorKind.WALLET: (
        r"(?<![0-9A-Za-z])(?:0x[0-9a-fA-F]{40}|(?:bc1|ltc1)[0-9a-zA-Z]{20,90})(?![0-9A-Za-z])",
        r"(?<![0-9A-Za-z])[13LMDXT4][1-9A-HJ-NP-Za-km-z]{25,106}(?![0-9A-Za-z])",
    ),
    SelectorKind.HANDLE: (
        r"(?<![\w.@])@[\w.\-]{2,64}",
        rf"(?:www\.)?(?:t|twitter|x|facebook|instagram|telegram|vk|tiktok){_DOT}(?:me|com)/@?[\w.\-]+",
    ),
    SelectorKind.URL: (r"(?:h[tx]{2}ps?|ftp)(?:\[:\]|:)//[^\s<>\"']+",),
    SelectorKind.DOMAIN: (rf"(?<![\w@]){_LABELS}(?![\w])",),
    SelectorKind.IPV4: (rf"(?<![\d.])\d{{1,3}}(?:{_DOT}\d{{1,3}}){{3}}(?![\d.])",),
    SelectorKind.IPV6: (r"(?<![0-9A-Za-z:])[0-9a-fA-F]{0,4}(?::[0-9a-fA-F]{0,4}){2,7}",),
    SelectorKind.MD5: (_HEX % 32,),
    SelectorKind.SHA1: (_HEX % 40,),
    SelectorKind.SHA256: (_HEX % 64,),
    SelectorKind.PDQ: (_HEX % 64,),
    SelectorKind.SHA512: (_HEX % 128,),
    SelectorKind.TLSH: (r"(?<![0-9A-Za-z])(?:T1)?[0-9A-Fa-f]{70}(?![0-9A-Za-z])",),
    SelectorKind.SSDEEP: (r"(?<!\d)\d{1,10}:[A-Za-z0-9+/]{3,64}:[A-Za-z0-9+/]{3,64}",),
    SelectorKind.NAME: (),
}
_SPACED: Final = frozenset(
    {
        SelectorKind.IBAN,
        SelectorKind.ACCOUNT,
        SelectorKind.DOCUMENT,
        SelectorKind.PHONE,
        SelectorKind.WALLET,
    }
)
"""Kinds people write in groups."""

_PREFIXED: Final = frozenset({SelectorKind.HANDLE, SelectorKind.ACCOUNT, SelectorKind.DOCUMENT})
"""Kinds whose value may be ``PLATFORM:NAME`` or ``ISSUER:NUMBER``."""

_SEPARATORS: Final = r"[\s().\-/\u00a0\u2010-\u2015]*"
_BETWEEN_NAMES: Final = r"[\s,.\-_'\u2019]+"
_TELLING_WORD: Final = 4
"""Letters from which a part of a name is taken to tell the name."""

_DATE: Final = re.compile(r"\d{4}[-/.]\d{2}[-/.]\d{2}|\d{2}[-/.]\d{2}[-/.]\d{4}", re.ASCII)
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\d(?:[Tt ][\d:.]+[Zz]?)?", re.ASCII)


_ALIKE: Final = str.maketrans(
    {
        **dict.fromkeys("\u00a0\u1680\u202f\u205f\u3000\u200b\u200c\u200d\u2060\ufeff", " "),
        **dict.fromkeys(map(chr, range(0x2000, 0x200B)), " "),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe63\uff0d", "-"),
        "\uff0b": "+",
        "\uff0e": ".",
        "\uff20": "@",
        "\ufe6b": "@",
    }
)


def evenly_spelt(text: str) -> str:
    """Return a text of the same length in which spaces, dashes and signs are those of ASCII.

    Pages set numbers with spaces that do not break and with typographic dashes.
    """
    return text if text.isascii() else text.translate(_ALIKE)


class Traces:
    """Finds and removes the traces of some kinds of selector in texts."""

    def __init__(self, kinds: frozenset[SelectorKind], known: Iterable[Selector]) -> None:
        """Prepare the search.

        Args:
            kinds: What must go.
            known: Selectors the object is known to hold; those of other kinds are not looked for.
        """
        self.kinds = kinds
        self._patterns = [_shape(kind) for kind in sorted(kinds) if _SHAPES[kind]]
        self._patterns += [
            re.compile(_spelt(selector), re.IGNORECASE)
            for selector in sorted(known, key=lambda each: (each.kind, each.value))
            if selector.kind in kinds and not is_placeholder(selector.value)
        ]

    def find(self, text: str) -> list[str]:
        """Return each trace in a text, in the order in which they stand."""
        return [text[start:end] for start, end in self._spans(text)]

    def remove(self, text: str) -> str:
        """Return the text with a placeholder for each trace."""
        pieces: list[str] = []
        position = 0
        for start, end in self._spans(text):
            pieces += [text[position:start], PLACEHOLDER]
            position = end
        return "".join([*pieces, text[position:]])

    def _spans(self, text: str) -> list[tuple[int, int]]:
        if _INSTANT.fullmatch(text):
            return []
        merged: list[tuple[int, int]] = []
        for start, end in sorted(self._matches(evenly_spelt(text))):
            if merged and start <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
            else:
                merged.append((start, end))
        return merged

    def _matches(self, text: str) -> Iterator[tuple[int, int]]:
        for pattern in self._patterns:
            for match in pattern.finditer(text):
                if match.end() > match.start() and not _DATE.fullmatch(match[0]):
                    yield match.span()


def is_placeholder(value: str) -> bool:
    """Whether a selector's value is nothing but what redaction left behind."""
    return value.strip("[] ").casefold() == PLACEHOLDER.strip("[]")


@lru_cache(maxsize=64)
def _shape(kind: SelectorKind) -> re.Pattern[str]:
    return re.compile("|".join(_SHAPES[kind]), re.IGNORECASE)


def _spelt(selector: Selector) -> str:
    """Return a pattern for a known value however it is spelt."""
    value = selector.value
    if selector.kind in _PREFIXED:
        value = value.rpartition(":")[2]
    if selector.kind in _SPACED:
        characters = [character for character in value if character.isalnum()]
        return _SEPARATORS.join(re.escape(character) for character in characters)
    if selector.kind is SelectorKind.NAME:
        words = [re.escape(word) for word in re.split(_BETWEEN_NAMES, value) if word]
        alone = [rf"(?<!\w){word}(?!\w)" for word in words if len(word) >= _TELLING_WORD]
        return "|".join([_BETWEEN_NAMES.join(words) or re.escape(value), *alone])
    return re.escape(value).replace(r"\.", _DOT).replace("@", rf"\s?{_AT}\s?")
