"""Consents: who gives one, what a holder takes, for what it counts, and that it travels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest

from foedus.access import AccessDeniedError
from foedus.canonical import canonical_bytes
from foedus.ledger import commit_record
from foedus.model.identifiers import ItemKey, MemberId, ObjectId
from foedus.model.kinds import unwrap_document
from foedus.model.objects import parse_object
from foedus.model.terms import CategoryOfPerson
from foedus.node.accept import quarantine_items
from foedus.node.consents import (
    GivenConsent,
    give_consent,
    list_consents,
    take_consent,
    withdraw_consent,
)
from foedus.node.disclose import Disclosed, disclose
from foedus.node.erase import erase
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.judgements import Judged
from foedus.node.keys import revoke_keys
from foedus.node.ports import ItemState, NewItem
from foedus.node.preview import preview
from foedus.node.wish import Wish
from foedus.release.consent import Consent, open_consent, sign_consent
from foedus.release.errors import ConsentError
from foedus.release.receive import Judgement, JudgementKind
from foedus.release.record import DisclosurePayload, parse_disclosure
from foedus.signing import SigningKey, parse_envelope

if TYPE_CHECKING:
    from tests.unit.node.conftest import Member, Trio

XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")
INDICATOR = ObjectId("indicator--00000000-0000-4000-8000-000000000001")
PERSON = ObjectId("identity--00000000-0000-4000-8000-000000000007")


def until(trio: Trio, days: int = 10) -> datetime:
    return trio.clock.now() + timedelta(days=days)


def onward(trio: Trio, **changes: Any) -> Wish:
    return trio.wish("warning", recipients=(XC,), **changes)


SERVING: Final = {"purposes": frozenset({"prevention", "investigation", "warning", "life"})}


def give(trio: Trio, giver: Member, handles: list[int], recipient: MemberId) -> Disclosed:
    wish = trio.wish("warning", recipients=(recipient,))
    [done] = disclose(giver.wired.node, trio.user("ada"), giver.wired.gate, handles, wish)
    assert done.given == len(handles)
    return done


def given_to_b(trio: Trio, handles: list[int]) -> None:
    """XA gives items to XB as warnings; XB takes them."""
    wired = trio.a.wired
    disclose(wired.node, trio.user("ada"), wired.gate, handles, trio.wish("warning"))
    trio.pull(trio.b, trio.a)


def held_by_b(trio: Trio, object_id: ObjectId = INDICATOR) -> int:
    with trio.b.database.read() as tx:
        return tx.items.by_object_id(object_id)[-1].handle


def consent_of(trio: Trio, reference: str = INDICATOR, **changes: Any) -> GivenConsent:
    wish = changes.pop("wish", onward(trio))
    plain = {"until": until(trio), **changes}
    return give_consent(trio.a.wired.node, trio.user("olga"), reference, wish, **plain)


def take(trio: Trio, file: bytes, user: str = "olga") -> GivenConsent:
    return take_consent(trio.b.wired.node, trio.user(user), file)


def pass_on(trio: Trio, item: int, wish: Wish | None = None) -> Disclosed:
    wired = trio.b.wired
    [done] = disclose(wired.node, trio.user("ada"), wired.gate, [item], wish or onward(trio))
    return done


def verdict(trio: Trio, item: int, wish: Wish | None = None) -> str:
    wired = trio.b.wired
    [row] = preview(wired.node, trio.user("ada"), wired.gate, [item], wish or onward(trio))
    assert row.decision is not None
    return row.decision.verdict.value


def payload_of(member: Member, done: Disclosed) -> DisclosurePayload:
    with member.database.read() as tx:
        raw = tx.items.raw([done.sent[0].document])[done.sent[0].document]
    return parse_disclosure(parse_envelope(unwrap_document(parse_object(raw))).payload)


def test_an_item_of_another_stays_without_its_consent(trio: Trio) -> None:
    given_to_b(trio, [trio.held()])
    item = held_by_b(trio)
    assert verdict(trio, item) == "needs-consent"
    assert [each.code for each in pass_on(trio, item).withheld] == ["needs-consent"]


def test_with_the_consent_it_is_passed_on_and_the_consent_goes_with_it(trio: Trio) -> None:
    given_to_b(trio, [trio.held()])
    item = held_by_b(trio)
    take(trio, consent_of(trio).file)
    assert verdict(trio, item) == "permit"
    done = pass_on(trio, item)
    assert done.given == 1
    payload = payload_of(trio.b, done)
    [envelope] = payload.consents
    consent = open_consent(envelope, (trio.a.wired.node.identity.node.public,))
    assert (consent.item.object_id, consent.recipient, consent.purpose) == (
        INDICATOR, XC, "warning",
    )  # fmt: skip
    assert payload.asserted.consent
    assert payload.encode() == parse_disclosure(payload.encode()).encode()


def test_what_is_ones_own_travels_without_consents(trio: Trio) -> None:
    item = trio.held()
    wired = trio.a.wired
    [done] = disclose(wired.node, trio.user("ada"), wired.gate, [item], trio.wish("warning"))
    assert payload_of(trio.a, done).consents == ()
    assert b"consents" not in payload_of(trio.a, done).encode()


@pytest.mark.parametrize("user", ["olga", "ada"])
def test_an_officer_or_a_supervisor_gives_and_takes(trio: Trio, user: str) -> None:
    given_to_b(trio, [trio.held()])
    done = give_consent(
        trio.a.wired.node, trio.user(user), INDICATOR, onward(trio), until=until(trio)
    )
    assert take(trio, done.file, user).row.consent.user == user


def test_an_analyst_neither_gives_nor_takes_nor_withdraws(trio: Trio) -> None:
    given_to_b(trio, [trio.held()])
    file = consent_of(trio).file
    node, ann = trio.a.wired.node, trio.user("ann")
    with pytest.raises(AccessDeniedError):
        give_consent(node, ann, INDICATOR, onward(trio), until=until(trio))
    with pytest.raises(AccessDeniedError):
        take(trio, file, "ann")
    with pytest.raises(AccessDeniedError):
        withdraw_consent(node, ann, 1)


NOT_GIVEN: dict[str, tuple[dict[str, Any], str]] = {
    "for what has passed": ({"until": timedelta(0)}, "later than now"),
    "to nobody in particular": ({"wish": {"recipients": ()}}, "names one member"),
    "to two at once": ({"wish": {"recipients": (XB, XC)}}, "names one member"),
    "to ourselves": ({"wish": {"recipients": (XA,)}}, "itself"),
    "to a stranger": ({"wish": {"recipients": (MemberId("XZ"),)}}, "XZ"),
    "for no purpose of the treaty": ({"wish": {"purpose": "gain"}}, "gain"),
    "for a purpose the terms do not name": ({"held": frozenset({"warning"})}, "they name warning"),
    "of a version nobody holds": ({"sha256": "0" * 64}, "not what was given"),
    "of an item that is not there": ({"reference": PERSON}, "nothing held"),
}


@pytest.mark.parametrize(("changes", "message"), NOT_GIVEN.values(), ids=NOT_GIVEN.keys())
def test_no_consent_is_given(trio: Trio, changes: dict[str, Any], message: str) -> None:
    changes = dict(changes)
    held = changes.pop("held", None)
    if held is None:
        trio.held()
    else:
        trio.held(purposes=held)
        changes["wish"] = {"purpose": "prevention"}
    if "wish" in changes:
        plain = {"purpose": "warning", "recipients": (XC,)}
        changes["wish"] = trio.wish(**{**plain, **changes["wish"]})
    if "until" in changes:
        changes["until"] = trio.clock.now() + changes["until"]
    with pytest.raises((RefusedError, NotFoundError), match=message):
        consent_of(trio, **changes)
    with trio.a.database.read() as tx:
        assert not list_consents(tx, after=0, limit=10)


def test_only_the_originator_consents(trio: Trio) -> None:
    given_to_b(trio, [trio.held()])
    with pytest.raises(RefusedError, match="is an item of XA: only its originator consents"):
        give_consent(
            trio.b.wired.node, trio.user("olga"), INDICATOR, onward(trio), until=until(trio)
        )


def forged(trio: Trio, file: bytes, key: SigningKey | None = None, **changes: Any) -> bytes:
    """Return a consent like another, signed anew."""
    public = trio.a.wired.node.identity.node.public
    consent = open_consent(parse_envelope(parsed(file)), (public,))
    envelope = sign_consent(replace(consent, **changes), key or trio.a.wired.node.identity.node)
    return canonical_bytes(dict(envelope.document()))


def parsed(file: bytes) -> dict[str, Any]:
    from foedus.canonical import parse_json  # noqa: PLC0415  # one use

    document = parse_json(file)
    assert isinstance(document, dict)
    return document


def _other_key(trio: Trio, file: bytes) -> bytes:
    return forged(trio, file, SigningKey.from_seed(bytes(32)))


def _by_the_holder(trio: Trio, file: bytes) -> bytes:
    return forged(trio, file, trio.b.wired.node.identity.node)


def _by_a_stranger(trio: Trio, file: bytes) -> bytes:
    item = ItemKey(originator=MemberId("XZ"), object_id=INDICATOR, version="1")
    return forged(trio, file, item=item)


def _run_out(trio: Trio, file: bytes) -> bytes:
    trio.clock.instant += timedelta(days=11)
    return file


NOT_TAKEN: dict[str, tuple[Callable[[Trio, bytes], bytes], type[Exception], str]] = {
    "what is no JSON": (lambda _t, _f: b"\xff", ConsentError, "this file is no consent"),
    "what is no envelope": (lambda _t, _f: b"[1]", ConsentError, "this file is no consent"),
    "what another key signed": (_other_key, ConsentError, "no consent"),
    "what the holder signed itself": (_by_the_holder, ConsentError, "no consent"),
    "what a stranger signed": (_by_a_stranger, ConsentError, "no key is known here"),
    "what has run out": (_run_out, RefusedError, "ran out on 2026-12-04"),
    "one in earnest": (lambda t, f: forged(t, f, exercise=False), RefusedError, "never mix"),
    "one for other bytes": (lambda t, f: forged(t, f, sha256="0" * 64), RefusedError, "other byte"),
    "one that is dated ahead": (
        lambda t, f: forged(t, f, at=t.clock.now() + timedelta(days=1)), RefusedError, "ahead of",
    ),
    "one for ourselves": (lambda t, f: forged(t, f, recipient=XB), RefusedError, "we need none"),
    "one for a treaty that is not known": (
        lambda t, f: forged(t, f, treaty="1" * 64), NotFoundError, "not known here",
    ),
    "one for another version": (
        lambda t, f: forged(
            t, f, item=ItemKey(originator=XA, object_id=INDICATOR, version="2020-01-01T00:00:00Z")
        ),
        NotFoundError,
        "not held here",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "error", "message"), NOT_TAKEN.values(), ids=NOT_TAKEN.keys())
def test_a_holder_does_not_take(
    trio: Trio, change: Callable[[Trio, bytes], bytes], error: type[Exception], message: str
) -> None:
    given_to_b(trio, [trio.held()])
    file = change(trio, consent_of(trio).file)
    with pytest.raises(error, match=message):
        take(trio, file)
    with trio.b.database.read() as tx:
        assert not list_consents(tx, after=0, limit=10)


def test_the_originator_does_not_take_its_own(trio: Trio) -> None:
    trio.held()
    file = consent_of(trio).file
    with pytest.raises(RefusedError, match="our own"):
        take_consent(trio.a.wired.node, trio.user("olga"), file)


def test_taking_it_again_changes_nothing(trio: Trio) -> None:
    given_to_b(trio, [trio.held()])
    file = consent_of(trio).file
    first = take(trio, file)
    entries = trio.b.read(lambda tx: tx.ledger.count())
    assert take(trio, file).row == first.row
    assert trio.b.read(lambda tx: tx.ledger.count()) == entries
    withdraw_consent(trio.b.wired.node, trio.user("olga"), first.row.number)
    with pytest.raises(RefusedError, match="was withdrawn here"):
        take(trio, file)


def test_a_consent_is_for_one_purpose(trio: Trio) -> None:
    given_to_b(trio, [trio.held()])
    take(trio, consent_of(trio).file)
    other = trio.wish("prevention", recipients=(XC,))
    assert verdict(trio, held_by_b(trio), other) == "needs-consent"


def test_a_consent_is_for_one_version(trio: Trio) -> None:
    given_to_b(trio, [trio.held()])
    take(trio, consent_of(trio).file)
    newer = trio.indicator(1, "bad1.example", modified="2026-11-21T00:00:00.000Z")
    [handle] = trio.a.held(newer, purposes=frozenset({"prevention", "warning"}))
    given_to_b(trio, [handle])
    assert verdict(trio, held_by_b(trio)) == "needs-consent"


def test_a_version_is_named_by_the_hash_its_holder_asks_with(trio: Trio) -> None:
    given_to_b(trio, [trio.held()])
    old = held_by_b(trio)
    trio.a.held(
        trio.indicator(1, "bad1.example", modified="2026-11-21T00:00:00.000Z"),
        purposes=frozenset({"warning"}),
    )
    [row] = trio.b.read(lambda tx: tx.items.rows([old]))
    take(trio, consent_of(trio, sha256=row.content_hash).file)
    assert verdict(trio, old) == "permit"


def test_a_consent_counts_until_before_it_runs_out(trio: Trio) -> None:
    given_to_b(trio, [trio.held()])
    take(trio, consent_of(trio, until=trio.clock.now() + timedelta(hours=2)).file)
    item = held_by_b(trio)
    trio.clock.instant += timedelta(hours=2, microseconds=-1)
    assert verdict(trio, item) == "permit"
    trio.clock.instant += timedelta(microseconds=1)
    assert verdict(trio, item) == "needs-consent"


def test_a_consent_that_runs_out_while_deciding_stops_the_release(
    trio: Trio, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_to_b(trio, [trio.held()])
    take(trio, consent_of(trio, until=trio.clock.now() + timedelta(hours=1)).file)
    gate = type(trio.b.wired.gate)
    release = gate.release

    def between(*arguments: Any, **named: Any) -> Any:
        outcome = release(*arguments, **named)
        if outcome.batches:
            trio.clock.instant += timedelta(hours=1)
        return outcome

    monkeypatch.setattr(gate, "release", between)
    done = pass_on(trio, held_by_b(trio))
    assert (done.given, [each.code for each in done.withheld]) == (0, ["needs-consent"])


def test_a_consent_withdrawn_counts_no_more(trio: Trio) -> None:
    given_to_b(trio, [trio.held()])
    number = take(trio, consent_of(trio).file).row.number
    withdraw_consent(trio.b.wired.node, trio.user("olga"), number)
    assert verdict(trio, held_by_b(trio)) == "needs-consent"
    with pytest.raises(RefusedError, match="was withdrawn on 2026-11-24"):
        withdraw_consent(trio.b.wired.node, trio.user("olga"), number)
    with pytest.raises(NotFoundError):
        withdraw_consent(trio.b.wired.node, trio.user("olga"), 9)


def test_a_row_is_not_believed_for_a_consent(trio: Trio) -> None:
    given_to_b(trio, [trio.held()])
    item = held_by_b(trio)
    taken = take(trio, consent_of(trio).file).row.consent
    with trio.b.database.write() as tx:
        tx.grounds.withdraw_consent(1, by="olga", at=trio.clock.now())
        for place, file in enumerate(
            (b"{}", _other_key(trio, taken.envelope), forged(trio, taken.envelope, recipient=XB))
        ):
            tx.grounds.add_consent(replace(taken, digest=f"{place:064}", envelope=file))
    assert verdict(trio, item) == "needs-consent"


def test_a_redacted_form_of_anothers_item_stays_for_want_of_a_fitting_consent(trio: Trio) -> None:
    person = trio.stix(
        "identity", 7, name="Invented Person", identity_class="individual", description="tall"
    )
    purposes = frozenset({"prevention", "warning"})
    [handle] = trio.a.held(
        person,
        purposes=purposes,
        person=CategoryOfPerson.SUSPECT,
        review=trio.clock.now() + timedelta(days=100),
    )
    # XA gives it whole, under the article on prevention; XB would have to redact it for XC.
    wired = trio.a.wired
    from foedus.node.approvals import approve  # noqa: PLC0415  # one use

    approve(wired.node, trio.user("ada"), wired.gate, [handle], trio.wish())
    disclose(wired.node, trio.user("ada"), wired.gate, [handle], trio.wish())
    trio.pull(trio.b, trio.a)
    take(trio, consent_of(trio, PERSON).file)
    done = pass_on(trio, held_by_b(trio, PERSON))
    assert (done.given, [each.code for each in done.withheld]) == (0, ["redaction"])
    assert "no consent of its originator can be matched to a redacted form" in (
        done.withheld[0].reason
    )


def test_each_consent_stands_in_both_logs_and_names_no_content_there(trio: Trio) -> None:
    given_to_b(trio, [trio.held()])
    given = consent_of(trio)
    taken = take(trio, given.file)
    for member, row in ((trio.a, given.row), (trio.b, taken.row)):
        with member.database.read() as tx:
            entry = tx.ledger.row(row.consent.entry_index)
        assert entry is not None
        assert entry.salt is not None
        assert entry.record is not None
        assert entry.entry == commit_record(entry.salt, entry.record)
        assert b"bad1.example" not in entry.record


def test_consents_outlast_the_process(trio: Trio) -> None:
    given_to_b(trio, [trio.held()])
    take(trio, consent_of(trio).file)
    trio.restarted(trio.b)
    assert verdict(trio, held_by_b(trio)) == "permit"


def test_of_two_the_one_that_lasts_longer_counts(trio: Trio) -> None:
    given_to_b(trio, [trio.held()])
    for days in (3, 9, 5):
        take(trio, consent_of(trio, until=until(trio, days)).file)
    done = pass_on(trio, held_by_b(trio))
    [envelope] = payload_of(trio.b, done).consents
    opened: Consent = open_consent(envelope, (trio.a.wired.node.identity.node.public,))
    assert opened.until == until(trio, 9)


def test_the_third_member_accepts_what_came_with_the_originators_word(trio: Trio) -> None:
    given_to_b(trio, [trio.held()])
    take(trio, consent_of(trio).file)
    pass_on(trio, held_by_b(trio))
    report = trio.pull(trio.c, trio.b)
    assert sum(lane.accepted for lane in report.lanes if lane.lane == "bulk") == 1
    with trio.c.database.read() as tx:
        [row] = tx.items.by_object_id(INDICATOR)
    assert (row.state.value, row.key.originator, row.received_from) == ("held", XA, XB)


def test_a_consent_of_ones_own_helps_where_a_rule_asks_for_one(trio: Trio) -> None:
    """What counts is the originator's word for this item and member, whoever holds the item."""
    trio.held()
    done = consent_of(trio, until=until(trio, 1))
    assert done.row.consent.given
    wired = trio.a.wired
    [row] = preview(
        wired.node,
        trio.user("ada"),
        wired.gate,
        [trio.a.read(lambda tx: tx.items.by_object_id(INDICATOR))[-1].handle],
        onward(trio),
    )
    assert row.decision is not None
    assert row.decision.valid_until == done.row.consent.until


