"""Rebuild our lanes to a member from what it received: who holds what, and where the lane stands.

For each batch that came after what the store knows, in order:

1. The disclosure is ours: signed by a node key of this member, made for this log and this lane.
2. Its entry stands in the log under the index it names.
3. It continues the lane: count and digest follow from the batch before.
4. The items get their rows back. Our own come back with their bytes where the member still has
   them; another member's item is known as given, and its bytes come from that member again.
5. Salt and record of the log entry come back, duties, and the law we stated.

The ``added`` instants of rebuilt rows are placed so that the member's own cursor, which is one of
them, still cuts the lane where it did. At the end our digest must be the member's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from foedus.clock import InstantError, parse_instant
from foedus.errors import FoedusError
from foedus.ledger import lane_digest
from foedus.model.identifiers import ItemKey, MemberId
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
from foedus.node.peer_ports import PeerEndpoint
from foedus.node.ports import BatchRow, ItemState, NewBatch, NewItem, Stored, Transaction
from foedus.node.ports.recovery import LostItem, ReceivedRow
from foedus.node.ratify import check_text
from foedus.node.returned import ReturnedPage, parse_page
from foedus.node.treaty_text import TREATY_TEXT_TYPE, open_treaty_text
from foedus.release.record import (
    DISCLOSURE_TYPE,
    NO_TREATY,
    PROTOCOL,
    DisclosedItem,
    DisclosurePayload,
    parse_disclosure,
)
from foedus.signing import KeyPurpose, PublicKey, parse_envelope, verify_envelope
from foedus.treaty.instrument import claimed_member, open_instrument

__all__ = ["LaneRebuilt", "ReturnClient", "rebuild_lanes"]

_TICK: Final = timedelta(microseconds=1)


class ReturnClient(Protocol):
    """Asks a member's node for what we gave it."""

    def returned(self, peer: PeerEndpoint, lane: str, *, after: int) -> bytes:
        """Fetch a page of the rows of our lane to the peer, after a position.

        Raises:
            PeerError: The peer cannot be reached, or refuses.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneRebuilt:
    """What was put back of one lane.

    Attributes:
        batches: Batches put back.
        rows: Items (or documents) of those.
        returned: Items of ours whose bytes came back.
        lost: Items known to be held by the member whose bytes are not here.
        count: Rows of the lane now, as the member confirms.
    """

    member: MemberId
    lane: str
    batches: int = 0
    rows: int = 0
    returned: int = 0
    lost: int = 0
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
        tx.recovery.lanes_rebuilt(peer.member)
    return rebuilt


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    document: StixObject
    payload: DisclosurePayload
    raws: tuple[bytes | None, ...]
    digest: bytes
    first: int
    entry_index: int


class _LaneRebuild:
    """One lane to one member."""

    def __init__(self, node: Node, client: ReturnClient, peer: PeerEndpoint, lane: str) -> None:
        self._node = node
        self._client = client
        self._peer = peer
        self._lane = lane
        self._rows: list[ReceivedRow] = []
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
            with self._node.database.write() as tx:
                batch = self._open(tx)
                if batch is None:
                    return
                self._put_back(tx, batch, page)
            del self._rows[: 1 + len(batch.raws)]

    def _open(self, tx: Transaction) -> _Batch | None:
        """Steps 1 to 3; None while rows of the batch are missing."""
        row = self._rows[0]
        if row.raw is None:
            raise IntegrityError("form", "a disclosure was not kept", position=row.position)
        document, payload = _ours(tx, self._node, row.raw, row.position)
        lane = tx.feeds.lane(self._peer.member, self._lane)
        items = len(payload.items)
        place = (payload.recipient, payload.lane, payload.lane_count)
        index = _place_in_log(tx, self._node, payload)
        if place != (self._peer.member, self._lane, lane.count + 1 + items) or index is None:
            raise IntegrityError(
                "sequence",
                f"the disclosure at {row.position} is of another place",
                position=row.position,
                raw=row.raw,
            )
        if len(self._rows) < 1 + items:
            return None
        payload.check_commitments()
        stands = list(tx.ledger.entries(index, index + 1))
        if stands != [payload.entry()] and (stands or index >= 0):
            raise IntegrityError(
                "not-in-log",
                f"our log does not hold the disclosure at {payload.log_index}",
                position=row.position,
                raw=row.raw,
            )
        digest = lane_digest(lane.digest, payload.entry())
        for commitment in payload.commitments():
            digest = lane_digest(digest, commitment)
        if digest.hex() != payload.lane_digest:
            raise IntegrityError(
                "lane-digest", "the lane has another content here", position=row.position
            )
        return _Batch(
            document=document,
            payload=payload,
            raws=tuple(each.raw for each in self._rows[1 : 1 + items]),
            digest=digest,
            first=row.position,
            entry_index=index,
        )

    def _put_back(self, tx: Transaction, batch: _Batch, page: ReturnedPage) -> None:
        """Steps 4 and 5."""
        payload = batch.payload
        now = self._node.clock.now()
        own = self._node.identity.member
        document = _protocol(tx, batch.document, own, at=now)
        handles = self._handles(tx, batch, at=now)
        commitments = payload.commitments()
        salts = [bytes.fromhex(item.salt) for item in payload.items]
        treaty = None if payload.treaty == NO_TREATY else payload.treaty
        salt, record = bytes.fromhex(payload.salt), payload.batch_record()
        if batch.entry_index < 0:
            tx.recovery.put_closed_entry(
                batch.entry_index, payload.entry(), salt=salt, record=record, at=payload.instant
            )
        tx.recovery.append_batch(
            NewBatch(
                recipient=self._peer.member,
                lane=self._lane,
                treaty=treaty,
                article=payload.article,
                document=document,
                entry_index=batch.entry_index,
                entry=payload.entry(),
                rows=tuple(
                    BatchRow(handle=handle, salt=salt, commitment=commitment)
                    for handle, salt, commitment in zip(handles, salts, commitments, strict=True)
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
            items=len(payload.items),
            at=payload.instant,
        )
        self._report = replace(
            self._report,
            batches=self._report.batches + 1,
            rows=self._report.rows + len(handles),
        )

    def _added(self, tx: Transaction, batch: _Batch, page: ReturnedPage) -> datetime:
        """Return an instant that leaves the member's cursor where it cuts the lane."""
        last = tx.recovery.last_added(self._peer.member, self._lane)
        earliest = (
            batch.payload.instant if last is None else max(batch.payload.instant, last + _TICK)
        )
        end = batch.first + len(batch.raws)
        if not page.anchor or end < page.anchor:
            return earliest
        try:
            cut = parse_instant(page.added_after)
        except InstantError as error:
            raise IntegrityError("form", f"the member's cursor is none: {error}") from error
        if batch.first > page.anchor:
            return max(earliest, cut + _TICK)
        fixed = cut - (page.anchor - batch.first) * _TICK
        if last is not None and fixed <= last:
            raise IntegrityError("form", "the member's cursor is not one of our lane")
        return fixed

    def _handles(self, tx: Transaction, batch: _Batch, *, at: datetime) -> list[int]:
        payload = batch.payload
        for terms in payload.terms:
            index = next(
                number for number, each in enumerate(payload.classes) if each.terms == terms
            )
            found = payload.terms_of_class(index)
            tx.items.put_terms(terms_id(found), terms_document(found))
        handles = []
        for offset, (item, raw) in enumerate(zip(payload.items, batch.raws, strict=True)):
            obj = _as_committed(raw, item)
            handles.append(self._handle(tx, payload, offset, obj, at=at))
        return handles

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


