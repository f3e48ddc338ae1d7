"""Remove from an object what a recipient may not have, or withhold it.

A redacted variant is an item of its own. Rules of :func:`redact`, in the order the code applies
them:

1. ``property:NAME`` removes that top-level property.
2. ``kind:KIND`` removes every selector of that kind. An observable that *is* one, an observed-data
   that embeds one and a pattern that compares with one cannot lose it: withheld.
3. An external reference that shows one is dropped; in any other text a placeholder takes its place,
   and that of every id of an object. References, patterns and keys are never rewritten: one there
   means withheld.
4. A reference to what the recipient was given as a variant points to the variant; one to what it
   was not given is removed.
5. Markings of parts become markings of the whole, so that a variant is never marked more freely.
6. The id is UUIDv5 over an HMAC under the node's secret of original id and recipient: stable over
   versions, telling nobody the original. ``modified`` is kept.
7. A request for information is signed as a whole: where it would have to lose a part, it is
   withheld. What it says is looked at in place of the envelope it stands in.
8. Nothing removed, no id dropped, nor the original id may still occur anywhere; looked at again,
   the variant holds no selector of a kind removed; it still keeps to its schema. Otherwise:
   withheld.

Spec: design §4; STIX 2.1 §2.9, §3.1, §7.2.3.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

import msgspec

from foedus.model.identifiers import MemberId, ObjectId, derived_object_id
from foedus.model.kinds import kind_of, statement_of
from foedus.model.objects import ObjectError, StixObject, parse_object
from foedus.model.observables import mentions_of
from foedus.model.selectors import FILE_HASH_KINDS, MEDIA_KINDS, Selector, SelectorKind
from foedus.model.validation import validate_object
from foedus.release.errors import RedactionError
from foedus.release.traces import PLACEHOLDER, Traces, is_placeholder

__all__ = ["redact", "redacted_content", "residue", "texts_shown", "variant_id"]

Given = Callable[[ObjectId], ObjectId | None]
"""The id under which a recipient was given an object; None if it was not."""

_SHORT: Final = 4
"""A removed text shorter than this is looked for as a whole text only, not inside others."""

_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z", re.ASCII)
_OBJECT_ID: Final = re.compile(
    r"[a-z][a-z0-9-]*--[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII
)
_FIXED: Final = frozenset({"type", "id", "spec_version", "created", "modified"})
_MARKINGS: Final = frozenset({"object_marking_refs", "marking_ref", "granular_markings"})
_UNTOUCHED: Final = _FIXED | _MARKINGS | {"pattern", "pattern_type", "extension_type"}
"""Properties that are never rewritten (rule 3)."""

_HASHES: Final = FILE_HASH_KINDS | MEDIA_KINDS


def redact(
    obj: StixObject,
    redactions: frozenset[str],
    *,
    recipient: MemberId,
    secret: bytes,
    given: Given,
) -> StixObject:
    """Return the variant of an object for one recipient.

    Args:
        obj: The original.
        redactions: Targets, ``property:NAME`` or ``kind:KIND``.
        recipient: For whom.
        secret: The node's secret; never leaves it.
        given: Under which id the recipient was given what the object refers to.

    Raises:
        RedactionError: Something cannot be removed cleanly: the object is withheld. The message
            quotes nothing of the content.
    """
    work = _Work.of(obj, redactions, given)
    document = work.redacted(obj)
    document["id"] = variant_id(obj, recipient=recipient, secret=secret)
    try:
        variant = parse_object(msgspec.json.encode(document))
    except ObjectError as error:
        raise RedactionError("what is left is not a STIX object") from error
    _check(variant, obj, redactions, work)
    return variant


def redacted_content(
    obj: StixObject, redactions: frozenset[str], *, given: Given
) -> dict[str, Any]:
    """Return the content of the variant, still under the original id (rules 1 to 5).

    Raises:
        RedactionError: Something cannot be removed.
    """
    return _Work.of(obj, redactions, given).redacted(obj)


def residue(obj: StixObject, redactions: frozenset[str]) -> tuple[str, ...]:
    """Return the targets of a redaction of which an object still shows something, sorted.

    What a recipient checks; and what tells a sender that there is nothing to remove.
    """
    statement = statement_of(obj)
    document = obj.document() if statement is None else _filled(statement)
    found = {f"property:{name}" for name in _properties(redactions) if name in document}
    mentioned = mentions_of(obj)
    for kind in _kinds(redactions):
        own = any(
            selector.kind is kind and not is_placeholder(selector.value) for selector in mentioned
        )
        traces = Traces(frozenset({kind}), ())
        others = {selector.value for selector in mentioned if selector.kind is not kind}
        if own or any(traces.find(text) for text in _telling(document, kind, others)):
            found.add(f"kind:{kind.value}")
    return tuple(sorted(found))


def _filled(statement: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a statement says: every field is there, and an empty one shows nothing."""
    return {name: value for name, value in statement.items() if value}


