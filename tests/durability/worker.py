"""A process whose writes can be spoiled: it forks a node for each case, so that one may be killed.

Started as ``python -m tests.durability.worker SHIM`` with the shim preloaded. Reads one JSON order
a line and answers each with one JSON line:

* ``prepare FOLDER``: make two members under a treaty, with five items held at XA;
* ``work FOLDER n kind``: with the n-th change to a file of XA spoiled, give items, take others in,
  pull from XB, publish; tells what was acknowledged to the caller before the process ended;
* ``prepare-lost FOLDER``: the same, and XA's store was lost after it gave more, and restored from a
  backup;
* ``recover FOLDER n kind``: with the n-th change spoiled, recover XA;
* ``examine FOLDER told``: open what is left, compare it with what was told, go on with it.
"""

from __future__ import annotations

import base64
import ctypes
import json
import mmap
import os
import shutil
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, cast

from tests.unit.node.conftest import (
    NOW,
    XA,
    XB,
    Member,
    Pair,
    _settings,
    bundle,
    indicator,
    introduce,
    pact,
)
from tests.unit.node.test_node_recover import Line

from foedus.clock import FixedClock
from foedus.compose import Wired, create_node, open_node
from foedus.errors import FoedusError
from foedus.ledger import audit, commit_record, leaf_hash, open_checkpoint
from foedus.ledger.commitment import EMPTY_LANE, lane_digest
from foedus.ledger.errors import TileAbsentError
from foedus.ledger.tree import Frontier, root_of
from foedus.model.identifiers import TreatyId
from foedus.node.dispatch import LANES
from foedus.node.ports import ItemFilter, ItemState
from foedus.node.ratify import adopt, ratify, sign
from foedus.node.reconcile import figures
from foedus.node.recover import OwnLog, RecoveryReport, recover
from foedus.settings import load_settings
from foedus.signing import NoteVerifier
from foedus.store.backup import make_backup, restore_backup
from foedus.store.ledger_files import GuardFile
from foedus.store.sqlite import SQLiteDatabase

ITEMS = 5
"""Held at the start; as many are submitted during the work."""

FROM_XB = 2
"""Items that XB has given to XA and XA has not pulled."""

REPORT_BYTES = 4096
Told = list[dict[str, Any]]


class Report(ctypes.Structure):
    """As in ``shim.c``."""

    _fields_ = (
        ("count", ctypes.c_long),
        ("hit", ctypes.c_long),
        ("call", ctypes.c_char * 256),
    )


def main(shim: ctypes.CDLL) -> None:
    """Obey until the orders end."""
    for line in sys.stdin:
        order = json.loads(line)
        folder = Path(order["folder"])
        match order["do"]:
            case "prepare":
                answer = _forked(partial(prepare, folder))
            case "prepare-lost":
                answer = _forked(partial(prepare_lost, folder))
            case "work" | "recover":
                act = work if order["do"] == "work" else recover_it
                answer = _forked(partial(act, folder), shim=shim, spoil=order, root=folder / "XA")
            case _:
                answer = _forked(partial(examine, folder, order["told"]))
        print(json.dumps(answer), flush=True)


def _forked(
    act: Callable[..., None],
    *,
    shim: ctypes.CDLL | None = None,
    spoil: dict[str, Any] | None = None,
    root: Path | None = None,
) -> dict[str, Any]:
    """Act in a process of its own and return what it told and how it ended."""
    shared = mmap.mmap(-1, REPORT_BYTES)
    report = Report.from_buffer(shared)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)

        def tell(**what: Any) -> None:
            os.write(writing, json.dumps(what).encode() + b"\n")

        try:
            if shim is not None and spoil is not None:
                shim.shim_arm(
                    str(root).encode(),
                    ctypes.c_long(spoil["n"]),
                    spoil["kind"],
                    ctypes.byref(report),
                )
            act(tell)
        except BaseException:  # noqa: BLE001  told, whatever it is
            tell(what="fault", text=traceback.format_exc())
            os._exit(1)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = [json.loads(line) for line in pipe if line.endswith(b"\n")]
    _, status = os.waitpid(child, 0)
    return {
        "told": told,
        "killed": os.WIFSIGNALED(status),
        "failed": not os.WIFSIGNALED(status) and os.WEXITSTATUS(status) != 0,
        "count": report.count,
        "hit": bool(report.hit),
        "call": report.call.decode(),
    }


# The three orders.


