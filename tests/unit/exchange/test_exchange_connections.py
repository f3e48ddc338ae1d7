"""TLS between nodes: pinned keys, and nothing said to whoever shows another. Real sockets."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send

from foedus.clock import FixedClock
from foedus.exchange.certificate import make_certificate, read_certificate
from foedus.exchange.connections import Connections
from foedus.exchange.errors import CertificateError
from foedus.exchange.own_tls import (
    CertificateFiles,
    OwnPin,
    ServerTLS,
    add_pin,
    files_shown,
    make_pair,
    read_own_pins,
    write_own_pins,
)
from foedus.exchange.run import bind, serving
from foedus.exchange.transport import checked_address, fetch
from foedus.model.identifiers import MemberId
from foedus.node.peer_ports import PeerCertificateError, PeerError
from foedus.signing.pins import MAX_PINS, TLSPin

NOW = datetime.now(UTC)
"""The library of TLS looks at the machine's own clock where a public authority is to vouch."""
XB = MemberId("XB")


async def page(_scope: Scope, _receive: Receive, send: Send) -> None:
    headers = [(b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ok"})


@dataclass
class Pair:
    """A certificate with its key, in files."""

    files: CertificateFiles
    spki: str


def pair(folder: Path, name: str, *, now: datetime = NOW) -> Pair:
    private, certificate = make_certificate("127.0.0.1", now=now)
    files = CertificateFiles(certificate=folder / f"{name}.crt", key=folder / f"{name}.key")
    files.certificate.write_bytes(certificate)
    files.key.write_bytes(private)
    return Pair(files=files, spki=read_certificate(certificate).spki)


@contextmanager
def node(shown: Callable[[], CertificateFiles]) -> Iterator[tuple[str, ServerTLS]]:
    tls = ServerTLS(shown)
    with serving(page, bind("127.0.0.1", 0), tls=tls) as base:
        assert base.startswith("https://")
        yield base, tls


def ask(connections: Connections, base: str) -> bytes:
    with connections.to(XB) as http:
        return fetch(http, http.build_request("GET", base), who="XB", max_bytes=100).content


@dataclass
class Pinning:
    """Connections of a node, and what is pinned at the other."""

    pins: set[str] | None
    told: list[str] = field(default_factory=list)
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOW))

    def __post_init__(self) -> None:
        self.connections = Connections(
            clock=self.clock,
            pins=lambda _member: None if self.pins is None else frozenset(self.pins),
            told=lambda member, text: self.told.append(f"{member} {text}"),
        )


@dataclass
class Rogue:
    """Stands where a node should, with a certificate of its own, and writes down what is said."""

    port: int
    handshakes: list[str] = field(default_factory=list)
    said: bytearray = field(default_factory=bytearray)


@contextmanager
def rogue(files: CertificateFiles, *, port: int = 0, version: str = "TLSv1.3") -> Iterator[Rogue]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    if version == "TLSv1.2":
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_server(("127.0.0.1", port)) as listening:
        found = Rogue(port=listening.getsockname()[1])

        def serve() -> None:
            while True:
                try:
                    plain, _ = listening.accept()
                except OSError:
                    return
                plain.settimeout(5)
                try:
                    with context.wrap_socket(plain, server_side=True) as secure:
                        found.handshakes.append(secure.version() or "")
                        while data := secure.recv(4096):
                            found.said += data
                except OSError:
                    plain.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield found
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_a_key_that_is_pinned_is_enough(tmp_path: Path) -> None:
    """Its certificate is signed by nobody, and for another host."""
    own = pair(tmp_path, "own")
    with node(lambda: own.files) as (base, _):
        pinning = Pinning({own.spki, "0" * 64})
        assert ask(pinning.connections, base) == b"ok"
        assert ask(pinning.connections, base.replace("127.0.0.1", "localhost")) == b"ok"
        assert pinning.told == ["XB "]
        pinning.connections.close()


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_to_another_key_nothing_is_sent(tmp_path: Path, version: str) -> None:
    """With TLS 1.3 the other side has seen its handshake succeed, and then reads an end."""
    own, other = pair(tmp_path, "own"), pair(tmp_path, "other")
    pinning = Pinning({own.spki})
    with rogue(other.files, version=version) as found:
        with pytest.raises(PeerCertificateError) as caught:
            ask(pinning.connections, f"https://127.0.0.1:{found.port}")
        pinning.connections.close()
    assert found.handshakes == [version]
    assert found.said == b""
    for each in (own.spki, other.spki, "Nothing was sent"):
        assert each in str(caught.value)
    assert pinning.told == [f"XB {caught.value}"]


