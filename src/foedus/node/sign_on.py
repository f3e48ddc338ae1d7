"""Sign on and stay signed on: what the console calls.

name, password, code → :func:`sign_on` → a session's token → :func:`session_user` at every request

Rules of :func:`sign_on`, in the order the code applies them:

1. The attempt is counted first, and refused unlooked-at while a delay stands
   (:mod:`foedus.access.lock_out`). Names nobody has are counted too, in a fixed number of buckets,
   so that they answer alike and fill nothing.
2. The password is checked outside every transaction, at the same cost whether there is such a user.
3. In one unit of work: the user still is what it was and not disabled; the code of the second
   factor, where there is one, counts and is used up; the failures are forgotten; a new session
   begins under a new token, and what is expired goes.

A session's token is random; only its hash is stored (:mod:`foedus.access.sessions`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from foedus.access import Actor, Role, require_role
from foedus.access.errors import (
    CodeNeededError,
    PasswordDueError,
    SessionEndedError,
    SessionStaleError,
    SignOnDelayedError,
    SignOnRefusedError,
)
from foedus.access.lock_out import FORGOTTEN_AFTER, Failures, failed_once
from foedus.access.passwords import HASHING, PasswordHashing
from foedus.access.sessions import (
    IDLE,
    LONGEST,
    MAX_TOKEN_CHARS,
    SEEN_EVERY,
    SignedOnBy,
    new_token,
    session_digest,
    still_open,
)
from foedus.access.totp import recovery_digest, totp_step
from foedus.node.context import Node, note_act
from foedus.node.errors import NotFoundError
from foedus.node.identity import NodeIdentity
from foedus.node.ports import Transaction, UserRow
from foedus.node.ports.accounts import AccountRow, FailureRow, SessionRow

__all__ = [
    "NewSession",
    "actor_from",
    "begin_session",
    "end_session",
    "end_sessions",
    "failures_of",
    "list_sessions",
    "renew_session",
    "session_user",
    "sign_off",
    "sign_on",
    "totp_key",
]

_TOTP: Final = b"foedus totp\n"
_DEVICE: Final = b"foedus device\n"
_NAMES: Final = b"foedus unknown name\n"
_DEVICE_BYTES: Final = 16
_ID_BYTES: Final = 4
_MAX_NAME: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSession:
    """A session at the only moment its token is known.

    Attributes:
        token: What the browser presents at each request; never stored.
        session_id: What people call it by.
        actor: Who signed on.
        how: By what.
        ends: When it ends whatever is done.
        device: Shows the next time that this device was here before; kept by the browser beyond the
            session. "" where nothing is told apart by it.
        failures: Attempts that failed since the last sign-on of this device or user.
        recovery_left: Recovery codes left.
        password_due: Whether another password must be chosen before anything else.
    """

    token: str = field(repr=False)
    session_id: str
    actor: Actor
    how: SignedOnBy
    ends: datetime
    device: str = field(default="", repr=False)
    failures: int = 0
    recovery_left: int = 0
    password_due: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    key: str
    before: FailureRow | None
    counted: FailureRow
    account: AccountRow | None
    user: UserRow | None


def sign_on(
    node: Node,
    name: str,
    password: str,
    code: str = "",
    *,
    device: str = "",
    hashing: PasswordHashing = HASHING,
) -> NewSession:
    """Sign somebody on.

    Args:
        node: The node.
        name: User name; untrusted.
        password: Untrusted.
        code: Of the second factor, or a recovery code; "" where none was typed.
        device: What an earlier :class:`NewSession` gave this device.
        hashing: How passwords are hashed.

    Raises:
        SignOnDelayedError: Too many attempts failed before; not even looked at.
        SignOnRefusedError: Something is not right; never which.
        CodeNeededError: The password is right, and a code is needed.
    """
    # 1.
    attempt = _count(node, name, device)
    # 2.
    kept = "" if attempt.account is None else attempt.account.password
    right = hashing.matches(kept, password)
    upgraded = hashing.hashed(password) if right and hashing.is_outdated(kept) else kept
    if not right or attempt.user is None:
        raise SignOnRefusedError("name, password or code is not right")
    # 3.
    with node.database.write() as tx:
        done = _finish(tx, node, attempt, upgraded, code)
    if isinstance(done, Exception):
        raise done
    return done


def _count(node: Node, name: str, device: str) -> _Attempt:
    """Rule 1."""
    now = node.clock.now()
    with node.database.write() as tx:
        user = tx.people.user(name) if len(name) <= _MAX_NAME and "\0" not in name else None
        account = None if user is None else tx.accounts.account(user.name)
        key = _failure_key(node.identity, name, account, device)
        before = tx.accounts.failure(key)
        past = None if before is None else Failures(count=before.count, last=before.last)
        wait_s = 0 if past is None else past.wait_s(now)
        after = failed_once(past, now)
        counted = FailureRow(key=key, count=after.count, last=after.last)
        if not wait_s:
            tx.accounts.put_failure(counted)
            if user is not None and after.wait_s(now):
                actor = Actor(user=user.name, roles=frozenset())
                note_act(tx, node, actor, "sign-on.delayed", f"{after.count} attempts failed")
    if wait_s:
        raise SignOnDelayedError(wait_s)
    return _Attempt(key=key, before=before, counted=counted, account=account, user=user)


def _finish(
    tx: Transaction, node: Node, attempt: _Attempt, upgraded: str, code: str
) -> NewSession | CodeNeededError | SignOnRefusedError:
    """Rule 3; an error is returned, so that what was counted stays counted."""
    refused = SignOnRefusedError("name, password or code is not right")
    user = None if attempt.user is None else tx.people.user(attempt.user.name)
    account = None if user is None else tx.accounts.account(user.name)
    known = attempt.account
    if user is None or account is None or known is None or user.disabled is not None:
        return refused
    if account.password != known.password:
        return refused
    account = replace(account, password=upgraded)
    how = SignedOnBy.PASSWORD
    if account.totp_confirmed is not None:
        if not code.strip():
            _take_back(tx, attempt)
            return CodeNeededError("a code of your second factor is needed too")
        step = totp_step(
            totp_key(node.identity, account), code, at=node.clock.now(), after=account.totp_step
        )
        if step is not None:
            account, how = replace(account, totp_step=step), SignedOnBy.TOTP
        elif tx.accounts.use_recovery(user.name, recovery_digest(user.name, code)):
            how = SignedOnBy.RECOVERY
        else:
            return refused
    tx.accounts.put_account(account)
    tx.accounts.clear_failure(attempt.key)
    session = begin_session(tx, node, user, how, password_due=account.temporary)
    return replace(
        session,
        device=_new_device(node, account),
        failures=0 if attempt.before is None else attempt.before.count,
    )


def _take_back(tx: Transaction, attempt: _Attempt) -> None:
    """Undo what was counted: the password was right and no code was tried.

    Where other attempts were counted meanwhile, it stays: they are not to be undone with it.
    """
    if tx.accounts.failure(attempt.key) != attempt.counted:
        return
    if attempt.before is None:
        tx.accounts.clear_failure(attempt.key)
    else:
        tx.accounts.put_failure(attempt.before)


def begin_session(
    tx: Transaction, node: Node, user: UserRow, how: SignedOnBy, *, password_due: bool = False
) -> NewSession:
    """Begin a session of somebody who was found to be that user, under a new token.

    Args:
        tx: The unit of work that found it.
        node: The node.
        user: Who.
        how: By what.
        password_due: Whether another password must be chosen first.
    """
    now = node.clock.now()
    tx.accounts.prune(failures=now - FORGOTTEN_AFTER, begun=now - LONGEST, seen=now - IDLE)
    token = new_token(node.random)
    row = SessionRow(
        digest=session_digest(token),
        session_id=node.random(_ID_BYTES).hex(),
        user=user.name,
        how=how.value,
        created=now,
        seen=now,
    )
    tx.accounts.put_session(row)
    actor = actor_from(user)
    note_act(tx, node, actor, "session.begin", f"{row.session_id} by {how.value}")
    return NewSession(
        token=token,
        session_id=row.session_id,
        actor=actor,
        how=how,
        ends=now + LONGEST,
        recovery_left=tx.accounts.recovery_left(user.name),
        password_due=password_due,
    )


def session_user(node: Node, token: str, *, choosing_password: bool = False) -> Actor:
    """Return who acts under a session's token, with the roles held now.

    Args:
        node: The node.
        token: What the browser presented; untrusted.
        choosing_password: Whether this is the request that chooses another password.

    Raises:
        SessionEndedError: There is no such session any more, or its user is disabled.
        SessionStaleError: The user's roles changed: call :func:`renew_session`.
        PasswordDueError: Another password must be chosen first.
    """
    now = node.clock.now()
    with node.database.read() as tx:
        row, user = _open(tx, token, now)
        account = tx.accounts.account(user.name)
    if row.stale:
        raise SessionStaleError("your roles changed; the session goes on under a new token")
    due = account is not None and account.temporary and row.how != SignedOnBy.PROVIDER
    if due and not choosing_password:
        raise PasswordDueError("choose a password of your own first")
    if now - row.seen >= SEEN_EVERY:
        with node.database.write() as tx:
            tx.accounts.note_seen(row.session_id, now)
    return actor_from(user)


def renew_session(node: Node, token: str) -> NewSession:
    """Give a session a new token; the old one opens nothing from then on. It ends when it would.

    Raises:
        SessionEndedError: There is no such session any more.
    """
    now = node.clock.now()
    fresh = new_token(node.random)
    with node.database.write() as tx:
        row, user = _open(tx, token, now)
        tx.accounts.put_session(
            replace(row, digest=session_digest(fresh), seen=max(now, row.seen), stale=False)
        )
        account = tx.accounts.account(user.name)
        left = tx.accounts.recovery_left(user.name)
    return NewSession(
        token=fresh,
        session_id=row.session_id,
        actor=actor_from(user),
        how=SignedOnBy(row.how),
        ends=row.created + LONGEST,
        recovery_left=left,
        password_due=account is not None and account.temporary,
    )


def _open(tx: Transaction, token: str, now: datetime) -> tuple[SessionRow, UserRow]:
    usable = len(token) <= MAX_TOKEN_CHARS
    row = tx.accounts.session_by_digest(session_digest(token)) if usable else None
    if row is None or not still_open(created=row.created, seen=row.seen, at=now):
        raise SessionEndedError("the session has ended; sign on again")
    user = tx.people.user(row.user)
    if user is None or user.disabled is not None:
        raise SessionEndedError("the session has ended; sign on again")
    return row, user


def sign_off(node: Node, token: str) -> None:
    """End the session of a token; one that is gone stays gone."""
    with node.database.write() as tx:
        row = tx.accounts.session_by_digest(session_digest(token))
        user = None if row is None else tx.people.user(row.user)
        if row is not None and user is not None and tx.accounts.end_session(row.session_id):
            note_act(tx, node, actor_from(user), "session.end", row.session_id)


def list_sessions(node: Node, actor: Actor, user: str = "") -> Sequence[SessionRow]:
    """Return the open sessions of a user, or everybody's; without a token among them.

    Args:
        node: The node.
        actor: The user itself, or an administrator.
        user: Whose; "" for everybody's.

    Raises:
        AccessDeniedError: They are somebody else's.
    """
    if actor.user != user:
        require_role(actor, Role.ADMINISTRATOR)
    now = node.clock.now()
    with node.database.read() as tx:
        rows = tx.accounts.sessions(user)
    return [row for row in rows if still_open(created=row.created, seen=row.seen, at=now)]


def end_session(node: Node, actor: Actor, session_id: str) -> SessionRow:
    """End one session: one's own, or as an administrator anybody's.

    Raises:
        NotFoundError: There is none of that name, or it is somebody else's.
    """
    with node.database.write() as tx:
        row = next((each for each in tx.accounts.sessions() if each.session_id == session_id), None)
        mine = row is not None and row.user == actor.user
        if row is None or not (mine or Role.ADMINISTRATOR in actor.roles):
            raise NotFoundError(f"no session {session_id[:60]!r}")
        tx.accounts.end_session(session_id)
        note_act(tx, node, actor, "session.end", session_id)
    return row


def end_sessions(node: Node, actor: Actor, user: str) -> int:
    """End all sessions of a user: one's own, or as an administrator anybody's.

    Raises:
        AccessDeniedError: They are somebody else's.
    """
    if actor.user != user:
        require_role(actor, Role.ADMINISTRATOR)
    with node.database.write() as tx:
        count = tx.accounts.end_sessions(user)
        note_act(tx, node, actor, "session.end", f"{count} of {user}")
    return count


def actor_from(user: UserRow) -> Actor:
    """Return a user as the one who acts."""
    return Actor(user=user.name, roles=frozenset(Role(role) for role in user.roles))


def totp_key(identity: NodeIdentity, account: AccountRow) -> bytes:
    """Return the key of a user's second factor, 20 bytes; it stands nowhere.

    It is derived from the node's secret and the account's salt, so that a copy of the store alone
    makes no codes.
    """
    content = _TOTP + account.user.encode() + b"\n" + (account.totp_salt or b"")
    return hmac.digest(identity.secret, content, hashlib.sha256)[:20]


def failures_of(user: str) -> str:
    """Return the key under which failures are counted for a user, from devices not seen before."""
    return f"user:{user}"


def _failure_key(identity: NodeIdentity, name: str, account: AccountRow | None, device: str) -> str:
    if account is None:
        digest = hmac.digest(
            identity.secret, _NAMES + name.encode("utf-8", "surrogatepass"), hashlib.sha256
        )
        return f"nobody:{digest[:2].hex()}"
    return _device_of(identity, account, device) or failures_of(account.user)


def _new_device(node: Node, account: AccountRow) -> str:
    raw = node.random(_DEVICE_BYTES)
    mac = _device_mac(node.identity, account, raw)
    return base64.urlsafe_b64encode(raw + mac).decode("ascii").rstrip("=")


def _device_of(identity: NodeIdentity, account: AccountRow, device: str) -> str:
    """Return the key for a device on which this user signed on with this password, or ""."""
    try:
        raw = base64.b64decode(device[:MAX_TOKEN_CHARS] + "==", altchars=b"-_", validate=False)
    except ValueError:
        return ""
    identifier, mac = raw[:_DEVICE_BYTES], raw[_DEVICE_BYTES:]
    if not hmac.compare_digest(mac, _device_mac(identity, account, identifier)):
        return ""
    return f"device:{identifier.hex()}"


def _device_mac(identity: NodeIdentity, account: AccountRow, identifier: bytes) -> bytes:
    since = "" if account.password_set is None else account.password_set.isoformat()
    content = _DEVICE + f"{account.user}\n{since}\n".encode() + identifier
    return hmac.digest(identity.secret, content, hashlib.sha256)
