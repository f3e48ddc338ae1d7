"""What members tell each other of log heads: a digest in a header, and the heads themselves.

The document is JSON: ``{"heads": [NOTE, ...], "forks": [PROOF, ...]}``, both base64. A head bears
the log's own signature and nothing else: what witnesses said of it is asked of the log. A proof is
the file of :mod:`foedus.ledger.fork`. Everything in it is untrusted until verified by whoever reads
it.

The digest is SHA-256 over one line for each log in order of origin, ``head SIZE ROOT ORIGIN``, then
one for each log proven forked, ``fork ORIGIN``. Two nodes with one digest have nothing to tell each
other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar, Final

import msgspec

from foedus.ledger.checkpoint import open_checkpoint_note
from foedus.ledger.errors import CheckpointError
from foedus.ledger.fork import MAX_FORK_BYTES
from foedus.node.errors import NodeError
from foedus.node.ports import ForkRow, HeardHead
from foedus.signing import NoteVerifier
from foedus.signing.base64_text import from_base64, to_base64
from foedus.signing.errors import Base64Error

__all__ = [
    "MAX_HEADS",
    "MAX_HEADS_BYTES",
    "MAX_HEAD_BYTES",
    "MAX_PROOF_BYTES",
    "HeadsError",
    "KnownHeads",
    "bare_note",
    "format_heads",
    "heads_digest",
    "parse_heads",
]

MAX_HEADS: Final = 256
"""Most heads, and most proofs, told or read at a time."""

MAX_HEAD_BYTES: Final = 2048
"""Largest head told or read, in bytes: a head with the log's own signatures only."""

MAX_HEADS_BYTES: Final = 1024 * 1024
"""Largest document read, in bytes."""

MAX_PROOF_BYTES: Final = 2 * MAX_HEAD_BYTES + 4096
"""Largest proof of a fork taken, in bytes: two such heads and the path between them."""

_FORK_BUDGET: Final = 240 * 1024
"""So that a document with the most heads and proofs is no larger than what is read."""


class HeadsError(NodeError):
    """What a peer says of log heads is malformed."""

    code: ClassVar[str] = "node.heads"


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownHeads:
    """Signed heads and proofs of forks; untrusted where they came from a peer."""

    heads: tuple[bytes, ...] = field(repr=False)
    forks: tuple[bytes, ...] = field(default=(), repr=False)


class _Document(msgspec.Struct, forbid_unknown_fields=False):
    heads: list[str]
    forks: list[str] = []


_decoder = msgspec.json.Decoder(_Document)


def heads_digest(heads: Iterable[HeardHead], forks: Iterable[ForkRow]) -> str:
    """Return the digest of what is known, 64 hex digits."""
    lines = [
        f"head {each.size} {each.root.hex()} {each.origin}\n"
        for each in sorted(heads, key=lambda head: head.origin)
    ]
    lines += [f"fork {each.origin}\n" for each in sorted(forks, key=lambda fork: fork.origin)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def bare_note(note: bytes, verifiers: Iterable[NoteVerifier]) -> bytes:
    """Return a head with verified signatures of its own log only, one of each key.

    What others added to it says nothing, nor does what merely bears the log's name: so nobody,
    the log itself included, makes a head too large to be told. Of more signatures than fit, the
    first stay.

    Args:
        note: Untrusted.
        verifiers: The keys of the log.

    Raises:
        CheckpointError: None of them signed it, or it has more than :data:`MAX_HEAD_BYTES` even
            with one signature. Such a head is neither cosigned, kept nor followed.
    """
    head, opened = open_checkpoint_note(note, verifiers)
    bare = f"{opened.text}\n".encode()
    own = [line for line in opened.signatures if line.name == head.origin]
    for number, line in enumerate(own):
        signed = bare + line.line.encode()
        if len(signed) > MAX_HEAD_BYTES:
            if number == 0:
                raise CheckpointError(f"a head has at most {MAX_HEAD_BYTES} bytes")
            break
        bare = signed
    return bare


def format_heads(known: KnownHeads) -> bytes:
    """Return the document; what is too large or too much for it is left out."""
    forks: list[bytes] = []
    left = _FORK_BUDGET
    for proof in known.forks[:MAX_HEADS]:
        if len(proof) <= left:
            forks.append(proof)
            left -= len(proof)
    heads = [head for head in known.heads if len(head) <= MAX_HEAD_BYTES][:MAX_HEADS]
    return msgspec.json.encode(
        _Document(
            heads=[to_base64(head) for head in heads], forks=[to_base64(proof) for proof in forks]
        )
    )


def parse_heads(body: bytes) -> KnownHeads:
    """Read a document; verify nothing of what it says.

    Args:
        body: Untrusted.

    Raises:
        HeadsError: It is malformed or too large.
    """
    if len(body) > MAX_HEADS_BYTES:
        raise HeadsError(f"a list of heads has at most {MAX_HEADS_BYTES} bytes")
    try:
        found = _decoder.decode(body)
        heads = tuple(from_base64(each) for each in found.heads[:MAX_HEADS])
        forks = tuple(from_base64(each) for each in found.forks[:MAX_HEADS])
    except (msgspec.MsgspecError, UnicodeError, RecursionError, Base64Error) as error:
        raise HeadsError("not a list of heads") from error
    if any(len(each) > MAX_HEAD_BYTES for each in heads):
        raise HeadsError(f"a head has at most {MAX_HEAD_BYTES} bytes")
    if any(len(each) > MAX_FORK_BYTES for each in forks):
        raise HeadsError(f"a proof of a fork has at most {MAX_FORK_BYTES} bytes")
    return KnownHeads(heads=heads, forks=forks)
