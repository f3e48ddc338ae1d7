"""``foedus orders`` on both sides: ordered, kept on a ground, released, late, closed."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from foedus.access import Role
from foedus.cli import app
from foedus.cli.exits import Exit
from foedus.node.case_clock import tick
from foedus.node.doctor import examine
from foedus.node.people import add_user

Line = Callable[..., Any]


@pytest.fixture(name="line")
def _line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Line:
    """Run a command of a member; the answer is read as JSON, or is (code, out, err) with words."""
    monkeypatch.delenv("FOEDUS_DATA", raising=False)
    monkeypatch.delenv("FOEDUS_USER", raising=False)

    def run(member: Any, *arguments: str, user: str = "admin", words: bool = False) -> Any:
        wired = member.wired
        monkeypatch.setattr(app.Session, "wired", property(lambda _self: wired))
        monkeypatch.setattr(app.Session, "close", lambda _self: None)
        capsys.readouterr()
        asked = [] if words else ["--json"]
        code = app.run(["--data", "unused", "--as", user, *asked, "orders", *arguments])
        said = capsys.readouterr()
        if words:
            return code, said.out, said.err
        assert code == Exit.DONE, said.err
        return json.loads(said.out)

    return run


RECALL = ("--article", "2", "--reason", "wrong")


def test_orders_from_end_to_end(pair: Any, line: Line) -> None:
    for member in (pair.a, pair.b):
        add_user(member.wired.node, member.actor, "other", {Role.OFFICER, Role.ANALYST})
        node = member.wired.node
        add_user(node, member.actor, "officer", {Role.OFFICER})
    handles = pair.a.held(pair.indicator(1, "one.example"), pair.indicator(2, "two.example"))
    pair.a.disclose(handles, pair.treaty)
    pair.pull(pair.b)
    assert line(pair.a, "list") == {"orders": []}
    assert "No order" in line(pair.a, "list", words=True)[1]
    first, second = (str(row.number) for row in pair.a.read(lambda tx: tx.items.rows(handles)))
    other = pair.indicator(1, "one.example")["id"]
    on_file = ("--ground", "court-file", "--reason", "a file")
    kept = line(pair.b, "keep", other, *on_file, user="officer")
    assert kept["versions"] == 1

    issued = line(pair.a, "issue", "recall", first, second, *RECALL, user="officer")
    assert (issued["orders"], issued["holders"]) == (["XA-O-2026-00001"], ["XB"])
    code, _, err = line(pair.a, "issue", "recall", first, *RECALL, user="nobody", words=True)
    assert code == Exit.NOT_FOUND, err
    code, out, _ = line(pair.a, "issue", "restrict", first, *RECALL, user="officer", words=True)
    assert (code, "Ordered: XA-O-2026-00002" in out) == (Exit.DONE, True)

    pair.pull(pair.b)
    pair.pull(pair.a)
    [newer, older] = line(pair.b, "received")["orders"]
    assert (older["state"], older["kept"][0]["ground"]) == ("executed-in-part", "court-file")
    assert older["counts"]["versions"] == 1
    assert (newer["action"], newer["state"]) == ("restrict", "attested")
    assert "court-file" in line(pair.b, "received", words=True)[1]
    matrix = line(pair.a, "matrix", "--rows", "kept")
    [row] = matrix["rows"]
    assert (row["order"], row["kept"], row["overdue"]) == ("XA-O-2026-00001", 1, False)
    assert matrix["figures"]["holders"]["attested"] == 1
    shown = line(pair.a, "show", "XA-O-2026-00001")
    assert shown["rows"][0]["attested_as"][0]["final"] is False
    code, out, _ = line(pair.a, "show", "XA-O-2026-00001", words=True)
    assert "kept for court-file: 1" in " ".join(out.split())
    assert line(pair.a, "show", "XA-O-2026-00009", words=True)[0] == Exit.NOT_FOUND

    assert line(pair.b, "release", other, user="officer")["versions"] == 1
    pair.pull(pair.a)
    assert line(pair.a, "matrix")["rows"] == []
    every = line(pair.a, "matrix", "--rows", "all", "--limit", "1")
    assert every["next"] == "1/XB"
    after = line(pair.a, "matrix", "--rows", "all", "--after", every["next"])
    assert [each["order"] for each in after["rows"]] == ["XA-O-2026-00002"]
    assert line(pair.a, "matrix", "--after", "x", words=True)[0] == Exit.USAGE

    [third] = line(pair.a, "issue", "lift", first, *RECALL, user="officer")["orders"]
    pair.clock.instant += timedelta(days=4)
    tick(pair.a.wired.node, pair.a.wired.gate)
    [breach] = line(pair.a, "breaches")["breaches"]
    assert (breach["order"], breach["executed"]) == (third, None)
    assert "overdue" in line(pair.a, "matrix", words=True)[1]
    findings = examine(pair.a.wired.node, pair.a.wired.node.ledger)
    assert {each.subject: each.level for each in findings}["orders given"] == "fault"
    close = ("close", str(breach["breach"]), "--reason", "a power failure")
    assert line(pair.a, *close, user="officer", words=True)[0] == Exit.REFUSED
    assert line(pair.a, *close, user="other")["closed_by"] == "other"
    assert "No breach" in line(pair.a, "breaches", words=True)[1]
    assert len(line(pair.a, "breaches", "--all")["breaches"]) == 1
    code, _, err = line(pair.b, "execute", "1", user="officer", words=True)
    assert (code, "was carried out" in err) == (Exit.REFUSED, True)
