"""``explain``: one item and one member, the whole story in words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from foedus.cli.app import Session
from foedus.cli.exits import Exit
from foedus.cli.instants import INSTANT
from foedus.cli.output import emit, pass_session
from foedus.cli.reading import note_read
from foedus.cli.treaty_law import articles_in_short
from foedus.cli.wish import held_handles
from foedus.cli.wording import (
    change_document,
    changes_in_words,
    grounds_in_words,
    obligations_in_words,
    reason_document,
    verdict_in_words,
)

if TYPE_CHECKING:
    from foedus.node.explain import Explanation
    from foedus.release.decide import Decision

__all__ = ["explain"]

_CHANGES_SHOWN = 12


@click.command()
@click.argument("item")
@click.option("--to", "recipient", required=True, help="The member.")
@click.option(
    "--purpose", default="", help="What for; if absent, that of the item decided most freely."
)
@click.option("--treaty", "treaty_ref", default="", help="Treaty; the only one if absent.")
@click.option(
    "--on", type=INSTANT, help="At another instant, by what is held now; freshness stays as now."
)
@pass_session
def explain(session: Session, /, *, item: str, recipient: str, **values: Any) -> int:
    """Explain why a member would be given ITEM, or not: facts, law, every article, what would help.

    Writes nothing. The same function decides here and at the release.
    """
    from foedus.model.identifiers import member_id  # noqa: PLC0415
    from foedus.node.errors import RefusedError  # noqa: PLC0415
    from foedus.node.explain import explain as explain_item  # noqa: PLC0415
    from foedus.node.find import find_treaty  # noqa: PLC0415

    wired = session.wired
    handles = held_handles(session, [item])
    if len(handles) != 1:
        raise RefusedError(f"{item} names {len(handles)} items; explain one of them")
    note_read(session, "explain", handles)
    with wired.node.database.read() as tx:
        treaty = find_treaty(tx, wired.node, values["treaty_ref"])
    found = explain_item(
        wired.node,
        session.actor,
        wired.gate,
        handles[0],
        member_id(recipient),
        treaty=treaty,
        purpose=values["purpose"],
        on=values["on"],
    )
    emit(session, _document(found), lambda: "\n".join(_story(found)) + "\n")
    return Exit.DONE


def _document(found: Explanation) -> dict[str, Any]:
    terms = found.facts.terms
    return {
        "number": str(found.item.number or ""),
        "id": found.item.key.object_id,
        "title": found.item.title,
        "sender": found.sender,
        "recipient": found.recipient,
        "treaty": found.treaty.id,
        "purpose": found.purpose,
        "at": _text(found.at),
        "facts": {
            **found.facts.document(),
            "originator": found.facts.originator,
            "received_under": found.facts.received_under,
            "terms": found.facts.terms_id,
            "purposes": sorted(terms.purposes),
            "offence": terms.offence,
            "person": terms.person.value,
            "review": _text(terms.review),
            "expiry": _text(terms.expiry),
        },
        "asserted": found.asserted.document(),
        "link": {
            "fresh": found.link.fresh,
            "why": found.link.why,
            "witnessed": found.link.witnessed,
            "unwitnessed": found.link.unwitnessed,
            "forked": found.link.forked,
        },
        "law": {
            "binds": found.law.binds,
            "why_not": found.law.why_not,
            "since": _text(found.bound_since),
            "articles": sorted(found.law.articles),
            "reserved": {article: list(who) for article, who in sorted(found.law.reserved.items())},
            "recognised": sorted(found.law.recognised),
            "digest": found.law.digest,
        },
        "articles": [
            {
                "article": each.article,
                "title": each.title,
                "proposed": each.proposed,
                **_decision_document(each.decision),
            }
            for each in found.articles
        ],
        "decision": None if found.decision is None else _decision_document(found.decision),
        "withheld": found.unredactable,
        "changes": [change_document(each) for each in found.changes],
        "given": [
            {"at": _text(each.at), "article": each.article, "log_entry": each.entry_index}
            for each in found.given
        ],
    }


def _decision_document(decision: Decision) -> dict[str, Any]:
    return {
        "verdict": decision.verdict.value,
        "obligations": decision.obligations.document(),
        "reasons": [reason_document(each) for each in decision.reasons],
        "valid_until": _text(decision.valid_until),
    }


def _story(found: Explanation) -> Iterator[str]:
    name = found.item.number or found.item.key.object_id
    yield f"{name}  {found.item.type}  {found.item.title}"
    yield f"to {found.recipient}, for {found.purpose}, under {found.treaty.title}"
    yield f"on {_day(found.at)}"
    yield from _given(found)
    yield from _section("The item", _facts(found))
    yield from _section(f"The law between {found.sender} and {found.recipient}", _law(found))
    yield from _section("Each article that permits something, relied on alone", _articles(found))
    yield from _section("What follows", _outcome(found))


def _section(title: str, lines: Iterator[str]) -> Iterator[str]:
    told = list(lines)
    if told:
        yield ""
        yield f"{title}:"
        yield from (f"  {line}" for line in told)


def _given(found: Explanation) -> Iterator[str]:
    if found.given:
        yield ""
    for each in found.given:
        yield (
            f"{found.recipient} was given it on {_day(each.at)} under article {each.article}; "
            f"log entry {each.entry_index}."
        )


def _facts(found: Explanation) -> Iterator[str]:
    facts, terms = found.facts, found.facts.terms
    onward = ", so that releasing it passes on what is another's" if facts.onward else ""
    yield f"originator {facts.originator}{onward}"
    yield f"marked {facts.tlp.label}, the strictest of its terms and of the marks in it"
    yield f"purposes {', '.join(sorted(terms.purposes)) or 'none'}; offence {terms.offence}"
    if facts.personal:
        yield f"personal data; the person appears as {terms.person.value}"
    else:
        yield "no personal data"
    if terms.handling:
        yield f"handling {', '.join(sorted(each.value for each in terms.handling))}"
    dates = [
        f"{word} {_day(date)}"
        for word, date in (("review due", terms.review), ("expires", terms.expiry))
        if date is not None
    ]
    if dates:
        yield "; ".join(dates)
    if facts.unknown_markings:
        yield f"markings nobody here understands: {', '.join(facts.unknown_markings)}"
    yield (
        f"neutrality reviewed by {terms.neutrality.by} on {_day(terms.neutrality.at)}"
        if terms.neutrality is not None
        else "neutrality not reviewed"
    )
    yield f"asserted by us: {_asserted(found)}"
    yield from _link(found)


def _link(found: Explanation) -> Iterator[str]:
    if found.link.fresh:
        yield f"our picture of {found.recipient} is fresh"
    else:
        yield f"our picture of {found.recipient} is not fresh: {found.link.why}"
    if not found.link.witnessed:
        yield f"our log is not witnessed: {found.link.unwitnessed}"
    elif found.treaty.witnessing is not None:
        yield "our log is witnessed within the treaty's limit"
    if found.link.forked:
        yield f"the log of {found.recipient} is proven forked"


def _asserted(found: Explanation) -> str:
    asserted = found.asserted
    consent = "the originator's consent" if asserted.consent else "no consent"
    if asserted.consent_until is not None:
        consent += f" until {_day(asserted.consent_until)}"
    approvals = f"{asserted.approvals} approvals" if asserted.approvals != 1 else "1 approval"
    threat = ", a threat to life" if asserted.threat_to_life else ""
    return f"{consent}, {approvals}{threat}"


def _law(found: Explanation) -> Iterator[str]:
    law = found.law
    if law.binds:
        since = found.bound_since
        yield "binds the two" + ("" if since is None else f" since {_day(since)}")
        yield f"articles in force: {articles_in_short(found.treaty, law.articles) or 'none'}"
    else:
        yield f"does not bind the two: {law.why_not}"
    for article, who in law.reserved.items():
        title = found.treaty.article(article).title
        yield f"article {article} ({title}) is reserved by {' and '.join(who)}"
    if law.binds:
        yield f"offences both recognise: {', '.join(sorted(law.recognised)) or 'none'}"


def _articles(found: Explanation) -> Iterator[str]:
    for each in found.articles:
        verdict = verdict_in_words(each.decision.verdict)
        reasons = [one for one in each.decision.reasons if one.kind.value != "no-permit"]
        against = "; ".join(grounds_in_words(reasons or each.decision.reasons))
        mark = "  <- proposed" if each.proposed else ""
        told = verdict if each.decision.verdict.releases else f"{verdict}: {against}"
        yield f"{each.article} ({each.title}): {told}{mark}"


def _outcome(found: Explanation) -> Iterator[str]:
    decision = found.decision
    if decision is None:
        yield f"{found.recipient} is its originator: there is nothing to decide"
        return
    under = "" if decision.article is None else f" under article {decision.article}"
    if found.unredactable:
        yield f"withheld{under}: what is to be left out cannot be: {found.unredactable}"
        return
    releases = decision.verdict.releases
    yield verdict_in_words(decision.verdict) + (under if releases or not _denied(decision) else "")
    duties = [each for each in decision.reasons if each.kind.value == "duty"]
    others = [each for each in decision.reasons if each.kind.value != "duty"]
    yield from (f"because {each}" for each in grounds_in_words(others))
    yield from (f"duty: {each.text}" for each in duties)
    yield from obligations_in_words(decision.obligations)
    if releases and decision.valid_until is not None:
        yield f"holds until {_day(decision.valid_until)}, if nothing new arrives"
    if releases:
        return
    changes = changes_in_words(found.changes, most=_CHANGES_SHOWN)
    yield from (f"would change if {each}" for each in changes)
    if not changes:
        yield "no small change would free it"


def _denied(decision: Decision) -> bool:
    return decision.verdict.value == "deny"


def _day(instant: datetime) -> str:
    from foedus.node.law_words import day  # noqa: PLC0415

    return day(instant)


def _text(instant: datetime | None) -> str | None:
    from foedus.clock import instant_text  # noqa: PLC0415

    return None if instant is None else instant_text(instant)
