"""Two members in one process: real stores, real signatures, no HTTP between them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import pytest

from foedus.access import Actor, Role
from foedus.clock import FixedClock, instant_text, parse_instant
from foedus.compose import Wired, create_node, open_node
from foedus.intake.limits import DEFAULT_LIMITS
from foedus.ledger.errors import TileAbsentError
from foedus.model.identifiers import ArticleId, MemberId, ObjectId, TreatyId
from foedus.model.markings import TLP
from foedus.model.terms import CategoryOfPerson, InformationGrade, SourceGrade
from foedus.node.acknowledge import accept_head, lane_head
from foedus.node.disclose import Disclosed, disclose
from foedus.node.errors import LaneClosedError
from foedus.node.introduce import accept_peer, letter_of_credence
from foedus.node.lane_closing import why_closed
from foedus.node.lawbook import read_credence
from foedus.node.peer_ports import LanePage, PeerClosedError, PeerEndpoint, PeerError
from foedus.node.people import add_user
from foedus.node.ports import Database, ItemRow, Transaction
from foedus.node.preview import Wish
from foedus.node.pull import PullReport, pull
from foedus.node.ratify import adopt, ratify, sign
from foedus.node.serve_lane import LaneRules, lane_page
from foedus.node.served import PageQuery, VersionChoice
from foedus.node.stand_ins import StandIns
from foedus.node.submit import Submission, Submitted, submit
from foedus.node.vouch import TermsOffer, Vouched, vouch
from foedus.settings import Settings, load_settings
from foedus.treaty.articles import Party
from foedus.treaty.drafting import fill_parties

T = TypeVar("T")
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
XA, XB = MemberId("XA"), MemberId("XB")
EVERYTHING = Actor(user="admin", roles=frozenset(Role))
PACT = b"""+++
title = "Pact of Two for Tests of a Node"
short_title = "Pact"
machine = "en"
languages = ["en"]
reservable = ["2", "3"]

[entry_into_force]
ratifications = 2
delay = "P0D"

[limits]
freshness_online = "P7D"
freshness_pouch = "P30D"
clock_tolerance = "PT5M"
clock_hard_limit = "PT1H"
denunciation_notice = "P180D"

[purposes]
prevention = "To prevent an offence."
investigation = "To investigate an offence."

[offences]
financing = "To pay for an offence."
recruitment = "To win others over to an offence."
+++

# Pact of Two for Tests of a Node

## Article 1 \xe2\x80\x94 Neutrality

What nobody found neutral stays.

```cedar
forbid (principal, action == Action::"disclose", resource)
unless { resource.neutral };
```

## Article 2 \xe2\x80\x94 Sharing

What serves the purpose may be given; personal data only of suspects, and without descriptions.

```cedar
@retain("P30D")
permit (principal, action == Action::"disclose", resource)
when {
  resource.purposes.contains(context.purpose) && context.recognised && !resource.personal
};

@redact("property:description")
permit (principal, action == Action::"disclose", resource)
when {
  resource.purposes.contains(context.purpose) &&
  context.recognised &&
  resource.personal &&
  resource.person == "suspect"
};
```

## Article 3 \xe2\x80\x94 Answers

Who gave an item may be told that it was seen.

