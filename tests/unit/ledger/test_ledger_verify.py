"""The verifier as a program: what it accepts, what it refuses, and how little it needs."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.canonical import canonical_bytes
from foedus.ledger import (
    Checkpoint,
    CosignatureVerifier,
    Receipt,
    ReceiptItem,
    batch_root,
    commit_item,
    commit_record,
    cosign,
    fork_path,
    format_policy,
    format_receipt,
    item_path,
    leaf_hash,
    prove_fork,
    root_of,
    sign_checkpoint,
    threshold_policy,
    with_cosignatures,
)
from foedus.ledger.errors import LedgerError, ReceiptError
from foedus.ledger.exhibit import NodeKey, Trust, examine
from foedus.ledger.fork import Fork
from foedus.ledger.inclusion import InclusionProof, inclusion_proof
from foedus.ledger.manifest import check_files, format_manifest, parse_manifest
from foedus.ledger.opening import Opening
from foedus.ledger.promise import (
    Promise,
    VerifiedPromise,
    check_kept,
    format_promise,
    is_broken_by,
    verify_promise,
)
from foedus.ledger.receipt import VerifiedReceipt, verify_receipt_under
from foedus.ledger.tree import StoredTree
from foedus.ledger.verify import main
from foedus.signing.keys import SigningKey
from foedus.signing.note import NoteSigner

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
LOG = NoteSigner("xa.example/log", SigningKey.from_seed(b"a" * 32))
NODE = SigningKey.from_seed(b"n" * 32)
WITNESSES = {
    name: (f"foedus/{name}/witness", SigningKey.from_seed(name.encode() * 16))
    for name in ("xb", "xc", "xd")
}
PICTURE = b'{"id":"indicator--1"}'
ITEM = canonical_bytes(
    {
        "v": 1,
        "id": "indicator--1",
        "version": "2026",
        "sha256": hashlib.sha256(PICTURE).hexdigest(),
        "variant": False,
    }
)
OTHER_ITEM = canonical_bytes({"v": 1, "id": "indicator--2"})
COMMITMENTS = [commit_item(b"1" * 32, ITEM), commit_item(b"2" * 32, OTHER_ITEM)]
RECORD = canonical_bytes(
    {
        "v": 1,
        "kind": "disclosure",
        "exercise": True,
        "sender": "XA",
        "recipient": "XB",
        "treaty": "f" * 64,
        "article": "4/1",
        "purpose": "prevention",
        "instant": "2026-11-24T10:00:00.000000Z",
        "count": 2,
        "root": batch_root(COMMITMENTS).hex(),
    }
)
SHOWN = ReceiptItem(
    salt=b"1" * 32, record=ITEM, inclusion=InclusionProof(0, item_path(COMMITMENTS, 0))
)
OPENING = Opening(salt=b"s" * 32, record=RECORD, item=SHOWN)
ENTRIES = [bytes([number]) * 32 for number in range(5)]
ENTRIES[3] = commit_record(OPENING.salt, RECORD)
TREE = StoredTree([leaf_hash(entry) for entry in ENTRIES])
HEAD = Checkpoint(LOG.name, 5, root_of(ENTRIES))


def note(*witnesses: str) -> bytes:
    lines = [
        cosign(HEAD, name=WITNESSES[one][0], key=WITNESSES[one][1], at=AT) for one in witnesses
    ]
    return with_cosignatures(sign_checkpoint(HEAD, LOG), lines)


def receipt(*witnesses: str) -> bytes:
    return format_receipt(
        Receipt(
            salt=OPENING.salt,
            record=RECORD,
            item=SHOWN,
            inclusion=inclusion_proof(TREE, index=3, size=5),
            checkpoint=note(*witnesses),
        )
    )


def policy_file(needed: int) -> bytes:
    return format_policy(policy(needed))


def policy(needed: int) -> Any:
    witnesses = {
        name: CosignatureVerifier(full, key.public) for name, (full, key) in WITNESSES.items()
    }
    return threshold_policy([LOG.verifier], witnesses, needed)


def promise(**changes: Any) -> bytes:
    made = Promise(origin=LOG.name, index=3, recipient="XB", at=AT, opening=OPENING)
    return format_promise(dataclasses.replace(made, **changes), NODE)


def fork() -> bytes:
    other = [*ENTRIES[:4], b"x" * 32, b"y" * 32]
    larger = Checkpoint(LOG.name, 6, root_of(other))
    tree = StoredTree([leaf_hash(entry) for entry in other])
    path = fork_path(tree, smaller=5, larger=6)
    return prove_fork(sign_checkpoint(HEAD, LOG), sign_checkpoint(larger, LOG), path, LOG.verifier)


TRUST = Trust(
    logs=(LOG.verifier,), nodes=(NodeKey(key=NODE.public, origin=LOG.name),), policy=policy(2)
)


def test_each_kind_of_file_is_told_apart() -> None:
    found = examine(receipt("xb", "xd"), TRUST)
    assert isinstance(found, VerifiedReceipt)
    assert [one.witness for one in found.witnessed] == ["foedus/xb/witness", "foedus/xd/witness"]
    assert all(one.at == AT for one in found.witnessed)
    assert isinstance(examine(promise(), TRUST), VerifiedPromise)
    assert isinstance(examine(fork(), TRUST), Fork)


@pytest.mark.parametrize("witnesses", [(), ("xb",)])
def test_a_receipt_with_too_few_witnesses_does_not_hold_under_the_policy(
    witnesses: tuple[str, ...],
) -> None:
    with pytest.raises(ReceiptError, match="quorum is not met"):
        verify_receipt_under(receipt(*witnesses), policy(2))
    assert verify_receipt_under(receipt(*witnesses), policy(0)).index == 3


@pytest.mark.parametrize("data", [b"", b"hello", b"{}", b"{", b"c2sp.org/tlog-proof@v1\n"])
def test_what_is_no_proof_is_refused(data: bytes) -> None:
    with pytest.raises(LedgerError):
        examine(data, TRUST)


def test_a_promise_is_good_for_its_own_log_only() -> None:
    with pytest.raises(ReceiptError, match="does not speak for"):
        examine(promise(origin="xz.example/log"), TRUST)
    with pytest.raises(ReceiptError, match="letter of credence"):
        examine(promise(), Trust(logs=(LOG.verifier,)))
    with pytest.raises(ReceiptError):
        examine(promise(), Trust(nodes=(NodeKey(key=LOG.key.public),)))


def test_a_promise_names_the_recipient_of_its_record() -> None:
    with pytest.raises(ReceiptError, match="another recipient"):
        verify_promise(promise(recipient="XC"), [NODE.public])


def test_a_promise_is_kept_by_the_receipt_that_follows() -> None:
    promised = verify_promise(promise(), [NODE.public])
    kept = examine(receipt("xb", "xc"), TRUST)
    assert isinstance(kept, VerifiedReceipt)
    check_kept(promised, kept)
    with pytest.raises(ReceiptError):
        check_kept(promised, dataclasses.replace(kept, index=2))


def test_a_promise_is_broken_by_another_entry_in_its_place() -> None:
    promised = verify_promise(promise(), [NODE.public])
    path = inclusion_proof(TREE, index=3, size=5).path
    assert not is_broken_by(promised, HEAD, leaf=leaf_hash(ENTRIES[3]), path=path)
    lying = [*ENTRIES[:3], b"z" * 32, ENTRIES[4]]
    tree = StoredTree([leaf_hash(entry) for entry in lying])
    head = Checkpoint(LOG.name, 5, root_of(lying))
    path = inclusion_proof(tree, index=3, size=5).path
    assert is_broken_by(promised, head, leaf=leaf_hash(b"z" * 32), path=path)
    with pytest.raises(ReceiptError):
        is_broken_by(promised, HEAD, leaf=leaf_hash(b"z" * 32), path=path)


@settings(max_examples=120)
@given(st.data())
def test_a_promise_with_any_byte_changed_does_not_hold(data: st.DataObject) -> None:
    good = promise()
    place = data.draw(st.integers(0, len(good) - 1))
    changed = bytearray(good)
    changed[place] ^= data.draw(st.integers(1, 255))
    try:
        found = verify_promise(bytes(changed), [NODE.public])
    except ReceiptError:
        return
    # Only the key id, a mere hint, and fields nobody reads can change without harm.
    assert found == verify_promise(good, [NODE.public])


@settings(max_examples=60)
@given(st.binary(max_size=300))
def test_no_bytes_raise_another_error(data: bytes) -> None:
    for start in (b"", b"{", b"c2sp.org/tlog-proof@v1\n", b"foedus/v1/fork\n"):
        with pytest.raises(LedgerError):
            examine(start + data, TRUST)


# Dossiers.


def dossier(folder: Path) -> Path:
    files = [
        ("item.json", "item", PICTURE),
        ("receipts/XB-3.tlog-proof", "receipt", receipt("xb", "xc")),
        ("cover.html", "cover", b"<!doctype html>"),
    ]
    made = folder / "dossier"
    for path, _, data in files:
        (made / path).parent.mkdir(parents=True, exist_ok=True)
        (made / path).write_bytes(data)
    (made / "manifest.json").write_bytes(format_manifest({"item": "indicator--1"}, files))
    (folder / "policy").write_bytes(policy_file(2))
    return made


def run(*arguments: object) -> int:
    return main([str(each) for each in arguments])


def test_a_dossier_holds_and_says_where_the_bytes_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = dossier(tmp_path)
    assert run(made, "--policy", tmp_path / "policy") == 0
    said = capsys.readouterr().out
    assert "The dossier is whole: 3 files" in said
    assert "XA disclosed indicator--1" in said
    assert "under Article 4/1" in said
    assert "The very bytes that were given are in item.json" in said
    assert "cosigned by foedus/xb/witness on 2026-11-24T10:00:00Z" in said


@pytest.mark.parametrize("harm", ["change", "remove", "add", "manifest", "link"])
def test_a_dossier_that_was_changed_does_not_hold(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], harm: str
) -> None:
    made = dossier(tmp_path)
    match harm:
        case "change":
            (made / "cover.html").write_bytes(b"<!doctype htmL>")
        case "remove":
            (made / "item.json").unlink()
        case "add":
            (made / "more.txt").write_bytes(b"")
        case "manifest":
            (made / "manifest.json").write_bytes(b"{}")
        case _:
            (made / "more.txt").symlink_to(made / "item.json")
    assert run(made, "--policy", tmp_path / "policy") == 4
    assert "not whole" in capsys.readouterr().out


def test_a_folder_without_a_manifest_is_loose_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = dossier(tmp_path)
    (made / "manifest.json").unlink()
    assert run(made / "receipts", "--policy", tmp_path / "policy") == 0
    assert "whole" not in capsys.readouterr().out
    assert run(made, "--policy", tmp_path / "policy") == 4, "what is no proof does not hold"


@pytest.mark.parametrize("path", ["../x", "/x", ".x", "a//b", "a/../b", "", "manifest.json", "a b"])
def test_a_manifest_names_plain_paths_only(path: str) -> None:
    with pytest.raises(ReceiptError):
        format_manifest({}, [(path, "item", b"")])


def test_a_manifest_is_checked_against_what_is_there() -> None:
    manifest = parse_manifest(format_manifest({}, [("a", "item", b"1")]))
    check_files(manifest, {"a": b"1"})
    for files in ({}, {"a": b"2"}, {"a": b"1", "b": b""}):
        with pytest.raises(ReceiptError):
            check_files(manifest, files)


# The program.


def test_nobody_s_word_is_taken_by_default(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "r").write_bytes(receipt())
    assert run(tmp_path / "r") == 2
    assert "whose word" in capsys.readouterr().err


def test_the_program_tells_programs_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "r").write_bytes(receipt("xb", "xc"))
    (tmp_path / "p").write_bytes(promise())
    (tmp_path / "f").write_bytes(fork())
    (tmp_path / "no").write_bytes(b"no")
    (tmp_path / "policy").write_bytes(policy_file(2))
    files = [tmp_path / name for name in "rpf"]
    key = NODE.public.text
    assert run(*files, "--policy", tmp_path / "policy", "--node-key", key, "--json") == 0
    told = json.loads(capsys.readouterr().out)["receipts"]
    assert [one["kind"] for one in told] == ["receipt", "promise", "fork"]
    assert run(tmp_path / "no", *files, "--policy", tmp_path / "policy", "--json") == 4
    told = json.loads(capsys.readouterr().out)["receipts"]
    assert [one["holds"] for one in told] == [False, True, False, True]


ALONE = """
import sys
blocked = set("cedarpy httpx starlette uvicorn jsonschema_rs sqlite3 click rich lxml".split())
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in blocked:
            raise ImportError(name + " is blocked")
