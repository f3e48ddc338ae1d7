"""Casework with the member's own node: orders, requests, consents, challenges, retention."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from msgspec import Struct

from foedus.client.case_call import CaseCall, Page
from foedus.client.case_challenges import Access, Challenges
from foedus.client.case_consents import Consents, Feedback
from foedus.client.case_keeping import Readings, Retention, Subjects
from foedus.client.case_orders import Grounds, Orders
from foedus.client.case_requests import Requests

__all__ = ["About", "Casework", "every"]

R = TypeVar("R")


class About(Struct, frozen=True, kw_only=True):
    """Whose node it is, and for whom the token acts."""

    member: str
    name: str
    exercise: bool
    user: str
    roles: list[str]


@dataclass(frozen=True, slots=True)
class Casework:
    """What a token with the scope ``case`` does; made by :class:`foedus.client.Client`.

    Attributes:
        call: Asks the node.
    """

    call: CaseCall = field(repr=False)

    def about(self) -> About:
        """Return whose node it is, and who asks."""
        return self.call.get("", About)

    def reading_for(self, purpose: str) -> Casework:
        """Return the same, with another purpose of reading than the token's own."""
        return Casework(replace(self.call, purpose=purpose))

    def keyed(self, key: str) -> Casework:
        """Return the same, with a key for the one thing that is posted next.

        Keep the key with what you are about to do: with it the same may be asked again, in another
        process too, and is done once. Without one, each post draws its own.
        """
        return Casework(replace(self.call, key=key))

    @property
    def orders(self) -> Orders:
        """Orders of ours and received, breaches."""
        return Orders(self.call)

    @property
    def grounds(self) -> Grounds:
        """Reserved grounds."""
        return Grounds(self.call)

    @property
    def requests(self) -> Requests:
        """Requests for information."""
        return Requests(self.call)

    @property
    def consents(self) -> Consents:
        """Consents to pass on."""
        return Consents(self.call)

    @property
    def feedback(self) -> Feedback:
        """What is thought of items."""
        return Feedback(self.call)

    @property
    def challenges(self) -> Challenges:
        """Challenges of persons."""
        return Challenges(self.call)

    @property
    def access(self) -> Access:
        """Requests of persons to see what is held."""
        return Access(self.call)

    @property
    def retention(self) -> Retention:
        """Until when what is kept."""
        return Retention(self.call)

    @property
    def subjects(self) -> Subjects:
        """What is known of one person."""
        return Subjects(self.call)

    @property
    def readings(self) -> Readings:
        """Who read personal data."""
        return Readings(self.call)


def every(listing: Callable[..., Page[R]], **query: Any) -> Iterator[R]:
    """Yield the rows of all pages of a list.

    Args:
        listing: For example ``client.casework.orders.list``.
        query: Its arguments; ``after`` is where to begin.
    """
    while True:
        page = listing(**query)
        yield from page.rows
        if not page.next:
            return
        query = {**query, "after": page.next}
