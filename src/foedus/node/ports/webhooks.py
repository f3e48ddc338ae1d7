"""Webhooks: who asked to be told of what, what happened, and what was sent of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeAlias

__all__ = [
    "EventKind",
    "Figures",
    "MessageRow",
    "MessageState",
    "NewEvent",
    "NewWebhook",
    "WebhookRow",
    "WebhookStore",
]

Figures: TypeAlias = Mapping[str, str | int | bool | None]
"""What an event tells: ids and figures, never content."""


class EventKind(StrEnum):
    """What may be told of."""

    ITEM_RECEIVED = "item.received"
    ORDER_RECEIVED = "order.received"
    ORDER_ISSUED = "order.issued"
    ORDER_EXECUTED = "order.executed"
    ORDER_OVERDUE = "order.overdue"
    HIT_FOUND = "hit.found"
    DISCLOSURE_MADE = "disclosure.made"
    ALARM_RAISED = "alarm.raised"
    CHALLENGE_OPENED = "challenge.opened"
    CHALLENGE_DUE = "challenge.due"
    REQUEST_RECEIVED = "request.received"
    REQUEST_DUE = "request.due"
    TEST = "webhook.test"


class MessageState(StrEnum):
    """Where one message to one subscription stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    GIVEN_UP = "given-up"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWebhook:
    """A subscription to be.

    Attributes:
        url: Where to send.
        events: Of what to tell.
        salt: From which its secret follows.
        private: Whether the host may have an address that is not public.
        created_by: The user who made it.
    """

    url: str
    events: frozenset[EventKind]
    salt: bytes = field(repr=False)
    private: bool
    created: datetime
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRow:
    """A subscription.

    Attributes:
        ended: Since when nothing is sent there any more, because its host said so; None if it is.
        failures: How many attempts failed since the last that did not.
        rests_until: Nothing is sent there before.
        waiting: How many messages wait.
        lost: How many messages were never kept, because too many waited.
    """

    number: int
    webhook: NewWebhook
    ended: datetime | None
    failures: int
    rests_until: datetime
    waiting: int
    lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """Something that happened."""

    kind: EventKind
    at: datetime
    data: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRow:
    """What one subscription is told of one event.

    Attributes:
        webhook: Number of the subscription.
        number: Of the event.
        event: What happened; ``data`` may be gone once the message is done.
        due: When it is to be sent next.
        attempts: How often it was sent.
        tried: When last.
        answer: What came back last, in words.
    """

    webhook: int
    number: int
    event: NewEvent
    state: MessageState
    due: datetime
    attempts: int
    tried: datetime | None
    answer: str


class WebhookStore(Protocol):
    """Subscriptions and the outbox."""

    def tell(self, event: NewEvent, *, only: int | None = None) -> int:
        """Keep an event for each subscription that asked for its kind; costs one look if none did.

        Args:
            event: What happened, in this very unit of work.
            only: The one subscription to tell, whatever it asked for.

        Returns:
            The event's number, or 0 where nobody is told.
        """
        ...

    def add(self, webhook: NewWebhook) -> int:
        """Add a subscription; returns its number."""
        ...

    def get(self, number: int) -> WebhookRow | None:
        """Return one subscription."""
        ...

    def all(self) -> Sequence[WebhookRow]:
        """Return every subscription by number."""
        ...

    def remove(self, number: int) -> None:
        """Remove a subscription with all its messages."""
        ...

    def end(self, number: int, at: datetime) -> None:
        """Send nothing there any more; what waits is given up."""
        ...

    def rest(self, number: int, *, failures: int, until: datetime) -> None:
        """Store how often in a row it failed and how long it is left alone."""
        ...

    def ready(self, at: datetime) -> Sequence[int]:
        """Return the subscriptions that have something to be sent now."""
        ...

    def due(self, number: int, at: datetime, *, limit: int) -> Sequence[MessageRow]:
        """Return what is to be sent to a subscription now, what is due longest first."""
        ...

    def settle(self, message: MessageRow) -> None:
        """Store state, due, attempts, tried and answer of a message."""
        ...

    def give_up(self, number: int, before: datetime) -> int:
        """Give up what waits of events that happened earlier; returns how many messages."""
        ...

    def messages(self, number: int, *, limit: int) -> Sequence[MessageRow]:
        """Return messages to a subscription, newest event first."""
        ...

    def prune(self, before: datetime) -> int:
        """Remove messages done and events that happened earlier; returns how many events."""
        ...
