"""A peer that hangs, or sends a byte now and then, on a real socket: it is given up in time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import TYPE_CHECKING

import pytest

from foedus.exchange import patience
from foedus.exchange.patience import Allowance
from foedus.model.identifiers import MemberId
from foedus.node.patience import TimedClient, within
from foedus.node.peer_ports import PeerEndpoint, PeerError, WitnessClient

if TYPE_CHECKING:
    from tests.unit.exchange.conftest import Live

XA, XC = MemberId("XA"), MemberId("XC")
PATIENCE_S = 0.3


class Trickle:
    """A listener that answers every request with a byte now and then, and never to the end."""

    def __init__(self, *, first: bytes, bytewise: bytes) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._first, self._rest = first, bytewise
        self._ended = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._ended.set()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.recv(65536)
            connection.sendall(self._first)
            while self._rest and not self._ended.wait(0.02):
                connection.sendall(self._rest)
            self._ended.wait(60)


WAYS = {
    "it takes the request and says nothing": (b"", b""),
    "it sends its headers byte by byte": (b"HTTP/1.1 200 OK\r\nx-slow: ", b"a"),
    "it sends its body byte by byte": (b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n", b"a"),
}


@pytest.fixture(name="trickle", params=list(WAYS.values()), ids=list(WAYS))
def _trickle(request: pytest.FixtureRequest) -> Iterator[Trickle]:
    first, bytewise = request.param
    with closing(Trickle(first=first, bytewise=bytewise)) as made:
        yield made


def test_it_is_given_up_when_its_time_is_over(live: Live, trickle: Trickle) -> None:
    peer = PeerEndpoint(member=XA, address=trickle.address)
    begun = time.monotonic()
    with live.client() as client:
        timed = client.within(XA, PATIENCE_S)
        with pytest.raises(PeerError, match="in time"):
            timed.ledger_file(peer, "checkpoint")
        took = time.monotonic() - begun
        assert PATIENCE_S <= took < PATIENCE_S + 1
        with pytest.raises(PeerError, match="longer to answer than is allowed"):
            timed.heads(peer)
        assert time.monotonic() - begun < took + 0.2, "the next call does not wait at all"


def test_another_asked_on_the_way_has_a_small_time_of_its_own(
    live: Live, trickle: Trickle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "OTHER_S", 0.1)
    hanging = PeerEndpoint(member=XC, address=trickle.address)
    with live.client() as client:
        timed = client.within(XA, 10)
        begun = time.monotonic()
        with pytest.raises(PeerError):
            timed.mirror_file(hanging, "some/log", "checkpoint")
        assert time.monotonic() - begun < 1
        page = timed.lane_page(live.endpoint(), "bulk", added_after="", limit=1)
    assert page.objects == ()


def test_others_together_have_no_more_than_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    allowance = Allowance(XA, 60)
    for number in range(4):
        with allowance.asking(MemberId(f"X{'CDEF'[number]}")) as left:
            assert left == 5
            now[0] += 5
    with pytest.raises(PeerError, match="XG took longer"), allowance.asking(MemberId("XG")):
        pass
    with allowance.asking(XA) as left:
        assert left == 60, "nor do they take from the time of whom it is about"


def test_a_connection_outlives_the_time_it_was_opened_in(live: Live) -> None:
    with live.client() as client:
        for _ in range(3):
            client.within(XA, 5).lane_page(live.endpoint(), "bulk", added_after="", limit=1)
        client.lane_page(live.endpoint(), "bulk", added_after="", limit=1)


def test_the_client_is_one_whose_answers_can_be_given_an_end(live: Live) -> None:
    with live.client() as client:
        assert isinstance(client, TimedClient)
        assert isinstance(within(client, XA, 1), WitnessClient)
