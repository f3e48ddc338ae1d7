"""Four eyes: whoever had a hand in something does not decide on it.

=============  ======================================================================
part           whose
=============  ======================================================================
``submitted``  who submitted the file or report the item was read from
``drafted``    who had it drafted here: a sighting, feedback, a request
``vouched``    who gave it its terms
``reviewed``   who found it neutral
=============  ======================================================================

Submitting and reviewing are read from the item itself, the other two from what was noted when they
were done. Items of other members count as nobody's here: names of users are a member's own.

The same holds for what is no item: a request, a challenge, a breach (:func:`require_other`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from foedus.access import Actor
from foedus.model.terms import parse_terms
from foedus.node.errors import FourEyesError, RefusedError
from foedus.node.ports import ItemRow, Transaction

__all__ = ["DRAFTED", "SUBMITTED", "VOUCHED", "hands_in", "require_no_hand", "require_other"]

SUBMITTED: Final = "submitted"
DRAFTED: Final = "drafted"
VOUCHED: Final = "vouched"
_REVIEWED: Final = "reviewed"
_SAID: Final[Mapping[str, str]] = {
    SUBMITTED: "submitted",
    DRAFTED: "drafted",
    VOUCHED: "vouched for",
    _REVIEWED: "reviewed the neutrality of",
}
_ORDER: Final = (SUBMITTED, _REVIEWED, VOUCHED, DRAFTED)
Hands = Mapping[int, Mapping[str, frozenset[str]]]
"""Handle → user → the parts it had."""


def require_other(
    tx: Transaction, actor: Actor, made_by: Collection[str], *, what: str = "this"
) -> None:
    """Check that the actor is none of those who made something, and acts at all, or raise.

    Args:
        tx: The transaction of the decision.
        actor: Who decides.
        made_by: Users who made what is decided on.
        what: What that is, for the message.

    Raises:
        FourEyesError: The actor is one of them.
        RefusedError: The actor is disabled meanwhile.
    """
    if actor.user in made_by:
        raise FourEyesError(f"{actor.user} had a hand in {what}; somebody else decides on it")
    row = tx.people.user(actor.user)
    if row is not None and row.disabled is not None:
        raise RefusedError(f"the user {actor.user} is disabled")


def hands_in(tx: Transaction, rows: Sequence[ItemRow]) -> Hands:
    """Return who of this node had which hand in items; a few queries, however many there are."""
    found: dict[int, dict[str, set[str]]] = {}

    def note(item: int, user: str, part: str) -> None:
        found.setdefault(item, {}).setdefault(user, set()).add(part)

    handles = list(dict.fromkeys(row.handle for row in rows))
    for each in (*tx.accounts.submitters(handles), *tx.accounts.hands(handles)):
        note(each.item, each.user, each.part)
    for item, user in _reviewers(tx, rows).items():
        note(item, user, _REVIEWED)
    return {
        item: {user: frozenset(parts) for user, parts in users.items()}
        for item, users in found.items()
    }


def require_no_hand(actor: Actor, hands: Hands, row: ItemRow, what_for: str) -> None:
    """Check that the actor had no hand in an item, or raise.

    Args:
        actor: Who decides.
        hands: Of :func:`hands_in`.
        row: The item.
        what_for: What somebody else does, for the message: ``approves its release``.

    Raises:
        FourEyesError: The actor had one.
    """
    parts = hands.get(row.handle, {}).get(actor.user, frozenset())
    for part in _ORDER:
        if part in parts:
            raise FourEyesError(
                f"{actor.user} {_SAID[part]} {row.number or row.key.object_id}; somebody else "
                f"{what_for}"
            )
    if parts:
        named = row.number or row.key.object_id
        raise FourEyesError(f"{actor.user} had a hand in {named}; somebody else {what_for}")


def _reviewers(tx: Transaction, rows: Sequence[ItemRow]) -> dict[int, str]:
    """Return who found each item of ours neutral.

    Of another's it is no user here: another member's officer may bear the name of one of ours.
    """
    named = {row.handle: row.terms_id for row in rows if row.received_from is None}
    stored = tx.items.terms(sorted({each for each in named.values() if each is not None}))
    found: dict[int, str] = {}
    for handle, identifier in named.items():
        raw = None if identifier is None else stored.get(identifier)
        review = None if raw is None else parse_terms(raw).neutrality
        if review is not None:
            found[handle] = review.by
    return found
