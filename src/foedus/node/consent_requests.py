"""Consents by the feed: a holder asks, the originator answers, takes back; silence is no.

1. Whoever holds an item of another asks its originator (:func:`ask_consent`) by a signed request in
   the order lane, which names the version, whom it would be passed on to, under which treaty, for
   what purpose and by when an answer is due. How long that is the treaty says; where a life is in
   danger it is an hour.
2. At the originator it stands in the inbox and as an alarm. An officer or a supervisor gives a
   consent, on conditions if need be (:func:`give_requested`), or refuses on a ground of the closed
   list (:func:`refuse_request`).
3. The answer holds the consent itself, which the asker verifies as it verifies a file.
4. What is not answered when it is due is a no, on both sides, by the clock alone. That it let the
   time pass stands in the originator's own log.
5. The originator takes a consent back for the future (:func:`withdraw_given`); the holders it may
   have reached are told, and count it no more.

How each of these words is taken by the other side is in :mod:`foedus.node.consent_words`.

Spec: design §2 rules 4 and 11, §6; Convention Articles 14 (5), 15 (4), 17 (2).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from foedus.access import Actor, Role, require_role
from foedus.casework.consent_case import (
    ConsentAnswer,
    ConsentGround,
    ConsentRequest,
    ConsentWithdrawal,
    payload_digest,
    sign_answer,
    sign_request,
    sign_withdrawal,
)
from foedus.casework.consent_course import ConsentEvent, ConsentState, next_state
from foedus.model.identifiers import MemberId, TreatyId
from foedus.model.kinds import FoedusKind, wrap_object
from foedus.node.audience import audience
from foedus.node.consent_words import ASKED, GIVEN, UNANSWERED, note_taken_back
from foedus.node.consents import (
    CONSENTERS,
    Bounds,
    GivenConsent,
    give_in,
    withdraw_in,
)
from foedus.node.context import Node, note_act
from foedus.node.dispatch import LANE_ORDERS, send_documents
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.find import resolve
from foedus.node.ports import ConsentRow, ItemRow, ItemState, Transaction
from foedus.node.ports.onward import ConsentRequestRow, NewConsentRequest
from foedus.node.recovering import refuse_lane
from foedus.node.wish import Wish
from foedus.release.consent import ConsentCondition
from foedus.release.gate import Gate
from foedus.signing import Envelope

__all__ = [
    "ask_consent",
    "give_requested",
    "list_requests",
    "refuse_request",
    "withdraw_given",
]

_ASKERS: Final = (Role.ANALYST, Role.OFFICER, Role.SUPERVISOR)


def ask_consent(
    node: Node, actor: Actor, gate: Gate, reference: str, wish: Wish, *, until: datetime
) -> ConsentRequestRow:
    """Ask an originator whether an item of its own may be passed on.

    Args:
        node: The node.
        actor: An analyst, officer or supervisor.
        gate: For the request.
        reference: The item, by local number or id.
        wish: Treaty, purpose and the one member to whom it would be passed on; with threat to life
            if a life is in danger.
        until: Until when the consent is needed; aware.

    Raises:
        AccessDeniedError: The actor has none of these roles.
        NotFoundError: There is no such item or treaty.
        RecoveringError: The originator's lanes are still to be rebuilt.
        RefusedError: It is our own item, is not held, came on the condition not to be passed on,
            the originator is not introduced here, or the recipient is no party or the originator.
    """
    require_role(actor, *_ASKERS)
    now = node.clock.now()
    if until <= now or len(wish.recipients) != 1:
        raise RefusedError("a consent is asked for one member, until an instant still to come")
    node.check_log()
    with node.database.write() as tx:
        view = node.law.view(tx)
        [recipient] = audience(node, view, wish)
        row = _askable(tx, node, reference, recipient)
        clocks = view.treaty(wish.treaty).treaty.clocks
        due = now + (clocks.consent_life if wish.threat_to_life else clocks.consent)
        envelope = sign_request(
            ConsentRequest(
                exercise=node.identity.exercise,
                asker=node.identity.member,
                originator=row.key.originator,
                item=row.key.object_id,
                version=row.key.version,
                sha256=row.content_hash,
                recipient=recipient,
                treaty=wish.treaty,
                purpose=wish.purpose,
                life=wish.threat_to_life,
                until=until,
                at=now,
                due=due,
            ),
            node.identity.node,
        )
        asked = NewConsentRequest(
            digest=payload_digest(envelope),
            ours=True,
            member=row.key.originator,
            item=row.handle,
            recipient=recipient,
            treaty=wish.treaty,
            purpose=wish.purpose,
            life=wish.threat_to_life,
            until=until,
            at=now,
            due=due,
        )
        number = tx.onward.ask(asked)
        if number is None:
            raise RefusedError("that was asked at this very instant already")
        _asked_anew(tx, asked)
        _send(tx, node, gate, FoedusKind.REQUEST, envelope, [row.key.originator], wish.treaty)
        note_act(tx, node, actor, "consent.ask", f"{row.key.originator} request {number}")
        done = _stored(tx, number)
    node.settle()
    return done


def _asked_anew(tx: Transaction, asked: NewConsentRequest) -> None:
    """Close the alarms about earlier requests for the same, which were not answered."""
    for each in tx.alarms.open():
        row = tx.onward.request(int(each.subject)) if each.code == UNANSWERED else None
        same = row is not None and (row.request.item, row.request.recipient) == (
            asked.item,
            asked.recipient,
        )
        if same:
            tx.alarms.clear(UNANSWERED, each.subject)


def _askable(tx: Transaction, node: Node, reference: str, recipient: MemberId) -> ItemRow:
    [*rows] = resolve(tx, reference)
    if len(rows) != 1:
        raise RefusedError(f"{reference} names {len(rows)} items; ask for one of them")
    [row] = rows
    originator = row.key.originator
    if originator == node.identity.member:
        raise RefusedError("it is our own item: we need nobody's consent")
    if row.state is not ItemState.HELD:
        raise RefusedError(f"{reference} is {row.state}: only what is held is passed on")
    if recipient == originator:
        raise RefusedError(f"{recipient} is its originator, and has it")
    if tx.peers.get(originator) is None:
        raise RefusedError(f"{originator} is not introduced here: ask it in another way")
    bound = tx.onward.conditions([row.handle]).get(row.handle, ())
    if any(ConsentCondition.NO_FURTHER in each.words for each in bound):
        raise RefusedError(
            f"it came on the condition that it is not passed on further; {recipient} may ask "
            f"{originator}"
        )
    return row


def list_requests(
    tx: Transaction, *, ours: bool | None, waiting: bool, after: int, limit: int
) -> Sequence[tuple[ConsentRequestRow, ItemRow]]:
    """Return requests with their items, by number; see :meth:`OnwardStore.requests`."""
    found = tx.onward.requests(ours=ours, waiting=waiting, after=after, limit=limit)
    items = {row.handle: row for row in tx.items.rows(sorted({e.request.item for e in found}))}
    return [(each, items[each.request.item]) for each in found if each.request.item in items]


def give_requested(
    node: Node,
    actor: Actor,
    gate: Gate,
    number: int,
    *,
    until: datetime | None = None,
    conditions: Collection[ConsentCondition] = (),
    keep_until: datetime | None = None,
) -> GivenConsent:
    """Give the consent that a holder asked for, and send it.

    Args:
        node: The node.
        actor: An officer or a supervisor.
        gate: For the answer.
        number: Of the request.
        until: When the consent runs out; as long as it was asked for, if None.
        conditions: What binds whoever is passed the copy.
        keep_until: When that copy ends; None where nothing is said.

    Raises:
        AccessDeniedError: The actor is neither officer nor supervisor.
        NotFoundError: There is no such request.
        RefusedError: It is our own, was answered, was due, or could never help.
    """
    require_role(actor, *CONSENTERS)
    node.check_log()
    with node.database.write() as tx:
        row = _open_request(tx, node, number)
        asked = row.request
        [item] = tx.items.rows([asked.item])
        if item.state not in GIVEN:
            raise RefusedError("what was asked about stands here no more")
        wish = Wish(treaty=asked.treaty, purpose=asked.purpose, recipients=(asked.recipient,))
        bounds = Bounds(
            until=until or asked.until, conditions=frozenset(conditions), keep_until=keep_until
        )
        given = give_in(tx, node, actor, item, wish, bounds)
        _answer(tx, node, gate, row, given)
        tx.onward.settle_request(
            number,
            next_state(row.state, ConsentEvent.GIVE),
            at=node.clock.now(),
            by=actor.user,
            consent=(given.number, given.consent.digest),
        )
        tx.alarms.clear(ASKED, str(number))
    node.settle()
    return GivenConsent(row=given, file=given.consent.envelope, title=item.title)


def refuse_request(
    node: Node, actor: Actor, gate: Gate, number: int, ground: ConsentGround
) -> ConsentRequestRow:
    """Refuse a consent that a holder asked for, on a ground, and say so.

    Raises:
        AccessDeniedError: The actor is neither officer nor supervisor.
        NotFoundError: There is no such request.
        RefusedError: It is our own, was answered, or was due.
    """
    require_role(actor, *CONSENTERS)
    node.check_log()
    with node.database.write() as tx:
        row = _open_request(tx, node, number)
        _answer(tx, node, gate, row, ground)
        tx.onward.settle_request(
            number,
            next_state(row.state, ConsentEvent.REFUSE),
            at=node.clock.now(),
            by=actor.user,
            ground=ground.value,
        )
        tx.alarms.clear(ASKED, str(number))
        note_act(tx, node, actor, "consent.refuse", f"request {number}: {ground.value}")
        done = _stored(tx, number)
    node.settle()
    return done


def _open_request(tx: Transaction, node: Node, number: int) -> ConsentRequestRow:
    row = _stored(tx, number)
    if row.request.ours:
        raise RefusedError("this request is our own; its answer comes from the originator")
    if row.state is not ConsentState.ASKED:
        raise RefusedError(f"request {number} is {row.state} already")
    if row.request.due <= node.clock.now():
        raise RefusedError(
            f"request {number} was due on {row.request.due:%Y-%m-%d %H:%M}: silence was a no; "
            f"{row.request.member} may ask anew"
        )
    return row


def _answer(
    tx: Transaction,
    node: Node,
    gate: Gate,
    row: ConsentRequestRow,
    said: ConsentRow | ConsentGround,
) -> None:
    from foedus.node.grounds import read_envelope  # noqa: PLC0415

    envelope = sign_answer(
        ConsentAnswer(
            exercise=node.identity.exercise,
            originator=node.identity.member,
            asker=row.request.member,
            request=row.request.digest,
            consent=read_envelope(said.consent.envelope) if isinstance(said, ConsentRow) else None,
            ground=said if isinstance(said, ConsentGround) else None,
            at=node.clock.now(),
        ),
        node.identity.node,
    )
    asker, treaty = row.request.member, row.request.treaty
    _send(tx, node, gate, FoedusKind.ANSWER, envelope, [asker], treaty)


def withdraw_given(node: Node, actor: Actor, gate: Gate, number: int) -> tuple[ConsentRow, int]:
    """Take a consent back for the future, and tell the holders if it is one we gave.

    Args:
        node: The node.
        actor: An officer or a supervisor.
        gate: For what is sent.
        number: Of the consent. One that was taken counts no more on this node.

    Returns:
        The consent, and how many members are told.

    Raises:
        AccessDeniedError: The actor is neither officer nor supervisor.
        NotFoundError: There is no such consent.
        RefusedError: It was withdrawn before.
    """
    require_role(actor, *CONSENTERS)
    node.check_log()
    now = node.clock.now()
    with node.database.write() as tx:
        done = withdraw_in(tx, node, number, by=actor.user)
        note_act(tx, node, actor, "withdraw-consent", f"consent {number}")
        told: list[MemberId] = []
        if done.consent.given:
            note_taken_back(tx, done.consent.digest, by=actor.user, at=now)
            told = _may_hold(tx, done)
            for holder in told:
                envelope = sign_withdrawal(
                    ConsentWithdrawal(
                        exercise=node.identity.exercise,
                        originator=node.identity.member,
                        holder=holder,
                        consent=done.consent.digest,
                        at=now,
                    ),
                    node.identity.node,
                )
                _send(tx, node, gate, FoedusKind.ANSWER, envelope, [holder], done.consent.treaty)
    node.settle()
    return done, len(told)


def _may_hold(tx: Transaction, row: ConsentRow) -> list[MemberId]:
    """Return whom a consent we gave may have reached: who asked, else everyone given the item."""
    asked = {each.request.member for each in tx.onward.requests_for(row.consent.digest)}
    if asked:
        return sorted(asked)
    item = tx.items.by_key(row.consent.item)
    if item is None:
        return []
    of = item.handle if item.variant_of is None else item.variant_of
    given = {each.recipient for each in tx.feeds.disclosures(of)}
    given |= {holder for holder, _, _ in tx.onward.onward_of(item.handle)}
    return sorted(given - {row.consent.recipient})


def _send(
    tx: Transaction,
    node: Node,
    gate: Gate,
    kind: FoedusKind,
    envelope: Envelope,
    recipients: Sequence[MemberId],
    treaty: TreatyId,
) -> None:
    now = node.clock.now()
    for each in recipients:
        refuse_lane(tx, each)  # it would be left out, and nobody would be told
    document = wrap_object(kind, envelope.document(), payload=envelope.payload, issued=now)
    send_documents(
        tx,
        node.identity,
        gate,
        [document],
        recipients=recipients,
        lane=LANE_ORDERS,
        treaty=treaty,
        at=now,
    )


def _stored(tx: Transaction, number: int) -> ConsentRequestRow:
    row = tx.onward.request(number)
    if row is None:
        raise NotFoundError(f"there is no request {number}; `foedus consent inbox` or `requests`")
    return row
