"""Members witness one another's logs: real nodes, real processes, HTTP on loopback."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from foedus.ledger import (
    CHECKPOINT_PATH,
    AddCheckpoint,
    Checkpoint,
    ConsistencyProof,
    CosignatureVerifier,
    consistency_from_tiles,
    format_add_checkpoint,
    open_cosigned,
    root_from_tiles,
    sign_checkpoint,
    verify_fork,
)
from foedus.model.identifiers import MemberId
from foedus.node.identity import witness_name
from foedus.node.lawbook import read_credence
from foedus.signing import NoteSigner, NoteVerifier
from foedus.store.mirrors import MirrorDirectory

if TYPE_CHECKING:
    from tests.federation.conftest import Answer, Bloc, NodeProcess

XA, XB, XC, XD = (MemberId(each) for each in ("XA", "XB", "XC", "XD"))
PATIENCE_S = 20.0


def sign(number: int) -> dict[str, Any]:
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--00000000-0000-4000-b000-{number:012d}",
        "created": "2026-11-20T08:00:00.000Z",
        "modified": "2026-11-20T08:00:00.000Z",
        "name": f"sign {number}",
        "indicator_types": ["malicious-activity"],
        "pattern": f"[domain-name:value = 'witness-{number}.example']",
        "pattern_type": "stix",
        "valid_from": "2026-11-20T08:00:00Z",
    }


def eventually(holds: Callable[[], bool], *, within: float = PATIENCE_S) -> None:
    """Wait for what another process is about to do."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)


def entries(node: NodeProcess) -> int:
    with node.wired.database.read() as tx:
        return tx.ledger.count()


def cosigned(node: NodeProcess) -> dict[MemberId, int]:
    """Return how much of a node's log each member cosigned, as the node knows."""
    with node.wired.database.read() as tx:
        return {member: row.size for member, row in tx.witness.witnesses().items()}


def vouched_for(node: NodeProcess, origin: str) -> int:
    """Return how much of a log a node cosigned, by its own store."""
    with node.wired.database.read() as tx:
        found = tx.witness.cosigned(origin)
    return 0 if found is None else found.size


def verifiers(*nodes: NodeProcess) -> list[CosignatureVerifier]:
    found = []
    for node in nodes:
        key = node.wired.node.identity.witness
        assert key is not None
        found.append(CosignatureVerifier(witness_name(node.member), key.public))
    return found


def log_key(node: NodeProcess) -> NoteVerifier:
    identity = node.wired.node.identity
    return NoteVerifier(name=identity.log_origin, key=identity.log.public)


class _Log:
    """A member's real log, and any head of it, as somebody who has its key could show them."""

    def __init__(self, node: NodeProcess) -> None:
        identity = node.wired.node.identity
        self.origin = identity.log_origin
        # Reads at every size, published or not: a wider partial tile begins with the same hashes.
        self._files = MirrorDirectory(node.wired.settings.ledger)
        self._signer = NoteSigner(identity.log_origin, identity.log)

    def request(self, old: int, size: int) -> bytes:
        head = Checkpoint(self.origin, size, root_from_tiles(self._files, size))
        proof = ConsistencyProof(())
        if 0 < old < size:
            proof = consistency_from_tiles(self._files, old, size)
        return format_add_checkpoint(
            AddCheckpoint(old_size=old, proof=proof, checkpoint=sign_checkpoint(head, self._signer))
        )


def grow(node: NodeProcess, count: int) -> None:
    """Give a log entries of its own; what they commit to does not matter here."""
    wired = node.wired
    with wired.database.write() as tx:
        for _ in range(count):
            tx.ledger.append(
                wired.node.random(32), salt=bytes(32), record=b"{}", at=wired.node.clock.now()
            )
    wired.node.publish()


def ask(port: int, body: bytes, *, timeout: float = 10) -> httpx.Response:
    return httpx.post(
        f"http://127.0.0.1:{port}/witness/add-checkpoint",
        content=body,
        timeout=timeout,
        trust_env=False,
    )


def shown(port: int, origin: str) -> httpx.Response:
    name = hashlib.sha256(origin.encode()).hexdigest()
    return httpx.get(
        f"http://127.0.0.1:{port}/witness/{name}/checkpoint", timeout=10, trust_env=False
    )


@pytest.fixture(scope="module")
def bloc(make_bloc: Callable[[], Bloc]) -> Bloc:
    made: Bloc = make_bloc()
    made.found("XA", "XB", "XC", proxied=("XC",))
    return made


@pytest.fixture(autouse=True)
def _up(bloc: Bloc) -> Iterator[None]:
    yield
    for node in bloc.nodes.values():
        if node.server is None:
            node.serve()


