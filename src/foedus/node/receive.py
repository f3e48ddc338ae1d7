"""Take one batch out of a peer's lane: believe nothing that is not proved.

1. The disclosure is signed by a node key that speaks for the sender, and is addressed to us.
2. It continues the lane: count and digest follow from what was processed before.
3. Each item's bytes are those the disclosure commits to, one for one, in order.
4. The sender's log holds the disclosure's entry.
5. This node decides again, with the law it knows, at the stated instant.
6. Accepted items are held and matched; refused ones are quarantined and a discrepancy is sent.
7. What was received is entered in this node's own log.

A row that the sender erased since comes as the signed statement that it is withheld
(:mod:`foedus.release.withheld`): in 1 then for the disclosure, of which the header, the items that
are left and the log entry are believed as above; in 3 for an item, whose commitment must be the one
that the disclosure has for that place. Nothing of it is held, and the lane adds up.

A fault in 1 to 4 is the sender's or the line's: nothing of the batch is taken, the lane stands
still with an alarm, and the next pull tries again. A refusal in 5 concerns one item; the lane goes
on. Steps 5 to 7 are one unit of work with the cursor, so a crash repeats the batch or none of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from foedus.canonical import CanonicalError, parse_json
from foedus.clock import InstantError, instant_text, parse_instant
from foedus.ledger import batch_root, lane_digest
from foedus.model.identifiers import MemberId, ObjectId
from foedus.model.kinds import FoedusKind, KindError, unwrap_document
from foedus.model.objects import ObjectError, StixObject, parse_object
from foedus.node.context import Node
from foedus.node.dispatch import LANE_BULK
from foedus.node.errors import IntegrityError
from foedus.node.opened import items_of
from foedus.node.ports import InCursor, Transaction
from foedus.node.ports.erasure import OpenedItem
from foedus.release.facts import AssertedFacts
from foedus.release.obligations import NO_OBLIGATIONS
from foedus.release.record import (
    DISCLOSURE_TYPE,
    NO_TREATY,
    PROTOCOL,
    DisclosureError,
    DisclosurePayload,
    parse_disclosure,
)
from foedus.release.withheld import RowPlace, WithheldBatch, WithheldItem, open_withheld
from foedus.signing import (
    EnvelopeError,
    KeyPurpose,
    PublicKey,
    parse_envelope,
    verify_envelope,
)

__all__ = [
    "Batch",
    "Opening",
    "check_batch",
    "may_stand",
    "open_batch",
    "open_disclosure",
    "rows_wanted",
    "stand_in",
]


_STANDS: Final = FoedusKind.WITHHELD.value.encode()
_FORGOTTEN: Final = "forgotten"
"""Article and purpose of a disclosure of which nothing is left; no treaty names such an article."""
_NO_HASH: Final = "0" * 64

CLOCK_TOLERANCE: Final = timedelta(minutes=5)
"""How far ahead of our clock a disclosure outside any treaty may be dated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What opens a batch: a disclosure, or what stands for one of which items were erased.

    Attributes:
        document: Its object.
        payload: What it says; items that were erased are left out.
        items: Every item in its place, those erased too.
        entry: The log entry, 32 bytes.
        header: The payload without items; b"" where nothing of it is left.
    """

    document: StixObject
    payload: DisclosurePayload
    items: tuple[OpenedItem, ...]
    entry: bytes
    header: bytes

    @property
    def forgotten(self) -> bool:
        """Whether nothing of the disclosure is left but its place and its entry."""
        return self.document.type == FoedusKind.WITHHELD and not self.header


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch whose integrity is proved, up to the log.

    Attributes:
        opening: What opens it.
        objects: The items, one for one; None for each that is withheld.
        first: Lane position of the disclosure row.
        digest: The lane's digest after the batch.
    """

    opening: Opening
    objects: tuple[StixObject | None, ...]
    first: int
    digest: bytes

    @property
    def document(self) -> StixObject:
        """The disclosure document, or what stands for it."""
        return self.opening.document

    @property
    def payload(self) -> DisclosurePayload:
        """What the disclosure says; items that its sender erased are left out."""
        return self.opening.payload

    @property
    def items(self) -> tuple[OpenedItem, ...]:
        """Every item in its place, as it is kept where the disclosure is kept item by item."""
        return self.opening.items

    @property
    def entry(self) -> bytes:
        """The log entry of the disclosure."""
        return self.opening.entry

    @property
    def header(self) -> bytes:
        """The payload without items."""
        return self.opening.header

    def given(self) -> Iterator[tuple[int, int, StixObject]]:
        """Yield position in the lane, index within the payload, and object of each item given."""
        offset = 0
        for place, (item, obj) in enumerate(zip(self.items, self.objects, strict=True)):
            if obj is not None:
                yield self.first + 1 + place, offset, obj
            offset += item.record is not None

    def withheld(self) -> tuple[int, ...]:
        """Return the place in the batch, from 0, of each item that is withheld."""
        return tuple(place for place, obj in enumerate(self.objects) if obj is None)


