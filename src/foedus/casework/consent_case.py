"""What holder and originator say to each other about a consent: asked, answered, taken back.

* A *request* (``consent-request``): ``v kind exercise asker originator id version sha256 recipient
  treaty purpose life until instant due``. It names an item the asker was given, by the hash of the
  bytes it holds.
* An *answer* (``consent-answer``): ``v kind exercise originator asker request ground consent
  instant``. It names the request by the hash of its payload, and holds the envelope of a consent or
  the ground of a refusal; the other of the two is null.
* A *withdrawal* (``consent-withdrawal``): ``v kind exercise originator holder consent instant``. It
  names a consent by the hash of its payload.

Each is canonical JSON in an envelope signed by a node key of its author, and holds no free text.
What the consent itself says is :mod:`foedus.release.consent`'s to read.

Spec: design §2 rule 4; Convention Articles 14 (5), 15 (3), 17 (2).
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, TypeVar

from foedus.casework.errors import ConsentCaseError
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
from foedus.signing import Envelope, PublicKey, SigningKey, parse_envelope

__all__ = [
    "ANSWER_TYPE",
    "REQUEST_TYPE",
    "WITHDRAWAL_TYPE",
    "ConsentAnswer",
    "ConsentGround",
    "ConsentRequest",
    "ConsentWithdrawal",
    "open_answer",
    "open_request",
    "open_withdrawal",
    "payload_digest",
    "sign_answer",
    "sign_request",
    "sign_withdrawal",
]

REQUEST_TYPE: Final = "application/vnd.foedus.consent-request+json;v=1"
ANSWER_TYPE: Final = "application/vnd.foedus.consent-answer+json;v=1"
WITHDRAWAL_TYPE: Final = "application/vnd.foedus.consent-withdrawal+json;v=1"

_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
T = TypeVar("T")


class ConsentGround(StrEnum):
    """Why a consent is refused; no other explanation is owed."""

    OUTSIDE = "outside"
    """It falls outside the treaty."""
    NOT_NEUTRAL = "not-neutral"
    HARM = "harm"
    """It would harm a person, an inquiry or the member's security."""
    NOT_RECOGNISED = "not-recognised"
    LAW = "law"
    """The law of the member asked forbids it."""
    DIRECTLY = "directly"
    """Who needs the item may ask its originator, which may give it itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRequest:
    """A holder asks whether it may pass one item version on.

    Attributes:
        exercise: Whether it belongs to an exercise.
        asker: Who holds the item.
        originator: Whose it is, and who is asked.
        item: Its id, as the asker was given it.
        version: Its version.
        sha256: Hex SHA-256 of the bytes the asker holds.
        recipient: To whom it would be passed on; neither of the two.
        treaty: Under which treaty.
        purpose: What for.
        life: Whether a life is in danger.
        until: Until when the consent is needed; after ``at``.
        at: When it is asked; aware UTC.
        due: By when an answer is due; after ``at``.
    """

    exercise: bool
    asker: MemberId
    originator: MemberId
    item: ObjectId
    version: str
    sha256: str
    recipient: MemberId
    treaty: TreatyId
    purpose: str
    life: bool
    until: datetime
    at: datetime
    due: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentAnswer:
    """The originator's answer.

    Attributes:
        request: Digest of the request's payload.
        consent: Envelope of the consent; None in a refusal.
        ground: Why it is refused; None where it is given.
    """

    exercise: bool
    originator: MemberId
    asker: MemberId
    request: str
    consent: Envelope | None
    ground: ConsentGround | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentWithdrawal:
    """The originator takes a consent back, for the future.

    Attributes:
        holder: To whom it is said.
        consent: Digest of the consent's payload.
    """

    exercise: bool
    originator: MemberId
    holder: MemberId
    consent: str
    at: datetime


def payload_digest(envelope: Envelope) -> str:
    """Return the hex SHA-256 of what an envelope holds: by this one document names another."""
    return hashlib.sha256(envelope.payload).hexdigest()


def sign_request(request: ConsentRequest, key: SigningKey) -> Envelope:
    """Sign a request with a node key of the asker.

    Raises:
        ConsentCaseError: It could not be opened again, with the reason.
    """
    return _REQUEST.sign(
        lambda: {
            "exercise": request.exercise,
            "asker": request.asker,
            "originator": request.originator,
            "id": request.item,
            "version": request.version,
            "sha256": request.sha256,
            "recipient": request.recipient,
            "treaty": request.treaty,
            "purpose": request.purpose,
            "life": request.life,
            "until": instant_text(request.until),
            "instant": instant_text(request.at),
            "due": instant_text(request.due),
        },
        key,
    )


def sign_answer(answer: ConsentAnswer, key: SigningKey) -> Envelope:
    """Sign an answer with a node key of the originator.

    Raises:
        ConsentCaseError: It could not be opened again, with the reason.
    """
    return _ANSWER.sign(
        lambda: {
            "exercise": answer.exercise,
            "originator": answer.originator,
            "asker": answer.asker,
            "request": answer.request,
            "ground": None if answer.ground is None else answer.ground.value,
            "consent": None if answer.consent is None else dict(answer.consent.document()),
            "instant": instant_text(answer.at),
        },
        key,
    )


def sign_withdrawal(withdrawal: ConsentWithdrawal, key: SigningKey) -> Envelope:
    """Sign a withdrawal with a node key of the originator.

    Raises:
        ConsentCaseError: It could not be opened again, with the reason.
    """
    return _WITHDRAWAL.sign(
        lambda: {
            "exercise": withdrawal.exercise,
            "originator": withdrawal.originator,
            "holder": withdrawal.holder,
            "consent": withdrawal.consent,
            "instant": instant_text(withdrawal.at),
        },
        key,
    )


def open_request(envelope: Envelope, keys: tuple[PublicKey, ...]) -> ConsentRequest:
    """Verify a request and read it.

    Args:
        envelope: Untrusted.
        keys: Keys that speak for the node of the asker.

    Raises:
        ConsentCaseError: It is signed by none of them, or malformed. Nothing else is raised.
    """
    return _REQUEST.open(envelope, keys)


def open_answer(envelope: Envelope, keys: tuple[PublicKey, ...]) -> ConsentAnswer:
    """Verify an answer and read it; the consent in it is verified by whoever reads that.

    Args:
        envelope: Untrusted.
        keys: Keys that speak for the node of the originator.

    Raises:
        ConsentCaseError: It is signed by none of them, or malformed. Nothing else is raised.
    """
    return _ANSWER.open(envelope, keys)


def open_withdrawal(envelope: Envelope, keys: tuple[PublicKey, ...]) -> ConsentWithdrawal:
    """Verify a withdrawal and read it.

    Args:
        envelope: Untrusted.
        keys: Keys that speak for the node of the originator.

    Raises:
        ConsentCaseError: It is signed by none of them, or malformed. Nothing else is raised.
    """
    return _WITHDRAWAL.open(envelope, keys)


def _request(fields: Fields) -> ConsentRequest:
    request = ConsentRequest(
        exercise=fields.flag("exercise"),
        asker=fields.member("asker"),
        originator=fields.member("originator"),
        item=object_id(fields.text("id")),
        version=fields.text("version"),
        sha256=_digest(fields, "sha256"),
        recipient=fields.member("recipient"),
        treaty=treaty_id(fields.text("treaty")),
        purpose=fields.text("purpose"),
        life=fields.flag("life"),
        until=fields.instant("until"),
        at=fields.instant("instant"),
        due=fields.instant("due"),
    )
    if len({request.asker, request.originator, request.recipient}) < 3:  # noqa: PLR2004 - each another
        raise ConsentCaseError("no consent request: it is between three members")
    if request.due <= request.at or request.until <= request.at:
        raise ConsentCaseError("no consent request: it ends before it is made")
    return request


def _answer(fields: Fields) -> ConsentAnswer:
    ground = None if fields.value("ground") is None else fields.text("ground")
    if ground is not None and ground not in set(ConsentGround):
        raise PayloadError("ground is none of the list")
    consent = fields.value("consent")
    if consent is not None and not isinstance(consent, dict):
        raise PayloadError("consent is an envelope or null")
    answer = ConsentAnswer(
        exercise=fields.flag("exercise"),
        originator=fields.member("originator"),
        asker=fields.member("asker"),
        request=_digest(fields, "request"),
        consent=None if consent is None else parse_envelope(consent),
        ground=None if ground is None else ConsentGround(ground),
        at=fields.instant("instant"),
    )
    if (answer.consent is None) is (answer.ground is None):
        raise ConsentCaseError("no consent answer: it holds a consent or a ground, not both")
    return answer


def _withdrawal(fields: Fields) -> ConsentWithdrawal:
    return ConsentWithdrawal(
        exercise=fields.flag("exercise"),
        originator=fields.member("originator"),
        holder=fields.member("holder"),
        consent=_digest(fields, "consent"),
        at=fields.instant("instant"),
    )


def _digest(fields: Fields, name: str) -> str:
    text = fields.text(name)
    if not _DIGEST.fullmatch(text):
        raise PayloadError(f"{name} is 64 hex digits")
    return text


_REQUEST: Final = CaseForm(
    payload_type=REQUEST_TYPE,
    kind="consent-request",
    what="consent-request",
    error=ConsentCaseError,
    fields=_request,
)
_ANSWER: Final = CaseForm(
    payload_type=ANSWER_TYPE,
    kind="consent-answer",
    what="consent-answer",
    error=ConsentCaseError,
    fields=_answer,
)
_WITHDRAWAL: Final = CaseForm(
    payload_type=WITHDRAWAL_TYPE,
    kind="consent-withdrawal",
    what="consent-withdrawal",
    error=ConsentCaseError,
    fields=_withdrawal,
)
