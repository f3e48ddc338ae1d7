"""What a member asks of another after a loss: a copy of a log, and the rows it once gave."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.exchange.conftest import Live

NAME = "a" * 64


@pytest.mark.parametrize("path", [f"/mirror/{NAME}/checkpoint", "/foedus/returned/bulk?after=0"])
def test_nobody_unknown_is_answered(live: Live, path: str) -> None:
    assert live.http.get(path).status_code == 401
    answer = live.http.get(path, headers={"authorization": "Bearer nothing"})
    assert answer.status_code == 401


def test_a_tool_may_read_a_copy_and_ask_for_no_rows(live: Live) -> None:
    assert live.as_tool(f"/mirror/{NAME}/checkpoint").status_code == 404, "let in; there is none"
    assert live.as_tool("/foedus/returned/bulk?after=0").status_code == 401


@pytest.mark.parametrize(
    "query", ["", "?after=", "?after=-1", "?after=1e3", "?before=1", "?after=" + "9" * 40]
)
def test_a_place_that_is_none_is_refused(live: Live, query: str) -> None:
    assert live.as_member(f"/foedus/returned/bulk{query}").status_code == 400
