"""Seven members, two of whom lie, drawn step by step from a seed.

Everything between members is the real code: publishing, tiles, heads, requests to witnesses and
their judgement (:mod:`foedus.node.witness`), cosignatures, policies, the comparison of heads and
fork proofs (:mod:`foedus.node.gossip`), copies of logs (:mod:`foedus.node.mirror`). Only the
network, the stores and the clock are stand-ins. The world also knows the truth, which leaves each
log ever signed, and looks after every step whether what was promised still holds:

- No honest log is ever accused: nobody keeps a fork proof against one.
- No two heads of one log that contradict each other both have a quorum of witnesses.
- Once two honest members compared heads, both know of every contradiction between what one told
  and the other held: by a proof, or by an alarm where nobody gives the hashes a proof needs.

A log that forks is itself one of the liars, so of its six witnesses one may lie with it: four of
six are a quorum, and four are honest whenever the log is.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, cast
from unittest.mock import patch

from tests.simulation.simulation_members import (
    START,
    BrokenPromiseError,
    History,
    Member,
    member,
    tiles_shown,
)

from foedus.ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from foedus.ledger.consistency import ConsistencyProof
from foedus.ledger.cosignature import cosign, quorum
from foedus.ledger.errors import CheckpointError, ForkError, LedgerError, WitnessError
from foedus.ledger.fork import FORK_HEADER, fork_path_from_tiles
from foedus.ledger.policy import Policy, open_under_policy, threshold_policy
from foedus.ledger.tiles import CHECKPOINT_PATH, consistency_from_tiles
from foedus.ledger.tree import HASH_BYTES
from foedus.ledger.witness import (
    AddCheckpoint,
    format_add_checkpoint,
    format_cosignatures,
    origin_of,
    parse_add_checkpoint,
    parse_cosignatures,
)
from foedus.model.identifiers import MemberId
from foedus.node import gossip
from foedus.node.context import Node
from foedus.node.gossip_format import HeadsError, KnownHeads, format_heads
from foedus.node.log_keys import LogOwner
from foedus.node.mirror import copy_entries
from foedus.node.peer_ports import PeerEndpoint, PeerError, WitnessClient
from foedus.node.ports import ForkRow, Transaction
from foedus.node.witness import add_checkpoint
from foedus.signing.base64_text import to_base64
from foedus.signing.note import NoteSignature, NoteSigner

__all__ = ["BrokenPromiseError", "Rules", "World", "simulate"]

MEMBERS: Final = 7
LIARS: Final = 2
MOST_HISTORIES: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What is promised; weaker ones show that the world would notice.

    Attributes:
        needed: How many of six witnesses make a quorum.
        compare: Whether heads are compared with those of others.
        remember: Whether an honest witness judges by what it cosigned last.
        prove: Whether the path of a fork proof is looked at.
    """

    needed: int = quorum(MEMBERS - 1, LIARS - 1)
    compare: bool = True
    remember: bool = True
    prove: bool = True


