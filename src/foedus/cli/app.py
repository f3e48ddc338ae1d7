"""The root command: which node, who acts, how to print; errors become messages and exit codes."""

from __future__ import annotations

import importlib
import sys
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from foedus import __version__
from foedus.cli.exits import Exit, exit_of
from foedus.errors import FoedusError
from foedus.settings import SettingsError, load_settings, read_environment

if TYPE_CHECKING:
    from foedus.access import Actor
    from foedus.compose import Wired

__all__ = ["COMMANDS", "Session", "main", "root", "run"]

COMMANDS: dict[str, tuple[str, str, str]] = {
    "init": ("foedus.cli.setting_up", "init", "make a new node in an empty data directory"),
    "serve": ("foedus.cli.setting_up", "serve", "serve this node until stopped"),
    "doctor": ("foedus.cli.setting_up", "doctor", "check this node and say what helps"),
    "limits": ("foedus.cli.setting_up", "limits", "show the limits this node keeps"),
    "introduce": ("foedus.cli.peers", "introduce", "export this member's letter of credence"),
    "peers": ("foedus.cli.peers", "peers", "accept and list other members"),
    "treaty": (
        "foedus.cli.treaty",
        "treaty",
        "draft, check, adopt, sign, ratify; see what binds whom",
    ),
    "keys": ("foedus.cli.keys", "keys", "which keys speak for whom; give one up"),
    "submit": ("foedus.cli.items", "submit", "read files into drafts"),
    "vouch": ("foedus.cli.items", "vouch", "give drafts their terms and hold them"),
    "discard": ("foedus.cli.items", "discard", "throw drafts away"),
    "show": ("foedus.cli.items", "show", "show one item and who was given it"),
    "search": ("foedus.cli.items", "search", "search values, words, sources, drafts"),
    "preview": (
        "foedus.cli.preview",
        "preview",
        "who would see it, under which article, and why not; what if",
    ),
    "explain": ("foedus.cli.explain", "explain", "one item and one member: the whole story"),
    "approve": ("foedus.cli.grounds", "approve", "approve exactly what would be released"),
    "approvals": ("foedus.cli.grounds", "approvals", "who approved which release; withdraw one"),
    "consent": ("foedus.cli.consent", "consent", "ask for a consent to pass on; give or refuse it"),
    "feedback": ("foedus.cli.feedback", "feedback", "say what is wrong with an item we were given"),
    "disclose": ("foedus.cli.release", "disclose", "give items to the members the treaty permits"),
    "duties": ("foedus.cli.duties", "duties", "who owes what after a release, and by when"),
    "pull": (
        "foedus.cli.release",
        "pull",
        "take what peers have for us: verify, decide, hold, match",
    ),
    "hits": ("foedus.cli.hits", "hits", "questions for people: look, confirm, dismiss"),
    "request": ("foedus.cli.request", "request", "ask members for information, and answer them"),
    "quarantine": ("foedus.cli.figures", "quarantine", "what was received and refused"),
    "figures": ("foedus.cli.figures", "figures", "do the figures agree?"),
    "receipt": ("foedus.cli.evidence", "receipt", "write receipts of an item's disclosures"),
    "challenge": (
        "foedus.cli.challenge",
        "challenge",
        "persons challenge what is held, or ask to see it; letters, figures",
    ),
    "evidence": ("foedus.cli.evidence", "evidence", "build an item's dossier for a court"),
    "verify": ("foedus.cli.verify", "verify", "verify receipts and dossiers offline"),
    "orders": ("foedus.cli.orders", "orders", "recall or correct what was given; who did so"),
    "export": ("foedus.cli.export", "export", "write held items to a file; list exports"),
    "retention": (
        "foedus.cli.retention",
        "retention",
        "what ends or is reviewed when; purge, renew",
    ),
    "subject": ("foedus.cli.subject", "subject", "everything known here about one person"),
    "readings": ("foedus.cli.retention", "readings", "who read personal data, and for what"),
    "erase": ("foedus.cli.erase", "erase", "erase an item; its log entries stay"),
    "ledger": ("foedus.cli.ledger", "ledger", "audit a log; its key and policy"),
    "backup": ("foedus.cli.recovery", "backup", "copy this node's store while it runs"),
    "restore": ("foedus.cli.recovery", "restore", "put a backup into an empty data directory"),
    "db": ("foedus.cli.db", "db", "where the store is; its shape; move it to PostgreSQL or back"),
    "recover": (
        "foedus.cli.recovery",
        "recover",
        "after a restore: what was signed and given since, from the others",
    ),
    "user": ("foedus.cli.people", "user", "people and their roles"),
    "token": ("foedus.cli.tokens", "token", "tokens for a member's own tools"),
    "collections": (
        "foedus.cli.collections",
        "collections",
        "a member's own collections for its tools (TAXII)",
    ),
    "webhook": ("foedus.cli.webhooks", "webhook", "tell own tools what happens here"),
    "demo": ("foedus.demo.command", "demo", "six nodes, one treaty, real releases"),
}
"""Command → module, attribute and what the overview says. A module is imported only when its
command is asked for."""


