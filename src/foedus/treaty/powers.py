"""Which keys speak for a member at an instant: full powers and their revocation.

Rules, in the order the code applies them:

1. The full powers with the highest serial issued by then count: the author's own numbering, not its
   clock, says which are newest, so that new ones take effect whatever their date says
   (VCLT Art. 7).
2. If those are in conflict none count until newer ones are issued: going back to older ones could
   revive a key that was given up.
3. A key that was revoked speaks no more from the revocation on, even if newer full powers name it
   again, and even if a conflict voids the revocation: who holds a stolen key must gain nothing.
4. A key speaks only for its purpose and within its validity.

Pins of TLS (:func:`pins_of`) follow the same full powers. Once any of a member's documents named a
pin, only pins decide, for ever: a certificate that a public authority signed is then worth nothing.
Where no full powers count, or none of their pins is in force, no certificate is right.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from foedus.model.identifiers import MemberId
from foedus.signing.keyring import KeyPurpose
from foedus.signing.keys import PublicKey
from foedus.treaty.credence import Credence
from foedus.treaty.instrument import FullPowers, Instrument, Revocation
from foedus.treaty.instrument_set import InstrumentSet, as_set

__all__ = ["keys_of", "pins_of", "powers_of"]


def powers_of(
    instruments: InstrumentSet | Iterable[Instrument],
    member: MemberId,
    at: datetime,
    *,
    authority: str | None = None,
) -> FullPowers | None:
    """Return the full powers that speak for a member at an instant, without revoked keys.

    Args:
        instruments: All that is held.
        member: For whom.
        at: Aware UTC.
        authority: Fingerprint of the authority accepted for the member. Without it, full powers
            under two different authorities give None.
    """
    held = as_set(instruments)
    own = [one for one in held.of(member) if one.issued <= at]
    found = [
        one
        for one in own
        if isinstance(one.body, FullPowers) and authority in (None, one.authority)
    ]
    if not found or len({one.authority for one in found}) > 1:
        return None
    newest = max(found, key=lambda one: one.serial)
    if not isinstance(newest.body, FullPowers) or not held.counts(newest, at):
        return None
    revoked = {
        key
        for one in own
        if isinstance(one.body, Revocation) and one.authority == newest.authority
        for key in one.body.keys
    }
    keys = tuple(grant for grant in newest.body.keys if grant.key not in revoked)
    return replace(newest.body, keys=keys)


def keys_of(
    instruments: InstrumentSet | Iterable[Instrument],
    member: MemberId,
    purpose: KeyPurpose,
    at: datetime,
    *,
    authority: str | None = None,
) -> tuple[PublicKey, ...]:
    """Return the keys that speak for a member and purpose at an instant; see :func:`powers_of`."""
    powers = powers_of(instruments, member, at, authority=authority)
    if powers is None:
        return ()
    valid = (grant.key for grant in powers.keys if grant.purpose is purpose and grant.covers(at))
    return tuple(dict.fromkeys(valid))


def pins_of(
    instruments: InstrumentSet | Iterable[Instrument], credence: Credence, at: datetime
) -> frozenset[str] | None:
    """Return the pins that hold for a member's node at an instant.

    Args:
        instruments: All that is held.
        credence: The letter of credence accepted for the member; its pins hold while there are no
            full powers at all.
        at: Aware UTC.

    Returns:
        64 hex digits each, perhaps none; None if the member never named a pin.
    """
    held, member = as_set(instruments), credence.member
    issued = [each.body for each in held.of(member) if isinstance(each.body, FullPowers)]
    if not credence.tls and not any(body.tls for body in issued):
        return None
    if not issued:
        return frozenset(credence.tls)
    powers = powers_of(held, member, at, authority=credence.authority.fingerprint)
    return frozenset(pin.spki for pin in powers.tls if pin.covers(at)) if powers else frozenset()
