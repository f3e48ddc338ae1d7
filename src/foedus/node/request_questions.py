"""What a person wants to ask about, from words: values, items, and what an item of theirs says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from foedus.casework.request import ItemName
from foedus.model.identifiers import MemberId
from foedus.model.selectors import Selector, SelectorError, SelectorKind
from foedus.model.terms import parse_terms
from foedus.node.errors import RefusedError
from foedus.node.find import read_value, resolve_all
from foedus.node.ports import Transaction

__all__ = ["asked_items", "asked_selectors", "footing_of_item"]

_LOOSE: Final = frozenset({SelectorKind.ACCOUNT, SelectorKind.DOCUMENT})
_SHOWN: Final = 60


def asked_selectors(values: Iterable[str]) -> frozenset[Selector]:
    """Return the selectors of values; ``kind:value`` where a value may be several things.

    Raises:
        RefusedError: A value is of no kind known here, or of several.
    """
    return frozenset(_selector(each) for each in values)


def _selector(text: str) -> Selector:
    try:
        fitting = read_value(text)
    except SelectorError as error:
        raise RefusedError(f"{text[:_SHOWN]!r}: {error}") from error
    if len(fitting) > 1:  # a number of almost any form may be an account or a document
        fitting = [each for each in fitting if each.kind not in _LOOSE] or fitting
    if not fitting:
        raise RefusedError(
            f"{text[:_SHOWN]!r} is no value of a kind known here; a name is name:VALUE"
        )
    if len(fitting) > 1:
        kinds = ", ".join(each.kind.value for each in fitting)
        raise RefusedError(f"{text[:_SHOWN]!r} may be several things ({kinds}): write KIND:VALUE")
    return fitting[0]


def asked_items(
    tx: Transaction, references: Sequence[str], member: MemberId
) -> frozenset[ItemName]:
    """Return items by the names under which a member gave them or was given them.

    Raises:
        NotFoundError: A reference names nothing visible here.
        RefusedError: The member knows nothing of an item: to ask would tell it what is held here.
    """
    found: set[ItemName] = set()
    for row in resolve_all(tx, references):
        if row.key.originator == member:
            found.add(ItemName(object_id=row.key.object_id, version=row.key.version))
            continue
        given = [each for each in tx.feeds.disclosures(row.handle) if each.recipient == member]
        if not given:
            raise RefusedError(
                f"{row.number or row.key.object_id} is neither of {member} nor given to it: asking "
                "about it would tell it what is held here"
            )
        [sent] = tx.items.rows([given[-1].handle])
        found.add(ItemName(object_id=sent.key.object_id, version=sent.key.version))
    return frozenset(found)


def footing_of_item(tx: Transaction, name: ItemName) -> tuple[str, str]:
    """Return purpose and offence as the terms of an item have them; "" where they leave it open."""
    rows = [row for row in tx.items.by_object_id(name.object_id) if row.terms_id is not None]
    raw = tx.items.terms([row.terms_id for row in rows[-1:] if row.terms_id is not None])
    for each in raw.values():
        terms = parse_terms(each)
        only = next(iter(terms.purposes)) if len(terms.purposes) == 1 else ""
        return only, next(iter(sorted(terms.offences)), "")
    return "", ""
