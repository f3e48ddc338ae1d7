"""The members of a treaty together, as they stand while instruments are applied in order of time.

These are the working values of :mod:`foedus.treaty.course`, which alone changes them; nobody keeps
them. What a member's own acts amount to is derived here, by these rules:

1. A member is bound by consent while at least one of its consents counts.
2. It reserves an article that each of its counting consents reserves, so that a later one withdraws
   what it does not repeat (VCLT Art. 22(1)); and one that a reservation of its own document names,
   unless a later consent does not repeat it. What was withdrawn is not reserved.
3. It recognises the offences of the treaty that a counting consent or declaration names; where the
   treaty demands definitions, only those of which it has given one.
4. The definition that holds is the one given last.
5. A denunciation runs until it takes effect or is withdrawn (VCLT Art. 68).
6. A voice has who is a party and not suspended.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from foedus.model.identifiers import ArticleId, MemberId, ObjectId, TreatyId
from foedus.treaty.articles import Treaty
from foedus.treaty.events import Event, What
from foedus.treaty.instrument import Accession, Declaration, Instrument, Ratification, Reservation

__all__ = ["Assembly", "Limited", "Position", "Suspended", "named", "said"]

_B = TypeVar("_B")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """An objection or a withdrawal, with the articles for which it has effect."""

    instrument: Instrument
    target: ObjectId | MemberId
    articles: frozenset[ArticleId]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspended:
    """A suspension that was agreed: since when, and of how many voices."""

    since: datetime
    voices: int


@dataclass(slots=True, kw_only=True)
class Position:
    """Where one member stands.

    Attributes:
        listed: Whether the annex lists it.
        signed: Signatures that count.
        consents: Ratifications and accessions that count, in the order applied.
        reservations: Reservations by a document of their own, in the order applied.
        declarations: In the order applied.
        objections: With the member objected to.
        withdrawals: Of reservations, objections, suspensions and denunciations: what they took back
            returns if a conflict voids them.
        denunciations: In the order applied.
        admitted: Since when it may accede.
        acceded: Whether it is bound by accession.
        ratified: Since when it is bound by consent without a gap.
        start: When the treaty enters into force for it; may lie ahead.
        party: Whether it is in force for it.
        reserved: Articles it reserves, each since when.
        left: When its last denunciation took effect, if it has not come back.
        notice: When that denunciation, or the one that runs, was or is to take effect.
        blocked: The lowest serial that is not understood, its id, and why.
        notes: (serial, order, words).
    """

    member: MemberId
    name: str
    authority: str
    listed: bool
    signed: dict[ObjectId, datetime] = field(default_factory=dict)
    consents: list[Instrument] = field(default_factory=list)
    reservations: list[Instrument] = field(default_factory=list)
    declarations: list[Instrument] = field(default_factory=list)
    objections: list[Limited] = field(default_factory=list)
    withdrawals: list[Limited] = field(default_factory=list)
    denunciations: list[Instrument] = field(default_factory=list)
    admitted: datetime | None = None
    acceded: bool = False
    ratified: datetime | None = None
    start: datetime | None = None
    party: bool = False
    reserved: dict[ArticleId, datetime] = field(default_factory=dict)
    left: datetime | None = None
    notice: datetime | None = None
    blocked: tuple[int, ObjectId, str] | None = None
    notes: list[tuple[int, int, str]] = field(default_factory=list)

    def note(self, serial: int, text: str) -> None:
        """Keep words about one of the member's instruments."""
        self.notes.append((serial, len(self.notes), text))

    def withdrawn(self, target: ObjectId) -> frozenset[ArticleId]:
        """Return the articles of an own instrument that were withdrawn."""
        return frozenset().union(
            *(one.articles for one in self.withdrawals if one.target == target)
        )

    def took_back(self, target: ObjectId) -> bool:
        """Say whether an own instrument was withdrawn, in whole or in part."""
        return bool(self.withdrawals) and any(one.target == target for one in self.withdrawals)

    def running(self) -> Instrument | None:
        """Return the denunciation that runs, if one does (rule 5)."""
        return next((one for one in self.denunciations if not self.took_back(one.id)), None)

    def refresh(self, now: datetime) -> None:
        """Derive consent and reservations anew from the acts that count (rules 1 and 2)."""
        if not self.consents:
            self.ratified = None
        elif self.ratified is None:
            self.ratified = now
        self.reserved = {
            article: self.reserved.get(article, now) for article in self._reserved_now()
        }

    def _reserved_now(self) -> frozenset[ArticleId]:
        if not self.consents:
            return frozenset()
        found = frozenset.intersection(
            *(named(one) - self.withdrawn(one.id) for one in self.consents)
        )
        for one in self.reservations:
            repeated = [named(later) for later in self.consents if later.issued > one.issued]
            found |= (named(one) - self.withdrawn(one.id)).intersection(*repeated)
        return found

    def defined(self) -> dict[str, str]:
        """Return the definitions it has given, by offence (rule 4)."""
        return {
            offence: text
            for one in self.declarations
            for offence, text in said(one, Declaration).definitions
        }

    def recognised(self, treaty: Treaty) -> frozenset[str]:
        """Return the offences it recognises; empty without consent (rule 3)."""
        if not self.consents:
            return frozenset()
        found = frozenset(
            offence
            for one in (*self.consents, *self.declarations)
            if isinstance(one.body, Ratification | Accession | Declaration)
            for offence in one.body.recognises
        ).intersection(treaty.offences)
        return found.intersection(self.defined()) if treaty.clauses.definitions_required else found

    def void(self, instrument: Instrument) -> None:
        """Take an instrument out of what counts, wherever it stands."""
        self.signed.pop(instrument.id, None)
        for acts in (self.consents, self.declarations):
            acts[:] = [one for one in acts if one.id != instrument.id]
        self.withdrawals = [one for one in self.withdrawals if one.instrument.id != instrument.id]

    def leave(self, now: datetime) -> None:
        """End everything it said: what is left of its duties is the treaty's to say."""
        self.signed, self.reserved = {}, {}
        for acts in (self.consents, self.reservations, self.declarations, self.denunciations):
            acts.clear()
        self.objections, self.withdrawals = [], []
        self.admitted = self.ratified = self.start = None
        self.acceded = self.party = False
        self.left = now


