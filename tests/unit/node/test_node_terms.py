"""From draft to item: who vouches for what, what is refused, what is thrown away."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import structs

from foedus.access import AccessDeniedError, Actor, Role
from foedus.model.identifiers import TreatyId
from foedus.model.terms import CategoryOfPerson, TermsError, parse_terms
from foedus.node.discard import discard
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.ports import ItemRow, ItemState

if TYPE_CHECKING:
    from tests.unit.node.conftest import Member, Pair

ANALYST = Actor(user="ana", roles=frozenset({Role.ANALYST}))


def states(member: Member, rows: list[ItemRow]) -> list[ItemState]:
    found = member.read(lambda tx: tx.items.rows([row.handle for row in rows]))
    return [row.state for row in found]


def person(member: Member, number: int = 5, **more: Any) -> dict[str, Any]:
    return member.stix(
        "identity", number, name="Invented Person", identity_class="individual", **more
    )


def test_drafts_become_held_with_the_terms_given(pair: Pair) -> None:
    rows = pair.a.drafts(pair.indicator(1, "bad.example"), pair.indicator(2, "worse.example"))
    done = pair.a.vouch(rows, legal_basis="Act 7")
    assert done.held == tuple(row.handle for row in rows)
    assert (done.personal, done.hits) == (0, 0)
    assert states(pair.a, rows) == [ItemState.HELD] * 2
    [row, other] = pair.a.read(lambda tx: tx.items.rows(done.held))
    assert row.terms_id is not None
    assert row.terms_id == other.terms_id, "equal terms are one object"
    identifier = row.terms_id
    terms = parse_terms(pair.a.read(lambda tx: tx.items.terms([identifier]))[identifier])
    assert (terms.legal_basis, terms.originator, terms.exercise) == ("Act 7", "XA", True)
    assert terms.neutrality is not None
    assert (terms.neutrality.by, terms.neutrality.at) == ("admin", pair.clock.now())


def test_a_draft_named_twice_is_one_draft(pair: Pair) -> None:
    [row] = pair.a.drafts(pair.indicator(1, "bad.example"))
    assert pair.a.vouch([row, row]).held == (row.handle,)


def test_a_draft_that_is_personal_by_its_text_alone_is_vouched_for_as_such(pair: Pair) -> None:
    """What the release will call personal is asked for a category and a review date here."""
    note = pair.stix(
        "note", 6, content="ask jan.kowal@example.org",
        object_refs=["indicator--00000000-0000-4000-8000-000000000001"],
    )  # fmt: skip
    rows = pair.a.drafts(note)
    with pytest.raises(RefusedError, match="1 of these drafts hold personal data"):
        pair.a.vouch(rows)
    review = pair.clock.now() + timedelta(days=90)
    done = pair.a.vouch(rows, person=CategoryOfPerson.WITNESS, review=review, legal_basis="Act 7")
    assert done.personal == 1


def test_terms_say_personal_only_of_what_holds_personal_data(pair: Pair) -> None:
    rows = pair.a.drafts(pair.indicator(1, "bad.example"), person(pair.a))
    done = pair.a.vouch(
        rows, person=CategoryOfPerson.SUSPECT, review=pair.clock.now() + timedelta(days=30)
    )
    assert done.personal == 1
    found = pair.a.read(lambda tx: tx.items.rows([row.handle for row in rows]))
    ids = [row.terms_id for row in found if row.terms_id is not None]
    stored = pair.a.read(lambda tx: tx.items.terms(ids))
    assert [parse_terms(stored[each]).personal for each in ids] == [False, True]
    assert [parse_terms(stored[each]).person.value for each in ids] == ["none", "suspect"]


REFUSED: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    ("personal data without a category", {}, RefusedError, "1 of these drafts hold personal data"),
    (
        "personal data without a review date",
        {"person": CategoryOfPerson.WITNESS},
        TermsError,
        "a review date",
    ),
    (
        "personal data without a legal basis",
        {"person": CategoryOfPerson.VICTIM, "legal_basis": "", "days": 9},
        TermsError,
        "a legal basis",
    ),
    (
        "personal data without a purpose",
        {"person": CategoryOfPerson.VICTIM, "purposes": frozenset(), "days": 9},
        TermsError,
        "a purpose",
    ),
    (
        "a purpose the treaty does not have",
        {"purposes": frozenset({"prevention", "revenge"})},
        RefusedError,
        "purpose revenge is not one of Pact; it has investigation, prevention",
    ),
    ("an offence it does not have", {"offence": "heresy"}, RefusedError, "offence heresy"),
    (
        "a treaty nobody knows here",
        {"treaties": frozenset({TreatyId("f" * 64)})},
        NotFoundError,
        "no treaty ffffffffffff",
    ),
]


@pytest.mark.parametrize(
    ("what", "offer", "error", "message"), REFUSED, ids=[row[0] for row in REFUSED]
)
def test_what_nobody_may_vouch_for(
    what: str, offer: dict[str, Any], error: type[Exception], message: str, pair: Pair
) -> None:
    rows = pair.a.drafts(pair.indicator(1, "bad.example"), person(pair.a))
    days = offer.get("days")
    review = None if days is None else pair.clock.now() + timedelta(days=days)
    changes = {name: value for name, value in offer.items() if name != "days"}
    with pytest.raises(error, match=message):
        pair.a.vouch(rows, review=review, **changes)
    assert states(pair.a, rows) == [ItemState.DRAFT] * 2, f"{what}: all or none"


def test_what_stands_in_a_refusal_is_bounded(pair: Pair) -> None:
    rows = pair.a.drafts(*(person(pair.a, number) for number in range(10, 20)))
    with pytest.raises(RefusedError, match="and 5 more") as caught:
        pair.a.vouch(rows)
    assert len(str(caught.value)) < 800


def test_what_is_held_is_not_vouched_for_again(pair: Pair) -> None:
    rows = pair.a.drafts(pair.indicator(1, "bad.example"))
    pair.a.vouch(rows)
    with pytest.raises(RefusedError, match="is held, not a draft"):
        pair.a.vouch(rows)


def test_a_handle_of_nothing_is_refused(pair: Pair) -> None:
    [row] = pair.a.drafts(pair.indicator(1, "bad.example"))
    with pytest.raises(NotFoundError, match="not here"):
        pair.a.vouch([row, structs.replace(row, handle=999_999)])


ROLES = [
    ("an analyst alone, without a neutrality reason", {Role.ANALYST}, "", True),
    ("an analyst alone, with one", {Role.ANALYST}, "technical", False),
    ("an analyst who is officer too", {Role.ANALYST, Role.OFFICER}, "technical", True),
    ("an analyst who is supervisor too", {Role.ANALYST, Role.SUPERVISOR}, "technical", True),
    ("an officer alone", {Role.OFFICER}, "technical", False),
    ("an administrator alone", {Role.ADMINISTRATOR}, "", False),
]


@pytest.mark.parametrize(("what", "roles", "reason", "may"), ROLES, ids=[row[0] for row in ROLES])
def test_who_may_vouch(what: str, roles: set[Role], reason: str, *, may: bool, pair: Pair) -> None:
    rows = pair.a.drafts(pair.indicator(1, "bad.example"))
    pair.a.actor = Actor(user="ana", roles=frozenset(roles))
    if may:
        assert len(pair.a.vouch(rows, neutrality_reason=reason).held) == 1, what
    else:
        with pytest.raises(AccessDeniedError):
            pair.a.vouch(rows, neutrality_reason=reason)
        assert states(pair.a, rows) == [ItemState.DRAFT]


def test_every_act_stands_in_the_journal_with_its_user(pair: Pair) -> None:
    pair.a.held(pair.indicator(1, "bad.example"))
    rows = pair.a.drafts(pair.indicator(2, "worse.example"))
    discard(pair.a.wired.node, ANALYST, rows, "read by mistake")
    acts = [act for _, act in pair.a.read(lambda tx: list(tx.acts.page(after=0, limit=999)))]
    told = [(act.user, act.act) for act in acts[-4:]]
    assert told == [
        ("admin", "submit"),
        ("admin", "vouch"),
        ("admin", "submit"),
        ("ana", "discard"),
    ]
    assert "bad.example" not in "".join(act.subject for act in acts)


def test_a_draft_thrown_away_leaves_no_bytes(pair: Pair) -> None:
    rows = pair.a.drafts(pair.indicator(1, "bad.example"))
    handles = [row.handle for row in rows]
    assert discard(pair.a.wired.node, ANALYST, rows, "read by mistake") == 1
    assert states(pair.a, rows) == [ItemState.DISCARDED]
    assert not pair.a.read(lambda tx: tx.items.raw(handles))
    assert not pair.a.read(lambda tx: tx.items.selectors(handles))


def test_what_is_not_a_draft_is_not_thrown_away(pair: Pair) -> None:
    rows = pair.a.drafts(pair.indicator(1, "bad.example"), pair.indicator(2, "worse.example"))
    pair.a.vouch(rows[:1])
    with pytest.raises(RefusedError, match="corrected or recalled"):
        discard(pair.a.wired.node, ANALYST, rows, "read by mistake")
    assert states(pair.a, rows) == [ItemState.HELD, ItemState.DRAFT], "all or none"


@pytest.mark.parametrize("reason", ["", "  ", "\n"])
def test_throwing_away_needs_a_reason(reason: str, pair: Pair) -> None:
    rows = pair.a.drafts(pair.indicator(1, "bad.example"))
    with pytest.raises(RefusedError, match="say why"):
        discard(pair.a.wired.node, ANALYST, rows, reason)


def test_throwing_away_needs_an_analyst(pair: Pair) -> None:
    rows = pair.a.drafts(pair.indicator(1, "bad.example"))
    actor = Actor(user="leo", roles=frozenset(set(Role) - {Role.ANALYST}))
    with pytest.raises(AccessDeniedError):
        discard(pair.a.wired.node, actor, rows, "reason")


def test_what_was_thrown_away_can_be_read_again(pair: Pair) -> None:
    item = pair.indicator(1, "bad.example")
    discard(pair.a.wired.node, ANALYST, pair.a.drafts(item), "read by mistake")
    again = pair.a.drafts(item)
    assert states(pair.a, again) == [ItemState.DRAFT]
