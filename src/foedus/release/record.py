"""What a release leaves on record and on the wire. Wire version 1.

Three canonical JSON documents, all ASCII keys, all fixed by golden files:

* the **batch record**, to which the log entry commits: ``v kind exercise sender recipient treaty
  article purpose instant law_digest asserted obligations lane count root``;
* an **item record** for each item, to which its item commitment commits: ``v originator id version
  sha256 terms facts variant``;
* the **disclosure payload**, which is signed and sent: all of the above, the salts, the place in
  log and lane, and the terms themselves, so that its reader computes both kinds of record again.

Only the payload tells content; records hold names, versions, hashes and facts, and stay in the
store where they can be erased. A payload has one form: what parses must encode to the same bytes.

Rules of :func:`parse_disclosure`: bounds, exact fields and types; members, treaty, ids and hashes
are well formed; instants have six digits; each class names terms that stand in the payload under
the id their content derives, or, for protocol documents, none; each item names a class; no terms
are idle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Final

import msgspec

from foedus.canonical import CanonicalError, JSONValue, canonical_bytes
from foedus.clock import InstantError, instant_text
from foedus.ledger.commitment import batch_root, commit_item, commit_record
from foedus.model.identifiers import (
    IdentifierError,
    MemberId,
    ObjectId,
    TreatyId,
    member_id,
    object_id,
)
from foedus.model.terms import Terms, TermsError, parse_terms
from foedus.release.errors import DisclosureError, ReleaseError
from foedus.release.facts import AssertedFacts
from foedus.release.obligations import Obligations
from foedus.release.wire import (
    BATCH_DECODER,
    DISCLOSURE_KIND,
    ITEM_DECODER,
    PAYLOAD_DECODER,
    WIRE_VERSION,
    ItemForm,
    ItemRecordForm,
    PayloadForm,
    RawClass,
    RawItem,
    common_fields,
    decoded,
    encode_form,
    read_count,
    read_facts,
    read_hash,
    read_text,
)

__all__ = [
    "DISCLOSURE_TYPE",
    "MAX_BATCH_ITEMS",
    "MAX_PAYLOAD_BYTES",
    "NO_TREATY",
    "PROTOCOL",
    "BatchRecord",
    "DisclosedClass",
    "DisclosedItem",
    "DisclosureError",
    "DisclosurePayload",
    "ItemRecord",
    "parse_batch_record",
    "parse_disclosure",
    "parse_item_record",
]

DISCLOSURE_TYPE: Final = "application/vnd.foedus.disclosure+json;v=1"
"""Payload type of a disclosure's envelope."""

MAX_BATCH_ITEMS: Final = 1000
"""Most items in one batch (design §7)."""

MAX_PAYLOAD_BYTES: Final = 760 * 1024
"""Largest payload read; in base64 it still fits a STIX object of 1 MiB."""

PROTOCOL: Final = "protocol"
"""Article and purpose of what :mod:`foedus.release.protocol` permits."""

