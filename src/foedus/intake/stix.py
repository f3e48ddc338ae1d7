"""STIX 2.1 bundles and TAXII envelopes: each object's exact bytes become one draft.

Rules:

1. A damaged container, one of STIX 2.0, or one beyond the limits is refused whole.
2. An object that is no valid STIX 2.1 object is refused singly, with its reason; the others stay.
3. An object under the id and version of an earlier one is a duplicate if its bytes agree, and is
   refused if they do not (:mod:`foedus.intake.tally`).
4. A Foedus kind cannot come in by this door: it would be a statement without its pipe.
5. A lone object is read as a bundle of one.

Nothing is rebuilt: what another wrote is kept, hashed and passed on as it came.

Spec: STIX 2.1 §8; TAXII 2.1 §3.7.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from foedus.intake.decoding import json_members
from foedus.intake.drafts import Format, IntakeContext, IntakeResult, SourceNote
from foedus.intake.limits import IntakeError
from foedus.intake.report_page import iso_instant
from foedus.intake.tally import Tally
from foedus.model.bundles import split_bundle
from foedus.model.identifiers import ObjectId
from foedus.model.kinds import kind_of
from foedus.model.markings import TLP, read_markings
from foedus.model.objects import ObjectError, StixObject, parse_object

__all__ = ["read_bundle"]


def read_bundle(data: bytes, *, name: str, context: IntakeContext) -> IntakeResult:
    """Read a STIX 2.1 bundle, a TAXII envelope or one object.

    Args:
        data: The file; untrusted.
        name: Its name, for messages.
        context: Who reads, and the limits.

    Raises:
        IntakeError: The file is refused whole.
    """
    tally = Tally(name=name, limits=context.limits)
    levels: set[TLP] = set()
    taken: list[StixObject] = []
    for raw in _parts(data, name=name, context=context):
        number = tally.entry()
        try:
            obj = parse_object(raw)
        except ObjectError as error:
            tally.refuse(f"object {number}", str(error))
            continue
        place = f"object {number} ({obj.id})"
        if kind_of(obj) is not None:
            tally.refuse(place, "a statement between nodes; it comes through a feed only")
        elif tally.take(obj, place) is not None:
            taken.append(obj)
            levels.update(filter(None, [read_markings(obj, {}).tlp]))
    title, published = _headline(taken)
    source = SourceNote(format=Format.BUNDLE, name=name, title=title or name, published=published)
    tlp = (max(levels).value,) if levels else ()
    return tally.result(source, suggestions={"tlp": tlp})


def _parts(data: bytes, *, name: str, context: IntakeContext) -> tuple[bytes, ...]:
    container = json_members(data, name=name, limits=context.limits)
    if isinstance(container, Mapping) and "objects" not in container and "id" in container:
        return (data.strip(),)
    if not (isinstance(container, Mapping) and container.get("objects", b"").startswith(b"[")):
        reason = "neither a STIX bundle nor a TAXII envelope: it has no 'objects'"
        raise IntakeError(name=name, place="file", reason=reason)
    try:
        return split_bundle(data)
    except ObjectError as error:
        raise IntakeError(name=name, place="file", reason=str(error)) from error


def _headline(objects: list[StixObject]) -> tuple[str, datetime | None]:
    """Return name and date of the report that refers to most of the objects, if there is one."""
    reports = [obj for obj in objects if obj.type in {"report", "grouping"}]
    if not reports:
        return "", None
    held: set[ObjectId] = {obj.id for obj in objects}
    widest = max(reports, key=lambda report: len(held.intersection(report.references)))
    document = widest.document()
    title = document.get("name")
    published = document.get("published")
    instant = iso_instant(published) if isinstance(published, str) else None
    return (title if isinstance(title, str) else ""), instant or widest.created
