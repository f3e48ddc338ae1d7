"""The tools' root, used by the reference client and by hand: what tools see and what they write."""

from __future__ import annotations

import json
import socket
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import requests
from taxii2client.v21 import Collection, Server, as_pages

from foedus.clock import parse_instant
from foedus.model.identifiers import MemberId, TreatyId
from foedus.model.markings import TLP, TLP_MARKING_IDS
from foedus.model.terms import (
    CategoryOfPerson,
    InformationGrade,
    SourceGrade,
    Terms,
    terms_document,
    terms_id,
)
from foedus.node.ports import ItemState

if TYPE_CHECKING:
    from tests.unit.exchange.conftest import Live

Make = Callable[..., bytes]
WRITE_TOKEN = "fds_write-token-of-a-test-and-nothing-else"
READ_TOKEN = "fds_read-token-of-a-test-and-nothing-else"


def terms_of(tlp: TLP) -> Terms:
    return Terms(
        treaties=frozenset({TreatyId("0" * 64)}),
        originator=MemberId("XA"),
        purposes=frozenset({"investigation"}),
        legal_basis="Act 1",
        offence="",
        person=CategoryOfPerson.NONE,
        personal=False,
        tlp=tlp,
        handling=frozenset(),
        source=SourceGrade.A,
        information=InformationGrade.ONE,
        review=None,
        expiry=parse_instant("2028-01-01T00:00:00Z"),
        neutrality=None,
        exercise=True,
    )


AMBER, GREEN = terms_of(TLP.AMBER), terms_of(TLP.GREEN)


def put_terms(live: Live, *every: Terms) -> None:
    with live.database.write() as tx:
        for terms in every:
            tx.items.put_terms(terms_id(terms), terms_document(terms))


@pytest.fixture
def server(live: Live) -> Iterator[Server]:
    """The reference client, with the token as the password of any user."""
    with Server(f"{live.base}/taxii2/", user="any", password=WRITE_TOKEN) as client:
        yield client


def collection(server: Server, name: str) -> Collection:
    return next(each for each in server.default.collections if each.title == name)


def test_the_reference_client_finds_its_way(server: Server) -> None:
    assert server.title == "Member XA"
    assert [root.url for root in server.api_roots] == [server.default.url]
    assert [each.title for each in server.default.collections] == ["held", "drafts"]
    assert server.default.max_content_length == 32 * 1024 * 1024
    held, drafts = server.default.collections
    assert (held.can_read, held.can_write) == (True, False)
    assert (drafts.can_read, drafts.can_write) == (True, True)


def test_the_reference_client_reads_every_page_of_objects_and_of_the_manifest(
    live: Live, server: Server, indicators: Make
) -> None:
    live.hold([indicators(n) for n in range(25)])
    held = collection(server, "held")
    for read in (held.get_objects, held.get_manifest):
        pages = list(as_pages(read, per_request=10))
        assert [len(page["objects"]) for page in pages] == [10, 10, 5]
        got = [each["id"] for page in pages for each in page["objects"]]
        assert got == [json.loads(indicators(n))["id"] for n in range(25)]
    first = held.get_manifest(limit=10)
    after = parse_instant(first["objects"][-1]["date_added"])
    assert len(held.get_objects(added_after=after)["objects"]) == 15


def test_the_reference_client_writes_and_reads_back(server: Server, indicators: Make) -> None:
    drafts = collection(server, "drafts")
    documents = [json.loads(indicators(n)) for n in range(3)]
    status = drafts.add_objects({"objects": documents})
    assert (status.status, status.total_count, status.success_count) == ("complete", 3, 3)
    status.refresh()
    assert status.success_count == 3
    assert drafts.get_objects()["objects"] == documents
    one = drafts.get_object(documents[1]["id"])
    assert one["objects"] == [documents[1]]
    versions = drafts.object_versions(documents[1]["id"])["versions"]
    assert versions == [documents[1]["modified"]]
    drafts.delete_object(documents[1]["id"])
    with pytest.raises(requests.HTTPError, match="404"):
        drafts.get_object(documents[1]["id"])
    assert len(drafts.get_objects()["objects"]) == 2


def test_what_a_tool_posted_comes_back_byte_for_byte(live: Live, indicators: Make) -> None:
    raw = [indicators(1, x_note="\u00e9 1.10"), indicators(2, x_number=1)]
    status = live.post(raw)
    assert status.status_code == 202
    answer = live.as_tool(live.tools_url("drafts") + "objects/")
    assert answer.content == b'{"objects":[' + b",".join(raw) + b"]}"


