"""The facts a decision may look at, by who can know them.

*Derivable* facts (:class:`ItemFacts`) follow from an item's bytes, its terms and where it came
from: a recipient computes them anew and compares. *Asserted* facts (:class:`AssertedFacts`) only
the sender can know; it states them and answers for them. *Link* facts (:class:`LinkFacts`) are the
sender's own duty (a fresh picture, a witnessed log) and are never asked of a recipient.

An item is *personal* when its terms say so or when its bytes hold a selector of a kind that names
or reaches a person. The name of an identity that says it is an organisation or a system, and of a
threat actor that says it is a group of any size, is no name of a person. What any
other text tells is in :mod:`foedus.release.prose`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from foedus.canonical import JSONValue
from foedus.model.identifiers import MemberId, ObjectId, TreatyId
from foedus.model.markings import TLP, MarkingFacts, read_markings
from foedus.model.objects import StixObject
from foedus.model.observables import selectors_of
from foedus.model.selectors import PERSONAL_KINDS, Selector, SelectorKind
from foedus.model.terms import Terms, terms_id
from foedus.release.errors import ReleaseError
from foedus.release.prose import tells_of_a_person

__all__ = [
    "NO_ASSERTIONS",
    "AssertedFacts",
    "FactsMaker",
    "ItemFacts",
    "LinkFacts",
    "derive_facts",
    "holds_personal_data",
]

MAX_ASSERTED_APPROVALS: Final = 100

_NO_MARKINGS: Final = MarkingFacts(tlp=None, unknown=())

_IMPERSONAL_CLASSES: Final = frozenset({"organization", "system", "class"})
"""Values of ``identity_class`` whose name is no person's (STIX 2.1 §10.7)."""

_IMPERSONAL_LEVELS: Final = frozenset({"club", "contest", "team", "organization", "government"})
"""Values of ``resource_level`` of a threat actor that is no single person (STIX 2.1 §10.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFacts:
    """What follows from an item's bytes, terms and provenance: its class, for decisions.

    Attributes:
        terms: The terms it travels on.
        terms_id: Their id.
        kind: Its STIX type.
        tlp: TLP level of the terms and of the markings in the bytes, the stricter of both.
        unknown_markings: Ids of markings in the bytes that nobody here understands, sorted.
        personal: Whether it holds personal data.
        concerns_recipient: Whether it is about something the recipient itself gave.
        originator: Whose item it is.
        onward: Whether releasing it passes on what is another's.
        received_under: The treaty under which the holder received it; None if it began there.
        key: Equal exactly for equal facts; what decisions are cached by.
    """

    terms: Terms = field(hash=False)
    terms_id: ObjectId
    kind: str
    tlp: TLP
    unknown_markings: tuple[str, ...]
    personal: bool
    concerns_recipient: bool
    originator: MemberId
    onward: bool
    received_under: TreatyId | None
    key: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self,
            "key",
            "|".join(
                (
                    self.terms_id,
                    self.kind,
                    self.tlp.value,
                    "1" if self.personal else "0",
                    "1" if self.concerns_recipient else "0",
                    "1" if self.onward else "0",
                    self.originator,
                    self.received_under or "",
                    *self.unknown_markings,
                )
            ),
        )

    def document(self) -> dict[str, JSONValue]:
        """Return the wire form of the derivable facts."""
        return {
            "kind": self.kind,
            "tlp": self.tlp.value,
            "unknown_markings": list(self.unknown_markings),
            "personal": self.personal,
            "concerns_recipient": self.concerns_recipient,
            "onward": self.onward,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class AssertedFacts:
    """What only the sender can know.

    Attributes:
        consent: The originator consented to this release.
        threat_to_life: A life is in present danger.
        approvals: How many distinct persons approved exactly this release.
        consent_until: When the consent runs out; None if there is none or it does not. The record
            does not state it.
    """

    consent: bool = False
    threat_to_life: bool = False
    approvals: int = 0
    consent_until: datetime | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.approvals <= MAX_ASSERTED_APPROVALS:
            raise ReleaseError(f"no such number of approvals: {self.approvals}")

    def document(self) -> dict[str, JSONValue]:
        """Return the wire form."""
        return {
            "consent": self.consent,
            "threat_to_life": self.threat_to_life,
            "approvals": self.approvals,
        }


NO_ASSERTIONS: Final = AssertedFacts()
"""Nothing asserted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFacts:
    """What the sender owes the treaty before it releases anything new to a recipient.

    By default the log is witnessed and nobody's is forked, as under a treaty without figures of
    witnessing.

    Attributes:
        fresh: Whether the sender's picture of the recipient is fresh enough.
        why: In words; shown when it is not.
        until: When the first of freshness and witnessing ends, of those that hold; aware. None if
            neither does by what is known.
        witnessed: Whether a quorum witnessed the sender's own log within the treaty's limit.
        unwitnessed: In words; shown when it did not.
        forked: Whether it is proven that the recipient's log says different things to different
            members.
        own_fork: Whether the same is proven of the sender's own log.
    """

    fresh: bool
    why: str = ""
    until: datetime | None = None
    witnessed: bool = True
    unwitnessed: str = ""
    forked: bool = False
    own_fork: bool = False


