"""The law of a treaty as a page: Markdown, or one printable file of HTML.

Every text a member wrote is escaped. The HTML page runs no script and loads nothing; its policy
says so and admits its one style by hash. A treaty for an exercise marks every page as one.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Final

from foedus.model.identifiers import ObjectId
from foedus.node.law_report import LawReport
from foedus.node.law_words import day, event_story, stage_words
from foedus.treaty.events import Event
from foedus.treaty.in_force import PairLaw
from foedus.treaty.instrument import Instrument

__all__ = ["html_page", "markdown_page"]

_EXERCISE: Final = "EXERCISE EXERCISE EXERCISE"
_IN_FORCE: Final = "●"
_RESERVED: Final = "R"
_NOT: Final = "—"
_LEGEND: Final = (
    f"{_IN_FORCE} in force · {_RESERVED} reserved by one of the two · {_NOT} not in force"
)
_STYLE: Final = """
@page { size: A4 landscape; margin: 14mm; }
body { font: 11pt/1.4 Georgia, serif; color: #111; background: #fff; margin: 2em auto;
  max-width: 75em; padding: 0 1em; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 2em; break-after: avoid; }
table { border-collapse: collapse; width: 100%; font-size: .85em; }
caption { text-align: left; font-style: italic; padding: .3em 0; }
th, td { border: 1px solid #777; padding: .25em .5em; text-align: left; vertical-align: top;
  overflow-wrap: anywhere; }
