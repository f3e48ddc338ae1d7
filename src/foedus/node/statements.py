"""Sign, store, log and send a statement of our own member: one unit of work, tried out first.

Rules, in the order the code applies them:

1. The authority key is on this machine.
2. Under a treaty, our member is one its annex lists, or a State admitted to it, and known there by
   that key (VCLT Art. 7, 15).
3. The clock is not behind the newest of our own instruments: statements are not back-dated.
4. The statement does not merely repeat one that stands.
5. It is signed and the treaty's rules are run with it, without storing it. Where they would give it
   no effect, or only part of what it says, it is refused with their own words: a member never
   issues what the others will ignore.
6. Then it is stored, entered in the log and put into the instrument lane of every introduced
   member.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from foedus.clock import instant_text
from foedus.model.identifiers import MemberId, TreatyId
from foedus.model.kinds import FoedusKind, wrap_document
from foedus.model.objects import StixObject, parse_object
from foedus.node.context import Node
from foedus.node.dispatch import LANE_INSTRUMENTS, send_documents
from foedus.node.errors import NotReadyError, RefusedError
from foedus.node.lawbook import LawView
from foedus.node.ports import Transaction
from foedus.release.gate import Gate
from foedus.signing import SigningKey
from foedus.treaty.articles import Treaty
from foedus.treaty.in_force import InstrumentSet, MemberStatus, TreatyStatus, status
from foedus.treaty.instrument import (
    Accession,
    Admission,
    Amendment,
    Declaration,
    Denunciation,
    Instrument,
    InstrumentDraft,
    InstrumentError,
    Objection,
    Ratification,
    Reservation,
    Signature,
    Statement,
    Suspension,
    Withdrawal,
    open_instrument,
    sign_instrument,
)
from foedus.treaty.statements import InstrumentBody
from foedus.treaty.timeline import Event, What, timeline

__all__ = ["Issued", "authority_of", "introduced", "issue", "seat_of"]

_RULE: Final[Mapping[type[InstrumentBody], tuple[str, str]]] = {
    Signature: ("the signature", "VCLT Art. 10, 12"),
    Ratification: ("the ratification", "VCLT Art. 14, 19"),
    Admission: ("the admission", "VCLT Art. 15"),
    Accession: ("the accession", "VCLT Art. 15, 19"),
    Reservation: ("the reservation", "VCLT Art. 19, 23"),
    Objection: ("the objection", "VCLT Art. 20, 21"),
    Withdrawal: ("the withdrawal", "VCLT Art. 22, 68"),
    Declaration: ("the declaration", "VCLT Art. 31(2)(b)"),
    Amendment: ("the acceptance of the amendment", "VCLT Art. 39, 40"),
    Suspension: ("the suspension", "VCLT Art. 57, 58"),
    Denunciation: ("the denunciation", "VCLT Art. 54, 56"),
}
_HELP: Final[Mapping[str, str]] = {
    "it was not admitted": "the parties admit a State with `foedus treaty admit`",
    "a member the annex lists ratifies": "use `foedus treaty sign` and `foedus treaty ratify`",
    "it is announced only: the ratification must repeat it": (
        "make it with the consent: `foedus treaty ratify --reserve`"
    ),
    "the treaty admits no reservation after consent": (
        "a reservation is made with the consent (`ratify --reserve`), unless the treaty's final "
        "clauses say `late_reservations`"
    ),
    "consent is not withdrawn but denounced": "use `foedus treaty denounce`",
    "only a party with a voice may say so": (
        "the treaty must be in force for this member and not be suspended with it; "
        "`foedus treaty status` shows that"
    ),
    "there is nothing of that id to withdraw": "`foedus treaty instruments --member` lists ours",
    "it has left; it comes back by accession": (
        "the parties admit it again (`foedus treaty admit`), then it accedes"
    ),
    "its denunciation runs; it may be withdrawn": "use `foedus treaty withdraw` with its number",
    "there is no consent to end": "a signature binds nobody; take it back with `treaty withdraw`",
}
"""The rule's words → what would help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """An instrument of ours that was issued.

    Attributes:
        instrument: The instrument.
        effects: What it brings about, at once and later, by what is held now.
    """

    instrument: Instrument
    effects: tuple[Event, ...]


def issue(
    tx: Transaction, node: Node, gate: Gate, treaty: TreatyId | None, body: Statement
) -> Issued:
    """Sign, store, log and send an instrument of our own (rules in the module docstring).

    Args:
        tx: A writing transaction.
        node: The node.
        gate: The node's gate.
        treaty: Which treaty it is about; None for one about keys.
        body: What it says.

    Raises:
        NotReadyError: The authority key is elsewhere, or the clock stands behind our own word.
        NotFoundError: The treaty is not known here.
        RefusedError: It would have no effect, repeats what stands, or has no form in an instrument.
    """
    authority = authority_of(node)
    view = node.law.view(tx)
    now = node.clock.now()
    own = view.instruments.of(node.identity.member)
    newest = max(own, key=lambda each: (each.issued, each.serial), default=None)
    if newest is not None and newest.issued > now:
        raise NotReadyError(
            f"this machine's clock says {instant_text(now)}, but our instrument no. "
            f"{newest.serial} bears {instant_text(newest.issued)}: set the clock right first"
        )
    draft = InstrumentDraft(
        member=node.identity.member,
        serial=_next_serial(tx, own),
        issued=now,
        treaty=treaty,
        body=body,
    )
    try:
        envelope = sign_instrument(draft, authority)
    except InstrumentError as error:
        reason = str(error).removeprefix("no instrument: ")
        raise RefusedError(f"this cannot stand in an instrument: {reason}") from error
    instrument = open_instrument(envelope, authority.public)
    effects = () if treaty is None else _try(view, treaty, instrument, now)
    document = parse_object(
        wrap_document(
            FoedusKind.INSTRUMENT, envelope.document(), payload=envelope.payload, issued=now
        )
    )
    _publish(tx, node, gate, document, instrument, now)
    return Issued(instrument=instrument, effects=effects)


def _next_serial(tx: Transaction, own: Iterable[Instrument]) -> int:
    """Return a serial that no instrument of ours can bear, known here or lost with a store.

    After a recovery as many are skipped as instruments may have been issued that nobody gave back.
    """
    known = max((each.serial for each in own), default=0)
    return max(known, tx.recovery.serials_skipped()) + 1


def authority_of(node: Node) -> SigningKey:
    """Return the key of our competent authority.

    Raises:
        NotReadyError: It is kept elsewhere.
    """
    if node.identity.authority is None:
        raise NotReadyError("the authority key is not on this machine")
    return node.identity.authority


def introduced(tx: Transaction, node: Node) -> list[MemberId]:
    """Return every member introduced to this node, our own left out."""
    return [row.member for row in tx.peers.all() if row.member != node.identity.member]


def seat_of(view: LawView, node: Node, treaty: TreatyId) -> tuple[Treaty, MemberStatus]:
    """Return a treaty and where our member stands under it (rule 2).

    Raises:
        NotFoundError: The treaty is not known here.
        RefusedError: Our member has no place in it, or is known there by another key.
    """
    text = view.treaty(treaty).treaty
    member = node.identity.member
    seat = view.status(treaty, node.clock.now()).members.get(member)
    if seat is None:
        raise RefusedError(
            f"{member} is not among the treaty's original members, and was not admitted to it "
            "(VCLT Art. 15)"
        )
    ours = authority_of(node).public.fingerprint
    if seat.authority != ours:
        who = (
            "annex names"
            if any(each.member == member for each in text.parties)
            else "parties admitted"
        )
        raise RefusedError(
            f"the treaty's {who} another authority key for this member: {seat.authority}; "
            f"ours is {ours} (VCLT Art. 7)"
        )
    return text, seat


def _try(
    view: LawView, treaty: TreatyId, instrument: Instrument, now: datetime
) -> tuple[Event, ...]:
    """Run the rules with the instrument and return what it brings about, or refuse (rules 4, 5)."""
    text = view.treaty(treaty).treaty
    before = view.status(treaty, now)
    known = timeline(text, view.instruments)
    _refuse_repetition(view, before, known, instrument)
    _refuse_known_law(before, instrument)
    trial = InstrumentSet((*view.instruments, instrument))
    told = timeline(text, trial)
    for event in told:
        if event.instrument == instrument.id and event.what in {What.NO_EFFECT, What.VOIDED}:
            raise _refusal(instrument, event.detail)
    notes = _new_notes(before, status(text, trial, now), instrument)
    if notes:
        raise _refusal(instrument, "; ".join(notes))
    left = Counter(known)
    effects = []
    for event in told:
        left[event] -= 1
        if left[event] < 0:
            effects.append(event)
    return tuple(effects)


def _new_notes(before: TreatyStatus, after: TreatyStatus, instrument: Instrument) -> list[str]:
    standing = after.members.get(instrument.member)
    if standing is None:
        return ["this member has no place in the treaty"]
    known = before.members.get(instrument.member)
    old = Counter(() if known is None else known.notes)
    return [
        text.removeprefix(f"serial {instrument.serial}: ")
        for text in (Counter(standing.notes) - old).elements()
    ]


def _refusal(instrument: Instrument, words: str) -> RefusedError:
    name, rule = _RULE[type(instrument.body)]
    helps = _HELP.get(words)
    more = "" if helps is None else f"; {helps}"
    return RefusedError(f"{name} would have no effect: {words} ({rule}){more}")


def _refuse_repetition(
    view: LawView, current: TreatyStatus, known: Sequence[Event], instrument: Instrument
) -> None:
    body, now = instrument.body, instrument.issued
    if not isinstance(body, Admission | Amendment | Suspension | Declaration | Objection):
        return
    left = [
        event.at
        for event in known
        if event.what is What.LEFT and event.member == instrument.member and event.at <= now
    ]
    said = [
        each
        for each in view.instruments.of(instrument.member)
        if each.treaty == instrument.treaty
        and view.instruments.counts(each, now)
        and each.issued > max(left, default=each.issued - timedelta(1))
    ]
    taken_back = {each.body.of for each in said if isinstance(each.body, Withdrawal)}
    standing = [each for each in said if type(each.body) is type(body)]
    for each in standing:
        last = each is standing[-1]
        if each.body == body and each.id not in taken_back and _stands(current, each, last, now):
            name, rule = _RULE[type(body)]
            raise RefusedError(
                f"{name} would change nothing: our instrument no. {each.serial} says the same "
                f"and stands ({rule})"
            )


def _refuse_known_law(current: TreatyStatus, instrument: Instrument) -> None:
    """Refuse a declaration without words of which every part stands already (rule 4)."""
    body = instrument.body
    seat = current.members.get(instrument.member)
    if not isinstance(body, Declaration) or seat is None or body.text is not None:
        return
    if seat.recognises.issuperset(body.recognises) and all(
        seat.definitions.get(offence) == words for offence, words in body.definitions
    ):
        name, rule = _RULE[Declaration]
        what = ", ".join(sorted({*body.recognises, *(each for each, _ in body.definitions)}))
        raise RefusedError(
            f"{name} would change nothing: our law recognises {what} already, and nothing new is "
            f"said of it ({rule})"
        )


def _stands(current: TreatyStatus, one: Instrument, last: bool, now: datetime) -> bool:  # noqa: FBT001
    """Say whether an earlier statement of the same words still has its effect."""
    match one.body:
        case Admission():
            return any(
                each.member == one.body.candidate and one.member in each.agreed
                for each in current.candidates
            )
        case Objection():
            return any(
                each.instrument == one.id and each.articles == frozenset(one.body.articles)
                for each in current.members[one.member].objections
            )
        case Suspension():
            return one.body.until is None or one.body.until > now
        case Declaration():
            return last
        case _:
            return True


def _publish(
    tx: Transaction,
    node: Node,
    gate: Gate,
    document: StixObject,
    instrument: Instrument,
    now: datetime,
) -> None:
    tx.law.put_instrument(document, member=instrument.member, treaty=instrument.treaty, at=now)
    send_documents(
        tx,
        node.identity,
        gate,
        [document],
        recipients=introduced(tx, node),
        lane=LANE_INSTRUMENTS,
        treaty=instrument.treaty,
        at=now,
    )
