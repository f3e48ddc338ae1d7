"""When things fail that nobody willed: a peer down, a disk full, a file damaged, a wrong hand.

Each says plainly what happened, ends with its documented exit code, and leaves everything as it
was, so that the same command succeeds once the cause is gone.
"""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from foedus.access import Role
from foedus.cli.app import run as command_line
from foedus.cli.pulling import Puller
from foedus.intake.limits import DEFAULT_LIMITS
from foedus.model.identifiers import MemberId
from foedus.node.people import add_user
from foedus.node.pull import pull
from foedus.store.errors import StoreFullError
from foedus.store.sqlite import SQLiteDatabase

if TYPE_CHECKING:
    from tests.federation.conftest import Bloc, NodeProcess

XA, XB = MemberId("XA"), MemberId("XB")
TERMS = (
    "--treaty", "",
    "--purpose", "prevention",
    "--legal-basis", "Act 1, section 2",
    "--offence", "attack-planning",
    "--tlp", "green",
    "--grade", "B2",
    "--neutrality", "technical signs only",
)  # fmt: skip


def sign(number: int, **properties: Any) -> dict[str, Any]:
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--00000000-0000-4000-a000-{number:012d}",
        "created": "2026-11-20T08:00:00.000Z",
        "modified": "2026-11-20T08:00:00.000Z",
        "name": f"sign {number}",
        "indicator_types": ["malicious-activity"],
        "pattern": f"[domain-name:value = 'adverse-{number}.example']",
        "pattern_type": "stix",
        "valid_from": "2026-11-20T08:00:00Z",
        **properties,
    }


@dataclass
class Pair:
    """XA, which gives and is served, and XB, which takes.

    Attributes:
        made: How many items were made so far, so that each test has fresh ones.
    """

    bloc: Bloc
    made: int = 0

    @property
    def giver(self) -> NodeProcess:
        return self.bloc["XA"]

    @property
    def taker(self) -> NodeProcess:
        return self.bloc["XB"]

    def fresh(self, count: int, **properties: Any) -> list[dict[str, Any]]:
        self.made += count
        return [sign(self.made - each, **properties) for each in range(count)]

    def give(self, count: int, **properties: Any) -> None:
        rows = self.giver.hold(self.fresh(count, **properties))
        [done] = self.giver.disclose(rows, "XB")
        assert done.given == count

    def held(self) -> int:
        return self.taker.received("XA").get("accepted", 0)

    def agreed(self) -> bool:
        lanes = self.giver.figures().lanes
        return all(lane.agreed for lane in lanes if lane.recipient == XB)


@pytest.fixture(scope="module", name="pair")
def _pair(make_bloc: Callable[[], Bloc]) -> Pair:
    bloc = make_bloc()
    bloc.found("XA", "XB", silent=["XB"])
    node = bloc["XA"].wired.node
    for role in Role:
        add_user(node, bloc["XA"].actor, f"the-{role.value}", [role])
    return Pair(bloc=bloc)


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


