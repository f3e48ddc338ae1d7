"""A node that is busy, slow, cut off or somebody else."""

from __future__ import annotations

import datetime as dt
import hashlib
import socket
import ssl
import sys
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

from foedus.client import (
    AddressError,
    AnswerError,
    BusyError,
    Client,
    Patience,
    PinError,
    RefusedError,
    TokenError,
    UnreachableError,
)
from foedus.client.patience import retry_after
from foedus.client.pins import parse_pin
from foedus.clock import FixedClock, parse_instant

if TYPE_CHECKING:
    from tests.unit.client.conftest import Scripted, Waits

DISCOVERY = b'{"title":"Member XA"}'
ROOT = b'{"title":"t","versions":["2.1"],"max_content_length":1000}'
LIST = (
    b'{"collections":[{"id":"1","title":"drafts","can_read":true,"can_write":true},'
    b'{"id":"2","title":"held","can_read":true,"can_write":false}]}'
)
DATES = {
    "X-TAXII-Date-Added-First": "2026-11-24T10:00:00.000001Z",
    "X-TAXII-Date-Added-Last": "2026-11-24T10:00:00.000002Z",
}


def _module() -> Any:
    """Return the conftest beside this file, whatever name pytest gave it."""
    modules = list(sys.modules.items())
    return next(each for name, each in modules if "conftest" in name and hasattr(each, "Canned"))


@pytest.fixture(name="canned")
def _canned() -> type:
    made: type = _module().Canned
    return made


def test_a_busy_node_is_left_alone_for_as_long_as_it_asks(
    scripted: Scripted, faulty: Client, waits: Waits, canned: type
) -> None:
    scripted.will(
        canned(status=429, headers={"Retry-After": "7"}),
        canned(status=503, headers={"Retry-After": "Tue, 24 Nov 2026 10:00:20 GMT"}),
        canned(status=503),
        canned(body=DISCOVERY),
    )
    assert faulty.discovery().title == "Member XA"
    assert waits.waited == [7 + 1, 20 + 2, 4]


def test_patience_ends(scripted: Scripted, faulty: Client, waits: Waits, canned: type) -> None:
    scripted.will(canned(status=503))
    with pytest.raises(BusyError) as busy:
        faulty.discovery()
    assert (len(scripted.seen), waits.waited, busy.value.retry_after_s) == (4, [1, 2, 4], 0)


def test_a_node_that_asks_for_more_than_is_left_is_told_of_at_once(
    scripted: Scripted, faulty: Client, waits: Waits, canned: type
) -> None:
    scripted.will(canned(status=429, headers={"Retry-After": "3600"}))
    with pytest.raises(BusyError) as busy:
        faulty.discovery()
    assert (len(scripted.seen), waits.waited, busy.value.retry_after_s) == (1, [], 3600)


@pytest.mark.parametrize("fault", ["cut", "stalled", "hung up", "gateway"])
def test_what_may_pass_is_tried_again(
    scripted: Scripted, faulty: Client, canned: type, fault: str
) -> None:
    bad = {
        "cut": canned(body=b'{"title', promised=100),
        "stalled": canned(body=b'{"title', promised=100, stall=True),
        "hung up": canned(hang_up=True),
        "gateway": canned(status=502, body=b"<html>"),
    }
    scripted.will(bad[fault], canned(body=DISCOVERY))
    assert faulty.discovery().title == "Member XA"
    assert len(scripted.seen) == 2


def test_a_node_that_is_not_there(waits: Waits, patience: Patience) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with (
        Client(f"http://127.0.0.1:{port}", "fds_x", patience=patience) as client,
        pytest.raises(UnreachableError),
    ):
        client.discovery()
    assert waits.waited == [1, 2, 4]


def test_a_post_whose_answer_was_lost_is_sent_again_as_it_was(
    scripted: Scripted, faulty: Client, canned: type
) -> None:
    status = (
        b'{"id":"9","status":"complete","total_count":1,"success_count":1,'
        b'"failure_count":0,"pending_count":0}'
    )
    scripted.will(
        canned(body=LIST),
        canned(body=ROOT),
        canned(status=202, body=b"{", promised=50),
        canned(status=202, body=status),
    )
    added = faulty.collection("drafts").add([b'{"a":1.10}'])
    assert added.statuses[0].success_count == 1
    posts = [each for each in scripted.seen if each[0] == "POST"]
    assert [each[3] for each in posts] == [b'{"objects":[{"a":1.10}]}'] * 2


