"""The cover page of a dossier: who gave what to whom, when, under which article, by what proof.

One printable file of HTML. Every text is escaped; the page runs no script and loads nothing, and
its own policy says so. It states no more than the files beside it show, and says what they do not.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Final

from foedus.canonical import JSONValue
from foedus.clock import InstantError, parse_instant
from foedus.treaty.durations import length_text

__all__ = ["CoverDisclosure", "CoverPage", "cover_page"]

_EXERCISE: Final = "EXERCISE EXERCISE EXERCISE"
_CONTROL: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]+"
)
_STYLE: Final = """
@page { size: A4; margin: 18mm; }
body { font: 11pt/1.45 Georgia, serif; color: #111; background: #fff; margin: 2em auto;
  max-width: 46em; padding: 0 1em; }
h1 { font-size: 1.5em; } h2 { font-size: 1.15em; margin-top: 1.8em; break-after: avoid; }
section { border-top: 1px solid #777; padding-top: .4em; break-inside: avoid; }
dl { display: grid; grid-template-columns: 11em 1fr; gap: .2em 1em; }
dt { color: #444; } dd { margin: 0; overflow-wrap: anywhere; }
code { font: .9em/1.4 monospace; overflow-wrap: anywhere; }
pre { background: #f2f2f2; padding: .6em; white-space: pre-wrap; overflow-wrap: anywhere; }
.exercise { border: 3px solid #a00; color: #a00; font-weight: bold; text-align: center;
  padding: .4em; letter-spacing: .2em; }
.gaps { border: 1px solid #111; padding: .2em 1em; }
@media print { body { margin: 0; max-width: none; } }
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverDisclosure:
    """One disclosure as its record in the log has it.

    Attributes:
        obligations: As in the record.
        count: Items of its batch.
        redacted: Whether a redacted form was given.
        witnessed: Witnesses of the policy that cosigned, and when.
        acknowledged: The instant of the signed acknowledgement that covers it; "" if there is none.
    """

    sender: str
    recipient: str
    recipient_name: str
    instant: str
    treaty: str
    article: str
    article_title: str
    purpose: str
    obligations: Mapping[str, JSONValue]
    law_digest: str
    count: int
    redacted: bool
    version: str
    sha256: str
    bytes_path: str
    proof_path: str
    entry: int
    log: str
    witnessed: tuple[tuple[str, datetime], ...]
    acknowledged: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverPage:
    """What the page tells.

    Attributes:
        member: Who made the dossier, by name.
        code: Its id.
        number: The item's local number, or "".
        what: Its type and title.
        policies: Paths of the policy files.
        gaps: What is not proved.
        files: Path and role of each file.
    """

    member: str
    code: str
    exercise: bool
    number: str
    what: str
    object_id: str
    originator: str
    versions: tuple[str, ...]
    made: datetime
    disclosures: tuple[CoverDisclosure, ...]
    policies: tuple[str, ...]
    gaps: tuple[str, ...]
    files: tuple[tuple[str, str], ...]


def cover_page(page: CoverPage) -> str:
    """Return the page as one file of HTML."""
    style = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'"
    title = f"Evidence on {page.number or page.object_id}"
    banner = f'<p class="exercise">{_EXERCISE}</p>' if page.exercise else ""
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_t(title)}</title><style>{_STYLE}</style></head><body>",
        banner,
        f"<h1>{_t(title)}</h1>",
        _summary(page),
        "<h2>To whom it was given</h2>",
        *(_disclosure(number, each) for number, each in enumerate(page.disclosures, start=1)),
        "" if page.disclosures else "<p>To nobody.</p>",
        _gaps(page),
        _verifying(page),
        _files(page),
        banner,
        "</body></html>",
    ]
    return "\n".join(part for part in parts if part) + "\n"


def _summary(page: CoverPage) -> str:
    return _list(
        (
            ("What it is", page.what),
            ("Item", page.object_id),
            ("Local number", page.number or "none"),
            ("Originator", page.originator),
            ("Versions held", ", ".join(page.versions)),
            ("Dossier made by", f"{page.member} ({page.code})"),
            ("Made on", _when(page.made)),
        )
    )


def _disclosure(number: int, each: CoverDisclosure) -> str:
    recipient = (
        f"{each.recipient_name} ({each.recipient})" if each.recipient_name else each.recipient
    )
    form = "a redacted form of " if each.redacted else ""
    version = _moment(each.version)
    # Kinds without instants are named by their hash, which stands below.
    what = "the item" if version == each.version else f"the version of {version}"
    story = f"{each.sender} gave {form}{what} to {recipient} on {_moment(each.instant)}."
    article = f"Article {each.article}"
    if each.article_title:
        article += f", {each.article_title}"
    with_others = (
        "alone" if each.count == 1 else f"with {each.count - 1} other items, not shown here"
    )
    proved = f"Entry {each.entry} of the log {each.log}, by {each.proof_path}" + (
        f"; the bytes given are {each.bytes_path}" if each.bytes_path else ""
    )
    witnessed = (
        "; ".join(f"{name} on {_when(at)}" for name, at in each.witnessed)
        or "nobody yet: the word of the sender's log alone"
    )
    told = _list(
        (
            ("Treaty", each.treaty or "none: a document of the protocol"),
            ("Permitted by", article),
            ("Purpose", each.purpose),
            ("Bound to", _obligations(each.obligations)),
            ("Given", with_others),
            ("Law relied on", f"digest {each.law_digest}"),
            ("SHA-256 of what was given", each.sha256),
            ("Proved by", proved),
            ("Cosigned by", witnessed),
            (
                "Acknowledged",
                f"by a signature of {each.recipient} of {_moment(each.acknowledged)}"
                if each.acknowledged
                else "not yet",
            ),
        )
    )
    return f"<section><h3>{number}. {_t(story)}</h3>{told}</section>"


def _obligations(told: Mapping[str, JSONValue]) -> str:
    words = []
    redact = told.get("redact")
    if isinstance(redact, list) and redact:
        words.append("without " + ", ".join(_target(str(one)) for one in redact))
    for name, said in (
        ("retain_s", "kept at most {}"),
        ("acknowledge_s", "acknowledged within {}"),
        ("review_s", "reviewed within {}"),
    ):
        seconds = told.get(name)
        if isinstance(seconds, int):
            words.append(said.format(length_text(timedelta(seconds=seconds))))
    approvals = told.get("approvals")
    if isinstance(approvals, int) and approvals:
        words.append(f"approved by {approvals}")
    return "; ".join(words) or "nothing besides the treaty"


def _target(text: str) -> str:
    """Return in words what a release takes out."""
    kind, _, name = text.partition(":")
    return {"kind": f"{name} values", "property": f"the property {name}"}.get(kind, text)


def _gaps(page: CoverPage) -> str:
    fixed = (
        "Instants are those of the clocks of the nodes that state them.",
        "Keys prove who signed only if they are those of the members named: compare the keys in "
        "the policy with what the members themselves say.",
        "The list of files shows that the dossier is whole as it was made, not who made it.",
    )
    lines = "".join(f"<li>{_t(each)}</li>" for each in (*page.gaps, *fixed))
    return f'<h2>What is not proved</h2><ul class="gaps">{lines}</ul>'


def _verifying(page: CoverPage) -> str:
    commands = "\n".join(f"foedus verify . --policy {each}" for each in page.policies)
    return (
        "<h2>How to verify it</h2>"
        "<p>In this folder, on any machine, without network or database:</p>"
        f"<pre>{_t(commands)}</pre>"
        "<p>It says whether every file is the one listed, and what each receipt proves. "
        "<code>python -m foedus.ledger.verify</code> takes the same words and needs a signature "
        "library only. Receipts are C2SP tlog-proof files and the policy is a C2SP tlog-policy, so "
        "that a verifier of anybody's making will do.</p>"
    )


def _files(page: CoverPage) -> str:
    lines = "".join(f"<li><code>{_t(path)}</code>: {_t(role)}</li>" for path, role in page.files)
    return (
        f"<h2>Files</h2><p>{len(page.files)} files; their hashes are in "
        f"<code>manifest.json</code>.</p><ul>{lines}</ul>"
    )


def _list(pairs: tuple[tuple[str, str], ...]) -> str:
    return "<dl>" + "".join(f"<dt>{_t(a)}</dt><dd>{_t(b)}</dd>" for a, b in pairs) + "</dl>"


def _moment(text: str) -> str:
    """Return an instant as people write it; a version that is none (a hash) stays as it is."""
    try:
        return _when(parse_instant(text))
    except InstantError:
        return text


def _when(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _t(text: str) -> str:
    return escape(_CONTROL.sub(" ", text), quote=True)
