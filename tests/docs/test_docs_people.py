"""Which role may do what, as the code asks for it: docs/people.md shows exactly this table.

`python tests/docs/test_docs_people.py` writes the table anew.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType

from foedus.access import Role

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "people.md"
BEGIN, END = "<!-- roles: begin -->\n", "<!-- roles: end -->\n"
Asked = tuple[bool, frozenset[Role]]
"""Whether it is asked in every case, and the roles of which one is enough."""


@cache
def operations() -> Mapping[str, set[Asked]]:
    """Return public operation → what it asks of whoever acts, itself or by what it calls."""
    asked: dict[str, set[Asked]] = {}
    calls: dict[str, set[str]] = {}
    for package in ("node", "cli"):
        for path in sorted((ROOT / "src" / "foedus" / package).glob("*.py")):
            place = f"{package}.{path.stem}"
            tree = ast.parse(path.read_text("utf-8"))
            module = importlib.import_module(f"foedus.{place}")
            imported = _imported(tree)
            for each in tree.body:
                if isinstance(each, ast.FunctionDef):
                    name = f"{place}.{each.name}"
                    asked[name] = set(_asked(each, module))
                    calls[name] = {imported.get(call, f"{place}.{call}") for call in _called(each)}
    changed = True
    while changed:
        before = sum(map(len, asked.values()))
        for name, others in calls.items():
            for other in others & asked.keys():
                if name.startswith("node.") or other.startswith("cli."):
                    helper = other.rpartition(".")[2].startswith("_")
                    asked[name] |= {(every and helper, some) for every, some in asked[other]}
        changed = sum(map(len, asked.values())) > before
    return {
        name: some
        for name, some in asked.items()
        if some and not name.rpartition(".")[2].startswith("_")
    }


def _imported(tree: ast.Module) -> Mapping[str, str]:
    """Return name → where it comes from, of what a module takes from the folder of operations."""
    found: dict[str, str] = {}
    for each in ast.walk(tree):
        if isinstance(each, ast.ImportFrom) and (each.module or "").startswith("foedus.node."):
            place = (each.module or "").removeprefix("foedus.")
            found.update({one.asname or one.name: f"{place}.{one.name}" for one in each.names})
    return found


def _called(function: ast.FunctionDef) -> Iterator[str]:
    for each in ast.walk(function):
        if isinstance(each, ast.Call) and isinstance(each.func, ast.Name):
            yield each.func.id


def _asked(function: ast.FunctionDef, module: ModuleType) -> Iterator[Asked]:
    always = {id(each) for each in _always(function.body)}
    for node in ast.walk(function):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == "require_role"
        ):
            named = {role for argument in node.args[1:] for role in _roles(argument, module)}
            if named:
                yield id(node) in always, frozenset(named)
            else:  # a list made in the function: whatever it mentions, in some cases
                yield False, frozenset(_mentioned(function))


def _always(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Return what is reached whatever is asked: plain statements, and those in `with` blocks."""
    for each in body:
        if isinstance(each, ast.With):
            yield from _always(each.body)
        elif isinstance(each, ast.Expr):
            yield each.value


def _roles(argument: ast.expr, module: ModuleType) -> Iterator[Role]:
    match argument:
        case ast.Attribute(value=ast.Name(id="Role"), attr=name):
            yield Role[name]
        case ast.Name(id=name):
            yield getattr(module, name)
        case ast.Starred(value=ast.Name(id=name)):
            yield from getattr(module, name, ())
        case _:
            raise AssertionError(f"roles are named, not computed: {ast.unparse(argument)}")


def _mentioned(function: ast.FunctionDef) -> Iterator[Role]:
    for each in ast.walk(function):
        match each:
            case ast.Attribute(value=ast.Name(id="Role"), attr=name):
                yield Role[name]
            case _:
                continue


def table() -> str:
    """Return the table: an x where a role is enough, (x) where it is asked sometimes."""
    roles = list(Role)
    lines = [
        "| operation | " + " | ".join(roles) + " |",
        "|---|" + "---|" * len(roles),
    ]
    for name, asked in sorted(operations().items()):
        always = {role for every, some in asked if every for role in some}
        some = {role for every, some in asked if not every for role in some}
        cells = ["x" if role in always else "(x)" if role in some else "" for role in roles]
        lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def test_the_page_shows_who_may_do_what() -> None:
    text = PAGE.read_text("utf-8")
    shown = text.partition(BEGIN)[2].partition(END)[0]
    assert shown == table(), "run `python tests/docs/test_docs_people.py`"


def test_every_role_is_good_for_something_and_none_for_everything() -> None:
    asked = operations().values()
    assert {Role.ADMINISTRATOR} in [some for each in asked for _, some in each]
    for role in set(Role) - {Role.REVIEWER}:
        may = [name for name, each in operations().items() if all(role in some for _, some in each)]
        assert may, role
        assert len(may) < len(operations()) / 2, role


def _write() -> None:
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(before + BEGIN + table() + END + after, "utf-8")


if __name__ == "__main__":
    _write()
