"""Users, roles and tokens of one node."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from foedus.access import AccessDeniedError, AccessError, Actor, Role
from foedus.node.context import actor_of
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.people import add_user, disable_user, enable_user, first_user, set_roles
from foedus.node.tokens import create_token, revoke_token, token_user

if TYPE_CHECKING:
    from tests.unit.node.conftest import Member


def named(user: str, *roles: Role) -> Actor:
    return Actor(user=user, roles=frozenset(roles))


def test_the_first_user_has_every_role(lone: Member) -> None:
    assert actor_of(lone.wired.node, "admin").roles == frozenset(Role)


def test_there_is_one_first_user(lone: Member) -> None:
    with pytest.raises(RefusedError, match="administrators adds more"):
        first_user(lone.wired.node, "second")


def test_a_user_is_added_with_roles(lone: Member) -> None:
    add_user(lone.wired.node, lone.actor, "ana", [Role.ANALYST, Role.OFFICER])
    assert actor_of(lone.wired.node, "ana") == named("ana", Role.ANALYST, Role.OFFICER)


def test_a_name_is_taken_once(lone: Member) -> None:
    with pytest.raises(RefusedError, match="there is a user admin"):
        add_user(lone.wired.node, lone.actor, "admin", [Role.ANALYST])
    assert Role.LEGAL in actor_of(lone.wired.node, "admin").roles


def test_a_name_that_is_none_is_refused(lone: Member) -> None:
    with pytest.raises(AccessError, match="not a user name"):
        add_user(lone.wired.node, lone.actor, "Ana Maria", [Role.ANALYST])


def test_a_user_nobody_knows_does_not_act(lone: Member) -> None:
    with pytest.raises(NotFoundError, match="no user 'eva'"):
        actor_of(lone.wired.node, "eva")


def test_only_an_administrator_changes_people(lone: Member) -> None:
    other = named("ana", *(set(Role) - {Role.ADMINISTRATOR}))
    with pytest.raises(AccessDeniedError):
        add_user(lone.wired.node, other, "eva", [Role.ADMINISTRATOR])
    with pytest.raises(AccessDeniedError):
        set_roles(lone.wired.node, other, "ana", [Role.ADMINISTRATOR])


def test_roles_are_replaced(lone: Member) -> None:
    add_user(lone.wired.node, lone.actor, "ana", [Role.ANALYST])
    set_roles(lone.wired.node, lone.actor, "ana", [Role.LEGAL])
    assert actor_of(lone.wired.node, "ana").roles == {Role.LEGAL}
    set_roles(lone.wired.node, lone.actor, "ana", [])
    assert not actor_of(lone.wired.node, "ana").roles
    with pytest.raises(NotFoundError):
        set_roles(lone.wired.node, lone.actor, "eva", [Role.LEGAL])


def test_the_journal_tells_which_roles_were_given_and_taken(lone: Member) -> None:
    """Whoever makes itself a supervisor for a minute is seen to have been one."""
    add_user(lone.wired.node, lone.actor, "ana", [Role.ANALYST])
    set_roles(lone.wired.node, lone.actor, "ana", [Role.SUPERVISOR, Role.ANALYST])
    set_roles(lone.wired.node, lone.actor, "ana", [])
    acts = lone.read(lambda tx: [act.subject for _, act in tx.acts.page(after=0, limit=100)])
    assert [each for each in acts if each.startswith("ana")] == [
        "ana: analyst",
        "ana: analyst → analyst, supervisor",
        "ana: analyst, supervisor → no role",
    ]


def test_the_last_administrator_stays_one(lone: Member) -> None:
    with pytest.raises(RefusedError, match="without an administrator"):
        set_roles(lone.wired.node, lone.actor, "admin", [Role.ANALYST])
    add_user(lone.wired.node, lone.actor, "ana", [Role.ADMINISTRATOR])
    set_roles(lone.wired.node, lone.actor, "admin", [Role.ANALYST])
    with pytest.raises(RefusedError, match="without an administrator"):
        set_roles(lone.wired.node, lone.actor, "ana", [])
    assert Role.ADMINISTRATOR in actor_of(lone.wired.node, "ana").roles


def test_a_disabled_administrator_is_none(lone: Member) -> None:
    node = lone.wired.node
    with pytest.raises(RefusedError, match="without an administrator"):
        disable_user(node, lone.actor, "admin")
    add_user(node, lone.actor, "ana", [Role.ADMINISTRATOR])
    first = disable_user(node, lone.actor, "ana")
    assert disable_user(node, lone.actor, "ana") == first, "once is enough"
    with pytest.raises(RefusedError, match="without an administrator"):
        set_roles(node, lone.actor, "admin", [])
    with pytest.raises(RefusedError, match="without an administrator"):
        disable_user(node, lone.actor, "admin")
    assert enable_user(node, lone.actor, "ana").disabled is None
    assert enable_user(node, lone.actor, "ana").disabled is None
    for name in ("ana", "eva"):
        with pytest.raises(AccessDeniedError):
            disable_user(node, named("ben", Role.OFFICER), name)
    with pytest.raises(NotFoundError):
        disable_user(node, lone.actor, "eva")


@pytest.mark.sqlite
def test_a_token_is_known_by_its_secret_and_stored_by_its_hash(lone: Member) -> None:
    made = create_token(lone.wired.node, lone.actor, "admin", "read")
    assert made.row.digest == hashlib.sha256(made.secret.encode()).digest()
    assert made.secret not in repr(made)
    found = lone.read(lambda tx: token_user(tx, made.secret))
    assert found == made.row
    assert lone.read(lambda tx: token_user(tx, made.secret + "x")) is None
    assert lone.read(lambda tx: token_user(tx, "")) is None
    assert made.secret.encode() not in lone.wired.settings.database.read_bytes()


def test_two_tokens_differ(lone: Member) -> None:
    one, two = (create_token(lone.wired.node, lone.actor, "admin", "read") for _ in range(2))
    assert one.secret != two.secret
    assert one.row.token_id != two.row.token_id


@pytest.mark.parametrize("scope", ["read", "write"])
def test_a_token_has_a_scope(scope: str, lone: Member) -> None:
    made = create_token(lone.wired.node, lone.actor, "admin", scope)
    assert made.row.scope == scope


@pytest.mark.parametrize("scope", ["", "admin", "READ", "read write"])
def test_a_scope_that_is_none_is_refused(scope: str, lone: Member) -> None:
    with pytest.raises(RefusedError, match="one of read, write"):
        create_token(lone.wired.node, lone.actor, "admin", scope)
    assert not lone.read(lambda tx: tx.people.tokens())


def test_a_token_acts_for_a_user_there_is(lone: Member) -> None:
    with pytest.raises(NotFoundError, match="no user 'eva'"):
        create_token(lone.wired.node, lone.actor, "eva", "read")


def test_a_user_makes_and_revokes_its_own_tokens_and_no_others(lone: Member) -> None:
    add_user(lone.wired.node, lone.actor, "ana", [Role.ANALYST])
    ana = actor_of(lone.wired.node, "ana")
    own = create_token(lone.wired.node, ana, "ana", "read")
    with pytest.raises(AccessDeniedError):
        create_token(lone.wired.node, ana, "admin", "read")
    other = create_token(lone.wired.node, lone.actor, "admin", "read")
    with pytest.raises(AccessDeniedError):
        revoke_token(lone.wired.node, ana, other.row.token_id)
    assert revoke_token(lone.wired.node, ana, own.row.token_id).revoked is not None
    assert lone.read(lambda tx: token_user(tx, other.secret)) is not None


def test_a_revoked_token_opens_nothing_and_stays_revoked(lone: Member) -> None:
    made = create_token(lone.wired.node, lone.actor, "admin", "write")
    once = revoke_token(lone.wired.node, lone.actor, made.row.token_id)
    assert lone.read(lambda tx: token_user(tx, made.secret)) is None
    again = revoke_token(lone.wired.node, lone.actor, made.row.token_id)
    assert again.revoked == once.revoked
    acts = [act.act for _, act in lone.read(lambda tx: tx.acts.page(after=0, limit=100))]
    assert acts.count("token.revoke") == 1
    with pytest.raises(NotFoundError, match="no token"):
        revoke_token(lone.wired.node, lone.actor, "ffffffff")


def test_an_administrator_revokes_every_token(lone: Member) -> None:
    add_user(lone.wired.node, lone.actor, "ana", [Role.ANALYST])
    made = create_token(lone.wired.node, actor_of(lone.wired.node, "ana"), "ana", "read")
    revoke_token(lone.wired.node, lone.actor, made.row.token_id)
    assert lone.read(lambda tx: token_user(tx, made.secret)) is None
