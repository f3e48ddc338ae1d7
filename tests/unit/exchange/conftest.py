"""One real node's HTTP face on loopback: real server, real store, a clock that stands still."""

from __future__ import annotations

import hashlib
import itertools
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from foedus.clock import FixedClock
from foedus.exchange.http_signature import SignableRequest, sign_request
from foedus.exchange.lane_names import lane_collection_id, tools_collection_id
from foedus.exchange.peer_client import HTTPPeerClient
from foedus.exchange.run import bind, serving
from foedus.exchange.server import NodeServices, build_app
from foedus.exchange.server.credentials import token_digest
from foedus.ledger.commitment import commit_item, commit_record, lane_digest
from foedus.ledger.errors import TileAbsentError
from foedus.model.identifiers import MemberId, ObjectId
from foedus.model.kinds import FoedusKind, wrap_document
from foedus.model.objects import parse_object
from foedus.node.errors import RefusedError
from foedus.node.identity import NodeIdentity
from foedus.node.peer_ports import PeerEndpoint
from foedus.node.ports import (
    BatchRow,
    ItemState,
    NewBatch,
    NewItem,
    TokenRow,
    Transaction,
    UserRow,
)
from foedus.node.serve_tools import DraftOutcome, DraftPost, accept_drafts
from foedus.signing import PublicKey, SigningKey, sign_envelope
from foedus.store.opening import NodeDatabase, open_store

START = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
TAXII = "application/taxii+json;version=2.1"
XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")
READ_TOKEN = "fds_read-token-of-a-test-and-nothing-else"
WRITE_TOKEN = "fds_write-token-of-a-test-and-nothing-else"


def key_of(name: str) -> SigningKey:
    """Return a key that is always the same for a name."""
    return SigningKey.from_seed(hashlib.sha256(name.encode()).digest())


def identity_of(member: MemberId, address: str) -> NodeIdentity:
    """Return the identity of a member's node."""
    return NodeIdentity(
        member=member,
        name=f"Member {member}",
        address=address,
        exercise=True,
        authority=None,
        node=key_of(f"node {member}"),
        log=key_of(f"log {member}"),
        log_origin=f"{member.lower()}.example/log",
        secret=hashlib.sha256(member.encode()).digest(),
    )


def indicator(number: int, *, version: int = 0, **more: Any) -> bytes:
    """Return an indicator's bytes, spaced as no encoder of ours would space them."""
    created = "2026-11-01T08:00:00.000Z"
    document = {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--00000000-0000-4000-8000-{number:012d}",
        "created": created,
        "modified": created if not version else f"2026-11-{version + 1:02d}T08:00:00.000Z",
        "name": f"Address {number}",
        "pattern": f"[ipv4-addr:value = '192.0.2.{number % 256}']",
        "pattern_type": "stix",
        "valid_from": created,
        **more,
    }
    return json.dumps(document, separators=(",  ", " : ")).encode()


@dataclass(slots=True)
class Files:
    """The ledger's files, in memory."""

    held: dict[str, bytes] = field(default_factory=dict)

    def read(self, path: str) -> bytes:
        if path not in self.held:
            raise TileAbsentError(path)
        return self.held[path]


