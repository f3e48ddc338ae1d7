"""Errors of the demo: something outside it stood in the way."""

from __future__ import annotations

from typing import ClassVar

from foedus.errors import FoedusError

__all__ = ["CommandFailedError", "DemoError", "DirectoryError", "NodeEndedError", "PortError"]


class DemoError(FoedusError):
    """Base of the errors of the demo."""

    code: ClassVar[str] = "demo"


class CommandFailedError(DemoError):
    """A command of a node ended otherwise than it must; the message says which, and its words."""

    code: ClassVar[str] = "demo.command"


class DirectoryError(DemoError):
    """The directory for the data cannot be used."""

    code: ClassVar[str] = "demo.directory"


class NodeEndedError(DemoError):
    """The process of a node ended, or never answered."""

    code: ClassVar[str] = "demo.node-ended"


class PortError(DemoError):
    """A port is taken, or out of range."""

    code: ClassVar[str] = "demo.port"
