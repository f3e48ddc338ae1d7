"""A node as a witness of another's log, and what it asks of others; in one process."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

from foedus.ledger import (
    EMPTY_ROOT,
    AddCheckpoint,
    Checkpoint,
    ConsistencyProof,
    ForkError,
    WitnessError,
    consistency_from_tiles,
    format_add_checkpoint,
    open_cosigned,
    prove_fork,
    root_from_tiles,
    sign_checkpoint,
)
from foedus.model.identifiers import MemberId
from foedus.node import gossip
from foedus.node.errors import NotFoundError, RecoveringError
from foedus.node.gossip import compare_heads, digest_to_tell, heads_to_tell, take_fork
from foedus.node.gossip_format import (
    MAX_HEAD_BYTES,
    MAX_PROOF_BYTES,
    KnownHeads,
    format_heads,
    parse_heads,
)
from foedus.node.head_compare import connect
from foedus.node.lawbook import LawView
from foedus.node.log_keys import current_logs, known_logs
from foedus.node.mirror import origin_hash, update_mirror
from foedus.node.peer_ports import LanePage, PeerEndpoint, PeerError, WitnessAnswer
from foedus.node.ports import ForkRow, HeardHead
from foedus.node.witness import add_checkpoint, cosigned_checkpoint
from foedus.node.witness_round import (
    ALARM_AHEAD,
    ALARM_ROLLBACK,
    Asked,
    keep_answers,
    published_head,
    witness_round,
    witness_verifiers,
)
from foedus.node.witness_status import ledger_status
from foedus.signing import KeyPurpose, NoteSigner, NoteVerifier, PublicKey, SigningKey
from foedus.signing.note import NoteSignature, add_signatures
from foedus.store.mirrors import MirrorDirectory

if TYPE_CHECKING:
    from tests.unit.node.conftest import Pair

    from foedus.compose import Wired

XA, XB = MemberId("XA"), MemberId("XB")


@dataclass(slots=True)
class Line:
    """A ``WitnessClient`` to one other node in this process.

    Attributes:
        answers: What is said instead of its own answers to requests, first come first.
        own_heads: Shows these heads instead of its own.
    """

    other: Wired
    answers: list[WitnessAnswer] = field(default_factory=list)
    shows: KnownHeads | None = None
    handed: list[bytes] = field(default_factory=list)
    tiles: bool = True

    def add_checkpoint(self, peer: PeerEndpoint, request: bytes) -> WitnessAnswer:  # noqa: ARG002  as the port has it
        if self.answers:
            return self.answers.pop(0)
        try:
            return WitnessAnswer(status=200, body=add_checkpoint(self.other.node, request))
        except WitnessError as error:
            return WitnessAnswer(status=error.status, body=error.body)

    def witnessed(self, peer: PeerEndpoint, origin: str) -> bytes:  # noqa: ARG002  as the port has it
        try:
            return cosigned_checkpoint(self.other.node, origin_hash(origin))
        except NotFoundError as error:
            raise PeerError("404") from error

    def ledger_file(self, peer: PeerEndpoint, path: str) -> bytes:  # noqa: ARG002  as the port has it
        if not self.tiles and path != "checkpoint":
            raise PeerError("withheld")
        return MirrorDirectory(self.other.settings.ledger).read(path)

    def mirror_file(self, peer: PeerEndpoint, origin: str, path: str) -> bytes:
        raise PeerError(f"{peer.member} has no copy of {origin} {path}")

    def heads(self, peer: PeerEndpoint) -> bytes:  # noqa: ARG002  as the port has it
        return format_heads(self.shows or heads_to_tell(self.other.node))

    def deliver_fork(self, peer: PeerEndpoint, proof: bytes) -> None:  # noqa: ARG002  as the port has it
        self.handed.append(proof)

    def lane_page(self, peer: PeerEndpoint, lane: str, *, added_after: str, limit: int) -> LanePage:
        raise NotImplementedError((peer, lane, added_after, limit))

    def deliver_head(self, peer: PeerEndpoint, document: bytes) -> None:
        raise NotImplementedError((peer, document))


def request(
    wired: Wired, old: int, size: int | None = None, *, signer: NoteSigner | None = None
) -> bytes:
    """Return a request about a head of a node's real log, published or not."""
    files = MirrorDirectory(wired.settings.ledger)
    identity = wired.node.identity
    published = published_head(wired.node, wired.ledger)
    assert published is not None
    size = published.head.size if size is None else size
    proof = ConsistencyProof(())
    if 0 < old < size:
        proof = consistency_from_tiles(files, old, size)
    head = Checkpoint(identity.log_origin, size, root_from_tiles(files, size))
    key = signer or NoteSigner(identity.log_origin, identity.log)
    return format_add_checkpoint(
        AddCheckpoint(old_size=old, proof=proof, checkpoint=sign_checkpoint(head, key))
    )


