"""Erasing one item of a thousand: before, it is proved; after, nothing stored links it."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from foedus.access import AccessDeniedError, Actor, Role
from foedus.ledger import parse_receipt, verify_receipt
from foedus.model.identifiers import MemberId, object_id
from foedus.model.terms import CategoryOfPerson
from foedus.node.dossier import dossier
from foedus.node.erase import erase, erasure_named, forget_old
from foedus.node.errors import ErasedError, NotFoundError, RefusedError
from foedus.node.find import resolve
from foedus.node.ports import Alarm, ItemState, NewQuarantine
from foedus.node.prove import DisclosureProof, Prover, payload_of
from foedus.signing import NoteVerifier
from foedus.store.sqlite.erasure import empty_journal

if TYPE_CHECKING:
    from tests.unit.node.conftest import Member, Pair

OFFICER = Actor(user="dpo", roles=frozenset({Role.OFFICER}))
WORD = "zanzibarite"
ORDER = "DPA 7/2026"


def proofs(member: Member, handles: list[int]) -> list[DisclosureProof]:
    with member.database.read() as tx:
        prover = Prover(tx, member.wired.node, member.wired.ledger)
        return [proof for handle in handles for proof in prover.of_item(handle)]


def log_of(member: Member) -> NoteVerifier:
    identity = member.wired.node.identity
    return NoteVerifier(name=identity.log_origin, key=identity.log.public)


def database_bytes(member: Member) -> bytes:
    folder = member.wired.settings.database
    return b"".join(
        path.read_bytes()
        for path in sorted(folder.parent.glob(folder.name + "*"))
        if path.is_file()
    )


def traces(proof: DisclosureProof) -> Iterator[bytes]:
    """Yield what would link an entry to an item: salt and record, in every form they are kept."""
    item = parse_receipt(proof.data).item
    assert item is not None
    record = json.loads(item.record)
    yield item.salt
    yield item.salt.hex().encode()
    yield item.record
    yield record["id"].encode()
    yield record["sha256"].encode()
    yield bytes.fromhex(record["sha256"])


def given(pair: Pair, count: int) -> list[int]:
    """Disclose items in one batch; the other member takes and confirms them."""
    objects = [pair.indicator(n, f"sign{n}.example") for n in range(1, count)]
    objects.append(pair.indicator(count, "vierzehn.example", description=f"{WORD} was here"))
    handles = pair.a.held(*objects)
    assert pair.a.disclose(handles, pair.treaty).given == count
    return handles


def name_of(member: Member, handle: int) -> str:
    [row] = member.read(lambda tx: tx.items.rows([handle]))
    return row.key.object_id


@pytest.mark.sqlite
def test_one_of_a_thousand_is_erased_and_the_others_are_proved(pair: Pair) -> None:
    handles = given(pair, 1000)
    pair.pull(pair.b)
    name = name_of(pair.a, handles[-1])
    before = proofs(pair.a, handles)
    for proof in before:
        verify_receipt(proof.data, log_of(pair.a))
    for member in (pair.a, pair.b):
        stored = database_bytes(member)
        assert WORD.encode() in stored
        assert name.encode() in stored

    done = erase(pair.a.wired.node, OFFICER, name, order=ORDER, reason="unfounded")
    assert (done.versions, done.disclosures, done.recipients) == (1, 1, ("XB",))
    after = proofs(pair.a, handles[:-1])
    assert len(after) == 999
    for proof, old in zip(after, before[:-1], strict=True):
        verify_receipt(proof.data, log_of(pair.a))
        assert parse_receipt(proof.data).item == parse_receipt(old.data).item
    with pytest.raises(ErasedError, match=f"erased under order {ORDER}"):
        proofs(pair.a, handles[-1:])
    stored = database_bytes(pair.a)
    gone = [*traces(before[-1]), WORD.encode(), b"vierzehn"]
    assert [trace for trace in gone if trace in stored] == []
    # What the others are proved by is still there.
    assert all(trace in stored for trace in list(traces(before[0]))[:1])

    # The recipient does the same at its node.
    erase(pair.b.wired.node, OFFICER, name, order=ORDER, reason="ordered by XA")
    stored = database_bytes(pair.b)
    assert [trace for trace in gone if trace in stored] == []
    with pair.b.database.read() as tx:
        with pytest.raises(NotFoundError):
            resolve(tx, name)
        found = erasure_named(tx, pair.b.wired.node, name)
        assert found is not None
        assert found.erasure.reference == ORDER


def test_two_items_of_one_batch_are_erased_one_after_the_other(pair: Pair) -> None:
    handles = given(pair, 5)
    pair.pull(pair.b)
    names = [name_of(pair.a, handle) for handle in handles]
    for number in (3, 0):
        erase(pair.a.wired.node, OFFICER, names[number], order=ORDER, reason="unfounded")
        erase(pair.b.wired.node, OFFICER, names[number], order=ORDER, reason="unfounded")
    left = [handles[number] for number in (1, 2, 4)]
    for proof in proofs(pair.a, left):
        verify_receipt(proof.data, log_of(pair.a))
    with pair.a.database.read() as tx:
        [given_to, *_] = tx.feeds.disclosures(left[0])
        payload = payload_of(tx, given_to.document)
        assert [item.id for item in payload.items] == [names[number] for number in (1, 2, 4)]
        assert all(payload.terms_of(place) for place in range(3))


def test_the_rest_goes_on(pair: Pair) -> None:
    handles = given(pair, 3)
    pair.pull(pair.b)
    erase(pair.a.wired.node, OFFICER, name_of(pair.a, handles[1]), order=ORDER, reason="unfounded")
    more = pair.a.held(pair.indicator(50, "later.example"))
    assert pair.a.disclose(more, pair.treaty).given == 1
    assert pair.a.disclose(handles[:1], pair.treaty).already == 1
    pair.pull(pair.b)
    [row] = pair.a.read(lambda tx: tx.items.rows([handles[1]]))
    assert (row.state, row.title) == (ItemState.DISCARDED, "")
    assert len(proofs(pair.a, [handles[0], handles[2], *more])) == 3


@pytest.mark.parametrize(
    ("roles", "order", "reason", "error"),
    [
        ({Role.SUPERVISOR, Role.ADMINISTRATOR}, ORDER, "unfounded", AccessDeniedError),
        ({Role.OFFICER}, " ", "unfounded", RefusedError),
        ({Role.OFFICER}, ORDER, "", RefusedError),
        ({Role.OFFICER}, ORDER, "x" * 501, RefusedError),
    ],
)
def test_who_may_not_or_says_too_little_is_refused(
    pair: Pair, roles: set[Role], order: str, reason: str, error: type[Exception]
) -> None:
    handles = given(pair, 2)
    pair.pull(pair.b)
    with pytest.raises(error):
        erase(
            pair.a.wired.node,
            Actor(user="someone", roles=frozenset(roles)),
            name_of(pair.a, handles[0]),
            order=order,
            reason=reason,
        )


def test_the_act_is_in_the_log_without_a_word_of_content(pair: Pair) -> None:
    handles = given(pair, 2)
    pair.pull(pair.b)
    name = name_of(pair.a, handles[0])
    done = erase(pair.a.wired.node, OFFICER, name, order=ORDER, reason="unfounded")
    row = pair.a.read(lambda tx: tx.ledger.row(done.entry_index))
    assert row is not None
    assert row.record is not None
    record = json.loads(row.record)
    assert (record["kind"], record["order"], record["items"]) == ("erasure", ORDER, 1)
    assert name not in row.record.decode()


@pytest.mark.sqlite
def test_retention_makes_old_entries_unlinkable(pair: Pair) -> None:
    handles = given(pair, 3)
    pair.pull(pair.b)
    [proof, *_] = proofs(pair.a, handles)
    salt = parse_receipt(proof.data).salt
    assert salt in database_bytes(pair.a)
    assert forget_old(pair.a.wired.node, OFFICER, before=pair.clock.now() - timedelta(days=1)) == 0
    pair.clock.instant += timedelta(days=400)
    assert forget_old(pair.a.wired.node, OFFICER, before=pair.clock.now() - timedelta(days=1)) > 2
    assert salt not in database_bytes(pair.a)
    assert salt.hex().encode() not in database_bytes(pair.a)
    with pytest.raises(ErasedError, match="erased"):
        proofs(pair.a, handles[:1])
    ahead = pair.clock.now() + timedelta(days=1)
    with pytest.raises(RefusedError):
        forget_old(pair.a.wired.node, OFFICER, before=ahead)


def test_redacted_forms_go_with_their_original(pair: Pair) -> None:
    suspect = pair.stix(
        "identity", 9, name="Vierzehner", identity_class="individual", description=WORD
    )
    review = pair.clock.now() + timedelta(days=30)
    handles = pair.a.held(suspect, person=CategoryOfPerson.SUSPECT, review=review)
    assert pair.a.disclose(handles, pair.treaty).given == 1
    pair.pull(pair.b)
    [before] = proofs(pair.a, handles)
    name = name_of(pair.a, handles[0])
    done = erase(pair.a.wired.node, OFFICER, name, order=ORDER, reason="unfounded")
    assert done.versions == 2, "the original and its redacted form"
    stored = database_bytes(pair.a)
    gone = [*traces(before), WORD.encode(), b"Vierzehner", b"vierzehner", name.encode()]
    assert [trace for trace in gone if trace in stored] == []


@pytest.mark.sqlite
def test_hits_on_an_item_go_with_it(pair: Pair) -> None:
    pair.b.held(pair.indicator(70, "shared.example"))
    handles = pair.a.held(pair.indicator(71, "shared.example"), pair.indicator(72, "other.example"))
    pair.a.disclose(handles, pair.treaty)
    pair.pull(pair.b)
    assert pair.b.read(lambda tx: tx.hits.counts())
    name = name_of(pair.a, handles[0])
    erase(pair.b.wired.node, OFFICER, name, order=ORDER, reason="ordered by XA")
    assert not any(pair.b.read(lambda tx: tx.hits.counts()).values())
    assert b"shared.example" in database_bytes(pair.b), "an item of its own carries it too"
    assert name.encode() not in database_bytes(pair.b)


@pytest.mark.sqlite
def test_a_reader_that_does_not_end_is_told_of_and_finished_later(pair: Pair) -> None:
    handles = given(pair, 2)
    pair.pull(pair.b)
    path = pair.a.wired.settings.database
    reader = sqlite3.connect(path, isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM item").fetchone()
    assert empty_journal(path, timeout_s=0.01) is False
    [before] = proofs(pair.a, handles[1:])
    with pair.a.database.write() as tx:
        tx.erasure.erase_entries([before.entry_index])
    assert empty_journal(path, timeout_s=0.01) is False
    reader.close()
    assert pair.a.database.forget()
    receipt = parse_receipt(before.data)
    assert receipt.salt not in database_bytes(pair.a)


def everywhere(member: Member, traces: list[bytes]) -> list[bytes]:
    """Return the traces that stand somewhere in the store, in base64 inside documents too."""
    with sqlite3.connect(member.wired.settings.database) as store:
        raws = [raw for (raw,) in store.execute("SELECT raw FROM quarantine")]
    opened = [database_bytes(member)]
    for raw in raws:
        with suppress(ValueError, KeyError):
            opened.append(base64.b64decode(json.loads(raw)["envelope"]["payload"]))
    return [trace for trace in traces if any(trace in each for each in opened)]


@pytest.mark.sqlite
def test_a_disclosure_that_was_in_quarantine_keeps_nothing_of_the_item(pair: Pair) -> None:
    handles = given(pair, 2)
    spoilt = pair.client(pair.b)
    spoilt.spoil = lambda path, raw: raw if path == "checkpoint" else bytes(len(raw))
    assert any(lane.fault for lane in pair.pull(pair.b, spoilt).lanes)
    assert not any(lane.fault for lane in pair.pull(pair.b).lanes)
    name = name_of(pair.a, handles[0])
    [proof] = proofs(pair.a, handles[:1])
    gone = [name.encode(), *traces(proof)]
    assert everywhere(pair.b, gone)
    before = pair.b.read(lambda tx: tx.quarantine.page(after=0, limit=10))
    assert len(before) == 1
    for handle in handles:  # the second erases from what is kept item by item already
        erase(pair.b.wired.node, OFFICER, name_of(pair.a, handle), order=ORDER, reason="ordered")
    assert everywhere(pair.b, gone) == []
    [after] = pair.b.read(lambda tx: tx.quarantine.page(after=0, limit=10))
    assert (after.entry.code, after.entry.raw, after.entry.reason) == (
        before[0].entry.code, b"", "erased"
    )  # fmt: skip


def test_retention_reaches_what_is_in_quarantine(pair: Pair) -> None:
    handles = given(pair, 1)
    pair.pull(pair.b)
    with pair.a.database.write() as tx:
        [row] = tx.feeds.disclosures(handles[0])
        raw = tx.items.raw([row.document])[row.document]
        tx.quarantine.add(quarantined(MemberId("XB"), "", raw, pair))
    pair.clock.instant += timedelta(days=400)
    forget_old(pair.a.wired.node, OFFICER, before=pair.clock.now() - timedelta(days=1))
    [left] = pair.a.read(lambda tx: tx.quarantine.page(after=0, limit=10))
    assert left.entry.raw == b""


def quarantined(sender: MemberId, name: str, raw: bytes, pair: Pair) -> NewQuarantine:
    return NewQuarantine(
        sender=sender, lane="bulk", position=1, object_id=name, raw=raw, code="bytes-differ",
        reason="something about it", at=pair.clock.now(),
    )  # fmt: skip


def test_only_what_is_about_the_item_is_wiped_in_quarantine(pair: Pair) -> None:
    """Its originator's and its sender's; another member's object under the same id stands."""
    handles = given(pair, 2)
    pair.pull(pair.b)
    name = name_of(pair.a, handles[0])
    kept = quarantined(MemberId("XC"), name, b"XC says that this is its own", pair)
    with pair.b.database.write() as tx:
        for raw in (b"one", b"another"):  # two of one place must not get in each other's way
            tx.quarantine.add(quarantined(MemberId("XA"), name, raw, pair))
        tx.quarantine.add(kept)
    erase(pair.b.wired.node, OFFICER, name, order=ORDER, reason="ordered by XA")
    one, another, theirs = pair.b.read(lambda tx: tx.quarantine.page(after=0, limit=10))
    assert {(each.entry.raw, each.entry.object_id) for each in (one, another)} == {(b"", "")}
    assert theirs.entry == kept