def test_a_consent_under_a_revoked_key_proves_nothing(trio: Trio) -> None:
    """Whoever stole the key could date a disclosure back to when it spoke."""
    given_to_b(trio, [trio.held()])
    take(trio, consent_of(trio).file)
    pass_on(trio, held_by_b(trio))
    wired = trio.a.wired
    key = wired.node.identity.node.public
    revoke_keys(wired.node, trio.a.actor, wired.gate, [key.key_id], own=True)
    statements = trio.a.read(lambda tx: tx.law.instruments())
    with trio.c.database.write() as tx:
        for document in statements:
            tx.law.put_instrument(document, member=XA, treaty=None, at=trio.clock.now())
    report = trio.pull(trio.c, trio.b)
    assert sum(lane.accepted for lane in report.lanes if lane.lane == "bulk") == 0
    [entry] = trio.c.read(lambda tx: tx.quarantine.page(after=0, limit=10))
    assert entry.entry.code == "consent-unproved"


def test_a_refused_item_in_anothers_name_does_not_keep_the_genuine_one_out(trio: Trio) -> None:
    done = give(trio, trio.b, trio.b.held(trio.indicator(1, "bad1.example"), **SERVING), XA)
    junk = parse_object(
        canonical_bytes({**trio.indicator(7, "bad7.example"), "description": "invented by B"})
    )
    item = NewItem(
        obj=junk, originator=XC, state=ItemState.QUARANTINED, received_from=XB, numbered=False
    )
    judged = Judged(
        position=9,
        item=item,
        judgement=Judgement(kind=JudgementKind.VERDICT_DIFFERS, reason="no consent came with it"),
    )
    with trio.a.database.write() as tx:
        quarantine_items(tx, payload_of(trio.b, done), [judged], at=trio.clock.now())
    assert trio.a.read(lambda tx: len(tx.quarantine.page(after=0, limit=10))) == 1
    give(trio, trio.c, trio.c.held(trio.indicator(7, "bad7.example"), **SERVING), XA)
    report = trio.pull(trio.a, trio.c)
    assert sum(lane.accepted for lane in report.lanes if lane.lane == "bulk") == 1


