"""The report and the notes our side adds to a source, so that its entries stay together.

An object is at most 1 MiB, so a long source gets several: a report names at most ``MAX_REFS``
objects, a note holds at most ``MAX_NOTE_CHARS`` characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from foedus.canonical import JSONValue
from foedus.clock import instant_text
from foedus.intake.drafting import Dates, described, named, note, own_id
from foedus.intake.drafts import IntakeContext
from foedus.intake.tally import Tally
from foedus.model.identifiers import ObjectId
from foedus.model.markings import TLP

__all__ = ["Remark", "ReportFrame", "add_notes", "add_reports", "reference_to"]

MAX_REFS: Final = 10_000
"""Most objects one report or note refers to."""

MAX_NOTE_CHARS: Final = 100_000
"""Longest content of one note, in characters."""

MAX_NAME_CHARS: Final = 250
MAX_REFERENCES: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One line of a note.

    Attributes:
        text: The line.
        about: The object it is about, if it is one of ours.
    """

    text: str
    about: ObjectId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFrame:
    """What a report says beside the objects it names.

    Attributes:
        identifier: Id of the report, or of its first part.
        name: Title; cut to 250 characters, the whole then opens the description.
        dates: When it was made and changed.
        published: When its source was published.
        description: Its text.
        tlp: Level the source gives.
        labels: Labels the source gives.
        references: External references.
        language: Language tag of the text, or empty.
    """

    identifier: ObjectId
    name: str
    dates: Dates
    published: datetime
    description: str = ""
    tlp: TLP | None = None
    labels: tuple[str, ...] = ()
    references: tuple[Mapping[str, JSONValue], ...] = ()
    language: str = ""


def add_reports(
    tally: Tally, context: IntakeContext, frame: ReportFrame, refs: Iterable[ObjectId]
) -> None:
    """Add the report that names these objects, in parts if they are many.

    Where there is no object to name, the report names the member who vouches for it: a report
    without an object is not valid.
    """
    distinct = list(dict.fromkeys(refs)) or [context.member_identity]
    parts = [distinct[start : start + MAX_REFS] for start in range(0, len(distinct), MAX_REFS)]
    for number, part in enumerate(parts, 1):
        first = number == 1
        identifier = (
            frame.identifier
            if first
            else own_id(context, "report", frame.identifier, f"part {number}")
        )
        name = _one_line(frame.name)
        if len(parts) > 1:
            name = f"{name} (part {number} of {len(parts)})"
        document = named("report", identifier, name, frame.dates)
        document["published"] = instant_text(frame.published)
        document["object_refs"] = part
        if first and frame.references:
            document["external_references"] = list(frame.references[:MAX_REFERENCES])
        if frame.language:
            document["lang"] = frame.language
        raw = described(
            document,
            creator=context.member_identity,
            tlp=frame.tlp,
            labels=frame.labels,
            description=frame.description if first else "",
        )
        tally.add(raw, "the report of this source")


def add_notes(
    tally: Tally, context: IntakeContext, frame: ReportFrame, remarks: Sequence[Remark]
) -> tuple[ObjectId, ...]:
    """Add the notes that hold what observables have no place for; return those a report may name.

    A note on no object of ours is on the report itself, and is not named by it in turn.
    """
    ids: list[ObjectId] = []
    for number, part in enumerate(_chunks(remarks), 1):
        identifier = own_id(context, "note", frame.identifier, str(number))
        about = list(dict.fromkeys(remark.about for remark in part if remark.about))
        content = "\n".join(remark.text for remark in part)
        document = note(identifier, content, about or [frame.identifier], frame.dates)
        tally.add(
            described(document, creator=context.member_identity, tlp=frame.tlp),
            "the note of this source",
        )
        if about:
            ids.append(identifier)
    return tuple(ids)


def reference_to(
    source_name: str, *, url: str = "", external_id: str = "", description: str = ""
) -> Mapping[str, JSONValue]:
    """Return an external reference; a URL that is none is kept as its description.

    Spec: STIX 2.1 §2.5.
    """
    reference: dict[str, JSONValue] = {"source_name": source_name}
    if external_id:
        reference["external_id"] = external_id
    if url and _is_plain_url(url):
        reference["url"] = url
    elif url:
        description = f"{url} {description}".strip()
    if description or len(reference) == 1:
        reference["description"] = description or source_name
    return reference


def _is_plain_url(text: str) -> bool:
    return text.isascii() and text.startswith(("http://", "https://")) and _CLEAN.issuperset(text)


_CLEAN: Final = frozenset(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#@!$&'()*+,;=%"
)


def _one_line(name: str) -> str:
    line = " ".join(name.split())
    return line if len(line) <= MAX_NAME_CHARS else line[: MAX_NAME_CHARS - 1] + "…"


def _chunks(remarks: Sequence[Remark]) -> Iterator[Sequence[Remark]]:
    part: list[Remark] = []
    chars = 0
    for remark in remarks:
        if part and (chars + len(remark.text) > MAX_NOTE_CHARS or len(part) >= MAX_REFS):
            yield part
            part, chars = [], 0
        part.append(remark)
        chars += len(remark.text) + 1
    if part:
        yield part
