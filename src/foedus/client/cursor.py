"""Where a reader of a collection stands, as a text it may keep and go on from another day.

Rules, in the order they are applied:

1. ``after`` is the node's own text of the instant at which the last object read was added. A node
   adds each object later than all before it, so nothing lies beside it and nothing comes later in
   front of it.
2. ``token`` is the node's ``next``, sent together with ``after``: it may be further on, where a
   filter left out what lies between. A token another key made is worth nothing; ``after`` is
   enough.
3. A reader that stops inside a page goes back to where that page began and leaves out what it had
   of it: ``had`` holds their ids with versions, and ``had_until`` the last instant of that page.
   What was had stands in front of all else; the same id and version further back is there anew.

A cursor belongs to one query: the same collection, ids, types and versions.
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from foedus.client.errors import CursorError
from foedus.clock import InstantError, parse_instant

__all__ = ["MAX_CURSOR_CHARS", "Cursor", "query_mark"]

MAX_CURSOR_CHARS: Final = 1024 * 1024
"""Longest text read as a cursor."""


class Cursor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A place in a collection.

    Attributes:
        query: Which query it belongs to.
        after: Added up to here, everything was read; "" at the beginning.
        token: The node's ``next``, or "".
        had: What of the page that follows was read already: id and version, with a space between.
        had_until: When the last object of that page was added, or "".
    """

    query: str = ""
    after: str = ""
    token: str = ""
    had: tuple[str, ...] = ()
    had_until: str = ""

    def text(self) -> str:
        """Return the cursor as one line."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Read a cursor.

        Raises:
            CursorError: The text is none.
        """
        if len(text) > MAX_CURSOR_CHARS:
            raise CursorError("the text is too long for a cursor")
        try:
            cursor = msgspec.json.decode(text, type=cls)
            for instant in (cursor.after, cursor.had_until):
                if instant:
                    parse_instant(instant)
        except (msgspec.MsgspecError, ValueError, RecursionError, InstantError) as error:
            raise CursorError(f"the text is no cursor: {error}") from error
        return cursor


def query_mark(*parts: str) -> str:
    """Return a short mark of a query, for a cursor."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
