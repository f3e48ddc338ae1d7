"""Who signs the head of a node's log, over all its processes.

Any process commits entries; all the rest is derived from them. Two ways, one for each way of
leading (:mod:`foedus.node.lead`):

* :class:`LocalPublisher`: all processes share one data directory. One publishes at a time, under a
  lock file, and the guard beside it decides.
* :class:`LeasedPublisher`: processes on several machines share a database. Only the holder of the
  lease signs; the head moves in the database first, under its fence, then in the guard of its disk,
  and is signed last. Everybody else derives the same tiles from the same entries, up to the head
  that the database shows as signed, before it serves that head.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol

from foedus.ledger.checkpoint import Checkpoint, open_checkpoint
from foedus.ledger.errors import CheckpointError, LedgerError, RollbackError, TileError
from foedus.ledger.log import EntrySource, derive, publish
from foedus.ledger.tiles import CHECKPOINT_PATH, TILE_WIDTH
from foedus.node.errors import LeadLostError, NotReadyError
from foedus.node.lead import FencedGuard, Lead, LeaseLead
from foedus.node.ports import Database
from foedus.node.recovering import refuse_closed_log
from foedus.signing.note import NoteSigner
from foedus.store.ledger_files import (
    GuardFile,
    GuardFileError,
    TileDirectory,
    replace_durably,
)
from foedus.store.locks import exclusive

__all__ = ["Journal", "LeasedPublisher", "LocalPublisher", "Publisher", "place_of"]

_PATIENCE_S: Final = 10.0
"""How long a process waits for the leader to publish what it needs covered, in seconds."""

_POLL_S: Final = 0.02


class Journal:
    """The committed entries, each read in a snapshot of its own: an ``EntrySource``.

    In each snapshot the log must still be the one this process signs: the journal of another, begun
    when that was closed, is never published under its name.
    """

    def __init__(self, database: Database, origin: str) -> None:
        """Read the journal of a log."""
        self._database = database
        self._origin = origin

    def count(self) -> int:
        """Return how many entries are committed.

        Raises:
            RecoveringError: The node is in recovery, or its log was closed.
        """
        with self._database.read() as tx:
            tx.recovery.refuse()
            refuse_closed_log(tx, self._origin)
            return tx.ledger.count()

    def entries(self, start: int, end: int) -> list[bytes]:
        """Return entries by their numbers."""
        with self._database.read() as tx:
            refuse_closed_log(tx, self._origin)
            return list(tx.ledger.entries(start, end))


def place_of(guard: Path) -> str:
    """Return the name of a data directory, made at random once and kept beside its guard.

    A copy of the guard's directory on another machine would claim to know what it does not: that is
    why a backup leaves it out.

    Raises:
        GuardFileError: It cannot be read or written.
    """
    path = guard / "place"
    try:
        with exclusive(guard / "place.lock"):
            if not path.exists():
                replace_durably(path, secrets.token_hex(16).encode())
            return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise GuardFileError(f"the name of this data directory cannot be kept: {error}") from error


class Publisher(Protocol):
    """Publishes the log of one node; used by several threads."""

    @property
    def lead(self) -> Lead:
        """Which process leads."""
        ...

    def publish(self) -> None:
        """Have published what is committed."""
        ...

    def check(self) -> None:
        """Return if the log can go on."""
        ...

    def settle(self) -> None:
        """Have published what was just committed, now or at the leader's next instant."""
        ...

    def follow(self) -> None:
        """Bring the files here up to the published head."""
        ...

    def show(self, head: Checkpoint, note: bytes) -> None:
        """Let the other machines see a head's note, with its cosignatures."""
        ...

    def begin(self) -> None:
        """Make sure, having taken the lead, that the guard here knows the newest head."""
        ...

    def close(self) -> None:
        """Close what was opened; safe to repeat."""
        ...


