"""Values that are known to be benign: matching them would accuse everybody.

Rules, in order:

1. Addresses that are not globally routable, except the documentation ranges, which exercises use
   (RFC 5735, RFC 6890; documentation: RFC 5737, RFC 3849).
2. Hashes of empty input, which every empty file shares.
3. Public resolvers and names that occur in nearly every report (kept short on purpose).
4. What the node's own list adds (one ``kind,value`` per line in its settings).
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from foedus.model.selectors import Selector, SelectorError, SelectorKind, normalise

__all__ = ["BenignList", "builtin_benign"]

_DOCUMENTATION = tuple(
    ipaddress.ip_network(net)
    for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
)
_RESOLVERS = ("8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "2001:4860:4860::8888")
_COMMON_DOMAINS = (
    "google.com", "youtube.com", "facebook.com", "instagram.com", "twitter.com", "x.com", "t.me",
    "telegram.org", "wikipedia.org", "microsoft.com", "windows.com", "apple.com", "github.com",
    "amazonaws.com", "cloudflare.com", "w3.org", "schema.org", "mozilla.org", "bit.ly", "vk.com",
    "yandex.ru", "baidu.com", "qq.com", "weibo.com",
)  # fmt: skip
_EMPTY_HASHES = (
    (SelectorKind.MD5, hashlib.md5(b"", usedforsecurity=False).hexdigest()),
    (SelectorKind.SHA1, hashlib.sha1(b"", usedforsecurity=False).hexdigest()),
    (SelectorKind.SHA256, hashlib.sha256(b"").hexdigest()),
    (SelectorKind.SHA512, hashlib.sha512(b"").hexdigest()),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BenignList:
    """Selectors known to be benign, with the reason.

    Attributes:
        reasons: Selector → why it is benign.
    """

    reasons: dict[Selector, str]

    def reason(self, selector: Selector) -> str | None:
        """Return why a selector is benign, or None."""
        listed = self.reasons.get(selector)
        if listed is not None:
            return listed
        if selector.kind in {SelectorKind.IPV4, SelectorKind.IPV6}:
            return _address_reason(selector.value)
        return None

    def extended(self, lines: Iterable[str]) -> BenignList:
        """Return a list with a node's own ``kind,value`` lines added.

        Raises:
            SelectorError: A line is not a selector; the message names it.
        """
        reasons = dict(self.reasons)
        for number, line in enumerate(lines, start=1):
            text = line.strip()
            if not text or text.startswith("#"):
                continue
            kind, _, value = text.partition(",")
            try:
                reasons[normalise(SelectorKind(kind.strip()), value)] = "on this node's benign list"
            except (ValueError, SelectorError) as error:
                raise SelectorError(f"benign list line {number}: {error}") from error
        return BenignList(reasons=reasons)


def builtin_benign() -> BenignList:
    """Return the built-in list; see the module's rules."""
    reasons: dict[Selector, str] = {}
    for kind, value in _EMPTY_HASHES:
        reasons[normalise(kind, value)] = "the hash of an empty file"
    for address in _RESOLVERS:
        kind = SelectorKind.IPV6 if ":" in address else SelectorKind.IPV4
        reasons[normalise(kind, address)] = "a public name resolver"
    for domain in _COMMON_DOMAINS:
        reasons[normalise(SelectorKind.DOMAIN, domain)] = "a service nearly everybody uses"
    return BenignList(reasons=reasons)


def _address_reason(value: str) -> str | None:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return None
    if any(address in net for net in _DOCUMENTATION if net.version == address.version):
        return None
    if not address.is_global:
        return "an address that is not routable on the public Internet"
    return None
