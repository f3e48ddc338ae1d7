"""Which of a member's logs a disclosure stands in: the present one, a closed one, or the next.

A member that lost its log beyond repair closes it and goes on under a new origin, which its
authority names in new full powers. Those come in a batch that is itself in the new log, so they are
looked at first: they are believed for the authority's signature, as ever. What was disclosed under
the closed log is checked by this node's own copy of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from foedus.errors import FoedusError
from foedus.ledger.errors import LedgerError
from foedus.ledger.tiles import CHECKPOINT_PATH, TileSource
from foedus.model.identifiers import MemberId
from foedus.model.kinds import FoedusKind, unwrap_document
from foedus.model.objects import parse_object
from foedus.node.context import Node
from foedus.node.dispatch import LANE_INSTRUMENTS
from foedus.node.errors import IntegrityError
from foedus.node.log_keys import known_logs
from foedus.node.peer_log import PeerLog
from foedus.node.peer_ports import PeerClient, PeerEndpoint, PeerError
from foedus.node.ports import Transaction
from foedus.release.record import DisclosurePayload
from foedus.signing import KeyPurpose, PublicKey, parse_envelope
from foedus.treaty.instrument import FullPowers, open_instrument

__all__ = ["known_head", "log_beside"]


def known_head(checkpoint: bytes | None, origin: str) -> bytes | None:
    """Return a verified head that was kept, if it is one of this log."""
    if checkpoint is None or checkpoint.partition(b"\n")[0] != origin.encode():
        return None
    return checkpoint


def log_beside(
    node: Node,
    client: PeerClient,
    peer: PeerEndpoint,
    payload: DisclosurePayload,
    rows: Sequence[bytes],
) -> PeerLog:
    """Return the log of a disclosure that is not in the sender's present one.

    Args:
        node: The node.
        client: Speaks to the sender.
        peer: The sender.
        payload: The disclosure, signed by it.
        rows: The rows it covers.

    Raises:
        IntegrityError: ``not-in-log``: the sender has no such log.
    """
    origin = payload.log_origin
    with node.database.read() as tx:
        closed = known_logs(tx, node).get(origin)
        keys = _named_next(tx, node, peer.member, payload, rows)
    if closed is not None and closed.member == peer.member:
        copy = node.mirrors.of(origin)
        try:
            known: bytes | None = copy.read(CHECKPOINT_PATH)
        except LedgerError:
            known = None
        return PeerLog(
            _Copied(client, copy),
            peer,
            origin=origin,
            keys=tuple(verifier.key for verifier in closed.verifiers),
            known=known,
        )
    if not keys:
        raise IntegrityError(
            "not-in-log",
            f"the disclosure names the log {origin}, which no full powers of the sender name",
        )
    return PeerLog(client, peer, origin=origin, keys=keys, known=None)


class _Copied:
    """A client that reads a log from this node's copy of it."""

    def __init__(self, client: PeerClient, copy: TileSource) -> None:
        self.lane_page = client.lane_page
        self.deliver_head = client.deliver_head
        self._copy = copy

    def ledger_file(self, peer: PeerEndpoint, path: str) -> bytes:
        try:
            return self._copy.read(path)
        except LedgerError as error:
            raise PeerError(f"the copy of a closed log of {peer.member}: {error}") from error


def _named_next(
    tx: Transaction,
    node: Node,
    sender: MemberId,
    payload: DisclosurePayload,
    rows: Sequence[bytes],
) -> tuple[PublicKey, ...]:
    """Return the log keys that new full powers among the rows name for the log; none else."""
    credence = node.law.view(tx).credences.get(sender)
    if payload.lane != LANE_INSTRUMENTS or credence is None:
        return ()
    newest = max(
        (
            each.serial
            for each in node.law.view(tx).instruments.of(sender)
            if isinstance(each.body, FullPowers)
        ),
        default=-1,
    )
    for raw in rows:
        try:
            document = parse_object(raw)
            if document.type != FoedusKind.INSTRUMENT:
                continue
            instrument = open_instrument(
                parse_envelope(unwrap_document(document)), credence.authority
            )
        except FoedusError:
            continue  # a treaty text, or of another member
        body = instrument.body
        if (
            isinstance(body, FullPowers)
            and instrument.member == sender
            and instrument.serial > newest
            and body.log_origin == payload.log_origin
        ):
            return tuple(
                grant.key
                for grant in body.keys
                if grant.purpose is KeyPurpose.LOG and grant.covers(node.clock.now())
            )
    return ()
