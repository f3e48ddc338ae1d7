"""Where SQL, the environment and the gate's mark may stand: in one place each."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from foedus.model.identifiers import MemberId, TreatyId
from foedus.node.dispatch import commit_batch
from foedus.release.errors import GateError
from foedus.release.gate import Gate, Released, ReleasedBatch

if TYPE_CHECKING:
    from tests.architecture.conftest import Module

SQL = re.compile(
    r"""^\s*(?:
        SELECT\s+.+\sFROM\s | SELECT\s+[\w*(]+\( | WITH\s+(?:RECURSIVE\s+)?\w+\s.*\bAS\s*\(
      | (?:INSERT|REPLACE)\s+(?:OR\s+\w+\s+)?INTO\s | UPDATE\s+(?:OR\s+\w+\s+)?\w+\s+SET\s
      | DELETE\s+FROM\s | (?:CREATE|DROP|ALTER)\s+(?:UNIQUE\s+|TEMP\w*\s+|VIRTUAL\s+)*
        (?:TABLE|INDEX|VIEW|TRIGGER)\s
      | PRAGMA\s+\w+ | (?:BEGIN|COMMIT|ROLLBACK|SAVEPOINT)(?:\s+(?:IMMEDIATE|DEFERRED|\w+))?\s*;?$
    )""",
    re.VERBOSE | re.DOTALL,
)
"""A statement at the start of a text, keywords in capitals as everywhere in the store."""

RUNS_SQL = {"execute", "executemany", "executescript"}
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}


def texts(module: Module) -> Iterator[str]:
    """Yield every text of a module that is no docstring; of an f-string its beginning."""
    skipped = module.docstrings()
    for node in module.walk():
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) not in skipped:
                yield node.value
        elif isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else " x " for part in node.values
            )


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a, b FROM item WHERE handle = ?",
        "SELECT count(*)",
        "\n  INSERT INTO item (a) VALUES (?)",
        "INSERT OR IGNORE INTO item VALUES (?)",
        "UPDATE item SET state = ?",
        "DELETE FROM draft",
        "WITH recent AS (SELECT 1) SELECT",
        "CREATE UNIQUE INDEX a ON b (c)",
        "PRAGMA journal_mode = WAL",
        "BEGIN IMMEDIATE",
    ],
)
def test_the_search_knows_a_statement(text: str) -> None:
    assert SQL.search(text)


@pytest.mark.parametrize(
    "text",
    ["GET", "DELETE", "Select what is disclosed from the list", "update the letter", "WITH TLS"],
)
def test_the_search_leaves_other_words_alone(text: str) -> None:
    assert not SQL.search(text)


def test_sql_stands_in_the_store_only(modules: Sequence[Module]) -> None:
    found = {m.place for m in modules for text in texts(m) if SQL.search(text)}
    assert found, "the search finds nothing at all: it looks for the wrong thing"
    assert not {place for place in found if not place.startswith("store/")}


def test_nothing_outside_the_store_runs_sql(modules: Sequence[Module]) -> None:
    found = {m.place for m in modules for call in m.calls() if call.split(".")[-1] in RUNS_SQL}
    assert found
    assert not {place for place in found if not place.startswith("store/")}


def test_the_database_driver_is_imported_in_the_store_only(modules: Sequence[Module]) -> None:
    found = {m.place for m in modules for name, _ in m.imports() if name == "sqlite3"}
    assert found
    assert not {place for place in found if not place.startswith("store/")}


def test_the_environment_is_read_in_the_settings_only(modules: Sequence[Module]) -> None:
    found = {
        module.place
        for module in modules
        for node in module.walk()
        if (isinstance(node, ast.Attribute) and node.attr in ENVIRONMENT)
        or (isinstance(node, ast.ImportFrom) and {a.name for a in node.names} & ENVIRONMENT)
        or (isinstance(node, ast.keyword) and node.arg in {"envvar", "auto_envvar_prefix"})
    }
    assert found == {"settings.py"}


def test_nobody_reads_the_home_directory(modules: Sequence[Module]) -> None:
    calls = {(m.place, call) for m in modules for call in m.calls()}
    assert not {each for each in calls if each[1].split(".")[-1] in {"expanduser", "home"}}


def test_only_the_gate_makes_what_may_leave(modules: Sequence[Module]) -> None:
    makers = {
        module.place
        for module in modules
        for call in module.calls()
        if call.split(".")[-1] in {"Released", "ReleasedBatch"}
    }
    assert makers == {"release/gate.py"}


def test_only_the_gate_has_the_mark(modules: Sequence[Module]) -> None:
    holders = {
        module.place
        for module in modules
        for node in module.walk()
        if (isinstance(node, ast.ImportFrom) and "GATE_MARK" in {a.name for a in node.names})
        or (isinstance(node, ast.Attribute) and node.attr == "GATE_MARK")
        or (isinstance(node, ast.Name) and node.id == "GATE_MARK")
    }
    assert holders == {"release/released.py", "release/gate.py"}


def test_nobody_makes_objects_around_their_constructor(modules: Sequence[Module]) -> None:
    around = {"object.__new__", "copy.copy", "copy.deepcopy", "copy.replace"}
    found = {m.place for m in modules for call in m.calls() if call in around}
    assert found <= {"model/selectors.py"}, "only selectors do, for what the store gave back"


@pytest.mark.parametrize("mark", [None, object(), "the gate", True])
def test_a_construction_elsewhere_raises(mark: object) -> None:
    item: dict[str, Any] = {
        "handle": 1, "obj": None, "originator": MemberId("XA"), "variant": False, "decision": None,
        "class_index": 0, "salt": bytes(32), "record": b"", "commitment": bytes(32),
    }  # fmt: skip
    batch: dict[str, Any] = {
        "exercise": True, "sender": MemberId("XA"), "recipient": MemberId("XB"),
        "treaty": TreatyId("0" * 64), "article": "2", "purpose": "prevention",
        "at": datetime(2026, 11, 24, tzinfo=UTC), "law_digest": "0" * 64, "asserted": None,
        "obligations": None, "salt": bytes(32), "root": bytes(32), "items": (), "classes": (),
        "terms": {},
    }  # fmt: skip
    with pytest.raises(GateError):
        Released(**item, mark=mark)
    with pytest.raises(GateError):
        ReleasedBatch(**batch, mark=mark)
    with pytest.raises(TypeError, match="mark"):
        Released(**item)


def test_a_lane_grows_in_one_place_only(modules: Sequence[Module]) -> None:
    appenders = {
        module.place
        for module in modules
        for call in module.calls()
        if call.endswith(".feeds.append")
    }
    assert appenders == {"node/dispatch.py"}
    makers = {m.place for m in modules for call in m.calls() if call.split(".")[-1] == "NewBatch"}
    # A restored node puts back what it released, signed and logged before; it releases nothing.
    rebuilding = {"node/recover_lanes.py"}
    outside = {place for place in makers if not place.startswith("store/")}
    assert outside == {"node/dispatch.py"} | rebuilding


def test_what_enters_a_lane_is_what_the_gate_released() -> None:
    assert commit_batch.__annotations__["batch"] == "ReleasedBatch"
    assert ReleasedBatch.__annotations__["items"] == "tuple[Released, ...]"
    assert Gate.protocol.__annotations__["return"] == "ReleasedBatch"


def test_batches_are_committed_by_the_two_operations_that_disclose(
    modules: Sequence[Module],
) -> None:
    callers = {m.place for m in modules for call in m.calls() if call == "commit_batch"}
    assert callers == {"node/dispatch.py", "node/disclose.py"}


def test_peers_are_served_rows_of_their_lane_and_nothing_else(modules: Sequence[Module]) -> None:
    """What decides and what reads items by handle has no place on the way out to peers."""
    outbound = {"node/serve_lane.py", "exchange/server/taxii_peers.py"}
    served = [module for module in modules if module.place in outbound]
    assert len(served) == len(outbound)
    calls = {call for module in served for call in module.calls() if ".items." in call}
    assert calls <= {"tx.items.by_object_id"}
    assert not [
        name for module in served for name, _ in module.imports() if "foedus.release" in name
    ]


def test_nobody_outside_the_edges_prints(modules: Sequence[Module]) -> None:
    calls = {(m.place, call) for m in modules for call in m.calls()}
    talking = {place for place, call in calls if call in {"print", "click.echo"}}
    assert {place.split("/")[0] for place in talking} <= {"cli", "demo"}
