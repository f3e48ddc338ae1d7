"""Members compare the log heads they know, so that no log can show each of them another history.

For each log the newest head known is kept, our own included. A head that anybody shows is compared
with it (:func:`_Comparing.consider`):

1. Who signed it is looked up among all keys that the log's member ever named and did not revoke; a
   head of an unknown log, or not signed by its log, says nothing and is passed over.
2. The same head: nothing to do. One size and two roots: a fork.
3. Otherwise a path between the two is cut: from our own copy of the log, from the log itself, from
   the copy of whoever showed the head, from any other member's copy. The first source whose tiles
   lead to the larger signed root decides: a larger head is kept as the newest, a smaller one is a
   part of it, or the two are of two histories: a fork.
4. Where no source decides, an alarm ``log-unproven`` says so; nobody is accused. A log whose node
   is but away is given :data:`AWAY`.

A fork becomes a proof file, which is verified again, stored, told as alarm ``log-fork``, and handed
to every member. Whoever gets one verifies it with the keys it knows itself.

What members' nodes send each other is a digest with every page of a lane; only where it differs are
the heads themselves fetched. With whom they are compared in a period is bounded
(:mod:`foedus.node.head_turns`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar

from foedus.errors import FoedusError
from foedus.ledger.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint
from foedus.ledger.consistency import ConsistencyProof
from foedus.ledger.errors import (
    CheckpointError,
    ForkError,
    LedgerError,
    TileAbsentError,
    TileError,
)
from foedus.ledger.fork import prove_fork, verify_fork
from foedus.ledger.tiles import CHECKPOINT_PATH, TileSource
from foedus.ledger.tree import HASH_BYTES
from foedus.model.identifiers import MemberId
from foedus.node.context import Node
from foedus.node.endpoints import endpoint_of, endpoints
from foedus.node.gossip_format import (
    MAX_PROOF_BYTES,
    HeadsError,
    KnownHeads,
    bare_note,
    heads_digest,
    parse_heads,
)
from foedus.node.head_compare import Relation, connect, relation
from foedus.node.log_keys import LogOwner, known_log, origin_of
from foedus.node.peer_ports import PeerEndpoint, PeerError, WitnessClient
from foedus.node.ports import Alarm, ForkRow, HeardHead, Transaction
from foedus.signing.errors import NoteError
from foedus.signing.note import split_note

__all__ = [
    "ALARM_FORK",
    "ALARM_UNPROVEN",
    "Compared",
    "compare_heads",
    "digest_to_tell",
    "heads_to_tell",
    "take_fork",
]

_Row = TypeVar("_Row", HeardHead, ForkRow)

ALARM_FORK: Final = "log-fork"
"""A member's log signed two histories; a proof of it is held."""

ALARM_UNPROVEN: Final = "log-unproven"
"""Two heads of a log could not be compared; by itself it accuses nobody."""


AWAY: Final = timedelta(hours=1)
"""For so long after its last known head a log's node may be away before people are told."""

TOLD_OF_A_MEMBER: Final = 8
"""Most heads, and most proofs, told of one member's logs: it crowds out nobody else's."""

