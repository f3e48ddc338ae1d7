"""A member comes back from an old backup: the same log goes on, and it knows who holds what."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from foedus.ledger import audit, open_checkpoint, root_from_tiles
from foedus.model.identifiers import MemberId, ObjectId
from foedus.node.dispatch import LANES
from foedus.node.mirror import origin_hash
from foedus.node.ports import ItemFilter, ItemState
from foedus.signing import NoteVerifier
from foedus.store.ledger_files import TileDirectory
from foedus.store.mirrors import MirrorDirectory

if TYPE_CHECKING:
    from tests.federation.conftest import Bloc, NodeProcess

pytestmark = pytest.mark.soak

BEFORE, AFTER = 4, 6
"""Items given before the backup, and since."""

MEMBERS = ("XA", "XB", "XC")


def _indicator(number: int) -> dict[str, Any]:
    identifier = f"indicator--00000000-0000-4000-8000-{number:012d}"
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": identifier,
        "created": "2026-11-20T08:00:00.000Z",
        "modified": "2026-11-20T08:00:00.000Z",
        "name": f"EXERCISE {number}",
        "indicator_types": ["anomalous-activity"],
        "pattern": f"[domain-name:value = 'sign{number}.example']",
        "pattern_type": "stix",
        "valid_from": "2026-11-20T08:00:00Z",
    }


@dataclass
class Loss:
    """A bloc in which XA lost its store some days after a backup.

    Attributes:
        lanes: Count and digest of every lane of XA before the loss.
        held: Who was given each object id before the loss.
        size: Entries of XA's log before the loss.
    """

    bloc: Bloc
    lanes: dict[tuple[str, str], tuple[int, bytes]]
    held: dict[ObjectId, frozenset[str]]
    size: int
    backup: Path

    @property
    def node(self) -> NodeProcess:
        return self.bloc["XA"]

    def lose(self, *, guard: bool = False) -> None:
        """Lose the store and all that is derived from it; restore the backup."""
        node = self.node
        node.end()
        kept = self.backup.parent / "kept"
        node.data.rename(kept)
        if not guard:
            node.data.mkdir(mode=0o700)
            shutil.copytree(kept / "guard", node.data / "guard")
        assert node.run("restore", str(self.backup))["keys_missing"] is False
        shutil.rmtree(kept)

    def check(self, *members: str) -> None:
        """What the lost store said of lanes and holders, the restored one says again."""
        node = self.node
        with node.wired.node.database.read() as tx:
            for (member, lane), (count, digest) in self.lanes.items():
                if member not in members:
                    continue
                assert tx.feeds.digest_at(MemberId(member), lane, count) == digest, (member, lane)
            for name, holders in self.held.items():
                rows = [row for row in tx.items.by_object_id(name) if row.key.originator == "XA"]
                handles = [row.handle for row in rows]
                for member in members:
                    given = bool(tx.feeds.holds(MemberId(member), handles))
                    assert given == (member in holders), (name, member)


def _lose(bloc: Bloc, folder: Path) -> Loss:
    bloc.found(*MEMBERS)
    a, b, c = (bloc[name] for name in MEMBERS)
    first = a.hold([_indicator(number) for number in range(BEFORE)])
    a.disclose(first, "XB", "XC")
    bloc.pull_all()
    backup = folder / "backup"
    a.run("backup", str(backup), "--with-keys")
    # What the backup knows nothing of.
    second = a.hold([_indicator(number) for number in range(BEFORE, BEFORE + AFTER)])
    a.disclose(second[:4], "XB")
    a.disclose(second[2:], "XC")
    b.hold([_indicator(100)])
    b.disclose(b.hold([_indicator(101), _indicator(102)]), "XA", "XC")
    bloc.pull_all()
    bloc.pull_all()
    a.disclose(second[:1], "XC")
    c.pull("XA")
    b.pull("XA")
    held: dict[ObjectId, frozenset[str]] = {}
    with a.wired.node.database.read() as tx:
        lanes = {
            (member, lane): (found.count, found.digest)
            for member in ("XB", "XC")
            for lane in LANES
            for found in [tx.feeds.lane(MemberId(member), lane)]
        }
        for row in [*first, *second]:
            held[row.key.object_id] = frozenset(
                each.recipient for each in tx.feeds.disclosures(row.handle)
            )
        size = tx.ledger.count()
    return Loss(bloc=bloc, lanes=lanes, held=held, size=size, backup=backup)


@pytest.fixture(name="loss")
def _loss(make_bloc: Callable[[], Bloc], tmp_path: Path) -> Iterator[Loss]:
    bloc = make_bloc()
    yield _lose(bloc, tmp_path)
    bloc.stop_all()


def test_a_member_comes_back_without_a_fork(loss: Loss) -> None:
    """With its guard kept and with its guard lost: the others must not notice anything."""
    for guard in (False, True):
        heads = {name: _known_head(loss, name) for name in ("XB", "XC")}
        loss.lose(guard=guard)
        node = loss.node
        _check_it_stands_still(loss)
        recovered = node.run("recover")
        assert recovered["finished"]
        assert recovered["waiting"] == {}
        assert recovered["items_lost"] == 0
        assert recovered["entries_before"] + recovered["entries_back"] >= loss.size
        assert recovered["entries_back"] > 0
        assert sum(lane["returned"] for lane in recovered["lanes"]) == AFTER + guard
        loss.check("XB", "XC")
        node.serve()
        _check_all_goes_on(loss, heads, number=200 + guard)


def _check_it_stands_still(loss: Loss) -> None:
    """Before it is recovered it signs and releases nothing, and says why and what helps."""
    node = loss.node
    with node.wired.node.database.read() as tx:
        entries = tx.ledger.count()
    node.close()
    refused = node.run("pull", expect=None)
    assert refused["exit"] != 0
    for command in (("disclose", "source:1", "--purpose", "prevention"), ("pull",)):
        refused = node.run(*command, expect=None)
        assert refused["exit"] != 0, command
        assert "recover" in refused["stderr"], refused["stderr"]
    doctor = node.run("doctor", expect=None)
    assert any("foedus recover" in each["text"] for each in doctor["findings"])
    node.serve()
    for other in ("XB", "XC"):
        report = loss.bloc[other].pull("XA")
        assert report.unreachable
        assert loss.bloc[other].alarms() == {}
    node.kill()
    with node.wired.node.database.read() as tx:
        assert tx.ledger.count() == entries


def _check_all_goes_on(loss: Loss, heads: dict[str, tuple[int, bytes]], *, number: int) -> None:
    bloc, node = loss.bloc, loss.node
    [row] = node.hold([_indicator(number)])
    node.disclose([row], "XB", "XC")
    for other in ("XB", "XC"):
        report = bloc[other].pull("XA")
        assert not report.unreachable
        assert not any(lane.fault for lane in report.lanes), report.lanes
        assert report.lanes[2].accepted == 1
    bloc.pull_all()
    for name in MEMBERS:
        assert bloc[name].alarms() == {}, name
        figures = bloc[name].run("figures")
        assert all(lane["agreed"] for lane in figures["lanes"]), figures["lanes"]
    # The others followed the same log all along: the head known before leads to the one known now.
    identity = node.wired.node.identity
    verifier = NoteVerifier(name=identity.log_origin, key=identity.log.public)
    assert audit(node.wired.ledger, verifier).entries >= loss.size
    for name, (size, root) in heads.items():
        now, _ = _known_head(loss, name)
        assert now > size
        mirror = loss.bloc[name].data / "mirrors" / origin_hash(identity.log_origin)
        assert audit(TileDirectory(mirror), verifier).entries == now
        assert _root_at(mirror, size) == root
    # What XB gave it since the backup came again, once.
    assert node.received("XB")["accepted"] == 2
    with node.wired.node.database.read() as tx:
        held = tx.items.page(
            ItemFilter(received_from=frozenset({MemberId("XB")})), after=None, limit=100
        )
        assert len(held) == 2
        assert not tx.recovery.pending()
        counts = tx.items.counts()
        assert counts.get(ItemState.QUARANTINED, 0) == 0
    loss.size = _size(node)
    loss.lanes = {}


def _known_head(loss: Loss, name: str) -> tuple[int, bytes]:
    identity = loss.node.wired.node.identity
    verifier = NoteVerifier(name=identity.log_origin, key=identity.log.public)
    with loss.bloc[name].wired.node.database.read() as tx:
        row = tx.peers.get(MemberId("XA"))
    assert row is not None
    assert row.checkpoint is not None
    head = open_checkpoint(row.checkpoint, verifier)
    return head.size, head.root


def _root_at(mirror: Path, size: int) -> bytes:
    return root_from_tiles(MirrorDirectory(mirror), size)


def _size(node: NodeProcess) -> int:
    with node.wired.node.database.read() as tx:
        return tx.ledger.count()


def test_a_member_that_is_away_is_asked_later(loss: Loss) -> None:
    """Nothing goes to it before: it alone knows what it was given since the backup."""
    node, bloc = loss.node, loss.bloc
    loss.lose()
    bloc["XC"].kill()
    recovered = node.run("recover", expect=7)
    assert recovered["finished"]
    assert list(recovered["waiting"]) == ["XC"]
    loss.check("XB")
    assert ("recovery", "") in node.alarms()
    [row] = node.hold([_indicator(300)])
    node.serve()
    refused = node.run("disclose", str(row.number), "--to", "XC", "--purpose", "prevention",
                       expect=None)  # fmt: skip
    assert refused["exit"] != 0
    assert "XC" in refused["stderr"]
    assert "foedus recover" in refused["stderr"]
    assert node.run("disclose", str(row.number), "--to", "XB", "--purpose", "prevention")
    bloc["XC"].serve()
    assert bloc["XC"].pull("XA").unreachable
    assert bloc["XC"].alarms() == {}
    again = node.run("recover")
    assert again["finished"]
    assert again["waiting"] == {}
    loss.check("XB", "XC")
    node.run("disclose", str(row.number), "--to", "XC", "--purpose", "prevention")
    bloc.pull_all()
    for name in MEMBERS:
        assert bloc[name].alarms() == {}, name
        assert all(lane["agreed"] for lane in bloc[name].run("figures")["lanes"])


def test_an_old_store_put_in_place_by_hand_is_noticed(loss: Loss) -> None:
    """No flag says so, and the guard is gone too: the others show what this node signed."""
    node = loss.node
    node.end()
    for name in ("foedus.db", "foedus.db-wal", "foedus.db-shm"):
        (node.data / name).unlink(missing_ok=True)
    shutil.copy(loss.backup / "foedus.db", node.data / "foedus.db")
    shutil.rmtree(node.data / "guard")
    shutil.rmtree(node.data / "ledger")
    (node.data / "guard").mkdir()
    node.serve()
    refused = node.run("disclose", "source:1", "--purpose", "prevention", expect=None)
    assert refused["exit"] != 0
    assert "an older store was put in place" in refused["stderr"]
    node.kill()
    assert node.run("recover")["finished"]
    loss.check("XB", "XC")


def test_a_log_whose_newest_entries_nobody_has_is_closed(loss: Loss) -> None:
    """A head was guarded that nobody can follow: another log begins, and all follow it."""
    node, bloc = loss.node, loss.bloc
    node.kill()
    node.disclose(node.hold([_indicator(400)]), "XB")  # nobody sees it any more
    loss.lose()
    stuck = node.run("recover", expect=1)
    assert "--close" in stuck["why_not"]
    recovered = node.run("recover", "--close")
    assert recovered["finished"]
    loss.check("XB", "XC")
    origin = node.wired.node.identity.log_origin
    assert origin.endswith("/log/2")
    node.serve()
    [row] = node.hold([_indicator(401)])
    node.disclose([row], "XB", "XC")
    for other in ("XB", "XC"):
        report = bloc[other].pull("XA")
        assert not any(lane.fault for lane in report.lanes), report.lanes
        assert report.lanes[2].accepted == 1
    bloc.pull_all()
    for name in MEMBERS:
        assert bloc[name].alarms() == {}, name
        assert all(lane["agreed"] for lane in bloc[name].run("figures")["lanes"])
        assert bloc[name].run("doctor")["exit"] == 0
    for other in ("XB", "XC"):
        size, _ = _known_head(loss, other)
        mirror = bloc[other].data / "mirrors" / origin_hash(origin)
        verifier = NoteVerifier(name=origin, key=node.wired.node.identity.log.public)
        assert audit(TileDirectory(mirror), verifier).entries == size
