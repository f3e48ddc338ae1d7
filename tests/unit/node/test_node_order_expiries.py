"""Whoever gets an item after a day was set for it is told the day too."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from foedus.access import Actor, Role
from foedus.casework.order import OrderAction, OrderReason
from foedus.casework.order_course import OrderState
from foedus.model.identifiers import ArticleId, MemberId, ObjectId
from foedus.node.case_clock import tick
from foedus.node.consents import give_consent, take_consent
from foedus.node.disclose import disclose
from foedus.node.issue_orders import issue_orders
from foedus.node.order_status import show_order
from foedus.node.order_words import Command
from foedus.node.ports import ItemState

if TYPE_CHECKING:
    from tests.unit.node.conftest import Trio

XB, XC = MemberId("XB"), MemberId("XC")
ITEM = ObjectId("indicator--00000000-0000-4000-8000-000000000001")
OFFICER = Actor(user="olga", roles=frozenset({Role.OFFICER}))


def expiring(trio: Trio) -> tuple[int, str]:
    """XA gives to XB, and orders that it ends tomorrow; returns the handle and the order."""
    wired, handle = trio.a.wired, trio.held()
    disclose(wired.node, trio.user("ada"), wired.gate, [handle], trio.wish("warning"))
    command = Command(
        action=OrderAction.EXPIRE,
        references=(ITEM,),
        treaty=trio.treaty,
        article=ArticleId("2"),
        reason=OrderReason.EXPIRED,
        expiry=trio.clock.now() + timedelta(days=1),
    )
    [name] = issue_orders(wired.node, OFFICER, wired.gate, command).orders
    return handle, name


def ended(trio: Trio, name: str) -> None:
    """A day later nobody has it any more, and the matrix says so of both."""
    for _ in range(2):
        for own, other in ((trio.b, trio.a), (trio.c, trio.a), (trio.c, trio.b)):
            trio.pull(own, other)
        trio.clock.instant += timedelta(days=1)
        for each in (trio.a, trio.b, trio.c):
            tick(each.wired.node, each.wired.gate)
    for each in (trio.b, trio.c):
        rows = each.read(lambda tx: tx.items.by_object_id(ITEM))
        assert not [row for row in rows if row.state is not ItemState.DISCARDED]
        trio.pull(trio.a, each)
    view = trio.a.read(lambda tx: show_order(tx, name))
    assert [(row.holder.member, row.state) for row in view.holders] == [
        (XB, OrderState.ATTESTED),
        (XC, OrderState.ATTESTED),
    ]


def test_who_is_given_it_later_is_sent_the_order(trio: Trio) -> None:
    handle, name = expiring(trio)
    wired = trio.a.wired
    wish = trio.wish("warning", recipients=(XC,))
    for _ in range(2):
        disclose(wired.node, trio.user("ada"), wired.gate, [handle], wish)
    view = trio.a.read(lambda tx: show_order(tx, name))
    assert [row.holder.member for row in view.holders] == [XB, XC]
    assert trio.a.read(lambda tx: tx.feeds.counts())[XC, "orders"] == 1
    ended(trio, name)


def test_who_is_passed_it_later_is_sent_the_order(trio: Trio) -> None:
    _, name = expiring(trio)
    wired = trio.a.wired
    trio.pull(trio.b, trio.a)
    wish, until = trio.wish("warning", recipients=(XC,)), trio.clock.now() + timedelta(days=9)
    file = give_consent(wired.node, trio.user("olga"), ITEM, wish, until=until).file
    take_consent(trio.b.wired.node, trio.user("olga"), file)
    [row] = trio.b.read(lambda tx: tx.items.by_object_id(ITEM))
    other = trio.b.wired
    disclose(other.node, trio.user("ada"), other.gate, [row.handle], wish)
    trio.pull(trio.a, trio.b)
    view = trio.a.read(lambda tx: show_order(tx, name))
    assert [(row.holder.member, row.holder.via) for row in view.holders] == [(XB, ""), (XC, "XB")]
    ended(trio, name)