CONSIDERED_OF_A_LOG: Final = 2
"""Most heads of one log taken from what a peer shows at a time; each may cost a look for tiles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """What one comparison found.

    Attributes:
        asked: Whether the peer was asked for its heads; not where it knows the same.
        forks: Proofs that are new here.
        unproven: Members whose log's heads could not be compared.
    """

    asked: bool = False
    forks: tuple[ForkRow, ...] = ()
    unproven: tuple[MemberId, ...] = ()


def digest_to_tell(node: Node) -> str:
    """Return the digest of what is known here, for a header."""
    with node.database.read() as tx:
        return node.heads_memory.digest(
            tx.witness.mark(), lambda: heads_digest(tx.witness.all_heard(), tx.witness.forks())
        )


def heads_to_tell(node: Node) -> KnownHeads:
    """Return what is known here, for a member that asks; what was learnt by other ways included."""
    _Comparing(node, None, shown_by=node.identity.member).consider_all(_at_hand(node))
    with node.database.read() as tx:
        return KnownHeads(
            heads=tuple(each.note for each in _fairly(tx, node, tx.witness.all_heard())),
            forks=tuple(each.proof for each in _fairly(tx, node, tx.witness.forks())),
        )


def _fairly(tx: Transaction, node: Node, rows: Sequence[_Row]) -> list[_Row]:
    """Return what is told: first the present log of every member, then a second of each."""
    present = {each.member: origin_of(tx, node, each.member) for each in rows}
    taken: dict[MemberId, int] = {}
    ranked: list[tuple[int, _Row]] = []
    for row in sorted(rows, key=lambda each: (each.origin != present[each.member], each.origin)):
        rank = taken.get(row.member, 0)
        taken[row.member] = rank + 1
        if rank < TOLD_OF_A_MEMBER:
            ranked.append((rank, row))
    return [row for _, row in sorted(ranked, key=lambda each: (each[0], each[1].origin))]


def take_fork(node: Node, proof: bytes, *, shown_by: MemberId) -> ForkRow | None:
    """Verify a proof of a fork and keep it, with an alarm.

    Args:
        node: The node.
        proof: Untrusted; whoever shows it may want to accuse somebody falsely.
        shown_by: Who shows it.

    Returns:
        What is now kept; None if a proof about this log was held before.

    Raises:
        ForkError: It proves nothing about a log known here, or is larger than the proof of two
            heads that any node takes.
    """
    if len(proof) > MAX_PROOF_BYTES:
        raise ForkError(f"a proof of two heads has at most {MAX_PROOF_BYTES} bytes")
    # Nothing is verified yet: the first line of the first note says whose keys to verify it with.
    claimed = proof.partition(b"\n\n")[2].partition(b"\n")[0].decode(errors="replace")
    with node.database.read() as tx:
        log = known_log(tx, node, claimed)
    if log is None:
        raise ForkError("not a proof about a log that is known here")
    fork = verify_fork(proof, log.verifiers)
    row = ForkRow(
        origin=fork.origin,
        member=log.member,
        smaller=fork.smaller.size,
        larger=fork.larger.size,
        proof=proof,
        shown_by=shown_by,
        at=node.clock.now(),
    )
    with node.database.write() as tx:
        if not tx.witness.add_fork(row):
            return None
        tx.alarms.set(
            Alarm(code=ALARM_FORK, subject=row.member, text=_accusation(node, row), since=row.at)
        )
    return row


def compare_heads(
    node: Node,
    client: WitnessClient,
    peer: PeerEndpoint,
    *,
    digest: str,
    suspects: Iterable[bytes] = (),
) -> Compared:
    """Compare what is known here with what a peer knows, and tell all members of a fork.

    Args:
        node: The node.
        client: Speaks to peers.
        peer: Who is asked.
        digest: What the peer sent with its page; "" if it sent none: then it is not asked.
        suspects: Signed heads of the peer's own log that did not continue what was known of it.

    Returns:
        What was found. A peer that cannot be reached on the way was not asked.
    """
    comparing = _Comparing(node, client, shown_by=peer.member)
    comparing.consider_all((*_at_hand(node), *suspects))
    asked = False
    if digest and digest != digest_to_tell(node):
        # Nor does one that talks nonsense keep what is known here from being told.
        with suppress(PeerError, HeadsError):
            shown = parse_heads(client.heads(peer))
            asked = True
            comparing.take(shown.forks)
            comparing.consider_all(_few_of_each(shown.heads))
    comparing.tell()
    for fork in comparing.forks:
        _hand_to_all(node, client, fork)
    return Compared(
        asked=asked, forks=tuple(comparing.forks), unproven=tuple(sorted(comparing.unproven))
    )


def _few_of_each(notes: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the first heads of each log that a peer shows, by the origins they claim."""
    counted: dict[bytes, int] = {}
    for note in notes:
        origin = note.partition(b"\n")[0]
        counted[origin] = counted.get(origin, 0) + 1
        if counted[origin] <= CONSIDERED_OF_A_LOG:
            yield note


