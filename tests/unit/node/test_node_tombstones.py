"""What was erased stays out, by every way in; nobody else's item is touched."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from foedus.access import AccessDeniedError, Actor, Role
from foedus.intake.limits import DEFAULT_LIMITS
from foedus.model.identifiers import MemberId, ObjectId
from foedus.node.collected import CollectionPost, take_objects
from foedus.node.collections import create_collection
from foedus.node.ports import ItemFilter, ItemState
from foedus.node.purge import Cause, CauseKind, purge
from foedus.node.serve_tools import DraftPost, accept_drafts
from foedus.node.submit import Submission, submit
from foedus.node.tombstones import REFUSED, Offered, barred, barred_here, derived, marks_of

if TYPE_CHECKING:
    from tests.unit.node.conftest import Member, Pair

SECRET = bytes(32)
RANDOM = ObjectId("indicator--00000000-0000-4000-8000-000000000001")
VALUED = ObjectId("domain-name--3c10e93f-798e-5a26-a0c1-08156efab7f5")
DOMAIN = {"type": "domain-name", "spec_version": "2.1", "id": VALUED, "value": "sign.example"}


def offered(name: ObjectId = RANDOM, **changes: Any) -> Offered:
    plain = {
        "originator": MemberId("XA"), "object_id": name, "version": "v1", "content_hash": "0" * 64,
    }  # fmt: skip
    return Offered(**{**plain, **changes})


def recall(member: Member, name: str, kind: CauseKind = CauseKind.RECALL) -> None:
    now = member.wired.node.clock.now()
    cause = Cause(kind=kind, reference="XA-O-2026-00001", reason="wrong", user="", at=now)
    with member.database.write() as tx:
        rows = [
            row
            for row in tx.items.by_object_id(ObjectId(name))
            if row.key.originator == "XA" and row.state is ItemState.HELD
        ]
        assert purge(tx, member.wired.node, rows, cause).versions
    member.wired.node.settle()


def living(member: Member, name: str) -> set[tuple[str, ItemState]]:
    rows = member.read(lambda tx: tx.items.by_object_id(ObjectId(name)))
    return {(row.key.originator, row.state) for row in rows if row.state != ItemState.DISCARDED}


def given(pair: Pair, *objects: dict[str, Any]) -> list[int]:
    handles = pair.a.held(*objects)
    assert pair.a.disclose(handles, pair.treaty).given == len(objects)
    pair.pull(pair.b)
    return handles


def codes(member: Member) -> dict[str, int]:
    found = member.read(lambda tx: tx.inbox.counts())
    return {code: count for (_, lane, code), count in found.items() if lane == "bulk" and count}


def test_what_a_tombstone_is_of() -> None:
    assert (derived(RANDOM), derived(VALUED)) == (False, True)
    whole = marks_of(SECRET, offered(), whole=True, shared=False)
    assert len(whole) == 3
    # An id that follows from a value is many originators'.
    assert len(marks_of(SECRET, offered(VALUED), whole=True, shared=False)) == 2
    # Where another originator's item stands under the id, only the name is kept out.
    assert marks_of(SECRET, offered(), whole=True, shared=True) == whole[:1]
    version = marks_of(SECRET, offered(), whole=False, shared=False)
    assert len(version) == 2
    assert version[0] != whole[0]
    served = marks_of(SECRET, offered(), whole=True, shared=False, served=["1" * 64])
    assert len(served) == 4
    other = marks_of(b"x" * 32, offered(), whole=True, shared=False)
    assert not set(other) & set(whole), "without the secret nobody can try values"


def test_it_stays_out_of_a_members_lane_without_a_word_to_its_sender(pair: Pair) -> None:
    item, other = pair.indicator(1, "one.example"), pair.indicator(2, "two.example")
    given(pair, item)
    recall(pair.b, item["id"])
    newer = {**item, "modified": "2026-11-22T00:00:00.000Z"}
    handles = pair.a.held(newer, other)
    assert pair.a.disclose(handles, pair.treaty).given == 2
    pair.pull(pair.b)
    assert living(pair.b, item["id"]) == set()
    assert living(pair.b, other["id"]) == {("XA", ItemState.HELD)}
    assert codes(pair.b)["recalled"] == 1
    pair.pull(pair.a)
    assert [each.code for each in pair.a.read(lambda tx: tx.alarms.open())] == []
    # What the disclosure says of it went too: only the other item is left in it.
    with pair.b.database.read() as tx:
        raws = _documents(tx)
    assert all(item["id"] not in raw for raw in raws)


def _documents(tx: Any) -> list[str]:
    """Return what is kept of disclosures received, whole or item by item."""
    from foedus.node.accept_codes import DISCLOSURE  # noqa: PLC0415  # beside its only use
    from foedus.node.errors import ErasedError  # noqa: PLC0415  # as above
    from foedus.node.opened import payload_of  # noqa: PLC0415  # as above

    found = []
    for _, handle in tx.inbox.openings(MemberId("XA"), "bulk", opening=DISCLOSURE):
        try:
            found.append(payload_of(tx, handle).encode().decode())
        except ErasedError:
            continue
    return found


def test_it_stays_out_of_drafts_sources_and_collections(pair: Pair) -> None:
    item = pair.indicator(1, "one.example")
    given(pair, item, DOMAIN)
    node = pair.b.wired.node
    raws = {
        row.key.object_id: raw
        for row in pair.b.read(lambda tx: list(tx.items.page(ItemFilter(), after=None, limit=9)))
        for raw in [pair.b.read(lambda tx, row=row: tx.items.raw([row.handle])[row.handle])]  # type: ignore[misc]
    }
    recall(pair.b, item["id"])
    recall(pair.b, VALUED)
    changed = json.dumps({**item, "name": "Another name"}).encode()
    posted = [raws[ObjectId(item["id"])], changed, raws[VALUED]]
    post = DraftPost(actor=pair.b.actor, objects=posted, at=pair.clock.now())
    outcomes = accept_drafts(pair.b.database, pair.b.name, post, secret=node.identity.secret)
    assert [(each.accepted, each.message) for each in outcomes] == [(False, REFUSED)] * 3
    create_collection(node, pair.b.actor, "desk", title="Desk", description="")
    [collection] = pair.b.read(lambda tx: tx.collections.all())
    outcomes = take_objects(
        pair.b.database,
        node.clock,
        CollectionPost(
            collection=collection.number, actor=pair.b.actor, objects=posted,
            secret=node.identity.secret, member=pair.b.name,
        ),
        keep=lambda _tx, _outcomes: None,
    )  # fmt: skip
    assert [each.message for each in outcomes] == [REFUSED] * 3
    submitted = pair.b.submit(
        pair.b.bundle(item, pair.indicator(2, "two.example")), name="old backup.json"
    )
    assert [reason for _, reason in submitted.source.refused] == [REFUSED]
    assert submitted.new >= 1
    assert living(pair.b, item["id"]) == living(pair.b, VALUED) == set()
    assert living(pair.b, pair.indicator(2, "")["id"]) == {("XB", ItemState.DRAFT)}


def test_another_originators_item_is_never_touched(pair: Pair) -> None:
    """XA recalls an item under an id that XB uses too: XB's own stands, and may come in."""
    item = pair.indicator(1, "one.example")
    pair.b.held(item)
    given(pair, item, DOMAIN)
    recall(pair.b, item["id"])
    assert living(pair.b, item["id"]) == {("XB", ItemState.HELD)}
    newer = {**item, "modified": "2026-11-22T00:00:00.000Z"}
    pair.b.drafts(newer)
    recall(pair.b, VALUED)
    secret = pair.b.wired.node.identity.secret
    theirs = [
        offered(ObjectId(item["id"]), originator=MemberId("XC")),
        offered(VALUED, originator=MemberId("XC")),
        offered(ObjectId(item["id"])),
    ]
    with pair.b.database.read() as tx:
        assert barred(tx, secret, theirs) == {2}
        mine = [offered(ObjectId(item["id"]), originator=MemberId("XB"))]
        assert barred_here(tx, secret, mine) == set()


