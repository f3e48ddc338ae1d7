"""The timeline, the table of pairs and what survives a denunciation."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING

from foedus.canonical import canonical_bytes
from foedus.model.identifiers import ArticleId, MemberId, TreatyId
from foedus.signing.envelope import sign_envelope
from foedus.signing.keys import SigningKey
from foedus.treaty.in_force import status
from foedus.treaty.instrument import (
    INSTRUMENT_TYPE,
    Accession,
    Admission,
    Amendment,
    Denunciation,
    Instrument,
    Objection,
    Revocation,
    Signature,
    Suspension,
    Withdrawal,
    open_instrument,
)
from foedus.treaty.pair_table import pair_table
from foedus.treaty.residual import residual, residual_articles
from foedus.treaty.timeline import What, timeline

if TYPE_CHECKING:
    from tests.unit.treaty.conftest import World

XA, XB, XC, XD, XE = (MemberId(f"X{letter}") for letter in "ABCDE")
NEW = MemberId("NY")
NOTICE = 180 * 24


def key_of(name: str) -> SigningKey:
    return SigningKey.from_seed(hashlib.sha256(name.encode()).digest())


def told(world: World, held: list[Instrument]) -> list[tuple[float, str | None, What]]:
    return [
        ((one.at - world.instant(0)).total_seconds() / 3600, one.member, one.what)
        for one in timeline(world.treaty, held)
    ]


def test_timeline_of_a_founding(world: World) -> None:
    assert told(world, world.bound(["XA", "XB", "XC", "XD"])) == [
        *((0, name, What.SIGNED) for name in (XA, XB, XC, XD)),
        *((1, name, What.RATIFIED) for name in (XA, XB, XC, XD)),
        (1, None, What.IN_FORCE),
        *((1, name, What.PARTY) for name in (XA, XB, XC, XD)),
    ]


def test_timeline_of_everything_else(world: World) -> None:
    held = world.bound(["XA", "XB", "XC", "XD"])
    start = len(told(world, held))
    other = TreatyId("ab" * 32)
    key = key_of("node").public
    authority = key_of(NEW).public.fingerprint
    four = ["XA", "XB", "XC", "XD"]
    held.append(world.full_powers("XA", 2))
    held.append(world.instrument("XA", Revocation(keys=(key,)), 3))
    like = world.signature("XA", 4, serial=50).envelope.payload
    payload = like.replace(b'"kind":"signature"', b'"kind":"proclamation"')
    envelope = sign_envelope(payload, INSTRUMENT_TYPE, key_of("XA"))
    held.append(open_instrument(envelope, key_of("XA").public))
    held.append(world.instrument("XB", Signature(), 5, key=key_of("XA")))
    held.append(
        world.instrument("XB", Objection(to=XA, articles=(ArticleId("8"),), opposing=True), 6)
    )
    said = Admission(candidate=NEW, name="Newland", authority=authority)
    held += [world.instrument(one, said, 7) for one in four]
    held.append(world.instrument(NEW, Accession(reservations=(), recognises=()), 8))
    held += [world.instrument(one, Amendment(successor=other), 9) for one in four]
    held += [world.instrument(one, Suspension(of=NEW, until=None), 10) for one in four]
    held.append(world.instrument("XA", Withdrawal(of=held[-4].id, articles=()), 11))
    held.append(world.instrument("XD", Denunciation(), 12))
    held.append(world.instrument("XC", Signature(), 13, serial=60))
    held.append(world.instrument("XC", Signature(), 14, serial=60))
    events = told(world, held)[start:]
    assert events == [
        (2, XA, What.FULL_POWERS),
        (3, XA, What.REVOKED),
        (4, XA, What.NOT_UNDERSTOOD),
        (5, XB, What.NO_EFFECT),
        (6, XB, What.NO_EFFECT),
        *((7, one, What.ADMISSION_AGREED) for one in (XA, XB, XC, XD)),
        (7, NEW, What.ADMITTED),
        (8, NEW, What.ACCEDED),
        (8, NEW, What.PARTY),
        *((9, one, What.AMENDMENT_ACCEPTED) for one in (XA, XB, XC, XD)),
        (9, None, What.AMENDED),
        *((10, one, What.SUSPENSION_AGREED) for one in (XA, XB, XC, XD)),
        (10, NEW, What.SUSPENDED),
        (11, XA, What.WITHDREW),
        (11, NEW, What.RESUMED),
        (12, XD, What.DENOUNCED),
        (13, XC, What.SIGNED),
        (14, XC, What.VOIDED),
        (14, XC, What.VOIDED),
        (12 + NOTICE, XD, What.LEFT),
    ]
    by_what = {one.what: one for one in timeline(world.treaty, held)}
    assert by_what[What.AMENDED].detail == other
    assert by_what[What.NOT_UNDERSTOOD].detail == "the kind 'proclamation' is not known"
    assert by_what[What.IN_FORCE].instrument is None
    assert by_what[What.DENOUNCED].instrument == held[-3].id
    assert by_what[What.LEFT].instrument == held[-3].id
    assert "none counts" in by_what[What.VOIDED].detail


def test_timeline_tells_of_no_other_treaty(world: World) -> None:
    other = TreatyId("cd" * 32)
    held = [world.instrument("XA", Signature(), hour, serial=7, treaty=other) for hour in (1, 2)]
    assert told(world, held) == []


def test_pair_table_says_what_the_law_of_each_pair_says(world: World) -> None:
    held = world.bound(["XA", "XB", "XC"])
    held += [world.signature("XD", 0), world.ratification("XD", 1, reserve=["8", "10"])]
    held.append(world.signature("XE", 1))
    opposing = Objection(to=XD, articles=(ArticleId("8"),), opposing=True)
    simple = Objection(to=XD, articles=(ArticleId("8"),), opposing=False)
    held += [world.instrument("XA", opposing, 2), world.instrument("XB", simple, 2)]
    table = pair_table(world.treaty, held, world.instant(3))
    assert table.cells(XB, XD)[ArticleId("8")] == "reserved by XD"
    assert table.cells(XB, XD)[ArticleId("7")] == ""
    assert set(table.cells(XA, XD).values()) == {table.law(XA, XD).why_not}
    assert "opposes" in table.law(XD, XA).why_not
    assert set(table.cells(XA, XE).values()) == {"XE has signed but not ratified"}
    assert table.rows[XA].opposes == {XD}
    assert table.rows[XB].opposes == frozenset()
    assert table.rows[XD].reserved == {"8", "10"}
    assert [row.bound for row in table.rows.values()] == [True, True, True, True, False, False]
    assert len(table.rows) == 6


def test_pair_table_as_a_document(world: World) -> None:
    blocked = world.signature("XA", 2, serial=9).envelope.payload.replace(b"signature", b"salute")
    envelope = sign_envelope(blocked, INSTRUMENT_TYPE, key_of("XA"))
    held = [*world.bound(["XA", "XB", "XC", "XD"])]
    held.append(open_instrument(envelope, key_of("XA").public))
    document = pair_table(world.treaty, held, world.instant(2)).document()
    assert (document["in_force"], document["suspended"]) == (True, False)
    rows = document["members"]
    assert isinstance(rows, list)
    assert rows[:2] == [
        {
            "member": name,
            "bound": name != "XA",
            "reserved": [],
            "recognises": sorted(world.treaty.offences),
            "opposes": [],
        }
        for name in ("XA", "XB")
    ]
    # One row a member, none a pair.
    assert len(canonical_bytes(document)) < 3_000
    empty = pair_table(world.treaty, [], world.instant(0)).document()
    assert empty["in_force"] is False
    four = [world.instrument(one, Suspension(of=None, until=None), 3) for one in ("XA", "XB")]
    four += [world.instrument(one, Suspension(of=None, until=None), 3) for one in ("XC", "XD")]
    assert pair_table(world.treaty, [*held, *four], world.instant(3)).document()["suspended"]


def test_residual_duties(world: World) -> None:
    held = [*world.bound(), world.instrument("XA", Denunciation(), 10)]
    assert residual(world.treaty, held, world.instant(9), XA) is None
    assert residual(world.treaty, held, world.instant(10), XB) is None
    assert residual(world.treaty, held, world.instant(10), NEW) is None
    running = residual(world.treaty, held, world.instant(10), XA)
    assert running is not None
    assert running.member == XA
    assert running.articles == ("3", "4", "16", "17", "18", "19", "20", "21", "22")
    assert (running.since, running.deadline) == (world.instant(10), world.instant(10 + NOTICE))
    assert not running.in_effect
    gone = residual(world.treaty, held, world.instant(10 + NOTICE), XA)
    assert gone == dataclasses.replace(running, in_effect=True)


def test_residual_articles_by_default_are_those_that_admit_no_reservation(world: World) -> None:
    clauses = dataclasses.replace(world.treaty.clauses, residual=None)
    treaty = dataclasses.replace(world.treaty, clauses=clauses)
    assert residual_articles(treaty) == tuple(
        article.id for article in treaty.articles if not article.reservable
    )
    none = dataclasses.replace(clauses, residual=())
    assert residual_articles(dataclasses.replace(treaty, clauses=none)) == ()


def test_timeline_and_status_agree(world: World) -> None:
    held = [*world.bound(), world.instrument("XA", Denunciation(), 10)]
    left = [one for one in timeline(world.treaty, held) if one.what is What.LEFT]
    found = status(world.treaty, held, left[0].at).members[XA]
    assert found.since == left[0].at
