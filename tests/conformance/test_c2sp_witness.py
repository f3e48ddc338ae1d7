"""C2SP tlog-witness: requests, the order of answers, and what an answer carries."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from nacl.signing import SigningKey as Ed25519

from foedus.ledger.checkpoint import Checkpoint
from foedus.ledger.consistency import ConsistencyProof, consistency_proof
from foedus.ledger.cosignature import CosignatureVerifier, cosign
from foedus.ledger.errors import CheckpointError, WitnessError
from foedus.ledger.tree import StoredTree, leaf_hash, root_of_hashes
from foedus.ledger.witness import (
    MAX_PROOF_LINES,
    AddCheckpoint,
    format_add_checkpoint,
    format_cosignatures,
    judge,
    origin_of,
    parse_add_checkpoint,
    parse_cosignatures,
)
from foedus.signing.keys import PublicKey, SigningKey
from foedus.signing.note import NoteVerifier

ORIGIN = "log.example/foedus"
SEED = b"l" * 32
RAW = bytes(Ed25519(SEED).verify_key)
LOGS = {ORIGIN: (NoteVerifier(ORIGIN, PublicKey(RAW)),)}
LEAVES = [leaf_hash(b"%d" % number) for number in range(20)]
ROOTS = [root_of_hashes(LEAVES[:size]) for size in range(21)]
TREE = StoredTree(LEAVES)
OTHER_ROOT = hashlib.sha256(b"another tree").digest()

# The example of the text: its lines are real base64, its log key is not given.
EXAMPLE = """\
old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

