"""How traffic and lag grow with the members: measured in real blocs, simulated up to 200.

``python -m bench.bloc200 measure 6 12 24`` makes real nodes with real stores in one process, lets
each give a batch to all others, and counts what each operation costs: processor time of both
sides, requests, bytes. The wire between them is a call; what HTTP adds is measured beside it on a
served node. ``python -m bench.bloc200 simulate`` lets up to 200 nodes that cost what was measured
live for ninety seconds, event by event, one core each. Both write CSV into ``docs/growth/``;
``python bench/plot_growth.py`` draws it. ``docs/growth.md`` says what is real and what is not.
"""

from __future__ import annotations

import csv
import heapq
import random
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from bench.bloc import EVERYBODY, InProcessClient, held, indicators, make_bloc
from foedus.cli.serving import services_of
from foedus.compose import Wired
from foedus.exchange.peer_client import HTTPPeerClient
from foedus.exchange.run import bind, serving
from foedus.exchange.server.app import build_app
from foedus.ledger import CHECKPOINT_PATH
from foedus.model.identifiers import MemberId
from foedus.node.disclose import disclose
from foedus.node.dispatch import LANES
from foedus.node.endpoints import endpoint_of
from foedus.node.gossip import compare_heads, digest_to_tell, heads_to_tell, take_fork
from foedus.node.gossip_format import format_heads
from foedus.node.head_turns import HeadTurns, periods_to_reach_all
from foedus.node.own_log import enter
from foedus.node.peer_ports import LanePage, PeerEndpoint, WitnessAnswer
from foedus.node.preview import Wish
from foedus.node.pull import pull
from foedus.node.witness import add_checkpoint, cosigned_checkpoint
from foedus.node.witness_round import ask, keep_answers
from foedus.node.witness_schedule import least_interval_s

PLACE = Path(__file__).parents[1] / "docs" / "growth"
MEASURED = PLACE / "measured.csv"
SIMULATED = PLACE / "simulated.csv"
BATCH_ITEMS = 10
WHOLE_S = 15.0
"""Longest time between two whole pulls from a peer; half of it is the shortest, evenly drawn."""

WHOLE_MEAN_S = WHOLE_S * 0.75
CADENCE_S = 0.15
WAIT_S = 20.0
HOP_S = 0.005
COSIGN_PAIRS = 400
WHOLE_BLOC = 12
"""Up to this size every member knows every other; in larger ones only the hubs do."""

HUBS = 3
SIZES = (6, 12, 24, 48, 72, 100, 200)
LIVED_S = 90.0
WARM_S = 30.0
OPERATIONS = ("give", "follow", "heads", "whole", "cosign", "publish")


def names(count: int) -> tuple[str, ...]:
    return tuple(f"M{chr(65 + n // 26)}{chr(65 + n % 26)}" for n in range(count))


# --- measuring


@dataclass
class Meter:
    """What one kind of operation cost: both sides apart."""

    asked: Counter[str] = field(default_factory=Counter)
    bytes: Counter[str] = field(default_factory=Counter)
    served_s: float = 0.0

    @contextmanager
    def serving(self, kind: str) -> Iterator[Callable[[int], None]]:
        """Count one request and the processor time of who answers it."""
        begun = time.process_time()

        def answered(size: int) -> None:
            self.bytes[kind] += size

        yield answered
        self.asked[kind] += 1
        self.served_s += time.process_time() - begun


