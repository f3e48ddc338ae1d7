"""A node made by the command line, and the command line as a function."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from foedus.cli.app import run

ROOT = Path(__file__).parents[3]
INDICATOR = {
    "type": "indicator",
    "spec_version": "2.1",
    "id": "indicator--00000000-0000-4000-8000-000000000001",
    "created": "2026-11-20T00:00:00.000Z",
    "modified": "2026-11-20T00:00:00.000Z",
    "name": "A sign",
    "indicator_types": ["malicious-activity"],
    "pattern": "[domain-name:value = 'bad.example']",
    "pattern_type": "stix",
    "valid_from": "2026-11-20T00:00:00Z",
}
PERSON = {
    "type": "identity",
    "spec_version": "2.1",
    "id": "identity--00000000-0000-4000-8000-000000000002",
    "created": "2026-11-20T00:00:00.000Z",
    "modified": "2026-11-20T00:00:00.000Z",
    "name": "Invented Person",
    "identity_class": "individual",
}


@dataclass(frozen=True)
class Said:
    """What one command line returned and said."""

    code: int
    out: str = field(repr=False)
    err: str

    @property
    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


@dataclass(frozen=True)
class Line:
    """The command line of one data directory."""

    data: Path | None
    capture: pytest.CaptureFixture[str]
    user: str = ""

    def __call__(self, *arguments: str | Path) -> Said:
        """Run a command; data directory and user are added."""
        place = [] if self.data is None else ["--data", str(self.data)]
        place += ["--as", self.user] if self.user else []
        self.capture.readouterr()
        code = run([*place, *map(str, arguments)])
        said = self.capture.readouterr()
        return Said(code=int(code), out=said.out, err=said.err)

    def json(self, *arguments: str | Path) -> dict[str, Any]:
        """Run a command with ``--json`` and return its object; it must succeed."""
        said = self("--json", *arguments)
        assert said.code == 0, said.err
        return said.json


def quietly(arguments: Sequence[str | Path]) -> None:
    """Run a command of a fixture; it must succeed."""
    assert run([str(each) for each in arguments]) == 0


def template() -> str:
    """Return the small treaty of two, without its members."""
    text = (ROOT / "tests/golden/treaty/bilateral.md").read_text(encoding="utf-8")
    text = re.sub(r"^(exercise|depositary) = .*\n", "", text, flags=re.MULTILINE)
    return re.sub(r"\n\[\[party\]\]\n(?:\w+ = .*\n)+", "", text)


@dataclass(frozen=True)
class Made:
    """Two nodes: XA met XB, signed and ratified; XA holds one item and one draft."""

    a: Path
    b: Path
    treaty: Path
    bundle: Path


@pytest.fixture(scope="module", name="made")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("cli")
    made = Made(
        a=folder / "XA", b=folder / "XB", treaty=folder / "treaty.md", bundle=folder / "items.json"
    )
    (folder / "template.md").write_text(template(), encoding="utf-8")
    bundle = {
        "type": "bundle",
        "id": "bundle--00000000-0000-4000-8000-000000000000",
        "objects": [INDICATOR, PERSON],
    }
    made.bundle.write_text(json.dumps(bundle), encoding="utf-8")
    for data in (made.a, made.b):
        quietly(
            ["--data", data, "init", "--member", data.name, "--name", f"Member {data.name}",
             "--address", "http://127.0.0.1:9", "--exercise", "--pull-interval", "0"]
        )  # fmt: skip
    letter = folder / "XB.letter"
    quietly(["--data", made.b, "introduce", "-o", letter])
    from foedus.node.lawbook import read_credence  # noqa: PLC0415  # heavy

    fingerprint = read_credence(letter.read_bytes()).authority.fingerprint
    a: list[str | Path] = ["--data", made.a, "--as", "admin"]
    quietly([*a, "peers", "add", letter, "--fingerprint", fingerprint.lower().replace(" ", "-")])
    quietly(
        [*a, "treaty", "draft", "--template", folder / "template.md", "--depositary", "XA",
         "-o", made.treaty]
    )  # fmt: skip
    quietly([*a, "treaty", "adopt", made.treaty])
    quietly([*a, "treaty", "sign"])
    quietly([*a, "treaty", "ratify", "--reserve", "2"])
    quietly([*a, "submit", made.bundle])
    quietly(
        [*a, "vouch", str(INDICATOR["id"]), "--purpose", "prevention", "--offence", "financing",
         "--legal-basis", "Act 1", "--neutrality", "technical"]
    )  # fmt: skip
    quietly([*a, "user", "add", "ana", "--role", "analyst"])
    quietly([*a, "user", "add", "leo", "--role", "legal"])
    quietly([*a, "token", "create", "--user", "ana"])
    return made


@pytest.fixture(name="cli")
def _cli(made: Made, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Line:
    """The command line of XA, acting as its first user."""
    monkeypatch.delenv("FOEDUS_DATA", raising=False)
    monkeypatch.delenv("FOEDUS_USER", raising=False)
    return Line(data=made.a, capture=capsys, user="admin")


@pytest.fixture(name="bare")
def _bare(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Line:
    """The command line without a data directory."""
    monkeypatch.delenv("FOEDUS_DATA", raising=False)
    monkeypatch.delenv("FOEDUS_USER", raising=False)
    return Line(data=None, capture=capsys)
