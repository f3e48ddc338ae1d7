"""A store put back from an earlier day: what the other member holds brings back the rest."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from foedus.access import Actor, Role
from foedus.casework.order import OrderAction, OrderReason
from foedus.compose import open_node
from foedus.ledger import Checkpoint, audit, commit_record, verify_receipt
from foedus.ledger.errors import RollbackError, TileAbsentError
from foedus.ledger.tiles import CHECKPOINT_PATH
from foedus.model.identifiers import ArticleId, ItemKey, MemberId
from foedus.model.selectors import Selector, SelectorKind
from foedus.model.terms import CategoryOfPerson
from foedus.node.close_log import SPARE_SERIALS, close_log
from foedus.node.discrepancy import Finding, send_findings
from foedus.node.dispatch import LANES, commit_batch
from foedus.node.erase import erase
from foedus.node.errors import NotReadyError, RecoveringError, RefusedError
from foedus.node.find import resolve
from foedus.node.gossip_format import KnownHeads, format_heads
from foedus.node.heads import LaneHead, sign_head
from foedus.node.issue_orders import issue_orders
from foedus.node.keys import revoke_keys
from foedus.node.mirror import origin_hash
from foedus.node.opened import payload_of
from foedus.node.order_words import Command
from foedus.node.peer_ports import PeerEndpoint, PeerError
from foedus.node.ports import ItemFilter, ItemState
from foedus.node.ports.orders import Rows
from foedus.node.prove import Prover
from foedus.node.ratify import full_powers
from foedus.node.reconcile import figures
from foedus.node.recover import OwnLog, RecoveryReport, heads_to_close, recover, why_behind
from foedus.node.recover_orders import ALARM_RECALLED
from foedus.node.renew_keys import accept_powers, renew_keys
from foedus.node.returned import format_page, returned_page
from foedus.node.statements import issue
from foedus.settings import load_identity, load_settings, make_key
from foedus.signing import NoteVerifier
from foedus.store.backup import make_backup, restore_backup
from foedus.store.closed_log import set_aside
from foedus.treaty.instrument import Instrument

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


def _ordered(member: Member, loss: Loss, handle: int, action: OrderAction, **more: Any) -> str:
    """Let a member order what is to become of an item of its own; return the order's name."""
    [row] = member.read(lambda tx: tx.items.rows([handle]))
    officer = Actor(user="dpo", roles=frozenset({Role.OFFICER}))
    command = Command(
        action=action,
        references=(row.key.object_id,),
        treaty=loss.pair.treaty,
        article=ArticleId("2"),
        reason=OrderReason.WRONG,
        **more,
    )
    [name] = issue_orders(member.wired.node, officer, member.wired.gate, command).orders
    return name


def _visible(member: Member) -> set[str]:
    which = ItemFilter(states=frozenset({ItemState.HELD}))
    rows = member.read(lambda tx: tx.items.page(which, after=None, limit=100))
    return {row.key.object_id for row in rows}


def test_what_was_recalled_since_is_not_seen_before_the_orders_are_read(loss: Loss) -> None:
    pair = loss.pair
    [handle, other] = pair.b.held(
        pair.indicator(60, "wrong.example"), pair.indicator(61, "right.example")
    )
    pair.b.disclose([handle, other], pair.treaty)
    pair.pull(pair.a)
    [row, left] = pair.b.read(lambda tx: tx.items.rows([handle, other]))
    shutil.rmtree(loss.folder / "backup")
    loss.back_up()
    _ordered(pair.b, loss, handle, OrderAction.RECALL)
    pair.pull(pair.a)
    assert row.key.object_id not in _visible(pair.a)
    pair.pull(pair.b)  # it copies our log to its end
    loss.lose()
    # Everything that was held is back with the backup, and nothing of it is shown.
    assert loss.a.read(lambda tx: tx.items.by_key(row.key)) is not None
    assert _visible(loss.a) == set()
    posting = Selector(kind=SelectorKind.DOMAIN, value="wrong.example")
    assert not loss.a.read(lambda tx: tx.items.postings([posting], cap=10))
    for name in (row.key.object_id, left.key.object_id):
        with pytest.raises(RecoveringError), loss.a.database.read() as tx:
            resolve(tx, name)
    # The lanes to XB come back, but not its own: XB answers no page.
    line = loss.line()
    line.plain.silent = True
    assert loss.recover(line).finished
    assert loss.a.read(lambda tx: tx.withheld.unheard()) == {pair.b.name}
    assert left.key.object_id not in _visible(loss.a)
    with pytest.raises(RecoveringError, match="orders of XB"), loss.a.database.read() as tx:
        resolve(tx, left.key.object_id)
    assert _visible(loss.a), "what is our own is seen again"
    # Its orders are read: what was not recalled is seen again.
    pair.pull(loss.a)
    assert loss.a.read(lambda tx: tx.withheld.unheard()) == frozenset()
    assert row.key.object_id not in _visible(loss.a)
    assert left.key.object_id in _visible(loss.a)