def refused(wired: Wired, body: bytes) -> tuple[int, bytes]:
    with pytest.raises(WitnessError) as error:
        add_checkpoint(wired.node, body)
    return error.value.status, error.value.body


def size_of(wired: Wired) -> int:
    published = published_head(wired.node, wired.ledger)
    assert published is not None
    return published.head.size


def alarms(wired: Wired) -> set[tuple[str, str]]:
    with wired.database.read() as tx:
        return {(each.code, each.subject) for each in tx.alarms.open()}


def forge(wired: Wired, size: int) -> bytes:
    """Return a head that a node's log key signed and that its log never had."""
    identity = wired.node.identity
    head = Checkpoint(identity.log_origin, size, bytes([7]) * 32)
    return sign_checkpoint(head, NoteSigner(identity.log_origin, identity.log))


# --- as witness


def test_a_head_is_cosigned_stored_and_shown(pair: Pair) -> None:
    log, witness = pair.a.wired, pair.b.wired
    lines = add_checkpoint(witness.node, request(log, 0))
    name = origin_hash(log.node.identity.log_origin)
    note = cosigned_checkpoint(witness.node, name)
    assert note.endswith(lines)
    key = NoteVerifier(name=log.node.identity.log_origin, key=log.node.identity.log.public)
    with log.database.read() as tx:
        known = witness_verifiers(tx, log.node, XB)
    [said] = open_cosigned(note, key, known)[1]
    assert said.at == pair.clock.now().replace(microsecond=0)


def test_the_same_head_asked_again_gets_the_same_answer(pair: Pair) -> None:
    log, witness = pair.a.wired, pair.b.wired
    first = add_checkpoint(witness.node, request(log, 0))
    assert add_checkpoint(witness.node, request(log, size_of(log))) == first


def test_what_a_witness_answers_to_what_it_does_not_cosign(pair: Pair) -> None:
    log, witness = pair.a.wired, pair.b.wired
    size = size_of(log)
    add_checkpoint(witness.node, request(log, 0, size - 1))
    good = request(log, size - 1)
    key = SigningKey.from_seed(b"x" * 32)
    stranger = NoteSigner(log.node.identity.log_origin, key)
    nowhere = NoteSigner("nowhere.example/log", key)
    elsewhere = sign_checkpoint(Checkpoint("nowhere.example/log", 0, EMPTY_ROOT), nowhere)
    cases = {
        "malformed": (b"", 400),
        "old above new": (good.replace(b"old %d" % (size - 1), b"old %d" % (size + 1)), 400),
        "another log": (b"old 0\n\n" + elsewhere, 404),
        "another key": (request(log, size - 1, signer=stranger), 403),
        "another size": (request(log, 0), 409),
        "no proof": (b"old %d\n\n" % (size - 1) + good.partition(b"\n\n")[2], 422),
        "a fork": (b"old %d\n\n" % (size - 1) + forge(log, size - 1), 422),
    }
    found = {what: refused(witness, body)[0] for what, (body, _) in cases.items()}
    assert found == {what: status for what, (_, status) in cases.items()}
    assert refused(witness, request(log, 0)) == (409, b"%d\n" % (size - 1))
    assert add_checkpoint(witness.node, good)


def padded(wired: Wired, note: bytes, lines: int = 5) -> bytes:
    """Return a head with lines that bear its log's name and that none of its keys made."""
    name = wired.node.identity.log_origin
    return add_signatures(
        note,
        [
            NoteSignature(name=name, key_hash=bytes([number]) * 4, signature=b"x" * 700)
            for number in range(lines)
        ],
    )


