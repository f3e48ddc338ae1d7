"""Every kind of instrument at random: the answer depends on nothing but the set and the instant."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.canonical import canonical_bytes
from foedus.model.identifiers import ArticleId, MemberId, ObjectId, TreatyId
from foedus.signing.envelope import sign_envelope
from foedus.signing.keys import SigningKey
from foedus.treaty.articles import EntryCondition, FinalClauses, Limits, Party, Share, Treaty
from foedus.treaty.drafting import fill_parties, sample_text
from foedus.treaty.in_force import InstrumentSet, Stage, TreatyStatus, law_under, status
from foedus.treaty.instrument import (
    INSTRUMENT_TYPE,
    Accession,
    Admission,
    Amendment,
    Declaration,
    Denunciation,
    Form,
    Instrument,
    InstrumentDraft,
    Objection,
    Ratification,
    Reservation,
    Signature,
    Statement,
    Suspension,
    Withdrawal,
    open_instrument,
    sign_instrument,
)
from foedus.treaty.pair_table import pair_table
from foedus.treaty.parser import parse_treaty
from foedus.treaty.residual import residual
from foedus.treaty.timeline import What, timeline

MEMBERS = tuple(MemberId(f"X{letter}") for letter in "ABCD")
NEW = MemberId("NY")
EVERYONE = (*MEMBERS, NEW)
START = datetime(2026, 11, 24, tzinfo=UTC)
HOURS = 14
ARTICLES = tuple(ArticleId(number) for number in ("8", "9"))
SUCCESSOR = TreatyId("ab" * 32)


@cache
def key_of(name: str) -> SigningKey:
    return SigningKey.from_seed(hashlib.sha256(name.encode()).digest())


@cache
def sample() -> Treaty:
    parties = [
        Party(member=member, name=member, authority=key_of(member).public.fingerprint)
        for member in MEMBERS
    ]
    text = sample_text().replace(b"liars = 1", b"liars = 0")
    return parse_treaty(fill_parties(text, parties, exercise=True, depositary=MEMBERS[0]))


@cache
def treaty(share: Share = Share.MAJORITY, *, delay: int = 1) -> Treaty:
    """A lively one: short notice, late reservations, half of the members enough for everything."""
    limits = sample().limits
    return replace(
        sample(),
        entry=EntryCondition(ratifications=2, delay=timedelta(hours=delay)),
        limits=Limits(
            freshness_online=limits.freshness_online,
            freshness_pouch=limits.freshness_pouch,
            clock_tolerance=limits.clock_tolerance,
            clock_hard_limit=limits.clock_hard_limit,
            denunciation_notice=timedelta(hours=3),
        ),
        clauses=FinalClauses(
            accession=share,
            amendment=share,
            suspension=share,
            late_reservations=True,
            objection_period=timedelta(hours=5),
        ),
    )


@cache
def make(
    member: MemberId, body: Statement, serial: int, hour: int, *, mystery: bool = False
) -> Instrument:
    key = key_of(member)
    draft = InstrumentDraft(
        member=member,
        serial=serial,
        issued=START + timedelta(hours=hour),
        treaty=sample().id,
        body=body,
    )
    envelope = sign_instrument(draft, key)
    if mystery:
        payload = envelope.payload.replace(b'"kind":"signature"', b'"kind":"proclamation"')
        envelope = sign_envelope(payload, INSTRUMENT_TYPE, key)
    return open_instrument(envelope, key.public)


some_articles = st.sampled_from([(), ARTICLES[:1], ARTICLES[1:], ARTICLES])
offences = st.sampled_from([(), ("financing",), ("financing", "training")])
definitions = st.sampled_from([(), (("financing", "A."),), (("financing", "B."),)])
statements: st.SearchStrategy[Statement] = st.one_of(
    st.just(Signature()),
    st.builds(
        Ratification, form=st.just(Form.APPROVAL), reservations=some_articles, recognises=offences
    ),
    st.builds(Accession, reservations=some_articles, recognises=offences),
    st.builds(
        Admission,
        candidate=st.just(NEW),
        name=st.just("Newland"),
        authority=st.just(key_of(NEW).public.fingerprint),
    ),
    st.builds(Reservation, articles=some_articles.filter(bool)),
    st.builds(
        Objection,
        to=st.sampled_from(MEMBERS[:2]),
        articles=some_articles.filter(bool),
        opposing=st.booleans(),
    ),
    st.builds(
        Declaration, text=st.just("As we see it."), recognises=offences, definitions=definitions
    ),
    st.just(Amendment(successor=SUCCESSOR)),
    st.builds(
        Suspension,
        of=st.sampled_from([None, *MEMBERS[1:3]]),
        until=st.sampled_from([None, START + timedelta(hours=8)]),
    ),
    st.just(Denunciation()),
)


@st.composite
def instruments(draw: st.DrawFn) -> list[Instrument]:
    """Some statements, and withdrawals of some of them."""
    held = [
        make(member, body, serial, hour=serial // 4)
        for serial, (member, body) in enumerate(
            [
                *((member, Signature()) for member in MEMBERS[:3]),
                *(
                    (member, Ratification(form=Form.APPROVAL, reservations=kept, recognises=()))
                    for member, kept in zip(MEMBERS[:3], ((), ARTICLES[:1], ARTICLES), strict=True)
                ),
            ],
            1,
        )
    ]
    for serial in range(10, 10 + draw(st.integers(0, 14))):
        member = draw(st.sampled_from([one for one in EVERYONE if one != NEW or serial % 3 == 0]))
        hour = draw(st.integers(0, HOURS))
        if draw(st.integers(0, 3)) == 0:
            own = [one for one in held if one.member == member]
            target = draw(st.sampled_from(own)).id if own else ObjectId("foedus-instrument--0")
            body: Statement = Withdrawal(of=target, articles=draw(some_articles))
        else:
            body = draw(statements)
        if getattr(body, "to", None) == member or getattr(body, "of", None) == member:
            continue
        if isinstance(body, Admission) and member == NEW:
            continue
        number = draw(st.sampled_from([serial, serial, serial, serial - 1]))
        mystery = isinstance(body, Signature) and draw(st.booleans())
        held.append(make(member, body, number, hour, mystery=mystery))
    return held


def answer(held: InstrumentSet, at: datetime, text: Treaty) -> bytes:
    current = status(text, held, at)
    pairs = [law_under(text, current, one, two) for one in EVERYONE for two in EVERYONE]
    return canonical_bytes(
        [
            current.document(),
            pair_table(text, held, at).document(),
            [
                [law.digest, law.why_not, sorted(law.articles), list(law.amended_by)]
                for law in pairs
            ],
            [str(residual(text, held, at, member)) for member in EVERYONE],
            [str(event) for event in timeline(text, held)],
        ]
    )


@settings(max_examples=80, deadline=None)
@given(st.data(), instruments(), st.integers(0, HOURS + 4), st.sampled_from([0, 1]))
def test_order_and_partition_do_not_matter(
    data: st.DataObject, held: list[Instrument], hour: int, delay: int
) -> None:
    at, text = START + timedelta(hours=hour), treaty(delay=delay)
    expected = answer(InstrumentSet(held), at, text)
    shuffled = data.draw(st.permutations(held))
    cut = data.draw(st.integers(0, len(held)))
    parts = InstrumentSet(shuffled[cut:]) | InstrumentSet([*shuffled[:3], *shuffled[:cut]])
    assert answer(parts, at, text) == expected
    assert status(text, shuffled, at).document() == status(text, parts, at).document()


def comparable(found: TreatyStatus) -> TreatyStatus:
    return replace(found, at=START, next_change=None)


@settings(max_examples=100, deadline=None)
@given(instruments(), st.integers(0, HOURS), st.sampled_from([0, 1]))
def test_nothing_changes_between_changes(held: list[Instrument], hour: int, delay: int) -> None:
    found, text = InstrumentSet(held), treaty(delay=delay)
    at = START + timedelta(hours=hour, minutes=7)
    now = status(text, found, at)
    end = now.next_change or at + timedelta(days=1000)
    assert end > at
    for later in (at + (end - at) / 2, end - timedelta(microseconds=1)):
        then = status(text, found, later)
        assert comparable(then) == comparable(now)
        assert then.next_change == now.next_change


@settings(max_examples=80, deadline=None)
@given(instruments(), instruments(), st.integers(0, HOURS))
def test_what_comes_later_does_not_change_what_held_before(
    held: list[Instrument], more: list[Instrument], hour: int
) -> None:
    at = START + timedelta(hours=hour)
    later = [one for one in more if one.issued > at]
    before = status(treaty(), InstrumentSet(held), at)
    after = status(treaty(), InstrumentSet([*held, *later]), at)
    assert replace(comparable(after), held=()) == replace(comparable(before), held=())


@settings(max_examples=80, deadline=None)
@given(
    instruments(),
    st.sampled_from(MEMBERS[:3]),
    some_articles.filter(bool),
    st.integers(0, HOURS),
    st.integers(0, HOURS),
)
def test_a_reservation_only_takes_articles_away(
    held: list[Instrument],
    member: MemberId,
    articles: tuple[ArticleId, ...],
    issued: int,
    hour: int,
) -> None:
    """Whatever else was said, one more reservation, even in conflict, frees nothing."""
    said = make(member, Reservation(articles=articles), 90, issued)
    at = START + timedelta(hours=hour)
    plain = status(treaty(), InstrumentSet(held), at)
    narrowed = status(treaty(), InstrumentSet([*held, said]), at)
    for one in EVERYONE:
        for two in EVERYONE:
            more = law_under(treaty(), plain, one, two)
            less = law_under(treaty(), narrowed, one, two)
            assert less.articles <= more.articles


@settings(max_examples=80, deadline=None)
@given(
    instruments(),
    st.sampled_from(MEMBERS[:3]),
    st.sampled_from([Denunciation(), Reservation(articles=ARTICLES)]),
    st.integers(0, 5),
    st.integers(0, HOURS),
)
def test_contradicting_oneself_frees_from_nothing(
    held: list[Instrument], member: MemberId, body: Statement, issued: int, hour: int
) -> None:
    """A second instrument under its serial lets nobody out of what it reserved or denounced."""
    said = [*held, make(member, body, 90, issued)]
    rival = make(member, Signature(), 90, issued + 1)
    plain = status(treaty(), said, START + timedelta(hours=hour))
    after = status(treaty(), [*said, rival], START + timedelta(hours=hour))
    assert after.members[member].reserved >= plain.members[member].reserved
    if plain.members[member].stage is Stage.DENOUNCED:
        assert after.members[member].stage is Stage.DENOUNCED


@settings(max_examples=60, deadline=None)
@given(instruments(), st.integers(0, HOURS + 4), st.sampled_from([0, 1]))
def test_views_agree(held: list[Instrument], hour: int, delay: int) -> None:
    """Timeline, table and status tell the same story."""
    at, text = START + timedelta(hours=hour), treaty(delay=delay)
    current = status(text, held, at)
    told = [event for event in timeline(text, held) if event.at <= at]
    assert [event.at for event in told] == sorted(event.at for event in told)
    assert any(event.what is What.IN_FORCE for event in told) is (
        current.in_force_since is not None
    )
    table = pair_table(text, held, at)
    for member, found in current.members.items():
        if found.stage is Stage.DENOUNCED:
            assert (found.since, member, What.LEFT) in {
                (event.at, event.member, event.what) for event in told
            }
            assert residual(text, held, at, member) is not None
        for other in current.members:
            law = table.law(member, other)
            whole = current.in_force_since is not None and current.suspended_since is None
            rows = (table.rows[member], table.rows[other])
            opposed = other in rows[0].opposes or member in rows[1].opposes
            assert law.binds is (
                whole and member != other and rows[0].bound and rows[1].bound and not opposed
            )
            if law.binds:
                assert law.articles == {one.id for one in text.articles} - (
                    rows[0].reserved | rows[1].reserved
                )
                assert law.recognised == rows[0].recognises & rows[1].recognises
                assert law.digest == table.law(other, member).digest
