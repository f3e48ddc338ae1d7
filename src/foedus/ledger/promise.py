"""Promises: what a node signs at once, before any head of its log covers an entry.

A promise says that an entry stands at a certain place of the node's log, and shows what the entry
commits to. It is the node's word only. It is good for two things: it is kept when a receipt of the
same entry follows, and it convicts when a signed head that covers the place leads to another entry
there. Whoever has a promise asks for the receipt later and needs the promise no more.

On the wire a promise is one DSSE envelope in canonical JSON, signed by the node's key, of type
``application/vnd.foedus.promise+json;v=1`` over canonical JSON with exactly these fields::

    v         1
    kind      "promise"
    origin    name of the log
    index     place of the entry, from 0
    entry     the entry, 64 hex digits
    recipient whom the record is about, as the record names it
    instant   when the promise was made, six fraction digits
    opening   salt, record and item as in a receipt (foedus.ledger.opening)

Checks: the envelope is signed by a known node key; the fields are these; the opening makes the
entry, and its item is in the batch; the record, where it names a recipient, names this one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from foedus.canonical import CanonicalError, JSONValue, canonical_bytes, parse_json
from foedus.clock import InstantError, instant_text, parse_instant
from foedus.ledger.checkpoint import Checkpoint
from foedus.ledger.errors import InclusionError, ReceiptError
from foedus.ledger.inclusion import InclusionProof, verify_inclusion
from foedus.ledger.opening import Opening, hex_bytes, parse_opening, verify_opening
from foedus.ledger.receipt import VerifiedReceipt
from foedus.ledger.tree import HASH_BYTES, leaf_hash
from foedus.signing.envelope import Envelope, parse_envelope, sign_envelope, verify_envelope
from foedus.signing.errors import EnvelopeError
from foedus.signing.keys import PublicKey, SigningKey

__all__ = [
    "MAX_PROMISE_BYTES",
    "PROMISE_TYPE",
    "Promise",
    "VerifiedPromise",
    "check_kept",
    "format_promise",
    "is_broken_by",
    "verify_promise",
]

PROMISE_TYPE: Final = "application/vnd.foedus.promise+json;v=1"
"""Payload type of a promise's envelope."""

MAX_PROMISE_BYTES: Final = 2 * 1024 * 1024
"""Largest promise read, in bytes."""

_VERSION: Final = 1
_KIND: Final = "promise"
_FIELDS: Final = {"v", "kind", "origin", "index", "entry", "recipient", "instant", "opening"}
_MAX_TEXT: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """What a node promises.

    Attributes:
        origin: Name of its log.
        index: Place of the entry there.
        recipient: Whom the record is about.
        at: When the promise is made; aware UTC.
        opening: What the entry commits to.
    """

    origin: str
    index: int
    recipient: str
    at: datetime
    opening: Opening


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedPromise:
    """What a promise shows: the node's word, and no more.

    Attributes:
        origin: Name of the log.
        index: Place of the entry.
        entry: The entry, 32 bytes.
        recipient: Whom the record is about.
        at: When the node said it was made.
        record: Canonical bytes of the record.
        item_record: Canonical bytes of the item shown, or None.
        signed_by: Id of the key that signed.
    """

    origin: str
    index: int
    entry: bytes
    recipient: str
    at: datetime
    record: bytes
    item_record: bytes | None
    signed_by: str


def format_promise(promise: Promise, key: SigningKey) -> bytes:
    """Sign a promise with the node's key, and return its file, best named ``*.promise``.

    Raises:
        ReceiptError: The opening does not hold together, or a part has no canonical form.
    """
    entry = verify_opening(promise.opening)
    try:
        payload = canonical_bytes(
            {
                "v": _VERSION,
                "kind": _KIND,
                "origin": promise.origin,
                "index": promise.index,
                "entry": entry.hex(),
                "recipient": promise.recipient,
                "instant": instant_text(promise.at),
                "opening": promise.opening.document(),
            }
        )
        envelope = sign_envelope(payload, PROMISE_TYPE, key)
        return canonical_bytes(dict[str, JSONValue](envelope.document()))
    except (CanonicalError, InstantError) as error:
        raise ReceiptError(f"no promise can be made of it: {error}") from error


