"""What binds whom: single members, entry into force, pairs, keys."""

from __future__ import annotations

import dataclasses
import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from foedus.canonical import JSONValue, canonical_bytes
from foedus.model.identifiers import ArticleId, MemberId, TreatyId
from foedus.signing.envelope import sign_envelope
from foedus.signing.keyring import KeyPurpose
from foedus.signing.keys import SigningKey
from foedus.treaty.articles import EntryCondition
from foedus.treaty.in_force import (
    InstrumentSet,
    PairLaw,
    Stage,
    keys_of,
    law_between,
    powers_of,
    status,
)
from foedus.treaty.instrument import (
    INSTRUMENT_TYPE,
    FullPowers,
    Instrument,
    Signature,
    open_instrument,
)

if TYPE_CHECKING:
    from tests.unit.treaty.conftest import World

XA, XB, XC, XD, XE, XF = (MemberId(f"X{letter}") for letter in "ABCDEF")


def key_of(name: str) -> SigningKey:
    return SigningKey.from_seed(hashlib.sha256(name.encode()).digest())


def law(world: World, held: list[Instrument], pair: str, hours: float) -> PairLaw:
    sender, recipient = (MemberId(f"X{letter}") for letter in pair)
    return law_between(world.treaty, held, sender, recipient, world.instant(hours))


def unknown(world: World, member: str, hours: float, serial: int) -> Instrument:
    """An instrument of a kind that only a later version understands."""
    like = world.signature(member, hours, serial=serial).envelope.payload
    payload = like.replace(b'"kind":"signature"', b'"kind":"proclamation"')
    envelope = sign_envelope(payload, INSTRUMENT_TYPE, key_of(member))
    return open_instrument(envelope, key_of(member).public)


# One member


def test_stages_of_a_member(world: World) -> None:
    held = [world.signature("XA", 1), world.ratification("XA", 2), *world.bound(["XB", "XC"])]
    held += [world.signature("XD", 3), world.ratification("XD", 4)]
    found = {
        hours: status(world.treaty, held, world.instant(hours)).members[XA]
        for hours in (0, 1, 2, 4)
    }
    assert [one.stage for one in found.values()] == [
        Stage.NONE,
        Stage.SIGNATORY,
        Stage.RATIFIED,
        Stage.PARTY,
    ]
    assert [one.since for one in found.values()] == [
        None,
        world.instant(1),
        world.instant(2),
        world.instant(4),
    ]
    assert found[1].recognises == frozenset()
    assert found[2].recognises == world.treaty.offences.keys()


CASES_WITHOUT_EFFECT = {
    "ratified before signing": "lodged before a signature",
    "reserved an article that admits none": "Article '16' admits no reservation",
    "reserved an article that does not exist": "Article '99' admits no reservation",
}


@pytest.mark.parametrize("case", CASES_WITHOUT_EFFECT)
def test_ratification_without_effect(world: World, case: str) -> None:
    held = {
        "ratified before signing": lambda: [
            world.ratification("XA", 1),
            world.signature("XA", 2),
        ],
        "reserved an article that admits none": lambda: [
            world.signature("XA", 1),
            world.ratification("XA", 2, reserve=["16", "8"]),
        ],
        "reserved an article that does not exist": lambda: [
            world.signature("XA", 1),
            world.ratification("XA", 2, reserve=["99"]),
        ],
    }[case]()
    found = status(world.treaty, held, world.instant(3)).members[XA]
    assert found.stage is Stage.SIGNATORY
    assert found.reserved == frozenset()
    assert any(CASES_WITHOUT_EFFECT[case] in note for note in found.notes)
    # Lodged anew, it has effect from then on.
    held.append(world.ratification("XA", 4, reserve=["8"]))
    found = status(world.treaty, held, world.instant(4)).members[XA]
    assert (found.stage, found.since) == (Stage.RATIFIED, world.instant(4))
    assert found.reserved == {"8"}


def test_signature_with_the_ratification(world: World) -> None:
    held = [world.signature("XA", 1), world.ratification("XA", 1)]
    assert status(world.treaty, held, world.instant(1)).members[XA].stage is Stage.RATIFIED


