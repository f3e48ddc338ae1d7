"""The grounds of a release that stand in the store: consents and approvals, counted.

Called wherever a release is decided, on the same snapshot, right after ``candidates_for``. Rules:

1. A consent counts for exactly the item version and bytes, recipient, treaty and purpose it names,
   from the instant it was given until before it runs out, while nobody withdrew it, and only if a
   key that speaks for the item's originator *now* signed it. Of several the one that lasts longest
   counts. The envelope goes with the candidate, so that the recipient can check it too.
2. What an approval must name is found by deciding with the consents and no approval: the subject of
   a decision that needs approval. An approval of anything else, be it of the same item under a law
   that has changed since, counts for nothing.
3. It counts only while its person has not taken it back and still has the role; if it was signed by
   this node's key for this member; and once for each person. No more are counted than are needed.
4. The number of queries does not depend on the number of items.
5. No consent counts for what came to us on the originator's condition that it goes no further.

Spec: design §2 rule 4, §6.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from foedus.access import Role
from foedus.canonical import CanonicalError, parse_json
from foedus.model.identifiers import ItemKey, MemberId
from foedus.node.candidates import known_as
from foedus.node.context import Node
from foedus.node.lawbook import LawView
from foedus.node.ports import NewConsent, Transaction
from foedus.node.wish import Wish
from foedus.release.approval import ApprovalSubject, open_approval, subject_of
from foedus.release.consent import Consent, ConsentCondition, open_consent
from foedus.release.decide import Decision, Law, LinkFacts, Verdict
from foedus.release.errors import ApprovalError, ConsentError
from foedus.release.facts import AssertedFacts
from foedus.release.gate import Candidate, Gate
from foedus.release.question import Question
from foedus.signing import Envelope, EnvelopeError, KeyPurpose, parse_envelope

__all__ = [
    "APPROVER",
    "Footing",
    "approvers",
    "decided_without_approvals",
    "read_envelope",
    "subject_for",
    "unredactable_of",
    "with_consents",
    "with_grounds",
]

APPROVER: Final = Role.SUPERVISOR
"""The role in which a person approves, and which it must still have when the approval counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Footing:
    """What is the same for all candidates of one release to one member.

    Attributes:
        sender: Who releases.
        wish: Treaty, purpose, article, threat to life.
        recipient: To whom.
        law: What binds the two.
        link: How fresh the sender's picture of the recipient is.
        at: The instant of the decision.
    """

    sender: MemberId
    wish: Wish
    recipient: MemberId
    law: Law
    link: LinkFacts
    at: datetime


def with_grounds(  # noqa: PLR0913, PLR0917 - a question with all its grounds
    tx: Transaction,
    node: Node,
    view: LawView,
    gate: Gate,
    candidates: Sequence[Candidate],
    wish: Wish,
    recipient: MemberId,
    law: Law,
    link: LinkFacts,
    now: datetime,
) -> list[Candidate]:
    """Return the candidates with what is asserted of each: consent, threat to life, approvals.

    A candidate without a ground of its own is returned as it came: what the wish asserts holds.

    Args:
        tx: The snapshot on which the release is decided.
        node: The node.
        view: The law on that snapshot.
        gate: The node's gate; it decides once without approvals, nothing more.
        candidates: What someone wishes to release.
        wish: On what footing.
        recipient: To whom.
        law: What binds us and the recipient.
        link: How fresh our picture of it is.
        now: The instant of the decision.
    """
    footing = Footing(
        sender=node.identity.member, wish=wish, recipient=recipient, law=law, link=link, at=now
    )
    consented = with_consents(tx, view, candidates, footing)
    if not tx.grounds.any_approval(recipient):
        return consented
    given = _counted(
        tx, node, consented, footing, decided_without_approvals(gate, consented, footing)
    )
    return [
        replace(each, asserted=replace(_asserted(each, wish), approvals=given[each.handle]))
        if given.get(each.handle)
        else each
        for each in consented
    ]


def with_consents(
    tx: Transaction, view: LawView, candidates: Sequence[Candidate], footing: Footing
) -> list[Candidate]:
    """Return the candidates with the consents that stand for them (rule 1)."""
    wish = footing.wish
    stored: dict[tuple[ItemKey, str], list[NewConsent]] = {}
    for row in tx.grounds.consents_for(footing.recipient, wish.treaty, wish.purpose, at=footing.at):
        stored.setdefault((row.item, row.content_hash), []).append(row)
    if not stored:
        return list(candidates)
    bound = _bound(tx, [each.handle for each in candidates if _stored_of(each, stored)])
    return [
        each if each.handle in bound else _consented(view, each, stored, footing)
        for each in candidates
    ]


def _bound(tx: Transaction, handles: Sequence[int]) -> frozenset[int]:
    """Return which items came on the condition that they are not passed on further (rule 5)."""
    found = tx.onward.conditions(handles) if handles else {}
    return frozenset(
        handle
        for handle, conditions in found.items()
        if any(ConsentCondition.NO_FURTHER in each.words for each in conditions)
    )


def _stored_of(
    candidate: Candidate, stored: Mapping[tuple[ItemKey, str], Sequence[NewConsent]]
) -> Sequence[NewConsent]:
    obj, originator = candidate.obj, candidate.facts.originator
    key = ItemKey(originator=originator, object_id=obj.id, version=obj.version)
    return stored.get((key, obj.content_hash), ())