def test_where_all_pins_are_over_no_certificate_is_right(tmp_path: Path) -> None:
    own = pair(tmp_path, "own")
    pinning = Pinning(set())
    with rogue(own.files) as found:
        with pytest.raises(PeerCertificateError, match="none is in force"):
            ask(pinning.connections, f"https://127.0.0.1:{found.port}")
        pinning.connections.close()
    assert found.said == b""


def test_without_any_pin_a_public_authority_must_vouch(tmp_path: Path) -> None:
    own = pair(tmp_path, "own")
    pinning = Pinning(None)
    with rogue(own.files) as found:
        with pytest.raises(PeerError, match="cannot be reached") as caught:
            ask(pinning.connections, f"https://127.0.0.1:{found.port}")
        pinning.connections.close()
    assert not isinstance(caught.value, PeerCertificateError)
    assert found.said == b""


@pytest.mark.parametrize(
    ("off", "says"),
    [(timedelta(days=4000), "over since"), (timedelta(days=-2), "valid from")],
)
def test_a_pinned_certificate_outside_its_dates_is_refused(
    tmp_path: Path, off: timedelta, says: str
) -> None:
    own = pair(tmp_path, "own")
    pinning = Pinning({own.spki}, clock=FixedClock(NOW + off))
    with rogue(own.files) as found:
        with pytest.raises(PeerCertificateError, match=says):
            ask(pinning.connections, f"https://127.0.0.1:{found.port}")
        pinning.connections.close()
    assert found.said == b""


def test_a_pin_that_ends_ends_the_connections_opened_under_it(tmp_path: Path) -> None:
    own, next_one = pair(tmp_path, "own"), pair(tmp_path, "next")
    shown = [own.files]
    with node(lambda: shown[0]) as (base, tls):
        pinning = Pinning({own.spki, next_one.spki})
        assert ask(pinning.connections, base) == b"ok"
        pinning.pins = {next_one.spki}  # kept alive, but no longer right
        with pytest.raises(PeerCertificateError):
            ask(pinning.connections, base)
        shown[0] = next_one.files
        assert tls.refresh()
        assert not tls.refresh()
        assert ask(pinning.connections, base) == b"ok"
        pinning.pins = {own.spki}
        with pytest.raises(PeerCertificateError):
            ask(pinning.connections, base)
        pinning.connections.close()
    assert [each == "XB " for each in pinning.told] == [True, False, True, False]


def test_a_server_goes_on_with_its_certificate_when_the_next_cannot_be_read(tmp_path: Path) -> None:
    own = pair(tmp_path, "own")
    missing = CertificateFiles(certificate=tmp_path / "none.crt", key=tmp_path / "none.key")
    shown: list[CertificateFiles | None] = [own.files]
    tls = ServerTLS(lambda: shown[0])
    for bad, says in ((missing, "cannot be used"), (None, "no certificate")):
        shown[0] = bad
        with pytest.raises(CertificateError, match=says):
            tls.refresh()
    with pytest.raises(CertificateError):
        ServerTLS(lambda: missing)


def test_tls_older_than_1_2_is_not_spoken(tmp_path: Path) -> None:
    own = pair(tmp_path, "own")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("AES128-SHA:@SECLEVEL=0")  # no forward secrecy
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with node(lambda: own.files) as (base, tls):
        assert tls.context.minimum_version is ssl.TLSVersion.TLSv1_2
        port = int(base.rpartition(":")[2])
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            pytest.raises(ssl.SSLError),
        ):
            context.wrap_socket(plain)


# Our own pins, and which certificate is shown when.


