"""What a denunciation orders, and the orders as signed documents."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from foedus.canonical import canonical_bytes, parse_json
from foedus.model.identifiers import ArticleId, ItemKey, MemberId, ObjectId, TreatyId
from foedus.signing.envelope import Envelope, sign_envelope
from foedus.signing.keys import SigningKey
from foedus.treaty.orders import ORDER_TYPE, OrderError, SignedOrder, open_order, sign_order
from foedus.treaty.residual import (
    Holding,
    OrderKind,
    Residual,
    ResidualOrder,
    Settlement,
    orders_of,
)

XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")
NOTICE = datetime(2027, 3, 1, 9, tzinfo=UTC)
DEADLINE = NOTICE + timedelta(days=180)
KEY = SigningKey.from_seed(b"k" * 32)
LEFT = Residual(
    member=XC,
    articles=(ArticleId("3"),),
    since=NOTICE,
    deadline=DEADLINE,
    in_effect=False,
)


def item(originator: MemberId, number: int = 1) -> ItemKey:
    return ItemKey(
        originator=originator,
        object_id=ObjectId(f"indicator--8e2e2d2b-17d4-4cbf-938f-{number:012x}"),
        version="2027-01-01T00:00:00.000Z",
    )


def agreed(kind: OrderKind, days: int, *, on: datetime = NOTICE) -> Settlement:
    return Settlement(kind=kind, by=NOTICE + timedelta(days=days), agreed=on)


def one_order(held: Holding, settled: Settlement | None = None) -> ResidualOrder:
    settlements = {} if settled is None else {(held.item, held.holder): settled}
    (order,) = orders_of(LEFT, [held], settlements)
    return order


SETTLED = [
    ("nothing agreed: erased on the last day", None, OrderKind.DELETE, 180),
    ("kept beyond the last day", agreed(OrderKind.KEEP, 400), OrderKind.KEEP, 400),
    ("returned before it", agreed(OrderKind.RETURN, 20), OrderKind.RETURN, 20),
    ("returned on it at the latest", agreed(OrderKind.RETURN, 400), OrderKind.RETURN, 180),
    ("erased on it at the latest", agreed(OrderKind.DELETE, 400), OrderKind.DELETE, 180),
    (
        "agreed at the last instant",
        agreed(OrderKind.KEEP, 400, on=DEADLINE),
        OrderKind.KEEP,
        400,
    ),
    (
        "agreed too late",
        agreed(OrderKind.KEEP, 400, on=DEADLINE + timedelta(microseconds=1)),
        OrderKind.DELETE,
        180,
    ),
    (
        "agreed before the notice",
        agreed(OrderKind.KEEP, 400, on=NOTICE - timedelta(microseconds=1)),
        OrderKind.DELETE,
        180,
    ),
]


@pytest.mark.parametrize(
    ("settled", "kind", "days"), [row[1:] for row in SETTLED], ids=[row[0] for row in SETTLED]
)
def test_what_becomes_of_an_item(settled: Settlement | None, kind: OrderKind, days: int) -> None:
    order = one_order(Holding(item=item(XA), holder=XC), settled)
    assert order == ResidualOrder(
        kind=kind, item=item(XA), holder=XC, due=NOTICE + timedelta(days=days)
    )


@pytest.mark.parametrize("settled", [row[1] for row in SETTLED], ids=[row[0] for row in SETTLED])
def test_leaving_lengthens_no_time_limit(settled: Settlement | None) -> None:
    soon = NOTICE + timedelta(days=3)
    order = one_order(Holding(item=item(XA), holder=XC, keep_until=soon), settled)
    assert order.due == soon


def test_items_of_both_sides_are_settled_and_of_no_others() -> None:
    held = [
        Holding(item=item(XC), holder=XB),
        Holding(item=item(XB), holder=XC),
        Holding(item=item(XA), holder=XB),
        Holding(item=item(XC, 2), holder=XC),
    ]
    orders = orders_of(LEFT, held, {})
    assert [(order.holder, order.item.originator) for order in orders] == [(XB, XC), (XC, XB)]
    assert orders_of(LEFT, reversed(held), {}) == orders
    assert orders_of(LEFT, [], {}) == ()


def test_what_is_listed_twice_is_ordered_once_and_by_the_stricter() -> None:
    soon, late = NOTICE + timedelta(days=2), NOTICE + timedelta(days=5)
    held = [Holding(item=item(XC), holder=XB, keep_until=until) for until in (late, soon, None)]
    for entries in (held, list(reversed(held))):
        (order,) = orders_of(LEFT, entries, {})
        assert order.due == soon


def test_orders_stand_by_holder_then_item() -> None:
    held = [
        Holding(item=item(XC, 2), holder=XB),
        Holding(item=item(XC, 1), holder=XB),
        Holding(item=item(XC, 2), holder=XA),
        Holding(item=replace(item(XC, 1), version="2026-01-01T00:00:00.000Z"), holder=XB),
    ]
    orders = orders_of(LEFT, held, {})
    assert [(one.holder, one.item.object_id[-1], one.item.version[:4]) for one in orders] == [
        (XA, "2", "2027"),
        (XB, "1", "2026"),
        (XB, "1", "2027"),
        (XB, "2", "2027"),
    ]


def signed(**changes: Any) -> SignedOrder:
    plain = SignedOrder(
        exercise=True,
        treaty=TreatyId("ab" * 32),
        left=XC,
        order=one_order(Holding(item=item(XA), holder=XC)),
        at=NOTICE,
    )
    return replace(plain, **changes)


def test_a_signed_order_reads_back() -> None:
    for order in (
        signed(),
        signed(exercise=False),
        signed(order=one_order(Holding(item=item(XC), holder=XA))),
        signed(order=one_order(Holding(item=item(XA), holder=XC), agreed(OrderKind.KEEP, 400))),
    ):
        assert open_order(sign_order(order, KEY), (KEY.public,)) == order


def test_the_bytes_of_an_order_are_those_described() -> None:
    assert parse_json(sign_order(signed(), KEY).payload) == {
        "v": 1,
        "kind": "residual-order",
        "exercise": True,
        "treaty": "ab" * 32,
        "left": "XC",
        "order": "delete",
        "originator": "XA",
        "id": item(XA).object_id,
        "version": item(XA).version,
        "holder": "XC",
        "due": "2027-08-28T09:00:00.000000Z",
        "instant": "2027-03-01T09:00:00.000000Z",
    }


def changed(**changes: object) -> Envelope:
    document = parse_json(sign_order(signed(), KEY).payload)
    assert isinstance(document, dict)
    kept: dict[str, Any] = {
        name: value for name, value in {**document, **changes}.items() if value is not None
    }
    return sign_envelope(canonical_bytes(kept), ORDER_TYPE, KEY)


BROKEN = [
    ("another kind", {"kind": "order"}),
    ("an action nobody knows", {"order": "burn"}),
    ("a field too many", {"why": "as agreed"}),
    ("no due date", {"due": None}),
    ("a date of another form", {"due": "2027-08-28"}),
    ("the treaty is none", {"treaty": "the pact"}),
    ("the id is none", {"id": "indicator"}),
    ("the holder is the originator", {"holder": "XA"}),
    ("who leaves has no part in it", {"left": "XB"}),
    ("an exercise that is neither", {"exercise": "yes"}),
]


@pytest.mark.parametrize("changes", [row[1] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_malformed_order_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(OrderError):
        open_order(changed(**changes), (KEY.public,))


def test_an_order_of_another_key_or_type_is_refused() -> None:
    envelope = sign_order(signed(), KEY)
    other = SigningKey.from_seed(b"o" * 32)
    with pytest.raises(OrderError):
        open_order(envelope, (other.public,))
    with pytest.raises(OrderError):
        open_order(sign_envelope(envelope.payload, "text/plain", KEY), (KEY.public,))
    with pytest.raises(OrderError):
        open_order(sign_envelope(b"[]", ORDER_TYPE, KEY), (KEY.public,))


def test_an_order_that_could_not_be_opened_is_not_signed() -> None:
    with pytest.raises(OrderError):
        sign_order(signed(left=XB), KEY)
    naive = replace(signed().order, due=DEADLINE.replace(tzinfo=None))
    with pytest.raises(OrderError):
        sign_order(signed(order=naive), KEY)
