"""What a legal officer does: adopt a text, issue full powers, sign, ratify.

Every instrument is signed with the authority key, stored, entered in the log and put into the
instrument lane of every introduced member, in one unit of work. Entry into force is computed.
Before anything is written the log is published: a store behind its own signed head (an old backup)
is refused there and writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from foedus.access import Actor, Role, require_role
from foedus.model.identifiers import ArticleId, MemberId, TreatyId
from foedus.model.kinds import FoedusKind, wrap_document
from foedus.model.objects import parse_object
from foedus.node.context import Node, note_act
from foedus.node.dispatch import LANE_INSTRUMENTS, send_documents
from foedus.node.errors import NotReadyError, RefusedError
from foedus.node.ports import Transaction
from foedus.node.treaty_text import wrap_treaty_text
from foedus.release.compile import compile_treaty
from foedus.release.gate import Gate
from foedus.signing import KeyGrant, KeyPurpose, SigningKey
from foedus.treaty.articles import Treaty
from foedus.treaty.in_force import TreatyStatus
from foedus.treaty.instrument import (
    Form,
    FullPowers,
    Instrument,
    InstrumentDraft,
    Ratification,
    Signature,
    open_instrument,
    sign_instrument,
)
from foedus.treaty.parser import parse_treaty

__all__ = ["adopt", "check_text", "issue_full_powers", "ratify", "sign", "treaty_status"]

_WIRE_VERSIONS = (1,)


def check_text(raw: bytes) -> Treaty:
    """Parse and compile a treaty text, or raise with every fault found.

    Raises:
        TreatyFaults: The file is no treaty.
        CompileFaults: A machine rule does not hold up.
    """
    treaty = parse_treaty(raw)
    compile_treaty(treaty)
    return treaty


def adopt(node: Node, actor: Actor, gate: Gate, raw: bytes) -> Treaty:
    """Keep a treaty text here and offer it to every introduced member. Binds nobody.

    Raises:
        TreatyFaults, CompileFaults: The text has faults; nothing is stored.
        RefusedError: It mixes exercise and real, or is too long to travel.
    """
    require_role(actor, Role.LEGAL)
    treaty = check_text(raw)
    if treaty.exercise is not node.identity.exercise:
        raise RefusedError("exercise and real never mix: the treaty says the other of the two")
    now = node.clock.now()
    node.publish()
    document = wrap_treaty_text(raw, member=node.identity.member, at=now, key=node.identity.node)
    with node.database.write() as tx:
        if tx.law.put_treaty(treaty.id, raw, at=now):
            send_documents(
                tx,
                node.identity,
                gate,
                [document],
                recipients=_introduced(tx, node),
                lane=LANE_INSTRUMENTS,
                treaty=treaty.id,
                at=now,
            )
        note_act(tx, node, actor, "treaty.adopt", treaty.id)
    node.publish()
    return treaty


def issue_full_powers(node: Node, gate: Gate) -> Instrument:
    """Name the node's keys under the authority's signature; done at ``init``."""
    now = node.clock.now()
    identity = node.identity
    body = FullPowers(
        keys=(
            KeyGrant(
                name=identity.member,
                purpose=KeyPurpose.NODE,
                key=identity.node.public,
                valid_from=now,
                valid_until=None,
            ),
            KeyGrant(
                name=identity.member,
                purpose=KeyPurpose.LOG,
                key=identity.log.public,
                valid_from=now,
                valid_until=None,
            ),
        ),
        log_origin=identity.log_origin,
        address=identity.address,
        wire_versions=_WIRE_VERSIONS,
    )
    with node.database.write() as tx:
        return _issue(tx, node, gate, None, body)


def sign(node: Node, actor: Actor, gate: Gate, treaty: TreatyId) -> Instrument:
    """Sign a treaty (VCLT Art. 12, 14): announces consent, does not give it.

    Raises:
        RefusedError: This member is no original party, or has signed already.
    """
    require_role(actor, Role.LEGAL)
    node.publish()
    with node.database.write() as tx:
        _party(tx, node, treaty)
        _once(tx, node, treaty, Signature, "has signed")
        instrument = _issue(tx, node, gate, treaty, Signature())
        note_act(tx, node, actor, "treaty.sign", treaty)
    node.publish()
    return instrument


def ratify(
    node: Node,
    actor: Actor,
    gate: Gate,
    treaty: TreatyId,
    *,
    reservations: Sequence[ArticleId] = (),
    recognises: Sequence[str] = (),
    form: Form = Form.RATIFICATION,
) -> Instrument:
    """Consent to be bound (VCLT Art. 14), with reservations where the treaty admits them (Art. 19).

    Args:
        node: The node.
        actor: A legal officer.
        gate: The node's gate.
        treaty: The treaty.
        reservations: Articles not to apply between this member and any other.
        recognises: Offence categories its law recognises; all of the treaty's when empty.
        form: Ratification, acceptance or approval.

    Raises:
        RefusedError: No original party, not signed, ratified already, an article that admits no
            reservation or does not exist, an offence the treaty does not know.
    """
    require_role(actor, Role.LEGAL)
    node.publish()
    with node.database.write() as tx:
        text = _party(tx, node, treaty)
        _once(tx, node, treaty, Ratification, "has ratified")
        if not _own(tx, node, treaty, Signature):
            raise NotReadyError("sign the treaty before you ratify it (`foedus treaty sign`)")
        _check_reservations(text, reservations)
        unknown = sorted(set(recognises) - set(text.offences))
        if unknown:
            raise RefusedError(f"the treaty has no offence category {', '.join(unknown)}")
        body = Ratification(
            form=form,
            reservations=tuple(sorted(set(reservations))),
            recognises=tuple(sorted(set(recognises) or set(text.offences))),
        )
        instrument = _issue(tx, node, gate, treaty, body)
        note_act(tx, node, actor, "treaty.ratify", treaty)
    node.publish()
    return instrument


def treaty_status(tx: Transaction, node: Node, treaty: TreatyId) -> TreatyStatus:
    """Return who is bound by a treaty now."""
    return node.law.view(tx).status(treaty, node.clock.now())


def _check_reservations(text: Treaty, reservations: Sequence[ArticleId]) -> None:
    for article_id in reservations:
        article = next((each for each in text.articles if each.id == article_id), None)
        if article is None:
            raise RefusedError(f"the treaty has no article {article_id}")
        if not article.reservable:
            raise RefusedError(
                f"Article {article.id} ({article.title}) admits no reservation (VCLT Art. 19)"
            )


def _party(tx: Transaction, node: Node, treaty: TreatyId) -> Treaty:
    text = node.law.view(tx).treaty(treaty).treaty
    party = next((each for each in text.parties if each.member == node.identity.member), None)
    if party is None:
        raise RefusedError(f"{node.identity.member} is not among the treaty's original members")
    authority = _authority(node)
    if party.authority != authority.public.fingerprint:
        raise RefusedError(
            "the treaty's annex names another authority key for this member: "
            f"{party.authority}; ours is {authority.public.fingerprint}"
        )
    return text


def _own(tx: Transaction, node: Node, treaty: TreatyId, kind: type) -> bool:
    return any(
        each.treaty == treaty and isinstance(each.body, kind)
        for each in node.law.view(tx).instruments.of(node.identity.member)
    )


def _once(tx: Transaction, node: Node, treaty: TreatyId, kind: type, done: str) -> None:
    if _own(tx, node, treaty, kind):
        raise RefusedError(f"{node.identity.member} {done} this treaty already")


def _authority(node: Node) -> SigningKey:
    if node.identity.authority is None:
        raise NotReadyError("the authority key is not on this machine")
    return node.identity.authority


def _issue(
    tx: Transaction,
    node: Node,
    gate: Gate,
    treaty: TreatyId | None,
    body: FullPowers | Signature | Ratification,
) -> Instrument:
    """Sign, store, log and send an instrument of our own."""
    authority = _authority(node)
    now = node.clock.now()
    own = [each.serial for each in node.law.view(tx).instruments.of(node.identity.member)]
    envelope = sign_instrument(
        InstrumentDraft(
            member=node.identity.member,
            serial=max(own, default=0) + 1,
            issued=now,
            treaty=treaty,
            body=body,
        ),
        authority,
    )
    document = parse_object(
        wrap_document(
            FoedusKind.INSTRUMENT, envelope.document(), payload=envelope.payload, issued=now
        )
    )
    tx.law.put_instrument(document, member=node.identity.member, treaty=treaty, at=now)
    send_documents(
        tx,
        node.identity,
        gate,
        [document],
        recipients=_introduced(tx, node),
        lane=LANE_INSTRUMENTS,
        treaty=treaty,
        at=now,
    )
    return open_instrument(envelope, authority.public)


def _introduced(tx: Transaction, node: Node) -> list[MemberId]:
    return [row.member for row in tx.peers.all() if row.member != node.identity.member]
