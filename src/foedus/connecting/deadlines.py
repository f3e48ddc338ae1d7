"""Waits that end at a deadline, whatever trickles in meanwhile.

The time-outs of an HTTP client count silence, so a peer that sends a byte now and then is never too
slow for them. Here a deadline holds for all that one answer takes, its headers included: each wait
on the socket ends at the deadline at the latest.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

import httpcore

__all__ = ["DeadlineBackend", "deadline"]

_DEADLINE: Final = ContextVar("foedus_deadline", default=float("inf"))
"""By the monotonic clock; each thread has its own."""


@contextmanager
def deadline(seconds: float) -> Iterator[float]:
    """Let no wait on a socket within the block end later than this; yields when that is."""
    end = time.monotonic() + seconds
    token = _DEADLINE.set(end)
    try:
        yield end
    finally:
        _DEADLINE.reset(token)


class DeadlineBackend(httpcore.NetworkBackend):
    """Opens connections whose every wait ends at the deadline of the thread that waits."""

    def __init__(self, accept: Callable[[bytes], None] | None = None) -> None:
        """Prepare to open connections.

        Args:
            accept: Looks at the certificate shown, DER, before anything is sent over TLS; what it
                raises closes the connection and reaches the caller.
        """
        self._inner = httpcore.SyncBackend()
        self._accept = accept

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect, by the deadline."""
        left = _left(timeout, httpcore.ConnectTimeout)
        inner = self._inner.connect_tcp(host, port, left, local_address, socket_options)
        return _Stream(inner, self._accept)


class _Stream(httpcore.NetworkStream):
    """A connection; it outlives a deadline and keeps to the one that stands when it is used."""

    def __init__(
        self, inner: httpcore.NetworkStream, accept: Callable[[bytes], None] | None
    ) -> None:
        self._inner = inner
        self._accept = accept

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
        secure = self._inner.start_tls(ssl_context, server_hostname, left)
        if self._accept is not None:
            try:
                shown = secure.get_extra_info("ssl_object").getpeercert(True)  # noqa: FBT003  as DER
                self._accept(shown or b"")
            except BaseException:
                secure.close()
                raise
        return _Stream(secure, self._accept)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


def _left(timeout: float | None, late: type[httpcore.TimeoutException]) -> float | None:
    end = _DEADLINE.get()
    if end == float("inf"):
        return timeout
    left = end - time.monotonic()
    if left <= 0:
        raise late("the deadline has passed")
    return left if timeout is None else min(timeout, left)
