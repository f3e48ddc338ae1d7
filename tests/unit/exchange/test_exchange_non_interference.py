"""Two stores that differ only in what is hidden from whoever asks answer alike, and work alike.

Hypothesis chooses what is hidden, and between which visible items it came. Then every question is
put to both: a store with the hidden items and one without. Compared are answers, errors, statuses,
headers, the statements in order, how many rows each gave, and, in SQLite, how many steps its engine
took: a row that is looked at and left out takes steps.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from foedus.clock import FixedClock
from foedus.errors import FoedusError
from foedus.exchange.http_signature import SignableRequest, sign_request
from foedus.exchange.lane_names import lane_collection_id
from foedus.exchange.server import NodeServices, build_app
from foedus.exchange.server.credentials import token_digest
from foedus.ledger.commitment import commit_item, commit_record, lane_digest
from foedus.ledger.errors import TileAbsentError
from foedus.model.identifiers import MemberId, ObjectId, TreatyId
from foedus.model.markings import TLP
from foedus.model.objects import parse_object
from foedus.model.observables import selectors_of
from foedus.model.selectors import Selector, SelectorKind
from foedus.model.terms import (
    CategoryOfPerson,
    InformationGrade,
    SourceGrade,
    Terms,
    terms_document,
    terms_id,
)
from foedus.node.candidates import Originators, known_as, load_items
from foedus.node.display import display_text
from foedus.node.find import find_items, resolve, search, show
from foedus.node.hits import list_hits
from foedus.node.identity import NodeIdentity
from foedus.node.ports import (
    BatchRow,
    CollectionRow,
    HitState,
    ItemFilter,
    ItemRow,
    ItemState,
    NewBatch,
    NewHit,
    NewItem,
    TokenGrant,
    TokenRow,
    Transaction,
    UserRow,
)
from foedus.node.ports.collections import ObjectRow
from foedus.signing import SigningKey
from foedus.store.opening import NodeDatabase, open_store
from foedus.store.sql.words import Shelf
from foedus.store.sqlite.session import SQLiteSession

if TYPE_CHECKING:
    from tests.unit.exchange.conftest import Loopback

START = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")
TAXII: Final = "application/taxii+json;version=2.1"
COUNT: Final = 8
"""Visible items; between any two of them something hidden may come."""
NAME = "indicator--00000000-0000-4000-8000-{:012d}"
ABSENT: Final = NAME.format(999)
HIDDEN: Final = NAME.format(700)
TERMS = Terms(
    originator=XA,
    treaties=frozenset({TreatyId("a" * 64)}),
    purposes=frozenset({"prevention"}),
    legal_basis="Act 1",
    offence="financing",
    person=CategoryOfPerson.NONE,
    tlp=TLP.GREEN,
    handling=frozenset(),
    source=SourceGrade("B"),
    information=InformationGrade("2"),
    review=None,
    expiry=None,
    personal=False,
    neutrality=None,
    exercise=True,
)
REFUSED_WAYS = ("restricted", "quarantined", "awaiting", "variant", "protocol", "thrown", "erased")
"""What nobody is shown but by an officer's command: every way of being hidden but as a draft."""
LIVE = {
    "draft": ItemState.DRAFT,
    "restricted": ItemState.HELD,
    "quarantined": ItemState.QUARANTINED,
    "awaiting": ItemState.AWAITING,
    "variant": ItemState.VARIANT,
    "protocol": ItemState.PROTOCOL,
    "thrown": ItemState.DRAFT,
    "erased": ItemState.HELD,
    "held": ItemState.HELD,
    "given": ItemState.HELD,
}
"""The state in which an item enters; of several it is then moved on."""


