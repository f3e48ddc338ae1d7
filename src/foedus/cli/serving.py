"""Run a node: the HTTP face in front, pulls from peers and publication of the log behind."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime

from foedus.compose import Wired
from foedus.errors import FoedusError
from foedus.exchange.run import bind, serve
from foedus.exchange.server.app import build_app
from foedus.exchange.server.services import NodeServices
from foedus.ledger import CHECKPOINT_PATH
from foedus.model.identifiers import MemberId, TreatyId
from foedus.node.acknowledge import accept_head, lane_head
from foedus.node.introduce import letter_of_credence
from foedus.node.lane_closing import why_closed
from foedus.node.ports import Transaction
from foedus.node.pull import pull
from foedus.node.serve_tools import accept_drafts
from foedus.signing import PublicKey
from foedus.store.errors import StoreLockedError
from foedus.store.locks import exclusive

__all__ = ["pull_all", "run", "services_of"]

_LOG = logging.getLogger("foedus")
_PUBLISH_INTERVAL_S = 0.2


def run(wired: Wired, *, port: int) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        BindError: The address cannot be listened on.
    """
    settings = wired.settings
    listening = bind(settings.host, port, behind_tls_proxy=settings.proxy_tls)
    stopping = threading.Event()
    workers = [_worker("publish", stopping, _PUBLISH_INTERVAL_S, wired.node.publish)]
    if settings.pull_interval_s > 0:
        workers.append(
            _worker("pull", stopping, settings.pull_interval_s, lambda: pull_all(wired, stopping))
        )
    try:
        serve(build_app(services_of(wired)), listening)
    finally:
        stopping.set()
        for worker in workers:
            worker.join(timeout=30)


class _FreshHead:
    """The log as peers read it: its head is brought up to date before it is shown.

    A peer reads a page of its lane first and the head after it, so whatever stood on the page is
    under that head. Were the head only published by and by, an honest sender would look as if it
    had disclosed something that its log does not hold.
    """

    def __init__(self, wired: Wired) -> None:
        self._wired = wired

    def read(self, path: str) -> bytes:
        if path == CHECKPOINT_PATH:
            self._wired.node.publish()
        return self._wired.ledger.read(path)


def services_of(wired: Wired) -> NodeServices:
    """Return what the HTTP face of a node is given."""
    node = wired.node

    def head(tx: Transaction, member: MemberId, lane: str) -> bytes:
        return lane_head(tx, node, member, lane)

    def closed(tx: Transaction, member: MemberId, treaty: TreatyId) -> str:
        return why_closed(tx, node, member, treaty)

    def key(key_id: str, at: datetime) -> tuple[MemberId, PublicKey] | None:
        with node.database.read() as tx:
            return node.law.view(tx).member_of_key(key_id, at)

    return NodeServices(
        database=node.database,
        identity=node.identity,
        clock=node.clock,
        ledger=_FreshHead(wired),
        peer_key=key,
        lane_head=head,
        why_closed=closed,
        accept_head=lambda member, document: _ignore(accept_head(node, member, document)),
        accept_drafts=lambda post: accept_drafts(node.database, node.identity.member, post),
        credence=lambda: letter_of_credence(node),
        random=node.random,
        ledger_public=wired.settings.ledger_public,
    )


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


def pull_all(wired: Wired, stopping: threading.Event | None = None) -> None:
    """Pull once from every peer; one that cannot be reached delays nobody else."""
    node = wired.node
    with node.database.read() as tx:
        members = [row.member for row in tx.peers.all() if row.member != node.identity.member]
    for member in members:
        if stopping is not None and stopping.is_set():
            return
        try:
            with exclusive(wired.settings.locks / f"pull-{member}", wait=False):
                report = pull(node, wired.gate, wired.client, member)
        except StoreLockedError:
            continue
        except FoedusError as error:
            _LOG.warning("worker=pull peer=%s code=%s %s", member, error.code, error)
            continue
        if report.unreachable:
            _LOG.info("worker=pull peer=%s unreachable", member)
