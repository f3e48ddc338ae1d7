"""Members in one process with real stores, and lines between them that fail, for the recall tests.

What may be asked of a member is asked of its own node: lists, search, pages, hits, and at last the
bytes of every file below its data directory.
"""

from __future__ import annotations

import atexit
import base64
import importlib.util
import json
import shutil
import sqlite3
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from foedus.access import Actor, Role
from foedus.casework.order import ORDER_TYPE, read_order
from foedus.clock import FixedClock
from foedus.compose import create_node, open_node
from foedus.errors import FoedusError
from foedus.ledger.errors import TileAbsentError
from foedus.model.identifiers import ArticleId, MemberId, ObjectId, TreatyId
from foedus.model.kinds import FoedusKind, unwrap_document
from foedus.model.objects import parse_object
from foedus.node.backup import note_backup
from foedus.node.case_clock import tick
from foedus.node.disclose import disclose
from foedus.node.endpoints import endpoint_of
from foedus.node.erase import erase
from foedus.node.gossip_format import KnownHeads, format_heads
from foedus.node.lane_pull import LanePull
from foedus.node.mirror import origin_hash
from foedus.node.peer_ports import LanePage, PeerEndpoint, PeerError
from foedus.node.ports import ItemFilter, ItemRow, ItemState, Transaction
from foedus.node.pull import pull
from foedus.node.ratify import adopt, ratify, sign
from foedus.node.recover import OwnLog, recover
from foedus.node.returned import format_page, returned_page
from foedus.node.serve_lane import lane_page
from foedus.node.serve_tools import drafts_page, held_page
from foedus.node.served import PageQuery, VersionChoice
from foedus.node.wish import Wish
from foedus.settings import Environment, load_settings
from foedus.signing import parse_envelope
from foedus.store.backup import make_backup, restore_backup

if TYPE_CHECKING:
    from tests.unit.node.conftest import FakePeer, Member

__all__ = ["ARTICLE", "EVERYBODY", "OFFICER", "Content", "Key", "Line", "World", "traces_in"]

EVERYBODY: Final = tuple(map(MemberId, ("XA", "XB", "XC", "XD")))
OFFICER: Final = Actor(user="olga", roles=frozenset({Role.OFFICER}))
ARTICLE: Final = ArticleId("2")
_PURPOSES: Final = frozenset({"prevention", "investigation", "warning", "life"})
_SPACE: Final = uuid.UUID("00abedb4-aa42-466c-9c01-fed23315a9b7")
"""The namespace of STIX for ids that follow from values."""
Key = tuple[str, str, str]
"""Originator, id and version: what a row is called."""


@cache
def kit() -> ModuleType:
    """Return what the tests of the node are made with; no package, so loaded by its place."""
    name = "tests.unit.node.conftest"
    if name not in sys.modules:
        place = Path(__file__).parents[1] / "unit" / "node" / "conftest.py"
        spec = importlib.util.spec_from_file_location(name, place)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses look their module up by name
        spec.loader.exec_module(module)
    return sys.modules[name]


@dataclass(frozen=True, slots=True)
class Content:
    """One version of an item: what it is called, its words and its value.

    Attributes:
        word: Stands in this version only; "" for an observable.
    """

    originator: MemberId
    number: int
    version: int
    value: str
    observable: bool

    @property
    def object_id(self) -> str:
        if self.observable:
            text = json.dumps({"value": self.value}, separators=(",", ":"))
            return f"domain-name--{uuid.uuid5(_SPACE, text)}"
        place = EVERYBODY.index(self.originator)
        return f"indicator--0000000{place}-0000-4000-8000-{self.number:012d}"

    @property
    def word(self) -> str:
        return "" if self.observable else f"zq{self.originator}n{self.number}v{self.version}w"

    @property
    def modified(self) -> str:
        return f"2026-11-20T0{self.version}:00:00.000Z"

    def document(self) -> dict[str, Any]:
        if self.observable:
            return {
                "type": "domain-name",
                "spec_version": "2.1",
                "id": self.object_id,
                "value": self.value,
            }
        made: dict[str, Any] = kit().indicator(self.number, self.value)
        return made | {
            "id": self.object_id,
            "name": f"Sign {self.word}",
            "description": f"EXERCISE told by {self.word}",
            "modified": self.modified,
        }