def test_a_pending_post_is_asked_after(scripted: Scripted, faulty: Client, canned: type) -> None:
    text = (
        '{"id":"9","status":"%s","total_count":1,"success_count":%d,'
        '"failure_count":0,"pending_count":%d}'
    )
    scripted.will(
        canned(body=LIST),
        canned(body=ROOT),
        canned(status=202, body=(text % ("pending", 0, 1)).encode()),
        canned(body=(text % ("pending", 0, 1)).encode()),
        canned(body=(text % ("complete", 1, 0)).encode()),
    )
    assert faulty.collection("drafts").add([b"{}"]).statuses[0].complete
    assert [each[1] for each in scripted.seen[-2:]] == ["/tools/status/9/"] * 2


def test_a_deletion_carried_out_though_its_answer_was_lost_is_done(
    scripted: Scripted, faulty: Client, canned: type
) -> None:
    scripted.will(canned(body=LIST), canned(body=ROOT), canned(hang_up=True), canned(status=404))
    faulty.collection("drafts").delete("indicator--1")


def test_an_object_no_node_takes_is_not_sent(
    scripted: Scripted, faulty: Client, canned: type
) -> None:
    scripted.will(canned(body=LIST), canned(body=ROOT))
    with pytest.raises(RefusedError, match="larger"):
        faulty.collection("drafts").add([b"x" * 1_001])
    assert not [each for each in scripted.seen if each[0] == "POST"]


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (302, RefusedError, "redirects"),
        (400, RefusedError, "which part"),
        (401, TokenError, "which part"),
        (500, RefusedError, "its log has it under e-1"),
    ],
)
def test_a_refusal_is_told_at_once(
    scripted: Scripted, faulty: Client, canned: type, status: int, error: type, words: str
) -> None:
    body = b'{"title":"Malformed","description":"which part","error_id":"e-1","error_code":"x.y"}'
    scripted.will(canned(status=status, headers={"Location": "http://127.0.0.1:9/"}, body=body))
    with pytest.raises(error, match=words) as refused:
        faulty.discovery()
    assert len(scripted.seen) == 1
    assert isinstance(refused.value, RefusedError)
    assert refused.value.node_code == "x.y"


@pytest.mark.parametrize(
    ("case", "body", "headers"),
    [
        ("no JSON", b"<html>", DATES),
        ("no object", b"[]", DATES),
        ("not STIX", b'{"objects":[{"type":"indicator"}]}', DATES),
        ("no dates", b'{"objects":[{"type":"mutex","id":"mutex--1"}]}', {}),
        ("more, and not where", b'{"more":true}', DATES),
    ],
)
def test_an_answer_that_is_none_is_refused(
    scripted: Scripted,
    faulty: Client,
    canned: type,
    case: str,
    body: bytes,
    headers: dict[str, str],
) -> None:
    scripted.will(canned(body=LIST), canned(body=ROOT), canned(body=body, headers=headers))
    with pytest.raises(AnswerError):
        list(faulty.collection("held").objects())
    assert case


