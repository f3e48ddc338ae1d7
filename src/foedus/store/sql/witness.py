"""Heads, cosignatures and proofs of forks."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from foedus.clock import from_micros, to_micros
from foedus.model.identifiers import MemberId
from foedus.node.ports.witness import CosignedLog, ForkRow, HeardHead, OwnHead, WitnessRow
from foedus.store.sql.session import Row, Session

__all__ = ["StoredWitness"]

_COSIGNED = "SELECT origin, size, note, at FROM cosigned_log"
_HEARD = "SELECT origin, member, size, root, note, shown_by, at FROM heard_head"
_FORK = "SELECT origin, member, smaller, larger, proof, shown_by, at FROM log_fork"


class StoredWitness:
    """Implements :class:`foedus.node.ports.witness.WitnessStore`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def cosigned(self, origin: str) -> CosignedLog | None:
        """Return what this node cosigned last of a log; None if nothing."""
        row = self._session.row(_COSIGNED + " WHERE origin = ?", (origin,))
        return None if row is None else _cosigned(row)

    def cosigned_named(self, name: str) -> CosignedLog | None:
        """Do the same by the hash of the origin."""
        row = self._session.row(_COSIGNED + " WHERE name = ?", (name,))
        return None if row is None else _cosigned(row)

    def cosigned_all(self) -> Sequence[CosignedLog]:
        """Return what this node cosigned last of every log, by origin."""
        return [_cosigned(row) for row in self._session.rows(_COSIGNED + " ORDER BY origin")]

    def keep_cosigned(self, head: CosignedLog) -> None:
        """Keep the head this node is about to cosign.

        Raises:
            StoreError: It is smaller than the one kept.
        """
        self._session.run(
            "INSERT INTO cosigned_log (origin, name, size, note, at) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (origin) DO UPDATE SET size = excluded.size, note = excluded.note,"
            " at = excluded.at",
            (
                head.origin,
                hashlib.sha256(head.origin.encode()).hexdigest(),
                head.size,
                head.note,
                to_micros(head.at),
            ),
        )

    def keep_cosignature(
        self, member: MemberId, note: bytes, *, size: int, lines: bytes, at: datetime
    ) -> OwnHead:
        """Keep what a member answered about a head of our log; returns that head as it is now."""
        run = self._session.run
        run("INSERT INTO own_head (size, note) VALUES (?, ?) ON CONFLICT DO NOTHING", (size, note))
        run(
            "INSERT INTO own_cosignature (size, member, lines) VALUES (?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (size, member, lines),
        )
        run(
            "INSERT INTO own_witness (member, size, at) VALUES (?, ?, ?) ON CONFLICT (member)"
            " DO UPDATE SET size = excluded.size, at = excluded.at WHERE"
            " excluded.size >= own_witness.size",
            (member, size, to_micros(at)),
        )
        [head] = self._heads([size])
        return head

    def own_heads(self, *, limit: int = 1) -> Sequence[OwnHead]:
        """Return the newest cosigned heads of our log, largest first."""
        rows = self._session.rows("SELECT size FROM own_head ORDER BY size DESC LIMIT ?", (limit,))
        return self._heads([size for (size,) in rows])

    def drop_own_heads(self, *, keep: int) -> int:
        """Forget all but the newest cosigned heads."""
        oldest = "(SELECT size FROM own_head ORDER BY size DESC LIMIT 1 OFFSET ?)"
        self._session.run(f"DELETE FROM own_cosignature WHERE size <= {oldest}", (keep,))  # noqa: S608  # no input in it
        return self._session.run(f"DELETE FROM own_head WHERE size <= {oldest}", (keep,))  # noqa: S608

    def best_note(self, covering: int, members: Collection[MemberId], needed: int) -> bytes | None:
        """Return the smallest head that covers an entry and enough members cosigned."""
        row = self._session.row(
            "SELECT h.size FROM own_head h WHERE h.size > ? AND (SELECT count(*) FROM"
            " own_cosignature c WHERE c.size = h.size AND c.member IN"
            " (SELECT value FROM texts(?) w)) >= ? ORDER BY h.size LIMIT 1",
            (covering, sorted(members), needed),
        )
        if row is None:
            return None
        [head] = self._heads([row[0]])
        return head.note

    def cosigned_size(self, member: MemberId) -> int:
        """Return the largest size of our log that a member cosigned; 0 for none."""
        return self._session.number("SELECT size FROM own_witness WHERE member = ?", (member,))

    def witnesses(self) -> Mapping[MemberId, WitnessRow]:
        """Return how far each member witnessed our log."""
        rows = self._session.rows("SELECT member, size, at FROM own_witness ORDER BY member")
        return {
            MemberId(member): WitnessRow(member=MemberId(member), size=size, at=from_micros(at))
            for member, size, at in rows
        }

    def heard(self, origin: str) -> HeardHead | None:
        """Return the newest head known of a log."""
        row = self._session.row(_HEARD + " WHERE origin = ?", (origin,))
        return None if row is None else _heard(row)

    def mark(self) -> tuple[int, int, int, int]:
        """Return what changes whenever :meth:`all_heard` or :meth:`forks` would."""
        # A head gives way to a larger one only, is forgotten, or is heard anew later than before.
        row = self._session.row(
            "SELECT count(*), coalesce(sum(size), 0), coalesce(max(at), 0),"
            " (SELECT count(*) FROM log_fork) FROM heard_head"
        )
        assert row is not None  # noqa: S101  aggregates always give a row
        return int(row[0]), int(row[1]), int(row[2]), int(row[3])

    def all_heard(self) -> Sequence[HeardHead]:
        """Return the newest head known of every log, by origin."""
        return [_heard(row) for row in self._session.rows(_HEARD + " ORDER BY origin")]

    def hear(self, head: HeardHead) -> bool:
        """Keep a head if it is larger than the one known; False if it is not."""
        changed = self._session.run(
            "INSERT INTO heard_head (origin, member, size, root, note, shown_by, at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (origin) DO UPDATE SET"
            " member = excluded.member, size = excluded.size, root = excluded.root,"
            " note = excluded.note, shown_by = excluded.shown_by, at = excluded.at"
            " WHERE excluded.size > heard_head.size",
            (
                head.origin,
                head.member,
                head.size,
                head.root,
                head.note,
                head.shown_by,
                to_micros(head.at),
            ),
        )
        return changed > 0

    def forget_heard(self, origin: str) -> None:
        """Forget the head known of a log."""
        self._session.run("DELETE FROM heard_head WHERE origin = ?", (origin,))

    def fork_of(self, member: MemberId) -> ForkRow | None:
        """Return a proof that a member's log is forked; None when none is held."""
        row = self._session.row(_FORK + " WHERE member = ? ORDER BY origin LIMIT 1", (member,))
        return None if row is None else _fork(row)

    def forks(self) -> Sequence[ForkRow]:
        """Return every proof, by origin."""
        return [_fork(row) for row in self._session.rows(_FORK + " ORDER BY origin")]

    def add_fork(self, fork: ForkRow) -> bool:
        """Keep a proof; False if one of the same log is held."""
        added = self._session.run(
            "INSERT INTO log_fork (origin, member, smaller, larger, proof, shown_by, at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (
                fork.origin,
                fork.member,
                fork.smaller,
                fork.larger,
                fork.proof,
                fork.shown_by,
                to_micros(fork.at),
            ),
        )
        return added > 0

    def _heads(self, sizes: Sequence[int]) -> list[OwnHead]:
        """Return heads with their lines, in the order of the sizes given."""
        named = list(sizes)
        lines: dict[int, list[tuple[MemberId, bytes]]] = {size: [] for size in sizes}
        for size, member, line in self._session.rows(
            "SELECT size, member, lines FROM own_cosignature WHERE size IN"
            " (SELECT value FROM integers(?) w) ORDER BY size, member",
            (named,),
        ):
            lines[size].append((MemberId(member), line))
        notes: dict[int, bytes] = dict(
            self._session.rows(
                "SELECT size, note FROM own_head WHERE size IN (SELECT value FROM integers(?) w)",
                (named,),
            )
        )
        return [
            OwnHead(
                size=size,
                note=b"".join((notes[size], *(line for _, line in lines[size]))),
                members=frozenset(member for member, _ in lines[size]),
            )
            for size in sizes
        ]


def _cosigned(row: Row) -> CosignedLog:
    origin, size, note, at = row
    return CosignedLog(origin=origin, size=size, note=note, at=from_micros(at))


def _heard(row: Row) -> HeardHead:
    origin, member, size, root, note, shown_by, at = row
    return HeardHead(
        origin=origin,
        member=MemberId(member),
        size=size,
        root=root,
        note=note,
        shown_by=MemberId(shown_by),
        at=from_micros(at),
    )


def _fork(row: Row) -> ForkRow:
    origin, member, smaller, larger, proof, shown_by, at = row
    return ForkRow(
        origin=origin,
        member=MemberId(member),
        smaller=smaller,
        larger=larger,
        proof=proof,
        shown_by=MemberId(shown_by),
        at=from_micros(at),
    )
