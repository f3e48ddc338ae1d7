from __future__ import annotations

import contextlib
import hashlib
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foedus.canonical import canonical_bytes
from foedus.model.identifiers import ArticleId, MemberId
from foedus.treaty.articles import (
    FinalClauses,
    NoSuchArticleError,
    NoSuchPartyError,
    Share,
    Treaty,
)
from foedus.treaty.body import MAX_ARTICLES, MAX_BLOCK_BYTES, MAX_LINES, MAX_NESTING
from foedus.treaty.drafting import fill_parties, sample_text
from foedus.treaty.front_matter import MAX_BYTES, MAX_LINE
from foedus.treaty.parser import MAX_TREATY_BYTES, TreatyFaults, parse_treaty

FRONT = """\
title = "Accord of Two"
short_title = "Accord"
exercise = true
machine = "en"
languages = ["en"]
depositary = "XA"
reservable = ["2"]

[entry_into_force]
ratifications = 2
delay = "P0D"

[limits]
freshness_online = "P7D"
freshness_pouch = "P30D"
clock_tolerance = "PT5M"
clock_hard_limit = "PT1H"
denunciation_notice = "P180D"

[purposes]
prevention = "To prevent."

[offences]
financing = "To pay."

[[party]]
member = "XA"
name = "Arland"
authority = "AAAA AAAA AAAA AAAA AAAA AAAA AAAA AAAA"

[[party]]
member = "XB"
name = "Borland"
authority = "BBBB BBBB BBBB BBBB BBBB BBBB BBBB BBBB"
"""
BODY = """
# Accord of Two

## Preamble

The two agree:

## Article 1 — Neutrality

Nothing partisan.

```cedar
forbid (principal, action == Action::"disclose", resource)
unless { resource.neutral };
```

## Part II — Sharing

## Article 2 — Sharing

1. What both need.

```cedar
permit (principal, action == Action::"disclose", resource);
```

Text after the rule.

## Annex — Members

As listed above.
"""


def file(front: str = FRONT, body: str = BODY) -> bytes:
    return f"+++\n{front}+++\n{body}".encode()


def faults(raw: bytes) -> list[str]:
    with pytest.raises(TreatyFaults) as caught:
        parse_treaty(raw)
    return [f"{fault.line}: {fault.text}" for fault in caught.value.faults]


def test_small_treaty() -> None:
    treaty = parse_treaty(file())
    assert [article.id for article in treaty.articles] == ["1", "2"]
    second = treaty.article(ArticleId("2"))
    assert second.title == "Sharing"
    assert second.text == "1. What both need.\n\nText after the rule."
    assert second.blocks == ('permit (principal, action == Action::"disclose", resource);\n',)
    assert second.reservable
    assert not treaty.article(ArticleId("1")).reservable
    assert treaty.party(MemberId("XB")).name == "Borland"
    assert treaty.raw == file()
    with pytest.raises(NoSuchArticleError):
        treaty.article(ArticleId("3"))
    with pytest.raises(NoSuchPartyError):
        treaty.party(MemberId("XC"))


def test_id_is_hash_of_manifest() -> None:
    raw = file()
    manifest = canonical_bytes(
        {
            "v": 1,
            "machine": "en",
            "texts": [{"language": "en", "sha256": hashlib.sha256(raw).hexdigest()}],
        }
    )
    assert parse_treaty(raw).id == hashlib.sha256(manifest).hexdigest()
    assert parse_treaty(file(body=BODY + "\n")).id != parse_treaty(raw).id


CLAUSES = """
[final_clauses]
accession = "two-thirds"
amendment = "majority"
suspension = "none"
late_reservations = true
objection_period = "P30D"
definitions_required = true
residual = ["1"]
"""


def clauses_of(text: str) -> FinalClauses:
    return parse_treaty(file(FRONT.replace("\n[purposes]", f"{text}\n[purposes]"))).clauses