def test_orders_given_since_and_how_far_they_came_are_known_again(loss: Loss) -> None:
    pair = loss.pair
    [old] = pair.a.read(
        lambda tx: [
            row.handle
            for row in tx.items.page(
                ItemFilter(states=frozenset({ItemState.HELD})), after=None, limit=1
            )
        ]
    )
    name = _ordered(pair.a, loss, old, OrderAction.RECALL)
    [new] = _give_more(loss, 3)
    later = _ordered(pair.a, loss, new, OrderAction.RESTRICT)
    pair.pull(pair.b)
    pair.pull(pair.a)
    before = pair.a.read(lambda tx: tx.orders.matrix(Rows.ALL, after=None, limit=10))
    assert [each.name for each in before] == [name, later]
    pair.pull(pair.b)
    loss.lose()
    assert loss.recover().finished
    pair.pull(loss.a)
    after = loss.a.read(lambda tx: tx.orders.matrix(Rows.ALL, after=None, limit=10))
    assert [(each.name, each.state, each.outcome) for each in after] == [
        (each.name, each.state, each.outcome) for each in before
    ]
    assert [each.holder.position for each in after] == [each.holder.position for each in before]
    [row] = loss.a.read(lambda tx: tx.items.rows([old]))
    assert row.state is ItemState.RESTRICTED
    assert loss.a.read(lambda tx: tx.orders.barred(pair.b.name, [old], at=pair.clock.now()))
    alarms = {each.code for each in loss.a.read(lambda tx: tx.alarms.open())}
    assert ALARM_RECALLED in alarms
    # The next order has a number of its own.
    assert loss.a.read(lambda tx: tx.orders.next_sequence(2026)) == 3


def test_a_withheld_row_comes_back_as_its_place(loss: Loss) -> None:
    """What was erased before it was taken: neither end has its name, and the lane is the same."""
    pair = loss.pair
    handles = _give_more(loss, 3, 4)
    [row] = pair.a.read(lambda tx: tx.items.rows(handles[:1]))
    officer = Actor(user="dpo", roles=frozenset({Role.OFFICER}))
    erase(pair.a.wired.node, officer, row.key.object_id, order="DPA 7/2026", reason="unfounded")
    pair.pull(pair.b)
    lanes = loss.lanes()
    loss.lose()
    report = loss.recover()
    assert report.finished
    assert sum(each.erased for each in report.lanes) == 1
    # What it gave after the recovery comes besides.
    assert loss.lanes()[2] == lanes[2]
    assert loss.a.read(lambda tx: tx.items.by_object_id(row.key.object_id)) == []
    pair.pull(pair.b)
    assert [each for each in pair.b.read(lambda tx: tx.alarms.open()) if "lane" in each.code] == []


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


def test_a_store_that_grows_while_heads_are_asked_for_is_not_behind(loss: Loss) -> None:
    """Another process enters and publishes between the two looks."""
    wired = loss.a.wired

    class Busy:
        def read(self, path: str) -> bytes:
            _give_more(loss, 3)
            return wired.ledger.read(path)

    own = OwnLog(guard=wired.guard, files=Busy())
    before = wired.ledger.read(CHECKPOINT_PATH)
    assert why_behind(wired.node, None, own) == ""
    assert wired.ledger.read(CHECKPOINT_PATH) != before


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
    handles = loss.a.held(loss.pair.indicator(3, "v3.example"))
    done = loss.a.disclose(handles, loss.pair.treaty)
    assert (done.given, [each.code for each in done.withheld]) == (0, ["recovering"])
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


