from __future__ import annotations

import dataclasses
import json

import pytest

from foedus.errors import FoedusError
from foedus.intake import Format, IntakeContext, IntakeError, IntakeLimits, detect, read
from foedus.intake.limits import check_depth

_LAUGHS = b"""<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;">]>
<CONSOLIDATED_LIST dateGenerated="2026-11-02T09:00:00+00:00">&lol2;</CONSOLIDATED_LIST>"""
_FILE_ENTITY = b"""<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>
<CONSOLIDATED_LIST dateGenerated="2026-11-02T09:00:00+00:00">&f;</CONSOLIDATED_LIST>"""
_LIST = b'<CONSOLIDATED_LIST dateGenerated="2026-11-02T09:00:00+00:00">'

_REFUSED = {
    "an empty file": (b"", "a.txt", "file", "empty"),
    "only white space": (b" \n\t ", "a.txt", "file", "empty"),
    "truncated JSON": (b'{"type":"bundle","objects":[{"id', "a.json", "byte", "damaged JSON"),
    "JSON in Latin-1": (b'{"type":"bundle","id":"\xe9"}', "a.json", "byte", "damaged JSON"),
    "JSON of another kind": (b'{"hello": 1}', "a.json", "file", "no known format"),
    "JSON 200 levels deep": (b'{"a":' + b"[" * 200 + b"]" * 200 + b"}", "a.json", "file", "deeper"),
    "JSON a million levels deep": (b"[" * 1_000_000, "a.json", "file", "deeper"),
    "truncated XML": (_LIST + b"<INDIVIDUALS><INDIV", "a.xml", "line 1", "damaged XML"),
    "XML 200 levels deep": (
        _LIST + b"<a>" * 200 + b"</a>" * 200 + b"</CONSOLIDATED_LIST>",
        "a.xml",
        "line 1",
        "deeper",
    ),
    "XML 2000 levels deep": (_LIST + b"<a>" * 2000, "a.xml", "line 1", ""),
    "entities that grow": (_LAUGHS, "a.xml", "line 2", "type declaration"),
    "a file of the reader's machine": (_FILE_ENTITY, "a.xml", "line 1", "type declaration"),
    "XML of another kind": (b"<?xml version='1.0'?><rss/>", "a.xml", "line 1", "no known format"),
    "XML in an unknown encoding": (
        b'<?xml version="1.0" encoding="utf-7"?><a/>',
        "a.xml",
        "line 1",
        "utf-7",
    ),
    "a list without a date": (b"<CONSOLIDATED_LIST/>", "a.xml", "line 1", "dateGenerated"),
    "HTML 200 levels deep": (b"<html>" + b"<div>" * 200 + b"x", "a.html", "line 1", "deeper"),
    "text with a NUL": (b"first\nsec\x00ond", "a.txt", "line 2", "NUL"),
    "text in Latin-1": (b"caf\xe9 de la paix", "a.txt", "byte 3", "UTF-8"),
    "a PDF": (b"%PDF-1.7 ...", "a.pdf", "file", "PDF"),
    "an office file": (b"PK\x03\x04....", "a.docx", "file", "office"),
    "a table without header": (b"one,two\nthree,four\n", "a.csv", "line 1", "header"),
    "a table with an open quote": (b'kind,value\ndomain,"a', "a.csv", "line 2", "taken apart"),
    "a table of nothing": (b"kind,value\n", "a.csv", "file", "no row"),
    "a page of nothing": (b"<html><body></body></html>", "a.html", "file", "no text"),
}


@pytest.mark.parametrize("case", _REFUSED)
def test_refused_whole_naming_file_place_and_reason(case: str, context: IntakeContext) -> None:
    data, name, place, reason = _REFUSED[case]
    with pytest.raises(IntakeError) as caught:
        read(data, name=name, context=context)
    assert caught.value.name == name
    assert caught.value.place.startswith(place)
    assert reason in caught.value.reason
    assert name in str(caught.value)
    assert isinstance(caught.value, FoedusError)
    assert caught.value.code == "intake.refused"


def test_a_file_of_100_megabytes_is_refused_unread(context: IntakeContext) -> None:
    with pytest.raises(IntakeError, match="at most 67108864"):
        read(bytes(100_000_000), name="big.json", context=context)


