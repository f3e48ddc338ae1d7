"""One item and one member: the whole story of a decision, as data.

What is looked at, the law between the two, every article with its verdict, the one proposed, what a
release would bind to, and the smallest change where there is none; and, where the member has the
item already, when and under which article it was given. It is decided by the gate, as the preview
and the release are; nothing is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from foedus.access import Actor
from foedus.model.identifiers import ArticleId, MemberId, TreatyId
from foedus.node.audience import audience
from foedus.node.candidates import Loaded, known_as, load_items
from foedus.node.context import Node
from foedus.node.errors import RefusedError
from foedus.node.foresight import ChangeFinder, Grounds, Snapshot, foresee
from foedus.node.lawbook import LawView
from foedus.node.ports import ItemRow, Receipted
from foedus.node.preview import may_ask
from foedus.node.wish import Wish
from foedus.release.counterfactual import Change
from foedus.release.decide import Decision, Verdict
from foedus.release.facts import AssertedFacts, ItemFacts, LinkFacts
from foedus.release.gate import Gate, Preview
from foedus.treaty.articles import Treaty
from foedus.treaty.in_force import PairLaw
from foedus.treaty.standing import MemberStatus, TreatyStatus

__all__ = ["ArticleVerdict", "Explanation", "explain"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleVerdict:
    """What an article that permits something comes to, relied on alone.

    Attributes:
        article: The article.
        title: Its title.
        decision: The decision under it.
        proposed: Whether it is the one a release would rely on.
    """

    article: ArticleId
    title: str
    decision: Decision
    proposed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """All that was looked at for one item and one member, and what came of it.

    Attributes:
        item: The item.
        sender: We.
        recipient: The member.
        treaty: The treaty.
        purpose: The purpose asked about.
        at: The instant asked about.
        facts: What follows from bytes and terms.
        asserted: What we assert: consent, threat to life, approvals.
        link: Whether we have done what it takes to release to it: freshness, witnesses, no fork.
        law: What binds the two.
        status: The treaty's status, in which the two stand.
        articles: The articles that permit anything, each relied on alone; empty for its own item.
        decision: What would be decided; None where the item is the member's own.
        unredactable: Why it would be withheld though it may leave redacted; "" when it would not.
        changes: The smallest changes that would free it.
        given: When and under which article the member was given it, oldest first.
    """

    item: ItemRow
    sender: MemberId
    recipient: MemberId
    treaty: Treaty
    purpose: str
    at: datetime
    facts: ItemFacts
    asserted: AssertedFacts
    link: LinkFacts
    law: PairLaw
    status: TreatyStatus
    articles: tuple[ArticleVerdict, ...]
    decision: Decision | None
    unredactable: str
    changes: tuple[Change, ...]
    given: tuple[Receipted, ...]

    @property
    def sides(self) -> tuple[MemberStatus | None, MemberStatus | None]:
        """Where sender and recipient stand; None for who is no member of the treaty."""
        return self.status.members.get(self.sender), self.status.members.get(self.recipient)

    @property
    def bound_since(self) -> datetime | None:
        """Since when the treaty binds the two; None while it does not."""
        starts = [each.since for each in self.sides if each is not None]
        starts.append(self.status.in_force_since)
        known = [each for each in starts if each is not None]
        return max(known, default=None) if self.law.binds else None


def explain(
    node: Node,
    actor: Actor,
    gate: Gate,
    handle: int,
    recipient: MemberId,
    *,
    treaty: TreatyId,
    purpose: str = "",
    on: datetime | None = None,
) -> Explanation:
    """Return the whole story of one item and one member.

    Args:
        node: The node.
        actor: Who asks.
        gate: The node's gate; it only foresees.
        handle: A held item.
        recipient: The member.
        treaty: The treaty relied on.
        purpose: What for; "" takes, of the purposes the item is for, the one decided most freely.
        on: Another instant than now, by the instruments held now; freshness and witnessing stay
            those of now.

    Raises:
        AccessDeniedError: The actor may not ask.
        RefusedError: The item is not held, the member is none of the treaty, or no purpose is named
            and the item is for none of the treaty's.
        NotFoundError: The treaty is not known here.
    """
    may_ask(actor)
    now = node.clock.now()
    with node.database.read() as tx:
        view = node.law.view(tx)
        loaded = load_items(tx, node.identity.member, [handle])
        purposes = [purpose] if purpose else _purposes(view, loaded, treaty, handle)
        wishes = [Wish(treaty=treaty, purpose=each, recipients=(recipient,)) for each in purposes]
        snapshot = Snapshot(tx=tx, node=node, view=view, gate=gate, loaded=loaded, now=now, at=on)
        told = [_told(snapshot, wish, recipient) for wish in wishes]
    return min(told, key=lambda each: each.decision.place if each.decision else (0, ()))


def _purposes(view: LawView, loaded: Loaded, treaty: TreatyId, handle: int) -> Sequence[str]:
    known = view.treaty(treaty).treaty.purposes
    found = sorted(loaded.facts[handle].terms.purposes & set(known))
    if not found:
        raise RefusedError(
            "the item is for none of the treaty's purposes; name one of "
            f"{', '.join(sorted(known))} to see why not"
        )
    return found


def _told(snapshot: Snapshot, wish: Wish, recipient: MemberId) -> Explanation:
    tx, node, view, gate = snapshot.tx, snapshot.node, snapshot.view, snapshot.gate
    loaded = snapshot.loaded
    audience(node, view, wish)
    grounds = snapshot.grounds(wish, recipient)
    given = known_as(tx, grounds.candidates, recipient)
    foreseen = foresee(gate, wish, grounds, given)
    finder = ChangeFinder(sender=node.identity.member, wish=wish)
    [item] = loaded.rows
    decision = foreseen.decisions.get(item.handle)
    facts, asserted = loaded.facts[item.handle], wish.asserted
    for each in grounds.candidates:
        facts, asserted = each.facts, each.asserted or asserted
    return Explanation(
        item=item,
        sender=node.identity.member,
        recipient=recipient,
        treaty=view.treaty(wish.treaty).treaty,
        purpose=wish.purpose,
        at=grounds.at,
        facts=facts,
        asserted=asserted,
        link=grounds.link,
        law=grounds.law.pair,
        status=view.status(wish.treaty, grounds.at),
        articles=_articles(gate, wish, grounds, foreseen, item.handle),
        decision=decision,
        unredactable=foreseen.unredactable.get(item.handle, ""),
        changes=finder.changes(grounds, foreseen).get(item.handle, ()),
        given=tuple(
            each for each in tx.feeds.disclosures(item.handle) if each.recipient == recipient
        ),
    )


def _articles(
    gate: Gate, wish: Wish, grounds: Grounds, foreseen: Preview, handle: int
) -> tuple[ArticleVerdict, ...]:
    """Decide under each article that permits anything."""
    proposed = foreseen.decisions.get(handle)
    if proposed is None:
        return ()
    compiled = grounds.law.compiled
    relied_on = None if proposed.verdict is Verdict.DENY else proposed.article
    found = []
    for article in compiled.by_article:
        alone = foresee(gate, replace(wish, article=article), grounds, lambda each: each)
        found.append(
            ArticleVerdict(
                article=article,
                title=compiled.treaty.article(article).title,
                decision=alone.decisions[handle],
                proposed=article == relied_on,
            )
        )
    return tuple(found)
