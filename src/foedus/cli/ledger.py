"""``ledger``: audit a log, print the key and the policy of this node's own."""

from __future__ import annotations

from pathlib import Path

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.ledger_audit import audit_log
from foedus.cli.output import emit, pass_session, say
from foedus.cli.witnessing import forks_known, status_of_log, witness_now

__all__ = ["ledger"]


@click.group()
def ledger() -> None:
    """The log of what this node did: append-only, C2SP tiles, checkable by anyone."""


@click.command("key", short_help="print the key that verifies this node's log")
@pass_session
def key_of_log(session: Session) -> int:
    """Print the verifier key of this node's log, for those who verify its receipts."""
    from foedus.signing import NoteVerifier  # noqa: PLC0415

    identity = session.wired.node.identity
    vkey = NoteVerifier(name=identity.log_origin, key=identity.log.public).vkey
    emit(session, {"key": vkey}, lambda: f"{vkey}\n")
    return Exit.DONE


@click.command("policy", short_help="print the policy to verify receipts with")
@click.option("--treaty", "treaty_ref", default="", help="Treaty; the only one if absent.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write it to this file instead of printing it.",
)
@pass_session
def policy_of_log(session: Session, *, treaty_ref: str, output: Path | None) -> int:
    """Print the policy for verifying this node's receipts: its log, its witnesses, the quorum.

    The quorum is the treaty's, the witnesses are the members it binds now, by the keys in their
    full powers. The file is a C2SP tlog-policy; `foedus verify --policy` reads it. Who relies on it
    compares its keys with what the members themselves say.
    """
    from foedus.ledger import format_policy  # noqa: PLC0415
    from foedus.node.find import find_treaty  # noqa: PLC0415
    from foedus.node.log_policy import policy_of  # noqa: PLC0415

    node = session.wired.node
    with node.database.read() as tx:
        made = policy_of(tx, node, find_treaty(tx, node, treaty_ref))
    data = format_policy(made.policy)
    for line in made.remarks:
        say(line)
    if output is not None:
        output.write_bytes(data)
        say(f"Policy written to {output}.")
    else:
        emit(session, {"policy": data.decode()}, data.decode)
    return Exit.DONE


for _each in (audit_log, forks_known, key_of_log, policy_of_log, status_of_log, witness_now):
    ledger.add_command(_each)