def test_final_clauses() -> None:
    assert parse_treaty(file()).clauses == FinalClauses()
    assert clauses_of("\n[final_clauses]\n") == FinalClauses()
    assert clauses_of(CLAUSES) == FinalClauses(
        accession=Share.TWO_THIRDS,
        amendment=Share.MAJORITY,
        suspension=Share.NONE,
        late_reservations=True,
        objection_period=timedelta(days=30),
        definitions_required=True,
        residual=(ArticleId("1"),),
    )
    assert clauses_of('\n[final_clauses]\namendment = "as-entry"\n').amendment is Share.AS_ENTRY
    assert clauses_of("\n[final_clauses]\nlate_reservations = false\n") == FinalClauses()
    assert clauses_of("\n[final_clauses]\nresidual = []\n").residual == ()


CLAUSE_CASES = [
    ("unknown key", 'colour = "red"', "final_clauses.colour: is not a key"),
    ("unknown share", 'accession = "half"', "final_clauses.accession: must be one of all, two-"),
    ("share of entry where it makes no sense", 'accession = "as-entry"', "must be one of all"),
    ("share is a number", "suspension = 2", "suspension: must be one of all"),
    ("flag is a text", 'late_reservations = "no"', "late_reservations: must be true or false"),
    ("months", 'objection_period = "P12M"', "objection_period: not a duration"),
    ("articles as numbers", "residual = [1]", "residual: must be article numbers"),
    ("article unknown", 'residual = ["9"]', "residual: there is no Article '9'"),
    ("article twice", 'residual = ["1", "1"]', "residual: names something twice"),
]


@pytest.mark.parametrize(
    ("line", "words"), [case[1:] for case in CLAUSE_CASES], ids=[case[0] for case in CLAUSE_CASES]
)
def test_faults_of_final_clauses(line: str, words: str) -> None:
    front = FRONT.replace("\n[purposes]", f"\n[final_clauses]\n{line}\n\n[purposes]")
    found = faults(file(front))
    assert any(words in fault for fault in found), found
    assert len(found) == 1


def test_final_clauses_are_a_table() -> None:
    (found,) = faults(file("final_clauses = 3\n" + FRONT))
    assert "final_clauses: must be a table" in found


FRONT_CASES = [
    ("unknown key", "exercise", 'colour = "red"\nexercise', "colour: is not a key"),
    ("missing key", 'short_title = "Accord"\n', "", "short_title: is missing"),
    ("wrong type", "exercise = true", 'exercise = "yes"', "exercise: must be true or false"),
    ("number where truth", "ratifications = 2", "ratifications = true", "must be a whole number"),
    ("months", 'freshness_online = "P7D"', 'freshness_online = "P1M"', "not a duration"),
    ("no ratification", "ratifications = 2", "ratifications = 0", "must be from 1"),
    ("too many ratifications", "ratifications = 2", "ratifications = 3", "only 2 members"),
    ("two languages", '["en"]', '["en", "fr"]', "the only authentic one"),
    ("depositary outside", 'depositary = "XA"', 'depositary = "XZ"', "one of the members"),
    ("depositary misspelt", 'depositary = "XA"', 'depositary = "xa"', "not a member id"),
    ("reservable unknown", 'reservable = ["2"]', 'reservable = ["9"]', "no Article '9'"),
    ("reservable twice", '["2"]', '["2", "2"]', "names something twice"),
    ("reservable number", '["2"]', "[2]", "article numbers as texts"),
    ("tolerance above limit", 'tolerance = "PT5M"', 'tolerance = "PT2H"', "must not exceed"),
    ("limit unknown", "[purposes]", 'patience = "P1D"\n[purposes]', "limits.patience"),
    ("purpose misnamed", "prevention =", "Prevention =", "small letters"),
    ("purpose without words", '"To prevent."', '""', "one line of 1 to"),
    ("purposes empty", 'prevention = "To prevent."', "", "names nothing"),
    ("offence no text", 'financing = "To pay."', "financing = 3", "a text that says"),
    ("same member twice", 'member = "XB"', 'member = "XA"', "the same member id is listed twice"),
    ("same name twice", 'name = "Borland"', 'name = "Arland"', "the same name is listed twice"),
    ("same key twice", "BBBB", "AAAA", "the same authority key is listed twice"),
    ("bad fingerprint", "BBBB BBBB ", "bbbb BBBB ", "eight groups of four"),
    ("party with extra", 'name = "Borland"', 'name = "Borland"\nvote = 1', "party 2.vote"),
    ("not TOML", "exercise = true", "exercise = = true", "not TOML"),
    ("nested", "exercise = true", "exercise = " + "[" * 3000, "not TOML"),
    ("long number", "ratifications = 2", "ratifications = " + "9" * 4000, "must be from 1 to"),
    ("long line", "exercise = true", "exercise = true #" + "x" * MAX_LINE, "is longer than"),
    ("long front", "exercise = true", "exercise = true\n" + "#x\n" * MAX_BYTES, "lines"),
    (
        "front of long lines",
        "exercise = true",
        ("#" + "x" * 4000 + "\n") * 70,
        "longer than 262144",
    ),
    ("cut off", 'title = "Accord of Two"', 'title = "Accord of Two"\n[', "not TOML"),
    ("cut off at the end", 'name = "Borland"', "name =", "not TOML"),
    ("duration missing", 'delay = "P0D"', "", "entry_into_force.delay: is missing"),
    ("language misspelt", 'machine = "en"', 'machine = "English!"', "language of this file"),
    ("text open to the end", 'BBBB"\n', 'BBBB"\nx = """\n', "not TOML"),
]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [case[1:] for case in FRONT_CASES],
    ids=[case[0] for case in FRONT_CASES],
)
def test_front_matter_faults(old: str, new: str, expected: str) -> None:
    assert FRONT.count(old) >= 1
    found = faults(file(front=FRONT.replace(old, new)))
    assert any(expected in fault for fault in found), found


