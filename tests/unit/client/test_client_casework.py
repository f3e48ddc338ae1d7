"""Casework through the client: asked, answered, ordered, attested, challenged; typed and once."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from tests.unit.exchange.casework_kit import XB, world_of

from foedus.client import (
    CasePage,
    NotFoundError,
    RefusedError,
    TokenError,
    UnreachableError,
    case_call,
    every,
)
from foedus.client.connection import Answer, decoded

if TYPE_CHECKING:
    from tests.unit.client.conftest import Scripted
    from tests.unit.exchange.casework_kit import World

    from foedus.client import Client

_PLACE = Path(__file__).parents[1] / "node" / "conftest.py"
_NAME = "node_pair_for_casework"
if _NAME not in sys.modules:
    _spec = importlib.util.spec_from_file_location(_NAME, _PLACE)
    if _spec is None or _spec.loader is None:
        raise ImportError(_PLACE)
    _made = importlib.util.module_from_spec(_spec)
    sys.modules[_NAME] = _made  # dataclasses look their module up by name
    _spec.loader.exec_module(_made)
_node = sys.modules[_NAME]
concluded_by_three = _node._concluded_by_three

LAW = "Act 1, section 2"


@pytest.fixture(scope="module", name="world")
def _world(concluded_by_three: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world_of(_node, concluded_by_three, tmp_path_factory.mktemp("client")) as world:
        yield world


def lost(said: Any, read: Any, place: str = "") -> list[str]:
    """Return what a document says and the typed result does not have."""
    if isinstance(said, dict) and isinstance(read, dict):
        return [
            each
            for name, value in said.items()
            for each in (
                lost(value, read[name], f"{place}.{name}") if name in read else [f"{place}.{name}"]
            )
        ]
    if isinstance(said, list) and isinstance(read, list):
        return [each for one, two in zip(said, read, strict=True) for each in lost(one, two, place)]
    return []


@pytest.fixture(autouse=True)
def _nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a test reads: the typed result has each field of the document."""

    def checked(answer: Answer, kind: type[Any]) -> Any:
        read = decoded(answer, kind)
        raw = json.loads(answer.content)
        raw.pop("counts", None)  # of a list: figures that no result has
        plain = msgspec.to_builtins(read)
        assert lost(raw, plain) in ([], [".challenge"], [".request"]), kind
        return read

    monkeypatch.setattr(case_call, "decoded", checked)


def draft(world: World, **changes: Any) -> Any:
    plain: dict[str, Any] = {
        "to": "XB",
        "legal_basis": LAW,
        "purpose": "warning",
        "offence": "financing",
        "values": ["bad1.example"],
    }
    return world.client("ann").requests.draft(**{**plain, **changes})


def test_who_asks_is_told(world: World) -> None:
    about = world.client("olga").about()
    assert (about.member, about.user, about.roles, about.exercise) == (
        "XA", "olga", ["officer"], True,
    )  # fmt: skip


def test_a_request_is_asked_and_answered(world: World) -> None:
    asked = draft(world)
    assert (asked.state, asked.side, asked.selectors) == ("draft", "asked", 1)
    ada = world.client("ada").requests
    with pytest.raises(RefusedError) as told:
        ada.send(asked.number)
    assert (told.value.status, told.value.node_code) == (409, "casework.course")
    approved = ada.approve(asked.number, neutrality="technical signs")
    assert approved.due - approved.at == timedelta(days=10)
    seen = ada.preview(asked.name)
    assert (seen.verdict, seen.under) == ("permit", "5")
    assert ada.send(asked.name).sent
    world.exchange()
    assert ada.show(asked.number).state == "acknowledged"

    desk = world.client("ada", of=XB).requests
    [waiting] = [row for row in desk.inbox().rows if row.name == asked.name]
    member = world.trio.b
    held = member.held(member.indicator(1, "bad1.example"), purposes=frozenset({"warning"}))
    [item] = member.read(lambda tx: tx.items.rows(held))
    assert [each.count for each in desk.show(waiting.number).held_here] == [1]
    assert desk.extend(waiting.number).extended
    done = desk.answer(waiting.number, [str(item.number)])
    assert ([each.id for each in done.given], done.withheld) == ([item.key.object_id], [])
    world.exchange()
    view = ada.show(asked.number)
    assert (view.state, [each.id for each in view.answers]) == ("answered", [item.key.object_id])
    assert view.says is not None
    closed = ada.close(asked.number, useful=5, feedback="new")
    assert (closed.state, closed.usefulness) == ("closed", 5)
    world.exchange()
    assert desk.show(waiting.number).feedback == "new"
    assert world.client("ann", of=XB).requests.reply(waiting.number, "No more.").number


