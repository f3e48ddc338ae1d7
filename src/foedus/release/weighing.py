"""What the policies that hold amount to, article by article.

Rules 12, 13 and 15 of :mod:`foedus.release.decide`. It depends on nothing but the treaty, the set
of policies that hold and the approvals given, and few such sets occur, so each is weighed once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from foedus.model.identifiers import ArticleId, PolicyId
from foedus.release.compile import CompiledTreaty
from foedus.release.obligations import Obligations, join_all
from foedus.release.verdict import Verdict

__all__ = ["Chosen", "Weighed", "granted", "weigh"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The permit of an article that binds to least, every duty joined in.

    Attributes:
        permit: The permit.
        obligations: Its obligations and those of every duty that holds.
        verdict: What it comes to, with the approvals given.
    """

    permit: PolicyId
    obligations: Obligations
    verdict: Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """What a set of policies amounts to.

    Attributes:
        policies: The policies that hold.
        forbidding: The prohibitions among them, in order.
        duties: The duties among them, in order.
        chosen: The permit chosen of each article that has one that holds.
    """

    policies: frozenset[PolicyId]
    forbidding: tuple[PolicyId, ...]
    duties: tuple[PolicyId, ...]
    chosen: Mapping[ArticleId, Chosen]


def weigh(compiled: CompiledTreaty, policies: frozenset[PolicyId], *, approvals: int) -> Weighed:
    """Weigh the policies that hold.

    Args:
        compiled: The treaty.
        policies: Those of its policies whose condition holds.
        approvals: How many approvals were given.
    """
    duties = tuple(name for name in compiled.duties if name in policies)
    owed = join_all(compiled.duties[name].obligations for name in duties)
    chosen: dict[ArticleId, Chosen] = {}
    for article, permits in compiled.by_article.items():
        options = [
            _option(name, compiled.permits[name].join(owed), approvals)
            for name in permits
            if name in policies
        ]
        if options:
            chosen[article] = min(
                options, key=lambda each: (each.verdict.rank, each.obligations.burden)
            )
    return Weighed(
        policies=policies,
        forbidding=tuple(name for name in compiled.forbids if name in policies),
        duties=duties,
        chosen=chosen,
    )


def granted(obligations: Obligations, *, approvals: int) -> Verdict:
    """Return what a permit with these obligations comes to (rules 16 and 17)."""
    if obligations.approvals > approvals:
        return Verdict.NEEDS_APPROVAL
    return Verdict.PERMIT_REDACTED if obligations.redact else Verdict.PERMIT


def _option(name: PolicyId, obligations: Obligations, approvals: int) -> Chosen:
    return Chosen(
        permit=name, obligations=obligations, verdict=granted(obligations, approvals=approvals)
    )
