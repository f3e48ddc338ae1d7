"""What members agreed: the treaty, the instruments under it, and what binds whom at an instant.

A treaty is one Markdown file that a lawyer can read and a node can run (:mod:`.parser`,
:mod:`.articles`). Members sign statements about it (:mod:`.instrument`). What each of them does is
a set of rules (:mod:`.effects`, :mod:`.course`), and what binds an ordered pair of members at an
instant is a pure function of the set of instruments (:mod:`.in_force`). :mod:`.timeline` tells it
as a story, :mod:`.pair_table` as a table, and :mod:`.residual` says what binds who has left. Before
there is a treaty, a letter of credence introduces a member (:mod:`.credence`). Nothing here runs a
machine rule: that is :mod:`foedus.release`.
"""

from __future__ import annotations

from foedus.treaty.articles import (
    Article,
    EntryCondition,
    FinalClauses,
    Limits,
    Party,
    Share,
    Treaty,
)
from foedus.treaty.credence import Credence, CredenceError, open_credence, sign_credence
from foedus.treaty.drafting import fill_parties, sample_text
from foedus.treaty.durations import DurationError, duration_text, parse_duration
from foedus.treaty.errors import TreatyError
from foedus.treaty.faults import Fault, TreatyFaults
from foedus.treaty.in_force import (
    PairLaw,
    Stage,
    TreatyStatus,
    keys_of,
    law_between,
    status,
    superseded,
)
from foedus.treaty.instrument import (
    Accession,
    Admission,
    Amendment,
    Declaration,
    Denunciation,
    FullPowers,
    Instrument,
    InstrumentDraft,
    InstrumentError,
    Objection,
    Ratification,
    Reservation,
    Revocation,
    Signature,
    Statement,
    Suspension,
    Withdrawal,
    open_instrument,
    sign_instrument,
)
from foedus.treaty.instrument_set import Conflict, InstrumentSet
from foedus.treaty.orders import OrderError, SignedOrder, open_order, sign_order
from foedus.treaty.pair_table import PairTable, pair_table
from foedus.treaty.parser import parse_treaty
from foedus.treaty.residual import (
    Holding,
    OrderKind,
    Residual,
    ResidualOrder,
    Settlement,
    orders_of,
    residual,
    residual_articles,
)
from foedus.treaty.timeline import Event, What, timeline

__all__ = [
    "Accession",
    "Admission",
    "Amendment",
    "Article",
    "Conflict",
    "Credence",
    "CredenceError",
    "Declaration",
    "Denunciation",
    "DurationError",
    "EntryCondition",
    "Event",
    "Fault",
    "FinalClauses",
    "FullPowers",
    "Holding",
    "Instrument",
    "InstrumentDraft",
    "InstrumentError",
    "InstrumentSet",
    "Limits",
    "Objection",
    "OrderError",
    "OrderKind",
    "PairLaw",
    "PairTable",
    "Party",
    "Ratification",
    "Reservation",
    "Residual",
    "ResidualOrder",
    "Revocation",
    "Settlement",
    "Share",
    "Signature",
    "SignedOrder",
    "Stage",
    "Statement",
    "Suspension",
    "Treaty",
    "TreatyError",
    "TreatyFaults",
    "TreatyStatus",
    "What",
    "Withdrawal",
    "duration_text",
    "fill_parties",
    "keys_of",
    "law_between",
    "open_credence",
    "open_instrument",
    "open_order",
    "orders_of",
    "pair_table",
    "parse_duration",
    "parse_treaty",
    "residual",
    "residual_articles",
    "sample_text",
    "sign_credence",
    "sign_instrument",
    "sign_order",
    "status",
    "superseded",
    "timeline",
]
