"""What members agreed: the treaty, the instruments under it, and what binds whom at an instant.

A treaty is one Markdown file that a lawyer can read and a node can run (:mod:`.parser`,
:mod:`.articles`). Members sign statements about it (:mod:`.instrument`). Which of those count is a
set of rules (:mod:`.ratification`), and what binds an ordered pair of members at an instant is a
pure function of the set of instruments (:mod:`.in_force`). Before there is a treaty, a letter of
credence introduces a member (:mod:`.credence`). Nothing here runs a machine rule: that is
:mod:`foedus.release`.
"""

from __future__ import annotations

from foedus.treaty.articles import Article, EntryCondition, Limits, Party, Treaty
from foedus.treaty.durations import DurationError, duration_text, parse_duration
from foedus.treaty.errors import TreatyError
from foedus.treaty.faults import Fault, TreatyFaults
from foedus.treaty.parser import parse_treaty

__all__ = [
    "Article",
    "DurationError",
    "EntryCondition",
    "Fault",
    "Limits",
    "Party",
    "Treaty",
    "TreatyError",
    "TreatyFaults",
    "duration_text",
    "parse_duration",
    "parse_treaty",
]
