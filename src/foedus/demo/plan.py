"""What is entered in the exercise, and on what terms it is vouched for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from foedus.demo.members import Member

__all__ = [
    "CORRECTION",
    "LEGAL_BASIS",
    "OFFENCES",
    "PURPOSE",
    "RECALLED",
    "TIP",
    "Entry",
    "Plan",
    "held_by",
    "own_plan",
    "shipped_plan",
    "sighting_terms",
    "terms_options",
]

PURPOSE: Final = "prevention"
"""The purpose everything is given for."""

OFFENCES: Final = (
    "recruitment",
    "incitement",
    "financing",
    "support",
    "attack-planning",
    "training",
    "travel",
)
"""The offences of the sample treaty."""

_INPUTS: Final = Path(__file__).parent / "inputs"
CORRECTION: Final = _INPUTS / "correction.json"
"""A new version of one object of the bundle."""

TIP: Final = _INPUTS / "tip.csv"
"""A number that turns out to be somebody else's: it is recalled."""

RECALLED: Final = "+442079460018"
"""The value in it."""

_REVIEW_AFTER: Final = timedelta(days=180)
LEGAL_BASIS: Final = "EXERCISE: Information Exchange Act, section 4"
"""The domestic provision everything rests on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file to enter, and the terms its items get.

    Attributes:
        person: In what capacity persons appear in it.
        neutrality: Why it is not of a political, military, religious or racial character.
        remark: What the terms bring about, for the reader.
    """

    file: Path
    offence: str
    person: str
    tlp: str
    neutrality: str
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the first member enters.

    Attributes:
        entries: The files in the order in which they are entered.
        shipped: Whether they are the demo's own, of which more is known and checked.
    """

    entries: tuple[Entry, ...]
    shipped: bool


def shipped_plan() -> Plan:
    """Return the demo's own inputs: all invented, every value from a reserved range."""
    return Plan(
        shipped=True,
        entries=(
            Entry(
                file=_INPUTS / "report.html",
                offence="recruitment",
                person="suspect",
                tlp="green",
                neutrality="EXERCISE: a press report on recruitment; no opinion is given",
                remark="Article 7 removes account and document numbers",
            ),
            Entry(
                file=_INPUTS / "event.misp.json",
                offence="financing",
                person="suspect",
                tlp="amber",
                neutrality="EXERCISE: accounts, wallets and pages of one collection",
                remark="Article 8, which XD reserves",
            ),
            Entry(
                file=_INPUTS / "list.xml",
                offence="travel",
                person="suspect",
                tlp="clear",
                neutrality="EXERCISE: a published list, examined as one edition",
                remark="Article 11 is freer than Article 10, and removes document numbers",
            ),
            Entry(
                file=_INPUTS / "bundle.json",
                offence="attack-planning",
                person="contact",
                tlp="green",
                neutrality="EXERCISE: technical signs only",
                remark="Article 6; data on a contact waits for an officer (Articles 9 and 16)",
            ),
            Entry(
                file=_INPUTS / "selectors.csv",
                offence="travel",
                person="suspect",
                tlp="green",
                neutrality="EXERCISE: single values from one inquiry",
                remark="Article 10: an officer approves personal data first",
            ),
            Entry(
                file=TIP,
                offence="training",
                person="suspect",
                tlp="green",
                neutrality="EXERCISE: one number, named by one witness",
                remark="Article 9; it is wrong, and recalled later",
            ),
        ),
    )


def own_plan(files: Sequence[Path], *, offence: str) -> Plan:
    """Return a plan for the reader's own files: persons are suspects, TLP green, one offence."""
    return Plan(
        shipped=False,
        entries=tuple(
            Entry(
                file=file,
                offence=offence,
                person="suspect",
                tlp="green",
                neutrality="EXERCISE: taken as examined for this exercise only",
            )
            for file in files
        ),
    )


def held_by(member: Member) -> Entry:
    """Return what a receiving member holds before anything is given to it."""
    return Entry(
        file=_INPUTS / f"held-{member.code}.csv",
        offence="support",
        person="suspect",
        tlp="amber",
        neutrality="EXERCISE: values from an inquiry of its own",
    )


def terms_options(entry: Entry, *, now: datetime) -> list[str]:
    """Return the options of ``foedus vouch`` for an entry."""
    return [
        *_common(entry.offence, entry.tlp, entry.neutrality),
        "--person",
        entry.person,
        "--review",
        f"{now + _REVIEW_AFTER:%Y-%m-%d}",
    ]


def sighting_terms(offence: str) -> list[str]:
    """Return the options of ``foedus vouch`` for a sighting of an item on an offence."""
    return _common(offence, "green", "EXERCISE: says only that a value was seen")


def _common(offence: str, tlp: str, neutrality: str) -> list[str]:
    return [
        "--treaty",
        "",
        "--purpose",
        "prevention",
        "--purpose",
        "investigation",
        "--legal-basis",
        LEGAL_BASIS,
        "--offence",
        offence,
        "--tlp",
        tlp,
        "--grade",
        "B2",
        "--neutrality",
        neutrality,
    ]
