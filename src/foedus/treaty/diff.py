"""What changed between two versions of a treaty, in words: front matter and the words of articles.

Pure; the machine rules are compared in :mod:`foedus.release.rule_diff`. Articles are matched by
their number, members by their id.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from difflib import unified_diff
from enum import StrEnum
from typing import Final

from foedus.model.identifiers import ArticleId
from foedus.treaty.articles import Article, FinalClauses, Share, Treaty, Witnessing
from foedus.treaty.body import article_rank
from foedus.treaty.clocks import CaseClocks
from foedus.treaty.durations import length_text

__all__ = ["ArticleChange", "Kind", "TextChanges", "diff_texts", "witnessing_changes"]

MAX_LINES_COMPARED: Final = 1_000
"""Most lines of one article that are compared line by line."""


class Kind(StrEnum):
    """What happened to an article."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    KEPT = "kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleChange:
    """One article in both versions.

    Attributes:
        article: Its number.
        kind: What happened to its words; KEPT where only its machine rules may differ.
        title: Its title, the new one if there is one.
        notes: What changed besides the words: title, whether it admits a reservation.
        lines: Unified diff of its words, without headings; empty where they did not change.
    """

    article: ArticleId
    kind: Kind
    title: str
    notes: tuple[str, ...]
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextChanges:
    """What changed but for the machine rules.

    Attributes:
        front: Changes of the front matter and preamble, in words.
        articles: Every article of either version, in order.
    """

    front: tuple[str, ...]
    articles: tuple[ArticleChange, ...]


def diff_texts(old: Treaty, new: Treaty) -> TextChanges:
    """Compare two versions of a treaty."""
    before = {article.id: article for article in old.articles}
    after = {article.id: article for article in new.articles}
    order = sorted({*before, *after}, key=article_rank)
    return TextChanges(
        front=tuple(_front(old, new)),
        articles=tuple(_article(number, before.get(number), after.get(number)) for number in order),
    )


def _article(number: ArticleId, old: Article | None, new: Article | None) -> ArticleChange:
    notes: tuple[str, ...] = ()
    kind = Kind.KEPT
    if old is None:
        kind = Kind.ADDED
        notes = ("it admits a reservation",) if new is not None and new.reservable else ()
    elif new is None:
        kind = Kind.REMOVED
    else:
        notes = tuple(_notes(old, new))
        if notes or old.text != new.text:
            kind = Kind.CHANGED
    return ArticleChange(
        article=number,
        kind=kind,
        title=next(each.title for each in (new, old) if each is not None),
        notes=notes,
        lines=_lines("" if old is None else old.text, "" if new is None else new.text),
    )


def _notes(old: Article, new: Article) -> Iterator[str]:
    if old.title != new.title:
        yield f"the title was “{old.title}”"
    if new.reservable and not old.reservable:
        yield "it now admits a reservation"
    if old.reservable and not new.reservable:
        yield "it no longer admits a reservation"


def _lines(old: str, new: str) -> tuple[str, ...]:
    if old == new:
        return ()
    before, after = old.split("\n"), new.split("\n")
    if max(len(before), len(after)) > MAX_LINES_COMPARED:
        return ("(the words differ; the article is too long to compare line by line)",)
    return tuple(list(unified_diff(before, after, n=1, lineterm=""))[2:])


def _front(old: Treaty, new: Treaty) -> Iterator[str]:
    for what, a, b in (
        ("title", old.title, new.title),
        ("short title", old.short_title, new.short_title),
        ("languages", ", ".join(old.languages), ", ".join(new.languages)),
        ("depositary", old.depositary, new.depositary),
        ("exercise", _yes(old.exercise), _yes(new.exercise)),
        ("ratifications needed", old.entry.ratifications, new.entry.ratifications),
        ("delay of entry into force", length_text(old.entry.delay), length_text(new.entry.delay)),
    ):
        if a != b:
            yield f"{what}: {a} → {b}"
    for limit in fields(old.limits):
        a, b = getattr(old.limits, limit.name), getattr(new.limits, limit.name)
        if a != b:
            yield f"{limit.name.replace('_', ' ')}: {length_text(a)} → {length_text(b)}"
    yield from witnessing_changes(old, new)
    yield from _clocks(old.clocks, new.clocks)
    yield from _definitions("purpose", old.purposes, new.purposes)
    yield from _definitions("offence", old.offences, new.offences)
    yield from _members(old, new)
    yield from _clauses(old.clauses, new.clauses)


def witnessing_changes(old: Treaty, new: Treaty) -> Iterator[str]:
    """Yield what changed of the figures of witnessing, in words."""
    a, b = old.witnessing, new.witnessing
    if a is None or b is None:
        if a is not b:
            yield f"witnessing: {_witnessing(a)} → {_witnessing(b)}"
        return
    if a.liars != b.liars:
        yield f"witnesses that may lie: {a.liars} → {b.liars}"
    if a.unwitnessed != b.unwitnessed:
        yield (
            "how long an entry may be unwitnessed: "
            f"{length_text(a.unwitnessed)} → {length_text(b.unwitnessed)}"
        )


def _witnessing(figures: Witnessing | None) -> str:
    if figures is None:
        return "no quorum, no limit"
    return f"{figures.liars} may lie, unwitnessed for at most {length_text(figures.unwitnessed)}"


def _clocks(old: CaseClocks, new: CaseClocks) -> Iterator[str]:
    for clock in fields(old):
        a, b = getattr(old, clock.name), getattr(new, clock.name)
        if a != b:
            yield f"casework, {clock.name.replace('_', ' ')}: {_figure(a)} → {_figure(b)}"


def _figure(value: object) -> str:
    match value:
        case timedelta():
            return length_text(value)
        case bool():
            return _yes(value)
        case _:
            return str(value)


def _members(old: Treaty, new: Treaty) -> Iterator[str]:
    before = {party.member: party for party in old.parties}
    after = {party.member: party for party in new.parties}
    for member in sorted(after.keys() - before.keys()):
        yield f"member joined: {member} ({after[member].name})"
    for member in sorted(before.keys() - after.keys()):
        yield f"member left: {member} ({before[member].name})"
    for member in sorted(before.keys() & after.keys()):
        one, other = before[member], after[member]
        if one.name != other.name:
            yield f"name of {member}: {one.name} → {other.name}"
        if one.authority != other.authority:
            yield f"authority key of {member}: {one.authority} → {other.authority}"


def _definitions(what: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(new.keys() - old.keys()):
        yield f"{what} added: {name}: {new[name]}"
    for name in sorted(old.keys() - new.keys()):
        yield f"{what} removed: {name}"
    for name in sorted(old.keys() & new.keys()):
        if old[name] != new[name]:
            yield f"{what} {name} was “{old[name]}” and is “{new[name]}”"


def _clauses(old: FinalClauses, new: FinalClauses) -> Iterator[str]:
    for clause in fields(old):
        a, b = _clause(getattr(old, clause.name)), _clause(getattr(new, clause.name))
        if a != b:
            yield f"{clause.name.replace('_', ' ')}: {a} → {b}"


def _clause(
    value: Share | bool | timedelta | tuple[ArticleId, ...] | None,  # noqa: FBT001 - a value
) -> str:
    match value:
        case None:
            return "every article that admits no reservation"
        case bool():
            return _yes(value)
        case Share():
            return value.value
        case timedelta():
            return length_text(value)
        case tuple():
            return ", ".join(value) or "none"


def _yes(value: bool) -> str:  # noqa: FBT001 - a value
    return "yes" if value else "no"
