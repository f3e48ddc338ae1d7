"""Named collections over HTTP: what a token opens, and what it is answered where it does not."""

from __future__ import annotations

import base64
import json
import threading
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from foedus.exchange.server.credentials import USE_NOTED_EVERY, token_digest
from foedus.node.ports import CollectionRow, TokenGrant, TokenRow

if TYPE_CHECKING:
    from tests.unit.exchange.conftest import Live

Make = Callable[..., bytes]
TAXII = "application/taxii+json;version=2.1"
RIGHTS = {"r": (True, False), "w": (False, True), "rw": (True, True)}
FIRST, LAST = "x-taxii-date-added-first", "x-taxii-date-added-last"


class Wires:
    """A collection with tokens of every kind."""

    def __init__(self, live: Live) -> None:
        self.live = live
        with live.database.write() as tx:
            self.row = tx.collections.put(
                CollectionRow(
                    number=0,
                    id=str(uuid.uuid4()),
                    name="wires",
                    title="Wire transfers",
                    description="Of the last days",
                    created=live.clock.now(),
                    created_by="ana",
                )
            )
            for rights, (can_read, can_write) in RIGHTS.items():
                grant = TokenGrant(
                    collection=self.row.number, can_read=can_read, can_write=can_write
                )
                tx.people.put_token(self.token(rights, grants=(grant,)))
            tx.people.put_token(self.token("none", scope="read"))

    def token(self, name: str, **more: Any) -> TokenRow:
        row = TokenRow(
            token_id=f"w-{name}",
            user="ana",
            digest=token_digest(f"secret-{name}"),
            scope="",
            created=self.live.clock.now(),
            revoked=None,
        )
        return replace(row, **more)

    def put(self, token: TokenRow) -> None:
        with self.live.database.write() as tx:
            tx.people.put_token(token)

    def call(
        self, method: str, path: str = "", *, rights: str = "rw", **more: Any
    ) -> httpx.Response:
        headers = {
            "accept": TAXII,
            "content-type": TAXII,
            "authorization": f"Bearer secret-{rights}",
        } | more.pop("headers", {})
        url = f"/tools/collections/wires/{path}"
        return self.live.http.request(method, url, headers=headers, **more)

    def get(self, path: str = "objects/", *, rights: str = "rw", **query: str) -> httpx.Response:
        return self.call("GET", path, rights=rights, params=query)

    def post(self, *raws: bytes, rights: str = "rw") -> httpx.Response:
        body = b'{"objects":[' + b",".join(raws) + b"]}"
        return self.call("POST", "objects/", rights=rights, content=body)

    def delete(self, name: str, *, rights: str = "rw", **query: str) -> httpx.Response:
        return self.call("DELETE", f"objects/{name}/", rights=rights, params=query)


@pytest.fixture(name="wires")
def _wires(live: Live) -> Wires:
    return Wires(live)


def name_of(raw: bytes) -> str:
    return str(json.loads(raw)["id"])


def test_a_token_with_grants_sees_those_collections_and_no_other(wires: Wires) -> None:
    listed = wires.live.as_tool("/tools/collections/", token="secret-r").json()["collections"]
    assert [(each["alias"], each["can_read"], each["can_write"]) for each in listed] == [
        ("wires", True, False)
    ]
    assert listed[0]["id"] == wires.row.id
    assert listed[0]["description"] == "EXERCISE. Of the last days"
    assert wires.get("").json() == {**listed[0], "can_write": True}
    others = wires.live.as_tool("/tools/collections/", token="secret-none").json()["collections"]
    assert [each["alias"] for each in others] == ["held", "drafts"]


def test_a_token_without_grant_is_told_that_there_is_no_such_collection(
    wires: Wires, indicators: Make
) -> None:
    for method, path, more in (
        ("GET", "", {}),
        ("GET", "objects/", {}),
        ("GET", "manifest/", {}),
        ("GET", f"objects/{name_of(indicators(1))}/", {}),
        ("GET", f"objects/{name_of(indicators(1))}/versions/", {}),
        ("DELETE", f"objects/{name_of(indicators(1))}/", {}),
        ("POST", "objects/", {"content": b'{"objects":[{}]}'}),
    ):
        answer = wires.call(method, path, rights="none", **more)
        assert answer.status_code == 404, (method, path)
        assert answer.json()["title"]


def test_reading_needs_the_right_to_read_and_writing_the_right_to_write(
    wires: Wires, indicators: Make
) -> None:
    raw = indicators(1)
    assert wires.post(raw, rights="r").status_code == 403
    assert wires.post(raw, rights="w").status_code == 202
    assert wires.get(rights="w").status_code == 403
    assert wires.get("manifest/", rights="w").status_code == 403
    assert wires.get(rights="r").status_code == 200
    assert wires.delete(name_of(raw), rights="r").status_code == 403
    assert wires.delete(name_of(raw), rights="w").status_code == 403
    assert wires.delete(name_of(raw), rights="rw").status_code == 200


