"""Residual orders as signed documents: what an originator tells the holder of its item to do.

When a member leaves, each item between it and another is kept, returned or erased
(:mod:`foedus.treaty.residual`). The node of the item's originator signs one order for each; it is
addressed to the holder, reaches it whatever it has reserved and whether or not the treaty is still
in force for it, and names one item version and no other.

The record is canonical JSON, ``v kind exercise treaty left order originator id version holder due
instant``, in an envelope signed by the node key of the originator.

Spec: design §2 rule 5, §5; VCLT Art. 70.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from foedus.canonical import canonical_bytes
from foedus.clock import InstantError, instant_text
from foedus.model.identifiers import (
    IdentifierError,
    ItemKey,
    MemberId,
    TreatyId,
    object_id,
    treaty_id,
)
from foedus.signing.envelope import Envelope, sign_envelope, verify_envelope
from foedus.signing.errors import EnvelopeError
from foedus.signing.keys import PublicKey, SigningKey
from foedus.treaty.errors import TreatyError
from foedus.treaty.payload import Fields, PayloadError, read_payload
from foedus.treaty.residual import OrderKind, ResidualOrder

__all__ = ["ORDER_TYPE", "OrderError", "SignedOrder", "open_order", "sign_order"]

ORDER_TYPE: Final = "application/vnd.foedus.residual-order+json;v=1"
"""Payload type of the envelope of a residual order."""

_KIND: Final = "residual-order"


class OrderError(TreatyError):
    """A residual order is malformed, or not signed by the originator of its item."""

    code: ClassVar[str] = "treaty.order"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOrder:
    """What is signed.

    Attributes:
        exercise: Whether it belongs to an exercise.
        treaty: Under which treaty the item was given.
        left: The member whose denunciation calls for it: originator or holder of the item.
        order: What is ordered.
        at: When; aware UTC.
    """

    exercise: bool
    treaty: TreatyId
    left: MemberId
    order: ResidualOrder
    at: datetime


def sign_order(order: SignedOrder, key: SigningKey) -> Envelope:
    """Sign an order with the node key of the item's originator.

    Raises:
        OrderError: It could not be opened again, with the reason.
    """
    told = order.order
    try:
        payload = canonical_bytes(
            {
                "v": 1,
                "kind": _KIND,
                "exercise": order.exercise,
                "treaty": order.treaty,
                "left": order.left,
                "order": told.kind.value,
                "originator": told.item.originator,
                "id": told.item.object_id,
                "version": told.item.version,
                "holder": told.holder,
                "due": instant_text(told.due),
                "instant": instant_text(order.at),
            }
        )
    except InstantError as error:
        raise OrderError(str(error)) from error
    envelope = sign_envelope(payload, ORDER_TYPE, key)
    open_order(envelope, (key.public,))
    return envelope


def open_order(envelope: Envelope, keys: tuple[PublicKey, ...]) -> SignedOrder:
    """Verify an order and read it.

    Args:
        envelope: Untrusted.
        keys: Keys that speak for the node of the item's originator at the instant.

    Raises:
        OrderError: It is signed by none of them, or malformed. Nothing else is raised.
    """
    try:
        fields = read_payload(verify_envelope(envelope, keys, payload_type=ORDER_TYPE))
        kind = fields.text("kind")
        order = _read(fields)
    except (EnvelopeError, PayloadError, IdentifierError) as error:
        raise OrderError(f"no residual order: {error}") from error
    if kind != _KIND or fields.unread():
        raise OrderError("no residual order: a field is of another form")
    told = order.order
    if told.holder == told.item.originator or order.left not in (
        told.holder,
        told.item.originator,
    ):
        raise OrderError("no residual order: who leaves is its originator or its holder, not both")
    return order


def _read(fields: Fields) -> SignedOrder:
    action = fields.text("order")
    if action not in set(OrderKind):
        raise PayloadError("order is keep, return or delete")
    return SignedOrder(
        exercise=fields.flag("exercise"),
        treaty=treaty_id(fields.text("treaty")),
        left=fields.member("left"),
        order=ResidualOrder(
            kind=OrderKind(action),
            item=ItemKey(
                originator=fields.member("originator"),
                object_id=object_id(fields.text("id")),
                version=fields.text("version"),
            ),
            holder=fields.member("holder"),
            due=fields.instant("due"),
        ),
        at=fields.instant("instant"),
    )
