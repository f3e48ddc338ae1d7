"""The API root for a member's own tools: what is held, drafts, and the member's named collections.

Who calls, and what the token opens, is said by :mod:`foedus.exchange.server.credentials`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from foedus.clock import Clock
from foedus.exchange.errors import ForbiddenError
from foedus.exchange.lane_names import TOOLS_PATH
from foedus.exchange.server.credentials import (
    DRAFTS,
    HELD,
    TOKEN_CHALLENGES,
    Credentials,
    ToolCaller,
)
from foedus.exchange.server.edge import MAX_TOOL_BODY_BYTES, Call
from foedus.exchange.server.resources import CollectionInfo, PageReply
from foedus.model.identifiers import ObjectId
from foedus.node.collected import (
    CollectionPost,
    Keep,
    delete_versions,
    take_objects,
    was_deleted,
)
from foedus.node.ports import Database, ItemState
from foedus.node.read_copy import reading
from foedus.node.serve_tools import (
    DraftOutcome,
    DraftPost,
    discard_drafts,
    drafts_page,
    held_page,
    holds,
)
from foedus.node.served import PageQuery, VersionChoice

__all__ = ["ToolsRoot"]

_BRIEF_QUERY_CHARS: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolsRoot:
    """The root at ``/tools/``.

    Attributes:
        gate: Lets tools in.
        accept_drafts: Takes what a tool posted to the drafts.
        secret: The node's secret.
    """

    gate: Credentials
    database: Database
    clock: Clock
    accept_drafts: Callable[[DraftPost], Sequence[DraftOutcome]]
    secret: bytes = field(repr=False)
    title: str
    path: str = TOOLS_PATH
    description: str = "Items held here, drafts, and collections of this member's own tools."
    max_body_bytes: int = MAX_TOOL_BODY_BYTES
    challenges: Sequence[str] = TOKEN_CHALLENGES

    def brief(self, call: Call) -> bool:
        """Say whether a call reads, of a store at hand, nothing but a named collection."""
        if not self.database.at_hand or call.method not in {"GET", "HEAD"}:
            return False
        if len(call.query) > _BRIEF_QUERY_CHARS:  # each pair of a type and a version is a look-up
            return False
        return call.parts.get("collection") not in self.gate.standing

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
        """Return the collections the token opens."""
        return self.tool.infos

    def page(self, info: CollectionInfo, query: PageQuery) -> PageReply:
        """Return a page of a collection."""
        number = self._number(info)
        if number:
            with reading(self.root.database) as both:
                return PageReply(page=both.collected_page(number, query))
        with self.root.database.read() as tx:
            read = held_page if info.alias == HELD else drafts_page
            return PageReply(page=read(tx, query))

    def exists(self, info: CollectionInfo, identifier: ObjectId, versions: VersionChoice) -> bool:
        """Say whether an object stands in a collection, and was not deleted in these versions."""
        number = self._number(info)
        named = versions.instants if versions.only_instants else ()
        with self.root.database.read() as tx:
            if number:
                return tx.collections.holds(number, identifier) and not was_deleted(
                    tx, number, self.root.secret, identifier, named
                )
            state = ItemState.HELD if info.alias == HELD else ItemState.DRAFT
            return not named and holds(tx, state, identifier)

    def add(
        self, info: CollectionInfo, objects: Sequence[bytes], keep: Keep
    ) -> Sequence[DraftOutcome]:
        """Take objects into a collection."""
        root, number = self.root, self._number(info)
        if number:
            return take_objects(root.database, root.clock, self._post(number, objects), keep=keep)
        self._check_drafts(info)
        now = root.clock.now()
        outcomes = root.accept_drafts(DraftPost(actor=self.tool.actor, objects=objects, at=now))
        with root.database.write() as tx:
            keep(tx, outcomes)
        return outcomes

    def discard(self, info: CollectionInfo, identifier: ObjectId, versions: VersionChoice) -> int:
        """Delete versions of an object."""
        root, number = self.root, self._number(info)
        if number:
            post = self._post(number, ())
            return delete_versions(root.database, root.clock, post, identifier, versions)
        self._check_drafts(info)
        now = root.clock.now()
        return discard_drafts(root.database, self.tool.actor, identifier, versions, at=now)

    def _post(self, number: int, objects: Sequence[bytes]) -> CollectionPost:
        return CollectionPost(
            collection=number, actor=self.tool.actor, objects=objects, secret=self.root.secret
        )

    def _number(self, info: CollectionInfo) -> int:
        return self.tool.opened[info.id].number

    def _check_drafts(self, info: CollectionInfo) -> None:
        if info.alias != DRAFTS:  # rights are checked before; this holds even if they were not
            raise ForbiddenError("only drafts and named collections are written by tools")
