"""Approvals: who may give one, for exactly what, what voids it, and how many count."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foedus.access import AccessDeniedError, Role
from foedus.canonical import canonical_bytes
from foedus.ledger import commit_record
from foedus.model.identifiers import ArticleId, MemberId, ObjectId
from foedus.model.terms import HandlingCondition, parse_terms, terms_document, terms_id
from foedus.node.approvals import approve, list_approvals, to_approve, withdraw_approval
from foedus.node.audience import link_to
from foedus.node.candidates import candidates_for, load_items
from foedus.node.disclose import Disclosed, disclose
from foedus.node.errors import ConflictError, NotFoundError, RefusedError
from foedus.node.grounds import with_grounds
from foedus.node.people import set_roles
from foedus.node.ports import NewApproval
from foedus.node.preview import preview
from foedus.node.treaty_acts import declare
from foedus.node.wish import Wish
from foedus.release.approval import Approval, sign_approval
from foedus.signing import SigningKey

if TYPE_CHECKING:
    from tests.unit.node.conftest import Trio

XB, XC = MemberId("XB"), MemberId("XC")
INDICATOR = ObjectId("indicator--00000000-0000-4000-8000-000000000001")


def say_yes(trio: Trio, user: str, item: int, wish: Wish | None = None) -> str:
    """Approve one item for XB; return the digest of what was approved."""
    wired = trio.a.wired
    [done] = approve(wired.node, trio.user(user), wired.gate, [item], wish or trio.wish())
    return done.subject.digest


def counted(trio: Trio, item: int, wish: Wish | None = None) -> int:
    """Return how many approvals count for an item to XB."""
    wish = wish or trio.wish()
    node, gate = trio.a.wired.node, trio.a.wired.gate
    now = node.clock.now()
    with node.database.read() as tx:
        view = node.law.view(tx)
        loaded = load_items(tx, node.identity.member, [item])
        law = view.law(wish.treaty, node.identity.member, XB, now)
        link = link_to(tx, node, view, wish.treaty, XB, now)
        plain = candidates_for(tx, loaded, XB)
        [found] = with_grounds(tx, node, view, gate, plain, wish, XB, law, link, now)
    return 0 if found.asserted is None else found.asserted.approvals


def verdict(trio: Trio, item: int, wish: Wish | None = None) -> str:
    wired = trio.a.wired
    [row] = preview(wired.node, trio.user("ada"), wired.gate, [item], wish or trio.wish())
    assert row.decision is not None
    return row.decision.verdict.value


def give(trio: Trio, item: int, wish: Wish | None = None) -> Disclosed:
    wired = trio.a.wired
    [done] = disclose(wired.node, trio.user("ada"), wired.gate, [item], wish or trio.wish())
    return done


def test_without_an_approval_it_stays(trio: Trio) -> None:
    item = trio.held()
    done = give(trio, item)
    assert (done.given, [each.code for each in done.withheld]) == (0, ["needs-approval"])


def test_with_one_approval_it_goes_where_the_article_asks_for_one(trio: Trio) -> None:
    item = trio.held()
    say_yes(trio, "ada", item)
    assert verdict(trio, item) == "permit"
    assert give(trio, item).given == 1
    report = trio.pull(trio.b, trio.a)
    assert sum(lane.accepted for lane in report.lanes if lane.lane == "bulk") == 1


def test_where_the_article_says_two_two_distinct_persons_are_needed(trio: Trio) -> None:
    item, wish = trio.held(), trio.wish("investigation")
    say_yes(trio, "ada", item, wish)
    assert verdict(trio, item, wish) == "needs-approval"
    with pytest.raises(RefusedError, match="approved exactly this release"):
        say_yes(trio, "ada", item, wish)
    assert counted(trio, item, wish) == 1, "the same person twice counts once"
    say_yes(trio, "ben", item, wish)
    assert verdict(trio, item, wish) == "permit"
    say_yes(trio, "cora", item, wish)
    assert counted(trio, item, wish) == 2, "no more are counted than are needed"
    assert give(trio, item, wish).given == 1


@pytest.mark.parametrize("user", ["olga", "ann"])
def test_only_a_supervisor_approves(trio: Trio, user: str) -> None:
    item = trio.held()
    with pytest.raises(AccessDeniedError):
        say_yes(trio, user, item)
    with pytest.raises(AccessDeniedError):
        to_approve(trio.a.wired.node, trio.user(user), trio.a.wired.gate, [item], trio.wish())


def test_who_submitted_it_does_not_approve_it(trio: Trio) -> None:
    item = trio.held()
    with pytest.raises(RefusedError, match="admin submitted XA-2026-00001"):
        say_yes(trio, "admin", item)


def test_who_reviewed_its_neutrality_does_not_approve_it(trio: Trio) -> None:
    drafts = trio.a.drafts(trio.indicator(1, "bad.example"))
    trio.a.actor = trio.user("ada", Role.ANALYST, Role.SUPERVISOR)
    [item] = trio.a.vouch(drafts).held
    with pytest.raises(RefusedError, match="ada reviewed the neutrality"):
        say_yes(trio, "ada", item)
    say_yes(trio, "ben", item)


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("what the treaty denies", {"wish": {"purpose": "life"}}, "no approval changes that"),
    ("what needs no approval", {"wish": {"purpose": "warning"}}, "needs no approval"),
    ("a member that is no party", {"wish": {"recipients": (MemberId("XZ"),)}}, "XZ"),
    ("an article that does not permit it", {"wish": {"article": ArticleId("5")}}, "no approval"),
    ("what nobody found neutral", {"held": {"neutrality_reason": ""}}, "no approval changes that"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "changes", "message"), REFUSED, ids=[row[0] for row in REFUSED])
def test_nobody_approves(
    trio: Trio, what: str, changes: dict[str, dict[str, Any]], message: str
) -> None:
    assert what
    item = trio.held(**changes.get("held", {}))
    wish = trio.wish(**changes.get("wish", {}))
    with pytest.raises(RefusedError, match=message):
        say_yes(trio, "ada", item, wish)
    with trio.a.database.read() as tx:
        assert not list_approvals(tx, after=0, limit=10)


def test_of_several_items_all_are_approved_or_none(trio: Trio) -> None:
    good = trio.held(1)
    bad = trio.held(2, purposes=frozenset({"warning"}))
    wired = trio.a.wired
    entries = trio.a.read(lambda tx: tx.ledger.count())
    with pytest.raises(RefusedError):
        approve(wired.node, trio.user("ada"), wired.gate, [good, bad], trio.wish())
    assert trio.a.read(lambda tx: tx.ledger.count()) == entries
    assert counted(trio, good) == 0


def test_an_approval_is_for_one_member(trio: Trio) -> None:
    item = trio.held()
    say_yes(trio, "ada", item)
    assert verdict(trio, item, trio.wish(recipients=(XC,))) == "needs-approval"


def _new_version(trio: Trio, _item: int) -> int:
    newer = trio.indicator(1, "bad1.example", modified="2026-11-21T00:00:00.000Z")
    purposes = frozenset({"prevention", "investigation", "warning", "life"})
    [handle] = trio.a.held(newer, purposes=purposes)
    return handle


def _other_terms(trio: Trio, item: int) -> int:
    with trio.a.database.write() as tx:
        [row] = tx.items.rows([item])
        assert row.terms_id is not None
        raw = tx.items.terms([row.terms_id])[row.terms_id]
        terms = replace(parse_terms(raw), handling=frozenset({HandlingCondition.H0}))
        tx.items.put_terms(terms_id(terms), terms_document(terms))
        tx.items.settle([item], state=row.state, terms_id=terms_id(terms), at=trio.clock.now())
    return item


def _law(trio: Trio, item: int) -> int:
    wired = trio.a.wired
    words = {"financing": "to pay for it"}
    declare(wired.node, trio.a.actor, wired.gate, trio.treaty, definitions=words)
    return item


def _withdrawn(trio: Trio, item: int) -> int:
    withdraw_approval(trio.a.wired.node, trio.user("ada"), 1)
    return item


def _no_role(trio: Trio, item: int) -> int:
    set_roles(trio.a.wired.node, trio.a.actor, "ada", [Role.ANALYST])
    return item


VOIDED: dict[str, Callable[[Trio, int], int]] = {
    "a new version of the item": _new_version,
    "other terms for the same bytes": _other_terms,
    "a declaration that changes the law of the pair": _law,
    "its person takes it back": _withdrawn,
    "its person loses the role": _no_role,
}


@pytest.mark.parametrize("change", VOIDED.values(), ids=VOIDED.keys())
def test_an_approval_counts_for_nothing_after(
    trio: Trio, change: Callable[[Trio, int], int]
) -> None:
    item = trio.held()
    say_yes(trio, "ada", item)
    assert counted(trio, item) == 1
    changed = change(trio, item)
    assert counted(trio, changed) == 0
    assert verdict(trio, changed) == "needs-approval"
    assert give(trio, changed).given == 0


WISHES: dict[str, dict[str, Any]] = {
    "another purpose": {"purpose": "investigation"},
    "a danger to life asserted": {"threat_to_life": True},
    "another member": {"recipients": (XC,)},
}


@pytest.mark.parametrize("changes", WISHES.values(), ids=WISHES.keys())
def test_an_approval_counts_for_nothing_with(trio: Trio, changes: dict[str, Any]) -> None:
    item = trio.held()
    say_yes(trio, "ada", item)
    assert verdict(trio, item, trio.wish(**changes)) == "needs-approval"


def test_what_was_shown_is_what_is_approved(trio: Trio) -> None:
    item = trio.held()
    wired = trio.a.wired
    [shown] = to_approve(wired.node, trio.user("ada"), wired.gate, [item], trio.wish())
    assert (shown.needed, shown.given, shown.recipient) == (1, (), XB)
    _law(trio, item)
    with pytest.raises(ConflictError, match="no longer what you were shown"):
        approve(
            wired.node, trio.user("ada"), wired.gate, [item], trio.wish(),
            shown=[shown.subject.digest],
        )  # fmt: skip
    assert counted(trio, item) == 0


def test_an_approval_withdrawn_while_deciding_stops_the_release(
    trio: Trio, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = trio.held()
    say_yes(trio, "ada", item)
    release = type(trio.a.wired.gate).release

    def between(*arguments: Any, **named: Any) -> Any:
        outcome = release(*arguments, **named)
        if outcome.batches:
            withdraw_approval(trio.a.wired.node, trio.user("ada"), 1)
        return outcome

    monkeypatch.setattr(type(trio.a.wired.gate), "release", between)
    done = give(trio, item)
    assert (done.given, [each.code for each in done.withheld]) == (0, ["needs-approval"])


def test_a_release_whose_ground_falls_away_every_time_is_given_up(
    trio: Trio, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = trio.held()
    say_yes(trio, "ada", item)
    release = type(trio.a.wired.gate).release

    def between(*arguments: Any, **named: Any) -> Any:
        outcome = release(*arguments, **named)
        set_roles(trio.a.wired.node, trio.a.actor, "cora", [Role.SUPERVISOR])
        return outcome

    monkeypatch.setattr(type(trio.a.wired.gate), "release", between)
    done = give(trio, item)
    assert (done.given, [each.code for each in done.withheld]) == (0, ["conflict"])
    assert "what the release rests on" in done.withheld[0].reason


def test_each_approval_stands_in_the_log_and_names_nothing_there(trio: Trio) -> None:
    item = trio.held()
    before = trio.a.read(lambda tx: tx.ledger.count())
    say_yes(trio, "ada", item)
    with trio.a.database.read() as tx:
        [row] = list_approvals(tx, after=0, limit=10)
        entry = tx.ledger.row(row.approval.entry_index)
        acts = [act for _, act in tx.acts.page(after=0, limit=1_000)]
    assert row.approval.entry_index == before
    assert entry is not None
    assert entry.salt is not None
    assert entry.record is not None
    assert entry.entry == commit_record(entry.salt, entry.record)
    assert b"bad1.example" not in entry.record
    assert (acts[-1].user, acts[-1].act, acts[-1].subject) == (
        "ada",
        "approve",
        f"approval {row.number}",
    )


def test_approvals_outlast_the_process(trio: Trio) -> None:
    item = trio.held()
    say_yes(trio, "ada", item)
    trio.restarted(trio.a)
    assert counted(trio, item) == 1


def test_only_the_person_takes_an_approval_back_and_once(trio: Trio) -> None:
    item = trio.held()
    say_yes(trio, "ada", item)
    node = trio.a.wired.node
    with pytest.raises(RefusedError, match="ada gave approval 1 and alone takes it back"):
        withdraw_approval(node, trio.user("ben"), 1)
    with pytest.raises(NotFoundError):
        withdraw_approval(node, trio.user("ada"), 9)
    assert withdraw_approval(node, trio.user("ada"), 1).withdrawn is not None
    with pytest.raises(RefusedError, match="was withdrawn on 2026-11-24"):
        withdraw_approval(node, trio.user("ada"), 1)
    say_yes(trio, "ada", item)
    assert counted(trio, item) == 1, "a word taken back may be given anew"


def forged(trio: Trio, item: int, **changes: Any) -> NewApproval:
    """Return an approval as a row that somebody put into the store, not through `approve`."""
    wired = trio.a.wired
    key = changes.pop("key", wired.node.identity.node)
    [asked] = to_approve(wired.node, trio.user("ada"), wired.gate, [item], trio.wish())
    plain = Approval(
        exercise=True, member=MemberId("XA"), user="ada", role="supervisor",
        at=trio.clock.now(), subject=asked.subject.digest,
    )  # fmt: skip
    envelope = sign_approval(replace(plain, **changes), key)
    return NewApproval(
        subject=asked.subject.digest, item=item, recipient=XB, treaty=trio.treaty,
        article=ArticleId("2"), purpose="prevention", threat_to_life=False, user="ada",
        at=trio.clock.now(), envelope=canonical_bytes(dict(envelope.document())), entry_index=0,
    )  # fmt: skip


FORGED: dict[str, dict[str, Any]] = {
    "signed by another key": {"key": SigningKey.from_seed(bytes(32))},
    "of another member": {"member": XB},
    "in earnest": {"exercise": False},
    "of another person": {"user": "ben"},
    "in another role": {"role": "analyst"},
    "dated ahead": {"at": None},
    "of another subject": {"subject": "0" * 64},
}


@pytest.mark.parametrize("changes", FORGED.values(), ids=FORGED.keys())
def test_a_row_is_not_believed_for_an_approval(trio: Trio, changes: dict[str, Any]) -> None:
    item = trio.held()
    if "at" in changes:
        changes = {"at": trio.clock.now() + timedelta(seconds=1)}
    row = forged(trio, item, **changes)
    with trio.a.database.write() as tx:
        tx.grounds.add_approval(row)
    assert counted(trio, item) == 0


def test_who_approved_under_a_key_given_up_takes_that_back_and_approves_anew(trio: Trio) -> None:
    item = trio.held()
    with trio.a.database.write() as tx:
        number = tx.grounds.add_approval(forged(trio, item, key=SigningKey.from_seed(bytes(32))))
    with pytest.raises(RefusedError, match=r"counts no more.*foedus approvals withdraw"):
        say_yes(trio, "ada", item)
    withdraw_approval(trio.a.wired.node, trio.user("ada"), number)
    say_yes(trio, "ada", item)
    assert counted(trio, item) == 1


def test_a_row_without_an_envelope_counts_for_nothing(trio: Trio) -> None:
    item = trio.held()
    for raw in (b"", b"[]", b"{}", b"\xff"):
        with trio.a.database.write() as tx:
            number = tx.grounds.add_approval(replace(forged(trio, item), envelope=raw))
        assert counted(trio, item) == 0
        with trio.a.database.write() as tx:
            tx.grounds.withdraw_approval(number, by="ada", at=trio.clock.now())


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    subjects=st.lists(
        st.binary(min_size=1, max_size=8).map(lambda each: hashlib.sha256(each).hexdigest()),
        min_size=1, max_size=6, unique=True,
    ),
    users=st.lists(st.sampled_from(["ada", "ben", "cora"]), min_size=1, max_size=6),
)  # fmt: skip
def test_an_approval_of_anything_else_never_raises_the_count(
    trio: Trio, subjects: list[str], users: list[str]
) -> None:
    """Whatever other subjects are approved, validly signed, for the same item and member."""
    known = trio.a.read(lambda tx: tx.items.by_object_id(INDICATOR))
    item = known[-1].handle if known else trio.held()
    with trio.a.database.write() as tx:
        for subject, user in zip(subjects, users, strict=False):
            if (subject, user) in _known(tx.grounds.approvals(after=0, limit=10_000)):
                continue
            plain = forged(trio, item, subject=subject, user=user)
            tx.grounds.add_approval(replace(plain, subject=subject, user=user))
    assert counted(trio, item) == 0


def _known(rows: Any) -> set[tuple[str, str]]:
    return {(row.approval.subject, row.approval.user) for row in rows}


def test_the_number_of_queries_does_not_depend_on_the_number_of_items(
    trio: Trio, monkeypatch: pytest.MonkeyPatch
) -> None:
    from foedus.store.sqlite.session import SQLiteSession as Session  # noqa: PLC0415  # only what is counted

    few = [trio.held(number) for number in range(1, 3)]
    many = [trio.held(number) for number in range(10, 40)]
    wired = trio.a.wired
    approve(wired.node, trio.user("ada"), wired.gate, [*few, *many], trio.wish())
    asked: list[str] = []
    rows = Session.rows

    def noted(self: Session, sql: str, parameters: Any = ()) -> Any:
        asked.append(sql)
        return rows(self, sql, parameters)

    monkeypatch.setattr(Session, "rows", noted)
    counts = []
    for items in (few, many):
        asked.clear()
        table = preview(wired.node, trio.user("ada"), wired.gate, items, trio.wish())
        assert {row.decision and row.decision.verdict.value for row in table} == {"permit"}
        counts.append(len(asked))
    assert counts[0] == counts[1]


def test_neutrality_is_not_found_for_several_sources_at_once(trio: Trio) -> None:
    one = trio.a.drafts(trio.indicator(1, "one.example"))
    two = trio.a.drafts(trio.indicator(2, "two.example"), trio.indicator(3, "three.example"))
    with pytest.raises(RefusedError, match="come from 2 sources"):
        trio.a.vouch([*one, *two])
    assert len(trio.a.vouch(two).held) == 2, "a list is looked at as one"
    assert len(trio.a.vouch(one).held) == 1


def test_drafts_of_several_sources_may_be_held_unreviewed(trio: Trio) -> None:
    one = trio.a.drafts(trio.indicator(1, "one.example"))
    two = trio.a.drafts(trio.indicator(2, "two.example"))
    assert len(trio.a.vouch([*one, *two], neutrality_reason="").held) == 2
