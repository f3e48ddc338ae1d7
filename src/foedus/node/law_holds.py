"""Items held for law: sent under a law that is not the law known here. Honest lag is not refused.

Members learn of an instrument at different times. What was sent by one before it knew of it, or
arrives at one that does not know of it yet, is neither right nor wrong until both know the same.
Rules, in the order the code applies them:

1. The law digest a batch states is that of the law known here for the pair at the stated instant:
   its items are judged at once.
2. It is another, or the treaty's text is not here: the items that are in order otherwise are *held
   for law*. They are not visible, not matched, not released to anybody, and not counted as refused.
   One signed note for the batch tells the sender, with code ``stale-law``; each side gives the
   other the instruments about the treaty that it was not given yet. If the digest is that of the
   law known here without some instruments, the note names them: the sender lacked law.
3. Each later pull looks at them again, after the instrument lanes were drained: that of the member
   pulled from, then those of all others. If the digests agree now, the items are judged as if they
   came now, at the instant the batch states, and the sender is told which are accepted.
4. An item that came again meanwhile, by a disclosure under the present law, is held: *known*. One
   that was erased here under an order meanwhile is *recalled*. When nothing of a batch waits any
   more, what was erased of it goes from its disclosure too (:mod:`foedus.node.withheld`).
5. What still waits when the freshness limit of the treaty (``freshness_online``) has passed since
   it was received is quarantined, with code ``stale-law`` and a second note. Without the treaty's
   text the limit is :data:`LIMIT_UNKNOWN_TREATY`.
6. That is never the end of it. A sender that was told ``stale-law`` no longer counts the member as
   holding the item: it can disclose it anew, under the present law, and then it is accepted, in
   whatever state it stands here.

Another verdict under the *same* digest is no lag: it is refused at once.

Spec: design §6 (the receiver decides again).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from foedus.model.identifiers import MemberId
from foedus.model.objects import parse_object
from foedus.node.accept import Accepted, attest, finding_of, quarantine_items, take_sorted
from foedus.node.accept_codes import ACCEPTED, DISCLOSURE, HELD_FOR_LAW, KNOWN, RECALLED
from foedus.node.context import Node
from foedus.node.discrepancy import send_findings
from foedus.node.judgements import Judged, Placed, Sorting, law_here, sort_items
from foedus.node.lacking import what_the_sender_lacked
from foedus.node.opened import offsets_of, payload_of
from foedus.node.ports import AwaitingBatch, ItemState, Transaction
from foedus.node.withheld import open_settled, settle_places
from foedus.release.gate import Gate
from foedus.release.receive import Judgement, JudgementKind
from foedus.release.record import DisclosurePayload
from foedus.release.withheld import entry_of

__all__ = ["LIMIT_UNKNOWN_TREATY", "Settled", "items_awaiting", "settle_holds"]

LIMIT_UNKNOWN_TREATY: Final = timedelta(days=7)
"""How long items wait for a treaty whose text, and so whose limit, is not known here."""

_SETTLED: Final = frozenset({ItemState.HELD, ItemState.DISCARDED})
_ACCEPTED: Final = Judgement(
    kind=JudgementKind.ACCEPTED, reason="the law it was sent under is here"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What became of items that waited.

    Attributes:
        accepted: Items now held.
        known: Items that were held already.
        quarantined: Items refused by the law known now, or whose time to wait is over.
        hits: New questions.
    """

    accepted: int = 0
    known: int = 0
    quarantined: int = 0
    hits: int = 0

    @property
    def any(self) -> bool:
        """Whether anything no longer waits."""
        return bool(self.accepted or self.known or self.quarantined)

    def plus(self, other: Accepted | Settled) -> Settled:
        """Return the sum."""
        return Settled(
            accepted=self.accepted + other.accepted,
            known=self.known + other.known,
            quarantined=self.quarantined + other.quarantined,
            hits=self.hits + other.hits,
        )


def items_awaiting(tx: Transaction) -> Mapping[MemberId, int]:
    """Return how many rows of each sender wait for law; senders without any left out."""
    found: dict[MemberId, int] = {}
    for (sender, _, code), number in tx.inbox.counts().items():
        if code == HELD_FOR_LAW and number:
            found[sender] = found.get(sender, 0) + number
    return found


def settle_holds(node: Node, gate: Gate, sender: MemberId) -> Settled:
    """Look again at what waits of one sender: rules 3 to 5. One unit of work for each batch.

    Args:
        node: The node; the instrument lanes were drained as far as members could be reached.
        gate: For what goes back.
        sender: Whose items.
    """
    settled = Settled()
    with node.database.read() as tx:
        waiting = [each for each in _waiting(tx) if each.sender == sender]
        moved = [each for each in waiting if _moves(tx, node, each)]
    for batch in moved:
        with node.database.write() as tx:
            # Another process may have settled it since it was looked at.
            place = (batch.sender, batch.lane, batch.first)
            for found in _waiting(tx):
                if (found.sender, found.lane, found.first) == place:
                    settled = settled.plus(_settle(tx, node, gate, found))
    return settled


def _waiting(tx: Transaction) -> list[AwaitingBatch]:
    return list(tx.inbox.awaiting(HELD_FOR_LAW, opening=DISCLOSURE))


