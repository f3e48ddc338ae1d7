"""A small world for treaty tests: six members, their keys, the sample treaty between them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from foedus.model.identifiers import ArticleId, MemberId, TreatyId
from foedus.signing.keyring import KeyGrant, KeyPurpose
from foedus.signing.keys import SigningKey
from foedus.treaty.articles import Party, Treaty
from foedus.treaty.drafting import fill_parties, sample_text
from foedus.treaty.instrument import (
    Form,
    FullPowers,
    Instrument,
    InstrumentDraft,
    Ratification,
    Signature,
    Statement,
    open_instrument,
    sign_instrument,
)
from foedus.treaty.parser import parse_treaty
from foedus.treaty.statements import is_about_a_treaty

MEMBERS = tuple(MemberId(f"X{letter}") for letter in "ABCDEF")
START = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def key_of(name: str) -> SigningKey:
    """Return a key that is always the same for a name."""
    return SigningKey.from_seed(hashlib.sha256(name.encode()).digest())


@dataclass(slots=True)
class World:
    """Makes instruments of the six members about one treaty."""

    treaty: Treaty
    serials: dict[MemberId, int] = field(default_factory=dict)

    def instant(self, hours: float) -> datetime:
        return START + timedelta(hours=hours)

    def instrument(
        self,
        member: str,
        body: Statement,
        hours: float,
        *,
        serial: int | None = None,
        treaty: TreatyId | None = None,
        key: SigningKey | None = None,
    ) -> Instrument:
        name = MemberId(member)
        self.serials[name] = self.serials.get(name, 0) + 1
        about = (treaty or self.treaty.id) if is_about_a_treaty(body) else None
        draft = InstrumentDraft(
            member=name,
            serial=serial or self.serials[name],
            issued=self.instant(hours),
            treaty=about,
            body=body,
        )
        signer = key or key_of(member)
        return open_instrument(sign_instrument(draft, signer), signer.public)

    def signature(self, member: str, hours: float, *, serial: int | None = None) -> Instrument:
        return self.instrument(member, Signature(), hours, serial=serial)

    def ratification(
        self,
        member: str,
        hours: float,
        *,
        reserve: Sequence[str] = (),
        recognise: Sequence[str] | None = None,
        serial: int | None = None,
    ) -> Instrument:
        offences = self.treaty.offences if recognise is None else recognise
        body = Ratification(
            form=Form.RATIFICATION,
            reservations=tuple(ArticleId(one) for one in reserve),
            recognises=tuple(offences),
        )
        return self.instrument(member, body, hours, serial=serial)

    def full_powers(
        self, member: str, hours: float, *, key: str = "", serial: int | None = None
    ) -> Instrument:
        grant = KeyGrant(
            name=member,
            purpose=KeyPurpose.NODE,
            key=key_of(f"node {member} {key}").public,
            valid_from=START,
        )
        body = FullPowers(
            keys=(grant,),
            log_origin=f"{member.lower()}.example/log",
            address=f"https://{member.lower()}.example",
            wire_versions=(1,),
        )
        return self.instrument(member, body, hours, serial=serial)

    def bound(self, members: Sequence[str] = MEMBERS) -> list[Instrument]:
        """Return what binds these members without reservation: signed at 0 h, ratified at 1 h."""
        return [
            one
            for member in members
            for one in (self.signature(member, 0), self.ratification(member, 1))
        ]


@pytest.fixture(scope="session")
def parties() -> tuple[Party, ...]:
    return tuple(
        Party(member=member, name=f"Member {member}", authority=key_of(member).public.fingerprint)
        for member in MEMBERS
    )


@pytest.fixture(scope="session")
def sample(parties: tuple[Party, ...]) -> bytes:
    return fill_parties(sample_text(), parties, exercise=True, depositary=MemberId("XA"))


@pytest.fixture(scope="session")
def treaty(sample: bytes) -> Treaty:
    return parse_treaty(sample)


@pytest.fixture
def world(treaty: Treaty) -> World:
    return World(treaty=treaty)
