"""Every limit a node keeps, in one table, read from the constants the code uses."""

from __future__ import annotations

from dataclasses import dataclass

from foedus.exchange.http_signature import WINDOW_S
from foedus.exchange.run import HANDSHAKE_S, KEEP_ALIVE_S
from foedus.exchange.server.casework_call import MAX_CASE_BODY_BYTES, MAX_LIMIT
from foedus.exchange.server.edge import (
    BODY_TIMEOUT_S,
    MAX_CONCURRENT_CALLS,
    MAX_SMALL_BODY_BYTES,
    MAX_TOOL_BODY_BYTES,
)
from foedus.exchange.server.limits import (
    ANONYMOUS_PER_S,
    CALLER_BURST,
    CALLER_PER_S,
    MAX_PARAMETERS,
    MAX_REFUSED,
    MAX_REQUEST_S,
)
from foedus.exchange.server.limits_socket import (
    HEAD_TIMEOUT_S,
    MAX_CONNECTIONS,
    MAX_CONNECTIONS_PER_ADDRESS,
    MAX_HEAD_BYTES,
    MAX_HEADERS,
    UNREAD_TIMEOUT_S,
)
from foedus.exchange.server.paging import MAX_MATCH_VALUES, MAX_PAGE_OBJECTS
from foedus.exchange.server.waiting import MAX_WAIT_S, MAX_WAITING, MAX_WAITING_OF_ONE
from foedus.intake.limits import DEFAULT_LIMITS
from foedus.matching import DEFAULT_CUT_OFF, DEFAULT_POSTING_CAP
from foedus.model.bundles import MAX_BUNDLE_OBJECTS
from foedus.model.objects import MAX_DEPTH, MAX_OBJECT_BYTES
from foedus.node.pull import PAGE_ROWS
from foedus.node.serve_lane import MAX_PAGE_BYTES
from foedus.node.treaty_text import MAX_TEXT_BYTES
from foedus.release.record import MAX_BATCH_ITEMS
from foedus.treaty.parser import MAX_TREATY_BYTES

__all__ = ["Limit", "all_limits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit.

    Attributes:
        beyond: What happens beyond it.
    """

    name: str
    value: int
    unit: str
    beyond: str


def all_limits() -> tuple[Limit, ...]:
    """Return every limit, in the order of an item's path."""
    return (
        _limit("file submitted", DEFAULT_LIMITS.file_bytes, "bytes", "refused whole"),
        _limit("entries of a file", DEFAULT_LIMITS.entries, "entries", "refused whole"),
        _limit("nesting of a file", DEFAULT_LIMITS.depth, "levels", "refused whole"),
        _limit("text of a report", DEFAULT_LIMITS.text_chars, "characters", "refused whole"),
        _limit("one STIX object", MAX_OBJECT_BYTES, "bytes", "that object is refused"),
        _limit("nesting of an object", MAX_DEPTH, "levels", "that object is refused"),
        _limit("treaty file", MAX_TREATY_BYTES, "bytes", "refused"),
        _limit("treaty text that travels", MAX_TEXT_BYTES, "bytes", "not adopted"),
        _limit("items of a batch", MAX_BATCH_ITEMS, "items", "another batch follows"),
        _limit("page of a lane", PAGE_ROWS, "rows", "another page follows"),
        _limit("items asked about per selector", DEFAULT_POSTING_CAP, "items", "the newest are"),
        _limit("items carrying a selector", DEFAULT_CUT_OFF, "items", "too common to be a hit"),
        _limit("body of a TAXII post", MAX_TOOL_BODY_BYTES, "bytes", "413"),
        _limit("objects of a TAXII post", MAX_BUNDLE_OBJECTS, "objects", "422"),
        _limit("page of a TAXII collection", MAX_PAGE_OBJECTS, "objects", "another page follows"),
        _limit("bytes of a TAXII page", MAX_PAGE_BYTES, "bytes", "another page follows"),
        _limit("values of a TAXII filter", MAX_MATCH_VALUES, "values", "400"),
        _limit("requests that wait at a time", MAX_WAITING, "requests", "answered at once"),
        _limit("of one member", MAX_WAITING_OF_ONE, "requests", "the oldest is answered"),
        _limit("wait of a request", MAX_WAIT_S, "seconds", "it is answered"),
        _limit("age of a signed request", WINDOW_S, "seconds", "401"),
        *_of_requests(),
    )


def _of_requests() -> tuple[Limit, ...]:
    """Return the limits of requests and connections; each process keeps its own."""
    return (
        _limit("body of casework", MAX_CASE_BODY_BYTES, "bytes", "413"),
        _limit("page of casework", MAX_LIMIT, "rows", "400"),
        _limit("other bodies", MAX_SMALL_BODY_BYTES, "bytes", "413"),
        _limit("arrival of a body", BODY_TIMEOUT_S, "seconds", "408"),
        _limit("request line with headers", MAX_HEAD_BYTES, "bytes", "431"),
        _limit("header lines", MAX_HEADERS, "lines", "431"),
        _limit("arrival of a request line with headers", int(HEAD_TIMEOUT_S), "seconds", "408"),
        _limit("parameters of a query", MAX_PARAMETERS, "parameters", "400"),
        _limit("until an answer begins", int(MAX_REQUEST_S), "seconds", "503"),
        _limit("answer left unread", int(UNREAD_TIMEOUT_S), "seconds", "the connection is cut"),
        _limit("TLS handshake", int(HANDSHAKE_S), "seconds", "the connection is cut"),
        _limit("idle connection", KEEP_ALIVE_S, "seconds", "it is closed"),
        _limit("requests worked on at a time", MAX_CONCURRENT_CALLS, "requests", "others wait"),
        _limit("requests of one caller", CALLER_PER_S, "a second", "429"),
        _limit("requests of one caller at once", CALLER_BURST, "requests", "429"),
        _limit("requests without key or token", ANONYMOUS_PER_S, "a second", "429"),
        _limit("refused keys and tokens of an address", MAX_REFUSED, "a minute", "429"),
        _limit("connections at a time", MAX_CONNECTIONS, "connections", "503"),
        _limit("of one address", MAX_CONNECTIONS_PER_ADDRESS, "connections", "503"),
    )


def _limit(name: str, value: int, unit: str, beyond: str) -> Limit:
    return Limit(name=name, value=value, unit=unit, beyond=beyond)
