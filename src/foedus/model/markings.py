"""Markings inside an object: TLP 2.0, statements, and which one binds.

Rules of :func:`read_markings`, in the order they are applied to each marking an object refers to,
whether for the whole object or for a part of it:

1. An official TLP 2.0 marking sets that level. So does an official marking of TLP 1, whose *white*
   is read as *clear* and whose other levels keep their names (FIRST TLP 2.0).
2. A marking whose definition is held and is a plain statement (a copyright, a request) is known
   and restricts nothing by itself.
3. Everything else is *unknown*: an absent definition, another kind of marking, a home-made TLP
   under an id of its own. A release is denied while one is unknown.

Of several TLP levels the most restrictive binds. A marking on a part counts for the whole here;
removing the part first is the way to lower it.

Spec: STIX 2.1 §7.2; FIRST Traffic Light Protocol 2.0; OASIS TLP 2.0 marking extension.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar

from foedus.canonical import canonical_bytes
from foedus.model.identifiers import ObjectId
from foedus.model.objects import ModelError, StixObject

__all__ = [
    "TLP",
    "TLP1_MARKING_IDS",
    "TLP_EXTENSION_ID",
    "TLP_MARKING_IDS",
    "MarkingError",
    "MarkingFacts",
    "joined_tlp",
    "read_markings",
    "tlp_document",
]


class MarkingError(ModelError):
    """A marking cannot be read or joined."""

    code: ClassVar[str] = "model.marking"


class TLP(StrEnum):
    """A level of the Traffic Light Protocol 2.0, ordered: more restrictive is greater."""

    CLEAR = "clear"
    GREEN = "green"
    AMBER = "amber"
    AMBER_STRICT = "amber+strict"
    RED = "red"

    @property
    def rank(self) -> int:
        """0 for clear to 4 for red."""
        return _RANKS[self.value]

    @property
    def label(self) -> str:
        """The label as printed, for example ``TLP:AMBER+STRICT``."""
        return f"TLP:{self.value.upper()}"

    # Without these four, levels would compare as texts, and "red" > "amber" only by luck.

    def __lt__(self, other: str) -> bool:
        return self.rank < TLP(other).rank

    def __le__(self, other: str) -> bool:
        return self.rank <= TLP(other).rank

    def __gt__(self, other: str) -> bool:
        return self.rank > TLP(other).rank

    def __ge__(self, other: str) -> bool:
        return self.rank >= TLP(other).rank


_RANKS = MappingProxyType({level.value: rank for rank, level in enumerate(TLP)})

TLP_EXTENSION_ID = ObjectId("extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d")
"""The OASIS extension that TLP 2.0 markings carry."""

TLP_MARKING_IDS: Mapping[TLP, ObjectId] = MappingProxyType(
    {
        TLP.CLEAR: ObjectId("marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487"),
        TLP.GREEN: ObjectId("marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"),
        TLP.AMBER: ObjectId("marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"),
        TLP.AMBER_STRICT: ObjectId("marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003"),
        TLP.RED: ObjectId("marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"),
    }
)
"""The official TLP 2.0 markings."""

TLP1_MARKING_IDS: Mapping[TLP, ObjectId] = MappingProxyType(
    {
        TLP.CLEAR: ObjectId("marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9"),
        TLP.GREEN: ObjectId("marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da"),
        TLP.AMBER: ObjectId("marking-definition--f88d31f6-486f-44da-b317-01333bde0b82"),
        TLP.RED: ObjectId("marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed"),
    }
)
"""The TLP 1 markings of STIX 2.1 §7.2.1.4, under the level each is read as."""

_LEVEL_OF: Mapping[str, TLP] = MappingProxyType(
    {
        identifier: level
        for table in (TLP_MARKING_IDS, TLP1_MARKING_IDS)
        for level, identifier in table.items()
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkingFacts:
    """What the markings of one object say.

    Attributes:
        tlp: The most restrictive TLP level found, or None where no marking sets one.
        unknown: Ids of markings that could not be understood, in the order they stand.
    """

    tlp: TLP | None
    unknown: tuple[str, ...]


def joined_tlp(tlps: Iterable[TLP]) -> TLP:
    """Return the most restrictive of at least one level.

    Raises:
        MarkingError: There is none to join; a missing level is never taken for *clear*.
    """
    joined = max(tlps, default=None)
    if joined is None:
        raise MarkingError("no TLP level to join")
    return joined


def read_markings(obj: StixObject, known: Mapping[str, StixObject]) -> MarkingFacts:
    """Read what the markings in an object say.

    Args:
        obj: The object whose markings are read.
        known: Marking definitions held, by id; the official TLP ones need not be among them.
    """
    levels: list[TLP] = []
    unknown: list[str] = []
    for reference in obj.marking_refs:
        level = _LEVEL_OF.get(reference)
        if level is not None:
            levels.append(level)
        elif not _is_statement(known.get(reference)):
            unknown.append(reference)
    return MarkingFacts(tlp=max(levels, default=None), unknown=tuple(unknown))


def tlp_document(level: TLP) -> bytes:
    """Return the official TLP 2.0 marking definition of a level, as canonical bytes."""
    return canonical_bytes(
        {
            "type": "marking-definition",
            "spec_version": "2.1",
            "id": TLP_MARKING_IDS[level],
            "created": "2022-10-01T00:00:00.000Z",
            "name": level.label,
            "extensions": {
                TLP_EXTENSION_ID: {"extension_type": "property-extension", "tlp_2_0": level.value}
            },
        }
    )


def _is_statement(marking: StixObject | None) -> bool:
    """Whether a marking is a statement and nothing besides (STIX 2.1 §7.2.1.3)."""
    if marking is None or marking.type != "marking-definition":
        return False
    document = marking.document()
    definition = document.get("definition")
    return (
        document.get("definition_type") == "statement"
        and isinstance(definition, dict)
        and definition.keys() == {"statement"}
        and "extensions" not in document
    )
