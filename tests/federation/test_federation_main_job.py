"""The main job, end to end: a treaty, a release, what the others make of it, and the proof.

Four members; XD ratified the convention reserving Article 8. XA discloses the bundle that ships
with the demonstration. Each step below was done by the command line.
"""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from foedus.model.identifiers import MemberId
from foedus.node.errors import RefusedError
from foedus.node.find import find_items
from foedus.node.ports import ItemFilter, ItemRow, ItemState
from foedus.node.ratify import treaty_status

if TYPE_CHECKING:
    from tests.federation.conftest import Bloc, NodeProcess

KNOWN_TO_XB = "lanternfall-relief.example.com"
TERMS = (
    "--treaty", "",
    "--purpose", "prevention",
    "--purpose", "investigation",
    "--legal-basis", "Act 1, section 2",
    "--tlp", "green",
    "--grade", "B2",
    "--neutrality", "technical signs only",
    "--person", "suspect",
    "--review", "2099-06-01",
)  # fmt: skip
PAYER = """kind,value,description,first_seen
email,payer@mail.example,"EXERCISE: paid for tickets",2026-10-30
"""


@dataclass
class World:
    """The bloc after the main job, and what each command said.

    Attributes:
        items: How many items XA's bundle holds.
        source: Name of the bundle's source at XA.
        given: What ``disclose`` said.
        again: What the same ``disclose`` said the second time.
        pulled: What a pull of XA's bulk lane did at each member.
        payments: Source at XA of personal data on financing, for Article 8.
    """

    bloc: Bloc
    items: int
    source: str
    preview: list[dict[str, Any]]
    given: dict[str, Any]
    entries: int
    again: dict[str, Any]
    pulled: dict[str, dict[str, Any]]
    payments: str

    def __getitem__(self, member: str) -> NodeProcess:
        return self.bloc[member]


@pytest.fixture(scope="module", name="world")
def _world(make_bloc: Callable[[], Bloc], tmp_path_factory: pytest.TempPathFactory) -> World:
    bloc = make_bloc()
    bloc.found("XA", "XB", "XC", "XD", reserving={"XD": ["8"]})
    folder = tmp_path_factory.mktemp("inputs")
    xa = bloc["XA"]
    _hold(bloc["XB"], _table(folder / "held.csv", KNOWN_TO_XB), "--offence", "attack-planning")
    inputs = files("foedus.demo") / "inputs" / "bundle.json"
    bundle = folder / "bundle.json"
    bundle.write_bytes(inputs.read_bytes())
    source = _hold(xa, bundle, "--offence", "attack-planning")
    wish = (source, "--purpose", "prevention")
    preview = xa.run("preview", *wish)["decisions"]
    given = xa.run("disclose", *wish)
    entries = xa.figures().log_entries
    again = xa.run("disclose", *wish)
    pulled = {"XB": _bulk(bloc["XB"].run("pull", "XA"))}
    for member in ("XC", "XD"):
        [lane] = [each for each in bloc[member].pull("XA").lanes if each.lane == "bulk"]
        pulled[member] = asdict(lane)
    payments = folder / "payments.csv"
    payments.write_text(PAYER)
    return World(
        bloc=bloc,
        items=len(json.loads(bundle.read_text())["objects"]),
        source=source,
        preview=preview,
        given=given,
        entries=entries,
        again=again,
        pulled=pulled,
        payments=_hold(xa, payments, "--offence", "financing"),
    )


def _table(path: Path, *domains: str) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["kind", "value", "description", "first_seen"])
        writer.writerows(["domain", domain, "EXERCISE", "2026-11-03"] for domain in domains)
    return path


def _hold(node: NodeProcess, file: Path, *terms: str) -> str:
    """Submit a file and vouch for it by the command line; return the name of its source."""
    [submitted] = node.run("submit", str(file))["sources"]
    source: str = submitted["source"]
    node.run("vouch", source, *TERMS, *terms)
    return source


def _bulk(pulled: dict[str, Any]) -> dict[str, Any]:
    [lane] = [each for each in pulled["lanes"] if each["lane"] == "bulk"]
    found: dict[str, Any] = lane
    return found


def _rows(node: NodeProcess, **which: Any) -> list[ItemRow]:
    with node.wired.node.database.read() as tx:
        return find_items(tx, ItemFilter(**which))


def test_the_treaty_binds_all_four_and_shows_the_reservation(world: World) -> None:
    told = world["XB"].run("treaty", "status")
    assert told["in_force_since"] is not None
    assert {each["member"]: (each["stage"], each["reserved"]) for each in told["members"]} == {
        "XA": ("party", []),
        "XB": ("party", []),
        "XC": ("party", []),
        "XD": ("party", ["8"]),
    }
    for member in world.bloc.nodes:
        node = world[member].wired.node
        with node.database.read() as tx:
            assert (
                treaty_status(tx, node, world[member].treaty).document()["members"]
                == (told["members"])
            ), "every member computes the same"


