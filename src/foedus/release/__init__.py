"""May this leave, to whom, in what form, and why.

One pure function decides (:mod:`.decide`) from a question, facts and law; it is the same for the
preview, the sending and, again, the receiver (:mod:`.receive`). The law is a treaty's machine rules
(:mod:`.compile`), run by an engine that is called in one place (:mod:`.cedar`) and believed only
when it answers cleanly. The gate (:mod:`.gate`) alone makes what may leave: it decides, redacts
(:mod:`.redact`) and drafts the record (:mod:`.record`). What is no question of any article, because
it must work when no treaty does, is listed in :mod:`.protocol`.
"""

from __future__ import annotations

from foedus.release.compile import CompiledTreaty, compile_treaty
from foedus.release.decide import Decision, Law, Reason, ReasonKind, Verdict, decide, propose
from foedus.release.errors import (
    CompileFault,
    CompileFaults,
    DisclosureError,
    EngineError,
    GateError,
    ProtocolActError,
    RedactionError,
    ReleaseError,
)
from foedus.release.facts import AssertedFacts, ItemFacts, LinkFacts, derive_facts
from foedus.release.gate import (
    Candidate,
    Gate,
    LaneState,
    Released,
    ReleasedBatch,
    ReleaseOutcome,
    SealedBatch,
    Withheld,
)
from foedus.release.obligations import Obligations
from foedus.release.question import Question
from foedus.release.receive import Judgement, JudgementKind, judge, judge_protocol
from foedus.release.record import DISCLOSURE_TYPE, DisclosurePayload, parse_disclosure
from foedus.release.replay import replay

__all__ = [
    "DISCLOSURE_TYPE",
    "AssertedFacts",
    "Candidate",
    "CompileFault",
    "CompileFaults",
    "CompiledTreaty",
    "Decision",
    "DisclosureError",
    "DisclosurePayload",
    "EngineError",
    "Gate",
    "GateError",
    "ItemFacts",
    "Judgement",
    "JudgementKind",
    "LaneState",
    "Law",
    "LinkFacts",
    "Obligations",
    "ProtocolActError",
    "Question",
    "Reason",
    "ReasonKind",
    "RedactionError",
    "ReleaseError",
    "ReleaseOutcome",
    "Released",
    "ReleasedBatch",
    "SealedBatch",
    "Verdict",
    "Withheld",
    "compile_treaty",
    "decide",
    "derive_facts",
    "judge",
    "judge_protocol",
    "parse_disclosure",
    "propose",
    "replay",
]
