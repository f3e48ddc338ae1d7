"""An item that stands in every table there is, recalled: what is left of it, and in which files."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from foedus.access import Actor, Role
from foedus.canonical import canonical_bytes
from foedus.casework.feedback import Stance
from foedus.casework.order import Order, OrderAction, OrderLine, OrderReason, digest_of, sign_order
from foedus.casework.request import ItemName, Urgency
from foedus.casework.request_course import RequestState
from foedus.model.identifiers import ArticleId, ItemKey, MemberId, ObjectId
from foedus.node.apply_orders import apply_order
from foedus.node.collected import CollectionPost, take_objects
from foedus.node.collections import create_collection
from foedus.node.exports import delete_queued_exports, export_items
from foedus.node.ports import Act, Alarm, ItemRow, ItemState, NewQuarantine, Transaction
from foedus.node.ports.challenges import CaseSide, NewChallenge
from foedus.node.ports.onward import CopyCondition, FeedbackRow, NewConsentRequest
from foedus.node.ports.readings import NewReading
from foedus.node.ports.received_orders import NewReceived
from foedus.node.ports.requests import RequestRow, RequestSide
from foedus.node.ports.webhooks import EventKind, NewEvent
from foedus.node.ports.withheld import NewResidual
from foedus.node.serve_tools import DraftOutcome
from foedus.node.tombstones import REFUSED
from foedus.node.webhooks import add_webhook

if TYPE_CHECKING:
    from tests.unit.node.conftest import Member, Pair

VALUE, WORD, NAME = "zanzibarite.example", "quixotica", "Ozymandias"
XC = MemberId("XC")
READER = Actor(user="admin", roles=frozenset(Role))
NAMES_IT_STILL = {"received_line"}
"""Beside documents that were signed about it: what an order named."""
NAMES_IT_IN = {
    "sqlite": {"foedus.db"},
    "postgres": {"received_line", "received_line_pkey"},
}
"""In which files an order names it still."""


def _engine(member: Member) -> str:
    return "postgres" if getattr(member.database, "_url", "") else "sqlite"


def tables(member: Member) -> Iterator[tuple[str, str]]:
    """Yield each table, and what stands in it as one text; bytes as they are and in hex."""
    database = member.database
    url = getattr(database, "_url", "")
    if not url:
        with closing(sqlite3.connect(member.wired.settings.database)) as store:
            names = store.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (name,) in names:
                rows = store.execute(f'SELECT * FROM "{name}"').fetchall()  # noqa: S608  # ours
                yield name, "\n".join(_text(value) for row in rows for value in row)
        return
    psycopg = pytest.importorskip("psycopg")
    with psycopg.connect(url) as store:
        found = store.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        for (name,) in found.fetchall():
            rows = store.execute(f'SELECT * FROM "{name}"').fetchall()  # noqa: S608  # ours
            yield name, "\n".join(_text(value) for row in rows for value in row)


def _text(value: object) -> str:
    if isinstance(value, bytes | memoryview):
        return f"{bytes(value).decode(errors='replace')} {bytes(value).hex()}"
    return str(value)


def where(member: Member, trace: str) -> set[str]:
    """Return the tables that hold a text."""
    return {name for name, text in tables(member) if trace in text}


def raw_files(member: Member) -> dict[str, bytes]:
    """Return the files that an engine keeps of a store, but for a log of what was written."""
    url = getattr(member.database, "_url", "")
    if not url:
        path = member.wired.settings.database
        return {each.name: each.read_bytes() for each in path.parent.glob(f"{path.name}*")}
    psycopg = pytest.importorskip("psycopg")
    from foedus.store.postgres.database import _ERASED_FROM  # noqa: PLC0415  # needs psycopg

    with psycopg.connect(url, autocommit=True) as store:
        # PostgreSQL keeps the bytes of a freed row until its page is used again: see evidence.md.
        for table in _ERASED_FROM:
            store.execute(f"VACUUM FULL {table}")
        store.execute("CHECKPOINT")
        (folder,) = store.execute("SHOW data_directory").fetchone()
        found = store.execute(
            "SELECT c.relname, pg_relation_filepath(c.oid) FROM pg_class c"
            " WHERE c.relkind IN ('r', 'i', 't', 'm') AND pg_relation_filepath(c.oid) IS NOT NULL"
        ).fetchall()
    if not Path(folder).exists():
        pytest.skip("the server's files are not here")
    return {
        name: (Path(folder) / place).read_bytes()
        for name, place in found
        if (Path(folder) / place).exists()
    }


def item_of(pair: Pair, number: int = 1) -> dict[str, Any]:
    return {
        **pair.indicator(number, VALUE, description=f"{WORD} was here"),
        "name": f"{NAME} {number}",
    }


def spread(pair: Pair, row: ItemRow, raw: bytes) -> None:
    """Let the item stand wherever something may name or copy it."""
    member = pair.b
    node, name, now = member.wired.node, row.key.object_id, pair.clock.now()
    add_webhook(
        node, member.actor, "https://tools.example/hook", [EventKind.ALARM_RAISED], private=False
    )
    create_collection(node, member.actor, "desk", title="Desk", description="")
    [collection] = member.read(lambda tx: tx.collections.all())
    take_objects(
        member.database, node.clock,
        CollectionPost(
            collection=collection.number, actor=member.actor, objects=[raw],
            secret=node.identity.secret, member=member.name,
        ),
        keep=lambda tx, outcomes: tx.collections.keep_status(
            "s1", "tool", json.dumps([each.object_id for each in outcomes]).encode(),
            at=now, expired=now - timedelta(days=1),
        ),
    )  # fmt: skip
    export_items(node, READER, [name], purpose=f"for {name}")
    with member.database.write() as tx:
        tx.acts.record(Act(at=now, user="x", act="tools.discard", subject=f"desk {name}"))
        tx.alarms.set(Alarm(code="odd", subject="XA/bulk", text=f"{name} is odd", since=now))
        tx.webhooks.tell(NewEvent(kind=EventKind.ALARM_RAISED, at=now, data={"subject": str(name)}))
        tx.quarantine.add(
            NewQuarantine(
                sender=pair.a.name, lane="bulk", position=90, object_id=name, raw=raw,
                code="form", reason=f"{name} is odd", at=now,
            )
        )  # fmt: skip
        tx.accounts.note_hands([row.handle], "admin", "vouched")
        tx.retention.set_end([row.handle], now + timedelta(days=9), "XA-O-2026-00009")
        tx.readings.add(
            NewReading(
                at=now, user="admin", token="", what="show", purpose=f"about {name}", count=1,
                handles=(row.handle,),
            )
        )  # fmt: skip
        _casework(tx, pair, row)


def _casework(tx: Transaction, pair: Pair, row: ItemRow) -> None:
    member, name, now = pair.b, row.key.object_id, pair.clock.now()
    later = now + timedelta(days=9)
    tx.onward.note_passed_on([row.handle], XC, pair.treaty, at=now, told=False)
    tx.onward.add_holders([row.handle], XC, member.name, at=now)
    tx.onward.attach([CopyCondition(item=row.handle, digest="c" * 64, words=(), keep_until=None)])
    tx.onward.ask(
        NewConsentRequest(
            digest="d" * 64, ours=True, member=pair.a.name, item=row.handle, recipient=XC,
            treaty=pair.treaty, purpose="prevention", life=False, until=later, at=now, due=later,
        )
    )  # fmt: skip
    tx.onward.add_feedback(
        [FeedbackRow(item=row.handle, about=row.handle, author=member.name,
                     stance=Stance.DISAGREE, at=now)]
    )  # fmt: skip
    [hit] = tx.hits.page(states=frozenset(), after=0, limit=9)
    number = tx.requests.add(
        RequestRow(
            side=RequestSide.ASKED, name="XB-R-2026-00001", member=pair.a.name,
            object_id=ObjectId("foedus-request--00000000-0000-4000-8000-000000000001"), item=0,
            treaty=pair.treaty, article=ArticleId("2"), purpose="prevention", offence="",
            urgency=Urgency.ROUTINE, selectors=1, hit=hit.number, state=RequestState.SENT,
            at=now, due=later,
        )
    )  # fmt: skip
    tx.requests.answered(number, [ItemName(object_id=name, version=row.key.version)])
    tx.requests.keep_early(pair.a.name, name, "e" * 64, b"{}", at=now)
    entry = tx.ledger.append(bytes(32), salt=bytes(32), record=b"{}", at=now)
    challenge = tx.challenges.add(
        NewChallenge(
            name="XB-C-2026-00001", year=2026, sequence=1, side=CaseSide.OWN, sender="",
            treaty="", reference="file 7", received=now, block_due=later, decide_due=later,
            opened=now, opened_by="dpo", entry_index=entry,
        ),
        words=f"challenges {name}", wake=None,
    )  # fmt: skip
    tx.challenges.concern(challenge, [row.handle])
    key = ItemKey(originator=pair.a.name, object_id=name, version=row.key.version)
    tx.withheld.take_residual(
        NewResidual(
            digest="f" * 64, item=key, kind="delete", treaty=pair.treaty, left=pair.a.name,
            due=later, received=now,
        )
    )  # fmt: skip


def recalled(pair: Pair, item: dict[str, Any]) -> dict[str, int]:
    """Let an order of recall arrive and be carried out; returns what it counts."""
    now = pair.clock.now()
    order = Order(
        exercise=True, name="XA-O-2026-00001", action=OrderAction.RECALL, originator=pair.a.name,
        holder=pair.b.name, treaty=pair.treaty, article=ArticleId("2"), at=now,
        due=now + timedelta(days=1), life=False, reason=OrderReason.WRONG,
        lines=(OrderLine(object_id=ObjectId(item["id"]), versions=(item["modified"],)),),
    )  # fmt: skip
    envelope = sign_order(order, pair.a.wired.node.identity.node)
    node = pair.b.wired.node
    with pair.b.database.write() as tx:
        received = tx.orders.take(
            NewReceived(
                order=order, sender=pair.a.name, digest=digest_of(envelope),
                envelope=canonical_bytes(dict(envelope.document())), received=now, automatic=True,
            )
        )  # fmt: skip
        assert received is not None
        done = apply_order(tx, node, pair.b.wired.gate, received)
    node.settle()
    delete_queued_exports(node)
    return dict(done.counts)


def test_nothing_of_a_recalled_item_is_left_anywhere(pair: Pair) -> None:
    item = item_of(pair)
    own = pair.indicator(50, VALUE)
    pair.b.held(own)
    assert pair.a.disclose(pair.a.held(item), pair.treaty).given == 1
    pair.pull(pair.b)
    [row] = pair.b.read(lambda tx: list(tx.items.by_object_id(ObjectId(item["id"]))))
    raw = pair.b.read(lambda tx: tx.items.raw([row.handle])[row.handle])
    spread(pair, row, raw)
    traces = [row.content_hash, WORD, NAME, NAME.lower()[2:]]
    assert where(pair.b, item["id"]) > {
        "act", "alarm", "webhook_event", "quarantine", "reading", "export", "item", "post_status",
        "collection_object", "request_answer", "request_early", "challenge_words", "residual_duty",
    }  # fmt: skip
    counts = recalled(pair, item)
    assert {"versions", "bytes", "copies", "quarantine", "hits", "disclosures"} <= counts.keys()
    assert pair.b.database.forget()
    assert {trace: where(pair.b, trace) for trace in traces} == {trace: set() for trace in traces}
    assert where(pair.b, item["id"]) == NAMES_IT_STILL
    # The value stands for XB's own item still.
    assert where(pair.b, VALUE) >= {"selector", "item_bytes"}
    _lost_nothing_else(pair, row)
    for folder in [pair.b.wired.settings.data / "exports"]:
        assert [each.name for each in folder.glob("*")] == []
    told = [*traces, item["id"]]
    left = {
        name: [each for each in told if each.encode() in data]
        + [row.content_hash for _ in range(bytes.fromhex(row.content_hash) in data)]
        for name, data in raw_files(pair.b).items()
    }
    assert {file for file, each in left.items() if each} == NAMES_IT_IN[_engine(pair.b)]
    assert {trace for each in left.values() for trace in each} == {item["id"]}


def _lost_nothing_else(pair: Pair, row: ItemRow) -> None:
    """What outlives the item is counted as before, and names nobody."""
    with pair.b.database.read() as tx:
        [request] = tx.requests.named("XB-R-2026-00001")
        assert request.hit is None
        [answer] = tx.requests.answers(request.number)
        assert answer.version == f"erased.{row.handle}"
        [duty] = tx.withheld.residuals(after=0, limit=9)
        assert (duty.handle, duty.order.item.version) == (row.handle, f"erased.{row.handle}")
        assert tx.withheld.residuals_due(pair.clock.now() + timedelta(days=10), limit=9) == [duty]
        assert tx.onward.onward_of(row.handle), "an order may still have to reach XC"
        assert tx.onward.untold(limit=9) == []
        purposes = {
            each.reading.purpose
            for each in tx.readings.of_items([row.handle], before=None, limit=9)
        }
        assert purposes == {"about erased"}
        [challenged] = tx.challenges.concerned(1)
        assert challenged.handle == row.handle


def test_an_observable_is_recognised_however_its_json_is_written(pair: Pair) -> None:
    address = {
        "type": "domain-name", "spec_version": "2.1", "value": VALUE,
        "id": "domain-name--3c10e93f-798e-5a26-a0c1-08156efab7f5",
    }  # fmt: skip
    other = {**address, "defanged": True}
    anew = json.dumps(dict(sorted(address.items())), indent=1).encode()
    assert pair.a.disclose(pair.a.held(address), pair.treaty).given == 1
    pair.pull(pair.b)
    member, node = pair.b, pair.b.wired.node
    # A draft of the same words in another order is the same observable.
    member.submit(b'{"type": "bundle", "id": "bundle--00000000-0000-4000-8000-000000000000",'
                  b' "objects": [' + anew + b"]}")  # fmt: skip
    assert _states(member, address["id"]) == {ItemState.HELD, ItemState.DRAFT}
    create_collection(node, member.actor, "desk", title="Desk", description="")
    assert [each.accepted for each in _posted(member, anew)] == [True]
    counts = recalled(pair, {**address, "modified": _version(member, address["id"])})
    assert (counts["versions"], counts["drafts"], counts["copies"]) == (1, 1, 1)
    assert _states(member, address["id"]) == set()
    [refused] = _posted(member, anew)
    assert (refused.accepted, refused.message) == (False, REFUSED)
    assert list(member.submit(pair.b.bundle(dict(sorted(address.items())))).rows) == []
    # What differs in substance is a word of its own.
    assert [each.accepted for each in _posted(member, json.dumps(other).encode())] == [True]


def _states(member: Member, name: str) -> set[ItemState]:
    rows = member.read(lambda tx: list(tx.items.by_object_id(ObjectId(name))))
    return {row.state for row in rows}


def _version(member: Member, name: str) -> str:
    rows = member.read(lambda tx: list(tx.items.by_object_id(ObjectId(name))))
    return next(row.key.version for row in rows if row.state is ItemState.HELD)


def _posted(member: Member, raw: bytes) -> tuple[DraftOutcome, ...]:
    """Post an object to the one collection there is."""
    node = member.wired.node
    [collection] = member.read(lambda tx: tx.collections.all())
    post = CollectionPost(
        collection=collection.number, actor=member.actor, objects=[raw],
        secret=node.identity.secret, member=member.name,
    )  # fmt: skip
    return take_objects(member.database, node.clock, post, keep=lambda _tx, _outcomes: None)