def indicator(number: int, *, version: int = 1, value: int, word: str) -> bytes:
    """Return an indicator."""
    created = "2026-11-01T08:00:00.000Z"
    document = {
        "type": "indicator",
        "spec_version": "2.1",
        "id": NAME.format(number),
        "created": created,
        "modified": f"2026-11-{version:02d}T08:00:00.000Z",
        "name": f"Address {word}",
        "pattern": f"[ipv4-addr:value = '192.0.2.{value}']",
        "pattern_type": "stix",
        "valid_from": created,
    }
    return json.dumps(document).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A hidden item.

    Attributes:
        way: How it is hidden.
        place: After how many visible items it comes.
        number: Of its id: that of a visible item, one of two of its own.
        value: Of its selector, likewise.
        later: Whether its version is later than the visible ones, or earlier.
        foreign: Whether it is another member's.
    """

    way: str
    place: int
    number: int
    value: int
    later: bool
    foreign: bool

    def item(self, serial: int) -> NewItem:
        """Return it as it enters; no two have a version in common."""
        raw = indicator(
            self.number,
            version=(20 if self.later else 1) + serial,
            value=self.value,
            word="secret common" if self.value % 2 else "secret",
        )
        return new_item(
            raw,
            LIVE[self.way],
            originator=XC if self.foreign else XA,
            numbered=False,
        )


def secrets_of(*ways: str) -> st.SearchStrategy[tuple[Secret, ...]]:
    """Return a strategy of what is hidden: an item in each of some ways."""
    return st.tuples(
        *(
            st.builds(
                Secret,
                way=st.just(way),
                place=st.integers(0, COUNT - 1),
                number=st.sampled_from([3, 700, 701, 1]),
                value=st.sampled_from([200, 1, 201, 2]),
                later=st.sampled_from([True, False]),
                foreign=st.booleans(),
            )
            for way in ways
        )
    )


def new_item(
    raw: bytes, state: ItemState, *, originator: MemberId = XA, numbered: bool = True
) -> NewItem:
    """Return an object with what is told of it."""
    obj = parse_object(raw)
    title, text = display_text(obj)
    return NewItem(
        obj=obj,
        originator=originator,
        state=state,
        terms_id=terms_id(TERMS) if state is ItemState.HELD else None,
        selectors=selectors_of(obj),
        title=title,
        text=text,
        numbered=numbered,
        received_from=None if originator == XA else originator,
    )


# --- what is counted


@dataclass(slots=True)
class Work:
    """What a question cost.

    Attributes:
        statements: Each with its rows.
        steps: Of SQLite's engine.
    """

    statements: list[tuple[str, int]] = field(default_factory=list)
    steps: int = 0

    def step(self) -> int:
        self.steps += 1
        return 0


class Meter:
    """Counts what every session of this process does."""

    def __init__(self) -> None:
        self.work = Work()

    @contextmanager
    def counting(self) -> Iterator[Work]:
        self.work = Work()
        yield self.work
        self.work = Work()

    def wrap(self, patch: pytest.MonkeyPatch, session: type[Any]) -> None:
        for name in ("rows", "row", "run"):
            patch.setattr(session, name, self._counted(getattr(session, name)))

    def _counted(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def counted(session: Any, sql: str, parameters: Any = ()) -> Any:
            if threading.current_thread().name == "foedus-readings":  # whenever it comes to it
                return method(session, sql, parameters)
            work = self.work
            own = isinstance(session, SQLiteSession)
            if own:
                session._connection.set_progress_handler(work.step, 1)
            try:
                found = method(session, sql, parameters)
            finally:
                if own:
                    session._connection.set_progress_handler(None, 1)
            rows = len(found) if isinstance(found, list) else int(found is not None)
            work.statements.append((sql, rows))
            return found

        return counted


@pytest.fixture(name="meter", scope="module")
def _meter() -> Iterator[Meter]:
    meter = Meter()
    with pytest.MonkeyPatch.context() as patch:
        meter.wrap(patch, SQLiteSession)
        try:
            from foedus.store.postgres.session import PostgresSession  # noqa: PLC0415
        except ImportError:
            pass
        else:
            meter.wrap(patch, PostgresSession)
        yield meter


# --- the stores


@dataclass(slots=True, kw_only=True)
class World:
    """A store that is asked."""

    database: NodeDatabase
    http: httpx.Client
    loopback: Loopback
    app: Any
    clock: FixedClock
    handles: list[int] = field(default_factory=list)
    nonces: int = 0

    def get(self, method: str, path: str, headers: Mapping[str, str]) -> tuple[Any, ...]:
        self.loopback.app = self.app
        reply = self.http.request(method, path, headers={"accept": TAXII, **headers})
        told = {name: value for name, value in reply.headers.items() if name != "date"}
        return reply.status_code, told, reply.content

    def as_tool(self, method: str, path: str) -> tuple[Any, ...]:
        return self.get(method, path, {"authorization": "Bearer tool"})

    def as_peer(self, method: str, path: str) -> tuple[Any, ...]:
        self.nonces += 1
        bare, _, query = path.partition("?")
        signed = sign_request(
            SignableRequest(method=method, path=bare, query=query, body=b""),
            audience=XA,
            key=_key("node XB"),
            at=self.clock.now(),
            nonce=self.nonces.to_bytes(16, "big"),
        )
        return self.get(method, path, signed)


def _key(name: str) -> SigningKey:
    return SigningKey.from_seed(hashlib.sha256(name.encode()).digest())


def _no_file(path: str) -> bytes:
    raise TileAbsentError(path)


class _NoFiles:
    def read(self, path: str) -> bytes:
        return _no_file(path)


@contextmanager
def world(folder: Path, url: str, loopback: Loopback, hidden: Sequence[Secret]) -> Iterator[World]:
    """Make a store with what is visible, and what is hidden between."""
    clock = FixedClock(START + timedelta(days=1))
    database = open_store(folder / "node.sqlite", url, member=XA, create=True)
    identity = NodeIdentity(
        member=XA,
        name="Member XA",
        address=loopback.base,
        exercise=True,
        authority=None,
        node=_key("node XA"),
        log=_key("log XA"),
        log_origin="xa.example/log",
        secret=bytes(32),
    )
    peer = _key("node XB").public
    app = build_app(
        NodeServices(
            database=database,
            identity=identity,
            clock=clock,
            ledger=_NoFiles(),
            peer_key=lambda key_id, _at: (XB, peer) if key_id == peer.key_id else None,
            lane_head=lambda tx, member, lane: str(tx.feeds.lane(member, lane).count).encode(),
            why_closed=lambda _tx, _member, _treaty: "",
            accept_head=lambda _member, _document: None,
            accept_drafts=lambda _post: (),
            credence=lambda: b"{}",
            random=bytes,
        )
    )
    try:
        with httpx.Client(base_url=loopback.base, trust_env=False) as http:
            made = World(database=database, http=http, loopback=loopback, app=app, clock=clock)
            _fill(made, hidden)
            _merge_words(folder / "node.sqlite")
            yield made
    finally:
        database.close()


def _merge_words(path: Path) -> None:
    """Write the index of words whole: how many pieces it is in tells how often it was written."""
    if not path.exists():
        return
    with closing(sqlite3.connect(path, timeout=10)) as connection, connection:
        for table in Shelf:
            connection.execute(f"INSERT INTO {table} ({table}) VALUES ('optimize')")  # noqa: S608


def _fill(made: World, hidden: Sequence[Secret]) -> None:
    with made.database.write() as tx:
        tx.items.put_terms(terms_id(TERMS), terms_document(TERMS))
        _people(tx)
        _batch(tx, XB, [], at=START)
    for number in range(1, COUNT + 1):
        at = START + timedelta(seconds=10 * number)
        with made.database.write() as tx:
            # Some are versions of one object, and the last is a draft.
            raw = indicator(
                min(number, 4), version=10 + number, value=number % 3, word=f"common w{number}"
            )
            last = number == COUNT
            state = ItemState.DRAFT if last else ItemState.HELD
            [row] = tx.items.add([new_item(raw, state)], at=at)
            made.handles.append(row.handle)
            if number == 5:
                _hits(tx, made.handles, at)
                _batch(tx, XB, made.handles[:3], at=at)
        for serial, secret in enumerate(hidden):
            if secret.place == number - 1:
                _hide(made, secret, serial, at=at + timedelta(seconds=1 + serial * 0.1))
    with made.database.write() as tx:
        _batch(tx, XB, made.handles[3:5], at=START + timedelta(hours=1))


def _hide(made: World, secret: Secret, serial: int, *, at: datetime) -> None:
    with made.database.write() as tx:
        [outcome] = tx.items.add([secret.item(serial)], at=at)
        handle = outcome.handle
        match secret.way:
            case "restricted":
                if len(made.handles) > 4:  # it was like something else, before it was restricted
                    _hits(tx, [made.handles[0], handle], at)
                tx.items.move([handle], state=ItemState.RESTRICTED, at=at)
            case "thrown":
                tx.items.discard([handle])
            case "erased":
                name = ObjectId(f"unknown--{uuid.UUID(int=serial, version=4)}")
                tx.erasure.erase_items([handle], [name])
            case "given":
                _batch(tx, XC, [handle], at=at)
            case _:
                pass


def _hits(tx: Transaction, handles: Sequence[int], at: datetime) -> None:
    tx.hits.add(
        [
            NewHit(
                arrived=handles[-1],
                held=handles[0],
                selector=Selector(SelectorKind.IPV4, "192.0.2.1"),
                how="exact",
                frequency=2,
                at=at,
            )
        ]
    )


def _people(tx: Transaction) -> None:
    tx.people.put_user(UserRow(name="ana", roles=frozenset({"analyst"}), created=START))
    row = tx.collections.put(
        CollectionRow(
            number=0,
            id=str(uuid.UUID(int=7, version=4)),
            name="wires",
            title="Wires",
            description="",
            created=START,
            created_by="ana",
        )
    )
    raw = indicator(1, value=1, word="wire")
    tx.collections.add(
        row.number,
        [
            ObjectRow(
                added=1,
                object_id=NAME.format(1),
                type="indicator",
                version=1,
                version_text="2026-11-01T08:00:00.000Z",
                first=1,
                last=1,
                raw=raw,
            )
        ],
    )
    tx.people.put_token(
        TokenRow(
            token_id="t",
            user="ana",
            digest=token_digest("tool"),
            scope="write",
            created=START,
            revoked=None,
            grants=(TokenGrant(collection=row.number, can_read=True, can_write=True),),
        )
    )


def _batch(tx: Transaction, member: MemberId, handles: Sequence[int], *, at: datetime) -> None:
    index = tx.ledger.count()
    payload = f"{member} {at}".encode()
    salt = hashlib.sha256(payload).digest()
    entry = commit_record(salt, payload)
    tx.ledger.append(entry, salt=salt, record=payload, at=at)
    document = json.dumps(
        {
            "type": "foedus-disclosure",
            "spec_version": "2.1",
            "id": f"foedus-disclosure--{uuid.UUID(bytes=salt[:16], version=4)}",
            "created": "2026-11-01T08:00:00.000Z",
            "modified": "2026-11-01T08:00:00.000Z",
        }
    ).encode()
    [stored] = tx.items.add(
        [
            NewItem(
                obj=parse_object(document),
                originator=XA,
                state=ItemState.PROTOCOL,
                numbered=False,
            )
        ],
        at=at,
    )
    raws = tx.items.raw(handles)
    digest = lane_digest(tx.feeds.lane(member, "bulk").digest, entry)
    rows = []
    for handle in handles:
        commitment = commit_item(salt, raws[handle])
        rows.append(BatchRow(handle=handle, salt=salt, commitment=commitment))
        digest = lane_digest(digest, commitment)
    tx.feeds.append(
        NewBatch(
            recipient=member,
            lane="bulk",
            treaty=None,
            article="7",
            document=stored.handle,
            entry_index=index,
            entry=entry,
            rows=tuple(rows),
            digest_after=digest,
            at=at,
        )
    )


# --- the questions

Question = Callable[[World], Any]
NAMES = (NAME.format(1), NAME.format(3), HIDDEN, NAME.format(701), ABSENT)
VERSIONS = ("first", "last", "all", "2026-11-20T08:00:00.000Z", "2026-11-12T08:00:00.000Z")
QUERIES = (
    "",
    "limit=2",
    "added_after=2026-11-24T10:00:30Z&limit=3",
    "match[type]=indicator",
    "match[type]=marking-definition",
    *(f"match[version]={each}" for each in VERSIONS),
    *(f"match[id]={each}" for each in NAMES),
    f"match[id]={NAMES[0]},{NAMES[2]}&match[version]=all&match[type]=indicator",
    f"match[id]={terms_id(TERMS)}",
)


def _paged(path: str, ask: Callable[[World, str], tuple[Any, ...]]) -> Question:
    """Return a question whose answer is followed page by page."""

    def asked(made: World) -> list[Any]:
        answers = []
        following = path
        for _ in range(12):
            status, headers, body = ask(made, following)
            answers.append((status, headers, body))
            more = json.loads(body).get("next") if status == 200 else None
            if not more:
                break
            joint = "&" if "?" in path else "?"
            following = f"{path}{joint}next={more}"
        return answers

    return asked


def taxii(base: str, way: str) -> Iterator[tuple[str, Question]]:
    """Yield every question that a collection answers."""

    def asking(method: str) -> Callable[[World, str], tuple[Any, ...]]:
        return lambda made, path: getattr(made, way)(method, path)

    for query in QUERIES:
        for resource in ("objects/", "manifest/"):
            path = f"{base}{resource}" + (f"?{query}" if query else "")
            yield path, _paged(path, asking("GET"))
    for name in NAMES:
        for tail in ("", "versions/", "?match[version]=first", f"?match[version]={VERSIONS[3]}"):
            path = f"{base}objects/{name}/{tail}"
            yield path, _paged(path, asking("GET"))
    yield base, lambda made: asking("HEAD")(made, base)
    for name in NAMES[2:]:
        path = f"{base}objects/{name}/"
        yield f"DELETE {path}", lambda made, path=path: asking("DELETE")(made, path)  # type: ignore[misc]


def of_store(ask: Callable[[Transaction], Any]) -> Question:
    """Return a question that a person's command puts."""

    def asked(made: World) -> Any:
        with made.database.read() as tx:
            try:
                return ask(tx)
            except FoedusError as error:
                return type(error), error.code, str(error)

    return asked


