"""``treaty``: what a member states about it: sign, ratify, accede, and everything after."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.instants import INSTANT
from foedus.cli.output import emit, pass_session

if TYPE_CHECKING:
    from foedus.access import Actor
    from foedus.model.identifiers import ObjectId, TreatyId
    from foedus.node.context import Node
    from foedus.node.statements import Issued
    from foedus.release.gate import Gate
    from foedus.treaty.instrument import Instrument

__all__ = [
    "accede_treaty",
    "admit_state",
    "amend_treaty",
    "declare_law",
    "denounce_treaty",
    "object_reservation",
    "ratify_treaty",
    "reserve_articles",
    "sign_treaty",
    "suspend_treaty",
    "withdraw_statement",
]

_treaty_option = click.option(
    "--treaty",
    "treaty_ref",
    default="",
    help="Treaty, by how its id begins; the only one if absent.",
)


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


@click.command("accede")
@click.argument("treaty_ref", default="")
@click.option("--reserve", multiple=True, help="Article not to apply to this member; repeatable.")
@click.option("--recognise", multiple=True, help="Offence category recognised; all when absent.")
@pass_session
def accede_treaty(
    session: Session, *, treaty_ref: str, reserve: tuple[str, ...], recognise: tuple[str, ...]
) -> int:
    """Consent to be bound, as a State that the parties admitted (VCLT Art. 15).

    Who is on the treaty's list of original members signs and ratifies instead.
    """
    from foedus.model.identifiers import ArticleId  # noqa: PLC0415
    from foedus.node.treaty_acts import accede  # noqa: PLC0415

    articles = [ArticleId(each) for each in reserve]
    return _do(
        session,
        treaty_ref,
        lambda node, actor, gate, which: accede(
            node, actor, gate, which, reservations=articles, recognises=recognise
        ),
    )


@click.command("reserve")
@click.argument("articles", nargs=-1, required=True, metavar="ARTICLE...")
@_treaty_option
@pass_session
def reserve_articles(session: Session, *, articles: tuple[str, ...], treaty_ref: str) -> int:
    """Reserve ARTICLEs by a document of its own, where the treaty admits that after consent.

    Otherwise reservations are made with the consent itself: `ratify --reserve`, `accede --reserve`.
    A reserved article applies between this member and nobody, in either direction.
    """
    from foedus.model.identifiers import ArticleId  # noqa: PLC0415
    from foedus.node.treaty_acts import reserve  # noqa: PLC0415

    named = [ArticleId(each) for each in articles]
    return _do(
        session,
        treaty_ref,
        lambda node, actor, gate, which: reserve(node, actor, gate, which, named),
    )


@click.command("object")
@click.argument("member")
@click.option("--article", "articles", multiple=True, help="Reserved article; all when absent.")
@click.option(
    "--opposing", is_flag=True, help="The treaty is then not in force between the two at all."
)
@_treaty_option
@pass_session
def object_reservation(
    session: Session, *, member: str, articles: tuple[str, ...], opposing: bool, treaty_ref: str
) -> int:
    """Object to a reservation of MEMBER (VCLT Art. 20, 21).

    A simple objection is on record; the reserved article is not in force between the two either
    way. With `--opposing` nothing of the treaty is, while the reservation and the objection stand.
    """
    from foedus.model.identifiers import ArticleId, member_id  # noqa: PLC0415
    from foedus.node.treaty_acts import object_to  # noqa: PLC0415

    other, named = member_id(member), [ArticleId(each) for each in articles]
    return _do(
        session,
        treaty_ref,
        lambda node, actor, gate, which: object_to(
            node, actor, gate, which, other, articles=named, opposing=opposing
        ),
    )


@click.command("withdraw")
@click.argument("number", metavar="NUMBER|ID")
@click.option(
    "--article",
    "articles",
    multiple=True,
    help="Only as to this article of a reservation or objection; the whole when absent.",
)
@_treaty_option
@pass_session
def withdraw_statement(
    session: Session, *, number: str, articles: tuple[str, ...], treaty_ref: str
) -> int:
    """Take back an earlier statement of this member: such as a reservation or an objection.

    `foedus treaty instruments` shows the numbers. Consent is not withdrawn but denounced.
    """
    from foedus.model.identifiers import ArticleId  # noqa: PLC0415
    from foedus.node.treaty_acts import withdraw  # noqa: PLC0415

    named = [ArticleId(each) for each in articles]
    return _do(
        session,
        treaty_ref,
        lambda node, actor, gate, which: withdraw(node, actor, gate, which, number, articles=named),
    )


@click.command("declare")
@click.option("--text", default="", help="Words for people; a machine does nothing with them.")
@click.option("--recognises", multiple=True, help="Further offence category this law recognises.")
@click.option(
    "--definition",
    "definitions",
    multiple=True,
    metavar="OFFENCE=TEXT",
    help="How this member's law defines an offence; repeatable.",
)
@_treaty_option
@pass_session
def declare_law(
    session: Session,
    *,
    text: str,
    recognises: tuple[str, ...],
    definitions: tuple[str, ...],
    treaty_ref: str,
) -> int:
    """Declare something about this member's law: words, offences recognised, their definitions."""
    from foedus.node.treaty_acts import declare  # noqa: PLC0415

    given: dict[str, str] = {}
    for each in definitions:
        offence, separator, words = each.partition("=")
        if not separator or offence.strip() in given:
            raise click.UsageError(
                f"--definition {each[:40]!r}: give OFFENCE=TEXT, once for each offence"
            )
        given[offence.strip()] = words.strip()
    return _do(
        session,
        treaty_ref,
        lambda node, actor, gate, which: declare(
            node, actor, gate, which, text=text, recognises=recognises, definitions=given
        ),
    )


