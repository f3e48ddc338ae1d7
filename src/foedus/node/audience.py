"""To whom a release may be put at all, and whether we have done what it takes to release to each.

Our picture of a member must be fresh, our own log witnessed, its log not proven forked.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from foedus.model.identifiers import MemberId, TreatyId
from foedus.node.context import Node
from foedus.node.errors import RefusedError
from foedus.node.lawbook import LawView
from foedus.node.ports import Transaction
from foedus.node.unwitnessed import (
    OwnWitnessing,
    proven_forked,
    witnesses_of,
    witnessing_of,
)
from foedus.node.wish import Wish
from foedus.release.decide import LinkFacts
from foedus.treaty.articles import Treaty
from foedus.treaty.durations import duration_text
from foedus.treaty.standing import TreatyStatus

__all__ = ["Links", "audience", "check_wish", "link_to"]


def audience(node: Node, view: LawView, wish: Wish) -> tuple[MemberId, ...]:
    """Return the members asked about, in order; every other one of the treaty when none is named.

    Members are those of the treaty's status: the original ones, whether or not they ratified, those
    that were admitted or acceded, and those that have left. Each is shown with its reason.

    Raises:
        RefusedError: A member named is none of the treaty, or is ourselves, or the treaty has no
            such purpose or article.
        NotFoundError: The treaty is not known here.
    """
    treaty = view.treaty(wish.treaty).treaty
    members = view.status(wish.treaty, node.clock.now()).members
    check_wish(node.identity.member, wish, treaty, members)
    chosen = sorted(set(wish.recipients or members))
    return tuple(member for member in chosen if member != node.identity.member)


def check_wish(own: MemberId, wish: Wish, treaty: Treaty, members: Collection[MemberId]) -> None:
    """Refuse a wish that no treaty with these members can answer.

    Raises:
        RefusedError: As :func:`audience`.
    """
    if wish.purpose not in treaty.purposes:
        raise RefusedError(
            f"{wish.purpose} is no purpose of {treaty.short_title}: "
            f"it has {', '.join(sorted(treaty.purposes))}"
        )
    if wish.article is not None and wish.article not in {each.id for each in treaty.articles}:
        raise RefusedError(f"{treaty.short_title} has no article {wish.article}")
    unknown = sorted(set(wish.recipients) - set(members))
    if unknown:
        raise RefusedError(f"{', '.join(unknown)} is no party to {treaty.short_title}")
    if own in wish.recipients:
        raise RefusedError("a member discloses nothing to itself")


def link_to(
    tx: Transaction,
    node: Node,
    view: LawView,
    treaty: TreatyId,
    recipient: MemberId,
    now: datetime,
) -> LinkFacts:
    """Return whether we have done what it takes to release to a member under a treaty known here.

    For many members in one transaction make :class:`Links` once.
    """
    text, current = view.treaty(treaty).treaty, view.status(treaty, now)
    return Links(tx=tx, node=node, view=view, now=now).to(text, current, recipient)


@dataclass(slots=True, kw_only=True)
class Links:
    """Says, in one transaction, whether we have done what it takes to release to a member.

    What concerns our own log is worked out once for all members: how far it is witnessed, and
    whether it is proven forked.

    Attributes:
        tx: Any transaction.
        node: This node.
        view: The law as it is known here.
        now: The present instant.
    """

    tx: Transaction
    node: Node
    view: LawView
    now: datetime
    _own: dict[tuple[TreatyId, tuple[MemberId, ...]], OwnWitnessing | None] = field(
        default_factory=dict
    )
    _own_fork: bool | None = None

    def to(self, treaty: Treaty, current: TreatyStatus, recipient: MemberId) -> LinkFacts:
        """Return the facts of our link to a member.

        Args:
            treaty: The text whose limits count, as it is or as supposed.
            current: Its status now, as it is or as supposed.
            recipient: The member.
        """
        fresh = _freshness(self.tx, treaty.limits.freshness_online, recipient, self.now)
        own = self._witnessing(treaty, current)
        fresh = replace(
            fresh,
            forked=proven_forked(self.tx, self.view, recipient, self.now),
            own_fork=self._forked(),
        )
        if own is None:
            return fresh
        if own.late(self.now):
            return replace(
                fresh,
                witnessed=False,
                unwitnessed=_unwitnessed(self.node.identity.member, own),
            )
        turns = [each for each in (fresh.until, own.until) if each is not None]
        return replace(fresh, until=min(turns, default=None))

    def _forked(self) -> bool:
        """Whether our own log is proven forked; asked for once."""
        if self._own_fork is None:
            own = self.node.identity.member
            self._own_fork = proven_forked(self.tx, self.view, own, self.now)
        return self._own_fork

    def _witnessing(self, treaty: Treaty, current: TreatyStatus) -> OwnWitnessing | None:
        place = (treaty.id, witnesses_of(current, self.node.identity.member))
        if place not in self._own:
            self._own[place] = witnessing_of(self.tx, self.node, treaty, current)
        return self._own[place]


def _unwitnessed(owner: MemberId, own: OwnWitnessing) -> str:
    assert own.since is not None  # noqa: S101  # it is late
    bound = len(own.sizes)
    quorum = f"{own.needed} of {bound}"
    if own.needed > bound:
        quorum = f"{own.needed} are needed, and only {bound} are bound"
    return (
        f"the log of {owner} has not been witnessed by a quorum ({quorum}) since "
        f"{own.since:%Y-%m-%d %H:%M} UTC; new releases stop after {duration_text(own.limit)} "
        "(limit of the treaty); recalls and receipts go on"
    )


def _freshness(tx: Transaction, limit: timedelta, recipient: MemberId, now: datetime) -> LinkFacts:
    """Return whether a member was heard from within a limit."""
    peer = tx.peers.get(recipient)
    if peer is None:
        return LinkFacts(fresh=False, why=f"{recipient} was never introduced to this node")
    if peer.heard is None:
        return LinkFacts(fresh=False, why=f"nothing was ever heard from {recipient}; pull from it")
    if now - peer.heard > limit:
        return LinkFacts(
            fresh=False,
            why=f"nothing was heard from {recipient} for {(now - peer.heard).days} days; the "
            f"treaty's limit is {limit.days} days",
        )
    return LinkFacts(fresh=True, why="", until=peer.heard + limit)
