"""Items sent under a law that is not the law known here wait; honest lag is never their end."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from foedus.canonical import canonical_bytes
from foedus.ledger import verify_receipt
from foedus.model.identifiers import ArticleId, MemberId, TreatyId
from foedus.model.kinds import FoedusKind, unwrap_document, wrap_document
from foedus.model.objects import StixObject, parse_object
from foedus.node.accept import HELD_FOR_LAW
from foedus.node.candidates import candidates_for, load_items
from foedus.node.dispatch import LANE_INSTRUMENTS, commit_batch, send_documents
from foedus.node.lacking import law_stated, what_the_sender_lacked
from foedus.node.law_holds import items_awaiting
from foedus.node.ports import Alarm, ItemFilter, ItemRow, ItemState, Transaction
from foedus.node.prove import DisclosureProof, Prover, payload_of
from foedus.node.pull import LaneReport, PullReport
from foedus.node.reconcile import figures
from foedus.release.decide import Decision, Law
from foedus.release.facts import LinkFacts
from foedus.release.record import DisclosurePayload, parse_batch_record, parse_item_record
from foedus.release.released import GATE_MARK
from foedus.release.replay import replay
from foedus.signing import NoteVerifier, parse_envelope
from foedus.treaty.instrument import (
    Declaration,
    Denunciation,
    InstrumentDraft,
    Reservation,
    Statement,
    sign_instrument,
)

if TYPE_CHECKING:
    from tests.unit.node.conftest import Member, Pair

XA, XB = MemberId("XA"), MemberId("XB")
DEFINED = Declaration(text=None, recognises=(), definitions=(("financing", "To pay for it."),))
DEFINED_OTHERWISE = Declaration(
    text=None, recognises=(), definitions=(("financing", "To pay for it knowingly."),)
)


def say(
    pair: Pair,
    member: Member,
    body: Statement = DEFINED,
    *,
    issued: datetime | None = None,
    to: Member | None = None,
) -> StixObject:
    """Let a member state something; only ``to`` hears of it, by the member's own lane."""
    node = member.wired.node
    authority = node.identity.authority
    assert authority is not None
    with node.database.write() as tx:
        own = [each.serial for each in node.law.view(tx).instruments.of(member.name)]
        envelope = sign_instrument(
            InstrumentDraft(
                member=member.name,
                serial=max(own) + 1,
                issued=issued or node.clock.now(),
                treaty=pair.treaty,
                body=body,
            ),
            authority,
        )
        document = parse_object(
            wrap_document(
                FoedusKind.INSTRUMENT,
                envelope.document(),
                payload=envelope.payload,
                issued=issued or node.clock.now(),
            )
        )
        tx.law.put_instrument(document, member=member.name, treaty=pair.treaty, at=node.clock.now())
        if to is not None:
            tell(tx, member, document, to)
    node.publish()
    pair.clock.instant += timedelta(seconds=1)
    return document


def tell(tx: Transaction, member: Member, document: StixObject, to: Member) -> None:
    node = member.wired.node
    send_documents(
        tx,
        node.identity,
        member.wired.gate,
        [document],
        recipients=[to.name],
        lane=LANE_INSTRUMENTS,
        treaty=None,
        at=node.clock.now(),
    )


def lane(report: PullReport, name: str = "bulk") -> LaneReport:
    [found] = [each for each in report.lanes if each.lane == name]
    assert not found.fault
    return found


def only(member: Member) -> ItemRow:
    """Return the one item that came from another member, whatever its state."""
    states = frozenset({ItemState.HELD, ItemState.AWAITING, ItemState.QUARANTINED})
    rows = member.read(lambda tx: tx.items.page(ItemFilter(states=states), after=None, limit=99))
    [row] = [row for row in rows if row.key.originator != member.name]
    return row


def alarms(member: Member) -> dict[str, Alarm]:
    return {each.code: each for each in member.read(lambda tx: list(tx.alarms.open()))}


