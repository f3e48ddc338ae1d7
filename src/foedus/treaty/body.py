"""The body of a treaty file: Markdown with one heading per article, read from tokens.

What a lawyer sees when the file is rendered is what a node reads, and nothing else. Rules, in the
order the code applies them:

1. The text holds no invisible or direction-changing character (they can make a rule look like
   another), and no carriage return (so that all hash the same bytes).
2. A ``#`` heading is the title and comes first; it is the only one of its level.
3. A ``##`` heading is ``Preamble``, ``Part …``, ``Annex …`` or ``Article 7 — Title``. Numbers of
   articles rise. Headings stand free, not in a list or quotation.
4. A fence whose info string is exactly ``cedar`` and that stands free under an article is a machine
   rule of it. One elsewhere, unclosed, or marked almost so is a fault.
5. A machine rule is ASCII, at most :data:`MAX_BLOCK_BYTES`, with brackets nested at most
   :data:`MAX_NESTING` deep and at most :data:`MAX_BRANCHES` times ``if``: the policy engine
   recurses, and a deeper text would end the process instead of being refused.
6. An article has text; so no rule stands without words.
7. HTML is refused, since it can hide a rule from a reader; a comment is allowed and is nobody's
   text. Link definitions, which a renderer hides, are refused.

Spec: CommonMark 0.31 §4.2, §4.5, §4.6.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

from foedus.model.identifiers import ArticleId
from foedus.treaty.articles import Article
from foedus.treaty.faults import Fault

__all__ = [
    "MAX_ARTICLES",
    "MAX_BLOCK_BYTES",
    "MAX_BRANCHES",
    "MAX_LINES",
    "MAX_NESTING",
    "Body",
    "article_rank",
    "read_body",
]

MAX_ARTICLES: Final = 200
"""Most articles in a treaty."""

MAX_LINES: Final = 20_000
"""Most lines in a treaty file; it bounds the time of reading Markdown."""

MAX_BLOCK_BYTES: Final = 16 * 1024
"""Longest machine rule block, bytes."""

MAX_NESTING: Final = 64
"""Deepest nesting of round, square and curly brackets in a block."""

MAX_BRANCHES: Final = 64
"""Most occurrences of the word ``if`` in a block, since chains of it nest without brackets."""

_ARTICLE = re.compile(r"Article ([1-9]\d{0,2})(bis|ter|quater)? \N{EM DASH} (\S.{0,199})", re.ASCII)
_OTHER = re.compile(r"Preamble|(?:Part|Annex)(?: \S.*)?")
_SUFFIXES: Final = ("", "bis", "ter", "quater")
_HTML = re.compile(r"<[A-Za-z/!?]")
_COMMENT = re.compile(r"\s*<!--(?:(?!-->).)*-->\s*", re.DOTALL)
_IF = re.compile(r"\bif\b", re.ASCII)
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
    "|[\U000e0000-\U000e0fff]"
)


@dataclass(slots=True, kw_only=True)
class _Draft:
    """An article under reading."""

    line: int
    number: ArticleId
    title: str
    start: int
    blocks: list[str] = field(default_factory=list)
    block_lines: list[int] = field(default_factory=list)
    hidden: list[tuple[int, int]] = field(default_factory=list)
    end: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The body, read. Meaningful only if no fault was found with it.

    Attributes:
        title: The words of the first heading, None if there is none.
        articles: In order; ``reservable`` still follows ``reservable`` as given.
        lines: Line in the file of each article's heading.
    """

    title: str | None
    articles: tuple[Article, ...]
    lines: dict[ArticleId, int]


def article_rank(number: ArticleId) -> tuple[int, int]:
    """Return what articles are ordered by: 7, 7bis, 7ter, 8."""
    digits = number.rstrip("abceiqrstu")
    return int(digits), _SUFFIXES.index(number[len(digits) :])


def read_body(text: str, first_line: int, reservable: tuple[str, ...], faults: list[Fault]) -> Body:
    """Read the body and note every fault.

    Args:
        text: Markdown after the front matter; untrusted, at most :data:`MAX_LINES` lines.
        first_line: Number in the file of its first line, from 1.
        reservable: Numbers of the articles that admit a reservation, from the front matter.
        faults: Receives the faults.
    """
    lines = text.split("\n")
    for number, line in enumerate(lines, first_line):
        if found := _INVISIBLE.search(line):
            said = f"invisible or control character U+{ord(found[0]):04X}"
            faults.append(Fault(number, said, found.start() + 1))
    reader = _Reader(lines, first_line, faults)
    reader.read(text)
    articles = tuple(
        Article(
            id=draft.number,
            title=draft.title,
            text=reader.text_of(draft),
            blocks=tuple(draft.blocks),
            reservable=draft.number in reservable,
            block_lines=tuple(draft.block_lines),
            line=draft.line,
        )
        for draft in reader.drafts
    )
    for draft, article in zip(reader.drafts, articles, strict=True):
        if not article.text:
            faults.append(Fault(draft.line, f"Article {article.id} has no text"))
    places = {draft.number: draft.line for draft in reader.drafts}
    return Body(title=reader.title, articles=articles, lines=places)


