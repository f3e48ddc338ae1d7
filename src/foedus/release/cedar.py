"""The only caller of the policy engine.

The engine skips a policy that errs, answers some bad requests with "no decision" and others with an
exception, and can be made to crash or to run for minutes by text of a few kilobytes. So:

1. Text is bounded before it is parsed (:mod:`foedus.release.bounds`).
2. The schema is given when the entities are built *and* on every call.
3. Every entity a request names is in the entities of that call.
4. Every diagnostic, "no decision", exception or unknown policy id becomes :class:`EngineError`.
   Whoever asks must deny.
5. A context is always serialised from a dictionary, so no key stands twice.
6. Reasons come back in no fixed order: they are returned as sets.

Three sets of policies are asked. *All*, a copy with every effect turned to ``permit``, lists in one
call each policy whose condition holds. *One article*, its permits and every prohibition as they
stand, must say Allow by itself before anything is permitted. *Conditions*, each ``&&``-part of each
permit alone, names what is missing after a denial; its errors mean "does not hold", since a part
may lean on its neighbour, and nothing is ever permitted by it.

Spec: Cedar policy language 4; JSON policy format.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import cedarpy
import msgspec

from foedus.clock import instant_text
from foedus.model.identifiers import ArticleId, MemberId, PolicyId, article_of_policy
from foedus.release.bounds import check_block
from foedus.release.errors import BlockError, EngineError
from foedus.treaty.vocabulary import SCHEMA

__all__ = [
    "EngineClass",
    "EngineQuestion",
    "PolicyEngine",
    "PolicyTree",
    "condition_text",
    "parse_block",
    "parts_of",
    "validate_block",
]

PolicyTree = Mapping[str, Any]
"""One policy in the engine's JSON form."""

MAX_ENTITY_SETS: Final = 256
"""Entity sets kept parsed."""

_ENGINE_FAILURES: Final = (
    ValueError,
    KeyError,
    TypeError,
    RuntimeError,
    OverflowError,
    RecursionError,
)
_LONE_ACCESS: Final = re.compile(r"(?<!\w)\((\w+\.\w+)\)")
_CONDITION: Final = re.compile(r"when \{ (.*) \};?\s*\Z", re.DOTALL)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def parse_block(text: str) -> tuple[PolicyTree, ...]:
    """Return the policies of a block in the order they stand.

    Args:
        text: One fenced block of Cedar; untrusted.

    Raises:
        BlockError: A bound is passed, the text is not Cedar, or it holds a template.
    """
    check_block(text)
    try:
        parsed = _decode(cedarpy.policies_to_json_str(text))
    except _ENGINE_FAILURES as error:
        raise BlockError(f"not Cedar: {error}") from error
    if parsed.get("templates") or parsed.get("templateLinks"):
        raise BlockError("a rule is never a template: ?principal and ?resource are not used")
    policies: Mapping[str, PolicyTree] = parsed.get("staticPolicies", {})
    # The engine names them policy0, policy1, ... by position; as texts, policy10 < policy2.
    names = sorted(policies, key=_position)
    return tuple(policies[name] for name in names)


def validate_block(text: str) -> tuple[tuple[int, str], ...]:
    """Return what strict validation against the schema finds wrong with a block.

    Args:
        text: A block that :func:`parse_block` accepted.

    Returns:
        Position of the policy in the block, from zero, and what is wrong with it.

    Raises:
        BlockError: The engine could not validate it.
    """
    try:
        result = cedarpy.validate_policies(text, _schema())
    except _ENGINE_FAILURES as error:
        raise BlockError(f"cannot be validated: {error}") from error
    faults = tuple(
        (_position(error.policy_id), error.error.partition(", ")[2] or error.error)
        for error in result.errors
    )
    if not result.validation_passed and not faults:
        return ((0, "does not pass validation"),)
    return faults


def _position(name: str) -> int:
    digits = name.removeprefix("policy")
    return int(digits) if digits.isdecimal() else 0


def condition_text(policy: PolicyTree) -> str:
    """Return the condition of a policy that has exactly one, in Cedar's words.

    Raises:
        BlockError: The engine cannot write it.
    """
    try:
        text = cedarpy.policies_from_json_str(_set_text({"p": policy}))
    except _ENGINE_FAILURES as error:
        raise BlockError(f"cannot be written: {error}") from error
    found = _CONDITION.search(text)
    plain = _LONE_ACCESS.sub(r"\1", found[1] if found else text)
    return " ".join(plain.split())


