"""The steps to the newest shape are numbered 1, 2, 3 and so on, each once."""

from __future__ import annotations

import pytest

from foedus.store.errors import StoreBrokenError
from foedus.store.numbering import in_order
from foedus.store.sqlite.migrate import Migration, migrations


def steps(*numbers: int) -> list[Migration]:
    return [
        Migration(number=number, name=f"{number:04}_{place}.sql", sql="")
        for place, number in enumerate(numbers)
    ]


def test_steps_come_in_their_order() -> None:
    assert [step.number for step in in_order(steps(2, 1, 3))] == [1, 2, 3]
    assert in_order(migrations()) == migrations()


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ((1, 2, 2, 3), "two migrations have the number 2 .0002_1.sql, 0002_2.sql."),
        ((1, 1), "two migrations have the number 1"),
        ((1, 3), "there is no migration 2, but 0003_1.sql"),
        ((2, 3), "there is no migration 1"),
        ((0, 1), "there is no migration 1, but 0000_0.sql"),
        ((), "no migrations"),
    ],
)
def test_other_numbers_are_refused(numbers: tuple[int, ...], words: str) -> None:
    with pytest.raises(StoreBrokenError, match=words):
        in_order(steps(*numbers))
