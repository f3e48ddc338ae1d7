"""When a witness is asked again."""

from __future__ import annotations

from foedus.model.identifiers import MemberId
from foedus.node.witness_schedule import FIRST_PAUSE_S, LONGEST_PAUSE_S, BackOff

XB, XC = MemberId("XB"), MemberId("XC")


def test_a_witness_that_fails_is_left_alone_for_longer_each_time() -> None:
    back_off = BackOff()
    now, pauses = 0.0, []
    for _ in range(12):
        assert back_off.due(XB, now)
        back_off.failed(XB, now)
        pause = 0.0
        while not back_off.due(XB, now + pause):
            pause += 0.5
        pauses.append(pause)
        now += pause
    assert pauses[:4] == [FIRST_PAUSE_S * 2**each for each in range(4)]
    assert pauses[-1] == LONGEST_PAUSE_S
    assert back_off.due(XC, 0.0)


def test_one_answer_makes_up_for_all_failures() -> None:
    back_off = BackOff()
    for at in range(5):
        back_off.failed(XB, float(at))
    assert not back_off.due(XB, 5.0)
    back_off.answered(XB)
    assert back_off.due(XB, 5.0)
    back_off.failed(XB, 5.0)
    assert back_off.due(XB, 5.0 + FIRST_PAUSE_S)
