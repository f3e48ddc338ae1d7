"""Logs and receipts before a verifier of other people's making: x/mod and Ed25519 of Go.

The verifier beside this file is written from the C2SP texts; trees, notes and signatures are
checked by packages that know nothing of this project. Without a Go toolchain and that package
(Debian: ``golang-go`` and ``golang-golang-x-mod-dev``) these tests are skipped.
"""

from __future__ import annotations

import base64
import os
import random
import shutil
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from foedus.canonical import canonical_bytes
from foedus.ledger.checkpoint import open_checkpoint
from foedus.ledger.commitment import batch_root, commit_item, commit_record, item_path
from foedus.ledger.cosignature import CosignatureVerifier, cosign
from foedus.ledger.inclusion import InclusionProof
from foedus.ledger.log import publish
from foedus.ledger.receipt import Receipt, ReceiptItem, format_receipt
from foedus.ledger.tiles import CHECKPOINT_PATH, inclusion_from_tiles
from foedus.signing import NoteSigner, SigningKey
from foedus.store.ledger_files import GuardFile, TileDirectory

GO_PATH = Path("/usr/share/gocode")
LOG = NoteSigner("log.example/foedus", SigningKey.from_seed(b"c" * 32))
WITNESS = SigningKey.from_seed(b"w" * 32)
WITNESS_NAME = "peer.example/witness"
COSIGNER = CosignatureVerifier(WITNESS_NAME, WITNESS.public)
KEYS = (
    LOG.verifier.vkey,
    f"{WITNESS_NAME}+{COSIGNER.key_hash.hex()}+"
    + base64.b64encode(b"\x04" + WITNESS.public.raw).decode(),
)
ITEMS = 3


@pytest.fixture(scope="module")
def verifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("go") is None or not (GO_PATH / "src/golang.org/x/mod/sumdb").is_dir():
        pytest.skip("needs a Go toolchain with golang.org/x/mod, for a verifier that is not ours")
    place = tmp_path_factory.mktemp("verifier") / "verifier"
    environment = {
        **os.environ,
        "GO111MODULE": "off",
        "GOPATH": str(GO_PATH),
        "GOFLAGS": "",
        "GOCACHE": str(place.parent / "cache"),
    }
    source = Path(__file__).parent / "verifier"
    subprocess.run(["go", "build", "-o", place, "."], cwd=source, env=environment, check=True)
    return place


class Entries:
    """Entries of batches of three items each, kept with what they commit to."""

    def __init__(self, count: int) -> None:
        chance = random.Random(20)
        self.salts = [chance.randbytes(32) for _ in range(count)]
        self.items = [
            [(chance.randbytes(32), b'{"id":"indicator--%d"}' % place) for place in range(ITEMS)]
            for _ in range(count)
        ]
        self.records = [
            canonical_bytes(
                {"v": 1, "count": ITEMS, "root": batch_root(self.commitments(at)).hex()}
            )
            for at in range(count)
        ]
        self.held = [commit_record(*pair) for pair in zip(self.salts, self.records, strict=True)]

    def root(self, at: int) -> bytes:
        return batch_root(self.commitments(at))

    def commitments(self, at: int) -> list[bytes]:
        return [commit_item(*item) for item in self.items[at]]

    def count(self) -> int:
        return len(self.held)

    def entries(self, start: int, end: int) -> Sequence[bytes]:
        return self.held[start:end]

    def receipt(self, files: TileDirectory, note: bytes, at: int) -> bytes:
        salt, record = self.items[at][at % ITEMS]
        path = item_path(self.commitments(at), at % ITEMS)
        shown = ReceiptItem(salt=salt, record=record, inclusion=InclusionProof(at % ITEMS, path))
        return format_receipt(
            Receipt(
                salt=self.salts[at],
                record=self.records[at],
                inclusion=inclusion_from_tiles(files, at, self.count()),
                checkpoint=note,
                item=shown if at % 2 else None,
            )
        )


def log_of(folder: Path, entries: Entries) -> tuple[TileDirectory, bytes]:
    """Publish a log with a cosigned checkpoint."""
    files = TileDirectory(folder / "log")
    (folder / "guard").mkdir()
    guard = GuardFile(folder / "guard" / "head", outside=folder / "log")
    publish(entries, files, files, guard, LOG)
    files.flush()
    note = files.read(CHECKPOINT_PATH)
    head = open_checkpoint(note, LOG.verifier)
    line = cosign(head, name=WITNESS_NAME, key=WITNESS, at=datetime(2026, 11, 24, tzinfo=UTC))
    note += line.line.encode()
    files.write(CHECKPOINT_PATH, note)
    return files, note


def told(verifier: Path, what: str, folder: Path) -> tuple[int, str]:
    done = subprocess.run(
        [verifier, what, folder, *KEYS], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("count", [1, 255, 256, 257, 3_000])
def test_a_log_and_all_its_receipts_hold(verifier: Path, tmp_path: Path, count: int) -> None:
    _check_all(verifier, tmp_path, count)


@pytest.mark.soak
def test_a_large_log_and_all_its_receipts_hold(verifier: Path, tmp_path: Path) -> None:
    _check_all(verifier, tmp_path, 120_000)


def _check_all(verifier: Path, folder: Path, count: int) -> None:
    entries = Entries(count)
    files, note = log_of(folder, entries)
    assert told(verifier, "log", folder / "log") == (0, f"holds size={count}\n")
    receipts = folder / "receipts"
    receipts.mkdir()
    for at in range(count):
        (receipts / f"{at}.tlog-proof").write_bytes(entries.receipt(files, note, at))
    assert told(verifier, "receipts", receipts) == (0, f"holds receipts={count}\n")


def test_no_changed_byte_of_a_log_is_accepted(verifier: Path, tmp_path: Path) -> None:
    log_of(tmp_path, Entries(600))
    chance = random.Random(21)
    for place in sorted((tmp_path / "log").rglob("*")):
        if not place.is_file():
            continue
        whole = place.read_bytes()
        for at in {0, len(whole) - 1, *(chance.randrange(len(whole)) for _ in range(4))}:
            place.write_bytes(_flipped(whole, at, chance))
            code, text = told(verifier, "log", tmp_path / "log")
            assert code == 1, (place, at, text)
        place.write_bytes(whole)
    assert told(verifier, "log", tmp_path / "log")[0] == 0


def test_no_changed_byte_of_a_receipt_is_accepted(verifier: Path, tmp_path: Path) -> None:
    entries = Entries(300)
    files, note = log_of(tmp_path, entries)
    whole = entries.receipt(files, note, 77)
    chance = random.Random(22)
    folder = tmp_path / "one"
    folder.mkdir()
    place = folder / "77.tlog-proof"
    for at in range(0, len(whole), 3):
        place.write_bytes(_flipped(whole, at, chance))
        code, text = told(verifier, "receipts", folder)
        assert code == 1, (at, whole[max(0, at - 20) : at + 20], text)
    place.write_bytes(whole)
    assert told(verifier, "receipts", folder)[0] == 0


def _flipped(whole: bytes, at: int, chance: random.Random) -> bytes:
    return whole[:at] + bytes([whole[at] ^ (1 << chance.randrange(8))]) + whole[at + 1 :]
