from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from foedus.intake import IntakeContext, IntakeError, IntakeResult, read
from foedus.model.markings import TLP, TLP_MARKING_IDS
from foedus.model.objects import parse_object
from foedus.model.observables import selectors_of
from foedus.model.validation import validate_object

_UUID = "1f9b0b52-0d5e-4d6e-9c1b-00000000000%d"


def _event(*attributes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "Event": {
            "uuid": _UUID % 0,
            "info": "EXERCISE: an event",
            "date": "2026-11-01",
            "timestamp": "1793872800",
            "Orgc": {"name": "Exercise Cell"},
            "Attribute": list(attributes),
            **more,
        }
    }


def _attribute(kind: str, value: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "value": value, "to_ids": False, "timestamp": "1793869200", **more}


def _read(context: IntakeContext, document: object) -> IntakeResult:
    result = read(json.dumps(document).encode(), name="e.json", context=context)
    for draft in result.all_drafts:
        assert not validate_object(draft.raw), draft.raw
    return result


def _documents(result: IntakeResult) -> list[dict[str, Any]]:
    return [parse_object(draft.raw).document() for draft in result.all_drafts]


_MEANINGS = {
    "a hash": ("sha256", "a1" * 32, {"sha256:" + "a1" * 32}),
    "a defanged domain": ("domain", "pay[.]example[.]test", {"domain:pay.example.test"}),
    "an address": ("ip-src", "192.0.2.9", {"ipv4:192.0.2.9"}),
    "an address of the newer kind": ("ip-dst", "2001:DB8::9", {"ipv6:2001:db8::9"}),
    "an address and port": ("ip-dst|port", "192.0.2.9|443", {"ipv4:192.0.2.9"}),
    "a file": ("filename|md5", "a|b.exe|" + "ab" * 16, {"md5:" + "ab" * 16}),
    "a domain and its address": ("domain|ip", "a.test|192.0.2.9", {"domain:a.test"}),
    "an account": ("iban", "GB82 WEST 1234 5698 7654 32", {"iban:GB82WEST12345698765432"}),
    "a telephone": ("phone-number", "+1 202 555 0143", {"phone:+12025550143"}),
    "a wallet": (
        "btc",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        {"wallet:bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"},
    ),
    "a handle": ("twitter-id", "@Lantern_EX", {"handle:twitter:lantern_ex"}),
    "a file name": ("filename", "it's \\ here.exe", set()),
    "a registry key": ("regkey", "HKLM\\Software\\X", set()),
    "a registry value": ("regkey|value", "HKCU\\Software\\X|data", set()),
    "a network number": ("AS", "AS64500", set()),
    "a hardware address": ("mac-address", "00-00-5E-00-53-01", set()),
    "a mutex": ("mutex", "Global\\x", set()),
}


@pytest.mark.parametrize("to_ids", [False, True])
@pytest.mark.parametrize("case", _MEANINGS)
def test_a_type_with_a_counterpart(case: str, to_ids: bool, context: IntakeContext) -> None:  # noqa: FBT001 (parametrised)
    kind, value, expected = _MEANINGS[case]
    result = _read(context, _event(_attribute(kind, value, to_ids=to_ids, uuid=_UUID % 1)))
    assert (len(result.drafts), len(result.refused)) == (1, 0)
    obj = parse_object(result.drafts[0].raw)
    assert (obj.type == "indicator") is to_ids
    found = {str(selector) for selector in selectors_of(obj)}
    # The address of a pair is asserted by its pattern, and is an observable of its own otherwise.
    assert expected <= found
    if to_ids:
        assert obj.id == f"indicator--{_UUID % 1}"
        assert obj.version == "2026-11-05T09:00:00.000000Z"
        assert obj.document()["created"] == "2026-11-01T00:00:00.000000Z"


_REFUSED = {
    "a rule": ("yara", "rule x {}", "detection rule"),
    "a sample": ("malware-sample", "x|" + "ab" * 16, "content of a file"),
    "a payment card": ("cc-number", "4242424242424242", "not taken"),
    "an unheard-of type": ("wombat", "x", "no counterpart"),
    "a wrong check digit": ("iban", "GB82WEST12345698765433", "check digits"),
    "a network": ("ip-dst", "192.0.2.0/24", "not one IPv4 address"),
    "half a pair": ("domain|ip", "a.test", "two values"),
    "no value": ("domain", "", "no type or no value"),
    "a value too long": ("url", "http://a.test/" + "x" * 20_000, "longer than"),
}


