"""``webhook``: tell a member's own tools what happens here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.output import emit, pass_session, say, table
from foedus.node.ports.webhooks import EventKind

if TYPE_CHECKING:
    from foedus.node.ports.webhooks import MessageRow, WebhookRow

__all__ = ["webhook"]

_SHOWN_MESSAGES = 100
_EVENTS = click.Choice([kind.value for kind in EventKind if kind is not EventKind.TEST])


@click.group()
def webhook() -> None:
    """Tell own tools over HTTPS what happens: signed, retried for a day, ids and figures only."""


@webhook.command("add")
@click.argument("url")
@click.option(
    "--event", "events", multiple=True, required=True, type=_EVENTS, help="May be repeated."
)
@click.option(
    "--allow-private",
    is_flag=True,
    help="Let the host have an address that is not public, inside the member's own network.",
)
@pass_session
def webhook_add(session: Session, *, url: str, events: tuple[str, ...], allow_private: bool) -> int:
    """Send events to URL (https, or http to this machine); its secret is shown this once."""
    from foedus.exchange.webhooks import check_webhook_url  # noqa: PLC0415  # keeps `--help` fast
    from foedus.node.webhooks import add_webhook  # noqa: PLC0415

    check_webhook_url(url)
    kinds = frozenset(EventKind(each) for each in events)
    made = add_webhook(session.wired.node, session.actor, url, kinds, private=allow_private)
    say("Keep this secret now: it is not stored and cannot be shown again.")
    emit(
        session,
        {"webhook": made.number, "events": sorted(kinds), "secret": made.secret},
        lambda: f"{made.secret}\n",
    )
    return Exit.DONE


@webhook.command("list")
@pass_session
def webhook_list(session: Session) -> int:
    """List webhooks, never their secrets."""
    with session.wired.node.database.read() as tx:
        rows = tx.webhooks.all()
    emit(
        session,
        {"webhooks": [_document(row) for row in rows]},
        lambda: table(
            ("webhook", "url", "events", "state", "waiting", "lost"),
            [
                (
                    row.number,
                    row.webhook.url,
                    ", ".join(sorted(row.webhook.events)),
                    _state(row),
                    row.waiting,
                    row.lost,
                )
                for row in rows
            ],
        ),
    )
    return Exit.DONE


@webhook.command("remove")
@click.argument("number", type=int)
@pass_session
def webhook_remove(session: Session, *, number: int) -> int:
    """Remove the webhook NUMBER and what waits for it."""
    from foedus.node.webhooks import remove_webhook  # noqa: PLC0415

    remove_webhook(session.wired.node, session.actor, number)
    emit(session, {"removed": number}, lambda: f"Webhook {number} is removed.\n")
    return Exit.DONE


@webhook.command("test")
@click.argument("number", type=int)
@pass_session
def webhook_test(session: Session, *, number: int) -> int:
    """Send a test event to the webhook NUMBER now and say what came of it."""
    from foedus.exchange.webhooks import HTTPCourier  # noqa: PLC0415
    from foedus.node.webhook_delivery import attempt, settle_one  # noqa: PLC0415
    from foedus.node.webhooks import test_event  # noqa: PLC0415

    node = session.wired.node
    row, message = test_event(node, session.actor, number)
    courier = HTTPCourier()
    try:
        came = attempt(node, courier, row, message)
    finally:
        courier.close()
    settle_one(node, row, message, came)
    emit(
        session,
        {"webhook": number, "delivered": came.delivered, "answer": came.words},
        lambda: f"Webhook {number}: {came.words}.\n",
    )
    return Exit.DONE if came.delivered else Exit.UNREACHABLE


@webhook.command("deliveries")
@click.argument("number", type=int)
@click.option("--limit", default=_SHOWN_MESSAGES, show_default=True, help="Newest so many.")
@pass_session
def webhook_deliveries(session: Session, *, number: int, limit: int) -> int:
    """Show what was sent to the webhook NUMBER and what came of it, newest first."""
    from foedus.node.errors import NotFoundError  # noqa: PLC0415

    with session.wired.node.database.read() as tx:
        if tx.webhooks.get(number) is None:
            raise NotFoundError(f"no webhook {number}")
        rows = tx.webhooks.messages(number, limit=max(1, limit))
    emit(
        session,
        {"deliveries": [_delivery(row) for row in rows]},
        lambda: table(
            ("event", "what", "at", "state", "attempts", "answer"),
            [
                (
                    row.number,
                    row.event.kind.value,
                    row.event.at.isoformat(timespec="seconds"),
                    row.state.value,
                    row.attempts,
                    row.answer,
                )
                for row in rows
            ],
        ),
    )
    return Exit.DONE


def _state(row: WebhookRow) -> str:
    if row.ended is not None:
        return f"ended {row.ended.isoformat(timespec='seconds')}"
    return "delivering" if not row.failures else f"failing ({row.failures} in a row)"


def _document(row: WebhookRow) -> dict[str, object]:
    return {
        "webhook": row.number,
        "url": row.webhook.url,
        "events": sorted(row.webhook.events),
        "private": row.webhook.private,
        "created": row.webhook.created,
        "created_by": row.webhook.created_by,
        "ended": row.ended,
        "failures": row.failures,
        "waiting": row.waiting,
        "lost": row.lost,
    }


def _delivery(row: MessageRow) -> dict[str, object]:
    return {
        "event": row.number,
        "what": row.event.kind.value,
        "at": row.event.at,
        "state": row.state.value,
        "due": row.due,
        "attempts": row.attempts,
        "answer": row.answer,
    }
