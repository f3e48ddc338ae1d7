"""Find what a person means: a local number, a STIX id, a source, a value, a few words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import combinations

from foedus.model.identifiers import (
    IdentifierError,
    LocalNumber,
    TreatyId,
    object_id,
)
from foedus.model.selectors import Selector, SelectorError, SelectorKind, normalise
from foedus.node.context import Node
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.lawbook import LawView
from foedus.node.ports import ItemFilter, ItemRow, ItemState, Receipted, Transaction
from foedus.node.recovering import refuse_unheard
from foedus.treaty.in_force import law_under

__all__ = [
    "ItemView",
    "TreatyState",
    "find_items",
    "find_treaty",
    "read_value",
    "resolve",
    "resolve_all",
    "search",
    "show",
    "treaty_state",
]

_SHOWN_STATES = frozenset({ItemState.DRAFT, ItemState.HELD, ItemState.QUARANTINED})
_PAGE = 500
_SOURCE_PREFIX = "source:"


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemView:
    """One item with all that is known of it here.

    Attributes:
        versions: Every version held here, oldest first.
        raw: Exact bytes of the item.
        terms: Bytes of its terms, or None.
        disclosures: Who was given it, under which article, where it is logged.
    """

    row: ItemRow
    versions: tuple[ItemRow, ...]
    raw: bytes
    terms: bytes | None
    selectors: tuple[Selector, ...]
    disclosures: tuple[Receipted, ...]


def resolve(tx: Transaction, reference: str) -> list[ItemRow]:
    """Return the items a reference names: newest version of a number or id, or a whole source.

    Args:
        tx: A transaction.
        reference: ``XA-2026-00042``, ``indicator--…`` or ``source:3``.

    Raises:
        NotFoundError: Nothing visible here has that name.
        RecoveringError: This node was restored, and what is named may have been recalled since.
    """
    if reference.startswith(_SOURCE_PREFIX):
        return _of_source(tx, reference)
    rows: Sequence[ItemRow] = ()
    try:
        rows = tx.items.by_number(LocalNumber.parse(reference), states=_SHOWN_STATES)
    except IdentifierError:
        try:
            rows = tx.items.by_object_id(object_id(reference), states=_SHOWN_STATES)
        except IdentifierError as error:
            raise NotFoundError(
                f"{reference!r} is no local number (XA-2026-00042), STIX id or source:N"
            ) from error
    if not rows:
        raise NotFoundError(f"nothing here has the name {reference}")
    refuse_unheard(tx, rows)
    return [max(rows, key=_age)]


def resolve_all(tx: Transaction, references: Sequence[str]) -> list[ItemRow]:
    """Return the items several references name, each once, in the order they are named.

    Raises:
        NotFoundError: A reference names nothing visible here.
    """
    rows = [row for reference in references for row in resolve(tx, reference)]
    return list({row.handle: row for row in rows}.values())


def _age(row: ItemRow) -> tuple[bool, float, int]:
    instant = row.modified
    return (instant is not None, instant.timestamp() if instant else 0.0, row.handle)


def _of_source(tx: Transaction, reference: str) -> list[ItemRow]:
    text = reference.removeprefix(_SOURCE_PREFIX)
    if not text.isdecimal() or not any(row.handle == int(text) for row in tx.sources.all()):
        raise NotFoundError(f"there is no {reference}; `foedus search --sources` lists them")
    tx.recovery.refuse()  # what it holds of a source is not shown now, and is not none
    return find_items(tx, ItemFilter(states=_SHOWN_STATES, sources=frozenset({int(text)})))


def find_items(tx: Transaction, which: ItemFilter, *, limit: int | None = None) -> list[ItemRow]:
    """Return all rows of a filter in order of ``added``, page by page."""
    found: list[ItemRow] = []
    after: datetime | None = None
    while limit is None or len(found) < limit:
        wanted = _PAGE if limit is None else min(_PAGE, limit - len(found))
        page = tx.items.page(which, after=after, limit=wanted)
        found.extend(page)
        if len(page) < wanted:
            break
        after = page[-1].added
    return found


def show(tx: Transaction, reference: str) -> ItemView:
    """Return everything known of one item.

    Raises:
        NotFoundError: Nothing visible has that name.
        RefusedError: The reference names more than one item.
    """
    rows = resolve(tx, reference)
    if len(rows) != 1:
        raise RefusedError(f"{reference} names {len(rows)} items; show one of them")
    row = rows[0]
    versions = [
        each
        for each in tx.items.by_object_id(row.key.object_id, states=_SHOWN_STATES)
        if each.key.originator == row.key.originator
    ]
    terms = None if row.terms_id is None else tx.items.terms([row.terms_id]).get(row.terms_id)
    carried = tx.items.selectors([row.handle]).get(row.handle, frozenset())
    return ItemView(
        row=row,
        versions=tuple(versions),
        raw=tx.items.raw([row.handle])[row.handle],
        terms=terms,
        selectors=tuple(sorted(carried, key=lambda each: (each.kind, each.value))),
        disclosures=tuple(tx.feeds.disclosures(row.handle)),
    )


def read_value(text: str) -> list[Selector]:
    """Return every selector a typed value may be: ``kind:value``, or any kind that fits."""
    kind, separator, value = text.partition(":")
    if separator and kind in {each.value for each in SelectorKind}:
        return [normalise(SelectorKind(kind), value)]
    found = []
    for each in SelectorKind:
        if each is SelectorKind.NAME:
            continue
        try:
            found.append(normalise(each, text))
        except SelectorError:
            continue
    return found


def search(tx: Transaction, text: str, *, limit: int) -> list[ItemRow]:
    """Return visible items that carry a value, else those whose text has all the words."""
    handles: list[int] = []
    for posting in tx.items.postings(read_value(text), cap=limit).values():
        handles.extend(posting.handles)
    if handles:
        return list(tx.items.rows(sorted(set(handles), reverse=True)[:limit]))
    return find_items(tx, ItemFilter(text=text), limit=limit)


def find_treaty(tx: Transaction, node: Node, reference: str) -> TreatyId:
    """Return the treaty whose id begins with a text; with "" the only one there is.

    Raises:
        NotFoundError: None or several fit.
    """
    view = node.law.view(tx)
    known = sorted(view.treaties)
    fitting = [treaty for treaty in known if treaty.startswith(reference.lower())]
    if len(fitting) == 1:
        return fitting[0]
    if not known:
        raise NotFoundError("no treaty is known here; `foedus treaty adopt FILE` adds one")
    what = f"{len(fitting)} treaties begin with {reference!r}" if reference else "several treaties"
    now = node.clock.now()
    states = {each: treaty_state(view, each, now) for each in fitting or known}
    told = ", ".join(
        f"{each[:12]} ({view.treaty(each).treaty.short_title}: {state})"
        for each, state in states.items()
    )
    governing = [each for each, state in states.items() if state is TreatyState.IN_FORCE]
    only = ""
    if len(states) > 1 and len(governing) == 1:
        only = f"; of these only {governing[0][:12]} is in force"
    raise NotFoundError(f"{what}; name one of: {told}{only}")


class TreatyState(StrEnum):
    """Whether a treaty is what governs, in words for lists."""

    NOT_IN_FORCE = "not in force"
    IN_FORCE = "in force"
    SUSPENDED = "suspended between all"
    SUPERSEDED = "superseded between all"


def treaty_state(view: LawView, treaty: TreatyId, at: datetime) -> TreatyState:
    """Return whether a treaty governs anybody at an instant.

    It is superseded once an adopted amendment governs each pair of members that it would bind.
    """
    current = view.status(treaty, at)
    if current.in_force_since is None:
        return TreatyState.NOT_IN_FORCE
    if current.suspended_since is not None:
        return TreatyState.SUSPENDED
    if not current.amendments:
        return TreatyState.IN_FORCE
    text = view.treaty(treaty).treaty
    state = TreatyState.IN_FORCE
    for one, other in combinations(sorted(current.members), 2):
        # Only what a pair lost to another text counts, not what an objection or suspension stops.
        if law_under(text, current, one, other).binds:
            if view.law(treaty, one, other, at).pair.binds:
                return TreatyState.IN_FORCE
            state = TreatyState.SUPERSEDED
    return state
