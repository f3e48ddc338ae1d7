"""Orders and attestations of members that lie, err or repeat themselves."""

from __future__ import annotations

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
    sign_attestation,
)
from foedus.casework.errors import AttestationError
from foedus.casework.order import (
    Order,
    OrderAction,
    OrderLine,
    OrderReason,
    read_order,
    sign_order,
)
from foedus.casework.order_course import OrderState
from foedus.model.identifiers import ArticleId, MemberId, ObjectId, TreatyId
from foedus.model.kinds import FoedusKind, wrap_object
from foedus.node import case_clock, take_orders
from foedus.node.case_clock import tick
from foedus.node.dispatch import send_documents
from foedus.node.errors import RefusedError
from foedus.node.issue_orders import Command, Issued, issue_orders
from foedus.node.lawbook import LawView
from foedus.node.order_status import show_order
from foedus.node.ports import ItemState
from foedus.node.ports.orders import HolderRow
from foedus.node.recover_orders import rebuild_orders
from foedus.node.reserved import keep
from foedus.node.take_attestations import take_attestation
from foedus.node.take_orders import finish_orders, take_order
from foedus.signing import Envelope, KeyPurpose, SigningKey
from foedus.store.sql import received_orders

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
    later = now + timedelta(minutes=1)
    taken(pair, made(pair, OrderAction.LIFT, 1, name="XA-O-2026-00079", at=later))
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
    count = 105
    given(pair, *range(1, count + 1))
    now = pair.clock.now()
    for number in range(1, count + 1):
        keep(
            pair.b.wired.node, OFFICER, name_of(number),
            ground=ReservedGround.COURT_FILE, reason="file", until=now + timedelta(days=number),
        )  # fmt: skip
    taken(pair, made(pair, OrderAction.RECALL, *range(1, count + 1)))
    assert finish_orders(pair.b.wired.node, pair.b.wired.gate) == 1