def test_a_node_that_never_comes_to_an_end_is_left(
    scripted: Scripted, faulty: Client, canned: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foedus.client.reading._MAX_EMPTY_PAGES", 5)
    monkeypatch.setattr("foedus.client.collection._MAX_VERSION_PAGES", 5)
    endless = [canned(body=b'{"more":true,"next":"%d"}' % each, headers=DATES) for each in range(9)]
    scripted.will(canned(body=LIST), canned(body=ROOT), *endless)
    held = faulty.collection("held")
    with pytest.raises(AnswerError, match="again and again"):
        list(held.objects())
    scripted.will(*endless)
    with pytest.raises(AnswerError, match="end"):
        held.versions("mutex--00000000-0000-4000-8000-000000000001")


def test_a_node_that_goes_back_in_time_is_not_followed(
    scripted: Scripted, faulty: Client, canned: type
) -> None:
    thing = b'{"type":"mutex","id":"mutex--00000000-0000-4000-8000-000000000001","name":"x"}'
    names = ("x-taxii-date-added-first", "x-taxii-date-added-last")
    pages = [
        canned(
            body=b'{"more":true,"next":"%s","objects":[%s]}' % (day, thing),
            headers=dict.fromkeys(names, f"2026-01-{day.decode()}T00:00:00.000000Z"),
        )
        for day in (b"02", b"01")
    ]
    scripted.will(canned(body=LIST), canned(body=ROOT), *pages)
    with pytest.raises(AnswerError, match="earlier"):
        list(faulty.collection("held").objects())


def test_a_zipped_or_endless_answer_is_refused(
    scripted: Scripted, patience: Patience, canned: type
) -> None:
    with Client(scripted.base, "fds_x", patience=patience, max_answer_bytes=1_000) as client:
        scripted.will(canned(body=b"x" * 2_000))
        with pytest.raises(AnswerError, match="more than 1000"):
            client.discovery()
        scripted.will(canned(body=b"x", headers={"Content-Encoding": "gzip"}))
        with pytest.raises(AnswerError, match="encoding"):
            client.discovery()


@pytest.mark.parametrize(
    "address",
    ["http://node.example", "ftp://127.0.0.1", "https://", "https://a:b@c", "https://a/?x=1", "x"],
)
def test_an_address_that_would_show_the_token_is_refused(address: str) -> None:
    with pytest.raises(AddressError):
        Client(address, "fds_x")


@pytest.mark.parametrize("token", ["", "a b", "a\r\nb", "\u00e9"])
def test_a_token_that_is_no_header_is_refused(token: str) -> None:
    with pytest.raises(AddressError):
        Client("http://127.0.0.1:1", token)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None), ("", None), ("soon", None), ("-3", None), ("1" * 30, None), ("30", 30.0),
        ("Tue, 24 Nov 2026 10:01:00 GMT", 60.0), ("Mon, 23 Nov 2026 10:01:00 GMT", 0.0),
    ],
)  # fmt: skip
def test_retry_after_is_read_in_both_forms(text: str | None, seconds: float | None) -> None:
    assert retry_after(text, FixedClock(parse_instant("2026-11-24T10:00:00Z"))) == seconds


# --- pins


def certificate(folder: Path) -> tuple[Path, str]:
    """Make a self-signed certificate for a name that is not the server's; return it and its pin."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "node.example")])
    day = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(day)
        .not_valid_after(day + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = folder / "tls.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + made.public_bytes(Encoding.PEM)
    )
    info = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return path, hashlib.sha256(info).hexdigest()


@pytest.fixture
def over_tls(tmp_path: Path, scripted: Scripted, canned: type) -> Iterator[tuple[str, str]]:
    """The scripted server over TLS; yields its address and its pin."""
    path, pin = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _module()._handler(scripted))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    scripted.will(canned(body=DISCOVERY))
    yield f"https://127.0.0.1:{server.server_address[1]}", pin
    server.shutdown()
    server.server_close()
    thread.join(5)


def test_a_pinned_key_is_enough(over_tls: tuple[str, str], patience: Patience) -> None:
    address, pin = over_tls
    with Client(address, "fds_x", pins=["0" * 64, f"sha256:{pin}"], patience=patience) as client:
        assert client.discovery().title == "Member XA"
        assert client.discovery().title == "Member XA"


def test_another_key_gets_nothing(
    over_tls: tuple[str, str], patience: Patience, scripted: Scripted, waits: Waits
) -> None:
    address, _ = over_tls
    with (
        Client(address, "fds_x", pins=["0" * 64], patience=patience) as client,
        pytest.raises(PinError),
    ):
        client.discovery()
    assert not scripted.seen
    assert not waits.waited, "a wrong key is no passing fault"


def test_without_a_pin_a_self_made_certificate_is_not_trusted(
    over_tls: tuple[str, str], patience: Patience, scripted: Scripted
) -> None:
    address, _ = over_tls
    with (
        Client(address, "fds_x", patience=patience) as client,
        pytest.raises(UnreachableError, match=r"certificate is not trusted.*`pins`"),
    ):
        client.discovery()
    assert not scripted.seen


@pytest.mark.parametrize("text", ["", "sha256:", "0" * 63, "zz" * 32, "AAAA", "0" * 66])
def test_a_malformed_pin_is_refused(text: str) -> None:
    with pytest.raises(AddressError):
        parse_pin(text)


def test_a_pin_is_read_in_hex_and_in_base64() -> None:
    base64 = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    assert parse_pin(base64) == hashlib.sha256(b"").digest()
    assert parse_pin(hashlib.sha256(b"").hexdigest().upper()) == hashlib.sha256(b"").digest()
