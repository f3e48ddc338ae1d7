"""Reports written by people (HTML, Markdown, plain text): one report, one observable a selector.

Rules:

1. The text of the article becomes the description of a ``report``; its title the name.
2. Each selector found in the text becomes an observable. No indicator: that a report mentions an
   address does not say what the address indicates, and a person decides that.
3. The report's id follows from the file's bytes, so that reading it again makes nothing new. Its
   dates are those the report gives; where it gives none, the instant of reading.
4. A TLP level written in the text fills the form; it is no marking, since texts also explain TLP.
5. A text longer than the limit refuses the file whole.

The entries counted are the selectors found.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from foedus.canonical import canonical_bytes
from foedus.intake import drafting
from foedus.intake.decoding import decode_text
from foedus.intake.drafts import Format, IntakeContext, IntakeResult, SourceNote
from foedus.intake.extract import extract
from foedus.intake.labels import LEVELS, offence_hints
from foedus.intake.limits import IntakeError
from foedus.intake.markdown_page import markdown_page
from foedus.intake.report_page import Page, text_page
from foedus.intake.tally import Tally
from foedus.intake.tying import ReportFrame, add_reports, reference_to
from foedus.model.identifiers import ObjectId
from foedus.model.selectors import SelectorKind

__all__ = ["looks_like_html", "read_article"]

_HTML: Final = re.compile(
    r"<(?:!doctype\s{1,10}html|html|head|body|article|div|meta|title|h1|p)\b", re.IGNORECASE
)
_HEAD_CHARS: Final = 65_536
_PROLOGUE: Final = (("<?", "?>"), ("<!--", "-->"))
_TLP: Final = re.compile(r"\bTLP[: -]{0,2}(RED|AMBER\+STRICT|AMBER|GREEN|WHITE|CLEAR)\b")
_MARKDOWN_NAMES: Final = (".md", ".markdown")


def read_article(data: bytes, *, name: str, context: IntakeContext) -> IntakeResult:
    """Read one report.

    Args:
        data: The file; untrusted.
        name: Its name; tells Markdown from plain text.
        context: Who reads, when, and the limits.

    Raises:
        IntakeError: The file is refused whole.
    """
    page = _page(data, name=name, context=context)
    if not page.text.strip():
        raise IntakeError(name=name, place="file", reason="there is no text in it")
    tally = Tally(name=name, limits=context.limits)
    refs = _take_selectors(page, tally)
    title = page.title or name
    published = page.published or context.now
    frame = ReportFrame(
        identifier=drafting.own_id(context, "report", hashlib.sha256(data).hexdigest()),
        name=title,
        dates=drafting.Dates.of(published),
        published=published,
        description=page.text,
        references=(reference_to("source", url=page.url),) if page.url else (),
        language=page.language or "",
    )
    add_reports(tally, context, frame, refs)
    source = SourceNote(
        format=Format.REPORT,
        name=name,
        title=title,
        published=page.published,
        url=page.url,
        language=page.language,
    )
    levels = [LEVELS[found.lower()] for found in _TLP.findall(page.text)]
    tlp = (max(levels).value,) if levels else ()
    return tally.result(source, suggestions={"tlp": tlp, "offence": offence_hints(page.text)})


def looks_like_html(text: str) -> bool:
    """Tell whether a text opens as an HTML page or a piece of one does."""
    text = text[:_HEAD_CHARS]
    start = 0
    while True:
        while text[start : start + 1].isspace():
            start += 1
        closing = next((end for sign, end in _PROLOGUE if text.startswith(sign, start)), None)
        if closing is None:
            return _HTML.match(text, start) is not None
        found = text.find(closing, start)
        if found < 0:
            return False
        start = found + len(closing)


def _page(data: bytes, *, name: str, context: IntakeContext) -> Page:
    is_markup = data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    text = decode_text(data, name=name, declared=is_markup)
    if looks_like_html(text):
        _check_length(text, context.limits.markup_chars, name=name)
        # Imported here: the library takes half a second to load, and only pages need it.
        from foedus.intake.web_page import web_page  # noqa: PLC0415

        page = web_page(text, name=name, now=context.now, limits=context.limits)
    else:
        _check_length(text, context.limits.text_chars, name=name)
        is_markdown = name.lower().endswith(_MARKDOWN_NAMES)
        page = markdown_page(text, name=name) if is_markdown else text_page(text)
    _check_length(page.text, context.limits.text_chars, name=name)
    return page


def _check_length(text: str, most: int, *, name: str) -> None:
    if len(text) > most:
        reason = f"{len(text)} characters, and at most {most} are read; split the report"
        raise IntakeError(name=name, place="file", reason=reason)


def _take_selectors(page: Page, tally: Tally) -> list[ObjectId]:
    refs: list[ObjectId] = []
    seen: dict[str, str] = {}
    for found in extract(page.text):
        number = tally.entry()
        line = page.text.count("\n", 0, found.start) + 1
        place = f"selector {number} ({found.selector.kind}, line {line})"
        key = str(found.selector)
        if key in seen:
            tally.duplicate(place, f"the same as {seen[key]}")
        elif found.selector.kind is SelectorKind.NAME:
            tally.refuse(place, "a name in a text is no observable; record the person by hand")
        else:
            seen[key] = place
            raw = canonical_bytes(drafting.observable(found.selector))
            obj = tally.take(raw, place)
            if obj is not None:
                refs.append(obj.id)
    return refs
