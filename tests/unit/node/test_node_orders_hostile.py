"""Orders and attestations of members that lie, err or repeat themselves."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from foedus.access import Actor, Role
from foedus.casework.attestation import (
    Attestation,
    Kept,
    Outcome,
    ReservedGround,
    read_attestation,
    sign_attestation,
)
from foedus.casework.errors import AttestationError
from foedus.casework.order import (
    Order,
    OrderAction,
    OrderLine,
    OrderReason,
    digest_of,
    sign_order,
)
from foedus.casework.order_course import OrderState
from foedus.errors import FoedusError
from foedus.model.identifiers import ArticleId, MemberId, ObjectId, TreatyId
from foedus.node.case_clock import tick
from foedus.node.errors import RefusedError
from foedus.node.issue_orders import Command, Issued, issue_orders
from foedus.node.order_status import show_order
from foedus.node.ports import ItemState
from foedus.node.ports.orders import HolderRow
from foedus.node.reserved import keep
from foedus.node.take_attestations import take_attestation
from foedus.node.take_orders import finish_orders, take_order
from foedus.signing import Envelope

if TYPE_CHECKING:
    from tests.unit.node.conftest import Member, Pair

OFFICER = Actor(user="officer", roles=frozenset({Role.OFFICER}))
XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")
VERSION = "2026-11-20T00:00:00.000Z"


def given(pair: Pair, *numbers: int) -> list[str]:
    """Have XA give indicators to XB, which takes them; returns references."""
    objects = [pair.indicator(number, f"site{number}.example") for number in numbers]
    handles = pair.a.held(*objects)
    assert pair.a.disclose(handles, pair.treaty).given == len(numbers)
    pair.pull(pair.b)
    return [str(row.number) for row in pair.a.read(lambda tx: tx.items.rows(handles))]


def name_of(number: int) -> ObjectId:
    return ObjectId(f"indicator--00000000-0000-4000-8000-{number:012d}")


def ordered(pair: Pair, action: OrderAction, *references: str, **more: Any) -> Issued:
    command = Command(
        action=action,
        references=references,
        treaty=pair.treaty,
        article=ArticleId("2"),
        reason=OrderReason.WRONG,
        **more,
    )
    return issue_orders(pair.a.wired.node, OFFICER, pair.a.wired.gate, command)


def made(pair: Pair, action: OrderAction, *numbers: int, **changes: Any) -> Order:
    """Return an order of XA to XB, as a hostile XA may sign it."""
    now = pair.clock.now()
    order = Order(
        exercise=True,
        name="XA-O-2026-00077",
        action=action,
        originator=XA,
        holder=XB,
        treaty=pair.treaty,
        article=ArticleId("2"),
        at=now,
        due=now + timedelta(days=3),
        life=False,
        reason=OrderReason.WRONG,
        lines=tuple(
            OrderLine(object_id=name_of(number), versions=(VERSION,)) for number in sorted(numbers)
        ),
    )
    return replace(order, **changes)


def taken(pair: Pair, order: Order, sender: MemberId = XA) -> Envelope:
    """Have XB take an order from a member's lane."""
    envelope = sign_order(order, pair.a.wired.node.identity.node)
    node, gate = pair.b.wired.node, pair.b.wired.gate
    with pair.b.database.write() as tx:
        take_order(tx, node, gate, sender, envelope, pair.clock.now())
    return envelope


def state(member: Member, number: int) -> list[ItemState]:
    rows = member.read(lambda tx: tx.items.by_object_id(name_of(number)))
    return [row.state for row in rows if row.state is not ItemState.DISCARDED]


def alarms(member: Member, code: str) -> list[str]:
    return [each.subject for each in member.read(lambda tx: tx.alarms.open()) if each.code == code]


def row_of(pair: Pair, name: str) -> HolderRow:
    [row] = pair.a.read(lambda tx: show_order(tx, name)).holders
    return row


def told(pair: Pair, name: str, **changes: Any) -> Attestation:
    """Return what XB may say of an order of XA that is on its way to it."""
    row = row_of(pair, name)
    now = pair.clock.now()
    plain = Attestation(
        exercise=True,
        order=name,
        order_digest=row.holder.digest,
        holder=XB,
        originator=XA,
        received=now,
        executed=now,
        at=now,
        outcome=Outcome.EXECUTED,
        counts={"versions": 1},
    )
    return replace(plain, **changes)


def heard(pair: Pair, attestation: Attestation) -> None:
    envelope = sign_attestation(attestation, pair.b.wired.node.identity.node)
    node, gate = pair.a.wired.node, pair.a.wired.gate
    with pair.a.database.write() as tx:
        take_attestation(tx, node, gate, XB, envelope, pair.clock.now())


def test_a_recall_after_a_narrowing_is_not_undone_by_a_lift(pair: Pair) -> None:
    given(pair, 1)
    now = pair.clock.now()
    taken(pair, made(pair, OrderAction.NARROW, 1))
    assert state(pair.b, 1) == []
    taken(pair, made(pair, OrderAction.RECALL, 1, name="XA-O-2026-00078"))
    taken(pair, made(pair, OrderAction.LIFT, 1, name="XA-O-2026-00079", at=now + timedelta(minutes=1)))
    item = pair.indicator(1, "site1.example")
    pair.a.disclose(pair.a.held({**item, "modified": "2026-11-23T00:00:00.000Z"}), pair.treaty)
    pair.pull(pair.b)
    assert state(pair.b, 1) == []


