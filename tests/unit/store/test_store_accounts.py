"""How people sign on, as both engines keep it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from foedus.node.ports import Database, UserRow
from foedus.node.ports.accounts import AccountRow, BindingRow, FailureRow, SessionRow

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
ACCOUNT = AccountRow(
    user="ana", password="$argon2id$", password_set=NOW, temporary=True, totp_salt=b"s" * 16,
    totp_confirmed=NOW, totp_step=7,
)  # fmt: skip
SESSION = SessionRow(
    digest=b"d" * 32, session_id="0a", user="ana", how="password", created=NOW, seen=NOW
)


@pytest.fixture(name="peopled")
def _peopled(database: Database) -> Database:
    with database.write() as tx:
        for name in ("ana", "ben"):
            tx.people.put_user(UserRow(name=name, roles=frozenset({"analyst"}), created=NOW))
    return database


def test_a_user_is_disabled_and_enabled(peopled: Database) -> None:
    with peopled.write() as tx:
        before = tx.people.access_revision()
        ana = tx.people.user("ana")
        assert ana is not None
        assert ana.disabled is None
        tx.people.put_user(replace(ana, disabled=NOW))
        assert tx.people.users()[0].disabled == NOW
        assert tx.people.access_revision() > before
        tx.people.put_user(ana)
        assert tx.people.user("ana") == ana


def test_an_account_is_replaced_whole(peopled: Database) -> None:
    with peopled.write() as tx:
        assert tx.accounts.account("ana") is None
        tx.accounts.put_account(ACCOUNT)
        assert tx.accounts.account("ana") == ACCOUNT
        plain = AccountRow(user="ana")
        tx.accounts.put_account(plain)
        assert tx.accounts.account("ana") == plain
    assert "argon2id" not in repr(ACCOUNT)


def test_failures_are_counted_and_forgotten(peopled: Database) -> None:
    with peopled.write() as tx:
        assert tx.accounts.failure("user:ana") is None
        tx.accounts.put_failure(FailureRow(key="user:ana", count=1, last=NOW))
        tx.accounts.put_failure(FailureRow(key="user:ana", count=2, last=NOW))
        assert tx.accounts.failure("user:ana") == FailureRow(key="user:ana", count=2, last=NOW)
        tx.accounts.prune(failures=NOW, begun=NOW, seen=NOW)
        assert tx.accounts.failure("user:ana") is not None
        tx.accounts.prune(failures=NOW + timedelta(seconds=1), begun=NOW, seen=NOW)
        assert tx.accounts.failure("user:ana") is None
        tx.accounts.put_failure(FailureRow(key="user:ana", count=2, last=NOW))
        tx.accounts.clear_failure("user:ana")
        assert tx.accounts.failure("user:ana") is None


def test_a_recovery_code_counts_once_and_for_one_user(peopled: Database) -> None:
    with peopled.write() as tx:
        tx.accounts.put_recovery("ana", [b"1" * 32, b"2" * 32])
        tx.accounts.put_recovery("ben", [b"1" * 32])
        assert tx.accounts.recovery_left("ana") == 2
        assert tx.accounts.use_recovery("ana", b"1" * 32)
        assert not tx.accounts.use_recovery("ana", b"1" * 32)
        assert tx.accounts.recovery_left("ben") == 1
        tx.accounts.put_recovery("ana", [])
        assert tx.accounts.recovery_left("ana") == 0


def test_sessions_are_found_renewed_and_ended(peopled: Database) -> None:
    later = NOW + timedelta(minutes=5)
    with peopled.write() as tx:
        tx.accounts.put_session(SESSION)
        other = replace(SESSION, digest=b"e" * 32, session_id="0b", created=later)
        tx.accounts.put_session(other)
        tx.accounts.put_session(replace(SESSION, digest=b"f" * 32, session_id="0c", user="ben"))
        assert tx.accounts.session_by_digest(b"d" * 32) == SESSION
        assert [each.session_id for each in tx.accounts.sessions("ana")] == ["0a", "0b"]
        assert [each.session_id for each in tx.accounts.sessions()] == ["0a", "0c", "0b"]
        tx.accounts.note_seen("0a", later)
        tx.accounts.note_seen("0a", NOW)
        tx.accounts.make_stale("ana")
        found = tx.accounts.session_by_digest(b"d" * 32)
        assert found == replace(SESSION, seen=later, stale=True)
        tx.accounts.put_session(replace(SESSION, digest=b"g" * 32))
        assert tx.accounts.session_by_digest(b"d" * 32) is None
        assert tx.accounts.session_by_digest(b"g" * 32) == replace(SESSION, digest=b"g" * 32)
        assert tx.accounts.end_sessions("ana", but="0b") == 1
        assert tx.accounts.end_session("0b")
        assert not tx.accounts.end_session("0b")
        assert [each.user for each in tx.accounts.sessions()] == ["ben"]


def test_old_sessions_are_pruned(peopled: Database) -> None:
    hour = timedelta(hours=1)
    with peopled.write() as tx:
        tx.accounts.put_session(SESSION)
        tx.accounts.prune(failures=NOW, begun=NOW, seen=NOW)
        assert tx.accounts.sessions()
        tx.accounts.prune(failures=NOW, begun=NOW - hour, seen=NOW + hour)
        assert not tx.accounts.sessions()
        tx.accounts.put_session(replace(SESSION, seen=NOW + 3 * hour))
        tx.accounts.prune(failures=NOW, begun=NOW + hour, seen=NOW)
        assert not tx.accounts.sessions()


def test_a_binding_is_by_issuer_and_subject(peopled: Database) -> None:
    row = BindingRow(issuer="https://a", subject="7", user="ana", created=NOW, by_group=True)
    with peopled.write() as tx:
        tx.accounts.put_binding(row)
        tx.accounts.put_binding(replace(row, issuer="https://b", user="ben", by_group=False))
        assert tx.accounts.binding("https://a", "7") == row
        assert tx.accounts.binding("https://a", "8") is None
        assert [each.user for each in tx.accounts.bindings()] == ["ana", "ben"]
        assert list(tx.accounts.bindings("ana")) == [row]
        assert tx.accounts.drop_bindings("ana") == 1
        assert tx.accounts.binding("https://a", "7") is None
