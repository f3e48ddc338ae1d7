"""Ask members to cosign this node's log head.

For each witness:

1. The head that stands published is taken, and the size the witness cosigned last, as remembered.
2. The consistency proof between the two is cut from our own tiles; the request is sent.
3. *409*: the witness remembers another size. It is taken at its word once, for the proof; a size
   below one that it signed for is told to people. A size above everything published here is the
   sign of an older store put in place: the head is fetched, and where our own log signed it the
   node goes into recovery.
4. *200*: what verifies under the witness's keys in force counts; anything else in the answer does
   not.

Asking touches no store, so that any number of witnesses can be asked at a time; what they answered
is then kept in one transaction (:func:`keep_answers`), which returns the head with all its lines.

Spec: C2SP tlog-witness, tlog-cosignature.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Final

from foedus.errors import FoedusError
from foedus.ledger.checkpoint import Checkpoint, open_checkpoint
from foedus.ledger.consistency import ConsistencyProof
from foedus.ledger.cosignature import CosignatureVerifier
from foedus.ledger.errors import TileAbsentError
from foedus.ledger.tiles import CHECKPOINT_PATH, TileSource, consistency_from_tiles
from foedus.ledger.witness import AddCheckpoint, format_add_checkpoint, parse_cosignatures
from foedus.model.identifiers import MemberId
from foedus.node.context import Node
from foedus.node.endpoints import endpoint_of
from foedus.node.gossip_format import bare_note
from foedus.node.identity import witness_name
from foedus.node.peer_ports import PeerEndpoint, WitnessAnswer, WitnessClient
from foedus.node.ports import Alarm, Transaction
from foedus.signing import KeyPurpose, NoteVerifier

__all__ = [
    "ALARM_AHEAD",
    "ALARM_ROLLBACK",
    "MAX_WITNESSES_ASKED",
    "Asked",
    "PublishedHead",
    "ask",
    "keep_answers",
    "published_head",
    "witness_round",
    "witness_verifiers",
    "witnesses_to_ask",
]

MAX_WITNESSES_ASKED: Final = 16
"""Witnesses asked at a time."""

KEPT_OWN_HEADS: Final = 1024
"""Cosigned heads of our log that are kept; a newer one covers every entry of an older."""

ALARM_ROLLBACK: Final = "witness-rollback"
"""A witness remembers less than it signed for: it could cosign a fork unawares."""

ALARM_AHEAD: Final = "witness-ahead"
"""A witness says that it cosigned more of our log than we published."""

_TRIES: Final = 3
_SIZE: Final = re.compile(rb"(0|[1-9][0-9]{0,18})\n")
_OK: Final = 200
_CONFLICT: Final = 409
_REFUSALS: Final = {
    400: "found the request malformed",
    403: "does not know the key of this node's log",
    404: "witnesses no such log",
    422: "found the head not to contain what it cosigned before",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedHead:
    """The head of our log that stands published.

    Attributes:
        note: With our log's signature only.
    """

    head: Checkpoint
    note: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What came of asking one witness.

    Attributes:
        size: The size it cosigned; of the head it was asked about.
        note: That head.
        lines: Its verified lines; empty when it cosigned nothing.
        problem: Why it did not; "" if it did, or had before.
        rollback: Whether it remembers less than it signed for.
        ahead: The size it says it cosigned, where that is more than stands published; else 0.
        proof: A head of ours beyond what stands published, signed by our log; b"" for none.
    """

    member: MemberId
    size: int = 0
    note: bytes = field(default=b"", repr=False)
    lines: bytes = field(default=b"", repr=False)
    problem: str = ""
    rollback: bool = False
    ahead: int = 0
    proof: bytes = field(default=b"", repr=False)


def published_head(node: Node, ledger: TileSource) -> PublishedHead | None:
    """Return the head that stands published; None before the first.

    Raises:
        LedgerError: What stands there is not a head signed by our log.
    """
    try:
        raw = ledger.read(CHECKPOINT_PATH)
    except TileAbsentError:
        return None
    note = bare_note(raw, [_own(node)])
    return PublishedHead(head=open_checkpoint(note, _own(node)), note=note)


def witness_verifiers(
    tx: Transaction, node: Node, member: MemberId
) -> tuple[CosignatureVerifier, ...]:
    """Return what verifies a member's cosignatures now."""
    keys = node.law.view(tx).keys(member, KeyPurpose.WITNESS, node.clock.now())
    name = witness_name(member)
    return tuple(CosignatureVerifier(name=name, key=key) for key in keys)


def witnesses_to_ask(tx: Transaction, node: Node) -> tuple[MemberId, ...]:
    """Return the introduced members that have a witness key in force, sorted; never ourselves."""
    own = node.identity.member
    return tuple(
        row.member
        for row in tx.peers.all()
        if row.member != own and witness_verifiers(tx, node, row.member)
    )


def ask(
    node: Node,
    client: WitnessClient,
    ledger: TileSource,
    member: MemberId,
    *,
    published: PublishedHead | None = None,
) -> Asked:
    """Ask one witness to cosign the published head; what went wrong stands in the answer.

    Args:
        node: The node.
        client: Speaks to peers; may be used from several threads.
        ledger: Our published log.
        member: Whom to ask.
        published: The head to ask about, where several witnesses are asked about the same; the one
            that stands published when its turn comes if None.
    """
    try:
        published = published or published_head(node, ledger)
        if published is None:
            return Asked(member=member, problem="nothing is published yet")
        with node.database.read() as tx:
            peer = endpoint_of(tx, node, member)
            verifiers = witness_verifiers(tx, node, member)
            remembered = tx.witness.cosigned_size(member)
        return _Question(node, client, ledger, peer, verifiers, remembered).put(published)
    except FoedusError as error:
        return Asked(member=member, problem=str(error))


