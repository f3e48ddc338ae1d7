"""Retention: until when each item is kept here, who is reminded, and what is purged by itself.

The end of an item here is the earliest of:

1. the expiry its terms state;
2. the limit of the newest disclosure by which it came and that sets one (``@retain``); a renewed
   disclosure with a later limit lengthens, one without a limit takes none away;
3. a day set by an order of its originator (*expire*);
4. a day set by a duty that outlives a treaty.

What comes by itself, as steps of the case clock, each in pages and at once after a restart:

* *Dating*. What entered a state since the last step gets its dates from its terms, and from the
  disclosures that brought it.
* *Purging*. What has ended goes, whoever its originator is, with all that was made of it. The log
  says how many, never what. It may be given anew, on new terms. What a reserved ground keeps is
  restricted instead, and goes when that ground ends.
* *Reminding*. Alarms say some days before how much comes to its end or to its review.

A review that has come hides nothing, but nothing is released on those terms until an officer or
supervisor renews them. Only the originator lengthens: a holder asks it for a renewed disclosure.

Spec: design §2 rule 6, §4, §6; Convention Articles 13 and 14.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from foedus.access import Actor, Role, require_role
from foedus.model.identifiers import ObjectId
from foedus.model.terms import parse_terms, terms_document, terms_id
from foedus.node.context import Node, note_act
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.own_log import enter
from foedus.node.ports import Alarm, ItemRow, ItemState, Transaction
from foedus.node.ports.retention import Dated, RetainedBatch, RetentionFigures, TermsDates, Undated
from foedus.node.purge import Cause, CauseKind, purge
from foedus.release.gate import Gate

__all__ = [
    "ENDING",
    "REVIEW",
    "DatedItem",
    "Renewal",
    "RetentionRun",
    "date_items",
    "ending_items",
    "kept_items",
    "purge_due",
    "purge_ended",
    "remind",
    "renew",
    "retain_step",
    "retention_figures",
    "reviewed_items",
]

ENDING: Final = "retention.ending"
"""Alarm: items come to their end soon."""

REVIEW: Final = "retention.review"
"""Alarm: terms of items come to their review, or have."""

_DATED: Final = 5_000
_PASSED_OVER: Final = 500
_BATCHES: Final = 200
_PURGED: Final = 1_000
_COUNTED: Final = 1_000
_DUTIES: Final = 500
_MAX_REASON: Final = 500
_DONE_BY: Final = "retention"


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedItem:
    """An item with its dates; the row says what it is."""

    row: ItemRow
    dated: Dated


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionRun:
    """What one run purged.

    Attributes:
        versions: Item versions that went.
        variants: Redacted forms of them.
        kept: Item versions that stay on a reserved ground.
        duties: Duties of retention that ended with them.
        more: Whether more is due.
    """

    versions: int = 0
    variants: int = 0
    kept: int = 0
    duties: int = 0
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """New dates for terms, and why.

    Attributes:
        review: When need and accuracy are looked at again; None leaves what the terms say.
        expiry: When the items end; None leaves what the terms say.
        reason: What the review found; for people, it should name nobody.
    """

    review: datetime | None
    expiry: datetime | None
    reason: str


def retain_step(node: Node, gate: Gate) -> None:  # noqa: ARG001  # a step of the case clock
    """Date, purge and remind: one page of each."""
    date_items(node)
    purge_due(node)
    remind(node)


def date_items(node: Node) -> int:
    """Give dates to one page of what is new here; returns how many rows were looked at.

    Zero means that everything here is dated.
    """
    with node.database.read() as tx:
        found = tx.retention.undated(limit=_DATED)
        batches = tx.retention.retained(limit=_BATCHES)
    here = [each for each in found if each.kept_here]
    # A few drafts and documents move no cursor: they are passed over again, and nothing is written.
    if not here and not batches and len(found) < _PASSED_OVER:
        return 0
    with node.database.write() as tx:
        # Read anew, in the transaction that writes: an item may have gone meanwhile.
        found = tx.retention.undated(limit=_DATED)
        tx.retention.put_dates(
            _dates(tx, [each for each in found if each.kept_here]),
            upto=found[-1].added if found else None,
        )
        batches = tx.retention.retained(limit=_BATCHES)
        tx.retention.put_retained(batches)
    return len(found) + sum(map(_size, batches))


def purge_due(node: Node) -> RetentionRun:
    """Purge one page of what has ended; safe to repeat, a look at an index where nothing is due."""
    now = node.clock.now()
    with node.database.read() as tx:
        due = tx.retention.due(now, limit=_PURGED)
        duties = tx.retention.ended_duties(now, limit=_DUTIES)
        freed = _freed(tx, now)
    if not due and not duties and not freed:
        return RetentionRun()
    node.check_log()
    with node.database.write() as tx:
        if freed:
            tx.retention.keep(_freed(tx, now), "")
        run = _purge(tx, node, tx.retention.due(now, limit=_PURGED), now)
        ended = 0
        if not run.more:
            duties = tx.retention.ended_duties(now, limit=_DUTIES)
            for number, _ in duties:
                tx.duties.done(
                    number, by=_DONE_BY, reason="its items ended, or were renewed", at=now
                )
            ended = len(duties)
    if run.versions:
        node.settle()
        node.database.forget()
    return replace(run, duties=ended)


def purge_ended(node: Node, actor: Actor) -> RetentionRun:
    """Purge all that has ended, as a person asks; returns the sum of it.

    Raises:
        AccessDeniedError: The actor is no data-protection officer.
    """
    require_role(actor, Role.OFFICER)
    while date_items(node):
        pass
    total = RetentionRun()
    while True:
        run = purge_due(node)
        total = RetentionRun(
            versions=total.versions + run.versions,
            variants=total.variants + run.variants,
            kept=total.kept + run.kept,
            duties=total.duties + run.duties,
        )
        if not run.more:
            break
    with node.database.write() as tx:
        note_act(tx, node, actor, "retention.purge", f"{total.versions} versions")
    remind(node)
    return total


def remind(node: Node) -> RetentionFigures:
    """Set or close the alarms on ends and reviews; writes only where one changes."""
    now = node.clock.now()
    with node.database.read() as tx:
        figures = tx.retention.figures(now, until=now + node.remind, most=_COUNTED)
        standing = {(each.code, each.subject): each.text for each in tx.alarms.open()}
    wanted = {ENDING: _ending_words(figures), REVIEW: _review_words(figures)}
    changed = {
        code: text for code, text in wanted.items() if standing.get((code, _ALL), "") != text
    }
    if changed:
        with node.database.write() as tx:
            for code, text in changed.items():
                if text:
                    tx.alarms.set(Alarm(code=code, subject=_ALL, text=text, since=now))
                else:
                    tx.alarms.clear(code, _ALL)
    return figures


_ALL: Final = "items"


def _ending_words(figures: RetentionFigures) -> str:
    if not figures.ending or figures.first_end is None:
        return ""
    return (
        f"{_many(figures.ending, 'ends', 'end')} here, the first on {figures.first_end:%d %B %Y}: "
        "purged by itself; `foedus retention list` names what"
    )


def _review_words(figures: RetentionFigures) -> str:
    if not figures.reviews or figures.first_review is None:
        return ""
    return (
        f"{_many(figures.reviews, 'comes to its', 'come to their')} review, the first on "
        f"{figures.first_review:%d %B %Y}: nothing is released on those terms from then on; "
        "`foedus retention list --reviews` names them, `foedus retention renew` renews ours"
    )


def retention_figures(tx: Transaction, node: Node, *, until: datetime) -> RetentionFigures:
    """Return how many items are due, end or are reviewed by an instant, counted up to a bound."""
    return tx.retention.figures(node.clock.now(), until=until, most=100 * _COUNTED)


def ending_items(
    tx: Transaction, until: datetime, *, after: tuple[datetime, int] | None = None, limit: int
) -> list[DatedItem]:
    """Return items that end by an instant, the earliest first."""
    return _with_rows(tx, tx.retention.ending(until, after=after, limit=limit))


def reviewed_items(
    tx: Transaction, until: datetime, *, after: tuple[datetime, int] | None = None, limit: int
) -> list[DatedItem]:
    """Return items whose terms come to their review by an instant, the earliest first."""
    return _with_rows(tx, tx.retention.reviewing(until, after=after, limit=limit))


def kept_items(tx: Transaction, *, after: int = 0, limit: int) -> list[DatedItem]:
    """Return items kept past their end on a reserved ground, by handle."""
    return _with_rows(tx, tx.retention.kept(after=after, limit=limit))


def renew(node: Node, actor: Actor, rows: Sequence[ItemRow], renewal: Renewal) -> int:
    """Give own items terms with later dates, after a person looked at need and accuracy.

    The items go on under new terms; approvals of the old ones are void, and holders have the new
    dates from the next disclosure that reaches them.

    Args:
        node: The node.
        actor: An officer or supervisor.
        rows: Held items of our own.
        renewal: The dates, and what was found.

    Returns:
        How many item versions were renewed.

    Raises:
        AccessDeniedError: The actor is neither.
        NotFoundError: No item is named.
        RefusedError: An item is not held or not ours; a day does not lie ahead; no day or no
            reason is given.
        TermsError: The terms would break a rule.
    """
    require_role(actor, Role.OFFICER, Role.SUPERVISOR)
    _check_renewal(node, rows, renewal)
    now = node.clock.now()
    node.check_log()
    with node.database.write() as tx:
        groups: dict[ObjectId, list[int]] = {}
        for row in tx.items.rows([row.handle for row in rows]):
            if row.state is not ItemState.HELD or row.terms_id is None:
                raise RefusedError(f"{row.number or row.key.object_id} is {row.state}, not held")
            groups.setdefault(row.terms_id, []).append(row.handle)
        old = tx.items.terms(list(groups))
        for identifier, handles in groups.items():
            terms = parse_terms(old[identifier])
            renewed = replace(
                terms,
                review=renewal.review or terms.review,
                expiry=renewal.expiry or terms.expiry,
            )
            new = terms_id(renewed)
            tx.items.put_terms(new, terms_document(renewed))
            tx.items.settle(handles, state=ItemState.HELD, terms_id=new, at=now)
        enter(
            tx,
            node,
            {
                "kind": "retention-renewal",
                "member": node.identity.member,
                "user": actor.user,
                "items": len(rows),
                "reason": renewal.reason.strip(),
            },
            at=now,
        )
        note_act(tx, node, actor, "retention.renew", f"{len(rows)} versions")
    node.settle()
    while date_items(node):
        pass
    remind(node)
    return len(rows)


def _check_renewal(node: Node, rows: Sequence[ItemRow], renewal: Renewal) -> None:
    now = node.clock.now()
    if not rows:
        raise NotFoundError("no item is named")
    if renewal.review is None and renewal.expiry is None:
        raise RefusedError("until when? give a day of review, of expiry, or both")
    if not 1 <= len(renewal.reason.strip()) <= _MAX_REASON:
        raise RefusedError(f"say what the review found, in 1 to {_MAX_REASON} characters")
    if any(day is not None and day <= now for day in (renewal.review, renewal.expiry)):
        raise RefusedError("a renewal goes to a day still to come")
    for row in rows:
        if row.key.originator != node.identity.member:
            raise RefusedError(
                f"{row.number or row.key.object_id} is {row.key.originator}'s: only its originator "
                "lengthens; ask it to disclose the item anew"
            )


def _purge(tx: Transaction, node: Node, due: Sequence[Dated], now: datetime) -> RetentionRun:
    """Purge a page; what is no more is forgotten, what is reserved is marked so."""
    gone = [each.handle for each in due if each.state is ItemState.DISCARDED]
    rows = list(tx.items.rows([each.handle for each in due if each.handle not in set(gone)]))
    kept: list[int] = []
    run = RetentionRun(more=len(due) == _PURGED)
    if rows:
        done = purge(
            tx,
            node,
            rows,
            Cause(
                kind=CauseKind.RETENTION,
                reference="retention",
                reason="the time for which it may be kept is over",
                user="",
                at=now,
            ),
        )
        left = {row.handle for row in rows} - set(done.handles)
        grounds = tx.erasure.reserved(sorted(left), at=now)
        kept = sorted(left & grounds.keys())
        for handle in kept:
            tx.retention.keep([handle], grounds[handle].ground)
        gone += done.handles
        run = replace(run, versions=done.versions, variants=done.variants, kept=len(kept))
    if gone:
        tx.readings.queue_exports(gone)
        tx.retention.drop(gone)
    return run


def _freed(tx: Transaction, now: datetime) -> list[int]:
    """Return what was kept on a ground that ended since."""
    found: list[int] = []
    after = 0
    while True:
        page = tx.retention.kept(after=after, limit=_PURGED)
        if page:
            handles = [each.handle for each in page]
            still = tx.erasure.reserved(handles, at=now)
            found += [handle for handle in handles if handle not in still]
            after = handles[-1]
        if len(page) < _PURGED:
            return found


def _dates(tx: Transaction, found: Sequence[Undated]) -> list[TermsDates]:
    ids = sorted({each.terms_id for each in found if each.terms_id is not None})
    terms = {each: parse_terms(raw) for each, raw in tx.items.terms(ids).items()}
    dates = []
    for each in found:
        said = None if each.terms_id is None else terms.get(each.terms_id)
        dates.append(
            TermsDates(
                handle=each.handle,
                review=None if said is None else said.review,
                expiry=None if said is None else said.expiry,
            )
        )
    return dates


def _with_rows(tx: Transaction, found: Sequence[Dated]) -> list[DatedItem]:
    rows = {row.handle: row for row in tx.items.rows([each.handle for each in found])}
    return [
        DatedItem(row=rows[each.handle], dated=each)
        for each in found
        if each.handle in rows and each.state is not ItemState.DISCARDED
    ]


def _size(batch: RetainedBatch) -> int:
    return max(1, len(batch.handles))


def _many(count: int, one: str, several: str) -> str:
    if count == 1:
        return f"1 item {one}"
    return f"{f'{_COUNTED} or more' if count >= _COUNTED else count} items {several}"