def _close(loss: Loss, *, also: Sequence[Checkpoint] = ()) -> str:
    """Close the log as the command does, and open the node under its new origin.

    Args:
        loss: What was lost.
        also: Heads that others show besides.
    """
    wired = loss.a.wired
    base = load_identity(wired.settings).log_origin
    heads = heads_to_close(wired.node, loss.line(), OwnLog(guard=wired.guard, files=wired.ledger))
    closing = close_log(wired.node, [*heads, *also], base)
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


def test_a_process_that_ran_when_the_log_was_closed_signs_nothing_of_it(loss: Loss) -> None:
    """Between the end of the recovery and the first head of the new log its cadence may tick."""
    _give_more(loss, 3)
    loss.pair.pull(loss.pair.b)
    _give_more(loss, 4)
    loss.lose(guard=True)
    serving = open_node(loss.a.wired.settings, clock=loss.pair.clock)
    assert _close(loss) == "foedus/xa/log/2"
    wired = loss.a.wired
    said = []
    stale = serving.node
    with pytest.raises(RecoveringError, match="was closed"):
        close_log(stale, [], "foedus/xa/log")
    with pytest.raises(RecoveringError, match="was closed"):
        recover(stale, serving.gate, loss.line(), OwnLog(guard=wired.guard, files=wired.ledger))

    def both() -> None:
        with pytest.raises(RecoveringError, match="was closed while this process ran") as error:
            serving.node.publish()
        said.append(error)
        with pytest.raises(RecoveringError):
            serving.node.check_log()
        wired.node.publish()

    own = OwnLog(guard=wired.guard, files=wired.ledger)
    report = recover(replace(wired.node, publish=both), wired.gate, loss.line(), own)
    assert report.finished
    assert said
    assert wired.ledger.read("checkpoint").startswith(b"foedus/xa/log/2\n")
    # Nor does it put anything into a lane under the old name.
    handles = loss.a.held(loss.pair.indicator(5, "v5.example"))
    with pytest.raises(RecoveringError):
        replace(loss.a, wired=serving).disclose(handles, loss.pair.treaty)
    gate, identity, now = serving.gate, serving.node.identity, loss.pair.clock.now()
    with serving.database.write() as tx:
        document = next(iter(serving.node.law.view(tx).documents.values()))
        batch = gate.protocol(
            [(1, document)], recipient=loss.pair.b.name, lane=LANES[0], treaty=None, at=now
        )
        with pytest.raises(RecoveringError, match="closed"):
            commit_batch(tx, identity, batch, lane=LANES[0], at=now)
    serving.close()


def _issue(member: Member, address: str) -> Instrument:
    node = member.wired.node
    body = replace(full_powers(node), address=address)
    with node.database.write() as tx:
        issued = issue(tx, node, member.wired.gate, None, body)
    return issued.instrument


def test_a_serial_of_an_instrument_that_is_withheld_is_not_given_again(loss: Loss) -> None:
    """Two under one serial void each other: a recipient must not bring that about by silence."""
    pair = loss.pair
    pair.clock.instant += timedelta(minutes=1)
    one = _issue(pair.a, "https://one.example")
    pair.a.wired.node.publish()
    pair.pull(pair.b)
    loss.lose(guard=False)
    with loss.a.database.read() as tx:
        lane = tx.feeds.lane(pair.b.name, LANES[0])

    def as_of_the_backup(what: str, raw: bytes) -> bytes:
        if what != LANES[0]:
            return raw
        page = msgspec.json.decode(raw)
        head = LaneHead(
            speaker=pair.b.name, sender=loss.a.name, recipient=pair.b.name, lane=LANES[0],
            count=lane.count, digest=lane.digest.hex(), instruments="0" * 64,
            instant=pair.clock.now(),
        )  # fmt: skip
        signed = sign_head(head, pair.b.wired.node.identity.node)
        page |= {"rows": [], "more": False, "head": base64.b64encode(signed).decode()}
        return json.dumps(page).encode()

    report = loss.recover(loss.line(spoil=as_of_the_backup))
    assert (report.finished, report.unaccounted) == (True, 1)
    pair.clock.instant += timedelta(minutes=1)
    two, three = (_issue(loss.a, f"https://{name}.example") for name in ("two", "three"))
    assert two.serial > one.serial
    assert three.serial == two.serial + 1, "skipped once"