def keep_answers(node: Node, answers: Iterable[Asked]) -> bytes | None:
    """Keep what witnesses answered, in one transaction, and tell people what is wrong.

    Returns:
        The newest head that gained a line, with all its lines; None if none did.
    """
    found = tuple(answers)
    telling = [each for each in found if each.lines or each.rollback or each.ahead]
    if not telling:
        return None
    now = node.clock.now()
    newest = None
    with node.database.write() as tx:
        for each in telling:
            _tell(tx, node, each)
            if each.lines:
                head = tx.witness.keep_cosignature(
                    each.member, each.note, size=each.size, lines=each.lines, at=now
                )
                if newest is None or head.size >= newest.size:
                    newest = head
        tx.witness.drop_own_heads(keep=KEPT_OWN_HEADS)
    return None if newest is None else newest.note


def witness_round(
    node: Node,
    client: WitnessClient,
    ledger: TileSource,
    show: Callable[[bytes], object],
    members: Sequence[MemberId] | None = None,
) -> list[Asked]:
    """Ask witnesses once, side by side, and keep what they answer.

    Args:
        node: The node.
        client: Speaks to peers.
        ledger: Our published log.
        show: Puts the head with its lines where the published one is, if that is the same head.
        members: Whom to ask; all that can be asked when None.

    Returns:
        What came of it, in the order asked.
    """
    if members is None:
        with node.database.read() as tx:
            members = witnesses_to_ask(tx, node)
    if not members:
        return []
    workers = min(len(members), MAX_WITNESSES_ASKED)
    with ThreadPoolExecutor(workers, thread_name_prefix="foedus-ask") as pool:
        answers = list(pool.map(lambda member: ask(node, client, ledger, member), members))
    note = keep_answers(node, answers)
    if note is not None:
        show(note)
    return answers


class _Question:
    """One witness being asked about one head."""

    def __init__(
        self,
        node: Node,
        client: WitnessClient,
        ledger: TileSource,
        peer: PeerEndpoint,
        verifiers: tuple[CosignatureVerifier, ...],
        remembered: int,
    ) -> None:
        self._node = node
        self._client = client
        self._ledger = ledger
        self._peer = peer
        self._verifiers = verifiers
        self._remembered = remembered

    def put(self, published: PublishedHead) -> Asked:
        head = published.head
        asked = Asked(member=self._peer.member, size=head.size, note=published.note)
        if not self._verifiers:
            return replace(asked, problem="it has no witness key in force")
        old = self._remembered
        for _ in range(_TRIES):
            if old > head.size:
                return self._ahead(asked, old)
            answer = self._client.add_checkpoint(self._peer, self._request(published, old))
            if answer.status != _CONFLICT:
                return self._settled(asked, head, answer)
            found = _SIZE.fullmatch(answer.body)
            if found is None:
                return replace(asked, problem="answered 409 without a size")
            old = int(found[1])
            asked = replace(asked, rollback=asked.rollback or old < self._remembered)
        return replace(asked, problem="its head moves faster than it can be asked")

    def _settled(self, asked: Asked, head: Checkpoint, answer: WitnessAnswer) -> Asked:
        if answer.status == _OK:
            return self._lines(asked, head, answer.body)
        return replace(asked, problem=_REFUSALS.get(answer.status, "refused"))

    def _request(self, published: PublishedHead, old: int) -> bytes:
        size = published.head.size
        proof = ConsistencyProof(())
        if 0 < old < size:
            proof = consistency_from_tiles(self._ledger, old, size)
        return format_add_checkpoint(
            AddCheckpoint(old_size=old, proof=proof, checkpoint=published.note)
        )

    def _lines(self, asked: Asked, head: Checkpoint, body: bytes) -> Asked:
        lines = parse_cosignatures(body, head, self._verifiers)
        if not lines:
            return replace(asked, problem="answered without a cosignature by a known key of it")
        return replace(asked, lines="".join(line.line for line in lines).encode())

    def _ahead(self, asked: Asked, size: int) -> Asked:
        """Look whether our log really signed more than stands published."""
        told = replace(asked, ahead=size, problem=f"says that it cosigned {size} entries")
        try:
            raw = self._client.witnessed(self._peer, self._node.identity.log_origin)
            note = bare_note(raw, [_own(self._node)])
            shown = open_checkpoint(note, _own(self._node))
        except FoedusError:
            return told
        return replace(told, proof=note) if shown.size > asked.size else told


def _tell(tx: Transaction, node: Node, asked: Asked) -> None:
    now = node.clock.now()
    if asked.rollback:
        text = f"{asked.member} remembers less of this node's log than it cosigned"
        tx.alarms.set(Alarm(code=ALARM_ROLLBACK, subject=asked.member, text=text, since=now))
    elif asked.lines:
        tx.alarms.clear(ALARM_ROLLBACK, asked.member)
    if not asked.ahead:
        tx.alarms.clear(ALARM_AHEAD, asked.member)
        return
    entries = tx.ledger.count()
    if asked.ahead <= entries:
        return  # only not published here yet
    text = (
        f"{asked.member} says that it cosigned {asked.ahead} entries of this node's log, which has "
        f"{entries}"
    )
    if asked.proof and open_checkpoint(asked.proof, _own(node)).size > entries:
        tx.recovery.begin(f"{text}, and shows the head that this node signed", at=now)
    tx.alarms.set(Alarm(code=ALARM_AHEAD, subject=asked.member, text=text, since=now))


def _own(node: Node) -> NoteVerifier:
    return NoteVerifier(name=node.identity.log_origin, key=node.identity.log.public)
