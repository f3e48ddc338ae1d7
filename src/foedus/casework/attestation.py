"""Attestations: what a holder did under an order, signed by it.

1. An attestation names the order by its name and by the digest of its payload, so that nobody can
   attest an order it was never given.
2. It says what went, as counts by store; what was kept, on which reserved ground and until when;
   what lies beyond reach (exports handed out, tokens that may have read it); and to whom the holder
   had passed items on.
3. Only *final* settles the order: while something is kept on a reserved ground the outcome is *in
   part*, and a later attestation follows when the ground ends. One that says otherwise is none.
4. It holds counts, closed words and names of members. It tells no id and nothing of a case.

The record is canonical JSON, ``v kind exercise order digest holder originator received executed
instant outcome counts kept beyond passed final``.

Spec: design §2 rule 5; Convention Article 21(2).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from foedus.canonical import JSONValue
from foedus.casework.errors import AttestationError
from foedus.casework.form import CaseForm
from foedus.casework.order import ORDER_NAME
from foedus.casework.payload import Fields, PayloadError
from foedus.clock import instant_text
from foedus.model.identifiers import MemberId, member_id
from foedus.signing import Envelope, PublicKey, SigningKey

__all__ = [
    "ATTESTATION_TYPE",
    "MAX_LISTED",
    "Attestation",
    "Beyond",
    "BeyondKind",
    "Kept",
    "Outcome",
    "ReservedGround",
    "open_attestation",
    "read_attestation",
    "sign_attestation",
]

ATTESTATION_TYPE: Final = "application/vnd.foedus.attestation+json;v=1"
"""Payload type of the envelope of an attestation."""

MAX_LISTED: Final = 100
"""Most entries of one list of an attestation."""

_STORE: Final = re.compile(r"[a-z][a-z-]{0,39}", re.ASCII)
_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)


class Outcome(StrEnum):
    """What became of what the order names."""

    EXECUTED = "executed"
    IN_PART = "in-part"
    NOTHING_HELD = "nothing-held"


class ReservedGround(StrEnum):
    """On what ground something is kept against an order; the list is closed."""

    COURT_FILE = "court-file"
    OTHER_LAW = "other-law"
    BACKUP = "backup"


class BeyondKind(StrEnum):
    """What a holder cannot reach any more."""

    EXPORT = "export"
    TOKEN = "token"  # noqa: S105  # a word, no secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is kept on one reserved ground.

    Attributes:
        items: How many item versions; in a backup, 0: it is closed and nobody counts in it.
        until: When the ground ends; None where no day is set.
    """

    ground: ReservedGround
    items: int
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Beyond:
    """What was handed out and cannot be reached: so many of a kind."""

    kind: BeyondKind
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """What is signed.

    Attributes:
        exercise: Whether it belongs to an exercise.
        order: Name of the order.
        order_digest: Hex SHA-256 of the order's payload.
        holder: Who attests.
        originator: Whose order it is; never the holder.
        received: When the order was received there; aware UTC, as the next two.
        executed: When it was carried out.
        at: When this was signed.
        counts: What went or changed, by store (``versions``, ``selectors``, …); at least 1 each.
        passed_on: To whom the holder had passed items on; names rise.
        final: Whether nothing follows.
    """

    exercise: bool
    order: str
    order_digest: str
    holder: MemberId
    originator: MemberId
    received: datetime
    executed: datetime
    at: datetime
    outcome: Outcome
    counts: Mapping[str, int] = field(default_factory=dict)
    kept: tuple[Kept, ...] = ()
    beyond: tuple[Beyond, ...] = ()
    passed_on: tuple[MemberId, ...] = ()
    final: bool = True


def sign_attestation(attestation: Attestation, key: SigningKey) -> Envelope:
    """Sign an attestation with a node key of the holder.

    Raises:
        AttestationError: It could not be opened again, with the reason.
    """
    return _FORM.sign(lambda: _out(attestation), key)