class _Files:
    """The log's files, and what signs it."""

    def __init__(
        self, ledger: TileDirectory, guard: GuardFile, signer: NoteSigner, lock: Path
    ) -> None:
        self.ledger = ledger
        self.guard = guard
        self.signer = signer
        self.lock = lock
        self.published = -1
        self._dropped = 0

    def tidy(self, head: Checkpoint) -> None:
        """Drop partial tiles whose full one now stands; they are of no use to anybody."""
        before, self.published = self.published, head.size
        if before >= 0 and head.size // TILE_WIDTH > before // TILE_WIDTH:
            self.ledger.drop_partials(head.size, since=self._dropped)
            self._dropped = head.size


class LocalPublisher:
    """Publishes the log of one data directory, and knows when that can wait."""

    def __init__(
        self,
        journal: EntrySource,
        ledger: TileDirectory,
        guard: GuardFile,
        signer: NoteSigner,
        *,
        lead: Lead,
        lock: Path,
    ) -> None:
        """Prepare.

        Args:
            journal: The committed entries.
            ledger: The published log.
            guard: The last head that may have been signed.
            signer: The log's key.
            lead: Who serves and publishes.
            lock: Lock file of whoever publishes.
        """
        self._journal = journal
        self._files = _Files(ledger, guard, signer, lock)
        self._lead = lead

    @property
    def lead(self) -> Lead:
        """Which process leads."""
        return self._lead

    def publish(self) -> None:
        """Publish what is committed; nothing is done when nothing is new."""
        files = self._files
        if self._journal.count() == files.published:
            return
        # One publisher at a time over all processes, so that the checkpoint file never goes back.
        with exclusive(files.lock):
            # One directory for all publishes: each folder is made durable up to the root once.
            head = publish(self._journal, files.ledger, files.ledger, files.guard, files.signer)
            files.tidy(head)

    def check(self) -> None:
        """Return if the log can go on; the first time in a process that takes a publication.

        Raises:
            RollbackError: The store is behind its own signed head.
        """
        if self._files.published < 0:
            self.publish()
            return
        _refuse_behind(self._files.guard.load(), self._journal.count())

    def settle(self) -> None:
        """Publish now, unless a process of this node leads: it does at its next instant."""
        if not (self._lead.held or self._lead.elsewhere()):
            self.publish()

    def follow(self) -> None:
        """Do nothing: the files are the same for all."""

    def show(self, head: Checkpoint, note: bytes) -> None:
        """Do nothing, for the same reason."""

    def begin(self) -> None:
        """Do nothing, for the same reason."""

    def close(self) -> None:
        """Let the lead go, if it is held."""
        self._lead.leave()


