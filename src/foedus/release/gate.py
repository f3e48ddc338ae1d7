"""The gate: decide, redact, draft the record. The only maker of what may leave.

Rules of :meth:`Gate.release`, in the order the code applies them:

1. Each class of candidates, with what is asserted of it, is decided once; the article is the one
   relied on or the one proposed.
2. What may not leave is withheld, with its decision.
3. What must be redacted and shows something to redact becomes a variant; what cannot be redacted
   cleanly is withheld with that reason. References of a variant point to what the recipient has or
   is given now.
4. Items are batched by article, obligations and assertions, at most 1 000 and what one document
   can hold.
5. Each batch draws its salts in one call: one for the log entry, one for each item, never derived.

Nothing is written here. The caller commits item state, record, entry and feed rows together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from foedus.ledger.commitment import SALT_BYTES, batch_root, commit_item
from foedus.model.identifiers import ArticleId, MemberId, TreatyId
from foedus.model.objects import StixObject
from foedus.release.batching import ClassTable, Leaving, batches_of
from foedus.release.decide import Decision, Law
from foedus.release.decider import Decider
from foedus.release.errors import GateError
from foedus.release.facts import NO_ASSERTIONS, AssertedFacts, LinkFacts
from foedus.release.obligations import NO_OBLIGATIONS
from foedus.release.protocol import check_protocol_act
from foedus.release.question import DISCLOSE, Question
from foedus.release.record import MAX_BATCH_ITEMS, PROTOCOL, DisclosedClass, ItemRecord
from foedus.release.released import (
    GATE_MARK,
    LaneState,
    Released,
    ReleasedBatch,
    SealedBatch,
)
from foedus.release.sorting import (
    Candidate,
    Given,
    SortedOut,
    Withheld,
    granted_of,
    sort_out,
)
from foedus.release.verdict import NO_LAW

__all__ = [
    "Candidate",
    "Gate",
    "LaneState",
    "Preview",
    "ReleaseOutcome",
    "Released",
    "ReleasedBatch",
    "SealedBatch",
    "Withheld",
]

_Place = tuple[str, AssertedFacts | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What would happen, by handle.

    Attributes:
        decisions: What is decided for each candidate.
        unredactable: Why a candidate that may leave redacted would stay: it cannot be redacted
            cleanly, for example because nothing would be left of it.
    """

    decisions: Mapping[int, Decision]
    unredactable: Mapping[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseOutcome:
    """What leaves and what stays; together they are all candidates.

    Attributes:
        batches: Batches to commit, each in one unit of work.
        withheld: What stays.
    """

    batches: tuple[ReleasedBatch, ...]
    withheld: tuple[Withheld, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What is the same for all candidates of one call."""

    question: Question
    law: Law
    link: LinkFacts
    asserted: AssertedFacts

    def asserted_of(self, candidate: Candidate) -> AssertedFacts:
        """Return what is asserted of one candidate."""
        return self.asserted if candidate.asserted is None else candidate.asserted

    def place(self, candidate: Candidate) -> _Place:
        """Return the class a candidate is decided in."""
        return candidate.facts.key, candidate.asserted


class Gate:
    """One node's gate."""

    def __init__(
        self,
        *,
        member: MemberId,
        secret: bytes,
        random: Callable[[int], bytes],
        exercise: bool,
        decider: Decider | None = None,
    ) -> None:
        """Make the gate of a node.

        Args:
            member: The member the node speaks for.
            secret: The node's secret; names redacted variants.
            random: Returns that many unpredictable bytes, as ``secrets.token_bytes`` does.
            exercise: Whether everything this node holds is an exercise.
            decider: Remembers decisions; one of its own if not given.
        """
        self._member = member
        self._secret = secret
        self._random = random
        self._exercise = exercise
        self._decider = decider or Decider()

    def decisions(  # noqa: PLR0913 - a question with all its grounds
        self,
        candidates: Sequence[Candidate],
        *,
        recipient: MemberId,
        law: Law,
        link: LinkFacts,
        purpose: str,
        at: datetime,
        asserted: AssertedFacts = NO_ASSERTIONS,
        article: ArticleId | None = None,
        action: str = DISCLOSE,
    ) -> Mapping[int, Decision]:
        """Return what is decided for each candidate, by handle; nothing is redacted.

        Arguments as in :meth:`release`.
        """
        request = self._request(
            self._question(law, article, recipient, purpose, at, action), law, link, asserted
        )
        decided = self._decisions(candidates, request)
        return {each.handle: decided[request.place(each)] for each in candidates}

    def preview(  # noqa: PLR0913 - a question with all its grounds
        self,
        candidates: Sequence[Candidate],
        *,
        recipient: MemberId,
        law: Law,
        link: LinkFacts,
        purpose: str,
        at: datetime,
        asserted: AssertedFacts = NO_ASSERTIONS,
        article: ArticleId | None = None,
        action: str = DISCLOSE,
        given: Given = lambda _: None,
    ) -> Preview:
        """Return what would be decided for each candidate, and what would stay all the same.

        Nothing else happens. Arguments as in :meth:`release`.
        """
        request = self._request(
            self._question(law, article, recipient, purpose, at, action), law, link, asserted
        )
        decisions = self._decisions(candidates, request)
        unredactable: dict[int, str] = {}
        known = given
        if any(each.verdict.releases and each.obligations.redact for each in decisions.values()):
            parted = self._parted(candidates, decisions, request, given)
            unredactable = parted.unredactable
            known = parted.known(candidates, given)
        if granted := granted_of(decisions):
            # What waits for a person's word is not promised where that word could change nothing.
            waiting = [each for each in candidates if request.place(each) in granted]
            unredactable |= self._parted(waiting, granted, request, known).unredactable
        return Preview(
            decisions={each.handle: decisions[request.place(each)] for each in candidates},
            unredactable=unredactable,
        )

    def release(  # noqa: PLR0913 - a question with all its grounds
        self,
        candidates: Sequence[Candidate],
        *,
        recipient: MemberId,
        law: Law,
        link: LinkFacts,
        purpose: str,
        at: datetime,
        asserted: AssertedFacts = NO_ASSERTIONS,
        article: ArticleId | None = None,
        given: Given = lambda _: None,
        action: str = DISCLOSE,
    ) -> ReleaseOutcome:
        """Decide each candidate for one recipient and make batches of what may leave.

        Args:
            candidates: What someone wishes to release, each handle once.
            recipient: To whom.
            law: The law of the pair at ``at``.
            link: How fresh the picture of the recipient is.
            purpose: What for.
            at: The instant of the decision; aware.
            asserted: What the sender asserts.
            article: The article relied on; None has the freest proposed.
            given: Under which id the recipient was given an object before.
            action: What is asked.

        Raises:
            GateError: Treaty and node differ in being an exercise, a handle stands twice, facts are
                those of another kind of object, or the law is one that was only supposed.
        """
        if law.pair.digest == NO_LAW:
            raise GateError("a law that was only supposed releases nothing")
        request = self._request(
            self._question(law, article, recipient, purpose, at, action), law, link, asserted
        )
        decisions = self._decisions(candidates, request)
        parted = self._parted(candidates, decisions, request, given)
        return ReleaseOutcome(
            batches=tuple(
                self._batch(part, request)
                for part in batches_of(_leaving(candidates, decisions, parted, request))
            ),
            withheld=parted.withheld,
        )

    def protocol(
        self,
        documents: Sequence[tuple[int, StixObject]],
        *,
        recipient: MemberId,
        lane: str,
        treaty: TreatyId | None,
        at: datetime,
    ) -> ReleasedBatch:
        """Release protocol documents by the fixed rules of :mod:`foedus.release.protocol`.

        Args:
            documents: Handle and object, at most 1 000.
            recipient: To whom.
            lane: The lane they will travel in.
            treaty: The treaty they belong to; None for none.
            at: The instant; aware.

        Raises:
            ProtocolActError: A document is no protocol act or is not for that lane.
            GateError: There are none, or too many.
        """
        if not 1 <= len(documents) <= MAX_BATCH_ITEMS:
            raise GateError(f"a batch holds 1 to {MAX_BATCH_ITEMS} documents")
        kinds = [check_protocol_act(document, lane).value for _, document in documents]
        classes = {kind: index for index, kind in enumerate(sorted(set(kinds)))}
        *salts, entry_salt = self._salts(len(documents))
        items: list[Released] = []
        for (handle, document), kind, salt in zip(documents, kinds, salts, strict=True):
            record = ItemRecord(
                originator=self._member,
                id=document.id,
                version=document.version,
                sha256=document.content_hash,
                terms="",
                facts={"kind": kind},
                variant=False,
            ).encode()
            items.append(
                Released(
                    handle=handle,
                    obj=document,
                    originator=self._member,
                    variant=False,
                    decision=None,
                    class_index=classes[kind],
                    salt=salt,
                    record=record,
                    commitment=commit_item(salt, record),
                    mark=GATE_MARK,
                )
            )
        return ReleasedBatch(
            exercise=self._exercise,
            sender=self._member,
            recipient=recipient,
            treaty=treaty,
            article=PROTOCOL,
            purpose=PROTOCOL,
            at=at,
            law_digest=NO_LAW,
            asserted=NO_ASSERTIONS,
            obligations=NO_OBLIGATIONS,
            salt=entry_salt,
            root=batch_root([item.commitment for item in items]),
            items=tuple(items),
            classes=tuple(DisclosedClass(terms="", facts={"kind": kind}) for kind in classes),
            terms={},
            mark=GATE_MARK,
        )

    def _question(
        self,
        law: Law,
        article: ArticleId | None,
        recipient: MemberId,
        purpose: str,
        at: datetime,
        action: str,
    ) -> Question:
        return Question(
            treaty=law.compiled.treaty.id,
            article=article,
            sender=self._member,
            recipient=recipient,
            purpose=purpose,
            at=at,
            action=action,
        )

    def _request(
        self, question: Question, law: Law, link: LinkFacts, asserted: AssertedFacts
    ) -> _Request:
        if law.compiled.treaty.exercise is not self._exercise:
            raise GateError(
                "a node of an exercise and a treaty in earnest never mix, nor otherwise"
            )
        return _Request(question=question, law=law, link=link, asserted=asserted)

    def _decisions(
        self, candidates: Sequence[Candidate], request: _Request
    ) -> dict[_Place, Decision]:
        """Rule 1: one decision for each class and what is asserted of it."""
        alike = all(each.facts.kind == each.obj.type for each in candidates)
        if not alike or len({each.handle for each in candidates}) != len(candidates):
            raise GateError("a candidate stands twice, or with the facts of another")
        decided: dict[_Place, Decision] = {}
        for each in candidates:
            place = each.facts.key, each.asserted
            if place not in decided:
                decided[place] = self._decider.decide(
                    request.question,
                    each.facts,
                    request.asserted_of(each),
                    request.law,
                    link=request.link,
                )
        return decided

    def _parted(
        self,
        candidates: Sequence[Candidate],
        decisions: Mapping[_Place, Decision],
        request: _Request,
        given: Given,
    ) -> SortedOut:
        """Rules 2 and 3: what leaves and what stays."""
        return sort_out(
            candidates,
            {each.handle: decisions[each.facts.key, each.asserted] for each in candidates},
            recipient=request.question.recipient,
            secret=self._secret,
            given=given,
        )

    def _salts(self, items: int) -> list[bytes]:
        """Rule 5: one salt for each item, then one for the log entry."""
        count = items + 1
        drawn = self._random(count * SALT_BYTES)
        if len(drawn) != count * SALT_BYTES:
            raise GateError("the source of randomness gave too little")
        return [drawn[at : at + SALT_BYTES] for at in range(0, len(drawn), SALT_BYTES)]

    def _batch(self, part: Sequence[Leaving], request: _Request) -> ReleasedBatch:
        question = request.question
        first = part[0].decision
        table = ClassTable()
        *salts, entry_salt = self._salts(len(part))
        items: list[Released] = []
        for each, salt in zip(part, salts, strict=True):
            index, record = table.record(each)
            items.append(
                Released(
                    handle=each.handle,
                    obj=each.obj,
                    originator=each.facts.originator,
                    variant=each.variant,
                    decision=each.decision,
                    class_index=index,
                    salt=salt,
                    record=record,
                    commitment=commit_item(salt, record),
                    mark=GATE_MARK,
                )
            )
        return ReleasedBatch(
            exercise=self._exercise,
            sender=question.sender,
            recipient=question.recipient,
            treaty=question.treaty,
            article=str(first.article),
            purpose=question.purpose,
            at=question.at,
            law_digest=first.law_digest,
            asserted=part[0].asserted,
            obligations=first.obligations,
            salt=entry_salt,
            root=batch_root([item.commitment for item in items]),
            items=tuple(items),
            classes=tuple(table.listed),
            terms=table.terms,
            mark=GATE_MARK,
            consents=tuple(
                dict.fromkeys(each.consent for each in part if each.consent is not None)
            ),
        )


def _leaving(
    candidates: Sequence[Candidate],
    decisions: Mapping[_Place, Decision],
    parted: SortedOut,
    request: _Request,
) -> list[Leaving]:
    """Return what leaves, in order, with the decision and assertions of its class."""
    whole, variants = parted.whole, parted.variants
    stated: dict[_Place, AssertedFacts] = {}
    leaving: list[Leaving] = []
    for each in candidates:
        obj = whole.get(each.handle)
        variant = obj is None
        if obj is None:
            obj = variants.get(each.handle)
            if obj is None:
                continue
        place = each.facts.key, each.asserted
        asserted = stated.get(place)
        if asserted is None:
            asserted = stated[place] = replace(request.asserted_of(each), consent_until=None)
        leaving.append(
            Leaving(
                handle=each.handle,
                obj=obj,
                variant=variant,
                facts=each.facts,
                decision=decisions[place],
                asserted=asserted,
                consent=each.consent,
            )
        )
    return leaving