@dataclass(kw_only=True)
class Live:
    """A node that answers on loopback."""

    base: str
    database: NodeDatabase
    identity: NodeIdentity
    clock: FixedClock
    files: Files
    heads: list[tuple[MemberId, bytes]]
    keys: dict[str, tuple[MemberId, PublicKey]]
    http: httpx.Client
    serial: Iterator[int] = field(default_factory=itertools.count)

    def random(self, size: int) -> bytes:
        """Return bytes that never repeat."""
        return hashlib.sha256(b"nonce %d" % next(self.serial)).digest()[:size]

    # --- as a member's node

    def endpoint(self) -> PeerEndpoint:
        return PeerEndpoint(member=XA, address=self.base)

    def client(self, member: MemberId = XB) -> HTTPPeerClient:
        return HTTPPeerClient(identity_of(member, ""), clock=self.clock, random=self.random)

    def signed(
        self, method: str, path: str, *, member: MemberId = XB, query: str = "", body: bytes = b""
    ) -> dict[str, str]:
        """Return the headers that sign a request as a member's node."""
        return sign_request(
            SignableRequest(method=method, path=path, query=query, body=body),
            audience=XA,
            key=key_of(f"node {member}"),
            at=self.clock.now(),
            nonce=self.random(16),
        )

    def as_member(self, path: str, *, member: MemberId = XB, accept: str = TAXII) -> httpx.Response:
        """Get a path with its query as a member's node."""
        bare, _, query = path.partition("?")
        headers = {"accept": accept, **self.signed("GET", bare, member=member, query=query)}
        return self.http.get(path, headers=headers)

    def lane_url(self, lane: str, member: MemberId = XB) -> str:
        return f"/peers/collections/{lane_collection_id(XA, member, lane)}/"

    # --- as a tool

    def as_tool(self, path: str, *, token: str = WRITE_TOKEN, **headers: str) -> httpx.Response:
        """Get a path with a token."""
        sent = {"accept": TAXII, "authorization": f"Bearer {token}", **headers}
        return self.http.get(path, headers=sent)

    def tools_url(self, name: str) -> str:
        return f"/tools/collections/{tools_collection_id(XA, name)}/"

    def post(
        self, objects: Sequence[bytes], *, token: str = WRITE_TOKEN, name: str = "drafts"
    ) -> httpx.Response:
        """Post objects among the drafts, their bytes as given."""
        return self.http.post(
            self.tools_url(name) + "objects/",
            content=b'{"objects":[' + b",".join(objects) + b"]}",
            headers={
                "accept": TAXII,
                "content-type": TAXII,
                "authorization": f"Bearer {token}",
            },
        )

    # --- behind the scenes

    def hold(self, objects: Sequence[bytes], *, terms_id: ObjectId | None = None) -> None:
        """Store objects as held items of XA."""
        with self.database.write() as tx:
            tx.items.add(
                [
                    NewItem(
                        obj=parse_object(raw),
                        originator=XA,
                        state=ItemState.HELD,
                        terms_id=terms_id,
                    )
                    for raw in objects
                ],
                at=self.clock.now(),
            )

    def disclose(
        self, objects: Sequence[bytes], *, lane: str = "bulk", member: MemberId = XB
    ) -> bytes:
        """Put a batch into a lane and return its disclosure document."""
        at = self.clock.now()
        with self.database.write() as tx:
            return disclose(tx, objects, lane=lane, member=member, at=at)


def disclose(
    tx: Transaction, objects: Sequence[bytes], *, lane: str, member: MemberId, at: datetime
) -> bytes:
    """Put a batch into a lane within a transaction and return its disclosure document."""
    index = tx.ledger.count()
    payload = json.dumps({"index": index}).encode()
    envelope = sign_envelope(payload, "application/vnd.test+json", key_of("node XA"))
    raw = wrap_document(FoedusKind.DISCLOSURE, envelope.document(), payload=payload, issued=at)
    salt = hashlib.sha256(payload).digest()
    entry = commit_record(salt, payload)
    tx.ledger.append(entry, salt=salt, record=payload, at=at)
    stored = tx.items.add(
        [
            NewItem(
                obj=parse_object(each),
                originator=XA,
                state=ItemState.PROTOCOL if each is raw else ItemState.HELD,
                numbered=False,
            )
            for each in (raw, *objects)
        ],
        at=at,
    )
    digest = lane_digest(tx.feeds.lane(member, lane).digest, entry)
    rows = []
    for outcome, each in zip(stored[1:], objects, strict=True):
        commitment = commit_item(salt, each)
        rows.append(BatchRow(handle=outcome.handle, salt=salt, commitment=commitment))
        digest = lane_digest(digest, commitment)
    tx.feeds.append(
        NewBatch(
            recipient=member,
            lane=lane,
            treaty=None,
            article="7",
            document=stored[0].handle,
            entry_index=index,
            entry=entry,
            rows=tuple(rows),
            digest_after=digest,
            at=at,
        )
    )
    return raw


