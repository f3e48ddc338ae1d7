"""A bloc inside one process: real stores, real operations, no network. For measuring."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from foedus.access import Actor, Role
from foedus.clock import instant_text, parse_instant
from foedus.compose import Wired, create_node
from foedus.intake.limits import DEFAULT_LIMITS
from foedus.ledger import TileSource
from foedus.model.identifiers import MemberId, TreatyId
from foedus.model.markings import TLP
from foedus.model.terms import CategoryOfPerson, InformationGrade, SourceGrade
from foedus.node.acknowledge import accept_head, lane_head
from foedus.node.introduce import accept_peer, letter_of_credence
from foedus.node.lane_closing import why_closed
from foedus.node.lawbook import read_credence
from foedus.node.peer_ports import LanePage, PeerEndpoint
from foedus.node.pull import PullReport, pull
from foedus.node.ratify import adopt, ratify, sign
from foedus.node.serve_lane import LaneRules, lane_page
from foedus.node.served import PageQuery, VersionChoice
from foedus.node.stand_ins import StandIns
from foedus.node.submit import Submission, submit
from foedus.node.vouch import TermsOffer, vouch
from foedus.settings import Environment, Settings
from foedus.treaty.articles import Party
from foedus.treaty.drafting import fill_parties, sample_text

__all__ = ["EVERYBODY", "Bloc", "held", "indicators", "make_bloc", "offer_of"]

EVERYBODY = Actor(user="admin", roles=frozenset(Role))
"""The first user of a node, who holds every role."""


class InProcessClient:
    """Speaks to peers by calling their operations: a ``PeerClient`` without a wire."""

    def __init__(self, me: MemberId, nodes: dict[MemberId, Wired]) -> None:
        self._me = me
        self._nodes = nodes

    def lane_page(self, peer: PeerEndpoint, lane: str, *, added_after: str, limit: int) -> LanePage:
        wired = self._nodes[peer.member]
        query = PageQuery(
            after=parse_instant(added_after) if added_after else None,
            limit=limit,
            versions=VersionChoice(every=True),
        )
        with wired.node.database.read() as tx:
            rules = LaneRules(
                why_closed=lambda tx, to, treaty: why_closed(tx, wired.node, to, treaty),
                stand_ins=StandIns(identity=wired.node.identity),
            )
            page = lane_page(tx, self._me, lane, query, rules=rules)
            head = lane_head(tx, wired.node, self._me, lane)
        return LanePage(
            objects=tuple(each.raw for each in page.objects),
            more=page.more,
            last_added=instant_text(page.objects[-1].added) if page.objects else "",
            head=head,
        )

    def ledger_file(self, peer: PeerEndpoint, path: str) -> bytes:
        source: TileSource = self._nodes[peer.member].ledger
        return source.read(path)

    def deliver_head(self, peer: PeerEndpoint, document: bytes) -> None:
        accept_head(self._nodes[peer.member].node, self._me, document)


@dataclass
class Bloc:
    """Members bound by the sample treaty."""

    nodes: dict[MemberId, Wired]
    treaty: TreatyId
    star: bool = False
    hubs: int = 1

    def meet(self, one: MemberId, other: MemberId) -> bool:
        """Whether two members are introduced: in a star, only with its hubs, the first ones."""
        hubs = set(list(self.nodes)[: self.hubs])
        return one != other and (not self.star or bool(hubs & {one, other}))

    def pull(self, recipient: MemberId, sender: MemberId) -> PullReport:
        """Let a recipient drain a sender's lanes to it."""
        wired = self.nodes[recipient]
        return pull(wired.node, wired.gate, InProcessClient(recipient, self.nodes), sender)

    def pull_everything(self) -> None:
        for recipient in self.nodes:
            for sender in self.nodes:
                if self.meet(recipient, sender):
                    self.pull(recipient, sender)

    def close(self) -> None:
        for wired in self.nodes.values():
            wired.close()


