"""How a statement is written in the payload of an instrument, and read back strictly.

Rules of reading, in the order the code applies them:

1. A kind this version does not know is kept, as an
   :class:`~foedus.treaty.statements.UnknownInstrument`.
2. Of a known kind every field is present and of its form, or the instrument is refused: it is
   stored nowhere.
3. A known kind that says more than this version understands is kept as unknown too: what it says
   more may restrict what it seems to grant.

Lists are sorted and name nothing twice, so that a statement has one spelling and one id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from foedus.canonical import JSONValue
from foedus.clock import instant_text
from foedus.model.identifiers import ArticleId, MemberId, ObjectId, treaty_id
from foedus.signing.keyring import KeyGrant, KeyPurpose
from foedus.treaty.payload import Fields, PayloadError
from foedus.treaty.pins import pin_documents, read_pins
from foedus.treaty.statements import (
    KIND_OF,
    Accession,
    Admission,
    Amendment,
    Declaration,
    Denunciation,
    Form,
    FullPowers,
    InstrumentBody,
    InstrumentKind,
    Objection,
    Ratification,
    Reservation,
    Revocation,
    Signature,
    Statement,
    Suspension,
    UnknownInstrument,
    Withdrawal,
)

__all__ = ["read_statement", "statement_document"]

_GRANTED: Final = (KeyPurpose.NODE, KeyPurpose.LOG, KeyPurpose.WITNESS)


def statement_document(body: Statement) -> dict[str, JSONValue]:
    """Return the fields of a statement, ``kind`` among them; lists are sorted here."""
    document = _about_keys(body) or _about_consent(body) or _about_others(body)
    return {"kind": KIND_OF[type(body)].value, **document}


def read_statement(kind: str, fields: Fields, member: MemberId) -> InstrumentBody:
    """Read a statement (rules in the module docstring).

    Args:
        kind: What it calls itself; untrusted.
        fields: The payload under reading; the fields every instrument has were read already.
        member: Who issued it.

    Raises:
        PayloadError: A known kind lacks a field, or has one of another form.
        IdentifierError, KeyringError: The same, of an id or a grant.
    """
    if kind not in set(InstrumentKind):
        return UnknownInstrument(kind=kind, why=f"the kind {kind[:60]!r} is not known")
    body = _READERS[InstrumentKind(kind)](fields, member)
    if unread := fields.unread():
        return UnknownInstrument(kind=kind, why=f"the field {min(unread)[:60]!r} is not known")
    return body


def _about_keys(body: Statement) -> dict[str, JSONValue]:
    match body:
        case FullPowers():
            return {
                "keys": _grant_documents(body.keys),
                "log_origin": body.log_origin,
                "address": body.address,
                "wire_versions": sorted(body.wire_versions),
                **pin_documents(body.tls),
            }
        case Revocation():
            return {"keys": sorted(key.text for key in body.keys)}
        case _:
            return {}


def _about_consent(body: Statement) -> dict[str, JSONValue]:
    match body:
        case Ratification():
            return {
                "form": body.form.value,
                "reservations": sorted(body.reservations),
                "recognises": sorted(body.recognises),
            }
        case Accession():
            return {
                "reservations": sorted(body.reservations),
                "recognises": sorted(body.recognises),
            }
        case Reservation():
            return {"articles": sorted(body.articles)}
        case Declaration():
            return {
                "text": body.text,
                "recognises": sorted(body.recognises),
                "definitions": dict(body.definitions),
            }
        case _:
            return {}


def _about_others(body: Statement) -> dict[str, JSONValue]:
    match body:
        case Admission():
            return {
                "candidate": body.candidate,
                "name": body.name,
                "authority": body.authority,
            }
        case Objection():
            return {
                "to": body.to,
                "articles": sorted(body.articles),
                "opposing": body.opposing,
            }
        case Withdrawal():
            return {"of": body.of, "articles": sorted(body.articles)}
        case Amendment():
            return {"successor": body.successor}
        case Suspension():
            return {
                "of": body.of,
                "until": None if body.until is None else instant_text(body.until),
            }
        case _:
            # A signature and a denunciation say nothing beyond their kind.
            return {}


def _grant_documents(grants: Iterable[KeyGrant]) -> list[JSONValue]:
    return [
        {
            "name": grant.name,
            "purpose": grant.purpose.value,
            "key": grant.key.text,
            "valid_from": instant_text(grant.valid_from),
            "valid_until": None if grant.valid_until is None else instant_text(grant.valid_until),
        }
        for grant in grants
    ]


def _read_full_powers(fields: Fields, member: MemberId) -> FullPowers:
    grants = tuple(_read_grant(grant, member) for grant in fields.objects("keys"))
    return FullPowers(
        keys=grants,
        log_origin=fields.log_origin("log_origin"),
        address=fields.address("address"),
        wire_versions=fields.rising_integers("wire_versions"),
        tls=read_pins(fields),
    )


def _read_grant(fields: Fields, member: MemberId) -> KeyGrant:
    purpose = fields.text("purpose")
    if purpose not in _GRANTED:
        raise PayloadError("full powers grant keys of a node, a log or a witness")
    if fields.text("name") != member:
        raise PayloadError("full powers grant keys that speak for their own member only")
    return KeyGrant(
        name=member,
        purpose=KeyPurpose(purpose),
        key=fields.key("key"),
        valid_from=fields.instant("valid_from"),
        valid_until=fields.optional_instant("valid_until"),
    )


def _read_revocation(fields: Fields, _member: MemberId) -> Revocation:
    return Revocation(keys=fields.rising_keys("keys"))


def _read_signature(_fields: Fields, _member: MemberId) -> Signature:
    return Signature()


def _read_ratification(fields: Fields, _member: MemberId) -> Ratification:
    form = fields.text("form")
    if form not in set(Form):
        raise PayloadError("form is ratification, acceptance or approval")
    return Ratification(
        form=Form(form),
        reservations=_articles(fields, "reservations", least=0),
        recognises=fields.rising_texts("recognises"),
    )


def _read_accession(fields: Fields, _member: MemberId) -> Accession:
    return Accession(
        reservations=_articles(fields, "reservations", least=0),
        recognises=fields.rising_texts("recognises"),
    )


def _read_admission(fields: Fields, member: MemberId) -> Admission:
    body = Admission(
        candidate=fields.member("candidate"),
        name=fields.text("name"),
        authority=fields.fingerprint("authority"),
    )
    if body.candidate == member:
        raise PayloadError("a member does not admit itself")
    return body


def _read_reservation(fields: Fields, _member: MemberId) -> Reservation:
    return Reservation(articles=_articles(fields, "articles", least=1))


def _read_objection(fields: Fields, member: MemberId) -> Objection:
    body = Objection(
        to=fields.member("to"),
        articles=_articles(fields, "articles", least=1),
        opposing=fields.flag("opposing"),
    )
    if body.to == member:
        raise PayloadError("a member does not object to its own reservation: it withdraws it")
    return body


def _read_withdrawal(fields: Fields, _member: MemberId) -> Withdrawal:
    return Withdrawal(
        of=ObjectId(fields.text("of")), articles=_articles(fields, "articles", least=0)
    )


def _read_declaration(fields: Fields, _member: MemberId) -> Declaration:
    body = Declaration(
        text=None if fields.value("text") is None else fields.text("text"),
        recognises=fields.rising_texts("recognises"),
        definitions=fields.texts_by_name("definitions"),
    )
    if body == Declaration(text=None, recognises=(), definitions=()):
        raise PayloadError("the declaration says nothing")
    return body


def _read_amendment(fields: Fields, _member: MemberId) -> Amendment:
    return Amendment(successor=treaty_id(fields.text("successor")))


def _read_suspension(fields: Fields, member: MemberId) -> Suspension:
    body = Suspension(
        of=None if fields.value("of") is None else fields.member("of"),
        until=fields.optional_instant("until"),
    )
    if body.of == member:
        raise PayloadError("a member does not suspend itself")
    return body


def _read_denunciation(_fields: Fields, _member: MemberId) -> Denunciation:
    return Denunciation()


def _articles(fields: Fields, name: str, *, least: int) -> tuple[ArticleId, ...]:
    texts = fields.rising_texts(name)
    if len(texts) < least:
        raise PayloadError(f"{name} names at least {least} article")
    return tuple(ArticleId(text) for text in texts)


_READERS: Final[Mapping[InstrumentKind, Callable[[Fields, MemberId], Statement]]] = {
    InstrumentKind.FULL_POWERS: _read_full_powers,
    InstrumentKind.REVOCATION: _read_revocation,
    InstrumentKind.SIGNATURE: _read_signature,
    InstrumentKind.RATIFICATION: _read_ratification,
    InstrumentKind.ADMISSION: _read_admission,
    InstrumentKind.ACCESSION: _read_accession,
    InstrumentKind.RESERVATION: _read_reservation,
    InstrumentKind.OBJECTION: _read_objection,
    InstrumentKind.WITHDRAWAL: _read_withdrawal,
    InstrumentKind.DECLARATION: _read_declaration,
    InstrumentKind.AMENDMENT: _read_amendment,
    InstrumentKind.SUSPENSION: _read_suspension,
    InstrumentKind.DENUNCIATION: _read_denunciation,
}
