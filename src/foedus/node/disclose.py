"""Disclose items to members: the gate decides, the record and the feed are written together.

1. The actor may release; the log can go on: a store that is behind its own signed head (an old
   backup) releases nothing.
2. For each member the gate decides, redacts and drafts records, on one snapshot of the law and of
   the consents and approvals that stand.
3. Each batch is committed in a unit of work of its own, which first checks that neither the law nor
   the grounds changed, that no decision ran out and that nobody gave the member these versions
   meanwhile; otherwise it is decided anew.
4. The log's new head is published.

A crash between two batches leaves whole batches; running the same disclosure again continues, since
what a member was given is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from foedus.access import Actor, Role, require_role
from foedus.model.identifiers import ItemKey, MemberId
from foedus.node.audience import audience, link_to
from foedus.node.candidates import Loaded, candidates_for, known_as, load_items
from foedus.node.context import Node, note_act
from foedus.node.dispatch import LANE_BULK, Sent, commit_batch
from foedus.node.errors import ConflictError
from foedus.node.grounds import with_grounds
from foedus.node.ports import Transaction
from foedus.node.wish import Wish
from foedus.release.decide import Decision
from foedus.release.gate import Candidate, Gate, ReleasedBatch, ReleaseOutcome, Withheld
from foedus.release.sorting import REDACTION

__all__ = ["Disclosed", "Withholding", "disclose"]

_CHUNK_ITEMS = 5_000
_TRIES = 3
_OTHER_FORM = (
    "another redacted form of this version was given before; give a new version, which has a form "
    "of its own"
)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Revisions:
    """What a decision rests on: the store's revisions of the law and of the grounds."""

    law: int
    grounds: int


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
        ConflictError: The law or the grounds changed again and again while deciding.
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
        revisions, had, outcome = _decided(node, gate, loaded, member, wish)
        try:
            for batch in outcome.batches:
                # One by one: what was committed before a conflict stays sent.
                sent.append(_commit(node, actor, batch, revisions))  # noqa: PERF401
        except ConflictError:
            continue
        return Disclosed(
            recipient=member,
            sent=tuple(sent),
            already=had - before,
            withheld=_withheld(loaded, member, outcome),
        )
    raise ConflictError(
        f"the law, or what the release rests on, changed {_TRIES} times while deciding for "
        f"{member}; try again"
    )


def _decided(
    node: Node, gate: Gate, loaded: Loaded, member: MemberId, wish: Wish
) -> tuple[_Revisions, int, ReleaseOutcome]:
    """Step 2: return what it rests on, how many items the member has already, the outcome."""
    now = node.clock.now()
    with node.database.read() as tx:
        view = node.law.view(tx)
        revisions = _Revisions(law=view.revision, grounds=tx.grounds.revision())
        law = view.law(wish.treaty, node.identity.member, member, now)
        link = link_to(tx, view, wish.treaty, member, now)
        plain = candidates_for(tx, loaded, member)
        candidates = with_grounds(tx, node, view, gate, plain, wish, member, law, link, now)
        had = tx.feeds.keeps(member, [each.handle for each in candidates])
        fresh: list[Candidate] = [each for each in candidates if each.handle not in had]
        anew = tx.feeds.holds(member, [each.handle for each in fresh])
        given = known_as(tx, candidates, member)

        def release(part: Sequence[Candidate]) -> ReleaseOutcome:
            return gate.release(
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

        # Marking definitions go first: the recipient must know them when it judges what they mark.
        outcomes = [
            _as_given_before(tx, node, part, release, anew) for part in _markings_first(fresh)
        ]
    outcome = ReleaseOutcome(
        batches=tuple(batch for each in outcomes for batch in each.batches),
        withheld=tuple(kept for each in outcomes for kept in each.withheld),
    )
    return revisions, len(had), outcome


def _as_given_before(
    tx: Transaction,
    node: Node,
    part: Sequence[Candidate],
    release: Callable[[Sequence[Candidate]], ReleaseOutcome],
    anew: Collection[int],
) -> ReleaseOutcome:
    """Release candidates; what was given redacted before goes anew in that very form, or stays.

    A version has one redacted form for a member: its recipient takes no other bytes under that id.
    """
    outcome = release(part)
    other: dict[int, Withheld] = {}
    for item in (each for batch in outcome.batches for each in batch.items):
        if item.handle not in anew or not item.variant or item.decision is None:
            continue
        own = node.identity.member
        row = tx.items.by_key(
            ItemKey(originator=own, object_id=item.obj.id, version=item.obj.version)
        )
        if row is not None and row.content_hash != item.obj.content_hash:
            other[item.handle] = Withheld(
                handle=item.handle, code=REDACTION, reason=_OTHER_FORM, decision=item.decision
            )
    if not other:
        return outcome
    rest = release([each for each in part if each.handle not in other])
    return ReleaseOutcome(batches=rest.batches, withheld=(*rest.withheld, *other.values()))


def _markings_first(candidates: Sequence[Candidate]) -> list[list[Candidate]]:
    markings = [each for each in candidates if each.obj.type == "marking-definition"]
    rest = [each for each in candidates if each.obj.type != "marking-definition"]
    return [part for part in (markings, rest) if part]


def _commit(node: Node, actor: Actor, batch: ReleasedBatch, revisions: _Revisions) -> Sent:
    """Step 3: one unit of work."""
    with node.database.write() as tx:
        _check_still(tx, batch, revisions, node.clock.now())
        if tx.feeds.keeps(batch.recipient, [item.handle for item in batch.items]):
            raise ConflictError("another disclosure gave the member some of these items meanwhile")
        sent = commit_batch(tx, node.identity, batch, lane=LANE_BULK, at=node.clock.now())
        _note(tx, node, actor, sent)
    return sent


def _check_still(
    tx: Transaction, batch: ReleasedBatch, revisions: _Revisions, now: datetime
) -> None:
    """Check that what was decided would be decided now, without deciding again."""
    if tx.law.revision() != revisions.law:
        raise ConflictError("the law changed while deciding")
    if tx.grounds.revision() != revisions.grounds:
        raise ConflictError("an approval, a consent or somebody's role changed while deciding")
    ends = {item.decision.valid_until for item in batch.items if item.decision is not None}
    if any(end is not None and end <= now for end in ends):
        raise ConflictError("a decision ran out before it was carried out")


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