def long_head(wired: Wired, width: int = MAX_HEAD_BYTES) -> bytes:
    """Return a head that the log itself signed with a line that makes it too large."""
    identity = wired.node.identity
    size = size_of(wired)
    root = root_from_tiles(MirrorDirectory(wired.settings.ledger), size)
    head = Checkpoint(identity.log_origin, size, root, extensions=("x" * width,))
    return sign_checkpoint(head, NoteSigner(identity.log_origin, identity.log))


def test_of_a_padded_head_only_what_the_log_signed_is_kept(pair: Pair) -> None:
    log, witness = pair.a.wired, pair.b.wired
    note = request(log, 0).partition(b"\n\n")[2]
    lines = add_checkpoint(witness.node, b"old 0\n\n" + padded(log, note))
    name = origin_hash(log.node.identity.log_origin)
    assert cosigned_checkpoint(witness.node, name) == note + lines


def test_a_head_too_large_to_be_told_is_neither_cosigned_heard_nor_copied(pair: Pair) -> None:
    one, other = pair.a.wired, pair.b.wired
    long = long_head(other)
    assert refused(one, b"old 0\n\n" + long)[0] == 400
    compare_heads(one.node, Line(other), endpoint(), digest="", suspects=(long,))
    with one.database.read() as tx:
        heard = tx.witness.heard(other.node.identity.log_origin)
    assert heard is not None
    assert heard.size < size_of(other), "what was followed before"
    one.mirrors.of(other.node.identity.log_origin).reach(
        Checkpoint(other.node.identity.log_origin, 0, EMPTY_ROOT)
    )
    assert update_mirror(one.node, Line(other), endpoint(), long) == 0
    assert ("mirror", "XB") in alarms(one)


def test_a_stranger_is_answered_before_any_members_keys_are_looked_up(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness = pair.b.wired
    refused(witness, request(pair.b.wired, 0))  # the law is read once
    looked: list[MemberId] = []
    keys = LawView.keys

    def seen(
        self: LawView, member: MemberId, purpose: KeyPurpose, at: datetime
    ) -> tuple[PublicKey, ...]:
        looked.append(member)
        return keys(self, member, purpose, at)

    monkeypatch.setattr(LawView, "keys", seen)
    monkeypatch.setattr(type(witness.node.database), "write", None)
    with witness.database.read() as tx:
        monkeypatch.setattr(type(tx.peers), "all", None)
    nowhere = NoteSigner("nowhere.example/log", SigningKey.from_seed(b"x" * 32))
    head = sign_checkpoint(Checkpoint(nowhere.name, 0, EMPTY_ROOT), nowhere)
    assert refused(witness, b"old 0\n\n" + head)[0] == 404
    assert looked == []
    forged = request(pair.a.wired, 0, signer=NoteSigner("foedus/xa/log", nowhere.key))
    assert refused(witness, forged)[0] == 403
    assert looked == [XA]


def test_a_node_without_a_witness_key_witnesses_nobody_and_says_so(pair: Pair) -> None:
    node = pair.b.wired.node
    mute = replace(node, identity=replace(node.identity, witness=None))
    with pytest.raises(WitnessError, match="witnesses nobody") as error:
        add_checkpoint(mute, request(pair.a.wired, 0))
    assert error.value.status == 404


def test_a_restored_node_cosigns_nothing_before_it_recovered(pair: Pair) -> None:
    with pair.b.wired.database.write() as tx:
        tx.recovery.begin("an older store was put in place", at=pair.clock.now())
    with pytest.raises(RecoveringError):
        add_checkpoint(pair.b.wired.node, request(pair.a.wired, 0))


def test_nobody_cosigns_its_own_log_or_that_of_a_stranger(pair: Pair) -> None:
    assert refused(pair.a.wired, request(pair.a.wired, 0))[0] == 404
    with pair.b.wired.database.read() as tx:
        assert {log.member for log in current_logs(tx, pair.b.wired.node).values()} == {XA}
        assert {log.member for log in known_logs(tx, pair.b.wired.node).values()} == {XA, XB}


def test_of_many_at_once_each_size_is_cosigned_once(pair: Pair) -> None:
    log, witness = pair.a.wired, pair.b.wired
    with log.database.write() as tx:
        for number in range(40):
            tx.ledger.append(
                bytes([number]) * 32, salt=bytes(32), record=b"{}", at=pair.clock.now()
            )
    log.node.publish()
    last = size_of(log)
    told: list[tuple[int, int]] = []
    lock = threading.Lock()

    def press(step: int) -> None:
        old = 0
        while old < last:
            size = min(last, old + step)
            try:
                add_checkpoint(witness.node, request(log, old, size))
            except WitnessError as error:
                old = int(error.body)  # of a 409
            else:
                with lock:
                    told.append((old, size))
                old = size

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(press, (1, 2, 3, 5)))
    steps = sorted(told)
    assert steps[0][0] == 0
    assert steps[-1][1] == last
    assert all(one[1] == two[0] for one, two in pairwise(steps))