def test_without_a_recovery_no_serial_is_skipped(loss: Loss) -> None:
    loss.pair.clock.instant += timedelta(minutes=1)
    one, two = (_issue(loss.a, f"https://{name}.example") for name in ("one", "two"))
    assert two.serial == one.serial + 1


def test_a_closed_log_may_have_had_instruments_that_nobody_shows(loss: Loss) -> None:
    pair = loss.pair
    known = max(each.serial for each in loss.a.read(
        lambda tx: loss.a.wired.node.law.view(tx).instruments.of(loss.a.name)
    ))  # fmt: skip
    pair.clock.instant += timedelta(minutes=1)
    lost = _issue(pair.a, "https://one.example")
    pair.a.wired.node.publish()
    loss.lose(guard=True)
    pair.clock.instant += timedelta(minutes=1)
    _close(loss)
    assert loss.recover().finished
    powers = loss.a.read(lambda tx: loss.a.wired.node.law.view(tx).instruments.of(loss.a.name)[-1])
    assert powers.serial > max(known + SPARE_SERIALS, lost.serial)


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
    with pytest.raises(RefusedError, match="nothing of foedus/xa/log/2 is missing"):
        _close(loss)
    lost = Checkpoint("foedus/xa/log/2", 1_000, bytes([7]) * 32)
    assert _close(loss, also=[lost]) == "foedus/xa/log/3"
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


@pytest.mark.sqlite
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


def _erase(member: Member, handle: int, loss: Loss) -> None:
    """Erase at the other member what this one holds under a handle."""
    [row] = loss.a.read(lambda tx: list(tx.items.rows([handle])))
    officer = Actor(user="dpo", roles=frozenset({Role.OFFICER}))
    erase(member.wired.node, officer, row.key.object_id, order="DPA 9/2026", reason="ordered")


@pytest.mark.parametrize("erased", [[0], [1], [0, 2], [0, 1, 2]])
@pytest.mark.parametrize("rows", [1_000, 1])
def test_a_member_that_erased_an_item_gives_back_the_rest(
    loss: Loss, erased: list[int], rows: int
) -> None:
    """It keeps no document any more that we signed; our own log says that what is left is true."""
    pair = loss.pair
    handles = _give_more(loss, 3, 4, 5)
    keys = [row.key for row in loss.a.read(lambda tx: tx.items.rows(handles))]
    _give_more(loss, 6)
    pair.pull(pair.b)
    before = loss.lanes()
    for place in erased:
        _erase(pair.b, handles[place], loss)
    loss.lose()
    report = loss.recover(loss.line(rows=rows))
    assert (report.finished, report.waiting) == (True, {})
    bulk = report.lanes[2]
    assert (bulk.erased, bulk.returned, bulk.lost) == (len(erased), 4 - len(erased), 0)
    assert loss.lanes() == before
    identity = loss.a.wired.node.identity
    log = NoteVerifier(name=identity.log_origin, key=identity.log.public)
    with loss.a.database.read() as tx:
        for place, key in enumerate(keys):
            row = tx.items.by_key(key)
            assert (row is None) == (place in erased)
            if row is None:
                continue
            [given] = tx.feeds.disclosures(row.handle)
            assert len(payload_of(tx, given.document).items) == 3 - len(erased)
            node, ledger = loss.a.wired.node, loss.a.wired.ledger
            [proof] = Prover(tx, node, ledger).of_item(row.handle)
            verify_receipt(proof.data, [log])
    _give_more(loss, 9)
    assert [lane.fault for lane in pair.pull(pair.b).lanes] == ["", "", ""]
    for member in (pair.b, loss.a):
        with member.database.read() as tx:
            assert all(lane.agreed for lane in figures(tx, member.wired.node.identity).lanes)


