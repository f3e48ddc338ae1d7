"""Rebuild our lanes to a member from what it received: who holds what, and where the lane stands.

For each batch that came after what the store knows, in order:

1. The disclosure is ours, stands in our log, and continues the lane
   (:mod:`foedus.node.recover_batches`).
2. The items get their rows back. Our own come back with their bytes where the member still has
   them; another member's item is known as given, and its bytes come from that member again. What
   the member erased has a row without a name.
3. Salt and record of the log entry come back, duties, and the law we stated; at the end the orders
   we gave (:mod:`foedus.node.recover_orders`).

The ``added`` instants of rebuilt rows are placed so that the member's own cursor, which is one of
them, still cuts the lane where it did: an instant neither before the batch nor ahead of the clock.
At the end our digest must be the member's.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from foedus.clock import InstantError, parse_instant
from foedus.errors import FoedusError
from foedus.ledger.errors import TileAbsentError
from foedus.ledger.tiles import TileSource
from foedus.model.identifiers import ItemKey, MemberId, ObjectId
from foedus.model.kinds import FoedusKind, unwrap_document
from foedus.model.objects import ObjectError, StixObject, parse_object
from foedus.model.observables import selectors_of
from foedus.model.terms import terms_document, terms_id
from foedus.node.context import Node
from foedus.node.dispatch import LANES
from foedus.node.display import display_text
from foedus.node.duties import acknowledged_by, note_sent
from foedus.node.errors import IntegrityError
from foedus.node.heads import LaneHead, open_head
from foedus.node.peer_ports import PeerEndpoint, PeerError
from foedus.node.ports import BatchRow, ItemState, NewBatch, NewItem, Stored, Transaction
from foedus.node.ports.erasure import OpenedItem
from foedus.node.ports.recovery import LostItem
from foedus.node.ratify import check_text
from foedus.node.recover_batches import ReturnedBatch, open_batch, own_keys, proved_entry
from foedus.node.recover_orders import rebuild_orders
from foedus.node.returned import ReturnedPage, ReturnedRow, parse_page
from foedus.node.tombstones import Offered, barred
from foedus.node.treaty_text import TREATY_TEXT_TYPE, open_treaty_text
from foedus.release.record import NO_TREATY, PROTOCOL, DisclosedItem, DisclosurePayload
from foedus.signing import KeyPurpose, parse_envelope
from foedus.treaty.instrument import claimed_member, open_instrument

__all__ = ["LaneRebuilt", "ReturnClient", "rebuild_lanes"]

_TICK: Final = timedelta(microseconds=1)
_AHEAD: Final = timedelta(minutes=5)
"""How far our clock may have gone back since, or while, we gave a batch."""

_NAMES: Final = uuid.UUID("0d0c3a5e-5d1b-5a0f-9c5b-5b8e7f1d2a64")
_NO_BYTES: Final = hashlib.sha256(b"").hexdigest()


class ReturnClient(Protocol):
    """Asks a member's node for what we gave it."""

    def returned(self, peer: PeerEndpoint, lane: str, *, after: int) -> bytes:
        """Fetch a page of the rows of our lane to the peer, after a position.

        Raises:
            PeerError: The peer cannot be reached, or refuses.
        """
        ...

    def mirror_file(self, peer: PeerEndpoint, origin: str, path: str) -> bytes:
        """Fetch ``checkpoint``, a tile or a bundle of the peer's copy of a log; raises as above."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneRebuilt:
    """What was put back of one lane.

    Attributes:
        batches: Batches put back.
        rows: Items (or documents) of those.
        returned: Items of ours whose bytes came back.
        lost: Items known to be held by the member whose bytes are not here.
        erased: Items that the member erased since; which they were is not known here.
        count: Rows of the lane now, as the member confirms.
    """

    member: MemberId
    lane: str
    batches: int = 0
    rows: int = 0
    returned: int = 0
    lost: int = 0
    erased: int = 0
    count: int = 0


def rebuild_lanes(node: Node, client: ReturnClient, peer: PeerEndpoint) -> list[LaneRebuilt]:
    """Rebuild the three lanes to a member, and open them again.

    Safe to repeat: what was put back before an interruption stays.

    Raises:
        PeerError: The member cannot be asked.
        IntegrityError: What it returns does not hold together; its lanes stay closed.
    """
    rebuilt = [_LaneRebuild(node, client, peer, lane).run() for lane in LANES]
    with node.database.write() as tx:
        rebuild_orders(tx, node, peer.member)
        tx.recovery.lanes_rebuilt(peer.member)
    return rebuilt


@dataclass(frozen=True, slots=True)
class _Copy:
    """The member's copy of a log of ours."""

    client: ReturnClient
    peer: PeerEndpoint
    origin: str

    def read(self, path: str) -> bytes:
        try:
            return self.client.mirror_file(self.peer, self.origin, path)
        except PeerError as error:
            raise TileAbsentError(f"{path}: {error}") from error


