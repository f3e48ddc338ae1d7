"""Query parameters of the resources that page and filter, and the signed ``next``.

``next`` carries the position itself, so that the server keeps nothing and any process of the node
can answer. It is bound to the collection and to the caller by an authentication code under a key
of the node, so that nobody can make one up. Sent together with ``added_after``, the later of the
two counts.

Rules of :func:`parse_query`: each parameter at most once; values of a filter are separated by
commas; no version twice, and ``all`` alone; a filter that is not known is refused, since to leave
it out would return more than was asked; other parameters that are not known are ignored.

Spec: TAXII 2.1 §3.4, §3.5, §5.4.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl

from foedus.clock import InstantError, from_micros, parse_instant, to_micros
from foedus.exchange.errors import BadRequestError
from foedus.node.served import PageQuery, VersionChoice

__all__ = [
    "DEFAULT_PAGE_OBJECTS",
    "LAST_VERSION",
    "MAX_MATCH_VALUES",
    "MAX_PAGE_OBJECTS",
    "MAX_QUERY_CHARS",
    "NextToken",
    "parse_query",
]

DEFAULT_PAGE_OBJECTS: Final = 1_000
"""Objects on a page when the caller names no limit."""

MAX_PAGE_OBJECTS: Final = 1_000
"""Most objects on a page, whatever limit the caller names."""

MAX_QUERY_CHARS: Final = 16 * 1024
"""Longest query string read, in characters."""

MAX_MATCH_VALUES: Final = 200
"""Most values of one filter."""

LAST_VERSION: Final = VersionChoice(last=True)
"""What is meant where nothing is said (TAXII 2.1 §3.4)."""

_MAX_PARAMETERS: Final = 32
_SPEC_VERSION: Final = "2.1"
_SPEC_VERSION_FORM: Final = re.compile(r"[0-9]{1,2}\.[0-9]{1,2}", re.ASCII)
_MATCHES: Final = frozenset({"id", "type", "version", "spec_version"})
_MAX_LIMIT_DIGITS: Final = 18
_CODE_BYTES: Final = 16
_MICROS_BYTES: Final = 8
_TOKEN_VERSION: Final = b"\x01"


@dataclass(frozen=True, slots=True)
class NextToken:
    """Makes and reads ``next`` for one node.

    Attributes:
        key: 32 secret bytes of the node.
    """

    key: bytes = field(repr=False)

    @classmethod
    def of_secret(cls, secret: bytes) -> NextToken:
        """Derive the key from the node's secret; the secret itself authenticates nothing here."""
        return cls(hmac.digest(secret, b"foedus/v1/taxii-next", hashlib.sha256))

    def make(self, position: datetime, scope: str) -> str:
        """Return the token for a position.

        Args:
            position: Everything added up to here was served.
            scope: Whose view of which collection; the token is worth nothing elsewhere.
        """
        micros = _TOKEN_VERSION + to_micros(position).to_bytes(_MICROS_BYTES, "big")
        return _text(micros + self._code(micros, scope))

    def read(self, text: str, scope: str) -> datetime:
        """Return the position of a token, or raise.

        Raises:
            BadRequestError: This node made no such token for this scope.
        """
        try:
            data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise BadRequestError("'next' is not one this server gave") from error
        micros, code = data[:-_CODE_BYTES], data[-_CODE_BYTES:]
        whole = len(micros) == 1 + _MICROS_BYTES and _text(data) == text
        if not whole or not hmac.compare_digest(code, self._code(micros, scope)):
            raise BadRequestError("'next' is not one this server gave")
        return from_micros(int.from_bytes(micros[1:], "big"))

    def _code(self, micros: bytes, scope: str) -> bytes:
        return hmac.digest(self.key, micros + scope.encode(), hashlib.sha256)[:_CODE_BYTES]


def _text(data: bytes) -> str:
    """Return unpadded base64url, the one text of a token."""
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def parse_query(
    text: str, *, token: NextToken, scope: str, versions: VersionChoice = LAST_VERSION
) -> PageQuery | None:
    """Read the parameters of a paged resource.

    Args:
        text: The raw query string; untrusted.
        token: Reads ``next``.
        scope: Whose view of which collection.
        versions: Which versions are meant when none are named.

    Returns:
        The query, or None when it asks for a version of STIX of which there is nothing here.

    Raises:
        BadRequestError: A parameter is malformed, repeated or an unknown filter.
    """
    values = _parameters(text)
    matches = _matches(values)
    after = _instant("added_after", values["added_after"]) if "added_after" in values else None
    if "next" in values:
        position = token.read(values["next"], scope)
        after = position if after is None else max(after, position)
    limit = _limit(values["limit"]) if "limit" in values else DEFAULT_PAGE_OBJECTS
    spec_versions = matches.get("spec_version", frozenset({_SPEC_VERSION}))
    if not all(map(_SPEC_VERSION_FORM.fullmatch, spec_versions)):
        raise BadRequestError("match[spec_version] names no version of STIX")
    if _SPEC_VERSION not in spec_versions:
        return None
    return PageQuery(
        after=after,
        limit=limit,
        ids=matches.get("id", frozenset()),
        types=matches.get("type", frozenset()),
        versions=_versions(values) if "match[version]" in values else versions,
    )


def _parameters(text: str) -> Mapping[str, str]:
    if len(text) > MAX_QUERY_CHARS:
        raise BadRequestError(f"the query is longer than {MAX_QUERY_CHARS} characters")
    try:
        pairs = parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=_MAX_PARAMETERS
        )
    except ValueError as error:
        raise BadRequestError("the query is malformed") from error
    values: dict[str, str] = {}
    for name, value in pairs:
        if name in values:
            raise BadRequestError(f"{name[:40]!r} stands twice; separate values by commas")
        values[name] = value
    return values


def _matches(values: Mapping[str, str]) -> dict[str, frozenset[str]]:
    matches: dict[str, frozenset[str]] = {}
    for name, value in values.items():
        if not (name.startswith("match[") and name.endswith("]")):
            continue
        field_name = name.removeprefix("match[").removesuffix("]")
        if field_name not in _MATCHES:
            raise BadRequestError(f"there is no filter {name[:60]!r} here")
        parts = value.split(",")
        if len(parts) > MAX_MATCH_VALUES or not all(parts):
            raise BadRequestError(f"{name!r} needs 1 to {MAX_MATCH_VALUES} values, none empty")
        matches[field_name] = frozenset(parts)
    return matches


def _limit(text: str) -> int:
    digits = text.isascii() and text.isdigit() and len(text) <= _MAX_LIMIT_DIGITS
    if not digits or int(text) < 1:
        raise BadRequestError("'limit' is not a number of 1 or more")
    return min(int(text), MAX_PAGE_OBJECTS)


def _instant(name: str, text: str) -> datetime:
    try:
        return parse_instant(text)
    except InstantError as error:
        raise BadRequestError(f"{name!r} is not an RFC 3339 instant in UTC") from error


def _versions(parameters: Mapping[str, str]) -> VersionChoice:
    """Read ``match[version]``: each at most once, and ``all`` alone (TAXII 2.1 §3.4.1)."""
    values = parameters["match[version]"].split(",")
    instants = [
        _instant("match[version]", value)
        for value in values
        if value not in {"first", "last", "all"}
    ]
    if len(set(values)) < len(values) or len(set(instants)) < len(instants):
        raise BadRequestError("'match[version]' names a version twice")
    if "all" in values and len(values) > 1:
        raise BadRequestError("'match[version]' names 'all' beside others")
    return VersionChoice(
        first="first" in values,
        last="last" in values,
        every="all" in values,
        instants=frozenset(instants),
    )
