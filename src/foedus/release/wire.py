"""The raw shape of what a release leaves on the wire: exact fields, exact types, bounded values.

:mod:`foedus.release.record` says what the documents mean; here their JSON is taken apart. Every
reader raises :class:`DisclosureError` or one of the errors its caller turns into it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import msgspec

from foedus.canonical import CanonicalError, JSONValue
from foedus.clock import parse_instant
from foedus.model.identifiers import member_id, treaty_id
from foedus.release.errors import DisclosureError
from foedus.release.facts import AssertedFacts
from foedus.release.obligations import Obligations
from foedus.signing.envelope import Envelope, parse_envelope
from foedus.signing.errors import EnvelopeError

__all__ = [
    "BATCH_DECODER",
    "DISCLOSURE_KIND",
    "ITEM_DECODER",
    "MAX_BATCH_ITEMS",
    "PAYLOAD_DECODER",
    "WIRE_VERSION",
    "ItemForm",
    "ItemRecordForm",
    "PayloadForm",
    "RawClass",
    "RawItem",
    "common_fields",
    "decoded",
    "encode_form",
    "read_consents",
    "read_count",
    "read_facts",
    "read_hash",
    "read_text",
]

MAX_BATCH_ITEMS: Final = 1000
"""Most items in one batch (design §7)."""

WIRE_VERSION: Final = 1
"""The version every document states as ``v``."""

DISCLOSURE_KIND: Final = "disclosure"
"""What payload and batch record state as ``kind``."""

_encoder: Final = msgspec.json.Encoder()
_HASH: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_LANE: Final = re.compile(r"[a-z]{1,32}", re.ASCII)
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)
_MAX_TEXT_CHARS: Final = 256
_MAX_COUNT: Final = 2**53 - 1
_FACTS: Final = frozenset(
    {"kind", "tlp", "unknown_markings", "personal", "concerns_recipient", "onward"}
)


class RawAsserted(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What the sender asserts."""

    consent: bool
    threat_to_life: bool
    approvals: int