class _LaneRebuild:
    """One lane to one member."""

    def __init__(self, node: Node, client: ReturnClient, peer: PeerEndpoint, lane: str) -> None:
        self._node = node
        self._client = client
        self._peer = peer
        self._lane = lane
        self._rows: list[ReturnedRow] = []
        self._report = LaneRebuilt(member=peer.member, lane=lane)

    def run(self) -> LaneRebuilt:
        with self._node.database.read() as tx:
            reached = tx.feeds.lane(self._peer.member, self._lane).count
        while True:
            raw = self._client.returned(self._peer, self._lane, after=reached)
            page = parse_page(raw, after=reached)
            head = self._head(page.head)
            reached += len(page.rows)
            self._rows.extend(page.rows)
            self._take_batches(page)
            if not page.more:
                break
        self._settle(head)
        return self._report

    def _copy_of(self, origin: str) -> TileSource:
        return _Copy(self._client, self._peer, origin)

    def _head(self, raw: bytes) -> LaneHead:
        with self._node.database.read() as tx:
            keys = self._node.law.view(tx).keys(
                self._peer.member, KeyPurpose.NODE, self._node.clock.now()
            )
        head = open_head(raw, keys)
        member, own = self._peer.member, self._node.identity.member
        if (head.speaker, head.recipient, head.sender, head.lane) != (
            member,
            member,
            own,
            self._lane,
        ):
            raise IntegrityError("form", "the head returned is that of another lane", raw=raw)
        return head

    def _take_batches(self, page: ReturnedPage) -> None:
        while self._rows:
            proved = proved_entry(self._node, self._rows[0], self._copy_of)
            with self._node.database.write() as tx:
                place = (self._peer.member, self._lane)
                batch = open_batch(tx, self._node, place, self._rows, proved)
                if batch is None:
                    return
                self._put_back(tx, batch, page)
            del self._rows[: 1 + len(batch.items)]

    def _put_back(self, tx: Transaction, batch: ReturnedBatch, page: ReturnedPage) -> None:
        """Steps 2 and 3."""
        payload = batch.payload
        now = self._node.clock.now()
        own = self._node.identity.member
        document = _document(tx, batch, own, at=now)
        handles = self._handles(tx, batch, at=now)
        treaty = None if payload.treaty == NO_TREATY else payload.treaty
        salt, record = bytes.fromhex(payload.salt), batch.record
        if batch.entry_index < 0:
            tx.recovery.put_closed_entry(
                batch.entry_index, batch.entry, salt=salt, record=record, at=payload.instant
            )
        tx.recovery.append_batch(
            NewBatch(
                recipient=self._peer.member,
                lane=self._lane,
                treaty=treaty,
                article=payload.article,
                document=document,
                entry_index=batch.entry_index,
                entry=batch.entry,
                rows=tuple(
                    BatchRow(handle=handle, salt=item.salt or b"", commitment=item.commitment)
                    for handle, item in zip(handles, batch.items, strict=True)
                ),
                digest_after=batch.digest,
                at=payload.instant,
            ),
            added=self._added(tx, batch, page),
        )
        tx.recovery.restore_record(batch.entry_index, salt=salt, record=record)
        note_sent(
            tx,
            payload.obligations,
            recipient=self._peer.member,
            treaty=treaty,
            article=payload.article,
            lane=self._lane,
            lane_count=payload.lane_count,
            entry_index=batch.entry_index,
            items=len(batch.items),
            at=payload.instant,
        )
        self._report = replace(
            self._report,
            batches=self._report.batches + 1,
            rows=self._report.rows + len(handles),
        )

    def _added(self, tx: Transaction, batch: ReturnedBatch, page: ReturnedPage) -> datetime:
        """Return an instant that leaves the member's cursor where it cuts the lane.

        The cursor is the member's word alone: what it says is an instant at which we could have
        given the batch, or its lanes stay closed.
        """
        last = tx.recovery.last_added(self._peer.member, self._lane)
        given = batch.payload.instant
        earliest = given if last is None else max(given, last + _TICK)
        end = batch.first + len(batch.items)
        if not page.anchor or end < page.anchor:
            return earliest
        try:
            cut = parse_instant(page.added_after)
        except InstantError as error:
            raise IntegrityError("form", f"the member's cursor is none: {error}") from error
        if cut > self._node.clock.now() + _AHEAD:
            raise IntegrityError("dated-ahead", "the member's cursor is ahead of our clock")
        if batch.first > page.anchor:
            return max(earliest, cut + _TICK)
        before = (page.anchor - batch.first) * _TICK
        floor = given - _AHEAD if last is None else max(given - _AHEAD, last + _TICK)
        if cut < floor + before:
            raise IntegrityError("form", "the member's cursor is not one of our lane")
        return cut - before

    def _handles(self, tx: Transaction, batch: ReturnedBatch, *, at: datetime) -> list[int]:
        payload = batch.payload
        for terms in payload.terms:
            index = next(
                number for number, each in enumerate(payload.classes) if each.terms == terms
            )
            found = payload.terms_of_class(index)
            tx.items.put_terms(terms_id(found), terms_document(found))
        handles, offset = [], 0
        for item, raw in zip(batch.items, batch.raws, strict=True):
            if item.record is None:
                handles.append(self._erased(tx, item, at=at))
                continue
            obj = _as_committed(raw, payload.items[offset])
            handles.append(self._handle(tx, payload, offset, obj, at=at))
            offset += 1
        return handles

    def _erased(self, tx: Transaction, item: OpenedItem, *, at: datetime) -> int:
        """Return a row for an item that the member erased: nobody knows any more which it was."""
        self._report = replace(self._report, erased=self._report.erased + 1)
        name = ObjectId(f"erased--{uuid.uuid5(_NAMES, item.commitment.hex())}")
        key = ItemKey(originator=self._node.identity.member, object_id=name, version="erased")
        return tx.recovery.lost([LostItem(key=key, content_hash=_NO_BYTES)], at=at)[0]

    def _handle(
        self,
        tx: Transaction,
        payload: DisclosurePayload,
        offset: int,
        obj: StixObject | None,
        *,
        at: datetime,
    ) -> int:
        """Return the row of one item, made anew where it is not here."""
        item = payload.items[offset]
        own = self._node.identity.member
        protocol = payload.article == PROTOCOL
        originator = own if item.variant or protocol else item.originator
        key = ItemKey(originator=originator, object_id=item.id, version=item.version)
        row = tx.items.by_key(key)
        if row is not None and row.state is not ItemState.DISCARDED:
            if row.content_hash != item.sha256:
                raise IntegrityError("commitment", f"{item.id} stands here with other bytes")
            return row.handle
        if obj is not None and barred(tx, self._node.identity.secret, [_offered(obj, own)]):
            obj = None  # erased here under an order since it was given
        if obj is None or originator != own:
            self._report = replace(self._report, lost=self._report.lost + 1)
            return tx.recovery.lost([LostItem(key=key, content_hash=item.sha256)], at=at)[0]
        if protocol:
            _state(tx, self._node, obj, at=at)
            return _protocol(tx, obj, own, at=at)
        self._report = replace(self._report, returned=self._report.returned + 1)
        return _added_item(tx, payload, offset, obj, own, at=at)

    def _settle(self, head: LaneHead) -> None:
        """Both sides must now say the same of what the member has."""
        member = self._peer.member
        with self._node.database.write() as tx:
            lane = tx.feeds.lane(member, self._lane)
            ours = tx.feeds.digest_at(member, self._lane, head.count)
            if self._rows or ours is None or ours.hex() != head.digest:
                raise IntegrityError(
                    "lane-digest",
                    f"{member} signs {head.count} rows of the {self._lane} lane; what it returned "
                    f"does not lead there from the {lane.count} rows here",
                )
            now = self._node.clock.now()
            tx.peers.set_head(
                member, self._lane, count=head.count, digest=head.digest, at=min(head.instant, now)
            )
            acknowledged_by(tx, member, head, at=now)
        self._report = replace(self._report, count=lane.count)