def test_signature_of_another_treaty_does_not_count(world: World) -> None:
    other = world.instrument("XA", Signature(), 0, treaty=TreatyId("0" * 64))
    held = [other, world.ratification("XA", 1)]
    assert status(world.treaty, held, world.instant(1)).members[XA].stage is Stage.NONE


def test_key_the_annex_does_not_list(world: World) -> None:
    held = world.bound()
    forged = [
        world.instrument("XA", Signature(), 2, serial=2, key=key_of("XB")),
        unknown_by_another(world),
    ]
    honest = status(world.treaty, held, world.instant(3))
    found = status(world.treaty, [*held, *forged], world.instant(3))
    # Another authority cannot speak for XA, void what XA said, or block it.
    assert found.members[XA].stage is Stage.PARTY
    assert found.members[XA].blocked is None
    assert "signed by a key the annex does not list" in found.members[XA].notes[0]
    without_notes = dataclasses.replace(found.members[XA], notes=())
    assert without_notes == honest.members[XA]


def unknown_by_another(world: World) -> Instrument:
    payload = unknown(world, "XA", 1, 9).envelope.payload
    envelope = sign_envelope(payload, INSTRUMENT_TYPE, key_of("XB"))
    return open_instrument(envelope, key_of("XB").public)


def test_later_ratification_only_widens(world: World) -> None:
    held = [
        world.signature("XA", 0),
        world.ratification("XA", 1, reserve=["8", "10"], recognise=["financing"]),
        world.ratification("XA", 2, reserve=["10", "11"], recognise=["training", "piracy"]),
    ]
    before = status(world.treaty, held, world.instant(1)).members[XA]
    after = status(world.treaty, held, world.instant(2)).members[XA]
    assert (sorted(before.reserved), sorted(before.recognises)) == (["10", "8"], ["financing"])
    assert (sorted(after.reserved), sorted(after.recognises)) == (
        ["10"],
        ["financing", "training"],
    )
    assert after.since == world.instant(1)
    assert after.notes == (
        "serial 3: the treaty lists no offence 'piracy'",
        "serial 3: Article 11 was not reserved on first ratifying; no effect",
    )


# Conflicts


def test_conflict_voids_both_from_the_second_on(world: World) -> None:
    first = world.ratification("XA", 1, serial=2)
    held = [world.signature("XA", 0, serial=1), first, *world.bound(["XB", "XC", "XD"])]
    second = world.ratification("XA", 5, serial=2, reserve=["8"])
    both = InstrumentSet([*held, second])
    assert status(world.treaty, both, world.instant(4)).members[XA].stage is Stage.PARTY
    after = status(world.treaty, both, world.instant(5))
    assert after.members[XA].stage is Stage.SIGNATORY
    assert after.members[XA].notes == ("serial 2: 2 different instruments bear it; none counts",)
    # The treaty stays in force for the others, though three are fewer than four.
    assert after.in_force_since == world.instant(1)
    assert after.members[XB].stage is Stage.PARTY
    (conflict,) = both.conflicts
    assert (conflict.member, conflict.serial, conflict.since) == (XA, 2, world.instant(5))
    for one in conflict.instruments:
        assert open_instrument(one.envelope, key_of("XA").public) == one
    # Lodged anew under a number of its own, it counts again.
    again = status(
        world.treaty,
        both | InstrumentSet([world.ratification("XA", 6, serial=3)]),
        world.instant(6),
    )
    assert (again.members[XA].stage, again.members[XA].since) == (Stage.PARTY, world.instant(6))


def test_voided_consents_were_never_counted_towards_entry(world: World) -> None:
    held = [*world.bound(["XB", "XC"]), world.signature("XA", 0, serial=1)]
    held += [
        world.ratification("XA", 1, serial=2),
        world.ratification("XA", 2, serial=2, reserve="8"),
    ]
    held += [world.signature("XD", 0), world.ratification("XD", 3)]
    assert status(world.treaty, held, world.instant(4)).in_force_since is None
    held += [world.signature("XE", 0), world.ratification("XE", 4)]
    assert status(world.treaty, held, world.instant(4)).in_force_since == world.instant(4)


