"""The story in its order, and how it is run: told, timed, checked."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from foedus.demo.asking import ask
from foedus.demo.errors import DemoError
from foedus.demo.foreseeing import foresee
from foedus.demo.founding import conclude, exchange, introduce, start
from foedus.demo.giving import disclose, enter, preview
from foedus.demo.ordering import correct, recall, search_everywhere
from foedus.demo.outcome import StepReport
from foedus.demo.proving import prove, reconcile
from foedus.demo.receiving import feed_back, hear_back, pass_on, receive
from foedus.demo.run import Checks, Run, Step
from foedus.demo.witnessing import witness

__all__ = ["STEPS", "tell"]

STEPS: Final = (
    Step(title="six nodes start, each with its own data, keys and port", do=start),
    Step(title="they introduce themselves: letters, and fingerprints read out", do=introduce),
    Step(title="a treaty is drafted; full powers and its text are exchanged", do=exchange),
    Step(title="all sign and ratify, two with a reservation; it enters into force", do=conclude),
    Step(title="all enter what they have, and vouch for it", do=enter),
    Step(title="XA previews who would see what, and why not", do=preview),
    Step(title="XA and XD ask: what if XD had made no reservation? nothing is written", do=foresee),
    Step(title="XA discloses", do=disclose),
    Step(title="five members pull, verify, decide again and match", do=receive),
    Step(title="XB asks whether it may pass an item on", do=pass_on),
    Step(title="hits are confirmed; sightings go back where an article lets them", do=feed_back),
    Step(title="XA pulls and sees who has seen what", do=hear_back),
    Step(
        title="XB follows a hit with a request; XA answers in time, XB grades the answer",
        do=ask,
        shipped_only=True,
    ),
    Step(
        title="XA corrects what it gave; all five holders carry the order out",
        do=correct,
        shipped_only=True,
    ),
    Step(
        title="XA recalls a number from five members: one is down, one late",
        do=recall,
        shipped_only=True,
    ),
    Step(
        title="the number is looked for: by search, among hits, in every byte of six nodes",
        do=search_everywhere,
        shipped_only=True,
    ),
    Step(
        title="each log is witnessed by the others, until a quorum has cosigned all of it",
        do=witness,
    ),
    Step(
        title="every receipt is verified offline by a separate process; one dossier too", do=prove
    ),
    Step(title="the figures agree on every node, and every log is audited", do=reconcile),
)


def tell(run: Run, say: Callable[[str], None], told: Sequence[Step] = STEPS) -> None:
    """Run the steps in order; stop after the first whose checks fail.

    Later steps stand on earlier ones: going on would bury the failure that matters. A step that
    could not be made at all is a failure like any other.

    Args:
        run: A run that nothing happened in yet.
        say: Told one line for each step, and one for each failure.
        told: The steps; those that need the demo's own inputs are left out with the reader's.
    """
    steps = [step for step in told if run.plan.shipped or not step.shipped_only]
    for number, step in enumerate(steps, start=1):
        run.checks = Checks()
        began = time.perf_counter()
        say(f"{number:>2}/{len(steps)}  {step.title} …")
        try:
            step.do(run)
        except DemoError as error:
            run.checks.failures.extend(_why(run, error))
        seconds = time.perf_counter() - began
        run.outcome.steps.append(
            StepReport(
                title=step.title,
                seconds=round(seconds, 3),
                checks=run.checks.made,
                failures=tuple(run.checks.failures),
            )
        )
        say(f"       {seconds:4.1f} s, {run.checks.made} checks")
        for failure in run.checks.failures:
            say(f"       FAILED: {failure}")
        if run.checks.failures:
            return


def _why(run: Run, error: DemoError) -> list[str]:
    """Return why a step broke off; a node that is gone explains what its peers complain of."""
    try:
        run.bloc.check_alive()
    except DemoError as cause:
        if str(cause) != str(error):
            return [str(cause), str(error)]
    return [str(error)]
