"""How many of those who vouch must agree, where some of them may lie.

Any two quorums must share one who does not lie; else each could be told another story and neither
would notice. Of ``n`` who vouch, ``f`` of whom may lie, more than ``(n + f) / 2`` are therefore
enough. They are always to be had only if those who do not lie are that many by themselves.

It stands here, below treaties and logs, because both need it: a treaty states the figures and is
refused where they cannot work, a log is relied on by them.
"""

from __future__ import annotations

from foedus.signing.errors import QuorumError

__all__ = ["enough", "quorum"]


def enough(witnesses: int, liars: int) -> int:
    """Return how many statements make a head safe to rely on, whether or not there are so many.

    Args:
        witnesses: How many could make one; not negative.
        liars: How many of them may lie; not negative.
    """
    return (witnesses + liars) // 2 + 1


def quorum(witnesses: int, liars: int) -> int:
    """Return how many statements make a head safe to rely on.

    Args:
        witnesses: How many there are.
        liars: How many of them may lie.

    Raises:
        QuorumError: No number of honest witnesses could meet it.
    """
    needed = enough(witnesses, liars)
    if liars < 0 or needed > witnesses - liars:
        raise QuorumError(f"{witnesses} witnesses cannot outvote {liars} liars among them")
    return needed
