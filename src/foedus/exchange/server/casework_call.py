"""Casework over HTTP: what every route shares.

A route is a row of a table (:class:`CaseRoute`): a method, a path, who may, what the query and the
body look like, and one function that calls one operation of the node and returns a document. In
this order, so that nothing is learnt from what comes first:

1. The token: 401 without one in force. Its scope is ``case``, and the user it acts for has one of
   the roles that the route names: 403, whatever there is or is not.
2. The purpose of reading (header ``Foedus-Purpose``, else the token's own), the query, the body:
   sizes are limited before anything is parsed, unknown fields are refused.
3. The operation, which decides once more who may. What is absent and what is not for the caller
   are one answer: 404 without a word.

A ``POST`` with an ``Idempotency-Key`` is done once: see :mod:`.casework_repeat`. What is answered
to a ``POST`` that is remembered says how a case stands and not what it is about; that is read with
``GET``. Errors are problem documents (RFC 9457) with our ``code``.

Spec: RFC 9110 §9.2, RFC 9457, RFC 6750.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Generic, TypeVar, get_args, get_origin
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta, Struct

from foedus.access import Actor, Role
from foedus.clock import InstantError, parse_instant
from foedus.exchange.errors import (
    BadRequestError,
    NoSuchResourceError,
    NotAcceptableError,
    UnprocessableError,
    UnsupportedMediaTypeError,
)
from foedus.exchange.lane_names import API_PATH
from foedus.exchange.server.edge import Call
from foedus.model.identifiers import TreatyId
from foedus.node.context import Node
from foedus.node.errors import NotFoundError
from foedus.node.find import find_treaty
from foedus.node.readings import log_reading
from foedus.release.gate import Gate

__all__ = [
    "MAX_CASE_BODY_BYTES",
    "MAX_LIMIT",
    "Ask",
    "CaseRoute",
    "Count",
    "Desk",
    "Document",
    "Line",
    "Listing",
    "NoQuery",
    "Number",
    "Reference",
    "References",
    "Text",
    "check_media",
    "instant_of",
    "next_of",
    "purpose_of",
    "read_body",
    "read_query",
    "treaty_of",
]

MAX_CASE_BODY_BYTES: Final = 512 * 1024
"""Largest body of casework, in bytes: a request of a thousand values, a letter's words."""

MAX_LIMIT: Final = 500
"""Most rows of one page."""

_MAX_NUMBER: Final = 2**53 - 1
_MAX_DIGITS: Final = 15
_MAX_PARAMETERS: Final = 64
_JSON: Final = "application/json"
_ANY: Final = frozenset({"*/*", "application/*", _JSON, "application/problem+json"})

Document = dict[str, Any]
"""What a route answers, as JSON."""

Number = Annotated[int, Meta(ge=0, le=_MAX_NUMBER)]
Count = Annotated[int, Meta(ge=1, le=MAX_LIMIT)]
Reference = Annotated[str, Meta(min_length=1, max_length=200)]
"""A local number, a STIX id, a name, a member, a treaty: one word."""
References = Annotated[tuple[Reference, ...], Meta(min_length=1, max_length=1_000)]
Line = Annotated[str, Meta(max_length=1_000)]
Text = Annotated[str, Meta(max_length=20_000)]


class NoQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """No parameters."""


