"""Who may act: names, roles, and the check at the top of every operation."""

from __future__ import annotations

import pytest

from foedus.access import AccessDeniedError, AccessError, Actor, Role, require_role, user_name


@pytest.mark.parametrize(
    "name",
    ["a", "ana", "ana.b", "j-d_2", "x" * 40],
)
def test_a_user_name_is_kept_as_it_is(name: str) -> None:
    assert user_name(name) == name


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ("empty", ""),
        ("too long", "x" * 41),
        ("a capital", "Ana"),
        ("begins with a digit", "1ana"),
        ("begins with a dot", ".ana"),
        ("a space", "ana b"),
        ("a line feed at the end", "ana\n"),
        ("letters beyond ASCII", "añb"),
        ("a path", "../ana"),
    ],
)
def test_what_is_no_user_name_is_refused(what: str, name: str) -> None:
    with pytest.raises(AccessError, match="not a user name") as caught:
        user_name(name)
    assert caught.value.code == "access", what
    assert len(str(caught.value)) < 200


ROWS = [
    ("an analyst may do what needs an analyst", {Role.ANALYST}, (Role.ANALYST,), True),
    ("one of several roles is enough", {Role.OFFICER}, (Role.SUPERVISOR, Role.OFFICER), True),
    ("several roles held, one of them wanted", {Role.LEGAL, Role.AUDITOR}, (Role.AUDITOR,), True),
    ("a supervisor is no analyst", {Role.SUPERVISOR}, (Role.ANALYST,), False),
    ("an administrator is not everything", {Role.ADMINISTRATOR}, (Role.LEGAL,), False),
    ("without a role nothing", set[Role](), (Role.ANALYST,), False),
    ("where no role would do nobody may", set(Role), (), False),
]


@pytest.mark.parametrize(("what", "held", "wanted", "may"), ROWS, ids=[row[0] for row in ROWS])
def test_an_act_needs_one_of_its_roles(
    what: str, held: set[Role], wanted: tuple[Role, ...], *, may: bool
) -> None:
    actor = Actor(user="ana", roles=frozenset(held))
    if may:
        require_role(actor, *wanted)
    else:
        with pytest.raises(AccessDeniedError, match="ana") as caught:
            require_role(actor, *wanted)
        assert caught.value.code == "access.denied", what
        assert all(role.value in str(caught.value) for role in wanted)


def test_roles_are_stored_by_names_that_stay() -> None:
    assert {role.value for role in Role} == {
        "analyst", "supervisor", "officer", "reviewer", "legal", "auditor", "administrator",
    }  # fmt: skip