def test_a_request_is_refused_or_withdrawn(world: World) -> None:
    ada, desk = world.client("ada").requests, world.client("ada", of=XB).requests
    first, second = draft(world, values=["bad2.example"]), draft(world, values=["bad3.example"])
    for each in (first, second):
        ada.approve(each.number, neutrality="technical signs")
        ada.send(each.number)
    world.exchange()
    assert [row.name for row in desk.inbox().rows][-2:] == [first.name, second.name]
    page = desk.inbox(limit=1)
    assert desk.inbox(after=page.next).rows[0].name != page.rows[0].name
    assert desk.refuse(first.name, "harm").ground == "harm"
    assert ada.withdraw(second.name).state == "withdrawn"
    world.exchange()
    assert ada.show(first.number).state == "refused"
    assert [row.name for row in ada.list(states=["withdrawn"], side="asked").rows] == [second.name]


def test_an_order_is_given_watched_and_attested(world: World) -> None:
    one, two, three = (world.given(number) for number in (11, 12, 13))
    officer = world.client("olga", of=XB)
    kept = officer.grounds.keep(two, ground="court-file", reason="file 9")
    assert (kept.versions, kept.ground) == (1, "court-file")
    orders = world.client("olga").orders
    issued = orders.issue("recall", [one, two], article="5", reason="wrong")
    assert (issued.holders, issued.items, issued.erased) == (["XB"], 2, 0)
    [name] = issued.orders
    assert [row.state for row in orders.matrix(order=name).rows] == ["ordered"]
    world.exchange()
    view = orders.show(name)
    [row] = view.rows
    assert (row.outcome, row.kept) == ("in-part", 1)
    assert [each.ground for each in row.attested_as[0].kept] == ["court-file"]
    [taken] = officer.orders.received(open_only=True).rows
    assert (taken.order, taken.sender, taken.kept[0].items) == (name, "XA", 1)
    assert officer.grounds.release(two).versions == 1
    world.exchange()
    assert orders.show(name).rows[0].state == "attested"

    blocked = orders.issue("restrict", [three], article="5", reason="court", members=["XB"])
    assert orders.issue("lift", [three], article="5", reason="court").orders
    assert [each.order for each in every(orders.list, limit=1)][-1] == name
    assert blocked.orders[0] in {each.order for each in orders.list().rows}
    later = world.trio.clock.now() + timedelta(days=400)
    dated = orders.issue("expire", [three], article="5", reason="expired", expiry=later)
    assert orders.show(dated.orders[0]).expiry == later
    with pytest.raises(RefusedError) as told:
        orders.issue("expire", [three], article="5", reason="expired")
    assert told.value.node_code == "node.refused"
    with pytest.raises(RefusedError):
        officer.orders.execute(taken.number)


def test_a_breach_is_closed_by_another_officer(world: World) -> None:
    item = world.given(21)
    [name] = world.client("olga").orders.issue("recall", [item], article="5", reason="wrong").orders
    world.trio.clock.instant += timedelta(days=60)
    from foedus.node.case_clock import tick  # noqa: PLC0415  # only here

    tick(world.trio.a.wired.node, world.trio.a.wired.gate)
    orders = world.client("omar").orders
    late = [each for each in orders.breaches(open_only=True).rows if each.order == name]
    assert [each.holder for each in late] == ["XB"]
    with pytest.raises(TokenError) as told:
        world.client("olga").orders.close_breach(late[0].breach, "it was down")
    assert told.value.node_code == "node.four-eyes"
    assert orders.close_breach(late[0].breach, "it was down").closed_by == "omar"
    world.exchange()


def test_a_consent_is_asked_given_and_withdrawn(world: World) -> None:
    item, other = world.given(31), world.given(32)
    ben, ada = world.client("ben", of=XB).consents, world.client("ada").consents
    until = world.trio.clock.now() + timedelta(days=20)
    asked = [ben.ask(each, to="XC", purpose="warning", until=until) for each in (item, other)]
    assert [each.state for each in asked] == ["asked", "asked"]
    assert ben.asked().rows[-1].member == "XA"
    world.exchange()
    first, second = [row for row in ada.inbox().rows if row.id in {item, other}]
    given = ada.give(first.number, conditions=["no-further"])
    assert (given.recipient, given.conditions, given.state) == ("XC", ["no-further"], "stands")
    assert ada.refuse(second.number, "harm").ground == "harm"
    world.exchange()
    assert {row.state for row in ben.asked().rows} >= {"refused"}
    assert ada.withdraw(given.number).state == "withdrawn"
    assert ada.list().rows[-1].state == "withdrawn"
    assert ada.inbox(everything=True).rows


def test_feedback_is_drafted_and_taken_back(world: World) -> None:
    item = world.given(41)
    feedback = world.client("ann", of=XB).feedback
    first = feedback.draft(item, "false-positive", text="It is a shop.")
    assert (first.to, first.new) == ("XA", True)
    assert not feedback.draft(item, "false-positive", text="It is a shop.").new
    assert feedback.list().rows[-1].about == item
    assert feedback.withdraw(first.number, "a mistake").state == "withdrawn"


