"""Following a table of states."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from foedus.casework.errors import CaseCourseError

__all__ = ["follow"]

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)


def follow(transitions: Mapping[tuple[S, E], S], state: S, event: E, *, what: str = "") -> S:
    """Return the state after an event.

    Args:
        transitions: Everything that may follow.
        state: Where it stands.
        event: What happens.
        what: What has that state, for the message.

    Raises:
        CaseCourseError: The event may not follow in that state.
    """
    after = transitions.get((state, event))
    if after is None:
        about = f"{what} that is {state.value}: " if what else f"after {state.value}, "
        raise CaseCourseError(f"{about}{event.value} does not follow")
    return after