def test_same_statement_signed_twice_is_one(world: World) -> None:
    one = world.ratification("XA", 1)
    extra = dataclasses.replace(one.envelope.signatures[0], key_id="")
    wrapped = dataclasses.replace(one.envelope, signatures=(extra, *one.envelope.signatures))
    again = open_instrument(wrapped, key_of("XA").public)
    both = InstrumentSet([one, again])
    assert len(both) == 1
    assert both.conflicts == ()
    assert both.instruments == InstrumentSet([again, one]).instruments
    assert both.digest == InstrumentSet([one]).digest


# Entry into force


def test_entry_into_force_with_delay(world: World) -> None:
    treaty = dataclasses.replace(
        world.treaty, entry=EntryCondition(ratifications=2, delay=timedelta(hours=10))
    )
    held = [world.signature("XA", 0), world.ratification("XA", 1), world.signature("XB", 0)]
    held += [world.ratification("XB", 3), world.signature("XC", 0), world.ratification("XC", 20)]
    assert status(treaty, held, world.instant(2)).next_change == world.instant(3)
    waiting = status(treaty, held, world.instant(12))
    assert waiting.in_force_since is None
    assert waiting.members[XA].stage is Stage.RATIFIED
    assert waiting.next_change == world.instant(13)
    begun = status(treaty, held, world.instant(13))
    assert begun.in_force_since == world.instant(13)
    assert begun.members[XA].since == world.instant(13)
    assert begun.next_change == world.instant(20)
    later = status(treaty, held, world.instant(20))
    assert later.members[XC].stage is Stage.RATIFIED
    assert later.next_change == world.instant(30)
    assert status(treaty, held, world.instant(30)).members[XC].since == world.instant(30)
    assert status(treaty, held, world.instant(30)).next_change is None


def test_three_of_four_is_not_in_force(world: World) -> None:
    held = world.bound(["XA", "XB", "XC"])
    found = law(world, held, "AB", 5)
    assert not found.binds
    assert found.why_not == "the treaty is not in force"
    assert found.articles == frozenset()


# Pairs


def test_reservation_cuts_both_ways(world: World) -> None:
    held = world.bound(["XA", "XB", "XC"])
    held += [world.signature("XD", 0), world.ratification("XD", 1, reserve=["8"])]
    for pair in ("AD", "DA"):
        found = law(world, held, pair, 2)
        assert found.binds
        assert "8" not in found.articles
        assert len(found.articles) == 25
        assert found.reserved == {ArticleId("8"): (XD,)}
    assert "8" in law(world, held, "AB", 2).articles
    assert law(world, held, "AD", 2).digest == law(world, held, "DA", 2).digest
    assert law(world, held, "AD", 2).digest != law(world, held, "AB", 2).digest


def test_both_reserve(world: World) -> None:
    held = world.bound(["XA", "XB"])
    for member in ("XC", "XD"):
        held += [world.signature(member, 0), world.ratification(member, 1, reserve=["8"])]
    assert law(world, held, "DC", 2).reserved == {ArticleId("8"): (XC, XD)}


def test_recognised_by_both(world: World) -> None:
    held = world.bound(["XA", "XB"])
    held += [world.signature("XC", 0), world.ratification("XC", 1, recognise=["financing"])]
    held += [world.signature("XD", 0), world.ratification("XD", 1, recognise=[])]
    assert law(world, held, "AC", 2).recognised == {"financing"}
    assert law(world, held, "AB", 2).recognised == world.treaty.offences.keys()
    assert law(world, held, "AD", 2).recognised == frozenset()
    assert law(world, held, "AD", 2).binds


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        ("AA", "a member is not bound to itself"),
        ("AZ", "XZ is not a member of the treaty"),
        ("EA", "XE has signed but not ratified"),
        ("AF", "XF has not signed"),
        ("AB", ""),
    ],
)
def test_why_not(world: World, pair: str, expected: str) -> None:
    held = [*world.bound(["XA", "XB", "XC", "XD"]), world.signature("XE", 0)]
    found = law(world, held, pair, 2)
    assert found.why_not == expected
    assert found.binds == (not expected)


def test_unknown_instrument_stops_releases_both_ways(world: World) -> None:
    held = [*world.bound(), unknown(world, "XB", 3, 9)]
    assert law(world, held, "AB", 2).binds
    for pair in ("AB", "BA"):
        found = law(world, held, pair, 3)
        assert not found.binds
        assert "serial 9 is not understood: the kind 'proclamation' is not known" in found.why_not
    assert law(world, held, "AC", 3).binds


