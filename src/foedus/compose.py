"""Picks the implementations and wires a node."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from foedus.access import user_name
from foedus.clock import Clock, SystemClock
from foedus.ledger import RollbackError, publish
from foedus.ledger.tiles import CHECKPOINT_PATH, TILE_WIDTH
from foedus.matching import MatchLimits, builtin_benign
from foedus.node.close_log import successor
from foedus.node.context import Node
from foedus.node.introduce import make_credence
from foedus.node.lawbook import LawBook
from foedus.node.people import first_user
from foedus.node.ports import PeerRow
from foedus.node.ratify import issue_full_powers
from foedus.node.recovering import refuse_closed_log
from foedus.release.gate import Gate
from foedus.settings import (
    Settings,
    SettingsError,
    check_settings,
    load_identity,
    make_keys,
    write_settings,
)
from foedus.signing import NoteSigner
from foedus.signing.note import split_note
from foedus.store.errors import StoreLockedError
from foedus.store.ledger_files import GuardFile, TileDirectory
from foedus.store.locks import exclusive
from foedus.store.mirrors import MirrorDirectories
from foedus.store.sqlite import SQLiteDatabase

if TYPE_CHECKING:
    from foedus.exchange.peer_client import HTTPPeerClient

__all__ = ["Wired", "create_node", "open_node"]


@dataclass(slots=True, kw_only=True)
class Wired:
    """A node with everything it stands on.

    Attributes:
        ledger: The published log, for reading.
        guard: The last head that may have been signed.
        mirrors: Copies of other members' logs.
    """

    settings: Settings
    node: Node
    gate: Gate
    ledger: TileDirectory
    guard: GuardFile
    mirrors: MirrorDirectories
    database: SQLiteDatabase = field(repr=False)
    _client: HTTPPeerClient | None = field(default=None, repr=False)

    @property
    def client(self) -> HTTPPeerClient:
        """Speaks to peers; made on first use, since most commands speak to nobody."""
        if self._client is None:
            from foedus.exchange.peer_client import HTTPPeerClient  # noqa: PLC0415  # as above

            node = self.node
            self._client = HTTPPeerClient(
                identity=node.identity, clock=node.clock, random=node.random
            )
        return self._client

    def show_cosigned(self, note: bytes) -> bool:
        """Put a head with its cosignatures where the published one is, if that is the same head.

        Args:
            note: A head of our log, with verified lines of witnesses.

        Returns:
            Whether it stands there now.

        Raises:
            TileError: It is not known to be stored.
        """
        # Under the publisher's lock, so that a newer head is never replaced by an older.
        with exclusive(self.settings.locks / "publish"):
            if split_note(self.ledger.read(CHECKPOINT_PATH))[0] != split_note(note)[0]:
                return False
            self.ledger.write(CHECKPOINT_PATH, note)
            self.ledger.flush()
        return True

    def close(self) -> None:
        """Close connections; safe to repeat."""
        if self._client is not None:
            self._client.close()
        self.database.close()


def create_node(settings: Settings, *, user: str, clock: Clock | None = None) -> Wired:
    """Make a new node's data directory: keys, settings, store, credence, full powers, first user.

    What could be refused is refused before anything is written.

    Raises:
        SettingsError: The directory holds a node already, or what was left of making one.
        AccessError: The user's name is none.
    """
    if (settings.data / "foedus.toml").exists():
        raise SettingsError(f"{settings.data} holds a node already; nothing was changed")
    for place in (settings.keys, settings.guard, settings.locks, settings.database):
        if place.exists():
            raise SettingsError(
                f"{settings.data} holds {place.name} of a node that was never finished; give an "
                "empty directory"
            )
    user_name(user)
    check_settings(settings)
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings.guard.mkdir(mode=0o700)
    settings.locks.mkdir(mode=0o700)
    make_keys(settings)
    write_settings(settings)
    wired = open_node(settings, clock=clock)
    node = wired.node
    with node.database.write() as tx:
        tx.peers.put(
            PeerRow(
                member=settings.member,
                credence=make_credence(node),
                accepted_at=node.clock.now(),
                accepted_by="init",
                heard=None,
                checkpoint=None,
            )
        )
    issue_full_powers(node, wired.gate)
    first_user(node, user)
    node.publish()
    return wired


def open_node(settings: Settings, *, clock: Clock | None = None) -> Wired:
    """Open a node's data directory.

    Raises:
        SettingsError: Keys or settings are missing or unusable.
        StoreError: The store cannot be opened.
    """
    identity = load_identity(settings)
    database = SQLiteDatabase(settings.database, member=settings.member)
    with database.read() as tx:
        origin = successor(identity.log_origin, tx.recovery.closed())
    identity = replace(identity, log_origin=origin)
    ledger = TileDirectory(settings.ledger)
    mirrors = MirrorDirectories(settings.data / "mirrors", locks=settings.locks)
    the_clock = clock or SystemClock()
    benign = builtin_benign()
    if settings.benign is not None:
        try:
            benign = benign.extended(settings.benign.read_text(encoding="utf-8").splitlines())
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"the benign list cannot be read: {error}") from error
    publisher = _Publisher(
        settings, database, ledger, NoteSigner(identity.log_origin, identity.log)
    )
    node = Node(
        identity=identity,
        database=database,
        clock=the_clock,
        random=os.urandom,
        law=LawBook(identity),
        benign=benign,
        match_limits=MatchLimits(cap=settings.posting_cap, cut_off=settings.cut_off),
        publish=publisher.publish,
        check_log=publisher.check,
        settle=publisher.settle,
        mirrors=mirrors,
        ledger=ledger,
    )
    return Wired(
        settings=settings,
        node=node,
        gate=Gate(
            member=identity.member,
            secret=identity.secret,
            random=os.urandom,
            exercise=identity.exercise,
        ),
        ledger=ledger,
        guard=_guard(settings),
        mirrors=mirrors,
        database=database,
    )


class _Journal:
    """The committed entries, each read in a snapshot of its own: an ``EntrySource``.

    In each snapshot the log must still be the one this process signs: the journal of another, begun
    when that was closed, is never published under its name.
    """

    def __init__(self, database: SQLiteDatabase, origin: str) -> None:
        self._database = database
        self._origin = origin

    def count(self) -> int:
        with self._database.read() as tx:
            tx.recovery.refuse()
            refuse_closed_log(tx, self._origin)
            return tx.ledger.count()

    def entries(self, start: int, end: int) -> list[bytes]:
        with self._database.read() as tx:
            refuse_closed_log(tx, self._origin)
            return list(tx.ledger.entries(start, end))


def _guard(settings: Settings) -> GuardFile:
    return GuardFile(settings.guard / "head", outside=settings.ledger)


class _Publisher:
    """Publishes the log of one node, and knows when that can wait."""

    def __init__(
        self,
        settings: Settings,
        database: SQLiteDatabase,
        ledger: TileDirectory,
        signer: NoteSigner,
    ) -> None:
        self._journal = _Journal(database, signer.name)
        self._ledger = ledger
        self._guard = _guard(settings)
        self._signer = signer
        self._lock = settings.locks / "publish"
        self._serving = settings.serving
        self._published = -1
        self._dropped = 0

    def publish(self) -> None:
        """Publish what is committed; nothing is done when nothing is new."""
        if self._journal.count() == self._published:
            return
        # One publisher at a time over all processes, so that the checkpoint file never goes back.
        with exclusive(self._lock):
            # One directory for all publishes: each folder is made durable up to the root once.
            head = publish(self._journal, self._ledger, self._ledger, self._guard, self._signer)
            # Partial tiles whose full one now stands are of no use to anybody.
            before = self._published
            if before >= 0 and head.size // TILE_WIDTH > before // TILE_WIDTH:
                self._ledger.drop_partials(head.size, since=self._dropped)
                self._dropped = head.size
        self._published = head.size

    def check(self) -> None:
        """Return if the log can go on; the first time in a process that takes a publication.

        Raises:
            RollbackError: The store is behind its own signed head.
        """
        if self._published < 0:
            self.publish()
            return
        head, count = self._guard.load(), self._journal.count()
        if head is not None and count < head.size:
            raise RollbackError(f"{count} entries, but a head of {head.size} was guarded before")

    def settle(self) -> None:
        """Publish now, unless a process of this node serves: it does at its next instant."""
        try:
            with exclusive(self._serving, wait=False):
                pass
        except StoreLockedError:
            return
        self.publish()
