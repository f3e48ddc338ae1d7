"""Markdown to a page, through the tokens of a CommonMark parser; nothing is rendered.

The address behind a link is kept beside its text, since in a report it is often the selector.

Spec: CommonMark 0.31, with tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from foedus.intake.limits import IntakeError
from foedus.intake.report_page import Page, header_of, page_with

__all__ = ["markdown_page"]

_FENCE: Final = "---"
_TAG: Final = re.compile(r"<[^<>]{0,1000}>")
_PARSER_FAULTS: Final = (ValueError, TypeError, KeyError, IndexError, RecursionError)
_BLOCK_ENDS: Final = frozenset(
    {"paragraph_close", "heading_close", "tr_close", "list_item_close", "blockquote_close"}
)


def markdown_page(text: str, *, name: str) -> Page:
    """Return the page of a Markdown text.

    Args:
        text: The text, bounded in length; untrusted.
        name: The file's name, for messages.

    Raises:
        IntakeError: The parser gave up on it.
    """
    header, body = _front_matter(text)
    try:
        tokens = MarkdownIt("commonmark").enable("table").parse(body)
    except _PARSER_FAULTS as error:
        reason = f"not readable as Markdown: {error}"
        raise IntakeError(name=name, place="file", reason=reason) from error
    title = header.get("title") or _first_heading(tokens)
    lines = (line.strip() for line in "".join(_words(tokens)).splitlines())
    return page_with(header, title=title, text="\n".join(filter(None, lines)))


def _front_matter(text: str) -> tuple[dict[str, str], str]:
    lines = text.splitlines()
    if not lines or lines[0].strip() != _FENCE:
        return {}, text
    for number, line in enumerate(lines[1:], 1):
        if line.strip() == _FENCE:
            return header_of(lines[1:number]), "\n".join(lines[number + 1 :])
    return {}, text


def _first_heading(tokens: Sequence[Token]) -> str:
    for token, following in pairwise(tokens):
        if token.type == "heading_open":
            return " ".join("".join(_inline(following.children or [])).split())
    return ""


def _words(tokens: Sequence[Token]) -> Iterator[str]:
    for token in tokens:
        if token.type == "inline":
            yield from _inline(token.children or [])
        elif token.type in {"fence", "code_block"}:
            yield token.content + "\n"
        elif token.type == "html_block":
            yield _TAG.sub(" ", token.content) + "\n"
        elif token.type in {"td_close", "th_close"}:
            yield " \t"
        elif token.type in _BLOCK_ENDS:
            yield "\n"


def _inline(tokens: Sequence[Token]) -> Iterator[str]:
    links: list[str] = []
    for token in tokens:
        match token.type:
            case "text" | "code_inline":
                yield token.content
            case "softbreak" | "hardbreak":
                yield "\n"
            case "html_inline":
                yield _TAG.sub(" ", token.content)
            case "image":
                yield token.content
            case "link_open":
                links.append(str(token.attrs.get("href", "")))
            case "link_close":
                address = links.pop() if links else ""
                if address.startswith(("http", "hxxp", "mailto:")):
                    yield f" ({address})"
            case _:
                pass