def test_unknown_instrument_blocks_even_in_conflict(world: World) -> None:
    held = [*world.bound(), unknown(world, "XB", 3, 9), world.signature("XB", 3, serial=9)]
    assert not law(world, held, "AB", 4).binds


def test_future_instruments_are_held(world: World) -> None:
    held = world.bound()
    later = [unknown(world, "XB", 9, 8), world.ratification("XA", 9, serial=2)]
    now, same = law(world, held, "AB", 2), law(world, [*held, *later], "AB", 2)
    assert now.valid_until is None
    assert same.valid_until == world.instant(9)
    assert dataclasses.replace(same, valid_until=None) == now


def test_digest_ignores_what_others_do(world: World) -> None:
    held = world.bound(["XA", "XB", "XC", "XD"])
    before = law(world, held, "AB", 9).digest
    held += [world.signature("XE", 2), world.ratification("XE", 3, reserve=["6"])]
    held += [world.full_powers("XA", 4), unknown(world, "XC", 4, 9)]
    assert law(world, held, "AB", 9).digest == before
    held += [world.ratification("XB", 5, recognise=["financing"])]
    assert law(world, held, "AB", 9).digest == before
    document: JSONValue = {
        "v": 1,
        "treaty": world.treaty.id,
        "pair": ["XA", "XB"],
        "articles": sorted(article.id for article in world.treaty.articles),
        "recognised": sorted(world.treaty.offences),
    }
    assert before == hashlib.sha256(canonical_bytes(document)).hexdigest()


# Keys


def test_newest_full_powers_speak(world: World) -> None:
    first, second = world.full_powers("XA", 1, key="old"), world.full_powers("XA", 5, key="new")
    held = [second, first]
    old, new = (key_of(f"node XA {name}").public for name in ("old", "new"))
    assert keys_of(held, XA, KeyPurpose.NODE, world.instant(0)) == ()
    assert keys_of(held, XA, KeyPurpose.NODE, world.instant(1)) == (old,)
    assert keys_of(held, XA, KeyPurpose.NODE, world.instant(5)) == (new,)
    assert keys_of(held, XA, KeyPurpose.LOG, world.instant(5)) == ()
    assert keys_of(held, XB, KeyPurpose.NODE, world.instant(5)) == ()


def test_revocation_takes_effect_whatever_its_date(world: World) -> None:
    held = [world.full_powers("XA", 3, key="stolen"), world.full_powers("XA", 2, key="new")]
    (key,) = keys_of(held, XA, KeyPurpose.NODE, world.instant(9))
    assert key == key_of("node XA new").public


def test_conflicting_full_powers_revive_nothing(world: World) -> None:
    held = [world.full_powers("XA", 1, key="revoked", serial=1)]
    held += [world.full_powers("XA", 2, key=name, serial=2) for name in ("new", "rival")]
    assert keys_of(held, XA, KeyPurpose.NODE, world.instant(3)) == ()
    held += [world.full_powers("XA", 4, key="third", serial=3)]
    assert len(keys_of(held, XA, KeyPurpose.NODE, world.instant(4))) == 1


def test_full_powers_of_two_authorities(world: World) -> None:
    mine = world.full_powers("XA", 1)
    assert isinstance(mine.body, FullPowers)
    forged = world.instrument("XA", mine.body, 2, key=key_of("XB"))
    authority = key_of("XA").public.fingerprint
    assert powers_of([mine, forged], XA, world.instant(3)) is None
    assert powers_of([mine, forged], XA, world.instant(3), authority=authority) == mine.body


def test_expired_grant(world: World) -> None:
    mine = world.full_powers("XA", 1)
    assert isinstance(mine.body, FullPowers)
    until = dataclasses.replace(mine.body.keys[0], valid_until=world.instant(4))
    held = [world.instrument("XA", dataclasses.replace(mine.body, keys=(until,)), 1)]
    assert len(keys_of(held, XA, KeyPurpose.NODE, world.instant(3))) == 1
    assert keys_of(held, XA, KeyPurpose.NODE, world.instant(4)) == ()
