"""What a tool asks twice is done once: ``Idempotency-Key`` of a ``POST``.

1. The key is the caller's, new for each thing it wants done, and the same when it asks again
   because no answer came. It belongs to the user of the token.
2. Before the thing is done, that it was begun is stored; after it, the answer is. Who asks again
   within a day is given that answer and nothing is done.
3. Who asks again while the first is still worked on is told to come back (503). Where the process
   ended in between, nobody knows whether it was done: 409, and a person looks.
4. What was refused was not done: its key is free again.
5. The same key with another request is refused (422). Of a request only a code under the node's
   secret is stored. An answer that names what is purged meanwhile goes with it.

Spec: draft-ietf-httpapi-idempotency-key-header-07 §2.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import msgspec
from msgspec import Struct

from foedus.clock import Clock, instant_text, parse_instant
from foedus.errors import FoedusError
from foedus.exchange.errors import (
    BadRequestError,
    OutcomeUnknownError,
    StillWorkingError,
    UnprocessableError,
)
from foedus.exchange.server.edge import Call, Reply
from foedus.node.ports import Database

__all__ = ["KEPT", "MAX_KEY_CHARS", "Repeats"]

KEPT: Final = timedelta(days=1)
"""How long an answer is remembered."""

MAX_KEY_CHARS: Final = 128
"""Longest key, in characters."""

_WORKED_ON: Final = timedelta(minutes=4)
"""Longest a request may be worked on; beyond that its process has ended."""

_ID_CHARS: Final = 40
_DOMAIN: Final = b"foedus/v1/repeated-request\n"


class _Kept(Struct, frozen=True):
    """What is stored: a code of the request, when it was begun, the answer once there is one."""

    code: str
    begun: str
    status: int = 0
    answer: msgspec.Raw = msgspec.Raw(b"null")


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """Remembers what was asked and answered. Safe for several threads and processes.

    Attributes:
        secret: The node's secret.
    """

    database: Database
    clock: Clock
    secret: bytes = field(repr=False)

    def once(self, call: Call, user: str, work: Callable[[], Reply]) -> Reply:
        """Do what a call asks, or return what was answered to it before.

        Raises:
            BadRequestError: The key is none.
            UnprocessableError: The key belongs to another request.
            StillWorkingError: It is worked on.
            OutcomeUnknownError: Nobody knows whether it was done.
        """
        key = call.header("idempotency-key")
        if key is None:
            return work()
        if not (0 < len(key) <= MAX_KEY_CHARS and key.isascii() and key.isprintable()):
            raise BadRequestError(
                f"Idempotency-Key is a line of at most {MAX_KEY_CHARS} plain characters"
            )
        name = self._code(user, key)[:_ID_CHARS]
        code = self._code(call.method, call.path, call.query, call.body.hex())
        owner, now = f"api {user}", self.clock.now()
        before = self._begin(name, owner, code, now)
        if before is not None:
            return before
        try:
            reply = work()
        except FoedusError:
            with self.database.write() as tx:
                tx.collections.drop_status(name, owner)
            raise
        kept = _Kept(
            code=code,
            begun=instant_text(now),
            status=reply.status,
            answer=msgspec.Raw(reply.body),
        )
        with self.database.write() as tx:
            tx.collections.drop_status(name, owner)
            tx.collections.keep_status(
                name, owner, msgspec.json.encode(kept), at=now, expired=now - KEPT
            )
        return reply

    def _begin(self, name: str, owner: str, code: str, now: datetime) -> Reply | None:
        with self.database.write() as tx:
            raw = tx.collections.status(name, owner, since=now - KEPT)
            if raw is None:
                kept = _Kept(code=code, begun=instant_text(now))
                tx.collections.keep_status(
                    name, owner, msgspec.json.encode(kept), at=now, expired=now - KEPT
                )
                return None
        kept = msgspec.json.decode(raw, type=_Kept)
        if kept.code != code:
            raise UnprocessableError("this Idempotency-Key belongs to another request")
        if not kept.status:
            if now - parse_instant(kept.begun) < _WORKED_ON:
                raise StillWorkingError("the request is worked on; ask again")
            raise OutcomeUnknownError(
                "the first request with this Idempotency-Key ended half-way; look what was done"
            )
        return Reply(
            body=bytes(kept.answer),
            status=kept.status,
            media_type="application/json",
            headers={"idempotency-replayed": "true"},
        )

    def _code(self, *parts: str) -> str:
        text = "\n".join(f"{len(each)} {each}" for each in parts)
        return hmac.new(self.secret, _DOMAIN + text.encode(), hashlib.sha256).hexdigest()