def all_witnessed(node: NodeProcess, *by: MemberId) -> bool:
    found = cosigned(node)
    return all(found.get(member, 0) == entries(node) for member in by)


def test_members_that_serve_cosign_each_other_without_being_told(bloc: Bloc) -> None:
    for node in bloc.nodes.values():
        others = [other.member for other in bloc.nodes.values() if other is not node]
        eventually(lambda node=node, others=others: all_witnessed(node, *others))  # type: ignore[misc]


def test_the_published_head_carries_the_cosignatures_and_status_tells_of_them(bloc: Bloc) -> None:
    giver = bloc["XA"]
    eventually(lambda: all_witnessed(giver, XB, XC))
    witnesses = verifiers(bloc["XB"], bloc["XC"])

    def both() -> bool:
        note = giver.wired.ledger.read(CHECKPOINT_PATH)
        _, said = open_cosigned(note, log_key(giver), witnesses)
        return len(said) == 2

    eventually(both)
    status = giver.run("ledger", "status")
    assert status["head"]["size"] == status["entries"] == entries(giver)
    assert status["unwitnessed"]["entries"] == 0
    assert {each["member"]: each["size"] for each in status["witnesses"]} == {
        "XB": entries(giver),
        "XC": entries(giver),
    }
    assert status["forks"] == []
    with giver.wired.database.read() as tx:
        best = tx.witness.best_note(entries(giver) - 1, [XB, XC], 2)
        assert best is not None
        assert len(open_cosigned(best, log_key(giver), witnesses)[1]) == 2


def test_an_entry_is_witnessed_by_all_soon_after_it_is_made(bloc: Bloc) -> None:
    giver = bloc["XA"]
    took = []
    for number in range(10):
        rows = giver.hold([sign(100 + number)])
        started = time.monotonic()
        giver.disclose(rows, "XB")
        eventually(lambda: all_witnessed(giver, XB, XC))
        took.append(time.monotonic() - started)
    print(f"disclosed to witnessed by both: median {sorted(took)[5]:.3f} s, worst {max(took):.3f}")
    assert sorted(took)[5] < 5


def test_a_witness_that_is_down_or_hangs_delays_neither_disclosure_nor_the_others(
    bloc: Bloc,
) -> None:
    giver, proxy = bloc["XA"], bloc.proxies["XC"]
    eventually(lambda: all_witnessed(giver, XB, XC))
    before = cosigned(giver)[XC]

    def hang(answer: Answer) -> Answer:
        time.sleep(8)
        return answer

    proxy.only_path("/witness/add-checkpoint", hang)
    rows = giver.hold([sign(200), sign(201)])
    started = time.monotonic()
    [given] = giver.disclose(rows[:1], "XB")
    assert given.given == 1
    assert time.monotonic() - started < 3
    eventually(lambda: all_witnessed(giver, XB), within=6)
    assert cosigned(giver)[XC] == before
    proxy.tamper = lambda answer: answer
    bloc["XC"].kill()
    [given] = giver.disclose(rows[1:], "XB")
    assert given.given == 1
    eventually(lambda: all_witnessed(giver, XB), within=6)
    bloc["XC"].serve()
    giver.run("ledger", "witness", "XC")
    eventually(lambda: all_witnessed(giver, XB, XC))


def test_a_witness_that_stored_and_died_before_it_answered_never_goes_back(bloc: Bloc) -> None:
    giver, witness, proxy = bloc["XA"], bloc["XC"], bloc.proxies["XC"]
    eventually(lambda: all_witnessed(giver, XB, XC))
    origin = log_key(giver).name
    before = vouched_for(witness, origin)
    died = threading.Event()

    def die(answer: Answer) -> Answer:
        assert answer.status == 200
        witness.kill()
        died.set()
        raise OSError("the line broke")

    proxy.only_path("/witness/add-checkpoint", die)
    giver.disclose(giver.hold([sign(300)]), "XB")
    assert died.wait(PATIENCE_S)
    proxy.tamper = lambda answer: answer
    size = vouched_for(witness, origin)
    assert size > before  # stored, and nobody was told
    assert cosigned(giver)[XC] == before
    witness.serve()
    stale = ask(witness.port, _Log(giver).request(before, entries(giver)))
    assert (stale.status_code, stale.text) == (409, f"{size}\n")
    assert stale.headers["content-type"] == "text/x.tlog.size"
    giver.run("ledger", "witness")
    eventually(lambda: all_witnessed(giver, XB, XC))


