"""Meet another member: export our letter of credence, accept theirs once people compared it.

Accepting opens the instrument lane only. Everything this node has to say about the law (its full
powers, the treaties it knows, its own instruments) goes to the new peer at once; those of others
follow if the peer turns out to lack them (:mod:`foedus.node.pass_on`).
"""

from __future__ import annotations

import hmac

from foedus.access import Actor, Role, require_role
from foedus.canonical import CanonicalError, canonical_bytes, parse_json
from foedus.model.identifiers import MemberId
from foedus.node.context import Node, note_act
from foedus.node.dispatch import LANE_INSTRUMENTS, Sent, send_documents
from foedus.node.errors import NotReadyError, RefusedError
from foedus.node.pass_on import take_waiting
from foedus.node.ports import PeerRow, Transaction
from foedus.node.treaty_text import wrap_treaty_text
from foedus.release.gate import Gate
from foedus.signing import EnvelopeError, parse_envelope
from foedus.treaty.credence import Credence, CredenceError, open_credence, sign_credence

__all__ = ["accept_peer", "announce", "letter_of_credence", "make_credence", "plain_fingerprint"]


def make_credence(node: Node) -> bytes:
    """Sign a new letter of credence with the authority key; done once, at ``init``.

    Raises:
        NotReadyError: The authority key is kept offline.
    """
    identity = node.identity
    if identity.authority is None:
        raise NotReadyError(
            "the authority key is not on this machine; sign the credence where it is"
        )
    credence = Credence(
        member=identity.member,
        name=identity.name,
        authority=identity.authority.public,
        next_authority_hash=None,
        node=identity.node.public,
        log=identity.log.public,
        log_origin=identity.log_origin,
        address=identity.address,
        issued=node.clock.now(),
        exercise=identity.exercise,
        tls=tuple(sorted(pin.spki for pin in identity.tls)),
    )
    return canonical_bytes(sign_credence(credence, identity.authority).document())


def letter_of_credence(node: Node) -> bytes:
    """Return this node's own letter of credence, as made at ``init``."""
    with node.database.read() as tx:
        row = tx.peers.get(node.identity.member)
    if row is None:
        raise NotReadyError("this node has no letter of credence; run `foedus init` first")
    return row.credence


def accept_peer(node: Node, actor: Actor, gate: Gate, raw: bytes, *, fingerprint: str) -> Credence:
    """Accept another member's letter of credence after its fingerprint was compared out of band.

    Args:
        node: The node.
        actor: An administrator.
        gate: The node's gate, for what is sent to the new peer.
        raw: Bytes of the letter; untrusted.
        fingerprint: What the other side read out; spaces, dashes and case do not matter.

    Raises:
        RefusedError: The letter is damaged, its fingerprint is another one, it is our own, it mixes
            exercise and real, the member is known under another authority key, or it names another
            member's log.
    """
    require_role(actor, Role.ADMINISTRATOR)
    credence = _read(raw)
    _check(node, credence, fingerprint)
    node.check_log()
    with node.database.write() as tx:
        _refuse_borrowed_log(tx, credence)
        known = tx.peers.get(credence.member)
        if known is not None:
            before = _read(known.credence)
            if before.authority != credence.authority:
                raise RefusedError(
                    f"{credence.member} is known here under another authority key "
                    f"({before.authority.fingerprint}); a lost authority key is replaced by the "
                    "treaty's own procedure, never by a new letter"
                )
            if before.issued >= credence.issued:
                raise RefusedError(f"the letter of {credence.member} known here is not older")
        tx.peers.put(
            PeerRow(
                member=credence.member,
                credence=raw,
                # The first acceptance counts: it ranks whose a log is.
                accepted_at=node.clock.now() if known is None else known.accepted_at,
                accepted_by=actor.user,
                heard=None if known is None else known.heard,
                checkpoint=None if known is None else known.checkpoint,
            )
        )
        take_waiting(tx, credence, at=node.clock.now())
        announce(tx, node, gate, [credence.member])
        note_act(tx, node, actor, "peers.add", credence.member)
    node.settle()
    return credence


def _refuse_borrowed_log(tx: Transaction, credence: Credence) -> None:
    for row in tx.peers.all():
        if row.member != credence.member and _read(row.credence).log_origin == credence.log_origin:
            raise RefusedError(
                f"the letter of {credence.member} names {credence.log_origin}, which is the log of "
                f"{row.member}"
            )


def announce(tx: Transaction, node: Node, gate: Gate, recipients: list[MemberId]) -> list[Sent]:
    """Send members the treaty texts known here and every instrument of our own they lack."""
    now = node.clock.now()
    identity = node.identity
    view = node.law.view(tx)
    own = {each.id for each in view.instruments.of(identity.member)}
    texts = [
        wrap_treaty_text(raw, member=identity.member, at=now, key=identity.node)
        for raw in tx.law.treaties().values()
    ]
    instruments = [document for document in tx.law.instruments() if document.id in own]
    return send_documents(
        tx,
        identity,
        gate,
        [*texts, *instruments],
        recipients=recipients,
        lane=LANE_INSTRUMENTS,
        treaty=None,
        at=now,
    )


def _read(raw: bytes) -> Credence:
    try:
        document = parse_json(raw)
        if not isinstance(document, dict):
            raise RefusedError("a letter of credence is a JSON object")
        return open_credence(parse_envelope(document))
    except (CanonicalError, EnvelopeError, CredenceError) as error:
        raise RefusedError(f"this is no valid letter of credence: {error}") from error


def _check(node: Node, credence: Credence, fingerprint: str) -> None:
    if credence.member == node.identity.member:
        raise RefusedError("this is our own member's letter of credence")
    if credence.exercise is not node.identity.exercise:
        raise RefusedError("exercise and real never mix: the letter says the other of the two")
    given = plain_fingerprint(fingerprint)
    expected = plain_fingerprint(credence.authority.fingerprint)
    if not hmac.compare_digest(given.encode(), expected.encode()):
        raise RefusedError(
            f"the fingerprint given is not the letter's: it has {credence.authority.fingerprint}. "
            "Compare it with the other member by another channel before you accept"
        )


def plain_fingerprint(text: str) -> str:
    """Return a fingerprint without spaces and dashes, in capitals, for comparing."""
    return "".join(text.split()).replace("-", "").upper()
