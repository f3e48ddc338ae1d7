"""Items given, passed on, corrected and recalled among four members: a model says who may see what.

After every step no node shows what the model says is gone or blocked there. At rest, when all was
pulled, each node holds exactly what the model says, every order is attested, and of what is gone
no word, value or hash stands in any file of a data directory, unless another item that is held
there carries the same.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import mkdtemp
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Final

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from foedus.casework.order import OrderAction, OrderReason
from foedus.casework.order_course import OrderState
from foedus.model.identifiers import MemberId
from foedus.node.consents import give_consent, take_consent
from foedus.node.errors import NodeError
from foedus.node.exports import export_items
from foedus.node.find import search
from foedus.node.issue_orders import Command, Issued, issue_orders
from foedus.node.ports.people import HitState

if TYPE_CHECKING:
    from tests.property.recall_world import Held, Key, World


def _load() -> ModuleType:
    """Load the world beside this module, which is in no package."""
    name = "tests.property.recall_world"
    if name not in sys.modules:
        place = Path(__file__).with_name("recall_world.py")
        spec = importlib.util.spec_from_file_location(name, place)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses look their module up by name
        spec.loader.exec_module(module)
    return sys.modules[name]


recall_world = _load()
EVERYBODY: Final[tuple[MemberId, ...]] = recall_world.EVERYBODY
OFFICER: Final = recall_world.OFFICER
_VALUES: Final = ("first.example", "second.example", "third.example")
_MOST_VERSIONS: Final = 4
ANY: Final = st.integers(0, 99)


@dataclass(slots=True)
class Item:
    """What the model knows of one item.

    Attributes:
        given: By member, the versions it was given, by whomever; they may still be on their way.
        direct: Who was given it by its originator.
        passed: Who passed it on to whom.
        ended: It was recalled. ``ending`` once its day has come; ``erased`` at home too.
        narrowed: Who loses it.
        blocked: It is restricted everywhere.
        superseded: Versions that a correction replaced.
        unsure: Members of whom the model does not say whether they have it still.
    """

    originator: MemberId
    object_id: str
    versions: list[Held] = field(default_factory=list)
    given: dict[MemberId, set[Key]] = field(default_factory=dict)
    direct: set[MemberId] = field(default_factory=set)
    passed: set[tuple[MemberId, MemberId]] = field(default_factory=set)
    ended: bool = False
    ending: bool = False
    erased: bool = False
    narrowed: set[MemberId] = field(default_factory=set)
    blocked: bool = False
    superseded: set[Key] = field(default_factory=set)
    unsure: set[MemberId] = field(default_factory=set)

    @property
    def keys(self) -> set[Key]:
        return {each.key for each in self.versions}

    def stands(self, member: MemberId) -> set[Key]:
        """Return what stands in a member's node at rest, shown or blocked."""
        if member == self.originator:
            return set() if self.erased else self.keys
        if self.ended or member in self.narrowed:
            return set()
        return self.given.get(member, set()) - self.superseded


