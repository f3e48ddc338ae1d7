"""How far rules reach: what can never apply, what is shadowed, what is too wide."""

from __future__ import annotations

from pathlib import Path

import pytest

from foedus.release.breadth import Severity, examine, words_of
from foedus.release.cedar import parse_block
from foedus.release.check import Report, accept_treaty, check_treaty
from foedus.release.errors import CompileFault, CompileFaults
from foedus.release.rules import read_rules
from foedus.release.satisfy import Goal, NotExamined, Space, Words
from foedus.treaty.articles import Party
from foedus.treaty.drafting import fill_parties, sample_text
from foedus.treaty.faults import TreatyFaults
from foedus.treaty.parser import parse_treaty

SMALL = Path(__file__).parents[2] / "golden" / "release" / "small-treaty.md"
GUARD = (
    "resource.purposes.contains(context.purpose) && "
    '["prevention", "investigation"].contains(context.purpose)'
)


def text_of(*articles: str) -> bytes:
    """Return the small treaty with these rules, one article each."""
    head = SMALL.read_text(encoding="utf-8").split("## Article 1 ")[0]
    head = head.replace('["6", "7", "8", "9"]', "[]")
    return (
        head
        + "".join(
            f"## Article {number} — Only one\n\nWords.\n\n```cedar\n{rule}\n```\n\n"
            for number, rule in enumerate(articles, start=1)
        )
    ).encode()


def permit(condition: str, *, action: str = "disclose") -> str:
    guarded = f"{GUARD} && ({condition})"
    return f'permit (principal, action == Action::"{action}", resource) when {{ {guarded} }};'


def forbid(condition: str) -> str:
    return f"forbid (principal, action, resource) when {{ {condition} }};"


def told(report: Report) -> list[tuple[str, str]]:
    return [(each.rule, each.severity.value) for each in report.findings]


FINE = permit("context.recognised")


LEVELS = '!["clear", "green"].contains(resource.tlp)'
EARLY, LATE = 'datetime("2027-01-01")', 'datetime("2028-01-01")'
BOTH = "resource has expiry && resource has review && "


@pytest.mark.parametrize(
    ("case", "condition"),
    [
        ("a flag and its opposite", "context.onward && !context.onward"),
        ("two levels at once", 'resource.tlp == "clear" && resource.tlp == "green"'),
        ("a level and lists", f'["clear"].contains(resource.tlp) && {LEVELS}'),
        ("a purpose that is and is not", f"!({GUARD})"),
        ("before and after", f"context.now < {EARLY} && context.now > {LATE}"),
        ("before and after one", f"context.now < {EARLY} && {EARLY} < context.now"),
        ("there and not there", "resource has expiry && !(resource has expiry)"),
        (
            "a loop of instants",
            f"{BOTH} resource.expiry < resource.review && resource.review < context.now && "
            "context.now < resource.expiry",
        ),
        ("two recipients", 'principal == Member::"XA" && principal == Member::"XB"'),
        ("another action", 'action == Action::"screen"'),
        (
            "a set with and without",
            'resource.handling.containsAny(["H1", "H2"]) && '
            '!resource.handling.contains("H1") && !resource.handling.contains("H2")',
        ),
        ("empty and full", 'resource.handling.isEmpty() && resource.handling.contains("H1")'),
        (
            "all and not each",
            'resource.handling.containsAll(["H1", "H2"]) && !resource.handling.contains("H2")',
        ),
        ("either way", "if context.onward then !context.onward else context.onward"),
    ],
)
def test_a_permit_that_can_never_apply_is_a_fault(case: str, condition: str) -> None:
    assert case
    (policy,) = parse_block(permit(condition))
    space = Space([policy], words_of(parse_treaty(SMALL.read_bytes())), budget=20_000)
    assert not space.possible([Goal(policy)])


@pytest.mark.parametrize(
    "condition",
    [
        "context.onward && !context.consent",
        'resource.tlp != "clear" && resource.tlp != "green"',
        'context.now > datetime("2027-01-01") && context.now < datetime("2028-01-01")',
        "!(resource has expiry) || context.now < resource.expiry",
        'context.kind == "indicator" || context.kind == "file"',
        "principal == resource.originator && principal != context.sender",
        'resource.handling.containsAll(["H1", "H2"]) && !resource.handling.contains("H3")',
        'resource.purposes.containsAny(["investigation"])',
        '["H0", "H1"].containsAll(resource.handling)',
        'resource.handling.containsAny(["H1", "H2"]) && !resource.handling.contains("H2")',
        "context.onward == context.consent",
    ],
)
def test_what_can_apply_is_found(condition: str) -> None:
    (policy,) = parse_block(permit(condition))
    space = Space([policy], words_of(parse_treaty(SMALL.read_bytes())), budget=20_000)
    assert space.possible([Goal(policy)])


