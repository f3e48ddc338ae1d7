"""Find selectors in the text of a report.

Each kind is looked for in turn on the text with defanged forms undone, and what one kind has
claimed no later kind sees: the domain inside a URL or an e-mail address is not found again.

Order and rules:

1. **URL**: a known scheme, ``://``, a host; trailing punctuation and brackets that were not opened
   inside are cut off, as is the ``[text]`` of a markup link.
2. **E-mail address**: its host ends in a known top-level name.
3. **Wallet**: a word of the right shape whose checksum holds; ``0x`` and 40 hex digits.
4. **Media hash**: ssdeep with a possible block size; TLSH with its ``T1``.
5. **IBAN**: country, length and check digits fit, printed in groups or not; capitals only.
6. **File hash**: a word of 32, 40, 64 or 128 hex digits with enough different ones. Not after
   ``0x``: that is a transaction or a constant.
7. **IPv6, IPv4**: addresses another member could reach (no loopback, private or multicast ones),
   not networks, not version numbers.
8. **Phone**: ``+``, a country code in use, 8 to 15 digits; with ``00`` only after a label.
9. **Handle**: ``@name`` beside the name of its platform. **Document**, **account**: after a label
   and with a digit.
10. **Domain**: the last label is a known top-level name. Files, detection names, method calls,
    reversed package names and sentences run together are told apart by rules of their own, which a
    name written defanged need not pass: nobody defangs a file.

Identifiers of vulnerabilities, techniques and systems are not selectors. Every expression is
linear: no repetition is nested without a separator between its turns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from foedus.intake.find_network import domains, emails, ipv4_addresses, ipv6_addresses, urls
from foedus.intake.find_persons import handles, labelled_numbers, phones
from foedus.intake.find_tokens import file_hashes, ibans, media_hashes, wallets
from foedus.intake.limits import IntakeError
from foedus.intake.scanned import Candidate, Scanned
from foedus.model.defang import refang_with_positions
from foedus.model.selectors import Selector, SelectorError, normalise

__all__ = ["MAX_EXTRACT_CHARS", "Found", "extract"]

MAX_EXTRACT_CHARS: Final = 1_000_000
"""Longest text read, in characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One selector found in a text, where it first stands.

    Attributes:
        selector: What was found, in normal form.
        start: Offset of its first character in the text given.
        end: Offset after its last character.
        text: The text between the two, as written.
    """

    selector: Selector
    start: int
    end: int
    text: str


def extract(text: str, *, limit: int = 20_000) -> tuple[Found, ...]:
    """Return the selectors of a text in order of position, each once, where it first stands.

    Args:
        text: Prose, table or list; untrusted.
        limit: Most selectors returned; those standing first are kept. A result of this very
            length may be incomplete.

    Raises:
        IntakeError: The text is longer than ``MAX_EXTRACT_CHARS``.
    """
    if len(text) > MAX_EXTRACT_CHARS:
        reason = f"{len(text)} characters, and at most {MAX_EXTRACT_CHARS} are read; split it"
        raise IntakeError(name="text", place="file", reason=reason)
    scanned = Scanned(written=text, refanged=refang_with_positions(text))
    first: dict[Selector, Candidate] = {}
    claimed = bytearray(len(scanned.text))
    for find in _FINDERS:
        for candidate in find(scanned):
            start, end = candidate.start, candidate.end
            if claimed.find(1, start, end) >= 0:
                continue
            try:
                selector = normalise(candidate.kind, candidate.value)
            except SelectorError:
                continue
            claimed[start:end] = b"\x01" * (end - start)
            known = first.get(selector)
            if known is None or start < known.start:
                first[selector] = candidate
    ordered = sorted(first.items(), key=lambda item: item[1].start)
    return tuple(_found(scanned, selector, where) for selector, where in ordered[:limit])


def _found(scanned: Scanned, selector: Selector, where: Candidate) -> Found:
    start = scanned.refanged.origin(where.start)
    end = scanned.refanged.origin(where.end)
    return Found(selector=selector, start=start, end=end, text=scanned.written[start:end])


_FINDERS: Final[tuple[Callable[[Scanned], Iterator[Candidate]], ...]] = (
    urls,
    emails,
    wallets,
    media_hashes,
    ibans,
    file_hashes,
    ipv6_addresses,
    ipv4_addresses,
    phones,
    handles,
    labelled_numbers,
    domains,
)
