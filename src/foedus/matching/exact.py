"""Exact matching: the same normalised selector in items of different originators.

Rules, in order:

1. A benign selector is never a hit.
2. A selector carried by more visible items than the cut-off is never a hit.
3. Items of one originator are not hits of each other: it knows what it holds.
4. Of the rest, at most the posting cap is asked about per selector, newest first.

Cost grows with the selectors of what arrives times the cap, never with pairs of items.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from foedus.matching.benign import BenignList
from foedus.model.identifiers import MemberId
from foedus.model.selectors import Selector

__all__ = [
    "DEFAULT_CUT_OFF",
    "DEFAULT_POSTING_CAP",
    "ExactMatch",
    "MatchLimits",
    "PostingLike",
    "Silence",
    "match_exact",
    "why_silent",
]

DEFAULT_POSTING_CAP: Final = 20
"""Items asked about per selector."""

DEFAULT_CUT_OFF: Final = 200
"""Visible items above which a selector says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchLimits:
    """How far matching goes.

    Attributes:
        cap: Items asked about per selector.
        cut_off: Visible items above which a selector is too common to be a hit.
    """

    cap: int = DEFAULT_POSTING_CAP
    cut_off: int = DEFAULT_CUT_OFF


class PostingLike(Protocol):
    """What a look-up returns for one selector."""

    @property
    def frequency(self) -> int:
        """How many visible items carry it."""
        ...

    @property
    def handles(self) -> tuple[int, ...]:
        """Some of them, newest first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactMatch:
    """Two items of different originators carry one selector.

    Attributes:
        arrived: Handle of the item that caused the look-up.
        held: Handle of the item that was there.
        frequency: How many visible items carry the selector: the fewer, the more it says.
    """

    arrived: int
    held: int
    selector: Selector
    frequency: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Why a selector gives no hits.

    Attributes:
        code: ``benign``, ``too-common`` or ``absent``.
        reason: For people.
    """

    code: str
    reason: str


def why_silent(
    selector: Selector, posting: PostingLike | None, benign: BenignList, limits: MatchLimits
) -> Silence | None:
    """Return why a selector is not asked about, or None if it is."""
    known = benign.reason(selector)
    if known is not None:
        return Silence(code="benign", reason=f"known to be benign: {known}")
    if posting is None or posting.frequency == 0:
        return Silence(code="absent", reason="no visible item carries it")
    if posting.frequency > limits.cut_off:
        return Silence(
            code="too-common",
            reason=f"{posting.frequency} items carry it, more than the limit of {limits.cut_off}",
        )
    return None


def _meets(posting: PostingLike | None, handle: int) -> bool:
    """Whether anything but the item itself carries a selector."""
    return posting is not None and (posting.frequency > 1 or handle not in posting.handles)


def match_exact(
    arrived: Mapping[int, Iterable[Selector]],
    postings: Mapping[Selector, PostingLike],
    originators: Mapping[int, MemberId],
    *,
    benign: BenignList,
    limits: MatchLimits,
) -> list[ExactMatch]:
    """Return the hits of newly visible items, in order of arrival.

    Args:
        arrived: Handle → selectors of each newly visible item.
        postings: Selector → visible items carrying it (the new ones may be among them).
        originators: Originator of every handle named in ``arrived`` or ``postings``.
        benign: What is never asked about.
        limits: Cap and cut-off.
    """
    found: list[ExactMatch] = []
    for handle, selectors in arrived.items():
        mine = originators.get(handle)
        # Most items meet nobody: they are told apart by a look at who carries what they carry.
        if not any(_meets(postings.get(each), handle) for each in selectors):
            continue
        for selector in sorted(selectors, key=lambda each: (each.kind, each.value)):
            posting = postings.get(selector)
            if posting is None or why_silent(selector, posting, benign, limits) is not None:
                continue
            others = [
                other
                for other in posting.handles
                if other != handle and originators.get(other) not in {None, mine}
            ]
            found.extend(
                ExactMatch(
                    arrived=handle, held=other, selector=selector, frequency=posting.frequency
                )
                for other in others[: limits.cap]
            )
    return found