NO_TREATY: Final = TreatyId("0" * 64)
"""Stands for no treaty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRecord:
    """What an item commitment commits to.

    Attributes:
        originator: Whose item it is.
        id: STIX id of what was sent.
        version: Its version.
        sha256: SHA-256 of the exact bytes sent, 64 hex digits.
        terms: Id of its terms; empty for a protocol document.
        facts: The derivable facts, in wire form.
        variant: Whether it is a redacted variant.
    """

    originator: MemberId
    id: ObjectId
    version: str
    sha256: str
    terms: str
    facts: Mapping[str, JSONValue]
    variant: bool

    def encode(self) -> bytes:
        """Return the canonical bytes."""
        return self.encode_with(canonical_bytes(self.facts))

    def encode_with(self, facts: bytes) -> bytes:
        """Return the canonical bytes, given those of the facts; many items share the latter."""
        return encode_form(
            ItemRecordForm(
                facts=msgspec.Raw(facts),
                id=self.id,
                originator=self.originator,
                sha256=self.sha256,
                terms=self.terms,
                v=WIRE_VERSION,
                variant=self.variant,
                version=self.version,
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRecord:
    """What a log entry commits to.

    Attributes:
        exercise: Whether it belongs to an exercise.
        sender: Who released.
        recipient: To whom.
        treaty: Under which treaty; :data:`NO_TREATY` for protocol documents outside any.
        article: The article relied on, or ``protocol``.
        purpose: The purpose, or ``protocol``.
        instant: When it was decided; aware.
        law_digest: Digest of the law it was decided under; 64 zeros for protocol documents.
        asserted: What the sender asserted.
        obligations: What the release binds to.
        lane: The recipient's lane.
        count: How many items.
        root: Merkle root of their commitments, 64 hex digits.
    """

    exercise: bool
    sender: MemberId
    recipient: MemberId
    treaty: TreatyId
    article: str
    purpose: str
    instant: datetime
    law_digest: str
    asserted: AssertedFacts
    obligations: Obligations
    lane: str
    count: int
    root: str

    def encode(self) -> bytes:
        """Return the canonical bytes."""
        return canonical_bytes(
            {
                "v": WIRE_VERSION,
                "kind": DISCLOSURE_KIND,
                "exercise": self.exercise,
                "sender": self.sender,
                "recipient": self.recipient,
                "treaty": self.treaty,
                "article": self.article,
                "purpose": self.purpose,
                "instant": instant_text(self.instant),
                "law_digest": self.law_digest,
                "asserted": self.asserted.document(),
                "obligations": self.obligations.document(),
                "lane": self.lane,
                "count": self.count,
                "root": self.root,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DisclosedClass:
    """Items decided alike: the id of their terms (empty for protocol documents) and their facts."""

    terms: str
    facts: Mapping[str, JSONValue]


@dataclass(frozen=True, slots=True, kw_only=True)
class DisclosedItem:
    """One item of a disclosure, in lane order.

    Attributes:
        id: STIX id of what was sent.
        version: Its version.
        sha256: SHA-256 of the exact bytes, 64 hex digits.
        class_index: Which class it belongs to.
        salt: Salt of its commitment, 64 hex digits.
        originator: Whose item it is.
        variant: Whether it is a redacted variant.
    """

    id: ObjectId
    version: str
    sha256: str
    class_index: int
    salt: str
    originator: MemberId
    variant: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DisclosurePayload:
    """One batch as its sender signs it.

    Attributes as in :class:`BatchRecord`, and besides:

    Attributes:
        lane_count: Rows in the lane after this batch.
        lane_digest: Running digest of the lane after this batch, 64 hex digits.
        log_origin: Name of the sender's log.
        log_index: Where its entry stands there.
        salt: Salt of the log entry, 64 hex digits.
        classes: Classes of items decided alike.
        items: The items, in lane order, at most :data:`MAX_BATCH_ITEMS`.
        terms: Each terms object named by a class, by id.
    """

    exercise: bool
    sender: MemberId
    recipient: MemberId
    treaty: TreatyId
    article: str
    purpose: str
    instant: datetime
    law_digest: str
    asserted: AssertedFacts
    obligations: Obligations
    lane: str
    lane_count: int
    lane_digest: str
    log_origin: str
    log_index: int
    salt: str
    root: str
    classes: tuple[DisclosedClass, ...]
    items: tuple[DisclosedItem, ...]
    terms: Mapping[ObjectId, Mapping[str, JSONValue]] = field(hash=False)

    def encode(self) -> bytes:
        """Return the canonical bytes that are signed."""
        return encode_form(
            PayloadForm(
                article=self.article,
                asserted=_raw(self.asserted.document()),
                classes=_raw([{"terms": each.terms, "facts": each.facts} for each in self.classes]),
                exercise=self.exercise,
                instant=instant_text(self.instant),
                items=[_item_form(item) for item in self.items],
                kind=DISCLOSURE_KIND,
                lane=self.lane,
                lane_count=self.lane_count,
                lane_digest=self.lane_digest,
                law_digest=self.law_digest,
                log=_raw({"origin": self.log_origin, "index": self.log_index}),
                obligations=_raw(self.obligations.document()),
                purpose=self.purpose,
                recipient=self.recipient,
                root=self.root,
                salt=self.salt,
                sender=self.sender,
                terms=_raw(dict[str, JSONValue](self.terms.items())),
                treaty=self.treaty,
                v=WIRE_VERSION,
            )
        )

    def batch_record(self) -> bytes:
        """Return the record to which the log entry commits."""
        return BatchRecord(
            exercise=self.exercise,
            sender=self.sender,
            recipient=self.recipient,
            treaty=self.treaty,
            article=self.article,
            purpose=self.purpose,
            instant=self.instant,
            law_digest=self.law_digest,
            asserted=self.asserted,
            obligations=self.obligations,
            lane=self.lane,
            count=len(self.items),
            root=self.root,
        ).encode()

    def item_record(self, index: int) -> bytes:
        """Return the record of one item.

        Raises:
            DisclosureError: There is no such item.
        """
        if not 0 <= index < len(self.items):
            raise DisclosureError(f"no item {index} among {len(self.items)}")
        item = self.items[index]
        return self._record_of(item, canonical_bytes(self.classes[item.class_index].facts))

    def item_records(self) -> list[bytes]:
        """Return the record of each item, in order."""
        facts = [canonical_bytes(each.facts) for each in self.classes]
        return [self._record_of(item, facts[item.class_index]) for item in self.items]

    def _record_of(self, item: DisclosedItem, facts: bytes) -> bytes:
        of_class = self.classes[item.class_index]
        return ItemRecord(
            originator=item.originator,
            id=item.id,
            version=item.version,
            sha256=item.sha256,
            terms=of_class.terms,
            facts=of_class.facts,
            variant=item.variant,
        ).encode_with(facts)

    def commitments(self) -> list[bytes]:
        """Return the commitment of each item, 32 bytes each, in order."""
        return [
            commit_item(bytes.fromhex(item.salt), record)
            for item, record in zip(self.items, self.item_records(), strict=True)
        ]

    def entry(self) -> bytes:
        """Return the log entry, 32 bytes."""
        return commit_record(bytes.fromhex(self.salt), self.batch_record())

    def check_commitments(self) -> None:
        """Check that the stated root is that of the items, or raise.

        Raises:
            DisclosureError: It is not, or the lane cannot have that few rows after this batch.
        """
        if batch_root(self.commitments()).hex() != self.root:
            raise DisclosureError("the root is not that of the items")
        if self.lane_count < 1 + len(self.items):
            raise DisclosureError("the lane has fewer rows than this batch alone")

    def terms_of(self, index: int) -> Terms:
        """Return the terms of one item.

        Raises:
            DisclosureError: There is no such item, or it is a protocol document, which has none.
        """
        if not 0 <= index < len(self.items):
            raise DisclosureError(f"no item {index} among {len(self.items)}")
        return self.terms_of_class(self.items[index].class_index)

    def terms_of_class(self, index: int) -> Terms:
        """Return the terms of one class of items.

        Raises:
            DisclosureError: There is no such class, or it is of protocol documents.
        """
        if not 0 <= index < len(self.classes):
            raise DisclosureError(f"no class {index} among {len(self.classes)}")
        named = self.classes[index].terms
        if not named:
            raise DisclosureError("a protocol document has no terms")
        return _read_terms(canonical_bytes(self.terms[ObjectId(named)]))


def parse_disclosure(data: bytes) -> DisclosurePayload:
    """Read the payload of a disclosure's envelope.

    Args:
        data: The payload's bytes. Verify the envelope's signature first; the content stays
            untrusted.

    Raises:
        DisclosureError: A rule in the module docstring is broken.
    """
    if len(data) > MAX_PAYLOAD_BYTES:
        raise DisclosureError(f"a payload is larger than {MAX_PAYLOAD_BYTES} bytes")
    raw = decoded(PAYLOAD_DECODER, data)
    try:
        payload = DisclosurePayload(
            **common_fields(raw),
            lane_count=read_count(raw.lane_count),
            lane_digest=read_hash(raw.lane_digest),
            log_origin=read_text(raw.log.origin),
            log_index=read_count(raw.log.index),
            salt=read_hash(raw.salt),
            classes=tuple(_class(each) for each in raw.classes),
            items=tuple(_item(each, len(raw.classes)) for each in raw.items),
            terms={object_id(name): document for name, document in raw.terms.items()},
        )
        _check_terms(payload)
        again = payload.encode()
    except (IdentifierError, InstantError, CanonicalError, ReleaseError, OverflowError) as error:
        raise DisclosureError(str(error)) from error
    if again != data:
        raise DisclosureError("the payload is not in its one canonical form")
    return payload


def parse_batch_record(data: bytes) -> BatchRecord:
    """Read a batch record.

    Raises:
        DisclosureError: It is none.
    """
    raw = decoded(BATCH_DECODER, data)
    try:
        record = BatchRecord(**common_fields(raw), count=read_count(raw.count))
        again = record.encode()
    except (IdentifierError, InstantError, CanonicalError, ReleaseError, OverflowError) as error:
        raise DisclosureError(str(error)) from error
    if again != data:
        raise DisclosureError("the batch record is not in its one canonical form")
    return record


def parse_item_record(data: bytes) -> ItemRecord:
    """Read an item record.

    Raises:
        DisclosureError: It is none.
    """
    raw = decoded(ITEM_DECODER, data)
    try:
        record = ItemRecord(
            originator=member_id(raw.originator),
            id=object_id(raw.id),
            version=read_text(raw.version),
            sha256=read_hash(raw.sha256),
            terms=object_id(raw.terms) if raw.terms else "",
            facts=read_facts(raw.facts, protocol=not raw.terms),
            variant=raw.variant,
        )
        again = record.encode()
    except (IdentifierError, CanonicalError, ReleaseError) as error:
        raise DisclosureError(str(error)) from error
    if raw.v != WIRE_VERSION or again != data:
        raise DisclosureError("not an item record of this version in its one canonical form")
    return record


def _class(raw: RawClass) -> DisclosedClass:
    return DisclosedClass(
        terms=object_id(raw.terms) if raw.terms else "",
        facts=read_facts(raw.facts, protocol=not raw.terms),
    )


def _item(raw: RawItem, classes: int) -> DisclosedItem:
    if not 0 <= raw.class_ < classes:
        raise DisclosureError(f"an item names class {raw.class_} of {classes}")
    return DisclosedItem(
        id=object_id(raw.id),
        version=read_text(raw.version),
        sha256=read_hash(raw.sha256),
        class_index=raw.class_,
        salt=read_hash(raw.salt),
        originator=member_id(raw.originator),
        variant=raw.variant,
    )


def _check_terms(payload: DisclosurePayload) -> None:
    if len(payload.items) > MAX_BATCH_ITEMS or len(payload.classes) > MAX_BATCH_ITEMS:
        raise DisclosureError(f"a batch holds more than {MAX_BATCH_ITEMS} items or classes")
    named = {ObjectId(each.terms) for each in payload.classes if each.terms}
    if named != set(payload.terms):
        raise DisclosureError("the terms in the payload are not those its classes name")
    for identifier, document in payload.terms.items():
        if document.get("id") != identifier:
            raise DisclosureError(f"other terms stand under {identifier}")
        _read_terms(canonical_bytes(document))


@lru_cache(maxsize=4096)
def _read_terms(raw: bytes) -> Terms:
    """Read terms, remembered by their bytes: few serve many disclosures."""
    try:
        return parse_terms(raw)
    except TermsError as error:
        raise DisclosureError(str(error)) from error


def _item_form(item: DisclosedItem) -> ItemForm:
    return ItemForm(
        class_=item.class_index,
        id=item.id,
        originator=item.originator,
        salt=item.salt,
        sha256=item.sha256,
        variant=item.variant,
        version=item.version,
    )


def _raw(document: JSONValue) -> msgspec.Raw:
    return msgspec.Raw(canonical_bytes(document))
