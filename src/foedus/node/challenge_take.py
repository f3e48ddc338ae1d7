"""Take what members say of challenges: one that was sent on to us, and word on one of ours.

1. A challenge is believed for the signature of the member to whom the person turned, and blocks
   items of ours that this member was given, by us or onward. What it names besides is answered
   alike, so that no member learns by it what we hold, and blocks nothing, so that none stops what
   others were given; where it was given to others, people here are told. The days it states count
   up to the treaty's limits, and in a day a member sends no more of them than requests.
2. What is concerned is blocked here in the same unit of work; the clock orders the block at every
   holder and tells the sender.
3. More documents under one name add to it, until it is decided; the same again changes nothing.
4. Word of an originator counts for what was sent to it; a decision is not taken back by an older
   word. Word on a challenge not known here (after a loss) changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from foedus.casework.challenge import (
    CHALLENGE_STATUS_TYPE,
    CHALLENGE_TYPE,
    Challenge,
    StatusWord,
    open_challenge,
    open_challenge_status,
)
from foedus.casework.challenge_course import EXAMINED
from foedus.casework.payload import claimed_instant
from foedus.clock import instant_text
from foedus.model.identifiers import MemberId, ObjectId
from foedus.node.challenge_block import ALARM_UNKNOWN, block_here
from foedus.node.challenge_cases import challenge_of, standing_rows
from foedus.node.context import Node
from foedus.node.errors import RefusedError
from foedus.node.onward import held_by
from foedus.node.own_log import enter
from foedus.node.ports import Alarm, ItemRow, Transaction
from foedus.node.ports.challenges import (
    CaseKind,
    CaseSide,
    ChallengeRow,
    NewChallenge,
    Referral,
)
from foedus.node.ports.webhooks import EventKind
from foedus.node.webhooks import tell
from foedus.release.gate import Gate
from foedus.signing import Envelope, KeyPurpose

__all__ = ["CHALLENGE_ACTS", "take_challenge", "take_challenge_act", "take_challenge_status"]

_DAY: Final = timedelta(days=1)

CHALLENGE_ACTS: Final = frozenset({CHALLENGE_TYPE, CHALLENGE_STATUS_TYPE})
"""Payload types of what is taken here."""


def take_challenge_act(
    tx: Transaction, node: Node, gate: Gate, sender: MemberId, envelope: Envelope, at: datetime
) -> None:
    """Take a challenge, or word on one, by its payload type.

    Raises:
        ChallengeError: It is malformed or not signed by its sender.
        RefusedError: It is not for this member, or of an exercise where this is none.
    """
    take = take_challenge if envelope.payload_type == CHALLENGE_TYPE else take_challenge_status
    take(tx, node, gate, sender, envelope, at)


def take_challenge(
    tx: Transaction, node: Node, gate: Gate, sender: MemberId, envelope: Envelope, at: datetime
) -> None:
    """Take a challenge that another member sent on; idempotent.

    Raises:
        ChallengeError: It is malformed or not signed by its sender.
        NotFoundError: It is under a treaty not known here.
        RefusedError: It is between other members, of an exercise where this is none, or one too
            many in a day.
    """
    del gate  # what is sent back is sent by the clock
    signed = claimed_instant(envelope.payload, at)
    keys = node.law.view(tx).keys(sender, KeyPurpose.NODE, signed)
    told = open_challenge(envelope, keys)
    if (told.member, told.originator) != (sender, node.identity.member):
        raise RefusedError("a challenge between other members")
    if told.exercise is not node.identity.exercise:
        raise RefusedError("exercise and real never mix: the challenge says the other of the two")
    row = tx.challenges.by_name(told.name)
    if row is None:
        row = _kept(tx, node, told, at)
    elif row.state not in EXAMINED:
        return
    known = {each.handle for each in tx.challenges.concerned(row.number)}
    named, others = _named(tx, node, sender, told.ids)
    if others:
        tx.alarms.set(
            Alarm(
                code=ALARM_UNKNOWN,
                subject=told.name,
                text=f"{told.name} names {others} items of ours that {sender} was not given as far "
                f"as is known here: not blocked; look at it (`foedus challenge show {row.number}`)",
                since=at,
            )
        )
    fresh = [each for each in named if each.handle not in known]
    if fresh:
        block_here(tx, row.number, fresh, at)
        tx.challenges.keep(replace(row, wake=at))


def _kept(tx: Transaction, node: Node, told: Challenge, at: datetime) -> ChallengeRow:
    clocks = node.law.view(tx).treaty(told.treaty).treaty.clocks
    if tx.challenges.sent_since(told.member, at - _DAY) >= clocks.requests_a_day:
        raise RefusedError(
            f"{told.member} sent {clocks.requests_a_day} challenges within a day, and the treaty "
            "lets it send no more"
        )
    entry = enter(
        tx,
        node,
        {
            "kind": "challenge",
            "challenge": told.name,
            "sender": told.member,
            "received": instant_text(told.received),
        },
        at=at,
    )
    _, _, year, sequence = told.name.rsplit("-", 3)
    number = tx.challenges.add(
        NewChallenge(
            name=told.name,
            year=int(year),
            sequence=int(sequence),
            side=CaseSide.REFERRED,
            sender=told.member,
            treaty=told.treaty,
            reference="",
            received=told.received,
            block_due=min(told.block, at + clocks.challenge_block),
            decide_due=min(told.decide, at + clocks.challenge_decide),
            opened=at,
            opened_by="",
            entry_index=entry,
        ),
        words="",
        wake=at,
    )
    tell(
        tx,
        EventKind.CHALLENGE_OPENED,
        at,
        case=told.name,
        about=CaseKind.CHALLENGE.value,
        side=CaseSide.REFERRED.value,
    )
    return challenge_of(tx, number)


def _named(
    tx: Transaction, node: Node, sender: MemberId, ids: Sequence[ObjectId]
) -> tuple[list[ItemRow], int]:
    """Return every version of items of ours that these ids name and the sender was given (rule 1).

    And of how many it was given no version, though others were.
    """
    handles: set[int] = set()
    others: set[ObjectId] = set()
    for name in ids:
        given: dict[int, int] = {}  # what was given, the redacted form too → the item
        for row in tx.items.by_object_id(name):
            if row.key.originator == node.identity.member:
                given[row.handle] = row.handle if row.variant_of is None else row.variant_of
        has = {*held_by(tx, sender, sorted({*given, *given.values()}))}
        known = {of for handle, of in given.items() if handle in has or of in has}
        handles.update(known)
        if not known and any(tx.feeds.disclosures(of) for of in given.values()):
            others.add(name)
    return standing_rows(tx, tx.challenges.versions(handles)), len(others)


def take_challenge_status(
    tx: Transaction, node: Node, gate: Gate, sender: MemberId, envelope: Envelope, at: datetime
) -> None:
    """Take an originator's word on a challenge we sent on; idempotent, in any order.

    Raises:
        ChallengeError: It is malformed or not signed by its sender.
        RefusedError: It is between other members.
    """
    del gate  # nothing is sent back
    signed = claimed_instant(envelope.payload, at)
    keys = node.law.view(tx).keys(sender, KeyPurpose.NODE, signed)
    told = open_challenge_status(envelope, keys)
    if (told.member, told.originator) != (node.identity.member, sender):
        raise RefusedError("word on a challenge between other members")
    row = tx.challenges.by_name(told.name)
    if row is None or row.challenge.side is not CaseSide.OWN:
        return
    before = next(
        (each for each in tx.challenges.referrals(row.number) if each.member == sender), None
    )
    if before is None or before.answered is not None:
        return
    tx.challenges.note_word(row.number, _after(before, told.word, told.at))
    done = ("block",) if told.word is StatusWord.BLOCKED else ("block", "decide")
    for what in done:
        tx.challenges.make_good(CaseKind.CHALLENGE, row.number, what, sender, at=told.at)
    tx.challenges.keep(replace(row, wake=at))


def _after(before: Referral, word: StatusWord, at: datetime) -> Referral:
    blocked = before.blocked or at
    answered = None if word is StatusWord.BLOCKED else at
    return replace(before, word=word, blocked=blocked, answered=answered)
