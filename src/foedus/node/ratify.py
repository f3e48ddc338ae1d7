"""What a legal officer does to conclude a treaty: adopt a text, issue full powers, sign, ratify.

Every instrument is tried out, signed with the authority key, stored, entered in the log and put
into the instrument lane of every introduced member, in one unit of work
(:mod:`foedus.node.statements`). Entry into force is computed. Before anything is written the log is
published: a store behind its own signed head (an old backup) is refused there and writes nothing.
What a member states later is in :mod:`foedus.node.treaty_acts`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from foedus.access import Actor, Role, require_role
from foedus.model.identifiers import ArticleId, TreatyId
from foedus.node.context import Node, note_act
from foedus.node.dispatch import LANE_INSTRUMENTS, send_documents
from foedus.node.errors import NotReadyError, RefusedError
from foedus.node.ports import Transaction
from foedus.node.statements import introduced, issue, seat_of
from foedus.node.treaty_text import wrap_treaty_text
from foedus.release.check import accept_treaty
from foedus.release.gate import Gate
from foedus.signing import KeyGrant, KeyPurpose
from foedus.treaty.articles import Treaty
from foedus.treaty.in_force import Stage, TreatyStatus
from foedus.treaty.instrument import Form, FullPowers, Instrument, Ratification, Signature

__all__ = [
    "adopt",
    "check_articles",
    "check_offences",
    "check_reservations",
    "check_text",
    "full_powers",
    "issue_full_powers",
    "ratify",
    "sign",
    "treaty_status",
]

_WIRE_VERSIONS = (1,)


def check_text(raw: bytes) -> Treaty:
    """Check a treaty text and return it, or raise with every fault found; warnings do not count.

    Raises:
        TreatyFaults: The file is no treaty.
        CompileFaults: A machine rule does not hold up.
    """
    return accept_treaty(raw)


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
    node.check_log()
    document = wrap_treaty_text(raw, member=node.identity.member, at=now, key=node.identity.node)
    with node.database.write() as tx:
        if tx.law.put_treaty(treaty.id, raw, at=now):
            send_documents(
                tx,
                node.identity,
                gate,
                [document],
                recipients=introduced(tx, node),
                lane=LANE_INSTRUMENTS,
                treaty=treaty.id,
                at=now,
            )
        note_act(tx, node, actor, "treaty.adopt", treaty.id)
    node.settle()
    return treaty


def issue_full_powers(node: Node, gate: Gate) -> Instrument:
    """Name the node's keys under the authority's signature; done at ``init``."""
    with node.database.write() as tx:
        return issue(tx, node, gate, None, full_powers(node)).instrument


def full_powers(node: Node) -> FullPowers:
    """Return full powers that name every key this node has, valid from now on."""
    identity, now = node.identity, node.clock.now()
    held = (
        (KeyPurpose.NODE, identity.node),
        (KeyPurpose.LOG, identity.log),
        (KeyPurpose.WITNESS, identity.witness),
    )
    return FullPowers(
        keys=tuple(
            KeyGrant(
                name=identity.member,
                purpose=purpose,
                key=key.public,
                valid_from=now,
                valid_until=None,
            )
            for purpose, key in held
            if key is not None
        ),
        log_origin=identity.log_origin,
        address=identity.address,
        wire_versions=_WIRE_VERSIONS,
        # A pin that is over is left out: it holds no more, whoever is told of it.
        tls=tuple(pin for pin in identity.tls if pin.valid_until is None or now < pin.valid_until),
    )


def sign(node: Node, actor: Actor, gate: Gate, treaty: TreatyId) -> Instrument:
    """Sign a treaty (VCLT Art. 12, 14): announces consent, does not give it.

    Raises:
        RefusedError: This member is no original party, or has signed already.
    """
    require_role(actor, Role.LEGAL)
    node.check_log()
    with node.database.write() as tx:
        view = node.law.view(tx)
        _, seat = seat_of(view, node, treaty)
        if seat.stage not in {Stage.NONE, Stage.DENOUNCED, Stage.ADMITTED}:
            raise RefusedError(f"{node.identity.member} has signed this treaty already")
        instrument = issue(tx, node, gate, treaty, Signature()).instrument
        note_act(tx, node, actor, "treaty.sign", treaty)
    node.settle()
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
    node.check_log()
    with node.database.write() as tx:
        text, seat = seat_of(node.law.view(tx), node, treaty)
        if seat.stage in {Stage.RATIFIED, Stage.PARTY, Stage.SUSPENDED}:
            raise RefusedError(
                f"{node.identity.member} has ratified this treaty already; take back a reservation "
                "with `foedus treaty withdraw`, recognise more with `foedus treaty declare`"
            )
        if seat.stage is Stage.NONE:
            raise NotReadyError("sign the treaty before you ratify it (`foedus treaty sign`)")
        body = Ratification(
            form=form,
            reservations=check_reservations(text, reservations),
            recognises=check_offences(text, recognises) or tuple(sorted(text.offences)),
        )
        instrument = issue(tx, node, gate, treaty, body).instrument
        note_act(tx, node, actor, "treaty.ratify", treaty)
    node.settle()
    return instrument


def treaty_status(tx: Transaction, node: Node, treaty: TreatyId) -> TreatyStatus:
    """Return who is bound by a treaty now."""
    return node.law.view(tx).status(treaty, node.clock.now())


def check_reservations(text: Treaty, articles: Sequence[ArticleId]) -> tuple[ArticleId, ...]:
    """Return articles to reserve, sorted, each once.

    Raises:
        RefusedError: One does not exist or admits no reservation.
    """
    for article in check_articles(text, articles):
        found = text.article(article)
        if not found.reservable:
            raise RefusedError(
                f"Article {found.id} ({found.title}) admits no reservation (VCLT Art. 19)"
            )
    return check_articles(text, articles)


def check_articles(text: Treaty, articles: Sequence[ArticleId]) -> tuple[ArticleId, ...]:
    """Return articles of a treaty, sorted, each once.

    Raises:
        RefusedError: One does not exist.
    """
    known = {each.id for each in text.articles}
    for article in articles:
        if article not in known:
            raise RefusedError(f"the treaty has no article {article}")
    return tuple(sorted(set(articles)))


def check_offences(text: Treaty, offences: Iterable[str]) -> tuple[str, ...]:
    """Return offences of a treaty, sorted, each once.

    Raises:
        RefusedError: The treaty does not know one.
    """
    unknown = sorted(set(offences) - set(text.offences))
    if unknown:
        raise RefusedError(
            f"the treaty has no offence category {', '.join(unknown)}; it has "
            f"{', '.join(sorted(text.offences))}"
        )
    return tuple(sorted(set(offences)))
