"""Settings and keys: what is missing, unknown, of the wrong kind or readable by others stops."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from foedus.model.identifiers import MemberId
from foedus.node.identity import witness_name
from foedus.settings import (
    Environment,
    Settings,
    SettingsError,
    check_settings,
    load_identity,
    load_settings,
    make_key,
    make_keys,
    read_environment,
    write_settings,
)

GOOD = """\
member = "XA"
name = "Aldara"
address = "https://xa.example"
exercise = true
"""


def write(folder: Path, text: str) -> Path:
    (folder / "foedus.toml").write_text(text, encoding="utf-8")
    return folder


def settings_in(folder: Path) -> Settings:
    return load_settings(write(folder, GOOD))


def test_four_settings_are_enough(tmp_path: Path) -> None:
    found = settings_in(tmp_path)
    assert (found.member, found.name, found.exercise) == ("XA", "Aldara", True)
    assert (found.host, found.port, found.proxy_tls) == ("127.0.0.1", 8440, False)
    assert not found.ledger_public
    assert found.benign is None


def test_places_lie_in_the_data_directory(tmp_path: Path) -> None:
    found = settings_in(tmp_path)
    places = (found.database, found.ledger, found.guard, found.keys, found.locks)
    assert all(place.parent == tmp_path for place in places)
    assert len(set(places)) == len(places)


def test_every_setting_can_be_given(tmp_path: Path) -> None:
    text = GOOD + (
        'host = "0.0.0.0"\nport = 9\npull_interval_s = 0\nproxy_tls = true\nledger_public = true\n'
        'posting_cap = 5\ncut_off = 50\nbenign = "benign.csv"\n'
        'tls_certificate = "own.crt"\ntls_key = "/etc/own.key"\n'
        'trusted_proxies = ["10.0.0.1", "::1"]\nclient_certificate_header = "client-cert"\n'
    )
    found = load_settings(write(tmp_path, text))
    assert (found.port, found.pull_interval_s, found.posting_cap, found.cut_off) == (9, 0, 5, 50)
    assert found.proxy_tls
    assert found.ledger_public
    assert found.benign == tmp_path / "benign.csv"
    assert found.tls_certificate == tmp_path / "own.crt"
    assert found.tls_key == Path("/etc/own.key")
    assert found.trusted_proxies == ("10.0.0.1", "::1")
    assert found.client_certificate_header == "client-cert"
    assert not found.speaks_tls  # the proxy does


ROWS = [
    ("an unknown setting", GOOD + "colour = 1\n", "there is no setting 'colour'"),
    ("a setting misspelt", GOOD + "Port = 1\n", "there is no setting 'Port'"),
    (
        "a misspelt one told before the missing one",
        GOOD.replace("member", "membr"),
        "there is no setting 'membr'; is member meant",
    ),
    ("a table", GOOD + "[port]\nx = 1\n", "port must be a int"),
    ("the member missing", GOOD.replace('member = "XA"\n', ""), "the setting member is missing"),
    ("the name missing", GOOD.replace('name = "Aldara"\n', ""), "the setting name is missing"),
    ("exercise or real not said", GOOD.replace("exercise = true\n", ""), "exercise is missing"),
    ("nothing at all", "", "the setting member is missing"),
    ("a number as text", GOOD + 'port = "8440"\n', "port must be a int"),
    ("a truth for a number", GOOD + "port = true\n", "port must be a int"),
    ("a number for a truth", GOOD + "proxy_tls = 1\n", "proxy_tls must be a bool"),
    ("a fraction", GOOD + "pull_interval_s = 1.5\n", "pull_interval_s must be a int"),
    ("a port beyond the last", GOOD + "port = 65536\n", "port is 65536"),
    ("a port below the first", GOOD + "port = -1\n", "port is -1"),
    ("an interval below nothing", GOOD + "pull_interval_s = -1\n", "pull_interval_s is -1"),
    ("a cap that asks about nothing", GOOD + "posting_cap = 0\n", "posting_cap is 0"),
    ("a cut-off that lets nothing through", GOOD + "cut_off = 0\n", "cut_off is 0"),
    ("a member that is none", GOOD.replace('"XA"', '"xa"'), "not a member id"),
    ("a proxy without brackets", GOOD + 'trusted_proxies = "::1"\n', "must be a list"),
    ("a proxy that is a number", GOOD + "trusted_proxies = [1]\n", "must be a list"),
    ("a proxy by name", GOOD + 'trusted_proxies = ["proxy"]\n', "names no IP address"),
    (
        "a header that nobody is trusted to set",
        GOOD + 'client_certificate_header = "client-cert"\n',
        "needs trusted_proxies",
    ),
    (
        "a header that is none",
        GOOD + 'trusted_proxies = ["::1"]\nclient_certificate_header = "Client Cert"\n',
        "no name of a header",
    ),
    ("a certificate without its key", GOOD + 'tls_certificate = "a"\n', "go together"),
    ("not TOML", "member = \n", "cannot be read"),
    ("twice the same", GOOD + "port = 1\nport = 2\n", "cannot be read"),
]


@pytest.mark.parametrize(("what", "text", "message"), ROWS, ids=[row[0] for row in ROWS])
def test_what_stops_the_start(what: str, text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        load_settings(write(tmp_path, text))
    assert caught.value.code == "settings", what


def test_a_file_that_is_no_text_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "foedus.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="cannot be read"):
        load_settings(tmp_path)


@pytest.mark.parametrize("place", ["", "missing"])
def test_a_directory_of_no_node_says_what_helps(place: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="foedus init"):
        load_settings(tmp_path / place)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    written = replace(settings_in(tmp_path), name="Åldara", port=1, ledger_public=True)
    write_settings(written)
    assert load_settings(tmp_path) == written
    own = replace(written, tls_certificate=tmp_path / "a.crt", tls_key=tmp_path / "a.key")
    for each in (own, replace(written, proxy_tls=True)):
        write_settings(each)
        assert load_settings(tmp_path) == each


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("name", 'Al"dara'),
        ("name", "Al\\dara"),
        ("name", 'A"\nexercise = false\n#'),
        ("name", "A\tb"),
        ("name", "A\u202eb"),
        ("address", 'https://x"'),
        ("host", '0.0.0.0"\nproxy_tls = true #'),
    ],
)
def test_a_text_cannot_write_other_settings(field: str, text: str, tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    before = (tmp_path / "foedus.toml").read_bytes()
    match field:
        case "name":
            settings = replace(settings, name=text)
        case "address":
            settings = replace(settings, address=text)
        case _:
            settings = replace(settings, host=text)
    with pytest.raises(SettingsError, match="one line"):
        check_settings(settings)
    with pytest.raises(SettingsError, match="one line"):
        write_settings(settings)
    assert (tmp_path / "foedus.toml").read_bytes() == before


def test_the_environment_names_directory_and_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOEDUS_DATA", "some/where")
    monkeypatch.setenv("FOEDUS_USER", "ana")
    assert read_environment() == Environment(data=Path("some/where"), user="ana")
    monkeypatch.setenv("FOEDUS_DATA", "")
    monkeypatch.delenv("FOEDUS_USER")
    assert read_environment() == Environment(data=None, user="")


@pytest.fixture(name="keyed")
def _keyed(tmp_path: Path) -> Settings:
    settings = settings_in(tmp_path)
    make_keys(settings)
    return settings


def test_keys_are_made_for_their_owner_alone(keyed: Settings) -> None:
    files = sorted(keyed.keys.iterdir())
    names = ["authority.key", "log.key", "node.key", "secret.key", "witness.key"]
    assert [file.name for file in files] == names
    for file in files:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(keyed.keys.stat().st_mode) == 0o700
    assert len({file.read_text() for file in files}) == len(files)


def test_keys_are_never_made_twice(keyed: Settings) -> None:
    before = {file.name: file.read_bytes() for file in keyed.keys.iterdir()}
    with pytest.raises(FileExistsError):
        make_keys(keyed)
    assert {file.name: file.read_bytes() for file in keyed.keys.iterdir()} == before


@pytest.mark.parametrize("name", ["node", "witness"])
def test_a_key_is_made_anew_whole_and_for_its_owner_alone(keyed: Settings, name: str) -> None:
    before = {file.name: file.read_bytes() for file in keyed.keys.iterdir()}
    (keyed.keys / f"{name}.key.new").write_text("half of one")  # what a crash left
    make_key(keyed, name)
    after = {file.name: file.read_bytes() for file in keyed.keys.iterdir()}
    assert after.keys() == before.keys()
    assert {each for each in after if after[each] != before[each]} == {f"{name}.key"}
    assert stat.S_IMODE((keyed.keys / f"{name}.key").stat().st_mode) == 0o600
    assert load_identity(keyed).member == "XA"


@pytest.mark.parametrize("name", ["log", "authority", "secret", "../node"])
def test_no_other_key_is_made_anew(keyed: Settings, name: str) -> None:
    before = {file.name: file.read_bytes() for file in keyed.keys.iterdir()}
    with pytest.raises(SettingsError, match="is not made anew"):
        make_key(keyed, name)
    assert {file.name: file.read_bytes() for file in keyed.keys.iterdir()} == before


def test_a_key_that_cannot_be_written_is_told(keyed: Settings) -> None:
    (keyed.keys / "node.key.new").mkdir()
    with pytest.raises(SettingsError, match=r"node\.key cannot be written"):
        make_key(keyed, "node")
    assert load_identity(keyed).member == "XA"


def test_a_node_of_before_there_were_witnesses_has_no_witness_key(keyed: Settings) -> None:
    assert load_identity(keyed).witness is not None
    (keyed.keys / "witness.key").unlink()
    identity = load_identity(keyed)
    assert identity.witness is None
    assert identity.witness_name == witness_name(MemberId("XA")) == "foedus/xa/witness"
    make_key(keyed, "witness")
    assert load_identity(keyed).witness is not None


def test_an_identity_never_shows_its_keys(keyed: Settings) -> None:
    identity = load_identity(keyed)
    assert identity.member == MemberId("XA")
    assert identity.log_origin == "foedus/xa/log"
    shown = repr(identity) + repr(identity.node) + repr(keyed)
    for file in keyed.keys.iterdir():
        assert file.read_text().strip() not in shown
    assert repr(identity.secret) not in repr(identity)


def test_the_authority_key_may_be_kept_elsewhere(keyed: Settings) -> None:
    (keyed.keys / "authority.key").unlink()
    assert load_identity(keyed).authority is None


@pytest.mark.parametrize("name", ["node", "log", "secret"])
def test_the_other_keys_must_be_here(name: str, keyed: Settings) -> None:
    (keyed.keys / f"{name}.key").unlink()
    with pytest.raises(SettingsError, match=rf"{name}\.key is not in"):
        load_identity(keyed)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610, 0o644])
@pytest.mark.parametrize("name", ["node", "authority"])
def test_a_key_that_others_can_reach_is_refused(name: str, mode: int, keyed: Settings) -> None:
    (keyed.keys / f"{name}.key").chmod(mode)
    with pytest.raises(SettingsError, match="can be read by others"):
        load_identity(keyed)


@pytest.mark.parametrize(
    ("what", "content"),
    [
        ("cut short", b"00" * 31),
        ("too long", b"00" * 33),
        ("empty", b""),
        ("not hex", b"zz" * 32),
        ("half a byte", b"0" * 63),
        ("not text", b"\xff" * 64),
    ],
    ids=["cut short", "too long", "empty", "not hex", "half a byte", "not text"],
)
def test_a_damaged_key_is_refused_and_not_shown(what: str, content: bytes, keyed: Settings) -> None:
    (keyed.keys / "node.key").write_bytes(content)
    with pytest.raises(SettingsError, match=r"node\.key (is damaged|cannot be read)") as caught:
        load_identity(keyed)
    shown = content.decode("ascii", "ignore")[:8]
    assert not shown or shown not in str(caught.value), what


def test_the_mask_of_the_process_does_not_widen_a_key(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        settings = settings_in(tmp_path)
        make_keys(settings)
    finally:
        os.umask(before)
    load_identity(settings)
