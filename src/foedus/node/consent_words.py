"""What other members say of consents: a request, an answer, a withdrawal; and what time says.

Every taking is idempotent and safe in any order: an answer to a request that was lost is taken for
the consent in it, and a withdrawal that comes before its consent keeps it from counting. What is
not answered when it is due is a no (:func:`settle_consents`), on both sides, by the clock alone.

Spec: design §2 rules 4 and 11, §3; Convention Articles 14 (5), 15 (4), 17 (2).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

from foedus.casework.consent_case import (
    ANSWER_TYPE,
    REQUEST_TYPE,
    WITHDRAWAL_TYPE,
    ConsentAnswer,
    ConsentRequest,
    ConsentWithdrawal,
    open_answer,
    open_request,
    open_withdrawal,
    payload_digest,
)
from foedus.casework.consent_course import ConsentEvent, ConsentState, next_state
from foedus.casework.payload import claimed_instant
from foedus.model.identifiers import ItemKey, MemberId
from foedus.node.consents import take_sent, withdraw_in
from foedus.node.context import Node
from foedus.node.errors import RefusedError
from foedus.node.own_log import enter
from foedus.node.ports import Alarm, ItemRow, ItemState, Transaction
from foedus.node.ports.onward import ConsentRequestRow, NewConsentRequest
from foedus.release.gate import Gate
from foedus.signing import Envelope, KeyPurpose, PublicKey

__all__ = [
    "ASKED",
    "CONSENT_WORDS",
    "GIVEN",
    "UNANSWERED",
    "note_taken_back",
    "settle_consents",
    "take_answer",
    "take_request",
    "take_withdrawal",
    "take_word",
]

ASKED: Final = "consent.asked"
"""The alarm that a request waits for an answer here; its subject is the number of the request."""

UNANSWERED: Final = "consent.unanswered"
"""The alarm that a request of ours was not answered in time; its subject is the request's number.

It ends with an answer that comes late, with asking anew, or when the consent is needed no more."""

GIVEN: Final = frozenset({ItemState.HELD, ItemState.VARIANT, ItemState.RESTRICTED})
"""States of what may have been given and still stands here."""

_AT_ONCE: Final = 500


def take_word(
    tx: Transaction, node: Node, sender: MemberId, envelope: Envelope, at: datetime
) -> None:
    """Take what another member says of a consent, by the payload type of its envelope.

    Args:
        tx: A writing transaction.
        node: The node.
        sender: Whose lane it came in.
        envelope: Untrusted; its type is one of :data:`CONSENT_WORDS`.
        at: The instant of the act.

    Raises:
        CaseworkError: It is malformed, or the sender did not sign it.
        ConsentError: It holds a consent that is none of the sender's.
        NotFoundError: It names an item or treaty that is not known here.
        RefusedError: It is between other members, or fits nothing here.
    """
    CONSENT_WORDS[envelope.payload_type](tx, node, sender, envelope, at)


def take_request(
    tx: Transaction, node: Node, sender: MemberId, envelope: Envelope, at: datetime
) -> None:
    """Take a holder's request for a consent; the same request again changes nothing.

    Args:
        tx: A writing transaction.
        node: The node of the item's originator.
        sender: Whose lane it came in.
        envelope: Untrusted.
        at: The instant of the act.

    Raises:
        ConsentCaseError: It is malformed, or the sender did not sign it.
        NotFoundError: The treaty is not known here.
        RefusedError: It is between other members, names nothing that its sender was given (absent
            and not given look alike), gives less time than the treaty, or is one too many.
    """
    asked = open_request(envelope, _keys(tx, node, sender, envelope, at))
    _between(node, asked, (asked.asker, asked.originator), sender)
    key = ItemKey(originator=node.identity.member, object_id=asked.item, version=asked.version)
    row = tx.items.by_key(key)
    if (
        row is None
        or row.state not in GIVEN
        or row.content_hash != asked.sha256
        or not _has(tx, sender, row)
    ):
        raise RefusedError("a consent is asked for what the asker was not given")
    _check_bounds(tx, node, asked, payload_digest(envelope))
    number = tx.onward.ask(
        NewConsentRequest(
            digest=payload_digest(envelope),
            ours=False,
            member=sender,
            item=row.handle,
            recipient=asked.recipient,
            treaty=asked.treaty,
            purpose=asked.purpose,
            life=asked.life,
            until=asked.until,
            at=asked.at,
            due=asked.due,
        )
    )
    if number is None:
        return
    life = "; a life is in danger" if asked.life else ""
    tx.alarms.set(
        Alarm(
            code=ASKED,
            subject=str(number),
            text=f"{sender} asks until {asked.due:%Y-%m-%d %H:%M} whether it may pass an item of "
            f"ours on to {asked.recipient}{life}: `foedus consent inbox`",
            since=at,
        )
    )


def _check_bounds(tx: Transaction, node: Node, asked: ConsentRequest, digest: str) -> None:
    """Refuse a request that gives less time than was agreed, or one too many that waits."""
    clocks = node.law.view(tx).treaty(asked.treaty).treaty.clocks
    if asked.due - asked.at < (clocks.consent_life if asked.life else clocks.consent):
        raise RefusedError("a consent is asked for with less time to answer than the treaty gives")
    most = clocks.requests_a_day
    if tx.onward.waiting_of(asked.asker) >= most and tx.onward.request_by_digest(digest) is None:
        raise RefusedError(f"{most} requests of {asked.asker} for consents wait here already")


def _has(tx: Transaction, member: MemberId, row: ItemRow) -> bool:
    """Whether a member has exactly this row of ours, from us or by another's hand."""
    if member in tx.recovery.pending():
        return True
    if any(
        each.handle == row.handle and each.recipient == member
        for each in tx.feeds.disclosures(row.handle if row.variant_of is None else row.variant_of)
    ):
        return True
    return any(holder == member for holder, _, _ in tx.onward.onward_of(row.handle))


