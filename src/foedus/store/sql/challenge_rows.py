"""Rows of challenges, of requests to see what is held and of deadlines that passed."""

from __future__ import annotations

from typing import Final

from foedus.casework.access_course import AccessState
from foedus.casework.challenge_course import ChallengeState, Outcome
from foedus.clock import from_micros
from foedus.model.identifiers import MemberId
from foedus.node.ports.challenges import (
    AccessRow,
    CaseKind,
    CaseSide,
    ChallengeRow,
    LateRow,
    NewAccess,
    NewChallenge,
    NewLate,
    Proposal,
)
from foedus.store.sql.instants import instant
from foedus.store.sql.session import Row

__all__ = [
    "SELECT_ACCESS",
    "SELECT_CHALLENGE",
    "SELECT_LATE",
    "access_row",
    "challenge_row",
    "late_row",
]

SELECT_CHALLENGE: Final = (
    "SELECT number, name, year, sequence, side, sender, treaty, reference, received, block_due,"
    " decide_due, opened, opened_by, entry_index, state, outcome, blocked, decided, decided_by,"
    " closed, proposed, proposed_by, proposed_at, done, wake FROM challenge"
)
SELECT_ACCESS: Final = (
    "SELECT number, name, year, sequence, reference, received, due, opened, opened_by,"
    " entry_index, state, ended, ended_by, words, done, wake FROM access_request"
)
SELECT_LATE: Final = (
    "SELECT b.record, coalesce(c.name, r.name), b.kind, b.number, b.what, b.member, b.due, b.noted,"
    " b.entry_index, b.made_good, b.closed, b.closed_by, b.reason FROM challenge_breach b"
    " LEFT JOIN challenge c ON b.kind = 'challenge' AND c.number = b.number"
    " LEFT JOIN access_request r ON b.kind = 'access' AND r.number = b.number"
)


def challenge_row(row: Row) -> ChallengeRow:
    """Return a challenge of a row of :data:`SELECT_CHALLENGE`."""
    proposed, proposed_by, proposed_at = row[20:23]
    return ChallengeRow(
        number=row[0],
        challenge=NewChallenge(
            name=row[1],
            year=row[2],
            sequence=row[3],
            side=CaseSide(row[4]),
            sender=row[5],
            treaty=row[6],
            reference=row[7],
            received=from_micros(row[8]),
            block_due=from_micros(row[9]),
            decide_due=from_micros(row[10]),
            opened=from_micros(row[11]),
            opened_by=row[12],
            entry_index=row[13],
        ),
        state=ChallengeState(row[14]),
        outcome=ChallengeState(row[15]) if row[15] else None,
        blocked=instant(row[16]),
        decided=instant(row[17]),
        decided_by=row[18],
        closed=instant(row[19]),
        proposal=(
            Proposal(outcome=Outcome(proposed), user=proposed_by, at=from_micros(proposed_at))
            if proposed
            else None
        ),
        done=frozenset(row[23].split()),
        wake=instant(row[24]),
    )


def access_row(row: Row) -> AccessRow:
    """Return a request of a row of :data:`SELECT_ACCESS`."""
    return AccessRow(
        number=row[0],
        access=NewAccess(
            name=row[1],
            year=row[2],
            sequence=row[3],
            reference=row[4],
            received=from_micros(row[5]),
            due=from_micros(row[6]),
            opened=from_micros(row[7]),
            opened_by=row[8],
            entry_index=row[9],
        ),
        state=AccessState(row[10]),
        ended=instant(row[11]),
        ended_by=row[12],
        words=row[13],
        done=frozenset(row[14].split()),
        wake=instant(row[15]),
    )


def late_row(row: Row) -> LateRow:
    """Return a breach record of a row of :data:`SELECT_LATE`."""
    return LateRow(
        record=row[0],
        name=row[1],
        late=NewLate(
            kind=CaseKind(row[2]),
            number=row[3],
            what=row[4],
            member=MemberId(row[5]),
            due=from_micros(row[6]),
            noted=from_micros(row[7]),
            entry_index=row[8],
        ),
        made_good=instant(row[9]),
        closed=instant(row[10]),
        closed_by=row[11],
        reason=row[12],
    )
