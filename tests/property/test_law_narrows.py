"""Rules 1, 4 and 8 of the design from the instruments to the decision, for every kind of them.

What exactly holds when one more instrument is lodged that can only allow less:

* A reservation, an objection, a revocation, an instrument nobody understands: between no two
  members is more in force than before, and nothing leaves that stayed.
* A denunciation: the same for every pair that its author belongs to. Between others a departure may
  well allow more, since one fewer is asked where the parties must agree: that is the treaty's own
  rule, not the instrument's.
"""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from foedus.canonical import canonical_bytes
from foedus.model.identifiers import ArticleId, MemberId
from foedus.model.markings import TLP
from foedus.model.terms import (
    CategoryOfPerson,
    HandlingCondition,
    InformationGrade,
    NeutralityReview,
    SourceGrade,
    Terms,
    terms_id,
)
from foedus.release.compile import CompiledTreaty, compile_treaty
from foedus.release.decide import Decision, Law, ReasonKind, Verdict, decide, propose
from foedus.release.evaluation import Evaluator
from foedus.release.facts import AssertedFacts, ItemFacts, LinkFacts
from foedus.release.question import Question
from foedus.treaty.in_force import InstrumentSet, PairLaw, law_under, status
from foedus.treaty.instrument import (
    Denunciation,
    Form,
    Instrument,
    InstrumentDraft,
    Objection,
    Ratification,
    Reservation,
    Revocation,
    Signature,
    Statement,
    open_instrument,
    sign_instrument,
)


def _load(name: str, *place: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent.joinpath(*place))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


if TYPE_CHECKING:
    from tests.property import test_in_force_kinds as kinds
else:
    kinds = _load("law_kinds", "test_in_force_kinds.py")

XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")
FRESH = LinkFacts(fresh=True)
MEMORY = Evaluator()
ARTICLES = tuple(ArticleId(number) for number in ("6", "8", "9", "12", "13", "14"))
PURPOSES = ("prevention", "investigation", "prosecution", "protection-of-life", "screening")
LATEST = kinds.HOURS + 4

profile = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@cache
def compiled() -> CompiledTreaty:
    return compile_treaty(kinds.treaty())


@st.composite
def terms_of(draw: st.DrawFn) -> Terms:
    person = draw(st.sampled_from([CategoryOfPerson.NONE, *CategoryOfPerson]))
    some = st.integers(1, 90).map(lambda day: kinds.START + timedelta(days=day))
    return Terms(
        treaties=draw(st.sampled_from([frozenset({kinds.treaty().id})] * 5 + [frozenset()])),
        originator=draw(st.sampled_from([XA, XA, XB, XC])),
        purposes=draw(st.frozensets(st.sampled_from(PURPOSES), min_size=1)),
        legal_basis="Act 1",
        offence=draw(st.sampled_from(["financing", "training", "financing; training"])),
        person=person,
        personal=person is not CategoryOfPerson.NONE,
        tlp=draw(st.sampled_from([TLP.CLEAR, *TLP])),
        handling=draw(st.frozensets(st.sampled_from(list(HandlingCondition)), max_size=2)),
        source=draw(st.sampled_from([SourceGrade.A, *SourceGrade])),
        information=InformationGrade.ONE,
        review=draw(some) if person is not CategoryOfPerson.NONE else draw(st.none() | some),
        expiry=draw(st.none() | some),
        neutrality=draw(
            st.sampled_from(
                [NeutralityReview(by="officer 7", reason="an offence", at=kinds.START)] * 5 + [None]
            )
        ),
        exercise=True,
    )


@st.composite
def facts_of(draw: st.DrawFn, sender: MemberId) -> ItemFacts:
    terms = draw(terms_of())
    onward = sender != terms.originator
    return ItemFacts(
        terms=terms,
        terms_id=terms_id(terms),
        kind=draw(st.sampled_from(["indicator", "identity", "sighting", "foedus-request"])),
        tlp=terms.tlp,
        unknown_markings=(),
        personal=terms.personal,
        concerns_recipient=draw(st.booleans()),
        originator=terms.originator,
        onward=onward,
        received_under=kinds.treaty().id if onward else None,
    )


asserted_strategy = st.builds(
    AssertedFacts,
    consent=st.booleans(),
    threat_to_life=st.booleans(),
    approvals=st.integers(0, 2),
)


def asked(
    law: PairLaw,
    facts: ItemFacts,
    asserted: AssertedFacts,
    *,
    article: ArticleId | None,
    purpose: str,
    action: str = "disclose",
) -> Decision:
    question = Question(
        treaty=kinds.treaty().id,
        article=article,
        sender=law.sender,
        recipient=law.recipient,
        purpose=purpose,
        at=law.at,
        action=action,
    )
    ask = propose if article is None else decide
    return ask(
        question,
        facts,
        asserted,
        Law(compiled=compiled(), pair=law),
        link=FRESH,
        evaluator=MEMORY,
    )


