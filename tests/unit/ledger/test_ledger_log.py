"""Publishing: growth, rollback, forks, and every way a write can fail."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from foedus.ledger.audit import audit
from foedus.ledger.checkpoint import Checkpoint, open_checkpoint
from foedus.ledger.errors import (
    HeadMovedError,
    LedgerError,
    RollbackError,
    TileAbsentError,
    TileError,
)
from foedus.ledger.log import publish, rebuild
from foedus.ledger.tree import EMPTY_ROOT, root_of
from foedus.signing.keys import SigningKey
from foedus.signing.note import NoteSigner

LOG = NoteSigner("xa.example/log", SigningKey.from_seed(b"a" * 32))


def _entries(count: int, branch: str = "") -> list[bytes]:
    return [hashlib.sha256(f"{branch}{number}".encode()).digest() for number in range(count)]


class Committed:
    """Entries as a database would hold them."""

    def __init__(self, entries: list[bytes]) -> None:
        self.held = entries
        self.asked = 0

    def count(self) -> int:
        return len(self.held)

    def entries(self, start: int, end: int) -> Sequence[bytes]:
        self.asked += end - start
        return self.held[start:end]


def _no_fault(step: str) -> None:
    """Let every step pass."""


@dataclass
class Disk:
    """Tiles and guard with a power switch: what was not flushed is lost with the power.

    ``before`` and ``after`` are called around each step and may raise.
    """

    durable: dict[str, bytes] = field(default_factory=dict)
    written: dict[str, bytes] = field(default_factory=dict)
    head: Checkpoint | None = None
    before: Callable[[str], None] = _no_fault
    after: Callable[[str], None] = _no_fault

    def read(self, path: str) -> bytes:
        if path not in self.written:
            raise TileAbsentError(path)
        return self.written[path]

    def write(self, path: str, data: bytes) -> None:
        self.before("write " + path)
        self.written[path] = data
        self.after("write " + path)

    def flush(self) -> None:
        self.before("flush")
        self.durable = dict(self.written)
        self.after("flush")

    def load(self) -> Checkpoint | None:
        return self.head

    def advance(self, old: Checkpoint | None, new: Checkpoint) -> None:
        self.before("advance")
        if self.head != old:
            raise HeadMovedError("moved")
        self.head = new
        self.after("advance")

    def lose_power(self) -> None:
        self.written = dict(self.durable)
        self.before = self.after = _no_fault


def _publish(entries: list[bytes], disk: Disk) -> Checkpoint:
    return publish(Committed(entries), disk, disk, disk, LOG)


@pytest.mark.parametrize(
    "sizes",
    [[0], [1], [255], [256], [257], [0, 1, 2], [3, 300, 300, 513], [256, 512], [65_530, 65_800]],
)
def test_growth_in_steps(sizes: list[int]) -> None:
    disk = Disk()
    earlier: Checkpoint | None = None
    for size in sizes:
        entries = _entries(size)
        head = _publish(entries, disk)
        assert head == Checkpoint(LOG.name, size, root_of(entries))
        assert disk.head == head == open_checkpoint(disk.read("checkpoint"), LOG.verifier)
        assert audit(disk, LOG.verifier, since=earlier).entries == size
        earlier = head


def test_growth_in_steps_leaves_the_files_of_growth_at_once() -> None:
    slow, fast = Disk(), Disk()
    for size in range(1, 600, 7):
        _publish(_entries(size), slow)
    _publish(_entries(596), slow)
    _publish(_entries(596), fast)
    assert slow.durable.items() >= fast.durable.items()


def test_a_log_without_news_writes_nothing() -> None:
    disk = Disk()
    entries = Committed(_entries(1000))
    publish(entries, disk, disk, disk, LOG)

    def refuse(step: str) -> None:
        assert step == "flush"

    disk.before = refuse
    entries.asked = 0
    publish(entries, disk, disk, disk, LOG)
    assert entries.asked <= 256


def test_the_empty_log_is_published_without_tiles() -> None:
    disk = Disk()
    assert _publish([], disk).root == EMPTY_ROOT
    assert set(disk.durable) == {"checkpoint"}


@pytest.mark.parametrize("size", [256, 700])
def test_a_restored_backup_is_refused(size: int) -> None:
    disk = Disk()
    _publish(_entries(size), disk)
    files = dict(disk.written)
    forked = _entries(size - 100) + _entries(300, "other ")
    for name, entries in (
        ("behind the guard", _entries(size - 1)),
        ("empty", []),
        ("written to since", forked[:size]),
        ("written to since and longer", forked),
        ("changed in the last entry", [*_entries(size - 1), bytes(32)]),
    ):
        with pytest.raises(RollbackError):
            _publish(entries, disk)
        assert disk.written == files, name


def test_a_guard_that_was_lost_or_restored_is_refused() -> None:
    disk = Disk()
    early = _publish(_entries(5), disk)
    _publish(_entries(9), disk)
    for guarded in (None, early, Checkpoint(LOG.name, 9, root_of(_entries(9, "other ")))):
        disk.head = guarded
        with pytest.raises(RollbackError):
            _publish(_entries(9), disk)


def test_the_guard_of_another_log_is_refused() -> None:
    disk = Disk(head=Checkpoint("xb.example/log", 1, bytes(32)))
    with pytest.raises(RollbackError):
        _publish(_entries(2), disk)


def test_two_publishers_race_and_one_loses_before_signing() -> None:
    disk = Disk()
    _publish(_entries(3), disk)

    def be_overtaken(step: str) -> None:
        if step == "advance":
            disk.before = _no_fault
            _publish(_entries(8), disk)

    disk.before = be_overtaken
    with pytest.raises(HeadMovedError):
        _publish(_entries(5), disk)
    assert audit(disk, LOG.verifier).size == 8


def test_lost_and_damaged_tiles_are_derived_again() -> None:
    disk = Disk()
    head = _publish(_entries(700), disk)
    everything = dict(disk.written)
    checkpoint = {"checkpoint": everything["checkpoint"]}
    edge_damaged = {**everything, "tile/1/000.p/2": bytes(64)}
    for name, files in (
        ("nothing is left", {}),
        ("only the head is left", checkpoint),
        ("the edge is damaged", edge_damaged),
    ):
        disk.written = dict(files)
        assert _publish(_entries(700), disk) == head
        assert disk.written == everything, name
    disk.written = {**everything, "tile/0/000": bytes(8192)}
    rebuild(Committed(_entries(700)), disk, head)
    assert disk.written == everything


def test_a_damaged_full_tile_at_the_end_is_derived_again() -> None:
    disk = Disk()
    head = _publish(_entries(512), disk)
    everything = dict(disk.written)
    disk.written["tile/0/001"] = bytes(8192)
    assert _publish(_entries(512), disk) == head
    assert disk.written == everything


def test_tiles_are_never_derived_again_from_other_entries() -> None:
    disk = Disk()
    head = _publish(_entries(700), disk)
    files = dict(disk.written)
    with pytest.raises(RollbackError):
        rebuild(Committed(_entries(700, "other ")), disk, head)
    assert disk.written == files


def test_a_source_that_returns_less_than_it_counted_is_refused() -> None:
    class Short(Committed):
        def entries(self, start: int, end: int) -> Sequence[bytes]:
            return super().entries(start, end)[:-1]

    disk = Disk()
    with pytest.raises(LedgerError):
        publish(Short(_entries(5)), disk, disk, disk, LOG)
    assert disk.head is None


def test_a_checkpoint_that_is_damaged_or_foreign_is_written_again() -> None:
    disk = Disk()
    head = _publish(_entries(5), disk)
    for damaged in (b"", b"no note", disk.written["checkpoint"][:-9]):
        disk.written["checkpoint"] = damaged
        assert _publish(_entries(5), disk) == head
        assert open_checkpoint(disk.read("checkpoint"), LOG.verifier) == head


class PowerLostError(Exception):
    """The process dies here."""


def _steps(old: int, new: int) -> list[str]:
    disk, steps = Disk(), list[str]()
    _publish(_entries(old), disk)
    disk.before = steps.append
    _publish(_entries(new), disk)
    return steps


def test_the_order_of_writing() -> None:
    steps = _steps(250, 300)
    assert steps[-4:] == ["flush", "advance", "write checkpoint", "flush"]
    assert all(step.startswith("write tile/") for step in steps[:-4])


@pytest.mark.parametrize(("old", "new"), [(0, 3), (250, 300), (256, 257), (500, 800)])
@pytest.mark.parametrize(
    "fault", ["failed and not stored", "failed but stored", "lost power after"]
)
def test_every_write_may_fail(old: int, new: int, fault: str) -> None:
    for number, step in enumerate(_steps(old, new)):
        disk = Disk()
        known = _publish(_entries(old), disk)
        countdown = iter(range(number, -1, -1))

        def strike(_: str, countdown: object = countdown, step: str = step) -> None:
            assert hasattr(countdown, "__next__")
            if countdown.__next__() == 0:
                raise PowerLostError if fault == "lost power after" else TileError(step)

        if fault == "failed and not stored":
            disk.before = strike
        else:
            disk.after = strike
        with pytest.raises((PowerLostError, TileError)):
            _publish(_entries(new), disk)
        disk.before = disk.after = _no_fault
        if fault == "lost power after":
            disk.lose_power()
        # Whoever reads now finds a true log, the earlier or the later.
        assert audit(disk, LOG.verifier, since=known).size in (old, new), step
        # The next run, with more entries by then, completes it.
        head = _publish(_entries(new + 1), disk)
        disk.lose_power()
        assert audit(disk, LOG.verifier, since=known).root == head.root, step
