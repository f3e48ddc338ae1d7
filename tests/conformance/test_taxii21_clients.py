"""The two client libraries in use, through every resource of a node."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import requests
from cytaxii2.cytaxii2 import cytaxii2
from taxii2client.common import TokenAuth
from taxii2client.exceptions import AccessError
from taxii2client.v21 import ApiRoot, Collection, Server, as_pages
from tests.conformance.taxii_kit import address, sign, statement

if TYPE_CHECKING:
    from tests.conformance.taxii_kit import Five, Place, Served

MANY = 23


@pytest.fixture(name="taxii")
def _taxii(served: Served, place: Place) -> Iterator[Collection]:
    """The collection as taxii2-client finds it, from discovery on."""
    with Server(f"{served.base}/taxii2/", user="tool", password=place.token) as server:
        yield next(each for each in server.default.collections if each.id == place.id)


# --- taxii2-client


def test_taxii2client_reads_discovery_root_and_collections(served: Served, five: Five) -> None:
    token = five.conformance.token
    with Server(f"{served.base}/taxii2/", user="u", password=token) as server:
        assert server.title
        assert server.default.url in [root.url for root in server.api_roots]
        root = server.default
        assert root.title
        assert root.versions == ["application/taxii+json;version=2.1"]
        assert root.max_content_length > 0
        found = {each.alias: (each.can_read, each.can_write) for each in root.collections}
    assert found == {
        "conformance": (True, True),
        "bench": (True, True),
        "readonly": (True, False),
        "writeonly": (False, True),
    }


def test_taxii2client_opens_root_and_collection_by_their_urls(served: Served, place: Place) -> None:
    with ApiRoot(f"{served.base}/tools", user="u", password=place.token) as root:
        assert [each.id for each in root.collections] == [place.id]
    with Collection(f"{served.base}{place.url}", user="u", password=place.token) as one:
        assert one.title
        assert one.media_types == ["application/stix+json;version=2.1"]
        assert one.custom_properties == {}


@pytest.mark.parametrize("per_request", [1, 5, 10, MANY, 100])
def test_taxii2client_pages_objects_and_manifest(
    taxii: Collection, place: Place, per_request: int
) -> None:
    place.put(*(sign(n) for n in range(1, MANY + 1)))
    for read in (taxii.get_objects, taxii.get_manifest):
        got = [each["id"] for page in as_pages(read, per_request=per_request)
               for each in page.get("objects", [])]  # fmt: skip
        assert got == [sign(n)["id"] for n in range(1, MANY + 1)]


def test_taxii2client_pages_with_filters(taxii: Collection, place: Place) -> None:
    place.put(*(sign(1, version=n) for n in range(4)), address(1), sign(2))
    pages = as_pages(taxii.get_objects, per_request=2, type="indicator", version="all")
    got = [each["modified"] for page in pages for each in page["objects"]]
    assert got == [sign(1, version=n)["modified"] for n in range(4)] + [sign(2)["modified"]]


def test_taxii2client_pages_a_whole_collection_without_a_number(
    taxii: Collection, place: Place
) -> None:
    """The client then goes on with as many a page as it got."""
    for start in range(1, 1_301, 650):
        place.put(*(sign(n) for n in range(start, start + 650)))
    got = [each["id"] for page in as_pages(taxii.get_objects) for each in page["objects"]]
    assert got == [sign(n)["id"] for n in range(1, 1_301)]


def test_taxii2client_filters(taxii: Collection, place: Place) -> None:
    place.put(sign(1), address(1), statement(1), sign(1, version=1))
    one = sign(1)["id"]

    def ids(**filters: object) -> list[str]:
        return [each["id"] for each in taxii.get_objects(**filters).get("objects", [])]

    assert ids(id=one) == [one]
    assert ids(type=["ipv4-addr", "marking-definition"]) == [address(1)["id"], statement(1)["id"]]
    assert ids(id=one, version="all") == [one, one]
    assert ids(id=one, version=["first", "last"]) == [one, one]
    assert ids(id=one, version=datetime(2026, 11, 1, 8, tzinfo=UTC)) == [one]
    assert ids(spec_version="2.1", type="ipv4-addr") == [address(1)["id"]]
    assert ids(spec_version="2.0") == []
    assert ids(added_after=datetime(2020, 1, 1, tzinfo=UTC), type="indicator") == [one]
    assert ids(added_after="2090-01-01T00:00:00Z") == []


def test_taxii2client_follows_by_the_date_of_the_manifest(taxii: Collection, place: Place) -> None:
    """It drops zeros from the fraction of a date."""
    for number in range(1, 8):
        place.put(sign(number))
    for skipped, record in enumerate(taxii.get_manifest()["objects"], start=1):
        instant = datetime.fromisoformat(record["date_added"])
        assert len(taxii.get_objects(added_after=instant).get("objects", [])) == 7 - skipped


@pytest.mark.parametrize("form", [dict, str, bytes])
def test_taxii2client_adds_gets_and_deletes(
    taxii: Collection, form: type[dict[str, object] | str | bytes]
) -> None:
    envelope = {"objects": [sign(1), sign(2), {"type": "indicator", "id": "indicator--7"}]}
    text = json.dumps(envelope)
    body = envelope if form is dict else text if form is str else text.encode()
    status = taxii.add_objects(body)
    assert (status.status, status.total_count) == ("complete", 3)
    assert (status.success_count, status.failure_count) == (2, 1)
    assert status.failures[0]["id"] == "indicator--7"
    status.refresh()
    assert status.total_count == 3
    one = sign(1)["id"]
    assert taxii.get_object(one)["objects"] == [sign(1)]
    assert taxii.object_versions(one)["versions"] == [sign(1)["modified"]]
    taxii.add_objects({"objects": [sign(1, version=1)]})
    taxii.delete_object(one, version="first")
    assert taxii.object_versions(one)["versions"] == [sign(1, version=1)["modified"]]
    taxii.delete_object(one)
    with pytest.raises(requests.HTTPError, match="404"):
        taxii.get_object(one)


def test_taxii2client_does_not_try_what_it_may_not(served: Served, five: Five) -> None:
    with Server(f"{served.base}/taxii2/", user="u", password=five.conformance.token) as server:
        places = {each.alias: each for each in server.default.collections}
        with pytest.raises(AccessError):
            places["readonly"].add_objects({"objects": [sign(1)]})
        with pytest.raises(AccessError):
            places["writeonly"].get_objects()


def test_taxii2client_with_its_own_scheme_of_tokens(served: Served, place: Place) -> None:
    """Its ``TokenAuth`` writes ``Authorization: Token …``."""
    with Server(f"{served.base}/taxii2/", auth=TokenAuth(place.token)) as server:
        assert [each.id for each in server.default.collections] == [place.id]


def test_taxii2client_is_refused_with_a_wrong_password(served: Served) -> None:
    with (
        Server(f"{served.base}/taxii2/", user="tool", password="wrong") as server,
        pytest.raises(requests.HTTPError, match="401"),
    ):
        server.refresh()


# --- cytaxii2


@pytest.fixture(name="cyware")
def _cyware(served: Served, place: Place) -> cytaxii2:
    return cytaxii2(discovery_url=f"{served.base}/taxii2/", username="tool", password=place.token)


def test_cytaxii2_reads_discovery_root_and_collections(cyware: cytaxii2, place: Place) -> None:
    assert cyware.discovery_request()["status_code"] == 200
    assert cyware.root_discovery()["response"]["versions"]
    listed = cyware.collection_request()
    assert listed["status"] is True
    assert [each["id"] for each in listed["response"]["collections"]] == [place.id]
    assert cyware.collection_data_request(place.id)["response"]["can_write"] is True
    by_alias = cyware.collection_data_request(place.name)
    assert by_alias["response"]["id"] == place.id


def test_cytaxii2_writes_and_polls_every_page(cyware: cytaxii2, place: Place) -> None:
    objects = [sign(n) for n in range(1, MANY + 1)]
    posted = cyware.inbox_request(place.id, json.dumps({"objects": objects}))
    assert (posted["status_code"], posted["response"]["success_count"]) == (202, MANY)
    got: list[str] = []
    token = None
    while True:
        answer = cyware.poll_request(place.id, limit=10, next=token)
        assert answer["status"] is True
        got += [each["id"] for each in answer["response"].get("objects", [])]
        if not answer["response"].get("more"):
            break
        token = answer["response"]["next"]
    assert got == [each["id"] for each in objects]


def test_cytaxii2_polls_with_filters(cyware: cytaxii2, place: Place) -> None:
    place.put(sign(1), address(1), sign(2))

    def ids(**filters: object) -> list[str]:
        answer = cyware.poll_request(place.id, **filters)
        assert answer["status_code"] == 200, answer
        return [each["id"] for each in answer["response"].get("objects", [])]

    assert ids(object_id=sign(2)["id"]) == [sign(2)["id"]]
    assert ids(object_type="ipv4-addr") == [address(1)["id"]]
    assert ids(added_after="2020-01-01T00:00:00Z", limit=1) == [sign(1)["id"]]
    assert ids(added_after="2090-01-01T00:00:00.000Z") == []


def test_cytaxii2_posts_a_bundle(cyware: cytaxii2, place: Place) -> None:
    """Its argument is named so, and people send what it says."""
    bundle = {
        "type": "bundle",
        "id": "bundle--00000000-0000-4000-8000-000000000001",
        "objects": [sign(1)],
    }
    posted = cyware.inbox_request(place.id, json.dumps(bundle))
    assert posted["response"]["success_count"] == 1


def test_cytaxii2_is_told_why_it_is_refused(served: Served, place: Place) -> None:
    wrong = cytaxii2(f"{served.base}/taxii2/", "tool", "wrong")
    answer = wrong.discovery_request()
    assert (answer["status"], answer["status_code"]) == (False, 401)
    assert answer["response"]["title"]
    right = cytaxii2(f"{served.base}/taxii2/", "tool", place.token)
    missing = right.poll_request("00000000-0000-4000-8000-000000000000")
    assert (missing["status_code"], bool(missing["response"]["title"])) == (404, True)
