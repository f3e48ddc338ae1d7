"""The cases of ``tests/golden/law``, run; another implementation runs the same files.

Every expected value was reasoned from the words of the treaties and from the rules; none was
written by a program. ``tests/golden/law/README.md`` says what each field means.
"""

from __future__ import annotations

import hashlib
import random
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from foedus.canonical import canonical_bytes
from foedus.clock import instant_text, parse_instant
from foedus.model.identifiers import ArticleId, ItemKey, MemberId, ObjectId, PolicyId, TreatyId
from foedus.model.markings import TLP
from foedus.model.terms import (
    CategoryOfPerson,
    HandlingCondition,
    InformationGrade,
    NeutralityReview,
    SourceGrade,
    Terms,
    terms_id,
)
from foedus.release.cedar import EngineQuestion
from foedus.release.compile import CompiledTreaty, compile_treaty
from foedus.release.decide import Decision, Law, ReasonKind, Verdict, decide, propose
from foedus.release.errors import EngineError
from foedus.release.evaluation import Evaluator, Standpoint
from foedus.release.facts import AssertedFacts, ItemFacts, LinkFacts
from foedus.release.obligations import Obligations
from foedus.release.question import Question
from foedus.signing.envelope import sign_envelope
from foedus.signing.keyring import KeyPurpose
from foedus.signing.keys import SigningKey
from foedus.treaty.articles import Party, Treaty
from foedus.treaty.drafting import fill_parties, sample_text
from foedus.treaty.durations import parse_duration
from foedus.treaty.in_force import (
    InstrumentSet,
    MemberStatus,
    PairLaw,
    keys_of,
    law_between,
    status,
    superseded,
)
from foedus.treaty.instrument import (
    INSTRUMENT_TYPE,
    Instrument,
    InstrumentError,
    InstrumentKind,
    open_instrument,
)
from foedus.treaty.orders import SignedOrder, open_order, sign_order
from foedus.treaty.parser import parse_treaty
from foedus.treaty.residual import Holding, OrderKind, Settlement, orders_of, residual
from foedus.treaty.statements import UnknownInstrument
from foedus.treaty.timeline import What, timeline

HERE = Path(__file__).parents[1] / "golden" / "law"
COMMON: dict[str, Any] = tomllib.loads((HERE / "common.toml").read_text(encoding="utf-8"))
ALL = "*"
Table = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One case: a file's topic and defaults, and what is asked and expected."""

    topic: str
    table: Table

    @property
    def name(self) -> str:
        return str(self.table["name"])

    @property
    def at(self) -> datetime:
        instant = self.table["at"]
        assert isinstance(instant, datetime)
        return instant

    @property
    def treaty(self) -> str:
        return str(self.table["treaty"])


def _load() -> Iterator[Case]:
    for path in sorted(HERE.glob("*.toml")):
        if path.name != "common.toml":
            content = tomllib.loads(path.read_text(encoding="utf-8"))
            cases = content.pop("case")
            for table in cases:
                yield Case(topic=path.stem, table={**content, **table})


CASES = tuple(_load())


def key_named(name: str) -> SigningKey:
    return SigningKey.from_seed(hashlib.sha256(name.encode()).digest())


@cache
def treaty_named(name: str) -> Treaty:
    if name != "convention":
        return parse_treaty((HERE / "treaties" / f"{name}.md").read_bytes())
    annex = COMMON["convention"]
    parties = [
        Party(
            member=MemberId(member),
            name=COMMON["members"][member]["name"],
            authority=key_named(member).public.fingerprint,
        )
        for member in annex["parties"]
    ]
    return parse_treaty(
        fill_parties(
            sample_text(),
            parties,
            exercise=annex["exercise"],
            depositary=MemberId(annex["depositary"]),
        )
    )


@cache
def compiled_named(name: str) -> CompiledTreaty:
    return compile_treaty(treaty_named(name))


TREATIES = ("convention", *sorted(path.stem for path in (HERE / "treaties").glob("*.md")))


@cache
def names_of_treaties() -> Mapping[TreatyId, str]:
    return {treaty_named(name).id: name for name in TREATIES}


