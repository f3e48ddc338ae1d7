"""Backup and restore: whole, of one moment, never over something, never quietly damaged."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from foedus.model.identifiers import MemberId
from foedus.node.backup import BackupError, parse_manifest
from foedus.node.errors import RecoveringError
from foedus.node.ports.law import NewEntry
from foedus.store import SQLiteDatabase
from foedus.store.backup import MANIFEST, make_backup, open_backup, restore_backup
from foedus.store.errors import StoreError, StoreTooNewError

XA = MemberId("XA")
AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def _entries(database: SQLiteDatabase, count: int) -> None:
    with database.write() as tx:
        first = tx.ledger.count()
        entries = [
            hashlib.sha256(b"%d" % number).digest() for number in range(first, first + count)
        ]
        tx.ledger.append_many(
            [NewEntry(entry=entry, salt=b"s", record=b"r") for entry in entries], at=AT
        )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with a store of ten entries, settings and keys."""
    folder = tmp_path / "data"
    (folder / "keys").mkdir(parents=True)
    (folder / "guard").mkdir()
    (folder / "guard" / "head").write_text("a head")
    (folder / "foedus.toml").write_text('member = "XA"\n')
    (folder / "keys" / "node.key").write_text("a key")
    with closing(SQLiteDatabase(folder / "foedus.db", member=XA)) as database:
        _entries(database, 10)
    return folder


def _backed_up(data: Path, target: Path, *, keys: bool = True) -> Path:
    files = {"foedus.toml": data / "foedus.toml"}
    if keys:
        files["keys/node.key"] = data / "keys" / "node.key"
    with closing(SQLiteDatabase(data / "foedus.db", member=XA)) as database:
        make_backup(database, files, target, member=XA, exercise=True, at=AT)
    return target


def test_a_backup_says_what_it_is_and_is_private(data: Path, tmp_path: Path) -> None:
    backup = _backed_up(data, tmp_path / "backup")
    manifest = open_backup(backup)
    assert (manifest.member, manifest.entries, manifest.made) == (XA, 10, AT)
    assert manifest.with_keys
    found = {each.relative_to(backup).as_posix() for each in backup.rglob("*") if each.is_file()}
    assert found == {MANIFEST, "foedus.db", "foedus.toml", "keys/node.key"}, "never the guard"
    assert stat.S_IMODE(backup.stat().st_mode) == 0o700
    for name in manifest.files:
        assert stat.S_IMODE((backup / name).stat().st_mode) == 0o600
    assert not open_backup(_backed_up(data, tmp_path / "bare", keys=False)).with_keys


def test_a_backup_is_of_one_moment_while_others_write(data: Path, tmp_path: Path) -> None:
    stop = threading.Event()
    with closing(SQLiteDatabase(data / "foedus.db", member=XA)) as database:

        def write() -> None:
            while not stop.is_set():
                _entries(database, 3)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for number in range(5):
                target = tmp_path / f"backup{number}"
                files = {"foedus.toml": data / "foedus.toml"}
                manifest = make_backup(database, files, target, member=XA, exercise=True, at=AT)
                assert manifest.entries % 3 == 1, "whole transactions of three, after the first ten"
                open_backup(target)
        finally:
            stop.set()
            writer.join()


def test_nothing_is_overwritten(data: Path, tmp_path: Path) -> None:
    target = tmp_path / "full"
    target.mkdir()
    (target / "letter").write_text("keep me")
    with pytest.raises(BackupError, match="not empty"):
        _backed_up(data, target)
    assert [each.name for each in target.iterdir()] == ["letter"]
    backup = _backed_up(data, tmp_path / "backup")
    with pytest.raises(BackupError, match="already"):
        restore_backup(backup, data, at=AT)


def test_a_restored_node_signs_nothing(data: Path, tmp_path: Path) -> None:
    backup = _backed_up(data, tmp_path / "backup")
    place = tmp_path / "restored"
    restore_backup(backup, place, at=AT)
    assert (place / "keys" / "node.key").read_text() == "a key"
    assert not (place / "guard" / "head").exists()
    with closing(SQLiteDatabase(place / "foedus.db", member=XA)) as database:
        with database.read() as tx:
            assert tx.ledger.count() == 10
            state = tx.recovery.state()
            assert state is not None
            assert "2026-11-24 09:00" in state.reason
        with pytest.raises(RecoveringError, match="foedus recover"):
            _entries(database, 1)
        with database.write() as tx, pytest.raises(RecoveringError):
            tx.ledger.append(bytes(32), salt=b"", record=b"", at=AT)


def test_what_is_newer_than_the_backup_stays(data: Path, tmp_path: Path) -> None:
    backup = _backed_up(data, tmp_path / "backup")
    for name in ("foedus.db", "foedus.toml"):
        (data / name).unlink()
    (data / "keys" / "node.key").write_text("a newer key")
    restore_backup(backup, data, at=AT)
    assert (data / "guard" / "head").read_text() == "a head"
    assert (data / "keys" / "node.key").read_text() == "a newer key"


