"""What happened in one run, as values: what the tables show and what ``--json`` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = [
    "Carried",
    "Cell",
    "Entered",
    "Evidence",
    "Feedback",
    "Given",
    "Outcome",
    "PassedOn",
    "Previewed",
    "Received",
    "Requested",
    "Seen",
    "StepReport",
    "Trace",
    "Treaty",
    "Witnessed",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Treaty:
    """The treaty concluded.

    Attributes:
        since: When it entered into force, RFC 3339.
        reserved: Member → articles it reserves.
    """

    id: str
    title: str
    since: str
    reserved: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """One file a member entered; read = taken + duplicates + refused.

    Attributes:
        member: Who entered it.
        source: Its name at that node: ``source:1``.
        refused: Each refusal: place and reason.
        items: Items of this file now held, none twice.
        personal: How many of them hold personal data.
        remark: What its terms bring about.
    """

    member: str
    source: str
    name: str
    format: str
    offence: str
    read: int
    taken: int
    duplicates: int
    refused: tuple[str, ...]
    items: int
    personal: int
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """The decision for one item and one member.

    Attributes:
        why: The first reason against it; "" where nothing speaks against it.
        redact: What the release takes out: ``kind:document``, ``property:description``.
    """

    verdict: str
    article: str
    why: str
    redact: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Previewed:
    """One item of the preview, with its decision for each member."""

    number: str
    id: str
    type: str
    title: str
    source: str
    cells: Mapping[str, Cell]


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What one member was given; asked = given + already + withheld.

    Attributes:
        articles: Article → items given under it.
        withheld: (code, reason) → items withheld for it.
    """

    member: str
    asked: int
    given: int
    already: int
    articles: Mapping[str, int]
    withheld: tuple[tuple[str, str, int], ...]

    @property
    def kept(self) -> int:
        """Items withheld."""
        return sum(number for _, _, number in self.withheld)


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """What one member took in.

    Attributes:
        accepted: Items that passed its own decision.
        redacted: How many of them came with parts removed.
        quarantined: Items it refused.
        hits: Questions that arose: the same thing as something it holds.
    """

    member: str
    accepted: int
    redacted: int
    quarantined: int
    hits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOn:
    """What a recipient is told when it asks whether it may pass on an item."""

    member: str
    to: str
    item: str
    title: str
    verdict: str
    article: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """A hit a member confirmed, and whether its sighting could go back.

    Attributes:
        selector: What both hold; "" when nothing could be sighted.
        sighted: What was sighted, in words.
        given: Whether the treaty let it go back.
        article: The article relied on.
        reason: Why not; "" if given.
        sighting: Id of the sighting; "" if none was made.
        hit: Number of the hit at that member; 0 if none was confirmed.
    """

    member: str
    selector: str
    sighted: str
    given: bool
    article: str
    reason: str
    sighting: str = ""
    hit: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Supposed:
    """What one member would see of another's, had a reservation not been made.

    Attributes:
        author: Whose reservation is supposed away.
        article: Which article it reserved.
        sees_now: Items that would leave under the law in force.
        sees_then: Items that would leave without the reservation.
        gains: Items more.
        loses: Items fewer.
        why_now: What speaks now against those that would be gained.
    """

    giver: str
    recipient: str
    author: str
    article: str
    sees_now: int
    sees_then: int
    gains: int
    loses: int
    why_now: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A sighting that came back to the first member."""

    member: str
    item: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Requested:
    """A request for information, from its draft to the grade of its answer.

    Attributes:
        about: The value asked about.
        drafted_by: Who drafted it; ``approved_by`` is somebody else.
        sent_under: Article under which it was told.
        asked: When it was approved, RFC 3339.
        due: By when an answer is needed.
        answer: The item that was given, in words.
        answer_approved_by: Officer who approved exactly that item for exactly that member.
        hits: Questions that arose from the answer at the member that asked.
        useful: Grade of the answer, 1 to 5.
    """

    member: str
    to: str
    name: str
    about: str
    drafted_by: str
    approved_by: str
    sent_under: str
    urgency: str
    asked: str
    due: str
    answer: str
    answer_approved_by: str
    answered_by: str
    answered_under: str
    hits: int
    state: str
    useful: int
    feedback: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """How far one member came with one order: a row of the status matrix.

    Attributes:
        what: What it concerned, in words.
        ordered: RFC 3339, as the three instants after it; "" for what did not happen.
        late_s: Seconds by which it was carried out after it was due; 0 if it was not.
        breach: Number of the breach record; 0 if there is none.
        was_down: Whether its server was stopped when the order was given.
    """

    order: str
    action: str
    what: str
    member: str
    ordered: str
    received: str
    executed: str
    attested: str
    due: str
    state: str
    late_s: float
    breach: int
    was_down: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What is left at one member of what was recalled.

    Attributes:
        found: Items a search for the value finds.
        found_of_first: How many of them are the recalled item.
        hits: Hits on the value.
        files: Files of the node that were searched byte by byte.
        bytes: Bytes in them.
        value: How often the value stands in them.
        ids: How often the ids of what was recalled stand in them.
    """

    member: str
    found: int
    found_of_first: int
    hits: int
    files: int
    bytes: int
    value: int
    ids: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnessed:
    """How far one member's log is witnessed by the others.

    Attributes:
        entries: Entries of its log.
        covered: How many of them a quorum stands behind.
        cosigned_by: Members that cosigned all of it.
        needed: How many make a quorum, of ``witnesses``.
        forks: Proofs it holds that somebody's log has two histories.
    """

    member: str
    entries: int
    covered: int
    cosigned_by: int
    needed: int
    witnesses: int
    forks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What one node can prove.

    Attributes:
        receipts: Receipts it made.
        verified: How many of them a separate process found to hold.
        lanes: Its lanes to other members.
        agreed: How many of them the recipient signed with the same count and digest.
        log_entries: Entries of its log.
        root: Root hash of the audited log, hex.
        balanced: Whether everything read is accounted for.
    """

    member: str
    receipts: int
    verified: int
    lanes: int
    agreed: int
    log_entries: int
    root: str
    balanced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StepReport:
    """One step: how long it took, how many checks were made, which failed."""

    title: str
    seconds: float
    checks: int
    failures: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Outcome:
    """Everything that happened, filled step by step.

    Attributes:
        shipped: Whether the demo's own files were entered, and not the reader's.
        nodes: Member → name, address, data directory, fingerprint of its authority.
        refused_files: Files that could not be read, each with the reason.
        brought_back: What was said when the recalled file was entered again.
        tampered: What was said of a receipt that was changed on purpose.
        dossier: How many files the dossier on one item holds, verified with it.
    """

    shipped: bool = True
    nodes: dict[str, dict[str, str]] = field(default_factory=dict)
    treaty: Treaty | None = None
    entered: list[Entered] = field(default_factory=list)
    refused_files: list[str] = field(default_factory=list)
    previewed: list[Previewed] = field(default_factory=list)
    supposed: list[Supposed] = field(default_factory=list)
    given: list[Given] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    passed_on: list[PassedOn] = field(default_factory=list)
    feedback: list[Feedback] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    requests: list[Requested] = field(default_factory=list)
    carried: list[Carried] = field(default_factory=list)
    traces: list[Trace] = field(default_factory=list)
    brought_back: list[str] = field(default_factory=list)
    witnessed: list[Witnessed] = field(default_factory=list)
    evidence: list[Evidence] = field(default_factory=list)
    tampered: str = ""
    dossier: int = 0
    steps: list[StepReport] = field(default_factory=list)

    @property
    def failures(self) -> list[str]:
        """Every check that failed, with its step."""
        return [f"{step.title}: {each}" for step in self.steps for each in step.failures]

    @property
    def checks(self) -> int:
        """How many checks were made."""
        return sum(step.checks for step in self.steps)

    @property
    def seconds(self) -> float:
        """How long all steps took."""
        return sum(step.seconds for step in self.steps)

    def verdicts(self) -> Counter[str]:
        """Return how often each verdict stands in the preview."""
        return Counter(cell.verdict for item in self.previewed for cell in item.cells.values())

    def document(self) -> dict[str, Any]:
        """Return the run as JSON: these attributes, with what they come to on top."""
        return {
            "exercise": True,
            "held": not self.failures,
            "checks": self.checks,
            "failures": self.failures,
            "seconds": round(self.seconds, 3),
            "verdicts": dict(sorted(self.verdicts().items())),
            **asdict(self),
        }
