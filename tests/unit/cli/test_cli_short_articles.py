"""Articles in force in a line: what stands next to each other is told as a run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from foedus.cli.treaty_law import articles_in_short
from foedus.model.identifiers import ArticleId

if TYPE_CHECKING:
    from foedus.treaty.articles import Treaty

_TREATY = cast(
    "Treaty",
    SimpleNamespace(
        articles=[SimpleNamespace(id=each) for each in ["1", "2", "3", "4", "5", "5bis", "6", "7"]]
    ),
)


@pytest.mark.parametrize(
    ("articles", "told"),
    [
        ("1 2 3 4 5 5bis 6 7", "1-7"),
        ("1 2 4 5 5bis 7", "1, 2, 4-5bis, 7"),
        ("3", "3"),
        ("6 7", "6, 7"),
        ("", ""),
    ],
)
def test_articles_in_short(articles: str, told: str) -> None:
    assert articles_in_short(_TREATY, {ArticleId(each) for each in articles.split()}) == told
