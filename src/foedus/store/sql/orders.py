"""Orders: what was ordered of whom, and how far each holder has come."""

from __future__ import annotations

from foedus.store.sql.session import Session

__all__ = ["StoredOrders"]


class StoredOrders:
    """Implements :class:`foedus.node.ports.orders.OrderStore`."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session
