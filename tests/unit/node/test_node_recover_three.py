"""One of three restored: who must be heard before it signs again, and what a witness remembers."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from foedus.compose import open_node
from foedus.ledger import (
    AddCheckpoint,
    ConsistencyProof,
    WitnessError,
    consistency_from_tiles,
    format_add_checkpoint,
)
from foedus.ledger.errors import TileAbsentError
from foedus.ledger.log import publish
from foedus.model.identifiers import MemberId
from foedus.node.disclose import disclose
from foedus.node.endpoints import endpoint_of
from foedus.node.errors import NotFoundError, RecoveringError
from foedus.node.gossip_format import KnownHeads, format_heads
from foedus.node.mirror import origin_hash, update_mirror
from foedus.node.peer_ports import PeerEndpoint, PeerError
from foedus.node.recover import OwnLog, RecoveryReport, recover
from foedus.node.recover_witness import remember_cosigned
from foedus.node.recovering import refuse_witness
from foedus.node.returned import format_page, returned_page
from foedus.node.witness import add_checkpoint
from foedus.settings import load_settings
from foedus.signing import NoteSigner
from foedus.store.backup import make_backup, restore_backup
from foedus.store.ledger_files import GuardFile, TileDirectory

if TYPE_CHECKING:
    from tests.unit.node.conftest import Member, Trio

XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")
PLAIN = ConsistencyProof(())


@dataclass
class Line:
    """What recovery asks of the other members, answered out of their stores in this process."""

    own: Member
    others: dict[MemberId, Member]
    away: frozenset[MemberId] = frozenset()
    plain: Any = field(default=None)

    def __post_init__(self) -> None:
        from tests.unit.node.conftest import FakePeer as Peer  # noqa: PLC0415

        self.plain = Peer(own=self.own, others=self.others)

    def _at(self, peer: PeerEndpoint) -> Member:
        if peer.member in self.away:
            raise PeerError(f"{peer.member} does not answer")
        return self.others[peer.member]

    def lane_page(self, peer: PeerEndpoint, *given: Any, **named: Any) -> Any:
        self._at(peer)
        return self.plain.lane_page(peer, *given, **named)

    def ledger_file(self, peer: PeerEndpoint, path: str) -> bytes:
        try:
            return self._at(peer).wired.ledger.read(path)
        except TileAbsentError as error:
            raise PeerError(f"no {path}") from error

    def deliver_head(self, peer: PeerEndpoint, document: bytes) -> None:
        self._at(peer)
        self.plain.deliver_head(peer, document)

    def returned(self, peer: PeerEndpoint, lane: str, *, after: int) -> bytes:
        other = self._at(peer)
        with other.database.read() as tx:
            page = returned_page(tx, other.wired.node, self.own.name, lane, after=after)
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

    def __getattr__(self, name: str) -> Any:
        raise PeerError(f"{name} is not asked here")


def _kept_by(trio: Trio, folder: Path) -> Path:
    """Make a backup of XA, and let only XB see what XA gives after it; return XA's data then."""
    trio.pull(trio.b, trio.a)
    trio.pull(trio.c, trio.a)
    wired = trio.a.wired
    settings = wired.settings
    names = ("foedus.toml", *[f"keys/{each.name}" for each in settings.keys.glob("*.key")])
    make_backup(
        wired.database,
        {name: settings.data / name for name in names},
        folder / "backup",
        member=settings.member,
        exercise=True,
        at=trio.clock.now(),
    )
    shutil.copytree(settings.guard, folder / "old guard")
    wish = trio.wish(purpose="warning", recipients=(XB,))
    disclose(wired.node, trio.user("ada"), wired.gate, [trio.held(9)], wish)
    trio.pull(trio.b, trio.a)
    return settings.data


def _restored(trio: Trio, folder: Path, guard: Path | None) -> Member:
    trio.a.wired.close()
    data = folder / "restored"
    data.mkdir(mode=0o700)
    if guard is not None:
        shutil.copytree(guard, data / "guard")
    restore_backup(folder / "backup", data, at=trio.clock.now())
    again = replace(trio.a, wired=open_node(load_settings(data), clock=trio.clock))
    trio.members[XA] = again
    return again


def _recover(trio: Trio, *away: MemberId, without: tuple[MemberId, ...] = ()) -> RecoveryReport:
    wired = trio.a.wired
    line = Line(own=trio.a, others=trio.members, away=frozenset(away))
    own = OwnLog(guard=wired.guard, files=wired.ledger)
    return recover(wired.node, wired.gate, line, own, without=without)