def test_a_grant_to_write_is_worth_nothing_to_who_is_no_analyst(
    wires: Wires, indicators: Make
) -> None:
    grant = TokenGrant(collection=wires.row.number, can_read=True, can_write=True)
    wires.put(wires.token("aud", user="aud", grants=(grant,)))
    assert wires.get("", rights="aud").json()["can_write"] is False
    assert wires.post(indicators(1), rights="aud").status_code == 403


def test_a_post_answers_with_its_whole_status_and_repeats_it(
    wires: Wires, indicators: Make
) -> None:
    answer = wires.post(indicators(1), b'{"type":"nonsense"}', indicators(2), indicators(1))
    status = answer.json()
    assert answer.status_code == 202
    assert (status["status"], status["total_count"], status["pending_count"]) == ("complete", 4, 0)
    assert (status["success_count"], status["failure_count"]) == (3, 1)
    assert status["successes"][0] == {
        "id": name_of(indicators(1)),
        "version": "2026-11-01T08:00:00.000Z",
    }
    again = wires.live.as_tool(f"/tools/status/{status['id']}/", token="secret-rw")
    assert again.content == answer.content
    other = wires.live.as_tool(f"/tools/status/{status['id']}/", token="secret-r")
    assert other.status_code == 404
    wires.live.clock.instant += timedelta(hours=24, seconds=1)
    late = wires.live.as_tool(f"/tools/status/{status['id']}/", token="secret-rw")
    assert late.status_code == 404


def test_pages_follow_each_other_byte_for_byte(wires: Wires, indicators: Make) -> None:
    raws = [indicators(n) for n in range(7)]
    wires.post(*raws)
    got: list[bytes] = []
    query: dict[str, str] = {"limit": "3"}
    while True:
        answer = wires.get(**query)
        page = answer.json()
        got += [raw for raw in raws if json.loads(raw) in page["objects"]]
        assert all(raw in answer.content for raw in got[-len(page["objects"]) :])
        if not page.get("more"):
            break
        query["next"] = page["next"]
    assert got == raws
    assert answer.headers[FIRST] == answer.headers[LAST] != ""


def test_following_by_the_header_misses_and_repeats_nothing(wires: Wires, indicators: Make) -> None:
    wires.post(*(indicators(n) for n in range(5)))
    seen: list[str] = []
    cursor = "1970-01-01T00:00:00Z"
    while True:
        page = wires.get(limit="2", added_after=cursor)
        ids = [each["id"] for each in page.json().get("objects", [])]
        if not ids:
            break
        seen += ids
        cursor = page.headers[LAST]
    assert seen == [name_of(indicators(n)) for n in range(5)]
    assert page.headers[FIRST] == page.headers[LAST] == cursor


def test_the_manifest_and_the_versions_page_too(wires: Wires, indicators: Make) -> None:
    wires.post(*(indicators(1, version=n) for n in range(4)))
    manifest = wires.get("manifest/", limit="3", **{"match[version]": "all"})
    assert [each["version"] for each in manifest.json()["objects"]] == [
        json.loads(indicators(1, version=n))["modified"] for n in range(3)
    ]
    rest = wires.get(
        "manifest/", limit="3", next=manifest.json()["next"], **{"match[version]": "all"}
    )
    assert len(rest.json()["objects"]) == 1
    first = wires.get(f"objects/{name_of(indicators(1))}/versions/", limit="3").json()
    assert len(first["versions"]) == 3
    assert first["more"] is True
    assert first["next"]


def test_what_was_deleted_is_404_and_nowhere_else(wires: Wires, indicators: Make) -> None:
    name = name_of(indicators(1))
    wires.post(*(indicators(1, version=n) for n in range(3)), indicators(2))
    gone, never = "2026-11-02T08:00:00.000Z", "2020-01-01T00:00:00Z"
    assert wires.delete(name, **{"match[version]": gone}).status_code == 200
    path = f"objects/{name}/"
    assert wires.get(path, **{"match[version]": gone}).status_code == 404
    assert wires.get(path, **{"match[version]": never}).json() == {}
    assert wires.get(path).status_code == 200
    assert gone not in wires.get(f"{path}versions/").json()["versions"]
    assert wires.delete(name, **{"match[version]": gone}).status_code == 404
    answer = wires.delete(name)
    assert answer.status_code == 200
    assert wires.get(path).status_code == 404
    assert wires.get(f"{path}versions/").status_code == 404
    assert wires.delete(name).status_code == 404
    assert [each["id"] for each in wires.get("manifest/").json()["objects"]] == [
        name_of(indicators(2))
    ]
    assert wires.post(indicators(1)).json()["success_count"] == 1
    assert wires.get(path).status_code == 200


