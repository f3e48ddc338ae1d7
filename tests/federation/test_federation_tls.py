"""Nodes that speak TLS to each other: pinned keys, somebody in between, rotation, proxies.

Each node is a process of its own with a certificate made at ``init``; who pulls knows no public
authority. What a stranger in between hears is written down.
"""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from foedus.exchange.certificate import make_certificate, read_certificate
from foedus.exchange.own_tls import CertificateFiles, read_own_pins, write_own_pins
from foedus.model.identifiers import MemberId
from foedus.node.pull import PullReport

if TYPE_CHECKING:
    from tests.federation.conftest import Bloc, NodeProcess

ALARM = ("peer.certificate", "XB")


@pytest.fixture(scope="module")
def two(make_bloc: Callable[[], Bloc]) -> Iterator[Bloc]:
    """XA and XB, who speak TLS and concluded the sample treaty."""
    bloc = make_bloc()
    bloc.secure = True
    bloc.found("XA", "XB")
    yield bloc
    bloc.stop_all()


@pytest.fixture
def bloc(two: Bloc) -> Bloc:
    """The same, both serving by the right clock, each on good terms with the other."""
    for node in two.nodes.values():
        node.set_clock(0)
        if node.server is None:
            node.serve()
    assert _good(two["XA"].pull("XB"))
    return two


def _good(report: PullReport) -> bool:
    return not report.unreachable and not any(lane.fault for lane in report.lanes)


def _shown(node: NodeProcess) -> str:
    """Return the key a node's server shows now."""
    raw = ssl.get_server_certificate(("127.0.0.1", node.port))
    return read_certificate(raw.encode()).spki


def _names(node: NodeProcess, member: str) -> dict[str, str]:
    """Return the pins of a member as a node sees them, and whether they hold."""
    listed = node.run("keys", "list", "--member", member)["keys"]
    return {
        row["key"].removeprefix("sha256:"): row["state"]
        for row in listed
        if row["purpose"] == "tls"
    }


@dataclass
class Stranger:
    """What somebody in between saw."""

    handshakes: int = 0
    heard: bytearray = field(default_factory=bytearray)


