"""Who takes part: six invented States under codes that ISO 3166 leaves to its users."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["FIRST", "MEMBERS", "OTHERS", "Member"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One member of the bloc.

    Attributes:
        code: Its member id.
        name: Its invented name.
        reserves: Articles of the sample treaty it reserves on ratifying.
        reservation: What that means, in words; "" without a reservation.
    """

    code: str
    name: str
    reserves: tuple[str, ...] = ()
    reservation: str = ""


FIRST: Final = Member(code="XA", name="Aldara")
"""The member that gives in this exercise."""

OTHERS: Final = (
    Member(code="XB", name="Borenia"),
    Member(code="XC", name="Cestovia"),
    Member(
        code="XD",
        name="Dovania",
        reserves=("8",),
        reservation="nothing on financing and support, in either direction",
    ),
    Member(code="XE", name="Elmark"),
    Member(
        code="XF",
        name="Fenmara",
        reserves=("13",),
        reservation="no sightings or feedback, in either direction",
    ),
)
"""The members that receive, hold something already, and answer."""

MEMBERS: Final = (FIRST, *OTHERS)