@dataclass(slots=True, kw_only=True)
class World:
    """The instruments of a case, read; and what they were called."""

    case: Case
    held: list[Instrument] = field(default_factory=list)
    labels: dict[ObjectId, str] = field(default_factory=dict)

    @classmethod
    def of(cls, case: Case) -> World:
        world = cls(case=case)
        for name in case.table.get("given", ()):
            for spec in COMMON["given"][name]:
                world.add(spec)
        for spec in case.table.get("instruments", ()):
            if spec.get("refused", False):
                with pytest.raises(InstrumentError):
                    world.add(spec)
            else:
                world.add(spec)
        return world

    def add(self, spec: Table) -> None:
        label = str(spec.get("label", f"{spec['by']} {spec['serial']}"))
        signer = key_named(spec.get("signed_by", spec["by"]))
        payload = canonical_bytes(self.payload(spec))
        one = open_instrument(sign_envelope(payload, INSTRUMENT_TYPE, signer), signer.public)
        assert label not in self.labels.values(), f"two instruments are called {label}"
        self.labels[one.id] = label
        self.held.append(one)

    def payload(self, spec: Table) -> Any:
        document: dict[str, Any] = {
            "v": 1,
            "kind": spec["kind"],
            "member": spec["by"],
            "serial": spec["serial"],
            "issued": instant_text(spec["at"]),
            "treaty": treaty_named(spec.get("treaty", self.case.treaty)).id,
        }
        write = _FIELDS.get(spec["kind"])
        fields = {} if write is None else write(self, spec)
        return {**document, **fields, **spec.get("extra", {})}

    def set(self, *, without: frozenset[str] = frozenset()) -> InstrumentSet:
        return InstrumentSet(one for one in self.held if self.labels[one.id] not in without)

    def law(self, pair: str, at: datetime, treaty: str, held: InstrumentSet) -> PairLaw:
        sender, recipient = (MemberId(name) for name in pair.split())
        found = law_between(treaty_named(treaty), held, sender, recipient, at)
        newer = {
            text: law_between(treaty_named(names_of_treaties()[text]), held, sender, recipient, at)
            for text in found.amended_by
        }
        return superseded(found, newer)


def _grants(_world: World, spec: Table) -> dict[str, Any]:
    return {
        "treaty": None,
        "keys": [
            {
                "name": spec["by"],
                "purpose": grant["purpose"],
                "key": key_named(grant["key"]).public.text,
                "valid_from": instant_text(grant.get("from", spec["at"])),
                "valid_until": instant_text(grant["until"]) if "until" in grant else None,
            }
            for grant in spec["keys"]
        ],
        "log_origin": f"{spec['by'].lower()}.example/log",
        "address": f"https://{spec['by'].lower()}.example",
        "wire_versions": [1],
    }


def _revoked(_world: World, spec: Table) -> dict[str, Any]:
    return {"treaty": None, "keys": sorted(key_named(name).public.text for name in spec["keys"])}


def _consent(world: World, spec: Table) -> dict[str, Any]:
    offences = spec.get("recognises", [])
    if offences == [ALL]:
        offences = list(treaty_named(spec.get("treaty", world.case.treaty)).offences)
    found = {"recognises": sorted(offences), "reservations": sorted(spec.get("reserves", []))}
    if spec["kind"] == "ratification":
        found["form"] = spec.get("form", "ratification")
    return found


def _declared(_world: World, spec: Table) -> dict[str, Any]:
    return {
        "text": spec.get("text"),
        "recognises": sorted(spec.get("recognises", [])),
        "definitions": dict(spec.get("definitions", {})),
    }


def _withdrawn(world: World, spec: Table) -> dict[str, Any]:
    named = [one for one, label in world.labels.items() if label == spec["of"]]
    target = named[0] if named else "foedus-instrument--00000000-0000-5000-8000-000000000000"
    return {"of": target, "articles": sorted(spec.get("articles", []))}