class LeasedPublisher:
    """Publishes the log under a lease, or waits for whoever holds it."""

    def __init__(
        self,
        journal: EntrySource,
        ledger: TileDirectory,
        guard: GuardFile,
        signer: NoteSigner,
        *,
        lead: LeaseLead,
        place: str,
        lock: Path,
        learn: Callable[[FencedGuard], None],
    ) -> None:
        """Prepare.

        Args:
            journal: The committed entries.
            ledger: The published log, as its files lie on this machine.
            guard: The last head that may have been signed, on this machine.
            signer: The log's key.
            lead: Who serves and publishes.
            place: Names this machine's data directory.
            lock: Lock file of whoever writes the files on this machine.
            learn: Brings a guard up to the newest head that anybody knows; see
                :mod:`foedus.node.learn_head`.
        """
        self._journal = journal
        self._files = _Files(ledger, guard, signer, lock)
        self._lead = lead
        self._place = place
        self._learn = learn
        self._learning = threading.Lock()

    @property
    def lead(self) -> LeaseLead:
        """Which process leads."""
        return self._lead

    def publish(self) -> None:
        """Have published what is committed: by this process if it leads or nobody does.

        Raises:
            LeadLostError: Another process leads and did not publish in time.
        """
        count = self._journal.count()
        if count == self._files.published:
            return
        with self._leading() as lead:
            if lead is not None:
                self._sign(lead)
                return
        self._await(count)

    def check(self) -> None:
        """Return if the log can go on.

        Raises:
            RollbackError: The store is behind its own signed head.
        """
        _refuse_behind(self._guard(self._lead).load(), self._journal.count())

    def settle(self) -> None:
        """Publish now, unless a process leads: it does at its next instant."""
        if not (self._lead.held or self._lead.elsewhere()):
            self.publish()

    def follow(self) -> None:
        """Bring the files here up to the head that stands signed in the database.

        Raises:
            RollbackError: The entries here do not lead to it.
            LedgerError: Storage failed, or what stands there is no head of this log.
        """
        files = self._files
        if self._lead.held:
            return
        shared = self._lead.store.head(files.signer.name)
        if shared is None or not shared.note or shared.note == self._note():
            return
        head = open_checkpoint(shared.note, files.signer.verifier)
        with exclusive(files.lock):
            local = self._local()
            if local is not None and local.size > head.size:
                return
            derive(self._journal, files.ledger, files.ledger, local, head)
            files.ledger.write(CHECKPOINT_PATH, shared.note)
            files.ledger.flush()

    def show(self, head: Checkpoint, note: bytes) -> None:
        """Keep a note of the newest head in the database, unless another process leads.

        The leader shows the lines that were kept in the store with its own next round.
        """
        with self._leading() as lead:
            if lead is not None:
                holder, fence = lead.fence
                lead.store.show(head, note, holder=holder, fence=fence)

    def begin(self) -> None:
        """Learn the newest head before leading.

        Where the last leader worked on the files here, too few answers do not keep it from leading.
        The peers are asked all the same: a database put back in time names a leader of that time,
        whose files may be behind what another signed since.

        Raises:
            FoedusError: It cannot be learnt now, or the store does not lead to it.
        """
        with self._learning:
            if self._lead.unsure:
                self._prepare(self._lead)
                return
            with suppress(NotReadyError):
                self._learn(self._guard(self._lead))
            self._lead.keep()

    def close(self) -> None:
        """Close the connection on which the lease is kept; what is held ends by itself."""
        self._lead.store.close()

    @contextmanager
    def _leading(self) -> Iterator[LeaseLead | None]:
        """Yield a lead that is held; None where another process holds it."""
        if self._lead.held:
            # The lead is held before the newest head is known: until then nothing is signed.
            with self._learning:
                self._prepare(self._lead)
            yield self._lead
            return
        # Under a name of its own: this process may be about to take the lead for longer.
        passing = LeaseLead(self._lead.store, holder=secrets.token_hex(16), place=self._place)
        if not passing.take():
            yield None
            return
        try:
            self._prepare(passing)
            yield passing
        finally:
            passing.leave()

    def _prepare(self, lead: LeaseLead) -> None:
        if lead.unsure:
            self._learn(self._guard(lead))
            lead.keep()
            lead.learnt()

    def _sign(self, lead: LeaseLead) -> None:
        files = self._files
        with exclusive(files.lock):
            guard = self._guard(lead)
            head = publish(self._journal, files.ledger, files.ledger, guard, files.signer)
            holder, fence = lead.fence
            lead.store.show(head, self._note(), holder=holder, fence=fence)
            files.tidy(head)

    def _guard(self, lead: LeaseLead) -> FencedGuard:
        return FencedGuard(self._files.guard, lead, self._files.signer.name)

    def _await(self, count: int) -> None:
        end = time.monotonic() + _PATIENCE_S
        while time.monotonic() < end:
            self.follow()
            local = self._local()
            if local is not None and local.size >= count:
                return
            time.sleep(_POLL_S)
        raise LeadLostError(
            "another process leads this node and did not publish in time; `foedus doctor` there"
        )

    def _note(self) -> bytes:
        try:
            return self._files.ledger.read(CHECKPOINT_PATH)
        except TileError:
            return b""

    def _local(self) -> Checkpoint | None:
        try:
            return open_checkpoint(self._note(), self._files.signer.verifier)
        except (CheckpointError, LedgerError):
            return None


def _refuse_behind(head: Checkpoint | None, count: int) -> None:
    if head is not None and count < head.size:
        raise RollbackError(f"{count} entries, but a head of {head.size} was guarded before")
