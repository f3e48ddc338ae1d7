"""What an instrument can say: one frozen value per kind, and nothing about who says it or when.

Spec: VCLT Art. 2(1) for the words. What each kind does is in :mod:`foedus.treaty.course`; how it is
written is in :mod:`foedus.treaty.statement_codec`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from foedus.model.identifiers import ArticleId, MemberId, ObjectId, TreatyId
from foedus.signing.keyring import KeyGrant
from foedus.signing.keys import PublicKey
from foedus.signing.pins import TLSPin

__all__ = [
    "KIND_OF",
    "Accession",
    "Admission",
    "Amendment",
    "Declaration",
    "Denunciation",
    "Form",
    "FullPowers",
    "InstrumentBody",
    "InstrumentKind",
    "Objection",
    "Ratification",
    "Reservation",
    "Revocation",
    "Signature",
    "Statement",
    "Suspension",
    "UnknownInstrument",
    "Withdrawal",
    "is_about_a_treaty",
    "only_narrows",
]


class InstrumentKind(StrEnum):
    """The kinds this version understands."""

    FULL_POWERS = "full-powers"
    """Which keys speak for the member (VCLT Art. 2(1)(c), 7)."""

    REVOCATION = "revocation"
    """Which keys never speak for it again (VCLT Art. 7, 47)."""

    SIGNATURE = "signature"
    """The text is authentic and the member means to go on (VCLT Art. 10, 12, 18)."""

    RATIFICATION = "ratification"
    """The member consents to be bound (VCLT Art. 2(1)(b), 14)."""

    ADMISSION = "admission"
    """A party agrees that a State which is not listed may accede (VCLT Art. 15)."""

    ACCESSION = "accession"
    """A State so admitted consents to be bound (VCLT Art. 15, 16)."""

    RESERVATION = "reservation"
    """Articles that are not to apply to the member (VCLT Art. 2(1)(d), 19, 23)."""

    OBJECTION = "objection"
    """To another member's reservation (VCLT Art. 20, 21)."""

    WITHDRAWAL = "withdrawal"
    """Of an earlier statement of the member's own (VCLT Art. 22, 23(4), 68)."""

    DECLARATION = "declaration"
    """Words, recognised offences and their definitions (VCLT Art. 31(2)(b))."""

    AMENDMENT = "amendment"
    """The member accepts another text in place of this one (VCLT Art. 39, 40)."""

    SUSPENSION = "suspension"
    """The member agrees that the treaty's operation be suspended (VCLT Art. 57, 58, 60, 72)."""

    DENUNCIATION = "denunciation"
    """The member leaves (VCLT Art. 54, 56, 65, 67)."""


class Form(StrEnum):
    """How a member calls its consent to be bound; the effect is the same (VCLT Art. 14(2))."""

    RATIFICATION = "ratification"
    ACCEPTANCE = "acceptance"
    APPROVAL = "approval"