_FIELDS: Mapping[str, Callable[[World, Table], dict[str, Any]]] = {
    "full-powers": _grants,
    "revocation": _revoked,
    "ratification": _consent,
    "accession": _consent,
    "declaration": _declared,
    "withdrawal": _withdrawn,
    "admission": lambda _world, spec: {
        "candidate": spec["candidate"],
        "name": COMMON["members"][spec["candidate"]]["name"],
        "authority": key_named(spec.get("key", spec["candidate"])).public.fingerprint,
    },
    "reservation": lambda _world, spec: {"articles": sorted(spec["articles"])},
    "objection": lambda _world, spec: {
        "to": spec["to"],
        "articles": sorted(spec["articles"]),
        "opposing": spec.get("opposing", False),
    },
    "amendment": lambda _world, spec: {"successor": treaty_named(spec["successor"]).id},
    "suspension": lambda _world, spec: {
        "of": spec.get("of"),
        "until": instant_text(spec["until"]) if "until" in spec else None,
    },
}


# Status.


def _told(world: World, treaty: Treaty, at: datetime, what: What) -> list[str]:
    return sorted(
        world.labels[event.instrument]
        for event in timeline(treaty, world.set())
        if event.at <= at and event.what is what and event.instrument is not None
    )


_OF_MEMBER: Mapping[str, Callable[[World, MemberStatus], object]] = {
    "stage": lambda _, found: found.stage.value,
    "since": lambda _, found: found.since,
    "reserved": lambda _, found: sorted(found.reserved),
    "recognises": lambda _, found: sorted(found.recognises),
    "denounced_from": lambda _, found: found.denounced_from,
    "definitions": lambda _, found: dict(found.definitions),
    "accepted": lambda _, found: [names_of_treaties()[text] for text in found.accepted],
    "objections": lambda world, found: sorted(
        f"{world.labels[one.instrument]} to {one.to} on {' '.join(sorted(one.articles))}"
        + (" opposing" if one.opposing else "")
        for one in found.objections
    ),
}
_WHOLE = {"in_force_since", "suspended_since", "next_change"}
_LISTS = {
    "at",
    "treaty",
    "blocked",
    "acceded",
    "amendments",
    "candidates",
    "held",
    "without_effect",
    "voided",
    "unknown",
}


def check_status(world: World, expected: Table) -> None:
    at = expected.get("at", world.case.at)
    treaty = treaty_named(expected.get("treaty", world.case.treaty))
    found = status(treaty, world.set(), at)
    assert expected.keys() <= _OF_MEMBER.keys() | _WHOLE | _LISTS
    for name in expected.keys() & _WHOLE:
        wanted = None if expected[name] == "never" else expected[name]
        assert getattr(found, name) == wanted, name
    for name in expected.keys() & _OF_MEMBER.keys():
        for member, wanted in expected[name].items():
            value = _OF_MEMBER[name](world, found.members[MemberId(member)])
            assert value == (None if wanted == "never" else wanted), (name, member)
    assert set(expected.get("unknown", ())).isdisjoint(found.members)
    members = found.members.values()
    lists: dict[str, object] = {
        "blocked": sorted(one.member for one in members if one.blocked is not None),
        "acceded": sorted(one.member for one in members if one.acceded),
        "amendments": {names_of_treaties()[text]: at for text, at in found.amendments.items()},
        "candidates": [f"{one.member} by {' '.join(one.agreed)}" for one in found.candidates],
        "without_effect": _told(world, treaty, at, What.NO_EFFECT),
        "voided": _told(world, treaty, at, What.VOIDED),
    }
    if "held" in expected:
        lists["held"] = sorted(world.labels[one.instrument] for one in found.held)
    for name, value in lists.items():
        assert value == expected.get(name, type(value)()), name


def check_pair(world: World, expected: Table) -> None:
    at, name = expected.get("at", world.case.at), expected.get("treaty", world.case.treaty)
    law = world.law(expected["pair"], at, name, world.set())
    back = world.law(" ".join(reversed(expected["pair"].split())), at, name, world.set())
    assert law.binds is expected["binds"], law.why_not
    assert (back.binds, back.digest, back.articles) == (law.binds, law.digest, law.articles)
    if law.binds:
        whole = {article.id for article in treaty_named(name).articles}
        assert whole - law.articles == set(expected.get("without", ()))
    else:
        assert not law.articles
        assert law.why_not
    for article, members in expected.get("reserved_by", {}).items():
        assert list(law.reserved[ArticleId(article)]) == members
    if "recognised" in expected:
        assert sorted(law.recognised) == expected["recognised"]
    if "definitions" in expected:
        given = {offence: dict(texts) for offence, texts in law.definitions.items()}
        assert given == expected["definitions"]
    if "amended_by" in expected:
        assert [names_of_treaties()[text] for text in law.amended_by] == expected["amended_by"]


