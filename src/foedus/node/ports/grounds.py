"""Approvals, consents and duties, as an operation needs them stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from foedus.model.identifiers import ArticleId, ItemKey, MemberId, TreatyId

__all__ = [
    "ApprovalRow",
    "ConsentRow",
    "DutyKind",
    "DutyRow",
    "DutySide",
    "DutyStore",
    "GroundStore",
    "NewApproval",
    "NewConsent",
    "NewDuty",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApproval:
    """One person's approval to store; what counts is its envelope, the rest finds it again.

    Attributes:
        subject: Digest of what is approved, 64 hex digits.
        item: Handle of the item version.
        user: Who approves.
        envelope: Exact bytes of the signed record.
        entry_index: Its entry in our log.
    """

    subject: str
    item: int
    recipient: MemberId
    treaty: TreatyId
    article: ArticleId
    purpose: str
    threat_to_life: bool
    user: str
    at: datetime
    envelope: bytes
    entry_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRow:
    """A stored approval; ``withdrawn`` is when its person took it back, None while it stands."""

    number: int
    approval: NewApproval
    withdrawn: datetime | None
    withdrawn_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConsent:
    """A consent to store; what counts is its envelope, the rest finds it again.

    Attributes:
        digest: SHA-256 of what was signed, 64 hex digits; one consent is stored once.
        given: Whether this node gave it; otherwise it was received from the originator.
        item: The item version it names.
        content_hash: SHA-256 of the item's exact bytes, 64 hex digits.
        user: The originator's officer.
        envelope: Exact bytes of the signed record.
        entry_index: Its entry in our log.
    """

    digest: str
    given: bool
    item: ItemKey
    content_hash: str
    recipient: MemberId
    treaty: TreatyId
    purpose: str
    user: str
    at: datetime
    until: datetime
    envelope: bytes
    entry_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentRow:
    """A stored consent; ``withdrawn`` is since when nobody here relies on it, None while it stands.

    It says nothing of whether the consent has run out.
    """

    number: int
    consent: NewConsent
    withdrawn: datetime | None
    withdrawn_by: str


class GroundStore(Protocol):
    """What a release rests on besides the law: approvals and consents."""

    def revision(self) -> int:
        """Return a number that changes whenever a ground may fall away.

        That is a withdrawal or a change of somebody's roles. What runs out with time does not show.
        """
        ...

    def add_approval(self, approval: NewApproval) -> int:
        """Keep an approval and return its number."""
        ...

    def approvals_of(
        self, recipient: MemberId, items: Sequence[int]
    ) -> Sequence[tuple[int, str, str, bytes]]:
        """Return (item, subject, user, envelope) of the standing approvals of items, oldest first.

        Args:
            recipient: To whom they were approved.
            items: Handles.
        """
        ...

    def any_approval(self, recipient: MemberId) -> bool:
        """Return whether any approval for a recipient stands."""
        ...

    def approval(self, number: int) -> ApprovalRow | None:
        """Return one approval."""
        ...

    def approvals(self, *, after: int, limit: int) -> Sequence[ApprovalRow]:
        """Return approvals by number, greater than ``after``."""
        ...

    def withdraw_approval(self, number: int, *, by: str, at: datetime) -> None:
        """Take an approval back; its row stays."""
        ...

    def add_consent(self, consent: NewConsent) -> int:
        """Keep a consent and return its number."""
        ...

    def consents_for(
        self, recipient: MemberId, treaty: TreatyId, purpose: str, *, at: datetime
    ) -> Sequence[NewConsent]:
        """Return the standing consents for a release at an instant, the longest lasting first."""
        ...

    def consent(self, number: int) -> ConsentRow | None:
        """Return one consent."""
        ...

    def consent_by_digest(self, digest: str) -> ConsentRow | None:
        """Return the consent with this digest."""
        ...

    def consents(self, *, after: int, limit: int) -> Sequence[ConsentRow]:
        """Return consents by number, greater than ``after``."""
        ...

    def withdraw_consent(self, number: int, *, by: str, at: datetime) -> None:
        """Let a consent stand no more; its row stays."""
        ...


class DutyKind(StrEnum):
    """What is owed."""

    ACKNOWLEDGE = "acknowledge"
    """The recipient acknowledges; its signed lane head does it."""
    REVIEW = "review"
    """The sender reviews a release that came first."""
    RETAIN = "retain"
    """The recipient keeps the items no longer than until then."""


class DutySide(StrEnum):
    """Which side of the batch this node was on."""

    SENT = "sent"
    RECEIVED = "received"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDuty:
    """A deadline that one batch set; one row for each kind.

    Attributes:
        side: Whether this node sent or received the batch.
        member: The other member.
        lane: The lane of the batch.
        lane_count: Rows in the lane after the batch: a head that covers them acknowledges it.
        entry_index: The batch's entry in its sender's log.
        items: How many items it is about.
        at: The instant of the release.
        due: By when.
    """

    kind: DutyKind
    side: DutySide
    member: MemberId
    treaty: TreatyId
    article: str
    lane: str
    lane_count: int
    entry_index: int
    items: int
    at: datetime
    due: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyRow:
    """A stored duty; ``done`` is when it was done, None while it is owed."""

    number: int
    duty: NewDuty
    done: datetime | None
    done_by: str
    reason: str


class DutyStore(Protocol):
    """Deadlines that releases set."""

    def add(self, duties: Sequence[NewDuty]) -> None:
        """Keep duties; idempotent by side, member, entry and kind."""
        ...

    def get(self, number: int) -> DutyRow | None:
        """Return one duty."""
        ...

    def open(self, *, due_by: datetime | None, limit: int) -> Sequence[DutyRow]:
        """Return duties not done, by deadline; only those due by an instant, if one is given."""
        ...

    def overdue(self, at: datetime) -> Sequence[tuple[DutyKind, DutySide, MemberId, int, datetime]]:
        """Return (kind, side, member, how many, the earliest deadline) of what is overdue."""
        ...

    def awaiting(self, side: DutySide, member: MemberId, lane: str, *, count: int) -> int:
        """Return how many acknowledgements of a lane up to ``count`` rows are still owed."""
        ...

    def acknowledged(
        self, side: DutySide, member: MemberId, lane: str, *, count: int, at: datetime
    ) -> int:
        """Mark acknowledgements of a lane up to ``count`` rows as done; returns how many were."""
        ...

    def done(self, number: int, *, by: str, reason: str, at: datetime) -> None:
        """Mark one duty as done by a person."""
        ...
