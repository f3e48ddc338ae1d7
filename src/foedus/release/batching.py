"""Which items leave together: one article, the same obligations and assertions, one document."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from foedus.canonical import canonical_bytes
from foedus.model.identifiers import ArticleId, ObjectId
from foedus.model.objects import StixObject
from foedus.model.terms import terms_document
from foedus.release.facts import AssertedFacts, ItemFacts
from foedus.release.obligations import Obligations
from foedus.release.record import MAX_BATCH_ITEMS
from foedus.release.verdict import Decision
from foedus.signing.envelope import Envelope

__all__ = ["MAX_DOCUMENT_BYTES", "Leaving", "batches_of"]

MAX_DOCUMENT_BYTES: Final = 720_000
"""Estimated size at which a batch is closed, so that its payload fits one STIX object."""

_ITEM_BYTES: Final = 420
"""More than an item takes in a payload, its id and version aside."""

_CLASS_BYTES: Final = 420


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
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


def batches_of(leaving: Sequence[Leaving]) -> Iterator[list[Leaving]]:
    """Yield the items of each batch, in the order given within what a batch states once."""
    alike: dict[tuple[ArticleId | None, Obligations, AssertedFacts], list[Leaving]] = {}
    for each in leaving:
        place = (each.decision.article, each.decision.obligations, each.asserted)
        alike.setdefault(place, []).append(each)
    for group in alike.values():
        part: list[Leaving] = []
        classes: set[str] = set()
        terms: set[ObjectId] = set()
        size = 0
        for each in group:
            more = _ITEM_BYTES + len(each.obj.id) + len(each.obj.version)
            if each.consent is not None:
                # Counted, not estimated: whoever wrote it may have added signatures.
                more += len(canonical_bytes(dict(each.consent.document()))) + 1
            if each.facts.key not in classes:
                more += _CLASS_BYTES + sum(len(name) for name in each.facts.unknown_markings)
            if each.facts.terms_id not in terms:
                more += len(terms_document(each.facts.terms))
            if part and (len(part) == MAX_BATCH_ITEMS or size + more > MAX_DOCUMENT_BYTES):
                yield part
                part, size = [], 0
                classes.clear()
                terms.clear()
            part.append(each)
            classes.add(each.facts.key)
            terms.add(each.facts.terms_id)
            size += more
        yield part
