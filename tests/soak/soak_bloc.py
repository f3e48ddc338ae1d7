"""Six nodes under load, killed and cut off from each other, and what must be true in the end.

The load is made by two threads: one gives items as people do (submit, vouch, disclose; now and then
by a command that is killed and started again), one posts and reads as tools do, with the client. A
third is the fate of all: it kills, restarts, parts, cuts and slows, drawn from a seed.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.soak.soak_proxy import SoakProxy

from foedus.client import Client, ClientError, Cursor, Patience
from foedus.compose import create_node
from foedus.model.identifiers import MemberId, ObjectId
from foedus.node.dispatch import LANES
from foedus.node.errors import ConflictError
from foedus.node.ports import ItemState
from foedus.node.tokens import create_token
from foedus.settings import Settings
from foedus.store.errors import StoreError

if TYPE_CHECKING:
    from tests.federation.conftest import Bloc, NodeProcess

__all__ = ["MEMBERS", "SoakBloc"]

MEMBERS = ("XA", "XB", "XC", "XD", "XE", "XF")
_BATCHES = (1, 1, 2, 5, 20, 60)
_COMMAND_EVERY = 9
_TOOL_OBJECTS = 5
_PULL_S = 5
_SHARED_VALUES = 400
_SPACE = uuid.UUID("0b8f3c52-6a53-4f0e-8a65-2f6e6a1f9c07")
_DATE = "2026-11-20T08:00:00.000Z"
_TICKS = os.sysconf("SC_CLK_TCK")


def _sign(label: str, chance: random.Random) -> dict[str, Any]:
    """Return an indicator; some share a value, so that there are hits."""
    value = f"v{chance.randrange(_SHARED_VALUES)}" if chance.random() < 0.2 else label
    domain = uuid.uuid5(_SPACE, value).hex[:12]
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{uuid.uuid5(_SPACE, label)}",
        "created": _DATE,
        "modified": _DATE,
        "name": f"EXERCISE {label}",
        "indicator_types": ["malicious-activity"],
        "pattern": f"[domain-name:value = '{domain}.example']",
        "pattern_type": "stix",
        "valid_from": "2026-11-20T08:00:00Z",
    }


@dataclass
class SoakBloc:
    """The six, the proxies before them, and what was promised to whom.

    Attributes:
        given: (giver, taker) → ids of the items a disclosure reported as given.
        posted: Member → ids a post reported as taken.
        read: Member → ids the following tool read, in order.
        killed: What was killed or done, how often.
        cpu_s: Processor seconds of servers that ended.
    """

    bloc: Bloc
    seed: int
    given: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    posted: dict[str, set[str]] = field(default_factory=dict)
    read: dict[str, list[str]] = field(default_factory=dict)
    cursors: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    proxies: dict[str, SoakProxy] = field(default_factory=dict)
    killed: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    cpu_s: float = 0.0
    faults: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    _serving: dict[str, threading.Lock] = field(default_factory=dict)

    @classmethod
    def make(cls, bloc: Bloc, *, seed: int, databases: Sequence[str] = ()) -> SoakBloc:
        """Make six nodes behind proxies, bound by one treaty, with tokens for their tools.

        The first of them keep their store in the PostgreSQL databases given.
        """
        made = cls(bloc=bloc, seed=seed)
        keys: dict[str, str] = {}
        for number, name in enumerate(MEMBERS):
            made._serving[name] = threading.Lock()
            url = databases[number] if number < len(databases) else ""
            made._add(name, keys, seed + number, url)
        for node in bloc.nodes.values():
            node.start()
        bloc.introduce_all()
        bloc._conclude({})
        for name in MEMBERS:
            node = bloc[name]
            token = create_token(node.wired.node, node.actor, "admin", "write")
            made.tokens[name] = token.secret
            keys[node.wired.node.identity.node.public.key_id] = name
            node.stop()
            place = node.data / "foedus.toml"
            text = place.read_text(encoding="utf-8")
            place.write_text(text.replace("pull_interval_s = 0", f"pull_interval_s = {_PULL_S}"))
        for node in bloc.nodes.values():
            node.start()
        for node in bloc.nodes.values():
            node.await_start()
        return made

    def _add(self, name: str, keys: dict[str, str], seed: int, url: str) -> None:
        """Make a node whose advertised address is a proxy's."""
        bloc = self.bloc
        from tests.federation.conftest import (  # noqa: PLC0415  # loaded by then
            USER,
            NodeProcess,
            free_port,
        )

        port = free_port()
        proxy = SoakProxy(target=port, members=keys, seed=seed)
        self.proxies[name] = proxy
        node = NodeProcess(
            member=MemberId(name),
            data=bloc.folder / name,
            port=port,
            advertised=proxy.port,
            database_url=url,
        )
        settings = Settings(
            data=node.data,
            member=node.member,
            name=f"Member {name}",
            address=f"http://127.0.0.1:{proxy.port}",
            exercise=True,
            port=port,
            pull_interval_s=0,  # until the treaty is concluded
        )
        node.opened = create_node(settings, user=USER, environment=node.stores())
        bloc.nodes[name] = node

    # --- load

    def give(self) -> None:
        """Give items until the end, as people do."""
        chance = random.Random(self.seed * 31 + 1)
        turn = 0
        while not self.over.is_set():
            turn += 1
            giver = chance.choice(MEMBERS)
            node = self.bloc[giver]
            objects = [_sign(f"{giver} {turn} {n}", chance) for n in range(chance.choice(_BATCHES))]
            takers = [each for each in MEMBERS if each != giver]
            if chance.random() < 0.3:
                takers = sorted(chance.sample(takers, chance.randint(1, 4)))
            try:
                rows = node.hold(objects)
                if turn % _COMMAND_EVERY == 0:
                    self._command(node, [str(each["id"]) for each in objects], takers, chance)
                else:
                    self._disclose(node, rows, takers)
            except (StoreError, ConflictError) as error:
                self.refused[error.code] += 1
            except AssertionError as error:
                self.faults.append(f"giving: {error}")
                return
            self.over.wait(chance.uniform(0.0, 0.25))

    def _disclose(self, node: NodeProcess, rows: Any, takers: list[str]) -> None:
        for each in self.bloc[node.member].disclose(rows, *takers):
            known = {row.handle: row.key.object_id for row in rows}
            if len(known) != each.given + each.already:
                self.faults.append(f"{node.member} to {each.recipient}: {each}")
            self.given.setdefault((node.member, each.recipient), set()).update(known.values())

    def _command(
        self, node: NodeProcess, names: list[str], takers: list[str], chance: random.Random
    ) -> None:
        """Disclose by a command that is killed, then by one that is let be."""
        command = ["disclose", *names, "--purpose", "prevention"]
        for taker in takers:
            command += ["--to", taker]
        process = node.popen(*command)
        try:
            process.wait(chance.uniform(0.2, 1.5))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(30)
            self.killed["disclose"] += 1
        done = node.run(*command, expect=None)
        if done["exit"]:
            self.faults.append(f"disclose: {done['exit']} {done['stderr']}")
            return
        for taker in takers:
            self.given.setdefault((node.member, taker), set()).update(names)

    def tools(self) -> None:
        """Post and follow until the end, as tools do."""
        chance = random.Random(self.seed * 31 + 2)
        turn = 0
        while not self.over.is_set():
            turn += 1
            name = chance.choice(MEMBERS)
            objects = [_sign(f"tool {name} {turn} {n}", chance) for n in range(_TOOL_OBJECTS)]
            with suppress(ClientError):
                self._tool(name, objects)
            self.over.wait(chance.uniform(0.1, 0.5))

    def _tool(self, name: str, objects: list[dict[str, Any]]) -> None:
        patience = Patience(attempts=4, first_wait_s=0.2, in_all_s=15.0)
        # To the node itself: whoever is at home needs no road.
        address = f"http://127.0.0.1:{self.bloc[name].port}"
        with Client(address, self.tokens[name], patience=patience) as client:
            drafts = client.collection("drafts")
            added = drafts.add(objects)
            if added.failures:
                self.faults.append(f"post at {name}: {added.failures[0].message}")
            taken = {each.id for each in added.successes}
            self.posted.setdefault(name, set()).update(taken)
            self.follow(name, client)

    def follow(self, name: str, client: Client) -> None:
        """Read on where the tool of a member stands; what was read is kept with the cursor."""
        kept = self.cursors.get(name)
        cursor = Cursor() if kept is None else Cursor.parse(kept)
        reading = client.collection("drafts").objects(cursor=cursor, versions="all", page_objects=7)
        for each in reading:
            self.read.setdefault(name, []).append(each.id)
            self.cursors[name] = reading.cursor.text()

    # --- fate

    def strike(self) -> None:
        """Let misfortunes happen until the end."""
        chance = random.Random(self.seed * 31 + 3)
        acts = (
            (4, self._kill), (2, self._stop), (4, self._part), (2, self._alone), (3, self._cut),
            (2, self._slow), (2, self._pull),
        )  # fmt: skip
        every = [act for weight, act in acts for _ in range(weight)]
        while not self.over.wait(chance.uniform(1.0, 5.0)):
            act = chance.choice(every)
            self.killed[act.__name__.strip("_")] += 1
            act(chance)

    def _kill(self, chance: random.Random) -> None:
        """End a server as a power cut would, and start it some time later."""
        self._restart(chance.choice(MEMBERS), chance.uniform(0.0, 6.0), kill=True)

    def _stop(self, chance: random.Random) -> None:
        self._restart(chance.choice(MEMBERS), chance.uniform(0.0, 2.0), kill=False)

    def _restart(self, name: str, away_s: float, *, kill: bool) -> None:
        def work() -> None:
            with self._serving[name]:
                node = self.bloc[name]
                if node.server is None:
                    return
                self.cpu_s += cpu_of(node.server.pid)
                if kill:
                    node.kill()
                else:
                    node.stop()
                self.over.wait(away_s)
                node.start()

        threading.Thread(target=work, daemon=True).start()

    def _part(self, chance: random.Random) -> None:
        """Part two members, in one direction or both."""
        one, other = chance.sample(MEMBERS, 2)
        self.proxies[one].part(other)
        if chance.random() < 0.7:
            self.proxies[other].part(one)
        self._later(chance.uniform(2, 20), one, other)

    def _alone(self, chance: random.Random) -> None:
        """Part one member from all."""
        one = chance.choice(MEMBERS)
        self.proxies[one].part("*")
        for name in MEMBERS:
            if name != one:
                self.proxies[name].part(one)
        self._later(chance.uniform(2, 15), *MEMBERS)

    def _cut(self, chance: random.Random) -> None:
        """Cut answers in their middle for a while, and all that stands now."""
        name = chance.choice(MEMBERS)
        self.proxies[name].fault.cut = chance.choice((0.02, 0.1, 0.3))
        self.proxies[name].drop_all()
        self._later(chance.uniform(2, 10), name)

    def _slow(self, chance: random.Random) -> None:
        name = chance.choice(MEMBERS)
        self.proxies[name].fault.delay_s = chance.choice((0.05, 0.3, 1.0))
        self._later(chance.uniform(2, 10), name)

    def _pull(self, chance: random.Random) -> None:
        """Start a pull by hand, and kill it."""
        process = self.bloc[chance.choice(MEMBERS)].popen("pull")
        try:
            process.wait(chance.uniform(0.5, 3.0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(30)

    def _later(self, seconds: float, *names: str) -> None:
        def heal() -> None:
            self.over.wait(seconds)
            for name in names:
                self.proxies[name].heal()

        threading.Thread(target=heal, daemon=True).start()

    # --- the end

    def run(self, seconds: float) -> float:
        """Run load and fate for so long; returns how long it was."""
        workers = [
            threading.Thread(target=each, name=each.__name__, daemon=True)
            for each in (self._guarded(self.give), self._guarded(self.tools),
                         self._guarded(self.strike))
        ]  # fmt: skip
        begun = time.monotonic()
        for each in workers:
            each.start()
        end = begun + seconds
        while time.monotonic() < end and not self.faults:
            time.sleep(0.25)
        lasted = time.monotonic() - begun
        self.over.set()
        for each in workers:
            each.join(60)
            assert not each.is_alive(), each.name
        return lasted

    def _guarded(self, work: Any) -> Any:
        def guarded() -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001  # what nobody expected ends the run
                self.faults.append(f"{work.__name__}: {error!r}")

        guarded.__name__ = work.__name__
        return guarded

    def heal(self) -> None:
        """End all misfortune: roads are open and every node serves."""
        for proxy in self.proxies.values():
            proxy.heal()
        for name in MEMBERS:
            with self._serving[name]:
                node = self.bloc[name]
                if node.server is not None and node.server.poll() is not None:
                    self.faults.append(f"the server of {name} ended: {node.server.returncode}")
                    node.server = None
                if node.server is None:
                    node.start()
                node.await_start()

    def unsettled(self) -> list[str]:
        """Return what two nodes do not agree on yet, from both sides."""
        found = []
        for giver in MEMBERS:
            with self.bloc[giver].wired.node.database.read() as tx:
                lanes = {
                    (taker, lane): (tx.feeds.lane(MemberId(taker), lane).count,
                                    tx.feeds.lane(MemberId(taker), lane).digest)
                    for taker in MEMBERS if taker != giver for lane in LANES
                }  # fmt: skip
                heads = {row.member: dict(row.head) for row in tx.peers.all()}
            for (taker, lane), (count, digest) in lanes.items():
                with self.bloc[taker].wired.node.database.read() as tx:
                    cursor = tx.inbox.cursor(MemberId(giver), lane)
                confirmed = heads.get(MemberId(taker), {}).get(lane, (0, "", None))
                if (cursor.count, cursor.digest) != (count, digest) and count:
                    found.append(f"{giver}→{taker}/{lane}: gave {count}, took {cursor.count}")
                elif count and (confirmed[0], confirmed[1]) != (count, digest.hex()):
                    found.append(f"{giver}→{taker}/{lane}: {count}, confirmed {confirmed[0]}")
        return found

    def settle(self, seconds: float) -> float:
        """Wait until all agree; returns how long it took."""
        begun = time.monotonic()
        while left := self.unsettled():
            waited = time.monotonic() - begun
            assert waited < seconds, f"not settled after {waited:.0f} s: {left[:10]}"
            time.sleep(0.5)
        return time.monotonic() - begun

    def alarms(self, seconds: float) -> dict[str, list[str]]:
        """Return the alarms still open at each, having waited for them to end."""
        end = time.monotonic() + seconds
        while True:
            left = {
                name: [f"{code} {subject}: {alarm.text}"
                       for (code, subject), alarm in self.bloc[name].alarms().items()]
                for name in MEMBERS
            }  # fmt: skip
            if not any(left.values()) or time.monotonic() > end:
                return {name: texts for name, texts in left.items() if texts}
            time.sleep(1)

    def check_items(self) -> int:
        """Check that each item given is held by its taker, once; returns how many rows that are."""
        rows = 0
        for (giver, taker), names in self.given.items():
            with self.bloc[taker].wired.node.database.read() as tx:
                for name in names:
                    found = [
                        row for row in tx.items.by_object_id(ObjectId(name))
                        if row.key.originator == giver
                    ]  # fmt: skip
                    assert [row.state for row in found] == [ItemState.HELD], (giver, taker, name)
            outcomes = self.bloc[taker].received(giver)
            taken = {code: n for code, n in outcomes.items() if code != "disclosure"}
            assert set(taken) <= {"accepted"}, (giver, taker, outcomes)
            assert taken.get("accepted", 0) == len(names), (giver, taker, outcomes, len(names))
            rows += len(names)
        return rows

    def check_tools(self) -> int:
        """Check that the followers read each posted object once; returns how many."""
        total = 0
        for name in MEMBERS:
            address = f"http://127.0.0.1:{self.bloc[name].port}"
            with Client(address, self.tokens[name]) as client:
                self.follow(name, client)
            read = self.read.get(name, [])
            assert len(read) == len(set(read)), f"{name}: read twice"
            lost = self.posted.get(name, set()) - set(read)
            assert not lost, f"{name}: {len(lost)} posted objects were never read"
            total += len(read)
        return total

    def cpu(self) -> float:
        """Return the processor seconds of all servers so far."""
        alive = [node.server.pid for node in self.bloc.nodes.values() if node.server is not None]
        return self.cpu_s + sum(cpu_of(pid) for pid in alive)

    def close(self) -> None:
        self.over.set()
        self.bloc.stop_all()
        for proxy in self.proxies.values():
            proxy.close()


def cpu_of(pid: int) -> float:
    """Return the processor seconds of a process and its living children; 0 once it is gone."""
    total = 0.0
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / _TICKS
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        total += sum(cpu_of(int(each)) for each in children)
    return total


def report(figures: dict[str, object]) -> str:
    """Return figures as one line."""
    return "soak " + json.dumps(figures, sort_keys=True)
