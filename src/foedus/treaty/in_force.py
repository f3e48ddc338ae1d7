"""What binds whom at one instant: a pure function of treaty, instruments and instant.

Shuffle the instruments, split them, repeat them: the answer is the same to the byte. Rules, in the
order the code applies them:

1. What makes a single member's instruments effective is in :mod:`foedus.treaty.ratification`.
2. The treaty enters into force when as many members as it asks for have consented, plus its delay.
   Once in force it stays so, though their number later falls (VCLT Art. 24(1), 55).
3. Who has consented is a party from then on, or, consenting later, from its consent plus the same
   delay (VCLT Art. 24(2), (3)).
4. Two members are bound to each other when both are parties and neither is blocked by an instrument
   this version does not understand. No member is bound to itself.
5. In force between them are the articles that neither has reserved; each reservation cuts both
   ways (VCLT Art. 21). Recognised are the offences that both recognise.
6. The law digest covers treaty, pair, articles and offences. It is the same in both directions and
   does not change with what others do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from foedus.canonical import JSONValue, canonical_bytes
from foedus.clock import instant_text
from foedus.model.identifiers import ArticleId, MemberId, TreatyId
from foedus.signing.keyring import KeyPurpose
from foedus.signing.keys import PublicKey
from foedus.treaty.articles import Party, Treaty
from foedus.treaty.instrument import FullPowers, Instrument
from foedus.treaty.instrument_set import Conflict, InstrumentSet
from foedus.treaty.ratification import Consent, Standing, consents, standing

__all__ = [
    "Conflict",
    "InstrumentSet",
    "MemberStatus",
    "PairLaw",
    "Stage",
    "TreatyStatus",
    "keys_of",
    "law_between",
    "law_under",
    "powers_of",
    "status",
]


_END, _START = 0, 1
"""Ends sort before starts of the same instant: a period does not hold at its end."""


class Stage(StrEnum):
    """How far a member has come."""

    NONE = "none"
    SIGNATORY = "signatory"
    RATIFIED = "ratified"
    """It has consented; the treaty is not yet in force for it."""
    PARTY = "party"


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
    """

    member: MemberId
    stage: Stage
    since: datetime | None
    reserved: frozenset[ArticleId]
    recognises: frozenset[str]
    notes: tuple[str, ...]
    blocked: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TreatyStatus:
    """What a treaty's instruments amount to at an instant.

    Attributes:
        treaty: Which treaty.
        at: The instant asked about.
        in_force_since: When it entered into force; None if it has not.
        members: Every member of the annex, by id.
        next_change: The earliest later instant at which this may change by what is held already;
            None if nothing held can change it.
    """

    treaty: TreatyId
    at: datetime
    in_force_since: datetime | None
    members: Mapping[MemberId, MemberStatus]
    next_change: datetime | None

    def document(self) -> dict[str, JSONValue]:
        """Return the status as a canonical JSON object, to show, compare or sign."""
        return {
            "v": 1,
            "treaty": self.treaty,
            "at": instant_text(self.at),
            "in_force_since": _text(self.in_force_since),
            "next_change": _text(self.next_change),
            "members": [_member_document(self.members[member]) for member in sorted(self.members)],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class PairLaw:
    """What binds an ordered pair of members at an instant.

    Attributes:
        treaty: Under which treaty.
        sender: Who would disclose.
        recipient: To whom.
        at: The instant asked about.
        binds: Whether the treaty is in force between them and nothing stops new releases.
        why_not: The reason if it does not bind; empty if it does.
        articles: The articles in force between them; empty if it does not bind.
        reserved: Each article that is not, with the members that reserved it, sorted.
        recognised: The offences both recognise; empty if it does not bind.
        digest: The law digest, 64 hex digits (rule 6).
        valid_until: The next instant at which this may change by what is held already.
    """

    treaty: TreatyId
    sender: MemberId
    recipient: MemberId
    at: datetime
    binds: bool
    why_not: str
    articles: frozenset[ArticleId]
    reserved: Mapping[ArticleId, tuple[MemberId, ...]]
    recognised: frozenset[str]
    digest: str
    valid_until: datetime | None


def status(
    treaty: Treaty, instruments: InstrumentSet | Iterable[Instrument], at: datetime
) -> TreatyStatus:
    """Return the status of a treaty at an instant (rules 1 to 3).

    Args:
        treaty: The treaty.
        instruments: All that is held, of any member and treaty, in any order.
        at: Aware UTC.
    """
    held = _as_set(instruments)
    agreed = {party.member: consents(treaty, party, held) for party in treaty.parties}
    reached = _entry_reached(treaty, agreed, at)
    entry = None if reached is None else reached + treaty.entry.delay
    starts: list[datetime] = [] if entry is None else [entry]
    members: dict[MemberId, MemberStatus] = {}
    for party in sorted(treaty.parties, key=lambda party: party.member):
        own = standing(treaty, party, held, at)
        start = None
        if entry is not None and own.ratified is not None:
            start = max(entry, own.ratified + treaty.entry.delay)
            starts.append(start)
        members[party.member] = _member_status(party, own, start, at)
    return TreatyStatus(
        treaty=treaty.id,
        at=at,
        in_force_since=entry if entry is not None and entry <= at else None,
        members=MappingProxyType(members),
        next_change=_next_change(treaty, held, starts, at),
    )


def law_between(
    treaty: Treaty,
    instruments: InstrumentSet | Iterable[Instrument],
    sender: MemberId,
    recipient: MemberId,
    at: datetime,
) -> PairLaw:
    """Return what binds a pair at an instant (rules 1 to 6).

    Args:
        treaty: The treaty relied on.
        instruments: All that is held, of any member and treaty, in any order.
        sender: Who would disclose; need not be a member of the annex.
        recipient: To whom; need not be a member of the annex.
        at: Aware UTC.
    """
    return law_under(treaty, status(treaty, instruments, at), sender, recipient)


def law_under(
    treaty: Treaty, current: TreatyStatus, sender: MemberId, recipient: MemberId
) -> PairLaw:
    """Return what binds a pair under a status already computed (rules 4 to 6).

    For many recipients at one instant: compute the status once, then ask this for each.
    """
    why_not = _why_not(current, sender, recipient)
    sides = [
        current.members[member]
        for member in sorted({sender, recipient})
        if member in current.members
    ]
    reserved = {
        article.id: tuple(side.member for side in sides if article.id in side.reserved)
        for article in treaty.articles
        if any(article.id in side.reserved for side in sides)
    }
    articles: frozenset[ArticleId] = frozenset()
    recognised: frozenset[str] = frozenset()
    if not why_not:
        articles = frozenset(article.id for article in treaty.articles).difference(reserved)
        recognised = frozenset.intersection(*(side.recognises for side in sides))
    return PairLaw(
        treaty=treaty.id,
        sender=sender,
        recipient=recipient,
        at=current.at,
        binds=not why_not,
        why_not=why_not,
        articles=articles,
        reserved=MappingProxyType(reserved),
        recognised=recognised,
        digest=_digest(treaty.id, (sender, recipient), articles, recognised),
        valid_until=current.next_change,
    )


def powers_of(
    instruments: InstrumentSet | Iterable[Instrument],
    member: MemberId,
    at: datetime,
    *,
    authority: str | None = None,
) -> FullPowers | None:
    """Return the full powers that speak for a member at an instant.

    The ones with the highest serial issued by then count: the author's own numbering, not its
    clock, says which are newest, so that a revocation takes effect whatever its date says. If those
    are in conflict none count until newer ones are issued: going back to older ones could revive a
    key that was revoked.

    Args:
        instruments: All that is held.
        member: For whom.
        at: Aware UTC.
        authority: Fingerprint of the authority accepted for the member. Without it, full powers
            under two different authorities give None.
    """
    found = [
        one
        for one in _as_set(instruments).of(member)
        if isinstance(one.body, FullPowers)
        and one.issued <= at
        and authority in (None, one.authority)
    ]
    if not found or len({one.authority for one in found}) > 1:
        return None
    newest = max(found, key=lambda one: one.serial)
    if not _as_set(instruments).counts(newest, at):
        return None
    return newest.body if isinstance(newest.body, FullPowers) else None


def keys_of(
    instruments: InstrumentSet | Iterable[Instrument],
    member: MemberId,
    purpose: KeyPurpose,
    at: datetime,
    *,
    authority: str | None = None,
) -> tuple[PublicKey, ...]:
    """Return the keys that speak for a member and purpose at an instant; see :func:`powers_of`."""
    powers = powers_of(instruments, member, at, authority=authority)
    if powers is None:
        return ()
    valid = (grant.key for grant in powers.keys if grant.purpose is purpose and grant.covers(at))
    return tuple(dict.fromkeys(valid))


def _as_set(instruments: InstrumentSet | Iterable[Instrument]) -> InstrumentSet:
    return instruments if isinstance(instruments, InstrumentSet) else InstrumentSet(instruments)


def _entry_reached(
    treaty: Treaty, agreed: Mapping[MemberId, tuple[Consent, ...]], at: datetime
) -> datetime | None:
    """Return the first instant, not after ``at``, at which enough members consented (2)."""
    events: list[tuple[datetime, int, MemberId]] = []
    for member, found in agreed.items():
        for one in found:
            events.append((one.period.start, _START, member))
            if one.period.end is not None:
                events.append((one.period.end, _END, member))
    open_periods: dict[MemberId, int] = dict.fromkeys(agreed, 0)
    for instant, kind, member in sorted(event for event in events if event[0] <= at):
        open_periods[member] += 1 if kind == _START else -1
        if sum(1 for count in open_periods.values() if count) >= treaty.entry.ratifications:
            return instant
    return None


def _member_status(
    party: Party, own: Standing, start: datetime | None, at: datetime
) -> MemberStatus:
    stage, since = Stage.NONE, None
    if start is not None and start <= at:
        stage, since = Stage.PARTY, start
    elif own.ratified is not None:
        stage, since = Stage.RATIFIED, own.ratified
    elif own.signed is not None:
        stage, since = Stage.SIGNATORY, own.signed
    return MemberStatus(
        member=party.member,
        stage=stage,
        since=since,
        reserved=own.reserved,
        recognises=own.recognises,
        notes=own.notes,
        blocked=own.blocked,
    )


def _next_change(
    treaty: Treaty, held: InstrumentSet, starts: list[datetime], at: datetime
) -> datetime | None:
    members = {party.member for party in treaty.parties}
    later = [one.issued for one in held if one.member in members]
    return min((instant for instant in (*later, *starts) if instant > at), default=None)


def _why_not(current: TreatyStatus, sender: MemberId, recipient: MemberId) -> str:
    if sender == recipient:
        return "a member is not bound to itself"
    if current.in_force_since is None:
        return "the treaty is not in force"
    for member in sorted((sender, recipient)):
        found = current.members.get(member)
        if found is None:
            return f"{member} is not a member of the treaty"
        if found.stage is not Stage.PARTY:
            return f"{member} is not a party: its stage is {found.stage.value}"
        if found.blocked is not None:
            return f"{member}: {found.blocked}"
    return ""


def _digest(
    treaty: TreatyId,
    pair: tuple[MemberId, MemberId],
    articles: frozenset[ArticleId],
    recognised: frozenset[str],
) -> str:
    document: JSONValue = {
        "v": 1,
        "treaty": treaty,
        "pair": sorted(pair),
        "articles": sorted(articles),
        "recognised": sorted(recognised),
    }
    return hashlib.sha256(canonical_bytes(document)).hexdigest()


def _member_document(found: MemberStatus) -> dict[str, JSONValue]:
    return {
        "member": found.member,
        "stage": found.stage.value,
        "since": _text(found.since),
        "reserved": sorted(found.reserved),
        "recognises": sorted(found.recognises),
        "notes": list(found.notes),
        "blocked": found.blocked,
    }


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant_text(instant)