def make_bloc(
    folder: Path,
    members: tuple[str, ...],
    *,
    star: bool = False,
    hubs: int = 1,
    ports: Mapping[str, int] | None = None,
    databases: Mapping[str, str] | None = None,
) -> Bloc:
    """Make nodes that are introduced to each other and bound by the sample treaty.

    Args:
        folder: Where their data directories are made.
        members: Their ids.
        star: Whether only the hubs are introduced to the others, and those not to each other.
        hubs: How many hubs a star has.
        ports: Where each will be served on this machine; none where nothing is served.
        databases: Addresses of PostgreSQL databases; a member without one has SQLite.
    """
    nodes: dict[MemberId, Wired] = {}
    for name in members:
        member = MemberId(name)
        nodes[member] = create_node(
            Settings(
                data=folder / name,
                member=member,
                name=f"Member {name}",
                address=f"http://127.0.0.1:{(ports or {}).get(name, 9)}",
                port=(ports or {}).get(name, 8701),
                exercise=True,
            ),
            user="admin",
            environment=Environment(
                data=folder / name, user="", database_url=(databases or {}).get(name, "")
            ),
        )
    bloc = Bloc(nodes=nodes, treaty=TreatyId(""), star=star, hubs=hubs)
    letters = {member: letter_of_credence(wired.node) for member, wired in nodes.items()}
    for wired in nodes.values():
        for member, letter in letters.items():
            if bloc.meet(member, wired.settings.member):
                accept_peer(
                    wired.node,
                    EVERYBODY,
                    wired.gate,
                    letter,
                    fingerprint=read_credence(letter).authority.fingerprint,
                )
    first = next(iter(nodes.values()))
    text = fill_parties(
        sample_text(),
        [
            Party(
                member=member,
                name=read_credence(letter).name,
                authority=read_credence(letter).authority.fingerprint,
            )
            for member, letter in letters.items()
        ],
        exercise=True,
        depositary=first.settings.member,
    )
    bloc.treaty = treaty = adopt(first.node, EVERYBODY, first.gate, text).id
    bloc.pull_everything()
    for wired in nodes.values():
        sign(wired.node, EVERYBODY, wired.gate, treaty)
        ratify(wired.node, EVERYBODY, wired.gate, treaty)
    bloc.pull_everything()
    return bloc


def offer_of(bloc: Bloc) -> TermsOffer:
    """Return terms under which a member's own technical signs go to every party."""
    return TermsOffer(
        treaties=frozenset({bloc.treaty}),
        purposes=frozenset({"prevention"}),
        legal_basis="Exercise Act, s. 1",
        offence="attack-planning",
        person=CategoryOfPerson.NONE,
        tlp=TLP.GREEN,
        handling=frozenset(),
        source=SourceGrade.B,
        information=InformationGrade.TWO,
        review=None,
        expiry=datetime.now(UTC) + timedelta(days=365),
        neutrality_reason="Technical signs of an exercise.",
    )


def held(wired: Wired, bloc: Bloc, data: bytes) -> list[int]:
    """Submit a bundle, vouch for all of it, and return the handles."""
    rows = submit(
        wired.node, EVERYBODY, Submission(data=data, name="bench.json"), limits=DEFAULT_LIMITS
    ).rows
    handles = [row.handle for row in rows]
    vouch(wired.node, EVERYBODY, handles, offer_of(bloc))
    return handles


def indicators(count: int, *, seed: int = 7) -> bytes:
    """Return a STIX bundle of about 1 KB indicators with two comparisons each; reserved names."""
    chance = random.Random(seed)
    objects = []
    for number in range(count):
        digest = f"{chance.getrandbits(256):064x}"
        stamp = f"2026-0{1 + number % 9}-{1 + number % 28:02d}T10:{number % 60:02d}:00.000Z"
        identifier = f"{chance.getrandbits(128):032x}"
        uuid4 = (
            f"{identifier[:8]}-{identifier[8:12]}-4{identifier[13:16]}-8{identifier[17:20]}-"
            f"{identifier[20:]}"
        )
        objects.append(
            f'{{"type":"indicator","spec_version":"2.1","id":"indicator--{uuid4}",'
            f'"created":"{stamp}","modified":"{stamp}","name":"Exercise sign {number}",'
            f'"description":"{"EXERCISE. Seen in a channel of the exercise. " * 8}",'
            f'"indicator_types":["malicious-activity"],"labels":["exercise"],'
            f"\"pattern\":\"[file:hashes.'SHA-256' = '{digest}' OR domain-name:value = "
            f"'{digest[:16]}.example.net']\","
            f'"pattern_type":"stix","pattern_version":"2.1","valid_from":"{stamp}",'
            f'"confidence":{chance.randrange(15, 100)},"lang":"en",'
            f'"external_references":[{{"source_name":"exercise","external_id":"EX-{number}"}}]}}'
        )
    return (
        '{"type":"bundle","id":"bundle--2c4b6f1e-7a3d-4a6e-9a51-0d6c3e1f5a77","objects":['
        + ",".join(objects)
        + "]}"
    ).encode()
