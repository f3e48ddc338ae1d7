"""How nodes and tools speak to each other over the network.

Outwards, :mod:`~foedus.exchange.peer_client` pulls lanes and hands over acknowledgements. Inwards,
:mod:`~foedus.exchange.server` serves TAXII 2.1 to members' nodes and to own tools, and
:mod:`~foedus.exchange.run` runs it. Requests between nodes are signed
(:mod:`~foedus.exchange.http_signature`). Nothing is decided here: what is served was put in its
place by an operation of the node. Client and server are imported from their modules, so that a
command that needs neither loads neither.
"""

from __future__ import annotations

from foedus.exchange.errors import ExchangeError

__all__ = ["ExchangeError"]