# --- as log


def ask_all(pair: Pair, line: Line) -> list[Asked]:
    log = pair.a.wired
    return witness_round(log.node, line, log.ledger, log.show_cosigned)


def test_a_round_keeps_the_cosignature_and_shows_it_beneath_the_head(pair: Pair) -> None:
    log = pair.a.wired
    [asked] = ask_all(pair, Line(pair.b.wired))
    assert (asked.member, asked.size, asked.problem) == (XB, size_of(log), "")
    key = NoteVerifier(name=log.node.identity.log_origin, key=log.node.identity.log.public)
    with log.database.read() as tx:
        known = witness_verifiers(tx, log.node, XB)
        assert tx.witness.cosigned_size(XB) == size_of(log)
        kept = tx.witness.best_note(0, [XB], 1)
    published = log.ledger.read("checkpoint")
    assert published == kept
    assert len(open_cosigned(published, key, known)[1]) == 1
    log.node.publish()  # nothing is new: the lines stay
    assert log.ledger.read("checkpoint") == published
    status = ledger_status(log.node)
    assert (status.unwitnessed, status.unwitnessed_since) == (0, None)
    assert [each.size for each in status.witnesses] == [size_of(log)]


def test_a_log_that_forgot_learns_from_the_409_where_its_witness_stands(pair: Pair) -> None:
    log, line = pair.a.wired, Line(pair.b.wired)
    ask_all(pair, line)
    with log.database.write() as tx:
        tx.ledger.append(bytes(32), salt=bytes(32), record=b"{}", at=pair.clock.now())
    log.node.publish()
    body = request(log, size_of(log) - 1, size_of(log))
    add_checkpoint(pair.b.wired.node, body)  # as if our answer had been lost
    [asked] = ask_all(pair, line)
    assert (asked.problem, asked.size) == ("", size_of(log))


def test_only_a_cosignature_by_the_members_own_key_counts(pair: Pair) -> None:
    log = pair.a.wired
    witness = pair.b.wired.node
    other = replace(
        pair.b.wired.node,
        identity=replace(witness.identity, witness=SigningKey.from_seed(b"w" * 32)),
    )
    lines = add_checkpoint(other, request(log, 0))
    for body in (lines, b"", b"no line", b"\xff"):
        [asked] = ask_all(pair, Line(pair.b.wired, answers=[WitnessAnswer(status=200, body=body)]))
        assert asked.problem
        assert not asked.lines
    with log.database.read() as tx:
        assert tx.witness.cosigned_size(XB) == 0


@pytest.mark.parametrize("status", [400, 403, 404, 422])
def test_a_refusal_is_told_in_words(pair: Pair, status: int) -> None:
    answer = WitnessAnswer(status=status, body=b"whatever")
    [asked] = ask_all(pair, Line(pair.b.wired, answers=[answer]))
    assert asked.problem
    assert "whatever" not in asked.problem


@pytest.mark.parametrize("body", [b"", b"7", b"07\n", b"-1\n", b"7\n7\n", b"9" * 30 + b"\n"])
def test_a_409_without_a_size_is_no_answer(pair: Pair, body: bytes) -> None:
    [asked] = ask_all(pair, Line(pair.b.wired, answers=[WitnessAnswer(status=409, body=body)]))
    assert asked.problem == "answered 409 without a size"


