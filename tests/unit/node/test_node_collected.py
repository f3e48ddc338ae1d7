"""Named collections: what a post makes of a collection, and what a deletion leaves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foedus.access import AccessDeniedError, Actor, Role
from foedus.clock import instant_text
from foedus.intake.limits import DEFAULT_LIMITS
from foedus.model.identifiers import ObjectId
from foedus.node.collected import (
    CollectedPage,
    CollectionPost,
    collected_page,
    delete_versions,
    take_objects,
    was_deleted,
)
from foedus.node.collections import create_collection, delete_collection
from foedus.node.errors import NotFoundError, RefusedError
from foedus.node.ports import CollectionRow, ItemFilter, ItemState
from foedus.node.serve_tools import DraftOutcome
from foedus.node.served import PageQuery, VersionChoice
from foedus.node.submit_collection import submit_collection
from foedus.node.tokens import TokenRights, create_token

if TYPE_CHECKING:
    from tests.unit.node.conftest import Member

SECRET = b"s" * 32
EVERY, LAST, FIRST = (
    VersionChoice(every=True),
    VersionChoice(last=True),
    VersionChoice(first=True),
)
ONE = ObjectId("indicator--00000000-0000-4000-8000-000000000001")


def indicator(number: int, day: int = 1, **more: Any) -> bytes:
    document = {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--00000000-0000-4000-8000-{number:012d}",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": f"2026-01-{day:02d}T00:00:00.000Z",
        "pattern": "[url:value = 'https://a.example']",
        "pattern_type": "stix",
        "valid_from": "2026-01-01T00:00:00Z",
        **more,
    }
    return json.dumps(document).encode()


def domain(name: str, **more: Any) -> bytes:
    return json.dumps(
        {
            "type": "domain-name",
            "id": "domain-name--00000000-0000-4000-8000-000000000007",
            "value": name,
            **more,
        }
    ).encode()


@pytest.fixture(name="wires")
def _wires(lone: Member) -> CollectionRow:
    return create_collection(lone.wired.node, lone.actor, "wires", title="Wire transfers")


def post(
    lone: Member, row: CollectionRow, objects: Sequence[bytes], *, actor: Actor | None = None
) -> tuple[DraftOutcome, ...]:
    node = lone.wired.node
    return take_objects(
        node.database,
        node.clock,
        CollectionPost(
            collection=row.number,
            actor=actor or lone.actor,
            objects=objects,
            secret=SECRET,
            member=lone.name,
        ),
        keep=lambda _tx, _outcomes: None,
    )


def delete(lone: Member, row: CollectionRow, name: ObjectId, versions: VersionChoice) -> int:
    node = lone.wired.node
    whose = CollectionPost(
        collection=row.number, actor=lone.actor, objects=(), secret=SECRET, member=lone.name
    )
    return delete_versions(node.database, node.clock, whose, name, versions)


def page(
    lone: Member, row: CollectionRow, versions: VersionChoice = LAST, limit: int = 100, **more: Any
) -> CollectedPage:
    query = PageQuery(limit=limit, versions=versions, **more)
    return lone.read(lambda tx: collected_page(tx, row.number, query))


def figures(lone: Member, row: CollectionRow) -> tuple[int, int]:
    now = lone.read(lambda tx: tx.collections.get(row.number))
    assert now is not None
    return now.objects, now.size


def test_objects_come_back_byte_for_byte_a_microsecond_apart(
    lone: Member, wires: CollectionRow
) -> None:
    raws = [indicator(n) for n in range(3)]
    assert all(each.accepted for each in post(lone, wires, raws))
    assert page(lone, wires).raws() == raws
    added = [at for _, _, at in page(lone, wires).records()]
    now = lone.wired.node.clock.now()
    assert added == [instant_text(now.replace(microsecond=n)) for n in range(3)]
    assert page(lone, wires).span == (now, now.replace(microsecond=2))
    assert figures(lone, wires) == (3, sum(map(len, raws)))


def test_the_clock_may_stand_still_and_nothing_shares_an_instant(
    lone: Member, wires: CollectionRow
) -> None:
    for n in range(5):
        post(lone, wires, [indicator(n)])
    added = [row[0] for row in page(lone, wires).rows]
    assert added == list(range(added[0], added[0] + 5))


def test_the_same_bytes_are_a_success_and_keep_their_date(
    lone: Member, wires: CollectionRow
) -> None:
    post(lone, wires, [indicator(1)])
    before = page(lone, wires).rows
    again, twice = post(lone, wires, [indicator(1), indicator(1)])
    assert again.accepted
    assert twice.accepted
    assert again.version == "2026-01-01T00:00:00.000Z"
    assert page(lone, wires).rows == before
    [spaced] = post(lone, wires, [indicator(1).replace(b", ", b" ,\n")])
    assert spaced.accepted
    assert page(lone, wires).rows == before
    one, other = post(lone, wires, [indicator(2), indicator(2)])
    assert one.accepted
    assert other.accepted
    assert len(page(lone, wires).rows) == 2


def test_other_bytes_under_the_same_version_fail_alone(lone: Member, wires: CollectionRow) -> None:
    good, conflict, also_good = post(
        lone, wires, [indicator(1), indicator(1, name="another"), indicator(2)]
    )
    assert (good.accepted, conflict.accepted, also_good.accepted) == (True, False, True)
    assert conflict.object_id == ONE
    assert page(lone, wires).raws() == [indicator(1), indicator(2)]


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (b"{}", "no 'type'"),
        (b"17", "not a JSON object"),
        (indicator(3, pattern=5), "not valid STIX 2.1"),
        (indicator(3, spec_version="2.0"), "only STIX 2.1"),
        (indicator(3).replace(b'"type"', b'"type": "x", "type"', 1), "twice"),
    ],
)
def test_a_bad_object_fails_alone_and_poisons_nothing(
    lone: Member, wires: CollectionRow, bad: bytes, why: str
) -> None:
    first, refused, last = post(lone, wires, [indicator(1), bad, indicator(2)])
    assert first.accepted
    assert last.accepted
    assert not refused.accepted
    assert why in refused.message
    assert page(lone, wires).raws() == [indicator(1), indicator(2)]


def test_versions_that_come_out_of_order_are_flagged_rightly(
    lone: Member, wires: CollectionRow
) -> None:
    post(lone, wires, [indicator(1, 5)])
    post(lone, wires, [indicator(1, 3), indicator(1, 9), indicator(1, 7)])
    post(lone, wires, [indicator(1, 1)])
    assert page(lone, wires).versions() == ["2026-01-09T00:00:00.000Z"]
    assert page(lone, wires, FIRST).versions() == ["2026-01-01T00:00:00.000Z"]
    assert len(page(lone, wires, EVERY).rows) == 5


def test_an_object_without_dates_is_a_new_version_when_its_content_differs(
    lone: Member, wires: CollectionRow
) -> None:
    first, same, changed, back = post(
        lone,
        wires,
        [domain("a.example"), domain("a.example"), domain("b.example"), domain("a.example")],
    )
    assert first.version == same.version
    assert first.version < changed.version < back.version
    assert page(lone, wires).raws() == [domain("a.example")]
    assert page(lone, wires, EVERY).versions() == [first.version, changed.version, back.version]


def test_a_deleted_version_leaves_the_others_and_the_flags_right(
    lone: Member, wires: CollectionRow
) -> None:
    post(lone, wires, [indicator(1, day) for day in (1, 3, 5)])
    assert delete(lone, wires, ONE, LAST) == 1
    assert page(lone, wires).versions() == ["2026-01-03T00:00:00.000Z"]
    assert delete(lone, wires, ONE, FIRST) == 1
    assert page(lone, wires, FIRST).versions() == ["2026-01-03T00:00:00.000Z"]
    assert delete(lone, wires, ONE, EVERY) == 1
    assert delete(lone, wires, ONE, EVERY) == 0
    assert not page(lone, wires, EVERY).rows
    assert figures(lone, wires) == (0, 0)


def test_what_was_deleted_may_be_posted_again_and_is_added_anew(
    lone: Member, wires: CollectionRow
) -> None:
    post(lone, wires, [indicator(1)])
    [(before, *_)] = page(lone, wires).rows
    delete(lone, wires, ONE, EVERY)
    [instant] = [lone.wired.node.clock.now().replace(month=1, day=1, hour=0, minute=0, second=0)]
    assert lone.read(lambda tx: was_deleted(tx, wires.number, SECRET, ONE, [instant]))
    post(lone, wires, [indicator(1)])
    [(after, *_)] = page(lone, wires).rows
    assert after > before
    assert not lone.read(lambda tx: was_deleted(tx, wires.number, SECRET, ONE, [instant]))


def test_a_page_ends_before_it_grows_too_large(lone: Member, wires: CollectionRow) -> None:
    large = [indicator(n, description="x" * 900_000) for n in range(20)]
    for raw in large:
        post(lone, wires, [raw])
    first = page(lone, wires)
    assert first.more
    assert sum(map(len, first.raws())) <= 16 * 1024 * 1024
    rest = page(lone, wires, after=first.position)
    assert first.raws() + rest.raws() == large
    assert not rest.more


def test_only_analysts_write(lone: Member, wires: CollectionRow) -> None:
    auditor = Actor(user="aud", roles=frozenset({Role.AUDITOR}))
    with pytest.raises(AccessDeniedError):
        post(lone, wires, [indicator(1)], actor=auditor)


def test_a_collection_that_was_deleted_meanwhile_is_not_found(
    lone: Member, wires: CollectionRow
) -> None:
    delete_collection(lone.wired.node, lone.actor, "wires")
    with pytest.raises(NotFoundError):
        post(lone, wires, [indicator(1)])
    with pytest.raises(NotFoundError):
        page(lone, wires)
    with pytest.raises(NotFoundError):
        delete(lone, wires, ONE, EVERY)


def test_posts_and_deletions_are_journalled(lone: Member, wires: CollectionRow) -> None:
    post(lone, wires, [indicator(1)])
    delete(lone, wires, ONE, EVERY)
    acts = lone.read(lambda tx: [act.act for _, act in tx.acts.page(after=0, limit=100)])
    assert acts[-3:] == ["collection.create", "collection.post", "collection.discard"]


@pytest.mark.parametrize("name", ["", "a", "held", "drafts", "Upper", "a b", "-a", "a" * 64,
                                  "00000000-0000-4000-8000-000000000001"])  # fmt: skip
def test_a_name_that_would_mislead_is_refused(lone: Member, name: str) -> None:
    with pytest.raises(RefusedError):
        create_collection(lone.wired.node, lone.actor, name)


def test_a_name_is_given_once_and_by_an_administrator(lone: Member, wires: CollectionRow) -> None:
    with pytest.raises(RefusedError, match="there is a collection"):
        create_collection(lone.wired.node, lone.actor, wires.name)
    analyst = Actor(user="ana", roles=frozenset({Role.ANALYST}))
    with pytest.raises(AccessDeniedError):
        create_collection(lone.wired.node, analyst, "another")
    with pytest.raises(AccessDeniedError):
        delete_collection(lone.wired.node, analyst, wires.name)


def test_what_is_new_is_submitted_once(lone: Member, wires: CollectionRow) -> None:
    def submit() -> int:
        done = submit_collection(lone.wired.node, lone.actor, "wires", limits=DEFAULT_LIMITS)
        return 0 if done is None else done.submitted.new

    post(lone, wires, [indicator(1), indicator(2)])
    assert submit() == 2
    assert submit() == 0
    post(lone, wires, [indicator(2), indicator(3)])
    assert submit() == 1
    which = ItemFilter(states=frozenset({ItemState.DRAFT}))
    drafts = lone.read(lambda tx: tx.items.page(which, after=None, limit=10))
    assert len(drafts) == 3


def test_a_token_with_grants_names_collections_that_exist(
    lone: Member, wires: CollectionRow
) -> None:
    node = lone.wired.node
    made = create_token(node, lone.actor, "admin", TokenRights(grants={"wires": "rw"}))
    assert made.row.scope == ""
    assert [(each.collection, each.can_read, each.can_write) for each in made.row.grants] == [
        (wires.number, True, True)
    ]
    for rights in (
        TokenRights(),
        TokenRights(grants={"wires": "x"}),
        TokenRights(scope="all"),
        TokenRights(scope="read", expires=node.clock.now()),
        TokenRights(scope="read", certificate="not hex"),
    ):
        with pytest.raises(RefusedError):
            create_token(node, lone.actor, "admin", rights)
    with pytest.raises(NotFoundError):
        create_token(node, lone.actor, "admin", TokenRights(grants={"none": "r"}))


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.tuples(st.sampled_from("ppd"), st.integers(1, 3), st.integers(1, 6)), max_size=12)
)
def test_first_and_last_are_what_they_should_be_whatever_came(
    lone: Member, steps: Sequence[tuple[str, int, int]]
) -> None:
    node = lone.wired.node
    row = create_collection(node, lone.actor, f"c{node.random(8).hex()}")
    model: dict[int, set[int]] = {}
    for kind, number, day in steps:
        days = model.setdefault(number, set())
        name = ObjectId(f"indicator--00000000-0000-4000-8000-{number:012d}")
        if kind == "p":
            assert post(lone, row, [indicator(number, day)])[0].accepted
            days.add(day)
        else:
            at = node.clock.now().replace(
                year=2026, month=1, day=day, hour=0, minute=0, second=0, microsecond=0
            )
            gone = delete(lone, row, name, VersionChoice(instants=frozenset({at})))
            assert gone == (day in days)
            days.discard(day)
    for choice, pick in ((LAST, max), (FIRST, min)):
        served = {
            (identifier, version) for identifier, version, _ in page(lone, row, choice).records()
        }
        assert served == {
            (
                f"indicator--00000000-0000-4000-8000-{number:012d}",
                f"2026-01-{pick(days):02d}T00:00:00.000Z",
            )
            for number, days in model.items()
            if days
        }
    assert figures(lone, row)[0] == sum(map(len, model.values()))


def test_an_object_dated_at_the_end_of_time_keeps_nothing_else_out(
    lone: Member, wires: CollectionRow
) -> None:
    """What has no version of its own is dated after the latest: there is no such instant."""
    last = "9999-12-31T23:59:59.999999Z"
    assert [each.accepted for each in post(lone, wires, [domain("a.example", modified=last)])] == [
        True
    ]
    outcomes = post(lone, wires, [domain("b.example"), indicator(1)])
    assert [each.accepted for each in outcomes] == [False, True]
    assert "end of time" in outcomes[0].message
