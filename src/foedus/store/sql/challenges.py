"""Challenges of persons against what is held on them, and requests to see it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from foedus.casework.challenge import StatusWord
from foedus.casework.challenge_figures import CaseSpan
from foedus.clock import from_micros, to_micros
from foedus.model.identifiers import MemberId
from foedus.model.selectors import Selector
from foedus.node.ports.challenges import (
    CaseKind,
    CaseSide,
    ChallengeRow,
    Concerned,
    NewChallenge,
    OrderPurpose,
    Referral,
    Words,
)
from foedus.store.errors import StoreMissingError
from foedus.store.sql.case_deadlines import StoredCaseDeadlines
from foedus.store.sql.challenge_rows import (
    SELECT_CHALLENGE,
    challenge_row,
)
from foedus.store.sql.instants import instant, micros
from foedus.store.sql.postings import carriers_of

__all__ = ["StoredChallenges"]


class StoredChallenges(StoredCaseDeadlines):
    """Implements :class:`foedus.node.ports.challenges.ChallengeStore`."""

    __slots__ = ()

    def next_sequence(self, kind: CaseKind, year: int) -> int:
        """Return the number, from 1, that the next case of this member's in a year is given."""
        if kind is CaseKind.ACCESS:
            sql = "SELECT max(sequence) FROM access_request WHERE year = ?"
            return self._number(sql, (year,)) + 1
        sql = "SELECT max(sequence) FROM challenge WHERE side = 'own' AND year = ?"
        return self._number(sql, (year,)) + 1

    def mark(self, kind: CaseKind, number: int, marks: Collection[bytes]) -> None:
        """Keep the HMACs of what a person gave."""
        self._session.run_many(
            "INSERT INTO challenge_mark (mark, kind, number) VALUES (?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            [(mark, kind.value, number) for mark in sorted(marks)],
        )

    def marked(self, marks: Collection[bytes]) -> Sequence[tuple[CaseKind, int]]:
        """Return the cases of persons who gave one of these, by kind and number."""
        found = {
            (kind, number)
            for mark in sorted(marks)
            for kind, number in self._session.rows(
                "SELECT kind, number FROM challenge_mark WHERE mark = ?", (mark,)
            )
        }
        return [(CaseKind(kind), number) for kind, number in sorted(found)]

    def add(self, challenge: NewChallenge, *, words: str, wake: datetime | None) -> int:
        """Keep a challenge in state received and return its number.

        Raises:
            StoreMissingError: The log entry is not stored.
            StoreBrokenError: A challenge of that name is stored already.
        """
        number = self._session.insert(
            "INSERT INTO challenge (name, year, sequence, side, sender, treaty, reference,"
            " received, received_year, block_due, decide_due, opened, opened_by, entry_index,"
            " state, outcome, decided_by, proposed, proposed_by, done, wake)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'received', '', '', '', '', '', ?)"
            " RETURNING number",
            (
                challenge.name,
                challenge.year,
                challenge.sequence,
                challenge.side.value,
                challenge.sender,
                challenge.treaty,
                challenge.reference,
                to_micros(challenge.received),
                challenge.received.year,
                to_micros(challenge.block_due),
                to_micros(challenge.decide_due),
                to_micros(challenge.opened),
                challenge.opened_by,
                challenge.entry_index,
                micros(wake),
            ),
        )
        self._session.run(
            "INSERT INTO challenge_words (challenge, intake, reason) VALUES (?, ?, '')",
            (number, words),
        )
        return number

    def get(self, number: int) -> ChallengeRow | None:
        """Return one challenge."""
        return self._challenge(" WHERE number = ?", number)

    def by_name(self, name: str) -> ChallengeRow | None:
        """Return a challenge by its name."""
        return self._challenge(" WHERE name = ?", name)

    def sent_since(self, sender: MemberId, since: datetime) -> int:
        """Return how many challenges a member sent on to us that were kept after an instant."""
        return self._session.number(
            "SELECT count(*) FROM challenge WHERE side = ? AND sender = ? AND opened > ?",
            (CaseSide.REFERRED.value, sender, to_micros(since)),
        )

    def page(self, *, open_only: bool, after: int, limit: int) -> Sequence[ChallengeRow]:
        """Return challenges by number, greater than ``after``."""
        rows = self._session.rows(
            SELECT_CHALLENGE
            + " WHERE number > ? AND (? = 0 OR closed IS NULL) ORDER BY number LIMIT ?",
            (after, int(open_only), limit),
        )
        return [challenge_row(row) for row in rows]

    def keep(self, row: ChallengeRow) -> None:
        """Keep how far a challenge has come; what was taken in stays as it is.

        Raises:
            StoreMissingError: There is no such challenge.
        """
        proposal = row.proposal
        changed = self._session.run(
            "UPDATE challenge SET state = ?, outcome = ?, blocked = ?, decided = ?, decided_by = ?,"
            " closed = ?, proposed = ?, proposed_by = ?, proposed_at = ?, done = ?, wake = ?"
            " WHERE number = ?",
            (
                row.state.value,
                "" if row.outcome is None else row.outcome.value,
                micros(row.blocked),
                micros(row.decided),
                row.decided_by,
                micros(row.closed),
                "" if proposal is None else proposal.outcome.value,
                "" if proposal is None else proposal.user,
                None if proposal is None else to_micros(proposal.at),
                " ".join(sorted(row.done)),
                micros(row.wake),
                row.number,
            ),
        )
        if changed == 0:
            raise StoreMissingError(f"no challenge {row.number} is stored")

    def awake(self, now: datetime, *, limit: int) -> Sequence[ChallengeRow]:
        """Return challenges that the clock has to look at by now, first due first."""
        rows = self._session.rows(
            SELECT_CHALLENGE
            + " WHERE wake IS NOT NULL AND wake <= ? ORDER BY wake, number LIMIT ?",
            (to_micros(now), limit),
        )
        return [challenge_row(row) for row in rows]

    def words(self, number: int) -> Words | None:
        """Return what people wrote of a challenge; None once it was erased."""
        row = self._session.row(
            "SELECT intake, reason FROM challenge_words WHERE challenge = ?", (number,)
        )
        return None if row is None else Words(intake=row[0], reason=row[1])

    def put_reason(self, number: int, reason: str) -> None:
        """Keep the reason of the outcome beside what was written at intake."""
        self._session.run(
            "INSERT INTO challenge_words (challenge, intake, reason) VALUES (?, '', ?)"
            " ON CONFLICT (challenge) DO UPDATE SET reason = excluded.reason",
            (number, reason),
        )

    def erase_words(self, number: int) -> bool:
        """Erase what people wrote of a challenge; whether there was anything."""
        return bool(self._session.run("DELETE FROM challenge_words WHERE challenge = ?", (number,)))

    def spans(self, year: int) -> Sequence[CaseSpan]:
        """Return what the figures of a year need of its challenges, by number."""
        rows = self._session.rows(
            "SELECT outcome, received, decide_due, decided, side FROM challenge"
            " WHERE received_year = ? ORDER BY number",
            (year,),
        )
        return [
            CaseSpan(
                ended=outcome,
                received=from_micros(received),
                due=from_micros(due),
                decided=instant(decided),
                referred=side == CaseSide.REFERRED,
            )
            for outcome, received, due, decided, side in rows
        ]

    def concern(self, number: int, handles: Collection[int]) -> None:
        """Note that a challenge concerns item versions; what it concerns already stays as it is.

        Raises:
            StoreMissingError: The challenge or an item is not stored.
        """
        self._session.run_many(
            "INSERT INTO challenge_item (challenge, handle, blocked, blocking)"
            " VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            [(number, handle, None, 0) for handle in sorted(set(handles))],
        )

    def concerned(self, number: int) -> Sequence[Concerned]:
        """Return the item versions a challenge concerns, by handle."""
        rows = self._session.rows(
            "SELECT handle, blocked, blocking FROM challenge_item WHERE challenge = ?"
            " ORDER BY handle",
            (number,),
        )
        return [
            Concerned(handle=handle, blocked=instant(blocked), blocking=bool(blocking))
            for handle, blocked, blocking in rows
        ]

    def block(self, number: int, handles: Collection[int], *, moved: datetime | None) -> None:
        """Note that a challenge keeps these blocked; ``moved`` is when they were visible before."""
        self._session.run(
            "UPDATE challenge_item SET blocking = 1, blocked = coalesce(blocked, ?)"
            " WHERE challenge = ? AND handle IN (SELECT value FROM integers(?) w)",
            (micros(moved), number, sorted(set(handles))),
        )

    def release(self, number: int, handles: Collection[int]) -> None:
        """Note that a challenge keeps these blocked no longer."""
        self._session.run(
            "UPDATE challenge_item SET blocking = 0 WHERE challenge = ?"
            " AND handle IN (SELECT value FROM integers(?) w)",
            (number, sorted(set(handles))),
        )

    def blocking(self, handles: Collection[int]) -> Mapping[int, str]:
        """Return which item versions a challenge keeps blocked, with the name of the first."""
        rows = self._session.rows(
            "SELECT b.handle, c.name FROM integers(?) w"
            " CROSS JOIN challenge_item b ON b.handle = w.value AND b.blocking = 1"
            " JOIN challenge c ON c.number = b.challenge ORDER BY b.handle, c.number DESC",
            (sorted(set(handles)),),
        )
        return dict(rows)

    def examined(self, handles: Collection[int]) -> Mapping[int, str]:
        """Return which of these a challenge that is still examined keeps blocked, with its name."""
        rows = self._session.rows(
            "SELECT b.handle, c.name FROM integers(?) w"
            " CROSS JOIN challenge_item b ON b.handle = w.value AND b.blocking = 1"
            " JOIN challenge c ON c.number = b.challenge AND c.state IN ('received', 'blocked')"
            " ORDER BY b.handle, c.number DESC",
            (sorted(set(handles)),),
        )
        return dict(rows)

    def blocked_by_other(self, number: int, handle: int) -> bool:
        """Say whether another challenge than this one keeps an item version blocked."""
        found = self._session.row(
            "SELECT 1 FROM challenge_item WHERE handle = ? AND blocking = 1 AND challenge <> ?"
            " LIMIT 1",
            (handle, number),
        )
        return found is not None

    def carriers(self, selectors: Collection[Selector], *, limit: int) -> Sequence[int]:
        """Return the item versions, in whatever state, that carry one of these, newest first."""
        return carriers_of(self._session, selectors, limit=limit)

    def versions(self, handles: Collection[int]) -> Sequence[int]:
        """Return every version of the items of these handles, save redacted variants."""
        rows = self._session.rows(
            "SELECT DISTINCT i.handle FROM integers(?) w CROSS JOIN item j ON j.handle = w.value"
            " JOIN item i ON i.object_id = j.object_id AND i.originator = j.originator"
            " AND i.variant_of IS NULL ORDER BY i.handle",
            (sorted(set(handles)),),
        )
        return [handle for (handle,) in rows]

    def unblocked(self, *, limit: int) -> Sequence[tuple[int, int]]:
        """Return (challenge, handle) of what became visible though a challenge blocks its item."""
        rows = self._session.rows(
            "SELECT DISTINCT b.challenge, i.handle FROM challenge_item b"
            " CROSS JOIN item j ON j.handle = b.handle"
            " JOIN item i ON i.object_id = j.object_id AND i.originator = j.originator"
            " JOIN challenge c ON c.number = b.challenge"
            " WHERE b.blocking = 1 AND i.state = 'held' AND c.outcome <> 'corrected'"
            " ORDER BY b.challenge, i.handle LIMIT ?",
            (limit,),
        )
        return [(number, handle) for number, handle in rows]

    def note_order(self, number: int, name: str, purpose: OrderPurpose) -> None:
        """Note an order that carries a challenge out; idempotent."""
        self._session.run(
            "INSERT INTO challenge_order (challenge, name, purpose) VALUES (?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (number, name, purpose.value),
        )

    def orders(self, number: int) -> Sequence[tuple[str, OrderPurpose]]:
        """Return the orders that carry a challenge out, by name."""
        rows = self._session.rows(
            "SELECT name, purpose FROM challenge_order WHERE challenge = ? ORDER BY name", (number,)
        )
        return [(name, OrderPurpose(purpose)) for name, purpose in rows]

    def refer(self, number: int, referral: Referral) -> None:
        """Keep what was sent to an originator; more items for the same one are added up."""
        self._session.run(
            "INSERT INTO challenge_referral (challenge, member, sent, items, word)"
            " VALUES (?, ?, ?, ?, '') ON CONFLICT (challenge, member)"
            " DO UPDATE SET items = challenge_referral.items + excluded.items",
            (number, referral.member, to_micros(referral.sent), referral.items),
        )

    def referrals(self, number: int) -> Sequence[Referral]:
        """Return what was sent on, by member."""
        rows = self._session.rows(
            "SELECT member, sent, items, word, blocked, answered FROM challenge_referral"
            " WHERE challenge = ? ORDER BY member",
            (number,),
        )
        return [
            Referral(
                member=MemberId(member),
                sent=from_micros(sent),
                items=items,
                word=StatusWord(word) if word else None,
                blocked=instant(blocked),
                answered=instant(answered),
            )
            for member, sent, items, word, blocked, answered in rows
        ]

    def note_word(self, number: int, referral: Referral) -> None:
        """Keep an originator's word; idempotent.

        Raises:
            StoreMissingError: Nothing was sent on to that member.
        """
        changed = self._session.run(
            "UPDATE challenge_referral SET word = ?, blocked = ?, answered = ?"
            " WHERE challenge = ? AND member = ?",
            (
                "" if referral.word is None else referral.word.value,
                micros(referral.blocked),
                micros(referral.answered),
                number,
                referral.member,
            ),
        )
        if changed == 0:
            raise StoreMissingError(f"nothing was sent to {referral.member}")

    def moved(self, handles: Collection[int]) -> frozenset[int]:
        """Return which of these were visible until a challenge blocked them."""
        rows = self._session.rows(
            "SELECT DISTINCT b.handle FROM challenge_item b WHERE b.blocked IS NOT NULL"
            " AND b.handle IN (SELECT value FROM integers(?) w)",
            (sorted(set(handles)),),
        )
        return frozenset(handle for (handle,) in rows)

    def approvers(self, handles: Collection[int]) -> Sequence[str]:
        """Return who approved a release of one of these, each once; withdrawn ones included."""
        rows = self._session.rows(
            'SELECT DISTINCT a."user" FROM approval a'
            ' WHERE a.item IN (SELECT value FROM integers(?) w) ORDER BY a."user"',
            (sorted(set(handles)),),
        )
        return [user for (user,) in rows]

    def releasers(self, entries: Collection[tuple[MemberId, int]]) -> Sequence[str]:
        """Return who made the disclosures of these (recipient, log entry), each once."""
        rows = self._session.rows(
            'SELECT DISTINCT a."user" FROM texts(?) w CROSS JOIN act a'
            " ON a.act = 'disclose' AND a.subject > w.value AND a.subject < w.value || '~'"
            ' ORDER BY a."user"',
            ([f"{member} entry {entry} items " for member, entry in sorted(set(entries))],),
        )
        return [user for (user,) in rows]

    def _challenge(self, where: str, value: int | str) -> ChallengeRow | None:
        row = self._session.row(SELECT_CHALLENGE + where, (value,))
        return None if row is None else challenge_row(row)

    def _number(self, sql: str, parameters: tuple[int, ...]) -> int:
        row = self._session.row(sql, parameters)
        return 0 if row is None or row[0] is None else int(row[0])
