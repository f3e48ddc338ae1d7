"""The resources of one TAXII 2.1 API root, whoever it is for.

A root authenticates a call and gives a view of what that caller may see; the resources are the
same for all. A collection of which the caller may see nothing looks like one that does not exist;
one of which it may see something refuses what it may not do.

Spec: TAXII 2.1 §4.2 to §5.8.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

import msgspec
from starlette.routing import Route

from foedus.clock import Clock, instant_text
from foedus.exchange.errors import (
    ForbiddenError,
    NoSuchResourceError,
    UnprocessableError,
)
from foedus.exchange.server import resources
from foedus.exchange.server.edge import (
    MAX_SMALL_BODY_BYTES,
    Call,
    Edge,
    Handler,
    Reply,
    Waits,
    challenged,
)
from foedus.exchange.server.media import check_accept, check_content_type
from foedus.exchange.server.paging import NextToken, parse_query
from foedus.exchange.server.resources import CollectionInfo, PageReply, StatusDetail, StatusResource
from foedus.model.bundles import MAX_BUNDLE_OBJECTS
from foedus.model.identifiers import IdentifierError, ObjectId, object_id
from foedus.node.collected import Keep
from foedus.node.ports import Database, Transaction
from foedus.node.serve_tools import DraftOutcome
from foedus.node.served import Page, PageQuery, ServedPage, VersionChoice

__all__ = ["STATUS_KEPT", "Root", "RootView", "TaxiiResources", "split_envelope"]

STATUS_KEPT: Final = timedelta(hours=24)
"""How long the status of a post is kept."""

_EVERY_VERSION = VersionChoice(every=True)
_NO_OBJECT = ObjectId("")
_NOTHING = PageReply(page=ServedPage(objects=(), more=False, position=None))


class RootView(Protocol):
    """What one authenticated caller sees of a root."""

    @property
    def caller(self) -> str:
        """Who calls; an id."""
        ...

    def collections(self) -> Sequence[CollectionInfo]:
        """Return the collections of which the caller may see anything."""
        ...

    def page(self, info: CollectionInfo, query: PageQuery) -> PageReply:
        """Return a page of a collection the caller may read."""
        ...

    def exists(self, info: CollectionInfo, identifier: ObjectId, versions: VersionChoice) -> bool:
        """Say whether an object of this id is in a collection the caller may read.

        Asked when a page of it is empty; False too if these versions of it were deleted.
        """
        ...

    def add(
        self, info: CollectionInfo, objects: Sequence[bytes], keep: Keep
    ) -> Sequence[DraftOutcome]:
        """Take objects into a collection the caller may write to, and keep what became of them."""
        ...

    def discard(self, info: CollectionInfo, identifier: ObjectId, versions: VersionChoice) -> int:
        """Delete versions of an object from a collection the caller may read and write.

        Returns:
            How many there were.
        """
        ...


class Root(Protocol):
    """An API root: what it is, and who may come in."""

    @property
    def path(self) -> str:
        """Path below the node's address, with both slashes."""
        ...

    @property
    def title(self) -> str:
        """Its name, for people."""
        ...

    @property
    def description(self) -> str:
        """What it is for."""
        ...

    @property
    def max_body_bytes(self) -> int:
        """Largest body it reads."""
        ...

    @property
    def challenges(self) -> Sequence[str]:
        """How to authenticate, as challenges of ``WWW-Authenticate``."""
        ...

    def view(self, call: Call) -> RootView:
        """Authenticate a call, or raise the error that is answered with 401."""
        ...

    def brief(self, call: Call) -> bool:
        """Say whether answering a call is a matter of some look-ups by an index."""
        ...


class _Envelope(msgspec.Struct):
    objects: list[msgspec.Raw]


_envelope = msgspec.json.Decoder(_Envelope)


