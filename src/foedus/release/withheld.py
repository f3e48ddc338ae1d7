"""What stands in a lane where a row has no bytes any more: a signed statement of its commitment.

A lane is rows with commitments, and neither goes when what was committed to is erased. Whoever
reads the lane later is given, in the row's place, a ``foedus-withheld`` object. It says nothing of
the item: only where the row stands and what commitment it has, so that count and digest of the lane
follow as before. There are two:

* for an **item**: ``v kind stands_for exercise sender recipient lane position commitment``;
* for a **disclosure** of which items were erased: all that, the commitment being its log entry, and
  ``log lane_count lane_digest disclosure erased``: what is left of its payload, the items that were
  not erased among it, and place and commitment of each that was. ``disclosure`` is null where all
  it said was forgotten; then every item stands in ``erased``.

Both are canonical JSON in an envelope signed by the sender's node key when they are served. The
same row gives the same payload, and so the same object, however often it is read.

Spec: design §7, §8 (the digest runs over commitments, so it survives erasure).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from foedus.canonical import CanonicalError, JSONValue, canonical_bytes, parse_json
from foedus.ledger.commitment import commit_record
from foedus.model.identifiers import IdentifierError, MemberId, derived_object_id
from foedus.model.kinds import FoedusKind, wrap_object
from foedus.model.objects import StixObject
from foedus.release.errors import DisclosureError, ReleaseError
from foedus.release.log_records import parse_batch_record
from foedus.release.record import (
    MAX_BATCH_ITEMS,
    MAX_PAYLOAD_BYTES,
    DisclosurePayload,
    parse_disclosure,
)
from foedus.signing import Envelope, EnvelopeError, PublicKey, SigningKey, sign_envelope
from foedus.signing.envelope import verify_envelope
from foedus.treaty.payload import Fields, PayloadError

__all__ = [
    "WITHHELD_TYPE",
    "RowPlace",
    "WithheldBatch",
    "WithheldItem",
    "entry_of",
    "open_withheld",
    "withheld_id",
    "withheld_object",
]

WITHHELD_TYPE: Final = "application/vnd.foedus.withheld+json;v=1"
"""Payload type of the envelope of what stands for a row that was erased."""

_KIND: Final = "withheld"
_ITEM: Final = "item"
_DISCLOSURE: Final = "disclosure"
_HASH_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPlace:
    """Where a row stands: in which lane, at which position from 1."""

    exercise: bool
    sender: MemberId
    recipient: MemberId
    lane: str
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WithheldItem:
    """Stands for an item.

    Attributes:
        commitment: 32 bytes.
    """

    place: RowPlace
    commitment: bytes

    def document(self) -> dict[str, JSONValue]:
        """Return what is signed."""
        return _common(self.place, _ITEM, self.commitment)


@dataclass(frozen=True, slots=True, kw_only=True)
class WithheldBatch:
    """Stands for a disclosure of which items were erased.

    Attributes:
        entry: The log entry, 32 bytes.
        log_origin: Name of the log in which it stands, and ``log_index`` its place there.
        lane_count: Rows of the lane after the batch.
        lane_digest: Digest of the lane then, 32 bytes.
        left: The payload without the items that were erased; None if nothing is left of it.
        erased: Commitment of each erased item by its place in the batch, from 0.
    """

    place: RowPlace
    entry: bytes
    log_origin: str
    log_index: int
    lane_count: int
    lane_digest: bytes
    left: DisclosurePayload | None
    erased: Mapping[int, bytes] = field(hash=False)

    @property
    def items(self) -> int:
        """How many items the batch has."""
        return self.lane_count - self.place.position

    def commitments(self) -> list[bytes]:
        """Return the commitment of every item, in order."""
        left = iter(() if self.left is None else self.left.commitments())
        return [
            self.erased[place] if place in self.erased else next(left)
            for place in range(self.items)
        ]

    def document(self) -> dict[str, JSONValue]:
        """Return what is signed."""
        left = None if self.left is None else parse_json(self.left.encode())
        return {
            **_common(self.place, _DISCLOSURE, self.entry),
            "log": {"origin": self.log_origin, "index": self.log_index},
            "lane_count": self.lane_count,
            "lane_digest": self.lane_digest.hex(),
            "disclosure": left,
            "erased": [
                {"place": place, "commitment": commitment.hex()}
                for place, commitment in sorted(self.erased.items())
            ],
        }


def withheld_object(
    stands: WithheldItem | WithheldBatch, signer: SigningKey, *, added: datetime
) -> StixObject:
    """Return the object that is served in the row's place.

    Args:
        stands: What it says.
        signer: The sender's node key.
        added: When the row was put in the lane; it becomes ``created`` and ``modified``.
    """
    payload = canonical_bytes(stands.document())
    envelope = sign_envelope(payload, WITHHELD_TYPE, signer)
    return wrap_object(FoedusKind.WITHHELD, envelope.document(), payload=payload, issued=added)


def withheld_id(stands: WithheldItem | WithheldBatch) -> str:
    """Return the id of the object that is served in the row's place, without signing it."""
    return derived_object_id(FoedusKind.WITHHELD.value, canonical_bytes(stands.document()))


