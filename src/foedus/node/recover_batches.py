"""A batch of ours as its recipient returns it: what of it is believed, and why.

1. Signed by a node key that this member has or had. A key that we revoked is believed only where
   our log holds the entry. Full powers of ours may come with the very batch that their new key
   signed; they are believed for our authority's signature.
2. Or, where its recipient erased items of it since, unsigned: then only because our log holds the
   entry, which commits to all that is taken from it but its place in the lane.
3. For this recipient and this lane, next after what the lane has; its digest follows from it.
4. Its entry stands in the log under the index it names. Of a closed log it need not be here: there
   our signature is enough, and without it a proof out of the recipient's copy of that log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from foedus.errors import FoedusError
from foedus.ledger import lane_digest
from foedus.ledger.checkpoint import open_checkpoint
from foedus.ledger.commitment import batch_root, commit_item, commit_record
from foedus.ledger.errors import LedgerError
from foedus.ledger.inclusion import verify_inclusion
from foedus.ledger.tiles import CHECKPOINT_PATH, TileSource, inclusion_from_tiles
from foedus.ledger.tree import leaf_hash
from foedus.model.identifiers import MemberId
from foedus.model.kinds import FoedusKind, unwrap_document
from foedus.model.objects import StixObject, parse_object
from foedus.node.context import Node
from foedus.node.errors import IntegrityError
from foedus.node.journal_place import place_in_journal
from foedus.node.log_keys import known_logs
from foedus.node.opened import items_of, payload_with
from foedus.node.ports import Transaction
from foedus.node.ports.erasure import OpenedItem
from foedus.node.returned import OpenedReturn, ReturnedRow
from foedus.release.record import (
    DISCLOSURE_TYPE,
    MAX_BATCH_ITEMS,
    DisclosureError,
    DisclosurePayload,
    parse_batch_record,
    parse_disclosure,
)
from foedus.signing import Envelope, KeyPurpose, PublicKey, parse_envelope, verify_envelope
from foedus.treaty.instrument import FullPowers, open_instrument

__all__ = ["ReturnedBatch", "open_batch", "own_keys", "proved_entry"]

_HASH_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnedBatch:
    """A batch that is believed.

    Attributes:
        payload: What it says; items that its recipient erased are left out.
        document: The document we signed; None where the recipient keeps it item by item.
        items: Every item in its place, those erased too.
        raws: The bytes returned for each.
        record: The batch record, and ``entry`` the log entry that commits to it.
        digest: Digest of the lane after it.
        first: Position of its disclosure row.
        entry_index: Place of its entry in the journal; below zero in a closed log.
    """

    payload: DisclosurePayload
    document: StixObject | None
    items: Sequence[OpenedItem]
    raws: tuple[bytes | None, ...]
    record: bytes
    entry: bytes
    digest: bytes
    first: int
    entry_index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Claim:
    """A batch as it is returned, not yet believed."""

    payload: DisclosurePayload
    items: Sequence[OpenedItem]
    document: StixObject | None = None
    envelope: Envelope | None = None


def open_batch(
    tx: Transaction,
    node: Node,
    place: tuple[MemberId, str],
    rows: Sequence[ReturnedRow],
    proved: bytes | None = None,
) -> ReturnedBatch | None:
    """Open the batch with which rows of a lane begin, by the rules of this module.

    Args:
        tx: Any transaction.
        node: The node.
        place: Recipient and name of the lane.
        rows: What it returned from there on.
        proved: What :func:`proved_entry` found of it.

    Returns:
        None while rows of it are missing.

    Raises:
        IntegrityError: A rule is broken.
    """
    row = rows[0]
    claim = _claimed(row)
    payload, items = claim.payload, claim.items
    index = _checked_place(tx, node, claim, row, place)
    if len(rows) < 1 + len(items):
        return None
    record, entry = _committed(claim, row)
    stands = list(tx.ledger.entries(index, index + 1))
    held = stands == [entry] or (index < 0 and not stands and proved == entry)
    if not held and (stands or index >= 0 or claim.envelope is None):
        raise IntegrityError(
            "not-in-log",
            f"our log does not hold the disclosure at {payload.log_index}",
            position=row.position,
            raw=row.raw or b"",
        )
    if claim.envelope is not None:
        _check_signed(tx, node, claim.envelope, rows[: 1 + len(items)], in_log=held)
    digest = lane_digest(tx.feeds.lane(*place).digest, entry)
    for each in items:
        digest = lane_digest(digest, each.commitment)
    if digest.hex() != payload.lane_digest:
        raise IntegrityError(
            "lane-digest", "the lane has another content here", position=row.position
        )
    return ReturnedBatch(
        payload=payload,
        document=claim.document,
        items=items,
        raws=tuple(each.raw for each in rows[1 : 1 + len(items)]),
        record=record,
        entry=entry,
        digest=digest,
        first=row.position,
        entry_index=index,
    )


def proved_entry(
    node: Node, row: ReturnedRow, copy_of: Callable[[str], TileSource]
) -> bytes | None:
    """Return the entry of an unsigned disclosure of a closed log, proved to stand there (rule 4).

    Args:
        node: The node.
        row: The disclosure's row.
        copy_of: Returns the recipient's copy of the log of an origin; untrusted.

    Returns:
        None where nothing is to be proved, or is.

    Raises:
        IntegrityError: The row is no disclosure.
    """
    if row.opened is None:
        return None
    claim = _claimed(row)
    origin, index = claim.payload.log_origin, claim.payload.log_index
    with node.database.read() as tx:
        log = known_logs(tx, node).get(origin)
    own = node.identity
    if origin == own.log_origin or log is None or log.member != own.member:
        return None
    _, entry = _committed(claim, row)
    copy = copy_of(origin)
    try:
        head = open_checkpoint(copy.read(CHECKPOINT_PATH), log.verifiers)
        proof = inclusion_from_tiles(copy, index, head.size)
        verify_inclusion(leaf_hash(entry), proof, size=head.size, root=head.root)
    except LedgerError:
        return None
    return entry


def own_keys(tx: Transaction, node: Node, *, revoked: bool = False) -> tuple[PublicKey, ...]:
    """Return the node keys this member has or had, as far as is known here.

    Args:
        tx: Any transaction.
        node: The node.
        revoked: Whether those it revoked are meant too.
    """
    view, own = node.law.view(tx), node.identity.member
    credence = view.credences.get(own)
    named = (
        [node.identity.node.public]
        if credence is None
        else [
            node.identity.node.public,
            credence.node,
        ]
    )
    for each in view.instruments.of(own):
        if isinstance(each.body, FullPowers):
            named.extend(_node_keys(each.body))
    left_out = frozenset() if revoked else view.revoked(own)
    return tuple(key for key in dict.fromkeys(named) if key not in left_out)


def _claimed(row: ReturnedRow) -> _Claim:
    try:
        return _claimed_whole(row.raw) if row.opened is None else _claimed_opened(row.opened)
    except FoedusError as error:
        raise IntegrityError(
            "signature",
            f"row {row.position} is no disclosure of ours: {error}",
            position=row.position,
        ) from error


def _claimed_whole(raw: bytes | None) -> _Claim:
    if raw is None:
        raise DisclosureError("it was not kept")
    document = parse_object(raw)
    envelope = parse_envelope(unwrap_document(document))
    payload = parse_disclosure(envelope.payload)
    return _Claim(payload=payload, items=items_of(payload), document=document, envelope=envelope)


def _claimed_opened(opened: OpenedReturn) -> _Claim:
    """Rule 2, as far as it needs no log."""
    if len(opened.items) > MAX_BATCH_ITEMS:
        raise DisclosureError(f"a batch holds more than {MAX_BATCH_ITEMS} items")
    for each in opened.items:
        if len(each.commitment) != _HASH_BYTES or (each.salt is None) != (each.record is None):
            raise DisclosureError("an item is kept by half")
        if each.salt is None or each.record is None:
            continue
        if commit_item(each.salt, each.record) != each.commitment:
            raise DisclosureError("an item is another than was committed to")
    payload = payload_with(opened.header, opened.items)
    # Nothing binds these; they are the originators' own words, and are here if we had them.
    return _Claim(payload=replace(payload, consents=()), items=opened.items)


def _checked_place(
    tx: Transaction, node: Node, claim: _Claim, row: ReturnedRow, place: tuple[MemberId, str]
) -> int:
    """Rule 3, but for the digest; return the place of the entry in the journal."""
    payload = claim.payload
    if payload.sender != node.identity.member:
        raise IntegrityError(
            "form", f"row {row.position} is another member's", position=row.position
        )
    index = place_in_journal(tx, node, payload.log_origin, payload.log_index)
    count = tx.feeds.lane(*place).count + 1 + len(claim.items)
    if (payload.recipient, payload.lane, payload.lane_count) != (*place, count) or index is None:
        raise IntegrityError(
            "sequence",
            f"the disclosure at {row.position} is of another place",
            position=row.position,
            raw=row.raw or b"",
        )
    return index


def _committed(claim: _Claim, row: ReturnedRow) -> tuple[bytes, bytes]:
    """Return batch record and log entry; the root must be that of the items."""
    payload = claim.payload
    if batch_root([each.commitment for each in claim.items]).hex() != payload.root:
        raise IntegrityError(
            "commitment", "the root is not that of the items", position=row.position
        )
    whole = replace(parse_batch_record(payload.batch_record()), count=len(claim.items))
    record = whole.encode()
    return record, commit_record(bytes.fromhex(payload.salt), record)


def _check_signed(
    tx: Transaction,
    node: Node,
    envelope: Envelope,
    rows: Sequence[ReturnedRow],
    *,
    in_log: bool,
) -> None:
    """Rule 1."""
    keys = [*own_keys(tx, node, revoked=in_log), *(_brought(tx, node, rows) if in_log else ())]
    try:
        verify_envelope(envelope, keys, payload_type=DISCLOSURE_TYPE)
    except FoedusError as error:
        position = rows[0].position
        raise IntegrityError(
            "signature", f"row {position} is no disclosure of ours: {error}", position=position
        ) from error


def _brought(tx: Transaction, node: Node, rows: Sequence[ReturnedRow]) -> Iterator[PublicKey]:
    """Return the node keys of our own full powers among the items of a batch."""
    credence = node.law.view(tx).credences.get(node.identity.member)
    if credence is None:
        return
    for row in rows[1:]:
        try:
            document = parse_object(row.raw or b"")
            if document.type != FoedusKind.INSTRUMENT:
                continue
            instrument = open_instrument(
                parse_envelope(unwrap_document(document)), credence.authority
            )
        except FoedusError:
            continue  # a treaty text, or an instrument of another
        if instrument.member == node.identity.member and isinstance(instrument.body, FullPowers):
            yield from _node_keys(instrument.body)


def _node_keys(powers: FullPowers) -> Iterator[PublicKey]:
    return (grant.key for grant in powers.keys if grant.purpose is KeyPurpose.NODE)