RULE = "```cedar\nforbid (principal, action, resource);\n```\n"
BODY_CASES = [
    ("title differs", "# Accord of Two", "# Accord of Three", "must be equal"),
    ("second title", "## Annex — Members", "# Annex", "a second title"),
    ("hyphen for dash", "## Article 2 — Sharing", "## Article 2 - Sharing", "expected 'Preamble'"),
    ("misspelt", "## Article 2 —", "## Artcile 2 —", "expected 'Preamble'"),
    ("no space", "## Article 2 —", "##Article 2 —", "needs a space"),
    ("out of order", "## Article 2 —", "## Article 1 —", "twice or out of order"),
    ("leading zero", "## Article 2 —", "## Article 02 —", "expected 'Preamble'"),
    ("quoted article", "## Article 2 —", "> ## Article 2 —", "list or quotation"),
    ("no text", "Nothing partisan.", "", "Article 1 has no text"),
    ("comment is no text", "Nothing partisan.", "<!-- hidden -->", "Article 1 has no text"),
    ("rule in preamble", "The two agree:", RULE, "must stand under an article"),
    ("rule under a part", "II — Sharing\n", "II — Sharing\n\n" + RULE, "under an article"),
    ("rule in a list", "1. What both need.", "1. What:\n\n   ```cedar\n   x\n   ```", "in a list"),
    ("rule in quotation", "1. What both need.", "x\n\n> ```cedar\n> x\n> ```", "in a list or"),
    ("capital Cedar", "```cedar\npermit", "```Cedar\npermit", "small letters"),
    ("cedar and more", "```cedar\npermit", "```cedar draft\npermit", "marked exactly"),
    ("like cedar", "```cedar\npermit", "```xcedar\npermit", "looks like a machine rule"),
    ("unclosed", "resource);\n```", "resource);\n", "the block is not closed"),
    ("empty rule", 'permit (principal, action == Action::"disclose", resource);', "", "is empty"),
    ("look-alike letter", "permit (principal", "pеrmit (principal", "ASCII only"),  # noqa: RUF001
    ("deep", "permit (principal", "(" * (MAX_NESTING + 1) + "permit", "nests at most"),
    ("branches", "permit (principal", "if a else " * 65 + "permit", "nests at most"),
    ("long rule", "permit (principal", "//" + "x" * MAX_BLOCK_BYTES + "\npermit", "at most"),
    ("HTML block", "1. What both need.", "<div hidden>\n\nwhat\n", "HTML is refused"),
    ("HTML in text", "1. What both need.", "1. What <b>both</b> need.", "HTML is refused within"),
    ("comment and more", "1. What both need.", "<!-- a --> <b>x</b> <!-- b -->\n\nt", "HTML"),
    ("link definition", "1. What both need.", "x\n\n[note]: # (unseen)", "link definitions"),
    ("right to left", "1. What both need.", "1. What \u202eboth need.", "U+202E"),
    ("zero width", "1. What both need.", "1. What\u200b both need.", "U+200B"),
    ("carriage return", "1. What both need.", "1. What both need.\r", "U+000D"),
    ("NUL", "1. What both need.", "1. What\x00 both need.", "U+0000"),
]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [case[1:] for case in BODY_CASES],
    ids=[case[0] for case in BODY_CASES],
)
def test_body_faults(old: str, new: str, expected: str) -> None:
    assert BODY.count(old) >= 1
    found = faults(file(body=BODY.replace(old, new)))
    assert any(expected in fault for fault in found), found


