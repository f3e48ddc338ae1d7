"""The unit of work: one transaction object gives the narrow stores as attributes."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from foedus.node.ports.accounts import AccountStore
from foedus.node.ports.challenges import ChallengeStore
from foedus.node.ports.collections import CollectionStore
from foedus.node.ports.erasure import ErasureStore
from foedus.node.ports.grounds import DutyStore, GroundStore
from foedus.node.ports.items import ItemStore, SourceStore
from foedus.node.ports.lanes import FeedStore, InboxStore, QuarantineStore
from foedus.node.ports.law import LawStore, LedgerStore, PeerStore
from foedus.node.ports.links import LinkStore
from foedus.node.ports.onward import OnwardStore
from foedus.node.ports.orders import OrderStore
from foedus.node.ports.people import ActStore, AlarmStore, HitStore, PeopleStore
from foedus.node.ports.readings import ReadingStore
from foedus.node.ports.recovery import RecoveryStore
from foedus.node.ports.requests import RequestStore
from foedus.node.ports.retention import RetentionStore
from foedus.node.ports.webhooks import WebhookStore
from foedus.node.ports.withheld import WithheldStore
from foedus.node.ports.witness import WitnessStore

__all__ = ["Database", "Transaction"]


class Transaction(Protocol):
    """One consistent view; in a writing transaction, one unit of work."""

    @property
    def items(self) -> ItemStore:
        """Item versions, their bytes, terms and selectors."""
        ...

    @property
    def sources(self) -> SourceStore:
        """What was submitted."""
        ...

    @property
    def law(self) -> LawStore:
        """Treaty texts and instruments."""
        ...

    @property
    def peers(self) -> PeerStore:
        """Members introduced to this node."""
        ...

    @property
    def ledger(self) -> LedgerStore:
        """The journal of log entries."""
        ...

    @property
    def feeds(self) -> FeedStore:
        """Outgoing lanes."""
        ...

    @property
    def inbox(self) -> InboxStore:
        """Incoming lanes."""
        ...

    @property
    def quarantine(self) -> QuarantineStore:
        """What was refused on arrival."""
        ...

    @property
    def grounds(self) -> GroundStore:
        """Approvals and consents."""
        ...

    @property
    def duties(self) -> DutyStore:
        """Deadlines that releases set."""
        ...

    @property
    def erasure(self) -> ErasureStore:
        """What was erased by order, and what is left to prove."""
        ...

    @property
    def hits(self) -> HitStore:
        """Questions for people."""
        ...

    @property
    def people(self) -> PeopleStore:
        """Users and tokens."""
        ...

    @property
    def collections(self) -> CollectionStore:
        """Collections of own tools, and what became of posts."""
        ...

    @property
    def acts(self) -> ActStore:
        """The journal of acts."""
        ...

    @property
    def alarms(self) -> AlarmStore:
        """Open alarms."""
        ...

    @property
    def webhooks(self) -> WebhookStore:
        """Who asked to be told of what, and what was sent."""
        ...

    @property
    def recovery(self) -> RecoveryStore:
        """What a restored node must make good."""
        ...

    @property
    def withheld(self) -> WithheldStore:
        """Places that wait to be erased, what a restore left unheard, backups made."""
        ...

    @property
    def witness(self) -> WitnessStore:
        """Heads, cosignatures and proofs of forks."""
        ...

    @property
    def orders(self) -> OrderStore:
        """Orders: what was ordered of whom, and how far each holder has come."""
        ...

    @property
    def retention(self) -> RetentionStore:
        """Review and expiry dates of what is held, and what was purged by them."""
        ...

    @property
    def readings(self) -> ReadingStore:
        """Who read personal data, when and for what purpose; what was exported."""
        ...

    @property
    def requests(self) -> RequestStore:
        """Requests for information, asked and received, and their clocks."""
        ...

    @property
    def onward(self) -> OnwardStore:
        """Consents asked for, who passed what on to whom, feedback and deconfliction."""
        ...

    @property
    def challenges(self) -> ChallengeStore:
        """Challenges of persons against what is held on them."""
        ...

    @property
    def accounts(self) -> AccountStore:
        """How people of this node sign on: secrets as hashes, second factors, sessions."""
        ...

    @property
    def links(self) -> LinkStore:
        """Peers that could not be followed of late."""
        ...


class Database(Protocol):
    """The node's store."""

    @property
    def at_hand(self) -> bool:
        """Whether reading asks no server: then a look-up by an index need not be waited for."""
        ...

    def read(self) -> AbstractContextManager[Transaction]:
        """Open a consistent snapshot."""
        ...

    def replica(self) -> AbstractContextManager[Transaction | None]:
        """Open a consistent snapshot of a replica; gives None where there is none, or it is away.

        It shows what was committed up to some moment of the past, in the order of commits. What it
        may be used for, see :mod:`foedus.node.read_copy`.
        """
        ...

    def write(self) -> AbstractContextManager[Transaction]:
        """Open the exclusive unit of work: commit durably on leaving, roll back on an error."""
        ...

    def forget(self) -> bool:
        """Overwrite what lingers of erased content in files beside the store proper.

        Returns:
            Whether nothing lingers now; False if another process kept it from being done.
        """
        ...
