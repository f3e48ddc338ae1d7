"""The law as this node knows it: treaties compiled, instruments verified, keys of members.

Built from the store and kept until the store's law revision changes. An instrument counts only if
it is signed by the authority key of the credence that people here accepted, and, for a party of a
treaty, only if that key is the one the treaty's annex names.

The status of a treaty is kept with it: what was found at an instant holds until the next instant at
which anything held may change it (:attr:`~foedus.treaty.in_force.TreatyStatus.next_change`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from threading import Lock
from typing import Final

from foedus.canonical import CanonicalError, parse_json
from foedus.model.identifiers import MemberId, ObjectId, TreatyId
from foedus.model.kinds import KindError, unwrap_document
from foedus.model.objects import StixObject
from foedus.node.errors import NotFoundError, NotReadyError
from foedus.node.identity import NodeIdentity
from foedus.node.ports import Transaction
from foedus.release.compile import CompiledTreaty, compile_treaty
from foedus.release.decide import Law
from foedus.signing import EnvelopeError, KeyPurpose, PublicKey, parse_envelope
from foedus.treaty.credence import Credence, CredenceError, open_credence
from foedus.treaty.in_force import (
    Held,
    InstrumentSet,
    PairLaw,
    TreatyStatus,
    keys_of,
    law_under,
    powers_of,
    status,
    superseded,
)
from foedus.treaty.instrument import (
    FullPowers,
    Instrument,
    InstrumentError,
    Revocation,
    open_instrument,
)
from foedus.treaty.parser import parse_treaty
from foedus.treaty.powers import pins_of

__all__ = ["LawBook", "LawView", "read_credence"]

_KEPT_STATUSES: Final = 8
"""Per treaty: now, and the instants of what was disclosed before and is judged now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LawView:
    """The law at one revision of the store.

    Attributes:
        revision: The store's law revision this view was built at.
        treaties: Every treaty adopted here, compiled.
        instruments: Every verified instrument.
        credences: Accepted credences, the node's own member included.
        refused: Instrument documents that did not verify, with the reason.
        documents: Every verified instrument as the document that travels, by id.
    """

    revision: int
    treaties: Mapping[TreatyId, CompiledTreaty]
    instruments: InstrumentSet
    credences: Mapping[MemberId, Credence]
    refused: tuple[tuple[str, str], ...]
    documents: Mapping[ObjectId, StixObject] = field(default_factory=dict, repr=False)
    _statuses: dict[TreatyId, tuple[TreatyStatus, ...]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def treaty(self, treaty: TreatyId) -> CompiledTreaty:
        """Return a treaty known here, or raise NotFoundError."""
        found = self.treaties.get(treaty)
        if found is None:
            raise NotFoundError(f"no treaty {treaty[:12]} is known here")
        return found

    def law(self, treaty: TreatyId, sender: MemberId, recipient: MemberId, at: datetime) -> Law:
        """Return what binds an ordered pair under a treaty at an instant.

        Where an amended text governs the two (VCLT Art. 40(4)) the old one no longer binds them.
        """
        compiled = self.treaty(treaty)
        return Law(compiled=compiled, pair=self._pair(treaty, sender, recipient, at))

    def _pair(
        self, treaty: TreatyId, sender: MemberId, recipient: MemberId, at: datetime
    ) -> PairLaw:
        law = self._unamended(treaty, sender, recipient, at)
        # A text's own successors need no look: whether one of these binds the two by itself is all
        # that ends this one, so that a chain of amendments, or a ring of them, ends the look-up.
        successors = {
            text: self._unamended(text, sender, recipient, at)
            for text in law.amended_by
            if text in self.treaties
        }
        ended = superseded(law, successors)
        changes = [each.valid_until for each in (ended, *successors.values()) if each.valid_until]
        return replace(ended, valid_until=min(changes, default=None)) if successors else ended

    def _unamended(
        self, treaty: TreatyId, sender: MemberId, recipient: MemberId, at: datetime
    ) -> PairLaw:
        return law_under(self.treaty(treaty).treaty, self.status(treaty, at), sender, recipient)

    def status(self, treaty: TreatyId, at: datetime) -> TreatyStatus:
        """Return who is bound by a treaty, and since when; computed once for each span of time."""
        known = self._statuses.get(treaty, ())
        for one in known:
            if one.at <= at and (one.next_change is None or at < one.next_change):
                return replace(one, at=at)
        found = status(self.treaty(treaty).treaty, self.instruments, at)
        self._statuses[treaty] = (found, *known[: _KEPT_STATUSES - 1])
        return found

    def held(self, now: datetime) -> tuple[Held, ...]:
        """Return the instruments dated further ahead than a treaty here tolerates.

        They are kept and not applied before their instant; whoever wrote them has a clock that is
        wrong, or means them for later: people must know.
        """
        found = {
            each.instrument: each
            for treaty, compiled in self.treaties.items()
            for each in self.status(treaty, now).held
            if each.until > now + compiled.treaty.limits.clock_tolerance
        }
        return tuple(
            sorted(found.values(), key=lambda each: (each.until, each.member, each.serial))
        )

    def powers(self, member: MemberId, at: datetime) -> FullPowers | None:
        """Return the full powers that speak for a member, by the authority accepted here."""
        credence = self.credences.get(member)
        if credence is None:
            return None
        return powers_of(self.instruments, member, at, authority=credence.authority.fingerprint)

    def keys(self, member: MemberId, purpose: KeyPurpose, at: datetime) -> tuple[PublicKey, ...]:
        """Return the keys that speak for a member: those of its full powers, else its credence's.

        The credence counts only while the member has issued no full powers at all: once it has, a
        key they do not name is no key, even when they are in conflict and none of them counts.
        """
        credence = self.credences.get(member)
        if credence is None:
            return ()
        if purpose is KeyPurpose.AUTHORITY:
            return (credence.authority,)
        if any(isinstance(each.body, FullPowers) for each in self.instruments.of(member)):
            return keys_of(
                self.instruments, member, purpose, at, authority=credence.authority.fingerprint
            )
        named = {KeyPurpose.NODE: credence.node, KeyPurpose.LOG: credence.log}.get(purpose)
        return () if named is None or named in self.revoked(member) else (named,)

    def pins(self, member: MemberId, at: datetime) -> frozenset[str] | None:
        """Return which keys a member's node may show over TLS; None if it never named one."""
        credence = self.credences.get(member)
        return None if credence is None else pins_of(self.instruments, credence, at)

    def revoked(self, member: MemberId) -> frozenset[PublicKey]:
        """Return the keys that a member revoked at any time: they speak for it never again."""
        return frozenset(
            key
            for each in self.instruments.of(member)
            if isinstance(each.body, Revocation)
            for key in each.body.keys
        )

    def member_of_key(self, key_id: str, at: datetime) -> tuple[MemberId, PublicKey] | None:
        """Return whose node key has this id at an instant, if anybody's."""
        for member in self.credences:
            for key in self.keys(member, KeyPurpose.NODE, at):
                if key.key_id == key_id:
                    return member, key
        return None


class LawBook:
    """Builds the law from the store and remembers it while nothing changed.

    Attributes:
        compared: Member → digests of our instrument set and of its, for which it was given all it
            may lack; forgotten when the process ends, which only repeats a look.
    """

    def __init__(self, identity: NodeIdentity) -> None:
        """Make an empty book for a node."""
        self._identity = identity
        self.compared: dict[MemberId, tuple[str, str]] = {}
        self._lock = Lock()
        self._view: LawView | None = None
        self._compiled: dict[TreatyId, CompiledTreaty] = {}
        self._opened: dict[tuple[str, str], Instrument | str] = {}

    def view(self, tx: Transaction) -> LawView:
        """Return the law as the transaction sees it."""
        revision = tx.law.revision()
        with self._lock:
            if self._view is None or self._view.revision != revision:
                self._view = self._build(tx, revision)
            return self._view

    def _build(self, tx: Transaction, revision: int) -> LawView:
        texts = tx.law.treaties()
        for treaty, raw in texts.items():
            if treaty not in self._compiled:
                self._compiled[treaty] = compile_treaty(parse_treaty(raw))
        credences: dict[MemberId, Credence] = {}
        for peer in tx.peers.all():
            credences[peer.member] = read_credence(peer.credence)
        instruments: list[Instrument] = []
        documents: dict[ObjectId, StixObject] = {}
        refused: list[tuple[str, str]] = []
        for document in tx.law.instruments():
            opened = self._open(document, credences)
            if isinstance(opened, str):
                refused.append((document.id, opened))
            else:
                instruments.append(opened)
                documents[opened.id] = document
        return LawView(
            revision=revision,
            # What was compiled may have come in a transaction that was undone since.
            treaties={treaty: self._compiled[treaty] for treaty in texts},
            instruments=InstrumentSet(instruments),
            credences=credences,
            refused=tuple(refused),
            documents=documents,
        )

    def _open(
        self, document: StixObject, credences: Mapping[MemberId, Credence]
    ) -> Instrument | str:
        try:
            envelope = parse_envelope(unwrap_document(document))
            body = parse_json(envelope.payload)
        except (KindError, EnvelopeError, CanonicalError) as error:
            return str(error)
        author = body.get("member") if isinstance(body, Mapping) else None
        credence = credences.get(MemberId(author)) if isinstance(author, str) else None
        if credence is None:
            return "its author was never introduced here"
        place = (document.content_hash, credence.authority.key_id)
        if place not in self._opened:
            try:
                self._opened[place] = open_instrument(envelope, credence.authority)
            except InstrumentError as error:
                self._opened[place] = str(error)
        return self._opened[place]


def read_credence(raw: bytes) -> Credence:
    """Read stored credence bytes.

    Raises:
        NotReadyError: The bytes are not a credence of this version.
    """
    try:
        document = parse_json(raw)
        if not isinstance(document, Mapping):
            raise NotReadyError("a credence is not a JSON object")
        return open_credence(parse_envelope(document))
    except (CanonicalError, EnvelopeError, CredenceError) as error:
        raise NotReadyError(f"a credence cannot be read: {error}") from error
