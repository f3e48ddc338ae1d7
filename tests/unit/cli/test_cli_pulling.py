"""The followers of all peers: with whom they compare log heads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from foedus.cli import pulling
from foedus.cli.pulling import Puller
from foedus.model.identifiers import MemberId
from foedus.node.peer_ports import News
from foedus.node.pull import PullReport


@pytest.mark.parametrize(("peers", "compared"), [(5, 5), (8, 8), (9, 5), (20, 7), (47, 8)])
def test_first_whole_pulls_compare_with_eight_peers_at_most(
    peers: int, compared: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = [SimpleNamespace(member=MemberId(f"X{chr(65 + n)}")) for n in range(26)]
    rows += [SimpleNamespace(member=MemberId(f"Y{chr(65 + n)}")) for n in range(26)]
    wired: Any = MagicMock()
    wired.settings.locks = tmp_path
    wired.client.await_news.return_value = News(counts=None, waited=False)
    with wired.node.database.read() as tx:
        tx.peers.all.return_value = rows[:peers]
    asked: dict[MemberId, bool] = {}
    all_asked = threading.Event()

    def pulled(*given: Any, compares: Callable[[], bool], **_: object) -> PullReport:
        member = given[3]
        asked[member] = compares()
        if len(asked) == peers:
            all_asked.set()
        return PullReport(member=member, lanes=(), unreachable="", confirmed=True)

    monkeypatch.setattr(pulling, "pull", pulled)
    puller = Puller(wired, whole_s=1e6)
    puller.step()
    assert all_asked.wait(30)
    puller.join(10)
    assert sum(asked.values()) == compared
