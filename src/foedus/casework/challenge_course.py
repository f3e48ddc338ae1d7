"""The course of a person's challenge: which event leads from which state to which.

Whether anything is held decides nothing here: a challenge that finds nothing goes the same way, in
the same time, as one that finds something. Late is no state: it is read off the clock and kept as a
breach record beside the course.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from foedus.casework.course import follow

__all__ = [
    "DECIDED",
    "EXAMINED",
    "TRANSITIONS",
    "ChallengeEvent",
    "ChallengeState",
    "Outcome",
    "next_state",
]


class ChallengeState(StrEnum):
    """How far a challenge has come at one node."""

    RECEIVED = "received"
    BLOCKED = "blocked"
    UPHELD = "upheld"
    CORRECTED = "corrected"
    RESTRICTED = "restricted"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"


class ChallengeEvent(StrEnum):
    """What leads on."""

    BLOCK = "block"
    """All that is concerned is blocked here, and its originators are told; nothing counts too."""
    EXTEND = "extend"
    """More is found to be concerned, and blocked."""
    UPHOLD = "uphold"
    """What is concerned is recalled."""
    CORRECT = "correct"
    """A right version stands in place of what was wrong."""
    RESTRICT = "restrict"
    """It stays blocked, for a court or another proceeding."""
    REJECT = "reject"
    """The block is lifted."""
    WITHDRAW = "withdraw"
    """The person takes the challenge back; the block is lifted."""
    CLOSE = "close"
    """Every holder attests that it carried the outcome out."""


class Outcome(StrEnum):
    """What a reviewer may decide; the value is that of the event."""

    UPHOLD = "uphold"
    CORRECT = "correct"
    RESTRICT = "restrict"
    REJECT = "reject"


_S, _E = ChallengeState, ChallengeEvent

TRANSITIONS: Final[Mapping[tuple[ChallengeState, ChallengeEvent], ChallengeState]] = (
    MappingProxyType(
        {
            (_S.RECEIVED, _E.BLOCK): _S.BLOCKED,
            (_S.RECEIVED, _E.WITHDRAW): _S.WITHDRAWN,
            (_S.BLOCKED, _E.EXTEND): _S.BLOCKED,
            (_S.BLOCKED, _E.UPHOLD): _S.UPHELD,
            (_S.BLOCKED, _E.CORRECT): _S.CORRECTED,
            (_S.BLOCKED, _E.RESTRICT): _S.RESTRICTED,
            (_S.BLOCKED, _E.REJECT): _S.REJECTED,
            (_S.BLOCKED, _E.WITHDRAW): _S.WITHDRAWN,
            (_S.UPHELD, _E.CLOSE): _S.CLOSED,
            (_S.CORRECTED, _E.CLOSE): _S.CLOSED,
            (_S.RESTRICTED, _E.CLOSE): _S.CLOSED,
            (_S.REJECTED, _E.CLOSE): _S.CLOSED,
            (_S.WITHDRAWN, _E.CLOSE): _S.CLOSED,
        }
    )
)
"""Everything that may follow."""

EXAMINED: Final = frozenset({ChallengeState.RECEIVED, ChallengeState.BLOCKED})
"""The states in which nothing is decided yet: what is concerned stays blocked."""

DECIDED: Final = frozenset(
    {
        ChallengeState.UPHELD,
        ChallengeState.CORRECTED,
        ChallengeState.RESTRICTED,
        ChallengeState.REJECTED,
        ChallengeState.WITHDRAWN,
    }
)
"""The states in which the outcome is being carried out."""


def next_state(state: ChallengeState, event: ChallengeEvent) -> ChallengeState:
    """Return the state after an event.

    Raises:
        CaseCourseError: The event may not follow in that state.
    """
    return follow(TRANSITIONS, state, event)
