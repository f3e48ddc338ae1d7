"""Tokens of a member's own tools: who presents one, and what it opens.

A token comes as ``Bearer`` (some clients write ``Token``) or as the password of ``Basic``, whose
user name says nothing. Only its SHA-256 is stored, and it is a random text too long to guess, so no
slow password hash is needed. What a token opens is worked out once and kept, with the number that
the store gives to the state of users, tokens, grants and collections; each request compares that
number, so that a revocation counts from the next request on, in every process.

A token acts as its user: what that user's roles do not allow, the token does not either. One bound
to a client certificate opens nothing without it; the certificate by itself is enough, since the
proxy that names it has seen that the caller holds its key.

When a token was last used is written by a thread of its own, at most once a minute.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

from foedus.access import Actor, Role
from foedus.clock import Clock
from foedus.errors import FoedusError
from foedus.exchange.errors import TokenRefusedError
from foedus.exchange.lane_names import tools_collection_id
from foedus.exchange.server.edge import Call
from foedus.exchange.server.resources import CollectionInfo
from foedus.model.identifiers import MemberId
from foedus.node.ports import CollectionRow, Database, TokenRow, Transaction, UserRow

__all__ = [
    "DRAFTS",
    "HELD",
    "MAX_TOKEN_CHARS",
    "TOKEN_CHALLENGES",
    "USE_NOTED_EVERY",
    "Credentials",
    "OpenedCollection",
    "ToolCaller",
    "token_digest",
]

TOKEN_CHALLENGES: Final = ('Basic realm="foedus", charset="UTF-8"', 'Bearer realm="foedus"')
"""The two ways of presenting a token."""

MAX_TOKEN_CHARS: Final = 512
"""Longest credentials read, in characters."""

USE_NOTED_EVERY: Final = timedelta(minutes=1)
"""How often the last use of a token is written, at most."""

HELD: Final = "held"
DRAFTS: Final = "drafts"

_READ: Final = "read"
_WRITE: Final = "write"
_MAX_KEPT: Final = 4096
_DESCRIPTIONS: Final = {
    HELD: "Items held here, with their terms among their markings.",
    DRAFTS: "What was read or posted and awaits someone who vouches for it.",
}
_EXERCISE: Final = "EXERCISE. "


def token_digest(token: str) -> bytes:
    """Return what is stored of a token: the SHA-256 of its UTF-8 bytes."""
    return hashlib.sha256(token.encode()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedCollection:
    """One collection as a token opens it.

    Attributes:
        number: Of a named collection, as the store gave it; 0 for held items and drafts.
    """

    info: CollectionInfo
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCaller:
    """A tool that presented a token in force.

    Attributes:
        actor: The user it acts for.
        opened: The collections it opens, by id; held items and drafts first, then by name.
        expires: From when on it opens nothing.
        certificate: The client certificate it must come with, or None.
        purpose: What it reads personal data for; "" for none stated.
        scope: What the token opens besides its grants; "" for nothing.
    """

    actor: Actor
    token_id: str
    opened: Mapping[str, OpenedCollection]
    expires: datetime | None
    certificate: str | None
    purpose: str = ""
    scope: str = ""

    @property
    def infos(self) -> tuple[CollectionInfo, ...]:
        """What TAXII tells of the collections."""
        return tuple(each.info for each in self.opened.values())


@dataclass(kw_only=True, eq=False)
class Credentials:
    """Lets tools in by their tokens. Safe for several threads.

    Attributes:
        database: The node's store.
        member: Whose node it is.
        clock: Tells now.
        exercise: Whether everything here is an exercise; told with each collection.
    """

    database: Database
    member: MemberId
    clock: Clock
    exercise: bool = False
    _kept: dict[bytes, tuple[int, ToolCaller]] = field(default_factory=dict, repr=False)
    _used: dict[str, datetime] = field(default_factory=dict, repr=False)

    @cached_property
    def standing(self) -> frozenset[str]:
        """Ids and names of the collections that every node has."""
        ids = (tools_collection_id(self.member, name) for name in (HELD, DRAFTS))
        return frozenset({HELD, DRAFTS, *ids})

    def caller(self, call: Call) -> ToolCaller:
        """Return the tool that calls.

        Raises:
            TokenRefusedError: No token, or none in force.
        """
        header = call.header("authorization") or ""
        shown = (call.certificate or "").lower()
        key = hashlib.sha256((header or f"certificate {shown}").encode()).digest()
        now = self.clock.now()
        with self.database.read() as tx:
            revision = tx.people.access_revision()
            kept = self._kept.get(key)
            if kept is not None and kept[0] == revision and not _past(kept[1].expires, now):
                caller = kept[1]
            else:
                caller = self._look_up(tx, header, shown, now)
                if len(self._kept) >= _MAX_KEPT:
                    self._kept.clear()
                self._kept[key] = (revision, caller)
        if _past(caller.expires, now):
            raise TokenRefusedError("the token has expired")
        if caller.certificate is not None and not hmac.compare_digest(caller.certificate, shown):
            raise TokenRefusedError("the token belongs to another certificate")
        self._note_use(caller.token_id, now)
        return caller

    def _look_up(self, tx: Transaction, header: str, certificate: str, now: datetime) -> ToolCaller:
        if header or not certificate:
            row = tx.people.token_by_digest(token_digest(_token(header)))
        else:
            bound = [each for each in tx.people.tokens() if each.certificate == certificate]
            live = (each for each in bound if each.revoked is None and not _past(each.expires, now))
            row = next(live, None)
        user = None if row is None else tx.people.user(row.user)
        if row is None or row.revoked is not None or user is None or user.disabled is not None:
            raise TokenRefusedError("no token in force")
        actor = Actor(user=user.name, roles=frozenset(Role(role) for role in user.roles))
        every = tx.collections.all() if row.grants else ()
        opened = (*self._standing(row, user), *_named(row, user, every, exercise=self.exercise))
        return ToolCaller(
            actor=actor,
            token_id=row.token_id,
            opened={each.info.id: each for each in opened},
            expires=row.expires,
            certificate=row.certificate,
            purpose=row.purpose,
            scope=row.scope,
        )

    def _standing(self, row: TokenRow, user: UserRow) -> list[OpenedCollection]:
        """Return held items and drafts, where the token's scope opens them."""
        if row.scope not in {_READ, _WRITE}:
            return []
        writes = row.scope == _WRITE and Role.ANALYST.value in user.roles
        return [
            OpenedCollection(
                info=CollectionInfo(
                    id=tools_collection_id(self.member, name),
                    alias=name,
                    title=name,
                    description=_described(_DESCRIPTIONS[name], exercise=self.exercise),
                    can_read=True,
                    can_write=can_write,
                )
            )
            for name, can_write in ((HELD, False), (DRAFTS, writes))
        ]

    def _note_use(self, token_id: str, now: datetime) -> None:
        """Have the use of a token written, unless that was done within the minute."""
        last = self._used.get(token_id)
        if last is None or now - last >= USE_NOTED_EVERY:
            self._used[token_id] = now
            threading.Thread(
                target=self._write_use, args=(token_id, now), name="foedus-token-use", daemon=True
            ).start()

    def _write_use(self, token_id: str, now: datetime) -> None:
        with suppress(FoedusError), self.database.write() as tx:
            tx.people.note_use(token_id, now)


