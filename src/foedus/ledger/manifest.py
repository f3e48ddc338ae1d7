"""The list of a dossier's files, each with its hash: what makes a folder of papers one exhibit.

``manifest.json`` is canonical JSON: ``v``, ``kind`` ("foedus-evidence"), ``about`` (what the
dossier is about; anything) and ``files``, each with ``path``, ``sha256``, ``bytes`` and ``role``.
Nobody signs it: it shows that the folder is whole, and the receipts in it show the rest.

Rules: a path is plain (letters, digits, ``._-`` and ``/`` between names, no name starting with a
dot), none stands twice, and the manifest lists all files but itself.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from foedus.canonical import CanonicalError, JSONValue, canonical_bytes, parse_json
from foedus.ledger.errors import ReceiptError

__all__ = [
    "EXHIBIT_ROLES",
    "ITEM_ROLE",
    "MANIFEST_NAME",
    "Listed",
    "Manifest",
    "check_files",
    "format_manifest",
    "is_plain_path",
    "parse_manifest",
]

MANIFEST_NAME: Final = "manifest.json"
"""Where the list is, in a dossier's folder."""

EXHIBIT_ROLES: Final = frozenset({"receipt", "promise", "fork"})
"""Roles of the files that prove something of themselves."""

ITEM_ROLE: Final = "item"
"""Role of an item's exact bytes."""

_VERSION: Final = 1
_KIND: Final = "foedus-evidence"
_FIELDS: Final = {"v", "kind", "about", "files"}
_FILE_FIELDS: Final = {"path", "sha256", "bytes", "role"}
_PATH: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*){0,3}")
_HASH: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MAX_FILES: Final = 100_000
_MAX_PATH: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One file of a dossier.

    Attributes:
        path: Below the dossier's folder.
        sha256: Of its bytes, 64 hex digits.
        size: How many bytes.
        role: What it is: ``receipt``, ``promise``, ``fork``, ``item``, ``treaty`` and others.
    """

    path: str
    sha256: str
    size: int
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The files of a dossier.

    Attributes:
        about: What it is about, for programs.
        files: In the order of the list.
    """

    about: Mapping[str, JSONValue] = field(hash=False)
    files: tuple[Listed, ...]


def is_plain_path(path: str) -> bool:
    """Say whether a path may stand in a manifest."""
    return len(path) <= _MAX_PATH and _PATH.fullmatch(path) is not None


def format_manifest(
    about: Mapping[str, JSONValue], files: Iterable[tuple[str, str, bytes]]
) -> bytes:
    """Return the manifest of files given as (path, role, bytes).

    Raises:
        ReceiptError: A path is not plain or stands twice.
    """
    listed: list[JSONValue] = [
        {
            "path": path,
            "role": role,
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        for path, role, data in files
    ]
    try:
        made = canonical_bytes({"v": _VERSION, "kind": _KIND, "about": about, "files": listed})
    except CanonicalError as error:
        raise ReceiptError(f"no manifest can be made: {error}") from error
    parse_manifest(made)
    return made


def parse_manifest(data: bytes) -> Manifest:
    """Read a manifest.

    Args:
        data: Untrusted.

    Raises:
        ReceiptError: A rule of the module is broken.
    """
    try:
        document = parse_json(data)
    except CanonicalError as error:
        raise ReceiptError("a manifest is JSON") from error
    if not isinstance(document, Mapping) or document.keys() != _FIELDS:
        raise ReceiptError("a manifest has other fields")
    about, files = document["about"], document["files"]
    if type(document["v"]) is not int or document["v"] != _VERSION or document["kind"] != _KIND:
        raise ReceiptError("a manifest of another version or kind")
    if not isinstance(about, Mapping) or not isinstance(files, list) or len(files) > _MAX_FILES:
        raise ReceiptError("a manifest says what it is about and lists files")
    listed = tuple(_listed(one) for one in files)
    if len({one.path for one in listed}) != len(listed):
        raise ReceiptError("a manifest lists a file twice")
    return Manifest(about=about, files=listed)


def check_files(manifest: Manifest, files: Mapping[str, bytes]) -> None:
    """Check that a dossier is whole, or raise.

    Args:
        manifest: What it should hold.
        files: What it does hold, the manifest left out.

    Raises:
        ReceiptError: A file is missing, differs, or is not listed; the message names it.
    """
    for one in manifest.files:
        data = files.get(one.path)
        if data is None:
            raise ReceiptError(f"{one.path} is missing")
        if len(data) != one.size or hashlib.sha256(data).hexdigest() != one.sha256:
            raise ReceiptError(f"{one.path} is not the file the manifest lists")
    more = sorted(files.keys() - {one.path for one in manifest.files})
    if more:
        raise ReceiptError(f"{more[0]} is not in the manifest")


def _listed(value: JSONValue) -> Listed:
    if not isinstance(value, Mapping) or value.keys() != _FILE_FIELDS:
        raise ReceiptError("a file of a manifest has other fields")
    path, digest, size, role = (value[name] for name in ("path", "sha256", "bytes", "role"))
    if not isinstance(path, str) or not is_plain_path(path) or path == MANIFEST_NAME:
        raise ReceiptError("a manifest names a file in another way")
    if not isinstance(digest, str) or not _HASH.fullmatch(digest):
        raise ReceiptError("a file of a manifest has a SHA-256 in hex")
    if type(size) is not int or size < 0 or not isinstance(role, str):
        raise ReceiptError("a file of a manifest has a length and a role")
    return Listed(path=path, sha256=digest, size=size, role=role)
