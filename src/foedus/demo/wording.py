"""Plain words for kinds, verdicts, reasons and redactions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

from foedus.demo.outcome import Cell

__all__ = ["cell_style", "cell_words", "kinds_words", "reason_words", "redaction_words"]

_KINDS: Final = {
    "bank-account": ("account", "accounts"),
    "cryptocurrency-wallet": ("wallet", "wallets"),
    "domain-name": ("domain", "domains"),
    "email-addr": ("e-mail address", "e-mail addresses"),
    "file": ("file", "files"),
    "grouping": ("grouping", "groupings"),
    "identity": ("person or group", "persons and groups"),
    "identity-document": ("identity document", "identity documents"),
    "indicator": ("indicator", "indicators"),
    "infrastructure": ("infrastructure", "infrastructures"),
    "ipv4-addr": ("IPv4 address", "IPv4 addresses"),
    "ipv6-addr": ("IPv6 address", "IPv6 addresses"),
    "malware": ("malicious program", "malicious programs"),
    "marking-definition": ("marking", "markings"),
    "phone-number": ("telephone number", "telephone numbers"),
    "url": ("link", "links"),
    "user-account": ("user account", "user accounts"),
}
_VERDICTS: Final = {
    "permit": ("yes", "green"),
    "permit-redacted": ("in part", "yellow"),
    "needs-approval": ("officer", "cyan"),
    "needs-consent": ("consent", "cyan"),
    "deny": ("no", "red"),
    "own": ("its own", "dim"),
}
_REMOVED: Final = {
    "kind:account": "account numbers",
    "kind:document": "numbers of identity documents",
    "kind:email": "e-mail addresses",
    "kind:handle": "user names",
    "kind:iban": "IBANs",
    "kind:phone": "telephone numbers",
    "kind:wallet": "wallets",
    "property:contact_information": "contact details",
    "property:description": "the description",
}
_RESERVED: Final = re.compile(r"^article (\S+) is reserved by (.+)$")
_ALL_REMOVED: Final = re.compile(r"^the object is itself what must be removed \((.+)\)$")


def kinds_words(types: Iterable[str]) -> str:
    """Return how many items of which kinds, most first: ``3 domains, 1 account``."""
    counts = Counter(types)
    return ", ".join(
        f"{number} {_kind(name, number)}"
        for name, number in sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    )


def _kind(name: str, number: int) -> str:
    one, many = _KINDS.get(name, (name.replace("-", " "), f"{name.replace('-', ' ')}s"))
    return one if number == 1 else many


def cell_words(cell: Cell) -> str:
    """Return a decision for a narrow column, with the article it rests on: ``yes · 7``."""
    word = _VERDICTS.get(cell.verdict, (cell.verdict, ""))[0]
    return f"{word} · {cell.article}" if cell.article else word


def cell_style(cell: Cell) -> str:
    """Return the colour of a decision."""
    return _VERDICTS.get(cell.verdict, ("", "red"))[1]


def reason_words(code: str, reason: str) -> str:
    """Return why something is withheld or denied, as one would say it."""
    reserved = _RESERVED.match(reason)
    if reserved is not None:
        return f"Article {reserved[1]} is reserved by {reserved[2]}"
    removed = _ALL_REMOVED.match(reason)
    if removed is not None:
        what = redaction_words([f"kind:{each.strip()}" for each in removed[1].split(",")])
        return f"nothing would be left of it: {what} must be removed"
    if code == "needs-approval":
        return "an officer must first approve exactly this item for exactly this member"
    return reason


def redaction_words(redact: Iterable[str]) -> str:
    """Return what a release takes out, in words."""
    return ", ".join(_REMOVED.get(each, each) for each in redact)
