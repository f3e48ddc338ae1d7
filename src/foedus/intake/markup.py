"""XML and HTML to element trees, without entities, documents from elsewhere, or deep recursion.

Rules, in order:

1. The bytes become text first (:mod:`foedus.intake.decoding`), so that the parser cannot be told a
   second encoding.
2. XML with a document type declaration is refused unread: it is where entities that grow without
   bound, and files of the reader's own machine, come in.
3. The parser loads no DTD, resolves no entity, opens no network, and keeps its own size limits.
4. A tree deeper than the limit is refused before anything walks it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from lxml import etree, html

from foedus.intake.decoding import decode_text
from foedus.intake.limits import IntakeError, IntakeLimits

__all__ = ["Element", "folded_text", "parse_html", "parse_xml"]

Element = Any
"""An lxml element; the library ships no types."""

_DECLARATION: Final = re.compile(r"\A\s*<\?xml[^>]*\?>")
_TYPE_DECLARATION: Final = re.compile(r"<!(?:DOCTYPE|ENTITY)")


def parse_xml(data: bytes, *, name: str, limits: IntakeLimits) -> Element:
    """Return the root element of an XML document.

    Raises:
        IntakeError: A rule in the docstring of this module is broken, or the XML is damaged.
    """
    text = decode_text(data, name=name, declared=True)
    found = _TYPE_DECLARATION.search(text)
    if found is not None:
        line = text.count("\n", 0, found.start()) + 1
        reason = "a document type declaration is not accepted"
        raise IntakeError(name=name, place=f"line {line}", reason=reason)
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        no_network=True,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(_DECLARATION.sub("", text, count=1).encode(), parser)
    except etree.XMLSyntaxError as error:
        reason = f"damaged XML: {error.msg}"
        raise IntakeError(name=name, place=f"line {error.lineno}", reason=reason) from error
    _check_tree(root, name=name, limits=limits)
    return root


def parse_html(text: str, *, name: str, limits: IntakeLimits) -> Element:
    """Return the root element of an HTML page, repaired as browsers do.

    Raises:
        IntakeError: There is no element in it, or the tree is too deep.
    """
    parser = html.HTMLParser(
        encoding="utf-8", no_network=True, huge_tree=False, remove_comments=True, remove_pis=True
    )
    try:
        root = html.document_fromstring(_DECLARATION.sub("", text, count=1).encode(), parser=parser)
    except (etree.LxmlError, ValueError) as error:
        raise IntakeError(name=name, place="file", reason=f"no HTML page: {error}") from error
    if sum(1 for _ in islice(root.iter(), limits.page_elements + 1)) > limits.page_elements:
        reason = f"more than {limits.page_elements} elements; save the article alone"
        raise IntakeError(name=name, place="file", reason=reason)
    _check_tree(root, name=name, limits=limits)
    return root


def folded_text(element: Element) -> str:
    """Return the text directly inside an element, white space folded to single spaces."""
    return " ".join((element.text or "").split())


def _check_tree(root: Element, *, name: str, limits: IntakeLimits) -> None:
    for element, depth in _with_depth(root):
        if depth > limits.depth:
            reason = f"nested deeper than {limits.depth} levels"
            raise IntakeError(name=name, place=f"line {element.sourceline}", reason=reason)


def _with_depth(root: Element) -> Iterator[tuple[Element, int]]:
    depth = 0
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if event == "start":
            depth += 1
            yield element, depth
        else:
            depth -= 1
