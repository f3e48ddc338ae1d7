"""Give a member back what it once gave us: the rows of its lane to us, as they came.

A member that restored an old backup asks for what it disclosed since. It gets nothing that it did
not send: its own signed disclosures with their salts, and the bytes they covered. It believes none
of it but by its own signature and its own log. With each page goes our signed head of the lane, our
place in its pages, and the newest head of its log that we verified.

A disclosure of which an item was erased here since is no document any more. What is kept of it goes
back instead: what it said besides its items, the commitment of each item, and salt and record of
those that were not erased. That is enough for the asker, whose own log holds the entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from foedus.model.identifiers import MemberId
from foedus.node.context import Node
from foedus.node.dispatch import LANES
from foedus.node.errors import IntegrityError, RefusedError
from foedus.node.heads import LaneHead, sign_head
from foedus.node.ports import Transaction
from foedus.node.ports.erasure import OpenedItem
from foedus.node.ports.recovery import ReceivedRow

__all__ = [
    "MAX_RETURNED_BYTES",
    "OpenedReturn",
    "ReturnedPage",
    "ReturnedRow",
    "format_page",
    "parse_page",
    "returned_page",
]

MAX_RETURNED_ROWS: Final = 1_001
"""Most rows of a page: the largest batch."""

MAX_RETURNED_BYTES: Final = 24 * 1024 * 1024
"""Largest page read, in bytes."""

_PAGE_BYTES: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedReturn:
    """What is left of a disclosure of which items were erased.

    Attributes:
        header: Its payload without any item, and unsigned.
        items: Every item in its place, those erased too.
    """

    header: bytes
    items: tuple[OpenedItem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnedRow:
    """A row of the asker's lane.

    Attributes:
        raw: Its exact bytes; None where they were erased or never kept.
        opened: What is left of it where it is a disclosure kept item by item.
    """

    position: int
    raw: bytes | None
    opened: OpenedReturn | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnedPage:
    """Rows of the asker's lane, and where the one who answers stands.

    Attributes:
        head: Signed head of the lane by the one who received it; see ``heads``.
        added_after: The asker's own ``date_added`` text up to which its pages were read.
        anchor: How many rows that is.
        checkpoint: Newest head of the asker's log verified by the answerer; b"" when none.
        rows: In order, each following the one before.
        more: Whether further rows follow.
    """

    head: bytes
    added_after: str
    anchor: int
    checkpoint: bytes
    rows: tuple[ReturnedRow, ...]
    more: bool


class _Item(msgspec.Struct):
    commitment: bytes
    salt: bytes | None
    record: bytes | None


class _Opened(msgspec.Struct):
    header: bytes
    items: list[_Item]


class _Row(msgspec.Struct, omit_defaults=True):
    position: int
    raw: bytes | None
    opened: _Opened | None = None


class _Page(msgspec.Struct):
    head: bytes
    added_after: str
    anchor: int
    checkpoint: bytes
    rows: list[_Row]
    more: bool


_decoder = msgspec.json.Decoder(_Page)


def returned_page(
    tx: Transaction, node: Node, caller: MemberId, lane: str, *, after: int
) -> ReturnedPage:
    """Return what a member gave us in a lane, after a position.

    Raises:
        RefusedError: There is no such lane, or the position is none.
    """
    if lane not in LANES or after < 0:
        raise RefusedError("there is no such place in a lane")
    cursor = tx.inbox.cursor(caller, lane)
    peer = tx.peers.get(caller)
    rows: list[ReturnedRow] = []
    size = 0
    found = tx.recovery.received(caller, lane, after=after, limit=MAX_RETURNED_ROWS)
    for each in found:
        row = _returned(tx, each)
        size += _size(row)
        if rows and size > _PAGE_BYTES:
            break
        rows.append(row)
    head = LaneHead(
        speaker=node.identity.member,
        sender=caller,
        recipient=node.identity.member,
        lane=lane,
        count=cursor.count,
        digest=cursor.digest.hex(),
        instruments=node.law.view(tx).instruments.digest,
        instant=node.clock.now(),
    )
    return ReturnedPage(
        head=sign_head(head, node.identity.node),
        added_after=cursor.added_after,
        anchor=cursor.anchor,
        checkpoint=(peer.checkpoint if peer is not None else None) or b"",
        rows=tuple(rows),
        more=len(rows) < len(found) or len(found) == MAX_RETURNED_ROWS,
    )


def _returned(tx: Transaction, row: ReceivedRow) -> ReturnedRow:
    found = tx.erasure.opened(row.handle) if row.raw is None and row.handle else None
    return ReturnedRow(
        position=row.position,
        raw=row.raw,
        opened=None if found is None else OpenedReturn(header=found[0], items=tuple(found[1])),
    )


def _size(row: ReturnedRow) -> int:
    if row.opened is None:
        return len(row.raw or b"")
    kept = (len(each.salt or b"") + len(each.record or b"") for each in row.opened.items)
    return len(row.opened.header) + sum(32 + each for each in kept)


def format_page(page: ReturnedPage) -> bytes:
    """Return a page as JSON; bytes stand in it as base64."""
    return msgspec.json.encode(
        _Page(
            head=page.head,
            added_after=page.added_after,
            anchor=page.anchor,
            checkpoint=page.checkpoint,
            rows=[_Row(row.position, row.raw, _opened_form(row.opened)) for row in page.rows],
            more=page.more,
        )
    )


def _opened_form(opened: OpenedReturn | None) -> _Opened | None:
    if opened is None:
        return None
    items = [_Item(each.commitment, each.salt, each.record) for each in opened.items]
    return _Opened(opened.header, items)


def parse_page(data: bytes, *, after: int) -> ReturnedPage:
    """Read a page.

    Args:
        data: Untrusted.
        after: The position it was asked for.

    Raises:
        IntegrityError: ``form``: it is no page, or its rows do not follow one another.
    """
    try:
        page = _decoder.decode(data)
    except (msgspec.DecodeError, RecursionError) as error:
        raise IntegrityError("form", f"no page of returned rows: {error}") from error
    positions = [row.position for row in page.rows]
    if positions != list(range(after + 1, after + 1 + len(positions))) or page.anchor < 0:
        raise IntegrityError("form", "returned rows do not follow one another")
    if page.more and not positions:
        raise IntegrityError("form", "more rows are promised and none is given")
    return ReturnedPage(
        head=page.head,
        added_after=page.added_after,
        anchor=page.anchor,
        checkpoint=page.checkpoint,
        rows=tuple(
            ReturnedRow(position=row.position, raw=row.raw, opened=_read_opened(row.opened))
            for row in page.rows
        ),
        more=page.more,
    )


def _read_opened(form: _Opened | None) -> OpenedReturn | None:
    if form is None:
        return None
    return OpenedReturn(
        header=form.header,
        items=tuple(
            OpenedItem(commitment=each.commitment, salt=each.salt, record=each.record)
            for each in form.items
        ),
    )