def test_an_alarm_that_names_the_item_is_closed(pair: Pair) -> None:
    handles = given(pair, 2)
    pair.pull(pair.b)
    names = [name_of(pair.a, handle) for handle in handles]
    with pair.a.database.write() as tx:
        for subject in (f"XB/{names[0]}", f"XB/{names[1]}", f"XB/x{names[0]}", "XB/bulk"):
            tx.alarms.set(
                Alarm(code="discrepancy", subject=subject, text="told", since=pair.clock.now())
            )
    erase(pair.a.wired.node, OFFICER, names[0], order=ORDER, reason="unfounded")
    left = pair.a.read(lambda tx: {each.subject for each in tx.alarms.open()})
    assert left == {f"XB/{names[1]}", f"XB/x{names[0]}", "XB/bulk"}


def test_the_journal_of_acts_names_no_item_that_can_be_erased(pair: Pair) -> None:
    handles = given(pair, 1)
    pair.pull(pair.b)
    name = object_id(name_of(pair.a, handles[0]))
    for member in (pair.a, pair.b):
        dossier(member.wired.node, OFFICER, member.wired.ledger, name)
        with member.database.read() as tx:
            [row] = tx.items.by_object_id(name)
            acts = [act for _, act in tx.acts.page(after=0, limit=1_000)]
        [evidence] = [act for act in acts if act.act == "evidence"]
        assert evidence.subject == str(row.number)
        erase(member.wired.node, OFFICER, name, order=ORDER, reason="unfounded")
        assert name.encode() not in database_bytes(member)