```cedar
permit (principal, action == Action::"disclose", resource)
when { context.concerns_recipient && context.kind == "sighting" };
```
"""
OFFER = TermsOffer(
    treaties=frozenset(),
    purposes=frozenset({"prevention"}),
    legal_basis="Act 1, section 2",
    offence="financing",
    person=CategoryOfPerson.NONE,
    tlp=TLP.GREEN,
    handling=frozenset(),
    source=SourceGrade("B"),
    information=InformationGrade("2"),
    review=None,
    expiry=None,
    neutrality_reason="technical signs only",
)


def stix(object_type: str, number: int, **properties: Any) -> dict[str, Any]:
    """Return a STIX object with a fixed id and fixed dates."""
    dates = {"created": "2026-11-20T00:00:00.000Z", "modified": "2026-11-20T00:00:00.000Z"}
    return {
        "type": object_type,
        "spec_version": "2.1",
        "id": f"{object_type}--00000000-0000-4000-8000-{number:012d}",
        **dates,
        **properties,
    }


def indicator(number: int, value: str, **properties: Any) -> dict[str, Any]:
    """Return an indicator of one domain."""
    return stix(
        "indicator",
        number,
        name=f"Sign {number}",
        indicator_types=["malicious-activity"],
        pattern=f"[domain-name:value = '{value}']",
        pattern_type="stix",
        valid_from="2026-11-20T00:00:00Z",
        **properties,
    )


def bundle(*objects: dict[str, Any]) -> bytes:
    """Return a bundle of objects as bytes."""
    identifier = "bundle--00000000-0000-4000-8000-000000000000"
    return json.dumps({"type": "bundle", "id": identifier, "objects": objects}).encode()


@dataclass(slots=True)
class Member:
    """One member's node, wired, with the one who acts in it."""

    wired: Wired
    actor: Actor = EVERYTHING
    treaties: frozenset[TreatyId] = frozenset()

    stix = staticmethod(stix)
    indicator = staticmethod(indicator)
    bundle = staticmethod(bundle)

    @staticmethod
    def pact_of(*parties: tuple[str, str]) -> bytes:
        """Return the pact between members of these ids and fingerprints."""
        listed = [
            Party(member=MemberId(name), name=f"Member {name}", authority=fingerprint)
            for name, fingerprint in parties
        ]
        return fill_parties(PACT, listed, exercise=True, depositary=MemberId(parties[0][0]))

    @property
    def name(self) -> MemberId:
        return self.wired.node.identity.member

    @property
    def database(self) -> Database:
        return self.wired.node.database

    def read(self, ask: Callable[[Transaction], T]) -> T:
        with self.database.read() as tx:
            return ask(tx)

    def submit(self, data: bytes, name: str = "test.json") -> Submitted:
        return submit(
            self.wired.node,
            self.actor,
            Submission(data=data, name=name),
            limits=DEFAULT_LIMITS,
        )

    def drafts(self, *objects: dict[str, Any]) -> list[ItemRow]:
        """Submit objects and return their drafts, in order; what our side adds is left out."""
        wanted = [each["id"] for each in objects]
        rows = {row.key.object_id: row for row in self.submit(bundle(*objects)).rows}
        return [rows[ObjectId(each)] for each in wanted]

    def vouch(self, rows: Sequence[ItemRow], **changes: Any) -> Vouched:
        offer = replace(OFFER, **{"treaties": self.treaties, **changes})
        return vouch(self.wired.node, self.actor, [row.handle for row in rows], offer)

    def held(self, *objects: dict[str, Any], **changes: Any) -> list[int]:
        """Submit and vouch for objects; return their handles."""
        return list(self.vouch(self.drafts(*objects), **changes).held)

    def disclose(self, handles: Sequence[int], treaty: TreatyId, **wish: Any) -> Disclosed:
        """Disclose to the other member."""
        purpose = wish.pop("purpose", "prevention")
        [done] = disclose(
            self.wired.node,
            self.actor,
            self.wired.gate,
            handles,
            Wish(treaty=treaty, purpose=purpose, **wish),
        )
        return done


def rules_of(member: Member) -> LaneRules:
    """Return what the lanes of a member are served by."""
    node = member.wired.node
    return LaneRules(
        why_closed=lambda tx, recipient, treaty: why_closed(tx, node, recipient, treaty),
        stand_ins=StandIns(identity=node.identity),
    )


@dataclass(slots=True)
class FakePeer:
    """A ``PeerClient`` that reads the other node's store; damage can be put on the line."""

    own: Member
    others: dict[MemberId, Member]
    silent: bool = False
    limit: int = 1_000
    damage: Callable[[LanePage], LanePage] = field(default=lambda page: page)
    spoil: Callable[[str, bytes], bytes] = field(default=lambda _path, raw: raw)

    def lane_page(self, peer: PeerEndpoint, lane: str, *, added_after: str, limit: int) -> LanePage:
        other = self._at(peer)
        query = PageQuery(
            after=parse_instant(added_after) if added_after else None,
            limit=min(limit, self.limit),
            versions=VersionChoice(every=True),
        )
        with other.database.read() as tx, closing(peer):
            page = lane_page(tx, self.own.name, lane, query, rules=rules_of(other))
            head = lane_head(tx, other.wired.node, self.own.name, lane)
        last = instant_text(page.objects[-1].added) if page.objects else ""
        return self.damage(
            LanePage(
                objects=tuple(each.raw for each in page.objects),
                more=page.more,
                last_added=last,
                head=head,
            )
        )

    def ledger_file(self, peer: PeerEndpoint, path: str) -> bytes:
        try:
            return self.spoil(path, self._at(peer).wired.ledger.read(path))
        except TileAbsentError as error:
            raise PeerError(f"no {path}") from error

    def deliver_head(self, peer: PeerEndpoint, document: bytes) -> None:
        accept_head(self._at(peer).wired.node, self.own.name, document)

    def _at(self, peer: PeerEndpoint) -> Member:
        if self.silent:
            raise PeerError(f"{peer.member} does not answer")
        return self.others[peer.member]