def texts_shown(document: Mapping[str, Any], *, hashes: bool = False) -> Iterator[str]:
    """Yield every text of an object that tells something, keys of dictionaries among them.

    Ids, references, markings and patterns are left out; so are hashes, unless they are asked for.

    Args:
        document: The object, or a part of it.
        hashes: Whether ``hashes`` dictionaries are read.
    """
    for name, value in document.items():
        if name not in _UNTOUCHED:
            yield from _shown(name, value, hashes=hashes)


def variant_id(obj: StixObject, *, recipient: MemberId, secret: bytes) -> ObjectId:
    """Return the id of an object's variant for a recipient (rule 6)."""
    name = hmac.digest(secret, f"{obj.id}\n{recipient}".encode(), hashlib.sha256)
    return derived_object_id(obj.type, name)


@dataclass(slots=True, kw_only=True)
class _Work:
    """One redaction under way.

    Attributes:
        properties: Names of properties to remove.
        traces: Finds selectors of the kinds to remove.
        given: As in :func:`redact`.
        removed: Texts removed so far.
        dropped: Ids referred to so far that the recipient was not given.
    """

    properties: frozenset[str]
    traces: Traces
    given: Given
    removed: set[str] = field(default_factory=set)
    dropped: set[ObjectId] = field(default_factory=set)

    @classmethod
    def of(cls, obj: StixObject, redactions: frozenset[str], given: Given) -> _Work:
        kinds = _kinds(redactions)
        known = {selector for selector in mentions_of(obj) if selector.kind in kinds}
        if kind_of(obj) is not None:
            _withhold("it is signed as a whole and cannot lose a part; leave that out of it")
        _refuse_inseparable(obj, known)
        return cls(properties=_properties(redactions), traces=Traces(kinds, known), given=given)

    def redacted(self, obj: StixObject) -> dict[str, Any]:
        document = obj.document()
        for name in self.properties & document.keys():
            self.removed.update(_values(document.pop(name)))
        _hoist_markings(document)
        local = obj.type == "observed-data"
        return {
            name: value if local and name == "objects" else value_left
            for name, value in document.items()
            if (value_left := self._value(name, value)) is not None
        }

    def _value(self, name: str, value: object) -> Any:
        """Return what is left of a property's value, or None if nothing is."""
        if name in _UNTOUCHED or (name == "hashes" and not self.traces.kinds & _HASHES):
            return value
        if name.endswith("_ref") and isinstance(value, str):
            return self._reference(value)
        if isinstance(value, list):
            return self._list(name, value)
        if isinstance(value, dict):
            return {
                key: left
                for key, each in value.items()
                if (left := self._value(key, each)) is not None
            }
        if isinstance(value, str) and not _OBJECT_ID.fullmatch(value):
            text = _OBJECT_ID.sub(PLACEHOLDER, value)
            self.removed.update(self.traces.find(text))
            return self.traces.remove(text)
        return value

    def _list(self, name: str, value: list[Any]) -> list[Any] | None:
        if name.endswith("_refs"):
            return [kept for each in value if (kept := self._reference(each)) is not None] or None
        if name == "external_references":
            return [each for each in value if not self._shows(each)] or None
        return [left for each in value if (left := self._value("", each)) is not None]

    def _reference(self, text: str) -> str | None:
        found = self.given(ObjectId(text))
        if found is None or found != text:
            self.dropped.add(ObjectId(text))
        return found

    def _shows(self, reference: object) -> bool:
        found = [trace for text in _values(reference) for trace in self.traces.find(text)]
        self.removed.update(found)
        return bool(found)


