"""Media types: what a caller accepts, what a caller sends.

The standard's own type is ``application/taxii+json;version=2.1``. A type without a version stands
for any; ranges, weights, upper case and spaces are read as HTTP defines them. Who accepts STIX
objects accepts an envelope of them: the standard names that type beside its own (§5.3).

Spec: TAXII 2.1 §1.6.8; RFC 9110 §8.3.1, §12.5.1.
"""

from __future__ import annotations

from typing import Final

from foedus.exchange.errors import NotAcceptableError, UnsupportedMediaTypeError

__all__ = ["MAX_ACCEPT_RANGES", "STIX_TYPE", "TAXII_TYPE", "check_accept", "check_content_type"]

TAXII_TYPE: Final = "application/taxii+json;version=2.1"
"""The media type of every TAXII resource served and read."""

STIX_TYPE: Final = "application/stix+json;version=2.1"
"""The media type of the objects in an envelope."""

MAX_ACCEPT_RANGES: Final = 32
"""Media ranges looked at in one ``Accept`` header."""

_NAME: Final = "application/taxii+json"
_ACCEPTED: Final = frozenset({_NAME, "application/stix+json"})
_ANY: Final = frozenset({"*/*", "application/*"})
_VERSION: Final = "2.1"


def check_accept(value: str | None) -> None:
    """Check that a caller accepts the TAXII media type, or raise.

    Args:
        value: The ``Accept`` header, several of them joined by commas; None when there is none.

    Raises:
        NotAcceptableError: Nothing in it admits the type.
    """
    if value is None or value == TAXII_TYPE or not value.strip():
        return
    for text in value.split(",")[:MAX_ACCEPT_RANGES]:
        name, parameters = _parsed(text)
        if _weight(parameters.get("q", "1")) <= 0:
            continue
        if name in _ANY or (name in _ACCEPTED and parameters.get("version", _VERSION) == _VERSION):
            return
    raise NotAcceptableError(f"this server answers with {TAXII_TYPE}")


def check_content_type(value: str | None) -> None:
    """Check that a body is said to be of the TAXII media type, or of STIX objects, or raise.

    Tools that post a bundle as such are understood too, since an envelope is a bundle with less
    around it.

    Raises:
        UnsupportedMediaTypeError: It is said to be something else, or nothing.
    """
    name, parameters = _parsed(value or "")
    if name not in _ACCEPTED or parameters.get("version", _VERSION) != _VERSION:
        raise UnsupportedMediaTypeError(f"this server reads {TAXII_TYPE}")


def _parsed(text: str) -> tuple[str, dict[str, str]]:
    name, *rest = text.split(";")
    parameters: dict[str, str] = {}
    for part in rest:
        key, _, value = part.partition("=")
        parameters[key.strip().lower()] = value.strip().strip('"').lower()
    return name.strip().lower(), parameters


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
