"""What is supposed in a what-if question: another status of a treaty, made in memory.

Rules of :func:`suppose`, in the order the code applies them:

1. Under another text, members and what they said are carried over by article number: a reservation
   only where the new article admits one, an offence only where the new text has it. Members listed
   by the new text alone have not ratified.
2. Who is supposed to have ratified is bound without a reservation and recognises every offence.
   Once enough have ratified the treaty counts as in force, its delay as over.
3. Who is supposed to have denounced has left; its notice counts as run out.
4. A reservation is supposed only of an article that admits one, by a member that consented to be
   bound; it is supposed away only where it stands. An objection lapses with what it objects to.

Nothing here knows the store; what comes out is no law anything is released under.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from foedus.model.identifiers import ArticleId, MemberId
from foedus.model.markings import TLP
from foedus.node.errors import RefusedError
from foedus.treaty.articles import Treaty
from foedus.treaty.standing import MemberStatus, Objected, Stage, TreatyStatus

__all__ = ["Supposed", "Supposition", "suppose"]

_CONSENTED: Final = frozenset({Stage.RATIFIED, Stage.PARTY, Stage.SUSPENDED})
_MAY_RATIFY: Final = frozenset({Stage.NONE, Stage.SIGNATORY, Stage.ADMITTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Supposition:
    """What is supposed; nothing by default.

    Attributes:
        text: Bytes of another text of the treaty.
        without_reservation: Reservations supposed away, member and article.
        with_reservation: Reservations supposed.
        on: Another instant: law, dates and consents as they are then, by what is held now; aware.
        tlp: Every item marked so.
        ratified: Members supposed to have ratified.
        denounced: Members supposed to have left.
        consented: Whether the originators are supposed to have consented.
        approved: How many persons are supposed to have approved each item.
    """

    text: bytes | None = None
    without_reservation: tuple[tuple[MemberId, ArticleId], ...] = ()
    with_reservation: tuple[tuple[MemberId, ArticleId], ...] = ()
    on: datetime | None = None
    tlp: TLP | None = None
    ratified: tuple[MemberId, ...] = ()
    denounced: tuple[MemberId, ...] = ()
    consented: bool = False
    approved: int | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing is supposed."""
        return self == Supposition()


@dataclass(frozen=True, slots=True, kw_only=True)
class Supposed:
    """A status as supposed.

    Attributes:
        status: The status.
        notes: What could not be carried over, or follows without being asked for.
    """

    status: TreatyStatus
    notes: tuple[str, ...]


def suppose(
    status: TreatyStatus, old: Treaty, treaty: Treaty, supposition: Supposition
) -> Supposed:
    """Return the status as it would be.

    Args:
        status: The status as it is.
        old: The treaty it is of.
        treaty: The text supposed; ``old`` where none is.
        supposition: What is supposed.

    Raises:
        RefusedError: What is supposed cannot be: the message says why.
    """
    notes: list[str] = []
    if treaty.id != old.id:
        status = _carried_over(status, old, treaty, notes)
    for member in supposition.ratified:
        status = _ratified(status, treaty, member)
    if supposition.ratified:
        status = _entered(status, treaty, notes)
    for member in supposition.denounced:
        status = _denounced(status, member)
    for member, article in supposition.with_reservation:
        status = _reserving(status, treaty, member, article)
    for member, article in supposition.without_reservation:
        status = _not_reserving(status, treaty, member, article)
    return Supposed(status=status, notes=tuple(notes))


def _carried_over(
    status: TreatyStatus, old: Treaty, treaty: Treaty, notes: list[str]
) -> TreatyStatus:
    """Rule 1."""
    reservable = {article.id for article in treaty.articles if article.reservable}
    members: dict[MemberId, MemberStatus] = {}
    for member, found in status.members.items():
        notes.extend(
            f"{member}'s reservation of article {article} is not carried over: the text supposed "
            "has no such article that admits one"
            for article in sorted(found.reserved - reservable)
        )
        members[member] = replace(
            found,
            reserved=found.reserved & reservable,
            recognises=found.recognises & frozenset(treaty.offences),
            accepted=(),
        )
    for party in treaty.parties:
        if party.member not in members:
            members[party.member] = MemberStatus(
                member=party.member,
                stage=Stage.NONE,
                since=None,
                reserved=frozenset(),
                recognises=frozenset(),
                notes=(),
                blocked=None,
                name=party.name,
                authority=party.authority,
            )
            notes.append(f"{party.member} is listed by the text supposed; it has not ratified")
    notes.extend(
        f"the offence {each} is new: nobody recognises it yet"
        for each in sorted(set(treaty.offences) - set(old.offences))
    )
    return _with(
        replace(status, treaty=treaty.id, amendments=MappingProxyType({}), candidates=(), held=()),
        members,
    )


