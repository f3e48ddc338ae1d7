"""When a node, or its lanes to one member, must be recovered before it goes on."""

from __future__ import annotations

from collections.abc import Sequence

from foedus.model.identifiers import MemberId
from foedus.node.errors import RecoveringError
from foedus.node.ports import ItemRow, ItemState, Transaction

__all__ = [
    "recovery_faults",
    "refuse_closed_log",
    "refuse_lane",
    "refuse_unheard",
    "refuse_witness",
    "still_shown",
]


def recovery_faults(tx: Transaction) -> list[tuple[str, str]]:
    """Return (subject, text) of what stands still because this node was restored; none else."""
    state = tx.recovery.state()
    found = []
    if state is not None:
        found.append(
            (
                "recovery",
                f"{state.reason}; since {state.since:%Y-%m-%d %H:%M} this node signs and releases "
                "nothing: `foedus recover`",
            )
        )
    found += [
        (f"recovery {member}", "its lanes are not rebuilt: `foedus recover` when it answers")
        for member in sorted(tx.recovery.pending())
    ]
    found += [
        (
            f"recovery {member}",
            "its orders were not read since the restore, and what it gave is not shown",
        )
        for member in sorted(tx.withheld.unheard() - tx.recovery.pending())
        if state is None
    ]
    return found


def refuse_lane(tx: Transaction, member: MemberId) -> None:
    """Return when the lanes to and from a member stand as they should.

    Raises:
        RecoveringError: This node was restored, and the lanes to the member are not rebuilt yet.
    """
    tx.recovery.refuse()
    if member in tx.recovery.pending():
        raise RecoveringError(
            f"this node was restored from a backup and does not know yet what it gave {member} "
            "since: nothing goes there before `foedus recover` has asked it"
        )


def refuse_unheard(tx: Transaction, rows: Sequence[ItemRow]) -> None:
    """Return when items may be shown: none may have been recalled since the state of this store.

    Drafts and what was set aside were given to nobody, and are shown.

    Args:
        tx: Any transaction.
        rows: The items.

    Raises:
        RecoveringError: This node was restored, and the order lane of who gave one was not read
            since; or it has yet to learn which orders it gave itself.
    """
    held = [row for row in rows if row.state is ItemState.HELD]
    if not held:
        return
    state = tx.recovery.state()
    if state is not None:
        raise RecoveringError(
            "this node is in recovery, and what it holds may have been recalled since: "
            f"{state.reason}; `foedus recover` goes on"
        )
    unheard = tx.withheld.unheard()
    for row in held:
        for member in (row.received_from, row.key.originator):
            if member in unheard:
                raise RecoveringError(
                    f"this node was restored, and what {member} gave may have been recalled since: "
                    f"it is shown again when the orders of {member} were read (`foedus pull`)"
                )


def still_shown(tx: Transaction, rows: Sequence[ItemRow]) -> list[ItemRow]:
    """Return those of some items that :func:`refuse_unheard` lets be shown."""
    restored, unheard = tx.recovery.state() is not None, tx.withheld.unheard()
    if not restored and not unheard:
        return list(rows)
    return [
        row
        for row in rows
        if row.state is not ItemState.HELD
        or not (restored or row.received_from in unheard or row.key.originator in unheard)
    ]


def refuse_closed_log(tx: Transaction, origin: str) -> None:
    """Return when a log is the present one: the journal was not begun anew under another origin.

    Args:
        tx: The snapshot, or unit of work, in which the journal is read or grows.
        origin: The log as this process knew it when it opened the node.

    Raises:
        RecoveringError: It was closed meanwhile; what this process signs would be a fork of it.
    """
    if any(log.origin == origin for log in tx.recovery.closed()):
        raise RecoveringError(
            f"the log {origin} was closed while this process ran, and another follows it: start "
            "`foedus serve` anew, or repeat the command"
        )


def refuse_witness(tx: Transaction, own: MemberId, owner: MemberId) -> None:
    """Return when this node may cosign heads of a member's log.

    A restored node does not know what it cosigned since its backup. Before it cosigns a log again
    the log's member was asked, and of all others more than two thirds showed what they know of it:
    the member alone could show a head of another history.

    Args:
        tx: The unit of work in which the head is remembered.
        own: This node's member.
        owner: Whose log it is.

    Raises:
        RecoveringError: Too few were asked since the restore.
    """
    refuse_lane(tx, owner)
    pending = tx.recovery.pending()
    if not pending:
        return
    others = {row.member for row in tx.peers.all()} - {own, owner}
    away = pending & others
    if away and 3 * len(away) >= len(others):
        names = ", ".join(sorted(away))
        raise RecoveringError(
            f"this node was restored from a backup and does not know yet what it cosigned of the "
            f"log of {owner} since: `foedus recover` has not asked {names} yet"
        )
