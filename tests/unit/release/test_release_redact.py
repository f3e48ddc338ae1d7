"""What redaction removes, withholds, leaves alone. All names and numbers are invented."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from foedus.model.identifiers import MemberId, ObjectId
from foedus.model.markings import TLP, TLP_MARKING_IDS, read_markings
from foedus.model.objects import StixObject
from foedus.model.validation import validate_object
from foedus.release.errors import RedactionError
from foedus.release.redact import redact, redacted_content, residue, variant_id

if TYPE_CHECKING:
    from tests.unit.release.conftest import World

XB, XC = MemberId("XB"), MemberId("XC")
SECRET = b"s" * 32
PERSON = ObjectId("identity--1f2e3d4c-0000-4000-8000-00000000abcd")
SIGN = ObjectId("indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f")


def nothing(_: ObjectId) -> ObjectId | None:
    return None


def everything(identifier: ObjectId) -> ObjectId | None:
    return identifier


def made(obj: StixObject, *targets: str, given: Any = nothing) -> dict[str, Any]:
    variant = redact(obj, frozenset(targets), recipient=XB, secret=SECRET, given=given)
    assert residue(variant, frozenset(targets)) == ()
    assert validate_object(variant) == ()
    return variant.document()


def refused(obj: StixObject, *targets: str, given: Any = nothing) -> str:
    with pytest.raises(RedactionError) as caught:
        redact(obj, frozenset(targets), recipient=XB, secret=SECRET, given=given)
    return str(caught.value)


def test_a_property_goes(world: World) -> None:
    obj = world.identity(contact_information="jon@pay.example", description="A man.")
    variant = made(obj, "property:contact_information")
    assert "contact_information" not in variant
    assert variant["description"] == "A man."
    assert variant["name"] == "Jon Doe"


def test_a_property_that_also_stands_elsewhere_withholds(world: World) -> None:
    obj = world.identity(contact_information="Long Road 7", description="Lives at long road 7.")
    assert "elsewhere" in refused(obj, "property:contact_information")


@pytest.mark.parametrize(
    ("case", "kind", "text", "gone"),
    [
        ("an address", "email", "Write to jon@pay.example today.", "jon@pay"),
        ("a defanged address", "email", "Write to jon[at]pay[.]example today.", "jon"),
        ("a telephone number", "phone", "Call +44 20 7946 0018 today.", "7946"),
        ("an IBAN in groups", "iban", "Pay GB82 WEST 1234 5698 7654 32 today.", "WEST"),
        ("a number of a document", "document", "Passport X1234567 today.", "1234567"),
        ("a number of an account", "account", "Account 12-3456 789012 today.", "3456"),
        ("a wallet", "wallet", "To 0x52908400098527886e0f7030069857d2e4169ee7 today.", "5290"),
        ("a handle", "handle", "See @jondoe and t.me/jondoe today.", "jondoe"),
        ("a link", "url", "See hxxps[:]//pay.example/x today.", "pay"),
        ("a domain", "domain", "See pay[.]example today.", "pay"),
        ("an address of a machine", "ipv4", "From 198.51.100.7 today.", "198"),
        ("one of the newer ones", "ipv6", "From 2001:db8::7 today.", "db8"),
        ("a hash", "md5", "Hash d41d8cd98f00b204e9800998ecf8427e today.", "d41d"),
    ],
)
def test_prose_loses_what_its_shape_betrays(
    world: World, case: str, kind: str, text: str, gone: str
) -> None:
    assert case
    obj = world.obj(description=text)
    assert residue(obj, frozenset({f"kind:{kind}"})) in {(f"kind:{kind}",)}
    if kind == "domain":
        assert "pattern" in refused(obj, "kind:domain")
        return
    variant = made(obj, f"kind:{kind}")
    assert gone not in variant["description"]
    assert "[redacted]" in variant["description"]
    assert variant["description"].endswith("today.")


def test_known_values_go_however_they_are_spelt(world: World) -> None:
    obj = world.identity(
        contact_information="+442079460018",
        description="Jon DOE, called (44) 20-7946-0018 or +44 20 7946 0018; also Doe, Jon.",
    )
    variant = made(obj, "kind:phone")
    assert "7946" not in json.dumps(variant)
    nameless = made(obj, "kind:name", "kind:phone")
    assert nameless["name"] == "[redacted]"
    assert "jon doe" not in json.dumps(nameless).casefold()


def test_dates_and_hashes_are_no_numbers_of_accounts(world: World) -> None:
    obj = world.obj(
        description="Seen 2026-11-24 and 24/11/2026.",
        external_references=[
            {"source_name": "list", "hashes": {"MD5": "d41d8cd98f00b204e9800998ecf8427e"}}
        ],
    )
    assert residue(obj, frozenset({"kind:account", "kind:document"})) == ()


def test_an_external_reference_that_shows_it_is_dropped(world: World) -> None:
    obj = world.obj(
        external_references=[
            {"source_name": "list", "description": "entry of jon@pay.example"},
            {"source_name": "other", "url": "https://list.example/1"},
        ]
    )
    variant = made(obj, "kind:email")
    assert [each["source_name"] for each in variant["external_references"]] == ["other"]


def test_the_last_external_reference_takes_the_property_with_it(world: World) -> None:
    obj = world.obj(external_references=[{"source_name": "jon@pay.example", "external_id": "7"}])
    assert "external_references" not in made(obj, "kind:email")


@pytest.mark.parametrize(
    ("case", "changes", "target"),
    [
        (
            "a pattern that compares with it",
            {"pattern": "[email-addr:value = 'jon@pay.example']"},
            "kind:email",
        ),
        (
            "a pattern that excludes it",
            {"pattern": "[email-addr:value != 'jon@pay.example']"},
            "kind:email",
        ),
        (
            "a pattern on a path nobody knows",
            {"pattern": "[x-passport:number = 'X1234567']"},
            "kind:document",
        ),
        (
            "an address that is one",
            {
                "type": "email-addr",
                "id": "email-addr--1f2e3d4c-0000-5000-8000-00000000abcd",
                "value": "jon@pay.example",
                "created": None,
                "modified": None,
                "pattern": None,
                "pattern_type": None,
                "name": None,
                "valid_from": None,
            },
            "kind:email",
        ),
        ("a key that shows it", {"x_seen": {"jon@pay.example": "yes"}}, "kind:email"),
        ("a required property", {}, "property:pattern"),
    ],
)
def test_withheld(world: World, case: str, changes: dict[str, Any], target: str) -> None:
    assert case
    reason = refused(world.obj(**changes), target)
    assert reason
    assert "jon" not in reason


def test_a_number_stays_in_a_pattern_of_another_kind(world: World) -> None:
    digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    obj = world.obj(
        pattern=f"[file:hashes.'SHA-256' = '{digest}' AND domain-name:value = 'a12345678.example']",
        description="Passport X1234567.",
    )
    assert digest in made(obj, "kind:document")["pattern"]


def relationship(world: World) -> StixObject:
    return world.obj(
        type="relationship",
        id="relationship--1f2e3d4c-0000-4000-8000-00000000abcd",
        relationship_type="indicates",
        source_ref=SIGN,
        target_ref=PERSON,
        description="Passport X1234567.",
        pattern=None,
        pattern_type=None,
        name=None,
        valid_from=None,
    )


def test_references_point_to_what_the_recipient_was_given(world: World) -> None:
    variant_of_person = variant_id(world.identity(), recipient=XB, secret=SECRET)
    known = {SIGN: SIGN, PERSON: variant_of_person}
    variant = made(relationship(world), "kind:document", given=known.get)
    assert variant["source_ref"] == SIGN
    assert variant["target_ref"] == variant_of_person
    assert PERSON not in json.dumps(variant)


def test_a_required_reference_to_what_was_not_given_withholds(world: World) -> None:
    assert "reference" in refused(relationship(world), "kind:document", given={SIGN: SIGN}.get)


def test_an_optional_reference_to_what_was_not_given_goes(world: World) -> None:
    obj = world.obj(created_by_ref=PERSON, description="Passport X1234567.")
    assert "created_by_ref" not in made(obj, "kind:document")
    assert made(obj, "kind:document", given=everything)["created_by_ref"] == PERSON


def test_a_report_keeps_what_was_given_of_its_objects(world: World) -> None:
    obj = world.obj(
        type="report",
        id="report--1f2e3d4c-0000-4000-8000-00000000abcd",
        published="2026-11-24T09:00:00Z",
        object_refs=[SIGN, PERSON],
        description="Passport X1234567.",
        pattern=None,
        pattern_type=None,
        valid_from=None,
    )
    assert made(obj, "kind:document", given={SIGN: SIGN}.get)["object_refs"] == [SIGN]
    assert refused(obj, "kind:document")


def test_an_id_in_prose_is_no_way_around(world: World) -> None:
    obj = world.obj(created_by_ref=PERSON, description=f"By {PERSON}, {SIGN}, passport X1234567.")
    variant = made(obj, "kind:document")
    assert variant["description"] == "By [redacted], [redacted], passport [redacted]."
    hidden = world.obj(
        pattern=f"[x-note:of = '{PERSON}']", created_by_ref=PERSON, description="jon@pay.example"
    )
    assert "elsewhere" in refused(hidden, "kind:email")


def test_markings_of_parts_become_markings_of_the_whole(world: World) -> None:
    obj = world.identity(
        description="Secret.",
        object_marking_refs=[TLP_MARKING_IDS[TLP.GREEN]],
        granular_markings=[
            {"marking_ref": TLP_MARKING_IDS[TLP.AMBER], "selectors": ["description"]},
            {"lang": "en", "selectors": ["name"]},
        ],
    )
    variant = redact(
        obj, frozenset({"property:description"}), recipient=XB, secret=SECRET, given=nothing
    )
    assert read_markings(variant, {}) == read_markings(obj, {})
    assert "granular_markings" not in variant.document()


def test_a_variant_has_an_id_of_its_own_stable_over_versions(world: World) -> None:
    first = world.obj(description="Passport X1234567.")
    second = world.obj(description="Passport Y7654321.", modified="2026-11-25T09:00:00.000Z")
    one, two = made(first, "kind:document"), made(second, "kind:document")
    assert one["id"] == two["id"] != first.id
    assert (one["modified"], two["modified"]) == (
        "2026-11-24T09:00:00.000Z",
        "2026-11-25T09:00:00.000Z",
    )
    other = redact(first, frozenset({"kind:document"}), recipient=XC, secret=SECRET, given=nothing)
    assert other.id != one["id"]
    assert variant_id(first, recipient=XB, secret=b"t" * 32) != one["id"]


def test_redacting_again_changes_nothing(world: World) -> None:
    targets = frozenset({"kind:document", "kind:email", "property:labels"})
    obj = world.obj(
        description="Passport X1234567, jon@pay.example.", labels=["zzzz"], created_by_ref=PERSON
    )
    once = redact(obj, targets, recipient=XB, secret=SECRET, given=nothing)
    assert redacted_content(once, targets, given=everything) == once.document()


def test_residue_names_what_still_shows(world: World) -> None:
    obj = world.identity(contact_information="jon@pay.example")
    targets = frozenset({"kind:email", "kind:phone", "property:contact_information"})
    assert residue(obj, targets) == ("kind:email", "property:contact_information")