def said(one: Instrument, kind: type[_B]) -> _B:
    """Return what an instrument says, for a caller that has chosen it by its kind."""
    assert isinstance(one.body, kind)  # noqa: S101 - the walk sorts by kind
    return one.body


def named(one: Instrument) -> frozenset[ArticleId]:
    """Return the articles an instrument reserves."""
    if isinstance(one.body, Reservation):
        return frozenset(one.body.articles)
    assert isinstance(one.body, Ratification | Accession)  # noqa: S101 - nothing else reserves
    return frozenset(one.body.reservations)


@dataclass(slots=True, kw_only=True)
class Assembly:
    """All members together.

    Attributes:
        treaty: What binds them.
        positions: By member.
        reservable: Articles that admit a reservation.
        admissions: Candidate to who agrees to its accession, each by its last word.
        suspensions: Member, or None for all, to who agrees to its suspension.
        amendments: Text to who accepts it.
        reached: When enough had consented.
        entry: When the treaty enters into force; may lie ahead.
        in_force: Whether it has.
        suspended: The suspensions that hold.
        adopted: Amendments adopted, each since when.
        voices: Who is asked where the parties must agree.
        companions: Reservations by documents of their own that arrive at the present instant.
        events: Everything that happened, in order.
    """

    treaty: Treaty
    positions: dict[MemberId, Position]
    reservable: frozenset[ArticleId]
    admissions: dict[MemberId, dict[MemberId, Instrument]] = field(default_factory=dict)
    suspensions: dict[MemberId | None, dict[MemberId, Instrument]] = field(default_factory=dict)
    amendments: dict[TreatyId, dict[MemberId, Instrument]] = field(default_factory=dict)
    reached: datetime | None = None
    entry: datetime | None = None
    in_force: bool = False
    suspended: dict[MemberId | None, Suspended] = field(default_factory=dict)
    adopted: dict[TreatyId, datetime] = field(default_factory=dict)
    voices: frozenset[MemberId] = frozenset()
    companions: dict[MemberId, list[Instrument]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def objected(self, position: Position, objection: Limited) -> frozenset[ArticleId]:
        """Return the articles for which an objection of a member stands; empty if it does not."""
        other = self.positions.get(MemberId(objection.target))
        reserved = frozenset() if other is None else frozenset(other.reserved)
        withdrawn = position.withdrawn(objection.instrument.id)
        return (objection.articles - withdrawn) & reserved

    def count_voices(self) -> None:
        """Work out anew who has a voice (rule 6), after a party or a suspension changed."""
        self.voices = frozenset(
            member
            for member, position in self.positions.items()
            if position.party and member not in self.suspended
        )

    def tell(
        self,
        at: datetime,
        member: MemberId | None,
        what: What,
        instrument: Instrument | None = None,
        detail: str = "",
    ) -> None:
        """Add to the timeline."""
        about = None if instrument is None else instrument.id
        self.events.append(Event(at=at, member=member, what=what, instrument=about, detail=detail))

    def refused(self, articles: Iterable[ArticleId]) -> str | None:
        """Return why articles cannot be reserved; None if they can (VCLT Art. 19)."""
        for article in articles:
            if article not in self.reservable:
                return f"Article {article[:20]!r} admits no reservation"
        return None
