"""How long a peer may keep this node waiting: for one answer, and for one piece of work.

The time-outs of an HTTP client count silence, so a peer that sends a byte now and then is never too
slow for them. Here a deadline holds for all that one answer takes, its headers included: each wait
on the socket ends at the deadline at the latest (:class:`DeadlineBackend`).

An :class:`Allowance` adds up what the answers of one piece of work took. Only waiting is counted:
what this node does with an answer takes nothing from the peer.
"""

from __future__ import annotations

import ssl
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

import httpcore

from foedus.model.identifiers import MemberId
from foedus.node.peer_ports import PeerError

__all__ = ["OTHERS_IN_ALL_S", "OTHER_S", "Allowance", "DeadlineBackend", "deadline"]

OTHER_S: Final = 5.0
"""Longest wait for a member that is asked on the way, while working with another, in seconds."""

OTHERS_IN_ALL_S: Final = 20.0
"""Longest wait for all of these members together, in seconds."""

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


class Allowance:
    """What one piece of work with a peer may still wait for answers; for one thread."""

    __slots__ = ("_member", "_seconds", "_spent")

    def __init__(self, member: MemberId, seconds: float) -> None:
        """Allow a time.

        Args:
            member: Whom the work is with.
            seconds: How long it may keep us waiting in all. Others that are asked on the way have
                :data:`OTHER_S` each and :data:`OTHERS_IN_ALL_S` together, so that a member that
                hangs costs those it is no part of little.
        """
        self._member = member
        self._seconds = seconds
        self._spent: defaultdict[MemberId, float] = defaultdict(float)

    @contextmanager
    def asking(self, member: MemberId) -> Iterator[float]:
        """Count the time of one answer; yields how long it may take.

        Raises:
            PeerError: The member has no time left.
        """
        left = self._left(member)
        if left <= 0:
            raise PeerError(f"{member} took longer to answer than is allowed for this")
        begun = time.monotonic()
        try:
            yield left
        finally:
            self._spent[member] += time.monotonic() - begun

    def _left(self, member: MemberId) -> float:
        if member == self._member:
            return self._seconds - self._spent[member]
        others = sum(each for name, each in self._spent.items() if name != self._member)
        return min(OTHER_S - self._spent[member], OTHERS_IN_ALL_S - others)


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
