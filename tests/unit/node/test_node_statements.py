"""What a member states under a treaty, on real nodes: each act, its effect, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from foedus.access import AccessDeniedError, Actor, Role
from foedus.compose import create_node
from foedus.errors import FoedusError
from foedus.model.identifiers import ArticleId, MemberId, TreatyId
from foedus.model.kinds import FoedusKind, wrap_document
from foedus.model.objects import parse_object
from foedus.node.doctor import FAULT, examine
from foedus.node.errors import NotFoundError, NotReadyError, RefusedError
from foedus.node.find import TreatyState, treaty_state
from foedus.node.keys import list_keys, revoke_keys
from foedus.node.law_pages import html_page, markdown_page
from foedus.node.law_report import LawReport, conflict_proof, law_report
from foedus.node.lawbook import LawView
from foedus.node.pass_on import GRACE, pass_on
from foedus.node.pull import pull
from foedus.node.ratify import adopt, ratify, sign
from foedus.node.statements import Issued
from foedus.node.treaty_acts import (
    accede,
    accept_amendment,
    admit,
    declare,
    denounce,
    object_to,
    reserve,
    suspend,
    withdraw,
)
from foedus.settings import Settings
from foedus.signing import Envelope, KeyPurpose, sign_envelope
from foedus.treaty.in_force import Stage, status
from foedus.treaty.instrument import (
    INSTRUMENT_TYPE,
    Denunciation,
    InstrumentDraft,
    Objection,
    Reservation,
    Signature,
    Statement,
    sign_instrument,
)
from foedus.treaty.timeline import What

if TYPE_CHECKING:
    from tests.unit.node.conftest import Member, Pair

XA, XB, XC = MemberId("XA"), MemberId("XB"), MemberId("XC")
TWO, THREE = ArticleId("2"), ArticleId("3")
CLAUSES = b"""[final_clauses]
accession = "all"
amendment = "all"
suspension = "all"
late_reservations = true
objection_period = "P30D"

[purposes]
"""
Act = Callable[..., Issued]


@dataclass(slots=True)
class Acts:
    """Two members under a treaty with final clauses; XB reserves Article 3."""

    pair: Pair
    treaty: TreatyId
    more: dict[MemberId, Member] = field(default_factory=dict)

    @property
    def a(self) -> Member:
        return self.pair.a

    @property
    def b(self) -> Member:
        return self.pair.b

    @property
    def members(self) -> dict[MemberId, Member]:
        return {XA: self.a, XB: self.b, **self.more}

    def wait(self, **length: float) -> None:
        self.pair.clock.instant += timedelta(**length)

    def act(self, member: Member, act: Act, *more: Any, **named: Any) -> Issued:
        """Act as a member a minute later than whatever was before."""
        self.wait(minutes=1)
        wired = member.wired
        return act(wired.node, member.actor, wired.gate, self.treaty, *more, **named)

    def view(self, member: Member) -> LawView:
        return member.read(member.wired.node.law.view)

    def stage(self, member: Member, of: MemberId) -> Stage:
        found = self.view(member).status(self.treaty, self.pair.clock.now())
        return found.members[of].stage

    def binds(self, member: Member, one: MemberId, other: MemberId) -> bool:
        return self.view(member).law(self.treaty, one, other, self.pair.clock.now()).pair.binds

    def report(self, member: Member) -> LawReport:
        now = self.pair.clock.now()
        return law_report(self.view(member), self.treaty, now, member=member.name)

    def pull(self, own: Member, other: Member) -> None:
        line = replace(self.pair.client(own), others=self.members)
        pull(own.wired.node, own.wired.gate, line, other.name)

    def exchange(self) -> None:
        """Let everybody who met somebody pull from them, and confirm."""
        for own in self.members.values():
            for name in self.view(own).credences:
                other = self.members.get(name, own)
                if other is not own and own.name in self.view(other).credences:
                    self.pull(own, self.members[name])

    def forge(self, member: Member, body: Statement, **changes: Any) -> Envelope:
        """Return an instrument signed by a member's authority, without its node's rules."""
        authority = member.wired.node.identity.authority
        assert authority is not None
        draft = InstrumentDraft(
            member=member.name,
            serial=changes.pop("serial", 50),
            issued=changes.pop("issued", self.pair.clock.now()),
            treaty=self.treaty,
            body=body,
        )
        envelope = sign_instrument(draft, authority)
        kind = changes.pop("kind", None)
        if kind is None:
            return envelope
        said = envelope.payload.replace(b'"kind":"signature"', b'"kind":"%s"' % kind)
        return sign_envelope(said, INSTRUMENT_TYPE, authority)

    def keep(self, at: Member, author: Member, envelope: Envelope) -> None:
        """Put an instrument into a node's store as if it had been received."""
        now = self.pair.clock.now()
        raw = wrap_document(
            FoedusKind.INSTRUMENT, envelope.document(), payload=envelope.payload, issued=now
        )
        with at.database.write() as tx:
            tx.law.put_instrument(parse_object(raw), member=author.name, treaty=self.treaty, at=now)


