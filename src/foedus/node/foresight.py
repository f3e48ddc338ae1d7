"""What would be decided for one member, on what grounds, and what would have to be otherwise.

Shared by the preview, by what-if and by the explanation, so that the three cannot disagree. Items
of one class that are asserted alike are one question: what would change a verdict is searched for
once for all of them. Only for personal data the content itself is looked at as well, since leaving
out a part may help; that is dear, and done for few items (``MAX_LOOKED_INTO``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from foedus.model.identifiers import MemberId, ObjectId
from foedus.node.audience import Links
from foedus.node.candidates import Loaded, candidates_for
from foedus.node.context import Node
from foedus.node.grounds import with_grounds
from foedus.node.lawbook import LawView
from foedus.node.ports import Transaction
from foedus.node.wish import Wish
from foedus.release.counterfactual import Change, smallest_changes
from foedus.release.decide import Law, LinkFacts
from foedus.release.evaluation import Evaluator
from foedus.release.facts import AssertedFacts
from foedus.release.gate import Candidate, Gate, Preview
from foedus.release.question import Question
from foedus.release.steps import parts_to_leave_out

__all__ = ["MAX_LOOKED_INTO", "ChangeFinder", "Grounds", "Snapshot", "foresee"]

MAX_LOOKED_INTO: Final = 100
"""Most items whose content is searched for parts without which they hold no personal data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """All that decides about items for one member.

    Attributes:
        recipient: The member.
        law: What binds us and it.
        link: Whether we have done what it takes to release to it.
        candidates: The items, its own left out, with what is asserted of each.
        at: The instant of the decision.
    """

    recipient: MemberId
    law: Law
    link: LinkFacts
    candidates: Sequence[Candidate]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What every member's grounds are read from: one transaction, the law, the items.

    Attributes:
        gate: The node's gate; decides what approvals are for.
        loaded: The items.
        now: The present instant; freshness and witnessing are always those of now.
        at: Another instant, at which law, dates and consents are looked at; None for now.
        links: Says what we owe a member before we release to it.
    """

    tx: Transaction
    node: Node
    view: LawView
    gate: Gate
    loaded: Loaded
    now: datetime
    at: datetime | None = None
    links: Links = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        links = Links(tx=self.tx, node=self.node, view=self.view, now=self.now)
        object.__setattr__(self, "links", links)

    def grounds(self, wish: Wish, recipient: MemberId) -> Grounds:
        """Return the grounds on which a release to a member would be decided."""
        at = self.now if self.at is None else self.at
        law = self.view.law(wish.treaty, self.node.identity.member, recipient, at)
        current = self.view.status(wish.treaty, self.now)
        link = self.links.to(law.compiled.treaty, current, recipient)
        if self.at is not None:
            link = replace(link, until=None)
        candidates = with_grounds(
            self.tx,
            self.node,
            self.view,
            self.gate,
            candidates_for(self.tx, self.loaded, recipient),
            wish,
            recipient,
            law,
            link,
            at,
        )
        return Grounds(recipient=recipient, law=law, link=link, candidates=candidates, at=at)


def foresee(
    gate: Gate, wish: Wish, grounds: Grounds, given: Callable[[ObjectId], ObjectId | None]
) -> Preview:
    """Return what a gate would do; it does nothing."""
    return gate.preview(
        grounds.candidates,
        recipient=grounds.recipient,
        law=grounds.law,
        link=grounds.link,
        purpose=wish.purpose,
        at=grounds.at,
        asserted=wish.asserted,
        article=wish.article,
        given=given,
    )


@dataclass(slots=True, kw_only=True)
class ChangeFinder:
    """Finds the smallest changes for many items, one search for all that are alike.

    Attributes:
        sender: Who would release.
        wish: What is wished.
        searches: How many searches were made.
    """

    sender: MemberId
    wish: Wish
    searches: int = 0
    _evaluator: Evaluator = field(default_factory=Evaluator)
    _parts: dict[int, tuple[str, ...]] = field(default_factory=dict)

    def changes(self, grounds: Grounds, foreseen: Preview) -> dict[int, tuple[Change, ...]]:
        """Return by handle what would free each item that may not leave."""
        found: dict[int, tuple[Change, ...]] = {}
        searched: dict[tuple[object, ...], tuple[Change, ...]] = {}
        for each in grounds.candidates:
            if foreseen.decisions[each.handle].verdict.releases:
                continue
            asserted = self.wish.asserted if each.asserted is None else each.asserted
            parts = self._parts_of(each, grounds.recipient)
            place = (each.facts.key, asserted, parts)
            if place not in searched:
                searched[place] = self._search(grounds, each, asserted, look_into=bool(parts))
            found[each.handle] = searched[place]
        return found

    def _parts_of(self, candidate: Candidate, recipient: MemberId) -> tuple[str, ...]:
        """Return what an item could leave out to be impersonal, for the first few items."""
        if not candidate.facts.personal:
            return ()
        found = self._parts.get(candidate.handle)
        if found is None:
            if len(self._parts) >= MAX_LOOKED_INTO:
                return ()
            found = tuple(parts_to_leave_out(candidate.obj, recipient))
            self._parts[candidate.handle] = found
        return found

    def _search(
        self, grounds: Grounds, candidate: Candidate, asserted: AssertedFacts, *, look_into: bool
    ) -> tuple[Change, ...]:
        self.searches += 1
        return smallest_changes(
            Question(
                treaty=self.wish.treaty,
                article=self.wish.article,
                sender=self.sender,
                recipient=grounds.recipient,
                purpose=self.wish.purpose,
                at=grounds.at,
            ),
            candidate.facts,
            asserted,
            grounds.law,
            link=grounds.link,
            obj=candidate.obj if look_into else None,
            evaluator=self._evaluator,
        )