def seen(rows: Sequence[ItemRow]) -> list[ItemRow]:
    """Return rows without the places where they are stored, which nobody is shown."""
    return [msgspec.structs.replace(row, handle=0, variant_of=None) for row in rows]


def commands(states: frozenset[ItemState]) -> Iterator[tuple[str, Question]]:
    """Yield what a person asks; lists are of some states."""
    for text in ("192.0.2.1", "192.0.2.200", "192.0.2.201", "192.0.2.99"):
        yield f"search {text}", of_store(lambda tx, text=text: seen(search(tx, text, limit=3)))  # type: ignore[misc]
        selector = Selector(SelectorKind.IPV4, text)
        yield (
            f"standing {text}",
            of_store(
                lambda tx, one=selector: [  # type: ignore[misc]
                    (found.frequency, len(found.handles))
                    for found in tx.items.postings([one], cap=2).values()
                ]
            ),
        )
    for text in ("common", "secret", "secret common", "address w2", "nothing"):
        yield f"search {text}", of_store(lambda tx, text=text: seen(search(tx, text, limit=3)))  # type: ignore[misc]
        yield from listed(f"list {text}", ItemFilter(text=text, states=states))
    for name in NAMES:
        yield f"resolve {name}", of_store(lambda tx, name=name: seen(resolve(tx, name)))  # type: ignore[misc]
        yield f"show {name}", of_store(lambda tx, name=name: _shown(tx, name))  # type: ignore[misc]
        yield from listed(f"list {name}", ItemFilter(ids=frozenset({name}), states=states))
    for number in (1, 2, 99):
        reference = f"XA-2026-{number:05d}"
        yield reference, of_store(lambda tx, name=reference: seen(resolve(tx, name)))  # type: ignore[misc]
    for which in (
        ItemFilter(states=states),
        ItemFilter(states=states, newest_only=True),
        ItemFilter(states=states, types=frozenset({"indicator"})),
        ItemFilter(states=states, originators=frozenset({XC})),
        ItemFilter(states=states, received_from=frozenset({XC})),
        ItemFilter(states=states, ids=frozenset(NAMES[:2]), newest_only=True),
    ):
        yield from listed(f"list {which}", which)
    yield "hits", of_store(lambda tx: _hit_rows(tx, frozenset()))
    yield "open hits", of_store(lambda tx: _hit_rows(tx, frozenset({HitState.OPEN})))
    yield "figures of hits", of_store(lambda tx: dict(tx.hits.counts()))
    yield "whose", of_store(lambda tx: [Originators(tx).of(ObjectId(name)) for name in NAMES])


