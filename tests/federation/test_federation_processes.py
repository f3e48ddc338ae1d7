"""One node as several processes: nothing is lost, one leads, a dead one forks nothing.

XA serves with three processes behind one port, XB takes what it is given. Which process answers is
chosen by stopping the others (SIGSTOP); which one leads is read from the system's list of locks, or
from the lease in the database. All of it runs on SQLite and on PostgreSQL.
"""

from __future__ import annotations

import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from foedus.exchange.http_signature import SignableRequest, sign_request
from foedus.exchange.lane_names import lane_objects_path
from foedus.ledger import CHECKPOINT_PATH, parse_checkpoint
from foedus.model.identifiers import MemberId
from foedus.node.lead import LEASE_S
from foedus.signing.note import split_note
from foedus.store.postgres.lease import PostgresLeases
from foedus.store.postgres.side import SideConnection

if TYPE_CHECKING:
    from tests.federation.conftest import Bloc, NodeProcess

PROCESSES = 3
WRITERS = 4
POSTS = 12
PATIENCE_S = 30
"""How long something may take on a busy machine; what it takes on an idle one is in the docs."""

TAXII = "application/taxii+json;version=2.1"
_SPACE = uuid.UUID("0d7c3a62-6f0e-4d39-9a41-6b6f0c1e2a55")


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


def children(process: subprocess.Popen[bytes]) -> set[int]:
    """Return the process ids of the children."""
    path = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return {int(each) for each in path.read_text().split()}


def leader(node: NodeProcess) -> int | None:
    """Return which process leads."""
    if node.database_url:
        return _lease_holder(node)
    inode = (node.data / "locks" / "serving").stat().st_ino
    for line in Path("/proc/locks").read_text().splitlines():
        parts = line.split()
        if parts[1] == "FLOCK" and parts[3] == "WRITE" and parts[5].endswith(f":{inode}"):
            return int(parts[4])
    return None


def _lease_holder(node: NodeProcess) -> int | None:
    """Return which process holds the lease now."""
    row = leases(node).row()
    return None if row is None or not row.live else int(row.holder.partition("-")[0])


def leases(node: NodeProcess) -> PostgresLeases:
    """Return the lease of a node, over a connection of the test's own."""
    if node.member not in _LEASES:
        _LEASES[node.member] = PostgresLeases(SideConnection(node.database_url))
    return _LEASES[node.member]


_LEASES: dict[str, PostgresLeases] = {}


def awaited(what: Callable[[], Any], within_s: float, why: str) -> float:
    """Wait until something holds; return how long it took, in seconds."""
    begun = time.monotonic()
    while time.monotonic() - begun < within_s:
        if what():
            return time.monotonic() - begun
        time.sleep(0.02)
    pytest.fail(why)


@contextmanager
def only(process: subprocess.Popen[bytes], chosen: int) -> Iterator[None]:
    """Let one child alone answer while the block runs."""
    others = children(process) - {chosen}
    for other in others:
        os.kill(other, signal.SIGSTOP)
    try:
        yield
    finally:
        for other in others:
            os.kill(other, signal.SIGCONT)


def published(node: NodeProcess) -> int:
    """Return the size of the head that stands in the files of a node; -1 before the first."""
    path = node.data / "ledger" / CHECKPOINT_PATH
    if not path.exists():
        return -1
    return parse_checkpoint(split_note(path.read_bytes())[0]).size


def entries(node: NodeProcess) -> int:
    with node.wired.node.database.read() as tx:
        return tx.ledger.count()


