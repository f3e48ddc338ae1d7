"""On what terms an item may be used: the conditions that stand beside its bytes.

Terms are never written into an object. They are a value of their own, carried as a STIX
``marking-definition`` with the ``foedus-terms`` extension, whose id follows from its content: equal
terms are one object, and many items share it.

Personal data needs purposes, a legal basis, a category of person and a review date, at entry;
terms that say ``personal`` without them cannot be made.

Rules of :func:`join_terms`, which makes the terms of what is derived from two inputs:

1. ``treaties``, ``handling``, ``offence`` and ``legal_basis``: the union. Each treaty goes on
   governing, each condition binds, each offence must be recognised, each basis is cited.
2. ``purposes``: the intersection; it may be empty, and then nothing is permitted.
3. ``tlp``: the more restrictive. ``source`` and ``information``: the lower grade, *cannot be
   judged* being the lowest.
4. ``review`` and ``expiry``: the earlier; a date is earlier than none.
5. ``personal``: if either is. ``person``: the one owed more protection, in the order *none*,
   *convicted*, *suspect*, *contact*, *other*, *witness*, *victim*.
6. ``neutrality``: only if both were reviewed; then the older review stands.
7. ``exercise`` and ``originator`` must be equal; an exercise never mixes with what is real. When
   the originators differ, the caller names who derives, and answers for the consent of both.
8. Where the result could not be made (personal, and no purpose in common), there is no join.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any, ClassVar

from foedus.canonical import CanonicalError, JSONValue, canonical_bytes, parse_json
from foedus.clock import InstantError, instant_text, parse_instant
from foedus.model.identifiers import (
    IdentifierError,
    MemberId,
    ObjectId,
    TreatyId,
    derived_object_id,
    member_id,
    treaty_id,
)
from foedus.model.kinds import TERMS_EXTENSION_ID
from foedus.model.markings import TLP
from foedus.model.objects import ModelError

__all__ = [
    "MAX_TERMS_BYTES",
    "MAX_TEXT_CHARS",
    "CategoryOfPerson",
    "HandlingCondition",
    "InformationGrade",
    "NeutralityReview",
    "SourceGrade",
    "Terms",
    "TermsError",
    "join_terms",
    "parse_terms",
    "terms_document",
    "terms_id",
]

MAX_TERMS_BYTES = 32 * 1024
"""Largest terms document made or read, in bytes."""

MAX_TEXT_CHARS = 2048
"""Longest text in terms, in characters."""

_CREATED = "2026-11-24T00:00:00.000Z"
"""``created`` of every terms object: a constant, so that equal terms are equal bytes."""

_WIRE_VERSION = 1
_SEPARATOR = "; "


class TermsError(ModelError):
    """Terms are incomplete, contradict themselves, or bytes are not terms."""

    code: ClassVar[str] = "model.terms"


class CategoryOfPerson(StrEnum):
    """In what capacity a person appears in an item."""

    SUSPECT = "suspect"
    CONVICTED = "convicted"
    VICTIM = "victim"
    WITNESS = "witness"
    CONTACT = "contact"
    OTHER = "other"
    NONE = "none"


class HandlingCondition(StrEnum):
    """A handling condition besides TLP; what each demands is the treaty's to say."""

    H0 = "H0"
    H1 = "H1"
    H2 = "H2"
    H3 = "H3"


class SourceGrade(StrEnum):
    """How reliable the source is: A best, C least, X cannot be judged."""

    A = "A"
    B = "B"
    C = "C"
    X = "X"


class InformationGrade(StrEnum):
    """How sure the information is: 1 best, 4 cannot be judged."""

    ONE = "1"
    TWO = "2"
    THREE = "3"
    FOUR = "4"


_PROTECTION = (
    CategoryOfPerson.NONE,
    CategoryOfPerson.CONVICTED,
    CategoryOfPerson.SUSPECT,
    CategoryOfPerson.CONTACT,
    CategoryOfPerson.OTHER,
    CategoryOfPerson.WITNESS,
    CategoryOfPerson.VICTIM,
)
_SOURCES = tuple(SourceGrade)
_INFORMATION = tuple(InformationGrade)


