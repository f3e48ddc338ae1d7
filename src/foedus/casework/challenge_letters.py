"""Letters to a person who challenged what may be held, or asked to see it: neither yes nor no.

A letter is made of :class:`LetterFacts` alone, none of which depends on whether anything is held:
who asks, when the person turned to us, the days the law of the treaties sets. What was found, what
was decided and when is no part of it, so that no letter can tell it, not even by its date. Each is
dated on a day known at intake; it is sent on that day and not before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

__all__ = ["Letter", "LetterFacts", "letter_text"]


class Letter(StrEnum):
    """Which letter."""

    RECEIPT = "receipt"
    """A challenge has come in and is examined."""
    OUTCOME = "outcome"
    """It was examined."""
    ACCESS_RECEIPT = "access-receipt"
    """A request to see what is held has come in."""
    ACCESS_ANSWER = "access-answer"
    """It is answered, neither way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterFacts:
    """All that a letter is made of.

    Attributes:
        member: Name of the member that writes.
        exercise: Whether it belongs to an exercise.
        reference: The local reference of the case, given to the person.
        received: When the person turned to us; aware UTC.
        answer_by: The day set at intake on which the person is answered; aware UTC.
    """

    member: str
    exercise: bool
    reference: str
    received: datetime
    answer_by: datetime


_NEITHER: Final = (
    "The law under which we cooperate lets us neither confirm nor deny whether any data about a "
    "person are held, or were, here or by another member. This letter says the same to everybody "
    "and must not be read as saying that data are held or that none are."
)
_REMEDY: Final = (
    "You may turn to the supervisory authority or to a court, which may be shown everything that "
    "this letter may not say. Please name the reference above."
)
_BODIES: Final = {
    Letter.RECEIPT: (
        "You have challenged data that you believe are held about you. Your challenge came to us "
        "on {received}.",
        "It is examined by a reviewer who took no part in entering, vouching for or giving away "
        "any of the data that may be concerned. Until then such data, if there are any, are "
        "blocked wherever they were given, as a precaution and whatever comes out.",
        "You will hear from us on {answer_by}, whatever the outcome.",
        _NEITHER,
    ),
    Letter.OUTCOME: (
        "You have challenged data that you believe are held about you. Your challenge came to us "
        "on {received} and has been examined by an independent reviewer.",
        "If data about you were held and found to be wrong, not needed or not rightly given, they "
        "have been corrected, blocked or erased, here and wherever they had been given, and each "
        "member that had been given them has attested to having done so or is held to do so.",
        _NEITHER,
        _REMEDY,
    ),
    Letter.ACCESS_RECEIPT: (
        "You have asked what data are held about you. Your request came to us on {received}.",
        "You will hear from us on {answer_by}, whatever the answer is.",
        _NEITHER,
    ),
    Letter.ACCESS_ANSWER: (
        "You have asked what data are held about you. Your request came to us on {received}, and "
        "everything that may be concerned has been looked through.",
        "There is nothing that we may tell you.",
        _NEITHER,
        _REMEDY,
    ),
}


def letter_text(letter: Letter, facts: LetterFacts) -> str:
    """Return a letter as plain text, in English.

    Args:
        letter: Which.
        facts: All that it is made of.
    """
    opening = letter in {Letter.RECEIPT, Letter.ACCESS_RECEIPT}
    days = {
        "received": _day(facts.received),
        "answer_by": _day(facts.answer_by),
    }
    dated = facts.received if opening else facts.answer_by
    head = [f"{facts.member}", f"Reference: {facts.reference}", f"Date: {_day(dated)}"]
    if facts.exercise:
        head.insert(0, "EXERCISE")
    paragraphs = [each.format(**days) for each in _BODIES[letter]]
    return "\n".join(head) + "\n\n" + "\n\n".join(paragraphs) + "\n"


def _day(at: datetime) -> str:
    return at.strftime("%Y-%m-%d")
