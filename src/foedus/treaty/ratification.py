"""What makes a member's signature and ratification effective under one treaty.

Rules, in the order the code applies them:

1. Only a member the annex lists, by the authority key the annex names for it (VCLT Art. 7). What
   another key signed in its name has no effect here and is noted.
2. Only what names this treaty. Full powers and signatures do not bind (VCLT Art. 12, 14(1)(a)).
3. An instrument counts from its instant until a conflict over its serial voids it
   (:mod:`foedus.treaty.instrument_set`).
4. A ratification needs a signature that counts at its instant, before it or with it (VCLT Art. 14).
   One without has no effect until it is lodged anew.
5. A ratification that reserves an article which admits no reservation, or which does not exist, has
   no effect as a whole until it is lodged anew without it. The member's consent was given with the
   reservation, so dropping it would bind the member to what it did not accept (VCLT Art. 19).
6. The first ratification that counts fixes the reservations. A later one may only withdraw some and
   recognise further offences (VCLT Art. 19, 22); what it newly reserves is noted, without effect.
7. Offences the treaty does not list are noted and not recognised.
8. An instrument of unknown kind about this treaty, or about none, blocks new releases to and from
   its member from its instant on, even if a conflict voids it: it may be what we must not ignore.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from foedus.model.identifiers import ArticleId
from foedus.treaty.articles import Party, Treaty
from foedus.treaty.instrument import Instrument, Ratification, Signature, UnknownInstrument
from foedus.treaty.instrument_set import Conflict, InstrumentSet

__all__ = ["Conflict", "Consent", "Period", "Standing", "consents", "standing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """From ``start`` until before ``end``; open while ``end`` is None."""

    start: datetime
    end: datetime | None

    def holds(self, at: datetime) -> bool:
        """Say whether an instant lies in the period."""
        return self.start <= at and (self.end is None or at < self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """One effective ratification and for how long it counts."""

    serial: int
    period: Period
    ratification: Ratification


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What one member's own instruments amount to at an instant.

    Attributes:
        signed: Since when its signature counts; None without one.
        ratified: Since when its consent counts without a gap; None without one.
        reserved: The articles it reserves; empty without consent.
        recognises: The offences of the treaty it recognises; empty without consent.
        notes: What had no effect and why, in order of serial.
        blocked: Why new releases to and from it stop; None if they need not.
    """

    signed: datetime | None
    ratified: datetime | None
    reserved: frozenset[ArticleId]
    recognises: frozenset[str]
    notes: tuple[str, ...]
    blocked: str | None


def consents(treaty: Treaty, party: Party, instruments: InstrumentSet) -> tuple[Consent, ...]:
    """Return the effective ratifications of a member, by serial (rules 1 to 5).

    Args:
        treaty: The treaty in question.
        party: A member of its annex.
        instruments: All that is held, of any member and treaty.

    Returns:
        Each with the period in which it counts. Independent of the instant asked about: what is
        issued later cannot change what counted before.
    """
    found: list[Consent] = []
    for one in _own(treaty, party, instruments):
        if not isinstance(one.body, Ratification):
            continue
        period = _period(one, instruments)
        if period is not None and _objection(treaty, party, one, instruments) is None:
            found.append(Consent(serial=one.serial, period=period, ratification=one.body))
    return tuple(found)


def standing(treaty: Treaty, party: Party, instruments: InstrumentSet, at: datetime) -> Standing:
    """Return a member's standing at an instant (rules 1 to 8).

    Args:
        treaty: The treaty in question.
        party: A member of its annex.
        instruments: All that is held, of any member and treaty.
        at: Aware; instruments that bear a later instant are held, not applied.
    """
    effective = consents(treaty, party, instruments)
    counting = [one for one in effective if one.period.holds(at)]
    reserved, recognises = _terms_of(treaty, counting)
    own = _own(treaty, party, instruments)
    signed = [
        one.issued for one in own if isinstance(one.body, Signature) and instruments.counts(one, at)
    ]
    return Standing(
        signed=min(signed, default=None),
        ratified=_unbroken_since(effective, at),
        reserved=reserved,
        recognises=recognises,
        notes=_notes(treaty, party, instruments, at),
        blocked=_block(own, at),
    )


