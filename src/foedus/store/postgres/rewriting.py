"""The statements of :mod:`foedus.store.sql.session` in PostgreSQL's form."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from foedus.store.sql.session import Parameters

__all__ = [
    "PlainInsert",
    "Statement",
    "TextArray",
    "WholeArray",
    "bound",
    "plain_insert",
    "rewritten",
]

_MARKS = re.compile(
    r"(?P<literal>'[^']*')"
    r"|\b(?P<list>integers|texts)\((?P<given>\?\d*|:\w+)\) (?P<alias>\w+)"
    r"|(?<!:)(?P<place>\?\d*|:[a-z]\w*)"
    r"|\bCROSS (?=JOIN\b)"
    r"|(?<=[( ])\+(?=[a-z]\w*\.)"
    r"|\bjoined\((?P<joined>[\w.]+)\)"
)
_TYPES = {"integers": "bigint", "texts": "text"}
_INSERT = re.compile(r'INSERT INTO ("?\w+"?) \(([\w, "]+)\) VALUES \(\?(?:, \?)*\)')


class WholeArray(str):
    """An array of whole numbers as PostgreSQL writes it."""

    __slots__ = ()


class TextArray(str):
    """An array of texts as PostgreSQL writes it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement with numbered places.

    Attributes:
        sql: Its text.
        names: What stands in each place, when parameters are named.
        lists: Which places, from 0, hold a list of whole numbers (False) or texts (True).
    """

    sql: str
    names: tuple[str, ...] | None
    lists: tuple[tuple[int, bool], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainInsert:
    """An ``INSERT`` of one row of values, which many rows can be copied in for.

    Attributes:
        table: As written.
        columns: As written.
    """

    table: str
    columns: str


@lru_cache(maxsize=1024)
def rewritten(sql: str) -> Statement:
    """Return a statement as PostgreSQL takes it."""
    names: list[str] = []
    lists: dict[int, bool] = {}
    count = 0

    def place(mark: str) -> int:
        nonlocal count
        if mark.startswith(":"):
            if mark[1:] not in names:
                names.append(mark[1:])
            return names.index(mark[1:]) + 1
        if mark == "?":
            count += 1
            return count
        return int(mark[1:])

    def put(match: re.Match[str]) -> str:
        if match["literal"]:
            return match[0]
        if match["list"]:
            number = place(match["given"])
            lists[number - 1] = match["list"] == "texts"
            return _table(sql, number, match["alias"])
        if match["place"]:
            return f"${place(match['place'])}"
        if match["joined"]:
            return f"string_agg({match['joined']}::text, ',')"
        return ""

    text = _MARKS.sub(put, sql)
    return Statement(sql=text, names=tuple(names) or None, lists=tuple(sorted(lists.items())))


def _table(sql: str, number: int, alias: str) -> str:
    """Return a list as a table; its places are counted only where they are asked for."""
    if re.search(rf"\b{alias}\.key\b", sql) is None:
        return f"unnest(${number}) {alias} (value)"
    # Places count from 1 there.
    return (
        f"(SELECT u.value, u.place - 1 AS key FROM unnest(${number}) WITH ORDINALITY"  # noqa: S608  # own pieces
        f" u (value, place)) {alias}"
    )


def bound(statement: Statement, parameters: Parameters) -> Sequence[object]:
    """Return parameters in the order of a statement's places, each list as one array."""
    if isinstance(parameters, Mapping):
        values = [parameters[name] for name in statement.names or ()]
    else:
        values = list(parameters)
    for place, texts in statement.lists:
        values[place] = _array(values[place], texts=texts)
    return values


def _array(values: object, *, texts: bool) -> object:
    if not isinstance(values, list):
        return values
    if not texts:
        return WholeArray("{" + ",".join(map(str, map(int, values))) + "}")
    return TextArray("{" + ",".join([_quoted(str(value)) for value in values]) + "}")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@lru_cache(maxsize=1024)
def plain_insert(sql: str) -> PlainInsert | None:
    """Return what an INSERT of one row of values consists of; None for any other statement."""
    match = _INSERT.fullmatch(sql)
    if match is None:
        return None
    return PlainInsert(table=match[1], columns=match[2])
