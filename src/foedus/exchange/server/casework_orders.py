"""Casework over HTTP: orders of ours, orders received, grounds on which items are kept, breaches.

Each function parses nothing and decides nothing: it calls one operation of the node.
"""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, Struct

from foedus.access import Role
from foedus.casework.attestation import ReservedGround
from foedus.casework.order import OrderAction, OrderReason
from foedus.exchange.errors import BadRequestError
from foedus.exchange.server.casework_call import (
    Ask,
    CaseRoute,
    Count,
    Document,
    Line,
    Listing,
    NoQuery,
    Number,
    Reference,
    References,
    instant_of,
    next_of,
    treaty_of,
)
from foedus.model.identifiers import ArticleId, member_id
from foedus.node.breaches import close_breach, list_breaches
from foedus.node.issue_orders import issue_orders
from foedus.node.order_status import matrix_of, show_order
from foedus.node.order_words import Command
from foedus.node.ports.orders import MatrixPlace, Rows
from foedus.node.reserved import keep, release
from foedus.node.shown_orders import (
    breach_document,
    holder_document,
    issued_document,
    order_document,
    order_view_document,
    received_document,
    tally_document,
)
from foedus.node.take_orders import execute_order

__all__ = ["ORDER_ROUTES"]

_MAX_DIGITS: Final = 15


class IssueOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """An order to give."""

    action: OrderAction
    items: References
    article: Reference
    reason: OrderReason
    treaty: Annotated[str, Meta(max_length=80)] = ""
    members: Annotated[tuple[Reference, ...], Meta(max_length=500)] = ()
    due: str | None = None
    life: bool = False
    replacement: Annotated[str, Meta(max_length=200)] = ""
    expiry: str | None = None
    erase: bool = False


class MatrixQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which rows of the matrix."""

    order: Annotated[str, Meta(max_length=80)] = ""
    rows: Rows = Rows.ALL
    after: Annotated[str, Meta(max_length=40)] = ""
    limit: Count = 100


class OpenListing(Struct, frozen=True, forbid_unknown_fields=True):
    """A page; of what is open, unless all is asked for."""

    after: Number = 0
    limit: Count = 50
    open: bool = False


class KeepItem(Struct, frozen=True, forbid_unknown_fields=True):
    """An item to keep on a reserved ground."""

    item: Reference
    ground: ReservedGround
    reason: Annotated[str, Meta(min_length=1, max_length=1_000)]
    until: str | None = None


class OneItem(Struct, frozen=True, forbid_unknown_fields=True):
    """An item."""

    item: Reference


class Reason(Struct, frozen=True, forbid_unknown_fields=True):
    """A reason."""

    reason: Line


def _list(ask: Ask[Listing, None]) -> Document:
    query = ask.query
    with ask.node.database.read() as tx:
        rows = tx.orders.all_issued(before=query.after or None, limit=query.limit)
        tallies = tx.orders.tallies([each.number for each in rows])
    return {
        "orders": [order_document(each) | tally_document(tallies[each.number]) for each in rows],
        "next": next_of(rows, query.limit, lambda row: row.number),
    }


def _issue(ask: Ask[NoQuery, IssueOrder]) -> Document:
    body = ask.body
    command = Command(
        action=body.action,
        references=body.items,
        treaty=treaty_of(ask, body.treaty),
        article=ArticleId(body.article),
        reason=body.reason,
        due=instant_of("due", body.due),
        life=body.life,
        members=tuple(member_id(each) for each in body.members),
        replacement=body.replacement,
        expiry=instant_of("expiry", body.expiry),
        erase=body.erase,
    )
    return issued_document(issue_orders(ask.node, ask.actor, ask.gate, command))


def _show(ask: Ask[NoQuery, None]) -> Document:
    with ask.node.database.read() as tx:
        view = show_order(tx, ask.parts["order"])
    return order_view_document(view, ask.node.clock.now())


def _matrix(ask: Ask[MatrixQuery, None]) -> Document:
    query = ask.query
    with ask.node.database.read() as tx:
        found = matrix_of(
            tx, rows=query.rows, name=query.order, after=_place(query.after), limit=query.limit
        )
    now = ask.node.clock.now()
    return {
        "rows": [holder_document(each, now) for each in found.rows],
        "figures": tally_document(found.tally),
        "next": "" if found.after is None else f"{found.after.number}/{found.after.member}",
    }


def _place(after: str) -> MatrixPlace | None:
    if not after:
        return None
    number, _, member = after.partition("/")
    if not (number.isascii() and number.isdecimal() and len(number) <= _MAX_DIGITS):
        raise BadRequestError("after: what `next` said, for example 12/XB")
    return MatrixPlace(number=int(number), member=member)


def _received(ask: Ask[OpenListing, None]) -> Document:
    query = ask.query
    with ask.node.database.read() as tx:
        rows = tx.orders.all_received(
            open_only=query.open, before=query.after or None, limit=query.limit
        )
    return {
        "orders": [received_document(each) for each in rows],
        "next": next_of(rows, query.limit, lambda row: row.number),
    }


def _execute(ask: Ask[NoQuery, None]) -> Document:
    done = execute_order(ask.node, ask.actor, ask.gate, ask.number())
    return received_document(done) | {"unattested": done.unattested}


def _keep(ask: Ask[NoQuery, KeepItem]) -> Document:
    body = ask.body
    versions = keep(
        ask.node,
        ask.actor,
        body.item,
        ground=body.ground,
        reason=body.reason,
        until=instant_of("until", body.until),
    )
    return {"item": body.item, "ground": body.ground.value, "versions": versions}


def _release(ask: Ask[NoQuery, OneItem]) -> Document:
    return {"item": ask.body.item, "versions": release(ask.node, ask.actor, ask.body.item)}


def _breaches(ask: Ask[OpenListing, None]) -> Document:
    query = ask.query
    with ask.node.database.read() as tx:
        rows = list_breaches(tx, open_only=query.open, after=query.after, limit=query.limit)
    return {
        "breaches": [breach_document(each) for each in rows],
        "next": next_of(rows, query.limit, lambda row: row.record),
    }


def _close(ask: Ask[NoQuery, Reason]) -> Document:
    return breach_document(close_breach(ask.node, ask.actor, ask.number(), ask.body.reason))


_OFFICER: Final = (Role.OFFICER,)

ORDER_ROUTES: Final[tuple[CaseRoute, ...]] = (
    CaseRoute(
        method="GET",
        path="orders",
        does="Orders of ours, newest first, with how far their holders have come",
        work=_list,
        query=Listing,
    ),
    CaseRoute(
        method="POST",
        path="orders",
        does="Give an order on items of ours to everyone who holds them",
        work=_issue,
        roles=(Role.OFFICER, Role.REVIEWER, Role.LEGAL),
        body=IssueOrder,
        status=201,
    ),
    CaseRoute(
        method="GET",
        path="orders/matrix",
        does="Order by holder: ordered, received, executed, attested, due, kept, breach",
        work=_matrix,
        query=MatrixQuery,
    ),
    CaseRoute(
        method="GET",
        path="orders/received",
        does="Orders that other members gave us, newest first",
        work=_received,
        query=OpenListing,
    ),
    CaseRoute(
        method="POST",
        path="orders/received/{number}/execute",
        does="Carry out an order that the treaty leaves to a person's hand",
        work=_execute,
        roles=_OFFICER,
    ),
    CaseRoute(
        method="GET",
        path="orders/{order}",
        does="One order of ours: each holder, what it did, kept, and could not reach",
        work=_show,
    ),
    CaseRoute(
        method="POST",
        path="grounds",
        does="Keep an item on a reserved ground",
        work=_keep,
        roles=_OFFICER,
        body=KeepItem,
    ),
    CaseRoute(
        method="POST",
        path="grounds/release",
        does="End the ground on which an item is kept; orders on it are carried out then",
        work=_release,
        roles=_OFFICER,
        body=OneItem,
    ),
    CaseRoute(
        method="GET",
        path="breaches",
        does="Orders that were not carried out in time",
        work=_breaches,
        query=OpenListing,
    ),
    CaseRoute(
        method="POST",
        path="breaches/{number}/close",
        does="Close a breach with a reason that is entered in the log",
        work=_close,
        roles=_OFFICER,
        body=Reason,
    ),
)
"""Routes of orders."""