@contextmanager
def closing(peer: PeerEndpoint) -> Iterator[None]:
    """Turn a lane's closing into what a client is told of it."""
    try:
        yield
    except LaneClosedError as error:
        raise PeerClosedError(f"{peer.member} serves nothing more of this lane") from error


def introduce(one: Member, other: Member) -> None:
    letter = letter_of_credence(other.wired.node)
    fingerprint = read_credence(letter).authority.fingerprint
    accept_peer(one.wired.node, one.actor, one.wired.gate, letter, fingerprint=fingerprint)


def pact(*members: Member) -> bytes:
    parties = []
    for member in members:
        identity = member.wired.node.identity
        assert identity.authority is not None
        parties.append(
            Party(
                member=identity.member,
                name=identity.name,
                authority=identity.authority.public.fingerprint,
            )
        )
    return fill_parties(PACT, parties, exercise=True, depositary=XA)


@dataclass(slots=True)
class Pair:
    """Two members under one treaty, and their common clock."""

    a: Member
    b: Member
    clock: FixedClock
    treaty: TreatyId

    stix = staticmethod(stix)
    indicator = staticmethod(indicator)
    introduce = staticmethod(introduce)
    pact = staticmethod(pact)

    def client(self, own: Member) -> FakePeer:
        return FakePeer(own=own, others={self.a.name: self.a, self.b.name: self.b})

    def pull(self, own: Member, client: FakePeer | None = None) -> PullReport:
        other = self.a if own is self.b else self.b
        line = self.client(own) if client is None else client
        return pull(own.wired.node, own.wired.gate, line, other.name)


def _settings(data: Path, member: MemberId) -> Settings:
    return Settings(
        data=data,
        member=member,
        name=f"Member {member}",
        address=f"https://{member.lower()}.example",
        exercise=True,
    )


@pytest.fixture(scope="session", name="concluded")
def _concluded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TreatyId]:
    """Make two nodes that concluded the pact, once; tests work on copies."""
    folder = tmp_path_factory.mktemp("concluded")
    clock = FixedClock(NOW)
    a, b = (
        Member(wired=create_node(_settings(folder / name, name), user="admin", clock=clock))
        for name in (XA, XB)
    )
    pair = Pair(a=a, b=b, clock=clock, treaty=TreatyId(""))
    introduce(a, b)
    introduce(b, a)
    treaty = adopt(a.wired.node, a.actor, a.wired.gate, pact(a, b)).id
    pair.pull(b)
    for member in (a, b):
        sign(member.wired.node, member.actor, member.wired.gate, treaty)
        ratify(member.wired.node, member.actor, member.wired.gate, treaty)
    pair.pull(a)
    pair.pull(b)
    a.wired.close()
    b.wired.close()
    return folder, treaty


@pytest.fixture(name="pair")
def _pair(concluded: tuple[Path, TreatyId], tmp_path: Path) -> Iterator[Pair]:
    folder, treaty = concluded
    clock = FixedClock(NOW)
    members = []
    for name in (XA, XB):
        shutil.copytree(folder / name, tmp_path / name)
        settings = load_settings(tmp_path / name)
        wired = open_node(settings, clock=clock)
        members.append(Member(wired=wired, treaties=frozenset({treaty})))
    a, b = members
    yield Pair(a=a, b=b, clock=clock, treaty=treaty)
    a.wired.close()
    b.wired.close()


@pytest.fixture(name="lone")
def _lone(tmp_path: Path) -> Iterator[Member]:
    """A node that met nobody."""
    settings = _settings(tmp_path / "lone", XA)
    member = Member(wired=create_node(settings, user="admin", clock=FixedClock(NOW)))
    yield member
    member.wired.close()


