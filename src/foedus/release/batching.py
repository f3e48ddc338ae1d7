"""Which items leave together: one article, the same obligations and assertions, one document."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, cast

import msgspec

from foedus.canonical import JSONValue, canonical_bytes, parse_json
from foedus.model.identifiers import ArticleId, ObjectId
from foedus.model.objects import StixObject
from foedus.model.terms import terms_document
from foedus.release.facts import AssertedFacts, ItemFacts
from foedus.release.obligations import Obligations
from foedus.release.record import MAX_BATCH_ITEMS, DisclosedClass
from foedus.release.verdict import Decision
from foedus.release.wire import WIRE_VERSION, ItemRecordForm, encode_form
from foedus.signing.envelope import Envelope

__all__ = ["MAX_DOCUMENT_BYTES", "ClassTable", "Leaving", "batches_of"]

MAX_DOCUMENT_BYTES: Final = 720_000
"""Estimated size at which a batch is closed, so that its payload fits one STIX object."""

_ITEM_BYTES: Final = 420
"""More than an item takes in a payload, its id and version aside."""

_CLASS_BYTES: Final = 420


class Leaving(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One item on its way into a batch.

    Attributes:
        handle: The caller's handle of the item it was made from.
        obj: What is sent.
        variant: Whether that is a redacted variant.
        facts: The facts it was decided on.
        decision: What permits it.
        asserted: What the sender asserts of it; the batch states it once.
        consent: The originator's consent that travels with it, if any.
    """

    handle: int
    obj: StixObject
    variant: bool
    facts: ItemFacts
    decision: Decision
    asserted: AssertedFacts
    consent: Envelope | None = None


class ClassTable:
    """The classes of one batch, each stated and encoded once, and the item records they share."""

    __slots__ = ("_by_facts", "_encoded", "_places", "listed", "terms")

    def __init__(self) -> None:
        """Start without any."""
        self.listed: list[DisclosedClass] = []
        self.terms: dict[ObjectId, Mapping[str, JSONValue]] = {}
        self._encoded: list[msgspec.Raw] = []
        self._by_facts: dict[str, int] = {}
        self._places: dict[str, int] = {}

    def record(self, each: Leaving) -> tuple[int, bytes]:
        """Return the class of an item, and its item record.

        Raises:
            CanonicalError: A text of the item is no Unicode text.
        """
        facts, obj = each.facts, each.obj
        index = self._by_facts.get(facts.key, -1)
        if index < 0:
            index = self._enter(facts)
        return index, encode_form(
            ItemRecordForm(
                self._encoded[index],
                obj.id,
                facts.originator,
                obj.content_hash,
                facts.terms_id,
                WIRE_VERSION,
                each.variant,
                obj.version,
            )
        )

    def _enter(self, facts: ItemFacts) -> int:
        document = facts.document()
        place = f"{facts.terms_id} {sorted(document.items())}"
        index = self._by_facts[facts.key] = self._places.setdefault(place, len(self.listed))
        if index == len(self.listed):
            self.listed.append(DisclosedClass(terms=facts.terms_id, facts=document))
            self._encoded.append(msgspec.Raw(canonical_bytes(document)))
            self.terms[facts.terms_id] = _terms_json(facts)
        return index


def batches_of(leaving: Sequence[Leaving]) -> Iterator[list[Leaving]]:
    """Yield the items of each batch, in the order given within what a batch states once."""
    for group in _alike(leaving):
        part: list[Leaving] = []
        classes: set[str] = set()
        terms: set[ObjectId] = set()
        size = 0
        latest: ItemFacts | None = None
        for each in group:
            obj, facts = each.obj, each.facts
            more = _ITEM_BYTES + len(obj.id) + len(obj.version)
            if each.consent is not None:
                # Counted, not estimated: whoever wrote it may have added signatures.
                more += len(canonical_bytes(dict(each.consent.document()))) + 1
            if facts is not latest:  # mostly they are shared
                more += _stated_anew(facts, classes, terms)
            if part and (len(part) == MAX_BATCH_ITEMS or size + more > MAX_DOCUMENT_BYTES):
                yield part
                part, size = [], 0
                classes.clear()
                terms.clear()
                latest = None
            part.append(each)
            if facts is not latest:
                classes.add(facts.key)
                terms.add(facts.terms_id)
                latest = facts
            size += more
        yield part


def _stated_anew(facts: ItemFacts, classes: Collection[str], terms: Collection[ObjectId]) -> int:
    """Return how many bytes a payload needs more for the class of an item, or its terms."""
    if facts.key in classes:
        return 0
    more = _CLASS_BYTES + sum(len(name) for name in facts.unknown_markings)
    if facts.terms_id not in terms:
        more += len(terms_document(facts.terms))
    return more


def _alike(leaving: Sequence[Leaving]) -> Iterable[list[Leaving]]:
    """Return the items grouped by what a batch states once: article, obligations, assertions."""
    groups: dict[tuple[ArticleId | None, Obligations, AssertedFacts], list[Leaving]] = {}
    # Few objects stand for many items: each pair of them is compared by its content once.
    seen: dict[tuple[int, int], list[Leaving]] = {}
    for each in leaving:
        pair = id(each.decision), id(each.asserted)
        group = seen.get(pair)
        if group is None:
            place = (each.decision.article, each.decision.obligations, each.asserted)
            group = seen[pair] = groups.setdefault(place, [])
        group.append(each)
    return groups.values()


def _terms_json(facts: ItemFacts) -> Mapping[str, JSONValue]:
    return cast("Mapping[str, JSONValue]", parse_json(terms_document(facts.terms)))
