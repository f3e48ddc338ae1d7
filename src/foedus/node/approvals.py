"""Approve a release: one person's word for exactly what was shown, signed and logged.

see what is asked (:func:`to_approve`) → approve exactly that (:func:`approve`) → ``disclose``

Rules of :func:`approve`, in the order the code applies them; all items of one call are approved, or
none:

1. The actor is a supervisor, and the log can go on.
2. Each item is decided for each member with the consents that stand and no approval. Only what
   *needs approval* is approved: what needs none is left out, unless nothing else was asked; what is
   denied, or could not be redacted cleanly, is refused with all that was asked beside it.
3. What was shown is what is approved: a subject that nobody was shown is refused.
4. Who submitted an item, drafted it, vouched for it or reviewed its neutrality does not approve it
   (:mod:`foedus.node.four_eyes`). The same person approves the same thing once, so that where an
   article asks for two approvals, two persons give them.
5. Each approval is signed by the node's key, entered in the log and stored, in one unit of work.

Whether an approval counts is found anew at every decision (:mod:`foedus.node.grounds`).

Spec: design §6.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from foedus.access import Actor, require_role
from foedus.canonical import canonical_bytes
from foedus.model.identifiers import MemberId
from foedus.node.audience import Links, audience
from foedus.node.candidates import Loaded, candidates_for, load_items
from foedus.node.context import Node, note_act
from foedus.node.errors import ConflictError, NotFoundError, RefusedError
from foedus.node.four_eyes import hands_in, require_no_hand
from foedus.node.grounds import (
    APPROVER,
    Footing,
    approvers,
    decided_without_approvals,
    subject_for,
    unredactable_of,
    with_consents,
)
from foedus.node.own_log import enter, enter_bytes
from foedus.node.ports import ApprovalRow, ItemRow, NewApproval, Transaction
from foedus.node.wish import Wish
from foedus.release.approval import Approval, ApprovalSubject, sign_approval
from foedus.release.decide import Decision, Verdict
from foedus.release.gate import Candidate, Gate

__all__ = ["ToApprove", "approve", "list_approvals", "to_approve", "withdraw_approval"]

_NAMED: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ToApprove:
    """What one approval would be for.

    Attributes:
        item: The item.
        recipient: To whom.
        subject: What an approval names; its digest is what is signed.
        needed: How many persons are needed.
        given: Who approved exactly this already, in order.
    """

    item: ItemRow
    recipient: MemberId
    subject: ApprovalSubject
    needed: int
    given: tuple[str, ...]


def to_approve(
    node: Node, actor: Actor, gate: Gate, handles: Sequence[int], wish: Wish
) -> list[ToApprove]:
    """Return what exactly would be approved for each item and member. Writes nothing.

    Args:
        node: The node.
        actor: A supervisor.
        gate: The node's gate; it decides, nothing more.
        handles: Held items.
        wish: Treaty, purpose, article, members.

    Raises:
        AccessDeniedError: The actor is no supervisor.
        RefusedError: An item is not held, a member is no party, something among it cannot be
            released at all, or nothing among it needs approval.
        NotFoundError: The treaty is not known here.
    """
    require_role(actor, APPROVER)
    with node.database.read() as tx:
        return _asked(tx, node, gate, handles, wish, node.clock.now())


def approve(
    node: Node,
    actor: Actor,
    gate: Gate,
    handles: Sequence[int],
    wish: Wish,
    *,
    shown: Collection[str] | None = None,
) -> list[ToApprove]:
    """Approve the release of items to members, and return what was approved, this word counted.

    Args:
        node: The node.
        actor: A supervisor who had no hand in the items.
        gate: The node's gate; it decides, nothing more.
        handles: Held items.
        wish: Treaty, purpose, article, members.
        shown: Digests of the subjects the person was shown; None where nobody is shown anything
            beforehand.

    Raises:
        AccessDeniedError: The actor is no supervisor.
        RefusedError: As in :func:`to_approve`, or the person approved the same before.
        FourEyesError: The person had a hand in an item.
        ConflictError: What would be approved now is not what was shown.
        NotFoundError: The treaty is not known here.
    """
    # 1.
    require_role(actor, APPROVER)
    node.check_log()
    now = node.clock.now()
    with node.database.write() as tx:
        # 2.
        asked = _asked(tx, node, gate, handles, wish, now)
        # 3. and 4.
        _check_shown(asked, shown)
        _check_person(tx, actor, asked)
        # 5.
        numbers = [_keep(tx, node, actor, each, now) for each in asked]
        note_act(tx, node, actor, "approve", _listed(numbers))
        done = _asked(tx, node, gate, handles, wish, now)
    node.settle()
    return done


def _asked(
    tx: Transaction, node: Node, gate: Gate, handles: Sequence[int], wish: Wish, now: datetime
) -> list[ToApprove]:
    """Rule 2."""
    view = node.law.view(tx)
    members = audience(node, view, wish)
    links = Links(tx=tx, node=node, view=view, now=now)
    text, current = view.treaty(wish.treaty).treaty, view.status(wish.treaty, now)
    loaded = load_items(tx, node.identity.member, handles)
    found: list[ToApprove] = []
    faults: list[str] = []
    needless: list[str] = []
    for member in members:
        footing = Footing(
            sender=node.identity.member,
            wish=wish,
            recipient=member,
            law=view.law(wish.treaty, node.identity.member, member, now),
            link=links.to(text, current, member),
            at=now,
        )
        candidates = with_consents(tx, view, candidates_for(tx, loaded, member), footing)
        decisions = decided_without_approvals(gate, candidates, footing)
        unredactable = unredactable_of(tx, gate, candidates, footing)
        given = approvers(tx, node, member, [each.handle for each in candidates], now)
        rows = {row.handle: row for row in loaded.rows}
        for each in candidates:
            decision = decisions[each.handle]
            subject = subject_for(each, decision, footing)
            if subject is None:
                idle = decision.verdict.releases
                (needless if idle else faults).append(_fault(rows[each.handle], member, decision))
                continue
            if each.handle in unredactable:
                faults.append(
                    f"{_name(rows[each.handle])} would be withheld from {member} all the same: "
                    f"{unredactable[each.handle]}"
                )
                continue
            found.append(
                ToApprove(
                    item=rows[each.handle],
                    recipient=member,
                    subject=subject,
                    needed=decision.obligations.approvals,
                    given=tuple(sorted(given.get((each.handle, subject.digest), ()))),
                )
            )
        faults.extend(_own(loaded, candidates, member))
    if faults or not found:
        faults += needless
        more = len(faults) - _NAMED
        raise RefusedError(
            "; ".join(faults[:_NAMED]) + (f"; and {more} more such" if more > 0 else "")
        )
    return found


def _own(loaded: Loaded, candidates: Sequence[Candidate], member: MemberId) -> Iterator[str]:
    asked = {each.handle for each in candidates}
    for row in loaded.rows:
        if row.handle not in asked:
            yield f"{_name(row)} is an item of {member} itself: there is nothing to approve"


def _fault(row: ItemRow, member: MemberId, decision: Decision) -> str:
    match decision.verdict:
        case Verdict.PERMIT | Verdict.PERMIT_REDACTED:
            return (
                f"{_name(row)} needs no approval for {member}: article {decision.article} permits "
                "its release as it is"
            )
        case Verdict.NEEDS_CONSENT:
            return (
                f"{_name(row)} first needs its originator's consent for {member}; approve it once "
                "that is here (`foedus consent take`)"
            )
        case _:
            return (
                f"{_name(row)} cannot be released to {member}, and no approval changes that: "
                f"{decision.reasons[0].text}"
            )


def _check_shown(asked: Sequence[ToApprove], shown: Collection[str] | None) -> None:
    """Rule 3."""
    if shown is None:
        return
    other = [each for each in asked if each.subject.digest not in set(shown)]
    if other:
        raise ConflictError(
            f"{_name(other[0].item)} for {other[0].recipient} is no longer what you were shown: "
            "the item, the law or the obligations changed meanwhile; look at it again"
        )


def _check_person(tx: Transaction, actor: Actor, asked: Sequence[ToApprove]) -> None:
    """Rule 4."""
    hands = hands_in(tx, [each.item for each in asked])
    idle = _standing_words(tx, actor, asked)
    for each in asked:
        row = each.item
        require_no_hand(actor, hands, row, "approves its release")
        if actor.user in each.given:
            raise RefusedError(
                f"{actor.user} approved exactly this release of {_name(row)} to {each.recipient} "
                f"already; persons needed: {each.needed}, approved: {len(each.given)}"
            )
        if (row.handle, each.recipient, each.subject.digest) in idle:
            raise RefusedError(
                f"{actor.user} approved exactly this release of {_name(row)} to {each.recipient} "
                "before, under a key or at an instant by which that counts no more; take it back "
                "first (`foedus approvals withdraw`)"
            )


def _standing_words(
    tx: Transaction, actor: Actor, asked: Sequence[ToApprove]
) -> frozenset[tuple[int, MemberId, str]]:
    """Return item, member and subject of what a person approved and did not take back."""
    handles: dict[MemberId, list[int]] = {}
    for each in asked:
        handles.setdefault(each.recipient, []).append(each.item.handle)
    return frozenset(
        (item, member, subject)
        for member, items in handles.items()
        for item, subject, user, _ in tx.grounds.approvals_of(member, items)
        if user == actor.user
    )


def _keep(tx: Transaction, node: Node, actor: Actor, asked: ToApprove, now: datetime) -> int:
    """Rule 5; return the approval's number."""
    subject = asked.subject
    envelope = sign_approval(
        Approval(
            exercise=node.identity.exercise,
            member=node.identity.member,
            user=actor.user,
            role=APPROVER.value,
            at=now,
            subject=subject.digest,
        ),
        node.identity.node,
    )
    index = enter_bytes(tx, node, envelope.payload, at=now)
    return tx.grounds.add_approval(
        NewApproval(
            subject=subject.digest,
            item=asked.item.handle,
            recipient=asked.recipient,
            treaty=subject.treaty,
            article=subject.article,
            purpose=subject.purpose,
            threat_to_life=subject.threat_to_life,
            user=actor.user,
            at=now,
            envelope=canonical_bytes(dict(envelope.document())),
            entry_index=index,
        )
    )


