"""The difference between two outlooks for an item and a member, in plain rows.

No row holds a decision: nothing that releases could take one for what it needs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from foedus.model.identifiers import ArticleId, MemberId
from foedus.node.ports import ItemRow
from foedus.release.decide import Reason, Verdict
from foedus.release.gate import Preview
from foedus.release.obligations import NO_OBLIGATIONS, Obligations

__all__ = ["MemberShift", "Outlook", "Shift", "ShiftKind", "member_shifts", "outlook", "shifts"]


class ShiftKind(StrEnum):
    """In what an item and a member differ between now and then."""

    GAINS = "gains"
    LOSES = "loses"
    VERDICT = "verdict"
    """It is not given either way, for another kind of verdict."""
    ARTICLE = "article"
    REDACTION = "redaction"
    OBLIGATIONS = "obligations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What is, or would be, decided for an item and a member.

    Attributes:
        verdict: None where the item is the member's own.
        article: The article relied on.
        obligations: What a release would bind to.
        unredactable: Why it would be withheld though it may leave redacted; "" when it would not.
        reasons: Why.
    """

    verdict: Verdict | None
    article: ArticleId | None
    obligations: Obligations
    unredactable: str
    reasons: tuple[Reason, ...]

    @property
    def sees(self) -> bool:
        """Whether the member is given it."""
        return self.verdict is not None and self.verdict.releases and not self.unredactable


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """One item and member, now and as supposed.

    Attributes:
        kinds: In what the two differ; empty where they do not.
    """

    item: ItemRow
    recipient: MemberId
    now: Outlook
    then: Outlook
    kinds: tuple[ShiftKind, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberShift:
    """How a supposition would change what one member is given.

    Attributes:
        sees_now: Items it would be given as things are.
        sees_then: Items it would be given as supposed.
        counts: Items that differ, by kind; one item may differ in several.
        unchanged: Items that differ in nothing.
    """

    recipient: MemberId
    sees_now: int
    sees_then: int
    counts: Mapping[ShiftKind, int]
    unchanged: int


def outlook(foreseen: Preview, handle: int) -> Outlook:
    """Return what is foreseen for one item."""
    decision = foreseen.decisions.get(handle)
    if decision is None:
        return _OWN
    return Outlook(
        verdict=decision.verdict,
        article=decision.article,
        obligations=decision.obligations,
        unredactable=foreseen.unredactable.get(handle, ""),
        reasons=decision.reasons,
    )


def shifts(
    items: Sequence[ItemRow], before: Mapping[MemberId, Preview], after: Mapping[MemberId, Preview]
) -> tuple[Shift, ...]:
    """Return how items and members differ between two previews, items first.

    What is foreseen alike is compared once: a preview holds one decision for each class of items.
    """
    compared: dict[tuple[object, ...], tuple[Outlook, Outlook, tuple[ShiftKind, ...]]] = {}
    found = []
    for item in items:
        for member, foreseen in before.items():
            other = after[member]
            place = (
                id(foreseen.decisions.get(item.handle)),
                id(other.decisions.get(item.handle)),
                foreseen.unredactable.get(item.handle),
                other.unredactable.get(item.handle),
            )
            known = compared.get(place)
            if known is None:
                now, then = outlook(foreseen, item.handle), outlook(other, item.handle)
                known = compared[place] = (now, then, tuple(_kinds(now, then)))
            now, then, kinds = known
            found.append(Shift(item=item, recipient=member, now=now, then=then, kinds=kinds))
    return tuple(found)


def member_shifts(rows: Sequence[Shift]) -> tuple[MemberShift, ...]:
    """Return the difference for each member, in order."""
    by_member: dict[MemberId, list[Shift]] = {}
    for row in rows:
        by_member.setdefault(row.recipient, []).append(row)
    return tuple(
        MemberShift(
            recipient=member,
            sees_now=sum(row.now.sees for row in its),
            sees_then=sum(row.then.sees for row in its),
            counts=dict(Counter(kind for row in its for kind in row.kinds)),
            unchanged=sum(not row.kinds for row in its),
        )
        for member, its in sorted(by_member.items())
    )


def _kinds(now: Outlook, then: Outlook) -> Iterator[ShiftKind]:
    if now.sees is not then.sees:
        yield ShiftKind.GAINS if then.sees else ShiftKind.LOSES
        return
    if not now.sees:
        if (now.verdict, bool(now.unredactable)) != (then.verdict, bool(then.unredactable)):
            yield ShiftKind.VERDICT
        return
    if now.article != then.article:
        yield ShiftKind.ARTICLE
    if now.obligations.redact != then.obligations.redact:
        yield ShiftKind.REDACTION
    if _others(now.obligations) != _others(then.obligations):
        yield ShiftKind.OBLIGATIONS


def _others(obligations: Obligations) -> Obligations:
    return replace(obligations, redact=frozenset())


_OWN: Final = Outlook(
    verdict=None, article=None, obligations=NO_OBLIGATIONS, unredactable="", reasons=()
)
