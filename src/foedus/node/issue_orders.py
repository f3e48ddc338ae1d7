"""Give orders: to everyone who was given an item of ours, wherever it went on to.

1. The data-protection officer orders; a reviewer blocks and lifts by a challenge, the legal officer
   orders what the end of a treaty calls for.
2. Meant is every version that was given. Addressed is every member that was given one, redacted or
   not, under the name it was given; also those that said they do not keep it, and those a holder
   passed it on to; or of all these the members the person names.
3. Everything is one unit of work: the order, a document for each holder in its order lane, the log
   entry, the act; a restriction blocks the item here too, a recall may erase it here too.
4. Up to 500 items make one order (fewer, if they have many versions), more make several. An order
   stands though nobody holds the item: from then on it keeps the item from being given.
5. A correction gives the new version first, by the ordinary gate, to each holder on the footing on
   which it was given the old one. Who is not given it is told to erase the old one instead: a
   recall, with the reason that it is superseded.

Spec: design §2 rules 4 and 5; Convention Article 21.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from foedus.access import Actor, Role
from foedus.canonical import JSONValue
from foedus.casework.order import (
    Order,
    OrderAction,
    OrderLine,
    OrderReason,
    Replacement,
    order_name,
)
from foedus.model.identifiers import MemberId, ObjectId
from foedus.node.apply_orders import lift_rows, restrict_rows
from foedus.node.challenge_cases import refuse_examined
from foedus.node.context import Node, note_act
from foedus.node.disclose import disclose
from foedus.node.errors import ErasedError, NodeError, RefusedError
from foedus.node.opened import payload_of
from foedus.node.order_documents import send_order
from foedus.node.order_words import Command, check_command, due_of, may_order, own_items
from foedus.node.own_log import enter
from foedus.node.ports import ItemRow, ItemState, Transaction
from foedus.node.ports.orders import Given, NewIssued
from foedus.node.ports.webhooks import EventKind
from foedus.node.purge import Cause, CauseKind, purge
from foedus.node.webhooks import tell
from foedus.node.wish import Wish
from foedus.release.gate import Gate

__all__ = ["Command", "Issued", "NotGiven", "issue_orders"]

_ITEMS: Final = 500
"""Items of one order: each may have been given under two names, and an order has 1 000 lines."""
_VERSIONS: Final = 4_000
"""Versions one order names at most, so that its document stays within its bounds."""
_OF_ONE: Final = 1_000
"""Versions a line names at most: the newest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotGiven:
    """A holder that was not given what replaces an item, and so is told to erase the old one."""

    member: MemberId
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """What was ordered.

    Attributes:
        orders: Names, in order.
        items: How many items.
        holders: Everyone addressed.
        due: By when.
        not_given: In a correction, who erases instead of replacing.
        erased: Item versions erased here.
        lingering: Whether what was erased still lies in the database's journal.
    """

    orders: tuple[str, ...]
    items: int
    holders: tuple[MemberId, ...]
    due: datetime
    not_given: tuple[NotGiven, ...] = ()
    erased: int = 0
    lingering: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Holding:
    """One line to be: a member, the name it was given, the versions, and who passed it on."""

    member: MemberId
    object_id: ObjectId
    versions: tuple[str, ...]
    via: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Act:
    """What all orders of one command share."""

    command: Command
    user: str
    at: datetime
    due: datetime


def issue_orders(node: Node, actor: Actor, gate: Gate, command: Command) -> Issued:
    """Order what is to become of items of ours with everyone who holds them.

    Args:
        node: The node.
        actor: Who orders.
        gate: The node's gate.
        command: What is ordered.

    Raises:
        AccessDeniedError: The actor may not give this order.
        NotFoundError: An item or the treaty is not known here.
        RefusedError: The command lacks something, or names another's item or a member that holds
            nothing.
    """
    may_order(actor, command)
    node.check_log()
    now = node.clock.now()
    with node.database.read() as tx:
        check_command(tx, node, command, now)
        items = own_items(tx, node, command.references)
    act = _Act(command=command, user=actor.user, at=now, due=now)
    if command.action is OrderAction.CORRECT:
        done = _correct(node, actor, gate, act, items)
    else:
        done = _order_all(node, actor, gate, act, items)
    node.settle()
    if done.erased:
        done = replace(done, lingering=not node.database.forget())
    return done


