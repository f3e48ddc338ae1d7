"""Orders carried out, in whatever order they and their items arrive."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from foedus.access import Actor, Role
from foedus.canonical import canonical_bytes
from foedus.casework.attestation import ReservedGround
from foedus.casework.order import (
    Order,
    OrderAction,
    OrderLine,
    OrderReason,
    Replacement,
    digest_of,
    sign_order,
)
from foedus.model.identifiers import ArticleId, ObjectId
from foedus.model.objects import parse_object
from foedus.model.selectors import Selector, SelectorKind
from foedus.node.apply_orders import apply_order
from foedus.node.ports import ItemRow, ItemState
from foedus.node.ports.received_orders import Applied, NewReceived
from foedus.node.reserved import keep, release

if TYPE_CHECKING:
    from tests.unit.node.conftest import Member, Pair

OFFICER = Actor(user="dpo", roles=frozenset({Role.OFFICER}))
OLD, NEW = "2026-11-20T00:00:00.000Z", "2026-11-22T00:00:00.000Z"


class Court:
    """XA orders, XB carries out."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.count = 0

    def order(self, action: OrderAction, *lines: OrderLine, at: datetime | None = None) -> int:
        """Let an order arrive; returns its number at XB."""
        self.count += 1
        given = at or self.pair.clock.now()
        order = Order(
            exercise=True,
            name=f"XA-O-2026-{self.count:05d}",
            action=action,
            originator=self.pair.a.name,
            holder=self.pair.b.name,
            treaty=self.pair.treaty,
            article=ArticleId("2"),
            at=given,
            due=given + timedelta(days=1),
            life=False,
            reason=OrderReason.WRONG,
            lines=tuple(sorted(lines, key=lambda each: each.object_id)),
        )
        envelope = sign_order(order, self.pair.a.wired.node.identity.node)
        with self.pair.b.database.write() as tx:
            taken = tx.orders.take(
                NewReceived(
                    order=order, sender=self.pair.a.name, digest=digest_of(envelope),
                    envelope=canonical_bytes(dict(envelope.document())),
                    received=self.pair.clock.now(), automatic=True,
                )
            )  # fmt: skip
        assert taken is not None
        return taken.number

    def carried_out(self, number: int) -> Applied:
        node, gate = self.pair.b.wired.node, self.pair.b.wired.gate
        with self.pair.b.database.write() as tx:
            received = tx.orders.received(number)
            assert received is not None
            done = apply_order(tx, node, gate, received)
        node.settle()
        return done

    def applied(
        self, action: OrderAction, *lines: OrderLine, at: datetime | None = None
    ) -> Applied:
        return self.carried_out(self.order(action, *lines, at=at))


@pytest.fixture(name="court")
def _court(pair: Pair) -> Court:
    return Court(pair)


def line(item: dict[str, Any], **more: Any) -> OrderLine:
    versions = more.pop("versions", (item["modified"],))
    return OrderLine(object_id=ObjectId(item["id"]), versions=versions, **more)


def given(pair: Pair, *objects: dict[str, Any]) -> None:
    handles = pair.a.held(*objects)
    assert pair.a.disclose(handles, pair.treaty).given == len(objects)
    pair.pull(pair.b)


def states(member: Member, item: dict[str, Any]) -> dict[str, ItemState]:
    return {row.key.version: row.state for row in rows(member, item)}


def rows(member: Member, item: dict[str, Any]) -> list[ItemRow]:
    found = member.read(lambda tx: tx.items.by_object_id(ObjectId(item["id"])))
    return [row for row in found if row.state is not ItemState.DISCARDED]


def hits(member: Member) -> int:
    return sum(member.read(lambda tx: tx.hits.counts()).values())


def test_a_recall_purges_and_says_what_went(court: Court) -> None:
    item, other = (court.pair.indicator(n, f"sign{n}.example") for n in (1, 2))
    given(court.pair, item, other)
    done = court.applied(OrderAction.RECALL, line(item))
    assert (done.held, done.done, done.kept) == (1, True, ())
    assert done.counts["versions"] == done.counts["selectors"] == 1
    assert states(court.pair.b, item) == {}
    assert states(court.pair.b, other) == {OLD: ItemState.HELD}
    again = court.applied(OrderAction.RECALL, line(item))
    assert (again.held, dict(again.counts), again.done) == (0, {}, True)


def test_a_recall_reaches_every_version_not_younger_than_itself(court: Court) -> None:
    item = court.pair.indicator(1, "sign.example")
    given(court.pair, item)
    given(court.pair, {**item, "modified": NEW})
    done = court.applied(OrderAction.RECALL, line(item))
    assert done.held == 2
    assert states(court.pair.b, item) == {}


@pytest.mark.parametrize("action", [OrderAction.RECALL, OrderAction.NARROW])
def test_what_was_recalled_before_it_came_never_becomes_visible(
    court: Court, action: OrderAction
) -> None:
    item = court.pair.indicator(1, "sign.example")
    court.pair.b.held(court.pair.indicator(50, "sign.example"))
    assert court.applied(action, line(item)).held == 0
    given(court.pair, item)
    assert states(court.pair.b, item) == {}
    assert hits(court.pair.b) == 0
    if action is OrderAction.NARROW:
        lifted = court.applied(OrderAction.LIFT, line(item))
        assert lifted.counts["tombstones"] >= 1
        given(court.pair, {**item, "modified": NEW})
        assert states(court.pair.b, item) == {NEW: ItemState.HELD}


