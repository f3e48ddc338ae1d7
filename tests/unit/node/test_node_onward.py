"""Passing on: the originator is told, the new holder is reached by orders, and they are relayed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from foedus.casework.errors import NoticeError
from foedus.casework.onward_notice import OnwardNotice, sign_notice
from foedus.casework.order import (
    Order,
    OrderAction,
    OrderLine,
    OrderReason,
    sign_order,
)
from foedus.casework.order_course import OrderState
from foedus.model.identifiers import ArticleId, MemberId, ObjectId
from foedus.node.case_clock import tick
from foedus.node.consents import give_consent, take_consent
from foedus.node.disclose import disclose
from foedus.node.errors import RefusedError
from foedus.node.issue_orders import issue_orders
from foedus.node.onward import relay_order, take_notice, tell_originators
from foedus.node.order_status import show_order
from foedus.node.order_words import Command
from foedus.node.ports import ItemState
from foedus.node.purge import Cause, CauseKind, purge
from foedus.signing import Envelope

if TYPE_CHECKING:
    from tests.unit.node.conftest import Member, Trio

XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")
INDICATOR = ObjectId("indicator--00000000-0000-4000-8000-000000000001")
VERSION = "2026-11-20T00:00:00.000Z"


def passed_on(trio: Trio) -> int:
    """XA gives to XB, XB passes it on to XC with XA's consent; return the handle at XB."""
    wired = trio.a.wired
    handle = trio.held()
    wish = trio.wish("warning", recipients=(XC,))
    disclose(wired.node, trio.user("ada"), wired.gate, [handle], trio.wish("warning"))
    trio.pull(trio.b, trio.a)
    until = trio.clock.now() + timedelta(days=9)
    file = give_consent(wired.node, trio.user("olga"), INDICATOR, wish, until=until).file
    take_consent(trio.b.wired.node, trio.user("olga"), file)
    [row] = trio.b.read(lambda tx: tx.items.by_object_id(INDICATOR))
    other = trio.b.wired
    [done] = disclose(other.node, trio.user("ada"), other.gate, [row.handle], wish)
    assert done.given == 1
    return row.handle


def holders(trio: Trio) -> list[tuple[MemberId, ObjectId, str]]:
    with trio.a.database.read() as tx:
        handles = [row.handle for row in tx.items.by_object_id(INDICATOR)]
        return list(tx.onward.holders(handles))


def order(trio: Trio, action: OrderAction = OrderAction.RECALL, holder: MemberId = XB) -> Envelope:
    now = trio.clock.now()
    return sign_order(
        Order(
            exercise=True,
            name="XA-O-2026-00001",
            action=action,
            originator=XA,
            holder=holder,
            treaty=trio.treaty,
            article=ArticleId("4"),
            at=now,
            due=now + timedelta(days=3),
            life=False,
            reason=OrderReason.WRONG,
            lines=(OrderLine(object_id=INDICATOR, versions=(VERSION,)),),
        ),
        trio.a.wired.node.identity.node,
    )


LINES = (OrderLine(object_id=INDICATOR, versions=(VERSION,)),)


def relay(trio: Trio, member: Member) -> tuple[MemberId, ...]:
    with member.database.write() as tx:
        return relay_order(tx, member.wired.node, member.wired.gate, order(trio), LINES)


def test_the_new_holder_joins_those_whom_orders_reach(trio: Trio) -> None:
    passed_on(trio)
    assert holders(trio) == []
    trio.pull(trio.a, trio.b)
    assert holders(trio) == [(XC, INDICATOR, VERSION)]
    [row] = trio.a.read(lambda tx: tx.items.by_object_id(INDICATOR))
    assert trio.a.read(lambda tx: tx.onward.onward_of(row.handle)) == [(XC, XB, trio.clock.now())]
    trio.pull(trio.a, trio.b)
    assert len(holders(trio)) == 1


def test_an_order_goes_on_to_whom_an_item_was_given_that_ended_here_since(trio: Trio) -> None:
    passed_on(trio)
    cause = Cause(
        kind=CauseKind.RETENTION, reference="retention", reason="over", user="",
        at=trio.clock.now(),
    )  # fmt: skip
    with trio.b.database.write() as tx:
        tx.onward._session.run("UPDATE passed_on SET told = NULL")  # type: ignore[attr-defined]
        purge(tx, trio.b.wired.node, list(tx.items.by_object_id(INDICATOR)), cause)
        # It has no name any more under which to tell of it.
        assert tx.onward.untold(limit=5) == []
    assert relay(trio, trio.b) == (XC,)


def test_what_is_ones_own_is_told_to_nobody(trio: Trio) -> None:
    wired = trio.a.wired
    disclose(wired.node, trio.user("ada"), wired.gate, [trio.held()], trio.wish("warning"))
    assert trio.a.read(lambda tx: tx.feeds.counts()).get((XB, "orders"), 0) == 0


def test_a_notice_that_could_not_be_sent_is_sent_by_the_clock(trio: Trio) -> None:
    with trio.b.database.write() as tx:
        tx.recovery.await_lanes([XA], at=trio.clock.now())
        tx.recovery.lanes_rebuilt(XA)
    wired = trio.b.wired
    item = passed_on(trio)
    with trio.b.database.write() as tx:
        tx.onward._session.run("UPDATE passed_on SET told = NULL")  # type: ignore[attr-defined]
    assert trio.b.read(lambda tx: tx.onward.untold(limit=5))[0].item == item
    with trio.b.database.write() as tx:
        tx.recovery.await_lanes([XA], at=trio.clock.now())
    assert tell_originators(wired.node, wired.gate) == 0
    assert {each.code for each in trio.b.read(lambda tx: tx.alarms.open())} >= {"onward.untold"}
    with trio.b.database.write() as tx:
        tx.recovery.lanes_rebuilt(XA)
    assert tell_originators(wired.node, wired.gate) == 1
    assert tell_originators(wired.node, wired.gate) == 0
    assert "onward.untold" not in {e.code for e in trio.b.read(lambda tx: tx.alarms.open())}
    trio.pull(trio.a, trio.b)
    assert len(holders(trio)) == 1


