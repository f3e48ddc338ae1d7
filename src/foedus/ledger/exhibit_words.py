"""What an exhibit proves, in words for people and as a document for programs.

Records are shown as what they are: JSON that somebody's log commits to. The words read the few
fields a disclosure has; of any other record they say its kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any

from foedus.canonical import CanonicalError, parse_json
from foedus.clock import instant_text
from foedus.ledger.cosignature import Cosignature
from foedus.ledger.errors import CheckpointError
from foedus.ledger.exhibit import Exhibit
from foedus.ledger.fork import Fork
from foedus.ledger.promise import VerifiedPromise
from foedus.ledger.receipt import VerifiedReceipt

__all__ = ["exhibit_document", "exhibit_words"]

_HASH_SHOWN = 12


def exhibit_document(found: Exhibit) -> dict[str, Any]:
    """Return what was proved as JSON."""
    match found:
        case VerifiedReceipt():
            return {
                "kind": "receipt",
                "log": found.origin,
                "entry": found.index,
                "size": found.size,
                "root": found.checkpoint.root.hex(),
                "record": _json(found.record),
                "item": _json(found.item_record),
                "witnessed": [
                    {"witness": one.witness, "at": _when(one)} for one in found.witnessed
                ],
            }
        case VerifiedPromise():
            return {
                "kind": "promise",
                "log": found.origin,
                "entry": found.index,
                "promised": instant_text(found.at),
                "signed_by": found.signed_by,
                "record": _json(found.record),
                "item": _json(found.item_record),
            }
        case Fork():
            return {
                "kind": "fork",
                "log": found.origin,
                "heads": [
                    {"size": one.size, "root": one.root.hex()}
                    for one in (found.smaller, found.larger)
                ],
            }


def exhibit_words(found: Exhibit, *, under_policy: bool) -> list[str]:
    """Return what was proved, and what was not, in sentences.

    Args:
        found: What was proved.
        under_policy: Whether a policy demanded witnesses.
    """
    match found:
        case VerifiedReceipt():
            return [
                f"Entry {found.index} of the {found.size} in the log {found.origin}:",
                *_record_words(found.record, found.item_record),
                *_witness_words(found, under_policy=under_policy),
            ]
        case VerifiedPromise():
            return [
                f"On {instant_text(found.at)} the node promised entry {found.index} of the log "
                f"{found.origin}:",
                *_record_words(found.record, found.item_record),
                "It is the word of that node only: ask it for the receipt.",
            ]
        case Fork():
            smaller, larger = found.smaller, found.larger
            return [
                f"The log {found.origin} signed two histories: {_head(smaller.size, smaller.root)} "
                f"and {_head(larger.size, larger.root)}. No log can have both.",
            ]


def _head(size: int, root: bytes) -> str:
    return f"{size} entries with root {root.hex()[:_HASH_SHOWN]}…"


def _record_words(record: bytes, item_record: bytes | None) -> list[str]:
    told, item = _json(record), _json(item_record)
    if not isinstance(told, Mapping):
        return ["the record is no JSON object."]
    exercise = "In an exercise, " if told.get("exercise") is True else ""
    if told.get("kind") != "disclosure":
        return [f"{exercise}a record of kind {told.get('kind')!r} of {told.get('instant')}."]
    count = told.get("count")
    what = f"{count} item{'' if count == 1 else 's'}"
    if isinstance(item, Mapping):
        form = "a redacted form, " if item.get("variant") is True else ""
        what = (
            f"{item.get('id')} (version {item.get('version')}, {form}SHA-256 {item.get('sha256')})"
        )
    lines = [
        f"{exercise}{told.get('sender')} disclosed {what}",
        f"to {told.get('recipient')} on {told.get('instant')}, under Article "
        f"{told.get('article')} of treaty {str(told.get('treaty'))[:_HASH_SHOWN]}…, "
        f"for {told.get('purpose')}.",
    ]
    if isinstance(item, Mapping) and count != 1:
        lines.append(f"It is one of the {count} items of that batch; the others are not shown.")
    return lines


def _witness_words(found: VerifiedReceipt, *, under_policy: bool) -> list[str]:
    if found.witnessed:
        lines = [f"cosigned by {one.witness} on {_when(one)}" for one in found.witnessed]
        return ["The head of the log was", *lines]
    if under_policy:
        return ["The policy asks for no witness: this is the word of the log alone."]
    return ["No witness was asked for: this is the word of the log alone (`--policy` asks)."]


def _when(one: Cosignature) -> str:
    try:
        return one.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except CheckpointError:
        return f"second {one.seconds}"


def _json(record: bytes | None) -> Any:  # any JSON
    if record is None:
        return None
    try:
        return parse_json(record)
    except CanonicalError:
        return record.decode("utf-8", "replace")
