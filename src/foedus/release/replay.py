"""Decide again from what was recorded: the same question gives the same decision.

For an auditor who holds a batch record, an item record, the terms and the law of that instant.
"""

from __future__ import annotations

from foedus.model.identifiers import ArticleId, ObjectId
from foedus.model.markings import TLP
from foedus.model.terms import Terms, terms_id
from foedus.release.decide import Decision, Law, decide
from foedus.release.errors import DisclosureError
from foedus.release.facts import ItemFacts, LinkFacts
from foedus.release.question import Question
from foedus.release.record import BatchRecord, ItemRecord

__all__ = ["recorded_facts", "replay"]


def replay(batch: BatchRecord, item: ItemRecord, terms: Terms, law: Law) -> Decision:
    """Return the decision that follows from the records.

    Args:
        batch: The batch record.
        item: The item record.
        terms: The terms it names.
        law: The law of the pair at the batch's instant.

    Raises:
        DisclosureError: The records are those of a protocol act, or name other terms or another
            law.
    """
    if law.pair.digest != batch.law_digest:
        raise DisclosureError("the law is not the one the decision was made under")
    question = Question(
        treaty=batch.treaty,
        article=ArticleId(batch.article),
        sender=batch.sender,
        recipient=batch.recipient,
        purpose=batch.purpose,
        at=batch.instant,
    )
    return decide(
        question,
        recorded_facts(batch, item, terms),
        batch.asserted,
        law,
        link=LinkFacts(fresh=True),
    )


def recorded_facts(batch: BatchRecord, item: ItemRecord, terms: Terms) -> ItemFacts:
    """Return the derivable facts as they were recorded.

    Raises:
        DisclosureError: The item record names other terms, or holds facts of another form.
    """
    if not item.terms or terms_id(terms) != item.terms:
        raise DisclosureError("the item record does not name these terms")
    facts = item.facts
    markings = facts["unknown_markings"]
    if not isinstance(markings, list):
        raise DisclosureError("unknown_markings is no list")
    try:
        tlp = TLP(str(facts["tlp"]))
    except ValueError as error:
        raise DisclosureError("the record names no TLP level") from error
    onward = facts["onward"] is True
    return ItemFacts(
        terms=terms,
        terms_id=ObjectId(item.terms),
        kind=str(facts["kind"]),
        tlp=tlp,
        unknown_markings=tuple(str(marking) for marking in markings),
        personal=facts["personal"] is True,
        concerns_recipient=facts["concerns_recipient"] is True,
        originator=item.originator,
        onward=onward,
        received_under=batch.treaty if onward else None,
    )