@click.command("amend")
@click.argument("successor")
@_treaty_option
@pass_session
def amend_treaty(session: Session, *, successor: str, treaty_ref: str) -> int:
    """Accept that the text SUCCESSOR takes the place of this one (VCLT Art. 39, 40).

    The new text must be adopted here, and is signed and ratified like any treaty. Once it is in
    force between two members that accepted it, it alone governs them; others keep the old text.
    """
    from foedus.node.find import find_treaty  # noqa: PLC0415
    from foedus.node.treaty_acts import accept_amendment  # noqa: PLC0415

    node = session.wired.node
    with node.database.read() as tx:
        new = find_treaty(tx, node, successor)
        if not treaty_ref:
            # With one other text known, that is the one meant.
            others = sorted(set(node.law.view(tx).treaties) - {new})
            treaty_ref = others[0] if len(others) == 1 else treaty_ref
    return _do(
        session,
        treaty_ref,
        lambda node, actor, gate, which: accept_amendment(node, actor, gate, which, new),
    )


@click.command("suspend")
@click.option("--with", "member", default="", help="With which member; between all when absent.")
@click.option(
    "--until", type=INSTANT, help="From when this no longer holds; until withdrawn when absent."
)
@_treaty_option
@pass_session
def suspend_treaty(
    session: Session, *, member: str, until: datetime | None, treaty_ref: str
) -> int:
    """Agree that the treaty's operation be suspended, with one member or between all.

    It is suspended once as many of the other parties agree as the treaty asks for (VCLT Art. 57,
    60). Duties under it go on.
    """
    from foedus.model.identifiers import member_id  # noqa: PLC0415
    from foedus.node.treaty_acts import suspend  # noqa: PLC0415

    other = member_id(member) if member else None
    return _do(
        session,
        treaty_ref,
        lambda node, actor, gate, which: suspend(node, actor, gate, which, other, until=until),
    )


@click.command("denounce")
@click.argument("treaty_ref", default="")
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_session
def denounce_treaty(session: Session, *, treaty_ref: str, yes: bool) -> int:
    """Give notice that this member leaves (VCLT Art. 54, 56).

    Releases go on until the notice has run out; it may be withdrawn until then. What survives is
    shown by `foedus treaty residual`.
    """
    from foedus.node.find import find_treaty  # noqa: PLC0415
    from foedus.node.treaty_acts import denounce  # noqa: PLC0415

    node = session.wired.node
    with node.database.read() as tx:
        which = find_treaty(tx, node, treaty_ref)
        title = node.law.view(tx).treaty(which).treaty.short_title
    if not yes:
        click.confirm(
            f"Denounce {title} in the name of {node.identity.member}?", abort=True, err=True
        )
    return _do(session, which, denounce)


@click.command("admit")
@click.argument("state")
@click.option("--name", default="", help="Its name; that of its letter of credence when absent.")
@click.option(
    "--authority",
    default="",
    help="Fingerprint of its authority's key; that of its accepted letter when absent.",
)
@_treaty_option
@pass_session
def admit_state(session: Session, *, state: str, name: str, authority: str, treaty_ref: str) -> int:
    """Agree that STATE, which the treaty does not list, may accede (VCLT Art. 15).

    It is admitted once as many parties agree, naming the same key, as the treaty asks for.
    """
    from foedus.model.identifiers import member_id  # noqa: PLC0415
    from foedus.node.treaty_acts import admit  # noqa: PLC0415

    candidate = member_id(state)
    return _do(
        session,
        treaty_ref,
        lambda node, actor, gate, which: admit(
            node, actor, gate, which, candidate, name=name, authority=authority
        ),
    )


def _do(
    session: Session, treaty_ref: str, act: Callable[[Node, Actor, Gate, TreatyId], Issued]
) -> int:
    """Find the treaty, act, and say what was issued and what follows from it."""
    from foedus.node.find import find_treaty  # noqa: PLC0415

    wired = session.wired
    with wired.node.database.read() as tx:
        which = find_treaty(tx, wired.node, treaty_ref)
    issued = act(wired.node, session.actor, wired.gate, which)
    with wired.node.database.read() as tx:
        known = {each.id: each for each in wired.node.law.view(tx).instruments}
    _tell(session, which, issued, known)
    return Exit.DONE


def _tell(
    session: Session, treaty: TreatyId, issued: Issued, known: Mapping[ObjectId, Instrument]
) -> None:
    from foedus.clock import instant_text  # noqa: PLC0415
    from foedus.node.law_words import day, event_words, kind_of, says  # noqa: PLC0415

    one = issued.instrument
    kind, words = kind_of(one), says(one.body, known)
    events = [(instant_text(each.at), event_words(each)) for each in issued.effects]
    emit(
        session,
        {
            "treaty": treaty,
            "instrument": one.id,
            "serial": one.serial,
            "kind": kind,
            "says": words,
            "effects": [{"at": at, "what": what} for at, what in events],
        },
        lambda: (
            (f"Issued: {kind} no. {one.serial}" + (f", {words}" if words else "") + ".\n")
            + "".join(f"  {day(each.at)}  {event_words(each)}\n" for each in issued.effects)
        ),
    )
