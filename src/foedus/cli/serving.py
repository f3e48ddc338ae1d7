"""Run one process of a node: the HTTP face in front, and behind it what whoever leads does."""

from __future__ import annotations

from datetime import datetime
from socket import socket

from foedus.cli.cadence import Cadence
from foedus.cli.leading import Leading
from foedus.compose import Wired, server_tls
from foedus.exchange.run import serve
from foedus.exchange.server.app import build_app
from foedus.exchange.server.casework_call import Desk
from foedus.exchange.server.limits import Proxies
from foedus.exchange.server.services import NodeServices
from foedus.exchange.server.witness import WitnessFace
from foedus.ledger import CHECKPOINT_PATH, LedgerError, TileAbsentError, parse_checkpoint
from foedus.model.identifiers import MemberId, TreatyId
from foedus.node.acknowledge import accept_head, lane_head
from foedus.node.context import Node
from foedus.node.gossip import digest_to_tell, heads_to_tell, take_fork
from foedus.node.gossip_format import format_heads
from foedus.node.introduce import letter_of_credence
from foedus.node.lane_closing import why_closed
from foedus.node.lane_place import lane_place
from foedus.node.ports import Transaction
from foedus.node.returned import format_page, returned_page
from foedus.node.serve_tools import accept_drafts
from foedus.node.witness import add_checkpoint, cosigned_checkpoint
from foedus.signing import KeyPurpose, PublicKey
from foedus.signing.errors import NoteError
from foedus.signing.note import split_note

__all__ = ["run", "services_of"]


def run(wired: Wired, listening: socket) -> None:
    """Serve until SIGTERM or SIGINT; lead the node's processes while no other does.

    Args:
        wired: The node.
        listening: Where; other processes may listen on it too. Closed at the end.
    """
    settings = wired.settings
    cadence = Cadence(wired.node.publish, elsewhere=wired.publisher.lead.elsewhere)
    leading = Leading(wired, cadence)
    leading.start()
    try:
        serve(
            build_app(services_of(wired, cadence)),
            listening,
            tls=server_tls(settings, wired.node.clock),
            proxies=Proxies(
                addresses=frozenset(settings.trusted_proxies),
                certificate_header=settings.client_certificate_header,
            ),
        )
    finally:
        leading.stop()


class _FreshHead:
    """The log as peers read it: its head covers whatever was entered before it is asked for.

    See :mod:`foedus.cli.cadence` for why the reader waits rather than has it published at once.
    """

    def __init__(self, wired: Wired, cadence: Cadence) -> None:
        self._wired = wired
        self._cadence = cadence

    def read(self, path: str) -> bytes:
        if path == CHECKPOINT_PATH:
            with self._wired.node.database.read() as tx:
                entries = tx.ledger.count()
            self._cadence.await_head(lambda: self._size() >= entries)
        try:
            return self._wired.ledger.read(path)
        except TileAbsentError:  # another machine may have answered with a head not known here yet
            self._wired.publisher.follow()
            return self._wired.ledger.read(path)

    def _size(self) -> int:
        """Return the size of the head that stands published; -1 for none."""
        try:
            self._wired.publisher.follow()
            return parse_checkpoint(split_note(self._wired.ledger.read(CHECKPOINT_PATH))[0]).size
        except (LedgerError, NoteError):
            return -1


def services_of(wired: Wired, cadence: Cadence | None = None) -> NodeServices:
    """Return what the HTTP face of a node is given.

    Args:
        wired: The node.
        cadence: Publishes its log; without one a reader of the head has it published at once.
    """
    node = wired.node

    def head(tx: Transaction, member: MemberId, lane: str) -> bytes:
        return lane_head(tx, node, member, lane)

    def closed(tx: Transaction, member: MemberId, treaty: TreatyId) -> str:
        return why_closed(tx, node, member, treaty)

    def key(key_id: str, at: datetime) -> tuple[MemberId, PublicKey] | None:
        with node.database.read() as tx:
            return node.law.view(tx).member_of_key(key_id, at)

    def returned(member: MemberId, lane: str, after: int) -> bytes:
        with node.database.read() as tx:
            return format_page(returned_page(tx, node, member, lane, after=after))

    return NodeServices(
        database=node.database,
        identity=node.identity,
        clock=node.clock,
        ledger=_FreshHead(wired, Cadence(node.publish) if cadence is None else cadence),
        peer_key=key,
        nonce_is_new=wired.nonces.admit,
        lane_head=head,
        why_closed=closed,
        accept_head=lambda member, document: _ignore(accept_head(node, member, document)),
        accept_drafts=lambda post: accept_drafts(
            node.database, node.identity.member, post, secret=node.identity.secret
        ),
        credence=lambda: letter_of_credence(node),
        random=node.random,
        ledger_public=wired.settings.ledger_public,
        mirror=wired.mirrors.named,
        witness=_witness_face(node),
        returned=returned,
        lane_place=lambda member, lane, count: lane_place(node, member, lane, count),
        member_keys=lambda tx, member: node.law.view(tx).keys(
            member, KeyPurpose.NODE, node.clock.now()
        ),
        tally=node.tally,
        require_purpose=node.require_purpose,
        casework=Desk(node=node, gate=wired.gate),
    )


def _witness_face(node: Node) -> WitnessFace:
    return WitnessFace(
        add_checkpoint=lambda body: add_checkpoint(node, body),
        cosigned=lambda name: cosigned_checkpoint(node, name),
        heads=lambda: format_heads(heads_to_tell(node)),
        digest=lambda: digest_to_tell(node),
        take_fork=lambda member, proof: _ignore(take_fork(node, proof, shown_by=member)),
    )


def _ignore(_: object) -> None:
    """Drop a value the caller has no use for."""
