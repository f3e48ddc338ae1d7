"""A log that goes unwitnessed past the treaty's limit: what stops, what goes on, who is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from foedus.model.identifiers import MemberId, TreatyId
from foedus.node.doctor import FAULT, GOOD, NOTE, _witnessed, examine
from foedus.node.explain import Explanation, explain
from foedus.node.keys import revoke_keys
from foedus.node.law_pages import markdown_page
from foedus.node.law_report import law_report
from foedus.node.law_words import witnessing_words
from foedus.node.ports.witness import ForkRow
from foedus.node.preview import Wish, preview
from foedus.node.ratify import adopt, ratify, sign
from foedus.node.renew_keys import accept_powers, renew_keys
from foedus.node.supposed import Supposition
from foedus.node.unwitnessed import (
    OwnWitnessing,
    proven_forked,
    unwitnessed_since,
    witnesses_of,
    witnessing_of,
)
from foedus.node.what_if import what_if
from foedus.release.decide import Decision, Verdict
from foedus.treaty.articles import Witnessing
from foedus.treaty.standing import MemberStatus, Stage, TreatyStatus

if TYPE_CHECKING:
    from tests.unit.node.conftest import Pair

XA, XB = MemberId("XA"), MemberId("XB")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TABLE = b'[witnessing]\nliars = 0\nunwitnessed = "P1D"\n'
START = datetime(2026, 11, 24, tzinfo=UTC)
BLOC = tuple(MemberId(f"X{letter}") for letter in "ABCDEF")


def text_of(pair: Pair, table: bytes) -> bytes:
    return pair.pact(pair.a, pair.b).replace(b"\n[purposes]", b"\n" + table + b"\n[purposes]")


@pytest.fixture(name="watched")
def _watched(pair: Pair) -> Pair:
    """Two members under a pact by which each witnesses the other's log; a minute ago."""
    treaty = adopt(pair.a.wired.node, pair.a.actor, pair.a.wired.gate, text_of(pair, TABLE)).id
    pair.pull(pair.b)
    for member in (pair.a, pair.b):
        sign(member.wired.node, member.actor, member.wired.gate, treaty)
        ratify(member.wired.node, member.actor, member.wired.gate, treaty)
        member.treaties = frozenset({treaty})
    pair.pull(pair.a)
    pair.pull(pair.b)
    pair.clock.instant += timedelta(minutes=1)
    return replace(pair, treaty=treaty)


def item(pair: Pair, number: int = 1) -> int:
    [handle] = pair.a.held(pair.indicator(number, f"bad{number}.example"))
    return handle


def later(pair: Pair, length: timedelta) -> None:
    """Let time pass; each hears from the other, so that no picture is stale."""
    pair.clock.instant += length
    pair.pull(pair.a)
    pair.pull(pair.b)


def decided(pair: Pair, handle: int) -> Decision:
    wish = Wish(treaty=pair.treaty, purpose="prevention")
    [row] = preview(pair.a.wired.node, pair.a.actor, pair.a.wired.gate, [handle], wish)
    assert row.decision is not None
    return row.decision


def explained(pair: Pair, handle: int) -> Explanation:
    node = pair.a.wired.node
    return explain(node, pair.a.actor, pair.a.wired.gate, handle, XB, treaty=pair.treaty)


def kinds(decision: Decision) -> set[str]:
    return {reason.kind.value for reason in decision.reasons}


def doctor(pair: Pair) -> tuple[str, str]:
    node, ledger = pair.a.wired.node, pair.a.wired.ledger
    [found] = [each for each in examine(node, ledger) if each.subject.startswith("witnesses ")]
    return found.level, found.text


def test_what_has_waited_for_seconds_only_is_said_in_words() -> None:
    found = OwnWitnessing(
        sizes={XB: 1}, needed=1, covered=1, entries=2, since=START, limit=DAY, liars=0
    )
    said = "; ".join(_witnessed(found, START + timedelta(seconds=20)))
    assert "the oldest of the others has waited for less than a minute (since" in said
    later = "; ".join(_witnessed(found, START + HOUR))
    assert "has waited for 1 hour (since" in later