def conclude(pair: Pair, text: bytes) -> TreatyId:
    a, b = pair.a, pair.b
    treaty = adopt(a.wired.node, a.actor, a.wired.gate, text).id
    pair.pull(b)
    for member, reserved in ((a, []), (b, [THREE])):
        sign(member.wired.node, member.actor, member.wired.gate, treaty)
        ratify(member.wired.node, member.actor, member.wired.gate, treaty, reservations=reserved)
    pair.pull(a)
    pair.pull(b)
    return treaty


@pytest.fixture(name="acts")
def _acts(pair: Pair) -> Acts:
    text = pair.pact(pair.a, pair.b).replace(b"[purposes]\n", CLAUSES)
    return Acts(pair=pair, treaty=conclude(pair, text))


@pytest.fixture(name="third")
def _third(acts: Acts, tmp_path: Path) -> Iterator[Member]:
    """XC, which has met XA only."""
    data = Settings(
        data=tmp_path / "XC", member=XC, name="Member XC", address="https://xc.example",
        exercise=True,
    )  # fmt: skip
    wired = create_node(data, user="admin", clock=acts.pair.clock)
    member = type(acts.a)(wired=wired)
    acts.more[XC] = member
    acts.pair.introduce(acts.a, member)
    acts.pair.introduce(member, acts.a)
    yield member
    wired.close()


def says(act: Act, *more: Any, **named: Any) -> tuple[Act, tuple[Any, ...], dict[str, Any]]:
    return act, more, named


