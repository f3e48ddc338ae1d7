"""Decisions: previewed on a real store, remembered, all different; and the status of a treaty.

``python -m bench.decisions [ITEMS] [MEMBERS]``, 10 000 items and 20 members by default. What is
counted as *different* has terms, dates and facts of its own, so that no decision is remembered. The
rules of the treaty still see few of these differences, and the engine is asked only about those it
has not been asked about. How fast the engine is when asked each time stands beside it. All figures
but the whole preview are processor time, so that other work on the machine counts little.
"""

from __future__ import annotations

import hashlib
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.bloc import EVERYBODY, Bloc, indicators, make_bloc
from foedus.intake.limits import DEFAULT_LIMITS
from foedus.model.identifiers import MemberId
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
from foedus.node.candidates import candidates_for, known_as, load_items
from foedus.node.preview import Wish, preview
from foedus.node.submit import Submission, submit
from foedus.node.vouch import TermsOffer, vouch
from foedus.release.check import check_treaty
from foedus.release.decide import Law, engine_question, propose
from foedus.release.decider import Decider
from foedus.release.facts import NO_ASSERTIONS, ItemFacts, LinkFacts
from foedus.release.question import Question
from foedus.signing.keys import SigningKey
from foedus.treaty.articles import Party, Treaty
from foedus.treaty.drafting import fill_parties, sample_text
from foedus.treaty.in_force import InstrumentSet, status
from foedus.treaty.instrument import (
    Form,
    Instrument,
    InstrumentDraft,
    Ratification,
    Signature,
    open_instrument,
    sign_instrument,
)
from foedus.treaty.parser import parse_treaty
from foedus.treaty.statements import Declaration

__all__ = ["Show", "decisions", "previews", "statuses"]

Show = Callable[[str, float, str], None]
"""Takes a name, a figure and its unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All that one decision depends on, but the law."""

    question: Question
    facts: ItemFacts
    link: LinkFacts


KINDS = ("indicator", "malware", "identity", "file", "note", "sighting", "report")
ALONE = 1_000


def previews(show: Show, folder: Path, *, items: int, members: int) -> Law:
    """Preview items of many classes for every member, on a real store; return the law to one."""
    names = tuple(f"X{chr(65 + n // 26)}{chr(65 + n % 26)}" for n in range(members + 1))
    bloc = make_bloc(folder, names, star=True)
    try:
        handles = _held(bloc, items)
        sender = bloc.nodes[MemberId(names[0])]
        wish = Wish(treaty=bloc.treaty, purpose="prevention")
        for when in ("first", "again"):
            start, cpu = time.perf_counter(), time.process_time()
            table = preview(sender.node, EVERYBODY, sender.gate, handles, wish)
            took, cpu = time.perf_counter() - start, time.process_time() - cpu
            assert len(table) == items * members
            name = f"preview of {items:,} items x {members} members, {when}"
            show(name, took * 1_000, "ms")
            show(f"  of it processor time, {when}", cpu * 1_000, "ms")
        _inside(show, bloc, handles, MemberId(names[1]))
        with sender.node.database.read() as tx:
            view = sender.node.law.view(tx)
            return view.law(bloc.treaty, MemberId(names[0]), MemberId(names[1]), datetime.now(UTC))
    finally:
        bloc.close()


def _inside(show: Show, bloc: Bloc, handles: list[int], recipient: MemberId) -> None:
    """Time what a preview does besides deciding."""
    node = next(iter(bloc.nodes.values())).node
    with node.database.read() as tx:
        start = time.process_time()
        loaded = load_items(tx, node.identity.member, handles)
        show("  of it: items loaded, once", (time.process_time() - start) * 1_000, "ms")
        start = time.process_time()
        candidates = candidates_for(tx, loaded, recipient)
        show("  of it: candidates, each member", (time.process_time() - start) * 1_000, "ms")
        start = time.process_time()
        known_as(tx, candidates, recipient)
        show("  of it: what it knows, each member", (time.process_time() - start) * 1_000, "ms")


