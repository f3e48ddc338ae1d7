"""Find URLs, e-mail addresses, IP addresses and domain names in a text (rules: ``extract``)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

from foedus.intake.scanned import Candidate, Scanned, candidate
from foedus.intake.top_level_names import EXTENSION_LIKE, FILE_EXTENSIONS, TOP_LEVEL_NAMES
from foedus.model.selectors import SelectorKind

__all__ = ["domains", "emails", "ipv4_addresses", "ipv6_addresses", "urls"]

_URL: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:https?|ftps?|sftp|wss?|tcp|udp|ssh|smb|ldaps?|rtsp|socks[45]?)://"
    r"(?:\[[0-9A-Fa-f:.]{2,45}\])?[^\s<>\"'`{}|\\^\u00a0\u2018-\u201f\u3000-\u303f\uff00-\uff20]{1,2048}",
    re.IGNORECASE,
)
_AUTHORITY: Final = re.compile(r"[a-z0-9]+://(?:\[[^\]]*\])?[^/?#\[]*", re.IGNORECASE)
_TRAILING: Final = ".,;:!?*_~\u2026"
_CLOSING: Final = {")": "(", "]": "["}
_MARKUP: Final = re.compile(r"\[(?!\w{0,32}\](?:=|$))|\*\*|\)[\](\[]")
_HOST_END: Final = re.compile(r"[^\x21-\x7e]")


def urls(scanned: Scanned) -> Iterator[Candidate]:
    """Yield what may be URLs (rule 1)."""
    for match in _URL.finditer(scanned.text):
        value = _trimmed_url(match[0])
        host = _AUTHORITY.match(value)
        if host is None or not _is_reachable_host(host[0].partition("://")[2]):
            continue
        yield candidate(SelectorKind.URL, match.start(), value)


def _trimmed_url(text: str) -> str:
    authority = _AUTHORITY.match(text)
    at = authority.end() if authority else 0
    markup = _MARKUP.search(text, at)
    value = text[: markup.start()] if markup else text
    foreign = _HOST_END.search(value, 0 if _runs_into_prose(value[:at]) else at)
    if foreign is not None:
        value = value[: foreign.start()]
    while value and (value[-1] in _TRAILING or _is_unopened(value)):
        value = value[:-1]
    return value


def _runs_into_prose(authority: str) -> bool:
    # Chinese and Japanese put no space after a URL: a host that is not ASCII counts only when
    # its top-level name exists.
    host = authority.partition("://")[2].rpartition("@")[2].partition(":")[0]
    return not host.isascii() and _top_level(host) not in TOP_LEVEL_NAMES


def _is_unopened(text: str) -> bool:
    opening = _CLOSING.get(text[-1])
    return opening is not None and text.count(text[-1]) > text.count(opening)


def _is_reachable_host(authority: str) -> bool:
    host = authority.rpartition("@")[2]
    if host.startswith("["):
        return True
    name = host.partition(":")[0]
    if _DOTTED_NUMBERS.fullmatch(name):
        return _is_public_ipv4(name)
    return "." in name.strip(".") and not name.lower().endswith((".local", ".localhost", ".lan"))


_EMAIL: Final = re.compile(
    r"(?<![A-Za-z0-9._%+\-@])[A-Za-z0-9][A-Za-z0-9._%+\-]{0,63}@"
    r"((?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.){1,8}[A-Za-z][A-Za-z0-9-]{1,23})(?![\w@])"
)


def emails(scanned: Scanned) -> Iterator[Candidate]:
    """Yield what may be e-mail addresses (rule 2)."""
    for match in _EMAIL.finditer(scanned.text):
        if match[1].rpartition(".")[2].lower() in TOP_LEVEL_NAMES:
            yield candidate(SelectorKind.EMAIL, match.start(), match[0])


_DOTTED_NUMBERS: Final = re.compile(r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}")
_IPV4: Final = re.compile(r"(?<![\w.\-])((?:[0-9]{1,3}\.){3}[0-9]{1,3})(?![\w-]|\.[0-9])(/[0-9]+)?")
_IPV6: Final = re.compile(
    r"(?<![\w:.])(?=[0-9A-Fa-f:]{0,40}:[0-9A-Fa-f:]{0,40}:)[0-9A-Fa-f:]{4,40}(?:(?<=:)(?:[0-9]{1,3}\.){3}[0-9]{1,3})?"
    r"(?![\w:])(/[0-9]+)?"
)
_VERSION_BEFORE: Final = re.compile(
    r"(?:\bv|\bver|version|build|release|revision|firmware|update|patch|section|chapter|java|flash"
    r"|player|openssl|chrome|firefox|rv:|oid|edition|software|sdk|kernel|driver)"
    r"[\s.:=\"'(`v]{0,4}$",
    re.IGNORECASE,
)
_BEFORE_CHARS: Final = 24
_PRIVATE_172: Final = IPv4Network("172.16.0.0/12")
_RESERVED: Final = IPv4Network("240.0.0.0/4")
_UNIQUE_LOCAL: Final = IPv6Network("fc00::/7")
_MIN_IPV6_DIGITS: Final = 5
_MIN_IPV6_GROUPS: Final = 3


def ipv6_addresses(scanned: Scanned) -> Iterator[Candidate]:
    """Yield what may be IPv6 addresses (rule 7)."""
    for match in _IPV6.finditer(scanned.text):
        value = match[0].removesuffix(match[1] or "")
        groups = [group for group in value.split(":") if group]
        digits = sum(map(len, groups))
        if match[1] and match[1] != "/128":
            continue
        if (
            digits >= _MIN_IPV6_DIGITS
            and len(groups) >= _MIN_IPV6_GROUPS
            and _is_public_ipv6(value)
        ):
            yield candidate(SelectorKind.IPV6, match.start(), value)


def ipv4_addresses(scanned: Scanned) -> Iterator[Candidate]:
    """Yield what may be IPv4 addresses (rule 7)."""
    for match in _IPV4.finditer(scanned.text):
        if match[2] and match[2] != "/32":
            continue
        if not _is_public_ipv4(match[1]):
            continue
        before = scanned.text[max(0, match.start() - _BEFORE_CHARS) : match.start()]
        defanged = scanned.is_defanged(match.start(), match.end(1))
        if defanged or not (_VERSION_BEFORE.search(before) or re.search(r"\w/$", before)):
            yield candidate(SelectorKind.IPV4, match.start(), match[1])


def _is_public_ipv4(text: str) -> bool:
    try:
        address = IPv4Address(text)
    except ValueError:
        return False
    return not (
        text.startswith(("0.", "10.", "127.", "169.254.", "192.168."))
        or address.is_multicast
        or address in _RESERVED
        or address in _PRIVATE_172
    )


def _is_public_ipv6(text: str) -> bool:
    try:
        address = IPv6Address(text)
    except ValueError:
        return False
    return not (
        address.is_loopback
        or address.is_unspecified
        or address.is_link_local
        or address.is_multicast
        or address in _UNIQUE_LOCAL
    )


_DOMAIN: Final = re.compile(
    r"(?<![\w@\-])(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,10}(?:xn--[a-z0-9-]{2,40}|[^\W\d_]{2,24})(?![\w@])"
)
_CODE: Final = (
    "this self window document java javax system os sys std string math json console process asp "
    "vb ado node next vue microsoft request response event object array date file path app main "
    "socket thread task user data model view index config"
)
_PROGRAM_WORDS: Final = frozenset(_CODE.split())
_REVERSED: Final = frozenset({"com", "org", "net", "io", "android", "java", "javax", "edu", "gov"})
_COMMON: Final = frozenset({"com", "org"})
_REGISTERED: Final = 2
_PATH_BEFORE: Final = frozenset("/\\.$%={")
_PATH_AFTER: Final = frozenset("\\(=%")


def domains(scanned: Scanned) -> Iterator[Candidate]:
    """Yield what may be domain names (rule 10)."""
    for match in _DOMAIN.finditer(scanned.text):
        name = match[0]
        if _top_level(name) not in TOP_LEVEL_NAMES:
            continue
        if scanned.is_defanged(match.start(), match.end()) or _reads_as_domain(scanned.text, match):
            yield candidate(SelectorKind.DOMAIN, match.start(), name)


def _top_level(name: str) -> str:
    last = name.rpartition(".")[2]
    if last.isascii():
        return last.lower()
    try:
        return last.lower().encode("idna").decode("ascii")
    except UnicodeError:
        return ""


def _reads_as_domain(text: str, match: re.Match[str]) -> bool:
    before = text[match.start() - 1 : match.start()]
    after = text[match.end() : match.end() + 1]
    if before in _PATH_BEFORE or after in _PATH_AFTER:
        return False
    return _is_plain_name(match[0])


def _is_plain_name(name: str) -> bool:
    """Tell a domain name from a file, a detection name, code or a sentence run together."""
    labels = name.split(".")
    top = labels[-1]
    if top != top.lower() and name != name.upper():
        return False
    first = labels[0].lower()
    if first in _REVERSED:
        return False
    if top.lower() in EXTENSION_LIKE:
        return len(labels) > _REGISTERED and labels[-2].lower() not in FILE_EXTENSIONS
    return len(labels) > _REGISTERED or first not in _PROGRAM_WORDS or top in _COMMON