def prepare(folder: Path, tell: Callable[..., None]) -> None:
    """Make XA and XB, parties to a pact; XA holds items and has given one of them."""
    clock = FixedClock(NOW)
    a, b = (
        Member(wired=create_node(_settings(folder / name, name), user="admin", clock=clock))
        for name in (XA, XB)
    )
    pair = Pair(a=a, b=b, clock=clock, treaty=TreatyId(""))
    introduce(a, b)
    introduce(b, a)
    treaty = adopt(a.wired.node, a.actor, a.wired.gate, pact(a, b)).id
    pair.pull(b)
    for member in (a, b):
        sign(member.wired.node, member.actor, member.wired.gate, treaty)
        ratify(member.wired.node, member.actor, member.wired.gate, treaty)
    pair.pull(a)
    pair.pull(b)
    a.treaties = frozenset({treaty})
    held = a.held(*[_indicator(number) for number in range(ITEMS)])
    a.disclose(held[:1], treaty)
    pair.pull(b)
    b.treaties = frozenset({treaty})
    b.disclose(b.held(*[_indicator(100 + number) for number in range(FROM_XB)]), treaty)
    a.wired.close()
    b.wired.close()
    tell(what="treaty", treaty=treaty)


def prepare_lost(folder: Path, tell: Callable[..., None]) -> None:
    """Let XA give more after a backup, lose its store, and get the backup back."""
    prepare(folder, tell)
    a, b = _opened(folder / "XA"), _opened(folder / "XB")
    treaty = _treaty(a)
    a.treaties = frozenset({treaty})
    make_backup(
        a.wired.database,
        {"foedus.toml": folder / "XA" / "foedus.toml"},
        folder / "backup",
        member=XA,
        exercise=True,
        at=NOW,
    )
    a.disclose([*_held(a)[1:3], *a.held(_indicator(ITEMS))], treaty)
    pair = Pair(a=a, b=b, clock=FixedClock(NOW), treaty=treaty)
    pair.pull(b)
    with a.database.read() as tx:
        lanes = {name: tx.feeds.lane(XB, name) for name in LANES}
    expected = {name: [lane.count, lane.digest.hex()] for name, lane in lanes.items()}
    (folder / "expected.json").write_text(json.dumps(expected))
    a.wired.close()
    b.wired.close()
    for name in ("foedus.db", "foedus.db-wal", "foedus.db-shm", "foedus.toml"):
        (folder / "XA" / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "XA" / "ledger")
    restore_backup(folder / "backup", folder / "XA", at=NOW)


def recover_it(folder: Path, tell: Callable[..., None]) -> None:
    """Recover XA; tell how far it came."""
    try:
        a, b = _opened(folder / "XA"), _opened(folder / "XB")
    except FoedusError as error:
        tell(what="refused", step="open", code=error.code)
        return
    try:
        report = _recovered(a, b)
        tell(what="recovered", finished=report.finished, why=report.why_not)
    except FoedusError as error:
        tell(what="refused", step="recover", code=error.code)
    a.wired.close()
    b.wired.close()
    tell(what="ended")


def _recovered(a: Member, b: Member) -> RecoveryReport:
    pair = Pair(a=a, b=b, clock=FixedClock(NOW), treaty=TreatyId(""))
    line = Line(plain=pair.client(a), own=a, other=b)
    return recover(
        a.wired.node, a.wired.gate, line, OwnLog(guard=a.wired.guard, files=a.wired.ledger)
    )


def _check_recovered(
    a: Member, b: Member, folder: Path, check: Callable[[object, str], None]
) -> None:
    """Recovering again ends what was begun: the lanes are those of before the loss."""
    report = _recovered(a, b)
    check(report.finished and not report.waiting, f"not recovered: {report.why_not}")
    expected = json.loads((folder / "expected.json").read_text())
    with a.database.read() as tx:
        for name, (count, digest) in expected.items():
            found = tx.feeds.digest_at(XB, name, count)
            check(found is not None and found.hex() == digest, f"the {name} lane is another")


def work(folder: Path, tell: Callable[..., None]) -> None:
    """Give, take in, give again; tell after each step what was acknowledged or refused."""
    try:
        a = _opened(folder / "XA")
    except FoedusError as error:
        tell(what="refused", step="open", code=error.code)
        return
    tell(what="opened")

    def step(name: str, act: Callable[[], None]) -> None:
        try:
            act()
        except FoedusError as error:
            tell(what="refused", step=name, code=error.code)

    step("work", lambda: _steps(a, folder, step, tell))
    a.wired.close()
    tell(what="ended")


