"""Users and tokens of this node."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from foedus.clock import from_micros, to_micros
from foedus.node.ports import TokenRow, UserRow
from foedus.store.sqlite.grounds import note_lapse
from foedus.store.sqlite.instants import instant, micros
from foedus.store.sqlite.session import Row, Session, json_list

__all__ = ["SQLitePeople"]

_READ = "SELECT token_id, user, digest, scope, created, revoked FROM token"


class SQLitePeople:
    """Implements :class:`foedus.node.ports.PeopleStore`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def put_user(self, user: UserRow) -> None:
        """Add a user or replace the roles; a user stays created when it first was.

        Who loses a role takes with it the approvals that rested on it.
        """
        self._session.run(
            "INSERT INTO user (name, roles, created) VALUES (?, ?, ?)"
            " ON CONFLICT (name) DO UPDATE SET roles = excluded.roles",
            (user.name, json_list(sorted(user.roles)), to_micros(user.created)),
        )
        note_lapse(self._session)

    def user(self, name: str) -> UserRow | None:
        """Return one user."""
        row = self._session.row("SELECT name, roles, created FROM user WHERE name = ?", (name,))
        return None if row is None else _user(row)

    def users(self) -> Sequence[UserRow]:
        """Return all users by name."""
        rows = self._session.rows("SELECT name, roles, created FROM user ORDER BY name")
        return [_user(row) for row in rows]

    def put_token(self, token: TokenRow) -> None:
        """Add a token or replace its row (to revoke it)."""
        self._session.run(
            "INSERT INTO token (token_id, user, digest, scope, created, revoked)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (token_id) DO UPDATE SET user = excluded.user,"
            " digest = excluded.digest, scope = excluded.scope, created = excluded.created,"
            " revoked = excluded.revoked",
            (
                token.token_id,
                token.user,
                token.digest,
                token.scope,
                to_micros(token.created),
                micros(token.revoked),
            ),
        )

    def token_by_digest(self, digest: bytes) -> TokenRow | None:
        """Return the token with this digest."""
        row = self._session.row(_READ + " WHERE digest = ?", (digest,))
        return None if row is None else _token(row)

    def tokens(self) -> Sequence[TokenRow]:
        """Return all tokens, oldest first."""
        rows = self._session.rows(_READ + " ORDER BY created, token_id")
        return [_token(row) for row in rows]


def _user(row: Row) -> UserRow:
    roles = msgspec.json.decode(row[1], type=frozenset[str])
    return UserRow(name=row[0], roles=roles, created=from_micros(row[2]))


def _token(row: Row) -> TokenRow:
    token_id, user, digest, scope, created, revoked = row
    return TokenRow(
        token_id=token_id,
        user=user,
        digest=digest,
        scope=scope,
        created=from_micros(created),
        revoked=instant(revoked),
    )
