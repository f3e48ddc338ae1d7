"""Pinned keys: who a node is, without any authority between.

A node makes its own certificate. What identifies it is the SHA-256 of the SubjectPublicKeyInfo of
its key (RFC 7469 §2.4), written here as 64 hex digits or as standard base64, with or without
``sha256:`` or ``sha256/`` before it. Name the next one as well before a key is renewed. With pins
the names and dates of a certificate and who signed it say nothing; without, the authorities the
machine trusts decide.

The key is compared as soon as the connection is made, before the request with its token is sent.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import ssl
from collections.abc import Collection
from functools import partial
from typing import Final

import httpcore
import httpx

from foedus.client.errors import AddressError, PinError
from foedus.connecting import DeadlineBackend

__all__ = ["Transport", "key_pin", "parse_pin"]

_DIGEST_BYTES: Final = 32
_PREFIX: Final = re.compile(r"sha256[:/]", re.IGNORECASE)
_KEEP_S: Final = 5.0


def parse_pin(text: str) -> bytes:
    """Return the 32 bytes of a pin.

    Raises:
        AddressError: The text is no SHA-256.
    """
    bare = text.strip()
    found = _PREFIX.match(bare)
    bare = bare[found.end() :] if found else bare
    try:
        digest = (
            bytes.fromhex(bare)
            if len(bare) == 2 * _DIGEST_BYTES
            else base64.b64decode(bare, validate=True)
        )
    except (ValueError, binascii.Error) as error:
        raise AddressError("a pin is the SHA-256 of a public key, in hex or base64") from error
    if len(digest) != _DIGEST_BYTES:
        raise AddressError("a pin is the SHA-256 of a public key: 32 bytes")
    return digest


def key_pin(certificate: bytes) -> bytes:
    """Return the pin of a certificate's key.

    Args:
        certificate: DER.

    Raises:
        PinError: It is no certificate whose key can be read.
    """
    from cryptography import x509  # noqa: PLC0415  only who pins pays for it
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415  likewise
        Encoding,
        PublicFormat,
    )

    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
        info = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except Exception as error:  # whatever the library makes of a stranger's bytes
        raise PinError("the certificate cannot be read") from error
    return hashlib.sha256(info).digest()


class Transport(httpx.HTTPTransport):
    """HTTP/1.1 over connections that keep to a deadline and, where pins are given, to a key."""

    def __init__(self, pins: Collection[bytes], *, connections: int) -> None:
        """Prepare; nothing is opened yet.

        Args:
            pins: The keys that may answer over TLS; empty lets the machine's authorities decide.
            connections: Most kept open at a time.
        """
        context = _pinned_context() if pins else httpx.create_ssl_context(trust_env=False)
        super().__init__(verify=context, trust_env=False)
        # What the base class made opened nothing yet.
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=connections,
            keepalive_expiry=_KEEP_S,
            network_backend=DeadlineBackend(
                accept=partial(_check, pins=frozenset(pins)) if pins else None
            ),
        )


def _pinned_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the key is compared instead, by _check
    context.set_alpn_protocols(["http/1.1"])
    return context


def _check(certificate: bytes, pins: frozenset[bytes]) -> None:
    """Refuse a certificate (DER; empty where none was shown) whose key is none of the pinned."""
    if not certificate:
        raise PinError("the node showed no certificate")
    if key_pin(certificate) not in pins:
        raise PinError("the node's key is none of the pinned ones: nothing was sent to it")
