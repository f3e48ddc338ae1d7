"""Leading by a lease: who lost it, by time or to another, writes nothing; heads never go back."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from foedus.ledger.checkpoint import Checkpoint
from foedus.ledger.edge import RightEdge
from foedus.ledger.errors import HeadMovedError, RollbackError, TileAbsentError
from foedus.ledger.tree import leaf_hash
from foedus.model.identifiers import MemberId
from foedus.node import learn_head
from foedus.node.errors import LeadLostError, NotReadyError, RecoveringError
from foedus.node.lead import LEASE_S, FencedGuard, LeaseLead, guard_shared
from foedus.node.ports.lease import LeaseRow, SharedHead
from foedus.node.recover_heads import OwnLog, ShownHead
from foedus.signing import NoteSigner, SigningKey
from foedus.store.ledger_files import GuardFile, TileDirectory
from foedus.store.publisher import LeasedPublisher

if TYPE_CHECKING:
    from tests.unit.node.conftest import Pair

ORIGIN = "foedus/xa/log"


@dataclass
class Time:
    """Seconds, as told; one clock for machines and database."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Rows:
    """A lease and a head as a database keeps them."""

    time: Time
    held: LeaseRow | None = None
    expires: float = 0.0
    shared: dict[str, SharedHead] = field(default_factory=dict)

    def row(self) -> LeaseRow | None:
        if self.held is None:
            return None
        live = self.time() < self.expires
        return LeaseRow(
            holder=self.held.holder, place=self.held.place, fence=self.held.fence, live=live
        )

    def take(self, holder: str, *, for_s: float) -> LeaseRow | None:
        before = self.row()
        if before is not None and before.live:
            return None
        fence, place = (1, "") if before is None else (before.fence + 1, before.place)
        self.held = LeaseRow(holder=holder, place=place, fence=fence, live=True)
        self.expires = self.time() + for_s
        return self.held

    def settle(self, holder: str, fence: int, place: str) -> None:
        self._refuse(holder, fence)
        self.held = LeaseRow(holder=holder, place=place, fence=fence, live=True)

    def renew(self, holder: str, fence: int, *, for_s: float) -> bool:
        try:
            self._refuse(holder, fence)
        except LeadLostError:
            return False
        self.expires = self.time() + for_s
        return True

    def release(self, holder: str, fence: int) -> None:
        if self.held is not None and (self.held.holder, self.held.fence) == (holder, fence):
            self.expires = self.time()

    def close(self) -> None:
        """Nothing is open."""

    def head(self, origin: str) -> SharedHead | None:
        return self.shared.get(origin)

    def advance(self, old: Checkpoint | None, new: Checkpoint, *, holder: str, fence: int) -> None:
        self._refuse(holder, fence)
        known = self.shared.get(new.origin)
        if known is not None and (old is None or known.head.size > old.size):
            raise HeadMovedError("moved")
        self.shared[new.origin] = SharedHead(head=new, note=b"")

    def show(self, head: Checkpoint, note: bytes, *, holder: str, fence: int) -> None:
        self._refuse(holder, fence)
        self.shared[head.origin] = SharedHead(head=head, note=note)

    def _refuse(self, holder: str, fence: int) -> None:
        row = self.row()
        if row is None or not row.live or (row.holder, row.fence) != (holder, fence):
            raise LeadLostError("lost")


@dataclass
class Kept:
    """A guard on one machine's disk."""

    head: Checkpoint | None = None

    def load(self) -> Checkpoint | None:
        return self.head

    def advance(self, old: Checkpoint | None, new: Checkpoint) -> None:
        if self.head != old:
            raise HeadMovedError("moved")
        self.head = new


@dataclass
class Entries:
    """So many committed entries."""

    size: int

    def count(self) -> int:
        return self.size

    def entries(self, start: int, end: int) -> list[bytes]:
        return [bytes([number]) * 32 for number in range(start, end)]


def head(size: int, root: bytes = b"r" * 32) -> Checkpoint:
    return Checkpoint(ORIGIN, size, root)


@pytest.fixture(name="time")
def _time() -> Time:
    return Time()


@pytest.fixture(name="rows")
def _rows(time: Time) -> Rows:
    return Rows(time)


def leading(rows: Rows, name: str, place: str = "one") -> LeaseLead:
    return LeaseLead(rows, holder=name, place=place, clock=rows.time)


def test_one_leads_and_the_other_waits_until_it_lets_go(rows: Rows) -> None:
    first, second = leading(rows, "first"), leading(rows, "second")
    assert first.take()
    assert not second.take()
    assert (first.elsewhere(), second.elsewhere()) == (False, True)
    first.leave()
    assert not first.held
    assert second.take()


