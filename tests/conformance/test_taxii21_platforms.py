"""The two platforms that most tools come from, request by request as their source sends them.

MISP reads with its own HTTP client: a small ``basic``, a media type on each GET, the API root's
name and ``limit=50``. It pushes with taxii2-client by URLs it puts together, envelopes cut at
``max_content_length``.

OpenCTI reads in two ways: its ingestion manager sends ``next`` and the ``added_after`` it began
with together, cuts the last date to milliseconds, and keeps both between runs; its connector uses
taxii2-client. It writes a bundle for each change, of the STIX media type.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx
import pytest
import requests
from requests.auth import AuthBase, HTTPBasicAuth
from taxii2client.common import TokenAuth
from taxii2client.v21 import ApiRoot, Collection, Server
from tests.conformance.taxii_kit import TAXII, Document, ids_of, sign

if TYPE_CHECKING:
    from tests.conformance.taxii_kit import Place, Served

ALL = [sign(n)["id"] for n in range(1, 131)]


@pytest.fixture(scope="module", name="many")
def _many(served: Served) -> Place:
    place = served.fresh()
    place.put(*(sign(n) for n in range(1, 131)))
    return place


# --- MISP


@dataclass(frozen=True, kw_only=True)
class Misp:
    """What MISP knows of a TAXII server, and how it asks."""

    http: httpx.Client
    base: str
    api_root: str
    key: str

    def query(self, uri: str, query: str = "") -> httpx.Response:
        headers = {
            "Accept": TAXII,
            "Content-type": TAXII,
            "Authorization": "basic " + self.key,
            "User-Agent": "CakePHP",
            "Connection": "close",
        }
        url = f"{self.base}/{self.api_root}{uri}" + (f"?{query}" if query else "")
        return self.http.get(url, headers=headers)


def misp(served: Served, place: Place) -> Misp:
    key = base64.b64encode(f"misp:{place.token}".encode()).decode()
    return Misp(http=served.http, base=served.base, api_root="tools", key=key)


def test_misp_lists_collections(served: Served, many: Place) -> None:
    answer = misp(served, many).query("/collections/")
    assert answer.status_code == 200
    assert [each["id"] for each in answer.json()["collections"]] == [many.id]


def test_misp_browses_objects_fifty_at_a_time(served: Served, many: Place) -> None:
    got: list[str] = []
    query = "limit=50"
    while True:
        answer = misp(served, many).query(f"/collections/{many.id}/objects/", query)
        assert answer.status_code == 200
        got += ids_of(answer)
        if "next" not in answer.json():
            break
        query = f"limit=50&next={quote(answer.json()['next'], safe='')}"
    assert got == ALL


def test_misp_shows_one_object(served: Served, many: Place) -> None:
    answer = misp(served, many).query(f"/collections/{many.id}/objects/{ALL[7]}/")
    assert answer.json()["objects"][0] == sign(8)


def test_misp_tells_wrong_credentials_from_other_faults(served: Served, many: Place) -> None:
    """It asks for 401 or 403 and says so to its user."""
    wrong = Misp(http=served.http, base=served.base, api_root="tools", key="d3Jvbmc6d3Jvbmc=")
    assert wrong.query(f"/collections/{many.id}/objects/").status_code in {401, 403}


def envelopes(objects: list[Document], greatest: int) -> Iterator[bytes]:
    """Cut envelopes as MISP does: as many objects as fit into the greatest length."""
    body = b'{"objects":['
    for one in objects:
        part = json.dumps(one).encode()
        if len(body) + len(part) + 3 > greatest:
            yield body.rstrip(b",") + b"]}"
            body = b'{"objects":['
        body += part + b","
    yield body.rstrip(b",") + b"]}"


def misp_objects() -> list[Document]:
    """Return what a MISP event becomes: custom types and properties among the usual ones."""
    times = {"created": "2026-11-01T08:00:00.000Z", "modified": "2026-11-01T08:00:00.000Z"}
    who = "identity--00000000-0000-4000-8000-0000000000aa"
    common: Document = {"spec_version": "2.1", "created_by_ref": who, **times}
    custom = "x-misp-object--00000000-0000-4000-8000-0000000000ab"
    note = "note--00000000-0000-4000-8000-0000000000ac"
    return [
        {
            "type": "identity", "spec_version": "2.1", "id": who, **times,
            "name": "ORG", "identity_class": "organization",
        },
        {
            "type": "x-misp-object", "id": custom, **common,
            "labels": ["misp:name=\"vehicle\"", "misp:to_ids=\"False\""],
            "x_misp_name": "vehicle", "x_misp_attributes": [{"type": "text", "value": "x"}],
        },
        sign(900, created_by_ref=who, labels=["misp:type=\"ip-dst\"", "misp:to_ids=\"True\""],
             x_misp_first_seen="2026-11-01"),
        {"type": "note", "id": note, **common, "content": "text", "object_refs": [custom]},
        {
            "type": "grouping", "id": "grouping--00000000-0000-4000-8000-0000000000ad", **common,
            "name": "Event", "context": "suspicious-activity", "object_refs": [custom, note],
            "labels": ["Threat-Report", "misp:tool=\"MISP-STIX-Converter\""],
        },
    ]  # fmt: skip


def test_misp_pushes_an_event(served: Served, place: Place) -> None:
    key = base64.b64encode(f"misp:{place.token}".encode()).decode()
    user, password = base64.b64decode(key.encode()).split(b":")
    auth = HTTPBasicAuth(user, password)
    root_url = served.base + "/" + "tools"
    with ApiRoot(root_url, auth=auth) as root:
        greatest = root.max_content_length
    objects = misp_objects()
    with Collection(root_url + "/collections/" + place.id, auth=auth) as collection:
        for body in envelopes(objects, greatest):
            status = collection.add_objects(body, wait_for_completion=False)
            assert status.failure_count == 0, status.failures
    assert place.get("objects/").json()["objects"] == objects


def test_misp_pushes_envelopes_filled_to_the_greatest_length(served: Served, place: Place) -> None:
    """Its envelopes may be exactly as long as is allowed."""
    greatest = place.ask("GET", "/tools/").json()["max_content_length"]
    parts: list[bytes] = []
    left = greatest - len(b'{"objects":[]}')
    number = 0
    while left > 2_000_000:
        number += 1
        parts.append(json.dumps(sign(number, description="x" * 900_000)).encode())
        left -= len(parts[-1]) + 1
    body = b'{"objects":[' + b",".join(parts) + b"]}"
    body = body[:-1] + b" " * (greatest - len(body)) + b"}"
    assert len(body) == greatest
    answer = place.send(body)
    assert answer.status_code == 202, answer.text
    assert answer.json()["success_count"] == number
    assert served.http.get("/health").status_code == 200


# --- OpenCTI: the ingestion manager


@dataclass(kw_only=True)
class Ingestion:
    """The state OpenCTI keeps of a feed between runs."""

    http: httpx.Client
    uri: str
    collection: str
    authorization: str
    cursor: str | None = None
    added_after: datetime | None = None
    limit: int = 0

    def run(self) -> list[str]:
        """Do one run: one request, and the state after it."""
        headers = {
            "Accept": TAXII,
            "Authorization": self.authorization,
            "User-Agent": "opencti/6",
            "Accept-Encoding": "gzip, compress, deflate, br",
        }
        pairs = []
        if self.cursor is not None:
            pairs.append("next=" + quote(self.cursor, safe=":$,"))
        if self.added_after is not None:
            pairs.append("added_after=" + milliseconds(self.added_after))
        if self.limit:
            pairs.append(f"limit={self.limit}")
        prepared = self.uri if self.uri.endswith("/") else f"{self.uri}/"
        url = f"{prepared}collections/{self.collection}/objects/"
        answer = self.http.get(url + ("?" + "&".join(pairs) if pairs else ""), headers=headers)
        assert answer.status_code == 200, answer.text
        data = answer.json()
        if not data.get("objects"):
            return []
        if data.get("more") and data.get("next"):
            self.cursor = data["next"]
        else:
            self.cursor = None
            self.added_after = datetime.fromisoformat(answer.headers["x-taxii-date-added-last"])
        return [each["id"] for each in data["objects"]]


def milliseconds(instant: datetime) -> str:
    """Return an instant as JavaScript's ``toISOString`` does: cut to milliseconds."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def feed(place: Place, base: str, *, authorization: str = "", limit: int = 0) -> Ingestion:
    return Ingestion(
        http=place.http,
        uri=f"{base}/tools",
        collection=place.id,
        authorization=authorization or f"Bearer {place.token}",
        limit=limit,
    )


