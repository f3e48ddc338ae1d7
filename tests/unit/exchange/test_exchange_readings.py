"""What tools read is counted by token, collection and minute, and no request writes."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from foedus.access import Actor, Role
from foedus.clock import FixedClock
from foedus.exchange.server.credentials import HELD, Credentials, OpenedCollection, ToolCaller
from foedus.exchange.server.resources import CollectionInfo
from foedus.exchange.server.taxii_tools import ToolsRoot, ToolView
from foedus.model.identifiers import MemberId
from foedus.model.objects import parse_object
from foedus.node.ports import ItemState, NewItem
from foedus.node.readings import PurposeNeededError
from foedus.node.served import PageQuery, VersionChoice
from foedus.store import SQLiteDatabase

XA = MemberId("XA")
AT = datetime(2026, 11, 24, 9, 0, 30, tzinfo=UTC)
OBJECT = b"""{"type": "indicator", "spec_version": "2.1",
"id": "indicator--00000000-0000-4000-8000-000000000001", "created": "2026-11-20T00:00:00.000Z",
"modified": "2026-11-20T00:00:00.000Z", "name": "A sign", "pattern": "[domain-name:value = 'a.b']",
"pattern_type": "stix", "valid_from": "2026-11-20T00:00:00Z"}"""
INFO = CollectionInfo(
    id="11111111-1111-4111-8111-111111111111",
    alias=HELD,
    title=HELD,
    description="",
    can_read=True,
    can_write=False,
)
QUERY = PageQuery(after=None, limit=10, versions=VersionChoice(every=True))


def test_reading_counts_and_a_thread_writes_when_the_minute_is_over(tmp_path: Path) -> None:
    database = SQLiteDatabase(tmp_path / "node.db", member=XA)
    item = NewItem(obj=parse_object(OBJECT), originator=XA, state=ItemState.HELD)
    with database.write() as tx:
        tx.items.add([item], at=AT)
    clock = FixedClock(AT)
    root = ToolsRoot(
        gate=Credentials(database=database, member=XA, clock=clock),
        database=database,
        clock=clock,
        accept_drafts=lambda _post: (),
        secret=b"s" * 32,
        member=XA,
        title="tools",
    )
    tool = ToolCaller(
        actor=Actor(user="ana", roles=frozenset({Role.ANALYST})),
        token_id="0011",
        opened={INFO.id: OpenedCollection(info=INFO)},
        expires=None,
        certificate=None,
        purpose="screening",
    )
    view = ToolView(root=root, tool=tool)
    view.page(INFO, QUERY)
    view.page(INFO, QUERY)
    with database.read() as tx:
        assert tx.readings.page(before=None, limit=9) == []
    clock.instant += timedelta(minutes=1)
    view.page(INFO, QUERY)
    for thread in threading.enumerate():
        if thread.name == "foedus-readings":
            thread.join(10)
    with database.read() as tx:
        [row] = tx.readings.page(before=None, limit=9)
    found = row.reading
    assert (found.token, found.user, found.what) == ("0011", "ana", "tools held")
    assert (found.count, found.purpose, found.at) == (2, "screening", AT.replace(second=0))

    strict = ToolView(root=replace(root, require_purpose=True), tool=replace(tool, purpose=""))
    with pytest.raises(PurposeNeededError):
        strict.page(INFO, QUERY)
    database.close()
