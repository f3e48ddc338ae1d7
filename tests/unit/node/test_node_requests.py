"""Requests for information between two nodes: asked, acknowledged, answered, refused, past due."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from foedus.access import AccessDeniedError, Actor, Role
from foedus.casework.errors import CaseCourseError, RequestError
from foedus.casework.request import ItemName, Request, Urgency, sign_request
from foedus.casework.request_course import RequestEvent, RequestState
from foedus.casework.request_status import Feedback, Ground, RequestStatus, Word, sign_status
from foedus.model.identifiers import ArticleId, MemberId, ObjectId
from foedus.model.kinds import FoedusKind, wrap_object
from foedus.model.selectors import Selector, SelectorKind, normalise
from foedus.model.terms import CategoryOfPerson, TermsError
from foedus.node.case_clock import tick
from foedus.node.disclose import disclose
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.ports import ItemState, NewItem
from foedus.node.ports.requests import RequestNote, RequestRow, RequestSide
from foedus.node.requests import find_request, view_request
from foedus.node.requests_answer import (
    Answered,
    answer_request,
    close_request,
    extend_request,
    refuse_request,
    withdraw_request,
)
from foedus.node.requests_clock import watch_requests
from foedus.node.requests_draft import (
    RequestDraft,
    approve_request,
    draft_request,
    question_of_hit,
)
from foedus.node.requests_send import preview_request, send_request, wish_of
from foedus.node.requests_take import take_request_status
from foedus.release.verdict import Verdict

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
XA, XB = MemberId("XA"), MemberId("XB")
ANN = Actor(user="ann", roles=frozenset({Role.ANALYST}))
ADA = Actor(user="ada", roles=frozenset({Role.SUPERVISOR, Role.ANALYST}))
BEN = Actor(user="ben", roles=frozenset({Role.SUPERVISOR}))
DOMAIN = normalise(SelectorKind.DOMAIN, "bad1.example")
PLAIN = "what it names are technical signs"


class Desks:
    """Two desks on the pair's nodes: A asks, B is asked."""

    def __init__(self, pair: Any) -> None:
        self.pair = pair
        self.a, self.b = pair.a.wired, pair.b.wired

    def draft(self, *, actor: Actor = ANN, **changes: Any) -> RequestRow:
        plain: dict[str, Any] = {
            "to": XB,
            "treaty": self.pair.treaty,
            "purpose": "prevention",
            "offence": "financing",
            "legal_basis": "Act 1, section 2",
            "urgency": Urgency.ROUTINE,
            "selectors": frozenset({DOMAIN}),
        }
        return draft_request(self.a.node, actor, RequestDraft(**{**plain, **changes}))

    def approved(self, **changes: Any) -> RequestRow:
        return approve_request(self.a.node, ADA, self.draft(**changes), neutrality=PLAIN)

    def sent(self, **changes: Any) -> RequestRow:
        row, done = send_request(self.a.node, ADA, self.a.gate, self.approved(**changes))
        assert done.given == 1, done.withheld
        return row

    def received(self, **changes: Any) -> RequestRow:
        """Ask, have it taken, and return B's row of it."""
        row = self.sent(**changes)
        self.pair.pull(self.pair.b)
        with self.b.node.database.read() as tx:
            return find_request(tx, row.name, side=RequestSide.RECEIVED)

    def heard(self, row: RequestRow) -> RequestRow:
        """Return A's row of a request after a pull."""
        self.pair.pull(self.pair.a)
        return self.asked(row)

    def asked(self, row: RequestRow) -> RequestRow:
        with self.a.node.database.read() as tx:
            return find_request(tx, row.name, side=RequestSide.ASKED)

    def at_b(self, row: RequestRow) -> RequestRow:
        with self.b.node.database.read() as tx:
            return find_request(tx, row.name, side=RequestSide.RECEIVED)

    def held_at_b(self, number: int = 1, **changes: Any) -> int:
        [handle] = self.pair.b.held(self.pair.indicator(number, f"bad{number}.example"), **changes)
        return int(handle)

    def answer(self, row: RequestRow, *handles: int, **how: Any) -> Answered:
        return answer_request(self.b.node, BEN, self.b.gate, row, handles, **how)

    def alarms(self, wired: Any) -> set[str]:
        with wired.node.database.read() as tx:
            return {each.code for each in tx.alarms.open()}


