"""The law a batch was decided under, found again by its digest: what did its sender not know?

A digest cannot be read, but it can be met: the law of the pair is computed without some of what is
known here. Rules, in the order the code applies them:

1. What is left out concerns the treaty, or a text that amended it, bears no later instant than the
   batch, and is not the sender's own: a member knows what it said itself.
2. Left out are the newest of the recipient's own; then the newest of all; then each one singly. The
   first set whose law has the digest stated is what the sender lacked. At most
   :data:`MAX_SETS` are tried: who lags further is simply not explained.
3. Where none has it, the sender knew law that is not known here, or speaks untruth. Which of the
   two it is only time shows.

Spec: design §6 (law the sender lacked is told apart from another verdict).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Final

from foedus.node.lawbook import LawView
from foedus.release.decide import Law
from foedus.release.record import BatchRecord, DisclosurePayload
from foedus.treaty.in_force import InstrumentSet
from foedus.treaty.instrument import Instrument

__all__ = ["MAX_SETS", "law_stated", "what_the_sender_lacked"]

MAX_SETS: Final = 48
"""Most sets of instruments tried for one batch; each costs one status of the treaty."""

_OF_EACH: Final = MAX_SETS // 3


def what_the_sender_lacked(
    view: LawView, stated: DisclosurePayload | BatchRecord
) -> tuple[Instrument, ...]:
    """Return the instruments known here without which the law has the digest stated.

    Args:
        view: The law as known here.
        stated: What states treaty, pair, instant and digest.

    Returns:
        Empty where the digests agree, or where no set tried explains it (rules 2 and 3).
    """
    if stated.treaty not in view.treaties:
        return ()
    if _law(view, (), stated).pair.digest == stated.law_digest:
        return ()
    for left_out in _sets(view, stated):
        if _law(view, left_out, stated).pair.digest == stated.law_digest:
            return left_out
    return ()


def law_stated(view: LawView, stated: DisclosurePayload | BatchRecord) -> Law | None:
    """Return the law with the digest stated, by all that is known here or by less of it.

    For an auditor: an instrument that arrived later, whatever instant it bears, does not change by
    what law a decision of the past is judged.
    """
    if stated.treaty not in view.treaties:
        return None
    law = _law(view, what_the_sender_lacked(view, stated), stated)
    return law if law.pair.digest == stated.law_digest else None


def _law(
    view: LawView, left_out: Sequence[Instrument], stated: DisclosurePayload | BatchRecord
) -> Law:
    if left_out:
        gone = {each.id for each in left_out}
        view = LawView(
            revision=view.revision,
            treaties=view.treaties,
            instruments=InstrumentSet(each for each in view.instruments if each.id not in gone),
            credences=view.credences,
            refused=view.refused,
        )
    return view.law(stated.treaty, stated.sender, stated.recipient, stated.instant)


def _sets(
    view: LawView, stated: DisclosurePayload | BatchRecord
) -> Iterator[tuple[Instrument, ...]]:
    """Yield what may be left out (rules 1 and 2), the likeliest first."""
    texts = {stated.treaty, *_law(view, (), stated).pair.amended_by}
    newest_first = sorted(
        (
            each
            for each in view.instruments
            if each.treaty in texts
            and each.member != stated.sender
            and each.issued <= stated.instant
        ),
        key=lambda each: (each.issued, each.member, each.serial, each.id),
        reverse=True,
    )
    own = [each for each in newest_first if each.member == stated.recipient]
    prefixes = chain(
        (tuple(own[:number]) for number in range(1, min(len(own), _OF_EACH) + 1)),
        (tuple(newest_first[:number]) for number in range(1, min(len(newest_first), _OF_EACH) + 1)),
        ((each,) for each in newest_first[:_OF_EACH]),
    )
    return islice(prefixes, MAX_SETS)