def listed(name: str, which: ItemFilter) -> Iterator[tuple[str, Question]]:
    """Yield a list, by pages of two."""

    def pages(tx: Transaction) -> list[Any]:
        found, after = [], None
        while page := tx.items.page(which, after=after, limit=2):
            found.append(seen(page))
            after = page[-1].added
        return found

    yield name, of_store(pages)
    yield f"{name} whole", of_store(lambda tx: seen(find_items(tx, which)))


def _shown(tx: Transaction, name: str) -> Any:
    view = show(tx, name)
    return seen([view.row, *view.versions]), view.raw, view.terms, view.selectors


def _hit_rows(tx: Transaction, states: frozenset[HitState]) -> Any:
    views = list_hits(tx, states=states, after=0, limit=50)
    return [(seen([view.arrived, view.held]), view.row.hit.selector) for view in views]


def foresight(made: World) -> Any:
    """Ask what a disclosure would be decided by, and as what its recipient knows what it names."""
    with made.database.read() as tx:
        loaded = load_items(tx, XA, made.handles[:5])
        look_up = known_as(tx, loaded.candidates, XB)
        return (
            seen(loaded.rows),
            list(loaded.facts.values()),
            [look_up(ObjectId(name)) for name in NAMES],
        )


# --- the comparison


def compare(
    meter: Meter,
    one: World,
    other: World,
    questions: Iterator[tuple[str, Question]],
    *,
    stepping: bool = True,
) -> None:
    """Put questions to both stores, each twice, so that nothing is new to either."""
    differing = []
    for name, question in questions:
        told = []
        for made in (one, other):
            question(made)
            told.append(_told(meter, made, question))
        (answer, statements, steps), (answer2, statements2, steps2) = told
        if answer2 != answer:
            differing.append(f"{name}: {answer} and {answer2}")
        elif statements2 != statements:
            differing.append(f"{name}: {_apart(statements, statements2)}")
        elif stepping and abs(steps2 - steps) > _neighbours(statements):
            differing.append(f"{name}: {steps} and {steps2} steps")
    assert not differing, "\n".join(differing)


