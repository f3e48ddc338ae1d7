"""Consents to passing an item on: given by its originator, taken by its holder.

The originator's officer signs a consent to exactly one item version, recipient, treaty and purpose
(:func:`give_consent`). It is a file: the holder takes it (:func:`take_consent`), which verifies the
signature by the keys that speak for the originator and that it names exactly the bytes held here.
From then on it counts in every decision (:mod:`foedus.node.grounds`) and travels with what is
passed on, so that the recipient verifies it too.

A consent may also be asked for, given and taken by the feed (:mod:`foedus.node.consent_requests`);
what is checked is the same, and done here.

An officer or a supervisor gives, takes and withdraws: the officer answers for the persons an item
is about, the supervisor for what leaves. A withdrawal holds on the node where it is made; the
originator's travels to the holders.

Each is entered in the log, as a salted commitment, and stored, in one unit of work. The journal of
acts, which no erasure reaches, names a consent by its number here.

Spec: design §2 rule 4, §6.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from foedus.access import Actor, Role, require_role
from foedus.canonical import canonical_bytes
from foedus.clock import instant_text
from foedus.model.identifiers import IdentifierError, object_id
from foedus.model.terms import parse_terms
from foedus.node.audience import audience
from foedus.node.context import Node, note_act
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.find import resolve
from foedus.node.grounds import read_envelope
from foedus.node.lawbook import LawView
from foedus.node.own_log import enter, enter_bytes
from foedus.node.ports import ConsentRow, ItemRow, ItemState, NewConsent, Transaction
from foedus.node.wish import Wish
from foedus.release.consent import (
    Consent,
    ConsentCondition,
    claimed_originator,
    open_consent,
    sign_consent,
)
from foedus.release.errors import ConsentError
from foedus.signing import Envelope, EnvelopeError, KeyPurpose
from foedus.treaty.payload import read_payload

__all__ = [
    "CONSENTERS",
    "Bounds",
    "GivenConsent",
    "bounds_of",
    "give_consent",
    "give_in",
    "list_consents",
    "take_consent",
    "take_in",
    "take_sent",
    "withdraw_consent",
    "withdraw_in",
]

CONSENTERS: Final = (Role.OFFICER, Role.SUPERVISOR)
"""Who gives, takes and withdraws."""

_GIVEN: Final = frozenset({ItemState.HELD, ItemState.VARIANT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Within what a consent is given.

    Attributes:
        until: When the consent runs out; aware.
        conditions: What binds whoever is passed the copy.
        keep_until: When that copy ends; None where nothing is said.
    """

    until: datetime
    conditions: frozenset[ConsentCondition] = frozenset()
    keep_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenConsent:
    """A consent as it was given or taken.

    Attributes:
        row: What is stored.
        file: What the holder is sent: canonical JSON of the envelope.
        title: Title of the item here.
    """

    row: ConsentRow
    file: bytes
    title: str


def give_consent(
    node: Node,
    actor: Actor,
    reference: str,
    wish: Wish,
    *,
    until: datetime,
    sha256: str = "",
    conditions: frozenset[ConsentCondition] = frozenset(),
    keep_until: datetime | None = None,
) -> GivenConsent:
    """Consent to an item of ours being passed on.

    Args:
        node: The node.
        actor: An officer or a supervisor.
        reference: Local number or STIX id; also the id of a redacted variant that was given, since
            that is what its holder holds.
        wish: Treaty, purpose and the one member to whom it may be passed on.
        until: When the consent runs out; aware.
        sha256: Content hash of what the holder holds, as it asks with it: that version and no
            other; empty for the newest.
        conditions: What binds whoever is passed the copy.
        keep_until: When that copy ends; None where nothing is said.

    Raises:
        AccessDeniedError: The actor is neither officer nor supervisor.
        NotFoundError: There is no such item or treaty.
        RefusedError: The item is not ours, the member no party, the treaty or purpose not one of
            the item's terms, or an end has passed.
    """
    require_role(actor, *CONSENTERS)
    bounds = Bounds(until=until, conditions=conditions, keep_until=keep_until)
    if until <= node.clock.now():
        raise RefusedError("a consent runs out later than now")
    if len(wish.recipients) != 1:
        raise RefusedError("a consent names one member to whom the item may be passed on")
    node.check_log()
    with node.database.write() as tx:
        audience(node, node.law.view(tx), wish)
        row = _own_item(tx, node, reference, sha256)
        stored = give_in(tx, node, actor, row, wish, bounds)
    node.settle()
    return GivenConsent(row=stored, file=stored.consent.envelope, title=row.title)