class RecallMachine(RuleBasedStateMachine):
    """Real nodes beside the model."""

    carry: ClassVar[Callable[[Path], str] | None] = None
    counted: ClassVar[dict[str, int]] = {}

    def __init__(self) -> None:
        super().__init__()
        self.world: World = recall_world.World.begin(
            Path(mkdtemp(prefix="foedus-recall-")), type(self).carry
        )
        self.items: list[Item] = []
        self.gone: dict[MemberId, set[Key]] = {each: set() for each in EVERYBODY}
        self.blocked: dict[MemberId, set[Key]] = {each: set() for each in EVERYBODY}
        self.backups: dict[MemberId, tuple[Path, set[Key]]] = {}
        self.lost: set[MemberId] = set()
        self.restored: set[tuple[MemberId, MemberId]] = set()
        self.erased_again: set[tuple[MemberId, str]] = set()

    def teardown(self) -> None:
        try:
            if sys.exc_info()[0] is None:
                self.at_rest()
        finally:
            self.world.end()

    @classmethod
    def count(cls, what: str) -> None:
        cls.counted[what] = cls.counted.get(what, 0) + 1

    # Choosing.

    def _living(self, number: int, *, given: bool = False) -> Item | None:
        found = [
            each
            for each in self.items
            if not each.ended
            and not each.ending
            and each.originator not in self.lost
            and (not given or any(each.given.values()))
        ]
        return found[number % len(found)] if found else None

    def _other(self, own: MemberId, number: int) -> MemberId:
        others = [each for each in EVERYBODY if each != own]
        return others[number % len(others)]

    # Items.

    @initialize(values=st.lists(st.sampled_from(_VALUES), min_size=3, max_size=3))
    def begin(self, values: list[str]) -> None:
        """Every course begins with something given, a value of two originators among it."""
        self.enter(0, values[0], observable=False, to={0, 1, 2})
        self.enter(1, values[1], observable=True, to={0, 1})
        self.enter(2, values[1], observable=True, to={1, 2})
        self.enter(3, values[2], observable=False, to={0, 2})
        self.pull_about([(1, 0), (2, 0), (2, 1), (3, 1)])

    @rule(by=ANY, value=st.sampled_from(_VALUES), observable=st.booleans(), to=st.sets(ANY))
    def enter(self, by: int, value: str, observable: bool, to: set[int]) -> None:  # noqa: FBT001
        originator = EVERYBODY[by % len(EVERYBODY)]
        if originator in self.lost:
            return
        content = recall_world.Content(originator, len(self.items) + 1, 1, value, observable)
        if any((i.originator, i.object_id) == (originator, content.object_id) for i in self.items):
            return  # an observable is the same whoever observes it, and however often
        item = Item(originator=originator, object_id=content.object_id)
        held = self.world.enter(content)
        if held is None:  # the very bytes were recalled from this member by another
            assert any(key[1] == content.object_id for key in self.was_given(originator))
            return
        item.versions.append(held)
        self.items.append(item)
        self.count("entered")
        for number in sorted(to)[:3]:
            self._give(item, item.versions[0], self._other(originator, number))

    def was_given(self, member: MemberId) -> set[Key]:
        return {key for each in self.items for key in each.given.get(member, ())}

    @rule(which=ANY)
    def new_version(self, which: int) -> None:
        item = self._living(which)
        if item is None or item.versions[0].content.observable or item.blocked:
            return
        if len(item.versions) == _MOST_VERSIONS:
            return
        content = recall_world.changed(
            item.versions[-1].content,
            version=item.versions[-1].content.version + 1,
            value=f"v{len(item.versions)}.{_VALUES[0]}",
        )
        held = self.world.enter(content)
        assert held is not None
        item.versions.append(held)
        self.count("new version")

    @rule(which=ANY, version=ANY, to=ANY)
    def disclose(self, which: int, version: int, to: int) -> None:
        found = [each for each in self.items if not each.erased]
        found = [each for each in found if each.originator not in self.lost]
        if found:
            item = found[which % len(found)]
            held = item.versions[-1 - version % len(item.versions)]
            self._give(item, held, self._other(item.originator, to))

    def _give(self, item: Item, held: Held, to: MemberId) -> None:
        barred = item.ended or item.blocked or to in item.narrowed or held.key in item.superseded
        try:
            given, _ = self.world.disclose(item.originator, held.row.handle, to)
        except NodeError:
            given = 0
        if barred:
            assert not given, (item, held.key, to)
        if given:
            item.given.setdefault(to, set()).add(held.key)
            item.direct.add(to)
            self.count("disclosed")

    @rule(by=ANY, which=ANY, to=ANY)
    def pass_on(self, by: int, which: int, to: int) -> None:
        holder = EVERYBODY[by % len(EVERYBODY)]
        if holder in self.lost:
            return
        rows = [row for key, row in sorted(self.world.listed(holder).items()) if key[0] != holder]
        if not rows:
            return
        row = rows[which % len(rows)]
        key = recall_world.key_of(row)
        [item] = [each for each in self.items if key in each.keys]
        target = self._other(holder, to)
        origin = item.originator
        if target == origin or origin in self.lost or target in item.narrowed:
            return
        wish, until = self.world.wish(target), self.world.clock.now() + timedelta(days=900)
        try:
            wired = self.world.members[origin].wired
            file = give_consent(wired.node, OFFICER, item.object_id, wish, until=until).file
            take_consent(self.world.members[holder].wired.node, OFFICER, file)
            given, _ = self.world.disclose(holder, row.handle, target)
        except NodeError:
            return
        if given:
            assert key not in self.gone[holder]
            item.given.setdefault(target, set()).add(key)
            item.passed.add((holder, target))
            self.count("passed on")

    @rule(by=ANY, which=ANY)
    def export(self, by: int, which: int) -> None:
        member = EVERYBODY[by % len(EVERYBODY)]
        rows = sorted(self.world.listed(member))
        if rows and member not in self.lost:
            wired = self.world.members[member].wired
            name = rows[which % len(rows)][1]
            export_items(wired.node, self.world.members[member].actor, [name], purpose="a test")
            self.count("exported")

    @rule(by=ANY, which=ANY)
    def bring_in_again(self, by: int, which: int) -> None:
        """A member's own people submit what was recalled from it."""
        member = EVERYBODY[by % len(EVERYBODY)]
        found = [
            held
            for item in self.items
            for held in item.versions
            if item.ended and held.key in self.gone[member] and not held.content.observable
            if (member, item.originator) not in self.restored
        ]
        if not found or member in self.lost:
            return
        held = found[which % len(found)]
        self.world.members[member].submit(
            self.world.members[member].bundle(held.content.document())
        )
        assert (member, *held.key[1:]) not in self.world.standing(member)
        self.count("kept out")

    # Orders.

    def _order(self, item: Item, action: OrderAction, **more: Any) -> Issued:
        wired = self.world.members[item.originator].wired
        self.world.go_on(seconds=1)
        command = Command(
            action=action,
            references=(item.object_id,),
            treaty=self.world.treaty,
            article=recall_world.ARTICLE,
            reason=more.pop("reason", OrderReason.WRONG),
            **more,
        )
        self.count(action.value)
        issued = issue_orders(wired.node, OFFICER, wired.gate, command)
        self.world.go_on(seconds=1)
        return issued

    @rule(which=ANY, erase=st.booleans())
    def recall(self, which: int, erase: bool) -> None:  # noqa: FBT001
        item = self._living(which, given=True)
        if item is None:
            return
        self._order(item, OrderAction.RECALL, erase=erase)
        item.ended, item.erased = True, erase
        if erase:
            self.gone[item.originator] |= item.keys

    @rule(which=ANY)
    def restrict(self, which: int) -> None:
        item = self._living(which, given=True)
        if item is None or item.blocked:
            return
        self._order(item, OrderAction.RESTRICT)
        item.blocked = True
        self.blocked[item.originator] |= item.keys

    @rule(which=ANY)
    def lift(self, which: int) -> None:
        item = self._living(which, given=True)
        if item is None or not (item.blocked or item.narrowed):
            return
        self._order(item, OrderAction.LIFT)
        item.blocked = False
        for member in EVERYBODY:
            self.blocked[member] -= item.keys
        # What was on its way when it was narrowed may have come after the lifting.
        item.unsure |= item.narrowed
        for member in item.narrowed:
            self.gone[member] -= item.keys
        item.narrowed.clear()

    @rule(which=ANY, of=ANY)
    def narrow(self, which: int, of: int) -> None:
        item = self._living(which, given=True)
        if item is None:
            return
        givers = {giver for giver, _ in item.passed}
        found = sorted(item.direct - givers - item.narrowed)
        if found:
            member = found[of % len(found)]
            self._order(item, OrderAction.NARROW, members=(member,))
            item.narrowed.add(member)

    @rule(which=ANY)
    def expire(self, which: int) -> None:
        item = self._living(which, given=True)
        if item is None:
            return
        day = self.world.clock.now() + timedelta(days=1)
        self._order(item, OrderAction.EXPIRE, expiry=day, reason=OrderReason.EXPIRED)
        item.ending = True

    @rule(which=ANY)
    def correct(self, which: int) -> None:
        item = self._living(which, given=True)
        if item is None or item.blocked or len(item.versions) == 1:
            return
        new = item.versions[-1]
        if item.keys - {new.key} == item.superseded:
            return
        number = str(new.row.number)
        issued = self._order(item, OrderAction.CORRECT, replacement=number)
        item.superseded = item.keys - {new.key}
        without = {each.member for each in issued.not_given}
        for member in set(issued.holders) - without:
            item.given.setdefault(member, set()).add(new.key)

    # Lines.

    @rule(own=ANY, other=ANY, rows=st.sampled_from([1, 2, 5, 1_000]), pages=st.integers(0, 9))
    def pull(self, own: int, other: int, rows: int, pages: int) -> None:
        """Pull, most often to the end; the line may break after some pages."""
        member = EVERYBODY[own % len(EVERYBODY)]
        sender = self._other(member, other)
        self.world.go_on(seconds=1)
        line = self.world.line(member, rows=rows, pages=pages if pages < 5 else None)
        if not self.world.pull(member, sender, line):
            self._heard(member, sender)
            self.count("pulled whole")
        else:
            self.count("pulled in part")

    @rule(pairs=st.lists(st.tuples(ANY, ANY), min_size=4, max_size=12))
    def pull_about(self, pairs: list[tuple[int, int]]) -> None:
        """Several pull, each from another, to the end."""
        for own, other in pairs:
            self.pull(own, other, 1_000, 9)

    @rule(own=ANY, other=ANY)
    def pull_items_first(self, own: int, other: int) -> None:
        """Items come before the orders on them."""
        member = EVERYBODY[own % len(EVERYBODY)]
        sender = self._other(member, other)
        self.world.pull_lane(member, sender, "bulk", self.world.line(member))
        self.count("pulled out of order")

    def _heard(self, member: MemberId, sender: MemberId) -> None:
        """From now on the member shows nothing against any order the sender gave so far."""
        self.restored.discard((member, sender))
        for item in self.items:
            if item.originator != sender or member not in item.direct:
                continue
            given = item.given[member]
            if item.ended or member in item.narrowed:
                self.gone[member] |= given
            self.gone[member] |= given & item.superseded
            if item.blocked:
                self.blocked[member] |= given
            else:
                self.blocked[member] -= item.keys

    @rule(one=ANY, other=ANY)
    def part(self, one: int, other: int) -> None:
        member = EVERYBODY[one % len(EVERYBODY)]
        self.world.parted.add(frozenset({member, self._other(member, other)}))

    @precondition(lambda self: self.world.parted)
    @rule()
    def heal(self) -> None:
        self.world.parted.clear()

    # Nodes.

    @rule(which=ANY)
    def restart(self, which: int) -> None:
        self.world.restart(EVERYBODY[which % len(EVERYBODY)])

    @rule()
    def tick(self) -> None:
        self.world.go_on(minutes=10)
        self.world.tick()

    @rule(which=ANY)
    def back_up(self, which: int) -> None:
        member = EVERYBODY[which % len(EVERYBODY)]
        if member not in self.lost and member not in self.world.databases:
            keys = {key for each in self.items if each.originator == member for key in each.keys}
            self.backups[member] = (self.world.back_up(member), keys)

    @precondition(lambda self: self.backups and not self.lost)
    @rule(which=ANY)
    def restore(self, which: int) -> None:
        """Lose a store; the others took what it had given, which no backup would bring back."""
        found = sorted(self.backups)
        member = found[which % len(found)]
        backup, known = self.backups[member]
        self.world.parted.clear()
        for other in EVERYBODY:
            if other != member:
                self.world.go_on(seconds=1)
                assert not self.world.pull(other, member, self.world.line(other), copies=True)
                self._heard(other, member)
        self.world.restore(member, backup)
        self.lost.add(member)
        self.restored |= {(member, other) for other in EVERYBODY}
        for item in [each for each in self.items if each.originator == member]:
            given = {key for keys in item.given.values() for key in keys}
            item.versions = [each for each in item.versions if each.key in known | given]
            if item.keys - known and (item.ended or item.superseded or item.narrowed):
                item.unsure.add(member)  # its bytes may stand with nobody any more
            if item.ended and not item.erased:
                item.unsure.add(member)
            if not item.versions:
                self.items.remove(item)
        self.count("restored")

    @precondition(lambda self: self.lost)
    @rule()
    def recover(self) -> None:
        for member in sorted(self.lost):
            if self.world.recover(member):
                self._recovered(member)

    def _recovered(self, member: MemberId) -> None:
        self.lost.discard(member)
        for item in self.items:
            if item.originator == member:
                self._rows_again(item)
                if item.erased:
                    self._erase_again(item)

    def _rows_again(self, item: Item) -> None:
        """Find the rows of what came back: its handles are others now."""
        wired = self.world.members[item.originator].wired
        with wired.database.read() as tx:
            for held in item.versions:
                for row in tx.items.by_object_id(recall_world.object_of(held.key)):
                    if recall_world.key_of(row) == held.key:
                        held.row = row

    def _erase_again(self, item: Item) -> None:
        """The alarm of a recovery asks a person to erase again what was erased."""
        if any(key in item.keys for key in self.world.standing(item.originator)):
            self.world.erase_again(item.originator, item.object_id)

    # What must hold.

    @invariant()
    def nothing_forbidden_is_shown(self) -> None:
        for member in EVERYBODY:
            self._shows_only(member, self._allowed(member))

    def _allowed(self, member: MemberId) -> set[Key]:
        found: set[Key] = set()
        for item in self.items:
            found |= item.keys if item.originator == member else item.given.get(member, set())
        return found - self.gone[member] - self.blocked[member]

    def _shows_only(self, member: MemberId, allowed: set[Key]) -> None:
        world = self.world
        listed = set(world.listed(member))
        assert listed <= allowed, (member, "list", listed - allowed)
        pages = world.tools(member) + world.lanes(member)
        for item in self.items:
            for held in item.versions:
                if held.key in self.gone[member] and held.content.word:
                    assert held.content.word.encode() not in pages, (member, "page", held.key)
        words = {
            word
            for item in self.items
            for held in item.versions
            for word in (held.content.word, held.content.value)
            if word
        }
        with world.members[member].database.read() as tx:
            for word in sorted(words):
                found = {recall_world.key_of(row) for row in search(tx, word, limit=100)}
                assert found <= allowed, (member, "search", word, found - allowed)
            hits = tx.hits.page(states=frozenset(HitState), after=0, limit=1_000)
            rows = tx.items.rows(sorted({each.hit.arrived for each in hits}))
            matched = {recall_world.key_of(row) for row in rows}
        assert matched.isdisjoint(self.gone[member]), (member, "match", matched)

    def at_rest(self) -> None:
        """Let everything arrive, and look everywhere."""
        world = self.world
        lost = set(self.lost)
        world.set_down()
        for member in sorted(lost):
            self._recovered(member)
        world.tick()
        for item in self.items:
            if item.ending:
                item.ended = True
        for member in EVERYBODY:
            self._stands_exactly(member)
            self._no_traces(member)
            tally = world.read(member, lambda tx: tx.orders.tally())
            open_ = {state: count for state, count in tally.states.items() if count}
            assert open_.keys() <= {OrderState.ATTESTED}, (member, open_)
        self.count("at rest")

    def _stands_exactly(self, member: MemberId) -> None:
        standing, listed = set(self.world.standing(member)), set(self.world.listed(member))
        for item in self.items:
            wanted = item.stands(member)
            if item.ending and member == item.originator:
                wanted = item.keys
            found = {key for key in standing if key[:2] == (item.originator, item.object_id)}
            if member in item.unsure:
                assert found <= wanted, (member, found, wanted)
                continue
            assert found == wanted, (member, item, found, wanted)
            shown = listed & found
            assert shown == (set() if item.blocked else found), (member, item, shown)
        mine = {(item.originator, item.object_id) for item in self.items}
        assert {key[:2] for key in standing} <= mine

    def _no_traces(self, member: MemberId) -> None:
        standing = set(self.world.standing(member))
        here = {
            trace
            for item in self.items
            for held in item.versions
            if held.key in standing
            for trace in held.traces()
        }
        wanted = {
            trace
            for item in self.items
            for held in item.versions
            for trace in held.traces()
            # A longer name may hold a shorter one.
            if not any(trace in each for each in here)
        }
        ids = {item.object_id for item in self.items} - {name for _, name, _ in standing}
        files = list(self.world.files(member))
        # A signed order names what it is about: there it stands in base64, and is looked for bare.
        named = wanted & self.world.hashes_ordered(member)
        found = recall_world.traces_in(files, sorted(wanted - named))
        found += recall_world.traces_in(files, sorted(ids | named), bare=True)
        assert not found, (member, found)