def _own(treaty: Treaty, party: Party, instruments: InstrumentSet) -> tuple[Instrument, ...]:
    """Return what the member's own authority said about this treaty or about none (1, 2)."""
    return tuple(
        one
        for one in instruments.of(party.member)
        if one.authority == party.authority and one.treaty in (None, treaty.id)
    )


def _period(one: Instrument, instruments: InstrumentSet) -> Period | None:
    """Return when an instrument counts; None if a conflict voids it from the start (3)."""
    end = instruments.void_from(one)
    return None if end is not None and end <= one.issued else Period(start=one.issued, end=end)


def _objection(
    treaty: Treaty, party: Party, ratification: Instrument, instruments: InstrumentSet
) -> str | None:
    """Return why a ratification has no effect; None if it has (4, 5)."""
    if not isinstance(ratification.body, Ratification):
        return None
    if not any(
        isinstance(one.body, Signature) and instruments.counts(one, ratification.issued)
        for one in _own(treaty, party, instruments)
    ):
        return "it was lodged before a signature"
    reservable = {article.id for article in treaty.articles if article.reservable}
    refused = [one for one in ratification.body.reservations if one not in reservable]
    if refused:
        return f"Article {refused[0][:20]!r} admits no reservation"
    return None


def _terms_of(
    treaty: Treaty, counting: list[Consent]
) -> tuple[frozenset[ArticleId], frozenset[str]]:
    """Return reservations and recognised offences of the ratifications that count (6, 7)."""
    if not counting:
        return frozenset(), frozenset()
    reserved = frozenset.intersection(
        *(frozenset(one.ratification.reservations) for one in counting)
    )
    recognised = frozenset().union(*(one.ratification.recognises for one in counting))
    return reserved, recognised.intersection(treaty.offences)


def _unbroken_since(effective: tuple[Consent, ...], at: datetime) -> datetime | None:
    """Return the start of the gapless run of consent that reaches the instant."""
    since = min((one.period.start for one in effective if one.period.holds(at)), default=None)
    # Latest start first: each period that reaches the run so far extends it backwards.
    for one in sorted(effective, key=lambda one: one.period.start, reverse=True):
        end = one.period.end
        if since is not None and one.period.start < since and (end is None or since <= end):
            since = one.period.start
    return since


def _notes(
    treaty: Treaty, party: Party, instruments: InstrumentSet, at: datetime
) -> tuple[str, ...]:
    notes: list[str] = []
    for one in instruments.of(party.member):
        if one.issued <= at and one.treaty in (None, treaty.id):
            notes.extend(_notes_on(treaty, party, one, instruments))
    notes.extend(_late_reservations(consents(treaty, party, instruments), at))
    notes.extend(
        f"serial {conflict.serial}: {len(conflict.instruments)} different instruments bear it; "
        "none counts"
        for conflict in instruments.conflicts
        if conflict.member == party.member
        and conflict.authority == party.authority
        and conflict.since <= at
    )
    return tuple(notes)


def _notes_on(
    treaty: Treaty, party: Party, one: Instrument, instruments: InstrumentSet
) -> list[str]:
    if one.authority != party.authority:
        return [f"serial {one.serial}: signed by a key the annex does not list; no effect"]
    notes: list[str] = []
    if (objection := _objection(treaty, party, one, instruments)) is not None:
        notes.append(f"serial {one.serial}: ratification without effect: {objection}")
    if isinstance(one.body, Ratification):
        strange = [offence for offence in one.body.recognises if offence not in treaty.offences]
        notes.extend(
            f"serial {one.serial}: the treaty lists no offence {offence[:40]!r}"
            for offence in strange
        )
    return notes


def _late_reservations(effective: tuple[Consent, ...], at: datetime) -> list[str]:
    counting = [one for one in effective if one.period.holds(at)]
    return [
        f"serial {later.serial}: Article {article} was not reserved on first ratifying; no effect"
        for later in counting[1:]
        for article in later.ratification.reservations
        if article not in counting[0].ratification.reservations
    ]


def _block(own: tuple[Instrument, ...], at: datetime) -> str | None:
    for one in own:
        if isinstance(one.body, UnknownInstrument) and one.issued <= at:
            return f"instrument with serial {one.serial} is not understood: {one.body.why}"
    return None
