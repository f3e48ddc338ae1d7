"""What people see of an object in a list, and what a search finds in it."""

from __future__ import annotations

from foedus.model.objects import StixObject

__all__ = ["display_text"]

_MAX_TITLE_CHARS = 200
_MAX_TEXT_CHARS = 20_000


def display_text(obj: StixObject) -> tuple[str, str]:
    """Return (title, searchable text) of an object for people: name, value or pattern first."""
    document = obj.document()
    title = ""
    for name in ("name", "value", "pattern", "abstract", "relationship_type", "definition"):
        value = document.get(name)
        if isinstance(value, str) and value:
            title = value
            break
    words = [title]
    for name in ("description", "content", "pattern", "explanation"):
        value = document.get(name)
        if isinstance(value, str) and value != title:
            words.append(value)
    return title[:_MAX_TITLE_CHARS], "\n".join(words)[:_MAX_TEXT_CHARS]
