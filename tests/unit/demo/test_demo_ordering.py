"""What is read off a status matrix."""

from __future__ import annotations

from typing import Any

from foedus.demo.ordering import carried_out


def _row(**rest: Any) -> dict[str, Any]:
    return {
        "order": "XA-O-2026-00001",
        "holder": "XB",
        "state": "attested",
        "ordered": "2026-11-24T04:00:00.000000Z",
        "received": "2026-11-24T04:00:01.000000Z",
        "executed": "2026-11-24T04:00:02.000000Z",
        "attested": "2026-11-24T04:00:03.000000Z",
        "due": "2026-11-24T04:00:15.000000Z",
        "breach": None,
        **rest,
    }


def test_who_is_in_time_is_not_late() -> None:
    (each,) = carried_out([_row()], action="recall", what="a number")
    assert (each.late_s, each.breach, each.was_down) == (0.0, 0, False)


def test_who_is_late_is_late_by_as_much() -> None:
    row = _row(executed="2026-11-24T04:00:23.500000Z", breach=7)
    (each,) = carried_out([row], action="recall", what="a number")
    assert (each.late_s, each.breach) == (8.5, 7)


def test_what_did_not_happen_has_no_instant() -> None:
    row = _row(received=None, executed=None, attested=None, state="ordered")
    (each,) = carried_out([row], action="recall", what="a number", down="XB")
    assert (each.received, each.executed, each.attested, each.late_s) == ("", "", "", 0.0)
    assert each.was_down
