"""Granular selectors: the parts of an object that a marking names.

A granular selector is a path: property names joined by full stops, and ``[n]`` for the element of
a list, counted from 0 (``description``, ``external_references.[0].source_name``). A selector names
the whole of what stands at its end.

Rules of :func:`remove`, in the order they are applied:

1. Each selector must name something that is there; all are resolved before anything is removed, so
   that the index of one never depends on the removal of another.
2. What is named is removed. A list or an object left empty by it is removed too, since STIX
   forbids empty ones; so upwards to the top.
3. Granular markings follow: selectors of what is gone are dropped, indexes behind a removed element
   move up, a marking without selectors goes.

``type``, ``id``, ``spec_version``, ``created``, ``modified`` and the markings themselves are never
removed: an object without them is no longer one, or no longer says what it may not.

Spec: STIX 2.1 §7.2.3.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from foedus.model.objects import MAX_DEPTH, ModelError

__all__ = [
    "KEPT_PROPERTIES",
    "MAX_SELECTOR_CHARS",
    "GranularError",
    "GranularSelector",
    "marked_selectors",
    "parse_selector",
    "remove",
    "resolve",
]

MAX_SELECTOR_CHARS = 1024
"""Longest selector read, in characters."""

KEPT_PROPERTIES = frozenset(
    {
        "created",
        "granular_markings",
        "id",
        "modified",
        "object_marking_refs",
        "spec_version",
        "type",
    }
)
"""Properties that are never removed, whole or in part."""

_STEP = re.compile(r"\[(0|[1-9][0-9]{0,6})\]|([A-Za-z0-9_-]{1,250})", re.ASCII)

Step: TypeAlias = "str | int"
_Path: TypeAlias = "tuple[Step, ...]"


class GranularError(ModelError):
    """A selector cannot be read, or names nothing, or what may not be removed."""

    code: ClassVar[str] = "model.granular"


@dataclass(frozen=True, slots=True, kw_only=True)
class GranularSelector:
    """The path to one part of an object.

    Attributes:
        steps: Property names and list indexes, outermost first; the first is a name.
    """

    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return ".".join(f"[{step}]" if isinstance(step, int) else step for step in self.steps)


def parse_selector(text: str) -> GranularSelector:
    """Read a selector.

    Args:
        text: For example ``kill_chain_phases.[1].phase_name``; untrusted.

    Raises:
        GranularError: It is no selector, or is longer or deeper than the limits.

    Spec: STIX 2.1 §7.2.3.1.
    """
    if len(text) > MAX_SELECTOR_CHARS:
        raise GranularError(f"a selector longer than {MAX_SELECTOR_CHARS} characters")
    steps: list[Step] = []
    for piece in text.split("."):
        match = _STEP.fullmatch(piece)
        if match is None:
            raise GranularError(f"not a granular selector: {text[:80]!r}")
        steps.append(match[2] if match[1] is None else int(match[1]))
    if isinstance(steps[0], int):
        raise GranularError(f"a selector begins with a property: {text[:80]!r}")
    if len(steps) > MAX_DEPTH:
        raise GranularError(f"a selector deeper than {MAX_DEPTH} steps")
    return GranularSelector(steps=tuple(steps))


def resolve(document: Mapping[str, Any], selector: GranularSelector) -> object:
    """Return what a selector names in a decoded object.

    Raises:
        GranularError: Nothing stands there.
    """
    node: Any = document
    for step in selector.steps:
        there = (
            isinstance(node, Mapping) and step in node
            if isinstance(step, str)
            else isinstance(node, list) and step < len(node)
        )
        if not there:
            raise GranularError(f"the object has nothing at {str(selector)[:80]!r}")
        node = node[step]
    return node


def marked_selectors(
    document: Mapping[str, Any], markings: Collection[str]
) -> tuple[GranularSelector, ...]:
    """Return the parts of a decoded object that any of some markings is on, in order.

    Args:
        document: The decoded object; untrusted.
        markings: Ids of marking definitions.

    Raises:
        GranularError: ``granular_markings`` or a selector in it cannot be read.
    """
    found: dict[GranularSelector, None] = {}
    for entry in _granular_markings(document):
        if entry.get("marking_ref") in markings:
            for text in _selector_texts(entry):
                found[parse_selector(text)] = None
    return tuple(found)


def remove(document: Mapping[str, Any], selectors: Collection[GranularSelector]) -> dict[str, Any]:
    """Return a decoded object without the parts named. The argument is not changed.

    The result may lack what its schema demands; whether it does is for the validator to say.

    Args:
        document: The decoded object.
        selectors: What to remove; one may lie within another.

    Raises:
        GranularError: One names nothing, or one of :data:`KEPT_PROPERTIES`, or the granular
            markings of the object cannot be read.
    """
    for selector in selectors:
        if selector.steps[0] in KEPT_PROPERTIES:
            raise GranularError(f"{str(selector)[:80]!r} is never removed")
        resolve(document, selector)
    removed = {selector.steps for selector in selectors}
    moves: dict[_Path, Step | None] = {}
    kept = _copy_object(document, (), removed, moves)
    if "granular_markings" in document:
        markings = [*_moved_markings(document, moves)]
        if markings:
            kept["granular_markings"] = markings
        else:
            del kept["granular_markings"]
    return kept


def _copy_object(
    node: Mapping[str, Any], path: _Path, removed: set[_Path], moves: dict[_Path, Step | None]
) -> dict[str, Any]:
    kept: dict[str, Any] = {}
    for key, value in node.items():
        here = (*path, key)
        copied = _copy(value, here, removed, moves)
        moves[here] = None if copied is _GONE else key
        if copied is not _GONE:
            kept[key] = copied
    return kept


def _copy_list(
    node: list[Any], path: _Path, removed: set[_Path], moves: dict[_Path, Step | None]
) -> list[Any]:
    kept: list[Any] = []
    for index, value in enumerate(node):
        here = (*path, index)
        copied = _copy(value, here, removed, moves)
        moves[here] = None if copied is _GONE else len(kept)
        if copied is not _GONE:
            kept.append(copied)
    return kept


_GONE = object()
"""Stands for what was removed; None is a JSON value."""


def _copy(
    value: Any,
    path: _Path,
    removed: set[_Path],
    moves: dict[_Path, Step | None],
) -> Any:
    """Copy one value, or say that it goes. ``moves`` notes where each part ends up."""
    if path in removed:
        return _GONE
    copied: Any = value
    if isinstance(value, Mapping):
        copied = _copy_object(value, path, removed, moves)
    elif isinstance(value, list):
        copied = _copy_list(value, path, removed, moves)
    # Rule 2: only what the removal emptied goes; what came empty is not ours to mend.
    return _GONE if value and copied in ({}, []) else copied


def _moved_markings(
    document: Mapping[str, Any], moves: Mapping[_Path, Step | None]
) -> Iterator[dict[str, Any]]:
    """Rule 3."""
    for entry in _granular_markings(document):
        texts = []
        for text in _selector_texts(entry):
            steps = _moved(parse_selector(text).steps, moves)
            if steps is not None:
                texts.append(str(GranularSelector(steps=steps)))
        if texts:
            yield {**entry, "selectors": texts}


def _moved(steps: _Path, moves: Mapping[_Path, Step | None]) -> _Path | None:
    """Return where a path leads after the removal, or None where it leads nowhere."""
    moved: list[Step] = []
    for depth in range(1, len(steps) + 1):
        step = moves.get(steps[:depth])
        if step is None:
            return None
        moved.append(step)
    return tuple(moved)


def _granular_markings(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    entries = document.get("granular_markings", [])
    if not isinstance(entries, list):
        raise GranularError("granular_markings is not a list")
    for entry in entries:
        if not isinstance(entry, Mapping):
            raise GranularError("a granular marking is not an object")
        yield entry


def _selector_texts(entry: Mapping[str, Any]) -> Iterator[str]:
    texts = entry.get("selectors")
    if not isinstance(texts, list):
        raise GranularError("a granular marking has no list of selectors")
    for text in texts:
        if not isinstance(text, str):
            raise GranularError("a selector is not a text")
        yield text
