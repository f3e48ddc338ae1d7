from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from foedus.demo.bloc import make_bloc
from foedus.demo.errors import CommandFailedError
from foedus.demo.plan import own_plan, shipped_plan
from foedus.demo.run import Checks, Run, Step
from foedus.demo.story import STEPS, tell


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A run in which nothing happened yet, and no process runs."""
    return Run(
        bloc=make_bloc(tmp_path / "bloc", range(20_000, 20_006)),
        plan=shipped_plan(),
        now=datetime(2026, 11, 24, tzinfo=UTC),
    )


def _holds(run: Run) -> None:
    run.checks.equal("one is one", 1, 1)


def _fails(run: Run) -> None:
    run.checks.equal("one is two", 1, 2)
    run.checks.that("the rest is still checked", holds=True)


def _breaks_off(_: Run) -> None:
    raise CommandFailedError("`foedus pull` ended with 5")


def _told(run: Run, *steps: Callable[[Run], None]) -> list[str]:
    lines: list[str] = []
    tell(run, lines.append, [Step(title=each.__name__, do=each) for each in steps])
    return lines


def test_steps_are_told_timed_and_their_checks_counted(run: Run) -> None:
    lines = _told(run, _holds, _holds)
    assert "1/2" in lines[0]
    assert [step.checks for step in run.outcome.steps] == [1, 1]
    assert run.outcome.failures == []
    assert run.outcome.seconds >= 0


def test_steps_on_the_own_inputs_are_left_out_with_files_of_the_reader(run: Run) -> None:
    steps = [Step(title="any", do=_holds), Step(title="own", do=_holds, shipped_only=True)]
    lines: list[str] = []
    tell(run, lines.append, steps)
    run.plan = own_plan([Path("mine.csv")], offence="recruitment")
    tell(run, lines.append, steps)
    assert [step.title for step in run.outcome.steps] == ["any", "own", "any"]


def test_a_failed_check_is_named_and_later_steps_are_not_made(run: Run) -> None:
    lines = _told(run, _holds, _fails, _holds)
    assert [step.title for step in run.outcome.steps] == ["_holds", "_fails"]
    assert run.outcome.failures == ["_fails: it does not hold that one is two (found: 1 and not 2)"]
    assert run.outcome.checks == 3
    assert "FAILED" in lines[-1]


def test_a_step_that_cannot_be_made_is_a_failure_with_its_words(run: Run) -> None:
    _told(run, _breaks_off, _holds)
    assert run.outcome.failures == ["_breaks_off: `foedus pull` ended with 5"]


def test_a_node_that_is_gone_explains_what_others_complain_of(run: Run) -> None:
    node = run.bloc.first
    node.data.mkdir()
    node.start()  # its directory holds no node, so its process ends by itself

    def complain(_: Run) -> None:
        try:
            node.await_ready()
        finally:
            raise CommandFailedError("XA cannot be reached")

    _told(run, complain)
    first, second = run.outcome.failures
    assert "the node of XA ended by itself" in first
    assert "is not a node's data directory" in first
    assert "XA cannot be reached" in second
    run.bloc.end()


def test_every_step_has_a_title_of_its_own() -> None:
    assert len({step.title for step in STEPS}) == len(STEPS)


def test_what_was_found_is_shown_and_cut_short() -> None:
    checks = Checks()
    checks.that("it is short", holds=False, found="x" * 1_000)
    assert len(checks.failures[0]) < 400
