"""When a node, or its lanes to one member, must be recovered before it goes on."""

from __future__ import annotations

from foedus.model.identifiers import MemberId
from foedus.node.errors import RecoveringError
from foedus.node.ports import Transaction

__all__ = ["recovery_faults", "refuse_lane"]


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
