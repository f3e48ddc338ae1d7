"""Casework over HTTP: who is let in, what is taken, what is told, what is done once."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.unit.exchange.casework_kit import PROBLEM, XA, XB, world_of

from foedus.access import Role
from foedus.exchange.server.casework import CASE_ROUTES, case_answer
from foedus.exchange.server.casework_repeat import Repeats
from foedus.node.people import disable_user

if TYPE_CHECKING:
    from tests.unit.exchange.casework_kit import World

_PLACE = Path(__file__).parents[1] / "node" / "conftest.py"
_NAME = "node_pair_for_casework"
if _NAME not in sys.modules:
    _spec = importlib.util.spec_from_file_location(_NAME, _PLACE)
    if _spec is None or _spec.loader is None:
        raise ImportError(_PLACE)
    _made = importlib.util.module_from_spec(_spec)
    sys.modules[_NAME] = _made  # dataclasses look their module up by name
    _spec.loader.exec_module(_made)
_node = sys.modules[_NAME]
concluded_by_three = _node._concluded_by_three

DRAFT = {
    "to": "XB",
    "legal_basis": "Act 1, section 2",
    "purpose": "warning",
    "offence": "financing",
    "values": ["bad77.example"],
}


@pytest.fixture(scope="module", name="world")
def _world(concluded_by_three: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    place = tmp_path_factory.mktemp("casework")
    with world_of(_node, concluded_by_three, place) as world:
        yield world


def refused(answer: Any, status: int, code: str) -> dict[str, Any]:
    """Check that an answer is this problem, and return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    said: dict[str, Any] = answer.json()
    assert (said["status"], said["code"]) == (status, code)
    assert said["title"]
    return said


# --- who is let in


def test_nobody_is_let_in_without_a_token_of_this_scope(world: World) -> None:
    for path in ("orders", "requests/1", "challenges", "grounds"):
        answer = world.ask("GET", path, token="")
        if path != "grounds":
            refused(answer, 401, "exchange.token")
            assert "Bearer" in answer.headers["www-authenticate"]
    refused(world.ask("POST", "orders", token="", json={}), 401, "exchange.token")
    refused(world.ask("GET", "orders", token="fds_guess"), 401, "exchange.token")
    for scope in ("read", "write"):
        token = world.token("olga", scope=scope)
        assert (
            "`case`"
            in refused(world.ask("GET", "orders", token=token), 403, "exchange.forbidden")["detail"]
        )
        refused(world.ask("POST", "orders", token=token, json={}), 403, "exchange.forbidden")


def test_a_token_for_casework_opens_nothing_else(world: World) -> None:
    headers = {"authorization": f"Bearer {world.token('olga')}"}
    answer = world.http.get(f"{world.bases[XA]}/tools/collections/", headers=headers)
    assert answer.json().get("collections", []) == []


def test_a_disabled_user_is_nobody(world: World) -> None:
    token = world.token("dora")
    assert world.ask("GET", "", token=token).json()["roles"] == ["analyst"]
    member = world.trio.a
    disable_user(member.wired.node, member.actor, "dora")
    refused(world.ask("GET", "", token=token), 401, "exchange.token")


def test_roles_decide_before_anything_is_looked_up(world: World) -> None:
    """What there is and what there is not look alike to who may not."""
    world.client("olga").challenges.open("ROLE-1", values=["nowhere.example"])
    for number in (1, 999_999, "x"):
        answers = [
            world.ask("GET", f"challenges/{number}", user="ann"),
            world.ask("POST", f"challenges/{number}/withdraw", user="ann"),
            world.ask("POST", f"breaches/{number}/close", user="ann", json={"reason": "late"}),
        ]
        bodies = {refused(each, 403, "access.denied")["detail"] for each in answers}
        assert not any(str(number) in each for each in bodies if number != 1)
    refused(world.ask("POST", "subjects/find", user="ada", json={}), 403, "access.denied")


