"""What a dishonest member can do to an honest one: nothing that is not noticed, said and survived.

XC and XD cheat: what they put into their own stores no honest program would. Their servers, their
keys and their logs are real, and so is XB, which reserved Article 8.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import structs

from foedus.ledger.commitment import batch_root, commit_item
from foedus.model.identifiers import ArticleId, MemberId, TreatyId
from foedus.model.kinds import FoedusKind, wrap_document
from foedus.model.objects import StixObject, parse_object
from foedus.model.terms import CategoryOfPerson
from foedus.node.candidates import candidates_for, load_items
from foedus.node.dispatch import commit_batch, send_documents
from foedus.node.lawbook import read_credence
from foedus.node.ports import ItemRow, ItemState, NewItem
from foedus.release.decide import Law
from foedus.release.facts import NO_ASSERTIONS, AssertedFacts, ItemFacts, LinkFacts
from foedus.release.gate import ReleasedBatch
from foedus.release.obligations import NO_OBLIGATIONS
from foedus.release.record import parse_item_record
from foedus.release.released import GATE_MARK
from foedus.store.sql.transaction import StoredTransaction
from foedus.treaty.instrument import (
    Form,
    InstrumentDraft,
    Ratification,
    Signature,
    sign_instrument,
)

if TYPE_CHECKING:
    from tests.federation.conftest import Bloc, NodeProcess

XA, XB, XC, XD = (MemberId(name) for name in ("XA", "XB", "XC", "XD"))
REVIEW = datetime.now(UTC) + timedelta(days=60)
_DATE = "2026-11-20T08:00:00.000Z"


@pytest.fixture(scope="module", name="bloc")
def _bloc(make_bloc: Callable[[], Bloc]) -> Bloc:
    bloc = make_bloc()
    bloc.found("XA", "XB", "XC", "XD", reserving={"XB": ["8"]})
    return bloc


def sign_of(label: str, **properties: Any) -> dict[str, Any]:
    """Return an indicator of a domain that bears a label."""
    number = int.from_bytes(label.encode()[-6:], "big") % 10**12
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--00000000-0000-4000-9000-{number:012d}",
        "created": _DATE,
        "modified": _DATE,
        "name": f"sign {label}",
        "indicator_types": ["malicious-activity"],
        "pattern": f"[domain-name:value = '{label.replace(' ', '-')}.example']",
        "pattern_type": "stix",
        "valid_from": "2026-11-20T08:00:00Z",
        **properties,
    }


def suspect(label: str) -> dict[str, Any]:
    """Return an indicator of an e-mail address: personal data."""
    return sign_of(label, pattern=f"[email-addr:value = '{label.replace(' ', '.')}@mail.example']")


@dataclass
class Cheat:
    """Releases what no gate would have let out, with every proof in order unless told otherwise."""

    node: NodeProcess

    def batch(  # one lie each
        self,
        recipient: str,
        rows: Sequence[ItemRow],
        *,
        law: Callable[[Law], Law] = lambda law: law,
        facts: Callable[[ItemFacts], ItemFacts] = lambda facts: facts,
        article: str | None = None,
        asserted: AssertedFacts = NO_ASSERTIONS,
        **changes: Any,
    ) -> ReleasedBatch:
        """Return a batch of items, released by a law, facts and statements of our choice."""
        wired = self.node.wired
        node, at = wired.node, wired.node.clock.now()
        with node.database.read() as tx:
            loaded = load_items(tx, node.identity.member, [row.handle for row in rows])
            candidates = [
                replace(each, facts=facts(each.facts))
                for each in candidates_for(tx, loaded, MemberId(recipient))
            ]
            true = node.law.view(tx).law(
                self.node.treaty, node.identity.member, MemberId(recipient), at
            )
        outcome = wired.gate.release(
            candidates,
            recipient=MemberId(recipient),
            law=law(true),
            link=LinkFacts(fresh=True),
            purpose="prevention",
            at=at,
            article=None if article is None else ArticleId(article),
            asserted=asserted,
        )
        assert not outcome.withheld, [each.reason for each in outcome.withheld]
        [batch] = outcome.batches
        return replace(batch, mark=GATE_MARK, **changes)

    def send(self, batch: ReleasedBatch, *, lane: str = "bulk") -> None:
        node = self.node.wired.node
        with node.database.write() as tx:
            commit_batch(tx, node.identity, batch, lane=lane, at=node.clock.now())

    def send_unlogged(self, batch: ReleasedBatch) -> None:
        """Enter another thing in the log than what the disclosure says."""
        node = self.node.wired.node
        with node.database.write() as tx:
            sent = commit_batch(tx, node.identity, batch, lane="bulk", at=node.clock.now())
            # No store would do this for us: the entry is exchanged behind its back.
            assert isinstance(tx, StoredTransaction)
            changed = tx.ledger._session.run(
                "UPDATE ledger_entry SET entry = ? WHERE position = ?",
                (node.random(32), sent.entry_index),
            )
            assert changed == 1

    def send_documents(self, documents: Sequence[StixObject], recipient: str, lane: str) -> None:
        wired = self.node.wired
        with wired.node.database.write() as tx:
            send_documents(
                tx,
                wired.node.identity,
                wired.gate,
                documents,
                recipients=[MemberId(recipient)],
                lane=lane,
                treaty=None,
                at=wired.node.clock.now(),
            )


@pytest.fixture(name="xc")
def _xc(bloc: Bloc) -> Cheat:
    return Cheat(node=bloc["XC"])


@pytest.fixture(name="xd")
def _xd(bloc: Bloc) -> Cheat:
    return Cheat(node=bloc["XD"])


def every_article(law: Law, *, digest: str | None = None) -> Law:
    """Return the law as if nobody had reserved anything."""
    articles = frozenset(each.id for each in law.compiled.treaty.articles)
    pair = replace(law.pair, reserved={}, articles=articles, digest=digest or law.pair.digest)
    return replace(law, pair=pair)


# An item that the receiver's own decision refuses.


def reserved_article(cheat: Cheat) -> ReleasedBatch:
    rows = cheat.node.hold(
        [suspect("paid one")],
        offence="financing",
        person=CategoryOfPerson.SUSPECT,
        review=REVIEW,
    )
    return cheat.batch("XB", rows, law=every_article, article="8")


def reserved_article_under_another_law(cheat: Cheat) -> ReleasedBatch:
    rows = cheat.node.hold(
        [suspect("paid two")],
        offence="financing",
        person=CategoryOfPerson.SUSPECT,
        review=REVIEW,
    )
    return cheat.batch(
        "XB", rows, law=lambda law: every_article(law, digest="ab" * 32), article="8"
    )


def persons_called_none(cheat: Cheat) -> ReleasedBatch:
    rows = cheat.node.hold([suspect("denied")], person=CategoryOfPerson.SUSPECT, review=REVIEW)
    return cheat.batch("XB", rows, facts=lambda facts: replace(facts, personal=False))


def duties_left_out(cheat: Cheat) -> ReleasedBatch:
    rows = cheat.node.hold([sign_of("no duty")])
    return cheat.batch("XB", rows, obligations=NO_OBLIGATIONS)


def unknown_treaty(cheat: Cheat) -> ReleasedBatch:
    rows = cheat.node.hold([sign_of("no treaty")])
    return cheat.batch("XB", rows, treaty=TreatyId("cd" * 32))


def unknown_purpose(cheat: Cheat) -> ReleasedBatch:
    rows = cheat.node.hold([sign_of("no purpose")])
    return cheat.batch("XB", rows, purpose="revenge")


def another_members_item(cheat: Cheat) -> ReleasedBatch:
    """An item said to have come from XA, with a consent that XA never gave."""
    rows = cheat.node.hold([sign_of("of another")])
    treaty = cheat.node.treaty
    return cheat.batch(
        "XB",
        rows,
        facts=lambda facts: replace(facts, originator=XA, onward=True, received_under=treaty),
        asserted=AssertedFacts(consent=True),
    )


def our_own_item(cheat: Cheat) -> ReleasedBatch:
    """An item said to be XB's own, as if it came home."""
    rows = cheat.node.hold([sign_of("of ours")])
    return _renamed(cheat.batch("XB", rows), XB)