def split_envelope(body: bytes) -> tuple[bytes, ...]:
    """Return the exact bytes of each object of an envelope; none of them is looked into.

    Raises:
        UnprocessableError: It is no envelope, or holds no object or too many.

    Spec: TAXII 2.1 §3.7.
    """
    try:
        parts = _envelope.decode(body).objects
    except (ValueError, RecursionError) as error:
        raise UnprocessableError("the body is not a TAXII envelope") from error
    if not parts:
        raise UnprocessableError("the envelope holds no object")
    if len(parts) > MAX_BUNDLE_OBJECTS:
        raise UnprocessableError(f"an envelope holds at most {MAX_BUNDLE_OBJECTS} objects")
    return tuple(bytes(part) for part in parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class TaxiiResources:
    """The handlers of one root.

    Attributes:
        root: Which root.
        token: Makes and reads ``next``.
        database: Keeps statuses of posts.
        clock: Tells now.
        random: Returns random bytes, for the ids of statuses.
    """

    root: Root
    token: NextToken
    database: Database
    clock: Clock
    random: Callable[[int], bytes] = field(repr=False)

    def routes(self, edge: Edge) -> list[Route]:
        """Return the root's routes."""
        one = self.root.path + "collections/{collection}/"
        plain: tuple[tuple[str, str, Handler], ...] = (
            (self.root.path, "GET", self.api_root),
            (self.root.path + "status/{status}/", "GET", self.status),
            (self.root.path + "collections/", "GET", self.collections),
            (one, "GET", self.collection),
            (one + "manifest/", "GET", self.manifest),
            (one + "objects/{object}/versions/", "GET", self.versions),
        )
        mark = challenged(*self.root.challenges)
        routes = [
            Route(path, edge.endpoint(mark(handler), brief=self.root.brief), methods=[method])
            for path, method, handler in plain
        ]
        objects = edge.endpoint(
            mark(_by_method(GET=self.objects, POST=self.add)),
            max_body_bytes=self.root.max_body_bytes,
            admit=mark(self._admit) if self.root.max_body_bytes > MAX_SMALL_BODY_BYTES else None,
            brief=self.root.brief,
        )
        single = edge.endpoint(
            mark(_by_method(GET=self.object, DELETE=self.delete)), brief=self.root.brief
        )
        return [
            *routes,
            Route(one + "objects/", objects, methods=["GET", "POST"]),
            Route(one + "objects/{object}/", single, methods=["GET", "DELETE"]),
        ]

    def api_root(self, call: Call) -> Reply:
        """Describe the root. Spec: TAXII 2.1 §4.2."""
        self._enter(call)
        root = self.root
        return Reply(body=resources.api_root(root.title, root.description, root.max_body_bytes))

    def status(self, call: Call) -> Reply:
        """Repeat the status of a post. Spec: TAXII 2.1 §4.3."""
        view = self._enter(call)
        since = self.clock.now() - STATUS_KEPT
        with self.database.read() as tx:
            body = tx.collections.status(call.parts["status"], self._owner(view), since=since)
        if body is None:
            raise NoSuchResourceError("no such status")
        return Reply(body=body)

    def collections(self, call: Call) -> Reply:
        """List the caller's collections. Spec: TAXII 2.1 §5.1."""
        return Reply(body=resources.collections(self._enter(call).collections()))

    def collection(self, call: Call) -> Reply:
        """Describe one collection. Spec: TAXII 2.1 §5.2."""
        return Reply(body=resources.collection(_find(self._enter(call), call)))

    def manifest(self, call: Call) -> Reply:
        """List what a collection holds. Spec: TAXII 2.1 §5.3."""
        return self._paged(call, resources.manifest)

    def objects(self, call: Call) -> Reply:
        """Serve objects of a collection. Spec: TAXII 2.1 §5.4."""
        return self._paged(call, resources.envelope)

    def object(self, call: Call) -> Reply:
        """Serve the versions asked for of one object. Spec: TAXII 2.1 §5.6."""
        return self._paged(call, resources.envelope, one=True)

    def versions(self, call: Call) -> Reply:
        """List the versions of one object. Spec: TAXII 2.1 §5.8."""
        return self._paged(call, resources.versions, one=True, every=True)

    def add(self, call: Call) -> Reply:
        """Take objects into a collection. Spec: TAXII 2.1 §5.5."""
        view = self._enter(call)
        info = _find(view, call)
        if not info.can_write:
            raise ForbiddenError("this collection is not for writing")
        check_content_type(call.header("content-type"))
        at = self.clock.now()
        identifier = str(uuid.UUID(bytes=self.random(16), version=4))
        body = b""

        def keep(tx: Transaction, outcomes: Sequence[DraftOutcome]) -> None:
            nonlocal body
            body = _status(identifier, at, outcomes)
            owner = self._owner(view)
            tx.collections.keep_status(identifier, owner, body, at=at, expired=at - STATUS_KEPT)

        view.add(info, split_envelope(call.body), keep)
        return Reply(body=body, status=202)

    def delete(self, call: Call) -> Reply:
        """Delete versions of an object, all unless some are named. Spec: TAXII 2.1 §5.7."""
        view = self._enter(call)
        info = _find(view, call)
        if not (info.can_read and info.can_write):
            raise ForbiddenError("deleting needs the right to read and to write")
        identifier = _object_id(call)
        query = parse_query(
            call.query,
            token=self.token,
            scope=self._scope(view, info),
            versions=_EVERY_VERSION,
        )
        if query is None or not view.discard(info, identifier, query.versions):
            raise NoSuchResourceError("no such object")
        return Reply(body=b"{}")

    def _admit(self, call: Call) -> None:
        """Authenticate before a large body is read."""
        self.root.view(call)

    def _enter(self, call: Call) -> RootView:
        """Authenticate, then see what answer would be acceptable."""
        view = self.root.view(call)
        check_accept(call.header("accept"))
        return view

    def _paged(
        self,
        call: Call,
        render: Callable[[Page, str], bytes],
        *,
        one: bool = False,
        every: bool = False,
    ) -> Reply:
        view = self._enter(call)
        info = _find(view, call)
        if not info.can_read:
            raise ForbiddenError("this collection is not for reading")
        scope = self._scope(view, info)
        query = parse_query(call.query, token=self.token, scope=scope)
        identifier = _NO_OBJECT
        if one:
            identifier = _object_id(call)
            query = query and replace(query, ids=frozenset({identifier}), types=frozenset())
        if every:
            query = query and replace(query, versions=_EVERY_VERSION)
        versions = _EVERY_VERSION if query is None else query.versions

        def answer(_call: Call) -> Reply:
            reply = _NOTHING if query is None else view.page(info, query)
            if one and reply.page.span is None and not view.exists(info, identifier, versions):
                raise NoSuchResourceError("no such object")
            cursor: datetime | None = None if query is None else query.after
            return Reply(
                body=render(reply.page, self._next(reply.page, scope)),
                headers={**resources.date_headers(reply.page, cursor), **reply.headers},
                waits=None if reply.wait is None else Waits(wait=reply.wait, answer=later),
            )

        later = challenged(*self.root.challenges)(answer)
        return answer(call)

    def _next(self, page: Page, scope: str) -> str:
        if not page.more or page.position is None:
            return ""
        return self.token.make(page.position, scope)

    def _scope(self, view: RootView, info: CollectionInfo) -> str:
        return f"{self.root.path} {view.caller} {info.id}"

    def _owner(self, view: RootView) -> str:
        return f"{self.root.path} {view.caller}"


def _status(identifier: str, at: datetime, outcomes: Sequence[DraftOutcome]) -> bytes:
    """Return the status resource of a post that is done."""
    now = instant_text(at)
    good: list[StatusDetail] = []
    bad: list[StatusDetail] = []
    for one in outcomes:
        detail = StatusDetail(one.object_id, one.version or now, one.message)
        (good if one.accepted else bad).append(detail)
    return StatusResource.complete(identifier, at, successes=good, failures=bad).encoded()


def _by_method(**handlers: Handler) -> Handler:
    """Return a handler that passes a call on by its method; HEAD is answered as GET."""

    def handle(call: Call) -> Reply:
        return handlers["GET" if call.method == "HEAD" else call.method](call)

    return handle


def _find(view: RootView, call: Call) -> CollectionInfo:
    name = call.parts["collection"]
    for info in view.collections():
        if name in {info.id, info.alias} and (info.can_read or info.can_write):
            return info
    raise NoSuchResourceError("no such collection")


def _object_id(call: Call) -> ObjectId:
    try:
        return object_id(call.parts["object"])
    except IdentifierError as error:
        raise NoSuchResourceError("no such object") from error
