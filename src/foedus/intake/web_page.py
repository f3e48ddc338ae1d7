"""An HTML page to the report in it: the article without menus, notices and scripts.

The article is found by trafilatura. Where it finds none, the text of the whole page is taken, since
to lose a report is worse than to keep a menu. Addresses behind links are not taken: most lead
elsewhere on the site.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import trafilatura
from lxml import etree
from trafilatura.settings import Document

from foedus.intake.limits import IntakeError, IntakeLimits
from foedus.intake.markup import Element, parse_html
from foedus.intake.report_page import Page, iso_instant, language_tag

__all__ = ["web_page"]

_LIBRARY_FAULTS: Final = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
    etree.LxmlError,
)
"""What trafilatura and its parts raise on pages they do not expect; it documents none of it."""

_NO_TEXT: Final = ("script", "style", "noscript", "template")


def web_page(text: str, *, name: str, now: datetime, limits: IntakeLimits) -> Page:
    """Return the report in a page.

    Args:
        text: The HTML, decoded; untrusted.
        name: The file's name, for messages.
        now: A date later than this is not believed.
        limits: The limits in force.

    Raises:
        IntakeError: It is no page, or too deep.
    """
    root = parse_html(text, name=name, limits=limits)
    language = language_tag(root.get("lang") or root.get("xml:lang") or "")
    whole = _whole_text(root)
    heading = _title(root)
    try:
        found = trafilatura.bare_extraction(
            root,
            include_comments=False,
            include_tables=True,
            favor_recall=True,
            with_metadata=True,
            date_extraction_params={
                "extensive_search": True,
                "original_date": True,
                "max_date": now.strftime("%Y-%m-%d"),
            },
        )
    except _LIBRARY_FAULTS as error:
        reason = f"the page could not be read: {type(error).__name__}"
        raise IntakeError(name=name, place="file", reason=reason) from error
    if not isinstance(found, Document) or not found.text:
        return Page(title=heading, text=whole, language=language)
    return Page(
        title=found.title or heading,
        text=found.text,
        published=_believed(found.date or "", text),
        url=found.url if (found.url or "").startswith(("http://", "https://")) else None,
        language=language,
    )


def _believed(date: str, text: str) -> datetime | None:
    """Return the date found, unless it is the first of a year that the page nowhere writes so.

    The library makes such a day out of a lone year, which may be that of a law or a copyright.
    """
    if date.endswith("-01-01") and date not in text:
        return None
    return iso_instant(date)


def _whole_text(root: Element) -> str:
    parts: list[str] = []
    for element in root.iter():
        if element.tag not in _NO_TEXT and element.text:
            parts.append(element.text)
        if element.tail:
            parts.append(element.tail)
    lines = (" ".join(line.split()) for part in parts for line in part.splitlines())
    return "\n".join(filter(None, lines))


def _title(root: Element) -> str:
    title = root.find(".//title")
    return " ".join((title.text or "").split()) if title is not None else ""
