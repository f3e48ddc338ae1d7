"""TAXII 2.1, rule by rule, on lanes and on held items.

What holds for every root alike is in the modules named after the standard's sections, which ask a
node as it ships for its named collections.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

if TYPE_CHECKING:
    from tests.unit.exchange.conftest import Live

Make = Callable[..., bytes]
TAXII = "application/taxii+json;version=2.1"
SIX_DIGITS = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
READ_TOKEN = "fds_read-token-of-a-test-and-nothing-else"
FIRST, LAST = "x-taxii-date-added-first", "x-taxii-date-added-last"


def ids(answer: Any) -> list[str]:
    return [each["id"] for each in answer.json().get("objects", [])]


def test_4_1_discovery_gives_absolute_urls_of_the_roots_the_caller_may_use(live: Live) -> None:
    tool, member = live.as_tool("/taxii2/").json(), live.as_member("/taxii2/").json()
    assert tool["title"] == "Member XA"
    assert tool["default"] == f"{live.base}/tools/"
    assert tool["api_roots"] == [f"{live.base}/tools/"]
    assert member["default"] == f"{live.base}/peers/"


def test_4_2_an_api_root_says_its_version_and_limit(live: Live) -> None:
    for answer in (live.as_tool("/tools/"), live.as_member("/peers/")):
        body = answer.json()
        assert body["title"]
        assert body["versions"] == [TAXII]
        assert body["max_content_length"] > 0


def test_5_1_and_5_2_collections_have_what_the_standard_requires(live: Live) -> None:
    for get, root, names in (
        (live.as_member, "/peers/", ["instruments", "orders", "bulk"]),
        (live.as_tool, "/tools/", ["held", "drafts"]),
    ):
        listed = get(f"{root}collections/").json()["collections"]
        assert [each["title"] for each in listed] == names
        for each in listed:
            assert str(uuid.UUID(each["id"])) == each["id"]
            assert isinstance(each["can_read"], bool)
            assert isinstance(each["can_write"], bool)
            assert each["media_types"] == ["application/stix+json;version=2.1"]
            assert get(f"{root}collections/{each['id']}/").json() == each
            assert get(f"{root}collections/{each['alias']}/").json() == each


def test_3_5_the_headers_have_six_fraction_digits_on_every_page(
    live: Live, indicators: Make
) -> None:
    live.disclose([indicators(n) for n in range(3)])
    for resource in ("objects/", "manifest/"):
        answer = live.as_member(live.lane_url("bulk") + resource)
        assert SIX_DIGITS.fullmatch(answer.headers[FIRST])
        assert SIX_DIGITS.fullmatch(answer.headers[LAST])
        assert answer.headers[FIRST] < answer.headers[LAST]
    manifest = live.as_member(live.lane_url("bulk") + "manifest/").json()["objects"]
    dates = [record["date_added"] for record in manifest]
    assert all(SIX_DIGITS.fullmatch(date) for date in dates)
    assert len(set(dates)) == len(dates)
    assert dates == sorted(dates)


def test_3_7_an_empty_result_is_an_empty_envelope_that_repeats_the_cursor(live: Live) -> None:
    cursor = "2026-11-24T10:00:00.123456Z"
    for path in (
        f"{live.lane_url('bulk')}objects/?added_after={cursor}",
        f"{live.lane_url('bulk')}manifest/?added_after={cursor}",
    ):
        answer = live.as_member(path)
        assert (answer.status_code, answer.content) == (200, b"{}")
        assert answer.headers[FIRST] == answer.headers[LAST] == cursor


@pytest.mark.parametrize("digits", range(7))
def test_3_4_added_after_takes_any_number_of_fraction_digits_and_means_after(
    live: Live, indicators: Make, digits: int
) -> None:
    live.disclose([indicators(1)])
    live.clock.instant += timedelta(seconds=5)
    live.disclose([indicators(2)])
    dot = "." if digits else ""
    text = f"2026-11-24T10:00:03{dot}{'0' * digits}Z"
    answer = live.as_member(f"{live.lane_url('bulk')}objects/?added_after={text}")
    assert len(ids(answer)) == 2  # the second disclosure and its item


def test_3_4_added_after_leaves_out_the_very_instant(live: Live, indicators: Make) -> None:
    live.disclose([indicators(n) for n in range(3)])
    dates = [
        record["date_added"]
        for record in live.as_member(live.lane_url("bulk") + "manifest/").json()["objects"]
    ]
    for place, date in enumerate(dates):
        answer = live.as_member(f"{live.lane_url('bulk')}objects/?added_after={date}")
        assert len(ids(answer)) == len(dates) - place - 1


@pytest.mark.parametrize(
    "query",
    [
        "added_after=yesterday",
        "added_after=2026-11-24",
        "added_after=2026-11-24T10:00:00%2B01:00",
        "added_after=2026-13-01T00:00:00Z",
        "added_after=2026-11-24T10:00:00Z&added_after=2026-11-24T11:00:00Z",
        "limit=0",
        "limit=-1",
        "limit=ten",
        "limit=1.5",
        "limit=",
        "limit=%D9%A1",
        "next=nonsense",
        "next=",
        "next=AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "match[version]=nonsense",
        "match[version]=",
        "match[version]=last,,first",
        "match[type]=indicator&match[type]=note",
        "match[id]=a,,b",
        "match[name]=x",
        "match[spec_version]=two",
        "match[id]=%FF",
        "&".join(f"x{n}=1" for n in range(40)),
    ],
)
def test_3_5_a_malformed_parameter_is_400_with_an_error_resource(live: Live, query: str) -> None:
    for answer in (
        live.as_member(f"{live.lane_url('bulk')}objects/?{query}"),
        live.as_tool(f"{live.tools_url('held')}manifest/?{query}"),
    ):
        assert answer.status_code == 400
        body = answer.json()
        assert body["title"] == "The request is malformed"
        assert body["http_status"] == "400"
        assert answer.headers["content-type"] == TAXII


def test_3_4_a_parameter_that_is_not_of_taxii_is_ignored(live: Live) -> None:
    assert live.as_member(f"{live.lane_url('bulk')}objects/?_=1&cache=no").status_code == 200


@pytest.mark.parametrize("resource", ["objects/", "manifest/"])
def test_3_5_pages_follow_each_other_by_next_without_loss(
    live: Live, indicators: Make, resource: str
) -> None:
    expected = [json.loads(indicators(n))["id"] for n in range(10)]
    live.disclose([indicators(n) for n in range(10)])
    url = f"{live.lane_url('bulk')}{resource}?match[version]=all&limit=3"
    got: list[str] = []
    token = ""
    sizes = []
    while True:
        answer = live.as_member(f"{url}&next={token}" if token else url)
        got += ids(answer)
        sizes.append(len(ids(answer)))
        body = answer.json()
        if not body.get("more"):
            assert "next" not in body
            break
        token = body["next"]
    assert got[1:] == expected
    assert sizes == [3, 3, 3, 2]


def test_3_5_next_together_with_added_after_counts_from_the_later(
    live: Live, indicators: Make
) -> None:
    live.disclose([indicators(n) for n in range(5)])
    url = f"{live.lane_url('bulk')}objects/?match[version]=all&limit=2"
    first = live.as_member(url)
    token, early = first.json()["next"], "2026-11-24T09:00:00Z"
    same = live.as_member(f"{url}&next={token}&added_after={early}")
    assert ids(same) == ids(live.as_member(f"{url}&next={token}"))
    later = live.as_member(f"{url}&next={token}&added_after={same.headers[LAST]}")
    assert ids(later) == [json.loads(indicators(n))["id"] for n in (3, 4)]


def test_3_5_next_is_worth_nothing_for_another_collection_or_caller(
    live: Live, indicators: Make
) -> None:
    live.disclose([indicators(n) for n in range(3)])
    token = live.as_member(f"{live.lane_url('bulk')}objects/?limit=1").json()["next"]
    assert live.as_member(f"{live.lane_url('orders')}objects/?next={token}").status_code == 400
    assert live.as_tool(f"{live.tools_url('held')}objects/?next={token}").status_code == 400
    changed = token[:-1] + ("A" if token[-1] != "A" else "B")
    answers = {live.as_member(f"{live.lane_url('bulk')}objects/?next={t}").status_code
               for t in (changed, token[:-2], "A" + token)}  # fmt: skip
    assert answers == {400}


def test_5_4_a_limit_beyond_ours_gives_ours(live: Live, indicators: Make) -> None:
    live.hold([indicators(n) for n in range(1_005)])
    answer = live.as_tool(f"{live.tools_url('held')}objects/?limit=999999999999")
    assert len(ids(answer)) == 1_000
    assert answer.json()["more"] is True


class TestFilters:
    """TAXII 2.1 §3.4, on a lane and on held items alike."""

    @pytest.fixture(params=["lane", "held"])
    def get(
        self, request: pytest.FixtureRequest, live: Live, indicators: Make
    ) -> Callable[[str], Any]:
        """Three versions of one indicator, one of another, one observable, one marking."""
        address = {
            "type": "ipv4-addr",
            "spec_version": "2.1",
            "id": "ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd",
            "value": "198.51.100.3",
        }
        marking = {
            "type": "marking-definition",
            "spec_version": "2.1",
            "id": "marking-definition--00000000-0000-4000-8000-0000000000aa",
            "created": "2026-10-01T00:00:00.000Z",
            "definition_type": "statement",
            "definition": {"statement": "For tests"},
        }
        batches = [
            [indicators(1, version=0), indicators(2), json.dumps(address).encode()],
            [indicators(1, version=2), json.dumps(marking).encode()],
            [indicators(1, version=1)],  # an older version that arrived last
        ]
        for batch in batches:
            if request.param == "lane":
                live.disclose(batch)
            else:
                live.hold(batch)
        if request.param == "lane":
            return lambda rest: live.as_member(live.lane_url("bulk") + rest)
        return lambda rest: live.as_tool(live.tools_url("held") + rest)

    ONE = "indicator--00000000-0000-4000-8000-000000000001"
    TWO = "indicator--00000000-0000-4000-8000-000000000002"
    ADDRESS = "ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd"

    def versions(self, answer: Any) -> list[str]:
        return [each["modified"][:10] for each in answer.json().get("objects", [])]

    def test_only_the_last_version_unless_asked(self, get: Callable[[str], Any]) -> None:
        answer = get("objects/?match[type]=indicator")
        assert ids(answer) == [self.TWO, self.ONE]
        assert self.versions(answer) == ["2026-11-01", "2026-11-03"]

    @pytest.mark.parametrize(
        ("choice", "expected"),
        [
            ("last", ["2026-11-03"]),
            ("first", ["2026-11-01"]),
            ("all", ["2026-11-01", "2026-11-03", "2026-11-02"]),
            ("first,last", ["2026-11-01", "2026-11-03"]),
            ("2026-11-02T08:00:00.000Z", ["2026-11-02"]),
            ("2026-11-02T08:00:00Z,last", ["2026-11-03", "2026-11-02"]),
            ("2026-11-09T08:00:00Z", []),
        ],
    )
    def test_versions(self, get: Callable[[str], Any], choice: str, expected: list[str]) -> None:
        assert self.versions(get(f"objects/?match[id]={self.ONE}&match[version]={choice}")) == (
            expected
        )
        assert self.versions(get(f"objects/{self.ONE}/?match[version]={choice}")) == expected

    def test_types_and_ids_are_joined_by_or_within_and_by_and_between(
        self, get: Callable[[str], Any]
    ) -> None:
        assert ids(get("objects/?match[type]=ipv4-addr")) == [self.ADDRESS]
        assert ids(get("objects/?match[type]=ipv4-addr,indicator")) == [
            self.TWO, self.ADDRESS, self.ONE,
        ]  # fmt: skip
        assert ids(get(f"objects/?match[id]={self.TWO},{self.ADDRESS}")) == [
            self.TWO, self.ADDRESS,
        ]  # fmt: skip
        assert ids(get(f"objects/?match[id]={self.TWO}&match[type]=ipv4-addr")) == []
        assert ids(get("objects/?match[id]=no-id-at-all")) == []

    def test_versions_of_stix(self, get: Callable[[str], Any]) -> None:
        assert ids(get("objects/?match[spec_version]=2.1&match[type]=ipv4-addr"))
        assert ids(get("objects/?match[spec_version]=2.0,2.1&match[type]=ipv4-addr"))
        assert get("objects/?match[spec_version]=2.0").content == b"{}"

    def test_filters_work_on_manifests_too(self, get: Callable[[str], Any]) -> None:
        records = get(f"manifest/?match[id]={self.ONE}&match[version]=all").json()["objects"]
        assert [record["version"][:10] for record in records] == [
            "2026-11-01", "2026-11-03", "2026-11-02",
        ]  # fmt: skip
        assert {record["media_type"] for record in records} == {"application/stix+json;version=2.1"}

    def test_the_version_in_a_manifest_is_modified_else_created_else_when_it_was_added(
        self, get: Callable[[str], Any]
    ) -> None:
        (marking,) = get("manifest/?match[type]=marking-definition").json()["objects"]
        (address,) = get("manifest/?match[type]=ipv4-addr").json()["objects"]
        assert marking["version"] == "2026-10-01T00:00:00.000Z"
        assert address["version"] == address["date_added"]

    def test_versions_resource(self, get: Callable[[str], Any]) -> None:
        answer = get(f"objects/{self.ONE}/versions/?limit=2")
        assert [each[:10] for each in answer.json()["versions"]] == ["2026-11-01", "2026-11-03"]
        assert answer.json()["more"] is True
        rest = get(f"objects/{self.ONE}/versions/?limit=2&next={answer.json()['next']}")
        assert [each[:10] for each in rest.json()["versions"]] == ["2026-11-02"]
        assert SIX_DIGITS.fullmatch(rest.headers[LAST])

    def test_an_object_that_is_not_there_is_404(self, get: Callable[[str], Any]) -> None:
        for name in ("indicator--00000000-0000-4000-8000-00000000dead", "nonsense", "%2e%2e"):
            for resource in (f"objects/{name}/", f"objects/{name}/versions/"):
                answer = get(resource)
                assert answer.status_code == 404, resource
                assert answer.json()["title"]

    def test_an_object_that_is_there_but_filtered_out_is_an_empty_envelope(
        self, get: Callable[[str], Any]
    ) -> None:
        answer = get(f"objects/{self.TWO}/?added_after=2027-01-01T00:00:00Z")
        assert (answer.status_code, answer.content) == (200, b"{}")


def test_5_5_rights_decide_between_404_and_403(live: Live, indicators: Make) -> None:
    answer = live.post([indicators(1)], token=READ_TOKEN)
    assert answer.status_code == 403
    assert live.post([indicators(1)], name="held").status_code == 403
    for name in ("absent", str(uuid.uuid4())):
        url = f"/tools/collections/{name}/"
        assert live.as_tool(url).status_code == 404
        assert live.as_tool(url + "objects/").status_code == 404
    body = b"{}"
    path = f"{live.lane_url('bulk')}objects/"
    headers = {**live.signed("POST", path, body=body), "content-type": TAXII}
    assert live.http.post(path, content=body, headers=headers).status_code == 403


def test_a_cursor_taken_at_any_moment_misses_nothing_later(live: Live, indicators: Make) -> None:
    """The clock stands still, even goes back: dates go on."""
    seen: list[str] = []
    cursor = ""
    for number in range(6):
        live.clock.instant += timedelta(seconds=-1 if number % 2 else 1)
        live.disclose([indicators(2 * number), indicators(2 * number + 1)])
        query = f"&added_after={quote(cursor)}" if cursor else ""
        answer = live.as_member(f"{live.lane_url('bulk')}objects/?match[version]=all{query}")
        cursor = answer.headers[LAST]
        seen += [each for each in ids(answer) if each.startswith("indicator")]
    assert seen == [json.loads(indicators(n))["id"] for n in range(12)]
