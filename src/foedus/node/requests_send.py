"""Send a request for information: an ordinary disclosure to the one member it is addressed to.

1. What other members will see, and under which article, is previewed like every release.
2. The gate decides; the request is *sent* in the unit of work that puts it into the member's lane.
3. It goes to the member it names and to nobody else, whichever command gives it.

Spec: Convention Article 15(1).
"""

from __future__ import annotations

from foedus.access import Actor
from foedus.casework.request import Urgency
from foedus.casework.request_course import RequestEvent, RequestState, next_state
from foedus.model.identifiers import ArticleId
from foedus.node.context import Node
from foedus.node.disclose import Disclosed, disclose
from foedus.node.errors import RefusedError
from foedus.node.ports.requests import RequestRow
from foedus.node.preview import PreviewTable, preview
from foedus.node.wish import Wish
from foedus.release.gate import Gate

__all__ = ["preview_request", "send_request", "wish_of"]


def wish_of(row: RequestRow, *, article: ArticleId | None = None) -> Wish:
    """Return on what footing a request goes out, and what answers it goes back."""
    return Wish(
        treaty=row.treaty,
        purpose=row.purpose,
        article=article or row.article or None,
        recipients=(row.member,),
        threat_to_life=row.urgency is Urgency.LIFE,
    )


def preview_request(node: Node, actor: Actor, gate: Gate, row: RequestRow) -> PreviewTable:
    """Return what would be decided if an approved request were sent now.

    Raises:
        AccessDeniedError: The actor may not ask.
        RefusedError: It is not approved: only what somebody answers for can be released.
    """
    if row.state is RequestState.DRAFT:
        raise RefusedError(f"request {row.number} is a draft; approve it first")
    return preview(node, actor, gate, [row.item], wish_of(row), why=True)


def send_request(
    node: Node, actor: Actor, gate: Gate, row: RequestRow
) -> tuple[RequestRow, Disclosed]:
    """Disclose an approved request to the member it asks.

    Returns:
        The request as it is now, still *approved* if the gate withheld it, and what was decided.

    Raises:
        AccessDeniedError: The actor is no supervisor.
        CaseCourseError: It is not approved, or sent already.
        RefusedError: Its deadline passed before it was sent.
    """
    next_state(row.state, RequestEvent.SEND)
    if row.due <= node.clock.now():
        raise RefusedError(
            f"request {row.number} was due {row.due:%Y-%m-%d %H:%M} UTC, before it was sent; draft "
            "it anew"
        )
    [done] = disclose(node, actor, gate, [row.item], wish_of(row))
    with node.database.read() as tx:
        return tx.requests.get(row.number) or row, done
