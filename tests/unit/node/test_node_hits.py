"""Hits: questions for people, their answers, and the sighting that goes back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from foedus.access import AccessDeniedError, Actor, Role
from foedus.model.selectors import SelectorKind, normalise
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.hits import HitView, confirm_hit, dismiss_hit, explain, list_hits
from foedus.node.ports import HitState, ItemFilter

if TYPE_CHECKING:
    from tests.unit.node.conftest import Member, Pair

ANALYST = Actor(user="ana", roles=frozenset({Role.ANALYST}))


def hits(member: Member, *states: HitState) -> list[HitView]:
    return member.read(lambda tx: list_hits(tx, states=frozenset(states), after=0, limit=99))


@pytest.fixture(name="met")
def _met(pair: Pair) -> Pair:
    """A gave an indicator to B, which held one of the same domain."""
    pair.b.held(pair.indicator(21, "bad.example"))
    handles = pair.a.held(pair.indicator(1, "bad.example"), pair.indicator(2, "other.example"))
    assert pair.a.disclose(handles, pair.treaty).given == 2
    pair.pull(pair.b)
    return pair


def test_what_arrives_is_asked_about(met: Pair) -> None:
    [view] = hits(met.b)
    assert (view.arrived.key.originator, view.held.key.originator) == ("XA", "XB")
    assert str(view.row.hit.selector) == "domain:bad.example"
    assert (view.row.hit.how, view.row.hit.frequency, view.row.state) == (
        "exact", 2, HitState.OPEN,
    )  # fmt: skip
    assert not hits(met.a), "the sender learns nothing of what the recipient holds"


def test_what_is_vouched_for_later_is_asked_about_too(pair: Pair) -> None:
    pair.a.disclose(pair.a.held(pair.indicator(1, "bad.example")), pair.treaty)
    pair.pull(pair.b)
    assert not hits(pair.b)
    done = pair.b.vouch(pair.b.drafts(pair.indicator(21, "bad.example")))
    assert done.hits == 1
    [view] = hits(pair.b)
    assert (view.arrived.key.originator, view.held.key.originator) == ("XB", "XA")


def test_a_draft_asks_nothing(pair: Pair) -> None:
    pair.a.disclose(pair.a.held(pair.indicator(1, "bad.example")), pair.treaty)
    pair.pull(pair.b)
    pair.b.drafts(pair.indicator(21, "bad.example"))
    assert not hits(pair.b)


def test_a_benign_value_is_no_hit_and_says_why(pair: Pair) -> None:
    pair.b.held(pair.indicator(21, "google.com"))
    pair.a.disclose(pair.a.held(pair.indicator(1, "google.com")), pair.treaty)
    pair.pull(pair.b)
    assert not hits(pair.b)
    selector = normalise(SelectorKind.DOMAIN, "google.com")
    standing = pair.b.read(lambda tx: explain(tx, pair.b.wired.node, selector))
    assert standing.frequency == 2
    assert standing.silence is not None
    assert standing.silence.code == "benign"


def test_a_value_that_is_asked_about_has_no_reason_for_silence(met: Pair) -> None:
    selector = normalise(SelectorKind.DOMAIN, "bad.example")
    standing = met.b.read(lambda tx: explain(tx, met.b.wired.node, selector))
    assert (standing.frequency, len(standing.handles), standing.silence) == (2, 2, None)


def test_a_hit_is_dismissed_with_a_reason(met: Pair) -> None:
    number = hits(met.b)[0].row.number
    dismiss_hit(met.b.wired.node, ANALYST, number, "a shared host")
    [view] = hits(met.b, HitState.DISMISSED)
    assert (view.row.by, view.row.reason) == ("ana", "a shared host")
    assert not hits(met.b, HitState.OPEN)


@pytest.mark.parametrize("reason", ["", " \n"])
def test_an_answer_needs_a_reason(reason: str, met: Pair) -> None:
    number = hits(met.b)[0].row.number
    with pytest.raises(RefusedError, match="say"):
        dismiss_hit(met.b.wired.node, ANALYST, number, reason)
    with pytest.raises(RefusedError, match="say"):
        confirm_hit(met.b.wired.node, ANALYST, number, reason, sighting=False)
    assert len(hits(met.b, HitState.OPEN)) == 1


def test_a_hit_that_is_none(met: Pair) -> None:
    with pytest.raises(NotFoundError, match="no hit 99"):
        dismiss_hit(met.b.wired.node, ANALYST, 99, "reason")
    with pytest.raises(NotFoundError, match="no hit 99"):
        confirm_hit(met.b.wired.node, ANALYST, 99, "reason", sighting=True)


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.ANALYST}))
def test_only_an_analyst_answers(role: Role, met: Pair) -> None:
    actor = Actor(user="leo", roles=frozenset({role}))
    number = hits(met.b)[0].row.number
    with pytest.raises(AccessDeniedError):
        dismiss_hit(met.b.wired.node, actor, number, "reason")
    with pytest.raises(AccessDeniedError):
        confirm_hit(met.b.wired.node, actor, number, "reason", sighting=False)


def test_a_hit_is_confirmed_without_a_word_to_anybody(met: Pair) -> None:
    number = hits(met.b)[0].row.number
    assert confirm_hit(met.b.wired.node, ANALYST, number, "same actor", sighting=False) is None
    [view] = hits(met.b, HitState.CONFIRMED)
    assert view.row.by == "ana"


def test_a_sighting_names_their_item_and_nothing_of_ours(met: Pair) -> None:
    [view] = hits(met.b)
    draft = confirm_hit(met.b.wired.node, ANALYST, view.row.number, "same actor", sighting=True)
    assert draft is not None
    assert (draft.to, draft.item.state.value, draft.item.type) == ("XA", "draft", "sighting")
    raw = met.b.read(lambda tx: tx.items.raw([draft.item.handle]))[draft.item.handle]
    document = json.loads(raw)
    assert document["sighting_of_ref"] == view.arrived.key.object_id
    assert view.held.key.object_id not in raw.decode()
    assert view.held.title not in raw.decode()
    assert document["description"].startswith("EXERCISE")


def test_confirming_twice_drafts_one_sighting(met: Pair) -> None:
    number = hits(met.b)[0].row.number
    one = confirm_hit(met.b.wired.node, ANALYST, number, "same actor", sighting=True)
    two = confirm_hit(met.b.wired.node, ANALYST, number, "looked again", sighting=True)
    assert one is not None
    assert two is not None
    assert one.item.handle == two.item.handle


def test_the_sighting_goes_back_and_is_a_hit_there(met: Pair) -> None:
    [view] = hits(met.b)
    draft = confirm_hit(met.b.wired.node, ANALYST, view.row.number, "same actor", sighting=True)
    assert draft is not None
    held = met.b.vouch([draft.item]).held
    done = met.b.disclose(held, met.treaty)
    assert done.given == 1, done.withheld
    assert [batch.article for batch in done.sent] == ["3"], "the article on answers"
    report = met.pull(met.a)
    assert [lane.hits for lane in report.lanes] == [0, 0, 1]
    [answer] = hits(met.a)
    assert (answer.row.hit.how, answer.arrived.type) == ("sighting", "sighting")
    assert answer.held.key.object_id == view.arrived.key.object_id


def test_nobody_is_told_of_a_hit_between_our_own_items(met: Pair) -> None:
    """There is no such hit; but where neither side is another's there is nothing to report."""
    own = met.b.read(lambda tx: list(tx.items.page(ItemFilter(), after=None, limit=9)))
    assert {row.key.originator for row in own} == {"XA", "XB"}
    met.b.held(met.indicator(22, "bad.example"))
    between = [
        view for view in hits(met.b) if view.arrived.key.originator == view.held.key.originator
    ]
    assert not between
