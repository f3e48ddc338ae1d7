"""What was erased before it was taken arrives as its commitment, and the lane still adds up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from foedus.access import Actor, Role
from foedus.canonical import canonical_bytes
from foedus.ledger import verify_receipt
from foedus.ledger.commitment import EMPTY_LANE
from foedus.model.identifiers import MemberId, ObjectId
from foedus.model.kinds import FoedusKind, unwrap_document
from foedus.model.objects import parse_object
from foedus.node.accept_codes import WITHHELD
from foedus.node.erase import erase, forget_old
from foedus.node.lane_place import lane_place
from foedus.node.peer_ports import LanePage, PeerEndpoint
from foedus.node.ports import ItemState
from foedus.node.prove import Prover
from foedus.node.pull import LaneReport, pull
from foedus.node.recover_heads import peers_of
from foedus.node.repair import repair
from foedus.node.serve_lane import LaneRules, lane_page, lane_shows
from foedus.node.served import PageQuery, ServedPage, VersionChoice
from foedus.node.stand_ins import StandIns
from foedus.node.withheld import forget_erased
from foedus.release.errors import DisclosureError
from foedus.release.withheld import (
    WITHHELD_TYPE,
    RowPlace,
    WithheldBatch,
    WithheldItem,
    open_withheld,
    withheld_id,
    withheld_object,
)
from foedus.signing import NoteVerifier, SigningKey, parse_envelope, sign_envelope

if TYPE_CHECKING:
    from tests.unit.node.conftest import Member, Pair

OFFICER = Actor(user="dpo", roles=frozenset({Role.OFFICER}))
WORD = "zanzibarite"


def given(pair: Pair, count: int) -> list[int]:
    objects = [pair.indicator(n, f"sign{n}.example") for n in range(1, count)]
    objects.append(pair.indicator(count, "last.example", description=f"{WORD} was here"))
    handles = pair.a.held(*objects)
    assert pair.a.disclose(handles, pair.treaty).given == count
    return handles


def name_of(member: Member, handle: int) -> ObjectId:
    [row] = member.read(lambda tx: tx.items.rows([handle]))
    return row.key.object_id


def gone(pair: Pair, handle: int) -> ObjectId:
    """Erase an item at XA; return the name it had."""
    name = name_of(pair.a, handle)
    erase(pair.a.wired.node, OFFICER, name, order="DPA 7/2026", reason="unfounded")
    return name


def bulk(pair: Pair, *, damage: Callable[[LanePage], LanePage] | None = None) -> LaneReport:
    """Pull at XB; return what became of the bulk lane."""
    client = pair.client(pair.b)
    if damage is not None:
        client.damage = damage
    wired = pair.b.wired
    report = pull(wired.node, wired.gate, client, pair.a.name)
    [found] = [each for each in report.lanes if each.lane == "bulk"]
    return found


def agree(pair: Pair) -> None:
    """Both ends of the bulk lane say the same, and nothing is alarming."""
    out = pair.a.read(lambda tx: tx.feeds.lane(pair.b.name, "bulk"))
    cursor = pair.b.read(lambda tx: tx.inbox.cursor(pair.a.name, "bulk"))
    head = pair.a.read(lambda tx: tx.peers.get(pair.b.name))
    assert head is not None
    assert (out.count, out.digest) == (cursor.count, cursor.digest)
    assert head.head["bulk"][:2] == (out.count, out.digest.hex())
    assert [each for each in pair.a.read(lambda tx: tx.alarms.open()) if "lane" in each.code] == []
    assert [each for each in pair.b.read(lambda tx: tx.alarms.open()) if "lane" in each.code] == []


def from_the_start(pair: Pair) -> None:
    """Let XB read its bulk lane once more from the start, with nothing of it here."""
    with pair.b.database.write() as tx:
        cursor = tx.inbox.cursor(pair.a.name, "bulk")
        tx.inbox.advance(replace(cursor, count=0, digest=EMPTY_LANE, added_after="", anchor=0))


def outcomes(pair: Pair) -> dict[str, int]:
    counts = pair.b.read(lambda tx: tx.inbox.counts())
    return {code: n for (_, lane, code), n in counts.items() if lane == "bulk"}


def database_bytes(member: Member) -> bytes:
    path = member.wired.settings.database
    return b"".join(
        each.read_bytes() for each in sorted(path.parent.glob(path.name + "*")) if each.is_file()
    )


@pytest.mark.sqlite
def test_erased_before_it_was_taken_nothing_of_it_arrives(pair: Pair) -> None:
    handles = given(pair, 4)
    name = gone(pair, handles[-1])
    # Until it is taken the disclosure stands as it was signed.
    assert pair.a.read(lambda tx: tx.withheld.count()) == 1
    report = bulk(pair)
    assert (report.accepted, report.withheld, report.fault) == (3, 1, "")
    assert outcomes(pair) == {"accepted": 3, WITHHELD: 1}
    agree(pair)
    # The signed head came with the pull: now it is gone there too, and at the recipient.
    assert pair.a.read(lambda tx: tx.withheld.count()) == 0
    assert pair.a.read(lambda tx: tx.withheld.forget_due())
    for member in (pair.a, pair.b):
        forget_erased(member.wired.node, member.wired.gate)  # XB did so at the end of its pull
        assert not member.read(lambda tx: tx.withheld.forget_due())
        stored = database_bytes(member)
        assert name.encode() not in stored
        assert WORD.encode() not in stored
    # The others are proved as before.
    identity = pair.a.wired.node.identity
    with pair.a.database.read() as tx:
        prover = Prover(tx, pair.a.wired.node, pair.a.wired.ledger)
        [proof] = prover.of_item(handles[0])
    verify_receipt(proof.data, NoteVerifier(name=identity.log_origin, key=identity.log.public))


def test_a_whole_batch_is_erased_before_it_was_taken(pair: Pair) -> None:
    handles = given(pair, 2)
    for handle in handles:
        gone(pair, handle)
    report = bulk(pair)
    assert (report.accepted, report.withheld, report.fault) == (0, 2, "")
    agree(pair)
    # What follows in the lane goes on.
    more = pair.a.held(pair.indicator(50, "later.example"))
    pair.a.disclose(more, pair.treaty)
    assert bulk(pair).accepted == 1
    agree(pair)


def test_a_lane_is_read_from_its_start_after_an_erasure(pair: Pair) -> None:
    handles = given(pair, 3)
    pair.pull(pair.b)
    gone(pair, handles[1])
    gone(pair, handles[0])
    from_the_start(pair)
    report = bulk(pair)
    assert (report.known, report.withheld, report.fault) == (1, 2, "")
    agree(pair)
    # Again, with everything of it erased.
    gone(pair, handles[2])
    from_the_start(pair)
    assert (bulk(pair).withheld, bulk(pair).fault) == (3, "")
    agree(pair)


def test_a_lane_is_read_from_its_start_after_its_records_were_forgotten(pair: Pair) -> None:
    given(pair, 3)
    pair.pull(pair.b)
    pair.clock.instant += timedelta(days=40)
    assert forget_old(pair.a.wired.node, OFFICER, before=pair.clock.now() - timedelta(days=1)) > 0
    page = served(pair)
    assert {parse_object(raw).type for raw in page.raws()} == {FoedusKind.WITHHELD}
    from_the_start(pair)
    report = bulk(pair)
    assert (report.withheld, report.fault) == (3, "")
    agree(pair)


def test_what_a_taker_erased_goes_back_to_its_giver_as_places(pair: Pair) -> None:
    """Between the two no name of it is left; what is returned to a restored giver has none."""
    handles = given(pair, 2)
    name = gone(pair, handles[0])
    bulk(pair)
    rows = pair.b.read(lambda tx: tx.recovery.received(pair.a.name, "bulk", after=0, limit=10))
    assert [row.raw is None for row in rows] == [True, True, False]
    found = pair.b.read(lambda tx: tx.erasure.opened(rows[0].handle))
    assert found is not None
    assert [each.record is None for each in found[1]] == [True, False]
    assert all(name.encode() not in (each.record or b"") for each in found[1])


def rules(pair: Pair) -> LaneRules:
    stand_ins = StandIns(identity=pair.a.wired.node.identity)
    return LaneRules(why_closed=lambda *_: "", stand_ins=stand_ins)


def served(pair: Pair, **query: object) -> ServedPage:
    asked = PageQuery(**{"limit": 10, "versions": VersionChoice(every=True), **query})  # type: ignore[arg-type]  # a table of questions
    return pair.a.read(lambda tx: lane_page(tx, pair.b.name, "bulk", asked, rules=rules(pair)))


def test_filters_by_id_and_type_find_what_stands_for_a_row(pair: Pair) -> None:
    handles = given(pair, 3)
    name = gone(pair, handles[1])
    whole = served(pair)
    assert [each.object_id.split("--")[0] for each in whole.objects] == [
        "foedus-disclosure",
        "indicator",
        "foedus-withheld",
        "indicator",
    ]
    stands = whole.objects[2]
    assert served(pair).raws() == whole.raws(), "the same row gives the same bytes"
    by_type = served(pair, types=frozenset({"foedus-withheld"}))
    by_id = served(pair, ids=frozenset({stands.object_id}), versions=VersionChoice(last=True))
    assert list(by_type.records()) == list(by_id.records()) == [list(whole.records())[2]]
    assert served(pair, types=frozenset({"indicator"})).raws() == [
        whole.raws()[1],
        whole.raws()[3],
    ]
    assert not served(pair, ids=frozenset({name})).objects

    def shows(object_id: ObjectId) -> bool:
        stand_ins = rules(pair).stand_ins
        return pair.a.read(
            lambda tx: lane_shows(tx, pair.b.name, "bulk", object_id, stand_ins=stand_ins)
        )

    assert shows(stands.object_id)
    assert not shows(name)
    assert not shows(ObjectId("foedus-withheld--5b0f3a52-7c6e-5d0c-8f52-0a8f4d1c9e11"))
    # Nothing in it tells which item it was.
    assert name.encode() not in stands.raw


def other_commitment(stands: WithheldItem) -> WithheldItem:
    return replace(stands, commitment=bytes(32))


def other_place(stands: WithheldItem) -> WithheldItem:
    return replace(stands, place=replace(stands.place, position=stands.place.position + 1))


@pytest.mark.parametrize(
    ("change", "fault"),
    [(other_commitment, "commitment"), (other_place, "form")],
    ids=["another commitment than the disclosure has there", "a row of another place"],
)
def test_what_stands_for_a_row_is_checked(
    pair: Pair, change: Callable[[WithheldItem], WithheldItem], fault: str
) -> None:
    handles = given(pair, 2)
    gone(pair, handles[0])
    key = pair.a.wired.node.identity.node

    def damage(page: LanePage) -> LanePage:
        return replace(page, objects=tuple(map(changed, page.objects)))

    def changed(raw: bytes) -> bytes:
        obj = parse_object(raw)
        if obj.type != FoedusKind.WITHHELD or obj.created is None:
            return raw
        stands = open_withheld(parse_envelope(unwrap_document(obj)), (key.public,))
        assert isinstance(stands, WithheldItem)
        return withheld_object(change(stands), key, added=obj.created).raw

    report = bulk(pair, damage=damage)
    assert report.fault.startswith(fault)
    assert outcomes(pair) == {}
    # The line is whole again: the lane goes on.
    assert bulk(pair).withheld == 1
    agree(pair)


def test_a_stranger_s_word_that_a_row_is_withheld_stops_the_lane(pair: Pair) -> None:
    handles = given(pair, 2)
    key = pair.b.wired.node.identity.node
    name = name_of(pair.a, handles[0])

    def damage(page: LanePage) -> LanePage:
        return replace(page, objects=tuple(map(replaced, page.objects)))

    def replaced(raw: bytes) -> bytes:
        if parse_object(raw).id != name:
            return raw
        place = RowPlace(
            exercise=True, sender=pair.a.name, recipient=pair.b.name, lane="bulk", position=2
        )
        stands = WithheldItem(place=place, commitment=bytes(32))
        return withheld_object(stands, key, added=pair.clock.now()).raw

    assert bulk(pair, damage=damage).fault.startswith("signature")
    assert bulk(pair).accepted == 2


PLACE = RowPlace(
    exercise=True, sender=MemberId("XA"), recipient=MemberId("XB"), lane="bulk", position=4
)
ITEM = WithheldItem(place=PLACE, commitment=bytes(range(32)))
BATCH = WithheldBatch(
    place=PLACE,
    entry=bytes(32),
    log_origin="xa.example/log",
    log_index=7,
    lane_count=6,
    lane_digest=bytes(range(32)),
    left=None,
    erased={0: bytes(32), 1: bytes(range(32))},
)


@pytest.mark.parametrize("stands", [ITEM, BATCH], ids=["an item", "a disclosure"])
def test_what_stands_for_a_row_is_read_as_it_was_signed(
    stands: WithheldItem | WithheldBatch, pair: Pair
) -> None:
    key = pair.a.wired.node.identity.node
    obj = withheld_object(stands, key, added=pair.clock.now())
    assert obj.id == withheld_id(stands)
    assert open_withheld(parse_envelope(unwrap_document(obj)), (key.public,)) == stands
    _refused_in_every_other_form(dict[str, object](stands.document()), key)


def _refused_in_every_other_form(document: dict[str, object], key: SigningKey) -> None:
    others: Sequence[dict[str, object]] = [
        {**document, "v": 2},
        {**document, "kind": "order"},
        {**document, "stands_for": "nothing"},
        {**document, "more": 1},
        {**document, "position": 0},
        {**document, "commitment": "AB" * 32},
        {name: value for name, value in document.items() if name != "lane"},
    ]
    if "erased" in document:
        twice = [{"place": 0, "commitment": "ab" * 32}] * 2
        others = [
            *others,
            {**document, "erased": []},
            {**document, "erased": twice},
            {**document, "erased": [{"place": 9, "commitment": "ab" * 32}]},
            {**document, "disclosure": {"v": 1}},
            {**document, "lane_count": 1},
        ]
    for other in others:
        payload = canonical_bytes(other)  # type: ignore[arg-type]  # made of a JSON document
        with pytest.raises(DisclosureError):
            open_withheld(sign_envelope(payload, WITHHELD_TYPE, key), (key.public,))


def test_backups_are_told_until_they_are_gone(pair: Pair) -> None:
    made = pair.clock.now()
    with pair.a.database.write() as tx:
        tx.withheld.note_backup(at=made, kept_until=made + timedelta(days=30))
        later = made + timedelta(days=2)
        tx.withheld.note_backup(at=later, kept_until=later + timedelta(days=30))

    def until(since: timedelta, at: timedelta) -> object:
        return pair.a.read(lambda tx: tx.withheld.backups_until(since=made + since, at=made + at))

    day = timedelta(days=1)
    assert until(-day, day) == made + 32 * day
    assert until(3 * day, 4 * day) is None, "it came after the last backup"
    assert until(-day, 33 * day) is None, "no backup is kept so long"


def test_what_is_erased_while_it_waits_for_law_goes_when_its_batch_is_settled(pair: Pair) -> None:
    from tests.unit.node.test_node_law_holds import say  # noqa: PLC0415  # see there

    handles = given(pair, 2)
    say(pair, pair.b)
    assert bulk(pair).awaiting == 2
    name = name_of(pair.a, handles[0])
    erase(pair.b.wired.node, OFFICER, name, order="DPA 7/2026", reason="ordered by XA")
    assert pair.b.read(lambda tx: tx.withheld.count()) == 1
    # XA hears of the law, and both know the same.
    pair.pull(pair.a)
    pair.clock.instant += timedelta(days=60)
    pair.pull(pair.b)
    assert pair.b.read(lambda tx: tx.withheld.count()) == 0
    assert outcomes(pair).get("held-for-law", 0) == 0
    assert outcomes(pair)["recalled"] == 1
    rows = pair.b.read(lambda tx: tx.items.by_object_id(name))
    assert [row.state for row in rows if row.state is ItemState.HELD] == []


class Asked:
    """A member's node that is also asked where a lane stood."""

    def __init__(self, pair: Pair) -> None:
        self._plain = pair.client(pair.b)
        self._pair = pair
        self.asked: list[int] = []

    def lane_place(self, peer: PeerEndpoint, lane: str, *, count: int) -> bytes:  # noqa: ARG002
        self.asked.append(count)
        return lane_place(self._pair.a.wired.node, self._pair.b.name, lane, count)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plain, name)


def test_a_lane_is_repaired_from_a_disclosure_that_is_kept_item_by_item(pair: Pair) -> None:
    handles = given(pair, 2)
    pair.pull(pair.b)
    name = name_of(pair.a, handles[0])
    erase(pair.b.wired.node, OFFICER, name, order="DPA 7/2026", reason="ordered by XA")
    agreed = pair.b.read(lambda tx: tx.inbox.cursor(pair.a.name, "bulk"))
    # What we hold of the lane goes wrong after that batch.
    with pair.b.database.write() as tx:
        tx.inbox.advance(replace(agreed, digest=bytes(32)))
    more = pair.a.held(pair.indicator(50, "later.example"))
    pair.a.disclose(more, pair.treaty)
    fault = bulk(pair)
    assert fault.fault.startswith("lane-digest")
    client = Asked(pair)
    node = pair.b.wired.node
    [peer] = [each for each in peers_of(node) if each.member == pair.a.name]
    done = repair(node, client, peer, fault, lambda: bulk(pair))
    assert client.asked == [agreed.count]
    assert (done.accepted, done.fault) == (1, "")
    agree(pair)
