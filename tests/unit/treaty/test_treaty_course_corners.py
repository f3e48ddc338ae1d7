"""The course of a treaty in the corners where a wrong rule would show nowhere else."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from foedus.model.identifiers import MemberId, TreatyId
from foedus.signing.keys import SigningKey
from foedus.treaty.articles import EntryCondition, Share
from foedus.treaty.in_force import Stage, status
from foedus.treaty.instrument import (
    Accession,
    Admission,
    Amendment,
    Declaration,
    Denunciation,
    Form,
    Ratification,
    Signature,
)
from foedus.treaty.timeline import What, timeline

if TYPE_CHECKING:
    from tests.unit.treaty.conftest import World

XA = MemberId("XA")
FORGER = SigningKey.from_seed(hashlib.sha256(b"XA forged").digest())


def test_a_forger_who_repeats_a_members_own_words_voids_nothing(world: World) -> None:
    """The id follows from the words, so the forged instrument has that of the true one."""
    held = world.bound()
    words = Ratification(
        form=Form.RATIFICATION,
        reservations=(),
        recognises=tuple(world.treaty.offences),
    )
    repeated = world.instrument("XA", words, 1, serial=2, key=FORGER)
    other = world.instrument("XA", Signature(), 2, serial=2, key=FORGER)
    assert repeated.id in {one.id for one in held}
    found = status(world.treaty, [*held, repeated, other], world.instant(3)).members[XA]
    assert found.stage is Stage.PARTY
    assert found.since == world.instant(1)
    assert len(found.notes) == 2
    assert all("key the annex does not list" in note for note in found.notes)


def test_who_leaves_at_one_instant_is_told_in_order_of_name(world: World) -> None:
    held = world.bound()
    for member in ("XD", "XB", "XF", "XA", "XC", "XE"):
        held.append(world.instrument(member, Denunciation(), 2))
    told = [event.member for event in timeline(world.treaty, held) if event.what is What.LEFT]
    assert told == ["XA", "XB", "XC", "XD", "XE", "XF"]


def test_a_third_instrument_under_one_serial_shows_only_from_its_own_instant(
    world: World,
) -> None:
    """What is issued later must not show in what is said of an earlier instant."""
    held = world.bound()
    for hour in (3, 4, 6):
        body = Declaration(text=f"Words of {hour}.", recognises=(), definitions=())
        held.append(world.instrument("XA", body, hour, serial=9))
    notes = {
        hour: status(world.treaty, held, world.instant(hour)).members[XA].notes
        for hour in (3, 5, 6)
    }
    assert notes == {
        3: (),
        5: ("serial 9: 2 different instruments bear it; none counts",),
        6: (
            "serial 9: 2 different instruments bear it; none counts",
            "serial 9: yet another instrument bears it; none counts",
        ),
    }
    voided = [event.at for event in timeline(world.treaty, held) if event.what is What.VOIDED]
    assert voided == [world.instant(4), world.instant(4), world.instant(6)]
    before = status(world.treaty, held[:-1], world.instant(5))
    assert status(world.treaty, held, world.instant(5)).members == before.members


def test_who_is_admitted_at_one_instant_is_told_in_order_of_name(world: World) -> None:
    held = world.bound()
    for member in ("XA", "XB", "XC", "XD", "XE", "XF"):
        for candidate in ("NZ", "NY"):
            body = Admission(
                candidate=MemberId(candidate), name=candidate, authority=FORGER.public.fingerprint
            )
            held.append(world.instrument(member, body, 2))
    told = [event.member for event in timeline(world.treaty, held) if event.what is What.ADMITTED]
    assert told == ["NY", "NZ"]


def test_what_is_adopted_at_one_instant_is_told_in_order_of_id(world: World) -> None:
    held = world.bound()
    for member in ("XA", "XB", "XC", "XD"):
        for text in ("cd" * 32, "ab" * 32):
            held.append(world.instrument(member, Amendment(successor=TreatyId(text)), 2))
    told = [event.detail for event in timeline(world.treaty, held) if event.what is What.AMENDED]
    assert told == ["ab" * 32, "cd" * 32]


def test_of_two_keys_that_enough_parties_named_the_first_in_order_counts(world: World) -> None:
    """Only a share of half or less lets two keys through; the answer must not depend on arrival."""
    lively = replace(
        world.treaty,
        entry=EntryCondition(ratifications=2, delay=timedelta(0)),
        clauses=replace(world.treaty.clauses, accession=Share.AS_ENTRY),
    )
    other = SigningKey.from_seed(hashlib.sha256(b"NY").digest())
    low, high = sorted((FORGER.public.fingerprint, other.public.fingerprint))
    held = world.bound()
    for member, named in (("XA", high), ("XB", high), ("XC", low), ("XD", low)):
        body = Admission(candidate=MemberId("NY"), name="Newland", authority=named)
        held.append(world.instrument(member, body, 2))
    assert status(lively, held, world.instant(3)).members[MemberId("NY")].authority == low


def test_the_document_of_who_acceded_says_its_name_key_and_what_it_accepts(world: World) -> None:
    """Nothing else names them: the annex lists only the original members."""
    held = world.bound()
    new = SigningKey.from_seed(hashlib.sha256(b"NY").digest())
    admission = Admission(
        candidate=MemberId("NY"), name="Newland", authority=new.public.fingerprint
    )
    for member in ("XA", "XB", "XC", "XD", "XE", "XF"):
        held.append(world.instrument(member, admission, 2))
    consent = Accession(reservations=(), recognises=("financing",))
    held.append(world.instrument("NY", consent, 3, key=new))
    held.append(world.instrument("NY", Amendment(successor=TreatyId("ab" * 32)), 4, key=new))
    members = status(world.treaty, held, world.instant(5)).document()["members"]
    assert isinstance(members, list)
    assert members[0] == {
        "member": "NY",
        "stage": "party",
        "since": "2026-11-24T13:00:00.000000Z",
        "reserved": [],
        "recognises": ["financing"],
        "notes": [],
        "blocked": None,
        "acceded": True,
        "name": "Newland",
        "authority": new.public.fingerprint,
        "accepted": ["ab" * 32],
    }
    assert isinstance(members[1], dict)
    assert not members[1].keys() & {"name", "authority", "acceded", "accepted"}