def since(pair: Pair) -> datetime | None:
    node, now = pair.a.wired.node, pair.clock.now()
    return pair.a.read(lambda tx: unwitnessed_since(tx, node, node.law.view(tx), pair.treaty, now))


def test_a_fresh_node_releases_until_the_limit_passes(watched: Pair) -> None:
    handle = item(watched)
    began = watched.clock.now() - timedelta(minutes=1)
    assert since(watched) == began, "since the treaty binds the two, not since the node was made"
    decision = decided(watched, handle)
    assert decision.verdict is Verdict.PERMIT
    assert decision.valid_until == began + DAY
    assert watched.a.disclose([handle], watched.treaty).sent

    other = item(watched, 2)
    watched.clock.instant = began + DAY - timedelta(microseconds=1)
    assert decided(watched, other).verdict is Verdict.PERMIT
    watched.clock.instant = began + DAY
    stopped = decided(watched, other)
    assert stopped.verdict is Verdict.DENY
    assert kinds(stopped) == {"witness"}
    [reason] = stopped.reasons
    assert reason.text == (
        f"the log of XA has not been witnessed by a quorum (1 of 1) since {began:%Y-%m-%d %H:%M} "
        "UTC; new releases stop after P1D (limit of the treaty); recalls and receipts go on"
    )
    done = watched.a.disclose([other], watched.treaty)
    assert not done.sent
    assert "has not been witnessed" in done.withheld[0].reason


def test_preview_explanation_and_what_if_say_the_same(watched: Pair) -> None:
    handle = item(watched)
    assert explained(watched, handle).link.witnessed
    later(watched, 2 * DAY)
    told = explained(watched, handle)
    assert told.decision is not None
    assert told.decision.reasons == decided(watched, handle).reasons
    assert not told.link.witnessed
    assert [[step.kind.value for step in change.steps] for change in told.changes] == [["witness"]]
    assert told.changes[0].decision.verdict is Verdict.PERMIT


@pytest.mark.parametrize(
    ("case", "table", "verdict"),
    [
        ("a text without figures", b"", Verdict.PERMIT),
        ("a longer limit", TABLE.replace(b"P1D", b"P3D"), Verdict.PERMIT),
        ("a shorter limit", TABLE.replace(b"P1D", b"PT1H"), Verdict.DENY),
    ],
)
def test_what_if_the_figures_were_others(
    watched: Pair, case: str, table: bytes, verdict: Verdict
) -> None:
    handle = item(watched)
    later(watched, 2 * DAY)
    supposed = text_of(watched, table).replace(b"Neutrality", b"Neutrality again", 1)
    found = what_if(
        watched.a.wired.node,
        watched.a.actor,
        watched.a.wired.gate,
        [handle],
        Wish(treaty=watched.treaty, purpose="prevention"),
        Supposition(text=supposed),
    )
    [row] = found.rows
    assert row.now.verdict is Verdict.DENY
    assert row.then.verdict is verdict, case


def test_what_was_given_is_received_whatever_the_receiver_knows_of_witnesses(
    watched: Pair,
) -> None:
    watched.a.disclose([item(watched)], watched.treaty)
    watched.clock.instant += 2 * DAY
    pulled = watched.pull(watched.b)
    assert [lane.fault for lane in pulled.lanes] == [""] * len(pulled.lanes)
    assert sum(lane.accepted for lane in pulled.lanes if lane.lane == "bulk") == 1


