"""A node under ``foedus serve``, and what tools send to it and get from it."""

from __future__ import annotations

import base64
import contextlib
import io
import itertools
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import httpx
import pytest

from foedus import compose
from foedus.cli.app import run
from foedus.settings import Environment

TAXII: Final = "application/taxii+json;version=2.1"
STIX: Final = "application/stix+json;version=2.1"
FIRST: Final = "x-taxii-date-added-first"
LAST: Final = "x-taxii-date-added-last"
SIX_DIGITS: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")
ROOT: Final = "/tools/"
START_TRIES: Final = 400
USER: Final = "admin"

NO_TRUST: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For plain HTTP; a client would otherwise read every authority of the machine first."""

Document = dict[str, Any]


def sign(number: int, *, version: int = 0, **more: Any) -> Document:
    """Return an indicator; a higher version was modified later, and has other digits."""
    created = "2026-11-01T08:00:00.000Z"
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--00000000-0000-4000-8000-{number:012d}",
        "created": created,
        "modified": created if not version else f"2026-11-{version + 1:02d}T08:00:00.120Z",
        "name": f"Sign {number}",
        "pattern": f"[ipv4-addr:value = '192.0.2.{number % 256}']",
        "pattern_type": "stix",
        "valid_from": created,
        **more,
    }


def address(number: int) -> Document:
    """Return an observable, which has neither ``created`` nor ``modified``."""
    return {
        "type": "ipv4-addr",
        "spec_version": "2.1",
        "id": f"ipv4-addr--00000000-0000-5000-8000-{number:012d}",
        "value": f"198.51.100.{number % 256}",
    }


def statement(number: int) -> Document:
    """Return a marking, which has ``created`` and no ``modified``."""
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": f"marking-definition--00000000-0000-4000-8000-{number:012d}",
        "created": "2026-10-01T00:00:00.000Z",
        "definition_type": "statement",
        "definition": {"statement": "For tests"},
    }


def ids_of(answer: httpx.Response) -> list[str]:
    """Return the ids of an envelope or a manifest, in order."""
    return [each["id"] for each in answer.json().get("objects", [])]


def encoded(objects: Sequence[Document | bytes]) -> bytes:
    """Return an envelope; objects given as bytes stand in it as they are."""
    parts = [each if isinstance(each, bytes) else json.dumps(each).encode() for each in objects]
    return b'{"objects":[' + b",".join(parts) + b"]}"


def basic(user: str, password: str) -> str:
    """Return the header of HTTP Basic."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@dataclass(frozen=True, kw_only=True)
