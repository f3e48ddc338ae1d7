"""Terms: what they must say, their one form on the wire, and the join."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from foedus.model.identifiers import MemberId, TreatyId
from foedus.model.kinds import TERMS_EXTENSION_ID
from foedus.model.markings import TLP
from foedus.model.objects import parse_object
from foedus.model.terms import (
    MAX_TERMS_BYTES,
    CategoryOfPerson,
    HandlingCondition,
    InformationGrade,
    NeutralityReview,
    SourceGrade,
    Terms,
    TermsError,
    join_terms,
    parse_terms,
    terms_document,
    terms_id,
)
from foedus.model.validation import validate_object

GOLDEN = Path(__file__).parents[2] / "golden" / "model"
T1, T2 = TreatyId("1" * 64), TreatyId("2" * 64)
REVIEW = datetime(2027, 5, 1, tzinfo=UTC)
OFFICER = NeutralityReview(
    by="officer-7", reason="An offence, no opinion.", at=datetime(2026, 11, 24, 9, tzinfo=UTC)
)

PLAIN = Terms(
    treaties=frozenset({T1}),
    originator=MemberId("XA"),
    purposes=frozenset({"prevention", "border-control"}),
    legal_basis="",
    offence="",
    person=CategoryOfPerson.NONE,
    personal=False,
    tlp=TLP.GREEN,
    handling=frozenset(),
    source=SourceGrade.A,
    information=InformationGrade.ONE,
    review=None,
    expiry=None,
    neutrality=None,
    exercise=False,
)
SUSPECT = replace(
    PLAIN,
    treaties=frozenset({T1, T2}),
    purposes=frozenset({"prosecution", "prevention"}),
    legal_basis="Act 3, s. 9; Art. 4",
    offence="terrorist-financing",
    person=CategoryOfPerson.SUSPECT,
    personal=True,
    tlp=TLP.AMBER_STRICT,
    handling=frozenset({HandlingCondition.H2, HandlingCondition.H1}),
    source=SourceGrade.B,
    information=InformationGrade.THREE,
    review=REVIEW,
    expiry=datetime(2028, 5, 1, tzinfo=UTC),
    neutrality=OFFICER,
    exercise=True,
)


@pytest.mark.parametrize(
    ("case", "change", "reason"),
    [
        ("suspect without purpose", {"purposes": frozenset()}, "without a purpose"),
        ("suspect without legal basis", {"legal_basis": " "}, "without a legal basis"),
        ("suspect without review date", {"review": None}, "without a review date"),
        ("personal, of nobody", {"person": CategoryOfPerson.NONE}, "without a category of person"),
        ("a suspect, yet not personal", {"personal": False}, "must say personal"),
        ("review without time zone", {"review": datetime(2027, 5, 1)}, "time zone"),  # noqa: DTZ001
        ("expiry without time zone", {"expiry": datetime(2027, 5, 1)}, "time zone"),  # noqa: DTZ001
        ("originator is no member", {"originator": MemberId("x a")}, "not a member id"),
        ("treaty is no digest", {"treaties": frozenset({TreatyId("t")})}, "not a treaty id"),
        ("a purpose without words", {"purposes": frozenset({" "})}, "a purpose is empty"),
        ("a legal basis as long as the law", {"legal_basis": "x" * 5000}, "longer"),
    ],
)
def test_terms_that_cannot_be_made(case: str, change: dict[str, Any], reason: str) -> None:
    with pytest.raises(TermsError, match=reason):
        replace(SUSPECT, **change)
    assert case


def test_every_lack_is_named_at_once() -> None:
    with pytest.raises(TermsError, match="a purpose, a legal basis, a review date"):
        replace(SUSPECT, purposes=frozenset(), legal_basis="", review=None)


@pytest.mark.parametrize("change", [{"by": ""}, {"reason": " "}, {"at": datetime(2027, 1, 1)}])  # noqa: DTZ001
def test_a_review_of_neutrality_says_who_why_and_when(change: dict[str, Any]) -> None:
    with pytest.raises(TermsError):
        replace(OFFICER, **change)


def test_citations_have_one_order() -> None:
    one = replace(SUSPECT, legal_basis="Art. 4 ;Act 3, s. 9;; Art. 4")
    assert one == SUSPECT
    assert one.legal_bases == {"Art. 4", "Act 3, s. 9"}
    assert terms_id(one) == terms_id(SUSPECT)


@pytest.mark.parametrize(("name", "terms"), [("plain", PLAIN), ("suspect", SUSPECT)])
def test_terms_are_the_published_bytes(name: str, terms: Terms) -> None:
    data = terms_document(terms)
    assert data == (GOLDEN / f"terms-{name}.json").read_bytes().rstrip(b"\n")
    assert parse_terms(data) == terms
    assert parse_terms(json.loads(data)) == terms
    assert parse_object(data).id == terms_id(terms)
    assert validate_object(data) == ()


def test_an_instant_in_another_zone_is_the_same_instant() -> None:
    east = REVIEW.astimezone(timezone(timedelta(hours=8)))
    assert terms_document(replace(SUSPECT, review=east)) == terms_document(SUSPECT)


def test_another_json_form_of_the_same_terms_is_read() -> None:
    assert (
        parse_terms(json.dumps(json.loads(terms_document(SUSPECT)), indent=2).encode()) == SUSPECT
    )


def changed(path: str, value: object) -> bytes:
    document = json.loads(terms_document(SUSPECT))
    node = document
    *steps, last = path.replace("@", f"extensions/{TERMS_EXTENSION_ID}").split("/")
    for step in steps:
        node = node[step]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("case", "data"),
    [
        ("not JSON", b"terms"),
        ("nested beyond reason", b"[" * 100_000),
        ("a list", b"[]"),
        ("too large", b" " * (MAX_TERMS_BYTES + 1)),
        ("no extension", changed("extensions", {})),
        ("extensions is a list", changed("extensions", [])),
        ("extension is a text", changed("@", "terms")),
        ("a later version", changed("@/version", 2)),
        ("version is true", changed("@/version", True)),  # noqa: FBT003
        ("a lowered TLP under the same id", changed("@/tlp", "green")),
        ("an unknown TLP", changed("@/tlp", "white")),
        ("TLP is a list", changed("@/tlp", [])),
        ("an unknown handling condition", changed("@/handling", ["H9"])),
        ("handling in another order", changed("@/handling", ["H2", "H1"])),
        ("a purpose twice", changed("@/purposes", ["prevention", "prevention", "prosecution"])),
        ("purposes is a text", changed("@/purposes", "prevention")),
        ("a purpose is a number", changed("@/purposes", [1])),
        ("no originator", changed("@/originator", ...)),
        ("no review", changed("@/review", ...)),
        ("review in words", changed("@/review", "next year")),
        ("review with three digits", changed("@/review", "2027-05-01T00:00:00.000Z")),
        ("personal in words", changed("@/personal", "yes")),
        ("neutrality by nobody", changed("@/neutrality/by", ...)),
        ("neutrality undated", changed("@/neutrality/at", None)),
        ("neutrality is a text", changed("@/neutrality", "fine")),
        ("an added field", changed("@/note", "x")),
        ("an added field outside", changed("name", "x")),
        ("another date", changed("created", "2026-11-25T00:00:00.000Z")),
        ("another id", changed("id", "marking-definition--37f9f53c-c012-5032-8fd6-65c98b84b6d9")),
        ("a float", changed("@/weight", 0.5)),
    ],
)
def test_unreadable_terms(case: str, data: bytes) -> None:
    with pytest.raises(TermsError):
        parse_terms(data)
    assert case


def test_terms_no_member_would_read_are_not_made() -> None:
    many = frozenset(f"{number:05d}" + "x" * 2000 for number in range(20))
    with pytest.raises(TermsError, match="larger"):
        terms_document(replace(PLAIN, purposes=many))
    with pytest.raises(TermsError, match="canonical"):
        terms_document(replace(PLAIN, purposes=frozenset({"\ud800"})))


REAL = replace(SUSPECT, exercise=False)
VICTIM = replace(
    REAL,
    treaties=frozenset({T2}),
    purposes=frozenset({"prosecution"}),
    legal_basis="Art. 5",
    offence="kidnapping",
    person=CategoryOfPerson.VICTIM,
    tlp=TLP.RED,
    handling=frozenset({HandlingCondition.H3}),
    source=SourceGrade.X,
    information=InformationGrade.TWO,
    review=REVIEW - timedelta(days=1),
    expiry=None,
    neutrality=replace(OFFICER, by="officer-8", at=OFFICER.at + timedelta(days=1)),
)


def test_the_join_is_the_most_restrictive_of_both() -> None:
    joined = join_terms(REAL, VICTIM)
    assert joined == Terms(
        treaties=frozenset({T1, T2}),
        originator=MemberId("XA"),
        purposes=frozenset({"prosecution"}),
        legal_basis="Act 3, s. 9; Art. 4; Art. 5",
        offence="kidnapping; terrorist-financing",
        person=CategoryOfPerson.VICTIM,
        personal=True,
        tlp=TLP.RED,
        handling=frozenset({HandlingCondition.H1, HandlingCondition.H2, HandlingCondition.H3}),
        source=SourceGrade.X,
        information=InformationGrade.THREE,
        review=VICTIM.review,
        expiry=REAL.expiry,
        neutrality=OFFICER,
        exercise=False,
    )
    assert joined.offences == {"kidnapping", "terrorist-financing"}


def test_neutrality_holds_only_if_both_were_reviewed() -> None:
    assert join_terms(REAL, replace(REAL, neutrality=None)).neutrality is None


@pytest.mark.parametrize(
    ("case", "a", "b", "reason"),
    [
        ("an exercise and the real thing", SUSPECT, REAL, "exercise"),
        ("two originators", REAL, replace(REAL, originator=MemberId("XB")), "say who derives"),
        ("personal, no purpose in common", REAL, replace(REAL, purposes=frozenset({"research"})),
            "without a purpose"),
    ],
)  # fmt: skip
def test_there_is_no_join(case: str, a: Terms, b: Terms, reason: str) -> None:
    with pytest.raises(TermsError, match=reason):
        join_terms(a, b)
    assert case


def test_who_derives_from_two_originators_is_named() -> None:
    other = replace(REAL, originator=MemberId("XB"))
    assert join_terms(REAL, other, originator=MemberId("XC")).originator == "XC"
