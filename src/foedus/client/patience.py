"""How often and how long a tool tries: back-off with jitter, and what the server asks for.

The n-th wait is drawn from 0 to ``first_wait_s · 2^n``, never beyond ``longest_wait_s``: many
tools that failed together do not come back together. ``Retry-After`` is a least: nothing is sent
before it is over, and where it asks for more than is left, the caller is told at once.

Spec: RFC 9110 §10.2.3 (Retry-After), §15.5.9, §15.6; RFC 6585 §4 (429).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

from foedus.clock import Clock, SystemClock

__all__ = ["RETRIED_STATUSES", "Patience", "retry_after"]

RETRIED_STATUSES: Final = frozenset({408, 425, 429, 502, 503, 504})
"""Answers that may be different the next time."""

_MAX_DIGITS: Final = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a tool waits for its node.

    Attributes:
        attempts: Most times one request is sent, at least 1.
        first_wait_s: Longest first wait between two attempts, in seconds.
        longest_wait_s: Longest wait drawn, in seconds.
        in_all_s: Longest all attempts and waits of one request may take, in seconds.
        connect_s: Longest wait for a connection, in seconds.
        silence_s: Longest silence while an answer arrives, in seconds.
        answer_s: Longest an answer may take whole, in seconds.
        clock: Tells now, for dates in ``Retry-After``.
        sleep: Waits so many seconds.
        monotonic: Seconds that never go back.
        draw: Returns a number from 0 to what it is given.
    """

    attempts: int = 6
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0
    in_all_s: float = 300.0
    connect_s: float = 5.0
    silence_s: float = 30.0
    answer_s: float = 120.0
    clock: Clock = field(default_factory=SystemClock)
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    monotonic: Callable[[], float] = field(default=time.monotonic, repr=False)
    draw: Callable[[float], float] = field(
        default=lambda most: random.uniform(0.0, most),  # noqa: S311  jitter is no secret
        repr=False,
    )

    def wait_s(self, attempt: int, asked_s: float | None) -> float:
        """Return how long to wait after an attempt.

        Args:
            attempt: Which attempt failed, from 1.
            asked_s: What the server asked for, in seconds, or None.
        """
        drawn = self.draw(min(self.longest_wait_s, self.first_wait_s * 2.0 ** (attempt - 1)))
        return drawn if asked_s is None else asked_s + drawn


def retry_after(text: str | None, clock: Clock) -> float | None:
    """Return the seconds a ``Retry-After`` asks for, from now; None where it is absent or unread.

    Args:
        text: The header: a number of seconds or an HTTP date; untrusted.
        clock: Tells now.
    """
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS:
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return max(0.0, (at - clock.now()).total_seconds())
