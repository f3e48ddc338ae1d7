"""The API root for a member's own tools: what is held, drafts, and the member's named collections.

Who calls, and what the token opens, is said by :mod:`foedus.exchange.server.credentials`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from foedus.clock import Clock
from foedus.errors import FoedusError
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
from foedus.model.identifiers import MemberId, ObjectId
from foedus.node.collected import (
    CollectionPost,
    Keep,
    delete_versions,
    take_objects,
    was_deleted,
)
from foedus.node.ports import Database, ItemState
from foedus.node.ports.readings import ToolReading
from foedus.node.read_copy import reading
from foedus.node.reading_tally import ReadingTally
from foedus.node.readings import tool_purpose
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
        member: This node's member.
        tally: Counts what is read; written at most once a minute, by a thread of its own.
        require_purpose: Whether only tokens with a stated purpose read.
    """

    gate: Credentials
    database: Database
    clock: Clock
    accept_drafts: Callable[[DraftPost], Sequence[DraftOutcome]]
    secret: bytes = field(repr=False)
    member: MemberId
    title: str
    tally: ReadingTally = field(default_factory=ReadingTally, repr=False)
    require_purpose: bool = False
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
        """Return a page of a collection; that it was read is counted.

        Raises:
            PurposeNeededError: A purpose is demanded, and none was stated with the token.
        """
        tool_purpose(self.tool.purpose, required=self.root.require_purpose)
        number = self._number(info)
        if number:
            with reading(self.root.database) as both:
                reply = PageReply(page=both.collected_page(number, query))
        else:
            with self.root.database.read() as tx:
                read = held_page if info.alias == HELD else drafts_page
                reply = PageReply(page=read(tx, query))
        self._count(info, len(reply.page.raws()))
        return reply

    def _count(self, info: CollectionInfo, count: int) -> None:
        if not count:
            return
        counted = ToolReading(
            minute=self.root.clock.now(),
            user=self.tool.actor.user,
            token=self.tool.token_id,
            what=f"tools {info.alias}",
            purpose=self.tool.purpose,
            count=count,
        )
        if self.root.tally.note(counted):  # no request waits for the write
            threading.Thread(
                target=self._write_counts,
                args=(counted.minute,),
                name="foedus-readings",
                daemon=True,
            ).start()

    def _write_counts(self, before: datetime) -> None:
        with suppress(FoedusError):  # kept, and written with the next
            self.root.tally.flush(self.root.database, before=before)

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
            collection=number,
            actor=self.tool.actor,
            objects=objects,
            secret=self.root.secret,
            member=self.root.member,
        )

    def _number(self, info: CollectionInfo) -> int:
        return self.tool.opened[info.id].number

    def _check_drafts(self, info: CollectionInfo) -> None:
        if info.alias != DRAFTS:  # rights are checked before; this holds even if they were not
            raise ForbiddenError("only drafts and named collections are written by tools")
