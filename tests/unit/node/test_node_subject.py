"""Everything about a person: each source finds what it holds, and the search is noted in secret."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from foedus.access import AccessDeniedError, Actor, Role
from foedus.model.terms import CategoryOfPerson
from foedus.node.collected import CollectionPost, take_objects
from foedus.node.collections import create_collection
from foedus.node.errors import RefusedError
from foedus.node.exports import export_items
from foedus.node.ports import ItemState, NewQuarantine
from foedus.node.subject import SOURCES, SubjectQuery, SubjectReport, find_subject

if TYPE_CHECKING:
    from tests.unit.node.conftest import Member, Pair

ANALYST = Actor(user="ana", roles=frozenset({Role.ANALYST}))
MAIL = "ivan.petrov@mail.example"


def asked(member: Member, *values: str) -> SubjectReport:
    query = SubjectQuery(values=values, purpose="answer to a person", case="A-3")
    return find_subject(member.wired.node, member.actor, query)


def told(report: SubjectReport) -> dict[str, list[str]]:
    return {name: [each.what for each in found] for name, found in report.found.items() if found}


def test_a_search_finds_what_stands_anywhere(pair: Pair) -> None:
    a, node = pair.a, pair.a.wired.node
    person = pair.stix("identity", 1, name="Ivan Petrov", identity_class="individual")
    mail = {**pair.indicator(2, "x.example"), "pattern": f"[email-addr:value = '{MAIL}']"}
    held = a.held(
        person,
        mail,
        person=CategoryOfPerson.SUSPECT,
        review=pair.clock.now() + timedelta(days=90),
    )
    [draft] = a.drafts({**mail, "id": "indicator--00000000-0000-4000-8000-000000000009"})
    [hidden] = a.held(
        pair.indicator(4, "y.example", description="met Ivan Petrov there"),
        person=CategoryOfPerson.NONE,
    )
    a.disclose(held, pair.treaty)
    numbers = [str(row.number) for row in a.read(lambda tx: tx.items.rows(held))]
    export_items(node, a.actor, numbers, purpose="screening")
    name = create_collection(node, a.actor, "sandbox").name
    [collection] = [each for each in a.read(lambda tx: tx.collections.all()) if each.name == name]
    escaped = json.dumps({**person, "name": "IVAN PETROV"}).replace("P", "\\u0050").encode()
    take_objects(
        node.database,
        node.clock,
        CollectionPost(
            collection=collection.number,
            actor=a.actor,
            objects=[escaped],
            secret=node.identity.secret,
            member=a.name,
        ),
        keep=lambda _tx, _outcomes: None,
    )
    with node.database.write() as tx:
        [row] = tx.items.rows([hidden])
        tx.items.settle(
            [hidden], state=ItemState.RESTRICTED, terms_id=row.terms_id, at=pair.clock.now()
        )
        tx.quarantine.add(
            NewQuarantine(
                sender=pair.b.name,
                lane="bulk",
                position=1,
                object_id="identity--7",
                raw=json.dumps(person).encode(),
                code="decision",
                reason="not permitted",
                at=pair.clock.now(),
            )
        )

    report = asked(a, MAIL, "name:Ivan Petrov")
    found = told(report)
    assert report.complete
    assert {each.row.handle for each in report.items} == {*held, draft.handle, hidden}
    assert sorted(found["here"]) == [
        "draft: indicator",
        "held: identity",
        "held: indicator",
        "restricted: indicator",
    ]
    assert len(found["disclosed"]) == len(held)
    assert all(text.startswith("given under Article 2") for text in found["disclosed"])
    assert found["refused"] == ["refused: decision"]
    assert found["collections"] == ["in collection sandbox"]
    assert found["exports"] == ["bundle 1: here"]
    assert found["readings"][0].startswith("subject find by admin")

    pair.pull(pair.b)
    theirs = told(asked(pair.b, MAIL, "Ivan Petrov"))
    assert "received" in theirs
    assert "disclosed" not in theirs

    rows = a.read(lambda tx: tx.readings.page(before=None, limit=9))
    reading = next(row.reading for row in rows if row.number == report.number)
    assert (reading.purpose, len(reading.mark)) == ("answer to a person [A-3]", 64)
    acts = a.read(lambda tx: tx.acts.page(after=0, limit=1_000))
    assert not any(MAIL in act.subject or "Petrov" in act.subject for _, act in acts)


def test_nothing_is_an_answer_too_and_is_noted(lone: Member) -> None:
    report = asked(lone, "nobody@nowhere.example")
    assert report.items == ()
    assert set(report.found) == set(SOURCES)
    assert told(report) == {}
    again = asked(lone, "Nobody@Nowhere.Example")
    first, second = (
        next(
            row.reading.mark
            for row in lone.read(lambda tx: tx.readings.page(before=None, limit=9))
            if row.number == each.number
        )
        for each in (report, again)
    )
    assert first == second, "the same search has the same code"


def test_only_the_officer_asks_and_says_why(lone: Member) -> None:
    node = lone.wired.node
    with pytest.raises(AccessDeniedError):
        find_subject(node, ANALYST, SubjectQuery(values=(MAIL,), purpose="x"))
    for values, purpose in (((" ",), "x"), ((MAIL,), " "), ((MAIL,) * 51, "x")):
        with pytest.raises(RefusedError):
            find_subject(node, lone.actor, SubjectQuery(values=values, purpose=purpose))
