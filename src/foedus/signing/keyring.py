"""Which keys were valid for a name, for what, and when.

Rules, in the order the code applies them:

1. A grant binds one key to one name for one purpose from an instant on, until another if given.
2. It is valid at ``valid_from`` and no longer valid at ``valid_until``.
3. Rotation is two grants whose periods may overlap; revocation is a grant that ends, or one left
   out when nothing the key ever signed may be believed any more.
4. One key never speaks for two names: Ed25519 witness statements do not say who made them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from foedus.signing.errors import KeyringError
from foedus.signing.keys import PublicKey

__all__ = ["KeyGrant", "KeyPurpose", "Keyring"]


class KeyPurpose(StrEnum):
    """What a key may sign. The authority's key is kept apart from the machine's."""

    AUTHORITY = "authority"
    """Instruments: signature, ratification, withdrawal and so on."""

    NODE = "node"
    """Disclosures and what else a node sends by itself."""

    LOG = "log"
    """Checkpoints of the member's own log."""

    WITNESS = "witness"
    """Cosignatures on the checkpoints of others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyGrant:
    """One key bound to one name for one purpose and period.

    Attributes:
        name: Whom the key speaks for.
        purpose: What it may sign.
        key: The public key.
        valid_from: First instant of validity; aware.
        valid_until: First instant after it; aware, or None while open.

    Raises:
        KeyringError: An instant is naive, or the period is empty.
    """

    name: str
    purpose: KeyPurpose
    key: PublicKey
    valid_from: datetime
    valid_until: datetime | None = None

    def __post_init__(self) -> None:
        for instant in (self.valid_from, self.valid_until):
            if instant is not None and instant.tzinfo is None:
                raise KeyringError("the period of a grant is given in aware instants")
        if self.valid_until is not None and self.valid_until <= self.valid_from:
            raise KeyringError(f"the grant of {self.key.key_id} to {self.name!r} is never valid")

    def covers(self, at: datetime) -> bool:
        """Say whether an aware instant lies in the period (rule 2)."""
        return self.valid_from <= at and (self.valid_until is None or at < self.valid_until)


class Keyring:
    """An immutable set of grants, asked by name, purpose and instant."""

    __slots__ = ("_grants", "grants")

    grants: tuple[KeyGrant, ...]

    def __init__(self, grants: Iterable[KeyGrant]) -> None:
        """Take over grants in order of preference.

        Args:
            grants: Taken from what members signed; a source this folder does not know.

        Raises:
            KeyringError: One key is granted to two names (rule 4).
        """
        self.grants = tuple(grants)
        self._grants: dict[tuple[str, KeyPurpose], list[KeyGrant]] = {}
        owners: dict[bytes, str] = {}
        for grant in self.grants:
            owner = owners.setdefault(grant.key.raw, grant.name)
            if owner != grant.name:
                raise KeyringError(
                    f"{grant.key.key_id} is granted to both {owner!r} and {grant.name!r}"
                )
            self._grants.setdefault((grant.name, grant.purpose), []).append(grant)

    def valid(self, name: str, purpose: KeyPurpose, at: datetime) -> tuple[PublicKey, ...]:
        """Return the keys valid for a name and purpose at an instant.

        Args:
            name: Whom the keys must speak for.
            purpose: What they must be allowed to sign.
            at: An aware instant.

        Returns:
            Each key once, in the order granted; with none, nothing verifies.

        Raises:
            KeyringError: The instant is naive.
        """
        if at.tzinfo is None:
            raise KeyringError("validity is asked for an aware instant")
        grants = self._grants.get((name, purpose), ())
        return tuple(dict.fromkeys(grant.key for grant in grants if grant.covers(at)))
