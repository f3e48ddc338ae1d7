"""Finds the route of a path by its segments, ahead of the router, which tries one after the other.

Only what a route takes as it is, path and method, is found here; anything else is the router's to
refuse.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from starlette.routing import Route
from starlette.types import ASGIApp, Scope

__all__ = ["QuickRoutes"]

_PARAMETER: Final = "{"


class QuickRoutes:
    """Routes whose every segment is a fixed text or one parameter."""

    def __init__(self, routes: Iterable[Route]) -> None:
        """Take routes; the first that fits a path is the one found.

        Args:
            routes: With templates such as ``/a/{name}/``.
        """
        self._by_length: dict[int, list[tuple[tuple[str, ...], Route]]] = {}
        for route in routes:
            segments = tuple(route.path.split("/"))
            self._by_length.setdefault(len(segments), []).append((segments, route))

    def find(self, scope: Scope) -> ASGIApp | None:
        """Return the application of a request and complete its scope, or return None."""
        found = scope["path"].split("/")
        for segments, route in self._by_length.get(len(found), ()):
            parts = _parts(segments, found)
            if parts is not None and scope["method"] in (route.methods or ()):
                scope["path_params"] = parts
                scope["route"] = route
                return route.app
        return None


def _parts(segments: tuple[str, ...], found: list[str]) -> dict[str, str] | None:
    parts: dict[str, str] = {}
    for segment, text in zip(segments, found, strict=True):
        if segment.startswith(_PARAMETER):
            if not text:
                return None
            parts[segment[1:-1]] = text
        elif segment != text:
            return None
    return parts