def test_parties_are_tables() -> None:
    front = FRONT.partition("[[party]]")[0]
    front = "party = [1]\n" + front
    assert any("party: must be a list of [[party]]" in fault for fault in faults(file(front)))


def test_headings_below_an_article_and_comments_before_one() -> None:
    body = BODY.replace("The two agree:", "The two agree:\n\n<!-- drafted twice -->\n")
    treaty = parse_treaty(file(body=body.replace("1. What", "### Scope\n\n1. What")))
    assert treaty.article(ArticleId("2")).text.startswith("### Scope\n\n1. What both need.")


def test_every_fault_is_found_with_its_line() -> None:
    front = FRONT.replace('"P7D"', '"P7Y"').replace("exercise = true", "exercise = 1")
    body = BODY.replace("Nothing partisan.", "Nothing <i>partisan</i>.").replace("The two", "#The")
    lines = file(front, body).decode().split("\n")
    found = faults(file(front, body))
    assert len(found) == 4
    for fault, content in zip(found, ["exercise", "freshness_online", "#The", "<i>"], strict=True):
        assert content in lines[int(fault.partition(":")[0]) - 1]


def test_rule_hidden_in_a_comment_is_no_rule() -> None:
    hidden = f"1. What both need.\n\n<!--\n{RULE}-->\n"
    treaty = parse_treaty(file(body=BODY.replace("1. What both need.", hidden)))
    assert len(treaty.article(ArticleId("2")).blocks) == 1
    assert "forbid" not in treaty.article(ArticleId("2")).text


def test_fence_of_tildes_and_other_fences() -> None:
    body = BODY.replace("1. What both need.", "1. For example:\n\n```text\n## Article 9 — No\n```")
    treaty = parse_treaty(
        file(body=body.replace("```cedar", "~~~cedar").replace(";\n```", ";\n~~~"))
    )
    assert [article.id for article in treaty.articles] == ["1", "2"]
    assert len(treaty.article(ArticleId("2")).blocks) == 1


def test_numbers_between() -> None:
    body = BODY.replace("## Part II — Sharing", "## Article 1bis — Between\n\nText.")
    assert [article.id for article in parse_treaty(file(body=body)).articles] == ["1", "1bis", "2"]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", "must begin with front matter"),
        (b"+++\n", "must begin with front matter"),
        (b"\xef\xbb\xbf" + file(), "must begin with front matter"),
        (file() + b"\xff", "UTF-8"),
        (b"x" * (MAX_TREATY_BYTES + 1), "at most"),
        (file() + b"\n" * MAX_LINES, "lines"),
        (file(body="# Accord of Two\n"), "no article"),
        (file(body="# Accord of Two\n" + "## Article 1 — A\n\nx\n\n" * 201), f"{MAX_ARTICLES}"),
    ],
    ids=[
        "empty",
        "unclosed",
        "byte order mark",
        "latin",
        "long",
        "lines",
        "no article",
        "articles",
    ],
)
def test_bounds(raw: bytes, expected: str) -> None:
    assert any(expected in fault for fault in faults(raw))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300), st.integers(0, len(file())), st.integers(0, 40))
def test_only_faults_are_raised(noise: bytes, place: int, cut: int) -> None:
    raw = file()
    for data in (noise, raw[:place] + noise + raw[place + cut :]):
        with contextlib.suppress(TreatyFaults):
            parse_treaty(data)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from('`~>-#<!*[]() \n\t\\:cedar{}"=+.'), max_size=60).map("".join))