def refusals(member: Member) -> list[tuple[str, str]]:
    rows = member.read(lambda tx: list(tx.quarantine.page(after=0, limit=99)))
    return [(row.entry.code, row.entry.reason) for row in rows]


def given(pair: Pair) -> list[int]:
    """Let XA disclose one item, and XB hold what shares its value."""
    pair.b.held(pair.indicator(7, "bad.example"))
    handles = pair.a.held(pair.indicator(1, "bad.example"))
    assert pair.a.disclose(handles, pair.treaty).given == 1
    return handles


def keeps(pair: Pair, handles: list[int]) -> bool:
    return bool(pair.a.read(lambda tx: tx.feeds.keeps(XB, handles)))


def test_what_came_before_its_law_waits_unseen_and_is_held_once_the_law_is_here(
    pair: Pair,
) -> None:
    say(pair, pair.a)
    handles = given(pair)
    bulk = lane(pair.pull(pair.b))
    assert (bulk.accepted, bulk.quarantined, bulk.awaiting, bulk.hits) == (0, 0, 1, 0)
    assert only(pair.b).state is ItemState.AWAITING
    assert refusals(pair.b) == [], "to wait is not to be refused"
    assert pair.b.read(items_awaiting) == {XA: 1}
    assert HELD_FOR_LAW in alarms(pair.b)
    assert pair.b.read(lambda tx: tx.hits.counts()) == {}
    # Again and again: it waits, and one note is all that goes back.
    rows = pair.b.read(lambda tx: tx.feeds.lane(XA, "orders").count)
    assert pair.pull(pair.b).settled.accepted == 0
    assert pair.b.read(lambda tx: tx.feeds.lane(XA, "orders").count) == rows
    assert pair.pull(pair.b).law_differs, "XA signs for another set"
    # The note reaches XA, which gives XB the law it lacks.
    assert lane(pair.pull(pair.a), "orders").accepted == 1
    assert "stale-law" in alarms(pair.a)["discrepancy"].text
    assert not keeps(pair, handles)
    report = pair.pull(pair.b)
    assert lane(report, "instruments").accepted == 1
    assert (report.settled.accepted, report.settled.hits) == (1, 1)
    assert lane(report).accepted == 0, "it came once"
    assert only(pair.b).state is ItemState.HELD
    assert HELD_FOR_LAW not in alarms(pair.b)
    assert pair.b.read(items_awaiting) == {}
    assert pair.pull(pair.b).settled.accepted == 0
    # XA hears that all is well, and both sides count the same.
    pair.pull(pair.a)
    assert alarms(pair.a) == {}
    assert keeps(pair, handles)
    assert pair.a.disclose(handles, pair.treaty).already == 1
    assert not pair.pull(pair.b).law_differs
    found = pair.b.read(lambda tx: figures(tx, pair.b.wired.node.identity))
    assert found.received[XA, "bulk"] == {"accepted": 1}


def test_a_sender_that_lacked_law_is_told_which_and_discloses_anew(pair: Pair) -> None:
    document = say(pair, pair.b)
    handles = given(pair)
    assert lane(pair.pull(pair.b)).awaiting == 1
    view, payload = pair.b.wired.node.law, stated(pair)
    lacked = pair.b.read(lambda tx: what_the_sender_lacked(view.view(tx), payload))
    assert [each.id for each in lacked] == [document.id]
    report = pair.pull(pair.a)
    assert lane(report, "instruments").accepted == 1, "XB gave what XA lacked"
    assert not keeps(pair, handles)
    done = pair.a.disclose(handles, pair.treaty)
    assert (done.given, done.already) == (1, 0)
    assert pair.a.disclose(handles, pair.treaty).already == 1
    report = pair.pull(pair.b)
    assert (lane(report).accepted, lane(report).awaiting) == (1, 0)
    assert only(pair.b).state is ItemState.HELD
    # What had waited is the same item: known, and never refused.
    assert pair.pull(pair.b).settled.known == 1
    assert refusals(pair.b) == []
    assert pair.b.read(items_awaiting) == {}
    found = pair.b.read(lambda tx: figures(tx, pair.b.wired.node.identity))
    assert found.received[XA, "bulk"] == {"accepted": 1, "known": 1}