narrowing = st.one_of(
    st.builds(Reservation, articles=kinds.some_articles.filter(bool)),
    st.builds(
        Objection,
        to=st.sampled_from(kinds.MEMBERS[:3]),
        articles=kinds.some_articles.filter(bool),
        opposing=st.booleans(),
    ),
    st.just(Denunciation()),
    st.just(Signature()),  # stands for a kind nobody knows
    st.just(Revocation(keys=(kinds.key_of("XA node").public,))),
)


def lodged(member: MemberId, body: Statement, hour: int) -> Instrument:
    if isinstance(body, Objection) and body.to == member:
        body = replace(body, to=next(one for one in kinds.MEMBERS if one != member))
    if isinstance(body, Revocation):
        draft = InstrumentDraft(
            member=member,
            serial=90,
            issued=kinds.START + timedelta(hours=hour),
            treaty=None,
            body=body,
        )
        key = kinds.key_of(member)
        return open_instrument(sign_instrument(draft, key), key.public)
    return kinds.make(member, body, 90, hour, mystery=isinstance(body, Signature))


def founded(*, recognise: tuple[str, ...] = ("financing", "training")) -> list[Instrument]:
    """Return what binds XA, XB and XC without a reservation, from hour 2."""
    ratified = Ratification(form=Form.APPROVAL, reservations=(), recognises=recognise)
    return [
        kinds.make(member, body, serial, serial - 1)
        for member in kinds.MEMBERS[:3]
        for serial, body in ((1, Signature()), (2, ratified))
    ]


@profile
@given(
    st.data(),
    st.one_of(kinds.instruments(), st.just(founded())),
    st.sampled_from(kinds.MEMBERS[:3]),
    narrowing,
    st.integers(0, kinds.HOURS),
    st.integers(0, LATEST),
)
def test_what_can_only_allow_less_never_lets_anything_leave(
    data: st.DataObject,
    held: list[Instrument],
    member: MemberId,
    body: Statement,
    issued: int,
    hour: int,
) -> None:
    at = kinds.START + timedelta(hours=hour)
    said = lodged(member, body, issued)
    plain = status(kinds.treaty(), InstrumentSet(held), at)
    narrowed = status(kinds.treaty(), InstrumentSet([*held, said]), at)
    sender, recipient = data.draw(st.permutations(kinds.MEMBERS).map(lambda each: each[:2]))
    for one in kinds.EVERYONE:
        for two in kinds.EVERYONE:
            if isinstance(body, Denunciation) and member not in (one, two):
                continue
            more = law_under(kinds.treaty(), plain, one, two)
            less = law_under(kinds.treaty(), narrowed, one, two)
            assert less.articles <= more.articles
            assert less.recognised <= more.recognised
            assert more.binds or not less.binds
    if isinstance(body, Denunciation) and member not in (sender, recipient):
        sender = member
    if sender == recipient:
        return
    facts = data.draw(facts_of(sender))
    asserted = data.draw(asserted_strategy)
    article = data.draw(st.sampled_from([None, *ARTICLES]))
    purpose = data.draw(st.sampled_from(sorted(facts.terms.purposes)))
    before, after = (
        asked(
            law_under(kinds.treaty(), current, sender, recipient),
            facts,
            asserted,
            article=article,
            purpose=purpose,
        )
        for current in (plain, narrowed)
    )
    assert after.place >= before.place


def sample_facts(**changes: object) -> ItemFacts:
    terms = Terms(
        treaties=frozenset({kinds.treaty().id}),
        originator=XA,
        purposes=frozenset({"prevention"}),
        legal_basis="Act 1",
        offence="financing",
        person=CategoryOfPerson.NONE,
        personal=False,
        tlp=TLP.GREEN,
        handling=frozenset(),
        source=SourceGrade.A,
        information=InformationGrade.ONE,
        review=None,
        expiry=None,
        neutrality=NeutralityReview(by="officer 7", reason="an offence", at=kinds.START),
        exercise=True,
    )
    terms = replace(terms, **changes)  # type: ignore[arg-type]
    onward = terms.originator != XA
    return ItemFacts(
        terms=terms,
        terms_id=terms_id(terms),
        kind="indicator",
        tlp=terms.tlp,
        unknown_markings=(),
        personal=terms.personal,
        concerns_recipient=False,
        originator=terms.originator,
        onward=onward,
        received_under=kinds.treaty().id if onward else None,
    )