def test_every_route_that_names_roles_refuses_the_others(world: World) -> None:
    users = {"ann": Role.ANALYST, "ada": Role.SUPERVISOR, "olga": Role.OFFICER, "aud": Role.AUDITOR}
    for route in CASE_ROUTES:
        outside = [name for name, role in users.items() if role not in route.roles]
        if not route.roles or not outside:
            continue
        path = route.path.replace("{number}", "1").replace("{request}", "1")
        answer = world.ask(route.method, path, user=outside[0])
        refused(answer, 403, "access.denied")


# --- what is taken


def test_what_is_malformed_is_told(world: World) -> None:
    ask = world.ask
    refused(ask("GET", "orders?limit=0"), 400, "exchange.bad_request")
    refused(ask("GET", "orders?limit=501"), 400, "exchange.bad_request")
    refused(ask("GET", "orders?what=1"), 400, "exchange.bad_request")
    refused(ask("GET", "orders?after=1&after=2"), 400, "exchange.bad_request")
    refused(ask("GET", "orders?%"), 400, "exchange.bad_request")
    refused(ask("GET", "orders/matrix?after=XB"), 400, "exchange.bad_request")
    refused(ask("GET", "requests/inbox?after=zz/1"), 422, "exchange.unprocessable")
    refused(ask("GET", "retention?after=2026-01-01T00:00:00Z"), 400, "exchange.bad_request")
    extra = refused(
        ask("POST", "orders", json={"action": "recall", "who": 1}), 422, "exchange.unprocessable"
    )
    assert "the body" in extra["detail"]
    for body in (b"[]", b"{", b"\xff", b'{"item":"a\\u0000"}', b"[" * 5_000):
        headers = {"content-type": "application/json"}
        answer = ask("POST", "grounds/release", content=body, headers=headers)
        refused(answer, 422, "exchange.unprocessable")
    many = {
        "items": ["XA-2026-00001"] * 1_001,
        "action": "recall",
        "article": "2",
        "reason": "wrong",
    }
    refused(ask("POST", "orders", json=many), 422, "exchange.unprocessable")
    refused(
        ask("POST", "grounds/release", content=b"{}", headers={"content-type": "text/plain"}),
        415,
        "exchange.unsupported_media_type",
    )
    refused(ask("GET", "orders", headers={"accept": "text/html"}), 406, "exchange.not_acceptable")
    large = b'{"item":"' + b"a" * (512 * 1024) + b'"}'
    refused(ask("POST", "grounds/release", content=large), 413, "exchange.body_too_large")
    refused(
        ask("POST", "requests/1/send", user="ada", json={"now": True}),
        422,
        "exchange.unprocessable",
    )


def test_what_no_route_takes_is_a_problem_too(world: World) -> None:
    for method, path, status in (
        ("GET", "nothing", 404), ("GET", "orders/", 404), ("DELETE", "orders", 405),
        ("GET", "grounds", 405),
    ):  # fmt: skip
        answer = world.ask(method, path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, PROBLEM)
        assert answer.json()["status"] == status


def test_what_is_absent_is_told_without_a_word(world: World) -> None:
    answers = [
        world.ask("GET", "orders/XA-O-2026-09999"),
        world.ask("GET", "orders/%00"),
        world.ask("GET", "requests/999999"),
        world.ask("GET", "requests/XA-R-2026-09999"),
        world.ask("GET", "challenges/999999"),
        world.ask("GET", "challenges/" + "9" * 40),
        world.ask("POST", "orders/received/999999/execute"),
        world.ask("POST", "consents/inbox/999999/refuse", json={"ground": "harm"}),
        world.ask("POST", "grounds/release", json={"item": "XA-2026-09999"}),
        world.ask("GET", "readings?item=XA-2026-09999"),
    ]
    told = {(each.status_code, each.json()["title"], "detail" in each.json()) for each in answers}
    assert told == {(404, "There is no such resource", False)}


