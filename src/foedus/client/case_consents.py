"""Consents to pass on, and what is thought of items."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from msgspec import Struct

from foedus.client.case_call import CaseCall, Instant, Page, segment

__all__ = [
    "Consent",
    "ConsentRequest",
    "ConsentWithdrawn",
    "Consents",
    "Feedback",
    "FeedbackDraft",
    "FeedbackRow",
    "FeedbackWithdrawn",
]


class ConsentRequest(Struct, frozen=True, kw_only=True):
    """A consent that was asked for; ``id`` and ``version`` name the item in lists."""

    number: int
    ours: bool
    member: str
    recipient: str
    treaty: str
    purpose: str
    life: bool
    until: datetime
    at: datetime
    due: datetime
    state: str
    answered: datetime | None
    answered_by: str
    ground: str
    consent: int | None
    id: str = ""
    version: str = ""


class Consent(Struct, frozen=True, kw_only=True):
    """A consent given by us or taken from an originator.

    Attributes:
        request: Of the request it answers, when it was just given.
    """

    number: int
    given: bool
    originator: str
    id: str
    version: str
    sha256: str
    recipient: str
    treaty: str
    purpose: str
    by: str
    at: datetime
    until: datetime
    log_entry: int | None
    conditions: list[str]
    keep_until: datetime | None
    withdrawn: datetime | None
    state: str
    request: int | None = None


class ConsentWithdrawn(Struct, frozen=True, kw_only=True):
    """A consent that counts no more, and how many members are told."""

    consent: int
    state: str
    told: int


class FeedbackRow(Struct, frozen=True, kw_only=True):
    """What one item says of another."""

    handle: int
    number: str
    id: str
    state: str
    author: str
    stance: str
    about: str
    about_version: str
    at: datetime


class FeedbackDraft(Struct, frozen=True, kw_only=True):
    """A draft of feedback; vouch for it, then disclose it ``to`` the originator."""

    number: str
    id: str
    state: str
    stance: str
    to: str
    new: bool


class FeedbackWithdrawn(Struct, frozen=True, kw_only=True):
    """Feedback taken back, or ``held``: then an officer recalls it by an order."""

    feedback: str
    state: str


class _Requests(Struct):
    requests: list[ConsentRequest]
    next: str


class _Consents(Struct):
    consents: list[Consent]
    next: str


class _Feedback(Struct):
    feedback: list[FeedbackRow]
    next: str


@dataclass(frozen=True, slots=True)
class Consents:
    """An originator's word that an item may be passed on."""

    call: CaseCall = field(repr=False)

    def list(self, *, after: str = "", limit: int = 50) -> Page[Consent]:
        """Return consents given and taken."""
        found = self.call.get("consents", _Consents, after=after, limit=limit)
        return Page(rows=found.consents, next=found.next)

    def asked(self, *, after: str = "", limit: int = 50) -> Page[ConsentRequest]:
        """Return the consents asked of others."""
        found = self.call.get("consents/requests", _Requests, after=after, limit=limit)
        return Page(rows=found.requests, next=found.next)

    def inbox(
        self, *, everything: bool = False, after: str = "", limit: int = 50
    ) -> Page[ConsentRequest]:
        """Return the consents that holders of our items ask for."""
        found = self.call.get("consents/inbox", _Requests, all=everything, after=after, limit=limit)
        return Page(rows=found.requests, next=found.next)

    def ask(
        self,
        item: str,
        *,
        to: str,
        purpose: str,
        until: Instant,
        treaty: str = "",
        life: bool = False,
    ) -> ConsentRequest:
        """Ask an originator whether its item may be passed on; silence is a no."""
        body = {
            "item": item,
            "to": to,
            "purpose": purpose,
            "until": until,
            "treaty": treaty,
            "life": life,
        }
        return self.call.post("consents/requests", ConsentRequest, body)

    def give(
        self,
        number: int,
        *,
        until: Instant | None = None,
        conditions: Iterable[str] = (),
        keep_until: Instant | None = None,
    ) -> Consent:
        """Give a consent that was asked for."""
        body = {"until": until, "conditions": tuple(conditions), "keep_until": keep_until}
        return self.call.post(f"consents/inbox/{segment(number)}/give", Consent, body)

    def refuse(self, number: int, ground: str) -> ConsentRequest:
        """Refuse a consent that was asked for."""
        return self.call.post(
            f"consents/inbox/{segment(number)}/refuse", ConsentRequest, {"ground": ground}
        )

    def withdraw(self, number: int) -> ConsentWithdrawn:
        """Take a consent back for the future."""
        return self.call.post(f"consents/{segment(number)}/withdraw", ConsentWithdrawn)


@dataclass(frozen=True, slots=True)
class Feedback:
    """What we think of items of others, and others of ours."""

    call: CaseCall = field(repr=False)

    def list(self, *, after: str = "", limit: int = 50) -> Page[FeedbackRow]:
        """Return what is said of items here."""
        found = self.call.get("feedback", _Feedback, after=after, limit=limit)
        return Page(rows=found.feedback, next=found.next)

    def draft(self, item: str, stance: str, *, text: str = "") -> FeedbackDraft:
        """Draft an opinion on an item of another member, or a proposal to its originator."""
        return self.call.post(
            "feedback", FeedbackDraft, {"item": item, "stance": stance, "text": text}
        )

    def withdraw(self, item: str, reason: str) -> FeedbackWithdrawn:
        """Take a draft opinion or note of ours back."""
        return self.call.post(
            "feedback/withdraw", FeedbackWithdrawn, {"item": item, "reason": reason}
        )
