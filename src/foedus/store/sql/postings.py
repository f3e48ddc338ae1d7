"""Selectors as a dictionary and postings: which items carry which selector.

The dictionary gives each ``(kind, value)`` a small number; a posting is that number, whether the
item is hidden, and the item's handle, so that a look-up reads nothing but its answer. Whoever
changes an item's state calls :func:`show` after it: a posting is hidden unless the item is held,
and a pair is shown while a posting of it is not hidden. So a value that hidden items alone carry is
looked up like one that nothing carries: nothing is found, and nothing read. What the view
``visible_item`` leaves out besides, for a while after a restore, a look-up asks it.

The dictionary is found by a 64-bit hash of the pair, a quarter of the size of an index over values;
since two pairs may share a hash, by accident or on purpose, the pair itself always decides. Only
the one writer adds to it, having looked first, so that each pair stands there once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence

from foedus.model.selectors import Selector, SelectorKind
from foedus.node.ports import Posting
from foedus.store.sql.session import Row, Session

__all__ = [
    "add_postings",
    "carriers_of",
    "erase_postings",
    "look_up",
    "selectors_of_items",
    "show",
]

_KINDS = {kind.value: kind for kind in SelectorKind}


def add_postings(session: Session, carried: Sequence[tuple[int, frozenset[Selector]]]) -> None:
    """Store the selectors of items already stored, given as (handle, selectors)."""
    wanted = {_pair(one) for _, selectors in carried for one in selectors}
    if not wanted:
        return
    hashes = {pair: _hash(pair) for pair in wanted}
    rows = session.rows(
        "SELECT s.kind, s.value, s.selector, s.shown FROM integers(?) w"
        " CROSS JOIN selector s ON s.hash = w.value",
        (list(hashes.values()),),
    )
    visible = _visible(session, [handle for handle, _ in carried])
    shown = {_pair(one) for handle, selectors in carried if handle in visible for one in selectors}
    numbers: dict[str, int] = {}
    to_show: list[int] = []
    for kind, value, number, stands_shown in rows:
        pair = f"{kind}\n{value}"
        if pair in wanted:
            numbers[pair] = number
            if pair in shown and not stands_shown:
                to_show.append(number)
    fresh = [pair for pair in wanted if pair not in numbers]
    start = session.number("SELECT max(selector) FROM selector") + 1
    numbers.update(zip(fresh, range(start, start + len(fresh)), strict=True))
    session.run_many(
        "INSERT INTO selector (selector, hash, shown, kind, value) VALUES (?, ?, ?, ?, ?)",
        [(numbers[pair], hashes[pair], pair in shown, *pair.split("\n", 1)) for pair in fresh],
    )
    if to_show:
        session.run(
            "UPDATE selector SET shown = 1 WHERE selector IN (SELECT value FROM integers(?) w)",
            (to_show,),
        )
    postings = [
        (numbers[_pair(one)], handle not in visible, handle)
        for handle, selectors in carried
        for one in selectors
    ]
    postings.sort()
    session.run_many("INSERT INTO posting (selector, hidden, handle) VALUES (?, ?, ?)", postings)


def show(session: Session, handles: Sequence[int]) -> None:
    """Make the postings of items agree with whether they are visible now."""
    visible = _visible(session, handles)
    for hidden in (0, 1):
        session.run(
            "UPDATE posting SET hidden = ?1 WHERE hidden <> ?1"
            " AND handle IN (SELECT value FROM integers(?2) w)",
            (hidden, [each for each in handles if (each not in visible) == bool(hidden)]),
        )
    session.run(
        "UPDATE selector SET shown = 1 WHERE shown = 0 AND selector IN"
        " (SELECT p.selector FROM integers(?) w CROSS JOIN posting p ON p.handle = w.value)",
        ([each for each in handles if each in visible],),
    )
    hidden_now = [each for each in handles if each not in visible]
    if hidden_now:
        numbers = session.rows(
            "SELECT DISTINCT p.selector FROM integers(?) w"
            " CROSS JOIN posting p ON p.handle = w.value",
            (hidden_now,),
        )
        _hide(session, [number for (number,) in numbers])


def _hide(session: Session, numbers: Sequence[int]) -> None:
    """Hide those of some pairs that no visible item carries."""
    session.run(
        "UPDATE selector SET shown = 0 WHERE shown = 1"
        " AND selector IN (SELECT value FROM integers(?) w) AND NOT EXISTS"
        " (SELECT 1 FROM posting p WHERE p.selector = selector.selector AND p.hidden = 0)",
        (list(numbers),),
    )


def _visible(session: Session, handles: Sequence[int]) -> frozenset[int]:
    """Return which of these items are visible, but for what a restore hides for a while."""
    rows = session.rows(
        "SELECT v.handle FROM integers(?) w CROSS JOIN item v ON v.handle = w.value"
        " AND v.state = 'held'",
        (list(handles),),
    )
    return frozenset(handle for (handle,) in rows)


def erase_postings(session: Session, handles: Sequence[int]) -> int:
    """Erase the postings of items, and each selector that no other item carries.

    Returns:
        How many selectors went; a value that another item carries stays.
    """
    asked = (list(handles),)
    numbers = session.rows(
        "SELECT DISTINCT p.selector FROM integers(?) w CROSS JOIN posting p ON p.handle = w.value",
        asked,
    )
    session.run("DELETE FROM posting WHERE handle IN (SELECT value FROM integers(?) w)", asked)
    carried = [number for (number,) in numbers]
    gone = session.run(
        "DELETE FROM selector WHERE selector IN (SELECT value FROM integers(?) w) AND NOT EXISTS"
        " (SELECT 1 FROM posting p WHERE p.selector = selector.selector)",
        (carried,),
    )
    if gone < len(carried):
        _hide(session, carried)
    return gone


def selectors_of_items(
    session: Session, handles: Sequence[int], kinds: Collection[SelectorKind] | None = None
) -> Mapping[int, frozenset[Selector]]:
    """Return the selectors of many items in one statement; items without any are left out.

    Args:
        session: A transaction.
        handles: The items.
        kinds: Only of these kinds; None for all.
    """
    rows = session.rows(
        "SELECT p.handle, s.kind, s.value FROM integers(?) w"
        " CROSS JOIN posting p ON p.handle = w.value"
        " JOIN selector s ON s.selector = p.selector"
        " WHERE s.kind IN (SELECT value FROM texts(?) w)",
        (
            list(dict.fromkeys(handles)),
            list(SelectorKind if kinds is None else sorted(kinds)),
        ),
    )
    found: dict[int, set[Selector]] = {}
    for handle, kind, value in rows:
        found.setdefault(handle, set()).add(Selector(_KINDS[kind], value))
    return {handle: frozenset(selectors) for handle, selectors in found.items()}


def look_up(
    session: Session, selectors: Sequence[Selector], *, cap: int
) -> Mapping[Selector, Posting]:
    """Return the visible items of many selectors, in two statements at most.

    Args:
        session: A transaction.
        selectors: What to look for.
        cap: Most handles to return for one selector.
    """
    wanted = {_pair(one): one for one in selectors}
    # One more than asked for tells whether they are all. Each range is read in index order, so that
    # a frequent selector costs no more than a rare one.
    shown = ""
    if session.row("SELECT 1 FROM orders_unheard UNION ALL SELECT 1 FROM recovery LIMIT 1"):
        # After a restore postings are as they were; what is visible is not.
        shown = " AND EXISTS (SELECT 1 FROM visible_item v WHERE v.handle = p.handle)"
    rows = session.rows(
        "SELECT s.kind, s.value, s.selector,"  # noqa: S608  a piece of our own
        " (SELECT joined(handle) FROM (SELECT p.handle FROM posting p"
        f"  WHERE p.selector = s.selector AND p.hidden = 0{shown}"
        " ORDER BY p.handle DESC LIMIT ?) h)"
        " FROM integers(?) w CROSS JOIN selector s ON s.hash = w.value AND s.shown = 1",
        (cap + 1, sorted(_hash(pair) for pair in wanted)),
    )
    found: dict[Selector, Posting] = {}
    frequent: dict[int, tuple[Selector, tuple[int, ...]]] = {}
    for kind, value, number, joined in rows:
        selector = wanted.get(f"{kind}\n{value}")
        if selector is None or joined is None:
            continue
        handles = tuple(map(int, joined.split(",")))
        if len(handles) > cap:
            frequent[number] = (selector, handles[:cap])
        else:
            found[selector] = Posting(frequency=len(handles), handles=handles)
    for number, frequency in _frequencies(session, frequent):
        selector, handles = frequent[number]
        found[selector] = Posting(frequency=frequency, handles=handles)
    return found


def carriers_of(session: Session, selectors: Collection[Selector], *, limit: int) -> Sequence[int]:
    """Return the items, visible or not, that carry one of some selectors, newest first."""
    wanted = {_pair(one) for one in selectors}
    rows = session.rows(
        "SELECT s.kind, s.value, s.selector FROM integers(?) w"
        " CROSS JOIN selector s ON s.hash = w.value",
        (sorted(_hash(pair) for pair in wanted),),
    )
    numbers = [number for kind, value, number in rows if f"{kind}\n{value}" in wanted]
    found = session.rows(
        "SELECT DISTINCT p.handle FROM integers(?) w CROSS JOIN posting p ON p.selector = w.value"
        " ORDER BY p.handle DESC LIMIT ?",
        (numbers, limit),
    )
    return [handle for (handle,) in found]


def _frequencies(session: Session, numbers: Collection[int]) -> list[Row]:
    """Return (selector, how many visible items carry it)."""
    if not numbers:
        return []
    return session.rows(
        "SELECT w.value, (SELECT count(*) FROM posting p"
        "  WHERE p.selector = w.value AND p.hidden = 0)"
        " FROM integers(?) w",
        (list(numbers),),
    )


def _pair(selector: Selector) -> str:
    """Return kind and value in one text; no kind holds a line feed."""
    return f"{selector.kind}\n{selector.value}"


def _hash(pair: str) -> int:
    digest = hashlib.blake2b(pair.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
