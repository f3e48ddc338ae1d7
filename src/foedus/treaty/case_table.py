"""The optional table ``[casework]`` of the front matter: how long members have, how much they ask.

Rules, in the order the code applies them:

1. Each key may be left out; :class:`~foedus.treaty.clocks.CaseClocks` says what holds then. No
   other key is allowed.
2. Durations follow :mod:`foedus.treaty.durations`, and each is some time; only
   ``request_extension`` may be none, which allows no extension. ``request_batch`` is a whole number
   from 1 to :data:`MAX_BATCH`, ``requests_a_day`` one from 1 to :data:`MAX_A_DAY`.
3. Where a life is in danger there is never more time than otherwise, nor for the urgent more than
   for the rest; what is left out counts with its usual figure.
"""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from typing import Any, Final

from foedus.treaty.clocks import CaseClocks
from foedus.treaty.front_table import Places, Table

__all__ = ["MAX_A_DAY", "MAX_BATCH", "read_clocks"]

MAX_BATCH: Final = 1_000
"""Most selectors one request holds at all; a treaty may ask for a supervisor from fewer on."""

MAX_A_DAY: Final = 100_000
"""Most requests a treaty lets one member send another in a day."""

_NAME: Final = "casework"
_FLAG: Final = "orders_automatic"
_BOUNDS: Final = {"request_batch": MAX_BATCH, "requests_a_day": MAX_A_DAY}
_MAY_BE_NONE: Final = "request_extension"
_SHORTER: Final = (
    ("order_urgent", "order"),
    ("request_life", "request_urgent"),
    ("request_urgent", "request_routine"),
    ("consent_life", "consent"),
    ("challenge_block", "challenge_decide"),
)
"""(what is never longer, than what)."""


def read_clocks(top: Table, place: Places) -> CaseClocks:
    """Read the table, or return the usual figures where the treaty has none.

    Args:
        top: The front matter; receives the faults.
        place: Where its keys stand.
    """
    usual = CaseClocks()
    if _NAME not in top.values:
        return usual
    given = top.of_type(_NAME, dict, {}, "a table")
    table = Table(given, _NAME, place.of_table(_NAME), top.faults)
    names = tuple(each.name for each in fields(CaseClocks))
    table.only(frozenset(names))
    faults = len(table.faults)
    read: dict[str, Any] = {
        name: _length(table, name)
        for name in names
        if name in given and name not in {_FLAG, *_BOUNDS}
    }
    read[_FLAG] = _flag(table, usual=usual.orders_automatic)
    for name, most in _BOUNDS.items():
        read[name] = _bound(table, name, most, usual=getattr(usual, name))
    clocks = CaseClocks(**read)
    if len(table.faults) == faults:
        _compare(table, clocks)
    return clocks


def _flag(table: Table, *, usual: bool) -> bool:
    return table.of_type(_FLAG, bool, usual, "true or false") if _FLAG in table.values else usual


def _bound(table: Table, name: str, most: int, *, usual: int) -> int:
    if name not in table.values:
        return usual
    given = table.of_type(name, int, usual, "a whole number")
    if not 1 <= given <= most:
        table.fault(name, f"must be from 1 to {most}")
        return usual
    return given


def _length(table: Table, name: str) -> timedelta:
    known = len(table.faults)
    length = table.duration(name)
    if not length and name != _MAY_BE_NONE and len(table.faults) == known:
        table.fault(name, "must be some time")
    return length


def _compare(table: Table, clocks: CaseClocks) -> None:
    """Rule 3."""
    for short, long in _SHORTER:
        if getattr(clocks, short) > getattr(clocks, long):
            table.fault(short if short in table.values else long, f"{short} must not exceed {long}")
