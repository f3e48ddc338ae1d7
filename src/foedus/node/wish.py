"""What a person wants to disclose, and on what footing."""

from __future__ import annotations

from dataclasses import dataclass

from foedus.model.identifiers import ArticleId, MemberId, TreatyId
from foedus.release.facts import AssertedFacts

__all__ = ["Wish"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person wants to disclose, and on what footing.

    Attributes:
        treaty: The treaty relied on.
        purpose: One of its purposes.
        article: The article relied on, or None to have the freest proposed.
        recipients: Members; empty means every other party.
        threat_to_life: Whether the person asserts a threat to life.
        anew: Whether what a member has already is given again, on the terms it has now: so a
            renewed review or a later end reaches it.
    """

    treaty: TreatyId
    purpose: str
    article: ArticleId | None = None
    recipients: tuple[MemberId, ...] = ()
    threat_to_life: bool = False
    anew: bool = False

    @property
    def asserted(self) -> AssertedFacts:
        """What the person alone asserts; consents and approvals come from the store."""
        return AssertedFacts(consent=False, threat_to_life=self.threat_to_life, approvals=0)
