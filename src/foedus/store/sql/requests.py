"""Requests for information, asked and received, and their clocks."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from foedus.casework.request import ItemName, Urgency
from foedus.casework.request_course import RequestEvent, RequestState
from foedus.clock import from_micros, to_micros
from foedus.model.identifiers import ArticleId, MemberId, ObjectId, TreatyId
from foedus.node.ports.requests import RequestNote, RequestRow, RequestSide, RequestTemplate
from foedus.store.errors import StoreMissingError
from foedus.store.sql.instants import instant
from foedus.store.sql.session import Row, Session

__all__ = ["StoredRequests"]

_SELECT: Final = (
    "SELECT r.number, r.side, r.name, r.member, r.object_id, r.item, r.treaty, r.article, "
    "r.purpose, r.offence, r.urgency, r.selectors, r.hit, r.state, r.at, r.due, r.extended, "
    "r.look, r.author, r.approved_by, r.ground, r.usefulness, r.feedback"
)
_ADD: Final = (
    "INSERT INTO request (side, name, member, object_id, item, treaty, article, purpose, "
    "offence, urgency, selectors, hit, state, at, due, extended, look, author, approved_by, "
    "ground, usefulness, feedback) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
    "?, ?, ?, ?, ?) RETURNING number"
)
_SAVE: Final = (
    "UPDATE request SET side = ?, name = ?, member = ?, object_id = ?, item = ?, treaty = ?, "
    "article = ?, purpose = ?, offence = ?, urgency = ?, selectors = ?, hit = ?, state = ?, "
    "at = ?, due = ?, extended = ?, look = ?, author = ?, approved_by = ?, ground = ?, "
    "usefulness = ?, feedback = ? WHERE number = ?"
)
_OF_STATES: Final = (
    " FROM request r WHERE r.number > ? AND r.side IN (SELECT value FROM texts(?) s)"
    " AND r.state IN (SELECT value FROM texts(?) w) ORDER BY r.number LIMIT ?"
)
_MOST_EARLY: Final = 1_000


class StoredRequests:
    """Implements :class:`foedus.node.ports.requests.RequestStore`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def next_sequence(self, year: int) -> int:
        """Take the next number of a year for a name of our own."""
        last = 1 + self._session.number("SELECT last FROM request_sequence WHERE year = ?", (year,))
        self._session.run(
            "INSERT INTO request_sequence (year, last) VALUES (?, ?)"
            " ON CONFLICT (year) DO UPDATE SET last = excluded.last",
            (year, last),
        )
        return last

    def add(self, row: RequestRow) -> int:
        """Keep a request (its ``number`` is ignored) and return the number given."""
        return self._session.insert(_ADD, _values(row))

    def save(self, row: RequestRow) -> None:
        """Store how a request stands now, by its number.

        Raises:
            StoreMissingError: There is no such request.
        """
        if not self._session.run(_SAVE, (*_values(row), row.number)):
            raise StoreMissingError(f"there is no request {row.number}")

    def get(self, number: int) -> RequestRow | None:
        """Return one request."""
        row = self._session.row(_SELECT + " FROM request r WHERE r.number = ?", (number,))
        return None if row is None else _request(row)

    def named(self, name: str) -> Sequence[RequestRow]:
        """Return the requests of a name, by number."""
        rows = self._session.rows(
            _SELECT + " FROM request r WHERE r.name = ? ORDER BY r.number", (name,)
        )
        return [_request(row) for row in rows]

    def by_object(self, side: RequestSide, object_id: ObjectId) -> RequestRow | None:
        """Return the request with that object."""
        row = self._session.row(
            _SELECT + " FROM request r WHERE r.side = ? AND r.object_id = ? ORDER BY r.number",
            (side.value, object_id),
        )
        return None if row is None else _request(row)

    def of_items(self, handles: Sequence[int]) -> Sequence[RequestRow]:
        """Return the requests whose items these are, by number."""
        rows = self._session.rows(
            _SELECT + " FROM integers(?) w CROSS JOIN request r ON r.item = w.value"
            " ORDER BY r.number",
            (list(handles),),
        )
        return [_request(row) for row in rows]

    def page(
        self,
        *,
        sides: Collection[RequestSide],
        states: Collection[RequestState],
        after: int,
        limit: int,
    ) -> Sequence[RequestRow]:
        """Return requests by number, greater than ``after``; no states means all."""
        rows = self._session.rows(
            _SELECT + _OF_STATES,
            (
                after,
                sorted(each.value for each in sides),
                sorted(each.value for each in states or RequestState),
                limit,
            ),
        )
        return [_request(row) for row in rows]

    def counts(self) -> Mapping[tuple[RequestSide, RequestState], int]:
        """Return how many requests stand in each state."""
        rows = self._session.rows("SELECT side, state, count(*) FROM request GROUP BY side, state")
        return {(RequestSide(side), RequestState(state)): count for side, state, count in rows}

    def to_look_at(self, at: datetime, *, limit: int) -> Sequence[RequestRow]:
        """Return the requests the clock is to look at by an instant, what is due longest first."""
        rows = self._session.rows(
            _SELECT + " FROM request r WHERE r.look IS NOT NULL AND r.look <= ?"
            " ORDER BY r.look, r.number LIMIT ?",
            (to_micros(at), limit),
        )
        return [_request(row) for row in rows]

    def note(self, number: int, note: RequestNote) -> None:
        """Add to the history of a request."""
        self._session.run(
            "INSERT INTO request_event (request, at, event, state, said_by, digest)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (
                number,
                to_micros(note.at),
                note.event.value,
                note.state.value,
                note.by,
                note.digest,
            ),
        )

    def notes(self, number: int) -> Sequence[RequestNote]:
        """Return the history of a request, oldest first."""
        rows = self._session.rows(
            "SELECT at, event, state, said_by, digest FROM request_event WHERE request = ?"
            " ORDER BY number",
            (number,),
        )
        return [
            RequestNote(
                at=from_micros(at),
                event=RequestEvent(event),
                state=RequestState(state),
                by=by,
                digest=digest,
            )
            for at, event, state, by, digest in rows
        ]

    def noted(self, number: int, digest: str) -> bool:
        """Return whether a document was taken already."""
        return bool(
            self._session.number(
                "SELECT count(*) FROM request_event WHERE digest = ? AND request = ?",
                (digest, number),
            )
        )

    def answered(self, number: int, items: Sequence[ItemName]) -> None:
        """Keep which items were given in answer, as the member that asked was given them."""
        self._session.run_many(
            "INSERT INTO request_answer (request, object_id, version) VALUES (?, ?, ?)"
            " ON CONFLICT (request, object_id, version) DO NOTHING",
            [(number, each.object_id, each.version) for each in items],
        )

    def answers(self, number: int) -> Sequence[ItemName]:
        """Return them, rising."""
        rows = self._session.rows(
            "SELECT object_id, version FROM request_answer WHERE request = ?"
            " ORDER BY object_id, version",
            (number,),
        )
        return [ItemName(object_id=ObjectId(each), version=version) for each, version in rows]

    def answered_with(self, object_ids: Sequence[ObjectId]) -> Sequence[int]:
        """Return the numbers of requests that were answered with items of these ids."""
        rows = self._session.rows(
            "SELECT DISTINCT a.request FROM texts(?) w"
            " CROSS JOIN request_answer a ON a.object_id = w.value ORDER BY a.request",
            (list(object_ids),),
        )
        return [number for (number,) in rows]

    def newest(
        self, side: RequestSide, member: MemberId, event: RequestEvent, count: int
    ) -> datetime | None:
        """Return when an event happened to requests between us and a member, counted back."""
        row = self._session.row(
            "SELECT e.at FROM request_event e JOIN request r ON r.number = e.request"
            " WHERE r.side = ? AND r.member = ? AND e.event = ?"
            " ORDER BY e.number DESC LIMIT 1 OFFSET ?",
            (side.value, member, event.value, count - 1),
        )
        return None if row is None else from_micros(row[0])

    def asked_since(self, author: str, member: MemberId, since: datetime, most: int) -> int:
        """Return how many selectors an author's approved requests to a member hold."""
        return self._session.number(
            "SELECT coalesce(sum(selectors), 0) FROM request WHERE side = ? AND author = ?"
            " AND member = ? AND at > ? AND approved_by <> '' AND selectors <= ?",
            (RequestSide.ASKED.value, author, member, to_micros(since), most),
        )

    def keep_early(
        self, sender: MemberId, object_id: ObjectId, digest: str, raw: bytes, *, at: datetime
    ) -> bool:
        """Keep a word on a request that is not here yet; at most a thousand of one sender."""
        kept = self._session.number(
            "SELECT count(*) FROM request_early WHERE sender = ?", (sender,)
        )
        if kept >= _MOST_EARLY:
            return False
        self._session.run(
            "INSERT INTO request_early (sender, object_id, digest, at, raw)"
            " VALUES (?, ?, ?, ?, ?) ON CONFLICT (sender, object_id, digest) DO NOTHING",
            (sender, object_id, digest, to_micros(at), raw),
        )
        return True

    def take_early(self, sender: MemberId, object_id: ObjectId) -> Sequence[bytes]:
        """Return and forget the early words on a request, oldest first."""
        rows = self._session.rows(
            "SELECT raw FROM request_early WHERE sender = ? AND object_id = ? ORDER BY at, digest",
            (sender, object_id),
        )
        if rows:
            self._session.run(
                "DELETE FROM request_early WHERE sender = ? AND object_id = ?", (sender, object_id)
            )
        return [bytes(raw) for (raw,) in rows]

    def put_template(self, template: RequestTemplate) -> None:
        """Keep a template, in place of one of that name."""
        self._session.run(
            "INSERT INTO request_template (name, body, made_by, at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (name) DO UPDATE SET body = excluded.body, made_by = excluded.made_by,"
            " at = excluded.at",
            (
                template.name,
                msgspec.json.encode(dict(template.values)).decode(),
                template.by,
                to_micros(template.at),
            ),
        )

    def template(self, name: str) -> RequestTemplate | None:
        """Return one template."""
        row = self._session.row(
            "SELECT name, body, made_by, at FROM request_template WHERE name = ?", (name,)
        )
        return None if row is None else _template(row)

    def templates(self) -> Sequence[RequestTemplate]:
        """Return every template by name."""
        rows = self._session.rows(
            "SELECT name, body, made_by, at FROM request_template ORDER BY name"
        )
        return [_template(row) for row in rows]

    def remove_template(self, name: str) -> bool:
        """Forget a template; returns whether there was one."""
        return bool(self._session.run("DELETE FROM request_template WHERE name = ?", (name,)))


