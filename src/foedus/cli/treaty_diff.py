"""What changed between two versions of a treaty, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from foedus.model.identifiers import TreatyId
from foedus.release.rule_diff import RuleChanges, diff_rules
from foedus.treaty.articles import Treaty
from foedus.treaty.diff import ArticleChange, Kind, diff_texts

__all__ = ["Comparison", "changes_document", "changes_text", "compare"]

_BURDENS = {
    "tighter": "obligations tighter",
    "looser": "obligations looser",
    "otherwise": "obligations otherwise",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two versions compared.

    Attributes:
        old: Id of the older.
        new: Id of the newer.
        front: Changes of the front matter, in words.
        articles: What changed in each article: its words, its rules; one of them may be None.
    """

    old: TreatyId
    new: TreatyId
    front: tuple[str, ...]
    articles: tuple[tuple[ArticleChange, RuleChanges | None], ...]


def compare(old: Treaty, new: Treaty) -> Comparison:
    """Compare two versions; articles in which nothing changed are left out."""
    texts = diff_texts(old, new)
    rules = {each.article: each for each in diff_rules(old, new)}
    return Comparison(
        old=old.id,
        new=new.id,
        front=texts.front,
        articles=tuple(
            (each, rules.get(each.article))
            for each in texts.articles
            if each.kind is not Kind.KEPT or each.article in rules
        ),
    )


def changes_document(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison for programs."""
    return {
        "old": comparison.old,
        "new": comparison.new,
        "front": list(comparison.front),
        "articles": [
            {
                "article": text.article,
                "change": text.kind.value,
                "title": text.title,
                "notes": list(text.notes),
                "words": list(text.lines),
                "rules": [] if rules is None else list(rules.changes),
                "reach": None if rules is None else rules.reach.name.lower(),
                "obligations": None if rules is None else rules.burden,
            }
            for text, rules in comparison.articles
        ],
    }


def changes_text(comparison: Comparison) -> str:
    """Return a comparison in words."""
    if comparison.old == comparison.new:
        return "The two are one text, byte for byte.\n"
    return "\n".join(_lines(comparison)) + "\n"


def _lines(comparison: Comparison) -> Iterator[str]:
    yield f"{comparison.old[:12]} → {comparison.new[:12]}"
    if comparison.front:
        yield ""
        yield "Front matter"
        yield from (f"  {line}" for line in comparison.front)
    for text, rules in comparison.articles:
        yield ""
        yield from _article(text, rules)
    if not comparison.front and not comparison.articles:
        yield "Nothing that binds changed: not the front matter, the articles or their rules."
    told = [_summary(text, rules) for text, rules in comparison.articles]
    if told:
        yield ""
        yield "In short"
        yield from (f"  {line}" for line in told)


def _article(text: ArticleChange, rules: RuleChanges | None) -> Iterator[str]:
    what = "" if text.kind in {Kind.KEPT, Kind.CHANGED} else f" ({text.kind.value})"
    yield f"Article {text.article} \N{EM DASH} {text.title}{what}"
    yield from (f"  {note}" for note in text.notes)
    if rules is not None:
        yield from (f"  {change}" for change in rules.changes)
    yield from (f"    {line}" for line in text.lines)


def _summary(text: ArticleChange, rules: RuleChanges | None) -> str:
    head = f"Article {text.article}: "
    told = [*text.notes]
    if text.kind in {Kind.ADDED, Kind.REMOVED}:
        told.insert(0, text.kind.value)
    elif text.lines:
        told.insert(0, "its words changed")
    if rules is not None:
        told.append(rules.reach.value)
        told += [_BURDENS[rules.burden]] if rules.burden in _BURDENS else []
    else:
        told.append("its rules are the same")
    return head + "; ".join(told)
