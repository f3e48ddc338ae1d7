"""What casework-api.md shows runs as it stands; its routes and openapi.json are the server's."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.exchange.casework_kit import world_of

from foedus.cli.api_reference import with_casework
from foedus.exchange.server.casework import CASE_ROUTES
from foedus.exchange.server.casework_call import MAX_CASE_BODY_BYTES, MAX_LIMIT
from foedus.exchange.server.casework_repeat import KEPT, MAX_KEY_CHARS

if TYPE_CHECKING:
    from tests.unit.exchange.casework_kit import World

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "casework-api.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
_NAME = "node_pair_for_casework"
if _NAME not in sys.modules:
    _spec = importlib.util.spec_from_file_location(_NAME, ROOT / "tests/unit/node/conftest.py")
    if _spec is None or _spec.loader is None:
        raise ImportError(_NAME)
    _made = importlib.util.module_from_spec(_spec)
    sys.modules[_NAME] = _made  # dataclasses look their module up by name
    _spec.loader.exec_module(_made)
_node = sys.modules[_NAME]
concluded_by_three = _node._concluded_by_three


@pytest.fixture(scope="module", name="world")
def _world(concluded_by_three: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world_of(_node, concluded_by_three, tmp_path_factory.mktemp("docs")) as world:
        yield world


def test_each_example_runs(world: World) -> None:
    assert len(EXAMPLES) == 3
    for number, example in enumerate(EXAMPLES, start=1):
        names = {
            "address": world.bases["XA"],  # type: ignore[index]  # a member's id is a text
            "token": world.token("olga"),
            "item": world.given(number),
        }
        exec(compile(example, f"casework-api.md {number}", "exec"), names)  # noqa: S102  # as shown


def test_every_route_stands_on_the_page_with_who_may() -> None:
    rows = re.findall(r"^\| `([A-Z]+ /[^`]*)` \| ([^|]*) \| ([^|]*) \|$", PAGE, re.MULTILINE)
    assert rows == [
        (
            f"{each.method} {each.template}",
            ", ".join(role.value for role in each.roles) or "anyone",
            each.does,
        )
        for each in CASE_ROUTES
    ]


def test_the_description_is_made_from_the_routes() -> None:
    """If not: ``python -m foedus.cli.api_reference docs/openapi.json``."""
    document = json.loads((ROOT / "docs" / "openapi.json").read_text(encoding="utf-8"))
    assert document == json.loads(json.dumps(with_casework(document)))


def test_the_limits_shown_are_those_kept() -> None:
    assert (MAX_CASE_BODY_BYTES, MAX_LIMIT, MAX_KEY_CHARS, KEPT.days) == (512 * 1024, 500, 128, 1)
    assert "512 KiB" in PAGE
    assert "1 to 128 plain characters" in PAGE
