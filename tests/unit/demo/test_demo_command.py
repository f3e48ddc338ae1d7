from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from foedus.cli.app import root
from foedus.demo.errors import DirectoryError


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["demo", "--input", "/nowhere/at-all"], "does not exist"),
        (["demo", "--offence", "theft"], "'theft' is not one of"),
        (["demo", "--port", "80"], "80 is not in the range"),
        (["--data", "/tmp", "demo"], "give `--data` after `demo`"),  # noqa: S108  # never opened
        (["--as", "somebody", "demo"], "touches none of yours"),
    ],
    ids=["no such file", "no such offence", "privileged port", "data before", "user before"],
)
def test_what_makes_no_sense_is_refused_before_anything_starts(
    arguments: list[str], words: str
) -> None:
    result = CliRunner().invoke(root, arguments)
    assert result.exit_code == 2
    assert words in result.output


def test_a_directory_in_use_is_refused_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    result = CliRunner().invoke(root, ["demo", "--once", "--data", str(tmp_path)])
    assert isinstance(result.exception, DirectoryError)
    assert [each.name for each in tmp_path.iterdir()] == ["mine"]
