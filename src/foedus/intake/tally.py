"""Collects what a reader makes of each entry, so that none is lost and none counted twice.

An object is *the same* as an earlier one of the file when id and version agree, the version being
``modified`` or, for objects without it, the bytes themselves. Same version and same bytes is a
duplicate; same version and other bytes contradict each other, and the later one is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from foedus.intake.drafts import Draft, IntakeResult, Refusal, SourceNote
from foedus.intake.limits import IntakeError, IntakeLimits
from foedus.model.identifiers import ObjectId
from foedus.model.objects import ObjectError, StixObject, parse_object
from foedus.model.validation import Fault, validate_object

__all__ = ["Tally"]

_SHOWN_CHARS: Final = 200
"""Most of a fault that is told; it may quote the object."""


class Tally:
    """The running account of one file.

    Attributes:
        read: Entries met so far; a reader calls :meth:`entry` once for each.
    """

    __slots__ = (
        "_added",
        "_carried",
        "_drafts",
        "_duplicates",
        "_limits",
        "_name",
        "_refused",
        "_seen",
        "read",
    )

    def __init__(self, *, name: str, limits: IntakeLimits) -> None:
        """Start an empty account for a file of that name."""
        self.read = 0
        self._name = name
        self._limits = limits
        self._drafts: list[Draft] = []
        self._added: list[Draft] = []
        self._duplicates: list[Refusal] = []
        self._refused: list[Refusal] = []
        self._carried: list[Refusal] = []
        self._seen: dict[tuple[ObjectId, str], tuple[str, str]] = {}

    def entry(self) -> int:
        """Count one more entry and return its number, from 1.

        Raises:
            IntakeError: The file holds more entries than the limits allow.
        """
        self.read += 1
        if self.read > self._limits.entries:
            reason = f"more than {self._limits.entries} entries; split it"
            raise IntakeError(name=self._name, place=f"entry {self.read}", reason=reason)
        return self.read

    def take(self, made: bytes | StixObject, place: str) -> StixObject | None:
        """Take the object made of one entry; an invalid one is refused, a repeated one counted.

        Args:
            made: The object, or the bytes of one.
            place: Where in the source it came from.

        Returns:
            The object if the file holds it: newly taken or met before. None if it was refused.
        """
        obj = self._checked(made, place)
        if obj is None:
            return None
        earlier = self._seen.get((obj.id, obj.version))
        if earlier is None:
            self._remember(obj, place)
            self._drafts.append(Draft(raw=obj.raw, place=place))
            return obj
        content, first = earlier
        if content == obj.content_hash:
            self.duplicate(place, f"the same object as {first}")
            return obj
        self.refuse(place, f"other content under the id and version of {first}")
        return None

    def add(self, raw: bytes, place: str) -> None:
        """Add a draft that our side made beside the entries; a repeated one is kept once.

        Raises:
            IntakeError: It is not a valid object: part of the source could not be carried.
        """
        try:
            obj = parse_object(raw)
        except ObjectError as error:
            raise IntakeError(name=self._name, place=place, reason=str(error)) from error
        faults = validate_object(obj)
        if faults:
            raise IntakeError(name=self._name, place=place, reason=_told(faults))
        if (obj.id, obj.version) not in self._seen:
            self._remember(obj, place)
            self._added.append(Draft(raw=raw, place=place))

    def refuse(self, place: str, reason: str) -> None:
        """Refuse one entry."""
        self._refused.append(Refusal(place=place, reason=reason))

    def duplicate(self, place: str, reason: str) -> None:
        """Count one entry as a repetition."""
        self._duplicates.append(Refusal(place=place, reason=reason))

    def carry(self, place: str, where: str) -> None:
        """Count one entry as kept inside another draft, and say where."""
        self._carried.append(Refusal(place=place, reason=where))

    def result(
        self,
        source: SourceNote,
        *,
        suggestions: Mapping[str, tuple[str, ...]] | None = None,
        delisted: tuple[ObjectId, ...] = (),
    ) -> IntakeResult:
        """Close the account.

        Raises:
            IntakeError: The counts do not reconcile.
        """
        return IntakeResult(
            source=source,
            drafts=tuple(self._drafts),
            duplicates=tuple(self._duplicates),
            refused=tuple(self._refused),
            read=self.read,
            added=tuple(self._added),
            carried=tuple(self._carried),
            delisted=delisted,
            suggestions={name: hints for name, hints in (suggestions or {}).items() if hints},
        )

    def _remember(self, obj: StixObject, place: str) -> None:
        self._seen[(obj.id, obj.version)] = (obj.content_hash, place)

    def _checked(self, made: bytes | StixObject, place: str) -> StixObject | None:
        try:
            obj = parse_object(made) if isinstance(made, bytes) else made
        except ObjectError as error:
            self.refuse(place, str(error))
            return None
        faults = validate_object(obj)
        if faults:
            self.refuse(place, _told(faults))
            return None
        return obj


def _told(faults: Sequence[Fault]) -> str:
    first = faults[0]
    where = f" at {first.pointer[:_SHOWN_CHARS]}" if first.pointer else ""
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return f"not valid STIX 2.1{where}: {first.reason[:_SHOWN_CHARS]}{more}"
