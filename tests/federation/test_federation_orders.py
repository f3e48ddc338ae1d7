"""Orders among five processes: lines that part and break, pages that lie, kills, an old backup.

XA gives, and orders by its command line while the others come and go. At rest every order is
attested by everyone; what was recalled is shown by nobody, and its words, values and hashes stand
in no file of any data directory, unless another member's item carries the same value. All else is
held by exactly who was given it.
"""

from __future__ import annotations

import base64
import hashlib
import random
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from foedus.clock import instant_text
from foedus.node.ports import ItemFilter, ItemState

if TYPE_CHECKING:
    from tests.federation.conftest import Answer, Bloc, NodeProcess

MEMBERS: Final = ("XA", "XB", "XC", "XD", "XE")
OTHERS: Final = MEMBERS[1:]
TAXII: Final = "application/taxii+json;version=2.1"
_DAY: Final = "2026-11-2"


def _sign(giver: str, label: str, value: str, day: int = 0) -> dict[str, object]:
    number = int.from_bytes(hashlib.sha256(f"{giver}{label}".encode()).digest()[:5], "big")
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--00000000-0000-4000-a000-{number % 10**12:012d}",
        "created": f"{_DAY}0T08:00:00.000Z",
        "modified": f"{_DAY}{day}T08:00:00.000Z",
        "name": f"zq{giver}{label}{day}w",
        "description": f"EXERCISE zq{giver}{label}{day}w",
        "indicator_types": ["malicious-activity"],
        "pattern": f"[domain-name:value = '{value}']",
        "pattern_type": "stix",
        "valid_from": f"{_DAY}0T08:00:00Z",
    }


