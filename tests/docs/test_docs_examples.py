"""What client.md and webhooks.md show runs as it stands, against a served node."""

from __future__ import annotations

import base64
import importlib.util
import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from foedus.canonical import canonical_bytes, parse_json
from foedus.client import PinError, UnreachableError
from foedus.client.client import Client
from foedus.exchange.webhooks import sign_webhook
from foedus.node.ports.webhooks import EventKind

ROOT = Path(__file__).parents[2]
_PLACE = ROOT / "tests" / "unit" / "exchange" / "conftest.py"
_NAME = "exchange_live_node"
if _NAME not in sys.modules:
    _spec = importlib.util.spec_from_file_location(_NAME, _PLACE)
    if _spec is None or _spec.loader is None:
        raise ImportError(_PLACE)
    _made = importlib.util.module_from_spec(_spec)
    sys.modules[_NAME] = _made  # dataclasses look their module up by name
    _spec.loader.exec_module(_made)
_module = sys.modules[_NAME]
live = _module.live
loopback = _module.loopback


def examples(page: str, language: str = "python") -> list[str]:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


@pytest.fixture
def names(live: Any) -> dict[str, Any]:
    """Return what the examples take for given."""
    live.hold([_module.indicator(number) for number in range(5)])
    return {
        "address": live.base,
        "token": _module.WRITE_TOKEN,
        "objects": [json.loads(_module.indicator(9))],
        "secret": "whsec_" + base64.b64encode(bytes(32)).decode(),
        "seen": set(),
    }


@pytest.mark.parametrize("number", range(len(examples("client.md"))))
def test_an_example_of_the_client_runs(number: int, names: dict[str, Any]) -> None:
    code = compile(examples("client.md")[number], f"client.md example {number + 1}", "exec")
    exec(code, names)  # noqa: S102  # what the page shows is what is run


def test_the_pages_have_examples() -> None:
    assert len(examples("client.md")) >= 6
    assert len(examples("webhooks.md")) == 1


def test_the_example_of_a_webhook_takes_each_message_once(
    names: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    exec(examples("webhooks.md")[0], names)  # noqa: S102  # likewise
    body = (ROOT / "tests/golden/webhooks/hit.found.json").read_bytes()
    headers = sign_webhook(bytes(32), "msg_1", datetime.now(UTC), body)
    handle = names["handle"]
    assert [handle(headers, body), handle(headers, body), handle(headers, body + b" ")] == [
        204, 204, 400,
    ]  # fmt: skip
    assert capsys.readouterr().out == "3 new hits\n"


def test_the_payload_shown_is_the_golden_one() -> None:
    [shown] = examples("webhooks.md", "json")
    golden = (ROOT / "tests/golden/webhooks/hit.found.json").read_bytes()
    assert shown.strip().encode() == golden == canonical_bytes(parse_json(golden))


def test_every_event_is_documented_with_its_figures() -> None:
    text = (ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `([a-z]+\.[a-z]+)` \|[^|]*\|([^|]*)\|$", text, re.MULTILINE))
    assert set(rows) == {kind.value for kind in EventKind}
    for kind, told in rows.items():
        golden = parse_json((ROOT / f"tests/golden/webhooks/{kind}.json").read_bytes())
        assert isinstance(golden, dict)
        assert set(re.findall(r"`(\w+)`", told)) == set(golden["data"])


def test_the_limits_shown_are_those_kept() -> None:
    text = (ROOT / "docs" / "client.md").read_text(encoding="utf-8")
    for row in ("| attempts of one request | 6 |", "| largest answer | 256 MiB |"):
        assert row in text
    assert Client is not None
    assert issubclass(PinError, Exception)
    assert issubclass(UnreachableError, Exception)
