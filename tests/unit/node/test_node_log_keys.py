"""Nobody takes over another's log, or spoils the copies of it, by naming it as one's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, cast

import pytest

from foedus.access import Actor, Role
from foedus.ledger import AddCheckpoint, ConsistencyProof, format_add_checkpoint
from foedus.ledger.log import publish
from foedus.ledger.tiles import CHECKPOINT_PATH
from foedus.model.identifiers import MemberId
from foedus.node.endpoints import endpoint_of
from foedus.node.errors import NotFoundError
from foedus.node.log_keys import (
    MAX_NAMED_ORIGINS,
    current_log,
    current_logs,
    known_log,
    known_logs,
    log_verifiers,
    origin_of,
    owner_of,
)
from foedus.node.mirror import mirror_of, update_mirror
from foedus.node.own_log import enter
from foedus.node.peer_ports import PeerClient, PeerEndpoint
from foedus.node.ratify import full_powers
from foedus.node.renew_keys import accept_powers
from foedus.node.statements import issue
from foedus.node.witness import add_checkpoint
from foedus.signing import NoteSigner
from foedus.store.ledger_files import GuardFile, TileDirectory

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.node.conftest import Member, Trio

XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")
ADMIN = Actor(user="admin", roles=frozenset({Role.ADMINISTRATOR}))


def origin(member: Member) -> str:
    return member.wired.node.identity.log_origin


def name(trio: Trio, member: Member, *origins: str) -> list[bytes]:
    """Let a member's authority name logs as its own, each later than the last."""
    documents = []
    node = member.wired.node
    for each in origins:
        trio.clock.instant += timedelta(minutes=1)
        with node.database.write() as tx:
            body = replace(full_powers(node), log_origin=each)
            instrument = issue(tx, node, member.wired.gate, None, body).instrument
            documents.append(node.law.view(tx).documents[instrument.id].raw)
    return documents


def told(trio: Trio, reader: Member, member: Member, *origins: str) -> None:
    """Let a member name logs as its own, and a reader take that in."""
    for document in name(trio, member, *origins):
        accept_powers(reader.wired.node, ADMIN, document)


def owner(reader: Member, named: str) -> MemberId | None:
    return reader.read(lambda tx: owner_of(tx, reader.wired.node, named))


def request(member: Member) -> bytes:
    note = member.wired.ledger.read(CHECKPOINT_PATH)
    return format_add_checkpoint(
        AddCheckpoint(old_size=0, proof=ConsistencyProof(()), checkpoint=note)
    )


@dataclass(slots=True)
class Log:
    """A log that holds what it is told to."""

    rows: Sequence[bytes]

    def count(self) -> int:
        return len(self.rows)

    def entries(self, start: int, end: int) -> Sequence[bytes]:
        return self.rows[start:end]


@dataclass(slots=True)
class Line:
    """A ``PeerClient`` that reads the logs of nodes in this process, or another in their place."""

    members: dict[MemberId, Member]
    false: dict[MemberId, TileDirectory]

    def ledger_file(self, peer: PeerEndpoint, path: str) -> bytes:
        source = self.false.get(peer.member) or self.members[peer.member].wired.ledger
        return source.read(path)


def copied(reader: Member, line: Line, member: MemberId) -> int:
    node = reader.wired.node
    peer = reader.read(lambda tx: endpoint_of(tx, node, member))
    return update_mirror(node, cast("PeerClient", line), peer)


def test_a_copy_grows_from_its_own_log_only_whoever_names_it(trio: Trio, tmp_path: Path) -> None:
    a, b, c = trio.a, trio.b, trio.c
    mirror = c.wired.mirrors.of(origin(a))
    trio.pull(c, a)
    state = mirror.reached()
    assert state is not None
    told(trio, c, b, origin(a))
    # XB serves all that is in XA's log, and more, signed by its own key under that log's name.
    rows = [*a.read(lambda tx: list(tx.ledger.entries(0, 10_000))), *[b"\xee" * 32] * 300]
    (tmp_path / "guard").mkdir()
    files = TileDirectory(tmp_path / "false")
    guard = GuardFile(tmp_path / "guard" / "head", outside=tmp_path / "false")
    publish(Log(rows), files, files, guard, NoteSigner(origin(a), b.wired.node.identity.log))
    line = Line(members=trio.members, false={XB: files})
    assert copied(c, line, XB) == 0
    assert mirror.reached() == state
    [alarm] = [each for each in c.read(lambda tx: tx.alarms.open()) if each.code == "mirror"]
    assert alarm.subject == "XB"
    assert "names the log foedus/xa/log as its own, which belongs to XA" in alarm.text
    with a.wired.database.write() as tx:
        for _ in range(400):
            enter(tx, a.wired.node, {"kind": "test"}, at=trio.clock.now())
        entries = tx.ledger.count()
    a.wired.node.publish()
    assert copied(c, line, XA) == entries
    assert mirror_of(c.wired.node, XA).read(CHECKPOINT_PATH)
    with pytest.raises(NotFoundError):
        mirror_of(c.wired.node, XB)


