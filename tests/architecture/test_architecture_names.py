"""What others use is exported, what is public is documented, every error has its code."""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from foedus.cli.exits import EXIT_OF_CODE, Exit, exit_of
from foedus.errors import FoedusError
from foedus.exchange.server.errors import ANSWERS

if TYPE_CHECKING:
    from tests.architecture.conftest import Module

ROOT = Path(__file__).parents[2]
OURS = {
    "foedus": "the base; nobody raises it",
    "canonical": "whoever reads a caller's JSON raises an error of its own",
    "casework": "people of this node work on cases; what others say of one arrives by pulling",
    "client": "raised in a tool's own process, which calls this server",
    "clock.instant": "a caller's instant is read with an error of the request",
    "demo": "the demonstration serves nobody itself",
    "exchange": "the base; nobody raises it",
    "exchange.bind": "raised before anybody can call",
    "exchange.certificate": "read and made before anybody calls, or where this node is the caller",
    "exchange.webhook_address": "webhooks are added on the command line only",
    "intake": "no file is taken in while serving",
    "ledger": "our own log cannot be read; only an absent tile is an answer",
    "model": "what is stored cannot be read; only a caller's ids and objects are answers",
    "node": "the base; nobody raises it",
    "node.backup": "backups are made and restored on the command line only",
    "node.peer": "raised where this node is the caller",
    "node.peer-certificate": "raised where this node is the caller",
    "node.peer-closed": "raised where this node is the caller",
    "release": "nothing is decided while serving",
    "settings": "read before anybody can call",
    "signing": "our own keys and notes; only a caller's envelope is an answer",
    "store": "storage failed; what passes by itself is an answer",
    "treaty": "what is stored cannot be read; instruments arrive by pulling",
}
"""Codes, or what they begin with, that a caller gets as a bare 500, each with its reason."""


def every_error() -> Iterator[type[FoedusError]]:
    waiting: list[type[FoedusError]] = [FoedusError]
    while waiting:
        error = waiting.pop()
        if error.__module__.startswith("foedus."):
            yield error
        waiting.extend(error.__subclasses__())


@pytest.fixture(scope="module", name="errors")
def _errors(modules: Sequence[Module]) -> list[type[FoedusError]]:
    for module in modules:
        importlib.import_module(module.name)
    return sorted(set(every_error()), key=lambda each: (each.code, each.__qualname__))


def prefixes(code: str) -> list[str]:
    parts = code.split(".")
    return [".".join(parts[:end]) for end in range(len(parts), 0, -1)]


def test_every_error_has_a_code_of_its_own(errors: list[type[FoedusError]]) -> None:
    assert len(errors) > 50
    silent = [error.__qualname__ for error in errors if "code" not in error.__dict__]
    assert not silent
    by_code: dict[str, list[str]] = {}
    for error in errors:
        by_code.setdefault(error.code, []).append(error.__qualname__)
    assert not {code: names for code, names in by_code.items() if len(names) > 1}


def test_every_code_begins_with_its_folder(errors: list[type[FoedusError]]) -> None:
    for error in errors:
        folder = error.__module__.split(".")[1]
        if error is not FoedusError:
            assert error.code.split(".")[0] == folder, error.__qualname__


def test_every_error_name_ends_as_one(errors: list[type[FoedusError]]) -> None:
    odd = [e.__name__ for e in errors if not e.__name__.endswith(("Error", "Faults"))]
    assert not odd


def test_every_error_derives_from_the_one_base_of_its_folder(
    errors: list[type[FoedusError]],
) -> None:
    """One base per folder; a folder with a single error needs no base above it."""
    tops: dict[str, set[str]] = {}
    for error in errors:
        if error is not FoedusError and error.__bases__ == (FoedusError,):
            tops.setdefault(error.__module__.split(".")[1], set()).add(error.__qualname__)
    # Identifiers are named by every folder and may be caught without the rest of the model.
    tops["model"].discard("IdentifierError")
    assert not {folder: names for folder, names in tops.items() if len(names) != 1}


def test_every_code_has_an_exit_code(errors: list[type[FoedusError]]) -> None:
    for error in errors:
        assert set(prefixes(error.code)) & EXIT_OF_CODE.keys(), error.code
        assert exit_of(error.__new__(error)) is not Exit.FAULT, error.code


def test_no_exit_code_is_for_an_error_that_is_gone(errors: list[type[FoedusError]]) -> None:
    codes = {prefix for error in errors for prefix in prefixes(error.code)}
    assert not EXIT_OF_CODE.keys() - codes


