"""Users, roles and the check that stands at the top of every operation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from foedus.errors import FoedusError

__all__ = ["AccessDeniedError", "AccessError", "Actor", "Role", "require_role", "user_name"]

_USER = re.compile(r"[a-z][a-z0-9._-]{0,39}", re.ASCII)


class AccessError(FoedusError):
    """A user, role or token is not usable."""

    code: ClassVar[str] = "access"


class AccessDeniedError(AccessError):
    """The user lacks the role that an act needs."""

    code: ClassVar[str] = "access.denied"


class Role(StrEnum):
    """What a person may do; see the package docstring."""

    ANALYST = "analyst"
    SUPERVISOR = "supervisor"
    OFFICER = "officer"
    REVIEWER = "reviewer"
    LEGAL = "legal"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The person an operation is done by.

    Attributes:
        user: User name as stored.
        roles: The roles held now.
    """

    user: str
    roles: frozenset[Role]


def user_name(text: str) -> str:
    """Read a user name (lower-case letters, digits, ``._-``; 1 to 40), or raise AccessError."""
    if not _USER.fullmatch(text):
        raise AccessError(
            f"not a user name (a lower-case letter, then letters, digits, . _ -): {text[:40]!r}"
        )
    return text


def require_role(actor: Actor, *roles: Role) -> None:
    """Check that the actor holds at least one of the roles, or raise.

    Raises:
        AccessDeniedError: None of the roles is held; the message names those that would do.
    """
    if actor.roles.isdisjoint(roles):
        wanted = " or ".join(roles)
        raise AccessDeniedError(f"user {actor.user} may not do this: it needs the role {wanted}")
