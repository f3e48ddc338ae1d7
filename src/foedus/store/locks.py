"""Locks between the processes of one node, as files; they end with their process."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from foedus.store.errors import StoreLockedError

__all__ = ["exclusive", "is_held"]


@contextmanager
def exclusive(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold a lock file exclusively.

    Args:
        path: The lock file; made if absent, never removed.
        wait: Whether to wait for another holder.

    Raises:
        StoreLockedError: Another process holds it and ``wait`` is false, or it cannot be opened.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        reason = f"the lock {path.name} cannot be opened: {error.strerror}"
        raise StoreLockedError(reason) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise StoreLockedError(f"another process holds the lock {path.name}") from error
    try:
        yield
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether somebody holds a lock file exclusively; those who only ask do not hinder another.

    Raises:
        StoreLockedError: It cannot be opened.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        reason = f"the lock {path.name} cannot be opened: {error.strerror}"
        raise StoreLockedError(reason) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