def _held(bloc: Bloc, items: int) -> list[int]:
    """Hold items on the terms of some 300 classes."""
    node = next(iter(bloc.nodes.values())).node
    submission = Submission(data=indicators(items), name="bench.json")
    handles = [
        row.handle for row in submit(node, EVERYBODY, submission, limits=DEFAULT_LIMITS).rows
    ]
    chance = random.Random(3)
    size = max(1, items // 300)
    for start in range(0, items, size):
        vouch(node, EVERYBODY, handles[start : start + size], _offer(bloc, chance))
    return handles


def _offer(bloc: Bloc, chance: random.Random) -> TermsOffer:
    return TermsOffer(
        treaties=frozenset({bloc.treaty}),
        purposes=frozenset({"prevention", chance.choice(["investigation", "prosecution"])}),
        legal_basis=f"Exercise Act, s. {chance.randrange(1, 100)}",
        offence=chance.choice(["attack-planning", "financing", "travel", "incitement"]),
        person=CategoryOfPerson.NONE,
        tlp=chance.choice([TLP.CLEAR, TLP.GREEN, TLP.AMBER]),
        handling=frozenset(),
        source=chance.choice(list(SourceGrade)),
        information=chance.choice(list(InformationGrade)),
        review=None,
        expiry=datetime.now(UTC) + timedelta(days=chance.randrange(30, 365)),
        neutrality_reason="Technical signs of an exercise.",
    )


def decisions(show: Show, law: Law, *, count: int) -> None:
    """Decide questions that are all different, then the same again."""
    cases = [_case(law, number) for number in range(count)]
    start = time.process_time()
    for case in cases[:ALONE]:
        propose(case.question, case.facts, NO_ASSERTIONS, law, link=case.link)
    show("decided with nothing remembered at all", ALONE / (time.process_time() - start), "/s")
    decider = Decider()
    for name, part in (
        ("all different, from the start", cases[: count // 2]),
        ("all different, once the engine has been asked", cases[count // 2 :]),
        ("remembered", cases),
    ):
        start = time.process_time()
        for case in part:
            decider.decide(case.question, case.facts, NO_ASSERTIONS, law, link=case.link)
        show(f"decided, {name}", len(part) / (time.process_time() - start), "/s")
    asked = [
        engine_question(case.question, case.facts, NO_ASSERTIONS, law) for case in cases[:ALONE]
    ]
    start = time.process_time()
    for question in asked:
        law.compiled.engine.satisfied(question)
    show("  beside it: the engine, asked each time", ALONE / (time.process_time() - start), "/s")


def _case(law: Law, number: int) -> Case:
    chance, now, pair = random.Random(number), law.pair.at, law.pair
    person = chance.choice(list(CategoryOfPerson))
    terms = Terms(
        treaties=frozenset({pair.treaty}),
        originator=pair.sender,
        purposes=frozenset(chance.sample(sorted(law.compiled.treaty.purposes), 3)) | {"prevention"},
        legal_basis=f"Act {number}",
        offence=chance.choice(sorted(law.compiled.treaty.offences)),
        person=person,
        personal=person is not CategoryOfPerson.NONE,
        tlp=chance.choice([TLP.CLEAR, TLP.GREEN, TLP.AMBER]),
        handling=frozenset(chance.sample(list(HandlingCondition), chance.randrange(2))),
        source=chance.choice(list(SourceGrade)),
        information=chance.choice(list(InformationGrade)),
        review=now + timedelta(days=100, seconds=number),
        expiry=now + timedelta(days=200, seconds=number),
        neutrality=NeutralityReview(by="officer", reason="an exercise", at=now),
        exercise=True,
    )
    facts = ItemFacts(
        terms=terms,
        terms_id=terms_id(terms),
        kind=chance.choice(KINDS),
        tlp=terms.tlp,
        unknown_markings=(),
        personal=terms.personal,
        concerns_recipient=False,
        originator=pair.sender,
        onward=False,
        received_under=None,
    )
    question = Question(
        treaty=pair.treaty,
        article=None,
        sender=pair.sender,
        recipient=pair.recipient,
        purpose="prevention",
        at=now,
    )
    link = LinkFacts(fresh=True)
    return Case(question=question, facts=facts, link=link)


@dataclass(frozen=True)
class _Author:
    member: MemberId
    key: SigningKey


def statuses(show: Show, *, members: int = 200, instruments: int = 2_000) -> None:
    """Compute the status of a treaty with many members and instruments."""
    authors = [
        _Author(
            MemberId(f"X{n:03}"), SigningKey.from_seed(hashlib.sha256(str(n).encode()).digest())
        )
        for n in range(members)
    ]
    parties = [
        Party(member=each.member, name=str(each.member), authority=each.key.public.fingerprint)
        for each in authors
    ]
    raw = fill_parties(sample_text(), parties, exercise=True, depositary=authors[0].member)
    treaty = parse_treaty(raw)
    start = datetime(2026, 11, 1, tzinfo=UTC)
    lodged = [
        _instrument(treaty, authors[n % members], 1 + n // members, start + timedelta(minutes=n))
        for n in range(instruments)
    ]
    times = []
    for _ in range(7):
        known = InstrumentSet(lodged)
        began = time.process_time()
        status(treaty, known, start + timedelta(days=30))
        times.append((time.process_time() - began) * 1_000)
    name = f"status of {members} members, {instruments:,} instruments, median"
    show(name, statistics.median(times), "ms")
    began = time.process_time()
    assert check_treaty(raw).treaty is not None
    show("treaty check of the sample convention", (time.process_time() - began) * 1_000, "ms")


def _instrument(treaty: Treaty, author: _Author, serial: int, at: datetime) -> Instrument:
    offences = tuple(sorted(treaty.offences))
    body: Signature | Ratification | Declaration
    match serial:
        case 1:
            body = Signature()
        case 2:
            body = Ratification(form=Form.RATIFICATION, reservations=(), recognises=offences[:3])
        case _:
            body = Declaration(
                text=f"No. {serial}", recognises=(offences[serial % len(offences)],), definitions=()
            )
    draft = InstrumentDraft(
        member=author.member, serial=serial, issued=at, treaty=treaty.id, body=body
    )
    return open_instrument(sign_instrument(draft, author.key), author.key.public)


def main(items: int, members: int) -> None:
    """Measure once; print a table and one JSON line."""
    rows: dict[str, float] = {}

    def show(name: str, value: float, unit: str) -> None:
        rows[name.strip()] = round(value, 1)
        print(f"{name:<58} {value:>14,.0f} {unit}", flush=True)

    with tempfile.TemporaryDirectory(prefix="foedus-bench-") as name:
        law = previews(show, Path(name), items=items, members=members)
    decisions(show, law, count=items)
    statuses(show)
    print(json.dumps(rows))


if __name__ == "__main__":
    given = sys.argv[1:3]
    main(*(int(each) for each in (*given, *("10000", "20")[len(given) :])))