def test_the_note_names_what_the_sender_lacked_and_no_content(pair: Pair) -> None:
    say(pair, pair.b)
    given(pair)
    pair.pull(pair.b)
    notes = [
        parse_object(raw).document()
        for raw in pair.b.read(
            lambda tx: [r.raw for r in tx.feeds.page(XA, "orders", after=None, limit=99)]
        )
    ]
    [note] = [each for each in notes if each["type"] == FoedusKind.DISCREPANCY]
    envelope = parse_envelope(unwrap_document(parse_object(canonical_bytes(note))))
    text = envelope.payload.decode()
    assert "without an instrument known here: XB no. 4" in text
    assert "bad.example" not in text


def test_what_waits_too_long_is_set_aside_and_accepted_when_it_is_disclosed_anew(
    pair: Pair,
) -> None:
    say(pair, pair.b)
    handles = given(pair)
    pair.pull(pair.b)
    pair.clock.instant += timedelta(days=7, seconds=1)
    report = pair.pull(pair.b)
    assert (report.settled.quarantined, report.settled.accepted) == (1, 0)
    assert only(pair.b).state is ItemState.QUARANTINED
    [(code, reason)] = refusals(pair.b)
    assert code == "stale-law"
    assert "the sender lacked law" in reason
    assert pair.pull(pair.b).settled == type(report.settled)()
    pair.pull(pair.a)
    assert pair.a.disclose(handles, pair.treaty).given == 1
    assert lane(pair.pull(pair.b)).accepted == 1
    assert only(pair.b).state is ItemState.HELD


def test_an_unknown_law_that_never_comes_is_set_aside_in_the_end(pair: Pair) -> None:
    say(pair, pair.a)
    given(pair)
    pair.pull(pair.b)
    pair.clock.instant += timedelta(days=7) - timedelta(minutes=1)
    assert pair.pull(pair.b).settled.quarantined == 0
    pair.clock.instant += timedelta(minutes=1, seconds=1)
    assert pair.pull(pair.b).settled.quarantined == 1
    [(code, reason)] = refusals(pair.b)
    assert code == "stale-law"
    assert "did not arrive in time" in reason


def test_what_waited_and_has_expired_meanwhile_is_refused_for_that(pair: Pair) -> None:
    document = say(pair, pair.a)
    soon = pair.clock.now() + timedelta(days=1)
    handles = pair.a.held(pair.indicator(1, "bad.example"), expiry=soon)
    assert pair.a.disclose(handles, pair.treaty).given == 1
    pair.pull(pair.b)
    pair.clock.instant = soon
    with pair.a.database.write() as tx:
        tell(tx, pair.a, document, pair.b)
    pair.a.wired.node.publish()
    assert pair.pull(pair.b).settled.quarantined == 1
    assert [code for code, _ in refusals(pair.b)] == ["expired"]


def stated(pair: Pair) -> DisclosurePayload:
    """Return what XA's last disclosure states."""

    def ask(tx: Transaction) -> DisclosurePayload:
        return payload_of(tx, list(tx.feeds.batches(after=-1, limit=99))[-1].document)

    return pair.a.read(ask)


def test_what_is_held_already_does_not_wait(pair: Pair) -> None:
    handles = given(pair)
    pair.pull(pair.b)
    say(pair, pair.a)
    give_again(pair, handles)
    bulk = lane(pair.pull(pair.b))
    assert (bulk.known, bulk.awaiting) == (1, 0)
    assert only(pair.b).state is ItemState.HELD


def give_again(pair: Pair, handles: list[int]) -> None:
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