@pytest.mark.parametrize("limit", [0, 7, 50, 130])
@pytest.mark.parametrize("begin", [None, datetime(2020, 1, 1, tzinfo=UTC)])
def test_opencti_ingests_a_feed_to_its_end(
    served: Served, many: Place, limit: int, begin: datetime | None
) -> None:
    ingestion = feed(many, served.base, limit=limit)
    ingestion.added_after = begin
    got: list[str] = []
    for _ in range(200):
        found = ingestion.run()
        got += found
        if ingestion.cursor is None:
            break
    assert got == ALL


def test_opencti_goes_on_where_it_was_and_misses_nothing(served: Served, place: Place) -> None:
    """Its date is cut, so that the last objects come again; none is left out."""
    ingestion = feed(place, served.base, limit=4)
    got: set[str] = set()
    for number in range(1, 31):
        place.put(sign(number))
        if number % 5 == 0:
            got.update(ingestion.run())
    for _ in range(30):
        got.update(ingestion.run())
    assert got == {sign(n)["id"] for n in range(1, 31)}


@pytest.mark.parametrize("scheme", ["basic", "bearer"])
def test_opencti_says_who_it_is_in_either_way(served: Served, many: Place, scheme: str) -> None:
    value = f"user:{many.token}"
    header = {
        "basic": "Basic " + base64.b64encode(value.encode()).decode(),
        "bearer": f"Bearer {many.token}",
    }[scheme]
    assert feed(many, served.base, authorization=header, limit=3).run() == ALL[:3]