def _moves(tx: Transaction, node: Node, batch: AwaitingBatch) -> bool:
    """Return whether a batch has anything that no longer waits; costs no write when it has not."""
    payload, since = _opened(tx, batch)
    return (
        _agrees(tx, node, payload)
        or node.clock.now() >= since + _limit(tx, node, payload)
        or any(row.state in _SETTLED for row in tx.items.rows([h for _, h in batch.rows]))
    )


def _opened(tx: Transaction, batch: AwaitingBatch) -> tuple[DisclosurePayload, datetime]:
    """Return a batch's payload, verified when it came, and the instant it came."""
    [row] = tx.items.rows([batch.document])
    return payload_of(tx, batch.document), row.added


def _agrees(tx: Transaction, node: Node, payload: DisclosurePayload) -> bool:
    law = law_here(tx, node, payload)
    return law is not None and law.pair.digest == payload.law_digest


def _limit(tx: Transaction, node: Node, payload: DisclosurePayload) -> timedelta:
    known = node.law.view(tx).treaties.get(payload.treaty)
    return LIMIT_UNKNOWN_TREATY if known is None else known.treaty.limits.freshness_online


def _settle(tx: Transaction, node: Node, gate: Gate, batch: AwaitingBatch) -> Accepted:
    now = node.clock.now()
    payload, since = _opened(tx, batch)
    rows: list[tuple[int, int, str]] = []
    held = {
        row.handle
        for row in tx.items.rows([handle for _, handle in batch.rows])
        if row.state is ItemState.HELD
    }
    count, offsets = offsets_of(tx, batch.document)
    raw = tx.items.raw([handle for _, handle in batch.rows])
    # Rule 4.
    rows.extend((place, handle, KNOWN) for place, handle in batch.rows if handle in held)
    left: list[tuple[int, int]] = []
    gone: list[tuple[int, int]] = []
    for place, handle in batch.rows:
        if handle not in held:
            here = handle in raw and place - batch.first - 1 in offsets
            (left if here else gone).append((place, handle))
    rows.extend((place, handle, RECALLED) for place, handle in gone)
    items = [
        Placed(
            position=place,
            offset=offsets[place - batch.first - 1],
            obj=parse_object(raw[handle]),
        )
        for place, handle in left
    ]
    result = Accepted(accepted=0, known=0, quarantined=0, hits=0, awaiting=len(left))
    if items and _agrees(tx, node, payload):
        # Rule 3.
        sorting = sort_items(tx, node, payload, items)
        result, more = take_sorted(tx, node, gate, payload, sorting, at=now)
        rows.extend(more)
        _tell_accepted(tx, node, gate, payload, sorting, more)
    elif items and now >= since + _limit(tx, node, payload):
        # Rule 5.
        result, more = _lapse(tx, node, gate, payload, items, at=now)
        rows.extend(more)
    if not rows:
        return result
    tx.inbox.resettle(batch.sender, batch.lane, rows)
    recalled = [place - batch.first - 1 for place, _, code in rows if code == RECALLED]
    settle_places(tx, batch.document, recalled, settled=False)  # with all else that waits, below
    result = Accepted(
        accepted=result.accepted,
        known=result.known + len(held),
        quarantined=result.quarantined,
        hits=result.hits,
        awaiting=result.awaiting,
    )
    attest(tx, node, payload, entry_of(payload, count), result, at=now)
    if not result.awaiting:
        open_settled(tx, batch.document)
    if batch.sender not in items_awaiting(tx):
        tx.alarms.clear(HELD_FOR_LAW, f"{batch.sender}/{batch.lane}")
    return result


def _tell_accepted(
    tx: Transaction,
    node: Node,
    gate: Gate,
    payload: DisclosurePayload,
    sorting: Sorting,
    rows: list[tuple[int, int, str]],
) -> None:
    """Tell the sender that what it was told to wait is held after all."""
    accepted = {position for position, _, code in rows if code in {ACCEPTED, KNOWN}}
    send_findings(
        tx,
        node,
        gate,
        payload.sender,
        payload.treaty,
        [finding_of(each.item, _ACCEPTED) for each in sorting.taken if each.position in accepted],
        entry_index=payload.log_index,
        log=payload.log_origin,
    )


def _lapse(
    tx: Transaction,
    node: Node,
    gate: Gate,
    payload: DisclosurePayload,
    items: list[Placed],
    *,
    at: datetime,
) -> tuple[Accepted, list[tuple[int, int, str]]]:
    """Quarantine what waited too long."""
    lacked = what_the_sender_lacked(node.law.view(tx), payload)
    judgement = Judgement(
        kind=JudgementKind.STALE_LAW,
        reason="the sender lacked law; to be disclosed anew under the present law"
        if lacked
        else "the law it was sent under did not arrive in time; to be disclosed anew",
    )
    sorting = sort_items(tx, node, payload, items)
    judged = [
        Judged(position=each.position, item=each.item, judgement=judgement)
        for each in (*sorting.taken, *sorting.awaiting, *sorting.refused)
    ]
    rows = quarantine_items(tx, payload, judged, at=at)
    send_findings(
        tx,
        node,
        gate,
        payload.sender,
        payload.treaty,
        [finding_of(each.item, judgement) for each in judged],
        entry_index=payload.log_index,
        log=payload.log_origin,
    )
    return Accepted(accepted=0, known=0, quarantined=len(judged), hits=0), rows
