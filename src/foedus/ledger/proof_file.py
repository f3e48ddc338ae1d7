"""The file in which a proof travels alone: index, path and signed checkpoint (C2SP tlog-proof).

The file says nothing about what the leaf is; its ``extra`` line is for that, and is not
authenticated: whoever uses it must compute the leaf from it and see whether the proof holds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from foedus.ledger.errors import ReceiptError
from foedus.ledger.inclusion import InclusionProof
from foedus.ledger.tree import HASH_BYTES, MAX_SIZE
from foedus.signing.base64_text import from_base64, to_base64
from foedus.signing.errors import Base64Error

__all__ = ["MAX_PROOF_BYTES", "PROOF_HEADER", "ProofFile", "format_proof", "parse_proof"]

MAX_PROOF_BYTES: Final = 2 * 1024 * 1024
"""Largest proof file read, in bytes."""

MAX_PATH_HASHES: Final = 63
"""Longest path of the highest tree."""

PROOF_HEADER: Final = b"c2sp.org/tlog-proof@v1\n"
"""First line of a proof, by which files are told apart."""

_MAGIC: Final = "c2sp.org/tlog-proof@v1"
_EXTRA: Final = "extra "
_INDEX: Final = re.compile(r"index (0|[1-9][0-9]{0,18})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofFile:
    """A proof as it travels; nothing in it is verified by itself.

    Attributes:
        extra: Opaque and not authenticated; empty when there is none.
        inclusion: Index and path of the entry.
        checkpoint: The signed note, verbatim.
    """

    extra: bytes
    inclusion: InclusionProof
    checkpoint: bytes


def format_proof(proof: ProofFile) -> bytes:
    """Return the file's bytes.

    Spec: C2SP tlog-proof, "Format".
    """
    lines = [_MAGIC]
    if proof.extra:
        lines.append(_EXTRA + to_base64(proof.extra))
    lines.append(f"index {proof.inclusion.index}")
    lines += [to_base64(one) for one in proof.inclusion.path]
    return "\n".join([*lines, "", ""]).encode() + proof.checkpoint


def parse_proof(data: bytes) -> ProofFile:
    """Read a proof file; verify nothing.

    Args:
        data: Untrusted.

    Raises:
        ReceiptError: Too large, or not in the one form of the specification.

    Spec: C2SP tlog-proof, "Format".
    """
    if len(data) > MAX_PROOF_BYTES:
        raise ReceiptError(f"a proof of more than {MAX_PROOF_BYTES} bytes")
    head, gap, checkpoint = data.partition(b"\n\n")
    if not gap or not checkpoint:
        raise ReceiptError("a proof has an empty line and a checkpoint")
    try:
        lines = head.decode("ascii").split("\n")
    except UnicodeDecodeError as error:
        raise ReceiptError("the lines of a proof are ASCII text") from error
    if lines.pop(0) != _MAGIC:
        raise ReceiptError(f"a proof starts with {_MAGIC!r}")
    extra = _decode(lines.pop(0).removeprefix(_EXTRA)) if lines[:1] and _has_extra(lines) else b""
    index = _INDEX.fullmatch(lines.pop(0)) if lines else None
    if index is None or int(index[1]) > MAX_SIZE:
        raise ReceiptError("a proof has the index of an entry")
    if len(lines) > MAX_PATH_HASHES:
        raise ReceiptError(f"a path has at most {MAX_PATH_HASHES} hashes")
    path = tuple(_decode(line) for line in lines)
    if any(len(one) != HASH_BYTES for one in path):
        raise ReceiptError(f"a hash of a path has {HASH_BYTES} bytes")
    return ProofFile(
        extra=extra, inclusion=InclusionProof(int(index[1]), path), checkpoint=checkpoint
    )


def _has_extra(lines: list[str]) -> bool:
    if not lines[0].startswith(_EXTRA):
        return False
    if lines[0] == _EXTRA:
        raise ReceiptError("a proof without extra data has no extra line")
    return True


def _decode(text: str) -> bytes:
    try:
        return from_base64(text)
    except Base64Error as error:
        raise ReceiptError("a line of a proof is not base64") from error
