"""Instruments and happenings in words, the same in every list, table and page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, time
from typing import assert_never

from foedus.model.identifiers import ObjectId
from foedus.signing import enough
from foedus.treaty.articles import Witnessing
from foedus.treaty.durations import length_text
from foedus.treaty.events import Event, What
from foedus.treaty.instrument import (
    Accession,
    Admission,
    Amendment,
    Declaration,
    Denunciation,
    FullPowers,
    Instrument,
    InstrumentBody,
    Objection,
    Ratification,
    Reservation,
    Revocation,
    Signature,
    Suspension,
    UnknownInstrument,
    Withdrawal,
)
from foedus.treaty.standing import Stage

__all__ = [
    "day",
    "event_story",
    "event_words",
    "kind_of",
    "says",
    "stage_words",
    "witnessing_words",
]

_KINDS: dict[type[InstrumentBody], str] = {
    FullPowers: "full powers",
    Revocation: "revocation",
    Signature: "signature",
    Ratification: "ratification",
    Admission: "admission",
    Accession: "accession",
    Reservation: "reservation",
    Objection: "objection",
    Withdrawal: "withdrawal",
    Declaration: "declaration",
    Amendment: "amendment",
    Suspension: "suspension",
    Denunciation: "denunciation",
}
_SHOWN_ID = 12


def kind_of(one: Instrument) -> str:
    """Return what an instrument is called."""
    match one.body:
        case Ratification():
            return one.body.form.value
        case UnknownInstrument():
            return f"{one.body.kind[:40]} (not understood)"
        case _:
            return _KINDS[type(one.body)]


def says(body: InstrumentBody, known: Mapping[ObjectId, Instrument] | None = None) -> str:
    """Return what an instrument says, beyond its kind; "" if nothing.

    Args:
        body: Of the instrument.
        known: Instruments by id: one that is taken back is told by kind and number, not by id.
    """
    match body:
        case FullPowers() | Revocation():
            return _of_keys(body)
        case Ratification() | Accession():
            return _of_consent(body)
        case Reservation() | Objection() | Withdrawal():
            return _of_articles(body, known or {})
        case Declaration() | Admission() | Amendment() | Suspension():
            return _of_others(body)
        case UnknownInstrument():
            return body.why
        case Signature() | Denunciation():
            return ""
        case _:
            assert_never(body)


def event_words(event: Event) -> str:
    """Return a happening as a sentence without its date."""
    who = event.member or "the treaty"
    if event.what is What.IN_FORCE:
        return "the treaty enters into force"
    if event.what is What.SUSPENDED and event.member is None:
        return "the operation of the treaty is suspended between all"
    if event.what is What.RESUMED and event.member is None:
        return "the suspension between all ends"
    verb = _VERBS.get(event.what, event.what.value)
    detail = event.detail
    if event.what is What.AMENDED:
        return f"the amendment {detail[:_SHOWN_ID]} is adopted"
    return f"{who} {verb}" + (f": {detail}" if detail else "")


def event_story(event: Event, known: Mapping[ObjectId, Instrument]) -> str:
    """Return a happening as a sentence, with what the instrument said that brought it about.

    Args:
        event: The happening.
        known: Instruments by id.
    """
    told = event_words(event)
    one = None if event.instrument is None else known.get(event.instrument)
    if one is None or event.what not in _TELLING:
        return told
    words = says(one.body, known)
    if event.what in _SAID_WITH_A_VERB:
        return f"{event.member} {words}"
    return f"{told}: {words}" if words else told


def stage_words(stage: Stage) -> str:
    """Return how far a member has come, as tables show it."""
    return "no act yet" if stage is Stage.NONE else stage.value


def day(instant: datetime | None) -> str:
    """Return an instant as people write it: the day, and the time of day unless it is midnight."""
    if instant is None:
        return ""
    if instant.time() == time():
        return f"{instant:%Y-%m-%d}"
    return f"{instant:%Y-%m-%d %H:%M}"


_TELLING = frozenset(
    {
        What.ADMISSION_AGREED,
        What.RATIFIED,
        What.ACCEDED,
        What.RESERVED,
        What.OBJECTED,
        What.WITHDREW,
        What.DECLARED,
        What.AMENDMENT_ACCEPTED,
        What.SUSPENSION_AGREED,
        What.REVOKED,
    }
)
"""Happenings of which people want to know what was said; the others say it themselves."""

_SAID_WITH_A_VERB = frozenset({What.RESERVED, What.WITHDREW, What.AMENDMENT_ACCEPTED})
"""What their instruments say begins with the verb."""

_VERBS = {
    What.PARTY: "is a party",
    What.LEFT: "leaves; its denunciation takes effect",
    What.SUSPENDED: "is suspended",
    What.RESUMED: "is suspended no more",
    What.ADMITTED: "is admitted",
    What.FULL_POWERS: "issued full powers",
    What.REVOKED: "revoked keys",
    What.NOT_UNDERSTOOD: "issued what is not understood",
    What.VOIDED: "contradicted itself",
    What.NO_EFFECT: "issued without effect",
}


def _of_keys(body: FullPowers | Revocation) -> str:
    if isinstance(body, Revocation):
        return f"keys {', '.join(key.key_id for key in body.keys)}"
    keys = ", ".join(f"{grant.purpose.value} {grant.key.key_id}" for grant in body.keys)
    pins = "".join(f", tls {pin.spki[:16]}" for pin in body.tls)
    return f"node at {body.address}; keys: {keys}{pins}"


def _of_consent(body: Ratification | Accession) -> str:
    reserved = _articles("reserves", body.reservations) if body.reservations else ""
    recognised = f"recognises {', '.join(body.recognises)}" if body.recognises else ""
    return "; ".join(words for words in (reserved, recognised) if words)


def _of_articles(
    body: Reservation | Objection | Withdrawal, known: Mapping[ObjectId, Instrument]
) -> str:
    match body:
        case Reservation():
            return _articles("reserves", body.articles)
        case Objection():
            words = _articles(f"to the reservation by {body.to} of", body.articles)
            opposing = "; the treaty is not to be in force between the two"
            return words + (opposing if body.opposing else "")
        case Withdrawal():
            taken = known.get(body.of)
            what = body.of if taken is None else f"{kind_of(taken)} no. {taken.serial}"
            if taken is not None and isinstance(taken.body, Ratification | Accession):
                what = f"the reservations in {what}"
            part = f", {_articles('as to', body.articles)}" if body.articles else ""
            return f"takes back {what}{part}"
        case _:
            assert_never(body)


def _of_others(body: Declaration | Admission | Amendment | Suspension) -> str:
    match body:
        case Admission():
            return f"of {body.candidate} ({body.name}), key {body.authority}"
        case Amendment():
            return f"accepts {body.successor[:_SHOWN_ID]} in place of this text"
        case Suspension():
            who = "between all" if body.of is None else f"with {body.of}"
            return who + ("" if body.until is None else f" until {day(body.until)}")
        case Declaration():
            recognised = f"recognises {', '.join(body.recognises)}" if body.recognises else ""
            defined = "; ".join(f"{offence}: {words}" for offence, words in body.definitions)
            return "; ".join(words for words in (body.text or "", recognised, defined) if words)
        case _:
            assert_never(body)


def _articles(verb: str, articles: Iterable[str]) -> str:
    listed = list(articles)
    return f"{verb} Article{'s' if len(listed) != 1 else ''} {', '.join(listed)}"


def witnessing_words(figures: Witnessing, members: int) -> str:
    """Return what a treaty's figures of witnessing come to.

    Args:
        figures: Of the treaty.
        members: With how many members the treaty operates.
    """
    witnesses = max(0, members - 1)
    needed = enough(witnesses, figures.liars)
    who = (
        f"{needed} of {witnesses} witnesses are enough for a log ({figures.liars} may lie)"
        if needed <= witnesses
        else f"{witnesses} witnesses of a log are too few ({figures.liars} may lie)"
    )
    alone = (
        "; each is the other's only witness, which proves less"
        if witnesses == 1 and not figures.liars
        else ""
    )
    limit = length_text(figures.unwitnessed)
    return f"{who}; unwitnessed for {limit}, its owner releases nothing new{alone}"
