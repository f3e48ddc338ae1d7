"""TAXII resources as JSON bytes. Objects are joined as they are, never rebuilt.

Spec: TAXII 2.1 §3.7 (envelope), §4.1.1 (discovery), §4.2.1 (API root), §4.3.1 (status),
§5.1.1 and §5.2.1 (collections), §5.3.1 (manifest), §5.8.1 (versions). The two last have no
``next`` in the standard; it is sent, since a reader of several pages cannot end without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import msgspec

from foedus.clock import instant_text
from foedus.exchange.server.media import STIX_TYPE, TAXII_TYPE
from foedus.exchange.server.waiting import LaneWait
from foedus.node.served import Page

__all__ = [
    "CollectionInfo",
    "PageReply",
    "StatusDetail",
    "StatusResource",
    "api_root",
    "collection",
    "collections",
    "date_headers",
    "discovery",
    "envelope",
    "manifest",
    "versions",
]

_STIX_RECORD: Final = f',"media_type":"{STIX_TYPE}"'
_BEGINNING: Final = "1970-01-01T00:00:00.000000Z"


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionInfo:
    """One collection as its caller may see it.

    Attributes:
        id: UUID text.
        alias: A readable name that may stand in its place in a path.
        can_read: Whether this caller may read it.
        can_write: Whether this caller may write to it.
    """

    id: str
    alias: str
    title: str
    description: str
    can_read: bool
    can_write: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PageReply:
    """A page and what is said beside it.

    Attributes:
        headers: Headers of our own that go with it, names in lower case.
        wait: What its request waits for; None to be answered at once.
    """

    page: Page
    headers: Mapping[str, str] = field(default_factory=dict)
    wait: LaneWait | None = None


class StatusDetail(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one object of a post (TAXII 2.1 §4.3.1)."""

    id: str
    version: str
    message: str = ""


class StatusResource(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of a post (TAXII 2.1 §4.3.1); complete as soon as it is given."""

    id: str
    status: str
    request_timestamp: str
    total_count: int
    success_count: int
    failure_count: int
    pending_count: int
    successes: tuple[StatusDetail, ...] = ()
    failures: tuple[StatusDetail, ...] = ()

    def encoded(self) -> bytes:
        """Return the resource as JSON."""
        return msgspec.json.encode(self)

    @classmethod
    def complete(
        cls,
        identifier: str,
        at: datetime,
        *,
        successes: Iterable[StatusDetail],
        failures: Iterable[StatusDetail],
    ) -> StatusResource:
        """Return the status of a post that is done."""
        good, bad = tuple(successes), tuple(failures)
        return cls(
            id=identifier,
            status="complete",
            request_timestamp=instant_text(at),
            total_count=len(good) + len(bad),
            success_count=len(good),
            failure_count=len(bad),
            pending_count=0,
            successes=good,
            failures=bad,
        )


def discovery(title: str, roots: Sequence[str]) -> bytes:
    """Return a discovery resource.

    Args:
        title: The server's name.
        roots: Absolute URLs of the API roots the caller may use, the default first.
    """
    body: dict[str, object] = {"title": title}
    if roots:
        body |= {"default": roots[0], "api_roots": list(roots)}
    return msgspec.json.encode(body)


def api_root(title: str, description: str, max_content_bytes: int) -> bytes:
    """Return an API root resource."""
    return msgspec.json.encode(
        {
            "title": title,
            "description": description,
            "versions": [TAXII_TYPE],
            "max_content_length": max_content_bytes,
        }
    )


def collections(infos: Sequence[CollectionInfo]) -> bytes:
    """Return a collections resource; an empty one has no list."""
    return msgspec.json.encode({"collections": [_info(info) for info in infos]} if infos else {})


def collection(info: CollectionInfo) -> bytes:
    """Return a collection resource."""
    return msgspec.json.encode(_info(info))


def envelope(page: Page, token: str) -> bytes:
    """Return an envelope of the page's objects, byte for byte.

    Args:
        page: What is served.
        token: ``next``; used only if more follows.
    """
    head = b'"more":true,"next":' + msgspec.json.encode(token) if page.more else b""
    raws = list(page.raws())
    if not raws:
        return b"{" + head + b"}"
    # The frame goes onto the ends, so that a large page is put together once.
    raws[0] = b"{" + (head + b"," if head else b"") + b'"objects":[' + raws[0]
    raws[-1] += b"]}"
    return b",".join(raws)


def manifest(page: Page, token: str) -> bytes:
    """Return a manifest resource of the page."""
    # Ids, instants and dates were read by their forms, which hold nothing that JSON escapes.
    records = ",".join(
        [
            f'{{"id":"{object_id}","date_added":"{added}","version":"{version}"{_STIX_RECORD}}}'
            for object_id, version, added in page.records()
        ]
    )
    return _paged("objects", msgspec.Raw(f"[{records}]".encode()) if records else (), page, token)


def versions(page: Page, token: str) -> bytes:
    """Return a versions resource of the page."""
    return _paged("versions", page.versions(), page, token)


def date_headers(page: Page, cursor: datetime | None) -> dict[str, str]:
    """Return the headers that tell when the first and last object of a page were added.

    An empty page repeats the reader's cursor, so that whoever follows by it stays where it is.

    Spec: TAXII 2.1 §3.5 (headers), §1.6.3 (six fraction digits).
    """
    span = page.span
    if span is not None:
        texts = instant_text(span[0]), instant_text(span[1])
    else:
        text = _BEGINNING if cursor is None else instant_text(cursor)
        texts = text, text
    return {"x-taxii-date-added-first": texts[0], "x-taxii-date-added-last": texts[1]}


def _paged(name: str, values: Sequence[object] | msgspec.Raw, page: Page, token: str) -> bytes:
    body: dict[str, object] = {"more": True, "next": token} if page.more else {}
    if values:
        body[name] = values
    return msgspec.json.encode(body)


def _info(info: CollectionInfo) -> Mapping[str, object]:
    return {
        "id": info.id,
        "title": info.title,
        "description": info.description,
        "alias": info.alias,
        "can_read": info.can_read,
        "can_write": info.can_write,
        "media_types": [STIX_TYPE],
    }
