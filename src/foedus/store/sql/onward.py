"""Consents asked for, who passed what on to whom, feedback and deconfliction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from foedus.casework.consent_course import ConsentState
from foedus.casework.feedback import Stance
from foedus.clock import from_micros, to_micros
from foedus.model.identifiers import MemberId, ObjectId, TreatyId
from foedus.node.ports.onward import (
    ConsentRequestRow,
    CopyCondition,
    FeedbackRow,
    NewConsentRequest,
    SharedMatter,
    Untold,
)
from foedus.store.errors import StoreMissingError
from foedus.store.sql.instants import instant, micros
from foedus.store.sql.session import Row, Session

__all__ = ["StoredOnward", "erase_onward"]

_REQUESTS: Final = (
    "SELECT r.number, r.digest, r.ours, r.member, r.handle, r.recipient, r.treaty, r.purpose,"
    " r.life, r.until, r.at, r.due, r.state, r.answered, r.answered_by, r.ground, r.consent"
    " FROM consent_request r"
)
_FEEDBACK: Final = "SELECT f.item, f.about, f.author, f.stance, f.at FROM "
_ERASED: Final = (
    "DELETE FROM copy_condition WHERE handle IN (SELECT value FROM integers(?) w)",
    "DELETE FROM consent_request WHERE handle IN (SELECT value FROM integers(?) w)",
    "DELETE FROM feedback WHERE item IN (SELECT value FROM integers(?1) w)"
    " OR about IN (SELECT value FROM integers(?1) w)",
)


def erase_onward(session: Session, handles: Sequence[int]) -> None:
    """Erase what is kept here of items that are erased; part of the erasure's own transaction.

    Who was given them onward stays: orders may still have to reach these members, and the rows name
    an item by its number here only.
    """
    # What was asked about them waits for nobody any more.
    session.run_many(
        "DELETE FROM alarm WHERE code IN ('consent.asked', 'consent.unanswered') AND subject = ?",
        [
            (str(number),)
            for (number,) in session.rows(
                "SELECT r.number FROM integers(?) w CROSS JOIN consent_request r"
                " ON r.handle = w.value",
                (list(handles),),
            )
        ],
    )
    for statement in _ERASED:
        session.run(statement, (list(handles),))


class StoredOnward:
    """Implements :class:`foedus.node.ports.onward.OnwardStore`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def note_passed_on(
        self,
        items: Sequence[int],
        recipient: MemberId,
        treaty: TreatyId,
        *,
        at: datetime,
        told: bool,
    ) -> None:
        """Note that items of other members were passed on; idempotent by item and recipient."""
        when = to_micros(at)
        self._session.run_many(
            "INSERT INTO passed_on (handle, recipient, treaty, at, told) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (handle, recipient) DO NOTHING",
            [(item, recipient, treaty, when, when if told else None) for item in items],
        )

    def untold(self, *, limit: int) -> Sequence[Untold]:
        """Return what was passed on and not told to its originator, oldest first."""
        rows = self._session.rows(
            # What is erased has no name any more under which to tell of it.
            "SELECT p.handle, p.recipient, p.treaty, p.at FROM passed_on p"
            " JOIN item i ON i.handle = p.handle AND i.state <> 'discarded'"
            " WHERE p.told IS NULL ORDER BY p.at, p.handle, p.recipient LIMIT ?",
            (limit,),
        )
        return [
            Untold(
                item=handle,
                recipient=MemberId(recipient),
                treaty=TreatyId(treaty),
                at=from_micros(at),
            )
            for handle, recipient, treaty, at in rows
        ]

    def told(self, items: Sequence[int], recipient: MemberId, *, at: datetime) -> None:
        """Note that the originator was told."""
        self._session.run(
            "UPDATE passed_on SET told = ? WHERE recipient = ? AND told IS NULL"
            " AND handle IN (SELECT value FROM integers(?) w)",
            (to_micros(at), recipient, list(items)),
        )

    def recipients_of(self, items: Sequence[int]) -> Sequence[tuple[int, MemberId, TreatyId]]:
        """Return (item, member, treaty) of each member to whom these items were ever given."""
        rows = self._session.rows(
            "SELECT p.handle, p.recipient, max(p.treaty) FROM (SELECT f.handle, l.recipient,"
            " (SELECT b.treaty FROM batch b WHERE b.lane = f.lane AND b.first < f.position"
            " ORDER BY b.first DESC LIMIT 1) AS treaty FROM integers(?) w"
            " CROSS JOIN feed_row f ON f.handle = w.value CROSS JOIN lane l ON l.lane = f.lane"
            " WHERE l.name = 'bulk') p WHERE p.treaty IS NOT NULL"
            " GROUP BY p.handle, p.recipient ORDER BY p.recipient, p.handle",
            (list(items),),
        )
        return [
            (handle, MemberId(recipient), TreatyId(treaty)) for handle, recipient, treaty in rows
        ]

    def add_holders(
        self, items: Sequence[int], holder: MemberId, via: MemberId, *, at: datetime
    ) -> int:
        """Note who was passed items of ours, and by whom; idempotent."""
        return self._session.run_many(
            "INSERT INTO onward_holder (handle, holder, via, at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (handle, holder, via) DO NOTHING",
            [(item, holder, via, to_micros(at)) for item in items],
        )

    def holders(self, handles: Sequence[int]) -> Sequence[tuple[MemberId, ObjectId, str]]:
        """Return (holder, id, version) of each onward holder of these item versions."""
        rows = self._session.rows(
            "SELECT DISTINCT o.holder, i.object_id, i.version FROM integers(?) w"
            " CROSS JOIN onward_holder o ON o.handle = w.value"
            " CROSS JOIN item i ON i.handle = o.handle"
            " ORDER BY o.holder, i.object_id, i.version",
            (list(handles),),
        )
        return [
            (MemberId(holder), ObjectId(object_id), version) for holder, object_id, version in rows
        ]

    def onward_of(self, handle: int) -> Sequence[tuple[MemberId, MemberId, datetime]]:
        """Return (holder, by whom, when) of the onward holders of one item version."""
        rows = self._session.rows(
            "SELECT holder, via, at FROM onward_holder WHERE handle = ? ORDER BY at, holder, via",
            (handle,),
        )
        return [(MemberId(holder), MemberId(via), from_micros(at)) for holder, via, at in rows]

    def ask(self, request: NewConsentRequest) -> int | None:
        """Keep a request and return its number; None if that very request is kept already."""
        if self.request_by_digest(request.digest) is not None:
            return None
        return self._session.insert(
            "INSERT INTO consent_request (digest, ours, member, handle, recipient, treaty, purpose,"
            " life, until, at, due, state, answered_by, ground, consent_digest)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', '', '') RETURNING number",
            (
                request.digest,
                request.ours,
                request.member,
                request.item,
                request.recipient,
                request.treaty,
                request.purpose,
                request.life,
                to_micros(request.until),
                to_micros(request.at),
                to_micros(request.due),
                ConsentState.ASKED.value,
            ),
        )

    def request(self, number: int) -> ConsentRequestRow | None:
        """Return one request."""
        row = self._session.row(_REQUESTS + " WHERE r.number = ?", (number,))
        return None if row is None else _request(row)

    def request_by_digest(self, digest: str) -> ConsentRequestRow | None:
        """Return the request with this digest."""
        row = self._session.row(_REQUESTS + " WHERE r.digest = ?", (digest,))
        return None if row is None else _request(row)

    def requests_for(self, consent: str) -> Sequence[ConsentRequestRow]:
        """Return the requests that were answered by the consent with this digest."""
        rows = self._session.rows(
            _REQUESTS + " WHERE r.consent_digest = ? AND r.consent_digest <> '' ORDER BY r.number",
            (consent,),
        )
        return [_request(row) for row in rows]

    def requests(
        self, *, ours: bool | None, waiting: bool, after: int, limit: int
    ) -> Sequence[ConsentRequestRow]:
        """Return requests by number, greater than ``after``."""
        sides = (0, 1) if ours is None else (int(ours), int(ours))
        rows = self._session.rows(
            _REQUESTS + " WHERE r.number > ? AND r.ours IN (?, ?)"
            " AND (? = 0 OR r.state = 'asked') ORDER BY r.number LIMIT ?",
            (after, *sides, waiting, limit),
        )
        return [_request(row) for row in rows]

    def waiting_of(self, asker: MemberId) -> int:
        """Return how many requests of a member wait for an answer here."""
        return self._session.number(
            "SELECT count(*) FROM consent_request WHERE ours = 0 AND member = ?"
            " AND state = 'asked'",
            (asker,),
        )

    def overdue_requests(self, at: datetime, *, limit: int) -> Sequence[ConsentRequestRow]:
        """Return requests without an answer that were due by an instant, by deadline."""
        rows = self._session.rows(
            _REQUESTS + " WHERE r.state = 'asked' AND r.due <= ? ORDER BY r.due, r.number LIMIT ?",
            (to_micros(at), limit),
        )
        return [_request(row) for row in rows]

    def lapsed_requests(self, at: datetime, *, limit: int) -> Sequence[ConsentRequestRow]:
        """Return requests that were granted and whose consent has run out by an instant."""
        rows = self._session.rows(
            _REQUESTS + " JOIN consent c ON c.number = r.consent"
            " WHERE r.state = 'given' AND c.until <= ? ORDER BY r.number LIMIT ?",
            (to_micros(at), limit),
        )
        return [_request(row) for row in rows]

    def settle_request(
        self,
        number: int,
        state: ConsentState,
        *,
        at: datetime,
        by: str,
        ground: str = "",
        consent: tuple[int, str] | None = None,
    ) -> None:
        """Keep what became of a request.

        Raises:
            StoreMissingError: There is no such request.
        """
        changed = self._session.run(
            "UPDATE consent_request SET state = ?, answered = ?, answered_by = ?, ground = ?"
            " WHERE number = ?",
            (state.value, to_micros(at), by, ground, number),
        )
        if changed == 0:
            raise StoreMissingError(f"no request {number} for a consent")
        if consent is not None:
            self._session.run(
                "UPDATE consent_request SET consent = ?, consent_digest = ? WHERE number = ?",
                (*consent, number),
            )

    def note_withdrawn(self, digest: str, originator: MemberId, *, at: datetime) -> bool:
        """Note that an originator took a consent back; False if that was noted before."""
        return (
            self._session.run(
                "INSERT INTO consent_withdrawn (digest, originator, at) VALUES (?, ?, ?)"
                " ON CONFLICT (digest, originator) DO NOTHING",
                (digest, originator, to_micros(at)),
            )
            > 0
        )

    def is_withdrawn(self, digest: str, originator: MemberId) -> bool:
        """Return whether an originator took a consent back."""
        found = self._session.row(
            "SELECT 1 FROM consent_withdrawn WHERE digest = ? AND originator = ?",
            (digest, originator),
        )
        return found is not None

    def attach(self, conditions: Sequence[CopyCondition]) -> None:
        """Attach conditions to copies; idempotent by item and consent."""
        self._session.run_many(
            "INSERT INTO copy_condition (handle, digest, words, keep_until) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (handle, digest) DO NOTHING",
            [
                (each.item, each.digest, " ".join(each.words), micros(each.keep_until))
                for each in conditions
            ],
        )

    def conditions(self, items: Sequence[int]) -> Mapping[int, Sequence[CopyCondition]]:
        """Return the conditions of copies, in one statement; items without are left out."""
        rows = self._session.rows(
            "SELECT c.handle, c.digest, c.words, c.keep_until FROM integers(?) w"
            " CROSS JOIN copy_condition c ON c.handle = w.value ORDER BY c.handle, c.digest",
            (list(items),),
        )
        found: dict[int, list[CopyCondition]] = {}
        for handle, digest, words, keep_until in rows:
            found.setdefault(handle, []).append(
                CopyCondition(
                    item=handle,
                    digest=digest,
                    words=tuple(words.split()),
                    keep_until=instant(keep_until),
                )
            )
        return found

    def detach(self, items: Sequence[int]) -> None:
        """Take all conditions off copies: their originator gave them to us itself."""
        self._session.run(
            "DELETE FROM copy_condition WHERE handle IN (SELECT value FROM integers(?) w)",
            (list(items),),
        )

    def add_feedback(self, rows: Sequence[FeedbackRow]) -> None:
        """Keep what members say of items; idempotent by opinion and item."""
        self._session.run_many(
            "INSERT INTO feedback (item, about, author, stance, at) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (item, about) DO NOTHING",
            [
                (each.item, each.about, each.author, each.stance.value, to_micros(each.at))
                for each in rows
            ],
        )

    def feedback_on(
        self, items: Sequence[int], *, drafts: bool = False
    ) -> Mapping[int, Sequence[FeedbackRow]]:
        """Return the standing feedback on items, in one statement; items without are left out."""
        rows = self._session.rows(
            _FEEDBACK + "integers(?) w CROSS JOIN feedback f ON f.about = w.value"
            " CROSS JOIN item i ON i.handle = f.item"
            " WHERE i.state = 'held' OR (? = 1 AND i.state = 'draft') ORDER BY f.about, f.item",
            (list(items), drafts),
        )
        found: dict[int, list[FeedbackRow]] = {}
        for each in map(_feedback, rows):
            found.setdefault(each.about, []).append(each)
        return found

    def feedback(self, *, after: int, limit: int) -> Sequence[FeedbackRow]:
        """Return feedback by the handle of the opinion or note, drafts included."""
        rows = self._session.rows(
            _FEEDBACK + "feedback f JOIN item i ON i.handle = f.item"
            " WHERE f.item > ? AND i.state IN ('held', 'draft') ORDER BY f.item, f.about LIMIT ?",
            (after, limit),
        )
        return [_feedback(row) for row in rows]

    def shared_hits(self, items: Sequence[int], *, own: MemberId) -> Sequence[SharedMatter]:
        """Return the live hits on items of which the other side shares the question."""
        found: list[Row] = []
        # Two look-ups by index each way: which of a hit's two items is ours is not stored.
        for mine, other in (("arrived", "held"), ("held", "arrived")):
            for named in ("o", "t"):
                found += self._session.rows(_shared(mine, other, named), (list(items), own))
        return [
            SharedMatter(hit=number, member=MemberId(member), at=from_micros(at))
            for number, member, at in sorted(set(found))
        ]

    def add_shared(self, matters: Sequence[SharedMatter]) -> int:
        """Keep them; idempotent. Returns how many were new."""
        return self._session.run_many(
            "INSERT INTO shared_matter (hit, member, at) VALUES (?, ?, ?)"
            " ON CONFLICT (hit, member) DO NOTHING",
            [(each.hit, each.member, to_micros(each.at)) for each in matters],
        )

    def shared_of(self, hits: Sequence[int]) -> Mapping[int, Sequence[MemberId]]:
        """Return the members known to share the question of hits; one statement."""
        rows = self._session.rows(
            "SELECT s.hit, s.member FROM integers(?) w CROSS JOIN shared_matter s"
            " ON s.hit = w.value ORDER BY s.hit, s.member",
            (list(hits),),
        )
        found: dict[int, list[MemberId]] = {}
        for hit, member in rows:
            found.setdefault(hit, []).append(MemberId(member))
        return found

    def shared_counts(self) -> Mapping[MemberId, int]:
        """Return how many live hits are shared with each member."""
        rows = self._session.rows(
            "SELECT s.member, count(*) FROM shared_matter s JOIN hit h ON h.number = s.hit"
            " WHERE h.state <> 'dismissed' GROUP BY s.member ORDER BY s.member"
        )
        return {MemberId(member): count for member, count in rows}


