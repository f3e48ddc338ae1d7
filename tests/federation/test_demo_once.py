"""``foedus demo --once --json`` for real: six nodes, one treaty, every receipt checked."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

MEMBERS = ["XA", "XB", "XC", "XD", "XE", "XF"]
GIVEN_TIME_S = 900


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The JSON of one whole run, which kept nothing."""
    folder = tmp_path_factory.mktemp("demo")
    temporary = folder / "tmp"
    temporary.mkdir()
    done = subprocess.run(
        [sys.executable, "-m", "foedus", "demo", "--once", "--json"],
        cwd=folder,
        env={**os.environ, "TMPDIR": str(temporary), "FOEDUS_DATA": str(folder / "mine")},
        capture_output=True,
        encoding="utf-8",
        timeout=GIVEN_TIME_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "19/19" in done.stderr
    assert list(temporary.iterdir()) == []
    assert not (folder / "mine").exists()
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def _of(rows: list[dict[str, Any]], member: str) -> dict[str, Any]:
    return next(row for row in rows if row["member"] == member)


def test_every_step_held(run: dict[str, Any]) -> None:
    assert run["held"]
    assert run["failures"] == []
    assert run["exercise"]
    assert run["checks"] > 100
    assert all(step["seconds"] > 0 for step in run["steps"])


def test_six_members_with_keys_of_their_own_are_bound(run: dict[str, Any]) -> None:
    assert list(run["nodes"]) == MEMBERS
    assert len({node["fingerprint"] for node in run["nodes"].values()}) == len(MEMBERS)
    assert run["treaty"]["reserved"] == {
        "XA": [],
        "XB": [],
        "XC": [],
        "XD": ["8"],
        "XE": [],
        "XF": ["13"],
    }


def test_every_verdict_occurs(run: dict[str, Any]) -> None:
    assert set(run["verdicts"]) == {"permit", "permit-redacted", "needs-approval", "deny"}
    assert [each["verdict"] for each in run["passed_on"]] == ["needs-consent"]


def test_what_was_read_is_accounted_for(run: dict[str, Any]) -> None:
    for each in run["entered"]:
        assert each["read"] == each["taken"] + each["duplicates"] + len(each["refused"])
    assert {each["member"] for each in run["entered"]} == set(MEMBERS)


@pytest.mark.parametrize("member", MEMBERS[1:])
def test_given_withheld_and_received_agree(run: dict[str, Any], member: str) -> None:
    given, received = _of(run["given"], member), _of(run["received"], member)
    withheld = sum(number for _, _, number in given["withheld"])
    assert given["asked"] == given["given"] + given["already"] + withheld
    assert given["given"] == sum(given["articles"].values()) == received["accepted"]
    assert received["quarantined"] == 0
    assert received["redacted"] > 0
    assert received["hits"] > 0
    assert ("8" in given["articles"]) == (member != "XD")


def test_sightings_go_back_except_from_the_member_that_reserves_them(run: dict[str, Any]) -> None:
    assert {each["member"]: each["given"] for each in run["feedback"]} == {
        "XB": True,
        "XC": True,
        "XD": True,
        "XE": True,
        "XF": False,
    }
    assert _of(run["feedback"], "XF")["reason"] == "article 13 is reserved by XF"
    assert {each["member"] for each in run["seen"]} == {"XB", "XC", "XD", "XE"}


def test_a_request_after_a_hit_is_answered_within_its_clock(run: dict[str, Any]) -> None:
    (request,) = run["requests"]
    assert (request["member"], request["to"], request["state"]) == ("XB", "XA", "closed")
    assert request["drafted_by"] != request["approved_by"]
    assert request["answer_approved_by"] != request["answered_by"]
    assert request["answer"] == "collect@lanternfall-relief.example.com"
    assert request["useful"] == 5


def test_a_correction_is_carried_out_by_all_holders(run: dict[str, Any]) -> None:
    rows = [each for each in run["carried"] if each["action"] == "correct"]
    assert [row["member"] for row in rows] == MEMBERS[1:]
    assert {row["state"] for row in rows} == {"attested"}
    assert not any(row["breach"] for row in rows)


def test_a_recall_reaches_who_was_down_and_who_is_late(run: dict[str, Any]) -> None:
    rows = {each["member"]: each for each in run["carried"] if each["action"] == "recall"}
    assert list(rows) == MEMBERS[1:]
    for row in rows.values():
        assert row["state"] == "attested"
        assert row["ordered"] < row["executed"] <= row["attested"]
        assert bool(row["breach"]) == (row["late_s"] > 0)
    assert rows["XE"]["breach"]
    assert [member for member, row in rows.items() if row["was_down"]] == ["XF"]


def test_nothing_is_left_of_what_was_recalled(run: dict[str, Any]) -> None:
    assert [each["member"] for each in run["traces"]] == MEMBERS
    for each in run["traces"]:
        assert each["files"] > 5
        assert (each["found_of_first"], each["hits"]) == (0, 0)
        holds_it_from_an_inquiry_of_its_own = each["member"] == "XD"
        assert bool(each["value"]) == holds_it_from_an_inquiry_of_its_own
        assert each["found"] == int(holds_it_from_an_inquiry_of_its_own)
    assert any("recalled" in each for each in run["brought_back"])


def test_everything_given_is_proved(run: dict[str, Any]) -> None:
    evidence = {each["member"]: each for each in run["evidence"]}
    assert list(evidence) == MEMBERS
    given = sum(each["given"] for each in run["given"])
    recalled = sum(each["items"] for each in run["entered"] if each["name"] == "tip.csv")
    corrected, answered = 5, 1
    assert evidence["XA"]["receipts"] == given - 5 * recalled + corrected + answered
    for each in evidence.values():
        assert each["verified"] == each["receipts"]
        assert each["agreed"] == each["lanes"]
        assert each["balanced"]
        assert each["log_entries"] > 0
    assert "does not hold" in run["tampered"]
    assert run["dossier"] > 5


def test_each_log_is_witnessed_by_a_quorum(run: dict[str, Any]) -> None:
    assert [each["member"] for each in run["witnessed"]] == MEMBERS
    for each in run["witnessed"]:
        assert (each["needed"], each["witnesses"], each["forks"]) == (4, 5, 0)
        assert each["covered"] == each["entries"] > 0
        assert each["cosigned_by"] >= each["needed"]


def test_no_node_outlives_the_run(run: dict[str, Any]) -> None:
    for node in run["nodes"].values():
        assert not Path(node["data"]).exists()
        place = urlsplit(node["address"])
        with socket.socket() as probe:
            assert probe.connect_ex((str(place.hostname), place.port or 0)) != 0
