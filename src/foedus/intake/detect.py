"""Which format a file is of, and reading it. Content decides; the name only breaks ties.

Order:

1. Too large or empty: refused. A file of a known binary kind: refused, saying what to save it as.
2. ``{`` or ``[``: JSON. A MISP event or a list of them, a STIX bundle, envelope or object; any
   other JSON is refused. A text that opens with ``[`` and is no JSON goes on.
3. ``<``: the list by its root element; HTML; any other XML is refused.
4. A header with kind and value, or a column of values: a table.
5. Everything else that is text: a report.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Mapping
from typing import Final

from foedus.intake.article import looks_like_html, read_article
from foedus.intake.decoding import decode_text, json_members
from foedus.intake.drafts import Format, IntakeContext, IntakeResult
from foedus.intake.limits import DEFAULT_LIMITS, IntakeError, IntakeLimits, check_size
from foedus.intake.misp import read_misp
from foedus.intake.stix import read_bundle
from foedus.intake.table import looks_like_table, read_table
from foedus.intake.un_list import LIST_ROOT, read_un_list

__all__ = ["detect", "read"]

_READERS: Final[Mapping[Format, Callable[..., IntakeResult]]] = {
    Format.BUNDLE: read_bundle,
    Format.MISP: read_misp,
    Format.UN_LIST: read_un_list,
    Format.REPORT: read_article,
    Format.TABLE: read_table,
}
_BINARY: Final = (
    (b"%PDF-", "a PDF; save its text as HTML, Markdown or plain text"),
    (b"PK\x03\x04", "a ZIP or office file; save it as HTML, CSV or plain text"),
    (b"\xd0\xcf\x11\xe0", "an old office file; save it as HTML, CSV or plain text"),
    (b"\x1f\x8b", "compressed; unpack it first"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"SQLite format 3\x00", "a database"),
)
_TABLE_NAMES: Final = (".csv", ".tsv")
_HEAD_CHARS: Final = 4096
_ROOT: Final = re.compile(r"<([A-Za-z_][\w.:-]{0,200})")


def detect(data: bytes, name: str, *, limits: IntakeLimits = DEFAULT_LIMITS) -> Format:
    """Tell the format of a file.

    Args:
        data: The file; untrusted.
        name: Its name.
        limits: The limits in force.

    Raises:
        IntakeError: It is of no format that is read, or damaged so that it cannot be told.
    """
    check_size(data, name=name, limits=limits)
    for magic, what in _BINARY:
        if data.startswith(magic):
            raise IntakeError(name=name, place="file", reason=f"it is {what}")
    opening = data.removeprefix(codecs.BOM_UTF8).lstrip(b" \t\r\n")[:1]
    if opening in {b"{", b"["}:
        found = _json_format(data, name=name, limits=limits, strict=opening == b"{")
        if found is not None:
            return found
    text = decode_text(data, name=name, declared=opening == b"<")
    if text.lstrip().startswith("<"):
        return _markup_format(text, name=name)
    if name.lower().endswith(_TABLE_NAMES) or looks_like_table(text):
        return Format.TABLE
    return Format.REPORT


def read(
    data: bytes,
    *,
    name: str,
    context: IntakeContext,
    format: Format | None = None,  # noqa: A002
) -> IntakeResult:
    """Read one file.

    Args:
        data: The file; untrusted.
        name: Its name as its sender calls it; never opened.
        context: Who reads, when, with which limits, and what is held.
        format: Its format; detected where None. (The word is the one people use for it.)

    Returns:
        Drafts and refusals that add up to what the file holds.

    Raises:
        IntakeError: The file is refused whole; nothing of it was taken.
    """
    check_size(data, name=name, limits=context.limits)
    chosen = format or detect(data, name, limits=context.limits)
    return _READERS[chosen](data.removeprefix(codecs.BOM_UTF8), name=name, context=context)


def _json_format(data: bytes, *, name: str, limits: IntakeLimits, strict: bool) -> Format | None:
    try:
        document = json_members(data, name=name, limits=limits)
    except IntakeError:
        if strict or name.lower().endswith(".json"):
            raise
        return None
    if isinstance(document, Mapping):
        if "Event" in document or "response" in document:
            return Format.MISP
        if {"type", "id"} <= document.keys() or document.get("objects", b"").startswith(b"["):
            return Format.BUNDLE
        if "info" in document:
            return Format.MISP
    elif document and document[0].startswith(b"{"):
        return Format.MISP
    reason = "JSON of no known format: neither a STIX bundle nor a MISP event"
    raise IntakeError(name=name, place="file", reason=reason)


def _markup_format(text: str, *, name: str) -> Format:
    root = _ROOT.search(text[:_HEAD_CHARS])
    if root is not None and root[1] == LIST_ROOT:
        return Format.UN_LIST
    if looks_like_html(text):
        return Format.REPORT
    what = f"the root element {root[1][:40]!r}" if root else "no root element"
    reason = f"markup of no known format: {what}"
    raise IntakeError(name=name, place="line 1", reason=reason)
