"""Run ``foedus`` with a clock that is so many seconds off: ``python shifted.py SECONDS ARGUMENT…``.

For tests of real processes: the node of a member whose clock is wrong, or a week later.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta

from foedus import clock
from foedus.cli import main


def shift(seconds: float) -> None:
    """Let the machine's clock, as nodes of this process read it, be so many seconds off."""
    off = timedelta(seconds=seconds)

    def now(self: clock.SystemClock) -> datetime:  # noqa: ARG001  as the method has it
        return datetime.now(UTC) + off

    clock.SystemClock.now = now  # type: ignore[method-assign]


if __name__ == "__main__":
    shift(float(sys.argv[1]))
    sys.argv = ["foedus", *sys.argv[2:]]
    main()