def open_batch(
    tx: Transaction, node: Node, sender: MemberId, raw: bytes, *, position: int, lane: str
) -> Opening:
    """Read the first row of a batch: a disclosure, or what stands for one.

    Raises:
        IntegrityError: ``not-covered``, ``signature``, ``form`` or ``dated-ahead``.
    """
    stands = stand_in(tx, node, sender, raw, position=position, lane=lane)
    if stands is None:
        document, payload = open_disclosure(tx, node, sender, raw, position=position)
        return Opening(
            document=document,
            payload=payload,
            items=tuple(items_of(payload)),
            entry=payload.entry(),
            header=b"",
        )
    document, found = stands
    if isinstance(found, WithheldItem):
        raise IntegrityError(
            "not-covered", "an item is withheld that no disclosure covers", position=position
        )
    payload = _nothing_left(node, found) if found.left is None else found.left
    left = iter(items_of(payload))
    opening = Opening(
        document=document,
        payload=payload,
        items=tuple(
            OpenedItem(commitment=found.erased[place], salt=None, record=None)
            if place in found.erased
            else next(left)
            for place in range(found.items)
        ),
        entry=found.entry,
        header=b"" if found.left is None else replace(payload, items=()).encode(),
    )
    if found.left is not None:
        _check_payload(tx, node, sender, payload, position=position, raw=raw)
    return opening


def stand_in(
    tx: Transaction, node: Node, sender: MemberId, raw: bytes, *, position: int, lane: str
) -> tuple[StixObject, WithheldItem | WithheldBatch] | None:
    """Read a row that stands for one that was erased; None where it is another object.

    Raises:
        IntegrityError: ``form`` or ``signature``: it is none, or stands for another row.
    """
    if not may_stand(raw):
        return None
    try:
        document = parse_object(raw)
        if document.type != FoedusKind.WITHHELD:
            return None
        envelope = parse_envelope(unwrap_document(document))
        keys = node.law.view(tx).keys(sender, KeyPurpose.NODE, node.clock.now())
        stands = open_withheld(envelope, keys)
    except (ObjectError, KindError) as error:
        raise IntegrityError("form", str(error), position=position, raw=raw) from error
    except (EnvelopeError, DisclosureError) as error:
        raise IntegrityError("signature", str(error), position=position, raw=raw) from error
    place = RowPlace(
        exercise=node.identity.exercise,
        sender=sender,
        recipient=node.identity.member,
        lane=lane,
        position=position,
    )
    if stands.place != place:
        raise IntegrityError("form", "what is withheld is another row", position=position, raw=raw)
    return document, stands


def may_stand(raw: bytes) -> bool:
    """Say whether a row could be one that stands for another: cheap, and never wrongly no."""
    return _STANDS in raw