def test_a_challenge_is_examined_and_decided(world: World) -> None:
    item = world.given(51)
    challenges = world.client("olga").challenges
    opened = challenges.open("DPO-17", items=[item], words="Jane Doe says it is not hers.")
    assert (opened.reference, opened.state) == ("DPO-17", "blocked")
    assert opened.orders
    view = challenges.show(opened.number)
    assert ([each.id for each in view.items], view.intake) == (
        [item], "Jane Doe says it is not hers.",
    )  # fmt: skip
    assert opened.number in {each.number for each in challenges.list().rows}
    assert "Jane" not in challenges.letter(opened.number)
    assert challenges.block(opened.number, [world.given(52)]).number == opened.number
    with pytest.raises(TokenError):
        challenges.decide(opened.number, "reject", "I see no fault")
    found = world.client("rita").challenges.decide(opened.number, "reject", "looked at the file")
    assert (found.outcome, found.unknown) == ("rejected", [])
    second = challenges.open("DPO-18", values=["nobody.example"])
    assert challenges.withdraw(second.number).outcome in {None, "withdrawn"}
    year = challenges.figures(opened.received.year)
    assert year.challenges.received >= 2
    assert isinstance(challenges.breaches(everything=True), CasePage)
    with pytest.raises(NotFoundError):
        challenges.show(99_999)


def test_a_person_asks_to_see(world: World) -> None:
    access = world.client("olga").access
    asked = access.open("SAR-1", ["bad1.example"], words="Wants to know.")
    found = access.search(asked.number, ["bad1.example"])
    assert (found.reference, found.complete) == ("SAR-1", True)
    assert access.letter(asked.number)
    assert access.answer(asked.number).ended is not None
    assert access.letter(asked.number, answer=True)
    assert not access.list().rows
    assert [each.name for each in access.list(everything=True).rows] == [asked.name]
    assert not access.forget(asked.number).lingering
    assert access.withdraw(access.open("SAR-2", ["x.example"]).number).state == "withdrawn"


def test_what_is_kept_and_known_and_read_is_told(world: World) -> None:
    soon = world.trio.clock.now() + timedelta(days=3)
    item = world.given(61, expiry=soon)
    officer = world.client("olga").reading_for("Vorgang 17: Prüfung")
    ending = officer.retention.list(days=5)
    assert [(each.id, each.ends) for each in ending.items] == [(item, soon)]
    assert officer.retention.list(which="reviews").items == []
    assert officer.retention.list(which="kept").items == []
    assert officer.retention.purge_dry_run().items == []
    world.trio.clock.instant = soon + timedelta(days=1)
    [gone] = officer.retention.purge_dry_run().items
    assert (gone.id, gone.given_to, gone.stays) == (item, ["XB"], False)
    found = officer.subjects.find(["bad61.example"], case="C-1")
    assert found.items == 1
    newest = officer.readings.list(limit=1)
    assert newest.rows[0].purpose == "Vorgang 17: Prüfung [C-1]"
    assert newest.rows[0].number == found.reading
    older = officer.readings.list(after=newest.next, limit=1)
    assert all(each.number < found.reading for each in older.rows)


def test_an_order_lost_on_its_way_back_is_given_once(scripted: Scripted, faulty: Client) -> None:
    """The same key goes with every attempt of one post, and another with the next."""
    from tests.unit.client.conftest import Canned  # noqa: PLC0415  # a class

    done = b'{"consent":1,"state":"withdrawn","told":0}'
    scripted.will(Canned(hang_up=True), Canned(status=503), Canned(body=done))
    assert faulty.casework.consents.withdraw(1).told == 0
    assert faulty.casework.consents.withdraw(1).told == 0
    keys = [headers["idempotency-key"] for _, _, headers, _ in scripted.seen]
    assert (len(keys), len(set(keys[:3])), keys[0] != keys[3]) == (4, 1, True)
    assert faulty.casework.keyed("mine").consents.withdraw(1).consent == 1
    assert scripted.seen[-1][2]["idempotency-key"] == "mine"


def test_problems_become_errors(scripted: Scripted, faulty: Client) -> None:
    from tests.unit.client.conftest import Canned  # noqa: PLC0415  # a class

    body = b'{"title":"T","status":409,"detail":"because","code":"casework.course"}'
    scripted.will(Canned(status=409, body=body))
    with pytest.raises(RefusedError, match="409: because") as told:
        faulty.casework.orders.list()
    assert told.value.node_code == "casework.course"
    assert len(scripted.seen) == 1
    scripted.will(Canned(status=504, body=b"{}"))
    with pytest.raises(UnreachableError):
        faulty.casework.orders.list()
    for purpose in ("a\nb", "x" * 301):
        with pytest.raises(RefusedError):
            faulty.casework.reading_for(purpose)
    with pytest.raises(RefusedError):
        faulty.casework.keyed("ü")
    moment = datetime(2027, 1, 1, tzinfo=UTC)
    scripted.will(Canned(body=b'{"consents":[],"next":""}'))
    assert list(every(faulty.casework.consents.list)) == []
    assert case_call._plain(moment) == "2027-01-01T00:00:00.000000Z"