@pytest.mark.parametrize("guard", ["lost", "put back"])
def test_without_a_guard_who_is_silent_may_alone_know_the_newest_head(
    trio: Trio, tmp_path: Path, guard: str
) -> None:
    _kept_by(trio, tmp_path)
    newest = trio.a.wired.guard.load()
    again = _restored(trio, tmp_path, tmp_path / "old guard" if guard == "put back" else None)
    if guard == "put back":
        # That is seen where somebody shows a newer head; here XC heard of one.
        with trio.b.database.read() as tx:
            row = tx.peers.get(XA)
        assert row is not None
        assert row.checkpoint is not None
        with trio.c.database.write() as tx:
            tx.peers.set_checkpoint(XA, row.checkpoint)
    report = _recover(trio, XB)
    assert not report.finished
    assert "XB" in report.why_not
    assert "--without XB" in report.why_not
    with pytest.raises(RecoveringError):
        again.wired.node.publish()
    assert not _recover(trio, XB).finished, "a guard set meanwhile would hide it"
    # It answers: nothing was signed beside what it holds.
    report = _recover(trio)
    assert (report.finished, report.waiting, report.without) == (True, {}, ())
    assert report.head is not None
    assert newest is not None
    assert (report.head.size, report.head.root) == (newest.size, newest.root)


def test_whoever_runs_the_node_may_answer_for_going_on_without_a_member(
    trio: Trio, tmp_path: Path
) -> None:
    _kept_by(trio, tmp_path)
    _restored(trio, tmp_path, None)
    with pytest.raises(NotFoundError, match="XZ"):
        _recover(trio, XB, without=(MemberId("XZ"),))
    assert not _recover(trio, XB, XC, without=(XB,)).finished
    report = _recover(trio, XB, without=(XB,))
    assert report.finished
    assert report.without == (XB,)
    assert set(report.waiting) == {XB}


def test_with_its_guard_a_node_need_not_wait(trio: Trio, tmp_path: Path) -> None:
    data = _kept_by(trio, tmp_path)
    _restored(trio, tmp_path, data / "guard")
    report = _recover(trio, XC)
    assert report.finished
    assert report.without == ()


class _Entries:
    def __init__(self, entries: list[bytes]) -> None:
        self._entries = entries

    def count(self) -> int:
        return len(self._entries)

    def entries(self, start: int, end: int) -> list[bytes]:
        return self._entries[start:end]


class _History:
    """Another history of XA's log, signed by XA, from an entry on."""

    def __init__(self, trio: Trio, folder: Path, *, common: int) -> None:
        self.node = trio.a.wired.node
        self._entries = trio.a.read(lambda tx: list(tx.ledger.entries(0, common)))
        (folder / "guard").mkdir(parents=True)
        self.files = TileDirectory(folder / "tiles")
        self._guard = GuardFile(folder / "guard" / "head", outside=folder / "tiles")
        self._signer = NoteSigner(self.node.identity.log_origin, self.node.identity.log)

    def head(self, size: int) -> bytes:
        entries = self._entries + [b"\xee" * 32] * (size - len(self._entries))
        publish(_Entries(entries), self.files, self.files, self._guard, self._signer)
        return self.files.read("checkpoint")

    def request(self, old: int, size: int) -> bytes:
        head = self.head(size)
        proof = consistency_from_tiles(self.files, old, size) if 0 < old < size else PLAIN
        return format_add_checkpoint(AddCheckpoint(old_size=old, proof=proof, checkpoint=head))


@dataclass
class Witness:
    """XC, which cosigned heads of XA's log before it lost its store."""

    trio: Trio
    folder: Path

    @property
    def origin(self) -> str:
        return self.trio.a.wired.node.identity.log_origin

    def cosigned(self) -> int:
        note = self.trio.a.wired.ledger.read("checkpoint")
        body = format_add_checkpoint(AddCheckpoint(old_size=0, proof=PLAIN, checkpoint=note))
        add_checkpoint(self.trio.c.wired.node, body)
        return int(note.split(b"\n")[1])

    def shown(self, *heads: tuple[MemberId, bytes], files: TileDirectory | None = None) -> None:
        """Let members show heads; XA's log is read from other files where these are given."""
        node = self.trio.c.wired.node

        class Other(Line):
            def ledger_file(self, peer: PeerEndpoint, path: str) -> bytes:
                if files is None or peer.member != XA:
                    return super().ledger_file(peer, path)
                try:
                    return files.read(path)
                except TileAbsentError as error:
                    raise PeerError(f"no {path}") from error

        with node.database.read() as tx:
            shown = {endpoint_of(tx, node, member): (raw,) for member, raw in heads}
        remember_cosigned(node, Other(own=self.trio.c, others=self.trio.members), shown)

    def remembers(self) -> bytes | None:
        kept = self.trio.c.read(lambda tx: tx.witness.cosigned(self.origin))
        return None if kept is None else kept.note

    def alarms(self) -> set[tuple[str, str]]:
        found = self.trio.c.read(lambda tx: list(tx.alarms.open()))
        return {(each.code, each.subject) for each in found}


