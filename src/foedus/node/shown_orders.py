"""Orders as programs see them: the fields of `--json` and of the HTTP API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from foedus.casework.attestation import Attestation
from foedus.clock import instant_text
from foedus.node.issue_orders import Issued
from foedus.node.order_status import OrderView, is_overdue
from foedus.node.ports.orders import BreachRow, HolderRow, IssuedOrder, Tally
from foedus.node.ports.received_orders import ReceivedOrder

__all__ = [
    "breach_document",
    "holder_document",
    "issued_document",
    "order_document",
    "order_view_document",
    "received_document",
    "tally_document",
]


def issued_document(done: Issued) -> dict[str, Any]:
    """Return what an order that was just given comes to."""
    return {
        "orders": list(done.orders),
        "items": done.items,
        "holders": list(done.holders),
        "due": instant_text(done.due),
        "not_given": [{"member": each.member, "reason": each.reason} for each in done.not_given],
        "erased": done.erased,
        "lingering": done.lingering,
    }


def order_document(order: IssuedOrder) -> dict[str, Any]:
    """Return an order of ours."""
    told = order.order
    return {
        "order": told.name,
        "action": told.action.value,
        "reason": told.reason.value,
        "treaty": told.treaty,
        "article": told.article,
        "given": instant_text(told.at),
        "given_by": told.user,
        "due": instant_text(told.due),
        "life": told.life,
        "expiry": _instant(told.expiry),
        "ended": _instant(order.ended),
        "log_entry": told.entry_index,
    }


def tally_document(tally: Tally) -> dict[str, Any]:
    """Return how far the holders of an order have come."""
    return {
        "holders": {state.value: count for state, count in tally.states.items()},
        "overdue": tally.overdue,
        "breaches": tally.breaches,
    }


def order_view_document(view: OrderView, now: datetime) -> dict[str, Any]:
    """Return an order of ours with everyone it went to."""
    return {
        **order_document(view.order),
        "figures": tally_document(view.tally),
        "rows": [
            holder_document(row, now)
            | {
                "attested_as": [
                    attestation_document(each)
                    for each in view.attestations.get(row.holder.member, ())
                ]
            }
            for row in view.holders
        ],
    }


def attestation_document(told: Attestation) -> dict[str, Any]:
    return {
        "outcome": told.outcome.value,
        "final": told.final,
        "executed": instant_text(told.executed),
        "attested": instant_text(told.at),
        "counts": dict(told.counts),
        "kept": [
            {"ground": each.ground.value, "items": each.items, "until": _instant(each.until)}
            for each in told.kept
        ],
        "beyond_reach": {each.kind.value: each.count for each in told.beyond},
        "passed_on": list(told.passed_on),
    }


def holder_document(row: HolderRow, now: datetime) -> dict[str, Any]:
    """Return one row of the matrix: an order and a holder."""
    return {
        "order": row.name,
        "holder": row.holder.member,
        "items": row.holder.items,
        "state": row.state.value,
        "ordered": instant_text(row.holder.ordered),
        "received": _instant(row.received),
        "executed": _instant(row.executed),
        "attested": _instant(row.attested),
        "due": instant_text(row.holder.due),
        "overdue": is_overdue(row, now),
        "outcome": None if row.outcome is None else row.outcome.value,
        "kept": row.kept,
        "kept_until": _instant(row.kept_until),
        "breach": row.breach or None,
        "via": row.holder.via,
    }


def breach_document(row: BreachRow) -> dict[str, Any]:
    """Return the record of an order not carried out in time."""
    return {
        "breach": row.record,
        "order": row.name,
        "holder": row.breach.member,
        "due": instant_text(row.breach.due),
        "noted": instant_text(row.breach.noted),
        "log_entry": row.breach.entry_index,
        "executed": _instant(row.executed),
        "late_by_seconds": None
        if row.executed is None
        else int((row.executed - row.breach.due).total_seconds()),
        "closed": _instant(row.closed),
        "closed_by": row.closed_by,
        "reason": row.reason,
    }


def _instant(at: datetime | None) -> str | None:
    return None if at is None else instant_text(at)


def received_document(each: ReceivedOrder) -> dict[str, Any]:
    """Return an order that another member gave."""
    order, applied = each.taken.order, each.applied
    return {
        "number": each.number,
        "order": order.name,
        "originator": order.originator,
        "from": each.taken.sender,
        "action": order.action.value,
        "reason": order.reason.value,
        "treaty": order.treaty,
        "article": order.article,
        "items": [line.object_id for line in order.lines],
        "state": each.state.value,
        "automatic": each.taken.automatic,
        "given": instant_text(order.at),
        "received": instant_text(each.taken.received),
        "due": instant_text(order.due),
        "executed": _instant(each.executed),
        "attested": _instant(each.attested),
        "counts": {} if applied is None else dict(applied.counts),
        "kept": []
        if applied is None
        else [
            {"ground": kept.ground.value, "items": kept.items, "until": _instant(kept.until)}
            for kept in applied.kept
        ],
        "beyond_reach": {beyond.kind.value: beyond.count for beyond in each.beyond},
        "passed_on": list(each.passed_on),
    }
