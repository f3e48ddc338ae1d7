"""Several equal processes behind one port, looked after by one that does nothing else.

* The parent binds once; every child listens on the same socket, and the system hands each
  connection to one of them. The parent opens no store and starts no thread, so that it can make
  another child at any time.
* A child that ends is replaced, at once at first, then after a pause that doubles while children do
  not live for long.
* On SIGTERM or SIGINT the parent asks the children to end and waits; whoever is left after the
  grace is killed.
* A child notices the end of its parent, however it ended, by a pipe, and ends too.

Which child leads is not the parent's business: see :mod:`foedus.cli.leading`.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from errno import EADDRINUSE
from socket import socket
from typing import TYPE_CHECKING, Final, NoReturn

import click

from foedus.cli.exits import Exit, exit_of
from foedus.cli.output import say
from foedus.errors import FoedusError
from foedus.exchange.errors import BindError
from foedus.exchange.run import GRACE_S, bind
from foedus.settings import Settings

if TYPE_CHECKING:
    from foedus.compose import Wired

__all__ = ["STOP_S", "Supervisor", "serve_node"]

_LOG = logging.getLogger("foedus")

STOP_S: Final = GRACE_S + 20.0
"""How long the children may take to end before they are killed, in seconds."""

_TAKEN_S: Final = 3.0
"""How long an address that is taken is tried again, in seconds."""

_LONG_S: Final = 10.0
"""A child that lived for so long is replaced at once."""

_FIRST_PAUSE_S: Final = 0.1
_LONGEST_PAUSE_S: Final = 10.0
_WATCHED: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)


def serve_node(settings: Settings, *, port: int, processes: int) -> int:
    """Serve a node with one process, or with several under a parent, until told to end.

    Returns:
        The exit code.

    Raises:
        BindError: The address cannot be listened on.
        FoedusError: The node cannot be opened.
    """
    from foedus.cli.recovery import stop_if_behind  # noqa: PLC0415  # heavy
    from foedus.cli.serving import run  # noqa: PLC0415
    from foedus.clock import SystemClock  # noqa: PLC0415
    from foedus.compose import open_node, server_tls  # noqa: PLC0415

    def look() -> int:
        with closing(open_node(settings)) as wired:
            stop_if_behind(wired)
            _tell_faults(wired)
        return Exit.DONE

    def work() -> int:
        with closing(open_node(settings)) as wired:
            run(wired, listening)
        return Exit.DONE

    tls = settings.proxy_tls or server_tls(settings, SystemClock()) is not None
    with _bound(settings.host, port, behind_tls_proxy=tls) as listening:
        at = listening.getsockname()[1]
        if processes > 1:
            supervisor = Supervisor(processes, work)
            code = supervisor.once(look)  # in a child, since it starts threads
            if code == Exit.DONE:
                _tell(settings, at, processes)
                supervisor.run()
            return code
        with closing(open_node(settings)) as wired:
            stop_if_behind(wired)
            _tell_faults(wired)
            _tell(settings, at)
            run(wired, listening)
        return Exit.DONE


def _bound(host: str, port: int, *, behind_tls_proxy: bool) -> socket:
    """Listen; whoever is ending there, such as children whose parent was killed, is waited for."""
    end = time.monotonic() + _TAKEN_S
    while True:
        try:
            return bind(host, port, behind_tls_proxy=behind_tls_proxy)
        except BindError as error:
            taken = isinstance(error.__cause__, OSError) and error.__cause__.errno == EADDRINUSE
            if not taken or time.monotonic() > end:
                raise
        time.sleep(_TAKEN_S / 20)


def _tell_faults(wired: Wired) -> None:
    """Say for what others will refuse to connect, by the check that ``doctor`` makes."""
    from foedus.cli.wire_findings import own_findings  # noqa: PLC0415  # heavy
    from foedus.node.doctor import FAULT  # noqa: PLC0415

    for each in own_findings(wired):
        if each.level == FAULT:
            say(f"fault: {each.subject}: {each.text}")


def _tell(settings: Settings, port: int, processes: int = 1) -> None:
    many = f" with {processes} processes" if processes > 1 else ""
    say(f"{settings.member} serves on {settings.host}:{port}{many}; stop with Ctrl-C")


@dataclass(slots=True)
class _Place:
    """Where one child stands, or will.

    Attributes:
        pid: The child; 0 for none.
        begun: When it was started.
        pause_s: How long to wait before its successor is.
        due: When its successor is.
    """

    pid: int = 0
    begun: float = 0.0
    pause_s: float = 0.0
    due: float = 0.0


class Supervisor:
    """Keeps a number of children at work. Used from the main thread of a process with no other."""

    def __init__(self, count: int, work: Callable[[], int], *, stop_s: float = STOP_S) -> None:
        """Prepare; nothing is started yet.

        Args:
            count: How many children.
            work: What each does until SIGTERM; returns its exit code.
            stop_s: How long they may take to end, in seconds.
        """
        self._work = work
        self._stop_s = stop_s
        self._places = [_Place() for _ in range(count)]
        self._alive, self._parent = os.pipe()

    def once(self, work: Callable[[], int]) -> int:
        """Do something in a child, wait for its end and return its exit code."""
        pid = self._child(work)
        _, status = os.waitpid(pid, 0)
        return os.waitstatus_to_exitcode(status)

    def run(self) -> None:
        """Keep the children at work until SIGTERM or SIGINT, then end them all."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
        try:
            while True:
                wait_s = self._start_due()
                told = signal.sigtimedwait(_WATCHED, wait_s)
                if told is not None and told.si_signo != signal.SIGCHLD:
                    break
                self._bury()
        finally:
            self._end()
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _start_due(self) -> float:
        """Start every child that is due; return how long until the next is, in seconds."""
        now = time.monotonic()
        wait_s = 60.0
        for place in self._places:
            if place.pid:
                continue
            if place.due > now:
                wait_s = min(wait_s, place.due - now)
                continue
            place.pid, place.begun = self._child(self._work), now
        return wait_s

    def _bury(self) -> None:
        """Take note of the children that ended."""
        now = time.monotonic()
        for place in self._places:
            if not place.pid:
                continue
            pid, status = os.waitpid(place.pid, os.WNOHANG)
            if not pid:
                continue
            lived = now - place.begun
            if lived >= _LONG_S:
                place.pause_s = 0.0
            elif place.pause_s:
                place.pause_s = min(_LONGEST_PAUSE_S, place.pause_s * 2)
            else:
                place.pause_s = _FIRST_PAUSE_S
            place.pid, place.due = 0, now + place.pause_s
            code = os.waitstatus_to_exitcode(status)
            _LOG.warning("worker=serve pid=%d ended with %d after %.1f s", pid, code, lived)

    def _end(self) -> None:
        for place in self._places:
            if place.pid:
                os.kill(place.pid, signal.SIGTERM)
        end = time.monotonic() + self._stop_s
        while any(place.pid for place in self._places):
            left = end - time.monotonic()
            if left <= 0:
                break
            signal.sigtimedwait((signal.SIGCHLD,), left)
            self._bury()
        for place in self._places:
            if place.pid:
                os.kill(place.pid, signal.SIGKILL)
                os.waitpid(place.pid, 0)

    def _child(self, work: Callable[[], int]) -> int:
        """Start a child and return its process id."""
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid:
            return pid
        code = int(Exit.FAULT)
        try:
            os.close(self._parent)
            random.seed()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
            threading.Thread(target=self._watch, name="foedus-parent", daemon=True).start()
            code = _outcome(work)
        finally:
            _exit(code)
        raise AssertionError  # never reached

    def _watch(self) -> None:
        """End with the parent: the pipe ends when nobody can write to it any more."""
        while os.read(self._alive, 1):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(self._stop_s)
        os.kill(os.getpid(), signal.SIGKILL)


def _outcome(work: Callable[[], int]) -> int:
    try:
        return work()
    except FoedusError as error:
        click.echo(f"foedus: {error}", err=True)
        return exit_of(error)


def _exit(code: int) -> NoReturn:
    """End a child, without what its parent would do at its end."""
    error = sys.exc_info()[1]
    if error is not None:
        sys.excepthook(type(error), error, error.__traceback__)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