def _nothing_left(node: Node, found: WithheldBatch) -> DisclosurePayload:
    """Return the payload of a disclosure of which only its place and its entry are left."""
    return DisclosurePayload(
        exercise=found.place.exercise,
        sender=found.place.sender,
        recipient=found.place.recipient,
        treaty=NO_TREATY,
        article=_FORGOTTEN,
        purpose=_FORGOTTEN,
        instant=node.clock.now(),
        law_digest=_NO_HASH,
        asserted=AssertedFacts(),
        obligations=NO_OBLIGATIONS,
        lane=found.place.lane,
        lane_count=found.lane_count,
        lane_digest=found.lane_digest.hex(),
        log_origin=found.log_origin,
        log_index=found.log_index,
        salt=_NO_HASH,
        root=_NO_HASH,
        classes=(),
        items=(),
        terms={},
    )


def open_disclosure(
    tx: Transaction, node: Node, sender: MemberId, raw: bytes, *, position: int
) -> tuple[StixObject, DisclosurePayload]:
    """Read the first row of a batch: a disclosure signed by the sender and addressed to us.

    Raises:
        IntegrityError: ``not-covered``, ``signature``, ``form`` or ``dated-ahead``.
    """
    try:
        document = parse_object(raw)
        if document.type != FoedusKind.DISCLOSURE:
            raise IntegrityError(
                "not-covered",
                f"{document.id} stands where a disclosure should: no disclosure covers it",
                position=position,
                raw=raw,
            )
        envelope = parse_envelope(unwrap_document(document))
        keys = _keys(tx, node, sender, envelope.payload)
        payload = parse_disclosure(verify_envelope(envelope, keys, payload_type=DISCLOSURE_TYPE))
    except (ObjectError, KindError) as error:
        raise IntegrityError("form", str(error), position=position, raw=raw) from error
    except EnvelopeError as error:
        raise IntegrityError(
            "signature",
            f"the disclosure is not signed by a key that speaks for {sender}: {error}",
            position=position,
            raw=raw,
        ) from error
    except DisclosureError as error:
        raise IntegrityError("form", str(error), position=position, raw=raw) from error
    _check_payload(tx, node, sender, payload, position=position, raw=raw)
    return document, payload


def _check_payload(
    tx: Transaction,
    node: Node,
    sender: MemberId,
    payload: DisclosurePayload,
    *,
    position: int,
    raw: bytes,
) -> None:
    """Check that a disclosure is between sender and us, and may be taken now."""
    if payload.sender != sender or payload.recipient != node.identity.member:
        raise IntegrityError(
            "form",
            f"a disclosure from {payload.sender} to {payload.recipient} in the lane from "
            f"{sender} to {node.identity.member}",
            position=position,
            raw=raw,
        )
    if payload.article != PROTOCOL and payload.lane != LANE_BULK:
        raise IntegrityError(
            "form",
            f"items in the lane {payload.lane}, which carries none",
            position=position,
            raw=raw,
        )
    _check_date(tx, node, payload, position=position, raw=raw)
    if payload.exercise is not node.identity.exercise:
        raise IntegrityError(
            "form", "exercise and real never mix in one node", position=position, raw=raw
        )


def _check_date(
    tx: Transaction, node: Node, payload: DisclosurePayload, *, position: int, raw: bytes
) -> None:
    """Hold what is dated ahead of our clock by more than the treaty tolerates (design §5)."""
    known = node.law.view(tx).treaties.get(payload.treaty)
    tolerance = CLOCK_TOLERANCE if known is None else known.treaty.limits.clock_tolerance
    if payload.instant > node.clock.now() + tolerance:
        raise IntegrityError(
            "dated-ahead",
            f"the disclosure is dated {instant_text(payload.instant)}, ahead of the clock here; "
            "it is held until then",
            position=position,
            raw=raw,
        )


