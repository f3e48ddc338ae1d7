"""What the gate lets out: items, and the batch they leave in.

Every outbound encoder takes these, never a bare object, and only :mod:`foedus.release.gate` can
make
them: the constructors ask for its mark.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from datetime import datetime
from typing import Final

import msgspec

from foedus.canonical import JSONValue
from foedus.ledger.commitment import commit_record, lane_digest, lane_digest_over
from foedus.model.identifiers import MemberId, ObjectId, TreatyId
from foedus.model.kinds import FoedusKind, wrap_object
from foedus.model.objects import StixObject
from foedus.release.decide import Decision
from foedus.release.errors import GateError
from foedus.release.facts import AssertedFacts
from foedus.release.obligations import Obligations
from foedus.release.record import (
    DISCLOSURE_TYPE,
    NO_TREATY,
    BatchRecord,
    DisclosedClass,
    DisclosurePayload,
)
from foedus.release.wire import ItemForm
from foedus.signing.envelope import Envelope, sign_envelope
from foedus.signing.keys import SigningKey

__all__ = ["GATE_MARK", "LaneState", "Released", "ReleasedBatch", "SealedBatch"]

GATE_MARK: Final = object()
"""The gate's mark. Nobody else uses it: a test reads the source for that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneState:
    """A recipient's lane.

    Attributes:
        name: Its name.
        count: Rows so far.
        digest: Running digest over their commitments, 32 bytes.
    """

    name: str
    count: int
    digest: bytes


class Released(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One item that may leave, to one recipient.

    A struct, since a release makes one for each item and recipient: it is made nine times faster
    than a dataclass.

    Attributes:
        handle: The caller's handle of the item it was made from.
        obj: What is sent.
        originator: Whose item it is.
        variant: Whether ``obj`` is a redacted variant.
        decision: What permits it; None for a protocol document.
        class_index: Which class of the batch it belongs to.
        salt: Salt of its commitment, 32 bytes.
        record: Its item record.
        commitment: Its commitment, 32 bytes.
    """

    handle: int
    obj: StixObject
    originator: MemberId
    variant: bool
    decision: Decision | None
    class_index: int
    salt: bytes
    record: bytes
    commitment: bytes
    mark: object

    def __post_init__(self) -> None:
        _check_mark(self.mark)
        # Not kept: what is made of this one by a change needs the mark again.
        msgspec.structs.force_setattr(self, "mark", None)

    def __repr__(self) -> str:
        """Tell which item it is; salts and records are for no log."""
        return f"Released(handle={self.handle}, id={self.obj.id!r}, variant={self.variant})"


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedBatch:
    """A batch with its place in log and lane.

    Attributes:
        document: The signed ``foedus-disclosure`` object.
        entry: The log entry, 32 bytes; also the lane commitment of the disclosure's own row.
        record: The batch record it commits to.
        lane_after: The lane after the batch.
    """

    document: StixObject
    entry: bytes
    record: bytes
    lane_after: LaneState


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleasedBatch:
    """Items that leave together: one recipient, one article, the same obligations.

    Attributes:
        treaty: The treaty relied on; None for protocol documents outside any.
        article: The article relied on, or ``protocol``.
        at: When it was decided; aware.
        salt: Salt of the log entry, 32 bytes.
        root: Merkle root of the items' commitments, 32 bytes.
        items: At most 1 000, in lane order.
        classes: Their classes.
        terms: Each terms object a class names, by id.
        consents: The originators' consents to the items that are passed on, each once.
    """

    exercise: bool
    sender: MemberId
    recipient: MemberId
    treaty: TreatyId | None
    article: str
    purpose: str
    at: datetime
    law_digest: str
    asserted: AssertedFacts
    obligations: Obligations
    salt: bytes = field(repr=False)
    root: bytes
    items: tuple[Released, ...]
    classes: tuple[DisclosedClass, ...]
    terms: Mapping[ObjectId, Mapping[str, JSONValue]] = field(repr=False, hash=False)
    mark: InitVar[object]
    consents: tuple[Envelope, ...] = ()

    def __post_init__(self, mark: object) -> None:
        _check_mark(mark)

    def seal(
        self, lane: LaneState, *, log_origin: str, log_index: int, signer: SigningKey
    ) -> SealedBatch:
        """Give the batch its place and sign it, inside the transaction that holds both heads.

        Args:
            lane: The recipient's lane before the batch.
            log_origin: Name of the sender's log.
            log_index: Index its entry will have there.
            signer: The sender's node key.
        """
        record = self._record(lane.name).encode()
        entry = commit_record(self.salt, record)
        digest = lane_digest_over(
            lane_digest(lane.digest, entry), [item.commitment for item in self.items]
        )
        after = LaneState(name=lane.name, count=lane.count + 1 + len(self.items), digest=digest)
        payload = self._payload(after, log_origin, log_index).encode_with(
            [
                ItemForm(
                    item.class_index,
                    item.obj.id,
                    item.originator,
                    item.salt.hex(),
                    item.obj.content_hash,
                    item.variant,
                    item.obj.version,
                )
                for item in self.items
            ]
        )
        envelope = sign_envelope(payload, DISCLOSURE_TYPE, signer)
        document = wrap_object(
            FoedusKind.DISCLOSURE, envelope.document(), payload=payload, issued=self.at
        )
        return SealedBatch(document=document, entry=entry, record=record, lane_after=after)

    def _record(self, lane: str) -> BatchRecord:
        return BatchRecord(
            exercise=self.exercise,
            sender=self.sender,
            recipient=self.recipient,
            treaty=self.treaty or NO_TREATY,
            article=self.article,
            purpose=self.purpose,
            instant=self.at,
            law_digest=self.law_digest,
            asserted=self.asserted,
            obligations=self.obligations,
            lane=lane,
            count=len(self.items),
            root=self.root.hex(),
        )

    def _payload(self, after: LaneState, log_origin: str, log_index: int) -> DisclosurePayload:
        """Return the payload but for its items, which are encoded as they stand here."""
        return DisclosurePayload(
            exercise=self.exercise,
            sender=self.sender,
            recipient=self.recipient,
            treaty=self.treaty or NO_TREATY,
            article=self.article,
            purpose=self.purpose,
            instant=self.at,
            law_digest=self.law_digest,
            asserted=self.asserted,
            obligations=self.obligations,
            lane=after.name,
            lane_count=after.count,
            lane_digest=after.digest.hex(),
            log_origin=log_origin,
            log_index=log_index,
            salt=self.salt.hex(),
            root=self.root.hex(),
            classes=self.classes,
            items=(),
            terms=self.terms,
            consents=self.consents,
        )


def _check_mark(mark: object) -> None:
    if mark is not GATE_MARK:
        raise GateError("only the gate releases anything")
