"""What is told of a peer that could not be followed of late."""

from __future__ import annotations

from foedus.node.ports.links import LinkRow

__all__ = ["link_text"]


def link_text(row: LinkRow | None) -> str:
    """Say how a peer fails and when it is tried again; "answers" for one that does not."""
    if row is None:
        return "answers"
    times = "once" if row.failures == 1 else f"{row.failures} times"
    return (
        f"failed {times} since {row.since:%Y-%m-%d %H:%M}, tried again at "
        f"{row.again:%Y-%m-%d %H:%M:%S}: {row.reason}"
    )
