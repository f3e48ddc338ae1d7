"""Personal data in free text: what a person wrote is read like what a field holds."""

from __future__ import annotations

from typing import Any

import pytest

from foedus.canonical import canonical_bytes
from foedus.model.objects import StixObject, parse_object
from foedus.release.facts import holds_personal_data


def _object(kind: str, **properties: Any) -> StixObject:
    plain = {
        "type": kind,
        "spec_version": "2.1",
        "id": f"{kind}--00000000-0000-4000-8000-000000000001",
        "created": "2026-11-01T08:00:00Z",
        "modified": "2026-11-01T08:00:00Z",
    }
    return parse_object(canonical_bytes({**plain, **properties}))


def _note(content: str) -> StixObject:
    about = "malware--00000000-0000-4000-8000-000000000002"
    return _object("note", content=content, object_refs=[about])


@pytest.mark.parametrize(
    "text",
    [
        "seen with jan.kowal@example.org twice",
        "write to jan[at]example[.]org",
        "defanged: jan.kowal[@]example[.]org",
        "called +44 20 7946 0958 on Monday",
        "paid into GB82 WEST 1234 5698 7654 32",
        "paid into GB82WEST12345698765432.",
    ],
)
def test_a_value_that_reaches_a_person_makes_a_note_personal(text: str) -> None:
    assert holds_personal_data(_note(text))


@pytest.mark.parametrize(
    "text",
    [
        "join.lanternfall.test: a page; first seen 2026-11-03",
        "203.0.113.77 and 2001:db8::1, version 10.4.22, 1234567890 bytes",
        "an account like GB00 WEST 1234 5698 7654 32 with wrong check digits",
        "see @home and a@b",
        "d5f9f43c47046a96d1d5607b8a72ecb8c98ed8c80a5cba117413c854f0ad89a4",
        "",
    ],
)
def test_ordinary_words_and_numbers_do_not(text: str) -> None:
    assert not holds_personal_data(_note(text or "nothing"))


@pytest.mark.parametrize("name", ["description", "abstract", "explanation", "content"])
def test_every_free_text_is_read(name: str) -> None:
    assert holds_personal_data(_object("x-report", **{name: "ask jan.kowal@example.org"}))


def test_the_words_on_a_reference_are_read_too() -> None:
    reference = {"source_name": "a letter", "description": "from jan.kowal@example.org"}
    assert holds_personal_data(
        _object("malware", name="Lampwick", is_family=False, external_references=[reference])
    )


def test_an_organisation_described_with_a_persons_address_is_personal() -> None:
    office = {"name": "Invented Office", "identity_class": "organization"}
    assert not holds_personal_data(_object("identity", **office))
    assert holds_personal_data(
        _object("identity", **office, description="contact: jan.kowal@example.org")
    )
