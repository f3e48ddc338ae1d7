"""Deliver what the outbox holds: when, how often, and what becomes of it.

Rules, in the order they are applied to the answer of one attempt:

1. 2xx: delivered; the subscription is not resting any more and its alarm ends.
2. 410: its host wants nothing any more; the subscription ends with an alarm.
3. Anything else, redirects and silence included: tried again after a wait that is four times the
   last one, from 5 s to 2 h, a part of it drawn by chance; the subscription as a whole rests for a
   wait that doubles from 1 s to 5 min, so that a host that is down is asked seldom, however much
   waits.
4. What is not delivered a day after it happened is given up, with an alarm: at the next failure,
   whether or not its own turn came.

A message may arrive twice: when this process ends between the answer and its being stored. Its id
is the same then. Nothing is held open in the store while a host is waited for.

Spec: Standard Webhooks 1.0.0 ("Deliverability and reliability").
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from foedus.node.context import Node
from foedus.node.ports import Alarm, Transaction
from foedus.node.ports.webhooks import MessageRow, MessageState, WebhookRow
from foedus.node.webhooks import (
    ALARM_GONE,
    ALARM_LOST,
    ALARM_UNDELIVERED,
    message_id,
    payload_of,
    secret_of,
)

__all__ = [
    "GIVE_UP_HOURS",
    "KEPT_DAYS",
    "MESSAGES_AT_ONCE",
    "Attempt",
    "Courier",
    "Letter",
    "attempt",
    "deliver",
    "prune",
    "settle_one",
    "wait_after",
]

GIVE_UP_HOURS: Final = 24
"""How long after an event it is told of, in hours."""

KEPT_DAYS: Final = 7
"""How long it is remembered what was sent, in days."""

MESSAGES_AT_ONCE: Final = 20
"""Most messages sent to one subscription before what became of them is stored."""

_FIRST_WAIT_S: Final = 5.0
_LONGEST_WAIT_S: Final = 7_200.0
_FACTOR: Final = 4.0
_FIRST_REST_S: Final = 1.0
_LONGEST_REST_S: Final = 300.0
_GONE: Final = 410
_OK: Final = range(200, 300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One message on its way.

    Attributes:
        url: Where to.
        private: Whether the host may have an address that is not public.
        id: Of the message.
        body: What it says.
        key: Under which it is signed.
    """

    url: str
    private: bool
    id: str
    body: bytes = field(repr=False)
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What came of one attempt.

    Attributes:
        status: HTTP status; 0 where there was no answer.
        words: For people: what was answered or why nothing was.
    """

    status: int
    words: str

    @property
    def delivered(self) -> bool:
        """Whether the host took it."""
        return self.status in _OK


class Courier(Protocol):
    """Carries letters over HTTP; never raises for what a host does or does not do."""

    def carry(self, letter: Letter, *, at: datetime) -> Attempt:
        """Sign a letter for this instant, hand it over once, and say what came of it."""
        ...


def deliver(node: Node, courier: Courier, number: int) -> int:
    """Send what is due to one subscription, up to its first failure; returns how much arrived."""
    now = node.clock.now()
    with node.database.read() as tx:
        row = tx.webhooks.get(number)
        due = tx.webhooks.due(number, now, limit=MESSAGES_AT_ONCE)
    if row is None or row.ended is not None or row.rests_until > now:
        return 0
    tried: list[tuple[MessageRow, Attempt]] = []
    for message in due:
        tried.append((message, attempt(node, courier, row, message)))
        if not tried[-1][1].delivered:
            break
    if tried:
        _store(node, row, tried)
    return sum(each.delivered for _, each in tried)


def attempt(node: Node, courier: Courier, row: WebhookRow, message: MessageRow) -> Attempt:
    """Send one message once; nothing is stored."""
    body = payload_of(node.identity.member, message.event)
    letter = Letter(
        url=row.webhook.url,
        private=row.webhook.private,
        id=message_id(message.number, body),
        body=body,
        key=secret_of(node.identity, row.webhook),
    )
    return courier.carry(letter, at=node.clock.now())


def settle_one(node: Node, row: WebhookRow, message: MessageRow, came: Attempt) -> None:
    """Store what came of a message that was sent by itself."""
    _store(node, row, [(message, came)])


def prune(node: Node) -> int:
    """Forget what was sent long ago; returns how many events are forgotten."""
    with node.database.write() as tx:
        return tx.webhooks.prune(node.clock.now() - timedelta(days=KEPT_DAYS))


def wait_after(attempts: int, chance: float) -> timedelta:
    """Return how long a message waits after so many attempts.

    Args:
        attempts: How many failed, at least 1.
        chance: From 0 to 1; half of the wait is drawn by it.
    """
    longest = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * _FACTOR ** min(attempts - 1, 16))
    return timedelta(seconds=longest * (0.5 + 0.5 * chance))


def _rest_after(failures: int, chance: float) -> timedelta:
    longest = min(_LONGEST_REST_S, _FIRST_REST_S * 2.0 ** min(failures - 1, 16))
    return timedelta(seconds=longest * (0.5 + 0.5 * chance))


def _store(node: Node, row: WebhookRow, tried: list[tuple[MessageRow, Attempt]]) -> None:
    now = node.clock.now()
    chance = int.from_bytes(node.random(4), "big") / (2**32 - 1)
    settled = [_settled(message, came, now, chance) for message, came in tried]
    last = tried[-1][1]
    with node.database.write() as tx:
        current = tx.webhooks.get(row.number)
        if current is None:  # removed meanwhile
            return
        for message in settled:
            tx.webhooks.settle(message)
        if last.status == _GONE:
            tx.webhooks.end(row.number, now)
        failures = 0 if last.delivered else current.failures + 1
        until = now if last.delivered else now + _rest_after(failures, chance)
        if failures or current.failures:
            tx.webhooks.rest(row.number, failures=failures, until=until)
        given_up = any(each.state is MessageState.GIVEN_UP for each in settled)
        if not last.delivered:  # a host that is down is asked too seldom for each to have its turn
            before = now - timedelta(hours=GIVE_UP_HOURS)
            given_up |= tx.webhooks.give_up(row.number, before) > 0
        _alarm(tx, current, last, given_up=given_up, now=now)


def _settled(message: MessageRow, came: Attempt, now: datetime, chance: float) -> MessageRow:
    attempts = message.attempts + 1
    done = replace(message, attempts=attempts, tried=now, answer=came.words)
    if came.delivered:
        return replace(done, state=MessageState.DELIVERED)
    due = now + wait_after(attempts, chance)
    if due - message.event.at > timedelta(hours=GIVE_UP_HOURS):
        return replace(done, state=MessageState.GIVEN_UP)
    return replace(done, due=due)


def _alarm(
    tx: Transaction, row: WebhookRow, last: Attempt, *, given_up: bool, now: datetime
) -> None:
    subject = str(row.number)
    if last.status == _GONE:
        text = f"webhook {subject} ended: its host answered that it is gone (410)"
        tx.alarms.set(Alarm(code=ALARM_GONE, subject=subject, text=text, since=now))
    elif last.delivered:
        tx.alarms.clear(ALARM_UNDELIVERED, subject)
    elif given_up:
        text = (
            f"webhook {subject} was not told of something within {GIVE_UP_HOURS} hours: "
            f"{last.words}; see `foedus webhook deliveries {subject}`"
        )
        tx.alarms.set(Alarm(code=ALARM_UNDELIVERED, subject=subject, text=text, since=now))
    if row.lost:
        text = f"webhook {subject} was not told of {row.lost} events, since too much waited for it"
        tx.alarms.set(Alarm(code=ALARM_LOST, subject=subject, text=text, since=now))
