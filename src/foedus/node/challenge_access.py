"""A person asks what is held about it: intake, search, answer, within the treaties' time.

1. The officer or a reviewer takes the request in; the person is a local reference and HMACs.
2. The officer looks for everything known here (:mod:`foedus.node.subject`) by the values the person
   gave, which are given again since they are not kept. The search is on record as a reading.
3. The person is answered by a letter that says the same to everybody. What the law lets be told
   besides, the officer compiles from the search; of other members' items only what they agree to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from foedus.access import Actor, Role, require_role
from foedus.casework.access_course import (
    AccessEvent,
    AccessState,
    next_access_state,
)
from foedus.casework.challenge_letters import Letter, LetterFacts, letter_text
from foedus.clock import instant_text
from foedus.node.challenge_cases import (
    LOOKS,
    access_of,
    case_clocks,
    case_reference,
    case_words,
    marks_of,
    require_acting,
    selectors_given,
)
from foedus.node.context import Node, note_act
from foedus.node.errors import RefusedError
from foedus.node.own_log import enter
from foedus.node.ports import Transaction
from foedus.node.ports.challenges import AccessRow, CaseKind, NewAccess
from foedus.node.ports.webhooks import EventKind
from foedus.node.subject import SubjectQuery, SubjectReport, find_subject
from foedus.node.webhooks import tell

__all__ = [
    "AccessIntake",
    "Searched",
    "access_letter",
    "answer_access",
    "forget_access",
    "list_accesses",
    "open_access",
    "search_access",
    "withdraw_access",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessIntake:
    """What is known when a person asks; as :class:`foedus.node.challenges.Intake`."""

    reference: str
    received: datetime
    values: tuple[str, ...]
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """What is held of a person, and where it went."""

    row: AccessRow
    report: SubjectReport


def open_access(node: Node, actor: Actor, intake: AccessIntake) -> AccessRow:
    """Take a request in.

    Raises:
        AccessDeniedError: The actor is neither officer nor reviewer.
        RefusedError: The reference is none, no value is given, or the day lies ahead.
    """
    require_acting(actor)
    reference, words = case_reference(intake.reference), case_words(intake.words)
    selectors = selectors_given(intake.values)
    if not selectors:
        raise RefusedError("give at least one value by which the person can be found (--value)")
    node.check_log()
    now = node.clock.now()
    if intake.received > now:
        raise RefusedError("nobody asks in the future: give the day the person turned to us")
    with node.database.write() as tx:
        sequence = tx.challenges.next_sequence(CaseKind.ACCESS, now.year)
        name = f"{node.identity.member}-S-{now.year}-{sequence:05d}"
        entry = enter(
            tx,
            node,
            {
                "kind": "access",
                "case": name,
                "user": actor.user,
                "received": instant_text(intake.received),
            },
            at=now,
        )
        number = tx.challenges.add_access(
            NewAccess(
                name=name,
                year=now.year,
                sequence=sequence,
                reference=reference,
                received=intake.received,
                due=intake.received + case_clocks(tx, node, now).subject_access,
                opened=now,
                opened_by=actor.user,
                entry_index=entry,
            ),
            words=words,
            wake=now,
        )
        tx.challenges.mark(CaseKind.ACCESS, number, marks_of(node, selectors))
        tell(
            tx, EventKind.CHALLENGE_OPENED, now, case=name, about=CaseKind.ACCESS.value, side="own"
        )
        note_act(tx, node, actor, "access.open", name)
        row = access_of(tx, number)
    node.settle()
    return row


def search_access(node: Node, actor: Actor, number: int, values: Sequence[str]) -> Searched:
    """Look for everything known here by the values the person gave (rule 2).

    Raises:
        AccessDeniedError: The actor is no data-protection officer.
        NotFoundError: There is no such request.
        RefusedError: A value is none that the person gave at intake.
        CaseCourseError: It is answered already.
    """
    require_role(actor, Role.OFFICER)
    with node.database.write() as tx:
        row = access_of(tx, number)
        state = next_access_state(row.state, AccessEvent.SEARCH)
        for value in values:
            marks = marks_of(node, selectors_given([value]))
            if (CaseKind.ACCESS, number) not in tx.challenges.marked(marks):
                raise RefusedError(f"{value[:40]!r} was not given at intake by this person")
        row = replace(row, state=state)
        tx.challenges.keep_access(row)
        note_act(tx, node, actor, "access.search", row.access.name)
    query = SubjectQuery(values=tuple(values), purpose="subject access", case=row.access.name)
    return Searched(row=row, report=find_subject(node, actor, query))


def answer_access(node: Node, actor: Actor, number: int) -> AccessRow:
    """Record that the person is answered.

    Raises:
        AccessDeniedError: The actor is neither officer nor reviewer.
        NotFoundError: There is no such request.
        CaseCourseError: Nothing was looked for yet, or it is answered already.
    """
    return _end(node, actor, number, AccessEvent.ANSWER)


def withdraw_access(node: Node, actor: Actor, number: int) -> AccessRow:
    """Record that the person took the request back; as :func:`answer_access`."""
    return _end(node, actor, number, AccessEvent.WITHDRAW)


def _end(node: Node, actor: Actor, number: int, event: AccessEvent) -> AccessRow:
    require_acting(actor)
    node.check_log()
    now = node.clock.now()
    with node.database.write() as tx:
        row = access_of(tx, number)
        state = next_access_state(row.state, event)
        enter(
            tx,
            node,
            {"kind": "access-end", "case": row.access.name, "how": state.value, "user": actor.user},
            at=now,
        )
        row = replace(row, state=state, ended=now, ended_by=actor.user, wake=None)
        tx.challenges.keep_access(row)
        tx.challenges.make_good(CaseKind.ACCESS, number, "answer", node.identity.member, at=now)
        note_act(tx, node, actor, f"access.{event.value}", row.access.name)
    node.settle()
    return row


def access_letter(node: Node, actor: Actor, number: int, letter: Letter) -> str:
    """Write a letter to the person: the same whether or not anything is held.

    Raises:
        AccessDeniedError: The actor is neither officer nor reviewer.
        NotFoundError: There is no such request.
        RefusedError: It is a letter of a challenge, or nothing is answered yet.
    """
    require_acting(actor)
    with node.database.write() as tx:
        row = access_of(tx, number)
        if letter not in {Letter.ACCESS_RECEIPT, Letter.ACCESS_ANSWER}:
            raise RefusedError("that letter is for a challenge")
        if letter is Letter.ACCESS_ANSWER and row.state is not AccessState.ANSWERED:
            raise RefusedError("it is not answered yet (`foedus challenge access answer`)")
        facts = LetterFacts(
            member=node.identity.name,
            exercise=node.identity.exercise,
            reference=row.access.reference,
            received=row.access.received,
            answer_by=row.access.due,
        )
        tx.challenges.keep_access(replace(row, done=row.done | {letter.value}))
        note_act(tx, node, actor, "access.letter", f"{row.access.name} {letter.value}")
    return letter_text(letter, facts)


def list_accesses(
    tx: Transaction, actor: Actor, *, open_only: bool, after: int, limit: int
) -> Sequence[AccessRow]:
    """Return requests by number.

    Raises:
        AccessDeniedError: The actor may not see them.
    """
    require_role(actor, *LOOKS)
    return tx.challenges.accesses(open_only=open_only, after=after, limit=limit)


def forget_access(node: Node, actor: Actor, number: int) -> bool:
    """Erase what was written of a request that has ended; as ``forget_words`` of challenges.

    Raises:
        AccessDeniedError: The actor is neither officer nor reviewer.
        NotFoundError: There is no such request.
        RefusedError: It has not ended.
    """
    require_acting(actor)
    with node.database.write() as tx:
        row = access_of(tx, number)
        if row.ended is None:
            raise RefusedError("what was written of a request is needed until it has ended")
        tx.challenges.keep_access(replace(row, words=""))
        note_act(tx, node, actor, "access.forget", row.access.name)
    return node.database.forget()