def head_of(tx: Transaction, member: MemberId, lane: str) -> bytes:
    """Return what stands for a signed lane head here."""
    return f"{member} {lane} {tx.feeds.lane(member, lane).count}".encode()


def with_people(database: NodeDatabase, at: datetime) -> None:
    """Add an analyst with a token for writing, and an auditor with one for reading."""
    with database.write() as tx:
        for name, role, token, scope in (
            ("ana", "analyst", WRITE_TOKEN, "write"),
            ("aud", "auditor", READ_TOKEN, "read"),
        ):
            tx.people.put_user(UserRow(name=name, roles=frozenset({role}), created=at))
            tx.people.put_token(
                TokenRow(
                    token_id=f"t-{name}",
                    user=name,
                    digest=token_digest(token),
                    scope=scope,
                    created=at,
                    revoked=None,
                )
            )


class Loopback:
    """One server for all tests, answering with whichever application stands in it."""

    app: ASGIApp
    base: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def loopback() -> Iterator[Loopback]:
    """A real server on this machine; starting one for each test would take most of the time."""
    server = Loopback()
    with serving(server, bind("127.0.0.1", 0)) as base:
        server.base = base
        yield server


@pytest.fixture
def live(
    tmp_path: Path, loopback: Loopback, engine_of_the_run: Callable[[Path], str]
) -> Iterator[Live]:
    """A node of XA that knows the nodes of XB and XC."""
    base = loopback.base
    clock = FixedClock(START)
    database = open_store(
        tmp_path / "node.sqlite", engine_of_the_run(tmp_path), member=XA, create=True
    )
    with_people(database, START)
    identity = identity_of(XA, base)
    keys = {
        key.key_id: (member, key)
        for member, key in ((XB, key_of("node XB").public), (XC, key_of("node XC").public))
    }
    heads: list[tuple[MemberId, bytes]] = []
    files = Files()

    def accept_head(member: MemberId, document: bytes) -> None:
        if document == b"refuse this":
            raise RefusedError("a secret reason")
        if document == b"break":
            raise RuntimeError("something we hold")
        heads.append((member, document))

    def take(post: DraftPost) -> Sequence[DraftOutcome]:
        return accept_drafts(database, XA, post, secret=bytes(32))

    loopback.app = build_app(
        NodeServices(
            database=database,
            identity=identity,
            clock=clock,
            ledger=files,
            peer_key=lambda key_id, _at: keys.get(key_id),
            lane_head=head_of,
            why_closed=lambda _tx, _member, _treaty: "",
            accept_head=accept_head,
            accept_drafts=take,
            credence=lambda: b'{"credence":true}',
        )
    )
    with httpx.Client(base_url=base, trust_env=False) as http:
        yield Live(
            base=base,
            database=database,
            identity=identity,
            clock=clock,
            files=files,
            heads=heads,
            keys=keys,
            http=http,
        )
    database.close()


@pytest.fixture
def log_lines(caplog: pytest.LogCaptureFixture) -> Callable[[str], list[dict[str, Any]]]:
    """Return a function that gives the structured log lines of one event."""
    caplog.set_level(logging.INFO, logger="foedus.exchange")

    def lines(event: str) -> list[dict[str, Any]]:
        parsed = [
            json.loads(record.getMessage())
            for record in caplog.records
            if record.name == "foedus.exchange"
        ]
        return [line for line in parsed if line["event"] == event]

    return lines


@pytest.fixture
def indicators() -> Callable[..., bytes]:
    """Return the function that makes indicators."""
    return indicator
