"""How people of this node sign on: secrets as hashes, second factors, sessions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from foedus.clock import from_micros, to_micros
from foedus.node.ports.accounts import (
    AccountRow,
    BindingRow,
    FailureRow,
    HandRow,
    SessionRow,
)
from foedus.store.sql.instants import instant, micros
from foedus.store.sql.session import Row, Session

__all__ = ["StoredAccounts"]

_SESSION = 'SELECT digest, session_id, "user", how, created, seen, stale FROM person_session'
_BINDING = 'SELECT issuer, subject, "user", created, by_group FROM provider_binding'


class StoredAccounts:
    """Implements :class:`foedus.node.ports.accounts.AccountStore`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def account(self, user: str) -> AccountRow | None:
        """Return what a user signs on with."""
        row = self._session.row(
            "SELECT password, password_set, temporary, totp_salt, totp_confirmed, totp_step"
            ' FROM account WHERE "user" = ?',
            (user,),
        )
        if row is None:
            return None
        password, password_set, temporary, salt, confirmed, step = row
        return AccountRow(
            user=user,
            password=password,
            password_set=instant(password_set),
            temporary=bool(temporary),
            totp_salt=salt,
            totp_confirmed=instant(confirmed),
            totp_step=step,
        )

    def put_account(self, account: AccountRow) -> None:
        """Add it or replace it."""
        self._session.run(
            'INSERT INTO account ("user", password, password_set, temporary, totp_salt,'
            " totp_confirmed, totp_step) VALUES (?, ?, ?, ?, ?, ?, ?)"
            ' ON CONFLICT ("user") DO UPDATE SET password = excluded.password,'
            " password_set = excluded.password_set, temporary = excluded.temporary,"
            " totp_salt = excluded.totp_salt, totp_confirmed = excluded.totp_confirmed,"
            " totp_step = excluded.totp_step",
            (
                account.user,
                account.password,
                micros(account.password_set),
                account.temporary,
                account.totp_salt,
                micros(account.totp_confirmed),
                account.totp_step,
            ),
        )

    def failure(self, key: str) -> FailureRow | None:
        """Return the failed attempts under a key."""
        row = self._session.row("SELECT count, last FROM sign_on_failure WHERE key = ?", (key,))
        return None if row is None else FailureRow(key=key, count=row[0], last=from_micros(row[1]))

    def put_failure(self, failure: FailureRow) -> None:
        """Add or replace them."""
        self._session.run(
            "INSERT INTO sign_on_failure (key, count, last) VALUES (?, ?, ?)"
            " ON CONFLICT (key) DO UPDATE SET count = excluded.count, last = excluded.last",
            (failure.key, failure.count, to_micros(failure.last)),
        )

    def clear_failure(self, key: str) -> None:
        """Forget them."""
        self._session.run("DELETE FROM sign_on_failure WHERE key = ?", (key,))

    def prune(self, *, failures: datetime, begun: datetime, seen: datetime) -> None:
        """Forget failures last made before an instant, and sessions begun or last used before."""
        self._session.run("DELETE FROM sign_on_failure WHERE last < ?", (to_micros(failures),))
        self._session.run(
            "DELETE FROM person_session WHERE created < ? OR seen < ?",
            (to_micros(begun), to_micros(seen)),
        )

    def recovery_left(self, user: str) -> int:
        """Return how many recovery codes a user has left."""
        return self._session.number('SELECT count(*) FROM recovery_code WHERE "user" = ?', (user,))

    def put_recovery(self, user: str, digests: Sequence[bytes]) -> None:
        """Replace a user's recovery codes."""
        self._session.run('DELETE FROM recovery_code WHERE "user" = ?', (user,))
        self._session.run_many(
            'INSERT INTO recovery_code ("user", digest) VALUES (?, ?)',
            [(user, each) for each in digests],
        )

    def use_recovery(self, user: str, digest: bytes) -> bool:
        """Take a recovery code away; returns whether it was there."""
        used = self._session.run(
            'DELETE FROM recovery_code WHERE "user" = ? AND digest = ?', (user, digest)
        )
        return used > 0

    def put_session(self, session: SessionRow) -> None:
        """Add a session, or give one a new token."""
        self._session.run(
            'INSERT INTO person_session (session_id, digest, "user", how, created, seen, stale)'
            " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (session_id) DO UPDATE SET"
            " digest = excluded.digest, seen = excluded.seen, stale = excluded.stale",
            (
                session.session_id,
                session.digest,
                session.user,
                session.how,
                to_micros(session.created),
                to_micros(session.seen),
                session.stale,
            ),
        )

    def session_by_digest(self, digest: bytes) -> SessionRow | None:
        """Return the session with this token."""
        row = self._session.row(_SESSION + " WHERE digest = ?", (digest,))
        return None if row is None else _row(row)

    def sessions(self, user: str = "") -> Sequence[SessionRow]:
        """Return a user's sessions, or everybody's; oldest first."""
        rows = self._session.rows(
            _SESSION + " WHERE ?1 = '' OR \"user\" = ?1 ORDER BY created, session_id", (user,)
        )
        return [_row(row) for row in rows]

    def note_seen(self, session_id: str, at: datetime) -> None:
        """Store when a session was last used; it never goes back."""
        seen = to_micros(at)
        self._session.run(
            "UPDATE person_session SET seen = ? WHERE session_id = ? AND seen < ?",
            (seen, session_id, seen),
        )

    def make_stale(self, user: str) -> None:
        """Have a user's sessions go on under new tokens only."""
        self._session.run('UPDATE person_session SET stale = 1 WHERE "user" = ?', (user,))

    def end_session(self, session_id: str) -> bool:
        """End a session; returns whether there was one."""
        ended = self._session.run("DELETE FROM person_session WHERE session_id = ?", (session_id,))
        return ended > 0

    def end_sessions(self, user: str, *, but: str = "") -> int:
        """End a user's sessions, but one; returns how many."""
        return self._session.run(
            'DELETE FROM person_session WHERE "user" = ? AND session_id <> ?', (user, but)
        )

    def binding(self, issuer: str, subject: str) -> BindingRow | None:
        """Return who somebody of a provider is here."""
        row = self._session.row(_BINDING + " WHERE issuer = ? AND subject = ?", (issuer, subject))
        return None if row is None else _bound(row)

    def bindings(self, user: str = "") -> Sequence[BindingRow]:
        """Return a user's bindings, or everybody's."""
        rows = self._session.rows(
            _BINDING + " WHERE ?1 = '' OR \"user\" = ?1 ORDER BY issuer, subject", (user,)
        )
        return [_bound(row) for row in rows]

    def put_binding(self, binding: BindingRow) -> None:
        """Add a binding or replace it."""
        self._session.run(
            'INSERT INTO provider_binding (issuer, subject, "user", created, by_group)'
            " VALUES (?, ?, ?, ?, ?) ON CONFLICT (issuer, subject) DO UPDATE SET"
            ' "user" = excluded."user", created = excluded.created, by_group = excluded.by_group',
            (
                binding.issuer,
                binding.subject,
                binding.user,
                to_micros(binding.created),
                binding.by_group,
            ),
        )

    def drop_bindings(self, user: str) -> int:
        """Remove a user's bindings; returns how many."""
        return self._session.run('DELETE FROM provider_binding WHERE "user" = ?', (user,))

    def note_hands(self, items: Sequence[int], user: str, part: str) -> None:
        """Store that somebody had a hand in items; once for each."""
        self._session.run_many(
            'INSERT INTO item_hand (item, part, "user") VALUES (?, ?, ?)'
            ' ON CONFLICT (item, part, "user") DO NOTHING',
            [(each, part, user) for each in items],
        )

    def hands(self, items: Sequence[int]) -> Sequence[HandRow]:
        """Return who had a hand in these items."""
        rows = self._session.rows(
            'SELECT h.item, h."user", h.part FROM integers(?) w'
            ' CROSS JOIN item_hand h ON h.item = w.value ORDER BY h.item, h.part, h."user"',
            (list(items),),
        )
        return [HandRow(item=row[0], user=row[1], part=row[2]) for row in rows]

    def submitters(self, items: Sequence[int]) -> Sequence[HandRow]:
        """Return who submitted the sources of these items, as the part ``submitted``."""
        rows = self._session.rows(
            "SELECT i.handle, s.given_by FROM integers(?) w CROSS JOIN item i"
            " ON i.handle = w.value CROSS JOIN source s ON s.handle = i.source",
            (list(items),),
        )
        return [HandRow(item=row[0], user=row[1], part="submitted") for row in rows]


def _row(row: Row) -> SessionRow:
    digest, session_id, user, how, created, seen, stale = row
    return SessionRow(
        digest=digest,
        session_id=session_id,
        user=user,
        how=how,
        created=from_micros(created),
        seen=from_micros(seen),
        stale=bool(stale),
    )


def _bound(row: Row) -> BindingRow:
    issuer, subject, user, created, by_group = row
    return BindingRow(
        issuer=issuer,
        subject=subject,
        user=user,
        created=from_micros(created),
        by_group=bool(by_group),
    )
