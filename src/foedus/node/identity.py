"""Who this node is: its member, its keys and its address. Made once by ``foedus init``.

A witness is named after its member alone: neither a new address nor a log begun anew under another
origin changes the name, so what it cosigned stays what it was. The key of the name is in the
member's full powers (:attr:`~foedus.signing.KeyPurpose.WITNESS`); a name without a key that they
grant says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from foedus.model.identifiers import MemberId
from foedus.signing.keys import SigningKey
from foedus.signing.pins import TLSPin

__all__ = ["NodeIdentity", "witness_name"]


def witness_name(member: MemberId) -> str:
    """Return the name under which a member's node cosigns the logs of others.

    It has none of the characters that a key name must not have.

    Spec: C2SP signed-note, "key name"; tlog-cosignature.
    """
    return f"foedus/{member.lower()}/witness"


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeIdentity:
    """The node's own names and keys.

    Attributes:
        member: The sovereign member this node speaks for.
        name: The member's name for people.
        address: Base URL under which other nodes reach this one.
        exercise: Whether everything here is an exercise; one data directory never mixes the two.
        authority: Signs instruments; None when the member keeps it offline.
        node: Signs requests, disclosures, acknowledgements.
        log: Signs the ledger's checkpoints.
        log_origin: The ledger's name (C2SP tlog-checkpoint origin line).
        secret: 32 bytes; names redacted variants. Never leaves the node.
        witness: Cosigns the logs of others and nothing else; None in a data directory made before
            there were witnesses (`foedus keys renew` makes one).
        tls: Which keys this node, or the proxy in front of it, shows over TLS, and when; empty
            where none is pinned.
    """

    member: MemberId
    name: str
    address: str
    exercise: bool
    authority: SigningKey | None = field(repr=False)
    node: SigningKey = field(repr=False)
    log: SigningKey = field(repr=False)
    log_origin: str
    secret: bytes = field(repr=False)
    witness: SigningKey | None = field(default=None, repr=False)
    tls: tuple[TLSPin, ...] = ()

    @property
    def witness_name(self) -> str:
        """The name this node cosigns under (:func:`witness_name`)."""
        return witness_name(self.member)
