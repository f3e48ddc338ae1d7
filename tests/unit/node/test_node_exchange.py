"""From one member to another: disclose, pull, accept; and what happens when something is wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from foedus.access import AccessDeniedError, Actor, Role
from foedus.canonical import canonical_bytes
from foedus.clock import instant_text
from foedus.model.identifiers import ArticleId, MemberId, TreatyId
from foedus.model.objects import parse_object
from foedus.model.terms import CategoryOfPerson
from foedus.node.acknowledge import accept_head
from foedus.node.candidates import candidates_for, load_items
from foedus.node.disclose import disclose
from foedus.node.discrepancy import Finding, send_findings
from foedus.node.dispatch import commit_batch
from foedus.node.doctor import FAULT, examine
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.heads import LaneHead, sign_head
from foedus.node.peer_ports import LanePage
from foedus.node.ports import ItemFilter, ItemRow, ItemState, NewItem
from foedus.node.preview import Wish, preview
from foedus.node.pull import PullReport, pull
from foedus.node.ratify import adopt, treaty_status
from foedus.node.reconcile import figures
from foedus.release.facts import LinkFacts
from foedus.release.gate import Gate, ReleaseOutcome

if TYPE_CHECKING:
    from tests.unit.node.conftest import Member, Pair

XA, XB = MemberId("XA"), MemberId("XB")


def lane(report: PullReport, name: str) -> Any:
    return next(each for each in report.lanes if each.lane == name)


def held(member: Member) -> list[ItemRow]:
    return list(member.read(lambda tx: tx.items.page(ItemFilter(), after=None, limit=100)))


def given(pair: Pair, count: int = 1, **changes: Any) -> list[int]:
    """Disclose new indicators from A to B."""
    handles = pair.a.held(*(pair.indicator(n, f"bad{n}.example") for n in range(1, count + 1)))
    done = pair.a.disclose(handles, pair.treaty, **changes)
    assert done.given == count, done.withheld
    return handles


def test_the_pact_binds_both(pair: Pair) -> None:
    for member in (pair.a, pair.b):
        node = member.wired.node
        with node.database.read() as tx:
            status = treaty_status(tx, node, pair.treaty)
        assert status.in_force_since is not None
        faults = [f for f in examine(member.wired.node, member.wired.ledger) if f.level == FAULT]
        assert not faults


def test_items_are_held_and_confirmed_before_the_log_is_copied(pair: Pair) -> None:
    """What is left of a whole pull can be done apart, so that no item waits for it."""
    given(pair)
    mirror = pair.b.wired.mirrors.of(pair.a.wired.node.identity.log_origin)
    before, left = mirror.reached(), list[Callable[[], None]]()
    node, gate = pair.b.wired.node, pair.b.wired.gate
    report = pull(node, gate, pair.client(pair.b), XA, apart=left.append)
    assert report.confirmed
    assert lane(report, "bulk").accepted == 1
    assert mirror.reached() == before
    [work] = left
    work()
    after = mirror.reached()
    assert after is not None
    assert before is None or after.size > before.size


def test_what_is_disclosed_is_pulled_decided_again_and_held(pair: Pair) -> None:
    handles = given(pair)
    raw = pair.a.read(lambda tx: tx.items.raw(handles))[handles[0]]
    report = pair.pull(pair.b)
    bulk = lane(report, "bulk")
    assert (bulk.batches, bulk.accepted, bulk.quarantined, bulk.fault) == (1, 1, 0, "")
    assert report.confirmed
    [row] = held(pair.b)
    assert (row.key.originator, row.received_from, row.received_under) == (XA, XA, pair.treaty)
    assert pair.b.read(lambda tx: tx.items.raw([row.handle]))[row.handle] == raw
    mine = pair.a.read(lambda tx: tx.items.rows(handles))[0]
    assert row.terms_id == mine.terms_id
    assert row.number != mine.number, "each node numbers for itself"


def test_both_sides_agree_afterwards(pair: Pair) -> None:
    given(pair, 3)
    before = pair.a.read(lambda tx: figures(tx, pair.a.wired.node.identity))
    [bulk] = [each for each in before.lanes if each.lane == "bulk"]
    assert (bulk.count, bulk.items, bulk.confirmed, bulk.agreed, bulk.pending) == (
        4, 3, 0, False, True,
    )  # fmt: skip
    pair.pull(pair.b)
    after = pair.a.read(lambda tx: figures(tx, pair.a.wired.node.identity))
    assert all(each.agreed for each in after.lanes)
    assert not any(each.pending for each in after.lanes)
    received = pair.b.read(lambda tx: figures(tx, pair.b.wired.node.identity)).received
    assert received[XA, "bulk"] == {"accepted": 3}


def test_both_logs_hold_an_entry_of_it(pair: Pair) -> None:
    a, b = (m.read(lambda tx: tx.ledger.count()) for m in (pair.a, pair.b))
    given(pair)
    pair.pull(pair.b)
    assert pair.a.read(lambda tx: tx.ledger.count()) == a + 1
    row = pair.b.read(lambda tx: tx.ledger.row(b))
    assert row is not None
    assert row.record is not None
    record = json.loads(row.record)
    assert (record["kind"], record["sender"], record["accepted"]) == ("receipt", "XA", 1)


def test_pulling_again_takes_nothing_twice(pair: Pair) -> None:
    given(pair, 2)
    pair.pull(pair.b)
    count = pair.b.read(lambda tx: tx.ledger.count())
    again = pair.pull(pair.b)
    assert all((each.batches, each.fault) == (0, "") for each in again.lanes)
    assert pair.b.read(lambda tx: tx.ledger.count()) == count
    assert len(held(pair.b)) == 2


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_small_pages_carry_the_same(pair: Pair, rows: int) -> None:
    given(pair, 5)
    client = pair.client(pair.b)
    client.limit = rows
    assert lane(pair.pull(pair.b, client), "bulk").accepted == 5
    assert all(not each.fault for each in pair.pull(pair.b, client).lanes)


def test_what_was_given_already_is_not_given_again(pair: Pair) -> None:
    handles = given(pair, 2)
    again = pair.a.disclose(handles, pair.treaty)
    assert (again.given, again.already, again.withheld, again.sent) == (0, 2, (), ())
    more = pair.a.held(pair.indicator(9, "new.example"))
    mixed = pair.a.disclose([*handles, *more], pair.treaty)
    assert (mixed.given, mixed.already, len(mixed.withheld)) == (1, 2, 0)


def test_an_item_named_twice_is_one_item(pair: Pair) -> None:
    [handle] = pair.a.held(pair.indicator(1, "bad.example"))
    done = pair.a.disclose([handle, handle], pair.treaty)
    assert (done.given, done.already, done.withheld) == (1, 0, ())
    rows = preview(
        pair.a.wired.node,
        pair.a.actor,
        pair.a.wired.gate,
        [handle, handle],
        Wish(treaty=pair.treaty, purpose="prevention"),
    )
    assert len(rows) == 1


def test_its_own_items_are_not_given_back(pair: Pair) -> None:
    given(pair)
    pair.pull(pair.b)
    [row] = held(pair.b)
    done = pair.b.disclose([row.handle], pair.treaty)
    assert (done.given, done.already) == (0, 0)
    assert [each.code for each in done.withheld] == ["own"]


WITHHELD: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("a purpose the terms do not name", {}, {"purpose": "investigation"}),
    ("an offence nobody named", {"offence": ""}, {}),
    ("not found neutral", {"neutrality_reason": ""}, {}),
    ("an article that permits nothing of it", {}, {"article": "3"}),
]


@pytest.mark.parametrize(("what", "offer", "wish"), WITHHELD, ids=[row[0] for row in WITHHELD])
def test_what_no_article_permits_stays(
    what: str, offer: dict[str, Any], wish: dict[str, Any], pair: Pair
) -> None:
    handles = pair.a.held(pair.indicator(1, "bad.example"), **offer)
    entries = pair.a.read(lambda tx: tx.ledger.count())
    done = pair.a.disclose(handles, pair.treaty, **wish)
    assert (done.given, [each.code for each in done.withheld]) == (0, ["denied"]), what
    assert done.withheld[0].decision is not None
    assert pair.a.read(lambda tx: tx.ledger.count()) == entries
    assert not held(pair.b)


def test_preview_and_disclosure_say_the_same(pair: Pair) -> None:
    handles = pair.a.held(pair.indicator(1, "bad.example"))
    wish = Wish(treaty=pair.treaty, purpose="prevention")
    [row] = preview(pair.a.wired.node, pair.a.actor, pair.a.wired.gate, handles, wish)
    assert row.decision is not None
    assert row.decision.verdict.releases
    done = pair.a.disclose(handles, pair.treaty)
    assert [batch.article for batch in done.sent] == [row.decision.article]


def test_what_must_be_removed_is_removed_and_the_rest_arrives(pair: Pair) -> None:
    person = pair.stix(
        "identity", 5, name="Invented Person", identity_class="individual",
        description="what nobody else needs",
    )  # fmt: skip
    handles = pair.a.held(
        person,
        person=CategoryOfPerson.SUSPECT,
        review=pair.clock.now() + timedelta(days=90),
    )
    done = pair.a.disclose(handles, pair.treaty)
    assert done.given == 1, done.withheld
    assert lane(pair.pull(pair.b), "bulk").accepted == 1
    [row] = held(pair.b)
    document = json.loads(pair.b.read(lambda tx: tx.items.raw([row.handle]))[row.handle])
    assert document["name"] == "Invented Person"
    assert "description" not in document
    assert document["id"] != person["id"], "a variant is an object of its own"
    assert pair.a.disclose(handles, pair.treaty).already == 1


def test_two_versions_of_one_object_leave_redacted_each_as_it_is(pair: Pair) -> None:
    person = pair.stix(
        "identity", 5, name="Invented Person", identity_class="individual",
        description="what nobody else needs",
    )  # fmt: skip
    later = {**person, "name": "Invented P. Person", "modified": "2026-11-21T00:00:00.000Z"}
    terms: dict[str, Any] = {
        "person": CategoryOfPerson.SUSPECT,
        "review": pair.clock.now() + timedelta(days=90),
    }
    handles = [*pair.a.held(person, **terms), *pair.a.held(later, **terms)]
    assert pair.a.disclose(handles, pair.treaty).given == 2
    bulk = lane(pair.pull(pair.b), "bulk")
    assert (bulk.accepted, bulk.fault) == (2, "")


def test_a_redacted_form_that_became_another_is_not_given_anew(pair: Pair) -> None:
    """A version has one redacted form for a member; what would be another one stays."""
    maker = pair.stix("identity", 4, name="Invented Office", identity_class="organization")
    person = pair.stix(
        "identity", 5, name="Invented Person", identity_class="individual",
        description="what nobody else needs", created_by_ref=maker["id"],
    )  # fmt: skip
    offices = pair.a.held(maker)
    persons = pair.a.held(
        person, person=CategoryOfPerson.SUSPECT, review=pair.clock.now() + timedelta(days=90)
    )
    [sent] = pair.a.disclose(persons, pair.treaty).sent
    assert pair.a.disclose(offices, pair.treaty).given == 1
    with pair.a.database.write() as tx:  # XB says that it did not keep the first
        row = tx.feeds.page(XB, "bulk", after=None, limit=2)[1]
        assert tx.feeds.note_kept(XB, sent.entry_index, [row.object_id], code="stale-law") == 1
    done = pair.a.disclose([*persons, *pair.a.held(pair.indicator(1, "bad.example"))], pair.treaty)
    assert (done.given, [each.code for each in done.withheld]) == (1, ["redaction"])
    assert "another redacted form" in done.withheld[0].reason
    bulk = lane(pair.pull(pair.b), "bulk")
    assert (bulk.accepted, bulk.fault) == (3, "")


@pytest.mark.parametrize("state", [ItemState.QUARANTINED, ItemState.AWAITING])
def test_what_was_refused_makes_nothing_concern_whom_it_names(state: ItemState, pair: Pair) -> None:
    """Whoever sends an item in another's name must not open a door to that other."""
    ours, theirs = pair.indicator(1, "bad.example"), pair.indicator(1, "worse.example")
    seen = pair.stix("sighting", 2, sighting_of_ref=ours["id"], description="at our border")
    handles = pair.a.held(ours, seen)[1:]
    with pair.a.database.write() as tx:
        tx.items.add(
            [
                NewItem(
                    obj=parse_object(canonical_bytes(theirs)), originator=XB, state=state,
                    received_from=XB,
                )
            ],
            at=pair.clock.now(),
        )  # fmt: skip
    done = pair.a.disclose(handles, pair.treaty, article=ArticleId("3"))
    assert (done.given, [each.code for each in done.withheld]) == (0, ["denied"])


