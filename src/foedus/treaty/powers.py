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
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from foedus.model.identifiers import MemberId
from foedus.signing.keyring import KeyPurpose
from foedus.signing.keys import PublicKey
from foedus.treaty.instrument import FullPowers, Instrument, Revocation
from foedus.treaty.instrument_set import InstrumentSet, as_set

__all__ = ["keys_of", "powers_of"]


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
