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
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from foedus.model.identifiers import ArticleId, MemberId
from foedus.treaty.articles import Treaty
from foedus.treaty.in_force import status
from foedus.treaty.instrument import Instrument
from foedus.treaty.instrument_set import InstrumentSet

__all__ = ["Residual", "residual", "residual_articles"]


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
