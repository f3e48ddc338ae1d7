"""What if: the difference in audience, with nothing written and nothing released."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.access import AccessDeniedError, Actor, Role
from foedus.model.identifiers import ArticleId, MemberId
from foedus.model.markings import TLP
from foedus.model.terms import CategoryOfPerson
from foedus.node.approvals import approve
from foedus.node.errors import RefusedError
from foedus.node.people import add_user
from foedus.node.preview import PreviewRow, Wish, preview
from foedus.node.shifts import Outlook, ShiftKind
from foedus.node.supposed import suppose
from foedus.node.what_if import Supposition, WhatIf, what_if
from foedus.release.counterfactual import StepKind, smallest_changes
from foedus.release.decide import Verdict
from foedus.release.errors import CompileFaults, GateError
from foedus.signing import SigningKey
from foedus.treaty.articles import Party, Treaty
from foedus.treaty.drafting import fill_parties, sample_text
from foedus.treaty.faults import TreatyFaults
from foedus.treaty.in_force import PairLaw, TreatyStatus, law_under, status
from foedus.treaty.instrument import (
    Form,
    Instrument,
    InstrumentDraft,
    Ratification,
    Signature,
    open_instrument,
    sign_instrument,
)
from foedus.treaty.parser import parse_treaty

if TYPE_CHECKING:
    from tests.unit.node.conftest import Bloc, Member, Plan

    Maker = Callable[[Plan], Bloc]

# Nodes are made once and copied with their files.
pytestmark = pytest.mark.sqlite

XA, XB, XC, XD = (MemberId(name) for name in ("XA", "XB", "XC", "XD"))
SHARING = ArticleId("2")
START = datetime(2026, 11, 1, tzinfo=UTC)
NOBODY = Actor(user="tom", roles=frozenset({Role.ADMINISTRATOR}))


def of(bloc: Bloc) -> Wish:
    return Wish(treaty=bloc.treaty, purpose="prevention")


def sign_held(bloc: Bloc, **terms: Any) -> list[int]:
    return bloc.own.held(bloc.own.indicator(1, "bad.example"), **terms)


def contact_held(bloc: Bloc) -> list[int]:
    """Hold a contact, submitted by somebody else than those who will approve."""
    return bloc.own.held(
        bloc.own.stix("identity", 5, name="Invented Person", identity_class="individual"),
        person=CategoryOfPerson.CONTACT,
        review=bloc.clock.now() + timedelta(days=30),
    )


def supposed(bloc: Bloc, handles: list[int], **supposition: Any) -> WhatIf:
    wired = bloc.own.wired
    return what_if(
        wired.node, bloc.own.actor, wired.gate, handles, of(bloc), Supposition(**supposition)
    )


def seen(bloc: Bloc, handles: list[int], *, why: bool = False) -> dict[MemberId, PreviewRow]:
    wired = bloc.own.wired
    rows = preview(wired.node, bloc.own.actor, wired.gate, handles, of(bloc), why=why)
    return {row.recipient: row for row in rows}


def then(found: WhatIf) -> dict[MemberId, Outlook]:
    return {row.recipient: row.then for row in found.rows}


def audience(found: WhatIf) -> tuple[set[MemberId], set[MemberId]]:
    """Return who sees the only item now, and who would."""
    return (
        {row.recipient for row in found.rows if row.now.sees},
        {row.recipient for row in found.rows if row.then.sees},
    )


def content(member: Member) -> tuple[dict[str, list[tuple[Any, ...]]], dict[str, bytes]]:
    """Return every row of every table, and every other file of the data directory."""
    settings = member.wired.settings
    with sqlite3.connect(f"file:{settings.database}?mode=ro", uri=True) as connection:
        names = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        rows = {name: list(connection.execute(f"SELECT * FROM {name}")) for name in names}  # noqa: S608
    connection.close()
    files = {
        path.relative_to(settings.data).as_posix(): path.read_bytes()
        for path in sorted(Path(settings.data).rglob("*"))
        if path.is_file() and not path.name.startswith(settings.database.name)
    }
    return rows, files


TABLE: list[tuple[str, dict[str, Any], set[MemberId], list[str]]] = [
    ("nothing is otherwise", {}, {XC}, []),
    (
        "B never reserved sharing",
        {"without_reservation": ((XB, SHARING),)},
        {XB, XC},
        ["XB does not reserve article 2 (Sharing)"],
    ),
    (
        "C reserves sharing too",
        {"with_reservation": ((XC, SHARING),)},
        set(),
        ["XC reserves article 2 (Sharing)"],
    ),
    (
        "A itself reserves sharing",
        {"with_reservation": ((XA, SHARING),)},
        set(),
        ["XA reserves article 2 (Sharing)"],
    ),
    ("D ratifies", {"ratified": (XD,)}, {XC, XD}, ["XD has ratified, without a reservation"]),
    (
        "D ratifies with a reservation",
        {"ratified": (XD,), "with_reservation": ((XD, SHARING),)},
        {XC},
        ["XD has ratified, without a reservation", "XD reserves article 2 (Sharing)"],
    ),
    ("C has left", {"denounced": (XC,)}, set(), ["XC has left"]),
    (
        "C has left and D has come",
        {"denounced": (XC,), "ratified": (XD,)},
        {XD},
        ["XD has ratified, without a reservation", "XC has left"],
    ),
    ("the item is marked red", {"tlp": TLP.RED}, {XC}, ["every item is marked TLP:RED"]),
    ("two persons approved", {"approved": 2}, {XC}, ["2 persons have approved each item"]),
    ("the originator consented", {"consented": True}, {XC}, ["the originators have consented"]),
]


@pytest.fixture(name="bloc")
def _bloc(make_bloc: Maker) -> Bloc:
    """A party, B that reserves sharing, C that reserves nothing, D that never ratified."""
    return make_bloc({XA: (), XB: (SHARING,), XC: (), XD: None})


def test_what_a_supposition_does_to_an_audience(bloc: Bloc) -> None:
    handles = sign_held(bloc)
    for name, supposition, would_see, words in TABLE:
        found = supposed(bloc, handles, **supposition)
        assert audience(found) == ({XC}, would_see), name
        assert list(found.supposed) == words, name
        for row in found.rows:
            gains, loses = (kind in row.kinds for kind in (ShiftKind.GAINS, ShiftKind.LOSES))
            assert gains == (row.recipient in would_see and row.recipient != XC), name
            assert loses == (row.recipient == XC and XC not in would_see), name


def test_nothing_supposed_is_the_preview(bloc: Bloc) -> None:
    handles = [*sign_held(bloc), *contact_held(bloc)]
    found = supposed(bloc, handles)
    wired = bloc.own.wired
    rows = preview(wired.node, bloc.own.actor, wired.gate, handles, of(bloc))
    assert len(rows) == len(found.rows) == 2 * 3
    for row, shift in zip(rows, found.rows, strict=True):
        assert row.decision is not None
        assert shift.now == shift.then
        assert shift.kinds == ()
        assert (row.item, row.recipient) == (shift.item, shift.recipient)
        assert (row.decision.verdict, row.decision.article, row.decision.obligations) == (
            shift.then.verdict,
            shift.then.article,
            shift.then.obligations,
        )
        assert row.decision.reasons == shift.then.reasons
        assert row.unredactable == shift.then.unredactable


@pytest.mark.parametrize(
    ("plan", "member", "article"),
    [
        pytest.param({XA: (), XB: (SHARING,), XC: ()}, XB, SHARING, id="one reserves"),
        pytest.param({XA: (SHARING,), XB: (), XC: ()}, XA, SHARING, id="we reserve"),
        pytest.param(
            {XA: (), XB: (SHARING,), XC: (SHARING,)}, XC, SHARING, id="two reserve the same"
        ),
    ],
)
def test_a_reservation_thought_away_is_a_bloc_that_never_made_it(
    plan: Plan, member: MemberId, article: ArticleId, make_bloc: Maker
) -> None:
    real, other = make_bloc(plan), make_bloc({**plan, member: ()})
    never = seen(other, sign_held(other))
    thought = then(supposed(real, sign_held(real), without_reservation=((member, article),)))
    assert set(never) == set(thought)
    for recipient, row in never.items():
        assert row.decision is not None
        assert row.decision.verdict is thought[recipient].verdict
        assert row.decision.article == thought[recipient].article
        assert row.decision.obligations == thought[recipient].obligations
        assert row.decision.reasons == thought[recipient].reasons


PARTIES = st.dictionaries(
    st.sampled_from((XA, XB, XC, XD)),
    st.none() | st.sets(st.sampled_from(("8", "10", "12"))),
    min_size=3,
)


@cache
def key_of(member: MemberId) -> SigningKey:
    return SigningKey.from_seed(hashlib.sha256(member.encode()).digest())


@cache
def sample() -> Treaty:
    parties = [
        Party(member=each, name=each, authority=key_of(each).public.fingerprint)
        for each in (XA, XB, XC, XD)
    ]
    text = sample_text().replace(b"ratifications = 4", b"ratifications = 2")
    text = text.replace(b"liars = 1", b"liars = 0")
    return parse_treaty(fill_parties(text, parties, exercise=True, depositary=XA))


@cache
def statement(member: MemberId, serial: int, body: Signature | Ratification) -> Instrument:
    draft = InstrumentDraft(
        member=member, serial=serial, issued=START, treaty=sample().id, body=body
    )
    return open_instrument(sign_instrument(draft, key_of(member)), key_of(member).public)


def bloc_status(plan: Mapping[MemberId, AbstractSet[str] | None]) -> TreatyStatus:
    """Return the status of a bloc of the sample treaty in which these ratified with these."""
    said = [
        statement(member, serial, body)
        for member, reserved in plan.items()
        if reserved is not None
        for serial, body in (
            (1, Signature()),
            (
                2,
                Ratification(
                    form=Form.RATIFICATION,
                    reservations=tuple(ArticleId(each) for each in sorted(reserved)),
                    recognises=tuple(sorted(sample().offences)),
                ),
            ),
        )
    ]
    return status(sample(), said, START + timedelta(days=1))


def laws(current: TreatyStatus) -> list[PairLaw]:
    """Return what binds each pair; the instants at which it may change are not compared."""
    members = sorted(current.members)
    return [
        replace(law_under(sample(), current, one, other), valid_until=None)
        for one in members
        for other in members
    ]


@given(plan=PARTIES)
@settings(max_examples=40, deadline=None)
def test_every_reservation_thought_away_leaves_the_law_of_a_bloc_without_it(
    plan: dict[MemberId, set[str] | None],
) -> None:
    real = bloc_status(plan)
    for member, reserved in plan.items():
        for article in reserved or ():
            thought = suppose(
                real,
                sample(),
                sample(),
                Supposition(without_reservation=((member, ArticleId(article)),)),
            )
            never = bloc_status({**plan, member: (reserved or set()) - {article}})
            assert laws(thought.status) == laws(never)


@given(plan=PARTIES)
@settings(max_examples=40, deadline=None)
def test_whoever_is_thought_to_ratify_leaves_the_law_of_a_bloc_in_which_it_did(
    plan: dict[MemberId, set[str] | None],
) -> None:
    real = bloc_status(plan)
    for member in real.members:
        if plan.get(member) is None:
            thought = suppose(real, sample(), sample(), Supposition(ratified=(member,)))
            assert laws(thought.status) == laws(bloc_status({**plan, member: set()}))


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("neutrality is reserved", {"with_reservation": ((XC, ArticleId("1")),)},
     r"article 1 \(Neutrality\) of Pact admits no reservation; those that do are 2, 3"),
    ("an article that is none", {"with_reservation": ((XC, ArticleId("9")),)}, "no article 9"),
    ("a reservation there is already", {"with_reservation": ((XB, SHARING),)}, "already"),
    ("who never ratified reserves", {"with_reservation": ((XD, SHARING),)},
     "XD has not consented to be bound"),
    ("a reservation nobody made", {"without_reservation": ((XC, SHARING),)},
     "XC does not reserve article 2; what it reserves: none"),
    ("a party ratifies again", {"ratified": (XC,)}, "ratified already"),
    ("a stranger ratifies", {"ratified": (MemberId("XZ"),)}, "neither listed by Pact nor admitted"),
    ("who is not bound leaves", {"denounced": (XD,)}, "XD is not bound"),
]  # fmt: skip


def test_what_cannot_be_is_not_supposed(bloc: Bloc) -> None:
    handles = sign_held(bloc)
    for name, supposition, why in REFUSED:
        with pytest.raises(RefusedError) as refused:
            supposed(bloc, handles, **supposition)
        assert re.search(why, str(refused.value)), name


def test_a_treaty_not_in_force_enters_into_force_when_enough_ratify(make_bloc: Maker) -> None:
    bloc = make_bloc({XA: (), XB: None, XC: None})
    handles = sign_held(bloc)
    found = supposed(bloc, handles, ratified=(XB,))
    assert audience(found) == (set(), {XB})
    assert found.notes == ("Pact would be in force: 2 of 2 ratified",)
    assert audience(supposed(bloc, handles, ratified=(XB, XC))) == (set(), {XB, XC})


def test_another_text_carries_members_and_reservations_over(bloc: Bloc) -> None:
    handles = sign_held(bloc)
    longer = bloc.raw.replace(b'@retain("P30D")', b'@retain("P10D")')
    found = supposed(bloc, handles, text=longer)
    assert audience(found) == ({XC}, {XC})
    [row] = [each for each in found.rows if each.recipient == XC]
    assert row.kinds == (ShiftKind.OBLIGATIONS,)
    assert row.then.obligations.retain == timedelta(days=10)
    assert found.notes == ()
    assert found.supposed[0].startswith("the text ")


def test_a_text_without_the_reserved_article_frees_from_the_reservation(bloc: Bloc) -> None:
    handles = sign_held(bloc)
    text = bloc.raw.replace(b'reservable = ["2", "3"]', b'reservable = ["3"]')
    found = supposed(bloc, handles, text=text)
    assert audience(found) == ({XC}, {XB, XC})
    assert "XB's reservation of article 2 is not carried over" in found.notes[0]


def test_an_offence_nobody_recognises_yet_is_told(bloc: Bloc) -> None:
    text = bloc.raw.replace(b"[offences]\n", b'[offences]\ntravel = "To travel for an offence."\n')
    found = supposed(bloc, sign_held(bloc), text=text)
    assert found.notes == ("the offence travel is new: nobody recognises it yet",)


def test_faults_of_a_text_are_told(bloc: Bloc) -> None:
    handles = sign_held(bloc)
    with pytest.raises(TreatyFaults):
        supposed(bloc, handles, text=b"# no treaty")
    both = bloc.raw.replace(b"context.concerns_recipient", b"context.nonsense")
    both += "\n## Articel 11 — Late\n".encode()
    with pytest.raises(TreatyFaults) as told:
        supposed(bloc, handles, text=both)
    assert "Articel 11" in str(told.value)
    assert "nonsense" in str(told.value), "faults of form and of rules at once"
    with pytest.raises(CompileFaults, match="nonsense"):
        supposed(
            bloc, handles, text=bloc.raw.replace(b"context.concerns_recipient", b"context.nonsense")
        )
    with pytest.raises(RefusedError, match="in being an exercise"):
        supposed(bloc, handles, text=bloc.raw.replace(b"exercise = true", b"exercise = false"))


def test_at_a_later_date_a_review_is_overdue(bloc: Bloc) -> None:
    handles = sign_held(bloc, expiry=bloc.clock.now() + timedelta(days=40))
    later = bloc.clock.now() + timedelta(days=41)
    assert audience(supposed(bloc, handles, on=later)) == ({XC}, set())
    sooner = bloc.clock.now() + timedelta(days=39)
    assert audience(supposed(bloc, handles, on=sooner)) == ({XC}, {XC}), "links stay fresh"


def test_before_the_treaty_entered_into_force_nothing_was_permitted(bloc: Bloc) -> None:
    found = supposed(bloc, sign_held(bloc), on=bloc.clock.now() - timedelta(days=1))
    assert audience(found) == ({XC}, set())


def test_approvals_supposed_free_what_waits_for_them(bloc: Bloc) -> None:
    handles = contact_held(bloc)
    assert {each.verdict for each in then(supposed(bloc, handles, approved=1)).values()} == {
        Verdict.NEEDS_APPROVAL,
        Verdict.DENY,
    }
    assert audience(supposed(bloc, handles, approved=2)) == (set(), {XB, XC})


def test_a_difference_is_counted_for_each_member(bloc: Bloc) -> None:
    handles = [*sign_held(bloc), *bloc.own.held(bloc.own.indicator(2, "worse.example"))]
    found = supposed(bloc, handles, without_reservation=((XB, SHARING),), denounced=(XC,))
    told = {
        each.recipient: (each.sees_now, each.sees_then, dict(each.counts), each.unchanged)
        for each in found.members
    }
    assert told == {
        XB: (0, 2, {ShiftKind.GAINS: 2}, 0),
        XC: (2, 0, {ShiftKind.LOSES: 2}, 0),
        XD: (0, 0, {}, 2),
    }


def test_nothing_is_written(bloc: Bloc) -> None:
    handles = [*sign_held(bloc), *contact_held(bloc)]
    bloc.own.wired.node.publish()
    before = content(bloc.own)
    assert before[0], "the search finds no table"
    text = bloc.raw.replace(b'@retain("P30D")', b'@retain("P10D")')
    for _, supposition, _, _ in TABLE:
        supposed(bloc, handles, text=text, **supposition)
    seen(bloc, handles, why=True)
    assert content(bloc.own) == before


def test_a_what_if_opens_no_writing_transaction(
    bloc: Bloc, monkeypatch: pytest.MonkeyPatch
) -> None:
    handles = sign_held(bloc)

    def write(_self: object) -> None:
        raise AssertionError("a what-if writes nothing")

    monkeypatch.setattr(type(bloc.own.wired.database), "write", write)
    assert audience(supposed(bloc, handles, ratified=(XD,))) == ({XC}, {XC, XD})


def test_what_is_supposed_is_forgotten(bloc: Bloc) -> None:
    handles = sign_held(bloc)
    before = {member: row.decision for member, row in seen(bloc, handles).items()}
    supposed(bloc, handles, denounced=(XC,), ratified=(XD,))
    assert {member: row.decision for member, row in seen(bloc, handles).items()} == before


def test_the_gate_releases_nothing_under_a_law_that_was_supposed(
    bloc: Bloc, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catch the law that a what-if decides under, and try to release with it."""
    handles = sign_held(bloc)
    caught: list[Any] = []
    wired = bloc.own.wired
    real = type(wired.gate).preview

    def preview_and_keep(self: Any, candidates: Any, **arguments: Any) -> Any:
        caught.append((self, candidates, arguments))
        return real(self, candidates, **arguments)

    monkeypatch.setattr(type(wired.gate), "preview", preview_and_keep)
    supposed(bloc, handles, without_reservation=((XB, SHARING),))
    [(gate, candidates, arguments)] = [
        each for each in caught if each[2]["recipient"] == XB and each[0] is not wired.gate
    ]
    with pytest.raises(GateError, match="only supposed"):
        wired.gate.release(candidates, **arguments)
    law = arguments.pop("law")
    law = replace(law, pair=replace(law.pair, digest="ab" * 32))
    with pytest.raises(GateError, match="no salts"):
        gate.release(candidates, law=law, **arguments)