def _steps(
    a: Member,
    folder: Path,
    step: Callable[[str, Callable[[], None]], None],
    tell: Callable[..., None],
) -> None:
    handles = _held(a)

    def give(which: list[int]) -> None:
        done = a.disclose(which, _treaty(a))
        for sent in done.sent:
            with a.database.read() as tx:
                [entry] = tx.ledger.entries(sent.entry_index, sent.entry_index + 1)
            tell(what="given", index=sent.entry_index, entry=entry.hex(), items=sent.items)
        tell(what="holds", handles=which)
        tell(what="head", note=_note(a.wired))

    def take_in() -> None:
        a.treaties = frozenset({_treaty(a)})
        new = a.held(*[_indicator(number) for number in range(ITEMS, 2 * ITEMS)])
        tell(what="held", handles=new)

    def pull() -> None:
        b = _opened(folder / "XB")
        report = Pair(a=a, b=b, clock=FixedClock(NOW), treaty=_treaty(a)).pull(a)
        tell(what="pulled", count=report.lanes[2].count, fault=report.lanes[2].fault)
        b.wired.close()

    step("give", lambda: give(handles[1:2]))
    step("take-in", take_in)
    step("pull", pull)
    step("give-more", lambda: give(handles[2:4]))
    step("publish", a.wired.node.publish)


def examine(folder: Path, told: Told, tell: Callable[..., None]) -> None:
    """Open what is left and tell every fault found."""

    def check(good: object, text: str) -> None:
        if not good:
            tell(what="broken", text=text)

    a, b = _opened(folder / "XA"), _opened(folder / "XB")
    if (folder / "expected.json").exists():
        _check_recovered(a, b, folder, check)
    guard = GuardFile(folder / "XA" / "guard" / "head", outside=folder / "XA" / "ledger")
    guarded = guard.load()
    heads = [each["note"] for each in told if each["what"] == "head"]
    with suppress(TileAbsentError):  # a recovery that ended before it published
        heads.append(_note(a.wired))
    _check_acknowledged(a, told, check)
    _check_store(a, check)
    a.wired.node.publish()
    _check_log(a, heads, check)
    after = guard.load()
    published = _open(a.wired, _note(a.wired))
    check(after is not None and after.size == published.size, "guard and checkpoint differ")
    check(after is not None and after.root == published.root, "guard and checkpoint differ")
    check(guarded is None or guarded.size <= published.size, "the log went back behind its guard")
    _go_on(a, b, check)
    _check_store(a, check)
    _check_log(a, heads, check)
    a.wired.close()
    b.wired.close()
    tell(what="examined")


def _check_acknowledged(a: Member, told: Told, check: Callable[[object, str], None]) -> None:
    """What was told to the caller is there: entries under their index, items, who holds them."""
    with a.database.read() as tx:
        for each in told:
            if each["what"] == "given":
                entries = [one.hex() for one in tx.ledger.entries(each["index"], each["index"] + 1)]
                check(entries == [each["entry"]], f"entry {each['index']} acknowledged, now other")
            if each["what"] == "holds":
                given = tx.feeds.holds(XB, each["handles"])
                check(given == set(each["handles"]), "a disclosure acknowledged is not in the lane")
            if each["what"] == "pulled":
                taken = tx.inbox.cursor(XB, "bulk").count
                check(not each["fault"] and taken == each["count"], "rows taken are not there")
            if each["what"] == "held":
                states = {row.state for row in tx.items.rows(each["handles"])}
                check(states == {ItemState.HELD}, "items acknowledged as held are not")


def _check_store(a: Member, check: Callable[[object, str], None]) -> None:
    """The database is whole, and lanes follow from their rows; nothing twice in a lane."""
    connection = cast("SQLiteDatabase", a.database)._connect()
    check(connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)], "damaged database")
    check(not connection.execute("PRAGMA foreign_key_check").fetchall(), "a row names no row")
    for lane, count, digest in connection.execute("SELECT lane, count, digest FROM lane"):
        rows = connection.execute(
            "SELECT position, handle, commitment FROM feed_row WHERE lane = ? ORDER BY position",
            (lane,),
        ).fetchall()
        check([row[0] for row in rows] == list(range(1, count + 1)), f"lane {lane} has gaps")
        folded = EMPTY_LANE
        for _, _, commitment in rows:
            folded = lane_digest(folded, commitment)
        check(folded == digest, f"lane {lane} has another digest than its rows")
        twice = [handle for handle, times in Counter(row[1] for row in rows).items() if times > 1]
        check(not twice, f"items twice in lane {lane}: {twice}")
        batches = connection.execute(
            "SELECT first, count FROM batch WHERE lane = ? ORDER BY first", (lane,)
        ).fetchall()
        ends = [first + length for first, length in batches]
        check([first for first, _ in batches] == [1, *ends][: len(batches)], "batches overlap")
        check((ends or [1])[-1] == count + 1, f"lane {lane} ends within a batch")
    rows = connection.execute("SELECT position, entry, salt, record FROM ledger_entry").fetchall()
    check([row[0] for row in rows] == list(range(len(rows))), "the journal has gaps")
    for position, entry, salt, record in rows:
        if salt is not None:  # what was put back after a loss is a hash only
            check(entry == commit_record(salt, record), f"entry {position} is not of its record")
    connection.close()


