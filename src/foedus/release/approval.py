"""Approvals: one person's signed word for exactly one release.

What is approved is named by a digest (:class:`ApprovalSubject`): item key, content hash, terms,
recipient, treaty, article, purpose, law, obligations and whether a threat to life is asserted. When
any of them changes, the digest is another and the approval counts for nothing; it is never
transferred.

The record is canonical JSON, ``v kind exercise member user role instant subject``, in an envelope
signed by the node key of the member whose person approves.

Spec: design §6.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from foedus.canonical import JSONValue, canonical_bytes
from foedus.clock import instant_text
from foedus.model.identifiers import ArticleId, ItemKey, MemberId, ObjectId, TreatyId
from foedus.model.objects import StixObject
from foedus.release.decide import Decision
from foedus.release.errors import ApprovalError
from foedus.release.facts import ItemFacts
from foedus.release.obligations import Obligations
from foedus.release.question import Question
from foedus.signing.envelope import Envelope, sign_envelope, verify_envelope
from foedus.signing.errors import EnvelopeError
from foedus.signing.keys import PublicKey, SigningKey
from foedus.treaty.payload import PayloadError, read_payload

__all__ = [
    "APPROVAL_TYPE",
    "Approval",
    "ApprovalSubject",
    "open_approval",
    "sign_approval",
    "subject_of",
]

APPROVAL_TYPE: Final = "application/vnd.foedus.approval+json;v=1"
"""Payload type of the envelope of an approval."""

_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalSubject:
    """What exactly is approved.

    Attributes:
        item: The item version.
        sha256: SHA-256 of its exact bytes, 64 hex digits.
        terms: Id of its terms.
        recipient: To whom.
        treaty: Under which treaty.
        article: The article relied on.
        purpose: What for.
        law_digest: Digest of the law it was decided under.
        obligations: What the release binds to.
        threat_to_life: Whether the sender asserts a threat to life.
    """

    item: ItemKey
    sha256: str
    terms: ObjectId
    recipient: MemberId
    treaty: TreatyId
    article: ArticleId
    purpose: str
    law_digest: str
    obligations: Obligations
    threat_to_life: bool

    def document(self) -> dict[str, JSONValue]:
        """Return it as a canonical JSON object."""
        return {
            "v": 1,
            "kind": "approval-subject",
            "originator": self.item.originator,
            "id": self.item.object_id,
            "version": self.item.version,
            "sha256": self.sha256,
            "terms": self.terms,
            "recipient": self.recipient,
            "treaty": self.treaty,
            "article": self.article,
            "purpose": self.purpose,
            "law_digest": self.law_digest,
            "obligations": self.obligations.document(),
            "threat_to_life": self.threat_to_life,
        }

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical bytes, 64 hex digits."""
        return hashlib.sha256(canonical_bytes(self.document())).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One person's word.

    Attributes:
        exercise: Whether it belongs to an exercise.
        member: Whose node signs it.
        user: Who approves.
        role: In which role.
        at: When; aware.
        subject: Digest of what is approved, 64 hex digits.
    """

    exercise: bool
    member: MemberId
    user: str
    role: str
    at: datetime
    subject: str


def subject_of(
    obj: StixObject,
    facts: ItemFacts,
    question: Question,
    decision: Decision,
    *,
    threat_to_life: bool,
) -> ApprovalSubject | None:
    """Return what an approval of this release would name; None where no article was relied on.

    Args:
        obj: The item.
        facts: Its derivable facts.
        question: What was asked; the article is that of the decision.
        decision: What was decided before any approval was counted.
        threat_to_life: Whether the sender asserts it.
    """
    if decision.article is None:
        return None
    return ApprovalSubject(
        item=ItemKey(originator=facts.originator, object_id=obj.id, version=obj.version),
        sha256=obj.content_hash,
        terms=facts.terms_id,
        recipient=question.recipient,
        treaty=question.treaty,
        article=decision.article,
        purpose=question.purpose,
        law_digest=decision.law_digest,
        obligations=decision.obligations,
        threat_to_life=threat_to_life,
    )


def sign_approval(approval: Approval, key: SigningKey) -> Envelope:
    """Sign an approval with the node key of its member.

    Raises:
        ApprovalError: It could not be opened again, with the reason.
    """
    payload = canonical_bytes(
        {
            "v": 1,
            "kind": "approval",
            "exercise": approval.exercise,
            "member": approval.member,
            "user": approval.user,
            "role": approval.role,
            "instant": instant_text(approval.at),
            "subject": approval.subject,
        }
    )
    envelope = sign_envelope(payload, APPROVAL_TYPE, key)
    open_approval(envelope, (key.public,))
    return envelope


def open_approval(envelope: Envelope, keys: tuple[PublicKey, ...]) -> Approval:
    """Verify an approval and read it.

    Args:
        envelope: Untrusted.
        keys: Keys that speak for the member's node at the instant.

    Raises:
        ApprovalError: It is signed by none of them, or malformed. Nothing else is raised.
    """
    try:
        fields = read_payload(verify_envelope(envelope, keys, payload_type=APPROVAL_TYPE))
        kind = fields.text("kind")
        approval = Approval(
            exercise=fields.flag("exercise"),
            member=fields.member("member"),
            user=fields.text("user"),
            role=fields.text("role"),
            at=fields.instant("instant"),
            subject=fields.text("subject"),
        )
    except (EnvelopeError, PayloadError) as error:
        raise ApprovalError(f"no approval: {error}") from error
    if kind != "approval" or fields.unread() or not _DIGEST.fullmatch(approval.subject):
        raise ApprovalError("no approval: a field is of another form")
    return approval
