"""Feedback: drafted, given to the originator, shown there as a dispute, taken back by its maker."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from foedus.access import AccessDeniedError
from foedus.casework.feedback import Stance
from foedus.casework.order import OrderAction, OrderReason
from foedus.cli.item_standing import standing, standing_text
from foedus.model.identifiers import ArticleId, MemberId, ObjectId
from foedus.model.terms import CategoryOfPerson
from foedus.model.validation import validate_object
from foedus.node.disclose import disclose
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.feedback import (
    FeedbackDraft,
    disputed,
    draft,
    list_feedback,
    withdraw_draft,
)
from foedus.node.find import find_items
from foedus.node.four_eyes import hands_in
from foedus.node.issue_orders import issue_orders
from foedus.node.order_words import Command
from foedus.node.ports import ItemFilter, ItemState

if TYPE_CHECKING:
    from tests.unit.node.conftest import Member, Trio

XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")
INDICATOR = ObjectId("indicator--00000000-0000-4000-8000-000000000001")
PURPOSES = frozenset({"warning"})


def given(trio: Trio, *to: MemberId) -> None:
    wired = trio.a.wired
    wish = trio.wish("warning", recipients=to)
    disclose(wired.node, trio.user("ada"), wired.gate, [trio.held()], wish)
    for member in to:
        trio.pull(trio.members[member], trio.a)


def say(trio: Trio, member: Member, stance: Stance, text: str = "") -> FeedbackDraft:
    return draft(member.wired.node, trio.user("ann"), INDICATOR, stance, text=text)


def tell(trio: Trio, member: Member, done: FeedbackDraft) -> None:
    member.vouch([done.item], purposes=PURPOSES)
    wired = member.wired
    wish = trio.wish("warning", recipients=(XA,))
    [sent] = disclose(wired.node, trio.user("ada"), wired.gate, [done.item.handle], wish)
    assert sent.given == 1
    trio.pull(trio.a, member)


def disputes(member: Member) -> set[MemberId]:
    with member.database.read() as tx:
        rows = [row.handle for row in tx.items.by_object_id(INDICATOR)]
        return {each for authors in disputed(tx, rows).values() for each in authors}


def newest(member: Member) -> int:
    return member.read(lambda tx: tx.items.by_object_id(INDICATOR))[-1].handle


@pytest.mark.parametrize("stance", list(Stance))
def test_what_is_drafted_is_an_ordinary_opinion_or_note(trio: Trio, stance: Stance) -> None:
    given(trio, XB)
    done = say(trio, trio.b, stance, "the address is a shop's")
    assert (done.to, done.new, done.item.state) == (XA, True, ItemState.DRAFT)
    raw = trio.b.read(lambda tx: tx.items.raw([done.item.handle]))[done.item.handle]
    from foedus.model.objects import parse_object  # noqa: PLC0415  # one use

    assert validate_object(parse_object(raw)) == ()
    document = parse_object(raw).document()
    assert document["object_refs"] == [INDICATOR]
    assert document["labels"] == [f"foedus:{stance.value}"]
    assert document["type"] == ("note" if stance.value.startswith("propose") else "opinion")
    again = say(trio, trio.b, stance, "the address is a shop's")
    assert (again.new, again.item.handle) == (False, done.item.handle)


def test_a_false_positive_is_disputed_at_the_originator_and_at_no_third(trio: Trio) -> None:
    given(trio, XB, XC)
    assert disputes(trio.a) == set()
    tell(trio, trio.b, say(trio, trio.b, Stance.FALSE_POSITIVE, "a shop"))
    assert disputes(trio.a) == {XB}
    assert disputes(trio.b) == {XB}, "its author sees its own word"
    assert disputes(trio.c) == set(), "another holder learns nothing of it"
    with trio.a.database.read() as tx:
        found = standing(tx, newest(trio.a))
    lines = standing_text(found)
    assert "  DISPUTED by XB" in lines
    assert any("XB says false-positive" in line for line in lines)


def test_a_draft_disputes_nothing(trio: Trio) -> None:
    given(trio, XB)
    say(trio, trio.b, Stance.DISAGREE)
    assert disputes(trio.b) == set()
    [(row, item, about)] = trio.b.read(lambda tx: list_feedback(tx, after=0, limit=9))
    assert (row.stance, item.state, about.key.object_id) == (
        Stance.DISAGREE, ItemState.DRAFT, INDICATOR,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("stance", "disputing"),
    [
        (Stance.AGREE, False), (Stance.PROPOSE_TERMS, False), (Stance.PROPOSE_RESTRICT, False),
        (Stance.PROPOSE_CORRECT, True), (Stance.PROPOSE_RECALL, True), (Stance.DISAGREE, True),
    ],
)  # fmt: skip
def test_agreement_is_no_dispute(trio: Trio, stance: Stance, *, disputing: bool) -> None:
    given(trio, XB)
    tell(trio, trio.b, say(trio, trio.b, stance, "see the new list"))
    assert disputes(trio.a) == ({XB} if disputing else set())


def test_a_corrected_version_is_disputed_no_more(trio: Trio) -> None:
    given(trio, XB)
    tell(trio, trio.b, say(trio, trio.b, Stance.FALSE_POSITIVE))
    newer = trio.indicator(1, "bad2.example", modified="2026-11-21T00:00:00.000Z")
    [handle] = trio.a.held(newer, purposes=PURPOSES)
    assert disputed_handles(trio.a, handle) == {}


def disputed_handles(member: Member, handle: int) -> dict[int, frozenset[MemberId]]:
    return dict(member.read(lambda tx: disputed(tx, [handle])))


def test_who_was_never_given_the_item_disputes_nothing(trio: Trio) -> None:
    """A guess at an id finds nothing out and marks nothing."""
    trio.held()
    opinion = trio.stix(
        "opinion", 5, opinion="strongly-disagree", object_refs=[INDICATOR],
    )  # fmt: skip
    [handle] = trio.b.held(opinion, purposes=PURPOSES)
    wired = trio.b.wired
    wish = trio.wish("warning", recipients=(XA,))
    disclose(wired.node, trio.user("ada"), wired.gate, [handle], wish)
    trio.pull(trio.a, trio.b)
    assert disputes(trio.a) == set()


def test_who_speaks_and_of_what(trio: Trio) -> None:
    given(trio, XB)
    node = trio.b.wired.node
    with pytest.raises(AccessDeniedError):
        draft(node, trio.user("ada"), INDICATOR, Stance.AGREE)
    with pytest.raises(RefusedError, match="our own item"):
        draft(trio.a.wired.node, trio.user("ann"), INDICATOR, Stance.AGREE)
    with pytest.raises(RefusedError, match="what is proposed"):
        draft(node, trio.user("ann"), INDICATOR, Stance.PROPOSE_RECALL)
    with pytest.raises(NotFoundError):
        draft(node, trio.user("ann"), INDICATOR[:-1] + "9", Stance.AGREE)


def test_its_author_takes_a_draft_back_and_nobody_else(trio: Trio) -> None:
    given(trio, XB)
    done = say(trio, trio.b, Stance.FALSE_POSITIVE)
    name = done.item.key.object_id
    assert withdraw_draft(trio.b.wired.node, trio.user("ann"), name, "looked again") is None
    assert trio.b.read(lambda tx: list_feedback(tx, after=0, limit=9)) == []
    with pytest.raises(NotFoundError):
        withdraw_draft(trio.b.wired.node, trio.user("ann"), INDICATOR, "no opinion")
    trio.clock.instant = trio.clock.instant.replace(day=25)
    held = say(trio, trio.b, Stance.FALSE_POSITIVE)
    tell(trio, trio.b, held)
    name = held.item.key.object_id
    left = withdraw_draft(trio.b.wired.node, trio.user("ann"), name, "looked again")
    assert left is not None, "what was vouched for is recalled by an order"
    with pytest.raises(RefusedError, match="only its author"):
        withdraw_draft(trio.a.wired.node, trio.user("ann"), name, "not ours")


def test_feedback_that_was_given_is_recalled_and_disputes_no_more(trio: Trio) -> None:
    given(trio, XB)
    done = say(trio, trio.b, Stance.FALSE_POSITIVE, "a shop")
    tell(trio, trio.b, done)
    assert disputes(trio.a) == {XB}
    command = Command(
        action=OrderAction.RECALL,
        references=(done.item.key.object_id,),
        treaty=trio.treaty,
        article=ArticleId("4"),
        reason=OrderReason.WRONG,
        erase=True,
    )
    wired = trio.b.wired
    issue_orders(wired.node, trio.user("olga"), wired.gate, command)
    trio.pull(trio.a, trio.b)
    assert disputes(trio.a) == disputes(trio.b) == set()
    assert trio.a.read(lambda tx: list_feedback(tx, after=0, limit=9)) == []


def test_word_on_a_redacted_form_disputes_what_it_was_made_of(trio: Trio) -> None:
    person = trio.stix(
        "identity", 7, name="Invented Person", identity_class="individual", description="tall"
    )
    [handle] = trio.a.held(
        person,
        purposes=PURPOSES,
        person=CategoryOfPerson.SUSPECT,
        review=trio.clock.now() + timedelta(days=100),
    )
    wired = trio.a.wired
    wish = trio.wish("warning", recipients=(XB,))
    [sent] = disclose(wired.node, trio.user("ada"), wired.gate, [handle], wish)
    assert sent.given == 1
    trio.pull(trio.b, trio.a)
    [theirs] = trio.b.read(
        lambda tx: [row for row in find_items(tx, ItemFilter()) if row.type == "identity"]
    )
    assert theirs.key.object_id != person["id"], "it is known there under another name"
    node = trio.b.wired.node
    done = draft(node, trio.user("ann"), theirs.key.object_id, Stance.DISAGREE)
    tell(trio, trio.b, done)
    assert disputed_handles(trio.a, handle) == {handle: frozenset({XB})}


def test_who_was_never_given_the_item_sights_nothing(trio: Trio) -> None:
    """Nobody makes questions here by naming ids of items it has not."""
    trio.held()
    sighting = trio.stix("sighting", 6, sighting_of_ref=INDICATOR)
    [handle] = trio.b.held(sighting, purposes=PURPOSES)
    wired = trio.b.wired
    wish = trio.wish("warning", recipients=(XA,))
    [sent] = disclose(wired.node, trio.user("ada"), wired.gate, [handle], wish)
    trio.pull(trio.a, trio.b)
    assert sent.given == 1, sent.withheld
    with trio.a.database.read() as tx:
        assert tx.items.by_object_id(sighting["id"])[-1].state is ItemState.HELD
        assert list(tx.hits.page(states=frozenset(), after=0, limit=9)) == []


def test_who_drafted_a_word_had_a_hand_in_it(trio: Trio) -> None:
    given(trio, XB)
    done = say(trio, trio.b, Stance.FALSE_POSITIVE, "a shop")
    with trio.b.database.read() as tx:
        hands = hands_in(tx, tx.items.rows([done.item.handle]))
    assert hands[done.item.handle] == {"ann": frozenset({"drafted"})}
