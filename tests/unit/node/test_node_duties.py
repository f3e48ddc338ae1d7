"""Duties: what a release binds both sides to, by when, and how each ends."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from foedus.access import AccessDeniedError
from foedus.ledger import commit_record
from foedus.model.identifiers import MemberId
from foedus.node.disclose import disclose
from foedus.node.doctor import FAULT, examine
from foedus.node.duties import finish_review, in_words, list_duties
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.peer_ports import PeerError
from foedus.node.ports import DutyKind, DutyRow, DutySide
from foedus.node.wish import Wish

if TYPE_CHECKING:
    from tests.unit.node.conftest import Member, Trio

XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def warned(trio: Trio, wish: Wish | None = None, *, items: int = 1) -> None:
    """XA gives items to XB as a warning, or on another footing."""
    handles = [trio.held(number) for number in range(1, items + 1)]
    wired = trio.a.wired
    disclose(wired.node, trio.user("ada"), wired.gate, handles, wish or trio.wish("warning"))


def saved(trio: Trio) -> None:
    """XA gives an item to XB to protect a life."""
    warned(trio, trio.wish("life", threat_to_life=True))


def owed(trio: Trio, member: Member, *, overdue: bool = False) -> list[DutyRow]:
    with member.database.read() as tx:
        return list(list_duties(tx, now=trio.clock.now(), overdue=overdue, limit=100))


def told(rows: list[DutyRow]) -> list[tuple[str, str, timedelta]]:
    return [(row.duty.side.value, row.duty.kind.value, row.duty.due - row.duty.at) for row in rows]


def faults(member: Member) -> list[str]:
    found = examine(member.wired.node, member.wired.ledger)
    return [each.text for each in found if each.level == FAULT and "duties" in each.subject]


def test_a_release_that_came_first_is_reviewed_and_acknowledged(trio: Trio) -> None:
    saved(trio)
    assert told(owed(trio, trio.a)) == [("sent", "acknowledge", HOUR), ("sent", "review", DAY)]
    [wait, review] = owed(trio, trio.a)
    assert (wait.duty.member, wait.duty.article, wait.duty.items) == (XB, "6", 1)
    assert wait.duty.entry_index == review.duty.entry_index


def test_its_recipient_keeps_it_so_long_and_no_longer(trio: Trio) -> None:
    saved(trio)
    trio.pull(trio.b, trio.a)
    [retain] = owed(trio, trio.b)
    [review] = owed(trio, trio.a)
    assert told([retain]) == [("received", "retain", 30 * DAY)]
    assert retain.duty.at == review.duty.at, "both count from the instant of the release"
    assert retain.duty.entry_index == review.duty.entry_index
    assert (retain.duty.member, retain.duty.items) == (XA, 1)


def test_a_batch_sets_one_duty_of_each_kind_however_many_items(trio: Trio) -> None:
    warned(trio, items=7)
    [wait] = owed(trio, trio.a)
    assert wait.duty.items == 7


def test_where_nothing_is_asked_nothing_is_owed(trio: Trio) -> None:
    assert owed(trio, trio.a) == []
    assert owed(trio, trio.b) == []


def test_the_signed_word_of_the_recipient_ends_the_waiting_on_both_sides(trio: Trio) -> None:
    warned(trio)
    assert [row.duty.kind for row in owed(trio, trio.a)] == [DutyKind.ACKNOWLEDGE]
    trio.clock.instant += HOUR
    trio.pull(trio.b, trio.a)
    assert owed(trio, trio.a) == []
    assert [row.duty.kind for row in owed(trio, trio.b)] == [DutyKind.RETAIN]
    with trio.a.database.read() as tx:
        done = tx.duties.get(1)
    assert done is not None
    assert (done.done, done.done_by) == (trio.clock.now(), "")


def test_a_word_that_covers_less_ends_less(trio: Trio) -> None:
    warned(trio)
    trio.pull(trio.b, trio.a)
    wired = trio.a.wired
    item = trio.held(9)
    disclose(wired.node, trio.user("ada"), wired.gate, [item], trio.wish("warning"))
    assert len(owed(trio, trio.a)) == 1


def test_a_word_that_disagrees_ends_nothing(trio: Trio, monkeypatch: pytest.MonkeyPatch) -> None:
    from foedus.node import acknowledge  # noqa: PLC0415  # patched here only
    from foedus.node.heads import LaneHead, open_head  # noqa: PLC0415

    def lying(document: bytes, keys: Any) -> LaneHead:
        head = open_head(document, keys)
        return LaneHead(
            **{name: getattr(head, name) for name in head.__slots__} | {"digest": "0" * 64}
        )

    warned(trio)
    monkeypatch.setattr(acknowledge, "open_head", lying)
    trio.pull(trio.b, trio.a)
    assert [row.duty.kind for row in owed(trio, trio.a)] == [DutyKind.ACKNOWLEDGE]


@pytest.mark.parametrize(("fewer", "what"), [(2, "another content"), (1, "no batch")])
def test_a_word_for_fewer_rows_counts_only_for_our_rows(trio: Trio, fewer: int, what: str) -> None:
    from foedus.node.acknowledge import accept_head  # noqa: PLC0415  # used here only
    from foedus.node.heads import LaneHead, sign_head  # noqa: PLC0415

    warned(trio)
    item, wired = trio.held(9), trio.a.wired
    disclose(wired.node, trio.user("ada"), wired.gate, [item], trio.wish("warning"))
    with trio.a.database.read() as tx:
        count = tx.feeds.lane(XB, "bulk").count
    head = LaneHead(
        speaker=XB, sender=XA, recipient=XB, lane="bulk", count=count - fewer, digest="0" * 64,
        instruments="0" * 64, instant=trio.clock.now(),
    )  # fmt: skip
    accept_head(wired.node, XB, sign_head(head, trio.b.wired.node.identity.node))
    assert len(owed(trio, trio.a)) == 2
    with trio.a.database.read() as tx:
        [alarm] = tx.alarms.open()
    assert what in alarm.text
    trio.pull(trio.b, trio.a)
    assert owed(trio, trio.a) == []


def test_an_acknowledgement_that_did_not_arrive_is_still_owed(
    trio: Trio, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.unit.node.conftest import FakePeer  # noqa: PLC0415  # a class, not a fixture

    def lost(*_: Any) -> None:
        raise PeerError("the line broke")

    warned(trio)
    monkeypatch.setattr(FakePeer, "deliver_head", lost)
    trio.pull(trio.b, trio.a)
    kinds = {row.duty.kind for row in owed(trio, trio.b)}
    assert kinds == {DutyKind.ACKNOWLEDGE, DutyKind.RETAIN}
    monkeypatch.undo()
    trio.pull(trio.b, trio.a)
    assert {row.duty.kind for row in owed(trio, trio.b)} == {DutyKind.RETAIN}


def test_what_is_overdue_is_listed_and_the_doctor_says_so(trio: Trio) -> None:
    saved(trio)
    assert faults(trio.a) == []
    trio.clock.instant += HOUR
    [late] = owed(trio, trio.a, overdue=True)
    assert late.duty.kind is DutyKind.ACKNOWLEDGE
    trio.clock.instant += DAY
    assert len(owed(trio, trio.a, overdue=True)) == 2
    first, second = faults(trio.a)
    assert first.startswith("XB acknowledges what it was given: 1 overdue, the first since 2026-11")
    assert second.startswith("we review what was given to XB: 1 overdue")


def test_a_supervisor_reviews_with_a_reason_and_it_is_logged(trio: Trio) -> None:
    saved(trio)
    [_, review] = owed(trio, trio.a)
    node = trio.a.wired.node
    done = finish_review(node, trio.user("ben"), review.number, " the danger was real ")
    assert (done.done_by, done.reason) == ("ben", "the danger was real")
    assert [row.duty.kind for row in owed(trio, trio.a)] == [DutyKind.ACKNOWLEDGE]
    with trio.a.database.read() as tx:
        entry = tx.ledger.row(tx.ledger.count() - 1)
        acts = [act for _, act in tx.acts.page(after=0, limit=1_000)]
    assert entry is not None
    assert entry.salt is not None
    assert entry.record is not None
    assert entry.entry == commit_record(entry.salt, entry.record)
    assert b'"kind":"review"' in entry.record
    assert (acts[-1].user, acts[-1].act) == ("ben", "review")
    assert "danger" not in acts[-1].subject


def test_a_review_is_done_once(trio: Trio) -> None:
    saved(trio)
    [_, review] = owed(trio, trio.a)
    node = trio.a.wired.node
    finish_review(node, trio.user("ben"), review.number, "real")
    with pytest.raises(RefusedError, match="was done by ben on 2026-11-24"):
        finish_review(node, trio.user("cora"), review.number, "real")


NOT_DONE: dict[str, tuple[str, str, type[Exception], str]] = {
    "by an officer": ("olga", "real", AccessDeniedError, "supervisor"),
    "without a reason": ("ada", "  ", RefusedError, "say what the review found"),
    "with a book for a reason": ("ada", "x" * 1_001, RefusedError, "say what the review found"),
}


@pytest.mark.parametrize(
    ("user", "reason", "error", "message"), NOT_DONE.values(), ids=NOT_DONE.keys()
)
def test_a_review_is_not_done(
    trio: Trio, user: str, reason: str, error: type[Exception], message: str
) -> None:
    saved(trio)
    [_, review] = owed(trio, trio.a)
    with pytest.raises(error, match=message):
        finish_review(trio.a.wired.node, trio.user(user), review.number, reason)
    assert len(owed(trio, trio.a)) == 2


def test_nobody_does_by_hand_what_a_signature_or_time_does(trio: Trio) -> None:
    saved(trio)
    [wait, _] = owed(trio, trio.a)
    with pytest.raises(RefusedError, match="it is XB that owes it"):
        finish_review(trio.a.wired.node, trio.user("ada"), wait.number, "real")
    trio.pull(trio.b, trio.a)
    [retain] = owed(trio, trio.b)
    with pytest.raises(RefusedError, match="limit of retention"):
        finish_review(trio.b.wired.node, trio.user("ada"), retain.number, "real")
    with pytest.raises(NotFoundError, match="there is no duty 99"):
        finish_review(trio.b.wired.node, trio.user("ada"), 99, "real")


def test_duties_outlast_the_process(trio: Trio) -> None:
    saved(trio)
    before = owed(trio, trio.a)
    assert owed(trio, trio.restarted(trio.a)) == before


@pytest.mark.parametrize("kind", DutyKind)
@pytest.mark.parametrize("side", DutySide)
def test_every_duty_has_words(kind: DutyKind, side: DutySide) -> None:
    assert "XB" in in_words(kind, side, XB)