def _run(cls: type[RecallMachine], examples: int, steps: int, **more: Any) -> None:
    run_state_machine_as_test(
        cls,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            **more,
        ),
    )


def test_what_was_recalled_is_nowhere_and_nothing_else_is_lost() -> None:
    _run(RecallMachine, 6, 25, derandomize=True, phases=[Phase.generate])


@pytest.fixture(name="carry")
def _carry(request: pytest.FixtureRequest) -> Iterator[Callable[[Path], str]]:
    """Moves a store to a database of its own."""
    databases = request.getfixturevalue("databases")
    taken: list[str] = []

    def carry(data: Path) -> str:
        for each in taken:
            databases.give_back(each)
        taken.clear()
        taken.append(databases.take())
        databases.carry(data, taken[-1])
        return taken[-1]

    yield carry
    for each in taken:
        databases.give_back(each)


@pytest.mark.soak
def test_many_courses() -> None:
    _run(RecallMachine, 300, 60)


@pytest.mark.soak
def test_many_courses_with_a_member_on_postgres(carry: Callable[[Path], str]) -> None:
    class OnPostgres(RecallMachine):
        pass

    OnPostgres.carry = staticmethod(carry)
    _run(OnPostgres, 100, 60)


# Courses that are worth a test of their own, told to the same machine.


