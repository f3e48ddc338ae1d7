"""Who will see this, and why: the decision for each item and member, with nothing written.

The same function decides here, at the release and again at the receiver.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from foedus.access import Actor, Role, require_role
from foedus.model.identifiers import ArticleId, MemberId, TreatyId
from foedus.node.candidates import candidates_for, known_as, load_items
from foedus.node.context import Node
from foedus.node.errors import RefusedError
from foedus.node.lawbook import LawView
from foedus.node.ports import ItemRow, Transaction
from foedus.release.decide import Decision, LinkFacts
from foedus.release.facts import AssertedFacts
from foedus.release.gate import Gate, Preview

__all__ = ["PreviewRow", "Wish", "audience", "link_to", "preview"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person wants to disclose, and on what footing.

    Attributes:
        treaty: The treaty relied on.
        purpose: One of its purposes.
        article: The article relied on, or None to have the freest proposed.
        recipients: Members; empty means every other party.
        threat_to_life: Whether the person asserts a threat to life.
    """

    treaty: TreatyId
    purpose: str
    article: ArticleId | None = None
    recipients: tuple[MemberId, ...] = ()
    threat_to_life: bool = False

    @property
    def asserted(self) -> AssertedFacts:
        """The facts the sender answers for."""
        return AssertedFacts(consent=False, threat_to_life=self.threat_to_life, approvals=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewRow:
    """The decision for one item and one member.

    Attributes:
        decision: None when the item is the member's own: there is nothing to decide.
        unredactable: Why it would be withheld though it may leave redacted; "" when it would not.
    """

    item: ItemRow
    recipient: MemberId
    decision: Decision | None
    unredactable: str = ""


def preview(
    node: Node, actor: Actor, gate: Gate, handles: Sequence[int], wish: Wish
) -> list[PreviewRow]:
    """Return the decision for each item and each member asked about, items first.

    Raises:
        AccessDeniedError: The actor may not ask.
        RefusedError: An item is not held, or a member is no party.
        NotFoundError: The treaty is not known here.
    """
    require_role(actor, Role.ANALYST, Role.SUPERVISOR, Role.OFFICER, Role.LEGAL)
    now = node.clock.now()
    with node.database.read() as tx:
        view = node.law.view(tx)
        loaded = load_items(tx, node.identity.member, handles)
        foreseen: dict[MemberId, Preview] = {}
        members = audience(node, view, wish)
        for recipient in members:
            candidates = candidates_for(tx, loaded, recipient)
            foreseen[recipient] = gate.preview(
                candidates,
                recipient=recipient,
                law=view.law(wish.treaty, node.identity.member, recipient, now),
                link=link_to(tx, view, wish.treaty, recipient, now),
                purpose=wish.purpose,
                at=now,
                asserted=wish.asserted,
                article=wish.article,
                given=known_as(tx, candidates, recipient),
            )
    return [
        PreviewRow(
            item=row,
            recipient=member,
            decision=foreseen[member].decisions.get(row.handle),
            unredactable=foreseen[member].unredactable.get(row.handle, ""),
        )
        for row in loaded.rows
        for member in members
    ]


def audience(node: Node, view: LawView, wish: Wish) -> tuple[MemberId, ...]:
    """Return the members asked about, in order; every other original party when none is named.

    Raises:
        RefusedError: A member named is no party to the treaty, or is ourselves, or the treaty has
            no such purpose or article.
    """
    treaty = view.treaty(wish.treaty).treaty
    if wish.purpose not in treaty.purposes:
        raise RefusedError(
            f"{wish.purpose} is no purpose of {treaty.short_title}: "
            f"it has {', '.join(sorted(treaty.purposes))}"
        )
    if wish.article is not None and wish.article not in {each.id for each in treaty.articles}:
        raise RefusedError(f"{treaty.short_title} has no article {wish.article}")
    parties = tuple(sorted(party.member for party in treaty.parties))
    unknown = sorted(set(wish.recipients) - set(parties))
    if unknown:
        raise RefusedError(f"{', '.join(unknown)} is no party to {treaty.short_title}")
    if node.identity.member in wish.recipients:
        raise RefusedError("a member discloses nothing to itself")
    chosen = wish.recipients or parties
    return tuple(member for member in sorted(set(chosen)) if member != node.identity.member)


def link_to(
    tx: Transaction,
    view: LawView,
    treaty: TreatyId,
    recipient: MemberId,
    now: datetime,
) -> LinkFacts:
    """Return whether our picture of a member is fresh enough to release to it."""
    peer = tx.peers.get(recipient)
    if peer is None:
        return LinkFacts(fresh=False, why=f"{recipient} was never introduced to this node")
    limit = view.treaty(treaty).treaty.limits.freshness_online
    if peer.heard is None:
        return LinkFacts(fresh=False, why=f"nothing was ever heard from {recipient}; pull from it")
    if now - peer.heard > limit:
        return LinkFacts(
            fresh=False,
            why=f"nothing was heard from {recipient} for {(now - peer.heard).days} days; the "
            f"treaty's limit is {limit.days} days",
        )
    return LinkFacts(fresh=True, why="", until=peer.heard + limit)