def check_laws(world: World, expected: Table) -> None:
    digests = []
    for position, text in enumerate(expected["of"]):
        one, other, instant = text.split()
        without = frozenset(expected.get("without", ())) if position else frozenset()
        held = world.set(without=without)
        treaty = expected.get("treaty", world.case.treaty)
        digests.append(world.law(f"{one} {other}", parse_instant(instant), treaty, held).digest)
    assert len(digests) == 2
    assert (digests[0] == digests[1]) is expected["same"]


def check_keys(world: World, expected: Table) -> None:
    member = MemberId(expected["member"])
    found = keys_of(
        world.set(),
        member,
        KeyPurpose(expected.get("purpose", "node")),
        expected.get("at", world.case.at),
        authority=key_named(expected["member"]).public.fingerprint,
    )
    assert [key.text for key in found] == [key_named(name).public.text for name in expected["keys"]]


def check_timeline(world: World, expected: list[str]) -> None:
    told = [
        " ".join(
            part
            for part in (
                event.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
                event.member or "all",
                event.what.value,
            )
        )
        for event in timeline(treaty_named(world.case.treaty), world.set())
    ]
    assert told == expected


def item_key(text: str) -> ItemKey:
    originator, number = text.split()
    digits = hashlib.sha256(text.encode()).hexdigest()
    identifier = f"indicator--{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}"
    return ItemKey(
        originator=MemberId(originator),
        object_id=ObjectId(f"{identifier}-{digits[20:32]}"),
        version=f"2027-03-01T00:00:0{number}.000Z",
    )


def check_residual(world: World, expected: Table) -> None:
    treaty = treaty_named(expected.get("treaty", world.case.treaty))
    at, member = expected.get("at", world.case.at), MemberId(expected["member"])
    found = residual(treaty, world.set(), at, member)
    if expected.get("nothing", False):
        assert found is None
        return
    assert found is not None
    assert list(found.articles) == expected["articles"]
    assert (found.since, found.deadline) == (expected["since"], expected["deadline"])
    assert found.in_effect is expected["in_effect"]
    names = {item_key(one["item"]): one["item"] for one in expected.get("held", ())}
    held = [
        Holding(
            item=item_key(one["item"]),
            holder=MemberId(one["by"]),
            keep_until=one.get("keep_until"),
        )
        for one in expected.get("held", ())
    ]
    settled = {
        (item_key(one["item"]), MemberId(one["by"])): Settlement(
            kind=OrderKind(one["to"]), by=one["until"], agreed=one["agreed"]
        )
        for one in expected.get("settled", ())
    }
    orders = orders_of(found, held, settled)
    assert orders == orders_of(found, reversed(held), settled)
    assert sorted(
        f"{order.holder} {order.kind.value} {names[order.item]} by {order.due:%Y-%m-%d}"
        for order in orders
    ) == sorted(expected.get("orders", ()))
    for order in orders:
        key = key_named(f"{order.item.originator} node")
        signed = SignedOrder(
            exercise=treaty.exercise, treaty=treaty.id, left=member, order=order, at=at
        )
        assert open_order(sign_order(signed, key), (key.public,)) == signed


# Decisions.


class Silence(Standpoint):
    """What the rules of a treaty say where the engine does not answer."""

    def satisfied(self) -> frozenset[PolicyId]:
        raise EngineError("the engine does not answer")


class FailingEvaluator(Evaluator):
    """Stands for an engine that cannot answer."""

    def about(self, compiled: CompiledTreaty, asked: EngineQuestion) -> Standpoint:
        found = super().about(compiled, asked)
        return Silence(found._treaty, found._asked, found._values)


