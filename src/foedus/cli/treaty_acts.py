"""``treaty``: what a member states about it: sign, ratify."""

from __future__ import annotations

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.output import emit, pass_session

__all__ = ["ratify_treaty", "sign_treaty"]


@click.command("sign")
@click.argument("treaty_ref", default="")
@pass_session
def sign_treaty(session: Session, *, treaty_ref: str) -> int:
    """Sign a treaty with the authority key: the text is authentic, consent is announced."""
    from foedus.node.find import find_treaty  # noqa: PLC0415
    from foedus.node.ratify import sign  # noqa: PLC0415

    wired = session.wired
    with wired.node.database.read() as tx:
        which = find_treaty(tx, wired.node, treaty_ref)
    instrument = sign(wired.node, session.actor, wired.gate, which)
    emit(
        session,
        {"treaty": which, "instrument": instrument.id, "serial": instrument.serial},
        lambda: f"Signed {which[:12]} (instrument no. {instrument.serial}).\n",
    )
    return Exit.DONE


@click.command("ratify")
@click.argument("treaty_ref", default="")
@click.option("--reserve", multiple=True, help="Article not to apply to this member; repeatable.")
@click.option("--recognise", multiple=True, help="Offence category recognised; all when absent.")
@click.option(
    "--form",
    default="ratification",
    show_default=True,
    type=click.Choice(["ratification", "acceptance", "approval"]),
    help="By which act this member consents.",
)
@pass_session
def ratify_treaty(
    session: Session,
    *,
    treaty_ref: str,
    reserve: tuple[str, ...],
    recognise: tuple[str, ...],
    form: str,
) -> int:
    """Consent to be bound by a treaty, with reservations where it admits them.

    A reservation cuts both ways: the article then applies to this member neither as sender nor as
    recipient.
    """
    from foedus.model.identifiers import ArticleId  # noqa: PLC0415
    from foedus.node.find import find_treaty  # noqa: PLC0415
    from foedus.node.ratify import ratify  # noqa: PLC0415
    from foedus.treaty.instrument import Form  # noqa: PLC0415

    wired = session.wired
    with wired.node.database.read() as tx:
        which = find_treaty(tx, wired.node, treaty_ref)
    instrument = ratify(
        wired.node,
        session.actor,
        wired.gate,
        which,
        reservations=[ArticleId(each) for each in reserve],
        recognises=recognise,
        form=Form(form),
    )
    emit(
        session,
        {"treaty": which, "instrument": instrument.id, "reservations": sorted(reserve)},
        lambda: (
            f"Consent to {which[:12]} given by {form}"
            + (f", reserving {', '.join(sorted(reserve))}" if reserve else "")
            + ".\n"
        ),
    )
    return Exit.DONE