@pytest.fixture(name="machine")
def _machine() -> Iterator[RecallMachine]:
    machine = RecallMachine()
    yield machine
    machine.world.end()


A, B, C = 0, 1, 2


def _heard(machine: RecallMachine, own: int, other: int) -> None:
    """Pull once to the end; ``other`` counts the members without ``own``."""
    machine.pull(own, other, 1_000, 9)
    machine.nothing_forbidden_is_shown()


@pytest.mark.parametrize("twice", [False, True], ids=["gone", "kept"])
@pytest.mark.parametrize("observable", [False, True], ids=["indicator", "observable"])
def test_a_value_stays_only_where_an_item_of_another_carries_it(
    machine: RecallMachine,
    twice: bool,  # noqa: FBT001
    observable: bool,  # noqa: FBT001
) -> None:
    machine.enter(A, "kept.example", observable, {0, 1})  # to XB and XC
    if twice:
        machine.enter(B, "kept.example", observable, {1})  # to XC
    _heard(machine, B, 0)
    _heard(machine, C, 0)
    _heard(machine, C, 1)
    machine.recall(0, erase=True)
    machine.at_rest()
    for member, kept in (("XA", False), ("XB", twice), ("XC", twice), ("XD", False)):
        files = list(machine.world.files(MemberId(member)))
        found = bool(recall_world.traces_in(files, ["kept.example"]))
        assert found is kept, (member, found)


