"""C2SP tlog-tiles and tlog-proof: a verifier written here from the texts alone reads our files."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

import pytest
from nacl.signing import VerifyKey

from foedus.ledger.checkpoint import Checkpoint
from foedus.ledger.commitment import commit_record
from foedus.ledger.errors import ReceiptError, TileAbsentError
from foedus.ledger.log import publish
from foedus.ledger.proof_file import parse_proof
from foedus.ledger.receipt import Receipt, format_receipt
from foedus.ledger.tiles import inclusion_from_tiles
from foedus.signing.keys import SigningKey
from foedus.signing.note import NoteSigner

ORIGIN = "log.example/foedus"
LOG = NoteSigner(ORIGIN, SigningKey.from_seed(b"c" * 32))
SALT, RECORD = b"s" * 32, b'{"v":1}'


class Node:
    """Entries, tiles and guard in memory, each the simplest that keeps its promise."""

    def __init__(self, count: int) -> None:
        self.held = [hashlib.sha256(b"%d" % number).digest() for number in range(count)]
        if count > 1:
            self.held[1] = commit_record(SALT, RECORD)
        self.visible = 0
        self.files: dict[str, bytes] = {}
        self.head: Checkpoint | None = None

    def count(self) -> int:
        return self.visible

    def entries(self, start: int, end: int) -> Sequence[bytes]:
        return self.held[start:end]

    def read(self, path: str) -> bytes:
        if path not in self.files:
            raise TileAbsentError(path)
        return self.files[path]

    def write(self, path: str, data: bytes) -> None:
        self.files[path] = data

    def flush(self) -> None:
        """Memory needs none."""

    def load(self) -> Checkpoint | None:
        return self.head

    def advance(self, old: Checkpoint | None, new: Checkpoint) -> None:
        assert self.head == old
        self.head = new

    def publish(self, size: int) -> None:
        self.visible = size
        publish(self, self, self, self, LOG)


def _mth(leaves: Sequence[bytes]) -> bytes:
    """Merkle Tree Hash over leaf hashes (RFC 6962 §2.1)."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + _mth(leaves[:split]) + _mth(leaves[split:])).digest()


def _index_path(index: int) -> str:
    digits = str(index)
    while len(digits) % 3:
        digits = "0" + digits
    parts = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    return "/".join(["x" + part for part in parts[:-1]] + [parts[-1]])


def _open(data: bytes) -> tuple[int, bytes]:
    """Verify the log's own signature; return size and root."""
    text, _, signatures = data.decode().rpartition("\n\n")
    text += "\n"
    origin, size, root = text.splitlines()
    assert origin == ORIGIN
    (line,) = signatures.splitlines()
    dash, name, encoded = line.split(" ")
    assert (dash, name) == ("\u2014", ORIGIN)
    blob = base64.b64decode(encoded, validate=True)
    raw = LOG.key.public.raw
    assert blob[:4] == hashlib.sha256(ORIGIN.encode() + b"\n\x01" + raw).digest()[:4]
    VerifyKey(raw).verify(text.encode(), blob[4:])
    return int(size), base64.b64decode(root, validate=True)


def _expected_files(entries: Sequence[bytes], size: int) -> dict[str, bytes]:
    """Every tile and bundle a tree of a size has, computed from the definition."""
    files: dict[str, bytes] = {}
    leaves = [hashlib.sha256(b"\x00" + entry).digest() for entry in entries[:size]]
    hashes, level = leaves, 0
    while hashes:
        for index in range(0, len(hashes), 256):
            tile = hashes[index : index + 256]
            suffix = "" if len(tile) == 256 else f".p/{len(tile)}"
            place = _index_path(index // 256) + suffix
            files[f"tile/{level}/{place}"] = b"".join(tile)
            if level == 0:
                files[f"tile/entries/{place}"] = b"".join(
                    len(entry).to_bytes(2, "big") + entry
                    for entry in entries[index : min(index + 256, size)]
                )
        span = 256 ** (level + 1)
        hashes = [_mth(leaves[at : at + span]) for at in range(0, size - span + 1, span)]
        level += 1
    return files


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 512, 1000, 65_536, 70_000])
def test_merkle_tree_the_files_are_those_the_text_defines(size: int) -> None:
    node = Node(size)
    node.publish(size)
    checkpoint = node.files.pop("checkpoint")
    assert node.files == _expected_files(node.held, size)
    assert _open(checkpoint) == (
        size,
        _mth([hashlib.sha256(b"\x00" + entry).digest() for entry in node.held]),
    )


def test_partial_tiles_of_every_signed_size_must_be_served() -> None:
    node = Node(1000)
    for size in (1, 40, 255, 256, 258, 700, 1000):
        node.publish(size)
        assert node.files.items() >= _expected_files(node.held, size).items()
    for size in (1, 40, 255, 256, 258, 700, 1000):
        assert node.files.items() >= _expected_files(node.held, size).items()


