"""A report once its format is off: title, text, and what it says of itself.

Plain text may open with lines like ``Title:``, ``Date:``, ``Source:`` and ``Language:``; Markdown
with the same between ``---`` lines. Only a date in ISO 8601 form is believed: ``03/04/2026`` means
two days.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

__all__ = ["Page", "header_of", "iso_instant", "language_tag", "page_with", "text_page"]

MAX_TITLE_CHARS: Final = 250
_HEADER_LINES: Final = 20
_HEADER: Final = re.compile(r"([A-Za-z]{3,9})[ \t]*:[ \t]*(\S.*)")
_HEADER_NAMES: Final = {
    "title": "title",
    "headline": "title",
    "date": "date",
    "published": "date",
    "source": "url",
    "url": "url",
    "language": "language",
    "lang": "language",
}
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One report.

    Attributes:
        title: Its title; empty if it has none.
        text: The text, paragraphs on lines of their own.
        published: When it says it was published; aware UTC.
        url: Where, if it says so.
        language: RFC 5646 tag, if it says so.
    """

    title: str
    text: str
    published: datetime | None = None
    url: str | None = None
    language: str | None = None


def text_page(text: str) -> Page:
    """Return the page of a plain text: its first line is its title, unless a header names one."""
    lines = text.splitlines()
    header = header_of(lines[:_HEADER_LINES])
    # Signs of a heading, and lines that set an attribute (AsciiDoc), are no part of a title.
    first = next((bare for line in lines if (bare := line.strip(" \t=#")) and bare[0] != ":"), "")
    title = header.get("title") or (first if len(first) <= MAX_TITLE_CHARS else "")
    return page_with(header, title=title, text=text.strip())


def page_with(header: Mapping[str, str], *, title: str, text: str) -> Page:
    """Return a page with what its header says."""
    url = header.get("url", "")
    return Page(
        title=title,
        text=text,
        published=iso_instant(header.get("date", "")),
        url=url if url.startswith(("http://", "https://")) else None,
        language=language_tag(header.get("language", "")),
    )


def header_of(lines: Iterable[str]) -> dict[str, str]:
    """Return what header lines say; the header ends where a line is of another form."""
    found: dict[str, str] = {}
    for line in lines:
        match = _HEADER.fullmatch(line.strip())
        if match is None:
            if line.strip():
                break
            continue
        name = _HEADER_NAMES.get(match[1].lower())
        if name is not None:
            found.setdefault(name, match[2].strip().strip("\"'"))
    return found


def iso_instant(text: str) -> datetime | None:
    """Return the instant of an ISO 8601 date, or of a date and time with its zone; else None."""
    try:
        instant = datetime.fromisoformat(text.strip())
        if instant.tzinfo is None:
            if len(text.strip()) > len("2026-11-24"):
                return None
            return instant.replace(tzinfo=UTC)
        return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def language_tag(text: str) -> str | None:
    """Return a language tag, or None if the text has not the form of one."""
    tag = text.strip()
    return tag if _LANGUAGE.fullmatch(tag) else None