# --- OpenCTI: the TAXII 2 connector


class ApiKeyAuth(AuthBase):
    """A header of any name with a key."""

    def __init__(self, name: str, value: str) -> None:
        self.name, self.value = name, value

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers[self.name] = self.value
        return request


def poll(collection: Collection, filters: dict[str, Any]) -> list[str]:
    """Poll a collection as the connector does, which drops ``added_after`` once it has ``next``."""
    got: list[str] = []
    response = collection.get_objects(**filters)
    if not response.get("objects"):
        return got
    assert response["objects"][0]["spec_version"] == "2.1"
    for _ in range(200):
        got += [each["id"] for each in response.get("objects", [])]
        if response.get("more") is not True:
            return got
        assert "next" in response  # it would ask for the same page for ever
        filters.pop("added_after", None)
        filters["next"] = response["next"]
        response = collection.get_objects(**filters)
    pytest.fail("the connector never ends")


@pytest.mark.parametrize("way", ["token", "api key", "basic"])
def test_opencti_connector_polls_a_root(served: Served, many: Place, way: str) -> None:
    auth: AuthBase = {
        "token": TokenAuth(many.token),
        "api key": ApiKeyAuth("Authorization", f"Bearer {many.token}"),
        "basic": HTTPBasicAuth("opencti", many.token),
    }[way]
    with Server(f"{served.base}/taxii2/", auth=auth) as server:
        root = next(each for each in server.api_roots if each.url.split("/")[-2] == "tools")
        collection = next(each for each in root.collections if each.id == many.id)
        assert collection.title == f"Title of {many.name}"
        history = datetime.now(UTC) - timedelta(hours=24)
        assert poll(collection, {"limit": 40, "added_after": history}) == ALL
        # The run after it counts from the second in which this one began.
        text = datetime(2020, 1, 1, tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        assert poll(collection, {"added_after": text}) == ALL


# --- OpenCTI: the connector that posts


def test_opencti_posts_each_change_as_a_bundle(served: Served, place: Place) -> None:
    extension = "extension-definition--ea279b3e-5c71-4632-ac08-831c66a786ba"
    objects: list[Document] = [
        sign(1, extensions={extension: {"extension_type": "property-extension", "id": "a1"}}),
        {
            "type": "case-incident",
            "id": "case-incident--00000000-0000-5000-8000-000000000001",
            "created": "2026-11-01T08:00:00.000Z",
            "modified": "2026-11-01T08:00:00.000Z",
            "name": "A case",
            "extensions": {extension: {"extension_type": "new-sdo"}},
        },
        {
            "type": "text",
            "id": "text--00000000-0000-5000-8000-000000000001",
            "value": "x",
            "extensions": {extension: {"extension_type": "new-sco"}},
        },
    ]
    for one in objects:
        one["spec_version"] = "2.1"
        bundle: Document = {
            "type": "bundle",
            "spec_version": "2.1",
            "id": "bundle--" + str(uuid.uuid4()),
            "objects": [one],
        }
        for auth, header in (
            (None, f"Bearer {place.token}"),
            (("login", place.token), ""),
        ):
            headers = {
                "Content-Type": "application/stix+json; version=2.1",
                "Accept": "application/taxii+json; version=2.1",
            }
            if header:
                headers["Authorization"] = header
            answer = requests.post(
                f"{served.base}/tools/collections/{place.id}/objects/",
                headers=headers,
                auth=auth,
                json=bundle,
                timeout=30,
            )
            assert answer.status_code == 202, answer.text
            assert answer.json()["failure_count"] == 0, answer.text
    assert place.get("objects/").json()["objects"] == objects
