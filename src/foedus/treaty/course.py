"""The course of a treaty: its instruments applied in order of the instants they bear.

Whatever the order of arrival, the walk sees the same instruments at the same instants, so it ends
at the same place. What is issued later cannot change what held before. Rules, in the order the code
applies them at each instant:

 1. Only instruments about this treaty, or about none. One that bears a later instant than the one
    asked about is held, not applied, however far ahead it is dated: a clock that is far off gains
    nothing (VCLT Art. 24).
 2. Two instruments under one serial: from the second's instant neither counts, except that what can
    only allow less (a reservation, objection, denunciation or revocation) counts all the same
    (:func:`~foedus.treaty.statements.only_narrows`). What has been brought about stays: a treaty in
    force, an admission, a departure.
 3. A denunciation whose notice has run out takes effect: everything the member said ends
    (VCLT Art. 56(2), 70). A suspension agreed until now is no longer agreed.
 4. Only the authority the annex names, or for who acceded the one the admissions named, speaks for
    a member (VCLT Art. 7). What another key signed is noted.
 5. An instrument of unknown kind blocks new releases to and from its member, even if a conflict
    voids it: it may be what we must not ignore.
 6. Signatures and ratifications (:mod:`foedus.treaty.effects`), by member, serial and id.
 7. The treaty enters into force when as many listed members as it asks for have consented, plus its
    delay; it stays so though their number falls (VCLT Art. 24(1), 55). For who has consented it is
    in force from then on or, consenting later, from its consent plus the same delay (Art. 24(3)).
 8. Admissions. A State for which enough of the parties named one and the same key is admitted
    (VCLT Art. 15); these agreements are then used up.
 9. Accessions; then rule 7 again.
10. Reservations, declarations, objections, amendments, suspensions, denunciations, withdrawals.
11. An amendment is adopted when enough parties accept it; it binds those who accept it, before or
    after (VCLT Art. 40(4), (5)).
12. A suspension holds from when enough of the other parties agree (VCLT Art. 57, 60(2)(a)), until
    fewer of them do than were needed then; who joins later is not asked. A member's suspension ends
    too when it is no longer a party.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from foedus.model.identifiers import MemberId
from foedus.treaty.articles import Treaty
from foedus.treaty.assembly import Assembly, Position, Suspended, said
from foedus.treaty.effects import apply
from foedus.treaty.events import What
from foedus.treaty.instrument import (
    Accession,
    Admission,
    Amendment,
    Declaration,
    Denunciation,
    FullPowers,
    Instrument,
    Objection,
    Ratification,
    Reservation,
    Revocation,
    Signature,
    Suspension,
    UnknownInstrument,
    Withdrawal,
)
from foedus.treaty.instrument_set import Conflict, InstrumentSet
from foedus.treaty.statements import KIND_OF, InstrumentBody, only_narrows

__all__ = ["Course", "walk"]

_FIRST: Final = (Signature, Ratification)
_LAST: Final = (
    Reservation,
    Declaration,
    Objection,
    Amendment,
    Suspension,
    Denunciation,
    Withdrawal,
)
_POLLS: Final = (Admission, Amendment, Suspension)
_WHAT: Final[dict[type[InstrumentBody], What]] = {
    Signature: What.SIGNED,
    Ratification: What.RATIFIED,
    Admission: What.ADMISSION_AGREED,
    Accession: What.ACCEDED,
    Reservation: What.RESERVED,
    Declaration: What.DECLARED,
    Objection: What.OBJECTED,
    Amendment: What.AMENDMENT_ACCEPTED,
    Suspension: What.SUSPENSION_AGREED,
    Denunciation: What.DENOUNCED,
    Withdrawal: What.WITHDREW,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Where a walk ended.

    Attributes:
        assembly: The members as they then stand.
        next_instant: The earliest later instant at which something held already may change that.
        held: Instruments about the treaty that bear a later instant, by instant.
    """

    assembly: Assembly
    next_instant: datetime | None
    held: tuple[Instrument, ...]


def walk(treaty: Treaty, held: InstrumentSet, until: datetime | None) -> Course:
    """Apply a treaty's instruments up to and including an instant.

    Args:
        treaty: Which.
        held: All that is held, of any member and treaty.
        until: Aware UTC; None for everything that is held.
    """
    walker = _Walker(treaty, held)
    while (now := walker.next_instant()) is not None and (until is None or now <= until):
        walker.step(now)
    ahead = tuple(
        one for instant in walker.agenda[walker.place :] for one in walker.arrivals.get(instant, ())
    )
    return Course(assembly=walker.assembly, next_instant=walker.next_instant(), held=ahead)


