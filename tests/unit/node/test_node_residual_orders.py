"""What is to be settled when a member leaves: every item between it and us, and signed orders."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from foedus.access import AccessDeniedError, Actor, Role
from foedus.model.identifiers import ObjectId
from foedus.node.case_clock import tick
from foedus.node.disclose import disclose
from foedus.node.erase import erase, forget_old
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.ports import DutyKind, ItemState
from foedus.node.ports.recovery import ClosedLog
from foedus.node.residual_orders import ResidualList, residual_list, sign_residual_orders
from foedus.node.take_residual import take_residual_order
from foedus.node.treaty_acts import denounce
from foedus.signing import SigningKey
from foedus.treaty.orders import OrderError, open_order
from foedus.treaty.residual import OrderKind

if TYPE_CHECKING:
    from tests.unit.node.conftest import Member, Trio


def _give(trio: Trio, giver: Member, recipient: Member, number: int) -> str:
    """Hold an item at one member and give it to another, which takes it; return its id."""
    obj = trio.indicator(number, f"bad{number}.example")
    purposes = frozenset({"prevention", "investigation", "warning", "life"})
    [handle] = giver.held(obj, purposes=purposes)
    wish = trio.wish("warning", recipients=(recipient.name,))
    [done] = disclose(giver.wired.node, trio.user("ada"), giver.wired.gate, [handle], wish)
    assert done.given == 1
    trio.pull(recipient, giver)
    return str(obj["id"])


def _list(trio: Trio, at: Member, left: Member) -> ResidualList:
    with at.wired.database.read() as tx:
        found = residual_list(tx, at.wired.node, trio.treaty, left.name, trio.clock.now())
    assert found is not None
    return found


def _leave(trio: Trio, member: Member) -> None:
    denounce(member.wired.node, member.actor, member.wired.gate, trio.treaty)
    for other in (trio.a, trio.b, trio.c):
        if other is not member:
            trio.pull(other, member)


def test_every_item_between_the_two_is_settled_once_and_none_of_third_parties(trio: Trio) -> None:
    ours = _give(trio, trio.a, trio.b, 1)
    theirs = _give(trio, trio.b, trio.a, 2)
    _give(trio, trio.a, trio.c, 3)
    _give(trio, trio.c, trio.b, 4)
    notice = trio.clock.now()
    _leave(trio, trio.b)
    found = _list(trio, trio.a, trio.b)
    assert [(each.item.object_id, each.holder) for each in found.ours] == [(ours, trio.b.name)]
    assert [(each.item.object_id, each.holder) for each in found.awaited] == [(theirs, trio.a.name)]
    for each in (*found.ours, *found.awaited):
        assert each.kind is OrderKind.DELETE
        assert notice < each.due <= found.residual.deadline


def test_who_leaves_settles_with_everyone(trio: Trio) -> None:
    _give(trio, trio.a, trio.b, 1)
    own = _give(trio, trio.b, trio.c, 2)
    _leave(trio, trio.b)
    found = _list(trio, trio.b, trio.b)
    assert [(each.item.object_id, each.holder) for each in found.ours] == [(own, trio.c.name)]
    assert [each.item.originator for each in found.awaited] == [trio.a.name]


def test_an_item_is_due_when_its_own_time_is_over_if_that_is_earlier(trio: Trio) -> None:
    """Leaving lengthens no time limit: what is to be erased sooner is not kept for the notice."""
    _give(trio, trio.a, trio.b, 1)
    with trio.b.wired.database.read() as tx:
        duties = tx.duties.open(due_by=None, limit=100)
    kept = [each.duty.due for each in duties if each.duty.kind is DutyKind.RETAIN]
    assert kept
    _leave(trio, trio.b)
    found = _list(trio, trio.a, trio.b)
    [order] = found.ours
    assert order.due == min([found.residual.deadline, *kept])


def test_orders_are_signed_by_the_originator_and_by_nobody_else(trio: Trio) -> None:
    ours = _give(trio, trio.a, trio.b, 1)
    _leave(trio, trio.b)
    node = trio.a.wired.node
    before = trio.a.read(lambda tx: tx.ledger.count())
    [envelope] = sign_residual_orders(
        node, trio.a.actor, trio.a.wired.gate, trio.treaty, trio.b.name
    )
    assert trio.a.read(lambda tx: tx.ledger.count()) == before + 2, "the order and its disclosure"
    entered = trio.a.read(lambda tx: tx.ledger.row(before))
    assert entered is not None
    assert entered.record == envelope.payload
    told = open_order(envelope, (node.identity.node.public,))
    assert (told.left, told.order.holder) == (trio.b.name, trio.b.name)
    assert told.order.item.object_id == ours
    with pytest.raises(OrderError):
        open_order(envelope, (trio.b.wired.node.identity.node.public,))
    with pytest.raises(OrderError):
        open_order(envelope, (SigningKey.from_seed(bytes(32)).public,))


def test_without_a_notice_there_is_nothing_to_order(trio: Trio) -> None:
    _give(trio, trio.a, trio.b, 1)
    node = trio.a.wired.node
    with trio.a.wired.database.read() as tx:
        assert residual_list(tx, node, trio.treaty, trio.b.name, trio.clock.now()) is None
    with pytest.raises(NotFoundError, match="nothing of ours"):
        sign_residual_orders(node, trio.a.actor, trio.a.wired.gate, trio.treaty, trio.b.name)


def test_orders_are_for_a_legal_officer(trio: Trio) -> None:
    with pytest.raises(AccessDeniedError):
        sign_residual_orders(
            trio.a.wired.node,
            Actor(user="ann", roles=frozenset({Role.ANALYST})),
            trio.a.wired.gate,
            trio.treaty,
            trio.b.name,
        )


def test_what_was_given_after_the_list_is_in_the_next(trio: Trio) -> None:
    """The treaty binds until the notice is over: what is given meanwhile is settled too."""
    _give(trio, trio.a, trio.b, 1)
    _leave(trio, trio.b)
    assert len(_list(trio, trio.a, trio.b).ours) == 1
    trio.clock.instant += timedelta(hours=1)
    _give(trio, trio.a, trio.b, 2)
    assert len(_list(trio, trio.a, trio.b).ours) == 2


def test_retention_ends_no_duty_of_who_leaves(trio: Trio) -> None:
    """What a disclosure said is erased, and which items others hold by it is not."""
    ours = _give(trio, trio.a, trio.b, 1)
    gone = _give(trio, trio.a, trio.b, 2)
    _leave(trio, trio.b)
    trio.clock.instant += timedelta(hours=1)
    officer = Actor(user="dpo", roles=frozenset({Role.OFFICER}))
    erase(trio.a.wired.node, officer, gone, order="DPA 9/2026", reason="ordered")
    before = _list(trio, trio.a, trio.b)
    assert forget_old(trio.a.wired.node, officer, before=trio.clock.now()) > 0
    after = _list(trio, trio.a, trio.b)
    for found in (before, after):
        assert [(each.item.object_id, each.holder) for each in found.ours] == [
            (ours, trio.b.name)
        ], "and what was erased by order is named no more"
    assert after.ours[0].item == before.ours[0].item
    assert after.ours[0].due == after.residual.deadline


def test_what_was_given_under_a_closed_log_is_settled_too(trio: Trio) -> None:
    ours = _give(trio, trio.a, trio.b, 1)
    later = _give(trio, trio.a, trio.b, 2)
    _leave(trio, trio.b)
    node = trio.a.wired.node
    with trio.a.database.write() as tx:
        tx.recovery.close_log(
            ClosedLog(origin=node.identity.log_origin, moved=tx.ledger.count() + 5, statement=b""),
            at=trio.clock.now(),
        )
    found = _list(trio, trio.a, trio.b)
    assert {each.item.object_id for each in found.ours} == {ours, later}


def _sent(trio: Trio) -> None:
    node = trio.a.wired.node
    sign_residual_orders(node, trio.a.actor, trio.a.wired.gate, trio.treaty, trio.b.name)


def test_an_order_travels_and_ends_the_item_by_its_day(trio: Trio) -> None:
    ours = _give(trio, trio.a, trio.b, 1)
    _leave(trio, trio.b)
    due = _list(trio, trio.a, trio.b).ours[0].due
    _sent(trio)
    trio.pull(trio.b, trio.a)
    [taken] = trio.b.read(lambda tx: tx.withheld.residuals(after=0, limit=10))
    assert (taken.order.item.object_id, taken.order.kind, taken.order.due) == (ours, "delete", due)
    [dated] = trio.b.read(lambda tx: tx.retention.of([taken.handle]))
    assert dated.ends is not None
    assert dated.ends <= due
    # The same once more changes nothing.
    _sent(trio)
    trio.pull(trio.b, trio.a)
    trio.clock.instant = due + timedelta(seconds=1)
    tick(trio.b.wired.node, trio.b.wired.gate)
    tick(trio.b.wired.node, trio.b.wired.gate)
    rows = trio.b.read(lambda tx: tx.items.by_object_id(ObjectId(ours)))
    assert [row for row in rows if row.state is ItemState.HELD] == []
    found = trio.b.read(lambda tx: tx.withheld.residuals(after=0, limit=10))
    assert [each.done for each in found] == [trio.clock.now()] * len(found)


def test_an_order_of_another_than_the_originator_is_refused(trio: Trio) -> None:
    _give(trio, trio.a, trio.b, 1)
    _leave(trio, trio.b)
    node = trio.a.wired.node
    [envelope] = sign_residual_orders(
        node, trio.a.actor, trio.a.wired.gate, trio.treaty, trio.b.name
    )
    now = trio.clock.now()
    with trio.b.database.write() as tx, pytest.raises(OrderError):
        take_residual_order(tx, trio.b.wired.node, trio.c.name, envelope, now)
    with trio.c.database.write() as tx, pytest.raises(RefusedError, match="other members"):
        take_residual_order(tx, trio.c.wired.node, trio.a.name, envelope, now)
