from __future__ import annotations

from pathlib import Path

import pytest

from foedus.intake import IntakeContext, read

_GOLDEN = Path(__file__).parents[2] / "golden" / "intake"


@pytest.mark.parametrize("name", ["event.misp.json", "list.xml", "selectors.csv"])
def test_the_bytes_made_of_an_exercise_input_stay_as_they_are(
    name: str, context: IntakeContext, demo_inputs: Path
) -> None:
    result = read((demo_inputs / name).read_bytes(), name=name, context=context)
    made = b"\n".join(draft.raw for draft in result.all_drafts) + b"\n"
    assert made == (_GOLDEN / f"{name}.drafts").read_bytes()