def give_in(
    tx: Transaction, node: Node, actor: Actor, row: ItemRow, wish: Wish, bounds: Bounds
) -> ConsentRow:
    """Sign and keep a consent within the caller's unit of work.

    Args:
        tx: A writing transaction.
        node: The node.
        actor: Who consents; the caller checked the role.
        row: The item version of ours, or the redacted form given of it.
        wish: Treaty, purpose and the one member to whom it may be passed on.
        bounds: For how long, and on what conditions.

    Raises:
        NotFoundError: There is no such treaty.
        RefusedError: The member is no party, the treaty or purpose not one of the item's terms, an
            end has passed, or an order of ours keeps the item from being given.
    """
    now = node.clock.now()
    if bounds.until <= now or (bounds.keep_until is not None and bounds.keep_until <= now):
        raise RefusedError("a consent and the copy given under it end later than now")
    [recipient] = audience(node, node.law.view(tx), wish)
    _check_terms(tx, row, wish)
    of = row.handle if row.variant_of is None else row.variant_of
    for order in tx.orders.barred(recipient, [of], at=now).values():
        raise RefusedError(f"order {order} keeps the item from being given: nothing is consented")
    envelope = sign_consent(
        Consent(
            exercise=node.identity.exercise,
            item=row.key,
            sha256=row.content_hash,
            user=actor.user,
            recipient=recipient,
            treaty=wish.treaty,
            purpose=wish.purpose,
            at=now,
            until=bounds.until,
            conditions=tuple(sorted(bounds.conditions)),
            keep_until=bounds.keep_until,
        ),
        node.identity.node,
    )
    consent = open_consent(envelope, (node.identity.node.public,))
    number = _keep(tx, node, consent, envelope, given=True, at=now)
    note_act(tx, node, actor, "consent", f"{recipient} consent {number}")
    return _stored(tx, number)


def take_consent(node: Node, actor: Actor, file: bytes) -> GivenConsent:
    """Take a consent that an originator gave; taking the same one again changes nothing.

    Args:
        node: The node.
        actor: An officer or a supervisor.
        file: Untrusted bytes.

    Raises:
        AccessDeniedError: The actor is neither officer nor supervisor.
        ConsentError: It is no consent, or no key that speaks for the originator signed it.
        NotFoundError: The item or the treaty is not known here.
        RefusedError: It is of an exercise and this node is not, or the reverse; it names other
            bytes than are held; it has run out, was withdrawn here, or concerns our own item.
    """
    require_role(actor, *CONSENTERS)
    try:
        envelope = read_envelope(file)
    except EnvelopeError as error:
        raise ConsentError(f"this file is no consent: {error}") from error
    node.check_log()
    with node.database.write() as tx:
        stored, new, title = take_in(tx, node, envelope)
        if new:
            subject = f"{stored.consent.recipient} consent {stored.number}"
            note_act(tx, node, actor, "take-consent", subject)
    node.settle()
    return GivenConsent(row=stored, file=stored.consent.envelope, title=title)


def take_in(tx: Transaction, node: Node, envelope: Envelope) -> tuple[ConsentRow, bool, str]:
    """Take a consent to an item held here within the caller's unit of work.

    Returns:
        What is stored, whether it is new, and the title of the item.

    Raises:
        ConsentError: It is no consent, or no key that speaks for the originator signed it.
        NotFoundError: The item or the treaty is not known here.
        RefusedError: As for :func:`take_consent`.
    """
    now = node.clock.now()
    consent = _opened(node.law.view(tx), envelope, now)
    row = _held_item(tx, node, consent, now)
    digest = _digest(envelope)
    before = tx.grounds.consent_by_digest(digest)
    if before is None:
        if tx.onward.is_withdrawn(digest, consent.item.originator):
            raise RefusedError(f"{consent.item.originator} took this consent back")
        number = _keep(tx, node, consent, envelope, given=False, at=now)
        return _stored(tx, number), True, row.title
    if before.withdrawn is not None:
        raise RefusedError(
            f"this consent was withdrawn here on {before.withdrawn:%Y-%m-%d}; ask "
            f"{consent.item.originator} for a new one"
        )
    return before, False, row.title


