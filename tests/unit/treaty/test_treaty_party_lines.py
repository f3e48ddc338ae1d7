"""Where the faults of the annex are said to stand: at the party's own lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from foedus.treaty.faults import TreatyFaults
from foedus.treaty.parser import parse_treaty

TEXT = (Path(__file__).parents[2] / "golden" / "treaty" / "bilateral.md").read_text(
    encoding="utf-8"
)
HEAD, BODY = TEXT[: TEXT.index("[[party]]")], TEXT[TEXT.index("+++\n\n# Accord") :]
FIRST = HEAD.count("\n") + 1
"""The line of the first heading of a party."""

FAULTS = [
    (
        "a key that is missing is told at the party's heading",
        '[[party]]\nmember = "XA"\nname = "A"\n\n'
        '[[party]]\nmember = "XB"\nauthority = "SCHY L2WZ MWB4 2OTO LIKK WEZ3 37BK 7DBC"\n',
        {("party 1.authority: is missing", FIRST), ("party 2.name: is missing", FIRST + 4)},
    ),
    (
        "a key that is wrong is told at its line",
        '[[party]]\nmember = "x!"\nname = "A"\n'
        'authority = "KB2U ZLZR FHY4 JI6O ENIB O4LB Z2ZA VD3S"\n\n'
        '[[party]]\nmember = "XB"\nname = ""\n'
        'authority = "SCHY L2WZ MWB4 2OTO LIKK WEZ3 37BK 7DBC"\n',
        {
            ("party 1.member: not a member id (2 to 8 capitals or digits): 'x!'", FIRST + 1),
        },
    ),
]


@pytest.mark.parametrize(
    ("annex", "expected"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS]
)
def test_faults_of_parties(annex: str, expected: set[tuple[str, int]]) -> None:
    with pytest.raises(TreatyFaults) as found:
        parse_treaty((HEAD + annex + BODY).encode())
    assert expected <= {(fault.text, fault.line) for fault in found.value.faults}


def test_parties_that_have_no_tables_of_their_own_are_told_at_the_top() -> None:
    """An annex written as a list in one line has no lines to point to."""
    inline = 'depositary = "XA"\nparty = [{ member = "XA" }, { member = "x!" }]'
    text = HEAD.replace('depositary = "XA"', inline) + BODY
    with pytest.raises(TreatyFaults) as found:
        parse_treaty(text.encode())
    lines = {fault.line for fault in found.value.faults if fault.text.startswith("party ")}
    assert lines == {2}
