"""Where each member stands at an instant: the walk of the instruments, shown.

It adds no rule to those of :mod:`foedus.treaty.course`; it says what the walk ended with, as a
value that can be compared, shown and signed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from foedus.canonical import JSONValue
from foedus.clock import instant_text
from foedus.model.identifiers import ArticleId, MemberId, ObjectId, TreatyId
from foedus.treaty.articles import Treaty
from foedus.treaty.assembly import Assembly, Position, said
from foedus.treaty.course import walk
from foedus.treaty.instrument import Admission, Instrument, Objection
from foedus.treaty.instrument_set import InstrumentSet, as_set

__all__ = [
    "Candidate",
    "Held",
    "MemberStatus",
    "Objected",
    "Stage",
    "TreatyStatus",
    "said_only",
    "status",
]


class Stage(StrEnum):
    """How far a member has come."""

    NONE = "none"
    SIGNATORY = "signatory"
    RATIFIED = "ratified"
    """It has consented; the treaty is not yet in force for it."""
    PARTY = "party"
    SUSPENDED = "suspended"
    """It is a party, and the treaty does not operate with it."""
    ADMITTED = "admitted"
    """It may accede."""
    DENOUNCED = "denounced"
    """It has left; see :mod:`foedus.treaty.residual` for what still binds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Objected:
    """An objection that stands, as the status of its author shows it.

    Attributes:
        to: Who made the reservation.
        articles: The reserved articles objected to.
        opposing: Whether the treaty is thereby not in force between the two.
        instrument: Its id.
    """

    to: MemberId
    articles: frozenset[ArticleId]
    opposing: bool
    instrument: ObjectId


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A State on whose accession some parties agree, not yet enough.

    Attributes:
        member: Its id.
        authority: Fingerprint of the key they named; where they differ there is one value per key.
        agreed: Which parties agree, sorted.
    """

    member: MemberId
    authority: str
    agreed: tuple[MemberId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """An instrument that bears a later instant and is not applied before it.

    Attributes:
        member: Whose.
        serial: Its number.
        until: The instant it bears. One beyond the treaty's tolerance ahead of the true time comes
            from a clock that is wrong, and is shown as that.
        instrument: Its id.
    """

    member: MemberId
    serial: int
    until: datetime
    instrument: ObjectId


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberStatus:
    """Where one member stands.

    Attributes:
        member: Its id.
        stage: How far it has come.
        since: When that stage began; None at ``none``.
        reserved: Articles it reserves, once it has ratified.
        recognises: Offences it recognises, once it has ratified.
        notes: What had no effect, and why.
        blocked: Why new releases to and from it stop; None if they need not.
        acceded: Whether it is bound by accession.
        denounced_from: When the denunciation that runs, or by which it left, has effect.
        objections: Its objections that stand, by member objected to and id.
        definitions: Offence to its definition in the member's law, of those it recognises.
        accepted: Amendments it accepts, sorted.
        name: Its name, for people.
        authority: Fingerprint of the key that speaks for it under this treaty.
    """

    member: MemberId
    stage: Stage
    since: datetime | None
    reserved: frozenset[ArticleId]
    recognises: frozenset[str]
    notes: tuple[str, ...]
    blocked: str | None
    acceded: bool = False
    denounced_from: datetime | None = None
    objections: tuple[Objected, ...] = ()
    definitions: Mapping[str, str] = field(default_factory=dict)
    accepted: tuple[TreatyId, ...] = ()
    name: str = ""
    authority: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreatyStatus:
    """What a treaty's instruments amount to at an instant.

    Attributes:
        treaty: Which treaty.
        at: The instant asked about.
        in_force_since: When it entered into force; None if it has not.
        members: Every member of the annex and every State admitted since, by id.
        next_change: The earliest later instant at which this may change by what is held already;
            None if nothing held can change it.
        suspended_since: Since when its operation is suspended between all.
        amendments: Amendments adopted, each since when.
        candidates: States on whose accession not enough parties agree yet, by id and key.
        held: Instruments about it that bear a later instant, by instant.
    """

    treaty: TreatyId
    at: datetime
    in_force_since: datetime | None
    members: Mapping[MemberId, MemberStatus]
    next_change: datetime | None
    suspended_since: datetime | None = None
    amendments: Mapping[TreatyId, datetime] = field(default_factory=dict)
    candidates: tuple[Candidate, ...] = ()
    held: tuple[Held, ...] = ()

    def document(self) -> dict[str, JSONValue]:
        """Return the status as a canonical JSON object, to show, compare or sign.

        What is not the case is left out, beyond the fields that were there from the first.
        """
        more: dict[str, JSONValue] = {
            "suspended_since": _text(self.suspended_since),
            "amendments": {text: instant_text(at) for text, at in self.amendments.items()},
            "candidates": [
                {"member": one.member, "authority": one.authority, "agreed": list(one.agreed)}
                for one in self.candidates
            ],
            "held": [
                {
                    "member": one.member,
                    "serial": one.serial,
                    "until": instant_text(one.until),
                    "instrument": one.instrument,
                }
                for one in self.held
            ],
        }
        return {
            **said_only(more),
            "v": 1,
            "treaty": self.treaty,
            "at": instant_text(self.at),
            "in_force_since": _text(self.in_force_since),
            "next_change": _text(self.next_change),
            "members": [_member_document(self.members[member]) for member in sorted(self.members)],
        }


def status(
    treaty: Treaty, instruments: InstrumentSet | Iterable[Instrument], at: datetime
) -> TreatyStatus:
    """Return the status of a treaty at an instant.

    Args:
        treaty: The treaty.
        instruments: All that is held, of any member and treaty, in any order.
        at: Aware UTC.
    """
    course = walk(treaty, as_set(instruments), at)
    assembly = course.assembly
    general = assembly.suspended.get(None)
    return TreatyStatus(
        treaty=treaty.id,
        at=at,
        in_force_since=assembly.entry if assembly.in_force else None,
        members=MappingProxyType(
            {
                member: _member_status(assembly, assembly.positions[member])
                for member in sorted(assembly.positions)
            }
        ),
        next_change=course.next_instant,
        suspended_since=None if general is None else general.since,
        amendments=MappingProxyType(dict(sorted(assembly.adopted.items()))),
        candidates=_candidates(assembly),
        held=tuple(
            Held(member=one.member, serial=one.serial, until=one.issued, instrument=one.id)
            for one in course.held
        ),
    )


def _member_status(assembly: Assembly, position: Position) -> MemberStatus:
    stage, since = _stage(assembly, position)
    recognises = position.recognised(assembly.treaty)
    defined = position.defined()
    return MemberStatus(
        member=position.member,
        stage=stage,
        since=since,
        reserved=frozenset(position.reserved),
        recognises=recognises,
        notes=tuple(text for _, _, text in sorted(position.notes)),
        blocked=None if position.blocked is None else position.blocked[2],
        acceded=position.acceded,
        denounced_from=position.notice,
        objections=_objections(assembly, position),
        definitions=MappingProxyType(
            {offence: defined[offence] for offence in sorted(recognises) if offence in defined}
        ),
        accepted=tuple(
            text
            for text, acceptances in sorted(assembly.amendments.items())
            if position.member in acceptances
        ),
        name=position.name,
        authority=position.authority,
    )


def _stage(assembly: Assembly, position: Position) -> tuple[Stage, datetime | None]:
    suspended = assembly.suspended.get(position.member)
    if suspended is not None:
        return Stage.SUSPENDED, suspended.since
    if position.ratified is not None:
        begun = (Stage.PARTY, position.start) if position.party else None
        return begun or (Stage.RATIFIED, position.ratified)
    if position.admitted is not None:
        return Stage.ADMITTED, position.admitted
    if position.left is not None:
        return Stage.DENOUNCED, position.left
    if position.signed:
        return Stage.SIGNATORY, min(position.signed.values())
    return Stage.NONE, None


def _objections(assembly: Assembly, position: Position) -> tuple[Objected, ...]:
    found: list[Objected] = []
    for one in position.objections:
        body = said(one.instrument, Objection)
        articles = assembly.objected(position, one)
        if articles:
            found.append(
                Objected(
                    to=body.to,
                    articles=articles,
                    opposing=body.opposing,
                    instrument=one.instrument.id,
                )
            )
    return tuple(sorted(found, key=lambda one: (one.to, one.instrument)))


def _candidates(assembly: Assembly) -> tuple[Candidate, ...]:
    agreed: dict[tuple[MemberId, str], list[MemberId]] = {}
    for candidate, votes in assembly.admissions.items():
        for member, vote in votes.items():
            if member in assembly.voices:
                key = (candidate, said(vote, Admission).authority)
                agreed.setdefault(key, []).append(member)
    return tuple(
        Candidate(member=candidate, authority=authority, agreed=tuple(sorted(members)))
        for (candidate, authority), members in sorted(agreed.items())
    )


def _member_document(found: MemberStatus) -> dict[str, JSONValue]:
    more: dict[str, JSONValue] = {
        "acceded": found.acceded,
        "name": found.name if found.acceded else None,
        "authority": found.authority if found.acceded else None,
        "denounced_from": _text(found.denounced_from),
        "objections": [
            {
                "to": one.to,
                "articles": sorted(one.articles),
                "opposing": one.opposing,
                "instrument": one.instrument,
            }
            for one in found.objections
        ],
        "definitions": dict(found.definitions),
        "accepted": list(found.accepted),
    }
    return {
        "member": found.member,
        "stage": found.stage.value,
        "since": _text(found.since),
        "reserved": sorted(found.reserved),
        "recognises": sorted(found.recognises),
        "notes": list(found.notes),
        "blocked": found.blocked,
        **said_only(more),
    }


def said_only(fields: Mapping[str, JSONValue]) -> dict[str, JSONValue]:
    """Return the fields that say something: a document of before has the bytes it had."""
    return {name: value for name, value in fields.items() if value}


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant_text(instant)
