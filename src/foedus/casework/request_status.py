"""Word on a request: acknowledged, answered, put off, refused; withdrawn or closed.

A protocol act: it names the request by the id both sides know, items by the ids under which the
other side was given them, and otherwise says closed words, instants and figures.

1. The member asked says *acknowledged*, *extended* (with the new deadline), *partial* and
   *answered* (with the items given), *refused* (with a ground). The member that asked says
   *withdrawn*, and *closed* (with how useful it was).
2. Every other field is null or empty.

The record is canonical JSON, ``v kind exercise speaker to request status instant due ground items
usefulness feedback``.

Spec: Convention Article 15(2) and (3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from foedus.casework.errors import RequestError
from foedus.casework.form import CaseForm
from foedus.casework.payload import Fields, PayloadError
from foedus.casework.request import ItemName, read_items
from foedus.casework.request_course import RequestEvent
from foedus.clock import instant_text
from foedus.model.identifiers import MemberId, ObjectId, object_id
from foedus.model.kinds import FoedusKind
from foedus.signing import Envelope, PublicKey, SigningKey

__all__ = [
    "ASKER_SAYS",
    "EVENTS",
    "MAX_ITEMS",
    "STATUS_KIND",
    "STATUS_TYPE",
    "Feedback",
    "Ground",
    "RequestStatus",
    "Word",
    "open_status",
    "sign_status",
]

STATUS_TYPE: Final = "application/vnd.foedus.request-status+json;v=1"
"""Payload type of the envelope."""

STATUS_KIND: Final = "request-status"
MAX_ITEMS: Final = 1_000
"""Most items one word names; further ones go in another."""

_USEFULNESS: Final = range(1, 6)


class Word(StrEnum):
    """What is said."""

    ACKNOWLEDGED = "acknowledged"
    EXTENDED = "extended"
    PARTIAL = "partial"
    ANSWERED = "answered"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"


class Ground(StrEnum):
    """On what a request is refused; no other explanation is owed."""

    OUTSIDE_TREATY = "outside-treaty"
    NOT_NEUTRAL = "not-neutral"
    HARM = "harm"
    """It would harm a person, an inquiry or the security of the member asked."""
    OFFENCE_NOT_RECOGNISED = "offence-not-recognised"
    LAW_FORBIDS = "law-forbids"


class Feedback(StrEnum):
    """What an answer came to."""

    NEW = "new"
    CONFIRMED = "confirmed"
    KNOWN = "known"
    UNRELATED = "unrelated"
    WRONG = "wrong"
    LATE = "late"


ASKER_SAYS: Final = frozenset({Word.WITHDRAWN, Word.CLOSED})
"""Words of the member that asked; the others are those of the member asked."""

EVENTS: Final[Mapping[Word, RequestEvent]] = MappingProxyType(
    {
        Word.ACKNOWLEDGED: RequestEvent.ACKNOWLEDGE,
        Word.EXTENDED: RequestEvent.EXTEND,
        Word.PARTIAL: RequestEvent.ANSWER_IN_PART,
        Word.ANSWERED: RequestEvent.ANSWER,
        Word.REFUSED: RequestEvent.REFUSE,
        Word.WITHDRAWN: RequestEvent.WITHDRAW,
        Word.CLOSED: RequestEvent.CLOSE,
    }
)
"""The event that a word is, in the course of a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestStatus:
    """What is signed.

    Attributes:
        exercise: Whether it belongs to an exercise.
        speaker: Who says it.
        to: To whom.
        request: Id of the request's object.
        at: When; aware UTC.
        due: The new deadline; with *extended* only.
        ground: With *refused* only.
        items: As the member that asked was given them, rising; with *partial* and *answered* only,
            and then at least one.
        usefulness: 1 (of no use) to 5; with *closed* only, and there it may be left out.
        feedback: The same.
    """

    exercise: bool
    speaker: MemberId
    to: MemberId
    request: ObjectId
    word: Word
    at: datetime
    due: datetime | None = None
    ground: Ground | None = None
    items: tuple[ItemName, ...] = ()
    usefulness: int | None = None
    feedback: Feedback | None = None


def sign_status(status: RequestStatus, key: SigningKey) -> Envelope:
    """Sign a word on a request with a node key of its speaker.

    Raises:
        RequestError: It could not be opened again, with the reason.
    """
    return _FORM.sign(
        lambda: {
            "exercise": status.exercise,
            "speaker": status.speaker,
            "to": status.to,
            "request": status.request,
            "status": status.word.value,
            "instant": instant_text(status.at),
            "due": None if status.due is None else instant_text(status.due),
            "ground": None if status.ground is None else status.ground.value,
            "items": [{"id": each.object_id, "version": each.version} for each in status.items],
            "usefulness": status.usefulness,
            "feedback": None if status.feedback is None else status.feedback.value,
        },
        key,
    )


def open_status(envelope: Envelope, keys: tuple[PublicKey, ...]) -> RequestStatus:
    """Verify a word on a request and read it.

    Args:
        envelope: Untrusted.
        keys: Keys that speak for the node of its speaker, at its instant.

    Raises:
        RequestError: It is signed by none of them, or malformed. Nothing else is raised.
    """
    return _FORM.open(envelope, keys)


def _read(fields: Fields) -> RequestStatus:
    word = fields.text("status")
    if word not in set(Word):
        raise PayloadError("status is none of the list")
    status = RequestStatus(
        exercise=fields.flag("exercise"),
        speaker=fields.member("speaker"),
        to=fields.member("to"),
        request=object_id(fields.text("request")),
        word=Word(word),
        at=fields.instant("instant"),
        due=fields.optional_instant("due"),
        ground=_ground(fields),
        items=read_items(fields, "items"),
        usefulness=_usefulness(fields),
        feedback=_feedback(fields),
    )
    _check(status)
    return status


def _ground(fields: Fields) -> Ground | None:
    if fields.value("ground") is None:
        return None
    text = fields.text("ground")
    if text not in set(Ground):
        raise PayloadError("ground is none of the list")
    return Ground(text)


def _feedback(fields: Fields) -> Feedback | None:
    if fields.value("feedback") is None:
        return None
    text = fields.text("feedback")
    if text not in set(Feedback):
        raise PayloadError("feedback is none of the list")
    return Feedback(text)


def _usefulness(fields: Fields) -> int | None:
    if fields.value("usefulness") is None:
        return None
    value = fields.integer("usefulness", least=_USEFULNESS[0])
    if value not in _USEFULNESS:
        raise PayloadError("usefulness is from 1 to 5")
    return value


def _check(status: RequestStatus) -> None:
    if not status.request.startswith(f"{FoedusKind.REQUEST.value}--"):
        raise RequestError("no word on a request: it names something else")
    if status.speaker == status.to:
        raise RequestError("no word on a request: nobody speaks to itself")
    answers = status.word in {Word.PARTIAL, Word.ANSWERED}
    closes = status.word is Word.CLOSED
    kept_to = (
        (status.due is not None) is (status.word is Word.EXTENDED)
        and (status.ground is not None) is (status.word is Word.REFUSED)
        and bool(status.items) is answers
        and (closes or (status.usefulness is None and status.feedback is None))
    )
    if not kept_to:
        raise RequestError(f"no word on a request: what goes with {status.word.value} is amiss")


_FORM: Final = CaseForm(
    payload_type=STATUS_TYPE,
    kind=STATUS_KIND,
    what="word on a request",
    error=RequestError,
    fields=_read,
)
