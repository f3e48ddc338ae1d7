"""What can go wrong between this node and those who speak to it over HTTP.

Messages of :class:`BadRequestError` and its kin speak of the caller's own request and may be
shown to the caller. The reason of a :class:`RequestSignatureError` goes to our log only: someone
who tries keys must not learn which part was nearly right.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from foedus.errors import FoedusError

__all__ = [
    "BadRequestError",
    "BindError",
    "BodyTooLargeError",
    "CertificateError",
    "ExchangeError",
    "ForbiddenError",
    "NoSuchResourceError",
    "NotAcceptableError",
    "OutcomeUnknownError",
    "RequestSignatureError",
    "SignatureFault",
    "StillWorkingError",
    "TokenRefusedError",
    "TooManyRequestsError",
    "UnprocessableError",
    "UnsupportedMediaTypeError",
    "WebhookAddressError",
]


class ExchangeError(FoedusError):
    """Base of the errors of this folder."""

    code: ClassVar[str] = "exchange"


class BadRequestError(ExchangeError):
    """A parameter or a header of the request is malformed (TAXII 2.1 §3.4, §3.5)."""

    code: ClassVar[str] = "exchange.bad_request"


class UnprocessableError(ExchangeError):
    """The body is of the right media type but no such document."""

    code: ClassVar[str] = "exchange.unprocessable"


class BodyTooLargeError(ExchangeError):
    """The body is larger than ``max_content_length`` (TAXII 2.1 §4.2.1)."""

    code: ClassVar[str] = "exchange.body_too_large"


class NotAcceptableError(ExchangeError):
    """The ``Accept`` header admits none of what this server speaks (TAXII 2.1 §1.6.8)."""

    code: ClassVar[str] = "exchange.not_acceptable"


class UnsupportedMediaTypeError(ExchangeError):
    """The ``Content-Type`` is none this server reads (TAXII 2.1 §1.6.8)."""

    code: ClassVar[str] = "exchange.unsupported_media_type"


class NoSuchResourceError(ExchangeError):
    """There is nothing there, or nothing for this caller; the two look alike."""

    code: ClassVar[str] = "exchange.no_such_resource"


class ForbiddenError(ExchangeError):
    """The caller may see the resource, but not do this to it."""

    code: ClassVar[str] = "exchange.forbidden"


class TokenRefusedError(ExchangeError):
    """No token, or one that is unknown or revoked."""

    code: ClassVar[str] = "exchange.token"


class TooManyRequestsError(ExchangeError):
    """One key sent more requests within the window than nonces are kept for."""

    code: ClassVar[str] = "exchange.too_many_requests"


class BindError(ExchangeError):
    """The address may not or cannot be listened on."""

    code: ClassVar[str] = "exchange.bind"


class CertificateError(ExchangeError):
    """A certificate or its key cannot be read, made or used."""

    code: ClassVar[str] = "exchange.certificate"


class WebhookAddressError(ExchangeError):
    """A webhook's address, or the one its host has, is none that a webhook goes to."""

    code: ClassVar[str] = "exchange.webhook_address"


class SignatureFault(StrEnum):
    """Why a signed request was refused; for our log, never for the caller."""

    MISSING = "header-missing"
    REPEATED = "header-repeated"
    MALFORMED = "header-malformed"
    AUDIENCE = "wrong-audience"
    EXPIRED = "outside-window"
    UNKNOWN_KEY = "unknown-key"
    SIGNATURE = "bad-signature"
    DIGEST = "wrong-digest"
    REPLAY = "nonce-replayed"


class RequestSignatureError(ExchangeError):
    """A request is not signed by a member, for us, now.

    Attributes:
        fault: What was wrong; never shown to the caller.
    """

    code: ClassVar[str] = "exchange.signature"

    def __init__(self, fault: SignatureFault) -> None:
        super().__init__("the request is not signed by a member of this node's treaties")
        self.fault = fault


class StillWorkingError(ExchangeError):
    """The same request, by its key, is still worked on."""

    code: ClassVar[str] = "exchange.still_working"


class OutcomeUnknownError(ExchangeError):
    """The same request, by its key, was begun, and nobody knows whether it was done."""

    code: ClassVar[str] = "exchange.outcome_unknown"