@pytest.fixture(name="desks")
def _desks(pair: Any) -> Desks:
    return Desks(pair)


def test_a_request_runs_from_draft_to_close(desks: Desks) -> None:
    held = desks.held_at_b()
    draft = desks.draft()
    assert (draft.state, draft.name, draft.due) == (
        RequestState.DRAFT, "XA-R-2026-00001", NOW + 10 * DAY,
    )  # fmt: skip
    with desks.a.node.database.read() as tx:
        assert tx.items.rows([draft.item])[0].state is ItemState.DRAFT

    desks.pair.clock.instant = NOW + HOUR
    row = approve_request(desks.a.node, ANN, draft)
    assert (row.due, row.approved_by) == (NOW + HOUR + 10 * DAY, "ann")
    with desks.a.node.database.read() as tx:
        assert tx.items.rows([draft.item])[0].state is ItemState.DISCARDED
    [cell] = preview_request(desks.a.node, ANN, desks.a.gate, row)
    assert cell.decision is not None
    assert cell.decision.verdict is Verdict.DENY  # nobody found it neutral

    row = desks.sent()
    assert row.state is RequestState.SENT
    desks.pair.pull(desks.pair.b)
    theirs = desks.at_b(row)
    assert (theirs.state, theirs.due, theirs.name) == (
        RequestState.ACKNOWLEDGED, row.due, row.name,
    )  # fmt: skip
    assert desks.heard(row).state is RequestState.ACKNOWLEDGED

    with desks.b.node.database.read() as tx:
        [hit] = tx.hits.page(states=frozenset(), after=0, limit=9)
        view = view_request(tx, desks.b.node, theirs)
    assert (hit.hit.arrived, hit.hit.held) == (theirs.item, held)
    assert [(each.about, each.count, [item.handle for item in each.items]) for each in
            view.holdings] == [("domain:bad1.example", 1, [held])]  # fmt: skip

    done = desks.answer(theirs, held)
    assert (done.row.state, done.withheld, len(done.given)) == (RequestState.ANSWERED, (), 1)
    answered = desks.heard(row)
    assert answered.state is RequestState.ANSWERED
    with desks.a.node.database.read() as tx:
        view = view_request(tx, desks.a.node, answered)
        hits = tx.hits.page(states=frozenset(), after=0, limit=9)
    assert [each.key.originator for each in view.here.values()] == [XB]
    assert row.item in {hit.hit.held for hit in hits}
    assert [note.event.value for note in view.notes] == [
        "approve", "send", "acknowledge", "answer",
    ]  # fmt: skip

    closed = close_request(
        desks.a.node, ANN, desks.a.gate, answered, usefulness=4, feedback=Feedback.NEW
    )
    assert closed.state is RequestState.CLOSED
    desks.pair.pull(desks.pair.b)
    theirs = desks.at_b(row)
    assert (theirs.state, theirs.usefulness, theirs.feedback) == (RequestState.CLOSED, 4, "new")


def test_two_drafts_of_one_instant_are_two_requests(desks: Desks) -> None:
    one, other = desks.approved(), desks.approved()
    assert (one.name, other.name) == ("XA-R-2026-00001", "XA-R-2026-00002")
    assert one.object_id != other.object_id


def test_what_a_hit_suggests_says_nothing_of_ours(desks: Desks) -> None:
    theirs = desks.held_at_b()
    desks.pair.b.disclose([theirs], desks.pair.treaty)
    desks.pair.pull(desks.pair.a)
    [own] = desks.pair.a.held(desks.pair.indicator(2, "bad1.example"))
    with desks.a.node.database.read() as tx:
        [hit] = tx.hits.page(states=frozenset(), after=0, limit=9)
        to, selector, about = question_of_hit(tx, desks.a.node, hit.number)
        own_id = tx.items.rows([own])[0].key.object_id
        with pytest.raises(RefusedError, match="no item of XC"):
            question_of_hit(tx, desks.a.node, hit.number, to=MemberId("XC"))
        with pytest.raises(NotFoundError):
            question_of_hit(tx, desks.a.node, 99)
    assert (to, selector) == (XB, DOMAIN)
    row = desks.received(selectors=frozenset({selector}), about=frozenset({about}), hit=hit.number)
    with desks.b.node.database.read() as tx:
        view = view_request(tx, desks.b.node, row)
        raw = tx.items.raw([row.item])[row.item]
    assert view.request is not None
    assert own_id not in str(view.request)
    assert own_id.encode() not in raw
    assert [each.count for each in view.holdings] == [1, 1]