\u2014 example.com/behind-the-sofa \
Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
\u2014 example.com/behind-the-sofa \
opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
""".encode()


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _line(text: str, *, origin: str = ORIGIN, seed: bytes = SEED) -> str:
    key = Ed25519(seed)
    key_id = hashlib.sha256(origin.encode() + b"\n\x01" + bytes(key.verify_key)).digest()[:4]
    return f"\u2014 {origin} {_b64(key_id + key.sign(text.encode()).signature)}\n"


def _note(size: int | str, root: bytes | None = None, *, origin: str = ORIGIN) -> bytes:
    shown = ROOTS[int(size)] if root is None else root
    text = f"{origin}\n{size}\n{_b64(shown)}\n"
    return f"{text}\n{_line(text, origin=origin)}".encode()


def _body(old: int | str, path: Sequence[bytes], note: bytes) -> bytes:
    lines = "".join(_b64(one) + "\n" for one in path)
    return f"old {old}\n{lines}\n".encode() + note


def _path(old: int, new: int) -> tuple[bytes, ...]:
    return consistency_proof(TREE, old_size=old, new_size=new).path


def _head(size: int, root: bytes | None = None) -> Checkpoint:
    return Checkpoint(ORIGIN, size, ROOTS[size] if root is None else root)


def test_the_example_of_the_text_is_read_and_written_back() -> None:
    request = parse_add_checkpoint(EXAMPLE)
    assert request.old_size == 20_852_014
    assert len(request.proof.path) == 4
    assert origin_of(request) == "example.com/behind-the-sofa"
    assert format_add_checkpoint(request) == EXAMPLE
    with pytest.raises(WitnessError) as unknown:
        judge(request, logs=LOGS, latest=None)
    assert unknown.value.status == 404


def test_request_is_size_line_proof_lines_empty_line_checkpoint() -> None:
    body = _body(3, _path(3, 7), _note(7))
    request = parse_add_checkpoint(body)
    assert request == AddCheckpoint(
        old_size=3, proof=ConsistencyProof(_path(3, 7)), checkpoint=_note(7)
    )
    assert format_add_checkpoint(request) == body


HASH_LINE = _b64(LEAVES[0])


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"old 0\n", id="no checkpoint"),
        pytest.param(b"old 0\n\n", id="empty checkpoint"),
        pytest.param(_body("00", (), _note(3)), id="zero twice"),
        pytest.param(_body("03", (), _note(3)), id="leading zero"),
        pytest.param(_body("-1", (), _note(3)), id="negative size"),
        pytest.param(_body("+1", (), _note(3)), id="sign before the size"),
        pytest.param(_body("1 ", (), _note(3)), id="space after the size"),
        pytest.param(_body("9223372036854775808", (), _note(3)), id="size past 63 bits"),
        pytest.param(b"size 1\n\n" + _note(3), id="another word"),
        pytest.param(b"old\t1\n\n" + _note(3), id="tab for the space"),
        pytest.param(b"old 1\r\n\n" + _note(3), id="carriage return"),
        pytest.param(b"old 1\n" + _note(3), id="no empty line before the checkpoint"),
        pytest.param(b"old 1\nAAAA\n\n" + _note(3), id="short hash"),
        pytest.param(f"old 1\n{HASH_LINE[:-1]}\n\n".encode() + _note(3), id="no padding"),
        pytest.param(f"old 1\n {HASH_LINE}\n\n".encode() + _note(3), id="space before a hash"),
        pytest.param(_body(1, LEAVES[:1] * (MAX_PROOF_LINES + 1), _note(3)), id="64 hashes"),
        pytest.param(_body(1, (), b"log\n7\n"), id="checkpoint without signatures"),
        pytest.param(_body(1, (), _note("07", LEAVES[0])), id="leading zero in the checkpoint"),
        pytest.param(_body(1, (), _note("9223372036854775808", LEAVES[0])), id="huge checkpoint"),
        pytest.param(_body(1, (), _note(3, b"short")), id="short root"),
    ],
)
def test_any_other_form_of_request_is_a_bad_request(body: bytes) -> None:
    with pytest.raises(WitnessError) as refused:
        parse_add_checkpoint(body)
    assert refused.value.status == 400


def test_sixty_three_proof_lines_are_read() -> None:
    body = _body(1, LEAVES[:1] * MAX_PROOF_LINES, _note(3))
    assert len(parse_add_checkpoint(body).proof.path) == MAX_PROOF_LINES


@pytest.mark.parametrize(
    ("latest", "old", "new"),
    [
        pytest.param(None, 0, 0, id="the empty tree, first"),
        pytest.param(None, 0, 7, id="the first head"),
        pytest.param(0, 0, 7, id="from the empty tree"),
        pytest.param(3, 3, 7, id="grown"),
        pytest.param(4, 4, 8, id="grown between powers of two"),
        pytest.param(7, 7, 7, id="the same head again"),
        pytest.param(0, 0, 0, id="the empty tree again"),
    ],
)
def test_consistent_heads_are_cosigned(latest: int | None, old: int, new: int) -> None:
    request = parse_add_checkpoint(_body(old, _path(old, new), _note(new)))
    last = None if latest is None else _head(latest)
    assert judge(request, logs=LOGS, latest=last) == _head(new)


def _spoilt(note: bytes) -> bytes:
    at = note.rindex(b" ") + 20
    return note[:at] + (b"A" if note[at : at + 1] != b"A" else b"B") + note[at + 1 :]


GOOD = _note(7).split(b"\n\n")[1]
SPOILT = _spoilt(_note(7)).split(b"\n\n")[1]
UNKNOWN = _line(f"{ORIGIN}\n7\n{_b64(ROOTS[7])}\n", seed=b"x" * 32).encode()
NOT_SIGNED = _note(7).split(b"\n\n")[0] + b"\n\n" + UNKNOWN
BOTH = _note(7) + UNKNOWN


@pytest.mark.parametrize(
    ("latest", "old", "path", "note", "status"),
    [
        pytest.param(3, 3, _path(3, 7), _note(7, origin="another"), 404, id="unknown log"),
        pytest.param(3, 3, _path(3, 7), NOT_SIGNED, 403, id="only an unknown key"),
        pytest.param(3, 3, _path(3, 7), _spoilt(_note(7)), 403, id="a known key, badly"),
        pytest.param(3, 3, _path(3, 7), _note(7) + SPOILT, 403, id="a known key, well and badly"),
        pytest.param(3, 3, _path(3, 7), _note(7) + GOOD, 0, id="a known key, twice"),
        pytest.param(3, 3, _path(3, 7), BOTH, 0, id="an unknown key beside a known one"),
        pytest.param(9, 9, (), _note(7), 400, id="old size above the new"),
        pytest.param(3, 9, (), _note(7), 400, id="above the new, and not the last: first 400"),
        pytest.param(3, 4, _path(4, 7), _note(7), 409, id="another size was cosigned last"),
        pytest.param(None, 4, _path(4, 7), _note(7), 409, id="none was cosigned yet"),
        pytest.param(3, 0, (), _note(7), 409, id="asking for the size"),
        pytest.param(3, 3, (), _note(7), 422, id="no proof"),
        pytest.param(3, 3, _path(4, 7), _note(7), 422, id="another proof"),
        pytest.param(3, 3, (*_path(3, 7), LEAVES[0]), _note(7), 422, id="one hash too many"),
        pytest.param(None, 0, LEAVES[:1], _note(7), 422, id="a proof from nothing"),
        pytest.param(7, 7, LEAVES[:1], _note(7), 422, id="a proof of no growth"),
        pytest.param(7, 7, (), _note(7, OTHER_ROOT), 422, id="same size, another root"),
        pytest.param(3, 3, _path(3, 7), _note(7, OTHER_ROOT), 422, id="a fork"),
        pytest.param(None, 0, (), _note(0, OTHER_ROOT), 422, id="empty tree with its own root"),
        pytest.param(3, 0, (), _note(0, OTHER_ROOT), 409, id="the same: first 409"),
    ],
)
def test_answers_come_in_the_order_of_the_text(
    latest: int | None, old: int, path: Sequence[bytes], note: bytes, status: int
) -> None:
    request = parse_add_checkpoint(_body(old, path, note))
    last = None if latest is None else _head(latest)
    if status == 0:
        assert judge(request, logs=LOGS, latest=last).size == 7
        return
    with pytest.raises(WitnessError) as refused:
        judge(request, logs=LOGS, latest=last)
    assert refused.value.status == status
    if status == 409:
        assert refused.value.body == b"%d\n" % (latest or 0)
        assert refused.value.media_type == "text/x.tlog.size"


def test_the_last_head_of_another_log_is_never_judged_against() -> None:
    request = parse_add_checkpoint(_body(3, _path(3, 7), _note(7)))
    with pytest.raises(CheckpointError):
        judge(request, logs=LOGS, latest=Checkpoint("another", 3, ROOTS[3]))


WITNESS = SigningKey.from_seed(b"w" * 32)
NAME = "witness.example/w1"
VERIFIER = CosignatureVerifier(NAME, WITNESS.public)
AT = datetime(2026, 11, 24, tzinfo=UTC)
LINE = cosign(_head(7), name=NAME, key=WITNESS, at=AT)
STRANGER = cosign(_head(7), name="stranger", key=SigningKey.from_seed(b"s" * 32), at=AT)
EPOCH = cosign(_head(7), name=NAME, key=WITNESS, at=datetime(1970, 1, 1, tzinfo=UTC))


def test_answer_is_signature_lines_of_which_unknown_ones_are_ignored() -> None:
    body = format_cosignatures([STRANGER, LINE, LINE])
    assert body.decode().count("\n") == 3
    assert parse_cosignatures(body, _head(7), [VERIFIER]) == (LINE,)
    assert parse_cosignatures(format_cosignatures([STRANGER]), _head(7), [VERIFIER]) == ()


@pytest.mark.parametrize(
    ("body", "head"),
    [
        pytest.param(b"", _head(7), id="nothing"),
        pytest.param(b"\n", _head(7), id="an empty line"),
        pytest.param(LINE.line.encode() + b"\n", _head(7), id="an empty line after"),
        pytest.param(b"x\n\n" + LINE.line.encode(), _head(7), id="text before"),
        pytest.param(LINE.line.encode()[:-1], _head(7), id="no newline"),
        pytest.param(LINE.line.encode(), _head(8), id="of another head"),
        pytest.param(EPOCH.line.encode(), _head(7), id="time zero"),
    ],
)
def test_any_other_answer_is_refused(body: bytes, head: Checkpoint) -> None:
    with pytest.raises(CheckpointError):
        parse_cosignatures(body, head, [VERIFIER])
