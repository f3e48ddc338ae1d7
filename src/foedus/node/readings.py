"""Readings: who read personal data, when, by which way and for what purpose.

1. A reading is noted of items whose terms say *personal*, and of those nobody gave terms yet:
   what a draft or a quarantined object holds is not known. Other items are read without a trace.
2. A person gives the purpose with the command (``--why``, ``FOEDUS_WHY``); a tool's is given when
   its token is made. Where the node demands a purpose (setting ``require_purpose``), nothing
   personal is read without one, and the reader is named.
3. What a person read is named item by item. What tools read is counted: one row for each token,
   collection, purpose and minute, kept in memory and written once a minute, so that no request
   waits for it. A process that is killed loses the counts of its last minute.
4. A search about a person is noted with a code of what was looked for, under the node's secret,
   never with the value.
5. Nobody changes or removes a reading. Officers and auditors read them; that is an act in the
   journal.

Spec: design §2 rules 6 and 11.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from foedus.access import Actor, Role, require_role
from foedus.model.identifiers import ObjectId
from foedus.model.terms import parse_terms
from foedus.node.context import Node, note_act
from foedus.node.errors import RefusedError
from foedus.node.ports import ItemRow, ItemState, Transaction
from foedus.node.ports.readings import NewReading, ReadingRow
from foedus.release.gate import Gate

__all__ = [
    "MAX_PURPOSE_CHARS",
    "PurposeNeededError",
    "ReadingQuery",
    "checked_purpose",
    "flush_readings",
    "list_readings",
    "log_reading",
    "note_reading",
    "personal_among",
    "search_mark",
    "tool_purpose",
]

MAX_PURPOSE_CHARS: Final = 300
"""Longest purpose kept, in characters."""

_MARK: Final = b"foedus/v1/subject-search\n"
_UNKNOWN: Final = frozenset({ItemState.DRAFT, ItemState.QUARANTINED, ItemState.AWAITING})


class PurposeNeededError(RefusedError):
    """Personal data is read here only by a named person or tool, for a stated purpose."""

    code: ClassVar[str] = "node.purpose-needed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingQuery:
    """Which readings to list.

    Attributes:
        handles: Only those that name one of these items; empty for all.
        before: Only numbers below this one.
    """

    handles: tuple[int, ...] = ()
    before: int | None = None
    limit: int = 100


def personal_among(tx: Transaction, rows: Sequence[ItemRow]) -> list[int]:
    """Return the handles of items that hold, or may hold, personal data (rule 1)."""
    ids = {row.terms_id for row in rows if row.terms_id is not None}
    personal: set[ObjectId] = {
        each for each, raw in tx.items.terms(sorted(ids)).items() if parse_terms(raw).personal
    }
    return [
        row.handle
        for row in rows
        if row.terms_id in personal or (row.terms_id is None and row.state in _UNKNOWN)
    ]


def note_reading(
    tx: Transaction,
    node: Node,
    actor: Actor | None,
    what: str,
    handles: Sequence[int],
    purpose: str,
    *,
    mark: str = "",
) -> int:
    """Note that a person read items; part of a unit of work that commits before they are shown.

    Args:
        tx: A writing transaction.
        node: The node.
        actor: Who reads; None where nobody was named.
        what: By which way, in one word or two.
        handles: What is shown; those without personal data are left out.
        purpose: What for.
        mark: Code of what was looked for; a search with one is noted even if it found nothing.

    Returns:
        The reading's number; 0 where nothing personal was read.

    Raises:
        PurposeNeededError: The node demands a purpose and a name, and one is missing.
        RefusedError: The purpose is too long or no line of text.
    """
    personal = personal_among(tx, list(tx.items.rows(list(dict.fromkeys(handles)))))
    if not personal and not mark:
        return 0
    return tx.readings.add(
        NewReading(
            at=node.clock.now(),
            user="" if actor is None else actor.user,
            token="",
            what=what,
            purpose=checked_purpose(node, actor, purpose),
            count=len(personal),
            mark=mark,
            handles=tuple(personal),
        )
    )


def log_reading(
    node: Node, actor: Actor | None, what: str, handles: Sequence[int], purpose: str
) -> None:
    """Note a reading in a unit of work of its own, before anything is shown; see above."""
    wanted = list(dict.fromkeys(handles))
    with node.database.read() as tx:
        if not wanted or not personal_among(tx, list(tx.items.rows(wanted))):
            return
    with node.database.write() as tx:
        note_reading(tx, node, actor, what, wanted, purpose)


def checked_purpose(node: Node, actor: Actor | None, purpose: str) -> str:
    """Return the purpose as it is kept, or raise."""
    text = purpose.strip()
    if node.require_purpose and (not text or actor is None):
        raise PurposeNeededError(
            "personal data is read here for a stated purpose, by a named person: give --why (or "
            "set FOEDUS_WHY) and --as"
        )
    if len(text) > MAX_PURPOSE_CHARS or (text and not text.isprintable()):
        raise RefusedError(f"a purpose is one line of at most {MAX_PURPOSE_CHARS} characters")
    return text


def tool_purpose(purpose: str, *, required: bool) -> None:
    """Check that a token has a purpose where one is demanded.

    Raises:
        PurposeNeededError: It has none.
    """
    if required and not purpose:
        raise PurposeNeededError("this token has no purpose, and nothing is read without one here")


def search_mark(node: Node, values: Iterable[str]) -> str:
    """Return the code of what is looked for (rule 4): the same values have the same code."""
    text = "\n".join(sorted(values))
    return hmac.new(node.identity.secret, _MARK + text.encode(), hashlib.sha256).hexdigest()


def list_readings(node: Node, actor: Actor, query: ReadingQuery) -> Sequence[ReadingRow]:
    """Return readings, the newest first; that they were looked at stands in the journal.

    Raises:
        AccessDeniedError: The actor is neither officer nor auditor.
    """
    require_role(actor, Role.OFFICER, Role.AUDITOR)
    flush_readings(node, None)
    with node.database.write() as tx:
        note_act(tx, node, actor, "readings.list", "")
        if query.handles:
            return tx.readings.of_items(query.handles, before=query.before, limit=query.limit)
        return tx.readings.page(before=query.before, limit=query.limit)


def flush_readings(node: Node, gate: Gate | None) -> None:
    """Write what tools of this process read in minutes that are over; all, with no gate given."""
    node.tally.flush(node.database, before=None if gate is None else node.clock.now())
