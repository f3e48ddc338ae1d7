"""The outcome of a small run, as the steps would have filled it."""

from __future__ import annotations

import pytest

from foedus.demo.outcome import (
    Cell,
    Entered,
    Evidence,
    Feedback,
    Given,
    Outcome,
    PassedOn,
    Previewed,
    Received,
    Seen,
    StepReport,
    Supposed,
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


def _row(object_type: str, cells: dict[str, Cell]) -> Previewed:
    return Previewed(
        number="XA-2026-00001",
        id=f"{object_type}--1",
        type=object_type,
        title="",
        source="list.csv",
        cells=cells,
    )
