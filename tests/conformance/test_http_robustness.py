"""Every endpoint of a node, asked things nobody thought of: no fault of ours, no hang.

What is asked follows from ``docs/openapi.json``, once keeping to it and once breaking it; with a
token, with a member's signature, and with neither. The description itself is checked to name
every route there is.
"""

from __future__ import annotations

import functools
import itertools
import json
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy
from tests.conformance.taxii_kit import TAXII, USER, sign

from foedus.exchange.lane_names import API_PATH

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of what it imports, some is deprecated
    import schemathesis
    from schemathesis import openapi

if TYPE_CHECKING:
    from tests.conformance.taxii_kit import Place, Served
    from tests.unit.exchange.conftest import Live, Loopback

PROBLEM = "application/problem+json"
DESCRIPTION = Path(__file__).parents[2] / "docs" / "openapi.json"
HANG_S = 10
EXAMPLES = 5
CASE_EXAMPLES = 2
MANY_EXAMPLES = 400
OPEN_FAULTS = {501, 503, 507}
"""Answers above 499 that say something true; none of them is a fault nobody foresaw."""


def described() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
    return found


OPERATIONS = [
    (method.upper(), path) for path, item in described()["paths"].items() for method in item
]

CASE_OPERATIONS = [each for each in OPERATIONS if each[1].startswith(API_PATH)]
TAXII_OPERATIONS = [each for each in OPERATIONS if each not in CASE_OPERATIONS]


@functools.cache
def schema() -> Any:
    """Return the description, read once for all operations."""
    return openapi.from_dict(described())


@functools.cache
def strategy(method: str, path: str, mode: str) -> SearchStrategy[Any]:
    """Return what generates requests of one operation."""
    made: SearchStrategy[Any] = schema()[path][method].as_strategy(
        generation_mode=schemathesis.GenerationMode(mode)
    )
    return made


def ask(http: httpx.Client, case: Any, headers: dict[str, str]) -> httpx.Response | None:
    """Send one generated request; None if it cannot be written as HTTP."""
    kwargs = case.as_transport_kwargs(base_url=str(http.base_url))
    sent = {
        name: value
        for name, value in dict(kwargs.get("headers") or {}).items()
        if name.lower() not in {"authorization", "host", "content-length"}
    }
    content = kwargs.get("data")
    if kwargs.get("json") is not None:
        content = json.dumps(kwargs["json"])
    if content is not None and not isinstance(content, str | bytes):
        content = json.dumps(content, default=str)
    try:
        request = http.build_request(
            kwargs["method"],
            kwargs["url"],
            params=kwargs.get("params") or None,
            headers={**sent, **headers},
            content=content.encode("utf-8", "replace") if isinstance(content, str) else content,
        )
    except (httpx.InvalidURL, ValueError, UnicodeError, TypeError):
        return None
    try:
        return http.send(request)
    except (httpx.LocalProtocolError, UnicodeError):
        return None  # a header no client can write


def check(answer: httpx.Response | None) -> None:
    """Check that an answer is one that was meant."""
    if answer is None:
        return
    assert answer.status_code < 500 or answer.status_code in OPEN_FAULTS, answer.text
    assert answer.elapsed.total_seconds() < HANG_S
    if answer.status_code >= 400 and answer.headers.get("content-type") in {TAXII, PROBLEM}:
        assert answer.json()["title"]


Headers = Callable[[Any], dict[str, str]]


def fuzz(
    http: httpx.Client, method: str, path: str, callers: Sequence[Headers], *, examples: int
) -> None:
    """Ask one operation so many questions of each kind, each as every caller."""
    for mode in ("positive", "negative"):

        @settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
            derandomize=examples != MANY_EXAMPLES,
        )
        @given(case=strategy(method, path, mode))
        def once(case: Any) -> None:
            for caller in callers:
                check(ask(http, case, caller(case)))

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                once()
            except Unsatisfiable:  # what has no parameter cannot be asked wrongly
                assert mode == "negative"


ADDRESSES = (f"127.{n >> 8}.{n & 255}.9" for n in itertools.count(256))


@pytest.fixture(name="odd")
def _odd(served: Served, filled: Place) -> Iterator[Place]:
    """The filled collection as a caller sees it who has an address of its own to spoil."""
    yield from served.connections(filled, 1, of=next(ADDRESSES))


def a_tool_and_nobody(place: Place) -> list[Headers]:
    return [lambda _: {"authorization": f"Bearer {place.token}"}, lambda _: {}]


