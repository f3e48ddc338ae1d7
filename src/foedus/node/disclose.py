"""Disclose items to members: the gate decides, the record and the feed are written together.

1. The actor may release; the log can go on: a store that is behind its own signed head (an old
   backup) releases nothing.
2. For each member the gate decides, redacts and drafts records, on one snapshot of the law and of
   the consents and approvals that stand.
3. What was decided for one member, up to 5 000 items at a time, is committed in one unit of work,
   which first checks that neither the law nor the grounds changed, that no decision ran out and
   that nobody gave the member these versions meanwhile; otherwise it is decided anew.
   Where that fails again and again, or the member's lanes are still to be rebuilt, the items are
   withheld from this member, with the reason; the others are given theirs.
4. What was entered is settled in the log, whatever became of the rest.

A crash between two units leaves whole ones; running the same disclosure again continues, since what
a member was given is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from foedus.access import Actor, Role, require_role
from foedus.model.identifiers import ItemKey, MemberId
from foedus.node.audience import audience, link_to
from foedus.node.candidates import Loaded, candidates_for, known_as, load_items
from foedus.node.context import Node, note_act
from foedus.node.deconflict import note_shared
from foedus.node.dispatch import LANE_BULK, Sent, commit_batch
from foedus.node.errors import ConflictError, RecoveringError
from foedus.node.grounds import with_grounds
from foedus.node.onward import note_passed_on
from foedus.node.order_expiries import tell_expiries
from foedus.node.ports import Transaction
from foedus.node.requests_sent import check_addressees, note_sent_requests
from foedus.node.wish import Wish
from foedus.release.decide import Decision
from foedus.release.gate import Candidate, Gate, ReleaseOutcome, Withheld
from foedus.release.sorting import REDACTION

__all__ = ["CONFLICT", "ORDERED", "RECOVERING", "Disclosed", "Withholding", "disclose"]

_CHUNK_ITEMS = 5_000
_TRIES = 3
RECOVERING: Final = "recovering"
CONFLICT: Final = "conflict"
ORDERED: Final = "ordered"
_OTHER_FORM = (
    "another redacted form of this version was given before; give a new version, which has a form "
    "of its own"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Withholding:
    """An item not given to a member, and why.

    Attributes:
        code: ``denied``, ``needs-consent``, ``needs-approval``, ``redaction``, ``own``,
            ``ordered``, ``recovering`` or ``conflict``.
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
class _Decided:
    """What was decided for one member, and the state of the store that it rests on.

    Attributes:
        law: The store's revision of the law.
        grounds: Its revision of the grounds.
        standing: Changes when the member is given anything, or says what it keeps.
        already: How many items the member has already.
        again: Whether what it has already is given again.
        barred: What an order of ours keeps from the member, with the order's name.
    """

    law: int
    grounds: int
    standing: tuple[int, int]
    already: int
    outcome: ReleaseOutcome
    again: bool = False
    barred: Mapping[int, str]


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
        RollbackError: The store is older than the log's head; nothing was released.
    """
    # 1.
    require_role(actor, Role.SUPERVISOR)
    node.check_log()
    with node.database.read() as tx:
        members = audience(node, node.law.view(tx), wish)
    results: dict[MemberId, Disclosed] = {}
    handles = list(dict.fromkeys(handles))  # named twice, it is still one item
    try:
        for start in range(0, len(handles), _CHUNK_ITEMS):
            chunk = handles[start : start + _CHUNK_ITEMS]
            with node.database.read() as tx:
                loaded = load_items(tx, node.identity.member, chunk)
                check_addressees(tx, node, loaded.rows, members)
            for member in members:
                done = _to_member(node, actor, gate, loaded, member, wish)
                results[member] = _joined(results.get(member), done)
                if progress is not None:
                    progress(member, min(start + _CHUNK_ITEMS, len(handles)), len(handles))
    finally:
        node.settle()  # 4.
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
    sent: tuple[Sent, ...] = ()
    kept: tuple[Withholding, ...] = ()
    tries = 0
    while True:
        decided = _decided(node, gate, loaded, member, wish)
        tries += 1
        try:
            sent = _commit(node, actor, gate, member, decided)
        except ConflictError:
            if tries < _TRIES:
                continue
            kept = _kept(
                decided.outcome,
                CONFLICT,
                f"the law, or what the release rests on, changed {_TRIES} times while deciding for "
                f"{member}; try again",
            )
        except RecoveringError as error:
            kept = _kept(decided.outcome, RECOVERING, str(error))
        break
    return Disclosed(
        recipient=member,
        sent=sent,
        already=decided.already,
        withheld=(*_withheld(loaded, member, decided), *kept),
    )


def _kept(outcome: ReleaseOutcome, code: str, reason: str) -> tuple[Withholding, ...]:
    """Return what could have been given and was not, for a reason of this node's own."""
    return tuple(
        Withholding(handle=each.handle, code=code, reason=reason, decision=each.decision)
        for batch in outcome.batches
        for each in batch.items
    )