@pytest.mark.parametrize("lie", ["", "checkpoint", "tile/0/", "tile/entries/"])
def test_what_is_left_of_a_disclosure_of_a_closed_log_is_proved(loss: Loss, lie: str) -> None:
    """Our journal has no entry of it; the copy of who erased, under a head we signed, has."""
    handles = _give_more(loss, 3, 4)
    loss.pair.pull(loss.pair.b)
    before = loss.lanes()
    _erase(loss.pair.b, handles[0], loss)
    _give_more(loss, 5)
    loss.lose(guard=True)
    _close(loss)

    def changed(what: str, raw: bytes) -> bytes:
        return raw[:9] + bytes([raw[9] ^ 1]) + raw[10:] if lie and what.startswith(lie) else raw

    report = loss.recover(loss.line(spoil=changed))
    # Bundles are not asked for: the tile of hashes above them is what proves.
    assert report.finished == (lie in {"", "tile/entries/"})
    report = report if report.finished else loss.recover()
    assert (report.finished, report.waiting) == (True, {})
    assert loss.lanes()[1:] == before[1:]
    assert [lane.erased for lane in report.lanes] == [0, 0, 1]


def _spoiled(change: Callable[[dict[str, Any]], None]) -> Callable[[str, bytes], bytes]:
    """Return how a member answers that changes its pages of the bulk lane."""

    def spoil(what: str, raw: bytes) -> bytes:
        if what != "bulk":
            return raw
        page = msgspec.json.decode(raw)
        change(page)
        return json.dumps(page).encode()

    return spoil


def _header(page: dict[str, Any], old: bytes, new: bytes) -> None:
    opened = page["rows"][0]["opened"]
    raw = base64.b64decode(opened["header"])
    assert old in raw
    opened["header"] = base64.b64encode(raw.replace(old, new)).decode()


_LIES: dict[str, Callable[[dict[str, Any]], object]] = {
    "no items": lambda page: page["rows"][0]["opened"].update(items=[]),
    "another commitment": lambda page: page["rows"][0]["opened"]["items"][0].update(
        commitment=base64.b64encode(bytes(32)).decode()
    ),
    "half a commitment": lambda page: page["rows"][0]["opened"]["items"][0].update(commitment=""),
    "a record without its salt": lambda page: page["rows"][0]["opened"]["items"][1].update(
        salt=None
    ),
    "another record": lambda page: page["rows"][0]["opened"]["items"][1].update(
        record=base64.b64encode(b"{}").decode()
    ),
    "another purpose": lambda page: _header(page, b'"prevention"', b'"warning"'),
    "another log": lambda page: _header(page, b"foedus/xa/log", b"foedus/xc/log"),
    "another lane": lambda page: _header(page, b'"lane":"bulk"', b'"lane":"orders"'),
    "no header": lambda page: page["rows"][0]["opened"].update(header=""),
    "too many items": lambda page: page["rows"][0]["opened"].update(
        items=page["rows"][0]["opened"]["items"] * 501
    ),
}


@pytest.mark.parametrize("lie", _LIES.values(), ids=_LIES)
def test_what_is_left_of_a_disclosure_is_believed_for_our_own_log(
    loss: Loss, lie: Callable[[dict[str, Any]], None]
) -> None:
    handles = _give_more(loss, 3, 4)
    loss.pair.pull(loss.pair.b)
    _erase(loss.pair.b, handles[0], loss)
    loss.lose()
    report = loss.recover(loss.line(spoil=_spoiled(lie)))
    assert set(report.waiting) == {loss.pair.b.name}
    assert not report.finished
    assert loss.recover().finished


@pytest.mark.parametrize("since", ["renewed", "renewed and used", "revoked"])
def test_what_an_earlier_node_key_signed_comes_back(loss: Loss, since: str) -> None:
    """Keys are renewed twice after the backup; one batch brings the powers that name its key."""
    pair = loss.pair
    first = pair.a.wired.node.identity.node.public
    for number in (3, 4):
        _give_more(loss, number)
        pair.pull(pair.b)
        pair.clock.instant += timedelta(minutes=1)
        make_key(pair.a.wired.settings, "node")
        pair.a.wired.close()
        pair.a.wired = open_node(pair.a.wired.settings, clock=pair.clock)
        admin = Actor(user="admin", roles=frozenset({Role.ADMINISTRATOR}))
        _, document = renew_keys(pair.a.wired.node, admin, pair.a.wired.gate)
        accept_powers(pair.b.wired.node, admin, document.raw)
        pair.pull(pair.b)
    if since == "renewed and used":
        _give_more(loss, 5)
    if since == "revoked":
        revoke_keys(pair.a.wired.node, pair.a.actor, pair.a.wired.gate, [first.key_id])
    pair.pull(pair.b)
    before = loss.lanes()
    keys = loss.folder / "keys"
    shutil.copytree(pair.a.wired.settings.keys, keys)
    loss.lose()
    loss.a.wired.close()
    shutil.rmtree(loss.a.wired.settings.keys)
    shutil.copytree(keys, loss.a.wired.settings.keys)
    loss.a.wired = open_node(loss.a.wired.settings, clock=pair.clock)
    report = loss.recover()
    assert (report.finished, report.waiting) == (True, {})
    assert loss.lanes() == before


