"""The founding: six nodes that know nothing of each other conclude a treaty."""

from __future__ import annotations

from foedus.demo.members import FIRST, MEMBERS
from foedus.demo.node_process import NodeProcess
from foedus.demo.outcome import Treaty
from foedus.demo.run import Run

__all__ = ["conclude", "exchange", "introduce", "start"]


def start(run: Run) -> None:
    """Make six nodes and serve them, each a process with its own data, keys and port."""

    def make(node: NodeProcess) -> str:
        made = node.run(
            "init",
            "--member",
            node.member.code,
            "--name",
            node.member.name,
            "--address",
            node.address,
            "--port",
            str(node.port),
            "--exercise",
            # Pulls are asked for one by one here, so that each step can be timed.
            "--pull-interval",
            "0",
        )
        node.start()
        return str(made.document["fingerprint"])

    fingerprints = run.bloc.each(make)
    run.bloc.each(NodeProcess.await_ready)
    for node in run.bloc.nodes:
        run.outcome.nodes[node.member.code] = {
            "name": node.member.name,
            "address": node.address,
            "data": str(node.data),
            "fingerprint": fingerprints[node.member.code],
        }
    run.checks.equal("every authority has a key of its own", len(set(fingerprints.values())), 6)


def introduce(run: Run) -> None:
    """Each exports its letter of credence; each accepts the others' against their fingerprints."""
    run.fingerprints = run.bloc.each(
        lambda node: str(node.run("introduce", "-o", str(node.letter)).document["fingerprint"])
    )
    for code, fingerprint in run.fingerprints.items():
        run.checks.equal(
            f"the letter of {code} bears the fingerprint its node was made with",
            fingerprint,
            run.outcome.nodes[code]["fingerprint"],
        )

    def accept(node: NodeProcess) -> list[str]:
        others = [other for other in run.bloc.nodes if other is not node]
        read_out = [
            part
            for other in others
            for part in ("--fingerprint", run.fingerprints[other.member.code])
        ]
        answer = node.run("peers", "add", *(str(other.letter) for other in others), *read_out)
        return [str(each["member"]) for each in answer.document["members"]]

    for code, known in run.bloc.each(accept).items():
        others = [member.code for member in MEMBERS if member.code != code]
        run.checks.equal(f"{code} knows the five others", known, others)


def exchange(run: Run) -> None:
    """The first drafts, checks and adopts the sample treaty; each pulls from the five others.

    What comes are the full powers, which name the keys that speak for a member, and the text.
    """
    first = run.bloc.first
    text = str(run.bloc.folder / "treaty.md")
    drafted = first.run("treaty", "draft", "--depositary", FIRST.code, "-o", text).document
    checked = first.run("treaty", "check", text).document
    adopted = first.run("treaty", "adopt", text).document
    run.checks.equal(
        "the text drafted, checked and adopted is one",
        {drafted["treaty"], checked["treaty"]},
        {adopted["treaty"]},
    )
    run.title = adopted["title"]
    _pull_everywhere(run, "full powers")


def conclude(run: Run) -> None:
    """All sign and ratify, two with a reservation; each computes what binds whom."""

    def consent(node: NodeProcess) -> None:
        node.run("treaty", "sign")
        reserved = [part for each in node.member.reserves for part in ("--reserve", each)]
        node.run("treaty", "ratify", *reserved)

    run.bloc.each(consent)
    _pull_everywhere(run, "signatures and ratifications")
    statuses = run.bloc.each(lambda node: node.run("treaty", "status").document)
    pictures = set()
    for code, status in statuses.items():
        parties = [each["member"] for each in status["members"] if each["stage"] == "party"]
        run.checks.equal(
            f"{code} sees six parties", sorted(parties), [member.code for member in MEMBERS]
        )
        pictures.add(
            (
                status["treaty"],
                status["in_force_since"],
                tuple(
                    (each["member"], each["stage"], each["since"], tuple(each["reserved"]))
                    for each in status["members"]
                ),
            )
        )
    run.checks.equal("all six compute the same picture of what binds whom", len(pictures), 1)
    status = statuses[FIRST.code]
    run.outcome.treaty = Treaty(
        id=status["treaty"],
        title=run.title,
        since=str(status["in_force_since"]),
        reserved={each["member"]: tuple(each["reserved"]) for each in status["members"]},
    )
    for member in MEMBERS:
        run.checks.equal(
            f"the reservations of {member.code} stand",
            run.outcome.treaty.reserved.get(member.code, ()),
            member.reserves,
        )


def _pull_everywhere(run: Run, what: str) -> None:
    for code, answer in run.bloc.each(lambda node: node.run("pull")).items():
        taken = {
            lane["from"]
            for lane in answer.document["lanes"]
            if lane["lane"] == "instruments" and lane["accepted"]
        }
        others = {member.code for member in MEMBERS if member.code != code}
        run.checks.equal(f"{code} takes {what} from the five others", taken, others)
