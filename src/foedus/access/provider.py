"""The member's OpenID provider: what an administrator wrote of it, and whom it says somebody is."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from foedus.access.errors import ProviderSettingsError
from foedus.access.people import Role

__all__ = ["Identity", "ProviderSettings", "checked_endpoint", "provider_settings"]

_MAX_URL_CHARS: Final = 2_000
_TEXTS: Final = ("issuer", "client_id", "redirect", "groups_claim", "secret_file", "authority")
_KNOWN: Final = frozenset({*_TEXTS, "scopes", "groups"})
_REQUIRED: Final = ("issuer", "client_id", "redirect")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Whom a provider says somebody is, after every check.

    Attributes:
        issuer: The provider.
        subject: Its name for the person; never given to another (OpenID Connect Core §2, ``sub``).
        name: What the person likes to be called there; may change, and proves nothing.
        groups: Groups the provider says the person is in.
    """

    issuer: str
    subject: str
    name: str = ""
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """What an administrator wrote of the provider.

    Attributes:
        issuer: Its address, exactly as it names itself.
        client_id: What it calls this node.
        redirect: Address to which it sends people back.
        scopes: What is asked for; ``openid`` always.
        groups_claim: The claim of the ID token that names groups.
        groups: Group → roles. Whoever is in one is made a user at the first sign-on, and has the
            roles of its groups from then on; empty makes nobody a user.
        secret_file: File with the client's secret, relative to the data directory; "" for none.
        authority: File with certificates of an authority of the member's own, PEM, relative to the
            data directory; "" for public ones.
    """

    issuer: str
    client_id: str
    redirect: str
    scopes: tuple[str, ...] = ("openid",)
    groups_claim: str = "groups"
    groups: Mapping[str, frozenset[Role]] = field(default_factory=dict)
    secret_file: str = ""
    authority: str = ""


def provider_settings(table: Mapping[str, Any]) -> ProviderSettings:
    """Read the table ``[oidc]`` of the settings.

    Raises:
        ProviderSettingsError: A value is missing, unknown, of another kind or cannot be used; the
            message names it.
    """
    for name, value in table.items():
        if name not in _KNOWN:
            raise ProviderSettingsError(f"there is no setting oidc.{name}")
        if name in _TEXTS and not (isinstance(value, str) and value and value.isprintable()):
            raise ProviderSettingsError(f"oidc.{name} must be a text of one line")
    for name in _REQUIRED:
        if name not in table:
            raise ProviderSettingsError(f"the setting oidc.{name} is missing")
    checked_endpoint(table["issuer"], "oidc.issuer")
    if urlsplit(table["issuer"]).query:
        raise ProviderSettingsError("oidc.issuer holds no query")
    checked_endpoint(table["redirect"], "oidc.redirect")
    given: dict[str, Any] = {name: table[name] for name in _TEXTS if name in table}
    return ProviderSettings(
        **given,
        scopes=_scopes(table.get("scopes", [])),
        groups=_groups(table.get("groups", {})),
    )


def checked_endpoint(url: str, name: str) -> str:
    """Return an address of the provider: https, or http to this machine.

    Raises:
        ProviderSettingsError: It is another; the message says of what, by ``name``.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ProviderSettingsError(f"{name} is no address") from error
    host = parts.hostname or ""
    plain = parts.scheme == "http" and (host == "localhost" or _is_loopback(host))
    usable = url.isascii() and url.isprintable() and " " not in url and len(url) <= _MAX_URL_CHARS
    if not host or port == 0 or not usable or not (parts.scheme == "https" or plain):
        raise ProviderSettingsError(f"{name} must be an https address")
    if parts.username or parts.password or parts.fragment:
        raise ProviderSettingsError(f"{name} holds no user, password or fragment")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _scopes(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(
        isinstance(each, str) and each.isascii() and each.isprintable() and each and " " not in each
        for each in value
    ):
        raise ProviderSettingsError("oidc.scopes must be a list of words")
    return tuple(dict.fromkeys(("openid", *value)))


def _groups(value: object) -> Mapping[str, frozenset[Role]]:
    if not isinstance(value, dict):
        raise ProviderSettingsError("oidc.groups must be a table: group = [roles]")
    found: dict[str, frozenset[Role]] = {}
    for group, roles in value.items():
        if not isinstance(roles, list) or not roles:
            raise ProviderSettingsError(f"oidc.groups: {group[:60]!r} needs a list of roles")
        try:
            found[group] = frozenset(Role(each) for each in roles)
        except ValueError as error:
            raise ProviderSettingsError(
                f"oidc.groups: {group[:60]!r} names a role there is not"
            ) from error
        if Role.ADMINISTRATOR in found[group]:
            raise ProviderSettingsError(
                "oidc.groups gives nobody the role administrator: that is given here, by name"
            )
    return found
