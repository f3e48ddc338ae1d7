"""Retention: what has ended goes by itself, whoever holds it; what a ground keeps stays hidden."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from foedus.access import AccessDeniedError, Actor, Role
from foedus.clock import FixedClock
from foedus.model.terms import CategoryOfPerson, parse_terms
from foedus.node.case_clock import tick
from foedus.node.errors import RefusedError
from foedus.node.ports import DutyKind, ItemState
from foedus.node.ports.erasure import ReservedRow
from foedus.node.ports.retention import EndCause
from foedus.node.retain import (
    ENDING,
    REVIEW,
    Renewal,
    date_items,
    ending_items,
    purge_ended,
    renew,
    retain_step,
    reviewed_items,
)

if TYPE_CHECKING:
    from tests.unit.node.conftest import Member, Pair

DAY = timedelta(days=1)
WORD = "zanzibarite"
ANALYST = Actor(user="ana", roles=frozenset({Role.ANALYST}))


def step(member: Member) -> None:
    retain_step(member.wired.node, member.wired.gate)


def visible(member: Member) -> int:
    return member.read(lambda tx: tx.items.counts().get(ItemState.HELD, 0))


def alarms(member: Member) -> dict[str, str]:
    return member.read(lambda tx: {each.code: each.text for each in tx.alarms.open()})


def test_what_its_terms_end_goes_here_and_at_the_recipient_without_an_order(pair: Pair) -> None:
    ends = pair.clock.now() + 20 * DAY
    goes = pair.a.held(pair.indicator(1, "a.example", description=WORD), expiry=ends)
    stays = pair.a.held(pair.indicator(2, "b.example"))
    pair.a.disclose([*goes, *stays], pair.treaty)
    pair.pull(pair.b)
    for member in (pair.a, pair.b):
        while date_items(member.wired.node):
            pass
        [first] = member.read(lambda tx: ending_items(tx, ends, limit=9))
        assert (first.dated.ends, first.dated.cause) == (ends, EndCause.EXPIRY)
        step(member)
        assert (visible(member), ENDING in alarms(member)) == (2, False), "20 days ahead: no word"
    pair.clock.instant += 10 * DAY
    step(pair.b)
    assert "1 item ends here" in alarms(pair.b)[ENDING]
    pair.clock.instant += 10 * DAY
    for member in (pair.a, pair.b):
        entries = member.read(lambda tx: tx.ledger.count())
        tick(member.wired.node, member.wired.gate)
        assert visible(member) == 1
        assert member.read(lambda tx: tx.ledger.count()) == entries + 1
        step(member)
        assert member.read(lambda tx: tx.ledger.count()) == entries + 1, "nothing more is due"
        assert (ENDING in alarms(member)) is (member is pair.b), "B's other item has 10 days left"
        folder = member.wired.settings.data
        found = [path for path in folder.rglob("foedus.db*") if WORD.encode() in path.read_bytes()]
        assert found == []


def test_the_limit_of_the_disclosure_ends_it_at_the_recipient_only(pair: Pair) -> None:
    pair.a.disclose(pair.a.held(pair.indicator(1, "a.example")), pair.treaty)
    pair.pull(pair.b)
    step(pair.b)
    [found] = pair.b.read(lambda tx: ending_items(tx, pair.clock.now() + 40 * DAY, limit=9))
    assert found.dated.cause is EndCause.RETAIN
    [duty] = pair.b.read(lambda tx: tx.duties.open(due_by=None, limit=9))
    assert (duty.duty.kind, duty.duty.due) == (DutyKind.RETAIN, found.dated.ends)
    pair.clock.instant += 30 * DAY
    for member in (pair.a, pair.b):
        step(member)
    assert (visible(pair.a), visible(pair.b)) == (1, 0)
    assert pair.b.read(lambda tx: tx.duties.open(due_by=None, limit=9)) == []


def test_a_reserved_ground_keeps_it_hidden_until_that_ends(lone: Member) -> None:
    now = lone.wired.node.clock.now()
    day = now + DAY
    [handle] = lone.held(lone.indicator(1, "a.example"), expiry=day, treaties=frozenset())
    with lone.database.write() as tx:
        tx.erasure.reserve(
            [
                ReservedRow(
                    item=handle, ground="court-file", reason="case 4", user="admin", at=now,
                    until=None,
                )
            ]
        )  # fmt: skip
    clock = lone.wired.node.clock
    assert isinstance(clock, FixedClock)
    clock.instant += DAY
    step(lone)
    [row] = lone.read(lambda tx: tx.items.rows([handle]))
    assert row.state is ItemState.RESTRICTED
    step(lone)
    with lone.database.write() as tx:
        assert tx.erasure.release([handle]) == 1
    step(lone)
    [row] = lone.read(lambda tx: tx.items.rows([handle]))
    assert row.state is ItemState.DISCARDED
    assert lone.read(lambda tx: tx.retention.of([handle])) == []


def test_a_review_reminds_and_a_renewal_gives_later_days(lone: Member) -> None:
    node = lone.wired.node
    soon, later = node.clock.now() + 3 * DAY, node.clock.now() + 90 * DAY
    [handle] = lone.held(
        lone.stix("identity", 1, name="Ivan Petrov", identity_class="individual"),
        person=CategoryOfPerson.SUSPECT,
        review=soon,
        treaties=frozenset(),
    )
    step(lone)
    assert "1 item comes to its review" in alarms(lone)[REVIEW]
    [found] = lone.read(lambda tx: reviewed_items(tx, soon, limit=9))
    rows = lone.read(lambda tx: list(tx.items.rows([handle])))
    renewal = Renewal(review=later, expiry=None, reason="still needed")
    with pytest.raises(AccessDeniedError):
        renew(node, ANALYST, rows, renewal)
    with pytest.raises(RefusedError, match="still to come"):
        renew(node, lone.actor, rows, Renewal(review=node.clock.now(), expiry=None, reason="x"))
    assert renew(node, lone.actor, rows, renewal) == 1
    [row] = lone.read(lambda tx: tx.items.rows([handle]))
    assert row.terms_id is not None
    assert row.terms_id != found.row.terms_id
    raw = lone.read(lambda tx: tx.items.terms([row.terms_id or found.row.key.object_id]))
    assert parse_terms(raw[row.terms_id]).review == later
    assert REVIEW not in alarms(lone)


def test_a_renewed_disclosure_lengthens_at_the_recipient(pair: Pair) -> None:
    soon, later = pair.clock.now() + 20 * DAY, pair.clock.now() + 45 * DAY
    handles = pair.a.held(pair.indicator(1, "a.example"), expiry=soon)
    pair.a.disclose(handles, pair.treaty)
    pair.pull(pair.b)
    pair.clock.instant += 18 * DAY
    pair.pull(pair.a)
    rows = pair.a.read(lambda tx: list(tx.items.rows(handles)))
    renewal = Renewal(review=None, expiry=later, reason="still needed")
    renew(pair.a.wired.node, pair.a.actor, rows, renewal)
    assert pair.a.disclose(handles, pair.treaty).given == 0, "it has the item already"
    assert pair.a.disclose(handles, pair.treaty, anew=True).given == 1
    pair.pull(pair.b)
    step(pair.b)
    [found] = pair.b.read(lambda tx: ending_items(tx, later, limit=9))
    assert (found.dated.ends, found.dated.expiry) == (later, later), "18 + 30 days of keeping"
    assert visible(pair.b) == 1
    pair.clock.instant = soon
    step(pair.b)
    assert visible(pair.b) == 1
    pair.clock.instant = later
    step(pair.b)
    assert visible(pair.b) == 0


def test_what_another_member_gave_is_not_lengthened_here(pair: Pair) -> None:
    pair.a.disclose(pair.a.held(pair.indicator(1, "a.example")), pair.treaty)
    pair.pull(pair.b)
    node = pair.b.wired.node
    until = pair.clock.now() + 40 * DAY
    rows = [each.row for each in pair.b.read(lambda tx: ending_items(tx, until, limit=9))]
    renewal = Renewal(review=None, expiry=node.clock.now() + 90 * DAY, reason="wanted")
    with pytest.raises(RefusedError, match="only its originator lengthens"):
        renew(node, pair.b.actor, rows, renewal)
    with pytest.raises(AccessDeniedError):
        purge_ended(node, ANALYST)
    assert purge_ended(node, pair.b.actor).versions == 0
