"""The stand-ins of the simulated world: logs and copies in memory, and what a node stores.

A member's node here is the few things that witnessing and the comparison of heads ask a real one
for. Its files and tables are dictionaries; everything that reads and writes them is the real code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Final, cast

from foedus.ledger.checkpoint import Checkpoint
from foedus.ledger.cosignature import CosignatureVerifier
from foedus.ledger.errors import TileAbsentError
from foedus.ledger.log import publish
from foedus.ledger.tiles import CHECKPOINT_PATH, TileSource, parse_tile_path
from foedus.ledger.tree import HASH_BYTES, Frontier, leaf_hash
from foedus.ledger.witness import with_cosignatures
from foedus.model.identifiers import MemberId
from foedus.node.context import Node
from foedus.node.heads_memory import HeadsMark, HeadsMemory
from foedus.node.log_keys import LogOwner
from foedus.node.peer_ports import PeerEndpoint
from foedus.node.ports import Alarm, CosignedLog, ForkRow, HeardHead
from foedus.signing.keys import SigningKey
from foedus.signing.note import NoteSignature, NoteSigner, NoteVerifier

START: Final = datetime(2026, 11, 24, tzinfo=UTC)
ENTRY_STRIDE: Final = 2 + HASH_BYTES


class BrokenPromiseError(Exception):
    """What must never happen happened; the message says at which step."""


class Files:
    """Tiles in memory: of each the widest, which serves every narrower one too."""

    def __init__(self) -> None:
        self.widest: dict[tuple[int | None, int], bytes] = {}
        self.checkpoint = b""
        self.state: Checkpoint | None = None

    def read(self, path: str) -> bytes:
        if path == CHECKPOINT_PATH and self.checkpoint:
            return self.checkpoint
        if path == CHECKPOINT_PATH:
            raise TileAbsentError(path)
        address = parse_tile_path(path)
        stride = ENTRY_STRIDE if address.level is None else HASH_BYTES
        data = self.widest.get((address.level, address.index), b"")
        if len(data) < address.width * stride:
            raise TileAbsentError(path)
        return data[: address.width * stride]

    def write(self, path: str, data: bytes) -> None:
        if path == CHECKPOINT_PATH:
            self.checkpoint = data
            return
        address = parse_tile_path(path)
        key = (address.level, address.index)
        if len(data) >= len(self.widest.get(key, b"")):
            self.widest[key] = data

    def flush(self) -> None:
        """Memory needs none."""

    def reached(self) -> Checkpoint | None:
        return self.state

    def reach(self, state: Checkpoint) -> None:
        self.state = state

    def drop_partials(self, size: int, *, since: int = 0) -> int:
        del size, since
        return 0


class History:
    """One sequence of leaves that a log signs heads of; an honest log has only one."""

    def __init__(self, entries: Sequence[bytes] = ()) -> None:
        self.rows: list[bytes] = []
        self.roots = [Frontier().root]
        self.files = Files()
        self.head: Checkpoint | None = None
        self.notes: list[bytes] = []
        self.lines: dict[bytes, dict[str, NoteSignature]] = {}
        self._frontier = Frontier()
        self.extend(entries)

    def extend(self, entries: Sequence[bytes]) -> None:
        for entry in entries:
            self.rows.append(entry)
            self._frontier.append(leaf_hash(entry))
            self.roots.append(self._frontier.root)

    def count(self) -> int:
        return len(self.rows)

    def entries(self, start: int, end: int) -> Sequence[bytes]:
        return self.rows[start:end]

    def load(self) -> Checkpoint | None:
        return self.head

    def advance(self, old: Checkpoint | None, new: Checkpoint) -> None:
        if self.head != old:
            raise BrokenPromiseError("the guard moved")
        self.head = new

    def publish(self, signer: NoteSigner) -> None:
        publish(self, self.files, self.files, self, signer)
        if self.files.checkpoint not in self.notes[-1:]:
            self.notes.append(self.files.checkpoint)

    def cosigned(self, note: bytes) -> bytes:
        """Return a note of this history with the statements collected for it."""
        return with_cosignatures(note, self.lines.get(note, {}).values())


class Tables:
    """What a node stores of heads, in dictionaries; stands in for the whole of a transaction."""

    def __init__(self, accused: Callable[[ForkRow], None]) -> None:
        self._accused = accused
        self.remember = True
        self.last: dict[str, CosignedLog] = {}
        self.newest: dict[str, HeardHead] = {}
        self.proofs: dict[str, ForkRow] = {}
        self.alarms_open: dict[tuple[str, str], Alarm] = {}
        self._changes = 0

    def forget(self, origin: str) -> None:
        """Forget a log that is no more."""
        for kept in (self.last, self.newest, self.proofs):
            kept.pop(origin, None)
        self.alarms_open.clear()
        self._changes += 1

    # foedus.node.ports.WitnessStore, as far as it is used here

    def cosigned(self, origin: str) -> CosignedLog | None:
        return self.last.get(origin) if self.remember else None

    def cosigned_all(self) -> Sequence[CosignedLog]:
        return [self.last[origin] for origin in sorted(self.last)]

    def keep_cosigned(self, head: CosignedLog) -> None:
        before = self.cosigned(head.origin)
        if before is not None and before.size > head.size:
            raise BrokenPromiseError(f"a witness went back to {head.size} of {head.origin}")
        self.last[head.origin] = head

    def heard(self, origin: str) -> HeardHead | None:
        return self.newest.get(origin)

    def mark(self) -> HeadsMark:
        return self._changes, len(self.newest), len(self.proofs), 0

    def all_heard(self) -> Sequence[HeardHead]:
        return [self.newest[origin] for origin in sorted(self.newest)]

    def hear(self, head: HeardHead) -> bool:
        before = self.newest.get(head.origin)
        if before is not None and before.size >= head.size:
            return False
        self.newest[head.origin] = head
        self._changes += 1
        return True

    def forks(self) -> Sequence[ForkRow]:
        return [self.proofs[origin] for origin in sorted(self.proofs)]

    def add_fork(self, fork: ForkRow) -> bool:
        self._accused(fork)
        return self.proofs.setdefault(fork.origin, fork) is fork

    # foedus.node.ports.AlarmStore

    def open(self) -> Sequence[Alarm]:
        return tuple(self.alarms_open.values())

    def set(self, alarm: Alarm) -> None:
        self.alarms_open[alarm.code, alarm.subject] = alarm

    def clear(self, code: str, subject: str) -> None:
        self.alarms_open.pop((code, subject), None)


@dataclass(slots=True, eq=False)
class Member:
    """A member: its log, its keys, and its node."""

    number: int
    honest: bool
    signer: NoteSigner
    witness_name: str
    witness_key: SigningKey
    tables: Tables
    histories: list[History] = field(default_factory=lambda: [History()])
    shown: dict[int, int] = field(default_factory=dict)
    withheld: bool = False
    silent: bool = False
    believed: dict[tuple[int, int], int] = field(default_factory=dict)
    copies: dict[str, Files] = field(default_factory=dict)

    @property
    def id(self) -> MemberId:
        return MemberId(f"X{'ABCDEFG'[self.number]}")

    @property
    def origin(self) -> str:
        return self.signer.name

    @property
    def verifier(self) -> NoteVerifier:
        return self.signer.verifier

    @property
    def witness(self) -> CosignatureVerifier:
        return CosignatureVerifier(self.witness_name, self.witness_key.public)

    @property
    def endpoint(self) -> PeerEndpoint:
        return PeerEndpoint(member=self.id, address=f"https://{self.witness_name}")

    def view(self, reader: int) -> History:
        """Return the history this member shows to another."""
        return self.histories[self.shown.get(reader, 0) % len(self.histories)]

    def copy_of(self, origin: str) -> Files:
        """Return this member's copy of a log, empty if there is none yet."""
        return self.copies.setdefault(origin, Files())

    def held(self) -> Mapping[str, Sequence[bytes]]:
        """Return all heads this member holds of each log: what it cosigned and what it heard."""
        found: dict[str, list[bytes]] = {}
        rows: tuple[CosignedLog | HeardHead, ...] = (
            *self.tables.last.values(),
            *self.tables.newest.values(),
        )
        for row in rows:
            found.setdefault(row.origin, []).append(row.note)
        return found

    def node(self, step: Callable[[], int], logs: Callable[[], Mapping[str, LogOwner]]) -> Node:
        """Return what the real code takes for this member's node.

        Args:
            step: The present step, which is the present minute.
            logs: The logs of all members.
        """
        tables = self.tables
        transaction = SimpleNamespace(
            witness=tables,
            alarms=tables,
            peers=SimpleNamespace(all=tuple),
            recovery=SimpleNamespace(refuse=lambda: None, pending=tuple),
        )

        @contextmanager
        def opened() -> Iterator[SimpleNamespace]:
            yield transaction

        member = self

        class Identity:
            """Follows the member when it takes another name for its log."""

            @property
            def log_origin(self) -> str:
                return member.origin

        identity = Identity()
        for name, value in (
            ("member", self.id),
            ("witness", self.witness_key),
            ("witness_name", self.witness_name),
        ):
            setattr(identity, name, value)
        fake = SimpleNamespace(
            identity=identity,
            database=SimpleNamespace(read=opened, write=opened),
            mirrors=SimpleNamespace(of=self.copy_of),
            ledger=OwnTiles(self),
            clock=SimpleNamespace(now=lambda: START + timedelta(minutes=step())),
            logs=logs,
            heads_memory=HeadsMemory(),
        )
        return cast("Node", fake)


class OwnTiles:
    """The files of a member's own log as it is now."""

    def __init__(self, member: Member) -> None:
        self._member = member

    def read(self, path: str) -> bytes:
        return self._member.histories[0].files.read(path)


def tiles_shown(log: Member, reader: int) -> TileSource:
    """Return the tiles a log shows to a reader; none while it withholds them."""
    return Files() if log.withheld else log.view(reader).files


def member(number: int, *, honest: bool, accused: Callable[[ForkRow], None]) -> Member:
    """Return a member with keys of its own."""
    name = f"x{'abcdefg'[number]}.example"
    seed = name.encode().ljust(16, b"-")
    return Member(
        number=number,
        honest=honest,
        signer=NoteSigner(f"{name}/log", SigningKey.from_seed(seed + b"log".ljust(16))),
        witness_name=f"{name}/witness",
        witness_key=SigningKey.from_seed(seed + b"witness".ljust(16)),
        tables=Tables(accused),
    )