def _as_committed(raw: bytes | None, item: DisclosedItem) -> StixObject | None:
    """Return returned bytes where they are those we committed to; anything else is no use."""
    try:
        obj = None if raw is None else parse_object(raw)
    except ObjectError:
        return None
    if obj is None or (obj.id, obj.version, obj.content_hash) != (
        item.id,
        item.version,
        item.sha256,
    ):
        return None
    return obj


def _offered(obj: StixObject, own: MemberId) -> Offered:
    return Offered(
        originator=own, object_id=obj.id, version=obj.version, content_hash=obj.content_hash
    )


def _added_item(
    tx: Transaction,
    payload: DisclosurePayload,
    offset: int,
    obj: StixObject,
    own: MemberId,
    *,
    at: datetime,
) -> int:
    variant = payload.items[offset].variant
    title, text = display_text(obj)
    [stored] = tx.items.add(
        [
            NewItem(obj=obj, originator=own, state=ItemState.VARIANT, numbered=False)
            if variant
            else NewItem(
                obj=obj,
                originator=own,
                state=ItemState.HELD,
                terms_id=terms_id(payload.terms_of(offset)),
                selectors=selectors_of(obj),
                title=title,
                text=text,
            )
        ],
        at=at,
    )
    if stored.outcome is Stored.CONFLICT:
        raise IntegrityError("commitment", f"{obj.id} stands here with other bytes")
    return stored.handle


