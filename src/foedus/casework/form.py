"""How a document of casework is signed and opened: one way for all of them.

A document is canonical JSON of version 1 that says its kind, in an envelope signed by a node key of
its author. What was signed is opened again at once, so that nothing leaves that its reader would
refuse. What is opened holds no field this version does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from foedus.canonical import CanonicalError, JSONValue, canonical_bytes
from foedus.casework.errors import CaseworkError
from foedus.casework.payload import Fields, PayloadError, read_case_payload
from foedus.clock import InstantError
from foedus.model.identifiers import IdentifierError
from foedus.model.selectors import SelectorError
from foedus.signing import Envelope, EnvelopeError, PublicKey, SigningKey
from foedus.signing.envelope import sign_envelope, verify_envelope

__all__ = ["CaseForm"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseForm(Generic[T]):
    """The form of one kind of document.

    Attributes:
        payload_type: Payload type of its envelope.
        kind: What its ``kind`` says.
        what: The document in words, for messages.
        error: Raised for whatever is wrong with one.
        fields: Reads its fields; may raise ``error`` for what cannot be true together.
    """

    payload_type: str
    kind: str
    what: str
    error: type[CaseworkError]
    fields: Callable[[Fields], T]

    def sign(self, body: Callable[[], Mapping[str, JSONValue]], key: SigningKey) -> Envelope:
        """Sign a document.

        Args:
            body: Makes all of its fields but ``v`` and ``kind``.
            key: A node key of its author.

        Raises:
            CaseworkError: ``error``: it could not be opened again, with the reason.
        """
        try:
            payload = canonical_bytes({"v": 1, "kind": self.kind, **body()})
        except (InstantError, CanonicalError) as error:
            raise self.error(str(error)) from error
        envelope = sign_envelope(payload, self.payload_type, key)
        self.open(envelope, (key.public,))
        return envelope

    def open(self, envelope: Envelope, keys: tuple[PublicKey, ...]) -> T:
        """Verify a document and read it.

        Args:
            envelope: Untrusted.
            keys: Keys that speak for the node of its author.

        Raises:
            CaseworkError: ``error``: it is signed by none of them, or malformed. Nothing else is
                raised.
        """
        try:
            payload = verify_envelope(envelope, keys, payload_type=self.payload_type)
        except EnvelopeError as error:
            raise self.error(f"no {self.what}: {error}") from error
        return self.read(payload)

    def read(self, payload: bytes) -> T:
        """Read a document whose signature was verified before.

        Raises:
            CaseworkError: ``error``: it is malformed.
        """
        try:
            fields = read_case_payload(payload, kind=self.kind)
            value = self.fields(fields)
            unread = fields.unread()
        except (PayloadError, IdentifierError, SelectorError, EnvelopeError) as error:
            raise self.error(f"no {self.what}: {error}") from error
        if unread:
            raise self.error(f"no {self.what}: it holds a field this version does not know")
        return value