def test_a_bad_object_fails_alone_with_its_reason(live: Live, indicators: Make) -> None:
    good, also_good = indicators(1), indicators(2)
    bad = {
        "no JSON object": b"7",
        "no id": b'{"type":"indicator"}',
        "STIX 2.0": indicators(3).replace(b'"2.1"', b'"2.0"'),
        "not by its schema": indicators(4).replace(b'"pattern_type"', b'"pattern_tipe"'),
        "a key twice": indicators(5).replace(b'"name"', b'"name" : "a",  "name"'),
        "a foedus document": indicators(6).replace(b"indicator", b"foedus-order"),
        "too deep": b'{"a":' + b"[" * 200 + b"]" * 200 + b"}",
        "too large": indicators(7, description="x" * (1 << 20)),
    }
    status = live.post([good, *bad.values(), also_good])
    assert status.status_code == 202
    body = status.json()
    assert body["status"] == "complete"
    assert (body["total_count"], body["success_count"], body["failure_count"]) == (10, 2, 8)
    assert [each["id"] for each in body["successes"]] == [
        json.loads(good)["id"], json.loads(also_good)["id"],
    ]  # fmt: skip
    for name, failure in zip(bad, body["failures"], strict=True):
        assert failure["message"], name
        assert failure["id"], name
        parse_instant(failure["version"])
    answer = live.as_tool(live.tools_url("drafts") + "objects/")
    assert answer.content == b'{"objects":[' + good + b"," + also_good + b"]}"


