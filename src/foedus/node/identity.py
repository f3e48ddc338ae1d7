"""Who this node is: its member, its keys and its address. Made once by ``foedus init``."""

from __future__ import annotations

from dataclasses import dataclass, field

from foedus.model.identifiers import MemberId
from foedus.signing.keys import SigningKey

__all__ = ["NodeIdentity"]


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
