"""Disclose items to members: the gate decides, the record and the feed are written together.

1. The actor may release; the log can go on: a store that is behind its own signed head (an old
   backup) releases nothing.
2. For each member the gate decides, redacts and drafts records, on one snapshot of the law.
3. Each batch is committed in a unit of work of its own, which first checks that the law did not
   change and that nobody gave the member these versions meanwhile.
4. The log's new head is published.

A crash between two batches leaves whole batches; running the same disclosure again continues, since
what a member was given is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from foedus.access import Actor, Role, require_role
from foedus.model.identifiers import MemberId
from foedus.node.candidates import Loaded, candidates_for, known_as, load_items
from foedus.node.context import Node, note_act
from foedus.node.dispatch import LANE_BULK, Sent, commit_batch
from foedus.node.errors import ConflictError
from foedus.node.ports import Transaction
from foedus.node.preview import Wish, audience, link_to
from foedus.release.decide import Decision
from foedus.release.gate import Candidate, Gate, ReleasedBatch, ReleaseOutcome

__all__ = ["Disclosed", "Withholding", "disclose"]

_CHUNK_ITEMS = 5_000
_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Withholding:
    """An item not given to a member, and why.

    Attributes:
        code: ``denied``, ``needs-consent``, ``needs-approval``, ``redaction`` or ``own``.
        decision: The decision, where one was made.
    """

    handle: int
    code: str
    reason: str
    decision: Decision | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Disclosed:
    """What one member was given and not given; given + already + withheld = items asked.

    Attributes:
        sent: Batches committed now.
        already: Items it had been given before.
        withheld: Items it was not given.
    """

    recipient: MemberId
    sent: tuple[Sent, ...]
    already: int
    withheld: tuple[Withholding, ...]

    @property
    def given(self) -> int:
        """Items given now."""
        return sum(batch.items for batch in self.sent)


def disclose(
    node: Node,
    actor: Actor,
    gate: Gate,
    handles: Sequence[int],
    wish: Wish,
    *,
    progress: Callable[[str, int, int], None] | None = None,
) -> list[Disclosed]:
    """Disclose items to each member asked for.

    Args:
        node: The node.
        actor: A supervisor.
        gate: The node's gate.
        handles: Held items.
        wish: Treaty, purpose, article, members.
        progress: Told (member, items done, items in all).

    Raises:
        AccessDeniedError: The actor is no supervisor.
        RefusedError: An item is not held, or a member is no party.
        ConflictError: The law changed again and again while deciding.
        RollbackError: The store is older than the log's head; nothing was released.
    """
    # 1.
    require_role(actor, Role.SUPERVISOR)
    node.publish()
    with node.database.read() as tx:
        members = audience(node, node.law.view(tx), wish)
    results: dict[MemberId, Disclosed] = {}
    handles = list(dict.fromkeys(handles))  # named twice, it is still one item
    for start in range(0, len(handles), _CHUNK_ITEMS):
        chunk = handles[start : start + _CHUNK_ITEMS]
        with node.database.read() as tx:
            loaded = load_items(tx, node.identity.member, chunk)
        for member in members:
            done = _to_member(node, actor, gate, loaded, member, wish)
            results[member] = _joined(results.get(member), done)
            if progress is not None:
                progress(member, min(start + _CHUNK_ITEMS, len(handles)), len(handles))
    # 4.
    node.publish()
    return [results[member] for member in members if member in results]


def _joined(before: Disclosed | None, now: Disclosed) -> Disclosed:
    if before is None:
        return now
    return Disclosed(
        recipient=now.recipient,
        sent=before.sent + now.sent,
        already=before.already + now.already,
        withheld=before.withheld + now.withheld,
    )


def _to_member(
    node: Node, actor: Actor, gate: Gate, loaded: Loaded, member: MemberId, wish: Wish
) -> Disclosed:
    sent: list[Sent] = []
    for _ in range(_TRIES):
        before = sum(batch.items for batch in sent)
        revision, had, outcome = _decided(node, gate, loaded, member, wish)
        try:
            for batch in outcome.batches:
                # One by one: what was committed before a conflict stays sent.
                sent.append(_commit(node, actor, batch, revision))  # noqa: PERF401
        except ConflictError:
            continue
        return Disclosed(
            recipient=member,
            sent=tuple(sent),
            already=had - before,
            withheld=_withheld(loaded, member, outcome),
        )
    raise ConflictError(f"the law changed {_TRIES} times while deciding for {member}; try again")


def _decided(
    node: Node, gate: Gate, loaded: Loaded, member: MemberId, wish: Wish
) -> tuple[int, int, ReleaseOutcome]:
    """Step 2: return the law's revision, how many items the member has already, the outcome."""
    now = node.clock.now()
    with node.database.read() as tx:
        view = node.law.view(tx)
        candidates = candidates_for(tx, loaded, member)
        had = tx.feeds.holds(member, [each.handle for each in candidates])
        fresh: list[Candidate] = [each for each in candidates if each.handle not in had]
        given = known_as(tx, candidates, member)
        law = view.law(wish.treaty, node.identity.member, member, now)
        link = link_to(tx, view, wish.treaty, member, now)
        # Marking definitions go first: the recipient must know them when it judges what they mark.
        outcomes = [
            gate.release(
                part,
                recipient=member,
                law=law,
                link=link,
                purpose=wish.purpose,
                at=now,
                asserted=wish.asserted,
                article=wish.article,
                given=given,
            )
            for part in _markings_first(fresh)
        ]
    outcome = ReleaseOutcome(
        batches=tuple(batch for each in outcomes for batch in each.batches),
        withheld=tuple(kept for each in outcomes for kept in each.withheld),
    )
    return view.revision, len(had), outcome


def _markings_first(candidates: Sequence[Candidate]) -> list[list[Candidate]]:
    markings = [each for each in candidates if each.obj.type == "marking-definition"]
    rest = [each for each in candidates if each.obj.type != "marking-definition"]
    return [part for part in (markings, rest) if part]


def _commit(node: Node, actor: Actor, batch: ReleasedBatch, revision: int) -> Sent:
    """Step 3: one unit of work."""
    with node.database.write() as tx:
        if tx.law.revision() != revision:
            raise ConflictError("the law changed while deciding")
        if tx.feeds.holds(batch.recipient, [item.handle for item in batch.items]):
            raise ConflictError("another disclosure gave the member some of these items meanwhile")
        sent = commit_batch(tx, node.identity, batch, lane=LANE_BULK, at=node.clock.now())
        _note(tx, node, actor, sent)
    return sent


def _note(tx: Transaction, node: Node, actor: Actor, sent: Sent) -> None:
    note_act(
        tx, node, actor, "disclose", f"{sent.recipient} entry {sent.entry_index} items {sent.items}"
    )


def _withheld(loaded: Loaded, member: MemberId, outcome: ReleaseOutcome) -> tuple[Withholding, ...]:
    own = [
        Withholding(
            handle=row.handle, code="own", reason=f"{member} is its originator", decision=None
        )
        for row in loaded.rows
        if row.key.originator == member
    ]
    refused = [
        Withholding(handle=each.handle, code=each.code, reason=each.reason, decision=each.decision)
        for each in outcome.withheld
    ]
    return tuple(own + refused)
