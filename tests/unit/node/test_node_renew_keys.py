"""New full powers for a node's present keys: a witness key made later, a key that was revoked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from foedus.access import AccessDeniedError, Actor, Role
from foedus.compose import create_node, open_node
from foedus.model.identifiers import MemberId
from foedus.node.doctor import FAULT, GOOD, NOTE, examine
from foedus.node.errors import NotFoundError, NotReadyError, RefusedError
from foedus.node.keys import list_keys, revoke_keys
from foedus.node.renew_keys import accept_powers, may_renew, renew_keys
from foedus.settings import make_key, write_settings
from foedus.signing import KeyPurpose, PublicKey

if TYPE_CHECKING:
    from tests.unit.node.conftest import Member, Pair

XA = MemberId("XA")
ADMIN = Actor(user="admin", roles=frozenset({Role.ADMINISTRATOR}))
ANALYST = Actor(user="ada", roles=frozenset({Role.ANALYST}))


def reopen(pair: Pair, member: Member) -> None:
    """Start a node anew, as after a restart of `foedus serve`."""
    member.wired.close()
    member.wired = open_node(member.wired.settings, clock=pair.clock)


def wait(pair: Pair) -> None:
    pair.clock.instant += timedelta(minutes=1)


def renew(pair: Pair, member: Member, *names: str) -> bytes:
    """Make keys anew and name them; return what a file of it holds."""
    wait(pair)
    making = {KeyPurpose(name) for name in names}
    may_renew(member.wired.node, ADMIN, making)
    for name in names:
        make_key(member.wired.settings, name)
    reopen(pair, member)
    _, document = renew_keys(member.wired.node, ADMIN, member.wired.gate)
    return document.raw


def keys_at(pair: Pair, member: Member, purpose: KeyPurpose) -> tuple[PublicKey, ...]:
    """Return which keys of XA speak, as a member knows it."""
    node = member.wired.node
    return member.read(lambda tx: node.law.view(tx).keys(XA, purpose, pair.clock.now()))


def finding(member: Member, subject: str) -> tuple[str, str]:
    found = examine(member.wired.node, member.wired.ledger)
    return next((each.level, each.text) for each in found if each.subject == subject)


def test_a_new_node_has_a_witness_key_that_its_full_powers_name(pair: Pair) -> None:
    identity = pair.a.wired.node.identity
    assert identity.witness is not None
    assert len({each.public for each in (identity.node, identity.log, identity.witness)}) == 3
    for member in (pair.a, pair.b):
        assert keys_at(pair, member, KeyPurpose.WITNESS) == (identity.witness.public,)
    assert finding(pair.a, "witness key") == (GOOD, "named by our full powers")


def test_a_node_of_before_there_were_witnesses_gets_its_key_later(pair: Pair) -> None:
    (pair.a.wired.settings.keys / "witness.key").unlink()
    reopen(pair, pair.a)
    assert pair.a.wired.node.identity.witness is None
    level, text = finding(pair.a, "witness key")
    assert level == NOTE
    assert "`foedus keys renew` makes one" in text
    done = pair.a.disclose(pair.a.held(pair.indicator(1, "bad.example")), pair.treaty)
    assert sum(batch.items for batch in done.sent) == 1, "everything else goes on"

    renew(pair, pair.a, "witness")
    pair.pull(pair.b)
    identity = pair.a.wired.node.identity
    assert identity.witness is not None
    assert keys_at(pair, pair.b, KeyPurpose.WITNESS) == (identity.witness.public,)
    assert finding(pair.a, "witness key")[0] == GOOD


def test_a_stolen_witness_key_is_revoked_and_another_made(pair: Pair) -> None:
    old = pair.a.wired.node.identity.witness
    assert old is not None
    node, gate = pair.a.wired.node, pair.a.wired.gate
    wait(pair)
    with pytest.raises(RefusedError, match="foedus keys renew --new"):
        revoke_keys(node, pair.a.actor, gate, [old.public.key_id])
    revoke_keys(node, pair.a.actor, gate, [old.public.key_id], own=True)
    assert finding(pair.a, "witness key")[0] == FAULT
    wait(pair)
    with pytest.raises(RefusedError, match="replace it with `foedus keys renew --new witness`"):
        renew_keys(node, ADMIN, gate)
    renew(pair, pair.a, "witness")
    pair.pull(pair.b)
    new = pair.a.wired.node.identity.witness
    assert new is not None
    assert new.public != old.public
    assert keys_at(pair, pair.b, KeyPurpose.WITNESS) == (new.public,)
    states = {
        (line.key, line.state)
        for line in pair.b.read(lambda tx: list_keys(tx, pair.b.wired.node, XA))
        if line.purpose is KeyPurpose.WITNESS
    }
    assert states == {(old.public, "revoked"), (new.public, "speaks")}


def test_a_new_node_key_is_believed_once_its_full_powers_came_by_another_way(pair: Pair) -> None:
    old = pair.a.wired.node.identity.node.public
    handles = pair.a.held(pair.indicator(1, "bad.example"), pair.indicator(2, "worse.example"))
    pair.a.disclose(handles[:1], pair.treaty)  # not pulled yet: signed with the old key
    wait(pair)
    revoke_keys(pair.a.wired.node, pair.a.actor, pair.a.wired.gate, [old.key_id], own=True)
    file = renew(pair, pair.a, "node")
    new = pair.a.wired.node.identity.node.public
    assert finding(pair.a, "node key")[0] == GOOD
    pair.a.disclose(handles[1:], pair.treaty)

    assert all(lane.fault.startswith("signature") for lane in pair.pull(pair.b).lanes)
    assert keys_at(pair, pair.b, KeyPurpose.NODE) == (old,), "the page that tells it is refused"
    told = accept_powers(pair.b.wired.node, ADMIN, file)
    assert (told.member, told.treaty) == (XA, None)
    assert keys_at(pair, pair.b, KeyPurpose.NODE) == (new,)
    assert accept_powers(pair.b.wired.node, ADMIN, file).id == told.id, "safe to repeat"
    pulled = pair.pull(pair.b)
    assert [lane.fault for lane in pulled.lanes] == [""] * len(pulled.lanes)
    assert sum(lane.accepted for lane in pulled.lanes if lane.lane == "bulk") == 2


def test_nothing_is_renewed_that_would_say_nothing_new(pair: Pair) -> None:
    wait(pair)
    node, gate = pair.a.wired.node, pair.a.wired.gate
    with pytest.raises(RefusedError, match="name exactly these keys and this address already"):
        renew_keys(node, ADMIN, gate)
    moved = replace(pair.a.wired.settings, address="https://elsewhere.example")
    write_settings(moved)
    pair.a.wired.close()
    pair.a.wired = open_node(moved, clock=pair.clock)
    renew_keys(pair.a.wired.node, ADMIN, pair.a.wired.gate)
    pair.pull(pair.b)
    powers = pair.b.read(lambda tx: pair.b.wired.node.law.view(tx).powers(XA, pair.clock.now()))
    assert powers is not None
    assert powers.address == "https://elsewhere.example"


def test_a_revoked_log_key_is_not_made_anew_here(pair: Pair) -> None:
    wait(pair)
    key = pair.a.wired.node.identity.log.public.key_id
    revoke_keys(pair.a.wired.node, pair.a.actor, pair.a.wired.gate, [key], own=True)
    with pytest.raises(RefusedError, match="its log is closed and another begun"):
        may_renew(pair.a.wired.node, ADMIN, {KeyPurpose.NODE, KeyPurpose.WITNESS})


def test_who_may_renew_and_where(pair: Pair) -> None:
    node, gate = pair.a.wired.node, pair.a.wired.gate
    with pytest.raises(AccessDeniedError):
        may_renew(node, ANALYST)
    with pytest.raises(AccessDeniedError):
        renew_keys(node, ANALYST, gate)
    with pytest.raises(AccessDeniedError):
        accept_powers(node, ANALYST, b"{}")
    (pair.a.wired.settings.keys / "authority.key").unlink()
    reopen(pair, pair.a)
    with pytest.raises(NotReadyError, match="authority key is not on this machine"):
        may_renew(pair.a.wired.node, ADMIN)


def test_a_file_is_believed_for_its_authority_alone(pair: Pair) -> None:
    node = pair.b.wired.node
    for raw in (b"", b"{}", b"no JSON", b"\xff"):
        with pytest.raises(RefusedError, match="holds no full powers"):
            accept_powers(node, ADMIN, raw)
    [signature] = [
        each
        for each in pair.a.read(pair.a.wired.node.law.view).instruments.of(XA)
        if each.serial == 2
    ]
    document = pair.a.read(pair.a.wired.node.law.view).documents[signature.id]
    with pytest.raises(RefusedError, match="another instrument"):
        accept_powers(node, ADMIN, document.raw)
    file = renew(pair, pair.a, "witness")
    place = file.index(b'"sig":"') + len(b'"sig":"')
    other = b"B" if file[place : place + 1] != b"B" else b"C"
    forged = file[:place] + other + file[place + 1 :]
    with pytest.raises(RefusedError, match="these full powers are refused"):
        accept_powers(node, ADMIN, forged)


def test_full_powers_of_a_stranger_are_not_taken(pair: Pair, tmp_path: Path) -> None:
    name = MemberId("XC")
    settings = replace(pair.a.wired.settings, data=tmp_path / "c", member=name)
    stranger = create_node(settings, user="admin", clock=pair.clock)
    with stranger.node.database.read() as tx:
        view = stranger.node.law.view(tx)
    stranger.close()
    [own] = view.instruments.of(name)
    with pytest.raises(NotFoundError, match="no member XC is introduced here"):
        accept_powers(pair.b.wired.node, ADMIN, view.documents[own.id].raw)