@pytest.mark.parametrize(
    ("case", "changes", "told"),
    [
        ("ourselves", {"to": XA}, "nobody asks itself"),
        ("a stranger", {"to": MemberId("XZ")}, "never introduced"),
        ("another purpose", {"purpose": "curiosity"}, "is not one of Pact; it has"),
        ("another offence", {"offence": "rudeness"}, "is not one of Pact; it has"),
        ("a person, and no word on him",
         {"selectors": frozenset({normalise(SelectorKind.EMAIL, "a@b.example")})}, "--person"),
        ("a person in the words", {"description": "Who is a@b.example?"}, "--person"),
        ("too soon", {"due": NOW + DAY}, "or later"),
        ("too late", {"due": NOW + 500 * DAY}, "within a year"),
        ("too much", {"selectors": frozenset(
            normalise(SelectorKind.DOMAIN, f"b{each}.example") for each in range(1_001))}, "1000"),
    ],
)  # fmt: skip
def test_a_draft_is_refused_with_its_reason(
    desks: Desks, case: str, changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(RefusedError, match=told):
        desks.draft(**changes)
    with desks.a.node.database.read() as tx:
        assert tx.requests.counts() == {}, case


def test_a_draft_names_something_and_its_basis(desks: Desks) -> None:
    with pytest.raises(RequestError, match="asks about nothing"):
        desks.draft(selectors=frozenset())
    with pytest.raises(RequestError, match="legal_basis"):
        desks.draft(legal_basis=" ")
    email = frozenset({normalise(SelectorKind.EMAIL, "a@b.example")})
    with pytest.raises(TermsError, match="review"):
        desks.draft(selectors=email, person=CategoryOfPerson.SUSPECT)
    with pytest.raises(AccessDeniedError):
        desks.draft(actor=BEN)


def test_personal_data_in_a_request_is_personal_to_the_gate(desks: Desks) -> None:
    email = frozenset({normalise(SelectorKind.EMAIL, "a@b.example")})
    contact = {"selectors": email, "review": NOW + 30 * DAY, "person": CategoryOfPerson.CONTACT}
    row, done = send_request(desks.a.node, ADA, desks.a.gate, desks.approved(**contact))
    assert (row.state, done.given) == (RequestState.APPROVED, 0)
    assert [each.code for each in done.withheld] == ["denied"]
    suspect = {**contact, "person": CategoryOfPerson.SUSPECT}
    assert desks.sent(**suspect).state is RequestState.SENT
    # The pact gives personal data without descriptions; what is signed as a whole loses no part.
    told = desks.approved(**suspect, description="What is known of him?")
    row, done = send_request(desks.a.node, ADA, desks.a.gate, told)
    assert (row.state, [each.code for each in done.withheld]) == (
        RequestState.APPROVED, ["redaction"],
    )  # fmt: skip
    assert "cannot lose a part" in done.withheld[0].reason


def many(number: int) -> frozenset[Selector]:
    return frozenset(normalise(SelectorKind.DOMAIN, f"b{each}.example") for each in range(number))


def test_many_values_need_a_supervisor_who_is_not_the_author(desks: Desks) -> None:
    drafts = {author: desks.draft(actor=author, selectors=many(101)) for author in (ANN, ADA)}
    for actor, author in ((ANN, ANN), (ADA, ADA), (ANN, ADA)):
        draft = drafts[author]
        with pytest.raises(RefusedError, match="a supervisor who is not its author"):
            approve_request(desks.a.node, actor, draft)
    assert approve_request(desks.a.node, BEN, drafts[ADA]).state is RequestState.APPROVED
    at_limit = desks.draft(selectors=many(100))
    assert approve_request(desks.a.node, ANN, at_limit).state is RequestState.APPROVED


def test_a_request_goes_to_whom_it_asks_and_by_its_own_way(desks: Desks) -> None:
    draft = desks.draft()
    with desks.a.node.database.read() as tx:
        [item] = tx.items.rows([draft.item])
    with pytest.raises(RefusedError, match="foedus request approve"):
        desks.pair.a.vouch([item])
    with pytest.raises(RefusedError, match="approve it first"):
        preview_request(desks.a.node, ANN, desks.a.gate, draft)
    with pytest.raises(CaseCourseError):
        send_request(desks.a.node, ADA, desks.a.gate, draft)
    row = approve_request(desks.a.node, ADA, draft, neutrality=PLAIN)
    # Given by the common command to the member it asks, it is sent all the same.
    disclose(desks.a.node, ADA, desks.a.gate, [row.item], wish_of(row))
    assert desks.asked(row).state is RequestState.SENT
    theirs = desks.received()
    with pytest.raises(RefusedError, match="answered, not passed on"):
        desks.pair.b.disclose([theirs.item], desks.pair.treaty)


def test_an_answer_in_part_says_what_stayed(desks: Desks) -> None:
    theirs = desks.received()
    given, kept = desks.held_at_b(), desks.held_at_b(2, neutrality_reason="")
    done = desks.answer(theirs, given, kept)
    assert (done.row.state, len(done.given)) == (RequestState.PARTIAL, 1)
    assert [each.handle for each in done.withheld] == [kept]
    with pytest.raises(RefusedError, match="nothing was given to XA"):
        desks.answer(done.row, kept)
    assert desks.heard(theirs).state is RequestState.PARTIAL
    more = desks.answer(done.row, given, desks.held_at_b(3))
    assert (more.row.state, len(more.given)) == (RequestState.ANSWERED, 2)
    assert desks.heard(theirs).state is RequestState.ANSWERED
    with desks.a.node.database.read() as tx:
        assert tuple(tx.requests.answers(desks.asked(theirs).number)) == more.given
        [item] = [name.object_id for name in more.given[:1]]
        assert tx.requests.answered_with([item]) == [desks.asked(theirs).number]


def test_a_request_under_an_order_shows_nothing_of_what_it_says(desks: Desks) -> None:
    theirs = desks.received()
    node = desks.b.node
    with node.database.write() as tx:
        terms = tx.items.rows([theirs.item])[0].terms_id
        tx.items.settle([theirs.item], state=ItemState.RESTRICTED, terms_id=terms, at=NOW)
    with node.database.read() as tx:
        view = view_request(tx, node, theirs)
    assert (view.request, view.holdings) == (None, ())


def test_an_answer_is_put_off_once(desks: Desks) -> None:
    theirs = desks.received()
    node, gate = desks.b.node, desks.b.gate
    with pytest.raises(RefusedError, match="at the latest"):
        extend_request(node, ANN, gate, theirs, until=theirs.due + 11 * DAY)
    put_off = extend_request(node, ANN, gate, theirs, until=theirs.due + DAY)
    assert (put_off.state, put_off.due) == (RequestState.EXTENDED, theirs.due + DAY)
    with pytest.raises(CaseCourseError):
        extend_request(node, ANN, gate, put_off)
    heard = desks.heard(theirs)
    assert (heard.state, heard.due, heard.extended) == (
        RequestState.EXTENDED, theirs.due + DAY, True,
    )  # fmt: skip


def test_a_refusal_names_its_ground_and_nothing_else(desks: Desks) -> None:
    theirs = desks.received()
    with pytest.raises(AccessDeniedError):
        refuse_request(desks.b.node, ANN, desks.b.gate, theirs, Ground.HARM)
    refuse_request(desks.b.node, BEN, desks.b.gate, theirs, Ground.HARM)
    heard = desks.heard(theirs)
    assert (heard.state, heard.ground) == (RequestState.REFUSED, "harm")


def test_each_side_does_its_own(desks: Desks) -> None:
    theirs = desks.received()
    ours = desks.asked(theirs)
    with pytest.raises(RefusedError, match="one of ours"):
        refuse_request(desks.a.node, BEN, desks.a.gate, ours, Ground.HARM)
    with pytest.raises(RefusedError, match="is of XA"):
        withdraw_request(desks.b.node, BEN, desks.b.gate, theirs)


def test_a_withdrawal_before_sending_tells_nobody(desks: Desks) -> None:
    draft = desks.draft()
    row = withdraw_request(desks.a.node, ANN, desks.a.gate, draft)
    with desks.a.node.database.read() as tx:
        assert tx.items.rows([draft.item])[0].state is ItemState.DISCARDED
        assert tx.feeds.lane(XB, "orders").count == 0
    assert row.state is RequestState.WITHDRAWN
    with pytest.raises(CaseCourseError):
        approve_request(desks.a.node, ADA, row)


def test_a_word_before_its_request_waits_for_it(desks: Desks) -> None:
    row = desks.sent()
    withdraw_request(desks.a.node, ANN, desks.a.gate, row)
    desks.pair.pull(desks.pair.b)  # the order lane is drained first
    assert desks.at_b(row).state is RequestState.WITHDRAWN
    assert desks.heard(row).state is RequestState.WITHDRAWN  # its acknowledgement crossed


def test_the_clock_reminds_and_runs_out_at_both_desks(desks: Desks) -> None:
    theirs = desks.received()
    desks.pair.clock.instant = theirs.due - DAY - HOUR
    watch_requests(desks.b.node, desks.b.gate)
    assert desks.alarms(desks.b) == set()
    desks.pair.clock.instant = theirs.due - DAY
    watch_requests(desks.b.node, desks.b.gate)
    assert desks.alarms(desks.b) == {"request.due"}
    desks.pair.clock.instant = theirs.due
    for wired in (desks.a, desks.b):
        tick(wired.node, wired.gate)
    assert desks.at_b(theirs).state is RequestState.EXPIRED
    assert desks.asked(theirs).state is RequestState.EXPIRED
    assert "request.overdue" in desks.alarms(desks.b)
    assert "request.expired" in desks.alarms(desks.a)
    # A late answer is an answer, and ends the alarms.
    desks.pair.pull(desks.pair.b)  # the picture of A was stale
    desks.answer(desks.at_b(theirs), desks.held_at_b())
    assert desks.heard(theirs).state is RequestState.ANSWERED
    assert not desks.alarms(desks.a) & {"request.expired"}
    assert not desks.alarms(desks.b) & {"request.overdue", "request.due"}


def test_what_was_approved_and_not_sent_in_time_expires(desks: Desks) -> None:
    row = desks.approved(urgency=Urgency.LIFE)
    assert row.due == NOW + HOUR
    desks.pair.clock.instant = NOW + HOUR
    with pytest.raises(RefusedError, match="before it was sent"):
        send_request(desks.a.node, ADA, desks.a.gate, row)
    watch_requests(desks.a.node, desks.a.gate)
    assert desks.asked(row).state is RequestState.EXPIRED


def test_where_a_life_is_in_danger_the_alarm_is_raised_at_once(desks: Desks) -> None:
    desks.received(urgency=Urgency.LIFE)
    assert desks.alarms(desks.b) == {"request.due"}


def forged(desks: Desks, **changes: Any) -> int:
    """Hold at A, by no draft, a request whose payload is of somebody's own making."""
    node = desks.a.node
    plain = Request(
        exercise=True,
        name="XA-R-2026-00099",
        asker=XA,
        asked=XB,
        treaty=desks.pair.treaty,
        article=ArticleId(""),
        purpose="prevention",
        offence="financing",
        legal_basis="Act 1",
        urgency=Urgency.ROUTINE,
        at=NOW,
        due=NOW + timedelta(minutes=1),
        selectors=(DOMAIN,),
    )
    row = desks.approved()
    request = replace(plain, **changes)
    envelope = sign_request(request, node.identity.node)
    obj = wrap_object(FoedusKind.REQUEST, envelope.document(), payload=envelope.payload, issued=NOW)
    with node.database.write() as tx:
        terms = tx.items.rows([row.item])[0].terms_id
        [stored] = tx.items.add(
            [NewItem(obj=obj, originator=XA, state=ItemState.HELD, terms_id=terms)], at=NOW
        )
        tx.requests.save(replace(row, item=stored.handle, object_id=obj.id, name=request.name))
    return int(stored.handle)


def test_nobody_gives_another_less_time_than_was_agreed(desks: Desks) -> None:
    handle = forged(desks)
    desks.pair.a.disclose([handle], desks.pair.treaty)
    desks.pair.pull(desks.pair.b)
    with desks.b.node.database.read() as tx:
        assert find_request(tx, "XA-R-2026-00099").due == NOW + 10 * DAY


def test_a_request_to_another_is_no_request_to_us(desks: Desks) -> None:
    handle = forged(desks, asked=MemberId("XC"))
    desks.pair.a.disclose([handle], desks.pair.treaty)
    desks.pair.pull(desks.pair.b)
    assert desks.alarms(desks.b) == {"request.unreadable"}
    with desks.b.node.database.read() as tx:
        assert tx.requests.counts() == {}


def test_words_are_taken_once_and_only_from_whom_they_are(desks: Desks) -> None:
    theirs = desks.received()
    ours = desks.heard(theirs)
    b = desks.b.node.identity
    plain = RequestStatus(
        exercise=True, speaker=XB, to=XA, request=ours.object_id, word=Word.REFUSED, at=NOW,
        ground=Ground.NOT_NEUTRAL,
    )  # fmt: skip
    again = sign_status(plain, b.node)
    node, gate = desks.a.node, desks.a.gate
    for _ in range(2):
        with node.database.write() as tx:
            take_request_status(tx, node, gate, XB, again, NOW)
    assert desks.asked(theirs).state is RequestState.REFUSED
    with node.database.read() as tx:
        assert len(tx.requests.notes(ours.number)) == 4
    for changes, told in (
        ({"to": MemberId("XC")}, "between other members"),
        ({"exercise": False}, "never mix"),
    ):
        envelope = sign_status(replace(plain, **changes), b.node)
        with pytest.raises(RefusedError, match=told), node.database.write() as tx:
            take_request_status(tx, node, gate, XB, envelope, NOW)
    stranger = sign_status(plain, desks.a.node.identity.node)
    with pytest.raises(RequestError, match="no word"), node.database.write() as tx:
        take_request_status(tx, node, gate, XB, stranger, NOW)


@pytest.mark.parametrize(
    ("case", "changes"),
    [
        ("signed in a time to come", {"at": NOW + 2 * DAY, "due": NOW + 20 * DAY}),
        ("at the end of time", {"at": datetime(9999, 12, 31, tzinfo=UTC),
                                "due": datetime(9999, 12, 31, 23, tzinfo=UTC)}),
        ("due in another age", {"due": NOW + 500 * DAY}),
        ("an exercise that is none", {"exercise": False}),
        ("under another treaty", {"treaty": "b" * 64}),
    ],
)  # fmt: skip
def test_instants_of_no_use_to_a_clock_are_refused(
    desks: Desks, case: str, changes: dict[str, Any]
) -> None:
    handle = forged(desks, **changes)
    desks.pair.a.disclose([handle], desks.pair.treaty)
    assert desks.pair.pull(desks.pair.b).unreachable == "", case
    assert desks.alarms(desks.b) == {"request.unreadable"}


def test_early_words_that_may_not_follow_hold_up_nothing(desks: Desks) -> None:
    row = desks.sent()
    a, node = desks.a.node.identity, desks.b.node
    plain = RequestStatus(
        exercise=True, speaker=XA, to=XB, request=row.object_id, word=Word.WITHDRAWN, at=NOW
    )
    for status in (plain, replace(plain, word=Word.CLOSED, at=NOW + HOUR)):
        with node.database.write() as tx:
            take_request_status(tx, node, desks.b.gate, XA, sign_status(status, a.node), status.at)
    desks.pair.pull(desks.pair.b)
    assert desks.at_b(row).state is RequestState.WITHDRAWN
    assert desks.alarms(desks.b) == {"request.unreadable"}


def test_an_answer_put_off_too_far_is_not_taken(desks: Desks) -> None:
    theirs = desks.received()
    ours = desks.heard(theirs)
    status = RequestStatus(
        exercise=True, speaker=XB, to=XA, request=ours.object_id, word=Word.EXTENDED, at=NOW,
        due=ours.due + 11 * DAY,
    )  # fmt: skip
    envelope = sign_status(status, desks.b.node.identity.node)
    node = desks.a.node
    with pytest.raises(RefusedError, match="further than the treaty"), node.database.write() as tx:
        take_request_status(tx, node, desks.a.gate, XB, envelope, NOW)


def test_a_backup_that_does_not_remember_the_sending_learns_of_it(desks: Desks) -> None:
    row = desks.sent()
    with desks.a.node.database.write() as tx:
        tx.requests.save(replace(row, state=RequestState.APPROVED))
    desks.pair.pull(desks.pair.b)
    assert desks.heard(row).state is RequestState.ACKNOWLEDGED


def test_a_row_that_a_backup_forgot_is_made_anew(desks: Desks) -> None:
    theirs = desks.received()
    ours = desks.asked(theirs)
    with desks.a.node.database.write() as tx:
        tx.requests.save(replace(ours, object_id=ObjectId("foedus-request--gone"), name="gone"))
    desks.answer(theirs, desks.held_at_b())
    anew = desks.heard(theirs)
    assert (anew.number != ours.number, anew.state) == (True, RequestState.ANSWERED)


def test_an_item_name_orders_by_id_and_version() -> None:
    one = ItemName(object_id=ObjectId("a--1"), version="2")
    assert sorted([one, replace(one, version="1")])[0].version == "1"


def test_many_values_in_parts_need_a_supervisor_too(desks: Desks) -> None:
    for number in range(2):
        part = desks.draft(selectors=many(50), description=f"part {number}")
        assert approve_request(desks.a.node, ANN, part).state is RequestState.APPROVED
    one_more = desks.draft(description="and this")
    with pytest.raises(RefusedError, match="ann asked XB about 100 today"):
        approve_request(desks.a.node, ANN, one_more)
    assert approve_request(desks.a.node, BEN, one_more).state is RequestState.APPROVED
    other = desks.draft(actor=ADA, description="another person's")
    assert approve_request(desks.a.node, ADA, other).state is RequestState.APPROVED
    desks.pair.clock.instant += DAY
    assert approve_request(desks.a.node, ANN, desks.draft()).state is RequestState.APPROVED


def test_what_was_taken_back_or_ran_out_is_sent_by_no_other_command(desks: Desks) -> None:
    taken_back = desks.approved()
    withdraw_request(desks.a.node, ANN, desks.a.gate, taken_back)
    with pytest.raises(RefusedError, match="is withdrawn"):
        desks.pair.a.disclose([taken_back.item], desks.pair.treaty)
    late = desks.approved(urgency=Urgency.URGENT)
    desks.pair.clock.instant += DAY
    with pytest.raises(RefusedError, match="past its time"):
        desks.pair.a.disclose([late.item], desks.pair.treaty)
    watch_requests(desks.a.node, desks.a.gate)
    with pytest.raises(RefusedError, match="is expired"):
        desks.pair.a.disclose([late.item], desks.pair.treaty)


def said(desks: Desks, row: RequestRow, word: Word, **changes: Any) -> None:
    """Have A take a word of B, or B one of A."""
    by_asker = word in {Word.CLOSED, Word.WITHDRAWN}
    speaker, hearer = (desks.a, desks.b) if by_asker else (desks.b, desks.a)
    plain = RequestStatus(
        exercise=True,
        speaker=speaker.node.identity.member,
        to=hearer.node.identity.member,
        request=row.object_id,
        word=word,
        at=desks.pair.clock.instant,
    )
    envelope = sign_status(replace(plain, **changes), speaker.node.identity.node)
    with hearer.node.database.write() as tx:
        take_request_status(tx, hearer.node, hearer.gate, plain.speaker, envelope, NOW)


def test_a_close_that_crosses_a_putting_off_is_taken(desks: Desks) -> None:
    theirs = desks.received(urgency=Urgency.URGENT)
    ours = desks.heard(theirs)
    desks.pair.clock.instant += DAY - HOUR
    extend_request(desks.b.node, ANN, desks.b.gate, theirs)
    desks.pair.clock.instant += HOUR
    watch_requests(desks.a.node, desks.a.gate)  # A has not heard of it, and gives up
    close_request(desks.a.node, ANN, desks.a.gate, desks.asked(ours), feedback=Feedback.LATE)
    desks.pair.pull(desks.pair.b)
    assert desks.at_b(theirs).state is RequestState.CLOSED
    assert desks.alarms(desks.b) == set()
    assert desks.heard(theirs).state is RequestState.CLOSED


def test_an_answer_names_only_what_its_speaker_gave(desks: Desks) -> None:
    """A member that names items of ours, or of others, in an answer shows them nowhere."""
    theirs = desks.received()
    ours = desks.heard(theirs)
    [own] = desks.pair.a.held(desks.pair.indicator(9, "bad9.example"))
    with desks.a.node.database.read() as tx:
        key = tx.items.rows([own])[0].key
    named = ItemName(object_id=key.object_id, version=key.version)
    said(desks, ours, Word.ANSWERED, items=(named,))
    with desks.a.node.database.read() as tx:
        view = view_request(tx, desks.a.node, desks.asked(ours))
    assert (view.row.state, view.answers, dict(view.here)) == (
        RequestState.ANSWERED, (named,), {},
    )  # fmt: skip


def test_words_on_what_is_not_here_are_refused_once_there_are_too_many(desks: Desks) -> None:
    row = desks.sent()
    with desks.b.node.database.write() as tx:
        for each in range(1_000):
            tx.requests.keep_early(XA, row.object_id, f"{each:064}", b"{}", at=NOW)
    with pytest.raises(RefusedError, match="too many words"):
        said(desks, row, Word.WITHDRAWN)


def crowd(wired: Any, row: RequestRow, event: RequestEvent, at: datetime) -> None:
    """Let as many requests as a day holds, but the one that is there, have been."""
    with wired.node.database.write() as tx:
        for _ in range(199):
            tx.requests.note(row.number, RequestNote(at=at, event=event, state=row.state, by="-"))


def test_a_member_sends_only_so_many_requests_in_a_day(desks: Desks) -> None:
    first, late = desks.sent(), desks.approved(description="one more")
    crowd(desks.a, first, RequestEvent.SEND, NOW)
    with pytest.raises(RefusedError, match="200 requests went to XB within a day"):
        send_request(desks.a.node, ADA, desks.a.gate, late)
    desks.pair.clock.instant += DAY
    assert send_request(desks.a.node, ADA, desks.a.gate, late)[1].given == 1


def test_more_requests_than_a_day_holds_stay_items_and_people_are_told(desks: Desks) -> None:
    theirs = desks.received()
    crowd(desks.b, theirs, RequestEvent.ACKNOWLEDGE, NOW)
    late = desks.sent(description="one more")
    desks.pair.pull(desks.pair.b)
    assert desks.alarms(desks.b) == {"request.too-many"}
    with desks.b.node.database.read() as tx:
        assert tx.requests.by_object(RequestSide.RECEIVED, late.object_id) is None
        assert tx.items.by_object_id(late.object_id)[0].state is ItemState.HELD
    desks.pair.clock.instant += DAY
    assert desks.received(description="the day after").state is RequestState.ACKNOWLEDGED
    assert desks.alarms(desks.b) == set()


def test_a_life_in_danger_is_asserted_by_who_answers_and_not_by_who_asks(trio: Any) -> None:
    """Else whoever asks frees itself from the approvals of whoever is asked."""
    asker, asked = trio.b.wired, trio.a.wired
    draft = draft_request(
        asker.node,
        ANN,
        RequestDraft(
            to=XA,
            treaty=trio.treaty,
            purpose="life",
            offence="financing",
            legal_basis="Act 1",
            urgency=Urgency.LIFE,
            description="Where is the danger?",
        ),
    )
    row = approve_request(asker.node, ADA, draft, neutrality=PLAIN)
    row, sent = send_request(asker.node, ADA, asker.gate, row)
    assert sent.given == 1, sent.withheld
    trio.pull(trio.a, trio.b)
    with asked.node.database.read() as tx:
        theirs = find_request(tx, row.name)
    item = trio.held()
    with pytest.raises(RefusedError, match="nothing was given to XB"):
        answer_request(asked.node, BEN, asked.gate, theirs, [item])
    done = answer_request(asked.node, BEN, asked.gate, theirs, [item], threat_to_life=True)
    assert (done.row.state, done.withheld) == (RequestState.ANSWERED, ())


def test_a_member_fills_nobodys_alarms_with_what_is_no_request(desks: Desks) -> None:
    for text in ("one", "two"):
        handle = forged(desks, asked=MemberId("XC"), description=text)
        desks.pair.a.disclose([handle], desks.pair.treaty)
    desks.pair.pull(desks.pair.b)
    with desks.b.node.database.read() as tx:
        assert [(each.code, each.subject) for each in tx.alarms.open()] == [
            ("request.unreadable", "XA")
        ]