def _shared(mine: str, other: str, named: str) -> str:
    """Return the query for hits whose item ``mine`` is ours; only column names are put in."""
    column = mine if named == "o" else other
    return (
        "SELECT h.number, t.originator, h.at FROM integers(?) w"  # noqa: S608 - names only
        f" CROSS JOIN hit h ON h.{column} = w.value"
        f" CROSS JOIN item o ON o.handle = h.{mine} CROSS JOIN item t ON t.handle = h.{other}"
        " WHERE o.originator = ? AND o.state = 'held' AND t.state = 'held'"
        " AND t.received_from = t.originator AND h.state <> 'dismissed'"
        " AND EXISTS (SELECT 1 FROM lane l WHERE l.recipient = t.originator AND l.name = 'bulk'"
        " AND (EXISTS (SELECT 1 FROM feed_row f WHERE f.handle = o.handle AND f.lane = l.lane)"
        " OR EXISTS (SELECT 1 FROM item v JOIN feed_row f ON f.handle = v.handle"
        " WHERE v.variant_of = o.handle AND f.lane = l.lane)))"
    )


def _request(row: Row) -> ConsentRequestRow:
    return ConsentRequestRow(
        number=row[0],
        request=NewConsentRequest(
            digest=row[1],
            ours=bool(row[2]),
            member=MemberId(row[3]),
            item=row[4],
            recipient=MemberId(row[5]),
            treaty=TreatyId(row[6]),
            purpose=row[7],
            life=bool(row[8]),
            until=from_micros(row[9]),
            at=from_micros(row[10]),
            due=from_micros(row[11]),
        ),
        state=ConsentState(row[12]),
        answered=instant(row[13]),
        answered_by=row[14],
        ground=row[15],
        consent=row[16],
    )


def _feedback(row: Row) -> FeedbackRow:
    item, about, author, stance, at = row
    return FeedbackRow(
        item=item, about=about, author=MemberId(author), stance=Stance(stance), at=from_micros(at)
    )
