"""Selectors: the published vectors, and what no vector shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from foedus.model.defang import refang, refang_with_positions
from foedus.model.normal_form import MAX_TEXT_CHARS
from foedus.model.selectors import (
    PERSONAL_KINDS,
    Selector,
    SelectorError,
    SelectorKind,
    normalise,
)

REPOSITORY = Path(__file__).parents[3]
VECTORS: dict[str, Any] = json.loads(
    (REPOSITORY / "tests" / "golden" / "selectors" / "vectors.json").read_text(encoding="utf-8")
)
WALLETS = REPOSITORY / ".." / "shared" / "data" / "ofac-crypto-addresses"


@pytest.mark.parametrize("vector", VECTORS["normal"], ids=lambda v: f"{v['kind']} {v['text'][:40]}")
def test_published_normal_form(vector: dict[str, str]) -> None:
    selector = normalise(SelectorKind(vector["kind"]), vector["text"])
    assert selector.value == vector["value"]
    assert Selector(selector.kind, vector["value"]) == selector


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda v: f"{v['kind']} {v['because']}")
def test_published_refusal(vector: dict[str, str]) -> None:
    with pytest.raises(SelectorError) as refusal:
        normalise(SelectorKind(vector["kind"]), vector["text"])
    assert vector["text"] not in str(refusal.value)


def test_every_kind_has_a_vector_of_both_sorts() -> None:
    assert {v["kind"] for v in VECTORS["normal"]} == set(SelectorKind)
    # A digest is hex digits and nothing else: one refusal speaks for the longer ones.
    alike = {SelectorKind.SHA256, SelectorKind.SHA512}
    assert {v["kind"] for v in VECTORS["refused"]} == set(SelectorKind) - alike


def test_a_selector_cannot_hold_a_value_that_is_not_normal() -> None:
    with pytest.raises(SelectorError):
        Selector(SelectorKind.DOMAIN, "Example.ORG")


def test_selectors_print_sort_and_compare_by_kind_and_value() -> None:
    one = normalise(SelectorKind.DOMAIN, "a.example")
    two = normalise(SelectorKind.DOMAIN, "b.example")
    assert str(one) == "domain:a.example"
    assert sorted([two, one]) == [one, two]
    assert len({one, normalise(SelectorKind.DOMAIN, "A.EXAMPLE")}) == 1


@pytest.mark.parametrize("kind", SelectorKind)
def test_overlong_text_is_refused_for_every_kind(kind: SelectorKind) -> None:
    with pytest.raises(SelectorError):
        normalise(kind, "a1." * MAX_TEXT_CHARS)


@pytest.mark.parametrize("kind", SelectorKind)
def test_text_that_is_not_unicode_is_refused_for_every_kind(kind: SelectorKind) -> None:
    with pytest.raises(SelectorError):
        normalise(kind, "\ud800 name")


def test_what_names_or_reaches_a_person_is_personal() -> None:
    assert {"email", "phone", "iban", "account", "handle", "document", "name"} == PERSONAL_KINDS


@pytest.mark.parametrize(
    ("address", "genuine"),
    [
        # The published examples of BIP 173, BIP 350 and the CashAddr specification.
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", True),
        ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0", True),
        ("bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd", False),
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh", False),
        ("bc1rw5uspcuh", False),
        ("bc1zw508d6qejxtdg4y5r3zarvaryvqyzf3du", False),
        ("bc1gmk9yu", False),
        ("bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a", True),
        ("bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6b", False),
        ("bc1QW508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", False),
    ],
)
def test_wallet_checksums_of_the_specifications(address: str, *, genuine: bool) -> None:
    if genuine:
        assert normalise(SelectorKind.WALLET, address).value == address
    else:
        with pytest.raises(SelectorError):
            normalise(SelectorKind.WALLET, address)


def test_a_changed_character_of_a_wallet_is_noticed() -> None:
    address = "1111111111111111111114oLvT2"
    for at in range(len(address)):
        changed = address[:at] + ("2" if address[at] != "2" else "3") + address[at + 1 :]
        with pytest.raises(SelectorError):
            normalise(SelectorKind.WALLET, changed)


def test_two_exchanged_digits_of_an_iban_are_noticed() -> None:
    iban = "DE89370400440532013000"
    for at in range(4, len(iban) - 1):
        changed = iban[:at] + iban[at + 1] + iban[at] + iban[at + 2 :]
        if changed != iban:
            with pytest.raises(SelectorError):
                normalise(SelectorKind.IBAN, changed)


def test_published_sanctioned_wallets_pass() -> None:
    if not WALLETS.is_dir():
        pytest.skip("the list of sanctioned wallets is not on this machine")
    refused = []
    total = 0
    for file in sorted(WALLETS.glob("*.txt")):
        for address in file.read_text(encoding="utf-8").split():
            total += 1
            try:
                normalise(SelectorKind.WALLET, address)
            except SelectorError:
                refused.append(address)
    assert total > 600
    # One line of the Monero file is a payment id, not an address.
    assert len(refused) <= 1


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("hxxp://a[.]example", "http://a.example"),
        ("hXXps[:]//a(dot)example", "https://a.example"),
        ("h**p[://]a{.}example", "http://a.example"),
        ("fxp://a[dot]example", "ftp://a.example"),
        ("jane[at]a[.]example", "jane@a.example"),
        ("jane (at) a (dot) example", "jane@a.example"),
        (r"a\.example/x\_y", "a.example/x_y"),
        ("a.]example and 192.0.2[.1", "a.example and 192.0.2.1"),
        ("prose at the dot stays", "prose at the dot stays"),
        ("a phxxp:// b", "a phxxp:// b"),
    ],
)
def test_defanged_forms(written: str, meant: str) -> None:
    assert refang(written) == meant
    assert refang_with_positions(written).text == meant


def test_positions_lead_back_to_the_text_as_written() -> None:
    written = "see hxxp://a[.]example now"
    refanged = refang_with_positions(written)
    start, end = refanged.text.index("http"), refanged.text.index(" now")
    assert written[refanged.origin(start) : refanged.origin(end)] == "hxxp://a[.]example"
