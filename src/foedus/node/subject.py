"""Everything this node knows about a person: held, given, received, matched, exported, asked.

For the data-protection officer, who answers a person or examines a complaint. What is looked for is
given as values (an e-mail address, a document number) and names. An item is found when

1. it carries one of the values as a selector, in whatever state it stands: held, draft, restricted,
   quarantined, awaiting its law;
2. the words of its name and text hold all words of one of them; or
3. it stands apart from the word index (restricted, quarantined, awaiting) and its bytes hold one.

Every further source is one function in :data:`SOURCES`: it is given the subject and returns what it
knows. A source reads; none changes anything.

The search is noted as a reading, with a code of the values under the node's secret. What it finds
says where each item is, whose it is, who was given it under which article, and until when it is
kept: what Convention Article 19 has a person told, unless a ground forbids it. Whether it may be
told is for the officer to decide, not for this list.

Spec: design §1 (data-protection officer); Convention Articles 18 to 20.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec

from foedus.access import Actor, Role, require_role
from foedus.clock import from_micros
from foedus.model.identifiers import LocalNumber
from foedus.model.selectors import Selector, SelectorError, SelectorKind, normalise
from foedus.model.terms import parse_terms
from foedus.node.challenge_cases import marks_of
from foedus.node.context import Node, note_act
from foedus.node.errors import RefusedError
from foedus.node.find import find_items, read_value
from foedus.node.ports import ItemFilter, ItemRow, ItemState, Selection, Transaction
from foedus.node.readings import note_reading, search_mark

__all__ = [
    "SOURCES",
    "Finding",
    "FoundItem",
    "Subject",
    "SubjectQuery",
    "SubjectReport",
    "find_subject",
]

_MAX_ITEMS: Final = 10_000
_PAGE: Final = 500
_MAX_VALUES: Final = 50
_INDEXED: Final = frozenset({ItemState.HELD, ItemState.DRAFT})
_APART: Final = frozenset({ItemState.RESTRICTED, ItemState.QUARANTINED, ItemState.AWAITING})
_SHOWN: Final = _INDEXED | _APART


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectQuery:
    """What is asked.

    Attributes:
        values: Values and names of the person, as typed; ``name:…`` says that it is a name.
        purpose: Why; it is kept with the reading, so it should name nobody.
        case: Reference of the request or complaint this answers, or "".
    """

    values: tuple[str, ...] = field(repr=False)
    purpose: str
    case: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundItem:
    """One item version about the person.

    Attributes:
        by: What it was found by: selectors of a value, or ``words``.
    """

    row: ItemRow
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What sources are given.

    Attributes:
        selectors: Every selector that a value may be.
        needles: The values as they may stand in a text, folded.
        items: Item versions found, newest first.
    """

    selectors: frozenset[Selector] = field(repr=False)
    needles: frozenset[str] = field(repr=False)
    items: tuple[FoundItem, ...]

    @property
    def handles(self) -> list[int]:
        """Handles of the items found."""
        return [each.row.handle for each in self.items]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing a source knows.

    Attributes:
        what: In one line, for people.
        item: Local number or id of the item it is about; "" for none.
        member: Whom it concerns; "" for none.
        at: When; None where that is not known.
        details: More of it, by name.
    """

    what: str
    item: str = ""
    member: str = ""
    at: datetime | None = None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectReport:
    """The answer.

    Attributes:
        number: Of the reading that says that it was asked.
        at: When.
        found: By source, in the order of :data:`SOURCES`; empty lists included, for "nothing" is an
            answer too.
        complete: Whether everything found is listed; False where a bound was met.
    """

    number: int
    at: datetime
    items: tuple[FoundItem, ...]
    found: dict[str, list[Finding]]
    complete: bool


def find_subject(node: Node, actor: Actor, query: SubjectQuery) -> SubjectReport:
    """Find everything known here about a person.

    Args:
        node: The node.
        actor: The data-protection officer.
        query: Who, and why.

    Raises:
        AccessDeniedError: The actor is no data-protection officer.
        RefusedError: No value or purpose is given, or too many values.
    """
    require_role(actor, Role.OFFICER)
    values = [each.strip() for each in query.values if each.strip()]
    if not values or len(values) > _MAX_VALUES:
        raise RefusedError(f"name the person by 1 to {_MAX_VALUES} values or names")
    if not query.purpose.strip():
        raise RefusedError("say what the search is for (--purpose)")
    purpose = f"{query.purpose.strip()} [{query.case.strip()}]" if query.case else query.purpose
    with node.database.write() as tx:
        # Noted first: a search that fails half-way was still made.
        subject, complete = _subject(tx, values)
        mark = search_mark(node, [_folded(each) for each in values])
        number = note_reading(tx, node, actor, "subject find", subject.handles, purpose, mark=mark)
        note_act(tx, node, actor, "subject.find", f"reading {number}")
    with node.database.read() as tx:
        found = {name: source(tx, node, subject) for name, source in SOURCES.items()}
    return SubjectReport(
        number=number,
        at=node.clock.now(),
        items=subject.items,
        found=found,
        complete=complete,
    )


def _subject(tx: Transaction, values: Sequence[str]) -> tuple[Subject, bool]:
    selectors = {each for value in values for each in _selectors(value)}
    plain = [_plain(value) for value in values]
    needles = {_folded(each) for each in plain} | {_folded(each.value) for each in selectors}
    found: dict[int, set[str]] = {}
    carriers = tx.challenges.carriers(selectors, limit=_MAX_ITEMS) if selectors else ()
    for handle, carried in tx.items.selectors(list(carriers)).items():
        found[handle] = {str(each.kind.value) for each in carried & selectors} or {"selector"}
    for text in plain:
        which = ItemFilter(states=_INDEXED, text=text, unheard=True)
        for row in find_items(tx, which, limit=_MAX_ITEMS):
            found.setdefault(row.handle, set()).add("words")
    for row in _apart_with(tx, needles):
        found.setdefault(row.handle, set()).add("bytes")
    rows = [row for row in tx.items.rows(sorted(found, reverse=True)) if row.state in _SHOWN]
    items = tuple(FoundItem(row=row, by=tuple(sorted(found[row.handle]))) for row in rows)
    subject = Subject(selectors=frozenset(selectors), needles=frozenset(needles), items=items)
    return subject, len(carriers) < _MAX_ITEMS and len(items) < _MAX_ITEMS


def _plain(value: str) -> str:
    kind, separator, rest = value.partition(":")
    return rest if separator and kind in {each.value for each in SelectorKind} else value


def _selectors(value: str) -> list[Selector]:
    try:
        found = read_value(value)
    except SelectorError:
        found = []
    try:  # whatever else it may be, a person's value may be a name
        return [*found, normalise(SelectorKind.NAME, _plain(value))]
    except SelectorError:
        return found


def _apart_with(tx: Transaction, needles: set[str]) -> Iterator[ItemRow]:
    """Rule 3."""
    rows = find_items(tx, ItemFilter(states=_APART))
    for start in range(0, len(rows), _PAGE):
        page = {row.handle: row for row in rows[start : start + _PAGE]}
        for handle, raw in tx.items.raw(list(page)).items():
            if _holds(raw, needles):
                yield page[handle]


def _holds(raw: bytes, needles: frozenset[str] | set[str]) -> bool:
    """Return whether a document's text holds a needle, however its JSON is written."""
    text = raw.decode(errors="replace")
    if "\\u" in text:
        with suppress(ValueError, RecursionError):  # no JSON: its bytes as they are
            text = msgspec.json.encode(msgspec.json.decode(raw)).decode()
    folded = _folded(text)
    return any(needle and needle in folded for needle in needles)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def _name(row: ItemRow) -> str:
    number: LocalNumber | None = row.number
    return str(number or row.key.object_id)


