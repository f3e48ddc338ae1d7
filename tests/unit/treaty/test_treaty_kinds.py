"""Each kind of instrument: what it does, and when it does nothing."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from foedus.canonical import canonical_bytes
from foedus.model.identifiers import ArticleId, MemberId, ObjectId, TreatyId
from foedus.signing.envelope import sign_envelope
from foedus.signing.keyring import KeyPurpose
from foedus.signing.keys import SigningKey
from foedus.treaty.articles import EntryCondition, FinalClauses, Share, Treaty
from foedus.treaty.in_force import (
    MemberStatus,
    PairLaw,
    Stage,
    TreatyStatus,
    keys_of,
    law_between,
    powers_of,
    status,
    superseded,
)
from foedus.treaty.instrument import (
    INSTRUMENT_TYPE,
    Accession,
    Admission,
    Amendment,
    Declaration,
    Denunciation,
    Form,
    FullPowers,
    Instrument,
    Objection,
    Ratification,
    Reservation,
    Revocation,
    Signature,
    Statement,
    Suspension,
    Withdrawal,
    open_instrument,
)

if TYPE_CHECKING:
    from tests.unit.treaty.conftest import World

XA, XB, XC, XD, XE, XF = (MemberId(f"X{letter}") for letter in "ABCDEF")
NEW = MemberId("NY")
NOTICE = 180 * 24
FIVE = ("XA", "XB", "XC", "XD", "XE")


def key_of(name: str) -> SigningKey:
    return SigningKey.from_seed(hashlib.sha256(name.encode()).digest())


def at(world: World, held: Sequence[Instrument], hours: float) -> TreatyStatus:
    return status(world.treaty, held, world.instant(hours))


def member(world: World, held: Sequence[Instrument], name: str, hours: float) -> MemberStatus:
    return at(world, held, hours).members[MemberId(name)]


def law(world: World, held: Sequence[Instrument], pair: str, hours: float) -> PairLaw:
    one, other = (MemberId(f"X{letter}") for letter in pair)
    return law_between(world.treaty, held, one, other, world.instant(hours))


def clauses(world: World, **changes: Any) -> None:
    """Let the treaty say something else in its final clauses."""
    agreed = dataclasses.replace(world.treaty.clauses, **changes)
    world.treaty = dataclasses.replace(world.treaty, clauses=agreed)


def articles(*numbers: str) -> tuple[ArticleId, ...]:
    return tuple(ArticleId(number) for number in numbers)


def admission(candidate: str = NEW, key: str | None = None) -> Admission:
    return Admission(
        candidate=MemberId(candidate),
        name="Newland",
        authority=key_of(key or candidate).public.fingerprint,
    )


def accession(*reserved: str) -> Accession:
    return Accession(reservations=articles(*reserved), recognises=("financing",))


def unknown(world: World, name: str, hours: float, serial: int) -> Instrument:
    like = world.signature(name, hours, serial=serial).envelope.payload
    payload = like.replace(b'"kind":"signature"', b'"kind":"proclamation"')
    return open_instrument(
        sign_envelope(payload, INSTRUMENT_TYPE, key_of(name)), key_of(name).public
    )


def withdrawal(of: Instrument, *numbers: str) -> Withdrawal:
    return Withdrawal(of=of.id, articles=articles(*numbers))


# What has no effect, kind by kind: (what was lodged before, what is lodged at 5 h, why not)

Case = tuple[Callable[["World"], list[Instrument]], tuple[str, Statement], str]

NO_EFFECT: dict[str, Case] = {
    "reservation before consent is only announced": (
        lambda world: [world.signature("XF", 1)],
        ("XF", Reservation(articles=articles("8"))),
        "reservation without effect: it is announced only: the ratification must repeat it",
    ),
    "reservation after consent": (
        lambda _: [],
        ("XA", Reservation(articles=articles("8"))),
        "reservation without effect: the treaty admits no reservation after consent",
    ),
    "reservation of an article that admits none": (
        lambda _: [],
        ("XA", Reservation(articles=articles("16", "8"))),
        "reservation without effect: Article '16' admits no reservation",
    ),
    "objection to no reservation": (
        lambda _: [],
        ("XA", Objection(to=XB, articles=articles("8"), opposing=True)),
        "objection without effect: XB has reserved none of these articles",
    ),
    "objection to a stranger": (
        lambda _: [],
        ("XA", Objection(to=NEW, articles=articles("8"), opposing=True)),
        "objection without effect: NY has reserved none of these articles",
    ),
    "objection by who is not bound": (
        lambda world: [world.signature("XF", 1)],
        ("XF", Objection(to=XB, articles=articles("8"), opposing=True)),
        "objection without effect: only who has consented may object",
    ),
    "withdrawal of nothing": (
        lambda _: [],
        ("XA", Withdrawal(of=ObjectId("foedus-instrument--0"), articles=())),
        "withdrawal without effect: there is nothing of that id to withdraw",
    ),
    "denunciation without consent": (
        lambda world: [world.signature("XF", 1)],
        ("XF", Denunciation()),
        "denunciation without effect: there is no consent to end",
    ),
    "second denunciation while one runs": (
        lambda world: [world.instrument("XA", Denunciation(), 2)],
        ("XA", Denunciation()),
        "denunciation without effect: a denunciation runs already",
    ),
    "signature while a denunciation runs": (
        lambda world: [world.instrument("XA", Denunciation(), 2)],
        ("XA", Signature()),
        "signature without effect: its denunciation runs; it may be withdrawn",
    ),
    "ratification while a denunciation runs": (
        lambda world: [world.instrument("XA", Denunciation(), 2)],
        ("XA", Ratification(form=Form.APPROVAL, reservations=(), recognises=())),
        "ratification without effect: its denunciation runs; it may be withdrawn",
    ),
    "accession by a listed party": (
        lambda _: [],
        ("XA", accession()),
        "accession without effect: a member the annex lists ratifies",
    ),
    "accession by a listed member that only signed": (
        lambda world: [world.signature("XF", 1)],
        ("XF", accession()),
        "accession without effect: a member the annex lists ratifies",
    ),
    "admission of a member": (
        lambda _: [],
        ("XA", admission("XB")),
        "admission without effect: XB is a member, or was admitted already",
    ),
    "admission by who has no voice": (
        lambda world: [world.signature("XF", 1)],
        ("XF", admission()),
        "admission without effect: only a party with a voice may say so",
    ),
    "amendment by who has no voice": (
        lambda _: [],
        ("XF", Amendment(successor=TreatyId("ab" * 32))),
        "amendment without effect: only a party with a voice may say so",
    ),
    "suspension by who has no voice": (
        lambda _: [],
        ("XF", Suspension(of=XA, until=None)),
        "suspension without effect: only a party with a voice may say so",
    ),
    "suspension of who is not a party": (
        lambda _: [],
        ("XA", Suspension(of=XF, until=None)),
        "suspension without effect: XF is not a party",
    ),
    "suspension of a stranger": (
        lambda _: [],
        ("XA", Suspension(of=NEW, until=None)),
        "suspension without effect: NY is not a party",
    ),
    "declaration on an offence the treaty does not list": (
        lambda _: [],
        ("XA", Declaration(text=None, recognises=("piracy",), definitions=())),
        "the treaty lists no offence 'piracy'",
    ),
    "definition of an offence the treaty does not list": (
        lambda _: [],
        ("XA", Declaration(text=None, recognises=(), definitions=(("piracy", "At sea."),))),
        "the treaty lists no offence 'piracy'",
    ),
}


@pytest.mark.parametrize("case", NO_EFFECT)
def test_without_effect(world: World, case: str) -> None:
    before, (author, body), words = NO_EFFECT[case]
    held = [*world.bound(FIVE), *before(world)]
    said = world.instrument(author, body, 5)
    with_it, without = at(world, [*held, said], 6), at(world, held, 6)
    own = with_it.members[MemberId(author)]
    assert own.notes == (f"serial {said.serial}: {words}",)
    assert dataclasses.replace(own, notes=()) == without.members[MemberId(author)]
    others = dict(with_it.members) | {MemberId(author): without.members[MemberId(author)]}
    assert others == without.members
    assert with_it.candidates == ()
    assert with_it.amendments == {}


def test_amendment_by_itself(world: World) -> None:
    held = world.bound()
    held.append(world.instrument("XA", Amendment(successor=world.treaty.id), 5))
    found = member(world, held, "XA", 6)
    assert found.notes == ("serial 3: amendment without effect: a text does not amend itself",)
    assert found.accepted == ()


def test_suspension_that_ran_out_before_it_was_issued(world: World) -> None:
    held = world.bound()
    for until, words in ((5, "ran out"), (4, "ran out"), (6, None)):
        said = world.instrument("XA", Suspension(of=XB, until=world.instant(until)), 5, serial=9)
        notes = member(world, [*held, said], "XA", 5).notes
        assert any("it ran out before it was issued" in note for note in notes) is bool(words)


# Reservations


def test_reservation_with_the_ratification(world: World) -> None:
    held = world.bound(FIVE)
    held += [world.signature("XF", 2), world.ratification("XF", 3, reserve=["10"])]
    held += [world.instrument("XF", Reservation(articles=articles("8", "9")), 3)]
    assert member(world, held, "XF", 3).reserved == {"8", "9", "10"}
    assert law(world, held, "AF", 3).reserved == dict.fromkeys(articles("8", "9", "10"), (XF,))


def test_reservation_that_the_ratification_carries_may_void_it(world: World) -> None:
    held = [*world.bound(FIVE), world.signature("XF", 2), world.ratification("XF", 3)]
    carried = world.instrument("XF", Reservation(articles=articles("16")), 3)
    found = member(world, [*held, carried], "XF", 3)
    assert found.stage is Stage.SIGNATORY
    assert found.notes == (
        "serial 2: ratification without effect: Article '16' admits no reservation",
        "serial 3: reservation without effect: Article '16' admits no reservation",
    )
    # What another key signed is no part of it.
    alien = world.instrument(
        "XF", Reservation(articles=articles("16")), 3, serial=3, key=key_of("XB")
    )
    assert member(world, [*held, alien], "XF", 3).stage is Stage.PARTY


def test_late_reservation_where_the_treaty_admits_it(world: World) -> None:
    clauses(world, late_reservations=True)
    held = world.bound(FIVE)
    held.append(world.instrument("XA", Reservation(articles=articles("8", "9")), 5))
    assert member(world, held, "XA", 4).reserved == frozenset()
    assert member(world, held, "XA", 5).reserved == {"8", "9"}
    again = world.instrument("XA", Reservation(articles=articles("8")), 6)
    assert "is reserved already" in member(world, [*held, again], "XA", 6).notes[0]
    # A ratification lodged later withdraws what it does not repeat.
    held.append(world.ratification("XA", 7, reserve=["9"]))
    assert member(world, held, "XA", 7).reserved == {"9"}
    assert member(world, held, "XA", 7).notes == ()


def test_withdrawal_of_a_reservation(world: World) -> None:
    held = world.bound(["XB", "XC", "XD", "XE"])
    ratified = world.ratification("XA", 1, reserve=["8", "9", "10"])
    held += [world.signature("XA", 0), ratified]
    held.append(world.instrument("XA", withdrawal(ratified, "8", "11"), 5))
    assert member(world, held, "XA", 4).reserved == {"8", "9", "10"}
    assert member(world, held, "XA", 5).reserved == {"9", "10"}
    again = world.instrument("XA", withdrawal(ratified, "8"), 6)
    assert "none of these articles" in member(world, [*held, again], "XA", 6).notes[0]
    held.append(world.instrument("XA", withdrawal(ratified), 7))
    assert member(world, held, "XA", 7).reserved == frozenset()
    assert member(world, held, "XA", 7).notes == ()


def test_withdrawal_voided_by_a_conflict_brings_the_reservation_back(world: World) -> None:
    held = world.bound(["XB", "XC", "XD", "XE"])
    ratified = world.ratification("XA", 1, reserve=["8"], serial=2)
    held += [world.signature("XA", 0, serial=1), ratified]
    held.append(world.instrument("XA", withdrawal(ratified), 5, serial=3))
    held.append(world.instrument("XA", Signature(), 7, serial=3))
    assert member(world, held, "XA", 6).reserved == frozenset()
    assert member(world, held, "XA", 7).reserved == {"8"}


def test_conflict_never_frees_from_what_was_reserved(world: World) -> None:
    clauses(world, late_reservations=True)
    held = world.bound(FIVE)
    held.append(world.instrument("XA", Reservation(articles=articles("8")), 5, serial=3))
    held.append(world.instrument("XA", Signature(), 7, serial=3))
    found = member(world, held, "XA", 8)
    assert found.reserved == {"8"}
    assert found.notes == (
        "serial 3: 2 different instruments bear it; none counts except where it allows less",
    )
    # Even if both bear the same instant.
    both = world.bound(FIVE)
    both.append(world.instrument("XB", Reservation(articles=articles("8")), 5, serial=3))
    both.append(world.instrument("XB", Signature(), 5, serial=3))
    assert member(world, both, "XB", 8).reserved == {"8"}


def test_consent_is_not_withdrawn(world: World) -> None:
    held = world.bound(FIVE)
    signed, ratified = held[0], held[1]
    for target in (signed, ratified):
        said = world.instrument("XA", withdrawal(target), 5, serial=9)
        found = member(world, [*held, said], "XA", 6)
        assert found.stage is Stage.PARTY
        assert "consent is not withdrawn but denounced" in found.notes[0]


def test_signature_may_be_withdrawn_before_consent(world: World) -> None:
    signed = world.signature("XA", 1)
    held = [signed, world.instrument("XA", withdrawal(signed), 3)]
    assert member(world, held, "XA", 2).stage is Stage.SIGNATORY
    assert member(world, held, "XA", 3).stage is Stage.NONE
    assert member(world, held, "XA", 3).notes == ()


# Objections


def reserving(world: World) -> list[Instrument]:
    """XB reserves Articles 8 and 9 at 2 h; all others are bound at 1 h without reservation."""
    return [
        *world.bound(["XA", "XC", "XD", "XE"]),
        world.signature("XB", 0),
        world.ratification("XB", 2, reserve=["8", "9"]),
    ]


@pytest.mark.parametrize("opposing", [False, True])
def test_objection(world: World, opposing: bool) -> None:  # noqa: FBT001 - a case
    held = reserving(world)
    said = world.instrument(
        "XA", Objection(to=XB, articles=articles("10", "8"), opposing=opposing), 5
    )
    held.append(said)
    (found,) = member(world, held, "XA", 5).objections
    assert (found.to, found.opposing) == (XB, opposing)
    assert found.articles == {"8"}
    assert found.instrument == said.id
    for pair in ("AB", "BA"):
        assert law(world, held, pair, 4).binds
        now = law(world, held, pair, 5)
        assert now.binds is not opposing
        assert ("XA objects to a reservation of XB" in now.why_not) is opposing
    assert law(world, held, "CB", 5).binds
    assert law(world, held, "AC", 5).binds


def test_both_object_and_either_direction_is_told_the_same(world: World) -> None:
    held = [*reserving(world), world.signature("XF", 1), world.ratification("XF", 2, reserve=["9"])]
    held.append(world.instrument("XB", Objection(to=XF, articles=articles("9"), opposing=True), 5))
    held.append(world.instrument("XF", Objection(to=XB, articles=articles("9"), opposing=True), 5))
    there, back = law(world, held, "BF", 5), law(world, held, "FB", 5)
    assert there.why_not == back.why_not
    assert there.why_not.startswith("XB objects to a reservation of XF")


def test_objection_falls_and_stands_with_the_reservation(world: World) -> None:
    held = reserving(world)
    ratified = held[-1]
    held.append(world.instrument("XA", Objection(to=XB, articles=articles("8"), opposing=True), 5))
    held.append(world.instrument("XB", withdrawal(ratified, "8"), 7))
    assert not law(world, held, "AB", 6).binds
    assert law(world, held, "AB", 7).binds
    assert member(world, held, "XA", 7).objections == ()


def test_withdrawal_of_an_objection(world: World) -> None:
    held = reserving(world)
    said = world.instrument("XA", Objection(to=XB, articles=articles("8", "9"), opposing=True), 5)
    held += [said, world.instrument("XA", withdrawal(said, "8"), 6)]
    assert not law(world, held, "AB", 6).binds
    held.append(world.instrument("XA", withdrawal(said), 7))
    assert law(world, held, "AB", 7).binds
    again = world.instrument("XA", withdrawal(said), 8)
    assert "none of these articles" in member(world, [*held, again], "XA", 8).notes[0]


def test_objections_are_listed_by_whom_they_meet(world: World) -> None:
    held = reserving(world)
    held += [world.signature("XF", 1), world.ratification("XF", 2, reserve=["10"])]
    held.append(world.instrument("XA", Objection(to=XF, articles=articles("10"), opposing=True), 5))
    held.append(world.instrument("XA", Objection(to=XB, articles=articles("9"), opposing=False), 6))
    assert [one.to for one in member(world, held, "XA", 6).objections] == [XB, XF]


@pytest.mark.parametrize(
    ("hours", "late"), [(2 + 365 * 24, False), (2 + 365 * 24 + 0.1, True)], ids=["last", "late"]
)
def test_period_for_objections(world: World, hours: float, late: bool) -> None:  # noqa: FBT001
    held = reserving(world)
    held.append(
        world.instrument("XA", Objection(to=XB, articles=articles("8"), opposing=True), hours)
    )
    found = member(world, held, "XA", hours)
    assert (not found.objections) is late
    assert any("the period for objections is over" in note for note in found.notes) is late


def test_period_for_objections_runs_from_the_own_consent_too(world: World) -> None:
    held = reserving(world)
    joined = 2 + 300 * 24
    held += [world.signature("XF", 1), world.ratification("XF", joined)]
    said = Objection(to=XB, articles=articles("8"), opposing=True)
    held.append(world.instrument("XF", said, joined + 365 * 24))
    assert not law(world, held, "FB", joined + 365 * 24).binds


# Declarations and definitions


def test_declaration_adds_offences_and_may_be_withdrawn(world: World) -> None:
    held = [*world.bound(["XB", "XC", "XD"]), world.signature("XA", 0)]
    said = world.instrument(
        "XA", Declaration(text="Our law.", recognises=("training",), definitions=()), 0.5
    )
    held += [said, world.ratification("XA", 1, recognise=["financing"])]
    assert member(world, held, "XA", 0.5).recognises == frozenset()
    assert member(world, held, "XA", 1).recognises == {"financing", "training"}
    held.append(world.instrument("XA", withdrawal(said), 3))
    assert law(world, held, "AB", 3).recognised == {"financing"}
    assert member(world, held, "XA", 3).notes == ()


def test_definitions_are_part_of_the_law_of_a_pair(world: World) -> None:
    held = world.bound(FIVE)
    plain = law(world, held, "AB", 5)
    first = Declaration(text=None, recognises=(), definitions=(("financing", "To pay."),))
    held.append(world.instrument("XA", first, 5))
    found = law(world, held, "AB", 5)
    assert found.definitions == {"financing": {XA: "To pay."}}
    assert found.digest == law(world, held, "BA", 5).digest != plain.digest
    assert law(world, held, "BC", 5).digest == law(world, held, "BC", 4).digest
    assert member(world, held, "XA", 5).definitions == {"financing": "To pay."}
    # The one given last holds.
    second = Declaration(text=None, recognises=(), definitions=(("financing", "To lend."),))
    held.append(world.instrument("XA", second, 6))
    assert law(world, held, "AB", 6).definitions == {"financing": {XA: "To lend."}}
    assert member(world, held, "XA", 6).recognises == world.treaty.offences.keys()
    assert b'"definitions":{"financing":"To lend."}' in canonical_bytes(
        at(world, held, 6).document()
    )


def test_definition_of_an_offence_it_does_not_recognise(world: World) -> None:
    held = [*world.bound(["XB", "XC", "XD"]), world.signature("XA", 0)]
    held.append(world.ratification("XA", 1, recognise=["financing"]))
    said = Declaration(text=None, recognises=(), definitions=(("training", "To teach."),))
    held.append(world.instrument("XA", said, 2))
    assert member(world, held, "XA", 2).definitions == {}
    assert law(world, held, "AB", 2).definitions == {}


def test_where_definitions_are_required(world: World) -> None:
    clauses(world, definitions_required=True)
    held = world.bound(FIVE)
    assert law(world, held, "AB", 5).recognised == frozenset()
    for name in ("XA", "XB"):
        said = Declaration(text=None, recognises=(), definitions=(("financing", f"{name}."),))
        held.append(world.instrument(name, said, 5))
    found = law(world, held, "AB", 5)
    assert found.recognised == {"financing"}
    assert found.definitions == {"financing": {XA: "XA.", XB: "XB."}}
    assert law(world, held, "AC", 5).recognised == frozenset()


def test_declaration_voided_by_a_conflict(world: World) -> None:
    held = [*world.bound(["XB", "XC", "XD"]), world.signature("XA", 0)]
    held.append(world.ratification("XA", 1, recognise=["financing"]))
    said = Declaration(text=None, recognises=("training",), definitions=())
    held.append(world.instrument("XA", said, 2, serial=9))
    held.append(world.instrument("XA", Signature(), 4, serial=9))
    assert member(world, held, "XA", 3).recognises == {"financing", "training"}
    assert member(world, held, "XA", 4).recognises == {"financing"}


# Admission and accession


def agreeing(world: World, names: Sequence[str], hours: float, **kind: Any) -> list[Instrument]:
    return [world.instrument(name, admission(**kind), hours) for name in names]


def test_accession(world: World) -> None:
    held = [*world.bound(FIVE), *agreeing(world, FIVE[:4], 3)]
    before = at(world, held, 4)
    (candidate,) = before.candidates
    assert (candidate.member, candidate.agreed) == (NEW, (XA, XB, XC, XD))
    assert candidate.authority == key_of(NEW).public.fingerprint
    assert NEW not in before.members
    held += agreeing(world, FIVE[4:], 5)
    admitted = at(world, held, 5)
    assert admitted.candidates == ()
    assert (admitted.members[NEW].stage, admitted.members[NEW].since) == (
        Stage.ADMITTED,
        world.instant(5),
    )
    assert law_between(world.treaty, held, XA, NEW, world.instant(5)).why_not == (
        "NY was admitted but has not acceded"
    )
    held.append(world.instrument(NEW, accession("8"), 7))
    found = member(world, held, NEW, 7)
    assert (found.stage, found.since, found.acceded) == (Stage.PARTY, world.instant(7), True)
    assert found.reserved == {"8"}
    assert found.recognises == {"financing"}
    assert (found.name, found.authority) == ("Newland", key_of(NEW).public.fingerprint)
    assert found.notes == ()
    joined = law_between(world.treaty, held, NEW, XA, world.instant(7))
    assert joined.binds
    assert joined.reserved == {ArticleId("8"): (NEW,)}
    text = canonical_bytes(at(world, held, 7).document())
    assert b'"acceded":true' in text
    assert b'"name":"Newland"' in text


def test_accession_at_the_very_instant_of_admission(world: World) -> None:
    held = [*world.bound(FIVE), *agreeing(world, FIVE, 3), world.instrument(NEW, accession(), 3)]
    assert member(world, held, NEW, 3).stage is Stage.PARTY


def test_accession_lodged_before_admission(world: World) -> None:
    held = [*world.bound(FIVE), world.instrument(NEW, accession(), 2)]
    held.append(world.instrument(NEW, Signature(), 3))
    held += agreeing(world, FIVE, 3)
    found = member(world, held, NEW, 9)
    assert found.stage is Stage.ADMITTED
    assert found.notes == (
        "serial 1: accession without effect: it was lodged before it was admitted",
        "serial 2: signature without effect: it was lodged before it was admitted",
    )


def test_what_a_candidate_did_before_counts_against_it(world: World) -> None:
    held = [*world.bound(FIVE), unknown(world, NEW, 1, 1), world.full_powers(NEW, 1, serial=2)]
    held.append(world.instrument(NEW, accession(), 2, serial=3))
    held.append(world.instrument(NEW, accession("8"), 3, serial=3))
    held.append(world.instrument(NEW, Signature(), 2, serial=4, key=key_of("XB")))
    held.append(world.instrument(NEW, accession(), 1, serial=5, treaty=TreatyId("cd" * 32)))
    held += agreeing(world, FIVE, 4)
    held.append(world.instrument(NEW, accession(), 5, serial=6))
    held.append(world.instrument(NEW, accession(), 50, serial=7))
    found = member(world, held, NEW, 5)
    assert found.stage is Stage.PARTY
    assert found.blocked is not None
    assert any("2 different instruments bear it" in note for note in found.notes)
    assert any("a key the annex does not list" in note for note in found.notes)
    assert len([note for note in found.notes if "lodged before it was admitted" in note]) == 2


def test_only_the_key_that_was_named_accedes(world: World) -> None:
    held = [*world.bound(FIVE), *agreeing(world, FIVE, 3, key="XZ")]
    held.append(world.instrument(NEW, accession(), 5))
    found = member(world, held, NEW, 5)
    assert found.stage is Stage.ADMITTED
    assert "a key the annex does not list" in found.notes[0]


def test_parties_that_name_different_keys_do_not_agree(world: World) -> None:
    held = [
        *world.bound(FIVE),
        *agreeing(world, FIVE[:3], 3),
        *agreeing(world, FIVE[3:], 3, key="K"),
    ]
    found = at(world, held, 4)
    assert NEW not in found.members
    assert sorted(len(one.agreed) for one in found.candidates) == [2, 3]
    # The last word of each counts.
    held += agreeing(world, FIVE[3:], 5)
    assert at(world, held, 5).members[NEW].stage is Stage.ADMITTED


def test_admission_may_be_withdrawn_until_it_is_reached(world: World) -> None:
    held = [*world.bound(FIVE), *agreeing(world, FIVE[:4], 3)]
    held.append(world.instrument("XA", withdrawal(held[-4]), 4))
    held += agreeing(world, FIVE[4:], 5)
    found = at(world, held, 6)
    assert NEW not in found.members
    assert [one.agreed for one in found.candidates] == [(XB, XC, XD, XE)]
    assert b'"candidates":[{"agreed":["XB","XC","XD","XE"]' in canonical_bytes(found.document())


def test_admission_voided_by_a_conflict(world: World) -> None:
    held = [*world.bound(FIVE), *agreeing(world, FIVE[:4], 3)]
    held.append(world.instrument("XA", Signature(), 4, serial=3))
    held += agreeing(world, FIVE[4:], 5)
    assert NEW not in at(world, held, 6).members


def test_agreement_of_who_is_no_longer_asked_does_not_count(world: World) -> None:
    clauses(world, accession=Share.TWO_THIRDS)
    held = [*world.bound(FIVE), *agreeing(world, FIVE[:2], 3)]
    held.append(world.instrument("XA", Denunciation(), 4))
    held += agreeing(world, FIVE[2:3], 5 + NOTICE)
    found = at(world, held, 5 + NOTICE)
    # Of the four that are left, two agree; three are needed.
    assert NEW not in found.members
    assert [one.agreed for one in found.candidates] == [(XB, XC)]
    held += agreeing(world, FIVE[3:4], 6 + NOTICE)
    assert at(world, held, 6 + NOTICE).members[NEW].stage is Stage.ADMITTED


def test_who_acceded_signs_nothing_and_reserves_as_others_do(world: World) -> None:
    held = [*world.bound(FIVE), *agreeing(world, FIVE, 3)]
    held.append(world.instrument(NEW, accession("16"), 4))
    held.append(world.instrument(NEW, Signature(), 4))
    found = member(world, held, NEW, 4)
    assert found.stage is Stage.ADMITTED
    assert found.notes == (
        "serial 1: accession without effect: Article '16' admits no reservation",
        "serial 2: signature without effect: the text is open for signature to those the annex "
        "lists",
    )
    held.append(world.instrument(NEW, accession("9"), 5))
    held.append(world.instrument(NEW, Reservation(articles=articles("8")), 5))
    assert member(world, held, NEW, 5).reserved == {"8", "9"}


def test_withdrawal_finds_what_it_names_among_several(world: World) -> None:
    clauses(world, late_reservations=True)
    held = world.bound(FIVE)
    first = world.instrument("XA", Reservation(articles=articles("8")), 2)
    second = world.instrument("XA", Reservation(articles=articles("9")), 3)
    held += [first, second, world.instrument("XA", withdrawal(second), 4)]
    assert member(world, held, "XA", 4).reserved == {"8"}
    one, other = (
        Declaration(text=None, recognises=(), definitions=(("financing", text),))
        for text in ("One.", "Two.")
    )
    said = [world.instrument("XA", one, 5), world.instrument("XA", other, 6)]
    held += [*said, world.instrument("XA", withdrawal(said[1]), 7)]
    assert member(world, held, "XA", 7).definitions == {"financing": "One."}
    votes = [
        world.instrument("XA", Amendment(successor=TreatyId(text * 32)), 8) for text in ("ab", "cd")
    ]
    held += [*votes, world.instrument("XA", withdrawal(votes[1]), 9)]
    assert member(world, held, "XA", 9).accepted == ("ab" * 32,)
    held += [world.instrument("XA", Objection(to=XB, articles=articles("8"), opposing=True), 9.5)]
    held += [world.ratification("XF", 10, reserve=["8", "9"]), world.signature("XF", 9.9)]
    objections = [
        world.instrument("XA", Objection(to=XF, articles=articles(number), opposing=False), 11)
        for number in ("8", "9")
    ]
    held += [*objections, world.instrument("XA", withdrawal(objections[1]), 12)]
    assert [found.articles for found in member(world, held, "XA", 12).objections] == [{"8"}]


def test_former_member_takes_back_its_agreement_to_a_suspension(world: World) -> None:
    held = [*world.bound(FIVE), *suspending(world, ["XA", "XB", "XC", "XD"], XE, 3)]
    own = held[-4]
    held.append(world.instrument("XA", Denunciation(), 4))
    held.append(world.instrument("XA", withdrawal(own), 5 + NOTICE))
    assert member(world, held, "XE", 4 + NOTICE).stage is Stage.SUSPENDED
    assert member(world, held, "XA", 5 + NOTICE).denounced_from == world.instant(4 + NOTICE)
    # The three others that are left agree still, and are all who are asked now.
    assert member(world, held, "XE", 5 + NOTICE).since == world.instant(5 + NOTICE)


SHARES = {
    (Share.ALL, 4): False,
    (Share.ALL, 5): True,
    (Share.TWO_THIRDS, 3): False,
    (Share.TWO_THIRDS, 4): True,
    (Share.MAJORITY, 2): False,
    (Share.MAJORITY, 3): True,
    (Share.AS_ENTRY, 3): False,
    (Share.AS_ENTRY, 4): True,
    (Share.NONE, 5): False,
}


@pytest.mark.parametrize(("share", "count"), SHARES)
def test_shares(world: World, share: Share, count: int) -> None:
    expected = SHARES[share, count]
    clauses(world, accession=share, amendment=share, suspension=share)
    held = [*world.bound(FIVE), *agreeing(world, FIVE[:count], 3)]
    assert (NEW in at(world, held, 4).members) is expected
    successor = TreatyId("ab" * 32)
    held = world.bound(FIVE)
    held += [world.instrument(name, Amendment(successor=successor), 3) for name in FIVE[:count]]
    assert (successor in at(world, held, 4).amendments) is expected
    held = world.bound(FIVE)
    held += [world.instrument(one, Suspension(of=None, until=None), 3) for one in FIVE[:count]]
    assert (at(world, held, 4).suspended_since is not None) is expected


def test_half_is_no_majority_and_four_of_six_are_two_thirds() -> None:
    entry = EntryCondition(ratifications=4, delay=timedelta(0))
    assert not Share.MAJORITY.reached(2, 4, entry)
    assert Share.TWO_THIRDS.reached(4, 6, entry)
    assert not any(share.reached(0, 0, entry) for share in Share)


# Denunciation


def test_denunciation(world: World) -> None:
    held = world.bound()
    held.append(world.instrument("XA", Denunciation(), 10))
    running = at(world, held, 10)
    assert running.members[XA].stage is Stage.PARTY
    assert running.members[XA].denounced_from == world.instant(10 + NOTICE)
    assert running.next_change == world.instant(10 + NOTICE)
    assert law(world, held, "AB", 9 + NOTICE).binds
    gone = at(world, held, 10 + NOTICE)
    assert (gone.members[XA].stage, gone.members[XA].since) == (
        Stage.DENOUNCED,
        world.instant(10 + NOTICE),
    )
    assert gone.members[XA].recognises == frozenset()
    assert gone.members[XA].denounced_from == world.instant(10 + NOTICE)
    assert gone.next_change is None
    assert "has left the treaty" in law(world, held, "AB", 10 + NOTICE).why_not
    # The treaty stays in force among the others, though they become fewer than it asked for.
    for name in ("XB", "XC", "XD"):
        held.append(world.instrument(name, Denunciation(), 11))
    assert law(world, held, "EF", 12 + NOTICE).binds
    assert b'"denounced_from":"2027' in canonical_bytes(running.document())


def test_denunciation_withdrawn_before_effect(world: World) -> None:
    held = world.bound()
    notice = world.instrument("XA", Denunciation(), 10)
    held += [notice, world.instrument("XA", withdrawal(notice), 20)]
    assert member(world, held, "XA", 19).denounced_from is not None
    assert member(world, held, "XA", 20).denounced_from is None
    assert member(world, held, "XA", 11 + NOTICE).stage is Stage.PARTY
    again = world.instrument("XA", withdrawal(notice), 21)
    assert "it was withdrawn already" in member(world, [*held, again], "XA", 21).notes[0]
    # A new notice runs from its own instant.
    held.append(world.instrument("XA", Denunciation(), 30))
    assert member(world, held, "XA", 29 + NOTICE).stage is Stage.PARTY
    assert member(world, held, "XA", 30 + NOTICE).stage is Stage.DENOUNCED


def test_denunciation_withdrawn_too_late(world: World) -> None:
    held = world.bound()
    notice = world.instrument("XA", Denunciation(), 10)
    held += [notice, world.instrument("XA", withdrawal(notice), 10 + NOTICE)]
    found = member(world, held, "XA", 10 + NOTICE)
    assert found.stage is Stage.DENOUNCED
    assert "there is nothing of that id to withdraw" in found.notes[0]


@pytest.mark.parametrize("hours", [40, 20 + NOTICE])
def test_conflict_over_the_withdrawal_lets_the_denunciation_run(world: World, hours: int) -> None:
    held = world.bound()
    notice = world.instrument("XA", Denunciation(), 10)
    held += [notice, world.instrument("XA", withdrawal(notice), 20, serial=9)]
    held.append(world.instrument("XA", Signature(), hours, serial=9))
    effect = max(hours, 10 + NOTICE)
    assert member(world, held, "XA", effect - 1).stage is Stage.PARTY
    found = member(world, held, "XA", effect)
    assert (found.stage, found.since) == (Stage.DENOUNCED, world.instant(effect))
    assert found.denounced_from == world.instant(10 + NOTICE)


def test_conflict_does_not_undo_a_denunciation(world: World) -> None:
    held = [*world.bound(), world.instrument("XA", Denunciation(), 10, serial=9)]
    held.append(world.instrument("XA", Signature(), 12, serial=9))
    assert member(world, held, "XA", 10 + NOTICE).stage is Stage.DENOUNCED


def test_signature_after_denunciation(world: World) -> None:
    held = [*world.bound(), world.instrument("XA", Denunciation(), 10)]
    late = 20 + NOTICE
    held += [world.signature("XA", late), world.ratification("XA", late)]
    held.append(world.instrument("XA", accession(), late))
    found = member(world, held, "XA", late)
    assert found.stage is Stage.DENOUNCED
    assert found.notes == (
        "serial 4: signature without effect: it has left; it comes back by accession",
        "serial 5: ratification without effect: it has left; it comes back by accession",
        "serial 6: accession without effect: it was not admitted",
    )


def test_former_member_comes_back_by_accession(world: World) -> None:
    held = [*world.bound(), world.instrument("XA", Denunciation(), 10)]
    late = 20 + NOTICE
    rest = [str(name) for name in (XB, XC, XD, XE, XF)]
    wrong = world.instrument("XB", admission("XA", key="other"), late, serial=8)
    assert "under another key" in member(world, [*held, wrong], "XB", late).notes[0]
    held += agreeing(world, rest, late, candidate="XA")
    assert member(world, held, "XA", late).stage is Stage.ADMITTED
    again = world.instrument("XB", admission("XA"), late + 1, serial=9)
    assert "admitted already" in member(world, [*held, again], "XB", late + 1).notes[0]
    held.append(world.instrument("XA", accession("8"), late + 2))
    back = member(world, held, "XA", late + 2)
    assert (back.stage, back.since, back.acceded) == (Stage.PARTY, world.instant(late + 2), True)
    assert back.reserved == {"8"}
    assert back.denounced_from is None
    # It widens by withdrawal or declaration, or by a second accession; not by ratifying.
    held.append(world.ratification("XA", late + 3))
    assert member(world, held, "XA", late + 3).reserved == {"8"}
    assert "bound by accession" in member(world, held, "XA", late + 3).notes[0]
    held.append(world.instrument("XA", accession(), late + 4))
    assert member(world, held, "XA", late + 4).reserved == frozenset()
    # It leaves like any other, and the old agreements do not count again.
    held.append(world.instrument("XA", Denunciation(), late + 5))
    held.append(world.instrument("XA", accession(), late + 6))
    assert "its denunciation runs" in member(world, held, "XA", late + 6).notes[-1]
    assert member(world, held, "XA", late + 5 + NOTICE).stage is Stage.DENOUNCED


def test_denunciation_before_entry_into_force(world: World) -> None:
    held = [*world.bound(["XA", "XB"]), world.instrument("XA", Denunciation(), 2)]
    assert member(world, held, "XA", 3).stage is Stage.RATIFIED
    assert member(world, held, "XA", 2 + NOTICE).stage is Stage.DENOUNCED
    late = 5 + NOTICE
    held += [
        one
        for name in ("XC", "XD")
        for one in (world.signature(name, late), world.ratification(name, late))
    ]
    # Three are bound now; four are needed.
    assert at(world, held, late).in_force_since is None


def test_denunciation_without_notice_takes_effect_at_once(world: World) -> None:
    limits = dataclasses.replace(world.treaty.limits, denunciation_notice=timedelta(0))
    world.treaty = dataclasses.replace(world.treaty, limits=limits)
    held = [*world.bound(), world.instrument("XA", Denunciation(), 10)]
    assert member(world, held, "XA", 10).stage is Stage.DENOUNCED


# Suspension


def suspending(
    world: World, names: Sequence[str], of: MemberId | None, hours: float
) -> list[Instrument]:
    return [world.instrument(name, Suspension(of=of, until=None), hours) for name in names]


def test_suspension_of_one(world: World) -> None:
    held = [*world.bound(FIVE), *suspending(world, ["XA", "XB", "XC"], XE, 3)]
    assert law(world, held, "AE", 4).binds
    held += suspending(world, ["XD"], XE, 5)
    found = member(world, held, "XE", 5)
    assert (found.stage, found.since) == (Stage.SUSPENDED, world.instant(5))
    for pair in ("AE", "EA"):
        assert " is suspended" in law(world, held, pair, 5).why_not
    assert law(world, held, "AB", 5).binds
    # It has no voice meanwhile, and who joins later is not asked.
    held.append(world.instrument("XE", admission(), 6))
    assert "only a party with a voice" in member(world, held, "XE", 6).notes[0]
    held += [world.signature("XF", 7), world.ratification("XF", 7)]
    assert member(world, held, "XE", 7).stage is Stage.SUSPENDED
    # One of those who agreed withdraws.
    agreed = next(one for one in held if one.member == XB and isinstance(one.body, Suspension))
    held.append(world.instrument("XB", withdrawal(agreed), 8))
    assert member(world, held, "XE", 8).stage is Stage.PARTY
    assert member(world, held, "XE", 8).since == world.instant(1)
    assert (
        "withdrawn already"
        in member(world, [*held, world.instrument("XB", withdrawal(agreed), 9)], "XB", 9).notes[0]
    )


def test_suspension_until_a_day(world: World) -> None:
    held = [*world.bound(FIVE), *suspending(world, ["XA", "XB", "XC"], XE, 3)]
    held.append(world.instrument("XD", Suspension(of=XE, until=world.instant(9)), 3))
    assert at(world, held, 4).next_change == world.instant(9)
    assert not law(world, held, "AE", 8.9).binds
    assert law(world, held, "AE", 9).binds


def test_suspension_between_all(world: World) -> None:
    held = [*world.bound(FIVE), *suspending(world, FIVE, None, 3)]
    found = at(world, held, 3)
    assert found.suspended_since == world.instant(3)
    assert "suspended between all" in law(world, held, "AB", 3).why_not
    assert b'"suspended_since"' in canonical_bytes(found.document())
    assert found.members[XA].stage is Stage.PARTY


def test_suspended_members_are_not_asked(world: World) -> None:
    held = [*world.bound(FIVE), *agreeing(world, FIVE[:4], 2)]
    held += suspending(world, ["XA", "XB", "XC", "XD"], XE, 3)
    # With XE suspended, all who are asked agree to the accession.
    assert at(world, held, 3).members[NEW].stage is Stage.ADMITTED


def test_accession_at_the_instant_at_which_a_suspension_admits_is_too_early(world: World) -> None:
    held = [*world.bound(FIVE), *agreeing(world, FIVE[:4], 2)]
    held += suspending(world, ["XA", "XB", "XC", "XD"], XE, 3)
    held.append(world.instrument(NEW, accession(), 3))
    found = member(world, held, NEW, 3)
    assert found.stage is Stage.ADMITTED
    assert "lodged before it was admitted" in found.notes[0]


def test_suspended_member_leaves(world: World) -> None:
    held = [*world.bound(FIVE), world.instrument("XE", Denunciation(), 2)]
    agreed = suspending(world, ["XA", "XB", "XC", "XD"], XE, 3)
    held += agreed
    assert member(world, held, "XE", 4).stage is Stage.SUSPENDED
    assert member(world, held, "XE", 2 + NOTICE).stage is Stage.DENOUNCED


def test_agreement_that_was_withdrawn_stays_so_when_its_author_leaves(world: World) -> None:
    held = [*world.bound(FIVE), *suspending(world, ["XA", "XB", "XC", "XD"], XE, 3)]
    own = held[-4]
    held.append(world.instrument("XA", withdrawal(own), 4))
    held.append(world.instrument("XA", Denunciation(), 5))
    assert member(world, held, "XE", 4 + NOTICE).stage is Stage.PARTY
    # All others that are left had agreed, and their agreement still stands.
    assert member(world, held, "XE", 5 + NOTICE).stage is Stage.SUSPENDED


def test_suspension_voided_by_a_conflict(world: World) -> None:
    held = [*world.bound(FIVE), *suspending(world, ["XA", "XB", "XC", "XD"], XE, 3)]
    held.append(world.instrument("XA", Signature(), 6, serial=3))
    assert member(world, held, "XE", 5).stage is Stage.SUSPENDED
    assert member(world, held, "XE", 6).stage is Stage.PARTY


# Amendment


def test_amendment_binds_those_who_accept(world: World) -> None:
    successor = TreatyId("ab" * 32)
    held = world.bound(FIVE)
    held += [
        world.instrument(name, Amendment(successor=successor), 3 + hours)
        for hours, name in enumerate(FIVE[:4])
    ]
    assert member(world, held, "XA", 5).accepted == (successor,)
    assert law(world, held, "AB", 5).amended_by == ()
    adopted = at(world, held, 6)
    assert adopted.amendments == {successor: world.instant(6)}
    assert b'"amendments":{"abab' in canonical_bytes(adopted.document())
    assert law(world, held, "AB", 6).amended_by == (successor,)
    assert law(world, held, "AE", 6).amended_by == ()
    # Who accepts later is bound between itself and those who did.
    held.append(world.instrument("XE", Amendment(successor=successor), 8))
    assert law(world, held, "AE", 8).amended_by == (successor,)
    late = world.instrument("XA", withdrawal(held[len(FIVE) * 2]), 9)
    found = member(world, [*held, late], "XA", 9)
    assert "the amendment is adopted" in found.notes[0]
    assert found.accepted == (successor,)


def test_acceptance_withdrawn_before_adoption(world: World) -> None:
    successor = TreatyId("ab" * 32)
    held = world.bound(FIVE)
    own = world.instrument("XA", Amendment(successor=successor), 3)
    held += [own, world.instrument("XA", withdrawal(own), 4)]
    assert member(world, held, "XA", 4).accepted == ()
    held += [world.instrument(name, Amendment(successor=successor), 5) for name in FIVE[1:4]]
    assert at(world, held, 5).amendments == {}


def test_new_text_governs_once_it_is_in_force_between_the_two(world: World, treaty: Treaty) -> None:
    other = TreatyId("ab" * 32)
    held = world.bound(FIVE)
    held += [world.instrument(name, Amendment(successor=other), 3) for name in FIVE[:4]]
    old = law(world, held, "AB", 4)
    assert old.binds
    assert superseded(old, {}) is old
    new = dataclasses.replace(old, treaty=other, valid_until=world.instant(9))
    assert superseded(old, {other: dataclasses.replace(new, binds=False)}) is old
    assert superseded(old, {other: dataclasses.replace(new, treaty=treaty.id)}) is old
    ended = superseded(old, {other: new})
    assert not ended.binds
    assert "the two have amended the treaty" in ended.why_not
    assert (ended.articles, ended.recognised, ended.definitions) == (frozenset(), frozenset(), {})
    assert ended.valid_until == world.instant(9)
    assert ended.digest != old.digest
    held.append(world.signature("XF", 6))
    sooner = law(world, held, "AB", 4)
    assert superseded(sooner, {other: new}).valid_until == world.instant(6)


# Full powers


def test_revoked_key_never_speaks_again(world: World) -> None:
    held = [world.full_powers("XA", 1, key="stolen")]
    stolen = key_of("node XA stolen").public
    held.append(world.instrument("XA", Revocation(keys=(stolen,)), 3))
    assert keys_of(held, XA, KeyPurpose.NODE, world.instant(2)) == (stolen,)
    assert keys_of(held, XA, KeyPurpose.NODE, world.instant(3)) == ()
    held.append(world.full_powers("XA", 4, key="stolen"))
    assert keys_of(held, XA, KeyPurpose.NODE, world.instant(4)) == ()
    powers = powers_of(held, XA, world.instant(4))
    assert powers is not None
    assert powers.keys == ()
    held.append(world.full_powers("XA", 5, key="new"))
    assert len(keys_of(held, XA, KeyPurpose.NODE, world.instant(5))) == 1


def test_revocation_in_conflict_or_by_another_key(world: World) -> None:
    held = [world.full_powers("XA", 1, key="stolen", serial=1)]
    stolen = key_of("node XA stolen").public
    revoked = world.instrument("XA", Revocation(keys=(stolen,)), 3, serial=2)
    rival = world.signature("XA", 3, serial=2)
    assert keys_of([*held, revoked, rival], XA, KeyPurpose.NODE, world.instant(4)) == ()
    forged = world.instrument("XA", Revocation(keys=(stolen,)), 3, serial=2, key=key_of("XB"))
    assert keys_of([*held, forged], XA, KeyPurpose.NODE, world.instant(4)) == (stolen,)
    assert world.instrument("XA", Revocation(keys=(stolen,)), 3).treaty is None


# Several at once


def test_clock_far_off_is_held(world: World) -> None:
    held = world.bound()
    far = world.instrument("XA", Denunciation(), 24 * 3650)
    found = at(world, [*held, far], 5)
    (waiting,) = found.held
    assert (waiting.member, waiting.serial, waiting.until) == (XA, 3, far.issued)
    assert waiting.instrument == far.id
    assert found.members == at(world, held, 5).members
    assert found.next_change == far.issued
    assert b'"held":[{"instrument":"foedus-instrument--' in canonical_bytes(found.document())
    assert at(world, [*held, far], 24 * 3650).held == ()


def test_lowest_serial_that_is_not_understood_is_named(world: World) -> None:
    held = [*world.bound(), unknown(world, "XA", 4, 9), unknown(world, "XA", 3, 12)]
    assert "serial 12" in str(member(world, held, "XA", 3).blocked)
    assert "serial 9" in str(member(world, held, "XA", 4).blocked)
    held.append(unknown(world, "XA", 5, 10))
    assert "serial 9" in str(member(world, held, "XA", 5).blocked)


def test_consent_lodged_anew_in_the_instant_it_was_voided_leaves_no_gap(world: World) -> None:
    held = [*world.bound(["XB", "XC", "XD"]), world.signature("XA", 0, serial=1)]
    held.append(world.ratification("XA", 1, serial=2))
    held.append(world.ratification("XA", 4, serial=2, reserve=["8"]))
    held.append(world.ratification("XA", 4, serial=3))
    found = member(world, held, "XA", 4)
    assert (found.stage, found.since) == (Stage.PARTY, world.instant(1))


def test_conflict_over_a_statement_under_another_treaty(world: World) -> None:
    other = TreatyId("cd" * 32)
    held = world.bound()
    held.append(world.instrument("XA", Signature(), 3, serial=9, treaty=other))
    held.append(world.instrument("XA", Signature(), 4, serial=9, treaty=other))
    found = member(world, held, "XA", 5)
    assert found.stage is Stage.PARTY
    assert found.notes == ("serial 9: 2 different instruments bear it; none counts",)


def test_conflict_in_the_name_of_a_stranger_or_by_another_key(world: World) -> None:
    held = world.bound()
    plain = at(world, held, 9)
    held += [world.signature(NEW, 3, serial=1), world.signature(NEW, 4, serial=1)]
    rival = key_of("XB")
    held += [world.instrument("XA", Signature(), hour, serial=2, key=rival) for hour in (3, 4)]
    found = at(world, held, 9)
    assert found.members[XA].stage is Stage.PARTY
    assert found.members[XA].since == plain.members[XA].since
    assert NEW not in found.members


def test_strictest_clauses_by_default() -> None:
    usual = FinalClauses()
    assert (usual.accession, usual.amendment, usual.suspension) == (
        Share.NONE,
        Share.AS_ENTRY,
        Share.ALL,
    )
    assert not usual.late_reservations
    assert not usual.definitions_required


def test_powers_need_no_treaty(world: World) -> None:
    powers = world.full_powers("XA", 1)
    assert isinstance(powers.body, FullPowers)
    held = [
        *world.bound(),
        powers,
        world.instrument("XA", Revocation(keys=(key_of("z").public,)), 2),
    ]
    assert member(world, held, "XA", 3).notes == ()
