"""Serve a member its own lane: what was disclosed to it, in order, byte for byte.

The follower's path, every version and no filter, costs what it serves. Filters are answered too,
by reading along the lane within a bound per page: a page may then be short, or empty, with more to
follow. Nothing is decided here: a row stands in a lane because the gate put it there. But a bulk
lane ends where the rights end that it was disclosed under (:mod:`foedus.node.lane_closing`). A row
whose bytes were erased is served as the statement that it is withheld
(:mod:`foedus.node.stand_ins`), to every question, as an object of its own id and type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from foedus.clock import parse_instant
from foedus.model.identifiers import MemberId, ObjectId, TreatyId
from foedus.node.dispatch import LANE_BULK
from foedus.node.errors import LaneClosedError
from foedus.node.ports import FeedRow, Transaction
from foedus.node.served import PageQuery, ServedObject, ServedPage, version_text
from foedus.node.stand_ins import StandIns

__all__ = [
    "MAX_PAGE_BYTES",
    "MAX_SCANNED_ROWS",
    "LaneRules",
    "WhyClosed",
    "lane_page",
    "lane_shows",
]

MAX_PAGE_BYTES: Final = 16 * 1024 * 1024
"""Object bytes after which a page ends early; one object is always served."""

MAX_SCANNED_ROWS: Final = 5_000
"""Rows read for one page of a filtered request."""

_CHUNK_ROWS: Final = 500
"""Rows read at a time, so that a page of large objects is cut before all are in memory."""

_OWN_TYPES: Final = "foedus-"


WhyClosed = Callable[[Transaction, MemberId, TreatyId], str]
"""Why what was disclosed to a member under a treaty is no longer served; "" if it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneRules:
    """What lanes of a node are served by.

    Attributes:
        why_closed: Asked of each batch of the bulk lane.
        stand_ins: Makes what is served for rows without bytes.
    """

    why_closed: WhyClosed
    stand_ins: StandIns


def lane_page(
    tx: Transaction, recipient: MemberId, lane: str, query: PageQuery, *, rules: LaneRules
) -> ServedPage:
    """Return a page of one recipient's lane.

    Args:
        tx: A consistent view.
        recipient: The member who asks, as authenticated.
        lane: One of :data:`~foedus.node.dispatch.LANES`.
        query: What it asks.
        rules: What it is served by.

    Raises:
        LaneClosedError: What comes next in the lane is no longer served.

    Returns:
        Objects in lane order. Served bytes stay under :data:`MAX_PAGE_BYTES` unless a single
        object exceeds it.
    """
    taken: list[ServedObject] = []
    size, scanned, plain = 0, 0, query.plain
    position: datetime | None = None
    try:
        for row in _rows(tx, recipient, lane, query, rules):
            length = len(row.raw)
            full = len(taken) == query.limit or (size and size + length > MAX_PAGE_BYTES)
            if full or scanned == MAX_SCANNED_ROWS:
                return ServedPage(objects=taken, more=True, position=position)
            position = row.added
            if plain or _passes(tx, recipient, lane, row, query):
                size += length
                taken.append(_served(row))
            scanned += not plain
    except LaneClosedError:
        if position is None:
            raise
        # What comes before is served; who asks for more is told.
        return ServedPage(objects=taken, more=True, position=position)
    return ServedPage(objects=taken, more=False, position=position)


def lane_shows(
    tx: Transaction, recipient: MemberId, lane: str, object_id: ObjectId, *, stand_ins: StandIns
) -> bool:
    """Say whether an object of this id was disclosed in a recipient's lane, or stands for one."""
    return tx.feeds.stands(recipient, lane, object_id) or stand_ins.named(
        tx, recipient, lane, object_id
    )


def _rows(
    tx: Transaction, recipient: MemberId, lane: str, query: PageQuery, rules: LaneRules
) -> Iterator[FeedRow]:
    """Yield the rows of a lane in order, a chunk at a time, up to where it is closed."""
    after = query.after
    # One row past the limit tells whether more follow.
    wanted = query.limit + 1 if query.plain else MAX_SCANNED_ROWS + 1
    while wanted > 0:
        chunk = min(wanted, _CHUNK_ROWS)
        rows = tx.feeds.page(recipient, lane, after=after, limit=chunk)
        served, why = _served_of(tx, recipient, lane, rows, rules.why_closed)
        yield from rules.stand_ins.filled(tx, recipient, lane, rows[:served])
        if why:
            raise LaneClosedError(f"the {lane} lane to {recipient} is closed: {why}")
        if len(rows) < chunk:
            return
        after = rows[-1].added
        wanted -= chunk


def _served_of(
    tx: Transaction, recipient: MemberId, lane: str, rows: Sequence[FeedRow], why_closed: WhyClosed
) -> tuple[int, str]:
    """Return how many of the rows are served, and why no more are."""
    if not rows or lane != LANE_BULK:
        return len(rows), ""
    served = 0
    ends = tx.feeds.treaties(recipient, lane, first=rows[0].position, last=rows[-1].position)
    for end, treaty in ends:
        why = "" if treaty is None else why_closed(tx, recipient, treaty)
        if why:
            return served, why
        served = min(len(rows), end - rows[0].position + 1)
    return served, ""


def _served(row: FeedRow) -> ServedObject:
    version = version_text(row.version, row.raw, row.added)
    return ServedObject(object_id=row.object_id, version=version, added=row.added, raw=row.raw)


def _passes(
    tx: Transaction, recipient: MemberId, lane: str, row: FeedRow, query: PageQuery
) -> bool:
    if not query.wants(row.object_id, row.type):
        return False
    if query.versions.every:
        return True
    instant = parse_instant(version_text(row.version, row.raw, row.added))
    if row.type.startswith(_OWN_TYPES):  # its id follows from its content: it has one version
        return query.versions.takes(instant, ())
    return query.versions.takes(instant, tx.feeds.instants(recipient, lane, row.object_id))
