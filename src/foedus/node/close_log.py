"""Close our own log when no copy leads to its newest head, and go on under a new origin.

1. A closing statement is signed: which log, up to which head it is known to have been signed, and
   what follows it.
2. In one unit of work the journal starts anew under the new origin. Entries of the closed log stay
   for the record, numbered below zero in their old order; no index of either log is given twice.
3. Lanes are rebuilt as in any recovery. What members return of the closed log brings back the
   entries of those disclosures.
4. The first entry of the new log is the closing; then new full powers name its origin, under the
   authority's signature. Peers follow the new log from there.

A receipt under the closed log stays what it was. What only its lost entries could prove is lost.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from foedus.canonical import JSONValue, canonical_bytes
from foedus.clock import instant_text
from foedus.ledger.checkpoint import Checkpoint
from foedus.ledger.errors import LedgerError
from foedus.node.context import Node
from foedus.node.errors import NotReadyError, RefusedError
from foedus.node.own_log import enter
from foedus.node.ports import Transaction
from foedus.node.ports.recovery import ClosedLog
from foedus.node.ratify import full_powers
from foedus.node.recover_entries import refuse_other_root
from foedus.node.recovering import refuse_closed_log
from foedus.node.statements import issue
from foedus.release.gate import Gate
from foedus.signing import sign_envelope

__all__ = [
    "CLOSING_TYPE",
    "SPARE_SERIALS",
    "Closing",
    "close_log",
    "name_new_log",
    "skip_lost_serials",
    "successor",
]

CLOSING_TYPE: Final = "application/vnd.foedus.log-closed+json;v=1"


_SPARE: Final = 1 << 20
"""Places left for entries past every head shown now: a member away may have seen later ones."""

SPARE_SERIALS: Final = 1 << 10
"""Serials left for instruments in entries that nobody shows now, beside those in entries lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """What was closed.

    Attributes:
        origin: The closed log.
        successor: The log that follows.
        entries: How many entries it is known to have had at least.
        statement: The signed closing statement, the bytes of its envelope.
    """

    origin: str
    successor: str
    entries: int
    statement: bytes


def successor(base: str, closed: Sequence[ClosedLog]) -> str:
    """Return the origin of the present log: the first has the base name, others a number."""
    return base if not closed else f"{base}/{len(closed) + 1}"


def close_log(node: Node, heads: Sequence[Checkpoint], base: str) -> Closing:
    """Close the log; the node must be opened anew after it, under its new origin.

    Args:
        node: A node in recovery.
        heads: Every head of its log that anybody shows.
        base: The first origin of this node's logs.

    Raises:
        RefusedError: The node is not in recovery, or nothing of its log is missing: it can go on.
        RecoveringError: It was closed since the node was opened.
        NotReadyError: The authority key, which must name the new log, is not here.
    """
    identity = node.identity
    if identity.authority is None:
        raise NotReadyError(
            "only the authority can name a new log: put keys/authority.key in place for this"
        )
    now = node.clock.now()
    with node.database.write() as tx:
        refuse_closed_log(tx, identity.log_origin)
        if tx.recovery.state() is None:
            raise RefusedError("this node is not in recovery; its log goes on (`foedus recover`)")
        newest = max(heads, key=lambda head: head.size, default=None)
        _refuse_whole_log(tx, node, heads)
        known = tx.ledger.count()
        entries = max(known, 0 if newest is None else newest.size)
        following = successor(base, [*tx.recovery.closed(), _placeholder(identity.log_origin)])
        statement: dict[str, JSONValue] = {
            "v": 1,
            "kind": "log-closed",
            "exercise": identity.exercise,
            "member": identity.member,
            "origin": identity.log_origin,
            "successor": following,
            "entries": entries,
            "root": "" if newest is None else newest.root.hex(),
            "known": known,
            "instant": instant_text(now),
        }
        envelope = sign_envelope(canonical_bytes(statement), CLOSING_TYPE, identity.node)
        signed = canonical_bytes(dict[str, JSONValue](envelope.document()))
        skip_lost_serials(tx, node, spare=entries - known + SPARE_SERIALS)
        tx.recovery.close_log(
            ClosedLog(origin=identity.log_origin, moved=entries + _SPARE, statement=signed),
            at=now,
        )
    return Closing(
        origin=identity.log_origin, successor=following, entries=entries, statement=signed
    )


def _refuse_whole_log(tx: Transaction, node: Node, heads: Sequence[Checkpoint]) -> None:
    """Closing is for good; a log of which everything shown is here needs none."""
    if not heads or tx.witness.fork_of(node.identity.member) is not None:
        return
    newest = max(heads, key=lambda head: head.size)
    forked = any(head.size == newest.size and head.root != newest.root for head in heads)
    if forked or newest.size > tx.ledger.count():
        return
    try:
        refuse_other_root(tx, newest)
    except LedgerError:
        return
    raise RefusedError(
        f"the store leads to the newest head that anybody shows, of {newest.size} entries: nothing "
        f"of {newest.origin} is missing, and closing it is for good. `foedus recover` goes on with "
        "it, once the members it names answer"
    )


def skip_lost_serials(tx: Transaction, node: Node, *, spare: int) -> None:
    """Skip as many serials as instruments of ours may be held by others and be unknown here.

    Each was entered in the log at least once, so there are no more of them than entries without a
    record. One serial given twice would void both statements.

    Args:
        tx: A writing transaction of a node in recovery.
        node: The node.
        spare: How many more there may be, in entries that are not even known by hash.
    """
    own = node.law.view(tx).instruments.of(node.identity.member)
    known = max((each.serial for each in own), default=0)
    lost = tx.recovery.rebuilt_without_batch() + spare
    if lost > 0:
        tx.recovery.skip_serials(known + lost)


def _placeholder(origin: str) -> ClosedLog:
    return ClosedLog(origin=origin, moved=0, statement=b"")


def name_new_log(tx: Transaction, node: Node, gate: Gate) -> bool:
    """Enter the closing in the new log and name the log in full powers, if that is still to do.

    Args:
        tx: A writing transaction of a node that signs again.
        node: The node, under its new origin.
        gate: Its gate.

    Returns:
        Whether it was.
    """
    closed = tx.recovery.closed()
    powers = node.law.view(tx).powers(node.identity.member, node.clock.now())
    named = None if powers is None else powers.log_origin
    if not closed or named == node.identity.log_origin:
        return False
    last = closed[-1]
    enter(
        tx,
        node,
        {
            "kind": "log-closed",
            "member": node.identity.member,
            "closed": last.origin,
            "statement": hashlib.sha256(last.statement).hexdigest(),
        },
        at=node.clock.now(),
    )
    issue(tx, node, gate, None, full_powers(node))
    return True