def test_who_may_not_preview_may_not_suppose(bloc: Bloc) -> None:
    handles = sign_held(bloc)
    bloc.own.actor = NOBODY
    with pytest.raises(AccessDeniedError):
        supposed(bloc, handles, ratified=(XD,))


def test_a_preview_shows_who_never_ratified_with_the_reason(bloc: Bloc) -> None:
    row = seen(bloc, sign_held(bloc))[XD]
    assert row.decision is not None
    assert "XD has not signed" in row.decision.reasons[0].text


def test_changes_are_searched_for_once_for_all_that_are_alike(
    bloc: Bloc, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def counting(*arguments: Any, **options: Any) -> Any:
        asked.append(arguments)
        return smallest_changes(*arguments, **options)

    monkeypatch.setattr("foedus.node.foresight.smallest_changes", counting)
    signs = [bloc.own.indicator(number, f"bad{number}.example") for number in range(1, 40)]
    handles = bloc.own.held(*signs)
    wired = bloc.own.wired
    rows = preview(wired.node, bloc.own.actor, wired.gate, handles, of(bloc), why=True)
    assert len(rows) == 39 * 3
    assert len(asked) == 2, "once for B, once for D; C is given them"
    assert all(row.changes for row in rows if row.recipient == XB)
    assert not [row for row in rows if row.recipient == XC and row.changes]


def test_a_preview_is_a_table_that_can_be_read_anywhere(bloc: Bloc) -> None:
    handles = [*sign_held(bloc), *bloc.own.held(bloc.own.indicator(2, "worse.example"))]
    wired = bloc.own.wired
    rows = preview(wired.node, bloc.own.actor, wired.gate, handles, of(bloc))
    assert list(rows) == [rows[place] for place in range(len(rows))] == rows[:]
    assert rows[-1] == rows[5]
    assert [row.recipient for row in rows[1:4]] == [XC, XD, XB]
    with pytest.raises(IndexError):
        rows[6]


def test_approving_as_told_frees_the_item(bloc: Bloc) -> None:
    handles = contact_held(bloc)
    row = seen(bloc, handles, why=True)[XC]
    [change] = [
        each for each in row.changes if [step.kind for step in each.steps] == [StepKind.APPROVAL]
    ]
    assert change.text == "2 more persons approve exactly this"
    assert change.decision.verdict is Verdict.PERMIT
    wish = replace(of(bloc), recipients=(XC,))
    wired = bloc.own.wired
    for name in ("eva", "ben"):
        person = Actor(user=name, roles=frozenset({Role.SUPERVISOR}))
        add_user(wired.node, bloc.own.actor, name, person.roles)
        approve(wired.node, person, wired.gate, handles, wish)
    after = seen(bloc, handles)[XC].decision
    assert after is not None
    assert after.verdict is change.decision.verdict
    # An approval is for exactly this: under a law that is otherwise it counts for nothing.
    assert then(supposed(bloc, handles))[XC].sees
    with_another = supposed(bloc, handles, with_reservation=((XC, SHARING),))
    assert then(with_another)[XC].verdict is Verdict.NEEDS_APPROVAL


def test_leaving_out_as_told_frees_the_item(bloc: Bloc) -> None:
    house = bloc.own.stix(
        "identity",
        1,
        name="Trade House",
        identity_class="organization",
        contact_information="a@pay.example",
    )
    witness = {"person": CategoryOfPerson.WITNESS, "review": bloc.clock.now() + timedelta(days=9)}
    row = seen(bloc, bloc.own.held(house, **witness), why=True)[XC]
    assert row.decision is not None
    assert row.decision.verdict is Verdict.DENY
    told = {each.text: each for each in row.changes}
    change = told["the originator issues it without property:contact_information"]
    house["id"] = house["id"].replace("0001", "0002")
    del house["contact_information"]
    after = seen(bloc, bloc.own.held(house))[XC].decision
    assert after is not None
    assert after.verdict is change.decision.verdict is Verdict.PERMIT


def test_only_so_many_items_are_looked_into(bloc: Bloc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foedus.node.foresight.MAX_LOOKED_INTO", 1)
    houses = [
        bloc.own.stix(
            "identity",
            number,
            name=f"Trade House {number}",
            identity_class="organization",
            contact_information="a@pay.example",
        )
        for number in (1, 2)
    ]
    handles = bloc.own.held(
        *houses,
        person=CategoryOfPerson.WITNESS,
        review=bloc.clock.now() + timedelta(days=9),
    )
    wired = bloc.own.wired
    rows = preview(wired.node, bloc.own.actor, wired.gate, handles, of(bloc), why=True)
    kinds = [
        {step.kind for each in row.changes for step in each.steps}
        for row in rows
        if row.recipient == XC
    ]
    assert StepKind.WITHOUT in kinds[0]
    assert StepKind.WITHOUT not in kinds[1], "not told of what was not looked into"