def _here(tx: Transaction, node: Node, subject: Subject) -> list[Finding]:
    """Say what stands here, on what terms and until when."""
    ids = sorted({each.row.terms_id for each in subject.items if each.row.terms_id is not None})
    terms = {each: parse_terms(raw) for each, raw in tx.items.terms(ids).items()}
    dates = {each.handle: each for each in tx.retention.of(subject.handles)}
    found = []
    for each in subject.items:
        row, said, dated = each.row, None, dates.get(each.row.handle)
        if row.terms_id is not None:
            said = terms[row.terms_id]
        found.append(
            Finding(
                what=f"{row.state.value}: {row.type}",
                item=_name(row),
                member=row.key.originator,
                at=row.added,
                details={
                    "id": row.key.object_id,
                    "version": row.key.version,
                    "own": row.key.originator == node.identity.member,
                    "found_by": list(each.by),
                    "person": "" if said is None else said.person.value,
                    "purposes": [] if said is None else sorted(said.purposes),
                    "legal_basis": "" if said is None else said.legal_basis,
                    "grade": "" if said is None else f"{said.source}{said.information}",
                    "review": None if said is None else said.review,
                    "ends": None if dated is None else dated.ends,
                    "kept": "" if dated is None else dated.kept,
                },
            )
        )
    return found