@pytest.mark.parametrize(
    ("kind", "again"), [(CauseKind.RETENTION, True), (CauseKind.SUPERSEDED, True)]
)
def test_what_ran_out_or_was_replaced_does_not_keep_its_successor_out(
    pair: Pair, kind: CauseKind, *, again: bool
) -> None:
    item = pair.indicator(1, "one.example")
    given(pair, item)
    recall(pair.b, item["id"], kind)
    newer = {**item, "modified": "2026-11-22T00:00:00.000Z"}
    assert pair.a.disclose(pair.a.held(newer), pair.treaty).given == 1
    pair.pull(pair.b)
    assert bool(living(pair.b, item["id"])) is again


def test_a_lift_takes_away_only_what_may_be_lifted(pair: Pair) -> None:
    item, other = pair.indicator(1, "one.example"), pair.indicator(2, "two.example")
    given(pair, item, other)
    recall(pair.b, item["id"], CauseKind.NARROW)
    recall(pair.b, other["id"])
    secret = pair.b.wired.node.identity.secret
    asked = [offered(ObjectId(each["id"])) for each in (item, other)]
    marks = [marks_of(secret, each, whole=True, shared=False)[0] for each in asked]
    with pair.b.database.write() as tx:
        assert barred(tx, secret, asked) == {0, 1}
        assert tx.erasure.lift_tombstones(marks, kind=CauseKind.NARROW.value) >= 3
        assert barred(tx, secret, asked) == {1}


def test_a_value_from_a_source_of_our_own_comes_in_by_the_officers_word(pair: Pair) -> None:
    report = {"type": "bundle", "id": "bundle--" + RANDOM[-36:], "objects": [DOMAIN]}
    given(pair, DOMAIN)
    with pair.b.database.write() as tx:
        rows = tx.items.by_object_id(VALUED)
        now = pair.b.wired.node.clock.now()
        cause = Cause(kind=CauseKind.RECALL, reference="XA-O-2026-00001", reason="wrong", user="",
                      at=now)  # fmt: skip
        purge(tx, pair.b.wired.node, rows, cause)
    file = Submission(data=json.dumps(report).encode(), name="own.json")
    kept_out = submit(pair.b.wired.node, pair.b.actor, file, limits=DEFAULT_LIMITS)
    assert [reason for _, reason in kept_out.source.refused] == [REFUSED]
    analyst = Actor(user="ana", roles=frozenset({Role.ANALYST}))
    with pytest.raises(AccessDeniedError):
        submit(pair.b.wired.node, analyst, replace(file, own_source=True), limits=DEFAULT_LIMITS)
    taken = submit(
        pair.b.wired.node, pair.b.actor, replace(file, own_source=True), limits=DEFAULT_LIMITS
    )
    assert taken.new == 1
    assert living(pair.b, VALUED) == {("XB", ItemState.DRAFT)}
    assert (
        "a source of our own"
        in pair.b.read(lambda tx: tx.acts.page(after=0, limit=1000))[-1][1].subject
    )