def derive_facts(  # noqa: PLR0913 - each argument is one source a fact is derived from
    obj: StixObject,
    terms: Terms,
    identifier: ObjectId,
    *,
    originator: MemberId,
    sender: MemberId,
    known_markings: Mapping[str, StixObject],
    concerns_recipient: bool,
    received_under: TreatyId | None,
    selectors: frozenset[Selector] | None = None,
) -> ItemFacts:
    """Derive the facts of one item.

    Args:
        obj: The item.
        terms: The terms it travels on.
        identifier: Their id.
        originator: Whose item it is.
        sender: Who releases it, or would.
        known_markings: Marking definitions held here, by id.
        concerns_recipient: Whether it refers to something the recipient gave.
        received_under: The treaty it was received under, if it was.
        selectors: What :func:`foedus.model.observables.selectors_of` finds in it, if already known.

    Raises:
        ReleaseError: The id is not that of the terms.
    """
    return FactsMaker(sender=sender, known_markings=known_markings).facts(
        obj,
        terms,
        identifier,
        originator=originator,
        concerns_recipient=concerns_recipient,
        received_under=received_under,
        selectors=selectors,
    )


class FactsMaker:
    """Derives the facts of many items; equal facts are made once and shared."""

    __slots__ = ("_known_markings", "_made", "_sender")

    def __init__(self, *, sender: MemberId, known_markings: Mapping[str, StixObject]) -> None:
        """Derive for one sender.

        Args:
            sender: Who releases the items, or would.
            known_markings: Marking definitions held here, by id.
        """
        self._sender = sender
        self._known_markings = known_markings
        self._made: dict[tuple[object, ...], ItemFacts] = {}

    def facts(
        self,
        obj: StixObject,
        terms: Terms,
        identifier: ObjectId,
        *,
        originator: MemberId,
        concerns_recipient: bool,
        received_under: TreatyId | None,
        selectors: frozenset[Selector] | None = None,
    ) -> ItemFacts:
        """Derive the facts of one item; arguments as in :func:`derive_facts`.

        Raises:
            ReleaseError: The id is not that of the terms.
        """
        markings = read_markings(obj, self._known_markings) if obj.marking_refs else _NO_MARKINGS
        personal = terms.personal or holds_personal_data(obj, selectors)
        # Kept alive by the facts made of them, terms are known by their identity here.
        place = (
            id(terms), identifier, obj.type, markings.tlp, markings.unknown, personal,
            concerns_recipient, originator, received_under,
        )  # fmt: skip
        made = self._made.get(place)
        if made is None:
            if terms_id(terms) != identifier:
                raise ReleaseError(f"{identifier} does not name these terms")
            made = self._made[place] = ItemFacts(
                terms=terms,
                terms_id=identifier,
                kind=obj.type,
                tlp=terms.tlp if markings.tlp is None else max(terms.tlp, markings.tlp),
                unknown_markings=tuple(sorted(set(markings.unknown))),
                personal=personal,
                concerns_recipient=concerns_recipient,
                originator=originator,
                onward=not self._sender == originator == terms.originator,
                received_under=received_under,
            )
        return made


def holds_personal_data(obj: StixObject, selectors: frozenset[Selector] | None = None) -> bool:
    """Whether the bytes hold a selector that names or reaches a person."""
    found = selectors_of(obj) if selectors is None else selectors
    kinds = {selector.kind for selector in found} & PERSONAL_KINDS
    if kinds and (kinds != {SelectorKind.NAME} or not _names_no_person(obj)):
        return True
    return tells_of_a_person(obj)


def _names_no_person(obj: StixObject) -> bool:
    document = obj.document()
    match obj.type:
        case "identity":
            return document.get("identity_class") in _IMPERSONAL_CLASSES
        case "threat-actor":
            return document.get("resource_level") in _IMPERSONAL_LEVELS
        case _:
            return False