class Place:
    """One collection, as one tool sees it."""

    http: httpx.Client
    name: str
    id: str
    token: str = field(repr=False)

    @property
    def url(self) -> str:
        return f"{ROOT}collections/{self.id}/"

    def ask(self, method: str, path: str, **headers: str) -> httpx.Response:
        """Send one request; a header given as "" is left out, underscores are hyphens."""
        return self.call(method, path, headers)

    def call(
        self, method: str, path: str, headers: Mapping[str, str], content: bytes | None = None
    ) -> httpx.Response:
        sent = {"accept": TAXII, "authorization": f"Bearer {self.token}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        kept = {name: value for name, value in sent.items() if value}
        request = self.http.build_request(method, path, content=content)
        request.headers.pop("accept", None)
        request.headers.pop("accept-encoding", None)
        request.headers.update(kept)
        return self.http.send(request)

    def get(self, rest: str = "", **headers: str) -> httpx.Response:
        """Get something of this collection."""
        return self.ask("GET", self.url + rest, **headers)

    def post(self, objects: Sequence[Document | bytes], **headers: str) -> httpx.Response:
        """Post an envelope of objects."""
        return self.send(encoded(objects), **headers)

    def send(self, body: bytes, **headers: str) -> httpx.Response:
        """Post a body as it is."""
        sent = {"content_type": TAXII, **headers}
        return self.call("POST", self.url + "objects/", sent, body)

    def put(self, *objects: Document | bytes) -> Document:
        """Post objects that must all succeed, and return the status."""
        answer = self.post(objects)
        assert answer.status_code == 202, answer.text
        status: Document = answer.json()
        assert status["success_count"] == len(objects), status
        return status

    def delete(self, rest: str, **headers: str) -> httpx.Response:
        """Delete something of this collection."""
        return self.ask("DELETE", self.url + rest, **headers)

    def dates(self) -> list[str]:
        """Return when each version was added, in order."""
        answer = self.get("manifest/?match[version]=all")
        return [each["date_added"] for each in answer.json().get("objects", [])]


def run_quietly(data: Path, database_url: str, *arguments: str) -> Document:
    """Run one command with ``--json`` in this process; it must succeed.

    Args:
        data: The node's data directory.
        database_url: Where its store is; "" for a file in its data directory.
        arguments: What follows.
    """
    out = io.StringIO()
    environment = Environment(data=data, user="", database_url=database_url)
    with (
        # A test may have said another place for nodes made in this process.
        patch.object(compose, "_environment", lambda _settings: environment),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(io.StringIO()) as err,
    ):
        code = run(["--json", "--data", str(data), *arguments])
    assert int(code) == 0, err.getvalue()
    found: Document = json.loads(out.getvalue() or "{}")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@dataclass(kw_only=True)
class Served:
    """A node under ``foedus serve``, and the command line to prepare it."""

    base: str
    data: Path
    http: httpx.Client
    database_url: str = ""
    serial: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def command(self, *arguments: str) -> Document:
        return run_quietly(self.data, self.database_url, "--as", USER, *arguments)

    def create(self, name: str = "") -> str:
        """Create a collection and return its name."""
        name = name or f"case{next(self.serial)}"
        self.command("collections", "create", name, "--title", f"Title of {name}")
        return name

    def token(self, *grants: str, user: str = USER) -> str:
        """Return the secret of a new token with these grants, such as ``case1=rw``."""
        options = [part for grant in grants for part in ("--grant", grant)]
        secret: str = self.command("token", "create", "--user", user, *options)["secret"]
        return secret

    def place(self, name: str, token: str) -> Place:
        """Return a collection by its alias, as the tool with a token sees it."""
        answer = self.http.get(
            f"{ROOT}collections/", headers={"accept": TAXII, "authorization": f"Bearer {token}"}
        )
        found = {each["alias"]: each["id"] for each in answer.json().get("collections", [])}
        return Place(http=self.http, name=name, id=found[name], token=token)

    def fresh(self, rights: str = "rw") -> Place:
        """Return an empty collection of its own, and a token for it alone."""
        name = self.create()
        return self.place(name, self.token(f"{name}={rights}"))

    def connections(self, place: Place, count: int = 20, *, of: str = "") -> Iterator[Place]:
        """Yield a collection over so many new connections, which any process may take.

        Args:
            place: The collection.
            count: How many.
            of: The caller's own address, such as ``127.0.0.2``. Whoever is refused often should
                have one of its own, since after that no new token is taken from there for a while.
        """
        for _ in range(count):
            way = httpx.HTTPTransport(verify=NO_TRUST, local_address=of or None)
            with httpx.Client(base_url=self.base, timeout=60, transport=way) as http:
                yield Place(http=http, name=place.name, id=place.id, token=place.token)

    def with_token(self, place: Place, token: str) -> Place:
        """Return the same collection, asked for by another tool."""
        return Place(http=place.http, name=place.name, id=place.id, token=token)


def answers(base: str, trust: ssl.SSLContext | None) -> bool:
    """Say whether a node answers."""
    try:
        answer = httpx.get(f"{base}/health", trust_env=False, verify=trust or NO_TRUST)
    except httpx.TransportError:
        return False
    return answer.status_code == 200


def serve_until_ready(
    data: Path, base: str, trust: ssl.SSLContext | None, database_url: str, *options: str
) -> subprocess.Popen[bytes]:
    """Start ``foedus serve`` in a process of its own and wait until it answers."""
    server = subprocess.Popen(
        [sys.executable, "-m", "foedus", "--data", str(data), "--as", USER, "serve", *options],
        env={**os.environ, "FOEDUS_DATABASE_URL": database_url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    for _ in range(START_TRIES):
        if answers(base, trust):
            return server
        assert server.poll() is None, "the server ended"
        time.sleep(0.05)
    server.kill()
    pytest.fail("the server does not answer")


@contextlib.contextmanager
def serving(
    folder: Path,
    *options: str,
    address: str = "",
    tls: bool = False,
    more: str = "",
    database_url: str = "",
) -> Iterator[Served]:
    """Make a node and serve it.

    Args:
        folder: Where its data directory is made.
        options: Of ``foedus serve``.
        address: What its settings say; where it listens when empty.
        tls: Whether it speaks TLS, with the certificate it makes itself.
        more: Lines added to its settings.
        database_url: Where its store is; a file in its data directory when empty.
    """
    data, port = folder / "XA", free_port()
    base = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    run_quietly(
        data, database_url, "init", "--member", "XA", "--name", "Member XA",
        "--address", address or base, "--port", str(port), "--exercise", "--pull-interval", "0",
    )  # fmt: skip
    with (data / "foedus.toml").open("a", encoding="utf-8") as settings:
        settings.write(more)
    trust: ssl.SSLContext | None = None
    if tls:
        [certificate] = (data / "keys").glob("tls*.crt")
        trust = ssl.create_default_context(cafile=certificate)
    server = serve_until_ready(data, base, trust, database_url, *options)
    try:
        with httpx.Client(
            base_url=base, trust_env=False, timeout=60, verify=trust or NO_TRUST
        ) as http:
            yield Served(base=base, data=data, http=http, database_url=database_url)
    finally:
        end(server)


def end(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(30)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait(10)


@dataclass(frozen=True, kw_only=True)
class Five:
    """The five collections of a usual comparison, and the two tools that use them."""

    conformance: Place
    readonly: Place
    writeonly: Place
    noaccess: str  # its name; no tool but the owner's sees its id
    noaccess_id: str
