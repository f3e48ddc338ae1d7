"""What every operation of one node is given: its identity, store, clock, randomness and law."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from foedus.access import Actor, Role
from foedus.clock import Clock
from foedus.ledger.tiles import TileSource
from foedus.matching import BenignList, MatchLimits
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.heads_memory import HeadsMemory
from foedus.node.identity import NodeIdentity
from foedus.node.lawbook import LawBook
from foedus.node.no_exports import NoExports
from foedus.node.no_mirrors import NoMirrors
from foedus.node.ports import Act, Database, Transaction
from foedus.node.ports.exports import ExportFolder
from foedus.node.ports.mirrors import Mirrors
from foedus.node.reading_tally import ReadingTally

__all__ = ["Node", "actor_of", "note_act"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One member's node, wired.

    Attributes:
        random: Returns that many random bytes; cryptographic.
        publish: Derives tiles from the journal and signs a new ledger head; safe to repeat.
        check_log: Refuses to go on where the store is behind its own signed head, or recovering.
        settle: Called when an act is committed: has it published, at once or, where this node
            serves, at the next instant of its cadence.
        mirrors: Copies of other members' logs.
        ledger: The published log, for reading.
        heads_memory: What was worked out of log heads in this process.
        exports: The folder of exports under this node's control.
        tally: What tools of this process read and is not written yet.
        require_purpose: Whether personal data is read only for a stated purpose.
        remind: How long before a review or an end people are reminded.
    """

    identity: NodeIdentity
    database: Database
    clock: Clock
    random: Callable[[int], bytes] = field(repr=False)
    law: LawBook
    benign: BenignList = field(repr=False)
    match_limits: MatchLimits
    publish: Callable[[], None] = field(repr=False)
    check_log: Callable[[], None] = field(repr=False)
    settle: Callable[[], None] = field(repr=False)
    mirrors: Mirrors = field(default_factory=NoMirrors, repr=False)
    ledger: TileSource = field(default_factory=lambda: NoMirrors().of(""), repr=False)
    heads_memory: HeadsMemory = field(default_factory=HeadsMemory, repr=False)
    exports: ExportFolder = field(default_factory=NoExports, repr=False)
    tally: ReadingTally = field(default_factory=ReadingTally, repr=False)
    require_purpose: bool = False
    remind: timedelta = timedelta(days=14)


def actor_of(node: Node, user: str) -> Actor:
    """Return a user of this node as the one who acts.

    Raises:
        NotFoundError: There is no such user.
        RefusedError: The user is disabled.
    """
    with node.database.read() as tx:
        row = tx.people.user(user)
    if row is None:
        raise NotFoundError(f"no user {user!r} here; an administrator adds one with `user add`")
    if row.disabled is not None:
        raise RefusedError(f"the user {row.name} is disabled; an administrator may enable it")
    return Actor(user=row.name, roles=frozenset(Role(role) for role in row.roles))


def note_act(tx: Transaction, node: Node, actor: Actor, act: str, subject: str) -> None:
    """Record in the journal who did what; part of the act's own unit of work."""
    tx.acts.record(Act(at=node.clock.now(), user=actor.user, act=act, subject=subject))