def test_only_faults_are_raised_on_markdown(noise: str) -> None:
    for raw in (file(body=BODY.replace("1. What", noise + "1. What")), file(front=noise + FRONT)):
        with contextlib.suppress(TreatyFaults):
            parse_treaty(raw)


def test_template_alone_is_no_treaty() -> None:
    found = faults(sample_text())
    assert [fault.partition(": ")[2] for fault in found] == [
        "depositary: is missing",
        "exercise: is missing",
        "party: is missing",
    ]


def test_filling_changes_only_the_front_matter(treaty: Treaty, sample: bytes) -> None:
    assert treaty.exercise
    assert treaty.depositary == "XA"
    assert len(treaty.parties) == 6
    assert sample.partition(b"\n+++\n")[2] == sample_text().partition(b"\n+++\n")[2]


def test_filling_reports_faults(treaty: Treaty) -> None:
    with pytest.raises(TreatyFaults, match="only 3 members"):
        fill_parties(sample_text(), treaty.parties[:3], exercise=False, depositary=MemberId("XA"))
    with pytest.raises(TreatyFaults, match="two '\\+\\+\\+' lines"):
        fill_parties(b"# A", treaty.parties, exercise=False, depositary=MemberId("XA"))
    with pytest.raises(TreatyFaults, match="not TOML"):
        fill_parties(treaty.raw, treaty.parties, exercise=False, depositary=MemberId("XA"))


def place_of(raw: bytes, part: str) -> str:
    """Return the text a fault points to."""
    with pytest.raises(TreatyFaults) as caught:
        parse_treaty(raw)
    fault = next(each for each in caught.value.faults if part in each.text)
    return raw.decode().split("\n")[fault.line - 1][fault.column - 1 :]


@pytest.mark.parametrize(
    ("case", "old", "new", "part", "word"),
    [
        ("unknown key", "exercise = true", "exercize = true", "did you mean exercise?", "exercize"),
        ("no TOML", "exercise = true", "exercise = tru", "not TOML", "tru"),
        (
            "key of a party",
            'name = "Borland"',
            'nam = "Borland"',
            "party 2.nam:",
            'nam = "Borland"',
        ),
        ("absent key of a party", 'name = "Borland"\n', "", "party 2.name: is miss", "[[party]]"),
        ("no article", 'reservable = ["2"]', 'reservable = ["3"]', "no Article", "reservable"),
    ],
)
def test_a_fault_of_the_front_matter_points_to_its_key(
    case: str, old: str, new: str, part: str, word: str
) -> None:
    assert case
    assert old in FRONT
    assert place_of(file(FRONT.replace(old, new)), part).startswith(word)


@pytest.mark.parametrize("mark", ["\u202e", "\u200b", "\r", "\x00"])
def test_a_character_that_must_not_be_is_the_only_fault_of_a_text_without_others(mark: str) -> None:
    """The rest of the body is read all the same, so that every fault is told at once."""
    with pytest.raises(TreatyFaults) as caught:
        parse_treaty(file(body=BODY.replace("What both", f"What{mark} both")))
    assert len(caught.value.faults) == 1
    body = BODY.replace("What both", f"What{mark} both").replace("## Part II", "## Pert II")
    with pytest.raises(TreatyFaults) as caught:
        parse_treaty(file(body=body))
    assert len(caught.value.faults) == 2


@pytest.mark.parametrize(
    ("case", "old", "new", "part", "word"),
    [
        ("invisible", "What both", "What\u200bboth", "invisible", "\u200bboth"),
        ("HTML in text", "What both", "What <b>both", "HTML", "<b>both"),
        ("not ASCII", "resource.neutral", "resource.n\u0435utral", "ASCII", "\u0435utral"),
        ("heading", "## Part II", "  ## Pert II", "expected", "## Pert"),
    ],
)
def test_a_fault_of_the_body_points_to_its_character(
    case: str, old: str, new: str, part: str, word: str
) -> None:
    assert case
    assert old in BODY
    assert place_of(file(body=BODY.replace(old, new)), part).startswith(word)
