"""How people of this node sign on: secrets as hashes, second factors, sessions."""

from __future__ import annotations

from foedus.store.sql.session import Session

__all__ = ["StoredAccounts"]


class StoredAccounts:
    """Implements :class:`foedus.node.ports.accounts.AccountStore`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session
