"""To whom a release may be put at all, and whether our picture of each is fresh."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from foedus.model.identifiers import MemberId, TreatyId
from foedus.node.context import Node
from foedus.node.errors import RefusedError
from foedus.node.lawbook import LawView
from foedus.node.ports import Transaction
from foedus.node.wish import Wish
from foedus.release.decide import LinkFacts
from foedus.treaty.articles import Treaty

__all__ = ["audience", "check_wish", "freshness", "link_to"]


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
    view: LawView,
    treaty: TreatyId,
    recipient: MemberId,
    now: datetime,
) -> LinkFacts:
    """Return whether our picture of a member is fresh enough to release to it."""
    return freshness(tx, view.treaty(treaty).treaty.limits.freshness_online, recipient, now)


def freshness(tx: Transaction, limit: timedelta, recipient: MemberId, now: datetime) -> LinkFacts:
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
