"""What own tools are told: in the unit of work of what happened, ids and figures only."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from foedus.access import AccessDeniedError, Actor, Role
from foedus.clock import FixedClock, parse_instant
from foedus.model.identifiers import MemberId
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.ports.webhooks import EventKind, MessageState, NewEvent
from foedus.node.webhook_delivery import (
    GIVE_UP_HOURS,
    Attempt,
    Letter,
    attempt,
    deliver,
    prune,
    settle_one,
    wait_after,
)
from foedus.node.webhooks import (
    ALARM_GONE,
    ALARM_UNDELIVERED,
    add_webhook,
    message_id,
    payload_of,
    remove_webhook,
)
from foedus.node.webhooks import (
    test_event as write_test_event,
)

if TYPE_CHECKING:
    from tests.unit.node.conftest import Member, Pair

GOLDEN = Path(__file__).parents[2] / "golden" / "webhooks"
URL = "https://tool.example/hook"
EVERYTHING = frozenset(EventKind) - {EventKind.TEST}
AT = parse_instant("2026-11-24T10:00:00.000001Z")
EXAMPLES = (
    NewEvent(
        kind=EventKind.ITEM_RECEIVED,
        at=AT,
        data={
            "sender": "XB", "treaty": "0" * 64, "lane": "bulk", "lane_count": 42, "article": "7",
            "taken": 12, "refused": 1, "hits": 3,
        },
    ),
    NewEvent(
        kind=EventKind.ORDER_RECEIVED,
        at=AT,
        data={
            "sender": "XB", "treaty": "0" * 64, "lane": "orders", "lane_count": 2, "taken": 1,
            "refused": 0,
        },
    ),
    NewEvent(
        kind=EventKind.ORDER_ISSUED,
        at=AT,
        data={
            "order": "XA-O-2026-00007", "action": "recall", "reason": "wrong", "holders": 4,
            "items": 2,
        },
    ),
    NewEvent(
        kind=EventKind.ORDER_EXECUTED,
        at=AT,
        data={
            "order": "XA-O-2026-00007", "originator": "XA", "holder": "XB", "outcome": "executed",
            "final": True, "late": False,
        },
    ),
    NewEvent(
        kind=EventKind.ORDER_OVERDUE,
        at=AT,
        data={
            "order": "XA-O-2026-00007", "holder": "XC", "state": "received", "breach": 1,
        },
    ),
    NewEvent(kind=EventKind.HIT_FOUND, at=AT, data={"hits": 3, "sender": "XB"}),
    NewEvent(
        kind=EventKind.DISCLOSURE_MADE,
        at=AT,
        data={
            "recipient": "XB", "treaty": "0" * 64, "article": "7", "items": 2, "entry": 17,
        },
    ),
    NewEvent(
        kind=EventKind.ALARM_RAISED,
        at=AT,
        data={"alarm": "held-for-law", "subject": "XB/bulk"},
    ),
    NewEvent(
        kind=EventKind.REQUEST_RECEIVED,
        at=AT,
        data={
            "request": 3, "name": "XB-R-2026-00007", "member": "XB", "urgency": "urgent",
            "selectors": 2, "due": "2026-11-25T10:00:00.000000Z",
        },
    ),
    NewEvent(
        kind=EventKind.REQUEST_DUE,
        at=AT,
        data={
            "request": 3, "name": "XB-R-2026-00007", "member": "XB", "side": "received",
            "state": "acknowledged", "urgency": "urgent", "due": "2026-11-25T10:00:00.000000Z",
        },
    ),
    NewEvent(
        kind=EventKind.CHALLENGE_OPENED,
        at=AT,
        data={"case": "XA-C-2026-00003", "about": "challenge", "side": "own"},
    ),
    NewEvent(
        kind=EventKind.CHALLENGE_DUE,
        at=AT,
        data={
            "case": "XA-C-2026-00003", "what": "decide", "due": "2026-12-24T10:00:00.000000Z",
            "overdue": False,
        },
    ),
    NewEvent(kind=EventKind.TEST, at=AT, data={"webhook": 1}),
)  # fmt: skip


@dataclass
class Host:
    """Answers each letter with the next of its answers, the last for ever."""

    answers: list[int]
    got: list[Letter] = field(default_factory=list)

    def carry(self, letter: Letter, *, at: datetime) -> Attempt:
        assert at.tzinfo is not None
        self.got.append(letter)
        status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return Attempt(status=status, words=f"answered {status}")


def clock_of(member: Member) -> FixedClock:
    clock = member.wired.node.clock
    assert isinstance(clock, FixedClock)
    return clock


def told(member: Member, number: int) -> list[tuple[str, dict[str, object]]]:
    with member.database.read() as tx:
        messages = tx.webhooks.messages(number, limit=100)
    return [(each.event.kind.value, dict(each.event.data)) for each in reversed(messages)]


def subscribe(member: Member, *kinds: EventKind) -> int:
    events = frozenset(kinds) or EVERYTHING
    return add_webhook(member.wired.node, member.actor, URL, events, private=False).number


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: event.kind.value)
def test_the_payload_is_the_one_published(event: NewEvent) -> None:
    path = GOLDEN / f"{event.kind.value}.json"
    assert payload_of(MemberId("XA"), event) == path.read_bytes()


def test_every_kind_of_event_has_its_example() -> None:
    assert {each.kind for each in EXAMPLES} == set(EventKind)
    assert {path.stem for path in GOLDEN.glob("*.json")} == {kind.value for kind in EventKind}


def test_a_disclosure_is_told_of_on_both_sides(pair: Pair) -> None:
    at_a = subscribe(pair.a)
    at_b = subscribe(pair.b)
    held = pair.b.held(pair.indicator(9, "bad.example"))
    handles = pair.a.held(pair.indicator(1, "bad.example"), pair.indicator(2, "b.example"))
    pair.a.disclose(handles, pair.treaty)
    pair.pull(pair.b)
    [(_, data)] = [each for each in told(pair.a, at_a) if each[0] == "disclosure.made"]
    assert (data["recipient"], data["treaty"], data["items"]) == ("XB", pair.treaty, 2)
    by_kind = dict(told(pair.b, at_b))
    received = by_kind["item.received"]
    assert (received["sender"], received["taken"], received["refused"]) == ("XA", 2, 0)
    assert by_kind["hit.found"] == {"hits": 1, "sender": "XA"}
    assert held


def test_nothing_told_is_content(pair: Pair) -> None:
    at_b = subscribe(pair.b)
    pair.b.held(pair.indicator(9, "bad.example"))
    handles = pair.a.held(pair.indicator(1, "bad.example"))
    pair.a.disclose(handles, pair.treaty)
    pair.pull(pair.b)
    text = json.dumps(told(pair.b, at_b))
    assert told(pair.b, at_b)
    assert "bad.example" not in text
    assert "Sign" not in text


def test_a_hit_of_our_own_doing_is_told(pair: Pair) -> None:
    handles = pair.a.held(pair.indicator(1, "bad.example"))
    pair.a.disclose(handles, pair.treaty)
    pair.pull(pair.b)
    at_b = subscribe(pair.b, EventKind.HIT_FOUND)
    pair.b.held(pair.indicator(9, "bad.example"))
    assert told(pair.b, at_b) == [("hit.found", {"hits": 1, "sender": None})]


def test_an_alarm_is_told(pair: Pair) -> None:
    at_b = subscribe(pair.b, EventKind.ALARM_RAISED)
    handles = pair.a.held(pair.indicator(1, "bad.example"))
    pair.a.disclose(handles, pair.treaty)
    client = pair.client(pair.b)
    client.damage = lambda page: replace(page, objects=page.objects[:-1])
    pair.pull(pair.b, client)
    with pair.b.database.read() as tx:
        open_alarms = {(each.code, each.subject) for each in tx.alarms.open()}
    assert open_alarms
    assert {(str(d["alarm"]), str(d["subject"])) for _, d in told(pair.b, at_b)} == open_alarms


def test_only_an_administrator_subscribes(lone: Member) -> None:
    node = lone.wired.node
    analyst = Actor(user="ana", roles=frozenset({Role.ANALYST}))
    with pytest.raises(AccessDeniedError):
        add_webhook(node, analyst, URL, EVERYTHING, private=False)
    with pytest.raises(RefusedError):
        add_webhook(node, lone.actor, URL, frozenset(), private=False)
    with pytest.raises(NotFoundError):
        remove_webhook(node, lone.actor, 7)


@pytest.mark.sqlite
def test_a_secret_is_shown_once_and_in_no_database(lone: Member) -> None:
    node = lone.wired.node
    first, second = (
        add_webhook(node, lone.actor, URL, EVERYTHING, private=False) for _ in range(2)
    )
    assert first.secret != second.secret
    assert first.secret.startswith("whsec_")
    assert first.secret not in repr(first)
    stored = lone.wired.settings.database.read_bytes()
    assert first.secret.removeprefix("whsec_").encode() not in stored


def test_a_message_is_delivered(lone: Member) -> None:
    number = subscribe(lone)
    host = Host([204])
    write_test_event(lone.wired.node, lone.actor, number)
    assert deliver(lone.wired.node, host, number) == 1
    assert deliver(lone.wired.node, host, number) == 0
    [letter] = host.got
    assert (letter.url, json.loads(letter.body)["type"]) == (URL, "webhook.test")
    with lone.database.read() as tx:
        [message] = tx.webhooks.messages(number, limit=10)
    assert (message.state, message.attempts) == (MessageState.DELIVERED, 1)


def test_a_host_that_is_down_is_asked_seldom_and_gets_everything_in_the_end(lone: Member) -> None:
    number = subscribe(lone)
    clock = clock_of(lone)
    node = lone.wired.node
    for _ in range(30):
        write_test_event(node, lone.actor, number)
    host = Host([503])
    begun = clock.instant
    while clock.instant < begun + timedelta(hours=2):
        deliver(node, host, number)
        clock.instant += timedelta(seconds=5)
    assert 20 <= len(host.got) <= 80
    host.answers = [200]
    while clock.instant < begun + timedelta(hours=8):
        deliver(node, host, number)
        clock.instant += timedelta(minutes=1)
    with lone.database.read() as tx:
        messages = tx.webhooks.messages(number, limit=100)
        row = tx.webhooks.get(number)
    assert {each.state for each in messages} == {MessageState.DELIVERED}
    assert row is not None
    assert (row.waiting, row.failures) == (0, 0)


def test_what_is_not_taken_within_a_day_is_given_up_with_an_alarm(lone: Member) -> None:
    number = subscribe(lone)
    clock = clock_of(lone)
    node = lone.wired.node
    write_test_event(node, lone.actor, number)
    host = Host([500])
    begun = clock.instant
    while clock.instant < begun + timedelta(hours=GIVE_UP_HOURS + 1):
        deliver(node, host, number)
        clock.instant += timedelta(minutes=2)
    with lone.database.read() as tx:
        messages = tx.webhooks.messages(number, limit=10)
        alarms = [(each.code, each.subject) for each in tx.alarms.open()]
    given_up = [each for each in messages if each.state is MessageState.GIVEN_UP]
    assert [each.event.kind for each in given_up] == [EventKind.TEST]
    assert 10 <= given_up[0].attempts <= 25
    assert alarms == [(ALARM_UNDELIVERED, str(number))]
    host.answers = [200]
    clock.instant += timedelta(hours=3)
    write_test_event(node, lone.actor, number)
    deliver(node, host, number)
    with lone.database.read() as tx:
        assert not tx.alarms.open()


def test_what_had_no_turn_within_a_day_is_given_up_as_well(lone: Member) -> None:
    """Else it would take the places of what happens later, and be told of days after."""
    number = subscribe(lone)
    clock = clock_of(lone)
    node = lone.wired.node
    for _ in range(60):
        write_test_event(node, lone.actor, number)
    host = Host([503])
    clock.instant += timedelta(hours=GIVE_UP_HOURS + 1)
    late, _ = write_test_event(node, lone.actor, number)
    deliver(node, host, number)
    with lone.database.read() as tx:
        row = tx.webhooks.get(number)
        states = [each.state for each in tx.webhooks.messages(number, limit=100)]
    assert row is not None
    assert row.waiting == 2  # the last one, and that there is an alarm
    assert states.count(MessageState.GIVEN_UP) == 60
    assert len(host.got) == 1
    assert late.number == number


def test_a_host_that_says_it_is_gone_ends_its_webhook(lone: Member) -> None:
    number = subscribe(lone)
    node = lone.wired.node
    write_test_event(node, lone.actor, number)
    write_test_event(node, lone.actor, number)
    deliver(node, Host([410]), number)
    with lone.database.read() as tx:
        row = tx.webhooks.get(number)
        states = {each.state for each in tx.webhooks.messages(number, limit=10)}
        alarms = [each.code for each in tx.alarms.open()]
    assert row is not None
    assert row.ended is not None
    assert MessageState.WAITING not in states
    assert alarms == [ALARM_GONE]
    with pytest.raises(RefusedError):
        write_test_event(node, lone.actor, number)
    remove_webhook(node, lone.actor, number)
    with lone.database.read() as tx:
        assert not tx.alarms.open()


def test_removing_while_a_host_is_waited_for(lone: Member) -> None:
    number = subscribe(lone)
    node = lone.wired.node
    row, message = write_test_event(node, lone.actor, number)
    came = attempt(node, Host([200]), row, message)
    remove_webhook(node, lone.actor, number)
    settle_one(node, row, message, came)
    with lone.database.read() as tx:
        assert not tx.webhooks.all()


def test_the_id_is_the_same_with_every_attempt_and_no_other_events(lone: Member) -> None:
    number = subscribe(lone)
    node = lone.wired.node
    clock = clock_of(lone)
    host = Host([500, 200])
    write_test_event(node, lone.actor, number)
    deliver(node, host, number)
    clock.instant += timedelta(minutes=5)
    write_test_event(node, lone.actor, number)
    deliver(node, host, number)
    first, again, other = (letter.id for letter in host.got)
    assert first == again != other
    assert message_id(1, b"x") != message_id(2, b"x") != message_id(2, b"y")
    assert "." not in first


def test_what_was_sent_long_ago_is_forgotten(lone: Member) -> None:
    number = subscribe(lone)
    node = lone.wired.node
    write_test_event(node, lone.actor, number)
    deliver(node, Host([200]), number)
    assert prune(node) == 0
    clock_of(lone).instant += timedelta(days=8)
    assert prune(node) == 1


@pytest.mark.parametrize(("attempts", "longest"), [(1, 5), (2, 20), (3, 80), (9, 7200), (99, 7200)])
def test_waits_grow_and_end(attempts: int, longest: int) -> None:
    waits = [wait_after(attempts, chance).total_seconds() for chance in (0.0, 0.5, 1.0)]
    assert waits == [longest * 0.5, longest * 0.75, longest]
