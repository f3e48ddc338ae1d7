"""The verifier as a program of its own: ``python -m foedus.ledger.verify FILE… --policy POLICY``.

Reads receipts, promises, fork proofs and whole dossiers, and says what each proves. It imports the
ledger, the signatures and nothing else of Foedus: no database, no server, no settings, no policy
engine; ``foedus verify`` is the same with letters of credence. This is the one module of the folder
that reads files, for it is a program.

Exit codes: 0 everything holds, 2 the command line was not understood, 4 something does not hold.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from foedus.canonical import CanonicalError, parse_json
from foedus.errors import FoedusError
from foedus.ledger.errors import LedgerError, ReceiptError
from foedus.ledger.exhibit import MAX_EXHIBIT_BYTES, Exhibit, NodeKey, Trust, examine
from foedus.ledger.exhibit_words import exhibit_document, exhibit_words
from foedus.ledger.manifest import (
    EXHIBIT_ROLES,
    ITEM_ROLE,
    MANIFEST_NAME,
    Manifest,
    check_files,
    parse_manifest,
)
from foedus.ledger.policy import MAX_POLICY_BYTES, parse_policy
from foedus.ledger.receipt import VerifiedReceipt
from foedus.signing.keys import PublicKey
from foedus.signing.note import parse_vkey

__all__ = ["Verdict", "main", "read_trust", "verdict_text", "verify_path"]

MAX_DOSSIER_BYTES: Final = 256 * 1024 * 1024
"""Largest dossier read, in bytes."""

_MAX_DOSSIER_FILES: Final = 10_000
_HOLDS, _USAGE, _NOT_PROVED = 0, 2, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one file turned out to be worth.

    Attributes:
        name: The file, as it was named.
        failure: Why it does not hold; "" if it does.
        words: What it proves, in sentences.
        document: The same for programs.
    """

    name: str
    failure: str = ""
    words: tuple[str, ...] = ()
    document: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def holds(self) -> bool:
        """Whether it proves what it says."""
        return not self.failure

    def as_json(self) -> dict[str, Any]:
        """Return the verdict for programs."""
        told: dict[str, Any] = {"file": self.name, "holds": self.holds, **self.document}
        return told if self.holds else {**told, "why": self.failure}


def read_trust(
    *,
    policy: Path | None = None,
    keys: Sequence[str] = (),
    node_keys: Sequence[str] = (),
) -> Trust:
    """Return what the reader relies on, from the command line.

    Args:
        policy: A policy file (C2SP tlog-policy).
        keys: Verifier keys of logs (C2SP signed-note).
        node_keys: Keys of nodes, ``ed25519:`` and base64.

    Raises:
        PolicyError: The policy is malformed.
        SigningError: A key is malformed.
        OSError: The policy cannot be read.
    """
    return Trust(
        logs=tuple(parse_vkey(one) for one in keys),
        nodes=tuple(NodeKey(key=PublicKey.from_text(one)) for one in node_keys),
        policy=None if policy is None else parse_policy(_read(policy, MAX_POLICY_BYTES)),
    )


def verify_path(path: Path, trust: Trust) -> list[Verdict]:
    """Return the verdict on a file, on a dossier and every exhibit in it, or on loose files.

    Raises:
        OSError: It cannot be read.
    """
    if path.is_dir():
        return list(_dossier(path, trust))
    return [_examined(path.name, _read(path, MAX_EXHIBIT_BYTES), trust)[0]]


