"""Meeting members, adopting texts, signing and ratifying: what is refused, and what follows."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from foedus.access import AccessDeniedError, Actor, Role
from foedus.compose import create_node, open_node
from foedus.ledger.errors import RollbackError
from foedus.model.identifiers import ArticleId, MemberId, TreatyId
from foedus.node.dispatch import LANES
from foedus.node.doctor import FAULT, NOTE, examine
from foedus.node.errors import NotFoundError, NotReadyError, RefusedError
from foedus.node.find import find_treaty
from foedus.node.introduce import (
    accept_peer,
    letter_of_credence,
    make_credence,
    plain_fingerprint,
)
from foedus.node.lawbook import read_credence
from foedus.node.ratify import adopt, check_text, ratify, sign, treaty_status
from foedus.release.errors import CompileFaults
from foedus.settings import Settings
from foedus.signing import KeyPurpose
from foedus.treaty.faults import TreatyFaults
from foedus.treaty.in_force import InstrumentSet, Stage
from foedus.treaty.instrument import (
    InstrumentDraft,
    Revocation,
    open_instrument,
    sign_instrument,
)

if TYPE_CHECKING:
    from tests.unit.node.conftest import Member, Pair

XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")


def accept(member: Member, raw: bytes, fingerprint: str) -> None:
    accept_peer(member.wired.node, member.actor, member.wired.gate, raw, fingerprint=fingerprint)


def letter(member: Member) -> tuple[bytes, str]:
    raw = letter_of_credence(member.wired.node)
    return raw, read_credence(raw).authority.fingerprint


@pytest.mark.parametrize(
    "spelling",
    [str.lower, lambda text: text.replace(" ", ""), lambda text: text.replace(" ", "-")],
    ids=["small letters", "without spaces", "with dashes"],
)
def test_a_fingerprint_is_compared_by_what_it_says(spelling: object, lone: Member) -> None:
    _, fingerprint = letter(lone)
    assert callable(spelling)
    assert plain_fingerprint(spelling(fingerprint)) == plain_fingerprint(fingerprint)


def test_our_own_letter_is_refused(lone: Member) -> None:
    raw, fingerprint = letter(lone)
    with pytest.raises(RefusedError, match="our own"):
        accept(lone, raw, fingerprint)


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"payload":5}', b"\xff", b"null"])
def test_a_damaged_letter_is_refused(raw: bytes, lone: Member) -> None:
    with pytest.raises(RefusedError, match="letter of credence"):
        accept(lone, raw, "AAAA")


def test_a_changed_letter_is_refused(pair: Pair) -> None:
    raw, fingerprint = letter(pair.b)
    document = json.loads(raw)
    document["signatures"][0]["sig"] = "A" * 86 + "=="
    with pytest.raises(RefusedError, match="no valid letter"):
        accept(pair.a, json.dumps(document).encode(), fingerprint)


def test_a_letter_that_is_not_newer_is_refused(pair: Pair) -> None:
    raw, fingerprint = letter(pair.b)
    with pytest.raises(RefusedError, match="is not older"):
        accept(pair.a, raw, fingerprint)


def test_a_newer_letter_of_the_same_authority_is_taken(pair: Pair) -> None:
    pair.clock.instant += timedelta(days=1)
    raw = make_credence(pair.b.wired.node)
    before = pair.a.read(lambda tx: tx.peers.get(XB))
    accept(pair.a, raw, read_credence(raw).authority.fingerprint)
    after = pair.a.read(lambda tx: tx.peers.get(XB))
    assert before is not None
    assert after is not None
    assert after.credence == raw
    assert (after.heard, after.checkpoint) == (before.heard, before.checkpoint)


def test_a_letter_that_names_another_members_log_is_refused(pair: Pair, tmp_path: Path) -> None:
    settings = Settings(
        data=tmp_path / "c", member=MemberId("XC"), name="C", address="https://c", exercise=True
    )
    third = create_node(settings, user="admin", clock=pair.clock)
    identity = replace(third.node.identity, log_origin=pair.b.wired.node.identity.log_origin)
    raw = make_credence(replace(third.node, identity=identity))
    third.close()
    with pytest.raises(RefusedError, match="which is the log of XB"):
        accept(pair.a, raw, read_credence(raw).authority.fingerprint)
    assert pair.a.read(lambda tx: tx.peers.get(MemberId("XC"))) is None


def test_another_authority_under_a_known_name_is_refused(pair: Pair, tmp_path: Path) -> None:
    pair.clock.instant += timedelta(days=1)
    settings = Settings(
        data=tmp_path / "false", member=XB, name="B", address="https://b.example", exercise=True
    )
    impostor = create_node(settings, user="admin", clock=pair.clock)
    raw = letter_of_credence(impostor.node)
    impostor.close()
    with pytest.raises(RefusedError, match="known here under another authority key"):
        accept(pair.a, raw, read_credence(raw).authority.fingerprint)


def test_only_an_administrator_meets_members(pair: Pair) -> None:
    raw, fingerprint = letter(pair.b)
    pair.a.actor = Actor(user="ana", roles=frozenset(set(Role) - {Role.ADMINISTRATOR}))
    with pytest.raises(AccessDeniedError):
        accept(pair.a, raw, fingerprint)


def test_whom_one_met_one_tells_the_law(pair: Pair, tmp_path: Path) -> None:
    """A new peer is sent treaty text and instruments at once, and nothing else."""
    settings = Settings(
        data=tmp_path / "XC", member=XC, name="C", address="https://c.example", exercise=True
    )
    third = create_node(settings, user="admin", clock=pair.clock)
    raw = letter_of_credence(third.node)
    third.close()
    accept(pair.a, raw, read_credence(raw).authority.fingerprint)
    with pair.a.database.read() as tx:
        lanes = {lane: tx.feeds.lane(XC, lane).count for lane in LANES}
    assert lanes == {"instruments": 5, "orders": 0, "bulk": 0}


def test_a_text_with_faults_is_not_adopted(lone: Member) -> None:
    node, gate = lone.wired.node, lone.wired.gate
    with pytest.raises(TreatyFaults):
        adopt(node, lone.actor, gate, b"no treaty")
    text = lone_pact(lone).replace(b"resource.neutral", b"resource.beautiful")
    with pytest.raises(CompileFaults):
        adopt(node, lone.actor, gate, text)
    assert not lone.read(lambda tx: tx.law.treaties())


def lone_pact(member: Member) -> bytes:
    raw, fingerprint = letter(member)
    return member.pact_of((read_credence(raw).member, fingerprint), (XB, "B" * 4 + " BBBB" * 7))


def test_a_real_text_does_not_enter_an_exercise(lone: Member) -> None:
    text = lone_pact(lone).replace(b"exercise = true", b"exercise = false")
    with pytest.raises(RefusedError, match="never mix"):
        adopt(lone.wired.node, lone.actor, lone.wired.gate, text)


def test_adopting_again_changes_nothing(lone: Member) -> None:
    node, gate = lone.wired.node, lone.wired.gate
    first = adopt(node, lone.actor, gate, lone_pact(lone))
    entries = lone.read(lambda tx: tx.ledger.count())
    assert adopt(node, lone.actor, gate, lone_pact(lone)).id == first.id
    assert lone.read(lambda tx: tx.ledger.count()) == entries


def test_a_text_whose_adoption_was_undone_is_not_known(lone: Member) -> None:
    node, text = lone.wired.node, lone_pact(lone)

    def put_in_vain() -> None:
        with node.database.write() as tx:
            assert tx.law.put_treaty(check_text(text).id, text, at=node.clock.now())
            assert node.law.view(tx).treaties
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        put_in_vain()
    adopt(node, lone.actor, lone.wired.gate, text.replace(b"Pact of Two", b"Pact of Both"))
    assert len(lone.read(lambda tx: node.law.view(tx).treaties)) == 1


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.LEGAL}))
def test_only_a_legal_officer_binds_the_member(role: Role, lone: Member) -> None:
    node, gate = lone.wired.node, lone.wired.gate
    treaty = adopt(node, lone.actor, gate, lone_pact(lone)).id
    actor = Actor(user="ana", roles=frozenset({role}))
    for act in (
        lambda: adopt(node, actor, gate, lone_pact(lone)),
        lambda: sign(node, actor, gate, treaty),
        lambda: ratify(node, actor, gate, treaty),
    ):
        with pytest.raises(AccessDeniedError):
            act()


def test_first_sign_then_ratify_and_each_once(lone: Member) -> None:
    node, gate, actor = lone.wired.node, lone.wired.gate, lone.actor
    treaty = adopt(node, actor, gate, lone_pact(lone)).id
    with pytest.raises(NotReadyError, match="sign the treaty before"):
        ratify(node, actor, gate, treaty)
    assert sign(node, actor, gate, treaty).serial == 2, "after the full powers"
    with pytest.raises(RefusedError, match="has signed"):
        sign(node, actor, gate, treaty)
    for reserved, message in [("1", "admits no reservation"), ("9", "no article 9")]:
        with pytest.raises(RefusedError, match=message):
            ratify(node, actor, gate, treaty, reservations=[ArticleId(reserved)])
    with pytest.raises(RefusedError, match="no offence category heresy"):
        ratify(node, actor, gate, treaty, recognises=["financing", "heresy"])
    instrument = ratify(node, actor, gate, treaty, reservations=[ArticleId("3")])
    assert instrument.serial == 3
    with pytest.raises(RefusedError, match="has ratified"):
        ratify(node, actor, gate, treaty)
    status = lone.read(lambda tx: treaty_status(tx, node, treaty))
    assert status.members[XA].reserved == {"3"}
    assert status.in_force_since is None, "one of two ratifications"


def test_who_is_no_original_member_does_not_sign(lone: Member) -> None:
    text = lone_pact(lone).replace(b'member = "XA"', b'member = "XD"')
    text = text.replace(b'depositary = "XA"', b'depositary = "XB"')
    treaty = adopt(lone.wired.node, lone.actor, lone.wired.gate, text).id
    with pytest.raises(RefusedError, match="not among the treaty's original members"):
        sign(lone.wired.node, lone.actor, lone.wired.gate, treaty)


def test_an_annex_with_another_key_is_not_signed(lone: Member) -> None:
    text = lone.pact_of((XA, "A" * 4 + " AAAA" * 7), (XB, "B" * 4 + " BBBB" * 7))
    treaty = adopt(lone.wired.node, lone.actor, lone.wired.gate, text).id
    with pytest.raises(RefusedError, match="another authority key"):
        sign(lone.wired.node, lone.actor, lone.wired.gate, treaty)


def test_without_the_authority_key_nothing_is_signed(lone: Member) -> None:
    treaty = adopt(lone.wired.node, lone.actor, lone.wired.gate, lone_pact(lone)).id
    node = replace(lone.wired.node, identity=replace(lone.wired.node.identity, authority=None))
    with pytest.raises(NotReadyError, match="authority key is not on this machine"):
        sign(node, lone.actor, lone.wired.gate, treaty)
    with pytest.raises(NotReadyError, match="authority key is not on this machine"):
        make_credence(node)
    found = {each.subject: each for each in examine(node, lone.wired.ledger)}
    assert found["authority key"].level == NOTE


def test_a_treaty_nobody_knows(lone: Member) -> None:
    node = lone.wired.node
    with pytest.raises(NotFoundError, match="no treaty"):
        sign(node, lone.actor, lone.wired.gate, TreatyId("f" * 64))
    with pytest.raises(NotFoundError, match="`foedus treaty adopt FILE` adds one"):
        lone.read(lambda tx: find_treaty(tx, node, ""))


def test_a_treaty_is_named_by_how_its_id_begins(pair: Pair) -> None:
    node = pair.a.wired.node
    for reference in ("", pair.treaty[:6], pair.treaty[:6].upper(), pair.treaty):
        with pair.a.database.read() as tx:
            assert find_treaty(tx, node, reference) == pair.treaty
    adopt(node, pair.a.actor, pair.a.wired.gate, pair.pact(pair.a, pair.b) + b"\n<!-- 2 -->\n")
    with pytest.raises(NotFoundError, match="several treaties; name one of") as told:
        pair.a.read(lambda tx: find_treaty(tx, node, ""))
    title = pair.a.read(node.law.view).treaty(pair.treaty).treaty.short_title
    assert f"{pair.treaty[:12]} ({title}: in force)" in str(told.value)
    assert f"({title}: not in force)" in str(told.value)
    assert str(told.value).endswith(f"; of these only {pair.treaty[:12]} is in force")
    with pytest.raises(NotFoundError, match="0 treaties begin with 'xyz'"):
        pair.a.read(lambda tx: find_treaty(tx, node, "xyz"))


def test_both_are_bound_after_both_ratified(pair: Pair) -> None:
    for member in (pair.a, pair.b):
        with member.database.read() as tx:
            status = treaty_status(tx, member.wired.node, pair.treaty)
        assert {each.member: each.stage for each in status.members.values()} == {
            XA: Stage.PARTY,
            XB: Stage.PARTY,
        }


def test_the_doctor_finds_a_node_that_met_nobody_healthy(lone: Member) -> None:
    found = examine(lone.wired.node, lone.wired.ledger)
    assert not [each for each in found if each.level == FAULT]
    notes = {each.subject for each in found if each.level == NOTE}
    assert {"treaty", "peers"} <= notes


@pytest.mark.sqlite
def test_the_doctor_sees_a_store_older_than_the_head(pair: Pair) -> None:
    """A backup put in place forgets entries that a signed head covers."""
    settings = pair.a.wired.settings
    pair.a.wired.database.close()
    backup = settings.database.read_bytes()
    for journal in settings.data.glob("foedus.db-*"):
        assert not journal.stat().st_size, "closed: nothing stands beside the database"
    wired = open_node(settings, clock=pair.clock)
    pair.a.wired = wired
    pair.a.disclose(pair.a.held(pair.indicator(1, "bad.example")), pair.treaty)
    wired.close()
    settings.database.write_bytes(backup)
    pair.a.wired = open_node(settings, clock=pair.clock)
    found = {each.subject: each for each in examine(pair.a.wired.node, pair.a.wired.ledger)}
    assert found["log"].level == FAULT
    assert "an older store was put in place" in found["log"].text
    handles = pair.a.held(pair.indicator(2, "worse.example"))
    with pytest.raises(RollbackError):
        pair.a.disclose(handles, pair.treaty)


def test_a_revoked_key_of_a_letter_speaks_for_nobody(pair: Pair) -> None:
    """Before a member has full powers its letter names its keys, unless they were revoked."""
    with pair.b.wired.node.database.read() as tx:
        view = pair.b.wired.node.law.view(tx)
    identity, now = pair.a.wired.node.identity, pair.clock.now()
    assert identity.authority is not None
    envelope = sign_instrument(
        InstrumentDraft(
            member=XA,
            serial=9,
            issued=now,
            treaty=None,
            body=Revocation(keys=(identity.node.public,)),
        ),
        identity.authority,
    )
    revocation = open_instrument(envelope, identity.authority.public)
    only_letter = replace(view, instruments=InstrumentSet())
    assert only_letter.keys(XA, KeyPurpose.NODE, now) == (identity.node.public,)
    revoked = replace(view, instruments=InstrumentSet([revocation]))
    assert revoked.keys(XA, KeyPurpose.NODE, now) == ()
    assert revoked.keys(XA, KeyPurpose.LOG, now) == (identity.log.public,)
