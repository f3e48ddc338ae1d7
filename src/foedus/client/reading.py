"""Read a collection page by page, without losing or repeating anything, from any place.

A page tells when its first and its last object were added; the place after a page is the latter
together with the node's ``next``. See :mod:`foedus.client.cursor` for a reader that stops within a
page.

A marking-definition stands on every page whose objects name it, since terms are served beside what
carries them: a reading yields each once, and one that goes on from a cursor once more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

import msgspec

from foedus.client.connection import Answer, decoded
from foedus.client.cursor import Cursor
from foedus.client.errors import AnswerError, CursorError, RefusedError
from foedus.client.resources import ManifestRecord
from foedus.clock import InstantError, parse_instant, to_micros
from foedus.model.objects import ObjectError, StixObject, parse_object

__all__ = ["Envelope", "Manifest", "Page", "Reading", "Source", "objects_of", "records_of"]

_FIRST: Final = "x-taxii-date-added-first"
_LAST: Final = "x-taxii-date-added-last"
_MARKING: Final = "marking-definition--"
_BAD_REQUEST: Final = 400
_MAX_EMPTY_PAGES: Final = 10_000
T = TypeVar("T", StixObject, ManifestRecord)


class Envelope(msgspec.Struct, frozen=True):
    """An envelope, its objects as they stand (TAXII 2.1 §3.7)."""

    more: bool = False
    next: str = ""
    objects: list[msgspec.Raw] = []


class Manifest(msgspec.Struct, frozen=True):
    """A manifest (TAXII 2.1 §5.3.1)."""

    more: bool = False
    next: str = ""
    objects: list[ManifestRecord] = []


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Generic[T]):
    """One page.

    Attributes:
        items: Its objects or records, in the order they were added, what was read before left out.
        more: Whether further ones may follow.
        first: When the first was added, as the node wrote it; "" on an empty page.
        last: When the last was added, likewise.
        cursor: The place after it.
    """

    items: tuple[T, ...] = field(repr=False)
    more: bool
    first: str
    last: str
    cursor: Cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class Source(Generic[T]):
    """What is read: how it is asked for, and what an answer holds.

    Attributes:
        get: Asks for a page with these parameters.
        parse: Returns what a page holds, whether more follows, and ``next``.
        key: Returns the id and the version of one of them, in one text.
    """

    get: Callable[[Mapping[str, str]], Answer]
    parse: Callable[[Answer], tuple[tuple[T, ...], bool, str]]
    key: Callable[[T], str]


class Reading(Iterator[T], Generic[T]):
    """An iterator over what a collection holds, which knows where it stands.

    It ends when the node has no more; make another from its cursor to see what came since.
    """

    def __init__(
        self, source: Source[T], query: Mapping[str, str], cursor: Cursor, *, mark: str
    ) -> None:
        """Begin at a cursor.

        Args:
            source: What is read.
            query: Parameters besides those of the place.
            cursor: Where to begin.
            mark: Of this query.

        Raises:
            CursorError: The cursor is another query's.
        """
        if cursor.query not in {"", mark}:
            raise CursorError("the cursor belongs to another query")
        self._source: Source[T] = source
        self._query = dict(query)
        self._mark = mark
        self._place = Cursor(
            query=mark,
            after=cursor.after,
            token=cursor.token,
            had=cursor.had,
            had_until=cursor.had_until,
        )
        self._had = set(cursor.had)
        self._page: Page[T] | None = None
        self._taken = 0
        self._told: set[str] = set()
        self._ended = False

    @property
    def cursor(self) -> Cursor:
        """Where this reading stands: all it yielded lies before, nothing else does."""
        page = self._page
        if page is None:
            return self._place
        if self._taken == len(page.items):
            return page.cursor
        yielded = {self._source.key(each) for each in page.items[: self._taken]}
        return Cursor(
            query=self._mark,
            after=self._place.after,
            token=self._place.token,
            had=tuple(sorted(self._had | yielded)),
            had_until=max(page.last, self._place.had_until, key=_instant),
        )

    def pages(self) -> Iterator[Page[T]]:
        """Yield whole pages instead; do not mix with single objects."""
        while (page := self._turn()) is not None:
            self._taken = len(page.items)
            yield page

    def __iter__(self) -> Reading[T]:
        """Return itself."""
        return self

    def __next__(self) -> T:
        """Return the next one, asking the node for a page where needed."""
        empty = 0
        while self._page is None or self._taken == len(self._page.items):
            if empty > _MAX_EMPTY_PAGES:
                raise AnswerError("the node says again and again that more follows, and sends none")
            if self._turn() is None:
                raise StopIteration
            empty += 1
        self._taken += 1
        return self._page.items[self._taken - 1]

    def _turn(self) -> Page[T] | None:
        """Get the next page; None after the last."""
        if self._ended:
            return None
        if self._page is not None:
            self._place = self._page.cursor
            self._had = set(self._place.had)
        page = self._get()
        self._ended = not page.more
        self._page, self._taken = page, 0
        return page

    def _get(self) -> Page[T]:
        place = self._place
        answer = self._asked(place)
        items, more, token = self._source.parse(answer)
        first, last = (_date(answer, name) if items else "" for name in (_FIRST, _LAST))
        after = last or place.after
        if items and _instant(last) < max(_instant(first), _instant(place.after)):
            raise AnswerError("the node served what was added earlier after what was added later")
        if more and (token, after) in {("", place.after), (place.token, place.after)}:
            raise AnswerError("the node says that more follows, and not where")
        had = set(place.had) if self._still_had(first, place) else set()
        fresh = tuple(self._fresh(items, had))
        going_on = bool(had) and not fresh and _instant(last) < _instant(place.had_until)
        return Page(
            items=fresh,
            more=more,
            first=first,
            last=last,
            cursor=Cursor(
                query=self._mark,
                after=after,
                token=token if more else "",
                had=place.had if going_on else (),
                had_until=place.had_until if going_on else "",
            ),
        )

    def _asked(self, place: Cursor) -> Answer:
        query = dict(self._query)
        if place.after:
            query["added_after"] = place.after
        if not place.token:
            return self._source.get(query)
        try:
            return self._source.get(query | {"next": place.token})
        except RefusedError as error:
            # Made under another key or for another token: the instant says the same, a bit earlier.
            if error.status != _BAD_REQUEST or not place.after:
                raise
            return self._source.get(query)

    def _still_had(self, first: str, place: Cursor) -> bool:
        return not first or _instant(first) <= _instant(place.had_until)

    def _fresh(self, items: Sequence[T], had: set[str]) -> Iterator[T]:
        """Yield what is new: what was had stands in front, and each marking is told once."""
        skipping = bool(had)
        for each in items:
            key = self._source.key(each)
            if key.startswith(_MARKING):
                if key not in had and key not in self._told:
                    self._told.add(key)
                    yield each
                continue
            skipping = skipping and key in had
            if not skipping:
                yield each


def objects_of(get: Callable[[Mapping[str, str]], Answer]) -> Source[StixObject]:
    """Return objects as something to read."""

    def parse(answer: Answer) -> tuple[tuple[StixObject, ...], bool, str]:
        envelope = decoded(answer, Envelope)
        try:
            items = tuple(parse_object(bytes(raw)) for raw in envelope.objects)
        except ObjectError as error:
            raise AnswerError(f"the node served what is no STIX 2.1 object: {error}") from error
        return items, envelope.more, envelope.next

    return Source(get=get, parse=parse, key=lambda item: f"{item.id} {item.version}")


def records_of(get: Callable[[Mapping[str, str]], Answer]) -> Source[ManifestRecord]:
    """Return records of a manifest as something to read."""

    def parse(answer: Answer) -> tuple[tuple[ManifestRecord, ...], bool, str]:
        manifest = decoded(answer, Manifest)
        return tuple(manifest.objects), manifest.more, manifest.next

    return Source(get=get, parse=parse, key=lambda item: f"{item.id} {item.version}")


def _date(answer: Answer, name: str) -> str:
    text = answer.headers.get(name, "")
    try:
        parse_instant(text)
    except InstantError as error:
        raise AnswerError(
            f"the node did not say {name}, so a reader could lose its place"
        ) from error
    return text


def _instant(text: str) -> int:
    return to_micros(parse_instant(text)) if text else 0
