"""The course of a consent that a holder asks of an originator: asked, and then yes, no or silence.

1. Silence is no: what is not answered when it is due has expired, without anybody's hand.
2. An answer given in time counts though it arrives late, since its instant is signed for.
3. A consent given runs out by its own date, or is withdrawn by its originator for the future. What
   was passed on under it stays so, and is reached by orders.
4. Both sides keep the course of the same request, each from what it knows.

Spec: design §2 rule 4; Convention Articles 14 (5), 15 (4), 17 (2).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from foedus.casework.course import follow

__all__ = ["TRANSITIONS", "ConsentEvent", "ConsentState", "next_state"]


class ConsentState(StrEnum):
    """Where a request for consent stands."""

    ASKED = "asked"
    GIVEN = "given"
    REFUSED = "refused"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    RUN_OUT = "run-out"


class ConsentEvent(StrEnum):
    """What happens to it."""

    GIVE = "give"
    """The originator consents."""
    REFUSE = "refuse"
    """It says no, on a ground."""
    SILENCE = "silence"
    """It is due and nothing was said."""
    WITHDRAW = "withdraw"
    """The originator takes its consent back."""
    END = "end"
    """The consent's own date has come."""


TRANSITIONS: Final[Mapping[tuple[ConsentState, ConsentEvent], ConsentState]] = MappingProxyType(
    {
        (ConsentState.ASKED, ConsentEvent.GIVE): ConsentState.GIVEN,
        (ConsentState.ASKED, ConsentEvent.REFUSE): ConsentState.REFUSED,
        (ConsentState.ASKED, ConsentEvent.SILENCE): ConsentState.EXPIRED,
        (ConsentState.EXPIRED, ConsentEvent.GIVE): ConsentState.GIVEN,
        (ConsentState.EXPIRED, ConsentEvent.REFUSE): ConsentState.REFUSED,
        (ConsentState.GIVEN, ConsentEvent.WITHDRAW): ConsentState.WITHDRAWN,
        (ConsentState.GIVEN, ConsentEvent.END): ConsentState.RUN_OUT,
        (ConsentState.RUN_OUT, ConsentEvent.WITHDRAW): ConsentState.WITHDRAWN,
    }
)
"""(state, event) → state; what is not here may not happen."""


def next_state(state: ConsentState, event: ConsentEvent) -> ConsentState:
    """Return the state after an event.

    Raises:
        CaseCourseError: The event may not happen in that state.
    """
    return follow(TRANSITIONS, state, event, what="a consent")
