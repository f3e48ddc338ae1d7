"""Which keys speak for whom, and how a member gives one up (VCLT Art. 7, 47).

A key once revoked speaks no more, whatever full powers say, older or newer. So this is the act for
a key that is lost or stolen. How a member comes by another is in :mod:`foedus.node.renew_keys`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from foedus.access import Actor, Role, require_role
from foedus.model.identifiers import MemberId
from foedus.node.context import Node, note_act
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.lawbook import LawView
from foedus.node.ports import Transaction
from foedus.node.statements import Issued, issue
from foedus.release.gate import Gate
from foedus.signing import KeyGrant, KeyPurpose, PublicKey
from foedus.treaty.instrument import FullPowers, Revocation

__all__ = ["KeyLine", "PinLine", "list_keys", "list_pins", "revoke_keys"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLine:
    """One key of one member.

    Attributes:
        valid_from: First instant of validity; None where nothing limits it.
        valid_until: First instant after it; None while open.
        state: ``speaks``, ``revoked``, ``not yet``, ``over``, or ``replaced`` (named by older full
            powers only).
    """

    member: MemberId
    purpose: KeyPurpose
    key: PublicKey
    valid_from: datetime | None
    valid_until: datetime | None
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PinLine:
    """One pin of one member's TLS; attributes as those of :class:`KeyLine`.

    Attributes:
        spki: SHA-256 of the public key, 64 hex digits.
    """

    member: MemberId
    spki: str
    valid_from: datetime | None
    valid_until: datetime | None
    state: str


def list_pins(tx: Transaction, node: Node, member: MemberId | None = None) -> list[PinLine]:
    """Return the pins of a member, or of every member introduced here and our own.

    Raises:
        NotFoundError: That member was never introduced here.
    """
    view, now = node.law.view(tx), node.clock.now()
    if member is not None and member not in view.credences:
        raise NotFoundError(f"no member {member} is introduced here")
    members = sorted(view.credences) if member is None else [member]
    return [line for each in members for line in _pin_lines(view, each, now)]


def list_keys(tx: Transaction, node: Node, member: MemberId | None = None) -> list[KeyLine]:
    """Return the keys of a member, or of every member introduced here and our own.

    Raises:
        NotFoundError: That member was never introduced here.
    """
    view = node.law.view(tx)
    if member is not None and member not in view.credences:
        raise NotFoundError(f"no member {member} is introduced here")
    members = sorted(view.credences) if member is None else [member]
    return [line for each in members for line in _lines(view, each, node.clock.now())]


def revoke_keys(
    node: Node, actor: Actor, gate: Gate, references: Sequence[str], *, own: bool = False
) -> Issued:
    """Revoke keys of our own member for ever.

    Args:
        node: The node.
        actor: A legal officer.
        gate: The node's gate.
        references: How the key ids or texts of the keys begin.
        own: Whether this may be a key that this very node signs with. The others then refuse what
            it signs until new full powers name another key.

    Raises:
        NotFoundError: Our member has no such key, or several begin so.
        RefusedError: It is revoked already, is the authority's key, or is in use here.
    """
    require_role(actor, Role.LEGAL)
    node.check_log()
    with node.database.write() as tx:
        lines = _lines(node.law.view(tx), node.identity.member, node.clock.now())
        keys = {_revocable(lines, reference, node, own=own) for reference in references}
        if not keys:
            raise RefusedError("name at least one key (`foedus keys list`)")
        body = Revocation(keys=tuple(sorted(keys, key=lambda key: key.text)))
        issued = issue(tx, node, gate, None, body)
        note_act(tx, node, actor, "keys.revoke", ", ".join(sorted(key.key_id for key in keys)))
    node.settle()
    return issued


def _pin_lines(view: LawView, member: MemberId, now: datetime) -> list[PinLine]:
    credence = view.credences[member]
    holding = view.pins(member, now) or frozenset()
    issued = [
        each.body
        for each in view.instruments.of(member)
        if isinstance(each.body, FullPowers) and each.issued <= now
    ]
    lines: dict[str, PinLine] = {}
    for body in reversed(issued):
        for pin in body.tls:
            over = pin.valid_until is not None and pin.valid_until <= now
            waiting = now < pin.valid_from
            state = "not yet" if waiting else "over" if over else "replaced"
            lines.setdefault(
                pin.spki,
                PinLine(
                    member=member,
                    spki=pin.spki,
                    valid_from=pin.valid_from,
                    valid_until=pin.valid_until,
                    state="speaks" if pin.spki in holding else state,
                ),
            )
    for spki in credence.tls:
        lines.setdefault(
            spki,
            PinLine(
                member=member,
                spki=spki,
                valid_from=None,
                valid_until=None,
                state="speaks" if spki in holding else "replaced",
            ),
        )
    return list(lines.values())


def _revocable(lines: Sequence[KeyLine], reference: str, node: Node, *, own: bool) -> PublicKey:
    fitting = {
        line.key
        for line in lines
        if reference and (line.key.key_id.startswith(reference) or line.key.text == reference)
    }
    if len(fitting) != 1:
        raise NotFoundError(
            f"{len(fitting)} keys of our member begin with {reference[:60]!r}; `foedus keys list` "
            "shows them"
        )
    [key] = fitting
    states = {line.state for line in lines if line.key == key}
    if any(line.key == key and line.purpose is KeyPurpose.AUTHORITY for line in lines):
        raise RefusedError(
            "this is the authority's key, which no statement of its own can revoke: the treaty's "
            "annex names it (VCLT Art. 7)"
        )
    if states == {"revoked"}:
        raise RefusedError(f"key {key.key_id} is revoked already")
    if not own and key in _in_use(node):
        raise RefusedError(
            f"key {key.key_id} is the one this node signs with: once it is revoked the others "
            "refuse what it signs, until new full powers name another key (`foedus keys renew "
            "--new`). Say --own if you mean it"
        )
    return key


def _in_use(node: Node) -> set[PublicKey]:
    identity = node.identity
    held = (identity.node, identity.log, identity.witness)
    return {key.public for key in held if key is not None}


def _lines(view: LawView, member: MemberId, now: datetime) -> list[KeyLine]:
    credence = view.credences[member]
    lines = [
        KeyLine(
            member=member,
            purpose=KeyPurpose.AUTHORITY,
            key=credence.authority,
            valid_from=None,
            valid_until=None,
            state="speaks",
        )
    ]
    own = [each for each in view.instruments.of(member) if each.issued <= now]
    revoked = {key for each in own if isinstance(each.body, Revocation) for key in each.body.keys}
    powers = [each.body for each in own if isinstance(each.body, FullPowers)]
    if not powers:
        for purpose, key in ((KeyPurpose.NODE, credence.node), (KeyPurpose.LOG, credence.log)):
            state = "revoked" if key in revoked else "speaks"
            lines.append(
                KeyLine(
                    member=member,
                    purpose=purpose,
                    key=key,
                    valid_from=None,
                    valid_until=None,
                    state=state,
                )
            )
    seen: dict[tuple[KeyPurpose, PublicKey], KeyLine] = {}
    for body in reversed(powers):
        for grant in body.keys:
            speaks = grant.key in view.keys(member, grant.purpose, now)
            seen.setdefault(
                (grant.purpose, grant.key),
                KeyLine(
                    member=member,
                    purpose=grant.purpose,
                    key=grant.key,
                    valid_from=grant.valid_from,
                    valid_until=grant.valid_until,
                    state="speaks" if speaks else _why_not(grant, revoked, now),
                ),
            )
    return lines + list(seen.values())


def _why_not(grant: KeyGrant, revoked: set[PublicKey], now: datetime) -> str:
    if grant.key in revoked:
        return "revoked"
    if now < grant.valid_from:
        return "not yet"
    return "replaced" if grant.covers(now) else "over"
