"""Orders: what an originator tells each holder of its items to do with them.

1. An order is signed by a node key of its *originator* and addressed to one *holder*; a holder that
   passed an item on relays it, and whoever it reaches carries it out for what it holds of that
   originator under the ids named.
2. It names items by the ids and versions the holder was given: a redacted form under its own id.
3. It rests on one article of one treaty, gives one reason of a closed list, and is due at an
   instant after its own. It holds no free text.
4. *correct* names for each item the version that replaces it; *expire* the instant at which each
   ends; the other actions name neither.

The record is canonical JSON, ``v kind exercise name action originator holder treaty article reason
life instant due lines``; a line is ``id versions``, with ``replacement`` (``id version sha256``) or
``expiry``.

Spec: design §2 rules 4 and 5, §3; Convention Article 21.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from foedus.canonical import JSONValue
from foedus.casework.errors import OrderError
from foedus.casework.form import CaseForm
from foedus.casework.payload import Fields, PayloadError, read_case_payload
from foedus.clock import instant_text
from foedus.model.identifiers import (
    ArticleId,
    IdentifierError,
    MemberId,
    ObjectId,
    TreatyId,
    object_id,
    treaty_id,
)
from foedus.signing import Envelope, PublicKey, SigningKey

__all__ = [
    "MAX_LINES",
    "ORDER_NAME",
    "ORDER_TYPE",
    "Order",
    "OrderAction",
    "OrderLine",
    "OrderReason",
    "Replacement",
    "claimed_originator",
    "digest_of",
    "open_order",
    "order_name",
    "read_order",
    "sign_order",
]

ORDER_TYPE: Final = "application/vnd.foedus.order+json;v=1"
"""Payload type of the envelope of an order."""

MAX_LINES: Final = 1_000
"""Most items one order names."""

_KIND: Final = "order"
ORDER_NAME: Final = re.compile(r"([A-Z][A-Z0-9]{1,7})-O-(\d{4})-(\d{5,9})", re.ASCII)
"""How orders are named; the first group is their originator."""

_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


class OrderAction(StrEnum):
    """What a holder is to do."""

    CORRECT = "correct"
    RESTRICT = "restrict"
    LIFT = "lift"
    RECALL = "recall"
    NARROW = "narrow"
    EXPIRE = "expire"


class OrderReason(StrEnum):
    """Why; the list is closed, so that an order tells nothing of a case."""

    WRONG = "wrong"
    NOT_NEEDED = "not-needed"
    NOT_TO_BE_GIVEN = "not-to-be-given"
    EXPIRED = "expired"
    CHALLENGE = "challenge"
    COURT = "court"
    TREATY_ENDED = "treaty-ended"
    SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """The version that stands in place of those corrected.

    Attributes:
        object_id: Under which the holder is given it.
        version: Its version text.
        sha256: Hex SHA-256 of its exact bytes, as the holder is given them.
    """

    object_id: ObjectId
    version: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """One item an order names.

    Attributes:
        object_id: Under which the holder was given it.
        versions: Every version it was given up to the order's instant; they rise in code-point
            order. At least one.
        replacement: In a correction only.
        expiry: In an expiry only; aware UTC.
    """

    object_id: ObjectId
    versions: tuple[str, ...]
    replacement: Replacement | None = None
    expiry: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is signed.

    Attributes:
        exercise: Whether it belongs to an exercise.
        name: As its originator numbers it (``XA-O-2026-00007``); the same for every holder.
        originator: Whose items they are; never the holder.
        holder: To whom it is addressed.
        article: The article it rests on.
        at: When it was given; aware UTC.
        due: By when it is to be carried out and attested; after ``at``.
        life: Whether a life is in danger.
        lines: 1 to :data:`MAX_LINES`; their ids rise.
    """

    exercise: bool
    name: str
    action: OrderAction
    originator: MemberId
    holder: MemberId
    treaty: TreatyId
    article: ArticleId
    at: datetime
    due: datetime
    life: bool
    reason: OrderReason
    lines: tuple[OrderLine, ...]


def order_name(originator: MemberId, year: int, sequence: int) -> str:
    """Return how an originator names its order: ``XA-O-2026-00007``."""
    return f"{originator}-O-{year}-{sequence:05d}"


def digest_of(envelope: Envelope) -> str:
    """Return the hex SHA-256 of a document's payload: by this an attestation names an order."""
    return hashlib.sha256(envelope.payload).hexdigest()


