"""Servers to measure: a Foedus node as it ships, and peers, each on an empty store of its own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foedus.cli.app import run

__all__ = ["Server", "bare", "foedus", "medallion", "opentaxii"]

Target = dict[str, Any]
"""How the suite is told of a server: its flags' names."""

_START_S = 60


@dataclass(frozen=True, kw_only=True)
class Server:
    """One server that can be started.

    Attributes:
        name: What the table calls it.
        start: Starts it on an empty store in a folder; yields what the suite is told of it.
        most: Most objects it is given.
    """

    name: str
    start: Callable[[Path], contextlib.AbstractContextManager[Target]]
    most: int = 10_000_000


def foedus(*, tls: bool = False, processes: int = 1) -> Server:
    """Return a node under ``foedus serve``."""

    @contextmanager
    def start(folder: Path) -> Iterator[Target]:
        port = _free_port()
        data = folder / "node"
        base = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        _command(
            "--data", str(data), "init", "--member", "XA", "--name", "Bench", "--address", base,
            "--port", str(port), "--exercise", "--pull-interval", "0",
        )  # fmt: skip
        _command("--data", str(data), "--as", "admin", "collections", "create", "bench")
        token = _command(
            "--data", str(data), "--as", "admin", "token", "create", "--user", "admin",
            "--grant", "bench=rw",
        )["secret"]  # fmt: skip
        line = [sys.executable, "-m", "foedus", "--data", str(data), "--as", "admin", "serve",
                "--port", str(port)]  # fmt: skip
        if processes > 1:
            line += ["--processes", str(processes)]
        with _process(line, folder, {}) as server:
            _await(port, server)
            target: Target = {"api_root": f"{base}/tools/", "collection": "bench", "token": token}
            if tls:
                [certificate] = (data / "keys").glob("tls*.crt")
                target["cafile"] = str(certificate)
            yield {**target, "pid": server.pid}

    name = "Foedus" + (" TLS" if tls else "") + (f" x{processes}" if processes > 1 else "")
    return Server(name=name, start=start)


def opentaxii(venv: Path, suite: Path) -> Server:
    """Return OpenTAXII under gunicorn with two workers, as its documentation starts it."""

    @contextmanager
    def start(folder: Path) -> Iterator[Target]:
        port = _free_port()
        line = ["sh", str(suite / "peers" / "start_opentaxii.sh"), str(venv), str(port),
                str(folder / "state")]  # fmt: skip
        with _process(line, folder, {}) as server:
            _await(port, server)
            said = (folder / "out.log").read_text()
            root = next(line.split()[-1] for line in said.splitlines() if "api root:" in line)
            base = f"http://127.0.0.1:{port}"
            yield {
                "api_root": base + root,
                "collection": "bench",
                "user": "admin",
                "password": "Password0",
                "token_login": f"{base}/management/auth",
                "pid": server.pid,
            }

    return Server(name="OpenTAXII", start=start)


def medallion(venv: Path, suite: Path) -> Server:
    """Return medallion on its memory back end; its reading is quadratic, so it gets few objects."""

    @contextmanager
    def start(folder: Path) -> Iterator[Target]:
        port = _free_port()
        line = ["sh", str(suite / "peers" / "start_medallion.sh"), str(venv), str(port)]
        with _process(line, folder, {}) as server:
            _await(port, server)
            yield {
                "api_root": f"http://127.0.0.1:{port}/bench/",
                "collection": "22222222-2222-4222-8222-222222222222",
                "user": "admin",
                "password": "Password0",
                "pid": server.pid,
            }

    return Server(name="medallion", start=start, most=1_000)


@contextmanager
def bare(body: bytes, folder: Path) -> Iterator[str]:
    """Serve one constant answer by the same HTTP server with nothing behind it; yield its URL."""
    port = _free_port()
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / "body"
    place.write_bytes(body)
    line = [sys.executable, "-m", "bench.taxii_targets", str(port), str(place)]
    with _process(line, folder, {}) as server:
        _await(port, server)
        yield f"http://127.0.0.1:{port}/"


def _answer_always(port: int, body: bytes) -> None:
    from foedus.exchange.run import bind, serve  # noqa: PLC0415  # in the process of its own only

    headers = [
        (b"content-type", b"application/taxii+json;version=2.1"),
        (b"content-length", str(len(body)).encode()),
    ]

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    serve(app, bind("127.0.0.1", port))


def _command(*arguments: str) -> dict[str, Any]:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()) as err:
        code = run(["--json", *arguments])
    if int(code):
        raise RuntimeError(err.getvalue())
    found: dict[str, Any] = json.loads(out.getvalue() or "{}")
    return found


@contextmanager
def _process(
    line: list[str], folder: Path, more: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server; at the end it and its children are ended by their group."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "out.log").open("wb") as out:
        server = subprocess.Popen(
            line,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **more},
        )
        try:
            yield server
        finally:
            os.killpg(server.pid, signal.SIGTERM)
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait(10)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _await(port: int, server: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + _START_S
    while time.monotonic() < end:
        if server.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            with contextlib.suppress(urllib.error.URLError, OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)
            return
        time.sleep(0.05)
    raise RuntimeError(f"{server.args!r} does not answer")


if __name__ == "__main__":
    _answer_always(int(sys.argv[1]), Path(sys.argv[2]).read_bytes())