def test_a_refusal_says_why_as_the_command_line_does(world: World) -> None:
    said = refused(
        world.ask("POST", "requests", user="ann", json={**DRAFT, "to": "XA"}), 422, "node.refused"
    )
    assert "nobody asks itself" in said["detail"]
    body = {**DRAFT, "values": ["what is this"]}
    assert (
        "no value"
        in refused(world.ask("POST", "requests", user="ann", json=body), 422, "node.refused")[
            "detail"
        ]
    )
    refused(
        world.ask("POST", "requests", user="ann", json={**DRAFT, "due": "tomorrow"}),
        422,
        "exchange.unprocessable",
    )
    refused(
        world.ask("POST", "requests", user="ann", json={**DRAFT, "treaty": "zz"}),
        422,
        "exchange.unprocessable",
    )


def test_a_blocked_item_looks_like_one_that_is_not_here(world: World) -> None:
    """What an order hides is told by no answer: it is that for what is absent, to the byte."""
    item = world.given(71)
    absent = item.replace("000000000071", "000000099971")
    world.client("olga").orders.issue("restrict", [item], article="5", reason="court")
    world.exchange()
    asks: list[tuple[str, str, str, Any]] = [
        ("POST", "feedback", "ann", lambda name: {"item": name, "stance": "agree"}),
        ("POST", "feedback/withdraw", "ann", lambda name: {"item": name, "reason": "x"}),
        ("POST", "requests", "ann", lambda name: {**DRAFT, "to": "XA", "items": [name]}),
        (
            "POST",
            "consents/requests",
            "ben",
            lambda name: {
                "item": name,
                "to": "XC",
                "purpose": "warning",
                "until": "2029-01-01T00:00:00Z",
            },
        ),
    ]
    for method, path, user, body in asks:
        answers = [
            world.ask(method, path, user=user, of=XB, json=body(name)) for name in (item, absent)
        ]
        told = {(each.status_code, each.content) for each in answers}
        assert len(told) == 1, (path, told)
        assert answers[0].status_code == 404
    for name in (item, absent):
        answer = world.ask("GET", f"readings?item={name}", of=XB)
        assert answer.status_code == 404


# --- once


def count(world: World) -> int:
    counts = world.ask("GET", "requests", user="ann").json()["counts"]
    return sum(each["count"] for each in counts)


def post(world: World, key: str, body: dict[str, Any] | None = None, *, user: str = "ann") -> Any:
    headers = {"idempotency-key": key}
    return world.ask("POST", "requests", user=user, json=body or DRAFT, headers=headers)


def test_what_is_asked_twice_with_one_key_is_done_once(world: World) -> None:
    before = count(world)
    first, second = post(world, "once-1"), post(world, "once-1")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert count(world) == before + 1
    assert post(world, "once-2").json()["number"] != first.json()["number"]
    assert world.ask("POST", "requests", user="ann", json=DRAFT).status_code == 201
    assert count(world) == before + 3


def test_what_is_asked_many_times_at_once_is_done_once(world: World) -> None:
    before = count(world)
    world.token("ann")

    def ask(_: int) -> int:
        headers = {
            "authorization": f"Bearer {world.token('ann')}",
            "idempotency-key": "at once",
        }
        url = f"{world.bases[XA]}/api/v1/requests"
        return httpx.post(url, json=DRAFT, headers=headers, trust_env=False).status_code

    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(ask, range(8)))
    assert 201 in answers
    assert answers <= {201, 503}
    assert count(world) == before + 1


def test_a_key_belongs_to_one_request_of_one_user(world: World) -> None:
    post(world, "mine")
    refused(post(world, "mine", {**DRAFT, "text": "another"}), 422, "exchange.unprocessable")
    bad = post(world, "k" * 129)
    refused(bad, 400, "exchange.bad_request")
    headers = {"idempotency-key": "mine"}
    other = world.ask("POST", "requests/1/approve", user="ada", json={}, headers=headers)
    assert "belongs to another" not in other.text


