"""Normal forms of network names: host, domain, IP address, e-mail address, URL.

Rules:

1. A **domain** has at least two labels, is lower-case, in ASCII (IDNA 2003 ``xn--`` form for other
   scripts), without trailing dot; its last label is not a number. Underscores are allowed, since
   names seen in traffic have them; a label is 1 to 63 characters, the whole at most 253.
2. An **IPv4 address** is four decimal numbers without leading zeros (a leading zero is read as
   octal by some software, so it is refused); ``/32`` is dropped, another prefix is refused because
   a network is not an address.
3. An **IPv6 address** is written as RFC 5952 says; brackets and ``/128`` are dropped, a zone is
   refused.
4. An **e-mail address** is folded as a whole. RFC 5321 lets the local part be case-sensitive; no
   large provider makes it so, and a match missed for a capital costs more than a question asked in
   vain. Quoted local parts are refused. Sub-addresses (``+tag``) and dots stay as they are.
5. A **URL** has a scheme and a host, both lower-case; default port, empty port and fragment are
   dropped; an empty path is ``/``; dot segments are resolved; per-cent triplets are in capitals and
   decoded where they stand for unreserved characters; characters a URI may not hold are encoded as
   UTF-8 (RFC 3986 §6.2.2). Query, user information and the case of the path stay.

Spec: RFC 3986 §6.2.2, RFC 5321 §4.5.3.1, RFC 5952 §4, RFC 3490.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final
from urllib.parse import quote

from foedus.model.defang import refang
from foedus.model.normal_form import SelectorError, folded, plain

__all__ = [
    "DEFAULT_PORTS",
    "normal_domain",
    "normal_email",
    "normal_ipv4",
    "normal_ipv6",
    "normal_url",
]

DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ftp": 21, "ws": 80, "wss": 443, "ssh": 22}
"""Ports that say nothing beside their scheme."""

MAX_HOST_CHARS: Final = 253
MAX_LOCAL_CHARS: Final = 64
MAX_PORT: Final = 65_535

_HOST: Final = re.compile(
    r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*"
)
_TOP: Final = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])")
_LOCAL: Final = re.compile(r"[^\s\"(),:;<>@\[\\\]\x00-\x1f\x7f]+")
_URL: Final = re.compile(
    r"([A-Za-z][A-Za-z0-9+.-]{0,31})://([^/?#]*)([^?#]*)(\?[^#]*)?(?:#.*)?", re.DOTALL
)
_FORBIDDEN: Final = re.compile(r"[\s\x00-\x1f\x7f]")
_CLEAN: Final = re.compile(r"[A-Za-z0-9\-._~/?\[\]@!$&'()*+,;=:]*")
_TRIPLET: Final = re.compile(r"%([0-9A-Fa-f]{2})?")
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_SAFE: Final = "%/?[]@!$&'()*+,;=:~"
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PLAIN_DOMAIN: Final = re.compile(rf"(?:{_LABEL}\.){{1,8}}[a-z]{{2,24}}")
_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_PLAIN_IPV4: Final = re.compile(rf"(?:{_OCTET}\.){{3}}{_OCTET}")
_SEGMENT = r"[A-Za-z0-9\-_~][A-Za-z0-9\-_~.]*"
_PLAIN_URL: Final = re.compile(
    rf"https?://(?:{_LABEL}\.){{1,8}}[a-z]{{2,24}}"
    rf"/(?:{_SEGMENT}/)*(?:{_SEGMENT})?(?:\?[A-Za-z0-9\-._~&=]*)?"
)
# The three plain forms are normal as they stand; most values are, and one match spares ten steps.
# Text no longer than a host may be holds no host that is too long.
_ALL_DIGITS: Final = re.compile(r"[0-9.]+")
_BRACKETED: Final = re.compile(r"\[(\.|dot|:|/|://)\]", re.IGNORECASE)


def normal_domain(text: str) -> str:
    """Return the normal form of a domain name (rule 1), or raise :class:`SelectorError`."""
    if _PLAIN_DOMAIN.fullmatch(text) and len(text) <= MAX_HOST_CHARS:
        return text
    host = _host(refang(plain(text)))
    _, dot, top = host.rpartition(".")
    if not dot:
        raise SelectorError("a domain has at least two labels")
    if not _TOP.fullmatch(top):
        raise SelectorError("not a domain: its last label cannot be a top-level name")
    return host


def normal_ipv4(text: str) -> str:
    """Return the normal form of an IPv4 address (rule 2), or raise :class:`SelectorError`."""
    if _PLAIN_IPV4.fullmatch(text):
        return text
    address, slash, prefix = refang(plain(text)).partition("/")
    if slash and prefix != "32":
        raise SelectorError("a network or path, not one IPv4 address")
    try:
        return str(IPv4Address(address))
    except AddressValueError as fault:
        raise SelectorError("not an IPv4 address in four decimal numbers") from fault


def normal_ipv6(text: str) -> str:
    """Return the normal form of an IPv6 address (rule 3), or raise :class:`SelectorError`."""
    address, slash, prefix = refang(plain(text)).partition("/")
    if slash and prefix != "128":
        raise SelectorError("a network or path, not one IPv6 address")
    if address.startswith("[") and address.endswith("]"):
        address = address[1:-1]
    if "%" in address:
        raise SelectorError("an IPv6 zone means something on one machine only")
    try:
        return str(IPv6Address(address))
    except AddressValueError as fault:
        raise SelectorError("not an IPv6 address") from fault


def normal_email(text: str) -> str:
    """Return the normal form of an e-mail address (rule 4), or raise :class:`SelectorError`."""
    address = refang(folded(text)).removeprefix("mailto:")
    local, at, host = address.rpartition("@")
    if not at:
        raise SelectorError("an e-mail address has an @")
    if not _LOCAL.fullmatch(local) or len(local) > MAX_LOCAL_CHARS:
        raise SelectorError("the part before @ is empty, quoted or too long")
    if local[0] == "." or local[-1] == "." or ".." in local:
        raise SelectorError("misplaced dot before @")
    return f"{local}@{normal_domain(host)}"


def normal_url(text: str) -> str:
    """Return the normal form of a URL (rule 5), or raise :class:`SelectorError`."""
    if len(text) <= MAX_HOST_CHARS and _PLAIN_URL.fullmatch(text):
        return text
    match = _URL.fullmatch(_refang_url(text.strip() if text.isascii() else plain(text)))
    if match is None:
        raise SelectorError("a URL has a scheme, :// and a host")
    scheme = match[1].lower()
    path = _encoded(match[3])
    if "/." in path:
        path = _without_dot_segments(path)
    query = _encoded(match[4]) if match[4] else ""
    return f"{scheme}://{_authority(match[2], scheme)}{path or '/'}{query}"


def _refang_url(text: str) -> str:
    # Round brackets may stand in a real path, square ones around a dot may not: the
    # authority is read with every form, the rest with the square forms only.
    if "[" not in text and "(" not in text and "{" not in text and text[:4].lower() == "http":
        return text
    head, root, rest = refang(text).partition("://")
    if not root:
        return text
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    tail = text[_tail_start(text) :]
    return f"{head}://{authority}{_BRACKETED.sub(lambda found: _bare(found[1]), tail)}"


def _bare(mark: str) -> str:
    return "." if mark.lower() == "dot" else mark


def _tail_start(text: str) -> int:
    root = re.match(r"[^/]*//|[^/\[]*\[://\]", text)
    if root is None:
        return len(text)
    tail = re.compile(r"[/?#]").search(text, root.end())
    return tail.start() if tail else len(text)


def _authority(text: str, scheme: str) -> str:
    user, at, host = text.rpartition("@")
    if host.startswith("["):
        inner, _, port = host[1:].partition("]")
        name = f"[{normal_ipv6(inner)}]"
        if port and not port.startswith(":"):
            raise SelectorError("something stands between the host and its port")
        port = port[1:]
    else:
        name, _, port = host.partition(":")
        name = normal_ipv4(name) if _ALL_DIGITS.fullmatch(name) else _host(name)
    if port:
        name += _port(port, scheme)
    return f"{_encoded(user)}@{name}" if at else name


def _port(text: str, scheme: str) -> str:
    if not (text.isascii() and text.isdigit()) or not 0 < int(text[:6]) <= MAX_PORT:
        raise SelectorError("not a port")
    port = int(text)
    return "" if DEFAULT_PORTS.get(scheme) == port else f":{port}"


def _host(text: str) -> str:
    host = text.lower()
    if not host.isascii():
        if len(host) > MAX_HOST_CHARS:
            raise SelectorError(f"a host name has at most {MAX_HOST_CHARS} characters")
        try:
            host = host.encode("idna").decode("ascii").lower()
        except UnicodeError as fault:
            raise SelectorError("a label of the host name is not allowed by IDNA") from fault
    host = host.removesuffix(".")
    if len(host) > MAX_HOST_CHARS or not _HOST.fullmatch(host):
        raise SelectorError("not a host name")
    return host


def _encoded(text: str) -> str:
    if _CLEAN.fullmatch(text):
        return text
    if _FORBIDDEN.search(text):
        raise SelectorError("a URL holds no white space or control characters")
    escaped = quote(text, safe=_SAFE)
    return _TRIPLET.sub(lambda found: _triplet(found[1]), escaped)


def _triplet(digits: str | None) -> str:
    if digits is None:
        return "%25"
    character = chr(int(digits, 16))
    return character if character in _UNRESERVED else f"%{digits.upper()}"


def _without_dot_segments(path: str) -> str:
    """Resolve ``.`` and ``..``. Spec: RFC 3986 §5.2.4."""
    kept: list[str] = []
    segments = path.split("/")
    for segment in segments[1:]:
        if segment == "..":
            if kept:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    if segments[-1] in {".", ".."}:
        kept.append("")
    return "/" + "/".join(kept)
