"""What each MISP attribute type becomes; the closed table behind :mod:`foedus.intake.misp`.

A type not listed here has no counterpart and is refused with that reason.

Spec: MISP core format §2.4.2 (types and categories).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from foedus.model.selectors import SelectorKind

__all__ = ["CARRIED", "COMPOSITES", "FILE_PARTS", "HANDLES", "REFUSED", "SELECTORS"]

_ADDRESS: Final = (SelectorKind.IPV4, SelectorKind.IPV6)
_HOST: Final = (SelectorKind.DOMAIN, SelectorKind.IPV4, SelectorKind.IPV6)
_EMAIL: Final = (SelectorKind.EMAIL,)
_WALLET: Final = (SelectorKind.WALLET,)
_DOCUMENT: Final = (SelectorKind.DOCUMENT,)

SELECTORS: Final[Mapping[str, tuple[SelectorKind, ...]]] = {
    "md5": (SelectorKind.MD5,),
    "sha1": (SelectorKind.SHA1,),
    "sha256": (SelectorKind.SHA256,),
    "sha512": (SelectorKind.SHA512,),
    "ssdeep": (SelectorKind.SSDEEP,),
    "tlsh": (SelectorKind.TLSH,),
    "domain": (SelectorKind.DOMAIN,),
    "hostname": _HOST,
    "ip-src": _ADDRESS,
    "ip-dst": _ADDRESS,
    "url": (SelectorKind.URL,),
    "uri": (SelectorKind.URL,),
    "email": _EMAIL,
    "email-src": _EMAIL,
    "email-dst": _EMAIL,
    "email-reply-to": _EMAIL,
    "target-email": _EMAIL,
    "whois-registrant-email": _EMAIL,
    "dns-soa-email": _EMAIL,
    "phone-number": (SelectorKind.PHONE,),
    "whois-registrant-phone": (SelectorKind.PHONE,),
    "iban": (SelectorKind.IBAN,),
    "bank-account-nr": (SelectorKind.IBAN, SelectorKind.ACCOUNT),
    "btc": _WALLET,
    "dash": _WALLET,
    "xmr": _WALLET,
    "passport-number": _DOCUMENT,
    "identity-card-number": _DOCUMENT,
    "visa-number": _DOCUMENT,
}
"""Types whose value is a selector; several kinds are tried in order."""

HANDLES: Final[Mapping[str, str]] = {
    "twitter-id": "twitter",
    "github-username": "github",
    "jabber-id": "jabber",
}
"""Types whose value is a handle on the platform named."""

COMPOSITES: Final[Mapping[str, tuple[str, str]]] = {
    "filename|md5": ("filename", "md5"),
    "filename|sha1": ("filename", "sha1"),
    "filename|sha256": ("filename", "sha256"),
    "filename|sha512": ("filename", "sha512"),
    "filename|ssdeep": ("filename", "ssdeep"),
    "filename|tlsh": ("filename", "tlsh"),
    "domain|ip": ("domain", "ip-dst"),
    "ip-dst|port": ("ip-dst", "port"),
    "ip-src|port": ("ip-src", "port"),
    "hostname|port": ("hostname", "port"),
}
"""Types whose value is two values with ``|`` between, and the type of each."""

FILE_PARTS: Final = frozenset(
    {"filename", "md5", "sha1", "sha256", "sha512", "ssdeep", "tlsh", "size-in-bytes"}
)
"""Types that, inside one ``file`` object, describe one file together."""

CARRIED: Final = frozenset({"comment", "text", "other"})
"""Free text: kept in the note of the event."""

_CONTENT: Final = "content of a file; only its hashes are taken"
_RULE: Final = "a detection rule, not a value two members could have in common"

REFUSED: Final[Mapping[str, str]] = {
    "attachment": _CONTENT,
    "malware-sample": _CONTENT,
    "yara": _RULE,
    "snort": _RULE,
    "sigma": _RULE,
    "bro": _RULE,
    "zeek": _RULE,
    "pattern-in-file": _RULE,
    "pattern-in-memory": _RULE,
    "pattern-in-traffic": _RULE,
    "cc-number": "payment card numbers are not taken; name the account instead",
}
"""Types refused for a reason of their own."""