def test_a_refusal_leaves_its_key_free(world: World) -> None:
    refused(post(world, "free", {**DRAFT, "to": "XA"}), 422, "node.refused")
    assert post(world, "free").status_code == 201


def test_what_is_still_worked_on_is_asked_for_later_and_what_broke_off_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the process ended")

    clock = world.trio.clock
    with monkeypatch.context() as patch:
        patch.setattr("foedus.exchange.server.casework_requests.draft_request", broken)
        fault = post(world, "broken")
        assert (fault.status_code, fault.headers["content-type"]) == (500, PROBLEM)
        assert set(fault.json()) == {"title", "status", "error_id"}
    soon = post(world, "broken")
    refused(soon, 503, "exchange.still_working")
    assert soon.headers["retry-after"] == "1"
    clock.instant += timedelta(minutes=5)
    refused(post(world, "broken"), 409, "exchange.outcome_unknown")
    clock.instant += timedelta(days=1)
    assert post(world, "broken").status_code == 201


def test_nothing_of_a_request_is_kept_but_a_code(world: World) -> None:
    body = {**DRAFT, "text": "Unmistakable words"}
    answer = post(world, "kept", body)
    with world.trio.a.database.read() as tx:
        node = world.trio.a.wired.node
        name = Repeats(database=node.database, clock=node.clock, secret=node.identity.secret)._code(
            "ann", "kept"
        )[:40]
        kept = tx.collections.status(name, "api ann", since=world.trio.clock.now())
    assert kept is not None
    assert b"Unmistakable" not in kept
    assert b"bad77" not in kept
    assert json.loads(kept)["answer"] == answer.json()


# --- reading


def test_a_reading_is_noted_with_the_purpose_of_its_header(world: World) -> None:
    world.client("ann").requests.draft(
        to="XB",
        legal_basis="Act 1, section 2",
        values=["name:Jane Doe"],
        purpose="warning",
        offence="financing",
        person="suspect",
        review="2027-01-01T00:00:00Z",
    )
    newest = world.client("ann").requests.list(limit=500).rows[-1].number
    purpose = "Vorgang 17: Prüfung"
    answer = world.ask(
        "GET",
        f"requests/{newest}",
        user="ann",
        headers={b"foedus-purpose": purpose.encode()},  # type: ignore[dict-item]  # bytes, as sent
    )
    assert answer.json()["says"]["selectors"] == ["name:jane doe"] or answer.json()["personal"]
    [reading] = world.client("aud").readings.list(limit=1).rows
    assert (reading.user, reading.what, reading.purpose) == ("ann", "api request show", purpose)
    bad = {b"foedus-purpose": b"\xff\xfe"}
    answer = world.ask("GET", f"requests/{newest}", user="ann", headers=bad)  # type: ignore[arg-type]  # likewise
    refused(answer, 400, "exchange.bad_request")


def test_pages_follow_one_another(world: World) -> None:
    for number in range(3):
        post(world, f"page-{number}", {**DRAFT, "values": [f"page{number}.example"]})
    whole = world.ask("GET", "requests?limit=500", user="ann").json()["requests"]
    numbers, after = [], ""
    while True:
        page = world.ask("GET", f"requests?limit=2&after={after or 0}", user="ann").json()
        numbers += [each["number"] for each in page["requests"]]
        after = page["next"]
        if not after:
            break
    assert numbers == [each["number"] for each in whole]
    assert len(numbers) >= 3


def test_head_is_answered_as_get(world: World) -> None:
    assert world.ask("HEAD", "orders").status_code == 200
    assert world.ask("GET", "orders").headers["cache-control"] == "no-store"


def test_each_error_of_casework_has_its_answer() -> None:
    from foedus.casework import errors  # noqa: PLC0415  # its names are what is looked at

    for name in errors.__all__:
        error = getattr(errors, name)("why")
        assert case_answer(error).status in {409, 422}, name
    assert XB == "XB"
