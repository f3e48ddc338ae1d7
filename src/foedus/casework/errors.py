"""What can go wrong when a case is read, signed or led from one state to the next."""

from __future__ import annotations

from typing import ClassVar

from foedus.errors import FoedusError

__all__ = [
    "AttestationError",
    "CaseCourseError",
    "CaseworkError",
    "ChallengeError",
    "ConsentCaseError",
    "NoticeError",
    "OrderError",
    "RequestError",
]


class CaseworkError(FoedusError):
    """Base of the errors of this folder."""

    code: ClassVar[str] = "casework"


class CaseCourseError(CaseworkError):
    """An event may not follow in the state a case is in."""

    code: ClassVar[str] = "casework.course"


class OrderError(CaseworkError):
    """An order is malformed, or not signed by its originator."""

    code: ClassVar[str] = "casework.order"


class AttestationError(CaseworkError):
    """An attestation is malformed, or not signed by its holder."""

    code: ClassVar[str] = "casework.attestation"


class RequestError(CaseworkError):
    """A request, or word on one, is malformed or not signed by who it says."""

    code: ClassVar[str] = "casework.request"


class ChallengeError(CaseworkError):
    """A challenge, or word on one, is malformed or not signed by who it says."""

    code: ClassVar[str] = "casework.challenge"


class NoticeError(CaseworkError):
    """A notice of passing on is malformed, or not signed by who passed on."""

    code: ClassVar[str] = "casework.onward"


class ConsentCaseError(CaseworkError):
    """Word on a consent is malformed, or not signed by who it says."""

    code: ClassVar[str] = "casework.consent"
