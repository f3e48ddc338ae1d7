"""Obligations: what a release binds its recipient or its sender to.

Joined strictest-first: what is redacted is the union, times are the shortest, approvals the most.
What the annotations mean is in :mod:`foedus.treaty.vocabulary`; ``@review``, a duration, besides
binds the sender to review a release that came first, as one for a life in danger does.
``burden`` puts them in one order that never falls when two are joined, so that "the article with
the fewest obligations" has one meaning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import reduce
from typing import Final

from foedus.canonical import JSONValue
from foedus.model.selectors import SelectorKind
from foedus.release.errors import BlockError
from foedus.treaty.durations import DurationError, parse_duration

__all__ = ["MAX_APPROVALS", "NO_OBLIGATIONS", "Obligations", "join_all", "read_annotations"]

MAX_APPROVALS: Final = 2
"""Most persons a treaty may ask to approve."""

_ENDLESS: Final = 10**14
"""More seconds than any duration has."""

_PROPERTY: Final = re.compile(r"[a-z][a-z0-9_]{2,249}", re.ASCII)
_FIXED_PROPERTIES: Final = frozenset(
    {
        "type",
        "id",
        "spec_version",
        "created",
        "modified",
        "extensions",
        "object_marking_refs",
        "granular_markings",
    }
)
"""Properties no rule may remove: they name the object, say how to read it, or restrict it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Obligations:
    """What a release binds to.

    Attributes:
        redact: Targets removed before release, ``property:NAME`` or ``kind:KIND``.
        retain: How long the recipient may keep the item without a new decision; None: no limit.
        acknowledge: Within what time the recipient acknowledges; None: not asked.
        approvals: How many distinct persons approve exactly what is released.
        review: Within what time the sender reviews the release itself; None: not asked.
    """

    redact: frozenset[str] = frozenset()
    retain: timedelta | None = None
    acknowledge: timedelta | None = None
    approvals: int = 0
    review: timedelta | None = None

    def join(self, other: Obligations) -> Obligations:
        """Return what satisfies both."""
        return Obligations(
            redact=self.redact | other.redact,
            retain=_shortest(self.retain, other.retain),
            acknowledge=_shortest(self.acknowledge, other.acknowledge),
            approvals=max(self.approvals, other.approvals),
            review=_shortest(self.review, other.review),
        )

    @property
    def burden(self) -> tuple[int, int, int, int, int]:
        """A place in one order; joining never lowers any of its parts."""
        return (
            self.approvals,
            len(self.redact),
            _tightness(self.acknowledge),
            _tightness(self.retain),
            _tightness(self.review),
        )

    def covers(self, other: Obligations) -> bool:
        """Whether keeping these keeps the others too."""
        return self.join(other) == self

    def document(self) -> dict[str, JSONValue]:
        """Return the wire form: sorted targets, whole seconds or null.

        A review stands in it only where one is owed, so that older records keep their bytes.
        """
        document: dict[str, JSONValue] = {
            "redact": sorted(self.redact),
            "retain_s": _seconds(self.retain),
            "acknowledge_s": _seconds(self.acknowledge),
            "approvals": self.approvals,
        }
        if self.review is not None:
            document["review_s"] = _seconds(self.review)
        return document


NO_OBLIGATIONS: Final = Obligations()
"""What binds to nothing."""


def join_all(obligations: Iterable[Obligations]) -> Obligations:
    """Return what satisfies all of them; none at all bind to nothing."""
    return reduce(Obligations.join, obligations, NO_OBLIGATIONS)


def read_annotations(annotations: Mapping[str, str | None]) -> Obligations:
    """Read the annotations of a rule, ``duty`` aside.

    Args:
        annotations: Annotation names and values as the engine parsed them; a bare annotation has
            the value None.

    Raises:
        BlockError: An annotation is unknown, bare, or its value has another form.
    """
    for name, value in annotations.items():
        if name not in _READERS:
            raise BlockError(f"@{name} is not an annotation of the vocabulary")
        if value is None or not value.strip():
            raise BlockError(f"@{name} stands without a value")
    return join_all(
        _READERS[name](value) for name, value in annotations.items() if value is not None
    )


def _redact(text: str) -> Obligations:
    targets = text.split()
    for target in targets:
        _check_target(target)
    return Obligations(redact=frozenset(targets))


def _check_target(target: str) -> None:
    sort, _, name = target.partition(":")
    match sort:
        case "property":
            if name in _FIXED_PROPERTIES:
                raise BlockError(f"@redact: the property {name!r} is never removed")
            if not _PROPERTY.fullmatch(name):
                raise BlockError(f"@redact: {target!r} names no property")
        case "kind":
            if name not in set(SelectorKind):
                raise BlockError(f"@redact: {target!r} names no kind of selector")
        case _:
            raise BlockError(f"@redact: {target!r} is neither property:NAME nor kind:KIND")


def _duration(name: str, text: str) -> timedelta:
    try:
        duration = parse_duration(text)
    except DurationError as error:
        raise BlockError(f"@{name}: {error}") from error
    if duration <= timedelta(0):
        raise BlockError(f"@{name}: a duration is longer than nothing")
    return duration


def _retain(text: str) -> Obligations:
    return Obligations(retain=_duration("retain", text))


def _acknowledge(text: str) -> Obligations:
    return Obligations(acknowledge=_duration("acknowledge", text))


def _review(text: str) -> Obligations:
    return Obligations(review=_duration("review", text))


def _approvals(text: str) -> Obligations:
    if text not in {str(number) for number in range(1, MAX_APPROVALS + 1)}:
        raise BlockError(f"@approvals is 1 to {MAX_APPROVALS}, not {text[:20]!r}")
    return Obligations(approvals=int(text))


_READERS: Final = {
    "redact": _redact,
    "retain": _retain,
    "acknowledge": _acknowledge,
    "approvals": _approvals,
    "review": _review,
}


def _shortest(a: timedelta | None, b: timedelta | None) -> timedelta | None:
    return min((each for each in (a, b) if each is not None), default=None)


def _tightness(limit: timedelta | None) -> int:
    return 0 if limit is None else _ENDLESS - int(limit.total_seconds())


def _seconds(limit: timedelta | None) -> int | None:
    return None if limit is None else int(limit.total_seconds())
