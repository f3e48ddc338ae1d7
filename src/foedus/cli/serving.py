"""Run a node: the HTTP face in front, pulls from peers and publication of the log behind."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import datetime
from typing import Final

from foedus.cli.cadence import PERIOD_S, Cadence
from foedus.cli.mirroring import STEP_S, MirrorFollower
from foedus.cli.peer_work import PeerWork
from foedus.compose import Wired
from foedus.errors import FoedusError
from foedus.exchange.run import bind, serve
from foedus.exchange.server.app import build_app
from foedus.exchange.server.services import NodeServices
from foedus.exchange.server.witness import WitnessFace
from foedus.ledger import CHECKPOINT_PATH, LedgerError, parse_checkpoint
from foedus.model.identifiers import MemberId, TreatyId
from foedus.node.acknowledge import accept_head, lane_head
from foedus.node.context import Node
from foedus.node.gossip import digest_to_tell, heads_to_tell, take_fork
from foedus.node.gossip_format import format_heads
from foedus.node.introduce import letter_of_credence
from foedus.node.lane_closing import why_closed
from foedus.node.ports import Transaction
from foedus.node.pull import pull
from foedus.node.returned import format_page, returned_page
from foedus.node.serve_tools import accept_drafts
from foedus.node.witness import add_checkpoint, cosigned_checkpoint
from foedus.node.witness_round import MAX_WITNESSES_ASKED
from foedus.node.witness_schedule import WitnessSchedule
from foedus.signing import PublicKey
from foedus.signing.errors import NoteError
from foedus.signing.note import split_note
from foedus.store.errors import StoreLockedError
from foedus.store.locks import exclusive

__all__ = ["Puller", "run", "services_of"]

_LOG = logging.getLogger("foedus")
_STOP_S: Final = 30.0
_WAITING_S: Final = 10.0
_AT_ONCE: Final = 8
_LATE_AT_ONCE: Final = 2


def run(wired: Wired, *, port: int) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        BindError: The address cannot be listened on.
    """
    settings = wired.settings
    listening = bind(settings.host, port, behind_tls_proxy=settings.proxy_tls)
    stopping = threading.Event()
    cadence = Cadence(wired.node.publish)
    cadence.start()
    held = ExitStack()
    with suppress(StoreLockedError):  # another process of this node serves too
        held.enter_context(exclusive(settings.serving, wait=False))
    pool = ThreadPoolExecutor(MAX_WITNESSES_ASKED, thread_name_prefix="foedus-ask")
    schedule = WitnessSchedule(
        wired.node, wired.client, wired.ledger, show=wired.show_cosigned, pool=pool
    )
    follower, puller = MirrorFollower(wired, stopping), Puller(wired, stopping)
    workers = [
        _worker("witness", stopping, 0, lambda: _asked(schedule, cadence)),
        _worker("mirror", stopping, STEP_S, follower.step),
    ]
    if settings.pull_interval_s > 0:
        workers.append(_worker("pull", stopping, settings.pull_interval_s, puller.step))
    try:
        serve(build_app(services_of(wired, cadence, follower)), listening)
    finally:
        stopping.set()
        held.close()
        cadence.stop()
        with suppress(FoedusError):
            wired.node.publish()  # what was entered since the last instant
        for worker in workers:
            worker.join(timeout=_STOP_S)
        # Whoever still waits for a peer is left behind: what came whole was kept.
        puller.join(_WAITING_S)
        follower.join(_WAITING_S)
        pool.shutdown(wait=False, cancel_futures=True)


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
        return self._wired.ledger.read(path)

    def _size(self) -> int:
        """Return the size of the head that stands published; -1 for none."""
        try:
            return parse_checkpoint(split_note(self._wired.ledger.read(CHECKPOINT_PATH))[0]).size
        except (LedgerError, NoteError):
            return -1


def services_of(
    wired: Wired, cadence: Cadence | None = None, follower: MirrorFollower | None = None
) -> NodeServices:
    """Return what the HTTP face of a node is given.

    Args:
        wired: The node.
        cadence: Publishes its log; without one a reader of the head has it published at once.
        follower: Told of each head cosigned.
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
        lane_head=head,
        why_closed=closed,
        accept_head=lambda member, document: _ignore(accept_head(node, member, document)),
        accept_drafts=lambda post: accept_drafts(node.database, node.identity.member, post),
        credence=lambda: letter_of_credence(node),
        random=node.random,
        ledger_public=wired.settings.ledger_public,
        mirror=wired.mirrors.named,
        witness=_witness_face(node, MirrorFollower(wired) if follower is None else follower),
        returned=returned,
    )


def _witness_face(node: Node, follower: MirrorFollower) -> WitnessFace:
    def cosigned(body: bytes) -> bytes:
        lines = add_checkpoint(node, body)
        follower.cosigned(body)
        return lines

    return WitnessFace(
        add_checkpoint=cosigned,
        cosigned=lambda name: cosigned_checkpoint(node, name),
        heads=lambda: format_heads(heads_to_tell(node)),
        digest=lambda: digest_to_tell(node),
        take_fork=lambda member, proof: _ignore(take_fork(node, proof, shown_by=member)),
    )


def _asked(schedule: WitnessSchedule, cadence: Cadence) -> None:
    """Ask the witnesses that are due, right after each publication."""
    cadence.await_round(PERIOD_S * 2)
    for each in schedule.step(time.monotonic()):
        if each.problem:
            _LOG.info("worker=witness peer=%s %s", each.member, each.problem)


def _ignore(_: object) -> None:
    """Drop a value the caller has no use for."""


def _worker(
    name: str, stopping: threading.Event, interval_s: float, work: Callable[[], None]
) -> threading.Thread:
    """Repeat work until stopped; a failure is logged by its code and tried again."""

    def loop() -> None:
        while not stopping.wait(interval_s):
            try:
                work()
            except FoedusError as error:
                _LOG.warning("worker=%s code=%s %s", name, error.code, error)

    thread = threading.Thread(target=loop, name=f"foedus-{name}", daemon=True)
    thread.start()
    return thread


class Puller:
    """Pulls from every peer, several at a time; one that hangs delays nobody else."""

    def __init__(self, wired: Wired, stopping: threading.Event | None = None) -> None:
        """Pull for a node.

        Args:
            wired: The node.
            stopping: Once set, nothing more is begun.
        """
        self._wired = wired
        self._work = PeerWork(
            "pull", self._pulled, stopping, at_once=_AT_ONCE, late_at_once=_LATE_AT_ONCE
        )

    def step(self) -> None:
        """Begin to pull from every peer that nothing is being pulled from."""
        node = self._wired.node
        with node.database.read() as tx:
            members = [row.member for row in tx.peers.all() if row.member != node.identity.member]
        self._work.offer(members)

    def join(self, timeout_s: float) -> None:
        """Wait until nothing is being pulled, or for so long."""
        self._work.join(timeout_s)

    def _pulled(self, member: MemberId) -> bool:
        wired = self._wired
        with ExitStack() as held:
            try:
                held.enter_context(exclusive(wired.settings.locks / f"pull-{member}", wait=False))
            except StoreLockedError:
                return True  # another process pulls from it
            report = pull(wired.node, wired.gate, wired.client, member)
        if report.unreachable:
            _LOG.info("worker=pull peer=%s unreachable", member)
        return not report.unreachable
