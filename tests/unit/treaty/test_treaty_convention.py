"""The sample convention: its rules say what its words say, and no reservation can free anything.

Each article is evaluated as a release would be: the permits of the one article relied on, and every
prohibition. The whole decision is tested with ``release``; here it is the treaty that is on trial.
"""

from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import cedarpy
import pytest

from foedus.treaty.articles import Treaty
from foedus.treaty.durations import parse_duration
from foedus.treaty.vocabulary import ACTIONS, ANNOTATIONS, SCHEMA

NOW = "2026-11-24T10:00:00Z"
LATER, EARLIER = "2027-03-01T00:00:00Z", "2026-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Rule:
    """One policy of the treaty."""

    article: str
    ordinal: int
    effect: str
    annotations: Mapping[str, str]
    policy: Mapping[str, Any]
    reservable: bool

    @property
    def id(self) -> str:
        return f"{self.article}/{self.ordinal}"

    @property
    def duty(self) -> bool:
        return "duty" in self.annotations


@pytest.fixture(scope="session")
def rules(treaty: Treaty) -> tuple[Rule, ...]:
    found: list[Rule] = []
    for article in treaty.articles:
        for block in article.blocks:
            policies = json.loads(cedarpy.policies_to_json_str(block))["staticPolicies"]
            ordered = [policies[key] for key in sorted(policies, key=lambda k: int(k[6:]))]
            found.extend(
                Rule(
                    article=article.id,
                    ordinal=ordinal,
                    effect=policy["effect"],
                    annotations=policy.get("annotations", {}),
                    policy=policy,
                    reservable=article.reservable,
                )
                for ordinal, policy in enumerate(ordered, 1)
            )
    return tuple(found)