def facts_of(world: World, given: Table, ask: Table) -> ItemFacts:
    item = {**COMMON["item"], **given}
    treaty = ask.get("treaty", world.case.treaty)
    treaties = [treaty_named(name).id for name in item.get("treaties", [treaty])]
    reviewed = item["neutral"]
    terms = Terms(
        treaties=frozenset(treaties),
        originator=MemberId(item["originator"]),
        purposes=frozenset(item["purposes"]),
        legal_basis=item["legal_basis"],
        offence=item["offence"],
        person=CategoryOfPerson(item["person"]),
        personal=item["personal"],
        tlp=TLP(item["tlp"]),
        handling=frozenset(HandlingCondition(one) for one in item["handling"]),
        source=SourceGrade(item["source"]),
        information=InformationGrade(item["information"]),
        review=item.get("review"),
        expiry=item.get("expiry"),
        neutrality=NeutralityReview(by="officer 7", reason="an offence", at=reviewed)
        if reviewed
        else None,
        exercise=item["exercise"],
    )
    sender = ask.get("from", "XA")
    originator = item.get("said_to_be_of", item["originator"])
    onward = sender != originator
    received = item.get("received_under", treaty if onward else "")
    return ItemFacts(
        terms=terms,
        terms_id=terms_id(terms),
        kind=item["kind"],
        tlp=max(terms.tlp, TLP(item.get("marked", "clear"))),
        unknown_markings=tuple(item.get("unknown_markings", ())),
        personal=item["personal"] or item.get("names_a_person", False),
        concerns_recipient=item.get("concerns_recipient", False),
        originator=MemberId(originator),
        onward=onward,
        received_under=treaty_named(received).id if received else None,
    )


def decided(world: World, ask: Table, item: Table, *, fails: bool) -> Decision:
    name, at = ask.get("treaty", world.case.treaty), ask.get("at", world.case.at)
    sender, recipient = ask.get("from", "XA"), ask.get("to", "XB")
    law_at = ask.get("law_at", at)
    pair = world.law(f"{sender} {recipient}", law_at, name, world.set())
    question = Question(
        treaty=treaty_named(name).id,
        article=ArticleId(ask["under"]) if "under" in ask else None,
        sender=MemberId(sender),
        recipient=MemberId(recipient),
        purpose=ask.get("for", "prevention"),
        at=at,
        action=ask.get("action", "disclose"),
    )
    asserted = AssertedFacts(
        consent=ask.get("consent", False),
        threat_to_life=ask.get("threat_to_life", False),
        approvals=ask.get("approvals", 0),
    )
    chosen = decide if "under" in ask or ask.get("exactly", False) else propose
    return chosen(
        question,
        facts_of(world, item, ask),
        asserted,
        Law(compiled=compiled_named(name), pair=pair),
        link=LinkFacts(
            fresh=not ask.get("stale", False),
            why="nothing was heard",
            witnessed=not ask.get("unwitnessed", False),
            forked=ask.get("forked", False),
        ),
        evaluator=FailingEvaluator() if fails else EVALUATOR,
    )


EVALUATOR = Evaluator()


def obligations_of(expected: Table) -> Obligations:
    def length(name: str) -> Any:
        return parse_duration(expected[name]) if name in expected else None

    return Obligations(
        redact=frozenset(expected.get("redact", "").split()),
        retain=length("retain"),
        acknowledge=length("acknowledge"),
        approvals=expected.get("approvals", 0),
        review=length("review"),
    )


def reasons_of(decision: Decision) -> set[str]:
    """Say what each reason rests on; which permit of an article came nearest is left open."""
    names: Mapping[str, str] = {str(key): name for key, name in names_of_treaties().items()}
    return {
        f"condition {reason.ref.partition('/')[0]}"
        if reason.kind is ReasonKind.CONDITION
        else f"{reason.kind.value} {names.get(reason.ref, reason.ref)}".strip()
        for reason in decision.reasons
    }


