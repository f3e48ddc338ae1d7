"""One run under way: the nodes, the plan, what happened so far, and the checks of each step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from foedus.demo.bloc import Bloc
from foedus.demo.outcome import Outcome
from foedus.demo.plan import Entry, Plan

__all__ = ["Checks", "Run", "Step"]

_SHOWN_CHARS: Final = 300


@dataclass(slots=True)
class Checks:
    """What must hold after a step; a failure is named and the run goes on to show the rest."""

    made: int = 0
    failures: list[str] = field(default_factory=list)

    def that(self, what: str, *, holds: bool, found: object = "") -> None:
        """Check one statement.

        Args:
            what: The statement, in words.
            holds: Whether it holds.
            found: What was found instead.
        """
        self.made += 1
        if not holds:
            rest = f" (found: {str(found)[:_SHOWN_CHARS]})" if found != "" else ""
            self.failures.append(f"it does not hold that {what}{rest}")

    def equal(self, what: str, found: object, expected: object) -> None:
        """Check that what was found is what was expected."""
        self.that(what, holds=found == expected, found=f"{found} and not {expected}")


@dataclass(slots=True, kw_only=True)
class Run:
    """A run under way.

    Attributes:
        now: Instant of its start; dates of review are counted from it.
        checks: The checks of the step under way.
        fingerprints: Member → fingerprint read out by it.
        title: Title of the treaty adopted.
        received: Member → items of the first member's that it holds, as it lists them.
        entry_of: Id of each item of the first member → the entry it was vouched for with.
        receipts: Member → receipts it made, and how many of them hold.
        given_later: Member → items of the first member's given to it after the first release, less
            those erased since.
        disclosed_later: (Member, reference) → what was disclosed after that, to make receipts of.
        round_s: How long five members took to pull and carry out an order.
    """

    bloc: Bloc
    plan: Plan
    now: datetime
    outcome: Outcome = field(default_factory=Outcome)
    checks: Checks = field(default_factory=Checks)
    fingerprints: dict[str, str] = field(default_factory=dict)
    title: str = ""
    received: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    entry_of: dict[str, Entry] = field(default_factory=dict)
    receipts: dict[str, tuple[int, int]] = field(default_factory=dict)
    given_later: Counter[str] = field(default_factory=Counter)
    disclosed_later: list[tuple[str, str]] = field(default_factory=list)
    round_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the story: what people are told it is, and what does it.

    Attributes:
        shipped_only: Whether it needs the demo's own inputs, and is left out with the reader's.
    """

    title: str
    do: Callable[[Run], None]
    shipped_only: bool = False
