"""The small stores: sources, law, peers, inbox, quarantine, hits, people, acts, alarms."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from foedus.ledger.commitment import EMPTY_LANE
from foedus.model.identifiers import MemberId, ObjectId, TreatyId
from foedus.model.objects import StixObject, parse_object
from foedus.model.selectors import Selector, SelectorKind
from foedus.node.ports import (
    Act,
    Alarm,
    Database,
    HitRow,
    HitState,
    InCursor,
    ItemState,
    NewHit,
    NewItem,
    NewQuarantine,
    PeerRow,
    PeerStore,
    SourceRow,
    TokenRow,
    Transaction,
    UserRow,
)
from foedus.store.errors import StoreMissingError

AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
LATER = AT + timedelta(hours=1)
XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")
SOURCE = SourceRow(
    handle=0,
    sha256="0" * 64,
    name="list.xml",
    format="un-list",
    at=AT,
    by="ana",
    read=3,
    taken=1,
    duplicates=1,
    added=2,
    refused=(("entry 3", "no name"),),
    report=ObjectId("report--00000000-0000-4000-8000-000000000001"),
)
PEER = PeerRow(
    member=XB,
    credence=b"{1}",
    accepted_at=AT,
    accepted_by="ana",
    heard=None,
    checkpoint=None,
)
TOKEN = TokenRow(
    token_id="t1", user="ana", digest=bytes(32), scope="read", created=AT, revoked=None
)
QUARANTINED = NewQuarantine(
    sender=XB,
    lane="bulk",
    position=4,
    object_id="indicator--x",
    raw=b"not json",
    code="receive.form",
    reason="not JSON",
    at=AT,
)


def stix(number: int, *, version: int = 1, kind: str = "indicator") -> StixObject:
    document = {
        "type": kind,
        "spec_version": "2.1",
        "id": f"{kind}--{uuid.UUID(int=number, version=4)}",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": f"2026-01-{version:02d}T00:00:00.000Z",
    }
    return parse_object(json.dumps(document).encode())


def add(tx: Transaction, obj: StixObject, *, source: int | None = None) -> int:
    new = NewItem(obj=obj, originator=XA, state=ItemState.DRAFT, source=source)
    return tx.items.add([new], at=AT)[0].handle


def test_sources_come_back_as_they_were(database: Database) -> None:
    with database.write() as tx:
        first = tx.sources.add(SOURCE)
        second = tx.sources.add(replace(SOURCE, report=None, refused=()))
    with database.read() as tx:
        assert tx.sources.all() == [
            replace(SOURCE, handle=first),
            replace(SOURCE, handle=second, report=None, refused=()),
        ]


def test_editions_give_the_newest_of_a_format_that_was_not_discarded(database: Database) -> None:
    with database.write() as tx:
        listed = tx.sources.add(SOURCE)
        other = tx.sources.add(replace(SOURCE, format="table"))
        newest = stix(1, version=3)
        add(tx, newest, source=listed)
        add(tx, stix(1, version=2), source=listed)
        add(tx, stix(2), source=other)
        tx.items.discard([add(tx, stix(3), source=listed)])
    with database.read() as tx:
        assert tx.sources.editions("un-list") == {newest.id: (newest.content_hash, newest.version)}


def test_law_is_kept_once_and_every_change_shows(database: Database) -> None:
    treaty = TreatyId("ab" * 32)
    later, first = stix(2, kind="foedus-instrument"), stix(1, kind="foedus-instrument")
    revisions = []
    with database.write() as tx:
        revisions.append(tx.law.revision())
        assert tx.law.put_treaty(treaty, b"text", at=AT)
        revisions.append(tx.law.revision())
        assert not tx.law.put_treaty(treaty, b"text", at=AT)
        assert tx.law.put_instrument(later, member=XA, treaty=treaty, at=AT)
        revisions.append(tx.law.revision())
        assert tx.law.put_instrument(first, member=XB, treaty=None, at=AT)
        revisions.append(tx.law.revision())
        assert not tx.law.put_instrument(first, member=XB, treaty=None, at=AT)
        tx.peers.put(PEER)
        revisions.append(tx.law.revision())
    assert len(set(revisions)) == len(revisions)
    with database.read() as tx:
        assert tx.law.treaties() == {treaty: b"text"}
        assert tx.law.instruments() == [first, later]
        assert tx.law.revision() == revisions[-1]


def test_a_revision_that_was_rolled_back_does_not_come_again(database: Database) -> None:
    """What is remembered under it would be served for another law."""
    seen = set()
    for number in range(1, 9):
        with suppress(ZeroDivisionError), database.write() as tx:
            tx.law.put_treaty(TreatyId(f"{number:064x}"), b"text", at=AT)
            seen.add(tx.law.revision())
            raise ZeroDivisionError
    with database.write() as tx:
        tx.law.put_treaty(TreatyId("ab" * 32), b"text", at=AT)
        assert tx.law.revision() not in seen
    assert len(seen) == 8


def test_what_a_peer_does_is_no_change_of_law(database: Database) -> None:
    with database.write() as tx:
        tx.peers.put(PEER)
        before = tx.law.revision()
        tx.peers.set_heard(XB, AT)
        tx.peers.set_checkpoint(XB, b"note")
        tx.peers.set_head(XB, "bulk", count=1, digest="00", at=AT)
        assert tx.law.revision() == before


def test_peers_keep_what_they_proved_over_a_new_credence(database: Database) -> None:
    with database.write() as tx:
        tx.peers.put(PEER)
        tx.peers.put(replace(PEER, member=XA))
        tx.peers.set_heard(XB, LATER)
        tx.peers.set_heard(XB, AT)
        tx.peers.set_checkpoint(XB, b"note")
        tx.peers.set_head(XB, "bulk", count=1, digest="00", at=AT)
        tx.peers.set_head(XB, "bulk", count=2, digest="11", at=LATER)
        tx.peers.put(replace(PEER, credence=b"{2}"))
    known = replace(
        PEER,
        credence=b"{2}",
        heard=LATER,
        checkpoint=b"note",
        head={"bulk": (2, "11", LATER)},
    )
    with database.read() as tx:
        assert tx.peers.get(XB) == known
        assert tx.peers.get(XC) is None
        assert tx.peers.all() == [replace(PEER, member=XA), known]


def test_a_peer_put_with_what_it_proved_keeps_it(database: Database) -> None:
    known = replace(PEER, heard=AT, checkpoint=b"note", head={"bulk": (2, "11", AT)})
    with database.write() as tx:
        tx.peers.put(known)
        assert tx.peers.get(XB) == known


STRANGER: dict[str, Callable[[PeerStore], None]] = {
    "heard from": lambda peers: peers.set_heard(XC, AT),
    "its log head": lambda peers: peers.set_checkpoint(XC, b"note"),
    "its acknowledgement": lambda peers: peers.set_head(XC, "bulk", count=1, digest="", at=AT),
}


@pytest.mark.parametrize("what", STRANGER)
def test_nothing_is_kept_of_a_member_never_introduced(database: Database, what: str) -> None:
    with pytest.raises(StoreMissingError), database.write() as tx:
        STRANGER[what](tx.peers)


def test_cursors_start_empty_and_stay_where_they_were_put(database: Database) -> None:
    start = InCursor(
        sender=XB, lane="bulk", count=0, digest=EMPTY_LANE, added_after="", anchor=0, halted=""
    )
    moved = replace(start, count=3, digest=bytes(31) + b"x", added_after="2026Z", anchor=2)
    with database.write() as tx:
        assert tx.inbox.cursor(XB, "bulk") == start
        tx.inbox.advance(moved)
        tx.inbox.advance(replace(moved, halted="why"))
    with database.read() as tx:
        assert tx.inbox.cursor(XB, "bulk") == replace(moved, halted="why")
        assert tx.inbox.cursors() == [replace(moved, halted="why")]


def test_received_rows_count_once_and_disclosures_do_not(database: Database) -> None:
    with database.write() as tx:
        document = add(tx, stix(1, kind="foedus-disclosure"))
        handle = add(tx, stix(2))
        rows = [(1, document, "accepted"), (2, handle, "accepted"), (3, 0, "refused")]
        tx.inbox.received(XB, "bulk", rows)
        tx.inbox.received(XB, "bulk", [*rows, (4, handle, "accepted"), (4, handle, "accepted")])
        tx.inbox.received(XC, "bulk", [])
    with database.read() as tx:
        assert tx.inbox.counts() == {(XB, "bulk", "accepted"): 2, (XB, "bulk", "refused"): 1}


def test_quarantine_keeps_the_same_bytes_once_for_a_place_and_code(database: Database) -> None:
    others = [replace(QUARANTINED, position=5), replace(QUARANTINED, raw=b"other")]
    with database.write() as tx:
        assert tx.quarantine.add(QUARANTINED)
        assert not tx.quarantine.add(replace(QUARANTINED, at=LATER))
        assert all(tx.quarantine.add(other) for other in others)
    with database.read() as tx:
        rows = tx.quarantine.page(after=0, limit=2)
        rest = tx.quarantine.page(after=rows[-1].handle, limit=2)
    assert [row.entry for row in (*rows, *rest)] == [QUARANTINED, *others]


def test_hits_are_stored_once_and_answered_by_a_person(database: Database) -> None:
    selector = Selector(SelectorKind.DOMAIN, "a.example")
    with database.write() as tx:
        first, second = add(tx, stix(1)), add(tx, stix(2))
        hit = NewHit(arrived=first, held=second, selector=selector, how="exact", frequency=1, at=AT)
        turned = replace(hit, arrived=second, held=first)
        assert tx.hits.add([hit, hit]) == 1
        assert tx.hits.add([hit, turned]) == 1
        assert tx.hits.add([]) == 0
        tx.hits.set_state(2, HitState.DISMISSED, by="ana", reason="own test")
    answered = HitRow(number=2, hit=turned, state=HitState.DISMISSED, by="ana", reason="own test")
    with database.read() as tx:
        assert tx.hits.get(2) == answered
        assert tx.hits.get(3) is None
        assert [row.number for row in tx.hits.page(states=frozenset(), after=0, limit=9)] == [1, 2]
        assert tx.hits.page(states=frozenset({HitState.DISMISSED}), after=0, limit=9) == [answered]
        assert tx.hits.page(states=frozenset({HitState.OPEN}), after=1, limit=9) == []
        assert tx.hits.counts() == {HitState.OPEN: 1, HitState.DISMISSED: 1}


def test_a_hit_that_is_not_there_cannot_be_answered(database: Database) -> None:
    with database.write() as tx, pytest.raises(StoreMissingError):
        tx.hits.set_state(1, HitState.CONFIRMED, by="ana", reason="")


def test_users_keep_their_first_day(database: Database) -> None:
    user = UserRow(name="ana", roles=frozenset({"analyst"}), created=AT)
    with database.write() as tx:
        tx.people.put_user(replace(user, name="bo", roles=frozenset()))
        tx.people.put_user(user)
        tx.people.put_user(replace(user, roles=frozenset({"officer", "analyst"}), created=LATER))
    with database.read() as tx:
        ana = tx.people.user("ana")
        assert ana == replace(user, roles=frozenset({"officer", "analyst"}))
        assert tx.people.users() == [ana, replace(user, name="bo", roles=frozenset())]
        assert tx.people.user("eve") is None


def test_tokens_are_found_by_digest_and_revoked_in_place(database: Database) -> None:
    other = replace(TOKEN, token_id="t0", digest=b"x" * 32, created=LATER)
    with database.write() as tx:
        tx.people.put_token(other)
        tx.people.put_token(TOKEN)
        tx.people.put_token(replace(TOKEN, revoked=LATER))
    with database.read() as tx:
        assert tx.people.token_by_digest(bytes(32)) == replace(TOKEN, revoked=LATER)
        assert tx.people.token_by_digest(b"y" * 32) is None
        assert tx.people.tokens() == [replace(TOKEN, revoked=LATER), other]


def test_acts_are_numbered_in_order(database: Database) -> None:
    acts = [Act(at=AT, user="ana", act="submit", subject=f"source {one}") for one in range(3)]
    with database.write() as tx:
        for act in acts:
            tx.acts.record(act)
    with database.read() as tx:
        assert tx.acts.page(after=0, limit=2) == [(1, acts[0]), (2, acts[1])]
        assert tx.acts.page(after=2, limit=2) == [(3, acts[2])]


def test_an_alarm_keeps_its_first_instant_until_it_is_cleared(database: Database) -> None:
    alarm = Alarm(code="lane.halted", subject="XB/bulk", text="one", since=AT)
    other = replace(alarm, subject="XA/bulk", since=LATER)
    with database.write() as tx:
        tx.alarms.set(other)
        tx.alarms.set(alarm)
        tx.alarms.set(replace(alarm, text="two", since=LATER))
        assert tx.alarms.open() == [replace(alarm, text="two"), other]
        tx.alarms.clear("lane.halted", "XB/bulk")
        tx.alarms.clear("lane.halted", "XB/bulk")
    with database.read() as tx:
        assert tx.alarms.open() == [other]


def test_rows_that_wait_are_found_by_batch_and_settled_once(database: Database) -> None:
    rows = [
        (1, 11, "disclosure"), (2, 12, "waits"), (3, 13, "accepted"), (4, 14, "waits"),
        (5, 15, "disclosure"), (6, 16, "accepted"),
        (7, 17, "disclosure"), (8, 18, "waits"),
    ]  # fmt: skip
    with database.write() as tx:
        tx.inbox.received(XB, "bulk", rows)
        tx.inbox.received(XC, "bulk", [(1, 21, "disclosure"), (2, 22, "waits")])
        found = tx.inbox.awaiting("waits", opening="disclosure")
        assert [(one.sender, one.first, one.document, one.rows) for one in found] == [
            (XB, 1, 11, ((2, 12), (4, 14))),
            (XB, 7, 17, ((8, 18),)),
            (XC, 1, 21, ((2, 22),)),
        ]
        tx.inbox.resettle(XB, "bulk", [(2, 12, "accepted"), (4, 40, "refused"), (99, 1, "x")])
        tx.inbox.resettle(XC, "bulk", [(2, 22, "accepted")])
        found = tx.inbox.awaiting("waits", opening="disclosure")
        assert [(one.sender, one.first, one.rows) for one in found] == [(XB, 7, ((8, 18),))]
        counts = tx.inbox.counts()
    assert counts[XB, "bulk", "waits"] == 1
    assert counts[XB, "bulk", "refused"] == 1
    assert (XC, "bulk", "waits") not in counts
    with database.read() as tx:
        assert tx.inbox.awaiting("nothing", opening="disclosure") == []


def test_a_row_that_waits_without_a_disclosure_is_an_error(database: Database) -> None:
    with database.write() as tx:
        tx.inbox.received(XB, "bulk", [(2, 12, "waits")])
    with database.read() as tx, pytest.raises(StoreMissingError):
        tx.inbox.awaiting("waits", opening="disclosure")
