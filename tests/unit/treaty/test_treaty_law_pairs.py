"""The law of a pair to the last detail: what a wrong rule would change and nothing else shows."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from foedus.canonical import JSONValue, canonical_bytes
from foedus.model.identifiers import ArticleId, MemberId, TreatyId
from foedus.treaty.in_force import PairLaw, law_between, superseded
from foedus.treaty.instrument import Amendment, Declaration

if TYPE_CHECKING:
    from tests.unit.treaty.conftest import World

XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")
NEW = TreatyId("ab" * 32)
NEWER = TreatyId("cd" * 32)


def defined(text: str) -> Declaration:
    return Declaration(text=None, recognises=(), definitions=(("financing", text),))


def test_the_reason_is_the_same_in_both_directions(world: World) -> None:
    """Neither has signed: the first in order of name is told, whoever asks."""
    held = world.bound(["XC", "XD", "XE", "XF"])
    there = law_between(world.treaty, held, XA, XB, world.instant(2))
    back = law_between(world.treaty, held, XB, XA, world.instant(2))
    assert there.why_not == back.why_not
    assert there.why_not.startswith("XA ")


def test_amendments_are_named_in_order(world: World) -> None:
    held = world.bound()
    texts = [TreatyId(digits * 32) for digits in ("cd", "ab", "99", "ef", "01", "5a")]
    for member in ("XA", "XB", "XC", "XD"):
        held += [world.instrument(member, Amendment(successor=text), 2) for text in texts]
    law = law_between(world.treaty, held, XA, XB, world.instant(3))
    assert law.amended_by == tuple(sorted(texts))


def test_the_digest_is_that_of_the_document_described(world: World) -> None:
    held = world.bound()
    held += [
        world.instrument(member, defined(f"Act of {member}."), 2) for member in ("XA", "XB", "XC")
    ]
    law = law_between(world.treaty, held, XB, XA, world.instant(3))
    document: JSONValue = {
        "v": 1,
        "treaty": world.treaty.id,
        "pair": ["XA", "XB"],
        "articles": [*sorted(article.id for article in world.treaty.articles)],
        "recognised": [*sorted(world.treaty.offences)],
        "definitions": {"financing": {"XA": "Act of XA.", "XB": "Act of XB."}},
    }
    assert law.digest == hashlib.sha256(canonical_bytes(document)).hexdigest()


def test_definitions_are_listed_in_order(world: World) -> None:
    held = world.bound()
    for member in ("XA", "XB"):
        body = Declaration(
            text=None,
            recognises=(),
            definitions=tuple((offence, "As here.") for offence in sorted(world.treaty.offences)),
        )
        held.append(world.instrument(member, body, 2))
    law = law_between(world.treaty, held, XA, XB, world.instant(3))
    assert list(law.definitions) == sorted(world.treaty.offences)


def amended(world: World) -> PairLaw:
    held = world.bound()
    held += [world.instrument(member, defined("An Act."), 2) for member in ("XA", "XB")]
    held += [
        world.instrument(member, Amendment(successor=NEW), 3) for member in ("XA", "XB", "XC", "XD")
    ]
    return law_between(world.treaty, held, XA, XB, world.instant(4))


def test_a_law_that_was_superseded_holds_nothing(world: World) -> None:
    old = amended(world)
    assert old.binds
    assert old.definitions
    new = replace(old, treaty=NEW, amended_by=(), valid_until=world.instant(9))
    ended = superseded(old, {NEW: new})
    assert not ended.binds
    assert ended.articles == ended.recognised == frozenset()
    assert not ended.definitions
    assert ended.digest != old.digest
    assert ended.valid_until == world.instant(9)


def test_only_the_text_that_was_accepted_supersedes(world: World) -> None:
    old = amended(world)
    new = replace(old, treaty=NEW, amended_by=())
    assert superseded(old, {NEWER: replace(new, treaty=NEWER)}) == old
    assert superseded(old, {NEW: replace(new, treaty=NEWER)}) == old
    assert superseded(old, {NEW: replace(new, binds=False)}) == old
    assert superseded(old, {}) == old


def test_a_third_text_beside_the_one_in_force_ends_nothing_more(world: World) -> None:
    """Of two adopted texts one binds the two; that one is enough, in whatever order."""
    old = replace(amended(world), amended_by=(NEW, NEWER))
    none = replace(old, treaty=NEW, binds=False, amended_by=())
    new = replace(old, treaty=NEWER, amended_by=())
    assert not superseded(old, {NEW: none, NEWER: new}).binds
    assert "cdcdcdcdcdcd governs them" in superseded(old, {NEW: none, NEWER: new}).why_not


def test_who_reserves_is_told_even_where_the_treaty_does_not_bind(world: World) -> None:
    held = [
        *world.bound(["XA", "XC", "XD", "XE"]),
        world.signature("XB", 0),
        world.ratification("XB", 1, reserve=["8"]),
    ]
    early = law_between(world.treaty, held, XA, XB, world.instant(0.5))
    late = law_between(world.treaty, held, XA, XB, world.instant(2))
    assert not early.binds
    assert early.reserved == {}
    assert late.reserved == {ArticleId("8"): (XB,)}
