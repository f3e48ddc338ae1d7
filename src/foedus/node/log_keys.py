"""Whose log an origin is, and with which keys it may be, or may have been, signed.

Nobody takes over another's log by naming it as one's own. An origin belongs, in this order:

1. To this node, where it names or named it.
2. To the member whose letter of credence names it, for people compared that one; of several, to
   the one introduced first.
3. To a member whose full powers name it, unless it lies beneath the origin of another's letter:
   ``foedus/xa/log/2`` is XA's alone, whoever names it, for so the logs that follow a closed one are
   called. Of several, to the one introduced first. Of one member the first
   :data:`MAX_NAMED_ORIGINS` count.

What anybody else says of an origin is passed over: such a log is not copied, cosigned or believed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final
from weakref import WeakKeyDictionary

from foedus.model.identifiers import MemberId
from foedus.node.context import Node
from foedus.node.lawbook import LawBook, LawView
from foedus.node.ports import Transaction
from foedus.signing import KeyPurpose, NoteVerifier, PublicKey
from foedus.signing.errors import NoteError
from foedus.treaty.instrument import FullPowers

__all__ = [
    "MAX_NAMED_ORIGINS",
    "LogOwner",
    "current_log",
    "current_logs",
    "known_log",
    "known_logs",
    "log_verifiers",
    "named_origin",
    "origin_of",
    "owner_of",
]

MAX_NAMED_ORIGINS: Final = 16
"""Most origins that count of those a member's full powers name, beside its letter's.

Each may have a copy and a head here, which a member must not multiply at will.
"""

_owners_of: Final[WeakKeyDictionary[LawBook, tuple[LawView, Mapping[str, MemberId]]]] = (
    WeakKeyDictionary()
)
"""Whose each origin is under the law last looked at; strangers may ask, so asking is cheap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOwner:
    """A log by its member, with the keys that verify its heads."""

    member: MemberId
    verifiers: tuple[NoteVerifier, ...]


def owner_of(tx: Transaction, node: Node, origin: str) -> MemberId | None:
    """Return whose an origin is; None when no member known here has it."""
    return _owners(tx, node).get(origin)


def named_origin(tx: Transaction, node: Node, member: MemberId) -> str:
    """Return what a member calls its log now: its full powers, else its credence. Only its word.

    Raises:
        KeyError: The member is not known.
    """
    view = node.law.view(tx)
    powers = view.powers(member, node.clock.now())
    return view.credences[member].log_origin if powers is None else powers.log_origin


def origin_of(tx: Transaction, node: Node, member: MemberId) -> str | None:
    """Return the origin of a member's log now; None if it is not known or names another's."""
    if member not in node.law.view(tx).credences:
        return None
    origin = named_origin(tx, node, member)
    return origin if owner_of(tx, node, origin) == member else None


def log_verifiers(tx: Transaction, node: Node, member: MemberId) -> tuple[NoteVerifier, ...]:
    """Return what verifies a member's log heads now; none when it has no log of its own."""
    origin = origin_of(tx, node, member)
    return () if origin is None else _verifiers_now(tx, node, member, origin)


def current_log(tx: Transaction, node: Node, origin: str) -> LogOwner | None:
    """Return a log that may be witnessed now: an introduced member's present one, not our own."""
    member = owner_of(tx, node, origin)
    if member is None or member == node.identity.member:
        return None
    if origin_of(tx, node, member) != origin:
        return None
    verifiers = _verifiers_now(tx, node, member, origin)
    return LogOwner(member=member, verifiers=verifiers) if verifiers else None


def current_logs(tx: Transaction, node: Node) -> Mapping[str, LogOwner]:
    """Return every log that may be witnessed now, by origin; to look one up :func:`current_log`."""
    found = ((origin, current_log(tx, node, origin)) for origin in _owners(tx, node))
    return {origin: log for origin, log in found if log is not None}


def known_log(tx: Transaction, node: Node, origin: str) -> LogOwner | None:
    """Return a log that a member has or had, our own included.

    A key that is no longer in force still says what it signed: a fork does not lapse. One that the
    member revoked says nothing, for somebody else may have it.
    """
    member = owner_of(tx, node, origin)
    if member is None:
        return None
    keys = tuple(dict.fromkeys(_keys_ever(node.law.view(tx), member)))
    return LogOwner(member=member, verifiers=_verifiers(origin, keys))


def known_logs(tx: Transaction, node: Node) -> Mapping[str, LogOwner]:
    """Return every log that a member has or had, by origin; to look one up :func:`known_log`."""
    found = ((origin, known_log(tx, node, origin)) for origin in _owners(tx, node))
    return {origin: log for origin, log in found if log is not None}


def _owners(tx: Transaction, node: Node) -> Mapping[str, MemberId]:
    """Return whose each origin is; worked out once for each state of the law."""
    view = node.law.view(tx)
    last = _owners_of.get(node.law)
    if last is None or last[0] is not view:
        last = (view, _settled(tx, node, view))
        _owners_of[node.law] = last
    return last[1]


def _settled(tx: Transaction, node: Node, view: LawView) -> Mapping[str, MemberId]:
    since = {row.member: (row.accepted_at, row.member) for row in tx.peers.all()}
    own = node.identity.member
    others = sorted(view.credences.keys() - {own}, key=lambda each: since[each])
    owners: dict[str, MemberId] = {node.identity.log_origin: own}
    if own in view.credences:
        owners[view.credences[own].log_origin] = own
    for member in others:
        owners.setdefault(view.credences[member].log_origin, member)
    by_letter = dict(owners)
    # Our own names come before those of others, whatever these put in their full powers.
    for member in (own, *others):
        for origin in islice(_named(view, member), MAX_NAMED_ORIGINS):
            if _above(by_letter, origin) in {None, member}:
                owners.setdefault(origin, member)
    return owners


def _above(by_letter: Mapping[str, MemberId], origin: str) -> MemberId | None:
    """Return whose letter names the nearest origin that a name lies beneath, if anybody's does."""
    while "/" in origin:
        origin = origin.rpartition("/")[0]
        if origin in by_letter:
            return by_letter[origin]
    return None


def _named(view: LawView, member: MemberId) -> Iterator[str]:
    """Yield each origin that a member's full powers name beside its letter's, by serial."""
    named = (
        each.body.log_origin
        for each in view.instruments.of(member)
        if isinstance(each.body, FullPowers)
    )
    letter = view.credences[member].log_origin if member in view.credences else ""
    yield from (origin for origin in dict.fromkeys(named) if origin != letter)


def _keys_ever(view: LawView, member: MemberId) -> Iterator[PublicKey]:
    revoked = view.revoked(member)
    granted = [
        grant.key
        for each in view.instruments.of(member)
        if isinstance(each.body, FullPowers)
        for grant in each.body.keys
        if grant.purpose is KeyPurpose.LOG
    ]
    letter = view.credences.get(member)
    first = () if letter is None else (letter.log,)
    yield from (key for key in (*first, *granted) if key not in revoked)


def _verifiers_now(
    tx: Transaction, node: Node, member: MemberId, origin: str
) -> tuple[NoteVerifier, ...]:
    return _verifiers(origin, node.law.view(tx).keys(member, KeyPurpose.LOG, node.clock.now()))


def _verifiers(origin: str, keys: tuple[PublicKey, ...]) -> tuple[NoteVerifier, ...]:
    try:
        return tuple(NoteVerifier(name=origin, key=key) for key in keys)
    except NoteError:
        return ()  # an origin that no signed note can bear