def test_racing_requests_and_kills_at_any_moment_never_make_a_witness_go_back(
    make_bloc: Callable[[], Bloc],
) -> None:
    bloc: Bloc = make_bloc()
    for member in ("XE", "XF"):
        bloc.add(member)
    bloc.introduce_all()
    owner, witness = bloc["XE"], bloc["XF"]
    grow(owner, 120)
    log, last = _Log(owner), entries(owner)
    told: list[tuple[int, int]] = []
    seen: list[int] = []
    stop = threading.Event()
    second = _second_server(witness)
    witness.serve()
    ports = [witness.port, second.port]

    def press(seed: int) -> None:
        old = 0
        while not stop.is_set():
            size = min(last, old + 1 + seed % 5)
            if size <= old:
                return
            with suppress(httpx.HTTPError):
                answer = ask(ports[seed % 2], log.request(old, size))
                if answer.status_code == 200:
                    told.append((old, size))
                    old = size
                elif answer.status_code == 409:
                    old = int(answer.text)
                else:
                    assert answer.status_code in {422, 503}, answer.text

    def watch() -> None:
        while not stop.is_set():
            with suppress(httpx.HTTPError):
                answer = shown(second.port, log.origin)
                if answer.status_code == 200:
                    seen.append(int(answer.text.split("\n")[1]))
            time.sleep(0.05)

    with ThreadPoolExecutor(5) as pool:
        running = [pool.submit(press, seed) for seed in range(4)]
        watching = pool.submit(watch)
        try:
            for _ in range(3):
                time.sleep(0.4)
                witness.kill()  # at whatever moment
                best = max((size for _, size in told), default=0)
                witness.serve()
                assert int(shown(witness.port, log.origin).text.split("\n")[1]) >= best
            for each in running:
                each.result(timeout=180)
        finally:
            stop.set()
            watching.result(timeout=30)
            second.end()
    assert seen == sorted(seen)
    # One at a time, each from the size the one before left: nobody was cosigned twice from one.
    olds = sorted(old for old, _ in told)
    assert len(olds) == len(set(olds)), "two different heads were cosigned on top of one"
    assert vouched_for(witness, log.origin) == last


class _Second:
    """Another server process on the same data directory, on another port."""

    def __init__(self, node: NodeProcess, port: int) -> None:
        self.port = port
        self._server: subprocess.Popen[bytes] = node.popen("serve", "--port", str(port))

    def end(self) -> None:
        self._server.kill()
        self._server.wait(30)


def _second_server(node: NodeProcess) -> _Second:
    second = _Second(node, _free_port())
    eventually(lambda: _answers(second.port))
    return second


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


def _free_port() -> int:
    import socket  # noqa: PLC0415

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def test_what_a_witness_refuses(bloc: Bloc) -> None:
    giver, witness = bloc["XA"], bloc["XB"]
    eventually(lambda: all_witnessed(giver, XB))
    giver.kill()
    log, size = _Log(giver), entries(giver)
    good = log.request(size, size)
    again = ask(witness.port, good)
    assert again.status_code == 200
    assert ask(witness.port, good).content == again.content  # nothing was written for it
    head = good.partition(b"\n\n")[2]
    cases = [
        (b"", 400),
        (b"old 1\n\n" + b"x" * 70_000, 413),
        (f"old {size + 1}\n\n".encode() + head, 400),
        (good.replace(log.origin.encode(), b"nowhere.example/log"), 404),
        (_resigned(good), 403),
        (log.request(0, size), 409),
        (log.request(size - 1, size), 409),
        (f"old {size}\n".encode() + b"A" * 43 + b"=\n\n" + head, 422),
    ]
    for body, status in cases:
        assert ask(witness.port, body).status_code == status, body[:80]
    assert shown(witness.port, "nowhere.example/log").status_code == 404
    assert f"\n{size}\n".encode() in shown(witness.port, log.origin).content


def _resigned(request: bytes) -> bytes:
    """Return a request whose one signature is spoiled."""
    head, _, last = request.rpartition(b" ")
    other = b"A" if last[40:41] != b"A" else b"B"
    return head + b" " + last[:40] + other + last[41:]


# A member that forks: two copies of one data directory, guard and all.


