from __future__ import annotations

import dataclasses

import pytest

from foedus.intake import IntakeContext, IntakeResult, read
from foedus.model.objects import parse_object
from foedus.model.observables import selectors_of

_WALLET = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
_TABLES = {
    "commas": b"kind,value\ndomain,a.test\nip,192.0.2.1\n",
    "semicolons and a mark": b"\xef\xbb\xbfKind;Value;X\r\ndomain;a.test;x\r\nIP;192.0.2.1;y\r\n",
    "tabs, in another order": b"note\tvalue\ttype\n\ta.test\tdomain\n\t192.0.2.1\tip\n",
    "quotes and empty lines": b'"kind","value"\n\n"domain","a.test"\n\n# aside\nip,"192.0.2.1"\n',
    "MISP's own columns": b"uuid,category,type,value\n1,x,hostname,a.test\n2,x,ip-dst,192.0.2.1\n",
    "UTF-16": "kind,value\ndomain,a.test\nip,192.0.2.1\n".encode("utf-16"),
    "one column": b"a.test\n192.0.2.1\n",
    "one column, defanged": b"a[.]test\n192[.]0[.]2[.]1\n",
    "one column under a name": b"indicator\na.test\n192.0.2.1\n",
}


def _found(result: IntakeResult) -> list[str]:
    objects = [parse_object(draft.raw) for draft in result.drafts]
    return [str(selector) for obj in objects for selector in selectors_of(obj)]


@pytest.mark.parametrize("case", _TABLES)
def test_a_table_is_read_however_it_is_written(case: str, context: IntakeContext) -> None:
    result = read(_TABLES[case], name="t.csv", context=context)
    assert _found(result) == ["domain:a.test", "ipv4:192.0.2.1"]
    assert result.read == 2


def test_a_bad_row_is_refused_with_its_line(context: IntakeContext) -> None:
    data = (
        b"kind,value,description\ndomain,a.test,x\nwombat,y,\niban,GB82WEST12345698765433,\n"
        b'domain,"a.test","said\ntwice"\nip,\n'
    )
    result = read(data, name="t.csv", context=context)
    assert [refusal.place for refusal in result.refused] == ["line 3", "line 4", "line 7"]
    assert "unknown kind 'wombat'" in result.refused[0].reason
    assert "check digits" in result.refused[1].reason
    assert [duplicate.place for duplicate in result.duplicates] == ["line 5"]
    assert result.read == 5


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("ab" * 16, "md5"), ("ab" * 20, "sha1"), ("ab" * 32, "sha256"), ("ab" * 64, "sha512"),
        (_WALLET, "wallet"), ("+12025550143", "phone"), ("GB82WEST12345698765432", "iban"),
        ("http://a.test/", "url"), ("hxxp[:]//a.test/", "url"), ("x@a.test", "email"),
        ("2001:db8::1", "ipv6"), ("0x" + "ab" * 20, "wallet"),
    ],
)  # fmt: skip
def test_a_lone_value_tells_its_kind(value: str, expected: str, context: IntakeContext) -> None:
    result = read(value.encode(), name="t.csv", context=context)
    assert [found.partition(":")[0] for found in _found(result)] == [expected]


def test_a_first_line_naming_a_kind_gives_it_to_all(context: IntakeContext) -> None:
    result = read(b"account\n12345678\n", name="t.csv", context=context)
    assert _found(result) == ["account:12345678"]


def test_every_kind_can_be_written_in_a_table(context: IntakeContext) -> None:
    rows = {
        "handle": "telegram:lantern_ex",
        "document": "EX1203344",
        "account": "12345678",
        "tlsh": "T1" + "AB" * 35,
        "pdq": "ab" * 32,
        "ssdeep": "96:abcdefgh:abcd",
        "name": "Odran  Vellisk",
        "phone": "+12025550143",
    }
    data = "kind,value\n" + "".join(f"{kind},{value}\n" for kind, value in rows.items())
    result = read(data.encode(), name="t.csv", context=context)
    assert (len(result.drafts), result.refused) == (len(rows), ())


def test_a_value_that_reaches_a_person_is_not_repeated_in_the_note(context: IntakeContext) -> None:
    """It stands in its own item, which terms for personal data govern; the note refers to it."""
    data = b"kind,value,description\nemail,jan.kowal@example.org,wrote twice\n"
    result = read(data, name="t.csv", context=context)
    note = parse_object(result.added[0].raw).document()
    assert note["content"] == "wrote twice"
    assert b"jan.kowal" not in b"".join(draft.raw for draft in result.added)


def test_descriptions_go_to_a_note_and_dates_date_it(context: IntakeContext) -> None:
    data = b"kind,value,description,first_seen,colour\nip,192.0.2.1,a server,2026-11-03,red\n"
    result = read(data, name="t.csv", context=context)
    note, report = (parse_object(draft.raw).document() for draft in result.added)
    assert note["content"] == "192.0.2.1: a server; first seen 2026-11-03"
    assert note["modified"] == report["published"] == "2026-11-03T00:00:00.000000Z"
    assert result.suggestions["left out"] == ("column 'colour'",)


def test_a_name_held_unchanged_makes_no_new_version(context: IntakeContext) -> None:
    data = b"kind,value\nname,Odran Vellisk\n"
    first = read(data, name="t.csv", context=context)
    obj = parse_object(first.drafts[0].raw)
    later = dataclasses.replace(
        context,
        now=context.now.replace(year=2027),
        edition={obj.id: (obj.content_hash, obj.version)},
    )
    again = read(data, name="t.csv", context=later)
    assert (len(again.drafts), len(again.duplicates)) == (0, 1)
