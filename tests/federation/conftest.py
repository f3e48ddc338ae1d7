"""A bloc of real nodes: separate data directories, real processes, real HTTP on loopback.

What a test is about goes through the command line or a server process of its own. What merely
prepares it is done in this process, on the same data directories, since a command takes half a
second to start. A tampering proxy can stand at a node's advertised address.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from foedus.access import Actor
from foedus.canonical import parse_json
from foedus.compose import Wired, create_node, open_node
from foedus.exchange.lane_names import lane_objects_path
from foedus.intake.limits import DEFAULT_LIMITS
from foedus.model.bundles import split_bundle
from foedus.model.identifiers import ArticleId, MemberId, TreatyId
from foedus.model.markings import TLP
from foedus.model.terms import CategoryOfPerson, InformationGrade, SourceGrade
from foedus.node.context import actor_of
from foedus.node.disclose import Disclosed, disclose
from foedus.node.introduce import accept_peer, letter_of_credence
from foedus.node.lawbook import read_credence
from foedus.node.ports import Alarm, ItemRow, QuarantineRow
from foedus.node.preview import Wish
from foedus.node.pull import LaneReport, PullReport, pull
from foedus.node.ratify import adopt, ratify, sign
from foedus.node.reconcile import Figures, figures
from foedus.node.submit import Submission, submit
from foedus.node.vouch import TermsOffer, vouch
from foedus.settings import Environment, Settings, load_settings
from foedus.treaty.articles import Party
from foedus.treaty.drafting import fill_parties, sample_text

START_TRIES: Final = 400
USER: Final = "admin"
_NAMES: Final = uuid.UUID("6f1d2f3e-27a7-4b5e-9d0c-5a2f1f0e8c11")
_DATE: Final = "2026-11-20T08:00:00.000Z"
OFFER: Final = TermsOffer(
    treaties=frozenset(),
    purposes=frozenset({"prevention", "investigation"}),
    legal_basis="Act 1, section 2",
    offence="attack-planning",
    person=CategoryOfPerson.NONE,
    tlp=TLP.GREEN,
    handling=frozenset(),
    source=SourceGrade("B"),
    information=InformationGrade("2"),
    review=None,
    expiry=None,
    neutrality_reason="technical signs only",
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def stix(object_type: str, label: str, **properties: Any) -> dict[str, Any]:
    """Return a STIX domain object whose id follows from its label."""
    return {
        "type": object_type,
        "spec_version": "2.1",
        "id": f"{object_type}--{uuid.uuid5(_NAMES, object_type + label)}",
        "created": _DATE,
        "modified": _DATE,
        **properties,
    }


def indicator(name: str, **properties: Any) -> dict[str, Any]:
    """Return an indicator of one domain under a reserved name; no personal data."""
    return stix(
        "indicator",
        name,
        name=name,
        indicator_types=["malicious-activity"],
        pattern=f"[domain-name:value = '{uuid.uuid5(_NAMES, name).hex[:12]}.example']",
        pattern_type="stix",
        valid_from="2026-11-20T08:00:00Z",
        **properties,
    )


def bundle(objects: Sequence[Mapping[str, Any]]) -> bytes:
    """Return a STIX bundle as a file's bytes."""
    identifier = f"bundle--{uuid.uuid5(_NAMES, str(len(objects)))}"
    return json.dumps({"type": "bundle", "id": identifier, "objects": list(objects)}).encode()


@dataclass(frozen=True)
class ShiftedClock:
    """The machine's clock, so many seconds off."""

    seconds: float

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.seconds)


