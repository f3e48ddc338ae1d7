"""Measure a purge of many items received: ``python -m bench.erasing [ITEMS] [URL]``.

One member gives items in batches of a thousand; the other purges them all in one unit of work, as
under an order of recall, beside as many others that stay. On SQLite, and on PostgreSQL at the
address of an empty database, if one is given.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from bench.bloc import EVERYBODY, held, indicators, make_bloc
from foedus.model.identifiers import MemberId
from foedus.node.context import Node
from foedus.node.disclose import disclose
from foedus.node.ports import ItemFilter, ItemState
from foedus.node.purge import Cause, CauseKind, Purged, purge, restrict
from foedus.node.wish import Wish

XA, XB = MemberId("XA"), MemberId("XB")
_BATCH = 1_000


def main(items: int, url: str) -> None:
    """Print the figures of SQLite, then those of PostgreSQL if it is named."""
    for name, address in (("SQLite", ""), ("PostgreSQL", url)):
        if name == "SQLite" or address:
            with tempfile.TemporaryDirectory(prefix="foedus-bench-") as folder:
                print(f"{name}, {items} items of {2 * items}; load {os.getloadavg()[0]:.1f}")
                _measure(Path(folder), items, address)
    print(f"load {os.getloadavg()[0]:.1f} at the end")


def _measure(folder: Path, items: int, address: str) -> None:
    bloc = make_bloc(folder, ("XA", "XB", "XC", "XD", "XE"), databases={XB: address})
    with closing(bloc):
        giver, holder = bloc.nodes[XA], bloc.nodes[XB]
        for start in range(0, 2 * items, _BATCH):
            handles = held(giver, bloc, indicators(_BATCH, seed=start + 1))
            wish = Wish(treaty=bloc.treaty, purpose="prevention", recipients=(XB,))
            disclose(giver.node, EVERYBODY, giver.gate, handles, wish)
            bloc.pull(XB, XA)
        began = _now()
        with holder.node.database.write() as tx:
            rows = list(tx.items.page(ItemFilter(), after=None, limit=items))
            restrict(tx, rows, at=holder.node.clock.now())
        _say("restricted", began, items)
        began = _now()
        done = _purge(holder.node, items)
        _say(f"purged, {done.disclosures} disclosures opened", began, items)
        began = _now()
        holder.node.database.forget()
        _say("forgotten by the files", began, items)


def _purge(node: Node, items: int) -> Purged:
    with node.database.write() as tx:
        which = ItemFilter(states=frozenset({ItemState.RESTRICTED}))
        rows = list(tx.items.page(which, after=None, limit=items))
        assert len(rows) == items
        cause = Cause(
            kind=CauseKind.RECALL,
            reference="XA-O-2026-00001",
            reason="wrong",
            user="",
            at=node.clock.now(),
        )
        done = purge(tx, node, rows, cause)
    assert done.versions == items
    return done


def _now() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _say(what: str, began: tuple[float, float], items: int) -> None:
    """Print how long it took, and how much of that this process had a processor."""
    took, here = (now - then for now, then in zip(_now(), began, strict=True))
    print(f"  {what}: {took:.2f} s ({here:.2f} s of processor), {items / took:.0f} items/s")


if __name__ == "__main__":
    main(
        int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, sys.argv[2] if len(sys.argv) > 2 else ""
    )
