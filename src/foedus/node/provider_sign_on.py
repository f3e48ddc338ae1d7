"""Sign on through the member's OpenID provider: authorization code flow with PKCE.

:func:`begin` → the browser goes to the provider and comes back → :func:`finish` → a session

Rules of :func:`finish`, in the order the code applies them:

1. The browser that comes back is the one that left, within :data:`BEGUN_FOR`: it brings a cookie
   this node made, and ``state`` is the one derived from it. So are the nonce and the verifier of
   PKCE; nothing is stored meanwhile, so strangers fill nothing.
2. The provider's answer names the provider (RFC 9207), where it names anybody.
3. The provider exchanges the code for an ID token, which passes every check of
   :mod:`foedus.access.id_token`.
4. The person is who is bound to (issuer, subject), never who bears a name. Where nobody is, and an
   administrator mapped one of the person's groups to roles, a user is made. The roles of such a
   user follow its groups at each sign-on; without any such group it signs on no more.
5. A disabled user does not sign on.

Spec: OpenID Connect Core 1.0 §3.1; RFC 7636; RFC 9207; RFC 9700 §2.1.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final, Protocol

from foedus.access import AccessError, Actor, Role, user_name
from foedus.access.errors import IdentityError, SignOnRefusedError
from foedus.access.provider import Identity
from foedus.access.sessions import SignedOnBy
from foedus.node.context import Node, note_act
from foedus.node.people import roles_text
from foedus.node.ports import Transaction, UserRow
from foedus.node.ports.accounts import BindingRow
from foedus.node.sign_on import NewSession, begin_session

__all__ = ["BEGUN_FOR", "Begun", "Provider", "Returned", "begin", "finish"]

BEGUN_FOR: Final = timedelta(minutes=10)
"""How long somebody may take at the provider."""

_RANDOM_BYTES: Final = 32
_STAMP_BYTES: Final = 8
_MAC_BYTES: Final = 32
_MAX_COOKIE_CHARS: Final = 200
_DOMAIN: Final = b"foedus provider sign-on\n"


class Provider(Protocol):
    """The member's provider, over the network."""

    @property
    def issuer(self) -> str:
        """Return the address by which it names itself."""
        ...

    @property
    def groups(self) -> Mapping[str, frozenset[Role]]:
        """Return which of its groups have which roles here."""
        ...

    def address(self, *, state: str, nonce: str, challenge: str) -> str:
        """Return where the browser is sent.

        Raises:
            IdentityError: The provider cannot be reached, or is unusable.
        """
        ...

    def identity(self, *, code: str, nonce: str, verifier: str) -> Identity:
        """Exchange a code and return whom the ID token names.

        Raises:
            IdentityError: The provider cannot be reached, refuses, or its token fails a check.
        """
        ...

    def must_name_itself(self) -> bool:
        """Return whether it says that its answers name it (RFC 9207)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A sign-on that was begun.

    Attributes:
        address: Where the browser is sent.
        cookie: What the browser must bring back; HttpOnly, Secure, SameSite=Lax.
    """

    address: str
    cookie: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """What the browser brought back; untrusted.

    Attributes:
        cookie: That of :class:`Begun`.
        state: The parameter ``state``.
        code: The parameter ``code``; "" where the provider refused.
        issuer: The parameter ``iss``; "" for none.
    """

    cookie: str = field(repr=False)
    state: str = field(repr=False)
    code: str = field(repr=False)
    issuer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flow:
    state: str
    nonce: str
    verifier: str


def begin(node: Node, provider: Provider) -> Begun:
    """Begin to sign somebody on through the provider.

    Raises:
        IdentityError: The provider cannot be reached, or is unusable.
    """
    stamp = int(node.clock.now().timestamp()).to_bytes(_STAMP_BYTES, "big")
    seed = stamp + node.random(_RANDOM_BYTES)
    cookie = _text(seed + _derived(node, b"cookie", seed))
    flow = _flow(node, seed)
    challenge = _text(hashlib.sha256(flow.verifier.encode()).digest())
    address = provider.address(state=flow.state, nonce=flow.nonce, challenge=challenge)
    return Begun(address=address, cookie=cookie)