@pytest.fixture(name="witness")
def _witness(trio: Trio, tmp_path: Path) -> Witness:
    return Witness(trio=trio, folder=tmp_path)


@pytest.mark.parametrize("shower", [XA, XB])
@pytest.mark.parametrize("tiles", [True, False])
def test_a_larger_head_of_another_history_is_not_taken_as_cosigned(
    witness: Witness,
    shower: MemberId,
    tiles: bool,  # noqa: FBT001
) -> None:
    size = witness.cosigned()
    before = witness.remembers()
    other = _History(witness.trio, witness.folder, common=size - 3)
    witness.shown((shower, other.head(size + 1)), files=other.files if tiles else None)
    assert witness.remembers() == before
    assert ("log-unproven", f"XA@{shower}") in witness.alarms()
    with pytest.raises(WitnessError) as error:
        add_checkpoint(witness.trio.c.wired.node, other.request(size + 1, size + 2))
    assert error.value.status == 409


def test_a_larger_head_that_contains_what_was_cosigned_is_taken(witness: Witness) -> None:
    witness.cosigned()
    wired = witness.trio.a.wired
    wish = witness.trio.wish(purpose="warning", recipients=(XB,))
    disclose(wired.node, witness.trio.user("ada"), wired.gate, [witness.trio.held(9)], wish)
    newer = wired.ledger.read("checkpoint")
    witness.shown((XB, newer))
    assert witness.remembers() == newer
    assert witness.alarms() == set()


def test_what_our_copy_of_a_log_holds_is_remembered_before_anybody_speaks(
    witness: Witness,
) -> None:
    """The copy is no part of the store, so it is newer than a backup."""
    trio = witness.trio
    node = trio.c.wired.node
    with node.database.read() as tx:
        peer = endpoint_of(tx, node, XA)
    line = Line(own=trio.c, others=trio.members)
    reached = update_mirror(node, line, peer)
    assert witness.remembers() is None
    other = _History(trio, witness.folder, common=reached - 2)
    witness.shown((XB, other.head(reached + 4)), files=other.files)
    assert witness.remembers() == trio.a.wired.ledger.read("checkpoint")
    assert ("log-unproven", "XA@XB") in witness.alarms()


def test_of_its_own_log_a_member_speaks_last(witness: Witness) -> None:
    trio = witness.trio
    real = trio.a.wired.ledger.read("checkpoint")
    size = int(real.split(b"\n")[1])
    other = _History(trio, witness.folder, common=size - 2)
    _forget_copy(trio.c)
    witness.shown((XA, other.head(size + 4)), (XB, real), files=other.files)
    assert witness.remembers() == real
    assert ("log-unproven", "XA@XA") in witness.alarms()


def _forget_copy(member: Member) -> None:
    shutil.rmtree(member.wired.settings.data / "mirrors", ignore_errors=True)


@dataclass
class _Store:
    """Who is introduced, and who was not asked yet."""

    members: tuple[str, ...]
    waiting: tuple[str, ...]

    @property
    def recovery(self) -> _Store:
        return self

    @property
    def peers(self) -> _Store:
        return self

    def refuse(self) -> None:
        return None

    def pending(self) -> frozenset[MemberId]:
        return frozenset(map(MemberId, self.waiting))

    def all(self) -> list[Any]:
        @dataclass
        class Row:
            member: MemberId

        return [Row(MemberId(each)) for each in self.members]


@pytest.mark.parametrize(
    ("members", "waiting", "cosigns"),
    [
        ("XA XB", "", True),
        ("XA XB", "XA", False),
        ("XA XB XC", "", True),
        ("XA XB XC", "XB", False),
        ("XA XB XC XD XE", "XB", False),
        ("XA XB XC XD XE XF", "XB", True),
        ("XA XB XC XD XE XF", "XB XD", False),
        ("XA XB XC XD XE XF", "XA", False),
    ],
)
def test_a_log_is_cosigned_again_when_its_member_and_two_thirds_of_the_others_spoke(
    members: str,
    waiting: str,
    cosigns: bool,  # noqa: FBT001
) -> None:
    """XC is the witness, XA the member whose log it is."""
    store: Any = _Store(tuple(members.split()), tuple(waiting.split()))
    if cosigns:
        refuse_witness(store, XC, XA)
    else:
        with pytest.raises(RecoveringError):
            refuse_witness(store, XC, XA)


def test_a_witness_that_has_not_asked_the_others_cosigns_nothing_new(witness: Witness) -> None:
    trio = witness.trio
    with trio.c.database.write() as tx:
        tx.recovery.await_lanes([XB], at=trio.clock.now())
    with pytest.raises(RecoveringError, match="has not asked XB"):
        witness.cosigned()
    with trio.c.database.write() as tx:
        tx.recovery.lanes_rebuilt(XB)
    assert witness.cosigned()
