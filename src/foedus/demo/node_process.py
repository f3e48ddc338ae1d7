"""One member's node as a user runs it: commands of the real command line, a server of its own."""

from __future__ import annotations

import http.client
import json
import ssl
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from foedus.demo.errors import CommandFailedError, NodeEndedError
from foedus.demo.members import Member

__all__ = ["HOST", "USER", "Answer", "NodeProcess", "run_foedus"]

HOST: Final = "127.0.0.1"
USER: Final = "admin"
"""Who acts at a node where nothing asks for somebody else; a real node keeps duties apart."""

COMMAND_TIMEOUT_S: Final = 600
START_TIMEOUT_S: Final = 60
STOP_TIMEOUT_S: Final = 20

_POLL_S: Final = 0.05
_SHOWN_LINES: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one command said.

    Attributes:
        document: Its JSON; empty when it printed none.
        exit: Its exit code.
        words: What it told people on standard error.
    """

    document: Mapping[str, Any]
    exit: int
    words: str


def run_foedus(arguments: Sequence[str], *, accept: Collection[int] = (0,)) -> Answer:
    """Run the command line once, in a process of its own.

    Args:
        arguments: Everything after ``foedus``.
        accept: Exit codes that are no failure here.

    Raises:
        CommandFailedError: It ended with another code, took too long or printed no JSON.
    """
    shown = "foedus " + " ".join(arguments)
    try:
        done = subprocess.run(  # noqa: S603  # our own program, arguments as a list
            [sys.executable, "-m", "foedus", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CommandFailedError(f"`{shown}` took over {COMMAND_TIMEOUT_S} s") from error
    if done.returncode not in accept:
        raise CommandFailedError(f"`{shown}` ended with {done.returncode}:\n{_last(done.stderr)}")
    try:
        document = json.loads(done.stdout) if done.stdout.strip() else {}
    except json.JSONDecodeError as error:
        raise CommandFailedError(f"`{shown}` printed something else than JSON") from error
    return Answer(document=document, exit=done.returncode, words=done.stderr.strip())


@dataclass(slots=True, kw_only=True)
class NodeProcess:
    """A node: its data directory, the port it serves on, its server while it runs.

    Attributes:
        letter: File its letter of credence is written to.
        log: File the server's own words go to.
    """

    member: Member
    data: Path
    port: int
    letter: Path
    log: Path
    _server: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        """Base URL of the node."""
        return f"https://{HOST}:{self.port}"

    def run(self, *arguments: str, accept: Collection[int] = (0,), user: str = USER) -> Answer:
        """Run one command on this node's data directory, printing JSON.

        Args:
            arguments: The command and what it is given.
            accept: Exit codes that are no failure here.
            user: Who acts.

        Raises:
            CommandFailedError: As :func:`run_foedus`.
        """
        return run_foedus(
            ["--data", str(self.data), "--as", user, "--json", *arguments], accept=accept
        )

    def start(self) -> None:
        """Start the server in the background; :meth:`await_ready` waits for it."""
        with self.log.open("ab") as log:
            self._server = subprocess.Popen(  # noqa: S603  # our own program, arguments as a list
                [sys.executable, "-m", "foedus", "--data", str(self.data), "serve"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C at the terminal reaches the demo, which then ends its nodes in order.
                start_new_session=True,
            )

    def await_ready(self) -> None:
        """Wait until the node answers.

        Raises:
            NodeEndedError: Its process ended, or it does not answer in time.
        """
        until = time.monotonic() + START_TIMEOUT_S
        while not self._answers():
            self.check_alive()
            if time.monotonic() > until:
                raise NodeEndedError(
                    f"the node of {self.member.code} does not answer at {self.address}"
                )
            time.sleep(_POLL_S)

    def check_alive(self) -> None:
        """Raise NodeEndedError if the server is not running."""
        if self._server is None or self._server.poll() is None:
            return
        raise NodeEndedError(
            f"the node of {self.member.code} ended by itself (exit {self._server.returncode}) and "
            f"last said:\n{_last(self.log.read_text(encoding='utf-8', errors='replace'))}"
        )

    def end(self) -> None:
        """Ask the server to end; :meth:`await_end` waits for it."""
        if self._server is not None and self._server.poll() is None:
            self._server.terminate()

    def await_end(self) -> None:
        """Wait until the server ended; kill it if it takes too long."""
        if self._server is not None:
            try:
                self._server.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.kill()
            self._server = None

    def kill(self) -> None:
        """End the server at once."""
        if self._server is not None and self._server.poll() is None:
            self._server.kill()
            self._server.wait()

    def _answers(self) -> bool:
        # Whether it answers is asked here, not who: between nodes the keys are pinned.
        anyone = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(HOST, self.port, timeout=5, context=anyone)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == http.client.OK
        except OSError:
            return False
        finally:
            connection.close()


def _last(text: str) -> str:
    """Return the last lines of what a process said, indented."""
    lines = text.strip().splitlines()[-_SHOWN_LINES:] or ["(nothing)"]
    return "\n".join(f"  {line}" for line in lines)