@pytest.mark.parametrize(
    ("anchor", "cursor"),
    [
        (1, "9999-12-31T23:59:59.999999Z"),
        (4, "9990-01-01T00:00:00.000000Z"),
        (5, "9999-12-31T23:59:59.999999Z"),
        (5, "2026-11-24T11:00:00.000000Z"),
        (5, "2026-11-24T09:00:00.000000Z"),
        (5, "0001-01-01T00:00:00.000000Z"),
        (5, "yesterday"),
    ],
)
def test_a_cursor_that_cannot_be_ours_moves_no_instant_of_ours(
    loss: Loss, anchor: int, cursor: str
) -> None:
    _give_more(loss, 3)
    loss.pair.pull(loss.pair.b)
    loss.lose()
    lie = _spoiled(lambda page: page.update(anchor=anchor, added_after=cursor))
    report = loss.recover(loss.line(spoil=lie))
    assert set(report.waiting) == {loss.pair.b.name}
    assert not report.finished
    assert loss.recover().finished
    handles = loss.a.held(loss.pair.indicator(9, "v9.example"))
    [row] = loss.a.read(lambda tx: list(tx.items.rows(handles)))
    assert row.added < loss.pair.clock.now() + timedelta(minutes=1)


def test_a_word_on_the_closed_log_says_nothing_of_the_same_index_of_the_new(loss: Loss) -> None:
    pair = loss.pair
    handles = _give_more(loss, 3)
    [old] = loss.a.read(lambda tx: list(tx.feeds.disclosures(handles[0])))
    [row] = loss.a.read(lambda tx: list(tx.items.rows(handles)))
    pair.pull(pair.b)
    _give_more(loss, 4)
    loss.lose(guard=True)
    _close(loss)
    assert loss.recover().finished
    handle = _handle_of(loss, row.key)
    while loss.a.read(lambda tx: tx.ledger.count()) < old.entry_index:
        _give_more(loss, 40 + loss.a.read(lambda tx: tx.ledger.count()))
    # The same item under the same index of the new log, given anew to make the two collide.
    with loss.a.database.write() as tx:
        [first] = tx.feeds.disclosures(handle)
        assert tx.feeds.note_kept(pair.b.name, first.entry_index, [row.key.object_id], code="x")
    assert loss.a.disclose([handle], pair.treaty).given == 1
    assert loss.a.read(lambda tx: tx.feeds.disclosures(handle))[-1].entry_index == old.entry_index
    pair.pull(pair.b)
    finding = Finding(
        object_id=row.key.object_id, version=row.key.version, sha256="0" * 64, code="stale-law",
        reason="to be disclosed anew",
    )  # fmt: skip
    for log, kept in (("foedus/xa/log", True), ("foedus/xx/log", True), ("", False)):
        wired = pair.b.wired
        with wired.database.write() as tx:
            send_findings(
                tx, wired.node, wired.gate, loss.a.name, pair.treaty, [finding],
                entry_index=old.entry_index, log=log,
            )  # fmt: skip
        wired.node.publish()
        pair.clock.instant += timedelta(seconds=1)
        pair.pull(loss.a)
        keeps = loss.a.read(lambda tx: tx.feeds.keeps(pair.b.name, [handle]))
        assert bool(keeps) == kept, log or "the present log"


def _handle_of(loss: Loss, key: ItemKey) -> int:
    row = loss.a.read(lambda tx: tx.items.by_key(key))
    assert row is not None
    return row.handle
