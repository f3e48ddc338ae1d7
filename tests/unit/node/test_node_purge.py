"""What a purge reaches: searched for in the bytes of the database's own files."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from foedus.access import Actor, Role
from foedus.casework.attestation import Kept, ReservedGround
from foedus.ledger import parse_receipt, verify_receipt
from foedus.model.identifiers import ObjectId
from foedus.model.selectors import Selector, SelectorKind
from foedus.node.collected import CollectionPost, take_objects
from foedus.node.collections import create_collection
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.find import find_items, resolve, search
from foedus.node.ports import Act, Alarm, ItemFilter, ItemRow, ItemState
from foedus.node.ports.webhooks import EventKind, NewEvent
from foedus.node.prove import Prover
from foedus.node.purge import Cause, CauseKind, Purged, purge, restrict
from foedus.node.reserved import keep, release
from foedus.node.serve_tools import held_page, rendition
from foedus.node.served import PageQuery, VersionChoice
from foedus.node.webhooks import add_webhook
from foedus.signing import NoteVerifier

if TYPE_CHECKING:
    from tests.unit.node.conftest import Member, Pair

OFFICER = Actor(user="dpo", roles=frozenset({Role.OFFICER}))
VALUE, WORD, NAME = "zanzibarite.example", "quixotica", "Ozymandias"


def stored_bytes(member: Member) -> bytes:
    """Return what the files of the store hold once it forgot, and what documents say in base64."""
    assert member.database.forget()
    path = member.wired.settings.database
    files = [each for each in sorted(path.parent.glob(f"{path.name}*")) if each.is_file()]
    with closing(sqlite3.connect(path)) as store:
        raws = [
            raw
            for table in ("item_bytes", "quarantine")
            for (raw,) in store.execute(f"SELECT raw FROM {table}")  # noqa: S608  # one of two
        ]
    said = []
    for raw in raws:
        with suppress(ValueError, KeyError, TypeError):
            said.append(base64.b64decode(json.loads(raw)["envelope"]["payload"]))
    return b"\n".join([*(each.read_bytes() for each in files), *said])


def cause(member: Member, kind: CauseKind = CauseKind.RECALL) -> Cause:
    return Cause(
        kind=kind, reference="XA-O-2026-00001", reason="wrong", user="",
        at=member.wired.node.clock.now(),
    )  # fmt: skip


def gone(member: Member, names: Iterable[str], kind: CauseKind = CauseKind.RECALL) -> Purged:
    """Purge every version of items by their ids."""
    with member.database.write() as tx:
        rows = [row for name in names for row in tx.items.by_object_id(ObjectId(name))]
        done = purge(
            tx, member.wired.node,
            [row for row in rows if row.state in {ItemState.HELD, ItemState.RESTRICTED}],
            cause(member, kind),
        )  # fmt: skip
    member.wired.node.settle()
    return done


def rows_of(member: Member, name: str) -> list[ItemRow]:
    return member.read(lambda tx: list(tx.items.by_object_id(ObjectId(name))))


def sign(pair: Pair, number: int = 1, value: str = VALUE, **more: Any) -> dict[str, Any]:
    more = {"description": f"{WORD} was here", **more}
    return {**pair.indicator(number, value, **more), "name": f"{NAME} {number}"}


def given(pair: Pair, *objects: dict[str, Any]) -> None:
    """Let XB hold these, given by XA."""
    handles = pair.a.held(*objects)
    assert pair.a.disclose(handles, pair.treaty).given == len(objects)
    pair.pull(pair.b)


def traces(row: ItemRow, raw: bytes) -> list[bytes]:
    """Return what an item is known by: its id, bytes, hash, value, words and title."""
    return [
        row.key.object_id.encode(), raw, row.content_hash.encode(), bytes.fromhex(row.content_hash),
        VALUE.encode(), WORD.encode(), NAME.encode(), b"zanzibarite", b"mandias",
    ]  # fmt: skip


@pytest.mark.sqlite
def test_nothing_of_an_item_is_left_in_the_files_of_its_holder_or_giver(pair: Pair) -> None:
    item, other = sign(pair), pair.indicator(2, "other.example")
    given(pair, item, other)
    for member in (pair.b, pair.a):
        add_webhook(
            member.wired.node, member.actor, "https://tools.example/hook",
            [EventKind.ALARM_RAISED], private=False,
        )  # fmt: skip
        [row] = rows_of(member, item["id"])
        raw = member.read(lambda tx, row=row: tx.items.raw([row.handle])[row.handle])  # type: ignore[misc]
        known = traces(row, raw)
        _spread(member, row, raw)
        before = stored_bytes(member)
        assert [trace for trace in known if trace not in before] == []
        done = gone(member, [item["id"]])
        assert (done.versions, done.disclosures) == (1, 1)
        assert {"selectors", "bytes", "versions", "copies", "alarms"} <= done.counts.keys()
        stored = stored_bytes(member)
        assert [trace for trace in known if trace in stored] == []
        # What else the disclosure carries is proved as before.
        with member.database.read() as tx:
            [left] = tx.items.by_object_id(ObjectId(other["id"]))
            if member is pair.a:
                [proof] = Prover(tx, member.wired.node, member.wired.ledger).of_item(left.handle)
                identity = member.wired.node.identity
                verify_receipt(
                    proof.data, NoteVerifier(name=identity.log_origin, key=identity.log.public)
                )
                assert parse_receipt(proof.data).item is not None


def _spread(member: Member, row: ItemRow, raw: bytes) -> None:
    """Let an item linger wherever something may name it or copy it."""
    node = member.wired.node
    create_collection(node, member.actor, "desk", title="Desk", description="")
    with member.database.read() as tx:
        [collection] = tx.collections.all()
        [served] = [
            each.raw
            for each in held_page(
                tx, PageQuery(after=None, limit=100, versions=VersionChoice(every=True))
            ).objects
            if each.object_id == row.key.object_id
        ]
    name = row.key.object_id
    newer = json.dumps({**json.loads(raw), "modified": "2026-11-21T00:00:00.000Z"}).encode()
    take_objects(
        member.database,
        node.clock,
        CollectionPost(
            collection=collection.number, actor=member.actor, objects=[served, newer],
            secret=node.identity.secret, member=member.name,
        ),
        keep=lambda tx, outcomes: tx.collections.keep_status(
            "s1", "tool", json.dumps([each.object_id for each in outcomes]).encode(),
            at=node.clock.now(), expired=node.clock.now() - timedelta(days=1),
        ),
    )  # fmt: skip
    with member.database.write() as tx:
        tx.acts.record(Act(at=node.clock.now(), user="x", act="tools.discard", subject=name))
        tx.acts.record(
            Act(at=node.clock.now(), user="x", act="collection.discard", subject=f"desk {name}")
        )
        for subject, text in ((f"XB/{name}", "told"), ("XB/bulk", f"{name} is not covered")):
            tx.alarms.set(Alarm(code="odd", subject=subject, text=text, since=node.clock.now()))
        tx.webhooks.tell(
            NewEvent(kind=EventKind.ALARM_RAISED, at=node.clock.now(), data={"subject": name})
        )
        cursor = tx.inbox.cursor(pair_of(member), "bulk")
        tx.inbox.advance(type(cursor)(**{**_fields(cursor), "halted": f"form: {name} is odd"}))


def pair_of(member: Member) -> Any:
    return "XA" if member.name == "XB" else "XB"


def _fields(cursor: Any) -> dict[str, Any]:
    return {name: getattr(cursor, name) for name in cursor.__slots__}


@pytest.mark.sqlite
def test_a_value_stays_where_another_item_carries_it(pair: Pair) -> None:
    item = sign(pair)
    pair.b.held(pair.indicator(50, VALUE))
    given(pair, item)
    assert pair.b.read(lambda tx: tx.hits.counts())
    gone(pair.b, [item["id"]])
    stored = stored_bytes(pair.b)
    assert VALUE.encode() in stored, "XB's own item carries it too"
    assert [each for each in (WORD, NAME, item["id"]) if each.encode() in stored] == []
    selector = Selector(SelectorKind.DOMAIN, VALUE)
    posting = pair.b.read(lambda tx: tx.items.postings([selector], cap=5))[selector]
    assert posting.frequency == 1
    assert not any(pair.b.read(lambda tx: tx.hits.counts()).values())
    # Once the last item that carries it goes, so does the value.
    gone(pair.b, [pair.indicator(50, VALUE)["id"]])
    assert VALUE.encode() not in stored_bytes(pair.b)


@pytest.mark.sqlite
def test_what_a_tool_made_of_an_observable_goes_and_another_originators_stays(pair: Pair) -> None:
    address = {
        "type": "domain-name", "spec_version": "2.1", "value": VALUE,
        "id": "domain-name--3c10e93f-798e-5a26-a0c1-08156efab7f5",
    }  # fmt: skip
    given(pair, address)
    [theirs] = rows_of(pair.b, address["id"])
    own = pair.b.submit(pair.b.bundle({**address, "resolves_to_refs": []})).rows
    done = gone(pair.b, [address["id"]])
    # Its id follows from the value: a draft of other bytes is XB's own word.
    assert done.counts.get("drafts", 0) == 0
    left = [row for row in rows_of(pair.b, address["id"]) if row.state is not ItemState.DISCARDED]
    assert [row.handle for row in left] == [
        row.handle for row in own if row.key.object_id == address["id"]
    ]
    assert theirs.handle in done.handles


def test_a_draft_of_the_same_id_goes_with_an_item_whose_id_is_its_own(pair: Pair) -> None:
    item = sign(pair)
    given(pair, item)
    pair.b.drafts(sign(pair, description="taken over by hand"))
    done = gone(pair.b, [item["id"]])
    assert done.counts["drafts"] == 1
    assert rows_of(pair.b, item["id"]) == []


def test_restricted_items_are_shown_nowhere_and_come_back(pair: Pair) -> None:
    item = sign(pair)
    pair.b.held(pair.indicator(50, VALUE))
    given(pair, item)
    with pair.b.database.write() as tx:
        [row] = tx.items.by_object_id(ObjectId(item["id"]))
        assert restrict(tx, [row], at=pair.clock.now()) == 1
    with pair.b.database.read() as tx:
        with pytest.raises(NotFoundError):
            resolve(tx, item["id"])
        assert search(tx, WORD, limit=5) == []
        assert [each.handle for each in search(tx, VALUE, limit=5)] != [row.handle]
        selector = Selector(SelectorKind.DOMAIN, VALUE)
        assert tx.items.postings([selector], cap=5)[selector].frequency == 1
        assert not any(tx.hits.counts().values())
        assert tx.hits.page(states=frozenset(), after=0, limit=5) == []
        query = PageQuery(after=None, limit=100, versions=VersionChoice(every=True))
        assert item["id"] not in {each.object_id for each in held_page(tx, query).objects}
        # An officer finds it by its words still.
        states = frozenset({ItemState.RESTRICTED})
        found = find_items(tx, ItemFilter(text=WORD, states=states))
        assert [each.handle for each in found] == [row.handle]
        assert tx.items.counts()[ItemState.RESTRICTED] == 1
    from foedus.node.apply_orders import lift_rows  # noqa: PLC0415  # beside its only use

    with pair.b.database.write() as tx:
        assert lift_rows(tx, pair.b.wired.node, tx.items.rows([row.handle]), at=pair.clock.now())
    with pair.b.database.read() as tx:
        assert [each.handle for each in search(tx, WORD, limit=5)] == [row.handle]
        assert any(tx.hits.counts().values())


def test_what_is_kept_on_a_ground_is_restricted_instead_and_goes_afterwards(pair: Pair) -> None:
    item = sign(pair)
    given(pair, item)
    node = pair.b.wired.node
    with pytest.raises(RefusedError, match="no ground"):
        release(node, OFFICER, item["id"])
    until = pair.clock.now() + timedelta(days=30)
    ground = ReservedGround.COURT_FILE
    assert keep(node, OFFICER, item["id"], ground=ground, reason="file 7", until=until) == 1
    done = gone(pair.b, [item["id"]])
    assert (done.number, done.versions) == (0, 0)
    assert done.kept == (Kept(ground=ground, items=1, until=until),)
    [row] = rows_of(pair.b, item["id"])
    assert row.state is ItemState.RESTRICTED
    assert release(node, OFFICER, item["id"]) == 1
    assert gone(pair.b, [item["id"]]).versions == 1


def test_terms_and_sources_of_which_nothing_is_left_tell_nothing(pair: Pair) -> None:
    handles = pair.a.held(sign(pair), neutrality_reason=f"{WORD} is no party")
    [before] = pair.a.read(lambda tx: tx.items.rows(handles))
    assert before.terms_id is not None
    other = pair.a.held(pair.indicator(2, "other.example"))
    gone(pair.a, [before.key.object_id])
    with pair.a.database.read() as tx:
        assert tx.items.terms([before.terms_id]) == {}
        [left] = tx.items.rows(other)
        assert left.terms_id is not None
        assert tx.items.terms([left.terms_id])


def test_a_rendition_is_recognised() -> None:
    """The copy that tools are served differs from the item, and goes with it."""
    from foedus.model.markings import TLP  # noqa: PLC0415  # beside its only use

    raw = b'{"type":"domain-name","value":"x.example"}'
    name = ObjectId("marking-definition--00000000-0000-4000-8000-000000000001")
    assert rendition(raw, name, TLP.GREEN) != raw