def test_what_was_previewed_is_what_was_given(world: World) -> None:
    assert len(world.preview) == world.items * 3
    for member in world.given["members"]:
        previewed = [each for each in world.preview if each["recipient"] == member["member"]]
        releases = [each for each in previewed if each["verdict"].startswith("permit")]
        assert member["given"] == len(releases)
        assert member["given"] + len(member["withheld"]) == world.items
        assert member["already"] == 0
        under = {each["article"] for each in releases}
        assert {batch["article"] for batch in member["batches"]} == under


def test_each_member_decides_again_and_holds_what_it_was_given(world: World) -> None:
    for member in world.given["members"]:
        lane = world.pulled[member["member"]]
        assert lane["accepted"] == member["given"] > 0
        assert (lane["quarantined"], lane["known"], lane["fault"]) == (0, 0, "")
        held = _rows(world[member["member"]], received_from=frozenset({MemberId("XA")}))
        assert len(held) == member["given"]


def test_the_bytes_received_are_the_bytes_sent(world: World) -> None:
    for row in _rows(world["XB"], received_from=frozenset({MemberId("XA")})):
        with world["XB"].wired.node.database.read() as tx:
            received = tx.items.raw([row.handle])[row.handle]
        with world["XA"].wired.node.database.read() as tx:
            sent = tx.items.by_key(row.key)
            assert sent is not None
            assert tx.items.raw([sent.handle])[sent.handle] == received


def test_a_shared_domain_is_a_question_at_the_member_that_knows_it(world: World) -> None:
    assert world.pulled["XB"]["hits"] > 0
    assert world.pulled["XC"]["hits"] == 0
    hits = world["XB"].run("hits", "list")["hits"]
    assert f"domain:{KNOWN_TO_XB}" in {each["selector"] for each in hits}
    for hit in hits:
        assert hit["arrived"]["originator"] == "XA"
        assert hit["held"]["originator"] == "XB"
        assert hit["arrived"]["number"].startswith("XB-"), "a local number of the one who asks"
    [standing] = world["XB"].run("hits", "why", f"domain:{KNOWN_TO_XB}")["standing"]
    assert standing["code"] == "hit"


def test_a_second_disclosure_gives_nobody_anything_twice(world: World) -> None:
    for before, now in zip(world.given["members"], world.again["members"], strict=True):
        assert (now["given"], now["already"]) == (0, before["given"])
        assert now["batches"] == []
    assert world["XB"].run("pull", "XA")["lanes"][2]["batches"] == 0


def test_figures_agree_on_every_node(world: World) -> None:
    for member in world.bloc.nodes:
        for other in world.bloc.nodes:
            if other != member:
                world[member].pull(other)
    for member in world.bloc.nodes:
        figures = world[member].run("figures")
        assert figures["unbalanced"] == []
        assert all(lane["agreed"] for lane in figures["lanes"]), (member, figures["lanes"])
    ours = {(each.recipient, each.lane): each.items for each in world["XA"].figures().lanes}
    for member in ("XB", "XC", "XD"):
        assert sum(world[member].received("XA").values()) == ours[MemberId(member), "bulk"]


def test_a_receipt_proves_the_disclosure_offline_and_a_changed_one_does_not(
    world: World, tmp_path: Path
) -> None:
    row = next(row for row in _rows(world["XA"]) if row.type == "indicator")
    written = world["XA"].run("receipt", str(row.number), "-o", str(tmp_path / "r"))["receipts"]
    assert {each["given to"] for each in written} == {"XB", "XC", "XD"}
    letter = tmp_path / "letter"
    letter.write_bytes(world["XA"].letter())
    paths = [each["file"] for each in written]
    proved = _verify(*paths, "--letter", str(letter))
    assert proved.returncode == 0, proved.stderr
    for found in json.loads(proved.stdout)["receipts"]:
        assert found["holds"]
        assert found["record"]["sender"] == "XA"
        assert found["item"]["id"] == row.key.object_id
    changed = tmp_path / "changed"
    data = Path(paths[0]).read_bytes()
    changed.write_bytes(data.replace(b"XB", b"XC") if b"XB" in data else data[:-5] + b"AAAA\n")
    assert _verify(str(changed), "--letter", str(letter)).returncode == 4
    stranger = tmp_path / "stranger"
    stranger.write_bytes(world["XB"].letter())
    assert _verify(paths[0], "--letter", str(stranger)).returncode == 4


