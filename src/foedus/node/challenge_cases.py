"""What every step of a challenge needs: its row, its clocks, what it concerns, who may look.

Who may: the data-protection officer, the reviewer and the auditor see challenges; the first two act
on them. To everybody else they look as if there were none.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Final

from foedus.access import Actor, Role, require_role
from foedus.casework.challenge_course import DECIDED, EXAMINED, ChallengeState
from foedus.casework.order import OrderAction
from foedus.model.selectors import Selector, SelectorError, SelectorKind, normalise
from foedus.node.context import Node
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.find import read_value
from foedus.node.ports import ItemRow, ItemState, Transaction
from foedus.node.ports.challenges import AccessRow, ChallengeRow
from foedus.treaty.clocks import CaseClocks

__all__ = [
    "ACTS",
    "LOOKS",
    "MAX_WORDS",
    "access_of",
    "case_clocks",
    "case_reference",
    "case_words",
    "challenge_of",
    "marks_of",
    "next_look",
    "own_rows",
    "refuse_examined",
    "reminder_of",
    "require_acting",
    "selectors_given",
    "standing_rows",
]

ACTS: Final = (Role.OFFICER, Role.REVIEWER)
"""Who takes challenges in and leads them on."""

LOOKS: Final = (*ACTS, Role.AUDITOR)
"""Who sees them."""

MAX_WORDS: Final = 20_000
"""Longest text written of a case, characters."""

_REFERENCE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,39}", re.ASCII)
_PERSON: Final = b"foedus/v1/challenge-person\n"
_RETRY: Final = timedelta(minutes=1)
_CONCERNABLE: Final = frozenset(
    {
        ItemState.DRAFT,
        ItemState.HELD,
        ItemState.RESTRICTED,
        ItemState.AWAITING,
        ItemState.QUARANTINED,
    }
)


def require_acting(actor: Actor) -> None:
    """Check that somebody may lead challenges on, or raise AccessDeniedError."""
    require_role(actor, *ACTS)


def challenge_of(tx: Transaction, number: int) -> ChallengeRow:
    """Return a challenge, or raise NotFoundError."""
    row = tx.challenges.get(number)
    if row is None:
        raise NotFoundError(f"there is no challenge {number}; `foedus challenge list`")
    return row


def access_of(tx: Transaction, number: int) -> AccessRow:
    """Return a request to see what is held, or raise NotFoundError."""
    row = tx.challenges.access(number)
    if row is None:
        raise NotFoundError(f"there is no request {number}; `foedus challenge access list`")
    return row


def case_clocks(tx: Transaction, node: Node, at: datetime) -> CaseClocks:
    """Return the shortest time limits of the treaties in force: those that bind whatever is held.

    They do not depend on which treaty what is held came under, or a day set would tell of it.
    """
    view = node.law.view(tx)
    clocks = [
        compiled.treaty.clocks
        for treaty, compiled in sorted(view.treaties.items())
        if view.status(treaty, at).in_force_since is not None
    ]
    shortest = CaseClocks()
    if not clocks:
        return shortest
    lengths = {
        each.name: min(getattr(one, each.name) for one in clocks)
        for each in fields(shortest)
        if each.name in {"challenge_block", "challenge_decide", "subject_access", "breach_report"}
    }
    return CaseClocks(**lengths)


def case_reference(text: str) -> str:
    """Return the local reference of a case, or raise RefusedError: it names nobody."""
    if not _REFERENCE.fullmatch(text):
        raise RefusedError(
            "a case has a local reference of letters, digits, . _ / and -, at most 40, that names "
            f"nobody; this is none: {text[:40]!r}"
        )
    return text


def case_words(text: str) -> str:
    """Return what is written of a case, or raise RefusedError where it is too long."""
    if len(text) > MAX_WORDS:
        raise RefusedError(f"at most {MAX_WORDS} characters are kept of a case")
    return text.replace("\0", "").strip()


def selectors_given(values: Iterable[str]) -> frozenset[Selector]:
    """Return every selector that what a person gave may be, a name included."""
    found: set[Selector] = set()
    for value in values:
        try:
            read = read_value(value.strip())
        except SelectorError as error:
            raise RefusedError(f"{value[:40]!r} cannot be looked for: {error}") from error
        found.update(read)
        if not any(value.startswith(f"{each.kind}:") for each in read):
            found.update(_as_name(value))
    return frozenset(found)


def _as_name(value: str) -> list[Selector]:
    try:
        return [normalise(SelectorKind.NAME, value)]
    except SelectorError:
        return []


def marks_of(node: Node, selectors: Iterable[Selector]) -> frozenset[bytes]:
    """Return the HMACs of what a person gave, under the node's secret."""
    return frozenset(
        hmac.digest(
            node.identity.secret, _PERSON + f"{each.kind}\n{each.value}".encode(), hashlib.sha256
        )
        for each in selectors
    )


def standing_rows(tx: Transaction, handles: Iterable[int]) -> list[ItemRow]:
    """Return the items of these handles that may be concerned by a challenge."""
    rows = tx.items.rows(sorted(set(handles)))
    return [row for row in rows if row.state in _CONCERNABLE and row.variant_of is None]


def own_rows(node: Node, rows: Sequence[ItemRow]) -> list[ItemRow]:
    """Return those of these items that are this member's own."""
    return [row for row in rows if row.key.originator == node.identity.member]


def refuse_examined(tx: Transaction, action: OrderAction, handles: Collection[int]) -> None:
    """Refuse to lift or correct by hand what a challenge keeps blocked while it is examined.

    Only the reviewer's decision ends such a block, whoever entered the item and whoever orders.

    Raises:
        RefusedError: A challenge is examined.
    """
    if action not in {OrderAction.LIFT, OrderAction.CORRECT}:
        return
    names = sorted(set(tx.challenges.examined(handles).values()))
    if names:
        raise RefusedError(
            f"challenge {names[0]} keeps it blocked until a reviewer decides (`foedus challenge "
            "decide`)"
        )


def reminder_of(start: datetime, due: datetime) -> datetime:
    """Return when people are reminded of a deadline: a quarter of its time before it."""
    return due - (due - start) / 4


def next_look(row: ChallengeRow, now: datetime) -> datetime | None:
    """Return when the clock has to look at a challenge again; None never."""
    taken = row.challenge
    if row.state is ChallengeState.CLOSED:
        return None
    if row.state in DECIDED or row.state is ChallengeState.RECEIVED:
        return now + _RETRY
    marks = [
        at
        for due in (taken.block_due, taken.decide_due)
        for at in (reminder_of(taken.received, due), due)
    ]
    ahead = [at for at in marks if at > now]
    return min(ahead) if ahead and row.state in EXAMINED else None
