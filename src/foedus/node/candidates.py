"""Load held items as candidates for release: bytes, terms and derivable facts, in few queries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from foedus.model.identifiers import MemberId, ObjectId
from foedus.model.markings import TLP1_MARKING_IDS, TLP_MARKING_IDS
from foedus.model.objects import StixObject, parse_object
from foedus.model.terms import parse_terms
from foedus.node.errors import RefusedError
from foedus.node.ports import ItemRow, ItemState, Transaction
from foedus.release.facts import ItemFacts, derive_facts
from foedus.release.gate import Candidate

__all__ = [
    "Loaded",
    "candidates_for",
    "concerns",
    "concerns_given",
    "known_as",
    "known_markings",
    "load_items",
]

_ABOUT_ANOTHER = frozenset({"sighting", "opinion", "note"})
_ABOUT_PROPERTIES = frozenset({"sighting_of_ref", "object_refs"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """Items read once and used for every recipient.

    Attributes:
        rows: Their rows, in the order asked.
        objects: Handle → object.
        facts: Handle → derivable facts, as for a recipient whom the item does not concern.
    """

    rows: Sequence[ItemRow]
    objects: Mapping[int, StixObject]
    facts: Mapping[int, ItemFacts]


def load_items(tx: Transaction, sender: MemberId, handles: Sequence[int]) -> Loaded:
    """Read held items with all that a decision needs.

    Raises:
        RefusedError: An item is not held (a draft, quarantined, a variant).
    """
    rows = tx.items.rows(list(dict.fromkeys(handles)))  # named twice, it is still one item
    for row in rows:
        if row.state is not ItemState.HELD or row.terms_id is None:
            raise RefusedError(
                f"{row.number or row.key.object_id} is {row.state}: only what someone vouched for "
                "can be released"
            )
    raw = tx.items.raw([row.handle for row in rows])
    objects = {row.handle: parse_object(raw[row.handle]) for row in rows}
    ids = sorted({row.terms_id for row in rows if row.terms_id is not None})
    terms = {key: parse_terms(value) for key, value in tx.items.terms(ids).items()}
    markings = known_markings(tx, objects.values())
    selectors = tx.items.selectors([row.handle for row in rows])
    facts = {
        row.handle: derive_facts(
            objects[row.handle],
            terms[row.terms_id],
            row.terms_id,
            originator=row.key.originator,
            sender=sender,
            known_markings=markings,
            concerns_recipient=False,
            received_under=row.received_under,
            selectors=selectors.get(row.handle, frozenset()),
        )
        for row in rows
        if row.terms_id is not None
    }
    return Loaded(rows=rows, objects=objects, facts=facts)


def known_markings(tx: Transaction, objects: Iterable[StixObject]) -> Mapping[str, StixObject]:
    """Return the held definitions of every marking the objects name, the TLP ones left out."""
    named: set[str] = set()
    for obj in objects:
        named.update(obj.marking_refs)
    standard = {*TLP_MARKING_IDS.values(), *TLP1_MARKING_IDS.values()}
    wanted = sorted(named - {str(each) for each in standard})
    return tx.items.markings(wanted) if wanted else {}


def concerns(tx: Transaction, obj: StixObject, member: MemberId) -> bool:
    """Return whether an object of ours is about items that a member originated and gave us.

    Only objects that speak about another (a sighting, an opinion, a note) can be; every item they
    speak about must be the member's.
    """
    if obj.type not in _ABOUT_ANOTHER:
        return False
    about = subjects_of(obj)
    return bool(about) and all(
        any(row.key.originator == member for row in tx.items.by_object_id(each)) for each in about
    )


def concerns_given(
    tx: Transaction, obj: StixObject, sender: MemberId, *, originator: MemberId
) -> bool:
    """Return whether an object received is about items of ours that we gave its sender.

    The counterpart of :func:`concerns` at the receiver. An item of ours that the sender was never
    given does not count, so that nobody can find out by guessing ids what we hold.
    """
    if obj.type not in _ABOUT_ANOTHER:
        return False
    about = subjects_of(obj)
    return bool(about) and all(
        tx.feeds.holds(
            sender,
            [row.handle for row in tx.items.by_object_id(each) if row.key.originator == originator],
        )
        for each in about
    )


def subjects_of(obj: StixObject) -> tuple[ObjectId, ...]:
    """Return the ids of the objects a sighting, opinion or note is about."""
    document = obj.document()
    found: list[ObjectId] = []
    for name in sorted(_ABOUT_PROPERTIES):
        value = document.get(name)
        if isinstance(value, str):
            found.append(ObjectId(value))
        elif isinstance(value, list):
            found.extend(ObjectId(each) for each in value if isinstance(each, str))
    return tuple(found)


def candidates_for(tx: Transaction, loaded: Loaded, recipient: MemberId) -> list[Candidate]:
    """Return the loaded items as candidates for one recipient, its own items left out."""
    found = []
    for row in loaded.rows:
        if row.key.originator == recipient:
            continue
        obj, facts = loaded.objects[row.handle], loaded.facts[row.handle]
        if obj.type in _ABOUT_ANOTHER and concerns(tx, obj, recipient):
            facts = replace(facts, concerns_recipient=True)
        found.append(Candidate(handle=row.handle, obj=obj, facts=facts))
    return found


def known_as(
    tx: Transaction, candidates: Sequence[Candidate], member: MemberId
) -> Callable[[ObjectId], ObjectId | None]:
    """Return a look-up of the id under which a member knows an object: its own, or one we gave."""
    named = sorted({each for candidate in candidates for each in candidate.obj.references})
    given = tx.feeds.given(member, named)

    def look_up(object_id: ObjectId) -> ObjectId | None:
        if object_id in given:
            return given[object_id]
        rows = tx.items.by_object_id(object_id)
        return object_id if any(row.key.originator == member for row in rows) else None

    return look_up
