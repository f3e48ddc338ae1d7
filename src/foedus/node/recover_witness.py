"""What a restored witness may have cosigned: found again by what the members know of each log.

A witness that forgot what it cosigned could cosign a second history unawares. Rules:

1. What is remembered, and what this node's copy of the log was proved to hold, stays. A larger head
   replaces it only where tiles prove that it contains both. Tiles come from our own copy, from the
   log itself, or from the copy of whoever shows the head; none is trusted.
2. Our own copy speaks first, then each member of the logs of others, and of its own log each last:
   only where nothing else is known of a log is its own member's word taken for it.
3. A head for which there is no such proof is not taken, and an alarm tells of it.

Which logs are cosigned again, and when, says :func:`foedus.node.recovering.refuse_witness`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from foedus.ledger.checkpoint import Checkpoint, open_checkpoint, parse_checkpoint
from foedus.ledger.errors import LedgerError, TileAbsentError
from foedus.ledger.tiles import CHECKPOINT_PATH, TileSource
from foedus.ledger.tree import HASH_BYTES
from foedus.node.context import Node
from foedus.node.endpoints import endpoint_of
from foedus.node.gossip import ALARM_UNPROVEN
from foedus.node.head_compare import connect
from foedus.node.log_keys import LogOwner, current_logs
from foedus.node.peer_ports import PeerEndpoint, PeerError, WitnessClient
from foedus.node.ports import Alarm, CosignedLog
from foedus.signing.note import split_note

__all__ = ["remember_cosigned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """A head of a log, verified.

    Attributes:
        by: Who shows it; None for our own copy.
    """

    log: LogOwner
    head: Checkpoint
    raw: bytes
    by: PeerEndpoint | None


def remember_cosigned(
    node: Node, client: WitnessClient, shown: Mapping[PeerEndpoint, Sequence[bytes]]
) -> None:
    """Remember of each log at least as much as this node may have cosigned (module docstring).

    Args:
        node: A restored node.
        client: Speaks to peers.
        shown: The heads that each member shows; untrusted.
    """
    with node.database.read() as tx:
        logs = current_logs(tx, node)
    for each in _in_order(node, logs, shown):
        _remember(node, client, each)


def _in_order(
    node: Node, logs: Mapping[str, LogOwner], shown: Mapping[PeerEndpoint, Sequence[bytes]]
) -> list[_Shown]:
    """Return every head that a log known here signed, in the order of rule 2."""
    found = []
    for origin, log in logs.items():
        with suppress(LedgerError):
            raw = node.mirrors.of(origin).read(CHECKPOINT_PATH)
            head = open_checkpoint(raw, log.verifiers)
            found.append(_Shown(log=log, head=head, raw=raw, by=None))
    for peer, notes in shown.items():
        # One head of each log is what an honest member shows.
        named = {note.partition(b"\n")[0].decode(errors="replace"): note for note in notes}
        for origin in logs.keys() & named.keys():
            with suppress(LedgerError):
                head = open_checkpoint(named[origin], logs[origin].verifiers)
                found.append(_Shown(log=logs[origin], head=head, raw=named[origin], by=peer))
    return sorted(found, key=lambda each: each.by is not None and each.by.member == each.log.member)


def _remember(node: Node, client: WitnessClient, shown: _Shown) -> None:
    head = shown.head
    with node.database.read() as tx:
        kept = tx.witness.cosigned(head.origin)
    known = _known(node, head.origin, kept)
    if not all(_contained(node, client, shown, each) for each in known):
        _tell(node, shown)
        return
    if kept is not None and kept.size >= head.size:
        return
    with node.database.write() as tx:
        if tx.witness.cosigned(head.origin) == kept:
            tx.witness.keep_cosigned(
                CosignedLog(origin=head.origin, size=head.size, note=shown.raw, at=node.clock.now())
            )


def _known(node: Node, origin: str, kept: CosignedLog | None) -> list[Checkpoint]:
    """Return the heads that one must be of one history with: remembered, and copied."""
    known = []
    if kept is not None:
        known.append(parse_checkpoint(split_note(kept.note)[0]))
    with suppress(LedgerError):
        reached = node.mirrors.of(origin).reached()
        if reached is not None and reached.origin == origin:
            known.append(reached)
    return known


def _contained(node: Node, client: WitnessClient, shown: _Shown, known: Checkpoint) -> bool:
    """Whether one of two heads is proved to be a part of the other."""
    smaller, larger = sorted((shown.head, known), key=lambda head: head.size)
    for source in _sources(node, client, shown):
        contained = connect(source, smaller, larger).contained
        if contained is not None:
            return contained
    return False


def _sources(node: Node, client: WitnessClient, shown: _Shown) -> Iterator[TileSource]:
    origin = shown.head.origin
    yield node.mirrors.of(origin)
    if shown.by is None:
        return
    by = shown.by
    with node.database.read() as tx:
        owner = endpoint_of(tx, node, shown.log.member)
    yield _Tiles(lambda path: client.ledger_file(owner, path))
    if by.member != owner.member:
        yield _Tiles(lambda path: client.mirror_file(by, origin, path))


class _Tiles:
    """Tiles that a peer gives; what it does not give is absent."""

    def __init__(self, read: Callable[[str], bytes]) -> None:
        self._read = read

    def read(self, path: str) -> bytes:
        try:
            return self._read(path)
        except PeerError as error:
            full, partial, width = path.partition(".p/")
            if partial and width.isdecimal():
                # The full tile begins with the same hashes (C2SP tlog-tiles, "Partial Tiles").
                with suppress(PeerError):
                    return self._read(full)[: int(width) * HASH_BYTES]
            raise TileAbsentError(f"{path}: {error}") from error


def _tell(node: Node, shown: _Shown) -> None:
    """Say that a head was not taken; the comparison of heads clears it, or proves a fork."""
    if shown.by is None:
        return  # told with the first head that a member shows
    member, by = shown.log.member, shown.by.member
    with node.database.write() as tx:
        tx.alarms.set(
            Alarm(
                code=ALARM_UNPROVEN,
                subject=f"{member}@{by}",
                text=(
                    f"a signed head of the log of {member}, shown by {by}, is not proved to be of "
                    "one history with what this node knew of it: as a witness it does not take it "
                    "over; this accuses nobody"
                ),
                since=node.clock.now(),
            )
        )