@pytest.mark.parametrize(("method", "path"), TAXII_OPERATIONS)
def test_no_question_of_a_tool_or_of_nobody_makes_a_node_fail(
    odd: Place, method: str, path: str
) -> None:
    fuzz(odd.http, method, path, a_tool_and_nobody(odd), examples=EXAMPLES)
    assert odd.http.get("/health").status_code == 200


@pytest.fixture(scope="session", name="caseworker")
def _caseworker(served: Served) -> str:
    """The token of a user of every role, for casework."""
    found: str = served.command("token", "create", "--user", USER, "--scope", "case")["secret"]
    return found


@pytest.mark.parametrize(("method", "path"), CASE_OPERATIONS)
def test_no_question_about_casework_makes_a_node_fail(
    odd: Place, caseworker: str, method: str, path: str
) -> None:
    headers = {"authorization": f"Bearer {caseworker}"}
    fuzz(odd.http, method, path, [lambda _: headers], examples=CASE_EXAMPLES)


def signed(live: Live, case: Any) -> dict[str, str]:
    """Return the headers by which a member signs a generated request, if it can be written."""
    kwargs = case.as_transport_kwargs(base_url=live.base)
    try:
        request = live.http.build_request(
            kwargs["method"], kwargs["url"], params=kwargs.get("params") or None
        )
        bare, _, query = request.url.raw_path.decode("ascii").partition("?")
        return live.signed(str(request.method), bare, query=query)
    except (httpx.InvalidURL, ValueError, UnicodeError, TypeError):
        return {}


@pytest.mark.parametrize(
    ("method", "path"), [each for each in TAXII_OPERATIONS if not each[1].startswith("/tools/")]
)
def test_no_question_of_a_member_makes_a_node_fail(
    live: Live, indicators: Callable[[int], bytes], method: str, path: str
) -> None:
    live.disclose([indicators(n) for n in range(3)])
    fuzz(live.http, method, path, [lambda case: signed(live, case)], examples=EXAMPLES)


@pytest.mark.soak
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_many_questions_make_no_node_fail(
    odd: Place, caseworker: str, method: str, path: str
) -> None:
    headers = {"authorization": f"Bearer {caseworker}"}
    callers = [*a_tool_and_nobody(odd), lambda _: headers]
    fuzz(odd.http, method, path, callers, examples=MANY_EXAMPLES)
    assert odd.http.get("/health").status_code == 200


ODD_QUERIES = [
    "match[id]=" + ",".join(f"indicator--{n}" for n in range(200)),
    "match[id]=" + ",".join(f"indicator--{n}" for n in range(1_500)),
    "match[type]=" + "a" * 10_000,
    "match[version]=" + ",".join(f"2026-01-01T00:00:{n:02d}Z" for n in range(60)),
    "added_after=9999-12-31T23:59:59.999999Z",
    "added_after=0001-01-01T00:00:00Z",
    "added_after=1969-12-31T23:59:59Z",
    "added_after=2026-06-30T23:59:60Z",
    "limit=9223372036854775808",
    "limit=" + "9" * 17,
    "next=" + "A" * 10_000,
    "match%5Bid%5D=%00",
    "%",
    "&&&===&",
    "a=" + "%F0%9F%94%92" * 200,
    "match[id]=%27%3B%20DROP%20TABLE%20items%3B--",
    "match[version]=0001-01-01T00:00:00Z",
    "match[version]=9999-12-31T23:59:59.999999Z",
]


@pytest.mark.parametrize("rest", ["objects/", "manifest/", f"objects/{sign(1)['id']}/",
                                  f"objects/{sign(1)['id']}/versions/"])  # fmt: skip
def test_odd_queries_are_answered(odd: Place, rest: str) -> None:
    for query in ODD_QUERIES:
        check(odd.get(f"{rest}?{query}"))
    for query in ODD_QUERIES:
        check(odd.ask("GET", f"/tools/collections/held/{rest}?{query}"))


def test_odd_queries_do_not_delete(odd: Place) -> None:
    before = odd.dates()
    for query in ODD_QUERIES:
        if "match" in query and "version" not in query.lower():
            continue  # a filter that holds for no deletion
        if query.startswith(("added_after", "limit", "next", "a=", "%", "&")):
            continue
        check(odd.delete(f"objects/{sign(1)['id']}/?{query}"))
    assert odd.dates() == before


@pytest.mark.usefixtures("live")
def test_the_description_names_every_route(loopback: Loopback) -> None:
    """Each route of the application stands in it, and nothing else does."""
    app: Any = loopback.app
    routes = {
        (method, re.sub(r":path\}", "}", route.path))
        for route in app.routes
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert routes == set(OPERATIONS)
