"""What if the law, a date, a marking or the grounds were otherwise: who would see what then.

Both sides of the comparison are decided by the one function that decides everywhere: once as
things are, once as supposed. Supposed law is a value in memory (:mod:`foedus.node.supposed`). What
decides under it is a gate of its own that can draw no salts and so can release nothing, and the law
it is given bears no digest of a law, which :meth:`foedus.release.gate.Gate.release` refuses.
Nothing is written: the store is opened for reading only, and what comes out are plain rows.

Freshness stays as it is now, also for another instant: nobody knows who will be heard from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import NoReturn

from foedus.access import Actor
from foedus.clock import instant_text
from foedus.model.identifiers import MemberId, TreatyId
from foedus.model.terms import terms_id
from foedus.node.audience import Links, check_wish
from foedus.node.candidates import Loaded, Originators, candidates_for, known_as, load_items
from foedus.node.context import Node
from foedus.node.errors import RefusedError
from foedus.node.foresight import Grounds, Snapshot, foresee
from foedus.node.grounds import with_grounds
from foedus.node.lawbook import LawView
from foedus.node.preview import may_ask
from foedus.node.shifts import MemberShift, Outlook, Shift, ShiftKind, member_shifts, shifts
from foedus.node.supposed import Supposition, suppose
from foedus.node.wish import Wish
from foedus.release.check import accept_treaty
from foedus.release.compile import CompiledTreaty, compile_treaty
from foedus.release.decide import Law
from foedus.release.errors import GateError
from foedus.release.facts import AssertedFacts, ItemFacts
from foedus.release.gate import Candidate, Gate, Preview
from foedus.release.verdict import NO_LAW
from foedus.treaty.articles import Treaty
from foedus.treaty.in_force import law_under, superseded
from foedus.treaty.standing import TreatyStatus, status

__all__ = ["MemberShift", "Outlook", "Shift", "ShiftKind", "Supposition", "WhatIf", "what_if"]


@dataclass(frozen=True, kw_only=True)
class WhatIf:
    """The difference a supposition makes. It is no decision, and nothing was written.

    Attributes:
        treaty: Title of the treaty, or of the text supposed.
        at: The instant supposed.
        supposed: What is supposed, in words.
        notes: What could not be carried over, or follows without being asked for.
        rows: A row for each item and member, items first.
    """

    treaty: str
    at: datetime
    supposed: tuple[str, ...]
    notes: tuple[str, ...]
    rows: tuple[Shift, ...]

    @cached_property
    def members(self) -> tuple[MemberShift, ...]:
        """The difference for each member, in order."""
        return member_shifts(self.rows)


def what_if(
    node: Node,
    actor: Actor,
    gate: Gate,
    handles: Sequence[int],
    wish: Wish,
    supposition: Supposition,
) -> WhatIf:
    """Return how the audience would differ if something were otherwise; nothing is written.

    Args:
        node: The node.
        actor: Who asks.
        gate: The node's gate; it foresees what is decided now.
        handles: Held items.
        wish: Treaty, purpose, article, members.
        supposition: What is supposed.

    Raises:
        AccessDeniedError: The actor may not ask.
        RefusedError: An item is not held, a member is none of the treaty either way, or what is
            supposed cannot be.
        TreatyFaults: The text supposed is no treaty; every fault is told, its rules' included.
        CompileFaults: It is one, and its machine rules have faults.
        NotFoundError: The treaty is not known here.
    """
    may_ask(actor)
    own, now = node.identity.member, node.clock.now()
    with node.database.read() as tx:
        view = node.law.view(tx)
        scene = _Scene.of(node, view, wish, supposition, now)
        loaded = load_items(tx, own, handles)
        snapshot = Snapshot(tx=tx, node=node, view=view, gate=gate, loaded=loaded, now=now)
        originators = Originators(tx)
        members = scene.audience(own, frozenset(view.status(wish.treaty, now).members))
        before: dict[MemberId, Preview] = {}
        after: dict[MemberId, Preview] = {}
        for member in members:
            actual = snapshot.grounds(wish, member)
            other = scene.grounds(snapshot.links, loaded, member)
            given = known_as(tx, actual.candidates, member, originators=originators)
            before[member] = foresee(gate, wish, actual, given)
            after[member] = foresee(scene.gate, scene.wish, other, given)
    return WhatIf(
        treaty=scene.compiled.treaty.title,
        at=scene.at,
        supposed=_in_words(scene),
        notes=scene.notes,
        rows=shifts(loaded.rows, before, after),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scene:
    """Everything that is supposed, worked out.

    Attributes:
        wish: What is wished, under the treaty supposed.
        treaty: The treaty as it is.
        compiled: The text supposed, compiled.
        status: The status supposed.
        gate: Decides as supposed; releases nothing.
        now: The present instant.
        at: The instant supposed.
    """

    node: Node
    view: LawView
    supposition: Supposition
    wish: Wish
    treaty: TreatyId
    compiled: CompiledTreaty
    status: TreatyStatus
    notes: tuple[str, ...]
    gate: Gate
    now: datetime
    at: datetime

    @classmethod
    def of(
        cls, node: Node, view: LawView, wish: Wish, supposition: Supposition, now: datetime
    ) -> _Scene:
        old = view.treaty(wish.treaty)
        compiled = (
            old if supposition.text is None else compile_treaty(accept_treaty(supposition.text))
        )
        if compiled.treaty.exercise is not old.treaty.exercise:
            raise RefusedError("the text supposed and the treaty differ in being an exercise")
        at = now if supposition.on is None else supposition.on
        # The instruments are those held now; what bears a later instant counts from then on.
        actual = status(old.treaty, view.instruments, at)
        found = suppose(actual, old.treaty, compiled.treaty, supposition)
        return cls(
            node=node,
            view=view,
            supposition=supposition,
            wish=replace(wish, treaty=compiled.treaty.id),
            treaty=wish.treaty,
            compiled=compiled,
            status=found.status,
            notes=found.notes,
            gate=Gate(
                member=node.identity.member,
                secret=node.identity.secret,
                random=_no_salts,
                exercise=node.identity.exercise,
            ),
            now=now,
            at=at,
        )

    def audience(self, own: MemberId, members_now: frozenset[MemberId]) -> tuple[MemberId, ...]:
        """Return the members of the treaty as it is or as supposed, ourselves left out."""
        members = members_now | frozenset(self.status.members)
        check_wish(own, self.wish, self.compiled.treaty, members)
        return tuple(sorted(set(self.wish.recipients or members) - {own}))

    def grounds(self, links: Links, loaded: Loaded, recipient: MemberId) -> Grounds:
        """Return the grounds as supposed."""
        tx = links.tx
        law = self._law(recipient)
        # What we owe before a release is always that of now; who would witness is as supposed.
        link = links.to(self.compiled.treaty, self.status, recipient)
        if self.supposition.on is not None:
            link = replace(link, until=None)
        candidates = with_grounds(
            tx,
            self.node,
            self.view,
            self.gate,
            self._marked(candidates_for(tx, loaded, recipient)),
            self.wish,
            recipient,
            law,
            link,
            self.at,
        )
        # Approvals were counted under the digest this law has; from here on it is nobody's law.
        unreal = Law(compiled=self.compiled, pair=replace(law.pair, digest=NO_LAW))
        return Grounds(
            recipient=recipient,
            law=unreal,
            link=link,
            candidates=self._asserted(candidates),
            at=self.at,
        )

    def _law(self, recipient: MemberId) -> Law:
        own = self.node.identity.member
        law = law_under(self.compiled.treaty, self.status, own, recipient)
        successors = {
            text: law_under(
                self.view.treaty(text).treaty, self.view.status(text, self.at), own, recipient
            )
            for text in law.amended_by
            if text in self.view.treaties
        }
        return Law(compiled=self.compiled, pair=superseded(law, successors))

    def _marked(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Put the items under the text and the marking supposed; each class once."""
        known: dict[str, ItemFacts] = {}
        found = []
        for each in candidates:
            facts = known.get(each.facts.key)
            if facts is None:
                facts = known[each.facts.key] = self._facts(each.facts)
            found.append(each if facts is each.facts else replace(each, facts=facts))
        return found

    def _facts(self, facts: ItemFacts) -> ItemFacts:
        terms, tlp = facts.terms, self.supposition.tlp
        old, new = self.treaty, self.compiled.treaty.id
        if old != new and old in terms.treaties:
            terms = replace(terms, treaties=(terms.treaties - {old}) | {new})
        if tlp is not None:
            terms = replace(terms, tlp=tlp)
        if terms == facts.terms and tlp in {None, facts.tlp}:
            return facts
        return replace(
            facts,
            terms=terms,
            terms_id=terms_id(terms),
            tlp=facts.tlp if tlp is None else tlp,
            received_under=new if facts.received_under == old else facts.received_under,
        )

    def _asserted(self, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """Put in the consent and the approvals supposed."""
        consented, approved = self.supposition.consented, self.supposition.approved
        if not consented and approved is None:
            return candidates
        known: dict[AssertedFacts, AssertedFacts] = {}
        found = []
        for each in candidates:
            before = self.wish.asserted if each.asserted is None else each.asserted
            asserted = known.get(before)
            if asserted is None:
                asserted = known[before] = replace(
                    before,
                    consent=before.consent or consented,
                    consent_until=None if consented else before.consent_until,
                    approvals=before.approvals if approved is None else approved,
                )
            found.append(replace(each, asserted=asserted))
        return found


def _no_salts(_count: int) -> NoReturn:
    raise GateError("what is only supposed draws no salts: nothing can be released under it")


def _in_words(scene: _Scene) -> tuple[str, ...]:
    """Say what is supposed."""
    supposed = scene.supposition
    told: list[str] = []
    if supposed.text is not None:
        told.append(f"the text {scene.compiled.treaty.id[:12]} stands in place of the treaty's own")
    told += [f"{member} has ratified, without a reservation" for member in supposed.ratified]
    told += [f"{member} has left" for member in supposed.denounced]
    told += [
        f"{member} {how} article {_named(scene.compiled.treaty, article)}"
        for how, named in (
            ("reserves", supposed.with_reservation),
            ("does not reserve", supposed.without_reservation),
        )
        for member, article in named
    ]
    if supposed.on is not None:
        told.append(f"it is {instant_text(supposed.on)[:19]}Z")
    if supposed.tlp is not None:
        told.append(f"every item is marked {supposed.tlp.label}")
    if supposed.consented:
        told.append("the originators have consented")
    if supposed.approved is not None:
        persons = "person has" if supposed.approved == 1 else "persons have"
        told.append(f"{supposed.approved} {persons} approved each item")
    return tuple(told)


def _named(treaty: Treaty, article: str) -> str:
    return next(
        (f"{each.id} ({each.title})" for each in treaty.articles if each.id == article), article
    )