def test_the_doctor_says_how_old_how_many_and_who_lags(watched: Pair) -> None:
    level, text = doctor(watched)
    assert level == NOTE
    assert text.startswith("1 of 1 are enough; 0 of ")
    assert "the treaty's limit is 1 day" in text
    assert text.endswith("behind: XB (has 0)")
    key = watched.b.wired.node.identity.witness
    assert key is not None
    gate, actor = watched.b.wired.gate, watched.b.actor
    revoke_keys(watched.b.wired.node, actor, gate, [key.public.key_id], own=True)
    later(watched, 25 * HOUR)
    level, text = doctor(watched)
    assert level == FAULT
    assert text.endswith("behind: XB (has 0, names no witness key)")
    assert "new releases have stopped; recalls and receipts go on" in text


def cosigned(pair: Pair, size: int) -> None:
    """Let XB have cosigned so many entries of our log."""
    with pair.a.database.write() as tx:
        tx.witness.keep_cosignature(XB, b"a head", size=size, lines=b"a line", at=pair.clock.now())


def test_a_witness_frees_what_had_stopped(watched: Pair) -> None:
    handle = item(watched)
    later(watched, 2 * DAY)
    assert decided(watched, handle).verdict is Verdict.DENY
    entries = watched.a.read(lambda tx: tx.ledger.count())
    cosigned(watched, entries)
    assert since(watched) is None
    free = decided(watched, handle)
    assert free.verdict is Verdict.PERMIT
    assert free.valid_until is not None, "when our picture of XB turns stale"
    level, text = doctor(watched)
    assert (level, text) == (
        GOOD,
        f"1 of 1 are enough; {entries} of {entries} entries are witnessed",
    )

    watched.a.disclose([handle], watched.treaty)
    assert since(watched) == watched.clock.now(), "from what was entered just now"
    other = item(watched, 2)
    assert decided(watched, other).valid_until == watched.clock.now() + DAY
    later(watched, DAY)
    assert kinds(decided(watched, other)) == {"witness"}
    cosigned(watched, entries + 1)
    assert decided(watched, other).verdict is Verdict.PERMIT


def test_a_decision_made_before_the_limit_is_not_carried_out_after_it(watched: Pair) -> None:
    handle = item(watched)
    approved = decided(watched, handle)
    later(watched, 2 * DAY)
    assert approved.valid_until is not None
    assert approved.valid_until < watched.clock.now()
    done = watched.a.disclose([handle], watched.treaty)
    assert not done.sent


@pytest.mark.parametrize("treaty", ["watched", "pair"])
def test_nothing_new_goes_to_a_member_proven_forked(
    treaty: str, request: pytest.FixtureRequest
) -> None:
    pair: Pair = request.getfixturevalue(treaty)
    handle = item(pair)
    assert decided(pair, handle).verdict is Verdict.PERMIT
    origin = pair.b.wired.node.identity.log_origin
    with pair.a.database.write() as tx:
        assert tx.witness.add_fork(
            ForkRow(
                origin=origin,
                member=XB,
                smaller=1,
                larger=2,
                proof=b"a proof",
                shown_by=XA,
                at=pair.clock.now(),
            )
        )
    stopped = decided(pair, handle)
    assert kinds(stopped) == {"fork"}
    assert stopped.reasons[0].text == (
        "the log of XB is proven forked; nothing new is released to it"
    )
    assert not pair.a.disclose([handle], pair.treaty).sent
    told = explained(pair, handle)
    assert told.link.forked
    assert [change.text for change in told.changes] == [
        "XB closes its forked log, and its full powers name another"
    ]

    pair.clock.instant += timedelta(minutes=1)
    identity = replace(pair.b.wired.node.identity, log_origin="foedus/xb/log-2")
    moved = replace(pair.b.wired.node, identity=identity)
    _, powers = renew_keys(moved, pair.b.actor, pair.b.wired.gate)
    accept_powers(pair.a.wired.node, pair.a.actor, powers.raw)
    assert kinds(decided(pair, handle)) == {"permit"}
    with pair.a.database.write() as tx:
        tx.witness.add_fork(
            ForkRow(
                origin="foedus/xb/log-2",
                member=XB,
                smaller=1,
                larger=2,
                proof=b"another proof",
                shown_by=XA,
                at=pair.clock.now(),
            )
        )
    assert kinds(decided(pair, handle)) == {"fork"}, "of the new log too"