def test_a_stale_picture_of_a_member_stops_new_releases(pair: Pair) -> None:
    handles = pair.a.held(pair.indicator(1, "bad.example"))
    pair.clock.instant += timedelta(days=8)
    done = pair.a.disclose(handles, pair.treaty)
    assert (done.given, [each.code for each in done.withheld]) == (0, ["denied"])
    pair.pull(pair.a)
    assert pair.a.disclose(handles, pair.treaty).given == 1


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.SUPERVISOR}))
def test_only_a_supervisor_releases(role: Role, pair: Pair) -> None:
    handles = pair.a.held(pair.indicator(1, "bad.example"))
    pair.a.actor = Actor(user="ana", roles=frozenset({role}))
    with pytest.raises(AccessDeniedError):
        pair.a.disclose(handles, pair.treaty)


def test_a_draft_is_never_released(pair: Pair) -> None:
    rows = pair.a.drafts(pair.indicator(1, "bad.example"))
    with pytest.raises(RefusedError, match="only what someone vouched for"):
        pair.a.disclose([row.handle for row in rows], pair.treaty)


def test_a_member_that_is_no_party_is_refused(pair: Pair) -> None:
    handles = pair.a.held(pair.indicator(1, "bad.example"))
    with pytest.raises(RefusedError, match="ZZ is no party"):
        pair.a.disclose(handles, pair.treaty, recipients=(MemberId("ZZ"),))
    with pytest.raises(RefusedError, match="nothing to itself"):
        pair.a.disclose(handles, pair.treaty, recipients=(XA,))
    with pytest.raises(NotFoundError, match="no treaty"):
        pair.a.disclose(handles, TreatyId("f" * 64))


