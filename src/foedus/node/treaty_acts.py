"""What a member states about a treaty once it is concluded: every further instrument, one act each.

Each act is that of a legal officer. It checks what it is given, says what a person would want to
know, and hands the statement to :mod:`foedus.node.statements`, which tries it out before it signs.

Spec: VCLT Art. 15, 19-23, 31, 39-40, 54-58, 65-68.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from foedus.access import Actor, Role, require_role
from foedus.clock import instant_text
from foedus.model.identifiers import ArticleId, MemberId, TreatyId
from foedus.node.context import Node, note_act
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.introduce import plain_fingerprint
from foedus.node.lawbook import LawView
from foedus.node.ports import Transaction
from foedus.node.ratify import check_articles, check_offences, check_reservations
from foedus.node.statements import Issued, issue, seat_of
from foedus.release.gate import Gate
from foedus.treaty.articles import Treaty
from foedus.treaty.in_force import MemberStatus, Stage, TreatyStatus
from foedus.treaty.instrument import (
    Accession,
    Admission,
    Amendment,
    Declaration,
    Denunciation,
    Instrument,
    Objection,
    Ratification,
    Reservation,
    Statement,
    Suspension,
    Withdrawal,
)

__all__ = [
    "accede",
    "accept_amendment",
    "admit",
    "declare",
    "denounce",
    "find_own",
    "object_to",
    "reserve",
    "suspend",
    "withdraw",
]

_CONSENTED: Final = frozenset({Stage.RATIFIED, Stage.PARTY, Stage.SUSPENDED})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """What an act looks at: the law before it, our place in it, the instant."""

    view: LawView
    text: Treaty
    status: TreatyStatus
    seat: MemberStatus
    now: datetime

    @property
    def own(self) -> tuple[Instrument, ...]:
        """Our instruments about this treaty."""
        found = self.view.instruments.of(self.seat.member)
        return tuple(each for each in found if each.treaty == self.text.id)

    def other(self, member: MemberId) -> MemberStatus:
        """Return where another member stands, or raise NotFoundError."""
        found = self.status.members.get(member)
        if found is None:
            raise NotFoundError(
                f"{member} is no member of this treaty; it has {', '.join(self.status.members)}"
            )
        return found


def reserve(
    node: Node, actor: Actor, gate: Gate, treaty: TreatyId, articles: Sequence[ArticleId]
) -> Issued:
    """Reserve articles by a document of its own (VCLT Art. 19, 23).

    It counts only where the treaty admits reservations after consent; else they are made with the
    ratification or accession itself.

    Raises:
        RefusedError: No such article, none that admits a reservation, or it is too late.
    """

    def make(before: _Before) -> Statement:
        _some(articles, "article to reserve")
        return Reservation(articles=check_reservations(before.text, articles))

    return _act(node, actor, gate, treaty, "treaty.reserve", make)


def object_to(
    node: Node,
    actor: Actor,
    gate: Gate,
    treaty: TreatyId,
    member: MemberId,
    *,
    articles: Sequence[ArticleId] = (),
    opposing: bool = False,
) -> Issued:
    """Object to another member's reservation (VCLT Art. 20, 21).

    Args:
        node: The node.
        actor: A legal officer.
        gate: The node's gate.
        treaty: The treaty.
        member: Who made the reservation.
        articles: Which of its reserved articles; all of them when empty.
        opposing: Whether the treaty is not to be in force between the two (VCLT Art. 20(4)(b)).

    Raises:
        NotFoundError: That is no member.
        RefusedError: It is our own, it reserves nothing of the kind, or the period is over.
    """

    def make(before: _Before) -> Statement:
        if member == before.seat.member:
            raise RefusedError(
                "this is our own member; take a reservation of ours back with "
                "`foedus treaty withdraw` (VCLT Art. 22)"
            )
        reserved = before.other(member).reserved
        if not reserved:
            raise RefusedError(f"{member} reserves nothing, so there is nothing to object to")
        return Objection(
            to=member,
            articles=check_articles(before.text, articles) or tuple(sorted(reserved)),
            opposing=opposing,
        )

    return _act(node, actor, gate, treaty, "treaty.object", make)


def withdraw(
    node: Node,
    actor: Actor,
    gate: Gate,
    treaty: TreatyId,
    reference: str,
    *,
    articles: Sequence[ArticleId] = (),
) -> Issued:
    """Take back an earlier statement of our own (VCLT Art. 22, 68).

    Args:
        node: The node.
        actor: A legal officer.
        gate: The node's gate.
        treaty: The treaty.
        reference: Number or id of one of our instruments about it.
        articles: Of a reservation or objection: which articles; the whole when empty.

    Raises:
        NotFoundError: No instrument of ours has that number or id.
        RefusedError: It has no effect that could be taken back.
    """

    def make(before: _Before) -> Statement:
        one = find_own(before.own, reference)
        if articles and not isinstance(
            one.body, Ratification | Accession | Reservation | Objection
        ):
            raise RefusedError(
                f"instrument no. {one.serial} names no articles; it is taken back as a whole"
            )
        return Withdrawal(of=one.id, articles=check_articles(before.text, articles))

    return _act(node, actor, gate, treaty, "treaty.withdraw", make)


def declare(
    node: Node,
    actor: Actor,
    gate: Gate,
    treaty: TreatyId,
    *,
    text: str = "",
    recognises: Sequence[str] = (),
    definitions: Mapping[str, str] | None = None,
) -> Issued:
    """State something about our law (VCLT Art. 31(2)(b)): words, offences, their definitions.

    Args:
        node: The node.
        actor: A legal officer.
        gate: The node's gate.
        treaty: The treaty.
        text: Words for people.
        recognises: Further offences our law recognises.
        definitions: Offence → its definition in our law.

    Raises:
        RefusedError: It says nothing, or names an offence the treaty does not have.
    """

    def make(before: _Before) -> Statement:
        defined = definitions or {}
        if not (text.strip() or recognises or defined):
            raise RefusedError(
                "a declaration says something: give a text, an offence recognised or a definition"
            )
        empty = [offence for offence, words in defined.items() if not words.strip()]
        if empty:
            raise RefusedError(f"the definition of {', '.join(empty)} is empty")
        check_offences(before.text, defined)
        return Declaration(
            text=text.strip() or None,
            recognises=check_offences(before.text, recognises),
            definitions=tuple(sorted(defined.items())),
        )

    return _act(node, actor, gate, treaty, "treaty.declare", make)


def accept_amendment(
    node: Node, actor: Actor, gate: Gate, treaty: TreatyId, successor: TreatyId
) -> Issued:
    """Accept that another text takes the place of this one (VCLT Art. 39, 40).

    The other text must be adopted here. It binds by being signed and ratified like any treaty; once
    it is in force between two members that accepted it, it alone governs them.

    Raises:
        NotFoundError: One of the two texts is not known here.
        RefusedError: It is the same text, or exercise and real are mixed.
    """

    def make(before: _Before) -> Statement:
        new = before.view.treaty(successor).treaty
        if new.exercise is not before.text.exercise:
            raise RefusedError("exercise and real never mix: the two texts say different ones")
        return Amendment(successor=successor)

    return _act(node, actor, gate, treaty, "treaty.amend", make)


def suspend(
    node: Node,
    actor: Actor,
    gate: Gate,
    treaty: TreatyId,
    member: MemberId | None,
    *,
    until: datetime | None = None,
) -> Issued:
    """Agree that the treaty's operation be suspended (VCLT Art. 57, 58, 60, 72).

    Args:
        node: The node.
        actor: A legal officer.
        gate: The node's gate.
        treaty: The treaty.
        member: With which member; None between all.
        until: From when the agreement no longer holds; None until it is withdrawn.

    Raises:
        NotFoundError: That is no member.
        RefusedError: It is our own, no party, or the instant is past.
    """

    def make(before: _Before) -> Statement:
        if member == before.seat.member:
            raise RefusedError("a member does not suspend itself; it may denounce (VCLT Art. 54)")
        if member is not None:
            before.other(member)
        if until is not None and until <= before.now:
            raise RefusedError(f"{instant_text(until)} is past: a suspension ends in the future")
        return Suspension(of=member, until=until)

    return _act(node, actor, gate, treaty, "treaty.suspend", make)


def denounce(node: Node, actor: Actor, gate: Gate, treaty: TreatyId) -> Issued:
    """Give notice that our member leaves (VCLT Art. 54, 56); it takes effect after the notice.

    Raises:
        RefusedError: It has not consented, or a denunciation runs already.
    """
    return _act(node, actor, gate, treaty, "treaty.denounce", lambda _before: Denunciation())


def admit(
    node: Node,
    actor: Actor,
    gate: Gate,
    treaty: TreatyId,
    candidate: MemberId,
    *,
    name: str = "",
    authority: str = "",
) -> Issued:
    """Agree that a State which the annex does not list may accede (VCLT Art. 15).

    Args:
        node: The node.
        actor: A legal officer.
        gate: The node's gate.
        treaty: The treaty.
        candidate: The State.
        name: Its name; that of its accepted letter of credence when empty.
        authority: Fingerprint of its authority's key; that of the letter when empty.

    Raises:
        RefusedError: It is our own, a member already, or another key than the letter's is named;
            or it was never introduced and name or key are not given.
    """

    def make(before: _Before) -> Statement:
        if candidate == before.seat.member:
            raise RefusedError("a member does not admit itself (VCLT Art. 15)")
        credence = before.view.credences.get(candidate)
        known = "" if credence is None else credence.authority.fingerprint
        if not known and not (name and authority):
            raise RefusedError(
                f"{candidate} was never introduced here: accept its letter of credence first "
                "(`foedus peers add`), or give its name and its authority's fingerprint"
            )
        if known and authority and plain_fingerprint(authority) != plain_fingerprint(known):
            raise RefusedError(
                f"the letter of {candidate} accepted here has the authority {known}, not the one "
                "given; ask its officers by another channel which is right"
            )
        return Admission(
            candidate=candidate,
            name=name or ("" if credence is None else credence.name),
            authority=known or authority,
        )

    return _act(node, actor, gate, treaty, "treaty.admit", make)


def accede(
    node: Node,
    actor: Actor,
    gate: Gate,
    treaty: TreatyId,
    *,
    reservations: Sequence[ArticleId] = (),
    recognises: Sequence[str] = (),
) -> Issued:
    """Consent to be bound, as a State that was admitted (VCLT Art. 15, 16).

    Args:
        node: The node.
        actor: A legal officer.
        gate: The node's gate.
        treaty: The treaty.
        reservations: Articles not to apply between this member and any other.
        recognises: Offences its law recognises; all of the treaty's when empty.

    Raises:
        RefusedError: It was not admitted, has acceded already, or an article admits no reservation.
    """

    def make(before: _Before) -> Statement:
        seat = before.seat
        # A second accession would take the place of the first, its reservations included.
        if seat.acceded and seat.stage in _CONSENTED and seat.denounced_from is None:
            raise RefusedError(
                f"{seat.member} has acceded to this treaty already; take back a reservation with "
                "`foedus treaty withdraw`, recognise more with `foedus treaty declare`"
            )
        return Accession(
            reservations=check_reservations(before.text, reservations),
            recognises=check_offences(before.text, recognises)
            or tuple(sorted(before.text.offences)),
        )

    return _act(node, actor, gate, treaty, "treaty.accede", make)


def find_own(own: Sequence[Instrument], reference: str) -> Instrument:
    """Return one of our instruments by its number or id.

    Raises:
        NotFoundError: None has it.
        RefusedError: Two have that number; name one by its id.
    """
    wanted = reference.removeprefix("no.").strip()
    found = [each for each in own if each.id == wanted or str(each.serial) == wanted]
    if not found:
        numbers = ", ".join(str(each.serial) for each in own) or "none"
        raise NotFoundError(
            f"we have no instrument {reference[:60]} about this treaty; ours: {numbers} "
            "(`foedus treaty instruments`)"
        )
    if len(found) > 1:
        raise RefusedError(
            f"{len(found)} instruments bear the number {wanted}; name one by its id: "
            f"{', '.join(each.id for each in found)}"
        )
    return found[0]


def _some(values: Sequence[ArticleId], what: str) -> None:
    if not values:
        raise RefusedError(f"name at least one {what}")


def _act(
    node: Node,
    actor: Actor,
    gate: Gate,
    treaty: TreatyId,
    act: str,
    make: Callable[[_Before], Statement],
) -> Issued:
    """Check the role and our place, make the statement, issue it, note the act."""
    require_role(actor, Role.LEGAL)
    node.check_log()
    with node.database.write() as tx:
        issued = issue(tx, node, gate, treaty, make(_before(tx, node, treaty)))
        note_act(tx, node, actor, act, treaty)
    node.settle()
    return issued


def _before(tx: Transaction, node: Node, treaty: TreatyId) -> _Before:
    view = node.law.view(tx)
    text, seat = seat_of(view, node, treaty)
    now = node.clock.now()
    return _Before(view=view, text=text, status=view.status(treaty, now), seat=seat, now=now)
