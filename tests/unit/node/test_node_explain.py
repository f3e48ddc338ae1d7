"""One item and one member: the story told is the one the gate decides by."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from foedus.access import AccessDeniedError, Actor, Role
from foedus.model.identifiers import ArticleId, MemberId
from foedus.model.terms import CategoryOfPerson
from foedus.node.errors import RefusedError
from foedus.node.explain import Explanation, explain
from foedus.node.preview import Wish, preview
from foedus.release.decide import Verdict

if TYPE_CHECKING:
    from tests.unit.node.conftest import Bloc, Pair, Plan

    Maker = Callable[[Plan], Bloc]

XA, XB, XC, XD = (MemberId(name) for name in ("XA", "XB", "XC", "XD"))
SHARING = ArticleId("2")


@pytest.fixture(name="bloc")
def _bloc(make_bloc: Maker) -> Bloc:
    """A party, B that reserves sharing, C that reserves nothing, D that never ratified."""
    return make_bloc({XA: (), XB: (SHARING,), XC: (), XD: None})


def told(bloc: Bloc, handle: int, recipient: MemberId, **question: Any) -> Explanation:
    wired = bloc.own.wired
    return explain(
        wired.node,
        bloc.own.actor,
        wired.gate,
        handle,
        recipient,
        treaty=bloc.treaty,
        **question,
    )


def sign_held(bloc: Bloc, **terms: Any) -> int:
    [handle] = bloc.own.held(bloc.own.indicator(1, "bad.example"), **terms)
    return handle


def test_the_story_ends_as_the_preview_does(bloc: Bloc) -> None:
    handles = [
        sign_held(bloc),
        *bloc.own.held(
            bloc.own.stix("identity", 5, name="Invented Person", identity_class="individual"),
            person=CategoryOfPerson.CONTACT,
            review=bloc.clock.now() + timedelta(days=30),
        ),
    ]
    wired = bloc.own.wired
    wish = Wish(treaty=bloc.treaty, purpose="prevention")
    for row in preview(wired.node, bloc.own.actor, wired.gate, handles, wish, why=True):
        found = told(bloc, row.item.handle, row.recipient)
        assert (found.item, found.recipient, found.purpose) == (
            row.item,
            row.recipient,
            "prevention",
        )
        assert found.decision == row.decision
        assert found.unredactable == row.unredactable
        assert found.changes == row.changes


def test_every_article_that_permits_has_its_verdict_and_one_is_proposed(bloc: Bloc) -> None:
    found = told(bloc, sign_held(bloc), XC)
    assert [(each.article, each.decision.verdict, each.proposed) for each in found.articles] == [
        ("2", Verdict.PERMIT, True),
        ("3", Verdict.DENY, False),
        ("4", Verdict.DENY, False),
    ]
    assert found.decision is not None
    assert found.decision.obligations.retain == timedelta(days=30)
    assert found.changes == ()


def test_a_reservation_is_told_with_who_made_it(bloc: Bloc) -> None:
    found = told(bloc, sign_held(bloc), XB)
    assert found.law.reserved == {SHARING: (XB,)}
    assert not [each for each in found.articles if each.proposed]
    assert found.decision is not None
    assert found.decision.verdict is Verdict.DENY
    assert "XB withdraws its reservation of article 2" in {each.text for each in found.changes}
    assert found.bound_since == bloc.clock.now()


def test_who_never_ratified_is_told_of(bloc: Bloc) -> None:
    found = told(bloc, sign_held(bloc), XD)
    assert not found.law.binds
    assert found.bound_since is None
    assert found.law.why_not == "XD has not signed"


def test_without_a_purpose_that_of_the_item_is_taken(bloc: Bloc) -> None:
    handle = sign_held(bloc, purposes=frozenset({"investigation", "prevention"}))
    assert told(bloc, handle, XC).purpose == "investigation", "the first of those alike"
    assert told(bloc, handle, XC, purpose="prevention").purpose == "prevention"


def test_a_purpose_the_item_is_not_for_is_told_as_the_reason(bloc: Bloc) -> None:
    found = told(bloc, sign_held(bloc), XC, purpose="investigation")
    assert found.decision is not None
    assert found.decision.verdict is Verdict.DENY
    assert "the originator adds the purpose investigation" in {each.text for each in found.changes}


def test_at_another_instant_the_law_and_the_dates_are_those_of_then(bloc: Bloc) -> None:
    now = bloc.clock.now()
    handle = sign_held(bloc, expiry=now + timedelta(days=40))
    before = told(bloc, handle, XC, on=now - timedelta(days=1))
    assert (before.law.binds, before.at) == (False, now - timedelta(days=1))
    after = told(bloc, handle, XC, on=now + timedelta(days=41))
    assert after.link.fresh, "freshness stays that of now"
    assert after.decision is not None
    assert after.decision.verdict is Verdict.DENY


def test_what_was_given_is_told_with_its_log_entry(pair: Pair) -> None:
    handles = pair.a.held(pair.indicator(1, "bad.example"))
    done = pair.a.disclose(handles, pair.treaty)
    wired = pair.a.wired
    found = explain(wired.node, pair.a.actor, wired.gate, handles[0], XB, treaty=pair.treaty)
    [given] = found.given
    assert (given.article, given.entry_index) == ("2", done.sent[0].entry_index)
    assert given.at == pair.clock.now()


def test_an_item_of_the_member_itself_leaves_nothing_to_decide(pair: Pair) -> None:
    pair.a.disclose(pair.a.held(pair.indicator(1, "bad.example")), pair.treaty)
    pair.pull(pair.b)
    identifier = pair.indicator(1, "bad.example")["id"]
    [row] = pair.b.read(lambda tx: tx.items.by_object_id(identifier))
    wired = pair.b.wired
    found = explain(wired.node, pair.b.actor, wired.gate, row.handle, XA, treaty=pair.treaty)
    assert (found.decision, found.articles, found.changes) == (None, (), ())
    assert found.facts.originator == XA


REFUSED: list[tuple[str, MemberId, dict[str, Any], str]] = [
    ("to ourselves", XA, {}, "to itself"),
    ("to a stranger", MemberId("XZ"), {}, "no party to Pact"),
    ("for no purpose of the treaty", XC, {"purpose": "revenge"}, "is no purpose of Pact"),
]


@pytest.mark.parametrize(
    ("recipient", "question", "why"),
    [each[1:] for each in REFUSED],
    ids=[each[0] for each in REFUSED],
)
def test_what_cannot_be_explained(
    recipient: MemberId, question: dict[str, Any], why: str, bloc: Bloc
) -> None:
    handle = sign_held(bloc)
    with pytest.raises(RefusedError, match=why):
        told(bloc, handle, recipient, **question)


def test_who_may_not_preview_may_not_ask_why(bloc: Bloc) -> None:
    handle = sign_held(bloc)
    bloc.own.actor = Actor(user="tom", roles=frozenset({Role.ADMINISTRATOR}))
    with pytest.raises(AccessDeniedError):
        told(bloc, handle, XC)
