"""Selectors of STIX objects and comparisons of STIX patterns."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from foedus.model.objects import StixObject, parse_object
from foedus.model.observables import mentions_of, selectors_of
from foedus.model.patterns import (
    MAX_COMPARISONS,
    MAX_PATTERN_CHARS,
    PatternError,
    comparisons,
)

UUID = "5b1e3a52-9f0d-4c3e-8b57-0c6b5f1f7a01"
INSTANT = "2026-11-24T00:00:00.000Z"
SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
MD5 = "d41d8cd98f00b204e9800998ecf8427e"
SHARED = Path(__file__).parents[3] / ".." / "shared" / "data"


def stix(kind: str, **properties: Any) -> StixObject:
    document = {"type": kind, "spec_version": "2.1", "id": f"{kind}--{UUID}"}
    if kind not in {"url", "file", "user-account"}:
        document |= {"created": INSTANT, "modified": INSTANT}
    return parse_object(json.dumps(document | properties).encode())


def indicator(pattern: str, pattern_type: str = "stix") -> StixObject:
    return stix("indicator", pattern=pattern, pattern_type=pattern_type, valid_from=INSTANT)


def texts(obj: StixObject) -> set[str]:
    return {str(selector) for selector in selectors_of(obj)}


@pytest.mark.parametrize(
    ("kind", "properties", "expected"),
    [
        ("url", {"value": "HTTP://A.example"}, {"url:http://a.example/"}),
        ("domain-name", {"value": "A.example"}, {"domain:a.example"}),
        ("ipv4-addr", {"value": "192.0.2.1/32"}, {"ipv4:192.0.2.1"}),
        ("ipv4-addr", {"value": "192.0.2.0/24"}, set()),
        ("ipv6-addr", {"value": "2001:DB8::1"}, {"ipv6:2001:db8::1"}),
        ("email-addr", {"value": "Jane@A.example", "display_name": "J"}, {"email:jane@a.example"}),
        ("phone-number", {"value": "442079460018"}, {"phone:+442079460018"}),
        ("phone-number", {"value": "02079460018"}, set()),
        (
            "file",
            {"name": "a.exe", "hashes": {"MD5": MD5, "SHA-256": SHA256, "IMPHASH": MD5}},
            {f"md5:{MD5}", f"sha256:{SHA256}"},
        ),
        (
            "artifact",
            {"url": "https://a.example/x", "hashes": {"MD5": MD5}},
            {f"md5:{MD5}", "url:https://a.example/x"},
        ),
        ("x509-certificate", {"hashes": {"SHA-256": SHA256}}, {f"sha256:{SHA256}"}),
        (
            "user-account",
            {"account_type": "twitter", "account_login": "@Jane"},
            {"handle:twitter:jane"},
        ),
        ("user-account", {"account_type": "unix", "account_login": "root"}, set()),
        ("user-account", {"account_login": "jane"}, set()),
        (
            "bank-account",
            {"iban": "GB82WEST12345698765432", "account_number": "98765432"},
            {"iban:GB82WEST12345698765432", "account:98765432"},
        ),
        (
            "cryptocurrency-wallet",
            {"value": "1111111111111111111114oLvT2"},
            {"wallet:1111111111111111111114oLvT2"},
        ),
        (
            "identity",
            {
                "name": "Jane DOE",
                "identity_class": "individual",
                "contact_information": "jane@a.example; +44 20 7946 0018",
            },
            {"name:jane doe", "email:jane@a.example", "phone:+442079460018"},
        ),
        ("identity", {"name": "Bank customers", "identity_class": "class"}, set()),
        ("threat-actor", {"name": "Alpha", "aliases": ["Beta", 7]}, {"name:alpha", "name:beta"}),
        ("malware", {"name": "Gamma", "is_family": True}, set()),
        ("autonomous-system", {"number": 64500, "name": "AS"}, set()),
        (
            "report",
            {
                "name": "On a.example",
                "published": INSTANT,
                "object_refs": [f"malware--{UUID}"],
                "external_references": [{"source_name": "x", "url": "https://source.example/"}],
            },
            set(),
        ),
        (
            "x-misp-object",
            {
                "x_misp_name": "bank-account",
                "x_misp_attributes": [
                    {"type": "iban", "value": "GB82WEST12345698765432"},
                    {"type": "link", "value": "https://source.example/"},
                    "odd",
                ],
            },
            {"iban:GB82WEST12345698765432"},
        ),
        (
            "x-misp-attribute",
            {"x_misp_type": "passport-number", "x_misp_value": "P1234567"},
            {"document:P1234567"},
        ),
        (
            "observed-data",
            {
                "first_observed": INSTANT,
                "last_observed": INSTANT,
                "number_observed": 1,
                "objects": {"0": {"type": "url", "value": "http://a.example/"}, "1": 5},
            },
            {"url:http://a.example/"},
        ),
        ("url", {"value": 5}, set()),
        ("file", {"hashes": ["odd"]}, set()),
    ],
)
def test_selectors_of_objects(kind: str, properties: dict[str, Any], expected: set[str]) -> None:
    assert texts(stix(kind, **properties)) == expected


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("[url:value = 'http://a.example/']", {"url:http://a.example/"}),
        (f"[file:hashes.'SHA-256' = '{SHA256}']", {f"sha256:{SHA256}"}),
        (f"[file:hashes.MD5='{MD5}']", {f"md5:{MD5}"}),
        (f"[file:hashes.\"SHA-256\" = '{SHA256}']", set()),
        (
            "[domain-name:value IN ('a.example', 'b.example')]",
            {"domain:a.example", "domain:b.example"},
        ),
        ("[domain-name:value NOT IN ('a.example')]", set()),
        ("[domain-name:value != 'a.example']", set()),
        ("[domain-name:value LIKE '%.example']", set()),
        ("[ipv4-addr:value ISSUBSET '192.0.2.0/24']", set()),
        (
            "[domain-name:value = 'a.example' OR url:value = 'http://b.example/']",
            {"domain:a.example", "url:http://b.example/"},
        ),
        (
            "([ipv4-addr:value = '192.0.2.1'] FOLLOWEDBY [ipv6-addr:value = '2001:db8::1'])"
            " START t'2026-01-01T00:00:00Z' STOP t'2026-02-01T00:00:00Z'",
            {"ipv4:192.0.2.1", "ipv6:2001:db8::1"},
        ),
        ("[network-traffic:dst_ref.value = '192.0.2.1/32']", {"ipv4:192.0.2.1"}),
        ("[network-traffic:dst_ref.value = 'a.example']", {"domain:a.example"}),
        ("[email-message:from_ref.value = 'jane@a.example']", {"email:jane@a.example"}),
        (
            "[user-account:account_type = 'telegram' AND user-account:account_login = 'Jane']",
            {"handle:telegram:jane"},
        ),
        (
            "[user-account:account_type = 'unix' AND user-account:account_login = 'root']"
            " AND [user-account:account_type = 'vk' AND user-account:user_id = '7x']",
            {"handle:vk:7x"},
        ),
        (r"[url:value = 'http://a.example/it\'s']", {"url:http://a.example/it's"}),
        ("[file:name = 'url:value = \\'http://a.example/\\'']", set()),
        (
            "[url:value = 'http://a.example/' AND file:name MATCHES '^[', 5]",
            {"url:http://a.example/"},
        ),
        ("[url:value = 'unclosed]", set()),
        ("", set()),
    ],
)
def test_selectors_of_patterns(pattern: str, expected: set[str]) -> None:
    assert texts(indicator(pattern)) == expected


def test_only_stix_patterns_are_read() -> None:
    assert texts(indicator("[url:value = 'http://a.example/']", "snort")) == set()


def test_a_negated_value_is_mentioned_but_not_asserted() -> None:
    obj = indicator("[domain-name:value = 'a.example' AND email-addr:value != 'jane@b.example']")
    assert {str(s) for s in selectors_of(obj)} == {"domain:a.example"}
    assert {str(s) for s in mentions_of(obj)} == {"domain:a.example", "email:jane@b.example"}


@pytest.mark.parametrize(
    "pattern",
    [
        "[url:value = 'unclosed]",
        "[url:value ~ 'x']",
        "x" * (MAX_PATTERN_CHARS + 1),
        "[url:value IN (" + "'a'," * (MAX_COMPARISONS + 1) + "'a')]",
    ],
    ids=["open literal", "foreign character", "too long", "too many"],
)
def test_patterns_that_cannot_be_read(pattern: str) -> None:
    with pytest.raises(PatternError):
        comparisons(pattern)


def test_comparisons_know_their_observation() -> None:
    found = comparisons("[a:b = 'x' AND a:c.d[*].'e f' = 'y'] OR [a:b NOT = 'z']")
    assert [(c.observation, c.path, c.value, c.asserted) for c in found] == [
        (0, "b", "x", True),
        (0, "c.d[*].e f", "y", True),
        (1, "b", "z", False),
    ]


def test_every_example_pattern_of_the_specification_is_read() -> None:
    file = SHARED / "stix-patterns" / "v21" / "spec_examples.txt"
    if not file.is_file():
        pytest.skip("the example patterns of the specification are not on this machine")
    patterns = [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    assert len(patterns) > 20
    assert sum(bool(comparisons(pattern)) for pattern in patterns) >= len(patterns) - 3