def _renamed(batch: ReleasedBatch, originator: MemberId) -> ReleasedBatch:
    items = []
    for item in batch.items:
        record = replace(parse_item_record(item.record), originator=originator).encode()
        items.append(
            structs.replace(
                item,
                originator=originator,
                record=record,
                commitment=commit_item(item.salt, record),
                mark=GATE_MARK,
            )
        )
    root = batch_root([item.commitment for item in items])
    return replace(batch, items=tuple(items), root=root, mark=GATE_MARK)


REFUSED = [
    pytest.param(reserved_article, "verdict-differs", id="under an article XB reserved"),
    pytest.param(persons_called_none, "facts-differ", id="personal data said to be none"),
    pytest.param(duties_left_out, "obligations-differ", id="its duties left out"),
    pytest.param(unknown_purpose, "verdict-differs", id="for a purpose the treaty lacks"),
    pytest.param(another_members_item, "verdict-differs", id="an item said to be XA's"),
    pytest.param(our_own_item, "verdict-differs", id="an item said to be XB's own"),
]


@pytest.mark.parametrize(("lie", "code"), REFUSED)
def test_an_item_that_should_not_have_been_sent_is_set_aside_and_the_sender_is_told(
    bloc: Bloc, xc: Cheat, lie: Callable[[Cheat], ReleasedBatch], code: str
) -> None:
    receiver, marks = bloc["XB"], len(bloc["XB"].quarantine())
    held = receiver.received("XC").get("accepted", 0)
    batch = lie(xc)
    xc.send(batch)
    honest = xc.node.hold([sign_of(f"honest {code} {marks}")])
    xc.node.disclose(honest, "XB")
    [bulk] = [lane for lane in receiver.pull("XC").lanes if lane.lane == "bulk"]
    assert (bulk.fault, bulk.quarantined, bulk.accepted) == ("", 1, 1), "the lane goes on"
    [kept] = receiver.quarantine()[marks:]
    assert kept.entry.code == code, kept.entry.reason
    assert kept.entry.object_id == batch.items[0].obj.id
    assert receiver.received("XC")["accepted"] == held + 1
    with receiver.wired.node.database.read() as tx:
        states = {row.state for row in tx.items.by_object_id(batch.items[0].obj.id)}
    # In another member's name nothing stands here: it would keep the genuine item out.
    own = batch.items[0].originator == batch.sender
    assert states == ({ItemState.QUARANTINED} if own else set()), "what was set aside is not held"
    # The answer comes back through XB's own lane, and XC is alarmed.
    [orders] = [lane for lane in xc.node.pull("XB").lanes if lane.lane == "orders"]
    assert (orders.fault, orders.accepted) == ("", 1)
    [text] = [
        alarm.text
        for (what, subject), alarm in xc.node.alarms().items()
        if what == "discrepancy" and batch.items[0].obj.id in subject
    ]
    assert code in text
    # Both sides still count the same rows.
    assert _agreed(xc.node, "XB")
    assert _agreed(receiver, "XC")


