"""Logs audited over HTTP: a peer's as this node, and never anything but files of a log."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from foedus.exchange.public_log import PeerTiles, PublicLog
from foedus.ledger import Checkpoint, audit, rebuild, root_of, sign_checkpoint
from foedus.ledger.errors import AuditError, TileAbsentError, TileError
from foedus.node.peer_ports import PeerError
from foedus.signing import NoteSigner

if TYPE_CHECKING:
    from tests.unit.exchange.conftest import Live

ENTRIES = [hashlib.sha256(b"%d" % number).digest() for number in range(300)]


class Log:
    """Entries to publish, and where they are written."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def count(self) -> int:
        return len(ENTRIES)

    def entries(self, start: int, end: int) -> list[bytes]:
        return ENTRIES[start:end]

    def write(self, path: str, data: bytes) -> None:
        self.files[path] = data

    def flush(self) -> None:
        """Nothing is ever lost here."""


def published(live: Live) -> NoteSigner:
    signer = NoteSigner(live.identity.log_origin, live.identity.log)
    head = Checkpoint(signer.name, len(ENTRIES), root_of(ENTRIES))
    live.files.held.clear()
    log = Log(live.files.held)
    rebuild(log, log, head)
    live.files.held["checkpoint"] = sign_checkpoint(head, signer)
    return signer


def test_a_peer_s_log_is_audited_as_this_node(live: Live) -> None:
    signer = published(live)
    with live.client() as client:
        tiles = PeerTiles(client, live.endpoint())
        assert audit(tiles, signer.verifier).entries == 300
        since = Checkpoint(signer.name, 256, root_of(ENTRIES[:256]))
        assert audit(tiles, signer.verifier, since=since, only_new=True).entries == 44
        live.files.held["tile/entries/000"] = live.files.held["tile/entries/000"][:-1] + b"\0"
        with pytest.raises(AuditError, match="entry 255 is not the one"):
            audit(tiles, signer.verifier)


def test_a_stranger_reads_nothing(live: Live) -> None:
    signer = published(live)
    with PublicLog(f"{live.base}/ledger") as log, pytest.raises(AuditError, match="401"):
        audit(log, signer.verifier)


@pytest.mark.parametrize("path", ["", "../checkpoint", "tile/0/../1", "peers", "tile/0/1"])
def test_only_files_of_a_log_are_asked_for(live: Live, path: str) -> None:
    with live.client() as client, pytest.raises(TileError):
        PeerTiles(client, live.endpoint()).read(path)
    with PublicLog(live.base) as log, pytest.raises(TileError):
        log.read(path)


def test_what_is_not_there_is_absent(live: Live) -> None:
    published(live)
    with live.client() as client, pytest.raises(TileAbsentError):
        PeerTiles(client, live.endpoint()).read("tile/0/009")


@pytest.mark.parametrize(
    "address", ["http://log.example", "ftp://127.0.0.1", "https://u:p@log.example", "nonsense"]
)
def test_only_tls_leaves_this_machine(address: str) -> None:
    with pytest.raises(PeerError):
        PublicLog(address)
