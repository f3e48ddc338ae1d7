"""Measure the store alone on both engines: ``python -m bench.engines [ITEMS] [URL]``.

SQLite in a temporary directory, durable; PostgreSQL at the address given (its server's ``fsync``
must be on for the figures to be comparable). Round trips are what differs: every figure is of calls
that the node makes, in the units it makes them.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from foedus.ledger.commitment import lane_digest_over
from foedus.model.identifiers import MemberId, TreatyId
from foedus.model.objects import parse_object
from foedus.model.selectors import Selector, SelectorKind
from foedus.node.ports import Act, BatchRow, ItemFilter, ItemState, NewBatch, NewItem
from foedus.store.opening import NodeDatabase, open_store

XA, XB = MemberId("XA"), MemberId("XB")
AT = datetime(2026, 11, 24, tzinfo=UTC)
_UNIT = 1_000
_PAGE = 100


def main(items: int, url: str) -> None:
    """Print the figures of SQLite, then those of PostgreSQL if it is named."""
    with tempfile.TemporaryDirectory(prefix="foedus-bench-") as folder:
        for name, address in (("SQLite", ""), ("PostgreSQL", url)):
            if name == "SQLite" or address:
                path = Path(folder) / "foedus.db" if not address else Path(folder) / "none.db"
                with closing(open_store(path, address, member=XA, create=True)) as store:
                    print(f"{name}, {items} items")
                    _measure(store, items)


def _measure(store: NodeDatabase, items: int) -> None:
    handles = _intake(store, items)
    _disclose(store, handles)
    _small(store)
    asked = [Selector(SelectorKind.DOMAIN, f"host{number}.example") for number in range(_UNIT)]
    _per_s("look-ups of selectors, 1 000 a call", _UNIT, 20, lambda: _look_up(store, asked))
    _per_s("look-ups of one selector", 1, 300, lambda: _look_up(store, asked[:1]))
    _per_s(
        "listing pages of 100", 1, 100, lambda: _listing(store, ItemFilter(states=limit_to_none()))
    )
    _per_s("searches of two words", 1, 100, lambda: _search(store, "campaign word7"))
    _per_s("lane pages of 100", 1, 200, lambda: _lane(store))
    _per_s("empty snapshots", 1, 500, lambda: _nothing(store))


def limit_to_none() -> frozenset[ItemState]:
    """Return the states that a tool lists."""
    return frozenset({ItemState.HELD})


def _intake(store: NodeDatabase, items: int) -> list[int]:
    made = [_item(number) for number in range(items)]
    handles: list[int] = []
    start = time.perf_counter()
    for at in range(0, items, _UNIT):
        with store.write() as tx:
            handles += [one.handle for one in tx.items.add(made[at : at + _UNIT], at=AT)]
    _say("intake, 1 000 an act", items / (time.perf_counter() - start), "items/s")
    start = time.perf_counter()
    for at in range(0, items, _UNIT):
        with store.write() as tx:
            unit = handles[at : at + _UNIT]
            tx.items.settle(unit, state=ItemState.HELD, terms_id=None, at=AT)
    _say("settling drafts as held, 1 000 an act", items / (time.perf_counter() - start), "items/s")
    return handles


def _disclose(store: NodeDatabase, handles: list[int]) -> None:
    start = time.perf_counter()
    for at in range(0, len(handles), _UNIT):
        with store.write() as tx:
            index = tx.ledger.count()
            document = tx.items.add([_item(10**9 + index)], at=AT)[0].handle
            entry = _hash(f"entry {index}")
            rows = tuple(
                BatchRow(handle=each, salt=_hash(f"s{each}"), commitment=_hash(f"c{each}"))
                for each in handles[at : at + _UNIT]
            )
            before = tx.feeds.lane(XB, "bulk").digest
            after = lane_digest_over(before, [entry, *(row.commitment for row in rows)])
            tx.ledger.append(entry, salt=_hash("salt"), record=b"{}", at=AT)
            tx.feeds.append(
                NewBatch(
                    recipient=XB,
                    lane="bulk",
                    treaty=TreatyId("ab" * 32),
                    article="8",
                    document=document,
                    entry_index=index,
                    entry=entry,
                    rows=rows,
                    digest_after=after,
                    at=AT,
                )
            )
    took = time.perf_counter() - start
    _say("lane rows, 1 000 a disclosure", len(handles) / took, "rows/s")


def _small(store: NodeDatabase) -> None:
    def act() -> None:
        with store.write() as tx:
            tx.acts.record(Act(at=AT, user="ada", act="bench", subject="one"))

    _per_s("acts of one row, durable", 1, 200, act)


def _look_up(store: NodeDatabase, asked: list[Selector]) -> None:
    with store.read() as tx:
        tx.items.postings(asked, cap=20)


def _listing(store: NodeDatabase, which: ItemFilter) -> None:
    with store.read() as tx:
        rows = tx.items.page(which, after=None, limit=_PAGE)
        tx.items.raw([row.handle for row in rows])


def _search(store: NodeDatabase, text: str) -> None:
    with store.read() as tx:
        tx.items.page(ItemFilter(text=text, states=limit_to_none()), after=None, limit=20)


def _lane(store: NodeDatabase) -> None:
    with store.read() as tx:
        rows = tx.feeds.page(XB, "bulk", after=None, limit=_PAGE)
        tx.items.raw([row.handle for row in rows])


def _nothing(store: NodeDatabase) -> None:
    with store.read():
        pass


def _item(number: int) -> NewItem:
    name = f"campaign--{uuid.UUID(int=number, version=4)}"
    raw = (
        f'{{"type":"campaign","spec_version":"2.1","id":"{name}","created":'
        '"2026-11-01T00:00:00.000Z","modified":"2026-11-01T00:00:00.000Z",'
        f'"name":"campaign {number}","description":"{"phishing against banks " * 20}"}}'
    )
    return NewItem(
        obj=parse_object(raw.encode()),
        originator=XA,
        state=ItemState.DRAFT,
        title=f"campaign {number}",
        text=f"phishing word{number % 100} against banks",
        selectors=frozenset(
            {
                Selector(SelectorKind.DOMAIN, f"host{number}.example"),
                Selector(SelectorKind.DOMAIN, f"zone{number % 50}.example"),
            }
        ),
        numbered=True,
    )


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _per_s(name: str, unit: int, times: int, call: Callable[[], object]) -> None:
    call()
    start = time.perf_counter()
    for _ in range(times):
        call()
    _say(name, unit * times / (time.perf_counter() - start), "/s")


def _say(name: str, value: float, unit: str) -> None:
    print(f"  {name:<42} {value:>12,.0f} {unit}", flush=True)


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 10_000,
        sys.argv[2] if len(sys.argv) > 2 else "",
    )
