"""A whole audit finds any changed byte of any file; an audit of what is new reads only that."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.ledger.audit import AuditResult, audit
from foedus.ledger.checkpoint import Checkpoint, sign_checkpoint
from foedus.ledger.cosignature import CosignatureVerifier, cosign
from foedus.ledger.errors import AuditError, TileAbsentError
from foedus.ledger.log import rebuild
from foedus.ledger.policy import Policy, threshold_policy
from foedus.ledger.tree import root_of
from foedus.ledger.witness import with_cosignatures
from foedus.signing.keys import SigningKey
from foedus.signing.note import NoteSigner
from foedus.store.ledger_files import TileDirectory

LOG = NoteSigner("xa.example/log", SigningKey.from_seed(b"a" * 32))
WITNESSES = [(f"w{n}", SigningKey.from_seed(bytes([n]) * 32)) for n in range(1, 4)]
AT = datetime(2026, 11, 24, tzinfo=UTC)
ENTRIES = [hashlib.sha256(b"%d" % number).digest() for number in range(700)]
SIZES = (100, 300, 700)
LARGE = 2 * 65_536 + 1_000


def policy(needed: int = 2) -> Policy:
    keys = {name: CosignatureVerifier(f"{name}.example", key.public) for name, key in WITNESSES}
    return threshold_policy([LOG.verifier], keys, needed)


class Published:
    """A log published in steps, whose partial tiles nobody dropped; in memory."""

    def __init__(self, entries: Sequence[bytes] = ENTRIES, sizes: Sequence[int] = SIZES) -> None:
        self.files: dict[str, bytes] = {}
        self.written = entries
        for self.size in sizes:
            self.head = Checkpoint(LOG.name, self.size, root_of(entries[: self.size]))
            rebuild(self, self, self.head)
        lines = [cosign(self.head, name=f"{n}.example", key=key, at=AT) for n, key in WITNESSES]
        self.files["checkpoint"] = with_cosignatures(sign_checkpoint(self.head, LOG), lines)

    def count(self) -> int:
        return self.size

    def entries(self, start: int, end: int) -> Sequence[bytes]:
        return self.written[start:end]

    def write(self, path: str, data: bytes) -> None:
        self.files[path] = data

    def flush(self) -> None:
        """Nothing is ever lost here."""

    def read(self, path: str) -> bytes:
        if path not in self.files:
            raise TileAbsentError(f"{path} is absent")
        return self.files[path]

    def audited(self, needed: int = 3) -> AuditResult:
        return audit(self, LOG.verifier, policy=policy(needed), files=list(self.files))


@pytest.fixture(scope="module", name="whole")
def _whole() -> Published:
    return Published()


def changed(whole: Published, path: str, at: int, by: int) -> Published:
    copy = object.__new__(Published)
    copy.__dict__.update(whole.__dict__)
    data = bytearray(whole.files[path])
    data[at] ^= by
    copy.files = {**whole.files, path: bytes(data)}
    return copy


def test_it_holds_with_all_its_files(whole: Published) -> None:
    assert {"tile/0/000.p/100", "tile/entries/000.p/100", "tile/0/001.p/44", "tile/1/000.p/1"} <= (
        set(whole.files)
    )
    found = whole.audited()
    assert (found.size, found.entries, found.unread, found.ahead) == (700, 700, (), ())
    assert [one.witness for one in found.witnessed] == [f"w{n}.example" for n in (1, 2, 3)]


def test_every_class_of_place_in_every_file(whole: Published) -> None:
    for path, data in whole.files.items():
        places = {0, 1, 2, 31, 32, 33, 34, 35, len(data) // 2, len(data) - 2, len(data) - 1}
        if path == "checkpoint":
            places = set(range(len(data)))
        for at in places:
            if at < len(data):
                with pytest.raises(AuditError):
                    changed(whole, path, at, 1).audited()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_changed_byte_is_found(whole: Published, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(sorted(whole.files)))
    at = data.draw(st.integers(0, len(whole.files[path]) - 1))
    by = data.draw(st.integers(1, 255))
    with pytest.raises(AuditError):
        changed(whole, path, at, by).audited()


def test_a_file_cut_short_or_lengthened_is_found(whole: Published) -> None:
    for path, data in whole.files.items():
        for other in (data[:-1], data + b"\0"):
            copy = changed(whole, path, 0, 0)
            copy.files[path] = other
            with pytest.raises(AuditError):
                copy.audited()


def test_what_is_no_file_of_a_log_is_found_and_what_is_ahead_is_told(whole: Published) -> None:
    copy = changed(whole, "checkpoint", 0, 0)
    copy.files["tile/0/009"] = b"\0" * 32 * 256
    assert copy.audited().ahead == ("tile/0/009",)
    copy.files["notes.txt"] = b"x"
    with pytest.raises(AuditError, match="no file of a log"):
        copy.audited()


def test_a_quorum_is_asked_for_and_unknown_lines_are_told(whole: Published) -> None:
    bare = changed(whole, "checkpoint", 0, 0)
    bare.files["checkpoint"] = sign_checkpoint(whole.head, LOG)
    with pytest.raises(AuditError, match="quorum"):
        bare.audited(needed=1)
    found = audit(whole, LOG.verifier)
    assert found.unread == ("w1.example", "w2.example", "w3.example")


@pytest.mark.parametrize("known", [0, 1, 100, 256, 300, 511, 512, 699, 700])
def test_only_what_is_new_is_read(whole: Published, known: int) -> None:
    since = Checkpoint(LOG.name, known, root_of(ENTRIES[:known]))
    read: list[str] = []

    class Watched:
        def read(self, path: str) -> bytes:
            read.append(path)
            return whole.read(path)

    found = audit(Watched(), LOG.verifier, since=since, only_new=True)
    assert (found.size, found.entries) == (700, 700 - known)
    if known >= 512:
        assert not {
            path for path in read if path.startswith("tile/entries/00") and "002" not in path
        }
    other = [*ENTRIES[: max(known - 1, 0)], bytes(32)]
    lying = Checkpoint(LOG.name, len(other), root_of(other))
    with pytest.raises(AuditError):
        audit(whole, LOG.verifier, since=lying, only_new=True)


def test_a_change_in_what_is_new_is_found(whole: Published) -> None:
    since = Checkpoint(LOG.name, 300, root_of(ENTRIES[:300]))
    for path in ("tile/entries/002.p/188", "tile/0/002.p/188", "tile/1/000.p/2", "checkpoint"):
        with pytest.raises(AuditError):
            audit(changed(whole, path, 40, 1), LOG.verifier, since=since, only_new=True)


# Large logs are audited block by block.


@pytest.fixture(scope="module", name="large")
def _large() -> Published:
    entries = [hashlib.sha256(b"%d" % number).digest() for number in range(LARGE)]
    return Published(entries, (LARGE,))


def test_a_large_log_holds_in_blocks(large: Published, tmp_path: Path) -> None:
    found = audit(large, LOG.verifier, files=list(large.files))
    assert (found.size, found.entries) == (LARGE, LARGE)
    since = Checkpoint(LOG.name, 70_000, root_of(large.written[:70_000]))
    audit(large, LOG.verifier, since=since)
    for path, data in large.files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    with ProcessPoolExecutor(max_workers=2) as pool:
        spread = audit(TileDirectory(tmp_path), LOG.verifier, spread=pool.map)
        assert spread.entries == LARGE
        bundle = tmp_path / "tile/entries/300"
        bundle.write_bytes(bundle.read_bytes()[:-1] + b"\1")
        with pytest.raises(AuditError, match="entry 77055 "):
            audit(TileDirectory(tmp_path), LOG.verifier, spread=pool.map)


def test_a_changed_byte_in_a_large_log_is_found(large: Published) -> None:
    chance = random.Random(7)
    paths = [*chance.sample(sorted(large.files), 4), "tile/1/001", "tile/2/000.p/2", "tile/0/513"]
    for path in paths:
        at = chance.randrange(len(large.files[path]))
        with pytest.raises(AuditError):
            audit(changed(large, path, at, 4), LOG.verifier)


def test_a_false_head_known_before_is_found_in_a_large_log(large: Published) -> None:
    lying = Checkpoint(LOG.name, 70_000, bytes(32))
    with pytest.raises(AuditError, match="first 70000 entries"):
        audit(large, LOG.verifier, since=lying)
