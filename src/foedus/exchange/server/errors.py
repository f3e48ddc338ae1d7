"""Errors as HTTP answers: one table from code to status, one error resource.

What a row shows is decided here and nowhere else. ``text`` rows show the error's own message,
which speaks of the caller's request; all others show the title only. A code that has no row is an
error of ours: 500, no detail, and an ``error_id`` that also stands in our log.

Spec: TAXII 2.1 §3.5, §3.6.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import msgspec

from foedus.errors import FoedusError

__all__ = [
    "ANSWERS",
    "PROBLEM_TYPE",
    "Answer",
    "answer_to",
    "error_resource",
    "problem",
    "problem_of",
]

PROBLEM_TYPE: Final = "application/problem+json"
"""Media type of errors outside TAXII (RFC 9457)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How one error code is answered.

    Attributes:
        status: HTTP status.
        title: For people; the same for every error of the code.
        text: Whether the error's message is shown as the description.
        authenticate: Whether ``WWW-Authenticate`` goes with it.
    """

    status: int
    title: str
    text: bool = False
    authenticate: bool = False


ANSWERS: Mapping[str, Answer] = MappingProxyType(
    {
        "access": Answer(403, "Not permitted"),
        "access.code-needed": Answer(403, "A second factor is needed", text=True),
        "access.delayed": Answer(429, "Too many attempts", text=True),
        "access.denied": Answer(403, "Not permitted", text=True),
        "access.identity": Answer(403, "The provider did not vouch for this person"),
        "access.identity-key": Answer(403, "The provider did not vouch for this person"),
        "access.password": Answer(422, "The password cannot be used", text=True),
        "access.password-due": Answer(403, "Another password is due", text=True),
        "access.provider": Answer(503, "This node cannot answer now"),
        "access.session": Answer(403, "The session has ended", text=True),
        "access.session-stale": Answer(403, "The session goes on under a new token", text=True),
        "access.sign-on": Answer(403, "Not signed on", text=True),
        "exchange.bad_request": Answer(400, "The request is malformed", text=True),
        "exchange.body_too_large": Answer(413, "The body is too large", text=True),
        "exchange.forbidden": Answer(403, "Not permitted", text=True),
        "exchange.no_such_resource": Answer(404, "There is no such resource"),
        "exchange.not_acceptable": Answer(406, "No acceptable media type", text=True),
        "exchange.outcome_unknown": Answer(409, "Nobody knows whether this was done", text=True),
        "exchange.signature": Answer(401, "Authentication is required", authenticate=True),
        "exchange.still_working": Answer(503, "This is still worked on; ask again"),
        "exchange.token": Answer(401, "Authentication is required", authenticate=True),
        "exchange.too_many_requests": Answer(429, "Too many requests"),
        "exchange.unprocessable": Answer(422, "The body cannot be processed", text=True),
        "exchange.unsupported_media_type": Answer(415, "Unsupported media type", text=True),
        "ledger.tile_absent": Answer(404, "There is no such resource"),
        "model.identifier": Answer(400, "The request is malformed"),
        "model.object": Answer(422, "The body cannot be processed", text=True),
        "node.conflict": Answer(409, "The state changed meanwhile; try again"),
        "node.erased": Answer(404, "There is no such resource"),
        "node.four-eyes": Answer(403, "Somebody else must do this", text=True),
        "node.head": Answer(422, "The body cannot be processed"),
        "node.heads": Answer(422, "The body cannot be processed"),
        "ledger.fork": Answer(422, "The body cannot be processed"),
        "node.integrity": Answer(422, "The body cannot be processed"),
        "node.lane-closed": Answer(403, "The lane is closed", text=True),
        "node.lead-lost": Answer(503, "This node cannot answer now"),
        "node.not-found": Answer(404, "There is no such resource"),
        "node.not-ready": Answer(503, "This node cannot answer now"),
        "node.purpose-needed": Answer(403, "A purpose is needed", text=True),
        "node.recovering": Answer(503, "This node cannot answer now"),
        "node.refused": Answer(422, "The request is refused"),
        "signing.envelope": Answer(422, "The body cannot be processed"),
        "store.away": Answer(503, "This node cannot answer now"),
        "store.closed": Answer(503, "This node cannot answer now"),
        "store.full": Answer(507, "This node has no room"),
        "store.locked": Answer(503, "This node cannot answer now"),
    }
)
"""Every error code that is answered otherwise than with a bare 500."""

_OURS = Answer(500, "An error of this server")


def answer_to(error: FoedusError) -> Answer:
    """Return how an error is answered; what has no row is an error of ours."""
    return ANSWERS.get(error.code, _OURS)


class _ErrorResource(msgspec.Struct, omit_defaults=True):
    title: str
    description: str = ""
    error_id: str = ""
    error_code: str = ""
    http_status: str = ""


def error_resource(
    status: int, title: str, *, description: str = "", error_id: str = "", code: str = ""
) -> bytes:
    """Return a TAXII error message resource. Spec: TAXII 2.1 §3.6.1."""
    return msgspec.json.encode(
        _ErrorResource(
            title=title,
            description=description,
            error_id=error_id,
            error_code=code,
            http_status=str(status),
        )
    )


class _Problem(msgspec.Struct, omit_defaults=True):
    title: str
    status: int
    detail: str = ""
    code: str = ""
    error_id: str = ""


def problem(
    status: int, title: str, *, detail: str = "", error_id: str = "", code: str = ""
) -> bytes:
    """Return a problem document. Spec: RFC 9457 §3; ``code`` and ``error_id`` are extensions."""
    return msgspec.json.encode(
        _Problem(title=title, status=status, detail=detail, code=code, error_id=error_id)
    )


def problem_of(resource: bytes, status: int) -> bytes:
    """Return the problem document that says what an error resource of ours says."""
    said = msgspec.json.decode(resource, type=_ErrorResource)
    return problem(
        status, said.title, detail=said.description, error_id=said.error_id, code=said.error_code
    )
