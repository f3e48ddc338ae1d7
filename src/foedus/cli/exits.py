"""Exit codes: the one table that translates error codes at this edge.

====  ==============================================================================
code  meaning
====  ==============================================================================
0     done
1     refused: a rule, a missing step, a conflict or an unusable file; the message says which
2     the command line was not understood
3     nothing here has that number, id or name
4     a proof, signature or file does not hold
5     a peer could not be reached
6     the user lacks the role
7     done in part: a lane stands still, figures disagree, or a check found faults
8     storage failed: disk full, database locked or damaged
70    a fault in Foedus itself; please report it
====  ==============================================================================
"""

from __future__ import annotations

from enum import IntEnum

from foedus.errors import FoedusError

__all__ = ["EXIT_OF_CODE", "Exit", "exit_of"]


class Exit(IntEnum):
    """What the process says to its caller."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    NOT_FOUND = 3
    NOT_PROVED = 4
    UNREACHABLE = 5
    DENIED = 6
    PARTIAL = 7
    STORAGE = 8
    FAULT = 70


EXIT_OF_CODE: dict[str, Exit] = {
    "foedus": Exit.REFUSED,
    "access": Exit.REFUSED,
    "access.denied": Exit.DENIED,
    "canonical": Exit.REFUSED,
    "casework": Exit.REFUSED,
    "client": Exit.REFUSED,
    "client.unreachable": Exit.UNREACHABLE,
    "clock.instant": Exit.REFUSED,
    "demo": Exit.REFUSED,
    "intake": Exit.REFUSED,
    "ledger": Exit.NOT_PROVED,
    "model": Exit.REFUSED,
    "node": Exit.REFUSED,
    "node.integrity": Exit.NOT_PROVED,
    "node.head": Exit.NOT_PROVED,
    "node.erased": Exit.NOT_FOUND,
    "node.not-found": Exit.NOT_FOUND,
    "node.peer": Exit.UNREACHABLE,
    "release": Exit.REFUSED,
    "settings": Exit.REFUSED,
    "signing": Exit.NOT_PROVED,
    "store": Exit.STORAGE,
    "treaty": Exit.REFUSED,
    "exchange": Exit.REFUSED,
}
"""Error code → exit code. A code not named here takes the entry of its longest dotted prefix."""


def exit_of(error: FoedusError) -> Exit:
    """Return the exit code of an error; every code has an entry by its prefix."""
    code = error.code
    while code:
        if code in EXIT_OF_CODE:
            return EXIT_OF_CODE[code]
        code = code.rpartition(".")[0]
    return Exit.FAULT
