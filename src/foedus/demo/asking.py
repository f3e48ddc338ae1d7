"""The asking: a member follows a hit with a request; who has the answer gives it, if it may.

Duties are kept apart: an analyst drafts, a supervisor answers for it and sends it, an officer of
the other side approves exactly the item that goes back.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from foedus.demo.members import FIRST
from foedus.demo.node_process import USER, NodeProcess
from foedus.demo.outcome import Requested
from foedus.demo.plan import LEGAL_BASIS, PURPOSE
from foedus.demo.run import Run

__all__ = ["ANALYST", "ASKER", "OFFICER", "SUPERVISOR", "ask"]

ASKER: Final = "XB"
"""The member that asks."""

ANALYST: Final = "nadia"
SUPERVISOR: Final = "tomas"
OFFICER: Final = "ilva"
"""The data-protection officer of the first member, who entered nothing and may approve, too."""

_ASKED: Final = "document:EX1203344"
"""A number the asker holds from an inquiry of its own."""

_ANSWER: Final = ("bundle.json", "email-addr")
_APPROVED_UNDER: Final = "9"
_ASKED_UNDER: Final = "8"
_REVIEW_AFTER: Final = timedelta(days=180)
_USEFUL: Final = 5
_PARTIAL: Final = 7


def ask(run: Run) -> None:
    """Draft from a hit, approve, send; there approve the item, answer; here close with a grade."""
    asker, first = run.bloc[ASKER], run.bloc.first
    run.bloc.each(_take_on, [asker, first])
    drafted, sent = _send(run, asker)
    lanes = first.run("pull", ASKER).document["lanes"]
    (waiting,) = first.run("request", "inbox").document["requests"]
    run.checks.equal("the request arrives under its name", waiting["name"], sent["name"])
    run.checks.equal("both desks see one clock", waiting["due"], sent["due"])
    run.checks.that(
        f"{FIRST.code} takes it as an item like any other",
        holds=any(lane["lane"] == "bulk" and lane["accepted"] == 1 for lane in lanes),
    )
    item = next(each for each in run.outcome.previewed if (each.source, each.type) == _ANSWER)
    first.run(
        *("approve", item.number, "--purpose", PURPOSE, "--article", _APPROVED_UNDER),
        *("--to", ASKER, "--yes"),
        user=OFFICER,
    )
    answered = first.run("request", "answer", str(waiting["number"]), item.number).document
    run.checks.equal(
        "the answer is whole", (answered["state"], answered["withheld"]), ("answered", [])
    )
    run.given_later[ASKER] += len(answered["given"])
    taken = asker.run("pull", FIRST.code).document["lanes"]
    closed = asker.run(
        *("request", "close", str(drafted["number"]), "--useful", str(_USEFUL)),
        *("--feedback", "new"),
        user=ANALYST,
    ).document
    run.checks.equal("the answered request is closed", closed["state"], "closed")
    run.disclosed_later.append((ASKER, sent["id"]))
    run.outcome.requests.append(
        Requested(
            member=ASKER,
            to=FIRST.code,
            name=sent["name"],
            about=_ASKED,
            drafted_by=drafted["author"],
            approved_by=sent["approved_by"],
            sent_under=sent["article"],
            urgency=sent["urgency"],
            asked=sent["at"],
            due=sent["due"],
            answer=item.title or item.number,
            answer_approved_by=OFFICER,
            answered_by=USER,
            answered_under=_APPROVED_UNDER,
            hits=sum(lane["hits"] for lane in taken if lane["lane"] == "bulk"),
            state=closed["state"],
            useful=closed["usefulness"],
            feedback=closed["feedback"],
        )
    )


def _take_on(node: NodeProcess) -> None:
    """Let people sign on whose duties are to be kept apart."""
    people: dict[str, tuple[str, ...]] = {ANALYST: ("analyst",), SUPERVISOR: ("supervisor",)}
    if node.member == FIRST:
        people = {OFFICER: ("officer", "supervisor")}
    for name, roles in people.items():
        node.run("user", "add", name, *(part for role in roles for part in ("--role", role)))


def _send(run: Run, asker: NodeProcess) -> tuple[dict[str, Any], dict[str, Any]]:
    """Draft, approve and send; returns the request as drafted and as sent."""
    hit = next(each.hit for each in run.outcome.feedback if each.member == ASKER)
    (drafted,) = asker.run(
        *("request", "draft", "--hit", str(hit), "--value", _ASKED),
        *("--text", "EXERCISE: who is written to about this page? Was this passport shown?"),
        *("--purpose", PURPOSE, "--offence", "financing", "--legal-basis", LEGAL_BASIS),
        *("--person", "suspect", "--review", f"{run.now + _REVIEW_AFTER:%Y-%m-%d}"),
        *("--urgency", "urgent", "--article", _ASKED_UNDER),
        user=ANALYST,
    ).document["requests"]
    number = str(drafted["number"])
    asker.run(
        *("request", "approve", number, "--neutrality", "EXERCISE: asks about one passport only"),
        user=SUPERVISOR,
    )
    sent = dict(asker.run("request", "send", number, user=SUPERVISOR).document)
    run.checks.equal("the request is sent", (sent["sent"], sent["reasons"]), (True, []))
    run.checks.that(
        "somebody else approved it than drafted it",
        holds=sent["approved_by"] != sent["author"],
    )
    return dict(drafted), sent
