"""Consents by the feed: asked, given on conditions, refused, not answered, taken back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from foedus.access import AccessDeniedError
from foedus.casework.consent_case import ConsentGround
from foedus.casework.consent_course import ConsentState
from foedus.casework.order import OrderAction, OrderReason
from foedus.model.identifiers import ArticleId, MemberId, ObjectId
from foedus.model.kinds import unwrap_document
from foedus.model.objects import parse_object
from foedus.node.case_clock import tick
from foedus.node.consent_requests import (
    ask_consent,
    give_requested,
    list_requests,
    refuse_request,
    withdraw_given,
)
from foedus.node.consent_words import settle_consents, take_answer, take_word
from foedus.node.consents import bounds_of, give_consent, take_consent, withdraw_consent
from foedus.node.disclose import Disclosed, disclose
from foedus.node.errors import NotFoundError, RecoveringError, RefusedError
from foedus.node.issue_orders import issue_orders
from foedus.node.order_words import Command
from foedus.node.ports import ItemState
from foedus.node.ports.onward import ConsentRequestRow
from foedus.node.wish import Wish
from foedus.release.consent import ConsentCondition
from foedus.signing import Envelope, parse_envelope

if TYPE_CHECKING:
    from tests.unit.node.conftest import Member, Trio

XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")
INDICATOR = ObjectId("indicator--00000000-0000-4000-8000-000000000001")


def give(trio: Trio, giver: Member, item: int, to: MemberId) -> Disclosed:
    wish = trio.wish("warning", recipients=(to,))
    [done] = disclose(giver.wired.node, trio.user("ada"), giver.wired.gate, [item], wish)
    return done


def given_to_b(trio: Trio) -> int:
    """XA gives an item to XB, which takes it; return its handle at XB."""
    give(trio, trio.a, trio.held(), XB)
    trio.pull(trio.b, trio.a)
    return trio.b.read(lambda tx: tx.items.by_object_id(INDICATOR))[-1].handle


def onward(trio: Trio, **changes: Any) -> Wish:
    return trio.wish("warning", **{"recipients": (XC,), **changes})


def ask(trio: Trio, **changes: Any) -> ConsentRequestRow:
    wired = trio.b.wired
    until = trio.clock.now() + timedelta(days=30)
    wish = changes.pop("wish", onward(trio, **changes))
    row = ask_consent(wired.node, trio.user("ann"), wired.gate, INDICATOR, wish, until=until)
    trio.pull(trio.a, trio.b)
    return row


def asked_at_a(trio: Trio) -> ConsentRequestRow:
    [(row, _)] = trio.a.read(
        lambda tx: list_requests(tx, ours=False, waiting=False, after=0, limit=9)
    )
    return row


def state_at_b(trio: Trio) -> ConsentRequestRow:
    found = trio.b.read(lambda tx: tx.onward.request(1))
    assert found is not None
    return found


def answer(trio: Trio, **bounds: Any) -> None:
    wired = trio.a.wired
    give_requested(wired.node, trio.user("olga"), wired.gate, 1, **bounds)
    trio.pull(trio.b, trio.a)


def alarms(member: Member) -> set[tuple[str, str]]:
    return {(each.code, each.subject) for each in member.read(lambda tx: tx.alarms.open())}


def documents(member: Member, word: str) -> list[Envelope]:
    """Return the envelopes of a payload type that a member received, oldest first."""
    with member.database.read() as tx:
        handles = [
            row.handle
            for kind in ("foedus-request", "foedus-answer", "foedus-attestation")
            for row in _of_type(tx, kind)
        ]
        raw = tx.items.raw(handles)
    found = [parse_envelope(unwrap_document(parse_object(raw[each]))) for each in handles]
    return [each for each in found if word in each.payload_type]


def _of_type(tx: Any, kind: str) -> Any:
    from foedus.node.find import find_items  # noqa: PLC0415  # one use
    from foedus.node.ports import ItemFilter  # noqa: PLC0415

    return find_items(
        tx, ItemFilter(states=frozenset({ItemState.PROTOCOL}), types=frozenset({kind}))
    )


def test_a_consent_is_asked_given_and_used_without_any_file(trio: Trio) -> None:
    item = given_to_b(trio)
    row = ask(trio)
    assert (row.state, row.request.member) == (ConsentState.ASKED, XA)
    assert row.request.due - row.request.at == timedelta(days=10)
    theirs = asked_at_a(trio)
    assert (theirs.request.member, theirs.request.recipient, theirs.request.digest) == (
        XB, XC, row.request.digest,
    )  # fmt: skip
    assert ("consent.asked", "1") in alarms(trio.a)
    answer(trio)
    assert state_at_b(trio).state is ConsentState.GIVEN
    assert asked_at_a(trio).answered_by == "olga"
    assert ("consent.asked", "1") not in alarms(trio.a)
    assert give(trio, trio.b, item, XC).given == 1
    report = trio.pull(trio.c, trio.b)
    assert sum(lane.accepted for lane in report.lanes if lane.lane == "bulk") == 1


def test_where_a_life_is_in_danger_an_answer_is_due_in_an_hour(trio: Trio) -> None:
    given_to_b(trio)
    row = ask(trio, threat_to_life=True)
    assert row.request.due - row.request.at == timedelta(hours=1)
    [alarm] = [e for e in trio.a.read(lambda tx: tx.alarms.open()) if e.code == "consent.asked"]
    assert "a life is in danger" in alarm.text
    assert "bad1" not in alarm.text


def test_a_refusal_names_its_ground_and_nothing_is_passed_on(trio: Trio) -> None:
    item = given_to_b(trio)
    ask(trio)
    wired = trio.a.wired
    refuse_request(wired.node, trio.user("olga"), wired.gate, 1, ConsentGround.HARM)
    trio.pull(trio.b, trio.a)
    assert (state_at_b(trio).state, state_at_b(trio).ground) == (ConsentState.REFUSED, "harm")
    assert give(trio, trio.b, item, XC).given == 0
    with pytest.raises(RefusedError, match="refused already"):
        give_requested(wired.node, trio.user("olga"), wired.gate, 1)


def test_silence_is_a_no_on_both_sides_by_the_clock(trio: Trio) -> None:
    given_to_b(trio)
    ask(trio)
    trio.clock.instant += timedelta(days=10)
    for member in (trio.a, trio.b):
        before = member.read(lambda tx: tx.ledger.count())
        tick(member.wired.node, member.wired.gate)
        assert settle_consents(member.wired.node, member.wired.gate) == 0, "done once"
        after = member.read(lambda tx: tx.ledger.count())
        assert after - before == (1 if member is trio.a else 0), "an originator's silence is logged"
    assert state_at_b(trio).state is asked_at_a(trio).state is ConsentState.EXPIRED
    assert ("consent.asked", "1") not in alarms(trio.a)
    wired = trio.a.wired
    with pytest.raises(RefusedError, match="is expired already"):
        give_requested(wired.node, trio.user("olga"), wired.gate, 1)


def test_after_the_deadline_nothing_is_given_though_the_clock_did_not_strike(trio: Trio) -> None:
    given_to_b(trio)
    ask(trio)
    trio.clock.instant += timedelta(days=10)
    wired = trio.a.wired
    with pytest.raises(RefusedError, match="silence was a no"):
        give_requested(wired.node, trio.user("olga"), wired.gate, 1)


def test_an_answer_in_time_counts_though_it_arrives_late(trio: Trio) -> None:
    given_to_b(trio)
    ask(trio)
    wired = trio.a.wired
    give_requested(wired.node, trio.user("olga"), wired.gate, 1)
    trio.clock.instant += timedelta(days=10)
    settle_consents(trio.b.wired.node, trio.b.wired.gate)
    assert state_at_b(trio).state is ConsentState.EXPIRED
    trio.clock.instant -= timedelta(days=10)
    trio.pull(trio.b, trio.a)
    assert state_at_b(trio).state is ConsentState.GIVEN


def test_a_consent_runs_out(trio: Trio) -> None:
    given_to_b(trio)
    ask(trio)
    answer(trio, until=trio.clock.now() + timedelta(days=2))
    trio.clock.instant += timedelta(days=2)
    for member in (trio.a, trio.b):
        assert settle_consents(member.wired.node, member.wired.gate) == 1
    assert state_at_b(trio).state is asked_at_a(trio).state is ConsentState.RUN_OUT


def test_a_withdrawal_travels_and_counts_for_the_future(trio: Trio) -> None:
    item = given_to_b(trio)
    ask(trio)
    answer(trio)
    wired = trio.a.wired
    _, told = withdraw_given(wired.node, trio.user("olga"), wired.gate, 1)
    assert told == 1
    trio.pull(trio.b, trio.a)
    assert state_at_b(trio).state is asked_at_a(trio).state is ConsentState.WITHDRAWN
    assert give(trio, trio.b, item, XC).given == 0


def test_the_withdrawal_of_a_consent_given_by_file_goes_to_whoever_has_the_item(trio: Trio) -> None:
    item = given_to_b(trio)
    until = trio.clock.now() + timedelta(days=5)
    wired = trio.a.wired
    file = give_consent(wired.node, trio.user("olga"), INDICATOR, onward(trio), until=until).file
    take_consent(trio.b.wired.node, trio.user("olga"), file)
    assert withdraw_given(wired.node, trio.user("olga"), wired.gate, 1)[1] == 1
    trio.pull(trio.b, trio.a)
    assert give(trio, trio.b, item, XC).given == 0
    with pytest.raises(RefusedError, match="withdrawn here"):
        take_consent(trio.b.wired.node, trio.user("olga"), file)


def test_a_withdrawal_may_arrive_before_its_consent(trio: Trio) -> None:
    item = given_to_b(trio)
    until = trio.clock.now() + timedelta(days=5)
    wired = trio.a.wired
    file = give_consent(wired.node, trio.user("olga"), INDICATOR, onward(trio), until=until).file
    withdraw_given(wired.node, trio.user("olga"), wired.gate, 1)
    trio.pull(trio.b, trio.a)
    with pytest.raises(RefusedError, match="took this consent back"):
        take_consent(trio.b.wired.node, trio.user("olga"), file)
    assert give(trio, trio.b, item, XC).given == 0


def test_every_word_taken_twice_changes_nothing(trio: Trio) -> None:
    given_to_b(trio)
    ask(trio)
    answer(trio)
    withdraw_given(trio.a.wired.node, trio.user("olga"), trio.a.wired.gate, 1)
    trio.pull(trio.b, trio.a)
    before = (state_at_b(trio), asked_at_a(trio), trio.b.read(lambda tx: tx.ledger.count()))
    for member, sender, word in ((trio.a, XB, "request"), (trio.b, XA, "answer"),
                                 (trio.b, XA, "withdrawal")):  # fmt: skip
        [envelope] = documents(member, f"consent-{word}")
        with member.database.write() as tx:
            take_word(tx, member.wired.node, sender, envelope, trio.clock.now())
    assert before == (state_at_b(trio), asked_at_a(trio), trio.b.read(lambda tx: tx.ledger.count()))


def test_an_answer_to_a_request_that_was_lost_is_taken_for_its_consent(trio: Trio) -> None:
    item = given_to_b(trio)
    ask(trio)
    wired = trio.a.wired
    give_requested(wired.node, trio.user("olga"), wired.gate, 1)
    with trio.b.database.write() as tx:
        tx.onward._session.run("DELETE FROM consent_request")  # type: ignore[attr-defined]  # lost
    trio.pull(trio.b, trio.a)
    assert give(trio, trio.b, item, XC).given == 1


def test_an_answer_is_taken_before_its_item_is_back(trio: Trio) -> None:
    """As a restored node reads its order lanes first."""
    item = given_to_b(trio)
    ask(trio)
    answer(trio)
    [envelope] = documents(trio.b, "consent-answer")
    with trio.b.database.write() as tx:
        tx.onward._session.run("DELETE FROM consent_request")  # type: ignore[attr-defined]
        tx.onward._session.run("DELETE FROM consent")  # type: ignore[attr-defined]
        tx.onward._session.run(  # type: ignore[attr-defined]
            "UPDATE item SET version = 'gone' WHERE handle = ?", (item,)
        )
        take_answer(tx, trio.b.wired.node, XA, envelope, trio.clock.now())
        tx.onward._session.run(  # type: ignore[attr-defined]
            "UPDATE item SET version = '2026-11-20T00:00:00.000Z' WHERE handle = ?", (item,)
        )
    assert give(trio, trio.b, item, XC).given == 1


def test_an_answer_that_ran_out_on_its_way_is_kept_as_such(trio: Trio) -> None:
    given_to_b(trio)
    ask(trio)
    wired = trio.a.wired
    soon = trio.clock.now() + timedelta(hours=1)
    give_requested(wired.node, trio.user("olga"), wired.gate, 1, until=soon)
    trio.clock.instant += timedelta(hours=1)
    trio.pull(trio.b, trio.a)
    assert state_at_b(trio).state is ConsentState.RUN_OUT
    assert trio.b.read(lambda tx: tx.grounds.consents(after=0, limit=9)) == []


def test_nothing_is_asked_or_said_into_a_lane_that_is_still_to_be_rebuilt(trio: Trio) -> None:
    given_to_b(trio)
    with trio.b.database.write() as tx:
        tx.recovery.await_lanes([XA], at=trio.clock.now())
    with pytest.raises(RecoveringError):
        ask(trio)
    assert trio.b.read(lambda tx: tx.onward.request(1)) is None


def test_a_third_member_cannot_answer_for_the_originator(trio: Trio) -> None:
    given_to_b(trio)
    ask(trio)
    answer(trio)
    [envelope] = documents(trio.b, "consent-answer")
    with trio.b.database.write() as tx, pytest.raises(Exception, match="consent-answer"):
        take_answer(tx, trio.b.wired.node, XC, envelope, trio.clock.now())


def test_what_was_never_given_is_asked_in_vain(trio: Trio) -> None:
    """Whoever guesses an id learns nothing: what is absent and what is not its own look alike."""
    give(trio, trio.a, trio.held(), XC)
    given_to = trio.a.read(lambda tx: tx.items.by_object_id(INDICATOR))[-1]
    trio.b.held(trio.indicator(1, "bad1.example"), purposes=frozenset({"warning"}))
    from foedus.casework.consent_case import (  # noqa: PLC0415  # one use
        ConsentRequest,
        sign_request,
    )

    now = trio.clock.now()
    for sha256 in (given_to.content_hash, "0" * 64):
        envelope = sign_request(
            ConsentRequest(
                exercise=True, asker=XB, originator=XA, item=INDICATOR,
                version=given_to.key.version, sha256=sha256, recipient=XC, treaty=trio.treaty,
                purpose="warning", life=False, until=now + timedelta(days=1), at=now,
                due=now + timedelta(hours=1),
            ),
            trio.b.wired.node.identity.node,
        )  # fmt: skip
        with trio.a.database.write() as tx, pytest.raises(RefusedError, match="was not given"):
            take_word(tx, trio.a.wired.node, XB, envelope, now)


def test_who_asks_and_who_answers(trio: Trio) -> None:
    given_to_b(trio)
    wired = trio.b.wired
    until = trio.clock.now() + timedelta(days=1)
    with pytest.raises(RefusedError, match="our own item"):
        ask_consent(
            trio.a.wired.node, trio.user("ann"), trio.a.wired.gate, INDICATOR,
            trio.wish("warning", recipients=(XC,)), until=until,
        )  # fmt: skip
    with pytest.raises(RefusedError, match="is its originator"):
        ask_consent(
            wired.node, trio.user("ann"), wired.gate, INDICATOR,
            trio.wish("warning", recipients=(XA,)), until=until,
        )  # fmt: skip
    with pytest.raises(NotFoundError):
        ask_consent(
            wired.node, trio.user("ann"), wired.gate, INDICATOR[:-1] + "9",
            onward(trio), until=until,
        )  # fmt: skip
    ask(trio)
    with pytest.raises(AccessDeniedError):
        give_requested(trio.a.wired.node, trio.user("ann"), trio.a.wired.gate, 1)
    with pytest.raises(AccessDeniedError):
        refuse_request(trio.a.wired.node, trio.user("ann"), trio.a.wired.gate, 1, ConsentGround.LAW)
    with pytest.raises(RefusedError, match="is our own"):
        give_requested(wired.node, trio.user("olga"), wired.gate, 1)


def test_conditions_are_signed_travel_with_the_copy_and_bind_it(trio: Trio) -> None:
    item = given_to_b(trio)
    ask(trio)
    end = trio.clock.now() + timedelta(days=7)
    answer(
        trio,
        conditions=[ConsentCondition.NO_FURTHER, ConsentCondition.NOT_EVIDENCE],
        keep_until=end,
    )
    [row] = trio.b.read(lambda tx: tx.grounds.consents(after=0, limit=9))
    assert bounds_of(row).keep_until == end
    assert give(trio, trio.b, item, XC).given == 1
    trio.pull(trio.c, trio.b)
    with trio.c.database.read() as tx:
        [copy] = tx.items.by_object_id(INDICATOR)
        [bound] = tx.onward.conditions([copy.handle])[copy.handle]
        dated = tx.retention.of([copy.handle])
    assert (bound.words, bound.keep_until) == (("no-further", "not-evidence"), end)
    assert bound.digest == row.consent.digest
    assert dated, "retention ends the copy"
    wired = trio.c.wired
    with pytest.raises(RefusedError, match="not passed on further"):
        ask_consent(
            wired.node, trio.user("ann"), wired.gate, INDICATOR,
            trio.wish("prevention", recipients=(XB,)), until=end,
        )  # fmt: skip


def test_no_other_consent_lifts_the_condition_that_it_goes_no_further(trio: Trio) -> None:
    item = given_to_b(trio)
    ask(trio)
    answer(trio, conditions=[ConsentCondition.NO_FURTHER])
    give(trio, trio.b, item, XC)
    trio.pull(trio.c, trio.b)
    until = trio.clock.now() + timedelta(days=5)
    file = give_consent(
        trio.a.wired.node, trio.user("olga"), INDICATOR,
        trio.wish("prevention", recipients=(XB,)), until=until,
    ).file  # fmt: skip
    take_consent(trio.c.wired.node, trio.user("olga"), file)
    [copy] = trio.c.read(lambda tx: tx.items.by_object_id(INDICATOR))
    wired = trio.c.wired
    from foedus.node.preview import preview  # noqa: PLC0415  # one use

    wish = trio.wish("prevention", recipients=(XB,))

    def verdict() -> str:
        [row] = preview(wired.node, trio.user("ada"), wired.gate, [copy.handle], wish)
        assert row.decision is not None
        return row.decision.verdict.value

    assert verdict() == "needs-consent"
    # Given by the originator itself, the copy is bound by nothing that bound it before.
    [own] = trio.a.read(lambda tx: tx.items.by_object_id(INDICATOR))
    assert give(trio, trio.a, own.handle, XC).given == 1
    trio.pull(trio.c, trio.a)
    assert verdict() == "needs-approval"


def test_a_consent_taken_is_given_up_here_alone(trio: Trio) -> None:
    given_to_b(trio)
    ask(trio)
    answer(trio)
    wired = trio.b.wired
    _, told = withdraw_given(wired.node, trio.user("olga"), wired.gate, 1)
    assert told == 0
    with pytest.raises(RefusedError, match="was withdrawn on"):
        withdraw_consent(wired.node, trio.user("olga"), 1)
    assert asked_at_a(trio).state is ConsentState.GIVEN


def test_nothing_is_consented_to_what_an_order_keeps_from_being_given(trio: Trio) -> None:
    given_to_b(trio)
    ask(trio)
    command = Command(
        action=OrderAction.RESTRICT,
        references=(INDICATOR,),
        treaty=trio.treaty,
        article=ArticleId("4"),
        reason=OrderReason.WRONG,
    )
    wired = trio.a.wired
    issue_orders(wired.node, trio.user("olga"), wired.gate, command)
    with pytest.raises(RefusedError, match="nothing is consented"):
        give_requested(wired.node, trio.user("olga"), wired.gate, 1)
    refuse_request(wired.node, trio.user("olga"), wired.gate, 1, ConsentGround.HARM)


def test_who_asked_is_told_that_nobody_answered(trio: Trio) -> None:
    given_to_b(trio)
    ask(trio)
    trio.clock.instant += timedelta(days=10)
    settle_consents(trio.b.wired.node, trio.b.wired.gate)
    assert ("consent.unanswered", "1") in alarms(trio.b)
    ask(trio)  # anew
    assert ("consent.unanswered", "1") not in alarms(trio.b)
    trio.clock.instant += timedelta(days=10)
    settle_consents(trio.b.wired.node, trio.b.wired.gate)
    assert ("consent.unanswered", "2") in alarms(trio.b)
    trio.clock.instant += timedelta(days=20)  # the day until which it was needed
    settle_consents(trio.b.wired.node, trio.b.wired.gate)
    assert ("consent.unanswered", "2") not in alarms(trio.b)


def test_a_late_answer_ends_the_alarm_that_there_was_none(trio: Trio) -> None:
    given_to_b(trio)
    ask(trio)
    refuse_request(trio.a.wired.node, trio.user("olga"), trio.a.wired.gate, 1, ConsentGround.HARM)
    trio.clock.instant += timedelta(days=10)
    settle_consents(trio.b.wired.node, trio.b.wired.gate)
    trio.clock.instant -= timedelta(days=10)
    assert ("consent.unanswered", "1") in alarms(trio.b)
    trio.pull(trio.b, trio.a)
    assert ("consent.unanswered", "1") not in alarms(trio.b)


def asked_by_hand(trio: Trio, **changes: Any) -> None:
    """Have XA take a request that XB signed, of whatever times."""
    from foedus.casework.consent_case import (  # noqa: PLC0415  # one use
        ConsentRequest,
        sign_request,
    )

    now = trio.clock.now()
    row = trio.b.read(lambda tx: tx.items.by_object_id(INDICATOR))[-1]
    plain: dict[str, Any] = {
        "exercise": True, "asker": XB, "originator": XA, "item": INDICATOR,
        "version": row.key.version, "sha256": row.content_hash, "recipient": XC,
        "treaty": trio.treaty, "purpose": "warning", "life": False,
        "until": now + timedelta(days=30), "at": now, "due": now + timedelta(days=10),
    }  # fmt: skip
    envelope = sign_request(ConsentRequest(**{**plain, **changes}), trio.b.wired.node.identity.node)
    with trio.a.database.write() as tx:
        take_word(tx, trio.a.wired.node, XB, envelope, now)


def test_nobody_turns_silence_into_a_no_before_the_treaty_does(trio: Trio) -> None:
    given_to_b(trio)
    now = trio.clock.now()
    with pytest.raises(RefusedError, match="less time to answer"):
        asked_by_hand(trio, due=now + timedelta(hours=1))
    with pytest.raises(NotFoundError):
        asked_by_hand(trio, treaty="f" * 64)
    asked_by_hand(trio, life=True, due=now + timedelta(hours=1))
    assert ("consent.asked", "1") in alarms(trio.a)


def test_only_so_many_requests_of_a_member_wait(trio: Trio) -> None:
    given_to_b(trio)
    now = trio.clock.now()
    for minute in range(200):
        asked_by_hand(trio, until=now + timedelta(days=30, minutes=minute))
    with pytest.raises(RefusedError, match="200 requests of XB for consents wait"):
        asked_by_hand(trio, until=now + timedelta(days=40))
    asked_by_hand(trio, until=now + timedelta(days=30))  # one that waits, again
