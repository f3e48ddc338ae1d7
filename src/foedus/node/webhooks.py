"""Tell a member's own tools what happened: subscriptions, and what is written when it happens.

An event is written in the unit of work of what it tells of: none is told that did not happen, and
none is forgotten that did. What it tells are ids and figures; a tool that wants the item itself
asks for it with its own token. Where nobody subscribed, telling costs one look at an empty table.

A subscription's secret follows from its salt and the node's own secret, which stands in no
database: a copy of the store signs nothing.

Payload, version 1 (``docs/webhooks.md``): ``type``, ``timestamp``, ``version``, ``member``,
``data``; canonical JSON. The id of a message follows from what it tells and when, so it is the same
with every attempt, and never again another event's.

Spec: Standard Webhooks 1.0.0 ("Payload structure", "Signature scheme").
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from foedus.access import Actor, Role, require_role
from foedus.canonical import canonical_bytes
from foedus.clock import instant_text
from foedus.model.identifiers import MemberId
from foedus.node.context import Node, note_act
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.identity import NodeIdentity
from foedus.node.ports import Transaction
from foedus.node.ports.webhooks import EventKind, MessageRow, NewEvent, NewWebhook, WebhookRow
from foedus.release.gate import ReleasedBatch
from foedus.release.record import PROTOCOL, DisclosurePayload

__all__ = [
    "ALARMS",
    "ALARM_GONE",
    "ALARM_LOST",
    "ALARM_UNDELIVERED",
    "MAX_WEBHOOKS",
    "PAYLOAD_VERSION",
    "NewSubscription",
    "add_webhook",
    "message_id",
    "payload_of",
    "remove_webhook",
    "secret_of",
    "tell",
    "tell_accepted",
    "tell_disclosed",
    "tell_hits",
    "test_event",
]

ALARM_UNDELIVERED: Final = "webhook.undelivered"
"""Something was given up; subject: the number of the subscription."""

ALARM_GONE: Final = "webhook.gone"
"""A host answered 410; subject: the number of the subscription."""

ALARM_LOST: Final = "webhook.lost"
"""More happened than may wait; subject: the number of the subscription."""

ALARMS: Final = (ALARM_UNDELIVERED, ALARM_GONE, ALARM_LOST)
"""Alarms about subscriptions."""

MAX_WEBHOOKS: Final = 32
"""Most subscriptions of one node."""

PAYLOAD_VERSION: Final = 1
"""Of the form of what is sent."""

_ORDERS: Final = "orders"
_SALT_BYTES: Final = 16
_ID_CHARS: Final = 32
_DOMAIN: Final = b"foedus/v1/webhook\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSubscription:
    """A subscription just made.

    Attributes:
        number: Its number here.
        secret: ``whsec_`` and base64, as Standard Webhooks writes it; shown once.
    """

    number: int
    secret: str = field(repr=False)


def tell(
    tx: Transaction, kind: EventKind, at: datetime, **figures: str | int | bool | None
) -> None:
    """Tell of what happens in this unit of work.

    Args:
        tx: A writing transaction.
        kind: What happens.
        at: Instant of the act.
        figures: Ids and figures; never content.
    """
    tx.webhooks.tell(NewEvent(kind=kind, at=at, data=figures))


def tell_accepted(
    tx: Transaction,
    payload: DisclosurePayload,
    *,
    taken: int,
    refused: int,
    hits: int,
    at: datetime,
) -> None:
    """Tell of a batch received: of items, or of orders; of other protocol documents nothing.

    Args:
        tx: A writing transaction.
        payload: What the sender said of the batch.
        taken: How many of it stand here now.
        refused: How many were refused.
        hits: How many questions came of it.
        at: Instant of the act.
    """
    figures: dict[str, str | int | bool | None] = {
        "sender": payload.sender,
        "treaty": payload.treaty,
        "lane": payload.lane,
        "lane_count": payload.lane_count,
        "taken": taken,
        "refused": refused,
    }
    if payload.article != PROTOCOL:
        figures |= {"article": payload.article, "hits": hits}
        tell(tx, EventKind.ITEM_RECEIVED, at, **figures)
    elif payload.lane == _ORDERS:
        tell(tx, EventKind.ORDER_RECEIVED, at, **figures)


def tell_disclosed(
    tx: Transaction, batch: ReleasedBatch, *, entry_index: int, at: datetime
) -> None:
    """Tell of items given to a member.

    Args:
        tx: A writing transaction.
        batch: What the gate released.
        entry_index: Of its log entry.
        at: Instant of the act.
    """
    if batch.article != PROTOCOL:
        tell(
            tx,
            EventKind.DISCLOSURE_MADE,
            at,
            recipient=batch.recipient,
            treaty=batch.treaty,
            article=batch.article,
            items=len(batch.items),
            entry=entry_index,
        )


def tell_hits(tx: Transaction, count: int, at: datetime, *, member: MemberId | None) -> int:
    """Tell of new questions for people, if there are any; returns how many there are.

    Args:
        tx: A writing transaction.
        count: How many hits were new.
        at: Instant of the act.
        member: Who sent what caused them; None for this member itself.
    """
    if count:
        tell(tx, EventKind.HIT_FOUND, at, hits=count, sender=member)
    return count


def add_webhook(
    node: Node, actor: Actor, url: str, events: Collection[EventKind], *, private: bool
) -> NewSubscription:
    """Subscribe an address; whether it may be used at all was checked before.

    Args:
        node: The node.
        actor: An administrator.
        url: Where to send.
        events: Of what to tell.
        private: Whether the host may have an address that is not public.

    Raises:
        AccessDeniedError: The actor is no administrator.
        RefusedError: Nothing is to be told of, or there are too many subscriptions.
    """
    require_role(actor, Role.ADMINISTRATOR)
    if not events:
        raise RefusedError("name at least one event to tell of")
    salt = node.random(_SALT_BYTES)
    with node.database.write() as tx:
        if len(tx.webhooks.all()) >= MAX_WEBHOOKS:
            raise RefusedError(f"there are {MAX_WEBHOOKS} webhooks already; remove one first")
        number = tx.webhooks.add(
            NewWebhook(
                url=url,
                events=frozenset(events),
                salt=salt,
                private=private,
                created=node.clock.now(),
                created_by=actor.user,
            )
        )
        note_act(tx, node, actor, "webhook.add", str(number))
    return NewSubscription(number=number, secret=_shown(_key(node.identity, salt)))


def remove_webhook(node: Node, actor: Actor, number: int) -> None:
    """Remove a subscription with all that waits for it.

    Raises:
        AccessDeniedError: The actor is no administrator.
        NotFoundError: There is none of that number.
    """
    require_role(actor, Role.ADMINISTRATOR)
    with node.database.write() as tx:
        _get(tx, number)
        tx.webhooks.remove(number)
        for code in ALARMS:
            tx.alarms.clear(code, str(number))
        note_act(tx, node, actor, "webhook.remove", str(number))


def test_event(node: Node, actor: Actor, number: int) -> tuple[WebhookRow, MessageRow]:
    """Write a message for one subscription that tells of nothing; returns it, to be sent at once.

    Raises:
        AccessDeniedError: The actor is no administrator.
        NotFoundError: There is no such subscription.
        RefusedError: Its host said that it wants nothing any more, or too much waits for it.
    """
    require_role(actor, Role.ADMINISTRATOR)
    now = node.clock.now()
    with node.database.write() as tx:
        row = _get(tx, number)
        event = NewEvent(kind=EventKind.TEST, at=now, data={"webhook": number})
        if row.ended is not None or not tx.webhooks.tell(event, only=number):
            raise RefusedError("nothing is sent there any more; remove it and add it again")
        note_act(tx, node, actor, "webhook.test", str(number))
        [message] = tx.webhooks.messages(number, limit=1)
    return row, message


def payload_of(member: MemberId, event: NewEvent) -> bytes:
    """Return the body that tells of an event."""
    return canonical_bytes(
        {
            "type": event.kind.value,
            "timestamp": instant_text(event.at),
            "version": PAYLOAD_VERSION,
            "member": member,
            "data": dict(event.data),
        }
    )


def message_id(number: int, body: bytes) -> str:
    """Return the id of what tells of an event: the same for every attempt and subscription.

    Args:
        number: Of the event.
        body: Its payload.
    """
    digest = hashlib.sha256(b"%d\n%b" % (number, body)).hexdigest()
    return f"msg_{digest[:_ID_CHARS]}"


def secret_of(identity: NodeIdentity, webhook: NewWebhook) -> bytes:
    """Return the 32 bytes under which a subscription's messages are signed."""
    return _key(identity, webhook.salt)


def _key(identity: NodeIdentity, salt: bytes) -> bytes:
    return hmac.digest(identity.secret, _DOMAIN + salt, hashlib.sha256)


def _shown(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode("ascii")


def _get(tx: Transaction, number: int) -> WebhookRow:
    row = tx.webhooks.get(number)
    if row is None:
        raise NotFoundError(f"no webhook {number}")
    return row
