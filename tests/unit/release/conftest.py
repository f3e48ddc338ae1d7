"""A small treaty, three members and easy ways to ask; the treaty's text stands in tests/golden."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from foedus.model.identifiers import ArticleId, MemberId, TreatyId
from foedus.model.markings import TLP
from foedus.model.objects import StixObject, parse_object
from foedus.model.terms import (
    CategoryOfPerson,
    InformationGrade,
    NeutralityReview,
    SourceGrade,
    Terms,
    terms_id,
)
from foedus.release.compile import CompiledTreaty, compile_treaty
from foedus.release.decide import Decision, Law, decide, propose
from foedus.release.facts import AssertedFacts, ItemFacts, LinkFacts, derive_facts
from foedus.release.gate import Candidate, Gate
from foedus.release.question import Question
from foedus.treaty.in_force import PairLaw
from foedus.treaty.parser import parse_treaty

GOLDEN = Path(__file__).parents[2] / "golden" / "release"
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")
FRESH = LinkFacts(fresh=True)
NOTHING = AssertedFacts()


class Dice:
    """Fixed "random" bytes: the same sequence in every run."""

    def __init__(self, seed: str = "dice") -> None:
        self.calls: list[int] = []
        self._seed = seed

    def __call__(self, count: int) -> bytes:
        self.calls.append(count)
        stream = b"".join(
            hashlib.sha256(f"{self._seed} {len(self.calls)} {block}".encode()).digest()
            for block in range(count // 32 + 1)
        )
        return stream[:count]


@lru_cache(maxsize=1)
def small_treaty() -> CompiledTreaty:
    return compile_treaty(parse_treaty((GOLDEN / "small-treaty.md").read_bytes()))


def compiled_from(body: str, *, reservable: bool = False) -> CompiledTreaty:
    """Compile the small treaty with one article only, holding these rules."""
    return compile_treaty(parse_treaty(treaty_with(body, reservable=reservable)))


def treaty_with(body: str, *, reservable: bool = False) -> bytes:
    head = (GOLDEN / "small-treaty.md").read_text(encoding="utf-8").split("## Article 1 ")[0]
    numbers = '["1"]' if reservable else "[]"
    head = head.replace('["6", "7", "8", "9"]', numbers)
    return f"{head}## Article 1 — Only one\n\nWords.\n\n```cedar\n{body}\n```\n".encode()


class World:
    """Builds questions, facts and laws around the small treaty."""

    now = NOW

    def __init__(self) -> None:
        self.compiled = small_treaty()
        self.treaty: TreatyId = self.compiled.treaty.id

    def terms(self, **changes: Any) -> Terms:
        plain = Terms(
            treaties=frozenset({self.treaty}),
            originator=XA,
            purposes=frozenset({"prevention", "investigation"}),
            legal_basis="Act 1",
            offence="financing",
            person=CategoryOfPerson.NONE,
            personal=False,
            tlp=TLP.GREEN,
            handling=frozenset(),
            source=SourceGrade.A,
            information=InformationGrade.ONE,
            review=None,
            expiry=None,
            neutrality=NeutralityReview(by="officer 7", reason="an offence", at=NOW),
            exercise=True,
        )
        return replace(plain, **changes)

    def personal_terms(self, **changes: Any) -> Terms:
        person = {
            "personal": True,
            "person": CategoryOfPerson.SUSPECT,
            "review": NOW + timedelta(days=100),
        }
        return self.terms(**{**person, **changes})

    def obj(self, **changes: Any) -> StixObject:
        document = {
            "type": "indicator",
            "spec_version": "2.1",
            "id": "indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
            "created": "2026-11-24T09:00:00.000Z",
            "modified": "2026-11-24T09:00:00.000Z",
            "name": "A sign",
            "pattern": "[domain-name:value = 'pay.example']",
            "pattern_type": "stix",
            "valid_from": "2026-11-24T09:00:00Z",
            **changes,
        }
        whole = {key: value for key, value in document.items() if value is not None}
        return parse_object(json.dumps(whole).encode())

    def indicator(self, number: int) -> StixObject:
        return self.obj(id=f"indicator--8e2e2d2b-17d4-4cbf-938f-{number:012x}")

    def identity(self, **changes: Any) -> StixObject:
        return self.obj(
            **{
                "type": "identity",
                "id": "identity--1f2e3d4c-0000-4000-8000-00000000abcd",
                "name": "Jon Doe",
                "identity_class": "individual",
                "pattern": None,
                "pattern_type": None,
                "valid_from": None,
                **changes,
            }
        )

    def facts(
        self,
        terms: Terms | None = None,
        *,
        obj: StixObject | None = None,
        sender: MemberId = XA,
        originator: MemberId | None = None,
        known: Mapping[str, StixObject] | None = None,
        concerns_recipient: bool = False,
        received_under: TreatyId | None = None,
    ) -> ItemFacts:
        used = terms or self.terms()
        return derive_facts(
            obj or self.obj(),
            used,
            terms_id(used),
            originator=originator or used.originator,
            sender=sender,
            known_markings=known or {},
            concerns_recipient=concerns_recipient,
            received_under=received_under,
        )

    def question(self, **changes: Any) -> Question:
        plain = Question(
            treaty=self.treaty,
            article=ArticleId("7"),
            sender=XA,
            recipient=XB,
            purpose="prevention",
            at=NOW,
        )
        return replace(plain, **changes)

    def law(
        self,
        *,
        reserved: Mapping[str, tuple[MemberId, ...]] | None = None,
        compiled: CompiledTreaty | None = None,
        **changes: Any,
    ) -> Law:
        used = compiled or self.compiled
        out = {ArticleId(name): who for name, who in (reserved or {}).items()}
        articles = frozenset(article.id for article in used.treaty.articles) - out.keys()
        pair = PairLaw(
            treaty=used.treaty.id,
            sender=XA,
            recipient=XB,
            at=NOW,
            binds=True,
            why_not="",
            articles=articles,
            reserved=out,
            recognised=frozenset(used.treaty.offences),
            digest=hashlib.sha256(repr(sorted(articles)).encode()).hexdigest(),
            valid_until=None,
        )
        return Law(compiled=used, pair=replace(pair, **changes))

    def decide(
        self,
        facts: ItemFacts | None = None,
        *,
        law: Law | None = None,
        link: LinkFacts = FRESH,
        asserted: AssertedFacts = NOTHING,
        **question: Any,
    ) -> Decision:
        asked = self.question(**question)
        ask = propose if asked.article is None else decide
        return ask(asked, facts or self.facts(), asserted, law or self.law(), link=link)

    def candidate(self, handle: int, obj: StixObject, terms: Terms | None = None) -> Candidate:
        return Candidate(handle=handle, obj=obj, facts=self.facts(terms, obj=obj))

    def gate(self, random: Callable[[int], bytes] | None = None) -> Gate:
        return Gate(member=XA, secret=b"s" * 32, random=random or Dice(), exercise=True)


@pytest.fixture(name="world")
def _world() -> World:
    return World()