def test_a_rotation_shows_the_new_certificate_half_way_through_the_overlap(tmp_path: Path) -> None:
    old = make_pair(tmp_path, "127.0.0.1", now=NOW, shown_from=NOW)
    later = NOW + timedelta(days=100)
    new = make_pair(tmp_path, "127.0.0.1", now=later, shown_from=later + timedelta(days=1))
    end = later + timedelta(days=2)
    own = add_pin([old], new, now=later, others_end=end)
    write_own_pins(tmp_path, own)
    assert read_own_pins(tmp_path) == own
    shown = [
        (files.certificate.stem if files else None)
        for hours in (0, 23, 24, 47, 48, 1000)
        for files in (files_shown(tmp_path, own, later + timedelta(hours=hours)),)
    ]
    assert shown == [old.stem, old.stem, new.stem, new.stem, new.stem, new.stem]
    both = {each.pin.spki for each in own if each.pin.covers(later)}
    assert both == {old.pin.spki, new.pin.spki}
    assert {each.pin.spki for each in own if each.pin.covers(end)} == {new.pin.spki}
    again = make_pair(tmp_path, "127.0.0.1", now=end, shown_from=end)
    assert old.pin.spki not in {
        each.pin.spki for each in add_pin(own, again, now=end, others_end=None)
    }


def test_there_are_only_so_many_pins(tmp_path: Path) -> None:
    own: tuple[OwnPin, ...] = ()
    for number in range(MAX_PINS):
        pin = TLSPin(spki=f"{number:064x}", valid_from=NOW)
        own = add_pin(own, OwnPin(pin=pin, stem="", shown_from=NOW), now=NOW, others_end=None)
    more = OwnPin(pin=TLSPin(spki="f" * 64, valid_from=NOW), stem="", shown_from=NOW)
    with pytest.raises(CertificateError, match="pins already"):
        add_pin(own, more, now=NOW, others_end=None)
    assert add_pin(own, more, now=NOW, others_end=NOW) == (more,)
    assert files_shown(tmp_path, own, NOW) is None


@pytest.mark.parametrize(
    "text",
    ["[[pin]]", "pin = 3", "pin = [3]", "\xff", "[[pin]]\nspki_sha256='x'\nfiles=''\n", "= ="],
)
def test_a_damaged_file_of_pins_is_told_as_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "tls.toml").write_text(text, encoding="latin-1")
    with pytest.raises(CertificateError):
        read_own_pins(tmp_path)


@pytest.mark.parametrize("raw", [b"", b"x", b"-----BEGIN CERTIFICATE-----", bytes(300_000)])
def test_what_is_no_certificate_is_told_as_such(raw: bytes) -> None:
    with pytest.raises(CertificateError):
        read_certificate(raw)


def test_a_certificate_is_made_for_names_and_addresses_only() -> None:
    for host in ("node.example", "192.0.2.1", "::1"):
        _, raw = make_certificate(host, now=NOW)
        assert read_certificate(raw).self_signed
    with pytest.raises(CertificateError, match="no certificate"):
        make_certificate("ö.example", now=NOW)


def test_a_certificate_that_cannot_be_used_leaves_the_one_before(tmp_path: Path) -> None:
    """Who renews a certificate writes its file before that of the key."""
    shown, other = pair(tmp_path, "shown"), pair(tmp_path, "other")
    pinning = Pinning({shown.spki})
    with node(lambda: shown.files) as (base, tls):
        shown.files.certificate.write_bytes(other.files.certificate.read_bytes())
        with pytest.raises(CertificateError):
            tls.refresh()
        assert ask(pinning.connections, base) == b"ok"
        pinning.connections.close()
        shown.files.key.write_bytes(other.files.key.read_bytes())
        assert tls.refresh()
        pinning.pins = {other.spki}
        assert ask(pinning.connections, base) == b"ok"
    pinning.connections.close()


@pytest.mark.parametrize(
    "address",
    [
        "https://" + "a" * 64 + ".example",
        "https://a..example",
        "https://xn--a",
        "https://[v1.x]",
        "https://a.example:65536",
        "https://a.example/" + "a/" * 2_000,
        "https://a.example/\ud800",
    ],
    ids=["a long label", "an empty label", "no punycode", "no IPv6", "no port", "long", "no text"],
)
def test_an_address_that_no_library_takes_is_a_failure_of_that_peer(address: str) -> None:
    """It may stand in another member's own full powers, so it must not end the worker."""
    with pytest.raises(PeerError):
        checked_address(address, who="XB")
