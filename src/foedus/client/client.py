"""A node as its own tools use it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from types import TracebackType
from typing import Final

import msgspec

from foedus.client.case_call import CaseCall
from foedus.client.casework import Casework
from foedus.client.collection import Collection
from foedus.client.connection import MAX_ANSWER_BYTES, Connection, decoded
from foedus.client.errors import NotFoundError
from foedus.client.patience import Patience
from foedus.client.pins import parse_pin
from foedus.client.resources import APIRoot, CollectionInfo, Discovery, PostStatus

__all__ = ["Client"]

_DISCOVERY: Final = "/taxii2/"
_TOOLS: Final = "/tools/"


class _Collections(msgspec.Struct):
    collections: list[CollectionInfo] = []


class Client:
    """Speaks TAXII 2.1 with one node on behalf of one token; for one thread at a time.

    Use it as a context manager, or close it. The token goes to the address given and nowhere else:
    the node's own words about where its API roots are do not lead it away.
    """

    def __init__(
        self,
        address: str,
        token: str,
        *,
        pins: Iterable[str] = (),
        patience: Patience | None = None,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            address: Base URL of the node: https, or http on this machine.
            token: What ``foedus token create`` showed.
            pins: SHA-256 of the public keys that may answer, hex or base64; without any, the
                authorities the machine trusts decide.
            patience: How often and how long to try.
            max_answer_bytes: Largest answer read.

        Raises:
            AddressError: The address may not be used, or a pin or the token is malformed.
        """
        self._patience = Patience() if patience is None else patience
        self._connection = Connection(
            address,
            token,
            pins=[parse_pin(each) for each in pins],
            patience=self._patience,
            max_answer_bytes=max_answer_bytes,
        )

    def __enter__(self) -> Client:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close all connections."""
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._connection.close()

    def discovery(self) -> Discovery:
        """Return what the node says of itself."""
        return decoded(self._connection.get(_DISCOVERY), Discovery)

    @cached_property
    def root(self) -> APIRoot:
        """The API root for tools; asked for once."""
        return decoded(self._connection.get(_TOOLS), APIRoot)

    def collections(self) -> tuple[Collection, ...]:
        """Return every collection of which this token may see anything."""
        answer = self._connection.get(_TOOLS + "collections/")
        return tuple(self._collection(info) for info in decoded(answer, _Collections).collections)

    def collection(self, name: str) -> Collection:
        """Return a collection by its id, alias or title.

        Raises:
            NotFoundError: There is none of that name for this token.
        """
        every = self.collections()
        for of in (_by_id, _by_alias, _by_title):
            found = [each for each in every if of(each.info) == name]
            if len(found) == 1:
                return found[0]
        raise NotFoundError(f"no collection {name!r} for this token", status=404)

    def status(self, post: str) -> PostStatus:
        """Return what became of an earlier post, by the id of its status.

        Raises:
            NotFoundError: The node does not know it, or no longer does.
        """
        return decoded(self._connection.get(f"{_TOOLS}status/{post}/"), PostStatus)

    @property
    def casework(self) -> Casework:
        """Casework, for a token with the scope ``case``."""
        return Casework(CaseCall(connection=self._connection))

    def _collection(self, info: CollectionInfo) -> Collection:
        return Collection(
            info=info,
            connection=self._connection,
            root=_TOOLS,
            patience=self._patience,
            max_body_bytes=self.root.max_content_length,
        )


def _by_id(info: CollectionInfo) -> str:
    return info.id


def _by_alias(info: CollectionInfo) -> str:
    return info.alias


def _by_title(info: CollectionInfo) -> str:
    return info.title
