"""Approvals and consents, and the number that tells when one of them may have fallen away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from foedus.clock import from_micros, to_micros
from foedus.model.identifiers import ArticleId, ItemKey, MemberId, ObjectId, TreatyId
from foedus.node.ports import ApprovalRow, ConsentRow, NewApproval, NewConsent
from foedus.store.errors import StoreMissingError
from foedus.store.sql.instants import instant
from foedus.store.sql.session import Row, Session

__all__ = ["StoredGrounds", "note_lapse"]

_APPROVALS = (
    'SELECT number, subject, item, recipient, treaty, article, purpose, threat_to_life, "user", at,'
    " envelope, entry_index, withdrawn, withdrawn_by FROM approval"
)
_CONSENTS = (
    "SELECT number, digest, given, originator, object_id, version, content_hash, recipient,"
    ' treaty, purpose, "user", at, until, envelope, entry_index, withdrawn, withdrawn_by'
    " FROM consent"
)


def note_lapse(session: Session) -> None:
    """Give the grounds a new revision; part of the change's own transaction."""
    session.run("UPDATE counter SET value = value + 1 WHERE name = 'grounds_revision'")


class StoredGrounds:
    """Implements :class:`foedus.node.ports.GroundStore`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def revision(self) -> int:
        """Return a number that changes whenever a ground may fall away."""
        return self._session.number("SELECT value FROM counter WHERE name = 'grounds_revision'")

    def add_approval(self, approval: NewApproval) -> int:
        """Keep an approval and return its number.

        Raises:
            StoreMissingError: The item or the log entry is not stored.
            StoreBrokenError: The same person's approval of the same subject stands already.
        """
        return self._session.insert(
            "INSERT INTO approval (subject, item, recipient, treaty, article, purpose,"
            ' threat_to_life, "user", at, envelope, entry_index, withdrawn_by)'
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '')"
            " RETURNING number",
            (
                approval.subject,
                approval.item,
                approval.recipient,
                approval.treaty,
                approval.article,
                approval.purpose,
                approval.threat_to_life,
                approval.user,
                to_micros(approval.at),
                approval.envelope,
                approval.entry_index,
            ),
        )

    def approvals_of(
        self, recipient: MemberId, items: Sequence[int]
    ) -> Sequence[tuple[int, str, str, bytes]]:
        """Return (item, subject, user, envelope) of the standing approvals of items."""
        rows = self._session.rows(
            'SELECT a.item, a.subject, a."user", a.envelope FROM integers(?) w'
            " CROSS JOIN approval a ON a.recipient = ? AND a.item = w.value"
            " WHERE a.withdrawn IS NULL ORDER BY a.number",
            (list(items), recipient),
        )
        return [(item, subject, user, envelope) for item, subject, user, envelope in rows]

    def any_approval(self, recipient: MemberId) -> bool:
        """Return whether any approval for a recipient stands."""
        found = self._session.row(
            "SELECT 1 FROM approval WHERE recipient = ? AND withdrawn IS NULL LIMIT 1", (recipient,)
        )
        return found is not None

    def approval(self, number: int) -> ApprovalRow | None:
        """Return one approval."""
        row = self._session.row(_APPROVALS + " WHERE number = ?", (number,))
        return None if row is None else _approval(row)

    def approvals(self, *, after: int, limit: int) -> Sequence[ApprovalRow]:
        """Return approvals by number, greater than ``after``."""
        rows = self._session.rows(
            _APPROVALS + " WHERE number > ? ORDER BY number LIMIT ?", (after, limit)
        )
        return [_approval(row) for row in rows]

    def withdraw_approval(self, number: int, *, by: str, at: datetime) -> None:
        """Take an approval back; its row stays.

        Raises:
            StoreMissingError: No approval of that number stands.
        """
        changed = self._session.run(
            "UPDATE approval SET withdrawn = ?, withdrawn_by = ?"
            " WHERE number = ? AND withdrawn IS NULL",
            (to_micros(at), by, number),
        )
        if changed == 0:
            raise StoreMissingError(f"no approval {number} stands")
        note_lapse(self._session)

    def add_consent(self, consent: NewConsent) -> int:
        """Keep a consent and return its number.

        Raises:
            StoreMissingError: The log entry is not stored.
            StoreBrokenError: The same consent is stored already.
        """
        return self._session.insert(
            "INSERT INTO consent (digest, given, originator, object_id, version, content_hash,"
            ' recipient, treaty, purpose, "user", at, until, envelope, entry_index, withdrawn_by)'
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '')"
            " RETURNING number",
            (
                consent.digest,
                consent.given,
                consent.item.originator,
                consent.item.object_id,
                consent.item.version,
                consent.content_hash,
                consent.recipient,
                consent.treaty,
                consent.purpose,
                consent.user,
                to_micros(consent.at),
                to_micros(consent.until),
                consent.envelope,
                consent.entry_index,
            ),
        )

    def consents_for(
        self, recipient: MemberId, treaty: TreatyId, purpose: str, *, at: datetime
    ) -> Sequence[NewConsent]:
        """Return the standing consents for a release at an instant, the longest lasting first."""
        rows = self._session.rows(
            _CONSENTS + " WHERE recipient = ? AND treaty = ? AND purpose = ? AND until > ?"
            " AND at <= ? AND withdrawn IS NULL ORDER BY until DESC, number",
            (recipient, treaty, purpose, to_micros(at), to_micros(at)),
        )
        return [_consent(row).consent for row in rows]

    def consent(self, number: int) -> ConsentRow | None:
        """Return one consent."""
        row = self._session.row(_CONSENTS + " WHERE number = ?", (number,))
        return None if row is None else _consent(row)

    def consent_by_digest(self, digest: str) -> ConsentRow | None:
        """Return the consent with this digest."""
        row = self._session.row(_CONSENTS + " WHERE digest = ?", (digest,))
        return None if row is None else _consent(row)

    def consents(self, *, after: int, limit: int) -> Sequence[ConsentRow]:
        """Return consents by number, greater than ``after``."""
        rows = self._session.rows(
            _CONSENTS + " WHERE number > ? ORDER BY number LIMIT ?", (after, limit)
        )
        return [_consent(row) for row in rows]

    def withdraw_consent(self, number: int, *, by: str, at: datetime) -> None:
        """Let a consent stand no more; its row stays.

        Raises:
            StoreMissingError: No consent of that number stands.
        """
        changed = self._session.run(
            "UPDATE consent SET withdrawn = ?, withdrawn_by = ?"
            " WHERE number = ? AND withdrawn IS NULL",
            (to_micros(at), by, number),
        )
        if changed == 0:
            raise StoreMissingError(f"no consent {number} stands")
        note_lapse(self._session)


def _approval(row: Row) -> ApprovalRow:
    return ApprovalRow(
        number=row[0],
        approval=NewApproval(
            subject=row[1],
            item=row[2],
            recipient=MemberId(row[3]),
            treaty=TreatyId(row[4]),
            article=ArticleId(row[5]),
            purpose=row[6],
            threat_to_life=bool(row[7]),
            user=row[8],
            at=from_micros(row[9]),
            envelope=row[10],
            entry_index=row[11],
        ),
        withdrawn=instant(row[12]),
        withdrawn_by=row[13],
    )


def _consent(row: Row) -> ConsentRow:
    return ConsentRow(
        number=row[0],
        consent=NewConsent(
            digest=row[1],
            given=bool(row[2]),
            item=ItemKey(originator=MemberId(row[3]), object_id=ObjectId(row[4]), version=row[5]),
            content_hash=row[6],
            recipient=MemberId(row[7]),
            treaty=TreatyId(row[8]),
            purpose=row[9],
            user=row[10],
            at=from_micros(row[11]),
            until=from_micros(row[12]),
            envelope=row[13],
            entry_index=row[14],
        ),
        withdrawn=instant(row[15]),
        withdrawn_by=row[16],
    )
