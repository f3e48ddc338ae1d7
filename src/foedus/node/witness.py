"""This node as a witness: it cosigns heads of members' logs that continue what it cosigned before.

The order is what makes it worth something. A request is judged on a snapshot first, so that nobody
who has no log takes the right to write. Then, in one writing transaction, it is judged again by the
head remembered there, and the new head with our cosignature is stored; only after that commit is
anything answered. A crash before the commit leaves the old head and no cosignature; a crash after
it leaves the new head, and the log learns its size when it asks again.

The same head asked for twice is answered with the cosignature made first: nothing is written.

Spec: C2SP tlog-witness.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from foedus.ledger.checkpoint import Checkpoint, parse_checkpoint
from foedus.ledger.cosignature import CosignatureVerifier, cosign
from foedus.ledger.errors import CheckpointError, WitnessError
from foedus.ledger.witness import (
    AddCheckpoint,
    format_cosignatures,
    judge,
    origin_of,
    parse_add_checkpoint,
    with_cosignatures,
)
from foedus.node.context import Node
from foedus.node.errors import NotFoundError
from foedus.node.gossip_format import bare_note
from foedus.node.log_keys import LogOwner, current_log
from foedus.node.ports import CosignedLog, Transaction
from foedus.node.recovering import refuse_witness
from foedus.signing import NoteVerifier
from foedus.signing.keys import SigningKey
from foedus.signing.note import NoteSignature, split_note

__all__ = ["add_checkpoint", "cosigned_checkpoint"]

_BAD_REQUEST: Final = 400
_NOT_FOUND: Final = 404


def add_checkpoint(node: Node, body: bytes) -> bytes:
    """Cosign a head of a member's log, or raise what is answered instead.

    Args:
        node: The witness.
        body: The request; untrusted.

    Returns:
        The signature lines to answer with; the head is stored durably.

    Raises:
        WitnessError: It is not cosigned; the error has the status and the body of the answer. A
            node without a witness key knows no log.
        RecoveringError: This node was restored: it does not know what it cosigned.

    Spec: C2SP tlog-witness, "add-checkpoint".
    """
    key = node.identity.witness
    request = parse_add_checkpoint(body)
    if key is None:
        raise WitnessError("this node has no witness key: it witnesses nobody", status=_NOT_FOUND)
    origin = origin_of(request)
    with node.database.read() as tx:
        tx.recovery.refuse()
        known = current_log(tx, node, origin)
        _judged(request, origin, known, tx)
        repeated = _made_before(node, request, tx.witness.cosigned(origin))
    if repeated is not None:
        return format_cosignatures(repeated)
    assert known is not None  # noqa: S101  # judged
    bare = _bare(request, known)
    with node.database.write() as tx:
        refuse_witness(tx, node.identity.member, known.member)
        head = _judged(request, origin, known, tx)
        line = _cosigned(node, key, head)
        note = with_cosignatures(bare, [line])
        tx.witness.keep_cosigned(
            CosignedLog(origin=origin, size=head.size, note=note, at=node.clock.now())
        )
    return format_cosignatures([line])


def cosigned_checkpoint(node: Node, name: str) -> bytes:
    """Return the head of a log that this node cosigned last, with its cosignature.

    Args:
        node: The witness.
        name: SHA-256 of the log's origin in hex; untrusted.

    Raises:
        NotFoundError: It never cosigned one.

    Spec: C2SP tlog-witness, "Monitor Retrieval Mechanism".
    """
    with node.database.read() as tx:
        found = tx.witness.cosigned_named(name)
    if found is None:
        raise NotFoundError("no head of such a log was cosigned here")
    return found.note


def _judged(
    request: AddCheckpoint, origin: str, known: LogOwner | None, tx: Transaction
) -> Checkpoint:
    logs: Mapping[str, Sequence[NoteVerifier]] = {} if known is None else {origin: known.verifiers}
    last = tx.witness.cosigned(origin)
    return judge(request, logs=logs, latest=None if last is None else _head(last))


def _bare(request: AddCheckpoint, known: LogOwner) -> bytes:
    """Return the head as it is kept; one too large to be told to members is not cosigned."""
    try:
        return bare_note(request.checkpoint, known.verifiers)
    except CheckpointError as error:
        raise WitnessError(str(error), status=_BAD_REQUEST) from error


def _head(last: CosignedLog) -> Checkpoint:
    """Return what was cosigned last. It was verified then; the log's key may be another now."""
    return parse_checkpoint(split_note(last.note)[0])


def _made_before(
    node: Node, request: AddCheckpoint, last: CosignedLog | None
) -> Sequence[NoteSignature] | None:
    """Return our lines on just this head; None when there are none by our present key."""
    key = node.identity.witness
    if last is None or key is None:
        return None
    text, lines = split_note(last.note)
    if split_note(request.checkpoint)[0] != text:
        return None
    own = CosignatureVerifier(node.identity.witness_name, key.public)
    found = [line for line in lines if (line.name, line.key_hash) == (own.name, own.key_hash)]
    return found or None


def _cosigned(node: Node, key: SigningKey, head: Checkpoint) -> NoteSignature:
    return cosign(head, name=node.identity.witness_name, key=key, at=node.clock.now())