def test_a_lift_reads_each_order_once_however_many_items_it_names(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = range(1, 41)
    given(pair, *numbers)
    taken(pair, made(pair, OrderAction.RESTRICT, *numbers))
    assert state(pair.b, 1) == [ItemState.RESTRICTED]
    read: list[bytes] = []

    def counted(payload: bytes) -> Order:
        read.append(payload)
        return read_order(payload)

    monkeypatch.setattr(received_orders, "read_order", counted)
    later = pair.clock.now() + timedelta(minutes=1)
    taken(pair, made(pair, OrderAction.LIFT, *numbers, name="XA-O-2026-00079", at=later))
    assert state(pair.b, 1) == [ItemState.HELD]
    assert len(read) < 20


def test_an_attestation_that_contradicts_itself_is_none(pair: Pair) -> None:
    given(pair, 1)
    [name] = ordered(pair, OrderAction.RECALL, name_of(1)).orders
    kept = (Kept(ground=ReservedGround.OTHER_LAW, items=1),)
    contradictions: list[dict[str, Any]] = [
        {"kept": kept},
        {"kept": kept, "outcome": Outcome.IN_PART},
        {"final": False},
        {"final": False, "outcome": Outcome.IN_PART},
        {"outcome": Outcome.IN_PART},
        {"outcome": Outcome.NOTHING_HELD},
        {"order": "a text that nobody wrote"},
        {"order": "XB-O-2026-00001"},
    ]
    for changes in contradictions:
        with pytest.raises(AttestationError):
            heard(pair, told(pair, name, **changes))
    assert row_of(pair, name).state is OrderState.ORDERED


@pytest.mark.parametrize("ahead", [timedelta(hours=2), -timedelta(hours=2)])
def test_an_attestation_of_another_time_is_refused(pair: Pair, ahead: timedelta) -> None:
    given(pair, 1)
    pair.clock.instant += timedelta(hours=5)
    [name] = ordered(pair, OrderAction.RECALL, name_of(1)).orders
    at = pair.clock.now() + ahead
    with pytest.raises(RefusedError):
        heard(pair, told(pair, name, received=at, executed=at, at=at))
    assert row_of(pair, name).state is OrderState.ORDERED


def test_attestations_of_orders_nobody_gave_are_one_alarm(pair: Pair) -> None:
    given(pair, 1)
    [name] = ordered(pair, OrderAction.RECALL, name_of(1)).orders
    for number in range(1, 5):
        other = f"XA-O-2026-{number:05d}"
        heard(pair, told(pair, name, order=other, order_digest=f"{number:064x}"))
    assert alarms(pair.a, "order.unknown") == ["XB"]


def test_who_is_said_to_have_it_and_is_not_known_here_is_on_record(pair: Pair) -> None:
    given(pair, 1)
    [name] = ordered(pair, OrderAction.RECALL, name_of(1)).orders
    heard(pair, told(pair, name, passed_on=(XC,)))
    assert [
        each.holder.member for each in pair.a.read(lambda tx: show_order(tx, name)).holders
    ] == [XB]
    assert alarms(pair.a, "order.unreached") == [f"{name}/XB"]


def test_what_one_step_of_the_clock_cannot_do_holds_up_no_other(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(pair, 1)
    [name] = ordered(pair, OrderAction.RECALL, name_of(1)).orders
    pair.clock.instant += timedelta(days=9)

    def broken(_node: object, _gate: object) -> None:
        raise RefusedError("a file cannot be deleted")

    monkeypatch.setattr(case_clock, "_STEPS", (broken, *case_clock._STEPS))
    with pytest.raises(RefusedError):
        tick(pair.a.wired.node, pair.a.wired.gate)
    assert alarms(pair.a, "order.overdue") == [f"{name}/XB"]


@pytest.mark.parametrize(
    "action", [OrderAction.RECALL, OrderAction.RESTRICT, OrderAction.NARROW, OrderAction.LIFT]
)
def test_an_order_to_another_says_nothing_of_what_we_were_given_directly(
    pair: Pair, action: OrderAction
) -> None:
    """Whoever is ordered something cannot have it carried out at others by bringing it there."""
    given(pair, 1)
    taken(pair, made(pair, action, 1, holder=XC), sender=XC)
    assert state(pair.b, 1) == [ItemState.HELD]
    assert not pair.b.read(lambda tx: tx.orders.all_received(open_only=False, before=None, limit=9))


def test_an_order_on_what_another_holds_of_us_changes_nothing(pair: Pair) -> None:
    """XA orders what is XB's own: an id of XB's item, and one of a draft."""
    [handle] = pair.b.held(pair.indicator(7, "own.example"))
    pair.b.drafts(pair.indicator(8, "draft.example"))
    for number, action in enumerate((OrderAction.RESTRICT, OrderAction.RECALL), start=10):
        taken(pair, made(pair, action, 7, 8, name=f"XA-O-2026-000{number}"))
    assert (state(pair.b, 7), state(pair.b, 8)) == ([ItemState.HELD], [ItemState.DRAFT])
    again = pair.b.held(pair.indicator(7, "own.example", modified="2026-11-23T00:00:00.000Z"))
    assert again
    assert again != [handle]


def test_two_attestations_that_contradict_each_other(pair: Pair) -> None:
    """The first that settles stands; what is said afterwards takes nothing back."""
    given(pair, 1)
    [name] = ordered(pair, OrderAction.RECALL, name_of(1)).orders
    heard(pair, told(pair, name))
    pair.clock.instant += timedelta(minutes=5)
    kept = (Kept(ground=ReservedGround.OTHER_LAW, items=1),)
    heard(pair, told(pair, name, outcome=Outcome.IN_PART, kept=kept, final=False))
    heard(pair, told(pair, name, outcome=Outcome.NOTHING_HELD, counts={}))
    row = row_of(pair, name)
    assert (row.state, row.outcome, row.kept) == (OrderState.ATTESTED, Outcome.EXECUTED, 0)


def test_a_crash_between_carrying_out_and_attesting_is_made_good(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(pair, 1)
    [name] = ordered(pair, OrderAction.RECALL, name_of(1)).orders
    kind = type(pair.b.database)

    def full(_self: object) -> bool:
        raise RefusedError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(kind, "forget", full)
        with pytest.raises(RefusedError):
            pair.pull(pair.b)
    assert state(pair.b, 1) == []
    [received] = pair.b.read(lambda tx: tx.orders.to_attest(limit=9))
    assert received.attested is None
    tick(pair.b.wired.node, pair.b.wired.gate)
    assert not pair.b.read(lambda tx: tx.orders.to_attest(limit=9))
    pair.pull(pair.a)
    assert row_of(pair, name).state is OrderState.ATTESTED
    view = pair.a.read(lambda tx: show_order(tx, name))
    assert len(view.attestations[XB]) == 1


def test_what_an_earlier_key_signed_is_believed(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attestation that lay in the lane while its holder's key was made anew still counts."""
    given(pair, 1)
    [name] = ordered(pair, OrderAction.RECALL, name_of(1)).orders
    attestation = told(pair, name)
    changed = pair.clock.now() + timedelta(minutes=5)
    pair.clock.instant += timedelta(minutes=10)
    plain = LawView.keys

    def renewed(view: LawView, member: MemberId, purpose: KeyPurpose, at: datetime) -> Any:
        return () if member == XB and at > changed else plain(view, member, purpose, at)

    monkeypatch.setattr(LawView, "keys", renewed)
    heard(pair, attestation)
    assert row_of(pair, name).state is OrderState.ATTESTED


def test_exports_are_all_gone_before_anything_is_attested(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(pair, 1)
    taken(pair, made(pair, OrderAction.RECALL, 1))
    left = [3, 2, 1, 0]
    monkeypatch.setattr(take_orders, "delete_queued_exports", lambda _node: left.pop(0))
    assert finish_orders(pair.b.wired.node, pair.b.wired.gate) == 1
    assert left == []


def test_an_order_that_cannot_be_attested_holds_up_no_other(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(pair, 1, 2)
    for number in (1, 2):
        taken(pair, made(pair, OrderAction.RECALL, number, name=f"XA-O-2026-0000{number}"))
    plain = sign_attestation

    def broken(attestation: Attestation, key: SigningKey) -> Envelope:
        if attestation.order.endswith("1"):
            raise AttestationError("no attestation: it cannot be said")
        return plain(attestation, key)

    with monkeypatch.context() as patch:
        patch.setattr(take_orders, "sign_attestation", broken)
        assert finish_orders(pair.b.wired.node, pair.b.wired.gate) == 1
    assert alarms(pair.b, "order.unattested") == ["1"]
    assert finish_orders(pair.b.wired.node, pair.b.wired.gate) == 1
    assert alarms(pair.b, "order.unattested") == []


@pytest.mark.parametrize("later", [OrderAction.RECALL, OrderAction.RESTRICT])
def test_a_lift_that_a_member_returns_late_undoes_nothing_younger(
    pair: Pair, later: OrderAction
) -> None:
    """Recovery: what one holder has read of its lane says nothing of what came after it."""
    given(pair, 1)
    ordered(pair, OrderAction.RESTRICT, name_of(1))
    lifted = pair.clock.now() + timedelta(minutes=1)
    pair.clock.instant += timedelta(minutes=2)
    ordered(pair, later, name_of(1))
    assert state(pair.a, 1) == [ItemState.RESTRICTED]
    lift = made(pair, OrderAction.LIFT, 1, at=lifted, due=lifted + timedelta(days=1))
    envelope = sign_order(lift, pair.a.wired.node.identity.node)
    document = wrap_object(
        FoedusKind.ORDER, envelope.document(), payload=envelope.payload, issued=lift.at
    )
    node = pair.a.wired.node
    with pair.a.database.write() as tx:
        send_documents(
            tx, node.identity, pair.a.wired.gate, [document],
            recipients=[XB], lane="orders", treaty=pair.treaty, at=pair.clock.now(),
        )  # fmt: skip
        assert rebuild_orders(tx, node, XB) == 1
    assert state(pair.a, 1) == [ItemState.RESTRICTED]
    [row] = pair.a.read(lambda tx: tx.items.by_object_id(name_of(1)))
    assert pair.a.read(lambda tx: tx.orders.barred(XB, [row.handle], at=pair.clock.now()))


@pytest.mark.parametrize("action", [OrderAction.RECALL, OrderAction.RESTRICT, OrderAction.NARROW])
def test_an_order_to_a_member_that_holds_nothing_is_refused(
    pair: Pair, action: OrderAction
) -> None:
    given(pair, 1)
    with pytest.raises(RefusedError, match="XC"):
        ordered(pair, action, name_of(1), members=(XB, XC))
    assert state(pair.a, 1) == [ItemState.HELD]


def test_a_lift_shows_nothing_that_has_ended(pair: Pair) -> None:
    """What was kept on a ground past its end is not visible between that ground and the purge."""
    given(pair, 1)
    now = pair.clock.now()
    until = now + timedelta(days=2)
    keep(
        pair.b.wired.node, OFFICER, name_of(1),
        ground=ReservedGround.COURT_FILE, reason="file", until=until,
    )  # fmt: skip
    ends = (OrderLine(object_id=name_of(1), versions=(VERSION,), expiry=now),)
    taken(pair, made(pair, OrderAction.EXPIRE, 1, lines=ends))
    assert state(pair.b, 1) == [ItemState.RESTRICTED]
    pair.clock.instant = until + timedelta(hours=1)
    lift = made(pair, OrderAction.LIFT, 1, name="XA-O-2026-00078")
    taken(pair, lift)
    assert state(pair.b, 1) == [ItemState.RESTRICTED]
    tick(pair.b.wired.node, pair.b.wired.gate)
    assert state(pair.b, 1) == []


def test_an_order_that_its_giver_withholds_is_told_and_binds_nobody(pair: Pair) -> None:
    """XA shows a place instead of the order: it is covered by XB's head, and XB knows of it."""
    given(pair, 1)
    [name] = ordered(pair, OrderAction.RECALL, name_of(1)).orders
    document = row_of(pair, name).holder.document
    with pair.a.database.write() as tx:
        tx.erasure.erase_items(
            [document], [ObjectId(f"foedus-order--{'0' * 8}-0000-5000-8000-{'0' * 12}")]
        )
    pair.pull(pair.b)
    assert state(pair.b, 1) == [ItemState.HELD]
    assert alarms(pair.b, "document.withheld") == ["XA/orders"]
