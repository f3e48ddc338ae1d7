"""A TCP proxy in front of a node, which knows who connects and can treat each badly.

Whoever connects is known by the key id in its first signed request; who shows none (a tool, a look
at a letter of credence) is nobody. Bytes are passed on as they are: what nodes say to each other is
never changed here, only lost.
"""

from __future__ import annotations

import random
import re
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

__all__ = ["Fault", "SoakProxy"]

_KEY = re.compile(rb'keyid="(ed25519:[0-9a-f]{16})"')
_CHUNK = 64 * 1024
_PEEK = 16 * 1024


@dataclass
class Fault:
    """How connections are treated.

    Attributes:
        parted: Whose connections are ended at once; ``*`` for everybody's.
        cut: Probability that a connection is cut within what is answered.
        delay_s: How long each piece of an answer is held back.
    """

    parted: set[str] = field(default_factory=set)
    cut: float = 0.0
    delay_s: float = 0.0


class SoakProxy:
    """Listens on a port of its own and passes connections on to a node's.

    Attributes:
        fault: Read anew for each piece; change it at any time.
        cuts: How many connections were cut or refused.
    """

    def __init__(self, *, target: int, members: Mapping[str, str], seed: int) -> None:
        """Listen.

        Args:
            target: Port of the node.
            members: Key id → member; may be filled later.
            seed: For the moments of cuts.
        """
        self.fault = Fault()
        self.cuts = 0
        self._target = target
        self._members = members
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._ended = False
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def part(self, member: str) -> None:
        """Let a member through no more, and end its connections (all, for they are not told apart
        once they stand)."""
        self.fault.parted.add(member)
        self.drop_all()

    def drop_all(self) -> None:
        """Cut every connection now."""
        with self._lock:
            held, self._open = self._open, set()
        for each in held:
            _close(each)
            self.cuts += 1

    def heal(self) -> None:
        """Treat everybody well."""
        self.fault = Fault()

    def close(self) -> None:
        self._ended = True
        _close(self._listening)
        self.drop_all()

    def _accept(self) -> None:
        while not self._ended:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        far: socket.socket | None = None
        try:
            near.settimeout(120)
            head = self._head(near)
            found = _KEY.search(head)
            who = self._members.get(found[1].decode(), "?") if found else "?"
            if not head or {who, "*"} & self.fault.parted:
                self.cuts += 1
                return
            far = socket.create_connection(("127.0.0.1", self._target), timeout=10)
            far.settimeout(120)
            far.sendall(head)
            with self._lock:
                self._open |= {near, far}
            back = threading.Thread(target=self._answers, args=(far, near), daemon=True)
            back.start()
            while data := near.recv(_CHUNK):
                far.sendall(data)
            far.shutdown(socket.SHUT_WR)
            back.join(120)
        except OSError:
            return
        finally:
            with self._lock:
                self._open -= {near, *({far} if far is not None else ())}
            _close(near)
            if far is not None:
                _close(far)

    def _head(self, near: socket.socket) -> bytes:
        head = b""
        while b"\r\n\r\n" not in head and len(head) < _PEEK:
            data = near.recv(_PEEK)
            if not data:
                break
            head += data
        return head

    def _answers(self, far: socket.socket, near: socket.socket) -> None:
        try:
            while data := far.recv(_CHUNK):
                fault = self.fault
                if fault.delay_s:
                    time.sleep(fault.delay_s)
                if fault.cut and self._chance.random() < fault.cut:
                    near.sendall(data[: len(data) // 2])
                    self.cuts += 1
                    break
                near.sendall(data)
        except OSError:
            pass
        finally:
            _close(near)
            _close(far)


def _close(each: socket.socket) -> None:
    with suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()
