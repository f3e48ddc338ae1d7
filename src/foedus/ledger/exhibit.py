"""Exhibits: the files somebody shows as proof, told apart and examined with one call.

There are three: a receipt (what a log holds), a promise (what a node says it will hold) and a fork
proof (that a log signed two histories). Which one a file is follows from its first bytes; whose
word it is worth follows from what the reader relies on, and from nothing in the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from foedus.ledger.errors import LedgerError, ReceiptError
from foedus.ledger.fork import FORK_HEADER, MAX_FORK_BYTES, Fork, verify_fork
from foedus.ledger.policy import LogKey, Policy
from foedus.ledger.promise import MAX_PROMISE_BYTES, VerifiedPromise, verify_promise
from foedus.ledger.proof_file import MAX_PROOF_BYTES, PROOF_HEADER
from foedus.ledger.receipt import VerifiedReceipt, verify_receipt, verify_receipt_under
from foedus.signing.keys import PublicKey
from foedus.signing.note import NoteKey

__all__ = ["MAX_EXHIBIT_BYTES", "Exhibit", "NodeKey", "Trust", "examine"]

MAX_EXHIBIT_BYTES: Final = max(MAX_PROOF_BYTES, MAX_PROMISE_BYTES, MAX_FORK_BYTES)
"""Largest file worth reading, in bytes."""

Exhibit: TypeAlias = VerifiedReceipt | VerifiedPromise | Fork
"""What an examined file proved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeKey:
    """A key a node signs documents with.

    Attributes:
        key: The key.
        origin: The log of that node; None to take its word for whatever log.
    """

    key: PublicKey
    origin: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What the reader relies on; none of it comes from the files examined.

    Attributes:
        logs: Keys of logs.
        nodes: Keys of nodes, for promises.
        policy: Further logs, and the witnesses whose quorum every receipt then needs; None if
            the word of the log alone is enough.
    """

    logs: tuple[LogKey, ...] = ()
    nodes: tuple[NodeKey, ...] = ()
    policy: Policy | None = None

    def log_keys(self) -> Iterator[NoteKey]:
        """Yield the keys of every log relied on."""
        yield from self.logs
        if self.policy is not None:
            yield from (one.verifier for one in self.policy.logs)

    @property
    def is_empty(self) -> bool:
        """Whether nobody's word is taken."""
        return not self.nodes and not any(self.log_keys())


def examine(data: bytes, trust: Trust) -> Exhibit:
    """Return what a file proves to a reader, or raise. Needs the file and the keys only.

    Args:
        data: Untrusted.
        trust: What the reader relies on.

    Raises:
        LedgerError: It is no exhibit, or proves nothing; the message says why.
    """
    if len(data) > MAX_EXHIBIT_BYTES:
        raise ReceiptError(f"a file of more than {MAX_EXHIBIT_BYTES} bytes is no proof")
    if data.startswith(FORK_HEADER):
        return verify_fork(data, trust.log_keys())
    if data.startswith(PROOF_HEADER):
        return _receipt(data, trust)
    if data.startswith(b"{"):
        return _promise(data, trust.nodes)
    raise ReceiptError("neither a receipt, nor a promise, nor a proof of a fork")


def _receipt(data: bytes, trust: Trust) -> VerifiedReceipt:
    if trust.policy is not None:
        return verify_receipt_under(data, trust.policy, logs=trust.logs)
    return verify_receipt(data, trust.logs)


def _promise(data: bytes, nodes: tuple[NodeKey, ...]) -> VerifiedPromise:
    if not nodes:
        raise ReceiptError(
            "a promise is signed by a node's key, and none is known: name it by its member's "
            "letter of credence or by itself; a policy names keys of logs only"
        )
    failure: LedgerError = ReceiptError("the promise is signed by no known key")
    for one in nodes:
        try:
            found = verify_promise(data, (one.key,))
        except LedgerError as error:
            failure = error
            continue
        if one.origin in (None, found.origin):
            return found
        failure = ReceiptError(f"this node does not speak for the log {found.origin!r}")
    raise failure
