"""The front matter of a treaty file: TOML between two ``+++`` lines, read strictly.

Rules, in the order the code applies them:

1. It is TOML 1.0, at most :data:`MAX_BYTES` long, no line longer than :data:`MAX_LINE`.
2. Every key and table of the format is present, of the right type, and no other. Only the table
   ``final_clauses`` and each of its keys may be left out, so may ``casework`` and each of its keys
   (:mod:`foedus.treaty.case_table`), and the table ``witnessing`` as a whole; what holds then is in
   :class:`~foedus.treaty.articles.FinalClauses`, :class:`~foedus.treaty.clocks.CaseClocks` and
   :attr:`~foedus.treaty.articles.Treaty.witnessing`.
3. Texts are one line, not empty, within their limit. Durations follow
   :mod:`foedus.treaty.durations`. Ids have the form of :mod:`foedus.model.identifiers`.
4. The only authentic language is that of the file itself (more than one file per treaty is for a
   later version of the format).
5. Members, names and authority keys are each listed once; the depositary is one of the members.
6. No more ratifications are needed than there are members; the tolerance for clocks does not
   exceed the hard limit.
7. Each member listed is left with enough other members to witness its log: those who do not lie are
   a quorum by themselves (:func:`foedus.signing.quorum`).

Spec: TOML 1.0.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from foedus.model.identifiers import ArticleId, MemberId
from foedus.signing.errors import QuorumError
from foedus.signing.keys import is_fingerprint
from foedus.signing.quorum import quorum
from foedus.treaty.articles import (
    EntryCondition,
    FinalClauses,
    Limits,
    Party,
    Share,
    Witnessing,
)
from foedus.treaty.case_table import read_clocks
from foedus.treaty.clocks import CaseClocks
from foedus.treaty.faults import Fault
from foedus.treaty.front_table import Places, Table

__all__ = ["MAX_BYTES", "MAX_LINE", "FrontMatter", "read_front_matter"]

MAX_BYTES: Final = 256 * 1024
"""Longest front matter, bytes; room for about a thousand members."""

MAX_LINE: Final = 4_096
"""Longest line of the front matter, characters; it bounds the work of reading dotted keys."""

_MAX_RATIFICATIONS: Final = 1_000
_MAX_LIARS: Final = 1_000
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}", re.ASCII)
_TOML_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)$", re.ASCII)

_LIMITS: Final = (
    "freshness_online",
    "freshness_pouch",
    "clock_tolerance",
    "clock_hard_limit",
    "denunciation_notice",
)
_TOP: Final = frozenset(
    {
        "title",
        "short_title",
        "exercise",
        "machine",
        "languages",
        "depositary",
        "reservable",
        "entry_into_force",
        "limits",
        "purposes",
        "offences",
        "party",
        "final_clauses",
        "witnessing",
        "casework",
    }
)
_SHARES: Final = {
    "accession": (Share.ALL, Share.TWO_THIRDS, Share.MAJORITY, Share.NONE),
    "amendment": (Share.ALL, Share.TWO_THIRDS, Share.MAJORITY, Share.AS_ENTRY, Share.NONE),
    "suspension": (Share.ALL, Share.TWO_THIRDS, Share.MAJORITY, Share.NONE),
}
_CLAUSES: Final = frozenset(
    {*_SHARES, "late_reservations", "objection_period", "definitions_required", "residual"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontMatter:
    """The front matter, read. Meaningful only if no fault was found with it.

    ``lines`` gives the line in the file of each key, well enough to point a person to it.
    """

    title: str
    short_title: str
    exercise: bool
    machine: str
    languages: tuple[str, ...]
    depositary: MemberId
    reservable: tuple[str, ...]
    entry: EntryCondition
    limits: Limits
    purposes: Mapping[str, str]
    offences: Mapping[str, str]
    parties: tuple[Party, ...]
    clauses: FinalClauses
    witnessing: Witnessing | None
    clocks: CaseClocks
    lines: Mapping[str, int]


def read_front_matter(text: str, first_line: int, faults: list[Fault]) -> FrontMatter | None:
    """Read the front matter and note every fault.

    Args:
        text: What stands between the ``+++`` lines; untrusted.
        first_line: Number in the file of its first line, from 1.
        faults: Receives the faults.

    Returns:
        What was read, with stand-ins where a fault was noted; None if it is not TOML at all.
    """
    lines = text.split("\n")
    if len(text.encode()) > MAX_BYTES:
        faults.append(Fault(first_line, f"the front matter is longer than {MAX_BYTES} bytes"))
        return None
    long = [number for number, line in enumerate(lines, first_line) if len(line) > MAX_LINE]
    if long:
        faults.append(Fault(long[0], f"the line is longer than {MAX_LINE} characters"))
        return None
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        faults.append(_toml_fault(error, first_line, len(lines)))
        return None
    place = Places(lines, first_line)
    return _read(Table(values, "", place, faults), place)


def _toml_fault(error: Exception, first_line: int, lines: int) -> Fault:
    text = str(error) if isinstance(error, ValueError) else "nested too deeply"
    place = _TOML_PLACE.search(text)
    offset = int(place[1]) - 1 if place else 0
    if text.endswith("(at end of document)"):
        offset = lines - 1
    column = int(place[2]) if place else 0
    return Fault(first_line + offset, f"the front matter is not TOML: {text[:200]}", column)


def _read(top: Table, place: Places) -> FrontMatter:
    top.only(_TOP)
    machine, languages = _languages(top)
    parties = _parties(top, place)
    return FrontMatter(
        title=top.text("title"),
        short_title=top.text("short_title"),
        exercise=top.of_type("exercise", bool, False, "true or false"),  # noqa: FBT003 - a default
        machine=machine,
        languages=languages,
        depositary=_depositary(top, parties),
        reservable=top.texts("reservable", "a list of article numbers as texts"),
        entry=_entry(top, len(parties)),
        limits=_limits(top),
        purposes=top.table("purposes").definitions(),
        offences=top.table("offences").definitions(),
        parties=parties,
        clauses=_clauses(top),
        witnessing=_witnessing(top, len(parties)),
        clocks=read_clocks(top, place),
        lines=place.known,
    )


def _languages(top: Table) -> tuple[str, tuple[str, ...]]:
    machine = top.text("machine")
    languages = top.texts("languages", 'a list of languages such as ["en"]')
    if not _LANGUAGE.fullmatch(machine):
        top.fault("machine", "must be the language of this file, such as en")
    if languages != (machine,):
        top.fault("languages", "must hold the language of this file, the only authentic one")
    return machine, languages


def _entry(top: Table, parties: int) -> EntryCondition:
    table = top.table("entry_into_force")
    table.only(frozenset({"ratifications", "delay"}))
    needed = table.of_type("ratifications", int, 1, "a whole number")
    if not 1 <= needed <= _MAX_RATIFICATIONS:
        table.fault("ratifications", f"must be from 1 to {_MAX_RATIFICATIONS}")
    elif parties and needed > parties:
        table.fault("ratifications", f"{needed} are needed and only {parties} members are listed")
    return EntryCondition(ratifications=needed, delay=table.duration("delay"))


def _limits(top: Table) -> Limits:
    table = top.table("limits")
    table.only(frozenset(_LIMITS))
    limits = Limits(**{name: table.duration(name) for name in _LIMITS})
    if limits.clock_tolerance > limits.clock_hard_limit:
        table.fault("clock_tolerance", "must not exceed clock_hard_limit")
    return limits


def _witnessing(top: Table, parties: int) -> Witnessing | None:
    """Read the figures of witnessing and check that a quorum can meet them (rule 7)."""
    if "witnessing" not in top.values:
        return None
    table = top.table("witnessing")
    table.only(frozenset({"liars", "unwitnessed"}))
    liars = table.of_type("liars", int, 0, "a whole number")
    if not 0 <= liars <= _MAX_LIARS:
        table.fault("liars", f"must be from 0 to {_MAX_LIARS}")
    elif parties:
        try:
            quorum(parties - 1, liars)
        except QuorumError:
            most = (parties - 2) // 3
            table.fault(
                "liars",
                f"of the {parties} members listed each has {parties - 1} to witness its log, and "
                f"no quorum can be had if {liars} of them may lie: "
                + (f"at most {most} may" if most >= 0 else "leave the table out"),
            )
    known = len(table.faults)
    unwitnessed = table.duration("unwitnessed")
    if not unwitnessed and len(table.faults) == known:
        table.fault("unwitnessed", "must be some time: witnesses can only sign what is entered")
    return Witnessing(liars=liars, unwitnessed=unwitnessed)


def _clauses(top: Table) -> FinalClauses:
    if "final_clauses" not in top.values:
        return FinalClauses()
    table = top.table("final_clauses")
    table.only(_CLAUSES)
    given = table.values
    usual = FinalClauses()
    return FinalClauses(
        accession=_share(table, "accession", usual.accession),
        amendment=_share(table, "amendment", usual.amendment),
        suspension=_share(table, "suspension", usual.suspension),
        late_reservations=_flag(table, "late_reservations"),
        objection_period=(
            table.duration("objection_period")
            if "objection_period" in given
            else usual.objection_period
        ),
        definitions_required=_flag(table, "definitions_required"),
        residual=(
            tuple(ArticleId(number) for number in table.texts("residual", "article numbers"))
            if "residual" in given
            else None
        ),
    )


def _share(table: Table, key: str, usual: Share) -> Share:
    if key not in table.values:
        return usual
    allowed = _SHARES[key]
    words = ", ".join(share.value for share in allowed)
    text = table.of_type(key, str, usual.value, f"one of {words}")
    if text not in allowed:
        table.fault(key, f"must be one of {words}")
        return usual
    return Share(text)


def _flag(table: Table, key: str) -> bool:
    return key in table.values and table.of_type(key, bool, False, "true or false")  # noqa: FBT003 - a default


def _parties(top: Table, place: Places) -> tuple[Party, ...]:
    rows = top.of_type("party", list, [], "a list of [[party]] tables")
    parties: list[Party] = []
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            top.fault("party", "must be a list of [[party]] tables")
            continue
        parties.append(_party(Table(row, f"party {index + 1}", place.of_party(index), top.faults)))
    for words, values in (
        ("member id", [party.member for party in parties]),
        ("name", [party.name for party in parties]),
        ("authority key", [party.authority for party in parties]),
    ):
        if len(set(values)) != len(values):
            top.fault("party", f"the same {words} is listed twice")
    return tuple(parties)


def _party(table: Table) -> Party:
    table.only(frozenset({"member", "name", "authority"}))
    authority = table.text("authority")
    if not is_fingerprint(authority):
        table.fault("authority", "must be a fingerprint: eight groups of four, A to Z and 2 to 7")
    return Party(member=table.member("member"), name=table.text("name"), authority=authority)


def _depositary(top: Table, parties: tuple[Party, ...]) -> MemberId:
    depositary = top.member("depositary")
    if parties and depositary not in {party.member for party in parties}:
        top.fault("depositary", "must be one of the members listed")
    return depositary
