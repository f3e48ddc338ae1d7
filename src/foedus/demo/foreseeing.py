"""The foresight: what if a member had made no reservation? Asked from both sides, with no effect.

A reservation cuts both ways: what it keeps from its author it also keeps its author from giving.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from foedus.demo.members import FIRST, OTHERS, Member
from foedus.demo.node_process import NodeProcess
from foedus.demo.outcome import Supposed
from foedus.demo.plan import PURPOSE
from foedus.demo.run import Run

__all__ = ["foresee"]


def foresee(run: Run) -> None:
    """Suppose the reservation away, from the first member's side and from its author's."""
    author = next(member for member in OTHERS if member.reserves)
    article = author.reserves[0]
    for giver, recipient in ((FIRST, author), (author, FIRST)):
        node = run.bloc[giver.code]
        before = _figures(node)
        asked = _asked(run, node, recipient, article)
        run.outcome.supposed.append(asked)
        run.checks.equal(
            f"supposing something writes nothing at {giver.code}", _figures(node), before
        )
        run.checks.that(
            f"without the reservation {recipient.code} would lose nothing of {giver.code}",
            holds=asked.sees_then >= asked.sees_now and asked.loses == 0,
        )
        run.checks.equal(
            f"{recipient.code} would see what it gains beside what it sees",
            asked.sees_now + asked.gains,
            asked.sees_then,
        )
        if run.plan.shipped:
            run.checks.that(
                f"the reservation keeps something of {giver.code} from {recipient.code}",
                holds=asked.gains > 0,
            )


def _asked(run: Run, node: NodeProcess, recipient: Member, article: str) -> Supposed:
    sources = [each.source for each in run.outcome.entered if each.member == node.member.code]
    author = node.member if node.member.reserves else recipient
    answer = node.run(
        "preview",
        *sources,
        "--purpose",
        PURPOSE,
        "--to",
        recipient.code,
        "--without-reservation",
        f"{author.code}:{article}",
    ).document
    (member,) = answer["members"]
    return Supposed(
        giver=node.member.code,
        recipient=recipient.code,
        author=author.code,
        article=article,
        sees_now=member["sees_now"],
        sees_then=member["sees_then"],
        gains=member["changed"].get("gains", 0),
        loses=member["changed"].get("loses", 0),
        why_now=_why_now(answer["changes"]),
    )


def _why_now(changes: Sequence[Mapping[str, Any]]) -> str:
    """Return what speaks now against the items that would be gained, once each."""
    texts = dict.fromkeys(
        reason["text"]
        for change in changes
        if "gains" in change["kinds"]
        for reason in change["now"]["reasons"][:1]
    )
    return "; ".join(texts)


def _figures(node: NodeProcess) -> Mapping[str, Any]:
    """Return every count of the node: items, lanes, hits, log entries."""
    return node.run("figures").document