sys.meta_path.insert(0, Block())
from foedus.ledger.verify import main
code = main(sys.argv[1:])
own = {".".join(name.split(".")[:2]) for name in sys.modules if name.startswith("foedus.")}
known = {"foedus." + name for name in ("ledger", "signing", "canonical", "errors", "clock")}
assert own <= known, own
assert not blocked & set(sys.modules)
outside = {name.split(".")[0] for name in sys.modules} - set(sys.stdlib_module_names)
print(sorted(outside), file=sys.stderr)
sys.exit(code)
"""


def test_it_needs_only_a_signature_library(tmp_path: Path) -> None:
    (tmp_path / "r").write_bytes(receipt("xb", "xc"))
    (tmp_path / "policy").write_bytes(policy_file(2))
    done = subprocess.run(
        [sys.executable, "-c", ALONE, "r", "--policy", "policy"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={},
    )
    assert done.returncode == 0, done.stderr
    assert "holds" in done.stdout


def test_it_runs_as_a_module(tmp_path: Path) -> None:
    (tmp_path / "r").write_bytes(receipt())
    done = subprocess.run(
        [sys.executable, "-m", "foedus.ledger.verify", "r", "--key", LOG.verifier.vkey],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "the word of the log alone" in done.stdout


@pytest.mark.parametrize("name", ["promise.promise", "manifest.json"])
def test_the_wire_is_that_of_the_golden_files(name: str) -> None:
    made = {
        "promise.promise": promise(),
        "manifest.json": format_manifest(
            {"item": "indicator--1"}, [("item.json", "item", PICTURE)]
        ),
    }
    golden = Path(__file__).parents[2] / "golden" / "evidence" / name
    assert golden.read_bytes() == made[name]
