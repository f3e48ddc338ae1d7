"""Containers of objects: a STIX bundle or a TAXII envelope, split without rebuilding what is in it.

Spec: STIX 2.1 §8; TAXII 2.1 §3.7.
"""

from __future__ import annotations

from typing import NoReturn

import msgspec

from foedus.model.objects import MAX_OBJECT_BYTES, SPEC_VERSION, ObjectError

__all__ = ["MAX_BUNDLE_BYTES", "MAX_BUNDLE_OBJECTS", "split_bundle"]

MAX_BUNDLE_BYTES = 64 * 1024 * 1024
"""Largest bundle or envelope split, in bytes."""

MAX_BUNDLE_OBJECTS = 100_000
"""Most objects taken from one bundle or envelope."""


class _Container(msgspec.Struct):
    """A bundle (STIX 2.1 §8) or a TAXII envelope (TAXII 2.1 §3.7)."""

    type: str | None = None
    spec_version: str | None = None
    objects: list[msgspec.Raw] = []


_container = msgspec.json.Decoder(_Container)


def split_bundle(raw: bytes) -> tuple[bytes, ...]:
    """Return the exact bytes of each object of a bundle or of a TAXII envelope, in order.

    The objects are not looked into: give each to :func:`parse_object`.

    Args:
        raw: JSON of a STIX 2.1 bundle or of a TAXII 2.1 envelope; untrusted.

    Raises:
        ObjectError: It is neither, is of STIX 2.0, or passes a limit.

    Spec: STIX 2.1 §8; TAXII 2.1 §3.7.
    """
    if len(raw) > MAX_BUNDLE_BYTES:
        _refuse(f"the bundle is larger than {MAX_BUNDLE_BYTES} bytes")
    try:
        container = _container.decode(raw)
    except (ValueError, RecursionError) as error:
        raise ObjectError(f"not a bundle or an envelope: {error}") from error
    if container.type not in {None, "bundle"}:
        _refuse(f"not a bundle but one object of type {container.type[:40]!r}")
    if container.spec_version not in {None, SPEC_VERSION}:
        _refuse(
            f"a bundle of STIX {container.spec_version[:10]}: only 2.1 is read; "
            "ask the sender for 2.1 or convert it first"
        )
    if len(container.objects) > MAX_BUNDLE_OBJECTS:
        _refuse(f"the bundle holds more than {MAX_BUNDLE_OBJECTS} objects")
    parts = tuple(bytes(part) for part in container.objects)
    for index, part in enumerate(parts):
        if len(part) > MAX_OBJECT_BYTES:
            _refuse(f"object {index} of the bundle is larger than {MAX_OBJECT_BYTES} bytes")
    return parts


def _refuse(reason: str) -> NoReturn:
    raise ObjectError(reason)