@dataclass
class NodeProcess:
    """One member's node: its data directory, its server when it runs, and the store opened here."""

    member: MemberId
    data: Path
    port: int
    advertised: int
    server: subprocess.Popen[bytes] | None = None
    opened: Wired | None = None
    shift_s: float = 0.0
    secure: bool = False
    database_url: str = ""
    replica_url: str = ""

    # The node as its people see it: commands and a server, each a process.

    def run(
        self, *arguments: str, expect: int | None = 0, max_file_bytes: int | None = None
    ) -> dict[str, Any]:
        """Run one command of the command line and return its JSON, exit code and messages."""
        done = subprocess.run(
            [*_limited(max_file_bytes), *self._command(*arguments)],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            env=self._environment(),
        )
        if expect is not None:
            assert done.returncode == expect, f"{arguments}: {done.returncode}\n{done.stderr}"
        result: dict[str, Any] = json.loads(done.stdout) if done.stdout.strip() else {}
        result["exit"] = done.returncode
        result["stderr"] = done.stderr
        return result

    def popen(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start one command and leave it running."""
        return subprocess.Popen(
            self._command(*arguments),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self._environment(),
        )

    def stores(self) -> Environment | None:
        """Return where the node's store is, if not where the test's environment says."""
        if not self.database_url:
            return None
        return Environment(
            data=None, user="", database_url=self.database_url, replica_url=self.replica_url
        )

    def _environment(self) -> dict[str, str]:
        """Return the environment of this node's processes."""
        named = {"FOEDUS_DATABASE_URL": self.database_url, "FOEDUS_REPLICA_URL": self.replica_url}
        return os.environ | {name: value for name, value in named.items() if value}

    def _command(self, *arguments: str) -> list[str]:
        program = ["-m", "foedus"]
        if self.shift_s:
            program = [str(Path(__file__).with_name("shifted.py")), str(self.shift_s)]
        start = [sys.executable, *program, "--data", str(self.data), "--as", USER]
        return [*start, "--json", *arguments]

    def set_clock(self, seconds_off: float) -> None:
        """Let this node's clock be so many seconds off, in what is started or opened from now."""
        self.close()
        self.shift_s = seconds_off

    def follow_every(self, seconds: int) -> None:
        """Let the node's server, once started anew, follow its peers."""
        self.close()
        path = self.data / "foedus.toml"
        lines = path.read_text().splitlines()
        kept = [line for line in lines if not line.startswith("pull_interval_s")]
        at = lines.index(next(line for line in lines if line.startswith("pull_interval_s")))
        kept.insert(at, f"pull_interval_s = {seconds}")
        path.write_text("\n".join(kept) + "\n")

    def start(self) -> None:
        """Start the server; ``await_start`` waits for it."""
        assert self.server is None
        self.server = self.popen("serve")

    def await_start(self) -> None:
        for _ in range(START_TRIES):
            assert self.server is not None
            if _answers(self.port, secure=self.secure):
                return
            assert self.server.poll() is None, f"the server of {self.member} ended"
            time.sleep(0.05)
        pytest.fail(f"the server of {self.member} does not answer")

    def serve(self) -> None:
        """Start the server and wait until it answers."""
        self.start()
        self.await_start()

    def stop(self) -> None:
        """End the server as an administrator would."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the server as a power cut would."""
        self._end(signal.SIGKILL)

    def _end(self, number: int) -> None:
        if self.server is not None:
            self.server.send_signal(number)
            self.server.wait(30)
            self.server = None

    # The same node opened in this process, for what only prepares or looks.

    @property
    def wired(self) -> Wired:
        if self.opened is None:
            shifted = ShiftedClock(self.shift_s) if self.shift_s else None
            self.opened = open_node(
                load_settings(self.data), clock=shifted, environment=self.stores()
            )
        return self.opened

    @property
    def actor(self) -> Actor:
        return actor_of(self.wired.node, USER)

    def close(self) -> None:
        if self.opened is not None:
            self.opened.close()
            self.opened = None

    def end(self) -> None:
        """End the server and close the store, whatever state they are in."""
        self.kill()
        self.close()

    def letter(self) -> bytes:
        return letter_of_credence(self.wired.node)

    def accept(self, letter: bytes) -> None:
        """Accept a letter of credence whose fingerprint was read out truly."""
        accept_peer(
            self.wired.node,
            self.actor,
            self.wired.gate,
            letter,
            fingerprint=read_credence(letter).authority.fingerprint,
        )

    def pull(self, member: str) -> PullReport:
        """Pull from one member, over HTTP, in this process."""
        return pull(self.wired.node, self.wired.gate, self.wired.client, MemberId(member))

    def hold(self, objects: Sequence[Mapping[str, Any]], **terms: Any) -> list[ItemRow]:
        """Submit objects and vouch for them; return their rows in the order given."""
        node = self.wired.node
        submitted = submit(
            node,
            self.actor,
            Submission(data=bundle(objects), name="test.json"),
            limits=DEFAULT_LIMITS,
        )
        assert submitted.result.taken == len(objects), submitted.result.refused
        wanted = {row.key.object_id: row for row in submitted.rows}
        rows = [wanted[each["id"]] for each in objects]
        offer = replace(OFFER, treaties=frozenset({self.treaty}), **terms)
        vouch(node, self.actor, [row.handle for row in rows], offer)
        return rows

    @property
    def treaty(self) -> TreatyId:
        """The one treaty known to the node."""
        node = self.wired.node
        with node.database.read() as tx:
            [treaty] = node.law.view(tx).treaties
        return treaty

    def disclose(
        self,
        rows: Sequence[ItemRow],
        *to: str,
        purpose: str = "prevention",
        article: str | None = None,
    ) -> list[Disclosed]:
        node = self.wired.node
        wish = Wish(
            treaty=self.treaty,
            purpose=purpose,
            article=None if article is None else ArticleId(article),
            recipients=tuple(MemberId(each) for each in to),
        )
        return disclose(node, self.actor, self.wired.gate, [row.handle for row in rows], wish)

    def figures(self) -> Figures:
        with self.wired.node.database.read() as tx:
            return figures(tx, self.wired.node.identity)

    def received(self, sender: str, lane: str = "bulk") -> dict[str, int]:
        """Return how many rows of a member's lane to us had which outcome."""
        return dict(self.figures().received.get((MemberId(sender), lane), {}))

    def alarms(self) -> dict[tuple[str, str], Alarm]:
        """Return the open alarms by code and subject."""
        with self.wired.node.database.read() as tx:
            return {(each.code, each.subject): each for each in tx.alarms.open()}

    def quarantine(self, *, after: int = 0) -> list[QuarantineRow]:
        with self.wired.node.database.read() as tx:
            return list(tx.quarantine.page(after=after, limit=1000))


def _answers(port: int, *, secure: bool = False) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    if secure:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # whether, not who
        connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=context)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _limited(max_file_bytes: int | None) -> list[str]:
    """Return what to put before a command so that no file it writes may grow past a size."""
    if max_file_bytes is None:
        return []
    code = (
        "import os, resource, sys; n = int(sys.argv[1]);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (n, n)); os.execv(sys.argv[2], sys.argv[2:])"
    )
    return [sys.executable, "-c", code, str(max_file_bytes)]