def _order_all(node: Node, actor: Actor, gate: Gate, act: _Act, items: Sequence[ItemRow]) -> Issued:
    command = act.command
    names: list[str] = []
    holders: set[MemberId] = set()
    erased = 0
    with node.database.write() as tx:
        act = replace(act, due=due_of(tx, node, command, act.at))
        for handles in _portions(tx, [row.handle for row in items]):
            refuse_examined(tx, command.action, handles)
            told = _holdings(tx, handles, command.members)
            if command.action is OrderAction.NARROW and not told:
                raise RefusedError("none of these members was given any of this")
            lines = {
                member: [_line(command, each) for each in held] for member, held in told.items()
            }
            names.append(_issue(tx, node, gate, act, handles, lines, _vias(told)))
            holders.update(told)
            erased += _here(tx, node, act, handles, names[-1])
        _all_hold(command, holders)
        note_act(tx, node, actor, f"order.{command.action.value}", ", ".join(names))
    return Issued(
        orders=tuple(names),
        items=len(items),
        holders=tuple(sorted(holders)),
        due=act.due,
        erased=erased,
    )


def _portions(tx: Transaction, items: Sequence[int]) -> Iterator[Sequence[int]]:
    """Return the versions of as many items at a time as one order names."""
    for start in range(0, len(items), _ITEMS):
        waiting = [items[start : start + _ITEMS]]
        while waiting:
            portion = waiting.pop()
            handles = tx.orders.versions(portion)
            if len(handles) <= _VERSIONS or len(portion) == 1:
                yield handles
            else:
                half = len(portion) // 2
                waiting += [portion[half:], portion[:half]]


def _holdings(
    tx: Transaction, handles: Sequence[int], members: Collection[MemberId]
) -> Mapping[MemberId, Sequence[_Holding]]:
    """Return by member what it holds: what we gave it, and what others passed on to it."""
    versions: defaultdict[tuple[MemberId, ObjectId], set[str]] = defaultdict(set)
    via: dict[tuple[MemberId, ObjectId], str] = {}
    for given in tx.orders.given(handles):
        versions[given.member, given.object_id].add(given.version)
        via[given.member, given.object_id] = ""
    for member, name, version in tx.onward.holders([*handles, *tx.erasure.variants(list(handles))]):
        versions[member, name].add(version)
        via.setdefault((member, name), "onward")
    told: defaultdict[MemberId, list[_Holding]] = defaultdict(list)
    for (member, name), of_it in sorted(versions.items()):
        if not members or member in members:
            told[member].append(
                _Holding(
                    member=member,
                    object_id=name,
                    # An order concerns what is older than it, also where a line names no more.
                    versions=tuple(sorted(of_it)[-_OF_ONE:]),
                    via=via[member, name],
                )
            )
    return told


def _all_hold(command: Command, holders: Collection[MemberId]) -> None:
    """Refuse an order to a member that holds nothing: it would reach nobody, and bar nothing."""
    missing = sorted(set(command.members) - set(holders))
    if missing:
        raise RefusedError(f"none of this was given to {', '.join(missing)}; leave it out")


def _vias(told: Mapping[MemberId, Sequence[_Holding]]) -> Mapping[MemberId, str]:
    return {
        member: "onward" if all(each.via for each in held) else "" for member, held in told.items()
    }


def _line(command: Command, held: _Holding) -> OrderLine:
    return OrderLine(object_id=held.object_id, versions=held.versions, expiry=command.expiry)


def _issue(
    tx: Transaction,
    node: Node,
    gate: Gate,
    act: _Act,
    handles: Sequence[int],
    lines: Mapping[MemberId, Sequence[OrderLine]],
    vias: Mapping[MemberId, str],
) -> str:
    """Keep one order and send it to each of its holders; returns its name."""
    command = act.command
    sequence = tx.orders.next_sequence(act.at.year)
    name = order_name(node.identity.member, act.at.year, sequence)
    record: dict[str, JSONValue] = {
        "kind": "order",
        "order": name,
        "action": command.action.value,
        "reason": command.reason.value,
        "holders": len(lines),
        "versions": len(handles),
    }
    entry = enter(tx, node, record, at=act.at)
    number = tx.orders.issue(
        NewIssued(
            name=name,
            action=command.action,
            reason=command.reason,
            treaty=command.treaty,
            article=command.article,
            at=act.at,
            due=act.due,
            life=command.life,
            user=act.user,
            entry_index=entry,
            handles=tuple(handles),
            expiry=command.expiry,
        ),
        sequence=sequence,
    )
    for member, of_it in sorted(lines.items()):
        order = Order(
            exercise=node.identity.exercise,
            name=name,
            action=command.action,
            originator=node.identity.member,
            holder=member,
            treaty=command.treaty,
            article=command.article,
            at=act.at,
            due=act.due,
            life=command.life,
            reason=command.reason,
            lines=tuple(of_it),
        )
        send_order(tx, node, gate, number, order, via=vias.get(member, ""))
    tell(
        tx,
        EventKind.ORDER_ISSUED,
        act.at,
        order=name,
        action=command.action.value,
        reason=command.reason.value,
        holders=len(lines),
        items=len(handles),
    )
    return name


