"""Pages read from a real streaming replica: late, paused, killed; a follower notices nothing.

XA's store is on a primary with one replica. What is read in this process and over HTTP may come
from either; what matters is that no row is missed, none comes twice, a page is covered by its head,
and nothing that was erased is served again.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psycopg
import pytest

from foedus.model.identifiers import MemberId
from foedus.node.erase import erase
from foedus.node.read_copy import reading
from foedus.node.serve_lane import LaneRules
from foedus.node.served import PageQuery, ServedPage, VersionChoice
from foedus.node.stand_ins import StandIns
from foedus.store.postgres.replica import AWAY_S

if TYPE_CHECKING:
    from tests.federation.conftest import Bloc, NodeProcess

pytestmark = pytest.mark.soak

XB = MemberId("XB")
TAXII = "application/taxii+json;version=2.1"
USER = "nobody" if os.geteuid() == 0 else None
_SPACE = uuid.UUID("b3f4c2d1-5a0e-4c39-8d41-9b6f0c1e2a77")


def sign(label: str) -> dict[str, Any]:
    """Return an indicator of one domain under a reserved name."""
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{uuid.uuid5(_SPACE, label)}",
        "created": "2026-11-20T08:00:00.000Z",
        "modified": "2026-11-20T08:00:00.000Z",
        "name": label,
        "indicator_types": ["malicious-activity"],
        "pattern": f"[domain-name:value = '{uuid.uuid5(_SPACE, label).hex[:12]}.example']",
        "pattern_type": "stix",
        "valid_from": "2026-11-20T08:00:00Z",
    }


@dataclass
class Streaming:
    """A primary and its replica, each a server of its own on a socket of its own."""

    binaries: Path
    folder: Path
    primary: subprocess.Popen[bytes] | None = None
    replica: subprocess.Popen[bytes] | None = None

    def url(self, name: str, database: str = "xa") -> str:
        return f"postgresql://postgres@/{database}?host={self.folder / name}.d"

    def begin(self) -> None:
        """Make the primary, its database and a replica of it."""
        self._run("initdb", "-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C")
        self.primary = self._started("primary")
        with psycopg.connect(self.url("primary", "postgres"), autocommit=True) as server:
            server.execute("CREATE DATABASE xa")
        self._run("pg_basebackup", "-U", "postgres", "-h", f"{self.folder / 'primary'}.d", "-R")
        self.start_replica()

    def start_replica(self) -> None:
        self.replica = self._started("replica")

    def kill_replica(self) -> None:
        assert self.replica is not None
        self.replica.send_signal(signal.SIGQUIT)
        self.replica.wait(30)

    def pause(self, *, paused: bool) -> None:
        """Let the replica stand still, or go on."""
        with psycopg.connect(self.url("replica"), autocommit=True) as server:
            server.execute(f"SELECT pg_wal_replay_{'pause' if paused else 'resume'}()".encode())
            wanted = "paused" if paused else "not paused"
            for _ in range(100):
                [(state,)] = server.execute("SELECT pg_get_wal_replay_pause_state()").fetchall()
                if state == wanted:
                    return
                time.sleep(0.02)
        pytest.fail("the replica does not obey")

    def caught_up(self) -> None:
        """Wait until the replica shows what the primary does."""
        with psycopg.connect(self.url("primary"), autocommit=True) as server:
            [(wanted,)] = server.execute("SELECT pg_current_wal_lsn()").fetchall()
        with psycopg.connect(self.url("replica"), autocommit=True) as server:
            for _ in range(500):
                [(there,)] = server.execute(
                    "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", (wanted,)
                ).fetchall()
                if there:
                    return
                time.sleep(0.02)
        pytest.fail("the replica does not catch up")

    def end(self) -> None:
        for server in (self.replica, self.primary):
            if server is not None and server.poll() is None:
                server.send_signal(signal.SIGQUIT)
                server.wait(30)

    def _run(self, program: str, *arguments: str) -> None:
        target = "primary" if program == "initdb" else "replica"
        subprocess.run(
            [self.binaries / program, *arguments, "--no-sync", "-D", self.folder / target],
            check=True,
            capture_output=True,
            user=USER,
            cwd=self.folder,
        )

    def _started(self, name: str) -> subprocess.Popen[bytes]:
        sockets = self.folder / f"{name}.d"
        sockets.mkdir(exist_ok=True)
        if USER is not None:
            shutil.chown(sockets, USER)
        settings = ("listen_addresses=", "wal_level=replica", "hot_standby=on", "fsync=off")
        more = ("max_connections=60", "shared_buffers=64MB", "wal_receiver_status_interval=1")
        with (self.folder / f"{name}.log").open("ab") as log:
            server = subprocess.Popen(
                [str(self.binaries / "postgres"), "-D", str(self.folder / name), "-k", str(sockets)]
                + [part for each in (*settings, *more) for part in ("-c", each)],
                stdout=log,
                stderr=log,
                user=USER,
                cwd=self.folder,
            )
        for _ in range(400):
            assert server.poll() is None, (self.folder / f"{name}.log").read_text()[-2000:]
            with suppress(psycopg.OperationalError):
                psycopg.connect(self.url(name, "postgres")).close()
                return server
            time.sleep(0.05)
        pytest.fail(f"the {name} did not start")


def _binaries() -> Path | None:
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    given = os.environ.get("FOEDUS_TEST_POSTGRES_BIN")
    places = [Path(given), *places] if given else places
    return next((place for place in places if (place / "pg_basebackup").exists()), None)


@pytest.fixture(scope="module")
def streaming() -> Iterator[Streaming]:
    binaries = _binaries()
    if binaries is None:
        pytest.skip("PostgreSQL's server programs are not installed")
    folder = Path(tempfile.mkdtemp(prefix="frep-", dir="/tmp"))
    folder.chmod(0o755)
    if USER is not None:
        shutil.chown(folder, USER)
    pair = Streaming(binaries=binaries, folder=folder)
    try:
        pair.begin()
        yield pair
    finally:
        pair.end()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def bloc(streaming: Streaming, make_bloc: Callable[[], Bloc]) -> Iterator[Bloc]:
    made = make_bloc()
    made.found("XA", "XB", databases={"XA": streaming.url("primary")})
    giver = made["XA"]
    giver.kill()
    giver.close()
    giver.replica_url = streaming.url("replica")
    giver.serve()
    yield made
    made.stop_all()


@pytest.fixture(autouse=True)
def level(streaming: Streaming, bloc: Bloc) -> None:  # noqa: ARG001  # the bloc stands first
    """Begin each test with a replica that is there and has caught up."""
    if streaming.replica is None or streaming.replica.poll() is not None:
        streaming.start_replica()
        time.sleep(AWAY_S)
    streaming.pause(paused=False)
    streaming.caught_up()


def rules_of(node: NodeProcess) -> LaneRules:
    """Return what the lanes of a node are served by."""
    stand_ins = StandIns(identity=node.wired.node.identity)
    return LaneRules(why_closed=lambda *_: "", stand_ins=stand_ins)


def page(node: NodeProcess, after: Any, limit: int = 5) -> ServedPage:
    """Read a page of the bulk lane to XB, from wherever it may be read."""
    query = PageQuery(after=after, limit=limit, versions=VersionChoice(every=True))
    with reading(node.wired.node.database) as both:
        found = both.lane_page(XB, "bulk", query, rules=rules_of(node))
        # A page is covered by the head that goes with it.
        lane = both.tx.feeds.lane(XB, "bulk")
        rows = both.tx.feeds.page(XB, "bulk", after=after, limit=limit)
    assert [each.added for each in found.objects] == [row.added for row in rows]
    assert len(found.objects) <= lane.count
    return found


def followed(node: NodeProcess, until: Callable[[], bool], limit: int = 5) -> list[Any]:
    """Follow the bulk lane in small pages until told, and then to its end."""
    seen: list[Any] = []
    after = None
    while True:
        last = until()
        found = page(node, after, limit)
        seen += [each.added for each in found.objects]
        after = found.position or after
        if last and not found.objects:
            return seen


@contextmanager
def troubled(streaming: Streaming) -> Iterator[None]:
    """Pause, resume, kill and start the replica over and over while the block runs."""
    over = threading.Event()

    def trouble() -> None:
        turn = 0
        while not over.wait(0.4):
            turn += 1
            if turn % 5 == 4:
                streaming.kill_replica()
                over.wait(0.3)
                streaming.start_replica()
                continue
            streaming.pause(paused=True)
            over.wait(0.4)
            streaming.pause(paused=False)

    thread = threading.Thread(target=trouble)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(60)
        assert not thread.is_alive()


def test_a_page_is_read_from_the_replica_where_it_shows_the_same(
    bloc: Bloc, streaming: Streaming
) -> None:
    giver = bloc["XA"]
    giver.disclose(giver.hold([sign(f"first {each}") for each in range(12)]), "XB")
    streaming.caught_up()
    with reading(giver.wired.node.database) as both:
        assert both.copy is not None
        [(behind,)] = [(both.copy.feeds.lane(XB, "bulk").count,)]
        assert behind == both.tx.feeds.lane(XB, "bulk").count
    with psycopg.connect(streaming.url("replica"), autocommit=True) as server:
        [(users,)] = server.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'foedus'"
        ).fetchall()
    assert users >= 1


def test_a_late_replica_gives_full_pages_and_never_the_end(
    bloc: Bloc, streaming: Streaming
) -> None:
    giver = bloc["XA"]
    giver.disclose(giver.hold([sign(f"early {each}") for each in range(20)]), "XB")
    streaming.caught_up()
    streaming.pause(paused=True)
    giver.disclose(giver.hold([sign(f"late {each}") for each in range(20)]), "XB")
    with reading(giver.wired.node.database) as both:
        assert both.copy is not None
        assert both.copy.feeds.lane(XB, "bulk").count < both.tx.feeds.lane(XB, "bulk").count
    seen = followed(giver, lambda: True)
    with giver.wired.node.database.read() as tx:
        assert len(seen) == tx.feeds.lane(XB, "bulk").count
    assert seen == sorted(set(seen))


def test_a_follower_of_a_lane_misses_and_repeats_nothing(bloc: Bloc, streaming: Streaming) -> None:
    giver, taker = bloc["XA"], bloc["XB"]
    over = threading.Event()
    label = secrets.token_hex(4)
    failed: list[BaseException] = []

    def give() -> None:
        try:
            for number in range(14):
                rows = giver.hold([sign(f"{label} {number} {each}") for each in range(7)])
                giver.disclose(rows, "XB")
                report = taker.pull("XA")  # from the server, which reads the replica too
                assert not any(lane.fault for lane in report.lanes), report.lanes
        except BaseException as error:  # noqa: BLE001  # told by the test's own thread
            failed.append(error)
        finally:
            over.set()

    thread = threading.Thread(target=give)
    with troubled(streaming):
        thread.start()
        seen = followed_while_written(giver, over)
        thread.join(120)
    assert not failed, failed
    assert seen == sorted(set(seen))
    with giver.wired.node.database.read() as tx:
        lane = tx.feeds.lane(XB, "bulk")
        rows = []
        after = None
        while chunk := tx.feeds.page(XB, "bulk", after=after, limit=500):
            rows += [row.added for row in chunk]
            after = chunk[-1].added
    assert seen == rows
    taker.pull("XA")
    with taker.wired.node.database.read() as tx:
        cursor = tx.inbox.cursor(giver.member, "bulk")
    assert (cursor.count, cursor.digest) == (lane.count, lane.digest)
    assert not taker.alarms()


def followed_while_written(node: NodeProcess, over: threading.Event) -> list[Any]:
    """Follow the lane; what a page shows is not compared with a store that moves on."""
    seen: list[Any] = []
    after = None
    while True:
        last = over.is_set()
        query = PageQuery(after=after, limit=5, versions=VersionChoice(every=True))
        with reading(node.wired.node.database) as both:
            found = both.lane_page(XB, "bulk", query, rules=rules_of(node))
            count = both.tx.feeds.lane(XB, "bulk").count
        seen += [each.added for each in found.objects]
        assert len(seen) <= count
        assert found.more or len(seen) == count
        after = found.position or after
        if last and not found.objects:
            return seen


def test_a_follower_of_a_collection_misses_and_repeats_nothing(
    bloc: Bloc, streaming: Streaming
) -> None:
    giver = bloc["XA"]
    name = f"c{secrets.token_hex(4)}"
    giver.run("collections", "create", name)
    token = giver.run("token", "create", "--user", "admin", "--grant", f"{name}=rw")["secret"]
    headers = {"authorization": f"Bearer {token}", "accept": TAXII, "content-type": TAXII}
    root = f"http://127.0.0.1:{giver.port}/tools/collections/"
    with httpx.Client(headers=headers, timeout=60, trust_env=False) as client:
        [found] = client.get(root).json()["collections"]
        url = f"{root}{found['id']}/objects/"
        over = threading.Event()
        statuses: list[int] = []

        def post(writer: int) -> None:
            with httpx.Client(headers=headers, timeout=60, trust_env=False) as own:
                for number in range(25):
                    objects = [sign(f"{name} {writer} {number} {each}") for each in range(4)]
                    answer = own.post(url, content=json.dumps({"objects": objects}))
                    statuses.append(answer.status_code)

        def write() -> None:
            writers = [threading.Thread(target=post, args=(each,)) for each in range(3)]
            for each in writers:
                each.start()
            for each in writers:
                each.join()
            over.set()

        thread = threading.Thread(target=write)
        seen: list[str] = []
        query = {"limit": "7"}
        with troubled(streaming):
            thread.start()
            while True:
                last = over.is_set()
                answer = client.get(url, params=query)
                assert answer.status_code == 200, answer.text
                got = answer.json()
                seen += [each["id"] for each in got.get("objects", [])]
                if got.get("more"):
                    query = {"limit": "7", "next": got["next"]}
                    continue
                if got.get("objects"):
                    query = {
                        "limit": "7",
                        "added_after": answer.headers["x-taxii-date-added-last"],
                    }
                elif last:
                    break
            thread.join(60)
    assert set(statuses) == {202}
    assert len(seen) == len(set(seen)) == 300


def test_what_was_erased_is_not_served_by_a_replica_that_has_it_still(
    bloc: Bloc, streaming: Streaming
) -> None:
    giver = bloc["XA"]
    [row] = giver.hold([sign(f"erased {secrets.token_hex(4)}")])
    giver.disclose([row], "XB")
    bloc["XB"].pull("XA")
    streaming.caught_up()
    streaming.pause(paused=True)
    node = giver.wired.node
    erase(node, giver.actor, row.key.object_id, order="order 7", reason="an order of the court")
    with reading(node.database) as both:
        assert both.copy is None
    streaming.pause(paused=False)
    streaming.caught_up()
    with reading(node.database) as both:
        assert both.copy is not None
