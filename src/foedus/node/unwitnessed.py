"""How far the members have witnessed this node's own log, and since when it goes unwitnessed.

Rules of :func:`witnessing_of`, in the order the code applies them:

1. A treaty without figures of witnessing asks for no quorum and sets no limit.
2. The witnesses are the members with whom the treaty operates now, never the log's own. A member
   that left, or with which the treaty is suspended, is not counted, whatever it cosigned.
3. How many of them are enough follows from their number and from how many may lie
   (:func:`foedus.signing.enough`). Where there are fewer than that, nothing counts as witnessed.
4. What a quorum has cosigned are the entries below the largest size that so many witnesses have
   each cosigned, or a larger one. The oldest entry that is not among them is *unwitnessed*.
5. Its age counts from the instant it was entered, by this node's own clock. It does not count from
   before the present witnesses were bound: nobody could be asked to witness for them.

Entries of every kind count, since one that hides an earlier one is no better for being an order.
Past the limit nothing new is released (:mod:`foedus.release.objections`); orders, instruments,
receipts and all that is received go on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from foedus.model.identifiers import MemberId, TreatyId
from foedus.node.context import Node
from foedus.node.lawbook import LawView
from foedus.node.ports import Transaction
from foedus.signing import enough
from foedus.treaty.articles import Treaty
from foedus.treaty.standing import Stage, TreatyStatus

__all__ = [
    "OwnWitnessing",
    "proven_forked",
    "unwitnessed_since",
    "witnesses_of",
    "witnessing_of",
]

_BOUND_CHANGED: Final = frozenset({Stage.PARTY, Stage.SUSPENDED, Stage.DENOUNCED})
"""Stages whose beginning changed who is bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnWitnessing:
    """Where the witnessing of this node's log stands under one treaty.

    Attributes:
        liars: How many witnesses may lie, by the treaty.
        limit: For how long an entry may be unwitnessed, by the treaty.
        needed: How many witnesses are enough.
        sizes: Each witness to the largest size of our log that it cosigned; 0 for none.
        entries: How many entries our log has.
        covered: How many of them a quorum witnessed.
        since: Since when the oldest other one is unwitnessed; None if there is none.
    """

    liars: int
    limit: timedelta
    needed: int
    sizes: Mapping[MemberId, int]
    entries: int
    covered: int
    since: datetime | None

    @property
    def until(self) -> datetime | None:
        """The first instant at which the limit has passed; None while nothing is unwitnessed."""
        return None if self.since is None else self.since + self.limit

    @property
    def behind(self) -> tuple[MemberId, ...]:
        """The witnesses that have not cosigned all of our log, those furthest behind first."""
        lagging = [member for member, size in self.sizes.items() if size < self.entries]
        return tuple(sorted(lagging, key=lambda each: (self.sizes[each], each)))

    def late(self, now: datetime) -> bool:
        """Whether the limit has passed."""
        return self.until is not None and now >= self.until


def unwitnessed_since(
    tx: Transaction, node: Node, view: LawView, treaty: TreatyId, now: datetime
) -> datetime | None:
    """Return since when the oldest entry of our log is unwitnessed under a treaty.

    Returns:
        None where the treaty has no figures of witnessing, or a quorum witnessed every entry.

    Raises:
        NotFoundError: The treaty is not known here.
    """
    found = witnessing_of(tx, node, view.treaty(treaty).treaty, view.status(treaty, now))
    return None if found is None else found.since


def witnesses_of(current: TreatyStatus, owner: MemberId) -> tuple[MemberId, ...]:
    """Return who witnesses a member's log under a treaty, sorted (rule 2).

    Args:
        current: The treaty's status at the instant asked about.
        owner: Whose log it is.
    """
    return tuple(
        sorted(
            member
            for member, found in current.members.items()
            if found.stage is Stage.PARTY and member != owner
        )
    )


def witnessing_of(
    tx: Transaction, node: Node, treaty: Treaty, current: TreatyStatus
) -> OwnWitnessing | None:
    """Return where the witnessing of our log stands; None where the treaty asks for none.

    Args:
        tx: Any transaction.
        node: This node, whose log it is.
        treaty: The treaty, whose figures count.
        current: Its status at the present instant.
    """
    figures = treaty.witnessing
    if figures is None:
        return None
    witnesses = witnesses_of(current, node.identity.member)
    entries = tx.ledger.count()
    said = {member: row.size for member, row in tx.witness.witnesses().items()}
    # A size beyond our log was said of another one, which was lost: it says nothing of this.
    cosigned = {member: size for member, size in said.items() if size <= entries}
    sizes = {member: cosigned.get(member, 0) for member in witnesses}
    needed = enough(len(witnesses), figures.liars)
    largest_first = sorted(sizes.values(), reverse=True)
    covered = largest_first[needed - 1] if needed <= len(witnesses) else 0
    return OwnWitnessing(
        liars=figures.liars,
        limit=figures.unwitnessed,
        needed=needed,
        sizes=sizes,
        entries=entries,
        covered=covered,
        since=_since(tx, current, covered),
    )


def proven_forked(tx: Transaction, view: LawView, member: MemberId, now: datetime) -> bool:
    """Whether a proof is held that a member's log says different things to different members.

    A proof counts for as long as the member's full powers name the log that it is about: its
    authority, not its node, may close that log and name another. Without full powers it counts.
    """
    if tx.witness.fork_of(member) is None:
        return False
    powers = view.powers(member, now)
    forked = {each.origin for each in tx.witness.forks() if each.member == member}
    return powers is None or powers.log_origin in forked


def _since(tx: Transaction, current: TreatyStatus, covered: int) -> datetime | None:
    """Rule 5."""
    oldest = tx.ledger.row(covered)
    if oldest is None:
        return None
    begun = [each.since for each in current.members.values() if each.stage in _BOUND_CHANGED]
    instants = [oldest.at, current.in_force_since, *begun]
    return max(each for each in instants if each is not None)