def verdict_text(verdict: Verdict) -> str:
    """Return a verdict as lines for people."""
    if not verdict.holds:
        return f"{verdict.name}: DOES NOT HOLD: {verdict.failure}\n"
    return "".join([f"{verdict.name}: holds.\n", *(f"  {line}\n" for line in verdict.words)])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code."""
    given = _parser().parse_args(arguments)
    try:
        trust = read_trust(policy=given.policy, keys=given.key, node_keys=given.node_key)
        if trust.is_empty:
            raise ReceiptError("whose word do you take? give --policy, --key or --node-key")
        verdicts = [one for path in given.files for one in verify_path(path, trust)]
    except (FoedusError, OSError) as error:
        sys.stderr.write(f"verify: {error}\n")
        return _USAGE
    if given.json:
        told = [one.as_json() for one in verdicts]
        sys.stdout.write(json.dumps({"receipts": told}, indent=2, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("".join(verdict_text(one) for one in verdicts))
    return _HOLDS if all(one.holds for one in verdicts) else _NOT_PROVED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m foedus.ledger.verify",
        description="Verify receipts, promises, proofs of forks and dossiers, offline.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a file or a folder")
    parser.add_argument("--policy", type=Path, help="policy file: logs, witnesses and a quorum")
    parser.add_argument("--key", action="append", default=[], help="verifier key of a log")
    parser.add_argument("--node-key", action="append", default=[], help="key of a node")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _examined(name: str, data: bytes, trust: Trust) -> tuple[Verdict, Exhibit | None]:
    try:
        found = examine(data, trust)
    except LedgerError as error:
        return Verdict(name=name, failure=str(error)), None
    words = exhibit_words(found, under_policy=trust.policy is not None)
    return Verdict(name=name, words=tuple(words), document=exhibit_document(found)), found


def _dossier(folder: Path, trust: Trust) -> Iterator[Verdict]:
    """Yield the verdict on the folder as a whole, then on each exhibit in it."""
    name = folder.resolve().name
    try:
        files = dict(_files(folder))
        if MANIFEST_NAME not in files:  # loose files, of which each must prove something
            yield from (_examined(f"{name}/{one}", files[one], trust)[0] for one in files)
            return
        manifest = parse_manifest(files.pop(MANIFEST_NAME))
        check_files(manifest, files)
    except LedgerError as error:
        yield Verdict(name=name, failure=f"the dossier is not whole: {error}")
        return
    yield Verdict(
        name=name,
        words=(f"The dossier is whole: {len(files)} files, each with the hash listed.",),
        document={"kind": "dossier", "files": len(files)},
    )
    for one in manifest.files:
        if one.role in EXHIBIT_ROLES:
            verdict, found = _examined(f"{name}/{one.path}", files[one.path], trust)
            yield _with_bytes(verdict, found, manifest)


def _with_bytes(verdict: Verdict, found: Exhibit | None, manifest: Manifest) -> Verdict:
    """Add whether the item's very bytes are in the dossier."""
    if not isinstance(found, VerifiedReceipt) or found.item_record is None:
        return verdict
    digest = _sha256_of(found.item_record)
    for one in manifest.files:
        if one.role == ITEM_ROLE and one.sha256 == digest:
            said = f"The very bytes that were given are in {one.path}."
            break
    else:
        said = "The bytes that were given are not in this dossier."
    return Verdict(name=verdict.name, words=(*verdict.words, said), document=verdict.document)


def _sha256_of(item_record: bytes) -> str:
    try:
        document = parse_json(item_record)
    except CanonicalError:
        return ""
    found = document.get("sha256") if isinstance(document, Mapping) else None
    return found if isinstance(found, str) else ""


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield (path, bytes) of every file of a folder, following no link."""
    left = MAX_DOSSIER_BYTES
    for number, path in enumerate(sorted(folder.rglob("*"))):
        if number >= _MAX_DOSSIER_FILES:
            raise ReceiptError(f"a dossier has at most {_MAX_DOSSIER_FILES} files")
        if path.is_symlink():
            raise ReceiptError(f"{path.name} is a link")
        if path.is_file():
            data = _read(path, left)
            left -= len(data)
            yield path.relative_to(folder).as_posix(), data


def _read(path: Path, most: int) -> bytes:
    """Read a file, one byte past the limit at most."""
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ReceiptError(f"{path.name} is larger than {most} bytes")
    return data


if __name__ == "__main__":
    sys.exit(main())
