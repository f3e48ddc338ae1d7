"""Passwords, second factors, delays and sessions: the rules, without a node."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from foedus.access.errors import PasswordRuleError, ProviderSettingsError
from foedus.access.lock_out import FORGOTTEN_AFTER, FREE, LONGEST_DELAY, Failures, failed_once
from foedus.access.passwords import HASHING, MAX_CHARS, PasswordHashing, checked_password
from foedus.access.people import Role
from foedus.access.provider import checked_endpoint, provider_settings
from foedus.access.sessions import IDLE, LONGEST, new_token, session_digest, still_open
from foedus.access.totp import (
    enrolment_uri,
    key_text,
    new_recovery_codes,
    recovery_digest,
    step_of,
    totp_code,
    totp_step,
)

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
CHEAP = PasswordHashing(memory_kib=8, passes=1, lanes=1)
PASSWORD = "seven blue lanterns"
KEY = b"12345678901234567890"


def test_the_parameters_in_use_are_those_stated() -> None:
    assert (HASHING.memory_kib, HASHING.passes, HASHING.lanes) == (65536, 3, 4)
    assert CHEAP.hashed(PASSWORD).startswith("$argon2id$v=19$m=8,t=1,p=1$")


@pytest.mark.parametrize(
    ("what", "password"),
    [
        ("fourteen characters", "x1y2z3a4b5c6d7"),
        ("empty", ""),
        ("too long", "x" * (MAX_CHARS + 1)),
        ("little more than the user's name", "ana-ana-ana-ana-1"),
        ("little more than ours", "FoedusPassword1"),
        ("a control character", "seven blue\nlanterns"),
    ],
)
def test_a_password_that_may_not_be_chosen(what: str, password: str) -> None:
    with pytest.raises(PasswordRuleError) as caught:
        checked_password(password, words=("ana",))
    assert not password or password not in str(caught.value), what


@pytest.mark.parametrize(
    "password", [PASSWORD, "aaaaaaaaaaaaaaa", "шесть зелёных ламп", "x" * MAX_CHARS]
)
def test_no_kinds_of_characters_are_asked_for(password: str) -> None:
    assert checked_password(password, words=("ana", "")) == password


def test_one_password_typed_on_two_machines_is_one() -> None:
    kept = CHEAP.hashed(checked_password("caf\u00e9 au lait, twice"))
    assert CHEAP.matches(kept, "cafe\u0301 au lait, twice")


def test_only_the_password_matches() -> None:
    kept = CHEAP.hashed(PASSWORD)
    assert CHEAP.matches(kept, PASSWORD)
    for wrong in ("", "seven blue lantern", PASSWORD.upper(), "x" * 5000):
        assert not CHEAP.matches(kept, wrong)
    assert not CHEAP.matches("", PASSWORD)
    assert not CHEAP.matches(None, "nobody has this password"), (
        "what stands for nobody opens nothing"
    )
    assert not CHEAP.matches("$argon2id$broken", PASSWORD)


def test_two_hashes_differ_and_older_parameters_are_told() -> None:
    assert CHEAP.hashed(PASSWORD) != CHEAP.hashed(PASSWORD)
    dearer = PasswordHashing(memory_kib=16, passes=1, lanes=1)
    assert dearer.is_outdated(CHEAP.hashed(PASSWORD))
    assert dearer.matches(CHEAP.hashed(PASSWORD), PASSWORD)
    assert not CHEAP.is_outdated(CHEAP.hashed(PASSWORD))


VECTORS = [
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
]
"""RFC 6238 Appendix B, SHA-1; ours are the last six digits."""


@pytest.mark.parametrize(("second", "code"), VECTORS)
def test_the_codes_are_those_of_rfc_6238(second: int, code: str) -> None:
    at = datetime.fromtimestamp(second, tz=UTC)
    assert totp_code(KEY, step_of(at)) == code[-6:]


@pytest.mark.parametrize(
    ("off", "counts"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_a_code_counts_in_its_step_and_the_two_beside_it(off: int, *, counts: bool) -> None:
    now = step_of(NOW)
    found = totp_step(KEY, totp_code(KEY, now + off), at=NOW, after=0)
    assert found == (now + off if counts else None)


def test_a_code_counts_once_and_none_older_after_it() -> None:
    now = step_of(NOW)
    assert totp_step(KEY, totp_code(KEY, now), at=NOW, after=now) is None
    assert totp_step(KEY, totp_code(KEY, now - 1), at=NOW, after=now) is None
    assert totp_step(KEY, totp_code(KEY, now + 1), at=NOW, after=now) == now + 1


@pytest.mark.parametrize(
    "typed",
    ["", "12345", "1234567", "\uff11\uff12\uff13\uff14\uff15\uff16", "abcdef", "-12345", "9" * 500],
)
def test_what_is_no_code(typed: str) -> None:
    assert totp_step(KEY, typed, at=NOW, after=0) is None


def test_spaces_in_a_code_count_for_nothing() -> None:
    code = totp_code(KEY, step_of(NOW))
    assert totp_step(KEY, f" {code[:3]} {code[3:]}\n", at=NOW, after=0) == step_of(NOW)


def test_an_authenticator_reads_the_address() -> None:
    uri = enrolment_uri(KEY, user="ana", node="Foedus XA")
    assert uri == f"otpauth://totp/Foedus%20XA:ana?secret={key_text(KEY)}&issuer=Foedus%20XA"


def test_recovery_codes_are_many_and_differ_by_user() -> None:
    codes = new_recovery_codes(lambda count: bytes(range(count)))
    assert len(codes) == 10
    assert len(codes[0]) == 19
    assert recovery_digest("ana", codes[0]) == recovery_digest(
        "ana", codes[0].upper().replace("-", " ")
    )
    assert recovery_digest("ana", codes[0]) != recovery_digest("ben", codes[0])


def test_delays_grow_and_stay_bounded() -> None:
    waits = [Failures(count=count, last=NOW).wait_s(NOW) for count in range(1, 14)]
    assert waits == [0, 0, 0, 0, 30, 60, 120, 240, 480, 900, 900, 900, 900]
    assert Failures(count=10**9, last=NOW).until == NOW + LONGEST_DELAY


def test_a_clock_put_back_locks_nobody_out_longer() -> None:
    assert Failures(count=FREE, last=NOW).wait_s(NOW - timedelta(days=9)) == 30


def test_failures_are_forgotten() -> None:
    many = Failures(count=9, last=NOW)
    assert failed_once(many, NOW + timedelta(hours=1)).count == 10
    assert failed_once(many, NOW + FORGOTTEN_AFTER).count == 1
    assert failed_once(None, NOW).count == 1


def test_a_session_ends_unused_and_in_any_case() -> None:
    tick = timedelta(microseconds=1)
    assert still_open(created=NOW, seen=NOW, at=NOW + IDLE - tick)
    assert not still_open(created=NOW, seen=NOW, at=NOW + IDLE)
    end = NOW + LONGEST
    assert still_open(created=NOW, seen=end - tick, at=end - tick)
    assert not still_open(created=NOW, seen=end - tick, at=end)


def test_a_token_has_256_random_bits() -> None:
    asked: list[int] = []

    def random(count: int) -> bytes:
        asked.append(count)
        return b"\xfe" * count

    token = new_token(random)
    assert asked == [32]
    assert len(session_digest(token)) == 32
    assert session_digest("\ud800") != session_digest("")


GOOD = {
    "issuer": "https://id.example",
    "client_id": "foedus",
    "redirect": "https://xa.example/back",
}


def test_the_provider_is_read_from_the_settings() -> None:
    found = provider_settings({**GOOD, "scopes": ["profile"], "groups": {"staff": ["analyst"]}})
    assert found.scopes == ("openid", "profile")
    assert found.groups == {"staff": frozenset({Role.ANALYST})}


@pytest.mark.parametrize(
    ("what", "change", "message"),
    [
        ("an unknown setting", {"secret": "x"}, r"no setting oidc\.secret"),
        ("a number for a text", {"client_id": 7}, "client_id"),
        ("plain http elsewhere", {"issuer": "http://id.example"}, "https"),
        ("a user in the address", {"issuer": "https://a@id.example"}, "no user"),
        ("a query", {"issuer": "https://id.example/?x=1"}, "query"),
        ("no address", {"redirect": "back"}, "redirect"),
        ("a port that is none", {"redirect": "https://x:99999/"}, "redirect"),
        ("scopes that are none", {"scopes": ["a b"]}, "scopes"),
        ("a role there is not", {"groups": {"g": ["king"]}}, "a role there is not"),
        ("administrators by group", {"groups": {"g": ["administrator"]}}, "administrator"),
        ("groups of nothing", {"groups": {"g": []}}, "list of roles"),
    ],
)
def test_settings_of_a_provider_that_are_refused(
    what: str, change: dict[str, object], message: str
) -> None:
    with pytest.raises(ProviderSettingsError, match=message):
        provider_settings({**GOOD, **change})
    assert what


@pytest.mark.parametrize("missing", sorted(GOOD))
def test_what_the_provider_needs(missing: str) -> None:
    with pytest.raises(ProviderSettingsError, match=missing):
        provider_settings({name: value for name, value in GOOD.items() if name != missing})


def test_this_machine_may_be_asked_over_plain_http() -> None:
    assert checked_endpoint("http://127.0.0.1:8/a", "x") == "http://127.0.0.1:8/a"
