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
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

import httpcore
import httpx

from foedus.client.errors import AddressError, PinError

__all__ = ["Transport", "deadline", "key_pin", "parse_pin"]

_DIGEST_BYTES: Final = 32
_PREFIX: Final = re.compile(r"sha256[:/]", re.IGNORECASE)
_KEEP_S: Final = 5.0
_DEADLINE: Final = ContextVar("foedus_client_deadline", default=float("inf"))


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


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Let no wait on a socket within the block end later than this."""
    token = _DEADLINE.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _DEADLINE.reset(token)


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
            network_backend=_Backend(frozenset(pins)),
        )


def _pinned_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the key is compared instead, in _Stream.start_tls
    context.set_alpn_protocols(["http/1.1"])
    return context


class _Backend(httpcore.NetworkBackend):
    def __init__(self, pins: frozenset[bytes]) -> None:
        self._inner = httpcore.SyncBackend()
        self._pins = pins

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        stream = self._inner.connect_tcp(host, port, left, local_address, socket_options)
        return _Stream(stream, self._pins)


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, pins: frozenset[bytes]) -> None:
        self._inner = inner
        self._pins = pins

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        stream = _Stream(self._inner.start_tls(ssl_context, server_hostname, left), self._pins)
        if self._pins:
            try:
                _check(stream, self._pins)
            except BaseException:
                stream.close()
                raise
        return stream

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _check(stream: httpcore.NetworkStream, pins: frozenset[bytes]) -> None:
    connection = stream.get_extra_info("socket")
    shown = isinstance(connection, ssl.SSLSocket)
    certificate = connection.getpeercert(binary_form=True) if shown else None
    if certificate is None:
        raise PinError("the node showed no certificate")
    if key_pin(certificate) not in pins:
        raise PinError("the node's key is none of the pinned ones: nothing was sent to it")


def _left(timeout: float | None, late: type[httpcore.TimeoutException]) -> float | None:
    end = _DEADLINE.get()
    if end == float("inf"):
        return timeout
    left = end - time.monotonic()
    if left <= 0:
        raise late("the deadline has passed")
    return left if timeout is None else min(timeout, left)