GROUNDS_PACT = (
    (
        PACT[: PACT.index(b"## Article 2")]
        .replace(b'reservable = ["2", "3"]', b'reservable = ["2", "3", "5", "6"]')
        .replace(b"ratifications = 2", b"ratifications = 3")
        .replace(
            b'investigation = "To investigate an offence."',
            b'investigation = "To investigate an offence."\n'
            b'warning = "To warn those at risk."\nlife = "To protect a life."',
        )
    )
    + b"""## Article 2 \xe2\x80\x94 With one approval

What prevents an offence may be given once one person has approved it.

```cedar
@approvals("1")
@retain("P30D")
permit (principal, action == Action::"disclose", resource)
when {
  resource.purposes.contains(context.purpose) && context.purpose == "prevention" &&
  context.recognised
};
```

## Article 3 \xe2\x80\x94 With two approvals

What serves an investigation may be given once two persons have approved it.

```cedar
@approvals("2")
permit (principal, action == Action::"disclose", resource)
when {
  resource.purposes.contains(context.purpose) && context.purpose == "investigation" &&
  context.recognised
};
```

## Article 4 \xe2\x80\x94 Passing on

Nobody passes on what is another's without that member's consent.

```cedar
forbid (principal, action == Action::"disclose", resource)
when { context.onward }
unless { context.consent };
```

## Article 5 \xe2\x80\x94 Warnings

Warnings are given freely, and acknowledged; of persons without descriptions.

```cedar
@acknowledge("P1D")
@retain("P30D")
permit (principal, action == Action::"disclose", resource)
when {
  resource.purposes.contains(context.purpose) && context.purpose == "warning" &&
  context.recognised && !resource.personal
};

@redact("property:description")
permit (principal, action == Action::"disclose", resource)
when {
  resource.purposes.contains(context.purpose) && context.purpose == "warning" &&
  context.recognised && resource.personal && resource.person == "suspect"
};

@approvals("1")
@redact("kind:document")
permit (principal, action == Action::"disclose", resource)
when {
  resource.purposes.contains(context.purpose) && context.purpose == "warning" &&
  context.recognised && resource.personal && resource.person == "contact"
};
```

## Article 6 \xe2\x80\x94 Danger to life

What protects a life is given at once and reviewed afterwards.

```cedar
@acknowledge("PT1H")
@retain("P30D")
@review("PT24H")
permit (principal, action == Action::"disclose", resource)
when {
  resource.purposes.contains(context.purpose) && context.purpose == "life" &&
  context.threat_to_life
};
```
"""
)
XC = MemberId("XC")


@dataclass(slots=True)
class Trio:
    """Three members under one treaty with approvals, consents and reviews; one clock.

    Each has the users ada, ben and cora (supervisors), olga (officer) and ann (analyst).
    """

    members: dict[MemberId, Member]
    clock: FixedClock
    treaty: TreatyId

    indicator = staticmethod(indicator)
    stix = staticmethod(stix)

    @property
    def a(self) -> Member:
        return self.members[XA]

    @property
    def b(self) -> Member:
        return self.members[XB]

    @property
    def c(self) -> Member:
        return self.members[XC]

    def user(self, name: str, *roles: Role) -> Actor:
        stored = {"olga": Role.OFFICER, "ann": Role.ANALYST}
        return Actor(user=name, roles=frozenset(roles or (stored.get(name, Role.SUPERVISOR),)))

    def wish(self, purpose: str = "prevention", **changes: Any) -> Wish:
        plain: dict[str, Any] = {"treaty": self.treaty, "purpose": purpose, "recipients": (XB,)}
        return Wish(**{**plain, **changes})

    def held(self, number: int = 1, **changes: Any) -> int:
        """Hold an indicator at XA that serves every purpose; return its handle."""
        purposes = frozenset({"prevention", "investigation", "warning", "life"})
        [handle] = self.a.held(
            indicator(number, f"bad{number}.example"), **{"purposes": purposes, **changes}
        )
        return handle

    def pull(self, own: Member, other: Member) -> PullReport:
        return pull(
            own.wired.node, own.wired.gate, FakePeer(own=own, others=self.members), other.name
        )

    def restarted(self, member: Member) -> Member:
        """Close a node and open it again on the same data."""
        settings = member.wired.settings
        member.wired.close()
        again = Member(wired=open_node(settings, clock=self.clock), treaties=member.treaties)
        self.members[again.name] = again
        return again


