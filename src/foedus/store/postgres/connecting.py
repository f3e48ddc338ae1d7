"""Connections to PostgreSQL, each made the same way.

What is bound and read is as in SQLite: whole numbers are ``bigint``, truth is 0 or 1, text cannot
hold NUL (it becomes U+FFFD), and values travel in binary.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeAlias

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap, Dumper, Loader
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Format
from psycopg.types.numeric import Int8BinaryDumper
from psycopg.types.string import StrBinaryDumper

from foedus.store.errors import StoreAwayError, StoreError
from foedus.store.postgres.refusals import translated
from foedus.store.postgres.rewriting import TextArray, WholeArray

__all__ = ["Connection", "connect", "mortal"]

Connection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

CONNECT_TIMEOUT_S = 10
_IDLE_S = 10
_PROBE_S = 5
_PROBES = 3
_UNHEARD_MS = 25_000
"""After which silence each side gives a connection up: probes after idling, and data not heard."""

_BIGINTS = 1016
_TEXTS = 1009
_MIN_VERSION = 150000
_NO_NUL = "\ufffd"


class _Text(StrBinaryDumper):
    def dump(self, obj: str) -> Buffer | None:
        return super().dump(obj.replace("\0", _NO_NUL) if "\0" in obj else obj)


class _WholeArray(Dumper):
    format = Format.TEXT
    oid = _BIGINTS

    def dump(self, obj: str) -> Buffer | None:
        return obj.encode()


class _TextArray(Dumper):
    format = Format.TEXT
    oid = _TEXTS

    def dump(self, obj: str) -> Buffer | None:
        return (obj.replace("\0", _NO_NUL) if "\0" in obj else obj).encode()


class _WholeNumeric(Loader):
    """The sum of whole numbers is a whole number."""

    def load(self, data: Buffer) -> int:
        return int(bytes(data))


@lru_cache(maxsize=1)
def _adapters() -> AdaptersMap:
    adapters = AdaptersMap(psycopg.adapters)
    for whole in (int, bool):
        adapters.register_dumper(whole, Int8BinaryDumper)
    adapters.register_dumper(str, _Text)
    adapters.register_dumper(WholeArray, _WholeArray)
    adapters.register_dumper(TextArray, _TextArray)
    return adapters


def mortal(given: dict[str, Any]) -> dict[str, Any]:
    """Return what an address says, so that a connection ends where the network has vanished.

    On this side by libpq's settings; on the server's by the session's, since it is the server that
    keeps the locks of a writer of whom nothing is heard any more. What the address says stands.
    """
    ours = {
        "keepalives": 1,
        "keepalives_idle": _IDLE_S,
        "keepalives_interval": _PROBE_S,
        "keepalives_count": _PROBES,
        "tcp_user_timeout": _UNHEARD_MS,
    }
    theirs = (
        f"-c tcp_keepalives_idle={_IDLE_S} -c tcp_keepalives_interval={_PROBE_S}"
        f" -c tcp_keepalives_count={_PROBES} -c tcp_user_timeout={_UNHEARD_MS}"
    )
    # In `options` what comes later counts.
    return {**ours, **given, "options": f"{theirs} {given.get('options') or ''}".strip()}


def connect(url: str, *, lock_timeout_s: float) -> Connection:
    """Open a connection.

    Args:
        url: Where to; never told in an error, for it may hold a password.
        lock_timeout_s: How long a statement waits for another writer.

    Raises:
        StoreError: There is no such server, it refuses, or it is older than PostgreSQL 15.
    """
    try:
        given = conninfo_to_dict(url)
    except psycopg.Error:
        # What is malformed may be the password.
        raise StoreAwayError("FOEDUS_DATABASE_URL is no PostgreSQL address") from None
    given.setdefault("connect_timeout", CONNECT_TIMEOUT_S)
    given.setdefault("application_name", "foedus")
    given["client_encoding"] = "UTF8"
    given = mortal(given)
    try:
        connection = psycopg.connect(
            make_conninfo("", **given),
            autocommit=True,
            prepare_threshold=2,
            cursor_factory=psycopg.RawCursor,
            context=_adapters_context(),
        )
    except psycopg.Error as error:
        raise _unreached(error) from None
    connection.prepared_max = 1000
    try:
        if connection.info.server_version < _MIN_VERSION:
            raise StoreAwayError("the database server is older than PostgreSQL 15")
        connection.execute(
            # Numbers of our own. A commit is durable whatever the server's default is.
            f"SET lock_timeout = {int(lock_timeout_s * 1000):d}; SET jit = off;"
            " SET standard_conforming_strings = on;"
            " SELECT set_config('synchronous_commit', 'on', false)"
            " WHERE current_setting('synchronous_commit') = 'off'"
        )
    except psycopg.Error as error:
        connection.close()
        raise translated(error) from error
    except StoreError:
        connection.close()
        raise
    return connection


def _unreached(error: psycopg.Error) -> StoreError:
    """Say why there is no connection, without the address."""
    text = str(error)
    for part, told in (
        ("authentication", "the database server refuses the user or the password"),
        ("does not exist", "the database server knows no such database or user"),
        ("starting up", "the database server is still starting"),
        ("too many", "the database server takes no more connections"),
        ("timeout", "the database server does not answer"),
        ("certificate", "the database server's certificate is not trusted"),
    ):
        if part in text:
            return StoreAwayError(told)
    return StoreAwayError("the database server cannot be reached")


def _adapters_context() -> psycopg.abc.AdaptContext:
    return _Context()


class _Context:
    """Brings our adapters to a connection."""

    connection = None

    @property
    def adapters(self) -> AdaptersMap:
        return _adapters()