@dataclass
class Bloc:
    """Members introduced to each other."""

    folder: Path
    nodes: dict[str, NodeProcess] = field(default_factory=dict)
    proxies: dict[str, TamperingProxy] = field(default_factory=dict)
    lines: dict[str, Line] = field(default_factory=dict)
    secure: bool = False

    def __getitem__(self, member: str) -> NodeProcess:
        return self.nodes[member]

    def add(
        self,
        member: str,
        *,
        behind_proxy: bool = False,
        behind_line: bool = False,
        database_url: str = "",
    ) -> NodeProcess:
        """Make a node; with a proxy or a line, others reach it only through that."""
        port = free_port()
        advertised = port
        if behind_proxy:
            self.proxies[member] = TamperingProxy(target=port)
            advertised = self.proxies[member].port
        if behind_line:
            self.lines[member] = Line(target=port)
            advertised = self.lines[member].port
        node = NodeProcess(
            member=MemberId(member),
            data=self.folder / member,
            port=port,
            advertised=advertised,
            database_url=database_url,
            secure=self.secure,
        )
        settings = Settings(
            data=node.data,
            member=node.member,
            name=f"Member {member}",
            address=f"{'https' if self.secure else 'http'}://127.0.0.1:{advertised}",
            exercise=True,
            port=port,
            pull_interval_s=0,
        )
        node.opened = create_node(settings, user=USER, environment=node.stores())
        self.nodes[member] = node
        return node

    def found(
        self,
        *members: str,
        reserving: Mapping[str, Sequence[str]] | None = None,
        proxied: Sequence[str] = (),
        lined: Sequence[str] = (),
        silent: Sequence[str] = (),
        databases: Mapping[str, str] | None = None,
    ) -> TreatyId:
        """Make nodes, introduce and serve them, conclude the sample treaty among them.

        Members named ``silent`` are not served afterwards.
        """
        for member in members:
            self.add(
                member,
                behind_proxy=member in proxied,
                behind_line=member in lined,
                database_url=(databases or {}).get(member, ""),
            )
        for node in self.nodes.values():
            node.start()
        self.introduce_all()
        treaty = self._conclude(reserving or {})
        for member in silent:
            self.nodes[member].kill()
        return treaty

    def introduce_all(self) -> None:
        for node in self.nodes.values():
            for other in self.nodes.values():
                if other is not node:
                    node.accept(other.letter())

    def _conclude(self, reserving: Mapping[str, Sequence[str]]) -> TreatyId:
        first = next(iter(self.nodes.values()))
        parties = [
            Party(
                member=node.member,
                name=node.wired.node.identity.name,
                authority=read_credence(node.letter()).authority.fingerprint,
            )
            for node in self.nodes.values()
        ]
        template = (
            sample_text()
            .replace(b"ratifications = 4", b"ratifications = %d" % len(self.nodes))
            .replace(b'[witnessing]\nliars = 1\nunwitnessed = "P1D"\n', b"")
        )
        text = fill_parties(template, parties, exercise=True, depositary=first.member)
        treaty = adopt(first.wired.node, first.actor, first.wired.gate, text).id
        for node in self.nodes.values():
            node.await_start()
        for node in self.nodes.values():
            if node is not first:
                self._pulled(node, first)
        for node in self.nodes.values():
            sign(node.wired.node, node.actor, node.wired.gate, treaty)
            ratify(
                node.wired.node,
                node.actor,
                node.wired.gate,
                treaty,
                reservations=[ArticleId(each) for each in reserving.get(node.member, ())],
            )
        self.pull_all()
        return treaty

    def pull_all(self) -> None:
        """Let every node pull once from every other, in this process."""
        for node in self.nodes.values():
            for other in self.nodes.values():
                if other is not node:
                    self._pulled(node, other)

    @staticmethod
    def _pulled(node: NodeProcess, other: NodeProcess) -> None:
        report = node.pull(other.member)
        assert not report.unreachable, report.unreachable
        assert not any(lane.fault for lane in report.lanes), report.lanes

    def stop_all(self) -> None:
        for node in self.nodes.values():
            node.end()
        for proxy in self.proxies.values():
            proxy.close()
        for line in self.lines.values():
            line.close()


