"""Tables and lists of selectors: one observable for each row.

Rules:

1. Columns are told by a header that has ``kind`` and ``value`` (or names like them). Also read:
   ``description``, ``first_seen``, ``last_seen``; other columns are left out, and the hints say so.
2. A single column needs no header: the kind of each value is told by its form and checksum. A first
   line that is the name of a kind gives the kind of all.
3. The separator is the one of comma, semicolon, tab and bar that makes the header readable.
4. A row whose kind is unknown or whose value breaks the rule of its kind is refused with its line
   number; a table that cannot be taken apart is refused whole.
5. Descriptions and dates go to a note, since observables have no place for them.
6. A name is an ``identity`` of unknown class, not an observable. One that is held unchanged counts
   as a duplicate.
7. Empty lines, and lines opening with ``#``, are no rows.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from foedus.canonical import canonical_bytes
from foedus.intake import drafting
from foedus.intake.decoding import decode_text
from foedus.intake.drafts import Format, IntakeContext, IntakeResult, SourceNote
from foedus.intake.editions import held_unchanged
from foedus.intake.limits import IntakeError, IntakeLimits
from foedus.intake.misp_types import SELECTORS
from foedus.intake.misp_values import first_selector
from foedus.intake.report_page import iso_instant
from foedus.intake.tally import Tally
from foedus.intake.tying import Remark, ReportFrame, add_notes, add_reports
from foedus.model.identifiers import ObjectId
from foedus.model.selectors import PERSONAL_KINDS, Selector, SelectorKind

__all__ = ["looks_like_table", "read_table"]

_SEPARATORS: Final = ",;\t|"
_COLUMNS: Final[Mapping[str, str]] = {
    "kind": "kind",
    "type": "kind",
    "indicator_type": "kind",
    "selector_type": "kind",
    "value": "value",
    "selector": "value",
    "indicator": "value",
    "indicator_value": "value",
    "ioc": "value",
    "description": "description",
    "comment": "description",
    "note": "description",
    "first_seen": "first_seen",
    "last_seen": "last_seen",
}
_KINDS: Final[Mapping[str, tuple[SelectorKind, ...]]] = {
    **SELECTORS,
    **{kind.value: (kind,) for kind in SelectorKind},
    "ip": (SelectorKind.IPV4, SelectorKind.IPV6),
    "ip-address": (SelectorKind.IPV4, SelectorKind.IPV6),
    "fqdn": (SelectorKind.DOMAIN,),
    "domain-name": (SelectorKind.DOMAIN,),
    "ipv4-addr": (SelectorKind.IPV4,),
    "ipv6-addr": (SelectorKind.IPV6,),
    "email-addr": (SelectorKind.EMAIL,),
    "e-mail": (SelectorKind.EMAIL,),
    "sha-1": (SelectorKind.SHA1,),
    "sha-256": (SelectorKind.SHA256,),
    "sha-512": (SelectorKind.SHA512,),
    "crypto": (SelectorKind.WALLET,),
    "passport": (SelectorKind.DOCUMENT,),
    "bank-account": (SelectorKind.IBAN, SelectorKind.ACCOUNT),
}
"""Words for a kind that are understood, MISP's type names among them."""

