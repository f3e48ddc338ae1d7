"""The simulated world, for the tests of this folder."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def _load(name: str) -> ModuleType:
    """Load a module of this folder, which is no package, under the name it is imported by."""
    full = f"tests.simulation.{name}"
    if full not in sys.modules:
        spec = importlib.util.spec_from_file_location(full, Path(__file__).with_name(f"{name}.py"))
        if spec is None or spec.loader is None:
            raise ImportError(name)
        module = importlib.util.module_from_spec(spec)
        sys.modules[full] = module  # dataclasses look their module up by name
        spec.loader.exec_module(module)
    return sys.modules[full]


@pytest.fixture(scope="session")
def world() -> ModuleType:
    """Return the module of the simulated world."""
    _load("simulation_members")
    return _load("simulation_world")
