"""Do we hold the same thing? A match is a question for a person, never a decision.

Now: exact selectors. A selector is not asked about when it is known to be benign or when so many
items carry it that a match would say nothing; both answers can be had on request.
"""

from foedus.matching.benign import BenignList, builtin_benign
from foedus.matching.exact import (
    DEFAULT_CUT_OFF,
    DEFAULT_POSTING_CAP,
    ExactMatch,
    MatchLimits,
    Silence,
    match_exact,
    why_silent,
)

__all__ = [
    "DEFAULT_CUT_OFF",
    "DEFAULT_POSTING_CAP",
    "BenignList",
    "ExactMatch",
    "MatchLimits",
    "Silence",
    "builtin_benign",
    "match_exact",
    "why_silent",
]
