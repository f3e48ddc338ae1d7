from __future__ import annotations

import dataclasses
import importlib.resources
import json
from collections.abc import Iterable
from pathlib import Path

import jsonschema_rs
import pytest

from foedus.intake import Edition, IntakeContext, IntakeError, IntakeResult, read
from foedus.model.identifiers import MemberId
from foedus.model.objects import parse_object
from foedus.model.observables import PERSON_EXTENSION_ID

_SCHEMA = jsonschema_rs.validator_for(
    json.loads(
        (importlib.resources.files("foedus.intake") / "schemas/foedus-person.json").read_text()
    )
)


def _edition(*results: IntakeResult) -> Edition:
    held: dict[object, tuple[str, str]] = {}
    for result in results:
        for draft in result.all_drafts:
            obj = parse_object(draft.raw)
            held[obj.id] = (obj.content_hash, obj.version)
    return held  # type: ignore[return-value]  # keys are object ids; the loop cannot say so


def _list(date: str, entries: Iterable[str]) -> bytes:
    body = "".join(f"<INDIVIDUAL>{entry}</INDIVIDUAL>" for entry in entries)
    return f'<CONSOLIDATED_LIST dateGenerated="{date}">{body}</CONSOLIDATED_LIST>'.encode()


_ENTRY = (
    "<DATAID>1</DATAID><VERSIONNUM>1</VERSIONNUM><FIRST_NAME> Odran </FIRST_NAME>"
    "<SECOND_NAME>VELLISK</SECOND_NAME><REFERENCE_NUMBER>EXi.001 </REFERENCE_NUMBER>"
    "<LISTED_ON>2024-03-11-04:00</LISTED_ON><COMMENTS1>{comment}</COMMENTS1>"
)


def _read(context: IntakeContext, data: bytes, held: Edition | None = None) -> IntakeResult:
    with_held = dataclasses.replace(context, edition=held or {})
    return read(data, name="list.xml", context=with_held)


def test_an_entry_says_what_the_list_says(context: IntakeContext) -> None:
    entry = _ENTRY.format(comment="EXERCISE.\n two  lines") + (
        "<NAME_ORIGINAL_SCRIPT>Одран</NAME_ORIGINAL_SCRIPT>"
        "<INDIVIDUAL_ALIAS><QUALITY>Good</QUALITY><ALIAS_NAME>Odhran</ALIAS_NAME></INDIVIDUAL_ALIAS>"
        "<INDIVIDUAL_ALIAS><QUALITY>Low</QUALITY><ALIAS_NAME>Lamp</ALIAS_NAME></INDIVIDUAL_ALIAS>"
        "<INDIVIDUAL_ALIAS><QUALITY/><ALIAS_NAME/></INDIVIDUAL_ALIAS>"
        "<INDIVIDUAL_DATE_OF_BIRTH><TYPE_OF_DATE>BETWEEN</TYPE_OF_DATE><FROM_YEAR>1979</FROM_YEAR>"
        "<TO_YEAR>1982</TO_YEAR></INDIVIDUAL_DATE_OF_BIRTH><INDIVIDUAL_DOCUMENT><NUMBER> EX 1203344"
        "</NUMBER></INDIVIDUAL_DOCUMENT><SUBMITTED_BY>Exercise</SUBMITTED_BY>"
    )
    result = _read(context, _list("2026-11-02T20:00:00.5-05:00", [entry]))
    document = parse_object(result.drafts[0].raw).document()
    assert document["name"] == "Odran VELLISK"
    assert document["identity_class"] == "individual"
    assert document["description"] == "EXERCISE. two lines"
    assert document["created"] == "2024-03-11T00:00:00.000000Z"
    assert document["modified"] == "2026-11-03T01:00:00.500000Z"
    assert "labels" not in document
    person = document["extensions"][PERSON_EXTENSION_ID]
    assert person["reference"] == "EXi.001"
    assert person["aliases"] == ["Одран", "Odhran"]
    assert person["weak_aliases"] == ["Lamp"]
    assert person["births"] == [{"certainty": "BETWEEN", "from_year": "1979", "to_year": "1982"}]
    assert person["documents"] == [{"number": "EX 1203344"}]
    assert person["other"] == [{"element": "SUBMITTED_BY", "text": "Exercise"}]
    assert result.source.title == "Consolidated list, edition of 2026-11-02"


