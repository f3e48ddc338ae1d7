"""The course of a person's request to see what is held: which event leads from which state where.

As with challenges, whether anything is held decides nothing of the course.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from foedus.casework.course import follow

__all__ = ["OPEN", "TRANSITIONS", "AccessEvent", "AccessState", "next_access_state"]


class AccessState(StrEnum):
    """How far a request of a person has come."""

    RECEIVED = "received"
    SEARCHED = "searched"
    ANSWERED = "answered"
    WITHDRAWN = "withdrawn"


class AccessEvent(StrEnum):
    """What leads on."""

    SEARCH = "search"
    """An officer looked for everything held; again is allowed."""
    ANSWER = "answer"
    """The person is answered: with what may be told, or neither way."""
    WITHDRAW = "withdraw"
    """The person takes the request back."""


_S, _E = AccessState, AccessEvent

TRANSITIONS: Final[Mapping[tuple[AccessState, AccessEvent], AccessState]] = MappingProxyType(
    {
        (_S.RECEIVED, _E.SEARCH): _S.SEARCHED,
        (_S.RECEIVED, _E.WITHDRAW): _S.WITHDRAWN,
        (_S.SEARCHED, _E.SEARCH): _S.SEARCHED,
        (_S.SEARCHED, _E.ANSWER): _S.ANSWERED,
        (_S.SEARCHED, _E.WITHDRAW): _S.WITHDRAWN,
    }
)
"""Everything that may follow. Nobody is answered before it was looked for what is held."""

OPEN: Final = frozenset({AccessState.RECEIVED, AccessState.SEARCHED})
"""The states in which the answer is owed."""


def next_access_state(state: AccessState, event: AccessEvent) -> AccessState:
    """Return the state after an event.

    Raises:
        CaseCourseError: The event may not follow in that state.
    """
    return follow(TRANSITIONS, state, event)
