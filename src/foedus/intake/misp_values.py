"""One MISP value to what it means in STIX: an observable, and the pattern that would match it.

A value with no meaning is answered with the reason, a text, since that is an ordinary outcome here.

Spec: MISP core format §2.4.2; STIX 2.1 §6, §9.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from foedus.canonical import JSONValue
from foedus.intake import drafting
from foedus.intake.misp_types import COMPOSITES, HANDLES, REFUSED, SELECTORS
from foedus.model.selectors import Selector, SelectorError, SelectorKind, normalise

__all__ = ["Meaning", "file_meaning", "first_selector", "meaning_of"]

_SIZE_DIGITS: Final = 15
"""Enough for a petabyte, and within what JSON readers agree on."""

_HIVES: Final = {
    "HKLM": "HKEY_LOCAL_MACHINE",
    "HKCU": "HKEY_CURRENT_USER",
    "HKCR": "HKEY_CLASSES_ROOT",
    "HKCC": "HKEY_CURRENT_CONFIG",
    "HKU": "HKEY_USERS",
}
_MAC: Final = re.compile(r"([0-9a-f]{2}[:-]){5}[0-9a-f]{2}")
_AS: Final = re.compile(r"(?:AS)?\s*([0-9]{1,10})", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What one value, or the values of one file, mean.

    Attributes:
        kind: STIX type of the observable.
        properties: Its own properties.
        pattern: STIX pattern that would match it.
        title: Short text for people.
        remark: What the observable cannot hold, for example ``port 443``.
        also: A second observable of the same value (the address of ``domain|ip``).
    """

    kind: str
    properties: Mapping[str, JSONValue]
    pattern: str
    title: str
    remark: str = ""
    also: tuple[str, Mapping[str, JSONValue]] | None = None


def meaning_of(misp_type: str, value: str) -> Meaning | str:
    """Return what a value of a MISP type means, or the reason why it is refused.

    Args:
        misp_type: The attribute's ``type``.
        value: Its ``value``; untrusted.
    """
    if misp_type in COMPOSITES:
        return _composite(*COMPOSITES[misp_type], value)
    if misp_type in SELECTORS:
        return _of_selector(SELECTORS[misp_type], value)
    if misp_type in HANDLES:
        return _of_selector((SelectorKind.HANDLE,), f"{HANDLES[misp_type]}:{value}")
    special = _SPECIAL.get(misp_type)
    if special is not None:
        return special(value)
    return REFUSED.get(misp_type, f"type {misp_type[:40]!r} has no counterpart in STIX")


def file_meaning(parts: Iterable[tuple[str, str]]) -> Meaning | str:
    """Return what the parts of one file mean together, or why one of them is refused.

    Args:
        parts: (type, value), the types out of :data:`~foedus.intake.misp_types.FILE_PARTS`, each
            at most once.
    """
    selectors: list[Selector] = []
    properties: dict[str, JSONValue] = {}
    for misp_type, value in parts:
        if misp_type == "filename":
            properties["name"] = value
        elif misp_type == "size-in-bytes":
            if not (value.isascii() and value.isdigit() and len(value) <= _SIZE_DIGITS):
                return "a size in bytes is a whole number"
            properties["size"] = int(value)
        else:
            selector = first_selector(SELECTORS[misp_type], value)
            if isinstance(selector, str):
                return selector
            selectors.append(selector)
    name = properties.get("name")
    if selectors:
        properties["hashes"] = drafting.hashes(selectors)
        pattern = " OR ".join(drafting.comparison_of(selector) for selector in selectors)
        title = selectors[0].value
    elif isinstance(name, str):
        pattern = f"file:name = {drafting.quoted(name)}"
        title = name
    else:
        return "a size alone names no file"
    return Meaning(kind="file", properties=properties, pattern=f"[{pattern}]", title=title)


def first_selector(kinds: Sequence[SelectorKind], text: str) -> Selector | str:
    """Return the selector of the first kind whose rule takes a text, or the first reason."""
    reasons: list[str] = []
    for kind in kinds:
        try:
            return normalise(kind, text)
        except SelectorError as error:
            reasons.append(f"no {kind}: {error}")
    return reasons[0]


def _of_selector(kinds: Sequence[SelectorKind], value: str) -> Meaning | str:
    selector = first_selector(kinds, value)
    if isinstance(selector, str):
        return selector
    document = drafting.observable(selector)
    own = {k: v for k, v in document.items() if k not in _FRAME}
    return Meaning(
        kind=str(document["type"]),
        properties=own,
        pattern=drafting.pattern_of(selector),
        title=selector.value,
    )


_FRAME: Final = frozenset({"type", "spec_version", "id", "extensions"})


def _composite(first: str, second: str, value: str) -> Meaning | str:
    left, bar, right = (part.strip() for part in value.rpartition("|"))
    if not bar:
        return "two values with | between them are expected"
    if first == "filename":
        return file_meaning([(first, left), (second, right)])
    meaning = meaning_of(first, left)
    if isinstance(meaning, str):
        return meaning
    if second == "port":
        return replace(meaning, remark=f"port {right[:5]}")
    other = meaning_of(second, right)
    if isinstance(other, str):
        return other
    return replace(
        meaning,
        also=(other.kind, other.properties),
        pattern=f"{meaning.pattern} AND {other.pattern}",
        remark=f"seen at {other.title}",
    )


def _simple(kind: str, key: str, value: JSONValue) -> Meaning:
    literal = drafting.quoted(value) if isinstance(value, str) else str(value)
    return Meaning(
        kind=kind, properties={key: value}, pattern=f"[{kind}:{key} = {literal}]", title=str(value)
    )


def _mutex(value: str) -> Meaning | str:
    return _simple("mutex", "name", value)


def _mac(value: str) -> Meaning | str:
    address = value.lower()
    if not _MAC.fullmatch(address):
        return "not a MAC address"
    return _simple("mac-addr", "value", address.replace("-", ":"))


def _autonomous_system(value: str) -> Meaning | str:
    number = _AS.fullmatch(value)
    if number is None:
        return "not the number of an autonomous system"
    return _simple("autonomous-system", "number", int(number[1]))


def _registry_key(value: str) -> Meaning | str:
    hive, separator, rest = value.partition("\\")
    key = _HIVES.get(hive.upper(), hive) + separator + rest
    return _simple("windows-registry-key", "key", key)


def _registry_value(value: str) -> Meaning | str:
    key, _, data = value.rpartition("|")
    meaning = _registry_key(key.strip())
    if isinstance(meaning, str) or not data:
        return "a registry key and its value with | between them are expected"
    return replace(meaning, properties={**meaning.properties, "values": [{"data": data.strip()}]})


def _filename(value: str) -> Meaning | str:
    return file_meaning([("filename", value)])


_SPECIAL: Final = {
    "filename": _filename,
    "email-attachment": _filename,
    "mutex": _mutex,
    "mac-address": _mac,
    "AS": _autonomous_system,
    "regkey": _registry_key,
    "regkey|value": _registry_value,
}
