"""Taking erased items' ids out of what tells of something else, or outlives them.

Most of it is found by reading it: an index for it would be paid by everything that is ever written,
for the sake of the few that are erased. What people wrote in their own words is searched for ids,
and not for values: they are told to name nobody there.

Ids stay in documents that were signed about an item (orders, consents, discrepancies, words on
requests) and in what is read from them: a restored member must be able to read an order again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from foedus.store.sql.session import Row, Session

__all__ = ["ERASED", "Gone", "rename_residuals", "scrub", "scrub_casework"]

ERASED: Final = "erased"
"""What stands where an id or a name was."""

_ID: Final = re.compile(
    r"[a-z][a-z0-9-]*--[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
)
_PAGE: Final = 200
_TOLD: Final = (
    # (table, key, column, whether bytes): texts that may name an item.
    ("act", "number", "subject", False),
    ("quarantine", "handle", "reason", False),
    ("in_lane", "in_lane", "halted", False),
    ("webhook_event", "number", "data", True),
    ("hit", "number", "reason", False),
    ("duty", "number", "reason", False),
    ("erasure", "number", "reason", False),
    ("reserved_item", "item", "reason", False),
    ("order_breach", "record", "reason", False),
    ("challenge_breach", "record", "reason", False),
    ("challenge_words", "challenge", "intake", False),
    ("challenge_words", "challenge", "reason", False),
    ("access_request", "number", "words", False),
    ("export", "number", "purpose", False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """What is erased, as it is looked for elsewhere.

    Attributes:
        rows: (handle, id, originator, version, added, terms, source) of each.
        names: Their ids.
        made_up: What stands in the place of each id, by handle.
    """

    rows: Sequence[Row]
    names: frozenset[str]
    made_up: dict[int, str]

    @property
    def handles(self) -> list[int]:
        """Their handles."""
        return [row[0] for row in self.rows]

    def scrubbed(self, text: str) -> str | None:
        """Return a text without their ids; None where it holds none."""
        found = False

        def put(match: re.Match[str]) -> str:
            nonlocal found
            # A text may join an id to what stands before it.
            if match[0] in self.names:
                found = True
                return ERASED
            return match[0]

        scrubbed = _ID.sub(put, text)
        return scrubbed if found else None


def scrub(session: Session, gone: Gone) -> None:
    """Take their ids out of what tells of something else."""
    for table, key, column, binary in _TOLD:
        narrowed = "" if binary else f" WHERE {column} LIKE '%--%'"
        rows = session.rows(
            f"SELECT {key}, {column} FROM {table}{narrowed}"  # noqa: S608  # all of ours
        )
        _put(session, gone, (table, key, column), rows, binary=binary)
    _put(
        session,
        gone,
        ("reading", "number", "purpose"),
        # Readings are many: those of the items alone are looked at.
        session.rows(
            "SELECT r.number, r.purpose FROM reading r WHERE r.purpose LIKE '%--%'"
            " AND r.number IN (SELECT n.reading FROM integers(?) w"
            " CROSS JOIN reading_item n ON n.handle = w.value)",
            (gone.handles,),
        ),
    )
    _drop_statuses(session, gone)


def _put(
    session: Session,
    gone: Gone,
    place: tuple[str, str, str],
    rows: Sequence[Row],
    *,
    binary: bool = False,
) -> None:
    """Write what is left of texts that named one of them."""
    table, key, column = place
    changed: list[tuple[object, int]] = []
    for number, value in rows:
        left = gone.scrubbed(bytes(value).decode() if binary else value)
        if left is not None:
            changed.append((left.encode() if binary else left, number))
    session.run_many(
        f"UPDATE {table} SET {column} = ? WHERE {key} = ?",  # noqa: S608  # all of ours
        changed,
    )


def _drop_statuses(session: Session, gone: Gone) -> None:
    """Drop what became of posts that name them; such a status is kept for a day at most."""
    after = ""
    while rows := session.rows(
        "SELECT id, body FROM post_status WHERE id > ? ORDER BY id LIMIT ?", (after, _PAGE)
    ):
        after = rows[-1][0]
        session.run_many(
            "DELETE FROM post_status WHERE id = ?",
            [
                (name,)
                for name, body in rows
                if not gone.names.isdisjoint(_ID.findall(bytes(body).decode()))
            ],
        )


def scrub_casework(session: Session, gone: Gone) -> None:
    """Take them out of what requests, residual orders and people's hands keep of items.

    Run once their hits are erased and before they lose their ids. What stays of a request itself is
    its course: its own id, closed words and figures.
    """
    asked = (gone.handles,)
    session.run("DELETE FROM item_hand WHERE item IN (SELECT value FROM integers(?) w)", asked)
    # The number of a hit that is no more may be given to another.
    session.run(
        "UPDATE request SET hit = NULL WHERE hit IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM hit h WHERE h.number = request.hit)"
    )
    session.run(
        "DELETE FROM request_early WHERE object_id IN (SELECT value FROM texts(?) w)",
        (sorted(gone.names),),
    )
    _rename_answers(session, gone)
    session.run(
        "UPDATE residual_duty SET handle = (SELECT i.handle FROM item i"
        "  WHERE i.object_id = residual_duty.object_id AND i.version = residual_duty.version"
        "  AND i.originator = residual_duty.originator)"
        " WHERE handle IS NULL AND EXISTS (SELECT 1 FROM item i"
        "  WHERE i.object_id = residual_duty.object_id AND i.version = residual_duty.version"
        "  AND i.originator = residual_duty.originator"
        "  AND i.handle IN (SELECT value FROM integers(?) w))",
        asked,
    )


def _rename_answers(session: Session, gone: Gone) -> None:
    """Let answers to requests tell how many they were, and not which."""
    found = session.rows(
        "SELECT a.request, a.object_id, a.version FROM texts(?) w"
        " CROSS JOIN request_answer a ON a.object_id = w.value",
        (sorted(gone.names),),
    )
    if not found:
        return
    put = {(row[1], row[3]): (gone.made_up[row[0]], f"erased.{row[0]}") for row in gone.rows}
    # An answer names no originator: what another living item is called stays.
    others = session.rows(
        "SELECT o.handle, o.object_id, o.version FROM texts(?) w"
        " CROSS JOIN item o ON o.object_id = w.value WHERE o.state <> 'discarded'",
        (sorted({name for _, name, _ in found}),),
    )
    for handle, name, version in others:
        if handle not in gone.made_up:
            put.pop((name, version), None)
    session.run_many(
        "UPDATE request_answer SET object_id = ?, version = ?"
        " WHERE request = ? AND object_id = ? AND version = ?",
        [
            (*put[name, version], number, name, version)
            for number, name, version in found
            if (name, version) in put
        ],
    )


def rename_residuals(session: Session, gone: Gone) -> None:
    """Let residual orders name them as they are called once they have lost their ids."""
    session.run(
        "UPDATE residual_duty SET object_id = i.object_id, version = i.version FROM item i"
        " WHERE i.handle = residual_duty.handle"
        " AND residual_duty.handle IN (SELECT value FROM integers(?) w)",
        (gone.handles,),
    )