def serve_many(node: NodeProcess, processes: int = PROCESSES) -> subprocess.Popen[bytes]:
    """Serve a node with several processes."""
    before = set() if node.server is None else children(node.server)
    node.kill()
    awaited(
        lambda: not any(Path(f"/proc/{pid}").exists() for pid in before),
        PATIENCE_S,
        "a process outlived its parent",
    )
    node.server = node.popen("serve", "--processes", str(processes))
    node.await_start()
    assert node.server is not None
    awaited(
        lambda: len(children(node.server)) == processes if node.server else False,
        PATIENCE_S,
        "the processes did not start",
    )
    return node.server


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def bloc(request: pytest.FixtureRequest, make_bloc: Callable[[], Bloc]) -> Iterator[Bloc]:
    made = make_bloc()
    databases = {}
    if request.param == "postgres":
        databases["XA"] = request.getfixturevalue("databases").take()
    made.found("XA", "XB", databases=databases)
    yield made
    made.stop_all()
    while _LEASES:
        _LEASES.popitem()[1].close()
    for address in databases.values():
        request.getfixturevalue("databases").give_back(address)


@pytest.fixture
def many(bloc: Bloc) -> subprocess.Popen[bytes]:
    return serve_many(bloc["XA"])


def test_they_start_together_and_end_together(bloc: Bloc) -> None:
    node = bloc["XA"]
    process = serve_many(node)
    pids = children(process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)
    node.server = None


def test_one_that_dies_is_replaced(bloc: Bloc, many: subprocess.Popen[bytes]) -> None:
    before = children(many)
    victim = sorted(before)[1]
    os.kill(victim, signal.SIGKILL)
    awaited(
        lambda: len(children(many)) == PROCESSES and victim not in children(many),
        PATIENCE_S,
        "no other process took its place",
    )
    assert httpx.get(f"http://127.0.0.1:{bloc['XA'].port}/health").status_code == 200


def test_children_end_with_their_parent_however_it_ends(bloc: Bloc) -> None:
    node = bloc["XA"]
    process = serve_many(node)
    pids = children(process)
    node.kill()
    awaited(
        lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids),
        PATIENCE_S,
        "a child outlived its parent",
    )


@pytest.mark.usefixtures("many")
def test_a_follower_of_the_shared_port_loses_nothing(bloc: Bloc) -> None:
    giver, taker = bloc["XA"], bloc["XB"]
    token = giver.run("token", "create", "--user", "admin", "--scope", "write")["secret"]
    label = secrets.token_hex(4)
    failed: list[str] = []

    def post(writer: int) -> None:
        """Post to drafts, each time over a connection of its own."""
        for number in range(POSTS):
            body = json.dumps({"objects": [sign(f"{label} {writer} {number}")]})
            answer = httpx.post(
                base,
                content=body,
                headers={
                    "authorization": f"Bearer {token}",
                    "content-type": TAXII,
                    "accept": TAXII,
                },
                timeout=30,
            )
            if answer.status_code != 202:
                failed.append(f"{answer.status_code} {answer.text[:200]}")

    base = _drafts_url(giver, token)
    threads = [threading.Thread(target=post, args=(each,)) for each in range(WRITERS)]
    for thread in threads:
        thread.start()
    given = 0
    while any(thread.is_alive() for thread in threads) or given < 3:
        rows = giver.hold([sign(f"{label} given {given} {each}") for each in range(5)])
        giver.disclose(rows, "XB")
        given += 1
        report = taker.pull("XA")
        assert not any(lane.fault for lane in report.lanes), report.lanes
    for thread in threads:
        thread.join(60)
    assert not failed, failed[:3]
    taker.pull("XA")
    with giver.wired.node.database.read() as tx:
        lane = tx.feeds.lane(taker.member, "bulk")
    with taker.wired.node.database.read() as tx:
        cursor = tx.inbox.cursor(giver.member, "bulk")
    assert (cursor.count, cursor.digest) == (lane.count, lane.digest)
    seen = _drafts_followed(base, token)
    wanted = {sign(f"{label} {w} {n}")["id"] for w in range(WRITERS) for n in range(POSTS)}
    assert wanted <= set(seen)
    assert len(seen) == len(set(seen))


def _drafts_url(node: NodeProcess, token: str) -> str:
    """Return where the objects of the collection of drafts are."""
    root = f"http://127.0.0.1:{node.port}/tools/"
    found = httpx.get(
        f"{root}collections/",
        headers={"authorization": f"Bearer {token}", "accept": TAXII},
        timeout=30,
    ).json()
    [drafts] = [each["id"] for each in found["collections"] if each.get("alias") == "drafts"]
    return f"{root}collections/{drafts}/objects/"


