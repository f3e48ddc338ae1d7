"""A log of ten million entries: written in bulk, audited whole, proofs cut out of it.

Its entries are random bytes, as every commitment is. The tiles are made by the product's own right
edge and written as plain files without a sync each, which only the making of the log uses: proofs
and audit read them through the product's own directory.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path

from bench.raw_limits import Show, rows_per_s
from foedus.clock import SystemClock
from foedus.ledger import Checkpoint, audit, publish, sign_checkpoint
from foedus.ledger.edge import RightEdge
from foedus.ledger.inclusion import inclusion_proof, verify_inclusion
from foedus.ledger.tiles import (
    CHECKPOINT_PATH,
    TILE_WIDTH,
    TileTree,
    entries_path,
    format_bundle,
    inclusion_from_tiles,
    read_entries,
    tile_path,
)
from foedus.ledger.tree import leaf_hash, leaf_hashes
from foedus.model.identifiers import MemberId
from foedus.node.ports.law import NewEntry
from foedus.signing import NoteSigner, SigningKey
from foedus.store.ledger_files import GuardFile, TileDirectory
from foedus.store.sqlite import SQLiteDatabase

__all__ = ["big_log", "bulk_import"]

_ORIGIN = "bench.example/log"
_PROOFS = 2_000
_COLD_PROOFS = 200
_AUDITORS = 2
_UNIT = 10_000
"""Entries in one transaction of a bulk import."""

_RECORD_BYTES = 600


def bulk_import(show: Show, folder: Path, *, entries: int) -> None:
    """Measure entries into the journal, durable, and their publication as tiles.

    Entries alone are what a recovering node takes from a copy of its log; with salt and record they
    are what it makes itself.
    """
    bare = [NewEntry(entry=os.urandom(32), salt=None, record=None) for _ in range(entries)]
    database = _imported(show, folder, bare, name="entries alone")
    _publish_all(show, folder, database, entries)
    database.close()
    record = os.urandom(_RECORD_BYTES)
    whole = [NewEntry(entry=one.entry, salt=one.entry, record=record) for one in bare]
    _imported(show, folder, whole, name=f"entries with salt and {_RECORD_BYTES} bytes").close()


def _imported(
    show: Show, folder: Path, entries: Sequence[NewEntry], *, name: str
) -> SQLiteDatabase:
    place = name.replace(" ", "-")
    database = SQLiteDatabase(folder / f"{place}.db", member=MemberId("XA"))
    now = SystemClock().now()
    start = time.perf_counter()
    for at in range(0, len(entries), _UNIT):
        with database.write() as tx:
            tx.ledger.append_many(entries[at : at + _UNIT], at=now)
    show(f"bulk import, {name}", len(entries) / (time.perf_counter() - start), "entries/s")
    raw = rows_per_s(
        folder / f"raw-{place}.db",
        "position INTEGER PRIMARY KEY, entry BLOB, at INTEGER, salt BLOB, record BLOB",
        [(place, one.entry, 0, one.salt, one.record) for place, one in enumerate(entries)],
        unit=_UNIT,
    )
    show("  beside it: bare SQLite, the same rows and units", raw, "rows/s")
    return database


class _Journal:
    def __init__(self, database: SQLiteDatabase) -> None:
        self._database = database

    def count(self) -> int:
        with self._database.read() as tx:
            return tx.ledger.count()

    def entries(self, start: int, end: int) -> list[bytes]:
        with self._database.read() as tx:
            return list(tx.ledger.entries(start, end))


def _publish_all(show: Show, folder: Path, database: SQLiteDatabase, entries: int) -> None:
    signer = NoteSigner(_ORIGIN, SigningKey.generate(os.urandom))
    (folder / "guard").mkdir()
    tiles = TileDirectory(folder / "published")
    guard = GuardFile(folder / "guard" / "head", outside=folder / "published")
    start = time.perf_counter()
    publish(_Journal(database), tiles, tiles, guard, signer)
    taken = time.perf_counter() - start
    show("  and published: tiles, guard, signed head, durable", entries / taken, "entries/s")


def big_log(show: Show, folder: Path, *, entries: int) -> None:
    """Measure proofs out of a log of so many entries, and its audit."""
    signer = NoteSigner(_ORIGIN, SigningKey.generate(os.urandom))
    start = time.perf_counter()
    head = _make(folder, entries, signer)
    show("log made: entries hashed, tiles written", entries / (time.perf_counter() - start), "/s")
    source = TileDirectory(folder)
    _proofs(show, source, head)
    start, used = time.perf_counter(), time.process_time()
    result = audit(source, signer.verifier, since=None)
    show("full audit", result.entries / (time.perf_counter() - start), "entries/s")
    show("  in processor time", result.entries / (time.process_time() - used), "entries/s")
    start = time.perf_counter()
    with ProcessPoolExecutor(_AUDITORS, multiprocessing.get_context("spawn")) as pool:
        result = audit(source, signer.verifier, since=None, spread=pool.map)
    rate = result.entries / (time.perf_counter() - start)
    show(f"  spread over {_AUDITORS} processes", rate, "entries/s")
    show("  beside it: reading and hashing alone", _read_and_hash(source, head), "entries/s")


def _make(folder: Path, entries: int, signer: NoteSigner) -> Checkpoint:
    edge = RightEdge()
    made: set[Path] = set()

    def put(path: str, data: bytes) -> None:
        place = folder / path
        if place.parent not in made:
            place.parent.mkdir(parents=True, exist_ok=True)
            made.add(place.parent)
        place.write_bytes(data)

    while edge.size < entries:
        index, count = edge.size // TILE_WIDTH, min(TILE_WIDTH, entries - edge.size)
        drawn = os.urandom(32 * count)
        bundle = [drawn[at : at + 32] for at in range(0, len(drawn), 32)]
        completed = edge.add(leaf_hashes(bundle))
        put(entries_path(index, count), format_bundle(bundle))
        for tile in completed:
            put(tile_path(tile.level, tile.index), b"".join(tile.hashes))
    for tile in edge.partials():
        put(tile_path(tile.level, tile.index, tile.width), b"".join(tile.hashes))
    head = Checkpoint(_ORIGIN, edge.size, edge.root)
    put(CHECKPOINT_PATH, sign_checkpoint(head, signer))
    return head


def _proofs(show: Show, source: TileDirectory, head: Checkpoint) -> None:
    chance = random.Random(7)
    places = [chance.randrange(head.size) for _ in range(_PROOFS)]
    tree = TileTree(source, head.size)
    times, proofs = [], []
    used = time.process_time()
    for place in places:
        start = time.perf_counter()
        proofs.append(inclusion_proof(tree, index=place, size=head.size))
        times.append(time.perf_counter() - start)
    used = (time.process_time() - used) / len(places)
    show(f"inclusion proof of {head.size:,} entries, median", _us(times, 0.5), "µs")
    show("  in processor time, mean", used * 1e6, "µs")
    show("  slowest of a hundred", _us(times, 0.99), "µs")
    cold = []
    for place in places[:_COLD_PROOFS]:
        start = time.perf_counter()
        inclusion_from_tiles(source, place, head.size)
        cold.append(time.perf_counter() - start)
    show("  the first of a process, nothing kept, median", _us(cold, 0.5), "µs")
    checked = []
    for place, proof in zip(places, proofs, strict=True):
        bundle = read_entries(source, index=place // TILE_WIDTH, size=head.size)
        leaf = leaf_hash(bundle[place % TILE_WIDTH])
        start = time.perf_counter()
        verify_inclusion(leaf, proof, size=head.size, root=head.root)
        checked.append(time.perf_counter() - start)
    show("  verifying one, median; all of them hold", _us(checked, 0.5), "µs")


def _read_and_hash(source: TileDirectory, head: Checkpoint) -> float:
    """Return entries a second if bundles are read, leaves hashed and pairs hashed, nothing else."""
    bundles = min(2_000, head.size // TILE_WIDTH)
    start = time.perf_counter()
    for index in range(bundles):
        leaves = leaf_hashes(read_entries(source, index=index, size=head.size))
        leaf_hashes([one + other for one, other in pairwise(leaves)])
    return bundles * TILE_WIDTH / (time.perf_counter() - start)


def _us(times: list[float], share: float) -> float:
    return sorted(times)[int(len(times) * share)] * 1e6
