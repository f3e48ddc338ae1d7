"""Carries webhooks: signed, to where they were meant for, and nowhere else.

A webhook is the one request a node makes to an address that is no member's, so what it could be
turned against is refused here:

1. The address is https, or http to this machine by its number or as ``localhost``; no user, no
   password, no fragment.
2. The host's name is resolved here, and the connection goes to one of the addresses checked: every
   one of them must be public, so a name that answers differently the second time gains nothing. An
   administrator may allow private ones for one subscription; those of the link (where clouds keep
   their secrets), multicast and reserved ones are never used.
3. Redirects are failures. Nothing is read from the environment. Of the answer only the status is
   read; a deadline holds for all of it.

Spec: Standard Webhooks 1.0.0 ("Signature scheme", "Webhook headers", and on forged requests).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import socket
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias
from urllib.parse import SplitResult, urlsplit

import httpcore
import httpx

from foedus.connecting import DeadlineBackend, cause_of, deadline
from foedus.exchange.errors import ExchangeError, WebhookAddressError
from foedus.node.webhook_delivery import Attempt, Letter

__all__ = ["ATTEMPT_S", "HTTPCourier", "Resolve", "check_webhook_url", "resolve", "sign_webhook"]

ATTEMPT_S: Final = 15.0
"""Longest one attempt may take, from connecting to the answer's status, in seconds."""

MAX_URL_CHARS: Final = 2_000
"""Longest address of a webhook."""

_CONNECT_S: Final = 5.0
_CONNECTIONS: Final = 8
_KEEP_S: Final = 5.0

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve: TypeAlias = Callable[[str, int], Sequence[str]]
"""Returns the addresses of a host, as texts; raises ``OSError``."""


def sign_webhook(key: bytes, identifier: str, at: datetime, body: bytes) -> dict[str, str]:
    """Return the headers that sign a message for one attempt.

    Args:
        key: The subscription's secret.
        identifier: Of the message; without a full stop.
        at: When it is sent.
        body: Exact bytes.

    Spec: Standard Webhooks 1.0.0 ("Signature scheme", symmetric).
    """
    stamp = str(int(at.timestamp()))
    content = b".".join((identifier.encode(), stamp.encode(), body))
    code = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode("ascii")
    return {
        "webhook-id": identifier,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{code}",
    }


def check_webhook_url(url: str) -> None:
    """Refuse an address that no webhook goes to (rule 1).

    Raises:
        WebhookAddressError: It is none, or one that is refused.
    """
    parts = _parts(url)
    host = parts.hostname or ""
    local = host == "localhost" or _is_loopback(host)
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and local)):
        raise WebhookAddressError("a webhook goes to an https address, or to this machine")
    if parts.username or parts.password or parts.fragment:
        raise WebhookAddressError("a webhook's address holds no user, password or fragment")


def _parts(url: str) -> SplitResult:
    if len(url) > MAX_URL_CHARS or not url.isprintable() or not url.isascii() or " " in url:
        raise WebhookAddressError("a webhook's address is one line of plain characters")
    try:
        parts = urlsplit(url)
        usable = parts.port is None or parts.port > 0
    except ValueError as error:
        raise WebhookAddressError("that is no address") from error
    if not usable:
        raise WebhookAddressError("that is no port")
    return parts


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def resolve(host: str, port: int) -> Sequence[str]:
    """Return every address the machine's resolver gives for a host."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


class HTTPCourier:
    """Implements :class:`foedus.node.webhook_delivery.Courier`; safe for several threads."""

    def __init__(self, *, resolving: Resolve = resolve) -> None:
        """Prepare; nothing is opened yet.

        Args:
            resolving: Finds the addresses of a host.
        """
        self._resolve = resolving
        self._clients: dict[bool, httpx.Client] = {}

    def carry(self, letter: Letter, *, at: datetime) -> Attempt:
        """Sign a letter for this instant, hand it over once, and say what came of it."""
        try:
            check_webhook_url(letter.url)
            client = self._client(private=letter.private)
            headers = {
                "content-type": "application/json",
                **sign_webhook(letter.key, letter.id, at, letter.body),
            }
            request = client.build_request("POST", letter.url, content=letter.body, headers=headers)
            with deadline(ATTEMPT_S):
                answer = client.send(request, stream=True)
                answer.close()
        except ExchangeError as error:
            return Attempt(status=0, words=str(error))
        except httpx.TimeoutException:
            return Attempt(status=0, words="no answer in time")
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, UnicodeError) as error:
            # The last where the host is none that the name system could know.
            return Attempt(status=0, words=f"cannot be reached: {cause_of(error)}")
        return Attempt(status=answer.status_code, words=f"answered {answer.status_code}")

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            client.close()

    def _client(self, *, private: bool) -> httpx.Client:
        if private not in self._clients:
            self._clients[private] = httpx.Client(
                transport=_Transport(_Backend(self._resolve, private=private)),
                timeout=httpx.Timeout(ATTEMPT_S, connect=_CONNECT_S),
                follow_redirects=False,
                trust_env=False,
                headers={"user-agent": "foedus-webhook", "accept-encoding": "identity"},
            )
        return self._clients[private]


class _Transport(httpx.HTTPTransport):
    def __init__(self, backend: httpcore.NetworkBackend) -> None:
        context = httpx.create_ssl_context(trust_env=False)
        super().__init__(verify=context, trust_env=False)
        # What the base class made opened nothing yet.
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=_CONNECTIONS,
            keepalive_expiry=_KEEP_S,
            network_backend=backend,
        )


class _Backend(DeadlineBackend):
    """Connects to addresses that were checked, never to a name."""

    def __init__(self, resolving: Resolve, *, private: bool) -> None:
        super().__init__()
        self._resolve = resolving
        self._private = private

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            found = self._resolve(host, port)
        except OSError as error:
            raise httpcore.ConnectError("the host has no address") from error
        for each in found:
            _check(host, each, private=self._private)
        if not found:
            nobody = socket.gaierror(socket.EAI_NONAME, "no address")
            raise httpcore.ConnectError("the host has no address") from nobody
        return super().connect_tcp(found[0], port, timeout, local_address, socket_options)


def _check(host: str, text: str, *, private: bool) -> None:
    """Refuse an address that this subscription may not use (rule 2)."""
    try:
        given = ipaddress.ip_address(text.partition("%")[0])
    except ValueError as error:
        raise WebhookAddressError("the host has an address that cannot be read") from error
    for address in _meant(given):
        if address.is_loopback and (host == "localhost" or _is_loopback(host)):
            continue
        if address.is_link_local or address.is_multicast or address.is_unspecified:
            raise WebhookAddressError("the host has an address that no webhook goes to")
        inside = address.is_private or address.is_loopback or not address.is_global
        if inside and not private:
            raise WebhookAddressError(
                "the host has an address that is not public; `--allow-private` lets it be used"
            )


_TRANSLATED: Final = ipaddress.ip_network("64:ff9b::/96")


def _meant(address: Address) -> list[Address]:
    """Return an address and those written inside it: mapped, tunnelled or translated ones."""
    meant: list[Address] = [address]
    if isinstance(address, ipaddress.IPv6Address):
        inside = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _TRANSLATED:
            inside.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        meant += [each for each in inside if each is not None]
        if address.ipv4_mapped is not None:
            meant.remove(address)  # it is that one, and nothing else
    return meant
