"""When a member's bulk lane is closed: the rights it was disclosed under have ended.

Asked at each request, so that it takes effect at the instant itself. Rules:

1. Only the bulk lane closes. Instruments and orders go on, whatever became of the treaty.
2. What was disclosed under a treaty that does not bind the two now (denounced, suspended, opposed
   by an objection, or blocked by an instrument that is not understood) is not served any more. The
   lane is strictly ordered, so it stands there, and is closed from there on.
3. A text that was amended still binds the two for what was disclosed under it: that another text
   governs them now is no end of rights.
4. When the treaty binds the two again (a suspension ends), the lane goes on where it stood.

What the member has already is not touched by this: the residual clause is about that.

Spec: design §5 (on suspension or denunciation rights end, not keys).
"""

from __future__ import annotations

from foedus.model.identifiers import MemberId, TreatyId
from foedus.node.context import Node
from foedus.node.ports import Transaction
from foedus.treaty.in_force import law_under

__all__ = ["why_closed"]


def why_closed(tx: Transaction, node: Node, recipient: MemberId, treaty: TreatyId) -> str:
    """Return why what was disclosed to a member under a treaty is no longer served; "" if it is.

    Args:
        tx: The transaction that reads the page.
        node: The node.
        recipient: Who asks, as authenticated.
        treaty: The treaty the batch states.
    """
    view = node.law.view(tx)
    known = view.treaties.get(treaty)
    if known is None:
        return ""  # nothing known here can have ended it
    current = view.status(treaty, node.clock.now())
    return law_under(known.treaty, current, node.identity.member, recipient).why_not
