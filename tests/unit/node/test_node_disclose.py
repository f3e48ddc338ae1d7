"""What one member cannot be given now keeps nothing from the others, and is said of that member."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from foedus.access import Role
from foedus.model.identifiers import MemberId
from foedus.node.audience import Links
from foedus.node.disclose import Disclosed, disclose
from foedus.node.errors import RefusedError
from foedus.node.people import set_roles
from foedus.node.unwitnessed import proven_forked

if TYPE_CHECKING:
    from tests.unit.node.conftest import Trio

XB, XC = MemberId("XB"), MemberId("XC")


def give(trio: Trio, *handles: int) -> list[Disclosed]:
    wired = trio.a.wired
    wish = trio.wish("warning", recipients=(XB, XC))
    return disclose(wired.node, trio.user("ada"), wired.gate, handles, wish)


def head_covers_all(trio: Trio) -> bool:
    size = int(trio.a.wired.ledger.read("checkpoint").split(b"\n")[1])
    return size == trio.a.read(lambda tx: tx.ledger.count())


@pytest.mark.parametrize(("away", "given"), [(XB, XC), (XC, XB)])
def test_a_member_whose_lanes_are_not_rebuilt_is_left_out_alone(
    trio: Trio, away: MemberId, given: MemberId
) -> None:
    handles = [trio.held(1), trio.held(2)]
    with trio.a.database.write() as tx:
        tx.recovery.await_lanes([away], at=trio.clock.now())
    done = {each.recipient: each for each in give(trio, *handles)}
    assert (done[given].given, done[given].withheld) == (2, ())
    assert done[away].given == 0
    assert {(each.handle, each.code) for each in done[away].withheld} == {
        (handle, "recovering") for handle in handles
    }
    assert "foedus recover" in done[away].withheld[0].reason
    assert head_covers_all(trio)


def test_a_member_for_whom_the_grounds_keep_changing_is_left_out_alone(
    trio: Trio, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = trio.held()
    release = type(trio.a.wired.gate).release

    def between(*arguments: Any, **named: Any) -> Any:
        outcome = release(*arguments, **named)
        if named["recipient"] == XB:
            set_roles(trio.a.wired.node, trio.a.actor, "cora", [Role.SUPERVISOR])
        return outcome

    monkeypatch.setattr(type(trio.a.wired.gate), "release", between)
    to_b, to_c = give(trio, item)
    assert (to_b.given, [each.code for each in to_b.withheld]) == (0, ["conflict"])
    assert (to_c.given, to_c.withheld) == (1, ())
    assert head_covers_all(trio)


def test_what_was_given_before_a_failure_is_in_the_log(
    trio: Trio, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = trio.held()
    release = type(trio.a.wired.gate).release

    def fail(*arguments: Any, **named: Any) -> Any:
        if named["recipient"] == XC:
            raise RefusedError("something is wrong")
        return release(*arguments, **named)

    monkeypatch.setattr(type(trio.a.wired.gate), "release", fail)
    with pytest.raises(RefusedError):
        give(trio, item)
    assert trio.a.read(lambda tx: tx.feeds.lane(XB, "bulk").count) == 2
    assert head_covers_all(trio)


def test_whether_our_own_log_is_forked_is_asked_once_for_all_members(
    trio: Trio, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[MemberId] = []

    def counting(*arguments: Any) -> bool:
        asked.append(arguments[2])
        return proven_forked(*arguments)

    monkeypatch.setattr("foedus.node.audience.proven_forked", counting)
    node, now = trio.a.wired.node, trio.clock.now()
    with trio.a.database.read() as tx:
        view = node.law.view(tx)
        treaty, current = view.treaty(trio.treaty).treaty, view.status(trio.treaty, now)
        links = Links(tx=tx, node=node, view=view, now=now)
        found = [links.to(treaty, current, member) for member in (XB, XC)]
    assert not any(each.own_fork or each.forked for each in found)
    assert sorted(asked) == ["XA", "XB", "XC"]