class RawObligations(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Obligations; times in seconds."""

    redact: list[str]
    retain_s: int | None
    acknowledge_s: int | None
    approvals: int
    review_s: int | msgspec.UnsetType = msgspec.UNSET


class RawLog(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The place in the sender's log."""

    origin: str
    index: int


class RawClass(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A class of items."""

    terms: str
    facts: dict[str, Any]


class RawItem(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """An item of a disclosure."""

    id: str
    version: str
    sha256: str
    class_: int = msgspec.field(name="class")
    salt: str
    originator: str
    variant: bool


class ItemForm(msgspec.Struct, frozen=True, gc=False):
    """An item of a disclosure as it is written: fields in canonical order."""

    class_: int = msgspec.field(name="class")
    id: str
    originator: str
    salt: str
    sha256: str
    variant: bool
    version: str


class ItemRecordForm(msgspec.Struct, frozen=True, gc=False):
    """An item record as it is written: fields in canonical order, facts canonical already."""

    facts: msgspec.Raw
    id: str
    originator: str
    sha256: str
    terms: str
    v: int
    variant: bool
    version: str


class PayloadForm(msgspec.Struct, frozen=True, kw_only=True):
    """A payload as it is written: fields in canonical order, inner documents canonical already."""

    article: str
    asserted: msgspec.Raw
    classes: msgspec.Raw
    consents: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    exercise: bool
    instant: str
    items: list[ItemForm]
    kind: str
    lane: str
    lane_count: int
    lane_digest: str
    law_digest: str
    log: msgspec.Raw
    obligations: msgspec.Raw
    purpose: str
    recipient: str
    root: str
    salt: str
    sender: str
    terms: msgspec.Raw
    treaty: str
    v: int


class RawPayload(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A disclosure payload."""

    v: int
    kind: str
    exercise: bool
    sender: str
    recipient: str
    treaty: str
    article: str
    purpose: str
    instant: str
    law_digest: str
    asserted: RawAsserted
    obligations: RawObligations
    lane: str
    lane_count: int
    lane_digest: str
    log: RawLog
    salt: str
    root: str
    classes: list[RawClass]
    items: list[RawItem]
    terms: dict[str, dict[str, Any]]
    consents: list[dict[str, Any]] | msgspec.UnsetType = msgspec.UNSET


class RawBatchRecord(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A batch record."""

    v: int
    kind: str
    exercise: bool
    sender: str
    recipient: str
    treaty: str
    article: str
    purpose: str
    instant: str
    law_digest: str
    asserted: RawAsserted
    obligations: RawObligations
    lane: str
    count: int
    root: str


class RawItemRecord(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """An item record."""

    v: int
    originator: str
    id: str
    version: str
    sha256: str
    terms: str
    facts: dict[str, Any]
    variant: bool


PAYLOAD_DECODER = msgspec.json.Decoder(RawPayload)
BATCH_DECODER = msgspec.json.Decoder(RawBatchRecord)
ITEM_DECODER = msgspec.json.Decoder(RawItemRecord)


def decoded(decoder: msgspec.json.Decoder[Any], data: bytes) -> Any:
    """Decode one document into its raw shape, or raise :class:`DisclosureError`."""
    try:
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise DisclosureError(f"not a record of this form: {error}") from error


def common_fields(raw: Any) -> dict[str, Any]:
    """Read the fields that payload and batch record share."""
    if raw.v != WIRE_VERSION or raw.kind != DISCLOSURE_KIND:
        raise DisclosureError(f"not a disclosure of wire version {WIRE_VERSION}")
    if not _INSTANT.fullmatch(raw.instant):
        raise DisclosureError("an instant has six fraction digits and ends in Z")
    return {
        "exercise": raw.exercise,
        "sender": member_id(raw.sender),
        "recipient": member_id(raw.recipient),
        "treaty": treaty_id(raw.treaty),
        "article": read_text(raw.article),
        "purpose": read_text(raw.purpose),
        "instant": parse_instant(raw.instant),
        "law_digest": read_hash(raw.law_digest),
        "asserted": AssertedFacts(
            consent=raw.asserted.consent,
            threat_to_life=raw.asserted.threat_to_life,
            approvals=raw.asserted.approvals,
        ),
        "obligations": _obligations(raw.obligations),
        "lane": read_lane(raw.lane),
        "root": read_hash(raw.root),
    }


def _obligations(raw: RawObligations) -> Obligations:
    for target in raw.redact:
        read_text(target)
    return Obligations(
        redact=frozenset(raw.redact),
        retain=_duration(raw.retain_s),
        acknowledge=_duration(raw.acknowledge_s),
        approvals=read_count(raw.approvals),
        review=None if raw.review_s is msgspec.UNSET else _duration(raw.review_s),
    )


def _duration(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=read_count(seconds))


def read_facts(raw: Mapping[str, Any], *, protocol: bool) -> Mapping[str, JSONValue]:
    """Check that derivable facts are those of this version; protocol documents have a kind only."""
    if set(raw) != ({"kind"} if protocol else _FACTS):
        raise DisclosureError("the facts are not those of this version")
    markings = raw.get("unknown_markings", [])
    well_typed = (
        isinstance(raw["kind"], str)
        and isinstance(raw.get("tlp", ""), str)
        and isinstance(markings, list)
        and all(isinstance(marking, str) for marking in markings)
        and all(
            isinstance(raw.get(name, False), bool)
            for name in ("personal", "concerns_recipient", "onward")
        )
    )
    if not well_typed:
        raise DisclosureError("a fact has another type")
    return raw


def read_consents(raw: list[dict[str, Any]] | msgspec.UnsetType) -> tuple[Envelope, ...]:
    """Read the consents of a payload; nothing in them is verified here."""
    if raw is msgspec.UNSET:
        return ()
    if not 1 <= len(raw) <= MAX_BATCH_ITEMS:
        raise DisclosureError(f"a payload with consents has 1 to {MAX_BATCH_ITEMS} of them")
    try:
        return tuple(parse_envelope(each) for each in raw)
    except EnvelopeError as error:
        raise DisclosureError(f"a consent is no envelope: {error}") from error


def read_text(text: str) -> str:
    """Check a short text that is not empty."""
    if not 1 <= len(text) <= _MAX_TEXT_CHARS:
        raise DisclosureError(f"a text is empty or longer than {_MAX_TEXT_CHARS} characters")
    return text


def read_hash(text: str) -> str:
    """Check a hash or salt in hex."""
    if not _HASH.fullmatch(text):
        raise DisclosureError("a hash or salt is not 64 lower-case hex digits")
    return text


def read_lane(text: str) -> str:
    if not _LANE.fullmatch(text):
        raise DisclosureError("a lane's name is 1 to 32 small letters")
    return text


def read_count(number: int) -> int:
    """Check a count."""
    if not 0 <= number <= _MAX_COUNT:
        raise DisclosureError("a count is negative or too large")
    return number


def encode_form(form: ItemRecordForm | PayloadForm) -> bytes:
    """Return the bytes of a form.

    They are those of :func:`foedus.canonical.canonical_bytes` on the same document, at a tenth of
    the cost: names are ASCII and in order, values are texts, integers, booleans and parts that are
    canonical already. Golden files and a property test hold the two together.

    Raises:
        CanonicalError: A text is no Unicode text.
    """
    try:
        return _encoder.encode(form)
    except (UnicodeEncodeError, ValueError) as error:
        raise CanonicalError(f"no canonical form: {error}") from error
