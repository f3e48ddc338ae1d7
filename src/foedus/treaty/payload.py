"""Signed payloads: canonical JSON objects, read field by field and strictly.

A payload must be byte for byte its own canonical form. That leaves no room for a key written twice
or for two spellings of one statement, which two members might read differently.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Final

from foedus.canonical import MAX_SAFE_INTEGER, CanonicalError, canonical_bytes, parse_json
from foedus.clock import InstantError, instant_text, parse_instant
from foedus.model.identifiers import IdentifierError, MemberId, member_id
from foedus.signing.errors import KeyTextError
from foedus.signing.keys import PublicKey, is_fingerprint
from foedus.treaty.errors import TreatyError

__all__ = ["MAX_STATEMENT_BYTES", "Fields", "PayloadError", "read_payload"]

MAX_STATEMENT_BYTES: Final = 64 * 1024
"""Longest payload of an instrument or a letter of credence, bytes."""

_MAX_TEXT: Final = 1_000
_MAX_LIST: Final = 1_000
_ADDRESS = re.compile(r"https?://[A-Za-z0-9.\-\[\]:_~/%]{1,500}", re.ASCII)
_LOG_ORIGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:\-]{0,254}", re.ASCII)


class PayloadError(TreatyError):
    """A payload is not canonical JSON, or a field is missing or of another form."""

    code: ClassVar[str] = "treaty.payload"


class Fields:
    """The fields of one JSON object under reading. Each reader raises :class:`PayloadError`."""

    __slots__ = ("_parts", "_read", "_values")

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values
        self._read: set[str] = set()
        self._parts: tuple[Fields, ...] = ()

    def value(self, name: str) -> object:
        """Return a field of any type; it must be present."""
        if name not in self._values:
            raise PayloadError(f"{name} is missing")
        self._read.add(name)
        return self._values[name]

    def has(self, name: str) -> bool:
        """Say whether a field that may be left out is there."""
        return name in self._values

    def unread(self) -> frozenset[str]:
        """Return the names of the fields, also of objects within, that nobody has asked for."""
        own = self._values.keys() - self._read
        return frozenset(own).union(*(part.unread() for part in self._parts))

    def text(self, name: str) -> str:
        """Return one line of 1 to 1 000 printable characters."""
        value = self.value(name)
        if not isinstance(value, str) or not 1 <= len(value) <= _MAX_TEXT:
            raise PayloadError(f"{name} is a text of 1 to {_MAX_TEXT} characters")
        if not value.isprintable() or value != value.strip():
            raise PayloadError(f"{name} is one line without control characters or outer spaces")
        return value

    def integer(self, name: str, *, least: int) -> int:
        """Return a whole number from ``least`` up to 2^53 - 1."""
        value = self.value(name)
        if type(value) is not int or not least <= value <= MAX_SAFE_INTEGER:
            raise PayloadError(f"{name} is a whole number of at least {least}")
        return value

    def flag(self, name: str) -> bool:
        """Return true or false."""
        value = self.value(name)
        if not isinstance(value, bool):
            raise PayloadError(f"{name} is true or false")
        return value

    def instant(self, name: str) -> datetime:
        """Return an instant written with exactly six fraction digits."""
        text = self.text(name)
        try:
            instant = parse_instant(text)
            if instant_text(instant) != text:
                raise PayloadError(f"{name} is written YYYY-MM-DDTHH:MM:SS.ffffffZ")
        except InstantError as error:
            raise PayloadError(f"{name}: {error}") from error
        return instant

    def optional_instant(self, name: str) -> datetime | None:
        """Return an instant, or None where the field is null."""
        return None if self.value(name) is None else self.instant(name)

    def member(self, name: str) -> MemberId:
        """Return a member id."""
        try:
            return member_id(self.text(name))
        except IdentifierError as error:
            raise PayloadError(f"{name}: {error}") from error

    def key(self, name: str) -> PublicKey:
        """Return a public key written as :attr:`PublicKey.text`."""
        try:
            return PublicKey.from_text(self.text(name))
        except KeyTextError as error:
            raise PayloadError(f"{name}: {error}") from error

    def rising_keys(self, name: str) -> tuple[PublicKey, ...]:
        """Return a list, not empty, of public keys whose texts rise."""
        texts = self.rising_texts(name)
        if not texts:
            raise PayloadError(f"{name} names at least one key")
        try:
            return tuple(PublicKey.from_text(text) for text in texts)
        except KeyTextError as error:
            raise PayloadError(f"{name}: {error}") from error

    def fingerprint(self, name: str) -> str:
        """Return the fingerprint of a key: eight groups of four."""
        text = self.text(name)
        if not is_fingerprint(text):
            raise PayloadError(f"{name} is a fingerprint: eight groups of four, A to Z and 2 to 7")
        return text

    def texts_by_name(self, name: str) -> tuple[tuple[str, str], ...]:
        """Return an object of at most 1 000 texts, each one line, as pairs in order of name."""
        values = self.value(name)
        if not isinstance(values, dict) or len(values) > _MAX_LIST:
            raise PayloadError(f"{name} is an object of at most {_MAX_LIST} texts")
        texts = Fields(values)
        return tuple((key, texts.text(key)) for key in sorted(values))

    def address(self, name: str) -> str:
        """Return a base URL: http or https, ASCII, without query, fragment or user."""
        text = self.text(name)
        if not _ADDRESS.fullmatch(text):
            raise PayloadError(f"{name} is a base URL, http or https, without query or user")
        return text

    def log_origin(self, name: str) -> str:
        """Return the origin of a log: ASCII, usable as the name of a note key."""
        text = self.text(name)
        if not _LOG_ORIGIN.fullmatch(text):
            raise PayloadError(f"{name} is letters, digits and . _ / : - only")
        return text

    def rising_texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts that rise in code-point order, so none stands twice."""
        values = self.values_of(name)
        texts = tuple(value for value in values if isinstance(value, str))
        if len(texts) != len(values) or any(not 1 <= len(text) <= _MAX_TEXT for text in texts):
            raise PayloadError(f"{name} is a list of texts")
        if list(texts) != sorted(set(texts)):
            raise PayloadError(f"{name} is sorted and names nothing twice")
        return texts

    def rising_integers(self, name: str) -> tuple[int, ...]:
        """Return a list, not empty, of rising whole numbers of at least 1."""
        values = self.values_of(name)
        numbers = tuple(value for value in values if type(value) is int and value >= 1)
        if len(numbers) != len(values) or list(numbers) != sorted(set(numbers)) or not numbers:
            raise PayloadError(f"{name} is a list of rising whole numbers of at least 1")
        return numbers

    def objects(self, name: str) -> tuple[Fields, ...]:
        """Return a list of JSON objects."""
        values = self.values_of(name)
        objects = tuple(Fields(value) for value in values if isinstance(value, dict))
        if len(objects) != len(values):
            raise PayloadError(f"{name} is a list of objects")
        self._parts += objects
        return objects

    def values_of(self, name: str) -> list[object]:
        """Return a list of at most 1 000 values of any type."""
        value = self.value(name)
        if not isinstance(value, list) or len(value) > _MAX_LIST:
            raise PayloadError(f"{name} is a list of at most {_MAX_LIST}")
        return value


def read_payload(payload: bytes, *, newer: bool = False) -> Fields:
    """Read a payload of version 1.

    Args:
        payload: The bytes that were signed; untrusted.
        newer: Whether a later version is read too: for who keeps what it does not understand. Its
            fields are then to be read with care, and ``v`` first.

    Raises:
        PayloadError: It is too long, not canonical JSON, no object, or of another version.
    """
    if len(payload) > MAX_STATEMENT_BYTES:
        raise PayloadError(f"longer than {MAX_STATEMENT_BYTES} bytes")
    try:
        value = parse_json(payload)
        canonical = canonical_bytes(value)
    except (CanonicalError, RecursionError) as error:
        raise PayloadError("not canonical JSON") from error
    if canonical != payload:
        raise PayloadError("not in canonical form")
    if not isinstance(value, dict):
        raise PayloadError("not a JSON object")
    fields = Fields(value)
    if fields.integer("v", least=1) != 1 and not newer:
        raise PayloadError("of a version this node does not know")
    return fields
