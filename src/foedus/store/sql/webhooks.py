"""Subscriptions of own tools and their outbox.

An event is one row and each subscription that asked for its kind has one message of it. What waits
is counted in the subscription's own row, so that the limit costs nothing to check.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from foedus.canonical import canonical_bytes
from foedus.clock import from_micros, to_micros
from foedus.node.ports.webhooks import (
    EventKind,
    MessageRow,
    MessageState,
    NewEvent,
    NewWebhook,
    WebhookRow,
)
from foedus.store.sql.instants import instant, micros
from foedus.store.sql.session import Row, Session, json_list

__all__ = ["MAX_WAITING", "StoredWebhooks", "tell_event"]

MAX_WAITING: Final = 10_000
"""Most messages that wait for one subscription; what happens beyond is counted and not kept."""

_WEBHOOK: Final = (
    "SELECT number, url, events, salt, private, created, created_by, ended, failures, rests_until,"
    " waiting, lost FROM webhook"
)
_MESSAGE: Final = (
    "SELECT m.webhook, m.event, m.state, m.due, m.attempts, m.tried, m.answer, e.kind, e.at, e.data"
    " FROM webhook_message m JOIN webhook_event e ON e.number = m.event"
)


def tell_event(session: Session, event: NewEvent, *, only: int | None = None) -> int:
    """Keep an event for whoever asked for its kind; returns its number, or 0 if nobody did."""
    asked = [
        (number, waiting)
        for number, events, waiting in session.rows(
            "SELECT number, events, waiting FROM webhook WHERE ended IS NULL ORDER BY number"
        )
        if (number == only if only is not None else event.kind in _kinds(events))
    ]
    if not asked:
        return 0
    full = [number for number, waiting in asked if waiting >= MAX_WAITING]
    told = [number for number, waiting in asked if waiting < MAX_WAITING]
    session.run_many(
        "UPDATE webhook SET lost = lost + 1 WHERE number = ?", [(number,) for number in full]
    )
    if not told:
        return 0
    at = to_micros(event.at)
    event_number = session.insert(
        "INSERT INTO webhook_event (kind, at, data) VALUES (?, ?, ?) RETURNING number",
        (event.kind.value, at, canonical_bytes(dict(event.data))),
    )
    session.run_many(
        "INSERT INTO webhook_message (webhook, event, state, due) VALUES (?, ?, ?, ?)",
        [(number, event_number, MessageState.WAITING.value, at) for number in told],
    )
    session.run_many(
        "UPDATE webhook SET waiting = waiting + 1 WHERE number = ?", [(number,) for number in told]
    )
    return event_number


class StoredWebhooks:
    """Implements :class:`foedus.node.ports.webhooks.WebhookStore`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def tell(self, event: NewEvent, *, only: int | None = None) -> int:
        """Keep an event for whoever asked for its kind."""
        return tell_event(self._session, event, only=only)

    def add(self, webhook: NewWebhook) -> int:
        """Add a subscription; returns its number."""
        return self._session.insert(
            "INSERT INTO webhook (url, events, salt, private, created, created_by)"
            " VALUES (?, ?, ?, ?, ?, ?) RETURNING number",
            (
                webhook.url,
                json_list(sorted(webhook.events)),
                webhook.salt,
                webhook.private,
                to_micros(webhook.created),
                webhook.created_by,
            ),
        )

    def get(self, number: int) -> WebhookRow | None:
        """Return one subscription."""
        row = self._session.row(_WEBHOOK + " WHERE number = ?", (number,))
        return None if row is None else _webhook(row)

    def all(self) -> Sequence[WebhookRow]:
        """Return every subscription by number."""
        return [_webhook(row) for row in self._session.rows(_WEBHOOK + " ORDER BY number")]

    def remove(self, number: int) -> None:
        """Remove a subscription with all its messages."""
        self._session.run("DELETE FROM webhook_message WHERE webhook = ?", (number,))
        self._session.run("DELETE FROM webhook WHERE number = ?", (number,))
        self._drop_events()

    def end(self, number: int, at: datetime) -> None:
        """Send nothing there any more; what waits is given up."""
        self._session.run(
            "UPDATE webhook_message SET state = ? WHERE webhook = ? AND state = ?",
            (MessageState.GIVEN_UP.value, number, MessageState.WAITING.value),
        )
        self._session.run(
            "UPDATE webhook SET ended = ?, waiting = 0 WHERE number = ?", (to_micros(at), number)
        )

    def rest(self, number: int, *, failures: int, until: datetime) -> None:
        """Store how often in a row it failed and how long it is left alone."""
        self._session.run(
            "UPDATE webhook SET failures = ?, rests_until = ? WHERE number = ?",
            (failures, to_micros(until), number),
        )

    def ready(self, at: datetime) -> Sequence[int]:
        """Return the subscriptions that have something to be sent now."""
        now = to_micros(at)
        rows = self._session.rows(
            "SELECT w.number FROM webhook w WHERE w.ended IS NULL AND w.waiting > 0"
            " AND w.rests_until <= ?1 AND EXISTS (SELECT 1 FROM webhook_message m"
            " WHERE m.webhook = w.number AND m.state = ?2 AND m.due <= ?1) ORDER BY w.number",
            (now, MessageState.WAITING.value),
        )
        return [number for (number,) in rows]

    def due(self, number: int, at: datetime, *, limit: int) -> Sequence[MessageRow]:
        """Return what is to be sent to a subscription now, what is due longest first."""
        rows = self._session.rows(
            _MESSAGE + " WHERE m.webhook = ? AND m.state = ? AND m.due <= ?"
            " ORDER BY m.due, m.event LIMIT ?",
            (number, MessageState.WAITING.value, to_micros(at), limit),
        )
        return [_message(row) for row in rows]

    def settle(self, message: MessageRow) -> None:
        """Store state, due, attempts, tried and answer of a message."""
        changed = self._session.run(
            "UPDATE webhook_message SET state = ?, due = ?, attempts = ?, tried = ?, answer = ?"
            " WHERE webhook = ? AND event = ? AND state = ?",
            (
                message.state.value,
                to_micros(message.due),
                message.attempts,
                micros(message.tried),
                message.answer,
                message.webhook,
                message.number,
                MessageState.WAITING.value,
            ),
        )
        if changed and message.state is not MessageState.WAITING:
            self._session.run(
                "UPDATE webhook SET waiting = waiting - 1 WHERE number = ?", (message.webhook,)
            )

    def give_up(self, number: int, before: datetime) -> int:
        """Give up what waits of events that happened earlier; returns how many messages."""
        changed = self._session.run(
            "UPDATE webhook_message SET state = ? WHERE webhook = ? AND state = ? AND event IN"
            " (SELECT number FROM webhook_event WHERE at < ?)",
            (
                MessageState.GIVEN_UP.value,
                number,
                MessageState.WAITING.value,
                to_micros(before),
            ),
        )
        if changed:
            self._session.run(
                "UPDATE webhook SET waiting = waiting - ? WHERE number = ?", (changed, number)
            )
        return changed

    def messages(self, number: int, *, limit: int) -> Sequence[MessageRow]:
        """Return messages to a subscription, newest event first."""
        rows = self._session.rows(
            _MESSAGE + " WHERE m.webhook = ? ORDER BY m.event DESC LIMIT ?", (number, limit)
        )
        return [_message(row) for row in rows]

    def prune(self, before: datetime) -> int:
        """Remove messages done and events that happened earlier; returns how many events."""
        self._session.run(
            "DELETE FROM webhook_message WHERE state <> ? AND event IN"
            " (SELECT number FROM webhook_event WHERE at < ?)",
            (MessageState.WAITING.value, to_micros(before)),
        )
        return self._drop_events()

    def _drop_events(self) -> int:
        return self._session.run(
            "DELETE FROM webhook_event WHERE NOT EXISTS"
            " (SELECT 1 FROM webhook_message m WHERE m.event = webhook_event.number)"
        )


def _kinds(text: str) -> frozenset[str]:
    return msgspec.json.decode(text, type=frozenset[str])


def _webhook(row: Row) -> WebhookRow:
    number, url, events, salt, private, created, by, ended, failures, until, waiting, lost = row
    return WebhookRow(
        number=number,
        webhook=NewWebhook(
            url=url,
            events=frozenset(EventKind(kind) for kind in _kinds(events)),
            salt=salt,
            private=bool(private),
            created=from_micros(created),
            created_by=by,
        ),
        ended=instant(ended),
        failures=failures,
        rests_until=from_micros(until),
        waiting=waiting,
        lost=lost,
    )


def _message(row: Row) -> MessageRow:
    webhook, event, state, due, attempts, tried, answer, kind, at, data = row
    return MessageRow(
        webhook=webhook,
        number=event,
        event=NewEvent(kind=EventKind(kind), at=from_micros(at), data=msgspec.json.decode(data)),
        state=MessageState(state),
        due=from_micros(due),
        attempts=attempts,
        tried=instant(tried),
        answer=answer,
    )