def test_of_a_member_without_full_powers_every_proof_counts(pair: Pair) -> None:
    now = pair.clock.now()
    row = ForkRow(
        origin="foedus/xz/log",
        member=MemberId("XZ"),
        smaller=1,
        larger=2,
        proof=b"",
        shown_by=XA,
        at=now,
    )
    with pair.a.database.write() as tx:
        tx.witness.add_fork(row)
        view = pair.a.wired.node.law.view(tx)
        assert proven_forked(tx, view, row.member, now)
        assert not proven_forked(tx, view, XB, now)


def test_the_status_page_says_what_the_figures_come_to(watched: Pair) -> None:
    node = watched.a.wired.node
    view = watched.a.read(node.law.view)
    report = law_report(view, watched.treaty, watched.clock.now(), member=XA)
    page = markdown_page(report)
    assert "Witnessing: 1 of 1 witnesses are enough for a log" in page
    assert "each is the other's only witness, which proves less" in page
    assert report.document()["witnessing"] == {"liars": 0, "unwitnessed": "P1D"}


def test_the_status_page_says_what_an_amendment_changes_of_the_figures(watched: Pair) -> None:
    node = watched.a.wired.node
    text = text_of(watched, TABLE.replace(b"P1D", b"P2D"))
    new = adopt(node, watched.a.actor, watched.a.wired.gate, text).id
    view = watched.a.read(node.law.view)
    report = law_report(view, watched.treaty, watched.clock.now(), member=XA)
    unknown = TreatyId("ab" * 32)
    amendments = {new: watched.clock.now(), unknown: watched.clock.now()}
    amended = replace(report, status=replace(report.status, amendments=amendments))
    assert list(amended.witnessing()) == [
        *report.witnessing(),
        f"Amendment {new[:12]} changes how long an entry may be unwitnessed: 1 day → 2 days.",
    ]
    other = law_report(view, new, watched.clock.now(), member=XA)
    assert [each.split(";")[0] for each in other.witnessing()] == [
        "Witnessing: 1 of 1 witnesses are enough for a log (0 may lie)"
    ], "before it binds anybody, of the members listed"


@pytest.mark.parametrize(
    ("case", "liars", "members", "words"),
    [
        ("six members", 1, 6, "4 of 5 witnesses are enough for a log (1 may lie)"),
        ("two members", 0, 2, "which proves less"),
        ("too few are left", 1, 2, "1 witnesses of a log are too few (1 may lie)"),
        ("nobody", 0, 0, "0 witnesses of a log are too few"),
    ],
)
def test_figures_in_words(case: str, liars: int, members: int, words: str) -> None:
    figures = Witnessing(liars=liars, unwitnessed=DAY)
    said = witnessing_words(figures, members)
    assert words in said, case
    assert "unwitnessed for 1 day, its owner releases nothing new" in said


def member(name: MemberId, stage: Stage, hour: int | None) -> MemberStatus:
    return MemberStatus(
        member=name,
        stage=stage,
        since=None if hour is None else START + hour * HOUR,
        reserved=frozenset(),
        recognises=frozenset(),
        notes=(),
        blocked=None,
    )


def status_of(*changed: MemberStatus) -> TreatyStatus:
    """Return the status of a bloc of six, all parties from the first hour on, but for these."""
    members = {name: member(name, Stage.PARTY, 1) for name in BLOC}
    return TreatyStatus(
        treaty="",  # type: ignore[arg-type]
        at=START,
        in_force_since=START,
        members={**members, **{each.member: each for each in changed}},
        next_change=None,
    )


