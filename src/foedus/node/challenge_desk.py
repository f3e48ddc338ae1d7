"""Orders of challenges, issued by :mod:`foedus.node.issue_orders`.

1. An order rests on the treaty under which its items were given last, else on one their terms name,
   and on the article of that treaty on correction and recall: the one that says so in its title,
   else the last that admits no reservation.
2. What a reviewer decided is ordered in that person's name, whatever other roles the person has:
   the outcome is a decision already made, and nobody who made the item can make it.
3. A correction first ends what keeps the right version from being given, then gives and orders it:
   at the holders it ends the block for the right version, and the wrong ones go.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from foedus.access import Actor, Role
from foedus.casework.order import OrderAction, OrderReason
from foedus.model.identifiers import ArticleId, TreatyId
from foedus.model.terms import parse_terms
from foedus.node.challenge_orders import Wanted
from foedus.node.context import Node
from foedus.node.errors import RefusedError
from foedus.node.issue_orders import issue_orders
from foedus.node.order_words import Command, own_items
from foedus.node.ports import ItemRow, ItemState, Transaction
from foedus.release.gate import Gate
from foedus.treaty.articles import Treaty

__all__ = ["IssuingDesk", "order_article"]

_TITLES: Final = ("recall", "correction")


@dataclass(frozen=True, slots=True)
class IssuingDesk:
    """Implements :class:`foedus.node.challenge_orders.OrderDesk`."""

    def issue(self, node: Node, actor: Actor, gate: Gate, wanted: Wanted) -> Sequence[str]:
        """Issue an order and return the names it was given (rules 1 and 2).

        Raises:
            FoedusError: It could not be issued.
        """
        orders = Actor(user=actor.user, roles=actor.roles | {Role.OFFICER})
        with node.database.read() as tx:
            rows = tx.items.rows(list(wanted.handles))
            grouped = _by_treaty(tx, node, rows)
        names: list[str] = []
        for (treaty, article), references in sorted(grouped.items()):
            footing = _Footing(
                treaty=treaty,
                article=article,
                due=wanted.due if wanted.due > node.clock.now() else None,
            )
            if wanted.action is OrderAction.CORRECT:
                names += _correct(node, orders, gate, references, wanted, footing)
                continue
            command = footing.command(wanted.action, tuple(references))
            names += issue_orders(node, orders, gate, command).orders
        return names


@dataclass(frozen=True, slots=True, kw_only=True)
class _Footing:
    """What an order rests on."""

    treaty: TreatyId
    article: ArticleId
    due: datetime | None

    def command(
        self, action: OrderAction, references: tuple[str, ...], replacement: str = ""
    ) -> Command:
        """Return the command of an order by a challenge."""
        return Command(
            action=action,
            references=references,
            treaty=self.treaty,
            article=self.article,
            reason=OrderReason.CHALLENGE,
            due=self.due,
            replacement=replacement,
        )


def order_article(treaty: Treaty) -> ArticleId:
    """Return the article on which orders by a challenge rest (rule 1)."""
    for word in _TITLES:
        for article in treaty.articles:
            if word in article.title.lower():
                return article.id
    kept = [article.id for article in treaty.articles if not article.reservable]
    return (kept or [article.id for article in treaty.articles])[-1]


def _by_treaty(
    tx: Transaction, node: Node, rows: Sequence[ItemRow]
) -> Mapping[tuple[TreatyId, ArticleId], list[str]]:
    view = node.law.view(tx)
    grouped: defaultdict[tuple[TreatyId, ArticleId], list[str]] = defaultdict(list)
    named: set[str] = set()
    for row in sorted(rows, key=lambda each: each.handle):
        if row.key.object_id in named:
            continue
        named.add(row.key.object_id)
        treaty = _treaty_of(tx, row)
        if treaty is None:
            continue  # nobody was given it, and under no treaty could anybody be
        article = order_article(view.treaty(treaty).treaty)
        grouped[treaty, article].append(row.key.object_id)
    return grouped


def _treaty_of(tx: Transaction, row: ItemRow) -> TreatyId | None:
    given = [
        (each.at, each.treaty)
        for each in tx.feeds.disclosures(row.handle)
        if each.treaty is not None
    ]
    if given:
        return max(given)[1]
    raw = None if row.terms_id is None else tx.items.terms([row.terms_id]).get(row.terms_id)
    treaties = sorted(parse_terms(raw).treaties) if raw is not None else []
    return treaties[0] if treaties else None


def _correct(
    node: Node,
    actor: Actor,
    gate: Gate,
    references: Sequence[str],
    wanted: Wanted,
    footing: _Footing,
) -> list[str]:
    """Rule 3."""
    pairs = _pairs(node, references, wanted)
    names: list[str] = []
    for old, new in pairs.items():
        with node.database.write() as tx:
            now = node.clock.now()
            [right] = own_items(tx, node, [new])
            handles = [*tx.orders.versions([row.handle for row in own_items(tx, node, [old])])]
            tx.orders.end(handles, [OrderAction.RESTRICT], at=now)
            if right.state is ItemState.RESTRICTED:
                tx.items.settle(
                    [right.handle], state=ItemState.HELD, terms_id=right.terms_id, at=now
                )
        command = footing.command(OrderAction.CORRECT, (old,), new)
        names += issue_orders(node, actor, gate, command).orders
    return names


def _pairs(node: Node, references: Sequence[str], wanted: Wanted) -> Mapping[str, str]:
    """Return for each item concerned the reference of what replaces it."""
    found: dict[str, str] = {}
    with node.database.read() as tx:
        for old, new in wanted.replacements:
            if not old and len(references) == 1:
                found[references[0]] = new
                continue
            named = [row.key.object_id for row in own_items(tx, node, [old])] if old else []
            found.update({name: new for name in named if name in references})
    missing = [each for each in references if each not in found]
    if missing:
        raise RefusedError(
            f"say what replaces each item concerned (--with ITEM=RIGHT); left out: {missing[0]}"
        )
    return found