def _verify(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``foedus verify`` without any node: no data directory, no network."""
    return subprocess.run(
        [sys.executable, "-m", "foedus", "--json", "verify", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "/usr/bin:/bin"},
    )


def test_the_log_is_audited_by_its_owner_and_from_a_mere_copy(world: World, tmp_path: Path) -> None:
    audited = world["XA"].run("ledger", "audit")
    assert audited["size"] == world["XA"].figures().log_entries
    key = world["XA"].run("ledger", "key")["key"]
    copy = tmp_path / "copy"
    shutil.copytree(world["XA"].data / "ledger", copy)
    again = world["XB"].run("ledger", "audit", str(copy), "--key", key)
    assert (again["size"], again["root"]) == (audited["size"], audited["root"])
    [tile] = (copy / "tile" / "0").rglob(f"000.p/{audited['size']}")
    tile.write_bytes(bytes([tile.read_bytes()[0] ^ 1]) + tile.read_bytes()[1:])
    assert world["XB"].run("ledger", "audit", str(copy), "--key", key, expect=4)["stderr"]


def test_a_reserved_article_is_closed_in_both_directions(world: World, tmp_path: Path) -> None:
    wish = (world.payments, "--purpose", "prevention", "--article", "8")
    decided = world["XA"].run("preview", *wish)["decisions"]
    persons = [each for each in decided if each["type"] == "email-addr"]
    verdicts = {each["recipient"]: each["verdict"] for each in persons}
    assert verdicts["XD"] == "deny"
    assert verdicts["XB"].startswith("permit")
    [denied] = [each for each in persons if each["recipient"] == "XD"]
    assert any(
        reason["kind"] == "reservation" and "XD" in reason["text"] for reason in denied["reasons"]
    )
    given = {
        each["member"]: each["given"] for each in world["XA"].run("disclose", *wish)["members"]
    }
    assert given["XB"] == given["XC"] > 0
    assert given["XD"] == 0
    # And from XD to the others.
    file = tmp_path / "payments-of-xd.csv"
    file.write_text(PAYER.replace("payer", "payer.of.xd"))
    source = _hold(world["XD"], file, "--offence", "financing")
    back = world["XD"].run("disclose", source, "--purpose", "prevention", "--article", "8")
    assert [each["given"] for each in back["members"]] == [0, 0, 0]
    for member in back["members"]:
        assert all("reserv" in each["reason"] for each in member["withheld"]), member


def test_a_draft_leaves_under_no_name(world: World, tmp_path: Path) -> None:
    [submitted] = world["XA"].run("submit", str(_table(tmp_path / "d.csv", "draft.example")))[
        "sources"
    ]
    numbers = [each["number"] for each in submitted["drafts"]]
    before = world["XA"].figures().log_entries
    for reference in (numbers[0], submitted["source"], submitted["drafts"][0]["id"]):
        told = world["XA"].run("disclose", reference, "--purpose", "prevention", expect=1)
        assert "vouch" in told["stderr"]
    row = _rows(world["XA"], states=frozenset({ItemState.DRAFT}))[0]
    with pytest.raises(RefusedError):
        world["XA"].disclose([row], "XB")
    assert world["XA"].figures().log_entries == before


def test_local_numbers_are_understood_everywhere(world: World, tmp_path: Path) -> None:
    xc = world["XC"]
    [submitted] = xc.run("submit", str(_table(tmp_path / "n.csv", "one.example", "two.example")))[
        "sources"
    ]
    signs = [each["number"] for each in submitted["drafts"] if each["type"] == "indicator"]
    numbers = signs or [each["number"] for each in submitted["drafts"]]
    first, second = numbers[0], numbers[1]
    assert first.startswith("XC-2")
    assert xc.run("show", first)["number"] == first
    assert xc.run("discard", second, "--reason", "a test")["discarded"] == 1
    assert xc.run("vouch", first, *TERMS, "--offence", "attack-planning")["held"] == 1
    wish = (first, "--purpose", "prevention", "--to", "XB")
    [decided] = xc.run("preview", *wish)["decisions"]
    assert decided["number"] == first
    [member] = xc.run("disclose", *wish)["members"]
    assert member["given"] == 1
    [written] = xc.run("receipt", first, "-o", str(tmp_path))["receipts"]
    assert first in written["file"]
    assert xc.run("show", first)["disclosures"][0]["given to"] == "XB"
    # The recipient gives it a number of its own and knows it by that.
    world["XB"].pull("XC")
    [row] = _rows(world["XB"], received_from=frozenset({MemberId("XC")}))
    assert world["XB"].run("show", str(row.number))["originator"] == "XC"


def test_a_confirmed_hit_goes_back_as_a_sighting(world: World) -> None:
    xb = world["XB"]
    hit = next(
        each
        for each in xb.run("hits", "list")["hits"]
        if each["selector"] == f"domain:{KNOWN_TO_XB}"
    )
    made = xb.run("hits", "confirm", str(hit["number"]), "--reason", "checked", "--sighting")
    number = made["sighting"]["number"]
    xb.run("vouch", number, *TERMS, "--offence", "attack-planning")
    [member] = xb.run("disclose", number, "--purpose", "prevention", "--to", "XA")["members"]
    assert member["given"] == 1, member
    assert _bulk(world["XA"].run("pull", "XB"))["hits"] == 1
    [asked] = [
        each for each in world["XA"].run("hits", "list")["hits"] if each["how"] == "sighting"
    ]
    assert asked["held"]["id"] == hit["arrived"]["id"]