class Meddling(Gate):
    """A gate behind whose back something happens between the decision and the commit."""

    def __init__(self, member: Member, meddle: Callable[[], None]) -> None:
        identity = member.wired.node.identity
        super().__init__(
            member=identity.member,
            secret=identity.secret,
            random=os.urandom,
            exercise=identity.exercise,
        )
        self._meddle = meddle
        self.asked = 0

    def release(self, *arguments: Any, **named: Any) -> ReleaseOutcome:
        outcome = super().release(*arguments, **named)
        self.asked += 1
        self._meddle()
        return outcome


def change_law(pair: Pair) -> None:
    """Adopt another text at A: its law is another one than a moment before."""
    number = pair.a.read(lambda tx: len(tx.law.treaties()))
    text = pair.pact(pair.a, pair.b) + f"\n<!-- {number} -->\n".encode()
    adopt(pair.a.wired.node, pair.a.actor, pair.a.wired.gate, text)


def test_the_law_changes_once_while_deciding(pair: Pair) -> None:
    handles = pair.a.held(pair.indicator(1, "bad.example"))
    changes = [lambda: change_law(pair)]
    gate = Meddling(pair.a, lambda: changes.pop()() if changes else None)
    wish = Wish(treaty=pair.treaty, purpose="prevention")
    [done] = disclose(pair.a.wired.node, pair.a.actor, gate, handles, wish)
    assert gate.asked == 2, "it was decided again, under the law as it is"
    assert (done.given, done.already, done.withheld) == (1, 0, ())
    assert lane(pair.pull(pair.b), "bulk").accepted == 1