class MeteredClient(InProcessClient):
    """Calls the other node's operations as its HTTP face does, and counts."""

    def __init__(self, me: MemberId, nodes: dict[MemberId, Wired], meter: Meter) -> None:
        super().__init__(me, nodes)
        self.meter = meter

    def lane_page(self, peer: PeerEndpoint, lane: str, *, added_after: str, limit: int) -> LanePage:
        with self.meter.serving("page") as answered:
            page = super().lane_page(peer, lane, added_after=added_after, limit=limit)
            node = self._nodes[peer.member].node
            digest = digest_to_tell(node)
            with node.database.read() as tx:
                counts = {each: tx.feeds.lane(self._me, each).count for each in LANES}
            answered(sum(map(len, page.objects)) + len(page.head) * 4 // 3 + len(digest))
        return LanePage(
            objects=page.objects, more=page.more, last_added=page.last_added, head=page.head,
            heads=digest, counts=counts,
        )  # fmt: skip

    def ledger_file(self, peer: PeerEndpoint, path: str) -> bytes:
        with self.meter.serving("log") as answered:
            data = super().ledger_file(peer, path)
            answered(len(data))
        return data

    def deliver_head(self, peer: PeerEndpoint, document: bytes) -> None:
        with self.meter.serving("acknowledgement") as answered:
            super().deliver_head(peer, document)
            answered(len(document))

    def add_checkpoint(self, peer: PeerEndpoint, request: bytes) -> WitnessAnswer:
        with self.meter.serving("cosign") as answered:
            try:
                body = add_checkpoint(self._nodes[peer.member].node, request)
                answer = WitnessAnswer(status=200, body=body)
            except Exception as error:
                status = getattr(error, "status", None)
                if status is None:
                    raise
                answer = WitnessAnswer(status=status, body=getattr(error, "body", b""))
            answered(len(request) + len(answer.body))
        return answer

    def witnessed(self, peer: PeerEndpoint, origin: str) -> bytes:
        return cosigned_checkpoint(self._nodes[peer.member].node, origin)

    def mirror_file(self, peer: PeerEndpoint, origin: str, path: str) -> bytes:
        with self.meter.serving("log") as answered:
            data = self._nodes[peer.member].mirrors.of(origin).read(path)
            answered(len(data))
        return data

    def heads(self, peer: PeerEndpoint) -> bytes:
        with self.meter.serving("heads") as answered:
            data = format_heads(heads_to_tell(self._nodes[peer.member].node))
            answered(len(data))
        return data

    def deliver_fork(self, peer: PeerEndpoint, proof: bytes) -> None:
        take_fork(self._nodes[peer.member].node, proof, shown_by=self._me)


@dataclass
class Cost:
    """Mean cost of one operation at one size."""

    client_s: float
    server_s: float
    requests: float
    bytes: float
    kinds: dict[str, tuple[float, float]]


def timed(meter: Meter, times: int, work: Callable[[], object]) -> Cost:
    """Run work that is so many operations, and return the mean."""
    begun = time.process_time()
    work()
    whole = time.process_time() - begun
    return Cost(
        client_s=(whole - meter.served_s) / times,
        server_s=meter.served_s / times,
        requests=sum(meter.asked.values()) / times,
        bytes=sum(meter.bytes.values()) / times,
        kinds={k: (meter.asked[k] / times, meter.bytes[k] / times) for k in meter.asked},
    )


class Measured:
    """One bloc, and its operations by every pair of members."""

    def __init__(self, count: int, folder: Path) -> None:
        whole = count <= WHOLE_BLOC
        self.bloc = bloc = make_bloc(folder, names(count), star=not whole, hubs=HUBS)
        able = list(bloc.nodes) if whole else list(bloc.nodes)[:HUBS]
        self.pairs = [(a, b) for a in able for b in able if a != b]
        self.some = self.pairs[:: max(1, len(self.pairs) // COSIGN_PAIRS)]
        self.meter = Meter()
        self.stocks: dict[MemberId, list[int]] = {}
        for number, member in enumerate(able):
            wired = bloc.nodes[member]
            signs = indicators(BATCH_ITEMS, seed=1_000 + number)
            self.stocks[member] = held(wired, bloc, signs)

    def cost(self, times: int, work: Callable[[], object]) -> Cost:
        """Run work that is so many operations, and return the mean."""
        self.meter = Meter()
        return timed(self.meter, times, work)

    def client(self, member: MemberId) -> MeteredClient:
        return MeteredClient(member, self.bloc.nodes, self.meter)

    def give(self) -> None:
        for member, handles in self.stocks.items():
            wired = self.bloc.nodes[member]
            wish = Wish(treaty=self.bloc.treaty, purpose="prevention")
            done = disclose(wired.node, EVERYBODY, wired.gate, handles, wish)
            assert sum(each.given for each in done) == BATCH_ITEMS * (len(self.bloc.nodes) - 1)

    def publish(self) -> None:
        for wired in self.bloc.nodes.values():
            wired.node.publish()

    def move_logs(self) -> None:
        """Let every log grow by an entry that is nobody's batch."""
        for wired in self.bloc.nodes.values():
            with wired.node.database.write() as tx:
                enter(tx, wired.node, {"kind": "bench"}, at=wired.node.clock.now())
        self.publish()

    def follow(self) -> None:
        """What a follower does that was told of rows."""
        for recipient, sender in self.pairs:
            wired = self.bloc.nodes[recipient]
            with self.bloc.nodes[sender].node.database.read() as tx:
                counts = {lane: tx.feeds.lane(recipient, lane).count for lane in LANES}
            client = self.client(recipient)
            report = pull(wired.node, wired.gate, client, sender, counts=counts)
            assert sum(lane.accepted for lane in report.lanes) >= BATCH_ITEMS, report

    def whole(self) -> None:
        for recipient, sender in self.pairs:
            wired = self.bloc.nodes[recipient]
            report = pull(wired.node, wired.gate, self.client(recipient), sender)
            assert not report.unreachable, report.unreachable

    def heads(self) -> None:
        """Fetch and consider every head a peer knows: what is done where its digest differs."""
        for one, other in self.some:
            wired = self.bloc.nodes[one]
            with wired.node.database.read() as tx:
                peer = endpoint_of(tx, wired.node, other)
            client = self.client(one)
            assert compare_heads(wired.node, client, peer, digest="0" * 64).asked

    def cosign(self) -> None:
        by_asker: dict[MemberId, list[MemberId]] = defaultdict(list)
        for one, other in self.some:
            by_asker[one].append(other)
        for one, others in by_asker.items():
            wired = self.bloc.nodes[one]
            client = self.client(one)
            answers = [ask(wired.node, client, wired.ledger, other) for other in others]
            assert not [each for each in answers if each.problem], answers
            keep_answers(wired.node, answers)


def measure(count: int, folder: Path) -> dict[str, Cost]:
    """Make a bloc and measure each operation in it."""
    run = Measured(count, folder)
    costs = {
        "give": run.cost(len(run.stocks) * (count - 1), run.give),
        "publish": run.cost(count, run.publish),
        "follow": run.cost(len(run.pairs), run.follow),
    }
    run.publish()
    costs["cosign"] = run.cost(len(run.some), run.cosign)
    costs["whole"] = run.cost(len(run.pairs), run.whole)
    run.move_logs()
    costs["heads"] = run.cost(len(run.some), run.heads)
    run.bloc.close()
    return costs


def measure_http(folder: Path) -> Cost:
    """Return what one signed request over HTTP costs beside what is asked, on both sides."""
    times = 400
    bloc = make_bloc(folder, names(6))
    one, other, *_ = bloc.nodes.values()
    sizes: list[int] = []
    with serving(build_app(services_of(one)), bind("127.0.0.1", 0)) as address:
        identity = other.node.identity
        client = HTTPPeerClient(identity, clock=other.node.clock, random=other.node.random)
        peer = PeerEndpoint(member=one.node.identity.member, address=address)
        client.ledger_file(peer, CHECKPOINT_PATH)

        def noted(answer: httpx.Response) -> None:
            heads = (answer.request.headers.raw, answer.headers.raw)
            sizes.append(sum(len(a) + len(b) + 4 for head in heads for a, b in head) + 100)

        begun = time.process_time()
        for _ in range(times):
            client.ledger_file(peer, CHECKPOINT_PATH)
        whole = (time.process_time() - begun) / times
        begun = time.process_time()
        for _ in range(times):
            one.ledger.read(CHECKPOINT_PATH)
        bare = (time.process_time() - begun) / times
        with httpx.Client(event_hooks={"response": [noted]}, trust_env=False) as http:
            http.get(address + "/health")
        client.close()
    bloc.close()
    # A signed request bears some 500 bytes more of headers than a bare one.
    header_bytes = sizes[0] + 500
    spent = max(0.0, whole - bare)
    return Cost(client_s=spent / 2, server_s=spent / 2, requests=1, bytes=header_bytes, kinds={})


def write_measured(sizes: Sequence[int]) -> None:
    PLACE.mkdir(exist_ok=True)
    new = not MEASURED.exists()
    with MEASURED.open("a", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        if new:
            out.writerow(
                ["members", "operation", "client_ms", "server_ms", "requests", "bytes", "kinds"]
            )

        def row(count: int, name: str, cost: Cost) -> None:
            kinds = " ".join(
                f"{kind}={number:.2f}/{size:.0f}"
                for kind, (number, size) in sorted(cost.kinds.items())
            )
            out.writerow(
                [count, name, f"{cost.client_s * 1e3:.3f}", f"{cost.server_s * 1e3:.3f}",
                 f"{cost.requests:.2f}", f"{cost.bytes:.0f}", kinds]
            )  # fmt: skip
            file.flush()

        if new:
            with tempfile.TemporaryDirectory() as folder:
                row(6, "http", measure_http(Path(folder)))
        for count in sizes:
            with tempfile.TemporaryDirectory() as folder:
                for name, cost in measure(count, Path(folder)).items():
                    row(count, name, cost)
                    print(count, name, cost, flush=True)


# --- the model


@dataclass(frozen=True)
class Model:
    """Cost of each operation by the number of members: a line through what was measured."""

    lines: Mapping[tuple[str, str], tuple[float, float]]
    http_s: float
    http_bytes: float

    def of(self, operation: str, what: str, members: int) -> float:
        start, slope = self.lines[operation, what]
        return max(0.0, start + slope * members)


def read_measured() -> list[dict[str, Any]]:
    with MEASURED.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _compared(
    lines: Mapping[tuple[str, str], tuple[float, float]], whole: Mapping[str, Any], what: str
) -> float:
    """Return what of a whole pull was the comparison of log heads."""
    times = sum(
        float(part.partition("=")[2].partition("/")[0])
        for part in whole["kinds"].split()
        if part.startswith("heads=")
    )
    start, slope = lines["heads", what]
    return times * (start + slope * float(whole["members"]))


def fit(rows: Sequence[Mapping[str, Any]], *, up_to: int) -> Model:
    """Fit a line to each cost, from sizes up to one; larger ones check it."""
    lines: dict[tuple[str, str], tuple[float, float]] = {}
    for operation in OPERATIONS:
        kept = [
            each
            for each in rows
            if each["operation"] == operation and int(each["members"]) <= up_to
        ]
        xs = [float(each["members"]) for each in kept]
        for what in ("client_ms", "server_ms", "requests", "bytes"):
            ys = [float(each[what]) for each in kept]
            if operation == "whole":  # a comparison of heads is told apart
                ys = [y - _compared(lines, each, what) for y, each in zip(ys, kept, strict=True)]
            if operation == "give":  # one act gives to all: a part of it does not grow
                ys = [y * (x - 1) for x, y in zip(xs, ys, strict=True)]
            slope, start = statistics.linear_regression(xs, ys)
            # What seems to fall is taken to stay where it was last.
            lines[operation, what] = (start, slope) if slope >= 0 else (ys[-1], 0.0)
    http = next(each for each in rows if each["operation"] == "http")
    return Model(
        lines=lines,
        http_s=(float(http["client_ms"]) + float(http["server_ms"])) / 2e3,
        http_bytes=float(http["bytes"]),
    )


# --- the simulation


@dataclass(frozen=True)
class Scenario:
    """How much is given, and whether the two bounds hold.

    Attributes:
        per_member: Batches a minute that each member gives to all; None where ``in_all`` says.
        in_all: Batches a minute given in the whole bloc.
        bounded: Whether witnesses are asked and heads compared in turn, as the node does; without,
            every head is shown to all and heads are compared with all in each period.
    """

    name: str
    per_member: float | None = None
    in_all: float | None = None
    bounded: bool = True


SCENARIOS = (
    Scenario(name="each gives, as built", per_member=1.0),
    Scenario(name="all together give, as built", in_all=6.0),
    Scenario(name="each gives, unbounded", per_member=1.0, bounded=False),
    Scenario(name="all together give, unbounded", in_all=6.0, bounded=False),
)


class Node:
    """One core that does one piece of work after the other."""

    __slots__ = ("asking_until", "asks_again", "dirty", "free_at", "work_s")

    def __init__(self) -> None:
        self.free_at = 0.0
        self.work_s = 0.0
        self.dirty = False
        self.asking_until = 0.0
        self.asks_again = False

    def do(self, now: float, seconds: float) -> float:
        """Queue work; returns when it is done."""
        self.free_at = max(now, self.free_at) + seconds
        self.work_s += seconds
        return self.free_at


@dataclass
class Totals:
    """What crossed the wire, in and out of all nodes."""

    requests: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    bytes: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    lags: list[float] = field(default_factory=list)


class World:
    """A bloc as a queue of events."""

    def __init__(self, model: Model, members: int, scenario: Scenario, *, seed: int) -> None:
        self.model, self.members, self.scenario = model, members, scenario
        self.chance = random.Random(seed)
        self.nodes = [Node() for _ in range(members)]
        self.totals = Totals()
        self.events: list[tuple[float, int, Callable[..., None], tuple[float, ...]]] = []
        self.serial = 0
        self.waiting: dict[int, list[float]] = defaultdict(list)
        self.c = {
            (operation, what): model.of(operation, what, members) for operation, what in model.lines
        }
        self.interval_s = least_interval_s(members - 1) if scenario.bounded else 0.0
        self.bloc = [MemberId(name) for name in names(members)]
        self.turns: list[HeadTurns] = []
        for who in range(members):
            turns = HeadTurns(WHOLE_S, lot=self.chance.random)
            turns.add((each for other, each in enumerate(self.bloc) if other != who), 0.0)
            self.turns.append(turns)

    def at(self, when: float, act: Callable[..., None], *given: float) -> None:
        """Let something happen: a method, called with the instant and what is given."""
        self.serial += 1
        heapq.heappush(self.events, (when, self.serial, act, given))

    def seconds(self, operation: str, side: str) -> float:
        """Return the time of one side, what HTTP adds included."""
        requests = self.c[operation, "requests"]
        return self.c[operation, f"{side}_ms"] / 1e3 + requests * self.model.http_s

    def wire(self, operation: str, times: float = 1.0) -> None:
        requests = self.c[operation, "requests"] * times
        size = self.c[operation, "bytes"] * times + requests * self.model.http_bytes
        self.totals.requests[operation] += requests
        self.totals.bytes[operation] += size

    def live(self) -> Totals:
        members, scenario = self.members, self.scenario
        rate = scenario.per_member
        if rate is None:
            rate = (scenario.in_all or 0.0) / members
        self.mean_s = 60.0 / rate
        for who in range(members):
            self.at(self.chance.expovariate(1 / self.mean_s), self.give, who)
            self.at(self.chance.uniform(0, CADENCE_S), self.tick, who)
            for other in range(members):
                if other != who:
                    self.at(
                        self.chance.uniform(0, WHOLE_S),
                        self.whole,
                        who,
                        other,
                    )
        warm = False
        while self.events and self.events[0][0] < LIVED_S:
            now, _, act, given = heapq.heappop(self.events)
            if not warm and now >= WARM_S:
                warm, self.totals = True, Totals()
                for node in self.nodes:
                    node.work_s = 0.0
            act(now, *given)
        return self.totals

    def give(self, now: float, who: int) -> None:
        done = self.nodes[who].do(now, self.seconds("give", "client"))
        self.at(done, self.given, who)
        self.at(now + self.chance.expovariate(1 / self.mean_s), self.give, who)

    def given(self, now: float, who: int) -> None:
        self.nodes[who].dirty = True
        self.waiting[who].append(now)

    def tick(self, now: float, who: int) -> None:
        """The cadence: publish what is new, wake who waits, ask the witnesses."""
        node = self.nodes[who]
        if node.dirty:
            node.dirty = False
            done = node.do(now, self.seconds("publish", "client"))
            for begun in self.waiting.pop(who, ()):
                for other in range(self.members):
                    if other != who:
                        self.at(done + HOP_S, self.follow, who, other, begun)
            self.at(done, self.cosign, who)
        self.at(max(now + CADENCE_S, node.free_at), self.tick, who)

    def cosign(self, now: float, who: int) -> None:
        """Ask every witness about the newest head, once in an interval, one asking at a time."""
        node, interval_s = self.nodes[who], self.interval_s
        if now < node.asking_until:
            if not node.asks_again:  # what was held back is asked about with the next
                node.asks_again = True
                self.at(node.asking_until, self.cosign_again, who)
            return
        others = self.members - 1
        done = self.nodes[who].do(now, self.seconds("cosign", "client") * others)
        for other, asked in enumerate(self.nodes):
            if other != who:
                done = max(done, asked.do(now, self.seconds("cosign", "server")))
        self.wire("cosign", others)
        begins = (now // interval_s + 1) * interval_s if interval_s else now
        self.nodes[who].asking_until = max(done, begins)

    def cosign_again(self, now: float, who: int) -> None:
        self.nodes[who].asks_again = False
        self.cosign(now, who)

    def follow(self, now: float, sender: int, recipient: int, begun: float) -> None:
        served = self.nodes[sender].do(now, self.seconds("follow", "server"))
        self.at(served + HOP_S, self.served, recipient, begun)

    def served(self, now: float, recipient: int, begun: float) -> None:
        done = self.nodes[recipient].do(now, self.seconds("follow", "client"))
        self.wire("follow")

        self.at(done, self.taken, recipient, begun)

    def taken(self, now: float, recipient: int, begun: float) -> None:
        self.nodes[recipient].dirty = True
        self.totals.lags.append(now - begun)

    def whole(self, now: float, recipient: int, sender: int) -> None:
        """A whole pull; heads are compared in turn: their digests differ, since logs grew."""
        self.nodes[sender].do(now, self.seconds("whole", "server"))
        self.nodes[recipient].do(now, self.seconds("whole", "client"))
        if not self.scenario.bounded or self.turns[recipient].take(self.bloc[sender], now):
            self.nodes[sender].do(now, self.seconds("heads", "server"))
            self.nodes[recipient].do(now, self.seconds("heads", "client"))
            self.wire("heads")
        self.wire("whole")
        pause = WHOLE_S * (1 + self.chance.random()) / 2
        done = max(now + pause, self.nodes[recipient].free_at)
        self.at(done, self.whole, recipient, sender)


def _real(rows: Sequence[Mapping[str, Any]], members: int) -> str:
    """Say whether all, part or none of the operations were measured at a size as large."""
    largest = [
        max(int(each["members"]) for each in rows if each["operation"] == operation)
        for operation in OPERATIONS
    ]
    able = sum(members <= each for each in largest)
    return "yes" if able == len(OPERATIONS) else "part" if able else "no"


def offered(world: World) -> float:
    """Return how many cores one node would need if nothing had to wait, by sums alone."""
    others, scenario = world.members - 1, world.scenario
    rate = (scenario.per_member or (scenario.in_all or 0.0) / world.members) / 60
    published = min(1 / max(CADENCE_S, world.interval_s), rate * world.members)
    rounds = periods_to_reach_all(others) if scenario.bounded else 1
    # Up to eight peers there are no turns: each whole pull compares.
    compared = 1 / WHOLE_MEAN_S if rounds == 1 else 1 / (WHOLE_S * rounds)
    times = {
        "follow": rate * others,
        "whole": others / WHOLE_MEAN_S,
        "heads": others * compared,
        "cosign": published * others,
    }
    both = {
        operation: world.seconds(operation, "client") + world.seconds(operation, "server")
        for operation in times
    }
    return rate * world.seconds("give", "client") + sum(
        times[operation] * both[operation] for operation in times
    )


def simulate() -> None:
    rows = read_measured()
    largest = max(int(each["members"]) for each in rows)
    below = sorted({int(each["members"]) for each in rows})[-2]
    model = fit(rows, up_to=below)
    print(f"fitted up to {below}; checked at {largest}:")
    for each in rows:
        if int(each["members"]) == largest:
            for what in ("client_ms", "server_ms", "requests", "bytes"):
                said = model.of(each["operation"], what, largest)
                if each["operation"] == "give":
                    said /= largest - 1
                if each["operation"] == "whole":
                    said += _compared(model.lines, each, what)
                print(f"  {each['operation']:8} {what:10} real {each[what]:>10} model {said:10.2f}")
    model = fit(rows, up_to=largest)
    lived = LIVED_S - WARM_S
    with SIMULATED.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        kinds = ("follow", "whole", "heads", "cosign")
        out.writerow(
            ["scenario", "members", "real_costs", "cores_needed", "cores_used", "lag_p50_s",
             "lag_p99_s",
             *(f"{kind}_requests_s" for kind in kinds), "wait_requests_s",
             *(f"{kind}_bytes_s" for kind in kinds)]
        )  # fmt: skip
        for scenario in SCENARIOS:
            for members in SIZES:
                world = World(model, members, scenario, seed=members)
                totals = world.live()
                lags = sorted(totals.lags) or [float("nan")]
                cores = statistics.fmean(node.work_s for node in world.nodes) / lived
                # Each request leaves one node and reaches another: both are counted.
                each_s = 2 / members / lived
                line = [
                    scenario.name, members, _real(rows, members),
                    f"{offered(world):.3f}",
                    f"{cores:.3f}", f"{lags[len(lags) // 2]:.3f}",
                    f"{lags[int(len(lags) * 0.99)]:.3f}",
                    *(f"{totals.requests[kind] * each_s:.1f}" for kind in kinds),
                    f"{2 * (members - 1) / WAIT_S:.1f}",
                    *(f"{totals.bytes[kind] * each_s:.0f}" for kind in kinds),
                ]  # fmt: skip
                out.writerow(line)
                file.flush()
                print(*line, flush=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["measure", *sizes]:
            write_measured([int(each) for each in sizes])
        case ["simulate"]:
            simulate()
        case _:
            sys.exit(__doc__)
