"""What a log entry and an item commitment commit to: batch records and item records.

Wire version 1; fixed by golden files. They name members, ids, versions, hashes and facts, never
content, and stay in the store, where they can be erased.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import msgspec

from foedus.canonical import CanonicalError, JSONValue, canonical_bytes
from foedus.clock import InstantError, instant_text
from foedus.model.identifiers import (
    IdentifierError,
    MemberId,
    ObjectId,
    TreatyId,
    member_id,
    object_id,
)
from foedus.release.errors import DisclosureError, ReleaseError
from foedus.release.facts import AssertedFacts
from foedus.release.obligations import Obligations
from foedus.release.wire import (
    BATCH_DECODER,
    DISCLOSURE_KIND,
    ITEM_DECODER,
    WIRE_VERSION,
    ItemRecordForm,
    common_fields,
    decoded,
    encode_form,
    read_count,
    read_facts,
    read_hash,
    read_text,
)

__all__ = ["BatchRecord", "ItemRecord", "parse_batch_record", "parse_item_record"]


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
        treaty: Under which treaty; ``NO_TREATY`` for protocol documents outside any.
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
