"""What a backup says of itself: format, member, what it covers, and the hash of every file.

One JSON document, ``manifest.json``, canonical and indented for people. It proves nothing by
itself; it tells a whole backup from a damaged or half-copied one. Format 1.

Of each backup the node notes when it was made and until when it is kept: what is erased here stands
in it until then, and whoever ordered the erasure is told so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Final

import msgspec

from foedus.clock import InstantError, instant_text, parse_instant
from foedus.model.identifiers import IdentifierError, MemberId, member_id
from foedus.node.errors import NodeError
from foedus.node.ports import Transaction

__all__ = [
    "BACKUP_FORMAT",
    "BackupError",
    "BackupFile",
    "Manifest",
    "note_backup",
    "parse_manifest",
]

BACKUP_FORMAT: Final = 1

_NAME: Final = re.compile(r"(?:keys/)?[a-z][a-z0-9_-]{0,40}\.(?:db|toml|key|crt|csv|txt)", re.ASCII)
_SHA256: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MAX_FILES: Final = 64


class BackupError(NodeError):
    """A backup is incomplete, damaged or of another version, or cannot be made there."""

    code: ClassVar[str] = "node.backup"


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupFile:
    """One file of a backup: SHA-256 in hex, and its length in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup is.

    Attributes:
        member: Whose node.
        made: When.
        entries: Log entries the store held.
        exercise: Whether it is of an exercise.
        files: Every file by its path within the backup.
    """

    member: MemberId
    made: datetime
    entries: int
    exercise: bool
    files: Mapping[str, BackupFile]

    @property
    def with_keys(self) -> bool:
        """Whether keys are part of it."""
        return any(name.startswith("keys/") for name in self.files)

    def encode(self) -> bytes:
        """Return the document."""
        document = {
            "format": BACKUP_FORMAT,
            "member": self.member,
            "made": instant_text(self.made),
            "entries": self.entries,
            "exercise": self.exercise,
            "files": {
                name: {"sha256": each.sha256, "bytes": each.size}
                for name, each in sorted(self.files.items())
            },
        }
        return json.dumps(document, indent=1).encode() + b"\n"


def note_backup(tx: Transaction, *, at: datetime, days: int) -> datetime:
    """Note that a backup is made, and return until when it is kept.

    It is noted before it is written, so that the backup tells of itself too; one that failed is
    told of as if it stood, which errs to the safe side.

    Args:
        tx: A writing transaction.
        at: When.
        days: How many days it is kept (the setting ``backup_days``).
    """
    kept_until = at + timedelta(days=days)
    tx.withheld.note_backup(at=at, kept_until=kept_until)
    return kept_until


class _File(msgspec.Struct, forbid_unknown_fields=True):
    sha256: str
    bytes: int


class _Manifest(msgspec.Struct, forbid_unknown_fields=True):
    format: int
    member: str
    made: str
    entries: int
    exercise: bool
    files: dict[str, _File]


class _Format(msgspec.Struct):
    format: int


def parse_manifest(data: bytes) -> Manifest:
    """Read a manifest.

    Args:
        data: Untrusted.

    Raises:
        BackupError: It is none, of another format, or names what no backup holds.
    """
    try:
        version = msgspec.json.decode(data, type=_Format).format
        if version != BACKUP_FORMAT:
            raise BackupError(
                f"the backup has format {version}; this version reads format {BACKUP_FORMAT}"
            )
        raw = msgspec.json.decode(data, type=_Manifest)
        manifest = Manifest(
            member=member_id(raw.member),
            made=parse_instant(raw.made),
            entries=raw.entries,
            exercise=raw.exercise,
            files={
                name: BackupFile(sha256=each.sha256, size=each.bytes)
                for name, each in raw.files.items()
            },
        )
    except (msgspec.DecodeError, RecursionError, IdentifierError, InstantError) as error:
        raise BackupError(
            f"manifest.json cannot be read, so this is no whole backup: {error}"
        ) from error
    if len(manifest.files) > _MAX_FILES or manifest.entries < 0:
        raise BackupError(
            "manifest.json cannot be read, so this is no whole backup: impossible figures"
        )
    for name, each in manifest.files.items():
        if not (_NAME.fullmatch(name) and _SHA256.fullmatch(each.sha256) and each.size >= 0):
            raise BackupError("the manifest names what no backup holds")
    return manifest
