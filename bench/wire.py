"""What TLS costs a node: handshakes, and pages over connections that are kept.

Run ``python -m bench.wire``. One server process with the limits of a node in front answers from
memory, with TLS and without, in turns in one run; figures are processor time of server and client
together with what passed by the clock, since other work on the machine moves only the latter.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import socket
import ssl
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.process import BaseProcess
from pathlib import Path

from starlette.types import Receive, Scope, Send

from foedus.exchange.connections import check_pinned
from foedus.exchange.own_tls import CertificateFiles, ServerTLS, make_pair
from foedus.exchange.run import bind, serve

PAGE_BYTES = 1_200_000
"""A page of 1 000 items of 1.2 KB."""


async def answer(scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer a page, or a little."""
    body = bytes(PAGE_BYTES) if scope["path"] == "/page" else b"ok"
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def serve_forever(folder: str, spki: str, port: int) -> None:
    """Run one server, over TLS when a key is named."""
    tls = None
    if spki:
        shown = next(Path(folder).glob("*.crt"))
        files = CertificateFiles(certificate=shown, key=shown.with_suffix(".key"))
        tls = ServerTLS(lambda: files)
    serve(answer, bind("127.0.0.1", port), tls=tls)


@dataclass
class Server:
    """One server process."""

    process: BaseProcess
    port: int
    spki: str

    def cpu_s(self) -> float:
        """Processor time it took so far, in seconds."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def connect(self) -> socket.socket:
        """Open one connection as a node does: its key is compared before anything is sent."""
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as every client of HTTP does
        if not self.spki:
            return plain
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        secure = context.wrap_socket(plain)
        shown = secure.getpeercert(binary_form=True) or b""
        check_pinned(shown, frozenset({self.spki}), who="bench", now=datetime.now(UTC))
        return secure

    def get(self, opened: socket.socket, path: str, size: int) -> None:
        """Ask once and read the whole answer."""
        opened.sendall(f"GET {path} HTTP/1.1\r\nhost: here\r\n\r\n".encode())
        read = b""
        while b"\r\n\r\n" not in read:
            read += opened.recv(65536)
        left = size - len(read.partition(b"\r\n\r\n")[2])
        while left > 0:
            left -= len(opened.recv(262_144))


def started(folder: str, spki: str) -> Server:
    """Start one server and wait until it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = multiprocessing.get_context("spawn").Process(
        target=serve_forever, args=(folder, spki, port), daemon=True
    )
    process.start()
    server = Server(process=process, port=port, spki=spki)
    for _ in range(400):
        try:
            server.connect().close()
        except OSError:
            time.sleep(0.05)
        else:
            return server
    raise SystemExit("the server does not answer")


def measured(server: Server, what: str, count: int) -> tuple[float, float, float]:
    """Return (ms passed, ms of the server, ms of the client) for each of so many."""
    server_cpu, own, begun = server.cpu_s(), time.process_time(), time.perf_counter()
    if what == "new connection":
        for _ in range(count):
            with server.connect() as opened:
                server.get(opened, "/little", 2)
    else:
        size = PAGE_BYTES if what == "page" else 2
        with server.connect() as opened:
            for _ in range(count):
                server.get(opened, f"/{what}", size)
    passed = time.perf_counter() - begun
    own = time.process_time() - own
    scale = 1000 / count
    return passed * scale, (server.cpu_s() - server_cpu) * scale, own * scale


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=1000, help="connections and small requests")
    count = parser.parse_args().count
    with tempfile.TemporaryDirectory() as folder:
        now = datetime.now(UTC)
        own = make_pair(Path(folder), "127.0.0.1", now=now, shown_from=now)
        servers = {"plain": started(folder, ""), "TLS": started(folder, own.pin.spki)}
        print(f"{'':16}{'':8}{'ms passed':>12}{'ms server':>12}{'ms client':>12}")
        for what, times in (("new connection", count), ("little", count * 5), ("page", count // 5)):
            for name, server in servers.items():
                figures = "".join(f"{each:12.3f}" for each in measured(server, what, times))
                print(f"{what:16}{name:8}{figures}")
        for server in servers.values():
            server.process.terminate()
            server.process.join(20)


if __name__ == "__main__":
    main()