def test_the_ground_from_which_they_narrow_does_release() -> None:
    """Otherwise the properties of this module would hold of nothing."""
    at = kinds.START + timedelta(hours=5)
    current = status(kinds.treaty(), founded(), at)
    law = law_under(kinds.treaty(), current, XA, XB)
    free = AssertedFacts()
    assert asked(
        law, sample_facts(), free, article=ArticleId("6"), purpose="prevention"
    ).verdict is (Verdict.PERMIT)
    onward = sample_facts(originator=XC)
    assert (
        asked(law, onward, free, article=ArticleId("8"), purpose="prevention").verdict
        is Verdict.NEEDS_CONSENT
    )
    given_it = replace(free, consent=True)
    assert (
        asked(law, onward, given_it, article=ArticleId("8"), purpose="prevention").verdict
        is Verdict.PERMIT
    )


@profile
@given(
    st.data(),
    st.one_of(kinds.instruments(), st.just(founded())),
    st.integers(0, LATEST),
    st.sampled_from(["disclose", "query", "screen"]),
)
def test_nothing_is_passed_on_without_the_originators_word(
    data: st.DataObject, held: list[Instrument], hour: int, action: str
) -> None:
    current = status(kinds.treaty(), held, kinds.START + timedelta(hours=hour))
    sender, recipient = data.draw(st.permutations(kinds.MEMBERS).map(lambda each: each[:2]))
    facts = data.draw(facts_of(sender))
    asserted = replace(data.draw(asserted_strategy), consent=False)
    decision = asked(
        law_under(kinds.treaty(), current, sender, recipient),
        facts,
        asserted,
        article=data.draw(st.sampled_from([None, *ARTICLES])),
        purpose=data.draw(st.sampled_from(sorted(facts.terms.purposes))),
        action=action,
    )
    if facts.terms.originator != sender:
        assert not decision.verdict.releases
        # Whoever asks is told so, whichever other reasons there are.
        if decision.article is not None:
            assert ReasonKind.CONSENT in {reason.kind for reason in decision.reasons}


@profile
@given(
    st.data(),
    st.one_of(kinds.instruments(), st.just(founded())),
    st.integers(0, LATEST),
)
@example(data=None, held=founded(), hour=5)
def test_nothing_leaves_without_an_article_in_force_that_permits_it(
    data: st.DataObject | None, held: list[Instrument], hour: int
) -> None:
    current = status(kinds.treaty(), held, kinds.START + timedelta(hours=hour))
    sender, recipient, facts, asserted = XA, XB, sample_facts(), AssertedFacts()
    article, purpose = None, "prevention"
    if data is not None:
        sender, recipient = data.draw(st.permutations(kinds.MEMBERS).map(lambda each: each[:2]))
        facts = data.draw(facts_of(sender))
        asserted = data.draw(asserted_strategy)
        numbers = [each.id for each in kinds.treaty().articles]
        article = data.draw(st.sampled_from([None, *ARTICLES, *numbers, ArticleId("99")]))
        purpose = data.draw(st.sampled_from(sorted(facts.terms.purposes)))
    law = law_under(kinds.treaty(), current, sender, recipient)
    decision = asked(law, facts, asserted, article=article, purpose=purpose)
    if decision.verdict is Verdict.DENY:
        return
    assert law.binds
    assert decision.article in law.articles
    assert decision.article in compiled().by_article
    assert kinds.treaty().id in facts.terms.treaties
    (permit,) = [one.ref for one in decision.reasons if one.kind is ReasonKind.PERMIT]
    assert permit in compiled().by_article[ArticleId(str(decision.article))]
    # And with that article out of force, it stays.
    without = replace(
        law,
        articles=law.articles - {ArticleId(str(decision.article))},
        reserved={**law.reserved, ArticleId(str(decision.article)): (recipient,)},
    )
    again = asked(without, facts, asserted, article=decision.article, purpose=purpose)
    assert again.verdict is Verdict.DENY


@profile
@given(
    st.data(),
    kinds.instruments(),
    st.integers(0, LATEST),
    st.sampled_from([0, 1]),
)
def test_however_they_arrive_the_status_is_the_same_to_the_byte(
    data: st.DataObject, held: list[Instrument], hour: int, delay: int
) -> None:
    text = kinds.treaty(delay=delay)
    at = kinds.START + timedelta(hours=hour)
    expected = canonical_bytes(status(text, held, at).document())
    shuffled = data.draw(st.permutations(held))
    twice = [*shuffled, *data.draw(st.permutations(held))[:4]]
    assert canonical_bytes(status(text, twice, at).document()) == expected
    pieces = InstrumentSet(())
    for one in shuffled:
        pieces |= InstrumentSet([one])
    assert canonical_bytes(status(text, pieces, at).document()) == expected