@pytest.mark.parametrize("case", _REFUSED)
def test_what_has_no_counterpart_is_refused_singly(case: str, context: IntakeContext) -> None:
    kind, value, reason = _REFUSED[case]
    result = _read(context, _event(_attribute(kind, value), _attribute("domain", "a.test")))
    assert (result.read, len(result.drafts), len(result.refused)) == (2, 1, 1)
    assert f"(type '{kind}')" in result.refused[0].place
    assert reason in result.refused[0].reason


def test_the_senders_own_workflow_is_refused_and_counted(context: IntakeContext) -> None:
    result = _read(
        context,
        _event(
            _attribute("domain", "a.test", deleted=True),
            _attribute("domain", "b.test", ShadowAttribute=[{}], Sighting=[{}, {}]),
            ShadowAttribute=[{}],
        ),
    )
    assert (result.read, len(result.drafts), len(result.refused)) == (6, 1, 5)


def test_the_parts_of_one_file_are_one_draft(context: IntakeContext) -> None:
    thing = {
        "name": "file",
        "uuid": _UUID % 7,
        "Attribute": [
            _attribute("filename", "x.exe"),
            _attribute("md5", "ab" * 16, to_ids=True),
            _attribute("sha1", "cd" * 20),
            _attribute("size-in-bytes", "12"),
            _attribute("filename", "y.exe"),
            _attribute("md5", "nonsense"),
        ],
    }
    result = _read(context, _event(Object=[thing]))
    assert (result.read, len(result.drafts), len(result.carried), len(result.refused)) == (
        6,
        2,
        3,
        1,
    )
    first = parse_object(result.drafts[0].raw)
    assert first.id == f"indicator--{_UUID % 7}"
    assert {str(s.kind) for s in selectors_of(first)} == {"md5", "sha1"}


def test_the_report_ties_names_labels_links_and_the_more_restrictive_tlp(
    context: IntakeContext,
) -> None:
    tags = ["tlp:green", 'misp-galaxy:tool="Lampwick"', 'sector="Military"', "workflow:todo"]
    result = _read(
        context,
        _event(
            _attribute("domain", "a.test", comment="a page", Tag=[{"name": "tlp:amber"}]),
            _attribute("link", "https://news.example.org/x", comment="press"),
            _attribute("comment", "free text"),
            Tag=[{"name": tag} for tag in tags],
        ),
    )
    domain, note, report = _documents(result)
    assert domain["object_marking_refs"] == [TLP_MARKING_IDS[TLP.AMBER]]
    assert report["object_marking_refs"] == [TLP_MARKING_IDS[TLP.GREEN]]
    assert report["id"] == f"report--{_UUID % 0}"
    assert report["labels"] == ['misp-galaxy:tool="Lampwick"']
    assert report["external_references"][0]["external_id"] == _UUID % 0
    assert report["external_references"][1]["url"] == "https://news.example.org/x"
    assert "a.test: a page" in note["content"]
    assert "free text" in note["content"]
    assert set(report["object_refs"]) == {domain["id"], note["id"]}
    assert result.suggestions["tlp"] == ("amber",)
    assert result.suggestions["left out"] == ("1 tags on a person's or group's character",)
    assert len(result.carried) == 2


def test_an_unknown_tlp_is_read_as_red(context: IntakeContext) -> None:
    result = _read(context, _event(Tag=[{"name": "tlp:ex:chr"}]))
    assert result.suggestions["tlp"] == ("red",)


def test_reading_again_later_gives_the_same_bytes(context: IntakeContext) -> None:
    document = _event(_attribute("domain", "a.test", comment="x"), _attribute("vulnerability", "v"))
    later = dataclasses.replace(context, now=context.now.replace(year=2027))
    assert _read(context, document) == _read(later, document)


def test_a_target_is_a_victim(context: IntakeContext) -> None:
    result = _read(context, _event(_attribute("target-email", "someone@example.com")))
    assert "person" not in result.suggestions
    result = _read(
        context, _event(_attribute("target-email", "a@example.com", category="Targeting data"))
    )
    assert result.suggestions["person"] == ("victim",)


def test_several_events_of_one_file_share_the_account(context: IntakeContext) -> None:
    event = _event(_attribute("domain", "a.test"))
    other = {"Event": {**event["Event"], "uuid": _UUID % 5}}
    result = _read(context, {"response": [event, other]})
    assert (result.read, len(result.drafts), len(result.duplicates), len(result.added)) == (
        2,
        1,
        1,
        2,
    )
    assert result.source.title.endswith("(and 1 more events)")


@pytest.mark.parametrize(
    "document", [{"response": []}, {"response": {"Attribute": []}}, [{"Event": {}}, 3], [[]]]
)
def test_what_is_no_event_is_refused_whole(document: object, context: IntakeContext) -> None:
    with pytest.raises(IntakeError):
        read(json.dumps(document).encode(), name="e.json", context=context)