def _received(tx: Transaction, node: Node, subject: Subject) -> list[Finding]:  # noqa: ARG001  # as every source
    return [
        Finding(
            what="received",
            item=_name(each.row),
            member=each.row.received_from,
            at=each.row.added,
            details={"originator": each.row.key.originator, "treaty": each.row.received_under},
        )
        for each in subject.items
        if each.row.received_from is not None
    ]


def _disclosed(tx: Transaction, node: Node, subject: Subject) -> list[Finding]:  # noqa: ARG001  # as every source
    return [
        Finding(
            what=f"given under Article {given.article}"
            + (", redacted" if given.handle != each.row.handle else ""),
            item=_name(each.row),
            member=given.recipient,
            at=given.at,
            details={
                "treaty": given.treaty,
                "article": given.article,
                "log_entry": given.entry_index,
            },
        )
        for each in subject.items
        for given in tx.feeds.disclosures(each.row.handle)
    ]


def _onward(tx: Transaction, node: Node, subject: Subject) -> list[Finding]:  # noqa: ARG001  # as every source
    return [
        Finding(what=f"passed on to it by {via}", item=_name(each.row), member=holder, at=at)
        for each in subject.items
        for holder, via, at in tx.onward.onward_of(each.row.handle)
    ]


def _refused(tx: Transaction, node: Node, subject: Subject) -> list[Finding]:  # noqa: ARG001  # as every source
    """Read the whole quarantine: it is kept out of every index."""
    found: list[Finding] = []
    after = 0
    while True:
        page = tx.quarantine.page(after=after, limit=_PAGE)
        found += [
            Finding(
                what=f"refused: {row.entry.code}",
                item=row.entry.object_id,
                member=row.entry.sender,
                at=row.entry.at,
                details={"quarantine": row.handle, "reason": row.entry.reason},
            )
            for row in page
            if _holds(row.entry.raw, subject.needles)
        ]
        if len(page) < _PAGE:
            return found
        after = page[-1].handle


def _collected(tx: Transaction, node: Node, subject: Subject) -> list[Finding]:  # noqa: ARG001  # as every source
    """Read every named collection: what tools put there is in no index of values."""
    found: list[Finding] = []
    for collection in tx.collections.all():
        after = 0
        while True:
            every = Selection(after=after, every=True)
            page = tx.collections.page(collection.number, every, limit=_PAGE)
            found += [
                Finding(
                    what=f"in collection {collection.name}",
                    item=object_id,
                    at=from_micros(added),
                    details={"version": version},
                )
                for added, object_id, version, raw in page
                if _holds(raw, subject.needles)
            ]
            if len(page) < _PAGE:
                break
            after = page[-1][0]
    return found