def open_withheld(envelope: Envelope, keys: Sequence[PublicKey]) -> WithheldItem | WithheldBatch:
    """Verify and read what stands for a row.

    Args:
        envelope: Untrusted.
        keys: Keys that speak for the sender's node.

    Raises:
        DisclosureError: It is signed by none of them, or malformed. Nothing else is raised.
    """
    try:
        payload = verify_envelope(envelope, keys, payload_type=WITHHELD_TYPE)
        if len(payload) > MAX_PAYLOAD_BYTES:
            raise DisclosureError(f"a payload is larger than {MAX_PAYLOAD_BYTES} bytes")
        body = parse_json(payload)
        if not isinstance(body, dict) or canonical_bytes(body) != payload:
            raise DisclosureError("the payload is not in its one canonical form")
        return _read(Fields(body))
    except (
        EnvelopeError,
        CanonicalError,
        PayloadError,
        IdentifierError,
        ReleaseError,
        RecursionError,
    ) as error:
        raise DisclosureError(f"nothing that stands for a row: {error}") from error


def entry_of(payload: DisclosurePayload, items: int) -> bytes:
    """Return the log entry of a disclosure of so many items, of which some may be erased."""
    record = replace(parse_batch_record(payload.batch_record()), count=items).encode()
    return commit_record(bytes.fromhex(payload.salt), record)


def _common(place: RowPlace, stands_for: str, commitment: bytes) -> dict[str, JSONValue]:
    return {
        "v": 1,
        "kind": _KIND,
        "stands_for": stands_for,
        "exercise": place.exercise,
        "sender": place.sender,
        "recipient": place.recipient,
        "lane": place.lane,
        "position": place.position,
        "commitment": commitment.hex(),
    }


def _read(fields: Fields) -> WithheldItem | WithheldBatch:
    version = fields.integer("v", least=1)
    kind, stands_for = fields.text("kind"), fields.text("stands_for")
    if version != 1 or kind != _KIND or stands_for not in {_ITEM, _DISCLOSURE}:
        raise DisclosureError("it is of another kind or version")
    place = RowPlace(
        exercise=fields.flag("exercise"),
        sender=fields.member("sender"),
        recipient=fields.member("recipient"),
        lane=fields.text("lane"),
        position=fields.integer("position", least=1),
    )
    commitment = _hash(fields, "commitment")
    if stands_for == _ITEM:
        found: WithheldItem | WithheldBatch = WithheldItem(place=place, commitment=commitment)
    else:
        found = _read_batch(fields, place, commitment)
    if fields.unread():
        raise DisclosureError("it has fields that nobody knows")
    return found


def _read_batch(fields: Fields, place: RowPlace, entry: bytes) -> WithheldBatch:
    origin, index = _log(fields.value("log"))
    said = fields.value("disclosure")
    batch = WithheldBatch(
        place=place,
        entry=entry,
        log_origin=origin,
        log_index=index,
        lane_count=fields.integer("lane_count", least=place.position),
        lane_digest=_hash(fields, "lane_digest"),
        left=parse_disclosure(_again(said)) if said is not None else None,
        erased={
            each.integer("place", least=0): _hash(each, "commitment")
            for each in fields.objects("erased")
        },
    )
    if len(batch.erased) != len(fields.values_of("erased")):
        raise DisclosureError("a place is erased twice")
    if batch.items > MAX_BATCH_ITEMS or any(at >= batch.items for at in batch.erased):
        raise DisclosureError("its items are not those of one batch")
    left = 0 if batch.left is None else len(batch.left.items)
    if left + len(batch.erased) != batch.items:
        raise DisclosureError("an item neither is left nor was erased")
    if batch.left is not None:
        _check_left(batch, batch.left)
    return batch


def _check_left(batch: WithheldBatch, left: DisclosurePayload) -> None:
    """What is left of a disclosure must be that of this very row."""
    place = batch.place
    said = (left.exercise, left.sender, left.recipient, left.lane)
    if said != (place.exercise, place.sender, place.recipient, place.lane):
        raise DisclosureError("what is left is of another lane")
    if (left.lane_count, left.lane_digest) != (batch.lane_count, batch.lane_digest.hex()):
        raise DisclosureError("what is left is of another place of the lane")
    if (left.log_origin, left.log_index) != (batch.log_origin, batch.log_index):
        raise DisclosureError("what is left is of another log entry")
    if entry_of(left, batch.items) != batch.entry:
        raise DisclosureError("the log entry is not that of what is left")


def _again(said: object) -> bytes:
    if not isinstance(said, dict):
        raise DisclosureError("disclosure is an object or null")
    return canonical_bytes(said)


def _log(value: object) -> tuple[str, int]:
    if not isinstance(value, dict) or set(value) != {"origin", "index"}:
        raise DisclosureError("log is an object of origin and index")
    log = Fields(value)
    return log.log_origin("origin"), log.integer("index", least=0)


def _hash(fields: Fields, name: str) -> bytes:
    text = fields.text(name)
    try:
        raw = bytes.fromhex(text)
    except ValueError as error:
        raise DisclosureError(f"{name} is 64 hex digits") from error
    if len(raw) != _HASH_BYTES or raw.hex() != text:
        raise DisclosureError(f"{name} is 64 hex digits")
    return raw
