"""Selectors: what two items may have in common, as normalised ``(kind, value)`` pairs.

Two nodes find that they hold the same thing only if both write it the same way, so the rules are
published (``docs/selectors.md``) and have test vectors. A value that breaks a rule is refused with
the reason; nothing is repaired by guessing.

Rules by kind (network names in :mod:`foedus.model.hosts`, payments in
:mod:`foedus.model.payments`, folding in :mod:`foedus.model.normal_form`):

1. ``url``, ``domain``, ``ipv4``, ``ipv6``, ``email``: see ``hosts``; defanged forms are undone.
2. ``phone``: E.164: ``+`` and 8 to 15 digits, the first not 0. ``00`` is read as ``+``, ``(0)``
   after a country code is dropped. A number without country code is refused: two countries use it.
3. ``iban``, ``wallet``: see ``payments``; the checksum is verified where it can be.
4. ``account``: a bank account that is not an IBAN: letters and digits in capitals, 4 to 34 of them
   with a digit among them; ``INSTITUTION:NUMBER`` when the institution (BIC, sort code) is known.
5. ``handle``: ``platform:name``, folded, the name without ``@``; platform aliases are replaced and
   profile links read. A handle without platform is refused: it names anybody.
6. ``document``: number of a passport, identity card or similar: letters and digits in capitals, 4
   to 32 with a digit among them; ``ISSUER:NUMBER`` when the issuing country is known.
7. ``md5``, ``sha1``, ``sha256``, ``sha512``: hex digits of the right count, lower-case.
8. ``ssdeep``: ``size:hash:hash`` without a file name; ``tlsh``: ``T1`` and 70 hex digits, capitals;
   ``pdq``: 64 hex digits, lower-case.
9. ``name``: NFKC, folded, invisible characters dropped, white space folded to single spaces, with
   at least one letter. Order of the parts, accents and scripts stay: comparing them is matching.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from foedus.model.defang import refang
from foedus.model.hosts import normal_domain, normal_email, normal_ipv4, normal_ipv6, normal_url
from foedus.model.normal_form import SelectorError, ascii_digits, compact, folded, plain
from foedus.model.payments import normal_iban, normal_wallet

__all__ = [
    "FILE_HASH_KINDS",
    "MEDIA_KINDS",
    "PERSONAL_KINDS",
    "Selector",
    "SelectorError",
    "SelectorKind",
    "normalise",
    "refang",
]


class SelectorKind(StrEnum):
    """What a selector names. The values are wire format."""

    URL = "url"
    DOMAIN = "domain"
    IPV4 = "ipv4"
    IPV6 = "ipv6"
    EMAIL = "email"
    PHONE = "phone"
    IBAN = "iban"
    ACCOUNT = "account"
    WALLET = "wallet"
    HANDLE = "handle"
    DOCUMENT = "document"
    MD5 = "md5"
    SHA1 = "sha1"
    SHA256 = "sha256"
    SHA512 = "sha512"
    SSDEEP = "ssdeep"
    TLSH = "tlsh"
    PDQ = "pdq"
    NAME = "name"


PERSONAL_KINDS: Final = frozenset(
    {
        SelectorKind.EMAIL,
        SelectorKind.PHONE,
        SelectorKind.IBAN,
        SelectorKind.ACCOUNT,
        SelectorKind.HANDLE,
        SelectorKind.DOCUMENT,
        SelectorKind.NAME,
    }
)
"""Kinds that name or reach a person, so that an item holding one is personal data."""

FILE_HASH_KINDS: Final = frozenset(
    {SelectorKind.MD5, SelectorKind.SHA1, SelectorKind.SHA256, SelectorKind.SHA512}
)
"""Kinds that name exact bytes."""

MEDIA_KINDS: Final = frozenset({SelectorKind.SSDEEP, SelectorKind.TLSH, SelectorKind.PDQ})
"""Kinds compared by distance rather than equality."""

MAX_NAME_CHARS: Final = 256
PHONE_DIGITS: Final = range(8, 16)
ACCOUNT_CHARS: Final = range(4, 35)
DOCUMENT_CHARS: Final = range(4, 33)

_HEX_DIGITS: Final = {
    SelectorKind.MD5: 32,
    SelectorKind.SHA1: 40,
    SelectorKind.SHA256: 64,
    SelectorKind.SHA512: 128,
    SelectorKind.PDQ: 64,
}
_HEX: Final = re.compile(r"[0-9a-f]+")
_PHONE: Final = re.compile(r"\+[1-9][0-9]*")
_PHONE_SEPARATORS: Final = re.compile(r"[\s().\-/\u2010-\u2015]+")
_TRUNK_ZERO: Final = re.compile(r"(?<=[0-9\s])\(0\)")
_SSDEEP: Final = re.compile(
    r"([1-9][0-9]{0,9}):([A-Za-z0-9+/]{1,64}):([A-Za-z0-9+/]{1,64})(?:,.*)?"
)
_TLSH: Final = re.compile(r"(?:T1)?([0-9A-F]{70})")
_ISSUER: Final = re.compile(r"[A-Z]{2,3}")
_PLATFORM: Final = re.compile(r"[a-z][a-z0-9.-]{1,31}")
_HANDLE: Final = re.compile(r"[\w.#@\-]{1,128}")
_PROFILE: Final = re.compile(
    r"(?:https?://)?(?:www\.|m\.|mobile\.)?([a-z0-9.-]+)/@?([\w.\-]{1,64})/?"
)
_PLATFORM_ALIASES: Final = {
    "x": "twitter",
    "x.com": "twitter",
    "twitter.com": "twitter",
    "tg": "telegram",
    "t.me": "telegram",
    "telegram.me": "telegram",
    "fb": "facebook",
    "facebook.com": "facebook",
    "vkontakte": "vk",
    "vk.com": "vk",
    "ig": "instagram",
    "insta": "instagram",
    "instagram.com": "instagram",
    "tiktok.com": "tiktok",
    "yt": "youtube",
    "youtube.com": "youtube",
    "weixin": "wechat",
    "ok.ru": "odnoklassniki",
    "github.com": "github",
}
_SPACE_OR_CONTROL: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")


@dataclass(frozen=True, slots=True, order=True)
class Selector:
    """One thing two items may have in common, always in normal form.

    Make one with :func:`normalise`; building it directly checks that the value is normal.

    Attributes:
        kind: What the value names.
        value: Its normal form under the rules of the kind.

    Raises:
        SelectorError: The value is not the normal form of anything.
    """

    kind: SelectorKind
    value: str

    def __post_init__(self) -> None:
        if _RULES[self.kind](self.value) != self.value:
            raise SelectorError(f"not in normal form for kind {self.kind}")

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


def normalise(kind: SelectorKind, text: str) -> Selector:
    """Return the selector a text stands for.

    Args:
        kind: What the text is said to be; never guessed.
        text: As written by people or tools, defanged or not; untrusted.

    Raises:
        SelectorError: The text is not of this kind; the message says why, without the text.
    """
    value = _RULES[kind](text)
    # The rule has just produced the value: skip the check of the constructor, which would
    # apply the rule a second time to every selector indexed.
    selector = object.__new__(Selector)
    object.__setattr__(selector, "kind", kind)
    object.__setattr__(selector, "value", value)
    return selector


def _hex_rule(kind: SelectorKind) -> Callable[[str], str]:
    digits = _HEX_DIGITS[kind]

    def rule(text: str) -> str:
        value = text.strip().lower()
        if len(value) != digits or not _HEX.fullmatch(value):
            raise SelectorError(f"{kind} is {digits} hex digits")
        return value

    return rule


def _phone(text: str) -> str:
    written = ascii_digits(plain(text)).removeprefix("tel:")
    number = _PHONE_SEPARATORS.sub("", _TRUNK_ZERO.sub("", written))
    if number.startswith("00"):
        number = "+" + number[2:]
    if not _PHONE.fullmatch(number):
        raise SelectorError("a phone number is + and digits, country code first")
    if len(number) - 1 not in PHONE_DIGITS:
        raise SelectorError("a phone number has 8 to 15 digits")
    return number


def _account(text: str) -> str:
    institution, colon, number = plain(text).rpartition(":")
    value = compact(number)
    if len(value) not in ACCOUNT_CHARS or not any(c.isdigit() for c in value):
        raise SelectorError("an account has 4 to 34 letters and digits, a digit among them")
    if not colon:
        return value
    prefix = compact(institution)
    if not prefix:
        raise SelectorError("the institution before the colon is empty")
    return f"{prefix}:{value}"


def _document(text: str) -> str:
    issuer, colon, number = plain(text).rpartition(":")
    value = compact(number)
    if len(value) not in DOCUMENT_CHARS or not any(c.isdigit() for c in value):
        raise SelectorError("a document number has 4 to 32 letters and digits, a digit among them")
    if not colon:
        return value
    prefix = compact(issuer)
    if not _ISSUER.fullmatch(prefix):
        raise SelectorError("the issuer before the colon is a country code of 2 or 3 letters")
    return f"{prefix}:{value}"


def _handle(text: str) -> str:
    written = folded(text)
    profile = _PROFILE.fullmatch(written)
    if profile is not None and profile[1] in _PLATFORM_ALIASES:
        return f"{_PLATFORM_ALIASES[profile[1]]}:{profile[2]}"
    platform, colon, name = (part.strip() for part in written.partition(":"))
    if not colon:
        raise SelectorError("a handle names its platform: platform:name")
    platform = _PLATFORM_ALIASES.get(platform, platform)
    name = name.lstrip("@")
    if not _PLATFORM.fullmatch(platform) or not _HANDLE.fullmatch(name):
        raise SelectorError("not a platform and a name on it")
    return f"{platform}:{name}"


def _ssdeep(text: str) -> str:
    match = _SSDEEP.fullmatch(plain(text))
    if match is None:
        raise SelectorError("ssdeep is size:hash:hash")
    return f"{match[1]}:{match[2]}:{match[3]}"


def _tlsh(text: str) -> str:
    match = _TLSH.fullmatch(plain(text).upper())
    if match is None:
        raise SelectorError("tlsh is T1 and 70 hex digits")
    return f"T1{match[1]}"


def _name(text: str) -> str:
    # Control characters separate; folding afterwards, since a folded letter may bring a space.
    value = " ".join(folded(_SPACE_OR_CONTROL.sub(" ", text)).split())
    if not any(c.isalpha() for c in value):
        raise SelectorError("a name has a letter")
    if len(value) > MAX_NAME_CHARS:
        raise SelectorError(f"a name has at most {MAX_NAME_CHARS} characters")
    return value


_RULES: Final[Mapping[SelectorKind, Callable[[str], str]]] = {
    SelectorKind.URL: normal_url,
    SelectorKind.DOMAIN: normal_domain,
    SelectorKind.IPV4: normal_ipv4,
    SelectorKind.IPV6: normal_ipv6,
    SelectorKind.EMAIL: normal_email,
    SelectorKind.PHONE: _phone,
    SelectorKind.IBAN: normal_iban,
    SelectorKind.ACCOUNT: _account,
    SelectorKind.WALLET: normal_wallet,
    SelectorKind.HANDLE: _handle,
    SelectorKind.DOCUMENT: _document,
    SelectorKind.MD5: _hex_rule(SelectorKind.MD5),
    SelectorKind.SHA1: _hex_rule(SelectorKind.SHA1),
    SelectorKind.SHA256: _hex_rule(SelectorKind.SHA256),
    SelectorKind.SHA512: _hex_rule(SelectorKind.SHA512),
    SelectorKind.SSDEEP: _ssdeep,
    SelectorKind.TLSH: _tlsh,
    SelectorKind.PDQ: _hex_rule(SelectorKind.PDQ),
    SelectorKind.NAME: _name,
}