def _out(told: Attestation) -> Mapping[str, JSONValue]:
    return {
        "exercise": told.exercise,
        "order": told.order,
        "digest": told.order_digest,
        "holder": told.holder,
        "originator": told.originator,
        "received": instant_text(told.received),
        "executed": instant_text(told.executed),
        "instant": instant_text(told.at),
        "outcome": told.outcome.value,
        "counts": dict(told.counts),
        "kept": [
            {
                "ground": each.ground.value,
                "items": each.items,
                "until": None if each.until is None else instant_text(each.until),
            }
            for each in told.kept
        ],
        "beyond": [{"kind": each.kind.value, "count": each.count} for each in told.beyond],
        "passed": list(told.passed_on),
        "final": told.final,
    }


def open_attestation(envelope: Envelope, keys: tuple[PublicKey, ...]) -> Attestation:
    """Verify an attestation and read it.

    Args:
        envelope: Untrusted.
        keys: Keys that speak for the node of the holder.

    Raises:
        AttestationError: It is signed by none of them, or malformed. Nothing else is raised.
    """
    return _FORM.open(envelope, keys)


def read_attestation(payload: bytes) -> Attestation:
    """Read an attestation whose signature was verified before, as when it was taken.

    Raises:
        AttestationError: It is malformed.
    """
    return _FORM.read(payload)


def _check(told: Attestation) -> None:
    """Refuse what cannot be true as it stands."""
    if not told.received <= told.executed <= told.at:
        raise AttestationError("no attestation: its instants do not follow each other")
    named = ORDER_NAME.fullmatch(told.order)
    if named is None or named[1] != told.originator:
        raise AttestationError("no attestation: it names no order of its originator")
    if bool(told.kept) is told.final or bool(told.kept) is not (told.outcome is Outcome.IN_PART):
        raise AttestationError("no attestation: in part, and not final, is what keeps something")
    if told.counts and told.outcome is Outcome.NOTHING_HELD:
        raise AttestationError("no attestation: nothing was held, and something went")


def _read(fields: Fields) -> Attestation:
    outcome, digest = fields.text("outcome"), fields.text("digest")
    if outcome not in set(Outcome) or not _DIGEST.fullmatch(digest):
        raise PayloadError("outcome or digest is of another form")
    told = Attestation(
        exercise=fields.flag("exercise"),
        order=fields.text("order"),
        order_digest=digest,
        holder=fields.member("holder"),
        originator=fields.member("originator"),
        received=fields.instant("received"),
        executed=fields.instant("executed"),
        at=fields.instant("instant"),
        outcome=Outcome(outcome),
        counts=_counts(fields),
        kept=tuple(_kept(each) for each in _few(fields.objects("kept"))),
        beyond=tuple(_beyond(each) for each in _few(fields.objects("beyond"))),
        passed_on=tuple(member_id(each) for each in fields.rising_texts("passed")),
        final=fields.flag("final"),
    )
    if told.holder == told.originator:
        raise AttestationError("no attestation: nobody attests to itself")
    _check(told)
    return told


def _few(values: tuple[Fields, ...]) -> tuple[Fields, ...]:
    if len(values) > MAX_LISTED:
        raise PayloadError(f"a list holds at most {MAX_LISTED}")
    return values


def _counts(fields: Fields) -> Mapping[str, int]:
    value = fields.value("counts")
    if not isinstance(value, dict) or len(value) > MAX_LISTED:
        raise PayloadError(f"counts is an object of at most {MAX_LISTED}")
    if not all(_STORE.fullmatch(name) for name in value):
        raise PayloadError("counts are named by small letters and -")
    within = Fields(value)
    return {name: within.integer(name, least=1) for name in value}


def _kept(fields: Fields) -> Kept:
    ground = fields.text("ground")
    if ground not in set(ReservedGround):
        raise PayloadError("ground is none of the list")
    return Kept(
        ground=ReservedGround(ground),
        items=fields.integer("items", least=0),
        until=fields.optional_instant("until"),
    )


def _beyond(fields: Fields) -> Beyond:
    kind = fields.text("kind")
    if kind not in set(BeyondKind):
        raise PayloadError("what lies beyond reach is none of the list")
    return Beyond(kind=BeyondKind(kind), count=fields.integer("count", least=1))


_FORM: Final = CaseForm(
    payload_type=ATTESTATION_TYPE,
    kind="attestation",
    what="attestation",
    error=AttestationError,
    fields=_read,
)
