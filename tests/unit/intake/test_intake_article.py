from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from foedus.intake import Format, IntakeContext, IntakeResult, read
from foedus.model.objects import parse_object

_PAGE = """<!doctype html><html lang="fr"><head><meta charset="{charset}">
<title>EXERCISE: Été</title>
<meta property="article:published_time" content="2026-10-05"></head><body>
<nav><a href="/menu">menu of the site</a></nav><article><h1>EXERCISE: Été</h1>
<p>Le port d'Avelin a fermé le guichet ce lundi. Les virements allaient au compte
GB82 WEST 1234 5698 7654 32, dit la banque, et la page était hxxps://pay[.]example[.]test/give.</p>
<p>Une seconde page, encore hxxps://pay[.]example[.]test/give, a été fermée à son tour.</p>
<table><tr><td>192.0.2.44</td></tr></table></article></body></html>"""


def _report(result: IntakeResult) -> dict[str, Any]:
    return parse_object(result.added[-1].raw).document()


def _selectors(result: IntakeResult) -> list[str]:
    documents = [parse_object(draft.raw).document() for draft in result.drafts]
    return sorted(str(d.get("value", d.get("iban"))) for d in documents)


@pytest.mark.parametrize("charset", ["utf-8", "windows-1252", "iso-8859-15"])
def test_a_page_gives_its_text_title_date_language_and_selectors(
    charset: str, context: IntakeContext
) -> None:
    text = _PAGE.format(charset=charset)
    result = read(text.encode(charset), name="page.html", context=context)
    report = _report(result)
    assert result.source.format is Format.REPORT
    assert report["name"] == "EXERCISE: Été"
    assert report["lang"] == "fr"
    assert report["published"] == "2026-10-05T00:00:00.000000Z"
    assert "Le port d'Avelin" in report["description"]
    assert "menu of the site" not in report["description"]
    assert _selectors(result) == [
        "192.0.2.44",
        "GB82WEST12345698765432",
        "https://pay.example.test/give",
    ]
    assert set(report["object_refs"]) == {parse_object(draft.raw).id for draft in result.drafts}


def test_markdown_keeps_links_tables_and_code(context: IntakeContext) -> None:
    text = """---
title: "EXERCISE: a note"
date: 2026-10-06
source: https://news.example.org/note
language: en
---
# Heading

See [the page](https://pay.example.test/give) and `192.0.2.7`.

| kind | value |
|------|-------|
| ip   | 198.51.100.9 |

    indented 203.0.113.5
"""
    result = read(text.encode(), name="note.md", context=context)
    report = _report(result)
    assert report["name"] == "EXERCISE: a note"
    assert report["published"] == "2026-10-06T00:00:00.000000Z"
    assert report["external_references"] == [
        {"source_name": "source", "url": "https://news.example.org/note"}
    ]
    assert _selectors(result) == [
        "192.0.2.7",
        "198.51.100.9",
        "203.0.113.5",
        "https://pay.example.test/give",
    ]


def test_a_text_without_date_is_dated_by_the_reader_and_named_by_its_bytes(
    context: IntakeContext,
) -> None:
    data = b"= EXERCISE: a telegram\n\nNothing to report. TLP:AMBER.\n"
    later = dataclasses.replace(context, now=context.now.replace(year=2027))
    first, second = (_report(read(data, name="t.txt", context=who)) for who in (context, later))
    assert first["id"] == second["id"]
    assert first["published"] == "2026-11-24T12:00:00.000000Z"
    assert first["name"] == "EXERCISE: a telegram"
    assert first["object_refs"] == [context.member_identity]
    assert read(data, name="t.txt", context=context).suggestions["tlp"] == ("amber",)


def test_a_date_that_means_two_days_is_not_believed(context: IntakeContext) -> None:
    data = b"Title: EXERCISE\nDate: 03/04/2026\n\nSome words about nothing in particular.\n"
    assert read(data, name="t.txt", context=context).source.published is None


def test_a_lone_year_is_no_first_of_january(context: IntakeContext) -> None:
    data = (
        b"<html><body><p>"
        + b"The law of 2012 says much about little. " * 20
        + b"</p></body></html>"
    )
    assert read(data, name="t.html", context=context).source.published is None


def test_offences_spoken_of_twice_are_hinted_at(context: IntakeContext) -> None:
    data = b"EXERCISE. They recruited by message. Those recruited were paid once by bank payment.\n"
    result = read(data, name="t.txt", context=context)
    assert result.suggestions["offence"] == ("recruitment",)