WAITING = [
    pytest.param(reserved_article_under_another_law, id="under a law that binds nobody"),
    pytest.param(unknown_treaty, id="under a treaty nobody knows"),
]


@pytest.mark.parametrize("lie", WAITING)
def test_an_item_under_a_law_that_is_not_there_waits_unseen_and_the_sender_is_told(
    bloc: Bloc, xc: Cheat, lie: Callable[[Cheat], ReleasedBatch]
) -> None:
    """A lie about the law looks like lag: it gains nothing, and ends in quarantine in time."""
    receiver, marks = bloc["XB"], len(bloc["XB"].quarantine())
    batch = lie(xc)
    xc.send(batch)
    honest = xc.node.hold([sign_of(f"honest beside {len(lie.__name__)}")])
    xc.node.disclose(honest, "XB")
    [bulk] = [lane for lane in receiver.pull("XC").lanes if lane.lane == "bulk"]
    assert (bulk.fault, bulk.quarantined, bulk.accepted, bulk.awaiting) == ("", 0, 1, 1)
    assert len(receiver.quarantine()) == marks
    with receiver.wired.node.database.read() as tx:
        states = {row.state for row in tx.items.by_object_id(batch.items[0].obj.id)}
    assert states == {ItemState.AWAITING}
    [orders] = [lane for lane in xc.node.pull("XB").lanes if lane.lane == "orders"]
    assert (orders.fault, orders.accepted) == ("", 1)
    receiver.pull("XC")
    assert _agreed(xc.node, "XB")
    assert _agreed(receiver, "XC")


