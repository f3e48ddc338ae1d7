"""Signed notes: a short text that one or more named keys stand behind (C2SP signed-note).

A note may carry signatures of keys the reader does not know; these are ignored. A signature that
claims a known key and does not verify spoils the whole note: the same bytes must not mean
different things to readers who know different keys.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from foedus.signing.base64_text import from_base64, to_base64
from foedus.signing.errors import Base64Error, KeyTextError, NoteError, SignatureError
from foedus.signing.keys import PublicKey, SigningKey, verify_signature

__all__ = [
    "KEY_HASH_BYTES",
    "MAX_NOTE_BYTES",
    "MAX_NOTE_SIGNATURES",
    "Note",
    "NoteKey",
    "NoteSignature",
    "NoteSigner",
    "NoteSigning",
    "NoteVerifier",
    "add_signatures",
    "check_key_name",
    "check_note_text",
    "format_vkey",
    "key_hash",
    "open_note",
    "parse_signature_lines",
    "parse_vkey",
    "sign_note",
    "split_note",
    "split_vkey",
]

MAX_NOTE_BYTES: Final = 1_000_000
"""Largest note read, in bytes; the text and all signatures."""

MAX_NOTE_SIGNATURES: Final = 100
"""Most signature lines read; readers must accept at least 16."""

KEY_HASH_BYTES: Final = 4
"""Length of the key id inside a signature line."""

_ED25519: Final = 0x01
_DASH: Final = "\u2014 "
_SPLIT: Final = "\n\n"
_VKEY_PARTS: Final = 3


class NoteKey(Protocol):
    """Recognises and checks the signature lines of one named key."""

    @property
    def name(self) -> str:
        """The key name in the signature line."""
        ...

    @property
    def key_hash(self) -> bytes:
        """The 4 bytes before the signature proper."""
        ...

    def check(self, text: str, signature: bytes) -> None:
        """Return if this key made the signature over this note text.

        Raises:
            SignatureError: It did not.
        """
        ...


class NoteSigning(Protocol):
    """Makes the signature lines of one named key."""

    @property
    def name(self) -> str:
        """The key name to write."""
        ...

    @property
    def key_hash(self) -> bytes:
        """The 4 bytes to write before the signature proper."""
        ...

    def sign_text(self, text: str) -> bytes:
        """Return the signature over a note text."""
        ...


def key_hash(name: str, kind: int, material: bytes) -> bytes:
    """Return the 4-byte id that, with the name, identifies a key and its algorithm.

    Args:
        name: Key name.
        kind: Signature type byte, ``0x01`` for plain Ed25519.
        material: The public key, in the encoding of its type.

    Spec: C2SP signed-note, "Signatures".
    """
    digest = hashlib.sha256(name.encode() + b"\n" + bytes((kind,)) + material).digest()
    return digest[:KEY_HASH_BYTES]


@dataclass(frozen=True, slots=True)
class NoteVerifier:
    """A key name with the Ed25519 key that may sign notes under it.

    Attributes:
        name: Not empty; without spaces, plus signs or control characters.
        key: The public key.

    Raises:
        NoteError: The name has a character it must not have.

    Spec: C2SP signed-note, "Ed25519 signatures".
    """

    name: str
    key: PublicKey

    def __post_init__(self) -> None:
        check_key_name(self.name)

    @property
    def key_hash(self) -> bytes:
        """The 4-byte key id of this name and key."""
        return key_hash(self.name, _ED25519, self.key.raw)

    @property
    def vkey(self) -> str:
        """The verifier key text: name, key id in hex, type byte and key in base64.

        Spec: C2SP signed-note, "Verifier keys".
        """
        return format_vkey(self.name, _ED25519, self.key.raw)

    def check(self, text: str, signature: bytes) -> None:
        """Return if this key signed the text.

        Raises:
            SignatureError: It did not.
        """
        verify_signature(self.key, text.encode(), signature)


@dataclass(frozen=True, slots=True)
class NoteSigner:
    """A key name with the private key that signs notes under it.

    Attributes:
        name: Not empty; without spaces, plus signs or control characters.
        key: The private key.

    Raises:
        NoteError: The name has a character it must not have.
    """

    name: str
    key: SigningKey

    def __post_init__(self) -> None:
        check_key_name(self.name)

    @property
    def verifier(self) -> NoteVerifier:
        """The matching public half."""
        return NoteVerifier(self.name, self.key.public)

    @property
    def key_hash(self) -> bytes:
        """The 4-byte key id of this name and key."""
        return key_hash(self.name, _ED25519, self.key.public.raw)

    def sign_text(self, text: str) -> bytes:
        """Return the Ed25519 signature over the text's UTF-8 bytes."""
        return self.key.sign(text.encode())


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteSignature:
    """One signature line.

    Attributes:
        name: Key name.
        key_hash: 4 bytes.
        signature: What follows them; at least one byte.
    """

    name: str
    key_hash: bytes
    signature: bytes

    @property
    def line(self) -> str:
        """The line as it stands in a note, with its newline."""
        return f"{_DASH}{self.name} {to_base64(self.key_hash + self.signature)}\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A note whose known signatures were verified.

    Attributes:
        text: The text, ending in a newline.
        signatures: The verified signatures, in the order of their lines, one for each key.
    """

    text: str
    signatures: tuple[NoteSignature, ...]

    @property
    def verified(self) -> tuple[str, ...]:
        """Names of the keys that signed, in the order of their lines."""
        return tuple(one.name for one in self.signatures)


def check_key_name(name: str) -> None:
    """Return if a text may be a key name.

    Raises:
        NoteError: It is empty or has a space, a plus sign, a control or a lone surrogate.

    Spec: C2SP signed-note, "Format".
    """
    if not name or any(c.isspace() or c == "+" or c < " " for c in name):
        raise NoteError("a key name is not empty and has no space, plus sign or control")
    _check_encodable(name)


def check_note_text(text: str) -> None:
    """Return if a text may be the text of a note.

    Raises:
        NoteError: It does not end in a newline, or has a control character or lone surrogate.

    Spec: C2SP signed-note, "Format".
    """
    if not text.endswith("\n"):
        raise NoteError("a note text ends in a newline")
    if any(c < " " and c != "\n" for c in text):
        raise NoteError("a note has no control character but newline")
    _check_encodable(text)


def format_vkey(name: str, kind: int, material: bytes) -> str:
    """Return the verifier key text: name, key id in hex, type byte and key in base64.

    Args:
        name: Key name.
        kind: Signature type byte.
        material: The public key, in the encoding of its type.

    Spec: C2SP signed-note, "Verifier keys".
    """
    digest = key_hash(name, kind, material).hex()
    return f"{name}+{digest}+{to_base64(bytes((kind,)) + material)}"


def split_vkey(text: str) -> tuple[str, int, bytes]:
    """Take a verifier key of any type apart.

    Args:
        text: Untrusted text.

    Returns:
        The key name, the type byte and the public key material.

    Raises:
        NoteError: Another form, or a key id that does not belong to the key.

    Spec: C2SP signed-note, "Verifier keys".
    """
    # The base64 part may hold plus signs of its own; the name may not.
    parts = text.split("+", _VKEY_PARTS - 1)
    if len(parts) != _VKEY_PARTS:
        raise NoteError("a verifier key has three parts joined by plus signs")
    name, hash_hex, encoded = parts
    check_key_name(name)
    try:
        material = from_base64(encoded)
    except Base64Error as error:
        raise NoteError("a verifier key ends in base64 of a type byte and a key") from error
    if not material:
        raise NoteError("a verifier key has a type byte and a key")
    if key_hash(name, material[0], material[1:]).hex() != hash_hex:
        raise NoteError("the key id does not belong to this name and key")
    return name, material[0], material[1:]


def parse_vkey(text: str) -> NoteVerifier:
    """Read the verifier key of a plain Ed25519 key.

    Args:
        text: Untrusted text, for example from a peer's full powers.

    Raises:
        NoteError: Another form, another algorithm, or a key id that does not belong to the key.

    Spec: C2SP signed-note, "Verifier keys".
    """
    name, kind, material = split_vkey(text)
    if kind != _ED25519:
        raise NoteError("a verifier key of another algorithm than Ed25519")
    try:
        return NoteVerifier(name, PublicKey(material))
    except KeyTextError as error:
        raise NoteError("a verifier key ends in base64 of a type byte and 32 bytes") from error


def sign_note(text: str, signers: Sequence[NoteSigning]) -> bytes:
    """Return a note signed by each signer, in their order.

    Args:
        text: Ends in a newline.
        signers: At least one.

    Raises:
        NoteError: The text may not be a note's text, or there is no signer.

    Spec: C2SP signed-note, "Format".
    """
    check_note_text(text)
    if not signers:
        raise NoteError("a note has at least one signature")
    lines = "".join(_signature_line(one, text) for one in signers)
    return f"{text}\n{lines}".encode()


def add_signatures(data: bytes, signatures: Iterable[NoteSignature]) -> bytes:
    """Return a note with signature lines appended; those it has already are left as they are.

    Args:
        data: A note; its signatures are kept unread.
        signatures: Lines to add.

    Raises:
        NoteError: ``data`` is not a note.
    """
    _, present = split_note(data)
    added = [one for one in dict.fromkeys(signatures) if one not in present]
    return data + "".join(one.line for one in added).encode()


def open_note(data: bytes, verifiers: Iterable[NoteKey]) -> Note:
    """Return the text of a note that at least one known key signed, or raise.

    Args:
        data: Untrusted bytes.
        verifiers: The known keys.

    Raises:
        NoteError: Malformed, too large, signed by no known key, or a known key's signature is bad.

    Spec: C2SP signed-note, "Signatures".
    """
    text, lines = split_note(data)
    known: dict[tuple[str, bytes], NoteKey] = {}
    for verifier in verifiers:
        if known.setdefault((verifier.name, verifier.key_hash), verifier) != verifier:
            raise NoteError(f"two known keys share the name {verifier.name!r} and key id")
    verified: dict[tuple[str, bytes], NoteSignature] = {}
    for line in lines:
        identity = (line.name, line.key_hash)
        found = known.get(identity)
        if found is None:
            continue
        try:
            found.check(text, line.signature)
        except SignatureError as error:
            raise NoteError(f"the signature of {line.name!r} is bad") from error
        verified.setdefault(identity, line)
    if not verified:
        raise NoteError("no signature by a known key")
    return Note(text=text, signatures=tuple(verified.values()))


def split_note(data: bytes) -> tuple[str, tuple[NoteSignature, ...]]:
    """Take a note apart without verifying anything.

    Args:
        data: Untrusted bytes.

    Returns:
        The text, ending in a newline, and the signature lines in order.

    Raises:
        NoteError: Malformed or too large.

    Spec: C2SP signed-note, "Format".
    """
    if len(data) > MAX_NOTE_BYTES:
        raise NoteError(f"a note of more than {MAX_NOTE_BYTES} bytes")
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NoteError("a note is UTF-8 text") from error
    check_note_text(whole)
    # The last empty line parts text and signatures: the text may have empty lines of its own.
    text, found, tail = whole.rpartition(_SPLIT)
    if not found or not tail:
        raise NoteError("a note has a text, an empty line and signature lines")
    return text + "\n", _parse_lines(tail)


def parse_signature_lines(data: bytes) -> tuple[NoteSignature, ...]:
    """Read signature lines that travel without a note, such as a witness answers with.

    Args:
        data: Untrusted bytes.

    Returns:
        At least one line; nothing is verified.

    Raises:
        NoteError: Malformed, too large, or no line at all.

    Spec: C2SP tlog-witness, "add-checkpoint"; signed-note, "Format".
    """
    if len(data) > MAX_NOTE_BYTES:
        raise NoteError(f"signature lines of more than {MAX_NOTE_BYTES} bytes")
    try:
        whole = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NoteError("signature lines are UTF-8 text") from error
    check_note_text(whole)
    return _parse_lines(whole)


def _parse_lines(tail: str) -> tuple[NoteSignature, ...]:
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_NOTE_SIGNATURES:
        raise NoteError(f"a note of more than {MAX_NOTE_SIGNATURES} signatures")
    return tuple(_parse_line(line) for line in lines)


def _parse_line(line: str) -> NoteSignature:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space:
        raise NoteError("a signature line is a dash, a key name and base64")
    check_key_name(name)
    try:
        blob = from_base64(encoded)
    except Base64Error as error:
        raise NoteError("a signature line ends in base64") from error
    if len(blob) <= KEY_HASH_BYTES:
        raise NoteError("a signature line has a key id and a signature")
    return NoteSignature(name=name, key_hash=blob[:KEY_HASH_BYTES], signature=blob[KEY_HASH_BYTES:])


def _signature_line(signer: NoteSigning, text: str) -> str:
    return NoteSignature(
        name=signer.name, key_hash=signer.key_hash, signature=signer.sign_text(text)
    ).line


def _check_encodable(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise NoteError("a note is Unicode text without lone surrogates") from error
