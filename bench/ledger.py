"""Evidence: commitments through a disclosure, lone disclosures, receipts, import, audit, proofs.

``python -m bench.ledger [ITEMS] [ENTRIES]``, 10 000 items and 10 000 000 entries by default; takes
some three minutes and 800 MB in a temporary directory. Everything measured is durable: SQLite with
``synchronous=FULL``, files and directories synced before a head is signed. Beside the figures stand
the limits of the same run: bare ``fdatasync``, the same hashes alone, the same rows in bare SQLite.

If ``pymerkle`` is installed its tree on SQLite is measured too. It commits a transaction for each
entry, with SQLite's rollback journal and default ``synchronous=FULL``: as durable as ours.
"""

from __future__ import annotations

import importlib
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench.big_log import big_log, bulk_import
from bench.bloc import EVERYBODY, Bloc, held, indicators, make_bloc
from bench.raw_limits import Show, hashes_per_s, rows_per_s, sync_ms
from bench.receipts import cosigned_receipts
from foedus.cli.cadence import PERIOD_S, Cadence
from foedus.compose import Wired
from foedus.ledger import CHECKPOINT_PATH, open_checkpoint
from foedus.model.identifiers import MemberId
from foedus.node.disclose import disclose
from foedus.node.wish import Wish
from foedus.signing import NoteVerifier
from foedus.store.locks import exclusive

__all__ = ["evidence"]

_MEMBERS = ("XA", "XB", "XC", "XD", "XE", "XF")
_SENDER = MemberId("XA")
_LONE = 60
_LONE_NAME = "lone disclosure, durable,"
_BATCH = 1_000
_PEER_ENTRIES = 300
_RECEIPTS = 100
_DOCUMENT_BYTES_AN_ITEM = 540
_RECORD_BYTES = 450
_BULK_ENTRIES = 400_000


def evidence(show: Show, *, items: int, entries: int = 10_000_000) -> None:
    """Measure everything once."""
    with tempfile.TemporaryDirectory(prefix="foedus-bench-") as name:
        folder = Path(name)
        show("load of the machine at the start", os.getloadavg()[0] * 100, "hundredths")
        show("bare append of 200 bytes and fdatasync, median", sync_ms(folder) * 1e3, "µs")
        bloc = make_bloc(folder / "bloc", _MEMBERS)
        try:
            _commitments(show, folder, bloc, items)
            _lone(show, folder, bloc)
            _cadence(show, bloc)
            cosigned_receipts(show, bloc, _SENDER, count=_RECEIPTS)
        finally:
            bloc.close()
        bulk_import(show, folder, entries=_BULK_ENTRIES)
        _peer(show, folder)
        big_log(show, folder / "big", entries=entries)


def _commitments(show: Show, folder: Path, bloc: Bloc, items: int) -> None:
    """Disclose to one and then, other items, to five; beside it hashes and rows alone."""
    wired = bloc.nodes[_SENDER]
    for count, recipients in ((1, (MemberId("XB"),)), (5, ())):
        handles = held(wired, bloc, indicators(items, seed=count))
        wish = Wish(treaty=bloc.treaty, purpose="prevention", recipients=recipients)
        start, used = time.perf_counter(), time.process_time()
        given = disclose(wired.node, EVERYBODY, wired.gate, handles, wish)
        taken, used = time.perf_counter() - start, time.process_time() - used
        assert sum(each.given for each in given) == count * items, given
        rate = count * items / taken
        show(f"item commitments, durable, disclosed to {count}", rate, "/s")
        show("  in processor time", count * items / used, "/s")
    show("  beside it: their four hashes alone", hashes_per_s(_RECORD_BYTES), "/s")
    rows = [
        (lane, place, place, os.urandom(32), os.urandom(32))
        for lane in range(5)
        for place in range(items)
    ]
    bare = rows_per_s(
        folder / "raw-rows.db",
        "lane INTEGER, position INTEGER, handle INTEGER, salt BLOB, commitment BLOB,"
        " PRIMARY KEY (lane, position)",
        rows,
        unit=_BATCH,
    )
    show("  beside it: bare SQLite, the feed rows alone", bare, "rows/s")
    document = os.urandom(_DOCUMENT_BYTES_AN_ITEM)
    both = rows_per_s(
        folder / "raw-both.db",
        "lane INTEGER, position INTEGER, handle INTEGER, salt BLOB, commitment BLOB, part BLOB,"
        " PRIMARY KEY (lane, position)",
        [(*row, document) for row in rows],
        unit=_BATCH,
    )
    show("  beside it: bare SQLite, rows with their signed bytes", both, "rows/s")


