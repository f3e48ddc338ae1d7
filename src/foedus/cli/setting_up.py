"""``init``, ``serve``, ``doctor``, ``limits``: a node's life."""

from __future__ import annotations

from pathlib import Path

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.output import emit, pass_session, table
from foedus.settings import MAX_PROCESSES, Settings

__all__ = ["doctor", "init", "limits", "serve"]


@click.command()
@click.option("--member", required=True, help="Member id: 2 to 8 capitals or digits, such as XA.")
@click.option("--name", required=True, help="The member's name for people.")
@click.option("--address", required=True, help="Base URL under which other nodes reach this one.")
@click.option("--port", default=8440, show_default=True, help="Port to listen on.")
@click.option("--user", default="admin", show_default=True, help="Name of the first user.")
@click.option(
    "--exercise/--real", required=True, help="Whether everything here is an exercise; for ever."
)
@click.option(
    "--pull-interval",
    default=15,
    show_default=True,
    help="Seconds between whole pulls while serving; 0 never pulls.",
)
@click.option(
    "--public-ledger", is_flag=True, help="Let anyone read the log's tiles; they hold hashes only."
)
@click.option(
    "--certificate",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Pin this certificate (PEM), one of your own or a proxy's, instead of making one.",
)
@click.option(
    "--certificate-key",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Its private key (PEM): then this node shows it. Without, a proxy in front does.",
)
@pass_session
def init(  # noqa: PLR0913  # one argument for each option
    session: Session,
    *,
    member: str,
    name: str,
    address: str,
    port: int,
    user: str,
    exercise: bool,
    pull_interval: int,
    public_ledger: bool,
    certificate: Path | None,
    certificate_key: Path | None,
) -> int:
    """Make a new node in an empty data directory: keys, store, letter of credence, first user.

    The authority key stands in DATA/keys/authority.key. Copy it to where the member keeps such
    keys; the node needs it only to sign instruments.

    With an https address the node makes a certificate of its own and speaks TLS itself; its key is
    pinned by the letter of credence, so no public authority is needed.
    """
    from foedus.compose import create_node  # noqa: PLC0415  # heavy
    from foedus.model.identifiers import member_id  # noqa: PLC0415

    settings = Settings(
        data=session.directory,
        member=member_id(member),
        name=name,
        address=address,
        exercise=exercise,
        port=port,
        pull_interval_s=pull_interval,
        ledger_public=public_ledger,
        proxy_tls=certificate is not None and certificate_key is None,
        tls_certificate=None if certificate_key is None else certificate and certificate.resolve(),
        tls_key=None if certificate_key is None else certificate_key.resolve(),
    )
    if certificate is None and certificate_key is not None:
        raise click.UsageError("--certificate-key goes with --certificate")
    if certificate is not None and not address.startswith("https://"):
        raise click.UsageError("--certificate goes with an https address")
    wired = create_node(
        settings,
        user=user,
        certificate=None if certificate is None else certificate.read_bytes(),
    )
    identity = wired.node.identity
    wired.close()
    assert identity.authority is not None  # noqa: S101  # just made
    fingerprint = identity.authority.public.fingerprint
    emit(
        session,
        {"member": member, "data": str(settings.data), "fingerprint": fingerprint},
        lambda: (
            f"Node of {name} ({member}) made in {settings.data}.\n"
            f"Authority fingerprint: {fingerprint}\n"
            "Next: `foedus introduce -o LETTER`, send it to the others, and read the fingerprint "
            "to them by another channel.\n"
        ),
    )
    return Exit.DONE


@click.command()
@click.option("--port", type=int, help="Listen on another port than the settings say.")
@click.option(
    "--processes",
    type=click.IntRange(1, MAX_PROCESSES),
    help="Serve with so many processes behind the one port; the settings say otherwise.",
)
@pass_session
def serve(session: Session, *, port: int | None, processes: int | None) -> int:
    """Serve this node until stopped: TAXII for peers and tools, ledger, pulls from peers."""
    from foedus.cli.processes import serve_node  # noqa: PLC0415  # heavy
    from foedus.settings import load_settings  # noqa: PLC0415

    settings = load_settings(session.directory)
    return serve_node(
        settings, port=port or settings.port, processes=processes or settings.processes
    )


@click.command()
@click.option(
    "--peers", "ask", is_flag=True, help="Ask each peer too: its certificate and its clock."
)
@pass_session
def doctor(session: Session, *, ask: bool) -> int:
    """Check this node: keys, store, log, law, peers, lanes; say what is wrong and what helps."""
    from foedus.cli.wire_findings import own_findings, peer_findings  # noqa: PLC0415
    from foedus.node.doctor import examine  # noqa: PLC0415

    wired = session.wired
    findings = [*examine(wired.node, wired.ledger), *own_findings(wired)]
    if ask:
        findings += peer_findings(wired)
    rows = [(each.level, each.subject, each.text) for each in findings]
    emit(
        session,
        {
            "findings": [
                {"level": level, "subject": what, "text": text} for level, what, text in rows
            ]
        },
        lambda: table(("", "what", "finding"), rows),
    )
    return Exit.PARTIAL if any(level == "fault" for level, _, _ in rows) else Exit.DONE


@click.command()
@pass_session
def limits(session: Session) -> int:
    """Show the limits this node keeps, with their units and what happens beyond them."""
    from foedus.cli.limits_table import all_limits  # noqa: PLC0415

    rows = [(each.name, each.value, each.unit, each.beyond) for each in all_limits()]
    emit(
        session,
        {
            "limits": [
                dict(zip(("name", "value", "unit", "beyond"), row, strict=True)) for row in rows
            ]
        },
        lambda: table(("limit", "value", "unit", "beyond it"), rows),
    )
    return Exit.DONE