def _template(row: Row) -> RequestTemplate:
    return RequestTemplate(
        name=row[0],
        values=msgspec.json.decode(row[1], type=dict[str, str]),
        by=row[2],
        at=from_micros(row[3]),
    )


def _values(row: RequestRow) -> tuple[object, ...]:
    return (
        row.side.value,
        row.name,
        row.member,
        row.object_id,
        row.item,
        row.treaty,
        row.article,
        row.purpose,
        row.offence,
        row.urgency.value,
        row.selectors,
        row.hit,
        row.state.value,
        to_micros(row.at),
        to_micros(row.due),
        row.extended,
        None if row.look is None else to_micros(row.look),
        row.author,
        row.approved_by,
        row.ground,
        row.usefulness,
        row.feedback,
    )


def _request(row: Row) -> RequestRow:
    return RequestRow(
        number=row[0],
        side=RequestSide(row[1]),
        name=row[2],
        member=MemberId(row[3]),
        object_id=ObjectId(row[4]),
        item=row[5],
        treaty=TreatyId(row[6]),
        article=ArticleId(row[7]),
        purpose=row[8],
        offence=row[9],
        urgency=Urgency(row[10]),
        selectors=row[11],
        hit=row[12],
        state=RequestState(row[13]),
        at=from_micros(row[14]),
        due=from_micros(row[15]),
        extended=bool(row[16]),
        look=instant(row[17]),
        author=row[18],
        approved_by=row[19],
        ground=row[20],
        usefulness=row[21],
        feedback=row[22],
    )