def _flip(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def _link(backup: Path) -> None:
    shutil.move(backup / "foedus.toml", backup.parent / "elsewhere")
    (backup / "foedus.toml").symlink_to(backup.parent / "elsewhere")


DAMAGE: list[tuple[str, Callable[[Path], object]]] = [
    ("a changed store", lambda backup: _flip(backup / "foedus.db")),
    ("a changed key", lambda backup: _flip(backup / "keys" / "node.key")),
    ("a missing file", lambda backup: (backup / "foedus.toml").unlink()),
    ("no manifest", lambda backup: (backup / MANIFEST).unlink()),
    ("an empty manifest", lambda backup: (backup / MANIFEST).write_bytes(b"")),
    ("a link instead of a file", _link),
]


@pytest.mark.parametrize(("what", "damage"), DAMAGE, ids=[row[0] for row in DAMAGE])
def test_a_damaged_backup_is_refused_and_nothing_is_written(
    what: str, damage: Callable[[Path], object], data: Path, tmp_path: Path
) -> None:
    backup = _backed_up(data, tmp_path / "backup")
    damage(backup)
    with pytest.raises(BackupError):
        restore_backup(backup, tmp_path / "restored", at=AT)
    assert not (tmp_path / "restored").exists(), what


def test_a_copy_cut_short_has_no_manifest(data: Path, tmp_path: Path) -> None:
    """The manifest comes last: what a full disk leaves is no backup."""
    target = tmp_path / "backup"
    with (
        closing(SQLiteDatabase(data / "foedus.db", member=XA)) as database,
        pytest.raises(BackupError),
    ):
        make_backup(
            database,
            {"foedus.toml": data / "absent"},
            target,
            member=XA,
            exercise=True,
            at=AT,
        )
    with pytest.raises(BackupError, match="no finished backup"):
        open_backup(target)


def test_a_backup_of_a_newer_version_is_refused(data: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(data / "foedus.db")) as connection:
        connection.execute("PRAGMA user_version = 9999")
    with pytest.raises(StoreTooNewError):
        _backed_up(data, tmp_path / "backup")


def test_a_damaged_store_is_not_backed_up(data: Path, tmp_path: Path) -> None:
    with closing(SQLiteDatabase(data / "foedus.db", member=XA)) as database:
        _entries(database, 5_000)
        with (data / "foedus.db").open("r+b") as file:
            file.seek(8192 * 20)
            file.write(b"\xff" * 8192 * 20)
        with pytest.raises((StoreError, BackupError)):
            make_backup(
                database,
                {"foedus.toml": data / "foedus.toml"},
                tmp_path / "backup",
                member=XA,
                exercise=True,
                at=AT,
            )
    with pytest.raises(BackupError):
        open_backup(tmp_path / "backup")


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"format": "1"},
        {"member": "nobody at all"},
        {"made": "yesterday"},
        {"entries": -1},
        {"files": {"../foedus.db": {"sha256": "0" * 64, "bytes": 1}}},
        {"files": {"/etc/passwd.txt": {"sha256": "0" * 64, "bytes": 1}}},
        {"files": {"foedus.db": {"sha256": "zz", "bytes": 1}}},
        {"files": {"foedus.db": {"sha256": "0" * 64, "bytes": -1}}},
        {"more": 1},
    ],
)
def test_a_manifest_that_is_none_is_refused(
    change: dict[str, object], data: Path, tmp_path: Path
) -> None:
    backup = _backed_up(data, tmp_path / "backup")
    document = json.loads((backup / MANIFEST).read_bytes())
    assert (
        parse_manifest(json.dumps(document).encode()).encode() == (backup / MANIFEST).read_bytes()
    )
    with pytest.raises(BackupError):
        parse_manifest(json.dumps({**document, **change}).encode())


def test_entries_in_bulk_are_those_one_by_one(tmp_path: Path) -> None:
    with closing(SQLiteDatabase(tmp_path / "foedus.db", member=XA)) as database:
        _entries(database, 3)
        with database.write() as tx:
            assert tx.ledger.append(b"e" * 32, salt=b"s", record=b"r", at=AT) == 3
            more = [NewEntry(entry=b"f" * 32, salt=None, record=None)] * 2
            assert tx.ledger.append_many(more, at=AT) == 4
            assert tx.ledger.append_many([], at=AT) == 6
            assert tx.ledger.count() == 6
            row = tx.ledger.row(4)
            assert row is not None
            assert (row.entry, row.salt, row.record) == (b"f" * 32, None, None)
            whole = [
                NewEntry(entry=b"%032d" % number, salt=b"%032d" % -number, record=b"r" * number)
                for number in (1, 700, 3)
            ]
            assert tx.ledger.append_many(whole, at=AT) == 6
            for index, each in enumerate(whole, start=6):
                row = tx.ledger.row(index)
                assert row is not None
                assert (row.entry, row.salt, row.record) == (each.entry, each.salt, each.record)
        with pytest.raises(StoreError), database.write() as tx:
            tx.ledger.append_many([NewEntry(entry=b"short", salt=None, record=None)], at=AT)
