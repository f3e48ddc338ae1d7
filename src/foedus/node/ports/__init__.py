"""What a node's operations need from outside: storage, peers, randomness.

One transaction object gives narrow stores as attributes, so that item state, ledger entry and feed
rows of one act commit together or not at all. Promises every implementation keeps:

* ``Database.write()`` is exclusive: one writer at a time over all processes of the node. Leaving
  the block without an exception commits durably before returning; an exception rolls back all.
* ``Database.read()`` sees one consistent snapshot and never blocks a writer.
* Positions, log indexes and ``added`` instants are given inside the writing transaction, so order
  of visibility is order of position.
* ``added`` instants are unique and strictly increasing within one database.
"""

from foedus.node.ports.collections import (
    CollectionRow,
    CollectionStore,
    ObjectRow,
    ObjectVersion,
    PageRow,
    Selection,
)
from foedus.node.ports.database import Database, Transaction
from foedus.node.ports.grounds import (
    ApprovalRow,
    ConsentRow,
    DutyKind,
    DutyRow,
    DutySide,
    DutyStore,
    GroundStore,
    NewApproval,
    NewConsent,
    NewDuty,
)
from foedus.node.ports.items import (
    EVERY_STATE,
    ItemFilter,
    ItemRow,
    ItemState,
    ItemStore,
    NewItem,
    Posting,
    SourceRow,
    SourceStore,
    Stored,
    StoredOutcome,
)
from foedus.node.ports.lanes import (
    AwaitingBatch,
    BatchRow,
    FeedRow,
    FeedStore,
    InboxStore,
    InCursor,
    NewBatch,
    NewQuarantine,
    OutLane,
    QuarantineRow,
    QuarantineStore,
    Receipted,
)
from foedus.node.ports.law import LawStore, LedgerRow, LedgerStore, PeerRow, PeerStore
from foedus.node.ports.people import (
    Act,
    ActStore,
    Alarm,
    AlarmStore,
    HitRow,
    HitState,
    HitStore,
    NewHit,
    PeopleStore,
    TokenGrant,
    TokenRow,
    UserRow,
)
from foedus.node.ports.witness import (
    CosignedLog,
    ForkRow,
    HeardHead,
    OwnHead,
    WitnessRow,
    WitnessStore,
)

__all__ = [
    "EVERY_STATE",
    "Act",
    "ActStore",
    "Alarm",
    "AlarmStore",
    "ApprovalRow",
    "AwaitingBatch",
    "BatchRow",
    "CollectionRow",
    "CollectionStore",
    "ConsentRow",
    "CosignedLog",
    "Database",
    "DutyKind",
    "DutyRow",
    "DutySide",
    "DutyStore",
    "FeedRow",
    "FeedStore",
    "ForkRow",
    "GroundStore",
    "HeardHead",
    "HitRow",
    "HitState",
    "HitStore",
    "InCursor",
    "InboxStore",
    "ItemFilter",
    "ItemRow",
    "ItemState",
    "ItemStore",
    "LawStore",
    "LedgerRow",
    "LedgerStore",
    "NewApproval",
    "NewBatch",
    "NewConsent",
    "NewDuty",
    "NewHit",
    "NewItem",
    "NewQuarantine",
    "ObjectRow",
    "ObjectVersion",
    "OutLane",
    "OwnHead",
    "PageRow",
    "PeerRow",
    "PeerStore",
    "PeopleStore",
    "Posting",
    "QuarantineRow",
    "QuarantineStore",
    "Receipted",
    "Selection",
    "SourceRow",
    "SourceStore",
    "Stored",
    "StoredOutcome",
    "TokenGrant",
    "TokenRow",
    "Transaction",
    "UserRow",
    "WitnessRow",
    "WitnessStore",
]