def _told(
    meter: Meter, made: World, question: Question
) -> tuple[Any, Sequence[tuple[str, int]], int]:
    """Return the answer and the work of it; that a token was used is noted once a minute."""
    with meter.counting() as work:
        answer = question(made)
    if any(_BY_THE_CLOCK in sql for sql, _ in work.statements):
        with meter.counting() as work:
            answer = question(made)
    return answer, work.statements, work.steps


_BY_THE_CLOCK: Final = "UPDATE token SET used"


def _neighbours(statements: Sequence[tuple[str, int]]) -> int:
    """Return how many steps more or fewer may come of what stands beside what is looked for.

    A look-up in a tree that finds nothing ends at the next entry, or at the tree's end, and that is
    one step; one is made for each statement, and for each row of what looks for newer versions.
    """
    return sum(1 + rows for _, rows in statements)


def _apart(one: Sequence[tuple[str, int]], other: Sequence[tuple[str, int]]) -> str:
    """Return the first statements that differ, or how many there are more."""
    for each, its in zip(one, other, strict=False):
        if each != its:
            return f"{each} and {its}"
    return f"{len(one)} and {len(other)} statements"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """What stores are made with."""

    meter: Meter
    loopback: Loopback
    folder: Path
    address: Callable[[Path], str]

    @contextmanager
    def pair(self, hidden: Sequence[Secret]) -> Iterator[tuple[World, World]]:
        """Make a store without and one with what is hidden."""
        folder = self.folder / uuid.uuid4().hex
        one, other = folder / "one", folder / "other"
        one.mkdir(parents=True)
        other.mkdir()
        with (
            world(one, self.address(one), self.loopback, ()) as plain,
            world(other, self.address(other), self.loopback, hidden) as laden,
        ):
            yield plain, laden


