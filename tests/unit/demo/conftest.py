"""The outcome of a small run, as the steps would have filled it."""

from __future__ import annotations

import pytest

from foedus.demo.outcome import (
    Carried,
    Cell,
    Entered,
    Evidence,
    Feedback,
    Given,
    Outcome,
    PassedOn,
    Previewed,
    Received,
    Requested,
    Seen,
    StepReport,
    Supposed,
    Trace,
    Treaty,
)

YES = Cell(verdict="permit", article="8", why="")
NO = Cell(verdict="deny", article="8", why="article 8 is reserved by XD")
PART = Cell(verdict="permit-redacted", article="11", why="", redact=("kind:document",))
OFFICER = Cell(
    verdict="needs-approval", article="10", why="approvals needed: 1, given: 0", redact=()
)
RECIPIENTS = ("XB", "XC", "XD", "XE", "XF")


@pytest.fixture
def outcome() -> Outcome:
    """A run in which every verdict occurs, XD reserves Article 8 and XF reserves Article 13."""
    made = Outcome(
        treaty=Treaty(
            id="ab" * 32,
            title="A Convention",
            since="2026-11-24T04:00:00Z",
            reserved={"XD": ("8",), "XF": ("13",)},
        ),
        entered=[
            Entered(
                member="XA",
                source="source:1",
                name="list.csv",
                format="table",
                offence="financing",
                read=4,
                taken=3,
                duplicates=0,
                refused=("line 4: no iban: the check digits do not fit",),
                items=3,
                personal=2,
                remark="a remark",
            )
        ],
        previewed=[
            _row("bank-account", {**dict.fromkeys(RECIPIENTS, YES), "XD": NO}),
            _row("identity", dict.fromkeys(RECIPIENTS, PART)),
            _row("email-addr", dict.fromkeys(RECIPIENTS, OFFICER)),
        ],
        supposed=[
            Supposed(
                giver="XA",
                recipient="XD",
                author="XD",
                article="8",
                sees_now=1,
                sees_then=2,
                gains=1,
                loses=0,
                why_now="article 8 is reserved by XD",
            ),
            Supposed(
                giver="XD",
                recipient="XA",
                author="XD",
                article="8",
                sees_now=0,
                sees_then=0,
                gains=0,
                loses=0,
                why_now="",
            ),
        ],
        passed_on=[
            PassedOn(
                member="XB",
                to="XC",
                item="indicator--1",
                title="a page",
                verdict="needs-consent",
                article="8",
                why="the originator has not consented",
            )
        ],
        seen=[Seen(member="XB", item="XA-2026-00001", title="")],
        requests=[
            Requested(
                member="XB",
                to="XA",
                name="XB-R-2026-00001",
                about="document:EX1203344",
                drafted_by="nadia",
                approved_by="tomas",
                sent_under="15",
                urgency="urgent",
                asked="2026-11-24T04:00:00Z",
                due="2026-11-25T04:00:00Z",
                answer="EX1203344",
                answer_approved_by="ilva",
                answered_by="admin",
                answered_under="10",
                hits=1,
                state="closed",
                useful=5,
                feedback="new",
            )
        ],
        carried=[
            _carried("XB", executed="2026-11-24T04:00:05.000000Z"),
            _carried("XE", executed="2026-11-24T04:00:23.000000Z", late_s=8.0, breach=1),
            _carried("XF", executed="2026-11-24T04:00:12.000000Z", was_down=True),
        ],
        traces=[_trace(code, value=3 if code == "XD" else 0) for code in ("XA", *RECIPIENTS)],
        brought_back=["recalled under an order"],
        tampered="the receipt does not hold",
        steps=[StepReport(title="all of it", seconds=1.5, checks=12, failures=())],
    )
    for code in RECIPIENTS:
        given = 1 if code == "XD" else 2
        made.given.append(
            Given(
                member=code,
                asked=3,
                given=given,
                already=0,
                articles={"8": 1, "11": 1},
                withheld=(("needs-approval", "approvals needed: 1, given: 0", 1),)
                + ((("denied", "article 8 is reserved by XD", 1),) if code == "XD" else ()),
            )
        )
        made.received.append(
            Received(member=code, accepted=given, redacted=1, quarantined=0, hits=1)
        )
        made.feedback.append(
            Feedback(
                member=code,
                selector="domain:example.com",
                sighted="indicator",
                given=code != "XF",
                article="13",
                reason="article 13 is reserved by XF" if code == "XF" else "",
            )
        )
        made.evidence.append(
            Evidence(
                member=code,
                receipts=1,
                verified=1,
                lanes=15,
                agreed=15,
                log_entries=9,
                root="cd" * 32,
                balanced=True,
            )
        )
    return made


def _carried(
    member: str, *, executed: str, late_s: float = 0.0, breach: int = 0, was_down: bool = False
) -> Carried:
    return Carried(
        order="XA-O-2026-00002",
        action="recall",
        what="tip.csv: a number",
        member=member,
        ordered="2026-11-24T04:00:00.000000Z",
        received="2026-11-24T04:00:04.000000Z",
        executed=executed,
        attested="2026-11-24T04:00:30.000000Z",
        due="2026-11-24T04:00:15.000000Z",
        state="attested",
        late_s=late_s,
        breach=breach,
        was_down=was_down,
    )


def _trace(member: str, *, value: int) -> Trace:
    return Trace(
        member=member,
        found=int(value > 0),
        found_of_first=0,
        hits=0,
        files=20,
        bytes=2_000_000,
        value=value,
        ids=0,
    )


def _row(object_type: str, cells: dict[str, Cell]) -> Previewed:
    return Previewed(
        number="XA-2026-00001",
        id=f"{object_type}--1",
        type=object_type,
        title="",
        source="list.csv",
        cells=cells,
    )
