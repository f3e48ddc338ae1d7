"""Orders from end to end between two members: given, taken, attested, late, closed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from foedus.access import AccessDeniedError, Actor, Role
from foedus.casework.attestation import Kept, Outcome, ReservedGround
from foedus.casework.order import OrderAction, OrderReason, sign_order
from foedus.casework.order_course import OrderState
from foedus.errors import FoedusError
from foedus.model.identifiers import ArticleId, MemberId
from foedus.node import take_orders
from foedus.node.breaches import close_breach, list_breaches
from foedus.node.case_clock import tick
from foedus.node.errors import FourEyesError, NotFoundError, RefusedError
from foedus.node.issue_orders import Command, Issued, issue_orders
from foedus.node.order_status import matrix_of, show_order
from foedus.node.ports import ItemState, Transaction
from foedus.node.ports.orders import HolderRow, Rows
from foedus.node.ports.received_orders import Applied, ReceivedOrder
from foedus.node.preview import Wish, preview
from foedus.node.take_attestations import take_attestation
from foedus.node.take_orders import execute_order, take_order
from foedus.signing import parse_envelope

OFFICER = Actor(user="officer", roles=frozenset({Role.OFFICER}))
OTHER = Actor(user="other", roles=frozenset({Role.OFFICER}))
ANALYST = Actor(user="analyst", roles=frozenset({Role.ANALYST}))


@dataclass
class Hand:
    """Carries out orders in place of the purge: says what it is told to say."""

    answers: list[Applied] = field(default_factory=list)
    seen: list[ReceivedOrder] = field(default_factory=list)

    def __call__(
        self, _tx: Transaction, _node: object, _gate: object, received: ReceivedOrder, **_: object
    ) -> Applied:
        self.seen.append(received)
        if len(self.answers) > 1:
            return self.answers.pop(0)
        return self.answers[0] if self.answers else Applied(held=1, counts={"versions": 1})


@pytest.fixture(name="hand")
def _hand(monkeypatch: pytest.MonkeyPatch) -> Hand:
    hand = Hand()
    monkeypatch.setattr(take_orders, "apply_order", hand)
    return hand


def given(pair: Any, *numbers: int) -> list[str]:
    """Have the first member give indicators to the second, which takes them; returns references."""
    objects = [pair.indicator(number, f"site{number}.example") for number in numbers]
    handles = pair.a.held(*objects)
    assert pair.a.disclose(handles, pair.treaty).given == len(numbers)
    pair.pull(pair.b)
    rows = pair.a.read(lambda tx: tx.items.rows(handles))
    return [str(row.number) for row in rows]


def order(pair: Any, action: OrderAction, *references: str, **more: Any) -> Issued:
    command = Command(
        action=action,
        references=references,
        treaty=pair.treaty,
        article=ArticleId("2"),
        reason=more.pop("reason", OrderReason.WRONG),
        **more,
    )
    return issue_orders(pair.a.wired.node, OFFICER, pair.a.wired.gate, command)


def row_of(pair: Any, name: str) -> HolderRow:
    [row] = pair.a.read(lambda tx: show_order(tx, name)).holders
    assert isinstance(row, HolderRow)
    return row


def test_a_recall_is_ordered_received_executed_and_attested(pair: Any, hand: Hand) -> None:
    references = given(pair, 1, 2)
    issued = order(pair, OrderAction.RECALL, *references)
    assert (issued.orders, issued.holders, issued.items) == (("XA-O-2026-00001",), ("XB",), 2)
    [name] = issued.orders
    assert row_of(pair, name).state is OrderState.ORDERED
    pair.clock.instant += timedelta(minutes=5)
    pair.pull(pair.b)
    [taken] = pair.b.read(lambda tx: tx.orders.all_received(open_only=False, before=None, limit=9))
    assert taken.state is OrderState.ATTESTED
    assert [len(line.versions) for line in taken.taken.order.lines] == [1, 1]
    tick(pair.a.wired.node, pair.a.wired.gate)
    assert row_of(pair, name).state is OrderState.RECEIVED
    pair.pull(pair.a)
    row = row_of(pair, name)
    assert row.state is OrderState.ATTESTED
    assert row.outcome is Outcome.EXECUTED
    assert row.received is not None
    assert row.executed is not None
    assert row.holder.ordered < row.received <= row.executed
    view = pair.a.read(lambda tx: show_order(tx, name))
    [told] = view.attestations[MemberId("XB")]
    assert told.counts == {"versions": 1}
    assert view.tally.states[OrderState.ATTESTED] == 1
    assert len(hand.seen) == 1
    pair.pull(pair.a)
    pair.pull(pair.b)
    assert len(hand.seen) == 1, "the same document again changes nothing"


@pytest.mark.parametrize("action", [OrderAction.RECALL, OrderAction.RESTRICT])
def test_what_is_under_an_order_is_not_given_any_more(
    pair: Any, hand: Hand, action: OrderAction
) -> None:
    [handle] = pair.a.held(pair.indicator(1, "site1.example"))
    row = pair.a.read(lambda tx: tx.items.rows([handle]))[0]
    issued = order(pair, action, str(row.number))
    assert issued.holders == ()
    if action is OrderAction.RESTRICT:
        assert pair.a.read(lambda tx: tx.items.rows([handle]))[0].state is ItemState.RESTRICTED
        with pytest.raises(RefusedError):
            pair.a.disclose([handle], pair.treaty)
    else:
        wish = Wish(treaty=pair.treaty, purpose="prevention")
        table = preview(pair.a.wired.node, pair.a.actor, pair.a.wired.gate, [handle], wish)
        assert table[0].unredactable == "kept back by order XA-O-2026-00001"
        done = pair.a.disclose([handle], pair.treaty)
        [kept] = done.withheld
        assert (done.given, kept.code, kept.reason) == (
            0,
            "ordered",
            "kept back by order XA-O-2026-00001",
        )
    assert not hand.seen


def test_a_lift_ends_a_restriction(pair: Any, hand: Hand) -> None:
    [reference] = given(pair, 1)
    order(pair, OrderAction.RESTRICT, reference, reason=OrderReason.CHALLENGE)
    lifted = order(pair, OrderAction.LIFT, reference, reason=OrderReason.CHALLENGE)
    assert lifted.holders == ("XB",)
    row = pair.a.read(lambda tx: tx.orders.issued("XA-O-2026-00001"))
    assert row.ended is not None
    pair.pull(pair.b)
    actions = [each.taken.order.action for each in hand.seen]
    assert actions == [OrderAction.RESTRICT, OrderAction.LIFT]
    [held] = pair.a.read(lambda tx: tx.items.rows(row.order.handles))
    assert held.state is ItemState.HELD
    assert (
        pair.a.read(lambda tx: tx.orders.barred(MemberId("XB"), [held.handle], at=held.added)) == {}
    )


def test_a_narrowing_keeps_it_from_those_who_lose_it_only(pair: Any, hand: Hand) -> None:
    [reference] = given(pair, 1)
    with pytest.raises(RefusedError, match="which members"):
        order(pair, OrderAction.NARROW, reference)
    with pytest.raises(RefusedError, match="none of these"):
        order(pair, OrderAction.NARROW, reference, members=(MemberId("XC"),))
    order(pair, OrderAction.NARROW, reference, members=(MemberId("XB"),))
    rows = pair.a.read(lambda tx: tx.orders.issued("XA-O-2026-00001")).order.handles
    now = pair.clock.now()
    assert pair.a.read(lambda tx: tx.orders.barred(MemberId("XB"), rows, at=now))
    assert not pair.a.read(lambda tx: tx.orders.barred(MemberId("XC"), rows, at=now))
    assert not hand.seen


def test_an_expiry_bars_from_its_day_on(pair: Any, hand: Hand) -> None:
    [reference] = given(pair, 1)
    end = pair.clock.now() + timedelta(days=9)
    order(pair, OrderAction.EXPIRE, reference, reason=OrderReason.EXPIRED, expiry=end)
    handles = pair.a.read(lambda tx: tx.orders.issued("XA-O-2026-00001")).order.handles
    for at, barred in ((end - timedelta(seconds=1), False), (end, True)):
        found = pair.a.read(lambda tx, at=at: tx.orders.barred(MemberId("XB"), handles, at=at))
        assert bool(found) is barred
    pair.pull(pair.b)
    assert hand.seen[0].taken.order.lines[0].expiry == end


def test_late_is_a_breach_that_only_another_officer_closes(pair: Any, hand: Hand) -> None:
    [reference] = given(pair, 1)
    [name] = order(pair, OrderAction.RECALL, reference).orders
    pair.clock.instant += timedelta(days=3, seconds=1)
    node, gate = pair.a.wired.node, pair.a.wired.gate
    tick(node, gate)
    tick(node, gate)
    [breach] = pair.a.read(lambda tx: list_breaches(tx, open_only=True, after=0, limit=9))
    assert (breach.name, breach.breach.member, breach.executed) == (name, "XB", None)
    matrix = pair.a.read(lambda tx: matrix_of(tx, rows=Rows.OVERDUE))
    assert [row.holder.member for row in matrix.rows] == ["XB"]
    assert (matrix.tally.overdue, matrix.tally.breaches) == (1, 1)
    assert alarms(pair.a, "order.overdue") == [f"{name}/XB"]
    pair.pull(pair.b)
    pair.pull(pair.a)
    tally = pair.a.read(lambda tx: tx.orders.tally())
    assert (tally.overdue, tally.breaches) == (0, 1), "executed late, it is still a breach"
    assert alarms(pair.a, "order.overdue") == []
    [breach] = pair.a.read(lambda tx: list_breaches(tx, open_only=True, after=0, limit=9))
    assert breach.executed is not None
    assert breach.executed > breach.breach.due
    with pytest.raises(FourEyesError):
        close_breach(node, OFFICER, breach.record, "it was late")
    with pytest.raises(AccessDeniedError):
        close_breach(node, ANALYST, breach.record, "it was late")
    with pytest.raises(RefusedError, match="say what"):
        close_breach(node, OTHER, breach.record, "  ")
    with pytest.raises(NotFoundError):
        close_breach(node, OTHER, 99, "it was late")
    closed = close_breach(node, OTHER, breach.record, "talked to them; a power failure")
    assert closed.closed_by == "other"
    with pytest.raises(RefusedError, match="closed by other"):
        close_breach(node, OTHER, breach.record, "again")
    assert pair.a.read(lambda tx: tx.orders.tally()).breaches == 0
    assert hand.seen


def test_what_is_kept_on_a_ground_is_attested_twice(pair: Any, hand: Hand) -> None:
    [reference] = given(pair, 1)
    until = pair.clock.now() + timedelta(days=1)
    kept = Kept(ground=ReservedGround.COURT_FILE, items=1, until=until)
    hand.answers = [
        Applied(held=1, counts={"restricted": 1}, kept=(kept,)),
        Applied(held=1, counts={"versions": 1}),
    ]
    [name] = order(pair, OrderAction.RECALL, reference).orders
    pair.pull(pair.b)
    pair.pull(pair.a)
    row = row_of(pair, name)
    assert (row.state, row.outcome, row.kept, row.kept_until) == (
        OrderState.EXECUTED_IN_PART,
        Outcome.IN_PART,
        1,
        until,
    )
    pair.clock.instant += timedelta(days=5)
    tick(pair.a.wired.node, pair.a.wired.gate)
    assert not pair.a.read(lambda tx: list_breaches(tx, open_only=True, after=0, limit=9))
    tick(pair.b.wired.node, pair.b.wired.gate)
    pair.pull(pair.a)
    assert row_of(pair, name).state is OrderState.ATTESTED
    told = pair.a.read(lambda tx: show_order(tx, name)).attestations[MemberId("XB")]
    assert [(each.final, each.outcome) for each in told] == [
        (False, Outcome.IN_PART),
        (True, Outcome.EXECUTED),
    ]
    assert told[1].counts == {"restricted": 1, "versions": 1}


def test_a_correction_waits_for_what_replaces_and_is_attested_then(pair: Any, hand: Hand) -> None:
    [reference] = given(pair, 1)
    newer = pair.indicator(1, "right.example") | {"modified": "2026-11-21T00:00:00.000Z"}
    [new] = pair.a.held(newer)
    number = str(pair.a.read(lambda tx: tx.items.rows([new]))[0].number)
    hand.answers = [
        Applied(held=1, counts={"restricted": 1}, done=False),
        Applied(held=1, counts={"versions": 1}),
    ]
    old_id = newer["id"]
    issued = order(pair, OrderAction.CORRECT, old_id, replacement=number)
    assert issued.not_given == ()
    [name] = issued.orders
    pair.pull(pair.b)
    [line] = hand.seen[0].taken.order.lines
    assert line.replacement is not None
    assert line.replacement.object_id == old_id
    assert len(hand.seen) == 2, "again when the version that replaces had come"
    assert hand.seen[1].applied is not None
    assert not hand.seen[1].applied.done
    pair.pull(pair.a)
    assert row_of(pair, name).state is OrderState.ATTESTED
    assert reference


def test_orders_change_what_the_holder_has(pair: Any) -> None:
    """With the purge itself: block and lift, correct, recall; each attested with its figures."""
    references = given(pair, 1, 2, 3)
    there = pair.b.read(lambda tx: tx.items.page(_every(), after=None, limit=9))
    assert len(there) == 3
    figures: list[dict[str, int]] = []

    def carried_out(action: OrderAction, *named: str, **more: Any) -> list[str]:
        [name] = order(pair, action, *named, **more).orders
        pair.pull(pair.b)
        pair.pull(pair.a)
        assert row_of(pair, name).state is OrderState.ATTESTED
        [told] = pair.a.read(lambda tx: show_order(tx, name)).attestations[MemberId("XB")]
        figures.append(dict(told.counts))
        rows = pair.b.read(lambda tx: tx.items.page(_every(), after=None, limit=9))
        return sorted(f"{row.key.object_id[-1:]} {row.key.version[8:10]}" for row in rows)

    assert carried_out(OrderAction.RESTRICT, references[0]) == ["2 20", "3 20"]
    assert carried_out(OrderAction.LIFT, references[0]) == ["1 20", "2 20", "3 20"]
    newer = pair.indicator(2, "right.example") | {"modified": "2026-11-21T00:00:00.000Z"}
    [new] = pair.a.held(newer)
    number = str(pair.a.read(lambda tx: tx.items.rows([new]))[0].number)
    held = carried_out(OrderAction.CORRECT, references[1], replacement=number)
    assert held == ["1 20", "2 21", "3 20"]
    held = carried_out(OrderAction.RECALL, references[0], newer["id"], erase=True)
    assert held == ["3 20"]
    assert [each.get("versions", 0) for each in figures] == [0, 0, 1, 2]
    own = pair.a.read(lambda tx: tx.items.page(_every(), after=None, limit=9))
    assert [row.key.object_id[-1:] for row in own] == ["3"], "erased here in the same act"


def test_a_backup_keeps_what_was_erased_until_its_day(pair: Any) -> None:
    [first, second] = given(pair, 1, 2)
    made, until = pair.clock.now(), pair.clock.now() + timedelta(days=30)
    pair.clock.instant += timedelta(minutes=1)
    with pair.b.database.write() as tx:
        tx.withheld.note_backup(at=made + timedelta(seconds=30), kept_until=until)
    [recall] = order(pair, OrderAction.RECALL, first).orders
    [block] = order(pair, OrderAction.RESTRICT, second).orders
    pair.pull(pair.b)
    pair.pull(pair.a)
    row = row_of(pair, recall)
    assert (row.state, row.kept, row.kept_until) == (OrderState.EXECUTED_IN_PART, 0, until)
    assert row_of(pair, block).state is OrderState.ATTESTED, "nothing of it was erased"
    pair.clock.instant = until + timedelta(minutes=1)
    tick(pair.b.wired.node, pair.b.wired.gate)
    pair.pull(pair.a)
    assert row_of(pair, recall).state is OrderState.ATTESTED
    assert not pair.a.read(lambda tx: list_breaches(tx, open_only=True, after=0, limit=9))


def test_who_is_not_given_the_correction_erases_the_old_version(pair: Any, hand: Hand) -> None:
    given(pair, 1)
    newer = pair.indicator(1, "right.example") | {"modified": "2026-11-21T00:00:00.000Z"}
    [new] = pair.a.held(newer, purposes=frozenset({"investigation"}))
    number = str(pair.a.read(lambda tx: tx.items.rows([new]))[0].number)
    issued = order(pair, OrderAction.CORRECT, newer["id"], replacement=number)
    assert len(issued.orders) == 2
    assert [each.member for each in issued.not_given] == ["XB"]
    assert issued.not_given[0].reason
    pair.pull(pair.b)
    [seen] = hand.seen
    assert seen.taken.order.action is OrderAction.RECALL
    assert seen.taken.order.reason is OrderReason.SUPERSEDED
    barred = pair.a.read(lambda tx: tx.orders.barred(MemberId("XB"), [new], at=pair.clock.now()))
    assert barred == {}, "the new version may still be given"


def test_nothing_is_attested_while_something_lingers(pair: Any, hand: Hand) -> None:
    [reference] = given(pair, 1)
    order(pair, OrderAction.RECALL, reference)
    node = pair.b.wired.node
    held_open = replace(node, database=Lingering(node.database))
    pair.b.wired = replace(pair.b.wired, node=held_open)
    pair.pull(pair.b)
    [taken] = pair.b.read(lambda tx: tx.orders.all_received(open_only=True, before=None, limit=9))
    assert (taken.state, taken.attested) == (OrderState.EXECUTED, None)
    pair.clock.instant += timedelta(days=4)
    tick(held_open, pair.b.wired.gate)
    assert alarms(pair.b, "order.late") == ["1"]
    tick(node, pair.b.wired.gate)
    [taken] = pair.b.read(lambda tx: tx.orders.all_received(open_only=False, before=None, limit=9))
    assert taken.state is OrderState.ATTESTED
    assert alarms(pair.b, "order.late") == []
    assert len(hand.seen) == 1


def test_by_hand_where_the_treaty_leaves_it_to_people(pair: Any, hand: Hand) -> None:
    [reference] = given(pair, 1)
    order(pair, OrderAction.RECALL, reference)
    node = pair.b.wired.node
    treaties = pair.b.read(node.law.view).treaties
    clocks = treaties[pair.treaty].treaty.clocks
    object.__setattr__(clocks, "orders_automatic", False)
    try:
        pair.pull(pair.b)
    finally:
        object.__setattr__(clocks, "orders_automatic", True)
    assert not hand.seen
    assert alarms(pair.b, "order.by-hand") == ["1"]
    with pytest.raises(AccessDeniedError):
        execute_order(node, ANALYST, pair.b.wired.gate, 1)
    with pytest.raises(NotFoundError):
        execute_order(node, OFFICER, pair.b.wired.gate, 7)
    done = execute_order(node, OFFICER, pair.b.wired.gate, 1)
    assert done.state is OrderState.ATTESTED
    assert alarms(pair.b, "order.by-hand") == []
    with pytest.raises(RefusedError, match="was carried out"):
        execute_order(node, OFFICER, pair.b.wired.gate, 1)


@pytest.mark.parametrize(
    ("why", "change"),
    [
        ("for somebody else", {"holder": MemberId("XC")}),
        ("of the other of exercise and real", {"exercise": False}),
        ("dated far ahead", {"at": timedelta(hours=2), "due": timedelta(days=9)}),
        ("signed by nobody introduced", {"originator": MemberId("XC"), "name": "XC-O-2026-00001"}),
        ("our own", {"originator": MemberId("XB"), "name": "XB-O-2026-00001"}),
    ],
)
def test_an_order_that_does_not_bind_is_refused(
    pair: Any, hand: Hand, why: str, change: dict[str, Any]
) -> None:
    [reference] = given(pair, 1)
    order(pair, OrderAction.RECALL, reference)
    pair.pull(pair.b)
    taken = hand.seen[0].taken.order
    now = pair.clock.now()
    changed = {
        name: now + value if isinstance(value, timedelta) else value
        for name, value in change.items()
    }
    if changed.get("originator") == "XB":
        changed["holder"] = MemberId("XA")
    false = replace(taken, **changed)
    envelope = sign_order(false, pair.a.wired.node.identity.node)
    with pair.b.database.write() as tx, pytest.raises(FoedusError):
        take_order(tx, pair.b.wired.node, pair.b.wired.gate, MemberId("XA"), envelope, now)
    assert len(hand.seen) == 1, why


def test_an_attestation_of_an_order_that_was_lost_is_an_alarm(pair: Any, hand: Hand) -> None:
    [reference] = given(pair, 1)
    order(pair, OrderAction.RECALL, reference)
    pair.pull(pair.b)
    assert hand.seen
    envelope = attestation_sent(pair)
    with pair.a.database.write() as tx:
        tx.orders._session.run("UPDATE order_holder SET digest = ''")
    with pair.a.database.write() as tx:
        take_attestation(
            tx, pair.a.wired.node, pair.a.wired.gate, MemberId("XB"), envelope, pair.clock.now()
        )
    assert alarms(pair.a, "order.unknown") == ["XB"]


@pytest.mark.parametrize(
    ("why", "more"),
    [
        ("no such article", {"article": ArticleId("99")}),
        ("due already", {"due": timedelta(0)}),
        ("a recall with a day", {"expiry": timedelta(days=1)}),
        ("a recall with a replacement", {"replacement": "XA-2026-00001"}),
    ],
)
def test_a_command_says_what_its_action_needs(pair: Any, why: str, more: dict[str, Any]) -> None:
    [handle] = pair.a.held(pair.indicator(1, "site1.example"))
    reference = str(pair.a.read(lambda tx: tx.items.rows([handle]))[0].number)
    now = pair.clock.now()
    more = {
        name: now + value if isinstance(value, timedelta) else value for name, value in more.items()
    }
    command = Command(
        **{
            "action": OrderAction.RECALL,
            "references": (reference,),
            "treaty": pair.treaty,
            "article": ArticleId("2"),
            "reason": OrderReason.WRONG,
            **more,
        }
    )
    with pytest.raises(RefusedError):
        issue_orders(pair.a.wired.node, OFFICER, pair.a.wired.gate, command)
    assert pair.a.read(lambda tx: tx.orders.all_issued(before=None, limit=9)) == [], why


def test_only_the_originator_orders_and_only_who_may(pair: Any, hand: Hand) -> None:
    [reference] = given(pair, 1)
    row = pair.b.read(lambda tx: tx.items.page(_every(), after=None, limit=9))[0]
    command = Command(
        action=OrderAction.RECALL,
        references=(row.key.object_id,),
        treaty=pair.treaty,
        article=ArticleId("2"),
        reason=OrderReason.WRONG,
    )
    with pytest.raises(RefusedError, match="only its originator"):
        issue_orders(pair.b.wired.node, OFFICER, pair.b.wired.gate, command)
    reviewer = Actor(user="reviewer", roles=frozenset({Role.REVIEWER}))
    legal = Actor(user="legal", roles=frozenset({Role.LEGAL}))
    for actor, allowed in (
        (ANALYST, ()),
        (reviewer, ((OrderAction.RESTRICT, OrderReason.CHALLENGE),)),
        (legal, ((OrderAction.RECALL, OrderReason.TREATY_ENDED),)),
    ):
        for action in (OrderAction.RESTRICT, OrderAction.RECALL):
            for reason in (OrderReason.CHALLENGE, OrderReason.TREATY_ENDED, OrderReason.WRONG):
                if (action, reason) in allowed or (
                    actor is legal and reason is OrderReason.TREATY_ENDED
                ):
                    continue
                with pytest.raises(AccessDeniedError):
                    issue_orders(
                        pair.a.wired.node,
                        actor,
                        pair.a.wired.gate,
                        replace(command, references=(reference,), action=action, reason=reason),
                    )
    assert not hand.seen


class Lingering:
    """A database whose journal another process keeps from being emptied."""

    def __init__(self, database: Any) -> None:
        self._database = database

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    def forget(self) -> bool:
        return False


def alarms(member: Any, code: str) -> list[str]:
    opened = member.read(lambda tx: tx.alarms.open())
    return [each.subject for each in opened if each.code == code]


def attestation_sent(pair: Any) -> Any:
    """Return the envelope of the attestation that stands in the second member's order lane."""
    from foedus.model.kinds import unwrap_document  # noqa: PLC0415
    from foedus.model.objects import parse_object  # noqa: PLC0415

    def ask(tx: Transaction) -> Sequence[Any]:
        return tx.feeds.page(MemberId("XA"), "orders", after=None, limit=100)

    raws = [row.raw for row in pair.b.read(ask) if row.type == "foedus-attestation"]
    return parse_envelope(unwrap_document(parse_object(raws[-1])))


def _every() -> Any:
    from foedus.node.ports import ItemFilter  # noqa: PLC0415

    return ItemFilter(types=frozenset({"indicator"}))
