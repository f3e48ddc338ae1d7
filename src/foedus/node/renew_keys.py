"""New full powers for the keys this node has now, and how other members get them (VCLT Art. 7).

Needed where a node was made before there were witnesses, where a key was made anew, where one was
revoked (:func:`foedus.node.keys.revoke_keys`), and where the address changed. Rules of
:func:`renew_keys`, in the order the code applies them:

1. The authority key is on this machine.
2. No key of ours was revoked: such a key speaks never again, so full powers must name another.
3. The full powers would say something new.

They travel in the instrument lane as every instrument does. Where they name a new *node* key that
is not enough: the others check pages and batches by the node keys they know, so they would refuse
the very page that brings the new one. They are therefore written to a file too, which is taken in
by :func:`accept_powers`; it is believed for the authority's signature, whoever brings it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

from foedus.access import Actor, Role, require_role
from foedus.model.kinds import KindError, unwrap_document
from foedus.model.objects import ObjectError, StixObject, parse_object
from foedus.node.context import Node, note_act
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.introduce import make_credence
from foedus.node.lawbook import LawView
from foedus.node.ports import Transaction
from foedus.node.ratify import full_powers
from foedus.node.statements import authority_of, issue
from foedus.release.gate import Gate
from foedus.signing import EnvelopeError, KeyGrant, KeyPurpose, parse_envelope
from foedus.treaty.instrument import (
    FullPowers,
    Instrument,
    InstrumentError,
    Revocation,
    claimed_member,
    open_instrument,
)

__all__ = ["accept_powers", "may_renew", "renew_keys"]


def may_renew(node: Node, actor: Actor, making: Collection[KeyPurpose] = ()) -> None:
    """Return if the actor may renew this node's keys here; asked before any key is made anew.

    Args:
        node: The node.
        actor: An administrator or legal officer.
        making: Which keys are to be made anew.

    Raises:
        AccessDeniedError: The actor is neither.
        NotReadyError: The authority key is elsewhere.
        RefusedError: A key that is not made anew is revoked.
    """
    require_role(actor, Role.ADMINISTRATOR, Role.LEGAL)
    authority_of(node)
    node.check_log()
    with node.database.read() as tx:
        _refuse_revoked(node.law.view(tx), node, making)


def renew_keys(node: Node, actor: Actor, gate: Gate) -> tuple[Instrument, StixObject]:
    """Issue full powers that name the keys this node has now.

    Returns:
        The instrument, and the document as it travels.

    Raises:
        AccessDeniedError, NotReadyError: As :func:`may_renew`.
        RefusedError: A key of ours is revoked, or nothing would change.
    """
    may_renew(node, actor)
    with node.database.write() as tx:
        view, now = node.law.view(tx), node.clock.now()
        body = full_powers(node)
        _refuse_revoked(view, node)
        _refuse_repetition(view, node, body, now)
        instrument = issue(tx, node, gate, None, body).instrument
        _renew_letter(tx, node)
        note_act(tx, node, actor, "keys.renew", instrument.id)
        document = node.law.view(tx).documents[instrument.id]
    node.settle()
    return instrument, document


def accept_powers(node: Node, actor: Actor, raw: bytes) -> Instrument:
    """Take in full powers of another member, or its revocation of keys, from a file.

    It is kept as if it had come by the lane; what it says is true from the instant it bears.

    Args:
        node: The node.
        actor: An administrator.
        raw: The document as it travels; untrusted.

    Raises:
        NotFoundError: Its author was never introduced here.
        RefusedError: It is no such document, or not signed by its author's authority.
    """
    require_role(actor, Role.ADMINISTRATOR)
    try:
        document = parse_object(raw)
        envelope = parse_envelope(unwrap_document(document))
        member = claimed_member(envelope)
    except (ObjectError, KindError, EnvelopeError, InstrumentError) as error:
        raise RefusedError(f"this file holds no full powers: {error}") from error
    with node.database.write() as tx:
        credence = node.law.view(tx).credences.get(member)
        if credence is None:
            raise NotFoundError(f"no member {member} is introduced here (`foedus peers add`)")
        try:
            instrument = open_instrument(envelope, credence.authority)
        except InstrumentError as error:
            raise RefusedError(f"these full powers are refused: {error}") from error
        if not isinstance(instrument.body, FullPowers | Revocation):
            raise RefusedError("this is another instrument; it comes by the lane of its author")
        tx.law.put_instrument(document, member=member, treaty=None, at=node.clock.now())
        note_act(tx, node, actor, "keys.accept", f"{member} {instrument.id}")
    return instrument


def _refuse_revoked(view: LawView, node: Node, making: Collection[KeyPurpose] = ()) -> None:
    """Rule 2."""
    revoked = view.revoked(node.identity.member)
    for grant in full_powers(node).keys:
        if grant.key in revoked and grant.purpose not in making:
            helps = (
                "a log's key is not made anew here: its log is closed and another begun"
                if grant.purpose is KeyPurpose.LOG
                else f"replace it with `foedus keys renew --new {grant.purpose.value}`"
            )
            raise RefusedError(
                f"the {grant.purpose.value} key {grant.key.key_id} is revoked and speaks never "
                f"again; {helps}"
            )


def _refuse_repetition(view: LawView, node: Node, body: FullPowers, now: datetime) -> None:
    """Rule 3."""
    known = view.powers(node.identity.member, now)
    speaking = () if known is None else [grant for grant in known.keys if grant.covers(now)]
    if known is not None and _says(known, speaking) == _says(body, body.keys):
        raise RefusedError("full powers name exactly these keys and this address already")


def _renew_letter(tx: Transaction, node: Node) -> None:
    """Put a letter of credence that names the keys of now in the place of the one before.

    Whoever is introduced from now on could not reach this node under the keys of the old one.
    """
    row = tx.peers.get(node.identity.member)
    if row is not None:
        tx.peers.put(replace(row, credence=make_credence(node)))


def _says(body: FullPowers, grants: Iterable[KeyGrant]) -> tuple[object, ...]:
    named = frozenset((grant.purpose, grant.key) for grant in grants)
    return named, body.log_origin, body.address, body.wire_versions, frozenset(body.tls)
