"""What is pinned for the nodes of other members, and the alarm when one shows another key."""

from __future__ import annotations

from typing import Final

from foedus.model.identifiers import MemberId
from foedus.node.context import Node
from foedus.node.ports import Alarm

__all__ = ["ALARM_CERTIFICATE", "note_certificate", "pins_of_peer"]

ALARM_CERTIFICATE: Final = "peer.certificate"
"""Code of the alarm that a member's node showed a certificate that is not its own."""


def pins_of_peer(node: Node, member: MemberId) -> frozenset[str] | None:
    """Return which keys a member's node may show over TLS now; None if it never named one.

    Asked for each request, so that what arrived or ended meanwhile counts.
    """
    with node.database.read() as tx:
        return node.law.view(tx).pins(member, node.clock.now())


def note_certificate(node: Node, member: MemberId, text: str) -> None:
    """Keep the alarm about a member's certificate as it is now.

    Args:
        node: The node.
        member: Whose.
        text: What is wrong; "" when it is right.
    """
    if not text:
        with node.database.read() as tx:
            standing = any(
                (each.code, each.subject) == (ALARM_CERTIFICATE, member)
                for each in tx.alarms.open()
            )
        if not standing:
            return
    with node.database.write() as tx:
        if text:
            tx.alarms.set(
                Alarm(code=ALARM_CERTIFICATE, subject=member, text=text, since=node.clock.now())
            )
        else:
            tx.alarms.clear(ALARM_CERTIFICATE, member)