def test_an_export_that_the_backup_does_not_know_goes_too(machine: RecallMachine) -> None:
    machine.enter(A, "first.example", observable=False, to={0})
    _heard(machine, B, 0)
    machine.back_up(B)
    machine.export(B, 0)
    assert list((machine.world.folder / "XB" / "exports").iterdir())
    machine.restore(0)
    machine.recover()
    machine.recall(0, erase=True)
    machine.at_rest()
    assert not list((machine.world.folder / "XB" / "exports").iterdir())


def test_a_backup_from_before_the_recall_brings_nothing_back(machine: RecallMachine) -> None:
    machine.enter(A, "first.example", observable=False, to={0})
    machine.enter(A, "second.example", observable=True, to={0})
    _heard(machine, B, 0)
    machine.back_up(B)
    machine.recall(0, erase=False)
    machine.recall(0, erase=True)
    _heard(machine, B, 0)
    machine.restore(0)
    machine.nothing_forbidden_is_shown()
    machine.recover()
    machine.nothing_forbidden_is_shown()
    _heard(machine, B, 0)
    before = machine.counted.get("kept out", 0)
    machine.bring_in_again(B, 0)  # the id is not kept with the source it was refused in, either
    assert machine.counted["kept out"] == before + 1
    machine.at_rest()


def test_an_observable_of_ours_is_ordered_by_its_id_though_another_gave_it_too(
    machine: RecallMachine,
) -> None:
    machine.enter(B, "first.example", observable=True, to={1})  # to XC
    machine.enter(A, "first.example", observable=True, to={0})  # to XB
    _heard(machine, B, 0)
    _heard(machine, C, 1)
    machine.recall(0, erase=False)
    machine.at_rest()
