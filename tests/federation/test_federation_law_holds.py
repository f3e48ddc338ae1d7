"""An item that arrives before the law it was sent under waits, and is never lost or taken twice.

Three real nodes and real HTTP. The third member's ratification brings the treaty into force; one
member hears of it while the other is cut off from its author.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from foedus.model.identifiers import MemberId
from foedus.node.lawbook import read_credence
from foedus.node.ports import ItemFilter, ItemRow, ItemState
from foedus.node.ratify import adopt, ratify, sign
from foedus.treaty.articles import Party
from foedus.treaty.drafting import fill_parties, sample_text

if TYPE_CHECKING:
    from tests.federation.conftest import Bloc, NodeProcess

XA = MemberId("XA")
_DATE = "2026-11-20T08:00:00.000Z"


def sign_of(number: int) -> dict[str, Any]:
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--00000000-0000-4000-9002-{number:012d}",
        "created": _DATE,
        "modified": _DATE,
        "name": f"sign {number}",
        "indicator_types": ["malicious-activity"],
        "pattern": f"[domain-name:value = 'sign{number}.example']",
        "pattern_type": "stix",
        "valid_from": "2026-11-20T08:00:00Z",
    }


@pytest.fixture(name="bloc")
def _bloc(make_bloc: Callable[[], Bloc]) -> Bloc:
    """XA, XB and XC signed; XA and XB ratified; the treaty waits for XC."""
    bloc = make_bloc()
    nodes = [bloc.add(name) for name in ("XA", "XB", "XC")]
    for node in nodes:
        node.start()
    bloc.introduce_all()
    parties = [
        Party(
            member=node.member,
            name=str(node.member),
            authority=read_credence(node.letter()).authority.fingerprint,
        )
        for node in nodes
    ]
    text = fill_parties(
        sample_text()
        .replace(b"ratifications = 4", b"ratifications = 3")
        .replace(b"liars = 1", b"liars = 0"),
        parties,
        exercise=True,
        depositary=XA,
    )
    treaty = adopt(nodes[0].wired.node, nodes[0].actor, nodes[0].wired.gate, text).id
    for node in nodes:
        node.await_start()
    for node in nodes[1:]:
        node.pull("XA")
    for node in nodes:
        sign(node.wired.node, node.actor, node.wired.gate, treaty)
    for node in nodes[:2]:
        ratify(node.wired.node, node.actor, node.wired.gate, treaty)
    bloc.pull_all()
    return bloc


def states(node: NodeProcess) -> dict[ItemState, list[ItemRow]]:
    found: dict[ItemState, list[ItemRow]] = {}
    every = frozenset({ItemState.HELD, ItemState.AWAITING, ItemState.QUARANTINED})
    with node.wired.node.database.read() as tx:
        for row in tx.items.page(ItemFilter(states=every), after=None, limit=99):
            if row.key.originator == XA:
                found.setdefault(row.state, []).append(row)
    return found


def test_an_item_that_comes_before_its_law_is_held_for_it_and_accepted_once(bloc: Bloc) -> None:
    sender, receiver, third = bloc["XA"], bloc["XB"], bloc["XC"]
    # XC ratifies; XA hears of it, then XC is cut off: for XA the treaty is in force, for XB not.
    ratify(third.wired.node, third.actor, third.wired.gate, third.treaty)
    sender.pull("XC")
    third.kill()
    rows = sender.hold([sign_of(number) for number in range(5)])
    [done] = sender.disclose(rows, "XB")
    assert done.given == 5, done.withheld
    # XB is killed again and again while it takes them.
    for wait in (0.6, 0.9, 1.2, 1.5):
        process = receiver.popen("pull", "XA")
        time.sleep(wait)
        process.kill()
        process.wait(30)
    told = receiver.run("pull", "XA", expect=None)
    assert told["exit"] == 0, told["stderr"]
    [bulk] = [each for each in told["lanes"] if each["lane"] == "bulk"]
    assert (bulk["quarantined"], bulk["accepted"], bulk["fault"]) == (0, 0, "")
    assert "XA knows other instruments" in told["stderr"]
    assert {state: len(found) for state, found in states(receiver).items()} == {
        ItemState.AWAITING: 5
    }
    assert receiver.received("XA") == {"held-for-law": 5}
    assert receiver.run("search", "sign")["items"] == []
    assert ("held-for-law", "XA/bulk") in receiver.alarms()
    # XC is back. XB pulls from XA only, and asks XC by itself, since items wait.
    third.serve()
    for wait in (0.7, 1.1):
        process = receiver.popen("pull", "XA")
        time.sleep(wait)
        process.kill()
        process.wait(30)
    receiver.run("pull", "XA")
    assert {state: len(found) for state, found in states(receiver).items()} == {ItemState.HELD: 5}
    assert receiver.received("XA") == {"accepted": 5}
    assert receiver.quarantine() == []
    assert ("held-for-law", "XA/bulk") not in receiver.alarms()
    receiver.run("pull", "XA")
    assert receiver.received("XA") == {"accepted": 5}
    # The sender is told, and both count alike.
    sender.pull("XB")
    assert sender.alarms() == {}
    assert [each.given for each in sender.disclose(rows, "XB")] == [0]
    for node, other in ((receiver, "XA"), (sender, "XB")) * 2:
        node.pull(other)  # XA gave XB the law too, when it heard that XB waited
    for node, other in ((sender, "XB"), (receiver, "XA")):
        assert all(lane.agreed for lane in node.figures().lanes if lane.recipient == other)
    assert receiver.run("ledger", "audit")["exit"] == 0