def test_an_object_that_is_there_but_filtered_out_is_an_empty_envelope(
    wires: Wires, indicators: Make
) -> None:
    wires.post(indicators(1))
    path = f"objects/{name_of(indicators(1))}/"
    answer = wires.get(path, added_after="2030-01-01T00:00:00Z")
    assert (answer.status_code, answer.json()) == (200, {})
    assert answer.headers[LAST] == "2030-01-01T00:00:00.000000Z"


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "-1"},
        {"limit": "ten"},
        {"limit": ""},
        {"added_after": "yesterday"},
        {"added_after": ""},
        {"next": "nonsense"},
        {"match[version]": "nonsense"},
        {"match[version]": "all,last"},
        {"match[version]": "last,last"},
        {"match[version]": "2026-01-01T00:00:00Z,2026-01-01T00:00:00.000Z"},
        {"match[type]": ""},
        {"match[id]": "a,,b"},
        {"match[spec_version]": "two"},
    ],
)
def test_a_malformed_parameter_is_400(wires: Wires, query: dict[str, str]) -> None:
    for path in ("objects/", "manifest/"):
        answer = wires.get(path, **query)
        assert answer.status_code == 400, query
        assert answer.json()["title"]
        assert answer.json()["http_status"] == "400"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"17", b"{}", b'{"objects":[]}',
                                  b'{"objects":{}}', b'{"things":[{}]}', b"\xff"])  # fmt: skip
def test_a_body_that_is_no_envelope_of_objects_is_422(wires: Wires, body: bytes) -> None:
    answer = wires.call("POST", "objects/", content=body)
    assert answer.status_code == 422
    assert answer.json()["title"]


def test_basic_takes_the_token_as_the_password_of_anybody(wires: Wires) -> None:
    for user in ("", "anybody", "ünï"):
        pair = base64.b64encode(f"{user}:secret-r".encode()).decode()
        answer = wires.call("GET", "", headers={"authorization": f"Basic {pair}"})
        assert answer.status_code == 200


def test_a_revoked_token_opens_nothing_from_the_next_request_on(wires: Wires) -> None:
    assert wires.get(rights="r").status_code == 200
    wires.put(wires.token("r", revoked=wires.live.clock.now()))
    answer = wires.get(rights="r")
    assert answer.status_code == 401
    assert "Basic" in answer.headers["www-authenticate"]


def test_a_token_expires(wires: Wires) -> None:
    wires.put(
        wires.token("soon", scope="read", expires=wires.live.clock.now() + timedelta(minutes=5))
    )
    assert wires.live.as_tool("/tools/", token="secret-soon").status_code == 200
    wires.live.clock.instant += timedelta(minutes=5)
    assert wires.live.as_tool("/tools/", token="secret-soon").status_code == 401


def test_a_token_bound_to_a_certificate_opens_nothing_without_it(wires: Wires) -> None:
    wires.put(wires.token("bound", scope="read", certificate="ab" * 32))
    assert wires.live.as_tool("/tools/", token="secret-bound").status_code == 401


def test_a_user_who_loses_a_role_loses_it_for_his_tools_at_once(
    wires: Wires, indicators: Make
) -> None:
    assert wires.post(indicators(1)).status_code == 202
    with wires.live.database.write() as tx:
        user = tx.people.user("ana")
        assert user is not None
        tx.people.put_user(replace(user, roles=frozenset({"auditor"})))
    assert wires.post(indicators(2)).status_code == 403


def test_the_last_use_is_written_once_a_minute(wires: Wires) -> None:
    def used() -> object:
        with wires.live.database.read() as tx:
            return next(each.used for each in tx.people.tokens() if each.token_id == "w-r")

    def written() -> object:
        for thread in threading.enumerate():
            if thread.name == "foedus-token-use":
                thread.join(10)
        return used()

    started = wires.live.clock.now()
    wires.get(rights="r")
    assert written() == started
    wires.live.clock.instant += USE_NOTED_EVERY - timedelta(seconds=1)
    wires.get(rights="r")
    assert written() == started
    wires.live.clock.instant += timedelta(seconds=1)
    wires.get(rights="r")
    assert written() == started + USE_NOTED_EVERY


def test_head_is_answered_as_get_without_a_body(wires: Wires, indicators: Make) -> None:
    wires.post(indicators(1))
    for path in ("", "objects/", "manifest/", f"objects/{name_of(indicators(1))}/"):
        head, get = wires.call("HEAD", path), wires.call("GET", path)
        assert head.status_code == 200
        assert head.content == b""
        assert head.headers["content-type"] == TAXII
        assert head.headers["content-length"] == str(len(get.content))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", "objects/", 405),
        ("PATCH", "", 405),
        ("DELETE", "objects/", 405),
        ("POST", "manifest/", 405),
        ("GET", "nothing/", 404),
        ("GET", "objects", 404),
    ],
)
def test_other_methods_and_paths_are_refused_with_an_error_resource(
    wires: Wires, method: str, path: str, status: int
) -> None:
    answer = wires.call(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == TAXII
    assert answer.json()["title"]
    assert answer.json()["http_status"] == str(status)