def _keys(
    tx: Transaction, node: Node, sender: MemberId, unverified: bytes
) -> tuple[PublicKey, ...]:
    """Return the sender's node keys valid at the instant the (unverified) payload states."""
    view = node.law.view(tx)
    try:
        body = parse_json(unverified)
        text = body.get("instant", "") if isinstance(body, dict) else ""
        at = parse_instant(text if isinstance(text, str) else "")
    except (CanonicalError, InstantError):
        at = node.clock.now()
    return view.keys(sender, KeyPurpose.NODE, at)


def rows_wanted(opening: Opening) -> int:
    """Return how many rows follow the disclosure's own."""
    return len(opening.items)


def check_batch(
    cursor: InCursor,
    opening: Opening,
    rows: Sequence[bytes],
    withheld: Mapping[int, WithheldItem],
) -> Batch:
    """Check steps 2 and 3 for a complete batch.

    Args:
        cursor: The lane before the batch.
        opening: What opens it, verified.
        rows: Exact bytes of the rows that follow, as many as it names.
        withheld: Which of them, by place from 0, are verified statements that one is withheld.

    Raises:
        IntegrityError: ``lane-digest``, ``commitment`` or ``not-covered``, naming the row.
    """
    first, payload, items = cursor.count + 1, opening.payload, opening.items
    if payload.lane != cursor.lane or payload.lane_count != first + len(items):
        raise IntegrityError(
            "sequence",
            f"the disclosure says the lane {payload.lane} then has {payload.lane_count} rows; "
            f"here it would have {first + len(items)}",
            position=first,
            raw=opening.document.raw,
        )
    commitments = [each.commitment for each in items]
    if not opening.forgotten and batch_root(commitments).hex() != payload.root:
        raise IntegrityError(
            "commitment",
            "the root in the disclosure is not that of its items",
            position=first,
            raw=opening.document.raw,
        )
    digest = lane_digest(cursor.digest, opening.entry)
    for commitment in commitments:
        digest = lane_digest(digest, commitment)
    if digest.hex() != payload.lane_digest:
        raise IntegrityError(
            "lane-digest",
            "the lane's digest is not the one that follows from what was received before",
            position=first,
            raw=opening.document.raw,
        )
    return Batch(
        opening=opening,
        objects=_objects(opening, rows, withheld, first),
        first=first,
        digest=digest,
    )


def _objects(
    opening: Opening, rows: Sequence[bytes], withheld: Mapping[int, WithheldItem], first: int
) -> tuple[StixObject | None, ...]:
    """Return the items of a batch, None for each that is withheld (step 3)."""
    payload = opening.payload
    named = frozenset(item.id for item in payload.items)
    objects: list[StixObject | None] = []
    offset = 0
    for place, (raw, item) in enumerate(zip(rows, opening.items, strict=True)):
        stands = withheld.get(place)
        if stands is not None and stands.commitment != item.commitment:
            raise IntegrityError(
                "commitment",
                "the commitment of what is withheld is not the one of its place",
                position=first + 1 + place,
                raw=raw,
            )
        if stands is None and item.record is None:
            raise IntegrityError(
                "not-covered",
                "an object stands where the disclosure says that one was erased",
                position=first + 1 + place,
                raw=raw,
            )
        objects.append(
            _covered(raw, payload, offset, first + 1 + place, named) if stands is None else None
        )
        offset += item.record is not None
    return tuple(objects)


def _covered(
    raw: bytes,
    payload: DisclosurePayload,
    offset: int,
    position: int,
    named: frozenset[ObjectId],
) -> StixObject:
    item = payload.items[offset]
    try:
        obj = parse_object(raw)
    except ObjectError as error:
        raise IntegrityError("form", str(error), position=position, raw=raw) from error
    if obj.id not in named:
        raise IntegrityError(
            "not-covered",
            f"{obj.id} is not among the items of its disclosure",
            position=position,
            raw=raw,
        )
    if obj.id != item.id or obj.version != item.version or obj.content_hash != item.sha256:
        raise IntegrityError(
            "commitment",
            f"the bytes of {obj.id} are not those its disclosure commits to",
            position=position,
            raw=raw,
        )
    return obj
