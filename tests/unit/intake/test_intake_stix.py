from __future__ import annotations

import json

import pytest

from foedus.intake import IntakeContext, IntakeError, read
from foedus.intake.drafts import Format, IntakeResult, SourceNote

_FRAME = (
    '"spec_version":"2.1","created":"2026-11-01T00:00:00.000Z",'
    '"modified":"2026-11-01T00:00:00.000Z"'
)
_TOOL = '{ "type":"tool", %s, "id":"tool--%s",\t"name":"%s", "x_ünknown":[1.50] }'
_STATEMENT = '{"type":"foedus-disclosure",%s,"id":"foedus-disclosure--%s"}'
_URL = '{"type":"url","id":"url--%s","value":"http://example.com/"}'
_ONE = "0a1b2c3d-0000-4000-8000-000000000001"
_TWO = "0a1b2c3d-0000-4000-8000-000000000002"


def _bundle(*objects: str) -> bytes:
    return ('{"type":"bundle","id":"bundle--x","objects":[' + " ,\n".join(objects) + "]}").encode()


def _read(context: IntakeContext, *objects: str) -> IntakeResult:
    return read(_bundle(*objects), name="b.json", context=context)


def test_the_exact_bytes_of_each_object_are_kept(context: IntakeContext) -> None:
    first = _TOOL.replace("x_ünknown", "x_unknown") % (_FRAME, _ONE, "caf\\u00e9")
    second = _URL % _TWO
    result = _read(context, first, second)
    assert [draft.raw for draft in result.drafts] == [first.encode(), second.encode()]
    assert result.read == 2
    assert not result.added


def test_a_bad_object_is_refused_singly_with_its_reason(context: IntakeContext) -> None:
    good = _URL % _ONE
    result = _read(
        context,
        good,
        '{"type":"url"}',
        "[1]",
        '{"type":"url","id":"url--TWO"}'.replace("TWO", _TWO),
        '{"type":"tool","id":"tool--ONE","name":"old"}'.replace("ONE", _ONE),
        _STATEMENT % (_FRAME, _ONE),
    )
    assert (result.read, len(result.drafts)) == (6, 1)
    reasons = [refusal.reason for refusal in result.refused]
    assert "no 'id'" in reasons[0]
    assert "not a JSON object" in reasons[1]
    assert "value" in reasons[2]
    assert "STIX 2.0 is not read" in reasons[3]
    assert "feed only" in reasons[4]


def test_repeated_objects_are_duplicates_and_contradictions_are_refused(
    context: IntakeContext,
) -> None:
    plain = _TOOL.replace("x_ünknown", "x_unknown")
    result = _read(
        context,
        plain % (_FRAME, _ONE, "a"),
        plain % (_FRAME, _ONE, "a"),
        plain % (_FRAME, _ONE, "b"),
    )
    assert (len(result.drafts), len(result.duplicates), len(result.refused)) == (1, 1, 1)
    assert "other content" in result.refused[0].reason


def test_a_bundle_of_2_0_is_refused_whole(context: IntakeContext) -> None:
    with pytest.raises(IntakeError, match=r"only 2\.1 is read"):
        read(
            b'{"type":"bundle","id":"x","spec_version":"2.0","objects":[]}',
            name="old.json",
            context=context,
        )


def test_the_most_restrictive_tlp_found_fills_the_form(context: IntakeContext) -> None:
    mark = (
        '{"type":"url","id":"url--%s","value":"http://example.com/%s",'
        '"object_marking_refs":["marking-definition--%s"]}'
    )
    result = _read(
        context,
        mark % (_ONE, 1, "bab4a63c-aed9-4cf5-a766-dfca5abac2bb"),
        mark % (_TWO, 2, "939a9414-2ddd-4d32-a0cd-375ea402b003"),
    )
    assert result.suggestions["tlp"] == ("amber+strict",)


def test_the_title_is_that_of_the_widest_report(context: IntakeContext) -> None:
    url = _URL % _ONE
    report = json.dumps(
        {
            "type": "report",
            "spec_version": "2.1",
            "id": f"report--{_TWO}",
            "created": "2026-11-01T00:00:00.000Z",
            "modified": "2026-11-01T00:00:00.000Z",
            "name": "Exercise report",
            "published": "2026-11-02T00:00:00.000Z",
            "object_refs": [f"url--{_ONE}"],
        }
    )
    result = _read(context, url, report)
    assert result.source.title == "Exercise report"
    assert str(result.source.published) == "2026-11-02 00:00:00+00:00"


def test_counts_that_do_not_reconcile_are_no_result() -> None:
    source = SourceNote(format=Format.BUNDLE, name="b.json", title="b")
    with pytest.raises(IntakeError, match="do not reconcile"):
        IntakeResult(source=source, drafts=(), duplicates=(), refused=(), read=1)
