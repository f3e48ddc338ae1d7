"""The UN Security Council consolidated list (XML): one identity for each entry, by edition.

Rules:

1. An entry's id follows from its reference number, spaces trimmed, or from its data id where it has
   none. It never changes between editions.
2. ``created`` is the day of listing. ``modified`` is the instant of the edition in which the entry
   appeared with this content: the list's own dates do not say so (``VERSIONNUM`` is always 1, and
   amended entries often keep their date of update), so content is compared.
3. What is held of earlier editions is compared byte for byte: an entry that gives the held bytes
   under the held ``modified`` is unchanged, and counts as a duplicate. An amended entry is a new
   version. One that is held and no longer listed is *delisted*.
4. An edition older than what is held is refused whole: it would undo amendments and bring back
   who was delisted.
5. The edition itself is a ``report`` naming every entry; the entries do not mention it.
6. One list of this format is read by one node: entries of another list would seem delisted.

Listing is an act of the publisher. Nothing here says what a listed person did.

Spec: the list's own schema (``sc-sanctions.xsd``).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from foedus.canonical import CanonicalError
from foedus.clock import instant_text
from foedus.intake.drafting import Dates, described, named, own_id
from foedus.intake.drafts import Format, IntakeContext, IntakeResult, SourceNote
from foedus.intake.editions import held_unchanged, version_instant
from foedus.intake.limits import IntakeError
from foedus.intake.markup import Element, folded_text, parse_xml
from foedus.intake.tally import Tally
from foedus.intake.tying import ReportFrame, add_reports, reference_to
from foedus.intake.un_person import full_name, person_extension
from foedus.model.identifiers import ObjectId, object_type
from foedus.model.observables import PERSON_EXTENSION_ID

__all__ = ["LIST_ROOT", "read_un_list"]

LIST_ROOT: Final = "CONSOLIDATED_LIST"
"""Root element of the list."""

_CLASSES: Final = {"INDIVIDUAL": "individual", "ENTITY": "organization"}
_SOURCE_NAME: Final = "consolidated list"


def read_un_list(data: bytes, *, name: str, context: IntakeContext) -> IntakeResult:
    """Read one edition of the list.

    Args:
        data: The XML; untrusted.
        name: Its name, for messages.
        context: Who reads, the limits, and in ``edition`` what is held of earlier editions.

    Raises:
        IntakeError: The file is refused whole.
    """
    root = parse_xml(data, name=name, limits=context.limits)
    if root.tag != LIST_ROOT:
        reason = f"the root element is {str(root.tag)[:60]!r}, not {LIST_ROOT!r}"
        raise IntakeError(name=name, place="line 1", reason=reason)
    edition = _edition(root, name=name)
    _check_newer(edition, name=name, context=context)
    if sum(1 for _ in root.iter(*_CLASSES)) > context.limits.entries:
        reason = f"more than {context.limits.entries} entries"
        raise IntakeError(name=name, place="file", reason=reason)
    tally = Tally(name=name, limits=context.limits)
    reader = _Reader(tally, context, edition)
    for entry in root.iter(*_CLASSES):
        reader.read(entry)
    # The day as the publisher writes it: in UTC it may be another.
    title = f"Consolidated list, edition of {root.get('dateGenerated', '')[:10]}"
    frame = ReportFrame(
        identifier=own_id(context, "report", Format.UN_LIST, instant_text(edition)),
        name=title,
        dates=Dates.of(edition),
        published=edition,
        references=(reference_to(_SOURCE_NAME, external_id=instant_text(edition)),),
    )
    add_reports(tally, context, frame, reader.present)
    source = SourceNote(
        format=Format.UN_LIST, name=name, title=title, published=edition, grade_hint="A2"
    )
    return tally.result(
        source,
        suggestions={"tlp": ("clear",), "person": ("suspect",)},
        delisted=tuple(
            held
            for held in context.edition
            if object_type(held) == "identity" and held not in reader.present
        ),
    )


class _Reader:
    """Reads entries into the tally and remembers which are present."""

    __slots__ = ("_context", "_edition", "_tally", "present")

    def __init__(self, tally: Tally, context: IntakeContext, edition: datetime) -> None:
        self.present: dict[ObjectId, None] = {}
        self._tally = tally
        self._context = context
        self._edition = edition

    def read(self, entry: Element) -> None:
        """Read one ``INDIVIDUAL`` or ``ENTITY``."""
        number = self._tally.entry()
        reference = _child_text(entry, "REFERENCE_NUMBER") or _child_text(entry, "DATAID")
        place = f"entry {number} ({reference[:40] or 'no reference'}, line {entry.sourceline})"
        if not reference:
            self._tally.refuse(place, "neither a reference number nor a data id")
            return
        identifier = own_id(self._context, "identity", Format.UN_LIST, reference)
        self.present[identifier] = None
        name = full_name(entry) or _child_text(entry, "NAME_ORIGINAL_SCRIPT")
        listed = _day(_child_text(entry, "LISTED_ON"))
        if not name or listed is None:
            self._tally.refuse(place, "no name" if not name else "no readable day of listing")
            return
        try:
            self._compare(_Entry(entry, identifier, name, listed, reference), place)
        except CanonicalError as error:
            self._tally.refuse(place, str(error))

    def _compare(self, entry: _Entry, place: str) -> None:
        """Take the entry as new, amended or unchanged (rule 3)."""
        held = self._context.edition.get(entry.identifier)
        if held is None:
            self._tally.take(entry.written(self._edition, self._context), place)
            return
        since = held_unchanged(
            self._context, entry.identifier, lambda at: entry.written(at, self._context)
        )
        if since is not None:
            self._tally.duplicate(place, f"unchanged since {since:%Y-%m-%d}")
        elif held[1] >= instant_text(self._edition):
            self._tally.refuse(place, "differs from what is held of this same edition")
        else:
            self._tally.take(entry.written(self._edition, self._context), place)


class _Entry:
    """One entry, read but for the instant that says since when it has this content."""

    __slots__ = ("_element", "_listed", "_name", "_reference", "identifier")

    def __init__(
        self, element: Element, identifier: ObjectId, name: str, listed: datetime, reference: str
    ) -> None:
        self.identifier = identifier
        self._element = element
        self._name = name
        self._listed = listed
        self._reference = reference

    def written(self, modified: datetime, context: IntakeContext) -> bytes:
        """Return the identity's bytes with this ``modified``."""
        document = named(
            "identity",
            self.identifier,
            self._name,
            Dates(created=min(self._listed, modified), modified=modified),
        )
        document["identity_class"] = _CLASSES[self._element.tag]
        document["extensions"] = {PERSON_EXTENSION_ID: person_extension(self._element, self._name)}
        document["external_references"] = [reference_to(_SOURCE_NAME, external_id=self._reference)]
        return described(
            document,
            creator=context.member_identity,
            description=_child_text(self._element, "COMMENTS1"),
        )


def _edition(root: Element, *, name: str) -> datetime:
    text = root.get("dateGenerated", "")
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is not None:
            return instant.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    reason = "no readable 'dateGenerated' with its time zone: the edition cannot be told"
    raise IntakeError(name=name, place="line 1", reason=reason)


def _check_newer(edition: datetime, *, name: str, context: IntakeContext) -> None:
    """Refuse an edition older than what is held (rule 4)."""
    instants = (version_instant(version) for _, version in context.edition.values())
    newest = max(filter(None, instants), default=edition)
    if edition < newest:
        reason = f"this edition ({edition:%Y-%m-%d}) is older than the one held ({newest:%Y-%m-%d})"
        raise IntakeError(name=name, place="line 1", reason=reason)


def _child_text(entry: Element, tag: str) -> str:
    child = entry.find(tag)
    return "" if child is None else folded_text(child)


def _day(text: str) -> datetime | None:
    """Return the day a date begins with; some dates of the list carry a zone after it."""
    try:
        return datetime.strptime(text[:10], "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None