def test_under_a_treaty_nobody_here_knows_it_waits_too(pair: Pair) -> None:
    unknown = TreatyId("cd" * 32)
    node, gate, now = pair.a.wired.node, pair.a.wired.gate, pair.clock.now()
    handles = pair.a.held(pair.indicator(1, "bad.example"))
    with node.database.write() as tx:
        [batch] = gate.release(
            candidates_for(tx, load_items(tx, XA, handles), XB),
            recipient=XB,
            law=node.law.view(tx).law(pair.treaty, XA, XB, now),
            link=LinkFacts(fresh=True),
            purpose="prevention",
            at=now,
        ).batches
        batch = replace(batch, treaty=unknown, mark=GATE_MARK)
        commit_batch(tx, node.identity, batch, lane="bulk", at=now)
    node.publish()
    assert lane(pair.pull(pair.b)).awaiting == 1
    pair.clock.instant += timedelta(days=7, seconds=1)
    assert pair.pull(pair.b).settled.quarantined == 1


# The past stays what it was.


def entries(member: Member) -> list[tuple[bytes | None, bytes]]:
    def ask(tx: Transaction) -> list[tuple[bytes | None, bytes]]:
        rows = [tx.ledger.row(index) for index in range(tx.ledger.count())]
        return [(row.record, row.entry) for row in rows if row is not None]

    return member.read(ask)


LATER: list[tuple[str, str, Statement, timedelta]] = [
    ("a declaration withheld for a day", "b", DEFINED, timedelta(days=-1)),
    ("a denunciation dated before the treaty", "b", Denunciation(), timedelta(days=-900)),
    (
        "a denunciation dated back so far that it has effect",
        "a",
        Denunciation(),
        timedelta(days=-200),
    ),
    ("a reservation dated back", "b", Reservation(articles=(ArticleId("2"),)), timedelta(days=-1)),
]


@pytest.mark.parametrize(
    ("who", "body", "back"), [row[1:] for row in LATER], ids=[row[0] for row in LATER]
)
def test_an_instrument_that_arrives_later_changes_nothing_that_was_decided(
    pair: Pair, who: str, body: Statement, back: timedelta
) -> None:
    [handle] = handles = given(pair)
    assert lane(pair.pull(pair.b)).accepted == 1
    pair.pull(pair.a)
    before = {member.name: entries(member) for member in (pair.a, pair.b)}
    [proof] = receipts_of(pair, handle)
    payload = stated(pair)
    law = pair.a.read(lambda tx: law_stated(pair.a.wired.node.law.view(tx), payload))
    assert law is not None
    decided = replayed(payload, law)
    author, other = (pair.a, pair.b) if who == "a" else (pair.b, pair.a)
    say(pair, author, body, issued=pair.clock.now() + back, to=other)
    pair.pull(pair.a)
    pair.pull(pair.b)
    # What was decided, logged, proved and accepted stands.
    for member in (pair.a, pair.b):
        assert entries(member)[: len(before[member.name])] == before[member.name]
    verify_receipt(proof.data, [log_of(pair)])
    assert only(pair.b).state is ItemState.HELD
    assert refusals(pair.b) == []
    assert pair.a.disclose(handles, pair.treaty).already == 1
    # An auditor finds the law the decision was made under, and the same decision.
    for member in (pair.a, pair.b):
        again = member.read(
            lambda tx, own=member: law_stated(own.wired.node.law.view(tx), payload)  # type: ignore[misc]
        )
        assert again is not None
        assert again.pair.digest == payload.law_digest
        assert replayed(payload, again) == decided


def replayed(payload: DisclosurePayload, law: Law) -> Decision:
    batch = parse_batch_record(payload.batch_record())
    item = parse_item_record(payload.item_records()[0])
    return replay(batch, item, payload.terms_of(0), law)


def receipts_of(pair: Pair, handle: int) -> list[DisclosureProof]:
    wired = pair.a.wired
    return pair.a.read(lambda tx: Prover(tx, wired.node, wired.ledger).of_item(handle))


def log_of(pair: Pair) -> NoteVerifier:
    identity = pair.a.wired.node.identity
    return NoteVerifier(name=identity.log_origin, key=identity.log.public)