def found_in(
    current: TreatyStatus, sizes: Mapping[str, int], *, liars: int = 1, entries: int = 20
) -> tuple[int, int, int, float | None]:
    """Return witnesses, enough, witnessed entries, since which hour; entry 5 is from hour 5."""
    tx: Any = SimpleNamespace(
        ledger=SimpleNamespace(
            count=lambda: entries,
            row=lambda index: SimpleNamespace(at=START + index * HOUR) if index < entries else None,
        ),
        witness=SimpleNamespace(
            witnesses=lambda: {name: SimpleNamespace(size=size) for name, size in sizes.items()}
        ),
    )
    node: Any = SimpleNamespace(identity=SimpleNamespace(member=XA))
    treaty: Any = SimpleNamespace(witnessing=Witnessing(liars=liars, unwitnessed=DAY))
    found = witnessing_of(tx, node, treaty, current)
    assert found is not None
    hour = None if found.since is None else (found.since - START) / HOUR
    return len(found.sizes), found.needed, found.covered, hour


ALL = {"XB": 20, "XC": 20, "XD": 20, "XE": 20, "XF": 20}


@pytest.mark.parametrize(
    ("case", "changed", "sizes", "expected"),
    [
        ("nobody cosigned: since they are bound", [], {}, (5, 4, 0, 1)),
        ("everybody cosigned everything", [], ALL, (5, 4, 20, None)),
        ("four did", [], {**ALL, "XF": 0}, (5, 4, 20, None)),
        ("three did: what the fourth has counts", [], {**ALL, "XE": 7, "XF": 3}, (5, 4, 7, 7)),
        ("what we say of ourselves does not count", [], {**ALL, "XA": 20, "XE": 7, "XF": 3},
         (5, 4, 7, 7)),
        ("what was said of a longer log does not count", [], {**ALL, "XD": 21, "XE": 7, "XF": 3},
         (5, 4, 3, 3)),
        ("a stranger does not count", [], {**ALL, "XZ": 20, "XE": 7, "XF": 3}, (5, 4, 7, 7)),
        ("who only signed is no witness", [member(MemberId("XF"), Stage.SIGNATORY, 2)],
         {**ALL, "XE": 7}, (4, 3, 20, None)),
        ("who left is none, and we had to wait for the others since",
         [member(MemberId("XF"), Stage.DENOUNCED, 12)], {**ALL, "XD": 9, "XE": 7}, (4, 3, 9, 12)),
        ("who is suspended is none", [member(MemberId("XF"), Stage.SUSPENDED, 2)],
         {**ALL, "XD": 9, "XE": 7}, (4, 3, 9, 9)),
        ("who came late is one from then on", [member(MemberId("XF"), Stage.PARTY, 15)],
         {**ALL, "XE": 7, "XF": 0}, (5, 4, 7, 15)),
        ("two are left of six: too few, so nothing counts",
         [member(MemberId(name), Stage.DENOUNCED, 3) for name in ("XC", "XD", "XE", "XF")],
         ALL, (1, 2, 0, 3)),
    ],
)  # fmt: skip
def test_since_when_and_by_whose_word(
    case: str,
    changed: list[MemberStatus],
    sizes: dict[str, int],
    expected: tuple[int, int, int, float | None],
) -> None:
    assert found_in(status_of(*changed), sizes) == expected, case


def test_an_empty_log_is_not_unwitnessed() -> None:
    assert found_in(status_of(), {}, entries=0) == (5, 4, 0, None)


def test_nobody_witnesses_its_own_log() -> None:
    for owner in BLOC:
        assert witnesses_of(status_of(), owner) == tuple(each for each in BLOC if each != owner)


def test_a_treaty_without_figures_asks_for_nothing(pair: Pair) -> None:
    node = pair.a.wired.node
    assert since(pair) is None
    handle = item(pair)
    pair.clock.instant += 3 * DAY
    assert decided(pair, handle).verdict is Verdict.PERMIT
    found = examine(node, pair.a.wired.ledger)
    assert not [each for each in found if each.subject.startswith("witnesses ")]
    assert GOOD in {each.level for each in found}