def _ratified(status: TreatyStatus, treaty: Treaty, member: MemberId) -> TreatyStatus:
    """Rule 2, one member."""
    found = _member(status, treaty, member)
    if found.stage in _CONSENTED:
        raise RefusedError(f"{member} has ratified already")
    if found.stage not in _MAY_RATIFY:
        raise RefusedError(f"{member} has left; it would have to be admitted anew")
    return _with(
        status,
        {
            member: replace(
                found,
                stage=Stage.RATIFIED if status.in_force_since is None else Stage.PARTY,
                since=status.at,
                recognises=frozenset(treaty.offences),
                acceded=found.stage is Stage.ADMITTED,
            )
        },
    )


def _entered(status: TreatyStatus, treaty: Treaty, notes: list[str]) -> TreatyStatus:
    """Rule 2, entry into force."""
    if status.in_force_since is not None:
        return status
    consented = [each for each in status.members.values() if each.stage in _CONSENTED]
    needed = treaty.entry.ratifications
    if len(consented) < needed:
        notes.append(f"{treaty.short_title} is not in force: {len(consented)} of {needed} ratified")
        return status
    notes.append(f"{treaty.short_title} would be in force: {len(consented)} of {needed} ratified")
    return _with(
        replace(status, in_force_since=status.at),
        {
            each.member: replace(each, stage=Stage.PARTY, since=status.at)
            for each in consented
            if each.stage is Stage.RATIFIED
        },
    )


def _denounced(status: TreatyStatus, member: MemberId) -> TreatyStatus:
    """Rule 3."""
    found = status.members.get(member)
    if found is None or found.stage not in _CONSENTED:
        raise RefusedError(f"{member} is not bound: there is nothing to denounce")
    left = replace(
        found,
        stage=Stage.DENOUNCED,
        since=status.at,
        reserved=frozenset(),
        recognises=frozenset(),
        objections=(),
        definitions=MappingProxyType({}),
        accepted=(),
    )
    return _with(status, {member: left})


def _reserving(
    status: TreatyStatus, treaty: Treaty, member: MemberId, article: ArticleId
) -> TreatyStatus:
    """Rule 4, a reservation."""
    found = _member(status, treaty, member)
    title = _title(treaty, article)
    if not treaty.article(article).reservable:
        raise RefusedError(
            f"article {article} ({title}) of {treaty.short_title} admits no reservation; those "
            f"that do are {', '.join(each.id for each in treaty.articles if each.reservable)}"
        )
    if found.stage not in _CONSENTED:
        raise RefusedError(
            f"{member} has not consented to be bound (it is {found.stage.value}): suppose that it "
            "ratified too"
        )
    if article in found.reserved:
        raise RefusedError(f"{member} reserves article {article} already")
    return _with(status, {member: replace(found, reserved=found.reserved | {article})})


def _not_reserving(
    status: TreatyStatus, treaty: Treaty, member: MemberId, article: ArticleId
) -> TreatyStatus:
    """Rule 4, a reservation away."""
    found = _member(status, treaty, member)
    _title(treaty, article)
    if article not in found.reserved:
        reserved = ", ".join(sorted(found.reserved)) or "none"
        raise RefusedError(
            f"{member} does not reserve article {article}; what it reserves: {reserved}"
        )
    return _with(status, {member: replace(found, reserved=found.reserved - {article})})


def _member(status: TreatyStatus, treaty: Treaty, member: MemberId) -> MemberStatus:
    found = status.members.get(member)
    if found is None:
        raise RefusedError(f"{member} is neither listed by {treaty.short_title} nor admitted to it")
    return found


def _title(treaty: Treaty, article: ArticleId) -> str:
    found = [each.title for each in treaty.articles if each.id == article]
    if not found:
        raise RefusedError(f"{treaty.short_title} has no article {article}")
    return found[0]


def _with(status: TreatyStatus, changed: Mapping[MemberId, MemberStatus]) -> TreatyStatus:
    """Put members in the place of what they were; objections lapse with their objects."""
    members = {**status.members, **changed}
    return replace(
        status,
        members=MappingProxyType(
            {
                member: replace(found, objections=_standing(found, members))
                for member, found in sorted(members.items())
            }
        ),
    )


def _standing(
    found: MemberStatus, members: Mapping[MemberId, MemberStatus]
) -> tuple[Objected, ...]:
    """Return the objections of a member to what is still reserved."""
    return tuple(
        replace(each, articles=left)
        for each in found.objections
        if each.to in members and (left := each.articles & members[each.to].reserved)
    )
