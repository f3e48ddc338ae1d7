"""A treaty file to a :class:`~foedus.treaty.articles.Treaty`, or every fault found.

The file is UTF-8: front matter between two ``+++`` lines, then Markdown. Bounds are checked before
anything is parsed. The id of a treaty is the SHA-256 of the canonical manifest of its authentic
texts, so one changed byte of any of them is another treaty. ``docs/treaty-format.md`` is for people
who write one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from foedus.canonical import JSONValue, canonical_bytes
from foedus.model.identifiers import TreatyId
from foedus.treaty.articles import Treaty
from foedus.treaty.body import MAX_LINES, Body, read_body
from foedus.treaty.faults import Fault, TreatyFaults
from foedus.treaty.front_matter import FrontMatter, read_front_matter

__all__ = [
    "MAX_TREATY_BYTES",
    "Fault",
    "Reading",
    "TreatyFaults",
    "manifest_id",
    "parse_treaty",
    "read_treaty",
]

MAX_TREATY_BYTES: Final = 1024 * 1024
"""Longest treaty file, bytes."""

_FENCE: Final = "+++"


def manifest_id(machine: str, texts: Mapping[str, bytes]) -> TreatyId:
    """Return the id of a treaty: SHA-256 of the canonical manifest of its authentic texts.

    Args:
        machine: Language of the text that holds the machine rules; a key of ``texts``.
        texts: Authentic language to the exact bytes of its file.

    Returns:
        64 hex digits.
    """
    manifest: JSONValue = {
        "v": 1,
        "machine": machine,
        "texts": [
            {"language": language, "sha256": hashlib.sha256(texts[language]).hexdigest()}
            for language in sorted(texts)
        ],
    }
    return TreatyId(hashlib.sha256(canonical_bytes(manifest)).hexdigest())


def parse_treaty(raw: bytes) -> Treaty:
    """Read a treaty file.

    Args:
        raw: The exact bytes; untrusted.

    Raises:
        TreatyFaults: The file is not a treaty; it lists every fault found, by line.
    """
    reading = read_treaty(raw)
    if reading.faults or reading.treaty is None:
        raise TreatyFaults(reading.faults)
    return reading.treaty


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What could be read of a treaty file.

    Attributes:
        treaty: The treaty; with stand-ins where there are faults, so of use only for looking at the
            rest. None if the front matter cannot be read at all.
        faults: Every fault of form, by line and column.
    """

    treaty: Treaty | None
    faults: tuple[Fault, ...]


def read_treaty(raw: bytes) -> Reading:
    """Read as much of a treaty file as can be read, and note every fault.

    Args:
        raw: The exact bytes; untrusted.
    """
    faults: list[Fault] = []
    front, body = _read(raw, faults)
    treaty = None
    if front is not None and body is not None:
        _compare(front, body, faults)
        treaty = _treaty(raw, front, body)
    return Reading(treaty=treaty, faults=_placed(raw, faults))


def _placed(raw: bytes, faults: list[Fault]) -> tuple[Fault, ...]:
    """Sort faults; one of a whole line is placed where its text begins."""
    lines = raw.split(b"\n")
    placed = set()
    for fault in faults:
        column = fault.column
        if fault.line and not column:
            line = lines[fault.line - 1].decode("utf-8", "replace")
            column = len(line) - len(line.lstrip()) + 1
        placed.add(replace(fault, column=column))
    return tuple(sorted(placed, key=lambda each: (each.line, each.column, each.text)))


def _treaty(raw: bytes, front: FrontMatter, body: Body) -> Treaty:
    return Treaty(
        id=manifest_id(front.machine, {front.machine: raw}),
        title=front.title,
        short_title=front.short_title,
        exercise=front.exercise,
        languages=front.languages,
        depositary=front.depositary,
        parties=front.parties,
        entry=front.entry,
        limits=front.limits,
        purposes=MappingProxyType(dict(front.purposes)),
        offences=MappingProxyType(dict(front.offences)),
        articles=body.articles,
        raw=raw,
        clauses=front.clauses,
        witnessing=front.witnessing,
        clocks=front.clocks,
    )


def _read(raw: bytes, faults: list[Fault]) -> tuple[FrontMatter | None, Body | None]:
    if len(raw) > MAX_TREATY_BYTES:
        faults.append(Fault(0, f"a treaty file is at most {MAX_TREATY_BYTES} bytes"))
        return None, None
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        faults.append(Fault(line, "a treaty file is UTF-8"))
        return None, None
    lines = text.split("\n")
    if len(lines) > MAX_LINES:
        faults.append(Fault(0, f"a treaty file has at most {MAX_LINES} lines"))
        return None, None
    if lines[0] != _FENCE or _FENCE not in lines[1:]:
        faults.append(Fault(1, "the file must begin with front matter between two '+++' lines"))
        return None, None
    end = lines.index(_FENCE, 1)
    front = read_front_matter("\n".join(lines[1:end]), 2, faults)
    reservable = front.reservable if front is not None else ()
    body = read_body("\n".join(lines[end + 1 :]), end + 2, reservable, faults)
    return front, body


def _compare(front: FrontMatter, body: Body, faults: list[Fault]) -> None:
    """Check what front matter and body must agree on."""
    if body.title != front.title:
        faults.append(
            Fault(
                front.lines.get("title", 0),
                "the '# ' heading and the title of the front matter must be equal",
            )
        )
    for key, numbers in (
        ("reservable", front.reservable),
        ("residual", front.clauses.residual or ()),
    ):
        faults.extend(
            Fault(front.lines.get(key, 0), f"{key}: there is no Article {number[:20]!r}")
            for number in numbers
            if number not in body.lines
        )