def lane_of(report: PullReport, lane: str = "bulk") -> LaneReport:
    """Return what a pull did in one lane."""
    [found] = [each for each in report.lanes if each.lane == lane]
    return found


# A line that may fail.


class Line:
    """A TCP line to a node: it may be down, slow, late, or break in the middle of an answer.

    Attributes:
        down: Whether nothing passes; connections that stand break.
        cut_after: After how many bytes of its answers a connection breaks, with all others then.
        rate: Bytes of answers that pass in a second; None for as many as come.
        delay_s: By how much each piece of an answer is late.
        passed: Bytes of answers passed so far.
    """

    def __init__(self, *, target: int) -> None:
        self.target = target
        self.down = False
        self.cut_after: int | None = None
        self.rate: int | None = None
        self.delay_s = 0.0
        self.passed = 0
        self.cuts = 0
        self._open: set[socket.socket] = set()
        self._ended: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def part(self) -> None:
        """Let nothing pass, from now on."""
        self.down = True
        self._break_all()

    def heal(self) -> None:
        """Let everything pass again."""
        self.down, self.cut_after, self.rate, self.delay_s = False, None, None, 0.0

    def close(self) -> None:
        self._server.close()
        self._break_all()

    def _break_all(self) -> None:
        with self._lock:
            for each in self._open:
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            if self.down:
                near.close()
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self.target), timeout=30)
            except OSError:
                near.close()
                continue
            with self._lock:
                self._open.update((near, far))
            threading.Thread(target=self._pump, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self._pump, args=(far, near, True), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:  # noqa: FBT001
        with suppress(OSError):
            source.settimeout(None)
            while data := source.recv(4096 if self.rate else 65536):
                if answers:
                    data = self._troubled(data)
                if not data:
                    break
                sink.sendall(data)
        for each in (source, sink):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        with self._lock:  # whoever of the two pumps ends last closes both
            if source in self._ended:
                self._ended -= {source, sink}
                self._open -= {source, sink}
                source.close()
                sink.close()
            else:
                self._ended.update((source, sink))

    def _troubled(self, data: bytes) -> bytes:
        """Return what passes of a piece of an answer; nothing when the connection breaks."""
        if self.delay_s:
            time.sleep(self.delay_s)
        if self.rate:
            time.sleep(len(data) / self.rate)
        self.passed += len(data)
        if self.down:
            return b""
        if self.cut_after is not None:
            self.cut_after -= len(data)
            if self.cut_after < 0:
                self.cut_after, self.cuts = None, self.cuts + 1
                return b""
        return data


# A proxy that may lie.


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a node answered to one request, on its way through the proxy."""

    path: str
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def objects(self) -> list[bytes]:
        """The exact bytes of a page's objects."""
        return list(split_bundle(self.body))

    def with_objects(self, objects: Sequence[bytes]) -> Answer:
        """Return the page with other objects; its signed head stays."""
        more = parse_json(self.body)
        assert isinstance(more, dict)
        text = b"true" if more.get("more") else b"false"
        return replace(self, body=b'{"more":%s,"objects":[%s]}' % (text, b",".join(objects)))


Tamper = Callable[[Answer], Answer]


def honest(answer: Answer) -> Answer:
    """Pass an answer on as it is."""
    return answer


class TamperingProxy:
    """Stands at a node's advertised address and changes what it answers.

    Attributes:
        tamper: What is done to each answer.
        seen: Every answer of the node, before it was changed.
    """

    def __init__(self, *, target: int) -> None:
        self.target = target
        self.tamper: Tamper = honest
        self.seen: list[Answer] = []
        self._http = httpx.Client(timeout=30, trust_env=False)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def only_lane(self, sender: str, recipient: str, change: Tamper, *, lane: str = "bulk") -> None:
        """Change the pages of one lane and nothing else."""
        path = lane_objects_path(MemberId(sender), MemberId(recipient), lane)
        self.tamper = lambda answer: change(answer) if answer.path.startswith(path) else answer

    def only_path(self, part: str, change: Tamper) -> None:
        """Change answers whose path holds a text and nothing else."""
        self.tamper = lambda answer: change(answer) if part in answer.path else answer

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
        self._http.close()

    def _forward(self, request: BaseHTTPRequestHandler) -> Answer:
        length = int(request.headers.get("content-length", 0))
        answer = self._http.request(
            request.command,
            f"http://127.0.0.1:{self.target}{request.path}",
            headers={key: value for key, value in request.headers.items() if key != "connection"},
            content=request.rfile.read(length),
        )
        kept = {
            key: value
            for key, value in answer.headers.items()
            if key not in {"content-length", "transfer-encoding", "connection", "date"}
        }
        return Answer(
            path=request.path, status=answer.status_code, headers=kept, body=answer.content
        )

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def do_GET(self) -> None:
                try:
                    answer = proxy._forward(self)
                except httpx.HTTPError:
                    self.close_connection = True
                    return
                proxy.seen.append(answer)
                answer = proxy.tamper(answer)
                self.send_response(answer.status)
                for key, value in answer.headers.items():
                    self.send_header(key, value)
                self.send_header("content-length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)
                self.wfile.flush()

            do_POST = do_GET  # noqa: N815  # the name that http.server looks for

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name
                """Say nothing."""

        return Handler


@pytest.fixture(scope="module")
def make_bloc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Bloc]]:
    """Make blocs that live as long as the test module."""
    made: list[Bloc] = []

    def build() -> Bloc:
        made.append(Bloc(folder=tmp_path_factory.mktemp("bloc")))
        return made[-1]

    yield build
    for each in made:
        each.stop_all()


def soon(days: int) -> datetime:
    """Return an instant some days from now; nodes run on the real clock."""
    return datetime.now(UTC) + timedelta(days=days)


assert os.name == "posix"