class _Walker:
    """Goes from instant to instant; the rule numbers are those of the module."""

    def __init__(self, treaty: Treaty, held: InstrumentSet) -> None:
        self.treaty = treaty
        self.held = held
        self.assembly = Assembly(
            treaty=treaty,
            positions={
                party.member: Position(
                    member=party.member, name=party.name, authority=party.authority, listed=True
                )
                for party in sorted(treaty.parties, key=lambda party: party.member)
            },
            reservable=frozenset(article.id for article in treaty.articles if article.reservable),
        )
        self.arrivals: defaultdict[datetime, list[Instrument]] = defaultdict(list)
        for one in held:
            if one.treaty in (None, treaty.id):
                self.arrivals[one.issued].append(one)
        self.conflicts: defaultdict[datetime, list[Conflict]] = defaultdict(list)
        for conflict in held.conflicts:
            later = {one.issued for one in conflict.instruments if one.issued > conflict.since}
            for instant in (conflict.since, *sorted(later)):
                self.conflicts[instant].append(conflict)
        self.agenda = sorted(self.arrivals.keys() | self.conflicts.keys())
        self.place = 0
        self.due: list[datetime] = []
        self.touched: set[MemberId] = set()
        self.waiting: set[MemberId] = set()
        self.leaving: set[MemberId] = set()
        self.expiring: set[datetime] = set()
        self.polls: set[type[InstrumentBody]] = set()

    def next_instant(self) -> datetime | None:
        """Return the next instant at which anything happens."""
        ahead = self.agenda[self.place : self.place + 1] + self.due[:1]
        return min(ahead, default=None)

    def step(self, now: datetime) -> None:
        """Let everything happen that happens at an instant."""
        while self.due and self.due[0] == now:
            heapq.heappop(self.due)
        if self.agenda[self.place : self.place + 1] == [now]:
            self.place += 1
        arrivals = self._arrivals(now)
        for conflict in self.conflicts.pop(now, ()):
            self._void(conflict, now, late=conflict.since < now)
        self._run_out(now)
        self._take(arrivals, _FIRST, now)
        self._settle(now)
        self._take(arrivals, (Admission,), now)
        self._admit(now, in_time=True)
        self._take(arrivals, (Accession,), now)
        self._settle(now)
        self._take(arrivals, _LAST, now)
        self._settle(now)
        while self.polls:
            # A suspension takes a voice away, so that fewer may be enough for something else.
            self._admit(now, in_time=False)
            self._adopt(now)
            self._suspend(now)

    def schedule(self, instant: datetime) -> None:
        """Come back at an instant."""
        heapq.heappush(self.due, instant)

    def _arrivals(self, now: datetime) -> dict[type[InstrumentBody], list[Instrument]]:
        """Return what arrives by kind, after what needs no phase of its own (rules 4 and 5)."""
        left: dict[type[InstrumentBody], list[Instrument]] = {}
        companions: dict[MemberId, list[Instrument]] = {}
        for one in self.arrivals.pop(now, ()):
            position = self.assembly.positions.get(one.member)
            # A State that is to be admitted at this very instant may speak at it.
            if position is None or not self._stands_apart(position, one, now):
                left.setdefault(type(one.body), []).append(one)
            if isinstance(one.body, Reservation):
                companions.setdefault(one.member, []).append(one)
        self.assembly.companions = companions
        return left

    def _stands_apart(self, position: Position, one: Instrument, now: datetime) -> bool:
        if one.authority != position.authority:
            words = "signed by a key the annex does not list; no effect"
            position.note(one.serial, f"serial {one.serial}: {words}")
            self.assembly.tell(now, one.member, What.NO_EFFECT, one, words)
            return True
        match one.body:
            case UnknownInstrument():
                why = f"instrument with serial {one.serial} is not understood: {one.body.why}"
                rank = (one.serial, one.id, why)
                position.blocked = min(position.blocked or rank, rank)
                self.assembly.tell(now, one.member, What.NOT_UNDERSTOOD, one, one.body.why)
            case FullPowers():
                self.assembly.tell(now, one.member, What.FULL_POWERS, one)
            case Revocation():
                self.assembly.tell(now, one.member, What.REVOKED, one)
            case _:
                return False
        return True

    def _void(self, conflict: Conflict, now: datetime, *, late: bool = False) -> None:
        """Void what bears one serial by now (rule 2); ``late``: only what was issued just now."""
        position = self.assembly.positions.get(conflict.member)
        if position is None or conflict.authority != position.authority:
            return
        # What is issued later must not show in what is said of an earlier instant.
        rivals = [
            one
            for one in conflict.instruments
            if one.issued == now or (one.issued < now and not late)
        ]
        bearing = "yet another instrument bears it"
        if not late:
            bearing = f"{len(rivals)} different instruments bear it"
        words = f"{bearing}; none counts"
        if any(only_narrows(one.body) for one in rivals):
            words += " except where it allows less"
        position.note(conflict.serial, f"serial {conflict.serial}: {words}")
        for one in rivals:
            if not only_narrows(one.body):
                position.void(one)
                self._void_votes(one)
                if one.treaty in (None, self.treaty.id):
                    self.assembly.tell(now, one.member, What.VOIDED, one, words)
        self.touched.add(conflict.member)

    def _void_votes(self, one: Instrument) -> None:
        assembly = self.assembly
        polls = (
            *assembly.admissions.values(),
            *assembly.suspensions.values(),
            *assembly.amendments.values(),
        )
        for votes in polls:
            if one.member in votes and votes[one.member].id == one.id:
                del votes[one.member]
        self.polls.update(_POLLS)

    def _run_out(self, now: datetime) -> None:
        """Let denunciations take effect and agreements end (rule 3)."""
        notice = self.treaty.limits.denunciation_notice
        for member in sorted(self.leaving):
            position = self.assembly.positions[member]
            running = position.running()
            position.notice = None if running is None else running.issued + notice
            if running is not None and running.issued + notice <= now:
                for votes in self.assembly.suspensions.values():
                    if member in votes and position.took_back(votes[member].id):
                        del votes[member]
                position.leave(now)
                self.leaving.discard(member)
                self.waiting.discard(member)
                self._recount()
                self.assembly.tell(now, member, What.LEFT, running)
        if now in self.expiring:
            self._expire(now)

    def _expire(self, now: datetime) -> None:
        for votes in self.assembly.suspensions.values():
            for member, vote in list(votes.items()):
                until = said(vote, Suspension).until
                if until is not None and until <= now:
                    del votes[member]
        self.polls.add(Suspension)

    def _recount(self) -> None:
        """Count voices and votes anew, after a party or a suspension changed."""
        self.assembly.count_voices()
        self.polls.update(_POLLS)

    def _take(
        self,
        arrivals: Mapping[type[InstrumentBody], list[Instrument]],
        kinds: tuple[type[InstrumentBody], ...],
        now: datetime,
    ) -> None:
        """Apply the arrivals of some kinds, kind by kind (rules 6, 8 to 10)."""
        for kind in kinds:
            for one in arrivals.get(kind, ()):
                self._take_one(one, now)

    def _take_one(self, one: Instrument, now: datetime) -> None:
        position = self.assembly.positions.get(one.member)
        if position is None or one.authority != position.authority:
            return
        if not self.held.counts(one, now) and not only_narrows(one.body):
            return
        reason = apply(self.assembly, position, one)
        if reason is not None:
            kind = KIND_OF[type(one.body)]
            position.note(one.serial, f"serial {one.serial}: {kind.value} without effect: {reason}")
            self.assembly.tell(now, one.member, What.NO_EFFECT, one, reason)
            return
        self.assembly.tell(now, one.member, _WHAT[type(one.body)], one)
        self._follow_up(position, one)

    def _follow_up(self, position: Position, one: Instrument) -> None:
        self.touched.add(one.member)
        match one.body:
            case Denunciation():
                self.leaving.add(one.member)
                self.schedule(one.issued + self.treaty.limits.denunciation_notice)
            case Suspension():
                self.polls.add(Suspension)
                if one.body.until is not None:
                    self.expiring.add(one.body.until)
                    self.schedule(one.body.until)
            case Admission() | Amendment():
                self.polls.add(type(one.body))
            case Reservation() | Withdrawal():
                self.polls.add(Suspension)
                position.refresh(one.issued)
            case _:
                pass

    def _settle(self, now: datetime) -> None:
        """Work out consent, entry into force and who is a party (rule 7)."""
        assembly = self.assembly
        for member in self.touched:
            assembly.positions[member].refresh(now)
        if assembly.reached is None and self.touched:
            bound = [one for one in assembly.positions.values() if one.listed and one.ratified]
            if len(bound) >= self.treaty.entry.ratifications:
                assembly.reached = now
                assembly.entry = now + self.treaty.entry.delay
                self.schedule(assembly.entry)
                self.touched.update(assembly.positions)
        if assembly.entry is not None and assembly.entry <= now and not assembly.in_force:
            assembly.in_force = True
            assembly.tell(assembly.entry, None, What.IN_FORCE)
        if assembly.entry is not None and (self.touched or self.waiting):
            self._begin(assembly.entry, now)
        self.touched.clear()

    def _begin(self, entry: datetime, now: datetime) -> None:
        changed = False
        for member in sorted(self.touched | self.waiting):
            position = self.assembly.positions[member]
            start = None
            if position.ratified is not None:
                start = max(entry, position.ratified + self.treaty.entry.delay)
                if start > now and start != position.start:
                    self.schedule(start)
            position.start = start
            party = start is not None and start <= now
            if start is None or party:
                self.waiting.discard(member)
            else:
                self.waiting.add(member)
            if party is not position.party:
                position.party = party
                changed = True
                if party:
                    self.assembly.tell(now, member, What.PARTY)
        if changed:
            self._recount()

    def _admit(self, now: datetime, *, in_time: bool) -> None:
        """Admit the States on which enough parties agree (rule 8).

        What a State lodges at the instant of its admission counts if that came ``in_time``.
        """
        assembly = self.assembly
        if Admission not in self.polls:
            return
        self.polls.discard(Admission)
        voices = assembly.voices
        for candidate, votes in sorted(assembly.admissions.items()):
            names: defaultdict[str, list[str]] = defaultdict(list)
            for member, vote in votes.items():
                if member in voices:
                    body = said(vote, Admission)
                    names[body.authority].append(body.name)
            for authority, given in sorted(names.items()):
                if self.treaty.clauses.accession.reached(
                    len(given), len(voices), self.treaty.entry
                ):
                    self._let_in(candidate, authority, min(given), now, in_time=in_time)
                    del assembly.admissions[candidate]
                    break

    def _let_in(
        self, candidate: MemberId, authority: str, name: str, now: datetime, *, in_time: bool
    ) -> None:
        assembly = self.assembly
        assembly.tell(now, candidate, What.ADMITTED)
        if candidate in assembly.positions:
            assembly.positions[candidate].admitted = now
            return
        position = Position(
            member=candidate, name=name, authority=authority, listed=False, admitted=now
        )
        assembly.positions[candidate] = position
        for one in self.held.of(candidate):
            if one.issued > now or one.treaty not in (None, self.treaty.id):
                continue
            if self._stands_apart(position, one, now):
                continue
            missed = isinstance(one.body, Signature | Ratification | Admission)
            if one.issued < now or missed or not in_time:
                kind = KIND_OF[type(one.body)].value
                words = "it was lodged before it was admitted"
                position.note(one.serial, f"serial {one.serial}: {kind} without effect: {words}")
                assembly.tell(now, candidate, What.NO_EFFECT, one, words)
        for conflict in self.held.conflicts:
            if conflict.since <= now and conflict.member == candidate:
                self._void(conflict, now)

    def _adopt(self, now: datetime) -> None:
        """Adopt the amendments that enough parties accept (rule 11)."""
        if Amendment not in self.polls:
            return
        self.polls.discard(Amendment)
        voices = self.assembly.voices
        for text, votes in sorted(self.assembly.amendments.items()):
            agreeing = len(voices & votes.keys())
            if text not in self.assembly.adopted and self.treaty.clauses.amendment.reached(
                agreeing, len(voices), self.treaty.entry
            ):
                self.assembly.adopted[text] = now
                self.assembly.tell(now, None, What.AMENDED, detail=text)

    def _suspend(self, now: datetime) -> None:
        """Let suspensions begin and end (rule 12)."""
        if Suspension not in self.polls:
            return
        self.polls.discard(Suspension)
        assembly, share = self.assembly, self.treaty.clauses.suspension
        for target, votes in sorted(assembly.suspensions.items(), key=lambda item: item[0] or ""):
            agreeing = frozenset(
                member
                for member, vote in votes.items()
                if not assembly.positions[member].took_back(vote.id)
            )
            standing = assembly.suspended.get(target)
            gone = target is not None and not assembly.positions[target].party
            if standing is not None and (
                gone or not share.reached(len(agreeing), standing.voices, self.treaty.entry)
            ):
                del assembly.suspended[target]
                assembly.tell(now, target, What.RESUMED)
                self._recount()
            elif standing is None and not gone:
                voices = assembly.voices - {target}
                if share.reached(len(agreeing & voices), len(voices), self.treaty.entry):
                    assembly.suspended[target] = Suspended(since=now, voices=len(voices))
                    assembly.tell(now, target, What.SUSPENDED)
                    self._recount()
