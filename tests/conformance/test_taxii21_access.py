"""TAXII 2.1 §1.6 and §3.2: who comes in, what types are spoken, which headers go with an answer."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from tests.conformance.taxii_kit import (
    FIRST,
    LAST,
    ROOT,
    SIX_DIGITS,
    STIX,
    TAXII,
    basic,
    ids_of,
    sign,
)

if TYPE_CHECKING:
    from tests.conformance.taxii_kit import Five, Place, Served

EVERY_RESOURCE = (
    "/taxii2/",
    ROOT,
    ROOT + "collections/",
    "",
    "manifest/",
    "objects/",
    "objects/{one}/",
    "objects/{one}/versions/",
)
ONE = sign(1)["id"]


def path_of(place: Place, resource: str) -> str:
    """Return the path of a resource, of this collection unless it is absolute."""
    rest = resource.format(one=ONE)
    return rest if rest.startswith("/") else place.url + rest


# --- §1.6.9 authentication and authorization


@pytest.mark.parametrize("resource", EVERY_RESOURCE)
def test_1_6_9_who_does_not_say_who_it_is_gets_401_and_a_challenge(
    filled: Place, resource: str
) -> None:
    answer = filled.ask("GET", path_of(filled, resource), authorization="")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"]
    assert answer.headers["content-type"] == TAXII
    assert answer.json()["title"]


def test_1_6_9_writing_and_deleting_without_a_name_are_401_too(place: Place) -> None:
    assert place.post([sign(1)], authorization="").status_code == 401
    answer = place.delete(f"objects/{ONE}/", authorization="")
    assert answer.status_code == 401
    assert "www-authenticate" in answer.headers


def test_1_6_9_basic_is_among_the_challenges(filled: Place) -> None:
    """HTTP Basic is the scheme that every server implements."""
    answer = filled.ask("GET", ROOT, authorization="")
    schemes = {part.strip().split(" ")[0].lower() for part in
               answer.headers["www-authenticate"].split(",")}  # fmt: skip
    assert "basic" in schemes


@pytest.mark.parametrize("user", ["any", "", "a tool", "ünï", "x" * 100])
def test_1_6_9_basic_opens_every_resource_with_the_token_as_password(
    filled: Place, user: str
) -> None:
    for resource in EVERY_RESOURCE:
        answer = filled.ask(
            "GET", path_of(filled, resource), authorization=basic(user, filled.token)
        )
        assert answer.status_code == 200, resource


def test_1_6_9_the_name_of_a_scheme_has_no_case(filled: Place) -> None:
    """RFC 9110 §11.1; one well-known client writes ``basic`` in small letters."""
    for header in (
        basic("u", filled.token).replace("Basic", "basic"),
        basic("u", filled.token).replace("Basic", "BASIC"),
        f"bearer {filled.token}",
        f"BEARER {filled.token}",
    ):
        assert filled.get(authorization=header).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic " + "A" * 5_000,
        basic("admin", "wrong"),
        basic("admin", ""),
        "Basic YWRtaW4=",  # no colon
        "Bearer",
        "Bearer wrong",
        "Bearer fds_wrong-token-of-the-right-form-0000",
        "Digest username=admin",
        "\xff\xfe",
        "Negotiate abc",
    ],
)
def test_1_6_9_credentials_that_are_not_good_are_401(
    filled: Place, served: Served, header: str
) -> None:
    for guesser in served.connections(filled, 1, of="127.0.0.2"):
        request = guesser.http.build_request("GET", ROOT + "collections/")
        request.headers.update({"accept": TAXII})
        request.headers.raw.append((b"authorization", header.encode("latin-1")))
        answer = guesser.http.send(request)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"]
        assert answer.json()["title"]


def test_1_6_9_basic_costs_no_password_hash(filled: Place) -> None:
    """Two hundred calls take less than what twenty slow hashes would."""
    header = basic("tool", filled.token)
    filled.get(authorization=header)
    took = sum(filled.get(authorization=header).elapsed.total_seconds() for _ in range(200))
    assert took < 4


def test_1_6_9_a_revoked_token_is_refused(served: Served) -> None:
    name = served.create()
    made = served.command("token", "create", "--user", "admin", "--grant", f"{name}=rw")
    place = served.place(name, made["secret"])
    assert place.get().status_code == 200
    served.command("token", "revoke", made["token"])
    answer = place.get()
    for _ in range(300):  # another process is told within a second
        if answer.status_code == 401:
            break
        time.sleep(0.01)
        answer = place.get()
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"]


def test_1_6_9_what_is_hidden_looks_like_what_is_not_there(five: Five, absent: str) -> None:
    """A collection without any right may be kept secret: the same 404 as for none."""
    place = five.conformance
    for rest in ("", "manifest/", "objects/", f"objects/{ONE}/", f"objects/{ONE}/versions/"):
        hidden = place.ask("GET", f"{ROOT}collections/{five.noaccess_id}/{rest}")
        none = place.ask("GET", f"{ROOT}collections/{absent}/{rest}")
        assert (hidden.status_code, none.status_code) == (404, 404), rest
        assert hidden.content == none.content


# --- §1.6.8 content negotiation


@pytest.mark.parametrize(
    "accept",
    [
        TAXII,
        "application/taxii+json; version=2.1",
        "application/taxii+json;version=2.1; charset=utf-8",
        "application/taxii+json",
        "application/taxii+json ; version = 2.1",
        'application/taxii+json;version="2.1"',
        "APPLICATION/TAXII+JSON;VERSION=2.1",
        "Application/Taxii+Json; Version=2.1",
        "application/*",
        "*/*",
        "text/html, application/taxii+json;version=2.1;q=0.5",
        "application/taxii+json;version=2.0, application/taxii+json;version=2.1",
        "application/taxii+json;version=2.1,application/stix+json;version=2.1",
        "text/html;q=1, */*;q=0.1",
        "",  # none at all
    ],
)
def test_1_6_8_whoever_can_read_taxii_2_1_is_answered_in_it(filled: Place, accept: str) -> None:
    """An Accept without a version, with spaces, weights or capitals is as good as any."""
    for resource in EVERY_RESOURCE:
        answer = filled.ask("GET", path_of(filled, resource), accept=accept)
        assert answer.status_code == 200, resource
        assert answer.headers["content-type"] == TAXII


@pytest.mark.parametrize(
    "accept",
    ["application/taxii+json;version=9.9", "text/html", "application/taxii+json;version=2.1;q=0"],
)
def test_1_6_8_an_accept_that_nothing_fits_is_406_if_it_is_refused(
    filled: Place, accept: str
) -> None:
    """The standard lets a server refuse; whatever it does, the answer is a TAXII resource."""
    answer = filled.get("objects/", accept=accept)
    assert answer.status_code in {200, 406}
    assert answer.headers["content-type"] == TAXII
    if answer.status_code == 406:
        assert answer.json()["title"]


@pytest.mark.parametrize(
    "content_type",
    [
        TAXII,
        "application/taxii+json; version=2.1",
        "APPLICATION/TAXII+JSON;VERSION=2.1",
        "application/taxii+json",
        "application/taxii+json;version=2.1;charset=utf-8",
        'application/taxii+json; version="2.1"',
    ],
)
def test_1_6_8_a_body_of_the_taxii_type_is_read(place: Place, content_type: str) -> None:
    assert place.post([sign(1)], content_type=content_type).status_code == 202


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "nonsense", ""])
def test_1_6_8_a_body_of_another_type_is_415_if_it_is_refused(
    place: Place, content_type: str
) -> None:
    answer = place.post([sign(1)], content_type=content_type)
    assert answer.status_code in {202, 415}
    assert answer.headers["content-type"] == TAXII
    if answer.status_code == 415:
        assert answer.json()["title"]
        assert not place.dates()


def test_1_6_10_stix_2_1_is_served_and_read(filled: Place) -> None:
    assert STIX in filled.get().json()["media_types"]


# --- §3.2 headers


@pytest.mark.parametrize("resource", EVERY_RESOURCE)
def test_3_2_every_answer_says_its_media_type(filled: Place, resource: str) -> None:
    answer = filled.ask("GET", path_of(filled, resource))
    assert answer.headers["content-type"] == TAXII
    json.loads(answer.content)


DATED = ("manifest/", "objects/", f"objects/{ONE}/", f"objects/{ONE}/versions/")


@pytest.mark.parametrize("resource", DATED)
def test_3_2_answers_with_objects_carry_both_dates(filled: Place, resource: str) -> None:
    answer = filled.get(resource + "?match[version]=all")
    assert SIX_DIGITS.fullmatch(answer.headers[FIRST])
    assert SIX_DIGITS.fullmatch(answer.headers[LAST])
    assert answer.headers[FIRST] <= answer.headers[LAST]


def test_3_2_the_dates_are_those_of_the_first_and_the_last_object(filled: Place) -> None:
    dates = filled.dates()
    for limit in (1, 2, 4, 6):
        for resource in ("objects/", "manifest/"):
            answer = filled.get(f"{resource}?match[version]=all&limit={limit}")
            assert answer.headers[FIRST] == dates[0]
            assert answer.headers[LAST] == dates[limit - 1]


def test_3_2_the_dates_of_one_object_are_its_own(filled: Place) -> None:
    manifest = filled.get(f"manifest/?match[id]={ONE}&match[version]=all").json()["objects"]
    dates = [each["date_added"] for each in manifest]
    for resource in (f"objects/{ONE}/?match[version]=all", f"objects/{ONE}/versions/"):
        answer = filled.get(resource)
        assert (answer.headers[FIRST], answer.headers[LAST]) == (dates[0], dates[-1])


@pytest.mark.parametrize("resource", ["objects/", "manifest/"])
def test_3_2_the_dates_stand_on_an_empty_answer_too(place: Place, resource: str) -> None:
    """Every 200 has them. Of no object there is no date, so the reader's cursor is repeated."""
    answer = place.get(resource)
    assert answer.status_code == 200
    assert SIX_DIGITS.fullmatch(answer.headers[FIRST])
    assert SIX_DIGITS.fullmatch(answer.headers[LAST])
    cursor = "2026-11-24T10:00:00.123456Z"
    answer = place.get(f"{resource}?added_after={cursor}")
    assert answer.headers[FIRST] == answer.headers[LAST] == cursor


