"""Whose log an origin is, and with which keys it may be, or may have been, signed.

An origin belongs to the member that was introduced first among those that name it: nobody takes
over another's log by naming it as one's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from foedus.model.identifiers import MemberId
from foedus.node.context import Node
from foedus.node.lawbook import LawView
from foedus.node.mirror import origin_of
from foedus.node.ports import Transaction
from foedus.signing import KeyPurpose, NoteVerifier, PublicKey
from foedus.signing.errors import NoteError
from foedus.treaty.instrument import FullPowers

__all__ = ["LogOwner", "current_logs", "known_logs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogOwner:
    """A log by its member, with the keys that verify its heads."""

    member: MemberId
    verifiers: tuple[NoteVerifier, ...]


def current_logs(tx: Transaction, node: Node) -> Mapping[str, LogOwner]:
    """Return the logs of introduced members that may be witnessed now, by origin; not our own."""
    view = node.law.view(tx)
    now = node.clock.now()
    owners = _owners(tx, node, view)
    found: dict[str, LogOwner] = {}
    for member in view.credences:
        origin = origin_of(view, node, member)
        keys = view.keys(member, KeyPurpose.LOG, now)
        if member != node.identity.member and owners.get(origin) == member and keys:
            found[origin] = LogOwner(member=member, verifiers=_verifiers(origin, keys))
    return found


def known_logs(tx: Transaction, node: Node) -> Mapping[str, LogOwner]:
    """Return every log that a member has or had, our own included, by origin.

    A key that is no longer in force still says what it signed: a fork does not lapse. One that the
    member revoked says nothing, for somebody else may have it.
    """
    view = node.law.view(tx)
    found: dict[str, LogOwner] = {}
    for origin, member in _owners(tx, node, view).items():
        keys = tuple(dict.fromkeys(_keys_ever(view, member)))
        found[origin] = LogOwner(member=member, verifiers=_verifiers(origin, keys))
    return found


def _owners(tx: Transaction, node: Node, view: LawView) -> Mapping[str, MemberId]:
    """Return whose each origin is: ours first, then by the instant of introduction."""
    since = {row.member: (row.accepted_at, row.member) for row in tx.peers.all()}
    own = node.identity.member
    members = sorted(view.credences, key=lambda each: (each != own, since[each]))
    owners: dict[str, MemberId] = {node.identity.log_origin: own}
    for member in members:
        for origin in _origins(view, member):
            owners.setdefault(origin, member)
    return owners


def _origins(view: LawView, member: MemberId) -> Iterator[str]:
    yield view.credences[member].log_origin
    for each in view.instruments.of(member):
        if isinstance(each.body, FullPowers):
            yield each.body.log_origin


def _keys_ever(view: LawView, member: MemberId) -> Iterator[PublicKey]:
    revoked = view.revoked(member)
    granted = [
        grant.key
        for each in view.instruments.of(member)
        if isinstance(each.body, FullPowers)
        for grant in each.body.keys
        if grant.purpose is KeyPurpose.LOG
    ]
    yield from (key for key in (view.credences[member].log, *granted) if key not in revoked)


def _verifiers(origin: str, keys: tuple[PublicKey, ...]) -> tuple[NoteVerifier, ...]:
    try:
        return tuple(NoteVerifier(name=origin, key=key) for key in keys)
    except NoteError:
        return ()  # an origin that no signed note can bear
