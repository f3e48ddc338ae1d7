from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from foedus.intake import IntakeContext, read
from foedus.model.objects import parse_object
from foedus.model.observables import selectors_of
from foedus.model.selectors import Selector
from foedus.model.validation import validate_object

_EXPECTED = {
    "bundle.json": (25, 25, 0),
    "event.misp.json": (24, 16, 2),
    "correction.json": (1, 1, 0),
    "held-XB.csv": (7, 7, 0),
    "held-XC.csv": (6, 6, 0),
    "held-XD.csv": (6, 6, 0),
    "held-XE.csv": (6, 6, 0),
    "held-XF.csv": (6, 6, 0),
    "list.xml": (12, 12, 0),
    "report.html": (16, 16, 0),
    "selectors.csv": (15, 14, 1),
    "tip.csv": (1, 1, 0),
}


def test_the_exercise_inputs_are_read_and_say_that_they_are_an_exercise(
    context: IntakeContext, demo_inputs: Path
) -> None:
    account = {}
    for file in sorted(demo_inputs.iterdir()):
        data = file.read_bytes()
        assert b"EXERCISE" in data
        result = read(data, name=file.name, context=context)
        account[file.name] = (result.read, len(result.drafts), len(result.refused))
        for draft in result.all_drafts:
            assert not validate_object(draft.raw)
    assert account == _EXPECTED


def test_each_member_holding_a_table_meets_what_another_submits(
    context: IntakeContext, demo_inputs: Path
) -> None:
    files: dict[Selector, set[str]] = defaultdict(set)
    for file in demo_inputs.iterdir():
        for draft in read(file.read_bytes(), name=file.name, context=context).all_drafts:
            for selector in selectors_of(parse_object(draft.raw)):
                files[selector].add(file.name)
    submitted = {"bundle.json", "event.misp.json", "report.html", "selectors.csv"}
    for member in "BCDEF":
        met = [found for found in files.values() if f"held-X{member}.csv" in found]
        assert sum(bool(found & submitted) for found in met) >= 3, member
