"""The log in the file system: whole files, nothing outside, one winner, no torn state."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from foedus.ledger.audit import audit
from foedus.ledger.checkpoint import Checkpoint
from foedus.ledger.errors import HeadMovedError, TileAbsentError, TileError
from foedus.ledger.log import publish
from foedus.ledger.tiles import MAX_BUNDLE_BYTES
from foedus.signing.keys import SigningKey
from foedus.signing.note import NoteSigner
from foedus.store.ledger_files import GuardFile, GuardFileError, TileDirectory

LOG = NoteSigner("xa.example/log", SigningKey.from_seed(b"a" * 32))


class Committed:
    """Entries that follow from their number."""

    def __init__(self, size: int) -> None:
        self.size = size

    def count(self) -> int:
        return self.size

    def entries(self, start: int, end: int) -> Sequence[bytes]:
        return [hashlib.sha256(b"%d" % number).digest() for number in range(start, end)]


def _parts(tmp_path: Path) -> tuple[TileDirectory, GuardFile]:
    (tmp_path / "guard").mkdir(exist_ok=True)
    guard = GuardFile(tmp_path / "guard" / "head", outside=tmp_path / "log")
    return TileDirectory(tmp_path / "log"), guard


def _files(directory: Path) -> set[str]:
    return {
        path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()
    }


def test_a_published_directory_is_a_log(tmp_path: Path) -> None:
    tiles, guard = _parts(tmp_path)
    for size in (3, 300):
        head = publish(Committed(size), tiles, tiles, guard, LOG)
        assert guard.load() == head
        assert audit(tiles, LOG.verifier).root == head.root
    assert _files(tmp_path / "log") == {
        "checkpoint",
        "tile/0/000.p/3",
        "tile/entries/000.p/3",
        "tile/0/000",
        "tile/entries/000",
        "tile/0/001.p/44",
        "tile/entries/001.p/44",
        "tile/1/000.p/1",
    }


def test_a_log_is_readable_by_a_web_server(tmp_path: Path) -> None:
    tiles, guard = _parts(tmp_path)
    publish(Committed(3), tiles, tiles, guard, LOG)
    for path in (tmp_path / "log").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o444 == 0o444


def test_what_was_written_is_read(tmp_path: Path) -> None:
    tiles, _ = _parts(tmp_path)
    for data in (b"first", b"second", b""):
        tiles.write("tile/0/x001/234.p/5", data)
        assert tiles.read("tile/0/x001/234.p/5") == data
    tiles.flush()
    tiles.flush()


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "..",
        "../head",
        "/etc/hostname",
        "tile",
        "tile/0",
        "tile/0/000/..",
        "tile/0/0",
        "checkpoint/x",
    ],
)
def test_no_other_path_reaches_the_file_system(tmp_path: Path, path: str) -> None:
    tiles, _ = _parts(tmp_path)
    with pytest.raises(TileError):
        tiles.read(path)
    with pytest.raises(TileError):
        tiles.write(path, b"x")
    assert _files(tmp_path) == set()


def test_absent_and_unreadable_files_are_told_apart(tmp_path: Path) -> None:
    tiles, _ = _parts(tmp_path)
    with pytest.raises(TileAbsentError):
        tiles.read("checkpoint")
    tiles.write("tile/0/000", b"x")
    tiles.flush()
    with pytest.raises(TileAbsentError):
        tiles.read("tile/0/001")
    (tmp_path / "log" / "checkpoint").mkdir()
    for call in (lambda: tiles.read("checkpoint"), lambda: tiles.write("checkpoint", b"x")):
        with pytest.raises(TileError) as caught:
            call()
        assert not isinstance(caught.value, TileAbsentError)
    assert not [name for name in _files(tmp_path) if name.endswith(".tmp")]


def test_a_file_longer_than_any_tile_is_refused(tmp_path: Path) -> None:
    tiles, _ = _parts(tmp_path)
    tiles.write("tile/entries/000", b"x")
    tiles.flush()
    os.truncate(tmp_path / "log" / "tile/entries/000", MAX_BUNDLE_BYTES + 1)
    with pytest.raises(TileError, match="longer"):
        tiles.read("tile/entries/000")


def test_many_files_are_gathered_and_stored_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiles, _ = _parts(tmp_path)
    content = {f"tile/0/{index:03d}": bytes([index]) * 8192 for index in range(150)}
    for path, data in content.items():
        tiles.write(path, data)
        assert tiles.read(path) == data, "whoever wrote it reads it at once"
    assert len(_files(tmp_path / "log")) == 128

    def full(place: Path, data: bytes) -> None:
        raise OSError(28, os.strerror(28), str(place), len(data))

    with monkeypatch.context() as patch:
        patch.setattr("foedus.store.ledger_files._replace_file", full)
        for attempt in (tiles.flush, lambda: tiles.write("checkpoint", b"note")):
            with pytest.raises(TileError, match=r"tile/0/128 could not be written: No space"):
                attempt()
    tiles.flush()
    assert _files(tmp_path / "log") == set(content), "and no checkpoint that was refused"
    other = TileDirectory(tmp_path / "log")
    assert {path: other.read(path) for path in content} == content


def test_partial_tiles_go_once_a_published_full_one_is_there(tmp_path: Path) -> None:
    tiles, guard = _parts(tmp_path)
    for size in (3, 255, 256, 300):
        publish(Committed(size), tiles, tiles, guard, LOG)
    # A full tile past the head, as a crash before the guard moved would leave it.
    tiles.write("tile/0/001", bytes(8192))
    assert tiles.drop_partials(300) == 4
    audit(tiles, LOG.verifier)
    assert "tile/0/001.p/44" in _files(tmp_path / "log")
    assert not (tmp_path / "log" / "tile/0/000.p").exists()
    assert tiles.drop_partials(300) == 0
    publish(Committed(600), tiles, tiles, guard, LOG)
    assert tiles.drop_partials(600) == 2
    audit(tiles, LOG.verifier)


def _head(size: int) -> Checkpoint:
    return Checkpoint(LOG.name, size, bytes([size]) * 32)


def test_each_directory_is_made_durable_up_to_the_root_once_and_again_if_it_was_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr("foedus.store.ledger_files._sync_directory", synced.append)
    root = tmp_path / "log"
    tiles = TileDirectory(root)
    levels = {root.parent, root, root / "tile", root / "tile/0"}

    def wrote(path: str) -> set[Path]:
        synced.clear()
        tiles.write(path, bytes(32))
        tiles.flush()
        return set(synced)

    assert wrote("tile/0/000.p/1") == {*levels, root / "tile/0/000.p"}
    assert wrote("tile/0/000.p/2") == {root / "tile/0/000.p"}
    shutil.rmtree(root / "tile/0/000.p")
    assert wrote("tile/0/000.p/3") == {root / "tile/0", root / "tile/0/000.p"}
    shutil.rmtree(root)
    assert wrote("tile/0/000.p/4") == {*levels, root / "tile/0/000.p"}


def test_a_guard_moves_only_from_the_head_it_keeps(tmp_path: Path) -> None:
    _, guard = _parts(tmp_path)
    assert guard.load() is None
    with pytest.raises(HeadMovedError):
        guard.advance(_head(1), _head(2))
    guard.advance(None, _head(1))
    with pytest.raises(HeadMovedError):
        guard.advance(None, _head(2))
    guard.advance(_head(1), _head(2))
    _, again = _parts(tmp_path)
    assert again.load() == _head(2)


def test_one_of_many_racing_publishers_wins(tmp_path: Path) -> None:
    _, guard = _parts(tmp_path)
    won: list[int] = []
    start = threading.Barrier(8)

    def race(number: int) -> None:
        _, mine = _parts(tmp_path)
        start.wait()
        try:
            mine.advance(None, _head(number))
        except HeadMovedError:
            return
        won.append(number)

    threads = [threading.Thread(target=race, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert guard.load() == _head(won[0])


def test_a_guard_that_guards_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "log", target_is_directory=True)
    for place in (tmp_path / "log" / "head", tmp_path / "link" / "head"):
        with pytest.raises(GuardFileError):
            GuardFile(place, outside=tmp_path / "log")


@pytest.mark.parametrize("content", [b"", b"x", b"\xff", b"a\n1\nAAAA\n"])
def test_an_unreadable_guard_is_no_missing_guard(tmp_path: Path, content: bytes) -> None:
    tiles, guard = _parts(tmp_path)
    (tmp_path / "guard" / "head").write_bytes(content)
    with pytest.raises(GuardFileError):
        guard.load()
    with pytest.raises(GuardFileError):
        publish(Committed(3), tiles, tiles, guard, LOG)
    assert _files(tmp_path / "log") == set()


def test_a_guard_in_no_directory_cannot_be_written(tmp_path: Path) -> None:
    guard = GuardFile(tmp_path / "absent" / "head", outside=tmp_path / "log")
    assert guard.load() is None
    with pytest.raises(GuardFileError):
        guard.advance(None, _head(1))
    (tmp_path / "directory").mkdir()
    with pytest.raises(GuardFileError):
        GuardFile(tmp_path / "directory", outside=tmp_path / "log").load()


PUBLISHER = """
import hashlib, sys
from pathlib import Path
from foedus.ledger.log import publish
from foedus.signing.keys import SigningKey
from foedus.signing.note import NoteSigner
from foedus.store.ledger_files import GuardFile, TileDirectory

