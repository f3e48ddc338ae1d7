from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foedus.intake import Format, IntakeContext, IntakeError, read
from foedus.model.identifiers import MemberId, ObjectId
from foedus.model.objects import parse_object
from foedus.model.validation import validate_object

_CONTEXT = IntakeContext(
    member=MemberId("XA"),
    member_identity=ObjectId("identity--6a2f7c1e-3b0d-4c55-9f0e-2b6f6d6f6564"),
    now=datetime(2026, 11, 24, tzinfo=UTC),
)
_QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            ["type", "id", "objects", "Event", "response", "info", "Attribute", "Object", "value",
             "Tag", "name", "uuid", "timestamp", "to_ids", "deleted", "date", "spec_version"]
        ),
        inner,
        max_size=6,
    ),
    max_leaves=25,
)  # fmt: skip
_ATTRIBUTES = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(
                ["domain", "ip-dst", "filename|md5", "regkey", "iban", "link", "comment", "yara",
                 "domain|ip", "AS", "vulnerability", "url", "mutex", "size-in-bytes"]
            ),
            "value": st.text(max_size=30)
            | st.sampled_from(["a.test", "192.0.2.1", "a.test|192.0.2.1", "x|" + "a" * 32]),
        },
        optional={
            "to_ids": st.booleans(),
            "comment": st.text(max_size=20),
            "uuid": st.uuids().map(str),
            "timestamp": st.integers(0, 2**40).map(str),
            "first_seen": st.text(max_size=10),
        },
    ),
    max_size=12,
)  # fmt: skip


def _read_or_refuse(data: bytes, name: str, kind: Format | None = None) -> None:
    try:
        result = read(data, name=name, context=_CONTEXT, format=kind)
    except IntakeError as error:
        refused = error
    else:
        for draft in result.all_drafts:
            assert not validate_object(parse_object(draft.raw))
        return
    assert refused.name == name
    assert refused.place
    assert refused.reason


@_QUICK
@given(st.binary(max_size=300), st.sampled_from([None, *Format]))
def test_noise_is_read_or_refused(data: bytes, kind: Format | None) -> None:
    _read_or_refuse(data, "noise.bin", kind)


@_QUICK
@given(_JSON, st.sampled_from([None, Format.BUNDLE, Format.MISP]))
def test_any_json_is_read_or_refused(document: object, kind: Format | None) -> None:
    _read_or_refuse(json.dumps(document).encode(), "any.json", kind)


@_QUICK
@given(st.text(max_size=300), st.sampled_from(["a.txt", "a.md", "a.csv", "a.html", "a.xml"]))
def test_any_text_is_read_or_refused(text: str, name: str) -> None:
    _read_or_refuse(text.encode("utf-8", "surrogatepass"), name)


@_QUICK
@given(
    st.lists(
        st.sampled_from(
            ["<div>", "</div>", "<table>", "<tr>", "<td>", "<p>", "text ", "&amp;", "&#0;", "<a ",
             "<!--", "-->", "<script>", "</script>", "<title>", "<h1>", "192.0.2.1 ", "<meta ",
             "<time datetime='2026-99-99'>", "<article>", "<br/>", "]]>", "<![CDATA[", "é"]
        ),
        max_size=40,
    )
)  # fmt: skip
def test_any_page_is_read_or_refused(parts: list[str]) -> None:
    _read_or_refuse(("<html><body>" + "".join(parts)).encode(), "page.html", Format.REPORT)


@_QUICK
@given(
    st.lists(
        st.sampled_from(
            ["# ", "> ", "- ", "|a|b|\n|-|-|\n", "```\n", "[x](", ")", "![", "](", "\n", "\n\n",
             "*", "_", "`", "<b>", "&", "---\n", "title: x\n", "\\", "    ", "word "]
        ),
        max_size=60,
    )
)  # fmt: skip
def test_any_markdown_is_read_or_refused(parts: list[str]) -> None:
    _read_or_refuse("".join(parts).encode(), "note.md", Format.REPORT)


@_QUICK
@given(_ATTRIBUTES)
def test_every_attribute_is_accounted_for(attributes: list[dict[str, Any]]) -> None:
    event = {"Event": {"info": "x", "date": "2026-11-01", "Attribute": attributes}}
    result = read(json.dumps(event).encode(), name="e.json", context=_CONTEXT)
    assert result.read == len(attributes)
    assert result.read == result.taken + len(result.duplicates) + len(result.refused)
    again = read(json.dumps(event).encode(), name="e.json", context=_CONTEXT)
    assert again == result


@_QUICK
@given(st.lists(st.tuples(st.sampled_from(["ip", "name", "x", "url"]), st.text(max_size=20))))
def test_every_row_is_accounted_for(rows: list[tuple[str, str]]) -> None:
    lines = [f'{kind},"{value.replace(chr(34), chr(34) * 2)}"' for kind, value in rows]
    data = ("kind,value\n" + "\n".join(lines)).encode("utf-8", "replace")
    try:
        result = read(data, name="t.csv", context=_CONTEXT)
    except IntakeError:
        return
    assert result.read == len(rows)


@_QUICK
@given(st.binary(max_size=60), st.integers(0, 400))
def test_a_list_damaged_anywhere_is_read_or_refused(noise: bytes, at: int) -> None:
    entry = (
        b"<INDIVIDUAL><FIRST_NAME>A</FIRST_NAME><REFERENCE_NUMBER>EXi.1</REFERENCE_NUMBER>"
        b"<LISTED_ON>2024-01-01</LISTED_ON><INDIVIDUAL_ALIAS><ALIAS_NAME>B</ALIAS_NAME>"
        b"</INDIVIDUAL_ALIAS></INDIVIDUAL>"
    )
    data = b'<CONSOLIDATED_LIST dateGenerated="2026-01-01T00:00:00Z">' + entry
    data += b"</CONSOLIDATED_LIST>"
    _read_or_refuse(data[:at] + noise + data[at:], "list.xml", Format.UN_LIST)