def list_approvals(tx: Transaction, *, after: int, limit: int) -> Sequence[ApprovalRow]:
    """Return approvals by number, those withdrawn included."""
    return tx.grounds.approvals(after=after, limit=limit)


def withdraw_approval(node: Node, actor: Actor, number: int) -> ApprovalRow:
    """Take an approval back: one's own. What was released on it stays released.

    Args:
        node: The node.
        actor: The person who gave it.
        number: Its number.

    Raises:
        NotFoundError: There is no such approval.
        RefusedError: Somebody else gave it, or it was withdrawn before.
    """
    node.check_log()
    now = node.clock.now()
    with node.database.write() as tx:
        row = tx.grounds.approval(number)
        if row is None:
            raise NotFoundError(f"there is no approval {number}; `foedus approvals list`")
        if row.approval.user != actor.user:
            raise RefusedError(
                f"{row.approval.user} gave approval {number} and alone takes it back; an "
                "administrator can take away the role on which it rests"
            )
        if row.withdrawn is not None:
            raise RefusedError(f"approval {number} was withdrawn on {row.withdrawn:%Y-%m-%d}")
        enter(
            tx,
            node,
            {
                "kind": "approval-withdrawal",
                "member": node.identity.member,
                "user": actor.user,
                "subject": row.approval.subject,
                "approval": row.approval.entry_index,
            },
            at=now,
        )
        tx.grounds.withdraw_approval(number, by=actor.user, at=now)
        note_act(tx, node, actor, "withdraw-approval", _listed([number]))
        done = tx.grounds.approval(number)
    node.settle()
    return row if done is None else done


def _name(row: ItemRow) -> str:
    return str(row.number or row.key.object_id)


def _listed(numbers: Sequence[int]) -> str:
    """Return what the journal of acts says: numbers, which lead to nothing once all is erased."""
    return ", ".join(f"approval {number}" for number in numbers)