class World:
    """All members, what they did, and what is true."""

    def __init__(self, seed: int, rules: Rules) -> None:
        self.random = random.Random(seed)
        self.rules = rules
        self.step = 0
        self.reliable = False
        self.counts: Counter[str] = Counter()
        liars = set(self.random.sample(range(MEMBERS), LIARS))
        self.members = [
            member(number, honest=number not in liars, accused=self._accused)
            for number in range(MEMBERS)
        ]
        self.honest = [one for one in self.members if one.honest]
        self.liars = [one for one in self.members if not one.honest]
        self.by_origin: dict[str, Member] = {}
        self.by_id = {one.id: one for one in self.members}
        self.logs: dict[str, LogOwner] = {}
        self.policies: dict[str, Policy] = {}
        self.agreed: dict[str, list[Checkpoint]] = {}
        self.nodes: dict[int, Node] = {}
        self.overlooked: dict[tuple[int, int, str], int] = {}
        for one in self.members:
            one.tables.remember = rules.remember
            self.nodes[one.number] = one.node(lambda: self.step, lambda: self.logs)
            self._join(one)

    def _join(self, one: Member) -> None:
        """Make a member's log known to everybody."""
        self.by_origin[one.origin] = one
        self.logs[one.origin] = LogOwner(member=one.id, verifiers=(one.verifier,))
        self.agreed[one.origin] = []
        witnesses = {other.witness_name: other.witness for other in self.members if other != one}
        self.policies[one.origin] = threshold_policy([one.verifier], witnesses, self.rules.needed)

    def run(self, steps: int) -> Counter[str]:
        """Take steps, then let everybody honest talk to everybody honest.

        Raises:
            BrokenPromiseError: A promise does not hold.
        """
        acts: list[tuple[Callable[[], None], int]] = [
            (self._grow, 6),
            (self._ask, 8),
            (self._pull, 6),
            (self._gossip, 6),
            (self._forge_head, 3),
            (self._forge_request, 3),
            (self._forge_proof, 3),
            (self._fork, 1),
            (self._split, 2),
            (self._rejoin, 2),
            (self._toggle, 2),
            (self._crash, 1),
        ]
        weights = [weight for _, weight in acts]
        for number in range(steps):
            self.step = number
            self.random.choices(acts, weights)[0][0]()
        self._settle()
        return self.counts

    # What members do.

    def _grow(self) -> None:
        one = self.random.choice(self.members)
        self._extend(one, self.random.choice(one.histories))

    def _extend(self, one: Member, history: History) -> None:
        history.extend([self.random.randbytes(HASH_BYTES) for _ in range(self._few())])
        history.publish(one.signer)
        self.counts["heads"] += 1

    def _ask(self) -> None:
        """Let a log ask some of its witnesses about its newest head, or a liar about an old one."""
        log, *witnesses = self.random.sample(self.members, self.random.randrange(2, MEMBERS + 1))
        for witness in witnesses:
            history = log.view(witness.number)
            if history.notes:
                old = not log.honest and self.random.random() < 0.2
                note = self.random.choice(history.notes) if old else history.notes[-1]
                self._ask_one(log, history, note, witness)

    def _ask_one(self, log: Member, history: History, note: bytes, witness: Member) -> None:
        head = _head(note, log)
        key = (log.histories.index(history), witness.number)
        for _ in range(2):
            old = min(log.believed.get(key, 0), head.size)
            path = consistency_from_tiles(history.files, old, head.size)
            request = AddCheckpoint(old_size=old, proof=path, checkpoint=note)
            try:
                answer = self._answer(witness, format_add_checkpoint(request))
            except WitnessError as refusal:
                if refusal.status != 409:
                    return
                log.believed[key] = int(refusal.body)
                continue
            if self.random.random() < 0.1:  # the answer is lost
                return
            log.believed[key] = head.size
            self._collect(log, history, note, answer, witness)
            return

    def _answer(self, witness: Member, body: bytes) -> bytes:
        try:
            if not witness.honest:
                return self._lie(witness, body)
            if not self.rules.remember:
                forgetful = parse_add_checkpoint(body)
                body = format_add_checkpoint(
                    AddCheckpoint(
                        old_size=0, proof=ConsistencyProof(()), checkpoint=forgetful.checkpoint
                    )
                )
            return add_checkpoint(self.nodes[witness.number], body)
        except WitnessError as refusal:
            self.counts[f"answer {refusal.status}"] += 1
            raise

    def _lie(self, witness: Member, body: bytes) -> bytes:
        """Cosign anything, or nothing, or badly."""
        request = parse_add_checkpoint(body)
        log = self.by_origin.get(origin_of(request))
        if log is None or self.random.random() < 0.3:
            raise WitnessError("no", status=503)
        at = START + timedelta(minutes=self.step)
        head = _head(request.checkpoint, log)
        line = cosign(head, name=witness.witness_name, key=witness.witness_key, at=at)
        if log.honest and self.random.random() < 0.5:
            other = self.random.choice(self.honest)
            line = NoteSignature(
                name=self.random.choice([line.name, other.witness_name]),
                key_hash=self.random.choice([line.key_hash, other.witness.key_hash]),
                signature=self.random.randbytes(72),
            )
        return format_cosignatures([line])

    def _collect(
        self, log: Member, history: History, note: bytes, answer: bytes, witness: Member
    ) -> None:
        try:
            lines = parse_cosignatures(answer, _head(note, log), [witness.witness])
        except CheckpointError:
            self.counts["bad cosignatures"] += 1
            return
        kept = history.lines.setdefault(note, {})
        for line in lines:
            kept.setdefault(line.name, line)
        self._check_quorum(log, history.cosigned(note))

    def _pull(self) -> None:
        """Follow a log, as a pull does: its newest head, and a copy of its entries."""
        reader = self.random.choice(self.honest)
        log = self.random.choice([one for one in self.members if one is not reader])
        notes = log.view(reader.number).notes
        if notes:
            old = not log.honest and self.random.random() < 0.3
            note = self.random.choice(notes) if old else notes[-1]
            self._copy(reader, log, note)
            self._compare(reader, log, [note])

    def _copy(self, reader: Member, log: Member, note: bytes) -> None:
        source = tiles_shown(log, reader.number)
        try:
            copy_entries(reader.copy_of(log.origin), source, _head(note, log), note)
        except LedgerError:
            self.counts["copies that failed"] += 1

    def _gossip(self) -> None:
        self._exchange(*self.random.sample(self.honest, 2))

    def _exchange(self, one: Member, other: Member) -> None:
        """Let two honest members compare heads, each with the other, and look what they know."""
        for reader, teller in ((one, other), (other, one)):
            told = self._told(teller).heads
            held = reader.held()
            found = self._compare(reader, teller, ())
            self.counts["exchanges"] += 1
            self._check_detection(reader, teller, held, told, found)

    def _compare(
        self, reader: Member, peer: Member, suspects: Sequence[bytes]
    ) -> gossip.Compared | None:
        if not self.rules.compare:
            return None
        node = self.nodes[reader.number]
        client = cast("WitnessClient", _Network(self, reader))
        digest = gossip.digest_to_tell(self.nodes[peer.number]) if peer.honest else "00" * 32
        try:
            found = gossip.compare_heads(
                node, client, peer.endpoint, digest=digest, suspects=suspects
            )
        except HeadsError:
            return None
        self.counts["forks proved"] += len(found.forks)
        self.counts["heads in doubt"] += len(found.unproven)
        return found

    def _told(self, teller: Member) -> KnownHeads:
        return gossip.heads_to_tell(self.nodes[teller.number])

    # What liars do besides.

    def heads_of(self, peer: Member) -> bytes:
        """Return what a peer tells of heads; a liar tells old ones, forged ones and nonsense."""
        if peer.honest:
            return format_heads(self._told(peer))
        notes = [
            self.random.choice(one.notes)
            for log in self.members
            for one in log.histories
            if one.notes
        ]
        notes += [self._forged(peer), *(self._spoil(one) for one in notes[:2])]
        proofs = [self._accusation(self.random.choice(self.members)) for _ in range(2)]
        known = KnownHeads(
            heads=tuple(self.random.sample(notes, self.random.randrange(len(notes) + 1))),
            forks=tuple(one for one in proofs if one),
        )
        body = format_heads(known)
        if self.random.random() < 0.1:
            self.counts["nonsense told"] += 1
            return self._spoil(body)
        return body

    def _forge_head(self) -> None:
        """Show an honest member heads that nobody signed."""
        victim, liar = self.random.choice(self.honest), self.random.choice(self.liars)
        self._compare(victim, liar, [self._forged(liar), self._forged(liar)])

    def _forged(self, liar: Member) -> bytes:
        target = self.random.choice([one for one in self.members if one is not liar])
        size = self.random.randrange(1, 40)
        return sign_checkpoint(
            Checkpoint(target.origin, size, self.random.randbytes(HASH_BYTES)),
            NoteSigner(target.origin, liar.signer.key),
        )

    def _forge_request(self) -> None:
        """Ask an honest witness with old heads, other proofs and changed bytes."""
        witness = self.random.choice(self.honest)
        log = self.random.choice([one for one in self.members if one is not witness])
        notes = self.random.choice(log.histories).notes
        if not notes:
            return
        last = witness.tables.last.get(log.origin)
        sizes = [0, self.random.randrange(30), 0 if last is None else last.size]
        path = tuple(self.random.randbytes(HASH_BYTES) for _ in range(self._few() - 1))
        request = AddCheckpoint(
            old_size=self.random.choice(sizes),
            proof=ConsistencyProof(path),
            checkpoint=self.random.choice(notes),
        )
        body = format_add_checkpoint(request)
        try:
            self._answer(witness, self.random.choice([body, self._spoil(body)]))
        except WitnessError:
            return

    def _forge_proof(self) -> None:
        """Accuse anybody, at anybody honest."""
        victim = self.nodes[self.random.choice(self.honest).number]
        proof = self._accusation(self.random.choice(self.members))
        try:
            gossip.take_fork(victim, proof, shown_by=self.random.choice(self.liars).id)
        except ForkError:
            self.counts["accusations refused"] += 1

    def _accusation(self, target: Member) -> bytes:
        """Return real heads with a path of some tree, a random one or a spoilt one."""
        notes = [note for history in target.histories for note in history.notes]
        if len(notes) < 2:
            return b""
        pair = sorted(self.random.sample(notes, 2), key=lambda one: _head(one, target).size)
        smaller, larger = (_head(one, target).size for one in pair)
        tree = self.random.choice(self.random.choice(self.members).histories)
        try:
            found = fork_path_from_tiles(tree.files, smaller=max(smaller, 1), larger=larger)
            path = list(found.path)
        except LedgerError:
            path = [self.random.randbytes(HASH_BYTES) for _ in range(self._few())]
        if path and self.random.random() < 0.5:
            path[self.random.randrange(len(path))] = self.random.randbytes(HASH_BYTES)
        lines = [f"notes {len(pair[0])} {len(pair[1])}", *map(to_base64, path), "", ""]
        return FORK_HEADER + "\n".join(lines).encode() + pair[0] + pair[1]

    def _fork(self) -> None:
        """Begin a further history, and show it to some."""
        self._part(self.random.choice(self.liars))

    def _part(self, liar: Member) -> None:
        if len(liar.histories) < MOST_HISTORIES:
            rows = self.random.choice(liar.histories).rows
            kept = self.random.choice([len(rows), self.random.randrange(len(rows) + 1)])
            history = History(rows[:kept])
            self._extend(liar, history)
            liar.histories.append(history)
            self.counts["forks made"] += 1
        liar.shown = {
            number: self.random.randrange(len(liar.histories)) for number in range(MEMBERS)
        }

    def _split(self) -> None:
        """Let a liar part its histories and ask every witness about one of them, or of several."""
        liar = self.random.choice(self.liars)
        if not liar.histories[0].notes:
            self._extend(liar, liar.histories[0])
        self._part(liar)
        for witness in self.random.sample(self.members, MEMBERS):
            if witness is not liar:
                count = self.random.choice((1, 1, len(liar.histories)))
                for history in self.random.sample(liar.histories, count):
                    self._ask_one(liar, history, history.notes[-1], witness)

    def _rejoin(self) -> None:
        """Let a liar whom everybody convicted begin a new log under a new name."""
        for liar in self.liars:
            if all(liar.origin in one.tables.proofs for one in self.honest):
                self.counts["logs proved to have forked"] += 1
                generation = self.counts["logs proved to have forked"]
                for one in self.honest:
                    one.tables.forget(liar.origin)
                    one.copies.pop(liar.origin, None)
                del self.by_origin[liar.origin], self.logs[liar.origin]
                liar.signer = NoteSigner(f"{liar.witness_name}/log{generation}", liar.signer.key)
                liar.histories = [History()]
                liar.believed.clear()
                self._join(liar)

    def _toggle(self) -> None:
        """Give or withhold tiles, or answer nothing at all; change who is shown what."""
        liar = self.random.choice(self.liars)
        if liar.withheld and self.random.random() < 0.9:
            return
        liar.withheld = self.random.random() < 0.5
        liar.silent = liar.withheld and self.random.random() < 0.5
        if self.random.random() < 0.3:
            liar.shown[self.random.randrange(MEMBERS)] = self.random.randrange(MOST_HISTORIES)

    def _crash(self) -> None:
        """Forget what is not durable: what a log believes of its witnesses."""
        self.random.choice(self.members).believed.clear()

    # What must hold.

    def _accused(self, fork: ForkRow) -> None:
        if self.by_origin[fork.origin].honest:
            raise BrokenPromiseError(f"step {self.step}: the honest {fork.origin} is accused")

    def _check_quorum(self, log: Member, note: bytes) -> None:
        try:
            head, _ = open_under_policy(note, self.policies[log.origin])
        except CheckpointError:
            return
        agreed = self.agreed[log.origin]
        if head in agreed:
            return
        self.counts["heads with a quorum"] += 1
        for other in agreed:
            if self._contradict(log, head, other):
                raise BrokenPromiseError(
                    f"step {self.step}: {log.origin} has quorums for {other.size} and {head.size}"
                )
        agreed.append(head)

    def _check_detection(
        self,
        reader: Member,
        teller: Member,
        held: Mapping[str, Sequence[bytes]],
        told: Sequence[bytes],
        found: gossip.Compared | None,
    ) -> None:
        doubted = () if found is None else found.unproven
        patience = self.step - int(gossip.AWAY / timedelta(minutes=1))
        for log in self.liars:
            start = f"{log.origin}\n".encode()
            heads = [_head(note, log) for note in told if note.startswith(start)]
            ours = [_head(note, log) for note in held.get(log.origin, ())]
            known = log.origin in reader.tables.proofs or log.id in doubted
            seen = any(self._contradict(log, a, b) for a in heads for b in ours)
            key = (reader.number, teller.number, log.origin)
            if known or not seen:
                self.overlooked.pop(key, None)
            elif self.overlooked.setdefault(key, self.step) <= patience:
                raise BrokenPromiseError(
                    f"step {self.step}: {reader.origin} overlooks a fork of {log.origin}"
                )

    def _contradict(self, log: Member, one: Checkpoint, other: Checkpoint) -> bool:
        smaller, larger = sorted((one, other), key=lambda head: head.size)
        for history in log.histories:
            if len(history.roots) > larger.size and history.roots[larger.size] == larger.root:
                return history.roots[smaller.size] != smaller.root
        raise BrokenPromiseError(f"step {self.step}: {log.origin} never signed {larger.size}")

    def _settle(self) -> None:
        """Let tiles be read again, and the honest compare all they know; doubts must end."""
        self.step += 1
        self.reliable = True
        for liar in self.liars:
            liar.withheld = liar.silent = False
        for _ in range(3):
            for one in self.honest:
                for other in self.honest:
                    if one is not other:
                        self._exchange(one, other)
        for log in self.honest:
            self.counts["honest logs with a quorum"] += bool(self.agreed[log.origin])
            for one in self.honest:
                standing = {subject for _, subject in one.tables.alarms_open}
                if standing & {f"{log.id}@{other.id}" for other in self.honest}:
                    raise BrokenPromiseError(f"{one.origin} still doubts {log.origin}")
        for log in self.liars:
            knowing = [one for one in self.honest if log.origin in one.tables.proofs]
            if knowing and len(knowing) < len(self.honest):
                raise BrokenPromiseError(f"a proof against {log.origin} did not reach everybody")

    # Small things.

    def _few(self) -> int:
        return self.random.choice((1, 1, 1, 2, 3, 5))

    def _spoil(self, data: bytes) -> bytes:
        at = self.random.randrange(len(data))
        return data[:at] + bytes((data[at] ^ (1 << self.random.randrange(8)),)) + data[at + 1 :]