class Listing(Struct, frozen=True, forbid_unknown_fields=True):
    """A page of what is numbered: where the page before ended, and how much of it."""

    after: Number = 0
    limit: Count = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What casework is done with: the node and its gate."""

    node: Node
    gate: Gate


Q = TypeVar("Q")
B = TypeVar("B")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask(Generic[Q, B]):
    """One question or order of a tool, as a route's function is given it.

    Attributes:
        actor: The user whose token it is.
        purpose: What personal data is read for; "" for none stated.
        parts: What the path names.
        query: The parameters.
        body: The body; None where the route takes none.
    """

    desk: Desk
    actor: Actor
    purpose: str
    parts: Mapping[str, str]
    query: Q = field(repr=False)
    body: B = field(repr=False)

    @property
    def node(self) -> Node:
        """The node."""
        return self.desk.node

    @property
    def gate(self) -> Gate:
        """Its gate."""
        return self.desk.gate

    def number(self, name: str = "number") -> int:
        """Return a number of the path.

        Raises:
            NoSuchResourceError: It is none, so nothing has it.
        """
        text = self.parts[name]
        if not (text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS):
            raise NoSuchResourceError("no such number")
        return int(text)

    def note_read(self, what: str, handles: Sequence[int]) -> None:
        """Note that items are shown, before they are, with the purpose.

        Raises:
            PurposeNeededError: Personal data is read here only for a stated purpose.
        """
        log_reading(self.node, self.actor, f"api {what}", handles, self.purpose)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRoute:
    """One thing that tools can ask.

    Attributes:
        path: Below ``/api/v1/``, with ``{name}`` for what it names.
        does: One line, for people.
        work: Calls the node.
        roles: One of these is needed; empty for any user.
        query: The parameters it takes.
        body: The body it takes; None for none.
        status: Of its success.
        remembered: Whether doing it twice would do it twice, so that its key is remembered.
    """

    method: str
    path: str
    does: str
    work: Callable[[Ask[Any, Any]], Document]
    roles: tuple[Role, ...] = ()
    query: type[Struct] = NoQuery
    body: type[Struct] | None = None
    status: int = 200
    remembered: bool = True

    @property
    def template(self) -> str:
        """The whole path."""
        return API_PATH + self.path


def check_media(call: Call) -> None:
    """Check that the caller takes JSON, and that a body is said to be JSON.

    Raises:
        NotAcceptableError: It takes none of what is answered.
        UnsupportedMediaTypeError: The body is something else, or nothing is said of it.
    """
    accept = call.header("accept")
    if accept is not None and not any(_name(each) in _ANY for each in accept.split(",")):
        raise NotAcceptableError(f"this part of the server answers with {_JSON}")
    if call.body and _name(call.header("content-type") or "") != _JSON:
        raise UnsupportedMediaTypeError(f"this part of the server reads {_JSON}")


def _name(text: str) -> str:
    return text.partition(";")[0].strip().lower()


def purpose_of(call: Call, otherwise: str) -> str:
    """Return what the call says it reads personal data for; else what its token says.

    Raises:
        BadRequestError: The header is no UTF-8.
    """
    header = call.header("foedus-purpose")
    if header is None:
        return otherwise
    try:
        return header.encode("latin-1").decode("utf-8").strip() or otherwise
    except UnicodeError as error:
        raise BadRequestError("Foedus-Purpose is UTF-8") from error


def read_query(query: str, kind: type[Struct]) -> Struct:
    """Return the parameters of a query.

    Raises:
        BadRequestError: It is none, or has a parameter that is not known here or no such value.
    """
    try:
        pairs = parse_qsl(
            query,
            keep_blank_values=True,
            strict_parsing=bool(query),
            errors="strict",
            max_num_fields=_MAX_PARAMETERS,
        )
    except ValueError as error:
        raise BadRequestError("the query is malformed") from error
    lists = {each.encode_name for each in msgspec.structs.fields(kind) if _is_list(each.type)}
    found: dict[str, Any] = {}
    for name, value in pairs:
        if "\0" in value or (name in found and name not in lists):
            raise BadRequestError(f"parameter {name[:40]!r} is given twice, or holds a NUL")
        if name in lists:
            found.setdefault(name, []).append(value)
        else:
            found[name] = value
    try:
        return msgspec.convert(found, kind, strict=False)
    except (msgspec.ValidationError, ValueError) as error:
        raise BadRequestError(f"the query: {error}") from error


def _is_list(kind: Any) -> bool:
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    return get_origin(kind) in {tuple, list}


def read_body(body: bytes, kind: type[Struct] | None) -> Struct | None:
    """Return a body as what a route takes.

    Raises:
        UnprocessableError: It is no such document: unknown fields, wrong types, too much of it.
    """
    if kind is None:
        if body.strip() in {b"", b"{}"}:
            return None
        raise UnprocessableError("no body is taken here")
    if b"\\u0000" in body:
        raise UnprocessableError("a text holds a NUL")
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise UnprocessableError(f"the body: {error}") from error


def instant_of(name: str, text: str | None) -> Any:
    """Return an instant that a body or query names; None for none.

    Raises:
        UnprocessableError: It is no instant as they are written here.
    """
    if text is None:
        return None
    try:
        return parse_instant(text)
    except InstantError as error:
        raise UnprocessableError(f"{name}: {error}") from error


def treaty_of(ask: Ask[Any, Any], reference: str) -> TreatyId:
    """Return the treaty whose id begins with a text; with "" the only one there is.

    Raises:
        UnprocessableError: None or several fit.
    """
    try:
        with ask.node.database.read() as tx:
            return find_treaty(tx, ask.node, reference)
    except NotFoundError as error:
        raise UnprocessableError(f"treaty: {error}") from error


def next_of(rows: Sequence[Any], limit: int, key: Callable[[Any], object]) -> str:
    """Return where the next page begins: what its ``after`` is to say; "" at the end."""
    return str(key(rows[-1])) if rows and len(rows) == limit else ""
