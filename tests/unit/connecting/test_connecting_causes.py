"""What kept a connection from being made, in plain words, on both sides of the wire."""

from __future__ import annotations

import socket
import ssl
from errno import ENETUNREACH

import httpx
import pytest

from foedus.connecting import cause_of


def _verification(code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError("what the other side's certificate says")
    error.verify_code = code
    return error


ROWS: list[tuple[Exception, str]] = [
    (ConnectionRefusedError(), "connection refused: nothing listens there"),
    (socket.gaierror(socket.EAI_NONAME, "x"), "no such host"),
    (socket.gaierror(socket.EAI_AGAIN, "x"), "the name of the host could not be looked up"),
    (_verification(10), "its certificate is not trusted: it has expired"),
    (_verification(9), "its certificate is not trusted: it is not valid yet"),
    (_verification(62), "its certificate is not trusted: it is for another host"),
    (_verification(18), "its certificate is not trusted: no authority known to this machine"),
    (ssl.SSLError("theirs"), "no TLS connection could be agreed on"),
    (TimeoutError(), "no answer in time"),
    (ConnectionResetError(), "the connection was broken off"),
    (OSError(ENETUNREACH, "x"), "no network leads there"),
    (httpx.RemoteProtocolError("theirs"), "the answer broke off, or is no HTTP"),
    (UnicodeError("idna"), "no such host"),
    (RuntimeError("theirs"), "the connection failed (ConnectError)"),
]


@pytest.mark.parametrize(("cause", "words"), ROWS, ids=[row[1] for row in ROWS])
def test_a_cause_is_told_in_plain_words(cause: Exception, words: str) -> None:
    error = httpx.ConnectError("theirs")
    error.__cause__ = OSError("between")
    error.__cause__.__cause__ = cause
    said = cause_of(error)
    assert said.startswith(words)
    assert "theirs" not in said


def test_what_helps_where_nobody_vouches_is_told_by_who_knows_it() -> None:
    assert cause_of(_verification(18), unvouched=" (name its key)").endswith("it (name its key)")
    assert "name its key" not in cause_of(_verification(10), unvouched=" (name its key)")


def test_a_host_that_is_not_there_and_one_that_listens_to_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with httpx.Client(trust_env=False) as client, pytest.raises(httpx.ConnectError) as caught:
        client.get(f"http://127.0.0.1:{port}/")
    assert cause_of(caught.value) == "connection refused: nothing listens there"