def _drafts_followed(base: str, token: str) -> list[str]:
    """Follow the collection from its start in small pages, each over a connection of its own."""
    found: list[str] = []
    query: dict[str, str] = {"limit": "7"}
    for _ in range(1000):
        page = httpx.get(
            base,
            params=query,
            headers={"authorization": f"Bearer {token}", "accept": TAXII},
            timeout=30,
        ).json()
        found += [each["id"] for each in page.get("objects", [])]
        if not page.get("more"):
            return found
        query = {"limit": "7", "next": page["next"]}
    pytest.fail("the collection has no end")


def test_when_the_leader_is_killed_another_leads_within_seconds(
    bloc: Bloc, many: subprocess.Popen[bytes]
) -> None:
    giver, taker = bloc["XA"], bloc["XB"]
    awaited(lambda: leader(giver) in children(many), PATIENCE_S, "nobody leads")
    for turn in range(3):
        first = leader(giver)
        assert first is not None
        rows = giver.hold([sign(f"before {turn} {secrets.token_hex(4)}")])
        giver.disclose(rows, "XB")
        os.kill(first, signal.SIGKILL)
        awaited(lambda: leader(giver) not in {None, first}, PATIENCE_S, "nobody led on")  # noqa: B023
        giver.disclose(giver.hold([sign(f"after {turn} {secrets.token_hex(4)}")]), "XB")
        awaited(lambda: published(giver) == entries(giver), PATIENCE_S, "the log stood still")
        report = taker.pull("XA")  # checks that each head contains the one before
        assert not any(lane.fault for lane in report.lanes), report.lanes
        assert not taker.alarms()
    assert giver.run("ledger", "audit")["exit"] == 0


def test_a_command_beside_them_leaves_publication_to_the_leader(
    bloc: Bloc, many: subprocess.Popen[bytes]
) -> None:
    giver = bloc["XA"]
    awaited(lambda: leader(giver) in children(many), PATIENCE_S, "nobody leads")
    chosen = leader(giver)
    assert chosen is not None
    rows = giver.hold([sign(f"left {secrets.token_hex(4)}")])
    awaited(lambda: published(giver) == entries(giver), PATIENCE_S, "the log stood still")
    before = published(giver)
    os.kill(chosen, signal.SIGSTOP)
    try:
        giver.disclose(rows, "XB")
        time.sleep(0.5)
        assert published(giver) == before < entries(giver)
    finally:
        os.kill(chosen, signal.SIGCONT)
    awaited(lambda: published(giver) == entries(giver), PATIENCE_S, "the log stood still")


def test_a_signed_request_replayed_to_another_process_is_refused(
    bloc: Bloc, many: subprocess.Popen[bytes]
) -> None:
    giver, taker = bloc["XA"], bloc["XB"]
    path = lane_objects_path(MemberId("XA"), MemberId("XB"), "bulk")
    headers = sign_request(
        SignableRequest(method="GET", path=path, query="", body=b""),
        audience=MemberId("XA"),
        key=taker.wired.node.identity.node,
        at=datetime.now(UTC),
        nonce=secrets.token_bytes(16),
    )

    def asked() -> int:
        connection = http.client.HTTPConnection("127.0.0.1", giver.port, timeout=20)
        try:
            connection.request("GET", path, headers={**headers, "accept": TAXII})
            return connection.getresponse().status
        finally:
            connection.close()

    statuses = []
    for chosen in sorted(children(many)):
        with only(many, chosen):
            statuses.append(asked())
    assert statuses == [200, 401, 401]


