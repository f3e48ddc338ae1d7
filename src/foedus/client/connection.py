"""One request to the node, answered whole or failed plainly: limits, retries, errors.

Everything here may be sent twice: reading changes nothing, an exact duplicate among the objects
posted is a success, what was deleted already is deleted, and a post of casework carries a key by
which the node does it once. So whatever may have been a passing fault is tried again: no
connection, no answer in time, a body cut short, 408, 425, 429, 502, 503 and 504. Redirects are
refused, since the token is for this node alone; the environment is not read, so no proxy is used by
accident.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from foedus.client.errors import (
    AddressError,
    AnswerError,
    BusyError,
    ClientError,
    NotFoundError,
    RefusedError,
    TokenError,
    UnreachableError,
)
from foedus.client.patience import RETRIED_STATUSES, Patience, retry_after
from foedus.client.pins import Transport
from foedus.connecting import cause_of, deadline

__all__ = ["MAX_ANSWER_BYTES", "TAXII_TYPE", "Answer", "Connection", "decoded"]

TAXII_TYPE: Final = "application/taxii+json;version=2.1"
"""The media type of every resource read and sent."""

MAX_ANSWER_BYTES: Final = 256 * 1024 * 1024
"""Largest answer read, in bytes."""

_MAX_ERROR_BYTES: Final = 64 * 1024
_MAX_SHOWN_CHARS: Final = 300
_CONNECTIONS: Final = 4
_FAILED: Final = 300
_BUSY: Final = frozenset({429, 503})
_T = TypeVar("_T")

_PINS_HELP: Final = " (a node that made its own is named by its key: `pins`)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer that is a success.

    Attributes:
        status: HTTP status, 2xx.
        headers: Its headers; names in any case.
        content: Its body.
        attempts: How many times the request was sent.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes = field(repr=False)
    attempts: int


class _ErrorBody(msgspec.Struct):
    title: str = ""
    description: str = ""
    error_id: str = ""
    error_code: str = ""
    detail: str = ""
    code: str = ""


class _Passing(Exception):  # noqa: N818  never leaves this module
    """An attempt failed in a way that the next may not."""

    def __init__(self, error: ClientError, asked_s: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.asked_s = asked_s


class Connection:
    """Sends requests with a token to one node; for one thread at a time."""

    def __init__(
        self,
        address: str,
        token: str,
        *,
        pins: Collection[bytes] = (),
        patience: Patience | None = None,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            address: Base URL of the node: https, or http on this machine.
            token: A token for tools; sent to that address only.
            pins: SHA-256 of the keys that may answer; empty lets the machine's authorities decide.
            patience: How often and how long to try.
            max_answer_bytes: Largest answer read.

        Raises:
            AddressError: The address may not be used, or the token is no header text.
        """
        self.address = checked_address(address)
        if not (token and token.isascii() and token.isprintable() and " " not in token):
            raise AddressError("the token is not a line of plain characters")
        self._patience = Patience() if patience is None else patience
        self._max_bytes = max_answer_bytes
        self._http = httpx.Client(
            transport=Transport(pins, connections=_CONNECTIONS),
            timeout=httpx.Timeout(self._patience.silence_s, connect=self._patience.connect_s),
            follow_redirects=False,
            trust_env=False,
            headers={
                "user-agent": "foedus-client",
                "accept": TAXII_TYPE,
                "accept-encoding": "identity",
                "authorization": f"Bearer {token}",
            },
        )

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Answer:
        """Get a resource.

        Args:
            path: Below the node's address, beginning with a slash.
            query: Parameters.
        """
        return self.send("GET", path, query=query)

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: bytes | None = None,
        gone_is_done: bool = False,
        headers: Mapping[str, bytes] | None = None,
    ) -> Answer:
        """Send a request until it is answered or patience ends.

        Args:
            method: HTTP method.
            path: Below the node's address, beginning with a slash.
            query: Parameters.
            body: A TAXII resource, unless ``headers`` say otherwise; or None.
            gone_is_done: Whether a 404 to a repeated request is a success: an earlier one may have
                been carried out although its answer was lost.
            headers: Further headers, or others than the usual.

        Raises:
            UnreachableError: No whole answer came, however often asked.
            PinError: Who answered has none of the pinned keys.
            BusyError: The node asked to be left alone for longer than patience lasts.
            TokenError: 401 or 403.
            NotFoundError: 404.
            RefusedError: Any other failure.
            AnswerError: The answer is larger than the limit or in an encoding not asked for.
        """
        sent = {} if body is None else {"content-type": TAXII_TYPE.encode("ascii")}
        sent |= headers or {}
        url = self.address + path
        request = self._http.build_request(
            method,
            url,
            params=query,
            content=body,
            headers={name.encode("ascii"): value for name, value in sent.items()},
        )
        patience = self._patience
        end = patience.monotonic() + patience.in_all_s
        attempt = 1
        while True:
            try:
                return self._attempt(request, attempt, end - patience.monotonic())
            except NotFoundError:
                if gone_is_done and attempt > 1:
                    return Answer(status=404, headers={}, content=b"{}", attempts=attempt)
                raise
            except _Passing as passing:
                wait_s = patience.wait_s(attempt, passing.asked_s)
                out_of_time = patience.monotonic() + wait_s >= end
                if attempt >= patience.attempts or out_of_time:
                    raise passing.error from passing
            patience.sleep(wait_s)
            attempt += 1

    def _attempt(self, request: httpx.Request, attempt: int, left_s: float) -> Answer:
        try:
            with deadline(min(self._patience.answer_s, max(left_s, self._patience.connect_s))):
                answer = self._http.send(request, stream=True)
                try:
                    body = self._body(answer)
                finally:
                    answer.close()
        except httpx.TimeoutException as error:
            raise _Passing(UnreachableError("the node did not answer in time")) from error
        except (httpx.HTTPError, httpx.StreamError) as error:
            told = f"the node cannot be reached: {cause_of(error, unvouched=_PINS_HELP)}"
            raise _Passing(UnreachableError(told)) from error
        status = answer.status_code
        if status < _FAILED:
            return Answer(status=status, headers=answer.headers, content=body, attempts=attempt)
        refusal = _refusal(status, body)
        if status not in RETRIED_STATUSES:
            raise refusal
        asked_s = retry_after(answer.headers.get("retry-after"), self._patience.clock)
        if status in _BUSY:
            raise _Passing(BusyError(str(refusal), retry_after_s=asked_s or 0.0), asked_s)
        raise _Passing(UnreachableError(str(refusal)), asked_s)

    def _body(self, answer: httpx.Response) -> bytes:
        if answer.headers.get("content-encoding", "identity") != "identity":
            raise AnswerError("the node answered in an encoding that was not asked for")
        limit = _MAX_ERROR_BYTES if answer.status_code >= _FAILED else self._max_bytes
        body = bytearray()
        for chunk in answer.iter_raw():
            body += chunk
            if len(body) > limit:
                raise AnswerError(f"the node answered with more than {limit} bytes")
        return bytes(body)