def take_answer(
    tx: Transaction, node: Node, sender: MemberId, envelope: Envelope, at: datetime
) -> None:
    """Take an originator's answer; the same answer again changes nothing.

    Raises:
        ConsentCaseError: It is malformed, or the sender did not sign it.
        ConsentError: The consent in it is none of the sender's.
        NotFoundError: The treaty its consent names is not known here.
        RefusedError: It is between other members, answers a request that was made of another, or
            its consent fits nothing here.
    """
    answer = open_answer(envelope, _keys(tx, node, sender, envelope, at))
    _between(node, answer, (answer.originator, answer.asker), sender)
    row = tx.onward.request_by_digest(answer.request)
    if row is not None and (not row.request.ours or row.request.member != sender):
        raise RefusedError("an answer to what was asked of another member")
    if answer.consent is None:
        if row is not None and row.state in {ConsentState.ASKED, ConsentState.EXPIRED}:
            ground = "" if answer.ground is None else answer.ground.value
            state = next_state(row.state, ConsentEvent.REFUSE)
            tx.onward.settle_request(row.number, state, at=answer.at, by="", ground=ground)
            tx.alarms.clear(UNANSWERED, str(row.number))
        return
    digest = payload_digest(answer.consent)
    if tx.onward.is_withdrawn(digest, sender):
        _settle(tx, row, (ConsentEvent.GIVE, ConsentEvent.WITHDRAW), answer.at, None)
        return
    known = take_sent(tx, node, answer.consent)
    if known is None:
        _settle(tx, row, (ConsentEvent.GIVE, ConsentEvent.END), answer.at, None)
        return
    if known.consent.item.originator != sender:
        raise RefusedError("a consent of another member's")
    _settle(tx, row, (ConsentEvent.GIVE,), answer.at, (known.number, digest))


def _settle(
    tx: Transaction,
    row: ConsentRequestRow | None,
    events: Sequence[ConsentEvent],
    at: datetime,
    consent: tuple[int, str] | None,
) -> None:
    """Lead a request of ours through events, if it still waits for them."""
    if row is None or row.state not in {ConsentState.ASKED, ConsentState.EXPIRED}:
        return
    state: ConsentState = row.state
    for event in events:
        state = next_state(state, event)
    tx.onward.settle_request(row.number, state, at=at, by="", consent=consent)
    tx.alarms.clear(UNANSWERED, str(row.number))