class _Reader:
    """Walks the tokens once, keeping the article it is in."""

    def __init__(self, lines: list[str], first_line: int, faults: list[Fault]) -> None:
        self.lines = lines
        self.first_line = first_line
        self.faults = faults
        self.title: str | None = None
        self.drafts: list[_Draft] = []
        self.current: _Draft | None = None
        self.last_rank = (0, 0)

    def fault(self, line: int, text: str, column: int = 0) -> None:
        self.faults.append(Fault(self.first_line + line, text, column))

    def read(self, text: str) -> None:
        markdown = MarkdownIt("commonmark")
        # Blocks only: emphasis and links mean nothing here, and reading them costs time.
        markdown.core.ruler.enableOnly(["normalize", "block"])
        environment: dict[str, object] = {}
        tokens = markdown.parse(text, environment)
        if environment.get("references"):
            self.fault(0, "link definitions ([name]: …) are hidden when rendered and are refused")
        for index, token in enumerate(tokens):
            start, end = token.map or (0, 0)
            match token.type:
                case "heading_open":
                    self.heading(token, tokens[index + 1].content, start)
                case "fence":
                    self.fence(token, start, end)
                case "html_block":
                    self.html(token, start, end)
                case "inline":
                    self.inline(token.content, start)
                case _:
                    pass
        self.close(len(self.lines))
        if len(self.drafts) > MAX_ARTICLES:
            self.fault(0, f"more than {MAX_ARTICLES} articles")
        if not self.drafts:
            self.fault(0, "no article: expected a heading '## Article 1 \N{EM DASH} Title'")

    def close(self, line: int) -> None:
        if self.current is not None:
            self.current.end = line
        self.current = None

    def heading(self, token: Token, content: str, line: int) -> None:
        level = int(token.tag[1:])
        if level > 2:  # noqa: PLR2004 - below an article, headings are its own text
            return
        if token.level:
            self.fault(line, "a heading of title or article must not stand in a list or quotation")
            return
        self.close(line)
        if level == 1:
            if self.title is not None or self.drafts:
                self.fault(line, "a second title: one '# ' heading comes first, and only one")
            self.title = content
        elif match := _ARTICLE.fullmatch(content):
            self.open_article(match, line)
        elif not _OTHER.fullmatch(content):
            self.fault(
                line,
                "expected 'Preamble', 'Part …', 'Annex …' or 'Article 7 \N{EM DASH} Title', "
                f"not {content[:60]!r}",
            )

    def open_article(self, match: re.Match[str], line: int) -> None:
        number = ArticleId(match[1] + (match[2] or ""))
        rank = article_rank(number)
        if rank <= self.last_rank:
            self.fault(line, f"Article {number} stands twice or out of order")
        self.last_rank = max(rank, self.last_rank)
        self.current = _Draft(
            line=self.first_line + line, number=number, title=match[3], start=line + 1
        )
        self.drafts.append(self.current)

    def fence(self, token: Token, start: int, end: int) -> None:
        if token.content.count("\n") != end - start - 2:
            self.fault(start, "the block is not closed")
        if token.info.strip().lower().split(maxsplit=1)[:1] != ["cedar"]:
            if "cedar" in token.info.lower():
                self.fault(start, "looks like a machine rule; mark it exactly 'cedar' or otherwise")
            return
        if token.info != "cedar":
            self.fault(start, "a machine rule is marked exactly 'cedar', in small letters, alone")
        elif token.level:
            self.fault(start, "a machine rule must not stand in a list or quotation")
        elif self.current is None:
            self.fault(start, "a machine rule must stand under an article")
        else:
            self.current.hidden.append((start, end))
            if self.check_block(token.content, start):
                self.current.blocks.append(token.content)
                self.current.block_lines.append(self.first_line + start + 1)
            return
        self.check_block(token.content, start)

    def check_block(self, block: str, start: int) -> bool:
        """Note what is wrong with the form of a block; return whether its rules can be read."""
        before = len(self.faults)
        if not block.strip():
            self.fault(start, "the machine rule is empty")
        if not block.isascii():
            line, column = _first_not_ascii(block)
            self.fault(
                start + 1 + line,
                "a machine rule is written in ASCII only: letters can look alike",
                column,
            )
        if len(block.encode()) > MAX_BLOCK_BYTES:
            self.fault(start, f"a machine rule block is at most {MAX_BLOCK_BYTES} bytes")
        if _nesting(block) > MAX_NESTING or len(_IF.findall(block)) > MAX_BRANCHES:
            self.fault(start, f"a machine rule nests at most {MAX_NESTING} deep")
        return len(self.faults) == before

    def html(self, token: Token, start: int, end: int) -> None:
        if not _COMMENT.fullmatch(token.content):
            self.fault(start, "HTML is refused, except a comment that stands alone")
        elif self.current is not None:
            self.current.hidden.append((start, end))

    def inline(self, content: str, start: int) -> None:
        for offset, line in enumerate(content.split("\n")):
            if found := _HTML.search(line):
                before = max(0, self.lines[start + offset].find(line))
                column = before + found.start() + 1
                self.fault(start + offset, "HTML is refused within text", column)
            if line.startswith("#"):
                self.fault(start + offset, "a heading needs a space after '#'")

    def text_of(self, draft: _Draft) -> str:
        skipped = {line for start, end in draft.hidden for line in range(start, end)}
        kept = [self.lines[line] for line in range(draft.start, draft.end) if line not in skipped]
        return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def _first_not_ascii(block: str) -> tuple[int, int]:
    """Return where the first character beyond ASCII stands: line from 0, column from 1."""
    for number, line in enumerate(block.split("\n")):
        for column, character in enumerate(line, start=1):
            if not character.isascii():
                return number, column
    return 0, 0


def _nesting(block: str) -> int:
    """Return the deepest nesting of brackets, counting those in texts and comments too."""
    depth = deepest = 0
    for character in block:
        if character in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in ")]}":
            # Never below zero: a stray closer must not buy room for a deeper opener.
            depth = max(0, depth - 1)
    return deepest