class Court:
    """Says which rules are satisfied, by evaluating all of them as permits at once."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        flipped = {rule.id: {**rule.policy, "effect": "permit"} for rule in rules}
        for policy in flipped.values():
            policy.pop("annotations", None)
        document = {"staticPolicies": flipped, "templates": {}, "templateLinks": []}
        self.policies = cedarpy.PolicySet.from_json_str(json.dumps(document))
        self.rules = {rule.id: rule for rule in rules}

    def satisfied(self, facts: Mapping[str, Any]) -> frozenset[str]:
        terms = {key: value for key, value in facts.items() if key in TERMS}
        for key in ("review", "expiry"):
            if key in terms:
                terms[key] = instant(terms[key])
        terms["originator"] = {"__entity": {"type": "Member", "id": "XA"}}
        context = {key: facts[key] for key in QUESTION}
        context["sender"] = {"__entity": {"type": "Member", "id": "XA"}}
        context["now"] = instant(NOW)
        entities = [
            {"uid": {"type": "Terms", "id": "t"}, "attrs": terms, "parents": []},
            *(
                {"uid": {"type": "Member", "id": member}, "attrs": {}, "parents": []}
                for member in ("XA", "XB")
            ),
        ]
        request = {
            "principal": 'Member::"XB"',
            "action": f'Action::"{facts["action"]}"',
            "resource": 'Terms::"t"',
            "context": context,
        }
        result = cedarpy.is_authorized(request, self.policies, entities, SCHEMA)
        assert result.diagnostics.errors == []
        return frozenset(result.diagnostics.reasons)

    def decide(self, article: str, facts: Mapping[str, Any]) -> str:
        """Return ``permit …`` with the obligations, or why not."""
        satisfied = [self.rules[one] for one in sorted(self.satisfied(facts))]
        forbidden = [rule.id for rule in satisfied if rule.effect == "forbid"]
        if forbidden:
            return "forbidden by " + ", ".join(forbidden)
        permits = [
            rule
            for rule in satisfied
            if rule.article == article and rule.effect == "permit" and not rule.duty
        ]
        if not permits:
            return "no permit"
        bound = permits + [rule for rule in satisfied if rule.duty]
        return " ".join(["permit", *joined([rule.annotations for rule in bound])])


def instant(text: str) -> dict[str, Any]:
    return {"__extn": {"fn": "datetime", "arg": text}}


def joined(annotations: list[Mapping[str, str]]) -> Iterator[str]:
    for name in ("retain", "acknowledge"):
        values = [one[name] for one in annotations if name in one]
        if values:
            yield f"{name}={min(values, key=parse_duration)}"
    approvals = max((one["approvals"] for one in annotations if "approvals" in one), default="")
    if approvals:
        yield f"approvals={approvals}"
    targets = {target for one in annotations for target in one.get("redact", "").split()}
    if targets:
        yield "redact=" + ",".join(sorted(targets))


TERMS = frozenset(
    {"purposes", "offence", "person", "personal", "tlp", "handling", "source", "information"}
    | {"neutral", "exercise", "review", "expiry"}
)
QUESTION = frozenset(
    {"purpose", "kind", "onward", "consent", "recognised", "concerns_recipient", "threat_to_life"}
)
INDICATOR: dict[str, Any] = {
    "action": "disclose",
    "purposes": ["prevention", "investigation", "prosecution", "protection-of-life", "screening"],
    "offence": "attack-planning",
    "person": "none",
    "personal": False,
    "tlp": "amber",
    "handling": ["H0"],
    "source": "A",
    "information": "1",
    "neutral": True,
    "exercise": True,
    "expiry": LATER,
    "review": LATER,
    "purpose": "prevention",
    "kind": "indicator",
    "onward": False,
    "consent": False,
    "recognised": True,
    "concerns_recipient": False,
    "threat_to_life": False,
}
ACCOUNT = INDICATOR | {
    "offence": "financing",
    "person": "suspect",
    "personal": True,
    "kind": "bank-account",
}
RETURNEE = ACCOUNT | {"offence": "travel", "kind": "identity"}
LISTED = ACCOUNT | {"kind": "identity", "tlp": "clear", "purpose": "screening"}
SCREENED = LISTED | {"action": "screen"}
SEEN_PERSON = ACCOUNT | {"kind": "sighting", "concerns_recipient": True}
SIGHTING = INDICATOR | {"kind": "sighting", "concerns_recipient": True}
HOSTAGE = RETURNEE | {
    "person": "victim",
    "purpose": "protection-of-life",
    "threat_to_life": True,
    "recognised": False,
}
PASSED_ON = HOSTAGE | {"onward": True, "consent": True}
ACCOUNT_RULE = "permit retain=P365D acknowledge=P3D"
LIST_RULE = (
    "permit retain=P365D acknowledge=P7D "
    "redact=kind:document,kind:email,kind:phone,property:contact_information"
)

CASES: list[tuple[str, str, dict[str, Any], str]] = [
    ("indicator", "6", INDICATOR, "permit retain=P365D"),
    ("asked whether another holds it", "6", INDICATOR | {"action": "query"}, "permit retain=P365D"),
    ("indicator without expiry", "6", {**INDICATOR, "expiry": None}, "permit retain=P365D"),
    ("indicator, amber+strict", "6", INDICATOR | {"tlp": "amber+strict"}, "no permit"),
    ("indicator holding an address of a person", "6", INDICATOR | {"personal": True}, "16/2"),
    ("indicator about a suspect", "6", INDICATOR | {"person": "suspect"}, "no permit"),
    ("a report is no indicator", "6", INDICATOR | {"kind": "report"}, "no permit"),
    ("indicator, purpose its terms lack", "6", INDICATOR | {"purposes": ["screening"]}, "2/1"),
    ("indicator, purpose of no treaty", "6", INDICATOR | {"purpose": "espionage"}, "2/1"),
    ("indicator for a court", "6", INDICATOR | {"purpose": "prosecution"}, "no permit"),
    ("partisan indicator", "6", INDICATOR | {"neutral": False}, "3/1"),
    ("offence one side does not recognise", "6", INDICATOR | {"recognised": False}, "5/1"),
    ("expired indicator", "6", INDICATOR | {"expiry": EARLIER}, "20/1"),
    ("review overdue", "6", INDICATOR | {"review": EARLIER}, "20/2"),
    ("expires this instant", "6", INDICATOR | {"expiry": NOW}, "20/1"),
    ("report on an attack", "9", INDICATOR | {"kind": "report"}, "acknowledge=PT24H"),
    ("report on recruitment", "7", INDICATOR | {"offence": "recruitment"}, "permit retain=P730D"),
    ("wrong article for the offence", "7", INDICATOR, "no permit"),
    ("account of a suspect", "8", ACCOUNT, ACCOUNT_RULE),
    ("account of a convict", "8", ACCOUNT | {"person": "convicted"}, ACCOUNT_RULE),
    ("account of nobody said", "8", ACCOUNT | {"person": "none"}, "16/2"),
    ("account of a witness", "8", ACCOUNT | {"person": "witness"}, "16/3"),
    ("account without review date", "8", {**ACCOUNT, "review": None}, "16/1"),
    ("account of a contact", "8", ACCOUNT | {"person": "contact"}, "acknowledge=P7D appr"),
    ("account of somebody else", "8", ACCOUNT | {"person": "other"}, "no permit"),
    ("account to screen under financing", "8", ACCOUNT | {"purpose": "screening"}, "no permit"),
    ("recruiter", "7", ACCOUNT | {"offence": "incitement"}, "redact=kind:account,kind:document,"),
    ("planner", "9", ACCOUNT | {"offence": "training"}, "permit retain=P365D acknowledge=PT24H"),
    ("planner's contact", "9", RETURNEE | {"offence": "training", "person": "contact"}, "als=1"),
    ("returnee", "10", RETURNEE, "permit retain=P180D acknowledge=P7D approvals=1 redact=kind"),
    ("returnee's family", "10", RETURNEE | {"person": "contact"}, "no permit"),
    ("asking about a returnee", "10", RETURNEE | {"action": "query"}, "no permit"),
    ("list entry", "11", LISTED, LIST_RULE),
    ("list entry not public", "11", LISTED | {"tlp": "green"}, "no permit"),
    ("list entry screened under lists", "11", SCREENED, "no permit"),
    ("list entry on a ship", "11", LISTED | {"personal": False, "person": "none"}, "permit "),
    ("screened person", "12", SCREENED, "permit retain=P90D acknowledge=P7D approvals=1 redact="),
    ("screened on rumour", "12", SCREENED | {"information": "4"}, "forbidden by 4/2"),
    ("screened from a source unknown", "12", SCREENED | {"source": "X"}, "forbidden by 4/2"),
    ("screened from a weak source", "12", SCREENED | {"source": "C"}, "no permit"),
    ("screened contact", "12", SCREENED | {"person": "contact"}, "forbidden by 4/1"),
    ("screened amber person", "12", SCREENED | {"tlp": "amber"}, "no permit"),
    ("screened for prevention", "12", SCREENED | {"purpose": "prevention"}, "no permit"),
    ("screened with H2", "12", SCREENED | {"handling": ["H0", "H2"]}, "forbidden by 19/2"),
    ("screened link", "12", SCREENED | {"personal": False, "tlp": "amber"}, "permit retain=P90D"),
    ("screened strict link", "12", SCREENED | {"personal": False, "tlp": "amber+strict"}, "19/2"),
    ("sighting", "13", SIGHTING, "permit retain=P365D"),
    ("sighting told to a third", "13", SIGHTING | {"concerns_recipient": False}, "no permit"),
    ("sighting of a person", "13", SEEN_PERSON, "approvals=1 redact=property:description"),
    ("note with a person", "13", SEEN_PERSON | {"kind": "note"}, "no permit"),
    ("hostage", "14", HOSTAGE, "permit retain=P30D acknowledge=PT1H"),
    ("hostage, asked", "14", HOSTAGE | {"action": "query"}, "permit retain=P30D acknowledge=PT1H"),
    ("hostage, screened", "14", HOSTAGE | {"action": "screen"}, "forbidden by 4/1"),
    ("hostage, no danger", "14", HOSTAGE | {"threat_to_life": False}, "16/3"),
    ("hostage, other purpose", "14", HOSTAGE | {"purpose": "investigation"}, "16/3"),
    ("hostage, red", "14", HOSTAGE | {"tlp": "red"}, "permit retain=P30D acknowledge=PT1H"),
    ("hostage, red, passed on", "14", PASSED_ON | {"tlp": "red"}, "18/1"),
    ("hostage, passed on unasked", "14", HOSTAGE | {"onward": True}, "forbidden by 17/1"),
    ("hostage, H3 does not wait", "14", HOSTAGE | {"handling": ["H3"]}, "permit retain=P30D ack"),
    ("hostage's friend, at once", "14", HOSTAGE | {"person": "contact"}, "permit retain=P30D "),
    ("danger does not open other articles", "9", INDICATOR | {"purpose": "protection-of-life",
     "threat_to_life": True}, "no permit"),
    ("red", "9", INDICATOR | {"tlp": "red"}, "forbidden by 19/1"),
    ("passed on unasked", "9", INDICATOR | {"onward": True}, "forbidden by 17/1"),
    ("passed on with consent", "9", INDICATOR | {"onward": True, "consent": True}, "retain=P180D"),
    ("strict passed on with consent", "9", INDICATOR | {"onward": True, "consent": True,
     "tlp": "amber+strict"}, "forbidden by 18/1"),
    ("H1 to a court", "9", INDICATOR | {"handling": ["H1"], "purpose": "prosecution"}, "19/4"),
    ("H1 to a court, consented", "9", INDICATOR | {"handling": ["H1"], "purpose": "prosecution",
     "consent": True}, "permit"),
    ("H3", "9", INDICATOR | {"handling": ["H3"]}, "approvals=1"),
    ("H3 asked", "9", INDICATOR | {"handling": ["H3"], "action": "query"}, "forbidden by 19/3"),
    ("request", "9", INDICATOR | {"kind": "foedus-request"}, "acknowledge=PT24H"),
    ("request on recruitment", "7", INDICATOR | {"kind": "foedus-request",
     "offence": "recruitment"}, "acknowledge=P3D"),
    ("request for a life", "14", HOSTAGE | {"kind": "foedus-request"}, "acknowledge=PT1H"),
    ("answer", "7", INDICATOR | {"kind": "foedus-answer", "offence": "recruitment"}, "ledge=P7D"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("article", "facts", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_case(rules: tuple[Rule, ...], article: str, facts: dict[str, Any], expected: str) -> None:
    present = {key: value for key, value in facts.items() if value is not None}
    assert expected in Court(rules).decide(article, present)


def test_every_block_is_valid_cedar(treaty: Treaty) -> None:
    for article in treaty.articles:
        for block in article.blocks:
            result = cedarpy.validate_policies(block, SCHEMA)
            assert result.validation_passed, (article.id, [str(error) for error in result.errors])


def test_what_stands_where(rules: tuple[Rule, ...]) -> None:
    for rule in rules:
        assert set(rule.annotations) <= ANNOTATIONS, rule.id
        assert not (rule.reservable and (rule.effect == "forbid" or rule.duty)), rule.id
        assert not (rule.effect == "forbid" and rule.annotations), rule.id
        action = rule.policy["action"]
        assert action["op"] in ("==", "in"), f"{rule.id} names its actions"
        named = action.get("entities") or [action["entity"]]
        assert {one["id"] for one in named} <= set(ACTIONS), rule.id
        for name in ("retain", "acknowledge"):
            if name in rule.annotations:
                assert parse_duration(rule.annotations[name]), rule.id
    permits = [rule for rule in rules if rule.effect == "permit" and not rule.duty]
    assert {rule.article for rule in permits} == {str(number) for number in range(6, 15)}
    assert all("retain" in rule.annotations for rule in permits)


def test_every_permit_is_guarded(treaty: Treaty) -> None:
    for number in range(6, 15):
        (block,) = treaty.articles[number - 1].blocks
        for statement in re.findall(r"permit \(.*?\};", block, re.DOTALL):
            assert "resource.purposes.contains(context.purpose)" in statement, number
            assert "resource has expiry then context.now < resource.expiry" in statement, number
            assert ("context.recognised" in statement) == (number != 14), number
            assert "context.purpose ==" in statement or ".contains(context.purpose)" in statement


def random_facts(random_: random.Random) -> dict[str, Any]:
    def some(*values: str) -> str:
        return random_.choice(values)

    def chance(share: float = 0.5) -> bool:
        return random_.random() < share

    facts = {
        "action": some("disclose", "disclose", "screen", "query"),
        "purposes": [one for one in INDICATOR["purposes"] if chance(0.9)],
        "offence": some("recruitment", "incitement", "financing", "support")
        if chance()
        else some("attack-planning", "training", "travel"),
        "person": some("suspect", "convicted", "victim", "witness", "contact", "other", "none"),
        "personal": chance(),
        "tlp": some("clear", "green", "amber", "amber+strict", "red"),
        "handling": [one for one in ("H0", "H1", "H2", "H3") if chance(0.15)],
        "source": some("A", "B", "C", "X"),
        "information": some("1", "2", "3", "4"),
        "neutral": chance(0.95),
        "exercise": chance(),
        "purpose": some(*INDICATOR["purposes"]),
        "kind": some("indicator", "report", "identity", "sighting", "note", "foedus-request"),
        "onward": chance(0.2),
        "consent": chance(),
        "recognised": chance(0.9),
        "concerns_recipient": chance(),
        "threat_to_life": chance(),
    }
    for name in ("review", "expiry"):
        if chance(0.8):
            facts[name] = LATER if chance(0.95) else EARLIER
    return facts


def test_what_can_never_leave(rules: tuple[Rule, ...]) -> None:
    """Over many random questions, whatever article is relied on."""
    court, random_ = Court(rules), random.Random(20261124)
    left = 0
    for _ in range(1_500):
        facts = random_facts(random_)
        satisfied = [court.rules[one] for one in court.satisfied(facts)]
        permits = [rule for rule in satisfied if rule.effect == "permit" and not rule.duty]
        for _, same in itertools.groupby(
            sorted(permits, key=lambda r: r.article), lambda r: r.article
        ):
            assert len(list(same)) == 1, "no two permits of one article apply to one item"
        if any(rule.effect == "forbid" for rule in satisfied) or not permits:
            continue
        left += 1
        life = facts["threat_to_life"] and facts["purpose"] == "protection-of-life"
        assert facts["neutral"]
        assert facts["purpose"] in facts["purposes"]
        assert facts["recognised"] or life
        assert facts.get("expiry") != EARLIER
        assert facts.get("review") != EARLIER
        assert not facts["personal"] or (facts.get("review") and facts["person"] != "none")
        assert facts["person"] not in ("victim", "witness") or life
        assert not facts["onward"] or facts["consent"]
        assert facts["tlp"] != "red" or (life and not facts["onward"])
        assert not (facts["onward"] and facts["tlp"] in ("red", "amber+strict"))
        if facts["purpose"] == "protection-of-life":
            assert {rule.article for rule in permits} == {"14"}
        if facts["action"] == "screen":
            assert {rule.article for rule in permits} == {"12"}
        assert any("retain" in rule.annotations for rule in satisfied if rule.duty)
    assert left > 50


def test_words_and_front_matter_agree(treaty: Treaty) -> None:
    text = {str(article.id): " ".join(article.text.split()) for article in treaty.articles}
    reservable = [article.id for article in treaty.articles if article.reservable]
    words = ", ".join(reservable[:-1]) + f" and {reservable[-1]}"
    assert f"a Member may reserve Articles {words}, or any of them" in text["23"]
    blocks = {str(article.id): "".join(article.blocks) for article in treaty.articles}
    for purpose in treaty.purposes:
        assert f'"{purpose}"' in blocks["2"]
        assert purpose.replace("-of-", " of ").replace("-", " ") in text["2"]
    for offence in treaty.offences:
        assert offence.replace("-", " ") in text["5"]
        assert any(f'"{offence}"' in blocks[str(number)] for number in range(7, 11)), offence
    assert treaty.entry.ratifications == 4
    assert "when four of the original Members have ratified" in text["24"]
    assert "heard from for seven days or," in text["22"]
    assert "thirty days" in text["22"]
    assert "more than five minutes ahead" in text["22"]
    assert "more than one hour" in text["22"]
    assert "one hundred and eighty days later" in text["25"]


IN_WORDS = {
    "PT1H": "one hour",
    "PT24H": "one day",
    "P2D": "two days",
    "P3D": "three days",
    "P7D": "seven days",
    "P30D": "thirty days",
    "P90D": "ninety days",
    "P180D": "one hundred and eighty days",
    "P365D": "one year",
    "P730D": "two years",
    "P1095D": "three years",
}


def test_every_time_limit_stands_in_words(treaty: Treaty, rules: tuple[Rule, ...]) -> None:
    text = {str(article.id): " ".join(article.text.split()) for article in treaty.articles}
    for rule in rules:
        for name in ("retain", "acknowledge"):
            if name in rule.annotations:
                assert IN_WORDS[rule.annotations[name]] in text[rule.article], rule.id
        if "approvals" in rule.annotations:
            assert "one officer" in text[rule.article], rule.id


def test_every_rule_names_words_of_the_vocabulary(treaty: Treaty) -> None:
    for article in treaty.articles:
        for block in article.blocks:
            used = set(re.findall(r"(?:resource|context)(?:\.| has )(\w+)", block))
            assert used <= set(re.findall(r"(\w+)\??:", SCHEMA)), article.id