def take_sent(tx: Transaction, node: Node, envelope: Envelope) -> ConsentRow | None:
    """Take a consent that came by the feed, whatever has become of the item here.

    A restored node is told of consents before the items are back, and what a consent is worth is
    found anew at every decision: it counts for the bytes it names and no others.

    Returns:
        What is stored; None if it has run out.

    Raises:
        ConsentError: It is no consent, or no key that speaks for the originator signed it.
        NotFoundError: The treaty is not known here.
        RefusedError: It is of an exercise and this node is not, or the reverse, is dated ahead,
            names other bytes than are held, or concerns our own item or lets it be given to us.
    """
    now = node.clock.now()
    before = tx.grounds.consent_by_digest(_digest(envelope))
    if before is not None:
        return before
    consent = _opened(node.law.view(tx), envelope, now)
    if consent.until <= now:
        return None
    _check_ours(tx, node, consent, now)
    row = tx.items.by_key(consent.item)
    if row is not None and row.content_hash != consent.sha256:
        raise RefusedError("this consent names other bytes than those held here under that version")
    return _stored(tx, _keep(tx, node, consent, envelope, given=False, at=now))


def list_consents(tx: Transaction, *, after: int, limit: int) -> Sequence[ConsentRow]:
    """Return consents by number, those withdrawn or run out included."""
    return tx.grounds.consents(after=after, limit=limit)


def withdraw_consent(node: Node, actor: Actor, number: int) -> ConsentRow:
    """Let a consent count no more on this node; what was passed on under it stays passed on.

    Args:
        node: The node.
        actor: An officer or a supervisor.
        number: Its number.

    Raises:
        AccessDeniedError: The actor is neither officer nor supervisor.
        NotFoundError: There is no such consent.
        RefusedError: It was withdrawn before.
    """
    require_role(actor, *CONSENTERS)
    node.check_log()
    with node.database.write() as tx:
        done = withdraw_in(tx, node, number, by=actor.user)
        note_act(tx, node, actor, "withdraw-consent", f"consent {number}")
    node.settle()
    return done


def withdraw_in(tx: Transaction, node: Node, number: int, *, by: str) -> ConsentRow:
    """Let a consent count no more, within the caller's unit of work.

    Args:
        tx: A writing transaction.
        node: The node.
        number: Its number.
        by: Who withdraws: a user, or the originator that said so.

    Raises:
        NotFoundError: There is no such consent.
        RefusedError: It was withdrawn before.
    """
    now = node.clock.now()
    row = _stored(tx, number)
    if row.withdrawn is not None:
        raise RefusedError(f"consent {number} was withdrawn on {row.withdrawn:%Y-%m-%d}")
    enter(
        tx,
        node,
        {
            "kind": "consent-withdrawal",
            "member": node.identity.member,
            "user": by,
            "consent": row.consent.digest,
        },
        at=now,
    )
    tx.grounds.withdraw_consent(number, by=by, at=now)
    return _stored(tx, number)


def bounds_of(row: ConsentRow) -> Bounds:
    """Return within what a stored consent was given, read from its own bytes.

    They were verified when it was kept; nothing is decided by this.
    """
    fields = read_payload(read_envelope(row.consent.envelope).payload)
    words = fields.rising_texts("conditions") if fields.has("conditions") else ()
    return Bounds(
        until=row.consent.until,
        conditions=frozenset(ConsentCondition(each) for each in words),
        keep_until=fields.instant("keep_until") if fields.has("keep_until") else None,
    )


