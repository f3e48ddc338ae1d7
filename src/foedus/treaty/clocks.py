"""The clocks of casework that a treaty sets: how long members have, and how much they may ask.

The defaults hold where a treaty says nothing. Durations are exact; a deadline counts from the
instant both sides signed for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

__all__ = ["CaseClocks"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseClocks:
    """Time limits and bounds of orders, requests, consents and challenges.

    Attributes:
        orders_automatic: Whether a recipient carries out orders without a person's hand.
        order: From an order to its attestation.
        order_urgent: The same where a life is in danger.
        request_life: From a request to its answer where a life is in danger.
        request_urgent: The same of an urgent request.
        request_routine: The same of every other.
        request_extension: By how much an answer may be put off, once.
        request_batch: Most selectors one person asks a member about in a day without a supervisor.
        requests_a_day: Most requests one member sends another in a day; of challenges, and of
            consents it waits for, the same.
        consent: From a request for consent to its answer; silence is no.
        consent_life: The same where a life is in danger.
        challenge_block: From the intake of a challenge to the block at every holder.
        challenge_decide: From its intake to its outcome.
        subject_access: From a person's request to see what is held to its answer.
        breach_report: From a breach to its closing with a reason.
    """

    orders_automatic: bool = True
    order: timedelta = timedelta(days=3)
    order_urgent: timedelta = timedelta(hours=1)
    request_life: timedelta = timedelta(hours=1)
    request_urgent: timedelta = timedelta(hours=24)
    request_routine: timedelta = timedelta(days=10)
    request_extension: timedelta = timedelta(days=10)
    request_batch: int = 100
    requests_a_day: int = 200
    consent: timedelta = timedelta(days=10)
    consent_life: timedelta = timedelta(hours=1)
    challenge_block: timedelta = timedelta(hours=24)
    challenge_decide: timedelta = timedelta(days=30)
    subject_access: timedelta = timedelta(days=30)
    breach_report: timedelta = timedelta(days=10)