@pytest.mark.parametrize(
    ("case", "token", "length", "status"),
    [
        ("a stranger with a large body", "wrong", 30 * 1024 * 1024, b"401"),
        ("a tool with a body beyond the limit", WRITE_TOKEN, 32 * 1024 * 1024 + 1, b"413"),
    ],
)
def test_a_body_that_would_be_refused_is_not_read(
    live: Live, case: str, token: str, length: int, status: bytes
) -> None:
    """The refusal comes although the body never does."""
    host, port = live.base.removeprefix("http://").split(":")
    head = (
        f"POST {live.tools_url('drafts')}objects/ HTTP/1.1\r\nhost: x\r\n"
        f"authorization: Bearer {token}\r\ncontent-length: {length}\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(head.encode())
        assert connection.recv(64).startswith(b"HTTP/1.1 " + status), case


def test_an_exact_duplicate_is_a_success_and_keeps_its_date(live: Live, indicators: Make) -> None:
    live.post([indicators(1)])
    url = live.tools_url("drafts") + "manifest/"
    before = live.as_tool(url).json()
    again = live.post([indicators(1), indicators(1)]).json()
    assert (again["success_count"], again["failure_count"]) == (2, 0)
    assert live.as_tool(url).json() == before


def test_the_same_version_with_other_content_is_a_conflict_that_fails_alone(
    live: Live, indicators: Make
) -> None:
    live.post([indicators(1)])
    body = live.post([indicators(1, name="Other"), indicators(2)]).json()
    assert (body["success_count"], body["failure_count"]) == (1, 1)
    assert "new version" in body["failures"][0]["message"]


def test_a_status_is_its_posters_own(live: Live, indicators: Make) -> None:
    posted = live.post([indicators(1)]).json()
    url = f"/tools/status/{posted['id']}/"
    assert str(uuid.UUID(posted["id"])) == posted["id"]
    assert live.as_tool(url).json() == posted
    assert live.as_tool(url, token=READ_TOKEN).status_code == 404
    assert live.as_tool(f"/tools/status/{uuid.uuid4()}/").status_code == 404


def test_a_post_leaves_its_source_and_who_it_was(live: Live, indicators: Make) -> None:
    live.post([indicators(1), b"7"])
    with live.database.read() as tx:
        source = tx.sources.all()[0]
        acts = [act for _, act in tx.acts.page(after=0, limit=10)]
    assert (source.by, source.format) == ("ana", "taxii")
    assert (source.read, source.taken, len(source.refused)) == (2, 1, 1)
    assert [(act.user, act.act) for act in acts] == [("ana", "tools.post")]


def test_a_token_does_no_more_than_its_users_roles(live: Live, indicators: Make) -> None:
    with live.database.write() as tx:
        user = tx.people.user("ana")
        assert user is not None
        tx.people.put_user(replace(user, roles=frozenset({"auditor"})))
    answer = live.post([indicators(1)])
    assert (answer.status_code, answer.json()["title"]) == (403, "Not permitted")


def test_held_items_carry_their_terms_and_the_joined_tlp(live: Live, indicators: Make) -> None:
    put_terms(live, AMBER)
    statement = "marking-definition--00000000-0000-4000-8000-0000000000aa"
    plain = indicators(1, x_exact=1.50)
    marked = indicators(2, object_marking_refs=[statement, TLP_MARKING_IDS[TLP.RED]])
    green = indicators(3, object_marking_refs=[TLP_MARKING_IDS[TLP.GREEN]])
    live.hold([plain, marked, green], terms_id=terms_id(AMBER))
    answer = live.as_tool(live.tools_url("held") + "objects/")
    terms, *objects = answer.json()["objects"]
    assert terms == json.loads(terms_document(AMBER))
    name = terms_id(AMBER)
    assert [each["object_marking_refs"] for each in objects] == [
        [TLP_MARKING_IDS[TLP.AMBER], name],
        [statement, TLP_MARKING_IDS[TLP.RED], name],
        [TLP_MARKING_IDS[TLP.AMBER], name],
    ]
    for raw, served in zip((plain, marked, green), objects, strict=True):
        assert {**json.loads(raw), "object_marking_refs": served["object_marking_refs"]} == served
    assert b'"x_exact":1.5' in answer.content.replace(b" ", b"")


def test_terms_stand_beside_the_first_item_that_carries_them_on_each_page(
    live: Live, indicators: Make
) -> None:
    put_terms(live, AMBER, GREEN)
    for number in range(6):
        live.hold([indicators(number)], terms_id=terms_id(AMBER if number % 2 else GREEN))
    url = live.tools_url("held") + "objects/"
    got: list[str] = []
    query, token = "limit=3", ""
    while True:
        answer = live.as_tool(f"{url}?{query}{token}")
        page = [each["id"] for each in answer.json()["objects"]]
        assert len(page) <= 3
        served = set(page)
        for each in answer.json()["objects"]:
            if each["type"] == "indicator":
                assert each["object_marking_refs"][-1] in served
        got += page
        if not answer.json().get("more"):
            break
        token = f"&next={answer.json()['next']}"
    names = [name for name in got if name.startswith("indicator")]
    assert names == [json.loads(indicators(n))["id"] for n in range(6)]


def test_a_reader_of_single_objects_gets_every_item_and_terms_by_their_id(
    live: Live, indicators: Make
) -> None:
    put_terms(live, AMBER)
    live.hold([indicators(n) for n in range(3)], terms_id=terms_id(AMBER))
    url = live.tools_url("held") + "objects/"
    got, token = [], ""
    for _ in range(3):
        body = live.as_tool(f"{url}?limit=1{token}").json()
        got += [each["id"] for each in body["objects"]]
        token = f"&next={body.get('next')}"
    assert got == [json.loads(indicators(n))["id"] for n in range(3)]
    name = terms_id(AMBER)
    assert live.as_tool(f"{url}{name}/").json()["objects"] == [json.loads(terms_document(AMBER))]
    by_type = live.as_tool(f"{url}?match[type]=marking-definition").json()["objects"]
    assert [each["id"] for each in by_type] == [name]


def test_a_rendition_written_back_is_refused_and_says_why(live: Live, indicators: Make) -> None:
    put_terms(live, AMBER)
    live.hold([indicators(1)], terms_id=terms_id(AMBER))
    served = live.as_tool(live.tools_url("held") + "objects/").json()["objects"][1]
    body = live.post([json.dumps(served).encode()]).json()
    assert (body["success_count"], body["failure_count"]) == (0, 1)
    assert "served to tools" in body["failures"][0]["message"]


def test_only_what_is_held_is_served_as_held(live: Live, indicators: Make) -> None:
    live.post([indicators(1)])
    live.disclose([indicators(2)])
    names = [
        each["id"] for each in live.as_tool(live.tools_url("held") + "objects/").json()["objects"]
    ]
    assert names == [json.loads(indicators(2))["id"]]  # no draft, no disclosure document


def test_deleting_needs_a_draft_and_both_rights(live: Live, indicators: Make) -> None:
    live.post([indicators(1, version=n) for n in range(3)])
    name = json.loads(indicators(1))["id"]
    url = live.tools_url("drafts") + f"objects/{name}/"

    def delete(path: str, token: str = WRITE_TOKEN) -> httpx.Response:
        return live.http.delete(path, headers={"authorization": f"Bearer {token}"})

    assert delete(url, READ_TOKEN).status_code == 403
    assert delete(live.tools_url("held") + f"objects/{name}/").status_code == 403
    assert delete("/tools/collections/absent/objects/x/").status_code == 404
    assert delete(url + "?match[version]=first").status_code == 200
    assert len(live.as_tool(url + "versions/").json()["versions"]) == 2
    assert delete(url).status_code == 200
    assert delete(url).status_code == 404
    assert live.as_tool(url).status_code == 404
    with live.database.read() as tx:
        assert tx.items.counts().get(ItemState.DRAFT, 0) == 0


def test_a_follower_of_drafts_loses_nothing_while_four_tools_write(
    live: Live, indicators: Make
) -> None:
    writers, posts, size = 4, 10, 5
    failures: list[Any] = []

    def write(writer: int) -> None:
        for post in range(posts):
            start = (writer * posts + post) * size
            answer = live.post([indicators(start + n) for n in range(size)])
            if answer.status_code != 202 or answer.json()["success_count"] != size:
                failures.append(answer.text)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(writers)]
    for thread in threads:
        thread.start()
    seen: list[str] = []
    cursor = "1970-01-01T00:00:00.000000Z"
    url = live.tools_url("drafts") + "objects/?limit=7&added_after="
    while True:
        done = not any(thread.is_alive() for thread in threads)
        answer = live.as_tool(url + cursor)
        page = answer.json().get("objects", [])
        seen += [each["id"] for each in page]
        cursor = answer.headers["x-taxii-date-added-last"]
        if done and not page:
            break
    for thread in threads:
        thread.join()
    written = {json.loads(indicators(n))["id"] for n in range(writers * posts * size)}
    assert failures == []
    assert len(seen) == len(written)
    assert set(seen) == written