_HEX_KINDS: Final = {
    32: SelectorKind.MD5,
    40: SelectorKind.SHA1,
    64: SelectorKind.SHA256,
    128: SelectorKind.SHA512,
}
_HEX: Final = re.compile(r"[0-9A-Fa-f]+")
_SIGNED_KINDS: Final = (
    ("://", (SelectorKind.URL,)),
    ("[:]//", (SelectorKind.URL,)),
    ("@", (SelectorKind.EMAIL,)),
)
_PLAIN_KINDS: Final = (
    SelectorKind.WALLET,
    SelectorKind.IPV4,
    SelectorKind.IPV6,
    SelectorKind.IBAN,
    SelectorKind.DOMAIN,
)
_WORD: Final = re.compile(r"\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One row, by column; ``line`` counts from 1."""

    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """How a table is laid out: its columns by position; none for a plain list."""

    separator: str
    columns: tuple[str, ...]
    kinds: tuple[SelectorKind, ...] = ()
    has_header: bool = True
    ignored: tuple[str, ...] = ()


def read_table(data: bytes, *, name: str, context: IntakeContext) -> IntakeResult:
    """Read a table or a list of selectors.

    Args:
        data: CSV or one value a line; untrusted.
        name: Its name, for messages.
        context: Who reads, when, the limits, and in ``edition`` what is held.

    Raises:
        IntakeError: The file is refused whole.
    """
    text = decode_text(data, name=name)
    shape = _shape(text)
    if shape is None:
        reason = "a header with the columns 'kind' and 'value' is needed, or a single column"
        raise IntakeError(name=name, place="line 1", reason=reason)
    _check_lines(text, name=name, limits=context.limits)
    rows = list(_rows(text, shape, name=name))
    dates = [at for row in rows for key in ("first_seen", "last_seen") if (at := _at(row, key))]
    published = max(dates) if dates else None
    at = min(published or context.now, context.now)
    tally = Tally(name=name, limits=context.limits)
    reader = _Reader(tally, context, at)
    for row in rows:
        reader.read(row, shape)
    if not tally.read:
        raise IntakeError(name=name, place="file", reason="there is no row in it")
    frame = ReportFrame(
        identifier=drafting.own_id(context, "report", hashlib.sha256(data).hexdigest()),
        name=name,
        dates=drafting.Dates.of(at),
        published=at,
    )
    notes = add_notes(tally, context, frame, reader.remarks)
    add_reports(tally, context, frame, [*reader.refs, *notes])
    source = SourceNote(format=Format.TABLE, name=name, title=name, published=published)
    left_out = tuple(f"column {column[:40]!r}" for column in shape.ignored)
    return tally.result(source, suggestions={"left out": left_out})


def looks_like_table(text: str) -> bool:
    """Tell whether a text is a table or a list of selectors, by its first lines."""
    shape = _shape(text)
    if shape is None:
        return False
    if shape.columns != ("value",) or shape.has_header:
        return True
    words = [line.strip() for line in text[:4096].splitlines()[:20] if _is_row(line)]
    guessed = [word for word in words if not isinstance(_guess(word), str)]
    return bool(words) and 2 * len(guessed) >= len(words)


class _Reader:
    """Reads rows into the tally."""

    __slots__ = ("_at", "_context", "_tally", "refs", "remarks")

    def __init__(self, tally: Tally, context: IntakeContext, at: datetime) -> None:
        self.refs: list[ObjectId] = []
        self.remarks: list[Remark] = []
        self._tally = tally
        self._context = context
        self._at = at

    def read(self, row: _Row, shape: _Shape) -> None:
        """Read one row."""
        self._tally.entry()
        place = f"line {row.line}"
        selector = self._selector(row, shape)
        if isinstance(selector, str):
            self._tally.refuse(place, selector)
            return
        identifier = (
            self._name(row, selector, place)
            if selector.kind is SelectorKind.NAME
            else self._observable(selector, place)
        )
        if identifier is None:
            return
        self.refs.append(identifier)
        said = [row.cells.get("description", "")]
        said += [
            f"{key.replace('_', ' ')} {row.cells[key]}"
            for key in ("first_seen", "last_seen")
            if row.cells.get(key)
        ]
        remark = "; ".join(filter(None, said))
        if remark:
            # A value that reaches a person stands in its own item only, where it can be governed.
            named = f"{row.cells['value']}: " if selector.kind not in PERSONAL_KINDS else ""
            text = f"{named}{remark}"
            self.remarks.append(Remark(text=text, about=identifier))

    def _selector(self, row: _Row, shape: _Shape) -> Selector | str:
        value = row.cells.get("value", "")
        if not value:
            return "no value"
        if len(value) > self._context.limits.cell_chars:
            return f"the value is longer than {self._context.limits.cell_chars} characters"
        if shape.kinds:
            return first_selector(shape.kinds, value)
        if "kind" not in shape.columns:
            return _guess(value)
        word = row.cells.get("kind", "").lower()
        kinds = _KINDS.get(word) or _KINDS.get(word.replace("_", "-"))
        return first_selector(kinds, value) if kinds else f"unknown kind {word[:40]!r}"

    def _observable(self, selector: Selector, place: str) -> ObjectId | None:
        obj = self._tally.take(canonical_bytes(drafting.observable(selector)), place)
        return obj.id if obj else None

    def _name(self, row: _Row, selector: Selector, place: str) -> ObjectId | None:
        identifier = drafting.own_id(self._context, "identity", Format.TABLE, selector.value)
        name = " ".join(row.cells["value"].split())
        at = _at(row, "first_seen") or self._at

        def written(modified: datetime) -> bytes:
            dates = drafting.Dates.of(modified)
            document = drafting.named("identity", identifier, name, dates)
            return drafting.described(document, creator=self._context.member_identity)

        since = held_unchanged(self._context, identifier, written)
        if since is not None:
            self._tally.duplicate(place, f"unchanged since {since:%Y-%m-%d}")
            return identifier
        obj = self._tally.take(written(at), place)
        return obj.id if obj else None


def _check_lines(text: str, *, name: str, limits: IntakeLimits) -> None:
    """Refuse a table of more lines than its entries could fill, before it is taken apart."""
    most = 2 * limits.entries + 100
    if max(text.count("\n"), text.count("\r")) > most:
        raise IntakeError(name=name, place="file", reason=f"more than {most} lines; split it")


def _shape(text: str) -> _Shape | None:
    """Tell how a table is laid out from its first row; None if it cannot be told."""
    first = next((line for line in text[:65_536].splitlines() if _is_row(line)), "")
    for separator in _SEPARATORS:
        names = [_column(cell) for cell in first.split(separator)]
        columns = tuple(_COLUMNS.get(name, "") for name in names)
        if "value" in columns and "kind" in columns:
            ignored = tuple(n for n, c in zip(names, columns, strict=True) if n and not c)
            return _Shape(separator=separator, columns=columns, ignored=ignored)
    word = _column(first)
    if _COLUMNS.get(word) == "value" or word in _KINDS:
        kinds = () if _COLUMNS.get(word) == "value" else _KINDS[word]
        return _Shape(separator="", columns=("value",), kinds=kinds)
    if _WORD.fullmatch(first.strip()) and not any(s in first.strip() for s in ",;\t|"):
        return _Shape(separator="", columns=("value",), has_header=False)
    return None


def _column(cell: str) -> str:
    return cell.strip().strip("\"'").strip().lower().replace(" ", "_")


def _is_row(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _rows(text: str, shape: _Shape, *, name: str) -> Iterator[_Row]:
    if not shape.separator:
        lines = [(n, line.strip()) for n, line in enumerate(text.splitlines(), 1) if _is_row(line)]
        for number, value in lines[1:] if shape.has_header else lines:
            yield _Row(line=number, cells={"value": value.strip('"')})
        return
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=shape.separator, strict=True)
    header = shape.has_header
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells) and not cells[0].lstrip().startswith("#"):
                if not header:
                    yield _Row(line=line, cells=_by_column(cells, shape.columns))
                header = False
            line = reader.line_num + 1
    except csv.Error as error:
        reason = f"the table cannot be taken apart: {error}"
        raise IntakeError(name=name, place=f"line {line}", reason=reason) from error


def _by_column(cells: Sequence[str], columns: Sequence[str]) -> dict[str, str]:
    return {column: cell.strip() for column, cell in zip(columns, cells, strict=False) if column}


def _guess(value: str) -> Selector | str:
    """Return the selector a lone value is, by its form and checksum (rule 2)."""
    if _HEX.fullmatch(value) and len(value) in _HEX_KINDS:
        return first_selector((_HEX_KINDS[len(value)],), value)
    for sign, kinds in _SIGNED_KINDS:
        if sign in value:
            return first_selector(kinds, value)
    if value.startswith("+"):
        return first_selector((SelectorKind.PHONE,), value)
    found = first_selector(_PLAIN_KINDS, value)
    return "of no kind that can be told by its form" if isinstance(found, str) else found


def _at(row: _Row, key: str) -> datetime | None:
    return iso_instant(row.cells.get(key, ""))