def _consented(
    view: LawView,
    candidate: Candidate,
    stored: Mapping[tuple[ItemKey, str], Sequence[NewConsent]],
    footing: Footing,
) -> Candidate:
    originator = candidate.facts.originator
    rows = _stored_of(candidate, stored)
    keys = view.keys(originator, KeyPurpose.NODE, footing.at) if rows else ()
    for row in rows:
        try:
            envelope = read_envelope(row.envelope)
            consent = open_consent(envelope, keys)
        except (EnvelopeError, ConsentError):
            continue  # Signed by a key that speaks for the originator no more: it says nothing.
        if _fits(consent, candidate, footing):
            asserted = replace(
                _asserted(candidate, footing.wish), consent=True, consent_until=consent.until
            )
            return replace(candidate, asserted=asserted, consent=envelope)
    return candidate


def _fits(consent: Consent, candidate: Candidate, footing: Footing) -> bool:
    """Whether a consent, verified, is one to exactly this."""
    obj, wish = candidate.obj, footing.wish
    return (
        consent.holds(footing.at)
        and consent.exercise is footing.law.compiled.treaty.exercise
        and consent.item
        == ItemKey(originator=candidate.facts.originator, object_id=obj.id, version=obj.version)
        and consent.sha256 == obj.content_hash
        and (consent.recipient, consent.treaty, consent.purpose)
        == (footing.recipient, wish.treaty, wish.purpose)
    )


def decided_without_approvals(
    gate: Gate, candidates: Sequence[Candidate], footing: Footing
) -> Mapping[int, Decision]:
    """Return, by handle, what is decided with the consents that stand and no approval."""
    wish = footing.wish
    return gate.decisions(
        candidates,
        recipient=footing.recipient,
        law=footing.law,
        link=footing.link,
        purpose=wish.purpose,
        at=footing.at,
        asserted=wish.asserted,
        article=wish.article,
    )


def unredactable_of(
    tx: Transaction, gate: Gate, candidates: Sequence[Candidate], footing: Footing
) -> Mapping[int, str]:
    """Return, by handle, why a candidate would be withheld though a person said yes."""
    wish = footing.wish
    return gate.preview(
        candidates,
        recipient=footing.recipient,
        law=footing.law,
        link=footing.link,
        purpose=wish.purpose,
        at=footing.at,
        asserted=wish.asserted,
        article=wish.article,
        given=known_as(tx, candidates, footing.recipient),
    ).unredactable


def subject_for(
    candidate: Candidate, decision: Decision, footing: Footing
) -> ApprovalSubject | None:
    """Return what an approval of a candidate must name; None if the decision needs none (rule 2).

    Args:
        candidate: With its consents.
        decision: What was decided for it without approvals.
        footing: On what.
    """
    if decision.verdict is not Verdict.NEEDS_APPROVAL:
        return None
    wish = footing.wish
    question = Question(
        treaty=wish.treaty,
        article=decision.article,
        sender=footing.sender,
        recipient=footing.recipient,
        purpose=wish.purpose,
        at=footing.at,
    )
    return subject_of(
        candidate.obj,
        candidate.facts,
        question,
        decision,
        threat_to_life=wish.threat_to_life,
    )


def approvers(
    tx: Transaction, node: Node, recipient: MemberId, handles: Sequence[int], at: datetime
) -> dict[tuple[int, str], frozenset[str]]:
    """Return, by item and subject, who approved it validly for a recipient (rule 3).

    Args:
        tx: A transaction.
        node: The node.
        recipient: To whom the items would go.
        handles: The items; one query asks for all of them.
        at: The instant of the decision.
    """
    rows = tx.grounds.approvals_of(recipient, handles)
    if not rows:
        return {}
    entitled = {
        user.name
        for user in tx.people.users()
        if APPROVER.value in user.roles and user.disabled is None
    }
    found: dict[tuple[int, str], set[str]] = {}
    for item, subject, user, raw in rows:
        if user in entitled and _stands(node, subject, user, raw, at):
            found.setdefault((item, subject), set()).add(user)
    return {place: frozenset(users) for place, users in found.items()}


def _stands(node: Node, subject: str, user: str, raw: bytes, at: datetime) -> bool:
    """Whether an envelope holds our own signature under exactly what its row says."""
    identity = node.identity
    try:
        approval = open_approval(read_envelope(raw), (identity.node.public,))
    except (EnvelopeError, ApprovalError):
        return False
    return (
        approval.member == identity.member
        and approval.exercise is identity.exercise
        and approval.at <= at
        and (approval.subject, approval.user, approval.role) == (subject, user, APPROVER.value)
    )


def _counted(
    tx: Transaction,
    node: Node,
    candidates: Sequence[Candidate],
    footing: Footing,
    decisions: Mapping[int, Decision],
) -> dict[int, int]:
    """Return how many approvals count for each candidate that needs some and has some."""
    asking = [
        each for each in candidates if decisions[each.handle].verdict is Verdict.NEEDS_APPROVAL
    ]
    if not asking:
        return {}
    handles = [each.handle for each in asking]
    given = approvers(tx, node, footing.recipient, handles, footing.at)
    approved = {item for item, _ in given}
    counted: dict[int, int] = {}
    for each in asking:
        if each.handle not in approved:
            continue
        decision = decisions[each.handle]
        subject = subject_for(each, decision, footing)
        if subject is not None:
            persons = given.get((each.handle, subject.digest), frozenset())
            counted[each.handle] = min(len(persons), decision.obligations.approvals)
    return counted


def _asserted(candidate: Candidate, wish: Wish) -> AssertedFacts:
    return wish.asserted if candidate.asserted is None else candidate.asserted


def read_envelope(raw: bytes) -> Envelope:
    """Read the stored or handed-over bytes of an envelope; nothing is verified.

    Raises:
        EnvelopeError: They are none.
    """
    try:
        document = parse_json(raw)
    except CanonicalError as error:
        raise EnvelopeError(str(error)) from error
    if not isinstance(document, Mapping):
        raise EnvelopeError("an envelope is a JSON object")
    return parse_envelope(document)
