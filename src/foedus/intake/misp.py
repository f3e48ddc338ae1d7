"""MISP events: one report each, and one object for each attribute that has a counterpart.

Rules:

1. ``{"Event": …}``, ``{"response": […]}``, a bare event and a list of these are read.
2. An attribute marked ``to_ids`` becomes an ``indicator`` with its own MISP uuid; any other becomes
   the observable it names. A value that its kind's rule refuses is refused with that reason.
3. The hashes, name and size of one ``file`` object describe one file: one draft, the rest carried.
4. Links become external references of the report; free text and the comments on observables, which
   have no place for one, a note. Links and free text count as carried.
5. ``created`` is the event's date, ``modified`` the attribute's own timestamp, so that reading an
   event again gives the same bytes, and a changed attribute a newer version.
6. TLP tags become TLP 2.0 markings: of those on the attribute and on its event, the more
   restrictive. Other tags are sorted by :mod:`foedus.intake.labels`.
7. Deleted attributes, proposals and sightings are refused: they are the sender's own workflow.

Spec: MISP core format (draft-dulaunoy-misp-core-format); types in
:mod:`foedus.intake.misp_types`.
"""

from __future__ import annotations

import re
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from foedus.canonical import canonical_bytes
from foedus.intake import drafting
from foedus.intake.decoding import decode_json, text_of
from foedus.intake.drafts import Format, IntakeContext, IntakeResult, Refusal, SourceNote
from foedus.intake.labels import Tags, read_tags
from foedus.intake.limits import IntakeError
from foedus.intake.misp_attributes import (
    Attribute,
    attribute_of,
    day_of,
    json_list,
    tag_names,
    uuid_of,
)
from foedus.intake.misp_types import CARRIED, FILE_PARTS
from foedus.intake.misp_values import Meaning, file_meaning, meaning_of
from foedus.intake.tally import Tally
from foedus.intake.tying import Remark, ReportFrame, add_notes, add_reports, reference_to
from foedus.model.identifiers import ObjectId
from foedus.model.markings import TLP

__all__ = ["read_misp"]

_JSON = Mapping[str, Any]
_CVE: Final = re.compile(r"CVE-\d{4}-(?:0\d{3}|[1-9]\d{3,})", re.IGNORECASE)
_VICTIM_CATEGORY: Final = "Targeting data"


def read_misp(data: bytes, *, name: str, context: IntakeContext) -> IntakeResult:
    """Read MISP events.

    Args:
        data: The file; untrusted.
        name: Its name, for messages.
        context: Who reads, when, and the limits.

    Raises:
        IntakeError: The file is refused whole.
    """
    document = decode_json(data, name=name, limits=context.limits)
    tally = Tally(name=name, limits=context.limits)
    read = [_EventReader(tally, context, event).run() for event in _events_of(document, name=name)]
    first = read[0]
    more = f" (and {len(read) - 1} more events)" if len(read) > 1 else ""
    tags = [event.tags for event in read]
    source = SourceNote(
        format=Format.MISP,
        name=name,
        title=(first.info or name) + more,
        published=first.published,
        grade_hint=next((tag.grade for tag in tags if tag.grade), None),
    )
    return tally.result(source, suggestions=_suggestions(read))


