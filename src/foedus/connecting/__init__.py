"""Making a connection: waits that end at a deadline, and why one failed, in plain words.

What the node's own server and client side (``exchange``) and the client of a member's own tools
(``client``) share; neither may import the other.
"""

from foedus.connecting.causes import cause_of
from foedus.connecting.deadlines import DeadlineBackend, deadline

__all__ = ["DeadlineBackend", "cause_of", "deadline"]