@dataclass(slots=True)
class Session:
    """What one command line asked for; wired on first use.

    Attributes:
        data: Data directory of the node, or None.
        user: Who acts, or "".
        as_json: Whether to print one JSON object instead of text.
        why: What for personal data is read, or "".
    """

    data: Path | None
    user: str
    as_json: bool
    why: str = ""
    _wired: Wired | None = field(default=None, repr=False)

    @property
    def wired(self) -> Wired:
        """The node, opened once.

        Raises:
            SettingsError: No data directory is named, or it is no node's.
        """
        if self._wired is None:
            from foedus.compose import open_node  # noqa: PLC0415  # keeps `--help` fast

            self._wired = open_node(load_settings(self.directory))
        return self._wired

    @property
    def directory(self) -> Path:
        """The data directory, or raise SettingsError."""
        if self.data is None:
            raise SettingsError(
                "which node? give --data DIR or set FOEDUS_DATA to its data directory"
            )
        return self.data

    @property
    def actor(self) -> Actor:
        """The person acting: ``--as``, ``FOEDUS_USER``, or the node's only user."""
        from foedus.node.context import actor_of  # noqa: PLC0415  # keeps `--help` fast

        node = self.wired.node
        if self.user:
            return actor_of(node, self.user)
        with node.database.read() as tx:
            users = tx.people.users()
        if len(users) != 1:
            raise SettingsError("who acts? give --as USER or set FOEDUS_USER")
        return actor_of(node, users[0].name)

    def reopen(self) -> None:
        """Open the node anew with the next use, since what it stands on changed."""
        self.close()
        self._wired = None

    def close(self) -> None:
        """Close what was opened."""
        if self._wired is not None:
            self._wired.close()


class _LazyGroup(click.Group):
    """Imports a command's module when it is asked for, so that start-up stays lean."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002  # click's signature
        with formatter.section("Commands"):
            formatter.write_dl([(name, place[2]) for name, place in COMMANDS.items()])

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(COMMANDS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002  # click's signature
        cmd_name: str,
    ) -> click.Command | None:
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        command: click.Command = getattr(importlib.import_module(place[0]), place[1])
        return command


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 refused, 2 usage, 3 not found, 4 not proved, 5 peer unreachable, "
    "6 no right, 7 done in part, 8 storage failed, 70 a fault in Foedus.",
)
@click.option("--data", type=click.Path(path_type=Path), help="Data directory (or FOEDUS_DATA).")
@click.option("--as", "user", default="", help="Who is acting (or FOEDUS_USER).")
@click.option("--why", default="", help="What for personal data is read (or FOEDUS_WHY).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
@click.version_option(__version__, prog_name="foedus")
@click.pass_context
def root(ctx: click.Context, *, data: Path | None, user: str, why: str, as_json: bool) -> None:
    """Share under a treaty: decide, record, deliver, prove.

    A first tour: `foedus demo`. A first node: `foedus init`, then `foedus introduce`.
    """
    environment = read_environment()
    session = Session(
        data=data or environment.data,
        user=user or environment.user,
        as_json=as_json,
        why=why or environment.why,
    )
    ctx.obj = session
    ctx.call_on_close(session.close)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit the process."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code; the outermost handler of this edge."""
    try:
        given = sys.argv[1:] if arguments is None else arguments
        result: Any = root.main(args=_json_first(given), prog_name="foedus", standalone_mode=False)
    except BrokenPipeError:
        return Exit.DONE
    except Exception as error:  # noqa: BLE001  # outermost: what nobody expected is told as a fault
        return _told(error)
    return result if isinstance(result, int) else Exit.DONE


def _json_first(arguments: list[str]) -> list[str]:
    """Let ``--json`` stand anywhere before ``--``: people add it at the end of a line."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options, rest = arguments[:end], arguments[end:]
    if "--json" not in options:
        return arguments
    return ["--json", *(each for each in options if each != "--json"), *rest]


def _told(error: Exception) -> Exit:
    """Say on standard error what went wrong, and return its exit code."""
    code = Exit.REFUSED
    match error:
        case click.ClickException():
            error.show()
            code = Exit.USAGE
        case click.Abort():
            click.echo("stopped", err=True)
        case FoedusError():
            click.echo(f"foedus: {error}", err=True)
            code = exit_of(error)
        case OSError():  # a file the command line named; what the store meets is a StoreError
            click.echo(f"foedus: {error}", err=True)
        case _:
            click.echo("".join(traceback.format_exception(error)), err=True)
            click.echo("foedus: this is a fault in Foedus; please report it", err=True)
            code = Exit.FAULT
    return code