def verify_promise(data: bytes, keys: Iterable[PublicKey]) -> VerifiedPromise:
    """Return what a promise shows, or raise.

    Args:
        data: Untrusted.
        keys: Node keys whose word is taken.

    Raises:
        ReceiptError: It is malformed, or none of the keys signed it.
    """
    envelope = _envelope(data)
    known = tuple(keys)
    try:
        payload = verify_envelope(envelope, known, payload_type=PROMISE_TYPE)
        fields = parse_json(payload)
        if not isinstance(fields, Mapping) or fields.keys() != _FIELDS:
            raise ReceiptError("a promise has other fields")
        if canonical_bytes(fields) != payload:
            raise ReceiptError("a promise is canonical JSON")
        verified = _read(fields, _signer(envelope, known))
    except (EnvelopeError, CanonicalError, InstantError) as error:
        raise ReceiptError(f"the promise does not hold: {error}") from error
    return verified


def check_kept(promise: VerifiedPromise, receipt: VerifiedReceipt) -> None:
    """Return if a receipt keeps a promise, or raise.

    Raises:
        ReceiptError: It is of another log, place or record.
    """
    same = (promise.origin, promise.index, promise.record) == (
        receipt.origin,
        receipt.index,
        receipt.record,
    )
    if not same:
        raise ReceiptError("the receipt is not of what was promised")


def is_broken_by(
    promise: VerifiedPromise, head: Checkpoint, *, leaf: bytes, path: tuple[bytes, ...]
) -> bool:
    """Say whether a signed head convicts the node: it has another leaf at the promised place.

    Args:
        promise: What was promised.
        head: A head of the same log whose signature was verified.
        leaf: The leaf hash that stands at the promised place, 32 bytes.
        path: Its path in the tree of the head.

    Raises:
        ReceiptError: It is a head of another log, or the path does not lead to it: nothing is shown
            either way.
    """
    if head.origin != promise.origin:
        raise ReceiptError(f"a head of {head.origin!r} says nothing about the promise")
    proof = InclusionProof(promise.index, path)
    try:
        verify_inclusion(leaf, proof, size=head.size, root=head.root)
    except InclusionError as error:
        raise ReceiptError(f"nothing is shown about the promise: {error}") from error
    return leaf != leaf_hash(promise.entry)


def _envelope(data: bytes) -> Envelope:
    if len(data) > MAX_PROMISE_BYTES:
        raise ReceiptError(f"a promise of more than {MAX_PROMISE_BYTES} bytes")
    try:
        document = parse_json(data)
        if not isinstance(document, Mapping):
            raise ReceiptError("a promise is a signed document")
        return parse_envelope(document)
    except (CanonicalError, EnvelopeError) as error:
        raise ReceiptError(f"a promise is a signed document: {error}") from error


def _signer(envelope: Envelope, keys: tuple[PublicKey, ...]) -> str:
    """Return the id of the first of the keys that signed."""
    for key in keys:
        try:
            verify_envelope(envelope, (key,), payload_type=PROMISE_TYPE)
        except EnvelopeError:
            continue
        return key.key_id
    raise ReceiptError("the promise is signed by no known key")


def _read(fields: Mapping[str, JSONValue], signer: str) -> VerifiedPromise:
    index, kind, version = fields["index"], fields["kind"], fields["v"]
    if type(version) is not int or version != _VERSION or kind != _KIND:
        raise ReceiptError("a promise of another version or kind")
    if type(index) is not int or index < 0:
        raise ReceiptError("a promise has the index of an entry")
    opening = parse_opening(fields["opening"])
    entry = hex_bytes(fields["entry"], HASH_BYTES)
    if verify_opening(opening) != entry:
        raise ReceiptError("what the promise shows is not what its entry commits to")
    recipient = _text(fields["recipient"])
    if _recipient_of(opening.record) not in (None, recipient):
        raise ReceiptError("the promise names another recipient than its record")
    return VerifiedPromise(
        origin=_text(fields["origin"]),
        index=index,
        entry=entry,
        recipient=recipient,
        at=parse_instant(_text(fields["instant"])),
        record=opening.record,
        item_record=None if opening.item is None else opening.item.record,
        signed_by=signer,
    )


def _recipient_of(record: bytes) -> JSONValue:
    document = parse_json(record)
    return document.get("recipient") if isinstance(document, Mapping) else None


def _text(value: JSONValue) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= _MAX_TEXT:
        raise ReceiptError("a text of a promise is empty, too long or none")
    return value