def _ours(
    tx: Transaction, node: Node, raw: bytes, position: int
) -> tuple[StixObject, DisclosurePayload]:
    """Step 1: a disclosure that this member signed."""
    try:
        document = parse_object(raw)
        envelope = parse_envelope(unwrap_document(document))
        keys = _own_keys(tx, node)
        payload = parse_disclosure(verify_envelope(envelope, keys, payload_type=DISCLOSURE_TYPE))
    except FoedusError as error:
        raise IntegrityError(
            "signature", f"row {position} is no disclosure of ours: {error}", position=position
        ) from error
    if payload.sender != node.identity.member:
        raise IntegrityError("form", f"row {position} is another member's", position=position)
    return document, payload


def _place_in_log(tx: Transaction, node: Node, payload: DisclosurePayload) -> int | None:
    """Return where the entry stands in the journal; None when it is of no log of ours.

    The journal of a closed log lies below zero: it was moved by its own length, and by that of each
    log closed since.
    """
    if payload.log_origin == node.identity.log_origin:
        return payload.log_index
    moved = 0
    for closed in reversed(tx.recovery.closed()):
        moved += closed.moved
        if closed.origin == payload.log_origin:
            # An index past the places moved would collide with what follows it.
            return payload.log_index - moved if payload.log_index < closed.moved else None
    return None


def _own_keys(tx: Transaction, node: Node) -> tuple[PublicKey, ...]:
    """Return the node keys this member ever had that are known here."""
    identity = node.identity
    held = node.law.view(tx).keys(identity.member, KeyPurpose.NODE, node.clock.now())
    return tuple(dict.fromkeys((identity.node.public, *held)))


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
            raw = open_treaty_text(envelope, _own_keys(tx, node))
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