def test_who_renews_keeps_it_and_who_does_not_counts_itself_out_first(
    rows: Rows, time: Time
) -> None:
    first, second = leading(rows, "first"), leading(rows, "second")
    assert first.take()
    for _ in range(10):
        time.now += LEASE_S / 2
        assert first.keep()
        assert not second.take()
    time.now += LEASE_S - 0.5  # the lease is live still, and its holder no longer trusts it
    assert not first.held
    assert not second.take()
    with pytest.raises(LeadLostError):
        _ = first.fence
    time.now += 1
    assert second.take()
    assert not first.keep()


def test_a_holder_that_slept_moves_no_head(rows: Rows, time: Time) -> None:
    first, second = leading(rows, "first"), leading(rows, "second")
    disk = Kept()
    assert first.take()
    first.learnt()
    FencedGuard(disk, first, ORIGIN).advance(None, head(5))
    fence = first.fence
    time.now += LEASE_S * 3
    assert second.take()
    other = FencedGuard(disk, second, ORIGIN)
    other.advance(other.load(), head(8))
    with pytest.raises(LeadLostError):
        FencedGuard(disk, first, ORIGIN).advance(head(8), head(9))
    with pytest.raises(LeadLostError):  # even if it had looked at its clock before it slept
        rows.advance(head(8), head(9), holder=fence[0], fence=fence[1])
    assert rows.shared[ORIGIN].head == disk.head == head(8)


def test_the_newer_of_guard_and_shared_head_counts(rows: Rows) -> None:
    lead = leading(rows, "first")
    assert lead.take()
    lead.learnt()
    disk = Kept(head(7))
    guard = FencedGuard(disk, lead, ORIGIN)
    assert guard.load() == head(7)  # a store carried over from one file: nothing is shared yet
    guard.advance(head(7), head(9))
    behind = FencedGuard(Kept(head(3)), lead, ORIGIN)  # another machine's, which led long ago
    assert behind.load() == head(9)
    behind.advance(head(9), head(11))
    assert rows.shared[ORIGIN].head == head(11)
    with pytest.raises(HeadMovedError):
        guard.advance(head(9), head(10))


def test_different_heads_of_one_size_are_refused(rows: Rows) -> None:
    lead = leading(rows, "first")
    assert lead.take()
    lead.learnt()
    FencedGuard(Kept(), lead, ORIGIN).advance(None, head(4))
    with pytest.raises(RollbackError):
        FencedGuard(Kept(head(4, b"x" * 32)), lead, ORIGIN).load()


def test_who_leads_before_it_has_learnt_the_newest_head_moves_none(rows: Rows) -> None:
    lead, disk = leading(rows, "first"), Kept(head(3))
    assert lead.take()
    with pytest.raises(LeadLostError):
        FencedGuard(disk, lead, ORIGIN).advance(head(3), head(4))
    assert (disk.head, rows.shared) == (head(3), {})


def test_a_request_that_publishes_while_its_process_takes_the_lead_learns_first(
    rows: Rows, tmp_path: Path
) -> None:
    place, guards, learnt = tmp_path / "guard", tmp_path / "guard" / "head", []
    place.mkdir()
    lead = leading(rows, "first")
    ledger = TileDirectory(tmp_path / "ledger")
    away = NotReadyError("no witness answered")

    def learn(_: FencedGuard) -> None:
        learnt.append(lead.unsure)
        if len(learnt) == 1:
            raise away

    publisher = LeasedPublisher(
        Entries(2),
        ledger,
        GuardFile(guards, outside=tmp_path / "ledger"),
        NoteSigner(ORIGIN, SigningKey.from_seed(b"l" * 32)),
        lead=lead,
        place="one",
        lock=tmp_path / "publish",
        learn=learn,
    )
    assert lead.take()  # and what follows runs in the thread of a request
    with pytest.raises(NotReadyError):
        publisher.publish()
    with pytest.raises(TileAbsentError):
        ledger.read("checkpoint")
    publisher.publish()
    assert learnt == [True, True]
    assert rows.shared[ORIGIN].note == ledger.read("checkpoint")


def test_a_restart_on_the_same_files_asks_what_others_know_and_needs_no_answer(
    rows: Rows, tmp_path: Path
) -> None:
    (tmp_path / "guard").mkdir()
    lead = leading(rows, "first")
    faults = [NotReadyError("no witness answered"), RecoveringError("an older store")]

    def learn(_: FencedGuard) -> None:
        raise faults.pop(0)

    publisher = LeasedPublisher(
        Entries(2),
        TileDirectory(tmp_path / "ledger"),
        GuardFile(tmp_path / "guard" / "head", outside=tmp_path / "ledger"),
        NoteSigner(ORIGIN, SigningKey.from_seed(b"l" * 32)),
        lead=lead,
        place="one",
        lock=tmp_path / "publish",
        learn=learn,
    )
    assert lead.take()
    lead.learnt()
    publisher.begin()
    with pytest.raises(RecoveringError):
        publisher.begin()