@dataclass(slots=True)
class Held:
    """A version as its originator holds it."""

    content: Content
    row: ItemRow
    raw: bytes

    @property
    def key(self) -> Key:
        return key_of(self.row)

    def traces(self) -> frozenset[str]:
        """Return what tells of it: word, value, hash."""
        found = {self.content.word, self.content.value, self.row.content_hash}
        return frozenset(found - {""})


def key_of(row: ItemRow) -> Key:
    """Return what a row is called."""
    return (row.key.originator, row.key.object_id, row.key.version)


@dataclass(slots=True)
class Line:
    """A ``PeerClient`` that fails as it is told; also answers what a recovery asks.

    Attributes:
        parted: Pairs of members that cannot reach each other.
        pages: After so many pages nothing more comes; None for no end.
        damage: What becomes of each page.
    """

    own: MemberId
    members: dict[MemberId, Member]
    parted: set[frozenset[MemberId]]
    plain: FakePeer
    pages: int | None = None

    def _at(self, peer: PeerEndpoint) -> Member:
        if frozenset({self.own, peer.member}) in self.parted:
            raise PeerError(f"{peer.member} does not answer")
        return self.members[peer.member]

    def lane_page(self, peer: PeerEndpoint, lane: str, *, added_after: str, limit: int) -> LanePage:
        self._at(peer)
        if self.pages is not None:
            if not self.pages:
                raise PeerError("the line broke")
            self.pages -= 1
        return self.plain.lane_page(peer, lane, added_after=added_after, limit=limit)

    def ledger_file(self, peer: PeerEndpoint, path: str) -> bytes:
        self._at(peer)
        return self.plain.ledger_file(peer, path)

    def deliver_head(self, peer: PeerEndpoint, document: bytes) -> None:
        self._at(peer)
        self.plain.deliver_head(peer, document)

    def returned(self, peer: PeerEndpoint, lane: str, *, after: int) -> bytes:
        other = self._at(peer)
        with other.database.read() as tx:
            page = returned_page(tx, other.wired.node, self.own, lane, after=after)
        return format_page(page)

    def mirror_file(self, peer: PeerEndpoint, origin: str, path: str) -> bytes:
        try:
            return self._at(peer).wired.mirrors.named(origin_hash(origin)).read(path)
        except TileAbsentError as error:
            raise PeerError(f"no {path}") from error

    def witnessed(self, peer: PeerEndpoint, origin: str) -> bytes:
        raise PeerError(f"{peer.member} witnessed nothing of {origin}")

    def heads(self, peer: PeerEndpoint) -> bytes:
        return format_heads(KnownHeads(heads=(self._at(peer).wired.ledger.read("checkpoint"),)))


