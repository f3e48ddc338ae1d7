"""Personal data in free text: what a person wrote is read like what a field holds."""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.canonical import canonical_bytes
from foedus.model.objects import StixObject, parse_object
from foedus.model.selectors import SelectorKind
from foedus.release.facts import holds_personal_data
from foedus.release.redact import redacted_content, residue, texts_shown
from foedus.release.traces import Traces

MARK: Final = "jan.kowal@example.org"


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
        "set with spaces that do not break: GB82\u00a0WEST\u00a01234\u00a05698\u00a07654\u00a032",
        "and so is this: +44\u00a020\u202f7946\u00a00958",
        "with a typographic dash: +44 20\u20107946\u20110958",
        "on a line of its own:\nGB82WEST12345698765432\nand no more",
        "after a tab:\t+442079460958",
        "GB82WEST12345698765432",
        "with a wide sign: jan.kowal\uff20example.org",
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
        "a digit run in a hash: a0012345678901b6d1d5607b8a72ecb8c98ed8c80a5cba117413c854f0ad89a4",
        "see malware--00000000-0000-4000-8000-000000000002",
        "",
    ],
)
def test_ordinary_words_and_numbers_do_not(text: str) -> None:
    assert not holds_personal_data(_note(text or "nothing"))


@pytest.mark.parametrize(
    ("kind", "properties"),
    [
        ("x-report", {"description": MARK}),
        ("x-report", {"abstract": MARK}),
        ("x-report", {"explanation": MARK}),
        ("malware", {"name": f"kit of {MARK}", "is_family": False}),
        ("malware", {"name": "Lampwick", "is_family": False, "labels": [MARK]}),
        ("note", {"content": "a note", "authors": [MARK]}),
        ("x-report", {"external_references": [{"source_name": "s", "description": MARK}]}),
        ("x-report", {"external_references": [{"source_name": "s", "url": f"mailto:{MARK}"}]}),
        ("x-report", {"external_references": [{"source_name": MARK}]}),
        ("x-report", {"x_more": {"deep": [{"er": MARK}]}}),
        ("x-report", {"x_more": {MARK: 1}}),
    ],
)
def test_every_text_is_read_wherever_it_stands(kind: str, properties: dict[str, Any]) -> None:
    assert holds_personal_data(_object(kind, **properties))


VALUES = (
    "jan.kowal@example.org", "jan(at)example.org", "JAN[AT]EXAMPLE.ORG", "+442079460958",
    "+44 20 7946 0958", "0044 20 7946 0958", "0044-20-7946-0958", "GB82WEST12345698765432",
    "gb82 west 1234 5698 7654 32", "NO93 8601 1117 947", "DE89-3704-0044-0532-0130-00",
)  # fmt: skip
AROUND = ("", " ", "\n", "\t", '"', "\\", "/", ":", "(", "IBAN:", "tel. ", "\u00e9 ", "- ", ", ")


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(VALUES),
    st.sampled_from(AROUND),
    st.sampled_from(("", " ", "\n", '"', ".", ", ", ")", "\u00e9")),
    st.sampled_from(("", "words", "d5f9f43c47046a96d1d5607b8a72ecb8", "2026-11-24T10:00:00.000Z")),
)
def test_what_the_bytes_show_no_sign_of_is_not_in_the_text_either(
    value: str, before: str, after: str, beside: str
) -> None:
    """The quick look at the bytes must never hide what reading the text would find."""
    note = _note(f"{beside}{before}{value}{after}" if before else f"{value}{after}")
    texts = "\0".join(texts_shown(note.document()))
    kinds = (SelectorKind.EMAIL, SelectorKind.PHONE, SelectorKind.IBAN)
    found = any(Traces(frozenset({kind}), ()).find(texts) for kind in kinds)
    assert holds_personal_data(note) is found


def test_what_is_spelt_with_other_spaces_is_redacted_too() -> None:
    note = _note("paid into GB82\u00a0WEST\u00a01234\u00a05698\u00a07654\u00a032 on Monday")
    left = redacted_content(note, frozenset({"kind:iban"}), given=lambda identifier: identifier)
    assert left["content"] == "paid into [redacted] on Monday"
    assert residue(note, frozenset({"kind:iban"})) == ("kind:iban",)


def test_an_organisation_described_with_a_persons_address_is_personal() -> None:
    office = {"name": "Invented Office", "identity_class": "organization"}
    assert not holds_personal_data(_object("identity", **office))
    assert holds_personal_data(
        _object("identity", **office, description="contact: jan.kowal@example.org")
    )
