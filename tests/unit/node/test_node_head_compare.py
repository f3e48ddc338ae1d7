"""Two signed heads of one log, and tiles that may lie."""

from __future__ import annotations

from dataclasses import replace

import pytest

from foedus.ledger import (
    Checkpoint,
    CheckpointError,
    TileAbsentError,
    prove_fork,
    sign_checkpoint,
    verify_fork,
)
from foedus.ledger.edge import RightEdge
from foedus.ledger.tiles import tile_path
from foedus.ledger.tree import leaf_hash
from foedus.node.gossip_format import (
    MAX_HEAD_BYTES,
    MAX_HEADS_BYTES,
    MAX_PROOF_BYTES,
    HeadsError,
    KnownHeads,
    bare_note,
    format_heads,
    parse_heads,
)
from foedus.node.head_compare import Relation, compare, connect
from foedus.signing import NoteSigner
from foedus.signing.keys import SigningKey
from foedus.signing.note import NoteSignature, add_signatures, sign_note

LOG = NoteSigner("xa.example/log", SigningKey.from_seed(b"a" * 32))
OTHER = NoteSigner("xa.example/log", SigningKey.from_seed(b"o" * 32))


class Tree:
    """A log in memory, whose tiles are served at every size it had."""

    def __init__(self, *leaves: bytes) -> None:
        self._tiles: dict[str, bytes] = {}
        self.heads: list[Checkpoint] = [Checkpoint(LOG.name, 0, RightEdge().root)]
        edge = RightEdge()
        for leaf in leaves:
            for tile in (*edge.add([leaf_hash(leaf)]), *edge.partials()):
                self._tiles[tile_path(tile.level, tile.index, tile.width)] = b"".join(tile.hashes)
            self.heads.append(Checkpoint(LOG.name, edge.size, edge.root))

    def read(self, path: str) -> bytes:
        if path not in self._tiles:
            raise TileAbsentError(path)
        return self._tiles[path]

    def note(self, size: int) -> bytes:
        return sign_checkpoint(self.heads[size], LOG)


COMMON = [b"leaf %d" % number for number in range(6)]
ONE = Tree(*COMMON, b"seventh", b"eighth", b"ninth")
TWO = Tree(*COMMON, b"another seventh", b"eighth", b"ninth")


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        (None, ONE.note(3), Relation.NEW),
        (ONE.note(6), TWO.note(6), Relation.SAME),
        (ONE.note(7), ONE.note(5), Relation.OLDER),
        (ONE.note(5), TWO.note(7), Relation.NEWER),
        (ONE.note(7), TWO.note(7), Relation.FORKED),
    ],
)
def test_what_two_heads_say_without_a_tile(
    ours: bytes | None, theirs: bytes, said: Relation
) -> None:
    assert compare(ours, theirs, [LOG.verifier]) is said


def test_a_head_by_another_key_says_nothing() -> None:
    forged = sign_checkpoint(TWO.heads[7], OTHER)
    with pytest.raises(CheckpointError):
        compare(ONE.note(7), forged, [LOG.verifier])


@pytest.mark.parametrize("small", range(1, 10))
@pytest.mark.parametrize("large", range(1, 10))
def test_tiles_of_the_larger_head_decide_and_the_proof_convinces_a_third_party(
    small: int, large: int
) -> None:
    if small > large:
        return
    found = connect(TWO, ONE.heads[small], TWO.heads[large])
    assert found.contained is (small <= 6)
    if not found.contained:
        proof = prove_fork(ONE.note(small), TWO.note(large), found.path, LOG.verifier)
        assert verify_fork(proof, LOG.verifier).larger.size == large


@pytest.mark.parametrize("small", [1, 4, 6, 7, 8])
def test_tiles_that_lead_to_another_head_decide_nothing(small: int) -> None:
    assert connect(ONE, ONE.heads[small], TWO.heads[9]).contained is None
    assert connect(Tree(), ONE.heads[small], ONE.heads[9]).contained is None


def test_the_empty_log_is_a_part_of_every_log() -> None:
    assert connect(Tree(), ONE.heads[0], TWO.heads[9]).contained is True


def test_what_others_added_to_a_head_is_taken_off() -> None:
    note = ONE.note(4)
    spoiled = note + "— w.example/witness AAAAAAAAAAAA\n".encode()
    assert bare_note(spoiled, [LOG.verifier]) == note
    with pytest.raises(CheckpointError):
        bare_note(note, [OTHER.verifier])
    with pytest.raises(CheckpointError):
        bare_note(b"x", [LOG.verifier])


def test_what_merely_bears_the_name_of_the_log_is_taken_off_too() -> None:
    note = ONE.note(4)
    padding = [
        NoteSignature(name=LOG.name, key_hash=bytes([number]) * 4, signature=b"x" * 700)
        for number in range(5)
    ]
    padded = add_signatures(note, padding)
    assert len(padded) > MAX_HEAD_BYTES
    assert bare_note(padded, [LOG.verifier, OTHER.verifier]) == note


def test_of_a_log_with_many_keys_as_many_signatures_stay_as_fit() -> None:
    keys = [NoteSigner(LOG.name, SigningKey.from_seed(bytes([n]) * 32)) for n in range(40)]
    note = sign_note(ONE.heads[4].text, keys)
    bare = bare_note(note, [key.verifier for key in keys])
    assert len(note) > MAX_HEAD_BYTES
    assert len(bare) <= MAX_HEAD_BYTES
    assert note.startswith(bare)
    assert bare_note(bare, [keys[0].verifier])


def test_a_head_that_its_own_log_made_too_large_is_refused() -> None:
    long = replace(ONE.heads[4], extensions=("x" * MAX_HEAD_BYTES,))
    with pytest.raises(CheckpointError, match="at most 2048 bytes"):
        bare_note(sign_checkpoint(long, LOG), [LOG.verifier])


def test_the_longest_list_of_heads_is_read() -> None:
    heads = tuple(bytes([number]) * MAX_HEAD_BYTES for number in range(256))
    forks = tuple(bytes([number]) * MAX_PROOF_BYTES for number in range(256))
    body = format_heads(KnownHeads(heads=heads, forks=forks))
    read = parse_heads(body)
    assert read.heads == heads
    assert len(read.forks) >= 27, "a proof about every member of a large bloc"


def test_heads_survive_the_way() -> None:
    known = KnownHeads(heads=(ONE.note(3), TWO.note(4)), forks=(b"proof",))
    assert parse_heads(format_heads(known)) == known


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"heads":[1]}',
        b'{"heads":["?"]}',
        b'{"heads":[],"forks":[""]}'.replace(b'""', b'"' + b"A" * 2_800_000 + b'"'),
        b'{"heads":["' + b"AAAA" * 1000 + b'"]}',
        b" " * (MAX_HEADS_BYTES + 1),
        b"[" * 10_000,
        b"\xff",
    ],
)
def test_what_is_no_list_of_heads_is_refused(body: bytes) -> None:
    with pytest.raises(HeadsError):
        parse_heads(body)