class _Comparing:
    """One comparison: what was found on the way, and who did not answer."""

    def __init__(self, node: Node, client: WitnessClient | None, *, shown_by: MemberId) -> None:
        self.forks: list[ForkRow] = []
        self.unproven: set[MemberId] = set()
        self._node = node
        self._client = client
        self._shown_by = shown_by
        self._silent: set[tuple[MemberId, str | None]] = set()

    def take(self, proofs: Iterable[bytes]) -> None:
        """Take proofs as they are shown; what proves nothing is passed over."""
        for proof in proofs:
            with suppress(LedgerError):
                self._found(take_fork(self._node, proof, shown_by=self._shown_by))

    def consider_all(self, notes: Iterable[bytes]) -> None:
        """Consider each head; what is no head of a known log says nothing."""
        for note in notes:
            with suppress(LedgerError):
                self.consider(note)

    def consider(self, note: bytes) -> None:
        """Compare a head with the newest known of its log.

        Raises:
            CheckpointError: It is no head signed by a known log, or too large for one.
        """
        shown = _parsed(note)
        with self._node.database.read() as tx:
            log = known_log(tx, self._node, shown.origin)
            if log is None:
                raise CheckpointError(f"no log {shown.origin!r} is known")
            known = tx.witness.heard(shown.origin)
            forked = any(fork.origin == shown.origin for fork in tx.witness.forks())
        ours = None if known is None else _parsed(known.note)
        said = relation(ours, shown)
        if said is Relation.SAME or (forked and said is not Relation.NEW):
            return
        bare = bare_note(note, log.verifiers)
        if known is None or ours is None or not self._still_signed(log, known):
            self._hear(log, shown, bare)
        else:
            self._compare(log, known, (ours, shown), bare)

    def tell(self) -> None:
        """Raise or clear the alarms about what could not be compared with this peer."""
        wanted = {f"{member}@{self._shown_by}" for member in self.unproven}
        with self._node.database.read() as tx:
            standing = {
                each.subject
                for each in tx.alarms.open()
                if each.code == ALARM_UNPROVEN and each.subject.endswith(f"@{self._shown_by}")
            }
        if standing == wanted:
            return
        now = self._node.clock.now()
        with self._node.database.write() as tx:
            for subject in standing - wanted:
                tx.alarms.clear(ALARM_UNPROVEN, subject)
            for member in self.unproven:
                text = (
                    f"two signed heads of the log of {member} could not be compared: nobody gave "
                    "the tiles between them; this accuses nobody"
                )
                subject = f"{member}@{self._shown_by}"
                tx.alarms.set(Alarm(code=ALARM_UNPROVEN, subject=subject, text=text, since=now))

    def _still_signed(self, log: LogOwner, known: HeardHead) -> bool:
        """Whether the key of the head known was not revoked since; else it is forgotten."""
        with suppress(CheckpointError):
            open_checkpoint(known.note, log.verifiers)
            return True
        with self._node.database.write() as tx:
            tx.witness.forget_heard(known.origin)
        return False

    def _compare(
        self, log: LogOwner, known: HeardHead, heads: tuple[Checkpoint, Checkpoint], bare: bytes
    ) -> None:
        ours, shown = heads
        smaller, larger = sorted(heads, key=lambda head: head.size)
        memory = self._node.heads_memory
        pair = _lines_of(larger), _lines_of(smaller)
        if shown.size < ours.size and memory.contains(*pair):
            return
        contained, path = self._connected(log, smaller, larger)
        if contained:
            memory.shown(*pair)
        if contained is False:
            proof = prove_fork(known.note, bare, path, log.verifiers)
            self._found(take_fork(self._node, proof, shown_by=self._shown_by))
        elif contained is None:
            self._undecided(log, known)
        elif shown.size > ours.size:
            self._hear(log, shown, bare)

    def _undecided(self, log: LogOwner, known: HeardHead) -> None:
        """Note that nobody gave a path, unless the log's node is but away for a while."""
        away = self._node.clock.now() - known.at < AWAY and not self._answers(log.member)
        if not away:
            self.unproven.add(log.member)

    def _answers(self, member: MemberId) -> bool:
        """Whether a member's node answers now; our own does."""
        if self._client is None or member == self._node.identity.member:
            return True
        with self._node.database.read() as tx:
            peer = endpoint_of(tx, self._node, member)
        try:
            self._client.ledger_file(peer, CHECKPOINT_PATH)
        except PeerError:
            return False
        return True

    def _connected(
        self, log: LogOwner, smaller: Checkpoint, larger: Checkpoint
    ) -> tuple[bool | None, ConsistencyProof]:
        for source in self._sources(log, larger.origin):
            found = connect(source, smaller, larger)
            if found.contained is not None:
                return found.contained, found.path
        return None, ConsistencyProof(())

    def _sources(self, log: LogOwner, origin: str) -> Iterator[TileSource]:
        """Yield where tiles of a log may be had, the nearest first."""
        own = self._node.identity.member
        if log.member == own and origin == self._node.identity.log_origin:
            yield self._node.ledger
        yield self._node.mirrors.of(origin)
        if self._client is None:
            return
        with self._node.database.read() as tx:
            peers = {peer.member: peer for peer in endpoints(tx, self._node)}
        if log.member in peers:
            yield _PeerTiles(self._client, peers[log.member], self._silent, origin=None)
        for member in sorted(peers, key=lambda each: (each != self._shown_by, each)):
            if member != log.member:
                yield _PeerTiles(self._client, peers[member], self._silent, origin=origin)

    def _hear(self, log: LogOwner, head: Checkpoint, note: bytes) -> None:
        with self._node.database.write() as tx:
            tx.witness.hear(
                HeardHead(
                    origin=head.origin,
                    member=log.member,
                    size=head.size,
                    root=head.root,
                    note=note,
                    shown_by=self._shown_by,
                    at=self._node.clock.now(),
                )
            )

    def _found(self, fork: ForkRow | None) -> None:
        if fork is not None:
            self.forks.append(fork)


