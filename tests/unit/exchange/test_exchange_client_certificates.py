"""Tools that show a client certificate to a proxy named in the settings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from foedus.exchange.run import bind, serving
from foedus.exchange.server.limits import Proxies
from foedus.node.ports import TokenRow

if TYPE_CHECKING:
    from tests.unit.exchange.conftest import Live, Loopback

MINE, OTHER = "a" * 64, "b" * 64
BOUND = "a token bound to a certificate"


@pytest.fixture
def behind_proxy(live: Live, loopback: Loopback) -> Iterator[httpx.Client]:
    """A client that stands where a trusted proxy does, before a node with one bound token."""
    with live.database.write() as tx:
        tx.people.put_token(
            TokenRow(
                token_id="t-bound",
                user="ana",
                digest=hashlib.sha256(BOUND.encode()).digest(),
                scope="read",
                created=live.clock.now(),
                revoked=None,
                certificate=MINE,
            )
        )
    proxies = Proxies(addresses=frozenset({"127.0.0.1"}), certificate_header="client-cert")
    with (
        serving(loopback.app, bind("127.0.0.1", 0), proxies=proxies) as base,
        httpx.Client(base_url=base, trust_env=False) as client,
    ):
        yield client


CASES: list[tuple[str, str, str, int]] = [
    ("the certificate alone", "", MINE, 200),
    ("the token with its certificate", BOUND, MINE, 200),
    ("the token alone", BOUND, "", 401),
    ("the token with another certificate", BOUND, OTHER, 401),
    ("another certificate alone", "", OTHER, 401),
    ("neither", "", "", 401),
    ("a wrong token beside the right certificate", "no such token", MINE, 401),
]


def headers(token: str, certificate: str) -> dict[str, str]:
    return {
        "accept": "application/taxii+json;version=2.1",
        **({"authorization": f"Bearer {token}"} if token else {}),
        **({"client-cert": certificate} if certificate else {}),
    }


@pytest.mark.parametrize(
    ("name", "token", "certificate", "status"), CASES, ids=[c[0] for c in CASES]
)
def test_a_certificate_opens_what_its_token_opens(
    behind_proxy: httpx.Client, name: str, token: str, certificate: str, status: int
) -> None:
    for path in ("/tools/", "/tools/collections/", "/taxii2/"):
        answer = behind_proxy.get(path, headers=headers(token, certificate))
        assert answer.status_code == status, (name, path)


def test_from_anybody_else_the_header_is_worth_nothing(
    behind_proxy: httpx.Client, live: Live
) -> None:
    assert behind_proxy.get("/tools/", headers=headers("", MINE)).status_code == 200
    answer = live.http.get("/tools/", headers=headers("", MINE))  # a node that names no proxy
    assert answer.status_code == 401


def test_a_revoked_token_takes_its_certificate_along(
    behind_proxy: httpx.Client, live: Live
) -> None:
    assert behind_proxy.get("/tools/", headers=headers("", MINE)).status_code == 200
    with live.database.write() as tx:
        [row] = [each for each in tx.people.tokens() if each.token_id == "t-bound"]
        values = {name: getattr(row, name) for name in TokenRow.__dataclass_fields__}
        tx.people.put_token(TokenRow(**{**values, "revoked": live.clock.now()}))
    assert behind_proxy.get("/tools/", headers=headers("", MINE)).status_code == 401


def test_a_token_that_expired_does_not_stand_in_the_way_of_the_next(
    behind_proxy: httpx.Client, live: Live
) -> None:
    """Who renews a token gives the new one to the same certificate."""
    with live.database.write() as tx:
        [row] = [each for each in tx.people.tokens() if each.token_id == "t-bound"]
        end = live.clock.now() + timedelta(hours=1)
        tx.people.put_token(replace(row, expires=end))
        tx.people.put_token(
            replace(
                row,
                token_id="t-next",
                digest=hashlib.sha256(b"the next").digest(),
                created=live.clock.now() + timedelta(seconds=1),
            )
        )
    assert behind_proxy.get("/tools/", headers=headers("", MINE)).status_code == 200
    live.clock.instant = end
    assert behind_proxy.get("/tools/", headers=headers("", MINE)).status_code == 200
    assert behind_proxy.get("/tools/", headers=headers(BOUND, MINE)).status_code == 401
