"""Errors of signing on and of sessions.

What whoever tries to sign on is told says nothing of whether there is such a user, or which part
was wrong.
"""

from __future__ import annotations

from typing import ClassVar

from foedus.access.people import AccessError

__all__ = [
    "CodeNeededError",
    "IdentityError",
    "PasswordDueError",
    "PasswordRuleError",
    "ProviderSettingsError",
    "SessionEndedError",
    "SessionStaleError",
    "SignOnDelayedError",
    "SignOnRefusedError",
    "UnknownKeyError",
]


class SignOnRefusedError(AccessError):
    """Name, password or code is not right, or the user may not sign on; never which."""

    code: ClassVar[str] = "access.sign-on"


class SignOnDelayedError(AccessError):
    """Too many attempts failed; the next one is looked at only after a while.

    Attributes:
        wait_s: Seconds until then.
    """

    code: ClassVar[str] = "access.delayed"

    def __init__(self, wait_s: int) -> None:
        """Say how long to wait.

        Args:
            wait_s: Seconds until the next attempt is looked at.
        """
        super().__init__(f"too many attempts failed; the next is looked at in {wait_s} seconds")
        self.wait_s = wait_s


class CodeNeededError(AccessError):
    """The password is right; the code of the second factor is needed beside it."""

    code: ClassVar[str] = "access.code-needed"


class SessionEndedError(AccessError):
    """There is no such session, or no more; sign on again."""

    code: ClassVar[str] = "access.session"


class SessionStaleError(AccessError):
    """The user's roles changed; the session goes on only under a new token (`renew_session`)."""

    code: ClassVar[str] = "access.session-stale"


class PasswordDueError(AccessError):
    """The password was given by somebody else; its owner chooses another one first."""

    code: ClassVar[str] = "access.password-due"


class PasswordRuleError(AccessError):
    """A password is too short, too long, or mostly a name that anybody would try."""

    code: ClassVar[str] = "access.password"


class ProviderSettingsError(AccessError):
    """What is said of the OpenID provider cannot be used."""

    code: ClassVar[str] = "access.provider"


class IdentityError(AccessError):
    """An ID token is not what it must be; the message says which check failed."""

    code: ClassVar[str] = "access.identity"


class UnknownKeyError(IdentityError):
    """No key known of the provider made the signature; its keys may have changed."""

    code: ClassVar[str] = "access.identity-key"