def test_white_space_and_empty_elements_are_no_amendment(context: IntakeContext) -> None:
    first = _read(context, _list("2026-01-01T00:00:00Z", [_ENTRY.format(comment="a b")]))
    tidied = _ENTRY.format(comment=" a\n  b ") + "<TITLE><VALUE/></TITLE><SORT_KEY/>"
    second = _read(context, _list("2026-02-01T00:00:00Z", [tidied]), _edition(first))
    assert (len(second.drafts), len(second.duplicates)) == (0, 1)
    assert second.duplicates[0].reason == "unchanged since 2026-01-01"


def test_an_amended_entry_is_a_new_version_of_the_same_identity(context: IntakeContext) -> None:
    first = _read(context, _list("2026-01-01T00:00:00Z", [_ENTRY.format(comment="a")]))
    second = _read(
        context, _list("2026-02-01T00:00:00Z", [_ENTRY.format(comment="b")]), _edition(first)
    )
    old, new = (parse_object(result.drafts[0].raw) for result in (first, second))
    assert (old.id, old.created) == (new.id, new.created)
    assert new.version == "2026-02-01T00:00:00.000000Z"
    third = _read(
        context,
        _list("2026-03-01T00:00:00Z", [_ENTRY.format(comment="b")]),
        _edition(first, second),
    )
    assert third.duplicates[0].reason == "unchanged since 2026-02-01"


def test_a_missing_entry_is_delisted_but_an_unreadable_one_is_not(context: IntakeContext) -> None:
    first = _read(context, _list("2026-01-01T00:00:00Z", [_ENTRY.format(comment="a")]))
    gone = _read(context, _list("2026-02-01T00:00:00Z", []), _edition(first))
    assert gone.delisted == (parse_object(first.drafts[0].raw).id,)
    broken = _ENTRY.format(comment="a").replace("2024-03-11-04:00", "yesterday")
    kept = _read(context, _list("2026-02-01T00:00:00Z", [broken]), _edition(first))
    assert (kept.delisted, len(kept.refused)) == ((), 1)


def test_an_older_edition_is_refused_whole(context: IntakeContext) -> None:
    held = _edition(_read(context, _list("2026-02-01T00:00:00Z", [_ENTRY.format(comment="a")])))
    with pytest.raises(IntakeError, match="older than the one held"):
        _read(context, _list("2026-01-01T00:00:00Z", []), held)
    same_day = _read(context, _list("2026-02-01T00:00:00Z", [_ENTRY.format(comment="z")]), held)
    assert "this same edition" in same_day.refused[0].reason


def test_two_members_reading_one_list_make_two_identities(context: IntakeContext) -> None:
    data = _list("2026-01-01T00:00:00Z", [_ENTRY.format(comment="a")])
    other = dataclasses.replace(context, member=MemberId("XB"))
    ids = {parse_object(_read(who, data).drafts[0].raw).id for who in (context, other)}
    assert len(ids) == 2


def test_the_real_editions_of_2018_and_2021(context: IntakeContext, real_data: Path) -> None:
    folder = real_data / "un-sc-list"
    old = _read(context, (folder / "un-consolidated-2018-10-29.xml").read_bytes())
    assert (old.read, len(old.drafts), len(old.refused), old.delisted) == (1093, 1093, 0, ())
    held = _edition(old)
    new = _read(context, (folder / "un-consolidated-2021-03-12.xml").read_bytes(), held)
    added = [draft for draft in new.drafts if parse_object(draft.raw).id not in held]
    assert new.read == 1004
    assert len(added) == 32
    assert len(new.drafts) - len(added) == 593
    assert len(new.duplicates) == 972 - 593
    assert len(new.delisted) == 121
    assert not new.refused
    for draft in (*old.drafts, *new.drafts):
        extension = parse_object(draft.raw).document()["extensions"][PERSON_EXTENSION_ID]
        assert _SCHEMA.is_valid(extension), draft.raw
    assert new.source.title == "Consolidated list, edition of 2021-03-12"
