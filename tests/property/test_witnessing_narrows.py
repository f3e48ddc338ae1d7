"""Limits of witnessing only narrow: what they add can stop a release and never free one.

* A decision with an unwitnessed log, or to a member proven forked, stands no freer than without; it
  never releases.
* An entry is witnessed exactly when enough of the present witnesses cosigned a size beyond it. So
  more cosigned never makes a log later, and more liars or a shorter limit never makes it less late.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from foedus.model.identifiers import ArticleId, MemberId
from foedus.node.audience import Links
from foedus.node.unwitnessed import OwnWitnessing, witnessing_of
from foedus.release.decide import Law, Verdict, decide, propose
from foedus.release.facts import LinkFacts
from foedus.release.question import Question
from foedus.signing import enough
from foedus.treaty.articles import Treaty, Witnessing
from foedus.treaty.in_force import law_under, status
from foedus.treaty.standing import MemberStatus, Stage, TreatyStatus


def _load(name: str, *place: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent.joinpath(*place))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


if TYPE_CHECKING:
    from tests.property import test_in_force_kinds as kinds
    from tests.property import test_law_narrows as narrows
else:
    narrows = _load("law_narrows", "test_law_narrows.py")
    kinds = narrows.kinds

START = datetime(2026, 11, 24, tzinfo=UTC)
OWNER = MemberId("XA")
HOUR = timedelta(hours=1)
PEERS = tuple(MemberId(f"X{letter}") for letter in "BCDEFGH")

profile = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])

links = st.builds(
    LinkFacts,
    fresh=st.booleans(),
    why=st.sampled_from(["", "silence"]),
    until=st.none() | st.integers(1, 99).map(lambda hour: kinds.START + hour * HOUR),
)


@profile
@given(
    st.data(),
    links,
    st.sampled_from([(False, False), (False, True), (True, True)]),
    st.integers(0, narrows.LATEST),
)
def test_what_a_sender_owes_only_stops(
    data: st.DataObject, link: LinkFacts, owed: tuple[bool, bool], hour: int
) -> None:
    current = status(kinds.treaty(), narrows.founded(), kinds.START + timedelta(hours=hour))
    pair = law_under(kinds.treaty(), current, narrows.XA, narrows.XB)
    law = Law(compiled=narrows.compiled(), pair=pair)
    facts = data.draw(narrows.facts_of(narrows.XA))
    asserted = data.draw(narrows.asserted_strategy)
    article = data.draw(st.sampled_from([None, *narrows.ARTICLES]))
    question = Question(
        treaty=kinds.treaty().id,
        article=None if article is None else ArticleId(article),
        sender=narrows.XA,
        recipient=narrows.XB,
        purpose=data.draw(st.sampled_from(sorted(facts.terms.purposes))),
        at=pair.at,
    )
    ask = propose if article is None else decide
    witnessed, forked = owed
    narrowed = replace(link, witnessed=witnessed, unwitnessed="for too long", forked=forked)
    before = ask(question, facts, asserted, law, link=link)
    after = ask(question, facts, asserted, law, link=narrowed)
    assert after.place >= before.place
    assert after.verdict is Verdict.DENY
    assert after.valid_until == before.valid_until
    own = {reason.kind.value for reason in after.reasons}
    assert own >= {"witness"} - ({"witness"} if witnessed else set())
    assert own >= ({"fork"} if forked else set())


class World:
    """A log whose entry ``n`` was made ``n`` hours after the start, and who cosigned how much."""

    def __init__(self, entries: int, sizes: Mapping[MemberId, int]) -> None:
        self.entries = entries
        self.sizes = sizes

    @property
    def tx(self) -> Any:
        return SimpleNamespace(
            ledger=SimpleNamespace(count=lambda: self.entries, row=self._row),
            witness=SimpleNamespace(
                witnesses=lambda: {
                    member: SimpleNamespace(size=size) for member, size in self.sizes.items()
                },
                fork_of=lambda _member: None,
            ),
            peers=SimpleNamespace(
                get=lambda _member: SimpleNamespace(heard=START + self.entries * HOUR)
            ),
        )

    def _row(self, index: int) -> Any:
        return SimpleNamespace(at=START + index * HOUR) if index < self.entries else None

    @property
    def status(self) -> TreatyStatus:
        members = {
            member: MemberStatus(
                member=member,
                stage=Stage.PARTY,
                since=START,
                reserved=frozenset(),
                recognises=frozenset(),
                notes=(),
                blocked=None,
            )
            for member in (OWNER, *self.sizes)
        }
        return TreatyStatus(
            treaty=kinds.treaty().id,
            at=START,
            in_force_since=START,
            members=members,
            next_change=None,
        )

    def found(self, liars: int, limit_h: int) -> OwnWitnessing:
        found = witnessing_of(self.tx, NODE, agreed(liars, limit_h), self.status)
        assert found is not None
        return found


VIEW = cast("Any", None)
NODE = cast("Any", SimpleNamespace(identity=SimpleNamespace(member=OWNER)))


def agreed(liars: int, limit_h: int) -> Treaty:
    figures = Witnessing(liars=liars, unwitnessed=limit_h * HOUR)
    return replace(kinds.treaty(), witnessing=figures)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    entries = draw(st.integers(0, 30))
    who = draw(st.lists(st.sampled_from(PEERS), unique=True, max_size=len(PEERS)))
    return World(entries, {member: draw(st.integers(0, entries)) for member in who})


liars_strategy = st.integers(0, 4)
limits = st.integers(1, 40)
hours = st.integers(0, 80)


@profile
@given(worlds(), liars_strategy, limits, hours)
@example(World(0, {}), 0, 1, 80)
def test_an_entry_is_witnessed_when_enough_cosigned_beyond_it(
    world: World, liars: int, limit: int, hour: int
) -> None:
    found = world.found(liars, limit)
    needed = enough(len(world.sizes), liars)
    for entry in range(world.entries):
        cosigned = sum(size > entry for size in world.sizes.values())
        assert (cosigned >= needed) == (entry < found.covered)
    oldest = None if found.covered >= world.entries else START + found.covered * HOUR
    assert found.since == oldest
    now = START + hour * HOUR
    assert found.late(now) == (oldest is not None and now - oldest >= limit * HOUR)
    assert set(found.behind) == {m for m, size in world.sizes.items() if size < world.entries}


@profile
@given(worlds(), liars_strategy, limits, hours, st.data())
def test_more_cosigned_is_never_later_and_stricter_figures_never_less_late(
    world: World, liars: int, limit: int, hour: int, data: st.DataObject
) -> None:
    now = START + hour * HOUR
    late = world.found(liars, limit).late(now)
    more = World(
        world.entries,
        {each: data.draw(st.integers(size, world.entries)) for each, size in world.sizes.items()},
    )
    assert late or not more.found(liars, limit).late(now)
    assert world.found(liars + data.draw(st.integers(0, 3)), limit).late(now) or not late
    assert world.found(liars, data.draw(st.integers(1, limit))).late(now) or not late


@profile
@given(worlds(), liars_strategy, limits, hours)
def test_the_link_says_until_when_and_is_as_without_figures_till_then(
    world: World, liars: int, limit: int, hour: int
) -> None:
    now = START + hour * HOUR
    made = Links(tx=world.tx, node=NODE, view=VIEW, now=now)
    free = made.to(replace(kinds.treaty(), witnessing=None), world.status, PEERS[0])
    bound = Links(tx=world.tx, node=NODE, view=VIEW, now=now).to(
        agreed(liars, limit), world.status, PEERS[0]
    )
    found = world.found(liars, limit)
    assert bound.witnessed is not found.late(now)
    assert (bound.fresh, bound.why, bound.forked) == (free.fresh, free.why, free.forked)
    if bound.witnessed:
        turns = [each for each in (free.until, found.until) if each is not None]
        assert bound.until == min(turns, default=None)
        assert found.until is None or now < found.until
    else:
        assert f"since {found.since:%Y-%m-%d %H:%M}" in bound.unwitnessed
        assert "recalls and receipts go on" in bound.unwitnessed
        too_few = found.needed > len(world.sizes)
        assert ("are needed, and only" in bound.unwitnessed) is too_few