class _Network:
    """What a member's node reaches of others: some calls fail, liars answer as they like."""

    def __init__(self, world: World, reader: Member) -> None:
        self._world = world
        self._reader = reader

    def heads(self, peer: PeerEndpoint) -> bytes:
        found = self._world.by_id[peer.member]
        if not found.honest:
            self._reach()
        return self._world.heads_of(found)

    def ledger_file(self, peer: PeerEndpoint, path: str) -> bytes:
        self._reach()
        log = self._world.by_id[peer.member]
        if log.silent:
            raise PeerError("time-out")
        try:
            if path == CHECKPOINT_PATH:
                return log.view(self._reader.number).notes[-1]
            return tiles_shown(log, self._reader.number).read(path)
        except (LedgerError, IndexError) as error:
            raise PeerError("404") from error

    def mirror_file(self, peer: PeerEndpoint, origin: str, path: str) -> bytes:
        self._reach()
        found = self._world.by_id[peer.member]
        if not found.honest:
            return self._world.random.randbytes(HASH_BYTES * self._world.random.randrange(9))
        try:
            return found.copy_of(origin).read(path)
        except LedgerError as error:
            raise PeerError("404") from error

    def deliver_fork(self, peer: PeerEndpoint, proof: bytes) -> None:
        self._reach()
        found = self._world.by_id[peer.member]
        if found.honest:
            gossip.take_fork(self._world.nodes[found.number], proof, shown_by=self._reader.id)

    def _reach(self) -> None:
        if not self._world.reliable and self._world.random.random() < 0.1:
            raise PeerError("time-out")