def _document(tx: Transaction, batch: ReturnedBatch, own: MemberId, *, at: datetime) -> int:
    """Put the disclosure back, whole or item by item as its recipient has it."""
    if batch.document is not None:
        return _protocol(tx, batch.document, own, at=at)
    header = replace(batch.payload, items=()).encode()
    name = f"{FoedusKind.DISCLOSURE}--{uuid.uuid5(_NAMES, batch.entry.hex())}"
    key = ItemKey(originator=own, object_id=ObjectId(name), version="opened")
    [document] = tx.recovery.lost([LostItem(key=key, content_hash=_NO_BYTES)], at=at)
    tx.erasure.open_document(document, header, batch.items)
    return document


def _protocol(tx: Transaction, document: StixObject, own: MemberId, *, at: datetime) -> int:
    [stored] = tx.items.add(
        [NewItem(obj=document, originator=own, state=ItemState.PROTOCOL, numbered=False)], at=at
    )
    return stored.handle


def _state(tx: Transaction, node: Node, document: StixObject, *, at: datetime) -> None:
    """Take back the law we stated or passed on; what is no law is kept as a document only."""
    if document.type != FoedusKind.INSTRUMENT:
        return
    try:
        envelope = parse_envelope(unwrap_document(document))
        if envelope.payload_type == TREATY_TEXT_TYPE:
            raw = open_treaty_text(envelope, own_keys(tx, node))
            tx.law.put_treaty(check_text(raw).id, raw, at=at)
            return
        credence = node.law.view(tx).credences.get(claimed_member(envelope))
        if credence is not None:
            instrument = open_instrument(envelope, credence.authority)
            tx.law.put_instrument(
                document, member=instrument.member, treaty=instrument.treaty, at=at
            )
    except FoedusError:
        return  # it comes again with the instrument lane of who stated it