def decoded(answer: Answer, kind: type[_T]) -> _T:
    """Read an answer as a resource.

    Raises:
        AnswerError: It is none.
    """
    try:
        return msgspec.json.decode(answer.content, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise AnswerError(f"the node's answer is no such resource: {error}") from error


def checked_address(address: str) -> str:
    """Return a base URL without a slash at its end, or refuse it.

    Raises:
        AddressError: It is neither https nor on this machine, or more than host and path.
    """
    try:
        parts = urlsplit(address)
        host, usable_port = parts.hostname or "", parts.port is None or parts.port > 0
    except ValueError as error:
        raise AddressError("the node's address is none") from error
    plain_here = parts.scheme == "http" and _is_loopback(host)
    if not (host and usable_port and (parts.scheme == "https" or plain_here)):
        raise AddressError("the node's address is neither https nor on this machine")
    if parts.query or parts.fragment or parts.username or parts.password:
        raise AddressError("the node's address has more than host and path")
    return address.rstrip("/")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refusal(status: int, body: bytes) -> ClientError:
    """Return the error of an answer. The node's own words are shown, cut short."""
    try:
        said = msgspec.json.decode(body, type=_ErrorBody)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        said = _ErrorBody()
    words = said.description or said.detail or said.title or "no reason given"
    shown = "".join(each if each.isprintable() else " " for each in words)[:_MAX_SHOWN_CHARS]
    trace = f", its log has it under {said.error_id[:64]}" if said.error_id else ""
    message = f"the node answered {status}: {shown}{trace}"
    if status < 400:  # noqa: PLR2004  3xx
        message = f"the node redirects elsewhere ({status}); that is refused"
    kinds: dict[int, type[RefusedError]] = {
        401: TokenError, 403: TokenError, 404: NotFoundError,
    }  # fmt: skip
    return kinds.get(status, RefusedError)(
        message, status=status, node_code=said.error_code or said.code
    )
