"""TAXII pages over real HTTP: a lane served by uvicorn, followed by the node's own client."""

from __future__ import annotations

import time

from foedus.cli.serving import services_of
from foedus.compose import Wired
from foedus.exchange.peer_client import HTTPPeerClient
from foedus.exchange.run import bind, serving
from foedus.exchange.server import build_app
from foedus.node.peer_ports import PeerEndpoint

__all__ = ["pages_over_http"]


def pages_over_http(sender: Wired, recipient: Wired, *, rows: int) -> tuple[float, int]:
    """Follow the bulk lane once; return (objects a second, pages). Nothing is verified here."""
    listening = bind("127.0.0.1", 0)
    with serving(build_app(services_of(sender)), listening) as address:
        node = recipient.node
        client = HTTPPeerClient(identity=node.identity, clock=node.clock, random=node.random)
        peer = PeerEndpoint(member=sender.settings.member, address=address)
        start, after, objects, pages = time.perf_counter(), "", 0, 0
        while True:
            page = client.lane_page(peer, "bulk", added_after=after, limit=1_000)
            objects += len(page.objects)
            pages += 1
            after = page.last_added or after
            if not page.more:
                break
        took = time.perf_counter() - start
        client.close()
    assert objects >= rows, (objects, rows)
    return objects / took, pages
