"""Two members with the same question learn so from what each gave the other, and nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foedus.model.identifiers import MemberId
from foedus.node.deconflict import SHARED
from foedus.node.disclose import disclose
from foedus.node.hits import dismiss_hit

if TYPE_CHECKING:
    from tests.unit.node.conftest import Member, Trio

XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")
PURPOSES = frozenset({"warning"})


def held(trio: Trio, member: Member, number: int, value: str = "same.example") -> int:
    [handle] = member.held(trio.indicator(number, value), purposes=PURPOSES)
    return handle


def give(trio: Trio, giver: Member, item: int, taker: Member) -> None:
    wired = giver.wired
    wish = trio.wish("warning", recipients=(taker.name,))
    [done] = disclose(wired.node, trio.user("ada"), wired.gate, [item], wish)
    assert done.given == 1
    trio.pull(taker, giver)


def told(member: Member) -> dict[str, str]:
    found = member.read(lambda tx: list(tx.alarms.open()))
    return {each.subject: each.text for each in found if each.code == SHARED}


def test_both_learn_so_once_each_gave_it_to_the_other(trio: Trio) -> None:
    ours, theirs = held(trio, trio.a, 1), held(trio, trio.b, 2)
    give(trio, trio.a, ours, trio.b)
    assert (told(trio.a), told(trio.b)) == ({}, {}), "XA does not know that XB has it"
    give(trio, trio.b, theirs, trio.a)
    assert set(told(trio.a)) == {XB}
    assert set(told(trio.b)) == {XA}
    assert "same.example" not in told(trio.a)[XB] + told(trio.b)[XA]
    [hit] = trio.a.read(lambda tx: tx.hits.page(states=frozenset(), after=0, limit=9))
    assert trio.a.read(lambda tx: tx.onward.shared_of([hit.number])) == {hit.number: [XB]}


def test_what_a_third_gave_is_told_to_neither(trio: Trio) -> None:
    """XB has the selector from XA and from XC; neither learns of the other through XB."""
    give(trio, trio.a, held(trio, trio.a, 1), trio.b)
    give(trio, trio.c, held(trio, trio.c, 3), trio.b)
    assert [told(each) for each in trio.members.values()] == [{}, {}, {}]


def test_another_selector_is_another_matter(trio: Trio) -> None:
    give(trio, trio.a, held(trio, trio.a, 1), trio.b)
    give(trio, trio.b, held(trio, trio.b, 2, "other.example"), trio.a)
    assert (told(trio.a), told(trio.b)) == ({}, {})


def test_it_ends_when_no_live_hit_is_shared(trio: Trio) -> None:
    give(trio, trio.a, held(trio, trio.a, 1), trio.b)
    give(trio, trio.b, held(trio, trio.b, 2), trio.a)
    dismiss_hit(trio.a.wired.node, trio.user("ann"), 1, "another shop")
    assert told(trio.a) == {}
    assert set(told(trio.b)) == {XA}, "each answers for itself"