def _agreed(node: NodeProcess, recipient: str) -> bool:
    return all(lane.agreed for lane in node.figures().lanes if lane.recipient == recipient)


def test_what_had_to_go_and_still_shows_is_noticed_though_the_duty_is_stated(bloc: Bloc) -> None:
    """Article 8 gives data on a contact without its e-mail address; XA sends it whole."""
    xa, receiver = Cheat(node=bloc["XA"]), bloc["XC"]
    rows = xa.node.hold(
        [
            {
                "type": "identity",
                "spec_version": "2.1",
                "id": "identity--00000000-0000-4000-9000-000000000001",
                "created": _DATE,
                "modified": _DATE,
                "name": "EXERCISE Contact",
                "identity_class": "individual",
                "contact_information": "contact.one@mail.example",
            }
        ],
        offence="financing",
        person=CategoryOfPerson.CONTACT,
        review=REVIEW,
    )
    true = xa.batch("XC", rows, article="8", asserted=AssertedFacts(approvals=1))
    assert true.obligations.redact
    [item] = true.items
    with xa.node.wired.node.database.read() as tx:
        whole = parse_object(tx.items.raw([rows[0].handle])[rows[0].handle])
    record = replace(
        parse_item_record(item.record),
        id=whole.id,
        version=whole.version,
        sha256=whole.content_hash,
        variant=False,
    ).encode()
    commitment = commit_item(item.salt, record)
    unredacted = structs.replace(
        item, obj=whole, variant=False, record=record, commitment=commitment, mark=GATE_MARK
    )
    marks = len(receiver.quarantine())
    xa.send(replace(true, items=(unredacted,), root=batch_root([commitment]), mark=GATE_MARK))
    [bulk] = [lane for lane in receiver.pull("XA").lanes if lane.lane == "bulk"]
    assert (bulk.fault, bulk.quarantined, bulk.accepted) == ("", 1, 0)
    [kept] = receiver.quarantine()[marks:]
    assert kept.entry.code == "obligation-unmet"


ODD_OBJECTS: list[dict[str, Any]] = [
    {"pattern": 7},
    {"pattern": "[domain-name:value = '"},
    {"pattern": "[" * 5000},
    {"name": None},
    {"name": {"a": [1, 2, {"b": None}]}},
    {"object_marking_refs": ["marking-definition--00000000-0000-4000-8000-000000000000"]},
    {"granular_markings": [{"selectors": ["a..b", 3]}]},
    {"granular_markings": [{"selectors": "name", "lang": 5}]},
    {"granular_markings": "all"},
    {"external_references": [{"source_name": 3, "url": "http://["}]},
    {"extensions": {"x": "y"}},
    {"labels": [[[[[[[["deep"]]]]]]]]},
    {"valid_from": "yesterday"},
    {"description": "\u0000\u202e\ufffe" * 50},
    {"name": "x" * 100_000},
    {"confidence": 10**15},
]


