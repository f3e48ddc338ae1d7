"""The join of terms is a join: its order of inputs never matters and it never widens."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.model.identifiers import MemberId, TreatyId
from foedus.model.markings import TLP
from foedus.model.terms import (
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

START = datetime(2026, 11, 24, tzinfo=UTC)
PROTECTION = ["none", "convicted", "suspect", "contact", "other", "witness", "victim"]
instants = st.integers(min_value=0, max_value=10**14).map(
    lambda micros: START + timedelta(microseconds=micros)
)
citations = st.lists(st.sampled_from(["Art. 4", "Act 3, s. 9", "Art. 10"]), max_size=3).map(
    "; ".join
)
offences = st.lists(st.sampled_from(["financing", "travel"]), max_size=2).map("; ".join)
reviews = st.builds(
    NeutralityReview,
    by=st.sampled_from(["officer-1", "officer-2"]),
    reason=st.sampled_from(["An offence.", "No opinion."]),
    at=instants,
)


@st.composite
def terms(draw: st.DrawFn) -> Terms:
    personal = draw(st.booleans())
    persons = [category for category in CategoryOfPerson if (category == "none") is not personal]
    return Terms(
        treaties=frozenset(TreatyId(c * 64) for c in draw(st.sets(st.sampled_from("abc")))),
        originator=MemberId("XA"),
        # "any" is in each, so that most joins of personal data exist.
        purposes=frozenset({"any", *draw(st.sets(st.sampled_from(["a", "b", "c"])))})
        if draw(st.integers(0, 9))
        else frozenset({"rare"}),
        legal_basis=draw(citations.filter(bool) if personal else citations),
        offence=draw(offences),
        person=draw(st.sampled_from(persons)),
        personal=personal,
        tlp=draw(st.sampled_from(TLP)),
        handling=frozenset(draw(st.sets(st.sampled_from(HandlingCondition)))),
        source=draw(st.sampled_from(SourceGrade)),
        information=draw(st.sampled_from(InformationGrade)),
        review=draw(instants if personal else st.none() | instants),
        expiry=draw(st.none() | instants),
        neutrality=draw(st.none() | reviews),
        exercise=draw(st.integers(0, 9)) == 0,
    )


def joined(a: Terms | None, b: Terms | None) -> Terms | None:
    """Join, with None for "no terms satisfy both"."""
    if a is None or b is None:
        return None
    try:
        return join_terms(a, b)
    except TermsError:
        return None


def not_later(a: datetime | None, b: datetime | None) -> bool:
    return b is None or (a is not None and a <= b)


def narrows(narrow: Terms, wide: Terms) -> bool:
    """Whether nothing is allowed by the one that the other does not allow."""
    return (
        narrow.treaties >= wide.treaties
        and narrow.purposes <= wide.purposes
        and narrow.legal_bases >= wide.legal_bases
        and narrow.offences >= wide.offences
        and PROTECTION.index(narrow.person) >= PROTECTION.index(wide.person)
        and narrow.personal >= wide.personal
        and narrow.tlp >= wide.tlp
        and narrow.handling >= wide.handling
        and "ABCX".index(narrow.source) >= "ABCX".index(wide.source)
        and int(narrow.information) >= int(wide.information)
        and not_later(narrow.review, wide.review)
        and not_later(narrow.expiry, wide.expiry)
        and (narrow.neutrality is None or wide.neutrality is not None)
    )


@given(terms())
def test_the_join_is_idempotent(a: Terms) -> None:
    assert join_terms(a, a) == a


@given(terms(), terms())
def test_the_join_is_commutative(a: Terms, b: Terms) -> None:
    assert joined(a, b) == joined(b, a)


@given(terms(), terms(), terms())
def test_the_join_is_associative(a: Terms, b: Terms, c: Terms) -> None:
    assert joined(joined(a, b), c) == joined(a, joined(b, c))


@settings(max_examples=200)
@given(terms(), terms())
def test_the_join_never_widens(a: Terms, b: Terms) -> None:
    join = joined(a, b)
    if join is not None:
        assert narrows(join, a)
        assert narrows(join, b)
        assert joined(join, a) == join


@given(terms())
def test_terms_survive_the_wire(a: Terms) -> None:
    data = terms_document(a)
    again = parse_terms(data)
    assert again == a
    assert terms_document(again) == data
    assert terms_id(again) == json.loads(data)["id"]


@given(terms(), terms())
def test_equal_terms_and_only_they_have_equal_ids(a: Terms, b: Terms) -> None:
    assert (a == b) is (terms_id(a) == terms_id(b))
