"""What the steps make of the JSON of commands, without running any."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from foedus.demo.giving import by_item, cell_of
from foedus.demo.proving import rewritten


def _decision(recipient: str, **rest: Any) -> dict[str, Any]:
    return {
        "recipient": recipient,
        "verdict": "permit",
        "article": "7",
        "reasons": [],
        "obligations": {},
        **rest,
    }


def test_the_first_reason_against_is_kept() -> None:
    cell = cell_of(
        _decision(
            "XB",
            verdict="needs-approval",
            reasons=[
                {"kind": "permit", "text": "article 7 permits it"},
                {"kind": "duty", "text": "an officer approves"},
                {"kind": "approval", "text": "approvals needed: 1, given: 0"},
            ],
        )
    )
    assert cell.why == "approvals needed: 1, given: 0"


def test_nothing_speaks_against_what_is_permitted() -> None:
    cell = cell_of(
        _decision(
            "XB",
            reasons=[{"kind": "permit", "text": "article 7 permits it"}],
            obligations={"redact": ["kind:iban"]},
        )
    )
    assert (cell.why, cell.redact) == ("", ("kind:iban",))


def test_a_denial_without_an_article_has_none() -> None:
    assert cell_of(_decision("XB", verdict="deny", article=None)).article == ""


@pytest.mark.parametrize(
    ("recipients", "sizes"),
    [("", []), ("BC", [2]), ("BCBC", [2, 2]), ("BB", [1, 1])],
)
def test_decisions_are_taken_item_by_item(recipients: str, sizes: list[int]) -> None:
    assert [len(row) for row in by_item([_decision(each) for each in recipients])] == sizes


def test_a_rewritten_receipt_differs_in_the_recipient_only() -> None:
    extra = rb'{"record":"{\"recipient\":\"XB\",\"sender\":\"XA\"}"}'
    receipt = b"head\nextra " + base64.b64encode(extra) + b"\nindex 1\n\nnote\n"
    changed = rewritten(receipt, recipient="XB", other="XC")
    assert len(changed) == len(receipt)
    head, line, rest = changed.split(b"\n", 2)
    assert (head, rest) == (b"head", b"index 1\n\nnote\n")
    assert base64.b64decode(line.removeprefix(b"extra ")) == extra.replace(b"XB", b"XC")
