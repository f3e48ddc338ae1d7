"""A treaty's machine rules as the engine parsed them, with everything wrong with them.

What :mod:`foedus.release.compile` refuses is found here; its module docstring lists the rules.
Every fault says where in the file it stands (:mod:`foedus.release.places`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from foedus.model.identifiers import PolicyId
from foedus.release.cedar import PolicyTree, parse_block, validate_block
from foedus.release.errors import BlockError, CompileFault
from foedus.release.lint import Finding, faults_of
from foedus.release.obligations import Obligations, join_all, read_annotations
from foedus.release.places import Block
from foedus.treaty.articles import Article, Treaty
from foedus.treaty.faults import nearest
from foedus.treaty.vocabulary import ANNOTATIONS, ATTRIBUTES

__all__ = ["MAX_POLICIES", "Rules", "is_duty", "read_rules"]

MAX_POLICIES: Final = 200
"""Most policies in one treaty: each is looked at in every decision."""

_MOST_ALONE: Final = 64
_UNREADABLE: Final = "not Cedar: "
_NO_ATTRIBUTE: Final = re.compile(r"attribute `(\w+)` (on entity type|in context).* not found")
_FOR_ACTION: Final = re.compile(r' for Action::"\w+"')
_NAMED: Final = re.compile(r"`([^`]+)`")


@dataclass(slots=True, kw_only=True)
class Rules:
    """The machine rules of a treaty, in its order.

    Attributes:
        policies: Each policy in the engine's JSON form, by its id.
        obligations: What each policy's annotations say, ``@duty`` aside.
        places: Line and column at which each policy begins.
        faults: Everything wrong with them.
    """

    policies: dict[PolicyId, PolicyTree] = field(default_factory=dict)
    obligations: dict[PolicyId, Obligations] = field(default_factory=dict)
    places: dict[PolicyId, tuple[int, int]] = field(default_factory=dict)
    faults: list[CompileFault] = field(default_factory=list)


def read_rules(treaty: Treaty) -> Rules:
    """Read the machine rules of a treaty and note every fault in them.

    Args:
        treaty: A parsed treaty; its rules are untrusted text.
    """
    rules = Rules()
    for article in treaty.articles:
        _Reader(article, treaty, rules).read()
    if len(rules.policies) > MAX_POLICIES:
        rules.faults.append(
            CompileFault(article="", policy="", reason=f"more than {MAX_POLICIES} rules in all")
        )
    return rules


def is_duty(policy: PolicyTree) -> bool:
    """Whether a policy is a duty: it never permits."""
    return policy["effect"] == "permit" and "duty" in policy.get("annotations", {})


class _Reader:
    """Reads one article."""

    def __init__(self, article: Article, treaty: Treaty, rules: Rules) -> None:
        self.article = article
        self.treaty = treaty
        self.rules = rules
        self.found: dict[PolicyId, PolicyTree] = {}

        self.count = 0

    def read(self) -> None:
        lines = self.article.block_lines or (0,) * len(self.article.blocks)
        for text, line in zip(self.article.blocks, lines, strict=True):
            self._block(Block(text, line))
        for reason in self._article_faults():
            self._fault(PolicyId(""), reason, (self.article.line, 1 if self.article.line else 0))
        self.rules.policies |= self.found

    def _fault(self, name: PolicyId, reason: str, place: tuple[int, int]) -> None:
        line, column = place
        self.rules.faults.append(
            CompileFault(
                article=self.article.id, policy=name, reason=reason, line=line, column=column
            )
        )

    def _block(self, block: Block) -> None:
        try:
            policies = parse_block(block.text)
            invalid = validate_block(block.text)
        except BlockError as error:
            self._unread(block, error)
            return
        if not policies:
            self._fault(PolicyId(""), "a block holds no rule", block.at(0))
        first = self.count + 1
        self.count += len(policies)
        found: list[tuple[int, Finding]] = [(at, _explained(reason)) for at, reason in invalid]
        for position, policy in enumerate(policies):
            name = PolicyId(f"{self.article.id}/{first + position}")
            self.found[name] = policy
            self.rules.places[name] = block.place(position)
            found += [(position, finding) for finding in faults_of(policy, self.treaty)]
            obligations, wrong = _annotations(policy)
            self.rules.obligations[name] = obligations
            found += [(position, finding) for finding in wrong]
        for position, finding in dict.fromkeys(found):
            name = PolicyId(f"{self.article.id}/{first + position}")
            self._fault(name, finding.reason, block.place(position, finding.words))

    def _unread(self, block: Block, error: BlockError) -> None:
        """Note why a block cannot be read; of several policies, those that can are read."""
        alone = tuple(block.alone())
        if 1 < len(alone) <= _MOST_ALONE:
            for each in alone:
                self._block(each)
            return
        unread = str(error).startswith(_UNREADABLE)
        place = block.unreadable(parse_block) if unread else block.place(0)
        self._fault(PolicyId(""), str(error), place)
        self.count += 1

    def _article_faults(self) -> Iterator[str]:
        """Rules 2 and 3 of :mod:`foedus.release.compile`."""
        policies = self.found.values()
        duties = any(is_duty(policy) for policy in policies)
        forbids = any(policy["effect"] == "forbid" for policy in policies)
        permits = any(policy["effect"] == "permit" and not is_duty(policy) for policy in policies)
        if self.article.reservable and (duties or forbids):
            yield "an article that holds a prohibition or a duty admits no reservation"
        if duties and permits:
            yield "a duty stands in an article of its own, without permits"


def _explained(reason: str) -> Finding:
    """Add to a reason of the engine's what was probably meant, and where to look for it."""
    missing = _NO_ATTRIBUTE.search(reason)
    if missing is None:
        named = _NAMED.findall(reason)
        return Finding(reason, tuple(word.rpartition("::")[2].strip('"') for word in named))
    reason = _FOR_ACTION.sub("", reason)
    name = missing[1]
    known = ATTRIBUTES["resource" if missing[2] == "on entity type" else "context"]
    return Finding(f"{reason}{nearest(name, known)}", (name,))


def _annotations(policy: PolicyTree) -> tuple[Obligations, list[Finding]]:
    read: list[Obligations] = []
    faults: list[Finding] = []
    annotations: Mapping[str, str | None] = policy.get("annotations", {})
    for name, value in annotations.items():
        if name == "duty":
            continue
        try:
            read.append(read_annotations({name: value}))
        except BlockError as error:
            meant = "" if name in ANNOTATIONS else nearest(name, ANNOTATIONS)
            faults.append(Finding(f"{error}{meant}", (name,)))
    return join_all(read), faults
