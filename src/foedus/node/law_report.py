"""The law of one treaty at an instant, gathered for people: members, pairs, instruments, story.

Nothing here is stored and nothing decides: each figure is that of :mod:`foedus.treaty` for the
instruments held now. Pairs are worked out from one row per member when they are asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import Final

from foedus.canonical import JSONValue
from foedus.clock import instant_text
from foedus.model.identifiers import ArticleId, MemberId, ObjectId, TreatyId
from foedus.node.law_words import day, event_words, kind_of, says, witnessing_words
from foedus.node.lawbook import LawView
from foedus.treaty.articles import Treaty, Witnessing
from foedus.treaty.diff import witnessing_changes
from foedus.treaty.durations import duration_text
from foedus.treaty.in_force import Held, MemberStatus, PairLaw, TreatyStatus
from foedus.treaty.instrument import Accession, Instrument, Ratification, Withdrawal
from foedus.treaty.instrument_set import Conflict
from foedus.treaty.pair_table import PairTable, table_of
from foedus.treaty.standing import Stage, said_only
from foedus.treaty.timeline import Event, What, timeline

__all__ = [
    "MAX_ALL_PAIRS",
    "InstrumentLine",
    "LawReport",
    "MemberLine",
    "conflict_proof",
    "instrument_lines",
    "law_report",
    "pairs_of",
]

MAX_ALL_PAIRS: Final = 40
"""With more members than this, a page shows the pairs of one member only."""

_CHANGES: Final = frozenset({What.LEFT, What.RESUMED, What.PARTY, What.SUSPENDED, What.ADMITTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentLine:
    """One instrument about a treaty, or about a member's keys, with what it brought about.

    Attributes:
        kind: What it is called.
        says: What it says beyond its kind.
        effect: What the rules made of it, in words.
    """

    instrument: Instrument
    kind: str
    says: str
    effect: str

    def document(self) -> dict[str, JSONValue]:
        """Return the line as a JSON object."""
        one = self.instrument
        return {
            "member": one.member,
            "serial": one.serial,
            "kind": self.kind,
            "says": self.says,
            "issued": instant_text(one.issued),
            "effect": self.effect,
            "instrument": one.id,
            "treaty": one.treaty,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberLine:
    """Where one member stands, and what will change that by what is held now.

    Attributes:
        ahead: Later happenings that change its stage, by instant.
    """

    status: MemberStatus
    ahead: tuple[Event, ...]

    @property
    def until(self) -> datetime | None:
        """When its stage changes next; None if nothing held changes it."""
        return self.ahead[0].at if self.ahead else None

    @property
    def remarks(self) -> str:
        """Everything about it that a table of stages does not show, in words."""
        one = self.status
        said = [] if one.blocked is None else [f"no new releases: {one.blocked}"]
        if one.acceded:
            said.append("by accession")
        if one.denounced_from is not None and self.ahead:
            said.append(f"denounced, in effect from {day(one.denounced_from)}")
        for each in one.objections:
            opposing = ", opposing the treaty with it" if each.opposing else ""
            said.append(f"objects to {each.to} on {', '.join(sorted(each.articles))}{opposing}")
        said.extend(f"accepts the amendment {text[:12]}" for text in one.accepted)
        return "; ".join((*said, *one.notes))


@dataclass(frozen=True, slots=True, kw_only=True)
class LawReport:
    """The law of one treaty at an instant.

    Attributes:
        view: The law as it is known here.
        at: The instant.
        member: Whose node says so.
        table: One row per member, from which each pair follows.
        members: By id.
        events: Everything that happened and will, by what is held.
        instruments: Those about this treaty, by member and number.
        held: Instruments dated further ahead than the treaty tolerates.
        conflicts: Numbers used twice.
        refused: Documents that do not verify, with the reason.
        digest: Of the set of instruments held.
    """

    view: LawView
    treaty: Treaty
    at: datetime
    member: MemberId
    status: TreatyStatus
    table: PairTable
    members: tuple[MemberLine, ...]
    events: tuple[Event, ...]
    instruments: tuple[InstrumentLine, ...]
    held: tuple[Held, ...]
    conflicts: tuple[Conflict, ...]
    refused: tuple[tuple[str, str], ...]
    digest: str

    @property
    def state(self) -> str:
        """Whether the treaty is in force, in words."""
        since = self.status.in_force_since
        if since is None:
            needed = self.treaty.entry.ratifications
            given = sum(each.stage is Stage.RATIFIED for each in self.status.members.values())
            return f"not in force; {given} of the {needed} ratifications it needs"
        words = f"in force since {day(since)}"
        if self.status.suspended_since is not None:
            words += "; its operation is suspended between all since "
            words += day(self.status.suspended_since)
        return words

    def witnessing(self) -> Iterator[str]:
        """Say what the treaty asks of witnesses, and what an adopted amendment changes of that."""
        parties = sum(each.stage is Stage.PARTY for each in self.status.members.values())
        if self.treaty.witnessing is not None:
            members = parties or len(self.treaty.parties)
            yield f"Witnessing: {witnessing_words(self.treaty.witnessing, members)}."
        for text in self.status.amendments:
            known = self.view.treaties.get(text)
            if known is not None:
                for change in witnessing_changes(self.treaty, known.treaty):
                    yield f"Amendment {text[:12]} changes {change}."

    def pairs(self) -> Iterator[PairLaw]:
        """Return what binds each pair; with many members only the pairs of :attr:`member`."""
        return pairs_of(self)

    def document(self) -> dict[str, JSONValue]:
        """Return the report as a JSON object."""
        return {
            "v": 1,
            "treaty": self.treaty.id,
            "title": self.treaty.title,
            "exercise": self.treaty.exercise,
            "at": instant_text(self.at),
            "said_by": self.member,
            "instruments_digest": self.digest,
            **said_only({"witnessing": _figures(self.treaty.witnessing)}),
            "status": self.status.document(),
            "table": self.table.document(),
            "pairs": [
                {
                    "pair": [law.sender, law.recipient],
                    "binds": law.binds,
                    "why_not": law.why_not,
                    "articles": [
                        each.id for each in self.treaty.articles if each.id in law.articles
                    ],
                    "reserved": {each: list(by) for each, by in law.reserved.items()},
                    "recognised": sorted(law.recognised),
                    "digest": law.digest,
                }
                for law in self.pairs()
            ],
            "timeline": [_event_document(event) for event in self.events],
            "instruments": [line.document() for line in self.instruments],
            "held": [_held_document(each) for each in self.held],
            "conflicts": [conflict_proof(each) for each in self.conflicts],
            "refused": [{"instrument": name, "why": why} for name, why in self.refused],
        }


def law_report(view: LawView, treaty: TreatyId, at: datetime, *, member: MemberId) -> LawReport:
    """Gather the law of one treaty at an instant.

    Args:
        view: The law as it is known here.
        treaty: Which.
        at: Aware UTC.
        member: Whose node says so.

    Raises:
        NotFoundError: The treaty is not known here.
    """
    text = view.treaty(treaty).treaty
    status = view.status(treaty, at)
    events = timeline(text, view.instruments)
    about = {each.instrument for each in status.held}
    return LawReport(
        view=view,
        treaty=text,
        at=at,
        member=member,
        status=status,
        table=table_of(text, status),
        members=tuple(
            MemberLine(
                status=each,
                ahead=tuple(
                    event
                    for event in events
                    if event.at > at and event.member == each.member and event.what in _CHANGES
                ),
            )
            for each in status.members.values()
        ),
        events=events,
        instruments=tuple(
            line for line in instrument_lines(view, treaty, events) if line.instrument.treaty
        ),
        held=tuple(each for each in view.held(at) if each.instrument in about),
        conflicts=tuple(
            each
            for each in view.instruments.conflicts
            if any(one.treaty in {None, treaty} for one in each.instruments)
        ),
        refused=view.refused,
        digest=view.instruments.digest,
    )


def instrument_lines(
    view: LawView, treaty: TreatyId, events: Sequence[Event]
) -> Iterator[InstrumentLine]:
    """Return the instruments about a treaty or about keys, by member and number.

    Args:
        view: The law as it is known here.
        treaty: Which treaty.
        events: Its timeline.
    """
    told: defaultdict[ObjectId, list[Event]] = defaultdict(list)
    for event in events:
        if event.instrument is not None:
            told[event.instrument].append(event)
    known = {one.id: one for one in view.instruments}
    taken_back = _taken_back(known, told)
    for one in view.instruments:
        if one.treaty in {None, treaty}:
            yield InstrumentLine(
                instrument=one,
                kind=kind_of(one),
                says=says(one.body, known),
                effect="; ".join((*(_effect(event) for event in told[one.id]), *taken_back[one.id]))
                or "none: its member has no place in the treaty",
            )


def pairs_of(report: LawReport, article: ArticleId | None = None) -> Iterator[PairLaw]:
    """Return what binds each pair of members, once; with many members only those of one of them.

    Args:
        report: The law of the treaty.
        article: Only pairs between which this article is in force; None for every pair.
    """
    members = sorted(report.table.rows)
    pairs = (
        combinations(members, 2)
        if len(members) <= MAX_ALL_PAIRS
        else ((report.member, other) for other in members if other != report.member)
    )
    for one, other in pairs:
        law = report.view.law(report.treaty.id, one, other, report.at).pair
        if article is None or article in law.articles:
            yield law


def conflict_proof(conflict: Conflict) -> dict[str, JSONValue]:
    """Return a proof that an authority contradicted itself, for anyone to verify.

    Each envelope is signed over a payload that names member and serial; the payloads differ.
    """
    return {
        "v": 1,
        "kind": "instrument-conflict",
        "member": conflict.member,
        "authority": conflict.authority,
        "serial": conflict.serial,
        "since": instant_text(conflict.since),
        "instruments": [one.id for one in conflict.instruments],
        "envelopes": [dict(one.envelope.document()) for one in conflict.instruments],
    }


def _taken_back(
    known: Mapping[ObjectId, Instrument], told: Mapping[ObjectId, Sequence[Event]]
) -> defaultdict[ObjectId, list[str]]:
    """Return, of what withdrawals took back, which withdrawal did and as to which articles."""
    found: defaultdict[ObjectId, list[str]] = defaultdict(list)
    for one in known.values():
        happened = any(event.what is What.WITHDREW for event in told.get(one.id, ()))
        if isinstance(one.body, Withdrawal) and happened:
            taken = known.get(one.body.of)
            consent = taken is not None and isinstance(taken.body, Ratification | Accession)
            what = "reservations taken back" if consent else "taken back"
            part = f" as to {', '.join(one.body.articles)}" if one.body.articles else ""
            found[one.body.of].append(f"{what}{part} by no. {one.serial} {day(one.issued)}")
    return found


def _effect(event: Event) -> str:
    if event.what in {What.NO_EFFECT, What.VOIDED, What.NOT_UNDERSTOOD}:
        return f"{event.what.value}: {event.detail}" if event.detail else event.what.value
    return f"{event.what.value} {day(event.at)}"


def _event_document(event: Event) -> JSONValue:
    return {
        "at": instant_text(event.at),
        "member": event.member,
        "what": event.what.value,
        "instrument": event.instrument,
        "detail": event.detail,
        "words": event_words(event),
    }


def _figures(figures: Witnessing | None) -> JSONValue:
    if figures is None:
        return None
    return {"liars": figures.liars, "unwitnessed": duration_text(figures.unwitnessed)}


def _held_document(held: Held) -> JSONValue:
    return {
        "member": held.member,
        "serial": held.serial,
        "until": instant_text(held.until),
        "instrument": held.instrument,
    }
