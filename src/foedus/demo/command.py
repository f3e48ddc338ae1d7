"""``foedus demo``: the bloc of six."""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

import click

from foedus.clock import SystemClock
from foedus.demo.bloc import Bloc, choose_ports, make_bloc
from foedus.demo.outcome import Outcome
from foedus.demo.plan import OFFENCES, PURPOSE, own_plan, shipped_plan
from foedus.demo.run import Run
from foedus.demo.story import tell

__all__ = ["demo"]

_HELD: Final = 0
_NOT_HELD: Final = 1
_WATCH_INTERVAL_S: Final = 1.0
_TO_TRY: Final = (
    ("XA", f"preview source:1 --purpose {PURPOSE} --why"),
    ("XA", "hits list"),
    ("XA", "orders matrix --rows all"),
    ("XA", "orders breaches"),
    ("XB", "request list --state all"),
    ("XB", "hits list"),
    ("XB", "search lanternfall"),
    ("XD", "treaty status"),
    ("XF", "figures"),
)
"""Member and command: what a reader may look at while the nodes are up."""

_FILE: Final = click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path)


@click.command()
@click.argument("files", nargs=-1, type=_FILE)
@click.option(
    "--input",
    "inputs",
    multiple=True,
    type=_FILE,
    help="Run it on your own file instead: STIX, MISP, UN list, report, CSV; repeatable.",
)
@click.option(
    "--offence",
    default="recruitment",
    show_default=True,
    type=click.Choice(OFFENCES),
    help="What your own files are about.",
)
@click.option("--once", is_flag=True, help="End after the tables instead of leaving the nodes up.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of tables.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, resolve_path=True, path_type=Path),
    help="Empty directory to keep all data in; a temporary one is removed at the end.",
)
@click.option(
    "--port",
    type=click.IntRange(1024, 65_530),
    help="First of six ports to serve on; free ones are found if absent.",
)
@click.pass_context
def demo(
    ctx: click.Context,
    *,
    files: tuple[Path, ...],
    inputs: tuple[Path, ...],
    offence: str,
    once: bool,
    as_json: bool,
    data: Path | None,
    port: int | None,
) -> int:
    """Run the bloc of six: six nodes, one treaty, real releases, every receipt checked.

    Six invented members meet, conclude the sample treaty, give and receive under it, and prove it.
    Everything is done by this command line on nodes of their own, on this machine only. FILES are
    your own files to run it on, like `--input`: persons in them are taken as suspects, TLP green.

    Exit codes: 0 every step held, 1 one did not (it is named).
    """
    as_json = as_json or _asked_of_root(ctx)
    own = (*inputs, *files)
    ports = choose_ports(port)
    with ExitStack() as stack, _ended_by_signal():
        folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="foedus-")))
        bloc = make_bloc(folder, ports)
        stack.callback(bloc.end)
        run = Run(
            bloc=bloc,
            plan=own_plan(own, offence=offence) if own else shipped_plan(),
            now=SystemClock().now(),
        )
        run.outcome.shipped = run.plan.shipped
        try:
            tell(run, _say)
        except KeyboardInterrupt:
            _say("\ninterrupted: the nodes are stopped …")
            raise
        _print(run.outcome, as_json=as_json)
        if run.outcome.failures:
            return _NOT_HELD
        if not once:
            _stay(bloc)
    if data is not None:
        _say(f"The data is kept in {data}.")
    return _HELD


def _asked_of_root(ctx: click.Context) -> bool:
    """Return whether ``--json`` stood before ``demo``; what else makes no sense there is refused.

    Raises:
        UsageError: ``--data`` or ``--as`` stood before ``demo``: it works on nodes of its own.
    """
    given = {} if ctx.parent is None else ctx.parent.params
    if given.get("data") is not None or given.get("user"):
        raise click.UsageError(
            "the demo makes nodes of its own and touches none of yours; give `--data` after `demo`"
        )
    return bool(given.get("as_json"))


def _say(line: str) -> None:
    click.echo(line, err=True)


def _print(outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(outcome.document(), indent=2, ensure_ascii=False))
        return
    from foedus.demo.picture import show  # noqa: PLC0415  # rich is heavy, and not for JSON

    show(outcome)


def _stay(bloc: Bloc) -> None:
    """Leave the nodes up until Ctrl-C.

    Raises:
        NodeEndedError: A node ended by itself meanwhile.
    """
    _say("\nThe six nodes stay up:")
    for node in bloc.nodes:
        _say(f"  {node.member.code}  {node.address}  {node.data}")
    program = sys.argv[0] if Path(sys.argv[0]).name == "foedus" else "foedus"
    _say("In another terminal, for example:")
    for code, command in _TO_TRY:
        _say(f"  {program} --data {bloc[code].data} {command}")
    _say("Ctrl-C stops them; a second Ctrl-C kills them.")
    try:
        while True:
            time.sleep(_WATCH_INTERVAL_S)
            bloc.check_alive()
    except KeyboardInterrupt:
        _say("\nstopping …")


@contextmanager
def _ended_by_signal() -> Iterator[None]:
    """Take SIGTERM for Ctrl-C, so that no node outlives the demo."""

    def end(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