class Committed:
    size = 0
    def count(self):
        return self.size
    def entries(self, start, end):
        return [hashlib.sha256(b"%d" % number).digest() for number in range(start, end)]

root = Path(sys.argv[1])
log = NoteSigner("xa.example/log", SigningKey.from_seed(b"a" * 32))
tiles = TileDirectory(root / "log")
guard = GuardFile(root / "guard" / "head", outside=root / "log")
entries = Committed()
entries.size = guard.load().size if guard.load() else 0
while True:
    entries.size += 37
    print(publish(entries, tiles, tiles, guard, log).size, flush=True)
"""


def test_a_killed_publisher_leaves_a_true_log(tmp_path: Path) -> None:
    tiles, guard = _parts(tmp_path)
    known: Checkpoint | None = None
    for rounds in (1, 4, 7):
        with subprocess.Popen(
            [sys.executable, "-c", PUBLISHER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as publisher:
            assert publisher.stdout is not None
            signed = [int(publisher.stdout.readline()) for _ in range(rounds)][-1]
            publisher.send_signal(signal.SIGKILL)
        result = audit(tiles, LOG.verifier, since=known)
        assert result.size >= signed
        head = guard.load()
        assert head is not None
        assert head.size >= result.size
        known = publish(Committed(head.size), tiles, tiles, guard, LOG)
        assert audit(tiles, LOG.verifier).size == head.size
