"""Three members under one treaty; two of them answer on loopback, as `foedus serve` has them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from foedus.access import Role
from foedus.cli.serving import services_of
from foedus.client import Client, Patience
from foedus.client.casework import Casework
from foedus.clock import FixedClock
from foedus.compose import open_node
from foedus.exchange.run import bind, serving
from foedus.exchange.server.app import build_app
from foedus.model.identifiers import MemberId, TreatyId
from foedus.node.case_clock import tick
from foedus.node.people import add_user
from foedus.node.tokens import TokenRights, create_token
from foedus.settings import load_settings

XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")
PROBLEM = "application/problem+json"


@dataclass(kw_only=True)
class World:
    """What the tests of one module share.

    Attributes:
        trio: The members; see ``tests/unit/node/conftest.py``.
        bases: Where XA and XB answer.
    """

    trio: Any
    bases: Mapping[MemberId, str]
    http: httpx.Client
    tokens: dict[tuple[MemberId, str, str], str] = field(default_factory=dict)
    clients: dict[tuple[MemberId, str], Client] = field(default_factory=dict)

    def token(self, user: str, *, of: MemberId = XA, scope: str = "case") -> str:
        """Return a token of a user, always the same."""
        if (of, user, scope) not in self.tokens:
            member = self.trio.members[of]
            rights = TokenRights(scope=scope)
            made = create_token(member.wired.node, member.actor, user, rights)
            self.tokens[of, user, scope] = made.secret
        return self.tokens[of, user, scope]

    def ask(
        self,
        method: str,
        path: str,
        *,
        user: str = "olga",
        of: MemberId = XA,
        token: str | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send one request below ``/api/v1/``."""
        secret = self.token(user, of=of) if token is None else token
        sent = {"authorization": f"Bearer {secret}"} if secret else {}
        return self.http.request(
            method,
            f"{self.bases[of]}/api/v1/{path}",
            json=json,
            content=content,
            headers={**sent, **(headers or {})},
        )

    def client(self, user: str, *, of: MemberId = XA) -> Casework:
        """Return the client of a user."""
        if (of, user) not in self.clients:
            patience = Patience(attempts=2, first_wait_s=0.01, sleep=lambda _: None)
            self.clients[of, user] = Client(
                self.bases[of], self.token(user, of=of), patience=patience
            )
        return self.clients[of, user].casework

    def exchange(self) -> None:
        """Let XA and XB take what each has for the other, and do what is due, twice over."""
        trio = self.trio
        for _ in range(2):
            for own, other in ((trio.b, trio.a), (trio.a, trio.b)):
                trio.pull(own, other)
                tick(own.wired.node, own.wired.gate)

    def given(self, number: int, **changes: Any) -> str:
        """Hold an indicator at XA, give it to XB, and return its id."""
        handle = self.trio.held(number, **changes)
        wish = self.trio.wish("warning", recipients=(XB,))
        from foedus.node.disclose import disclose  # noqa: PLC0415  # only here

        [done] = disclose(
            self.trio.a.wired.node,
            self.trio.user("ada"),
            self.trio.a.wired.gate,
            [handle],
            wish,
        )
        assert done.given == 1, done.withheld
        self.exchange()
        [row] = self.trio.a.read(lambda tx: tx.items.rows([handle]))
        return str(row.key.object_id)


@contextmanager
def world_of(node_conftest: Any, concluded: tuple[Path, TreatyId], place: Path) -> Iterator[World]:
    """Open copies of three nodes and serve two of them."""
    folder, treaty = concluded
    clock = FixedClock(node_conftest.NOW)
    members = {}
    with ExitStack() as stack:
        for name in (XA, XB, XC):
            shutil.copytree(folder / name, place / name)
            wired = open_node(load_settings(place / name), clock=clock)
            stack.callback(wired.close)
            members[name] = node_conftest.Member(wired=wired, treaties=frozenset({treaty}))
        trio = node_conftest.Trio(members=members, clock=clock, treaty=treaty)
        for member in (trio.a, trio.b):
            node = member.wired.node
            for user, role in (
                ("omar", Role.OFFICER), ("rita", Role.REVIEWER), ("aud", Role.AUDITOR),
                ("dora", Role.ANALYST),
            ):  # fmt: skip
                add_user(node, member.actor, user, [role])
        bases = {
            member.name: stack.enter_context(
                serving(build_app(services_of(member.wired)), bind("127.0.0.1", 0))
            )
            for member in (trio.a, trio.b)
        }
        http = stack.enter_context(httpx.Client(trust_env=False, timeout=20))
        world = World(trio=trio, bases=bases, http=http)
        yield world
        for client in world.clients.values():
            client.close()
