"""A treaty's machine rules, ready to run; or every fault in them.

Policies are named by article and ordinal (``7/2``): the second policy under Article 7, over all its
blocks. Annotations are read here, once. Rules, besides those of :mod:`foedus.release.lint`:

1. Each article is validated strictly against the vocabulary.
2. An article that holds a prohibition or a duty admits no reservation, so that taking an article
   away never frees anyone of one.
3. A duty stands in an article without permits: it holds on whichever article a sender relies.
4. At most :data:`MAX_POLICIES` policies.

Spec: design §5, §6.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Final

from foedus.model.identifiers import ArticleId, PolicyId, article_of_policy
from foedus.release.cedar import PolicyEngine, PolicyTree, parse_block, validate_block
from foedus.release.errors import BlockError, CompileFault, CompileFaults, EngineError
from foedus.release.lint import Mentions, faults_of, mentions_of_policy
from foedus.release.obligations import Obligations, read_annotations
from foedus.treaty.articles import Article, Treaty

__all__ = ["MAX_POLICIES", "CompiledTreaty", "Duty", "compile_treaty"]

MAX_POLICIES: Final = 200
"""Most policies in one treaty: each is looked at in every decision."""


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
    """

    treaty: Treaty
    permits: Mapping[PolicyId, Obligations]
    forbids: tuple[PolicyId, ...]
    duties: Mapping[PolicyId, Duty]
    by_article: Mapping[ArticleId, tuple[PolicyId, ...]]
    mentions: Mentions
    engine: PolicyEngine = field(repr=False, compare=False)

    @property
    def permitting(self) -> tuple[ArticleId, ...]:
        """The articles that hold a permit, in the order of the treaty."""
        return tuple(self.by_article)

    def permits_of(self, article: ArticleId) -> tuple[PolicyId, ...]:
        """Return the permits of an article, in their order; none where it permits nothing."""
        return self.by_article.get(article, ())


def compile_treaty(treaty: Treaty) -> CompiledTreaty:
    """Compile the machine rules of a treaty.

    Args:
        treaty: A parsed treaty. Its rules are untrusted text until this returns.

    Raises:
        CompileFaults: They cannot be run; every fault found is listed.
    """
    faults: list[CompileFault] = []
    policies: dict[PolicyId, PolicyTree] = {}
    for article in treaty.articles:
        policies |= _read_article(article, treaty, faults)
    if len(policies) > MAX_POLICIES:
        faults.append(
            CompileFault(article="", policy="", reason=f"more than {MAX_POLICIES} rules in all")
        )
    obligations = _obligations(policies, faults)
    if faults:
        raise CompileFaults(tuple(faults))
    return _assemble(treaty, policies, obligations)


def _read_article(
    article: Article, treaty: Treaty, faults: list[CompileFault]
) -> dict[PolicyId, PolicyTree]:
    found: dict[PolicyId, PolicyTree] = {}
    for block in article.blocks:
        try:
            policies = parse_block(block)
            invalid = validate_block(block)
        except BlockError as error:
            faults.append(CompileFault(article=article.id, policy="", reason=str(error)))
            continue
        first = len(found) + 1
        named = {
            PolicyId(f"{article.id}/{first + position}"): policy
            for position, policy in enumerate(policies)
        }
        reasons = [(PolicyId(f"{article.id}/{first + at}"), reason) for at, reason in invalid]
        reasons += [
            (name, reason) for name, policy in named.items() for reason in faults_of(policy, treaty)
        ]
        if not policies:
            reasons.append((PolicyId(""), "a block holds no rule"))
        faults += [
            CompileFault(article=article.id, policy=name, reason=reason) for name, reason in reasons
        ]
        found |= named
    faults += [
        CompileFault(article=article.id, policy="", reason=reason)
        for reason in _article_faults(article, found.values())
    ]
    return found


def _article_faults(article: Article, policies: Iterable[PolicyTree]) -> list[str]:
    """Rules 2 and 3."""
    duties = [policy for policy in policies if _is_duty(policy)]
    forbids = [policy for policy in policies if policy["effect"] == "forbid"]
    permits = [
        policy for policy in policies if policy["effect"] == "permit" and not _is_duty(policy)
    ]
    faults = []
    if article.reservable and (duties or forbids):
        faults.append("an article that holds a prohibition or a duty admits no reservation")
    if duties and permits:
        faults.append("a duty stands in an article of its own, without permits")
    return faults


def _is_duty(policy: PolicyTree) -> bool:
    return policy["effect"] == "permit" and "duty" in policy.get("annotations", {})


def _obligations(
    policies: Mapping[PolicyId, PolicyTree], faults: list[CompileFault]
) -> dict[PolicyId, Obligations]:
    read: dict[PolicyId, Obligations] = {}
    for name, policy in policies.items():
        annotations = {
            key: value for key, value in policy.get("annotations", {}).items() if key != "duty"
        }
        try:
            read[name] = read_annotations(annotations)
        except BlockError as error:
            faults.append(
                CompileFault(article=article_of_policy(name), policy=name, reason=str(error))
            )
    return read


def _assemble(
    treaty: Treaty,
    policies: Mapping[PolicyId, PolicyTree],
    obligations: Mapping[PolicyId, Obligations],
) -> CompiledTreaty:
    duties = {
        name: Duty(text=policy["annotations"]["duty"].strip(), obligations=obligations[name])
        for name, policy in policies.items()
        if _is_duty(policy)
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
    )


def _joined(mentions: list[Mentions]) -> Mentions:
    instants: frozenset[datetime] = frozenset()
    return Mentions(
        principal=any(each.principal for each in mentions),
        sender=any(each.sender for each in mentions),
        consent=any(each.consent for each in mentions),
        permits_look_at_consent=any(each.permits_look_at_consent for each in mentions),
        instants=instants.union(*(each.instants for each in mentions)),
    )
