"""Orders as both engines keep them: rows, tallies, lists, breaches, orders received."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from foedus.canonical import canonical_bytes
from foedus.casework.attestation import Beyond, BeyondKind, Kept, Outcome, ReservedGround
from foedus.casework.order import Order, OrderAction, OrderLine, OrderReason, digest_of, sign_order
from foedus.casework.order_course import OrderState
from foedus.model.identifiers import ArticleId, MemberId, ObjectId, TreatyId
from foedus.node.ports import Database, Transaction
from foedus.node.ports.orders import Attested, MatrixPlace, NewBreach, NewHolder, NewIssued, Rows
from foedus.node.ports.received_orders import Applied, NewReceived
from foedus.signing import SigningKey
from foedus.store.errors import StoreMissingError

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
DUE = NOW + timedelta(days=3)
TREATY = TreatyId("ab" * 32)
KEY = SigningKey.from_seed(bytes(range(32)))
XA, XB, XC, XD = (MemberId(name) for name in ("XA", "XB", "XC", "XD"))


def issue(tx: Transaction, *holders: MemberId, **changes: object) -> int:
    sequence = tx.orders.next_sequence(NOW.year)
    entry = tx.ledger.append(bytes(32), salt=bytes(32), record=b"{}", at=NOW)
    order = NewIssued(
        name=f"XA-O-2026-{sequence:05d}",
        action=OrderAction.RECALL,
        reason=OrderReason.WRONG,
        treaty=TREATY,
        article=ArticleId("21"),
        at=NOW,
        due=DUE,
        life=False,
        user="officer",
        entry_index=entry,
        handles=(11, 12),
    )
    number = tx.orders.issue(replace(order, **changes), sequence=sequence)  # type: ignore[arg-type]  # a test's changes
    tx.orders.address(number, [holder(number, each) for each in holders])
    return number


def holder(number: int, member: MemberId) -> NewHolder:
    return NewHolder(
        member=member,
        digest=f"{number}{member}",
        document=100 + number,
        position=number,
        items=2,
        via="",
        ordered=NOW,
        due=DUE,
    )


def attested(state: OrderState, at: datetime) -> Attested:
    return Attested(
        payload=b"payload",
        state=state,
        received=at,
        executed=at,
        attested=at,
        outcome=Outcome.EXECUTED if state is OrderState.ATTESTED else Outcome.IN_PART,
        kept=0 if state is OrderState.ATTESTED else 1,
        kept_until=None,
    )


def names(tx: Transaction, rows: Rows) -> list[str]:
    found = tx.orders.matrix(rows, after=None, limit=99)
    return [f"{row.number}{row.holder.member}" for row in found]


def test_every_list_and_figure_follows_what_happens(database: Database) -> None:
    with database.write() as tx:
        assert issue(tx, XB, XC) == 1
        assert issue(tx, XC, XD) == 2
        tx.orders.address(2, [holder(2, XC)])
    with database.write() as tx:
        assert tx.orders.awaiting_receipt() == [XB, XC, XD]
        assert tx.orders.first_awaiting(XC) == 1
        assert tx.orders.note_receipts(XC, count=1, at=NOW) == 1
        assert tx.orders.note_receipts(XC, count=1, at=NOW) == 0
        tx.orders.note_attested(1, XB, attested(OrderState.ATTESTED, NOW))
        tx.orders.note_attested(2, XD, attested(OrderState.EXECUTED_IN_PART, NOW))
        late = tx.orders.overdue(DUE + timedelta(seconds=1), limit=9)
        assert [f"{row.number}{row.holder.member}" for row in late] == ["1XC", "2XC"]
        assert tx.orders.overdue(DUE, limit=9) == []
        record = tx.orders.add_breach(
            NewBreach(number=1, member=XC, due=DUE, noted=DUE, entry_index=0)
        )
    with database.read() as tx:
        assert names(tx, Rows.ALL) == ["1XB", "1XC", "2XC", "2XD"]
        assert names(tx, Rows.OPEN) == ["1XC", "2XC", "2XD"]
        assert names(tx, Rows.OVERDUE) == ["1XC"]
        assert names(tx, Rows.KEPT) == ["2XD"]
        page = tx.orders.matrix(Rows.ALL, after=MatrixPlace(number=1, member="XB"), limit=2)
        assert [row.holder.member for row in page] == [XC, XC]
        one = tx.orders.matrix(Rows.OPEN, after=None, limit=9, number=2)
        assert [row.holder.member for row in one] == [XC, XD]
        tally = tx.orders.tally()
        assert tally.states == {
            OrderState.ORDERED: 1,
            OrderState.RECEIVED: 1,
            OrderState.EXECUTED_IN_PART: 1,
            OrderState.EXECUTED: 0,
            OrderState.ATTESTED: 1,
        }
        assert (tally.overdue, tally.breaches) == (1, 1)
        assert tx.orders.tally(2).states[OrderState.ORDERED] == 1
        assert tx.orders.attestations(1) == {XB: [b"payload"]}
        found = tx.orders.by_digest("1XB")
        assert found is not None
        assert (found.holder.member, found.attested) == (XB, NOW)
        assert tx.orders.by_digest("") is None
    late_by = DUE + timedelta(hours=2)
    with database.write() as tx:
        tx.orders.note_attested(1, XC, attested(OrderState.ATTESTED, late_by))
        assert (tx.orders.tally().overdue, tx.orders.tally().breaches) == (0, 1)
        [breach] = tx.orders.breaches(open_only=True, after=0, limit=9)
        assert (breach.record, breach.executed, breach.issued_by) == (record, late_by, "officer")
        tx.orders.close_breach(record, user="other", reason="power failure", at=late_by)
        with pytest.raises(StoreMissingError):
            tx.orders.close_breach(record, user="other", reason="again", at=late_by)
        assert tx.orders.tally(1).breaches == 0
        assert tx.orders.breaches(open_only=True, after=0, limit=9) == []
        [closed] = tx.orders.breaches(open_only=False, after=0, limit=9)
        assert (closed.closed_by, closed.reason) == ("other", "power failure")


def test_orders_are_found_by_name_and_what_is_unsent_is_known(database: Database) -> None:
    with database.write() as tx:
        number = issue(tx, XB)
        tx.orders.address(number, [replace(holder(number, XC), position=0)])
        assert [row.holder.member for row in tx.orders.unsent([XC], limit=9)] == [XC]
        tx.orders.sent(number, XC, position=4)
        assert tx.orders.unsent([XC], limit=9) == []
    with database.read() as tx:
        found = tx.orders.issued("XA-O-2026-00001")
        assert found is not None
        assert (found.order.handles, found.ended) == ((11, 12), None)
        assert tx.orders.issued("XA-O-2026-00009") is None
        assert [each.number for each in tx.orders.all_issued(before=None, limit=9)] == [1]
        assert tx.orders.all_issued(before=1, limit=9) == []
        assert tx.orders.next_sequence(2026) == 2
        assert tx.orders.next_sequence(2027) == 1
    with database.write() as tx:
        assert tx.orders.end([11], [OrderAction.RESTRICT], at=NOW) == 0
        assert tx.orders.end([11, 12], [OrderAction.RECALL], at=NOW) == 2
        ended = tx.orders.issued("XA-O-2026-00001")
        assert ended is not None
        assert ended.ended == NOW


def received(action: OrderAction = OrderAction.RECALL, minutes: int = 0) -> NewReceived:
    order = Order(
        exercise=True,
        name="XB-O-2026-00001",
        action=action,
        originator=XB,
        holder=XA,
        treaty=TREATY,
        article=ArticleId("21"),
        at=NOW + timedelta(minutes=minutes),
        due=DUE,
        life=False,
        reason=OrderReason.WRONG,
        lines=(OrderLine(object_id=ITEM, versions=("2026-11-20T00:00:00.000Z",)),),
    )
    envelope = sign_order(order, KEY)
    return NewReceived(
        order=order,
        sender=XB,
        digest=digest_of(envelope),
        envelope=canonical_bytes(dict(envelope.document())),
        received=NOW,
        automatic=True,
    )


ITEM = ObjectId("indicator--00000000-0000-4000-8000-000000000001")


def test_an_order_received_is_taken_once_and_led_to_its_attestation(database: Database) -> None:
    kept = Kept(ground=ReservedGround.COURT_FILE, items=1, until=DUE)
    with database.write() as tx:
        taken = tx.orders.take(received())
        assert taken is not None
        assert taken.taken == received()
        assert tx.orders.take(received()) is None
        assert [each.number for each in tx.orders.to_apply(NOW, limit=9)] == [1]
        assert tx.orders.reconsider(XB, [ITEM], at=NOW) == 0, "it was not applied yet"
        applied = Applied(held=1, counts={"restricted": 1}, kept=(kept,))
        tx.orders.put_reach(1, passed_on=[XD, XC], beyond=[Beyond(kind=BeyondKind.EXPORT, count=2)])
        tx.orders.put_applied(
            1,
            applied,
            state=OrderState.EXECUTED_IN_PART,
            at=NOW,
            unattested=True,
            reconsider=DUE,
        )
    with database.write() as tx:
        [found] = tx.orders.to_attest(limit=9)
        assert (found.applied, found.executed, found.reconsider) == (applied, NOW, DUE)
        assert found.passed_on == (XC, XD)
        assert found.beyond == (Beyond(kind=BeyondKind.EXPORT, count=2),)
        tx.orders.put_attested(1, state=OrderState.EXECUTED_IN_PART, at=NOW)
        assert tx.orders.to_attest(limit=9) == []
        assert tx.orders.to_apply(NOW, limit=9) == []
        assert [each.number for each in tx.orders.to_apply(DUE, limit=9)] == [1]
        assert tx.orders.reconsider(XC, [ITEM], at=NOW) == 0
        assert tx.orders.reconsider(XB, [ITEM], at=NOW) == 1
        assert [each.number for each in tx.orders.to_apply(NOW, limit=9)] == [1]
        assert [
            each.number for each in tx.orders.all_received(open_only=True, before=None, limit=9)
        ] == [1]
        tx.orders.put_attested(1, state=OrderState.ATTESTED, at=NOW)
        assert tx.orders.all_received(open_only=True, before=None, limit=9) == []
        assert len(tx.orders.all_received(open_only=False, before=None, limit=9)) == 1
        again = tx.orders.received_digest(received().digest)
        assert again is not None
        assert again.number == 1
        assert tx.orders.received(2) is None


def test_lines_are_found_by_item_oldest_order_first(database: Database) -> None:
    with database.write() as tx:
        tx.orders.take(received(OrderAction.LIFT, minutes=5))
        tx.orders.take(received(OrderAction.RESTRICT))
        lines = tx.orders.lines_on(XB, [ITEM, ITEM])
        assert [each.action for each in lines] == [OrderAction.RESTRICT, OrderAction.LIFT]
        assert lines[0].line.versions == ("2026-11-20T00:00:00.000Z",)
        assert tx.orders.lines_on(XC, [ITEM]) == []
        assert tx.orders.lines_on(XB, []) == []


def test_people_are_told_once_that_an_order_is_late(database: Database) -> None:
    with database.write() as tx:
        tx.orders.take(received())
        assert tx.orders.late_here(DUE, limit=9) == []
        [late] = tx.orders.late_here(DUE + timedelta(seconds=1), limit=9)
        tx.orders.put_late(late.number)
        assert tx.orders.late_here(DUE + timedelta(seconds=1), limit=9) == []