def test_the_law_changes_again_and_again(pair: Pair) -> None:
    handles = pair.a.held(pair.indicator(1, "bad.example"))
    gate = Meddling(pair.a, lambda: change_law(pair))
    wish = Wish(treaty=pair.treaty, purpose="prevention")
    [done] = disclose(pair.a.wired.node, pair.a.actor, gate, handles, wish)
    [kept] = done.withheld
    assert (done.given, kept.handle, kept.code) == (0, handles[0], "conflict")
    assert "changed 3 times" in kept.reason
    assert pair.a.read(lambda tx: tx.feeds.lane(XB, "bulk")).count == 0
    assert pair.a.disclose(handles, pair.treaty).given == 1


def test_somebody_else_gives_the_same_meanwhile(pair: Pair) -> None:
    handles = pair.a.held(pair.indicator(1, "bad.example"), pair.indicator(2, "worse.example"))
    waiting = [handles[:1]]

    def give() -> None:
        if waiting:
            assert pair.a.disclose(waiting.pop(), pair.treaty).given == 1

    gate = Meddling(pair.a, give)
    wish = Wish(treaty=pair.treaty, purpose="prevention")
    [done] = disclose(pair.a.wired.node, pair.a.actor, gate, handles, wish)
    assert done.given + done.already == 2
    assert pair.a.read(lambda tx: tx.feeds.lane(XB, "bulk")).count == 4
    assert lane(pair.pull(pair.b), "bulk").accepted == 2