def _own_item(tx: Transaction, node: Node, reference: str, sha256: str) -> ItemRow:
    rows: Sequence[ItemRow] = ()
    try:
        rows = tx.items.by_object_id(object_id(reference))
    except IdentifierError:
        rows = resolve(tx, reference)
    given = [row for row in rows if row.state in _GIVEN]
    if not given:
        raise NotFoundError(f"nothing held or given from here has the name {reference}")
    own = [row for row in given if row.key.originator == node.identity.member]
    if not own:
        raise RefusedError(
            f"{reference} is an item of {given[0].key.originator}: only its originator consents"
        )
    if len({row.key.object_id for row in own}) > 1:
        raise RefusedError(f"{reference} names several items; a consent is given for one")
    if not sha256:
        return own[-1]
    for row in own:
        if row.content_hash == sha256.lower():
            return row
    raise NotFoundError(
        f"no version of {reference} here has the hash {sha256[:16]}…; what was asked about is not "
        "what was given"
    )


def _check_terms(tx: Transaction, row: ItemRow, wish: Wish) -> None:
    """Refuse a consent that could never help: what the terms do not admit stays denied."""
    identifier = row.terms_id
    if identifier is None and row.variant_of is not None:
        [original] = tx.items.rows([row.variant_of])
        identifier = original.terms_id
    raw = None if identifier is None else tx.items.terms([identifier]).get(identifier)
    if raw is None:
        return
    terms = parse_terms(raw)
    if wish.treaty not in terms.treaties:
        raise RefusedError("the item's terms do not put it under that treaty: vouch for that first")
    if wish.purpose not in terms.purposes:
        raise RefusedError(
            f"the item's terms do not admit the purpose {wish.purpose}: they name "
            f"{', '.join(sorted(terms.purposes))}"
        )


def _opened(view: LawView, envelope: Envelope, now: datetime) -> Consent:
    originator = claimed_originator(envelope)
    keys = view.keys(originator, KeyPurpose.NODE, now)
    if not keys:
        raise ConsentError(
            f"no key is known here that speaks for {originator} now: introduce it, or pull its "
            "full powers"
        )
    return open_consent(envelope, keys)


def _held_item(tx: Transaction, node: Node, consent: Consent, now: datetime) -> ItemRow:
    """Return the item a consent is about, having checked that it fits what is held here."""
    _check_ours(tx, node, consent, now)
    row = tx.items.by_key(consent.item)
    if row is None or row.state is not ItemState.HELD:
        raise NotFoundError("the item version this consent names is not held here")
    if row.content_hash != consent.sha256:
        raise RefusedError("this consent names other bytes than those held here under that version")
    return row


def _check_ours(tx: Transaction, node: Node, consent: Consent, now: datetime) -> None:
    """Refuse a consent that could be of no use to this node, now or ever."""
    if consent.exercise is not node.identity.exercise:
        raise RefusedError("an exercise and what is real never mix: this consent is of the other")
    if consent.item.originator == node.identity.member:
        raise RefusedError("this consent is our own; whom it is for takes it on its own node")
    if consent.recipient == node.identity.member:
        raise RefusedError("this consent lets others pass the item on to us; we need none")
    if consent.until <= now:
        raise RefusedError(f"this consent ran out on {consent.until:%Y-%m-%d %H:%M}")
    if consent.at > now:
        raise RefusedError(
            f"this consent is dated {instant_text(consent.at)}, ahead of the clock here"
        )
    if consent.treaty not in node.law.view(tx).treaties:
        raise NotFoundError("the treaty this consent names is not known here")


def _keep(
    tx: Transaction,
    node: Node,
    consent: Consent,
    envelope: Envelope,
    *,
    given: bool,
    at: datetime,
) -> int:
    index = enter_bytes(tx, node, envelope.payload, at=at)
    return tx.grounds.add_consent(
        NewConsent(
            digest=_digest(envelope),
            given=given,
            item=consent.item,
            content_hash=consent.sha256,
            recipient=consent.recipient,
            treaty=consent.treaty,
            purpose=consent.purpose,
            user=consent.user,
            at=consent.at,
            until=consent.until,
            envelope=canonical_bytes(dict(envelope.document())),
            entry_index=index,
        )
    )


def _stored(tx: Transaction, number: int) -> ConsentRow:
    row = tx.grounds.consent(number)
    if row is None:
        raise NotFoundError(f"there is no consent {number}; `foedus consent list`")
    return row


def _digest(envelope: Envelope) -> str:
    return hashlib.sha256(envelope.payload).hexdigest()
