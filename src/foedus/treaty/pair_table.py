"""Pairs and articles: what applies between any two members, without a table of pairs.

What is kept is one row per member; a pair is worked out from two rows when it is asked for. Nothing
grows with members squared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from foedus.canonical import JSONValue
from foedus.model.identifiers import ArticleId, MemberId
from foedus.treaty.articles import Treaty
from foedus.treaty.in_force import PairLaw, Stage, TreatyStatus, law_under, status
from foedus.treaty.instrument import Instrument
from foedus.treaty.instrument_set import InstrumentSet

__all__ = ["MemberRow", "PairTable", "pair_table", "table_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRow:
    """What one member brings to each of its pairs.

    Attributes:
        member: Which.
        bound: Whether it can be bound to another at all: a party, neither suspended nor blocked.
        reserved: Articles that are in force with nobody, because of it.
        recognises: Offences it recognises.
        opposes: Members with which it keeps the treaty out of force by an objection.
    """

    member: MemberId
    bound: bool
    reserved: frozenset[ArticleId]
    recognises: frozenset[str]
    opposes: frozenset[MemberId]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTable:
    """The table, worked out cell by cell on demand.

    Attributes:
        treaty: The treaty.
        status: Its status at the instant.
        rows: One per member, by id.
    """

    treaty: Treaty
    status: TreatyStatus
    rows: Mapping[MemberId, MemberRow]

    def law(self, sender: MemberId, recipient: MemberId) -> PairLaw:
        """Return what binds a pair."""
        return law_under(self.treaty, self.status, sender, recipient)

    def cells(self, one: MemberId, other: MemberId) -> Mapping[ArticleId, str]:
        """Return for each article an empty text if it is in force between two, else why not."""
        law = self.law(one, other)
        return MappingProxyType(
            {
                article.id: law.why_not
                or (
                    f"reserved by {', '.join(law.reserved[article.id])}"
                    if article.id in law.reserved
                    else ""
                )
                for article in self.treaty.articles
            }
        )

    def document(self) -> dict[str, JSONValue]:
        """Return the rows as a canonical JSON object, from which every cell follows."""
        return {
            "v": 1,
            "treaty": self.treaty.id,
            "in_force": self.status.in_force_since is not None,
            "suspended": self.status.suspended_since is not None,
            "articles": [article.id for article in self.treaty.articles],
            "members": [
                {
                    "member": row.member,
                    "bound": row.bound,
                    "reserved": sorted(row.reserved),
                    "recognises": sorted(row.recognises),
                    "opposes": sorted(row.opposes),
                }
                for row in self.rows.values()
            ],
        }


def pair_table(
    treaty: Treaty, instruments: InstrumentSet | Iterable[Instrument], at: datetime
) -> PairTable:
    """Return pairs and articles at an instant.

    Args:
        treaty: The treaty.
        instruments: All that is held, of any member and treaty, in any order.
        at: Aware UTC.
    """
    return table_of(treaty, status(treaty, instruments, at))


def table_of(treaty: Treaty, current: TreatyStatus) -> PairTable:
    """Return pairs and articles under a status already computed."""
    rows = {
        member: MemberRow(
            member=member,
            bound=found.stage is Stage.PARTY and found.blocked is None,
            reserved=found.reserved,
            recognises=found.recognises,
            opposes=frozenset(one.to for one in found.objections if one.opposing),
        )
        for member, found in current.members.items()
    }
    return PairTable(treaty=treaty, status=current, rows=MappingProxyType(rows))