def _named(
    row: TokenRow, user: UserRow, every: Sequence[CollectionRow], *, exercise: bool
) -> list[OpenedCollection]:
    """Return the named collections that the token's grants open."""
    grants = {each.collection: each for each in row.grants}
    analyst = Role.ANALYST.value in user.roles
    opened = []
    for one in every:
        grant = grants.get(one.number)
        if grant is None:
            continue
        info = CollectionInfo(
            id=one.id,
            alias=one.name,
            title=one.title,
            description=_described(one.description, exercise=exercise),
            can_read=grant.can_read,
            can_write=grant.can_write and analyst,
        )
        if info.can_read or info.can_write:
            opened.append(OpenedCollection(info=info, number=one.number))
    return opened


def _past(instant: datetime | None, now: datetime) -> bool:
    return instant is not None and instant <= now


def _described(text: str, *, exercise: bool) -> str:
    return (_EXERCISE if exercise else "") + text


def _token(header: str) -> str:
    """Return the token of an ``Authorization`` header (RFC 6750 §2.1, RFC 7617 §2)."""
    scheme, _, credentials = header.strip().partition(" ")
    credentials = credentials.strip()
    if not credentials or len(credentials) > MAX_TOKEN_CHARS:
        raise TokenRefusedError("no token")
    match scheme.lower():
        case "bearer" | "token":
            return credentials
        case "basic":
            return _password(credentials)
        case _:
            raise TokenRefusedError("no token")


def _password(credentials: str) -> str:
    try:
        _, separator, password = (
            base64.b64decode(credentials, validate=True).decode().partition(":")
        )
    except (binascii.Error, ValueError) as error:
        raise TokenRefusedError("malformed credentials") from error
    if not separator or not password:
        raise TokenRefusedError("no token")
    return password
