"""How nodes and tools speak to each other over the network.

Outwards, :class:`HTTPPeerClient` pulls lanes and hands over acknowledgements. Inwards,
:func:`build_app` serves TAXII 2.1 to members' nodes and to own tools, and :func:`serve` runs it.
Requests between nodes are signed (:mod:`~foedus.exchange.http_signature`). Nothing is decided
here: what is served was put in its place by an operation of the node.
"""

from __future__ import annotations

from foedus.exchange.errors import ExchangeError
from foedus.exchange.peer_client import HTTPPeerClient, fetch_credence
from foedus.exchange.run import bind, serve, serving
from foedus.exchange.server import NodeServices, build_app

__all__ = [
    "ExchangeError",
    "HTTPPeerClient",
    "NodeServices",
    "bind",
    "build_app",
    "fetch_credence",
    "serve",
    "serving",
]