def _here(tx: Transaction, node: Node, act: _Act, handles: Sequence[int], name: str) -> int:
    """Do at home what an order brings with it; returns how many versions were erased."""
    command = act.command
    rows = tx.items.rows(handles)
    match command.action:
        case OrderAction.RESTRICT if not command.members:
            held = [row for row in rows if row.state is ItemState.HELD]
            restrict_rows(tx, held, at=act.at)
        case OrderAction.LIFT:
            ends = [OrderAction.RESTRICT, OrderAction.NARROW]
            tx.orders.end(handles, ends, at=act.at)
            lift_rows(tx, node, rows, at=act.at)
        case OrderAction.RECALL if command.erase:
            standing = {ItemState.HELD, ItemState.RESTRICTED, ItemState.DRAFT}
            cause = Cause(
                kind=CauseKind.RECALL,
                reference=name,
                reason=command.reason.value,
                user=act.user,
                at=act.at,
            )
            return purge(tx, node, [row for row in rows if row.state in standing], cause).versions
        case _:
            pass
    return 0


def _correct(node: Node, actor: Actor, gate: Gate, act: _Act, items: Sequence[ItemRow]) -> Issued:
    """Rule 5."""
    command = act.command
    if len(items) != 1:
        raise RefusedError("a correction is of one item")
    with node.database.read() as tx:
        [new] = own_items(tx, node, [command.replacement])
        if new.state is not ItemState.HELD:
            raise RefusedError("what replaces an item must be held here")
        old = [each for each in tx.orders.versions([items[0].handle]) if each != new.handle]
        if not old:
            raise RefusedError("there is no other version to correct")
        refuse_examined(tx, command.action, old)
        footings = _footings(tx, old, command)
    refusals = {member: _give(node, actor, gate, new, wish) for member, wish in footings.items()}
    with node.database.write() as tx:
        act = replace(act, due=due_of(tx, node, command, act.at))
        given: dict[MemberId, Given] = {each.member: each for each in tx.orders.given([new.handle])}
        told = _holdings(tx, old, command.members)
        _all_hold(command, told)
        # A block on the old version ends with it.
        tx.orders.end(old, [OrderAction.RESTRICT], at=act.at)
        corrected = {
            member: [_corrected(each, given[member]) for each in held]
            for member, held in told.items()
            if member in given
        }
        names = [_issue(tx, node, gate, act, old, corrected, _vias(told))]
        others = {member: held for member, held in told.items() if member not in given}
        if others:
            recall = replace(
                command,
                action=OrderAction.RECALL,
                reason=OrderReason.SUPERSEDED,
                replacement="",
            )
            lines = {
                member: [_line(recall, each) for each in held] for member, held in others.items()
            }
            names.append(
                _issue(tx, node, gate, replace(act, command=recall), old, lines, _vias(told))
            )
        note_act(tx, node, actor, "order.correct", ", ".join(names))
    return Issued(
        orders=tuple(names),
        items=1,
        holders=tuple(sorted(told)),
        due=act.due,
        not_given=tuple(
            NotGiven(member=member, reason=refusals.get(member) or "was not given it from here")
            for member in sorted(others)
        ),
    )


def _footings(tx: Transaction, old: Sequence[int], command: Command) -> Mapping[MemberId, Wish]:
    """Return on what footing each holder was given the newest old version."""
    found: dict[MemberId, Wish] = {}
    newest: dict[MemberId, Given] = {}
    for each in tx.orders.given(old):
        if not command.members or each.member in command.members:
            newest[each.member] = max(
                each, newest.get(each.member, each), key=lambda given: given.document
            )
    for member, each in newest.items():
        try:
            payload = payload_of(tx, each.document)
        except ErasedError:
            continue
        found[member] = Wish(
            treaty=payload.treaty,
            purpose=payload.purpose,
            recipients=(member,),
            threat_to_life=command.life,
        )
    return found


def _give(node: Node, actor: Actor, gate: Gate, new: ItemRow, wish: Wish) -> str:
    """Disclose the new version to a holder of the old; returns why it was not given, "" if it was.

    Who corrects may give the correction: nobody new is given anything, and the gate decides as
    ever, approvals included.
    """
    giver = Actor(user=actor.user, roles=actor.roles | {Role.SUPERVISOR})
    try:
        [done] = disclose(node, giver, gate, [new.handle], wish)
    except NodeError as error:
        return str(error)
    return "; ".join(each.reason for each in done.withheld)


def _corrected(held: _Holding, given: Given) -> OrderLine:
    return OrderLine(
        object_id=held.object_id,
        versions=held.versions,
        replacement=Replacement(
            object_id=given.object_id, version=given.version, sha256=given.sha256
        ),
    )