def test_a_witness_that_remembers_less_than_it_signed_for_is_told_of(pair: Pair) -> None:
    log = pair.a.wired
    ask_all(pair, Line(pair.b.wired))
    with log.database.write() as tx:
        tx.ledger.append(bytes(32), salt=bytes(32), record=b"{}", at=pair.clock.now())
    log.node.publish()
    ask_all(pair, Line(pair.b.wired, answers=[WitnessAnswer(status=409, body=b"1\n")]))
    assert (ALARM_ROLLBACK, "XB") in alarms(log)


def test_a_size_beyond_ours_is_told_of_and_only_our_own_signature_is_believed(pair: Pair) -> None:
    log = pair.a.wired
    beyond = WitnessAnswer(status=409, body=b"%d\n" % (size_of(log) + 5))
    [asked] = ask_all(pair, Line(pair.b.wired, answers=[beyond]))
    assert asked.ahead == size_of(log) + 5
    assert (ALARM_AHEAD, "XB") in alarms(log)
    with log.database.read() as tx:
        assert tx.recovery.state() is None  # a bare number proves nothing
    proof = forge(log, size_of(log) + 5)
    keep_answers(log.node, [replace(asked, proof=proof)])
    with log.database.read() as tx:
        assert tx.recovery.state() is not None


# --- heads heard


def endpoint() -> PeerEndpoint:
    return PeerEndpoint(member=XB, address="https://xb.example")


def test_members_that_know_the_same_ask_nothing(pair: Pair) -> None:
    one, other = pair.a.wired, pair.b.wired
    for mine, theirs in ((one, other), (other, one), (one, other)):
        compare_heads(
            mine.node, Line(theirs), endpoint(), digest=digest_to_tell(theirs.node) or "x"
        )
    assert digest_to_tell(one.node) == digest_to_tell(other.node)
    digest = digest_to_tell(other.node)
    assert not compare_heads(one.node, Line(other), endpoint(), digest=digest).asked
    assert alarms(one) == set()