def test_odd_objects_never_stop_a_receiver(bloc: Bloc, xd: Cheat) -> None:
    """An object need not be good STIX to be proved; it must not be a way to stop a lane."""
    node = xd.node.wired.node
    rows = xd.node.hold([sign_of("plain")])
    with node.database.write() as tx:
        stored = tx.items.add(
            [
                NewItem(
                    obj=parse_object(json.dumps(sign_of(f"odd {number:02d}", **odd)).encode()),
                    originator=XD,
                    state=ItemState.HELD,
                    terms_id=tx.items.rows([rows[0].handle])[0].terms_id,
                    numbered=False,
                )
                for number, odd in enumerate(ODD_OBJECTS)
            ],
            at=node.clock.now(),
        )
        odd_rows = tx.items.rows([each.handle for each in stored])
    with node.database.read() as tx:
        plain = load_items(tx, XD, [rows[0].handle]).facts[rows[0].handle]
    for row in [*odd_rows, *rows]:
        xd.send(xd.batch("XB", [row], facts=lambda _: plain))
    [bulk] = [lane for lane in bloc["XB"].pull("XD").lanes if lane.lane == "bulk"]
    assert bulk.fault == ""
    assert bulk.accepted + bulk.quarantined == len(ODD_OBJECTS) + 1
    xd.node.pull("XB")
    assert _agreed(bloc["XB"], "XD")
    assert _agreed(xd.node, "XB")


# What halts a lane for good: each spoils a lane of its own.


def test_a_disclosure_that_is_not_in_its_senders_log_is_never_taken(bloc: Bloc, xc: Cheat) -> None:
    receiver = bloc["XA"]
    xc.node.disclose(xc.node.hold([sign_of("true")]), "XA")
    rows = xc.node.hold([sign_of("unlogged")])
    xc.send_unlogged(xc.batch("XA", rows))
    for _ in range(2):
        [bulk] = [lane for lane in receiver.pull("XC").lanes if lane.lane == "bulk"]
        assert bulk.fault.startswith("not-in-log: ")
        assert receiver.received("XC") == {"accepted": 1}
    assert ("lane.not-in-log", "XC/bulk") in receiver.alarms()
    [kept] = [each.entry for each in receiver.quarantine() if each.entry.sender == XC]
    assert kept.code == "not-in-log"
    assert parse_object(kept.raw).type == FoedusKind.DISCLOSURE, "the disclosure is kept as proof"


def test_a_disclosure_dated_tomorrow_waits_until_then(bloc: Bloc, xd: Cheat) -> None:
    receiver = bloc["XA"]
    rows = xd.node.hold([sign_of("tomorrow")])
    xd.send(xd.batch("XA", rows, at=datetime.now(UTC) + timedelta(days=1)))
    [bulk] = [lane for lane in receiver.pull("XD").lanes if lane.lane == "bulk"]
    assert bulk.fault.startswith("dated-ahead: ")
    assert receiver.received("XD") == {}
    assert ("lane.dated-ahead", "XD/bulk") in receiver.alarms()


def test_nothing_but_instruments_enters_the_instrument_lane(bloc: Bloc, xd: Cheat) -> None:
    receiver = bloc["XA"]
    before = receiver.received("XD", "instruments")
    rows = xd.node.hold([sign_of("smuggled")])
    xd.send(xd.batch("XA", rows), lane="instruments")
    [lane] = [lane for lane in receiver.pull("XD").lanes if lane.lane == "instruments"]
    assert lane.fault.startswith("form: ")
    assert receiver.received("XD", "instruments") == before
    with receiver.wired.node.database.read() as tx:
        assert tx.items.by_object_id(rows[0].key.object_id) == []


# Instruments.


def instrument(member: MemberId, signer: NodeProcess, **draft: Any) -> StixObject:
    """Return an instrument in a member's name, signed by the authority of another."""
    authority = signer.wired.node.identity.authority
    assert authority is not None
    now = signer.wired.node.clock.now()
    envelope = sign_instrument(InstrumentDraft(member=member, issued=now, **draft), authority)
    return parse_object(
        wrap_document(
            FoedusKind.INSTRUMENT, envelope.document(), payload=envelope.payload, issued=now
        )
    )


