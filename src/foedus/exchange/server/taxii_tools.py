"""The API root for a member's own tools: what is held, and drafts.

Tools carry a token, as ``Bearer`` or as the password of ``Basic``. Only its SHA-256 is stored, and
a token is a random text too long to guess, so no slow password hash is needed on every request. A
token's scope is ``read`` or ``write``, which includes reading; it acts as its user: what that
user's roles do not allow, the token does not either.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from foedus.access import Actor, Role
from foedus.clock import Clock
from foedus.exchange.errors import ForbiddenError, TokenRefusedError
from foedus.exchange.lane_names import TOOLS_PATH, tools_collection_id
from foedus.exchange.server.edge import MAX_TOOL_BODY_BYTES, Call
from foedus.exchange.server.resources import CollectionInfo, PageReply
from foedus.model.identifiers import MemberId, ObjectId
from foedus.node.ports import Database, ItemState
from foedus.node.serve_tools import (
    DraftOutcome,
    DraftPost,
    discard_drafts,
    drafts_page,
    held_page,
    holds,
)
from foedus.node.served import PageQuery, VersionChoice

__all__ = ["MAX_TOKEN_CHARS", "TOKEN_CHALLENGES", "ToolGate", "ToolsRoot", "token_digest"]

TOKEN_CHALLENGES: Final = ('Bearer realm="foedus"', 'Basic realm="foedus", charset="UTF-8"')
"""The two ways of presenting a token."""

MAX_TOKEN_CHARS: Final = 512
"""Longest credentials read, in characters."""

_HELD: Final = "held"
_DRAFTS: Final = "drafts"
_READ: Final = "read"
_WRITE: Final = "write"


def token_digest(token: str) -> bytes:
    """Return what is stored of a token: the SHA-256 of its UTF-8 bytes."""
    return hashlib.sha256(token.encode()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCaller:
    """A tool that presented a token in force."""

    actor: Actor
    token_id: str
    may_read: bool
    may_write: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolGate:
    """Lets tools in by their tokens."""

    database: Database

    def caller(self, call: Call) -> ToolCaller:
        """Return the tool that calls.

        Raises:
            TokenRefusedError: No token, or none in force.
        """
        token = _token(call.header("authorization") or "")
        with self.database.read() as tx:
            row = tx.people.token_by_digest(token_digest(token))
            user = None if row is None else tx.people.user(row.user)
        if row is None or row.revoked is not None or user is None:
            raise TokenRefusedError("no token in force")
        actor = Actor(user=user.name, roles=frozenset(Role(role) for role in user.roles))
        return ToolCaller(
            actor=actor,
            token_id=row.token_id,
            may_read=row.scope in {_READ, _WRITE},
            may_write=row.scope == _WRITE,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolsRoot:
    """The root at ``/tools/``."""

    gate: ToolGate
    database: Database
    member: MemberId
    clock: Clock
    accept_drafts: Callable[[DraftPost], Sequence[DraftOutcome]]
    title: str
    path: str = TOOLS_PATH
    description: str = "Items held here, and drafts."
    max_body_bytes: int = MAX_TOOL_BODY_BYTES
    challenges: Sequence[str] = TOKEN_CHALLENGES

    def view(self, call: Call) -> ToolView:
        """Authenticate a tool."""
        return ToolView(root=self, tool=self.gate.caller(call))


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolView:
    """What one tool sees."""

    root: ToolsRoot
    tool: ToolCaller

    @property
    def caller(self) -> str:
        """The token's id."""
        return self.tool.token_id

    def collections(self) -> Sequence[CollectionInfo]:
        """Return the collections the token's scope opens."""
        can_read, can_write = self.tool.may_read, self.tool.may_write
        held = _info(self.root.member, _HELD, can_read=can_read, can_write=False)
        drafts = _info(self.root.member, _DRAFTS, can_read=can_read, can_write=can_write)
        return tuple(info for info in (held, drafts) if info.can_read or info.can_write)

    def page(self, info: CollectionInfo, query: PageQuery) -> PageReply:
        """Return a page of a collection."""
        read = held_page if info.alias == _HELD else drafts_page
        with self.root.database.read() as tx:
            return PageReply(page=read(tx, query))

    def exists(self, info: CollectionInfo, identifier: ObjectId) -> bool:
        """Say whether an object stands in a collection."""
        state = ItemState.HELD if info.alias == _HELD else ItemState.DRAFT
        with self.root.database.read() as tx:
            return holds(tx, state, identifier)

    def add(self, info: CollectionInfo, objects: Sequence[bytes]) -> Sequence[DraftOutcome]:
        """Take objects among the drafts."""
        self._check_drafts(info)
        now = self.root.clock.now()
        return self.root.accept_drafts(DraftPost(actor=self.tool.actor, objects=objects, at=now))

    def discard(self, info: CollectionInfo, identifier: ObjectId, versions: VersionChoice) -> int:
        """Throw away drafts."""
        self._check_drafts(info)
        now = self.root.clock.now()
        return discard_drafts(self.root.database, self.tool.actor, identifier, versions, at=now)

    def _check_drafts(self, info: CollectionInfo) -> None:
        if info.alias != _DRAFTS:  # rights are checked before; this holds even if they were not
            raise ForbiddenError("only drafts are written by tools")


def _info(member: MemberId, name: str, *, can_read: bool, can_write: bool) -> CollectionInfo:
    descriptions = {
        _HELD: "Items held here, with their terms among their markings.",
        _DRAFTS: "What was read or posted and awaits someone who vouches for it.",
    }
    return CollectionInfo(
        id=tools_collection_id(member, name),
        alias=name,
        title=name,
        description=descriptions[name],
        can_read=can_read,
        can_write=can_write,
    )


def _token(header: str) -> str:
    """Return the token of an ``Authorization`` header (RFC 6750 §2.1, RFC 7617 §2)."""
    scheme, _, credentials = header.strip().partition(" ")
    credentials = credentials.strip()
    if not credentials or len(credentials) > MAX_TOKEN_CHARS:
        raise TokenRefusedError("no token")
    match scheme.lower():
        case "bearer":
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
