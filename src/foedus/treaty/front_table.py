"""One TOML table under reading: typed values, and every fault noted instead of raised."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final, TypeVar

from foedus.model.identifiers import IdentifierError, MemberId, member_id
from foedus.treaty.durations import DurationError, parse_duration
from foedus.treaty.faults import Fault, nearest

__all__ = ["Places", "Table"]

_MAX_TITLE: Final = 200
_MAX_DEFINITION: Final = 1_000
_WORD: Final = re.compile(r"[a-z][a-z0-9-]{0,39}", re.ASCII)

_T = TypeVar("_T")


class Table:
    """One TOML table under reading: gives typed values and notes faults instead of raising."""

    def __init__(
        self,
        values: Mapping[str, object],
        name: str,
        line: Callable[[str], int],
        faults: list[Fault],
    ) -> None:
        """Read a table.

        Args:
            values: What TOML gave; untrusted.
            name: The table's name, "" for the top.
            line: Gives the line in the file of a key.
            faults: Receives the faults.
        """
        self.values = values
        self.name = name
        self.line = line
        self.faults = faults

    def fault(self, key: str, text: str) -> None:
        """Note a fault of a key."""
        where = f"{self.name}.{key}" if self.name else key
        self.faults.append(Fault(self.line(key), f"{where}: {text}"))

    def only(self, allowed: frozenset[str]) -> None:
        """Note each key that is not of the format."""
        for key in sorted(self.values.keys() - allowed):
            self.fault(key[:40], "is not a key of the treaty format" + nearest(key, allowed))

    def of_type(self, key: str, kind: type[_T], default: _T, words: str) -> _T:
        """Return a value of exactly that type, or note what is wrong and return the default."""
        value = self.values.get(key)
        if type(value) is kind:
            return value
        self.fault(key, "is missing" if key not in self.values else f"must be {words}")
        return default

    def text(self, key: str, limit: int = _MAX_TITLE) -> str:
        """Return one line of text."""
        return self._line_of_text(key, self.of_type(key, str, "?", "a text"), limit)

    def _line_of_text(self, key: str, value: str, limit: int) -> str:
        if not value or value != value.strip() or not value.isprintable() or len(value) > limit:
            self.fault(key, f"must be one line of 1 to {limit} characters without outer spaces")
        return value

    def texts(self, key: str, words: str) -> tuple[str, ...]:
        """Return a list of texts, each once."""
        values = self.of_type(key, list, [], words)
        if any(not isinstance(value, str) for value in values):
            self.fault(key, f"must be {words}")
            return ()
        if len(set(values)) != len(values):
            self.fault(key, "names something twice")
        return tuple(values)

    def duration(self, key: str) -> timedelta:
        """Return a duration; none where there is a fault."""
        if key not in self.values:
            self.fault(key, "is missing")
            return timedelta(0)
        try:
            return parse_duration(self.of_type(key, str, "P0D", "a duration such as P30D"))
        except DurationError as error:
            self.fault(key, str(error))
            return timedelta(0)

    def member(self, key: str) -> MemberId:
        """Return the id of a member."""
        try:
            return member_id(self.of_type(key, str, "XX", "a member id"))
        except IdentifierError as error:
            self.fault(key, str(error))
            return MemberId("XX")

    def table(self, key: str) -> Table:
        """Return a table within this one, empty where there is none."""
        return Table(self.of_type(key, dict, {}, "a table"), key, self.line, self.faults)

    def definitions(self) -> Mapping[str, str]:
        """Return words and what they mean."""
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


class Places:
    """Finds the line of a key, well enough to point a person to it."""

    def __init__(self, lines: list[str], first_line: int) -> None:
        """Take the lines of the front matter and the number in the file of the first."""
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
        """Return the line on which a key first stands."""
        return self.known.get(key, self.first_line)

    def of_party(self, index: int) -> Callable[[str], int]:
        """Return where the keys of one ``[[party]]`` table stand."""
        if index >= len(self.parties):
            return lambda _key: self.first_line
        return self._after(self.parties[index])

    def of_table(self, name: str) -> Callable[[str], int]:
        """Return where the keys of one ``[name]`` table stand: its heading where one is missing."""
        for number, line in enumerate(self.lines, self.first_line):
            if line.strip() == f"[{name}]":
                return self._after(number)
        return self

    def _after(self, heading: int) -> Callable[[str], int]:
        def line_of(key: str) -> int:
            for number, line in enumerate(self.lines[heading - self.first_line + 1 :], heading + 1):
                if line.lstrip().startswith("["):
                    break
                if line.partition("=")[0].strip().strip('"') == key:
                    return number
            return heading

        return line_of
