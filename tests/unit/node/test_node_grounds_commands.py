"""``approve``, ``approvals``, ``consent``, ``feedback`` and ``duties``, over real stores."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from foedus.cli import app
from foedus.cli.exits import Exit
from foedus.model.identifiers import MemberId
from foedus.model.terms import CategoryOfPerson
from foedus.node.disclose import disclose

if TYPE_CHECKING:
    from tests.unit.node.conftest import Member, Trio

INDICATOR = "indicator--00000000-0000-4000-8000-000000000001"
PREVENTION = ("--to", "XB", "--purpose", "prevention")


@dataclass(frozen=True)
class Command:
    """The command line of one member's node, opened on a clock that stands still."""

    trio: Trio
    capture: pytest.CaptureFixture[str]
    patch: pytest.MonkeyPatch

    def __call__(
        self, member: Member, user: str, *arguments: str | Path, answer: str = ""
    ) -> tuple[int, str, str]:
        wired = member.wired
        self.patch.setattr(app.Session, "wired", property(lambda _self: wired))
        self.patch.setattr(app.Session, "close", lambda _self: None)
        self.patch.setattr("click.termui.visible_prompt_func", lambda _text: answer)
        self.capture.readouterr()
        code = app.run(["--data", "unused", "--as", user, *map(str, arguments)])
        said = self.capture.readouterr()
        return code, said.out, said.err

    def json(self, member: Member, user: str, *arguments: str | Path) -> dict[str, Any]:
        code, out, err = self(member, user, "--json", *arguments)
        assert code == Exit.DONE, err
        found: dict[str, Any] = json.loads(out)
        return found


