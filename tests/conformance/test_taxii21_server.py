"""TAXII 2.1 §4: discovery, API root, status."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from tests.conformance.taxii_kit import ROOT, SIX_DIGITS, TAXII, address, encoded, sign, statement

if TYPE_CHECKING:
    from tests.conformance.taxii_kit import Place, Served


# --- §4.1 server discovery


def test_4_1_discovery_stands_at_taxii2(filled: Place) -> None:
    answer = filled.ask("GET", "/taxii2/")
    assert (answer.status_code, answer.headers["content-type"]) == (200, TAXII)


def test_4_1_1_discovery_has_a_title(filled: Place) -> None:
    body = filled.ask("GET", "/taxii2/").json()
    assert body["title"]
    assert set(body) <= {"title", "description", "contact", "default", "api_roots"}
    assert all(isinstance(body.get(name, ""), str) for name in ("description", "contact"))


def test_4_1_1_the_default_is_one_of_the_api_roots(filled: Place) -> None:
    body = filled.ask("GET", "/taxii2/").json()
    assert body["default"] in body["api_roots"]


def test_4_1_1_api_roots_are_absolute_urls_of_the_nodes_address(
    filled: Place, served: Served
) -> None:
    """Clients do not resolve relative ones. The standard wants HTTPS; this is a loopback."""
    for root in filled.ask("GET", "/taxii2/").json()["api_roots"]:
        parts = urlsplit(root)
        assert f"{parts.scheme}://{parts.netloc}" == served.base
        assert parts.path.endswith("/")


@pytest.mark.parametrize(
    "header",
    [
        {"host": "attacker.example"},
        {"x_forwarded_host": "attacker.example"},
        {"x_forwarded_proto": "gopher"},
        {"forwarded": "host=attacker.example;proto=https"},
    ],
)
def test_4_1_1_urls_do_not_follow_what_a_caller_says_of_the_host(
    filled: Place, served: Served, header: dict[str, str]
) -> None:
    """Behind a proxy the node's address is what its settings say."""
    answer = filled.ask("GET", "/taxii2/", **header)
    assert "attacker" not in answer.text
    assert answer.json()["default"].startswith(served.base + "/")


def test_4_1_1_each_api_root_named_answers(filled: Place, served: Served) -> None:
    for root in filled.ask("GET", "/taxii2/").json()["api_roots"]:
        answer = filled.ask("GET", root.removeprefix(served.base))
        assert answer.status_code == 200
        assert answer.json()["versions"]


# --- §4.2 API root


def test_4_2_1_an_api_root_has_title_versions_and_a_greatest_length(filled: Place) -> None:
    body = filled.ask("GET", ROOT).json()
    assert body["title"]
    assert TAXII in body["versions"]
    assert isinstance(body["max_content_length"], int)
    assert body["max_content_length"] > 0
    assert set(body) <= {"title", "description", "versions", "max_content_length"}


def test_4_2_1_a_body_below_the_greatest_length_is_never_413(place: Place) -> None:
    limit = place.ask("GET", ROOT).json()["max_content_length"]
    body = encoded([sign(1)])
    answer = place.send(body + b" " * (limit - len(body) - 1))
    assert answer.status_code == 202, answer.text
    assert answer.json()["success_count"] == 1


def test_4_2_1_a_body_of_exactly_the_greatest_length_is_read(place: Place) -> None:
    """The standard speaks of smaller ones only; the stricter reading is that it may be full."""
    limit = place.ask("GET", ROOT).json()["max_content_length"]
    body = encoded([sign(1)])
    assert place.send(body + b" " * (limit - len(body))).status_code in {202, 413}


# --- §4.3 status


def test_4_3_a_status_can_be_asked_for_later(place: Place) -> None:
    status = place.put(sign(1), sign(2))
    answer = place.ask("GET", f"{ROOT}status/{status['id']}/")
    assert (answer.status_code, answer.headers["content-type"]) == (200, TAXII)
    assert answer.json() == status


def test_4_3_a_status_nobody_made_is_404(place: Place) -> None:
    for name in (str(uuid.uuid4()), "nonsense", "00000000-0000-0000-0000-000000000000"):
        assert place.ask("GET", f"{ROOT}status/{name}/").status_code == 404


def test_4_3_a_status_is_its_posters_own(served: Served, place: Place) -> None:
    """Another tool does not learn what was posted: 404, as if it were not there."""
    status = place.put(sign(1))
    other = served.with_token(place, served.token(f"{place.name}=rw"))
    assert other.ask("GET", f"{ROOT}status/{status['id']}/").status_code == 404


def test_4_3_1_counts_add_up_and_none_is_pending(place: Place) -> None:
    status = place.post([sign(1), b"7", sign(2), b"{}"]).json()
    assert status["status"] == "complete"
    assert status["pending_count"] == 0
    assert status["total_count"] == 4
    assert (status["success_count"], status["failure_count"]) == (2, 2)
    assert "pendings" not in status
    assert len(status["successes"]) == 2
    assert len(status["failures"]) == 2


def test_4_3_1_the_required_properties_stand_in_every_status(place: Place) -> None:
    for status in (place.put(sign(1)), place.post([b"7"]).json()):
        assert str(uuid.UUID(status["id"])) == status["id"]
        assert status["status"] in {"complete", "pending"}
        for name in ("total_count", "success_count", "failure_count", "pending_count"):
            assert isinstance(status[name], int)
            assert status[name] >= 0


def test_4_3_1_the_time_of_the_request_is_now(place: Place) -> None:
    before = datetime.now(UTC)
    text = place.put(sign(1))["request_timestamp"]
    assert SIX_DIGITS.fullmatch(text)
    assert abs((datetime.fromisoformat(text) - before).total_seconds()) < 30


def test_4_3_1_details_name_each_object_and_its_version(place: Place) -> None:
    status = place.put(sign(1), sign(1, version=1), statement(1), address(1))
    details = [(each["id"], each["version"]) for each in status["successes"]]
    assert details[:3] == [
        (sign(1)["id"], sign(1)["modified"]),
        (sign(1)["id"], sign(1, version=1)["modified"]),
        (statement(1)["id"], statement(1)["created"]),
    ]
    assert details[3][0] == address(1)["id"]
    (record,) = place.get(f"manifest/?match[id]={address(1)['id']}").json()["objects"]
    assert details[3][1] == record["version"] == record["date_added"]


def test_4_3_1_a_failure_says_which_object_and_why(place: Place) -> None:
    bad = sign(7) | {"pattern_type": 7}
    status = place.post([bad]).json()
    (failure,) = status["failures"]
    assert failure["id"] == bad["id"]
    assert failure["version"] == bad["modified"]
    assert failure["message"]


@pytest.mark.parametrize("raw", [b"7", b"null", b"{}", b'{"id":7}', b"[]", b'"x"'])
def test_4_3_1_even_what_is_no_object_has_an_id_and_a_version(place: Place, raw: bytes) -> None:
    status = place.post([raw]).json()
    (failure,) = status["failures"]
    assert isinstance(failure["id"], str)
    assert failure["id"]
    assert SIX_DIGITS.fullmatch(failure["version"])
