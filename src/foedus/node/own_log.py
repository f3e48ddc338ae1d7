"""Enter an act in this node's own log: a salted commitment; the record stays in the store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from foedus.canonical import JSONValue, canonical_bytes
from foedus.clock import instant_text
from foedus.ledger.commitment import SALT_BYTES, commit_record
from foedus.node.context import Node
from foedus.node.ports import Transaction

__all__ = ["enter", "enter_bytes"]


def enter(tx: Transaction, node: Node, record: Mapping[str, JSONValue], *, at: datetime) -> int:
    """Enter a record within the caller's unit of work, and return its index in the log.

    Args:
        tx: A writing transaction.
        node: The node.
        record: Its own fields; version, exercise and instant are added.
        at: The instant of the act.
    """
    whole: dict[str, JSONValue] = {
        "v": 1,
        "exercise": node.identity.exercise,
        "instant": instant_text(at),
        **record,
    }
    return enter_bytes(tx, node, canonical_bytes(whole), at=at)


def enter_bytes(tx: Transaction, node: Node, record: bytes, *, at: datetime) -> int:
    """Enter the exact bytes of a record that is canonical already."""
    salt = node.random(SALT_BYTES)
    return tx.ledger.append(commit_record(salt, record), salt=salt, record=record, at=at)