@pytest.fixture(scope="module")
def twins(
    make_bloc: Callable[[], Bloc], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Bloc, NodeProcess]]:
    """XA told XB one history and XC another; then both copies of it went away.

    Yields the bloc, and the copy with the longer history.
    """
    bloc: Bloc = make_bloc()
    bloc.found("XA", "XB", "XC", "XD", proxied=("XA",))
    liar, proxy = bloc["XA"], bloc.proxies["XA"]
    liar.hold([sign(1), sign(2)])
    for node in bloc.nodes.values():
        node.kill()  # so that no witness is asked, and each hears in its own pulls only
    liar.close()
    copied = tmp_path_factory.mktemp("copy") / "XA"
    shutil.copytree(liar.data, copied)
    twin = _twin(liar, copied)
    for node, other, number in ((liar, XB, 1), (twin, XC, 2)):
        row = next(row for row in _held(node) if row.key.object_id == sign(number)["id"])
        [given] = node.disclose([row], other)
        assert given.given == 1
        if node is twin:
            grow(node, 3)  # so that the heads are of two sizes, which needs a path
        node.serve()
        proxy.target = node.port
        report = bloc[other].pull("XA")
        assert not any(lane.fault for lane in report.lanes)
        assert report.heads.asked
        assert report.heads.forks == ()  # each copy by itself is beyond reproach
        node.end()
    for node in bloc.nodes.values():
        if node is not liar:
            node.serve()
    yield bloc, twin
    twin.end()


@pytest.fixture
def forked(twins: tuple[Bloc, NodeProcess]) -> Bloc:
    return twins[0]


def _twin(node: NodeProcess, data: Path) -> NodeProcess:
    made = type(node)(member=node.member, data=data, port=_free_port(), advertised=node.advertised)
    settings = data / "foedus.toml"
    text = settings.read_text()
    settings.write_text(text.replace(f"port = {node.port}\n", f"port = {made.port}\n"))
    return made


def _held(node: NodeProcess) -> Sequence[Any]:
    from foedus.node.ports import ItemFilter  # noqa: PLC0415

    with node.wired.database.read() as tx:
        return list(tx.items.page(ItemFilter(), after=None, limit=100))


def test_a_fork_is_found_once_two_members_compare_heads_and_everybody_hears_of_it(
    forked: Bloc, tmp_path: Path
) -> None:
    assert ("log-fork", "XA") not in forked["XB"].alarms()
    report = forked["XB"].pull("XC")
    [fork] = report.heads.forks
    assert fork.member == XA
    assert fork.smaller < fork.larger
    for member in ("XB", "XC", "XD"):
        assert ("log-fork", "XA") in forked[member].alarms(), member
    listed = forked["XD"].run("ledger", "forks", "-o", str(tmp_path), expect=7)
    [one] = listed["forks"]
    assert one["member"] == "XA"
    proof = Path(one["file"]).read_bytes()
    letter = read_credence(forked["XA"].letter())
    found = verify_fork(proof, NoteVerifier(name=letter.log_origin, key=letter.log))
    assert (found.smaller.size, found.larger.size) == (fork.smaller, fork.larger)
    path = tmp_path / "letter.json"
    path.write_bytes(forked["XA"].letter())
    forked["XA"].close()
    stranger = forked["XD"]
    stranger.run("verify", one["file"], "--letter", str(path))


def test_releases_to_the_forker_stop_and_all_else_goes_on(
    twins: tuple[Bloc, NodeProcess],
) -> None:
    forked, twin = twins
    giver = forked["XC"]
    rows = giver.hold([sign(50)])
    outcomes = {each.recipient: each for each in giver.disclose(rows)}
    assert outcomes[XB].given == outcomes[XD].given == 1
    assert outcomes[XA].given == 0
    assert len(outcomes[XA].withheld) == 1
    twin.serve()
    forked.proxies["XA"].target = twin.port
    report = giver.pull("XA")
    assert not report.unreachable
    assert not any(lane.fault for lane in report.lanes)
    assert report.confirmed  # what it sends is still acknowledged
    assert not twin.pull("XC").unreachable  # and it still gets law and orders


def test_nobody_is_accused_by_what_proves_nothing(forked: Bloc) -> None:
    honest, target = forked["XC"], forked["XD"]
    with honest.wired.database.read() as tx:
        notes = [head.note for head in tx.witness.all_heard()]
    client = honest.wired.client
    from foedus.node.endpoints import endpoint_of  # noqa: PLC0415
    from foedus.node.peer_ports import PeerError  # noqa: PLC0415

    with honest.wired.database.read() as tx:
        peer = endpoint_of(tx, honest.wired.node, XD)
    false = b"foedus/v1/fork\nnotes %d %d\n\n" % (len(notes[0]), len(notes[0])) + notes[0] * 2
    for proof in (b"x", false):
        with pytest.raises(PeerError):
            client.deliver_fork(peer, proof)
    assert {code for code, _ in target.alarms()} <= {"log-fork"}
    assert {subject for _, subject in target.alarms()} == {"XA"}
