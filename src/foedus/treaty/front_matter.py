"""The front matter of a treaty file: TOML between two ``+++`` lines, read strictly.

Rules, in the order the code applies them:

1. It is TOML 1.0, at most :data:`MAX_BYTES` long, no line longer than :data:`MAX_LINE`.
2. Every key and table of the format is present, of the right type, and no other. Only the table
   ``final_clauses`` and each of its keys may be left out, and the table ``witnessing`` as a whole;
   what holds then is in :class:`~foedus.treaty.articles.FinalClauses` and
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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, TypeVar

from foedus.model.identifiers import ArticleId, IdentifierError, MemberId, member_id
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
from foedus.treaty.durations import DurationError, parse_duration
from foedus.treaty.faults import Fault, nearest

__all__ = ["MAX_BYTES", "MAX_LINE", "FrontMatter", "read_front_matter"]

MAX_BYTES: Final = 256 * 1024
"""Longest front matter, bytes; room for about a thousand members."""

MAX_LINE: Final = 4_096
"""Longest line of the front matter, characters; it bounds the work of reading dotted keys."""

_MAX_TITLE: Final = 200
_MAX_DEFINITION: Final = 1_000
_MAX_RATIFICATIONS: Final = 1_000
_MAX_LIARS: Final = 1_000
_WORD = re.compile(r"[a-z][a-z0-9-]{0,39}", re.ASCII)
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

_T = TypeVar("_T")


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
    lines: Mapping[str, int]


class _Table:
    """One TOML table under reading: gives typed values and notes faults instead of raising."""

    def __init__(
        self,
        values: Mapping[str, object],
        name: str,
        line: Callable[[str], int],
        faults: list[Fault],
    ) -> None:
        self.values = values
        self.name = name
        self.line = line
        self.faults = faults

    def fault(self, key: str, text: str) -> None:
        where = f"{self.name}.{key}" if self.name else key
        self.faults.append(Fault(self.line(key), f"{where}: {text}"))

    def only(self, allowed: frozenset[str]) -> None:
        for key in sorted(self.values.keys() - allowed):
            self.fault(key[:40], "is not a key of the treaty format" + nearest(key, allowed))

    def of_type(self, key: str, kind: type[_T], default: _T, words: str) -> _T:
        value = self.values.get(key)
        if type(value) is kind:
            return value
        self.fault(key, "is missing" if key not in self.values else f"must be {words}")
        return default

    def text(self, key: str, limit: int = _MAX_TITLE) -> str:
        return self._line_of_text(key, self.of_type(key, str, "?", "a text"), limit)

    def _line_of_text(self, key: str, value: str, limit: int) -> str:
        if not value or value != value.strip() or not value.isprintable() or len(value) > limit:
            self.fault(key, f"must be one line of 1 to {limit} characters without outer spaces")
        return value

    def texts(self, key: str, words: str) -> tuple[str, ...]:
        values = self.of_type(key, list, [], words)
        if any(not isinstance(value, str) for value in values):
            self.fault(key, f"must be {words}")
            return ()
        if len(set(values)) != len(values):
            self.fault(key, "names something twice")
        return tuple(values)

    def duration(self, key: str) -> timedelta:
        if key not in self.values:
            self.fault(key, "is missing")
            return timedelta(0)
        try:
            return parse_duration(self.of_type(key, str, "P0D", "a duration such as P30D"))
        except DurationError as error:
            self.fault(key, str(error))
            return timedelta(0)

    def member(self, key: str) -> MemberId:
        try:
            return member_id(self.of_type(key, str, "XX", "a member id"))
        except IdentifierError as error:
            self.fault(key, str(error))
            return MemberId("XX")

    def table(self, key: str) -> _Table:
        return _Table(self.of_type(key, dict, {}, "a table"), key, self.line, self.faults)

    def definitions(self) -> Mapping[str, str]:
        read: dict[str, str] = {}
        for key, value in self.values.items():
            if not _WORD.fullmatch(key):
                self.fault(
                    key[:40], "must be named in small letters, digits and hyphens, at most 40"
                )
            elif not isinstance(value, str):
                self.fault(key, "must be a text that says what it means")
            else:
                read[key] = self._line_of_text(key, value, _MAX_DEFINITION)
        if not self.values:
            self.faults.append(Fault(self.line(self.name), f"{self.name}: names nothing"))
        return read


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
    place = _Places(lines, first_line)
    return _read(_Table(values, "", place, faults), place)


class _Places:
    """Finds the line of a key, well enough to point a person to it."""

    def __init__(self, lines: list[str], first_line: int) -> None:
        self.first_line = first_line
        self.known: dict[str, int] = {}
        self.parties: list[int] = []
        self.lines = lines
        for number, line in enumerate(lines, first_line):
            if line.strip() == "[[party]]":
                self.parties.append(number)
            key = line.partition("=")[0].strip().strip('[]"')
            self.known.setdefault(key, number)

    def __call__(self, key: str) -> int:
        return self.known.get(key, self.first_line)

    def of_party(self, index: int) -> Callable[[str], int]:
        """Return where the keys of one ``[[party]]`` table stand."""
        if index >= len(self.parties):
            return lambda _key: self.first_line
        heading = self.parties[index]

        def line_of(key: str) -> int:
            for number, line in enumerate(self.lines[heading - self.first_line + 1 :], heading + 1):
                if line.lstrip().startswith("["):
                    break
                if line.partition("=")[0].strip().strip('"') == key:
                    return number
            return heading

        return line_of


def _toml_fault(error: Exception, first_line: int, lines: int) -> Fault:
    text = str(error) if isinstance(error, ValueError) else "nested too deeply"
    place = _TOML_PLACE.search(text)
    offset = int(place[1]) - 1 if place else 0
    if text.endswith("(at end of document)"):
        offset = lines - 1
    column = int(place[2]) if place else 0
    return Fault(first_line + offset, f"the front matter is not TOML: {text[:200]}", column)


def _read(top: _Table, place: _Places) -> FrontMatter:
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
        lines=place.known,
    )


def _languages(top: _Table) -> tuple[str, tuple[str, ...]]:
    machine = top.text("machine")
    languages = top.texts("languages", 'a list of languages such as ["en"]')
    if not _LANGUAGE.fullmatch(machine):
        top.fault("machine", "must be the language of this file, such as en")
    if languages != (machine,):
        top.fault("languages", "must hold the language of this file, the only authentic one")
    return machine, languages


def _entry(top: _Table, parties: int) -> EntryCondition:
    table = top.table("entry_into_force")
    table.only(frozenset({"ratifications", "delay"}))
    needed = table.of_type("ratifications", int, 1, "a whole number")
    if not 1 <= needed <= _MAX_RATIFICATIONS:
        table.fault("ratifications", f"must be from 1 to {_MAX_RATIFICATIONS}")
    elif parties and needed > parties:
        table.fault("ratifications", f"{needed} are needed and only {parties} members are listed")
    return EntryCondition(ratifications=needed, delay=table.duration("delay"))


def _limits(top: _Table) -> Limits:
    table = top.table("limits")
    table.only(frozenset(_LIMITS))
    limits = Limits(**{name: table.duration(name) for name in _LIMITS})
    if limits.clock_tolerance > limits.clock_hard_limit:
        table.fault("clock_tolerance", "must not exceed clock_hard_limit")
    return limits


def _witnessing(top: _Table, parties: int) -> Witnessing | None:
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


def _clauses(top: _Table) -> FinalClauses:
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


def _share(table: _Table, key: str, usual: Share) -> Share:
    if key not in table.values:
        return usual
    allowed = _SHARES[key]
    words = ", ".join(share.value for share in allowed)
    text = table.of_type(key, str, usual.value, f"one of {words}")
    if text not in allowed:
        table.fault(key, f"must be one of {words}")
        return usual
    return Share(text)


def _flag(table: _Table, key: str) -> bool:
    return key in table.values and table.of_type(key, bool, False, "true or false")  # noqa: FBT003 - a default


def _parties(top: _Table, place: _Places) -> tuple[Party, ...]:
    rows = top.of_type("party", list, [], "a list of [[party]] tables")
    parties: list[Party] = []
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            top.fault("party", "must be a list of [[party]] tables")
            continue
        parties.append(_party(_Table(row, f"party {index + 1}", place.of_party(index), top.faults)))
    for words, values in (
        ("member id", [party.member for party in parties]),
        ("name", [party.name for party in parties]),
        ("authority key", [party.authority for party in parties]),
    ):
        if len(set(values)) != len(values):
            top.fault("party", f"the same {words} is listed twice")
    return tuple(parties)


def _party(table: _Table) -> Party:
    table.only(frozenset({"member", "name", "authority"}))
    authority = table.text("authority")
    if not is_fingerprint(authority):
        table.fault("authority", "must be a fingerprint: eight groups of four, A to Z and 2 to 7")
    return Party(member=table.member("member"), name=table.text("name"), authority=authority)


def _depositary(top: _Table, parties: tuple[Party, ...]) -> MemberId:
    depositary = top.member("depositary")
    if parties and depositary not in {party.member for party in parties}:
        top.fault("depositary", "must be one of the members listed")
    return depositary
