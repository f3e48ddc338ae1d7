"""Findings about a treaty file as a compiler prints them: place, severity, text, line and caret."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from foedus.release.check import Finding

__all__ = ["findings_text"]

WIDTH: Final = 100
"""Most characters of a line that are shown."""


def findings_text(name: str, raw: bytes, findings: Sequence[Finding]) -> str:
    """Return findings for people, or nothing where there are none.

    Args:
        name: Name of the file.
        raw: Its bytes; what cannot be printed is shown as a dot.
        findings: What was found, in the order of the file.
    """
    if not findings:
        return ""
    lines = raw.decode("utf-8", "replace").split("\n")
    blocks = [_finding(name, lines, each) for each in findings]
    counts = Counter(each.severity.value for each in findings)
    told = ", ".join(f"{count} {word}{'s' * (count > 1)}" for word, count in sorted(counts.items()))
    return "".join(blocks) + f"{told}\n"


def _finding(name: str, lines: Sequence[str], finding: Finding) -> str:
    place = f"{name}:{finding.line}:{finding.column}: " if finding.line else f"{name}: "
    about = f"rule {finding.rule}: " if finding.rule else ""
    if finding.article and not finding.rule:
        about = f"Article {finding.article}: "
    head = f"{place}{finding.severity.value}: {_printable(about + finding.text)}\n"
    if not 0 < finding.line <= len(lines):
        return head
    line, column = lines[finding.line - 1], max(1, finding.column)
    start = max(0, column - WIDTH + 20)
    return (
        f"{head}    {_printable(line[start : start + WIDTH])}\n    {' ' * (column - 1 - start)}^\n"
    )


def _printable(text: str) -> str:
    """Replace what a terminal would obey or hide."""
    return "".join(each if each.isprintable() else "\N{MIDDLE DOT}" for each in text)