def spoil(index: int, change: Callable[[bytes], bytes]) -> Callable[[LanePage], LanePage]:
    """Return what changes one row of a page, if it is there."""

    def damage(page: LanePage) -> LanePage:
        rows = list(page.objects)
        if index < len(rows):
            rows[index] = change(rows[index])
        return replace(page, objects=tuple(rows))

    return damage


def cut(page: LanePage) -> LanePage:
    return replace(page, objects=page.objects[:-1], more=False)


def swap(page: LanePage) -> LanePage:
    head, *items = page.objects or (b"",)
    return replace(page, objects=(head, *reversed(items))) if items else page


FAULTS: list[tuple[str, Callable[[LanePage], LanePage], str]] = [
    ("an item was changed", spoil(1, lambda raw: raw.replace(b"Sign 1", b"Sine 1")), "commitment"),
    ("an item is no object", spoil(1, lambda _: b"{}"), "form"),
    ("the disclosure is no object", spoil(0, lambda _: b"{}"), "form"),
    ("the disclosure is missing", lambda p: replace(p, objects=p.objects[1:]), "not-covered"),
    ("the last row was cut off", cut, "sequence"),
    ("two rows changed places", swap, "commitment"),
    ("everything was cut off", lambda p: replace(p, objects=(), last_added=""), "sequence"),
    ("the head is damaged", lambda p: replace(p, head=p.head[:-2]), "signature"),
    ("the head is missing", lambda p: replace(p, head=b""), "signature"),
    ("more is promised and nothing sent", lambda p: replace(p, objects=(), more=True), "sequence"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "damage", "fault"), FAULTS, ids=[row[0] for row in FAULTS])
def test_a_fault_stops_the_lane_and_takes_nothing(
    what: str, damage: Callable[[LanePage], LanePage], fault: str, pair: Pair
) -> None:
    given(pair, 2)
    client = pair.client(pair.b)
    client.damage = lambda page: damage(page) if len(page.objects) == 3 else page
    report = pair.pull(pair.b, client)
    bulk = lane(report, "bulk")
    assert bulk.fault.startswith(f"{fault}:"), (what, bulk.fault)
    assert (bulk.accepted, bulk.batches) == (0, 0)
    assert not held(pair.b)
    alarms = pair.b.read(lambda tx: [(each.code, each.subject) for each in tx.alarms.open()])
    assert alarms == [(f"lane.{fault}", "XA/bulk")]
    assert pair.b.read(lambda tx: len(tx.quarantine.page(after=0, limit=9))) == 1
    again = pair.pull(pair.b)
    assert lane(again, "bulk").accepted == 2, "the next pull takes up where this one stood"
    assert not pair.b.read(lambda tx: list(tx.alarms.open()))
    assert pair.a.read(lambda tx: figures(tx, pair.a.wired.node.identity)).lanes[-1].agreed


AHEAD = [
    (timedelta(minutes=4), ""),
    (timedelta(minutes=6), "dated-ahead"),
    (timedelta(hours=2), "dated-ahead"),
]


@pytest.mark.parametrize(("ahead", "fault"), AHEAD, ids=["4 min", "6 min", "2 h"])
def test_what_is_dated_ahead_waits_until_then(ahead: timedelta, fault: str, pair: Pair) -> None:
    """The pact tolerates five minutes."""
    pair.clock.instant += ahead
    given(pair)
    pair.clock.instant -= ahead
    bulk = lane(pair.pull(pair.b), "bulk")
    assert bulk.fault.partition(":")[0] == fault
    assert bulk.accepted == (0 if fault else 1)
    pair.clock.instant += ahead
    assert not lane(pair.pull(pair.b), "bulk").fault
    assert len(held(pair.b)) == 1