def test_a_head_that_is_known_is_not_considered_again_at_each_pull(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = pair.a.wired, pair.b.wired
    considered: list[bytes] = []
    whole = gossip._Comparing.consider

    def counted(self: gossip._Comparing, note: bytes) -> None:
        considered.append(note)
        whole(self, note)

    monkeypatch.setattr(gossip._Comparing, "consider", counted)
    compare_heads(one.node, Line(other), endpoint(), digest="first")
    assert considered
    considered.clear()
    compare_heads(one.node, Line(other), endpoint(), digest=digest_to_tell(one.node))
    with one.database.read() as tx:
        known = {tuple(each.note.split(b"\n")[:3]) for each in tx.witness.all_heard()}
    assert len(known) == 2
    assert not known & {tuple(note.split(b"\n")[:3]) for note in considered}


def test_one_size_and_two_roots_are_a_fork_whoever_shows_them(pair: Pair) -> None:
    one, other = pair.a.wired, pair.b.wired
    compare_heads(one.node, Line(other), endpoint(), digest="first")
    shows = KnownHeads(heads=(forge(other, size_of(other)),))
    found = compare_heads(one.node, Line(other, shows=shows), endpoint(), digest="then")
    [fork] = found.forks
    assert (fork.member, fork.smaller, fork.larger) == (XB, size_of(other), size_of(other))
    assert ("log-fork", "XB") in alarms(one)
    with one.database.read() as tx:
        assert tx.witness.fork_of(XB) == fork
        assert tx.witness.fork_of(XA) is None
    assert take_fork(one.node, fork.proof, shown_by=XB) is None  # one is enough
    again = compare_heads(one.node, Line(other, shows=shows), endpoint(), digest="and again")
    assert again.forks == ()


def test_a_smaller_head_that_is_no_part_of_the_log_is_a_fork(pair: Pair) -> None:
    one, other = pair.a.wired, pair.b.wired
    compare_heads(one.node, Line(other), endpoint(), digest="first")
    shows = KnownHeads(heads=(forge(other, size_of(other) - 1),))
    [fork] = compare_heads(one.node, Line(other, shows=shows), endpoint(), digest="then").forks
    assert (fork.smaller, fork.larger) == (size_of(other) - 1, size_of(other))


def test_a_peer_that_talks_nonsense_keeps_no_proof_from_the_others(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = pair.a.wired, pair.b.wired
    compare_heads(one.node, Line(other), endpoint(), digest="first")
    monkeypatch.setattr(Line, "heads", lambda _self, _peer: b"nonsense")
    forged = forge(other, size_of(other))
    found = compare_heads(one.node, Line(other), endpoint(), digest="then", suspects=(forged,))
    assert [fork.member for fork in found.forks] == [XB]
    assert not found.asked
    assert ("log-fork", "XB") in alarms(one)


def test_without_tiles_nobody_is_accused_and_people_are_told(pair: Pair) -> None:
    one, other = pair.a.wired, pair.b.wired
    compare_heads(one.node, Line(other), endpoint(), digest="first")
    shows = KnownHeads(heads=(forge(other, size_of(other) + 1),))
    found = compare_heads(
        one.node, Line(other, shows=shows, tiles=False), endpoint(), digest="then"
    )
    assert found.forks == ()
    assert found.unproven == (XB,)
    assert alarms(one) == {("log-unproven", "XB@XB")}
    compare_heads(one.node, Line(other), endpoint(), digest="later")
    assert alarms(one) == set()


def test_a_fork_of_our_own_log_is_found_as_any_other(pair: Pair) -> None:
    one, other = pair.a.wired, pair.b.wired
    shows = KnownHeads(heads=(forge(one, size_of(one)),))
    [fork] = compare_heads(one.node, Line(other, shows=shows), endpoint(), digest="x").forks
    assert fork.member == XA
    assert ("log-fork", "XA") in alarms(one)


@pytest.mark.parametrize("what", ["a stranger's", "another key's", "rubbish"])
def test_heads_that_no_known_log_signed_say_nothing(pair: Pair, what: str) -> None:
    one, other = pair.a.wired, pair.b.wired
    compare_heads(one.node, Line(other), endpoint(), digest="first")
    before = digest_to_tell(one.node)
    key = SigningKey.from_seed(b"s" * 32)
    origin = other.node.identity.log_origin
    note = {
        "a stranger's": sign_checkpoint(
            Checkpoint("s.example/log", 9, bytes(32)), NoteSigner("s.example/log", key)
        ),
        "another key's": sign_checkpoint(
            Checkpoint(origin, size_of(other), bytes(32)), NoteSigner(origin, key)
        ),
        "rubbish": b"rubbish",
    }[what]
    shows = KnownHeads(heads=(note,), forks=(b"rubbish",))
    found = compare_heads(one.node, Line(other, shows=shows), endpoint(), digest="then")
    assert found.forks == ()
    assert found.unproven == ()
    assert digest_to_tell(one.node) == before
    assert alarms(one) == set()


def test_a_fork_is_told_however_its_log_pads_its_heads(pair: Pair) -> None:
    one, other = pair.a.wired, pair.b.wired
    real = request(other, 0).partition(b"\n\n")[2]
    compare_heads(one.node, Line(other), endpoint(), digest="", suspects=(padded(other, real),))
    assert real in parse_heads(format_heads(heads_to_tell(one.node))).heads
    forged = padded(other, forge(other, size_of(other)))
    found = compare_heads(one.node, Line(other), endpoint(), digest="", suspects=(forged,))
    [fork] = found.forks
    told = parse_heads(format_heads(heads_to_tell(one.node)))
    assert told.forks == (fork.proof,)
    assert len(fork.proof) <= MAX_PROOF_BYTES


def test_a_proof_too_large_to_be_passed_on_does_not_take_the_place_of_one_that_is_not(
    pair: Pair,
) -> None:
    one, other = pair.a.wired, pair.b.wired
    identity = other.node.identity
    note = forge(other, size_of(other))
    real = request(other, 0).partition(b"\n\n")[2]
    key = NoteVerifier(name=identity.log_origin, key=identity.log.public)
    for large in (padded(other, real, 20), long_head(other, MAX_PROOF_BYTES)):
        proof = prove_fork(large, note, ConsistencyProof(()), key)
        assert len(proof) > MAX_PROOF_BYTES
        with pytest.raises(ForkError, match="at most"):
            take_fork(one.node, proof, shown_by=XB)
    assert take_fork(one.node, prove_fork(real, note, ConsistencyProof(()), key), shown_by=XB)


def test_what_is_no_proof_about_a_known_log_accuses_nobody(pair: Pair) -> None:
    key = SigningKey.from_seed(b"s" * 32)
    signer = NoteSigner("s.example/log", key)
    one, two = (
        sign_checkpoint(Checkpoint(signer.name, 9, bytes([n]) * 32), signer) for n in (1, 2)
    )
    proof = prove_fork(one, two, ConsistencyProof(()), signer.verifier)
    for each in (proof, b"", b"\n\n\xff", proof.replace(b"s.example", b"x.example")):
        with pytest.raises(ForkError):
            take_fork(pair.a.wired.node, each, shown_by=XB)


def test_of_what_one_peer_shows_of_a_log_two_heads_are_considered(pair: Pair) -> None:
    one, other = pair.a.wired, pair.b.wired
    compare_heads(one.node, Line(other), endpoint(), digest="first")
    beyond = [forge(other, size_of(other) + number) for number in range(1, 60)]
    line = Line(other, shows=KnownHeads(heads=tuple(beyond)), tiles=False)
    with patch("foedus.node.gossip.connect", wraps=connect) as compared:
        compare_heads(one.node, line, endpoint(), digest="then")
    sizes = {call.args[2].size for call in compared.call_args_list}
    beyond_it = {size for size in sizes if size > size_of(other)}
    assert beyond_it == {size_of(other) + 1, size_of(other) + 2}


def test_no_member_crowds_the_heads_of_another_out_of_what_is_told(pair: Pair) -> None:
    one = pair.a.wired
    own, theirs = (each.wired.node.identity.log_origin for each in (pair.a, pair.b))

    def heard(origin: str, member: MemberId) -> HeardHead:
        return HeardHead(
            origin=origin,
            member=member,
            size=1,
            root=bytes(32),
            note=origin.encode(),
            shown_by=XB,
            at=pair.clock.now(),
        )

    with one.database.write() as tx:
        for origin in (theirs, own):
            tx.witness.forget_heard(origin)
        for number in range(300):
            tx.witness.hear(heard(f"a/{number:03}", XB))
        tx.witness.hear(heard(own, XA))
        tx.witness.hear(heard(theirs, XB))
        rows = tx.witness.all_heard()
        told = [each.origin for each in gossip._fairly(tx, one.node, rows)]
    assert told[:2] == [own, theirs]
    assert told[2:] == [f"a/{number:03}" for number in range(gossip.TOLD_OF_A_MEMBER - 1)]


def test_a_proof_shown_by_others_is_verified_here_and_kept(pair: Pair) -> None:
    one, other = pair.a.wired, pair.b.wired
    compare_heads(one.node, Line(other), endpoint(), digest="first")
    shows = KnownHeads(heads=(forge(other, size_of(other)),))
    [fork] = compare_heads(one.node, Line(other, shows=shows), endpoint(), digest="then").forks
    told = KnownHeads(heads=(), forks=(fork.proof,))
    [taken] = compare_heads(
        other.node, Line(one, shows=told), replace(endpoint(), member=XA), digest="x"
    ).forks
    assert isinstance(taken, ForkRow)
    assert taken.member == XB  # of itself


def test_a_head_signed_by_a_key_that_was_revoked_is_forgotten_and_accuses_nobody(
    pair: Pair,
) -> None:
    one, other = pair.a.wired, pair.b.wired
    thief = SigningKey.from_seed(b"t" * 32)
    origin = other.node.identity.log_origin
    head = Checkpoint(origin, 1000, bytes(32))
    with one.database.write() as tx:
        tx.witness.hear(
            HeardHead(
                origin=origin,
                member=XB,
                size=1000,
                root=bytes(32),
                note=sign_checkpoint(head, NoteSigner(origin, thief)),
                shown_by=XB,
                at=pair.clock.now(),
            )
        )
    found = compare_heads(one.node, Line(other), endpoint(), digest="x")
    assert found.forks == ()
    assert found.unproven == ()
    with one.database.read() as tx:
        heard = tx.witness.heard(origin)
    assert heard is not None
    assert heard.size == size_of(other)