@pytest.fixture(name="say")
def _say(pair: Pair, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run a command of XA's in this process and return what it said."""

    def run(*arguments: str, user: str = "admin", node: str = "XA") -> Said:
        capsys.readouterr()
        data = str(pair.bloc[node].data)
        code = command_line(["--data", data, "--as", user, "--json", *arguments])
        captured = capsys.readouterr()
        return Said(code=int(code), out=captured.out, err=captured.err)

    return run


# Peers.


def test_a_peer_that_is_down_is_said_to_be_and_asked_again(pair: Pair) -> None:
    pair.give(2)
    before = pair.held()
    pair.giver.kill()
    told = pair.taker.run("pull", "XA", expect=5)
    assert told["unreachable"] == ["XA"]
    assert "XA cannot be reached" in told["stderr"]
    assert pair.held() == before
    assert pair.taker.alarms() == {}
    pair.giver.serve()
    assert pair.taker.run("pull", "XA")["unreachable"] == []
    assert pair.held() == before + 2


def test_one_peer_that_is_down_delays_no_other(pair: Pair) -> None:
    """XA knows two peers: XB is down, XC is up; XA's pull of all still reaches XC."""
    xc = pair.bloc.add("XC") if "XC" not in pair.bloc.nodes else pair.bloc["XC"]
    pair.giver.accept(xc.letter())
    xc.accept(pair.giver.letter())
    xc.serve()
    told = pair.giver.run("pull", expect=5)
    assert told["unreachable"] == ["XB"]
    assert {lane["from"] for lane in told["lanes"] if not lane["fault"]} == {"XC"}
    xc.kill()


def test_one_peer_that_hangs_delays_no_other(pair: Pair) -> None:
    """XB takes XA's connections and says nothing; XA goes on pulling from XC meanwhile."""
    xa = pair.giver
    if "XC" not in pair.bloc.nodes:
        xa.accept(pair.bloc.add("XC").letter())
        pair.bloc["XC"].accept(xa.letter())
    xc = pair.bloc["XC"]
    xc.serve()
    puller = Puller(xa.wired, whole_s=0.2)
    with socket.create_server(("127.0.0.1", pair.taker.port)):
        for _ in range(3):
            before, end = _heard(xa, xc.member), time.monotonic() + 10
            while _heard(xa, xc.member) <= before:
                puller.step()
                assert time.monotonic() < end, "XC waits for XB"
                time.sleep(0.05)
        hanging = [each.name for each in threading.enumerate() if each.name == "foedus-pull-XB"]
        assert len(hanging) == 1, "XB is still being asked, once"
    puller.join(10)
    xc.kill()


def _heard(node: NodeProcess, member: MemberId) -> datetime:
    with node.wired.node.database.read() as tx:
        row = tx.peers.get(member)
    return datetime.min.replace(tzinfo=UTC) if row is None or row.heard is None else row.heard


def test_a_member_nobody_introduced_is_told_nothing(pair: Pair) -> None:
    """XZ knows XA; XA never accepted XZ's letter, and does not know its signature."""
    stranger = pair.bloc.add("XZ")
    stranger.accept(pair.giver.letter())
    told = stranger.run("pull", "XA", expect=5)
    assert "does not accept this node's signature" in told["stderr"]
    assert stranger.received("XA", "instruments") == {}


# Disk full.


@pytest.fixture(name="large")
def _large(pair: Pair) -> Iterator[None]:
    """Something large stands in XA's lane to XB."""
    pair.give(40, description="EXERCISE " * 4000)
    yield
    pair.taker.pull("XA")
    assert pair.agreed()


@pytest.mark.usefixtures("large")
def test_a_full_disk_at_the_receiver_keeps_the_whole_batch_out(pair: Pair) -> None:
    node, before = pair.taker.wired.node, pair.held()
    path = pair.taker.wired.settings.database
    full = SQLiteDatabase(path, member=XB, max_bytes=path.stat().st_size)
    with pytest.raises(StoreFullError, match="no room is left"):
        pull(replace(node, database=full), pair.taker.wired.gate, pair.taker.wired.client, XA)
    full.close()
    assert pair.held() == before
    assert pair.taker.alarms() == {}, "a full disk is not the sender's fault"
    report = pair.taker.pull("XA")
    assert (report.lanes[2].accepted, report.lanes[2].fault) == (40, "")


@pytest.mark.usefixtures("large")
def test_a_file_that_may_not_grow_ends_the_pull_with_its_own_exit_code(pair: Pair) -> None:
    before = pair.held()
    pair.taker.close()  # the last to close folds the journal into the file
    told = pair.taker.run("pull", "XA", expect=8, max_file_bytes=256 * 1024)
    assert told["stderr"].startswith("foedus: ")
    assert "Traceback" not in told["stderr"]
    assert pair.held() == before
    assert pair.taker.run("pull", "XA")["lanes"][2]["accepted"] == 40


def test_a_full_disk_at_the_sender_gives_nothing_and_records_nothing(pair: Pair) -> None:
    rows = pair.giver.hold(pair.fresh(300))
    numbers = [str(row.number) for row in rows]
    with pair.giver.wired.node.database.read() as tx:
        entries, lane = tx.ledger.count(), tx.feeds.lane(XB, "bulk")
    told = pair.giver.run(
        "disclose", *numbers, "--purpose", "prevention", "--to", "XB",
        expect=8, max_file_bytes=64 * 1024,
    )  # fmt: skip
    assert "Traceback" not in told["stderr"]
    with pair.giver.wired.node.database.read() as tx:
        assert tx.ledger.count() == entries
        assert tx.feeds.lane(XB, "bulk") == lane
    [member] = pair.giver.run("disclose", *numbers, "--purpose", "prevention", "--to", "XB")[
        "members"
    ]
    assert member["given"] == 300
    assert pair.giver.run("ledger", "audit")["size"] == entries + len(member["batches"])
    pair.taker.pull("XA")
    assert pair.agreed()


def test_an_old_backup_signs_nothing_and_serves_nothing(
    make_bloc: Callable[[], Bloc],
) -> None:
    """The database goes back and the head guard does not; the log is never told two ways."""
    bloc = make_bloc()
    bloc.found("XA", "XB", silent=["XB"])
    xa, xb = bloc["XA"], bloc["XB"]
    xa.disclose(xa.hold([sign(1)]), "XB")
    database, backup = xa.data / "foedus.db", bloc.folder / "backup.db"
    with closing(sqlite3.connect(database)) as live, closing(sqlite3.connect(backup)) as copy:
        live.backup(copy)
    xa.disclose(xa.hold([sign(2)]), "XB")
    xb.pull("XA")
    xa.end()
    signed = (xa.data / "ledger" / "checkpoint").read_bytes()
    for left in xa.data.glob("foedus.db*"):
        left.unlink()
    shutil.copy(backup, database)
    with xa.wired.node.database.read() as tx:
        lane = tx.feeds.lane(XB, "bulk")
    rows = xa.hold([sign(3)])
    told = xa.run(
        "disclose", str(rows[0].number), "--purpose", "prevention", "--to", "XB", expect=4
    )
    assert "guarded before" in told["stderr"]
    with xa.wired.node.database.read() as tx:
        before = (tx.ledger.count(), tx.law.revision(), tx.feeds.counts())
    text = bloc.folder / "another-treaty.md"
    with xa.wired.node.database.read() as tx:
        text.write_bytes(next(iter(tx.law.treaties().values())) + b"\n")
    for command in (["pull", "XB"], ["treaty", "adopt", str(text)]):
        assert "guarded before" in xa.run(*command, expect=4)["stderr"]
    with xa.wired.node.database.read() as tx:
        after = (tx.ledger.count(), tx.law.revision(), tx.feeds.counts())
    assert after == before, "an old backup takes, adopts and signs nothing either"
    assert (xa.data / "ledger" / "checkpoint").read_bytes() == signed
    with xa.wired.node.database.read() as tx:
        assert tx.feeds.lane(XB, "bulk") == lane, "nothing is released from an old backup"
    doctor = xa.run("doctor", expect=7)["findings"]
    assert [each for each in doctor if (each["level"], each["subject"]) == ("fault", "log")]
    xa.serve()
    assert xb.pull("XA").unreachable, "it serves nothing before it is recovered"
    assert xb.alarms() == {}, "which is no fault"
    assert xb.received("XA") == {"accepted": 2}
    told = xa.run("pull", "XB", expect=1)
    assert "foedus recover" in told["stderr"]


# Files.


def _nested(levels: int) -> bytes:
    return b'{"type":"bundle","id":"bundle--00000000-0000-4000-8000-000000000000","objects":[' + (
        b'{"a":' * levels + b"1" + b"}" * levels + b"]}"
    )


_BUNDLE = json.dumps(
    {
        "type": "bundle",
        "id": "bundle--00000000-0000-4000-8000-000000000001",
        "objects": [sign(900_001), sign(900_002)],
    }
).encode()

DAMAGED = [
    pytest.param("cut.json", _BUNDLE[:-40], "byte", id="a bundle cut off"),
    pytest.param("empty.json", b"", "file", id="an empty file"),
    pytest.param("nested.json", _nested(5_000), "file", id="a nest of 5 000 levels"),
    pytest.param("noise.bin", bytes(range(256)) * 64, "file", id="noise"),
    pytest.param("picture.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 2000, "file", id="a picture"),
    pytest.param("list.json", b"[1,2,3]", "", id="JSON of no known kind"),
    pytest.param(
        "bomb.xml",
        b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaaaaaaaa">'
        b'<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><CONSOLIDATED_LIST>&b;</CONSOLIDATED_LIST>',
        "",
        id="a list that would expand",
    ),
    pytest.param("cut.xml", b"<CONSOLIDATED_LIST><INDIVIDUALS><INDIV", "", id="a list cut off"),
]


@pytest.mark.parametrize(("name", "data", "place"), DAMAGED)
def test_a_damaged_file_is_refused_whole_with_its_name_place_and_reason(
    pair: Pair, say: Callable[..., Said], tmp_path: Path, name: str, data: bytes, place: str
) -> None:
    file = tmp_path / name
    file.write_bytes(data)
    before = pair.giver.figures()
    said = say("submit", str(file))
    assert said.code == 1, said.out
    message = said.err.strip()
    assert message.startswith(f"foedus: {name}: ")
    assert place in message
    assert len(message.split(": ", 3)) == 4, "file, place, reason"
    after = pair.giver.figures()
    assert after.sources == before.sources
    assert after.states == before.states


def test_a_file_past_the_limit_is_refused_before_it_is_read(
    pair: Pair, say: Callable[..., Said], tmp_path: Path
) -> None:
    file = tmp_path / "large.json"
    with file.open("wb") as stream:
        stream.write(b"{")
        stream.truncate(DEFAULT_LIMITS.file_bytes + 1_000_000)
    before = pair.giver.figures().sources
    said = say("submit", str(file))
    assert said.code == 1
    assert "large.json: file: " in said.err
    assert str(DEFAULT_LIMITS.file_bytes) in said.err
    assert pair.giver.figures().sources == before


def test_a_damaged_file_stops_no_good_one(
    pair: Pair, say: Callable[..., Said], tmp_path: Path
) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_bytes(_BUNDLE)
    bad.write_bytes(_BUNDLE[:-1])
    said = say("submit", str(bad), str(good))
    assert said.code == 1
    document = json.loads(said.out)
    assert [each["name"] for each in document["sources"]] == ["good.json"]
    assert document["sources"][0]["taken"] == 2
    assert [each for each in document["refused_files"] if "bad.json" in each]
    assert pair.giver.figures().unbalanced == ()


def test_a_damaged_entry_is_named_and_the_rest_is_read(
    pair: Pair, say: Callable[..., Said], tmp_path: Path
) -> None:
    damaged = sign(900_010)
    del damaged["pattern"]
    file = tmp_path / "entries.json"
    objects = [sign(900_011), damaged, sign(900_011)]
    file.write_text(
        json.dumps({"type": "bundle", "id": _BUNDLE_ID, "objects": objects}), encoding="utf-8"
    )
    said = say("submit", str(file))
    [source] = json.loads(said.out)["sources"]
    assert (source["read"], source["taken"]) == (3, 1)
    assert len(source["duplicates"]) == 1
    [refused] = source["refused"]
    assert "1" in refused["place"]
    assert "pattern" in refused["reason"]
    assert pair.giver.figures().unbalanced == ()


_BUNDLE_ID = "bundle--00000000-0000-4000-8000-000000000002"


# Hands and names.


@pytest.mark.parametrize(
    ("user", "arguments"),
    [
        pytest.param("the-analyst", ("disclose", "{held}", "--purpose", "prevention"),
                     id="an analyst discloses"),
        pytest.param("the-auditor", ("disclose", "{held}", "--purpose", "prevention"),
                     id="an auditor discloses"),
        pytest.param("the-legal", ("vouch", "{draft}", *TERMS), id="a legal officer vouches"),
        pytest.param("the-analyst", ("vouch", "{draft}", *TERMS),
                     id="an analyst finds neutrality"),
        pytest.param("the-auditor", ("submit", "{file}"), id="an auditor submits"),
        pytest.param("the-analyst", ("treaty", "sign"), id="an analyst signs a treaty"),
        pytest.param("the-supervisor", ("treaty", "ratify"), id="a supervisor ratifies"),
        pytest.param("the-analyst", ("peers", "add", "{letter}", "--fingerprint", "AAAA"),
                     id="an analyst introduces a member"),
        pytest.param("the-officer", ("user", "add", "friend", "--role", "analyst"),
                     id="an officer adds a user"),
        pytest.param("the-analyst", ("quarantine",), id="an analyst opens the quarantine"),
    ],
)  # fmt: skip
def test_the_wrong_role_is_refused_with_the_role_that_would_do(
    pair: Pair, say: Callable[..., Said], tmp_path: Path, user: str, arguments: tuple[str, ...]
) -> None:
    file, letter = tmp_path / "file.json", tmp_path / "letter"
    file.write_bytes(_BUNDLE)
    letter.write_bytes(pair.taker.letter())
    [held] = pair.giver.hold(pair.fresh(1))
    draft_file = tmp_path / "draft.json"
    draft_file.write_text(
        json.dumps({"type": "bundle", "id": _BUNDLE_ID, "objects": pair.fresh(1)})
    )
    draft = json.loads(say("submit", str(draft_file)).out)["sources"][0]["drafts"][0]["number"]
    names = {"held": str(held.number), "draft": draft, "file": str(file), "letter": str(letter)}
    before = pair.giver.figures()
    said = say(*(part.format(**names) for part in arguments), user=user)
    assert said.code == 6, said.err
    assert said.err.startswith(f"foedus: user {user} may not do this: it needs the role ")
    after = pair.giver.figures()
    assert (after.states, after.log_entries) == (before.states, before.log_entries)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        pytest.param(("disclose", "{held}", "--purpose", "prevention", "--treaty", "ffffffff"),
                     3, "0 treaties begin with 'ffffffff'", id="a treaty nobody knows"),
        pytest.param(("disclose", "{held}", "--purpose", "prevention", "--to", "XQ"),
                     1, "XQ is no party", id="a member that is no party"),
        pytest.param(("disclose", "{held}", "--purpose", "prevention", "--to", "XA"),
                     1, "nothing to itself", id="to oneself"),
        pytest.param(("disclose", "{held}", "--purpose", "revenge"),
                     1, "revenge", id="a purpose the treaty lacks"),
        pytest.param(("disclose", "{held}", "--purpose", "prevention", "--article", "99"),
                     1, "99", id="an article the treaty lacks"),
        pytest.param(("preview", "{held}", "--purpose", "revenge"),
                     1, "revenge", id="a preview for a purpose the treaty lacks"),
        pytest.param(("disclose", "XA-2026-99999", "--purpose", "prevention"),
                     3, "XA-2026-99999", id="a number nothing has"),
        pytest.param(("disclose", "whatever", "--purpose", "prevention"),
                     3, "no local number", id="no name at all"),
        pytest.param(("disclose", "{held}"), 2, "--purpose", id="no purpose"),
        pytest.param(("show", "source:99999"), 3, "source:99999", id="a source that is not here"),
        pytest.param(("pull", "XQ"), 3, "XQ", id="pull from a member nobody introduced"),
        pytest.param(("pull", "not a member"), 1, "not a member", id="pull from what is no member"),
        pytest.param(("receipt", "{held}", "-o", "{folder}"),
                     3, "disclosed to nobody", id="a receipt of what was given to nobody"),
        pytest.param(("verify", "{file}"), 2, "--key or --letter", id="verify by nobody's word"),
        pytest.param(("verify", "{file}", "--letter", "{letter}"),
                     4, "", id="verify what is no receipt"),
        pytest.param(("treaty", "adopt", "{file}"), 1, "line", id="adopt what is no treaty"),
        pytest.param(("treaty", "sign"), 1, "has signed this treaty already", id="sign twice"),
        pytest.param(("treaty", "ratify"), 1, "already", id="ratify twice"),
        pytest.param(("hits", "confirm", "99999", "--reason", "x"),
                     3, "99999", id="a hit that is not here"),
    ],
)  # fmt: skip
def test_an_unknown_name_is_said_plainly(
    pair: Pair,
    say: Callable[..., Said],
    tmp_path: Path,
    arguments: tuple[str, ...],
    code: int,
    says: str,
) -> None:
    file, letter = tmp_path / "file.json", tmp_path / "letter"
    file.write_bytes(_BUNDLE)
    letter.write_bytes(pair.giver.letter())
    [held] = pair.giver.hold(pair.fresh(1))
    names = {
        "held": str(held.number),
        "file": str(file),
        "letter": str(letter),
        "folder": str(tmp_path / "out"),
    }
    before = pair.giver.figures().log_entries
    said = say(*(part.format(**names) for part in arguments))
    assert said.code == code, (said.out, said.err)
    assert says in said.err + said.out
    assert "Traceback" not in said.err
    assert pair.giver.figures().log_entries == before


def test_a_user_nobody_added_may_do_nothing(say: Callable[..., Said]) -> None:
    said = say("search", "x", user="nobody")
    told = say("disclose", "source:1", "--purpose", "prevention", user="nobody")
    assert told.code == 3
    assert "no user 'nobody'" in told.err
    assert said.code in {0, 3}


def test_a_port_that_is_taken_is_said_to_be(pair: Pair) -> None:
    told = pair.giver.run("serve", expect=1)
    assert f"port {pair.giver.port}" in told["stderr"]
