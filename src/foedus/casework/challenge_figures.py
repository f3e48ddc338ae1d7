"""Figures of a year: how many persons challenged what is held or asked to see it, and how it ended.

1. A case belongs to the year, in UTC, in which the person turned to this member.
2. What other members sent on is counted apart: the person is counted where it turned to.
3. A case is late if it was decided after the day it had to be, or that day passed undecided.
4. The median runs over the days, of 24 hours, from receipt to decision; what a person took back is
   left out.
5. *corrected* counts those that ended in a correction; *upheld*, *restricted* and *rejected*
   likewise; *withdrawn* those that the person took back; *open* the rest.

No figure tells whether anything was held on any one person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Final

from foedus.casework.access_course import AccessState
from foedus.casework.challenge_course import ChallengeState

__all__ = ["AccessFigures", "CaseSpan", "ChallengeFigures", "access_figures", "challenge_figures"]

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseSpan:
    """What the figures need of one case.

    Attributes:
        ended: How it ended, as its state says (``upheld`` … ``withdrawn``, ``answered``); "" while
            it is open.
        received: When the person turned to this member.
        due: By when it had to be decided or answered.
        decided: When it was, or was taken back; None before.
        referred: Whether another member sent it on.
    """

    ended: str
    received: datetime
    due: datetime
    decided: datetime | None
    referred: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChallengeFigures:
    """Challenges of a year.

    Attributes:
        received: All of this member; the sum of the six after it.
        median_days: From receipt to decision; None where none is decided.
        late: Those decided late, or undecided past their day.
        referred: Those that other members sent on, which no other figure counts.
    """

    received: int
    upheld: int
    corrected: int
    restricted: int
    rejected: int
    withdrawn: int
    open: int
    median_days: float | None
    late: int
    referred: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessFigures:
    """Requests of a year to see what is held; the attributes read as those of challenges."""

    received: int
    answered: int
    withdrawn: int
    open: int
    median_days: float | None
    late: int


def challenge_figures(spans: Iterable[CaseSpan], now: datetime) -> ChallengeFigures:
    """Return the figures of the challenges of a year.

    Args:
        spans: Its challenges.
        now: Aware UTC.
    """
    cases = list(spans)
    own = [each for each in cases if not each.referred]
    ended = Counter(each.ended for each in own)
    return ChallengeFigures(
        received=len(own),
        upheld=ended[ChallengeState.UPHELD],
        corrected=ended[ChallengeState.CORRECTED],
        restricted=ended[ChallengeState.RESTRICTED],
        rejected=ended[ChallengeState.REJECTED],
        withdrawn=ended[ChallengeState.WITHDRAWN],
        open=ended[""],
        median_days=_median(own),
        late=_late(own, now),
        referred=len(cases) - len(own),
    )


def access_figures(spans: Iterable[CaseSpan], now: datetime) -> AccessFigures:
    """Return the figures of the requests of a year to see what is held.

    Args:
        spans: Its requests.
        now: Aware UTC.
    """
    cases = list(spans)
    ended = Counter(each.ended for each in cases)
    return AccessFigures(
        received=len(cases),
        answered=ended[AccessState.ANSWERED],
        withdrawn=ended[AccessState.WITHDRAWN],
        open=ended[""],
        median_days=_median(cases),
        late=_late(cases, now),
    )


def _median(cases: list[CaseSpan]) -> float | None:
    days = [
        (each.decided - each.received) / _DAY
        for each in cases
        if each.decided is not None and each.ended != ChallengeState.WITHDRAWN
    ]
    return round(median(days), 1) if days else None


def _late(cases: list[CaseSpan], now: datetime) -> int:
    return sum((each.decided or now) > each.due for each in cases)