def test_merkle_tree_no_published_path_changes_its_content() -> None:
    node = Node(600)
    seen: dict[str, bytes] = {}
    for size in range(0, 600, 13):
        node.publish(size)
        now = {path: data for path, data in node.files.items() if path != "checkpoint"}
        assert now.items() >= seen.items()
        assert all(data for data in now.values()), "empty tiles must not be served"
        seen = now


def test_log_entries_each_hashes_to_its_tile() -> None:
    node = Node(300)
    node.publish(300)
    for place in ("000", "001.p/44"):
        bundle, tile = node.files[f"tile/entries/{place}"], node.files[f"tile/0/{place}"]
        while bundle:
            length = int.from_bytes(bundle[:2], "big")
            entry, bundle = bundle[2 : 2 + length], bundle[2 + length :]
            assert hashlib.sha256(b"\x00" + entry).digest() == tile[:32]
            tile = tile[32:]
        assert not tile


def _receipt(size: int) -> bytes:
    node = Node(size)
    node.publish(size)
    return format_receipt(
        Receipt(
            salt=SALT,
            record=RECORD,
            inclusion=inclusion_from_tiles(node, 1, size),
            checkpoint=node.files["checkpoint"],
        )
    )


@pytest.mark.parametrize("size", [2, 3, 7, 256, 300, 1000])
def test_proof_format_and_verification(size: int) -> None:
    head, _, checkpoint = _receipt(size).partition(b"\n\n")
    magic, extra, index, *path = head.decode().split("\n")
    assert magic == "c2sp.org/tlog-proof@v1"
    assert extra.startswith("extra ")
    assert b'"record"' in base64.b64decode(extra.removeprefix("extra "), validate=True)
    assert index == "index 1"
    signed_size, root = _open(checkpoint)
    assert signed_size == size
    entry = hashlib.sha256(b"foedus/v1/entry\n" + SALT + RECORD).digest()
    # RFC 6962 §2.1.1 read backwards: from the leaf up, its place in the tree says which side.
    running, at, last = hashlib.sha256(b"\x00" + entry).digest(), 1, size - 1
    for line in path:
        sibling = base64.b64decode(line, validate=True)
        while at == last and at % 2 == 0 and at:
            at, last = at // 2, last // 2
        left, right = (sibling, running) if at % 2 else (running, sibling)
        running = hashlib.sha256(b"\x01" + left + right).digest()
        at, last = at // 2, last // 2
    assert running == root


GOOD = _receipt(7)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(b"c2sp.org/tlog-proof@v1", b"c2sp.org/tlog-proof@v2", id="another version"),
        pytest.param(b"\nindex 1\n", b"\nindex 01\n", id="leading zero"),
        pytest.param(b"\nindex 1\n", b"\nindex -1\n", id="negative index"),
        pytest.param(b"\nindex 1\n", b"\nindex 99999999999999999999\n", id="index past 63 bits"),
        pytest.param(b"\nindex 1\n", b"\n", id="no index"),
        pytest.param(b"\nextra ", b"\nextra  ", id="two spaces"),
        pytest.param(b"\nextra ", b"\nextra AA\nextra ", id="two extra lines"),
        pytest.param(b"\nextra ", b"\nextra \nextra ", id="an empty extra line"),
        pytest.param(b"\nindex 1\n", b"\nindex 1\nAAAA\n", id="short hash"),
        pytest.param(b"\nindex 1\n", b"\r\nindex 1\r\n", id="carriage returns"),
        pytest.param(b"\nindex 1\n", b"\nindex 1\n" + b"A" * 43 + b"=\n" * 64, id="path too long"),
    ],
)
def test_proof_format_any_other_is_refused(old: bytes, new: bytes) -> None:
    assert old in GOOD
    with pytest.raises(ReceiptError):
        parse_proof(GOOD.replace(old, new, 1))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"c2sp.org/tlog-proof@v1\n\n",
        b"c2sp.org/tlog-proof@v1\n\nx",
        b"c2sp.org/tlog-proof@v1\nindex 0\n",
        b"c2sp.org/tlog-proof@v1\nindex 0\n\xff\n\nx",
        b"x" * (2 * 1024 * 1024 + 1),
    ],
)
def test_proof_format_pieces_are_refused(data: bytes) -> None:
    with pytest.raises(ReceiptError):
        parse_proof(data)


def test_proof_format_the_extra_line_may_be_absent() -> None:
    lines = GOOD.split(b"\n")
    proof = parse_proof(b"\n".join([lines[0], *lines[2:]]))
    assert proof.extra == b""
    assert proof.inclusion.index == 1
