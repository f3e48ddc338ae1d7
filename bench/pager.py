"""A taker that only pages: reads its bulk lane at a peer to the end, and verifies nothing.

``python -m bench.pager DATA GIVER ADDRESS`` waits for a line on its input, reads with signed
requests as a node's own client would, and prints rows, bytes, seconds and its processor time as
JSON. So what the giver's server sustains is seen beside takers that cost as little as they can.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

import httpx

from foedus.clock import SystemClock
from foedus.compose import open_node
from foedus.exchange.http_signature import NONCE_BYTES, SignableRequest, sign_request
from foedus.exchange.lane_names import LANES_HEADER, lane_objects_path
from foedus.model.identifiers import MemberId
from foedus.node.dispatch import LANE_BULK
from foedus.node.identity import NodeIdentity
from foedus.node.lane_counts import parse_counts
from foedus.node.lane_pull import PAGE_ROWS
from foedus.settings import load_settings

_LAST = "x-taxii-date-added-last"


def main(data: Path, giver: MemberId, address: str) -> None:
    """Read the lane once and print."""
    wired = open_node(load_settings(data))
    identity = wired.node.identity
    wired.close()
    with httpx.Client(trust_env=False, timeout=60) as http:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        cpu, start = time.process_time(), time.perf_counter()
        rows, size = _paged(http, identity, giver, address)
        took, spent = time.perf_counter() - start, time.process_time() - cpu
    json.dump({"rows": rows, "bytes": size, "seconds": took, "cpu": spent}, sys.stdout)


def _paged(
    http: httpx.Client, identity: NodeIdentity, giver: MemberId, address: str
) -> tuple[int, int]:
    """Return how many rows the lane has, and the bytes of all pages."""
    path = lane_objects_path(giver, identity.member, LANE_BULK)
    base, after, size = urlsplit(address + path).path, "", 0
    while True:
        asked = {"match[version]": "all", "limit": str(PAGE_ROWS)}
        query = urlencode(asked | ({"added_after": after} if after else {}), quote_via=quote)
        headers = sign_request(
            SignableRequest(method="GET", path=base, query=query, body=b""),
            audience=giver,
            key=identity.node,
            at=SystemClock().now(),
            nonce=os.urandom(NONCE_BYTES),
        )
        headers["accept"] = "application/taxii+json;version=2.1"
        answer = http.get(f"{address}{path}?{query}", headers=headers)
        answer.raise_for_status()
        size += len(answer.content)
        last = answer.headers.get(_LAST, "")
        if not last or last == after:
            counts = parse_counts(answer.headers.get(LANES_HEADER, ""))
            assert counts is not None
            return counts[LANE_BULK], size
        after = last


if __name__ == "__main__":
    main(Path(sys.argv[1]), MemberId(sys.argv[2]), sys.argv[3])
