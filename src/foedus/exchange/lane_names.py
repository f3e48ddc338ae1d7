"""Names of the collections of one node, known to both ends without asking.

A lane's collection id follows from sender, recipient and lane, so that a follower needs no
discovery and a cursor outlives a move to another address.
"""

from __future__ import annotations

import uuid
from typing import Final

from foedus.model.identifiers import FOEDUS_NAMESPACE, MemberId

__all__ = [
    "API_PATH",
    "CREDENCE_PATH",
    "HEADS_HEADER",
    "HEADS_PATH",
    "HEAD_PATH",
    "LANES_HEADER",
    "LANE_HEAD_HEADER",
    "PEERS_PATH",
    "PLACE_PATH",
    "RETURNED_PATH",
    "TOOLS_PATH",
    "WITNESS_PATH",
    "lane_collection_id",
    "lane_objects_path",
    "tools_collection_id",
]

API_PATH: Final = "/api/v1/"
"""Casework for the member's own tools."""

PEERS_PATH: Final = "/peers/"
"""API root for other members' nodes."""

TOOLS_PATH: Final = "/tools/"
"""API root for the member's own tools."""

LANE_HEAD_HEADER: Final = "foedus-lane-head"
"""Carries the sender's signed head of a lane with each page: standard base64 of its envelope."""

LANES_HEADER: Final = "foedus-lanes"
"""Rows of each lane, beside a page and a request for one; see :mod:`foedus.node.lane_counts`."""

HEAD_PATH: Final = "/foedus/head"
"""Where a recipient hands over its acknowledgement of a lane."""

HEADS_HEADER: Final = "foedus-heads"
"""Header of a page of a lane: digest of the log heads that the sender knows."""

HEADS_PATH: Final = "/foedus/heads"
"""Where members compare the log heads they know, and hand over proofs of forks."""

WITNESS_PATH: Final = "/witness"
"""Submission and monitoring prefix of this node as a witness. Spec: C2SP tlog-witness."""

RETURNED_PATH: Final = "/foedus/returned/{lane}"
"""Where a member that restored a backup asks for the rows it gave us; a template."""

PLACE_PATH: Final = "/foedus/lanes/{lane}"
"""Where a recipient asks what its lane was after its first rows; a template."""

CREDENCE_PATH: Final = "/foedus/credence"
"""Where a node shows its letter of credence."""


def lane_collection_id(sender: MemberId, recipient: MemberId, lane: str) -> str:
    """Return the id of the collection that is a sender's lane to a recipient (UUIDv5)."""
    return str(uuid.uuid5(FOEDUS_NAMESPACE, f"lane\n{sender}\n{recipient}\n{lane}"))


def lane_objects_path(sender: MemberId, recipient: MemberId, lane: str) -> str:
    """Return the path of a lane's objects below the sender's address (TAXII 2.1 §5.4)."""
    return f"{PEERS_PATH}collections/{lane_collection_id(sender, recipient, lane)}/objects/"


def tools_collection_id(member: MemberId, name: str) -> str:
    """Return the id of a collection for a member's own tools.

    It follows from the names, in the form of a random UUID: TAXII 2.1 §2 asks for version 4.
    """
    derived = uuid.uuid5(FOEDUS_NAMESPACE, f"tools\n{member}\n{name}")
    return str(uuid.UUID(bytes=derived.bytes, version=4))