@dataclass(frozen=True, slots=True, kw_only=True)
class FullPowers:
    """Which keys speak for the member, and where its node is.

    Attributes:
        keys: Keys of node, log and witness with their validity; never the authority's own.
        log_origin: Name of the member's log.
        address: Base URL of its node.
        wire_versions: Versions of the wire format the node speaks, rising.
        tls: Keys its node may show over TLS, in the order of their hashes; empty for none named.
    """

    keys: tuple[KeyGrant, ...]
    log_origin: str
    address: str
    wire_versions: tuple[int, ...]
    tls: tuple[TLSPin, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """Keys that speak for the member no more, whatever full powers say, older or newer.

    Attributes:
        keys: At least one, in the order of their texts.
    """

    keys: tuple[PublicKey, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """The member signs the text; it is not bound by that alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratification:
    """The member consents to be bound.

    Attributes:
        form: How it calls this.
        reservations: Articles it reserves, in code-point order.
        recognises: Ids of the offences its law recognises, in code-point order.
    """

    form: Form
    reservations: tuple[ArticleId, ...]
    recognises: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The member agrees that a State may accede, and names the key it will be known by.

    Attributes:
        candidate: The State.
        name: Its name, for people.
        authority: Fingerprint of the key of its competent authority, as compared out of band.
    """

    candidate: MemberId
    name: str
    authority: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Accession:
    """A State that was admitted consents to be bound. Attributes as in :class:`Ratification`."""

    reservations: tuple[ArticleId, ...]
    recognises: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """Articles the member reserves by a document of its own.

    Attributes:
        articles: At least one, in code-point order.
    """

    articles: tuple[ArticleId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Objection:
    """The member objects to a reservation.

    Attributes:
        to: Who made the reservation.
        articles: Which of its reserved articles; at least one, in code-point order.
        opposing: Whether the treaty is not to be in force between the two (VCLT Art. 20(4)(b));
            if not, it is, without the reserved articles (VCLT Art. 21(3)).
    """

    to: MemberId
    articles: tuple[ArticleId, ...]
    opposing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """The member takes back an earlier statement of its own.

    Attributes:
        of: Id of that instrument: one with reservations, an objection, a declaration, an
            admission, an amendment, a suspension or a denunciation.
        articles: Which of the articles it names, in code-point order; empty for the whole.
    """

    of: ObjectId
    articles: tuple[ArticleId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What the member states about its law.

    Attributes:
        text: Words for people; None for none. They have no effect on what a machine does.
        recognises: Further offences its law recognises, in code-point order.
        definitions: (offence, the definition in its law), in code-point order.
    """

    text: str | None
    recognises: tuple[str, ...]
    definitions: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment:
    """The member accepts that another text takes the place of this one.

    Attributes:
        successor: Id of the other text.
    """

    successor: TreatyId


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspension:
    """The member agrees that the operation of the treaty be suspended.

    Attributes:
        of: With which member; None for operation between all.
        until: From when the agreement no longer holds; None for until it is withdrawn.
    """

    of: MemberId | None
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Denunciation:
    """The member gives notice that it leaves; the treaty says how long the notice is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownInstrument:
    """A statement this version does not understand. It is kept, shown, and stops new releases.

    Attributes:
        kind: What it calls itself.
        why: What is not understood, for people.
    """

    kind: str
    why: str


Statement = (
    FullPowers
    | Revocation
    | Signature
    | Ratification
    | Admission
    | Accession
    | Reservation
    | Objection
    | Withdrawal
    | Declaration
    | Amendment
    | Suspension
    | Denunciation
)
"""What a member of this version can say."""

InstrumentBody = Statement | UnknownInstrument
"""What a member may have said."""

KIND_OF: Final[Mapping[type[InstrumentBody], InstrumentKind]] = {
    FullPowers: InstrumentKind.FULL_POWERS,
    Revocation: InstrumentKind.REVOCATION,
    Signature: InstrumentKind.SIGNATURE,
    Ratification: InstrumentKind.RATIFICATION,
    Admission: InstrumentKind.ADMISSION,
    Accession: InstrumentKind.ACCESSION,
    Reservation: InstrumentKind.RESERVATION,
    Objection: InstrumentKind.OBJECTION,
    Withdrawal: InstrumentKind.WITHDRAWAL,
    Declaration: InstrumentKind.DECLARATION,
    Amendment: InstrumentKind.AMENDMENT,
    Suspension: InstrumentKind.SUSPENSION,
    Denunciation: InstrumentKind.DENUNCIATION,
}
"""What each statement calls itself."""


def is_about_a_treaty(body: Statement) -> bool:
    """Say whether a statement names a treaty; those about keys name none."""
    return not isinstance(body, FullPowers | Revocation)


def only_narrows(body: InstrumentBody) -> bool:
    """Say whether a statement can only ever allow less.

    Such a one counts even if a second instrument bears its serial: nobody may free itself from what
    it reserved, objected to, denounced or revoked by contradicting itself.
    """
    return isinstance(body, Reservation | Objection | Denunciation | Revocation | UnknownInstrument)
