"""The receiving: five members pull, decide again, match, ask, and tell the first what they saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from foedus.demo.giving import cell_of
from foedus.demo.members import FIRST, OTHERS
from foedus.demo.node_process import NodeProcess
from foedus.demo.outcome import Feedback, PassedOn, Received, Seen
from foedus.demo.plan import PURPOSE, sighting_terms
from foedus.demo.run import Run

__all__ = ["FEEDBACK_ARTICLE", "feed_back", "hear_back", "pass_on", "receive"]

FEEDBACK_ARTICLE: Final = "13"
"""The article of the sample treaty on sightings and feedback."""

_ALL: Final = "1000000"
_HITS_TRIED: Final = 8
_BEST_SIGHTED: Final = ("indicator", "malware", "infrastructure", "identity")
"""Kinds of which a sighting says most, best first."""


def receive(run: Run) -> None:
    """Five members pull; each decides again on what came, and matches it with what it holds."""

    def take(node: NodeProcess) -> tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]:
        lanes = node.run("pull", FIRST.code).document["lanes"]
        items = node.run("search", "--limit", _ALL).document["items"]
        return next(lane for lane in lanes if lane["lane"] == "bulk"), items

    taken = run.bloc.each(take, run.bloc.others)
    for given in run.outcome.given:
        lane, items = taken[given.member]
        theirs = [item for item in items if item["originator"] == FIRST.code]
        run.received[given.member] = theirs
        received = Received(
            member=given.member,
            accepted=lane["accepted"],
            redacted=sum(item["id"] not in run.entry_of for item in theirs),
            quarantined=lane["quarantined"],
            hits=lane["hits"],
        )
        run.outcome.received.append(received)
        run.checks.equal(
            f"{given.member} accepts everything it was given", received.accepted, given.given
        )
        run.checks.equal(f"{given.member} refuses nothing", received.quarantined, 0)
        run.checks.equal(f"{given.member} holds what it accepted", len(theirs), given.given)
    if run.plan.shipped:
        for each in run.outcome.received:
            run.checks.that(f"{each.member} has hits", holds=each.hits > 0)


def pass_on(run: Run) -> None:
    """A recipient asks whether it may pass on an item of the first member's to a third."""
    asker, third = run.bloc["XB"], OTHERS[1].code
    theirs = run.received[asker.member.code]
    if not theirs:
        return
    item = min(theirs, key=lambda each: (_rank(each["type"]), each["id"] not in run.entry_of))
    answer = asker.run("preview", item["id"], "--purpose", PURPOSE, "--to", third).document
    for each in answer["decisions"]:
        cell = cell_of(each)
        run.outcome.passed_on.append(
            PassedOn(
                member=asker.member.code,
                to=third,
                item=item["id"],
                title=item["title"],
                verdict=cell.verdict,
                article=cell.article,
                why=cell.why,
            )
        )
        run.checks.that(
            f"{asker.member.code} may not pass it on by its own will",
            holds=cell.verdict in {"needs-consent", "deny"},
            found=cell.verdict,
        )
        if run.plan.shipped:
            run.checks.equal("only the consent is missing", cell.verdict, "needs-consent")


def feed_back(run: Run) -> None:
    """Each recipient confirms a hit, drafts a sighting, vouches, discloses it back if it may."""
    found = run.bloc.each(lambda node: _feedback(run, node), run.bloc.others)
    run.outcome.feedback.extend(found.values())
    for member in OTHERS:
        each = found[member.code]
        if not each.selector:
            run.checks.that(f"{member.code} has something to report", holds=not run.plan.shipped)
            continue
        reserved = FEEDBACK_ARTICLE in member.reserves
        run.checks.equal(
            f"the sighting of {member.code} "
            + ("stays, since it reserves the article" if reserved else "goes back"),
            each.given,
            not reserved,
        )
        if reserved:
            run.checks.that(
                f"{member.code} is told which reservation stands in the way",
                holds=f"article {FEEDBACK_ARTICLE} is reserved by {member.code}" in each.reason,
                found=each.reason,
            )


def _feedback(run: Run, node: NodeProcess) -> Feedback:
    hits = node.run("hits", "list", "--limit", _ALL).document["hits"]
    for hit in sorted(hits, key=lambda each: _rank(_theirs(each)["type"]))[:_HITS_TRIED]:
        theirs = _theirs(hit)
        answer = node.run(
            "hits",
            "confirm",
            str(hit["number"]),
            "--sighting",
            "--reason",
            "EXERCISE: compared by hand; it is the same",
            # Some observables cannot be sighted; another hit then says as much.
            accept=(0, 1),
        )
        if answer.exit == 0:
            return _report(run, node, hit, theirs, answer.document["sighting"])
    return Feedback(
        member=node.member.code,
        selector="",
        sighted="",
        given=False,
        article="",
        reason="has hits on bare values only, and STIX knows no sighting of those"
        if hits
        else "has no hit to report",
    )


def _report(
    run: Run,
    node: NodeProcess,
    hit: Mapping[str, Any],
    theirs: Mapping[str, Any],
    sighting: Mapping[str, Any],
) -> Feedback:
    entry = run.entry_of.get(theirs["id"])
    offence = run.plan.entries[0].offence if entry is None else entry.offence
    node.run("vouch", sighting["id"], *sighting_terms(offence))
    (member,) = node.run(
        "disclose",
        sighting["id"],
        "--purpose",
        PURPOSE,
        "--article",
        FEEDBACK_ARTICLE,
        "--to",
        sighting["to"],
    ).document["members"]
    return Feedback(
        member=node.member.code,
        selector=hit["selector"],
        sighted=f"{theirs['type']} {theirs['title']}".strip(),
        given=member["given"] == 1,
        article=FEEDBACK_ARTICLE,
        reason="; ".join(each["reason"] for each in member["withheld"]),
        sighting=sighting["id"],
        hit=hit["number"],
    )


def hear_back(run: Run) -> None:
    """The first member pulls, and its own hits show who has seen what."""
    first = run.bloc.first
    lanes = first.run("pull").document["lanes"]
    hits = first.run("hits", "list", "--limit", _ALL).document["hits"]
    sightings = [hit for hit in hits if hit["how"] == "sighting"]
    for hit in sightings:
        sighting, ours = hit["arrived"], hit["held"]
        run.outcome.seen.append(
            Seen(member=sighting["originator"], item=ours["number"], title=ours["title"])
        )
    sent = {each.member for each in run.outcome.feedback if each.given}
    run.checks.equal(
        f"{FIRST.code} receives the sightings that were given",
        {lane["from"] for lane in lanes if lane["lane"] == "bulk" and lane["accepted"]},
        sent,
    )
    run.checks.equal(
        f"the hits of {FIRST.code} name who has seen something",
        {each.member for each in run.outcome.seen},
        sent,
    )


def _theirs(hit: Mapping[str, Any]) -> Mapping[str, Any]:
    arrived: Mapping[str, Any] = hit["arrived"]
    held: Mapping[str, Any] = hit["held"]
    return arrived if arrived["originator"] == FIRST.code else held


def _rank(object_type: str) -> int:
    return _BEST_SIGHTED.index(object_type) if object_type in _BEST_SIGHTED else len(_BEST_SIGHTED)
