"""A store put back from an earlier day: what the other member holds brings back the rest."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from foedus.compose import open_node
from foedus.ledger import Checkpoint, audit, commit_record
from foedus.ledger.errors import RollbackError, TileAbsentError
from foedus.model.identifiers import MemberId
from foedus.model.terms import CategoryOfPerson
from foedus.node.close_log import close_log
from foedus.node.dispatch import LANES
from foedus.node.errors import NotReadyError, RecoveringError, RefusedError
from foedus.node.gossip_format import KnownHeads, format_heads
from foedus.node.mirror import origin_hash
from foedus.node.peer_ports import PeerEndpoint, PeerError
from foedus.node.ports import ItemState
from foedus.node.reconcile import figures
from foedus.node.recover import OwnLog, RecoveryReport, heads_to_close, recover, why_behind
from foedus.node.returned import format_page, returned_page
from foedus.settings import load_identity, load_settings
from foedus.signing import NoteVerifier
from foedus.store.backup import make_backup, restore_backup
from foedus.store.closed_log import set_aside

if TYPE_CHECKING:
    from tests.unit.node.conftest import FakePeer, Member, Pair


@dataclass
class Line:
    """What recovery asks of the other member, answered out of its store in this process."""

    plain: FakePeer
    own: Member
    other: Member
    silent: bool = False
    rows: int = 1_000
    spoil: Callable[[str, bytes], bytes] = field(default=lambda _what, raw: raw)

    def lane_page(self, *given: Any, **named: Any) -> Any:
        return self.plain.lane_page(*given, **named)

    def ledger_file(self, peer: PeerEndpoint, path: str) -> bytes:
        return self.plain.ledger_file(peer, path)

    def deliver_head(self, peer: PeerEndpoint, document: bytes) -> None:
        self.plain.deliver_head(peer, document)

    def returned(self, peer: PeerEndpoint, lane: str, *, after: int) -> bytes:
        self._answers(peer)
        with self.other.database.read() as tx:
            page = returned_page(tx, self.other.wired.node, self.own.name, lane, after=after)
        cut = replace(page, rows=page.rows[: self.rows], more=len(page.rows) > self.rows)
        return self.spoil(lane, format_page(cut))

    def mirror_file(self, peer: PeerEndpoint, origin: str, path: str) -> bytes:
        self._answers(peer)
        try:
            raw = self.other.wired.mirrors.named(origin_hash(origin)).read(path)
        except TileAbsentError as error:
            raise PeerError(f"no {path}") from error
        return self.spoil(path, raw)

    def witnessed(self, peer: PeerEndpoint, origin: str) -> bytes:  # noqa: ARG002
        raise PeerError(f"{peer.member} witnessed nothing")

    def heads(self, peer: PeerEndpoint) -> bytes:
        self._answers(peer)
        return format_heads(KnownHeads(heads=(self.other.wired.ledger.read("checkpoint"),)))

    def __getattr__(self, name: str) -> Any:
        raise PeerError(f"{name} is not asked here")

    def _answers(self, peer: PeerEndpoint) -> None:
        if self.silent:
            raise PeerError(f"{peer.member} does not answer")


@dataclass
class Loss:
    """XA before and after its store was put back."""

    pair: Pair
    folder: Path
    restored: Member | None = None

    @property
    def a(self) -> Member:
        return self.pair.a if self.restored is None else self.restored

    def back_up(self) -> None:
        wired = self.pair.a.wired
        settings = wired.settings
        names = [f"keys/{each.name}" for each in settings.keys.glob("*.key")]
        make_backup(
            wired.database,
            {name: settings.data / name for name in ("foedus.toml", *names)},
            self.folder / "backup",
            member=settings.member,
            exercise=True,
            at=self.pair.clock.now(),
        )

    def lose(self, *, guard: bool = True) -> None:
        wired = self.pair.a.wired
        wired.close()
        data = self.folder / "restored"
        data.mkdir(mode=0o700)
        if guard:
            shutil.copytree(wired.settings.guard, data / "guard")
        restore_backup(self.folder / "backup", data, at=self.pair.clock.now())
        opened = open_node(load_settings(data), clock=self.pair.clock)
        self.restored = replace(self.pair.a, wired=opened)
        self.pair.a = self.restored

    def line(self, **how: Any) -> Line:
        return Line(plain=self.pair.client(self.a), own=self.a, other=self.pair.b, **how)

    def recover(self, line: Line | None = None) -> RecoveryReport:
        wired = self.a.wired
        own = OwnLog(guard=wired.guard, files=wired.ledger)
        return recover(wired.node, wired.gate, line or self.line(), own)

    def behind(self, line: Line | None = None) -> str:
        wired = self.a.wired
        return why_behind(wired.node, line, OwnLog(guard=wired.guard, files=wired.ledger))

    def lanes(self) -> list[tuple[int, bytes]]:
        with self.a.database.read() as tx:
            found = [tx.feeds.lane(self.pair.b.name, name) for name in LANES]
        return [(lane.count, lane.digest) for lane in found]


@pytest.fixture(name="loss")
def _loss(pair: Pair, tmp_path: Path) -> Loss:
    handles = pair.a.held(*[pair.indicator(number, f"v{number}.example") for number in (1, 2)])
    pair.a.disclose(handles, pair.treaty)
    pair.pull(pair.b)
    loss = Loss(pair=pair, folder=tmp_path)
    loss.back_up()
    return loss


def _give_more(loss: Loss, *numbers: int, **terms: Any) -> list[int]:
    pair = loss.pair
    handles = pair.a.held(
        *[
            pair.indicator(number, f"v{number}.example", description="Seen once.")
            for number in numbers
        ],
        **terms,
    )
    assert pair.a.disclose(handles, pair.treaty).given == len(numbers)
    return handles


@pytest.mark.parametrize("guard", [True, False])
@pytest.mark.parametrize("rows", [1_000, 2, 1])
def test_lanes_and_log_come_back_as_they_were(loss: Loss, guard: bool, rows: int) -> None:  # noqa: FBT001
    _give_more(loss, 3, 4, 5)
    _give_more(loss, 6)
    loss.pair.pull(loss.pair.b)
    before, entries = loss.lanes(), loss.a.read(lambda tx: list(tx.ledger.entries(0, 10_000)))
    loss.lose(guard=guard)
    assert loss.lanes() != before
    with pytest.raises(RecoveringError, match="foedus recover"):
        loss.a.wired.node.publish()
    report = loss.recover(loss.line(rows=rows))
    assert (report.finished, report.waiting, report.lost) == (True, {}, 0)
    assert loss.lanes() == before
    again = loss.a.read(lambda tx: list(tx.ledger.entries(0, len(entries))))
    assert again == entries
    identity = loss.a.wired.node.identity
    audit(loss.a.wired.ledger, NoteVerifier(name=identity.log_origin, key=identity.log.public))


@pytest.mark.parametrize("limit", [1, 2, 3, 1_000])
def test_the_other_goes_on_where_its_pages_ended(loss: Loss, limit: int) -> None:
    """Its cursor is an instant of ours: rebuilt rows must be cut by it where it cut them."""
    pair = loss.pair
    for numbers in ((3, 4, 5), (6,), (7, 8)):
        _give_more(loss, *numbers)
        line = pair.client(pair.b)
        line.limit = limit
        pair.pull(pair.b, line)
    loss.lose()
    assert loss.recover().finished
    _give_more(loss, 9)
    report = pair.pull(pair.b)
    assert [lane.fault for lane in report.lanes] == ["", "", ""]
    assert report.lanes[2].accepted == 1
    assert pair.b.read(lambda tx: list(tx.alarms.open())) == []
    for member in (pair.b, loss.a):
        with member.database.read() as tx:
            assert all(lane.agreed for lane in figures(tx, member.wired.node.identity).lanes)


def test_items_come_back_with_their_bytes_and_terms(loss: Loss) -> None:
    [handle] = _give_more(loss, 3)
    [row] = loss.a.read(lambda tx: list(tx.items.rows([handle])))
    raw = loss.a.read(lambda tx: tx.items.raw([handle]))[handle]
    loss.pair.pull(loss.pair.b)
    loss.lose()
    report = loss.recover()
    assert [lane.returned for lane in report.lanes] == [0, 0, 1]
    back = loss.a.read(lambda tx: tx.items.by_key(row.key))
    assert back is not None
    assert (back.state, back.terms_id) == (ItemState.HELD, row.terms_id)
    assert loss.a.read(lambda tx: tx.items.raw([back.handle]))[back.handle] == raw
    assert loss.a.read(lambda tx: tx.feeds.holds(loss.pair.b.name, [back.handle]))
    assert loss.a.disclose([back.handle], loss.pair.treaty).given == 0, "it has it already"


def test_a_redacted_form_is_known_as_the_form_of_its_original(loss: Loss) -> None:
    pair = loss.pair
    [handle] = pair.a.held(
        pair.indicator(3, "v3.example", description="Person of interest."),
        person=CategoryOfPerson.SUSPECT,
    )
    shutil.rmtree(loss.folder / "backup")
    loss.back_up()
    assert pair.a.disclose([handle], pair.treaty).given == 1
    pair.pull(pair.b)
    loss.lose()
    report = loss.recover()
    assert report.finished
    assert loss.a.read(lambda tx: tx.feeds.holds(pair.b.name, [handle])) == {handle}
    assert loss.a.read(lambda tx: tx.recovery.unlinked_variants()) == []


def test_what_was_never_taken_is_given_anew(loss: Loss) -> None:
    """The other never saw it, so its place in the lane is free; its log entry is not."""
    _give_more(loss, 3)
    loss.pair.pull(loss.pair.b)
    _give_more(loss, 4)  # published, and copied by nobody: only the guard knows
    loss.lose(guard=False)
    assert loss.recover().finished
    _give_more(loss, 4, 5)
    report = loss.pair.pull(loss.pair.b)
    assert (report.lanes[2].fault, report.lanes[2].accepted) == ("", 2)


def test_a_head_that_no_copy_leads_to_is_never_contradicted(loss: Loss) -> None:
    _give_more(loss, 3)
    loss.pair.pull(loss.pair.b)
    _give_more(loss, 4)
    loss.lose(guard=True)
    report = loss.recover()
    assert not report.finished
    assert "--close" in report.why_not
    with pytest.raises(RecoveringError):
        loss.a.wired.node.publish()


def test_when_nobody_answers_the_node_waits(loss: Loss) -> None:
    _give_more(loss, 3)
    loss.pair.pull(loss.pair.b)
    loss.lose(guard=False)
    assert not loss.recover(loss.line(silent=True)).finished
    with pytest.raises(RecoveringError):
        loss.a.wired.node.publish()
    assert loss.recover().finished


def test_recovery_may_be_repeated(loss: Loss) -> None:
    _give_more(loss, 3)
    loss.pair.pull(loss.pair.b)
    loss.lose()
    assert loss.recover().needed
    lanes = loss.lanes()
    assert not loss.recover().needed
    assert loss.lanes() == lanes


def test_a_member_that_returns_something_else_is_not_believed(loss: Loss) -> None:
    _give_more(loss, 3)
    loss.pair.pull(loss.pair.b)
    loss.lose()

    def without_a_row(what: str, raw: bytes) -> bytes:
        if what != "bulk":
            return raw
        page = msgspec.json.decode(raw)
        page["rows"] = page["rows"][:-1]
        return json.dumps(page).encode()

    report = loss.recover(loss.line(spoil=without_a_row))
    assert set(report.waiting) == {loss.pair.b.name}
    assert not report.finished
    assert loss.recover().finished


@pytest.mark.parametrize("damage", [b"", b"{}", b"[]", b"\xff", b'{"head":1}'])
def test_what_is_no_page_is_refused(loss: Loss, damage: bytes) -> None:
    loss.lose()
    report = loss.recover(loss.line(spoil=lambda _what, _raw: damage))
    assert not report.finished


def test_a_copy_that_was_changed_is_no_use(loss: Loss) -> None:
    _give_more(loss, 3)
    loss.pair.pull(loss.pair.b)
    loss.lose()

    def changed(what: str, raw: bytes) -> bytes:
        return raw[:-1] + bytes([raw[-1] ^ 1]) if what.startswith("tile/entries/") else raw

    report = loss.recover(loss.line(spoil=changed))
    assert not report.finished
    assert loss.recover().finished


def test_a_store_that_is_behind_is_noticed(loss: Loss) -> None:
    assert loss.behind() == ""
    _give_more(loss, 3)
    loss.pair.pull(loss.pair.b)
    assert loss.behind(loss.line()) == ""
    loss.lose(guard=True)
    assert "the guard" in loss.behind()


def test_a_store_that_is_behind_is_noticed_without_its_guard(loss: Loss) -> None:
    _give_more(loss, 3)
    loss.pair.pull(loss.pair.b)
    loss.lose(guard=False)
    assert loss.behind() == ""
    assert loss.behind(loss.line(silent=True)) == ""
    assert loss.pair.b.name in loss.behind(loss.line())


def test_the_guard_stands_at_the_newest_head_again(loss: Loss) -> None:
    _give_more(loss, 3)
    loss.pair.pull(loss.pair.b)
    loss.lose(guard=False)
    report = loss.recover()
    assert report.head is not None
    guarded = loss.a.wired.guard.load()
    assert isinstance(guarded, Checkpoint)
    assert guarded.size >= report.head.size


def test_a_member_not_asked_yet_is_given_nothing(loss: Loss) -> None:
    with loss.a.database.write() as tx:
        tx.recovery.await_lanes([MemberId("XB")], at=loss.pair.clock.now())
    with pytest.raises(RecoveringError, match="XB"):
        _give_more(loss, 3)
    with pytest.raises(RecoveringError, match="XB"):
        loss.pair.pull(loss.a)


def test_a_witness_remembers_at_least_what_it_may_have_cosigned(loss: Loss) -> None:
    loss.lose(guard=False)
    other = loss.pair.b.wired
    origin = other.node.identity.log_origin
    assert loss.a.read(lambda tx: tx.witness.cosigned(origin)) is None
    assert loss.recover().finished
    kept = loss.a.read(lambda tx: tx.witness.cosigned(origin))
    assert kept is not None
    assert kept.note == other.ledger.read("checkpoint")


def _close(loss: Loss) -> str:
    """Close the log as the command does, and open the node under its new origin."""
    wired = loss.a.wired
    base = load_identity(wired.settings).log_origin
    heads = heads_to_close(wired.node, loss.line(), OwnLog(guard=wired.guard, files=wired.ledger))
    closing = close_log(wired.node, heads, base)
    wired.close()
    set_aside(wired.settings.ledger, wired.settings.guard, closed=closing.origin)
    opened = open_node(wired.settings, clock=loss.pair.clock)
    loss.restored = replace(loss.a, wired=opened)
    loss.pair.a = loss.restored
    assert opened.node.identity.log_origin == closing.successor
    return closing.successor


def test_a_log_that_no_copy_leads_to_is_closed_and_another_begins(loss: Loss) -> None:
    """The guard knows of a head that nobody has the entries of: only a new log is no fork."""
    _give_more(loss, 3)
    loss.pair.pull(loss.pair.b)
    before = loss.lanes()
    _give_more(loss, 4)
    loss.lose(guard=True)
    assert not loss.recover().finished
    assert _close(loss) == "foedus/xa/log/2"
    report = loss.recover()
    assert (report.finished, report.waiting, report.lost) == (True, {}, 0)
    assert loss.lanes()[1:] == before[1:], "the same lanes go on"
    _give_more(loss, 5)
    pulled = loss.pair.pull(loss.pair.b)
    assert [lane.fault for lane in pulled.lanes] == ["", "", ""]
    assert pulled.lanes[2].accepted == 1
    assert loss.pair.b.read(lambda tx: list(tx.alarms.open())) == []
    peer = loss.pair.b.read(lambda tx: tx.peers.get(loss.a.name))
    assert peer is not None
    assert peer.checkpoint is not None
    assert peer.checkpoint.startswith(b"foedus/xa/log/2\n")
    for member in (loss.pair.b, loss.a):
        with member.database.read() as tx:
            assert all(lane.agreed for lane in figures(tx, member.wired.node.identity).lanes)
    identity = loss.a.wired.node.identity
    audit(loss.a.wired.ledger, NoteVerifier(name=identity.log_origin, key=identity.log.public))


def test_what_was_given_under_the_closed_log_is_still_known(loss: Loss) -> None:
    handles = _give_more(loss, 3)
    [row] = loss.a.read(lambda tx: list(tx.items.rows(handles)))
    loss.pair.pull(loss.pair.b)
    _give_more(loss, 4)
    loss.lose(guard=True)
    _close(loss)
    assert loss.recover().finished
    back = loss.a.read(lambda tx: tx.items.by_key(row.key))
    assert back is not None
    [given] = loss.a.read(lambda tx: list(tx.feeds.disclosures(back.handle)))
    assert given.recipient == loss.pair.b.name
    assert given.entry_index < 0, "an entry of the closed log"
    entry = loss.a.read(lambda tx: tx.ledger.row(given.entry_index))
    assert entry is not None
    assert entry.salt is not None
    assert entry.record is not None
    assert commit_record(entry.salt, entry.record) == entry.entry


def test_a_log_is_closed_twice(loss: Loss) -> None:
    _give_more(loss, 3)
    loss.pair.pull(loss.pair.b)
    loss.lose(guard=True)
    _close(loss)
    assert loss.recover().finished
    _give_more(loss, 5)
    loss.pair.pull(loss.pair.b)
    with loss.a.database.write() as tx:
        tx.recovery.begin("for a test", at=loss.pair.clock.now())
    assert _close(loss) == "foedus/xa/log/3"
    assert loss.recover().finished
    _give_more(loss, 6)
    pulled = loss.pair.pull(loss.pair.b)
    assert [lane.fault for lane in pulled.lanes] == ["", "", ""]
    assert loss.pair.b.read(lambda tx: list(tx.alarms.open())) == []


def test_a_log_that_can_go_on_is_not_closed(loss: Loss) -> None:
    with pytest.raises(RefusedError, match="not in recovery"):
        close_log(loss.a.wired.node, [], "foedus/xa/log")


def test_only_the_authority_names_a_new_log(loss: Loss) -> None:
    loss.lose()
    node = loss.a.wired.node
    bare = replace(node, identity=replace(node.identity, authority=None))
    with pytest.raises(NotReadyError, match="authority"):
        close_log(bare, [], "foedus/xa/log")


def test_another_log_than_full_powers_name_stops_the_lane(loss: Loss) -> None:
    """A node key alone starts no new log: a thief of it could hide what it disclosed."""
    pair = loss.pair
    wired = pair.a.wired
    handles = pair.a.held(pair.indicator(3, "v3.example"))
    thief = replace(wired.node, identity=replace(wired.node.identity, log_origin="foedus/xa/log/2"))
    own = replace(pair.a, wired=replace(wired, node=thief))
    own.disclose(handles, pair.treaty)
    bulk = pair.pull(pair.b).lanes[2]
    assert bulk.fault.startswith("not-in-log:")
    assert "no full powers" in bulk.fault


def test_a_guard_that_alone_was_lost_is_set_again(loss: Loss) -> None:
    _give_more(loss, 3)
    wired = loss.a.wired
    (wired.settings.guard / "head").unlink()
    with pytest.raises(RollbackError, match="foedus recover"):
        loss.a.disclose(loss.a.held(loss.pair.indicator(4, "v4.example")), loss.pair.treaty)
    report = loss.recover()
    assert (report.needed, report.finished) == (True, True)
    _give_more(loss, 5)
    assert not loss.recover().needed
