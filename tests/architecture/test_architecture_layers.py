"""Imports point inwards, every folder has its place, none is a drawer for odds and ends."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.architecture.conftest import Module

ROOT = Path(__file__).parents[2]
MAX_LINES = 500
LONG_MODULES: dict[str, str] = {}
"""Modules that may be longer, each with its reason."""

DRAWERS = {"utils", "util", "common", "helpers", "helper", "base", "misc", "shared", "lib", "core"}


def configuration() -> dict[str, Any]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)


def contracts() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = configuration()["tool"]["importlinter"]["contracts"]
    return found


def test_every_import_contract_holds() -> None:
    command = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run(
        [command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Contracts: {len(contracts())} kept, 0 broken." in done.stdout


def test_every_top_level_name_has_a_layer_and_every_layer_exists() -> None:
    [layers] = [each for each in contracts() if each["type"] == "layers"]
    named = [name.strip() for layer in layers["layers"] for name in layer.split("|")]
    source = ROOT / "src" / "foedus"
    present = {
        path.stem
        for path in source.iterdir()
        if (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").exists()
    }
    assert sorted(named) == sorted(present)
    assert layers["exhaustive"] is True, "a new folder must not slip in without a place"


def test_the_layers_are_those_the_documents_name() -> None:
    [layers] = [each for each in contracts() if each["type"] == "layers"]
    spoken = " > ".join(each for each in layers["layers"] if each != "__main__")
    text = " ".join((ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split())
    assert spoken in text


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [
        ("node", "sqlite3"),
        ("release", "httpx"),
        ("ledger", "socket"),
        ("intake", "starlette"),
        ("treaty", "click"),
        ("matching", "rich"),
    ],
)
def test_the_core_is_kept_from_input_and_output(folder: str, forbidden: str) -> None:
    assert any(
        f"foedus.{folder}" in each["source_modules"] and forbidden in each["forbidden_modules"]
        for each in contracts()
        if each["type"] == "forbidden"
    )


def test_imports_are_absolute(modules: Sequence[Module]) -> None:
    relative = [
        module.place
        for module in modules
        if any(line.lstrip().startswith("from .") for line in module.text.splitlines())
    ]
    assert not relative


def test_no_module_is_long_without_a_reason(modules: Sequence[Module]) -> None:
    long = {
        module.place for module in modules if len(module.text.splitlines()) > MAX_LINES
    } - LONG_MODULES.keys()
    assert not long, "look for the second idea, or give the reason in LONG_MODULES"


def test_no_reason_outlives_its_module(modules: Sequence[Module]) -> None:
    lengths = {module.place: len(module.text.splitlines()) for module in modules}
    stale = [place for place in LONG_MODULES if lengths.get(place, 0) <= MAX_LINES]
    assert not stale


def test_no_folder_or_module_is_a_drawer_for_odds_and_ends() -> None:
    places = (ROOT / "src", ROOT / "tests", ROOT / "bench")
    found = [
        path
        for place in places
        for path in place.rglob("*")
        if path.stem.lower() in DRAWERS and (path.is_dir() or path.suffix == ".py")
    ]
    assert not found