def test_3_2_a_follower_of_the_last_header_stays_where_it_is(place: Place) -> None:
    place.put(sign(1))
    cursor = place.get("objects/").headers[LAST]
    for _ in range(3):
        answer = place.get(f"objects/?added_after={cursor}")
        assert answer.content == b"{}"
        assert answer.headers[LAST] == cursor
    place.put(sign(2))
    assert ids_of(place.get(f"objects/?added_after={cursor}")) == [sign(2)["id"]]


@pytest.mark.parametrize(
    ("method", "resource"),
    [
        ("POST", "/taxii2/"),
        ("PUT", ROOT),
        ("DELETE", ROOT + "collections/"),
        ("POST", ""),
        ("DELETE", ""),
        ("POST", "manifest/"),
        ("PUT", "objects/"),
        ("PATCH", "objects/"),
        ("DELETE", "objects/"),
        ("POST", "objects/{one}/"),
        ("POST", "objects/{one}/versions/"),
        ("DELETE", "objects/{one}/versions/"),
    ],
)
def test_3_1_a_method_no_endpoint_has_is_405(filled: Place, method: str, resource: str) -> None:
    answer = filled.ask(method, path_of(filled, resource))
    assert answer.status_code == 405
    assert answer.headers["allow"]
    assert answer.json()["title"]


def test_3_1_a_path_without_its_last_slash_leads_there_or_is_not_found(filled: Place) -> None:
    """Every endpoint of the standard ends with a slash."""
    for path in ("/taxii2", ROOT.rstrip("/"), filled.url.rstrip("/"), filled.url + "objects"):
        answer = filled.ask("GET", path)
        assert answer.status_code in {200, 301, 307, 308, 404}, path


def test_3_1_every_endpoint_of_the_table_is_there(filled: Place) -> None:
    for resource in EVERY_RESOURCE:
        assert filled.ask("GET", path_of(filled, resource)).status_code == 200, resource


def test_8_2_one_connection_serves_many_requests(filled: Place, served: Served) -> None:
    for one in served.connections(filled, 1):
        for resource in EVERY_RESOURCE * 3:
            answer = one.ask("GET", path_of(filled, resource))
            assert answer.headers.get("connection", "keep-alive") != "close"
