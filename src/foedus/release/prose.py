"""Whether the texts of an object tell of a person, whoever wrote them and wherever they stand.

Told are e-mail addresses, telephone numbers with a country code and IBAN: they have a form of their
own and can be checked. Other kinds cannot be told in prose from ordinary numbers and words.

1. Most objects hold no sign of any of them, and are not even taken apart: the signs are looked for
   in the exact bytes. Bytes that are not ASCII, or that escape a character, could spell a sign
   otherwise and are always read.
2. What a request for information says is read in place of the envelope it stands in.
3. What is read are the texts of the object (:func:`foedus.release.redact.texts_shown`) without UUID
   and hashes, whose digits could be taken for a number.
4. What looks like a value counts if it is one: its check digits fit, its length is right.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import msgspec

from foedus.model.defang import refang
from foedus.model.kinds import FoedusKind, statement_of
from foedus.model.objects import StixObject
from foedus.model.selectors import SelectorError, SelectorKind, normalise
from foedus.release.redact import texts_shown
from foedus.release.traces import Traces, evenly_spelt

__all__ = ["tells_of_a_person"]

_TOLD: Final = (SelectorKind.EMAIL, SelectorKind.PHONE, SelectorKind.IBAN)

_ESCAPE: Final = re.compile(rb"\\[bfnrt]")
_PLUS: Final = re.compile(rb"\+\s?\d")
_ZEROS: Final = re.compile(rb"00\s?\d(?:[ ().\-/]{0,3}\d){7}")
_CLASSES: Final = (
    bytes(
        ord("0") if chr(byte).isdigit() else ord("a") if chr(byte).isalpha() else ord(" ")
        for byte in range(128)
    )
    + b" " * 128
)
_COUNTRY_FORM: Final = b" aa00"
_DIGITS_AT: Final = 3
"""Where in the form the digits stand, at which :data:`_COUNTRY` begins."""
# It begins with the digits, which are rare, and looks back for the letters. Left out are the groups
# of a UUID and longer runs than any IBAN, such as hashes.
_COUNTRY: Final = re.compile(
    rb"\d\d(?<=[A-Za-z]{2}\d\d)(?<![0-9A-Za-z][A-Za-z]{2}\d\d)"
    rb"(?<!--[A-Za-z]{2}\d\d)(?<![0-9a-f]{4}-[A-Za-z]{2}\d\d)"
    rb"(?![0-9A-Za-z]{31})(?:[ \-]?[0-9A-Za-z]){11}"
)
_NO_NUMBER: Final = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{32,}\b", re.IGNORECASE
)


def tells_of_a_person(obj: StixObject) -> bool:
    """Whether any text of the object holds a value that reaches a person."""
    raw, document = obj.raw, None
    if obj.type == FoedusKind.REQUEST and (statement := statement_of(obj)) is not None:
        document = statement
        raw = msgspec.json.encode(statement)
    kinds = _signs(raw)
    if not kinds:
        return False
    # Joined by what no value holds, so that none begins in one text and ends in the next.
    text = _NO_NUMBER.sub(
        "\0", evenly_spelt("\0".join(texts_shown(obj.document() if document is None else document)))
    )
    return any(
        _reaches_a_person(kind, trace) for kind in kinds for trace in _finder(kind).find(text)
    )


def _signs(raw: bytes) -> Sequence[SelectorKind]:
    """Return the kinds of which the bytes hold a sign (rule 1)."""
    if not raw.isascii():
        return _TOLD
    if b"\\" in raw:
        if b"\\u" in raw:
            return _TOLD
        raw = _ESCAPE.sub(b"  ", raw)  # the letter of an escape is no letter of the text
    kinds = []
    if _shows_an_address(raw):
        kinds.append(SelectorKind.EMAIL)
    if (b"+" in raw and _PLUS.search(raw)) or _ZEROS.search(raw):
        kinds.append(SelectorKind.PHONE)
    if _shows_a_country(raw):
        kinds.append(SelectorKind.IBAN)
    return kinds


def _shows_an_address(raw: bytes) -> bool:
    if b"@" in raw:
        return True
    lowered = raw.lower()
    return b"at]" in lowered or (b")" in lowered and b"at)" in lowered)


def _shows_a_country(raw: bytes) -> bool:
    """Whether two letters and two digits begin what may be an IBAN; only such places are read."""
    form = raw.translate(_CLASSES)
    at = form.find(_COUNTRY_FORM)
    while at >= 0:
        if _COUNTRY.match(raw, at + _DIGITS_AT):
            return True
        at = form.find(_COUNTRY_FORM, at + 1)
    return False


def _reaches_a_person(kind: SelectorKind, trace: str) -> bool:
    """Rule 4."""
    try:
        normalise(kind, refang(trace))
    except SelectorError:
        return False
    return True


@lru_cache(maxsize=len(_TOLD))
def _finder(kind: SelectorKind) -> Traces:
    return Traces(frozenset({kind}), ())
