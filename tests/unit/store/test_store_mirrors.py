"""Copies of others' logs: derived here, proved against the signed head, never longer than that."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from foedus.ledger.audit import audit
from foedus.ledger.checkpoint import Checkpoint
from foedus.ledger.consistency import verify_consistency
from foedus.ledger.errors import LedgerError, TileAbsentError
from foedus.ledger.log import publish
from foedus.ledger.tiles import consistency_from_tiles, root_from_tiles
from foedus.ledger.tree import leaf_hash, root_of
from foedus.node.mirror import copy_entries, origin_hash
from foedus.signing.keys import SigningKey
from foedus.signing.note import NoteSigner
from foedus.store.ledger_files import GuardFile, TileDirectory
from foedus.store.mirrors import MirrorDirectories, MirrorDirectory

LOG = NoteSigner("xa.example/log", SigningKey.from_seed(b"a" * 32))


def _entries(start: int, end: int, branch: bytes = b"") -> list[bytes]:
    return [hashlib.sha256(branch + b"%d" % number).digest() for number in range(start, end)]


class Committed:
    def __init__(self, size: int, branch: bytes = b"") -> None:
        self._size = size
        self._branch = branch

    def count(self) -> int:
        return self._size

    def entries(self, start: int, end: int) -> Sequence[bytes]:
        return _entries(start, end, self._branch)


@dataclass
class Origin:
    """A log of its own, as it is published, with damage on the way out."""

    folder: Path
    branch: bytes = b""
    instead: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def grow(self, size: int) -> Checkpoint:
        (self.folder / "guard").mkdir(parents=True, exist_ok=True)
        tiles = TileDirectory(self.folder / "log")
        guard = GuardFile(self.folder / "guard" / "head", outside=self.folder / "log")
        return publish(Committed(size, self.branch), tiles, tiles, guard, LOG)

    def read(self, path: str) -> bytes:
        self.asked.append(path)
        if path in self.instead:
            return self.instead[path]
        return TileDirectory(self.folder / "log").read(path)

    @property
    def note(self) -> bytes:
        return TileDirectory(self.folder / "log").read("checkpoint")


@pytest.fixture
def log(tmp_path: Path) -> Origin:
    return Origin(tmp_path / "origin")


@pytest.fixture
def mirror(tmp_path: Path) -> MirrorDirectory:
    return MirrorDirectories(tmp_path / "mirrors", locks=tmp_path).of(LOG.name)


@pytest.mark.parametrize("sizes", [[1], [256], [3, 300], [255, 256, 257, 1000], [600, 600, 66_000]])
def test_a_copy_is_a_log_that_audits_to_the_same_root(
    log: Origin, mirror: MirrorDirectory, sizes: list[int]
) -> None:
    for size in sizes:
        head = log.grow(size)
        assert copy_entries(mirror, log, head, log.note, max_bundles=1000) == size
        assert audit(mirror, LOG.verifier).root == head.root == root_of(_entries(0, size))
        assert mirror.reached() == head


def test_nothing_is_fetched_when_there_is_nothing_new(log: Origin, mirror: MirrorDirectory) -> None:
    head = log.grow(300)
    copy_entries(mirror, log, head, log.note)
    log.asked.clear()
    copy_entries(mirror, log, head, log.note)
    assert log.asked == []


def test_a_long_log_is_copied_in_bounded_steps_each_proved(
    log: Origin, mirror: MirrorDirectory
) -> None:
    head = log.grow(2_000)
    sizes: list[int] = []
    while not sizes or sizes[-1] < head.size:
        log.asked.clear()
        sizes.append(copy_entries(mirror, log, head, log.note, max_bundles=3))
        assert sum(path.startswith("tile/entries/") for path in log.asked) <= 3
        state = mirror.reached()
        assert state is not None
        assert state.root == root_of(_entries(0, sizes[-1]))
    assert sizes == [768, 1536, 2000]
    assert audit(mirror, LOG.verifier).entries == 2_000


def test_an_intermediate_step_shows_no_checkpoint(log: Origin, mirror: MirrorDirectory) -> None:
    head = log.grow(600)
    copy_entries(mirror, log, head, log.note, max_bundles=1)
    with pytest.raises(TileAbsentError):
        mirror.read("checkpoint")


@pytest.mark.parametrize("max_bundles", [1, 100])
def test_other_entries_than_those_signed_are_not_kept(
    log: Origin, mirror: MirrorDirectory, max_bundles: int
) -> None:
    before = log.grow(100)
    copy_entries(mirror, log, before, log.note)
    head = log.grow(700)
    good = log.read("tile/entries/000")
    log.instead["tile/entries/000"] = good[:-1] + bytes([good[-1] ^ 1])
    with pytest.raises(LedgerError):
        copy_entries(mirror, log, head, log.note, max_bundles=max_bundles)
    assert mirror.reached() == before
    assert audit(mirror, LOG.verifier).root == before.root
    log.instead.clear()
    assert copy_entries(mirror, log, head, log.note) == 700


def test_a_forked_log_does_not_replace_the_copy(tmp_path: Path, mirror: MirrorDirectory) -> None:
    log, fork = Origin(tmp_path / "one"), Origin(tmp_path / "two", branch=b"other")
    head = log.grow(300)
    copy_entries(mirror, log, head, log.note)
    with pytest.raises(LedgerError, match="do not lead"):
        copy_entries(mirror, fork, fork.grow(400), fork.note)
    assert mirror.reached() == head


def test_entries_that_are_no_commitments_are_refused(log: Origin, mirror: MirrorDirectory) -> None:
    head = log.grow(1)
    log.instead["tile/entries/000.p/1"] = b"\x00\x03abc"
    with pytest.raises(LedgerError, match="no commitments"):
        copy_entries(mirror, log, head, log.note)


def test_a_copy_whose_files_were_lost_is_made_anew(
    log: Origin, mirror: MirrorDirectory, tmp_path: Path
) -> None:
    copy_entries(mirror, log, log.grow(300), log.note)
    place = tmp_path / "mirrors" / origin_hash(LOG.name) / "tile" / "0"
    for file in [each for each in place.rglob("*") if each.is_file()]:
        file.unlink()
    head = log.grow(700)
    assert copy_entries(mirror, log, head, log.note) == 700
    assert audit(mirror, LOG.verifier).root == head.root


def test_a_copy_proves_between_any_two_sizes_it_covers(
    log: Origin, mirror: MirrorDirectory
) -> None:
    """Of a fork the smaller sizes matter too, and not every width of a tile was ever written."""
    copy_entries(mirror, log, log.grow(613), log.note)
    for old, new in ((1, 2), (100, 150), (255, 300), (513, 600), (600, 613)):
        roots = [root_of(_entries(0, size)) for size in (old, new)]
        assert [root_from_tiles(mirror, size) for size in (old, new)] == roots
        verify_consistency(
            consistency_from_tiles(mirror, old, new),
            old_size=old,
            old_root=roots[0],
            new_size=new,
            new_root=roots[1],
        )


def test_a_partial_bundle_is_cut_from_a_wider_one(log: Origin, mirror: MirrorDirectory) -> None:
    copy_entries(mirror, log, log.grow(40), log.note)
    assert mirror.read("tile/entries/000.p/7") == mirror.read("tile/entries/000.p/40")[: 7 * 34]
    assert mirror.read("tile/0/000.p/1") == leaf_hash(_entries(0, 1)[0])
    with pytest.raises(TileAbsentError):
        mirror.read("tile/0/000.p/41")


@pytest.mark.parametrize("name", ["", "..", "x" * 64, "A" * 64, "0" * 63, "0" * 64])
def test_a_name_in_a_request_reaches_no_other_place(tmp_path: Path, name: str) -> None:
    mirrors = MirrorDirectories(tmp_path / "mirrors", locks=tmp_path)
    (tmp_path / "mirrors").mkdir()
    with pytest.raises(TileAbsentError):
        mirrors.named(name)


def test_one_at_a_time_writes_a_copy(tmp_path: Path) -> None:
    mirrors = MirrorDirectories(tmp_path / "mirrors", locks=tmp_path)
    with mirrors.updating(LOG.name) as first, mirrors.updating(LOG.name) as second:
        assert (first, second) == (True, False)
    with mirrors.updating(LOG.name) as again:
        assert again