def simulate(seed: int, steps: int, rules: Rules | None = None) -> Counter[str]:
    """Run one world and return what happened in it, by name and number.

    Raises:
        BrokenPromiseError: A promise does not hold; the seed and steps show it again.
    """
    world = World(seed, Rules() if rules is None else rules)

    def log(_: Transaction, node: Node, origin: str) -> LogOwner | None:
        del node
        return world.logs.get(origin)

    def others(_: Transaction, node: Node, origin: str) -> LogOwner | None:
        return None if origin == node.identity.log_origin else world.logs.get(origin)

    def origin_of(_: Transaction, node: Node, one: MemberId) -> str:
        del node
        return world.by_id[one].origin

    def endpoints(_: Transaction, node: Node) -> list[PeerEndpoint]:
        return [one.endpoint for one in world.members if one.id != node.identity.member]

    def endpoint_of(_: Transaction, node: Node, one: MemberId) -> PeerEndpoint:
        del node
        return world.by_id[one].endpoint

    with ExitStack() as stack:
        stack.enter_context(patch("foedus.node.gossip.known_log", log))
        stack.enter_context(patch("foedus.node.gossip.origin_of", origin_of))
        stack.enter_context(patch("foedus.node.gossip.endpoints", endpoints))
        stack.enter_context(patch("foedus.node.gossip.endpoint_of", endpoint_of))
        stack.enter_context(patch("foedus.node.witness.current_log", others))
        stack.enter_context(patch("foedus.node.witness.refuse_witness", lambda *_: None))
        if not world.rules.prove:
            stack.enter_context(patch("foedus.ledger.fork._check", lambda *_: None))
        return world.run(steps)


def _head(note: bytes, log: Member) -> Checkpoint:
    return open_checkpoint(note, log.verifier)