@pytest.fixture(name="bench")
def _bench(
    meter: Meter,
    loopback: Loopback,
    tmp_path: Path,
    engine_of_the_run: Callable[[Path], str],
) -> Bench:
    return Bench(meter=meter, loopback=loopback, folder=tmp_path, address=engine_of_the_run)


few = settings(
    max_examples=2,
    phases=[Phase.generate],  # each example takes seconds: what fails is told as it is
    report_multiple_bugs=False,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@few
@given(hidden=secrets_of("draft", *REFUSED_WAYS))
def test_tools_are_served_what_is_held_as_if_nothing_was_hidden(
    bench: Bench, hidden: tuple[Secret, ...]
) -> None:
    with bench.pair(hidden) as (one, other):
        compare(bench.meter, one, other, taxii("/tools/collections/held/", "as_tool"))


@few
@given(hidden=secrets_of(*REFUSED_WAYS))
def test_tools_are_served_drafts_and_collections_as_if_nothing_was_hidden(
    bench: Bench, hidden: tuple[Secret, ...]
) -> None:
    with bench.pair(hidden) as (one, other):
        compare(bench.meter, one, other, taxii("/tools/collections/drafts/", "as_tool"))
        compare(bench.meter, one, other, taxii("/tools/collections/wires/", "as_tool"))


@few
@given(hidden=secrets_of(*REFUSED_WAYS, "draft", "held", "given"))
def test_a_member_is_served_its_lane_as_if_nothing_else_was_here(
    bench: Bench, hidden: tuple[Secret, ...]
) -> None:
    lane = f"/peers/collections/{lane_collection_id(XA, XB, 'bulk')}/"
    with bench.pair(hidden) as (one, other):
        # A version of an id is looked for in all lanes, and then in this: the threat model says so.
        compare(bench.meter, one, other, taxii(lane, "as_peer"), stepping=False)
        for query in ("", "&limit=2", f"&added_after={VERSIONS[3]}"):
            path = f"{lane}objects/?match[version]=all{query}"
            follow = _paged(path, lambda made, each: made.as_peer("GET", each))
            compare(bench.meter, one, other, iter([(path, follow)]))


@few
@given(hidden=secrets_of(*(way for way in REFUSED_WAYS if way != "quarantined")))
def test_people_are_told_what_they_ask_as_if_nothing_was_hidden(
    bench: Bench, hidden: tuple[Secret, ...]
) -> None:
    states = frozenset({ItemState.HELD, ItemState.DRAFT})
    with bench.pair(hidden) as (one, other):
        compare(bench.meter, one, other, commands(frozenset({ItemState.HELD})))
        compare(bench.meter, one, other, commands(states))
        compare(bench.meter, one, other, iter([("foresight", foresight)]))
