"""What every command that shows personal data does first: note who reads it, and for what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from foedus.cli.app import Session
from foedus.settings import SettingsError

if TYPE_CHECKING:
    from foedus.access import Actor

__all__ = ["demand_purpose", "note_read", "reader"]


def reader(session: Session) -> Actor | None:
    """Return who reads; None where nobody is named and several people might be meant."""
    try:
        return session.actor
    except SettingsError:
        return None


def demand_purpose(session: Session) -> None:
    """Check, before something is done that then shows personal data, that it may be shown.

    Raises:
        PurposeNeededError: Personal data is read here only by a named person for a stated purpose.
    """
    from foedus.node.readings import checked_purpose  # noqa: PLC0415  # keeps `--help` fast

    checked_purpose(session.wired.node, reader(session), session.why)


def note_read(session: Session, what: str, handles: Sequence[int]) -> None:
    """Note that items are shown, before they are; without personal data nothing is noted.

    Raises:
        PurposeNeededError: Personal data is read here only by a named person for a stated purpose.
    """
    from foedus.node.readings import log_reading  # noqa: PLC0415  # keeps `--help` fast

    log_reading(session.wired.node, reader(session), what, handles, session.why)