def test_a_rule_that_can_never_apply_refuses_the_text() -> None:
    raw = text_of(FINE, permit("context.onward && !context.onward"))
    report = check_treaty(raw)
    assert told(report) == [("2/1", "fault")]
    with pytest.raises(CompileFaults, match="can never apply"):
        report.require()
    assert report.treaty is None


def test_a_permit_that_a_prohibition_always_beats_is_a_fault() -> None:
    raw = text_of(forbid("context.onward"), permit("context.onward && context.consent"), FINE)
    report = check_treaty(raw)
    assert told(report) == [("2/1", "fault")]
    assert "rule 1/1 forbids whatever it permits" in report.findings[0].text


def test_a_permit_that_two_prohibitions_beat_together_is_a_fault() -> None:
    raw = text_of(
        forbid("context.onward && context.consent"),
        forbid("context.onward && !context.consent"),
        permit("context.onward"),
        FINE,
    )
    report = check_treaty(raw)
    assert [each.text for each in report.of(Severity.FAULT)] == [
        "the permit can never apply: one rule or another forbids whatever it permits"
    ]


def test_a_shadowed_prohibition_is_a_warning() -> None:
    narrow, wide = forbid("context.onward && context.consent"), forbid("context.onward")
    report = check_treaty(text_of(narrow, wide, FINE))
    assert told(report) == [("1/1", "warning")]
    assert "rule 2/1 forbids all that it forbids" in report.findings[0].text
    assert report.treaty is not None


def test_of_two_that_are_the_same_the_later_is_shadowed() -> None:
    report = check_treaty(text_of(forbid("context.onward"), forbid("context.onward"), FINE))
    assert told(report) == [("2/1", "warning")]


def test_an_idle_prohibition_is_a_note() -> None:
    report = check_treaty(text_of(forbid("!context.recognised"), FINE))
    assert told(report) == [("1/1", "note")]


@pytest.mark.parametrize(
    ("rule", "part"),
    [
        ("permit (principal, action, resource) when { context.recognised };", "does not list"),
        (
            'permit (principal, action, resource) when { context.purpose == "prevention" };',
            "terms name the purpose (prevention",
        ),
    ],
)
def test_a_permit_wider_than_the_purposes_is_a_warning(rule: str, part: str) -> None:
    report = check_treaty(text_of(rule))
    assert told(report) == [("1/1", "warning")]
    assert part in report.findings[0].text


def test_a_prohibition_can_keep_a_permit_within_the_purposes() -> None:
    bound = "!resource.purposes.contains(context.purpose)"
    listed = '!["prevention", "investigation", "protection-of-life"].contains(context.purpose)'
    rule = "permit (principal, action, resource) when { context.recognised };"
    assert check_treaty(text_of(forbid(f"{bound} || {listed}"), rule)).findings == ()


def test_two_permits_of_one_article_that_can_hold_together_are_a_warning() -> None:
    both = permit("context.recognised") + "\n" + permit("context.consent")
    report = check_treaty(text_of(both))
    assert told(report) == [("1/2", "warning")]
    apart = permit("context.consent") + "\n" + permit("!context.consent")
    assert check_treaty(text_of(apart)).findings == ()


def test_the_sample_convention_has_no_fault_and_no_warning() -> None:
    parties = [
        Party(member="XA", name="A", authority=" ".join(["AAAA"] * 8)),  # type: ignore[arg-type]
        Party(member="XB", name="B", authority=" ".join(["BBBB"] * 8)),  # type: ignore[arg-type]
        Party(member="XC", name="C", authority=" ".join(["CCCC"] * 8)),  # type: ignore[arg-type]
        Party(member="XD", name="D", authority=" ".join(["DDDD"] * 8)),  # type: ignore[arg-type]
    ]
    text = sample_text().replace(b"liars = 1", b"liars = 0")
    raw = fill_parties(text, parties, exercise=True, depositary=parties[0].member)
    report = check_treaty(raw)
    assert report.treaty is not None
    assert {each.severity for each in report.findings} == {Severity.NOTE}
    # Said twice on purpose: what every permit now asks by itself, no later permit may leave out.
    assert [each.rule for each in report.findings] == ["2/1", "4/1", "4/2", "5/1", "20/1"]
    assert accept_treaty(raw) == report.treaty