def test_every_code_has_an_http_answer_or_is_ours(errors: list[type[FoedusError]]) -> None:
    """A new code is either given a row of the table, or said here to be a fault of this server."""
    missing = [
        error.code
        for error in errors
        if error.code not in ANSWERS and not set(prefixes(error.code)) & OURS.keys()
    ]
    assert not missing
    # A base of a folder here must not hide that an error callers cause has no row.
    of_callers = {"access", "exchange", "node"}
    for error in errors:
        folder = error.code.split(".")[0]
        if folder in of_callers and error.code not in OURS:
            assert error.code in ANSWERS, error.code


def test_no_http_answer_is_for_an_error_that_is_gone(errors: list[type[FoedusError]]) -> None:
    codes = {error.code for error in errors}
    assert not ANSWERS.keys() - codes
    assert not {code for code in OURS if not any(each.startswith(code) for each in codes)}


def test_an_answer_is_an_error_and_never_says_why_a_caller_is_unknown() -> None:
    for code, answer in ANSWERS.items():
        assert 400 <= answer.status < 600, code
        assert answer.authenticate is (answer.status == 401), code
        if answer.status in {401, 404} or answer.status >= 500:
            assert not answer.text, f"{code} would tell what is held"


def test_absent_and_not_for_you_look_alike() -> None:
    alike = {"exchange.no_such_resource", "ledger.tile_absent", "node.not-found"}
    assert len({ANSWERS[code] for code in alike}) == 1


def needs_export(module: Module) -> bool:
    """Say whether a module has names at all; a package may be a docstring alone."""
    return len(module.tree.body) > 1 and module.name != "foedus.__main__"


def test_every_module_says_what_it_exports(modules: Sequence[Module]) -> None:
    assert not [m.place for m in modules if needs_export(m) and m.exported is None]


def test_what_is_exported_exists(modules: Sequence[Module]) -> None:
    for module in modules:
        loaded = importlib.import_module(module.name)
        assert not [name for name in module.exported or () if not hasattr(loaded, name)]
        assert not [n for n in module.exported or () if n.startswith("_") and n != "__version__"]


def test_what_other_folders_import_is_exported(modules: Sequence[Module]) -> None:
    by_name = {module.name: module for module in modules}
    hidden = set()
    for module in modules:
        for source, name in module.imports():
            target = by_name.get(source)
            if target is None or f"{source}.{name}" in by_name or not name:
                continue
            if target.folder != module.folder and name not in (target.exported or ()):
                hidden.add(f"{source}.{name}, imported by {module.name}")
    assert not hidden


def test_every_folder_says_what_its_idea_is(modules: Sequence[Module]) -> None:
    for module in modules:
        if module.is_package:
            loaded = importlib.import_module(module.name)
            assert (loaded.__doc__ or "").strip(), module.place


@pytest.fixture(scope="module", name="ruff")
def _ruff() -> dict[str, Any]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        lint: dict[str, Any] = tomllib.load(file)["tool"]["ruff"]["lint"]
    return lint


def test_the_linter_demands_docstrings_of_everything_public(ruff: dict[str, Any]) -> None:
    assert "D" in ruff["select"]
    assert ruff["pydocstyle"] == {"convention": "google"}
    waived = {rule for rule in ruff["ignore"] if rule.startswith("D1")}
    assert waived == {"D105", "D107"}
    for pattern, rules in ruff["per-file-ignores"].items():
        if not pattern.startswith(("tests/", "bench/")):
            assert not [rule for rule in rules if rule.startswith("D1") or rule == "D"], pattern


def test_the_linter_keeps_the_house_rules(ruff: dict[str, Any]) -> None:
    wanted = {"ANN", "ARG", "B", "BLE", "C90", "D", "DTZ", "F", "PGH", "S", "T20", "TID", "TRY"}
    assert wanted - {"ANN"} <= set(ruff["select"])
    assert ruff["mccabe"]["max-complexity"] == 10
    assert ruff["flake8-tidy-imports"]["ban-relative-imports"] == "all"


def test_types_are_checked_strictly() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        tools = tomllib.load(file)["tool"]
    assert tools["mypy"]["strict"] is True
    assert tools["pytest"]["ini_options"]["filterwarnings"] == ["error"]
    assert (ROOT / "src" / "foedus" / "py.typed").exists()


def test_no_one_silences_a_checker_without_saying_what(modules: Sequence[Module]) -> None:
    for module in modules:
        for line in module.text.splitlines():
            assert "# type: ignore" not in line or "# type: ignore[" in line, (module.place, line)
            assert "# noqa" not in line or "# noqa: " in line, (module.place, line)
