"""What happens in the life of a treaty, one value per happening: the timeline is made of these."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from foedus.model.identifiers import MemberId, ObjectId

__all__ = ["Event", "What"]


class What(StrEnum):
    """The happenings a timeline tells apart."""

    SIGNED = "signed"
    RATIFIED = "ratified"
    ADMISSION_AGREED = "agreed to an accession"
    ADMITTED = "admitted"
    ACCEDED = "acceded"
    IN_FORCE = "treaty in force"
    PARTY = "party"
    RESERVED = "reserved"
    OBJECTED = "objected"
    WITHDREW = "withdrew"
    DECLARED = "declared"
    AMENDMENT_ACCEPTED = "accepted an amendment"
    AMENDED = "amendment adopted"
    SUSPENSION_AGREED = "agreed to a suspension"
    SUSPENDED = "suspended"
    RESUMED = "suspension ended"
    DENOUNCED = "denounced"
    LEFT = "denunciation in effect"
    FULL_POWERS = "full powers"
    REVOKED = "keys revoked"
    NOT_UNDERSTOOD = "not understood"
    VOIDED = "voided by a conflict"
    NO_EFFECT = "without effect"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One happening.

    Attributes:
        at: When; aware UTC.
        member: Whom it is about; None for the treaty as a whole.
        what: Which.
        instrument: The instrument that brought it about; None where time or a count did.
        detail: Words that say more, for people; may be empty.
    """

    at: datetime
    member: MemberId | None
    what: What
    instrument: ObjectId | None
    detail: str = ""
