"""The numbers of the steps that bring a store to its newest shape: 1, 2, 3 and so on, each once.

Two branches of work that both added a step would otherwise leave stores of one number and two
shapes, without a word.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

from foedus.store.errors import StoreBrokenError

__all__ = ["Numbered", "in_order"]


class Numbered(Protocol):
    """A step."""

    @property
    def number(self) -> int:
        """From 1, without gaps."""
        ...

    @property
    def name(self) -> str:
        """File name."""
        ...


_Step = TypeVar("_Step", bound=Numbered)


def in_order(steps: Iterable[_Step]) -> tuple[_Step, ...]:
    """Return steps by their numbers.

    Raises:
        StoreBrokenError: Two have one number, or one is missing: this installation is damaged.
    """
    found = sorted(steps, key=lambda step: (step.number, step.name))
    for wanted, step in enumerate(found, start=1):
        if wanted > 1 and step.number == wanted - 1:
            raise StoreBrokenError(
                f"this installation is damaged: two migrations have the number {step.number} "
                f"({found[wanted - 2].name}, {step.name})"
            )
        if step.number != wanted:
            raise StoreBrokenError(
                f"this installation is damaged: there is no migration {wanted}, but {step.name}"
            )
    if not found:
        raise StoreBrokenError("this installation is damaged: it has no migrations")
    return tuple(found)