@dataclass(frozen=True, slots=True, kw_only=True)
class NeutralityReview:
    """A named officer found an item free of political, military, religious or racial character.

    Attributes:
        by: The officer, as the member names its officers.
        reason: Why, in words.
        at: When; aware.
    """

    by: str
    reason: str
    at: datetime

    def __post_init__(self) -> None:
        _check_text("the neutrality reviewer", self.by, needed=True)
        _check_text("the reason of the neutrality review", self.reason, needed=True)
        _check_aware("the neutrality review", self.at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The terms of use of a class of items.

    Making one raises :class:`TermsError` when a rule of this module is broken.

    Attributes:
        treaties: Treaties that govern the items; empty while the originator bound them to none.
        originator: Whose items they are.
        purposes: What they may be used for; empty means nothing.
        legal_basis: The provision relied on, cited; several are joined by ``"; "``, in order.
        offence: Offence category in the treaty's vocabulary, several likewise; may be empty.
        person: In what capacity persons appear; ``none`` exactly when ``personal`` is false.
        personal: Whether the items hold personal data.
        tlp: Traffic Light Protocol level.
        handling: Further handling conditions.
        source: Grade of the source.
        information: Grade of the information.
        review: When need and accuracy must be looked at again; aware; needed for personal data.
        expiry: When the items are purged; aware.
        neutrality: The neutrality review, where one was made.
        exercise: Whether the items belong to an exercise.
    """

    treaties: frozenset[TreatyId]
    originator: MemberId
    purposes: frozenset[str]
    legal_basis: str
    offence: str
    person: CategoryOfPerson
    personal: bool
    tlp: TLP
    handling: frozenset[HandlingCondition]
    source: SourceGrade
    information: InformationGrade
    review: datetime | None
    expiry: datetime | None
    neutrality: NeutralityReview | None
    exercise: bool

    def __post_init__(self) -> None:
        try:
            member_id(self.originator)
            for treaty in self.treaties:
                treaty_id(treaty)
        except IdentifierError as error:
            raise TermsError(str(error)) from error
        for purpose in self.purposes:
            _check_text("a purpose", purpose, needed=True)
        for name in ("legal_basis", "offence"):
            text = getattr(self, name)
            _check_text(name.replace("_", " "), text, needed=False)
            # Several citations have one order, so that equal terms are equal bytes.
            object.__setattr__(self, name, _SEPARATOR.join(sorted(_parts(text))))
        for name in ("review", "expiry"):
            _check_aware(name, getattr(self, name))
        self._check_personal()

    def _check_personal(self) -> None:
        """Personal data needs what the design demands at entry; other data names no person."""
        if not self.personal:
            if self.person is not CategoryOfPerson.NONE:
                raise TermsError(f"a {self.person.value} is a person: the terms must say personal")
            return
        missing = [
            what
            for what, present in (
                ("a purpose", self.purposes),
                ("a legal basis", self.legal_basis),
                ("a category of person", self.person is not CategoryOfPerson.NONE),
                ("a review date", self.review),
            )
            if not present
        ]
        if missing:
            raise TermsError(f"personal data without {', '.join(missing)}")

    @property
    def offences(self) -> frozenset[str]:
        """Each offence category on its own."""
        return _parts(self.offence)

    @property
    def legal_bases(self) -> frozenset[str]:
        """Each cited provision on its own."""
        return _parts(self.legal_basis)


def terms_document(terms: Terms) -> bytes:
    """Return the marking definition that carries terms, as canonical bytes.

    Its ``created`` is a constant, and its id is derived from all the rest, so that equal terms are
    the same bytes at every member.
    """
    return _document(terms)[1]


def terms_id(terms: Terms) -> ObjectId:
    """Return the id of the marking definition that carries terms."""
    return _document(terms)[0]


def parse_terms(raw: bytes | Mapping[str, Any]) -> Terms:
    """Read terms from a marking definition, or raise.

    Args:
        raw: Its bytes in any JSON form, or the decoded object; untrusted.

    Raises:
        TermsError: It is not a terms object of this version, lacks something, or is not exactly
            what :func:`terms_document` makes of the terms it states, its id included.
    """
    document = _decoded(raw)
    extensions = document.get("extensions")
    body = extensions.get(TERMS_EXTENSION_ID) if isinstance(extensions, Mapping) else None
    if not isinstance(body, Mapping):
        raise TermsError("not a marking definition that carries terms")
    if body.get("version") != _WIRE_VERSION:
        raise TermsError("terms of a version this node does not know")
    try:
        terms = _terms(body)
        given = canonical_bytes(document)
    except (ValueError, TypeError, KeyError, InstantError, CanonicalError) as error:
        raise TermsError(f"unreadable terms: {error}") from error
    # One form only: an added, missing, misplaced or doubly written field makes other bytes.
    if given != terms_document(terms):
        raise TermsError("the terms object is not the one its content derives")
    return terms


def join_terms(a: Terms, b: Terms, *, originator: MemberId | None = None) -> Terms:
    """Return the terms of what is derived from two inputs: the most restrictive of both.

    Args:
        a: Terms of one input.
        b: Terms of the other.
        originator: Who derives, where the inputs have different originators.

    Raises:
        TermsError: No terms satisfy both (rules 7 and 8 in the docstring of this module).
    """
    if a.exercise is not b.exercise:
        raise TermsError("an exercise never mixes with what is real")
    if a.originator != b.originator and originator is None:
        raise TermsError(f"inputs of {a.originator} and {b.originator}: say who derives")
    return Terms(
        treaties=a.treaties | b.treaties,
        originator=originator or a.originator,
        purposes=a.purposes & b.purposes,
        legal_basis=_SEPARATOR.join(a.legal_bases | b.legal_bases),
        offence=_SEPARATOR.join(a.offences | b.offences),
        person=max(a.person, b.person, key=_PROTECTION.index),
        personal=a.personal or b.personal,
        tlp=max(a.tlp, b.tlp),
        handling=a.handling | b.handling,
        source=max(a.source, b.source, key=_SOURCES.index),
        information=max(a.information, b.information, key=_INFORMATION.index),
        review=_earlier(a.review, b.review),
        expiry=_earlier(a.expiry, b.expiry),
        neutrality=_older(a.neutrality, b.neutrality),
        exercise=a.exercise,
    )


def _check_text(what: str, text: str, *, needed: bool) -> None:
    if len(text) > MAX_TEXT_CHARS:
        raise TermsError(f"{what} is longer than {MAX_TEXT_CHARS} characters")
    if needed and not text.strip():
        raise TermsError(f"{what} is empty")


def _check_aware(what: str, instant: datetime | None) -> None:
    if instant is not None and instant.tzinfo is None:
        raise TermsError(f"{what} has no time zone")


def _parts(text: str) -> frozenset[str]:
    return frozenset(part for part in (piece.strip() for piece in text.split(";")) if part)


def _earlier(a: datetime | None, b: datetime | None) -> datetime | None:
    return min((instant for instant in (a, b) if instant is not None), default=None)


def _older(a: NeutralityReview | None, b: NeutralityReview | None) -> NeutralityReview | None:
    if a is None or b is None:
        return None
    return min(a, b, key=lambda review: (review.at, review.by, review.reason))


@lru_cache(maxsize=1024)
def _document(terms: Terms) -> tuple[ObjectId, bytes]:
    """Return id and bytes; cached, since one terms object serves thousands of items.

    Others choose what is cached, so the cache is bounded in bytes as well: 1 024 of
    :data:`MAX_TERMS_BYTES`.
    """
    content: dict[str, JSONValue] = {
        "type": "marking-definition",
        "spec_version": "2.1",
        "created": _CREATED,
        "extensions": {TERMS_EXTENSION_ID: _body(terms)},
    }
    try:
        identifier = derived_object_id("marking-definition", canonical_bytes(content))
        document = canonical_bytes({**content, "id": identifier})
    except CanonicalError as error:
        raise TermsError(f"terms without a canonical form: {error}") from error
    if len(document) > MAX_TERMS_BYTES:
        raise TermsError(f"terms larger than {MAX_TERMS_BYTES} bytes")
    return identifier, document


def _body(terms: Terms) -> dict[str, JSONValue]:
    """Return the extension's content; what is empty is left out, as STIX wants (§3.1)."""
    whole: dict[str, JSONValue] = {
        "extension_type": "property-extension",
        "version": _WIRE_VERSION,
        "treaties": sorted(terms.treaties),
        "originator": terms.originator,
        "purposes": sorted(terms.purposes),
        "legal_basis": terms.legal_basis,
        "offence": terms.offence,
        "person": terms.person.value,
        "personal": terms.personal,
        "tlp": terms.tlp.value,
        "handling": sorted(condition.value for condition in terms.handling),
        "source": terms.source.value,
        "information": terms.information.value,
        "review": _instant_or_none(terms.review),
        "expiry": _instant_or_none(terms.expiry),
        "neutrality": _review_body(terms.neutrality),
        "exercise": terms.exercise,
    }
    return {key: value for key, value in whole.items() if value not in (None, "", [])}


def _review_body(review: NeutralityReview | None) -> JSONValue:
    if review is None:
        return None
    return {"by": review.by, "reason": review.reason, "at": instant_text(review.at)}


def _instant_or_none(instant: datetime | None) -> str | None:
    return None if instant is None else instant_text(instant)


def _decoded(raw: bytes | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(raw, Mapping):
        return raw
    if len(raw) > MAX_TERMS_BYTES:
        raise TermsError(f"terms larger than {MAX_TERMS_BYTES} bytes")
    try:
        document = parse_json(raw)
    except (CanonicalError, ValueError) as error:
        raise TermsError(f"unreadable terms: {error}") from error
    if not isinstance(document, Mapping):
        raise TermsError("terms are not a JSON object")
    return document


def _terms(body: Mapping[str, Any]) -> Terms:
    """Read the extension's content; any error of shape is the caller's to translate."""
    neutrality = body.get("neutrality")
    return Terms(
        treaties=frozenset(treaty_id(_text(text)) for text in _list(body, "treaties")),
        originator=member_id(_text(body["originator"])),
        purposes=frozenset(_text(text) for text in _list(body, "purposes")),
        legal_basis=_text(body.get("legal_basis", "")),
        offence=_text(body.get("offence", "")),
        person=CategoryOfPerson(body["person"]),
        personal=_flag(body["personal"]),
        tlp=TLP(body["tlp"]),
        handling=frozenset(HandlingCondition(text) for text in _list(body, "handling")),
        source=SourceGrade(body["source"]),
        information=InformationGrade(body["information"]),
        review=_instant(body.get("review")),
        expiry=_instant(body.get("expiry")),
        neutrality=None if neutrality is None else _review(neutrality),
        exercise=_flag(body["exercise"]),
    )


def _review(value: Mapping[str, Any]) -> NeutralityReview:
    at = _instant(value["at"])
    if at is None:
        raise TermsError("a neutrality review without its date")
    return NeutralityReview(by=_text(value["by"]), reason=_text(value["reason"]), at=at)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TermsError("a text is missing")
    return value


def _list(body: Mapping[str, Any], name: str) -> list[Any]:
    value = body.get(name, [])
    if not isinstance(value, list):
        raise TermsError(f"{name} is not a list")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TermsError("a flag is neither true nor false")
    return value


def _instant(value: object) -> datetime | None:
    return None if value is None else parse_instant(_text(value)).astimezone(UTC)
