"""TLS on the command line: what ``init`` makes, what is pinned, what ``doctor`` says of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from foedus.cli import pulling, serving
from foedus.cli.exits import Exit
from foedus.exchange.certificate import make_certificate, read_certificate
from foedus.exchange.connections import check_pinned
from foedus.exchange.own_tls import read_own_pins
from foedus.node.lawbook import read_credence
from foedus.node.peer_ports import PeerCertificateError
from foedus.signing.pins import MAX_PINS

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Line, Said

WHAT = ("init", "--member", "XT", "--name", "Testland", "--exercise", "--user", "ada")
HTTPS = ("--address", "https://127.0.0.1:8499")


@pytest.fixture(name="empty")
def _empty(cli: Line, tmp_path: Path) -> Line:
    return replace(cli, data=tmp_path / "XT", user="ada")


@pytest.fixture(name="secure")
def _secure(empty: Line) -> Line:
    assert empty(*WHAT, *HTTPS).code == Exit.DONE
    return empty


def certificate(folder: Path, name: str, *, now: datetime | None = None) -> tuple[Path, Path, str]:
    key, raw = make_certificate("127.0.0.1", now=now or datetime.now(UTC))
    (folder / f"{name}.key").write_bytes(key)
    (folder / f"{name}.crt").write_bytes(raw)
    return folder / f"{name}.crt", folder / f"{name}.key", read_certificate(raw).spki


def keys_folder(line: Line) -> Path:
    assert line.data is not None
    return line.data / "keys"


def pins(line: Line) -> dict[str, str]:
    rows = line.json("keys", "list", "--member", "XT")["keys"]
    return {row["key"][7:]: row["state"] for row in rows if row["purpose"] == "tls"}


def finding(line: Line, subject: str) -> dict[str, Any]:
    said = line("--json", "doctor").json["findings"]
    [found] = [each for each in said if each["subject"] == subject]
    return dict(found)


def letter_pins(line: Line, tmp_path: Path) -> tuple[str, ...]:
    assert line("introduce", "-o", tmp_path / "letter").code == Exit.DONE
    return read_credence((tmp_path / "letter").read_bytes()).tls


def test_init_makes_and_pins_a_certificate_for_an_https_address(
    secure: Line, tmp_path: Path
) -> None:
    [own] = read_own_pins(keys_folder(secure))
    assert pins(secure) == {own.pin.spki: "speaks"}
    assert letter_pins(secure, tmp_path) == (own.pin.spki,)
    assert finding(secure, "tls certificate")["level"] == "good"
    for each in keys_folder(secure).iterdir():
        assert each.stat().st_mode & 0o077 == 0, each.name


def test_init_makes_none_for_plain_http(empty: Line, tmp_path: Path) -> None:
    assert empty(*WHAT, "--address", "http://127.0.0.1:8499").code == Exit.DONE
    assert pins(empty) == {}
    assert letter_pins(empty, tmp_path) == ()
    said = empty("keys", "renew", "--new", "tls")
    assert said.code == Exit.REFUSED
    assert "no https" in said.err


def test_init_pins_an_own_certificate_or_a_proxys(empty: Line, tmp_path: Path) -> None:
    crt, key, spki = certificate(tmp_path, "own")
    said = empty(*WHAT, *HTTPS, "--certificate", crt, "--certificate-key", key)
    assert said.code == Exit.DONE
    assert pins(empty) == {spki: "speaks"}
    assert finding(empty, "tls certificate")["level"] == "good"
    proxied = replace(empty, data=tmp_path / "XP")
    assert proxied(*WHAT, *HTTPS, "--certificate", crt).code == Exit.DONE
    assert pins(proxied) == {spki: "speaks"}
    assert "proxy" in finding(proxied, "tls certificate")["text"]


def test_init_refuses_what_does_not_fit(empty: Line, tmp_path: Path) -> None:
    crt, key, _ = certificate(tmp_path, "own")
    cases: list[tuple[Said, str]] = [
        (empty(*WHAT, *HTTPS, "--certificate-key", key), "goes with --certificate"),
        (empty(*WHAT, "--address", "http://127.0.0.1", "--certificate", crt), "https address"),
        (empty(*WHAT, *HTTPS, "--certificate", key), "no certificate"),
    ]
    for said, why in cases:
        assert said.code != Exit.DONE, why
        assert why in said.err
    assert empty.data is not None
    assert not empty.data.exists()


def test_a_renewal_names_both_keys_and_the_next_letter_too(secure: Line, tmp_path: Path) -> None:
    [old] = pins(secure)
    said = secure("keys", "renew", "--new", "tls")
    assert said.code == Exit.DONE
    shown_from = max(each.shown_from for each in read_own_pins(keys_folder(secure)))
    assert f"the new certificate at {shown_from:%Y-%m-%d %H:%M} UTC, without" in said.err
    both = pins(secure)
    assert both == dict.fromkeys(both, "speaks")
    assert old in both
    assert len(both) == 2
    assert set(letter_pins(secure, tmp_path)) == set(both)


def test_without_an_overlap_a_file_is_asked_for(secure: Line, tmp_path: Path) -> None:
    [old] = pins(secure)
    for command in (
        ("keys", "renew", "--new", "tls", "--overlap", "0"),
        ("keys", "pin", certificate(tmp_path, "x")[0], "--only", "--overlap", "0"),
    ):
        said = secure(*command)
        assert said.code == Exit.REFUSED
        assert "-o FILE" in said.err
    assert pins(secure) == {old: "speaks"}
    powers = tmp_path / "powers.json"
    done = secure("keys", "renew", "--new", "tls", "--overlap", "0", "-o", powers)
    assert done.code == Exit.DONE
    assert "the new certificate at once" in done.err
    assert powers.exists()
    assert pins(secure)[old] == "replaced"


def test_a_spare_key_is_pinned_beside_and_then_alone(secure: Line, tmp_path: Path) -> None:
    crt, _, spare = certificate(tmp_path, "spare")
    assert secure("keys", "pin", crt).code == Exit.DONE
    assert sorted(pins(secure).values()) == ["speaks", "speaks"]
    again = secure("keys", "pin", crt)
    assert again.code == Exit.REFUSED  # full powers say so already
    assert secure("keys", "pin", crt, "--only", "--overlap", "5").code == Exit.DONE
    ends = {each.pin.spki: each.pin.valid_until for each in read_own_pins(keys_folder(secure))}
    assert ends.pop(spare) is None
    [end] = ends.values()
    assert end is not None
    assert abs(end - datetime.now(UTC) - timedelta(hours=5)) < timedelta(minutes=5)


def test_doctor_says_what_is_wrong_with_the_certificate(secure: Line, tmp_path: Path) -> None:
    [own] = read_own_pins(keys_folder(secure))
    shown = keys_folder(secure) / f"{own.stem}.crt"
    other, _, spki = certificate(tmp_path, "other")
    shown.write_bytes(other.read_bytes())
    found = finding(secure, "tls certificate")
    assert found["level"] == "fault"
    assert spki in found["text"]
    shown.write_bytes(b"damaged")
    assert finding(secure, "tls certificate")["level"] == "fault"
    shown.unlink()
    assert finding(secure, "tls certificate")["level"] == "fault"


def test_the_alarm_of_a_certificate_is_kept_whole() -> None:
    _, raw = make_certificate("127.0.0.1", now=datetime.now(UTC))
    pinned = frozenset(f"{number:064x}" for number in range(MAX_PINS))
    with pytest.raises(PeerCertificateError) as caught:
        check_pinned(raw, pinned, who="XA", now=datetime.now(UTC))
    assert len(str(caught.value)) < pulling._MAX_REASON


def test_a_server_says_as_it_starts_what_doctor_calls_a_fault(
    secure: Line, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "run", lambda *_: None)
    assert "fault" not in secure("serve", "--port", "0").err
    crt, key, spki = certificate(tmp_path, "unpinned")
    assert secure.data is not None
    with (secure.data / "foedus.toml").open("a", encoding="utf-8") as file:
        file.write(f'tls_certificate = "{crt}"\ntls_key = "{key}"\n')
    said = secure("serve", "--port", "0")
    assert said.code == Exit.DONE
    assert f"fault: tls certificate: its key sha256:{spki} is not pinned" in said.err
    assert "serves on" in said.err
    renewed = secure("keys", "renew", "--new", "tls")
    assert "the new certificate is not shown" in renewed.err


@pytest.mark.parametrize(
    ("days", "level", "says"), [(3640, "note", "ends soon"), (4000, "fault", "outside its dates")]
)
def test_doctor_speaks_of_a_certificate_before_it_ends(
    empty: Line, tmp_path: Path, days: int, level: str, says: str
) -> None:
    made = datetime.now(UTC) - timedelta(days=days)
    crt, key, _ = certificate(tmp_path, "old", now=made)
    assert empty(*WHAT, *HTTPS, "--certificate", crt, "--certificate-key", key).code == Exit.DONE
    found = finding(empty, "tls certificate")
    assert (found["level"], says in found["text"]) == (level, True)
