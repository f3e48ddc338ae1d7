"""The policy by which others verify this node's log: its key, its witnesses, the treaty's quorum.

Witnesses are the members the treaty binds now, less the log's owner, each by the keys that its full
powers grant for witnessing; of several keys of one member any one counts, and counts once. A member
without such a key is named in a remark and counts among the witnesses all the same: the quorum is
the treaty's, not what happens to be at hand.

Spec: C2SP tlog-policy.
"""

from __future__ import annotations

from dataclasses import dataclass

from foedus.ledger import CosignatureVerifier, Policy
from foedus.ledger.policy import PolicyGroup, PolicyLog, PolicyWitness
from foedus.model.identifiers import MemberId, TreatyId
from foedus.node.context import Node
from foedus.node.errors import RefusedError
from foedus.node.identity import witness_name
from foedus.node.ports import Transaction
from foedus.node.unwitnessed import witnesses_of
from foedus.signing import KeyPurpose, NoteVerifier, PublicKey, enough

__all__ = ["LogPolicy", "known_witnesses", "policy_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPolicy:
    """A policy and what its reader should know.

    Attributes:
        policy: The policy.
        remarks: What it lacks, in sentences.
    """

    policy: Policy
    remarks: tuple[str, ...]


def policy_of(tx: Transaction, node: Node, treaty: TreatyId) -> LogPolicy:
    """Return the policy for this node's log under a treaty.

    Raises:
        NotFoundError: The treaty is not known here.
        RefusedError: So few witnesses have a key that no quorum of the treaty can be met.
    """
    view = node.law.view(tx)
    own = node.identity
    log = PolicyLog(verifier=NoteVerifier(name=own.log_origin, key=own.log.public))
    figures = view.treaty(treaty).treaty.witnessing
    if figures is None:
        remark = "the treaty asks for no witnesses: a receipt is the word of the log alone"
        return LogPolicy(policy=Policy(logs=(log,)), remarks=(remark,))
    now = node.clock.now()
    members = witnesses_of(view.status(treaty, now), own.member)
    keys = {each: view.keys(each, KeyPurpose.WITNESS, now) for each in members}
    known = {each: found for each, found in keys.items() if found}
    without = sorted(keys.keys() - known.keys())
    needed = enough(len(members), figures.liars)
    if needed > len(known):
        raise RefusedError(
            f"{needed} of {len(members)} witnesses must cosign, and only {len(known)} have a key "
            f"for it; without one: {', '.join(without) or 'nobody'} (`foedus keys renew` there)"
        )
    remarks = tuple(f"{each} has no key to witness with" for each in without)
    if len(members) == 1:
        remarks += ("the other party is the sole witness, which proves less than several do",)
    witnesses, groups, names = _witnesses(known)
    quorum = PolicyGroup(name=b"quorum", threshold=needed, members=names)
    return LogPolicy(
        policy=Policy(
            logs=(log,), witnesses=witnesses, groups=(*groups, quorum), quorum=quorum.name
        ),
        remarks=remarks,
    )


def known_witnesses(tx: Transaction, node: Node) -> Policy:
    """Return a policy that asks for nobody, and knows the witness keys of all members introduced.

    Under it a bad cosignature of a known member is found, and none need be there.
    """
    view, now, own = node.law.view(tx), node.clock.now(), node.identity
    members = (row.member for row in tx.peers.all() if row.member != own.member)
    keys = {each: view.keys(each, KeyPurpose.WITNESS, now) for each in members}
    witnesses, _, _ = _witnesses({each: found for each, found in keys.items() if found})
    log = PolicyLog(verifier=NoteVerifier(name=own.log_origin, key=own.log.public))
    return Policy(logs=(log,), witnesses=witnesses)


def _witnesses(
    known: dict[MemberId, tuple[PublicKey, ...]],
) -> tuple[tuple[PolicyWitness, ...], tuple[PolicyGroup, ...], tuple[bytes, ...]]:
    """Return the witnesses, a group for each member with several keys, and one name a member."""
    witnesses: list[PolicyWitness] = []
    groups: list[PolicyGroup] = []
    names: list[bytes] = []
    for member, keys in sorted(known.items()):
        own = [
            member.encode() if len(keys) == 1 else f"{member}-{number}".encode()
            for number in range(1, len(keys) + 1)
        ]
        witnesses += [
            PolicyWitness(name=name, verifier=CosignatureVerifier(witness_name(member), key))
            for name, key in zip(own, keys, strict=True)
        ]
        if len(keys) > 1:
            groups.append(PolicyGroup(name=member.encode(), threshold=1, members=tuple(own)))
        names.append(member.encode())
    return tuple(witnesses), tuple(groups), tuple(names)
