"""What a process does before it leads on files that another leader's may be ahead of.

1. Every member introduced here is asked for the newest head of our log it knows.
2. The newest head that anybody shows, signed by our log, must be one the entries in the store lead
   to. Where they do not, the store was put back in time or replaced: the node goes into recovery.
3. That head is guarded here.
4. Under each treaty with figures of witnessing, so many witnesses must have answered that any
   quorum that cosigned a head shares one who does not lie with them. Where too few answer, this
   process does not lead, unless the last leader worked on the same files.

Spec: design §7, §10.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from foedus.ledger.errors import LedgerError
from foedus.model.identifiers import MemberId
from foedus.node.context import Node
from foedus.node.errors import NotReadyError, RecoveringError
from foedus.node.lead import FencedGuard
from foedus.node.ports import Transaction
from foedus.node.recover_entries import refuse_other_root
from foedus.node.recover_heads import (
    OwnLog,
    RecoveryClient,
    ShownHead,
    heads_shown,
    newest_of,
    peers_of,
)
from foedus.node.unwitnessed import witnesses_of
from foedus.signing import enough

__all__ = ["ASK_S", "learn_newest_head"]

ASK_S: Final = 3.0
"""How long all members together may take to answer, in seconds; less than a lease lasts."""


def learn_newest_head(
    node: Node, client: RecoveryClient, own: OwnLog, guard: FencedGuard, *, wait_s: float = ASK_S
) -> None:
    """Let the guard here know the newest head of our log.

    Args:
        node: The node.
        client: Speaks to peers.
        own: Our own log outside the store.
        guard: The guard of this machine beside the shared head.
        wait_s: How long all members together may take, in seconds.

    Raises:
        NotReadyError: Too few witnesses answered; ask again later.
        RecoveringError: The store does not lead to the newest head; the node is in recovery now.
        LedgerError: A guard cannot be read or written.
    """
    peers = peers_of(node)
    heads, silent = heads_shown(node, client, own, peers, wait_s=wait_s)
    answered = {peer.member for peer in peers} - silent.keys()
    guarded = guard.load()
    if guarded is not None:
        heads.append(ShownHead(head=guarded, raw=None, by="the guard"))
    newest = newest_of(heads)
    if newest is not None:
        fault = _fault(node, newest)
        if fault:
            with node.database.write() as tx:
                tx.recovery.begin(fault, at=node.clock.now())
            raise RecoveringError(
                f"{fault}: this node signs and releases nothing: `foedus recover`"
            )
        guard.learn(newest.head)
    with node.database.read() as tx:
        _refuse_too_few(tx, node, answered)


def _fault(node: Node, newest: ShownHead) -> str:
    with node.database.read() as tx:
        entries = tx.ledger.count()
        if entries < newest.head.size:
            return (
                f"the store holds {entries} entries of its log, and {newest.by} shows a head of "
                f"{newest.head.size} that this node signed: an older store was put in place"
            )
        try:
            refuse_other_root(tx, newest.head)
        except LedgerError as error:
            return str(error)
    return ""


def _refuse_too_few(tx: Transaction, node: Node, answered: Collection[MemberId]) -> None:
    view, now = node.law.view(tx), node.clock.now()
    for treaty, compiled in view.treaties.items():
        figures = compiled.treaty.witnessing
        if figures is None:
            continue
        witnesses = witnesses_of(view.status(treaty, now), node.identity.member)
        heard = [member for member in witnesses if member in answered]
        needed = enough(len(witnesses), figures.liars)
        if witnesses and len(heard) < needed:
            away = ", ".join(sorted(set(witnesses) - set(heard)))
            raise NotReadyError(
                f"this machine was not the last to lead, and {needed} of {len(witnesses)} "
                f"witnesses must say what they cosigned last; no answer from {away}"
            )
