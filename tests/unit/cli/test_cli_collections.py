"""Collections and their tokens on the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from foedus.access import Actor, Role
from foedus.cli.exits import Exit
from foedus.compose import open_node
from foedus.node.collected import CollectionPost, take_objects
from foedus.settings import load_settings

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Line, Made


def indicator(number: int) -> bytes:
    return json.dumps(
        {
            "type": "indicator",
            "spec_version": "2.1",
            "id": f"indicator--00000000-0000-4000-8000-{number:012d}",
            "created": "2026-01-01T00:00:00.000Z",
            "modified": "2026-01-01T00:00:00.000Z",
            "pattern": f"[url:value = 'https://{number}.example']",
            "pattern_type": "stix",
            "valid_from": "2026-01-01T00:00:00Z",
        },
        indent=1,
    ).encode()


def post(made: Made, name: str, *raws: bytes) -> None:
    wired = open_node(load_settings(made.a))
    try:
        with wired.node.database.read() as tx:
            [number] = [each.number for each in tx.collections.all() if each.name == name]
        take_objects(
            wired.node.database,
            wired.node.clock,
            CollectionPost(
                collection=number,
                actor=Actor(user="ana", roles=frozenset({Role.ANALYST})),
                objects=raws,
                secret=b"s" * 32,
                member=wired.node.identity.member,
            ),
            keep=lambda _tx, _outcomes: None,
        )
    finally:
        wired.close()


def test_a_collection_is_made_shown_submitted_and_deleted(cli: Line, made: Made) -> None:
    row = cli.json("collections", "create", "wires", "--title", "Wire transfers")
    assert row["exercise"] is True
    assert cli("collections", "create", "wires").code == Exit.REFUSED
    post(made, "wires", indicator(901), indicator(902))
    shown = cli.json("collections", "show", "wires", "--limit", "1")
    assert shown["objects"] == 2
    assert shown["more"] is True
    assert [each["id"][-3:] for each in shown["shown"]] == ["901"]
    text = cli("collections", "show", "wires").out
    assert text.startswith("EXERCISE")
    assert "Wire transfers" in text
    assert "2 objects," in text
    raw = cli("collections", "show", "wires", "--id", shown["shown"][0]["id"], "--raw").out
    assert json.loads(raw) == json.loads(indicator(901))
    assert len(raw.splitlines()) == 1
    [listed] = cli.json("collections", "list")["collections"]
    assert (listed["collection"], listed["objects"], listed["submitted"]) == ("wires", 2, "")
    assert "yes" in cli("collections", "list").out

    [source] = cli.json("submit", "--collection", "wires")["sources"]
    assert (source["new"], source["name"]) == (2, "collection wires")
    assert cli.json("submit", "--collection", "wires")["sources"] == []
    assert cli("submit", "--collection", "wires").out == "Nothing new.\n"
    assert cli("submit", "--collection", "none").code == Exit.NOT_FOUND
    assert cli("submit").code == Exit.USAGE

    assert cli.json("collections", "delete", "wires", "--yes")["objects"] == 2
    assert cli("collections", "show", "wires").code == Exit.NOT_FOUND


def test_a_token_with_a_grant_has_no_other_scope_unless_asked(cli: Line) -> None:
    cli.json("collections", "create", "news")
    made = cli.json("token", "create", "--user", "ana", "--grant", "news=rw")
    assert (made["scope"], made["grants"]) == ("", {"news": "rw"})
    both = cli.json(
        "token", "create", "--user", "ana", "--scope", "read", "--grant", "news=w",
        "--expires", "2099-01-01", "--certificate", ":".join(["AB"] * 32),
    )  # fmt: skip
    assert both["certificate"] == "ab" * 32
    rows = {each["token"]: each for each in cli.json("token", "list")["tokens"]}
    assert rows[both["token"]]["grants"] == {"news": "w"}
    assert rows[both["token"]]["expires"].startswith("2099-01-01")
    assert rows[made["token"]]["used"] == ""
    assert cli.json("collections", "show", "news")["tokens"] == {
        made["token"]: "rw",
        both["token"]: "w",
    }
    cli.json("collections", "delete", "news", "--yes")
    rows = {each["token"]: each for each in cli.json("token", "list")["tokens"]}
    assert rows[made["token"]]["grants"] == {}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--grant", "none=r"), Exit.NOT_FOUND),
        (("--grant", "none"), Exit.USAGE),
        (("--grant", "none=x"), Exit.USAGE),
        (("--grant", "a=r", "--grant", "a=w"), Exit.USAGE),
        (("--expires", "2020-01-01"), Exit.REFUSED),
        (("--certificate", "ab"), Exit.REFUSED),
    ],
)
def test_a_token_that_cannot_be_is_refused(
    cli: Line, arguments: tuple[str, ...], code: Exit
) -> None:
    assert cli("token", "create", "--user", "ana", *arguments).code == code
