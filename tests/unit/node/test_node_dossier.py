"""The dossier for a court: whole, readable, verified offline, and silent about other items."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from foedus.access import AccessDeniedError, Actor, Role
from foedus.canonical import canonical_bytes
from foedus.ledger.verify import main
from foedus.model.identifiers import MemberId
from foedus.model.kinds import FoedusKind, wrap_document
from foedus.model.objects import StixObject, parse_object
from foedus.model.terms import CategoryOfPerson
from foedus.node.discrepancy import DISCREPANCY_TYPE
from foedus.node.dossier import Dossier, dossier
from foedus.node.erase import erase
from foedus.node.errors import ErasedError
from foedus.node.ports import ItemState, NewItem
from foedus.signing import sign_envelope

if TYPE_CHECKING:
    from tests.unit.node.conftest import Pair

XB = MemberId("XB")
AUDITOR = Actor(user="court", roles=frozenset({Role.AUDITOR}))
NASTY = "</dl><script>alert(1)</script>\u202e"


def built(pair: Pair, *, pulled: bool = True) -> tuple[Dossier, str]:
    objects = [pair.indicator(n, f"sign{n}.example", description=NASTY) for n in range(1, 4)]
    handles = pair.a.held(*objects)
    pair.a.disclose(handles, pair.treaty)
    if pulled:
        pair.pull(pair.b)
    [row] = pair.a.read(lambda tx: tx.items.rows(handles[:1]))
    node = pair.a.wired.node
    return dossier(node, AUDITOR, pair.a.wired.ledger, str(row.number)), row.key.object_id


def written(made: Dossier, folder: Path) -> Path:
    for each in made.files:
        path = folder / "d" / each.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(each.data)
    return folder / "d"


def test_it_is_whole_and_verified_with_one_command(
    pair: Pair, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made, name = built(pair)
    assert (made.disclosures, made.receipts) == (1, 1)
    folder = written(made, tmp_path)
    assert main([str(folder), "--policy", str(folder / "policy")]) == 0
    said = capsys.readouterr().out
    assert f"XA disclosed {name}" in said
    assert "The very bytes that were given are in items/" in said
    roles = {each.role for each in made.files}
    assert {"receipt", "item", "treaty", "instrument", "letter", "acknowledgement", "policy",
            "cover", "manifest", "disclosures"} <= roles  # fmt: skip
    [treaty] = [each.data for each in made.files if each.role == "treaty"]
    assert b"# Pact of Two" in treaty


def test_a_changed_file_is_found(pair: Pair, tmp_path: Path) -> None:
    made, _ = built(pair)
    folder = written(made, tmp_path)
    cover = folder / "cover.html"
    cover.write_bytes(cover.read_bytes().replace(b"XB", b"XC"))
    assert main([str(folder), "--policy", str(folder / "policy")]) == 4


def test_other_items_of_the_batch_are_not_shown(pair: Pair) -> None:
    made, name = built(pair)
    others = re.compile(rb"indicator--00000000-0000-4000-8000-00000000000[23]|sign[23]\.example")
    assert [each.path for each in made.files if others.search(each.data)] == []
    assert any(name.encode() in each.data for each in made.files)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert not {name for name, _ in attrs} & {"src", "href", "onclick", "style"}

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_cover_page_says_it_in_plain_words_and_runs_nothing(pair: Pair) -> None:
    made, name = built(pair)
    [cover] = [each.data.decode() for each in made.files if each.role == "cover"]
    page = _Page()
    page.feed(cover)
    assert not page.tags & {"script", "img", "link", "iframe", "object", "form"}
    assert NASTY not in cover
    for words in (
        name,
        "EXERCISE EXERCISE EXERCISE",
        "XA gave the version of",
        "to Member XB (XB) on 2026-11-24 10:00:00 UTC",
        "Article 2, Sharing",
        "Pact of Two for Tests of a Node",
        "kept at most 30 days",
        "with 2 other items, not shown here",
        "foedus verify . --policy policy",
        "What is not proved",
        "No witness is asked for by the treaty",
    ):
        assert words in page.text, words


def test_what_was_not_acknowledged_is_said(pair: Pair) -> None:
    made, _ = built(pair, pulled=False)
    assert any("has not acknowledged everything" in gap for gap in made.gaps)


def test_a_redacted_form_is_shown_as_given(pair: Pair, tmp_path: Path) -> None:
    suspect = pair.stix(
        "identity", 9, name="Somebody", identity_class="individual", description="words"
    )
    review = pair.clock.now() + timedelta(days=30)
    handles = pair.a.held(suspect, person=CategoryOfPerson.SUSPECT, review=review)
    done = pair.a.disclose(handles, pair.treaty)
    assert done.given == 1, done.withheld
    [row] = pair.a.read(lambda tx: tx.items.rows(handles))
    made = dossier(pair.a.wired.node, AUDITOR, pair.a.wired.ledger, row.key.object_id)
    folder = written(made, tmp_path)
    assert main([str(folder), "--policy", str(folder / "policy")]) == 0
    assert any("-redacted" in each.path for each in made.files)
    [told] = json.loads((folder / "disclosures.json").read_bytes())
    assert told["item"]["variant"] is True
    assert "-redacted" in told["bytes"]


def test_who_may_and_what_is_erased(pair: Pair) -> None:
    made, name = built(pair)
    assert made.files[-1].path == "manifest.json"
    node, ledger = pair.a.wired.node, pair.a.wired.ledger
    with pytest.raises(AccessDeniedError):
        dossier(node, replace(AUDITOR, roles=frozenset({Role.ANALYST})), ledger, name)
    officer = Actor(user="dpo", roles=frozenset({Role.OFFICER}))
    erase(node, officer, name, order="7", reason="unfounded")
    with pytest.raises(ErasedError, match="under order 7"):
        dossier(node, AUDITOR, ledger, name)


def test_documents_are_read_many_at_a_time(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foedus.node.dossier._DOCUMENTS_READ", 2)
    made, name = built(pair)
    with pair.a.database.write() as tx:
        objects = [
            note_about(pair, name if number % 2 else "another", number) for number in range(5)
        ]
        tx.items.add(
            [
                NewItem(obj=each, originator=XB, state=ItemState.PROTOCOL, numbered=False)
                for each in objects
            ],
            at=pair.clock.now(),
        )
    more = dossier(pair.a.wired.node, AUDITOR, pair.a.wired.ledger, name)
    assert {each.data for each in more.files if each.role == "foedus-discrepancy"} == {
        each.raw for each in objects[1::2]
    }
    assert not any(each.role == "foedus-discrepancy" for each in made.files)


def note_about(pair: Pair, name: str, number: int) -> StixObject:
    payload = canonical_bytes({"v": 1, "kind": "discrepancy", "id": name, "number": number})
    envelope = sign_envelope(payload, DISCREPANCY_TYPE, pair.b.wired.node.identity.node)
    document = wrap_document(
        FoedusKind.DISCREPANCY, envelope.document(), payload=payload, issued=pair.clock.now()
    )
    return parse_object(document)
