"""The Python client for a member's own tools: read items, drafts and collections, and post.

:class:`Client` speaks TAXII 2.1 with the member's own node and with nobody else. What it reads it
yields as exact bytes with a typed view; a :class:`Reading` neither loses nor repeats anything, and
its cursor goes on another day, in another process. Passing faults are tried again. Webhooks the
node sends are checked by :func:`read_webhook`. Nothing here knows how a node works inside: of
Foedus it imports the model, the clock and the errors only.
"""

from foedus.client.case_call import Page as CasePage
from foedus.client.casework import Casework, every
from foedus.client.client import Client
from foedus.client.collection import ALL_VERSIONS, Added, Collection
from foedus.client.cursor import Cursor
from foedus.client.errors import (
    AddressError,
    AnswerError,
    BusyError,
    ClientError,
    CursorError,
    NotFoundError,
    PinError,
    RefusedError,
    TokenError,
    UnreachableError,
    WebhookError,
)
from foedus.client.patience import Patience
from foedus.client.reading import Page, Reading
from foedus.client.resources import (
    APIRoot,
    CollectionInfo,
    Discovery,
    ManifestRecord,
    PostStatus,
    StatusDetail,
)
from foedus.client.webhook import WebhookEvent, read_webhook

__all__ = [
    "ALL_VERSIONS",
    "APIRoot",
    "Added",
    "AddressError",
    "AnswerError",
    "BusyError",
    "CasePage",
    "Casework",
    "Client",
    "ClientError",
    "Collection",
    "CollectionInfo",
    "Cursor",
    "CursorError",
    "Discovery",
    "ManifestRecord",
    "NotFoundError",
    "Page",
    "Patience",
    "PinError",
    "PostStatus",
    "Reading",
    "RefusedError",
    "StatusDetail",
    "TokenError",
    "UnreachableError",
    "WebhookError",
    "WebhookEvent",
    "every",
    "read_webhook",
]
