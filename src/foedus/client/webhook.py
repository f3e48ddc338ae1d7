"""Check that a webhook came from the node, now and unchanged, and read what it tells.

The scheme is that of Standard Webhooks: HMAC-SHA256 under the secret shown once by ``foedus webhook
add``, over the id, the time of the attempt and the exact body, joined by full stops. Check before
reading anything else, with the body as it came: JSON written anew has another signature. The id is
the same however often a message is sent: keep it, and take each once.

Spec: Standard Webhooks 1.0.0, "Verifying webhook authenticity", "Webhook headers".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final

import msgspec

from foedus.client.errors import WebhookError
from foedus.clock import Clock, SystemClock

__all__ = ["MAX_WEBHOOK_BYTES", "TOLERANCE_S", "WebhookEvent", "read_webhook"]

TOLERANCE_S: Final = 300
"""How far the clocks of node and tool may be apart, in seconds."""

MAX_WEBHOOK_BYTES: Final = 64 * 1024
"""Largest body read, in bytes."""

_PREFIX: Final = "whsec_"
_MAX_SIGNATURES: Final = 16
_MAX_ID_CHARS: Final = 128
_MAX_DIGITS: Final = 12


class WebhookEvent(msgspec.Struct, frozen=True, kw_only=True):
    """What a message tells.

    Attributes:
        id: Of the message; the same for each attempt.
        type: Of the event, such as ``item.received``.
        timestamp: When it happened, RFC 3339.
        version: Of the payload's form.
        member: Whose node sent it.
        data: Ids and figures; which ones depends on the type.
    """

    type: str
    timestamp: str
    version: int
    member: str
    data: dict[str, str | int | bool | None]
    id: str = ""


def read_webhook(
    headers: Mapping[str, str], body: bytes, *, secret: str, clock: Clock | None = None
) -> WebhookEvent:
    """Check a message and return what it tells.

    Args:
        headers: Of the request; names in any case.
        body: Exact bytes of the request; untrusted.
        secret: The subscription's secret, ``whsec_…``.
        clock: Tells now; the machine's own if None.

    Raises:
        WebhookError: It was not signed with the secret, or is older or newer than the tolerance.
    """
    named = {name.lower(): value for name, value in headers.items()}
    identifier = named.get("webhook-id", "")
    stamp = named.get("webhook-timestamp", "")
    if not 0 < len(identifier) <= _MAX_ID_CHARS or len(body) > MAX_WEBHOOK_BYTES:
        raise WebhookError("no id, or a body that is too large")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= _MAX_DIGITS):
        raise WebhookError("no time of sending")
    content = b".".join((identifier.encode(), stamp.encode(), body))
    expected = hmac.digest(_key(secret), content, hashlib.sha256)
    if not _signed(named.get("webhook-signature", ""), expected):
        raise WebhookError("not signed with this secret")
    now = SystemClock() if clock is None else clock
    if abs(now.now().timestamp() - int(stamp)) > TOLERANCE_S:
        raise WebhookError("too old, or the clocks are apart")
    try:
        event = msgspec.json.decode(body, type=WebhookEvent)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise WebhookError(f"not an event: {error}") from error
    return msgspec.structs.replace(event, id=identifier)


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise WebhookError("the secret is none that a node shows") from error


def _signed(header: str, expected: bytes) -> bool:
    """Say whether one of the signatures is the one expected; several stand while secrets change."""
    found = False
    for each in header.split(" ")[:_MAX_SIGNATURES]:
        version, _, text = each.partition(",")
        if version != "v1":
            continue
        try:
            signature = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            continue
        found |= hmac.compare_digest(signature, expected)
    return found