def test_brackets_inside_texts_are_no_depth() -> None:
    data = json.dumps({"a": "[[[[[" * 100, "b\\": '"[{' * 100}).encode()
    check_depth(data, name="a", limits=IntakeLimits(depth=1))


@pytest.mark.parametrize("kind", Format)
def test_each_reader_refuses_noise_in_its_own_words(kind: Format, context: IntakeContext) -> None:
    for data in (b"\xff\xfe\xfd", b"{}\x00", b"\xef\xbb\xbf{\xff"):
        with pytest.raises(IntakeError, match=r"^noise: "):
            read(data, name="noise", context=context, format=kind)


def test_more_entries_than_allowed_refuse_the_file(context: IntakeContext) -> None:
    few = dataclasses.replace(context, limits=IntakeLimits(entries=2))
    with pytest.raises(IntakeError, match="more than 2 entries"):
        read(b"kind,value\nip,192.0.2.1\nip,192.0.2.2\nip,192.0.2.3\n", name="a.csv", context=few)


def test_a_page_of_too_many_elements_is_refused(context: IntakeContext) -> None:
    few = dataclasses.replace(context, limits=IntakeLimits(page_elements=10))
    with pytest.raises(IntakeError, match="more than 10 elements"):
        read(b"<html><body>" + b"<p>word</p>" * 20, name="a.html", context=few)


def test_values_and_quotes_are_counted_before_decoding(context: IntakeContext) -> None:
    few = dataclasses.replace(context, limits=IntakeLimits(json_values=10))
    for data in (b"[" + b"0," * 30 + b"0]", b'["' + b'","' * 30 + b'"]', b'["' + b'\\"' * 99):
        with pytest.raises(IntakeError, match="more than 10 values"):
            read(data, name="a.json", context=few)


def test_a_table_of_too_many_lines_is_refused(context: IntakeContext) -> None:
    few = dataclasses.replace(context, limits=IntakeLimits(entries=1))
    with pytest.raises(IntakeError, match="more than 102 lines"):
        read(b"kind,value\n" + b"\n" * 200 + b"x", name="a.csv", context=few)


def test_a_text_too_long_is_refused_not_cut(context: IntakeContext) -> None:
    short = dataclasses.replace(context, limits=IntakeLimits(text_chars=100))
    with pytest.raises(IntakeError, match="at most 100 are read"):
        read(b"word " * 50, name="a.txt", context=short)


_FORMATS = {
    "a bundle": (b'{"type":"bundle","id":"x","objects":[]}', "a.bin", Format.BUNDLE),
    "a TAXII envelope": (b'\xef\xbb\xbf {"objects":[]}', "a", Format.BUNDLE),
    "one object": (b'{"type":"url","id":"url--1"}', "a", Format.BUNDLE),
    "a MISP event": (b'{"Event":{}}', "a", Format.MISP),
    "MISP search results": (b'{"response":[]}', "a", Format.MISP),
    "MISP events in a list": (b'[{"Event":{}}]', "a", Format.MISP),
    "the list": (b"<?xml version='1.0'?>\n<CONSOLIDATED_LIST/>", "a", Format.UN_LIST),
    "a page": (b"<!DOCTYPE html><html>", "a", Format.REPORT),
    "a page after a comment": (b"<!-- hello -->\n<html>", "a", Format.REPORT),
    "a piece of a page": (b"<p>hello", "a", Format.REPORT),
    "prose": (b"The bank said, on Monday, that it was closed.", "a", Format.REPORT),
    "prose opening with a bracket": (b"[Port Avelin] The bank is closed.", "a", Format.REPORT),
    "a table": (b"type;value\n", "a", Format.TABLE),
    "a table by name": (b"whatever", "a.csv", Format.TABLE),
    "a column of addresses": (b"192.0.2.1\n192.0.2.2\n", "a.txt", Format.TABLE),
    "a column of words": (b"hello\nworld\n", "a.txt", Format.REPORT),
}


@pytest.mark.parametrize("case", _FORMATS)
def test_content_decides_the_format(case: str) -> None:
    data, name, expected = _FORMATS[case]
    assert detect(data, name) is expected