def take_withdrawal(
    tx: Transaction, node: Node, sender: MemberId, envelope: Envelope, at: datetime
) -> None:
    """Take an originator's word that a consent of its own counts no more; idempotent.

    Raises:
        ConsentCaseError: It is malformed, or the sender did not sign it.
        RefusedError: It is between other members, or the consent is not the sender's.
    """
    word = open_withdrawal(envelope, _keys(tx, node, sender, envelope, at))
    _between(node, word, (word.originator, word.holder), sender)
    row = tx.grounds.consent_by_digest(word.consent)
    if row is not None and row.consent.item.originator != sender:
        raise RefusedError("a consent is taken back by its originator")
    if not tx.onward.note_withdrawn(word.consent, sender, at=word.at):
        return
    if row is not None and row.withdrawn is None:
        withdraw_in(tx, node, row.number, by=sender)
    note_taken_back(tx, word.consent, by="", at=word.at)


def note_taken_back(tx: Transaction, digest: str, *, by: str, at: datetime) -> None:
    """Lead the requests that a consent answered to their end, as it was taken back."""
    for each in tx.onward.requests_for(digest):
        if each.state in {ConsentState.GIVEN, ConsentState.RUN_OUT}:
            state = next_state(each.state, ConsentEvent.WITHDRAW)
            tx.onward.settle_request(each.number, state, at=at, by=by)


def settle_consents(node: Node, gate: Gate) -> int:  # noqa: ARG001 - a step of the clock
    """Let what is due and unanswered be a no, and consents run out; returns how many changed.

    A step of the clock: it writes only where something is due.
    """
    now = node.clock.now()
    with node.database.read() as tx:
        if not (
            tx.onward.overdue_requests(now, limit=1)
            or tx.onward.lapsed_requests(now, limit=1)
            or _needed_no_more(tx, now)
        ):
            return 0
    changed = 0
    with node.database.write() as tx:
        for number in _needed_no_more(tx, now):
            tx.alarms.clear(UNANSWERED, number)
        for row in tx.onward.overdue_requests(now, limit=_AT_ONCE):
            state = next_state(row.state, ConsentEvent.SILENCE)
            tx.onward.settle_request(row.number, state, at=now, by="")
            if row.request.ours:
                tx.alarms.set(
                    Alarm(
                        code=UNANSWERED,
                        subject=str(row.number),
                        text=f"{row.request.member} did not say by {row.request.due:%Y-%m-%d %H:%M}"
                        f" whether an item of its own may be passed on to {row.request.recipient}: "
                        "silence is no (`foedus consent requests`)",
                        since=now,
                    )
                )
            else:
                tx.alarms.clear(ASKED, str(row.number))
                enter(
                    tx,
                    node,
                    {
                        "kind": "consent-silence",
                        "member": node.identity.member,
                        "asker": row.request.member,
                        "request": row.number,
                    },
                    at=now,
                )
            changed += 1
        for row in tx.onward.lapsed_requests(now, limit=_AT_ONCE):
            state = next_state(row.state, ConsentEvent.END)
            tx.onward.settle_request(row.number, state, at=now, by="")
            changed += 1
    node.settle()
    return changed


def _needed_no_more(tx: Transaction, now: datetime) -> list[str]:
    """Return the alarms about requests of ours whose consent would have run out by now."""
    found = []
    for each in tx.alarms.open():
        row = tx.onward.request(int(each.subject)) if each.code == UNANSWERED else None
        if row is not None and row.request.until <= now:
            found.append(each.subject)
    return found


def _keys(
    tx: Transaction, node: Node, sender: MemberId, envelope: Envelope, at: datetime
) -> tuple[PublicKey, ...]:
    signed = claimed_instant(envelope.payload, at)
    return tuple(node.law.view(tx).keys(sender, KeyPurpose.NODE, signed))


def _between(
    node: Node,
    word: ConsentRequest | ConsentAnswer | ConsentWithdrawal,
    members: tuple[MemberId, MemberId],
    sender: MemberId,
) -> None:
    """Check that a document goes from its sender to this member, of the same exercise or none."""
    if members != (sender, node.identity.member):
        raise RefusedError("a document on a consent between other members")
    if word.exercise is not node.identity.exercise:
        raise RefusedError("exercise and real never mix: the document says the other of the two")


CONSENT_WORDS: Final[
    Mapping[str, Callable[[Transaction, Node, MemberId, Envelope, datetime], None]]
] = MappingProxyType(
    {REQUEST_TYPE: take_request, ANSWER_TYPE: take_answer, WITHDRAWAL_TYPE: take_withdrawal}
)
"""Payload type → who takes such a document."""
