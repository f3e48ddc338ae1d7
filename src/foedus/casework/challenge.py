"""What members say to each other about a person's challenge.

1. A *challenge* goes from the member to whom a person turned to the originator of items concerned.
   It names them by the ids under which the sender was given them, says when the person turned to
   it, and by when they are to be blocked at every holder and decided on. It says nothing of the
   person, and nothing of why.
2. A *status* goes back: one closed word on what the originator did, under the challenge's name.

Both are canonical JSON: ``v kind exercise name member originator treaty received block decide
instant ids``, and ``v kind exercise name member originator word instant``.

Spec: design §2 rules 4 and 11, §3; Convention Articles 16(5) and 21.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from foedus.casework.errors import ChallengeError
from foedus.casework.form import CaseForm
from foedus.casework.payload import Fields, PayloadError
from foedus.clock import instant_text
from foedus.model.identifiers import (
    MemberId,
    ObjectId,
    TreatyId,
    object_id,
    treaty_id,
)
from foedus.signing import Envelope, PublicKey, SigningKey

__all__ = [
    "CHALLENGE_STATUS_TYPE",
    "CHALLENGE_TYPE",
    "MAX_CONCERNED",
    "Challenge",
    "ChallengeStatus",
    "StatusWord",
    "challenge_name",
    "open_challenge",
    "open_challenge_status",
    "sign_challenge",
    "sign_challenge_status",
]

CHALLENGE_TYPE: Final = "application/vnd.foedus.challenge+json;v=1"
"""Payload type of the envelope of a challenge."""

CHALLENGE_STATUS_TYPE: Final = "application/vnd.foedus.challenge-status+json;v=1"
"""Payload type of the envelope of a status."""

MAX_CONCERNED: Final = 1_000
"""Most items one document names."""

_NAME: Final = re.compile(r"([A-Z][A-Z0-9]{1,7})-C-(\d{4})-(\d{5,9})", re.ASCII)


class StatusWord(StrEnum):
    """What the originator did."""

    BLOCKED = "blocked"
    UPHELD = "upheld"
    CORRECTED = "corrected"
    RESTRICTED = "restricted"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """What is signed by the member to whom a person turned.

    Attributes:
        exercise: Whether it belongs to an exercise.
        name: As that member numbers it: ``XB-C-2026-00003``.
        member: That member.
        originator: Whose items are concerned; another member.
        treaty: Under which they were given.
        received: When the person turned to it; not after ``at``. Instants are aware UTC.
        block: By when they are to be blocked at every holder; after ``received``.
        decide: By when the outcome is to be known; not before ``block``.
        at: When it was signed.
        ids: 1 to :data:`MAX_CONCERNED` ids, which rise.
    """

    exercise: bool
    name: str
    member: MemberId
    originator: MemberId
    treaty: TreatyId
    received: datetime
    block: datetime
    decide: datetime
    at: datetime
    ids: tuple[ObjectId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeStatus:
    """What the originator signs in answer.

    Attributes:
        exercise: Whether it belongs to an exercise.
        name: Of the challenge, as ``member`` numbers it.
        member: To whom it is addressed.
        originator: Who answers.
        word: What it did.
        at: When; aware UTC.
    """

    exercise: bool
    name: str
    member: MemberId
    originator: MemberId
    word: StatusWord
    at: datetime


def challenge_name(member: MemberId, year: int, sequence: int) -> str:
    """Return how a member names a challenge: ``XB-C-2026-00003``."""
    return f"{member}-C-{year}-{sequence:05d}"


def sign_challenge(challenge: Challenge, key: SigningKey) -> Envelope:
    """Sign a challenge with a node key of the member to whom the person turned.

    Raises:
        ChallengeError: It could not be opened again, with the reason.
    """
    return _FORM.sign(
        lambda: {
            "exercise": challenge.exercise,
            "name": challenge.name,
            "member": challenge.member,
            "originator": challenge.originator,
            "treaty": challenge.treaty,
            "received": instant_text(challenge.received),
            "block": instant_text(challenge.block),
            "decide": instant_text(challenge.decide),
            "instant": instant_text(challenge.at),
            "ids": list(challenge.ids),
        },
        key,
    )


def open_challenge(envelope: Envelope, keys: tuple[PublicKey, ...]) -> Challenge:
    """Verify a challenge and read it.

    Args:
        envelope: Untrusted.
        keys: Keys that speak for the node of its sender.

    Raises:
        ChallengeError: It is signed by none of them, or malformed. Nothing else is raised.
    """
    return _FORM.open(envelope, keys)


def _read(fields: Fields) -> Challenge:
    ids = tuple(object_id(each) for each in fields.rising_texts("ids"))
    if not ids:
        raise PayloadError("ids names at least one item")
    challenge = Challenge(
        exercise=fields.flag("exercise"),
        name=fields.text("name"),
        member=fields.member("member"),
        originator=fields.member("originator"),
        treaty=treaty_id(fields.text("treaty")),
        received=fields.instant("received"),
        block=fields.instant("block"),
        decide=fields.instant("decide"),
        at=fields.instant("instant"),
        ids=ids,
    )
    _check_parties(challenge.name, challenge.member, challenge.originator)
    if not challenge.received <= challenge.at or not challenge.received < challenge.block:
        raise ChallengeError("no challenge: its block is due after its receipt, not before")
    if challenge.decide < challenge.block:
        raise ChallengeError("no challenge: it is decided after the block")
    return challenge


def sign_challenge_status(status: ChallengeStatus, key: SigningKey) -> Envelope:
    """Sign a status with a node key of the originator.

    Raises:
        ChallengeError: It could not be opened again, with the reason.
    """
    return _STATUS_FORM.sign(
        lambda: {
            "exercise": status.exercise,
            "name": status.name,
            "member": status.member,
            "originator": status.originator,
            "word": status.word.value,
            "instant": instant_text(status.at),
        },
        key,
    )


def open_challenge_status(envelope: Envelope, keys: tuple[PublicKey, ...]) -> ChallengeStatus:
    """Verify a status and read it.

    Args:
        envelope: Untrusted.
        keys: Keys that speak for the node of its sender.

    Raises:
        ChallengeError: It is signed by none of them, or malformed. Nothing else is raised.
    """
    return _STATUS_FORM.open(envelope, keys)


def _read_status(fields: Fields) -> ChallengeStatus:
    word = fields.text("word")
    if word not in set(StatusWord):
        raise PayloadError("word is none of the closed list")
    status = ChallengeStatus(
        exercise=fields.flag("exercise"),
        name=fields.text("name"),
        member=fields.member("member"),
        originator=fields.member("originator"),
        word=StatusWord(word),
        at=fields.instant("instant"),
    )
    _check_parties(status.name, status.member, status.originator)
    return status


def _check_parties(name: str, member: MemberId, originator: MemberId) -> None:
    numbered = _NAME.fullmatch(name)
    if numbered is None or numbered[1] != member:
        raise ChallengeError("no challenge: its name is not of the member to whom a person turned")
    if member == originator:
        raise ChallengeError("no challenge: a member sends none to itself")


_FORM: Final = CaseForm(
    payload_type=CHALLENGE_TYPE,
    kind="challenge",
    what="challenge",
    error=ChallengeError,
    fields=_read,
)
_STATUS_FORM: Final = CaseForm(
    payload_type=CHALLENGE_STATUS_TYPE,
    kind="challenge-status",
    what="word on a challenge",
    error=ChallengeError,
    fields=_read_status,
)