class _PeerTiles:
    """A log's tiles from a member's node: its own, or its copy of another's; untrusted."""

    def __init__(
        self,
        client: WitnessClient,
        peer: PeerEndpoint,
        silent: set[tuple[MemberId, str | None]],
        *,
        origin: str | None,
    ) -> None:
        self._client = client
        self._peer = peer
        self._silent = silent
        self._origin = origin

    def read(self, path: str) -> bytes:
        if (self._peer.member, self._origin) in self._silent:
            raise TileAbsentError(f"{self._peer.member} does not answer")
        try:
            return self._fetched(path)
        except PeerError as error:
            full, partial, width = path.partition(".p/")
            if partial and width.isdecimal():
                # The full tile begins with the same hashes (C2SP tlog-tiles, "Partial Tiles").
                with suppress(PeerError):
                    return self._fetched(full)[: int(width) * HASH_BYTES]
            # Whoever gave nothing once is not asked for this log again in this comparison.
            self._silent.add((self._peer.member, self._origin))
            raise TileAbsentError(f"{path}: {error}") from error

    def _fetched(self, path: str) -> bytes:
        if self._origin is None:
            return self._client.ledger_file(self._peer, path)
        return self._client.mirror_file(self._peer, self._origin, path)


def _parsed(note: bytes) -> Checkpoint:
    """Read a head; nothing is verified."""
    try:
        return parse_checkpoint(split_note(note)[0])
    except NoteError as error:
        raise CheckpointError(f"not a checkpoint: {error}") from error


def _at_hand(node: Node) -> list[bytes]:
    """Return the heads that came by other ways: published, cosigned, followed in pulls.

    Those that are the newest known already are left out: with many members that is nearly all of
    them, at every pull.
    """
    with node.database.read() as tx:
        notes = [each.note for each in tx.witness.cosigned_all()]
        notes += [row.checkpoint for row in tx.peers.all() if row.checkpoint is not None]
        heard = {_head_lines(each.note) for each in tx.witness.all_heard()}
    with suppress(TileError):
        notes.append(node.ledger.read(CHECKPOINT_PATH))
    return [note for note in notes if _head_lines(note) not in heard]


def _lines_of(head: Checkpoint) -> tuple[bytes, ...]:
    return head.origin.encode(), b"%d" % head.size, head.root


def _head_lines(note: bytes) -> tuple[bytes, ...]:
    """Return origin, size and root as they stand in a note (C2SP tlog-checkpoint)."""
    return tuple(note.split(b"\n", 3)[:3])


def _hand_to_all(node: Node, client: WitnessClient, fork: ForkRow) -> None:
    """Hand a proof to the members; one that cannot be reached hears of it by comparing heads."""
    with node.database.read() as tx:
        peers = endpoints(tx, node)
    for peer in peers:
        if peer.member != fork.member:
            with suppress(FoedusError):
                client.deliver_fork(peer, fork.proof)


def _accusation(node: Node, fork: ForkRow) -> str:
    whose = "this node's own log" if fork.member == node.identity.member else "its log"
    sizes = (
        f"two histories of {fork.larger} entries"
        if fork.smaller == fork.larger
        else f"two histories, seen at {fork.smaller} and at {fork.larger} entries"
    )
    return (
        f"{fork.member} signed {sizes} for {whose}; `foedus ledger forks -o DIR` writes the proof"
    )
