"""What is never asked about: the rules of the benign list, as a table."""

from __future__ import annotations

import hashlib

import pytest

from foedus.matching import builtin_benign
from foedus.model.selectors import SelectorError, SelectorKind, normalise

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
ROWS = [
    ("an address of a private network", "ipv4", "10.1.2.3", "not routable"),
    ("an address of this machine", "ipv4", "127.0.0.1", "not routable"),
    ("an address of the link", "ipv4", "169.254.1.1", "not routable"),
    ("an address behind a carrier", "ipv4", "100.64.0.1", "not routable"),
    ("the unspecified address", "ipv4", "0.0.0.0", "not routable"),  # noqa: S104  # a value
    ("a private IPv6 address", "ipv6", "fd00::1", "not routable"),
    ("an IPv6 address of the link", "ipv6", "fe80::1", "not routable"),
    ("a public resolver", "ipv4", "8.8.8.8", "resolver"),
    ("a public resolver, IPv6", "ipv6", "2001:4860:4860::8888", "resolver"),
    ("a routable address", "ipv4", "93.184.216.34", None),
    ("an address for documents, which exercises use", "ipv4", "192.0.2.7", None),
    ("another", "ipv4", "198.51.100.7", None),
    ("the third", "ipv4", "203.0.113.7", None),
    ("an IPv6 address for documents", "ipv6", "2001:db8::7", None),
    ("the hash of an empty file", "sha256", EMPTY_SHA256, "empty file"),
    ("the MD5 of an empty file", "md5", hashlib.md5(b"").hexdigest(), "empty file"),  # noqa: S324
    ("the hash of something", "sha256", "ab" * 32, None),
    ("a service everybody uses", "domain", "google.com", "nearly everybody"),
    ("the same in capitals", "domain", "GOOGLE.com", "nearly everybody"),
    ("a host below it is another name", "domain", "evil.google.com", None),
    ("a name that only ends alike", "domain", "notgoogle.com", None),
    ("an e-mail address there", "email", "a@google.com", None),
]


@pytest.mark.parametrize(("what", "kind", "value", "reason"), ROWS, ids=[row[0] for row in ROWS])
def test_the_list_knows(what: str, kind: str, value: str, reason: str | None) -> None:
    found = builtin_benign().reason(normalise(SelectorKind(kind), value))
    if reason is None:
        assert found is None, what
    else:
        assert found is not None, what
        assert reason in found


def test_a_node_adds_values_of_its_own() -> None:
    lines = ["# ours", "", "domain,Intranet.Example", "  email , desk@ministry.example  "]
    benign = builtin_benign().extended(lines)
    own = normalise(SelectorKind.DOMAIN, "intranet.example")
    assert benign.reason(own) == "on this node's benign list"
    assert benign.reason(normalise(SelectorKind.EMAIL, "desk@ministry.example")) is not None
    assert benign.reason(normalise(SelectorKind.DOMAIN, "google.com")) is not None
    assert builtin_benign().reason(own) is None, "the built-in list is not changed"


@pytest.mark.parametrize(
    "line", ["domain", "colour,blue", "ipv4,not an address", "sha256,abc", ",x"]
)
def test_a_line_that_is_no_selector_stops_with_its_number(line: str) -> None:
    with pytest.raises(SelectorError, match="benign list line 2"):
        builtin_benign().extended(["# first", line])