@contextmanager
def in_between(port: int, files: CertificateFiles) -> Iterator[Stranger]:
    """Answer at a node's address with another certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    stranger = Stranger()
    with socket.create_server(("127.0.0.1", port)) as listening:

        def listen() -> None:
            while True:
                try:
                    plain, _ = listening.accept()
                except OSError:
                    return
                plain.settimeout(10)
                with (
                    plain,
                    suppress(OSError),
                    context.wrap_socket(plain, server_side=True) as secure,
                ):
                    stranger.handshakes += 1
                    while data := secure.recv(4096):
                        stranger.heard += data

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield stranger
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(10)


def _written(folder: Path, name: str, key: bytes, certificate: bytes) -> CertificateFiles:
    files = CertificateFiles(certificate=folder / f"{name}.crt", key=folder / f"{name}.key")
    files.certificate.write_bytes(certificate)
    files.key.write_bytes(key)
    files.key.chmod(0o600)
    return files


def _signed_by_an_authority(folder: Path, name: str) -> CertificateFiles:
    """Return a certificate (RSA) that a private authority signed, with its chain."""
    day = dt.timedelta(days=1)
    now = datetime.now(UTC)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    authority_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Authority")])
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])

    def certificate(
        whose: x509.Name, public: ec.EllipticCurvePublicKey | rsa.RSAPublicKey
    ) -> bytes:
        made = (
            x509.CertificateBuilder()
            .subject_name(whose)
            .issuer_name(authority_name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - day)
            .not_valid_after(now + day)
            .sign(authority_key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM)

    chain = certificate(subject, key.public_key())
    chain += certificate(authority_name, authority_key.public_key())
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    return _written(folder, name, private, chain)


def _indicator() -> dict[str, object]:
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": "indicator--0d3c0a44-44b8-4a3e-8a3a-0c4d6f0f1f11",
        "created": "2026-11-20T08:00:00.000Z",
        "modified": "2026-11-20T08:00:00.000Z",
        "name": "A domain",
        "indicator_types": ["malicious-activity"],
        "pattern": "[domain-name:value = 'pinned.example']",
        "pattern_type": "stix",
        "valid_from": "2026-11-20T08:00:00Z",
    }


def test_two_nodes_conclude_a_treaty_and_share_over_tls(bloc: Bloc) -> None:
    given, taking = bloc["XB"], bloc["XA"]
    assert _shown(given) in _names(taking, "XB")
    assert _names(taking, "XB") == {_shown(given): "speaks"}
    rows = given.hold([_indicator()])
    given.disclose(rows, "XA")
    assert _good(taking.pull("XB"))
    assert sum(taking.received("XB").values()) == 1
    assert ALARM not in taking.alarms()
    finding = taking.run("doctor", expect=None)
    assert not [f for f in finding["findings"] if f["level"] == "fault" and "tls" in f["subject"]]


@pytest.mark.parametrize("kind", ["self-signed", "by an authority"])
def test_somebody_in_between_hears_nothing(bloc: Bloc, tmp_path: Path, kind: str) -> None:
    """Its handshake succeeds, as TLS 1.3 has it; what it reads then is the end."""
    right = _shown(bloc["XB"])
    if kind == "self-signed":
        files = _written(tmp_path, "m", *make_certificate("127.0.0.1", now=datetime.now(UTC)))
    else:
        files = _signed_by_an_authority(tmp_path, "127.0.0.1")
    wrong = read_certificate(files.certificate.read_bytes()).spki
    bloc["XB"].stop()
    with in_between(bloc["XB"].port, files) as stranger:
        report = bloc["XA"].pull("XB")
        command = bloc["XA"].run("pull", "XB", expect=None)
    assert stranger.handshakes >= 2
    assert stranger.heard == b""
    assert command["exit"] != 0
    for said in (report.unreachable, bloc["XA"].alarms()[ALARM].text):
        assert right in said
        assert wrong in said
    bloc["XB"].serve()
    assert _good(bloc["XA"].pull("XB"))
    assert ALARM not in bloc["XA"].alarms()


def test_a_rotation_with_overlap_cuts_nobody_off(bloc: Bloc) -> None:
    """XA pulls before, right after, half way through and after the end of the overlap."""
    mine, theirs = bloc["XB"], bloc["XA"]
    old = _shown(mine)
    mine.close()
    mine.run("keys", "renew", "--new", "tls", "--overlap", "2")
    [new] = [each for each in _names(mine, "XB") if each != old]
    assert _shown(mine) == old  # whoever has not heard yet
    assert _good(theirs.pull("XB"))
    assert _names(theirs, "XB") == {old: "speaks", new: "speaks"}
    for shift_s, shown in ((3700, new), (3600 * 3, new)):
        mine.stop()
        for node in (mine, theirs):
            node.set_clock(shift_s)
        mine.serve()
        assert _shown(mine) == shown
        assert _good(theirs.pull("XB")), shift_s
    assert _names(theirs, "XB") == {old: "over", new: "speaks"}
    old_files = CertificateFiles(
        certificate=mine.data / "keys" / f"tls-{old[:12]}.crt",
        key=mine.data / "keys" / f"tls-{old[:12]}.key",
    )
    mine.stop()
    with in_between(mine.port, old_files) as stranger:
        report = theirs.pull("XB")
    assert stranger.heard == b""
    assert old in report.unreachable
    mine.set_clock(0)


def test_a_running_server_goes_over_to_the_next_certificate_by_itself(bloc: Bloc) -> None:
    mine = bloc["XB"]
    server, old = mine.server, _shown(mine)
    mine.close()
    mine.run("keys", "renew", "--new", "tls", "--overlap", "1000")
    assert _shown(mine) == old
    assert _good(bloc["XA"].pull("XB"))  # it hears of the new key over the old one
    folder = mine.data / "keys"
    own = read_own_pins(folder)
    now = datetime.now(UTC)
    # Its turn comes now, and not in 500 hours.
    write_own_pins(folder, [replace(each, shown_from=min(each.shown_from, now)) for each in own])
    until = time.monotonic() + 10
    while _shown(mine) == old and time.monotonic() < until:
        time.sleep(0.2)
    assert _shown(mine) in _names(mine, "XB").keys() - {old}
    assert mine.server is server
    assert _good(bloc["XA"].pull("XB"))


def test_a_stolen_key_is_given_up_at_once_by_a_file(bloc: Bloc, tmp_path: Path) -> None:
    mine, theirs = bloc["XB"], bloc["XA"]
    stolen = _shown(mine)
    stolen_files = CertificateFiles(
        certificate=mine.data / "keys" / f"tls-{stolen[:12]}.crt",
        key=mine.data / "keys" / f"tls-{stolen[:12]}.key",
    )
    copy = _written(
        tmp_path, "stolen", stolen_files.key.read_bytes(), stolen_files.certificate.read_bytes()
    )
    mine.close()
    refused = mine.run("keys", "renew", "--new", "tls", "--overlap", "0", expect=None)
    assert refused["exit"] != 0
    assert "-o FILE" in refused["stderr"]
    letter = tmp_path / "powers.json"
    mine.run("keys", "renew", "--new", "tls", "--overlap", "0", "-o", str(letter))
    mine.stop()
    mine.serve()
    new = _shown(mine)
    assert new != stolen
    assert new in theirs.pull("XB").unreachable  # not heard yet: it trusts the old one only
    theirs.run("keys", "accept", str(letter))
    assert _good(theirs.pull("XB"))
    mine.stop()
    with in_between(mine.port, copy) as thief:
        assert stolen in theirs.pull("XB").unreachable
    assert thief.handshakes
    assert thief.heard == b""


def test_several_processes_show_one_certificate(bloc: Bloc) -> None:
    mine = bloc["XB"]
    mine.stop()
    mine.server = mine.popen("serve", "--processes", "2")
    mine.await_start()
    assert len({_shown(mine) for _ in range(8)}) == 1
    assert _good(bloc["XA"].pull("XB"))
    mine.stop()


def _introduced(bloc: Bloc, member: str, port: int, *options: str, listens: int = 0) -> NodeProcess:
    """Make a node by the command line, serve it, and let it and XA know each other."""
    node = type(bloc["XA"])(
        member=MemberId(member),
        data=bloc.folder / member,
        port=listens or port,
        advertised=port,
        secure=not listens,
    )
    address = f"https://127.0.0.1:{port}"
    what = ("--member", member, "--name", member, "--address", address, "--exercise")
    node.run("init", *what, "--port", str(node.port), "--pull-interval", "0", *options)
    node.serve()
    node.accept(bloc["XA"].letter())
    bloc["XA"].accept(node.letter())
    return node


def test_an_own_certificate_needs_no_public_authority(bloc: Bloc, tmp_path: Path) -> None:
    files = _signed_by_an_authority(tmp_path, "XC")
    options = ("--certificate", str(files.certificate), "--certificate-key", str(files.key))
    with _ending(_introduced(bloc, "XC", _free_port(), *options)) as own:
        assert _shown(own) == read_certificate(files.certificate.read_bytes()).spki
        assert _good(bloc["XA"].pull("XC"))
        assert _good(own.pull("XA"))


def test_an_expired_certificate_is_refused_though_its_key_is_pinned(
    bloc: Bloc, tmp_path: Path
) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=5000)
    files = _written(tmp_path, "old", *make_certificate("127.0.0.1", now=long_ago))
    options = ("--certificate", str(files.certificate), "--certificate-key", str(files.key))
    with _ending(_introduced(bloc, "XD", _free_port(), *options)):
        report = bloc["XA"].pull("XD")
        assert "over since" in report.unreachable
        assert ("peer.certificate", "XD") in bloc["XA"].alarms()


def test_a_proxy_in_front_speaks_tls_and_its_key_is_pinned(bloc: Bloc, tmp_path: Path) -> None:
    files = _written(tmp_path, "proxy", *make_certificate("127.0.0.1", now=datetime.now(UTC)))
    front, behind = _free_port(), _free_port()
    options = ("--certificate", str(files.certificate))
    with (
        _ending(_introduced(bloc, "XE", front, *options, listens=behind)) as own,
        _proxy(front, behind, files),
    ):
        assert "proxy_tls = true" in (own.data / "foedus.toml").read_text()
        assert _good(bloc["XA"].pull("XE"))
        assert _good(own.pull("XA"))
        # The proxy gets another certificate: it is pinned before it is shown.
        other = _written(tmp_path, "next", *make_certificate("x.example", now=datetime.now(UTC)))
        own.close()
        own.run("keys", "pin", str(other.certificate))
        assert _good(bloc["XA"].pull("XE"))
    own.serve()
    with _ending(own), _proxy(front, behind, other):
        assert _good(bloc["XA"].pull("XE"))


@contextmanager
def _ending(node: NodeProcess) -> Iterator[NodeProcess]:
    try:
        yield node
    finally:
        node.end()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def _proxy(front: int, behind: int, files: CertificateFiles) -> Iterator[None]:
    """End TLS at one port and hand on to another, as a proxy does."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    with socket.create_server(("127.0.0.1", front)) as listening:

        def copy(source: socket.socket, target: socket.socket) -> None:
            with suppress(OSError):
                while data := source.recv(65536):
                    target.sendall(data)
            with suppress(OSError):
                target.shutdown(socket.SHUT_RDWR)

        def relay(plain: socket.socket) -> None:
            plain.settimeout(10)
            with (
                plain,
                suppress(OSError),
                context.wrap_socket(plain, server_side=True) as secure,
                socket.create_connection(("127.0.0.1", behind), timeout=10) as inner,
            ):
                there = threading.Thread(target=copy, args=(secure, inner), daemon=True)
                there.start()
                copy(inner, secure)
                there.join(10)

        def listen() -> None:
            while True:
                try:
                    plain, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=relay, args=(plain,), daemon=True).start()

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(10)
