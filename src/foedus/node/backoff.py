"""How long a peer that fails is left alone: exponential back-off with full jitter.

After the n-th failure in a row the pause is drawn evenly between nothing and ``base · 2ⁿ⁻¹``, at
most :data:`CAP_S`; so those who lost the same peer do not come back to it all at once. A peer that
names a time itself (``Retry-After``) is not asked before it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

__all__ = ["BASE_S", "CAP_S", "MAX_RETRY_AFTER_S", "Backoff"]

BASE_S: Final = 1.0
"""Longest pause after the first failure, in seconds."""

CAP_S: Final = 300.0
"""Longest pause of all but those a peer asks for, in seconds: a peer that comes back is found then.
"""

MAX_RETRY_AFTER_S: Final = 3600.0
"""Longest pause a peer can ask for, in seconds: it cannot put off its recalls for ever."""


class Backoff:
    """The pauses of one peer; for one thread."""

    def __init__(
        self, random: Callable[[], float], *, base_s: float = BASE_S, cap_s: float = CAP_S
    ) -> None:
        """Begin without a failure.

        Args:
            random: Returns a number from 0 up to 1, evenly.
            base_s: Longest pause after the first failure, in seconds.
            cap_s: Longest pause, in seconds.
        """
        self._random = random
        self._base_s = base_s
        self._cap_s = cap_s
        self._failures = 0

    @property
    def failures(self) -> int:
        """How often it failed in a row."""
        return self._failures

    def failed(self, retry_after_s: float | None = None) -> float:
        """Note a failure and return how many seconds to wait.

        Args:
            retry_after_s: What the peer asked for, in seconds.
        """
        self._failures += 1
        # Bounded before it is raised: a peer may be away for a week.
        doublings = min(self._failures - 1, 32)
        pause = self._random() * min(self._cap_s, self._base_s * 2.0**doublings)
        return max(pause, min(retry_after_s or 0.0, MAX_RETRY_AFTER_S))

    def succeeded(self) -> None:
        """Forget every failure."""
        self._failures = 0
