"""What binds whom at one instant: a pure function of treaty, instruments and instant.

Shuffle the instruments, split them, repeat them: the answer is the same to the byte. Rules, in the
order the code applies them:

1. What the instruments up to the instant amount to is in :mod:`foedus.treaty.course`, shown by
   :mod:`foedus.treaty.standing`: who has signed, consented, acceded, denounced; since when the
   treaty is in force; who is suspended.
2. Two members are bound to each other when both are parties (VCLT Art. 24, 26), the treaty's
   operation is suspended neither with one of them nor as a whole (Art. 57, 60, 72), neither is
   blocked by an instrument this version does not understand, and neither opposes the treaty between
   them by an objection that stands (Art. 20(4)(b)). No member is bound to itself.
3. In force between them are the articles that neither has reserved; each reservation cuts both
   ways, objected to or not (VCLT Art. 21). Recognised are the offences that both recognise, each by
   its own definition.
4. An amendment that was adopted and that both accepted is named; once the new text is in force
   between them it alone governs them (VCLT Art. 30(3), 40(4), 59; :func:`superseded`).
5. The law digest covers treaty, pair, articles, offences and, where given, their definitions. It is
   the same in both directions and does not change with what others do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from foedus.canonical import JSONValue, canonical_bytes
from foedus.model.identifiers import ArticleId, MemberId, TreatyId
from foedus.treaty.articles import Treaty
from foedus.treaty.instrument import Instrument
from foedus.treaty.instrument_set import Conflict, InstrumentSet
from foedus.treaty.powers import keys_of, powers_of
from foedus.treaty.standing import (
    Candidate,
    Held,
    MemberStatus,
    Objected,
    Stage,
    TreatyStatus,
    said_only,
    status,
)

__all__ = [
    "Candidate",
    "Conflict",
    "Held",
    "InstrumentSet",
    "MemberStatus",
    "Objected",
    "PairLaw",
    "Stage",
    "TreatyStatus",
    "keys_of",
    "law_between",
    "law_under",
    "powers_of",
    "status",
    "superseded",
]


_NO_PARTY: Final[Mapping[Stage, str]] = {
    Stage.NONE: "has not signed",
    Stage.SIGNATORY: "has signed but not ratified",
    Stage.RATIFIED: "has ratified; the treaty is not yet in force for it",
    Stage.SUSPENDED: "is suspended",
    Stage.ADMITTED: "was admitted but has not acceded",
    Stage.DENOUNCED: "has left the treaty",
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
        digest: The law digest, 64 hex digits (rule 5).
        valid_until: The next instant at which this may change by what is held already.
        definitions: Offence both recognise to the definition of each side that gave one.
        amended_by: Texts adopted as amendments that both accepted, sorted.
        opposed_by: Who opposes the treaty between the two, sorted, where nothing else stops it.
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
    definitions: Mapping[str, Mapping[MemberId, str]] = field(default_factory=dict)
    amended_by: tuple[TreatyId, ...] = ()
    opposed_by: tuple[MemberId, ...] = ()


def law_between(
    treaty: Treaty,
    instruments: InstrumentSet | Iterable[Instrument],
    sender: MemberId,
    recipient: MemberId,
    at: datetime,
) -> PairLaw:
    """Return what binds a pair at an instant (rules 1 to 5).

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
    """Return what binds a pair under a status already computed (rules 2 to 5).

    For many recipients at one instant: compute the status once, then ask this for each.
    """
    why_not = _why_not(current, sender, recipient)
    opposed_by: tuple[MemberId, ...] = ()
    if not why_not:
        opposed_by = _opposed_by(current, sender, recipient)
        why_not = _opposition(opposed_by, sender, recipient)
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
    definitions = {
        offence: MappingProxyType(
            {
                side.member: side.definitions[offence]
                for side in sides
                if offence in side.definitions
            }
        )
        for offence in sorted(recognised)
        if any(offence in side.definitions for side in sides)
    }
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
        digest=_digest(treaty.id, (sender, recipient), articles, recognised, definitions),
        valid_until=current.next_change,
        definitions=MappingProxyType(definitions),
        amended_by=() if why_not else _amended_by(current, sides),
        opposed_by=opposed_by,
    )


def superseded(law: PairLaw, successors: Mapping[TreatyId, PairLaw]) -> PairLaw:
    """Return the law of a pair, ended where an amended text governs the two (rule 4).

    Args:
        law: That of the pair under the text that was amended.
        successors: For each text of ``law.amended_by`` that is known, the law of the same pair and
            instant under it. An adopted text that does not bind the two yet ends nothing.
    """
    for text in law.amended_by:
        new = successors.get(text)
        if new is not None and new.binds and new.treaty == text:
            return replace(
                law,
                binds=False,
                why_not=f"the two have amended the treaty: {text[:12]} governs them",
                articles=frozenset(),
                recognised=frozenset(),
                definitions=MappingProxyType({}),
                digest=_digest(law.treaty, (law.sender, law.recipient)),
                valid_until=_earlier(law.valid_until, new.valid_until),
            )
    return law


def _earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((instant for instant in (one, other) if instant is not None), default=None)


def _amended_by(current: TreatyStatus, sides: list[MemberStatus]) -> tuple[TreatyId, ...]:
    accepted = frozenset.intersection(*(frozenset(side.accepted) for side in sides))
    return tuple(sorted(accepted.intersection(current.amendments)))


def _why_not(current: TreatyStatus, sender: MemberId, recipient: MemberId) -> str:
    if sender == recipient:
        return "a member is not bound to itself"
    if current.in_force_since is None:
        return "the treaty is not in force"
    if current.suspended_since is not None:
        return "the operation of the treaty is suspended between all"
    for member in sorted((sender, recipient)):
        if (reason := _why_not_with(current, member)) is not None:
            return reason
    return ""


def _opposed_by(
    current: TreatyStatus, sender: MemberId, recipient: MemberId
) -> tuple[MemberId, ...]:
    return tuple(
        one
        for one, other in sorted(((sender, recipient), (recipient, sender)))
        if any(each.opposing and each.to == other for each in current.members[one].objections)
    )


def _opposition(opposed_by: tuple[MemberId, ...], sender: MemberId, recipient: MemberId) -> str:
    if not opposed_by:
        return ""
    one = opposed_by[0]
    other = recipient if one == sender else sender
    return f"{one} objects to a reservation of {other} and opposes the treaty with it"


def _why_not_with(current: TreatyStatus, member: MemberId) -> str | None:
    found = current.members.get(member)
    if found is None:
        return f"{member} is not a member of the treaty"
    if found.stage is not Stage.PARTY:
        return f"{member} {_NO_PARTY[found.stage]}"
    return None if found.blocked is None else f"{member}: {found.blocked}"


def _digest(
    treaty: TreatyId,
    pair: tuple[MemberId, MemberId],
    articles: frozenset[ArticleId] = frozenset(),
    recognised: frozenset[str] = frozenset(),
    definitions: Mapping[str, Mapping[MemberId, str]] = MappingProxyType({}),
) -> str:
    more: dict[str, JSONValue] = {
        "definitions": {
            offence: {str(side): text for side, text in given.items()}
            for offence, given in definitions.items()
        }
    }
    document: JSONValue = {
        "v": 1,
        "treaty": treaty,
        "pair": sorted(pair),
        "articles": sorted(articles),
        "recognised": sorted(recognised),
        **said_only(more),
    }
    return hashlib.sha256(canonical_bytes(document)).hexdigest()
