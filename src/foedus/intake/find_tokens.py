"""Find words that carry their own check: wallets, IBAN, file and media hashes (``extract``)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from foedus.intake.scanned import Candidate, Scanned, candidate
from foedus.model.payments import IBAN_LENGTHS
from foedus.model.selectors import SelectorKind

__all__ = ["file_hashes", "ibans", "media_hashes", "wallets"]

_WALLET: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:0x[0-9A-Fa-f]{40}|(?:bc1|ltc1|BC1|LTC1)[0-9A-Za-z]{11,87}"
    r"|bitcoincash:[qp][0-9a-z]{41}|[1-9A-HJ-NP-Za-km-z]{25,106})(?![A-Za-z0-9])"
)
_SSDEEP: Final = re.compile(
    r"(?<![A-Za-z0-9+/:])([1-9][0-9]{0,9}):[A-Za-z0-9+/]{6,64}:[A-Za-z0-9+/]{3,64}(?![A-Za-z0-9+/:])"
)
_TLSH: Final = re.compile(r"(?<![A-Za-z0-9])T1[0-9A-Fa-f]{70}(?![A-Za-z0-9])")
_HASH: Final = re.compile(r"(?<![A-Za-z0-9])[0-9A-Fa-f]{32,128}(?![A-Za-z0-9])")
_HASH_KINDS: Final = {
    32: SelectorKind.MD5,
    40: SelectorKind.SHA1,
    64: SelectorKind.SHA256,
    128: SelectorKind.SHA512,
}
_MIN_DIFFERENT_DIGITS: Final = 6
_IBAN_START: Final = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?=[ \u00a0-]?[A-Z0-9])")
_GROUPED: Final = re.compile(r"[ \u00a0-]?[A-Z0-9]")


def wallets(scanned: Scanned) -> Iterator[Candidate]:
    """Yield what may be wallet addresses (rule 3)."""
    for match in _WALLET.finditer(scanned.text):
        yield candidate(SelectorKind.WALLET, match.start(), match[0])


def media_hashes(scanned: Scanned) -> Iterator[Candidate]:
    """Yield what may be media hashes (rule 4)."""
    for match in _SSDEEP.finditer(scanned.text):
        blocks, rest = divmod(int(match[1]), 3)
        if rest == 0 and blocks & (blocks - 1) == 0:
            yield candidate(SelectorKind.SSDEEP, match.start(), match[0])
    for match in _TLSH.finditer(scanned.text):
        yield candidate(SelectorKind.TLSH, match.start(), match[0])


def file_hashes(scanned: Scanned) -> Iterator[Candidate]:
    """Yield what may be file hashes (rule 6)."""
    for match in _HASH.finditer(scanned.text):
        kind = _HASH_KINDS.get(len(match[0]))
        digits = set(match[0].lower())
        if kind and len(digits) >= _MIN_DIFFERENT_DIGITS and not match[0].isdigit():
            yield candidate(kind, match.start(), match[0])


def ibans(scanned: Scanned) -> Iterator[Candidate]:
    """Yield what may be IBAN (rule 5)."""
    for match in _IBAN_START.finditer(scanned.text):
        length = IBAN_LENGTHS.get(match[0][:2])
        end = match.end()
        for _ in range((length or 0) - len(match[0])):
            following = _GROUPED.match(scanned.text, end)
            if following is None:
                break
            end = following.end()
        if length is not None and not scanned.text[end : end + 1].isalnum():
            yield candidate(SelectorKind.IBAN, match.start(), scanned.text[match.start() : end])