REFUSED = {
    "a reservation of nothing": (says(reserve, []), "name at least one article"),
    "a reservation of an article that admits none": (
        says(reserve, [ArticleId("1")]),
        r"Article 1 \(Neutrality\) admits no reservation \(VCLT Art. 19\)",
    ),
    "a reservation of no article": (says(reserve, [ArticleId("9")]), "no article 9"),
    "an objection to oneself": (says(object_to, XA), "our own member.*VCLT Art. 22"),
    "an objection to nobody": (says(object_to, MemberId("XZ")), "XZ is no member.*XA, XB"),
    "an objection to what is not reserved": (
        says(object_to, XB, articles=[TWO]),
        "would have no effect: XB has reserved none of these articles.*VCLT Art. 20, 21",
    ),
    "a withdrawal of nothing": (says(withdraw, "77"), "no instrument 77 about this treaty; ours:"),
    "a withdrawal of consent": (
        says(withdraw, "5"),
        "consent is not withdrawn but denounced.*VCLT Art. 22, 68.*`foedus treaty denounce`",
    ),
    "a withdrawal of an article of a signature": (
        says(withdraw, "4", articles=[TWO]),
        "names no articles; it is taken back as a whole",
    ),
    "a withdrawal of a signature after consent": (says(withdraw, "4"), "has consented since"),
    "a declaration of nothing": (says(declare), "a declaration says something"),
    "a declaration of an unknown offence": (
        says(declare, recognises=["heresy"]),
        "no offence category heresy; it has financing, recruitment",
    ),
    "a definition of an unknown offence": (
        says(declare, definitions={"heresy": "x"}),
        "no offence category heresy",
    ),
    "an empty definition": (says(declare, definitions={"financing": " "}), "financing is empty"),
    "an amendment to a text nobody knows": (
        says(accept_amendment, TreatyId("f" * 64)),
        "no treaty ffffffffffff",
    ),
    "a suspension with oneself": (says(suspend, XA), "does not suspend itself"),
    "a suspension with nobody": (says(suspend, MemberId("XZ")), "XZ is no member"),
    "an admission of oneself": (says(admit, XA), "does not admit itself"),
    "an admission of a member": (says(admit, XB), "XB is a member.*VCLT Art. 15"),
    "an admission of a stranger": (
        says(admit, MemberId("XZ")),
        "never introduced here.*`foedus peers add`",
    ),
    "an admission under another key than the letter's": (
        says(admit, XB, authority="AAAA " * 7 + "AAAA"),
        "not the one given",
    ),
    "an accession of an original member": (
        says(accede),
        "a member the annex lists ratifies.*VCLT Art. 15.*`foedus treaty ratify`",
    ),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_what_would_have_no_effect_is_not_issued(
    case: tuple[tuple[Act, tuple[Any, ...], dict[str, Any]], str], acts: Acts
) -> None:
    (act, more, named), message = case
    before = acts.view(acts.a).instruments.digest
    with pytest.raises(FoedusError, match=message) as caught:
        acts.act(acts.a, act, *more, **named)
    assert isinstance(caught.value, RefusedError | NotFoundError)
    assert acts.view(acts.a).instruments.digest == before


def test_each_act_is_that_of_a_legal_officer(acts: Acts) -> None:
    acts.a.actor = Actor(user="ana", roles=frozenset(set(Role) - {Role.LEGAL}))
    for act, more in (
        (reserve, [[TWO]]), (object_to, [XB]), (withdraw, ["3"]), (declare, []),
        (accept_amendment, [acts.treaty]), (suspend, [XB]), (denounce, []), (admit, [XC]),
        (accede, []),
    ):  # fmt: skip
        with pytest.raises(AccessDeniedError):
            acts.act(acts.a, act, *more)
    with pytest.raises(AccessDeniedError):
        revoke_keys(acts.a.wired.node, acts.a.actor, acts.a.wired.gate, ["x"])


def test_a_late_reservation_narrows_both_ways_and_its_withdrawal_widens_again(acts: Acts) -> None:
    issued = acts.act(acts.a, reserve, [TWO])
    assert [each.what for each in issued.effects] == [What.RESERVED]
    acts.exchange()
    now = acts.pair.clock.now()
    for member in acts.members.values():
        for pair in ((XA, XB), (XB, XA)):
            law = acts.view(member).law(acts.treaty, *pair, now).pair
            assert law.articles == {"1"}
    acts.act(acts.a, withdraw, str(issued.instrument.serial))
    acts.exchange()
    now = acts.pair.clock.now()
    assert acts.view(acts.b).law(acts.treaty, XA, XB, now).pair.articles == {"1", "2"}
    with pytest.raises(RefusedError, match="would have no effect"):
        acts.act(acts.a, withdraw, issued.instrument.id)


def test_without_late_reservations_one_is_refused_with_what_helps(pair: Pair) -> None:
    acts = Acts(pair=pair, treaty=pair.treaty)
    with pytest.raises(RefusedError, match=r"no reservation after consent.*ratify --reserve"):
        acts.act(acts.a, reserve, [TWO])


def test_an_opposing_objection_keeps_the_treaty_out_of_force_between_the_two(acts: Acts) -> None:
    issued = acts.act(acts.a, object_to, XB, opposing=True)
    assert issued.instrument.body == Objection(to=XB, articles=(THREE,), opposing=True)
    acts.exchange()
    assert not acts.binds(acts.a, XA, XB)
    assert not acts.binds(acts.b, XB, XA)
    acts.act(acts.a, withdraw, str(issued.instrument.serial), articles=[THREE])
    assert acts.binds(acts.a, XA, XB)


def test_an_objection_that_stands_is_not_made_again(acts: Acts) -> None:
    issued = acts.act(acts.a, object_to, XB)
    for articles in ([], [THREE]):
        with pytest.raises(RefusedError, match="the objection would change nothing: our instr"):
            acts.act(acts.a, object_to, XB, articles=articles)
    acts.act(acts.a, withdraw, str(issued.instrument.serial))
    acts.act(acts.a, object_to, XB)
    acts.act(acts.a, object_to, XB, opposing=True)


def test_an_offence_recognised_already_is_declared_with_something_new_only(acts: Acts) -> None:
    with pytest.raises(RefusedError, match="our law recognises financing already"):
        acts.act(acts.a, declare, recognises=["financing"])
    acts.act(acts.a, declare, recognises=["financing"], definitions={"financing": "To pay."})
    acts.act(acts.a, declare, recognises=["financing"], text="We always did.")
    with pytest.raises(RefusedError, match="would change nothing"):
        acts.act(acts.a, declare, definitions={"financing": "To pay."})


def test_an_objection_after_the_period_is_refused(acts: Acts) -> None:
    acts.wait(days=31)
    with pytest.raises(RefusedError, match="the period for objections is over"):
        acts.act(acts.a, object_to, XB)


def test_a_declaration_gives_a_definition_once(acts: Acts) -> None:
    acts.act(acts.a, declare, definitions={"financing": "To pay, §1."})
    with pytest.raises(RefusedError, match=r"no. 6 says the same and stands"):
        acts.act(acts.a, declare, definitions={"financing": "To pay, §1."})
    acts.act(acts.a, declare, definitions={"financing": "To pay, §2."})
    acts.act(acts.a, declare, definitions={"financing": "To pay, §1."})
    law = acts.view(acts.a).law(acts.treaty, XA, XB, acts.pair.clock.now()).pair
    assert law.definitions == {"financing": {XA: "To pay, §1."}}


def test_a_denunciation_runs_its_notice_and_may_be_taken_back(acts: Acts) -> None:
    issued = acts.act(acts.a, denounce)
    assert [each.what for each in issued.effects] == [What.DENOUNCED, What.LEFT]
    [line, _] = acts.report(acts.a).members
    assert line.until == issued.instrument.issued + timedelta(days=180)
    assert "denounced, in effect from 2027-05-23" in line.remarks
    with pytest.raises(RefusedError, match="a denunciation runs already"):
        acts.act(acts.a, denounce)
    acts.act(acts.a, withdraw, str(issued.instrument.serial))
    acts.act(acts.a, denounce)
    acts.exchange()
    acts.wait(days=179)
    assert acts.binds(acts.b, XA, XB)
    acts.wait(days=2)
    assert not acts.binds(acts.b, XA, XB)
    assert acts.stage(acts.b, XA) is Stage.DENOUNCED
    with pytest.raises(RefusedError, match=r"it comes back by accession.*`foedus treaty admit`"):
        sign(acts.a.wired.node, acts.a.actor, acts.a.wired.gate, acts.treaty)


def test_a_suspension_ends_when_it_says(acts: Acts) -> None:
    until = acts.pair.clock.now() + timedelta(days=10)
    with pytest.raises(RefusedError, match="is past"):
        acts.act(acts.a, suspend, XB, until=acts.pair.clock.now() - timedelta(days=1))
    issued = acts.act(acts.a, suspend, XB, until=until)
    assert What.SUSPENDED in {each.what for each in issued.effects}
    assert acts.stage(acts.a, XB) is Stage.SUSPENDED
    [_, line] = acts.report(acts.a).members
    assert line.until == until
    with pytest.raises(RefusedError, match="says the same and stands"):
        acts.act(acts.a, suspend, XB, until=until)
    acts.wait(days=10)
    assert acts.stage(acts.a, XB) is Stage.PARTY


def test_an_amendment_governs_who_accepted_it_once_it_is_in_force(acts: Acts) -> None:
    pair = acts.pair
    text = (
        pair.pact(pair.a, pair.b)
        .replace(b"[purposes]\n", CLAUSES)
        .replace(b"Pact of Two for", b"Second Pact of Two for")
    )
    old, new = acts.treaty, conclude(pair, text)
    acts.act(acts.a, accept_amendment, new)
    assert acts.binds(acts.a, XA, XB), "one of two has accepted"
    acts.exchange()
    acts.act(acts.b, accept_amendment, new)
    acts.exchange()
    now = acts.pair.clock.now()
    for member in acts.members.values():
        law = acts.view(member).law(old, XA, XB, now).pair
        assert not law.binds
        assert f"{new[:12]} governs them" in law.why_not
        assert acts.view(member).law(new, XA, XB, now).pair.binds
        assert treaty_state(acts.view(member), old, now) is TreatyState.SUPERSEDED
        assert treaty_state(acts.view(member), new, now) is TreatyState.IN_FORCE
    with pytest.raises(RefusedError, match="the acceptance of the amendment would change nothing"):
        acts.act(acts.a, accept_amendment, new)
    with pytest.raises(RefusedError, match="a text does not amend itself"):
        acts.act(acts.a, accept_amendment, old)


def test_an_admitted_state_accedes_and_all_hear_of_it(acts: Acts, third: Member) -> None:
    acts.exchange()
    with pytest.raises(RefusedError, match="XC is not among the treaty's original members"):
        acts.act(third, accede)
    acts.act(acts.a, admit, XC)
    with pytest.raises(RefusedError, match="the admission would change nothing"):
        acts.act(acts.a, admit, XC)
    assert [each.member for each in acts.view(acts.a).status(
        acts.treaty, acts.pair.clock.now()).candidates] == [XC]  # fmt: skip
    acts.exchange()
    authority = acts.view(acts.a).credences[XC].authority.fingerprint
    acts.act(acts.b, admit, XC, name="Member XC", authority=authority)
    acts.exchange()
    # XB and XC never met: XA carries the word of each to the other, once its author had the time.
    acts.wait(hours=GRACE.total_seconds() / 3600)
    acts.exchange()
    acts.exchange()
    # XC cannot verify XB before it has met it; then it takes what came before.
    acts.pair.introduce(third, acts.b)
    assert acts.stage(third, XC) is Stage.ADMITTED
    acts.act(third, accede, reservations=[THREE])
    with pytest.raises(RefusedError, match="XC has acceded to this treaty already; take back"):
        acts.act(third, accede)
    assert acts.report(third).status.members[XC].reserved == {THREE}
    acts.exchange()
    acts.wait(hours=2)
    acts.exchange()
    acts.exchange()
    assert acts.stage(acts.b, XC) is Stage.ADMITTED, "XB has not met XC and cannot verify it"
    acts.pair.introduce(acts.b, third)
    tables = {acts.report(member).status.document()["members"] is None for member in [acts.a]}
    assert tables == {False}
    documents = [acts.report(member).status.document() for member in acts.members.values()]
    assert documents[0] == documents[1] == documents[2]
    assert acts.binds(acts.b, XB, XC)
    assert len({acts.view(member).instruments.digest for member in acts.members.values()}) == 1


def test_nothing_is_passed_on_twice_nor_to_its_author(acts: Acts, third: Member) -> None:
    acts.pair.introduce(third, acts.b)
    acts.wait(days=1)
    acts.exchange()

    def rows(member: Member) -> dict[MemberId, int]:
        return {name: member.read(lambda tx, name=name: tx.feeds.lane(name, "instruments").count)  # type: ignore[misc]
                for name in acts.members}  # fmt: skip

    for _ in range(3):
        acts.exchange()
    before = rows(acts.a)
    for _ in range(3):
        acts.exchange()
    assert rows(acts.a) == before


def test_what_a_peer_lacks_is_found_by_as_many_queries_for_few_as_for_many(
    acts: Acts, third: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    from foedus.store.sqlite.session import SQLiteSession as Session  # noqa: PLC0415  # only what is counted

    asked: list[str] = []
    rows = Session.rows

    def noted(self: Session, sql: str, parameters: Any = ()) -> Any:
        asked.append(sql)
        return rows(self, sql, parameters)

    acts.view(acts.a)
    for number in range(50):
        acts.keep(acts.a, third, acts.forge(third, Signature(), serial=100 + number))
    wired, counts = acts.a.wired, []
    with monkeypatch.context() as patch:
        patch.setattr(Session, "rows", noted)
        for digest in ("1" * 64, "2" * 64):  # all of them are too young: nothing is sent
            asked.clear()
            assert pass_on(wired.node, wired.gate, XB, digest) == 0
            counts.append(len(asked))
    acts.wait(hours=2)
    acts.view(acts.a)
    with monkeypatch.context() as patch:
        patch.setattr(Session, "rows", noted)
        assert pass_on(wired.node, wired.gate, XB, "3" * 64) >= 50
        asked.clear()
        assert pass_on(wired.node, wired.gate, XB, "4" * 64) == 0
        counts.append(len(asked))
    assert max(counts) < 15


def test_a_clock_behind_our_own_word_signs_nothing(acts: Acts) -> None:
    acts.wait(days=-1)
    with pytest.raises(NotReadyError, match=r"clock says .* no. 5 bears .*set the clock right"):
        acts.act(acts.a, denounce)


def test_another_key_than_the_annex_names_signs_nothing(pair: Pair) -> None:
    text = pair.a.pact_of((XA, "A" * 4 + " AAAA" * 7), (XB, "B" * 4 + " BBBB" * 7))
    treaty = adopt(pair.a.wired.node, pair.a.actor, pair.a.wired.gate, text).id
    with pytest.raises(RefusedError, match=r"annex names another authority key.*VCLT Art. 7"):
        Acts(pair=pair, treaty=treaty).act(pair.a, denounce)


def test_an_unknown_kind_is_shown_and_stops_new_releases(acts: Acts) -> None:
    acts.keep(acts.a, acts.b, acts.forge(acts.b, Signature(), kind=b"proclamation"))
    report = acts.report(acts.a)
    assert "no new releases" in report.members[1].remarks
    assert "proclamation" in report.members[1].remarks
    assert any("not understood" in line.kind for line in report.instruments)
    law = acts.view(acts.a).law(acts.treaty, XA, XB, acts.pair.clock.now()).pair
    assert not law.binds
    assert "not understood" in law.why_not


def test_two_instruments_under_one_number_are_a_proof(acts: Acts) -> None:
    for body in (Signature(), Denunciation()):
        acts.keep(acts.a, acts.b, acts.forge(acts.b, body))
    [conflict] = acts.report(acts.a).conflicts
    proof = conflict_proof(conflict)
    assert (proof["member"], proof["serial"]) == (XB, 50)
    envelopes = proof["envelopes"]
    assert isinstance(envelopes, list)
    assert len(envelopes) == 2
    assert any("under the number" in each.text for each in examine_(acts.a))


def examine_(member: Member) -> list[Any]:
    return [each for each in examine(member.wired.node, member.wired.ledger) if each.level == FAULT]


def test_what_is_dated_far_ahead_is_held_and_told(acts: Acts) -> None:
    now = acts.pair.clock.now()
    for serial, minutes in ((60, 4), (61, 6)):
        envelope = acts.forge(
            acts.b, Reservation(articles=(TWO,)), serial=serial,
            issued=now + timedelta(minutes=minutes),
        )  # fmt: skip
        acts.keep(acts.a, acts.b, envelope)
    assert [each.serial for each in acts.view(acts.a).held(now)] == [61], "within five minutes"
    assert [each.subject for each in examine_(acts.a)] == ["law.held XB"]
    assert [each.serial for each in acts.report(acts.a).held] == [61]
    acts.wait(minutes=5)
    assert acts.view(acts.a).held(acts.pair.clock.now()) == ()
    law = acts.view(acts.a).law(acts.treaty, XA, XB, acts.pair.clock.now()).pair
    assert "2" not in law.articles


def test_keys_are_listed_and_revoked(acts: Acts) -> None:
    node, gate = acts.a.wired.node, acts.a.wired.gate
    lines = acts.a.read(lambda tx: list_keys(tx, node, XA))
    assert [(each.purpose, each.state) for each in lines] == [
        (KeyPurpose.AUTHORITY, "speaks"), (KeyPurpose.NODE, "speaks"), (KeyPurpose.LOG, "speaks"),
        (KeyPurpose.WITNESS, "speaks"),
    ]  # fmt: skip
    authority, own = lines[0].key.key_id, lines[1].key.key_id

    def revoke(*references: str, own_too: bool = False) -> Issued:
        acts.wait(minutes=1)
        return revoke_keys(node, acts.a.actor, gate, references, own=own_too)

    for references, message in (
        ((), "name at least one key"),
        (("nothing",), "0 keys of our member begin with 'nothing'"),
        (("",), "0 keys"),
        ((authority,), "the authority's key"),
        ((own,), "the one this node signs with.*--own"),
    ):
        with pytest.raises(FoedusError, match=message):
            revoke(*references)
    revoke(own, own_too=True)
    states = {each.purpose: each.state for each in acts.a.read(lambda tx: list_keys(tx, node, XA))}
    assert states[KeyPurpose.NODE] == "revoked"
    with pytest.raises(RefusedError, match="is revoked already"):
        revoke(own, own_too=True)
    with pytest.raises(NotFoundError, match="no member XZ"):
        acts.a.read(lambda tx: list_keys(tx, node, MemberId("XZ")))
    assert {each.member for each in acts.a.read(lambda tx: list_keys(tx, node))} == {XA, XB}


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(hours=st.lists(st.integers(-48, 24 * 400), min_size=1, max_size=25))
def test_a_kept_status_is_the_one_worked_out_anew(hours: list[int], lively: Acts) -> None:
    view = lively.view(lively.a)
    text = view.treaty(lively.treaty).treaty
    for hour in hours:
        at = lively.pair.clock.now() + timedelta(hours=hour)
        found, fresh = view.status(lively.treaty, at), status(text, view.instruments, at)
        assert found == fresh
        assert found.document() == fresh.document()


@pytest.fixture(name="lively")
def _lively(acts: Acts) -> Acts:
    """A treaty under which much is still to happen."""
    acts.act(acts.a, suspend, XB, until=acts.pair.clock.now() + timedelta(days=30))
    acts.act(acts.a, denounce)
    for days in (5, 40, 300):
        acts.keep(
            acts.a, acts.b,
            acts.forge(
                acts.b, Reservation(articles=(TWO,)), serial=50 + days,
                issued=acts.pair.clock.now() + timedelta(days=days),
            ),
        )  # fmt: skip
    return acts


def test_a_page_escapes_what_members_wrote(acts: Acts) -> None:
    evil = "<script>alert(1)</script>| # `x` &amp;"
    with pytest.raises(RefusedError, match="cannot stand in an instrument: text is one line"):
        acts.act(acts.a, declare, text=evil + "\u202e\n")
    acts.act(acts.a, declare, text=evil, definitions={"financing": '"><img src=x onerror=y>'})
    report = acts.report(acts.a)
    page = html_page(report)
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;|" in page
    assert "default-src 'none'" in page
    assert page.count("EXERCISE EXERCISE EXERCISE") == 2
    assert "XA / XB" in page
    marked = markdown_page(report)
    assert "<script" not in marked
    assert r"&lt;script&gt;alert\(1\)&lt;/script&gt;\| \# \`x\` &amp;amp;" in marked
    assert "**EXERCISE" in marked
    for line in marked.splitlines():
        if line.startswith("|"):
            assert line.endswith("|")
