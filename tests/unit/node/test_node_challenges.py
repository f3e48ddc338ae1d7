"""Challenges of persons between two members: blocked at every holder, decided, carried out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from foedus.access import AccessDeniedError, Actor, Role
from foedus.casework.challenge import Challenge, sign_challenge
from foedus.casework.challenge_course import ChallengeState, Outcome
from foedus.casework.challenge_letters import Letter
from foedus.casework.errors import CaseCourseError
from foedus.casework.order import OrderAction, OrderReason
from foedus.model.identifiers import ArticleId, ObjectId
from foedus.model.objects import parse_object
from foedus.node.case_clock import tick
from foedus.node.challenge_access import (
    AccessIntake,
    access_letter,
    answer_access,
    forget_access,
    list_accesses,
    open_access,
    search_access,
)
from foedus.node.challenge_clock import watch_challenges, watch_challenges_with
from foedus.node.challenge_decide import Decided, Finding, decide_challenge, withdraw_challenge
from foedus.node.challenge_desk import IssuingDesk
from foedus.node.challenge_lates import close_late, list_lates
from foedus.node.challenge_take import take_challenge
from foedus.node.challenges import (
    ChallengeView,
    Intake,
    challenge_letter,
    extend_challenge,
    figures_of,
    forget_words,
    list_challenges,
    open_challenge_case,
    show_challenge,
)
from foedus.node.disclose import disclose
from foedus.node.errors import FourEyesError, NotFoundError, RefusedError
from foedus.node.issue_orders import Command, issue_orders
from foedus.node.people import add_user
from foedus.node.ports import ItemState, NewItem
from foedus.node.ports.webhooks import EventKind
from foedus.node.webhooks import add_webhook

DESK = IssuingDesk()
OLGA = Actor(user="olga", roles=frozenset({Role.OFFICER}))
PETRA = Actor(user="petra", roles=frozenset({Role.OFFICER}))
RITA = Actor(user="rita", roles=frozenset({Role.REVIEWER}))
ANN = Actor(user="ann", roles=frozenset({Role.ANALYST}))
VALUE = "bad1.example"
DAY = timedelta(days=1)


def people(member: Any) -> None:
    node = member.wired.node
    for each in (OLGA, PETRA, RITA, ANN):
        add_user(node, member.actor, each.user, each.roles)


def opened(member: Any, **changes: Any) -> ChallengeView:
    plain: dict[str, Any] = {
        "reference": "DPO-17",
        "received": member.wired.node.clock.now(),
        "values": (VALUE,),
        "words": "Jane Doe says it is not her site.",
    }
    intake = Intake(**{**plain, **changes})
    return open_challenge_case(member.wired.node, OLGA, member.wired.gate, intake, DESK)


def decided(member: Any, number: int, outcome: Outcome, *, by: Actor = RITA) -> Decided:
    finding = Finding(outcome=outcome, reason="looked at the file")
    return decide_challenge(member.wired.node, by, member.wired.gate, number, finding, DESK)


def states(member: Any, *names: str) -> list[ItemState]:
    """Return the states of the newest rows of ids here, of whatever originator."""
    return [
        member.read(lambda tx, name=name: [row.state for row in tx.items.by_object_id(name)])[-1]
        for name in names
    ]


def settle(pair: Any, rounds: int = 2) -> None:
    """Let both members take what the other has for it, and do what falls due."""
    for _ in range(rounds):
        for member in (pair.b, pair.a):
            pair.pull(member)
            tick(member.wired.node, member.wired.gate)


def given(pair: Any, number: int = 1) -> str:
    """Have XA give XB an indicator; return its id."""
    thing = pair.a.indicator(number, f"bad{number}.example")
    handles = pair.a.held(thing)
    assert pair.a.disclose(handles, pair.treaty).given == 1
    pair.pull(pair.b)
    return str(thing["id"])


def test_a_challenge_blocks_here_and_at_every_holder_and_a_rejection_lifts(pair: Any) -> None:
    people(pair.a)
    name = given(pair)
    assert states(pair.b, name) == [ItemState.HELD]
    view = opened(pair.a)
    assert view.row.state is ChallengeState.BLOCKED
    assert len(view.orders) == 1
    assert states(pair.a, name) == [ItemState.RESTRICTED]
    settle(pair)
    assert states(pair.b, name) == [ItemState.RESTRICTED]
    done = decided(pair.a, view.row.number, Outcome.REJECT)
    assert done.row.state is ChallengeState.REJECTED
    assert states(pair.a, name) == [ItemState.HELD]
    pair.clock.instant += timedelta(minutes=2)
    settle(pair, 3)
    assert states(pair.b, name) == [ItemState.HELD]
    pair.clock.instant += timedelta(minutes=2)
    settle(pair)
    row = show_challenge(pair.a.wired.node, OLGA, view.row.number).row
    assert row.state is ChallengeState.CLOSED
    assert row.outcome is ChallengeState.REJECTED


def test_upheld_it_is_recalled_at_the_holder(pair: Any) -> None:
    people(pair.a)
    name = given(pair)
    view = opened(pair.a)
    settle(pair)
    decided(pair.a, view.row.number, Outcome.UPHOLD)
    settle(pair)
    assert pair.b.read(lambda tx: tx.items.by_object_id(name)) == []
    assert states(pair.a, name) == [ItemState.RESTRICTED]


def test_nobody_lifts_what_is_examined_and_restricted_it_stays_blocked(pair: Any) -> None:
    people(pair.a)
    name = given(pair)
    view = opened(pair.a)
    settle(pair)
    lift = Command(
        action=OrderAction.LIFT,
        references=(name,),
        treaty=pair.treaty,
        article=ArticleId("2"),
        reason=OrderReason.NOT_NEEDED,
    )
    with pytest.raises(RefusedError, match="until a reviewer decides"):
        issue_orders(pair.a.wired.node, PETRA, pair.a.wired.gate, lift)
    decided(pair.a, view.row.number, Outcome.RESTRICT)
    assert states(pair.a, name) == [ItemState.RESTRICTED]
    assert show_challenge(pair.a.wired.node, OLGA, view.row.number).blocking


def test_corrected_the_right_version_stands_at_the_holder(pair: Any) -> None:
    people(pair.a)
    name = given(pair)
    view = opened(pair.a)
    settle(pair)
    other = pair.a.indicator(9, "good9.example")
    pair.a.held(other)
    finding = Finding(
        outcome=Outcome.CORRECT, reason="wrong domain", replacements=(("", other["id"]),)
    )
    node = pair.a.wired.node
    decide_challenge(node, RITA, pair.a.wired.gate, view.row.number, finding, DESK)
    settle(pair, 3)
    assert states(pair.b, other["id"]) == [ItemState.HELD]
    assert all(
        row.state is not ItemState.HELD
        for row in pair.b.read(lambda tx: tx.items.by_object_id(name))
    )


def test_corrected_by_a_new_version_the_wrong_one_goes(pair: Any) -> None:
    people(pair.a)
    name = given(pair)
    view = opened(pair.a)
    settle(pair)
    thing = pair.a.indicator(1, "good.example") | {"modified": "2026-11-21T00:00:00.000Z"}
    pair.a.held(thing)
    watch_challenges(pair.a.wired.node, pair.a.wired.gate)  # blocks the new version too
    finding = Finding(outcome=Outcome.CORRECT, reason="wrong", replacements=(("", name),))
    node = pair.a.wired.node
    decide_challenge(node, RITA, pair.a.wired.gate, view.row.number, finding, DESK)
    settle(pair, 3)
    rows = pair.b.read(lambda tx: tx.items.by_object_id(name))
    assert [(row.key.version, row.state) for row in rows if row.state is ItemState.HELD] == [
        ("2026-11-21T00:00:00.000Z", ItemState.HELD)
    ]
    own = pair.a.read(lambda tx: tx.items.by_object_id(name))
    assert [row.state for row in own] == [ItemState.RESTRICTED, ItemState.HELD]


def test_an_item_of_another_member_is_blocked_at_once_and_its_originator_blocks_and_decides(
    pair: Any,
) -> None:
    people(pair.a)
    people(pair.b)
    name = given(pair)
    view = opened(pair.b)  # the person turned to XB, which got the item from XA
    assert states(pair.b, name) == [ItemState.RESTRICTED]
    assert [each.member for each in view.referrals] == [pair.a.name]
    assert states(pair.a, name) == [ItemState.HELD]
    settle(pair)
    assert states(pair.a, name) == [ItemState.RESTRICTED]
    with pair.a.database.read() as tx:
        [here] = list_challenges(tx, OLGA, open_only=True, after=0, limit=10)
    assert here.challenge.name == view.row.challenge.name
    assert here.challenge.reference == ""
    assert here.state is ChallengeState.BLOCKED
    settle(pair)
    [word] = show_challenge(pair.b.wired.node, OLGA, view.row.number).referrals
    assert word.blocked is not None
    assert word.answered is None
    decided(pair.a, here.number, Outcome.UPHOLD)
    settle(pair)
    [word] = show_challenge(pair.b.wired.node, OLGA, view.row.number).referrals
    assert word.answered is not None
    with pytest.raises(RefusedError, match="turned to XB"):
        challenge_letter(pair.a.wired.node, OLGA, here.number, Letter.RECEIPT)


def test_the_same_documents_again_change_nothing(pair: Any) -> None:
    people(pair.a)
    people(pair.b)
    given(pair)
    opened(pair.b)
    settle(pair)
    with pair.a.database.read() as tx:
        before = tx.challenges.page(open_only=False, after=0, limit=10)
    settle(pair)
    with pair.a.database.read() as tx:
        after = tx.challenges.page(open_only=False, after=0, limit=10)
    assert [each.number for each in before] == [each.number for each in after]


def figures(member: Any, view: ChallengeView) -> dict[str, Any]:
    """Return all that a person, a tool or a colleague without the role can come to see."""
    node = member.wired.node
    number = view.row.number
    decided(member, number, Outcome.REJECT)
    with member.database.read() as tx:
        acts = [act for _, act in tx.acts.page(after=0, limit=1000)]
        events = [
            message.event
            for message in tx.webhooks.messages(1, limit=100)
            if message.event.kind in {EventKind.CHALLENGE_OPENED, EventKind.CHALLENGE_DUE}
        ]
        [row] = list_challenges(tx, OLGA, open_only=False, after=0, limit=10)
        alarms = [each for each in tx.alarms.open() if each.code.startswith("challenge")]
        told = figures_of(tx, OLGA, node.clock.now().year, node.clock.now())
    return {
        "letters": [
            challenge_letter(node, OLGA, number, each) for each in (Letter.RECEIPT, Letter.OUTCOME)
        ],
        "acts": [(each.user, each.act, each.subject) for each in acts if "challenge" in each.act],
        "events": [(each.kind, dict(each.data)) for each in events],
        "list": (row.challenge.name, row.state, row.challenge.block_due, row.challenge.decide_due),
        "alarms": alarms,
        "figures": told,
    }


def test_nothing_told_differs_by_whether_anything_is_held(pair: Any) -> None:
    for member in (pair.a, pair.b):
        people(member)
        add_webhook(
            member.wired.node,
            member.actor,
            "https://tool.example/hook",
            [EventKind.CHALLENGE_OPENED, EventKind.CHALLENGE_DUE],
            private=False,
        )
    pair.a.held(pair.a.indicator(1, VALUE))  # XA holds it, XB holds nothing
    seen = []
    for member in (pair.a, pair.b):
        view = opened(member)
        assert bool(view.items) is (member is pair.a)
        seen.append(figures(member, view))
    text = repr(seen[1]).replace("XB", "XA").replace("Member XB", "Member XA")
    assert repr(seen[0]) == text
    assert VALUE not in text
    assert "Jane" not in text


def test_whoever_had_a_hand_in_an_item_does_not_decide(pair: Any) -> None:
    people(pair.a)
    given(pair)
    view = opened(pair.a)
    number = view.row.number
    both = Actor(user="admin", roles=frozenset(Role))  # entered, vouched for and released it
    with pytest.raises(FourEyesError):
        decided(pair.a, number, Outcome.REJECT, by=both)
    with pytest.raises(FourEyesError):
        withdraw_challenge(pair.a.wired.node, both, pair.a.wired.gate, number, DESK)
    with pytest.raises(AccessDeniedError):
        decided(pair.a, number, Outcome.REJECT, by=ANN)
    with pytest.raises(AccessDeniedError):
        decided(pair.a, number, Outcome.REJECT, by=OLGA)
    assert decided(pair.a, number, Outcome.REJECT).row.state is ChallengeState.REJECTED


def test_where_nothing_tells_who_entered_an_item_two_persons_find_the_same(pair: Any) -> None:
    people(pair.a)
    name = given(pair)
    node = pair.a.wired.node
    raw = pair.a.bundle(pair.a.indicator(7, "bad7.example"))
    thing = json.dumps(json.loads(raw)["objects"][0]).encode()
    with node.database.write() as tx:  # as it comes back after a loss: nobody's draft
        first = tx.items.by_object_id(name)[-1]
        tx.items.add(
            [
                NewItem(
                    obj=parse_object(thing),
                    originator=pair.a.name,
                    state=ItemState.HELD,
                    terms_id=first.terms_id,
                )
            ],
            at=node.clock.now(),
        )
    view = opened(pair.a, values=(), items=(json.loads(thing)["id"],))
    first_word = decided(pair.a, view.row.number, Outcome.REJECT)
    assert first_word.unknown
    assert first_word.row.state is ChallengeState.BLOCKED
    again = decided(pair.a, view.row.number, Outcome.REJECT)
    assert again.row.state is ChallengeState.BLOCKED
    with pytest.raises(RefusedError, match="two persons"):
        decided(pair.a, view.row.number, Outcome.UPHOLD, by=OLGA)
    done = decided(pair.a, view.row.number, Outcome.REJECT, by=OLGA)
    assert done.row.state is ChallengeState.REJECTED


def test_a_second_challenge_keeps_what_the_first_gives_free(pair: Any) -> None:
    people(pair.a)
    name = given(pair)
    one = opened(pair.a)
    two = opened(pair.a, reference="DPO-18")
    decided(pair.a, one.row.number, Outcome.REJECT)
    assert states(pair.a, name) == [ItemState.RESTRICTED]
    decided(pair.a, two.row.number, Outcome.REJECT)
    assert states(pair.a, name) == [ItemState.HELD]


def test_new_versions_are_blocked_and_more_can_be_added(pair: Any) -> None:
    people(pair.a)
    name = given(pair)
    view = opened(pair.a)
    newer = pair.a.indicator(1, VALUE) | {"modified": "2026-11-22T00:00:00.000Z"}
    [handle] = pair.a.held(newer)
    assert pair.a.disclose([handle], pair.treaty).given == 0
    watch_challenges(pair.a.wired.node, pair.a.wired.gate)
    assert set(states(pair.a, name)) == {ItemState.RESTRICTED}
    other = pair.a.indicator(5, "bad5.example")
    pair.a.held(other)
    node, gate = pair.a.wired.node, pair.a.wired.gate
    more = extend_challenge(node, OLGA, gate, view.row.number, [other["id"]], DESK)
    assert states(pair.a, other["id"]) == [ItemState.RESTRICTED]
    assert len(more.items) == len(view.items) + 2
    withdraw_challenge(node, OLGA, gate, view.row.number, DESK)
    with pytest.raises(CaseCourseError):
        extend_challenge(node, OLGA, gate, view.row.number, [other["id"]], DESK)


class BrokenDesk:
    """A desk that cannot issue anything."""

    def issue(self, *_: Any) -> Sequence[str]:
        raise RefusedError("no orders today")


def test_a_block_that_fails_is_tried_again_and_late_it_is_a_breach(pair: Any) -> None:
    people(pair.a)
    given(pair)
    node, gate = pair.a.wired.node, pair.a.wired.gate
    intake = Intake(reference="R1", received=node.clock.now(), values=(VALUE,))
    view = open_challenge_case(node, OLGA, gate, intake, BrokenDesk())
    assert view.row.state is ChallengeState.RECEIVED
    with pair.a.database.read() as tx:
        assert [each.code for each in tx.alarms.open()] == ["challenge.undone"]
    pair.clock.instant += 2 * DAY
    watch_challenges_with(node, gate, BrokenDesk())
    with pair.a.database.read() as tx:
        [late] = list_lates(tx, OLGA, open_only=True, after=0, limit=10)
    assert (late.late.what, late.made_good) == ("block", None)
    with pytest.raises(RefusedError, match="still owed"):
        close_late(node, PETRA, late.record, "the desk was shut")
    pair.clock.instant += DAY
    watch_challenges(node, gate)
    with pair.a.database.read() as tx:
        [late] = list_lates(tx, OLGA, open_only=True, after=0, limit=10)
        row = tx.challenges.get(view.row.number)
    assert row is not None
    assert row.state is ChallengeState.BLOCKED
    assert late.made_good is not None
    with pytest.raises(FourEyesError):
        close_late(node, OLGA, late.record, "the desk was shut")  # she took the case in
    with pytest.raises(AccessDeniedError):
        close_late(node, RITA, late.record, "the desk was shut")
    assert close_late(node, PETRA, late.record, "the desk was shut").closed_by == "petra"
    with pytest.raises(RefusedError, match="closed it"):
        close_late(node, PETRA, late.record, "again")


def test_deadlines_are_reminded_once_and_then_recorded(pair: Any) -> None:
    people(pair.a)
    node, gate = pair.a.wired.node, pair.a.wired.gate
    add_webhook(
        node, pair.a.actor, "https://tool.example", [EventKind.CHALLENGE_DUE], private=False
    )
    opened(pair.a)
    for _ in range(2):
        pair.clock.instant += 23 * DAY if _ == 0 else timedelta(minutes=1)
        watch_challenges(node, gate)

    def told() -> list[tuple[object, object]]:
        with pair.a.database.read() as tx:
            return [
                (each.event.data["what"], each.event.data["overdue"])
                for each in tx.webhooks.messages(1, limit=100)
            ]

    assert told() == [("decide", False)]
    pair.clock.instant += 8 * DAY
    watch_challenges(node, gate)
    watch_challenges(node, gate)
    assert sorted(told()) == [("decide", False), ("decide", True)]
    with pair.a.database.read() as tx:
        shown, _ = figures_of(tx, RITA, 2026, node.clock.now())
    assert (shown.received, shown.open, shown.late) == (1, 1, 1)


def test_an_originator_that_does_not_answer_is_recorded(pair: Any) -> None:
    people(pair.b)
    given(pair)
    opened(pair.b)
    pair.clock.instant += 31 * DAY
    watch_challenges(pair.b.wired.node, pair.b.wired.gate)
    with pair.b.database.read() as tx:
        found = {
            (each.late.what, each.late.member)
            for each in list_lates(tx, OLGA, open_only=True, after=0, limit=10)
        }
    assert {("block", "XA"), ("decide", "XA")} <= found


def test_what_was_written_is_in_one_row_and_can_be_erased(pair: Any) -> None:
    people(pair.a)
    node, gate = pair.a.wired.node, pair.a.wired.gate
    view = opened(pair.a)
    with pytest.raises(RefusedError, match="until it is closed"):
        forget_words(node, OLGA, view.row.number)
    decided(pair.a, view.row.number, Outcome.REJECT)
    pair.clock.instant += timedelta(minutes=2)
    watch_challenges(node, gate)
    shown = show_challenge(node, OLGA, view.row.number)
    assert shown.row.state is ChallengeState.CLOSED
    assert shown.words is not None
    assert shown.words.reason == "looked at the file"
    forget_words(node, OLGA, view.row.number)
    assert show_challenge(node, OLGA, view.row.number).words is None


@pytest.mark.sqlite
def test_no_file_holds_what_the_person_gave(pair: Any) -> None:
    people(pair.a)
    node, gate = pair.a.wired.node, pair.a.wired.gate
    view = opened(pair.a, values=("name:Zebedee Quux",), words="Zebedee Quux wrote")
    decided(pair.a, view.row.number, Outcome.REJECT)
    pair.clock.instant += timedelta(minutes=2)
    watch_challenges(node, gate)
    forget_words(node, OLGA, view.row.number)
    for path in pair.a.wired.settings.data.rglob("*"):
        if path.is_file():
            raw = path.read_bytes().lower()
            assert b"zebedee" not in raw, path


def test_who_may_not_see_challenges_sees_none(pair: Any) -> None:
    people(pair.a)
    opened(pair.a)
    node = pair.a.wired.node
    with pytest.raises(AccessDeniedError), pair.a.database.read() as tx:
        list_challenges(tx, ANN, open_only=False, after=0, limit=1)
    with pytest.raises(AccessDeniedError):
        show_challenge(node, ANN, 1)
    with pytest.raises(NotFoundError):
        show_challenge(node, OLGA, 77)
    with pytest.raises(RefusedError, match="names nobody"):
        opened(pair.a, reference="Jane Doe")
    with pytest.raises(RefusedError, match="future"):
        opened(pair.a, received=node.clock.now() + DAY)
    with pytest.raises(NotFoundError):
        opened(pair.a, items=("XA-2026-09999",))


def test_a_person_sees_what_is_held_within_the_time(pair: Any) -> None:
    people(pair.a)
    node, gate = pair.a.wired.node, pair.a.wired.gate
    pair.a.held(pair.a.indicator(1, VALUE))
    row = open_access(
        node,
        OLGA,
        AccessIntake(reference="S-1", received=node.clock.now(), values=(VALUE,), words="asks"),
    )
    with pytest.raises(CaseCourseError):
        answer_access(node, OLGA, row.number)
    with pytest.raises(RefusedError, match="not given at intake"):
        search_access(node, OLGA, row.number, ["other.example"])
    found = search_access(node, OLGA, row.number, [VALUE])
    assert [each.row.title for each in found.report.items] == ["Sign 1"]
    assert [each.what for each in found.report.found["challenges"]] == [
        f"access {row.number}: gave one of these"
    ]
    pair.clock.instant += 31 * DAY
    watch_challenges(node, gate)
    with pair.a.database.read() as tx:
        [late] = list_lates(tx, OLGA, open_only=True, after=0, limit=10)
    assert late.name == "XA-S-2026-00001"
    answer_access(node, OLGA, row.number)
    text = access_letter(node, OLGA, row.number, Letter.ACCESS_ANSWER)
    assert "neither confirm nor deny" in text
    with pytest.raises(RefusedError):
        access_letter(node, OLGA, row.number, Letter.OUTCOME)
    forget_access(node, OLGA, row.number)
    with pair.a.database.read() as tx:
        [kept] = list_accesses(tx, OLGA, open_only=False, after=0, limit=10)
        _, shown = figures_of(tx, OLGA, 2026, node.clock.now())
    assert kept.words == ""
    assert (shown.received, shown.answered, shown.late) == (1, 1, 1)


def test_who_only_released_it_does_not_decide_either(pair: Any) -> None:
    people(pair.a)
    node = pair.a.wired.node
    sue = Actor(user="sue", roles=frozenset({Role.SUPERVISOR, Role.REVIEWER}))
    add_user(node, pair.a.actor, "sue", sue.roles)
    thing = pair.a.indicator(1, VALUE)
    handles = pair.a.held(thing)
    pair.a.actor, entered_by = sue, pair.a.actor
    assert pair.a.disclose(handles, pair.treaty).given == 1
    pair.a.actor = entered_by
    view = opened(pair.a)
    with pytest.raises(FourEyesError):
        decided(pair.a, view.row.number, Outcome.REJECT, by=sue)
    assert decided(pair.a, view.row.number, Outcome.REJECT).row.outcome is not None


class CrashingDesk:
    """Issues an order; the process ends before anything is noted of it."""

    def issue(self, *arguments: Any) -> Sequence[str]:
        DESK.issue(*arguments)
        raise RefusedError("the process ended")


def test_a_crash_after_the_order_makes_no_second_one(pair: Any) -> None:
    people(pair.a)
    given(pair)
    node, gate = pair.a.wired.node, pair.a.wired.gate
    intake = Intake(reference="R1", received=node.clock.now(), values=(VALUE,))
    view = open_challenge_case(node, OLGA, gate, intake, CrashingDesk())
    assert view.row.state is ChallengeState.RECEIVED
    pair.clock.instant += timedelta(minutes=2)
    watch_challenges(node, gate)
    shown = show_challenge(node, OLGA, view.row.number)
    assert shown.row.state is ChallengeState.BLOCKED
    assert shown.orders == ("XA-O-2026-00001",)
    with pair.a.database.read() as tx:
        assert len(tx.orders.all_issued(before=None, limit=9)) == 1
        assert [each for each in tx.alarms.open() if each.code.startswith("challenge")] == []


def test_a_member_learns_nothing_by_naming_what_it_was_never_given(pair: Any) -> None:
    people(pair.a)
    now = pair.clock.instant
    secret = pair.a.indicator(3, "bad3.example")
    pair.a.held(secret)  # XB was never given it, and names it all the same
    for sequence, name in ((1, secret["id"]), (2, pair.a.indicator(4, "x.example")["id"])):
        told = Challenge(
            exercise=True,
            name=f"XB-C-2026-{sequence:05d}",
            member=pair.b.name,
            originator=pair.a.name,
            treaty=pair.treaty,
            received=now,
            block=now + DAY,
            decide=now + 30 * DAY,
            at=now,
            ids=(ObjectId(name),),
        )
        envelope = sign_challenge(told, pair.b.wired.node.identity.node)
        with pair.a.database.write() as tx:
            take_challenge(tx, pair.a.wired.node, pair.a.wired.gate, pair.b.name, envelope, now)
            take_challenge(tx, pair.a.wired.node, pair.a.wired.gate, pair.b.name, envelope, now)
            with pytest.raises(RefusedError, match="between other members"):
                take_challenge(tx, pair.b.wired.node, pair.b.wired.gate, pair.b.name, envelope, now)
    watch_challenges(pair.a.wired.node, pair.a.wired.gate)
    assert states(pair.a, secret["id"]) == [ItemState.HELD]
    with pair.a.database.read() as tx:
        rows = list_challenges(tx, OLGA, open_only=True, after=0, limit=9)
        assert [each.state for each in rows] == [ChallengeState.BLOCKED, ChallengeState.BLOCKED]
        assert tx.feeds.lane(pair.b.name, "orders").count == 4  # a word on each, alike


def test_a_new_version_from_its_originator_arrives_blocked(pair: Any) -> None:
    people(pair.b)
    name = given(pair)
    opened(pair.b)
    newer = pair.a.indicator(1, VALUE) | {"modified": "2026-11-22T00:00:00.000Z"}
    assert pair.a.disclose(pair.a.held(newer), pair.treaty).given == 1
    pair.pull(pair.b)
    own = pair.b.read(lambda tx: tx.items.by_object_id(name))
    assert [row.state for row in own] == [ItemState.RESTRICTED, ItemState.RESTRICTED]


def sent_on(pair: Any, sequence: int, *ids: str, **changes: Any) -> None:
    """Have XA take a challenge that XB signed."""
    now = pair.clock.instant
    plain: dict[str, Any] = {
        "exercise": True,
        "name": f"XB-C-2026-{sequence:05d}",
        "member": pair.b.name,
        "originator": pair.a.name,
        "treaty": pair.treaty,
        "received": now,
        "block": now + DAY,
        "decide": now + 30 * DAY,
        "at": now,
        "ids": tuple(sorted(ObjectId(each) for each in ids)),
    }
    envelope = sign_challenge(Challenge(**{**plain, **changes}), pair.b.wired.node.identity.node)
    with pair.a.database.write() as tx:
        take_challenge(tx, pair.a.wired.node, pair.a.wired.gate, pair.b.name, envelope, now)


def codes(member: Any) -> set[str]:
    return {each.code for each in member.read(lambda tx: tx.alarms.open())}


def test_a_member_stops_nothing_that_only_others_were_given(trio: Any) -> None:
    """Ids of values can be computed by anybody: naming one must not block it for the rest."""
    thing = trio.a.indicator(7, "bad7.example")
    [handle] = trio.a.held(thing, purposes=frozenset({"warning"}))
    wish = trio.wish("warning", recipients=("XC",))
    [done] = disclose(trio.a.wired.node, trio.user("ada"), trio.a.wired.gate, [handle], wish)
    assert done.given == 1
    sent_on(trio, 1, thing["id"])
    watch_challenges(trio.a.wired.node, trio.a.wired.gate)
    assert states(trio.a, thing["id"]) == [ItemState.HELD]
    assert "challenge.unknown" in codes(trio.a)
    view = extend_challenge(trio.a.wired.node, OLGA, trio.a.wired.gate, 1, [thing["id"]], DESK)
    assert view.row.challenge.sender == "XB"
    assert states(trio.a, thing["id"]) == [ItemState.RESTRICTED]
    assert "challenge.unknown" not in codes(trio.a)


def test_a_member_sets_no_day_beyond_the_treaty(pair: Any) -> None:
    people(pair.a)
    name = given(pair)
    far = pair.clock.instant + 4_000 * DAY
    sent_on(pair, 1, name, block=far, decide=far)
    [row] = pair.a.read(lambda tx: tx.challenges.page(open_only=True, after=0, limit=9))
    assert row.challenge.block_due == pair.clock.instant + DAY
    assert row.challenge.decide_due == pair.clock.instant + 30 * DAY


def test_a_member_sends_only_so_many_challenges_in_a_day(pair: Any) -> None:
    name = given(pair)
    for sequence in range(1, 201):
        sent_on(pair, sequence, name)
    with pytest.raises(RefusedError, match="200 challenges within a day"):
        sent_on(pair, 201, name)
    sent_on(pair, 200, name)  # one that is known is no new one
    pair.clock.instant += DAY
    sent_on(pair, 201, name)


def test_a_challenge_under_a_treaty_nobody_knows_is_refused(pair: Any) -> None:
    with pytest.raises(NotFoundError):
        sent_on(pair, 1, given(pair), treaty="f" * 64)
