"""Pull one lane of a peer, batch by batch, from where we left off.

Cursor and items of a batch are committed together, so a crash at any point repeats at most the
batch that was under way, and an upsert is idempotent. A page is read again from its start after an
interruption; rows processed before are skipped by position.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from foedus.model.objects import ObjectError, parse_object
from foedus.node.accept import Accepted, accept_batch
from foedus.node.context import Node
from foedus.node.dispatch import LANE_INSTRUMENTS, LANE_ORDERS
from foedus.node.errors import ConflictError, IntegrityError
from foedus.node.heads import HeadError, LaneHead, open_head
from foedus.node.lane_counts import LaneCounts
from foedus.node.log_keys import log_verifiers, origin_of, owner_of
from foedus.node.log_succession import known_head, log_beside
from foedus.node.pass_on import pass_on
from foedus.node.peer_log import PeerLog
from foedus.node.peer_ports import PeerClient, PeerClosedError, PeerEndpoint
from foedus.node.ports import Alarm, InCursor, NewQuarantine
from foedus.node.receive import (
    Opening,
    check_batch,
    may_stand,
    open_batch,
    rows_wanted,
    stand_in,
)
from foedus.release.gate import Gate
from foedus.release.record import DisclosurePayload
from foedus.release.withheld import WithheldItem
from foedus.signing import KeyPurpose

__all__ = ["MAX_BATCH_ROWS", "PAGE_ROWS", "LanePull", "LaneReport"]

PAGE_ROWS: Final = 1_000
"""Rows asked for per page."""

MAX_BATCH_ROWS: Final = 1_001
"""Most rows of one batch: a disclosure and its items."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneReport:
    """What one pull of one lane did.

    Attributes:
        batches: Batches taken.
        accepted: Items now held.
        known: Items that were held already with the same bytes.
        quarantined: Items refused by our own decision.
        hits: New questions.
        awaiting: Items that came and are held for law.
        withheld: Items that the sender had erased before they were taken.
        fault: Why the lane stands still; "" when it was drained.
        count: Rows processed in all.
        instruments: Digest of the sender's instrument set, as it signed; "" when it was not heard.
        healed: What was found different from the sender's account and put right; "" if nothing.
    """

    lane: str
    batches: int = 0
    accepted: int = 0
    known: int = 0
    quarantined: int = 0
    hits: int = 0
    awaiting: int = 0
    withheld: int = 0
    fault: str = ""
    count: int = 0
    instruments: str = ""
    healed: str = ""

    def plus(self, later: LaneReport) -> LaneReport:
        """Return this and what was done in the same lane after it as one report."""
        return replace(
            later,
            batches=self.batches + later.batches,
            accepted=self.accepted + later.accepted,
            known=self.known + later.known,
            quarantined=self.quarantined + later.quarantined,
            hits=self.hits + later.hits,
            awaiting=self.awaiting + later.awaiting,
            withheld=self.withheld + later.withheld,
            healed=later.healed or self.healed,
        )


