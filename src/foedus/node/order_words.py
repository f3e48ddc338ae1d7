"""What an order needs: whose items, which article, who may give it, by when it is due."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from foedus.access import Actor, Role, require_role
from foedus.casework.order import OrderAction, OrderReason
from foedus.model.identifiers import (
    ArticleId,
    IdentifierError,
    LocalNumber,
    MemberId,
    TreatyId,
    object_id,
)
from foedus.node.context import Node
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.ports import ItemRow, ItemState, Transaction

__all__ = ["Command", "check_command", "due_of", "may_order", "own_items"]

_OWN_STATES: Final = frozenset({ItemState.HELD, ItemState.RESTRICTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What a person orders.

    Attributes:
        action: What the holders are to do.
        references: Local numbers or ids of items of ours; every version given is meant.
        treaty: The treaty the order rests on.
        article: Its article.
        reason: One of the closed list.
        due: By when; None for what the treaty says.
        life: Whether a life is in danger.
        members: Only these holders; empty for all. A narrowing names them.
        replacement: In a correction, the reference of the one version that replaces the one item.
        expiry: In an expiry, when the items end.
        erase: In a recall, whether the items are erased here too.
    """

    action: OrderAction
    references: tuple[str, ...]
    treaty: TreatyId
    article: ArticleId
    reason: OrderReason
    due: datetime | None = None
    life: bool = False
    members: tuple[MemberId, ...] = ()
    replacement: str = ""
    expiry: datetime | None = None
    erase: bool = False


def may_order(actor: Actor, command: Command) -> None:
    """Check that the actor may give this order, or raise AccessDeniedError.

    The data-protection officer gives any; a reviewer blocks and lifts by a challenge; the legal
    officer orders what the end of a treaty calls for.
    """
    roles = [Role.OFFICER]
    block = command.action in {OrderAction.RESTRICT, OrderAction.LIFT}
    if command.reason is OrderReason.CHALLENGE and block:
        roles.append(Role.REVIEWER)
    if command.reason is OrderReason.TREATY_ENDED:
        roles.append(Role.LEGAL)
    require_role(actor, *roles)


def check_command(tx: Transaction, node: Node, command: Command, now: datetime) -> None:
    """Refuse a command that does not say what its action needs.

    Raises:
        NotFoundError: The treaty is not known.
        RefusedError: Something is missing, or there is too much of it.
    """
    treaty = node.law.view(tx).treaty(command.treaty).treaty
    if command.article not in {each.id for each in treaty.articles}:
        raise RefusedError(f"the treaty has no Article {command.article}; name the one relied on")
    if not command.references:
        raise RefusedError("name the items")
    if command.due is not None and command.due <= now:
        raise RefusedError("an order is due later than now")
    correct = command.action is OrderAction.CORRECT
    if correct is not bool(command.replacement):
        raise RefusedError("a correction, and nothing else, names the version that replaces")
    if (command.action is OrderAction.EXPIRE) is not (command.expiry is not None):
        raise RefusedError("an expiry, and nothing else, names when the items end")
    if command.action is OrderAction.NARROW and not command.members:
        raise RefusedError("say which members lose it; for all of them it is a recall")
    if command.erase and command.action is not OrderAction.RECALL:
        raise RefusedError("only a recall erases here too")


def due_of(tx: Transaction, node: Node, command: Command, now: datetime) -> datetime:
    """Return by when an order is due: as the person says, else as the treaty does."""
    if command.due is not None:
        return command.due
    clocks = node.law.view(tx).treaty(command.treaty).treaty.clocks
    return now + (clocks.order_urgent if command.life else clocks.order)


def own_items(tx: Transaction, node: Node, references: Sequence[str]) -> list[ItemRow]:
    """Return one row for each item of ours that references name, blocked ones included.

    Raises:
        NotFoundError: A reference names nothing here.
        RefusedError: It names an item of another member, or one never vouched for.
    """
    found: dict[object, ItemRow] = {}
    for reference in references:
        for row in _named(tx, node, reference):
            if row.key.originator != node.identity.member:
                raise RefusedError(
                    f"{reference} is {row.key.originator}'s: only its originator orders"
                )
            found.setdefault(row.key.object_id, row)
    return list(found.values())


def _named(tx: Transaction, node: Node, reference: str) -> list[ItemRow]:
    try:
        rows: Sequence[ItemRow] = tx.items.by_number(LocalNumber.parse(reference))
    except IdentifierError:
        try:
            rows = tx.items.by_object_id(object_id(reference))
        except IdentifierError as error:
            raise NotFoundError(
                f"{reference!r} is no local number (XA-2026-00042) or STIX id"
            ) from error
    standing = [row for row in rows if row.state in _OWN_STATES]
    if not standing:
        raise NotFoundError(f"nothing held here has the name {reference}")
    # An observable has the same id whoever observes it: ours is meant where there is one.
    own = [row for row in standing if row.key.originator == node.identity.member]
    return (own or standing)[-1:]
