"""Exit codes: the table, and that nobody meets a bare traceback."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click
import pytest

from foedus.access import AccessDeniedError, AccessError
from foedus.cli import app, exits
from foedus.cli.exits import Exit, exit_of
from foedus.errors import FoedusError
from foedus.ledger.errors import ReceiptError
from foedus.model.terms import TermsError
from foedus.node.errors import ConflictError, IntegrityError, NotFoundError, RefusedError
from foedus.node.heads import HeadError
from foedus.node.peer_ports import PeerError
from foedus.settings import SettingsError
from foedus.signing import EnvelopeError
from foedus.store.errors import StoreFullError, StoreLockedError

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Line

ROWS = [
    (RefusedError("x"), Exit.REFUSED),
    (ConflictError("x"), Exit.REFUSED),
    (TermsError("x"), Exit.REFUSED),
    (SettingsError("x"), Exit.REFUSED),
    (AccessError("x"), Exit.REFUSED),
    (AccessDeniedError("x"), Exit.DENIED),
    (NotFoundError("x"), Exit.NOT_FOUND),
    (IntegrityError("form", "x"), Exit.NOT_PROVED),
    (HeadError("x"), Exit.NOT_PROVED),
    (ReceiptError("x"), Exit.NOT_PROVED),
    (EnvelopeError("x"), Exit.NOT_PROVED),
    (PeerError("x"), Exit.UNREACHABLE),
    (StoreFullError("x"), Exit.STORAGE),
    (StoreLockedError("x"), Exit.STORAGE),
    (FoedusError("x"), Exit.REFUSED),
]


@pytest.mark.parametrize(("error", "code"), ROWS, ids=[row[0].code for row in ROWS])
def test_an_error_has_its_exit_code(error: FoedusError, code: Exit) -> None:
    assert exit_of(error) is code


def test_a_code_nobody_knows_is_a_fault() -> None:
    class StrangeError(FoedusError):
        code = "strange.error"

    assert exit_of(StrangeError("x")) is Exit.FAULT


def test_the_table_in_the_docstring_is_the_enum() -> None:
    listed = re.findall(r"^(\d+) +\S", exits.__doc__ or "", flags=re.MULTILINE)
    assert [int(code) for code in listed] == [code.value for code in Exit]


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (ValueError("what nobody expected"), Exit.FAULT, "please report it"),
        (RecursionError("deep"), Exit.FAULT, "please report it"),
        (PermissionError(13, "Permission denied", "letter"), Exit.REFUSED, "'letter'"),
        (RefusedError("the rule"), Exit.REFUSED, "foedus: the rule\n"),
        (click.Abort(), Exit.REFUSED, "stopped"),
        (BrokenPipeError(), Exit.DONE, ""),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_happens_is_said_on_standard_error(
    error: Exception, code: Exit, message: str, bare: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    @click.command()
    def breaks() -> None:
        """Break."""
        raise error

    monkeypatch.setattr(app, "breaks", breaks, raising=False)
    monkeypatch.setitem(app.COMMANDS, "breaks", ("foedus.cli.app", "breaks"))
    said = bare("breaks")
    assert said.code == code
    assert message in said.err
    assert not said.out
    assert ("Traceback" in said.err) is (code is Exit.FAULT)


def test_main_ends_the_process_with_the_code() -> None:
    with pytest.raises(SystemExit) as caught:
        app.main(["no-such-command"])
    assert caught.value.code == Exit.USAGE
