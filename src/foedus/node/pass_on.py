"""Pass on other members' instruments to a peer whose picture of the law differs from ours.

Each member gives its own instruments to everyone introduced to it. Two members may yet not have met
while a third knows both. Every head a node signs names the digest of its instrument set; where a
peer's differs from ours once its lane is drained, it is given what we hold of others. An instrument
is signed by its author's authority, so it proves itself whoever carries it; a peer that has not met
the author keeps it in quarantine until it has, and takes it then (:func:`take_waiting`).

What is younger than :data:`GRACE` stays: its author is most likely still delivering it.

Spec: design §5 ("differing sets trigger exchange").
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from foedus.errors import FoedusError
from foedus.model.identifiers import MemberId, ObjectId
from foedus.model.kinds import FoedusKind, unwrap_document
from foedus.model.objects import parse_object
from foedus.node.context import Node
from foedus.node.dispatch import LANE_INSTRUMENTS, send_documents
from foedus.node.ports import ItemFilter, ItemState, Transaction
from foedus.release.gate import Gate
from foedus.release.record import MAX_BATCH_ITEMS
from foedus.signing import parse_envelope
from foedus.treaty.credence import Credence
from foedus.treaty.instrument import claimed_member, open_instrument

__all__ = ["GRACE", "pass_on", "take_waiting"]

GRACE: Final = timedelta(hours=1)
"""How long an instrument's author is left to deliver it itself."""

_PAGE: Final = 500


def pass_on(node: Node, gate: Gate, peer: MemberId, digest: str) -> int:
    """Give a peer what we hold of other members, if its instrument set is another than ours.

    Args:
        node: The node.
        gate: The node's gate.
        peer: To whom.
        digest: Of its set, as its newest signed head says; "" if it said nothing.

    Returns:
        How many instruments were put into its lane; each goes there once.
    """
    now = node.clock.now()
    with node.database.read() as tx:
        view = node.law.view(tx)
        ours = view.instruments.digest
        if digest in {"", ours} or node.law.compared.get(peer) == (ours, digest):
            return 0
        others = [
            each for each in view.instruments if each.member not in {peer, node.identity.member}
        ]
        old = [each for each in others if each.issued + GRACE <= now]
        known = _known_to(tx, peer, [each.id for each in old])
        lacking = [view.documents[each.id] for each in old if each.id not in known]
    given = 0
    for start in range(0, len(lacking), MAX_BATCH_ITEMS):
        with node.database.write() as tx:
            sent = send_documents(
                tx, node.identity, gate, lacking[start : start + MAX_BATCH_ITEMS],
                recipients=[peer], lane=LANE_INSTRUMENTS, treaty=None, at=now,
            )  # fmt: skip
            given += sum(each.items for each in sent)
    if len(old) == len(others):
        node.law.compared[peer] = (ours, digest)
    return given


def _known_to(
    tx: Transaction, peer: MemberId, instruments: Sequence[ObjectId]
) -> frozenset[ObjectId]:
    """Return which instruments a peer was given by us, and all that it gave us itself."""
    known = set(tx.feeds.given(peer, instruments))
    its = ItemFilter(
        states=frozenset({ItemState.PROTOCOL}),
        types=frozenset({FoedusKind.INSTRUMENT.value}),
        received_from=frozenset({peer}),
    )
    after = None
    while rows := tx.items.page(its, after=after, limit=_PAGE):
        known.update(row.key.object_id for row in rows)
        after = rows[-1].added
    return frozenset(known)


def take_waiting(tx: Transaction, credence: Credence, *, at: datetime) -> int:
    """Take the instruments of a member that came before it was introduced here.

    Args:
        tx: The writing transaction in which its letter of credence is accepted.
        credence: That letter.
        at: The instant.

    Returns:
        How many of them are its own and were taken.
    """
    taken, after = 0, 0
    while rows := tx.quarantine.page(after=after, limit=_PAGE):
        after = rows[-1].handle
        for row in rows:
            if row.entry.object_id.startswith(FoedusKind.INSTRUMENT.value):
                taken += _take(tx, credence, row.entry.raw, at)
    return taken


def _take(tx: Transaction, credence: Credence, raw: bytes, at: datetime) -> bool:
    try:
        document = parse_object(raw)
        envelope = parse_envelope(unwrap_document(document))
        if claimed_member(envelope) != credence.member:
            return False
        instrument = open_instrument(envelope, credence.authority)
    except FoedusError:
        return False  # it stays in quarantine for the reason it stands there
    return tx.law.put_instrument(
        document, member=instrument.member, treaty=instrument.treaty, at=at
    )