def test_a_row_too_many_stops_the_lane_after_the_whole_batches_before_it(pair: Pair) -> None:
    given(pair, 2)
    client = pair.client(pair.b)
    client.damage = lambda page: replace(page, objects=page.objects + page.objects[-1:])
    bulk = lane(pair.pull(pair.b, client), "bulk")
    assert bulk.fault.startswith("not-covered:")
    assert (bulk.accepted, bulk.count) == (2, 3)
    assert not lane(pair.pull(pair.b), "bulk").fault


def test_a_peer_that_is_silent_is_reported(pair: Pair) -> None:
    client = pair.client(pair.b)
    client.silent = True
    report = pair.pull(pair.b, client)
    assert (report.lanes, report.confirmed) == ((), False)
    assert "does not answer" in report.unreachable
    assert not pair.b.read(lambda tx: list(tx.alarms.open()))


def test_a_stranger_is_no_peer(pair: Pair) -> None:
    node, gate = pair.b.wired.node, pair.b.wired.gate
    for member in (MemberId("ZZ"), XB):
        with pytest.raises(NotFoundError, match="no peer"):
            pull(node, gate, pair.client(pair.b), member)


def test_what_expired_on_its_way_is_quarantined_and_the_sender_told(pair: Pair) -> None:
    node = pair.a.wired.node
    handles = pair.a.held(pair.indicator(1, "bad.example"), expiry=pair.clock.now() + timedelta(1))
    assert pair.a.disclose(handles, pair.treaty).given == 1
    pair.clock.instant += timedelta(days=2)
    bulk = lane(pair.pull(pair.b), "bulk")
    assert (bulk.accepted, bulk.quarantined, bulk.fault) == (0, 1, "")
    [row] = pair.b.read(lambda tx: list(tx.quarantine.page(after=0, limit=9)))
    assert row.entry.code == "expired"
    assert not held(pair.b)
    assert lane(pair.pull(pair.a), "orders").accepted == 1
    assert not held(pair.a), "it ended here too, and what was said of it went with it"
    assert pair.a.read(lambda tx: list(tx.alarms.open())) == []
    assert pair.a.read(lambda tx: figures(tx, node.identity)).lanes[-1].agreed


def give_again(pair: Pair, handles: list[int]) -> None:
    """Put versions into the recipient's lane a second time, as an honest node never does."""
    node, gate, now = pair.a.wired.node, pair.a.wired.gate, pair.clock.now()
    with node.database.write() as tx:
        [batch] = gate.release(
            candidates_for(tx, load_items(tx, XA, handles), XB),
            recipient=XB,
            law=node.law.view(tx).law(pair.treaty, XA, XB, now),
            link=LinkFacts(fresh=True),
            purpose="prevention",
            at=now,
        ).batches
        commit_batch(tx, node.identity, batch, lane="bulk", at=now)
    node.publish()


def test_what_was_refused_once_and_given_again_is_held_and_counted_once(pair: Pair) -> None:
    """The sender gives the same version a second time; by then nothing speaks against it."""
    handles = pair.a.held(pair.indicator(1, "bad.example"))
    assert pair.a.disclose(handles, pair.treaty).given == 1
    pair.pull(pair.b)
    [row] = held(pair.b)
    with pair.b.wired.node.database.write() as tx:
        tx.items.settle(
            [row.handle],
            state=ItemState.QUARANTINED,
            terms_id=row.terms_id,
            at=pair.clock.now(),
        )
    give_again(pair, handles)
    bulk = lane(pair.pull(pair.b), "bulk")
    assert (bulk.accepted, bulk.known, bulk.quarantined, bulk.fault) == (1, 0, 0, "")
    assert [each.handle for each in held(pair.b)] == [row.handle]


@pytest.mark.parametrize("reason", ["x" * 9_000, "Ü" * 9_000, '\x01"' * 9_000])
def test_a_note_on_a_full_batch_travels_however_long_its_reasons(reason: str, pair: Pair) -> None:
    """A sender has it in its hand how much there is to say: it must not stop the lane with it."""
    wired = pair.b.wired
    findings = [
        Finding(
            object_id=f"indicator--00000000-0000-4000-8000-{number:012d}",
            version="2026-11-20T00:00:00.000000Z", sha256="0" * 64, code="verdict-differs",
            reason=reason,
        )
        for number in range(1_000)
    ]  # fmt: skip
    with wired.node.database.write() as tx:
        send_findings(tx, wired.node, wired.gate, XA, pair.treaty, findings, entry_index=7)
    wired.node.publish()
    assert lane(pair.pull(pair.a), "orders").accepted == 1
    [alarm] = pair.a.read(lambda tx: list(tx.alarms.open()))
    assert "did not accept 1000 of our items" in alarm.text


