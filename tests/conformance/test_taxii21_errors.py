"""TAXII 2.1 §3.6: whatever goes wrong, an error resource says so, and the server stays well."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from tests.conformance.taxii_kit import ROOT, TAXII, sign

if TYPE_CHECKING:
    from tests.conformance.taxii_kit import Five, Place

ONE = sign(1)["id"]
KNOWN = {
    "title",
    "description",
    "error_id",
    "error_code",
    "http_status",
    "external_details",
    "details",
}


def check(answer: httpx.Response, status: int) -> None:
    """Check an error resource (§3.6.1)."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == TAXII
    body = answer.json()
    assert isinstance(body["title"], str)
    assert body["title"]
    assert set(body) <= KNOWN
    if "http_status" in body:
        assert body["http_status"] == str(status)
    for name in ("description", "error_id", "error_code", "external_details"):
        assert isinstance(body.get(name, ""), str)
    assert isinstance(body.get("details", {}), dict)


@pytest.mark.parametrize("rest", ["objects/", "manifest/", f"objects/{ONE}/"])
@pytest.mark.parametrize("query", ["limit=0", "added_after=x", "next=x", "match[version]=x"])
def test_3_6_1_a_malformed_request_has_an_error_resource(
    filled: Place, rest: str, query: str
) -> None:
    check(filled.get(f"{rest}?{query}"), 400)


def test_3_6_1_who_is_not_known_has_an_error_resource(filled: Place) -> None:
    check(filled.get(authorization=""), 401)


def test_3_6_1_what_is_not_allowed_has_an_error_resource(five: Five) -> None:
    check(five.readonly.post([sign(1)]), 403)
    check(five.writeonly.get("objects/"), 403)


@pytest.mark.parametrize(
    "path",
    [
        "/nothing/",
        "/taxii2/nothing/",
        ROOT + "nothing/",
        ROOT + "collections/nothing/",
        ROOT + "collections/nothing/objects/",
        ROOT + "status/nothing/",
        "{place}objects/nothing/",
        "{place}objects/nothing/versions/",
        "{place}nothing/",
    ],
)
def test_3_6_1_what_is_not_there_has_an_error_resource(filled: Place, path: str) -> None:
    check(filled.ask("GET", path.replace("{place}", filled.url)), 404)


def test_3_6_1_a_method_that_is_not_there_has_an_error_resource(filled: Place) -> None:
    check(filled.ask("PUT", filled.url + "objects/"), 405)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"null",
        b'"text"',
        b'{"objects":{}}',
        b'{"objects":"x"}',
        b'{"objects":null}',
        b'{"objects":[',
        b"\xff\xfe",
        b'{"objects":[]}trailing',
        b"[" * 5_000,
    ],
)
def test_3_6_1_a_body_that_is_no_envelope_has_an_error_resource(place: Place, body: bytes) -> None:
    answer = place.send(body)
    assert answer.status_code in {400, 422}
    check(answer, answer.status_code)


def test_3_6_1_a_body_beyond_the_limit_has_an_error_resource(place: Place) -> None:
    limit = place.ask("GET", ROOT).json()["max_content_length"]
    check(place.send(b" " * (limit + 1)), 413)


def test_3_6_1_a_malformed_post_leaves_the_collection_readable(place: Place) -> None:
    """In one known server a single bad post makes every later read fail."""
    place.put(sign(1))
    for body in (
        b'{"objects":[7]}',
        b'{"objects":[null]}',
        b'{"objects":[[]]}',
        b'{"objects":["x"]}',
        b'{"objects":[{}]}',
        b'{"objects":[{"id":7}]}',
        b'{"objects":[{"id":"x","type":"y"}]}',
        b'{"objects":[{"type":"indicator","id":"indicator--1","modified":"no date"}]}',
        b'{"objects":[{"id":"' + b"x" * 10_000 + b'"}]}',
        b'{"objects":[' + b'{"a":' * 500 + b"1" + b"}" * 500 + b"]}",
    ):
        assert place.send(body).status_code in {202, 400, 422}
    for rest in ("objects/", "manifest/", f"objects/{ONE}/", f"objects/{ONE}/versions/"):
        assert place.get(rest).status_code == 200
    assert place.get("objects/").json()["objects"] == [sign(1)]
    place.put(sign(2))


def test_3_6_1_an_error_says_nothing_of_the_inside(filled: Place) -> None:
    for answer in (
        filled.get("objects/?next=x"),
        filled.ask("GET", "/nothing/"),
        filled.send(b"{"),
    ):
        for word in ("Traceback", "sqlite", "psycopg", "site-packages", ".py"):
            assert word not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "{place}objects/%00/",
        "{place}objects/%2e%2e/",
        "{place}objects/..%2f..%2f/",
        "{place}objects/" + "a" * 4_000 + "/",
        "{place}objects/%ff%fe/",
        ROOT + "collections/%00/objects/",
        ROOT + "collections/'%20OR%201=1/objects/",
        ROOT + "status/%F0%9F%94%92/",
    ],
)
def test_3_6_1_odd_names_are_not_found(filled: Place, path: str) -> None:
    check(filled.ask("GET", path.replace("{place}", filled.url)), 404)
