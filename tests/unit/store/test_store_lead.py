"""Who leads, what it may move and which nonces were seen, as files and as rows keep them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from foedus.ledger.checkpoint import Checkpoint
from foedus.ledger.errors import HeadMovedError
from foedus.node.errors import LeadLostError
from foedus.store.file_lead import FileLead
from foedus.store.nonces import NonceFile, Nonces
from foedus.store.postgres.lease import PostgresLeases, PostgresNonces
from foedus.store.postgres.side import SideConnection

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
KEPT = timedelta(seconds=180)
KEY = "ed25519:0011223344556677"


def head(size: int, root: bytes = b"r" * 32) -> Checkpoint:
    return Checkpoint("foedus/xa/log", size, root)


@pytest.fixture(name="address")
def _address(new_database: Callable[[], str]) -> str:
    return new_database()


@pytest.fixture(name="leases")
def _leases(address: str) -> Iterator[PostgresLeases]:
    made = PostgresLeases(SideConnection(address))
    yield made
    made.close()


def expire(address: str) -> None:
    with psycopg.connect(address, autocommit=True) as server:
        server.execute("UPDATE lease SET expires = clock_timestamp()")


def test_of_two_that_share_a_directory_one_leads(tmp_path: Path) -> None:
    first, second = FileLead(tmp_path / "serving"), FileLead(tmp_path / "serving")
    assert not first.elsewhere()
    assert first.take()
    assert first.take()
    assert not second.take()
    assert (first.elsewhere(), second.elsewhere()) == (False, True)
    first.leave()
    first.leave()
    assert not second.elsewhere()
    assert second.take()
    second.leave()


def test_a_lease_is_taken_once_and_every_holder_has_a_higher_fence(
    leases: PostgresLeases, address: str
) -> None:
    assert leases.row() is None
    taken = leases.take("a", for_s=60)
    assert taken is not None
    assert (taken.holder, taken.place, taken.fence) == ("a", "", 1)
    assert leases.take("b", for_s=60) is None
    leases.settle("a", 1, "here")
    assert leases.renew("a", 1, for_s=60)
    assert not leases.renew("b", 1, for_s=60)
    expire(address)
    assert not leases.renew("a", 1, for_s=60)
    after = leases.take("b", for_s=60)
    assert after is not None
    assert (after.holder, after.place, after.fence) == ("b", "here", 2)
    leases.release("a", 1)
    row = leases.row()
    assert row is not None
    assert row.live
    leases.release("b", 2)
    row = leases.row()
    assert row is not None
    assert not row.live


def test_a_head_moves_forward_under_the_fence_in_force_only(
    leases: PostgresLeases, address: str
) -> None:
    leases.take("a", for_s=60)
    leases.advance(None, head(3), holder="a", fence=1)
    leases.advance(head(3), head(5), holder="a", fence=1)
    leases.show(head(5), b"note 5", holder="a", fence=1)
    leases.show(head(3), b"note 3", holder="a", fence=1)  # late: the newer one stays
    with pytest.raises(HeadMovedError):
        leases.advance(head(3), head(6), holder="a", fence=1)
    with pytest.raises(HeadMovedError):
        leases.advance(head(5, b"x" * 32), head(6), holder="a", fence=1)
    expire(address)
    with pytest.raises(LeadLostError):
        leases.advance(head(5), head(6), holder="a", fence=1)
    with pytest.raises(LeadLostError):
        leases.show(head(5), b"other", holder="a", fence=1)
    with pytest.raises(LeadLostError):
        leases.settle("a", 1, "here")
    shared = leases.head("foedus/xa/log")
    assert shared is not None
    assert (shared.head, shared.note) == (head(5), b"note 5")
    # A database put back in time lies behind what the guard knows: the guard leads.
    leases.take("b", for_s=60)
    leases.advance(head(9), head(10), holder="b", fence=2)


def test_what_the_address_asks_for_holds_beside_the_transactions_too(address: str) -> None:
    url = make_conninfo(address, options="-c search_path=elsewhere")
    side = SideConnection(url)
    shown = side.run(
        lambda connection: connection.execute(
            "SELECT current_setting('search_path'), current_setting('statement_timeout')"
        ).fetchone()
    )
    side.close()
    assert shown == ("elsewhere", "3s")


def test_a_connection_that_was_lost_is_made_anew(leases: PostgresLeases, address: str) -> None:
    leases.take("a", for_s=60)
    with psycopg.connect(address, autocommit=True) as server:
        server.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    row = leases.row()
    assert row is not None
    assert row.holder == "a"


@pytest.fixture(name="two", params=["file", "rows"])
def _two(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Nonces, Nonces]]:
    if request.param == "file":
        made: list[Nonces] = [NonceFile(tmp_path / "nonces.db", kept=KEPT) for _ in range(2)]
    else:
        address = request.getfixturevalue("address")
        made = [PostgresNonces(SideConnection(address, durable=False), kept=KEPT) for _ in range(2)]
    yield made[0], made[1]
    for each in made:
        each.close()


def test_a_nonce_that_one_process_saw_is_known_to_the_other(two: tuple[Nonces, Nonces]) -> None:
    first, second = two
    assert first.admit(KEY, "n1", NOW)
    assert not second.admit(KEY, "n1", NOW + timedelta(seconds=59))
    assert second.admit("ed25519:7766554433221100", "n1", NOW)
    assert second.admit(KEY, "n2", NOW)
    assert not first.admit(KEY, "n2", NOW)


def test_nonces_out_of_the_window_are_forgotten_in_time(two: tuple[Nonces, Nonces]) -> None:
    first, _ = two
    assert first.admit(KEY, "old", NOW)
    late = NOW + 2 * KEPT
    for number in range(600):
        assert first.admit(KEY, f"n{number}", late)
    assert first.admit(KEY, "old", late)


def test_a_damaged_file_of_nonces_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "nonces.db"
    path.write_bytes(b"no database" * 500)
    nonces = NonceFile(path, kept=KEPT)
    assert nonces.admit(KEY, "n1", NOW)
    assert not nonces.admit(KEY, "n1", NOW)
    nonces.close()