def test_a_leader_that_was_stopped_signs_nothing_once_another_leads(
    bloc: Bloc, many: subprocess.Popen[bytes]
) -> None:
    giver, taker = bloc["XA"], bloc["XB"]
    if not giver.database_url:
        pytest.skip("a lock file is not taken from a process that is stopped")
    awaited(lambda: leader(giver) in children(many), PATIENCE_S, "nobody leads")
    first = leader(giver)
    assert first is not None
    before = leases(giver).row()
    assert before is not None
    giver.disclose(giver.hold([sign(f"unsigned {secrets.token_hex(4)}")]), "XB")
    os.kill(first, signal.SIGSTOP)
    try:
        awaited(lambda: leader(giver) not in {None, first}, LEASE_S + PATIENCE_S, "nobody led on")
        giver.disclose(giver.hold([sign(f"meanwhile {secrets.token_hex(4)}")]), "XB")
        awaited(lambda: published(giver) == entries(giver), PATIENCE_S, "the log stood still")
    finally:
        os.kill(first, signal.SIGCONT)
    origin = giver.wired.node.identity.log_origin
    for _ in range(20):  # while the first one is awake again, and others write
        giver.disclose(giver.hold([sign(f"after {secrets.token_hex(4)}")]), "XB")
        awaited(lambda: published(giver) == entries(giver), PATIENCE_S, "the log stood still")
    after, shared = leases(giver).row(), leases(giver).head(origin)
    assert after is not None
    assert shared is not None
    assert after.fence > before.fence
    assert after.holder != before.holder
    assert first in children(many)
    assert shared.head.size == entries(giver)
    report = taker.pull("XA")
    assert not any(lane.fault for lane in report.lanes), report.lanes
    assert giver.run("ledger", "audit")["exit"] == 0


def second_machine(node: NodeProcess, port: int) -> NodeProcess:
    """Make another machine of a node: the same settings, keys and database, files of its own."""
    data = node.data.with_name(f"{node.data.name}-2")
    for name in ("guard", "locks"):
        (data / name).mkdir(mode=0o700, parents=True)
    shutil.copytree(node.data / "keys", data / "keys")
    text = (node.data / "foedus.toml").read_text()
    (data / "foedus.toml").write_text(text.replace(f"port = {node.port}\n", f"port = {port}\n"))
    return replace(node, data=data, port=port, server=None, opened=None)


def shown(node: NodeProcess, taker: NodeProcess) -> int:
    """Return the size of the head that a machine's server shows to a member."""
    path = f"/ledger/{CHECKPOINT_PATH}"
    headers = sign_request(
        SignableRequest(method="GET", path=path, query="", body=b""),
        audience=MemberId("XA"),
        key=taker.wired.node.identity.node,
        at=datetime.now(UTC),
        nonce=secrets.token_bytes(16),
    )
    answer = httpx.get(f"http://127.0.0.1:{node.port}{path}", headers=headers, timeout=30)
    assert answer.status_code == 200, answer.text
    return parse_checkpoint(split_note(answer.content)[0]).size


def test_of_two_machines_one_leads_and_the_other_goes_on(
    make_bloc: Callable[[], Bloc], databases: Any
) -> None:
    bloc = make_bloc()
    address = databases.take()
    bloc.found("XA", "XB", lined=["XA"], databases={"XA": address})
    first, taker = bloc["XA"], bloc["XB"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    second = second_machine(first, port)
    try:
        second.serve()
        rows = first.hold([sign(f"two machines {secrets.token_hex(4)}")])
        first.disclose(rows, "XB")
        # The one that does not lead derives the same files and shows the same head.
        assert shown(second, taker) == shown(first, taker) == entries(first)
        for leading, other in ((first, second), (second, first)):
            leading.kill()
            if other.server is None:
                other.serve()
            bloc.lines["XA"].target = other.port
            before = entries(other)
            other.disclose(other.hold([sign(f"alone {secrets.token_hex(4)}")]), "XB")
            assert entries(other) > before
            awaited(lambda: published(other) == entries(other), PATIENCE_S, "nobody led on")  # noqa: B023
            assert shown(other, taker) == entries(other)
            report = taker.pull("XA")
            assert not any(lane.fault for lane in report.lanes), report.lanes
            assert not taker.alarms()
        assert first.run("ledger", "audit")["exit"] == 0
    finally:
        second.end()
        bloc.stop_all()
        while _LEASES:
            _LEASES.popitem()[1].close()
        databases.give_back(address)