def _matched(tx: Transaction, node: Node, subject: Subject) -> list[Finding]:  # noqa: ARG001  # as every source
    wanted = set(subject.handles)
    found: list[Finding] = []
    after = 0
    while True:
        page = tx.hits.page(states=frozenset(), after=after, limit=_PAGE)
        found += [
            Finding(
                what=f"hit {row.number} ({row.hit.selector.kind.value}): {row.state.value}",
                at=row.hit.at,
                details={"how": row.hit.how, "by": row.by},
            )
            for row in page
            if row.hit.selector in subject.selectors or wanted & {row.hit.arrived, row.hit.held}
        ]
        if len(page) < _PAGE:
            return found
        after = page[-1].number


def _requested(tx: Transaction, node: Node, subject: Subject) -> list[Finding]:  # noqa: ARG001  # as every source
    return [
        Finding(
            what=f"request {row.name} ({row.side.value}): {row.state.value}",
            member=row.member,
            at=row.at,
            details={"purpose": row.purpose, "urgency": row.urgency.value, "due": row.due},
        )
        for row in tx.requests.of_items(subject.handles)
    ]


def _consented(tx: Transaction, node: Node, subject: Subject) -> list[Finding]:  # noqa: ARG001  # as every source
    keys = {each.row.key: _name(each.row) for each in subject.items}
    found: list[Finding] = []
    after = 0
    while True:
        page = tx.grounds.consents(after=after, limit=_PAGE)
        found += [
            Finding(
                what=("consent given" if row.consent.given else "consent received")
                + ("" if row.withdrawn is None else ", withdrawn"),
                item=keys[row.consent.item],
                member=row.consent.recipient,
                at=row.consent.at,
                details={"purpose": row.consent.purpose, "until": row.consent.until},
            )
            for row in page
            if row.consent.item in keys
        ]
        if len(page) < _PAGE:
            return found
        after = page[-1].number


def _challenged(tx: Transaction, node: Node, subject: Subject) -> list[Finding]:
    names = {each.row.handle: _name(each.row) for each in subject.items}
    cases = tx.challenges.marked(marks_of(node, subject.selectors))
    return [
        *(Finding(what=f"{kind.value} {number}: gave one of these") for kind, number in cases),
        *(
            Finding(what=f"blocked by challenge {name}", item=names[handle])
            for handle, name in sorted(tx.challenges.blocking(subject.handles).items())
        ),
    ]


def _exported(tx: Transaction, node: Node, subject: Subject) -> list[Finding]:  # noqa: ARG001  # as every source
    return [
        Finding(
            what=f"{row.export.kind.value} {row.number}: {row.export.state.value}",
            at=row.export.at,
            details={
                "user": row.export.user,
                "place": row.export.place,
                "purpose": row.export.purpose,
            },
        )
        for row in tx.readings.exports_of(subject.handles)
    ]


def _read_by(tx: Transaction, node: Node, subject: Subject) -> list[Finding]:  # noqa: ARG001  # as every source
    return [
        Finding(
            what=f"{row.reading.what} by {row.reading.user or 'nobody named'}",
            at=row.reading.at,
            details={"purpose": row.reading.purpose, "reading": row.number},
        )
        for row in tx.readings.of_items(subject.handles, before=None, limit=_PAGE)
    ]


SOURCES: Final[dict[str, Callable[[Transaction, Node, Subject], list[Finding]]]] = {
    "here": _here,
    "received": _received,
    "disclosed": _disclosed,
    "passed on": _onward,
    "refused": _refused,
    "collections": _collected,
    "hits": _matched,
    "requests": _requested,
    "consents": _consented,
    "challenges": _challenged,
    "exports": _exported,
    "readings": _read_by,
}
"""Every place that may know of a person, by its name in the answer. Add a line for a new one."""
