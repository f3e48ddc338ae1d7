"""What survives a denunciation: articles that keep binding, and by when the rest is settled.

Rules, in the order the code applies them:

1. Nothing survives for who was never bound, and nothing is to be settled while no denunciation runs
   (VCLT Art. 70(1)(b): rights and obligations created before stay as the treaty provides).
2. The articles that keep binding are those the treaty names or, where it names none, every article
   that admits no reservation: those protect others and cannot be left behind (VCLT Art. 43, 70).
3. They bind the former member, and the others towards it, for as long as it holds an item.
4. From notice to effect each item is settled: kept, returned or erased. What is not settled by the
   deadline, the instant of effect, is erased.
5. Who has come back by accession is bound by the whole treaty again, and nothing is residual.
6. Settled are items between the former member and another, whichever of them is the originator; the
   originator orders, the holder carries out. What third parties hold of each other is untouched.
7. What is returned or erased is so by the deadline at the latest. What is kept is kept no longer
   than it could have been without the denunciation: leaving lengthens no time limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from foedus.model.identifiers import ArticleId, ItemKey, MemberId
from foedus.treaty.articles import Treaty
from foedus.treaty.in_force import status
from foedus.treaty.instrument import Instrument
from foedus.treaty.instrument_set import InstrumentSet

__all__ = [
    "Holding",
    "OrderKind",
    "Residual",
    "ResidualOrder",
    "Settlement",
    "orders_of",
    "residual",
    "residual_articles",
]


class OrderKind(StrEnum):
    """What becomes of an item when the treaty ends between its originator and its holder."""

    KEEP = "keep"
    RETURN = "return"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One item version in the hands of another than its originator.

    Attributes:
        item: Which; its originator is whose it is.
        holder: Who holds it.
        keep_until: When it is to be erased whatever happens, by the obligations it came with; aware
            UTC; None where none runs.
    """

    item: ItemKey
    holder: MemberId
    keep_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What originator and holder agreed about one held item.

    Attributes:
        kind: What becomes of it.
        by: Until when it is kept, or by when it is returned or erased; aware UTC.
        agreed: When they agreed; what is agreed before the notice or after the deadline settles
            nothing.
    """

    kind: OrderKind
    by: datetime
    agreed: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ResidualOrder:
    """What an originator orders the holder of an item to do.

    Attributes:
        kind: What.
        item: With which item version; its originator orders.
        holder: Who carries it out.
        due: By when; of :attr:`OrderKind.KEEP`, until when it may be kept. Aware UTC.
    """

    kind: OrderKind
    item: ItemKey
    holder: MemberId
    due: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Residual:
    """What a member that denounced still owes.

    Attributes:
        member: Which.
        articles: The articles that keep binding, in the order of the treaty.
        since: When notice was given.
        deadline: When it takes effect; what is not settled by then is erased.
        in_effect: Whether it has taken effect.
    """

    member: MemberId
    articles: tuple[ArticleId, ...]
    since: datetime
    deadline: datetime
    in_effect: bool


def residual_articles(treaty: Treaty) -> tuple[ArticleId, ...]:
    """Return the articles that bind a former member, in the order of the treaty (rule 2)."""
    named = treaty.clauses.residual
    return tuple(
        article.id
        for article in treaty.articles
        if (article.id in named if named is not None else not article.reservable)
    )


def residual(
    treaty: Treaty,
    instruments: InstrumentSet | Iterable[Instrument],
    at: datetime,
    member: MemberId,
) -> Residual | None:
    """Return which duties survive the denunciation of a member at an instant.

    Args:
        treaty: The treaty.
        instruments: All that is held, of any member and treaty, in any order.
        at: Aware UTC.
        member: Who denounced; need not be a member of the annex.

    Returns:
        None where no denunciation runs or has taken effect (rules 1 and 5).
    """
    found = status(treaty, instruments, at).members.get(member)
    if found is None or found.denounced_from is None:
        return None
    return Residual(
        member=member,
        articles=residual_articles(treaty),
        since=found.denounced_from - treaty.limits.denunciation_notice,
        deadline=found.denounced_from,
        in_effect=found.denounced_from <= at,
    )


def orders_of(
    left: Residual,
    held: Iterable[Holding],
    settled: Mapping[tuple[ItemKey, MemberId], Settlement],
) -> tuple[ResidualOrder, ...]:
    """Return the orders a denunciation calls for, one for each held item (rules 4, 6 and 7).

    Args:
        left: What survives the denunciation of the member that leaves.
        held: What is held, by whom; items between third parties are passed over. Of two entries
            for one item and holder the stricter counts.
        settled: What was agreed, by item and holder.

    Returns:
        By holder, then item; each exactly once.
    """
    orders: dict[tuple[ItemKey, MemberId], ResidualOrder] = {}
    for one in held:
        place = (one.item, one.holder)
        if one.item.originator != one.holder and left.member in (one.item.originator, one.holder):
            order = _order(left, one, settled.get(place))
            orders[place] = min(orders.get(place, order), order, key=lambda each: each.due)
    return tuple(sorted(orders.values(), key=_place))


def _place(order: ResidualOrder) -> tuple[str, str, str, str]:
    item = order.item
    return order.holder, item.originator, item.object_id, item.version


def _order(left: Residual, held: Holding, agreed: Settlement | None) -> ResidualOrder:
    if agreed is None or not left.since <= agreed.agreed <= left.deadline:
        kind, due = OrderKind.DELETE, left.deadline
    elif agreed.kind is OrderKind.KEEP:
        kind, due = OrderKind.KEEP, agreed.by
    else:
        kind, due = agreed.kind, min(agreed.by, left.deadline)
    if held.keep_until is not None:
        due = min(due, held.keep_until)
    return ResidualOrder(kind=kind, item=held.item, holder=held.holder, due=due)
