"""Four eyes: nobody decides on what it had a hand in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from foedus.access import Role
from foedus.node.approvals import approve
from foedus.node.errors import FourEyesError, RefusedError
from foedus.node.four_eyes import DRAFTED, VOUCHED, hands_in, require_other
from foedus.node.people import disable_user

if TYPE_CHECKING:
    from tests.unit.node.conftest import Trio


def say_yes(trio: Trio, user: str, item: int) -> None:
    wired = trio.a.wired
    approve(wired.node, trio.user(user), wired.gate, [item], trio.wish())


def test_who_vouched_does_not_approve_though_another_submitted_and_reviewed(trio: Trio) -> None:
    item = trio.held()
    with trio.a.database.write() as tx:
        tx.accounts.note_hands([item, item], "ada", VOUCHED)
        tx.accounts.note_hands([item], "ben", DRAFTED)
        [row] = tx.items.rows([item])
        found = hands_in(tx, [row])
    assert found[item]["admin"] == {"submitted", "vouched", "reviewed"}
    assert found[item]["ada"] == {VOUCHED}
    assert found[item]["ben"] == {DRAFTED}
    with pytest.raises(FourEyesError, match="ada vouched for XA-2026-00001"):
        say_yes(trio, "ada", item)
    with pytest.raises(FourEyesError, match="ben drafted XA-2026-00001"):
        say_yes(trio, "ben", item)
    say_yes(trio, "cora", item)


def test_vouching_is_noted_without_a_finding_of_neutrality(trio: Trio) -> None:
    drafts = trio.a.drafts(trio.indicator(1, "bad.example"))
    trio.a.actor = trio.user("ann", Role.ANALYST)
    [item] = trio.a.vouch(drafts, neutrality_reason="").held
    with trio.a.database.read() as tx:
        assert hands_in(tx, tx.items.rows([item]))[item]["ann"] == {VOUCHED}


def test_an_approver_who_is_disabled_counts_no_more(trio: Trio) -> None:
    item = trio.held()
    say_yes(trio, "ada", item)
    node, gate = trio.a.wired.node, trio.a.wired.gate
    disable_user(node, trio.a.actor, "ada")
    asked = approve(node, trio.user("ben"), gate, [item], trio.wish())
    assert [each.given for each in asked] == [("ben",)]


def test_of_what_is_no_item_the_makers_are_named(trio: Trio) -> None:
    with trio.a.database.read() as tx:
        require_other(tx, trio.user("ada"), {"ben"})
        with pytest.raises(FourEyesError, match="ada had a hand in request 7"):
            require_other(tx, trio.user("ada"), {"ada", "ben"}, what="request 7")
    disable_user(trio.a.wired.node, trio.a.actor, "ada")
    with trio.a.database.read() as tx, pytest.raises(RefusedError, match="disabled"):
        require_other(tx, trio.user("ada"), {"ben"})
