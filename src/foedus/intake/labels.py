"""Tags and hints a source gives: which become labels, which fill the form, which are left out.

Rules, in order:

1. A ``tlp:`` tag is a marking: it becomes the TLP 2.0 marking of what it stands on, never a label.
   An unknown one (``tlp:ex:chr``) is read as *red*: what is not understood is not widened.
2. A tag whose meaning is a political, military, religious, racial or ethnic character is left out:
   we record none. That a tag was left out is said, what it was is not.
3. Tags that organise work at the sender (``workflow:``) are left out silently.
4. Grades of the Admiralty scale become a hint for the evaluation code.
5. All others are kept as labels, as written, galaxy clusters among them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from foedus.model.markings import TLP

__all__ = ["LEVELS", "Tags", "offence_hints", "read_tags"]

MAX_LABELS: Final = 200
"""Most labels kept on one object."""

MAX_LABEL_CHARS: Final = 250

_TLP: Final = re.compile(r"tlp:\s*(?:2\.0:\s*)?(.+)", re.IGNORECASE)
LEVELS: Final[Mapping[str, TLP]] = {
    "white": TLP.CLEAR,
    "clear": TLP.CLEAR,
    "green": TLP.GREEN,
    "amber": TLP.AMBER,
    "amber+strict": TLP.AMBER_STRICT,
    "amber-strict": TLP.AMBER_STRICT,
    "red": TLP.RED,
}
"""TLP levels by the words sources use for them, in lower case."""

_CHARACTER: Final = re.compile(
    r"politic|militar|religio|racial|\brace\b|ethnic|muslim|islam|christian|jewish|hindu|buddhis"
    r"|\bparty\b|\bsect\b|caste|left.?wing|right.?wing|armed forces|\barmy\b|\bnavy\b",
    re.IGNORECASE,
)
_ADMIRALTY: Final = re.compile(
    r"admiralty-scale:(source-reliability|information-credibility)=\"?([a-f1-6])\"?", re.IGNORECASE
)
_SOURCE: Final = {"a": "A", "b": "B", "c": "C", "d": "C"}
_INFORMATION: Final = {"1": "1", "2": "2", "3": "3", "4": "3", "5": "3"}
_OFFENCES: Final = (
    ("recruitment", re.compile(r"recruit|radicali[sz]|propaganda", re.IGNORECASE)),
    ("financing", re.compile(r"financ|fund.?rais|money|launder|payment", re.IGNORECASE)),
    ("attack-planning", re.compile(r"attack.?plan|bomb|explosive|weapon", re.IGNORECASE)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tags:
    """What the tags of one event or attribute say.

    Attributes:
        labels: Tags kept, as written, in order.
        tlp: Most restrictive level among them, or None.
        left_out: How many were left out under rule 2.
        grade: Evaluation code, source then information, or None.
        offences: Offence categories the tags hint at.
    """

    labels: tuple[str, ...]
    tlp: TLP | None
    left_out: int
    grade: str | None
    offences: tuple[str, ...]


def read_tags(names: Iterable[str]) -> Tags:
    """Sort tags by the rules in the module docstring.

    Args:
        names: Tag names as the source writes them; untrusted.
    """
    labels: list[str] = []
    levels: list[TLP] = []
    grades: dict[str, str] = {}
    left_out = 0
    for name in names:
        marking = _TLP.fullmatch(name)
        grade = _ADMIRALTY.fullmatch(name)
        if marking is not None:
            levels.append(LEVELS.get(marking[1].strip().lower(), TLP.RED))
        elif grade is not None:
            grades[grade[1].lower()] = grade[2].lower()
        elif _CHARACTER.search(name):
            left_out += 1
        elif not name.startswith("workflow:") and len(name) <= MAX_LABEL_CHARS:
            labels.append(name)
    return Tags(
        labels=tuple(dict.fromkeys(labels))[:MAX_LABELS],
        tlp=max(levels, default=None),
        left_out=left_out,
        grade=_grade(grades),
        offences=tuple(
            offence for offence, sign in _OFFENCES if any(sign.search(name) for name in labels)
        ),
    )


def offence_hints(text: str) -> tuple[str, ...]:
    """Return the offence categories a text speaks of more than once."""
    return tuple(
        offence for offence, sign in _OFFENCES if len(set(islice(sign.finditer(text), 2))) > 1
    )


def _grade(grades: dict[str, str]) -> str | None:
    if not grades:
        return None
    source = _SOURCE.get(grades.get("source-reliability", ""), "X")
    information = _INFORMATION.get(grades.get("information-credibility", ""), "4")
    return source + information