def _check_log(a: Member, notes: list[str], check: Callable[[object, str], None]) -> None:
    """The tiles hold what the journal holds, and every head ever shown is a head of it."""
    with a.database.read() as tx:
        entries = list(tx.ledger.entries(0, tx.ledger.count()))
    verifier = _verifier(a.wired)
    found = audit(a.wired.ledger, verifier)
    check(found.entries <= len(entries), "tiles hold more than the journal")
    check(found.root == root_of(entries[: found.entries]), "tiles hold other entries")
    frontier, roots = Frontier(), {}
    for size, entry in enumerate(entries, start=1):
        frontier.append(leaf_hash(entry))
        roots[size] = frontier.root
    for note in notes:
        head = _open(a.wired, note)
        check(roots.get(head.size) == head.root, f"the head of {head.size} was contradicted")


def _go_on(a: Member, b: Member, check: Callable[[object, str], None]) -> None:
    """A normal disclosure works: everything is given, taken and agreed on, once."""
    treaty = _treaty(a)
    a.treaties = frozenset({treaty})
    objects = [_indicator(number) for number in range(2 * ITEMS)]
    a.submit(bundle(*objects))
    with a.database.read() as tx:
        drafts = tx.items.page(
            ItemFilter(states=frozenset({ItemState.DRAFT}), types=frozenset({"indicator"})),
            after=None,
            limit=100,
        )
    if drafts:
        a.vouch(drafts)
    handles = _held(a)
    check(len(handles) == 2 * ITEMS, f"{len(handles)} items are held instead of {2 * ITEMS}")
    done = a.disclose(handles, treaty)
    check(done.given + done.already == 2 * ITEMS, f"given {done.given}, before {done.already}")
    pair = Pair(a=a, b=b, clock=FixedClock(NOW), treaty=treaty)
    for member in (b, a):
        report = pair.pull(member)
        check(not any(lane.fault for lane in report.lanes), f"refused: {report.lanes}")
        check(report.confirmed, "an acknowledgement was not delivered")
    with b.database.read() as tx:
        held = tx.items.page(ItemFilter(types=frozenset({"indicator"})), after=None, limit=100)
        check(len(held) == 2 * ITEMS + FROM_XB, f"XB holds {len(held)} items")
        check(not tx.alarms.open(), f"XB has alarms: {tx.alarms.open()}")
    with a.database.read() as tx:
        taken = tx.items.page(ItemFilter(received_from=frozenset({XB})), after=None, limit=100)
        check(len(taken) == FROM_XB, f"XA holds {len(taken)} items of XB")
        check(tx.inbox.counts()[XB, "bulk", "accepted"] == FROM_XB, "items are counted twice")
        check(not tx.alarms.open(), f"XA has alarms: {tx.alarms.open()}")
        for lane in figures(tx, a.wired.node.identity).lanes:
            check(lane.agreed, f"the two disagree on {lane}")


def _opened(data: Path) -> Member:
    return Member(wired=open_node(load_settings(data), clock=FixedClock(NOW)))


def _treaty(member: Member) -> TreatyId:
    with member.database.read() as tx:
        [treaty] = member.wired.node.law.view(tx).treaties
    return treaty


def _held(member: Member) -> list[int]:
    with member.database.read() as tx:
        rows = tx.items.page(
            ItemFilter(types=frozenset({"indicator"}), originators=frozenset({XA})),
            after=None,
            limit=100,
        )
    return [row.handle for row in rows]


def _indicator(number: int) -> dict[str, Any]:
    return indicator(number + 1, f"sign{number}.example")


def _note(wired: Wired) -> str:
    return base64.b64encode(wired.ledger.read("checkpoint")).decode()


def _verifier(wired: Wired) -> NoteVerifier:
    identity = wired.node.identity
    return NoteVerifier(name=identity.log_origin, key=identity.log.public)


def _open(wired: Wired, note: str) -> Any:
    return open_checkpoint(base64.b64decode(note), _verifier(wired))


if __name__ == "__main__":
    assert datetime.now(UTC) > datetime(2020, 1, 1, tzinfo=UTC)
    main(ctypes.CDLL(sys.argv[1]))