@lru_cache(maxsize=1)
def _schema() -> Any:
    return cedarpy.Schema.from_str(SCHEMA)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineClass:
    """The resource of a request: a class of terms with what was found in the bytes joined in.

    Attributes:
        key: Names the class; equal keys have equal attributes.
        originator: The member whose items they are.
        attributes: The other attributes of the schema's ``Terms``, as JSON values; instants as
            datetimes.
    """

    key: str
    originator: MemberId
    attributes: Mapping[str, Any] = field(hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineQuestion:
    """One request: the schema's action, principal, resource and context."""

    resource: EngineClass
    recipient: MemberId
    sender: MemberId
    action: str
    purpose: str
    now: datetime
    kind: str
    onward: bool
    consent: bool
    recognised: bool
    concerns_recipient: bool
    threat_to_life: bool


class PolicyEngine:
    """The policies of one treaty, parsed once.

    Safe to share between threads: nothing in it changes but a cache of parsed entities.
    """

    def __init__(self, policies: Mapping[PolicyId, PolicyTree], *, duties: frozenset[PolicyId]):
        """Parse the sets of policies.

        Args:
            policies: Every policy of the treaty, by its id, in the order of the treaty.
            duties: Which of the permits are duties: they never permit.

        Raises:
            EngineError: The engine refuses them.
        """
        self.policies = tuple(policies)
        self.bare: Mapping[PolicyId, PolicyTree] = {
            name: _without_annotations(policy) for name, policy in policies.items()
        }
        self._known = frozenset(policies)
        self._permits = frozenset(
            name
            for name, policy in policies.items()
            if policy["effect"] == "permit" and name not in duties
        )
        self._forbids = frozenset(
            name for name, policy in policies.items() if policy["effect"] == "forbid"
        )
        self._all = _policy_set(
            {name: {**policy, "effect": "permit"} for name, policy in self.bare.items()}
        )
        self._articles = {
            article: _policy_set(
                {
                    name: policy
                    for name, policy in self.bare.items()
                    if name in self._forbids
                    or (name in self._permits and article_of_policy(name) == article)
                }
            )
            for article in {article_of_policy(name) for name in self._permits}
        }
        parts = {
            name: {f"{name}#{index}": part for index, part in enumerate(_parts(policy))}
            for name, policy in self.bare.items()
            if name in self._permits
        }
        self.part_names = {name: tuple(of_permit) for name, of_permit in parts.items()}
        self.parts: Mapping[str, PolicyTree] = {
            name: part for of_permit in parts.values() for name, part in of_permit.items()
        }
        self._conditions = _policy_set(self.parts)
        self._part_texts: dict[str, str] = {}
        self._entity_sets: OrderedDict[tuple[frozenset[str], str], Any] = OrderedDict()

    def satisfied(self, question: EngineQuestion) -> frozenset[PolicyId]:
        """Return every policy whose scope and condition hold, of any effect.

        Raises:
            EngineError: The engine gave no clean answer.
        """
        decision, reasons = self._ask(question, self._all)
        held = frozenset(PolicyId(name) for name in reasons)
        if not held <= self._known or (decision == "Allow") != bool(held):
            raise EngineError("the engine contradicts itself")
        return held

    def confirm(self, article: ArticleId, question: EngineQuestion) -> None:
        """Check that an article's permits against every prohibition say Allow, or raise.

        Raises:
            EngineError: They do not, or the engine gave no clean answer.
        """
        policies = self._articles.get(article)
        if policies is None:
            raise EngineError(f"article {article} permits nothing")
        own = {name for name in self._permits if article_of_policy(name) == article}
        decision, reasons = self._ask(question, policies)
        if decision != "Allow" or not reasons or not reasons <= own:
            raise EngineError(f"article {article} does not allow by itself what its copy allowed")

    def parts_held(self, question: EngineQuestion) -> frozenset[str]:
        """Return the parts of the permits' conditions that hold; one that errs does not.

        Raises:
            EngineError: The engine gave no answer.
        """
        return self._ask(question, self._conditions, tolerant=True)[1]

    def lacking(self, policy: PolicyId, held: frozenset[str]) -> tuple[str, ...]:
        """Return the parts of a permit's condition that are not among those that hold."""
        return tuple(
            [self._part_text(name) for name in self.part_names[policy] if name not in held]
        )

    def _part_text(self, name: str) -> str:
        text = self._part_texts.get(name)
        if text is None:
            text = self._part_texts[name] = _part_text(self.parts[name])
        return text

    def _ask(
        self, question: EngineQuestion, policies: Any, *, tolerant: bool = False
    ) -> tuple[str, frozenset[str]]:
        try:
            (result,) = cedarpy.is_authorized_batch(
                [_request(question)], policies, self._entities(question), _schema()
            )
            return _answer(result, tolerant=tolerant)
        except _ENGINE_FAILURES as error:
            raise EngineError(f"the engine failed: {error}") from error

    def _entities(self, question: EngineQuestion) -> Any:
        resource = question.resource
        members = frozenset({question.recipient, question.sender, resource.originator})
        key = members, resource.key
        kept = self._entity_sets.get(key)
        if kept is not None:
            return kept
        entities: list[object] = [
            {"uid": {"type": "Member", "id": member}, "attrs": {}, "parents": []}
            for member in sorted(members)
        ]
        entities.append(_class_entity(resource))
        parsed = cedarpy.Entities.from_json_str(_encode(entities).decode(), _schema())
        self._entity_sets[key] = parsed
        while len(self._entity_sets) > MAX_ENTITY_SETS:
            self._entity_sets.popitem(last=False)
        return parsed


def _without_annotations(policy: PolicyTree) -> PolicyTree:
    return {key: value for key, value in policy.items() if key != "annotations"}


def _set_text(policies: Mapping[str, PolicyTree]) -> str:
    whole = {"templates": {}, "staticPolicies": policies, "templateLinks": []}
    return _encode(whole).decode()


def _policy_set(policies: Mapping[Any, PolicyTree]) -> Any:
    try:
        return cedarpy.PolicySet.from_json_str(_set_text(policies))
    except _ENGINE_FAILURES as error:
        raise EngineError(f"the engine refuses the policies: {error}") from error


def _parts(policy: PolicyTree) -> Iterator[PolicyTree]:
    """Split a policy: its scope, then each part of its conditions, each as a policy alone."""
    anything = {"op": "All"}
    yield {**policy, "effect": "permit", "conditions": []}
    for condition in policy["conditions"]:
        bodies = _conjuncts(condition["body"]) if condition["kind"] == "when" else None
        for body in bodies or (condition["body"],):
            yield {
                "effect": "permit",
                "principal": anything,
                "action": anything,
                "resource": anything,
                "conditions": [{"kind": condition["kind"], "body": body}],
            }


def _conjuncts(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    both = body.get("&&")
    if both is None:
        return [body]
    left, right = _conjuncts(both["left"]), _conjuncts(both["right"])
    if "has" in left[-1]:
        # What follows a test for presence leans on it: the two are told as one.
        return [*left[:-1], {"&&": {"left": left[-1], "right": right[0]}}, *right[1:]]
    return [*left, *right]


def _part_text(part: PolicyTree) -> str:
    if not part["conditions"]:
        return "the rule is about another action"
    text = condition_text({**part, "conditions": [{**part["conditions"][0], "kind": "when"}]})
    return text if part["conditions"][0]["kind"] == "when" else f"not {text}"


def parts_of(policy: PolicyTree) -> tuple[str, ...]:
    """Return scope and conditions of a policy in words and Cedar, part by part, to tell people.

    Raises:
        BlockError: The engine cannot write one of them.
    """
    scope, *parts = _parts(policy)
    action, principal = scope["action"], scope["principal"]
    told = []
    if action["op"] != "All":
        names = [each["id"] for each in action.get("entities") or [action["entity"]]]
        told.append(f"the action is {' or '.join(names)}")
    if "entity" in principal:
        told.append(f"the recipient is {principal['entity']['id']}")
    return (*told, *(_part_text(part) for part in parts))


def _class_entity(each: EngineClass) -> dict[str, object]:
    attributes: dict[str, object] = {
        name: _instant(value) if isinstance(value, datetime) else value
        for name, value in each.attributes.items()
    }
    attributes["originator"] = {"__entity": {"type": "Member", "id": each.originator}}
    return {"uid": {"type": "Terms", "id": each.key}, "attrs": attributes, "parents": []}


def _request(question: EngineQuestion) -> dict[str, object]:
    context = {
        "sender": {"__entity": {"type": "Member", "id": question.sender}},
        "purpose": question.purpose,
        "now": _instant(question.now),
        "kind": question.kind,
        "onward": question.onward,
        "consent": question.consent,
        "recognised": question.recognised,
        "concerns_recipient": question.concerns_recipient,
        "threat_to_life": question.threat_to_life,
    }
    return {
        "principal": {"type": "Member", "id": question.recipient},
        "action": {"type": "Action", "id": question.action},
        "resource": {"type": "Terms", "id": question.resource.key},
        "context": _encode(context).decode(),
    }


def _instant(instant: datetime) -> dict[str, object]:
    """Write an instant for the engine, which knows milliseconds: the rest is cut off."""
    return {"__extn": {"fn": "datetime", "arg": f"{instant_text(instant)[:23]}Z"}}


def _answer(result: Any, *, tolerant: bool) -> tuple[str, frozenset[str]]:
    decision = result.decision.value
    errors = result.diagnostics.errors
    if decision not in {"Allow", "Deny"}:
        raise EngineError(f"no decision: {'; '.join(errors) or 'no reason given'}")
    if errors and not tolerant:
        raise EngineError(f"a rule could not be evaluated: {errors[0]}")
    return decision, frozenset(result.diagnostics.reasons)
