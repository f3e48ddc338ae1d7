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
from foedus.treaty.credence import Credence, CredenceError, open_credence, sign_credence
from foedus.treaty.drafting import fill_parties, sample_text
from foedus.treaty.durations import DurationError, duration_text, parse_duration
from foedus.treaty.errors import TreatyError
from foedus.treaty.faults import Fault, TreatyFaults
from foedus.treaty.in_force import PairLaw, Stage, TreatyStatus, keys_of, law_between, status
from foedus.treaty.instrument import (
    FullPowers,
    Instrument,
    InstrumentDraft,
    InstrumentError,
    Ratification,
    Signature,
    open_instrument,
    sign_instrument,
)
from foedus.treaty.instrument_set import Conflict, InstrumentSet
from foedus.treaty.parser import parse_treaty

__all__ = [
    "Article",
    "Conflict",
    "Credence",
    "CredenceError",
    "DurationError",
    "EntryCondition",
    "Fault",
    "FullPowers",
    "Instrument",
    "InstrumentDraft",
    "InstrumentError",
    "InstrumentSet",
    "Limits",
    "PairLaw",
    "Party",
    "Ratification",
    "Signature",
    "Stage",
    "Treaty",
    "TreatyError",
    "TreatyFaults",
    "TreatyStatus",
    "duration_text",
    "fill_parties",
    "keys_of",
    "law_between",
    "open_credence",
    "open_instrument",
    "parse_duration",
    "parse_treaty",
    "sample_text",
    "sign_credence",
    "sign_instrument",
    "status",
]
