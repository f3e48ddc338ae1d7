"""Drafting a treaty: the sample text, and filling in the annex of original members.

A template is a treaty file whose front matter leaves out ``exercise``, ``depositary`` and the
``[[party]]`` tables. They are added as text; nothing else of the template is touched.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Final

from foedus.model.identifiers import MemberId
from foedus.treaty.articles import Party
from foedus.treaty.faults import Fault, TreatyFaults
from foedus.treaty.parser import parse_treaty

__all__ = ["fill_parties", "sample_text"]

_FENCE: Final = b"+++\n"


def sample_text() -> bytes:
    """Return the sample convention that ships with Foedus: a template without members."""
    return (files("foedus.treaty") / "texts" / "convention.md").read_bytes()


def fill_parties(
    template: bytes, parties: Sequence[Party], *, exercise: bool, depositary: MemberId
) -> bytes:
    """Return the template with its annex filled in.

    Args:
        template: Bytes of a treaty file without members.
        parties: The original members, in the order in which the annex lists them.
        exercise: Whether everything under the treaty is an exercise.
        depositary: One of the members.

    Raises:
        TreatyFaults: The result would not be a treaty; every fault is listed, with the lines of
            the result.
    """
    opening, first, rest = template.partition(_FENCE)
    front, second, body = rest.partition(b"\n" + _FENCE)
    if opening or not first or not second:
        raise TreatyFaults(
            (Fault(1, "the file must begin with front matter between two '+++' lines"),)
        )
    head = f"exercise = {'true' if exercise else 'false'}\ndepositary = {_quoted(depositary)}\n"
    annex = "".join(
        f"\n[[party]]\nmember = {_quoted(party.member)}\nname = {_quoted(party.name)}\n"
        f"authority = {_quoted(party.authority)}\n"
        for party in parties
    )
    filled = first + head.encode() + front + b"\n" + annex.encode() + _FENCE + body
    parse_treaty(filled)
    return filled


def _quoted(text: str) -> str:
    """Return a TOML basic string; the escapes of JSON are among those of TOML 1.0."""
    return json.dumps(text, ensure_ascii=False)