def _refuse_inseparable(obj: StixObject, known: set[Selector]) -> None:
    """Rule 2."""
    if not known:
        return
    kinds = ", ".join(sorted({selector.kind.value for selector in known}))
    if obj.type == "observed-data":
        _withhold(f"the observed data embed what must be removed ({kinds})")
    if obj.type == "indicator":
        _withhold(f"the pattern compares with what must be removed ({kinds})")
    if obj.created is None:
        _withhold(f"the object is itself what must be removed ({kinds})")


def _check(
    variant: StixObject, original: StixObject, redactions: frozenset[str], work: _Work
) -> None:
    """Rule 8."""
    missing = set(original.references) & work.dropped - set(variant.references)
    faults = validate_object(variant)
    if faults:
        if missing and any(fault.pointer.endswith(("_ref", "_refs", "")) for fault in faults):
            _withhold("it cannot do without a reference to what the recipient was not given")
        _withhold("what is left is not valid STIX")
    left = residue(variant, redactions)
    if left:
        _withhold(f"it would still show what must be removed ({', '.join(left)})")
    document = variant.document()
    texts = [text.casefold() for text in _values(document)]
    whole = "\n".join([*texts, variant.raw.decode().casefold()])
    for text in {*work.removed, *work.dropped, original.id}:
        folded = text.casefold()
        if folded in (texts if len(text) < _SHORT else whole):
            _withhold("something that was removed still stands elsewhere in it")


def _withhold(reason: str) -> NoReturn:
    raise RedactionError(reason)


def _properties(redactions: frozenset[str]) -> frozenset[str]:
    return frozenset(
        target.removeprefix("property:") for target in redactions if target.startswith("property:")
    )


def _kinds(redactions: frozenset[str]) -> frozenset[SelectorKind]:
    return frozenset(
        SelectorKind(target.removeprefix("kind:"))
        for target in redactions
        if target.startswith("kind:")
    )


def _hoist_markings(document: dict[str, Any]) -> None:
    """Rule 5."""
    granular = document.pop("granular_markings", None)
    if not isinstance(granular, list):
        return
    refs = list(document.get("object_marking_refs", []))
    for each in granular:
        reference = each.get("marking_ref") if isinstance(each, dict) else None
        if isinstance(reference, str) and reference not in refs:
            refs.append(reference)
    if refs:
        document["object_marking_refs"] = refs


def _telling(
    document: Mapping[str, Any], kind: SelectorKind, others: Collection[str]
) -> Iterator[str]:
    """Yield the texts of a document in which a selector of a kind could stand.

    Ids and markings tell nothing, and a hash is no number of an account. A pattern is read without
    the selectors of other kinds in it.
    """
    pattern = document.get("pattern")
    if isinstance(pattern, str):
        for other in others:
            pattern = re.sub(re.escape(other), " ", pattern, flags=re.IGNORECASE)
        yield pattern
    yield from texts_shown(document, hashes=kind in _HASHES)


def _shown(name: str, value: object, *, hashes: bool) -> Iterator[str]:
    if isinstance(value, dict) and (name != "hashes" or hashes):
        for key, each in value.items():
            if not _OBJECT_ID.fullmatch(key):
                yield key
            yield from _shown(key, each, hashes=hashes)
    elif isinstance(value, list):
        for each in value:
            yield from _shown("", each, hashes=hashes)
    elif isinstance(value, str) and not _OBJECT_ID.fullmatch(value):
        yield value


def _values(value: object) -> Iterator[str]:
    """Yield every text in a value, the keys left out, and instants, which name nobody."""
    match value:
        case str():
            if not _INSTANT.fullmatch(value):
                yield value
        case dict():
            for each in value.values():
                yield from _values(each)
        case list():
            for each in value:
                yield from _values(each)
        case _:
            return
