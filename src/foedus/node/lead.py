"""Which process of a node leads: publishes its log, pulls, asks witnesses, delivers.

Two ways, one for each kind of store:

* One data directory (:class:`foedus.store.file_lead.FileLead`): a lock file, which the system takes
  from a process that ends, and from nobody else.
* Several machines with one database (:class:`LeaseLead`): a lease with a fence number. A process
  counts itself out a little before the lease runs out, by its own clock, from the moment before it
  asked; and whatever it writes as the leader names its fence, so that one that was stopped in
  between finds it gone.

What keeps a log from being forked is not the lease: it is that heads are moved by compare-and-swap
(:class:`FencedGuard`), and that whoever begins to lead on other files than the last leader's first
asks the witnesses (:mod:`foedus.node.learn_head`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

from foedus.ledger.checkpoint import Checkpoint
from foedus.ledger.errors import RollbackError
from foedus.ledger.log import HeadGuard
from foedus.node.errors import LeadLostError
from foedus.node.ports.lease import LeaseStore

__all__ = ["LEASE_S", "RENEW_S", "FencedGuard", "Lead", "LeaseLead", "guard_shared"]

LEASE_S: Final = 6.0
"""How long a lease lasts that nobody renews, in seconds: how long a dead machine is waited for."""

RENEW_S: Final = 1.0
"""How often the leader renews it, in seconds."""

_MARGIN_S: Final = 1.0
"""How long before its end the leader counts itself out, in seconds."""


class Lead(Protocol):
    """The leading of one node; used by several threads."""

    @property
    def held(self) -> bool:
        """Whether this process leads now."""
        ...

    @property
    def unsure(self) -> bool:
        """Whether the files here may not know the newest head: another's did, before."""
        ...

    def take(self) -> bool:
        """Begin to lead if nobody does; return whether this process leads."""
        ...

    def learnt(self) -> None:
        """Note that the files here know the newest head.

        Raises:
            LeadLostError: This process does not lead.
        """
        ...

    def keep(self) -> bool:
        """Go on leading; False if the lead is lost. Called every :data:`RENEW_S`."""
        ...

    def leave(self) -> None:
        """Lead no more; nothing is done by who does not."""
        ...

    def elsewhere(self) -> bool:
        """Whether another process leads."""
        ...


class LeaseLead:
    """Leading by a lease in the database."""

    def __init__(
        self,
        store: LeaseStore,
        *,
        holder: str,
        place: str,
        lease_s: float = LEASE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; nothing is taken yet.

        Args:
            store: Keeps the lease.
            holder: Names this process; unpredictable.
            place: Names the data directory.
            lease_s: How long a lease lasts, in seconds.
            clock: Seconds that never go back and go on while the process is stopped.
        """
        self._store = store
        self._holder = holder
        self._place = place
        self._lease_s = lease_s
        self._clock = clock
        self._lock = threading.Lock()
        self._fence = 0
        self._until = 0.0
        self._unsure = False

    @property
    def store(self) -> LeaseStore:
        """What keeps the lease."""
        return self._store

    @property
    def held(self) -> bool:
        """Whether this process leads, as far as it can know without asking."""
        with self._lock:
            return self._fence > 0 and self._clock() < self._until

    @property
    def unsure(self) -> bool:
        """Whether the last leader who knew the newest head worked on other files."""
        return self._unsure

    @property
    def fence(self) -> tuple[str, int]:
        """The holder and fence under which the leader writes.

        Raises:
            LeadLostError: This process does not lead.
        """
        with self._lock:
            if self._fence == 0 or self._clock() >= self._until:
                raise LeadLostError("another process leads this node, or will: nothing was signed")
            return self._holder, self._fence

    def take(self) -> bool:
        """Take the lease if it is free."""
        if self.held:
            return True
        asked = self._clock()
        taken = self._store.take(self._holder, for_s=self._lease_s)
        with self._lock:
            self._fence = 0 if taken is None else taken.fence
            self._until = asked + self._lease_s - _MARGIN_S
            self._unsure = taken is not None and taken.place != self._place
        return taken is not None

    def learnt(self) -> None:
        """Name this place in the lease."""
        holder, fence = self.fence
        self._store.settle(holder, fence, self._place)
        self._unsure = False

    def keep(self) -> bool:
        """Renew the lease."""
        with self._lock:
            fence = self._fence
        if fence == 0:
            return False
        asked = self._clock()
        kept = self._store.renew(self._holder, fence, for_s=self._lease_s)
        with self._lock:
            if kept and self._fence == fence:
                self._until = asked + self._lease_s - _MARGIN_S
            elif self._fence == fence:
                self._fence = 0
        return kept

    def leave(self) -> None:
        """Let the lease go."""
        with self._lock:
            fence, self._fence = self._fence, 0
        if fence:
            self._store.release(self._holder, fence)

    def elsewhere(self) -> bool:
        """Whether another process holds it."""
        row = self._store.row()
        return row is not None and row.live and row.holder != self._holder


def guard_shared(own: HeadGuard, shared: Checkpoint) -> None:
    """Guard on this disk the head that all machines shared, before this one goes on alone.

    Raises:
        RollbackError: The guard here knows another head of that size.
        LedgerError: The guard cannot be read, or the head is not known to be stored.
    """
    known = own.load()
    newest = _newer(known, shared)
    if newest != known:
        own.advance(known, newest)


def _newer(own: Checkpoint | None, shared: Checkpoint) -> Checkpoint:
    if own is None or own.origin != shared.origin or own.size < shared.size:
        return shared
    if own.size == shared.size and own.root != shared.root:
        raise RollbackError(
            f"the guard and the database keep different heads of {own.size}: an older store "
            "was put in place: `foedus recover`"
        )
    return own


class FencedGuard:
    """The guard of a head that several machines may move: this disk's, and the shared one.

    The newer of the two counts. A head is moved in the database first, under the fence, and here
    second; only then is it signed.
    """

    def __init__(self, own: HeadGuard, lead: LeaseLead, origin: str) -> None:
        """Guard the head of a log.

        Args:
            own: The guard on this machine's disk.
            lead: Whose fence is named.
            origin: The log.
        """
        self._own = own
        self._lead = lead
        self._origin = origin

    def load(self) -> Checkpoint | None:
        """Return the newest head that may have been signed, as far as is known here.

        Raises:
            RollbackError: The two contradict one another.
            LedgerError: One cannot be read.
        """
        own, shared = self._own.load(), self._lead.store.head(self._origin)
        return own if shared is None else _newer(own, shared.head)

    def advance(self, old: Checkpoint | None, new: Checkpoint) -> None:
        """Replace ``old`` by ``new`` in both places.

        Raises:
            LeadLostError: This process does not lead.
            HeadMovedError: Another head is guarded now.
            LedgerError: It is not known to be stored.
        """
        holder, fence = self._lead.fence
        if self._lead.unsure:
            raise LeadLostError("the newest head is not known here yet: nothing was signed")
        self._lead.store.advance(old, new, holder=holder, fence=fence)
        self._own.advance(self._own.load(), new)
        _ = self._lead.fence  # the last look before the signature

    def learn(self, newest: Checkpoint) -> None:
        """Guard a head that others show and that the entries here were seen to lead to.

        Raises:
            LedgerError: It is not known to be stored.
        """
        known = self.load()
        if known is None or known.size < newest.size:
            self._own.advance(self._own.load(), newest)