def notice(trio: Trio, holder: Member, **changes: object) -> Envelope:
    plain: dict[str, object] = {
        "exercise": True, "holder": holder.name, "originator": XA, "recipient": XC,
        "treaty": trio.treaty, "at": trio.clock.now(), "items": ((INDICATOR, VERSION),),
    }  # fmt: skip
    return sign_notice(
        OnwardNotice(**{**plain, **changes}),  # type: ignore[arg-type]  # one field at a time
        holder.wired.node.identity.node,
    )


def test_a_word_on_what_was_never_given_to_its_speaker_counts_for_nothing(trio: Trio) -> None:
    trio.held()
    with trio.a.database.write() as tx:
        take_notice(
            tx, trio.a.wired.node, trio.a.wired.gate, XB, notice(trio, trio.b), trio.clock.now()
        )
    assert holders(trio) == []


def test_an_onward_holder_may_pass_on_in_its_turn(trio: Trio) -> None:
    passed_on(trio)
    trio.pull(trio.a, trio.b)
    with trio.a.database.write() as tx:
        envelope = notice(trio, trio.c, recipient=MemberId("XD"))
        take_notice(tx, trio.a.wired.node, trio.a.wired.gate, XC, envelope, trio.clock.now())
    assert [member for member, _, _ in holders(trio)] == [XC, MemberId("XD")]


@pytest.mark.parametrize(
    ("changes", "sender", "error", "message"),
    [
        ({"exercise": False}, XB, RefusedError, "never mix"),
        ({"originator": XC, "recipient": XA}, XB, RefusedError, "between other members"),
        ({}, XC, NoticeError, "no onward notice"),
    ],
    ids=["in earnest", "to another", "of another's lane"],
)
def test_a_notice_is_refused(
    trio: Trio,
    changes: dict[str, object],
    sender: MemberId,
    error: type[Exception],
    message: str,
) -> None:
    with trio.a.database.write() as tx, pytest.raises(error, match=message):
        take_notice(
            tx,
            trio.a.wired.node,
            trio.a.wired.gate,
            sender,
            notice(trio, trio.b, **changes),
            trio.clock.now(),
        )


def test_an_order_goes_on_to_whom_the_item_was_passed_and_to_nobody_twice(trio: Trio) -> None:
    passed_on(trio)
    assert relay(trio, trio.b) == (XC,)
    count = trio.b.read(lambda tx: tx.feeds.lane(XC, "orders")).count
    assert count == 2
    assert relay(trio, trio.b) == (XC,)
    assert trio.b.read(lambda tx: tx.feeds.lane(XC, "orders")).count == count
    trio.pull(trio.c, trio.b)
    assert relay(trio, trio.c) == ()


def test_an_order_on_what_was_passed_to_nobody_goes_nowhere(trio: Trio) -> None:
    wired = trio.a.wired
    disclose(wired.node, trio.user("ada"), wired.gate, [trio.held()], trio.wish("warning"))
    trio.pull(trio.b, trio.a)
    assert relay(trio, trio.b) == ()
    # The originator relays nothing of its own: it orders each holder itself.
    assert relay(trio, trio.a) == ()


def recalled(trio: Trio) -> str:
    command = Command(
        action=OrderAction.RECALL,
        references=(INDICATOR,),
        treaty=trio.treaty,
        article=ArticleId("4"),
        reason=OrderReason.WRONG,
    )
    wired = trio.a.wired
    [name] = issue_orders(wired.node, trio.user("olga"), wired.gate, command).orders
    return name


def holds(member: Member) -> bool:
    rows = member.read(lambda tx: tx.items.by_object_id(INDICATOR))
    return any(row.state is ItemState.HELD for row in rows)


@pytest.mark.parametrize("noticed", [True, False], ids=["who was told", "who was not told yet"])
def test_a_recall_reaches_whoever_was_passed_the_item(trio: Trio, *, noticed: bool) -> None:
    passed_on(trio)
    trio.pull(trio.c, trio.b)
    assert holds(trio.c)
    if noticed:
        trio.pull(trio.a, trio.b)
    name = recalled(trio)
    ordered = {each.holder.member for each in trio.a.read(lambda tx: show_order(tx, name)).holders}
    assert ordered == ({XB, XC} if noticed else {XB})
    if noticed:
        trio.pull(trio.c, trio.a)
        assert not holds(trio.c), "ordered directly"
    trio.pull(trio.b, trio.a)
    assert not holds(trio.b)
    trio.pull(trio.c, trio.b)
    assert not holds(trio.c), "or by the member that passed it on"
    for _ in range(2):
        for member in (trio.b, trio.c):
            tick(member.wired.node, member.wired.gate)
            trio.pull(trio.a, member)
            trio.pull(member, trio.a)
    rows = trio.a.read(lambda tx: show_order(tx, name)).holders
    assert {each.holder.member: each.state for each in rows} == {
        XB: OrderState.ATTESTED,
        XC: OrderState.ATTESTED,
    }
