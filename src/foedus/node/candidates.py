"""Load held items as candidates for release: bytes, terms and derivable facts, in few queries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from foedus.model.identifiers import MemberId, ObjectId
from foedus.model.markings import TLP1_MARKING_IDS, TLP_MARKING_IDS
from foedus.model.objects import StixObject, reread_object
from foedus.model.selectors import PERSONAL_KINDS
from foedus.model.terms import parse_terms
from foedus.node.errors import RefusedError
from foedus.node.ports import ItemRow, ItemState, Transaction
from foedus.node.recovering import refuse_unheard
from foedus.release.facts import FactsMaker, ItemFacts
from foedus.release.gate import Candidate

__all__ = [
    "Loaded",
    "Originators",
    "candidates_for",
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
        about: Handle → the members that gave everything an item speaks about; only for items that
            speak about others at all.
        candidates: The items as candidates for a member whom none of them concerns.
        of_originator: Originator → handles of its items.
    """

    rows: Sequence[ItemRow]
    objects: Mapping[int, StixObject]
    facts: Mapping[int, ItemFacts]
    about: Mapping[int, frozenset[MemberId]] = field(default_factory=dict)
    candidates: tuple[Candidate, ...] = field(init=False)
    of_originator: Mapping[MemberId, frozenset[int]] = field(init=False)

    def __post_init__(self) -> None:
        owned: dict[MemberId, set[int]] = {}
        for row in self.rows:
            owned.setdefault(row.key.originator, set()).add(row.handle)
        object.__setattr__(
            self, "of_originator", {member: frozenset(its) for member, its in owned.items()}
        )
        object.__setattr__(
            self,
            "candidates",
            tuple(
                Candidate(
                    handle=row.handle,
                    obj=self.objects[row.handle],
                    facts=self.facts[row.handle],
                )
                for row in self.rows
            ),
        )


class Originators:
    """Whose an object is, each id looked up once; for one transaction."""

    def __init__(self, tx: Transaction) -> None:
        """Remember nothing yet."""
        self._tx = tx
        self._known: dict[ObjectId, frozenset[MemberId]] = {}

    def of(self, object_id: ObjectId) -> frozenset[MemberId]:
        """Return the originators of what is held under an id.

        What was refused, or awaits law, is nobody's word: whoever sent it chose what name it bears.
        """
        found = self._known.get(object_id)
        if found is None:
            rows = self._tx.items.by_object_id(object_id, states={ItemState.HELD})
            found = self._known[object_id] = frozenset(row.key.originator for row in rows)
        return found


def load_items(tx: Transaction, sender: MemberId, handles: Sequence[int]) -> Loaded:
    """Read held items with all that a decision needs.

    Raises:
        RefusedError: An item is not held (a draft, quarantined, a variant).
        RecoveringError: This node was restored, and an item may have been recalled since.
    """
    rows = tx.items.rows(list(dict.fromkeys(handles)))  # named twice, it is still one item
    for row in rows:
        if row.state is not ItemState.HELD or row.terms_id is None:
            raise RefusedError(
                f"{row.number or row.key.object_id} is {row.state}: only what someone vouched for "
                "can be released"
            )
    refuse_unheard(tx, rows)
    raw = tx.items.raw([row.handle for row in rows])
    objects = {
        row.handle: reread_object(raw[row.handle], content_hash=row.content_hash) for row in rows
    }
    ids = sorted({row.terms_id for row in rows if row.terms_id is not None})
    terms = {key: parse_terms(value) for key, value in tx.items.terms(ids).items()}
    markings = known_markings(tx, objects.values())
    personal = tx.items.selectors([row.handle for row in rows], kinds=PERSONAL_KINDS)
    maker = FactsMaker(sender=sender, known_markings=markings)
    facts = {
        row.handle: maker.facts(
            objects[row.handle],
            terms[row.terms_id],
            row.terms_id,
            originator=row.key.originator,
            concerns_recipient=False,
            received_under=row.received_under,
            selectors=personal.get(row.handle, frozenset()),
        )
        for row in rows
        if row.terms_id is not None
    }
    originators = Originators(tx)
    about = {
        handle: _givers(originators, subjects_of(obj))
        for handle, obj in objects.items()
        if obj.type in _ABOUT_ANOTHER
    }
    return Loaded(rows=rows, objects=objects, facts=facts, about=about)


def _givers(originators: Originators, subjects: Sequence[ObjectId]) -> frozenset[MemberId]:
    """Return the members every one of these objects is from."""
    found = [originators.of(each) for each in subjects]
    return frozenset.intersection(*found) if found else frozenset()


def known_markings(tx: Transaction, objects: Iterable[StixObject]) -> Mapping[str, StixObject]:
    """Return the held definitions of every marking the objects name, the TLP ones left out."""
    named: set[str] = set()
    for obj in objects:
        named.update(obj.marking_refs)
    standard = {*TLP_MARKING_IDS.values(), *TLP1_MARKING_IDS.values()}
    wanted = sorted(named - {str(each) for each in standard})
    return tx.items.markings(wanted) if wanted else {}


def concerns_given(
    tx: Transaction, obj: StixObject, sender: MemberId, *, originator: MemberId
) -> bool:
    """Return whether an object received is about items of ours that we gave its sender.

    The counterpart at the receiver of what a sender finds in :attr:`Loaded.about`. An item of ours
    that the sender was never given does not count, so that nobody can find out by guessing ids what
    we hold.
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


def candidates_for(_tx: Transaction, loaded: Loaded, recipient: MemberId) -> list[Candidate]:
    """Return the loaded items as candidates for one recipient, its own items left out."""
    concerned = {handle for handle, givers in loaded.about.items() if recipient in givers}
    own = loaded.of_originator.get(recipient, frozenset())
    if not own and not concerned:
        return list(loaded.candidates)
    return [
        replace(each, facts=replace(each.facts, concerns_recipient=True))
        if each.handle in concerned
        else each
        for each in loaded.candidates
        if each.handle not in own
    ]


def known_as(
    tx: Transaction,
    candidates: Sequence[Candidate],
    member: MemberId,
    *,
    originators: Originators | None = None,
) -> Callable[[ObjectId], ObjectId | None]:
    """Return a look-up of the id under which a member knows an object: its own, or one we gave.

    The store is asked on the first look-up, within the same transaction: where nothing is redacted
    nothing is looked up.
    """
    owners = originators or Originators(tx)
    given: Mapping[ObjectId, ObjectId] | None = None

    def look_up(object_id: ObjectId) -> ObjectId | None:
        nonlocal given
        if given is None:
            named = {each for candidate in candidates for each in candidate.obj.references}
            given = tx.feeds.given(member, sorted(named))
        if object_id in given:
            return given[object_id]
        return object_id if member in owners.of(object_id) else None

    return look_up
