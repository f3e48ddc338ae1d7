"""What a release leaves on record and on the wire. Wire version 1.

Three canonical JSON documents, all ASCII keys, all fixed by golden files:

* the **batch record**, to which the log entry commits: ``v kind exercise sender recipient treaty
  article purpose instant law_digest asserted obligations lane count root``;
* an **item record** for each item, to which its item commitment commits: ``v originator id version
  sha256 terms facts variant`` (both in :mod:`foedus.release.log_records`);
* the **disclosure payload**, which is signed and sent: all of the above, the salts, the place in
  log and lane, the terms themselves, so that its reader computes both kinds of record again, and
  the originators' consents to what is passed on.

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
from foedus.release.log_records import (
    BatchRecord,
    ItemRecord,
    parse_batch_record,
    parse_item_record,
)
from foedus.release.obligations import Obligations
from foedus.release.wire import (
    DISCLOSURE_KIND,
    MAX_BATCH_ITEMS,
    PAYLOAD_DECODER,
    WIRE_VERSION,
    ItemForm,
    PayloadForm,
    RawClass,
    RawItem,
    common_fields,
    decoded,
    encode_form,
    read_consents,
    read_count,
    read_facts,
    read_hash,
    read_text,
)
from foedus.signing.envelope import Envelope

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

MAX_PAYLOAD_BYTES: Final = 760 * 1024
"""Largest payload read; in base64 it still fits a STIX object of 1 MiB."""

PROTOCOL: Final = "protocol"
"""Article and purpose of what :mod:`foedus.release.protocol` permits."""

NO_TREATY: Final = TreatyId("0" * 64)
"""Stands for no treaty."""


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
        consents: The originators' consents to the items passed on; each is signed by its
            originator and verified by nobody yet. Absent on the wire where there is none.
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
    consents: tuple[Envelope, ...] = ()

    def encode(self) -> bytes:
        """Return the canonical bytes that are signed."""
        return self.encode_with([_item_form(item) for item in self.items])

    def encode_with(self, items: list[ItemForm]) -> bytes:
        """Return the canonical bytes with these items, already in the form they are written in."""
        return encode_form(
            PayloadForm(
                article=self.article,
                asserted=_raw(self.asserted.document()),
                classes=_raw([{"terms": each.terms, "facts": each.facts} for each in self.classes]),
                consents=_raw([_envelope(each) for each in self.consents])
                if self.consents
                else msgspec.UNSET,
                exercise=self.exercise,
                instant=instant_text(self.instant),
                items=items,
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
            consents=read_consents(raw.consents),
        )
        _check_terms(payload)
        again = payload.encode()
    except (IdentifierError, InstantError, CanonicalError, ReleaseError, OverflowError) as error:
        raise DisclosureError(str(error)) from error
    if again != data:
        raise DisclosureError("the payload is not in its one canonical form")
    return payload


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


def _envelope(envelope: Envelope) -> dict[str, JSONValue]:
    return dict[str, JSONValue](envelope.document())


def _raw(document: JSONValue) -> msgspec.Raw:
    return msgspec.Raw(canonical_bytes(document))
