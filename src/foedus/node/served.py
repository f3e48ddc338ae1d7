"""What is asked of a served collection, and one page of the answer.

Used by everything that serves stored objects in order of ``added``: members' lanes and the
collections of a member's own tools. Rules of selection, in the order they are applied:

1. ids, types: an object passes if its id is among the ids and its type among the types; an empty
   set restricts nothing.
2. versions: of the versions *in the collection*, ``first`` is the one whose version instant is
   earliest, ``last`` latest, ``all`` every one, and an instant that one. Several join by *or*.
3. ``after``: only what was added later; paging applies to what is left.

The version instant of an object is its ``modified``; else its ``created``; else the instant it was
added to the collection.

Spec: TAXII 2.1 §3.4 (filtering), §3.5 (paging), §5.3.1 (version of a manifest record).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import msgspec

from foedus.clock import InstantError, instant_text, parse_instant
from foedus.model.identifiers import ObjectId

__all__ = ["Page", "PageQuery", "ServedObject", "ServedPage", "VersionChoice", "version_text"]

_UNVERSIONED = "sha256:"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionChoice:
    """Which versions of each object; the default is what TAXII prescribes: the last.

    Attributes:
        first: The earliest.
        last: The latest.
        every: All of them; the rest says nothing then.
        instants: These.
    """

    first: bool = False
    last: bool = False
    every: bool = False
    instants: frozenset[datetime] = frozenset()

    @property
    def only_last(self) -> bool:
        """Whether this asks for the latest version and nothing else."""
        return self.last and not (self.first or self.every or self.instants)

    @property
    def only_instants(self) -> bool:
        """Whether this asks for versions by their instants and for nothing else."""
        return bool(self.instants) and not (self.first or self.last or self.every)

    def takes(self, instant: datetime, others: Iterable[datetime]) -> bool:
        """Say whether a version passes, given the instants of all versions of its object."""
        if self.every or instant in self.instants:
            return True
        known = [instant, *others]
        return (self.first and instant == min(known)) or (self.last and instant == max(known))


@dataclass(frozen=True, slots=True, kw_only=True)
class PageQuery:
    """What a reader asks of a collection.

    Attributes:
        after: Only objects added later; None from the beginning.
        limit: Objects on the page at most, at least 1.
        ids: STIX ids; texts, since an id that is none simply matches nothing.
        types: STIX types.
        versions: Which versions of each object.
    """

    after: datetime | None = None
    limit: int
    ids: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    versions: VersionChoice = field(default_factory=lambda: VersionChoice(last=True))

    @property
    def plain(self) -> bool:
        """Whether nothing is filtered out."""
        return self.versions.every and not self.ids and not self.types

    def wants(self, object_id: str, object_type: str) -> bool:
        """Say whether an object passes rule 1."""
        return (not self.ids or object_id in self.ids) and (
            not self.types or object_type in self.types
        )


class ServedObject(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One object of a page. A struct, since a thousand are made for each page served.

    Attributes:
        version: Its version as a manifest names it: an RFC 3339 instant.
        added: When it was added to this collection.
        raw: The bytes to serve.
    """

    object_id: ObjectId
    version: str
    added: datetime
    raw: bytes


class Page(Protocol):
    """What every page offers, wherever its objects come from."""

    @property
    def more(self) -> bool:
        """Whether further objects may follow."""
        ...

    @property
    def position(self) -> datetime | None:
        """Where the next page begins: everything added up to here was considered."""
        ...

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """When the first and the last object were added; None for an empty page."""
        ...

    def raws(self) -> Sequence[bytes]:
        """Return the bytes of each object."""
        ...

    def records(self) -> Iterator[tuple[str, str, str]]:
        """Yield id, version and the text of when it was added, of each object."""
        ...

    def versions(self) -> Sequence[str]:
        """Return the version of each object."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedPage:
    """One page.

    Attributes:
        objects: In order of ``added``.
        more: Whether further objects may follow.
        position: Where the next page begins: everything added up to here was considered. None
            when nothing was.
    """

    objects: Sequence[ServedObject]
    more: bool
    position: datetime | None

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """When the first and the last object were added; None for an empty page."""
        return (self.objects[0].added, self.objects[-1].added) if self.objects else None

    def raws(self) -> list[bytes]:
        """Return the bytes of each object."""
        return [served.raw for served in self.objects]

    def records(self) -> Iterator[tuple[str, str, str]]:
        """Yield id, version and the text of when it was added, of each object."""
        for served in self.objects:
            yield served.object_id, served.version, instant_text(served.added)

    def versions(self) -> list[str]:
        """Return the version of each object."""
        return [served.version for served in self.objects]


class _Dates(msgspec.Struct):
    created: str | None = None


_dates = msgspec.json.Decoder(_Dates)


def version_text(version: str, raw: bytes, added: datetime) -> str:
    """Return the version of an object as a manifest names it.

    Args:
        version: The item version: the sender's text of ``modified``, or ``sha256:`` and a hash.
        raw: The object's bytes; read only where there is no ``modified``.
        added: When it was added to the collection.
    """
    if not version.startswith(_UNVERSIONED):
        return version
    try:
        created = _dates.decode(raw).created
        if created is not None:
            parse_instant(created)
            return created
    except (msgspec.MsgspecError, InstantError):  # not a date after all: as if there were none
        pass
    return instant_text(added)
