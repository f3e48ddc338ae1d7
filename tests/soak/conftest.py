"""The bloc of the federation tests, and a proxy that cuts, slows and parts, for this folder."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def _load(full: str, place: Path) -> ModuleType:
    """Load a module of a folder that is no package under the name it is imported by."""
    if full not in sys.modules:
        spec = importlib.util.spec_from_file_location(full, place)
        if spec is None or spec.loader is None:
            raise ImportError(full)
        module = importlib.util.module_from_spec(spec)
        sys.modules[full] = module  # dataclasses look their module up by name
        spec.loader.exec_module(module)
    return sys.modules[full]


@pytest.fixture(scope="session")
def soak() -> ModuleType:
    """Return the module that runs six nodes under load."""
    tests = Path(__file__).parents[1]
    _load("tests.federation.conftest", tests / "federation" / "conftest.py")
    _load("tests.soak.soak_proxy", tests / "soak" / "soak_proxy.py")
    return _load("tests.soak.soak_bloc", tests / "soak" / "soak_bloc.py")
