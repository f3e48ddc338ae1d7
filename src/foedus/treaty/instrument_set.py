"""The set of instruments a node holds: no order of arrival, no duplicates, conflicts found.

Rules, in the order the code applies them:

1. An instrument is in the set once, however often and in whatever wrapping it arrived.
2. Two different instruments of one authority for one member under one serial are a conflict: from
   the moment the second was issued, neither counts; what can only allow less counts all the same
   (:mod:`foedus.treaty.course`). An instrument that a third authority signed in a member's name can
   therefore never void one of that member's own.
3. An instrument counts from the instant it bears until a conflict voids it. One that bears a later
   instant than the one asked about is held, not applied.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import attrgetter

from foedus.model.identifiers import MemberId, ObjectId
from foedus.treaty.instrument import Instrument

__all__ = ["Conflict", "InstrumentSet", "as_set"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Proof that an authority contradicted itself: anyone can verify the two envelopes.

    Attributes:
        member: In whose name.
        authority: Fingerprint of the key that signed both.
        serial: The number used twice.
        since: From when none of them counts: when the second was issued.
        instruments: All instruments under that number, by instant and id; at least two.
    """

    member: MemberId
    authority: str
    serial: int
    since: datetime
    instruments: tuple[Instrument, ...]


class InstrumentSet:
    """An immutable set of verified instruments.

    Attributes:
        instruments: Each once, by member, serial and id.
        conflicts: Every conflict among them, by member and serial.
    """

    __slots__ = ("_by_member", "_void_from", "conflicts", "instruments")

    instruments: tuple[Instrument, ...]
    conflicts: tuple[Conflict, ...]

    def __init__(self, instruments: Iterable[Instrument] = ()) -> None:
        """Take over instruments that :func:`~foedus.treaty.instrument.open_instrument` gave."""
        unique: dict[tuple[ObjectId, str], Instrument] = {}
        # The wrapping decides nothing, but which of two is kept must not depend on arrival.
        for one in sorted(instruments, key=_wrapping):
            unique.setdefault((one.id, one.authority), one)
        self.instruments = tuple(sorted(unique.values(), key=_order))
        self._by_member = {
            member: tuple(group)
            for member, group in groupby(self.instruments, key=attrgetter("member"))
        }
        self.conflicts = _conflicts(self.instruments)
        self._void_from = {
            (one.id, one.authority): conflict.since
            for conflict in self.conflicts
            for one in conflict.instruments
        }

    def __iter__(self) -> Iterator[Instrument]:
        return iter(self.instruments)

    def __len__(self) -> int:
        return len(self.instruments)

    @property
    def digest(self) -> str:
        """SHA-256, 64 hex digits, over the sorted ids, one a line: equal sets, equal digests."""
        ids = sorted({one.id for one in self.instruments})
        return hashlib.sha256("".join(f"{one}\n" for one in ids).encode()).hexdigest()

    def of(self, member: MemberId) -> tuple[Instrument, ...]:
        """Return the instruments issued in a member's name, by serial and id."""
        return self._by_member.get(member, ())

    def void_from(self, instrument: Instrument) -> datetime | None:
        """Return from when a conflict voids an instrument of this set; None if none does."""
        return self._void_from.get((instrument.id, instrument.authority))

    def counts(self, instrument: Instrument, at: datetime) -> bool:
        """Say whether an instrument of this set has been issued and not been voided (rule 3)."""
        void = self.void_from(instrument)
        return instrument.issued <= at and (void is None or at < void)

    def __or__(self, other: InstrumentSet) -> InstrumentSet:
        return InstrumentSet((*self.instruments, *other.instruments))


def as_set(instruments: InstrumentSet | Iterable[Instrument]) -> InstrumentSet:
    """Return instruments as a set; one that is a set already as it is."""
    return instruments if isinstance(instruments, InstrumentSet) else InstrumentSet(instruments)


def _order(one: Instrument) -> tuple[str, int, str, str]:
    return one.member, one.serial, one.id, one.authority


def _wrapping(one: Instrument) -> list[tuple[str, bytes]]:
    return [(signature.key_id, signature.signature) for signature in one.envelope.signatures]


def _number(one: Instrument) -> tuple[str, int, str]:
    return one.member, one.serial, one.authority


def _conflicts(instruments: tuple[Instrument, ...]) -> tuple[Conflict, ...]:
    found: list[Conflict] = []
    for _, group in groupby(sorted(instruments, key=_number), key=_number):
        rivals = sorted(group, key=lambda one: (one.issued, one.id))
        if len(rivals) > 1:
            found.append(
                Conflict(
                    member=rivals[0].member,
                    authority=rivals[0].authority,
                    serial=rivals[0].serial,
                    since=rivals[1].issued,
                    instruments=tuple(rivals),
                )
            )
    return tuple(found)
