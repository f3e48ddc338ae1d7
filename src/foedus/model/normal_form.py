"""What every normal form of a selector rests on: one error, size limits, text folding.

Rules, in order:

1. Text longer than ``MAX_TEXT_CHARS`` or with a lone surrogate is refused before anything else.
2. Text is brought to Unicode NFKC, so that full-width and ligature forms meet their plain ones.
3. Format characters (category Cf: zero-width, bidirectional marks) are dropped; they are invisible
   and a common way to break a match.
4. Case is folded, never merely lowered, where case means nothing; folding repeats until it is
   stable, so that a normal form is its own normal form.
"""

from __future__ import annotations

import unicodedata
from typing import ClassVar, Final

from foedus.model.objects import ModelError

__all__ = ["MAX_TEXT_CHARS", "SelectorError", "ascii_digits", "compact", "folded", "plain"]

MAX_TEXT_CHARS: Final = 8192
"""Longest text of one selector, in characters, before normalising."""

_MAX_FOLDS: Final = 4


class SelectorError(ModelError):
    """A text is not a selector of the kind asked for.

    The message says why and never repeats the text, which may be personal.
    """

    code: ClassVar[str] = "model.selector"


def plain(text: str) -> str:
    """Return the text in NFKC without format characters and outer white space.

    Raises:
        SelectorError: The text is too long or not well-formed Unicode.
    """
    if len(text) > MAX_TEXT_CHARS:
        raise SelectorError(f"longer than {MAX_TEXT_CHARS} characters")
    if text.isascii():
        return text.strip()
    try:
        text.encode()
    except UnicodeEncodeError as fault:
        raise SelectorError("not well-formed Unicode") from fault
    visible = "".join(c for c in text if unicodedata.category(c) != "Cf")
    return unicodedata.normalize("NFKC", visible).strip()


def folded(text: str) -> str:
    """Return plain text with its case folded (Unicode 3.13, ``toNFKC_Casefold`` in effect)."""
    current = plain(text)
    if current.isascii():
        return current.lower()
    for _ in range(_MAX_FOLDS):
        following = plain(current.casefold())
        if following == current:
            break
        current = following
    return current


def ascii_digits(text: str) -> str:
    """Return the text with decimal digits of any script written as ``0`` to ``9``."""
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)


def compact(text: str) -> str:
    """Return the letters and digits of a printed number, in capitals, separators dropped.

    Used for bank accounts, IBAN and document numbers, which are printed in groups.
    """
    current = plain(text)
    for _ in range(_MAX_FOLDS):
        letters = "".join(c for c in ascii_digits(plain(current.upper())) if c.isalnum())
        if letters == current:
            break
        current = letters
    return current
