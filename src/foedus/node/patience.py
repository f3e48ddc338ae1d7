"""How long a peer may keep this node waiting in each part of what is done with it.

A peer that hangs or sends a byte now and then costs these times and no more; its lanes go on from
the last whole batch with the next pull. The times are of waiting alone: a long lane that comes
quickly is never cut off.
"""

from __future__ import annotations

from typing import Final, Protocol, runtime_checkable

from foedus.model.identifiers import MemberId
from foedus.node.peer_ports import PeerClient

__all__ = ["COMPARE_S", "MIRROR_S", "PULL_S", "TimedClient", "within"]

PULL_S: Final = 120.0
"""Longest wait for the lanes of a peer in one pull, in seconds: two of the largest pages, at a
little more than 3 Mbit/s."""

MIRROR_S: Final = 60.0
"""Longest wait for what its log's copy lacks, in seconds."""

COMPARE_S: Final = 30.0
"""Longest wait for the log heads it knows and for what lies between them, in seconds."""


@runtime_checkable
class TimedClient(Protocol):
    """A client whose answers can be given an end."""

    def within(self, member: MemberId, seconds: float) -> PeerClient:
        """Return the client for one piece of work: past the time every call raises PeerError.

        Args:
            member: Whom the work is with; others asked on the way have a small time of their own.
            seconds: How long all its answers may take together.
        """
        ...


def within(client: PeerClient, member: MemberId, seconds: float) -> PeerClient:
    """Return a client for one piece of work with a peer; itself where it knows no time."""
    return client.within(member, seconds) if isinstance(client, TimedClient) else client
