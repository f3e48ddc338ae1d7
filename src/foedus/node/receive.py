"""Take one batch out of a peer's lane: believe nothing that is not proved.

1. The disclosure is signed by a node key that speaks for the sender, and is addressed to us.
2. It continues the lane: count and digest follow from what was processed before.
3. Each item's bytes are those the disclosure commits to, one for one, in order.
4. The sender's log holds the disclosure's entry.
5. This node decides again, with the law it knows, at the stated instant.
6. Accepted items are held and matched; refused ones are quarantined and a discrepancy is sent.
7. What was received is entered in this node's own log.

A fault in 1 to 4 is the sender's or the line's: nothing of the batch is taken, the lane stands
still with an alarm, and the next pull tries again. A refusal in 5 concerns one item; the lane goes
on. Steps 5 to 7 are one unit of work with the cursor, so a crash repeats the batch or none of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
from foedus.node.ports import InCursor, Transaction
from foedus.release.record import (
    DISCLOSURE_TYPE,
    PROTOCOL,
    DisclosureError,
    DisclosurePayload,
    parse_disclosure,
)
from foedus.signing import (
    EnvelopeError,
    KeyPurpose,
    PublicKey,
    parse_envelope,
    verify_envelope,
)

__all__ = ["Batch", "check_batch", "open_disclosure", "rows_wanted"]


CLOCK_TOLERANCE: Final = timedelta(minutes=5)
"""How far ahead of our clock a disclosure outside any treaty may be dated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """A batch whose integrity is proved, up to the log.

    Attributes:
        document: The disclosure document.
        payload: What it says.
        objects: The items, one for one.
        first: Lane position of the disclosure row.
        digest: The lane's digest after the batch.
    """

    document: StixObject
    payload: DisclosurePayload
    objects: tuple[StixObject, ...]
    first: int
    digest: bytes


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
    return document, payload


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


def rows_wanted(payload: DisclosurePayload) -> int:
    """Return how many rows follow the disclosure's own."""
    return len(payload.items)


def check_batch(
    cursor: InCursor,
    document: StixObject,
    payload: DisclosurePayload,
    rows: Sequence[bytes],
) -> Batch:
    """Check steps 2 and 3 for a complete batch.

    Args:
        cursor: The lane before the batch.
        document: The disclosure document.
        payload: Its verified payload.
        rows: Exact bytes of the rows that follow, as many as it names.

    Raises:
        IntegrityError: ``lane-digest``, ``commitment`` or ``not-covered``, naming the row.
    """
    first = cursor.count + 1
    if payload.lane != cursor.lane or payload.lane_count != cursor.count + 1 + len(payload.items):
        raise IntegrityError(
            "sequence",
            f"the disclosure says the lane {payload.lane} then has {payload.lane_count} rows; "
            f"here it would have {cursor.count + 1 + len(payload.items)}",
            position=first,
            raw=document.raw,
        )
    commitments = payload.commitments()
    if batch_root(commitments).hex() != payload.root:
        raise IntegrityError(
            "commitment",
            "the root in the disclosure is not that of its items",
            position=first,
            raw=document.raw,
        )
    digest = lane_digest(cursor.digest, payload.entry())
    for commitment in commitments:
        digest = lane_digest(digest, commitment)
    if digest.hex() != payload.lane_digest:
        raise IntegrityError(
            "lane-digest",
            "the lane's digest is not the one that follows from what was received before",
            position=first,
            raw=document.raw,
        )
    named = frozenset(item.id for item in payload.items)
    objects = tuple(
        _covered(raw, payload, offset, first + 1 + offset, named) for offset, raw in enumerate(rows)
    )
    return Batch(document=document, payload=payload, objects=objects, first=first, digest=digest)


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
