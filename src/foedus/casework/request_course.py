"""The course of a request for information: which event leads from which state to which.

Both desks follow it, each for its own record of the request; what the other side did comes as its
signed word (:mod:`foedus.casework.request_status`). Words cross on the way, so what arrives for a
request that ended meanwhile is noted and changes nothing. An answer is never too late: it is taken
after the time ran out, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from foedus.casework.course import follow

__all__ = ["ENDED", "TRANSITIONS", "WAITING", "RequestEvent", "RequestState", "next_state"]


class RequestState(StrEnum):
    """How far a request has come."""

    DRAFT = "draft"
    APPROVED = "approved"
    SENT = "sent"
    ACKNOWLEDGED = "acknowledged"
    EXTENDED = "extended"
    PARTIAL = "partial"
    ANSWERED = "answered"
    REFUSED = "refused"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"


class RequestEvent(StrEnum):
    """What leads on."""

    APPROVE = "approve"
    """A person answers for it; it is signed with its deadline."""
    SEND = "send"
    """It is disclosed to the member asked."""
    ACKNOWLEDGE = "acknowledge"
    """The node of the member asked has it."""
    EXTEND = "extend"
    """The member asked puts its answer off, once."""
    ANSWER_IN_PART = "answer-in-part"
    """Items were given in answer, and more may follow."""
    ANSWER = "answer"
    """Items were given in answer, and that is all."""
    REFUSE = "refuse"
    """The member asked refuses, on a ground of the treaty."""
    EXPIRE = "expire"
    """The deadline passed and no answer was heard."""
    WITHDRAW = "withdraw"
    """The member that asked needs no answer any more."""
    CLOSE = "close"
    """The member that asked says of what use it was."""


_S, _E = RequestState, RequestEvent
_HEARD: Final = (_E.ACKNOWLEDGE, _E.EXTEND, _E.ANSWER_IN_PART, _E.ANSWER, _E.REFUSE)
"""What the member asked may say."""

TRANSITIONS: Final[Mapping[tuple[RequestState, RequestEvent], RequestState]] = MappingProxyType(
    {
        (_S.DRAFT, _E.APPROVE): _S.APPROVED,
        (_S.DRAFT, _E.WITHDRAW): _S.WITHDRAWN,
        (_S.APPROVED, _E.SEND): _S.SENT,
        (_S.APPROVED, _E.EXPIRE): _S.EXPIRED,
        (_S.APPROVED, _E.WITHDRAW): _S.WITHDRAWN,
        (_S.SENT, _E.ACKNOWLEDGE): _S.ACKNOWLEDGED,
        (_S.SENT, _E.EXTEND): _S.EXTENDED,
        (_S.SENT, _E.ANSWER_IN_PART): _S.PARTIAL,
        (_S.SENT, _E.ANSWER): _S.ANSWERED,
        (_S.SENT, _E.REFUSE): _S.REFUSED,
        (_S.SENT, _E.EXPIRE): _S.EXPIRED,
        (_S.SENT, _E.WITHDRAW): _S.WITHDRAWN,
        (_S.ACKNOWLEDGED, _E.EXTEND): _S.EXTENDED,
        (_S.ACKNOWLEDGED, _E.ANSWER_IN_PART): _S.PARTIAL,
        (_S.ACKNOWLEDGED, _E.ANSWER): _S.ANSWERED,
        (_S.ACKNOWLEDGED, _E.REFUSE): _S.REFUSED,
        (_S.ACKNOWLEDGED, _E.EXPIRE): _S.EXPIRED,
        (_S.ACKNOWLEDGED, _E.WITHDRAW): _S.WITHDRAWN,
        (_S.EXTENDED, _E.ANSWER_IN_PART): _S.PARTIAL,
        (_S.EXTENDED, _E.ANSWER): _S.ANSWERED,
        (_S.EXTENDED, _E.REFUSE): _S.REFUSED,
        (_S.EXTENDED, _E.EXPIRE): _S.EXPIRED,
        (_S.EXTENDED, _E.WITHDRAW): _S.WITHDRAWN,
        (_S.PARTIAL, _E.ANSWER_IN_PART): _S.PARTIAL,
        (_S.PARTIAL, _E.ANSWER): _S.ANSWERED,
        (_S.PARTIAL, _E.REFUSE): _S.REFUSED,
        (_S.PARTIAL, _E.WITHDRAW): _S.WITHDRAWN,
        (_S.PARTIAL, _E.CLOSE): _S.CLOSED,
        (_S.ANSWERED, _E.ANSWER): _S.ANSWERED,
        (_S.ANSWERED, _E.WITHDRAW): _S.WITHDRAWN,
        (_S.ANSWERED, _E.CLOSE): _S.CLOSED,
        (_S.REFUSED, _E.ANSWER_IN_PART): _S.PARTIAL,
        (_S.REFUSED, _E.ANSWER): _S.ANSWERED,
        (_S.REFUSED, _E.WITHDRAW): _S.WITHDRAWN,
        (_S.REFUSED, _E.CLOSE): _S.CLOSED,
        (_S.EXPIRED, _E.ACKNOWLEDGE): _S.EXPIRED,
        (_S.EXPIRED, _E.EXTEND): _S.EXTENDED,
        (_S.EXPIRED, _E.ANSWER_IN_PART): _S.PARTIAL,
        (_S.EXPIRED, _E.ANSWER): _S.ANSWERED,
        (_S.EXPIRED, _E.REFUSE): _S.REFUSED,
        (_S.EXPIRED, _E.WITHDRAW): _S.WITHDRAWN,
        (_S.EXPIRED, _E.CLOSE): _S.CLOSED,
        **{(_S.WITHDRAWN, event): _S.WITHDRAWN for event in _HEARD},
        **{(_S.CLOSED, event): _S.CLOSED for event in _HEARD},
    }
)
"""Everything that may follow."""

WAITING: Final = frozenset({_S.SENT, _S.ACKNOWLEDGED, _S.EXTENDED})
"""An answer is awaited and none has been heard: the deadline runs."""

ENDED: Final = frozenset({_S.WITHDRAWN, _S.CLOSED})
"""Nothing is done about it any more."""


def next_state(state: RequestState, event: RequestEvent) -> RequestState:
    """Return the state after an event.

    Raises:
        CaseCourseError: The event may not follow in that state.
    """
    return follow(TRANSITIONS, state, event, what="a request")
