"""A treaty's machine rules, ready to run; or every fault in them.

Policies are named by article and ordinal (``7/2``): the second policy under Article 7, over all its
blocks. Annotations are read here, once. Rules, besides those of :mod:`foedus.release.lint`:

1. Each article is validated strictly against the vocabulary.
2. An article that holds a prohibition or a duty admits no reservation, so that taking an article
   away never frees anyone of one.
3. A duty stands in an article without permits: it holds on whichever article a sender relies.
4. At most :data:`foedus.release.rules.MAX_POLICIES` policies.

Spec: design §5, §6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from foedus.model.identifiers import ArticleId, PolicyId, article_of_policy
from foedus.release.cedar import PolicyEngine
from foedus.release.distinctions import Distinctions, distinctions_of
from foedus.release.errors import CompileFault, CompileFaults, EngineError
from foedus.release.lint import Mentions, mentions_of_policy
from foedus.release.obligations import Obligations
from foedus.release.rules import Rules, is_duty, read_rules
from foedus.treaty.articles import Treaty

__all__ = ["CompiledTreaty", "Duty", "assemble", "compile_treaty"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """An obligation that holds whichever article is relied on.

    Attributes:
        text: What the duty is, in the treaty's words.
        obligations: What it adds when its condition holds.
    """

    text: str
    obligations: Obligations


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledTreaty:
    """A treaty whose rules can be asked.

    Attributes:
        treaty: The treaty.
        permits: Each permit with its obligations, in the order of the treaty.
        forbids: The prohibitions, in the order of the treaty.
        duties: The duties.
        by_article: The permits of each article that holds any, in the order of the treaty.
        mentions: What any of the policies looks at.
        engine: Runs the policies.
        distinctions: What the policies can tell apart.
    """

    treaty: Treaty
    permits: Mapping[PolicyId, Obligations]
    forbids: tuple[PolicyId, ...]
    duties: Mapping[PolicyId, Duty]
    by_article: Mapping[ArticleId, tuple[PolicyId, ...]]
    mentions: Mentions
    engine: PolicyEngine = field(repr=False, compare=False)
    distinctions: Distinctions = field(repr=False, compare=False)


def compile_treaty(treaty: Treaty) -> CompiledTreaty:
    """Compile the machine rules of a treaty.

    Args:
        treaty: A parsed treaty. Its rules are untrusted text until this returns.

    Raises:
        CompileFaults: They cannot be run; every fault found is listed.
    """
    rules = read_rules(treaty)
    if rules.faults:
        raise CompileFaults(tuple(rules.faults))
    return assemble(treaty, rules)


def assemble(treaty: Treaty, rules: Rules) -> CompiledTreaty:
    """Make rules that have no fault ready to run.

    Raises:
        CompileFaults: The engine refuses them after all.
    """
    policies, obligations = rules.policies, rules.obligations
    duties = {
        name: Duty(text=policy["annotations"]["duty"].strip(), obligations=obligations[name])
        for name, policy in policies.items()
        if is_duty(policy)
    }
    permits = {
        name: obligations[name]
        for name, policy in policies.items()
        if policy["effect"] == "permit" and name not in duties
    }
    by_article: dict[ArticleId, tuple[PolicyId, ...]] = {}
    for name in permits:
        article = article_of_policy(name)
        by_article[article] = (*by_article.get(article, ()), name)
    try:
        engine = PolicyEngine(policies, duties=frozenset(duties))
    except EngineError as error:
        raise CompileFaults((CompileFault(article="", policy="", reason=str(error)),)) from error
    return CompiledTreaty(
        treaty=treaty,
        permits=MappingProxyType(permits),
        forbids=tuple(name for name, policy in policies.items() if policy["effect"] == "forbid"),
        duties=MappingProxyType(duties),
        by_article=MappingProxyType(by_article),
        mentions=_joined([mentions_of_policy(policy) for policy in policies.values()]),
        engine=engine,
        distinctions=distinctions_of([*policies.values(), *engine.parts.values()]),
    )


def _joined(mentions: list[Mentions]) -> Mentions:
    instants: frozenset[datetime] = frozenset()
    return Mentions(
        consent=any(each.consent for each in mentions),
        permits_look_at_consent=any(each.permits_look_at_consent for each in mentions),
        instants=instants.union(*(each.instants for each in mentions)),
    )
