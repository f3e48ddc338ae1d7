"""Feedback: what a member that holds another's item says of it to who gave it.

It is an ordinary STIX ``opinion`` or ``note`` on the item, which any tool reads; what makes it one
of these stances is a closed label. It is an item of its author's own, so it travels under the
feedback article, and its author withdraws it by recalling it.

===================  ===========  =====================  =======================================
stance               STIX type    opinion                label
===================  ===========  =====================  =======================================
*false-positive*     ``opinion``  ``strongly-disagree``  ``foedus:false-positive``
*disagree*           ``opinion``  ``disagree``           ``foedus:disagree``
*agree*              ``opinion``  ``agree``              ``foedus:agree``
*propose-correct*    ``note``     none                   ``foedus:propose-correct``
*propose-restrict*   ``note``     none                   ``foedus:propose-restrict``
*propose-recall*     ``note``     none                   ``foedus:propose-recall``
*propose-terms*      ``note``     none                   ``foedus:propose-terms``
===================  ===========  =====================  =======================================

An opinion without a label is read by its ``opinion``: any tool may have made it. A note without one
is a note, and no feedback.

Spec: Convention Articles 3 (4), 13, 17 (1); STIX 2.1 §4.12, §4.13.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from foedus.canonical import JSONValue

__all__ = ["DISPUTES", "OPINION_OF", "PROPOSALS", "Stance", "label_of", "stance_of"]

_PREFIX: Final = "foedus:"


class Stance(StrEnum):
    """What is said of an item."""

    FALSE_POSITIVE = "false-positive"
    DISAGREE = "disagree"
    AGREE = "agree"
    PROPOSE_CORRECT = "propose-correct"
    PROPOSE_RESTRICT = "propose-restrict"
    PROPOSE_RECALL = "propose-recall"
    PROPOSE_TERMS = "propose-terms"


DISPUTES: Final = frozenset(
    {Stance.FALSE_POSITIVE, Stance.DISAGREE, Stance.PROPOSE_CORRECT, Stance.PROPOSE_RECALL}
)
"""Stances by which an item is shown as disputed."""

PROPOSALS: Final = (
    Stance.PROPOSE_CORRECT,
    Stance.PROPOSE_RESTRICT,
    Stance.PROPOSE_RECALL,
    Stance.PROPOSE_TERMS,
)
"""Stances that ask the originator for a change."""

OPINION_OF: Final[Mapping[Stance, str]] = MappingProxyType(
    {
        Stance.FALSE_POSITIVE: "strongly-disagree",
        Stance.DISAGREE: "disagree",
        Stance.AGREE: "agree",
    }
)
"""The word of STIX's opinion-enum for each stance that is an opinion."""

_READ_AS: Final[Mapping[str, Stance]] = MappingProxyType(
    {
        "strongly-disagree": Stance.DISAGREE,
        "disagree": Stance.DISAGREE,
        "agree": Stance.AGREE,
        "strongly-agree": Stance.AGREE,
    }
)


def label_of(stance: Stance) -> str:
    """Return the label an object of that stance bears."""
    return _PREFIX + stance.value


def stance_of(document: Mapping[str, JSONValue]) -> Stance | None:
    """Return what an object says of the items it refers to; None if it is no feedback.

    Args:
        document: A STIX object; untrusted. Of several labels the first counts that fits its type.
    """
    kind, labels = document.get("type"), document.get("labels")
    named = labels if isinstance(labels, list) else []
    if kind == "opinion":
        opinion = document.get("opinion")
        for stance, word in OPINION_OF.items():
            if opinion == word and label_of(stance) in named:
                return stance
        return _READ_AS.get(opinion) if isinstance(opinion, str) else None
    if kind == "note":
        for stance in PROPOSALS:
            if label_of(stance) in named:
                return stance
    return None