def test_an_instrument_forged_in_a_members_name_counts_nowhere(bloc: Bloc, xc: Cheat) -> None:
    receiver, marks = bloc["XB"], len(bloc["XB"].quarantine())
    status = receiver.run("treaty", "status")["members"]
    forged = instrument(
        XA,
        xc.node,
        serial=99,
        treaty=xc.node.treaty,
        body=Ratification(
            form=Form.RATIFICATION,
            reservations=(ArticleId("6"), ArticleId("9")),
            recognises=(),
        ),
    )
    xc.send_documents([forged], "XB", "instruments")
    [lane] = [lane for lane in receiver.pull("XC").lanes if lane.lane == "instruments"]
    assert (lane.fault, lane.quarantined, lane.accepted) == ("", 1, 0)
    [kept] = receiver.quarantine()[marks:]
    assert kept.entry.sender == XC
    assert kept.entry.object_id == forged.id
    assert receiver.run("treaty", "status")["members"] == status


def test_two_instruments_under_one_number_bar_their_author(bloc: Bloc, xd: Cheat) -> None:
    """Neither counts (Article 24(5)); what rested on them ends, and everybody is shown why."""
    receiver = bloc["XB"]
    node = xd.node.wired.node
    with node.database.read() as tx:
        own = node.law.view(tx).instruments.of(XD)
    ratified = next(each for each in own if isinstance(each.body, Ratification))
    other = instrument(XD, xd.node, serial=ratified.serial, treaty=xd.node.treaty, body=Signature())
    xd.send_documents([other], "XB", "instruments")
    receiver.pull("XD")
    shown = receiver.run("treaty", "status")
    [row] = [each for each in shown["members"] if each["member"] == "XD"]
    assert row["stage"] != "party"
    assert row["notes"], "the status says why"
    rows = receiver.hold([sign_of("for nobody")])
    [done] = receiver.disclose(rows, "XD")
    assert (done.given, [each.code for each in done.withheld]) == (0, ["denied"])


# Letters of credence.


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(lambda raw: raw, "the fingerprint given is not the letter's", id="its own"),
        pytest.param(
            lambda raw: raw.replace(b'"payload":"', b'"payload":"A'),
            "no valid letter",
            id="altered",
        ),
        pytest.param(lambda raw: raw[:-9], "no valid letter", id="cut off"),
        pytest.param(lambda _: b"\xff\xfe", "no valid letter", id="no text"),
        pytest.param(lambda _: b"", "no valid letter", id="empty"),
    ],
)
def test_a_letter_of_credence_with_another_fingerprint_or_content_opens_nothing(
    bloc: Bloc, xc: Cheat, tmp_path: Path, change: Callable[[bytes], bytes], says: str
) -> None:
    stranger = bloc.add("XZ") if "XZ" not in bloc.nodes else bloc["XZ"]
    letter = tmp_path / "letter"
    letter.write_bytes(change(stranger.letter()))
    wrong = read_credence(xc.node.letter()).authority.fingerprint
    told = bloc["XB"].run("peers", "add", str(letter), "--fingerprint", wrong, expect=1)
    assert says in told["stderr"]
    with bloc["XB"].wired.node.database.read() as tx:
        assert tx.peers.get(MemberId("XZ")) is None


def test_a_member_is_never_replaced_by_another_letter_in_its_name(
    bloc: Bloc, tmp_path: Path
) -> None:
    usurper = type(bloc)(folder=tmp_path).add("XA")
    try:
        letter = tmp_path / "letter"
        letter.write_bytes(usurper.letter())
        fingerprint = read_credence(usurper.letter()).authority.fingerprint
        told = bloc["XB"].run("peers", "add", str(letter), "--fingerprint", fingerprint, expect=1)
        assert "known here under another authority key" in told["stderr"]
    finally:
        usurper.end()