def test_the_journal_names_a_consent_by_its_number(trio: Trio) -> None:
    """An unsalted hash of an item would tell it to whoever guesses it, long after its erasure."""
    given_to_b(trio, [trio.held()])
    given = consent_of(trio)
    taken = take(trio, given.file)
    withdraw_consent(trio.b.wired.node, trio.user("olga"), taken.row.number)
    told = {
        member.name: [
            act.subject
            for _, act in member.read(lambda tx: tx.acts.page(after=0, limit=1_000))
            if "consent" in act.act
        ]
        for member in (trio.a, trio.b)
    }
    ours, theirs = given.row.number, taken.row.number
    digest = taken.row.consent.digest
    assert told == {XA: [f"XC consent {ours}"], XB: [f"XC consent {theirs}", f"consent {theirs}"]}

    # Nor does the record of the withdrawal outlast the item.
    def kept() -> list[bytes]:
        entries = trio.b.read(lambda tx: [tx.ledger.row(n) for n in range(tx.ledger.count())])
        records = [row.record for row in entries if row is not None and row.record is not None]
        return [record for record in records if digest.encode() in record]

    assert len(kept()) == 1
    erase(trio.b.wired.node, trio.user("olga"), INDICATOR, order="O 1", reason="ordered by XA")
    assert kept() == []