def head_of(pair: Pair, count: int, digest: str, **changes: Any) -> bytes:
    head = LaneHead(
        speaker=XB, sender=XA, recipient=XB, lane="bulk", count=count, digest=digest,
        instruments="0" * 64, instant=pair.clock.now(),
    )  # fmt: skip
    return sign_head(replace(head, **changes), pair.b.wired.node.identity.node)


def test_an_acknowledgement_that_disagrees_is_an_alarm_until_it_agrees(pair: Pair) -> None:
    given(pair)
    node = pair.a.wired.node
    out = pair.a.read(lambda tx: tx.feeds.lane(XB, "bulk"))
    for count, digest, text in [
        (out.count + 1, "ab" * 32, "signs 3 rows; our lane has 2"),
        (out.count + 1, "cd" * 32, "signs 3 rows"),
    ]:
        accept_head(node, XB, head_of(pair, count, digest))
        [alarm] = pair.a.read(lambda tx: list(tx.alarms.open()))
        assert (alarm.code, alarm.subject) == ("lane.disagreement", "XB/bulk")
        assert text in alarm.text


def test_another_content_for_the_same_length_is_an_alarm(pair: Pair) -> None:
    given(pair)
    node = pair.a.wired.node
    out = pair.a.read(lambda tx: tx.feeds.lane(XB, "bulk"))
    accept_head(node, XB, head_of(pair, out.count, "ab" * 32))
    [alarm] = pair.a.read(lambda tx: list(tx.alarms.open()))
    assert "another content" in alarm.text
    accept_head(node, XB, head_of(pair, out.count, out.digest.hex()))
    assert not pair.a.read(lambda tx: list(tx.alarms.open()))


def test_an_older_acknowledgement_changes_nothing(pair: Pair) -> None:
    given(pair)
    pair.pull(pair.b)
    before = pair.a.read(lambda tx: tx.peers.get(XB))
    older = head_of(pair, 0, "00" * 32, instant=pair.clock.now() - timedelta(hours=1))
    accept_head(pair.a.wired.node, XB, older)
    assert pair.a.read(lambda tx: tx.peers.get(XB)) == before


@pytest.mark.parametrize(
    "change",
    [
        {"speaker": MemberId("XC")},
        {"sender": MemberId("XC")},
        {"recipient": MemberId("XC")},
        {"lane": "gossip"},
    ],
    ids=["speaker", "sender", "recipient", "lane"],
)
def test_an_acknowledgement_of_another_lane_is_refused(change: dict[str, Any], pair: Pair) -> None:
    with pytest.raises(RefusedError, match="lane"):
        accept_head(pair.a.wired.node, XB, head_of(pair, 0, "00" * 32, **change))


def test_a_head_is_the_speakers_word_at_its_instant(pair: Pair) -> None:
    """What is dated ahead never makes a peer look fresher than now."""
    ahead = head_of(pair, 0, "00" * 32, instant=pair.clock.now() + timedelta(days=30))
    accept_head(pair.a.wired.node, XB, ahead)
    peer = pair.a.read(lambda tx: tx.peers.get(XB))
    assert peer is not None
    assert peer.head["bulk"][2] <= pair.clock.now()


def test_what_the_log_says_is_canonical(pair: Pair) -> None:
    given(pair)
    count = pair.a.read(lambda tx: tx.ledger.count())
    row = pair.a.read(lambda tx: tx.ledger.row(count - 1))
    assert row is not None
    assert row.record is not None
    record = json.loads(row.record)
    assert canonical_bytes(record) == row.record
    assert record["instant"] == instant_text(pair.clock.now())
    assert (record["article"], record["purpose"], record["count"]) == ("2", "prevention", 1)


def test_states_are_counted(pair: Pair) -> None:
    given(pair)
    pair.a.drafts(pair.indicator(8, "draft.example"))
    states = pair.a.read(lambda tx: figures(tx, pair.a.wired.node.identity)).states
    assert states[ItemState.HELD] == 1
    assert states[ItemState.DRAFT] == 1