@dataclass
class Course:
    """One course of orders in a bloc, by a seed.

    Attributes:
        known: By word of an item: who shows it at rest, and who has its bytes at rest.
        traces: By word: its value and hash. ``numbers``: its number at its originator.
    """

    bloc: Bloc
    folder: Path
    seed: int
    known: dict[str, tuple[set[str], set[str]]] = field(default_factory=dict)
    traces: dict[str, tuple[str, str]] = field(default_factory=dict)
    numbers: dict[str, str] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)

    @property
    def a(self) -> NodeProcess:
        return self.bloc["XA"]

    # What is given and ordered.

    def give(self, giver: str, label: str, value: str, *to: str, day: int = 0) -> dict[str, object]:
        """Hold an item and give it; from then on it is expected with everyone."""
        node = self.bloc[giver]
        made = _sign(giver, label, value, day)
        [row] = node.hold([made])
        if to:
            for done in node.disclose([row], *to):
                assert done.given == 1, done
        word = str(made["name"])
        self.known[word] = ({giver, *to}, {giver, *to})
        self.traces[word] = (value, row.content_hash)
        self.numbers[word] = str(row.number)
        return made

    def expect(self, word: str, shown: Sequence[str], stands: Sequence[str] | None = None) -> None:
        self.known[word] = (set(shown), set(shown if stands is None else stands))

    def order(self, action: str, made: dict[str, object], *more: str) -> None:
        self.a.close()
        self.a.run(
            *("orders", "issue", action, str(made["id"])),
            *("--article", "21", "--reason", "expired" if action == "expire" else "wrong", *more),
        )

    def acts(self) -> list[Callable[[], None]]:
        """Return what is ordered, each an act of its own; items were given before."""
        s = f"s{self.seed}"
        one = self.give("XA", f"one{s}", f"one-{s}.example", *OTHERS)
        self.give("XB", f"also{s}", f"one-{s}.example", "XC")
        two = self.give("XA", f"two{s}", f"two-{s}.example", *OTHERS)
        three = self.give("XA", f"three{s}", f"three-{s}.example", *OTHERS)
        four = self.give("XA", f"four{s}", f"four-{s}.example", *OTHERS)
        five = self.give("XA", f"five{s}", f"five-{s}.example", *OTHERS)
        six = self.give("XA", f"six{s}", f"six-{s}.example", "XB", "XD")
        seven = self.give("XA", f"seven{s}", f"seven-{s}.example", *OTHERS)
        self.give("XA", f"eight{s}", f"eight-{s}.example", *OTHERS)
        self.give("XD", f"nine{s}", f"nine-{s}.example", *(x for x in MEMBERS if x != "XD"))

        def recall_all() -> None:
            self.order("recall", one, "--erase")
            self.expect(str(one["name"]), ())

        def recall_there() -> None:
            self.order("recall", two)
            self.expect(str(two["name"]), ["XA"])

        def narrow() -> None:
            self.order("narrow", three, "--to", "XD", "--to", "XC")
            self.expect(str(three["name"]), ["XA", "XB", "XE"])

        def correct() -> None:
            new = self.give("XA", f"four{s}", f"right-{s}.example", day=1)
            self.order("correct", four, "--with", self.numbers[str(new["name"])])
            self.expect(str(four["name"]), ["XA"])
            self.expect(str(new["name"]), MEMBERS)

        def restrict() -> None:
            self.order("restrict", five)
            self.expect(str(five["name"]), (), MEMBERS)

        def restrict_and_lift() -> None:
            self.order("restrict", six)
            self.trouble()
            self.order("lift", six)

        def expire() -> None:
            end = datetime.now(UTC) + timedelta(seconds=4)
            self.order("expire", seven, "--expiry", instant_text(end))
            self.expect(str(seven["name"]), ["XA"])

        return [recall_all, recall_there, narrow, correct, restrict, restrict_and_lift, expire]

    # Trouble.

    def trouble(self) -> None:
        """Let something go wrong, and everybody pull through it."""
        name = self.chance.choice(OTHERS)
        node, line = self.bloc[name], self.bloc.lines[name]
        what = self.chance.choice(["part", "cut", "kill", "restart", "lie"])
        self.faults[what] = self.faults.get(what, 0) + 1
        match what:
            case "part":
                line.part()
            case "cut":
                line.cut_after = self.chance.randrange(500, 60_000)
            case "kill":
                node.kill()
                node.serve()
            case "restart":
                self.a.kill()
                self.a.serve()
            case _:
                self.bloc.proxies["XA"].tamper = self._lie()
        for _ in range(3):
            own, other = self.chance.sample(MEMBERS, 2)
            self.bloc[own].pull(other)  # as far as it goes
        if self.chance.random() < 0.6:
            self.heal()

    def heal(self) -> None:
        for line in self.bloc.lines.values():
            line.heal()
        self.bloc.proxies["XA"].tamper = lambda answer: answer

    def _lie(self) -> Callable[[Answer], Answer]:
        """Return what doubles or turns round the objects of some pages."""
        chance = random.Random(self.chance.random())

        def lie(answer: Answer) -> Answer:
            if "/objects" not in answer.path or answer.status != 200 or chance.random() < 0.4:
                return answer
            objects = answer.objects
            return answer.with_objects(
                [*objects, *objects] if chance.random() < 0.5 else objects[::-1]
            )

        return lie

    # A backup.

    def back_up(self, name: str) -> Path:
        place = self.folder / f"backup-{name}-{self.seed}"
        self.bloc[name].close()
        self.bloc[name].run("backup", str(place), "--with-keys")
        return place

    def restore(self, name: str, backup: Path) -> None:
        """Lose the store of a node that serves; the backup is put in its place."""
        node = self.bloc[name]
        self.heal()
        for other in MEMBERS:
            if other != name:
                self.bloc[other].pull(name)
        node.end()
        for each in ("foedus.db", "foedus.db-wal", "foedus.db-shm", "foedus.toml"):
            (node.data / each).unlink(missing_ok=True)
        node.run("restore", str(backup))
        shown = self.shown(name)
        recalled = {word for word, (who, _) in self.known.items() if name not in who}
        assert not shown & recalled, "a backup shows what was recalled since"
        node.serve()
        assert node.run("recover", expect=None)["finished"]

    # At rest.

    def set_down(self, waits_for_backup: Sequence[str] = ()) -> None:
        self.heal()
        deadline = time.monotonic() + 60
        while True:
            self.bloc.pull_all()
            matrix = self.matrix()
            open_ = {
                (each["order"], each["holder"], each["state"])
                for each in matrix
                if each["state"] != "attested"
                and not (each["state"] == "executed-in-part" and each["holder"] in waits_for_backup)
            }
            if not open_:
                break
            assert time.monotonic() < deadline, open_
        self.bloc.pull_all()

    def matrix(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.a.run(
            "orders", "matrix", "--rows", "all", "--limit", "1000"
        )["rows"]
        return rows

    def shown(self, name: str) -> set[str]:
        with self.bloc[name].wired.node.database.read() as tx:
            rows = tx.items.page(ItemFilter(), after=None, limit=10_000)
        return {row.title for row in rows}

    def standing(self, name: str) -> set[str]:
        states = frozenset({ItemState.HELD, ItemState.RESTRICTED, ItemState.DRAFT})
        states |= {ItemState.QUARANTINED, ItemState.AWAITING}
        with self.bloc[name].wired.node.database.read() as tx:
            rows = tx.items.page(ItemFilter(states=states, unheard=True), after=None, limit=10_000)
        return {row.title for row in rows}

    def check(self) -> None:
        """Look everywhere: lists, tools, search, the bytes of all files."""
        for name in MEMBERS:
            shown, stands = self.shown(name), self.standing(name)
            mine = self.known.keys()
            assert shown & mine == {w for w, (who, _) in self.known.items() if name in who}, name
            assert stands & mine == {w for w, (_, who) in self.known.items() if name in who}, name
            self._check_tools(name)
            self._check_files(name)

    def _check_tools(self, name: str) -> None:
        node = self.bloc[name]
        token = node.run("token", "create", "--user", "admin", "--scope", "read")["secret"]
        headers = {"authorization": f"Bearer {token}", "accept": TAXII}
        root = f"http://127.0.0.1:{node.port}/tools/collections/"
        with httpx.Client(headers=headers, trust_env=False, timeout=30) as client:
            listed = client.get(root).json()["collections"]
            pages = b""
            for each in listed:
                url = f"{root}{each['id']}/objects/?match[version]=all&limit=1000"
                answer = client.get(url)
                assert answer.status_code == 200, answer.text
                pages += answer.content
        for word, (who, _) in self.known.items():
            assert (word.encode() in pages) is (name in who), (name, word)

    def _check_files(self, name: str) -> None:
        here = {
            trace
            for word, (_, who) in self.known.items()
            if name in who
            for trace in (word, *self.traces[word])
        }
        every = {trace for word in self.known for trace in (word, *self.traces[word])}
        for place in sorted(self.bloc[name].data.rglob("*")):
            if not place.is_file():
                continue
            data = place.read_bytes()
            for trace in every - here:
                forms = [trace.encode(), *_encoded(trace.encode())]
                if len(trace) == 64:
                    forms = [trace.encode(), bytes.fromhex(trace)]
                assert not any(form in data for form in forms), (place, trace)


def _encoded(text: bytes) -> list[bytes]:
    """Return what base64 makes of a text whatever stands around it."""
    found = []
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + text)
        found.append(coded[(before * 8 + 5) // 6 : (before + len(text)) * 8 // 6])
    return found


@pytest.fixture(scope="module", name="bloc")
def _bloc(make_bloc: Callable[[], Bloc]) -> Bloc:
    bloc = make_bloc()
    bloc.found(*MEMBERS, proxied=["XA"], lined=OTHERS)
    return bloc


def run(bloc: Bloc, folder: Path, seed: int) -> Course:
    """Run one course by its seed to its rest, and look everywhere."""
    course = Course(bloc, folder, seed)
    acts = course.acts()
    restored = course.chance.choice(OTHERS)
    course.chance.shuffle(acts)
    bloc.pull_all()
    backup = course.back_up(restored)
    at = course.chance.randrange(len(acts))
    for number, act in enumerate(acts):
        act()
        course.trouble()
        if number == at:
            course.restore(restored, backup)
    shutil.rmtree(backup)
    course.set_down([restored])
    course.check()
    return course


def test_what_is_ordered_is_done_everywhere_through_every_trouble(
    bloc: Bloc, tmp_path: Path
) -> None:
    run(bloc, tmp_path, 1)


@pytest.mark.soak
def test_an_export_here_goes_and_one_handed_out_is_named(bloc: Bloc, tmp_path: Path) -> None:
    course = Course(bloc, tmp_path, 10_001)
    made = course.give("XA", "export", "export.example", "XB", "XC")
    bloc["XB"].pull("XA")
    bloc["XC"].pull("XA")
    node = bloc["XB"]
    node.close()
    node.run("export", str(made["id"]))
    out = tmp_path / "out.json"
    bloc["XC"].close()
    bloc["XC"].run("export", str(made["id"]), "--out", str(out))
    word = str(made["name"]).encode()
    kept = list((node.data / "exports").iterdir())
    assert any(word in each.read_bytes() for each in kept)
    course.order("recall", made, "--erase")
    course.expect(str(made["name"]), ())
    course.set_down(OTHERS)
    course.check()
    assert not any(each.exists() for each in kept)
    assert word in out.read_bytes()
    name = max(row["order"] for row in course.matrix())
    shown = course.a.run("orders", "show", name)
    beyond = {
        row["holder"]: row["attested_as"][-1]["beyond_reach"].get("export", 0)
        for row in shown["rows"]
    }
    assert beyond == {"XB": 0, "XC": 1}


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(100, 120))
def test_many_seeds(bloc: Bloc, tmp_path: Path, seed: int) -> None:
    run(bloc, tmp_path, seed)
