"""``verify``: what a receipt, a promise, a proof of a fork or a dossier proves, offline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import is_zipfile

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.output import emit, pass_session

if TYPE_CHECKING:
    from foedus.ledger.exhibit import Trust

__all__ = ["trusted", "verify"]


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--policy",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Policy file: which logs and witnesses you rely on, and how many witnesses must have "
    "cosigned (C2SP tlog-policy).",
)
@click.option("--key", "keys", multiple=True, help="Verifier key of a log (C2SP vkey); repeatable.")
@click.option(
    "--node-key",
    "node_keys",
    multiple=True,
    help="Key of a node, `ed25519:…`, for promises; repeatable.",
)
@click.option(
    "--letter",
    "letters",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Letter of credence: names its member's log and node keys; repeatable.",
)
@pass_session
def verify(
    session: Session,
    *,
    files: tuple[Path, ...],
    policy: Path | None,
    keys: tuple[str, ...],
    node_keys: tuple[str, ...],
    letters: tuple[Path, ...],
) -> int:
    """Verify FILES offline: receipts, promises, proofs of a fork, and dossiers (a folder).

    A dossier that comes as a ZIP file is unpacked first. No node, no network and no settings are
    needed: only the files, and the keys of those whose word you take, by `--policy`, `--key` or
    `--letter`. Take them from somewhere you trust, never from the files themselves. `python -m
    foedus.ledger.verify` does the same with a signature library and nothing else installed.
    """
    from foedus.ledger.verify import verdict_text, verify_path  # noqa: PLC0415

    packed = next((file for file in files if file.is_file() and is_zipfile(file)), None)
    if packed is not None:
        raise click.UsageError(f"{packed} is a ZIP file: unpack it and verify the folder in it")
    trust = trusted(policy=policy, keys=keys, node_keys=node_keys, letters=letters)
    if trust.is_empty:
        raise click.UsageError("whose word do you take? give --policy, --key or --letter")
    verdicts = [one for file in files for one in verify_path(file, trust)]
    emit(
        session,
        {"receipts": [one.as_json() for one in verdicts]},
        lambda: "".join(verdict_text(one) for one in verdicts),
    )
    return Exit.DONE if all(one.holds for one in verdicts) else Exit.NOT_PROVED


def trusted(
    *,
    policy: Path | None,
    keys: tuple[str, ...],
    letters: tuple[Path, ...],
    node_keys: tuple[str, ...] = (),
) -> Trust:
    """Return what the reader relies on, from the options of a command.

    Raises:
        PolicyError: The policy is malformed; the message names its file.
        SigningError: A key is malformed.
    """
    from foedus.ledger.errors import PolicyError  # noqa: PLC0415
    from foedus.ledger.verify import read_trust  # noqa: PLC0415

    try:
        trust = read_trust(policy=policy, keys=keys, node_keys=node_keys)
    except PolicyError as error:
        raise PolicyError(f"{policy} is no policy file: {error}") from error
    return _with_letters(trust, letters)


def _with_letters(trust: Trust, letters: tuple[Path, ...]) -> Trust:
    """Return what is relied on, and the keys that letters of credence name besides."""
    from foedus.ledger.exhibit import NodeKey  # noqa: PLC0415
    from foedus.signing import NoteVerifier  # noqa: PLC0415

    if letters:  # reading them takes much of the rest of Foedus; nothing else here does
        from foedus.node.lawbook import read_credence  # noqa: PLC0415

        for letter in letters:
            credence = read_credence(letter.read_bytes())
            trust = replace(
                trust,
                logs=(*trust.logs, NoteVerifier(name=credence.log_origin, key=credence.log)),
                nodes=(*trust.nodes, NodeKey(key=credence.node, origin=credence.log_origin)),
            )
    return trust
