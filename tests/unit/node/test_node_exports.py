"""Exports: under control until something in them is purged; what was handed out is named."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest

from foedus.access import AccessDeniedError, Actor, Role
from foedus.casework.attestation import Beyond, BeyondKind
from foedus.node.case_clock import tick
from foedus.node.errors import ConflictError, RefusedError
from foedus.node.exports import (
    HandedOut,
    beyond_reach,
    delete_exports,
    delete_queued_exports,
    export_items,
    exports_of,
    hand_out,
    queue_exports,
)
from foedus.node.ports.readings import ExportKind, ExportState

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.node.conftest import Member

AUDITOR = Actor(user="aud", roles=frozenset({Role.AUDITOR}))


def named(lone: Member, handles: list[int]) -> list[str]:
    return [str(row.number) for row in lone.read(lambda tx: tx.items.rows(handles))]


def files(lone: Member) -> list[Path]:
    folder = lone.wired.settings.exports
    return sorted(folder.iterdir()) if folder.exists() else []


def test_a_bundle_of_renditions_lies_here_and_goes_with_what_is_purged(lone: Member) -> None:
    node = lone.wired.node
    one, two = lone.held(
        lone.indicator(1, "a.example"), lone.indicator(2, "b.example"), treaties=frozenset()
    )
    [draft] = lone.drafts(lone.indicator(3, "c.example"))
    made = export_items(
        node, lone.actor, [*named(lone, [one, two]), str(draft.number)], purpose="a case"
    )
    assert (made.items, made.left_out) == (2, (str(draft.number),))
    [path] = files(lone)
    assert path.name == made.place
    assert path.name.startswith("exercise-export-")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    bundle = json.loads(path.read_bytes())
    kinds = [each["type"] for each in bundle["objects"]]
    assert kinds == ["marking-definition", "indicator", "indicator"]
    assert bundle["objects"][0]["id"] in bundle["objects"][1]["object_marking_refs"]

    assert delete_queued_exports(node) == 0
    with node.database.write() as tx:
        assert queue_exports(tx, [two]) == 1
    tick(node, lone.wired.gate)
    assert files(lone) == []
    [row] = lone.read(lambda tx: exports_of(tx, [one]))
    assert (row.export.state, row.deleted) == (ExportState.DELETED, node.clock.now())


def test_what_is_handed_out_is_beyond_reach_and_counted(lone: Member) -> None:
    node = lone.wired.node
    [one] = lone.held(lone.indicator(1, "a.example"), treaties=frozenset())
    made = export_items(node, lone.actor, named(lone, [one]), purpose="", handed_to="/media/x.json")
    assert made.data.startswith(b'{"type":"bundle"')
    given = HandedOut(kind=ExportKind.DOSSIER, place="/tmp/d.zip", sha256="", handles=(one,))  # noqa: S108  # a text
    hand_out(node, lone.actor, given, purpose="the court")
    assert files(lone) == []
    with node.database.write() as tx:
        assert queue_exports(tx, [one]) == 0
        rows = list(tx.items.rows([one]))
        assert beyond_reach(tx, rows) == (Beyond(kind=BeyondKind.EXPORT, count=2),)


def test_who_may_export_what(lone: Member) -> None:
    node = lone.wired.node
    [draft] = lone.drafts(lone.indicator(1, "a.example"))
    with pytest.raises(AccessDeniedError):
        export_items(node, AUDITOR, [str(draft.number)], purpose="")
    with pytest.raises(RefusedError, match="nobody vouched"):
        export_items(node, lone.actor, [str(draft.number)], purpose="")


def test_a_purge_that_comes_while_the_file_is_written_wins(lone: Member) -> None:
    node = lone.wired.node
    [one] = lone.held(lone.indicator(1, "a.example"), treaties=frozenset())
    folder = node.exports

    class Interrupted:
        def write(self, name: str, data: bytes) -> None:
            folder.write(name, data)
            with node.database.write() as tx:
                queue_exports(tx, [one])

        def delete(self, name: str) -> None:
            folder.delete(name)

        def names(self) -> frozenset[str]:
            return folder.names()

    from dataclasses import replace  # noqa: PLC0415  # here alone

    with pytest.raises(ConflictError):
        export_items(
            replace(node, exports=Interrupted()), lone.actor, named(lone, [one]), purpose=""
        )
    assert files(lone) == []


def test_a_person_deletes_an_export(lone: Member) -> None:
    node = lone.wired.node
    [one] = lone.held(lone.indicator(1, "a.example"), treaties=frozenset())
    made = export_items(node, lone.actor, named(lone, [one]), purpose="")
    assert delete_exports(node, lone.actor, [made.number + 1]) == 0
    assert delete_exports(node, lone.actor, [made.number]) == 1
    assert files(lone) == []