def test_whoever_leads_elsewhere_is_unsure_until_it_has_learnt(rows: Rows) -> None:
    first, second = leading(rows, "first", "one"), leading(rows, "second", "two")
    assert first.take()
    assert first.unsure  # nobody led before
    first.learnt()
    first.leave()
    assert second.take()
    assert second.unsure
    second.leave()  # it could not learn: the next one on that machine is no surer
    assert second.take()
    assert second.unsure
    second.learnt()
    second.leave()
    again = leading(rows, "third", "two")
    assert again.take()
    assert not again.unsure
    again.leave()
    assert first.take()
    assert first.unsure


@dataclass
class Learning:
    """XA about to lead, and what others show of its log."""

    pair: Pair
    guard: FencedGuard
    disk: Kept
    patch: pytest.MonkeyPatch

    def learn(self, *shown: Checkpoint, silent: tuple[str, ...] = ()) -> None:
        found = [ShownHead(head=each, raw=b"", by="witness XB") for each in shown]
        self.patch.setattr(
            learn_head,
            "heads_shown",
            lambda *_, **__: (found, {MemberId(each): "away" for each in silent}),
        )
        wired = self.pair.a.wired
        own = OwnLog(guard=wired.guard, files=wired.ledger)
        client: Any = self.pair.client(self.pair.a)
        learn_head.learn_newest_head(wired.node, client, own, self.guard)

    def own_head(self, back: int = 0) -> Checkpoint:
        wired = self.pair.a.wired
        with wired.node.database.read() as tx:
            count = tx.ledger.count() - back
            edge = RightEdge()
            edge.add([leaf_hash(each) for each in tx.ledger.entries(0, count)])
        return Checkpoint(wired.node.identity.log_origin, count, edge.root)


@pytest.fixture(name="learning")
def _learning(pair: Pair, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> Learning:
    lead = leading(rows, "first")
    assert lead.take()
    disk = Kept()
    origin = pair.a.wired.node.identity.log_origin
    return Learning(pair, FencedGuard(disk, lead, origin), disk, monkeypatch)


def test_a_head_that_others_show_is_guarded_here(learning: Learning) -> None:
    shown = learning.own_head(back=1)
    learning.learn(shown)
    assert learning.disk.head == shown


def test_where_nobody_shows_a_head_nothing_is_guarded(learning: Learning) -> None:
    learning.learn()
    assert learning.disk.head is None


@pytest.mark.parametrize("change", ["more entries", "other entries"])
def test_a_store_that_does_not_lead_to_it_signs_nothing(learning: Learning, change: str) -> None:
    own = learning.own_head()
    if change == "more entries":
        shown = Checkpoint(own.origin, own.size + 1, b"x" * 32)
    else:
        shown = Checkpoint(own.origin, own.size, b"x" * 32)
    with pytest.raises(RecoveringError):
        learning.learn(shown)
    with learning.pair.a.database.read() as tx:
        assert tx.recovery.state() is not None
    assert learning.disk.head is None


@pytest.mark.parametrize(("silent", "enough"), [((), True), (("XB",), True), (("XB", "XC"), False)])
def test_so_many_witnesses_must_answer_that_no_quorum_is_missed(
    pair: Pair, monkeypatch: pytest.MonkeyPatch, silent: tuple[str, ...], *, enough: bool
) -> None:
    witnesses = tuple(MemberId(each) for each in ("XB", "XC", "XD", "XE", "XF"))
    monkeypatch.setattr(learn_head, "witnesses_of", lambda *_: witnesses)
    view: Any = SimpleNamespace(
        treaties={
            "t": SimpleNamespace(treaty=SimpleNamespace(witnessing=SimpleNamespace(liars=1)))
        },
        status=lambda *_: None,
    )
    node: Any = SimpleNamespace(
        law=SimpleNamespace(view=lambda _: view),
        clock=pair.a.wired.node.clock,
        identity=pair.a.wired.node.identity,
    )
    answered = {each for each in witnesses if each not in silent}
    with pair.a.database.read() as tx:
        if enough:  # 4 of 5
            learn_head._refuse_too_few(tx, node, answered)
            return
        with pytest.raises(NotReadyError, match="XB, XC"):
            learn_head._refuse_too_few(tx, node, answered)


def test_a_machine_that_goes_on_alone_guards_what_was_shared_first(tmp_path: Path) -> None:
    guard = GuardFile(tmp_path / "head", outside=tmp_path / "ledger")
    for size, guarded in ((3, 3), (9, 9), (5, 9), (9, 9)):
        guard_shared(guard, Checkpoint(ORIGIN, size, b"r" * 32))
        known = guard.load()
        assert known is not None
        assert known.size == guarded
    with pytest.raises(RollbackError, match="different heads of 9"):
        guard_shared(guard, Checkpoint(ORIGIN, 9, b"s" * 32))
