"""Foreign formats become drafts: STIX 2.1 objects as bytes, nothing decided, nothing stored.

:func:`read` takes a file as bytes and returns an :class:`IntakeResult` whose counts add up to what
the file holds, or raises :class:`IntakeError` naming file, place and reason. STIX bundles keep the
exact bytes of each object; MISP events, the UN list, reports and tables are written anew, with ids
that follow from the source, so that reading a source again makes nothing new.

:func:`extract` finds selectors in a text by itself.
"""

from foedus.intake.detect import detect, read
from foedus.intake.drafts import (
    Draft,
    Edition,
    Format,
    IntakeContext,
    IntakeResult,
    Refusal,
    SourceNote,
)
from foedus.intake.extract import Found, extract
from foedus.intake.limits import DEFAULT_LIMITS, IntakeError, IntakeLimits

__all__ = [
    "DEFAULT_LIMITS",
    "Draft",
    "Edition",
    "Format",
    "Found",
    "IntakeContext",
    "IntakeError",
    "IntakeLimits",
    "IntakeResult",
    "Refusal",
    "SourceNote",
    "detect",
    "extract",
    "read",
]
