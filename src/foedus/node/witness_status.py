"""Where the witnessing of this node's log stands, for people and programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from foedus.ledger.errors import LedgerError
from foedus.model.identifiers import MemberId, TreatyId
from foedus.node.context import Node
from foedus.node.ports import ForkRow, HeardHead, Transaction
from foedus.node.unwitnessed import OwnWitnessing, witnessing_of
from foedus.node.witness_round import PublishedHead, published_head, witnesses_to_ask

__all__ = ["LedgerStatus", "WitnessStanding", "ledger_status"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WitnessStanding:
    """How far one member has witnessed our log.

    Attributes:
        size: The largest size it cosigned; 0 for none.
        at: When it said so, by our clock; None if never.
        can_be_asked: Whether a witness key of it is in force.
    """

    member: MemberId
    size: int
    at: datetime | None
    can_be_asked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerStatus:
    """Our log and what is known of the others'.

    Attributes:
        entries: Committed entries.
        published: The head that stands published; None before the first.
        witnesses: Every introduced member.
        unwitnessed: Entries that no member cosigned, and ``unwitnessed_since`` when the oldest of
            them was made; None for none.
        treaties: Each treaty that asks for a quorum, with where our log stands under it.
        forks: Proofs of forks held.
        heads: The newest head known of each log.
        cosigned: What this node cosigned of others' logs: (origin, size, instant).
    """

    entries: int
    published: PublishedHead | None
    witnesses: tuple[WitnessStanding, ...]
    unwitnessed: int
    unwitnessed_since: datetime | None
    treaties: Sequence[tuple[TreatyId, OwnWitnessing]]
    forks: Sequence[ForkRow] = field(default=(), repr=False)
    heads: Sequence[HeardHead] = field(default=(), repr=False)
    cosigned: Sequence[tuple[str, int, datetime]] = ()


def ledger_status(node: Node) -> LedgerStatus:
    """Return where our log and its witnessing stand now."""
    now = node.clock.now()
    try:
        published = published_head(node, node.ledger)
    except LedgerError:
        published = None
    with node.database.read() as tx:
        view = node.law.view(tx)
        entries = tx.ledger.count()
        witnesses = _witnesses(tx, node)
        most = max((each.size for each in witnesses), default=0)
        oldest = tx.ledger.row(most)
        found = [
            (treaty, witnessing_of(tx, node, compiled.treaty, view.status(treaty, now)))
            for treaty, compiled in sorted(view.treaties.items())
        ]
        return LedgerStatus(
            entries=entries,
            published=published,
            witnesses=witnesses,
            unwitnessed=max(0, entries - most),
            unwitnessed_since=None if oldest is None else oldest.at,
            treaties=[(treaty, standing) for treaty, standing in found if standing is not None],
            forks=tx.witness.forks(),
            heads=tx.witness.all_heard(),
            cosigned=[(each.origin, each.size, each.at) for each in tx.witness.cosigned_all()],
        )


def _witnesses(tx: Transaction, node: Node) -> tuple[WitnessStanding, ...]:
    known = tx.witness.witnesses()
    asked = set(witnesses_to_ask(tx, node))
    return tuple(
        WitnessStanding(
            member=row.member,
            size=known[row.member].size if row.member in known else 0,
            at=known[row.member].at if row.member in known else None,
            can_be_asked=row.member in asked,
        )
        for row in tx.peers.all()
        if row.member != node.identity.member
    )
