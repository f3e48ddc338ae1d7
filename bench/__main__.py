"""Figures: intake, disclosure to five members, receipt, TAXII pages, look-ups, log, decisions.

``python -m bench [ITEMS]``, 10 000 items by default. Prints a table and one JSON line. Absolute
figures depend on the machine; beside the durable ones stands what the bare library does here with
the same bytes in the same run.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.bloc import EVERYBODY, Bloc, indicators, make_bloc, offer_of
from bench.decisions import decisions, previews, statuses
from bench.ledger import evidence
from bench.pages import pages_over_http
from foedus.intake.limits import DEFAULT_LIMITS
from foedus.ledger import audit
from foedus.model.bundles import split_bundle
from foedus.model.identifiers import MemberId
from foedus.model.objects import parse_object
from foedus.model.selectors import Selector, SelectorKind
from foedus.model.validation import validate_object
from foedus.node.disclose import disclose
from foedus.node.preview import Wish, preview
from foedus.node.submit import Submission, submit
from foedus.node.vouch import vouch
from foedus.signing import NoteVerifier

MEMBERS = ("XA", "XB", "XC", "XD", "XE", "XF")
SENDER = MemberId("XA")
LOOKUPS = 1_000


class Figures:
    """What was measured, in order."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, float, str]] = []

    def add(self, name: str, value: float, unit: str) -> None:
        self.rows.append((name, value, unit))
        print(f"{name:<58} {value:>14,.0f} {unit}", flush=True)

    @contextmanager
    def rate(self, name: str, count: int, unit: str) -> Iterator[None]:
        """Measure work that handles so many things."""
        start = time.perf_counter()
        yield
        self.add(name, count / (time.perf_counter() - start), unit)


def main(items: int) -> None:
    """Measure everything once."""
    figures = Figures()
    with tempfile.TemporaryDirectory(prefix="foedus-bench-") as name:
        folder = Path(name)
        data = indicators(items)
        _model(figures, data)
        _bare_sqlite(figures, folder, data)
        start = time.perf_counter()
        bloc = make_bloc(folder, MEMBERS)
        figures.add("six nodes introduced and bound", (time.perf_counter() - start) * 1000, "ms")
        try:
            _path(figures, bloc, data, items)
        finally:
            bloc.close()
        law = previews(figures.add, folder / "star", items=items, members=20)
    decisions(figures.add, law, count=items)
    statuses(figures.add)
    evidence(figures.add, items=items)
    print(json.dumps({name: round(value, 1) for name, value, _ in figures.rows}))


def _model(figures: Figures, data: bytes) -> None:
    raws = split_bundle(data)
    with figures.rate("split a bundle into exact bytes", len(raws), "objects/s"):
        split_bundle(data)
    with figures.rate("parse objects", len(raws), "objects/s"):
        parsed = [parse_object(raw) for raw in raws]
    validate_object(parsed[0])
    with figures.rate("validate by the OASIS schemas", len(raws), "objects/s"):
        for obj in parsed:
            validate_object(obj)


def _bare_sqlite(figures: Figures, folder: Path, data: bytes) -> None:
    raws = split_bundle(data)
    database = sqlite3.connect(folder / "bare.db", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, raw BLOB)")
    with figures.rate("  beside it: bare SQLite, durable, same bytes", len(raws), "rows/s"):
        for start in range(0, len(raws), 1_000):
            database.execute("BEGIN IMMEDIATE")
            database.executemany(
                "INSERT INTO t (raw) VALUES (?)", [(raw,) for raw in raws[start : start + 1_000]]
            )
            database.execute("COMMIT")
    database.close()


def _path(figures: Figures, bloc: Bloc, data: bytes, items: int) -> None:
    wired = bloc.nodes[SENDER]
    with figures.rate("intake: validated, indexed, durable (as drafts)", items, "objects/s"):
        submitted = submit(
            wired.node,
            EVERYBODY,
            Submission(data=data, name="bench.json"),
            limits=DEFAULT_LIMITS,
        )
    handles = [row.handle for row in submitted.rows]
    with figures.rate("vouch: terms, held, matched, durable", items, "objects/s"):
        vouch(wired.node, EVERYBODY, handles, offer_of(bloc))
    wish = Wish(treaty=bloc.treaty, purpose="prevention")
    with figures.rate("preview: decisions", items * 5, "decisions/s"):
        preview(wired.node, EVERYBODY, wired.gate, handles, wish)
    with figures.rate("disclose to 5 members: decided, logged, in feeds", items, "items/s"):
        disclose(wired.node, EVERYBODY, wired.gate, handles, wish)
    _lone(figures, bloc)
    recipient = MemberId("XB")
    with figures.rate("receive: verified, decided again, held, matched", items, "items/s"):
        report = bloc.pull(recipient, SENDER)
    assert not any(lane.fault for lane in report.lanes), report
    _lookups(figures, bloc, items)
    verifier = NoteVerifier(name=wired.node.identity.log_origin, key=wired.node.identity.log.public)
    with wired.node.database.read() as tx:
        entries = tx.ledger.count()
    with figures.rate("ledger audit of the sender's log", entries, "entries/s"):
        audit(wired.ledger, verifier, since=None)
    rate, pages = pages_over_http(wired, bloc.nodes[MemberId("XC")], rows=items)
    figures.add("TAXII lane pages of 1 000 over HTTP, one follower", rate, "objects/s")
    figures.add("  pages fetched", pages, "pages")
    _sizes(figures, bloc, items)


def _lone(figures: Figures, bloc: Bloc) -> None:
    """Disclose single items, one act each, and give the median."""
    wired = bloc.nodes[SENDER]
    data = indicators(20, seed=11)
    submitted = submit(
        wired.node, EVERYBODY, Submission(data=data, name="lone.json"), limits=DEFAULT_LIMITS
    )
    handles = [row.handle for row in submitted.rows]
    vouch(wired.node, EVERYBODY, handles, offer_of(bloc))
    wish = Wish(treaty=bloc.treaty, purpose="prevention", recipients=(MemberId("XB"),))
    times = []
    for handle in handles:
        start = time.perf_counter()
        disclose(wired.node, EVERYBODY, wired.gate, [handle], wish)
        times.append(time.perf_counter() - start)
    figures.add("lone disclosure with its published head, median", sorted(times)[10] * 1e6, "µs")


def _lookups(figures: Figures, bloc: Bloc, items: int) -> None:
    node = bloc.nodes[MemberId("XB")].node
    with node.database.read() as tx:
        held = [
            selector
            for handle in range(1, items, max(1, items // LOOKUPS))
            for selector in tx.items.selectors([handle]).get(handle, frozenset())
        ]
    absent = [Selector(SelectorKind.SHA256, os.urandom(32).hex()) for _ in range(len(held))]
    asked = held + absent
    rounds = 20
    with (
        node.database.read() as tx,
        figures.rate(
            "exact look-ups, batched, half of them hits", len(asked) * rounds, "look-ups/s"
        ),
    ):
        for _ in range(rounds):
            tx.items.postings(asked, cap=20)


def _sizes(figures: Figures, bloc: Bloc, items: int) -> None:
    wired = bloc.nodes[SENDER]
    figures.add("database of the sender", wired.settings.database.stat().st_size / items, "B/item")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
