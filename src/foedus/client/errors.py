"""What can go wrong between a tool and the node it uses.

What is worth another try is tried again before it is raised, so each of these needs somebody's
attention: the one who runs the tool, or the one who runs the node.
"""

from __future__ import annotations

from typing import ClassVar

from foedus.errors import FoedusError

__all__ = [
    "AddressError",
    "AnswerError",
    "BusyError",
    "ClientError",
    "CursorError",
    "NotFoundError",
    "PinError",
    "RefusedError",
    "TokenError",
    "UnreachableError",
    "WebhookError",
]


class ClientError(FoedusError):
    """Base of the errors of this folder."""

    code: ClassVar[str] = "client"


class AddressError(ClientError):
    """The node's address is neither https nor on this machine, or a pin is malformed."""

    code: ClassVar[str] = "client.address"


class CursorError(ClientError):
    """A text is not a cursor, or one of another query."""

    code: ClassVar[str] = "client.cursor"


class UnreachableError(ClientError):
    """The node could not be reached, or did not answer whole and in time, however often asked."""

    code: ClassVar[str] = "client.unreachable"


class PinError(ClientError):
    """Who answered has none of the pinned keys. Nothing was sent to it, the token least of all."""

    code: ClassVar[str] = "client.pin"


class BusyError(ClientError):
    """The node was busy (429, 503) for longer than this tool waits.

    Attributes:
        retry_after_s: How long the node asked to be left alone, in seconds; 0 if it did not say.
    """

    code: ClassVar[str] = "client.busy"

    def __init__(self, message: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RefusedError(ClientError):
    """The node refused the request.

    Attributes:
        status: HTTP status.
        node_code: The node's own code of the error, as in ``docs/errors.md``; "" if it gave none.
    """

    code: ClassVar[str] = "client.refused"

    def __init__(self, message: str, *, status: int, node_code: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.node_code = node_code


class TokenError(RefusedError):
    """The token is not in force (401), or its scope or its user's roles do not allow this (403)."""

    code: ClassVar[str] = "client.token"


class NotFoundError(RefusedError):
    """There is nothing there, or nothing for this token; the two look alike."""

    code: ClassVar[str] = "client.not_found"


class AnswerError(ClientError):
    """The node answered something that is not what TAXII 2.1 prescribes, or too much of it."""

    code: ClassVar[str] = "client.answer"


class WebhookError(ClientError):
    """A message is no webhook of the node whose secret this is, sent now."""

    code: ClassVar[str] = "client.webhook"
