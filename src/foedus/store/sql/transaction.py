"""One transaction: the narrow stores over one session."""

from __future__ import annotations

from foedus.model.identifiers import MemberId
from foedus.store.sql.accounts import StoredAccounts
from foedus.store.sql.acts import StoredActs
from foedus.store.sql.alarms import StoredAlarms
from foedus.store.sql.challenges import StoredChallenges
from foedus.store.sql.collections import StoredCollections
from foedus.store.sql.duties import StoredDuties
from foedus.store.sql.erasure import StoredErasure
from foedus.store.sql.feeds import StoredFeeds
from foedus.store.sql.grounds import StoredGrounds
from foedus.store.sql.hits import StoredHits
from foedus.store.sql.inbox import StoredInbox
from foedus.store.sql.items import StoredItems
from foedus.store.sql.journal import StoredJournal
from foedus.store.sql.law import StoredLaw
from foedus.store.sql.links import StoredLinks
from foedus.store.sql.onward import StoredOnward
from foedus.store.sql.orders import StoredOrders
from foedus.store.sql.peers import StoredPeers
from foedus.store.sql.people import StoredPeople
from foedus.store.sql.quarantine import StoredQuarantine
from foedus.store.sql.readings import StoredReadings
from foedus.store.sql.recovery import StoredRecovery
from foedus.store.sql.requests import StoredRequests
from foedus.store.sql.retention import StoredRetention
from foedus.store.sql.session import Session
from foedus.store.sql.sources import StoredSources
from foedus.store.sql.webhooks import StoredWebhooks
from foedus.store.sql.withheld import StoredWithheld
from foedus.store.sql.witness import StoredWitness

__all__ = ["StoredTransaction"]


class StoredTransaction:
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
        collections: Collections of own tools, and what became of posts.
        acts: The journal of acts.
        alarms: What is wrong now.
        recovery: What a restored node must make good.
        witness: Heads, cosignatures and proofs of forks.
        webhooks: Subscriptions of own tools and their outbox.
        links: Peers that could not be followed of late.
        withheld: Places that wait to be erased, what a restore left unheard, backups made.
        orders: Orders: what was ordered of whom, and how far each holder has come.
        retention: Review and expiry dates of what is held, and what was purged by them.
        readings: Who read personal data, when and for what purpose; what was exported.
        requests: Requests for information, asked and received, and their clocks.
        onward: Consents asked for, who passed what on to whom, feedback and deconfliction.
        challenges: Challenges of persons against what is held on them.
        accounts: How people of this node sign on: secrets as hashes, second factors, sessions.
    """

    __slots__ = (
        "accounts",
        "acts",
        "alarms",
        "challenges",
        "collections",
        "duties",
        "erasure",
        "feeds",
        "grounds",
        "hits",
        "inbox",
        "items",
        "law",
        "ledger",
        "links",
        "onward",
        "orders",
        "peers",
        "people",
        "quarantine",
        "readings",
        "recovery",
        "requests",
        "retention",
        "sources",
        "webhooks",
        "withheld",
        "witness",
    )

    def __init__(self, session: Session, member: MemberId) -> None:
        self.items = StoredItems(session, member)
        self.sources = StoredSources(session)
        self.law = StoredLaw(session)
        self.peers = StoredPeers(session)
        self.ledger = StoredJournal(session)
        self.feeds = StoredFeeds(session)
        self.links = StoredLinks(session)
        self.inbox = StoredInbox(session)
        self.quarantine = StoredQuarantine(session)
        self.grounds = StoredGrounds(session)
        self.duties = StoredDuties(session)
        self.erasure = StoredErasure(session)
        self.hits = StoredHits(session)
        self.people = StoredPeople(session)
        self.collections = StoredCollections(session)
        self.acts = StoredActs(session)
        self.alarms = StoredAlarms(session)
        self.recovery = StoredRecovery(session)
        self.withheld = StoredWithheld(session)
        self.witness = StoredWitness(session)
        self.webhooks = StoredWebhooks(session)
        self.orders = StoredOrders(session)
        self.retention = StoredRetention(session)
        self.readings = StoredReadings(session)
        self.requests = StoredRequests(session)
        self.onward = StoredOnward(session)
        self.challenges = StoredChallenges(session)
        self.accounts = StoredAccounts(session)
