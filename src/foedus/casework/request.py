"""A request for information: what one member asks another, on what basis, by when.

1. It is signed by a node key of the member that asks and addressed to one member. It tells of a
   case, so it is no protocol act: it travels as an item, on terms, and an article decides it.
2. It names a purpose and, where it has one, an offence of the treaty, cites a legal basis, and is
   due at an instant after its own, which both desks go by.
3. It asks about *selectors* in normal form (at most :data:`MAX_SELECTORS`), about *items* by the
   ids and versions under which the member asked gave or was given them, or in words; about
   something in any case.

The record is canonical JSON, ``v kind exercise name from to treaty article purpose offence
legal_basis urgency instant due selectors about description``; a selector is ``kind:value`` and the
list rises; an item is ``id version``. What people wrote stands under ``description`` so that an
article that redacts descriptions keeps it back.

Spec: Convention Article 15.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from foedus.casework.errors import RequestError
from foedus.casework.form import CaseForm
from foedus.casework.payload import Fields, PayloadError, read_case_payload
from foedus.clock import instant_text
from foedus.model.identifiers import (
    ArticleId,
    MemberId,
    ObjectId,
    TreatyId,
    object_id,
    treaty_id,
)
from foedus.model.kinds import REQUEST_TYPE
from foedus.model.selectors import Selector, SelectorKind
from foedus.signing import Envelope, PublicKey, SigningKey
from foedus.treaty.clocks import CaseClocks

__all__ = [
    "MAX_DESCRIPTION",
    "MAX_SELECTORS",
    "REQUEST_TYPE",
    "ItemName",
    "Request",
    "Urgency",
    "answer_time",
    "claimed_instant",
    "open_request",
    "read_items",
    "request_name",
    "sign_request",
]

MAX_SELECTORS: Final = 1_000
"""Most selectors one request asks about."""

MAX_DESCRIPTION: Final = 8_000
"""Most characters in which people say what they ask."""

_KIND: Final = "request"
_NAME: Final = re.compile(r"([A-Z][A-Z0-9]{1,7})-R-(\d{4})-(\d{5,9})", re.ASCII)
_WORD: Final = re.compile(r"[a-z][a-z0-9-]{0,39}", re.ASCII)
_SELECTOR_KINDS: Final = frozenset(SelectorKind)


class Urgency(StrEnum):
    """How soon an answer is needed."""

    LIFE = "life"
    """A life is in danger."""
    URGENT = "urgent"
    ROUTINE = "routine"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ItemName:
    """An item as the member spoken to knows it."""

    object_id: ObjectId
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is signed.

    Attributes:
        exercise: Whether it belongs to an exercise.
        name: As the member that asks numbers it (``XA-R-2026-00007``).
        asker: Who asks.
        asked: Whom; never the asker.
        article: The article it is to be disclosed under; "" leaves that open.
        purpose: A purpose of the treaty.
        offence: An offence of the treaty, or "".
        legal_basis: The provision relied on, cited.
        at: When it was signed; aware UTC.
        due: By when an answer is needed; after ``at``.
        selectors: What it asks about; their texts rise.
        about: Items it asks about; they rise.
        description: What people ask, in words; lines are parted by line feeds; may be "".
    """

    exercise: bool
    name: str
    asker: MemberId
    asked: MemberId
    treaty: TreatyId
    article: ArticleId
    purpose: str
    offence: str
    legal_basis: str
    urgency: Urgency
    at: datetime
    due: datetime
    selectors: tuple[Selector, ...] = ()
    about: tuple[ItemName, ...] = ()
    description: str = ""


def request_name(asker: MemberId, year: int, sequence: int) -> str:
    """Return how a member names its request: ``XA-R-2026-00007``."""
    return f"{asker}-R-{year}-{sequence:05d}"


def answer_time(urgency: Urgency, clocks: CaseClocks) -> timedelta:
    """Return how long the member asked has, by the treaty."""
    return {
        Urgency.LIFE: clocks.request_life,
        Urgency.URGENT: clocks.request_urgent,
        Urgency.ROUTINE: clocks.request_routine,
    }[urgency]