def check_decision(world: World, asked: Table) -> None:
    ask, expected = asked.get("ask", {}), asked["expect"]
    decision = decided(world, ask, asked.get("item", {}), fails=asked.get("engine") == "fails")
    assert reasons_of(decision) == set(expected["reasons"])
    assert decision.verdict.value == expected["verdict"]
    article = expected.get("article", ask.get("under"))
    assert decision.article == (None if article == "none" else article)
    assert decision.obligations == obligations_of(expected)
    if "until" in expected:
        wanted = None if expected["until"] == "never" else expected["until"]
        assert decision.valid_until == wanted


# The cases, one by one, and what holds of all of them.

_MANY: Mapping[str, Callable[[World, Any], None]] = {
    "pairs": check_pair,
    "laws": check_laws,
    "keys": check_keys,
    "residual": check_residual,
    "decisions": check_decision,
}
_KNOWN = {"name", "rule", "treaty", "at", "given", "instruments", "engine", "topic"} | {
    "status",
    "statuses",
    "timeline",
    "ask",
    "item",
    "expect",
    *_MANY,
}


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_case(case: Case) -> None:
    table = case.table
    assert table.keys() <= _KNOWN
    world = World.of(case)
    checked = 0
    for status_expected in [
        *([table["status"]] if "status" in table else []),
        *table.get("statuses", ()),
    ]:
        check_status(world, status_expected)
        checked += 1
    for name, check in _MANY.items():
        for expected in table.get(name, ()):
            check(world, expected)
            checked += 1
    if "timeline" in table:
        check_timeline(world, table["timeline"])
        checked += 1
    if "expect" in table:
        check_decision(world, table)
        checked += 1
    assert checked, "the case expects nothing"


def _asked(case: Case) -> Iterator[tuple[Table, Table]]:
    for one in [case.table] if "expect" in case.table else []:
        yield one.get("ask", {}), one["expect"]
    for one in case.table.get("decisions", ()):
        yield one.get("ask", {}), one["expect"]


def test_there_are_cases_enough_with_names_and_rules_of_their_own() -> None:
    assert len(CASES) >= 150
    assert len({case.name for case in CASES}) == len(CASES)
    assert all(case.table["rule"] for case in CASES)


def test_every_rule_of_the_convention_decides_somewhere() -> None:
    named = {
        reason.split()[1]
        for case in CASES
        for ask, expected in _asked(case)
        if ask.get("treaty", case.treaty) == "convention"
        for reason in expected["reasons"]
        if reason.split()[0] in {"permit", "duty", "prohibition"}
    }
    compiled = compiled_named("convention")
    assert named >= {*compiled.permits, *compiled.forbids, *compiled.duties}


def test_every_verdict_and_kind_of_reason_occurs() -> None:
    expected = [one for case in CASES for _, one in _asked(case)]
    assert {one["verdict"] for one in expected} == set(Verdict)
    kinds = {reason.split()[0] for one in expected for reason in one["reasons"]}
    assert kinds == set(ReasonKind)


def test_every_kind_of_instrument_occurs() -> None:
    kinds = {
        spec["kind"]
        for spec in (
            *(spec for given in COMMON["given"].values() for spec in given),
            *(spec for case in CASES for spec in case.table.get("instruments", ())),
        )
    }
    assert kinds >= set(InstrumentKind)
    bodies = {type(one.body) for case in CASES for one in World.of(case).held}
    assert UnknownInstrument in bodies


def test_the_order_of_arrival_changes_nothing() -> None:
    for case in CASES:
        world = World.of(case)
        shuffled = [*world.held, *world.held[:3]]
        random.Random(case.name).shuffle(shuffled)
        instants = {case.at, *(one.issued for one in world.held[-2:])}
        treaty = treaty_named(case.treaty)
        for at in instants:
            first = status(treaty, world.held, at).document()
            second = status(treaty, shuffled, at).document()
            assert canonical_bytes(first) == canonical_bytes(second), case.name


def test_seeds_are_as_written() -> None:
    for member, written in COMMON["members"].items():
        assert key_named(member).seed.hex() == written["seed"]


def test_no_case_leans_on_the_bytes_of_a_treaty() -> None:
    """Only names of treaties stand in the files, so a corrected text makes no case stale."""
    for path in HERE.glob("*.toml"):
        text = path.read_text(encoding="utf-8")
        assert not any(identifier in text for identifier in names_of_treaties())