@pytest.fixture(scope="session", name="concluded_by_three")
def _concluded_by_three(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TreatyId]:
    """Make three nodes that concluded the treaty, once; tests work on copies."""
    folder = tmp_path_factory.mktemp("three")
    clock = FixedClock(NOW)
    members = {
        name: Member(wired=create_node(_settings(folder / name, name), user="admin", clock=clock))
        for name in (XA, XB, XC)
    }
    trio = Trio(members=members, clock=clock, treaty=TreatyId(""))
    for one in members.values():
        for other in members.values():
            if one is not other:
                introduce(one, other)
    parties = []
    for member in members.values():
        identity = member.wired.node.identity
        assert identity.authority is not None
        parties.append(
            Party(
                member=identity.member,
                name=identity.name,
                authority=identity.authority.public.fingerprint,
            )
        )
    text = fill_parties(GROUNDS_PACT, parties, exercise=True, depositary=XA)
    treaty = TreatyId("")
    for member in members.values():
        treaty = adopt(member.wired.node, member.actor, member.wired.gate, text).id
        sign(member.wired.node, member.actor, member.wired.gate, treaty)
        ratify(member.wired.node, member.actor, member.wired.gate, treaty)
        for user, role in (
            ("ada", Role.SUPERVISOR), ("ben", Role.SUPERVISOR), ("cora", Role.SUPERVISOR),
            ("olga", Role.OFFICER), ("ann", Role.ANALYST),
        ):  # fmt: skip
            add_user(member.wired.node, member.actor, user, [role])
    for one in members.values():
        for other in members.values():
            if one is not other:
                trio.pull(one, other)
    for member in members.values():
        member.wired.close()
    return folder, treaty


@pytest.fixture(name="trio")
def _trio(concluded_by_three: tuple[Path, TreatyId], tmp_path: Path) -> Iterator[Trio]:
    folder, treaty = concluded_by_three
    clock = FixedClock(NOW)
    members = {}
    for name in (XA, XB, XC):
        shutil.copytree(folder / name, tmp_path / name)
        wired = open_node(load_settings(tmp_path / name), clock=clock)
        members[name] = Member(wired=wired, treaties=frozenset({treaty}))
    trio = Trio(members=members, clock=clock, treaty=treaty)
    yield trio
    for member in trio.members.values():
        member.wired.close()


@dataclass(slots=True)
class Bloc:
    """A member of a bloc of several under the pact with a fourth article, on contacts.

    Attributes:
        own: The node of the first member; the others are not needed any more.
        raw: The text all adopted.
    """

    own: Member
    clock: FixedClock
    treaty: TreatyId
    raw: bytes


CONTACTS = """
## Article 4 \u2014 Contacts

A contact is given once two officers approved it.

```cedar
@approvals("2")
permit (principal, action == Action::"disclose", resource)
when { resource.purposes.contains(context.purpose) && resource.person == "contact" };
```
"""


Plan = dict[MemberId, tuple[ArticleId, ...] | None]
"""Member to what it reserves; None for one that never ratified."""


def conclude(folder: Path, plan: Plan) -> tuple[TreatyId, bytes]:
    """Make the nodes of a bloc; the first knows all the others and what they said."""
    clock = FixedClock(NOW)
    members = {
        name: Member(wired=create_node(_settings(folder / name, name), user="admin", clock=clock))
        for name in plan
    }
    own, *others = members.values()
    raw = pact(*members.values()) + CONTACTS.encode()
    treaty = TreatyId("")
    for name, member in members.items():
        if member is not own:
            introduce(own, member)
            introduce(member, own)
        node, gate = member.wired.node, member.wired.gate
        treaty = adopt(node, member.actor, gate, raw).id
        reserved = plan[name]
        if reserved is not None:
            sign(node, member.actor, gate, treaty)
            ratify(node, member.actor, gate, treaty, reservations=reserved)
    line = FakePeer(own=own, others=members)
    for member in others:
        pull(own.wired.node, own.wired.gate, line, member.name)
    for member in members.values():
        member.wired.close()
    return treaty, raw


@pytest.fixture(scope="session", name="blocs")
def _blocs() -> dict[str, tuple[Path, TreatyId, bytes]]:
    """Blocs concluded so far; tests work on copies."""
    return {}


@pytest.fixture(name="make_bloc")
def _make_bloc(
    blocs: dict[str, tuple[Path, TreatyId, bytes]],
    tmp_path_factory: pytest.TempPathFactory,
    tmp_path: Path,
) -> Iterator[Callable[[Plan], Bloc]]:
    """Return a maker of blocs; the first member of the plan is the one that acts."""
    made: list[Member] = []

    def make(plan: Plan) -> Bloc:
        if repr(plan) not in blocs:
            folder = tmp_path_factory.mktemp("bloc")
            blocs[repr(plan)] = (folder, *conclude(folder, plan))
        folder, treaty, raw = blocs[repr(plan)]
        name = next(iter(plan))
        place = tmp_path / str(len(made)) / name
        shutil.copytree(folder / name, place)
        clock = FixedClock(NOW)
        wired = open_node(load_settings(place), clock=clock)
        made.append(Member(wired=wired, treaties=frozenset({treaty})))
        return Bloc(own=made[-1], clock=clock, treaty=treaty, raw=raw)

    yield make
    for member in made:
        member.wired.close()
