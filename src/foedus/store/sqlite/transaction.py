"""One transaction: the narrow stores over one session."""

from __future__ import annotations

from foedus.model.identifiers import MemberId
from foedus.store.sqlite.acts import SQLiteActs
from foedus.store.sqlite.alarms import SQLiteAlarms
from foedus.store.sqlite.duties import SQLiteDuties
from foedus.store.sqlite.erasure import SQLiteErasure
from foedus.store.sqlite.feeds import SQLiteFeeds
from foedus.store.sqlite.grounds import SQLiteGrounds
from foedus.store.sqlite.hits import SQLiteHits
from foedus.store.sqlite.inbox import SQLiteInbox
from foedus.store.sqlite.items import SQLiteItems
from foedus.store.sqlite.journal import SQLiteJournal
from foedus.store.sqlite.law import SQLiteLaw
from foedus.store.sqlite.peers import SQLitePeers
from foedus.store.sqlite.people import SQLitePeople
from foedus.store.sqlite.quarantine import SQLiteQuarantine
from foedus.store.sqlite.recovery import SQLiteRecovery
from foedus.store.sqlite.session import Session
from foedus.store.sqlite.sources import SQLiteSources
from foedus.store.sqlite.witness import SQLiteWitness

__all__ = ["SQLiteTransaction"]


class SQLiteTransaction:
    """Implements :class:`foedus.node.ports.Transaction`.

    Attributes:
        items: Item versions.
        sources: What was submitted.
        law: Treaties and instruments.
        peers: Members introduced here.
        ledger: The journal of log entries.
        feeds: Outgoing lanes.
        inbox: Incoming lanes.
        quarantine: What was refused on arrival.
        grounds: Approvals and consents.
        duties: Deadlines that releases set.
        erasure: What was erased by order.
        hits: Questions for people.
        people: Users and tokens.
        acts: The journal of acts.
        alarms: What is wrong now.
        recovery: What a restored node must make good.
        witness: Heads, cosignatures and proofs of forks.
    """

    __slots__ = (
        "acts",
        "alarms",
        "duties",
        "erasure",
        "feeds",
        "grounds",
        "hits",
        "inbox",
        "items",
        "law",
        "ledger",
        "peers",
        "people",
        "quarantine",
        "recovery",
        "sources",
        "witness",
    )

    def __init__(self, session: Session, member: MemberId) -> None:
        self.items = SQLiteItems(session, member)
        self.sources = SQLiteSources(session)
        self.law = SQLiteLaw(session)
        self.peers = SQLitePeers(session)
        self.ledger = SQLiteJournal(session)
        self.feeds = SQLiteFeeds(session)
        self.inbox = SQLiteInbox(session)
        self.quarantine = SQLiteQuarantine(session)
        self.grounds = SQLiteGrounds(session)
        self.duties = SQLiteDuties(session)
        self.erasure = SQLiteErasure(session)
        self.hits = SQLiteHits(session)
        self.people = SQLitePeople(session)
        self.acts = SQLiteActs(session)
        self.alarms = SQLiteAlarms(session)
        self.recovery = SQLiteRecovery(session)
        self.witness = SQLiteWitness(session)
