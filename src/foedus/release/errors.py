"""What can go wrong when a release is decided, made, recorded or checked.

A denial is no error: it is a value (:class:`foedus.release.decide.Decision`). An error means that
no decision was reached or that something handed in is not what it must be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from foedus.errors import FoedusError

__all__ = [
    "ApprovalError",
    "BlockError",
    "CompileFault",
    "CompileFaults",
    "ConsentError",
    "DisclosureError",
    "EngineError",
    "GateError",
    "ProtocolActError",
    "RedactionError",
    "ReleaseError",
]


class ReleaseError(FoedusError):
    """Base of the errors of this folder."""

    code: ClassVar[str] = "release"


class EngineError(ReleaseError):
    """The policy engine gave no clean answer; whoever asked must deny."""

    code: ClassVar[str] = "release.engine"


class BlockError(ReleaseError):
    """A machine rule cannot be read, or is refused before the engine sees it."""

    code: ClassVar[str] = "release.block"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileFault:
    """One thing wrong with the machine rules of a treaty.

    Attributes:
        article: The article under which the rule stands.
        policy: The rule's id (``7/2``), or empty where a whole block cannot be read.
        reason: What is wrong, in words.
        line: Line of the treaty's file, from 1; 0 where it is not known.
        column: Character of that line, from 1; 0 where it is not known.
    """

    article: str
    policy: str
    reason: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        line = f"line {self.line}: " if self.line else ""
        where = f"rule {self.policy}" if self.policy else f"article {self.article}"
        return f"{line}{where}: {self.reason}"


class CompileFaults(ReleaseError):  # noqa: N818 - it is the list of faults
    """The machine rules of a treaty cannot be run; every fault found is listed.

    Attributes:
        faults: At least one, in the order of the treaty.
    """

    code: ClassVar[str] = "release.compile"

    def __init__(self, faults: tuple[CompileFault, ...]) -> None:
        super().__init__("; ".join(str(fault) for fault in faults))
        self.faults = faults


class DisclosureError(ReleaseError):
    """A disclosure, a batch record or an item record is malformed or contradicts itself."""

    code: ClassVar[str] = "release.disclosure"


class RedactionError(ReleaseError):
    """What must be removed cannot be removed cleanly: the item is withheld with this reason."""

    code: ClassVar[str] = "release.redaction"


class GateError(ReleaseError):
    """The gate was asked for something it never does, or something tried to go around it."""

    code: ClassVar[str] = "release.gate"


class ProtocolActError(GateError):
    """A document is no protocol act, or may not travel in the lane named."""

    code: ClassVar[str] = "release.protocol"


class ApprovalError(ReleaseError):
    """A record of approval is malformed, or not signed by the node it speaks for."""

    code: ClassVar[str] = "release.approval"


class ConsentError(ReleaseError):
    """A record of consent is malformed, or not signed by the originator."""

    code: ClassVar[str] = "release.consent"
