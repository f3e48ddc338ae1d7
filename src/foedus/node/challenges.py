"""Take a person's challenge in, find what it concerns, block it, write letters, take it back.

1. The data-protection officer or a reviewer takes it in. The person is a local reference and HMACs
   of what was given; what is written of the case stands in one row that can be erased.
2. What is concerned is named, or found by the values the person gave: every version, in whatever
   state, of every originator.
3. It is blocked as a precaution (:mod:`foedus.node.challenge_block`) within the period the treaty
   sets, counted from the day the person turned to us.
4. A challenge that concerns nothing is treated alike: the same rows of the case, the same letters,
   the same events, the same deadlines. Nothing that is told outside says whether anything is held.

What a reviewer decides: :mod:`foedus.node.challenge_decide`. Deadlines:
:mod:`foedus.node.challenge_clock`.

Spec: design §1, §2 rules 4, 5 and 11; Convention Articles 16(5), 21.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from foedus.access import Actor, require_role
from foedus.casework.challenge import challenge_name
from foedus.casework.challenge_course import (
    EXAMINED,
    ChallengeEvent,
    ChallengeState,
    next_state,
)
from foedus.casework.challenge_figures import (
    AccessFigures,
    ChallengeFigures,
    access_figures,
    challenge_figures,
)
from foedus.casework.challenge_letters import Letter, LetterFacts, letter_text
from foedus.clock import instant_text
from foedus.model.identifiers import IdentifierError, LocalNumber, object_id
from foedus.node.challenge_block import (
    ALARM_UNKNOWN,
    block_here,
    block_holders,
    refer,
)
from foedus.node.challenge_cases import (
    LOOKS,
    case_clocks,
    case_reference,
    case_words,
    challenge_of,
    marks_of,
    next_look,
    require_acting,
    selectors_given,
    standing_rows,
)
from foedus.node.challenge_orders import OrderDesk
from foedus.node.context import Node, note_act
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.own_log import enter
from foedus.node.ports import ItemRow, Transaction
from foedus.node.ports.challenges import (
    CaseKind,
    CaseSide,
    ChallengeRow,
    NewChallenge,
    Referral,
    Words,
)
from foedus.node.ports.webhooks import EventKind
from foedus.node.webhooks import tell
from foedus.release.gate import Gate

__all__ = [
    "ChallengeView",
    "Intake",
    "challenge_letter",
    "extend_challenge",
    "figures_of",
    "forget_words",
    "list_challenges",
    "open_challenge_case",
    "show_challenge",
]

_MOST_FOUND: Final = 5_000
"""Most item versions that values may find; a value so common says nothing of a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What is known when a person challenges.

    Attributes:
        reference: The local reference of the case; it names nobody.
        received: When the person turned to us; aware UTC, not in the future.
        items: Local numbers or STIX ids of what is concerned, where that is known.
        values: What the person gave: names, numbers, addresses. Kept as HMACs only.
        words: What is written of the case; erasable.
    """

    reference: str
    received: datetime
    items: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeView:
    """A challenge with what it concerns, for those who may see it.

    Attributes:
        items: Item versions, of every originator.
        blocking: Handles of those it keeps blocked.
        referrals: What was sent on to originators, and their word.
        orders: Names of the orders that carry it out.
        words: What was written; None once erased.
    """

    row: ChallengeRow
    items: tuple[ItemRow, ...]
    blocking: frozenset[int]
    referrals: tuple[Referral, ...]
    orders: tuple[str, ...]
    words: Words | None


def open_challenge_case(
    node: Node, actor: Actor, gate: Gate, intake: Intake, desk: OrderDesk
) -> ChallengeView:
    """Take a challenge in and block what it concerns.

    Raises:
        AccessDeniedError: The actor is neither officer nor reviewer.
        NotFoundError: A reference names nothing here.
        RefusedError: The reference of the case is none, the day lies ahead, or a value finds more
            than one person can be about.
    """
    require_acting(actor)
    reference, words = case_reference(intake.reference), case_words(intake.words)
    selectors = selectors_given(intake.values)
    node.check_log()
    now = node.clock.now()
    if intake.received > now:
        raise RefusedError("nobody challenges in the future: give the day the person turned to us")
    with node.database.write() as tx:
        rows = _meant(
            tx, intake.items, selectors=tx.challenges.carriers(selectors, limit=_MOST_FOUND + 1)
        )
        row = _taken(tx, node, intake, reference, words, actor, now)
        tx.challenges.mark(CaseKind.CHALLENGE, row.number, marks_of(node, selectors))
        _block(tx, node, gate, row, rows, now)
        note_act(tx, node, actor, "challenge.open", row.challenge.name)
    node.settle()
    block_holders(node, actor, gate, row.number, desk)
    with node.database.read() as tx:
        return _view(tx, row.number)


def _taken(
    tx: Transaction,
    node: Node,
    intake: Intake,
    reference: str,
    words: str,
    actor: Actor,
    now: datetime,
) -> ChallengeRow:
    clocks = case_clocks(tx, node, now)
    sequence = tx.challenges.next_sequence(CaseKind.CHALLENGE, now.year)
    name = challenge_name(node.identity.member, now.year, sequence)
    entry = enter(
        tx,
        node,
        {
            "kind": "challenge",
            "challenge": name,
            "user": actor.user,
            "received": instant_text(intake.received),
        },
        at=now,
    )
    taken = NewChallenge(
        name=name,
        year=now.year,
        sequence=sequence,
        side=CaseSide.OWN,
        sender="",
        treaty="",
        reference=reference,
        received=intake.received,
        block_due=intake.received + clocks.challenge_block,
        decide_due=intake.received + clocks.challenge_decide,
        opened=now,
        opened_by=actor.user,
        entry_index=entry,
    )
    number = tx.challenges.add(taken, words=words, wake=now)
    tell(
        tx,
        EventKind.CHALLENGE_OPENED,
        now,
        case=name,
        about=CaseKind.CHALLENGE.value,
        side=CaseSide.OWN.value,
    )
    return challenge_of(tx, number)


def _block(
    tx: Transaction,
    node: Node,
    gate: Gate,
    row: ChallengeRow,
    rows: Sequence[ItemRow],
    now: datetime,
) -> None:
    block_here(tx, row.number, rows, now)
    refer(tx, node, gate, row, rows, now)


def _meant(
    tx: Transaction, references: Iterable[str], *, selectors: Sequence[int]
) -> list[ItemRow]:
    """Return every version of what is named, or carries what was given."""
    if len(selectors) > _MOST_FOUND:
        raise RefusedError(
            f"more than {_MOST_FOUND} item versions carry one of these values: name the items"
        )
    handles = set(selectors)
    for reference in references:
        found = standing_rows(tx, (row.handle for row in _named(tx, reference)))
        if not found:
            raise NotFoundError(f"nothing here has the name {reference}")
        handles.update(row.handle for row in found)
    return standing_rows(tx, tx.challenges.versions(handles))


def _named(tx: Transaction, reference: str) -> Sequence[ItemRow]:
    try:
        return tx.items.by_number(LocalNumber.parse(reference))
    except IdentifierError:
        try:
            return tx.items.by_object_id(object_id(reference))
        except IdentifierError as error:
            raise NotFoundError(
                f"{reference!r} is no local number (XA-2026-00042) or STIX id"
            ) from error


def extend_challenge(
    node: Node,
    actor: Actor,
    gate: Gate,
    number: int,
    references: Sequence[str],
    desk: OrderDesk,
) -> ChallengeView:
    """Block more that is found to be concerned, while a challenge is examined.

    Raises:
        AccessDeniedError: The actor is neither officer nor reviewer.
        NotFoundError: There is no such challenge, or a reference names nothing here.
        CaseCourseError: It is decided already.
    """
    require_acting(actor)
    node.check_log()
    now = node.clock.now()
    with node.database.write() as tx:
        row = challenge_of(tx, number)
        if row.state is not ChallengeState.RECEIVED:
            next_state(row.state, ChallengeEvent.EXTEND)
        known = {each.handle for each in tx.challenges.concerned(number)}
        rows = _meant(tx, references, selectors=())
        fresh = [each for each in rows if each.handle not in known]
        block_here(tx, number, fresh, now)
        tx.alarms.clear(ALARM_UNKNOWN, row.challenge.name)
        if row.challenge.side is CaseSide.OWN:
            refer(tx, node, gate, row, fresh, now)
        tx.challenges.keep(replace(row, wake=next_look(row, now)))
        note_act(tx, node, actor, "challenge.extend", row.challenge.name)
    node.settle()
    block_holders(node, actor, gate, number, desk)
    with node.database.read() as tx:
        return _view(tx, number)


def show_challenge(node: Node, actor: Actor, number: int) -> ChallengeView:
    """Return a challenge with what it concerns; looking is an act on record.

    Raises:
        AccessDeniedError: The actor may not see challenges.
        NotFoundError: There is no such challenge.
    """
    require_role(actor, *LOOKS)
    with node.database.write() as tx:
        view = _view(tx, number)
        note_act(tx, node, actor, "challenge.show", view.row.challenge.name)
    return view


def list_challenges(
    tx: Transaction, actor: Actor, *, open_only: bool, after: int, limit: int
) -> Sequence[ChallengeRow]:
    """Return challenges by number; nothing of what they concern.

    Raises:
        AccessDeniedError: The actor may not see challenges.
    """
    require_role(actor, *LOOKS)
    return tx.challenges.page(open_only=open_only, after=after, limit=limit)


def challenge_letter(node: Node, actor: Actor, number: int, letter: Letter) -> str:
    """Write a letter to the person: the same whether or not anything is held.

    Args:
        node: The node.
        actor: The officer or a reviewer.
        number: The challenge.
        letter: That of receipt, or of the outcome.

    Raises:
        AccessDeniedError: The actor is neither officer nor reviewer.
        NotFoundError: There is no such challenge.
        RefusedError: The person turned to another member, which writes; nothing is decided yet; or
            it is a letter of another kind of case.
    """
    require_acting(actor)
    with node.database.write() as tx:
        row = challenge_of(tx, number)
        taken = row.challenge
        if taken.side is not CaseSide.OWN:
            raise RefusedError(f"the person turned to {taken.sender}, which answers")
        if letter not in {Letter.RECEIPT, Letter.OUTCOME}:
            raise RefusedError("that letter is for a request to see what is held")
        if letter is Letter.OUTCOME and row.state in EXAMINED:
            raise RefusedError("nothing is decided yet: the letter of receipt says by when")
        text = letter_text(letter, _facts(node, row))
        tx.challenges.keep(replace(row, done=row.done | {letter.value}))
        note_act(tx, node, actor, "challenge.letter", f"{taken.name} {letter.value}")
    return text


def _facts(node: Node, row: ChallengeRow) -> LetterFacts:
    return LetterFacts(
        member=node.identity.name,
        exercise=node.identity.exercise,
        reference=row.challenge.reference,
        received=row.challenge.received,
        answer_by=row.challenge.decide_due,
    )


def forget_words(node: Node, actor: Actor, number: int) -> bool:
    """Erase what was written of a challenge, for good; the case and its figures stay.

    Returns:
        False where another process kept a file from being overwritten: call
        :meth:`foedus.node.ports.Database.forget` again.

    Raises:
        AccessDeniedError: The actor is no officer or reviewer.
        NotFoundError: There is no such challenge.
        RefusedError: It is not closed yet.
    """
    require_acting(actor)
    with node.database.write() as tx:
        row = challenge_of(tx, number)
        if row.state is not ChallengeState.CLOSED:
            raise RefusedError("what was written of a challenge is needed until it is closed")
        tx.challenges.erase_words(number)
        note_act(tx, node, actor, "challenge.forget", row.challenge.name)
    return node.database.forget()


def figures_of(
    tx: Transaction, actor: Actor, year: int, now: datetime
) -> tuple[ChallengeFigures, AccessFigures]:
    """Return the figures of a year.

    Raises:
        AccessDeniedError: The actor may not see challenges.
    """
    require_role(actor, *LOOKS)
    return (
        challenge_figures(tx.challenges.spans(year), now),
        access_figures(tx.challenges.access_spans(year), now),
    )


def _view(tx: Transaction, number: int) -> ChallengeView:
    concerned = tx.challenges.concerned(number)
    return ChallengeView(
        row=challenge_of(tx, number),
        items=tuple(tx.items.rows([each.handle for each in concerned])),
        blocking=frozenset(each.handle for each in concerned if each.blocking),
        referrals=tuple(tx.challenges.referrals(number)),
        orders=tuple(name for name, _ in tx.challenges.orders(number)),
        words=tx.challenges.words(number),
    )
