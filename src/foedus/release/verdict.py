"""A decision as a value: verdict, obligations, reasons; and the law it was made under."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from foedus.model.identifiers import ArticleId
from foedus.release.compile import CompiledTreaty
from foedus.release.obligations import Obligations
from foedus.treaty.in_force import PairLaw

__all__ = ["NO_LAW", "Decision", "Law", "Reason", "ReasonKind", "Verdict"]

NO_LAW: Final = "0" * 64
"""Stands for the digest where there is no law: under it the gate releases no item."""


class Verdict(StrEnum):
    """What was decided, from freest to strictest."""

    PERMIT = "permit"
    PERMIT_REDACTED = "permit-redacted"
    NEEDS_APPROVAL = "needs-approval"
    NEEDS_CONSENT = "needs-consent"
    DENY = "deny"

    @property
    def rank(self) -> int:
        """0 for permit to 4 for deny."""
        return _RANKS[self]

    @property
    def releases(self) -> bool:
        """Whether the item may leave now."""
        return self is Verdict.PERMIT or self is Verdict.PERMIT_REDACTED


_RANKS: Final = {verdict: rank for rank, verdict in enumerate(Verdict)}


class ReasonKind(StrEnum):
    """What a reason rests on."""

    LAW = "law"
    LINK = "link"
    WITNESS = "witness"
    FORK = "fork"
    RESERVATION = "reservation"
    TREATY = "treaty"
    EXERCISE = "exercise"
    MARKING = "marking"
    PURPOSE = "purpose"
    TIME = "time"
    PERSONAL_DATA = "personal-data"
    NEUTRALITY = "neutrality"
    PROHIBITION = "prohibition"
    NO_PERMIT = "no-permit"
    CONDITION = "condition"
    PERMIT = "permit"
    CONSENT = "consent"
    DUTY = "duty"
    APPROVAL = "approval"
    MISSING_FACT = "missing-fact"
    ENGINE = "engine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason of a decision.

    Attributes:
        kind: What it rests on.
        ref: What it names: an article, a policy, a member, a marking, a purpose; may be empty.
        text: In words, for people of one's own node.
        change: The smallest change that would remove it, in words; empty where there is none.
    """

    kind: ReasonKind
    ref: str
    text: str
    change: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Law:
    """What binds a pair: the treaty's rules and which of its articles are in force.

    Attributes:
        compiled: The treaty, compiled.
        pair: The law of the ordered pair at an instant.
        key: Equal exactly for laws that decide alike; what decisions are cached by.
    """

    compiled: CompiledTreaty
    pair: PairLaw
    key: tuple[object, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        pair = self.pair
        reserved = tuple(sorted((article, *who) for article, who in pair.reserved.items()))
        object.__setattr__(
            self,
            "key",
            (
                self.compiled.treaty.id,
                pair.treaty,
                pair.sender,
                pair.recipient,
                pair.digest,
                pair.binds,
                pair.why_not,
                pair.opposed_by,
                pair.valid_until,
                reserved,
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided, and why.

    Attributes:
        verdict: The verdict.
        article: The article relied on; None if none was.
        obligations: What a release binds to; empty for a denial.
        reasons: At least one, in the order of the rules.
        valid_until: The next instant at which law, dates, freshness or witnessing could change it;
            None if none could.
        law_digest: Digest of the law it was decided under.
    """

    verdict: Verdict
    article: ArticleId | None
    obligations: Obligations
    reasons: tuple[Reason, ...]
    valid_until: datetime | None
    law_digest: str

    @property
    def place(self) -> tuple[int, tuple[int, ...]]:
        """Where it stands from free to strict: verdict first, then the burden of obligations."""
        return self.verdict.rank, self.obligations.burden
