"""One MISP attribute, checked for shape, and the small readers of MISP's JSON.

Spec: MISP core format §2.4 (attribute), §2.7 (tag).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from foedus.intake.decoding import text_of
from foedus.intake.drafting import instant_of
from foedus.intake.drafts import Refusal
from foedus.intake.labels import Tags, read_tags
from foedus.intake.limits import IntakeLimits

__all__ = ["Attribute", "attribute_of", "day_of", "json_list", "tag_names", "uuid_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """One attribute of an event or of an object in it.

    Attributes:
        place: Where it stands, for people.
        type: MISP type, not empty.
        value: Its value as written, stripped, not empty.
        comment: What its author says of it, or empty.
        to_ids: Whether its author means it for detection.
        identifier: Its uuid, if STIX takes it.
        modified: Its timestamp.
        first_seen: When it was first seen, if it says so.
        tags: Its own tags.
        category: MISP category, or empty.
        relation: Its role in the object it is part of, or empty.
    """

    place: str
    type: str
    value: str
    comment: str
    to_ids: bool
    identifier: uuid.UUID | None
    modified: datetime | None
    first_seen: datetime | None
    tags: Tags
    category: str = ""
    relation: str = ""


def attribute_of(raw: object, number: int, limits: IntakeLimits) -> Attribute | Refusal:
    """Read one attribute, or say why it cannot be read.

    Args:
        raw: Decoded JSON; untrusted.
        number: Its number in the file, for people.
        limits: The limits in force.
    """
    if not isinstance(raw, dict):
        return Refusal(place=f"attribute {number}", reason="not a JSON object")
    kind, value = text_of(raw, "type"), text_of(raw, "value")
    place = f"attribute {number} (type {kind[:40]!r})"
    if raw.get("deleted") in (True, "1"):
        return Refusal(place=place, reason="deleted at its source")
    if not kind or not value:
        return Refusal(place=place, reason="no type or no value")
    if len(value) > limits.cell_chars:
        reason = f"the value is longer than {limits.cell_chars} characters"
        return Refusal(place=place, reason=reason)
    return Attribute(
        place=place,
        type=kind,
        value=value,
        comment=text_of(raw, "comment")[: limits.cell_chars],
        to_ids=raw.get("to_ids") in (True, "1"),
        identifier=uuid_of(raw.get("uuid")),
        modified=instant_of(raw.get("timestamp")),
        first_seen=_iso(text_of(raw, "first_seen")),
        tags=read_tags(tag_names(raw)),
        category=text_of(raw, "category"),
        relation=text_of(raw, "object_relation"),
    )


def tag_names(holder: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of the tags on an event or an attribute."""
    for tag in json_list(holder, "Tag"):
        if isinstance(tag, dict) and isinstance(tag.get("name"), str):
            yield tag["name"].strip()


def json_list(holder: Mapping[str, Any], key: str) -> Sequence[object]:
    """Return a list of a JSON object; empty if it is absent or no list."""
    value = holder.get(key)
    return value if isinstance(value, list) else ()


def uuid_of(value: object) -> uuid.UUID | None:
    """Return a uuid STIX accepts in an id (versions 1 to 5), or None."""
    if not isinstance(value, str):
        return None
    try:
        found = uuid.UUID(value)
    except ValueError:
        return None
    return found if found.version in _STIX_UUID_VERSIONS else None


_STIX_UUID_VERSIONS: Final = range(1, 6)


def day_of(text: str) -> datetime | None:
    """Return the start of a day written ``YYYY-MM-DD``, or None."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return None


def _iso(text: str) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    if instant is None or instant.tzinfo is None:
        return None
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        return None