@pytest.fixture(name="command")
def _command(
    trio: Trio, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Command:
    monkeypatch.delenv("FOEDUS_DATA", raising=False)
    monkeypatch.delenv("FOEDUS_USER", raising=False)
    return Command(trio=trio, capture=capsys, patch=monkeypatch)


def test_what_is_approved_is_shown_and_asked(trio: Trio, command: Command) -> None:
    trio.held()
    code, out, err = command(trio.a, "ada", "approve", INDICATOR, *PREVENTION, answer="y")
    assert code == Exit.DONE, err
    assert "You approve exactly this release, for the purpose prevention" in out
    for shown in ("XA-2026-00001", "Sign 1", "XB", "30 days", "0 of 1", "approved; it can be"):
        assert shown in out
    assert command.json(trio.a, "ada", "disclose", INDICATOR, *PREVENTION)["members"][0]["given"]


def test_every_row_that_is_approved_is_shown(trio: Trio, command: Command) -> None:
    """However many: nobody approves what was not before their eyes."""
    names = {f"indicator--00000000-0000-4000-8000-{n:012}" for n in range(1, 46)}
    for number in range(1, 46):
        trio.held(number)
    code, out, err = command(trio.a, "ada", "approve", *sorted(names), *PREVENTION, answer="y")
    assert code == Exit.DONE, err
    asked = out.split("approved; ")[0]
    for number in range(1, 46):
        assert f"XA-2026-{number:05}" in asked
    listed = command.json(trio.a, "ada", "approvals", "list")["approvals"]
    assert len(listed) == 45
    assert all(each["at"].endswith("Z") for each in listed)


WARNING = ("--to", "XB", "--purpose", "warning", "--yes")
CONTACT = {
    "person": CategoryOfPerson.CONTACT,
    "review": datetime(2027, 6, 1, tzinfo=UTC),
}


def test_what_needs_no_approval_is_left_out_and_counted(trio: Trio, command: Command) -> None:
    trio.held()
    serving = {"purposes": frozenset({"warning"})}
    person = trio.indicator(2, "bad2.example", description="ask jan.kowal@example.org")
    trio.a.held(person, **serving, **CONTACT)
    names = (INDICATOR, person["id"])
    code, out, err = command(trio.a, "ada", "approve", *names, *WARNING)
    assert code == Exit.DONE, err
    assert "1 release among these need no approval and were left out" in err
    assert ("XA-2026-00002" in out, "XA-2026-00001" in out) == (True, False)
    code, _, err = command(trio.a, "ada", "approve", INDICATOR, *WARNING)
    assert (code, "needs no approval for XB" in err) == (Exit.REFUSED, True)


def test_nobody_is_asked_about_what_would_be_withheld_all_the_same(
    trio: Trio, command: Command
) -> None:
    passport = {**trio.indicator(1, ""), "pattern": "[x-passport:number = 'X1234567']"}
    trio.a.held(
        {**passport, "description": "of jan.kowal@example.org"},
        purposes=frozenset({"warning"}),
        **CONTACT,
    )
    plain = ("--to", "XB", "--purpose", "warning")
    [row] = command.json(trio.a, "ada", "preview", INDICATOR, *plain)["decisions"]
    assert row["verdict"] == "needs-approval"
    assert "kind:document" in row["withheld"]
    told = command.json(trio.a, "ada", "explain", INDICATOR, *plain)
    assert told["withheld"] == row["withheld"]
    code, _, err = command(trio.a, "ada", "approve", INDICATOR, *WARNING)
    assert (code, "would be withheld from XB all the same" in err) == (Exit.REFUSED, True)
    assert command.json(trio.a, "ada", "approvals", "list") == {"approvals": []}


def test_who_says_no_approves_nothing(trio: Trio, command: Command) -> None:
    trio.held()
    code, _, err = command(trio.a, "ada", "approve", INDICATOR, *PREVENTION, answer="n")
    assert (code, err) == (Exit.REFUSED, "nothing was approved\n")
    assert command.json(trio.a, "ada", "approvals", "list") == {"approvals": []}


def test_two_persons_one_after_the_other(trio: Trio, command: Command) -> None:
    trio.held()
    wish = ("--to", "XB", "--purpose", "investigation", "--yes")
    _, out, _ = command(trio.a, "ada", "approve", INDICATOR, *wish)
    assert "1 more person must approve" in out
    [done] = command.json(trio.a, "ben", "approve", INDICATOR, *wish)["approved"]
    assert (done["approved_by"], done["needed"], done["article"]) == (["ada", "ben"], 2, "3")
    rows = command.json(trio.a, "ada", "approvals", "list")["approvals"]
    assert [(row["by"], row["subject"]) for row in rows] == [
        ("ada", done["subject"]), ("ben", done["subject"]),
    ]  # fmt: skip
    _, out, _ = command(trio.a, "ada", "approvals", "list")
    assert "Sign 1" in out
    assert command.json(trio.a, "ada", "approvals", "withdraw", "1")["state"] == "withdrawn"
    code, _, err = command(trio.a, "ben", "approvals", "withdraw", "1")
    assert (code, "alone takes it back" in err) == (Exit.REFUSED, True)


MISUSED: list[tuple[str, str, tuple[str, ...], int, str]] = [
    ("to nobody", "ada", ("--purpose", "prevention"), Exit.USAGE, "name the member"),
    ("as JSON, unasked", "ada", (*PREVENTION, "--json"), Exit.USAGE, "add --yes"),
    ("by an analyst", "ann", (*PREVENTION, "--yes"), Exit.DENIED, "supervisor"),
    ("by who submitted it", "admin", (*PREVENTION, "--yes"), Exit.REFUSED, "somebody else"),
    ("what is free", "ada", ("--to", "XB", "--purpose", "warning"), Exit.REFUSED, "needs no appr"),
]


@pytest.mark.parametrize(
    ("what", "user", "options", "code", "message"), MISUSED, ids=[row[0] for row in MISUSED]
)
def test_it_is_not_approved(
    trio: Trio,
    command: Command,
    what: str,
    user: str,
    options: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    assert what
    trio.held()
    found, out, err = command(trio.a, user, "approve", INDICATOR, *options)
    assert found == code
    assert message in out + err
    assert "Traceback" not in err


def test_a_consent_goes_from_its_originator_to_a_holder(
    trio: Trio, command: Command, tmp_path: Path
) -> None:
    item = trio.held()
    wired = trio.a.wired
    disclose(wired.node, trio.user("ada"), wired.gate, [item], trio.wish("warning"))
    trio.pull(trio.b, trio.a)
    file = tmp_path / "consent"
    give = ("consent", "give", INDICATOR, "--to", "XC", "--purpose", "warning")
    code, out, err = command(trio.a, "olga", *give, "--until", "2026-12-31", "-o", file)
    assert code == Exit.DONE, err
    assert out == f"Consent 1 written to {file}: send it to the holder.\n"
    _, out, _ = command(trio.b, "olga", "consent", "take", file)
    assert "XA consents until 2026-12-31: “Sign 1” may be passed on to XC" in out
    wish = ("--to", "XC", "--purpose", "warning")
    assert command.json(trio.b, "ada", "disclose", INDICATOR, *wish)["members"][0]["given"] == 1
    [given] = command.json(trio.a, "olga", "consent", "list")["consents"]
    [taken] = command.json(trio.b, "olga", "consent", "list")["consents"]
    assert (given["given"], taken["given"]) == (True, False)
    assert (given["sha256"], given["state"]) == (taken["sha256"], "stands")
    _, out, err = command(trio.a, "olga", "consent", "withdraw", "1")
    assert "no further release rests on it here" in out
    assert err == "1 member told by the feed\n"
    _, out, _ = command(trio.a, "olga", "consent", "list")
    assert "withdrawn" in out
    trio.clock.instant += timedelta(days=60)
    assert command.json(trio.b, "olga", "consent", "list")["consents"][0]["state"] == "run out"


def test_a_consent_is_asked_for_and_answered_on_the_command_line(
    trio: Trio, command: Command
) -> None:
    wired = trio.a.wired
    disclose(wired.node, trio.user("ada"), wired.gate, [trio.held()], trio.wish("warning"))
    trio.pull(trio.b, trio.a)
    ask = ("consent", "ask", INDICATOR, "--to", "XC", "--purpose", "warning")
    command(trio.b, "ann", *ask, "--until", "2026-12-31")
    trio.clock.instant += timedelta(seconds=1)
    _, out, _ = command(trio.b, "ann", *ask, "--until", "2026-12-31")
    trio.clock.instant += timedelta(seconds=1)
    assert out == "Request 2: XA is asked, and silence is a no from 2026-12-04 10:00 on.\n"
    trio.pull(trio.a, trio.b)
    _, out, _ = command(trio.a, "olga", "consent", "inbox")
    assert out.count("XB") == 2
    give = ("consent", "give", "1", "--condition", "no-further", "--keep-until", "2027-01-31")
    _, out, err = command(trio.a, "olga", *give)
    assert "may be passed on to XC until 2026-12-31" in out, err
    code, _, _ = command(trio.a, "olga", "consent", "give", "1", "--to", "XC")
    assert code == Exit.USAGE
    code, _, _ = command(trio.a, "olga", "consent", "give", INDICATOR)
    assert code == Exit.USAGE
    _, out, _ = command(trio.a, "olga", "consent", "refuse", "2", "--ground", "law")
    assert out == "Request 2 of XB is refused: law.\n"
    assert command.json(trio.a, "olga", "consent", "inbox")["requests"] == []
    trio.pull(trio.b, trio.a)
    found = command.json(trio.b, "ann", "consent", "requests")["requests"]
    assert [(each["state"], each["ground"]) for each in found] == [
        ("given", ""),
        ("refused", "law"),
    ]
    [taken] = command.json(trio.b, "olga", "consent", "list")["consents"]
    assert (taken["conditions"], taken["keep_until"][:10]) == (["no-further"], "2027-01-31")
    wish = ("--to", "XC", "--purpose", "warning")
    assert command.json(trio.b, "ada", "disclose", INDICATOR, *wish)["members"][0]["given"] == 1
    trio.pull(trio.c, trio.b)
    trio.pull(trio.a, trio.b)
    _, out, _ = command(trio.c, "ann", "show", INDICATOR)
    assert "passed on to us on conditions: no-further, ends 2027-01-31" in out
    [holder] = command.json(trio.a, "ann", "show", INDICATOR)["onward_holders"]
    assert (holder["holder"], holder["by"]) == ("XC", "XB")


def test_feedback_is_given_and_shown_on_the_command_line(trio: Trio, command: Command) -> None:
    wired = trio.a.wired
    disclose(wired.node, trio.user("ada"), wired.gate, [trio.held()], trio.wish("warning"))
    trio.pull(trio.b, trio.a)
    say = ("feedback", "false-positive", INDICATOR, "--text", "a shop")
    _, out, _ = command(trio.b, "ann", *say)
    assert "is drafted. Next: `foedus vouch" in out
    done = command.json(trio.b, "ann", *say)
    assert (done["new"], done["to"]) == (False, "XA")
    _, out, _ = command(trio.b, "ann", "feedback", "list")
    assert "false-positive" in out
    with trio.b.database.read() as tx:
        rows = tx.items.by_object_id(done["id"])
    trio.b.vouch(list(rows), purposes=frozenset({"warning"}))
    wish = ("--to", "XA", "--purpose", "warning")
    assert command.json(trio.b, "ada", "disclose", done["id"], *wish)["members"][0]["given"] == 1
    trio.pull(trio.a, trio.b)
    assert "DISPUTED by XB" in command(trio.a, "ann", "show", INDICATOR)[1]
    _, out, _ = command(trio.a, "ada", "preview", INDICATOR, "--purpose", "warning")
    assert "is DISPUTED by XB" in out
    back = ("feedback", "withdraw", done["id"], "--reason", "looked again")
    code, out, _ = command(trio.b, "ann", *back)
    assert (code, "an officer recalls it" in out) == (Exit.REFUSED, True)
    propose = ("feedback", "propose", INDICATOR, "--change", "correct", "--text", "misspelt")
    drafted = command.json(trio.b, "ann", *propose)["number"]
    _, out, _ = command(trio.b, "ann", "feedback", "withdraw", drafted, "--reason", "no")
    assert out == f"{drafted} is thrown away.\n"
    for word in ("agree", "disagree"):
        assert command.json(trio.b, "ann", "feedback", word, INDICATOR)["stance"] == word


def test_a_consent_may_be_written_to_standard_output(trio: Trio, command: Command) -> None:
    trio.held()
    give = ("consent", "give", INDICATOR, "--to", "XC", "--purpose", "warning")
    code, out, _ = command(trio.a, "olga", *give, "--until", "2026-12-31T12:00:00Z")
    assert code == Exit.DONE
    assert json.loads(out)["payloadType"] == "application/vnd.foedus.consent+json;v=1"


def test_a_damaged_consent_is_refused_in_words(
    trio: Trio, command: Command, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"no")
    code, _, err = command(trio.b, "olga", "consent", "take", tmp_path / "file")
    assert (code, "this file is no consent" in err) == (Exit.REFUSED, True)


def test_empty_lists_say_so(trio: Trio, command: Command) -> None:
    for words, said in (
        (("approvals", "list"), "No approvals.\n"),
        (("consent", "list"), "No consents.\n"),
        (("consent", "inbox"), "No requests.\n"),
        (("feedback", "list"), "No feedback.\n"),
        (("duties",), "Nothing is owed.\n"),
        (("duties", "--overdue"), "Nothing is overdue.\n"),
    ):
        assert command(trio.a, "ada", *words) == (Exit.DONE, said, "")


def test_duties_are_listed_and_a_review_is_done(trio: Trio, command: Command) -> None:
    trio.held()
    wish = ("--to", "XB", "--purpose", "life", "--threat-to-life")
    command.json(trio.a, "ada", "disclose", INDICATOR, *wish)
    rows = command.json(trio.a, "ada", "duties")["duties"]
    assert [(row["kind"], row["overdue"]) for row in rows] == [
        ("acknowledge", False), ("review", False),
    ]  # fmt: skip
    trio.clock.instant += timedelta(hours=2)
    _, out, _ = command(trio.a, "ada", "duties", "--overdue")
    assert "XB acknowledges what it was given" in out
    assert "2026-11-24 11:00" in out
    code, out, _ = command(trio.a, "ben", "duties", "done", "2", "--reason", "it was real")
    assert (code, out) == (Exit.DONE, "The release to XB of 2026-11-24 10:00 is reviewed.\n")
    assert len(command.json(trio.a, "ada", "duties")["duties"]) == 1
    code, _, err = command(trio.a, "olga", "duties", "done", "2", "--reason", "again")
    assert (code, "supervisor" in err) == (Exit.DENIED, True)


def test_a_member_is_needed(trio: Trio, command: Command) -> None:
    trio.held()
    code, _, err = command(
        trio.a, "ada", "approve", INDICATOR, "--to", "XZ", "--purpose", "prevention", "--yes"
    )
    assert (code, MemberId("XZ") in err) == (Exit.REFUSED, True)
