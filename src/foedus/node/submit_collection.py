"""Take what is new in a named collection into drafts, from where the last time ended.

check role → read the objects after the cursor → submit each page as a source → move the cursor.

A crash between the two last steps submits a page again; what stands among the drafts by then is
known there and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from foedus.access import Actor, Role, require_role
from foedus.clock import from_micros, to_micros
from foedus.intake.drafts import Format
from foedus.intake.limits import IntakeLimits
from foedus.node.collected import collected_page
from foedus.node.collections import collection_by_name
from foedus.node.context import Node
from foedus.node.served import PageQuery, VersionChoice
from foedus.node.submit import Submission, Submitted, submit

__all__ = ["MAX_PAGE_OBJECTS", "CollectionSubmitted", "submit_collection"]

MAX_PAGE_OBJECTS = 1_000
"""Objects submitted as one source."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionSubmitted:
    """What became of one page of a collection.

    Attributes:
        collection: Its name.
        objects: Objects read.
        submitted: What became of them.
        more: Whether further pages follow.
    """

    collection: str
    objects: int
    submitted: Submitted
    more: bool


def submit_collection(
    node: Node,
    actor: Actor,
    name: str,
    *,
    limits: IntakeLimits,
    progress: Callable[[int, int], None] | None = None,
) -> CollectionSubmitted | None:
    """Submit the next page of what is new in a collection; every version of it.

    Args:
        node: The node.
        actor: An analyst.
        name: Of the collection.
        limits: Of intake.
        progress: Told how far it is.

    Returns:
        What became of it; None when nothing is new.

    Raises:
        AccessDeniedError: The actor is no analyst.
        NotFoundError: No such collection.
        IntakeError: A page passes a limit; nothing of it is stored.
    """
    require_role(actor, Role.ANALYST)
    with node.database.read() as tx:
        row = collection_by_name(tx, name)
        query = PageQuery(
            after=from_micros(row.submitted),
            limit=MAX_PAGE_OBJECTS,
            versions=VersionChoice(every=True),
        )
        page = collected_page(tx, row.number, query)
    if page.position is None:
        return None
    data = b'{"type":"bundle","objects":[' + b",".join(page.raws()) + b"]}"
    submission = Submission(data=data, name=f"collection {name}", format=Format.BUNDLE)
    submitted = submit(node, actor, submission, limits=limits, progress=progress)
    with node.database.write() as tx:
        now = tx.collections.get(row.number)
        if now is not None:
            reached = max(now.submitted, to_micros(page.position))
            tx.collections.set_figures(replace(now, submitted=reached))
    return CollectionSubmitted(
        collection=name, objects=len(page.rows), submitted=submitted, more=page.more
    )
