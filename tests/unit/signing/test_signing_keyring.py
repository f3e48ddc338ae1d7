"""Which keys were valid, told as cases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from foedus.signing.errors import KeyringError
from foedus.signing.keyring import KeyGrant, KeyPurpose, Keyring
from foedus.signing.keys import PublicKey, SigningKey

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
FIRST, SECOND, THIRD = (SigningKey.from_seed(bytes([n]) * 32).public for n in (1, 2, 3))


def _grant(
    key: PublicKey,
    *,
    start: datetime = START,
    end: datetime | None = None,
    name: str = "XA",
    purpose: KeyPurpose = KeyPurpose.NODE,
) -> KeyGrant:
    return KeyGrant(name=name, purpose=purpose, key=key, valid_from=start, valid_until=end)


ROTATED = Keyring(
    [
        _grant(FIRST, end=START + 10 * DAY),
        _grant(SECOND, start=START + 9 * DAY),
        _grant(THIRD, purpose=KeyPurpose.AUTHORITY),
    ]
)


@pytest.mark.parametrize(
    ("at", "keys"),
    [
        pytest.param(START - DAY, (), id="before the first grant"),
        pytest.param(START, (FIRST,), id="at the very instant it begins"),
        pytest.param(START + 9 * DAY, (FIRST, SECOND), id="while both are valid"),
        pytest.param(START + 10 * DAY, (SECOND,), id="at the very instant the first ends"),
        pytest.param(START + 9999 * DAY, (SECOND,), id="open end"),
    ],
)
def test_rotation(at: datetime, keys: tuple[PublicKey, ...]) -> None:
    assert ROTATED.valid("XA", KeyPurpose.NODE, at) == keys


def test_a_key_serves_the_purpose_and_name_it_was_granted_for() -> None:
    assert ROTATED.valid("XA", KeyPurpose.AUTHORITY, START) == (THIRD,)
    assert ROTATED.valid("XA", KeyPurpose.LOG, START) == ()
    assert ROTATED.valid("XB", KeyPurpose.NODE, START) == ()


def test_a_key_granted_twice_is_one_key() -> None:
    ring = Keyring([_grant(FIRST), _grant(FIRST, start=START + DAY)])
    assert ring.valid("XA", KeyPurpose.NODE, START + 2 * DAY) == (FIRST,)


def test_one_key_never_speaks_for_two_members() -> None:
    with pytest.raises(KeyringError, match="XB"):
        Keyring([_grant(FIRST), _grant(FIRST, name="XB")])


def test_periods_that_mean_nothing_are_refused() -> None:
    with pytest.raises(KeyringError):
        _grant(FIRST, end=START)
    with pytest.raises(KeyringError):
        _grant(FIRST, start=START.replace(tzinfo=None))
    with pytest.raises(KeyringError):
        ROTATED.valid("XA", KeyPurpose.NODE, START.replace(tzinfo=None))
