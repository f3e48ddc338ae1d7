"""Erasing items and all that names them, many at once: no statement is run once for each item.

What names an item without being about it alone, such as what happened, what was posted or what went
wrong, is kept and loses the id (:mod:`foedus.store.sql.scrubbing`).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from foedus.node.ports import ItemState
from foedus.node.ports.erasure import CopyRow
from foedus.store.errors import StoreMissingError
from foedus.store.sql.grounds import note_lapse
from foedus.store.sql.onward import erase_onward
from foedus.store.sql.postings import erase_postings
from foedus.store.sql.quarantine import wipe_copies, wipe_named
from foedus.store.sql.scrubbing import ERASED, Gone, rename_residuals, scrub, scrub_casework
from foedus.store.sql.session import Row, Session

__all__ = ["NO_BYTES", "copies_of", "erase_copies", "erase_grounds", "erase_items"]

NO_BYTES: Final = bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
"""SHA-256 of nothing: what stands where a hash was."""

_DIGEST: Final = re.compile(rb"[0-9a-f]{64}")


def erase_items(
    session: Session, handles: Sequence[int], names: Sequence[str]
) -> Mapping[str, int]:
    """Erase items; see :meth:`foedus.node.ports.erasure.ErasureStore.erase_items`.

    Raises:
        StoreMissingError: A handle is not stored.
    """
    asked = (list(handles),)
    rows = session.rows(
        "SELECT i.handle, i.object_id, i.originator, i.version, i.added, i.terms, i.source"
        " FROM integers(?) w CROSS JOIN item i ON i.handle = w.value",
        asked,
    )
    if len(rows) != len(handles):
        raise StoreMissingError("an item named by its handle is not stored")
    gone = Gone(
        rows=rows,
        names=frozenset(row[1] for row in rows),
        made_up=dict(zip(handles, names, strict=True)),
    )
    counts = erase_grounds(session, handles)
    counts["bytes"] = session.run(
        "DELETE FROM item_bytes WHERE handle IN (SELECT value FROM integers(?) w)", asked
    )
    counts["hits"] = session.run(
        "DELETE FROM hit WHERE arrived IN (SELECT value FROM integers(?1) w)"
        " OR held IN (SELECT value FROM integers(?1) w)",
        asked,
    )
    session.run(
        "UPDATE feed_row SET salt = ? WHERE handle IN (SELECT value FROM integers(?) w)",
        (b"", *asked),
    )
    session.run("DELETE FROM reserved_item WHERE item IN (SELECT value FROM integers(?) w)", asked)
    erase_onward(session, handles)
    counts["selectors"] = erase_postings(session, handles)
    session.words.erase(session, [row[4] for row in rows])
    counts["quarantine"] = wipe_named(session, [(row[0], row[1], row[2]) for row in rows])
    counts["quarantine"] += wipe_copies(session, handles)
    counts["alarms"] = _close_alarms(session, gone)
    scrub(session, gone)
    scrub_casework(session, gone)
    _erase_rows(session, handles, names)
    rename_residuals(session, gone)
    _drop_terms(session, gone)
    _empty_sources(session, gone)
    return {store: count for store, count in counts.items() if count > 0}


def _erase_rows(session: Session, handles: Sequence[int], names: Sequence[str]) -> None:
    # Handle and name travel in one text each: two lists could be joined by place only, and SQLite
    # would go through one of them for each of the other.
    session.run(
        "UPDATE item SET state = :state, title = '', modified = NULL, terms = NULL,"
        " object_id = substr(w.value, 20), content_hash = :nothing,"
        " version = 'erased.' || CAST(item.handle AS text)"
        " FROM texts(:rows) w WHERE item.handle = CAST(substr(w.value, 1, 19) AS bigint)",
        {
            "state": ItemState.DISCARDED.value,
            "nothing": NO_BYTES,
            "rows": [f"{handle:019d}{name}" for handle, name in zip(handles, names, strict=True)],
        },
    )


def erase_grounds(session: Session, handles: Sequence[int]) -> dict[str, int]:
    """Erase approvals and consents on items, and what the journal of the log says of them."""
    asked = (list(handles),)
    consents = session.rows(
        "SELECT c.number, c.entry_index, CASE WHEN c.withdrawn IS NULL THEN ''"
        " ELSE c.digest END FROM consent c JOIN item i ON c.object_id = i.object_id"
        " AND c.originator = i.originator AND c.version = i.version"
        " WHERE i.handle IN (SELECT value FROM integers(?) w)",
        asked,
    )
    approvals = session.rows(
        "SELECT number, entry_index, CASE WHEN withdrawn IS NULL THEN '' ELSE subject END"
        " FROM approval WHERE item IN (SELECT value FROM integers(?) w)",
        asked,
    )
    for table, found in (("approval", approvals), ("consent", consents)):
        if found:
            session.run(
                f"DELETE FROM {table} WHERE number IN"  # noqa: S608  # one of two of ours
                " (SELECT value FROM integers(?) w)",
                ([number for number, _, _ in found],),
            )
    both = (*approvals, *consents)
    if both:
        taken_back = {digest.encode() for _, _, digest in both if digest}
        entries = [index for _, index, _ in both]
        # What took one back names it by an unsalted hash, and no index leads there.
        if taken_back:
            entries += [
                position
                for position, record in session.records_with(b"-withdrawal")
                if not taken_back.isdisjoint(_DIGEST.findall(record))
            ]
        erase_entries(session, entries)
        note_lapse(session)
    return {"approvals": len(approvals), "consents": len(consents)}


def erase_entries(session: Session, indices: Sequence[int]) -> None:
    """Erase salt and record of log entries; the entries stay."""
    session.run(
        "UPDATE ledger_entry SET salt = NULL, record = NULL"
        " WHERE position IN (SELECT value FROM integers(?) w)",
        (list(indices),),
    )


def _close_alarms(session: Session, gone: Gone) -> int:
    """Close the alarms whose subject is one of the items; take their ids out of all others."""
    closed, changed = [], []
    for code, subject, text in session.rows("SELECT code, subject, text FROM alarm"):
        _, _, last = subject.rpartition("/")
        if last in gone.names:
            closed.append((code, subject))
        elif (left := gone.scrubbed(text)) is not None:
            changed.append((left, code, subject))
    session.run_many("DELETE FROM alarm WHERE code = ? AND subject = ?", closed)
    session.run_many("UPDATE alarm SET text = ? WHERE code = ? AND subject = ?", changed)
    return len(closed)


def _drop_terms(session: Session, gone: Gone) -> None:
    """Drop terms that no item is under any more: they may say why this one was found neutral."""
    numbers = sorted({row[5] for row in gone.rows if row[5] is not None})
    if not numbers:
        return
    used = session.rows(
        "SELECT DISTINCT terms FROM item WHERE terms IN (SELECT value FROM integers(?) w)",
        (numbers,),
    )
    left = {number for (number,) in used}
    session.run(
        "DELETE FROM terms WHERE terms IN (SELECT value FROM integers(?) w)",
        ([number for number in numbers if number not in left],),
    )


def _empty_sources(session: Session, gone: Gone) -> None:
    """Empty what is said of a source nothing of which is left; its figures stay."""
    sources = sorted({row[6] for row in gone.rows if row[6] is not None})
    if not sources:
        return
    asked = (sources,)
    living = session.rows(
        "SELECT w.value FROM integers(?) w WHERE EXISTS"
        " (SELECT 1 FROM item i WHERE i.source = w.value AND i.state <> 'discarded')",
        asked,
    )
    left = {number for (number,) in living}
    session.run(
        "UPDATE source SET sha256 = '', name = ?, refused = '[]', report = NULL"
        " WHERE handle IN (SELECT value FROM integers(?) w)",
        (ERASED, [number for number in sources if number not in left]),
    )
    named = session.rows(
        "SELECT s.handle, s.refused, s.report FROM integers(?) w"
        " CROSS JOIN source s ON s.handle = w.value",
        (sorted(left),),
    )
    session.run_many(
        "UPDATE source SET refused = ?, report = ? WHERE handle = ?",
        [
            (gone.scrubbed(refused) or refused, None if report in gone.names else report, number)
            for number, refused, report in named
        ],
    )


def copies_of(session: Session, names: Sequence[str]) -> list[Row]:
    """Return (collection, id, version, bytes) of what stands in collections under these ids."""
    return session.rows(
        "SELECT o.collection, o.object_id, o.version, o.raw FROM collection c"
        " CROSS JOIN texts(?) w ON true"
        " CROSS JOIN collection_object o"
        " ON o.collection = c.collection AND o.object_id = w.value",
        (list(names),),
    )


def erase_copies(session: Session, copies: Sequence[CopyRow]) -> None:
    """Erase copies; the earliest and latest version left of each object are flagged anew."""
    if not copies:
        return
    session.run_many(
        "DELETE FROM collection_object WHERE collection = ? AND object_id = ? AND version = ?",
        [(each.collection, each.object_id, each.version) for each in copies],
    )
    figures: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0])
    for each in copies:
        figures[each.collection][0] += 1
        figures[each.collection][1] += len(each.raw)
    session.run_many(
        "UPDATE collection SET objects = objects - ?, bytes = bytes - ? WHERE collection = ?",
        [(count, size, number) for number, (count, size) in figures.items()],
    )
    places = sorted({(each.collection, each.object_id) for each in copies})
    left = [
        place
        for number in figures
        for place in _left(session, number, [name for at, name in places if at == number])
    ]
    for flag, end in (("first", "min"), ("last", "max")):
        session.run_many(
            f"UPDATE collection_object SET {flag} = 1"  # noqa: S608  # two pairs of ours
            f" WHERE collection = ?1 AND object_id = ?2 AND version = (SELECT {end}(o.version)"
            " FROM collection_object o WHERE o.collection = ?1 AND o.object_id = ?2)",
            left,
        )


def _left(session: Session, number: int, names: Sequence[str]) -> list[tuple[int, str]]:
    rows = session.rows(
        "SELECT DISTINCT o.object_id FROM texts(?) w CROSS JOIN collection_object o"
        " ON o.collection = ? AND o.object_id = w.value",
        (list(names), number),
    )
    return [(number, name) for (name,) in rows]