th { background: #eee; } thead { display: table-header-group; } tr { break-inside: avoid; }
.exercise { border: 3px solid #a00; color: #a00; font-weight: bold; text-align: center;
  padding: .4em; letter-spacing: .2em; }
.later td { font-style: italic; }
footer { margin-top: 2em; font-size: .8em; border-top: 1px solid #777; overflow-wrap: anywhere; }
@media print { body { margin: 0; max-width: none; } }
"""
_MARKDOWN: Final = re.compile(r"[\\`*_{}\[\]()#|~]")
_CONTROL: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+"
)

_Table = tuple[str, Sequence[str], list[Sequence[str]]]


def markdown_page(report: LawReport) -> str:
    """Return the law of a treaty as Markdown."""
    lines = [f"# {_mark(report.treaty.title)}", ""]
    if report.treaty.exercise:
        lines += [f"**{_EXERCISE}**", ""]
    lines += [_mark(words) + "  " for words in _summary(report)]
    for heading, columns, rows in _tables(report):
        lines += ["", f"## {heading}", ""]
        lines.append("| " + " | ".join(_mark(each) for each in columns) + " |")
        lines.append("|" + "---|" * len(columns))
        lines += ["| " + " | ".join(_mark(cell) for cell in row) + " |" for row in rows]
        if not rows:
            lines.append("")
            lines.append("None.")
    lines += ["", *(_mark(words) + "  " for words in _source(report)), ""]
    return "\n".join(lines)


def html_page(report: LawReport) -> str:
    """Return the law of a treaty as one printable page of HTML."""
    style = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'"
    title = _text(report.treaty.title)
    banner = f'<p class="exercise">{_EXERCISE}</p>\n' if report.treaty.exercise else ""
    summary = "<br>\n".join(_text(words) for words in _summary(report))
    source = "<br>\n".join(_text(words) for words in _source(report))
    tables = "".join(_html_table(report, *each) for each in _tables(report))
    return (
        "<!DOCTYPE html>\n"
        '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"{banner}<h1>{title}</h1>\n<p>{summary}</p>\n{tables}"
        f"<footer>{source}</footer>\n{banner}</body>\n</html>\n"
    )


def _html_table(
    report: LawReport, heading: str, columns: Sequence[str], rows: Sequence[Sequence[str]]
) -> str:
    head = "".join(f'<th scope="col">{_text(each)}</th>' for each in columns)
    now = day(report.at)
    later = '<tr class="later">'
    body = "".join(
        (later if heading == _STORY and row[0] > now else "<tr>")
        + "".join(f"<td>{_text(cell)}</td>" for cell in row)
        + "</tr>\n"
        for row in rows
    )
    none = f'<tr><td colspan="{len(columns)}">None.</td></tr>\n'
    legend = f"<caption>{_text(_LEGEND)}</caption>\n" if heading == _PAIRS else ""
    return (
        f"<h2>{_text(heading)}</h2>\n<table>\n{legend}<thead><tr>{head}</tr></thead>\n"
        f"<tbody>\n{body or none}</tbody>\n</table>\n"
    )


_MEMBERS: Final = "Members"
_PAIRS: Final = "Pairs and articles"
_ARTICLES: Final = "Articles"
_STORY: Final = "Timeline"
_INSTRUMENTS: Final = "Instruments"
_TROUBLE: Final = "What does not count"


def _summary(report: LawReport) -> Iterator[str]:
    yield f"Status of {report.treaty.short_title}: {report.state}."
    yield f"As of {day(report.at)} UTC."
    for text, since in report.status.amendments.items():
        yield f"Amendment {text[:12]} adopted on {day(since)}."
    yield from report.witnessing()
    for each in report.status.candidates:
        yield f"{', '.join(each.agreed)} agreed that {each.member} may accede; not enough yet."


def _source(report: LawReport) -> Iterator[str]:
    yield f"Treaty {report.treaty.id}."
    yield (
        f"Worked out by the node of {report.member} from {len(report.instruments)} instruments "
        f"about this treaty; digest of all instruments held there: {report.digest}."
    )


def _tables(report: LawReport) -> Iterator[_Table]:
    yield (
        _MEMBERS,
        ("member", "name", "stage", "since", "until", "reserves", "recognises", "remarks"),
        [
            (
                line.status.member,
                line.status.name,
                stage_words(line.status.stage),
                day(line.status.since),
                day(line.until),
                ", ".join(sorted(line.status.reserved)),
                ", ".join(sorted(line.status.recognises)),
                line.remarks,
            )
            for line in report.members
        ],
    )
    articles = [each.id for each in report.treaty.articles]
    yield _PAIRS, ("pair", *articles, "why not"), [_pair(report, law) for law in report.pairs()]
    yield (
        _ARTICLES,
        ("article", "title", "reservation"),
        [
            (each.id, each.title, "may be reserved" if each.reservable else "none admitted")
            for each in report.treaty.articles
        ],
    )
    known = {one.id: one for one in report.view.instruments}
    yield (
        _STORY,
        ("when", "what", "instrument"),
        [(day(each.at), event_story(each, known), _number(each, known)) for each in report.events],
    )
    yield (
        _INSTRUMENTS,
        ("member", "no.", "kind", "says", "issued", "effect"),
        [
            (
                line.instrument.member,
                str(line.instrument.serial),
                line.kind,
                line.says,
                day(line.instrument.issued),
                line.effect,
            )
            for line in report.instruments
        ],
    )
    if trouble := list(_trouble(report)):
        yield _TROUBLE, ("what", "why"), trouble


def _number(event: Event, known: Mapping[ObjectId, Instrument]) -> str:
    one = None if event.instrument is None else known.get(event.instrument)
    return "" if one is None else f"{one.member} no. {one.serial}"


def _pair(report: LawReport, law: PairLaw) -> Sequence[str]:
    cells = [
        _IN_FORCE if each.id in law.articles else _RESERVED if law.binds else _NOT
        for each in report.treaty.articles
    ]
    return f"{law.sender} / {law.recipient}", *cells, law.why_not


def _trouble(report: LawReport) -> Iterator[Sequence[str]]:
    for held in report.held:
        what = f"{held.member} no. {held.serial}"
        yield what, f"dated {day(held.until)}, further ahead than the treaty tolerates: held"
    for conflict in report.conflicts:
        count = len(conflict.instruments)
        yield f"{conflict.member} no. {conflict.serial}", f"{count} instruments bear this number"
    yield from report.refused


def _text(text: str) -> str:
    """Return a text for HTML: escaped, and without what could turn or hide it."""
    return escape(_CONTROL.sub(" ", text), quote=True)


def _mark(text: str) -> str:
    """Return a text for one line or cell of Markdown, where it is text and nothing else."""
    return escape(_MARKDOWN.sub(r"\\\g<0>", _CONTROL.sub(" ", text)), quote=False)
