"""What people see of an object in a list, and what a search finds in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from foedus.model.kinds import statement_of
from foedus.model.objects import StixObject

__all__ = ["display_text"]

_MAX_TITLE_CHARS = 200
_MAX_TEXT_CHARS = 20_000


class _Shown(msgspec.Struct, gc=False):
    """What is shown of an object; the rest is passed over unread."""

    name: object = None
    value: object = None
    pattern: object = None
    abstract: object = None
    relationship_type: object = None
    definition: object = None
    description: object = None
    content: object = None
    explanation: object = None


_shown = msgspec.json.Decoder(_Shown)


def display_text(obj: StixObject) -> tuple[str, str]:
    """Return (title, searchable text) of an object for people: name, value or pattern first."""
    statement = statement_of(obj)
    if statement is not None:
        return _of_request(statement)
    shown = _shown.decode(obj.raw)
    titles = (
        shown.name,
        shown.value,
        shown.pattern,
        shown.abstract,
        shown.relationship_type,
        shown.definition,
    )
    title = next((each for each in titles if isinstance(each, str) and each), "")
    texts = (shown.description, shown.content, shown.pattern, shown.explanation)
    words = [title, *(each for each in texts if isinstance(each, str) and each != title)]
    return title[:_MAX_TITLE_CHARS], "\n".join(words)[:_MAX_TEXT_CHARS]


def _of_request(statement: Mapping[str, Any]) -> tuple[str, str]:
    """A request is shown by its name and whom it goes to; its words are found, and its values."""
    texts = [statement.get(name) for name in ("description", "legal_basis")]
    selectors = statement.get("selectors")
    texts += selectors if isinstance(selectors, list) else []
    title = (
        f"request {statement.get('name')} of {statement.get('from')}: {statement.get('purpose')}"
    )
    words = [title, *(each for each in texts if isinstance(each, str) and each)]
    return title[:_MAX_TITLE_CHARS], "\n".join(words)[:_MAX_TEXT_CHARS]