def test_what_was_never_here_keeps_nothing_of_our_own_out(pair: Pair) -> None:
    """A member that orders ids of a public list keeps nobody from importing that list."""
    taken(pair, made(pair, OrderAction.RECALL, 1))
    [handle] = pair.b.held(pair.indicator(1, "site1.example"))
    [row] = pair.b.read(lambda tx: tx.items.rows([handle]))
    assert row.state is ItemState.HELD


def test_an_order_under_a_treaty_nobody_knows_is_attested(pair: Pair) -> None:
    given(pair, 1)
    taken(pair, made(pair, OrderAction.RECALL, 1, treaty=TreatyId("0" * 64)))
    assert finish_orders(pair.b.wired.node, pair.b.wired.gate) == 1


def test_many_days_of_grounds_are_attested(pair: Pair) -> None:
    count = 120
    given(pair, *range(1, count + 1))
    now = pair.clock.now()
    for number in range(1, count + 1):
        keep(
            pair.b.wired.node, OFFICER, name_of(number),
            ground=ReservedGround.COURT_FILE, reason="file", until=now + timedelta(days=number),
        )  # fmt: skip
    taken(pair, made(pair, OrderAction.RECALL, *range(1, count + 1)))
    assert finish_orders(pair.b.wired.node, pair.b.wired.gate) == 1


def test_a_thousand_items_are_lifted_in_no_time(pair: Pair) -> None:
    numbers = range(1, 201)
    given(pair, *numbers)
    taken(pair, made(pair, OrderAction.RESTRICT, *numbers))
    assert state(pair.b, 1) == [ItemState.RESTRICTED]
    start = time.process_time()
    later = pair.clock.now() + timedelta(minutes=1)
    taken(pair, made(pair, OrderAction.LIFT, *numbers, name="XA-O-2026-00079", at=later))
    spent = time.process_time() - start
    print("lift", spent)
    assert state(pair.b, 1) == [ItemState.HELD]


@pytest.mark.parametrize(
    "changes",
    [
        {"kept": (Kept(ground=ReservedGround.OTHER_LAW, items=1),)},
        {"kept": (Kept(ground=ReservedGround.OTHER_LAW, items=1),), "outcome": Outcome.IN_PART},
        {"final": False},
        {"final": False, "outcome": Outcome.IN_PART},
        {"outcome": Outcome.IN_PART},
        {"outcome": Outcome.NOTHING_HELD},
        {"order": "a text that nobody wrote"},
        {"order": "XB-O-2026-00001"},
    ],
)
def test_an_attestation_that_contradicts_itself_is_none(pair: Pair, changes: dict[str, Any]) -> None:
    given(pair, 1)
    [name] = ordered(pair, OrderAction.RECALL, name_of(1)).orders
    with pytest.raises(AttestationError):
        heard(pair, told(pair, name, **changes))


@pytest.mark.parametrize("ahead", [timedelta(hours=2), -timedelta(hours=2)])
def test_an_attestation_of_another_time_is_refused(pair: Pair, ahead: timedelta) -> None:
    given(pair, 1)
    [name] = ordered(pair, OrderAction.RECALL, name_of(1)).orders
    at = pair.clock.now() + ahead
    with pytest.raises(RefusedError):
        heard(pair, told(pair, name, received=at, executed=at, at=at))
    assert row_of(pair, name).state is OrderState.ORDERED


def test_attestations_of_orders_nobody_gave_are_one_alarm(pair: Pair) -> None:
    given(pair, 1)
    [name] = ordered(pair, OrderAction.RECALL, name_of(1)).orders
    for number in range(1, 5):
        heard(pair, told(pair, name, order=f"XA-O-2026-{number:05d}", order_digest=f"{number:064x}"))
    assert alarms(pair.a, "order.unknown") == ["XB"]


def test_who_is_said_to_have_it_and_is_not_known_here_is_on_record(pair: Pair) -> None:
    given(pair, 1)
    [name] = ordered(pair, OrderAction.RECALL, name_of(1)).orders
    heard(pair, told(pair, name, passed_on=(XC,)))
    view = pair.a.read(lambda tx: show_order(tx, name))
    print([(each.holder.member, each.state) for each in view.holders], alarms(pair.a, "order.unreached"))


def test_what_one_step_of_the_clock_cannot_do_holds_up_no_other(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(pair, 1)
    [name] = ordered(pair, OrderAction.RECALL, name_of(1)).orders
    pair.clock.instant += timedelta(days=9)
    from foedus.node import case_clock
    def broken(_node, _gate):
        raise RefusedError("a file cannot be deleted")
    steps = list(case_clock._STEPS)
    monkeypatch.setattr(case_clock, "_STEPS", (broken, *steps))
    with pytest.raises(RefusedError):
        tick(pair.a.wired.node, pair.a.wired.gate)
    assert alarms(pair.a, "order.overdue") == [f"{name}/XB"]
