"""``erase``: erase an item under an order; its log entries stay and prove nothing any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.output import emit, pass_session, say

if TYPE_CHECKING:
    from foedus.node.erase import Erased

__all__ = ["erase"]

_LINGERING: Final = (
    "what was erased still lies in the journal beside the database, since another process reads "
    "it; stop that process, or try `foedus erase --finish` again"
)


@click.command()
@click.argument("reference", required=False)
@click.option("--order", default="", help="The order carried out, as its author numbers it.")
@click.option("--reason", default="", help="Why; it stays on record, so name nobody in it.")
@click.option(
    "--finish",
    is_flag=True,
    help="Erase nothing more; only empty the journal of the database, where that failed before.",
)
@pass_session
def erase(
    session: Session,
    *,
    reference: str | None,
    order: str,
    reason: str,
    finish: bool,
) -> int:
    """Erase the item REFERENCE here, for good: bytes, values, text, and what would prove it.

    For the data-protection officer (role officer). The entries in the log stay, and every other
    item that was given together with this one is proved as before. Asking for a receipt is answered
    with the order. What others hold they erase themselves, as an order of recall tells them:
    `foedus orders issue recall --erase` sends it and erases here.
    """
    from foedus.node.erase import erase as do_erase  # noqa: PLC0415  # as every command's imports

    node, actor = session.wired.node, session.actor
    if finish:
        return _finished(session, emptied=node.database.forget())
    if reference is None:
        raise click.UsageError("what is to be erased? name an item, or give --finish")
    name = _named(session, reference)
    done = do_erase(node, actor, reference, order=order, reason=reason)
    emit(
        session,
        {
            "erasure": done.number,
            "order": order,
            "versions": done.versions,
            "disclosures": done.disclosures,
            "given to": list(done.recipients),
            "log entry": done.entry_index,
            "lingering": done.lingering,
        },
        lambda: _text(done, order, name=name),
    )
    if done.lingering:
        say(_LINGERING)
    return Exit.PARTIAL if done.lingering else Exit.DONE


def _named(session: Session, reference: str) -> str:
    """Return the id that everybody knows an item by; its holders have other numbers for it.

    Raises:
        DeniedError: The person may not erase.
        ErasedError: It was erased before.
        NotFoundError: Nothing here has that name.
    """
    from foedus.access import Role, require_role  # noqa: PLC0415
    from foedus.node.erase import erasure_named  # noqa: PLC0415
    from foedus.node.errors import ErasedError, NotFoundError  # noqa: PLC0415
    from foedus.node.find import resolve  # noqa: PLC0415

    require_role(session.actor, Role.OFFICER)
    node = session.wired.node
    with node.database.read() as tx:
        try:
            return str(resolve(tx, reference)[0].key.object_id)
        except NotFoundError as error:
            erased = erasure_named(tx, node, reference)
            if erased is None:
                raise
            raise ErasedError(
                f"{reference} was erased under order {erased.erasure.reference} on "
                f"{erased.erasure.at:%d %B %Y} already"
            ) from error


def _finished(session: Session, *, emptied: bool) -> int:
    emit(
        session,
        {"lingering": not emptied},
        lambda: "Nothing that was erased lingers.\n" if emptied else "",
    )
    if not emptied:
        say(_LINGERING)
    return Exit.DONE if emptied else Exit.PARTIAL


def _text(done: Erased, order: str, *, name: str) -> str:
    text = (
        f"Erased under order {order}: {done.versions} version"
        f"{'' if done.versions == 1 else 's'}, redacted forms included. "
        f"Log entry {done.entry_index} says so.\n"
    )
    if done.disclosures:
        text += (
            f"It stood in {done.disclosures} disclosure{'' if done.disclosures == 1 else 's'}; "
            "every other item in them is proved as before.\n"
        )
    if done.recipients:
        text += (
            f"Still to erase it: {', '.join(done.recipients)}, each with `foedus erase {name}`. "
            "Where no order of recall told them (`foedus orders issue recall`), ask in writing.\n"
        )
    return text