def test_what_is_too_much_to_examine_is_said_and_refuses_nothing() -> None:
    dates = " || ".join(f'context.now == datetime("20{year}-01-01")' for year in range(30, 50))
    report = check_treaty(text_of(permit(dates)))
    assert told(report) == [("", "note")]
    assert "not examined" in report.findings[0].text
    assert report.treaty is not None


def test_the_search_keeps_to_its_budget() -> None:
    treaty = parse_treaty(SMALL.read_bytes())
    rules = read_rules(treaty)
    space = Space(rules.policies.values(), words_of(treaty), budget=3)
    goals = [Goal(policy, value=False) for policy in rules.policies.values()]
    with pytest.raises(NotExamined):
        space.possible(goals)


@pytest.mark.parametrize(
    "condition",
    [
        "resource == resource",
        "resource has offence && context has kinds",
        "resource.offence == context.kind",
        "(if context.onward then resource else resource).personal",
        "(if context.onward then resource.purposes else resource.handling).isEmpty()",
        "context.now == (if context.onward then resource.expiry else context.now)",
    ],
)
def test_a_form_that_is_not_known_is_not_examined(condition: str) -> None:
    words = words_of(parse_treaty(SMALL.read_bytes()))
    (policy,) = parse_block(permit(condition))
    space = Space([policy], words, budget=99)
    with pytest.raises(NotExamined):
        space.possible([Goal(policy)])


@pytest.mark.parametrize(
    ("condition", "possible"),
    [
        ('resource.purposes == ["prevention"]', True),
        ('resource.purposes == ["prevention"] && context.purpose == "investigation"', False),
        ('resource.handling != ["H1"] && ["H1"] == resource.handling', False),
        ('[context.kind].contains("file") && context.kind != "file"', False),
        ('[context.kind, "file"].contains("indicator")', True),
        ("resource has offence", True),
        ("(context.onward == (context.consent && context.onward)) && context.consent", True),
        ("context.onward == (context.consent && !context.onward) && context.consent", False),
    ],
)
def test_sets_and_flags_compared(condition: str, possible: bool) -> None:  # noqa: FBT001
    (policy,) = parse_block(permit(condition))
    space = Space([policy], words_of(parse_treaty(SMALL.read_bytes())), budget=20_000)
    assert space.possible([Goal(policy)]) is possible


def test_too_many_words_of_a_set_are_not_examined() -> None:
    names = [f"purpose-{number}" for number in range(70)]
    (policy,) = parse_block(
        permit(f"resource.purposes.containsAny({names})".replace("'", '"'))
    )  # fmt: skip
    with pytest.raises(NotExamined):
        Space([policy], Words(purposes=frozenset(names), offences=frozenset()), budget=99)


def test_too_many_rules_are_a_fault() -> None:
    rules = "\n".join(["permit (principal, action, resource);"] * 101)
    report = check_treaty(text_of(rules, rules))
    assert [each.text for each in report.findings] == ["more than 200 rules in all"]


def test_what_the_engine_refuses_after_all_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise CompileFaults((CompileFault(article="", policy="", reason="refused"),))

    monkeypatch.setattr("foedus.release.check.assemble", refuse)
    report = check_treaty(text_of(FINE))
    assert [each.text for each in report.findings] == ["refused"]


def test_what_was_not_settled_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foedus.release.breadth.MAX_EVALUATIONS", 3)
    treaty = parse_treaty(SMALL.read_bytes())
    remarks = examine(read_rules(treaty).policies, treaty)
    assert remarks[-1].policy is None
    assert "some of what rules" in remarks[-1].text


def test_faults_of_form_and_of_rules_come_together() -> None:
    raw = text_of('permit (principal, action, resource) when { resource.tlp == "gren" };')
    raw = raw.replace(b'freshness_online = "P7D"', b'freshness_online = "7 days"')
    raw = raw.replace(b"clock_hard_limit", b"clock_hard_limits")
    report = check_treaty(raw)
    assert len(report.findings) > 3
    with pytest.raises(TreatyFaults) as caught:
        report.require()
    text = str(caught.value)
    assert "did you mean clock_hard_limit?" in text
    assert "rule 1/1: 'gren' is not a word of resource.tlp; did you mean green?" in text


def test_what_is_no_treaty_is_reported_with_nothing_else() -> None:
    report = check_treaty(b"hello")
    assert [each.severity for each in report.findings] == [Severity.FAULT]
    with pytest.raises(TreatyFaults):
        report.require()
