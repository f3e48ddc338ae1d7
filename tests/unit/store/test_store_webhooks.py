"""Subscriptions and their outbox, as the store keeps them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from foedus.node.ports import Alarm, Database
from foedus.node.ports.webhooks import (
    EventKind,
    MessageState,
    NewEvent,
    NewWebhook,
)
from foedus.store.sql import webhooks

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
HITS = NewEvent(kind=EventKind.HIT_FOUND, at=NOW, data={"hits": 2, "sender": "XB"})


def subscription(*kinds: EventKind) -> NewWebhook:
    return NewWebhook(
        url="https://tool.example/hook",
        events=frozenset(kinds),
        salt=b"s" * 16,
        private=False,
        created=NOW,
        created_by="ana",
    )


def test_nothing_is_written_where_nobody_asked(database: Database) -> None:
    with database.write() as tx:
        assert tx.webhooks.tell(HITS) == 0
        number = tx.webhooks.add(subscription(EventKind.ITEM_RECEIVED))
        assert tx.webhooks.tell(HITS) == 0
        assert not tx.webhooks.messages(number, limit=10)
        assert tx.webhooks.prune(NOW + timedelta(days=1)) == 0


def test_each_who_asked_is_told_and_no_other(database: Database) -> None:
    with database.write() as tx:
        first = tx.webhooks.add(subscription(EventKind.HIT_FOUND, EventKind.ALARM_RAISED))
        second = tx.webhooks.add(subscription(EventKind.HIT_FOUND))
        third = tx.webhooks.add(subscription(EventKind.ITEM_RECEIVED))
        assert tx.webhooks.tell(HITS)
    with database.read() as tx:
        assert list(tx.webhooks.ready(NOW)) == [first, second]
        assert not tx.webhooks.ready(NOW - timedelta(seconds=1))
        [message] = tx.webhooks.due(second, NOW, limit=10)
        row = tx.webhooks.get(second)
        assert not tx.webhooks.messages(third, limit=10)
    assert (message.event, message.attempts, message.state) == (HITS, 0, MessageState.WAITING)
    assert row is not None
    assert (row.webhook, row.waiting) == (subscription(EventKind.HIT_FOUND), 1)


def test_what_is_rolled_back_is_not_told(database: Database) -> None:
    with database.write() as tx:
        number = tx.webhooks.add(subscription(EventKind.HIT_FOUND))
    with suppress(ZeroDivisionError), database.write() as tx:
        assert tx.webhooks.tell(HITS)
        raise ZeroDivisionError
    with database.read() as tx:
        assert not tx.webhooks.messages(number, limit=10)


def test_a_message_is_settled_once(database: Database) -> None:
    with database.write() as tx:
        number = tx.webhooks.add(subscription(EventKind.HIT_FOUND))
        tx.webhooks.tell(HITS)
        tx.webhooks.tell(HITS)
        first, second = tx.webhooks.due(number, NOW, limit=10)
        later = NOW + timedelta(minutes=1)
        tx.webhooks.settle(replace(first, attempts=1, due=later, tried=NOW, answer="answered 503"))
        done = replace(second, state=MessageState.DELIVERED, attempts=1, tried=NOW)
        tx.webhooks.settle(done)
        tx.webhooks.settle(replace(done, state=MessageState.GIVEN_UP))
    with database.read() as tx:
        row = tx.webhooks.get(number)
        states = [each.state for each in tx.webhooks.messages(number, limit=10)]
        assert not tx.webhooks.ready(NOW)
        assert list(tx.webhooks.ready(later)) == [number]
    assert states == [MessageState.DELIVERED, MessageState.WAITING]
    assert row is not None
    assert row.waiting == 1


def test_a_subscription_that_rests_has_nothing_ready(database: Database) -> None:
    with database.write() as tx:
        number = tx.webhooks.add(subscription(EventKind.HIT_FOUND))
        tx.webhooks.tell(HITS)
        tx.webhooks.rest(number, failures=3, until=NOW + timedelta(minutes=5))
        assert not tx.webhooks.ready(NOW)
        assert tx.webhooks.ready(NOW + timedelta(minutes=5))
        tx.webhooks.end(number, NOW)
        assert not tx.webhooks.ready(NOW + timedelta(minutes=5))
        assert tx.webhooks.tell(HITS) == 0


def test_what_waits_has_a_limit_and_what_is_lost_is_counted(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "MAX_WAITING", 2)
    with database.write() as tx:
        number = tx.webhooks.add(subscription(EventKind.HIT_FOUND))
        told = [tx.webhooks.tell(HITS) for _ in range(5)]
        row = tx.webhooks.get(number)
    assert [bool(each) for each in told] == [True, True, False, False, False]
    assert row is not None
    assert (row.waiting, row.lost) == (2, 3)


def test_what_was_done_is_forgotten_and_what_waits_is_not(database: Database) -> None:
    with database.write() as tx:
        number = tx.webhooks.add(subscription(EventKind.HIT_FOUND))
        tx.webhooks.tell(HITS)
        tx.webhooks.tell(HITS)
        [first, _] = tx.webhooks.due(number, NOW, limit=10)
        tx.webhooks.settle(replace(first, state=MessageState.DELIVERED))
        assert tx.webhooks.prune(NOW + timedelta(days=8)) == 1
        assert len(tx.webhooks.messages(number, limit=10)) == 1
        tx.webhooks.remove(number)
        assert tx.webhooks.all() == []
        assert tx.webhooks.prune(NOW) == 0


def test_an_alarm_is_told_of_when_it_opens_and_not_when_it_is_refreshed(
    database: Database,
) -> None:
    alarm = Alarm(code="lane.halted", subject="XB/bulk", text="a word of content", since=NOW)
    with database.write() as tx:
        number = tx.webhooks.add(subscription(EventKind.ALARM_RAISED))
        tx.alarms.set(alarm)
        tx.alarms.set(replace(alarm, text="another"))
        tx.alarms.clear(alarm.code, alarm.subject)
        tx.alarms.set(alarm)
        messages = tx.webhooks.messages(number, limit=10)
    assert [each.event.data for each in messages] == [
        {"alarm": "lane.halted", "subject": "XB/bulk"}
    ] * 2