def _lone(show: Show, folder: Path, bloc: Bloc) -> None:
    """Disclose single items, one act each: beside a serving process's publisher, and alone."""
    wired = bloc.nodes[_SENDER]
    served, alone = f"{_LONE_NAME} acknowledged", f"{_LONE_NAME} with its published head"
    cadence = Cadence(wired.node.publish)
    cadence.start()
    with exclusive(wired.settings.serving):
        _lone_acts(show, folder, bloc, served, seed=11)
    cadence.stop()
    _lone_acts(show, folder, bloc, alone, seed=12)


def _lone_acts(show: Show, folder: Path, bloc: Bloc, name: str, *, seed: int) -> None:
    wired = bloc.nodes[_SENDER]
    handles = held(wired, bloc, indicators(_LONE, seed=seed))
    wish = Wish(treaty=bloc.treaty, purpose="prevention", recipients=(MemberId("XB"),))
    disclose(wired.node, EVERYBODY, wired.gate, handles[:1], wish)
    times, used, syncs = [], [], []
    for handle in handles[1:]:
        start, begun = time.perf_counter(), time.thread_time()
        disclose(wired.node, EVERYBODY, wired.gate, [handle], wish)
        times.append(time.perf_counter() - start)
        used.append(time.thread_time() - begun)
        if len(times) % 20 == 0:
            syncs.append(sync_ms(folder))
    show(f"{name}, median", statistics.median(times) * 1e6, "µs")
    show("  fastest", min(times) * 1e6, "µs")
    show("  in processor time, median", statistics.median(used) * 1e6, "µs")
    show("  beside it: one bare fdatasync meanwhile", statistics.median(syncs) * 1e3, "µs")


def _cadence(show: Show, bloc: Bloc) -> None:
    """Disclose steadily beside the publisher of ``foedus serve``; how old is what is pending?"""
    wired = bloc.nodes[_SENDER]
    handles = held(wired, bloc, indicators(100, seed=13))
    wish = Wish(treaty=bloc.treaty, purpose="prevention", recipients=(MemberId("XC"),))
    pending: dict[int, float] = {}
    ages: list[float] = []

    def publish() -> None:
        wired.node.publish()
        now, size = time.perf_counter(), _published(wired)
        covered = [each for each in list(pending) if each < size]
        ages.extend(now - pending.pop(index) for index in covered)

    cadence = Cadence(publish)
    cadence.start()
    with exclusive(wired.settings.serving):
        for handle in handles:
            [done] = disclose(wired.node, EVERYBODY, wired.gate, [handle], wish)
            pending[done.sent[0].entry_index] = time.perf_counter()
            time.sleep(0.03)
    time.sleep(4 * PERIOD_S)
    cadence.stop()
    period = f"{PERIOD_S * 1000:.0f} ms"
    show(f"entry to published head, cadence {period}, median", statistics.median(ages) * 1e3, "ms")
    show("  longest of a hundred", max(ages) * 1e3, "ms")


def _published(wired: Wired) -> int:
    identity = wired.node.identity
    verifier = NoteVerifier(name=identity.log_origin, key=identity.log.public)
    return open_checkpoint(wired.ledger.read(CHECKPOINT_PATH), verifier).size


def _peer(show: Show, folder: Path) -> None:
    """Measure pymerkle on SQLite, where it is installed."""
    try:
        tree_class = importlib.import_module("pymerkle").SqliteTree
    except ImportError:
        return
    with tree_class(str(folder / "pymerkle.db")) as tree:
        start = time.perf_counter()
        for _ in range(_PEER_ENTRIES):
            tree.append_entry(os.urandom(32))
        rate = _PEER_ENTRIES / (time.perf_counter() - start)
        show("pymerkle on SQLite, an entry a transaction, durable", rate, "entries/s")
        start = time.perf_counter()
        tree.append_entries([os.urandom(32) for _ in range(100 * _PEER_ENTRIES)])
        rate = 100 * _PEER_ENTRIES / (time.perf_counter() - start)
        show("  its bulk operation, durable", rate, "entries/s")
        size = tree.get_size()
        times = []
        for index in range(1, 100):
            start = time.perf_counter()
            tree.prove_inclusion(index * size // 100)
            times.append(time.perf_counter() - start)
        show(f"  its proof out of {size:,} entries, median", statistics.median(times) * 1e6, "µs")


def main(items: int, entries: int) -> None:
    """Measure and print a table and one JSON line."""
    rows: dict[str, float] = {}

    def show(name: str, value: float, unit: str) -> None:
        rows[name] = round(value, 1)
        print(f"{name:<62} {value:>14,.0f} {unit}", flush=True)

    evidence(show, items=items, entries=entries)
    print(json.dumps(rows))


if __name__ == "__main__":
    given = sys.argv[1:3]
    main(*(int(each) for each in (*given, *("10000", "10000000")[len(given) :])))
