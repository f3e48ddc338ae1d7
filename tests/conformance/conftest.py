"""Two nodes for these tests: one in this process, and one as it ships, a process of its own."""

from __future__ import annotations

import importlib.util
import os
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.conformance.taxii_kit import Five, Place, Served

_HERE = Path(__file__).parent


def _load(name: str, place: Path) -> ModuleType:
    """Load a module that stands in no package under the name it is imported by."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, place)
        if spec is None or spec.loader is None:
            raise ImportError(name)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses look their module up by name
        spec.loader.exec_module(module)
    return sys.modules[name]


_node = _load("exchange_live_node", _HERE.parent / "unit" / "exchange" / "conftest.py")
kit = _load("tests.conformance.taxii_kit", _HERE / "taxii_kit.py")

live = _node.live
loopback = _node.loopback
log_lines = _node.log_lines
indicators = _node.indicators


@pytest.fixture(scope="session")
def new_store(request: pytest.FixtureRequest) -> Callable[[], str]:
    """Return what gives the address of an empty store: "" is a file, unless the run says else."""
    if os.environ.get("FOEDUS_TEST_ENGINE", "sqlite") != "postgres":
        return lambda: ""
    take: Callable[[], str] = request.getfixturevalue("databases").take
    return take


@pytest.fixture(scope="session")
def served(
    tmp_path_factory: pytest.TempPathFactory, new_store: Callable[[], str]
) -> Iterator[Served]:
    """One node for all tests of this folder; each test makes collections of its own in it."""
    with kit.serving(tmp_path_factory.mktemp("served"), database_url=new_store()) as node:
        yield node


@pytest.fixture(scope="session")
def five(served: Served) -> Five:
    """Collections with every combination of rights, for one token."""
    for name in ("conformance", "bench", "readonly", "writeonly", "noaccess"):
        served.create(name)
    token = served.token("conformance=rw", "bench=rw", "readonly=r", "writeonly=w")
    owner = served.token("readonly=w", "noaccess=rw")
    served.place("readonly", owner).put(kit.sign(1), kit.sign(2))
    hidden = served.place("noaccess", owner)
    hidden.put(kit.sign(1))
    made: Five = kit.Five(
        conformance=served.place("conformance", token),
        readonly=served.place("readonly", token),
        writeonly=served.place("writeonly", token),
        noaccess=hidden.name,
        noaccess_id=hidden.id,
    )
    return made


@pytest.fixture
def place(served: Served) -> Place:
    """An empty collection of the test's own, with a token to read and write it."""
    return served.fresh()


@pytest.fixture(scope="session")
def filled(served: Served) -> Place:
    """One collection that nobody changes: three versions of one sign, and one each of others.

    Added in this order: sign 1 of version 0, sign 2, an observable, sign 1 of version 2, a marking,
    sign 1 of version 1, which is an older version that arrived last.
    """
    made = served.fresh()
    made.put(kit.sign(1), kit.sign(2), kit.address(1))
    made.put(kit.sign(1, version=2), kit.statement(1))
    made.put(kit.sign(1, version=1))
    return made


@pytest.fixture
def absent() -> str:
    """A UUID that names nothing."""
    return str(uuid.uuid4())