def sign_request(request: Request, key: SigningKey) -> Envelope:
    """Sign a request with a node key of the member that asks.

    Raises:
        RequestError: It could not be opened again, with the reason.
    """
    return _FORM.sign(
        lambda: {
            "exercise": request.exercise,
            "name": request.name,
            "from": request.asker,
            "to": request.asked,
            "treaty": request.treaty,
            "article": request.article or None,
            "purpose": request.purpose,
            "offence": request.offence or None,
            "legal_basis": request.legal_basis,
            "urgency": request.urgency.value,
            "instant": instant_text(request.at),
            "due": instant_text(request.due),
            "selectors": [str(each) for each in request.selectors],
            "about": [{"id": each.object_id, "version": each.version} for each in request.about],
            "description": request.description,
        },
        key,
    )


def claimed_instant(envelope: Envelope, *, kind: str = _KIND) -> datetime:
    """Return when a document says it was signed, before anything is verified.

    Raises:
        RequestError: It cannot be read.
    """
    try:
        return read_case_payload(envelope.payload, kind=kind).instant("instant")
    except PayloadError as error:
        raise RequestError(f"no {kind}: {error}") from error


def open_request(envelope: Envelope, keys: tuple[PublicKey, ...]) -> Request:
    """Verify a request and read it.

    Args:
        envelope: Untrusted.
        keys: Keys that speak for the node of the member that asks, at its instant.

    Raises:
        RequestError: It is signed by none of them, or malformed. Nothing else is raised.
    """
    return _FORM.open(envelope, keys)


def _read(fields: Fields) -> Request:
    urgency = fields.text("urgency")
    if urgency not in set(Urgency):
        raise PayloadError("urgency is none of the list")
    request = Request(
        exercise=fields.flag("exercise"),
        name=fields.text("name"),
        asker=fields.member("from"),
        asked=fields.member("to"),
        treaty=treaty_id(fields.text("treaty")),
        article=ArticleId(_optional(fields, "article")),
        purpose=fields.text("purpose"),
        offence=_optional(fields, "offence"),
        legal_basis=fields.text("legal_basis"),
        urgency=Urgency(urgency),
        at=fields.instant("instant"),
        due=fields.instant("due"),
        selectors=tuple(_selector(each) for each in fields.rising_texts("selectors")),
        about=read_items(fields, "about"),
        description=_description(fields),
    )
    _check(request)
    return request


def _optional(fields: Fields, name: str) -> str:
    return "" if fields.value(name) is None else fields.text(name)


def _selector(text: str) -> Selector:
    kind, _, value = text.partition(":")
    if kind not in _SELECTOR_KINDS:
        raise PayloadError("a selector is kind:value, of a kind known here")
    return Selector(SelectorKind(kind), value)


def read_items(fields: Fields, name: str) -> tuple[ItemName, ...]:
    """Read a list of items, which rises.

    Raises:
        PayloadError: It is none.
        IdentifierError: An id is none.
    """
    found = tuple(
        ItemName(object_id=object_id(each.text("id")), version=each.text("version"))
        for each in fields.objects(name)
    )
    if list(found) != sorted(set(found)):
        raise PayloadError(f"{name} rises and names nothing twice")
    return found


def _description(fields: Fields) -> str:
    value = fields.value("description")
    if not isinstance(value, str) or len(value) > MAX_DESCRIPTION or value != value.strip():
        raise PayloadError(f"description is a text of at most {MAX_DESCRIPTION} characters")
    if not all(line.isprintable() for line in value.split("\n")):
        raise PayloadError("description holds control characters")
    return value


def _check(request: Request) -> None:
    named = _NAME.fullmatch(request.name)
    if named is None or named[1] != request.asker:
        raise RequestError("no request: its name is not one the member that asks gives")
    if request.asker == request.asked:
        raise RequestError("no request: nobody asks itself")
    if request.due <= request.at:
        raise RequestError("no request: it is due before it is signed")
    words = (request.purpose, request.offence or "none")
    if not all(_WORD.fullmatch(each) for each in words):
        raise RequestError("no request: purpose and offence are ids of the treaty")
    if not (request.selectors or request.about or request.description):
        raise RequestError("no request: it asks about nothing")


_FORM: Final = CaseForm(
    payload_type=REQUEST_TYPE,
    kind=_KIND,
    what="request",
    error=RequestError,
    fields=_read,
)
