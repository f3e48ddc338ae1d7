"""What kept a connection from being made or used, in plain words.

Only our own words: what the other side sent, or its certificate says, is never repeated.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from errno import EHOSTUNREACH, ENETUNREACH
from typing import Final

import httpcore
import httpx

__all__ = ["cause_of"]

_UNTRUSTED: Final = "its certificate is not trusted"

_EXPIRED: Final = 10
_NOT_YET: Final = 9
_OTHER_NAME: Final = frozenset({62, 64})
"""OpenSSL's codes: X509_V_ERR_CERT_NOT_YET_VALID, _HAS_EXPIRED, _HOSTNAME_ and _IP_MISMATCH."""

_POOLS: Final = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException)
_KINDS: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (ssl.SSLError, "no TLS connection could be agreed on"),
    (ConnectionRefusedError, "connection refused: nothing listens there"),
    (ConnectionResetError, "the connection was broken off"),
    (BrokenPipeError, "the connection was broken off"),
    (TimeoutError, "no answer in time"),
    (httpx.TimeoutException, "no answer in time"),
    (httpx.RemoteProtocolError, "the answer broke off, or is no HTTP"),
    (httpx.UnsupportedProtocol, "its address is neither https nor http"),
    (httpx.InvalidURL, "its address is none"),
    (UnicodeError, "no such host"),
)


def cause_of(error: BaseException, *, unvouched: str = "") -> str:
    """Return in a few words what lies at the bottom of an error of the HTTP library.

    Args:
        error: What was raised.
        unvouched: What helps where no authority vouches for the certificate, in words to add.
    """
    chain = list(_chain(error))
    for each in reversed(chain):
        told = _told(each, unvouched)
        if told:
            return told
    return f"the connection failed ({type(error).__name__})"


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        yield at
        # The pool of connections raises its errors on `from None`.
        at = at.__cause__ or (at.__context__ if isinstance(at, _POOLS) else None)


def _told(error: BaseException, unvouched: str) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _untrusted(error.verify_code, unvouched)
    if isinstance(error, socket.gaierror):
        again = error.errno == socket.EAI_AGAIN
        return "the name of the host could not be looked up" if again else "no such host"
    if isinstance(error, OSError) and error.errno in {EHOSTUNREACH, ENETUNREACH}:
        return "no network leads there"
    return next((told for kind, told in _KINDS if isinstance(error, kind)), "")


def _untrusted(code: int, unvouched: str) -> str:
    if code == _EXPIRED:
        return f"{_UNTRUSTED}: it has expired"
    if code == _NOT_YET:
        return f"{_UNTRUSTED}: it is not valid yet"
    if code in _OTHER_NAME:
        return f"{_UNTRUSTED}: it is for another host"
    return f"{_UNTRUSTED}: no authority known to this machine vouches for it{unvouched}"
