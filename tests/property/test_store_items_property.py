"""Whatever happens to items, postings, listings and search agree on what is visible."""

from __future__ import annotations

import json
import tempfile
import uuid
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.model.identifiers import MemberId
from foedus.model.objects import parse_object
from foedus.model.selectors import Selector, SelectorKind
from foedus.node.ports import ItemFilter, ItemState, NewItem, Stored, Transaction
from foedus.store import SQLiteDatabase

AT = datetime(2026, 11, 24, tzinfo=UTC)
XA = MemberId("XA")
NAMES = ("a", "b", "c")
SELECTORS = {name: Selector(SelectorKind.DOMAIN, f"{name}.example") for name in NAMES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    number: int
    version: int
    state: ItemState
    names: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    choice: int
    state: ItemState


@dataclass(frozen=True, slots=True, kw_only=True)
class Discarded:
    choice: int


SETTLED_STATES = st.sampled_from(
    [ItemState.DRAFT, ItemState.HELD, ItemState.QUARANTINED, ItemState.VARIANT]
)
STEPS = st.one_of(
    st.builds(
        Added,
        number=st.integers(1, 4),
        version=st.integers(1, 3),
        state=st.sampled_from([ItemState.DRAFT, ItemState.HELD]),
        names=st.frozensets(st.sampled_from(NAMES)),
    ),
    st.builds(Settled, choice=st.integers(0, 20), state=SETTLED_STATES),
    st.builds(Discarded, choice=st.integers(0, 20)),
)


def new_item(step: Added) -> NewItem:
    document = {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--{uuid.UUID(int=step.number, version=4)}",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": f"2026-01-{step.version:02d}T00:00:00.000Z",
        "description": " ".join(sorted(step.names)),
    }
    return NewItem(
        obj=parse_object(json.dumps(document).encode()),
        originator=XA,
        state=step.state,
        selectors=frozenset(SELECTORS[name] for name in step.names),
        title=" ".join(sorted(step.names)),
    )


class Model:
    """What should be stored: state, names and version by handle, in order of ``added``."""

    def __init__(self) -> None:
        self.rows: dict[int, tuple[ItemState, frozenset[str], tuple[int, int]]] = {}

    def apply(self, tx: Transaction, step: Added | Settled | Discarded) -> None:
        match step:
            case Added():
                (outcome,) = tx.items.add([new_item(step)], at=AT)
                if outcome.outcome is Stored.NEW:
                    self.rows.pop(outcome.handle, None)
                    key = (step.number, step.version)
                    self.rows[outcome.handle] = (step.state, step.names, key)
            case Settled(choice=choice, state=state) if self.rows:
                handle = sorted(self.rows)[choice % len(self.rows)]
                before, names, key = self.rows[handle]
                if before is not ItemState.DISCARDED:
                    tx.items.settle([handle], state=state, terms_id=None, at=AT)
                    del self.rows[handle]
                    self.rows[handle] = (state, names, key)
            case Discarded(choice=choice) if self.rows:
                handle = sorted(self.rows)[choice % len(self.rows)]
                before, _, key = self.rows[handle]
                if before is ItemState.DRAFT:
                    tx.items.discard([handle])
                    self.rows[handle] = (ItemState.DISCARDED, frozenset(), key)
            case _:
                pass

    def of_state(self, state: ItemState) -> list[int]:
        return [handle for handle, row in self.rows.items() if row[0] is state]

    def check(self, tx: Transaction) -> None:
        carriers: dict[Selector, list[int]] = defaultdict(list)
        for handle in sorted(self.of_state(ItemState.HELD), reverse=True):
            for name in self.rows[handle][1]:
                carriers[SELECTORS[name]].append(handle)
        for cap in (1, 9):
            found = tx.items.postings(list(SELECTORS.values()), cap=cap)
            assert {one: list(posting.handles) for one, posting in found.items()} == {
                one: handles[:cap] for one, handles in carriers.items()
            }
            assert {one: posting.frequency for one, posting in found.items()} == {
                one: len(handles) for one, handles in carriers.items()
            }
        for state in ItemState:
            which = frozenset({state})
            rows = tx.items.page(ItemFilter(states=which), after=None, limit=99)
            assert [row.handle for row in rows] == self.of_state(state)
            found_a = tx.items.page(ItemFilter(states=which, text="a"), after=None, limit=99)
            assert [row.handle for row in found_a] == [
                handle for handle in self.of_state(state) if "a" in self.rows[handle][1]
            ]
        newest = tx.items.page(ItemFilter(newest_only=True), after=None, limit=99)
        held = [self.rows[handle][2] for handle in self.of_state(ItemState.HELD)]
        assert {row.handle for row in newest} == {
            handle
            for handle in self.of_state(ItemState.HELD)
            if self.rows[handle][2] == max(key for key in held if key[0] == self.rows[handle][2][0])
        }


@settings(max_examples=25, deadline=None)
@given(st.lists(STEPS, max_size=25))
def test_all_views_agree(steps: list[Added | Settled | Discarded]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        store = SQLiteDatabase(Path(directory) / "node.db", member=XA)
        model = Model()
        with closing(store):
            for step in steps:
                with store.write() as tx:
                    model.apply(tx, step)
            with store.read() as tx:
                model.check(tx)