def test_the_log_of_a_letter_is_witnessed_whoever_names_it_in_full_powers(trio: Trio) -> None:
    a, b, c = trio.a, trio.b, trio.c
    node = c.wired.node
    told(trio, c, a, origin(b))  # XA was introduced first
    assert owner(c, origin(b)) == XB
    with c.database.read() as tx:
        assert origin_of(tx, node, XB) == origin(b)
        assert origin_of(tx, node, XA) is None
        assert log_verifiers(tx, node, XA) == ()
        assert current_log(tx, node, origin(a)) is None, "XA calls another log its own now"
        assert {log.member for log in current_logs(tx, node).values()} == {XB}
        assert {log.member for log in known_logs(tx, node).values()} == {XA, XB, XC}
        known = known_log(tx, node, origin(b))
    assert known is not None
    assert [each.key for each in known.verifiers] == [b.wired.node.identity.log.public]
    assert add_checkpoint(node, request(b))


def test_our_own_log_is_ours_whatever_others_name(trio: Trio) -> None:
    a, c = trio.a, trio.c
    told(trio, c, a, origin(c))
    assert owner(c, origin(c)) == XC
    with c.database.read() as tx:
        assert log_verifiers(tx, c.wired.node, XA) == ()
        assert [each.name for each in log_verifiers(tx, c.wired.node, XC)] == [origin(c)]


def test_the_logs_that_follow_a_closed_one_cannot_be_taken_beforehand(trio: Trio) -> None:
    a, b, c = trio.a, trio.b, trio.c
    following = f"{origin(b)}/2"
    told(trio, c, a, following)
    assert owner(c, following) is None
    told(trio, c, b, following)
    assert owner(c, following) == XB
    assert c.read(lambda tx: origin_of(tx, c.wired.node, XB)) == following
    assert owner(c, origin(b)) == XB, "a log that was closed stays whose it was"


def test_a_log_beneath_nobodys_letter_is_whose_full_powers_name_it(trio: Trio) -> None:
    told(trio, trio.c, trio.b, "elsewhere.example/log")
    assert owner(trio.c, "elsewhere.example/log") == XB
    assert owner(trio.c, "nowhere.example/log") is None


def test_a_member_has_no_more_logs_than_are_copied(trio: Trio) -> None:
    names = [f"{origin(trio.b)}/{number}" for number in range(2, MAX_NAMED_ORIGINS + 4)]
    told(trio, trio.c, trio.b, *names)
    whose = [owner(trio.c, each) for each in names]
    assert whose == [XB] * MAX_NAMED_ORIGINS + [None, None]
    assert owner(trio.c, origin(trio.b)) == XB
    assert copied(trio.c, Line(members=trio.members, false={}), XB) == 0
    [alarm] = [each for each in trio.c.read(lambda tx: tx.alarms.open()) if each.code == "mirror"]
    assert "counts as nobody's" in alarm.text


def test_a_lane_stops_where_its_sender_names_the_log_of_another(trio: Trio) -> None:
    a, b, c = trio.a, trio.b, trio.c
    node = b.wired.node
    b.wired.node = replace(node, identity=replace(node.identity, log_origin=origin(a)))
    name(trio, b, origin(a))
    report = trio.pull(c, b)
    [fault] = [each.fault for each in report.lanes if each.fault]
    assert fault == "not-in-log: the disclosure names the log foedus/xa/log, which belongs to XA"
    assert owner(c, origin(a)) == XA
    assert c.read(lambda tx: origin_of(tx, c.wired.node, XB)) == "foedus/xb/log"
