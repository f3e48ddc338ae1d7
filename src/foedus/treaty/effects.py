"""What each instrument does when its instant comes, or why it does nothing.

Rules by kind. What has no effect is noted and has none until it is lodged anew.

* **Signature.** Only of a member the annex lists, and not after it denounced: it comes back by
  accession (VCLT Art. 12, 15).
* **Ratification.** Needs a signature that counts, before it or with it (VCLT Art. 14). One that
  reserves, itself or by a document of the same instant, an article which admits no reservation has
  no effect as a whole: the consent was given with the reservation, so dropping that would bind the
  member to what it did not accept (VCLT Art. 19). A second one withdraws reservations it does not
  repeat and may recognise more offences; what it newly reserves has no effect (VCLT Art. 19, 22).
  Not after a denunciation.
* **Admission.** By a party with a voice, for a State that is not a member, or is no longer one; a
  State that was a member before keeps its key (VCLT Art. 15).
* **Accession.** Only by who was admitted. A member the annex lists ratifies instead, unless it had
  left. Reservations as for a ratification (VCLT Art. 15, 19).
* **Reservation.** Counts with the consent it accompanies, which bears the same instant. One made
  before is only announced: to count, the ratification repeats it (VCLT Art. 23(2)). One made after
  counts only where the treaty allows late reservations (VCLT Art. 19). None counts for an article
  that admits none, and none for an article reserved already.
* **Objection.** By who has consented, to an article the other reserves, within the treaty's period
  from that reservation or from the own consent, whichever is later (VCLT Art. 20(4)(b), (5)). It
  stands whenever the article is reserved (VCLT Art. 21, 22).
* **Declaration.** Counts while its author is bound by consent; offences the treaty does not list
  are noted. One issued later defines an offence anew.
* **Amendment, suspension.** By a party with a voice; an amendment names another text, a suspension
  a party or nobody (VCLT Art. 40, 57, 60).
* **Denunciation.** Needs consent, and no denunciation that runs (VCLT Art. 54, 56).
* **Withdrawal.** Of an own instrument that still has the effect to be taken back (VCLT Art. 22,
  68). Consent is not withdrawn but denounced (VCLT Art. 42(2)); an adopted amendment stays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from foedus.model.identifiers import ArticleId, MemberId
from foedus.treaty.articles import Treaty
from foedus.treaty.assembly import Assembly, Limited, Position, named, said
from foedus.treaty.instrument import (
    Accession,
    Admission,
    Amendment,
    Declaration,
    Denunciation,
    Instrument,
    InstrumentBody,
    Objection,
    Ratification,
    Reservation,
    Signature,
    Suspension,
    Withdrawal,
)

__all__ = ["apply"]


def apply(assembly: Assembly, position: Position, one: Instrument) -> str | None:
    """Let an instrument of a member's own authority take effect.

    Args:
        assembly: Changed.
        position: That of the member.
        one: About this treaty; of a kind that is known.

    Returns:
        Why it has no effect; None if it has.
    """
    return _EFFECTS[type(one.body)](assembly, position, one)


def _gone(position: Position) -> str | None:
    if position.left is not None:
        return "it has left; it comes back by accession"
    if position.running() is not None:
        return "its denunciation runs; it may be withdrawn"
    return None


def _sign(_assembly: Assembly, position: Position, one: Instrument) -> str | None:
    if not position.listed:
        return "the text is open for signature to those the annex lists"
    if (gone := _gone(position)) is not None:
        return gone
    position.signed[one.id] = one.issued
    return None


def _ratify(assembly: Assembly, position: Position, one: Instrument) -> str | None:
    if not position.listed or position.acceded:
        return "who is bound by accession widens its consent by withdrawal or declaration"
    if (gone := _gone(position)) is not None:
        return gone
    if not position.signed:
        return "it was lodged before a signature"
    return _consent(assembly, position, one, said(one, Ratification).recognises)


def _accede(assembly: Assembly, position: Position, one: Instrument) -> str | None:
    if position.admitted is None and not position.acceded:
        if position.listed and position.left is None:
            return "a member the annex lists ratifies"
        return "it was not admitted"
    if position.running() is not None:
        return _gone(position)
    if (reason := _consent(assembly, position, one, said(one, Accession).recognises)) is not None:
        return reason
    position.acceded = True
    position.left = position.notice = position.admitted = None
    return None


def _consent(
    assembly: Assembly, position: Position, one: Instrument, recognises: Iterable[str]
) -> str | None:
    """Take over a consent unless what it reserves cannot be reserved."""
    articles = sorted(named(one))
    for other in assembly.companions.get(one.member, ()):
        if other.authority == position.authority:
            articles += sorted(named(other))
    if (refused := assembly.refused(articles)) is not None:
        return refused
    _note_offences(assembly.treaty, position, one.serial, recognises)
    if position.consents:
        before = named(position.consents[0]).union(*map(named, position.reservations))
        for article in sorted(named(one) - before):
            position.note(
                one.serial,
                f"serial {one.serial}: Article {article} was not reserved on first ratifying; "
                "no effect",
            )
    position.consents.append(one)
    return None


def _reserve(assembly: Assembly, position: Position, one: Instrument) -> str | None:
    if (refused := assembly.refused(sorted(named(one)))) is not None:
        return refused
    if position.ratified is None:
        return "it is announced only: the ratification must repeat it"
    if position.ratified != one.issued and not assembly.treaty.clauses.late_reservations:
        return "the treaty admits no reservation after consent"
    if named(one) <= position.reserved.keys():
        return "what it names is reserved already"
    position.reservations.append(one)
    return None


def _denounce(assembly: Assembly, position: Position, one: Instrument) -> str | None:
    if not position.consents:
        return "there is no consent to end"
    if position.running() is not None:
        return "a denunciation runs already"
    position.denunciations.append(one)
    position.notice = one.issued + assembly.treaty.limits.denunciation_notice
    return None


def _voiceless(assembly: Assembly, position: Position) -> str | None:
    return None if position.member in assembly.voices else "only a party with a voice may say so"


def _agree_to_admit(assembly: Assembly, position: Position, one: Instrument) -> str | None:
    body = said(one, Admission)
    if (reason := _voiceless(assembly, position)) is not None:
        return reason
    known = assembly.positions.get(body.candidate)
    if known is not None and (known.left is None or known.admitted is not None):
        return f"{body.candidate} is a member, or was admitted already"
    if known is not None and known.authority != body.authority:
        return f"{body.candidate} was a member under another key"
    assembly.admissions.setdefault(body.candidate, {})[position.member] = one
    return None


def _object(assembly: Assembly, position: Position, one: Instrument) -> str | None:
    body = said(one, Objection)
    if position.ratified is None:
        return "only who has consented may object"
    other = assembly.positions.get(body.to)
    reserved = {} if other is None else other.reserved
    standing = [article for article in body.articles if article in reserved]
    if not standing:
        return f"{body.to} has reserved none of these articles"
    period = assembly.treaty.clauses.objection_period
    timely = frozenset(
        article
        for article in standing
        if one.issued <= _latest(reserved[article], position.ratified, period)
    )
    if not timely:
        return "the period for objections is over"
    position.objections.append(Limited(instrument=one, target=body.to, articles=timely))
    return None


def _latest(reserved: datetime, consented: datetime, period: timedelta) -> datetime:
    return max(reserved, consented) + period


def _declare(assembly: Assembly, position: Position, one: Instrument) -> str | None:
    body = said(one, Declaration)
    defined = [offence for offence, _ in body.definitions if offence not in body.recognises]
    _note_offences(assembly.treaty, position, one.serial, [*body.recognises, *defined])
    position.declarations.append(one)
    return None


def _accept(assembly: Assembly, position: Position, one: Instrument) -> str | None:
    body = said(one, Amendment)
    if (reason := _voiceless(assembly, position)) is not None:
        return reason
    if body.successor == assembly.treaty.id:
        return "a text does not amend itself"
    assembly.amendments.setdefault(body.successor, {})[position.member] = one
    return None


def _agree_to_suspend(assembly: Assembly, position: Position, one: Instrument) -> str | None:
    body = said(one, Suspension)
    if (reason := _voiceless(assembly, position)) is not None:
        return reason
    if body.until is not None and body.until <= one.issued:
        return "it ran out before it was issued"
    if body.of is not None and not _is_party(assembly, body.of):
        return f"{body.of} is not a party"
    assembly.suspensions.setdefault(body.of, {})[position.member] = one
    return None


def _is_party(assembly: Assembly, member: MemberId) -> bool:
    position = assembly.positions.get(member)
    return position is not None and position.party


def _withdraw(assembly: Assembly, position: Position, one: Instrument) -> str | None:
    body = said(one, Withdrawal)
    if any(body.of == consent.id and not named(consent) for consent in position.consents):
        return "consent is not withdrawn but denounced"
    if (articles := _articles_to_withdraw(position, body)) is not None:
        if not articles:
            return "none of these articles is reserved or objected to by it"
        position.withdrawals.append(Limited(instrument=one, target=body.of, articles=articles))
        return None
    if any(body.of == denunciation.id for denunciation in position.denunciations):
        if (reason := _take_back(position, one, body)) is None:
            position.notice = None
        return reason
    if any(_is_own(votes, position, body) for votes in assembly.suspensions.values()):
        return _take_back(position, one, body)
    return _drop(assembly, position, body)


def _articles_to_withdraw(position: Position, body: Withdrawal) -> frozenset[ArticleId] | None:
    """Return the articles a withdrawal takes back; None if it is of nothing that names articles."""
    for one in (*position.consents, *position.reservations):
        if one.id == body.of:
            held = named(one) & position.reserved.keys()
            return held & (frozenset(body.articles) or held)
    for objection in position.objections:
        if objection.instrument.id == body.of:
            held = objection.articles - position.withdrawn(body.of)
            return held & (frozenset(body.articles) or held)
    return None


def _take_back(position: Position, one: Instrument, body: Withdrawal) -> str | None:
    if position.took_back(body.of):
        return "it was withdrawn already"
    position.withdrawals.append(
        Limited(instrument=one, target=body.of, articles=frozenset(body.articles))
    )
    return None


def _drop(assembly: Assembly, position: Position, body: Withdrawal) -> str | None:
    """Take back what only its author can miss; a later conflict does not bring it back."""
    if body.of in position.signed:
        if position.consents:
            return "it has consented since; consent is not withdrawn but denounced"
        del position.signed[body.of]
        return None
    for declaration in position.declarations:
        if declaration.id == body.of:
            position.declarations.remove(declaration)
            return None
    return _drop_vote(assembly, position, body)


def _drop_vote(assembly: Assembly, position: Position, body: Withdrawal) -> str | None:
    for text, acceptances in assembly.amendments.items():
        if text in assembly.adopted and _is_own(acceptances, position, body):
            return "the amendment is adopted; its acceptance stays"
    for votes in (*assembly.amendments.values(), *assembly.admissions.values()):
        if _is_own(votes, position, body):
            del votes[position.member]
            return None
    return "there is nothing of that id to withdraw"


def _is_own(votes: dict[MemberId, Instrument], position: Position, body: Withdrawal) -> bool:
    vote = votes.get(position.member)
    return vote is not None and vote.id == body.of


def _note_offences(
    treaty: Treaty, position: Position, serial: int, offences: Iterable[str]
) -> None:
    for offence in offences:
        if offence not in treaty.offences:
            position.note(serial, f"serial {serial}: the treaty lists no offence {offence[:40]!r}")


_EFFECTS: Final[
    Mapping[type[InstrumentBody], Callable[[Assembly, Position, Instrument], str | None]]
] = {
    Signature: _sign,
    Ratification: _ratify,
    Admission: _agree_to_admit,
    Accession: _accede,
    Reservation: _reserve,
    Objection: _object,
    Declaration: _declare,
    Amendment: _accept,
    Suspension: _agree_to_suspend,
    Denunciation: _denounce,
    Withdrawal: _withdraw,
}
