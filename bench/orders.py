"""The matrix of orders at a million rows: what a page and the figures cost.

``.venv/bin/python -m bench.orders [ORDERS] [HOLDERS]``: 10 000 orders of 100 holders by default;
with ``FOEDUS_BENCH_POSTGRES`` naming a database, there too. Rows are written straight into the
store, since what is measured is reading; states are those of a bloc that works, with few laggards.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from foedus.clock import to_micros
from foedus.model.identifiers import MemberId
from foedus.node.ports import Database
from foedus.node.ports.orders import MatrixPlace, Rows
from foedus.store import SQLiteDatabase

START = datetime(2026, 1, 1, tzinfo=UTC)
ROUNDS = 25
STATES = (
    ("attested", 960),
    ("executed-in-part", 20),
    ("received", 12),
    ("ordered", 8),
)


def fill(database: Database, orders: int, holders: int) -> None:
    """Write orders, holder rows and their tallies."""
    draw = random.Random(7)
    words = [word for word, _ in STATES]
    weights = [weight for _, weight in STATES]
    with database.write() as tx:
        below: Any = tx.orders
        session = below._session  # noqa: SLF001  # the bench writes below the port
        entry = tx.ledger.append(bytes(32), salt=bytes(32), record=b"{}", at=START)
        for start in range(1, orders + 1, 500):
            batch = range(start, min(start + 500, orders + 1))
            session.run_many(
                "INSERT INTO issued_order (number, name, year, sequence, action, reason, treaty,"
                ' article, at, due, life, "user", entry_index) VALUES (?, ?, 2026, ?, ?, ?, ?, ?,'
                " ?, ?, ?, ?, ?)",
                [
                    (n, f"XA-O-2026-{n:05d}", n, "recall", "wrong", "0" * 64, "21", at(n),
                     at(n + 3), 0, "officer", entry)
                    for n in batch
                ],
            )  # fmt: skip
            rows, tally = holder_rows(batch, holders, draw.choices(words, weights, k=500 * holders))
            session.run_many(
                "INSERT INTO order_holder (number, member, digest, document, position, items, via,"
                " ordered, due, state, received, executed, attested, outcome, kept, kept_until,"
                " breach) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                rows,
            )
            session.run_many(
                "INSERT INTO order_tally (number, word, rows) VALUES (?, ?, ?)"
                " ON CONFLICT (number, word) DO UPDATE SET rows = order_tally.rows + excluded.rows",
                [(n, word, count) for (n, word), count in tally.items()],
            )


def holder_rows(
    batch: range, holders: int, states: list[str]
) -> tuple[list[tuple[Any, ...]], Counter[tuple[int, str]]]:
    """Return rows of some orders, and what they add to the tallies."""
    rows: list[tuple[Any, ...]] = []
    tally: Counter[tuple[int, str]] = Counter()
    given: Iterator[str] = iter(states)
    for number in batch:
        for holder in range(holders):
            state = next(given)
            done = state in {"attested", "executed-in-part"}
            late = state == "ordered"
            rows.append(
                (number, f"M{holder:03d}", f"{number:032x}{holder:032x}", number, number, 3, "",
                 at(number), at(number + 3), state, None if late else at(number),
                 at(number + 1) if done else None, at(number + 1) if done else None,
                 "executed" if done else None, int(state == "executed-in-part"), None, int(late))
            )  # fmt: skip
            words = [state, *(["overdue", "breach"] if late else [])]
            for word in words:
                tally[number, word] += 1
                tally[0, word] += 1
    return rows, tally


def at(hours: int) -> int:
    """Return an instant as it is stored."""
    return to_micros(START + timedelta(hours=hours))


def measure(database: Database, orders: int) -> dict[str, float]:
    """Return the slowest and the middle of several runs of each view, in milliseconds."""
    draw = random.Random(8)
    now = START + timedelta(days=900)

    def page(rows: Rows, number: int | None = None) -> Callable[[], object]:
        def ask() -> object:
            after = MatrixPlace(number=draw.randrange(orders), member="M050")
            with database.read() as tx:
                if number is not None:
                    return tx.orders.matrix(rows, after=None, limit=100, number=number)
                found = tx.orders.matrix(rows, after=after, limit=100)
                return found, tx.orders.tally()

        return ask

    def tick() -> object:
        with database.read() as tx:
            return (
                tx.orders.overdue(now, limit=1),
                tx.orders.awaiting_receipt()[:1],
                tx.orders.to_apply(now, limit=1),
                tx.orders.to_attest(limit=1),
                tx.orders.unsent((), limit=1),
            )

    def barred() -> object:
        with database.read() as tx:
            return tx.orders.barred(MemberId("M001"), list(range(1, 1001)), at=now)

    asked = {f"page of {rows.value}, with figures": page(rows) for rows in Rows}
    asked["page of one order"] = page(Rows.ALL, orders // 2)
    asked["what the clock looks at"] = tick
    asked["what bars 1 000 items"] = barred
    found: dict[str, float] = {}
    for what, ask in asked.items():
        times = []
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            ask()
            times.append((time.perf_counter() - begun) * 1_000)
        found[f"{what}, middle ms"] = round(statistics.median(times), 2)
        found[f"{what}, worst ms"] = round(max(times), 2)
    return found


def main() -> None:
    """Measure and print one JSON line for each engine."""
    orders = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    holders = int(sys.argv[2]) if len(sys.argv) > 2 else 100
    with tempfile.TemporaryDirectory() as folder:
        store = SQLiteDatabase(Path(folder) / "node.db", member=MemberId("XA"))
        report("sqlite", store, orders, holders)
        store.close()
    url = os.environ.get("FOEDUS_BENCH_POSTGRES", "")
    if url:
        from foedus.store.postgres import PostgresDatabase  # noqa: PLC0415  # where installed

        other = PostgresDatabase(url, member=MemberId("XA"))
        report("postgres", other, orders, holders)
        other.close()


def report(engine: str, database: Database, orders: int, holders: int) -> None:
    """Fill a store and print what was measured."""
    begun = time.perf_counter()
    fill(database, orders, holders)
    filled = round(time.perf_counter() - begun, 1)
    figures = {"engine": engine, "rows": orders * holders, "filled in s": filled}
    print(json.dumps(figures | measure(database, orders)))


if __name__ == "__main__":
    main()
