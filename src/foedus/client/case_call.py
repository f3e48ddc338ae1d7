"""Casework with a node: what every group shares.

Reading may be repeated. What is posted carries a key of its own, by which the node knows a
repetition and does nothing twice; so both are tried again as everything else is.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from foedus.client.connection import Connection, decoded
from foedus.client.errors import RefusedError
from foedus.clock import instant_text

__all__ = ["CaseCall", "Instant", "Page", "segment"]

_API: Final = "/api/v1/"
_JSON: Final = b"application/json"
_MAX_PURPOSE_CHARS: Final = 300
_MAX_KEY_CHARS: Final = 128

Instant = datetime | str
"""An instant, or its text as the node writes them."""

R = TypeVar("R")
K = TypeVar("K")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[R]):
    """Some rows of a list.

    Attributes:
        next: What ``after`` is to say for those that follow; "" where none do.
    """

    rows: Sequence[R]
    next: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseCall:
    """Asks a node for casework.

    Attributes:
        purpose: What personal data is read for; "" leaves it to the token's own.
        key: Key of what is posted; "" draws another for each.
    """

    connection: Connection = field(repr=False)
    purpose: str = ""
    key: str = ""

    def __post_init__(self) -> None:
        """Refuse what cannot stand in a header."""
        if len(self.purpose) > _MAX_PURPOSE_CHARS or not self.purpose.isprintable():
            raise RefusedError("a purpose is one line of at most 300 characters", status=400)
        if len(self.key) > _MAX_KEY_CHARS or not (self.key.isascii() and self.key.isprintable()):
            raise RefusedError("a key is a line of at most 128 plain characters", status=400)

    def get(self, path: str, kind: type[K], **query: Any) -> K:
        """Return what stands at a path, as a kind of document.

        Args:
            path: Below ``/api/v1/``.
            kind: What is expected.
            query: Parameters; what is None, False or "" is left out.
        """
        pairs = [
            (name, _text(each))
            for name, value in query.items()
            for each in (value if isinstance(value, list | tuple) else [value])
            if each is not None and each != "" and each is not False
        ]
        place = _API + path + (f"?{urlencode(pairs)}" if pairs else "")
        headers = {"accept": _JSON, **self._purpose()}
        return decoded(self.connection.send("GET", place, headers=headers), kind)

    def post(self, path: str, kind: type[K], body: Mapping[str, Any] | None = None) -> K:
        """Have something done, once, and return what it came to.

        Args:
            path: Below ``/api/v1/``.
            kind: What is expected.
            body: What is posted; what is None is left out.
        """
        content = {name: _plain(value) for name, value in (body or {}).items() if value is not None}
        headers = {
            "accept": _JSON,
            "content-type": _JSON,
            "idempotency-key": (self.key or secrets.token_hex(16)).encode("ascii"),
            **self._purpose(),
        }
        answer = self.connection.send(
            "POST", _API + path, body=msgspec.json.encode(content), headers=headers
        )
        return decoded(answer, kind)

    def _purpose(self) -> dict[str, bytes]:
        return {"foedus-purpose": self.purpose.encode()} if self.purpose else {}


def segment(name: object) -> str:
    """Return a name as one segment of a path."""
    return quote(str(name), safe="")


def _text(value: Any) -> str:
    return "true" if value is True else str(_plain(value))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return instant_text(value)
    return list(value) if isinstance(value, tuple | set | frozenset) else value
