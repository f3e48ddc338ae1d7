from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from foedus.demo.members import MEMBERS, OTHERS, Member
from foedus.demo.plan import (
    OFFENCES,
    PURPOSE,
    Entry,
    held_by,
    own_plan,
    shipped_plan,
    sighting_terms,
    terms_options,
)
from foedus.demo.receiving import FEEDBACK_ARTICLE
from foedus.model.identifiers import member_id
from foedus.signing import SigningKey
from foedus.treaty.articles import Party, Treaty
from foedus.treaty.drafting import fill_parties, sample_text
from foedus.treaty.parser import parse_treaty

NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture(scope="module")
def treaty() -> Treaty:
    """The sample treaty among the demo's members."""
    parties = [
        Party(
            member=member_id(each.code),
            name=each.name,
            authority=SigningKey.from_seed(bytes([number]) * 32).public.fingerprint,
        )
        for number, each in enumerate(MEMBERS)
    ]
    text = fill_parties(sample_text(), parties, exercise=True, depositary=member_id("XA"))
    return parse_treaty(text)


def test_the_demo_knows_the_offences_and_purposes_of_the_sample_treaty(treaty: Treaty) -> None:
    assert tuple(treaty.offences) == OFFENCES
    assert PURPOSE in treaty.purposes


def test_what_members_reserve_may_be_reserved(treaty: Treaty) -> None:
    reservable = {each.id for each in treaty.articles if each.reservable}
    assert {article for member in MEMBERS for article in member.reserves} <= reservable


def test_sightings_rely_on_an_article_that_somebody_reserves() -> None:
    assert any(FEEDBACK_ARTICLE in member.reserves for member in OTHERS)


@pytest.mark.parametrize("entry", shipped_plan().entries, ids=lambda each: str(each.file.name))
def test_each_shipped_file_is_there_and_marked_as_an_exercise(entry: Entry) -> None:
    assert "EXERCISE" in entry.file.read_text(encoding="utf-8")


@pytest.mark.parametrize("member", OTHERS, ids=lambda each: str(each.code))
def test_each_receiving_member_holds_something_marked_as_an_exercise(member: Member) -> None:
    assert held_by(member).file.read_text(encoding="utf-8").startswith("# EXERCISE")


def test_own_files_are_on_one_offence_and_name_suspects() -> None:
    plan = own_plan([Path("a.csv"), Path("b.html")], offence="travel")
    assert not plan.shipped
    assert [(each.file.name, each.offence, each.person, each.tlp) for each in plan.entries] == [
        ("a.csv", "travel", "suspect", "green"),
        ("b.html", "travel", "suspect", "green"),
    ]


def test_terms_name_a_review_date_ahead_of_the_run() -> None:
    options = terms_options(shipped_plan().entries[0], now=NOW)
    assert options[options.index("--review") + 1] == "2027-05-23"
    assert options[options.index("--person") + 1] == "suspect"


def test_a_sighting_is_about_nobody() -> None:
    assert "--person" not in sighting_terms("travel")