@cache
def _concluded() -> tuple[Path, TreatyId]:
    """Make the nodes of members that concluded the treaty, once; worlds are copies."""
    made = kit()
    folder = Path(mkdtemp(prefix="foedus-recall-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    clock = FixedClock(made.NOW)
    members = {
        name: made.Member(
            wired=create_node(made._settings(folder / name, name), user="admin", clock=clock)
        )
        for name in EVERYBODY
    }
    parties = []
    for member in members.values():
        identity = member.wired.node.identity
        parties.append(
            made.Party(
                member=identity.member,
                name=identity.name,
                authority=identity.authority.public.fingerprint,
            )
        )
        for other in members.values():
            if other is not member:
                made.introduce(member, other)
    text = (
        made.GROUNDS_PACT.replace(b"ratifications = 3", b"ratifications = %d" % len(EVERYBODY))
        .replace(b'@retain("P30D")', b'@retain("P3000D")')
        .replace(b'freshness_online = "P7D"', b'freshness_online = "P90D"')
    )
    text = made.fill_parties(text, parties, exercise=True, depositary=EVERYBODY[0])
    treaty = TreatyId("")
    for member in members.values():
        node, gate = member.wired.node, member.wired.gate
        treaty = adopt(node, member.actor, gate, text).id
        sign(node, member.actor, gate, treaty)
        ratify(node, member.actor, gate, treaty)
    for member in members.values():
        line = made.FakePeer(own=member, others=members)
        for other in members:
            if other != member.name:
                pull(member.wired.node, member.wired.gate, line, other)
    for member in members.values():
        member.wired.close()
    return folder, treaty


@dataclass(slots=True)
class World:
    """Members under one treaty, their clock, their lines and their backups.

    Attributes:
        databases: Addresses of stores that stand on PostgreSQL.
    """

    folder: Path
    treaty: TreatyId
    clock: FixedClock = field(default_factory=lambda: FixedClock(kit().NOW))
    members: dict[MemberId, Member] = field(default_factory=dict)
    parted: set[frozenset[MemberId]] = field(default_factory=set)
    databases: dict[MemberId, str] = field(default_factory=dict)

    @classmethod
    def begin(cls, folder: Path, carry: Callable[[Path], str] | None = None) -> World:
        """Copy the members that concluded; with ``carry`` the last one's store is moved by it."""
        source, treaty = _concluded()
        world = cls(folder=folder, treaty=treaty)
        for name in EVERYBODY:
            shutil.copytree(source / name, folder / name)
        if carry is not None:
            world.databases[EVERYBODY[-1]] = carry(folder / EVERYBODY[-1])
        for name in EVERYBODY:
            world._open(name)
        return world

    def end(self) -> None:
        for member in self.members.values():
            member.wired.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _open(self, name: MemberId) -> None:
        address = self.databases.get(name)
        environment = (
            None if address is None else Environment(data=None, user="", database_url=address)
        )
        wired = open_node(
            load_settings(self.folder / name), clock=self.clock, environment=environment
        )
        self.members[name] = kit().Member(wired=wired, treaties=frozenset({self.treaty}))

    def go_on(self, **by: float) -> None:
        self.clock.instant += timedelta(**by)

    def tick(self) -> None:
        for member in self.members.values():
            tick(member.wired.node, member.wired.gate)

    # What members do.

    def enter(self, content: Content) -> Held | None:
        """Have a member hold a version of its own; None where it is kept out."""
        member = self.members[content.originator]
        document = content.document()
        if content.observable and member.submit(member.bundle(document)).result.refused:
            return None
        [handle] = member.held(document, purposes=_PURPOSES)
        with member.database.read() as tx:
            [row] = tx.items.rows([handle])
            return Held(content, row, tx.items.raw([handle])[handle])

    def wish(self, to: MemberId) -> Wish:
        return Wish(treaty=self.treaty, purpose="warning", recipients=(to,))

    def disclose(self, giver: MemberId, handle: int, to: MemberId) -> tuple[int, str]:
        """Return how many were given, and why not."""
        member = self.members[giver]
        [done] = disclose(
            member.wired.node, member.actor, member.wired.gate, [handle], self.wish(to)
        )
        return done.given, "; ".join(each.code for each in done.withheld)

    def line(self, own: MemberId, *, rows: int = 1_000, pages: int | None = None) -> Line:
        plain = kit().FakePeer(own=self.members[own], others=self.members, limit=rows)
        return Line(own, self.members, self.parted, plain, pages)

    def pull(self, own: MemberId, other: MemberId, line: Line, *, copies: bool = False) -> str:
        """Pull once; return what kept it from being whole, "" if nothing did."""
        wired = self.members[own].wired
        apart = None if copies else lambda _work: None
        try:
            report = pull(wired.node, wired.gate, line, other, apart=apart)
        except FoedusError as error:
            return str(error)
        faults = [each.fault for each in report.lanes if each.fault]
        return report.unreachable or "; ".join(faults)

    def pull_lane(self, own: MemberId, other: MemberId, lane: str, line: Line) -> str:
        """Drain one lane, whatever stands in those before it."""
        wired = self.members[own].wired
        with wired.database.read() as tx:
            peer = endpoint_of(tx, wired.node, other)
            if tx.recovery.state() is not None or other in tx.recovery.pending():
                return "restored"
        try:
            report = LanePull(wired.node, wired.gate, line, peer, lane, None).run()
        except FoedusError as error:
            return str(error)
        finally:
            tick(wired.node, wired.gate)
        return report.fault

    def restart(self, name: MemberId) -> None:
        self.members[name].wired.close()
        self._open(name)

    def back_up(self, name: MemberId) -> Path:
        """Make a backup, kept for a day, and return its place."""
        wired = self.members[name].wired
        settings = wired.settings
        place = self.folder / f"backup-{name}"
        shutil.rmtree(place, ignore_errors=True)
        with wired.database.write() as tx:
            note_backup(tx, at=self.clock.now(), days=1)
        make_backup(
            wired.database,
            {"foedus.toml": settings.data / "foedus.toml"},
            place,
            member=settings.member,
            exercise=settings.exercise,
            at=self.clock.now(),
        )
        return place

    def restore(self, name: MemberId, backup: Path) -> None:
        """Lose the store; put the backup in its place. Nothing is recovered yet."""
        self.members[name].wired.close()
        data = self.folder / name
        for each in ("foedus.db", "foedus.db-wal", "foedus.db-shm", "foedus.toml"):
            (data / each).unlink(missing_ok=True)
        restore_backup(backup, data, at=self.clock.now())
        self._open(name)

    def recover(self, name: MemberId) -> bool:
        """Recover; return whether the node signs again and knows all lanes."""
        wired = self.members[name].wired
        own = OwnLog(guard=wired.guard, files=wired.ledger)
        line: Any = self.line(name)  # what is asked of witnesses is not asked here
        report = recover(wired.node, wired.gate, line, own)
        return report.finished and not report.waiting

    def erase_again(self, name: MemberId, object_id: str) -> None:
        wired = self.members[name].wired
        erase(wired.node, OFFICER, object_id, order="again", reason="it came back with a backup")

    def set_down(self) -> None:
        """Let everything be pulled until nothing moves any more; nothing may be at fault."""
        self.parted.clear()
        for name in EVERYBODY:
            with self.members[name].database.read() as tx:
                restored = tx.recovery.state() is not None or bool(tx.recovery.pending())
            if restored:
                assert self.recover(name), name
        self._drain()
        self.go_on(days=2)
        self.tick()
        self._drain()

    def _drain(self) -> None:
        before: object = None
        for _ in range(12):
            for own in EVERYBODY:
                for other in EVERYBODY:
                    if own != other:
                        self.go_on(seconds=1)
                        fault = self.pull(own, other, self.line(own))
                        assert not fault, (own, other, fault)
            self.tick()
            now = [self.read(each, lambda tx: dict(tx.feeds.counts())) for each in EVERYBODY]
            if now == before:
                return
            before = now
        raise AssertionError("it does not come to rest")

    # What a member shows.

    def read(self, name: MemberId, ask: Callable[[Transaction], Any]) -> Any:
        with self.members[name].database.read() as tx:
            return ask(tx)

    def listed(self, name: MemberId) -> dict[Key, ItemRow]:
        rows = self.read(name, lambda tx: tx.items.page(ItemFilter(), after=None, limit=10_000))
        return {key_of(row): row for row in rows}

    def standing(self, name: MemberId) -> dict[Key, ItemState]:
        """Return everything of any member that stands in a node, shown or not."""
        states = frozenset(
            {
                ItemState.HELD,
                ItemState.RESTRICTED,
                ItemState.AWAITING,
                ItemState.QUARANTINED,
                ItemState.DRAFT,
            }
        )
        rows = self.read(
            name,
            lambda tx: tx.items.page(
                ItemFilter(states=states, unheard=True), after=None, limit=10_000
            ),
        )
        return {key_of(row): row.state for row in rows}

    def tools(self, name: MemberId) -> bytes:
        """Return all that a tool is shown of items and drafts."""
        query = PageQuery(limit=10_000, versions=VersionChoice(every=True))
        with self.members[name].database.read() as tx:
            pages = [held_page(tx, query), drafts_page(tx, query)]
        return b"\n".join(each.raw for page in pages for each in page.objects)

    def lanes(self, name: MemberId) -> bytes:
        """Return all that other members are shown in their lanes."""
        member = self.members[name]
        query = PageQuery(limit=10_000, versions=VersionChoice(every=True))
        parts: list[bytes] = []
        with member.database.read() as tx:
            for other in EVERYBODY:
                if other != name:
                    rules = kit().rules_of(member)
                    page = lane_page(tx, other, "bulk", query, rules=rules)
                    # Documents of disclosures name what they are about; items are looked at.
                    parts += [each.raw for each in page.objects]
        return b"\n".join(parts)

    def hashes_ordered(self, name: MemberId) -> set[str]:
        """Return the hashes in orders that a member gave or was given: an order names versions."""
        found: set[str] = set()
        for payload in self.read(name, _orders):
            for line in read_order(payload).lines:
                found |= {each.removeprefix("sha256:") for each in line.versions}
                found |= set() if line.replacement is None else {line.replacement.sha256}
        return {each for each in found if len(each) == 64}

    def files(self, name: MemberId) -> Iterator[tuple[str, bytes]]:
        """Return every file below a member's data directory; of PostgreSQL, every table."""
        for place in sorted((self.folder / name).rglob("*")):
            if place.is_file():
                data = place.read_bytes()
                if place.name == "foedus.db":
                    data = _without_index(place, self.folder / "copy.db")
                yield str(place.relative_to(self.folder)), data
        if name in self.databases:
            import psycopg  # noqa: PLC0415  # only where it is installed

            with psycopg.connect(self.databases[name]) as database:
                tables = database.execute(
                    "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'"
                    " AND tablename <> 'received_line'"  # as in a file: see _without_index
                ).fetchall()
                for (table,) in tables:
                    rows = database.execute(f"SELECT * FROM {table}".encode()).fetchall()  # noqa: S608
                    yield table, b"\n".join(_flat(each) for row in rows for each in row)


def _orders(tx: Transaction) -> list[bytes]:
    """Return the payloads of all orders that stand in a node."""
    rows = tx.items.page(
        ItemFilter(
            states=frozenset({ItemState.PROTOCOL}),
            types=frozenset({FoedusKind.ORDER}),
            unheard=True,
        ),
        after=None,
        limit=10_000,
    )
    envelopes = [
        parse_envelope(unwrap_document(parse_object(raw)))
        for raw in tx.items.raw([row.handle for row in rows]).values()
    ]
    return [each.payload for each in envelopes if each.payload_type == ORDER_TYPE]


def _flat(value: object) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode()


def traces_in(
    files: Sequence[tuple[str, bytes]], traces: Sequence[str], *, bare: bool = False
) -> list[tuple[str, str]]:
    """Return where traces stand: as text, a hash also as its bytes.

    Unless they are looked for bare, in base64 at any offset too.
    """
    found = []
    for trace in traces:
        forms = [trace.encode()] if bare else [trace.encode(), *_encoded(trace.encode())]
        if len(trace) == 64:
            forms.append(bytes.fromhex(trace))
        found += [(trace, name) for name, data in files if any(form in data for form in forms)]
    return found


def _encoded(text: bytes) -> list[bytes]:
    """Return what base64 makes of a text whatever stands around it."""
    found = []
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + text)
        start = (before * 8 + 5) // 6
        found.append(coded[start : (before + len(text)) * 8 // 6])
    return found


def _without_index(place: Path, copy: Path) -> bytes:
    """Return the bytes of a store without the index of the ids that orders received name."""
    with closing(sqlite3.connect(place)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
        target.execute("PRAGMA secure_delete = ON")
        target.execute("DELETE FROM received_line")
        target.commit()
    data = copy.read_bytes()
    copy.unlink()
    return data


def changed(content: Content, **values: Any) -> Content:
    """Return a version with other values."""
    return replace(content, **values)


def object_of(key: Key) -> ObjectId:
    """Return the id in a key."""
    return ObjectId(key[1])