def finish(node: Node, provider: Provider, returned: Returned) -> NewSession:
    """Sign on who came back from the provider.

    Raises:
        SignOnRefusedError: The browser is not the one that left, took too long, the provider
            refused it, or nobody here is bound to it.
        IdentityError: The provider cannot be reached, or its token fails a check.
    """
    # 1.
    flow = _flow(node, _seed(node, returned.cookie))
    if not hmac.compare_digest(flow.state.encode(), returned.state.encode("utf-8", "replace")):
        raise SignOnRefusedError("this sign-on was not begun in this browser; begin again")
    # 2.
    if (returned.issuer or provider.must_name_itself()) and returned.issuer != provider.issuer:
        raise SignOnRefusedError("the answer is another provider's")
    if not returned.code:
        raise SignOnRefusedError("the provider did not sign you on")
    # 3.
    identity = provider.identity(code=returned.code, nonce=flow.nonce, verifier=flow.verifier)
    if identity.issuer != provider.issuer:
        raise IdentityError("the ID token is another provider's")
    # 4. and 5.
    with node.database.write() as tx:
        done = _signed_on(tx, node, identity, provider.groups)
    if isinstance(done, Exception):
        raise done
    return done


def _signed_on(
    tx: Transaction, node: Node, identity: Identity, groups: Mapping[str, frozenset[Role]]
) -> NewSession | SignOnRefusedError:
    """Rules 4 and 5; a refusal is returned, so that roles that were taken away stay so."""
    roles = frozenset[Role]().union(*(groups.get(each, frozenset()) for each in identity.groups))
    binding = tx.accounts.binding(identity.issuer, identity.subject)
    if binding is None:
        user = _made(tx, node, identity, roles)
        if user is None:
            return SignOnRefusedError(
                "nobody here is bound to you; an administrator does it with `foedus user oidc` and "
                f"the subject {identity.subject}"
            )
    else:
        user = tx.people.user(binding.user)
        if user is not None and binding.by_group:
            user = _followed(tx, node, user, roles)
    if user is None or user.disabled is not None:
        return SignOnRefusedError("this user does not sign on")
    if binding is not None and binding.by_group and not roles:
        return SignOnRefusedError("none of your groups has a role here")
    return begin_session(tx, node, user, SignedOnBy.PROVIDER)


def _made(
    tx: Transaction, node: Node, identity: Identity, roles: frozenset[Role]
) -> UserRow | None:
    """Make a user of somebody whose group has roles; None where no group has, or no name is free.

    A name is only what the user is called: one that is taken, be it of a disabled user, is never
    given to another.
    """
    try:
        name = user_name(identity.name.partition("@")[0].lower())
    except AccessError:
        return None
    if not roles or tx.people.user(name) is not None:
        return None
    now = node.clock.now()
    user = UserRow(name=name, roles=frozenset(role.value for role in roles), created=now)
    tx.people.put_user(user)
    tx.accounts.put_binding(
        BindingRow(
            issuer=identity.issuer,
            subject=identity.subject,
            user=name,
            created=now,
            by_group=True,
        )
    )
    subject = f"{name}: {roles_text(user)}, by group"
    note_act(tx, node, Actor(user=name, roles=frozenset()), "user.add", subject)
    return user


def _followed(tx: Transaction, node: Node, user: UserRow, roles: frozenset[Role]) -> UserRow:
    wanted = frozenset(role.value for role in roles)
    if user.roles == wanted:
        return user
    changed = replace(user, roles=wanted)
    tx.people.put_user(changed)
    tx.accounts.make_stale(user.name)
    actor = Actor(user=user.name, roles=frozenset())
    went = f"{roles_text(user)} → {roles_text(changed)}"
    note_act(tx, node, actor, "user.roles", f"{user.name}: {went}, by group")
    return changed


def _flow(node: Node, seed: bytes) -> _Flow:
    return _Flow(
        state=_text(_derived(node, b"state", seed)),
        nonce=_text(_derived(node, b"nonce", seed)),
        verifier=_text(_derived(node, b"verifier", seed)),
    )


def _seed(node: Node, cookie: str) -> bytes:
    """Rule 1: read the cookie that this node made."""
    refused = SignOnRefusedError("this sign-on was not begun here, or too long ago; begin again")
    if len(cookie) > _MAX_COOKIE_CHARS or not cookie.isascii():
        raise refused
    try:
        raw = base64.b64decode(cookie + "=" * (-len(cookie) % 4), altchars=b"-_", validate=True)
    except ValueError as error:
        raise refused from error
    seed, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
    if len(seed) != _STAMP_BYTES + _RANDOM_BYTES or not hmac.compare_digest(
        mac, _derived(node, b"cookie", seed)
    ):
        raise refused
    age_s = node.clock.now().timestamp() - int.from_bytes(seed[:_STAMP_BYTES], "big")
    if not -1 <= age_s <= BEGUN_FOR.total_seconds():
        raise refused
    return seed


def _derived(node: Node, what: bytes, seed: bytes) -> bytes:
    return hmac.digest(node.identity.secret, _DOMAIN + what + b"\n" + seed, hashlib.sha256)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")