def test_a_restriction_hides_and_a_lift_shows_and_asks_again(court: Court) -> None:
    item = court.pair.indicator(1, "sign.example")
    given(court.pair, item)
    assert court.applied(OrderAction.RESTRICT, line(item)).counts == {"restricted": 1}
    assert states(court.pair.b, item) == {OLD: ItemState.RESTRICTED}
    court.pair.b.held(court.pair.indicator(50, "sign.example"))
    assert hits(court.pair.b) == 0
    # A later version of the name arrives restricted.
    given(court.pair, {**item, "modified": NEW})
    assert states(court.pair.b, item)[NEW] is ItemState.RESTRICTED
    selector = Selector(SelectorKind.DOMAIN, "sign.example")
    with court.pair.b.database.read() as tx:
        assert tx.items.postings([selector], cap=9)[selector].frequency == 1
    court.pair.clock.instant += timedelta(minutes=1)
    assert court.applied(OrderAction.LIFT, line(item)).counts == {"lifted": 2}
    assert set(states(court.pair.b, item).values()) == {ItemState.HELD}
    assert hits(court.pair.b) == 2


def test_a_restriction_that_comes_after_its_lift_does_nothing(court: Court) -> None:
    item = court.pair.indicator(1, "sign.example")
    given(court.pair, item)
    now = court.pair.clock.now()
    court.applied(OrderAction.LIFT, line(item), at=now)
    done = court.applied(OrderAction.RESTRICT, line(item), at=now - timedelta(hours=1))
    assert (done.held, dict(done.counts)) == (1, {})
    assert states(court.pair.b, item) == {OLD: ItemState.HELD}


def _correction(item: dict[str, Any], new: dict[str, Any], sha256: str) -> OrderLine:
    replacement = Replacement(object_id=ObjectId(new["id"]), version=NEW, sha256=sha256)
    return line(item, replacement=replacement)


@pytest.mark.parametrize("first", ["order", "version"])
def test_a_correction_waits_for_the_version_that_replaces(court: Court, first: str) -> None:
    pair = court.pair
    item = pair.indicator(1, "wrong.example")
    given(pair, item)
    new = {**pair.indicator(1, "right.example"), "modified": NEW}
    handles = pair.a.held(new)
    [raw] = pair.a.read(lambda tx: tx.items.raw(handles)).values()
    order = _correction(item, new, parse_object(raw).content_hash)
    if first == "order":
        done = court.applied(OrderAction.CORRECT, order)
        assert (done.held, done.done, done.counts) == (1, False, {"restricted": 1})
        assert states(pair.b, item) == {OLD: ItemState.RESTRICTED}
    assert pair.a.disclose(handles, pair.treaty).given == 1
    pair.pull(pair.b)
    assert states(pair.b, item)[NEW] is ItemState.HELD
    # An order that waited is carried out again by itself once the version has come.
    if first == "version":
        done = court.applied(OrderAction.CORRECT, order)
        assert (done.held, done.done, done.counts["versions"]) == (1, True, 1)
    assert states(pair.b, item) == {NEW: ItemState.HELD}
    # The version that was replaced stays out; the id goes on.
    given(pair, {**item, "modified": "2026-11-23T00:00:00.000Z"})
    assert len(states(pair.b, item)) == 2


def test_an_expiry_ahead_sets_the_day_and_one_past_purges(court: Court) -> None:
    item, other = (court.pair.indicator(n, f"sign{n}.example") for n in (1, 2))
    given(court.pair, item, other)
    day = court.pair.clock.now() + timedelta(days=3)
    done = court.applied(
        OrderAction.EXPIRE, line(item, expiry=day), line(other, expiry=court.pair.clock.now())
    )
    assert (done.held, done.counts["dated"], done.counts["versions"]) == (2, 1, 1)
    assert states(court.pair.b, item) == {OLD: ItemState.HELD}
    assert states(court.pair.b, other) == {}
    [row] = rows(court.pair.b, item)
    [dated] = court.pair.b.read(lambda tx: tx.retention.of([row.handle]))
    assert dated.ordered == day


def test_what_is_kept_for_a_court_goes_when_that_ends(court: Court) -> None:
    item = court.pair.indicator(1, "sign.example")
    given(court.pair, item)
    node = court.pair.b.wired.node
    keep(node, OFFICER, item["id"], ground=ReservedGround.COURT_FILE, reason="file 7")
    number = court.order(OrderAction.RECALL, line(item))
    done = court.carried_out(number)
    assert (done.held, done.done) == (1, True)
    assert [(each.ground, each.items) for each in done.kept] == [(ReservedGround.COURT_FILE, 1)]
    assert states(court.pair.b, item) == {OLD: ItemState.RESTRICTED}
    # A lift does not show what a court keeps.
    assert court.applied(OrderAction.LIFT, line(item)).counts == {}
    assert release(node, OFFICER, item["id"]) == 1
    done = court.carried_out(number)
    assert (done.counts["versions"], done.kept) == (1, ())
    assert states(court.pair.b, item) == {}


def test_an_order_concerns_its_originators_items_only(court: Court) -> None:
    item = court.pair.indicator(1, "sign.example")
    court.pair.b.held(item)
    for action in (OrderAction.RESTRICT, OrderAction.RECALL):
        assert court.applied(action, line(item)).held == 0
    assert states(court.pair.b, item) == {OLD: ItemState.HELD}


def test_a_thousand_lines_are_one_order(court: Court) -> None:
    items = [court.pair.indicator(n, f"sign{n}.example") for n in range(1, 301)]
    given(court.pair, *items)
    done = court.applied(OrderAction.RECALL, *[line(each) for each in items])
    assert (done.held, done.counts["versions"], done.counts["disclosures"]) == (300, 300, 1)
    assert replace(done, counts={}) == Applied(held=300, counts={})
