"""An audit finds any single change and names its place."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import pytest

from foedus.ledger.audit import AuditResult, audit
from foedus.ledger.checkpoint import Checkpoint, sign_checkpoint
from foedus.ledger.errors import AuditError, TileAbsentError
from foedus.ledger.log import rebuild
from foedus.ledger.tree import EMPTY_ROOT, root_of
from foedus.signing.keys import SigningKey
from foedus.signing.note import NoteSigner

LOG = NoteSigner("xa.example/log", SigningKey.from_seed(b"a" * 32))
OTHER = NoteSigner("xb.example/log", SigningKey.from_seed(b"b" * 32))
ENTRIES = [hashlib.sha256(b"%d" % number).digest() for number in range(600)]


class Published:
    """A log of the first entries, in memory."""

    def __init__(self, size: int) -> None:
        self.files: dict[str, bytes] = {}
        self.size = size
        self.head = Checkpoint(LOG.name, size, root_of(ENTRIES[:size]))
        rebuild(self, self, self.head)
        self.files["checkpoint"] = sign_checkpoint(self.head, LOG)

    def count(self) -> int:
        return self.size

    def entries(self, start: int, end: int) -> Sequence[bytes]:
        return ENTRIES[start:end]

    def write(self, path: str, data: bytes) -> None:
        self.files[path] = data

    def flush(self) -> None:
        """Nothing is ever lost here."""

    def read(self, path: str) -> bytes:
        if path not in self.files:
            raise TileAbsentError(f"{path} is absent")
        return self.files[path]


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 512, 600])
def test_a_log_in_order(size: int) -> None:
    log = Published(size)
    result = audit(log, LOG.verifier)
    assert result == AuditResult(size=size, root=log.head.root, entries=size)


@pytest.mark.parametrize("known", [0, 1, 255, 256, 257, 300, 511, 512, 513, 600])
def test_a_head_known_before_is_contained(known: int) -> None:
    log = Published(600)
    since = Checkpoint(LOG.name, known, root_of(ENTRIES[:known]))
    audit(log, LOG.verifier, since=since)
    if known:
        forked = Checkpoint(LOG.name, known, root_of([*ENTRIES[: known - 1], bytes(32)]))
        with pytest.raises(AuditError, match=f"first {known} entries"):
            audit(log, LOG.verifier, since=forked)


def test_a_log_that_shrank_or_changed_its_name_is_refused() -> None:
    log = Published(300)
    with pytest.raises(AuditError, match="shrank"):
        audit(log, LOG.verifier, since=Checkpoint(LOG.name, 301, bytes(32)))
    with pytest.raises(AuditError, match="says nothing"):
        audit(log, LOG.verifier, since=Checkpoint(OTHER.name, 0, EMPTY_ROOT))


def test_every_file_is_needed() -> None:
    for path in Published(600).files:
        log = Published(600)
        del log.files[path]
        with pytest.raises(AuditError, match=re.escape(path)):
            audit(log, LOG.verifier)


def test_a_flipped_bit_in_any_file_is_found() -> None:
    for path, data in Published(600).files.items():
        for at in {0, len(data) // 2, len(data) - 1}:
            log = Published(600)
            spoilt = bytearray(data)
            spoilt[at] ^= 1
            log.files[path] = bytes(spoilt)
            with pytest.raises(AuditError):
                audit(log, LOG.verifier)


def test_the_place_is_named() -> None:
    log = Published(600)
    bundle = bytearray(log.files["tile/entries/001"])
    bundle[34 * 7 + 5] ^= 1
    log.files["tile/entries/001"] = bytes(bundle)
    with pytest.raises(AuditError, match="entry 263 is not the one in tile/0/001"):
        audit(log, LOG.verifier)

    log = Published(600)
    upper = bytearray(log.files["tile/1/000.p/2"])
    upper[40] ^= 1
    log.files["tile/1/000.p/2"] = bytes(upper)
    with pytest.raises(AuditError, match="hash 1 of tile/1/000"):
        audit(log, LOG.verifier)


def test_a_head_signed_over_another_root_is_found() -> None:
    log = Published(300)
    log.files["checkpoint"] = sign_checkpoint(Checkpoint(LOG.name, 300, bytes(32)), LOG)
    with pytest.raises(AuditError, match="signed root"):
        audit(log, LOG.verifier)


def test_a_head_by_another_key_is_refused() -> None:
    with pytest.raises(AuditError, match="checkpoint"):
        audit(Published(3), OTHER.verifier)
