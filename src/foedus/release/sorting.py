"""What may leave and what stays, once it is decided: redaction included.

Used for the preview and for the release alike, so that what is shown is what happens. What must be
redacted and shows something to redact becomes a variant; what cannot be redacted cleanly stays,
with that reason. So stays another member's item that would have to be redacted: its originator's
consent names exact bytes, and the recipient could not match it. References of a variant point to
what the recipient has or is given now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from foedus.model.identifiers import MemberId, ObjectId
from foedus.model.objects import StixObject
from foedus.release.decide import Decision
from foedus.release.errors import RedactionError
from foedus.release.facts import AssertedFacts, ItemFacts
from foedus.release.redact import redact, residue
from foedus.release.verdict import Verdict
from foedus.signing.envelope import Envelope

__all__ = ["REDACTION", "Candidate", "Given", "SortedOut", "Withheld", "granted_of", "sort_out"]

REDACTION: Final = "redaction"
"""Code of what stays because it cannot be redacted cleanly."""

Given = Callable[[ObjectId], ObjectId | None]
"""The id under which a recipient was given an object before; None if it was not."""

_NO_CONSENT_FITS: Final = (
    "it is another member's item and would leave redacted: no consent of its originator can be "
    "matched to a redacted form"
)
_SUBJECT_PROPERTIES: Final = ("sighting_of_ref", "object_refs")
_LATE_TYPES: Final = {
    "relationship": 1,
    "sighting": 1,
    "note": 2,
    "opinion": 2,
    "grouping": 2,
    "report": 2,
}
"""Types that refer to others are redacted after them, so that they can point to the variants."""


_Place = TypeVar("_Place")


def granted_of(decisions: Mapping[_Place, Decision]) -> dict[_Place, Decision]:
    """Return, of those that wait for a person and would redact, what a yes would make of them."""
    waiting = {Verdict.NEEDS_APPROVAL, Verdict.NEEDS_CONSENT}
    return {
        place: replace(each, verdict=Verdict.PERMIT_REDACTED)
        for place, each in decisions.items()
        if each.verdict in waiting and each.obligations.redact
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An item that someone wishes to release.

    Attributes:
        handle: The caller's name for it.
        obj: The item.
        facts: Its derivable facts for this sender and recipient.
        asserted: What the sender asserts of this item, approvals and consent counted; None leaves
            it with what is asserted of all.
        consent: The originator's consent that ``asserted`` rests on; it travels with the item.
    """

    handle: int
    obj: StixObject
    facts: ItemFacts
    asserted: AssertedFacts | None = None
    consent: Envelope | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """An item that stays, and why.

    Attributes:
        handle: As in :class:`Candidate`.
        code: ``denied``, ``needs-consent``, ``needs-approval`` or ``redaction``.
        reason: In words.
        decision: What was decided.
    """

    handle: int
    code: str
    reason: str
    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class SortedOut:
    """Candidates, parted; together they are all.

    Attributes:
        whole: Handle → object that leaves as it is.
        variants: Handle → redacted variant that leaves in its place.
        withheld: What stays.
    """

    whole: Mapping[int, StixObject]
    variants: Mapping[int, StixObject]
    withheld: tuple[Withheld, ...]

    @property
    def unredactable(self) -> dict[int, str]:
        """Handle → why it cannot be redacted cleanly."""
        return {each.handle: each.reason for each in self.withheld if each.code == REDACTION}

    def known(self, candidates: Sequence[Candidate], given: Given) -> Given:
        """Return under which id the recipient has an object once this leaves."""
        now = {
            each.obj.id: found.id
            for each in candidates
            if (found := self.whole.get(each.handle) or self.variants.get(each.handle)) is not None
        }
        return lambda identifier: now.get(identifier) or given(identifier)


def sort_out(
    candidates: Sequence[Candidate],
    decisions: Mapping[int, Decision],
    *,
    recipient: MemberId,
    secret: bytes,
    given: Given,
) -> SortedOut:
    """Part what may leave from what stays, and redact what must be.

    Args:
        candidates: What someone wishes to release, each handle once.
        decisions: What was decided for each, by handle.
        recipient: To whom.
        secret: The node's secret; names redacted variants.
        given: Under which id the recipient was given an object before.
    """
    whole: dict[int, StixObject] = {}
    parted: list[Candidate] = []
    withheld: list[Withheld] = []
    now_given: dict[ObjectId, ObjectId] = {}
    for each in candidates:
        handle, obj = each.handle, each.obj
        decision = decisions[handle]
        if not decision.verdict.releases:
            withheld.append(_withheld(handle, decision))
        elif decision.obligations.redact and residue(obj, decision.obligations.redact):
            parted.append(each)
        else:
            whole[handle] = obj
            now_given[obj.id] = obj.id
    variants: dict[int, StixObject] = {}
    for each in sorted(parted, key=lambda each: _LATE_TYPES.get(each.obj.type, 0)):
        decision = decisions[each.handle]
        try:
            _check_own(each)
            variant = redact(
                each.obj,
                decision.obligations.redact,
                recipient=recipient,
                secret=secret,
                given=_known_to(recipient_has=given, now=now_given, about=each),
            )
        except RedactionError as error:
            withheld.append(
                Withheld(handle=each.handle, code=REDACTION, reason=str(error), decision=decision)
            )
            continue
        variants[each.handle] = variant
        now_given[each.obj.id] = variant.id
    return SortedOut(whole=whole, variants=variants, withheld=tuple(withheld))


def _check_own(candidate: Candidate) -> None:
    if candidate.facts.onward:
        raise RedactionError(_NO_CONSENT_FITS)


def _known_to(*, recipient_has: Given, now: Mapping[ObjectId, ObjectId], about: Candidate) -> Given:
    """Return what the recipient knows: was given before, is given now, or gave itself."""
    own: set[object] = set()
    if about.facts.concerns_recipient:
        document = about.obj.document()
        for name in _SUBJECT_PROPERTIES:
            value = document.get(name)
            own.update(value if isinstance(value, list) else (value,))

    def known(identifier: ObjectId) -> ObjectId | None:
        if identifier in own:
            return identifier
        return now.get(identifier) or recipient_has(identifier)

    return known


def _withheld(handle: int, decision: Decision) -> Withheld:
    code = "denied" if decision.verdict is Verdict.DENY else decision.verdict.value
    reasons = decision.reasons
    if decision.verdict is not Verdict.DENY:
        reasons = tuple(reason for reason in reasons if reason.change)
    return Withheld(
        handle=handle,
        code=code,
        reason="; ".join(reason.text for reason in reasons),
        decision=decision,
    )
