"""``foedus webhook``."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from foedus.cli.exits import Exit

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Line


def test_a_webhook_is_added_tested_listed_and_removed(cli: Line) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    url = f"http://127.0.0.1:{port}/hook"
    made = cli.json("webhook", "add", url, "--event", "hit.found", "--event", "alarm.raised")
    number = str(made["webhook"])
    assert made["secret"].startswith("whsec_")
    [listed] = cli.json("webhook", "list")["webhooks"]
    assert (listed["url"], listed["events"]) == (url, ["alarm.raised", "hit.found"])
    assert "secret" not in listed
    said = cli("webhook", "test", number)
    assert (said.code, said.out) == (
        Exit.UNREACHABLE, f"Webhook {number}: cannot be reached: "
        "connection refused: nothing listens there.\n",
    )  # fmt: skip
    [sent] = cli.json("webhook", "deliveries", number)["deliveries"]
    assert (sent["what"], sent["state"], sent["attempts"]) == ("webhook.test", "waiting", 1)
    assert "webhook.test" in cli("webhook", "deliveries", number).out
    assert url in cli("webhook", "list").out
    assert cli("webhook", "remove", number).code == Exit.DONE
    assert cli("webhook", "remove", number).code == Exit.NOT_FOUND
    assert cli("webhook", "deliveries", number).code == Exit.NOT_FOUND


def test_an_address_no_webhook_goes_to_is_refused(cli: Line) -> None:
    said = cli("webhook", "add", "http://tool.example/", "--event", "hit.found")
    assert said.code == Exit.REFUSED
    assert "https" in said.err
    assert cli("webhook", "add", "https://tool.example/", "--event", "x").code == Exit.USAGE
    assert not cli.json("webhook", "list")["webhooks"]
