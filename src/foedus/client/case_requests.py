"""Requests for information: ours, and those of other members."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from msgspec import Struct

from foedus.client.case_call import CaseCall, Instant, Page, segment

__all__ = [
    "AnswerGiven",
    "Holding",
    "ItemHere",
    "ItemName",
    "ReplyDraft",
    "Request",
    "RequestEvent",
    "RequestPreview",
    "RequestSays",
    "RequestView",
    "Requests",
    "SentRequest",
    "Withheld",
]

K = TypeVar("K")


class Request(Struct, frozen=True, kw_only=True):
    """A request, and how far it has come.

    Attributes:
        side: ``asked`` by us or ``received``.
        selectors: How many values it asks about.
    """

    number: int
    name: str
    side: str
    member: str
    id: str
    treaty: str
    article: str
    purpose: str
    offence: str
    urgency: str
    selectors: int
    hit: int | None
    state: str
    at: datetime
    due: datetime
    extended: bool
    author: str
    approved_by: str
    ground: str
    usefulness: int | None
    feedback: str


class ItemName(Struct, frozen=True, kw_only=True):
    """An item's version, as the other side knows it; its number here, if it stands here."""

    id: str
    version: str
    number: str | None = None


class RequestSays(Struct, frozen=True, kw_only=True):
    """What a request says."""

    legal_basis: str
    selectors: list[str]
    about: list[ItemName]
    text: str


class RequestEvent(Struct, frozen=True, kw_only=True):
    """What happened to a request."""

    at: datetime
    event: str
    state: str
    by: str


class ItemHere(Struct, frozen=True, kw_only=True):
    """An item that is held here."""

    number: str
    type: str
    title: str


class Holding(Struct, frozen=True, kw_only=True):
    """What is held here on what a request asks about."""

    about: str
    count: int
    items: list[ItemHere]


class RequestView(Request, frozen=True, kw_only=True):
    """A request with all that is known of it here; ``says`` is None once that is gone."""

    item: str
    personal: bool
    says: RequestSays | None
    history: list[RequestEvent]
    answers: list[ItemName]
    held_here: list[Holding]


class RequestPreview(RequestView, frozen=True, kw_only=True):
    """A request, and what would become of it if it were sent now."""

    verdict: str
    under: str
    reasons: list[str]
    changes: list[str]


class SentRequest(Request, frozen=True, kw_only=True):
    """A request that was sent, or why the treaty kept it here."""

    sent: bool
    reasons: list[str]


class Withheld(Struct, frozen=True, kw_only=True):
    """Why an item was not given."""

    code: str
    reason: str


class AnswerGiven(Request, frozen=True, kw_only=True):
    """A request that was answered: what was given, what was not."""

    given: list[ItemName]
    withheld: list[Withheld]


class ReplyDraft(Struct, frozen=True, kw_only=True):
    """A note that replies; vouch for it, then give it in answer."""

    request: int
    number: str
    id: str


class _Requests(Struct):
    requests: list[Request]
    next: str


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests for information."""

    call: CaseCall = field(repr=False)

    def list(
        self, *, states: Iterable[str] = (), side: str = "", after: str = "", limit: int = 50
    ) -> Page[Request]:
        """Return requests; open ones if no state is named."""
        found = self.call.get(
            "requests", _Requests, state=tuple(states), side=side, after=after, limit=limit
        )
        return Page(rows=found.requests, next=found.next)

    def inbox(self, *, after: str = "", limit: int = 50) -> Page[Request]:
        """Return what other members ask and wait for, the nearest deadline first."""
        found = self.call.get("requests/inbox", _Requests, after=after, limit=limit)
        return Page(rows=found.requests, next=found.next)

    def show(self, request: int | str) -> RequestView:
        """Return a request by its number here, or its name."""
        return self.call.get(f"requests/{segment(request)}", RequestView)

    def preview(self, request: int | str) -> RequestPreview:
        """Return what the member asked would see, and under which article."""
        return self.call.get(f"requests/{segment(request)}/preview", RequestPreview)

    def draft(
        self,
        *,
        legal_basis: str,
        to: str = "",
        hit: int | None = None,
        values: Iterable[str] = (),
        items: Iterable[str] = (),
        text: str = "",
        **more: Instant | str | tuple[str, ...] | None,
    ) -> Request:
        """Draft a request to a member, or by a hit; nothing leaves.

        Args:
            legal_basis: The domestic provision relied on, cited.
            to: The member to ask.
            hit: The hit it follows: whom, and about what, comes from it.
            values: Values to ask about, or ``kind:value``.
            items: Items of theirs, or given to them.
            text: What is asked, in words.
            more: ``treaty``, ``article``, ``purpose``, ``offence``, ``urgency``, ``due``,
                ``person``, ``tlp``, ``handling``, ``review``, ``expiry``, as the page says.
        """
        body = {
            "legal_basis": legal_basis,
            "to": to,
            "hit": hit,
            "values": tuple(values),
            "items": tuple(items),
            "text": text,
            **more,
        }
        return self.call.post("requests", Request, body)

    def approve(self, request: int | str, *, neutrality: str = "") -> Request:
        """Answer for a draft: its time counts from now."""
        return self._act(request, "approve", Request, neutrality=neutrality)

    def send(self, request: int | str) -> SentRequest:
        """Send an approved request, if the treaty lets it go."""
        return self._act(request, "send", SentRequest)

    def answer(
        self,
        request: int | str,
        items: Iterable[str],
        *,
        partial: bool = False,
        article: str = "",
        threat_to_life: bool = False,
    ) -> AnswerGiven:
        """Answer with items, under the treaty; a threat to life is asserted by who answers."""
        return self._act(
            request,
            "answer",
            AnswerGiven,
            items=tuple(items),
            partial=partial,
            article=article,
            threat_to_life=threat_to_life,
        )

    def reply(self, request: int | str, text: str) -> ReplyDraft:
        """Draft a note that replies in words."""
        return self._act(request, "reply", ReplyDraft, text=text)

    def extend(self, request: int | str, *, until: Instant | None = None) -> Request:
        """Put the answer off, once."""
        return self._act(request, "extend", Request, until=until)

    def refuse(self, request: int | str, ground: str) -> Request:
        """Refuse on a ground of the treaty."""
        return self._act(request, "refuse", Request, ground=ground)

    def withdraw(self, request: int | str) -> Request:
        """Take a request of ours back."""
        return self._act(request, "withdraw", Request)

    def close(
        self, request: int | str, *, useful: int | None = None, feedback: str | None = None
    ) -> Request:
        """Close a request of ours, and say of what use its answer was: 1 to 5."""
        return self._act(request, "close", Request, useful=useful, feedback=feedback)

    def _act(self, request: int | str, what: str, kind: type[K], **body: object) -> K:
        return self.call.post(f"requests/{segment(request)}/{what}", kind, body)