def sign_order(order: Order, key: SigningKey) -> Envelope:
    """Sign an order with a node key of its originator.

    Raises:
        OrderError: It could not be opened again, with the reason.
    """
    return _FORM.sign(
        lambda: {
            "exercise": order.exercise,
            "name": order.name,
            "action": order.action.value,
            "originator": order.originator,
            "holder": order.holder,
            "treaty": order.treaty,
            "article": order.article,
            "reason": order.reason.value,
            "life": order.life,
            "instant": instant_text(order.at),
            "due": instant_text(order.due),
            "lines": [_line_out(each) for each in order.lines],
        },
        key,
    )


def _line_out(line: OrderLine) -> JSONValue:
    told: dict[str, JSONValue] = {"id": line.object_id, "versions": list(line.versions)}
    if line.replacement is not None:
        told["replacement"] = {
            "id": line.replacement.object_id,
            "version": line.replacement.version,
            "sha256": line.replacement.sha256,
        }
    if line.expiry is not None:
        told["expiry"] = instant_text(line.expiry)
    return told


def claimed_originator(envelope: Envelope) -> tuple[MemberId, datetime]:
    """Return who an order says it is of, and its instant, before anything is verified.

    Whose keys to verify with, and of when, stands in the order: a relayed one is not of its sender.

    Raises:
        OrderError: It is no order that can be read.
    """
    try:
        fields = read_case_payload(envelope.payload, kind=_KIND)
        return fields.member("originator"), fields.instant("instant")
    except (PayloadError, IdentifierError) as error:
        raise OrderError(f"no order: {error}") from error


def open_order(envelope: Envelope, keys: tuple[PublicKey, ...]) -> Order:
    """Verify an order and read it.

    Args:
        envelope: Untrusted.
        keys: Keys that speak for the node of its originator at its instant.

    Raises:
        OrderError: It is signed by none of them, or malformed. Nothing else is raised.
    """
    return _FORM.open(envelope, keys)


def read_order(payload: bytes) -> Order:
    """Read an order whose signature was verified before, as when it was taken.

    Raises:
        OrderError: It is malformed.
    """
    return _FORM.read(payload)


def _read(fields: Fields) -> Order:
    action, reason = fields.text("action"), fields.text("reason")
    if action not in set(OrderAction) or reason not in set(OrderReason):
        raise PayloadError("action or reason is none of the list")
    order = Order(
        exercise=fields.flag("exercise"),
        name=fields.text("name"),
        action=OrderAction(action),
        originator=fields.member("originator"),
        holder=fields.member("holder"),
        treaty=treaty_id(fields.text("treaty")),
        article=ArticleId(fields.text("article")),
        at=fields.instant("instant"),
        due=fields.instant("due"),
        life=fields.flag("life"),
        reason=OrderReason(reason),
        lines=tuple(_line(each) for each in fields.objects("lines")),
    )
    _check(order)
    return order


def _line(fields: Fields) -> OrderLine:
    return OrderLine(
        object_id=object_id(fields.text("id")),
        versions=fields.rising_texts("versions"),
        replacement=_replacement(fields) if fields.has("replacement") else None,
        expiry=fields.instant("expiry") if fields.has("expiry") else None,
    )


def _replacement(fields: Fields) -> Replacement:
    value = fields.value("replacement")
    if not isinstance(value, dict) or value.keys() != {"id", "version", "sha256"}:
        raise PayloadError("replacement is id, version and sha256")
    within = Fields(value)
    sha256 = within.text("sha256")
    if not _DIGEST.fullmatch(sha256):
        raise PayloadError("sha256 is 64 hex digits")
    return Replacement(
        object_id=object_id(within.text("id")), version=within.text("version"), sha256=sha256
    )


def _check(order: Order) -> None:
    named = ORDER_NAME.fullmatch(order.name)
    if named is None or named[1] != order.originator:
        raise OrderError("no order: its name is not one its originator gives")
    if order.holder == order.originator:
        raise OrderError("no order: nobody orders itself")
    if order.due <= order.at:
        raise OrderError("no order: it is due before it is given")
    ids = [each.object_id for each in order.lines]
    if not 1 <= len(ids) <= MAX_LINES or ids != sorted(set(ids)):
        raise OrderError(f"no order: it names 1 to {MAX_LINES} items, in order, each once")
    for line in order.lines:
        _check_line(order.action, line)


def _check_line(action: OrderAction, line: OrderLine) -> None:
    if not line.versions:
        raise OrderError("no order: a line names no version")
    if (line.replacement is not None) is not (action is OrderAction.CORRECT):
        raise OrderError("no order: a correction, and nothing else, names what replaces an item")
    if (line.expiry is not None) is not (action is OrderAction.EXPIRE):
        raise OrderError("no order: an expiry, and nothing else, names when an item ends")


_FORM: Final = CaseForm(
    payload_type=ORDER_TYPE,
    kind=_KIND,
    what="order",
    error=OrderError,
    fields=_read,
)
