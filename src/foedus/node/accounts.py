"""What a user signs on with: password, second factor, recovery codes, a provider's name for it.

A user sets its own; an administrator may set a password for another, which that one must change at
the first sign-on, and may take a second factor away, never set one. Whatever weakens or replaces a
secret ends the user's sessions, but for the one it was done in.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from foedus.access import Actor, Role, require_role
from foedus.access.errors import SignOnRefusedError
from foedus.access.passwords import HASHING, PasswordHashing, checked_password
from foedus.access.sessions import session_digest
from foedus.access.totp import (
    enrolment_uri,
    key_text,
    new_recovery_codes,
    recovery_digest,
    totp_step,
)
from foedus.node.context import Node, note_act
from foedus.node.errors import RefusedError
from foedus.node.people import known_user
from foedus.node.ports import Transaction
from foedus.node.ports.accounts import AccountRow, BindingRow
from foedus.node.sign_on import failures_of, totp_key

__all__ = [
    "Enrolment",
    "bind_identity",
    "change_password",
    "confirm_totp",
    "drop_totp",
    "enrol_totp",
    "forget_failures",
    "renew_recovery",
    "set_password",
    "unbind_identities",
]

_SALT_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """A second factor at the only moment its key is shown.

    Attributes:
        key: As a person types it.
        uri: As an authenticator reads it.
    """

    key: str = field(repr=False)
    uri: str = field(repr=False)


def set_password(
    node: Node, actor: Actor, name: str, password: str, *, hashing: PasswordHashing = HASHING
) -> None:
    """Set a user's password; its sessions end.

    Args:
        node: The node.
        actor: The user itself, at the machine of the node, or an administrator; what an
            administrator sets for another must be changed at the first sign-on.
        name: Whose.
        password: The new one.
        hashing: How it is hashed.

    Raises:
        AccessDeniedError: It is somebody else's.
        PasswordRuleError: It breaks a rule.
        NotFoundError: No such user.
    """
    if actor.user != name:
        require_role(actor, Role.ADMINISTRATOR)
    checked = checked_password(password, words=(name, node.identity.name, node.identity.member))
    kept = hashing.hashed(checked)
    with node.database.write() as tx:
        account = _account(tx, name)
        tx.accounts.put_account(
            replace(
                account,
                password=kept,
                password_set=node.clock.now(),
                temporary=actor.user != name,
            )
        )
        tx.accounts.clear_failure(failures_of(name))
        tx.accounts.end_sessions(name)
        note_act(tx, node, actor, "user.password", name)


def change_password(
    node: Node,
    actor: Actor,
    old: str,
    new: str,
    *,
    token: str,
    hashing: PasswordHashing = HASHING,
) -> None:
    """Change one's own password from a session; all other sessions of the user end.

    Args:
        node: The node.
        actor: The user, as the session says.
        old: The password so far.
        new: The one from now on.
        token: Of the session it is done in.
        hashing: How passwords are hashed.

    Raises:
        SignOnRefusedError: The old one is not right, or not any more; or the session has ended.
        PasswordRuleError: The new one breaks a rule, or is the old one.
    """
    with node.database.read() as tx:
        account = _account(tx, actor.user)
    if not hashing.matches(account.password, old):
        raise SignOnRefusedError("the password so far is not right")
    if hashing.matches(account.password, new):
        raise RefusedError("that is the password so far; choose another")
    words = (actor.user, node.identity.name, node.identity.member)
    kept = hashing.hashed(checked_password(new, words=words))
    with node.database.write() as tx:
        session = tx.accounts.session_by_digest(session_digest(token))
        fresh = _account(tx, actor.user)
        if fresh.password != account.password or session is None or session.user != actor.user:
            raise SignOnRefusedError("the password was changed meanwhile, or the session has ended")
        tx.accounts.put_account(
            replace(
                fresh,
                password=kept,
                password_set=node.clock.now(),
                temporary=False,
            )
        )
        tx.accounts.end_sessions(actor.user, but=session.session_id)
        note_act(tx, node, actor, "user.password", actor.user)


def enrol_totp(node: Node, actor: Actor) -> Enrolment:
    """Begin to enrol a second factor of one's own; it is asked for once :func:`confirm_totp` is.

    Raises:
        RefusedError: One is in use: drop it first. Or there is no password it would stand beside.
    """
    with node.database.write() as tx:
        account = _account(tx, actor.user)
        if account.totp_confirmed is not None:
            raise RefusedError("a second factor is in use; drop it first")
        if not account.password:
            raise RefusedError("set a password first; the second factor stands beside it")
        account = replace(account, totp_salt=node.random(_SALT_BYTES), totp_step=0)
        tx.accounts.put_account(account)
    key = totp_key(node.identity, account)
    where = f"Foedus {node.identity.member}"
    return Enrolment(key=key_text(key), uri=enrolment_uri(key, user=actor.user, node=where))


def confirm_totp(node: Node, actor: Actor, code: str, *, token: str = "") -> tuple[str, ...]:
    """Take a second factor into use by a code of it; returns recovery codes, shown this once.

    Args:
        node: The node.
        actor: The user.
        code: What the authenticator shows.
        token: Of the session it is done in, which goes on; all others of the user end.

    Raises:
        RefusedError: None was begun, one is in use, or the code is not of it.
    """
    now = node.clock.now()
    with node.database.write() as tx:
        account = _account(tx, actor.user)
        if account.totp_salt is None or account.totp_confirmed is not None:
            raise RefusedError("no second factor waits to be confirmed")
        step = totp_step(totp_key(node.identity, account), code, at=now, after=account.totp_step)
        if step is None:
            raise RefusedError("that is not the code shown now; compare the clocks")
        tx.accounts.put_account(replace(account, totp_confirmed=now, totp_step=step))
        codes = _new_codes(tx, node, actor.user)
        session = tx.accounts.session_by_digest(session_digest(token)) if token else None
        tx.accounts.end_sessions(actor.user, but="" if session is None else session.session_id)
        note_act(tx, node, actor, "user.totp", actor.user)
    return codes


def drop_totp(node: Node, actor: Actor, name: str) -> None:
    """Take a second factor and its recovery codes away; the user's sessions end.

    Args:
        node: The node.
        actor: The user itself, or an administrator where the device is lost.
        name: Whose.

    Raises:
        AccessDeniedError: It is somebody else's.
        NotFoundError: No such user.
    """
    if actor.user != name:
        require_role(actor, Role.ADMINISTRATOR)
    with node.database.write() as tx:
        account = _account(tx, name)
        tx.accounts.put_account(replace(account, totp_salt=None, totp_confirmed=None, totp_step=0))
        tx.accounts.put_recovery(name, [])
        tx.accounts.end_sessions(name)
        note_act(tx, node, actor, "user.totp-drop", name)


def renew_recovery(node: Node, actor: Actor) -> tuple[str, ...]:
    """Make new recovery codes of one's own; the old ones open nothing any more.

    Raises:
        RefusedError: No second factor is in use.
    """
    with node.database.write() as tx:
        if _account(tx, actor.user).totp_confirmed is None:
            raise RefusedError("recovery codes stand in for a second factor; none is in use")
        codes = _new_codes(tx, node, actor.user)
        note_act(tx, node, actor, "user.recovery", actor.user)
    return codes


def _new_codes(tx: Transaction, node: Node, user: str) -> tuple[str, ...]:
    codes = new_recovery_codes(node.random)
    tx.accounts.put_recovery(user, [recovery_digest(user, each) for each in codes])
    return codes


def forget_failures(node: Node, actor: Actor, name: str) -> None:
    """Forget the failed attempts under a user's name, so that the next one is looked at.

    Raises:
        AccessDeniedError: The actor is no administrator.
        NotFoundError: No such user.
    """
    require_role(actor, Role.ADMINISTRATOR)
    with node.database.write() as tx:
        known_user(tx, name)
        tx.accounts.clear_failure(failures_of(name))
        note_act(tx, node, actor, "user.unlock", name)


def bind_identity(node: Node, actor: Actor, name: str, issuer: str, subject: str) -> BindingRow:
    """Say that somebody of the provider is a user here; its roles stay those given here.

    Raises:
        AccessDeniedError: The actor is no administrator.
        NotFoundError: No such user.
        RefusedError: That one is another user already.
    """
    require_role(actor, Role.ADMINISTRATOR)
    if not (subject and issuer and subject.isascii() and subject.isprintable()):
        raise RefusedError("a provider names people by a text of plain characters (`sub`)")
    with node.database.write() as tx:
        known_user(tx, name)
        known = tx.accounts.binding(issuer, subject)
        if known is not None and known.user != name:
            raise RefusedError(f"that one is the user {known.user} already; unbind it first")
        row = BindingRow(
            issuer=issuer, subject=subject, user=name, created=node.clock.now(), by_group=False
        )
        tx.accounts.put_binding(row)
        note_act(tx, node, actor, "user.bind", name)
    return row


def unbind_identities(node: Node, actor: Actor, name: str) -> int:
    """Have a user sign on through no provider any more; its sessions end. Returns how many.

    Raises:
        AccessDeniedError: The actor is no administrator.
        NotFoundError: No such user.
    """
    require_role(actor, Role.ADMINISTRATOR)
    with node.database.write() as tx:
        known_user(tx, name)
        count = tx.accounts.drop_bindings(name)
        tx.accounts.end_sessions(name)
        note_act(tx, node, actor, "user.unbind", name)
    return count


def _account(tx: Transaction, name: str) -> AccountRow:
    known_user(tx, name)
    return tx.accounts.account(name) or AccountRow(user=name)