def _decided(node: Node, gate: Gate, loaded: Loaded, member: MemberId, wish: Wish) -> _Decided:
    """Step 2."""
    now = node.clock.now()
    with node.database.read() as tx:
        view = node.law.view(tx)
        grounds, standing = tx.grounds.revision(), tx.feeds.standing(member)
        law = view.law(wish.treaty, node.identity.member, member, now)
        link = link_to(tx, node, view, wish.treaty, member, now)
        asked = candidates_for(tx, loaded, member)
        barred = tx.orders.barred(member, [each.handle for each in asked], at=now)
        plain = [each for each in asked if each.handle not in barred] if barred else asked
        candidates = with_grounds(tx, node, view, gate, plain, wish, member, law, link, now)
        before = tx.feeds.holds(member, [each.handle for each in candidates])
        had = frozenset[int]() if wish.anew else tx.feeds.kept_of(member, before)
        fresh: list[Candidate] = [each for each in candidates if each.handle not in had]
        anew = before - had
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
    return _Decided(
        law=view.revision,
        grounds=grounds,
        standing=standing,
        already=len(had),
        outcome=outcome,
        again=wish.anew,
        barred=barred,
    )


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
    if not anew:
        return outcome
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


def _commit(
    node: Node, actor: Actor, gate: Gate, member: MemberId, decided: _Decided
) -> tuple[Sent, ...]:
    """Step 3: one unit of work."""
    batches = decided.outcome.batches
    if not batches:
        return ()
    sent: list[Sent] = []
    with node.database.write() as tx:
        _check_still(tx, member, decided, node.clock.now())
        for batch in batches:
            done = commit_batch(tx, node.identity, batch, lane=LANE_BULK, at=node.clock.now())
            note_passed_on(tx, node, gate, batch, at=node.clock.now())
            given = [each.handle for each in batch.items]
            tell_expiries(tx, node, gate, batch.recipient, given, at=node.clock.now())
            note_sent_requests(tx, batch, actor, at=node.clock.now())
            note_shared(tx, node, [each.handle for each in batch.items], at=node.clock.now())
            _note(tx, node, actor, done)
            sent.append(done)
    return tuple(sent)


def _check_still(tx: Transaction, member: MemberId, decided: _Decided, now: datetime) -> None:
    """Check that what was decided would be decided now, without deciding again."""
    if tx.law.revision() != decided.law:
        raise ConflictError("the law changed while deciding")
    if tx.grounds.revision() != decided.grounds:
        raise ConflictError("an approval, a consent or somebody's role changed while deciding")
    items = [item for batch in decided.outcome.batches for item in batch.items]
    if tx.orders.barred(member, [item.handle for item in items], at=now):
        raise ConflictError("an order was given on some of these items while deciding")
    made = {id(item.decision): item.decision for item in items}.values()
    ends = {each.valid_until for each in made if each is not None}
    if any(end is not None and end <= now for end in ends):
        raise ConflictError("a decision ran out before it was carried out")
    if decided.again or tx.feeds.standing(member) == decided.standing:
        return
    if tx.feeds.keeps(member, [item.handle for item in items]):
        raise ConflictError("another disclosure gave the member some of these items meanwhile")


def _note(tx: Transaction, node: Node, actor: Actor, sent: Sent) -> None:
    note_act(
        tx, node, actor, "disclose", f"{sent.recipient} entry {sent.entry_index} items {sent.items}"
    )


def _withheld(loaded: Loaded, member: MemberId, decided: _Decided) -> tuple[Withholding, ...]:
    own = [
        Withholding(
            handle=row.handle, code="own", reason=f"{member} is its originator", decision=None
        )
        for row in loaded.rows
        if row.key.originator == member
    ]
    refused = [
        Withholding(handle=each.handle, code=each.code, reason=each.reason, decision=each.decision)
        for each in decided.outcome.withheld
    ]
    ordered = [
        Withholding(handle=handle, code=ORDERED, reason=f"kept back by order {name}", decision=None)
        for handle, name in decided.barred.items()
    ]
    return tuple(own + refused + ordered)