def _events_of(document: object, *, name: str) -> list[_JSON]:
    """Return the events a document holds (rule 1)."""
    found: list[_JSON] = []
    queue: deque[object] = deque([document])
    while queue:
        node = queue.popleft()
        if isinstance(node, list):
            queue.extendleft(reversed(node))
        elif not isinstance(node, dict):
            raise IntakeError(name=name, place="file", reason="holds what is no MISP event")
        elif isinstance(node.get("Event"), dict):
            found.append(node["Event"])
        elif "response" in node:
            queue.appendleft(node["response"])
        elif "info" in node and ("Attribute" in node or "Object" in node or "uuid" in node):
            found.append(node)
        else:
            reason = "not a MISP event: neither 'Event' nor 'info' with attributes"
            raise IntakeError(name=name, place="file", reason=reason)
    if not found:
        raise IntakeError(name=name, place="file", reason="holds no event")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What remains of one event once it is read."""

    info: str
    published: datetime
    tags: Tags
    tlp: TLP | None
    victims: bool
    left_out: int


@dataclass(slots=True)
class _EventReader:
    """Reads one event into the tally."""

    tally: Tally
    context: IntakeContext
    event: _JSON
    refs: list[ObjectId] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    levels: list[TLP] = field(default_factory=list)
    victims: bool = False
    left_out: int = 0
    tags: Tags = field(init=False)
    created: datetime = field(init=False)
    changed: datetime = field(init=False)

    def run(self) -> _Read:
        """Read the event, its attributes, its objects, then tie them together."""
        self.tags = read_tags(tag_names(self.event))
        self.left_out += self.tags.left_out
        self.levels.extend(filter(None, [self.tags.tlp]))
        stamp = drafting.instant_of(self.event.get("timestamp"))
        self.created = day_of(text_of(self.event, "date")) or stamp or self.context.now
        self.changed = max(self.created, stamp or self.created)
        for attribute in json_list(self.event, "Attribute"):
            read = self._attribute(attribute)
            if read is not None:
                self._take(read)
        for thing in json_list(self.event, "Object"):
            self._object(thing)
        self._refuse_workflow(self.event, "ShadowAttribute", "a proposal")
        self._refuse_workflow(self.event, "EventReport", "a report inside an event")
        published = drafting.instant_of(self.event.get("publish_timestamp")) or self.created
        self._tie(published)
        return _Read(
            info=text_of(self.event, "info"),
            published=published,
            tags=self.tags,
            tlp=max(self.levels, default=None),
            victims=self.victims,
            left_out=self.left_out,
        )

    def _attribute(self, raw: object) -> Attribute | None:
        """Count an attribute; refuse it here if it cannot be read at all."""
        number = self.tally.entry()
        read = attribute_of(raw, number, self.context.limits)
        if isinstance(raw, dict):
            self._refuse_workflow(raw, "ShadowAttribute", "a proposal")
            self._refuse_workflow(raw, "Sighting", "a sighting")
        if isinstance(read, Refusal):
            self.tally.refuse(read.place, read.reason)
            return None
        self.left_out += read.tags.left_out
        self.levels.extend(filter(None, [read.tags.tlp]))
        self.victims |= read.category == _VICTIM_CATEGORY
        return read

    def _object(self, raw: object) -> None:
        if not isinstance(raw, dict):
            number = self.tally.entry()
            self.tally.refuse(f"object at entry {number}", "not a JSON object")
            return
        attributes = [
            read
            for item in json_list(raw, "Attribute")
            if (read := self._attribute(item)) is not None
        ]
        comment = text_of(raw, "comment")
        if comment:
            self.remarks.append(Remark(text=f"{text_of(raw, 'name') or 'object'}: {comment}"))
        loose = attributes
        if text_of(raw, "name") == "file":
            loose = self._file(attributes, uuid_of(raw.get("uuid")), comment)
        for attribute in loose:
            self._take(attribute)

    def _file(
        self, attributes: Sequence[Attribute], identifier: uuid.UUID | None, comment: str
    ) -> list[Attribute]:
        """Take the parts of one file as one draft (rule 3); return the attributes left over."""
        parts: dict[str, Attribute] = {}
        for attribute in attributes:
            fits = attribute.type in FILE_PARTS and attribute.type not in parts
            if fits and not isinstance(file_meaning(_with_name(attribute)), str):
                parts[attribute.type] = attribute
        meaning = file_meaning([(part.type, part.value) for part in parts.values()])
        if len(parts) < _TWO or isinstance(meaning, str):
            return list(attributes)
        main, *others = parts.values()
        joined = Attribute(
            place=main.place,
            type=main.type,
            value=main.value,
            comment="; ".join(filter(None, [comment, *(part.comment for part in parts.values())])),
            to_ids=any(part.to_ids for part in parts.values()),
            identifier=identifier,
            modified=max(filter(None, (part.modified for part in parts.values())), default=None),
            first_seen=main.first_seen,
            tags=read_tags(label for part in parts.values() for label in part.tags.labels),
        )
        levels = [part.tags.tlp for part in parts.values() if part.tags.tlp]
        self._make(joined, meaning, tlp=max(levels, default=None))
        for part in others:
            self.tally.carry(part.place, f"with {main.place}: the same file")
        return [attribute for attribute in attributes if attribute not in parts.values()]

    def _take(self, attribute: Attribute) -> None:
        """Make of one attribute what its type says."""
        kind = attribute.type
        if kind == "link":
            self.links.append((attribute.value, attribute.comment))
            self.tally.carry(attribute.place, "an external reference of the report")
        elif kind in CARRIED:
            title = attribute.relation or kind
            text = f"{title}: {attribute.value}"
            self.remarks.append(Remark(text=_with_comment(text, attribute.comment)))
            self.tally.carry(attribute.place, "in the note of the event")
        elif kind == "vulnerability":
            self._vulnerability(attribute)
        elif kind in {"full-name", "target-org", "target-user"}:
            self._party(attribute)
        else:
            meaning = meaning_of(kind, attribute.value)
            if isinstance(meaning, str):
                self.tally.refuse(attribute.place, meaning)
            else:
                self._make(attribute, meaning, tlp=attribute.tags.tlp)

    def _make(self, attribute: Attribute, meaning: Meaning, *, tlp: TLP | None) -> None:
        """Take the indicator or the observable of one meaning (rule 2)."""
        level = max(filter(None, (tlp, self.tags.tlp)), default=None)
        if attribute.to_ids:
            self._indicator(attribute, meaning, level)
            return
        obj = self.tally.take(
            canonical_bytes(drafting.observed(meaning.kind, meaning.properties, level)),
            attribute.place,
        )
        if obj is None:
            return
        self.refs.append(obj.id)
        if meaning.also is not None:
            other = drafting.observed(*meaning.also, level)
            self.tally.add(canonical_bytes(other), attribute.place)
            self.refs.append(ObjectId(str(other["id"])))
        remark = "; ".join(filter(None, [attribute.comment, meaning.remark]))
        if remark:
            self.remarks.append(Remark(text=f"{meaning.title}: {remark}", about=obj.id))

    def _indicator(self, attribute: Attribute, meaning: Meaning, level: TLP | None) -> None:
        dates = drafting.Dates.of(self.created, attribute.modified)
        document = drafting.indicator(
            self._identify("indicator", attribute),
            meaning.pattern,
            dates=dates,
            valid_from=attribute.first_seen or dates.created,
            name=meaning.title,
        )
        self._add_domain_object(
            attribute, document, level, description=_with_comment(meaning.remark, attribute.comment)
        )

    def _vulnerability(self, attribute: Attribute) -> None:
        dates = drafting.Dates.of(self.created, attribute.modified)
        identifier = self._identify("vulnerability", attribute)
        document = drafting.named("vulnerability", identifier, attribute.value, dates)
        if _CVE.fullmatch(attribute.value):
            cve = reference_to("cve", external_id=attribute.value.upper())
            document["external_references"] = [cve]
        self._add_domain_object(attribute, document, None, description=attribute.comment)

    def _party(self, attribute: Attribute) -> None:
        """Take a named person or organisation; a target is a victim, and the hints say so."""
        dates = drafting.Dates.of(self.created, attribute.modified)
        identifier = self._identify("identity", attribute)
        document = drafting.named("identity", identifier, attribute.value, dates)
        organisation = attribute.type == "target-org"
        document["identity_class"] = "organization" if organisation else "individual"
        self.victims |= attribute.type.startswith("target-")
        self._add_domain_object(attribute, document, None, description=attribute.comment)

    def _add_domain_object(
        self,
        attribute: Attribute,
        document: dict[str, Any],
        level: TLP | None,
        *,
        description: str,
    ) -> None:
        levels = (level, attribute.tags.tlp, self.tags.tlp)
        raw = drafting.described(
            document,
            creator=self.context.member_identity,
            tlp=max(filter(None, levels), default=None),
            labels=attribute.tags.labels,
            description=description,
        )
        obj = self.tally.take(raw, attribute.place)
        if obj is not None:
            self.refs.append(obj.id)

    def _identify(self, kind: str, attribute: Attribute) -> ObjectId:
        if attribute.identifier is not None:
            return ObjectId(f"{kind}--{attribute.identifier}")
        event = text_of(self.event, "uuid") or text_of(self.event, "info")
        return drafting.own_id(self.context, kind, event, attribute.type, attribute.value)

    def _refuse_workflow(self, holder: _JSON, key: str, what: str) -> None:
        """Count and refuse what is the sender's own workflow (rule 7)."""
        for _ in json_list(holder, key):
            number = self.tally.entry()
            self.tally.refuse(f"entry {number} ({key})", f"{what} is not taken")

    def _tie(self, published: datetime) -> None:
        info = text_of(self.event, "info")
        named = uuid_of(self.event.get("uuid"))
        identifier = (
            ObjectId(f"report--{named}")
            if named
            else drafting.own_id(self.context, "report", info, str(self.created))
        )
        publisher = self.event.get("Orgc")
        organisation = text_of(publisher, "name") if isinstance(publisher, dict) else ""
        references = [
            reference_to(
                f"MISP event of {organisation}" if organisation else "MISP event",
                external_id=text_of(self.event, "uuid"),
            )
        ]
        references += [
            reference_to("link", url=url, description=comment) for url, comment in self.links
        ]
        frame = ReportFrame(
            identifier=identifier,
            name=info or "MISP event without a title",
            dates=drafting.Dates.of(self.created, self.changed),
            published=published,
            description=info if len(info) > _LONG_INFO_CHARS else "",
            tlp=self.tags.tlp,
            labels=self.tags.labels,
            references=tuple(references),
        )
        notes = add_notes(self.tally, self.context, frame, self.remarks)
        add_reports(self.tally, self.context, frame, [*self.refs, *notes])


_TWO: Final = 2
_LONG_INFO_CHARS: Final = 250


def _with_name(attribute: Attribute) -> list[tuple[str, str]]:
    """Pair a part of a file with a name, so that a size can be checked by itself."""
    own = (attribute.type, attribute.value)
    return [own] if attribute.type == "filename" else [("filename", "-"), own]


def _with_comment(text: str, comment: str) -> str:
    return "; ".join(filter(None, [text, comment]))


def _suggestions(read: Sequence[_Read]) -> dict[str, tuple[str, ...]]:
    levels = [event.tlp for event in read if event.tlp is not None]
    left_out = sum(event.left_out for event in read)
    return {
        "tlp": (max(levels).value,) if levels else (),
        "offence": tuple(dict.fromkeys(o for event in read for o in event.tags.offences)),
        "person": ("victim",) if any(event.victims for event in read) else (),
        "left out": (f"{left_out} tags on a person's or group's character",) if left_out else (),
    }
