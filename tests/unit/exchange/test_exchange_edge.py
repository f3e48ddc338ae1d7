"""One request in, one answer out: the room that bodies take."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import Message

from foedus.exchange.server.edge import Bodies, Call, Edge, Reply


class Caller:
    """Sends a body of so many bytes, in two parts; what it is answered is kept."""

    def __init__(self, size: int, whole: asyncio.Event | None = None) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self._parts = [b"x" * (size // 2), b"x" * (size - size // 2)]
        self._whole = whole

    async def receive(self) -> Message:
        if len(self._parts) == 1 and self._whole is not None:
            await self._whole.wait()
        return {
            "type": "http.request",
            "body": self._parts.pop(0),
            "more_body": bool(self._parts),
        }

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = dict(message["headers"])


def scope_of() -> dict[str, Any]:
    return {
        "type": "http",
        "method": "POST",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [(b"transfer-encoding", b"chunked")],
    }


def test_bodies_take_so_much_room_and_give_it_back() -> None:
    bodies = Bodies(most=100)
    edge = Edge(random=bytes, bodies=bodies)

    def handler(call: Call) -> Reply:
        assert bodies.held >= len(call.body)
        return Reply(body=b"{}")

    async def run() -> None:
        endpoint = edge.endpoint(handler)
        whole = asyncio.Event()
        slow, fast, last = Caller(80, whole), Caller(70), Caller(70)

        async def meanwhile() -> None:
            await endpoint(scope_of(), fast.receive, fast.send)
            whole.set()

        await asyncio.gather(endpoint(scope_of(), slow.receive, slow.send), meanwhile())
        await endpoint(scope_of(), last.receive, last.send)
        assert (slow.status, fast.status, last.status) == (200, 503, 200)
        assert fast.headers[b"retry-after"] == b"1"

    asyncio.run(run())
    assert bodies.held == 0
