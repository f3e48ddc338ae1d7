"""TAXII resources as values: what the node says of itself, of its collections and of posts.

Members the standard does not know are left out; every text is the node's and untrusted.

Spec: TAXII 2.1 §4.1.1 (discovery), §4.2.1 (API root), §4.3.1 (status), §5.1.1 and §5.2.1
(collections), §5.3.1 (manifest).
"""

from __future__ import annotations

import msgspec

__all__ = [
    "APIRoot",
    "CollectionInfo",
    "Discovery",
    "ManifestRecord",
    "PostStatus",
    "StatusDetail",
]


class Discovery(msgspec.Struct, frozen=True, kw_only=True):
    """The server and its API roots, as absolute URLs that it chose itself."""

    title: str
    description: str = ""
    contact: str = ""
    default: str = ""
    api_roots: tuple[str, ...] = ()


class APIRoot(msgspec.Struct, frozen=True, kw_only=True):
    """An API root; ``max_content_length`` is the largest body it takes, in bytes."""

    title: str
    versions: tuple[str, ...]
    max_content_length: int
    description: str = ""


class CollectionInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One collection as this token sees it.

    Attributes:
        id: UUID text.
        alias: A readable name that stands for the id; "" where there is none.
    """

    id: str
    title: str
    can_read: bool
    can_write: bool
    description: str = ""
    alias: str = ""
    media_types: tuple[str, ...] = ()


class ManifestRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One version of one object in a collection; instants as RFC 3339 texts of the node."""

    id: str
    date_added: str
    version: str
    media_type: str = ""


class StatusDetail(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one object: its version here, or why it was not taken."""

    id: str
    version: str
    message: str = ""


class PostStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a post."""

    id: str
    status: str
    total_count: int
    success_count: int
    failure_count: int
    pending_count: int
    request_timestamp: str = ""
    successes: tuple[StatusDetail, ...] = ()
    failures: tuple[StatusDetail, ...] = ()
    pendings: tuple[StatusDetail, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether nothing is pending any more."""
        return self.status == "complete"
