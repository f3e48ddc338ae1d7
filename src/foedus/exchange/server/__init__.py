"""The HTTP face of one node: TAXII 2.1 for members and for own tools, the ledger's files.

:func:`~foedus.exchange.server.app.build_app` wires it from :class:`NodeServices`.
"""

from __future__ import annotations

from foedus.exchange.server.app import build_app
from foedus.exchange.server.services import NodeServices

__all__ = ["NodeServices", "build_app"]