class LanePull:
    """One pull of one lane of a peer.

    Attributes:
        between: Called before each further page with the counts that came with the last one; says
            whether it drained other lanes.
    """

    def __init__(
        self,
        node: Node,
        gate: Gate,
        client: PeerClient,
        peer: PeerEndpoint,
        lane: str,
        progress: Callable[[str, int, int], None] | None,
    ) -> None:
        self._node = node
        self._gate = gate
        self._client = client
        self._peer = peer
        self._progress = progress
        self._report = LaneReport(lane=lane)
        self._lane = lane
        self._rows: list[bytes] = []
        self._opened: tuple[int, Opening] | None = None
        self._log: PeerLog | None = None
        self._heard: datetime | None = None
        self._digest = ""
        self.between: Callable[[LaneCounts | None], bool] | None = None

    @property
    def heads_digest(self) -> str:
        """Digest of the log heads the sender knows, as it sent it; "" if it did not."""
        return self._digest

    @property
    def suspects(self) -> tuple[bytes, ...]:
        """Signed heads of the sender's log that did not continue what was known of it."""
        return () if self._log is None else self._log.suspects

    def run(self) -> LaneReport:
        """Drain the lane; what was wrong with it is kept, alarmed, and told in the report.

        Raises:
            PeerError: The peer was lost on the way; whole batches before that stay.
        """
        with self._node.database.read() as tx:
            cursor = tx.inbox.cursor(self._peer.member, self._lane)
        try:
            cursor = self._drain(cursor)
        except IntegrityError as error:
            return self._halt(error)
        except PeerClosedError as error:
            # No fault of integrity: what came before stays, what comes is asked for again.
            return replace(self._report, fault=f"closed: {error}", count=self._count_now())
        except ConflictError as error:
            # Nothing is wrong with the lane: the other pull goes on with it.
            return replace(self._report, fault=f"overtaken: {error}", count=self._count_now())
        self._resume(cursor)
        return replace(self._report, count=cursor.count)

    def _count_now(self) -> int:
        with self._node.database.read() as tx:
            return tx.inbox.cursor(self._peer.member, self._lane).count

    def _drain(self, cursor: InCursor) -> InCursor:
        after, anchor, seen = cursor.added_after, cursor.anchor, cursor.anchor
        while True:
            page = self._client.lane_page(
                self._peer, self._lane, added_after=after, limit=PAGE_ROWS
            )
            head = self._head(page.head)
            self._digest = page.heads
            fresh = page.objects[max(0, cursor.count + len(self._rows) - seen) :]
            self._rows.extend(fresh)
            cursor = self._take_batches(cursor, added_after=after, anchor=anchor)
            seen += len(page.objects)
            if page.last_added:
                after, anchor = page.last_added, seen
            if not page.more:
                break
            if not page.objects:
                raise IntegrityError("sequence", "the sender promises more but sends nothing")
            self._agree(head, cursor, page.head)
            self._told(cursor, head)
            if self.between is not None and self.between(page.counts):
                self._log = None  # the other lane may have followed the log further
        self._settle_with(head, cursor, page.head)
        if cursor.count == anchor and cursor.added_after != after:
            cursor = replace(cursor, added_after=after, anchor=anchor)
        return cursor

    def _told(self, cursor: InCursor, head: LaneHead) -> None:
        if self._progress is not None:
            self._progress(self._lane, cursor.count, head.count)

    def _head(self, raw: bytes) -> LaneHead:
        """Verify the sender's signed head of the lane."""
        now = self._node.clock.now()
        with self._node.database.read() as tx:
            keys = self._node.law.view(tx).keys(self._peer.member, KeyPurpose.NODE, now)
        try:
            head = open_head(raw, keys)
        except HeadError as error:
            raise IntegrityError("signature", str(error), raw=raw) from error
        named = (head.speaker, head.sender, head.recipient, head.lane)
        if named != (
            self._peer.member,
            self._peer.member,
            self._node.identity.member,
            self._lane,
        ):
            raise IntegrityError("form", "the lane head is that of another lane", raw=raw)
        # A head replayed later carries its own instant: it never makes the peer look fresher.
        self._heard = min(head.instant, now)
        self._report = replace(self._report, instruments=head.instruments)
        return head

    def _settle_with(self, head: LaneHead, cursor: InCursor, raw: bytes) -> None:
        """A drained lane must stand where the sender signed that it stands.

        The signed head is kept with the fault: it is the sender's own word against it.
        """
        if self._rows:
            raise IntegrityError(
                "sequence",
                f"the lane ends in the middle of a batch: {len(self._rows)} rows without the rest",
                position=cursor.count + 1,
                raw=self._rows[0],
            )
        self._agree(head, cursor, raw)
        if head.count > cursor.count:
            raise IntegrityError(
                "sequence",
                f"the sender signs that the lane has {head.count} rows and sent {cursor.count}",
                position=cursor.count + 1,
                raw=raw,
            )
        self._told(cursor, head)

    @staticmethod
    def _agree(head: LaneHead, cursor: InCursor, raw: bytes) -> None:
        """What the sender signs beside a page must not contradict what was taken so far."""
        if head.count < cursor.count:
            raise IntegrityError(
                "lane-rollback",
                f"the sender's lane went back from {cursor.count} to {head.count} rows",
                raw=raw,
            )
        if head.count == cursor.count and head.digest != cursor.digest.hex():
            raise IntegrityError(
                "lane-digest",
                "the sender's lane has the same length and another content",
                raw=raw,
            )

    def _take_batches(self, cursor: InCursor, *, added_after: str, anchor: int) -> InCursor:
        """Process every complete batch among the rows read so far."""
        while self._rows:
            opening = self._open(cursor)
            if opening is None:
                return cursor
            wanted = rows_wanted(opening)
            rows = self._rows[1 : 1 + wanted]
            batch = check_batch(cursor, opening, rows, self._withheld(rows, cursor.count + 2))
            log, present = self._log_of(opening.payload, rows)
            self._check_log(log, opening, position=cursor.count + 1)
            cursor = InCursor(
                sender=self._peer.member,
                lane=self._lane,
                count=cursor.count + 1 + wanted,
                digest=batch.digest,
                added_after=added_after,
                anchor=anchor,
                halted="",
            )
            outcome = accept_batch(
                self._node,
                self._gate,
                self._peer.member,
                batch,
                cursor=cursor,
                checkpoint=log.newest if present else None,
            )
            self._count(outcome)
            del self._rows[: 1 + wanted]
        return cursor

    def _open(self, cursor: InCursor) -> Opening | None:
        if self._opened is None or self._opened[0] != cursor.count:
            with self._node.database.read() as tx:
                opening = open_batch(
                    tx,
                    self._node,
                    self._peer.member,
                    self._rows[0],
                    position=cursor.count + 1,
                    lane=self._lane,
                )
            # A batch may come over several pages; what opens it is read once.
            self._opened = cursor.count, opening
        _, opening = self._opened
        wanted = rows_wanted(opening)
        if wanted >= MAX_BATCH_ROWS:
            raise IntegrityError(
                "form", f"a batch of {wanted} items", position=cursor.count + 1, raw=self._rows[0]
            )
        return None if len(self._rows) < 1 + wanted else opening

    def _withheld(self, rows: Sequence[bytes], first: int) -> dict[int, WithheldItem]:
        """Return which rows after a disclosure say that one is withheld, by place from 0."""
        found: dict[int, WithheldItem] = {}
        if not any(map(may_stand, rows)):
            return found
        with self._node.database.read() as tx:
            for place, raw in enumerate(rows):
                stands = stand_in(
                    tx,
                    self._node,
                    self._peer.member,
                    raw,
                    position=first + place,
                    lane=self._lane,
                )
                if stands is not None and isinstance(stands[1], WithheldItem):
                    found[place] = stands[1]
        return found

    @staticmethod
    def _check_log(log: PeerLog, opening: Opening, *, position: int) -> None:
        """Check step 4; the disclosure is kept as proof unless the log head is a better one."""
        try:
            log.check_entry(opening.entry, opening.payload.log_index)
        except IntegrityError as error:
            raise IntegrityError(
                error.fault,
                str(error),
                position=position,
                raw=error.raw or opening.document.raw,
            ) from error

    def _log_of(self, payload: DisclosurePayload, rows: Sequence[bytes]) -> tuple[PeerLog, bool]:
        """Return the log a disclosure stands in, and whether its heads are the newest to keep."""
        log = self._peer_log()
        if payload.log_origin == log.origin:
            return log, True
        with self._node.database.read() as tx:
            owner = owner_of(tx, self._node, payload.log_origin)
        if owner not in {None, self._peer.member}:
            raise IntegrityError(
                "not-in-log",
                f"the disclosure names the log {payload.log_origin}, which belongs to {owner}",
            )
        other = log_beside(self._node, self._client, self._peer, payload, rows)
        self._log = None  # with these rows the present log may be another
        return other, other.known is None

    def _peer_log(self) -> PeerLog:
        if self._log is None:
            with self._node.database.read() as tx:
                row = tx.peers.get(self._peer.member)
                # A sender that names another's log as its own has none here, and no key of one.
                origin = origin_of(tx, self._node, self._peer.member) or ""
                verifiers = log_verifiers(tx, self._node, self._peer.member)
                self._log = PeerLog(
                    self._client,
                    self._peer,
                    origin=origin,
                    keys=[each.key for each in verifiers],
                    known=None if row is None else known_head(row.checkpoint, origin),
                )
        return self._log

    def _count(self, outcome: Accepted) -> None:
        self._report = replace(
            self._report,
            batches=self._report.batches + 1,
            accepted=self._report.accepted + outcome.accepted,
            known=self._report.known + outcome.known,
            quarantined=self._report.quarantined + outcome.quarantined,
            hits=self._report.hits + outcome.hits,
            awaiting=self._report.awaiting + outcome.awaiting,
            withheld=self._report.withheld + outcome.withheld,
        )

    def _halt(self, error: IntegrityError) -> LaneReport:
        """Keep what was wrong, stop the lane, raise an alarm."""
        now: datetime = self._node.clock.now()
        with self._node.database.write() as tx:
            cursor = tx.inbox.cursor(self._peer.member, self._lane)
            tx.inbox.advance(replace(cursor, halted=f"{error.fault}: {error}"))
            tx.quarantine.add(
                NewQuarantine(
                    sender=self._peer.member,
                    lane=self._lane,
                    position=error.position,
                    object_id=_id_of(error.raw),
                    raw=error.raw,
                    code=error.fault,
                    reason=str(error),
                    at=now,
                )
            )
            tx.alarms.set(
                Alarm(
                    code=f"lane.{error.fault}",
                    subject=f"{self._peer.member}/{self._lane}",
                    text=str(error),
                    since=now,
                )
            )
        return replace(self._report, fault=f"{error.fault}: {error}", count=cursor.count)

    def _resume(self, cursor: InCursor) -> None:
        """Keep the position reached, note that the peer was heard, close the lane's alarms."""
        subject = f"{self._peer.member}/{self._lane}"
        with self._node.database.read() as tx:
            stored = tx.inbox.cursor(self._peer.member, self._lane)
            healed = [each.code for each in tx.alarms.open() if _of_lane(each, subject)]
            unheard = self._lane == LANE_ORDERS and self._peer.member in tx.withheld.unheard()
        reached = _reached(stored, cursor)
        if reached != stored or healed or unheard or self._lane == LANE_INSTRUMENTS:
            with self._node.database.write() as tx:
                stored = tx.inbox.cursor(self._peer.member, self._lane)
                tx.inbox.advance(_reached(stored, cursor))
                if self._lane == LANE_INSTRUMENTS and self._heard is not None:
                    tx.peers.set_heard(self._peer.member, self._heard)
                if unheard:
                    tx.withheld.heard(self._peer.member)
                for code in healed:
                    tx.alarms.clear(code, subject)
        if self._lane == LANE_INSTRUMENTS:
            pass_on(self._node, self._gate, self._peer.member, self._report.instruments)


def _reached(stored: InCursor, cursor: InCursor) -> InCursor:
    """Return a stored cursor with the place in the sender's pages that was reached."""
    if stored.count != cursor.count:
        return replace(stored, halted="")
    return replace(stored, added_after=cursor.added_after, anchor=cursor.anchor, halted="")


def _of_lane(alarm: Alarm, subject: str) -> bool:
    return alarm.subject == subject and alarm.code.startswith("lane.")


def _id_of(raw: bytes) -> str:
    """Return the id of bytes at fault, or "" when they are no object."""
    try:
        return parse_object(raw).id
    except ObjectError:
        return ""
