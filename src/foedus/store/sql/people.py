"""Users and tokens of this node."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

from foedus.clock import from_micros, to_micros
from foedus.node.ports import TokenGrant, TokenRow, UserRow
from foedus.store.sql.grounds import note_lapse
from foedus.store.sql.instants import instant, micros
from foedus.store.sql.session import Row, Session, json_list

__all__ = ["StoredPeople", "note_access"]

_USER = 'SELECT name, roles, created, disabled FROM "user"'
_READ = (
    'SELECT token_id, "user", digest, scope, created, revoked, expires, used, certificate,'
    " purpose FROM token"
)


def note_access(session: Session) -> None:
    """Count a change of users, tokens, grants or collections: who keeps credentials looks there."""
    session.run("UPDATE counter SET value = value + 1 WHERE name = 'access_revision'")


class StoredPeople:
    """Implements :class:`foedus.node.ports.PeopleStore`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def put_user(self, user: UserRow) -> None:
        """Add a user, or replace roles and whether it is disabled; it stays created when it was.

        Who loses a role, or is disabled, takes along the approvals that rested on it.
        """
        self._session.run(
            'INSERT INTO "user" (name, roles, created, disabled) VALUES (?, ?, ?, ?)'
            " ON CONFLICT (name) DO UPDATE SET roles = excluded.roles,"
            " disabled = excluded.disabled",
            (
                user.name,
                json_list(sorted(user.roles)),
                to_micros(user.created),
                micros(user.disabled),
            ),
        )
        note_lapse(self._session)
        note_access(self._session)

    def user(self, name: str) -> UserRow | None:
        """Return one user."""
        row = self._session.row(_USER + " WHERE name = ?", (name,))
        return None if row is None else _user(row)

    def users(self) -> Sequence[UserRow]:
        """Return all users by name."""
        rows = self._session.rows(_USER + " ORDER BY name")
        return [_user(row) for row in rows]

    def put_token(self, token: TokenRow) -> None:
        """Add a token or replace its row (to revoke it) and its grants."""
        self._session.run(
            'INSERT INTO token (token_id, "user", digest, scope, created, revoked, expires, used,'
            " certificate, purpose) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (token_id) DO UPDATE SET"
            ' "user" = excluded."user",'
            " digest = excluded.digest, scope = excluded.scope, created = excluded.created,"
            " revoked = excluded.revoked, expires = excluded.expires,"
            " certificate = excluded.certificate, purpose = excluded.purpose",
            (
                token.token_id,
                token.user,
                token.digest,
                token.scope,
                to_micros(token.created),
                micros(token.revoked),
                micros(token.expires),
                micros(token.used),
                token.certificate,
                token.purpose,
            ),
        )
        self._session.run("DELETE FROM token_grant WHERE token_id = ?", (token.token_id,))
        self._session.run_many(
            "INSERT INTO token_grant (token_id, collection, can_read, can_write)"
            " VALUES (?, ?, ?, ?)",
            [
                (token.token_id, each.collection, each.can_read, each.can_write)
                for each in token.grants
            ],
        )
        note_access(self._session)

    def token_by_digest(self, digest: bytes) -> TokenRow | None:
        """Return the token with this digest."""
        row = self._session.row(_READ + " WHERE digest = ?", (digest,))
        return None if row is None else _token(row, self._grants(row[0]))

    def tokens(self) -> Sequence[TokenRow]:
        """Return all tokens, oldest first."""
        rows = self._session.rows(_READ + " ORDER BY created, token_id")
        return [_token(row, self._grants(row[0])) for row in rows]

    def note_use(self, token_id: str, at: datetime) -> None:
        """Store when a token was last used; it never goes back."""
        used = to_micros(at)
        self._session.run(
            "UPDATE token SET used = ? WHERE token_id = ? AND coalesce(used, 0) < ?",
            (used, token_id, used),
        )

    def access_revision(self) -> int:
        """Return a number that grows with each change of users, tokens, grants and collections."""
        return self._session.number("SELECT value FROM counter WHERE name = 'access_revision'")

    def _grants(self, token_id: str) -> tuple[TokenGrant, ...]:
        rows = self._session.rows(
            "SELECT collection, can_read, can_write FROM token_grant WHERE token_id = ?"
            " ORDER BY collection",
            (token_id,),
        )
        return tuple(
            TokenGrant(collection=row[0], can_read=bool(row[1]), can_write=bool(row[2]))
            for row in rows
        )


def _user(row: Row) -> UserRow:
    roles = msgspec.json.decode(row[1], type=frozenset[str])
    return UserRow(name=row[0], roles=roles, created=from_micros(row[2]), disabled=instant(row[3]))


def _token(row: Row, grants: tuple[TokenGrant, ...]) -> TokenRow:
    token_id, user, digest, scope, created, revoked, expires, used, certificate, purpose = row
    return TokenRow(
        token_id=token_id,
        user=user,
        digest=digest,
        scope=scope,
        created=from_micros(created),
        revoked=instant(revoked),
        expires=instant(expires),
        used=instant(used),
        certificate=certificate,
        grants=grants,
        purpose=purpose,
    )
